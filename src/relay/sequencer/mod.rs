//! The single writer. One thread of its own takes every command there is, decides each on the state that the ones
//! before it leave, and appends what they make as one block: a batch grows with load, and a lone warning waits for
//! nobody. Nothing is answered, published or delivered before its block is durable.
//!
//! A write of which the outcome is not known ends the engine: what is on the disk is found out by a restart, never by
//! a retry over it.

mod batch;
mod keys;
mod queue;
mod share;

pub(super) use keys::untold;
pub(super) use queue::{Answer, Queue, channel};

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use self::batch::{Batch, Decided};
use self::queue::{Request, Work};
use super::delivery::hub::Hub;
use super::durable::Durable;
use super::meters::Meters;
use super::signing::patiently;
use crate::domain::Bucket;
use crate::error::{ErrorCode, Refused};
use crate::journal::{AppendError, Block, Derived, Index, IndexError, Journal, Position};
use crate::ledger::{Command, Decision, Directory, FactsError, Nonces, ThreadKey, decide};
use crate::limits;
use crate::retention::Keyring;
use crate::seal::SignerError;
use crate::seal::random_bytes;
use crate::time::Clock;
use crate::transparency::{Frontier, LogSigner};

/// Whether the engine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Takes commands.
    Running,
    /// Takes no new ones.
    Draining,
    /// Everything is written and the index closed.
    Closed,
    /// Only a restart helps.
    Failed(Arc<str>),
}

/// Why the sequencer stopped.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the journal: {0}")]
    Append(AppendError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the checkpoint of what is durable was not signed: {0}")]
    Signer(#[from] SignerError),
    #[error("the rules do not take their own record: {0}")]
    Ledger(String),
}

/// What the sequencer stands on.
pub(super) struct Sequencer {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) index: Index,
    pub(super) keyring: Arc<Keyring>,
    pub(super) log_key: Arc<LogSigner>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) hub: Arc<Hub>,
    pub(super) meters: Arc<Meters>,
    pub(super) runtime: tokio::runtime::Handle,
    /// The directory after the last block, and while a batch is decided after its last record.
    pub(super) directory: Directory,
    pub(super) frontier: Frontier,
    pub(super) durable: watch::Sender<Arc<Durable>>,
    pub(super) directories: watch::Sender<Arc<Directory>>,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) unrecorded: HashMap<ThreadKey, u32>,
    /// Whose keys are destroyed while no record tells it.
    pub(super) untold: BTreeSet<Bucket>,
}

impl Sequencer {
    /// Starts the thread. It ends when every sender of the queue is gone, or when it is told to close.
    pub(super) fn start(self, queue: mpsc::Receiver<Work>) -> std::io::Result<()> {
        let phase = self.phase.clone();
        let run = move || {
            let reason = match catch_unwind(AssertUnwindSafe(|| self.run(queue))) {
                Ok(Ok(())) => {
                    phase.send_replace(Phase::Closed);
                    return;
                }
                Ok(Err(fault)) => fault.to_string(),
                Err(_) => "the sequencer panicked".to_owned(),
            };
            tracing::error!(%reason, "the engine failed: the process must be started anew");
            phase.send_replace(Phase::Failed(reason.into()));
        };
        std::thread::Builder::new()
            .name("sequencer".into())
            .spawn(run)
            .map(drop)
    }

    fn run(mut self, mut queue: mpsc::Receiver<Work>) -> Result<(), Fault> {
        let mut carried: Option<Decided> = None;
        loop {
            let mut batch = Batch::new(&self.index, self.frontier.clone(), &self.keyring);
            let mut close = None;
            match carried.take() {
                Some(decided) => carried = self.stage(&mut batch, decided)?,
                None => match queue.blocking_recv() {
                    Some(Work::Decide(request)) => carried = self.take(&mut batch, *request)?,
                    Some(Work::Close(done)) => close = Some(done),
                    None => return Ok(()),
                },
            }
            while carried.is_none()
                && close.is_none()
                && batch.commands() < limits::SEQUENCER_QUEUE_MAX
                && let Ok(work) = queue.try_recv()
            {
                match work {
                    Work::Decide(request) => carried = self.take(&mut batch, *request)?,
                    Work::Close(done) => close = Some(done),
                }
            }
            self.meters.queued.set(queue.len() as u64);
            let committed = self.commit(batch)?;
            if !committed && let Some(decided) = carried.take() {
                decided.answer(Answer::Refused(not_appended()));
            }
            if let Some(done) = close {
                self.index.close()?;
                // Whoever asked may be gone.
                let _ = done.send(());
                return Ok(());
            }
        }
    }

    /// Decides one command on the state that the batch leaves.
    fn take(&mut self, batch: &mut Batch, request: Request) -> Result<Option<Decided>, Fault> {
        let (mut command, answering) = request.split();
        let now = self.clock.now();
        if let Some(refused) = self.waits_for_erasure(batch, &command) {
            answering.answer(Answer::Refused(refused));
            return Ok(None);
        }
        if self.is_told(batch, &command)? {
            answering.answer(Answer::Unrecorded);
            return Ok(None);
        }
        let handover = match &mut command {
            Command::HandOver(handover) => {
                handover.unrecorded = self.unrecorded.get(&handover.thread).copied().unwrap_or(0);
                Some(handover.thread.clone())
            }
            Command::Erase(erasure) => {
                erasure.begun = self.keyring.note(erasure.erased.bucket).is_some();
                None
            }
            _ => None,
        };
        let bucket = keys::bucket_of(batch.facts(), &command, now);
        let decision = decide(
            &self.directory,
            batch.facts(),
            command,
            now,
            batch.next_index(),
            &mut SystemNonces,
        );
        if let Some(thread) = handover {
            self.count_unrecorded(thread, &decision);
        }
        match decision {
            Ok(decision) => self.stage(batch, Decided::new(decision, answering, bucket)),
            Err(error) => {
                tracing::error!(%error, "a command could not be decided");
                answering.answer(Answer::Refused(Refused::new(
                    ErrorCode::Internal,
                    "the relay could not decide this; nothing was recorded",
                )));
                Ok(None)
            }
        }
    }

    /// Handovers over the bound are counted in memory, for the next record of the thread. What is forgotten makes that
    /// count too low, never too high.
    fn count_unrecorded(&mut self, thread: ThreadKey, decision: &Result<Decision, FactsError>) {
        match decision {
            Ok(Decision::Append { .. }) => {
                self.unrecorded.remove(&thread);
                self.meters.handed_over.add(1);
            }
            Ok(Decision::Unrecorded) => {
                self.meters.handed_over.add(1);
                self.meters.handed_over_unrecorded.add(1);
                if self.unrecorded.len() < limits::HANDOVERS_COUNTED_MAX
                    || self.unrecorded.contains_key(&thread)
                {
                    let count = self.unrecorded.entry(thread).or_default();
                    *count = count.saturating_add(1);
                }
            }
            Ok(Decision::Refuse(_) | Decision::Reject { .. } | Decision::Existing(_)) | Err(_) => {}
        }
    }

    /// Adds what was decided to the batch, or gives it back if the block is full: it is the first of the next one,
    /// and still right there, because nothing comes between.
    fn stage(&mut self, batch: &mut Batch, decided: Decided) -> Result<Option<Decided>, Fault> {
        if !batch.has_room_for(&decided) {
            if !batch.is_empty() {
                return Ok(Some(decided));
            }
            tracing::error!("a command makes more than a block holds");
            decided.answer(Answer::Refused(Refused::new(
                ErrorCode::Internal,
                "this makes more records than a block holds; nothing was recorded",
            )));
            return Ok(None);
        }
        // Before anything is applied: a file that cannot be written refuses this one command, and ends nothing.
        if let Err(error) = self.prepare(batch, &decided) {
            tracing::error!(%error, "the keys of what is stored could not be written: nothing was recorded");
            decided.answer(Answer::Refused(keys::not_written()));
            return Ok(None);
        }
        batch.add(decided, &mut self.directory).map_err(Fault::Ledger)?;
        Ok(None)
    }

    /// Makes a batch durable and answers it. `false`: nothing of it was written, and the state is as before it.
    fn commit(&mut self, batch: Batch) -> Result<bool, Fault> {
        let before = Arc::clone(&self.durable.borrow());
        let Batch {
            records,
            parts,
            frontier,
            hashes,
            changes,
            erasing,
            news,
            outcomes,
            ..
        } = batch;
        if records.is_empty() {
            for (outcome, answering) in outcomes {
                answering.answer(outcome.at(&before));
            }
            return Ok(true);
        }
        let block = Block {
            records,
            parts,
            root: frontier.root(),
        };
        let (count, bytes) = (block.records.len(), block.bytes());
        let begun = Instant::now();
        let appended = self.runtime.block_on(self.journal.append(block, before.head));
        let head = match appended {
            Ok(head) => head,
            Err(AppendError::NotApplied { reason }) => {
                tracing::error!(%reason, "a block was not appended: nothing of it was written");
                self.directory = Directory::clone(&before.directory);
                for (_, answering) in outcomes {
                    answering.answer(Answer::Refused(not_appended()));
                }
                return Ok(false);
            }
            Err(
                error @ (AppendError::Conflict { .. }
                | AppendError::Unknown { .. }
                | AppendError::TooLarge { .. }
                | AppendError::Malformed(_)),
            ) => return Err(Fault::Append(error)),
        };
        self.untold.retain(|bucket| !erasing.contains(bucket));
        self.meters.appended(count, bytes, begun.elapsed());
        if (head.size, head.root) != (frontier.size(), frontier.root()) {
            return Err(Fault::Ledger(
                "the journal's head is not the one it was given".into(),
            ));
        }
        let directory_moved = self.directory.position() != before.directory.position();
        let directory = match directory_moved {
            true => Arc::new(self.directory.clone()),
            false => Arc::clone(&before.directory),
        };
        let durable = Arc::new(Durable {
            head,
            checkpoint: self.runtime.block_on(patiently(head, &self.log_key))?,
            directory: Arc::clone(&directory),
        });
        self.index.apply(Derived {
            from: before.head.size,
            changes,
            hashes,
            position: Position {
                size: head.size,
                root: head.root,
            },
        })?;
        self.frontier = frontier;
        self.durable.send_replace(Arc::clone(&durable));
        if directory_moved {
            self.directories.send_replace(directory);
        }
        self.meters.log_size.set(head.size);
        tracing::debug!(size = head.size, records = count, bytes, "a block is durable");
        self.hub.tell(news);
        for (outcome, answering) in outcomes {
            outcome.count(&self.meters);
            answering.answer(outcome.at(&durable));
        }
        Ok(true)
    }
}

fn not_appended() -> Refused {
    Refused::new(
        ErrorCode::Unavailable,
        "the journal did not take it: nothing was recorded",
    )
}

/// Nonces and salts of the operating system.
pub(super) struct SystemNonces;

impl Nonces for SystemNonces {
    fn nonce(&mut self) -> Result<[u8; 16], FactsError> {
        random_bytes().map_err(|e| FactsError(e.to_string()))
    }

    fn salt(&mut self) -> Result<[u8; 32], FactsError> {
        random_bytes().map_err(|e| FactsError(e.to_string()))
    }
}
