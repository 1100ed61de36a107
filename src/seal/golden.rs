//! Golden bytes of everything that is signed, hashed or committed to. All were computed outside of this crate, by the
//! definitions in FORMATS; a change here breaks every log there is.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::*;
use crate::domain::{AudienceKind, Digest, KeyId, SignedEnvelope};

/// 00 01 02 … 1f: the salt and the seed of these tests.
fn counting() -> [u8; 32] {
    std::array::from_fn(|i| i as u8)
}

/// Each named hash over fixed inputs gives its golden value: names, order and widths of the fields are held.
#[test]
fn named_hashes() {
    let salt = &counting();
    let table: [(&str, [u8; 32], &str); 11] = [
        (
            "h",
            h("", &[]),
            "bcdbb995547ef27f77a8f8c8cc3a7c372a68d2ad43b84fb1471cf3892e198848",
        ),
        (
            "body",
            body_digest(salt, b"the body"),
            "434763a74078c118b331fff19954129d2ef0c659e3f24b2016c882d4c0ffc9ad",
        ),
        (
            "text",
            text_digest(salt, b"the text"),
            "5755f2623e735438cd25624665f7cd4f72f2a163aec7a5d2f46387d4f2cebb53",
        ),
        (
            "plaintext",
            plaintext_commitment(salt, b"the body"),
            "8fa1f135ebebc7e13c4057a414c47b79f81f4b6fd15a0a8cb517cb6a9e1ce32f",
        ),
        (
            "audience, to",
            audience_commitment(AudienceKind::To, salt, "be.ctc/aviation"),
            "6b9f6110d225500daf62670396ae46dc3c86fc5be2ca75feb7ea3215dfab0dc9",
        ),
        (
            "audience, excluded",
            audience_commitment(AudienceKind::Excluded, salt, "ru.ctc"),
            "8d31ae1a4f96f51e2a0211e4f46bf5290eeaf40968ee8252a336231a96831ada",
        ),
        (
            "audience, padding",
            audience_commitment(AudienceKind::Pad, salt, ""),
            "d120bcae885eb19c5f13cd7f9367741dd3f8baced8476793b3c3880eefef3fc2",
        ),
        (
            "inbox",
            inbox_commitment(salt, 258, "be.ctc/aviation"),
            "068b53895e617b4d6ad63a2ab4f929854b005e984c050624969cea4e1a142ee2",
        ),
        (
            "signer",
            signer_commitment(salt, b"\x0a\x06ru.ctc"),
            "7df56f29921b7266809f1edd4d61cd8487a1d025faad9f971e1f0cf79a591505",
        ),
        (
            "seal-key",
            seal_keyid("ru.ctc", &[&[1][..], salt].concat()),
            "1038d2e9eb6b2e2c171a367cdfd056efb3efd502f61a3fe8469623a0dcb72b5c",
        ),
        (
            "wrap",
            wrap_digest(b"\x01the wrap"),
            "eaca44b37b4c2a3eabfbfaa71c70a81290ebec4cea244436804c4b9d5adedb8b",
        ),
    ];
    for (name, actual, expected) in table {
        assert_eq!(hex::encode(actual), expected, "{name}");
    }
}

/// The parts of `H` are simply concatenated: cutting them elsewhere changes nothing, another name does.
#[test]
fn h_concatenates_its_parts() {
    assert_eq!(h("body", &[b"ab", b"c"]), h("body", &[b"a", b"bc"]));
    assert_ne!(h("body", &[b"abc"]), h("text", &[b"abc"]));
}

/// The PAE of DSSE's own published example, and one of ours.
#[test]
fn pre_authentication_encoding() {
    assert_eq!(
        pae("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
    assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
    assert_eq!(
        pae(PayloadKind::Warning.payload_type(), b"header"),
        b"DSSEv1 44 application/vnd.wardline.warning.v1+protobuf 6 header"
    );
}

/// The digest is SHA-256 of the PAE, for an empty payload too, and is the envelope's whatever its signatures.
#[test]
fn digest_of_a_signed_thing() {
    let kind = PayloadKind::Warning.payload_type();
    let expected: Digest = "e6960daed9992b9a49a64ef20537666a7906ecfe4b457842b8831f3efeb90b18"
        .parse()
        .unwrap();
    assert_eq!(digest(kind, b"header"), expected);
    assert_eq!(
        digest(kind, b"").to_string(),
        "0611c8a67ddae0d6c7062ef5990f2b83a1adc604696edb987e52b259d3504d0d"
    );
    let envelope = SignedEnvelope {
        payload: b"header".as_slice().into(),
        payload_type: kind.into(),
        signatures: smallvec::SmallVec::new(),
    };
    assert_eq!(envelope.digest(), expected);
}

/// Every payload type, spelled out: a new kind needs a new line, an old one never changes.
#[test]
fn payload_types() {
    let expected = [
        "warning",
        "acknowledgement",
        "key-certificate",
        "key-revocation",
        "root-succession",
        "desks",
        "mandate",
        "state-enrolment",
        "agency-enrolment",
        "suspension",
        "reinstatement",
        "hold",
        "erasure-attestation",
        "onward-transfer",
    ]
    .map(|kind| format!("application/vnd.wardline.{kind}.v1+protobuf"));
    assert_eq!(
        PayloadKind::ALL.map(|kind| kind.payload_type().to_owned()),
        expected
    );
    for kind in PayloadKind::ALL {
        assert_eq!(kind.payload_type().parse(), Ok(kind));
    }
    for wrong in [
        "",
        "warning",
        "application/vnd.wardline.Warning.v1+protobuf",
        " text/plain",
    ] {
        assert_eq!(wrong.parse::<PayloadKind>(), Err(UnknownPayloadType), "{wrong:?}");
    }
}

/// The key of a fixed seed: raw public key, id, and its deterministic signature over a PAE.
#[test]
fn key_id_and_signature() {
    let secret = SecretKey::from_seed(&counting());
    let public = secret.public_key();
    assert_eq!(
        hex::encode(public.as_bytes()),
        "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    );
    let keyid: KeyId = "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c"
        .parse()
        .unwrap();
    assert_eq!(public.keyid(), keyid);
    let pae = pae(PayloadKind::Warning.payload_type(), b"header");
    let sig = secret.sign(&pae);
    assert_eq!(
        hex::encode(sig),
        "eb1f7dae971dc2b6238bc908e27dd8ee18a0d868ee8b966585e80219557dc298\
         5a46519749a77bc651ebbef6be7af74d96cd796980c081e04c3c1d98a7b18508"
    );
    assert_eq!(public.verify(&pae, &sig), Ok(()));
}

/// RFC 8032 §7.1 test 1: the key and signature of the standard itself.
#[test]
fn rfc_8032_test_1() {
    let seed: KeyId = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
        .parse()
        .unwrap();
    let secret = SecretKey::from_seed(seed.as_bytes());
    assert_eq!(
        hex::encode(secret.public_key().as_bytes()),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
    assert_eq!(
        hex::encode(secret.sign(b"")),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
         5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
}
