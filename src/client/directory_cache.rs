//! What a profile keeps of the directory: the chain's records in its `directory` file, and in `confirmed` the keys of others
//! that a person has confirmed.
//!
//! `directory` is a version (one byte) and one entry after another: index (8 bytes, big-endian), length (4 bytes), leaf hash
//! (32 bytes), record. All of it can be had again, and is verified again then: a file of another version is thrown away, what
//! is torn at its end is cut off, and the relay is asked for what is not there.

use std::collections::BTreeSet;

use super::directory::KnownDirectory;
use super::error::ClientError;
use super::profile::{ProfileDir, ProfileError};
use super::proven::ProvenRecord;
use crate::domain::{Hash, KeyId, Record};
use crate::files::{self, Lock};
use crate::ledger::KeyEntry;
use crate::limits;
use crate::transparency::{LogVerifier, leaf_hash};
use crate::wire;

/// The cache of the chain's records in a profile.
#[derive(Debug)]
pub(crate) struct DirectoryCache {
    profile: ProfileDir,
    /// The length that this process has read or written; another length means that another process was here.
    length: u64,
}

/// Never reuse one. A file without a version begins with 0: the first byte of the genesis' index.
const VERSION: u8 = 1;
const ENTRY_HEAD: usize = 8 + 4 + 32;

impl DirectoryCache {
    /// Reads what was verified before.
    pub(crate) fn open(
        profile: &ProfileDir,
        log: &LogVerifier,
    ) -> Result<(Self, KnownDirectory), ClientError> {
        let _lock = Lock::acquire(&profile.lock())?;
        let path = profile.directory();
        let bytes = files::read(&path, limits::DIRECTORY_CACHE_BYTES_MAX)?.unwrap_or_default();
        let mut known = KnownDirectory::empty(read_confirmed(profile)?);
        let (mut rest, mut good) = match bytes.split_first() {
            None => (bytes.as_slice(), 0),
            Some((&VERSION, entries)) => (entries, 1),
            Some((version, _)) => {
                tracing::warn!(
                    version,
                    "the directory's cache is of another version than {VERSION}: it is thrown away and followed anew"
                );
                // The file stays: a profile without one looks as if nothing had ever been verified.
                files::replace(&path, &[VERSION])?;
                (bytes.split_at(0).0, 1)
            }
        };
        while let Some((index, leaf, record, after)) = next_entry(rest) {
            // Its signatures were checked before it was kept; the profile vouches for itself.
            known.follow(index, leaf, &record, log)?;
            good += u64::try_from(rest.len() - after.len()).unwrap_or(0);
            rest = after;
        }
        if !rest.is_empty() {
            files::truncate(&path, good)?;
        }
        let cache = Self {
            profile: profile.clone(),
            length: good,
        };
        Ok((cache, known))
    }

    /// Adds records that were verified. If another process added some meanwhile, it has these too or will ask for them.
    pub(crate) fn append(&mut self, page: &[ProvenRecord]) -> Result<(), ClientError> {
        let mut entries = match self.length {
            0 => vec![VERSION],
            _ => Vec::new(),
        };
        for proven in page {
            let length = u32::try_from(proven.bytes().len()).unwrap_or(u32::MAX);
            entries.extend_from_slice(&proven.index().to_be_bytes());
            entries.extend_from_slice(&length.to_be_bytes());
            entries.extend_from_slice(proven.leaf().as_bytes());
            entries.extend_from_slice(proven.bytes());
        }
        let _lock = Lock::acquire(&self.profile.lock())?;
        let path = self.profile.directory();
        let on_disk = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if on_disk == self.length {
            files::append(&path, &entries)?;
            self.length += u64::try_from(entries.len()).unwrap_or(0);
        }
        Ok(())
    }
}

/// The first entry and what follows it; none at the end, or where an entry was never finished.
fn next_entry(bytes: &[u8]) -> Option<(u64, Hash, Record, &[u8])> {
    let (head, rest) = bytes.split_at_checked(ENTRY_HEAD)?;
    let (index, head) = head.split_first_chunk::<8>()?;
    let (length, leaf) = head.split_first_chunk::<4>()?;
    let leaf = Hash::try_from(leaf).ok()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (record, rest) = rest.split_at_checked(length)?;
    if leaf_hash(record) != leaf {
        return None;
    }
    let record = wire::record(record).ok()?;
    Some((u64::from_be_bytes(*index), leaf, record, rest))
}

/// Reads the keys that a person has confirmed: one a line, the key's id first.
fn read_confirmed(profile: &ProfileDir) -> Result<BTreeSet<KeyId>, ClientError> {
    let path = profile.confirmed();
    let malformed = |problem: &str| ProfileError::Malformed {
        path: path.clone(),
        problem: problem.to_owned(),
    };
    let bytes = files::read(&path, limits::DIRECTORY_CACHE_BYTES_MAX)?.unwrap_or_default();
    let text = String::from_utf8(bytes).map_err(|_| malformed("not UTF-8"))?;
    text.lines()
        .map(|line| {
            let keyid = line.split(' ').next().unwrap_or_default();
            keyid
                .parse()
                .map_err(|_| malformed("each line begins with a key's id, 64 hex digits").into())
        })
        .collect()
}

/// Keeps that a person has confirmed keys.
pub(crate) fn confirm(
    profile: &ProfileDir,
    known: &mut KnownDirectory,
    keys: &[KeyEntry],
) -> Result<(), ClientError> {
    let _lock = Lock::acquire(&profile.lock())?;
    let path = profile.confirmed();
    let mut text = files::read(&path, limits::DIRECTORY_CACHE_BYTES_MAX)?.unwrap_or_default();
    for key in keys {
        if known.confirm(key.keyid) {
            text.extend_from_slice(format!("{} {} {}\n", key.keyid, key.principal, key.role).as_bytes());
        }
    }
    Ok(files::replace(&path, &text)?)
}
