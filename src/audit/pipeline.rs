//! An audit on all cores: a source gives batches of indexes in order, threads make them ready, and whoever takes them gets them
//! in order again. What is under way is bounded, so that a fast source waits for a slow verifier.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{mpsc as ordered, oneshot};

use super::copy::{self, CopyError};
use super::ready::{KnownKeys, Ready, make_ready};
use crate::client::ClientError;
use crate::domain::ReplayedRecord;
use crate::limits;

/// Indexes that were shown one after another.
#[derive(Debug)]
pub(super) enum Batch {
    /// As a client gives them.
    Shown(Vec<ReplayedRecord>),
    /// As they stand in a copy, with the place of the first.
    Copied(u64, Vec<Bytes>),
}

/// Why there are no more.
#[derive(Debug)]
pub(super) enum Broken {
    Client(ClientError),
    Copy(CopyError),
    /// A thread of ours ended.
    Lost,
}

/// What became of a batch.
#[derive(Debug)]
struct Made {
    ready: Vec<Ready>,
    /// What came after that, if it was no record.
    broken: Option<CopyError>,
    /// Where it goes when it was taken: to the thread that made it, because memory is freed most cheaply where it was
    /// allocated (measured).
    back: mpsc::Sender<Vec<Ready>>,
}

/// A batch that is ready. Dropped, it goes back to its thread.
#[derive(Debug)]
pub(super) struct ReadyBatch {
    ready: Vec<Ready>,
    back: Option<mpsc::Sender<Vec<Ready>>>,
}

impl std::ops::Deref for ReadyBatch {
    type Target = [Ready];
    fn deref(&self) -> &[Ready] {
        &self.ready
    }
}

impl Drop for ReadyBatch {
    fn drop(&mut self) {
        if let Some(back) = &self.back {
            // A thread that has ended needs it no more, and then it is dropped here.
            let _ = back.send(std::mem::take(&mut self.ready));
        }
    }
}

#[derive(Debug)]
enum Due {
    Batch(oneshot::Receiver<Made>),
    /// The same, come.
    Made(Option<Made>),
    Broken(Broken),
}

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Made>,
}

/// Where a source puts its batches. Dropped: there are no more.
#[derive(Debug)]
pub(super) struct Feed {
    jobs: mpsc::Sender<Job>,
    due: ordered::Sender<Due>,
}

/// Where they come out, ready and in order.
#[derive(Debug)]
pub(super) struct Line {
    due: ordered::Receiver<Due>,
    /// Taken out together: whoever takes them is woken once for all of them, and not by each (measured: a hundredth).
    together: VecDeque<Due>,
}

/// How many threads an audit works with, unless it is told.
pub(super) fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Begins the threads. Indexes below `leaves_below` were verified by an earlier run: only their leaf hashes are made.
pub(super) fn begin(threads: usize, keys: Arc<KnownKeys>, leaves_below: u64, telling: bool) -> (Feed, Line) {
    let threads = threads.clamp(1, limits::AUDIT_THREADS_MAX);
    let (jobs, waiting) = mpsc::channel::<Job>();
    let waiting = Arc::new(Mutex::new(waiting));
    for number in 0..threads {
        let (waiting, keys) = (Arc::clone(&waiting), Arc::clone(&keys));
        let work = move || {
            let (back, taken) = mpsc::channel();
            while let Some(job) = next(&waiting) {
                taken.try_iter().for_each(drop);
                let (ready, broken) = make(job.batch, &keys, leaves_below, telling);
                let back = back.clone();
                // Nobody waits for it any more: the audit has ended.
                let _ = job.answer.send(Made { ready, broken, back });
            }
        };
        // Fewer threads are slower and nothing else; without one, the line is lost and says so.
        let _ = std::thread::Builder::new()
            .name(format!("audit-{number}"))
            .spawn(work);
    }
    let under_way = limits::AUDIT_BATCHES_PER_THREAD
        .saturating_mul(threads)
        .max(limits::AUDIT_BATCHES_MIN);
    let (due, line) = ordered::channel(under_way);
    let together = VecDeque::new();
    (Feed { jobs, due }, Line { due: line, together })
}

fn next(waiting: &Mutex<mpsc::Receiver<Job>>) -> Option<Job> {
    let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.recv().ok()
}

fn make(batch: Batch, keys: &KnownKeys, leaves_below: u64, telling: bool) -> (Vec<Ready>, Option<CopyError>) {
    let (shown, broken) = match batch {
        Batch::Shown(shown) => (shown, None),
        Batch::Copied(first, chunks) => {
            let mut shown = Vec::with_capacity(chunks.len());
            let mut broken = None;
            for (index, chunk) in (first..).zip(chunks) {
                match copy::parsed(index, chunk) {
                    Ok(record) => shown.push(record),
                    Err(error) => {
                        broken = Some(error);
                        break;
                    }
                }
            }
            (shown, broken)
        }
    };
    let first = shown.first().map_or(u64::MAX, |shown| shown.index);
    if first < leaves_below {
        let one = |shown: ReplayedRecord| match shown.index < leaves_below {
            true => Ready::leaf_only(shown),
            false => Ready::unchecked(shown),
        };
        return (shown.into_iter().map(one).collect(), broken);
    }
    (make_ready(shown, keys, telling), broken)
}

impl Feed {
    /// Waits for room; false: nobody takes any more.
    pub(super) async fn put(&self, batch: Batch) -> bool {
        let (answer, due) = oneshot::channel();
        self.due.send(Due::Batch(due)).await.is_ok() && self.jobs.send(Job { batch, answer }).is_ok()
    }

    /// The same on a thread of its own.
    pub(super) fn put_blocking(&self, batch: Batch) -> bool {
        let (answer, due) = oneshot::channel();
        self.due.blocking_send(Due::Batch(due)).is_ok() && self.jobs.send(Job { batch, answer }).is_ok()
    }

    /// Says why there are no more.
    pub(super) async fn break_off(self, broken: Broken) {
        let _ = self.due.send(Due::Broken(broken)).await;
    }

    /// The same on a thread of its own.
    pub(super) fn break_off_blocking(self, broken: Broken) {
        let _ = self.due.blocking_send(Due::Broken(broken));
    }
}

impl Line {
    /// The next batch; an error comes after all that came before it. None at the end.
    pub(super) async fn next(&mut self) -> Option<(ReadyBatch, Option<Broken>)> {
        let broken_off = |broken| {
            let (ready, back) = (Vec::new(), None);
            (ReadyBatch { ready, back }, Some(broken))
        };
        let made = match self.next_due().await? {
            Due::Broken(broken) => return Some(broken_off(broken)),
            Due::Batch(made) => made.await.ok(),
            Due::Made(made) => made,
        };
        Some(match made {
            Some(Made { ready, broken, back }) => {
                let back = Some(back);
                (ReadyBatch { ready, back }, broken.map(Broken::Copy))
            }
            None => broken_off(Broken::Lost),
        })
    }

    /// The next; if there is none at hand, all that are under way by now, up to a bound, and the last of them has come: those
    /// before it have, or nearly.
    async fn next_due(&mut self) -> Option<Due> {
        if let Some(due) = self.together.pop_front() {
            return Some(due);
        }
        self.together.push_back(self.due.recv().await?);
        while self.together.len() < limits::AUDIT_BATCHES_TOGETHER {
            // Empty, or ended: then this is asked again.
            let Ok(due) = self.due.try_recv() else { break };
            self.together.push_back(due);
        }
        if let Some(last) = self.together.back_mut()
            && let Due::Batch(made) = last
        {
            *last = Due::Made(made.await.ok());
        }
        self.together.pop_front()
    }
}

/// How large batches are: the first is small, each later one twice as large, up to the bound.
#[derive(Debug)]
pub(super) struct Growing(usize);

impl Growing {
    pub(super) fn new() -> Self {
        Self(limits::AUDIT_BATCH_RECORDS_FIRST)
    }

    pub(super) fn next(&mut self) -> usize {
        let now = self.0;
        self.0 = now.saturating_mul(2).min(limits::AUDIT_BATCH_RECORDS_MAX);
        now
    }
}
