//! What protobuf would read and we do not: each header is right but for a few bytes, and signed as it is.

use prost::Message;
use wardline::domain::KeyRole;
use wardline::error::ErrorCode as E;
use wardline::limits;
use wardline::seal::PayloadKind;
use wardline::wire::{self, v1};

use super::row::Row;
use super::stage::{RU, US};
use crate::world::{Draft, World};

/// Changes the message, and gives the bytes that stand behind it.
type Craft = fn(&mut v1::Warning) -> Vec<u8>;

/// With how it is refused: the code, the field, and whether the id and its signer can be read, so that it is recorded.
type Crafted = (&'static str, E, &'static str, bool, Craft);

pub(super) fn rows(world: &mut World) -> Vec<Row> {
    let table: [Crafted; 25] = [
        ("an unknown field", E::UnknownField, "99", true, |_| {
            UNKNOWN.to_vec()
        }),
        (
            "an unknown field inside",
            E::UnknownField,
            "handling.99",
            true,
            |h| inside(11, &h.handling.take().unwrap(), &UNKNOWN),
        ),
        // Field 2, a varint.
        ("status twice", E::DuplicateField, "status", true, |_| {
            vec![0x10, 0x02]
        }),
        ("handling twice", E::DuplicateField, "handling", true, |h| {
            inside(11, h.handling.as_ref().unwrap(), &[])
        }),
        (
            "a sender named and unnamed",
            E::DuplicateField,
            "common.signer_commitment",
            true,
            |h| {
                let commitment = [&[0x2a, 0x20][..], &[1; 32]].concat();
                inside(1, &h.common.take().unwrap(), &commitment)
            },
        ),
        ("two Commons", E::DuplicateField, "common", false, |h| {
            inside(1, h.common.as_ref().unwrap(), &[])
        }),
        // Field 2, four bytes.
        ("status as a fixed number", E::WrongType, "status", true, |_| {
            vec![0x15, 0x02, 0, 0, 0]
        }),
        // Field 2, a group that ends at once.
        ("status as a group", E::WrongType, "status", true, |h| {
            h.status = 0;
            vec![0x13, 0x14]
        }),
        // Field 8, a varint where proto3 packs.
        ("harm, not packed", E::WrongType, "harm", true, |h| {
            h.harm.clear();
            vec![0x40, 0x01]
        }),
        ("a zero status", E::InvalidValue, "status", true, |h| {
            h.status = 0;
            vec![0x10, 0x00]
        }),
        ("a status that is none", E::InvalidValue, "status", true, |h| {
            h.status = 99;
            Vec::new()
        }),
        ("harm twice", E::InvalidValue, "harm[1]", true, |h| {
            h.harm = vec![1, 1];
            Vec::new()
        }),
        ("an overlong number", E::Malformed, "status", true, |h| {
            h.status = 0;
            vec![0x10, 0x82, 0x00]
        }),
        (
            "a boolean of two",
            E::InvalidValue,
            "handling.personal_data",
            true,
            |h| inside(11, &h.handling.take().unwrap(), &[0x20, 0x02]),
        ),
        (
            "a length beyond 32 bits",
            E::InvalidValue,
            "body.length",
            true,
            |h| {
                let mut body = h.body.take().unwrap();
                body.length = 0;
                inside(15, &body, &[0x18, 0x80, 0x80, 0x80, 0x80, 0x10])
            },
        ),
        // Field 12, one byte that begins no character.
        ("a territory not in UTF-8", E::Malformed, "territory", true, |h| {
            h.territory.clear();
            vec![0x62, 0x01, 0xff]
        }),
        ("a state in capitals", E::InvalidValue, "territory", true, |h| {
            h.territory = "RU".to_owned();
            Vec::new()
        }),
        (
            "victims not sorted",
            E::InvalidValue,
            "victims_of[1]",
            true,
            |h| {
                h.victims_of = vec!["us".to_owned(), "ru".to_owned()];
                Vec::new()
            },
        ),
        ("no status", E::MissingField, "status", true, |h| {
            h.status = 0;
            Vec::new()
        }),
        ("no handling", E::MissingField, "handling", true, |h| {
            h.handling = None;
            Vec::new()
        }),
        ("17 references", E::InvalidValue, "references", true, |h| {
            let reference = v1::Reference {
                id: h.common.as_ref().unwrap().id.clone(),
                digest: vec![1; 32].into(),
            };
            h.references = vec![reference; limits::REFERENCES_MAX + 1];
            Vec::new()
        }),
        (
            "an id that is no UUIDv7",
            E::InvalidValue,
            "common.id",
            false,
            |h| {
                h.common.as_mut().unwrap().id = vec![7; 16].into();
                Vec::new()
            },
        ),
        ("no Common", E::MissingField, "common", false, |h| {
            h.common = None;
            Vec::new()
        }),
        // Field 18 would be five bytes long, and is one.
        ("a payload that ends too soon", E::Malformed, "", false, |h| {
            h.extensions.clear();
            vec![0x92, 0x01, 0x05, 0x00]
        }),
        (
            "a payload over 64 KiB",
            E::PayloadTooLarge,
            "submission.envelope.payload",
            false,
            |h| {
                h.extensions = vec![v1::Extension {
                    id: "x.long".to_owned(),
                    critical: false,
                    value: vec![0; limits::PAYLOAD_BYTES_MAX].into(),
                }];
                Vec::new()
            },
        ),
    ];
    let mut rows = Vec::new();
    for (name, code, field, recorded, craft) in table {
        let draft = world.draft(US, &[RU], &[]);
        let mut message = v1::Warning::decode(wire::encode_warning(&draft.header)).unwrap();
        let behind = craft(&mut message);
        let payload = [message.encode_to_vec(), behind].concat();
        let row = Row::refused(name, US, signed(draft, payload), code, recorded);
        rows.push(match field {
            "" => row,
            _ => row.about(field),
        });
    }
    for (name, payload, code) in [
        ("a payload that is no protobuf", vec![0xff; 8], E::Malformed),
        ("an empty payload", Vec::new(), E::MissingField),
    ] {
        let draft = world.draft(US, &[RU], &[]);
        rows.push(Row::nothing(name, US, signed(draft, payload), code));
    }
    rows
}

/// Field 99, the varint 1: no message of ours has it.
const UNKNOWN: [u8; 3] = [0x98, 0x06, 0x01];

/// A field that holds a message, with bytes of our own at that message's end.
pub(super) fn inside(number: u32, message: &impl Message, behind: &[u8]) -> Vec<u8> {
    let content = [&message.encode_to_vec()[..], behind].concat();
    let mut bytes = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

/// The draft's submission with another payload, signed as it is.
fn signed(draft: Draft, payload: Vec<u8>) -> v1::Submission {
    let key = World::key(US, KeyRole::Originate, 0);
    let mut submission = draft.sign(US);
    submission.envelope = World::sign(PayloadKind::Warning, payload.into(), &[&key]);
    (&submission).into()
}
