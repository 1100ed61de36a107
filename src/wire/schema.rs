//! The message descriptors, compiled once into what the walker needs: flat tables without a lock or a clone in the
//! way. What may be a signed payload at all (no maps, no groups, how many entries a list may have) is settled here.

use std::ops::RangeInclusive;
use std::sync::OnceLock;

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use super::payload::message_name;
use crate::error::ErrorCode;
use crate::limits;
use crate::seal::PayloadKind;

/// The fields of one message that the walker can tell apart; larger messages are not read, and a test holds that there are
/// none. The walker makes room for so many each time, so it is no more than are needed.
pub(super) const FIELDS_MAX: usize = 32;

/// The numbers of a record's kinds, those of later versions too (record.proto).
pub(super) const RECORD_KINDS: RangeInclusive<u32> = 16..=63;

/// Every message of the protocol.
#[derive(Debug)]
pub(super) struct Schema {
    /// Sorted by name.
    messages: Vec<Message>,
    /// Where the messages are that are read by themselves: as many as [`Root`] has.
    roots: Vec<Option<usize>>,
}

/// A message that is read by itself, not as a part of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    Record,
    Body,
    Text,
    Common,
    Payload(PayloadKind),
}

impl Root {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let payloads = PayloadKind::ALL.into_iter().map(Self::Payload);
        [Self::Record, Self::Body, Self::Text, Self::Common]
            .into_iter()
            .chain(payloads)
    }

    /// Its message, without the package.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Record => "Record",
            Self::Body => "Body",
            Self::Text => "Text",
            Self::Common => "Common",
            Self::Payload(kind) => message_name(kind),
        }
    }

    /// Its place in [`Root::all`].
    fn place(self) -> usize {
        match self {
            Self::Record => 0,
            Self::Body => 1,
            Self::Text => 2,
            Self::Common => 3,
            Self::Payload(kind) => PayloadKind::ALL
                .iter()
                .position(|it| *it == kind)
                .unwrap_or(usize::MAX)
                .saturating_add(4),
        }
    }
}

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    /// Without its package.
    pub(super) name: String,
    /// Sorted by number.
    pub(super) fields: Vec<Field>,
    /// Which of them are messages or texts, by their places: looked into when they are read.
    pub(super) inner: u64,
    /// The oneof that later versions give more members, as one bit, and the numbers kept for them.
    grows: Option<(u32, RangeInclusive<u32>)>,
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) shape: Shape,
    /// `None`: singular.
    pub(super) list: Option<ListBound>,
    /// Which oneof of its message it is a member of, as one bit.
    pub(super) oneof: u32,
}

/// How many entries a list may have, checked before anything is allocated for them.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListBound {
    pub(super) entries_max: usize,
    /// What a longer one is refused with.
    pub(super) code: ErrorCode,
}

/// How a value is encoded and what it may be.
#[derive(Debug)]
pub(super) enum Shape {
    /// A varint in this range of its 64 bits.
    Varint(Range),
    /// An enum: the numbers it knows, sorted.
    Enum(Vec<i32>),
    Fixed64,
    Fixed32,
    Text,
    Bytes,
    /// An index into the schema's messages.
    Message(usize),
    /// A map or a group: never signed.
    Forbidden,
}

/// What the 64 bits of a varint may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// 0 or 1.
    Bool,
    /// Sign-extended to 64 bits.
    Int32,
    /// At most `u32::MAX`, which a zig-zag 32-bit integer is too.
    Uint32,
    /// Anything.
    Any64,
}

impl Schema {
    /// Of the messages compiled into this crate.
    pub(super) fn get() -> &'static Self {
        static SCHEMA: OnceLock<Schema> = OnceLock::new();
        SCHEMA.get_or_init(|| {
            #[expect(
                clippy::expect_used,
                reason = "the build script wrote them; every test reads them"
            )]
            let pool = DescriptorPool::decode(super::DESCRIPTORS).expect("the embedded descriptors decode");
            Self::of(&pool)
        })
    }

    /// Of every message of a pool.
    pub(super) fn of(pool: &DescriptorPool) -> Self {
        let mut descriptors: Vec<MessageDescriptor> = pool.all_messages().collect();
        descriptors.sort_by(|one, other| one.name().cmp(other.name()));
        let messages = descriptors
            .iter()
            .map(|message| {
                let mut fields: Vec<Field> = message
                    .fields()
                    .map(|f| field(message, &f, &descriptors))
                    .collect();
                fields.sort_unstable_by_key(|field| field.number);
                let kind = fields.iter().find(|field| RECORD_KINDS.contains(&field.number));
                let inner = fields.iter().rev().fold(0, |inner, field| {
                    inner << 1 | u64::from(matches!(field.shape, Shape::Message(_) | Shape::Text))
                });
                Message {
                    inner,
                    name: message.name().to_owned(),
                    grows: kind
                        .filter(|_| message.name() == "Record")
                        .map(|kind| (kind.oneof, RECORD_KINDS)),
                    fields,
                }
            })
            .collect();
        let mut schema = Self {
            messages,
            roots: Vec::new(),
        };
        schema.roots = Root::all().map(|root| schema.index(root.name())).collect();
        schema
    }

    /// A message that is read by itself.
    pub(super) fn root(&self, root: Root) -> Option<&Message> {
        self.at((*self.roots.get(root.place())?)?)
    }

    /// The message of this name (without its package).
    #[cfg(test)]
    pub(super) fn message(&self, name: &str) -> Option<&Message> {
        self.at(self.index(name)?)
    }

    fn index(&self, name: &str) -> Option<usize> {
        let found = self
            .messages
            .binary_search_by(|message| message.name.as_str().cmp(name));
        found.ok()
    }

    /// The message of this index.
    pub(super) fn at(&self, index: usize) -> Option<&Message> {
        self.messages.get(index)
    }
}

impl Message {
    /// The field of this number, and its place among the message's fields.
    pub(super) fn field(&self, number: u32) -> Option<(usize, &Field)> {
        // Nearly all messages number their fields from 1 on, without a gap.
        let first = usize::try_from(number).ok()?.wrapping_sub(1);
        if let Some(field) = self.fields.get(first).filter(|field| field.number == number) {
            return Some((first, field));
        }
        let place = self
            .fields
            .binary_search_by_key(&number, |field| field.number)
            .ok()?;
        Some((place, self.fields.get(place)?))
    }

    /// The oneof that a field of a later version is a member of, as one bit; 0: none.
    pub(super) fn oneof_of_later(&self, number: u32) -> u32 {
        self.grows
            .as_ref()
            .map_or(0, |(oneof, kept)| if kept.contains(&number) { *oneof } else { 0 })
    }
}

fn field(message: &MessageDescriptor, field: &FieldDescriptor, messages: &[MessageDescriptor]) -> Field {
    let oneof = field.containing_oneof().and_then(|oneof| {
        let place = message.oneofs().position(|other| other == oneof)?;
        1u32.checked_shl(u32::try_from(place).ok()?)
    });
    Field {
        number: field.number(),
        name: field.name().to_owned(),
        shape: shape(field, messages),
        list: field.is_list().then(|| list_bound(message.name(), field.name())),
        oneof: oneof.unwrap_or(0),
    }
}

fn shape(field: &FieldDescriptor, messages: &[MessageDescriptor]) -> Shape {
    if field.is_map() || field.is_group() {
        return Shape::Forbidden;
    }
    match field.kind() {
        Kind::Bool => Shape::Varint(Range::Bool),
        Kind::Int32 => Shape::Varint(Range::Int32),
        Kind::Uint32 | Kind::Sint32 => Shape::Varint(Range::Uint32),
        Kind::Int64 | Kind::Uint64 | Kind::Sint64 => Shape::Varint(Range::Any64),
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => Shape::Fixed64,
        Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => Shape::Fixed32,
        Kind::String => Shape::Text,
        Kind::Bytes => Shape::Bytes,
        Kind::Message(of) => messages
            .iter()
            .position(|message| *message == of)
            .map_or(Shape::Forbidden, Shape::Message),
        Kind::Enum(of) => {
            let mut known: Vec<i32> = of.values().map(|value| value.number()).collect();
            known.sort_unstable();
            Shape::Enum(known)
        }
    }
}

/// The bound of each list in what is signed, a body or a text. A list that is not named here may have no entry in
/// what is walked; a test holds that none is forgotten.
fn list_bound(message: &str, field: &str) -> ListBound {
    let invalid = |entries_max| ListBound {
        entries_max,
        code: ErrorCode::InvalidValue,
    };
    match (message, field) {
        ("Warning", "audience") => ListBound {
            entries_max: limits::AUDIENCE_MAX,
            code: ErrorCode::TooManyRecipients,
        },
        ("Warning", "harm") => invalid(limits::HARMS_MAX),
        ("Warning", "victims_of") => invalid(limits::VICTIM_STATES_MAX),
        ("Warning", "references") => invalid(limits::REFERENCES_MAX),
        ("Acknowledgement", "missing") => invalid(limits::MISSING_MAX),
        ("AgencyEnrolment", "certificate_digests") => invalid(limits::CERTIFICATES_MAX),
        ("Desks", "desks") => invalid(limits::DESKS_MAX),
        ("Hold", "warnings" | "agencies") => invalid(limits::HOLD_ITEMS_MAX),
        ("Desk", "competences") => invalid(limits::COMPETENCES_MAX),
        ("Body", "blocks") | ("Desk", "languages") => invalid(limits::LANGUAGES_MAX),
        ("Area", _) => invalid(limits::AREA_ITEMS_MAX),
        (_, "extensions") => invalid(limits::EXTENSIONS_MAX),
        _ => invalid(0),
    }
}
