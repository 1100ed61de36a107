//! Who signed, and what carries it: none of it is recorded, for nobody is to use up another's id.

use wardline::domain::{KeyRole, Submission};
use wardline::error::ErrorCode as E;
use wardline::limits;
use wardline::seal::{self, PayloadKind, SecretKey};
use wardline::wire::{self, v1};

use super::row::Row;
use super::stage::{AUDITOR, AVIATION, OPERATOR, REVOKED, RU, STRANGER, US};
use crate::world::{World, signer_mut};

pub(super) fn rows(world: &mut World) -> Vec<Row> {
    let mut rows = beside(world);
    rows.extend(signers(world));
    rows.extend(sessions(world));
    rows
}

type Spoil = fn(&mut v1::Submission);

fn envelope(submission: &mut v1::Submission) -> &mut v1::Envelope {
    submission.envelope.as_mut().unwrap()
}

fn signature(submission: &mut v1::Submission) -> &mut v1::Signature {
    &mut envelope(submission).signatures[0]
}

fn flipped(bytes: &[u8], at: usize) -> bytes::Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes.into()
}

/// Signs the envelope's payload anew, as the bytes say.
fn sign_over(submission: &mut v1::Submission, over: impl FnOnce(&v1::Envelope) -> Vec<u8>) {
    let bytes = over(envelope(submission));
    let sig = World::key(US, KeyRole::Originate, 0).sign(&bytes);
    signature(submission).sig = sig.to_vec().into();
}

/// The envelope and what lies beside it, one change each; put right, the same signed bytes are accepted.
fn beside(world: &mut World) -> Vec<Row> {
    let table: [(&str, E, Spoil); 31] = [
        ("a bit of the payload", E::BadSignature, |s| {
            let payload = &mut envelope(s).payload;
            *payload = flipped(payload, payload.len() - 1);
        }),
        ("a bit of the signature", E::BadSignature, |s| {
            let sig = &mut signature(s).sig;
            *sig = flipped(sig, 0);
        }),
        ("no signature", E::BadSignature, |s| {
            envelope(s).signatures.clear()
        }),
        ("the signature twice", E::BadSignature, |s| {
            let again = signature(s).clone();
            envelope(s).signatures.push(again);
        }),
        ("three signatures", E::BadSignature, |s| {
            let again = signature(s).clone();
            envelope(s).signatures.resize(3, again);
        }),
        ("another's signature too", E::BadSignature, |s| {
            let signed = envelope(s);
            let pae = seal::pae(&signed.payload_type, &signed.payload);
            let other = World::key(RU, KeyRole::Originate, 0);
            signed.signatures.push(v1::Signature {
                sig: other.sign(&pae).to_vec().into(),
                keyid: other.public_key().keyid().to_string(),
            });
        }),
        ("a signature of 63 bytes", E::BadSignature, |s| {
            let sig = &mut signature(s).sig;
            sig.truncate(63);
        }),
        // S + L: what verifiers that are not strict take for the same signature (RFC 8032 §5.1.7).
        ("a signature in its other form", E::BadSignature, |s| {
            let sig = &mut signature(s).sig;
            *sig = malleated(sig).into();
        }),
        ("signed without the PAE", E::BadSignature, |s| {
            sign_over(s, |envelope| envelope.payload.to_vec())
        }),
        ("signed for another payload type", E::BadSignature, |s| {
            let kind = PayloadKind::Acknowledgement;
            sign_over(s, |envelope| seal::pae(kind.payload_type(), &envelope.payload));
        }),
        ("no key id", E::MissingField, |s| signature(s).keyid.clear()),
        ("a key id in capitals", E::InvalidValue, |s| {
            signature(s).keyid = signature(s).keyid.to_uppercase()
        }),
        ("the key id of nobody", E::UnknownSigner, |s| {
            signature(s).keyid = "00".repeat(32)
        }),
        ("the key id of another", E::BadSignature, |s| {
            signature(s).keyid = World::keyid(RU, KeyRole::Originate, 0).to_string()
        }),
        ("another payload type", E::WrongPayloadType, |s| {
            envelope(s).payload_type = PayloadKind::Acknowledgement.payload_type().to_owned()
        }),
        ("a payload type of nobody's", E::WrongPayloadType, |s| {
            envelope(s).payload_type = "text/plain".to_owned()
        }),
        ("a payload type without end", E::WrongPayloadType, |s| {
            envelope(s).payload_type = "x".repeat(limits::PAYLOAD_TYPE_BYTES_MAX + 1)
        }),
        ("no envelope", E::MissingField, |s| s.envelope = None),
        ("no hint", E::MissingField, |s| s.hint = None),
        ("a hint of another lane", E::HintMismatch, |s| {
            s.hint.as_mut().unwrap().lane = v1::Lane::Flash.into()
        }),
        ("a hint of no lane", E::MissingField, |s| {
            s.hint.as_mut().unwrap().lane = 0
        }),
        ("a hint of a lane that is none", E::InvalidValue, |s| {
            s.hint.as_mut().unwrap().lane = 99
        }),
        ("a hint of another id", E::HintMismatch, |s| {
            let id = &mut s.hint.as_mut().unwrap().id;
            *id = flipped(id, 15);
        }),
        ("a hint of a short id", E::InvalidValue, |s| {
            s.hint.as_mut().unwrap().id.truncate(15)
        }),
        ("no body", E::MissingField, |s| s.body = None),
        ("a body with another salt", E::BodyMismatch, |s| {
            let salt = &mut s.body.as_mut().unwrap().salt;
            *salt = flipped(salt, 0);
        }),
        ("another body", E::BodyMismatch, |s| {
            let content = &mut s.body.as_mut().unwrap().content;
            *content = flipped(content, content.len() - 1);
        }),
        ("a longer body", E::BodyMismatch, |s| {
            let content = &mut s.body.as_mut().unwrap().content;
            *content = [&content[..], &[0]].concat().into();
        }),
        ("a body over 256 KiB", E::BodyTooLarge, |s| {
            s.body.as_mut().unwrap().content = vec![0; limits::BODY_BYTES_MAX + 1].into()
        }),
        ("an unnamed sender's salt", E::Unsupported, |s| {
            s.signer_salt = vec![1; 32].into()
        }),
        ("an unnamed sender beside it", E::Unsupported, |s| {
            s.signer = vec![1].into()
        }),
    ];
    let mut rows = Vec::new();
    for (name, code, spoil) in table {
        let good = world.warning(US, &[AVIATION]);
        let mut spoilt = v1::Submission::from(&good);
        spoil(&mut spoilt);
        rows.push(Row::nothing(name, US, spoilt, code).put_right(US, &good));
    }
    rows
}

/// The order of Ed25519's group, little-endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The signature with S + L in place of S.
fn malleated(sig: &[u8]) -> Vec<u8> {
    let mut sig = sig.to_vec();
    let mut carry = 0;
    for (byte, add) in sig[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    sig
}

/// A warning in the sender's name by keys that are not its `originate` key.
fn signers(world: &mut World) -> Vec<Row> {
    let fresh = SecretKey::from_seed(&[42; 32]);
    let table: [(&str, SecretKey, E); 6] = [
        ("a key of nobody", fresh, E::UnknownSigner),
        (
            "a key that was never published",
            World::key(US, KeyRole::Originate, 1),
            E::UnknownSigner,
        ),
        (
            "a key certified for another",
            World::key(RU, KeyRole::Originate, 0),
            E::UncertifiedKey,
        ),
        (
            "the officer's key",
            World::key(US, KeyRole::Officer, 0),
            E::WrongKeyRole,
        ),
        (
            "the root's key",
            World::key("root:us", KeyRole::Root, 0),
            E::WrongKeyRole,
        ),
        (
            "the operator's key",
            World::key(OPERATOR, KeyRole::Operator, 0),
            E::WrongKeyRole,
        ),
    ];
    let mut rows = Vec::new();
    for (name, key, code) in table {
        let submission = world.draft(US, &[RU], &[]).sign_with(&key);
        rows.push(Row::nothing(name, US, &submission, code));
    }
    let mut officers = world.draft(US, &[RU], &[]);
    signer_mut(&mut officers.header.common).role = KeyRole::Officer;
    rows.push(Row::nothing(
        "signed as an officer, with the originate key",
        US,
        &officers.sign(US),
        E::WrongKeyRole,
    ));
    let draft = world.draft(US, &[RU], &[]);
    let payload = wire::encode_warning(&draft.header);
    let mut acknowledgement = draft.sign(US);
    let key = World::key(US, KeyRole::Originate, 0);
    acknowledgement.envelope = World::sign(PayloadKind::Acknowledgement, payload, &[&key]);
    rows.push(Row::nothing(
        "a warning signed as an acknowledgement",
        US,
        &acknowledgement,
        E::WrongPayloadType,
    ));
    rows
}

/// A good warning over the wrong session; over the right one it is accepted.
fn sessions(world: &mut World) -> Vec<Row> {
    let table = [
        ("over another agency's session", RU, E::SessionSignerMismatch),
        ("over an auditor's session", AUDITOR, E::SessionSignerMismatch),
        ("over an operator's session", OPERATOR, E::SessionSignerMismatch),
        ("over a stranger's connection", STRANGER, E::UnknownCertificate),
        (
            "over a connection with a revoked TLS key",
            REVOKED,
            E::UnknownCertificate,
        ),
    ];
    let mut rows = Vec::new();
    for (name, session, code) in table {
        let good: Submission = world.warning(US, &[AVIATION]);
        rows.push(Row::nothing(name, session, &good, code).put_right(US, &good));
    }
    rows
}
