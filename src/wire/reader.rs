//! Reading a message that the walker has walked: a field by its name in the proto, as what the domain wants of it. Where a
//! field is refused, its name is said; the names and places come from the descriptors (`build.rs`).

use bytes::Bytes;

use super::fields::{self, Within};
use super::raw::{int32, varint};
use super::walker::{Entries, Fields};
use crate::domain::PayloadId;
use crate::error::Refused;
use crate::time::Timestamp;

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// The message that it is a field of.
    pub(super) message: &'static str,
    /// Its place among the message's fields, by number.
    pub(super) place: usize,
    pub(super) name: &'static str,
}

impl<'a> Fields<'a> {
    fn place(&self, at: At) -> usize {
        debug_assert_eq!(self.message.name, at.message, "{} is another's field", at.name);
        at.place
    }

    /// An unsigned number; 0: it is absent.
    pub(super) fn uint(&self, at: At) -> u64 {
        self.number(self.place(at))
    }

    /// A signed number; 0: it is absent.
    pub(super) fn int(&self, at: At) -> i64 {
        self.uint(at).cast_signed()
    }

    /// Whether it was said at all, if only as nothing: of a choice.
    pub(super) fn has(&self, at: At) -> bool {
        self.is_seen(self.place(at))
    }

    /// An unsigned number of 32 bits.
    pub(super) fn uint32(&self, at: At) -> u32 {
        // The walker held it to its type.
        u32::try_from(self.uint(at)).unwrap_or(u32::MAX)
    }

    /// A yes; absent: no.
    pub(super) fn flag(&self, at: At) -> bool {
        self.uint(at) != 0
    }

    /// A time that is always said; 0 is one.
    pub(super) fn time(&self, at: At) -> Timestamp {
        Timestamp::from_unix_ms(self.int(at))
    }

    /// A time that may be unsaid.
    pub(super) fn optional_time(&self, at: At) -> Option<Timestamp> {
        fields::optional_time(self.int(at))
    }

    /// A word that must be there.
    pub(super) fn word<T>(&self, at: At, from: fn(i32) -> Option<T>) -> Result<T, Refused> {
        fields::word(self.number_of_word(at), at.name, from)
    }

    /// A word that may be unsaid.
    pub(super) fn optional_word<T>(&self, at: At, from: fn(i32) -> Option<T>) -> Result<Option<T>, Refused> {
        fields::optional_word(self.number_of_word(at), at.name, from)
    }

    /// The number of a word; 0: it is unsaid.
    pub(super) fn number_of_word(&self, at: At) -> i32 {
        // The walker held it to its type.
        int32(self.uint(at)).unwrap_or(0)
    }

    /// A list of words, each said once.
    pub(super) fn distinct_words<T: PartialEq>(
        &self,
        at: At,
        from: fn(i32) -> Option<T>,
    ) -> Result<Vec<T>, Refused> {
        let mut rest = self.bytes(self.place(at));
        let mut numbers = Vec::new();
        while !rest.is_empty() {
            numbers.push(int32(varint(&mut rest)?).unwrap_or(0));
        }
        fields::distinct_words(&numbers, at.name, from)
    }

    /// A text; empty: it is absent.
    pub(super) fn text(&self, at: At) -> Result<&'a str, Refused> {
        self.text_at(self.place(at)).within(at.name)
    }

    /// A name that must be there and parse.
    pub(super) fn name<T: std::str::FromStr>(&self, at: At) -> Result<T, Refused>
    where
        T::Err: std::fmt::Display,
    {
        fields::name(self.text(at)?, at.name)
    }

    /// A name that may be unsaid.
    pub(super) fn optional_name<T: std::str::FromStr>(&self, at: At) -> Result<Option<T>, Refused>
    where
        T::Err: std::fmt::Display,
    {
        fields::optional_name(self.text(at)?, at.name)
    }

    /// The texts of a list.
    pub(super) fn texts(&self, at: At) -> Result<Vec<&'a str>, Refused> {
        let texts = self.texts_at(self.place(at)).enumerate();
        texts
            .map(|(index, text)| text.within_entry(at.name, index))
            .collect()
    }

    /// Bytes; empty: they are absent.
    pub(super) fn slice(&self, at: At) -> &'a [u8] {
        self.bytes(self.place(at))
    }

    /// The same, as a part of what is read.
    pub(super) fn shared(&self, at: At) -> Bytes {
        match self.slice(at) {
            [] => Bytes::new(),
            bytes => self.reading.whole.slice_ref(bytes),
        }
    }

    /// Exactly `N` bytes that must be there.
    pub(super) fn exactly<const N: usize>(&self, at: At) -> Result<[u8; N], Refused> {
        fields::exactly(self.slice(at), at.name)
    }

    /// Exactly `N` bytes, or none.
    pub(super) fn optional_exactly<const N: usize>(&self, at: At) -> Result<Option<[u8; N]>, Refused> {
        fields::optional_exactly(self.slice(at), at.name)
    }

    /// A list of exactly `N` bytes each.
    pub(super) fn list_exactly<const N: usize>(&self, at: At) -> Result<Vec<[u8; N]>, Refused> {
        let entries = self.entries(self.place(at)).enumerate();
        entries
            .map(|(index, entry)| fields::exactly(entry, "").within_entry(at.name, index))
            .collect()
    }

    /// A payload's id.
    pub(super) fn payload_id(&self, at: At) -> Result<PayloadId, Refused> {
        fields::payload_id(self.slice(at), at.name)
    }

    /// A message that may be absent.
    pub(super) fn optional<T>(
        &self,
        at: At,
        read: impl FnOnce(&Fields<'_>) -> Result<T, Refused>,
    ) -> Result<Option<T>, Refused> {
        self.inner(self.place(at), read).within(at.name)
    }

    /// A message that must be there.
    pub(super) fn required<T>(
        &self,
        at: At,
        read: impl FnOnce(&Fields<'_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        fields::required(self.optional(at, read)?, at.name)
    }

    /// The messages of a list, not read yet: [`Fields::entry`] reads one.
    pub(super) fn list(&self, at: At) -> std::iter::Enumerate<Entries<'a>> {
        self.entries(self.place(at)).enumerate()
    }

    /// Reads one message of a list.
    pub(super) fn entry<T>(
        &self,
        at: At,
        (index, bytes): (usize, &[u8]),
        read: impl FnOnce(&Fields<'_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        self.inner_of(self.place(at), bytes, read)
            .within_entry(at.name, index)
    }

    /// All messages of a list.
    pub(super) fn all<T, L: FromIterator<T>>(
        &self,
        at: At,
        read: fn(&Fields<'_>) -> Result<T, Refused>,
    ) -> Result<L, Refused> {
        self.list(at).map(|entry| self.entry(at, entry, read)).collect()
    }
}
