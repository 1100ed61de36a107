//! A small world for tests, the same at every run: fixed keys, a clock that moves when told, nonces that count. Its log
//! is made by the ledger's own `decide`, so it is what an honest relay writes.
//!
//! Long because each kind of record that a test may want is made by one function here, and all of them share the clock.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use bytes::Bytes;

use crate::domain::*;
use crate::ledger::{
    Command, Decision, Directory, FactsError, HandOver, MemoryFacts, NewPart, NewRecord, Nonces, ThreadKey,
    admit, apply, decide,
};
use crate::seal::{PayloadKind, SecretKey, audience_commitment, body_digest, text_digest};
use crate::time::{Clock, ManualClock, Timestamp};
use crate::transparency::{Frontier, LogKey, LogVerifier};
use crate::wire;

/// 2024-03-07 15:00 UTC.
pub(crate) const BEGIN_MS: i64 = 1_709_823_600_000;
pub(crate) const ORIGIN: &str = "relay.example.invalid/2024";
pub(crate) const AUDITOR: &str = "ch.audit";

/// Nonces and salts that count.
pub(crate) struct Counting(u8);

impl Nonces for Counting {
    fn nonce(&mut self) -> Result<[u8; 16], FactsError> {
        self.0 = self.0.wrapping_add(1);
        Ok([self.0; 16])
    }
    fn salt(&mut self) -> Result<[u8; 32], FactsError> {
        self.0 = self.0.wrapping_add(1);
        Ok([self.0; 32])
    }
}

pub(crate) struct World {
    pub(crate) directory: Directory,
    pub(crate) facts: MemoryFacts,
    pub(crate) clock: ManualClock,
    /// What a replay shows to whoever may see all.
    pub(crate) shown: Vec<ReplayedRecord>,
    pub(crate) log: LogKey,
    frontier: Frontier,
    nonces: Counting,
    ids: u8,
}

pub(crate) fn parsed<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// The key of a principal in a role: always the same.
pub(crate) fn secret(principal: &str, role: KeyRole, generation: u8) -> SecretKey {
    let seed = crate::seal::h("test-key", &[principal.as_bytes(), &[role.number(), generation]]);
    SecretKey::from_seed(&seed)
}

/// The DER SubjectPublicKeyInfo of an Ed25519 TLS key.
pub(crate) fn tls_key(principal: &str) -> Vec<u8> {
    let mut der = hex::decode("302a300506032b6570032100").unwrap();
    der.extend_from_slice(secret(principal, KeyRole::Tls, 0).public_key().as_bytes());
    der
}

pub(crate) fn tls_keyid(principal: &str) -> KeyId {
    use sha2::{Digest as _, Sha256};
    KeyId(Sha256::digest(tls_key(principal)).into())
}

pub(crate) fn envelope(kind: PayloadKind, payload: Bytes, keys: &[SecretKey]) -> SignedEnvelope {
    let mut envelope = crate::seal::unsigned(kind, payload);
    let pae = envelope.pae();
    for key in keys {
        envelope.signatures.push(EnvelopeSignature {
            keyid: key.public_key().keyid(),
            sig: key.sign(&pae),
        });
    }
    envelope
}

/// What an answer says, for the tests.
#[derive(Default)]
pub(crate) struct Says {
    pub(crate) assessment: Option<Assessment>,
    pub(crate) missing: Vec<Specific>,
    pub(crate) reason: Option<RefusalReason>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) to: Option<Address>,
    pub(crate) note: Option<(&'static str, &'static str)>,
}

impl World {
    /// Genesis, the first start, three states with an agency each, and an auditor that all of them admit.
    pub(crate) fn new() -> Self {
        let mut world = Self::unmandated();
        for agency in ["fr.ctc", "ru.ctc", "us.ctc"] {
            world.mandate(agency);
        }
        world
    }

    /// The same without mandates.
    pub(crate) fn unmandated() -> Self {
        Self::of(&[
            ("fr", "fr.ctc", AgencyKind::Agency),
            ("ru", "ru.ctc", AgencyKind::Agency),
            ("us", "us.ctc", AgencyKind::Agency),
            ("ch", AUDITOR, AgencyKind::Auditor),
        ])
    }

    /// Genesis, the first start, and two states with an agency each.
    pub(crate) fn small() -> Self {
        Self::of(&[
            ("ru", "ru.ctc", AgencyKind::Agency),
            ("us", "us.ctc", AgencyKind::Agency),
        ])
    }

    /// Genesis, the first start, and these states with an agency each.
    pub(crate) fn of(enrolled: &[(&str, &str, AgencyKind)]) -> Self {
        let log = LogKey::new(parsed(ORIGIN), secret("log", KeyRole::Root, 0));
        let mut world = Self {
            directory: Directory::default(),
            facts: MemoryFacts::new(),
            clock: ManualClock::at(Timestamp::from_unix_ms(BEGIN_MS)),
            shown: Vec::new(),
            log,
            frontier: Frontier::new(),
            nonces: Counting(0),
            ids: 0,
        };
        world.genesis();
        world.start(None);
        for (state, agency, kind) in enrolled {
            world.enrol_state(state);
            world.enrol_agency(agency, *kind);
        }
        world
    }

    pub(crate) fn verifier(&self) -> LogVerifier {
        self.log.verifier().clone()
    }

    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The signed checkpoint of all records so far.
    pub(crate) fn checkpoint(&self) -> String {
        self.log
            .sign_checkpoint(self.frontier.size(), self.frontier.root())
    }

    /// What a signer says who has verified the newest checkpoint.
    pub(crate) fn seen(&self) -> Seen {
        Seen {
            size: self.frontier.size(),
            root: self.frontier.root(),
        }
    }

    /// The relay began, having been down since some time.
    pub(crate) fn start(&mut self, stopped_at: Option<Timestamp>) -> u64 {
        self.start_with(stopped_at, None)
    }

    /// The same, and says the rules by which it erases.
    pub(crate) fn start_with(
        &mut self,
        stopped_at: Option<Timestamp>,
        retention: Option<RetentionRules>,
    ) -> u64 {
        self.does(Command::RelayStarted(RelayStarted {
            version: "0.1.0".to_owned(),
            configuration_digest: [7; 32],
            stopped_at,
            witnesses_reached: 0,
            retention,
        }))
    }

    pub(crate) fn common(
        &mut self,
        principal: &str,
        role: KeyRole,
        office: &str,
        seen: Option<Seen>,
    ) -> Common {
        self.ids += 1;
        let now = self.clock.now();
        Common {
            origin: parsed(ORIGIN),
            id: PayloadId::from_parts(now.unix_ms() as u64, [self.ids; 10]),
            sent: now,
            signer: SignedBy::Named(Signer {
                principal: parsed(principal),
                role,
                desk: None,
                office: office.to_owned(),
                seen,
            }),
        }
    }

    /// An exercise alert in two languages.
    pub(crate) fn warning(&mut self, from: &str, to: &[&str], headline: &str) -> Submission {
        let body = body(headline);
        let seen = self.seen();
        let mut pairs: Vec<([u8; 32], AudienceOpening)> = (0..8u8)
            .map(|n| {
                let (kind, address) = match to.get(usize::from(n)) {
                    Some(address) => (AudienceKind::To, *address),
                    None => (AudienceKind::Pad, ""),
                };
                let salt = [self.ids.wrapping_mul(8).wrapping_add(n); 32];
                let commitment = audience_commitment(kind, &salt, address);
                (
                    commitment,
                    AudienceOpening {
                        kind,
                        salt,
                        address: address.to_owned(),
                    },
                )
            })
            .collect();
        pairs.sort_by_key(|pair| pair.0);
        let (audience, openings) = pairs.into_iter().unzip();
        let common = self.common(from, KeyRole::Originate, "duty officer", Some(seen));
        let header = Warning {
            status: Status::Exercise,
            warning_type: WarningType::Alert,
            precedence: Precedence::Flash,
            category: Category::Security,
            expires: Some(common.sent.saturating_add_ms(48 * 3_600_000)),
            deadlines: None,
            harm: vec![Harm::IntentionalKilling],
            assertions: Assertions {
                credible: true,
                specific: true,
                impending: true,
            },
            specifics: Specifics {
                place: Known::Known,
                time: Known::Partly,
                method: Known::Unknown,
                target: Known::Known,
                perpetrator: Known::Partly,
            },
            handling: Handling {
                tlp: Tlp::Red,
                onward: Onward::None,
                notify_victim: NotifyVictim::May,
                personal_data: false,
                attribution: Attribution::Named,
            },
            territory: Some(parsed("ru")),
            victims_of: vec![parsed("ru")],
            references: Vec::new(),
            body: PartReference {
                form: Form::Clear,
                suite: 0,
                length: body.content.len() as u32,
                digest: body_digest(&body.salt, &body.content),
                plaintext_commitment: None,
            },
            reply_key: None,
            outcome: None,
            audience,
            extensions: Vec::new(),
            common,
        };
        let key = secret(from, KeyRole::Originate, 0);
        Submission {
            hint: Hint {
                lane: Some(Lane::of(header.status, header.precedence)),
                id: header.common.id,
            },
            envelope: envelope(PayloadKind::Warning, wire::encode_warning(&header), &[key]),
            openings,
            body,
            wraps: Vec::new(),
        }
    }

    /// Sends a warning; its digest.
    pub(crate) fn send(&mut self, from: &str, to: &[&str], headline: &str) -> Digest {
        let submission = self.warning(from, to, headline);
        self.submit(from, submission)
    }

    pub(crate) fn submit(&mut self, from: &str, submission: Submission) -> Digest {
        let digest = submission.envelope.digest();
        let admitted = admit::warning(&self.directory, &parsed(from), submission).unwrap();
        self.does(Command::Submit(admitted));
        digest
    }

    /// The relay writes a warning to a session of a desk's agency.
    pub(crate) fn hand_over(&mut self, warning: Digest, desk: &str, unrecorded: u32) -> u64 {
        self.does(Command::HandOver(HandOver {
            thread: ThreadKey {
                warning,
                desk: parsed(desk),
            },
            session_id: [9; 16],
            tls_keyid: tls_keyid(desk),
            unrecorded,
        }))
    }

    pub(crate) fn acknowledgement(
        &mut self,
        warning: Digest,
        by: &str,
        kind: AcknowledgementKind,
        says: Says,
    ) -> (Acknowledgement, Option<DetachedPart>) {
        let role = match kind {
            AcknowledgementKind::Received => KeyRole::Receive,
            _ => KeyRole::Officer,
        };
        let office = if role == KeyRole::Officer {
            "watch officer"
        } else {
            ""
        };
        let text = says.note.map(|(language, text)| DetachedPart {
            salt: [0x77; 32],
            content: wire::encode_text(&Text {
                language: parsed(language),
                text: text.to_owned(),
            }),
        });
        let seen = self.seen();
        let id = self
            .facts
            .warnings()
            .find(|(digest, _)| **digest == warning)
            .unwrap()
            .1
            .id;
        let said = Acknowledgement {
            common: self.common(by, role, office, Some(seen)),
            warning_id: id,
            warning_digest: warning,
            kind,
            assessment: says.assessment,
            missing: says.missing,
            reason: says.reason,
            until: says.until,
            to: says.to,
            text: text.as_ref().map(|part| PartReference {
                form: Form::Clear,
                suite: 0,
                length: part.content.len() as u32,
                digest: text_digest(&part.salt, &part.content),
                plaintext_commitment: None,
            }),
            extensions: Vec::new(),
        };
        (said, text)
    }

    /// A desk's agency answers; the record.
    pub(crate) fn answer(&mut self, warning: Digest, by: &str, kind: AcknowledgementKind, says: Says) -> u64 {
        let (said, text) = self.acknowledgement(warning, by, kind, says);
        self.acknowledge(by, said, text)
    }

    /// Submits an answer; the record.
    pub(super) fn acknowledge(&mut self, by: &str, said: Acknowledgement, text: Option<DetachedPart>) -> u64 {
        let role = said.common.named().unwrap().role;
        let envelope = envelope(
            PayloadKind::Acknowledgement,
            wire::encode_acknowledgement(&said),
            &[secret(by, role, 0)],
        );
        let hint = Hint {
            lane: None,
            id: said.common.id,
        };
        let submission = AcknowledgementSubmission { envelope, hint, text };
        let admitted = admit::acknowledgement(&self.directory, &parsed(by), submission).unwrap();
        self.does(Command::Acknowledge(admitted))
    }

    /// The state's root revokes a key; the record.
    pub(crate) fn revoke(&mut self, agency: &str, role: KeyRole) -> u64 {
        let state = parsed::<AgencyId>(agency).state();
        let root = format!("root:{state}");
        let revocation = KeyRevocation {
            common: self.common(&root, KeyRole::Root, "", None),
            principal: parsed(agency),
            keyid: secret(agency, role, 0).public_key().keyid(),
            reason: RevocationReason::Compromised,
            extensions: Vec::new(),
        };
        let payload = wire::encode_key_revocation(&revocation);
        let envelope = envelope(
            PayloadKind::KeyRevocation,
            payload,
            &[secret(&root, KeyRole::Root, 0)],
        );
        let admitted = admit::key_statement(&self.directory, envelope).unwrap();
        self.does(Command::PublishKey(admitted))
    }

    /// A state's first root names its second; the record.
    pub(crate) fn succeed(&mut self, state: &str) -> u64 {
        let root = format!("root:{state}");
        let next = secret(&root, KeyRole::Root, 1);
        let succession = RootSuccession {
            common: self.common(&root, KeyRole::Root, "", None),
            state: parsed(state),
            public_key: next.public_key().as_bytes().to_vec(),
            extensions: Vec::new(),
        };
        let payload = wire::encode_root_succession(&succession);
        let keys = [secret(&root, KeyRole::Root, 0), next];
        let envelope = envelope(PayloadKind::RootSuccession, payload, &keys);
        let admitted = admit::key_statement(&self.directory, envelope).unwrap();
        self.does(Command::PublishKey(admitted))
    }

    pub(crate) fn mandate(&mut self, agency: &str) -> u64 {
        let seen = self.seen();
        let mandate = Mandate {
            common: self.common(agency, KeyRole::Officer, "head of service", Some(seen)),
            auditor: parsed(AUDITOR),
            withdrawn: false,
            extensions: Vec::new(),
        };
        let key = secret(agency, KeyRole::Officer, 0);
        let envelope = envelope(PayloadKind::Mandate, wire::encode_mandate(&mandate), &[key]);
        let admitted = admit::mandate(&self.directory, &parsed(agency), envelope).unwrap();
        self.does(Command::PublishMandate(admitted))
    }

    /// The auditor, who now has an officer's key, holds all that it may, for so long.
    pub(crate) fn hold(&mut self, until_ms: i64) -> u64 {
        let root = format!("root:{}", parsed::<AgencyId>(AUDITOR).state());
        let certificate = self.certificate(AUDITOR, KeyRole::Officer, &root, KeyRole::Root);
        let admitted = admit::key_statement(&self.directory, certificate).unwrap();
        self.does(Command::PublishKey(admitted));
        let seen = self.seen();
        let common = self.common(AUDITOR, KeyRole::Officer, "inspector", Some(seen));
        let hold = Hold {
            until: common.sent.saturating_add_ms(until_ms),
            common,
            reason: "an inquiry".to_owned(),
            warnings: Vec::new(),
            agencies: Vec::new(),
            extensions: Vec::new(),
        };
        let key = secret(AUDITOR, KeyRole::Officer, 0);
        let envelope = envelope(PayloadKind::Hold, wire::encode_hold(&hold), &[key]);
        let admitted = admit::hold(&self.directory, &parsed(AUDITOR), envelope).unwrap();
        self.does(Command::PlaceHold(admitted))
    }

    fn genesis(&mut self) {
        let operator = "operator:main";
        let mut certificates = Vec::new();
        for role in [KeyRole::Operator, KeyRole::Tls] {
            certificates.push(self.certificate(operator, role, operator, KeyRole::Operator));
        }
        let deadlines = Deadlines {
            received_ms: 120_000,
            opened_ms: 300_000,
            answered_ms: 600_000,
        };
        self.does(Command::Genesis(Genesis {
            origin: parsed(ORIGIN),
            log_public_key: *self.log.verifier().public_key().as_bytes(),
            format_version: 1,
            operator_certificates: certificates,
            deadlines: Precedence::ALL
                .iter()
                .map(|precedence| (*precedence, deadlines))
                .collect(),
            predecessor: None,
        }));
    }

    fn certificate(&mut self, of: &str, role: KeyRole, by: &str, by_role: KeyRole) -> SignedEnvelope {
        let public_key = match role {
            KeyRole::Tls => tls_key(of),
            _ => secret(of, role, 0).public_key().as_bytes().to_vec(),
        };
        let certificate = KeyCertificate {
            common: self.common(by, by_role, "", None),
            principal: parsed(of),
            role,
            public_key,
            label: String::new(),
            extensions: Vec::new(),
        };
        let mut keys = Vec::new();
        if role.signs() {
            keys.push(secret(of, role, 0));
        }
        if of != by || role != by_role {
            keys.push(secret(by, by_role, 0));
        }
        envelope(
            PayloadKind::KeyCertificate,
            wire::encode_key_certificate(&certificate),
            &keys,
        )
    }

    fn enrol_state(&mut self, state: &str) {
        let root = format!("root:{state}");
        let root_certificate = self.certificate(&root, KeyRole::Root, &root, KeyRole::Root);
        let seen = self.seen();
        let enrolment = StateEnrolment {
            common: self.common("operator:main", KeyRole::Operator, "", Some(seen)),
            state: parsed(state),
            root_certificate_digest: root_certificate.digest(),
            home_origin: String::new(),
            extensions: Vec::new(),
        };
        let key = secret("operator:main", KeyRole::Operator, 0);
        let envelope = envelope(
            PayloadKind::StateEnrolment,
            wire::encode_state_enrolment(&enrolment),
            &[key],
        );
        let session = parsed("operator:main");
        let admitted = admit::enrol_state(&self.directory, &session, envelope, root_certificate).unwrap();
        self.does(Command::EnrolState(admitted));
    }

    fn enrol_agency(&mut self, agency: &str, kind: AgencyKind) {
        let root = format!("root:{}", parsed::<AgencyId>(agency).state());
        let roles: &[KeyRole] = match kind {
            AgencyKind::Agency => &[
                KeyRole::Originate,
                KeyRole::Receive,
                KeyRole::Officer,
                KeyRole::Tls,
            ],
            AgencyKind::Auditor => &[KeyRole::Tls],
        };
        let certificates: Vec<SignedEnvelope> = roles
            .iter()
            .map(|role| self.certificate(agency, *role, &root, KeyRole::Root))
            .collect();
        let seen = self.seen();
        let enrolment = AgencyEnrolment {
            common: self.common("operator:main", KeyRole::Operator, "", Some(seen)),
            agency: parsed(agency),
            name: format!("Service {agency}"),
            kind,
            certificate_digests: certificates.iter().map(SignedEnvelope::digest).collect(),
            home_origin: String::new(),
            extensions: Vec::new(),
        };
        let key = secret("operator:main", KeyRole::Operator, 0);
        let payload = wire::encode_agency_enrolment(&enrolment);
        let envelope = envelope(PayloadKind::AgencyEnrolment, payload, &[key]);
        let session = parsed("operator:main");
        let admitted = admit::enrol_agency(&self.directory, &session, envelope, certificates).unwrap();
        self.does(Command::EnrolAgency(admitted));
    }

    /// Decides, appends and applies; the index of the first record. The clock moves one second.
    pub(crate) fn does(&mut self, command: Command) -> u64 {
        let now = self.clock.now();
        let first = self.size();
        let decision = decide(
            &self.directory,
            &self.facts,
            command,
            now,
            first,
            &mut self.nonces,
        )
        .unwrap();
        let records = match decision {
            Decision::Append { records, .. } => records,
            Decision::Reject { record, .. } => vec![*record],
            other => panic!("{other:?}"),
        };
        for record in records {
            self.append(record);
        }
        self.clock.advance_ms(1_000);
        first
    }

    /// A dishonest relay writes a record that it acts as if it did not know.
    pub(crate) fn smuggle(&mut self, record: Bytes) -> u64 {
        let index = self.size();
        let leaf = crate::transparency::leaf_hash(&record);
        self.facts.append_leaf(leaf);
        self.frontier.append(leaf).unwrap();
        self.shown.push(ReplayedRecord {
            index,
            content: ReplayedContent::Record(record),
            part: None,
            inbox: None,
        });
        self.clock.advance_ms(1_000);
        index
    }

    fn append(&mut self, new: NewRecord) {
        let index = self.size();
        let NewRecord {
            record,
            bytes,
            leaf,
            parts,
        } = new;
        let changes = apply(&mut self.directory, &self.facts, index, leaf, &record).unwrap();
        self.facts.put(changes);
        self.facts.append_leaf(leaf);
        self.frontier.append(leaf).unwrap();
        let mut shown = ReplayedRecord {
            index,
            content: ReplayedContent::Record(bytes),
            part: None,
            inbox: None,
        };
        for part in parts {
            match part {
                NewPart::Body(part) | NewPart::Text(part) => shown.part = Some(part),
                NewPart::Inbox(opening) => shown.inbox = Some(opening),
                NewPart::Wrap(_) => {}
            }
        }
        self.shown.push(shown);
    }
}

fn body(headline: &str) -> DetachedPart {
    let block = |language: &str, headline: &str| ContentBlock {
        language: parsed(language),
        event: "Attack".to_owned(),
        headline: headline.to_owned(),
        description: "A group has been heard to plan it.".to_owned(),
        instruction: String::new(),
        area: "Moscow".to_owned(),
        target: "a concert hall".to_owned(),
    };
    let body = Body {
        urgency: Urgency::Expected,
        severity: Severity::Extreme,
        certainty: Certainty::Likely,
        authoritative: parsed("en"),
        blocks: vec![block("en", headline), block("ru", "Возможное нападение")],
        area: Area::default(),
        onset: None,
        onset_until: None,
    };
    DetachedPart {
        salt: [0x55; 32],
        content: wire::encode_body(&body),
    }
}
