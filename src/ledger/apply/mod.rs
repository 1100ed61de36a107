//! The rules, backwards: what a record changes. One function serves the append, the restart and the auditor's replay.
//!
//! It holds a record to its place (chain, thread, acceptance, ids, time) and re-derives the routing; signatures are
//! [`verify_record`](super::verify_record)'s, which an auditor calls first. Kinds of a later version pass: they hash and chain.

mod directory;
mod exchange;

pub(super) use directory::directory_after_genesis;

use super::change::Change;
use super::directory::{Directory, Open};
use super::facts::{Facts, FactsError, IdFact, IdKey};
use super::prepared::{Ahead, Prepared};
use super::retained::Retained;
use crate::domain::{Common, Digest, Hash, PayloadId, Record, RecordKind};
use crate::seal::PayloadKind;

/// A record that cannot stand where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {index}: {what}")]
pub struct Corrupt {
    /// Which record.
    pub index: u64,
    /// What is wrong with it.
    pub what: String,
}

impl Corrupt {
    pub(super) fn new(index: u64, what: impl Into<String>) -> Self {
        Self {
            index,
            what: what.into(),
        }
    }
}

/// Why a record was not applied. The directory is then not to be used further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The record cannot stand there.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The facts could not be read.
    #[error(transparent)]
    Facts(#[from] FactsError),
}

/// Applies the record at `index`, whose stored bytes have the hash `leaf`: changes the directory, and gives what
/// changes in the facts.
pub fn apply(
    directory: &mut Directory,
    facts: &dyn Facts,
    index: u64,
    leaf: Hash,
    record: &Record,
) -> Result<Vec<Change>, ApplyError> {
    let changes = Vec::with_capacity(CHANGES_FEW);
    applied(directory, facts, index, leaf, record, &Ahead::default(), changes)
}

/// The same of a record of which some was read ahead. The changes are put into `room`, which is empty and may have been used
/// before: whoever applies millions of records allocates it once.
pub fn apply_prepared(
    directory: &mut Directory,
    facts: &dyn Facts,
    index: u64,
    leaf: Hash,
    prepared: &Prepared,
    room: Vec<Change>,
) -> Result<Vec<Change>, ApplyError> {
    applied(
        directory,
        facts,
        index,
        leaf,
        prepared.record(),
        prepared.ahead(),
        room,
    )
}

fn applied(
    directory: &mut Directory,
    facts: &dyn Facts,
    index: u64,
    leaf: Hash,
    record: &Record,
    ahead: &Ahead,
    changes: Vec<Change>,
) -> Result<Vec<Change>, ApplyError> {
    let mut applying = Applying {
        directory,
        facts,
        index,
        leaf,
        record,
        ahead,
        changes,
    };
    applying.changes.push(Change::Time(record.time));
    applying.run()?;
    Ok(applying.changes)
}

/// What stands before the keys that an enrolment lists.
const ENROLMENT_UNFINISHED: &str = "not all keys of an enrolment stand before it";

/// More than a record usually changes.
const CHANGES_FEW: usize = 6;

struct Applying<'a> {
    directory: &'a mut Directory,
    facts: &'a dyn Facts,
    index: u64,
    leaf: Hash,
    record: &'a Record,
    ahead: &'a Ahead,
    changes: Vec<Change>,
}

impl Applying<'_> {
    fn run(&mut self) -> Result<(), ApplyError> {
        if self
            .facts
            .last_time()?
            .is_some_and(|last| self.record.time < last)
        {
            return Err(self
                .corrupt("its time lies before the time of an earlier record")
                .into());
        }
        let routed = matches!(self.record.kind, RecordKind::Routed(_));
        if !routed && matches!(self.directory.open, Some(Open::Acceptance { .. })) {
            return Err(self
                .corrupt("not all ROUTED records of an acceptance stand before it")
                .into());
        }
        let key = matches!(self.record.kind, RecordKind::KeyPublished(_));
        if !key && matches!(self.directory.open, Some(Open::Enrolment { .. })) {
            return Err(self.corrupt(ENROLMENT_UNFINISHED).into());
        }
        self.check_links()?;
        match &self.record.kind {
            RecordKind::Genesis(_)
            | RecordKind::StateEnrolled { .. }
            | RecordKind::AgencyEnrolled(_)
            | RecordKind::KeyPublished(_)
            | RecordKind::KeyRevoked(_)
            | RecordKind::RootSucceeded(_)
            | RecordKind::DesksPublished(_)
            | RecordKind::MandatePublished(_)
            | RecordKind::HoldPlaced(_)
            | RecordKind::AgencySuspended(_)
            | RecordKind::AgencyReinstated(_)
            | RecordKind::OperatorKeyPublished(_) => self.directory_record(),
            RecordKind::RelayStarted(started) => {
                let retained = &mut self.directory.retained;
                retained.started(started.retention, self.record.time);
                Ok(())
            }
            RecordKind::Accepted(accepted) => self.accepted(accepted),
            RecordKind::Rejected(rejected) => self.rejected(rejected),
            RecordKind::Routed(routed) => self.routed(routed),
            RecordKind::HandedOver(handed_over) => self.handed_over(handed_over),
            RecordKind::Erased(erased) => self.erased(erased),
            RecordKind::Acknowledged(envelope) => self.acknowledged(envelope),
            RecordKind::Unknown => self.unknown(),
        }
    }

    /// A known kind is linked as its kind says; an unknown one may be in either chain.
    fn check_links(&self) -> Result<(), Corrupt> {
        let (thread, directory) = match links_of(&self.record.kind) {
            Links::None => (false, false),
            Links::Thread => (true, false),
            Links::Directory => (false, true),
            Links::Any => return Ok(()),
        };
        if self.record.thread.is_some() != thread || self.record.directory.is_some() != directory {
            return Err(self.corrupt("its links are not those of its kind"));
        }
        Ok(())
    }

    fn directory_record(&mut self) -> Result<(), ApplyError> {
        let used = self.directory.follow_record(self.index, self.leaf, self.record)?;
        if matches!(self.record.kind, RecordKind::Genesis(_)) && !self.facts.is_for_delivery() {
            self.directory.retained = Retained::from_genesis();
        }
        for (key, fact) in used {
            self.use_up(key, fact)?;
        }
        self.chained();
        Ok(())
    }

    fn unknown(&mut self) -> Result<(), ApplyError> {
        if self.record.directory.is_some() {
            self.directory.follow_record(self.index, self.leaf, self.record)?;
            self.chained();
        }
        if let Some(link) = &self.record.thread {
            let (key, mut thread) = self.next_in_thread(link)?;
            thread.prev = self.leaf;
            thread.seq = link.seq;
            self.thread_record(key, thread);
        }
        Ok(())
    }

    fn chained(&mut self) {
        if let Some(link) = self.record.directory {
            let index = self.index;
            self.changes
                .push(Change::DirectoryRecord { seq: link.seq, index });
        }
    }

    /// An id is used once.
    fn use_up(&mut self, key: IdKey, fact: IdFact) -> Result<(), ApplyError> {
        if self.facts.id(&key)?.is_some() {
            return Err(self.used_before(&key.id).into());
        }
        self.changes.push(Change::Id(key, fact));
        Ok(())
    }

    fn used_before(&self, id: &PayloadId) -> Corrupt {
        self.corrupt(format!("the id {id} was used before"))
    }

    fn corrupt(&self, what: impl Into<String>) -> Corrupt {
        Corrupt::new(self.index, what)
    }
}

/// Where records of a kind are linked.
enum Links {
    None,
    Thread,
    Directory,
    Any,
}

const fn links_of(kind: &RecordKind) -> Links {
    match kind {
        RecordKind::Genesis(_)
        | RecordKind::StateEnrolled { .. }
        | RecordKind::AgencyEnrolled(_)
        | RecordKind::KeyPublished(_)
        | RecordKind::KeyRevoked(_)
        | RecordKind::RootSucceeded(_)
        | RecordKind::DesksPublished(_)
        | RecordKind::MandatePublished(_)
        | RecordKind::HoldPlaced(_)
        | RecordKind::AgencySuspended(_)
        | RecordKind::AgencyReinstated(_)
        | RecordKind::OperatorKeyPublished(_) => Links::Directory,
        RecordKind::RelayStarted(_) | RecordKind::Accepted(_) | RecordKind::Rejected(_) => Links::None,
        RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Acknowledged(_)
        | RecordKind::Erased(_) => Links::Thread,
        RecordKind::Unknown => Links::Any,
    }
}

/// The id that a recorded payload uses up, and the fact of it.
fn used_id(
    index: u64,
    records: u32,
    kind: PayloadKind,
    common: &Common,
    digest: Digest,
) -> Result<(IdKey, IdFact), Corrupt> {
    let signer = common
        .named()
        .ok_or_else(|| Corrupt::new(index, "its signer is not named"))?;
    let key = IdKey {
        principal: signer.principal.clone(),
        kind,
        id: common.id,
    };
    let fact = IdFact {
        digest,
        index,
        records,
        rejected: None,
    };
    Ok((key, fact))
}
