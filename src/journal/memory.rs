//! A journal in memory, for tests of what stands above it. It keeps the same contract as the one on disk, can be
//! "restarted" over what was persisted, and fails on request: each append can be lost or persisted, whatever
//! its caller is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::{AppendError, Block, Head, Journal, Part, PartKind, ReadError};

/// What happens to an append, and what its caller hears. (Persisted, and reported as not applied, is missing:
/// that would break the contract.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is persisted, and the caller is told so; the journal goes on.
    NotApplied,
    /// Nothing is persisted, and the caller hears that it is unknown; the journal is dead until restarted.
    LostUnknown,
    /// The block is persisted, and the caller hears that it is unknown; the journal is dead until restarted.
    PersistedUnknown,
}

/// What survives a restart.
#[derive(Debug, Default)]
struct Disk {
    records: Vec<Bytes>,
    parts: BTreeMap<(u64, PartKind), Part>,
    heads: BTreeMap<u64, Head>,
}

impl Disk {
    fn head(&self) -> Head {
        self.heads.last_key_value().map_or(Head::EMPTY, |(_, head)| *head)
    }

    /// Whether `block`, appended at `expected`, is what the newest block holds (parts may have been erased since).
    fn is_newest(&self, block: &Block, expected: Head) -> bool {
        let stored = usize::try_from(expected.size)
            .ok()
            .and_then(|from| self.records.get(from..));
        self.head() == expected.after(block)
            && stored == Some(block.records.as_slice())
            && block.parts.iter().all(|p| {
                self.parts
                    .get(&(p.index, p.kind))
                    .is_none_or(|stored| stored == p)
            })
    }

    fn apply(&mut self, block: Block, head: Head) {
        self.records.extend(block.records);
        self.parts
            .extend(block.parts.into_iter().map(|p| ((p.index, p.kind), p)));
        self.heads.insert(head.size, head);
    }
}

/// The process-local side: gone after a restart.
#[derive(Debug, Default)]
struct Process {
    faults: VecDeque<Option<Fault>>,
    dead: bool,
    full: bool,
}

/// A journal in memory. A clone is the same journal; [`restart`](Self::restart) is the next process over the same disk.
#[derive(Debug, Clone)]
pub struct MemoryJournal {
    disk: Arc<Mutex<Disk>>,
    process: Arc<Mutex<Process>>,
    tail: watch::Sender<Head>,
    held: watch::Sender<bool>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::over(Arc::default())
    }

    fn over(disk: Arc<Mutex<Disk>>) -> Self {
        let head = locked(&disk).head();
        Self {
            disk,
            process: Arc::default(),
            tail: watch::Sender::new(head),
            held: watch::Sender::new(false),
            turn: Arc::default(),
        }
    }

    /// The next process over what was persisted: without the old one's faults, and alive.
    pub fn restart(&self) -> Self {
        Self::over(Arc::clone(&self.disk))
    }

    /// Fails the next append, erasure or rewriting for which no fault was queued yet.
    pub fn fail_next(&self, fault: Fault) {
        locked(&self.process).faults.push_back(Some(fault));
    }

    /// Lets `appends` appends pass, then fails the one after them.
    pub fn fail_after(&self, appends: usize, fault: Fault) {
        let mut process = locked(&self.process);
        process.faults.extend(std::iter::repeat_n(None, appends));
        process.faults.push_back(Some(fault));
    }

    /// Makes appends wait before anything is written, until [`release`](Self::release).
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Whether an append is held now: its block takes nothing more.
    pub fn holds(&self) -> bool {
        self.held.receiver_count() > 0
    }

    /// Lets held appends go on, in the order in which they came.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// What [`Journal::has_room`] answers.
    pub fn set_room(&self, room: bool) {
        locked(&self.process).full = !room;
    }

    /// Puts other bytes where a part lies, as a disk that fails might.
    pub fn damage(&self, part: Part) {
        locked(&self.disk).parts.insert((part.index, part.kind), part);
    }

    fn alive(&self) -> Result<(), ReadError> {
        if locked(&self.process).dead {
            Err(ReadError::Failed)
        } else {
            Ok(())
        }
    }

    /// Takes the fault of this write, if any: whether to persist, and what to report when not success.
    fn next_fault(&self) -> Result<(bool, Option<AppendError>), AppendError> {
        let mut process = locked(&self.process);
        if process.dead {
            return Err(unknown("the journal failed earlier"));
        }
        Ok(match process.faults.pop_front().flatten() {
            None => (true, None),
            Some(Fault::NotApplied) => (
                false,
                Some(AppendError::NotApplied {
                    reason: "a fault was asked for".into(),
                }),
            ),
            Some(fault @ (Fault::LostUnknown | Fault::PersistedUnknown)) => {
                process.dead = true;
                (
                    fault == Fault::PersistedUnknown,
                    Some(unknown("a fault was asked for")),
                )
            }
        })
    }
}

#[async_trait::async_trait]
impl Journal for MemoryJournal {
    async fn head(&self) -> Result<Head, ReadError> {
        self.alive()?;
        Ok(*self.tail.borrow())
    }

    async fn append(&self, block: Block, expected: Head) -> Result<Head, AppendError> {
        block.check(expected.size)?;
        // The turn keeps the order of the callers while they are held (tokio's mutex is fair).
        let _turn = self.turn.lock().await;
        let mut held = self.held.subscribe();
        if held.wait_for(|held| !held).await.is_err() {
            return Err(unknown("the journal is gone"));
        }
        let mut disk = locked(&self.disk);
        let fresh = expected.after(&block);
        if locked(&self.process).dead {
            return Err(unknown("the journal failed earlier"));
        }
        if disk.is_newest(&block, expected) {
            return Ok(fresh);
        }
        if disk.head() != expected {
            return Err(AppendError::Conflict { actual: disk.head() });
        }
        let (persist, report) = self.next_fault()?;
        if persist {
            disk.apply(block, fresh);
        }
        match report {
            Some(error) => Err(error),
            None => {
                self.tail.send_replace(fresh);
                Ok(fresh)
            }
        }
    }

    async fn read(
        &self,
        from: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Bytes)>, ReadError> {
        self.alive()?;
        let disk = locked(&self.disk);
        let stored = usize::try_from(from)
            .ok()
            .and_then(|from| disk.records.get(from..))
            .unwrap_or_default();
        let end = from.saturating_add(stored.len() as u64);
        let mut bytes = 0usize;
        let records = (from..end)
            .zip(stored)
            .take(records_max)
            .take_while(|(index, record)| {
                let first = *index == from;
                let fits = first || bytes.saturating_add(record.len()) <= bytes_max;
                bytes = bytes.saturating_add(record.len());
                fits
            });
        Ok(records.map(|(index, record)| (index, record.clone())).collect())
    }

    async fn block_head(&self, size: u64) -> Result<Option<Head>, ReadError> {
        self.alive()?;
        Ok(if size == 0 {
            Some(Head::EMPTY)
        } else {
            locked(&self.disk).heads.get(&size).copied()
        })
    }

    async fn part(&self, index: u64, kind: PartKind) -> Result<Option<Part>, ReadError> {
        self.alive()?;
        Ok(locked(&self.disk).parts.get(&(index, kind)).cloned())
    }

    async fn erase(&self, index: u64, kind: PartKind) -> Result<(), AppendError> {
        let mut disk = locked(&self.disk);
        let (persist, report) = self.next_fault()?;
        if persist {
            disk.parts.remove(&(index, kind));
        }
        report.map_or(Ok(()), Err)
    }

    async fn rewrite(&self, part: Part) -> Result<(), AppendError> {
        let mut disk = locked(&self.disk);
        let (persist, report) = self.next_fault()?;
        let key = (part.index, part.kind);
        if persist && disk.parts.contains_key(&key) {
            disk.parts.insert(key, part);
        }
        report.map_or(Ok(()), Err)
    }

    fn tail(&self) -> watch::Receiver<Head> {
        self.tail.subscribe()
    }

    fn has_room(&self) -> bool {
        !locked(&self.process).full
    }
}

/// A test that panicked with the lock held has said what it had to say; the data is still whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unknown(reason: &str) -> AppendError {
    AppendError::Unknown {
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::journal::contract::{self, Fixture, append_all, block};

    impl Fixture for MemoryJournal {
        type Journal = Self;
        fn new() -> Self {
            Self::new()
        }
        fn open(&self) -> Self {
            self.restart()
        }
    }

    contract::suite!(MemoryJournal);

    /// Each fault: what the caller hears, whether the journal still answers, and what a restart finds.
    #[tokio::test]
    async fn each_fault_does_what_it_says() {
        for (fault, dead, persisted) in [
            (Fault::NotApplied, false, false),
            (Fault::LostUnknown, true, false),
            (Fault::PersistedUnknown, true, true),
        ] {
            let journal = MemoryJournal::new();
            journal.fail_after(1, fault);
            let head = append_all(&journal, &[&[1]]).await;
            let next = block(head, &[2]);
            let error = journal.append(next.clone(), head).await.unwrap_err();
            assert_eq!(matches!(error, AppendError::Unknown { .. }), dead, "{fault:?}");
            assert_eq!(
                *journal.tail().borrow(),
                head,
                "nothing is shown that was not reported: {fault:?}"
            );
            let retry = journal.append(next.clone(), head).await;
            assert_eq!(retry.is_err(), dead, "{fault:?}");
            assert_eq!(journal.head().await.is_err(), dead, "{fault:?}");
            let fresh = head.after(&next);
            let restarted = journal.restart();
            let expected = if persisted || !dead { fresh } else { head };
            assert_eq!(restarted.head().await.unwrap(), expected, "{fault:?}");
            assert_eq!(
                restarted.append(next, head).await.unwrap(),
                fresh,
                "a retry after a restart: {fault:?}"
            );
        }
    }

    /// A held append is not visible until it is released.
    #[tokio::test]
    async fn a_held_append_waits() {
        let journal = MemoryJournal::new();
        journal.hold();
        let append = tokio::spawn({
            let journal = journal.clone();
            async move { append_all(&journal, &[&[1]]).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(journal.head().await.unwrap(), Head::EMPTY);
        journal.release();
        assert_eq!(append.await.unwrap().size, 1);
    }
}
