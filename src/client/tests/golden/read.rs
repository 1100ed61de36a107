//! What is golden is read back to the same values, and what is of another version is refused or thrown away.

use std::sync::Arc;

use prost::Message as _;
use tonic::transport::Endpoint;

use super::values::Values;
use super::{golden, lay_out};
use crate::client::directory_cache::DirectoryCache;
use crate::client::keys::KeyRequest;
use crate::client::outbox::{OutboxEntry, OutboxKind};
use crate::client::profile::{ProfileDir, Settings};
use crate::client::welcome::Welcome;
use crate::client::{Client, ClientError, Content, InboxState};
use crate::domain::{AcknowledgementSubmission, KeyRole, SignedEnvelope, Submission};
use crate::time::ManualClock;
use crate::transparency::{TlogProof, leaf_hash};
use crate::wire::{self, v1};
use crate::world::BEGINNING;

/// The golden profile, and a client that was opened over it and has no relay.
fn opened() -> (tempfile::TempDir, Client) {
    let directory = tempfile::tempdir().unwrap();
    lay_out(directory.path());
    let nowhere = Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
    let profile = ProfileDir::new(directory.path());
    let client = Client::open_over(&profile, nowhere, Arc::new(ManualClock::at(BEGINNING)));
    (directory, client.unwrap())
}

/// Settings, welcome, checkpoint, directory and confirmed keys.
#[tokio::test]
async fn what_is_trusted_is_read_as_it_was_written() {
    let (directory, client) = opened();
    let values = Values::new();
    assert_eq!(*client.settings(), values.settings);
    let operator = ProfileDir::new(directory.path().join("operator"));
    assert_eq!(Settings::read(&operator).unwrap(), values.sparse_settings);
    let welcome = Welcome::read(&directory.path().join("welcome.json")).unwrap();
    assert_eq!(welcome, values.welcome);
    assert_eq!(client.newest_checkpoint().await, values.checkpoint);
    let known = client.known_directory().await;
    assert_eq!(*known.directory(), values.directory);
    assert_eq!(known.next_seq(), values.chain().len() as u64);
    let keys = known.directory().keys();
    let (confirmed, others): (Vec<_>, Vec<_>) = keys.partition(|key| known.is_confirmed(&key.keyid));
    assert_eq!(confirmed.len(), 2);
    assert!(confirmed.iter().all(|key| key.role == KeyRole::Originate));
    assert!(others.iter().all(|key| key.role != KeyRole::Originate));
    for (file, envelope) in [
        ("originate.json", &values.request),
        ("originate.cert.json", &values.certificate),
    ] {
        let request = KeyRequest::read(&directory.path().join("requests").join(file)).unwrap();
        assert_eq!(request.envelope, *envelope);
    }
}

/// Each entry is the message that was signed, whatever its kind; what was refused says why; what was given up is not listed.
#[tokio::test]
async fn the_outbox_is_read_as_it_was_written() {
    let (directory, client) = opened();
    let values = Values::new();
    let outbox = client.outbox();
    let (given_up, waiting): (Vec<_>, Vec<_>) = values
        .outbox
        .iter()
        .cloned()
        .partition(|entry| entry.kind == OutboxKind::Suspension);
    assert_eq!(outbox.list().unwrap(), waiting);
    for entry in &waiting {
        let refused = matches!(entry.kind, OutboxKind::Warning | OutboxKind::Desks);
        let refusal = refused.then(|| values.refusal.clone());
        assert_eq!(outbox.refusal(entry).unwrap(), refusal, "{:?}", entry.kind);
    }
    let dropped = directory.path().join("outbox/dropped");
    let dropped = dropped.join(format!("{}.suspension", given_up[0].id));
    assert_eq!(std::fs::read(dropped).unwrap(), given_up[0].message);
    for kind in OutboxKind::ALL {
        let entry = values.outbox.iter().find(|entry| entry.kind == kind).unwrap();
        assert_eq!(id_within(entry), entry.id, "{kind:?}");
    }
    let of = |kind| waiting.iter().find(|entry| entry.kind == kind).unwrap();
    let message = v1::Submission::decode(of(OutboxKind::Warning).message.clone()).unwrap();
    let warning = Submission::try_from(message).unwrap();
    assert_eq!(warning.envelope, values.submission.envelope);
    assert_eq!(warning.hint, values.submission.hint);
    assert_eq!(warning.openings, values.submission.openings);
    assert_eq!(warning.body, values.submission.body);
    let message =
        v1::AcknowledgementSubmission::decode(of(OutboxKind::Acknowledgement).message.clone()).unwrap();
    let answer = AcknowledgementSubmission::try_from(message).unwrap();
    assert_eq!(answer.envelope, values.acknowledgement.envelope);
    assert_eq!(answer.hint, values.acknowledgement.hint);
    assert_eq!(answer.text, values.acknowledgement.text);
}

/// The id in what is signed, found by the message that the kind stands for.
fn id_within(entry: &OutboxEntry) -> crate::domain::PayloadId {
    let bytes = entry.message.clone();
    macro_rules! envelope_of {
        ($message:ident, $field:ident) => {
            v1::$message::decode(bytes).unwrap().$field
        };
    }
    let envelope = match entry.kind {
        OutboxKind::Warning => envelope_of!(Submission, envelope),
        OutboxKind::Acknowledgement => envelope_of!(AcknowledgementSubmission, envelope),
        OutboxKind::Key => envelope_of!(PublishKeyRequest, envelope),
        OutboxKind::Desks => envelope_of!(PublishDesksRequest, envelope),
        OutboxKind::Hold => envelope_of!(PlaceHoldRequest, envelope),
        OutboxKind::Mandate => envelope_of!(PublishMandateRequest, envelope),
        OutboxKind::StateEnrolment => envelope_of!(EnrolStateRequest, enrolment),
        OutboxKind::AgencyEnrolment => envelope_of!(EnrolAgencyRequest, enrolment),
        OutboxKind::Suspension => envelope_of!(SuspendAgencyRequest, envelope),
        OutboxKind::Reinstatement => envelope_of!(ReinstateAgencyRequest, envelope),
        OutboxKind::OperatorKey => envelope_of!(PublishOperatorKeyRequest, envelope),
    };
    let signed: SignedEnvelope = envelope.unwrap().try_into().unwrap();
    crate::client::operate::common_of(&signed).unwrap().id
}

/// Each delivery verifies without a relay, and is in the state that its files say.
#[tokio::test]
async fn the_inbox_is_read_as_it_was_written() {
    let (_directory, client) = opened();
    let values = Values::new();
    let inbox = client.inbox();
    let states: Vec<_> = inbox.list().unwrap().into_iter().collect();
    let expected: Vec<_> = values
        .deliveries
        .iter()
        .map(|(name, _)| {
            let state = match name.desk.is_duty() {
                true => InboxState::Shown,
                false => InboxState::Received,
            };
            (name.clone(), state)
        })
        .collect();
    assert_eq!(states, expected);
    for (name, message) in &values.deliveries {
        let unanswered = inbox.unanswered(&name.desk).unwrap();
        assert_eq!(unanswered.contains(name), name.desk.is_duty(), "{name:?}");
        let delivered = client.stored(name).await.unwrap().unwrap();
        assert_eq!(delivered.inbox_name(), *name);
        assert_eq!(delivered.envelope, values.submission.envelope);
        let body = wire::body(&values.submission.body.content).unwrap();
        assert_eq!(delivered.content, Content::Read(body));
        let routed = message.routed.as_ref().unwrap();
        assert_eq!(
            (delivered.routed.index(), delivered.routed.bytes()),
            (routed.index, &routed.record)
        );
        assert_eq!(*delivered.routed.checkpoint(), values.checkpoint);
        assert!(delivered.key_confirmed);
    }
}

/// Each receipt proves the record beside it with nothing but the log's key.
#[tokio::test]
async fn receipts_are_read_as_they_were_written() {
    let values = Values::new();
    let (accepted, routed) = values.receipts();
    let id = values.submission.hint.id;
    let stems = [format!("{id}"), format!("{id}.1"), format!("{id}.2")];
    let expected = [accepted, &routed[0], &routed[1]];
    for (stem, expected) in stems.iter().zip(expected) {
        let text = String::from_utf8(golden(&format!("receipts/{stem}.tlog-proof"))).unwrap();
        let record = golden(&format!("receipts/{stem}.record"));
        let proof = TlogProof::parse(&text).unwrap();
        assert_eq!(proof, expected.tlog_proof());
        assert_eq!(record, **expected.bytes());
        let checkpoint = proof.verify(&leaf_hash(&record), &values.settings.log).unwrap();
        assert_eq!(checkpoint, values.checkpoint);
    }
}

/// A directory of another version, one without a version too, is thrown away, and grows again to the golden one; in the
/// meantime what is in the inbox cannot be verified, which is no failure of verification. The file is there all the time.
#[tokio::test]
async fn a_directory_of_another_version_is_followed_anew() {
    let values = Values::new();
    let whole = golden("directory");
    for other in [whole[1..].to_vec(), [&[2], &whole[1..]].concat(), vec![0]] {
        let (directory, _) = opened();
        let profile = ProfileDir::new(directory.path());
        std::fs::write(profile.directory(), other).unwrap();
        let nowhere = Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
        let client = Client::open_over(&profile, nowhere, Arc::new(ManualClock::at(BEGINNING))).unwrap();
        assert_eq!(client.known_directory().await.next_seq(), 0);
        let stored = client.stored(&values.deliveries[0].0).await;
        assert!(matches!(stored, Err(ClientError::DirectoryBehind)), "{stored:?}");
        assert_eq!(std::fs::read(profile.directory()).unwrap(), [1]);
        let (mut cache, _) = DirectoryCache::open(&profile, &values.settings.log).unwrap();
        cache.append(&values.chain()).unwrap();
        assert_eq!(std::fs::read(profile.directory()).unwrap(), whole);
    }
}

/// What ends in the middle of an entry, or holds one that is not what its hash says, is read up to there, cut off, and grows
/// again.
#[tokio::test]
async fn a_torn_directory_grows_again() {
    let values = Values::new();
    let (whole, chain) = (golden("directory"), values.chain());
    let last = whole.len() - 44 - chain[chain.len() - 1].bytes().len();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for torn in [&whole[..last + 7], &whole[..whole.len() - 1], &flipped] {
        let directory = tempfile::tempdir().unwrap();
        let profile = ProfileDir::new(directory.path());
        std::fs::write(profile.directory(), torn).unwrap();
        let (mut cache, known) = DirectoryCache::open(&profile, &values.settings.log).unwrap();
        assert_eq!(known.next_seq(), chain.len() as u64 - 1);
        assert_eq!(std::fs::read(profile.directory()).unwrap(), whole[..last]);
        cache.append(&chain[chain.len() - 1..]).unwrap();
        assert_eq!(std::fs::read(profile.directory()).unwrap(), whole);
    }
}

/// A welcome of another version is refused by name.
#[test]
fn a_welcome_of_another_version_is_refused() {
    let text = String::from_utf8(golden("welcome.json")).unwrap();
    let later = text.replace("\"wardline_welcome\": 1", "\"wardline_welcome\": 2");
    assert!(Welcome::parse(&later).unwrap_err().contains("later version"));
}
