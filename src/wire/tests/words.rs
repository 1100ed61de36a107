//! The words of the code and of the proto are the same, by name and number, and the proto says of everything what it
//! means.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorSet;
use prost_types::source_code_info::Location;

use crate::domain::*;
use crate::error::{ErrorCode, SideEffect};
use crate::seal::PayloadKind;
use crate::wire::{DESCRIPTORS, payload, schema};

fn pool() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTORS).unwrap()
}

/// `AcknowledgementKind` as `ACKNOWLEDGEMENT_KIND`.
fn shouted(name: &str) -> String {
    let mut shouted = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !shouted.is_empty() {
            shouted.push('_');
        }
        shouted.push(c.to_ascii_uppercase());
    }
    shouted
}

/// The values of an enum of the proto without their prefix and without the unspecified one.
fn values(name: &str) -> BTreeMap<i32, String> {
    let of = pool().get_enum_by_name(&format!("wardline.v1.{name}")).unwrap();
    let prefix = format!("{}_", shouted(name));
    let value = |value: prost_reflect::EnumValueDescriptor| {
        (
            value.number(),
            value.name().strip_prefix(&prefix).unwrap().to_owned(),
        )
    };
    of.values()
        .map(value)
        .filter(|(number, _)| *number != 0)
        .collect()
}

/// Each list of words in code has the numbers and names of its enum in the proto, no more and no fewer.
#[test]
fn words_are_those_of_the_proto() {
    macro_rules! same {
        ($($name:ident)+) => {$(
            let words: BTreeMap<i32, String> =
                $name::ALL.iter().map(|word| (word.number(), word.word().to_owned())).collect();
            assert_eq!(words, values(stringify!($name)), stringify!($name));
        )+};
    }
    same!(Status WarningType Precedence Category Harm Known Tlp Onward NotifyVictim Attribution Urgency Severity
        Certainty AcknowledgementKind Assessment Specific RefusalReason RevocationReason AgencyKind Lane Step Form);
    let roles: BTreeMap<i32, String> = KeyRole::ALL
        .iter()
        .map(|role| {
            let name = role.as_str().to_uppercase().replace('-', "_");
            (i32::from(role.number()), name)
        })
        .collect();
    assert_eq!(roles, values("KeyRole"));
    let kinds = [AudienceKind::To, AudienceKind::Excluded, AudienceKind::Pad];
    let kinds: BTreeMap<i32, String> = kinds
        .iter()
        .map(|kind| (i32::from(kind.number()), shouted(&format!("{kind:?}"))))
        .collect();
    assert_eq!(kinds, values("AudienceKind"));
    let effects = [
        SideEffect::None,
        SideEffect::RejectionRecorded,
        SideEffect::Unknown,
    ];
    let effects: BTreeMap<i32, String> = effects
        .iter()
        .map(|effect| (effect.number(), shouted(&format!("{effect:?}"))))
        .collect();
    assert_eq!(effects, values("SideEffect"));
}

/// The closed list of error codes is the proto's, by number and name.
#[test]
fn error_codes_are_those_of_the_proto() {
    let codes: BTreeMap<i32, String> = ErrorCode::ALL
        .iter()
        .map(|code| (code.number(), code.name().to_owned()))
        .collect();
    assert_eq!(codes, values("ErrorCode"));
}

/// The walker tells apart every field of every message. The kinds of records, and nothing else, have the numbers that are kept
/// for them.
#[test]
fn the_walker_has_room_for_every_field() {
    let pool = pool();
    for message in pool.all_messages() {
        assert!(message.fields().len() <= schema::FIELDS_MAX, "{}", message.name());
    }
    let record = pool.get_message_by_name("wardline.v1.Record").unwrap();
    for number in schema::RECORD_KINDS {
        let field = record.get_field(number);
        let kind = field.and_then(|field| field.containing_oneof().map(|oneof| oneof.name() == "kind"));
        let reserved = record.reserved_ranges().any(|range| range.contains(&number));
        assert!(kind.unwrap_or(reserved), "{number}");
    }
    let kinds = record.fields().filter(|field| field.containing_oneof().is_some());
    assert!(
        kinds
            .map(|field| field.number())
            .all(|number| schema::RECORD_KINDS.contains(&number))
    );
}

/// Every list in what is signed, in a body or a text has a bound of its own, every message that is walked fits into
/// the walker's table, and none of them has a map or a group.
#[test]
fn what_is_signed_is_bounded() {
    let schema = schema::Schema::get();
    let mut walked: Vec<&schema::Message> = PayloadKind::ALL
        .into_iter()
        .map(payload::message_name)
        .chain(["Body", "Text"])
        .map(|name| schema.message(name).unwrap())
        .collect();
    let mut next = 0;
    while let Some(message) = walked.get(next).copied() {
        next += 1;
        assert!(message.fields.len() <= schema::FIELDS_MAX, "{}", message.name);
        for field in &message.fields {
            let name = format!("{}.{}", message.name, field.name);
            assert!(field.list.is_none_or(|bound| bound.entries_max > 0), "{name}");
            match field.shape {
                schema::Shape::Forbidden => panic!("{name} is a map or a group"),
                schema::Shape::Message(index) => {
                    let inner = schema.at(index).unwrap();
                    if !walked.iter().any(|message| message.name == inner.name) {
                        walked.push(inner);
                    }
                }
                _ => {}
            }
        }
    }
    assert!(next > 20, "only {next} messages were looked at");
}

/// In every signed payload, field 1 is its `Common`.
#[test]
fn every_payload_begins_with_its_common() {
    for kind in PayloadKind::ALL {
        let message = schema::Schema::get()
            .message(payload::message_name(kind))
            .unwrap();
        let (_, first) = message.field(1).unwrap();
        let schema::Shape::Message(index) = first.shape else {
            panic!("{kind}");
        };
        assert_eq!(schema::Schema::get().at(index).unwrap().name, "Common", "{kind}");
    }
}

/// Every file, message, field, choice, enum, value, service and call of the proto has a comment, and names are as buf
/// has them.
#[test]
fn everything_in_the_proto_has_a_comment() {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let ours = set.file.iter().filter(|file| file.package() == "wardline.v1");
    let mut things = 0;
    for file in ours {
        let locations = &file.source_code_info.as_ref().unwrap().location;
        let mut commented = |path: &[i32], name: &str| {
            things += 1;
            let comment = locations
                .iter()
                .find(|location: &&Location| location.path == path)
                .map_or("", |location| location.leading_comments());
            assert!(
                !comment.trim().is_empty(),
                "{}: {name} has no comment",
                file.name()
            );
        };
        commented(&[2], "package");
        for (m, message) in (0..).zip(&file.message_type) {
            commented(&[4, m], message.name());
            assert!(message.nested_type.is_empty() && message.enum_type.is_empty());
            for (f, field) in (0..).zip(&message.field) {
                commented(&[4, m, 2, f], &format!("{}.{}", message.name(), field.name()));
                let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                assert!(field.name().chars().all(snake), "{}", field.name());
            }
            for (o, oneof) in (0..).zip(&message.oneof_decl) {
                commented(&[4, m, 8, o], &format!("{}.{}", message.name(), oneof.name()));
            }
        }
        for (e, of) in (0..).zip(&file.enum_type) {
            commented(&[5, e], of.name());
            let prefix = format!("{}_", shouted(of.name()));
            assert_eq!(of.value[0].name(), format!("{prefix}UNSPECIFIED"));
            assert_eq!(of.value[0].number(), 0);
            for (v, value) in (0..).zip(&of.value) {
                commented(&[5, e, 2, v], value.name());
                assert!(value.name().starts_with(&prefix), "{}", value.name());
            }
        }
        for (s, service) in (0..).zip(&file.service) {
            commented(&[6, s], service.name());
            for (c, call) in (0..).zip(&service.method) {
                commented(&[6, s, 2, c], call.name());
                assert_eq!(call.input_type(), format!(".wardline.v1.{}Request", call.name()));
                assert_eq!(
                    call.output_type(),
                    format!(".wardline.v1.{}Response", call.name())
                );
            }
        }
    }
    assert!(things > 400, "only {things} things were looked at");
}

/// Every kind of record is read as one, and is not passed over as one of a later version: of each there is a record among the
/// fixed ones.
#[test]
fn every_kind_of_record_is_read() {
    let record = pool().get_message_by_name("wardline.v1.Record").unwrap();
    let mut kinds: Vec<String> = Vec::new();
    for (name, fixed) in super::fixed::records() {
        if fixed.kind == crate::domain::RecordKind::Unknown {
            continue;
        }
        let bytes = crate::wire::encode_record(&fixed);
        let message = prost_reflect::DynamicMessage::decode(record.clone(), bytes.clone()).unwrap();
        let set = record.fields().filter(|field| field.containing_oneof().is_some());
        let mut set = set.filter(|field| message.has_field(field));
        kinds.push(set.next().unwrap().name().to_owned());
        let read = crate::wire::record(&bytes).unwrap();
        assert_ne!(read.kind, crate::domain::RecordKind::Unknown, "{name}");
    }
    kinds.sort_unstable();
    kinds.dedup();
    let members = record.fields().filter(|field| field.containing_oneof().is_some());
    let mut members: Vec<String> = members.map(|field| field.name().to_owned()).collect();
    members.sort_unstable();
    assert_eq!(kinds, members);
}

/// A message that is read by itself is the one of its name.
#[test]
fn roots_are_where_they_are_looked_for() {
    let schema = schema::Schema::get();
    for root in schema::Root::all() {
        assert_eq!(schema.root(root).unwrap().name, root.name());
    }
}
