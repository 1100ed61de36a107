//! Since when something has waited for a peer to take it, and how long it may. Whoever puts, whoever takes and whoever
//! watches may be three tasks; slow is told from gone.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::CallMeters;

/// What happens to a peer that does not read.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    /// Cuts its connection.
    pub(super) cut: CancellationToken,
    /// How long nothing may be taken.
    pub(super) stall_max: Duration,
    /// Where it is counted.
    pub(super) meters: CallMeters,
}

impl Patience {
    /// It is over: whoever does not read cannot be told anything else.
    pub(super) fn cut(&self) {
        if !self.cut.is_cancelled() {
            warn!("a peer does not read: its connection is cut");
            self.meters.cut();
            self.cut.cancel();
        }
    }
}

/// What waits. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Waiting(watch::Sender<State>);

/// How much was put and taken so far, and since when the oldest of what waits has been the oldest.
#[derive(Debug, Clone, Copy)]
struct State {
    put: u64,
    taken: u64,
    since: Instant,
}

impl Waiting {
    /// Nothing waits.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State {
            put: 0,
            taken: 0,
            since: Instant::now(),
        }))
    }

    /// One more waits.
    pub(super) fn put(&self) {
        self.0.send_modify(|state| {
            if state.put == state.taken {
                state.since = Instant::now();
            }
            state.put = state.put.saturating_add(1);
        });
    }

    /// One was taken.
    pub(super) fn take(&self) {
        self.0.send_modify(|state| {
            state.since = Instant::now();
            state.taken = state.taken.saturating_add(1);
        });
    }

    /// Returns when nothing waits.
    pub(super) async fn all_taken(&self) {
        // The sender is ours.
        let _ = self
            .0
            .subscribe()
            .wait_for(|state| state.put == state.taken)
            .await;
    }

    /// Who looks on.
    pub(super) fn watched(&self) -> Watched {
        Watched(self.0.subscribe())
    }
}

/// Looks on, and keeps nothing alive.
#[derive(Debug)]
pub(super) struct Watched(watch::Receiver<State>);

impl Watched {
    /// True: something has waited for `stall_max` while nothing was taken. False: nobody is left to put or take. Nothing
    /// is lost if it is begun anew.
    pub(super) async fn stalled(&mut self, stall_max: Duration) -> bool {
        loop {
            let seen = *self.0.borrow_and_update();
            if seen.put == seen.taken {
                if self.0.changed().await.is_err() {
                    return false;
                }
                continue;
            }
            let progress = self.0.wait_for(|now| now.taken != seen.taken);
            match tokio::time::timeout_at(seen.since + stall_max, progress).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return false,
                Err(_) => return true,
            }
        }
    }
}
