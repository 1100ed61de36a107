//! A log in memory that decides and applies, and a scene to begin with: three states with an agency each, desks, an
//! auditor and an operator.

use sha2::{Digest as _, Sha256};
use wardline::domain::*;
use wardline::error::{ErrorCode, Refused};
use wardline::ledger::{
    Command, Decision, Directory, Facts, FactsError, MemoryFacts, NewRecord, Nonces, NotAdmitted, admit,
    apply, decide,
};
use wardline::time::Timestamp;

use super::{World, parsed};

/// Nonces from a counter.
#[derive(Debug, Clone, Default)]
pub struct SeededNonces(pub u64);

impl SeededNonces {
    fn next(&mut self) -> [u8; 32] {
        self.0 += 1;
        Sha256::digest(self.0.to_be_bytes()).into()
    }
}

impl Nonces for SeededNonces {
    fn nonce(&mut self) -> Result<[u8; 16], FactsError> {
        Ok(self.next()[..16].try_into().unwrap())
    }
    fn salt(&mut self) -> Result<[u8; 32], FactsError> {
        Ok(self.next())
    }
}

/// A log in memory: everything decided is appended and applied at once.
#[derive(Debug, Clone, Default)]
pub struct Log {
    pub directory: Directory,
    pub facts: MemoryFacts,
    pub records: Vec<NewRecord>,
    pub nonces: SeededNonces,
}

impl Log {
    /// The index of the next record.
    pub fn next_index(&self) -> u64 {
        self.records.len() as u64
    }

    /// What an honest party has seen of this log.
    pub fn seen(&self) -> Seen {
        let size = self.next_index();
        Seen {
            size,
            root: self.facts.root_at(size).unwrap().unwrap(),
        }
    }

    /// Decides, and appends what is to be recorded.
    pub fn run(&mut self, command: Command, now: Timestamp) -> Decision {
        let index = self.next_index();
        let decision = decide(
            &self.directory,
            &self.facts,
            command,
            now,
            index,
            &mut self.nonces,
        )
        .unwrap();
        match &decision {
            Decision::Append { records, .. } => records.iter().for_each(|record| self.append(record.clone())),
            Decision::Reject { record, .. } => self.append((**record).clone()),
            Decision::Existing(_) | Decision::Refuse(_) | Decision::Unrecorded => {}
        }
        decision
    }

    /// Appends and applies one record.
    pub fn append(&mut self, record: NewRecord) {
        let index = self.next_index();
        let changes = apply(
            &mut self.directory,
            &self.facts,
            index,
            record.leaf,
            &record.record,
        )
        .unwrap();
        self.facts.put(changes);
        self.facts.append_leaf(record.leaf);
        self.records.push(record);
    }
}

/// A world and its log.
#[derive(Debug, Clone)]
pub struct Scene {
    pub world: World,
    pub log: Log,
}

/// The keys that an agency begins with.
pub const ROLES: [KeyRole; 4] = [
    KeyRole::Originate,
    KeyRole::Receive,
    KeyRole::Officer,
    KeyRole::Tls,
];

impl Scene {
    /// Only a genesis, with the operator `alice`.
    pub fn empty() -> Self {
        let mut scene = Self {
            world: World::new(),
            log: Log::default(),
        };
        let genesis = scene.world.genesis(&["alice"]);
        scene.run(Command::Genesis(genesis));
        scene
    }

    /// The operator `alice`; `fr.ctc`, `us.ctc`, `ru.ctc` with the desk `ru.ctc/aviation`; the auditor `us.audit` with the
    /// mandate of `ru.ctc`.
    pub fn new() -> Self {
        let mut scene = Self::empty();
        for state in ["fr", "ru", "us"] {
            scene.enrol_state(state);
        }
        for agency in ["fr.ctc", "us.ctc", "ru.ctc"] {
            scene.enrol_agency(agency, AgencyKind::Agency, &ROLES);
        }
        scene.enrol_agency(
            "us.audit",
            AgencyKind::Auditor,
            &[KeyRole::Tls, KeyRole::Originate],
        );
        scene.publish_desks("ru.ctc", &["ru.ctc/aviation"]);
        scene.mandate("ru.ctc", "us.audit", false);
        scene
    }

    /// Decides and appends, at the world's time.
    pub fn run(&mut self, command: Command) -> Decision {
        let decision = self.log.run(command, self.world.now);
        self.look();
        decision
    }

    /// Everybody sees the newest of the log.
    pub fn look(&mut self) {
        self.world.seen = Some(self.log.seen());
    }

    pub fn enrol_state(&mut self, state: &str) -> Decision {
        let (enrolment, root) = self.world.state("alice", state);
        self.enrol_state_with(enrolment, root)
    }

    pub fn enrol_state_with(&mut self, enrolment: SignedEnvelope, root: SignedEnvelope) -> Decision {
        let session = parsed("operator:alice");
        match admit::enrol_state(&self.log.directory, &session, enrolment, root) {
            Ok(admitted) => self.run(Command::EnrolState(admitted)),
            Err(refused) => Decision::Refuse(refused),
        }
    }

    pub fn enrol_agency(&mut self, agency: &str, kind: AgencyKind, roles: &[KeyRole]) -> Decision {
        let (enrolment, certificates) = self.world.agency("alice", agency, kind, roles);
        self.enrol_agency_with(enrolment, certificates)
    }

    pub fn enrol_agency_with(
        &mut self,
        enrolment: SignedEnvelope,
        certificates: Vec<SignedEnvelope>,
    ) -> Decision {
        let session = parsed("operator:alice");
        match admit::enrol_agency(&self.log.directory, &session, enrolment, certificates) {
            Ok(admitted) => self.run(Command::EnrolAgency(admitted)),
            Err(refused) => Decision::Refuse(refused),
        }
    }

    pub fn publish_desks(&mut self, agency: &str, desks: &[&str]) -> Decision {
        let envelope = self.world.desks(agency, desks);
        match admit::desks(&self.log.directory, &parsed(agency), envelope) {
            Ok(admitted) => self.run(Command::PublishDesks(admitted)),
            Err(refused) => Decision::Refuse(refused),
        }
    }

    pub fn mandate(&mut self, agency: &str, auditor: &str, withdrawn: bool) -> Decision {
        let envelope = self.world.mandate(agency, auditor, withdrawn);
        match admit::mandate(&self.log.directory, &parsed(agency), envelope) {
            Ok(admitted) => self.run(Command::PublishMandate(admitted)),
            Err(refused) => Decision::Refuse(refused),
        }
    }

    /// Suspends an agency, or with `ends` reinstates it.
    pub fn suspend(&mut self, agency: &str, ends: bool) -> Decision {
        let envelope = self.world.suspension("alice", agency, ends);
        let session = parsed("operator:alice");
        let admitted = match ends {
            false => admit::suspension(&self.log.directory, &session, envelope).map(Command::Suspend),
            true => admit::reinstatement(&self.log.directory, &session, envelope).map(Command::Reinstate),
        };
        match admitted {
            Ok(command) => self.run(command),
            Err(refused) => Decision::Refuse(refused),
        }
    }

    pub fn publish_key(&mut self, envelope: SignedEnvelope) -> Decision {
        match admit::key_statement(&self.log.directory, envelope) {
            Ok(admitted) => self.run(Command::PublishKey(admitted)),
            Err(refused) => Decision::Refuse(refused),
        }
    }

    pub fn publish_operator_key(&mut self, session: &str, envelope: SignedEnvelope) -> Decision {
        match admit::operator_key_statement(&self.log.directory, &parsed(session), envelope) {
            Ok(admitted) => self.run(Command::PublishOperatorKey(admitted)),
            Err(refused) => Decision::Refuse(refused),
        }
    }

    /// Submits over a session of `session`.
    pub fn submit(&mut self, session: &str, submission: Submission) -> Decision {
        match admit::warning(&self.log.directory, &parsed(session), submission) {
            Ok(admitted) => self.run(Command::Submit(admitted)),
            Err(not_admitted) => self.not_admitted(not_admitted),
        }
    }

    /// Acknowledges over a session of `session`.
    pub fn acknowledge(&mut self, session: &str, submission: AcknowledgementSubmission) -> Decision {
        match admit::acknowledgement(&self.log.directory, &parsed(session), submission) {
            Ok(admitted) => self.run(Command::Acknowledge(admitted)),
            Err(not_admitted) => self.not_admitted(not_admitted),
        }
    }

    fn not_admitted(&mut self, not_admitted: NotAdmitted) -> Decision {
        match not_admitted {
            NotAdmitted::Refused(refused) => Decision::Refuse(refused),
            NotAdmitted::Condemned(condemned) => self.run(Command::Reject(*condemned)),
        }
    }

    /// A warning that is accepted.
    pub fn accepted(&mut self, from: &str, to: &[&str]) -> Submission {
        let submission = self.world.warning(from, to);
        let decision = self.submit(from, submission.clone());
        assert!(matches!(decision, Decision::Append { .. }), "{decision:?}");
        submission
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

/// Why it was refused, and whether that was recorded; `None` if it was not refused.
pub fn code_of(decision: &Decision) -> Option<(ErrorCode, bool)> {
    match decision {
        Decision::Refuse(Refused { code, .. }) => Some((*code, false)),
        Decision::Reject { refused, .. } => Some((refused.code, true)),
        Decision::Append { .. } | Decision::Existing(_) | Decision::Unrecorded => None,
    }
}

/// How many records a decision appends.
pub fn indexes_of(decision: &Decision) -> usize {
    match decision {
        Decision::Append { records, .. } => records.len(),
        Decision::Reject { .. } => 1,
        Decision::Existing(_) | Decision::Refuse(_) | Decision::Unrecorded => 0,
    }
}
