//! The fixed values: a log that the rules of the ledger made, and what one profile keeps of it.

use prost::Message as _;

use crate::client::inbox::InboxName;
use crate::client::operate::common_of;
use crate::client::outbox::{OutboxEntry, OutboxKind, Unproven};
use crate::client::profile::{Settings, SignerSetting};
use crate::client::proven::{ProvenRecord, prove};
use crate::client::welcome::Welcome;
use crate::domain::*;
use crate::error::ErrorCode;
use crate::ledger::{Command, NewPart};
use crate::transparency::{Frontier, HashReader, LogKey, SignedCheckpoint, inclusion_proof};
use crate::wire::{self, v1};
use crate::world::{Log, ROLES, Scene, World, parsed};

/// Everything that is written.
pub(super) struct Values {
    pub(super) settings: Settings,
    /// An operator's: nothing that may be left out.
    pub(super) sparse_settings: Settings,
    pub(super) welcome: Welcome,
    pub(super) checkpoint: SignedCheckpoint,
    /// Every record, proven against it.
    pub(super) records: Vec<ProvenRecord>,
    pub(super) submission: Submission,
    pub(super) acknowledgement: AcknowledgementSubmission,
    /// One of each kind, oldest first.
    pub(super) outbox: Vec<OutboxEntry>,
    pub(super) refusal: Unproven,
    /// Deliveries of one warning to two desks, as they come for the third time.
    pub(super) deliveries: Vec<(InboxName, v1::Delivery)>,
    /// A key's certificate before its root has signed it, and after.
    pub(super) request: SignedEnvelope,
    pub(super) certificate: SignedEnvelope,
    /// The log's directory at the end.
    pub(super) directory: crate::ledger::Directory,
}

struct Stored(Vec<Hash>);

impl HashReader for Stored {
    type Error = std::convert::Infallible;
    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Self::Error> {
        let at = |index: &u64| self.0[usize::try_from(*index).unwrap()];
        Ok(indexes.iter().map(at).collect())
    }
}

/// A log with an operator, two agencies and one warning from us.ctc to two desks of ru.ctc.
fn scene(log: &LogKey) -> (Scene, Submission) {
    let mut scene = Scene {
        world: World::new(),
        log: Log::default(),
    };
    let mut genesis = scene.world.genesis(&["alice"]);
    genesis.log_public_key = *log.verifier().public_key().as_bytes();
    scene.run(Command::Genesis(genesis));
    for (state, agency) in [("ru", "ru.ctc"), ("us", "us.ctc")] {
        scene.enrol_state(state);
        scene.enrol_agency(agency, AgencyKind::Agency, &ROLES);
    }
    scene.publish_desks("ru.ctc", &["ru.ctc/aviation"]);
    let submission = scene.accepted("us.ctc", &["ru.ctc", "ru.ctc/aviation"]);
    (scene, submission)
}

/// Every record with its proof in the whole log.
fn prove_all(scene: &Scene, log: &LogKey) -> (SignedCheckpoint, Vec<ProvenRecord>) {
    let mut frontier = Frontier::new();
    let mut stored = Vec::new();
    for record in &scene.log.records {
        stored.extend(frontier.append(record.leaf).unwrap());
    }
    let reader = Stored(stored);
    let size = frontier.size();
    let note = log.sign_checkpoint(size, frontier.root());
    let checkpoint = log.verifier().open(&note).unwrap();
    let proven = (0..size).zip(&scene.log.records).map(|(index, record)| {
        let receipt = Receipt {
            index,
            record: record.bytes.clone(),
            inclusion_proof: inclusion_proof(size, index, &reader).unwrap(),
        };
        prove(receipt, &checkpoint).unwrap()
    });
    (checkpoint.clone(), proven.collect())
}

impl Values {
    pub(super) fn new() -> Self {
        let world = World::new();
        let log = LogKey::new(world.origin, World::key("log", KeyRole::Root, 0));
        let (mut scene, submission) = scene(&log);
        let (checkpoint, records) = prove_all(&scene, &log);
        let deliveries = deliveries(&scene, &submission, &records);
        let directory = scene.log.directory.clone();
        let note = scene.world.text("We are looking into it.");
        let mut acknowledgement = scene.world.acknowledgement(
            "ru.ctc/aviation",
            &submission,
            AcknowledgementKind::Accepted,
            |it| {
                it.assessment = Some(Assessment::Actionable);
                it.text = Some(note.1);
            },
        );
        acknowledgement.text = Some(note.0);
        let mut outbox = outbox(&mut scene.world, &submission, &acknowledgement);
        let certificate = scene
            .world
            .certificate("ru.ctc", KeyRole::Originate, 1, "root:ru", |_| ());
        let mut request = certificate.clone();
        request.signatures.truncate(1);
        // Younger than the others, so it comes after all that has a golden number.
        let hold = scene.world.hold("us.audit", 86_400_000, &[], &["ru.ctc"]);
        let place = v1::PlaceHoldRequest {
            envelope: Some((&hold).into()),
        };
        outbox.push(OutboxEntry {
            id: common_of(&hold).unwrap().id,
            kind: OutboxKind::Hold,
            message: place.encode_to_vec().into(),
        });
        let settings = Settings {
            principal: parsed("ru.ctc"),
            desk: Some(parsed("ru.ctc/aviation")),
            url: "https://relay.test.invalid:7443".to_owned(),
            tls_pin: KeyId([0x5a; 32]),
            log: log.verifier().clone(),
            signer: SignerSetting::Exec("exec:/usr/local/bin/token --slot 9".to_owned()),
            languages: vec![parsed("ru"), parsed("en")],
            retention: crate::retention::RetentionRules::default(),
        };
        Self {
            sparse_settings: Settings {
                principal: parsed("operator:alice"),
                desk: None,
                signer: SignerSetting::File,
                languages: Vec::new(),
                ..settings.clone()
            },
            welcome: Welcome {
                principal: settings.principal.clone(),
                url: settings.url.clone(),
                tls_pin: settings.tls_pin,
                log: settings.log.clone(),
                checkpoint: checkpoint.clone(),
            },
            settings,
            checkpoint,
            records,
            submission,
            acknowledgement,
            outbox,
            refusal: Unproven {
                code: ErrorCode::RevokedKey,
                sentence: "the key is \"revoked\"".to_owned(),
            },
            deliveries,
            request,
            certificate,
            directory,
        }
    }

    /// The record of the only acceptance, and the `ROUTED` ones behind it.
    pub(super) fn receipts(&self) -> (&ProvenRecord, &[ProvenRecord]) {
        let is_accepted = |it: &ProvenRecord| matches!(it.record().kind, RecordKind::Accepted(_));
        let at = self.records.iter().position(is_accepted).unwrap();
        let (first, more) = self.records[at..].split_first().unwrap();
        (first, more)
    }

    /// The records of the directory's chain.
    pub(super) fn chain(&self) -> Vec<ProvenRecord> {
        let in_chain = |it: &&ProvenRecord| it.record().directory.is_some();
        self.records.iter().filter(in_chain).cloned().collect()
    }
}

fn deliveries(
    scene: &Scene,
    submission: &Submission,
    records: &[ProvenRecord],
) -> Vec<(InboxName, v1::Delivery)> {
    let mut deliveries = Vec::new();
    for (record, proven) in scene.log.records.iter().zip(records) {
        let RecordKind::Routed(routed) = &record.record.kind else {
            continue;
        };
        let [NewPart::Inbox(opening)] = record.parts.as_slice() else {
            panic!("{:?}", record.parts);
        };
        let receipt = Receipt {
            index: proven.index(),
            record: proven.bytes().clone(),
            inclusion_proof: proven.tlog_proof().hashes,
        };
        let delivery = v1::Delivery {
            envelope: Some((&submission.envelope).into()),
            body: Some((&submission.body).into()),
            routed: Some(wire::proven(&receipt, proven.checkpoint().note())),
            inbox: Some(opening.into()),
            repeated: 3,
            wrapped: bytes::Bytes::new(),
        };
        let name = InboxName {
            id: submission.hint.id,
            digest: submission.envelope.digest(),
            desk: routed.desk.clone(),
            number: opening.number,
        };
        deliveries.push((name, delivery));
    }
    deliveries.sort_by(|a, b| a.0.cmp(&b.0));
    deliveries
}

/// One entry of each kind.
fn outbox(
    world: &mut World,
    submission: &Submission,
    acknowledgement: &AcknowledgementSubmission,
) -> Vec<OutboxEntry> {
    let mut entries = vec![
        OutboxEntry {
            id: submission.hint.id,
            kind: OutboxKind::Warning,
            message: v1::Submission::from(submission).encode_to_vec().into(),
        },
        OutboxEntry {
            id: acknowledgement.hint.id,
            kind: OutboxKind::Acknowledgement,
            message: v1::AcknowledgementSubmission::from(acknowledgement)
                .encode_to_vec()
                .into(),
        },
    ];
    let mut add = |kind, signed: &SignedEnvelope, message: Vec<u8>| {
        entries.push(OutboxEntry {
            id: common_of(signed).unwrap().id,
            kind,
            message: message.into(),
        });
    };
    macro_rules! alone {
        ($kind:ident, $message:ident, $signed:expr) => {{
            let signed = $signed;
            let request = v1::$message {
                envelope: Some((&signed).into()),
            };
            add(OutboxKind::$kind, &signed, request.encode_to_vec());
        }};
    }
    alone!(
        Key,
        PublishKeyRequest,
        world.certificate("ru.ctc", KeyRole::Officer, 1, "root:ru", |_| ())
    );
    alone!(
        Desks,
        PublishDesksRequest,
        world.desks("ru.ctc", &["ru.ctc/rail"])
    );
    alone!(
        Mandate,
        PublishMandateRequest,
        world.mandate("ru.ctc", "us.audit", false)
    );
    let (state, root) = world.state("alice", "be");
    let request = v1::EnrolStateRequest {
        enrolment: Some((&state).into()),
        root_certificate: Some((&root).into()),
    };
    add(OutboxKind::StateEnrolment, &state, request.encode_to_vec());
    let roles = [KeyRole::Officer, KeyRole::Tls];
    let (agency, certificates) = world.agency("alice", "be.ctc", AgencyKind::Agency, &roles);
    let request = v1::EnrolAgencyRequest {
        enrolment: Some((&agency).into()),
        certificates: certificates.iter().map(Into::into).collect(),
    };
    add(OutboxKind::AgencyEnrolment, &agency, request.encode_to_vec());
    alone!(
        Suspension,
        SuspendAgencyRequest,
        world.suspension("alice", "us.ctc", false)
    );
    alone!(
        Reinstatement,
        ReinstateAgencyRequest,
        world.suspension("alice", "us.ctc", true)
    );
    alone!(
        OperatorKey,
        PublishOperatorKeyRequest,
        world.certificate("operator:bob", KeyRole::Operator, 0, "operator:alice", |_| ())
    );
    entries.sort_by_key(|entry| entry.id);
    entries
}
