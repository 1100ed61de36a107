//! Golden bytes: what is signed, hashed and stored never changes. Each fixed value has its bytes in
//! `tests/golden/NAME.hex` and its digest or leaf hash in `tests/golden/hashes.txt`. `WARDLINE_WRITE_GOLDEN=1` writes
//! files that do not exist yet, and never changes one that does.

use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::fixed;
use crate::domain::Record;
use crate::seal::{PayloadKind, body_digest, digest, text_digest};
use crate::wire;

/// Where the golden ones lie.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(name)
}

/// Compares with a file, or writes it if that is asked for and there is none.
pub(crate) fn is_golden(name: &str, actual: &str) {
    let path = path(name);
    if std::env::var_os("WARDLINE_WRITE_GOLDEN").is_some() && !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, golden, "{name} is not what it was");
}

pub(crate) fn hex_lines(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(40) {
        writeln!(text, "{}", hex::encode(line)).unwrap();
    }
    text
}

/// Every signed payload, with the name of its file.
pub(crate) fn payloads() -> Vec<(&'static str, PayloadKind, Bytes)> {
    use PayloadKind::*;
    vec![
        ("warning", Warning, wire::encode_warning(&fixed::warning())),
        (
            "warning-sparse",
            Warning,
            wire::encode_warning(&fixed::sparse_warning()),
        ),
        (
            "acknowledgement",
            Acknowledgement,
            wire::encode_acknowledgement(&fixed::acknowledgement()),
        ),
        (
            "key-certificate",
            KeyCertificate,
            wire::encode_key_certificate(&fixed::key_certificate()),
        ),
        (
            "key-revocation",
            KeyRevocation,
            wire::encode_key_revocation(&fixed::key_revocation()),
        ),
        (
            "root-succession",
            RootSuccession,
            wire::encode_root_succession(&fixed::root_succession()),
        ),
        ("desks", Desks, wire::encode_desks(&fixed::desks())),
        ("mandate", Mandate, wire::encode_mandate(&fixed::mandate())),
        (
            "state-enrolment",
            StateEnrolment,
            wire::encode_state_enrolment(&fixed::state_enrolment()),
        ),
        (
            "agency-enrolment",
            AgencyEnrolment,
            wire::encode_agency_enrolment(&fixed::agency_enrolment()),
        ),
        (
            "suspension",
            Suspension,
            wire::encode_suspension(&fixed::suspension()),
        ),
        (
            "reinstatement",
            Reinstatement,
            wire::encode_reinstatement(&fixed::suspension()),
        ),
        ("hold", Hold, wire::encode_hold(&fixed::hold())),
        (
            "erasure-attestation",
            ErasureAttestation,
            wire::encode_erasure_attestation(&fixed::erasure_attestation()),
        ),
        (
            "onward-transfer",
            OnwardTransfer,
            wire::encode_onward_transfer(&fixed::onward_transfer()),
        ),
    ]
}

/// Every kind of record, and a start with the rules of retention.
fn golden_records() -> Vec<(&'static str, Record)> {
    let mut records = fixed::records();
    records.push(("relay_started_retention", fixed::started_with_retention()));
    records
}

/// Every signed payload, the body, the text and every kind of record have the bytes they always had.
#[test]
fn bytes_are_what_they_were() {
    for (name, _, bytes) in payloads() {
        is_golden(&format!("{name}.hex"), &hex_lines(&bytes));
    }
    is_golden("body.hex", &hex_lines(&wire::encode_body(&fixed::body())));
    is_golden("text.hex", &hex_lines(&wire::encode_text(&fixed::text())));
    for (name, record) in golden_records() {
        let name = name.replace('_', "-");
        is_golden(
            &format!("record-{name}.hex"),
            &hex_lines(&wire::encode_record(&record)),
        );
        assert_eq!(
            wire::record(&wire::encode_record(&record)).unwrap(),
            record,
            "{name}"
        );
    }
}

/// The digests of the payloads, the salted digests of body and text, and the leaf hashes of the records are what they
/// always were.
#[test]
fn hashes_are_what_they_were() {
    let mut hashes = String::new();
    for (name, kind, bytes) in payloads() {
        writeln!(hashes, "{name} digest {}", digest(kind.payload_type(), &bytes)).unwrap();
    }
    let salt = [0x5a; 32];
    let body = hex::encode(body_digest(&salt, &wire::encode_body(&fixed::body())));
    let text = hex::encode(text_digest(&salt, &wire::encode_text(&fixed::text())));
    write!(hashes, "body digest {body}\ntext digest {text}\n").unwrap();
    for (name, record) in golden_records() {
        let mut leaf = Sha256::new();
        leaf.update([0u8]);
        leaf.update(wire::encode_record(&record));
        let name = name.replace('_', "-");
        writeln!(hashes, "record-{name} leaf {}", hex::encode(leaf.finalize())).unwrap();
    }
    is_golden("hashes.txt", &hashes);
}

/// Every kind of payload has a golden one, so that a new kind is not forgotten.
#[test]
fn every_kind_is_golden() {
    for kind in PayloadKind::ALL {
        assert!(payloads().iter().any(|(_, golden, _)| *golden == kind), "{kind}");
    }
}
