//! What every conversion from protobuf needs: a field that is absent, a field that cannot be what it says, and the
//! path of either. After the walker a zero enum is an absent one.

use bytes::Bytes;

use super::walker;
use crate::domain::BadName;
use crate::error::{ErrorCode, Refused};
use crate::time::Timestamp;

/// A required field is absent.
pub(super) fn missing(field: &str) -> Refused {
    Refused::new(ErrorCode::MissingField, "a required field is absent").about(field)
}

/// A field holds what it may not.
pub(super) fn invalid(field: &str, sentence: impl Into<String>) -> Refused {
    Refused::new(ErrorCode::InvalidValue, sentence).about(field)
}

/// Says where in the parent message something is refused.
pub(super) trait Within {
    /// In this field.
    fn within(self, field: &str) -> Self;
    /// In this entry of this list.
    fn within_entry(self, field: &str, index: usize) -> Self;
}

impl<T> Within for Result<T, Refused> {
    fn within(self, field: &str) -> Self {
        self.map_err(|refused| walker::within(refused, field))
    }
    fn within_entry(self, field: &str, index: usize) -> Self {
        self.map_err(|refused| walker::within(refused, &format!("{field}[{index}]")))
    }
}

/// A message that must be there.
pub(super) fn required<T>(message: Option<T>, field: &str) -> Result<T, Refused> {
    message.ok_or_else(|| missing(field))
}

/// A word that must be there.
pub(super) fn word<T>(number: i32, field: &str, from: fn(i32) -> Option<T>) -> Result<T, Refused> {
    optional_word(number, field, from)?.ok_or_else(|| missing(field))
}

/// A word that may be unsaid.
pub(super) fn optional_word<T>(
    number: i32,
    field: &str,
    from: fn(i32) -> Option<T>,
) -> Result<Option<T>, Refused> {
    match number {
        0 => Ok(None),
        _ => from(number)
            .map(Some)
            .ok_or_else(|| invalid(field, "the value is not one of its list")),
    }
}

/// Words that are each said once.
pub(super) fn distinct_words<T: PartialEq>(
    numbers: &[i32],
    field: &str,
    from: fn(i32) -> Option<T>,
) -> Result<Vec<T>, Refused> {
    let mut words = Vec::with_capacity(numbers.len());
    for (index, number) in numbers.iter().enumerate() {
        let word = word(*number, "", from).within_entry(field, index)?;
        if words.contains(&word) {
            return Err(repeated()).within_entry(field, index);
        }
        words.push(word);
    }
    Ok(words)
}

/// An entry stands twice.
pub(super) fn repeated() -> Refused {
    invalid("", "the entry stands twice")
}

/// A name that must be there and parse.
pub(super) fn name<T: std::str::FromStr>(text: &str, field: &str) -> Result<T, Refused>
where
    T::Err: std::fmt::Display,
{
    if text.is_empty() {
        return Err(missing(field));
    }
    text.parse()
        .map_err(|error: T::Err| invalid(field, error.to_string()))
}

/// A name that may be unsaid.
pub(super) fn optional_name<T: std::str::FromStr>(text: &str, field: &str) -> Result<Option<T>, Refused>
where
    T::Err: std::fmt::Display,
{
    if text.is_empty() {
        Ok(None)
    } else {
        name(text, field).map(Some)
    }
}

/// Exactly `N` bytes that must be there.
pub(super) fn exactly<const N: usize>(bytes: &[u8], field: &str) -> Result<[u8; N], Refused> {
    if bytes.is_empty() {
        return Err(missing(field));
    }
    bytes
        .try_into()
        .map_err(|_| invalid(field, format!("not {N} bytes")))
}

/// Exactly `N` bytes, or none.
pub(super) fn optional_exactly<const N: usize>(
    bytes: &[u8],
    field: &str,
) -> Result<Option<[u8; N]>, Refused> {
    if bytes.is_empty() {
        Ok(None)
    } else {
        exactly(bytes, field).map(Some)
    }
}

/// A list of exactly `N` bytes each.
pub(super) fn list_exactly<const N: usize>(list: &[Bytes], field: &str) -> Result<Vec<[u8; N]>, Refused> {
    list.iter()
        .enumerate()
        .map(|(index, bytes)| exactly(bytes, "").within_entry(field, index))
        .collect()
}

/// A payload's id.
pub(super) fn payload_id(bytes: &[u8], field: &str) -> Result<crate::domain::PayloadId, Refused> {
    if bytes.is_empty() {
        return Err(missing(field));
    }
    crate::domain::PayloadId::from_bytes(bytes)
        .map_err(|_: BadName| invalid(field, "not the 16 bytes of a UUIDv7"))
}

/// A time; 0 is none.
pub(super) fn optional_time(unix_ms: i64) -> Option<Timestamp> {
    (unix_ms != 0).then(|| Timestamp::from_unix_ms(unix_ms))
}

/// Zero for a time that is not said.
pub(super) fn unix_ms_or_zero(time: Option<Timestamp>) -> i64 {
    time.map_or(0, Timestamp::unix_ms)
}
