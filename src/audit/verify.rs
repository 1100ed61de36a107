//! The verifier: fed a signed checkpoint and then every index in order, it checks all that can be checked without
//! trusting anyone, and stops at the first thing that is wrong.
//!
//! Pure: no I/O and no clock. The order of the checks is the order in which a record can be believed: its place and leaf
//! hash, its signatures with the keys valid at its index, what its signer had seen, what lies beside it, and only then
//! what it changes. What is out of scope comes as a leaf hash and still counts in the tree.

use std::collections::{HashMap, VecDeque};

use super::beside::{self, Beside};
use super::carried::Verified;
use super::envelopes::each_envelope;
use super::facts::AuditFacts;
use super::fault::{Fault, Wrong};
use super::gathering::Gathering;
use super::ready::{Read, Ready};
use super::report::{Counts, Report};
use super::state::{State, StateError};
use super::timeline::Timeline;
use super::tree::Tree;
use super::withheld::Withheld;
use crate::domain::{
    AgencyId, AgencyKind, DeskAddress, Hash, Record, RecordKind, ReplayedContent, ReplayedRecord, Step,
};
use crate::ledger::{
    ApplyError, Change, Directory, Facts, KeyEntry, Prepared, apply_prepared, seen, verify_prepared,
};
use crate::seal::PublicKey;
use crate::transparency::{Checkpoint, LogVerifier, SignedCheckpoint};
use crate::wire;

/// Checks a replay, index by index.
#[derive(Debug)]
pub struct Verifier {
    log: LogVerifier,
    checkpoint: SignedCheckpoint,
    before: Vec<Checkpoint>,
    viewer: Option<AgencyId>,
    pub(super) directory: Directory,
    pub(super) facts: AuditFacts,
    /// Room for what a record changes, made once.
    changes: Vec<Change>,
    /// The acceptance whose `ROUTED` records are due, and their leaf hashes.
    pub(super) routings: Option<(u64, VecDeque<Hash>)>,
    /// Its body was not shown.
    pub(super) body_absent: bool,
    inboxes: HashMap<DeskAddress, u64>,
    withheld: Withheld,
    pub(super) counts: Counts,
    gathering: Option<Gathering>,
    /// How many records an earlier run has verified, and who admitted the viewer then.
    resumed: Option<(u64, Vec<String>)>,
    /// How much of the log a signer's `seen` has vouched for.
    vouched: u64,
}

/// Why the verifier stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// The log, or what was shown of it, is bad.
    Fault(Fault),
    /// The auditor's own state failed.
    State(StateError),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// What a replay without a fault gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many of each thing were checked.
    pub report: Report,
    /// What it tells, if it was asked to.
    pub timeline: Option<Timeline>,
}

impl Verifier {
    /// Begins with the checkpoint that the replay is of, which must be signed by the pinned log.
    pub fn new(log: LogVerifier, checkpoint: &str) -> Result<Self, Fault> {
        let checkpoint = log
            .open(checkpoint)
            .map_err(|error| Fault::whole(Wrong::Checkpoint(error)))?;
        Ok(Self {
            log,
            checkpoint,
            before: Vec::new(),
            viewer: None,
            directory: Directory::default(),
            facts: AuditFacts::default(),
            changes: Vec::new(),
            routings: None,
            body_absent: false,
            inboxes: HashMap::new(),
            withheld: Withheld::default(),
            counts: Counts::default(),
            gathering: None,
            resumed: None,
            vouched: 0,
        })
    }

    /// Keeps its facts in an empty state.
    pub(super) fn kept_in(mut self, state: State, tree: Tree, front_max: usize) -> Self {
        self.facts = AuditFacts::kept_in(state, tree, front_max);
        self
    }

    /// Goes on where an earlier run ended: the state is of that log and viewer.
    pub(super) fn going_on(
        mut self,
        state: State,
        tree: Tree,
        verified: Verified,
        front_max: usize,
    ) -> Result<Self, StateError> {
        let unreadable = |_| StateError::damaged("a record of its directory does not read");
        for kept in state.store.directory()? {
            let record = wire::record(&kept.bytes).map_err(|_| unreadable(()))?;
            let followed = self.directory.follow(kept.index, kept.leaf, &record);
            followed.map_err(|_| unreadable(()))?;
        }
        self.facts = AuditFacts::kept_in(state, tree, front_max);
        self.facts.take_up(&verified.few, verified.withheld.is_some())?;
        self.directory.retained = verified.few.retained()?;
        for (desk, number) in &verified.inboxes {
            let desk = desk
                .parse()
                .map_err(|_| StateError::damaged("a desk of it does not read"))?;
            self.inboxes.insert(desk, *number);
        }
        self.withheld = Withheld::taken_up(verified.withheld, verified.which_withheld, verified.size)?;
        self.counts = verified.counts;
        self.resumed = Some((verified.size, verified.mandators));
        Ok(self)
    }

    /// Also holds the log to a checkpoint that was verified before.
    pub fn continuing(mut self, before: Checkpoint) -> Result<Self, Fault> {
        let now = self.checkpoint.size();
        if before.size > now {
            return Err(Fault::whole(Wrong::Shrunk {
                before: before.size,
                now,
            }));
        }
        self.before.push(before);
        Ok(self)
    }

    /// Also holds the relay to what this agency or auditor may see.
    #[must_use]
    pub fn viewed_by(mut self, viewer: AgencyId) -> Self {
        self.viewer = Some(viewer);
        self
    }

    /// Also gathers a timeline, whose memory grows with the log.
    #[must_use]
    pub fn telling(mut self) -> Self {
        self.gathering = Some(Gathering::default());
        self
    }

    /// The checkpoint that the replay is of.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// How many indexes were shown, the bad one included.
    pub fn shown(&self) -> u64 {
        self.facts.tree().size()
    }

    /// The root of the first `size` of them.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.facts.root_at(size).ok().flatten()
    }

    /// How many of them are the log as somebody had seen it who signed in it: what differs stands at this index or after.
    pub fn vouched(&self) -> u64 {
        self.vouched
    }

    /// Checks the next index; the record, if it is in scope. After a fault nothing more is to be fed.
    pub fn feed(&mut self, shown: &ReplayedRecord) -> Result<Option<Record>, Fault> {
        let ready = Ready::unchecked(shown.clone());
        match self.take(&ready) {
            Ok(()) => Ok(ready.into_record()),
            Err(Stop::Fault(fault)) => Err(fault),
            // Whoever feeds a verifier keeps all in memory, and that does not fail.
            Err(Stop::State(error)) => Err(Fault::at(shown.index, Wrong::Misplaced(error.to_string()))),
        }
    }

    /// The same of an index of which some was checked ahead; the outcome does not depend on how much.
    pub(super) fn take(&mut self, ready: &Ready) -> Result<(), Stop> {
        let shown = ready.shown();
        let index = self.facts.tree().size();
        let at = |wrong| Fault::at(index, wrong);
        if shown.index != index {
            return Err(at(Wrong::Order {
                expected: index,
                came: shown.index,
            })
            .into());
        }
        if index >= self.checkpoint.size() {
            return Err(at(Wrong::Beyond {
                size: self.checkpoint.size(),
            })
            .into());
        }
        self.facts
            .tree_mut()
            .append(ready.leaf())
            .map_err(|_| at(Wrong::Beyond { size: index }))?;
        self.check_before()?;
        match ready.read() {
            None => self.out_of_scope(index)?,
            Some(Err(error)) => return Err(at(Wrong::Record(error.to_string())).into()),
            Some(Ok(read)) => self.check(index, ready.leaf(), read, shown)?,
        }
        Ok(self.facts.spill()?)
    }

    /// Passes over an index that an earlier run has verified: it is the very record that it was.
    pub(super) fn pass(&self, ready: &Ready, expected: u64) -> Result<(), Stop> {
        let came = ready.shown().index;
        if came != expected {
            return Err(Fault::at(expected, Wrong::Order { expected, came }).into());
        }
        if self.facts.tree().leaf(expected)? == Some(ready.leaf()) {
            return Ok(());
        }
        let altered = Wrong::Altered { led_to: None };
        Err(Fault {
            committed: Some(false),
            ..Fault::at(expected, altered)
        }
        .into())
    }

    /// Whether a passed index now comes as a record of which an earlier run may have seen the leaf hash only: then nobody has
    /// checked it.
    pub(super) fn shows_more(&self, ready: &Ready, index: u64) -> bool {
        let is_record = matches!(ready.shown().content, ReplayedContent::Record(_));
        is_record && self.withheld.may_hold(index)
    }

    /// How many records an earlier run has verified.
    pub(super) fn resumed_at(&self) -> Option<u64> {
        self.resumed.as_ref().map(|(size, _)| *size)
    }

    /// Whether more is in scope now than when the state was begun: what was passed over as hashes could be read.
    pub(super) fn sees_more(&self) -> bool {
        let Some((_, then)) = &self.resumed else {
            return false;
        };
        self.withheld.first().is_some() && self.mandators().iter().any(|now| !then.contains(now))
    }

    fn mandators(&self) -> Vec<String> {
        match &self.viewer {
            Some(viewer) => self
                .directory
                .mandators_of(viewer)
                .map(ToString::to_string)
                .collect(),
            None => Vec::new(),
        }
    }

    /// The keys of the directory that sign.
    pub(super) fn signing_keys(&self) -> impl Iterator<Item = PublicKey> {
        self.directory.keys().filter_map(KeyEntry::signing)
    }

    /// Another that has seen nothing yet and is to check the same.
    #[cfg(test)]
    #[allow(clippy::unwrap_used)]
    pub(super) fn twin(&self) -> Self {
        let mut twin = Self::new(self.log.clone(), self.checkpoint.note()).unwrap();
        twin.before.clone_from(&self.before);
        twin.viewer.clone_from(&self.viewer);
        twin.gathering = self.gathering.as_ref().map(|_| Gathering::default());
        twin
    }

    /// Whether a state may be kept here: no acceptance waits for its routings, and no enrolment for its keys.
    pub(super) fn is_between_blocks(&self) -> bool {
        self.routings.is_none() && !self.directory.is_open()
    }

    /// Keeps all so far as verified, if there is a state for a later run: the caller has shown that the signed checkpoint begins with it.
    pub(super) fn keep(&mut self) -> Result<(), StateError> {
        if self.facts.state().is_none_or(State::is_temporary) {
            return Ok(());
        }
        self.facts.flush()?;
        let verified = Verified {
            size: self.shown(),
            root: self.facts.tree().root().to_string(),
            checkpoint: self.checkpoint.note().to_owned(),
            counts: self.counts.clone(),
            withheld: self.withheld.first(),
            which_withheld: Some(self.withheld.clone()),
            inboxes: self
                .inboxes
                .iter()
                .map(|(desk, number)| (desk.to_string(), *number))
                .collect(),
            few: self.facts.few().retaining(&self.directory.retained),
            mandators: self.mandators(),
        };
        match self.facts.state_mut() {
            Some((state, tree)) => state.commit(tree, &verified),
            None => Ok(()),
        }
    }

    /// Ends the replay: all indexes of the checkpoint were shown, and they give its root.
    pub fn finish(&mut self) -> Result<Verdict, Fault> {
        let (size, shown) = (self.checkpoint.size(), self.shown());
        if shown < size {
            return Err(Fault::at(shown, Wrong::Truncated { size }));
        }
        let (expected, actual) = (self.checkpoint.root(), self.facts.tree().root());
        if expected != actual {
            return Err(Fault::whole(Wrong::Root { expected, actual }));
        }
        if let Some((accepted, _)) = self.routings {
            return Err(Fault::at(accepted, Wrong::Unrouted));
        }
        if self.directory.is_open() {
            let what = "the log ends before the keys of the enrolment in it".to_owned();
            return Err(Fault::at(size.saturating_sub(1), Wrong::Misplaced(what)));
        }
        self.check_scope()?;
        self.count_threads();
        let origin = self.log.origin().clone();
        let report = Report {
            origin: origin.to_string(),
            checkpoint_size: size,
            checkpoint_root: expected.to_string(),
            continues_size: self.before.iter().map(|before| before.size).max(),
            resumed_at: self.resumed_at(),
            counts: self.counts.clone(),
        };
        let out_of_scope = self.counts.out_of_scope;
        let gathering = self.gathering.take();
        Ok(Verdict {
            report,
            timeline: gathering.map(|gathering| gathering.tell(origin, size, expected, out_of_scope)),
        })
    }

    /// At the size that was verified before, the root is the same.
    fn check_before(&self) -> Result<(), Fault> {
        let mut here = self.before.iter().filter(|before| before.size == self.shown());
        here.try_for_each(|before| self.check_root(before, self.facts.tree().root()))
    }

    /// The same where an earlier run has passed that size.
    pub(super) fn check_before_resumed(&self) -> Result<(), Stop> {
        for before in self.before.iter().filter(|before| before.size <= self.shown()) {
            let root = self.facts.tree().root_at(before.size)?;
            self.check_root(before, root.unwrap_or_default())?;
        }
        Ok(())
    }

    fn check_root(&self, before: &Checkpoint, actual: Hash) -> Result<(), Fault> {
        if actual == before.root {
            return Ok(());
        }
        Err(Fault::whole(Wrong::Contradiction {
            size: before.size,
            expected: before.root,
            actual,
        }))
    }

    fn out_of_scope(&mut self, index: u64) -> Result<(), Fault> {
        // Genesis and directory are everyone's, and whoever sees an acceptance sees its routings.
        if index == 0 {
            return Err(Fault::at(index, Wrong::Genesis("its first record is not shown")));
        }
        if let Some((accepted, _)) = self.routings {
            return Err(Fault::at(accepted, Wrong::Unrouted));
        }
        self.facts.not_whole();
        self.withheld.push(index);
        self.counts.out_of_scope = self.counts.out_of_scope.saturating_add(1);
        Ok(())
    }

    fn check(&mut self, index: u64, leaf: Hash, read: &Read, shown: &ReplayedRecord) -> Result<(), Stop> {
        let at = |wrong| Fault::at(index, wrong);
        let Read {
            prepared,
            beside,
            inbox,
        } = read;
        let record = prepared.record();
        self.check_genesis(index, record).map_err(at)?;
        verify_prepared(&self.directory, index, prepared)
            .map_err(|corrupt| at(Wrong::Invalid(corrupt.what)))?;
        self.check_seen(index, prepared)?;
        let looked;
        let beside = match beside {
            Some(beside) => beside,
            None => {
                looked = beside::check(prepared, shown);
                &looked
            }
        };
        let beside = beside.as_ref().map_err(|wrong| at(wrong.clone()))?;
        self.check_inbox(record, shown, inbox.as_ref()).map_err(at)?;
        let erased = self.to_be_erased(record)?;
        let room = std::mem::take(&mut self.changes);
        let changes = apply_prepared(&mut self.directory, &self.facts, index, leaf, prepared, room);
        let mut changes = changes.map_err(|error| match error {
            ApplyError::Corrupt(corrupt) => Stop::Fault(at(Wrong::Misplaced(corrupt.what))),
            ApplyError::Facts(error) => Stop::State(StateError::Failed(error.0)),
        })?;
        if self.leaves_absent(record, beside) {
            for change in &mut changes {
                if let Change::Thread(_, fact) = change {
                    fact.mark_absent();
                }
            }
        }
        self.facts
            .put(&mut changes)
            .map_err(|error| StateError::Failed(error.0))?;
        self.changes = changes;
        if let (Some(link), ReplayedContent::Record(bytes)) = (record.directory, &shown.content) {
            self.facts.put_directory(link, index, leaf, bytes);
        }
        self.follow_routings(index, leaf, record).map_err(at)?;
        if let (Some((thread, held)), RecordKind::Erased(erased)) = (&erased, &record.kind) {
            // The hold came after the erasure of the bucket had begun, or, for who sees a part, may have: else the record is corrupt.
            let counted = &mut self.counts.erased_though_held;
            *counted = counted.saturating_add((*held).into());
            self.count_erased(thread, erased.index);
        }
        self.count(record, beside);
        if let Some(gathering) = &mut self.gathering {
            gathering.record(index, record, beside);
        }
        Ok(())
    }

    /// Record 0 is the genesis of the pinned log, and no other record is one.
    fn check_genesis(&self, index: u64, record: &Record) -> Result<(), Wrong> {
        match (&record.kind, index) {
            (RecordKind::Genesis(genesis), 0) => {
                if genesis.origin != *self.log.origin() {
                    return Err(Wrong::Genesis("it is another log's"));
                }
                if genesis.log_public_key != *self.log.public_key().as_bytes() {
                    return Err(Wrong::Genesis("it names another key of the log"));
                }
                Ok(())
            }
            (_, 0) => Err(Wrong::Genesis("its first record is no genesis")),
            (_, _) => Ok(()),
        }
    }

    /// What the signer had verified is on this very log, and lies before this record.
    fn check_seen(&mut self, index: u64, prepared: &Prepared) -> Result<(), Stop> {
        let signed_ahead = prepared.warning().map(|header| &header.common);
        let signed_ahead = signed_ahead.or(prepared.acknowledgement().map(|said| &said.common));
        let seen = match signed_ahead {
            Some(common) => common.named().and_then(|signer| signer.seen),
            None => seen(prepared.record()),
        };
        let Some(seen) = seen else { return Ok(()) };
        if seen.size > index || self.facts.tree_mut().root_at_hand(seen.size)? != Some(seen.root) {
            return Err(Fault::at(index, Wrong::Seen { size: seen.size }).into());
        }
        self.vouched = self.vouched.max(seen.size);
        self.counts.seen = self.counts.seen.saturating_add(1);
        Ok(())
    }

    /// The inbox number that is opened is the one committed to, and the desk's next.
    fn check_inbox(
        &mut self,
        record: &Record,
        shown: &ReplayedRecord,
        checked: Option<&Result<(), Wrong>>,
    ) -> Result<(), Wrong> {
        let RecordKind::Routed(routed) = &record.kind else {
            return Ok(());
        };
        let Some(opening) = &shown.inbox else {
            self.counts.inbox_numbers_absent = self.counts.inbox_numbers_absent.saturating_add(1);
            return Ok(());
        };
        match checked {
            Some(checked) => checked.clone()?,
            None => beside::check_inbox(routed, opening)?,
        }
        let last = self.inboxes.entry(routed.desk.clone()).or_default();
        if opening.number != last.saturating_add(1) {
            let what = "is not the next one: a delivery before it was withheld";
            return Err(Wrong::Inbox {
                desk: routed.desk.clone(),
                what,
            });
        }
        *last = opening.number;
        self.counts.inbox_numbers = self.counts.inbox_numbers.saturating_add(1);
        Ok(())
    }

    /// `ROUTED` records follow their acceptance at once, each as it lists them; `apply` resolved them again.
    fn follow_routings(&mut self, index: u64, leaf: Hash, record: &Record) -> Result<(), Wrong> {
        if let RecordKind::Accepted(accepted) = &record.kind {
            self.routings = Some((index, accepted.routed.iter().copied().collect()));
            return Ok(());
        }
        let Some((_, due)) = &mut self.routings else {
            return Ok(());
        };
        if due.pop_front() != Some(leaf) {
            return Err(Wrong::Unrouted);
        }
        if due.is_empty() {
            self.routings = None;
        }
        Ok(())
    }

    /// Where every agency admits this auditor, nothing is out of its scope.
    fn check_scope(&self) -> Result<(), Fault> {
        let (Some(viewer), Some(withheld)) = (&self.viewer, self.withheld.first()) else {
            return Ok(());
        };
        let is_auditor = |entry: &crate::ledger::AgencyEntry| entry.kind == AgencyKind::Auditor;
        if !self.directory.agency(viewer).is_some_and(is_auditor) {
            return Ok(());
        }
        let mut others = self.directory.agencies().filter(|(_, entry)| !is_auditor(entry));
        match others.all(|(_, entry)| entry.auditors.contains(viewer)) {
            true => Err(Fault::at(withheld, Wrong::Withheld)),
            false => Ok(()),
        }
    }

    fn count(&mut self, record: &Record, beside: &Beside) {
        let counts = &mut self.counts;
        counts.records = counts.records.saturating_add(1);
        each_envelope(&record.kind, |envelope| {
            for signature in &envelope.signatures {
                if let Some(key) = self.directory.key(&signature.keyid) {
                    Counts::add(&mut counts.signatures, key.role.as_str());
                }
            }
        });
        if record.directory.is_some() {
            counts.directory_records = counts.directory_records.saturating_add(1);
        }
        counts.record(&record.kind);
        counts.beside(beside);
    }

    fn count_threads(&mut self) {
        let counts = &mut self.counts;
        let (threads, steps) = self.facts.threads();
        counts.threads = threads;
        let steps = || steps.iter().filter(|(_, count)| **count > 0);
        counts.steps = steps().map(|(step, count)| (step.word(), *count)).collect();
        let silent = steps().filter(|(step, _)| **step < Step::Answered);
        counts.silent = silent.map(|(_, count)| *count).sum();
        counts.keys = u64::try_from(self.directory.keys().count()).unwrap_or(u64::MAX);
        let ended = self.directory.keys().filter(|key| key.until.is_some()).count();
        counts.erased_in_part = self.facts.told_in_part();
        counts.keys_ended = u64::try_from(ended).unwrap_or(u64::MAX);
        let principals = self
            .directory
            .states()
            .count()
            .saturating_add(self.directory.agencies().count());
        counts.principals = u64::try_from(principals).unwrap_or(u64::MAX);
    }
}
