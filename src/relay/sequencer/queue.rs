//! The way to the sequencer: a queue bounded in commands and in bytes. Full is told at once; nobody waits to be shed.
//! Handovers have a quarter of it for themselves: many deliveries on a slow disk refuse no submission, and many
//! submissions no handover. A quarter of the rest is kept for answers and for what takes something away in the directory.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::super::budget::Taken;
use super::super::durable::Durable;
use super::super::meters::Meters;
use super::share::{Class, Share, Shares};
use crate::domain::{Digest, Principal};
use crate::error::{ErrorCode, Refused};
use crate::ledger::{Command, Existing, HandOver, KeyStatement};
use crate::limits;

/// What a command came to. Everything that it names is durable in the `durable` beside it.
#[derive(Debug, Clone)]
pub(in crate::relay) enum Answer {
    /// Recorded now.
    Recorded {
        durable: Arc<Durable>,
        first: u64,
        records: Vec<Bytes>,
        digest: Digest,
    },
    /// Recorded before.
    Existing {
        durable: Arc<Durable>,
        existing: Existing,
    },
    /// Refused; nothing was recorded.
    Refused(Refused),
    /// Refused, and that is recorded now.
    Rejected {
        durable: Arc<Durable>,
        index: u64,
        record: Bytes,
        digest: Digest,
        refused: Refused,
    },
    /// A handover that left no record.
    Unrecorded,
}

/// An answer that waits for its block.
#[derive(Debug)]
pub(in crate::relay) enum Outcome {
    Recorded {
        first: u64,
        records: Vec<Bytes>,
        digest: Digest,
        meter: Meter,
    },
    Existing(Existing),
    Refused(Refused),
    Rejected {
        index: u64,
        record: Bytes,
        digest: Digest,
        refused: Refused,
    },
    Unrecorded,
}

/// Under what a success is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::relay) enum Meter {
    Accepted,
    Acknowledged,
    Directory,
    None,
}

impl Outcome {
    pub(super) fn at(self, durable: &Arc<Durable>) -> Answer {
        let durable = Arc::clone(durable);
        match self {
            Self::Recorded {
                first,
                records,
                digest,
                ..
            } => Answer::Recorded {
                durable,
                first,
                records,
                digest,
            },
            Self::Existing(existing) => Answer::Existing { durable, existing },
            Self::Refused(refused) => Answer::Refused(refused),
            Self::Rejected {
                index,
                record,
                digest,
                refused,
            } => Answer::Rejected {
                durable,
                index,
                record,
                digest,
                refused,
            },
            Self::Unrecorded => Answer::Unrecorded,
        }
    }

    /// Counts what became durable.
    pub(super) fn count(&self, meters: &Meters) {
        match self {
            Self::Recorded { meter, .. } => match meter {
                Meter::Accepted => meters.accepted.add(1),
                Meter::Acknowledged => meters.acknowledged.add(1),
                Meter::Directory => meters.directory_changed.add(1),
                Meter::None => {}
            },
            Self::Rejected { .. } => meters.rejected.add(1),
            Self::Existing(_) | Self::Refused(_) | Self::Unrecorded => {}
        }
    }
}

/// Who waits for an answer, and the room that the command takes in the queue until then.
#[derive(Debug)]
pub(in crate::relay) struct Answering {
    answer: Option<oneshot::Sender<Answer>>,
    /// None: a handover, which is small.
    _room: Option<OwnedSemaphorePermit>,
    /// None: the relay's own.
    _share: Option<Share>,
    /// What it takes of a budget if it is added.
    taken: Option<Taken>,
}

impl Answering {
    /// A caller that went away is not told.
    pub(super) fn answer(mut self, answer: Answer) {
        // A refusal's record has a quota of its own. What is not added is given back before anybody learns of it.
        match (self.taken.take(), &answer) {
            (Some(taken), Answer::Recorded { .. }) => taken.spend(),
            (taken, _) => drop(taken),
        }
        if let Some(waiting) = self.answer {
            let _ = waiting.send(answer);
        }
    }
}

/// A command on its way.
#[derive(Debug)]
pub(in crate::relay) struct Request {
    command: Command,
    answering: Answering,
    /// Among those that wait.
    _place: OwnedSemaphorePermit,
}

impl Request {
    /// Gives its place in the queue up.
    pub(super) fn split(self) -> (Command, Answering) {
        (self.command, self.answering)
    }
}

/// What the sequencer takes from its queue.
#[derive(Debug)]
pub(in crate::relay) enum Work {
    /// Decide a command.
    Decide(Box<Request>),
    /// Finish: everything before it has been answered.
    Close(oneshot::Sender<()>),
}

/// The sending side. Clones are the same queue.
#[derive(Debug, Clone)]
pub(in crate::relay) struct Queue {
    sender: mpsc::Sender<Work>,
    room: Room,
    commands: Room,
    handovers: Arc<Semaphore>,
    shares: Shares,
    #[cfg(test)]
    let_in: Arc<std::sync::atomic::AtomicUsize>,
}

/// The queue has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::relay) struct QueueFull;

/// A queue, and what the sequencer takes from.
pub(in crate::relay) fn channel() -> (Queue, mpsc::Receiver<Work>) {
    // A place for everything that has been let in, and for the wish to close.
    let (sender, receiver) = mpsc::channel(limits::SEQUENCER_QUEUE_MAX.saturating_add(1));
    let handovers = limits::SEQUENCER_QUEUE_HANDOVERS_MAX;
    let queue = Queue {
        sender,
        room: Room::new(
            limits::SEQUENCER_QUEUE_BYTES_MAX / UNIT_BYTES,
            limits::URGENT_BYTES_KEPT / UNIT_BYTES,
        ),
        commands: Room::new(
            limits::SEQUENCER_QUEUE_MAX.saturating_sub(handovers),
            limits::URGENT_COMMANDS_KEPT,
        ),
        handovers: Arc::new(Semaphore::new(handovers)),
        shares: Shares::default(),
        #[cfg(test)]
        let_in: Arc::default(),
    };
    (queue, receiver)
}

/// Room is counted in units, so that it fits a semaphore's permits.
const UNIT_BYTES: usize = 1024;

/// Room of which a part is kept.
#[derive(Debug, Clone)]
struct Room {
    kept: Arc<Semaphore>,
    common: Arc<Semaphore>,
}

impl Room {
    fn new(all: usize, kept: usize) -> Self {
        Self {
            kept: Arc::new(Semaphore::new(kept)),
            common: Arc::new(Semaphore::new(all.saturating_sub(kept))),
        }
    }

    fn take(&self, class: Class, units: u32) -> Result<OwnedSemaphorePermit, NotTaken> {
        let from = |room: &Arc<Semaphore>| Arc::clone(room).try_acquire_many_owned(units);
        let taken = match class {
            Class::Urgent => from(&self.kept).or_else(|_| from(&self.common)),
            Class::Ordinary => from(&self.common),
        };
        taken.map_err(|_| NotTaken::Full)
    }

    #[cfg(test)]
    fn free(&self) -> usize {
        self.kept.available_permits() + self.common.available_permits()
    }
}

/// What must pass however many warnings are under way: answers, and what takes something away in the directory.
fn class_of(command: &Command) -> Class {
    let urgent = match command {
        Command::Acknowledge(_) | Command::Suspend(_) | Command::RelayStarted(_) | Command::HandOver(_) => {
            true
        }
        Command::PublishKey(statement) | Command::PublishOperatorKey(statement) => {
            matches!(statement.content(), KeyStatement::Revocation(_))
        }
        Command::PublishMandate(mandate) => mandate.content().withdrawn,
        Command::Genesis(_)
        | Command::Submit(_)
        | Command::Reject(_)
        | Command::Erase(_)
        | Command::PlaceHold(_)
        | Command::EnrolState(_)
        | Command::EnrolAgency(_)
        | Command::PublishDesks(_)
        | Command::Reinstate(_) => false,
    };
    match urgent {
        true => Class::Urgent,
        false => Class::Ordinary,
    }
}

impl Queue {
    /// Hands a principal's command of about `bytes` over and waits for its answer. It counts in the principal's share until
    /// it is answered, even if whoever asks goes away.
    pub(in crate::relay) async fn ask_for(
        &self,
        principal: &Principal,
        command: Command,
        bytes: usize,
        taken: Option<Taken>,
    ) -> Result<Answer, Refused> {
        let class = class_of(&command);
        let share = self.shares.take(principal, class, bytes).ok_or_else(|| {
            let sentence = "too many commands of yours are under way to the log";
            Refused::new(ErrorCode::Overloaded, sentence)
        })?;
        self.asked(command, bytes, Some(share), taken).await
    }

    /// The same of the relay's own.
    pub(in crate::relay) async fn ask(&self, command: Command, bytes: usize) -> Result<Answer, Refused> {
        self.asked(command, bytes, None, None).await
    }

    async fn asked(
        &self,
        command: Command,
        bytes: usize,
        share: Option<Share>,
        taken: Option<Taken>,
    ) -> Result<Answer, Refused> {
        let (answer, answered) = oneshot::channel();
        self.push(command, bytes, (answer, share, taken))
            .map_err(|gone| match gone {
                NotTaken::Full => Refused::new(ErrorCode::Overloaded, "too many commands wait for the log"),
                NotTaken::Gone => unknown(),
            })?;
        // The sequencer drops what it does not answer only when it fails: the block may have been written.
        answered.await.map_err(|_| unknown())
    }

    /// Hands a handover over, which nobody waits for.
    pub(in crate::relay) fn tell(&self, handover: HandOver) -> Result<(), QueueFull> {
        let place = Arc::clone(&self.handovers)
            .try_acquire_owned()
            .map_err(|_| QueueFull)?;
        match self.send(handed_over(handover, place)) {
            Ok(()) => Ok(()),
            Err(NotTaken::Full) => Err(QueueFull),
            // The engine is gone: there is no record any more that this could be in.
            Err(NotTaken::Gone) => Ok(()),
        }
    }

    /// The same, once there is room. Dropping the future withdraws it.
    pub(in crate::relay) async fn tell_later(&self, handover: HandOver) {
        let Ok(place) = Arc::clone(&self.handovers).acquire_owned().await else {
            return;
        };
        // An engine that is gone takes no more records.
        let _ = self
            .sender
            .send(Work::Decide(Box::new(handed_over(handover, place))))
            .await;
    }

    /// Lets the sequencer finish what is queued, and close.
    pub(in crate::relay) async fn close(&self) {
        let (done, finished) = oneshot::channel();
        if self.sender.send(Work::Close(done)).await.is_ok() {
            // Closed, or failed: both are an end.
            let _ = finished.await;
        }
    }

    /// Commands that wait.
    pub(in crate::relay) fn len(&self) -> usize {
        self.sender.max_capacity().saturating_sub(self.sender.capacity())
    }

    /// Commands with an answer that were let in since the beginning.
    #[cfg(test)]
    pub(in crate::relay) fn let_in(&self) -> usize {
        self.let_in.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Room taken by commands that are not answered yet, in units of bytes.
    #[cfg(test)]
    pub(in crate::relay) fn under_way(&self) -> usize {
        (limits::SEQUENCER_QUEUE_BYTES_MAX / UNIT_BYTES).saturating_sub(self.room.free())
    }

    fn push(
        &self,
        command: Command,
        bytes: usize,
        (answer, share, taken): (oneshot::Sender<Answer>, Option<Share>, Option<Taken>),
    ) -> Result<(), NotTaken> {
        let units = u32::try_from(bytes / UNIT_BYTES)
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let class = class_of(&command);
        let place = self.commands.take(class, 1)?;
        let room = self.room.take(class, units)?;
        self.send(Request {
            command,
            answering: Answering {
                answer: Some(answer),
                _room: Some(room),
                _share: share,
                taken,
            },
            _place: place,
        })?;
        #[cfg(test)]
        self.let_in.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }

    fn send(&self, request: Request) -> Result<(), NotTaken> {
        self.sender
            .try_send(Work::Decide(Box::new(request)))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => NotTaken::Full,
                mpsc::error::TrySendError::Closed(_) => NotTaken::Gone,
            })
    }
}

fn handed_over(handover: HandOver, place: OwnedSemaphorePermit) -> Request {
    Request {
        command: Command::HandOver(handover),
        answering: Answering {
            answer: None,
            _room: None,
            _share: None,
            taken: None,
        },
        _place: place,
    }
}

enum NotTaken {
    Full,
    Gone,
}

fn unknown() -> Refused {
    Refused::new(
        ErrorCode::Unavailable,
        "the engine stopped: whether it was recorded is not known",
    )
}
