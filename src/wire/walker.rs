//! The strict walker: what is signed, what a signature commits to and what the log stores is read byte by byte against its
//! descriptor, so that two readers can never understand one signature or one record differently. It is the only reader of
//! them: it hands out what it walked ([`Fields`]), so nothing is read in a second way. (Who signed what is refused is told by a
//! library, as far as it can be: `wire::common`.)
//!
//! It refuses unknown fields, singular fields and packed lists that stand twice, two members of a oneof, other wire
//! types than the message says (so unpacked scalar lists, maps and groups too), enum values that are unknown or zero,
//! varints longer than needed, numbers out of their type's range, text that is not UTF-8, lists longer than their
//! bound and messages nested too deeply. Field order is free. A *default written out* (an explicit 0, `false` or
//! empty text) is allowed and means the same as its absence; only a zero enum is refused, also where absence means
//! "not said". Of a stored record, which a later version may have written, unknown fields that are a varint or a length are
//! passed over, and lists have no bound but the record's; all else is the same. Of the numbers that are kept for a record's
//! kinds one stands at most, known or not: the version that knows both would refuse what this one had taken. It never panics, allocates only to say what is wrong, and recurses no deeper than its bound.

use std::cell::Cell;

use bytes::Bytes;

use super::raw::{Tag, Wire, int32, length_delimited, malformed, take, varint};
use super::schema::{FIELDS_MAX, Field, Message, Range, Root, Schema, Shape};
use crate::error::{ErrorCode, Refused};
use crate::limits;

/// What the bytes are, and so what of a later version may stand in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// A signature, or what one commits to: nothing.
    Signed,
    /// The log: fields that this version does not know.
    Log,
}

/// Walks the bytes of a message that is signed or committed to, named without its package, and reads nothing of it.
#[cfg(test)]
pub(super) fn walk(name: &str, bytes: &[u8]) -> Result<(), Refused> {
    walk_with(Schema::get(), name, bytes)
}

#[cfg(test)]
pub(super) fn walk_with(schema: &Schema, name: &str, bytes: &[u8]) -> Result<(), Refused> {
    let whole = Bytes::copy_from_slice(bytes);
    let of = Of::Signed;
    let message = schema.message(name).ok_or_else(no_such_message)?;
    message.read(&Reading { schema, of, whole }, bytes, 1, |_| Ok(()))
}

/// Walks a message and reads it on the way; what `read` does not ask for is walked too. What does not pass the walker is refused
/// as that, whatever else is wrong with it and comes first.
pub(super) fn read<T>(
    of: Of,
    root: Root,
    whole: Bytes,
    read: impl FnOnce(&Fields<'_>) -> Result<T, Refused>,
) -> Result<T, Refused> {
    let schema = Schema::get();
    let reading = Reading { schema, of, whole };
    let message = schema.root(root).ok_or_else(no_such_message)?;
    message
        .read(&reading, &reading.whole, 1, read)
        .map_err(|refused| {
            // What its bytes may not be is said before what its words may not be: a refusal for the one leaves a record, for some of the
            // other none.
            let walked = message.read(&reading, &reading.whole, 1, |_| Ok(()));
            walked.err().unwrap_or(refused)
        })
}

fn no_such_message() -> Refused {
    Refused::new(ErrorCode::Internal, "no such message")
}

/// What is read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    schema: &'a Schema,
    of: Of,
    /// All of it: parts are shared, not copied.
    pub(super) whole: Bytes,
}

/// One message that was walked, but for what its messages and texts hold: each is looked into when it is read, and those that
/// nobody reads at the end.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) reading: &'a Reading<'a>,
    pub(super) message: &'a Message,
    bytes: &'a [u8],
    depth: usize,
    /// Which fields were seen, by their places, and which messages and texts of them were read.
    seen: u64,
    read: Cell<u64>,
    /// Of each field that was seen, by its place: a number; where its bytes begin and how many they are ([`packed`]); or of a
    /// list that is not packed where its first entry's tag is and how many entries there are.
    found: [u64; FIELDS_MAX],
}

const _: () = assert!(FIELDS_MAX <= 64, "`seen` has a bit for each field");

/// Two numbers in one; what is walked is far shorter than 4 GiB.
fn packed(first: usize, second: usize) -> Result<u64, Refused> {
    match (u32::try_from(first), u32::try_from(second)) {
        (Ok(first), Ok(second)) => Ok(u64::from(first) << 32 | u64::from(second)),
        (_, _) => Err(malformed("the message is too long")),
    }
}

fn unpacked(both: u64) -> (usize, usize) {
    let half = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    (half(both >> 32), half(both & u64::from(u32::MAX)))
}

impl Message {
    fn read<T>(
        &self,
        reading: &Reading<'_>,
        bytes: &[u8],
        depth: usize,
        read: impl FnOnce(&Fields<'_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        if depth > limits::NESTING_MAX {
            return Err(malformed("messages nest too deeply"));
        }
        if self.fields.len() > FIELDS_MAX {
            let why = "the message has more fields than are told apart";
            return Err(Refused::new(ErrorCode::Internal, why));
        }
        let mut fields = Fields {
            reading,
            message: self,
            bytes,
            depth,
            seen: 0,
            read: Cell::new(0),
            found: [0; FIELDS_MAX],
        };
        fields.find()?;
        let value = read(&fields)?;
        fields.walk_unread()?;
        Ok(value)
    }
}

impl<'a> Fields<'a> {
    /// Goes through the fields of this message.
    fn find(&mut self) -> Result<(), Refused> {
        let mut rest = self.bytes;
        // Which oneofs have their member.
        let mut oneofs = 0u32;
        while !rest.is_empty() {
            let before = rest.len();
            let tag = Tag::read(&mut rest)?;
            let Some((place, field)) = self.message.field(tag.number) else {
                if self.reading.of == Of::Signed {
                    let why = "the message has no such field";
                    return Err(Refused::new(ErrorCode::UnknownField, why).about(tag.number.to_string()));
                }
                let oneof = self.message.oneof_of_later(tag.number);
                pass_over(tag.wire, oneof != 0, &mut rest)?;
                if oneofs & oneof != 0 {
                    return Err(two_of_one_choice().about(tag.number.to_string()));
                }
                oneofs |= oneof;
                continue;
            };
            let taken = oneofs & field.oneof != 0;
            oneofs |= field.oneof;
            let at = self.bytes.len().saturating_sub(before);
            self.find_field(place, field, tag.wire, at, taken, &mut rest)
                .map_err(|refused| within(refused, &field.name))?;
        }
        Ok(())
    }

    /// One occurrence of a field, whose tag is `at`. Paths of what is refused are relative to the field (`[2].id`).
    fn find_field(
        &mut self,
        place: usize,
        field: &Field,
        wire: Wire,
        at: usize,
        taken: bool,
        rest: &mut &[u8],
    ) -> Result<(), Refused> {
        let packs = field.list.is_some() && field.shape.is_scalar();
        let expected = if packs { Wire::Length } else { field.shape.wire() };
        if matches!(field.shape, Shape::Forbidden) || wire != expected {
            return Err(Refused::new(
                ErrorCode::WrongType,
                "the field is not encoded as its message says",
            ));
        }
        let again = self.seen >> place & 1 == 1;
        self.seen |= 1 << place;
        let found = self
            .found
            .get_mut(place)
            .ok_or_else(|| malformed("no such field"))?;
        let Some(bound) = field.list else {
            if again {
                return Err(duplicate("a singular field stands twice"));
            }
            if taken {
                return Err(two_of_one_choice());
            }
            *found = walk_value(&field.shape, self.bytes, rest)?;
            return Ok(());
        };
        let entries_max = match self.reading.of {
            Of::Signed => bound.entries_max,
            Of::Log => limits::RECORD_BYTES_MAX,
        };
        if !packs {
            let (first, times) = if again { unpacked(*found) } else { (at, 0) };
            if times >= entries_max {
                return Err(too_many(bound.code, entries_max));
            }
            *found = packed(first, times.saturating_add(1))?;
            return match walk_value(&field.shape, self.bytes, rest) {
                Ok(_) => Ok(()),
                Err(refused) => Err(within(refused, &format!("[{times}]"))),
            };
        }
        if again {
            return Err(duplicate("a packed list stands twice"));
        }
        let mut entries = length_delimited(rest)?;
        *found = span(self.bytes, entries, rest)?;
        let mut index = 0usize;
        while !entries.is_empty() {
            if index >= entries_max {
                return Err(too_many(bound.code, entries_max));
            }
            walk_value(&field.shape, self.bytes, &mut entries)
                .map_err(|refused| within(refused, &format!("[{index}]")))?;
            index = index.saturating_add(1);
        }
        Ok(())
    }

    /// What was found of the field in this place; none: it is absent.
    fn found(&self, place: usize) -> Option<u64> {
        let found = *self.found.get(place)?;
        (self.seen >> place & 1 == 1).then_some(found)
    }

    /// Whether the field in this place was seen.
    pub(super) fn is_seen(&self, place: usize) -> bool {
        self.found(place).is_some()
    }

    /// The number in this place; 0: it is absent.
    pub(super) fn number(&self, place: usize) -> u64 {
        self.found(place).unwrap_or(0)
    }

    /// The text in this place; empty: it is absent.
    pub(super) fn text_at(&self, place: usize) -> Result<&'a str, Refused> {
        self.read.set(self.read.get() | 1 << place);
        text(self.bytes(place))
    }

    /// The texts of the list in this place.
    pub(super) fn texts_at(&self, place: usize) -> impl Iterator<Item = Result<&'a str, Refused>> {
        self.read.set(self.read.get() | 1 << place);
        self.entries(place).map(text)
    }

    /// The bytes of a field that is no list of them, or of a packed list; empty: it is absent.
    pub(super) fn bytes(&self, place: usize) -> &'a [u8] {
        let (at, length) = self.found(place).map(unpacked).unwrap_or_default();
        let from = self.bytes.get(at..).unwrap_or_default();
        from.get(..length).unwrap_or_default()
    }

    /// The entries of a list that is not packed.
    pub(super) fn entries(&self, place: usize) -> Entries<'a> {
        let (at, left) = self.found(place).map(unpacked).unwrap_or_default();
        let number = self.message.fields.get(place).map_or(0, |field| field.number);
        let rest = self.bytes.get(at..).unwrap_or_default();
        Entries { number, rest, left }
    }

    /// The one message in this place, read by `read`.
    pub(super) fn inner<T>(
        &self,
        place: usize,
        read: impl FnOnce(&Fields<'_>) -> Result<T, Refused>,
    ) -> Result<Option<T>, Refused> {
        match self.found(place) {
            Some(_) => self.inner_of(place, self.bytes(place), read).map(Some),
            None => Ok(None),
        }
    }

    /// One of the messages in this place.
    pub(super) fn inner_of<T>(
        &self,
        place: usize,
        bytes: &[u8],
        read: impl FnOnce(&Fields<'_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        self.read.set(self.read.get() | 1 << place);
        let shape = self.message.fields.get(place).map(|field| &field.shape);
        let Some(Shape::Message(index)) = shape else {
            return Err(Refused::new(ErrorCode::Internal, "the field is no message"));
        };
        let message = self.reading.schema.at(*index);
        let message = message.ok_or_else(|| malformed("no such message"))?;
        message.read(self.reading, bytes, self.depth.saturating_add(1), read)
    }

    /// What this version does not use is as strict as what it does.
    #[inline]
    fn walk_unread(&self) -> Result<(), Refused> {
        match self.seen & self.message.inner & !self.read.get() {
            0 => Ok(()),
            unread => self.walk_each(unread),
        }
    }

    fn walk_each(&self, mut unread: u64) -> Result<(), Refused> {
        while unread != 0 {
            // At most 63.
            let place = usize::try_from(unread.trailing_zeros()).unwrap_or(usize::MAX);
            unread &= unread.wrapping_sub(1);
            let Some(field) = self.message.fields.get(place) else {
                continue;
            };
            let walk = |bytes| match &field.shape {
                Shape::Text => text(bytes).map(drop),
                _ => self.inner_of(place, bytes, |_| Ok(())),
            };
            if field.list.is_none() {
                walk(self.bytes(place)).map_err(|refused| within(refused, &field.name))?;
                continue;
            }
            for (index, bytes) in self.entries(place).enumerate() {
                walk(bytes).map_err(|refused| within(refused, &format!("{}[{index}]", field.name)))?;
            }
        }
        Ok(())
    }
}

/// The entries of a list that was walked.
#[derive(Debug, Clone)]
pub(super) struct Entries<'a> {
    number: u32,
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        // It was walked: nothing here fails.
        loop {
            let tag = Tag::read(&mut self.rest).ok()?;
            if tag.number == self.number {
                return length_delimited(&mut self.rest).ok();
            }
            match tag.wire {
                Wire::Varint => drop(varint(&mut self.rest).ok()?),
                Wire::Length => drop(length_delimited(&mut self.rest).ok()?),
                Wire::Fixed64 => drop(take(&mut self.rest, 8).ok()?),
                Wire::Fixed32 => drop(take(&mut self.rest, 4).ok()?),
                Wire::StartGroup | Wire::EndGroup => return None,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Entries<'_> {}

fn text(bytes: &[u8]) -> Result<&str, Refused> {
    std::str::from_utf8(bytes).map_err(|_| malformed("the text is not UTF-8"))
}

/// Where bytes that end where `rest` begins stand in a message.
fn span(message: &[u8], bytes: &[u8], rest: &[u8]) -> Result<u64, Refused> {
    let end = message.len().saturating_sub(rest.len());
    packed(end.saturating_sub(bytes.len()), bytes.len())
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

/// A value and what is kept of it: a number, or where its bytes stand in `message`. What a message or a text holds is not looked at.
fn walk_value(shape: &Shape, message: &[u8], rest: &mut &[u8]) -> Result<u64, Refused> {
    match shape {
        Shape::Varint(range) => {
            let value = varint(rest)?;
            if range.holds(value) {
                Ok(value)
            } else {
                Err(invalid("the number is out of the range of its type"))
            }
        }
        Shape::Enum(known) => {
            let value = varint(rest)?;
            match int32(value) {
                Some(0) => Err(invalid(
                    "the unspecified value is never signed; leave the field out",
                )),
                Some(number) if known.binary_search(&number).is_ok() => Ok(value),
                Some(_) | None => Err(invalid("the value is not one of its list")),
            }
        }
        // None of our messages has one, so nothing is kept of it.
        Shape::Fixed64 => take(rest, 8).map(|_| 0),
        Shape::Fixed32 => take(rest, 4).map(|_| 0),
        Shape::Bytes | Shape::Text | Shape::Message(_) => {
            let bytes = length_delimited(rest)?;
            span(message, bytes, rest)
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
