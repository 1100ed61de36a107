//! `tests/vectors/sealing.json`, which was made outside of this crate (Python's `cryptography`, with the published vectors of
//! RFC 9180 and X-Wing in it): what it sealed is opened here, to the same bytes or the same refusal. The opener in
//! docs/verifier opens it too (`audit::check`'s vectors run it).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use serde_json::Value;
use zeroize::Zeroizing;

use super::*;
use crate::domain::{Digest, Origin, PayloadId, Principal};

/// One case: texts and hex by name.
struct Case(Value);

impl Case {
    fn text(&self, name: &str) -> &str {
        self.0[name]
            .as_str()
            .unwrap_or_else(|| panic!("{}: {name}", self.0["what"]))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).unwrap()
    }

    fn bytes32(&self, name: &str) -> [u8; 32] {
        self.bytes(name).try_into().unwrap()
    }

    fn secret(&self) -> SealSecretKey {
        SealSecretKey::from_bytes(&self.bytes("secret")).unwrap()
    }

    fn origin(&self) -> Origin {
        self.text("origin").parse().unwrap()
    }

    fn id(&self, name: &str) -> PayloadId {
        PayloadId::from_bytes(&self.bytes(name)).unwrap()
    }

    fn warning(&self) -> Digest {
        Digest(self.bytes32("warning"))
    }

    /// What the case says of the outcome: opened, or refused under a name.
    fn holds<T>(&self, outcome: Result<T, OpenError>) -> Option<T> {
        let refused = outcome.as_ref().err().map(name);
        assert_eq!(refused, self.0["refused"].as_str(), "{}", self.0["what"]);
        outcome.ok()
    }
}

/// The name of a refusal in the vectors.
fn name(error: &OpenError) -> &'static str {
    match error {
        OpenError::Suite => "suite",
        OpenError::OtherSuite { .. } => "other-suite",
        OpenError::Length(_) => "length",
        OpenError::Encapsulated(_) => "encapsulated",
        OpenError::Unreadable => "unreadable",
        OpenError::InnerLength => "inner-length",
        OpenError::SizeClass => "size-class",
        OpenError::Padding => "padding",
        OpenError::Commitment => "commitment",
    }
}

/// The cases of one kind; there must be as many as the caller knows of, so that none is passed over.
fn cases(kind: &str, expected: usize) -> Vec<Case> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sealing.json");
    let all: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let of_kind: Vec<Case> = all
        .into_iter()
        .filter(|case| case["kind"] == kind)
        .map(Case)
        .collect();
    assert_eq!(of_kind.len(), expected, "{kind}");
    of_kind
}

/// RFC 9180 and X-Wing: what was sealed to published keys opens, and sealing it with the published randomness gives the published
/// encapsulated keys and the same bytes.
#[test]
fn published_vectors_of_hpke_and_x_wing() {
    for case in cases("hpke", 4) {
        let (secret, info, aad) = (case.secret(), case.bytes("info"), case.bytes("aad"));
        let (plaintext, sealed) = (case.bytes("plaintext"), case.bytes("sealed"));
        let opened = hpke::open(&secret, &info, &aad, &sealed).unwrap();
        assert_eq!(*opened, plaintext, "{}", case.text("what"));
        let drawn = case.bytes("randomness").try_into().unwrap();
        let again = hpke::seal_with(secret.public_key(), &info, &aad, &plaintext, &drawn).unwrap();
        assert_eq!(again, sealed, "{}", case.text("what"));
    }
}

/// Public halves, and ids that belong to their principals.
#[test]
fn keys_and_their_ids() {
    for case in cases("key", 3) {
        let secret = case.secret();
        let principal: Principal = case.text("principal").parse().unwrap();
        assert_eq!(secret.public_key().as_bytes(), case.bytes("public"));
        assert_eq!(
            secret.public_key().keyid(&principal).as_bytes(),
            &case.bytes32("keyid")
        );
        assert_eq!(
            SealPublicKey::parse(&case.bytes("public")).as_ref(),
            Ok(secret.public_key())
        );
        assert_eq!(secret.to_bytes().as_slice(), case.bytes("secret"));
    }
}

/// Wraps open to the key of the body and the reply key, or are refused for what is wrong with them.
#[test]
fn wraps() {
    for case in cases("wrap", 24) {
        let wrap = case.bytes("wrap");
        let agency = case.text("agency").parse().unwrap();
        let opened = open_wrap(&case.secret(), &case.warning(), &agency, &wrap);
        let Some(opened) = case.holds(opened) else {
            continue;
        };
        assert_eq!(opened.key.as_bytes(), &case.bytes32("key"));
        let reply = opened.reply.map(|reply| reply.to_bytes().to_vec());
        assert_eq!(reply.unwrap_or_default(), case.bytes("reply"));
        assert_eq!(wrap_digest(&wrap), case.bytes32("digest"));
    }
}

/// Sealed bodies open to their texts, or are refused for what is wrong with them.
#[test]
fn bodies() {
    for case in cases("body", 15) {
        let key = BodyKey::new(Zeroizing::new(case.bytes32("key")));
        let (commitment, content) = (case.bytes32("commitment"), case.bytes("content"));
        let opened = open_body(&case.origin(), &case.id("id"), &key, &commitment, &content);
        let Some(opened) = case.holds(opened) else {
            continue;
        };
        assert_eq!(opened.text, case.bytes("text"));
        let again =
            sealed_body::seal_body_with(&case.origin(), &case.id("id"), &opened.text, key, &opened.salt);
        assert_eq!(again.unwrap().content, content, "{}", case.text("what"));
    }
}

/// Sealed texts of answers, likewise.
#[test]
fn texts() {
    for case in cases("text", 14) {
        let (origin, acknowledgement, warning) = (case.origin(), case.id("acknowledgement"), case.warning());
        let place = TextPlace {
            origin: &origin,
            acknowledgement: &acknowledgement,
            warning: &warning,
        };
        let opened = open_text(
            &case.secret(),
            place,
            &case.bytes32("commitment"),
            &case.bytes("content"),
        );
        let Some(opened) = case.holds(opened) else {
            continue;
        };
        assert_eq!(opened.text, case.bytes("text"));
    }
}
