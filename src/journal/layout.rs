//! The bytes of keys and values in the journal's tree: pure functions, and the golden bytes that hold them. The
//! table in the head of `sled.rs` says what they mean together. Decoding never panics: what is on a disk may be
//! anything.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Head, Part, PartKind, ReadError};
use crate::domain::Hash;
use crate::limits::SLED_VALUE_BYTES_MAX as VALUE_MAX;

/// The version of everything in this file.
pub(super) const FORMAT: u32 = 1;
/// The key of the format's version.
pub(super) const FORMAT_KEY: &[u8] = b"format";
/// The key of the head.
pub(super) const HEAD_KEY: &[u8] = b"h";

// Persisted; never reuse. (`f` and `h` are taken by the two keys above.)
const BLOCK: u8 = b'b';
const PART: u8 = b'p';
const RECORD: u8 = b'r';

const HEAD_BYTES: usize = 8 + 8 + 8 + 32;
const LENGTH_BYTES: usize = 4;
const PART_HEADER_BYTES: usize = 1 + 4 + 4;

/// A key and its value, ready to be written.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

/// `b` ‖ size: the head whose size is `size`.
pub(super) fn block_key(size: u64) -> [u8; 9] {
    key9(BLOCK, size)
}

/// `r` ‖ index of the first record ‖ continuation.
pub(super) fn record_key(first: u64, continuation: u16) -> [u8; 11] {
    let mut key = [0; 11];
    let (head, tail) = key.split_at_mut(9);
    head.copy_from_slice(&key9(RECORD, first));
    tail.copy_from_slice(&continuation.to_be_bytes());
    key
}

/// The index of the first record and the continuation that a record key names.
pub(super) fn parse_record_key(key: &[u8]) -> Result<(u64, u16), ReadError> {
    match key {
        [RECORD, a, b, c, d, e, f, g, h, i, j] => Ok((
            u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
            u16::from_be_bytes([*i, *j]),
        )),
        _ => Err(corrupt("a record key is malformed")),
    }
}

/// `p` ‖ index ‖ kind ‖ chunk.
pub(super) fn part_key(index: u64, kind: PartKind, chunk: u16) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, tail) = key.split_at_mut(9);
    let [high, low] = chunk.to_be_bytes();
    head.copy_from_slice(&key9(PART, index));
    tail.copy_from_slice(&[kind.number(), high, low]);
    key
}

fn key9(prefix: u8, number: u64) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    [prefix, a, b, c, d, e, f, g, h]
}

/// term ‖ sequence ‖ size ‖ root.
pub(super) fn encode_head(head: &Head) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEAD_BYTES);
    value.put_u64(head.term);
    value.put_u64(head.sequence);
    value.put_u64(head.size);
    value.put_slice(head.root.as_bytes());
    value
}

/// The head that a value holds.
pub(super) fn decode_head(value: &[u8]) -> Result<Head, ReadError> {
    let wrong = || corrupt("a head is malformed");
    let mut rest = value;
    let mut number = || {
        take_array::<8>(&mut rest)
            .map(u64::from_be_bytes)
            .ok_or_else(wrong)
    };
    let (term, sequence, size) = (number()?, number()?, number()?);
    let root = Hash::try_from(rest).map_err(|_| wrong())?;
    Ok(Head {
        term,
        sequence,
        size,
        root,
    })
}

/// The records from index `first` on as entries: as many whole ones to a value as fit, or a large one alone over
/// several continuations.
pub(super) fn encode_records(first: u64, records: &[Bytes]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut pack: (u64, Vec<u8>) = (first, Vec::new());
    for (index, record) in (first..).zip(records) {
        let framed = LENGTH_BYTES.saturating_add(record.len());
        if !pack.1.is_empty() && pack.1.len().saturating_add(framed) > VALUE_MAX {
            push_chunks(&mut entries, |n| record_key(pack.0, n).to_vec(), &pack.1);
            pack.1.clear();
        }
        if pack.1.is_empty() {
            pack.0 = index;
        }
        pack.1.put_slice(&length(record.len()));
        pack.1.put_slice(record);
    }
    push_chunks(&mut entries, |n| record_key(pack.0, n).to_vec(), &pack.1);
    entries
}

/// How many bytes the records that begin in `first` have: more than it holds if it is the beginning of a large record.
pub(super) fn records_bytes(first: &[u8]) -> Result<usize, ReadError> {
    let mut rest = first;
    let length = take_length(&mut rest).ok_or_else(|| corrupt("a chunk of records is malformed"))?;
    Ok(length.saturating_add(LENGTH_BYTES).max(first.len()))
}

/// The records of one value, or of one large record whose continuations were joined to it.
pub(super) fn decode_records(joined: Bytes) -> Result<Vec<Bytes>, ReadError> {
    let mut records = Vec::new();
    let mut at = 0usize;
    while at < joined.len() {
        let mut rest = joined.get(at..).unwrap_or_default();
        let (start, end) = take_length(&mut rest)
            .and_then(|n| {
                at.checked_add(LENGTH_BYTES)
                    .and_then(|start| Some((start, start.checked_add(n)?)))
            })
            .filter(|(_, end)| *end <= joined.len())
            .ok_or_else(|| corrupt("a chunk of records is malformed"))?;
        records.push(joined.slice(start..end));
        at = end;
    }
    if records.is_empty() {
        Err(corrupt("a chunk holds no record"))
    } else {
        Ok(records)
    }
}

/// A part as entries; the first value begins with format ‖ bucket ‖ length.
pub(super) fn encode_part(part: &Part) -> Vec<Entry> {
    let mut all = Vec::with_capacity(PART_HEADER_BYTES.saturating_add(part.bytes.len()));
    all.put_u8(part.format);
    all.put_u32(part.bucket);
    all.put_slice(&length(part.bytes.len()));
    all.put_slice(&part.bytes);
    let mut entries = Vec::new();
    push_chunks(
        &mut entries,
        |n| part_key(part.index, part.kind, n).to_vec(),
        &all,
    );
    entries
}

/// How many bytes the values of a part have, header and all, from the first one.
pub(super) fn part_bytes(first: &[u8]) -> Result<usize, ReadError> {
    let wrong = || corrupt("the header of a part is malformed");
    let mut rest = first.get(1 + 4..).ok_or_else(wrong)?;
    Ok(take_length(&mut rest)
        .ok_or_else(wrong)?
        .saturating_add(PART_HEADER_BYTES))
}

/// The part whose values, joined, are `joined`.
pub(super) fn decode_part(index: u64, kind: PartKind, joined: Bytes) -> Result<Part, ReadError> {
    let wrong = || corrupt("a part is malformed");
    let mut rest: &[u8] = &joined;
    let [format] = take_array::<1>(&mut rest).ok_or_else(wrong)?;
    let bucket = take_array::<4>(&mut rest)
        .map(u32::from_be_bytes)
        .ok_or_else(wrong)?;
    let claimed = take_length(&mut rest).ok_or_else(wrong)?;
    if claimed != rest.len() {
        return Err(wrong());
    }
    Ok(Part {
        index,
        kind,
        format,
        bucket,
        bytes: joined.slice(PART_HEADER_BYTES..),
    })
}

/// Joins `first` and the continuations that `next` finds, by their number from 1, until `bytes` are there.
///
/// How long each value is does not matter: what was written under another bound stays readable.
pub(super) fn join<V: AsRef<[u8]>>(
    first: &[u8],
    bytes: usize,
    mut next: impl FnMut(u16) -> Result<V, ReadError>,
) -> Result<Bytes, ReadError> {
    // The claimed length may be absurd, so nothing is reserved for it.
    let mut joined = BytesMut::from(first);
    let mut continuation = 0u16;
    while joined.len() < bytes {
        continuation = continuation
            .checked_add(1)
            .ok_or_else(|| corrupt("there are too many chunks"))?;
        joined.extend_from_slice(next(continuation)?.as_ref());
    }
    if joined.len() > bytes {
        Err(corrupt("a chunk is too long"))
    } else {
        Ok(joined.freeze())
    }
}

pub(super) fn corrupt(what: impl Into<String>) -> ReadError {
    ReadError::Corrupt(what.into())
}

fn push_chunks(entries: &mut Vec<Entry>, key: impl Fn(u16) -> Vec<u8>, bytes: &[u8]) {
    entries.extend(
        (0u16..)
            .zip(bytes.chunks(VALUE_MAX))
            .map(|(n, chunk)| (key(n), chunk.to_vec())),
    );
}

#[expect(
    clippy::expect_used,
    reason = "a checked block is far below 4 GiB (limits.rs)"
)]
fn length(bytes: usize) -> [u8; LENGTH_BYTES] {
    u32::try_from(bytes).expect("a block is bounded").to_be_bytes()
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    take_array::<LENGTH_BYTES>(rest).and_then(|n| usize::try_from(u32::from_be_bytes(n)).ok())
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*array)
}

const _: () = assert!(crate::limits::BLOCK_BYTES_MAX / VALUE_MAX < u16::MAX as usize);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const KINDS: [PartKind; 4] = [
        PartKind::Body,
        PartKind::Text,
        PartKind::Wrap,
        PartKind::InboxOpening,
    ];

    /// Lengths that crowd around the bounds of a value.
    fn length() -> impl Strategy<Value = usize> {
        prop_oneof![4 => 0..40usize, 2 => VALUE_MAX - 12..VALUE_MAX + 4, 1 => 0..4 * VALUE_MAX]
    }

    fn records() -> impl Strategy<Value = Vec<Bytes>> {
        prop::collection::vec(
            (any::<u8>(), length()).prop_map(|(byte, n)| Bytes::from(vec![byte; n])),
            1..20,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Records come back from their values: each value within the bound, each key ascending and holding the
        /// first record that it names, and no value shared by a large record.
        #[test]
        fn records_round_trip(first in 0..u64::MAX - 100, records in records()) {
            let entries = encode_records(first, &records);
            prop_assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
            prop_assert!(entries.iter().all(|(_, value)| !value.is_empty() && value.len() <= VALUE_MAX));
            let mut decoded = Vec::new();
            let mut rest = entries.as_slice();
            while let Some((key, value)) = rest.first() {
                prop_assert_eq!(parse_record_key(key).unwrap(), (first + decoded.len() as u64, 0));
                let mut used = 1;
                let joined = join(value, records_bytes(value).unwrap(), |n| {
                    used += 1;
                    let (key, value) = &rest[usize::from(n)];
                    assert_eq!(parse_record_key(key).unwrap(), (first + decoded.len() as u64, n));
                    Ok(value)
                });
                let found = decode_records(joined.unwrap()).unwrap();
                prop_assert!(used == 1 || found.len() == 1);
                decoded.extend(found);
                rest = &rest[used..];
            }
            prop_assert_eq!(decoded, records);
        }

        /// A part comes back from its values, the first of which says how many they are.
        #[test]
        fn parts_round_trip(index: u64, kind in prop::sample::select(&KINDS[..]), format: u8, bucket: u32, n in length()) {
            let part = Part { index, kind, format, bucket, bytes: Bytes::from(vec![format; n]) };
            let entries = encode_part(&part);
            prop_assert!(entries.iter().all(|(_, value)| !value.is_empty() && value.len() <= VALUE_MAX));
            for (n, (key, _)) in (0..).zip(&entries) {
                prop_assert_eq!(key.as_slice(), part_key(index, kind, n));
            }
            let first = &entries[0].1;
            let mut used = 1;
            let joined = join(first, part_bytes(first).unwrap(), |n| {
                used += 1;
                Ok(&entries[usize::from(n)].1)
            });
            let decoded = decode_part(index, kind, joined.unwrap()).unwrap();
            prop_assert_eq!(used, entries.len());
            prop_assert_eq!(decoded, part);
        }

        /// A head comes back, and nothing but its exact length is one.
        #[test]
        fn heads_round_trip(term: u64, sequence: u64, size: u64, root: [u8; 32]) {
            let head = Head { term, sequence, size, root: Hash(root) };
            let value = encode_head(&head);
            prop_assert_eq!(decode_head(&value).unwrap(), head);
            prop_assert!(decode_head(&value[1..]).is_err() && decode_head(&[&value[..], &[0]].concat()).is_err());
        }

        /// Keys sort as what they name: the tree's order is that of indexes, and the prefixes never mix.
        #[test]
        fn keys_sort_as_their_numbers(a: (u64, u16), b: (u64, u16)) {
            prop_assert_eq!(record_key(a.0, a.1).cmp(&record_key(b.0, b.1)), a.cmp(&b));
            prop_assert_eq!(block_key(a.0).cmp(&block_key(b.0)), a.0.cmp(&b.0));
            for (x, y) in KINDS.iter().flat_map(|x| KINDS.iter().map(move |y| (*x, *y))) {
                let order = (a.0, x, a.1).cmp(&(b.0, y, b.1));
                prop_assert_eq!(part_key(a.0, x, a.1).cmp(&part_key(b.0, y, b.1)), order);
            }
            let keys: BTreeMap<Vec<u8>, usize> = [
                (block_key(a.0).to_vec(), 0),
                (FORMAT_KEY.to_vec(), 1),
                (HEAD_KEY.to_vec(), 2),
                (part_key(a.0, PartKind::Body, a.1).to_vec(), 3),
                (record_key(a.0, a.1).to_vec(), 4),
            ].into();
            prop_assert!(keys.into_values().eq(0..5));
        }

        /// Whatever a disk holds, decoding answers and never panics.
        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode_head(&bytes);
            let _ = records_bytes(&bytes);
            let _ = part_bytes(&bytes);
            let _ = join(&bytes, usize::MAX, |n| if n < 9 { Ok(&bytes) } else { Err(corrupt("gone")) });
            let _ = parse_record_key(&bytes);
            let _ = decode_part(0, PartKind::Body, Bytes::copy_from_slice(&bytes));
            let _ = decode_records(Bytes::from(bytes));
        }
    }
}
