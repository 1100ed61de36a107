//! The auditor's facts: the ledger's own, in memory, and whether they are of all records. They are whole until the
//! first index comes as a leaf hash; from then on nothing is held against the log that a part cannot tell.

use crate::domain::{DeskAddress, Digest, Hash, PayloadId, Principal};
use crate::ledger::{
    Change, Facts, FactsError, Hourly, IdFact, IdKey, MemoryFacts, ThreadFact, ThreadKey, WarningFact,
};
use crate::time::Timestamp;
use crate::transparency::{Frontier, InvalidFrontier};

/// Facts gathered from a replay. Memory grows with the log: 32 bytes a record, and the facts of each warning.
#[derive(Debug, Default)]
pub(super) struct AuditFacts {
    facts: MemoryFacts,
    frontier: Frontier,
    partial: bool,
}

impl AuditFacts {
    /// How many leaf hashes were appended.
    pub(super) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root over them.
    pub(super) fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Appends a leaf hash; fails only beyond the largest log.
    pub(super) fn append(&mut self, leaf: Hash) -> Result<(), InvalidFrontier> {
        self.frontier.append(leaf)?;
        self.facts.append_leaf(leaf);
        Ok(())
    }

    /// A record was not shown.
    pub(super) fn not_whole(&mut self) {
        self.partial = true;
    }

    pub(super) fn put(&mut self, changes: Vec<Change>) {
        self.facts.put(changes);
    }

    pub(super) fn threads(&self) -> impl Iterator<Item = (&ThreadKey, &ThreadFact)> {
        self.facts.threads()
    }
}

impl Facts for AuditFacts {
    fn id(&self, key: &IdKey) -> Result<Option<IdFact>, FactsError> {
        self.facts.id(key)
    }
    fn warning(&self, digest: &Digest) -> Result<Option<WarningFact>, FactsError> {
        self.facts.warning(digest)
    }
    fn warnings_with_id(&self, id: &PayloadId) -> Result<Vec<Digest>, FactsError> {
        self.facts.warnings_with_id(id)
    }
    fn desks(&self, warning: &Digest) -> Result<Vec<DeskAddress>, FactsError> {
        self.facts.desks(warning)
    }
    fn thread(&self, key: &ThreadKey) -> Result<Option<ThreadFact>, FactsError> {
        self.facts.thread(key)
    }
    fn inbox_count(&self, desk: &DeskAddress) -> Result<u64, FactsError> {
        self.facts.inbox_count(desk)
    }
    fn rejected(&self, principal: &Principal) -> Result<Hourly, FactsError> {
        self.facts.rejected(principal)
    }
    fn last_time(&self) -> Result<Option<Timestamp>, FactsError> {
        self.facts.last_time()
    }
    fn root_at(&self, size: u64) -> Result<Option<Hash>, FactsError> {
        self.facts.root_at(size)
    }
    fn is_whole(&self) -> bool {
        !self.partial
    }
}
