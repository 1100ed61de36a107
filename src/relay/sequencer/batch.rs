//! A block under construction: what was decided, applied to a state that is not durable yet.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::super::delivery::hub::News;
use super::super::parts;
use super::queue::{Answer, Answering, Meter, Outcome};
use crate::domain::{Bucket, Digest, Erased, Hash, RecordKind};
use crate::journal::{Index, Part};
use crate::ledger::{Change, Decision, Directory, Facts, NewRecord, Overlay, ThreadKey, apply};
use crate::limits;
use crate::retention::Keyring;
use crate::transparency::Frontier;

/// A decision, with who waits for it.
pub(super) struct Decided {
    decision: Decision,
    answering: Answering,
    /// Of what lies beside its records.
    bucket: Option<Bucket>,
}

impl Decided {
    pub(super) fn new(decision: Decision, answering: Answering, bucket: Option<Bucket>) -> Self {
        Self {
            decision,
            answering,
            bucket,
        }
    }

    /// The bucket whose key what is stored is to be encrypted under.
    pub(super) fn bucket(&self) -> Option<Bucket> {
        let stores = self.records().iter().any(|record| !record.parts.is_empty());
        self.bucket.filter(|_| stores)
    }

    /// What it tells the erasure of.
    pub(super) fn erases(&self) -> Option<Erased> {
        self.records().iter().find_map(|new| match &new.record.kind {
            RecordKind::Erased(erased) => Some(*erased),
            _ => None,
        })
    }

    pub(super) fn answer(self, answer: Answer) {
        self.answering.answer(answer);
    }

    fn records(&self) -> &[NewRecord] {
        match &self.decision {
            Decision::Append { records, .. } => records,
            Decision::Reject { record, .. } => std::slice::from_ref(record),
            Decision::Existing(_) | Decision::Refuse(_) | Decision::Unrecorded => &[],
        }
    }
}

/// A block under construction.
pub(super) struct Batch {
    pub(super) records: Vec<Bytes>,
    pub(super) parts: Vec<Part>,
    /// The tree after the last record.
    pub(super) frontier: Frontier,
    /// What the records add to the tree, in stored order.
    pub(super) hashes: Vec<Hash>,
    /// What they change.
    pub(super) changes: Vec<Change>,
    /// Whose keys were destroyed for it: it is the first to tell.
    pub(super) erasing: BTreeSet<Bucket>,
    /// What it tells the erasure of.
    pub(super) told: BTreeSet<(u64, ThreadKey)>,
    pub(super) news: News,
    /// In the order of the commands.
    pub(super) outcomes: Vec<(Outcome, Answering)>,
    facts: Overlay<Index>,
    keyring: Arc<Keyring>,
    bytes: usize,
}

impl Batch {
    pub(super) fn new(index: &Index, frontier: Frontier, keyring: &Arc<Keyring>) -> Self {
        Self {
            records: Vec::new(),
            parts: Vec::new(),
            frontier,
            hashes: Vec::new(),
            changes: Vec::new(),
            erasing: BTreeSet::new(),
            told: BTreeSet::new(),
            news: News::default(),
            outcomes: Vec::new(),
            facts: Overlay::new(index.clone()),
            keyring: Arc::clone(keyring),
            bytes: 0,
        }
    }

    pub(super) fn facts(&self) -> &dyn Facts {
        &self.facts
    }

    pub(super) fn next_index(&self) -> u64 {
        self.frontier.size()
    }

    pub(super) fn commands(&self) -> usize {
        self.outcomes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn has_room_for(&self, decided: &Decided) -> bool {
        let records = decided.records();
        let more: usize = records.iter().map(bytes_of).sum();
        self.records.len().saturating_add(records.len()) <= limits::BLOCK_RECORDS_MAX
            && self.bytes.saturating_add(more) <= limits::BLOCK_BYTES_MAX
    }

    /// Adds what was decided, and applies its records. An error is the rules' own: they refuse what they decided.
    pub(super) fn add(&mut self, decided: Decided, directory: &mut Directory) -> Result<(), String> {
        let Decided {
            decision, answering, ..
        } = decided;
        let first = self.next_index();
        let outcome = match decision {
            Decision::Append { records, digest } => Outcome::Recorded {
                first,
                meter: records
                    .first()
                    .map_or(Meter::None, |first| meter_of(&first.record.kind)),
                records: self.append(records, directory)?,
                digest: digest.unwrap_or_default(),
            },
            Decision::Reject { record, refused } => {
                let digest = rejected_digest(&record.record.kind);
                let stored = record.bytes.clone();
                self.append(vec![*record], directory)?;
                Outcome::Rejected {
                    index: first,
                    record: stored,
                    digest,
                    refused,
                }
            }
            Decision::Existing(existing) => Outcome::Existing(existing),
            Decision::Refuse(refused) => Outcome::Refused(refused),
            Decision::Unrecorded => Outcome::Unrecorded,
        };
        self.outcomes.push((outcome, answering));
        Ok(())
    }

    fn append(&mut self, records: Vec<NewRecord>, directory: &mut Directory) -> Result<Vec<Bytes>, String> {
        let mut stored = Vec::with_capacity(records.len());
        for new in records {
            let index = self.next_index();
            let changes =
                apply(directory, &self.facts, index, new.leaf, &new.record).map_err(|e| e.to_string())?;
            let hashes = self.frontier.append(new.leaf).map_err(|e| e.to_string())?;
            self.hashes.extend(hashes);
            for change in &changes {
                self.news.note(change);
                if let Change::Erased { index, thread, .. } = change {
                    self.told.insert((*index, thread.clone()));
                }
            }
            self.changes.extend(changes.iter().cloned());
            self.facts.put(changes);
            self.bytes = self.bytes.saturating_add(bytes_of(&new));
            let bucket = match new.parts.is_empty() {
                true => None,
                false => self.bucket_of(&new)?,
            };
            for part in &new.parts {
                let part = parts::stored(index, part, bucket, &self.keyring);
                self.parts.push(part.map_err(|e| e.to_string())?);
            }
            self.records.push(new.bytes.clone());
            stored.push(new.bytes);
        }
        Ok(stored)
    }
}

impl Batch {
    /// The retention bucket of what lies beside a record that was applied.
    fn bucket_of(&self, new: &NewRecord) -> Result<Option<Bucket>, String> {
        let record = &new.record;
        let warning = match (&record.thread, &record.kind) {
            (Some(link), _) => Some(link.warning),
            (None, RecordKind::Accepted(accepted)) => Some(accepted.warning.digest()),
            (None, _) => None,
        };
        let fact = warning.map(|warning| self.facts.warning(&warning)).transpose();
        let fact = fact.map_err(|e| e.to_string())?.flatten();
        Ok(fact.map(|fact| fact.bucket(record.time)))
    }
}

/// What a record takes of a block, its parts included.
fn bytes_of(new: &NewRecord) -> usize {
    let parts: usize = new.parts.iter().map(parts::stored_bytes).sum();
    new.bytes.len().saturating_add(parts)
}

fn rejected_digest(kind: &RecordKind) -> Digest {
    match kind {
        RecordKind::Rejected(rejected) => rejected.digest,
        _ => Digest::default(),
    }
}

fn meter_of(kind: &RecordKind) -> Meter {
    match kind {
        RecordKind::Accepted(_) => Meter::Accepted,
        RecordKind::Acknowledged(_) => Meter::Acknowledged,
        RecordKind::StateEnrolled { .. }
        | RecordKind::AgencyEnrolled(_)
        | RecordKind::KeyPublished(_)
        | RecordKind::KeyRevoked(_)
        | RecordKind::RootSucceeded(_)
        | RecordKind::DesksPublished(_)
        | RecordKind::MandatePublished(_)
        | RecordKind::HoldPlaced(_)
        | RecordKind::AgencySuspended(_)
        | RecordKind::AgencyReinstated(_)
        | RecordKind::OperatorKeyPublished(_) => Meter::Directory,
        RecordKind::Genesis(_)
        | RecordKind::RelayStarted(_)
        | RecordKind::Rejected(_)
        | RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Erased(_)
        | RecordKind::Unknown => Meter::None,
    }
}
