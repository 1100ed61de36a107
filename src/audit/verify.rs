//! The verifier: fed a signed checkpoint and then every index in order, it checks all that can be checked without
//! trusting anyone, and stops at the first thing that is wrong.
//!
//! Pure: no I/O and no clock. The order of the checks is the order in which a record can be believed: its place and leaf
//! hash, its signatures with the keys valid at its index, what its signer had seen, what lies beside it, and only then
//! what it changes. What is out of scope comes as a leaf hash and still counts in the tree.

use std::collections::{HashMap, VecDeque};

use super::beside::{self, Beside};
use super::facts::AuditFacts;
use super::fault::{Fault, Wrong};
use super::report::{Counts, Report};
use super::timeline::{Gathering, Timeline};
use crate::domain::{
    AgencyId, AgencyKind, DeskAddress, Hash, Record, RecordKind, ReplayedContent, ReplayedRecord,
    SignedEnvelope,
};
use crate::ledger::{ApplyError, Directory, Facts, apply, seen, verify_record};
use crate::transparency::{Checkpoint, LogVerifier, SignedCheckpoint, leaf_hash};
use crate::wire;

/// Checks a replay, index by index.
#[derive(Debug)]
pub struct Verifier {
    log: LogVerifier,
    checkpoint: SignedCheckpoint,
    before: Option<Checkpoint>,
    viewer: Option<AgencyId>,
    directory: Directory,
    facts: AuditFacts,
    /// The acceptance whose `ROUTED` records are due, and their leaf hashes.
    routings: Option<(u64, VecDeque<Hash>)>,
    inboxes: HashMap<DeskAddress, u64>,
    withheld: Option<u64>,
    counts: Counts,
    gathering: Option<Gathering>,
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
            before: None,
            viewer: None,
            directory: Directory::default(),
            facts: AuditFacts::default(),
            routings: None,
            inboxes: HashMap::new(),
            withheld: None,
            counts: Counts::default(),
            gathering: None,
        })
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
        self.before = Some(before);
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
        self.facts.size()
    }

    /// The root of the first `size` of them.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.facts.root_at(size).ok().flatten()
    }

    /// Checks the next index; the record, if it is in scope. After a fault nothing more is to be fed.
    pub fn feed(&mut self, shown: &ReplayedRecord) -> Result<Option<Record>, Fault> {
        let index = self.facts.size();
        let at = |wrong| Fault::at(index, wrong);
        if shown.index != index {
            return Err(at(Wrong::Order {
                expected: index,
                came: shown.index,
            }));
        }
        if index >= self.checkpoint.size() {
            return Err(at(Wrong::Beyond {
                size: self.checkpoint.size(),
            }));
        }
        let leaf = match &shown.content {
            ReplayedContent::Record(bytes) => leaf_hash(bytes),
            ReplayedContent::LeafHash(leaf) => *leaf,
        };
        self.facts
            .append(leaf)
            .map_err(|_| at(Wrong::Beyond { size: index }))?;
        self.check_before()?;
        match &shown.content {
            ReplayedContent::LeafHash(_) => {
                self.out_of_scope(index)?;
                Ok(None)
            }
            ReplayedContent::Record(bytes) => {
                let record = wire::record(bytes).map_err(|error| at(Wrong::Record(error.to_string())))?;
                self.check(index, leaf, &record, shown).map_err(at)?;
                Ok(Some(record))
            }
        }
    }

    /// Ends the replay: all indexes of the checkpoint were shown, and they give its root.
    pub fn finish(&mut self) -> Result<Verdict, Fault> {
        let (size, shown) = (self.checkpoint.size(), self.shown());
        if shown < size {
            return Err(Fault::at(shown, Wrong::Truncated { size }));
        }
        let (expected, actual) = (self.checkpoint.root(), self.facts.root());
        if expected != actual {
            return Err(Fault::whole(Wrong::Root { expected, actual }));
        }
        if let Some((accepted, _)) = self.routings {
            return Err(Fault::at(accepted, Wrong::Unrouted));
        }
        self.check_scope()?;
        self.count_threads();
        let origin = self.log.origin().clone();
        let report = Report {
            origin: origin.to_string(),
            checkpoint_size: size,
            checkpoint_root: expected.to_string(),
            continues_size: self.before.as_ref().map(|before| before.size),
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
        let Some(before) = self
            .before
            .as_ref()
            .filter(|before| before.size == self.facts.size())
        else {
            return Ok(());
        };
        let actual = self.facts.root();
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
        self.withheld.get_or_insert(index);
        self.counts.out_of_scope = self.counts.out_of_scope.saturating_add(1);
        Ok(())
    }

    fn check(
        &mut self,
        index: u64,
        leaf: Hash,
        record: &Record,
        shown: &ReplayedRecord,
    ) -> Result<(), Wrong> {
        self.check_genesis(index, record)?;
        verify_record(&self.directory, index, record).map_err(|corrupt| Wrong::Invalid(corrupt.what))?;
        self.check_seen(index, record)?;
        let beside = beside::check(record, shown)?;
        self.check_inbox(record, shown)?;
        let changes =
            apply(&mut self.directory, &self.facts, index, leaf, record).map_err(|error| match error {
                ApplyError::Corrupt(corrupt) => Wrong::Misplaced(corrupt.what),
                ApplyError::Facts(error) => Wrong::Misplaced(error.to_string()),
            })?;
        self.facts.put(changes);
        self.follow_routings(index, leaf, record)?;
        self.count(record, &beside);
        if let Some(gathering) = &mut self.gathering {
            gathering.record(index, record, &beside);
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
    fn check_seen(&mut self, index: u64, record: &Record) -> Result<(), Wrong> {
        let Some(seen) = seen(record) else { return Ok(()) };
        if seen.size > index || self.root_at(seen.size) != Some(seen.root) {
            return Err(Wrong::Seen { size: seen.size });
        }
        self.counts.seen = self.counts.seen.saturating_add(1);
        Ok(())
    }

    /// The inbox number that is opened is the one committed to, and the desk's next.
    fn check_inbox(&mut self, record: &Record, shown: &ReplayedRecord) -> Result<(), Wrong> {
        let RecordKind::Routed(routed) = &record.kind else {
            return Ok(());
        };
        let Some(opening) = &shown.inbox else {
            self.counts.inbox_numbers_absent = self.counts.inbox_numbers_absent.saturating_add(1);
            return Ok(());
        };
        beside::check_inbox(routed, opening)?;
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
        let (Some(viewer), Some(withheld)) = (&self.viewer, self.withheld) else {
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
        for envelope in envelopes(&record.kind) {
            for signature in &envelope.signatures {
                if let Some(key) = self.directory.key(&signature.keyid) {
                    Counts::add(&mut counts.signatures, key.role.as_str());
                }
            }
        }
        if record.directory.is_some() {
            counts.directory_records = counts.directory_records.saturating_add(1);
        }
        counts.record(&record.kind);
        counts.beside(beside);
    }

    fn count_threads(&mut self) {
        let counts = &mut self.counts;
        for (_, thread) in self.facts.threads() {
            counts.threads = counts.threads.saturating_add(1);
            Counts::add(&mut counts.steps, thread.step.word());
            if thread.step < crate::domain::Step::Answered {
                counts.silent = counts.silent.saturating_add(1);
            }
        }
        counts.keys = u64::try_from(self.directory.keys().count()).unwrap_or(u64::MAX);
        let ended = self.directory.keys().filter(|key| key.until.is_some()).count();
        counts.keys_ended = u64::try_from(ended).unwrap_or(u64::MAX);
        let principals = self
            .directory
            .states()
            .count()
            .saturating_add(self.directory.agencies().count());
        counts.principals = u64::try_from(principals).unwrap_or(u64::MAX);
    }
}

/// What was signed in a record: its envelopes, in their order.
pub fn envelopes(kind: &RecordKind) -> Vec<&SignedEnvelope> {
    match kind {
        RecordKind::Genesis(genesis) => genesis.operator_certificates.iter().collect(),
        RecordKind::StateEnrolled {
            enrolment,
            root_certificate,
        } => vec![enrolment, root_certificate],
        RecordKind::Accepted(accepted) => vec![&accepted.warning],
        RecordKind::AgencyEnrolled(envelope)
        | RecordKind::KeyPublished(envelope)
        | RecordKind::KeyRevoked(envelope)
        | RecordKind::RootSucceeded(envelope)
        | RecordKind::DesksPublished(envelope)
        | RecordKind::MandatePublished(envelope)
        | RecordKind::AgencySuspended(envelope)
        | RecordKind::AgencyReinstated(envelope)
        | RecordKind::OperatorKeyPublished(envelope)
        | RecordKind::Acknowledged(envelope) => vec![envelope],
        RecordKind::RelayStarted(_)
        | RecordKind::Rejected(_)
        | RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Unknown => Vec::new(),
    }
}
