//! The tasks that ask: one makes the candidates, one for each witness asks it about them, one says when the quorum is missing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Witnesses;
use super::ask::{Asking, Candidate};
use super::exchange::Refusal;
use super::policy::Asked;
use crate::relay::durable::Durable;

/// What the witnesses are asked about now.
#[derive(Debug, Clone)]
struct Candidates {
    /// Every witness is asked about this one first, if it has not cosigned as much: so that slow ones meet.
    anchor: Arc<Candidate>,
    newest: Arc<Candidate>,
}

impl Witnesses {
    /// Begins to ask. The tasks end when the set is dropped, or with the relay.
    pub(in crate::relay) fn attend(
        self: &Arc<Self>,
        durable: &watch::Receiver<Arc<Durable>>,
    ) -> Result<JoinSet<()>, String> {
        let first = Arc::new(self.candidate(&durable.borrow().checkpoint)?);
        let (sender, candidates) = watch::channel(Candidates {
            anchor: Arc::clone(&first),
            newest: first,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(self).propose(durable.clone(), sender));
        for asked in self.policy.witnesses() {
            let attended = Arc::clone(self).attend_one(asked.clone(), candidates.clone(), durable.clone());
            tasks.spawn(attended);
        }
        tasks.spawn(Arc::clone(self).watch_over());
        Ok(tasks)
    }

    /// Makes a candidate of the newest checkpoint, once in a while.
    async fn propose(
        self: Arc<Self>,
        mut durable: watch::Receiver<Arc<Durable>>,
        candidates: watch::Sender<Candidates>,
    ) {
        let anchor_every = Duration::from_millis(self.times.anchor_ms);
        let mut anchored = Instant::now();
        while durable.changed().await.is_ok() {
            let note = Arc::clone(&durable.borrow_and_update().checkpoint);
            match self.candidate(&note) {
                Ok(candidate) => {
                    let candidate = Arc::new(candidate);
                    let is_anchor = anchored.elapsed() >= anchor_every;
                    if is_anchor {
                        anchored = Instant::now();
                    }
                    candidates.send_modify(|now| {
                        if is_anchor {
                            now.anchor = Arc::clone(&candidate);
                        }
                        now.newest = candidate;
                    });
                }
                Err(error) => tracing::error!(%error, "the log's own checkpoint does not verify"),
            }
            tokio::time::sleep(Duration::from_millis(self.times.ask_every_ms)).await;
        }
    }

    /// Asks one witness about the candidates, one after the other, for ever.
    async fn attend_one(
        self: Arc<Self>,
        asked: Asked,
        mut candidates: watch::Receiver<Candidates>,
        durable: watch::Receiver<Arc<Durable>>,
    ) {
        let mut known = self.known(&asked);
        // The largest candidate that it was asked about and answered.
        let mut done = 0;
        let pause = Duration::from_millis(self.times.ask_every_ms);
        let mut backoff = pause;
        loop {
            let candidate = {
                let now = candidates.borrow_and_update();
                match now.anchor.size > done {
                    true => Arc::clone(&now.anchor),
                    false => Arc::clone(&now.newest),
                }
            };
            let newest = || durable.borrow().size();
            match self.ask(&asked, &candidate, &mut known, newest).await {
                Ok(Asking::Cosigned) => (done, backoff) = (candidate.size, pause),
                // About that size it is asked again as soon as that is a candidate: its answer may have been lost.
                Ok(Asking::Ahead(size)) => (done, backoff) = (done.max(size.saturating_sub(1)), pause),
                Err(refusal) => {
                    self.look_closer(&asked, &refusal, &durable).await;
                    self.refused_by(&asked, refusal);
                    // What it says of its size is asked anew: it may have been repaired, or replaced.
                    known = None;
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(Duration::from_millis(self.times.backoff_ms_max));
                    continue;
                }
            }
            tokio::time::sleep(pause).await;
            let idle = tokio::time::sleep(Duration::from_millis(self.times.idle_ms));
            tokio::select! {
                () = idle => {}
                news = candidates.wait_for(|now| now.newest.size > done) => if news.is_err() { return },
            }
        }
    }

    /// A witness that contradicts may show the proof: a checkpoint under this log's own key that is not on this log.
    async fn look_closer(&self, asked: &Asked, refusal: &Refusal, durable: &watch::Receiver<Arc<Durable>>) {
        if refusal.alarm().is_none() {
            return;
        }
        let Some(shown) = self.shown(asked).await else {
            return;
        };
        let head = durable.borrow().head;
        if let Ok(true) = self.contradictions.contradicts(&shown, head).await {
            self.contradictions.keep(&asked.named(), &shown).await;
        }
    }

    /// Says once a minute that the quorum is missing, and once that it is there again.
    async fn watch_over(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(Duration::from_millis(self.times.alarm_every_ms));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut alarmed = false;
        loop {
            ticks.tick().await;
            match self.missing() {
                Some(missing) => {
                    alarmed = true;
                    tracing::error!(
                        missing = missing.join(", "),
                        "the witnesses' quorum is missing: new checkpoints are not vouched for, and a person must look"
                    );
                }
                None if alarmed => {
                    alarmed = false;
                    tracing::info!("the witnesses' quorum is there again");
                }
                None => {}
            }
        }
    }
}
