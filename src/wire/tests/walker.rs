//! What the walker refuses, rule by rule, and what it lets pass.

use prost_reflect::DescriptorPool;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MessageOptions,
};

use super::fixed;
use super::golden::payloads;
use crate::error::ErrorCode::{
    self, DuplicateField, InvalidValue, Malformed, TooManyRecipients, UnknownField, WrongType,
};
use crate::limits;
use crate::wire::payload::message_name;
use crate::wire::schema::Schema;
use crate::wire::{self, walker};

/// A varint in as few bytes as it needs.
pub(super) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// A tag and what follows it.
fn field(number: u64, wire: u64, value: &[u8]) -> Vec<u8> {
    [varint(number << 3 | wire), value.to_vec()].concat()
}

/// A varint field.
fn number(number: u64, value: u64) -> Vec<u8> {
    field(number, 0, &varint(value))
}

/// A length-delimited field.
pub(super) fn bytes(number: u64, value: &[u8]) -> Vec<u8> {
    field(number, 2, &[varint(value.len() as u64), value.to_vec()].concat())
}

/// Each rule, with bytes that break it once: the code and the path of the field that are said.
#[test]
fn each_rule_is_held() {
    let long = |count: usize, one: Vec<u8>| one.repeat(count);
    #[rustfmt::skip]
    let table: Vec<(&str, &str, Vec<u8>, ErrorCode, &str)> = vec![
        // Unknown tags, at the top and inside; a reserved wire type stands before the question which field it is.
        ("unknown field", "Warning", number(99, 1), UnknownField, "99"),
        ("unknown inside", "Warning", bytes(11, &number(9, 1)), UnknownField, "handling.9"),
        ("unknown group", "Warning", field(98, 3, &field(98, 4, &[])), UnknownField, "98"),
        ("largest field number", "Text", number(0x1fff_ffff, 1), UnknownField, "536870911"),
        ("field number 0", "Warning", number(0, 1), Malformed, ""),
        ("field number too large", "Warning", number(0x2000_0000, 1), Malformed, ""),
        ("tag beyond 32 bits", "Warning", number(1 << 32, 1), Malformed, ""),
        ("wire type 6", "Warning", field(2, 6, &[1]), Malformed, ""),
        ("wire type 7", "Warning", field(2, 7, &[1]), Malformed, ""),
        // Twice.
        ("singular number", "Warning", [number(2, 1), number(2, 1)].concat(), DuplicateField, "status"),
        ("singular text", "Warning", [bytes(12, b"ru"), bytes(12, b"ru")].concat(), DuplicateField, "territory"),
        ("singular message", "Warning", [bytes(9, b""), bytes(9, b"")].concat(), DuplicateField, "assertions"),
        ("default, then value", "Warning", [number(6, 0), number(6, 1)].concat(), DuplicateField, "expires_unix_ms"),
        ("packed list", "Warning", [bytes(8, &[1]), bytes(8, &[2])].concat(), DuplicateField, "harm"),
        ("one of two", "Common", [bytes(4, b""), bytes(5, b"")].concat(), DuplicateField, "signer_commitment"),
        ("one of two, reversed", "Common", [bytes(5, b""), bytes(4, b"")].concat(), DuplicateField, "signer"),
        ("member twice", "Common", [bytes(5, b""), bytes(5, b"")].concat(), DuplicateField, "signer_commitment"),
        // Wire types.
        ("text for a number", "Warning", bytes(2, &[1]), WrongType, "status"),
        ("number for a text", "Warning", number(12, 1), WrongType, "territory"),
        ("number for a message", "Warning", number(1, 1), WrongType, "common"),
        ("fixed64 for an int64", "Warning", field(6, 1, &[0; 8]), WrongType, "expires_unix_ms"),
        ("fixed32 for a uint32", "PartReference", field(3, 5, &[0; 4]), WrongType, "length"),
        ("group for a message", "Warning", field(11, 3, &field(11, 4, &[])), WrongType, "handling"),
        ("unpacked list", "Warning", number(8, 1), WrongType, "harm"),
        ("unpacked list, inside", "Acknowledgement", number(6, 1), WrongType, "missing"),
        // Enums.
        ("zero enum", "Warning", number(2, 0), InvalidValue, "status"),
        ("zero enum that may be unsaid", "Acknowledgement", number(5, 0), InvalidValue, "assessment"),
        ("zero reason", "Acknowledgement", number(7, 0), InvalidValue, "reason"),
        ("zero in a list", "Warning", bytes(8, &[1, 2, 0]), InvalidValue, "harm[2]"),
        ("unknown enum", "Warning", number(2, 5), InvalidValue, "status"),
        ("unknown in a list", "Warning", bytes(8, &[1, 9]), InvalidValue, "harm[1]"),
        ("enum beyond 32 bits", "Warning", number(2, 1 << 32 | 1), InvalidValue, "status"),
        ("negative enum", "Warning", number(2, u64::MAX), InvalidValue, "status"),
        ("enum inside", "Warning", bytes(11, &number(1, 6)), InvalidValue, "handling.tlp"),
        // Numbers.
        ("boolean 2", "Assertions", number(1, 2), InvalidValue, "credible"),
        ("boolean beyond 32 bits", "Assertions", number(1, 1 << 32), InvalidValue, "credible"),
        ("uint32 too large", "PartReference", number(3, 1 << 32), InvalidValue, "length"),
        ("overlong number", "Warning", field(2, 0, &[0x81, 0x00]), Malformed, "status"),
        ("overlong zero", "Warning", field(6, 0, &[0x80, 0x00]), Malformed, "expires_unix_ms"),
        ("overlong tag", "Warning", vec![0x90, 0x00, 0x01], Malformed, ""),
        ("overlong length", "Text", field(1, 2, &[0x82, 0x00, b'e', b'n']), Malformed, "language"),
        ("overlong in a list", "Warning", bytes(8, &[0x81, 0x00]), Malformed, "harm[0]"),
        ("11 bytes", "Warning", field(6, 0, &[[0xff; 10].as_slice(), &[1]].concat()), Malformed, "expires_unix_ms"),
        ("65 bits", "Warning", field(6, 0, &[[0xff; 9].as_slice(), &[2]].concat()), Malformed, "expires_unix_ms"),
        // Truncated.
        ("tag without a value", "Warning", vec![0x10], Malformed, "status"),
        ("half a tag", "Warning", vec![0x90], Malformed, ""),
        ("half a number", "Warning", field(6, 0, &[0x80]), Malformed, "expires_unix_ms"),
        ("length beyond the end", "Text", field(1, 2, &[3, b'e', b'n']), Malformed, "language"),
        ("huge length", "Text", field(1, 2, &varint(u64::MAX)), Malformed, "language"),
        ("ends inside a list", "Warning", bytes(8, &[0x81]), Malformed, "harm[0]"),
        ("ends inside a message", "Warning", bytes(11, &[0x08]), Malformed, "handling.tlp"),
        ("inner beyond its own end", "Warning", [bytes(10, &[0x08]), number(2, 1)].concat(), Malformed, "specifics.place"),
        ("not read, and wrong inside", "Body", bytes(5, &bytes(2, &[0xff])), Malformed, "blocks[0].event"),
        // Text.
        ("not UTF-8", "Text", bytes(2, &[0xff]), Malformed, "text"),
        ("a surrogate", "Text", bytes(2, &[0xed, 0xa0, 0x80]), Malformed, "text"),
        ("overlong UTF-8", "Text", bytes(2, &[0xc0, 0xaf]), Malformed, "text"),
        ("not UTF-8 in a list", "Warning", [bytes(13, b"ru"), bytes(13, b"\xff")].concat(), Malformed, "victims_of[1]"),
        // Lists and paths.
        ("deep path", "Warning", bytes(1, &bytes(4, &bytes(5, &number(9, 0)))), UnknownField, "common.signer.seen.9"),
        ("path into a list", "Warning", [bytes(14, b""), bytes(14, &number(1, 0))].concat(), WrongType, "references[1].id"),
        ("audience", "Warning", long(257, bytes(17, b"")), TooManyRecipients, "audience"),
        ("references", "Warning", long(limits::REFERENCES_MAX + 1, bytes(14, b"")), InvalidValue, "references"),
        ("extensions", "Mandate", long(limits::EXTENSIONS_MAX + 1, bytes(4, b"")), InvalidValue, "extensions"),
        ("languages", "Body", long(limits::LANGUAGES_MAX + 1, bytes(5, b"")), InvalidValue, "blocks"),
        ("harms", "Warning", bytes(8, &[1; limits::HARMS_MAX + 1]), InvalidValue, "harm"),
        ("a list that is never signed", "Envelope", bytes(3, b""), InvalidValue, "signatures"),
    ];
    for (rule, message, data, code, path) in table {
        let refused = walker::walk(message, &data).unwrap_err();
        assert_eq!(
            (refused.code, refused.field.as_str()),
            (code, path),
            "{rule}: {refused}"
        );
    }
}

/// What the rules allow: nothing at all, fields in any order, defaults written out, the ends of each range.
#[test]
fn what_is_allowed_passes() {
    #[rustfmt::skip]
    let table: Vec<(&str, &str, Vec<u8>)> = vec![
        ("nothing", "Warning", Vec::new()),
        ("order", "Warning", [bytes(12, b"ru"), number(2, 1), bytes(1, b""), bytes(13, b""), bytes(12 + 2, b"")] .concat()),
        ("lists apart", "Warning", [bytes(13, b"am"), bytes(12, b"ru"), bytes(13, b"ru")].concat()),
        ("default number", "Warning", number(6, 0)),
        ("default text", "Warning", bytes(12, b"")),
        ("default boolean", "Assertions", number(1, 0)),
        ("empty packed list", "Warning", bytes(8, b"")),
        ("negative int64", "Warning", number(6, u64::MAX)),
        ("largest uint32", "PartReference", number(3, u64::from(u32::MAX))),
        ("largest uint64", "Seen", number(1, u64::MAX)),
        ("longest list", "Warning", bytes(17, b"").repeat(limits::AUDIENCE_MAX)),
        ("any UTF-8", "Text", bytes(2, "\u{0}\u{202e}\u{10ffff}".as_bytes())),
    ];
    for (what, message, data) in table {
        assert_eq!(walker::walk(message, &data), Ok(()), "{what}");
    }
}

/// The golden payloads pass whole; cut anywhere but between two fields they do not, and cut there they miss something
/// or say less, but never panic.
#[test]
fn payloads_pass_whole() {
    for (name, kind, payload) in payloads() {
        assert_eq!(walker::walk(message_name(kind), &payload), Ok(()), "{name}");
        let refused = (0..payload.len())
            .filter(|end| walker::walk(message_name(kind), &payload[..*end]).is_err())
            .count();
        assert!(
            refused * 2 > payload.len(),
            "{name}: {refused} of {}",
            payload.len()
        );
    }
}

/// Maps, groups, messages that nest without end and numbers of every type, none of which our messages have: built by
/// hand, refused or walked as the rules say.
#[test]
fn what_our_messages_do_not_have_is_walked_too() {
    let field =
        |name: &str, number: i32, of: Type, label: Label, type_name: Option<&str>| FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            r#type: Some(of.into()),
            label: Some(label.into()),
            type_name: type_name.map(str::to_owned),
            ..FieldDescriptorProto::default()
        };
    let entry = DescriptorProto {
        name: Some("MapEntry".to_owned()),
        field: vec![
            field("key", 1, Type::String, Label::Optional, None),
            field("value", 2, Type::String, Label::Optional, None),
        ],
        options: Some(MessageOptions {
            map_entry: Some(true),
            ..MessageOptions::default()
        }),
        ..DescriptorProto::default()
    };
    let odd = DescriptorProto {
        name: Some("Odd".to_owned()),
        field: vec![
            field(
                "map",
                1,
                Type::Message,
                Label::Repeated,
                Some(".odd.Odd.MapEntry"),
            ),
            field("inner", 2, Type::Message, Label::Optional, Some(".odd.Odd")),
            field("small", 3, Type::Int32, Label::Optional, None),
            field("zigzag", 4, Type::Sint32, Label::Optional, None),
            field("four", 5, Type::Fixed32, Label::Optional, None),
            field("eight", 6, Type::Double, Label::Optional, None),
        ],
        nested_type: vec![entry],
        ..DescriptorProto::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_set(FileDescriptorSet {
        file: vec![FileDescriptorProto {
            name: Some("odd.proto".to_owned()),
            package: Some("odd".to_owned()),
            syntax: Some("proto3".to_owned()),
            message_type: vec![odd],
            ..FileDescriptorProto::default()
        }],
    })
    .unwrap();
    let schema = Schema::of(&pool);
    let walk = |data: &[u8]| walker::walk_with(&schema, "Odd", data);
    let nested = |depth: usize| (1..depth).fold(Vec::new(), |inner, _| bytes(2, &inner));
    let code = |data: &[u8]| walk(data).unwrap_err().code;

    assert_eq!(code(&bytes(1, &[])), WrongType);
    assert_eq!(walk(&nested(limits::NESTING_MAX)), Ok(()));
    assert_eq!(code(&nested(limits::NESTING_MAX + 1)), Malformed);
    // Far beyond any stack, if depth were not counted.
    assert_eq!(code(&nested(10_000)), Malformed);
    for (value, good) in [
        (0, true),
        (i32::MAX as u64, true),
        (1 << 31, false),
        (i64::from(i32::MIN).cast_unsigned(), true),
        (0xffff_ffff, false),
        (u64::MAX, true),
    ] {
        assert_eq!(walk(&number(3, value)).is_ok(), good, "{value}");
    }
    assert_eq!(walk(&number(4, 0xffff_ffff)), Ok(()));
    assert_eq!(code(&number(4, 1 << 32)), InvalidValue);
    assert_eq!(
        walk(&[&self::field(5, 5, &[0; 4])[..], &self::field(6, 1, &[0; 8])].concat()),
        Ok(())
    );
    assert_eq!(code(&self::field(5, 5, &[0; 3])), Malformed);
    assert_eq!(code(&self::field(6, 1, &[0; 7])), Malformed);
    assert_eq!(code(&self::field(5, 1, &[0; 8])), WrongType);
}

/// Bodies and texts go through the walker too.
#[test]
fn bodies_and_texts_are_walked() {
    let body = [wire::encode_body(&fixed::body()).to_vec(), number(99, 1)].concat();
    assert_eq!(wire::body(&body).unwrap_err().code, UnknownField);
    let text = [wire::encode_text(&fixed::text()).to_vec(), bytes(1, b"en")].concat();
    assert_eq!(wire::text(&text).unwrap_err().code, DuplicateField);
}

/// What does not pass the walker is refused as that, also where a reader finds something else first: the codes of the one
/// leave a record of the refusal, an unsorted audience leaves none.
#[test]
fn the_walker_has_the_first_word() {
    let mut warning = fixed::warning();
    warning.audience.swap(0, 1);
    let unsorted = wire::encode_warning(&warning).to_vec();
    for (code, extension) in [
        (ErrorCode::AudienceMismatch, bytes(1, b"example.other")),
        (UnknownField, [bytes(1, b"example.other"), number(15, 1)].concat()),
        (DuplicateField, [number(2, 1), number(2, 1)].concat()),
        (InvalidValue, number(2, 2)),
        (Malformed, bytes(1, b"\xff")),
        (WrongType, number(1, 1)),
    ] {
        let payload = [unsorted.clone(), bytes(18, &extension)].concat();
        let envelope = fixed::envelope(crate::seal::PayloadKind::Warning, payload.into());
        let refused = wire::warning(&wire::Recorded(&envelope)).unwrap_err();
        assert_eq!(refused.code, code, "{refused:?}");
    }
}
