//! The strict walker: what is signed, what a signature commits to and what the log stores is read byte by byte against its
//! descriptor before protobuf sees it, so that two readers can never understand one signature or one record differently.
//!
//! It refuses unknown fields, singular fields and packed lists that stand twice, two members of a oneof, other wire
//! types than the message says (so unpacked scalar lists, maps and groups too), enum values that are unknown or zero,
//! varints longer than needed, numbers out of their type's range, text that is not UTF-8, lists longer than their
//! bound and messages nested too deeply. Field order is free. A *default written out* (an explicit 0, `false` or
//! empty text) is allowed and means the same as its absence; only a zero enum is refused, also where absence means
//! "not said". Of a stored record, which a later version may have written, unknown fields that are a varint or a length are
//! passed over, and lists have no bound but the record's; all else is the same. Of the numbers that are kept for a record's
//! kinds one stands at most, known or not: the version that knows both would refuse what this one had taken. It never panics, allocates only to say what is wrong, and recurses no deeper than its bound.

use super::schema::{FIELDS_MAX, Field, Message, Range, Schema, Shape};
use crate::error::{ErrorCode, Refused};
use crate::limits;

/// What the bytes are, and so what of a later version may stand in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// A signature, or what one commits to: nothing.
    Signed,
    /// The log: fields that this version does not know.
    Log,
}

/// Walks the bytes of a message that is signed or committed to, named without its package.
pub(super) fn walk(name: &str, bytes: &[u8]) -> Result<(), Refused> {
    walk_with(Schema::get(), name, bytes)
}

/// Walks the bytes of a stored record.
pub(super) fn walk_record(bytes: &[u8]) -> Result<(), Refused> {
    walk_as(Schema::get(), Of::Log, "Record", bytes)
}

pub(super) fn walk_with(schema: &Schema, name: &str, bytes: &[u8]) -> Result<(), Refused> {
    walk_as(schema, Of::Signed, name, bytes)
}

fn walk_as(schema: &Schema, of: Of, name: &str, bytes: &[u8]) -> Result<(), Refused> {
    let message = schema
        .message(name)
        .ok_or_else(|| Refused::new(ErrorCode::Internal, "no such message"))?;
    walk_message(schema, of, message, bytes, 1)
}

fn walk_message(
    schema: &Schema,
    of: Of,
    message: &Message,
    bytes: &[u8],
    depth: usize,
) -> Result<(), Refused> {
    if depth > limits::NESTING_MAX {
        return Err(malformed("messages nest too deeply"));
    }
    if message.fields.len() > FIELDS_MAX {
        let why = "the message has more fields than are told apart";
        return Err(Refused::new(ErrorCode::Internal, why));
    }
    // How often each field was seen, and which oneofs have their member.
    let mut seen = [0usize; FIELDS_MAX];
    let mut oneofs = 0u32;
    let mut rest = bytes;
    while !rest.is_empty() {
        let tag = Tag::read(&mut rest)?;
        let Some((place, field)) = message.field(tag.number) else {
            if of == Of::Log {
                let oneof = message.oneof_of_later(tag.number);
                pass_over(tag.wire, oneof != 0, &mut rest)?;
                if oneofs & oneof != 0 {
                    return Err(two_of_one_choice().about(tag.number.to_string()));
                }
                oneofs |= oneof;
                continue;
            }
            return Err(
                Refused::new(ErrorCode::UnknownField, "the message has no such field")
                    .about(tag.number.to_string()),
            );
        };
        let times = seen
            .get_mut(place)
            .map_or(0, |times| std::mem::replace(times, *times + 1));
        let taken = oneofs & field.oneof != 0;
        oneofs |= field.oneof;
        walk_field(schema, of, field, tag.wire, times, taken, &mut rest, depth)
            .map_err(|refused| within(refused, &field.name))?;
    }
    Ok(())
}

/// The value of a field that is not known; of one that must be a message.
fn pass_over(wire: Wire, is_message: bool, rest: &mut &[u8]) -> Result<(), Refused> {
    match wire {
        Wire::Varint if is_message => Err(malformed("every kind of record is a message")),
        Wire::Varint => varint(rest).map(drop),
        Wire::Length => length_delimited(rest).map(drop),
        Wire::Fixed64 | Wire::Fixed32 | Wire::StartGroup | Wire::EndGroup => {
            Err(malformed("no field of the log has this wire type"))
        }
    }
}

/// One occurrence of a field, the `times + 1`st. Paths of what is refused are relative to the field (`[2].id`).
#[expect(clippy::too_many_arguments, reason = "one step of one loop")]
fn walk_field(
    schema: &Schema,
    of: Of,
    field: &Field,
    wire: Wire,
    times: usize,
    taken: bool,
    rest: &mut &[u8],
    depth: usize,
) -> Result<(), Refused> {
    let packed = field.list.is_some() && field.shape.is_scalar();
    let expected = if packed { Wire::Length } else { field.shape.wire() };
    if matches!(field.shape, Shape::Forbidden) || wire != expected {
        return Err(Refused::new(
            ErrorCode::WrongType,
            "the field is not encoded as its message says",
        ));
    }
    let Some(bound) = field.list else {
        if times > 0 {
            return Err(duplicate("a singular field stands twice"));
        }
        if taken {
            return Err(two_of_one_choice());
        }
        return walk_value(schema, of, &field.shape, rest, depth);
    };
    let entries_max = match of {
        Of::Signed => bound.entries_max,
        Of::Log => limits::RECORD_BYTES_MAX,
    };
    if !packed {
        if times >= entries_max {
            return Err(too_many(bound.code, entries_max));
        }
        return walk_value(schema, of, &field.shape, rest, depth)
            .map_err(|refused| within(refused, &format!("[{times}]")));
    }
    if times > 0 {
        return Err(duplicate("a packed list stands twice"));
    }
    let mut entries = length_delimited(rest)?;
    let mut index = 0usize;
    while !entries.is_empty() {
        if index >= entries_max {
            return Err(too_many(bound.code, entries_max));
        }
        walk_value(schema, of, &field.shape, &mut entries, depth)
            .map_err(|refused| within(refused, &format!("[{index}]")))?;
        index += 1;
    }
    Ok(())
}

fn walk_value(schema: &Schema, of: Of, shape: &Shape, rest: &mut &[u8], depth: usize) -> Result<(), Refused> {
    match shape {
        Shape::Varint(range) => {
            let value = varint(rest)?;
            if range.holds(value) {
                Ok(())
            } else {
                Err(invalid("the number is out of the range of its type"))
            }
        }
        Shape::Enum(known) => match int32(varint(rest)?) {
            Some(0) => Err(invalid(
                "the unspecified value is never signed; leave the field out",
            )),
            Some(number) if known.binary_search(&number).is_ok() => Ok(()),
            Some(_) | None => Err(invalid("the value is not one of its list")),
        },
        Shape::Fixed64 => take(rest, 8).map(drop),
        Shape::Fixed32 => take(rest, 4).map(drop),
        Shape::Bytes => length_delimited(rest).map(drop),
        Shape::Text => match std::str::from_utf8(length_delimited(rest)?) {
            Ok(_) => Ok(()),
            Err(_) => Err(malformed("the text is not UTF-8")),
        },
        Shape::Message(index) => {
            let bytes = length_delimited(rest)?;
            let message = schema.at(*index).ok_or_else(|| malformed("no such message"))?;
            walk_message(schema, of, message, bytes, depth + 1)
        }
        Shape::Forbidden => Err(Refused::new(
            ErrorCode::WrongType,
            "maps and groups are never signed",
        )),
    }
}

impl Shape {
    fn wire(&self) -> Wire {
        match self {
            Self::Varint(_) | Self::Enum(_) => Wire::Varint,
            Self::Fixed64 => Wire::Fixed64,
            Self::Fixed32 => Wire::Fixed32,
            Self::Text | Self::Bytes | Self::Message(_) | Self::Forbidden => Wire::Length,
        }
    }

    /// Whether a list of it is packed (proto3).
    fn is_scalar(&self) -> bool {
        self.wire() != Wire::Length
    }
}

impl Range {
    fn holds(self, value: u64) -> bool {
        match self {
            Self::Bool => value <= 1,
            Self::Int32 => int32(value).is_some(),
            Self::Uint32 => u32::try_from(value).is_ok(),
            Self::Any64 => true,
        }
    }
}

/// A 32-bit integer as varints hold it: sign-extended to 64 bits.
fn int32(value: u64) -> Option<i32> {
    i32::try_from(value.cast_signed()).ok()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Varint,
    Fixed64,
    Length,
    StartGroup,
    EndGroup,
    Fixed32,
}

struct Tag {
    number: u32,
    wire: Wire,
}

impl Tag {
    fn read(rest: &mut &[u8]) -> Result<Self, Refused> {
        let tag = varint(rest)?;
        let wire = match tag & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Length,
            3 => Wire::StartGroup,
            4 => Wire::EndGroup,
            5 => Wire::Fixed32,
            _ => return Err(malformed("there is no such wire type")),
        };
        match u32::try_from(tag >> 3) {
            Ok(number @ 1..=0x1fff_ffff) => Ok(Self { number, wire }),
            Ok(_) | Err(_) => Err(malformed("a field number is out of range")),
        }
    }
}

/// A varint in as few bytes as its value needs.
fn varint(rest: &mut &[u8]) -> Result<u64, Refused> {
    let mut value = 0u64;
    for shift in (0..64u32).step_by(7) {
        let byte = match rest.split_first() {
            Some((byte, after)) => {
                *rest = after;
                *byte
            }
            None => return Err(malformed("the data ends inside a number")),
        };
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(malformed("a number is longer than 64 bits"));
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return if byte == 0 && shift > 0 {
                Err(malformed("a number is encoded in more bytes than it needs"))
            } else {
                Ok(value)
            };
        }
    }
    Err(malformed("a number is longer than 64 bits"))
}

fn length_delimited<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Refused> {
    let length = varint(rest)?;
    let length = usize::try_from(length).map_err(|_| malformed("the data ends inside a field"))?;
    take(rest, length)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Refused> {
    let (taken, after) = rest
        .split_at_checked(length)
        .ok_or_else(|| malformed("the data ends inside a field"))?;
    *rest = after;
    Ok(taken)
}

fn malformed(sentence: &str) -> Refused {
    Refused::new(ErrorCode::Malformed, sentence)
}

fn invalid(sentence: &str) -> Refused {
    Refused::new(ErrorCode::InvalidValue, sentence)
}

fn duplicate(sentence: &str) -> Refused {
    Refused::new(ErrorCode::DuplicateField, sentence)
}

fn two_of_one_choice() -> Refused {
    duplicate("two members of one choice are given")
}

fn too_many(code: ErrorCode, entries_max: usize) -> Refused {
    Refused::new(code, format!("the list has more than {entries_max} entries"))
}

/// Puts the path of what is refused behind its parent's: `[2]` and `id` behind `references` is `references[2].id`.
pub(super) fn within(mut refused: Refused, parent: &str) -> Refused {
    let joint = if refused.field.is_empty() || refused.field.starts_with('[') {
        ""
    } else {
        "."
    };
    refused.field = format!("{parent}{joint}{}", refused.field);
    refused
}
