//! The one thread that writes: it drains its queue, stages what it finds, syncs once, and only then answers. What is
//! written while a sync runs waits for the next one, so batches grow with load and a lone block waits for nobody.
//! A failed write or sync is final: nothing is tried over it, and every later call hears [`AppendError::Unknown`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::{AppendError, Block, Head, Part, PartKind};
use crate::limits;

/// Where the writer writes. Nothing is promised before [`sync`](Store::sync) returns, and all of it after.
pub(super) trait Store: Send + Sync + 'static {
    /// Writes a checked block whose fresh head is `head`, atomically.
    fn stage_block(&self, block: &Block, head: &Head) -> Result<(), String>;
    /// Whether the newest staged block is `block`, so that its append is a retry.
    fn holds(&self, block: &Block, first: u64) -> Result<bool, String>;
    /// How many bytes, as [`Block::bytes`] counts them, may be staged before a sync.
    fn sync_bytes_max(&self) -> usize;
    /// Removes a part.
    fn stage_erasure(&self, index: u64, kind: PartKind) -> Result<(), String>;
    /// Puts other bytes where a part lies, atomically; nothing where none lies.
    fn stage_rewrite(&self, part: &Part) -> Result<(), String>;
    /// Puts all that was staged on stable storage.
    fn sync(&self) -> Result<(), String>;
    /// Why nothing must be written now, if so.
    fn refusal(&self) -> Option<String>;
}

enum Command {
    Append {
        block: Block,
        expected: Head,
        answer: oneshot::Sender<Result<Head, AppendError>>,
    },
    Erase {
        index: u64,
        kind: PartKind,
        answer: oneshot::Sender<Result<(), AppendError>>,
    },
    Rewrite {
        part: Part,
        answer: oneshot::Sender<Result<(), AppendError>>,
    },
}

/// The handle of the thread. Dropping it lets the thread finish what is queued, and waits for that.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    tail: watch::Receiver<Head>,
    failed: Arc<AtomicBool>,
    patience: Duration,
}

impl Writer {
    /// Starts the thread over a store whose durable head is `head`. A write that takes longer than `patience` has
    /// failed: the storage engine may be waiting for a thread of its own that is no more.
    pub(super) fn start<S: Store>(store: Arc<S>, head: Head, patience: Duration) -> std::io::Result<Self> {
        let (queue, commands) = mpsc::channel(limits::JOURNAL_QUEUE_MAX);
        let (tail, watched) = watch::channel(head);
        let failed = Arc::new(AtomicBool::new(false));
        let thread = Thread {
            store,
            head,
            tail,
            failed: Arc::clone(&failed),
        };
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || thread.run(commands))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            tail: watched,
            failed,
            patience,
        })
    }

    /// The durable head as it moves.
    pub(super) fn tail(&self) -> watch::Receiver<Head> {
        self.tail.clone()
    }

    /// Whether a write failed: then nothing more can be known here.
    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(super) async fn append(&self, block: Block, expected: Head) -> Result<Head, AppendError> {
        block.check(expected.size)?;
        self.ask(|answer| Command::Append {
            block,
            expected,
            answer,
        })
        .await
    }

    pub(super) async fn erase(&self, index: u64, kind: PartKind) -> Result<(), AppendError> {
        self.ask(|answer| Command::Erase { index, kind, answer }).await
    }

    pub(super) async fn rewrite(&self, part: Part) -> Result<(), AppendError> {
        let (what, actual, max) = ("bytes of a part", part.bytes.len(), limits::BLOCK_BYTES_MAX);
        if actual > max {
            return Err(AppendError::TooLarge { what, actual, max });
        }
        self.ask(|answer| Command::Rewrite { part, answer }).await
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, AppendError>>) -> Command,
    ) -> Result<T, AppendError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(after_failure)?;
        if self.failed() {
            return Err(after_failure());
        }
        queue.send(command(answer)).await.map_err(|_| after_failure())?;
        match tokio::time::timeout(self.patience, answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(after_failure())),
            Err(_) => {
                self.failed.store(true, Ordering::Release);
                let reason = format!("no answer within {:?}", self.patience);
                tracing::error!(%reason, "the journal is stuck; only a restart finds out what was written");
                Err(AppendError::Unknown { reason })
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        // A thread that is stuck is not waited for.
        if let Some(thread) = self.thread.take()
            && !self.failed()
        {
            // The thread catches its panics, and there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
struct Thread<S> {
    store: Arc<S>,
    /// The newest staged head: durable between two rounds.
    head: Head,
    tail: watch::Sender<Head>,
    failed: Arc<AtomicBool>,
}

impl<S: Store> Thread<S> {
    fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut failure: Option<String> = None;
        while let Some(first) = commands.blocking_recv() {
            let mut round = vec![first];
            while round.len() < limits::JOURNAL_QUEUE_MAX
                && let Ok(next) = commands.try_recv()
            {
                round.push(next);
            }
            let outcome = match &failure {
                Some(reason) => Err(reason.clone()),
                // A panic inside the storage engine is one more way for a write to fail.
                None => catch_unwind(AssertUnwindSafe(|| self.write(&round)))
                    .unwrap_or_else(|_| Err("the storage engine panicked".into())),
            };
            match outcome {
                Ok(results) => {
                    self.tail
                        .send_if_modified(|head| std::mem::replace(head, self.head) != self.head);
                    for (command, result) in round.into_iter().zip(results) {
                        answer(command, result);
                    }
                }
                Err(reason) => {
                    self.failed.store(true, Ordering::Release);
                    if failure.is_none() {
                        tracing::error!(%reason, "the journal failed; only a restart finds out what was written");
                    }
                    for command in round {
                        answer(
                            command,
                            Err(AppendError::Unknown {
                                reason: reason.clone(),
                            }),
                        );
                    }
                    failure = Some(reason);
                }
            }
        }
    }

    /// Stages a round and syncs it. An `Err` means that nobody knows what of it was written.
    fn write(&mut self, round: &[Command]) -> Result<Vec<Result<Head, AppendError>>, String> {
        let mut results = Vec::with_capacity(round.len());
        let (mut staged, mut staged_bytes) = (false, 0usize);
        for command in round {
            let bytes = match command {
                Command::Append { block, .. } => block.bytes(),
                Command::Erase { .. } => limits::BODY_BYTES_MAX,
                Command::Rewrite { part, .. } => part.bytes.len(),
            };
            if staged && staged_bytes.saturating_add(bytes) > self.store.sync_bytes_max() {
                self.store.sync()?;
                staged_bytes = 0;
            }
            staged_bytes = staged_bytes.saturating_add(bytes);
            let result = match command {
                Command::Append { block, expected, .. } => self.stage_block(block, *expected)?,
                Command::Erase { index, kind, .. } => match self.store.refusal() {
                    Some(reason) => Err(AppendError::NotApplied { reason }),
                    None => self.store.stage_erasure(*index, *kind).map(|()| Ok(self.head))?,
                },
                Command::Rewrite { part, .. } => match self.store.refusal() {
                    Some(reason) => Err(AppendError::NotApplied { reason }),
                    None => self.store.stage_rewrite(part).map(|()| Ok(self.head))?,
                },
            };
            staged |= result.is_ok();
            results.push(result);
        }
        if staged {
            self.store.sync()?;
        }
        Ok(results)
    }

    fn stage_block(&mut self, block: &Block, expected: Head) -> Result<Result<Head, AppendError>, String> {
        let fresh = expected.after(block);
        if self.head == fresh && self.store.holds(block, expected.size)? {
            return Ok(Ok(fresh));
        }
        if self.head != expected {
            return Ok(Err(AppendError::Conflict { actual: self.head }));
        }
        if let Some(reason) = self.store.refusal() {
            return Ok(Err(AppendError::NotApplied { reason }));
        }
        self.store.stage_block(block, &fresh)?;
        self.head = fresh;
        Ok(Ok(fresh))
    }
}

/// A caller that went away is not told; what it asked for has been done.
fn answer(command: Command, result: Result<Head, AppendError>) {
    match command {
        Command::Append { answer, .. } => drop(answer.send(result)),
        Command::Erase { answer, .. } | Command::Rewrite { answer, .. } => {
            drop(answer.send(result.map(|_| ())))
        }
    }
}

fn after_failure() -> AppendError {
    AppendError::Unknown {
        reason: "the journal failed earlier and must be opened anew".into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::sync::Mutex;

    use futures_util::future::join_all;

    use super::*;
    use crate::journal::contract::block;

    /// What a store was asked, and where it fails.
    #[derive(Default)]
    struct Fake {
        calls: Mutex<Vec<&'static str>>,
        failing: Mutex<Option<&'static str>>,
        panics: bool,
        refuses: bool,
        /// A sync waits until its sender is gone.
        gate: Option<Mutex<std::sync::mpsc::Receiver<()>>>,
    }

    impl Fake {
        fn call(&self, name: &'static str) -> Result<(), String> {
            self.calls.lock().unwrap().push(name);
            let failing = *self.failing.lock().unwrap();
            match failing {
                Some(failing) if failing == name && self.panics => std::panic::panic_any("asked for"),
                Some(failing) if failing == name => Err("asked for".into()),
                Some(_) | None => Ok(()),
            }
        }
    }

    impl Store for Fake {
        fn stage_block(&self, _: &Block, _: &Head) -> Result<(), String> {
            self.call("block")
        }
        fn holds(&self, _: &Block, _: u64) -> Result<bool, String> {
            Ok(true)
        }
        fn sync_bytes_max(&self) -> usize {
            1000
        }
        fn stage_erasure(&self, _: u64, _: PartKind) -> Result<(), String> {
            self.call("erasure")
        }
        fn stage_rewrite(&self, _: &Part) -> Result<(), String> {
            self.call("rewrite")
        }
        fn sync(&self) -> Result<(), String> {
            if let Some(gate) = &self.gate {
                let _ = gate.lock().unwrap().recv();
            }
            self.call("sync")
        }
        fn refusal(&self) -> Option<String> {
            self.refuses.then(|| "full".into())
        }
    }

    fn started(fake: Fake) -> (Arc<Fake>, Writer) {
        let fake = Arc::new(fake);
        let writer = Writer::start(Arc::clone(&fake), Head::EMPTY, Duration::from_secs(60)).unwrap();
        (fake, writer)
    }

    /// Whatever fails in the store, and also if it panics: the caller hears that it is unknown, the tail does not move,
    /// and nothing is ever tried again.
    #[tokio::test]
    async fn a_failure_is_final() {
        for (failing, panics) in [
            ("block", false),
            ("sync", false),
            ("block", true),
            ("sync", true),
            ("erasure", true),
        ] {
            let fake = Fake {
                failing: Mutex::new(Some(failing)),
                panics,
                ..Fake::default()
            };
            let (fake, writer) = started(fake);
            let failed = match failing {
                "erasure" => writer.erase(0, PartKind::Body).await,
                _ => writer
                    .append(block(Head::EMPTY, &[1]), Head::EMPTY)
                    .await
                    .map(drop),
            };
            assert!(
                matches!(failed, Err(AppendError::Unknown { .. })),
                "{failing}: {failed:?}"
            );
            assert!(writer.failed());
            *fake.failing.lock().unwrap() = None;
            let tried = fake.calls.lock().unwrap().len();
            let again = writer.append(block(Head::EMPTY, &[1]), Head::EMPTY).await;
            assert!(
                matches!(again, Err(AppendError::Unknown { .. })),
                "{failing}: {again:?}"
            );
            let erased = writer.erase(0, PartKind::Body).await;
            assert!(
                matches!(erased, Err(AppendError::Unknown { .. })),
                "{failing}: {erased:?}"
            );
            assert_eq!(
                fake.calls.lock().unwrap().len(),
                tried,
                "nothing is tried over a failure"
            );
            assert_eq!(*writer.tail().borrow(), Head::EMPTY);
        }
    }

    /// A store that never answers is a failure, too, and nobody waits for its thread.
    #[tokio::test]
    async fn a_stuck_store_is_a_failure() {
        let (release, gate) = std::sync::mpsc::channel();
        let fake = Arc::new(Fake {
            gate: Some(Mutex::new(gate)),
            ..Fake::default()
        });
        let writer = Writer::start(Arc::clone(&fake), Head::EMPTY, Duration::from_millis(10)).unwrap();
        let failed = writer.append(block(Head::EMPTY, &[1]), Head::EMPTY).await;
        assert!(matches!(failed, Err(AppendError::Unknown { .. })), "{failed:?}");
        assert!(writer.failed());
        drop(writer);
        drop(release);
    }

    /// A full disk is no failure: nothing is written, the caller is told so, and the journal goes on.
    #[tokio::test]
    async fn a_refusal_writes_nothing() {
        let (fake, writer) = started(Fake {
            refuses: true,
            ..Fake::default()
        });
        let refused = writer.append(block(Head::EMPTY, &[1]), Head::EMPTY).await;
        assert!(
            matches!(refused, Err(AppendError::NotApplied { .. })),
            "{refused:?}"
        );
        let refused = writer.erase(0, PartKind::Body).await;
        assert!(
            matches!(refused, Err(AppendError::NotApplied { .. })),
            "{refused:?}"
        );
        assert!(fake.calls.lock().unwrap().is_empty() && !writer.failed());
    }

    /// Blocks that wait share a sync, but no more bytes lie between two syncs than the store allows.
    #[tokio::test]
    async fn blocks_share_a_sync_up_to_a_bound() {
        let (fake, writer) = started(Fake::default());
        let mut head = Head::EMPTY;
        let mut blocks = Vec::new();
        for _ in 0..30 {
            let next = block(head, &[400]);
            let expected = head;
            head = head.after(&next);
            blocks.push((next, expected));
        }
        let answers = join_all(
            blocks
                .into_iter()
                .map(|(next, expected)| writer.append(next, expected)),
        )
        .await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(*writer.tail().borrow(), head);
        let calls = fake.calls.lock().unwrap();
        assert_eq!(calls.last(), Some(&"sync"));
        assert!(
            calls
                .split(|call| *call == "sync")
                .all(|between| between.len() <= 2),
            "{calls:?}"
        );
    }
}
