//! A few threads of their own for what reads the index on behalf of people outside (the public read side, the witnesses):
//! neither they nor what waits for them take anything from receipts and deliveries. What would wait too long is shed.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The threads. Clones are the same ones; they end when the last clone is gone.
#[derive(Debug, Clone)]
pub(super) struct Threads(SyncSender<Job>);

/// Nothing was done: too many wait, or the threads have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many reads wait")]
pub struct Busy;

impl Threads {
    /// So many threads of this name, for which at most `waiting_max` jobs wait.
    pub(super) fn start(name: &str, count: usize, waiting_max: usize) -> std::io::Result<Self> {
        let (sender, jobs) = sync_channel::<Job>(waiting_max);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..count {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || work(&jobs))?;
        }
        Ok(Self(sender))
    }

    /// Runs it when it is its turn.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (sender, done) = oneshot::channel();
        let job = move || {
            // Whoever asked may be gone: then it is not worth the reading.
            if !sender.is_closed() {
                let _ = sender.send(job());
            }
        };
        match self.0.try_send(Box::new(job)) {
            Ok(()) => done.await.map_err(|_| Busy),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting, not while working.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => {
                let run = std::panic::AssertUnwindSafe(job);
                if std::panic::catch_unwind(run).is_err() {
                    tracing::error!("a read for somebody outside panicked");
                }
            }
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// One at work, one waiting, the next is shed; when the first is done, there is room again.
    #[tokio::test]
    async fn what_would_wait_too_long_is_shed() {
        let threads = Threads::start("test", 1, 1).unwrap();
        let (begun, has_begun) = oneshot::channel();
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let held = threads.clone();
        let first = tokio::spawn(async move {
            let job = move || {
                begun.send(()).unwrap();
                gate.recv().unwrap();
                1
            };
            held.run(job).await
        });
        has_begun.await.unwrap();
        let mut second = Box::pin(threads.run(|| 2));
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        assert_eq!(threads.run(|| 3).await, Err(Busy));
        go.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(second.await, Ok(2));
        assert_eq!(threads.run(|| 4).await, Ok(4));
    }
}
