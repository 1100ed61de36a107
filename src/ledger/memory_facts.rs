//! Facts in memory: for the auditor's replay, for simulations, and as an [`Overlay`] of what a batch of records
//! would change over what is durable.

use std::collections::{BTreeMap, BTreeSet};

use super::change::Change;
use super::facts::{Facts, FactsError, Hourly, IdFact, IdKey, ThreadFact, ThreadKey, WarningFact};
use crate::domain::{AgencyId, Bucket, DeskAddress, Digest, Hash, Lane, PayloadId, Principal};
use crate::time::Timestamp;
use crate::transparency::{EMPTY_ROOT, Frontier};

/// All facts of a log, in maps. Memory grows with the log: the engine keeps them on disk instead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryFacts {
    ids: BTreeMap<IdKey, IdFact>,
    warnings: BTreeMap<Digest, WarningFact>,
    warning_ids: BTreeSet<(PayloadId, Digest)>,
    threads: BTreeMap<ThreadKey, ThreadFact>,
    desks: BTreeMap<Digest, BTreeSet<DeskAddress>>,
    thread_records: BTreeMap<(ThreadKey, u64), u64>,
    inboxes: BTreeMap<(DeskAddress, u64), (Digest, u64)>,
    pending: BTreeMap<(DeskAddress, Option<Lane>, u64), Digest>,
    outgoing: BTreeMap<(AgencyId, u64), Digest>,
    kept: BTreeSet<(Bucket, u64, ThreadKey)>,
    rejected: BTreeMap<Principal, Hourly>,
    directory: BTreeMap<u64, u64>,
    last_time: Option<Timestamp>,
    frontier: Frontier,
    roots: Vec<Hash>,
    partial: bool,
}

impl MemoryFacts {
    /// No facts: those of an empty log, seen whole.
    pub fn new() -> Self {
        Self::default()
    }

    /// No facts yet of a log of which only a part will be seen.
    pub fn partial() -> Self {
        Self {
            partial: true,
            ..Self::default()
        }
    }

    /// Stores the changes of one record.
    pub fn put(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.put_one(change);
        }
    }

    /// Appends a leaf hash to the tree, so that [`Facts::root_at`] knows the size after it.
    pub fn append_leaf(&mut self, leaf: Hash) {
        // A log in memory never has 2^62 records.
        if self.frontier.append(leaf).is_ok() {
            self.roots.push(self.frontier.root());
        }
    }

    /// All warnings, by digest.
    pub fn warnings(&self) -> impl Iterator<Item = (&Digest, &WarningFact)> {
        self.warnings.iter()
    }

    /// All threads, those of one warning together, by desk.
    pub fn threads(&self) -> impl Iterator<Item = (&ThreadKey, &ThreadFact)> {
        self.threads.iter()
    }

    /// The indexes of a thread's records, in order.
    pub fn thread_records(&self, thread: &ThreadKey) -> Vec<u64> {
        self.thread_records
            .range((thread.clone(), 0)..=(thread.clone(), u64::MAX))
            .map(|(_, index)| *index)
            .collect()
    }

    /// What was routed to a desk: inbox number, warning, and index of the `ROUTED` record.
    pub fn inbox(&self, desk: &DeskAddress) -> Vec<(u64, Digest, u64)> {
        self.inboxes
            .range((desk.clone(), 0)..=(desk.clone(), u64::MAX))
            .map(|((_, number), (warning, index))| (*number, *warning, *index))
            .collect()
    }

    /// What waits for a desk, in the order of delivery.
    pub fn pending(&self, desk: &DeskAddress) -> Vec<(Option<Lane>, u64, Digest)> {
        self.pending
            .range((desk.clone(), None, 0)..)
            .take_while(|((of, _, _), _)| of == desk)
            .map(|((_, lane, number), warning)| (*lane, *number, *warning))
            .collect()
    }

    /// What is kept beside records, by bucket.
    pub fn kept(&self) -> impl Iterator<Item = &(Bucket, u64, ThreadKey)> {
        self.kept.iter()
    }

    fn put_one(&mut self, change: Change) {
        match change {
            Change::Time(time) => self.last_time = Some(time),
            Change::Id(key, fact) => {
                self.ids.insert(key, fact);
            }
            Change::Warning(digest, fact) => {
                self.warning_ids.insert((fact.id, digest));
                self.warnings.insert(digest, fact);
            }
            Change::Thread(key, fact) => {
                let desks = self.desks.entry(key.warning).or_default();
                if !desks.contains(&key.desk) {
                    desks.insert(key.desk.clone());
                }
                self.threads.insert(key, fact);
            }
            Change::ThreadRecord { thread, seq, index } => {
                self.thread_records.insert((thread, seq), index);
            }
            Change::Inbox {
                desk,
                number,
                warning,
                index,
            } => {
                self.inboxes.insert((desk, number), (warning, index));
            }
            Change::Pending {
                desk,
                lane,
                number,
                warning,
            } => {
                self.pending.insert((desk, Some(lane), number), warning);
            }
            Change::Settled {
                desk, lane, number, ..
            } => {
                self.pending.remove(&(desk, lane, number));
            }
            Change::Outgoing {
                agency,
                index,
                warning,
            } => {
                self.outgoing.insert((agency, index), warning);
            }
            Change::Kept {
                bucket,
                index,
                thread,
            } => {
                self.kept.insert((bucket, index, thread));
            }
            Change::Erased {
                bucket,
                index,
                thread,
            } => {
                self.kept.remove(&(bucket, index, thread));
            }
            Change::Rejected(principal, count) => {
                self.rejected.insert(principal, count);
            }
            Change::DirectoryRecord { seq, index } => {
                self.directory.insert(seq, index);
            }
        }
    }
}

impl Facts for MemoryFacts {
    fn id(&self, key: &IdKey) -> Result<Option<IdFact>, FactsError> {
        Ok(self.ids.get(key).copied())
    }

    fn warning(&self, digest: &Digest) -> Result<Option<WarningFact>, FactsError> {
        Ok(self.warnings.get(digest).cloned())
    }

    fn warnings_with_id(&self, id: &PayloadId) -> Result<Vec<Digest>, FactsError> {
        let range = (*id, Digest([0; 32]))..=(*id, Digest([0xff; 32]));
        Ok(self.warning_ids.range(range).map(|(_, digest)| *digest).collect())
    }

    fn desks(&self, warning: &Digest) -> Result<Vec<DeskAddress>, FactsError> {
        let desks = self.desks.get(warning);
        Ok(desks
            .map(|desks| desks.iter().cloned().collect())
            .unwrap_or_default())
    }

    fn thread(&self, key: &ThreadKey) -> Result<Option<ThreadFact>, FactsError> {
        Ok(self.threads.get(key).cloned())
    }

    fn inbox_count(&self, desk: &DeskAddress) -> Result<u64, FactsError> {
        let newest = self
            .inboxes
            .range((desk.clone(), 0)..=(desk.clone(), u64::MAX))
            .next_back();
        Ok(newest.map_or(0, |((_, number), _)| *number))
    }

    fn rejected(&self, principal: &Principal) -> Result<Hourly, FactsError> {
        Ok(self.rejected.get(principal).copied().unwrap_or_default())
    }

    fn last_time(&self) -> Result<Option<Timestamp>, FactsError> {
        Ok(self.last_time)
    }

    fn root_at(&self, size: u64) -> Result<Option<Hash>, FactsError> {
        let Some(last) = size.checked_sub(1) else {
            return Ok(Some(EMPTY_ROOT));
        };
        Ok(usize::try_from(last)
            .ok()
            .and_then(|last| self.roots.get(last))
            .copied())
    }

    fn is_whole(&self) -> bool {
        !self.partial
    }
}

/// Facts over other facts: what is put here hides what lies below.
///
/// An engine decides a batch on an overlay over what is durable and derived; what the overlay holds may be dropped
/// once the facts below have it too.
#[derive(Debug, Clone, Default)]
pub struct Overlay<B> {
    base: B,
    over: MemoryFacts,
}

impl<B: Facts> Overlay<B> {
    /// Nothing over `base`.
    pub fn new(base: B) -> Self {
        Self {
            base,
            over: MemoryFacts::new(),
        }
    }

    /// What lies below.
    pub fn base(&self) -> &B {
        &self.base
    }

    /// Stores the changes of one record over what lies below.
    pub fn put(&mut self, changes: Vec<Change>) {
        self.over.put(changes);
    }

    /// Forgets what was put, once `base` has it.
    pub fn clear(&mut self) {
        self.over = MemoryFacts::new();
    }
}

impl<B: Facts> Facts for Overlay<B> {
    fn id(&self, key: &IdKey) -> Result<Option<IdFact>, FactsError> {
        match self.over.id(key)? {
            Some(fact) => Ok(Some(fact)),
            None => self.base.id(key),
        }
    }

    fn warning(&self, digest: &Digest) -> Result<Option<WarningFact>, FactsError> {
        match self.over.warning(digest)? {
            Some(fact) => Ok(Some(fact)),
            None => self.base.warning(digest),
        }
    }

    fn warnings_with_id(&self, id: &PayloadId) -> Result<Vec<Digest>, FactsError> {
        let mut all = self.base.warnings_with_id(id)?;
        all.extend(self.over.warnings_with_id(id)?);
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    fn desks(&self, warning: &Digest) -> Result<Vec<DeskAddress>, FactsError> {
        let mut all = self.base.desks(warning)?;
        all.extend(self.over.desks(warning)?);
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    fn thread(&self, key: &ThreadKey) -> Result<Option<ThreadFact>, FactsError> {
        match self.over.thread(key)? {
            Some(fact) => Ok(Some(fact)),
            None => self.base.thread(key),
        }
    }

    fn inbox_count(&self, desk: &DeskAddress) -> Result<u64, FactsError> {
        match self.over.inbox_count(desk)? {
            0 => self.base.inbox_count(desk),
            count => Ok(count),
        }
    }

    fn rejected(&self, principal: &Principal) -> Result<Hourly, FactsError> {
        match self.over.rejected.get(principal) {
            Some(count) => Ok(*count),
            None => self.base.rejected(principal),
        }
    }

    fn last_time(&self) -> Result<Option<Timestamp>, FactsError> {
        match self.over.last_time {
            Some(time) => Ok(Some(time)),
            None => self.base.last_time(),
        }
    }

    /// Of what lies below only: a speculative root was never signed, so no honest signer has seen it.
    fn root_at(&self, size: u64) -> Result<Option<Hash>, FactsError> {
        self.base.root_at(size)
    }

    fn is_whole(&self) -> bool {
        self.base.is_whole()
    }

    fn is_for_delivery(&self) -> bool {
        self.base.is_for_delivery()
    }
}
