//! What the file of the buckets' keys holds. Persisted; the format's number and those of its entries never change their meaning.
//!
//! `wardline buckets v1` and a line feed ‖ id 16 ‖ entries ‖ SHA-256 of all before. An entry is one of these, by their order:
//! 1 ‖ bucket u32 ‖ key 32; 2 ‖ bucket u32 ‖ days u32 (destroyed by the rule "so many days", and not told in the log yet);
//! 3 ‖ bucket u32 ‖ key 32 (the key that is to take the place of the bucket's); 4 ‖ number u64 (how often the file was
//! written); 5 ‖ bucket u32 ‖ days u32 ‖ index u64 (as 2, and the first record that was to tell of it); 6 ‖ milliseconds u64
//! (since 1970: the clock was right then). Numbers are big-endian; entries of a kind are sorted.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::keyring::BucketKey;
use crate::domain::Bucket;
use crate::time::Timestamp;

const MAGIC: &[u8] = b"wardline buckets v1\n";
const KEY: u8 = 1;
const DESTROYED: u8 = 2;
const NEXT: u8 = 3;
const WRITTEN: u8 = 4;
const DESTROYED_FROM: u8 = 5;
const CLOCK: u8 = 6;

/// Why a key was destroyed, until that is told in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note {
    /// The rule's days.
    pub(crate) days: u32,
    /// The first record that was to tell; none: none was decided.
    pub(crate) first: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Entries {
    pub(super) keys: BTreeMap<Bucket, BucketKey>,
    /// Destroyed and not yet told in the log.
    pub(super) destroyed: BTreeMap<Bucket, Note>,
    /// What is to take the place of a key, while what is to be kept is encrypted anew.
    pub(super) next: BTreeMap<Bucket, BucketKey>,
    /// How often the file was written; 0: by an earlier version, or never.
    pub(super) written: u64,
    /// The last time that the clock was believed.
    pub(super) clock: Option<Timestamp>,
}

impl fmt::Debug for Entries {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries")
            .field("keys", &self.keys.keys())
            .field("destroyed", &self.destroyed)
            .field("next", &self.next.keys())
            .field("written", &self.written)
            .field("clock", &self.clock)
            .finish()
    }
}

pub(super) fn encode(id: &[u8; 16], entries: &Entries) -> Zeroizing<Vec<u8>> {
    // Room for all of it at once: a vector that grows leaves copies of keys behind.
    let (key_bytes, destroyed_bytes) = (1 + 4 + 32, 1 + 4 + 4 + 8);
    let room = (MAGIC.len() + 16 + 2 * (1 + 8) + 32)
        .saturating_add(entries.keys.len().saturating_mul(key_bytes))
        .saturating_add(entries.next.len().saturating_mul(key_bytes))
        .saturating_add(entries.destroyed.len().saturating_mul(destroyed_bytes));
    let mut out = Zeroizing::new(Vec::with_capacity(room));
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(id);
    for (bucket, key) in &entries.keys {
        out.push(KEY);
        out.extend_from_slice(&bucket.number().to_be_bytes());
        out.extend_from_slice(&key[..]);
    }
    for (bucket, note) in entries.destroyed.iter().filter(|(_, note)| note.first.is_none()) {
        out.push(DESTROYED);
        out.extend_from_slice(&bucket.number().to_be_bytes());
        out.extend_from_slice(&note.days.to_be_bytes());
    }
    for (bucket, key) in &entries.next {
        out.push(NEXT);
        out.extend_from_slice(&bucket.number().to_be_bytes());
        out.extend_from_slice(&key[..]);
    }
    if entries.written > 0 {
        out.push(WRITTEN);
        out.extend_from_slice(&entries.written.to_be_bytes());
    }
    for (bucket, Note { days, first }) in &entries.destroyed {
        if let Some(first) = first {
            out.push(DESTROYED_FROM);
            out.extend_from_slice(&bucket.number().to_be_bytes());
            out.extend_from_slice(&days.to_be_bytes());
            out.extend_from_slice(&first.to_be_bytes());
        }
    }
    if let Some(ms) = entries
        .clock
        .and_then(|clock| u64::try_from(clock.unix_ms()).ok())
    {
        out.push(CLOCK);
        out.extend_from_slice(&ms.to_be_bytes());
    }
    let sum: [u8; 32] = Sha256::digest(&*out).into();
    out.extend_from_slice(&sum);
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<([u8; 16], Entries), &'static str> {
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or("it begins as no file of this format")?;
    let (rest, sum) = rest.split_last_chunk::<32>().ok_or("it is cut short")?;
    let whole = bytes.len().saturating_sub(32);
    let computed: [u8; 32] = Sha256::digest(bytes.get(..whole).unwrap_or_default()).into();
    if computed != *sum {
        return Err("its checksum is another");
    }
    let (id, mut rest) = take::<16>(rest)?;
    let mut entries = Entries::default();
    while let Some((tag, entry)) = rest.split_first() {
        rest = match *tag {
            KEY => {
                let (bucket, entry) = bucket(entry)?;
                let (key, entry) = take::<32>(entry)?;
                entries.keys.insert(bucket, Zeroizing::new(*key));
                entry
            }
            DESTROYED => {
                let (bucket, entry) = bucket(entry)?;
                let (days, entry) = take(entry)?;
                let days = u32::from_be_bytes(*days);
                entries.destroyed.insert(bucket, Note { days, first: None });
                entry
            }
            DESTROYED_FROM => {
                let (bucket, entry) = bucket(entry)?;
                let (days, entry) = take(entry)?;
                let (first, entry) = take(entry)?;
                let (days, first) = (u32::from_be_bytes(*days), Some(u64::from_be_bytes(*first)));
                entries.destroyed.insert(bucket, Note { days, first });
                entry
            }
            NEXT => {
                let (bucket, entry) = bucket(entry)?;
                let (key, entry) = take::<32>(entry)?;
                entries.next.insert(bucket, Zeroizing::new(*key));
                entry
            }
            WRITTEN => {
                let (written, entry) = take(entry)?;
                entries.written = u64::from_be_bytes(*written);
                entry
            }
            CLOCK => {
                let (ms, entry) = take(entry)?;
                let ms = i64::try_from(u64::from_be_bytes(*ms)).map_err(|_| "it names no time")?;
                entries.clock = Some(Timestamp::from_unix_ms(ms));
                entry
            }
            _ => return Err("it has an entry of a later version"),
        };
    }
    Ok((*id, entries))
}

fn bucket(entry: &[u8]) -> Result<(Bucket, &[u8]), &'static str> {
    let (number, entry) = take(entry)?;
    let bucket = Bucket::from_number(u32::from_be_bytes(*number)).ok_or("it names no bucket")?;
    Ok((bucket, entry))
}

fn take<const N: usize>(entry: &[u8]) -> Result<(&[u8; N], &[u8]), &'static str> {
    entry.split_first_chunk().ok_or("an entry is cut short")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::domain::RetentionClass;

    fn bucket(day: u32) -> Bucket {
        Bucket::new(RetentionClass::PersonalData, day).unwrap()
    }

    /// Golden bytes, of the file as earlier versions wrote it and of one with all entries; nothing else reads as it. The
    /// checksum is by another hand (`sha256sum`).
    #[test]
    fn the_file_is_golden() {
        let mut entries = Entries::default();
        entries.keys.insert(bucket(20_000), Zeroizing::new([7; 32]));
        entries.keys.insert(bucket(1), Zeroizing::new([8; 32]));
        let (days, first) = (30, None);
        entries.destroyed.insert(bucket(2), Note { days, first });
        entries.next.insert(bucket(1), Zeroizing::new([9; 32]));
        let mut text = [
            "776172646c696e65206275636b6574732076310a",
            &"05".repeat(16),
            "0102000001",
            &"08".repeat(32),
            "0102004e20",
            &"07".repeat(32),
            "02020000020000001e",
            "0302000001",
            &"09".repeat(32),
        ]
        .concat();
        golden(&text, &entries);
        entries.written = 258;
        let first = Some(259);
        entries.destroyed.insert(bucket(3), Note { days, first });
        text.push_str("04000000000000010205020000030000001e0000000000000103060000000000000104");
        entries.clock = Some(Timestamp::from_unix_ms(260));
        golden(&text, &entries);
        assert!(!format!("{entries:?}").contains("7, 7"));
    }

    fn golden(text: &str, entries: &Entries) {
        let bytes = encode(&[5; 16], entries);
        assert_eq!(hex::encode(&bytes[..bytes.len() - 32]), text);
        assert_eq!(decode(&bytes).unwrap(), ([5; 16], entries.clone()));
        for at in 0..bytes.len() {
            let mut other = bytes.to_vec();
            other[at] ^= 1;
            assert!(decode(&other).is_err() && decode(&bytes[..at]).is_err());
        }
    }
}
