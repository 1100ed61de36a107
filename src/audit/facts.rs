//! The auditor's facts: the ledger's own, and whether they are of all records. They are whole until the first index comes as a
//! leaf hash; from then on nothing is held against the log that a part cannot tell.
//!
//! In front is a bounded map of what is new; behind it, if there is a state, its store. Without one all of it is in memory,
//! which then grows with the log.

use std::collections::{BTreeMap, HashMap};

use super::carried::Few;
use super::state::{State, StateError};
use super::store::{DirectoryRecord, Gathered};
use super::tree::Tree;
use crate::domain::{DeskAddress, Digest, DirectoryLink, Hash, PayloadId, Principal, Step};
use crate::ledger::{
    AcceptanceFact, Change, Facts, FactsError, Hourly, IdFact, IdKey, ThreadFact, ThreadKey, WarningFact,
};
use crate::limits;
use crate::time::Timestamp;

/// Facts gathered from a replay.
#[derive(Debug, Default)]
pub(super) struct AuditFacts {
    tree: Tree,
    state: Option<State>,
    front_max: usize,
    // What the store does not have yet.
    ids: HashMap<IdKey, IdFact>,
    threads: HashMap<ThreadKey, ThreadFact>,
    directory: Vec<DirectoryRecord>,
    /// The warning that was accepted last, as long as nothing was moved since: whatever is of it is in front.
    newest: Option<Digest>,
    // What is few.
    last_time: Option<Timestamp>,
    inbox_counts: HashMap<DeskAddress, u64>,
    rejected: BTreeMap<Principal, Hourly>,
    begun: u64,
    steps: BTreeMap<Step, u64>,
    /// Warnings whose body is told to be erased in some of their threads and not yet in all: by acceptance, in how many.
    told: BTreeMap<u64, u32>,
    partial: bool,
    /// The most new facts that were in front at once.
    #[cfg(test)]
    most_in_front: usize,
}

impl AuditFacts {
    /// Facts that a state keeps: none yet, or what it had. `front_max`: how many new ones are held in memory.
    pub(super) fn kept_in(state: State, tree: Tree, front_max: usize) -> Self {
        let at_once = front_max.min(limits::AUDIT_FRONT_MAX);
        Self {
            state: Some(state),
            tree,
            front_max,
            // What is full is moved, so these never grow: about two ids for each thread.
            ids: HashMap::with_capacity(at_once.saturating_mul(3) / 4),
            threads: HashMap::with_capacity(at_once.saturating_mul(3) / 8),
            ..Self::default()
        }
    }

    /// Takes up what an earlier run carried on.
    pub(super) fn take_up(&mut self, few: &Few, partial: bool) -> Result<(), StateError> {
        let unreadable = || StateError::damaged("what was counted does not read");
        self.partial = partial;
        self.last_time = few.last_time_ms.map(Timestamp::from_unix_ms);
        self.begun = few.threads;
        for (desk, number) in &few.inbox_counts {
            let desk = desk.parse().map_err(|_| unreadable())?;
            self.inbox_counts.insert(desk, *number);
        }
        for (principal, (hour, count)) in &few.rejected {
            let principal = principal.parse().map_err(|_| unreadable())?;
            let (hour, count) = (*hour, *count);
            self.rejected.insert(principal, Hourly { hour, count });
        }
        for (step, count) in &few.steps {
            let step = Step::from_number(*step).ok_or_else(unreadable)?;
            self.steps.insert(step, *count);
        }
        self.told.clone_from(&few.told);
        Ok(())
    }

    /// What a next run takes up.
    pub(super) fn few(&self) -> Few {
        let counts = self.inbox_counts.iter();
        let rejected = self.rejected.iter();
        Few {
            last_time_ms: self.last_time.map(Timestamp::unix_ms),
            inbox_counts: counts.map(|(desk, number)| (desk.to_string(), *number)).collect(),
            rejected: rejected
                .map(|(principal, it)| (principal.to_string(), (it.hour, it.count)))
                .collect(),
            threads: self.begun,
            steps: self
                .steps
                .iter()
                .map(|(step, count)| (step.number(), *count))
                .collect(),
            told: self.told.clone(),
            ..Few::default()
        }
    }

    /// One more of a warning's threads tells that its body is erased; whether it is the first of them.
    pub(super) fn body_told(&mut self, of: &AcceptanceFact) -> bool {
        let told = self.told.entry(of.accepted).or_default();
        *told = told.saturating_add(1);
        let first = *told == 1;
        if *told >= of.routed {
            self.told.remove(&of.accepted);
        }
        first
    }

    /// Bodies that some of their warning's threads tell to be erased and others do not.
    pub(super) fn told_in_part(&self) -> u64 {
        self.told.len() as u64
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn tree_mut(&mut self) -> &mut Tree {
        &mut self.tree
    }

    /// The state, and the tree that is its; none: all is in memory.
    pub(super) fn state_mut(&mut self) -> Option<(&mut State, &mut Tree)> {
        Some((self.state.as_mut()?, &mut self.tree))
    }

    pub(super) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// How many threads there are, and by their steps.
    pub(super) fn threads(&self) -> (u64, &BTreeMap<Step, u64>) {
        (self.begun, &self.steps)
    }

    /// A record was not shown.
    pub(super) fn not_whole(&mut self) {
        self.partial = true;
    }

    /// Stores the changes of one record, and leaves none.
    pub(super) fn put(&mut self, changes: &mut Vec<Change>) -> Result<(), FactsError> {
        for change in changes.drain(..) {
            match change {
                Change::Time(time) => self.last_time = Some(time),
                Change::Id(key, fact) => drop(self.ids.insert(key, fact)),
                Change::Warning(digest, _) => self.newest = Some(digest),
                Change::Thread(key, fact) => self.put_thread(key, fact)?,
                Change::Inbox { desk, number, .. } => drop(self.inbox_counts.insert(desk, number)),
                Change::Rejected(principal, count) => drop(self.rejected.insert(principal, count)),
                // An auditor delivers nothing and is asked by nobody.
                Change::ThreadRecord { .. }
                | Change::Pending { .. }
                | Change::Settled { .. }
                | Change::Outgoing { .. }
                | Change::Kept { .. }
                | Change::Erased { .. }
                | Change::DirectoryRecord { .. } => {}
            }
        }
        Ok(())
    }

    fn put_thread(&mut self, key: ThreadKey, fact: ThreadFact) -> Result<(), FactsError> {
        let step = fact.step;
        let before = match self.threads.get_mut(&key) {
            Some(newest) => Some(std::mem::replace(newest, fact).step),
            None => {
                let before = self.thread(&key)?.map(|before| before.step);
                self.threads.insert(key, fact);
                before
            }
        };
        if before == Some(step) {
            return Ok(());
        }
        match before {
            Some(before) => {
                let count = self.steps.entry(before).or_default();
                *count = count.saturating_sub(1);
            }
            None => self.begun = self.begun.saturating_add(1),
        }
        let count = self.steps.entry(step).or_default();
        *count = count.saturating_add(1);
        Ok(())
    }

    /// Keeps a record of the directory's chain, from which the next run makes the directory.
    pub(super) fn put_directory(&mut self, link: DirectoryLink, index: u64, leaf: Hash, bytes: &[u8]) {
        if self.state.is_some() {
            let (seq, bytes) = (link.seq, bytes.to_vec());
            self.directory.push(DirectoryRecord {
                seq,
                index,
                leaf,
                bytes,
            });
        }
    }

    /// Moves what is new to the store if it is much; to be called after each record.
    pub(super) fn spill(&mut self) -> Result<(), StateError> {
        if self.state.is_none() {
            return Ok(());
        }
        self.tree.spill()?;
        let new = self.ids.len().saturating_add(self.threads.len());
        let new = new.saturating_add(self.directory.len());
        #[cfg(test)]
        {
            self.most_in_front = self.most_in_front.max(new);
        }
        match new > self.front_max {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// How many new facts were in front at once, at the most.
    #[cfg(test)]
    pub(super) fn most_in_front(&self) -> usize {
        self.most_in_front
    }

    /// Moves all that is new to the store.
    pub(super) fn flush(&mut self) -> Result<(), StateError> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        let gathered = Gathered {
            ids: self
                .ids
                .drain()
                .map(|(key, fact)| (key.to_bytes(), fact.to_bytes()))
                .collect(),
            threads: self
                .threads
                .drain()
                .map(|(key, fact)| (key.to_bytes(), fact.to_bytes()))
                .collect(),
            directory: std::mem::take(&mut self.directory),
        };
        self.newest = None;
        state.store.put(gathered)
    }
}

/// What is asked of the store is asked because the rules need it: they get its failure as theirs.
fn failed(error: StateError) -> FactsError {
    FactsError(error.to_string())
}

/// Whoever only applies does not ask.
fn not_kept() -> FactsError {
    FactsError("an auditor keeps no facts that only decisions need".to_owned())
}

impl Facts for AuditFacts {
    fn id(&self, key: &IdKey) -> Result<Option<IdFact>, FactsError> {
        match (self.ids.get(key), &self.state) {
            (Some(fact), _) => Ok(Some(*fact)),
            (None, Some(state)) => state.store.id(key).map_err(failed),
            (None, None) => Ok(None),
        }
    }

    fn warning(&self, _: &Digest) -> Result<Option<WarningFact>, FactsError> {
        Err(not_kept())
    }

    fn warnings_with_id(&self, _: &PayloadId) -> Result<Vec<Digest>, FactsError> {
        Err(not_kept())
    }

    fn desks(&self, _: &Digest) -> Result<Vec<DeskAddress>, FactsError> {
        Err(not_kept())
    }

    fn thread(&self, key: &ThreadKey) -> Result<Option<ThreadFact>, FactsError> {
        match (self.threads.get(key), &self.state) {
            (Some(fact), _) => Ok(Some(fact.clone())),
            // Where all is seen, no thread stands before its acceptance.
            (None, Some(state)) if self.partial || self.newest != Some(key.warning) => {
                state.store.thread(key).map_err(failed)
            }
            (None, _) => Ok(None),
        }
    }

    fn inbox_count(&self, desk: &DeskAddress) -> Result<u64, FactsError> {
        Ok(self.inbox_counts.get(desk).copied().unwrap_or_default())
    }

    fn rejected(&self, principal: &Principal) -> Result<Hourly, FactsError> {
        Ok(self.rejected.get(principal).copied().unwrap_or_default())
    }

    fn last_time(&self) -> Result<Option<Timestamp>, FactsError> {
        Ok(self.last_time)
    }

    fn root_at(&self, size: u64) -> Result<Option<Hash>, FactsError> {
        self.tree.root_at(size).map_err(failed)
    }

    fn is_whole(&self) -> bool {
        !self.partial
    }

    fn is_for_delivery(&self) -> bool {
        false
    }
}
