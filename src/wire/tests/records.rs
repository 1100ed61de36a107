//! What a record may hold, and what of a later version it may hold beside that.

use bytes::Bytes;
use prost::Message;

use super::fixed;
use super::walker::bytes;
use crate::domain::RecordKind;
use crate::error::ErrorCode::{self, BadSignature, InvalidValue, MissingField};
use crate::limits;
use crate::wire::{self, BadRecord, v1};

/// The record, one change to it, and the code and field that it is refused with.
type Row = (&'static str, fn(&mut v1::Record), ErrorCode, &'static str);

/// A record that this version knows is held to its form; one change each, with the field that is named.
#[test]
fn records_say_what_they_may() {
    use v1::record::Kind;
    let rows: &[Row] = &[
        ("unknown", |r| r.nonce.clear(), MissingField, "nonce"),
        (
            "unknown",
            |r| r.nonce = Bytes::from_static(&[1; 15]),
            InvalidValue,
            "nonce",
        ),
        (
            "unknown",
            |r| r.thread.as_mut().unwrap().prev.clear(),
            InvalidValue,
            "thread.prev",
        ),
        (
            "genesis",
            |r| r.thread.as_mut().unwrap().seq = 1,
            InvalidValue,
            "thread.prev",
        ),
        (
            "genesis",
            |r| r.thread.as_mut().unwrap().desk = "x".to_owned(),
            InvalidValue,
            "thread.desk",
        ),
        (
            "genesis",
            |r| r.directory.as_mut().unwrap().prev = vec![1; 32].into(),
            InvalidValue,
            "directory.prev",
        ),
        (
            "genesis",
            |r| {
                if let Some(Kind::Genesis(genesis)) = &mut r.kind {
                    genesis.operator_certificates[0].signatures[1].keyid.clear();
                }
            },
            MissingField,
            "genesis.operator_certificates[0].signatures[1].keyid",
        ),
        (
            "key_published",
            |r| r.kind = Some(Kind::KeyPublished(v1::KeyPublished::default())),
            MissingField,
            "key_published.certificate",
        ),
        (
            "accepted",
            |r| {
                if let Some(Kind::Accepted(accepted)) = &mut r.kind {
                    accepted.warning.as_mut().unwrap().signatures[0].sig.truncate(63);
                }
            },
            BadSignature,
            "accepted.warning.signatures[0].sig",
        ),
        (
            "accepted",
            |r| {
                if let Some(Kind::Accepted(accepted)) = &mut r.kind {
                    accepted.openings[1].salt.clear();
                }
            },
            MissingField,
            "accepted.openings[1].salt",
        ),
        (
            "routed",
            |r| {
                if let Some(Kind::Routed(routed)) = &mut r.kind {
                    routed.directory.as_mut().unwrap().head.truncate(31);
                }
            },
            InvalidValue,
            "routed.directory.head",
        ),
    ];
    let known = fixed::records();
    for (name, change, code, field) in rows {
        let (_, good) = known.iter().find(|(other, _)| other == name).unwrap();
        let mut bad = v1::Record::decode(wire::encode_record(good)).unwrap();
        change(&mut bad);
        let Err(BadRecord::Field(refused)) = wire::record(&bad.encode_to_vec()) else {
            panic!("{name}: {field} passed");
        };
        assert_eq!((refused.code, refused.field.as_str()), (*code, *field), "{name}");
    }
    let too_large = vec![0; limits::RECORD_BYTES_MAX + 1];
    assert_eq!(
        wire::record(&too_large),
        Err(BadRecord::TooLarge(too_large.len()))
    );
    assert_eq!(wire::record(b"\xff"), Err(BadRecord::NotProtobuf));
}

/// What two readers could read as two records is refused, each once: the last of two values, two merged into one, the kind
/// that comes first or last, a number in more bytes than it needs.
#[test]
fn a_record_reads_in_one_way_only() {
    let (_, record) = fixed::records().swap_remove(15);
    let good = wire::encode_record(&record);
    let inside = bytes(3, &bytes(2, b"us.ctc"));
    let later = |number| bytes(number, &bytes(1, b"1"));
    let table: [(&str, Vec<u8>, ErrorCode); 11] = [
        // The version that knows the other kind sees two.
        ("a reserved kind", later(40), ErrorCode::DuplicateField),
        ("the last reserved kind", later(52), ErrorCode::DuplicateField),
        ("a kind between", later(28), ErrorCode::DuplicateField),
        ("the last number for a kind", later(63), ErrorCode::DuplicateField),
        ("an empty kind", bytes(53, b""), ErrorCode::DuplicateField),
        ("a nonce again", bytes(1, &[1; 16]), ErrorCode::DuplicateField),
        ("a time again", vec![0x10, 1], ErrorCode::DuplicateField),
        (
            "a thread again, which is merged",
            inside,
            ErrorCode::DuplicateField,
        ),
        (
            "the kind again",
            bytes(35, &bytes(1, &[7; 16])),
            ErrorCode::DuplicateField,
        ),
        (
            "another kind",
            bytes(17, &bytes(1, b"1")),
            ErrorCode::DuplicateField,
        ),
        (
            "a kind with a field twice",
            bytes(17, &[bytes(1, b"1"), bytes(1, b"2")].concat()),
            ErrorCode::DuplicateField,
        ),
    ];
    assert!(wire::record(&good).is_ok());
    for (what, more, code) in table {
        for bytes in [[&good[..], &more[..]].concat(), [&more[..], &good[..]].concat()] {
            let Err(BadRecord::Field(refused)) = wire::record(&bytes) else {
                panic!("{what}: it is read");
            };
            assert_eq!(refused.code, code, "{what}");
        }
    }
    for (what, more) in [
        ("a long number", &[0x98, 0x06, 0x81, 0x00][..]),
        ("a fixed number", &[0x99, 0x06, 1, 2, 3, 4, 5, 6, 7, 8][..]),
        ("a group", &[0x9b, 0x06, 0x9c, 0x06][..]),
    ] {
        let bytes = [&good[..], more].concat();
        assert_eq!(wire::record(&bytes), Err(BadRecord::NotProtobuf), "{what}");
    }
}

/// Fields of a later version inside of a kind that is known are passed over.
#[test]
fn records_tolerate_what_is_newer() {
    let (_, record) = fixed::records().swap_remove(15);
    let newer = [&wire::encode_record(&record)[..], &[0xf8, 0x07, 0x01]].concat();
    assert_eq!(wire::record(&newer).unwrap(), record);
    assert!(matches!(record.kind, RecordKind::HandedOver(_)));
}

/// A record of a kind that only a later version knows is read as that; one of two of them, or of a kind that is no message,
/// is not. What is no kind may stand beside it.
#[test]
fn a_kind_of_a_later_version_stands_alone() {
    let (_, record) = fixed::records().swap_remove(15);
    let mut without = v1::Record::decode(wire::encode_record(&record)).unwrap();
    without.kind = None;
    let without = without.encode_to_vec();
    let read = |more: &[Vec<u8>]| wire::record(&[&without[..], &more.concat()].concat());
    let later = |number| bytes(number, &bytes(1, b"1"));
    for number in [28, 31, 37, 40, 51, 53, 63] {
        let record = read(&[later(number)]).unwrap();
        assert_eq!(record.kind, RecordKind::Unknown, "{number}");
        assert!(
            read(&[later(number), later(15), later(64), later(64)]).is_ok(),
            "{number}"
        );
        for more in [number, 16, 40, 63] {
            let refused = read(&[later(number), later(more)]);
            let Err(BadRecord::Field(refused)) = refused else {
                panic!("{number} and {more}: {refused:?}");
            };
            assert_eq!(refused.code, ErrorCode::DuplicateField, "{number} and {more}");
        }
    }
    let number = read(&[vec![0xc0, 0x02, 0x01]]);
    assert_eq!(number, Err(BadRecord::NotProtobuf), "a kind that is a number");
}

/// Every envelope in a record is signed: a genesis of empty ones, each two bytes long, would take eighty times its size in memory.
#[test]
fn an_envelope_in_a_record_is_signed() {
    let (name, record) = fixed::records().swap_remove(0);
    assert!(matches!(record.kind, RecordKind::Genesis(_)), "{name}");
    let mut message = v1::Record::decode(wire::encode_record(&record)).unwrap();
    let Some(v1::record::Kind::Genesis(genesis)) = &mut message.kind else {
        panic!()
    };
    genesis.operator_certificates.push(v1::Envelope::default());
    let last = genesis.operator_certificates.len() - 1;
    let Err(BadRecord::Field(refused)) = wire::record(&message.encode_to_vec()) else {
        panic!("it is read");
    };
    let field = format!("genesis.operator_certificates[{last}].signatures");
    assert_eq!((refused.code, refused.field), (ErrorCode::BadSignature, field));
}
