//! The directory as this client has verified it: the chain's records from the genesis on, each proven to be in the log and
//! each signed as the rules ask. Keys are believed from here only, never from what the relay says of them.
//!
//! The records are cached in the profile's `directory` file, one entry after another: index (8 bytes, big-endian), length
//! (4 bytes), leaf hash (32 bytes), record. What is torn at its end is cut off and asked for again.

use std::collections::BTreeSet;

use super::error::ClientError;
use super::files::{self, Lock};
use super::profile::{ProfileDir, ProfileError};
use super::proven::ProvenRecord;
use super::verification::VerificationError;
use crate::domain::{DirectoryPosition, Hash, KeyId, KeyRole, Origin, Principal, Record, RecordKind};
use crate::ledger::{Directory, KeyEntry, verify_record};
use crate::limits;
use crate::transparency::{LogVerifier, leaf_hash};
use crate::wire;

/// A verified directory and how far it is known.
#[derive(Debug, Clone)]
pub struct KnownDirectory {
    directory: Directory,
    /// The leaf hash of each record of the chain.
    chain: Vec<Hash>,
    /// Every change below this log index is known.
    complete_to: u64,
    /// Keys of others that a person has confirmed.
    confirmed: BTreeSet<KeyId>,
}

/// A change of the directory that this profile had not seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryNews {
    /// A key is valid from here on.
    NewKey {
        /// Whose.
        principal: Principal,
        /// Which.
        keyid: KeyId,
        /// For what.
        role: KeyRole,
        /// The index of its record.
        index: u64,
        /// Another key of that principal and role was confirmed, and this one is not.
        replaces_confirmed: bool,
    },
    /// A key is not valid from here on.
    KeyEnded {
        /// Whose.
        principal: Principal,
        /// Which.
        keyid: KeyId,
        /// The index of its record.
        index: u64,
    },
}

impl KnownDirectory {
    fn empty(confirmed: BTreeSet<KeyId>) -> Self {
        Self {
            directory: Directory::default(),
            chain: Vec::new(),
            complete_to: 0,
            confirmed,
        }
    }

    /// The directory itself.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The log's origin, from the genesis.
    pub fn origin(&self) -> Option<&Origin> {
        self.directory.origin()
    }

    /// The first number of the chain that is not known yet.
    pub fn next_seq(&self) -> u64 {
        u64::try_from(self.chain.len()).unwrap_or(u64::MAX)
    }

    /// Every change below this log index is known.
    pub fn complete_to(&self) -> u64 {
        self.complete_to
    }

    /// Whether a person has confirmed a key.
    pub fn is_confirmed(&self, keyid: &KeyId) -> bool {
        self.confirmed.contains(keyid)
    }

    /// A key of a role that was valid at an index.
    pub(crate) fn key_at(
        &self,
        keyid: &KeyId,
        index: u64,
        role: KeyRole,
        what: &'static str,
    ) -> Result<&KeyEntry, VerificationError> {
        let key = self.any_key_at(keyid, index, what)?;
        if key.role == role {
            Ok(key)
        } else {
            Err(VerificationError::Key {
                keyid: *keyid,
                what,
                index,
            })
        }
    }

    /// A key of any role that was valid at an index.
    pub(crate) fn any_key_at(
        &self,
        keyid: &KeyId,
        index: u64,
        what: &'static str,
    ) -> Result<&KeyEntry, VerificationError> {
        self.directory.key_at(keyid, index).ok_or(VerificationError::Key {
            keyid: *keyid,
            what,
            index,
        })
    }

    /// Checks that a position that the relay names is on this chain.
    pub(crate) fn check_position(&self, position: &DirectoryPosition) -> Result<(), VerificationError> {
        let known = usize::try_from(position.seq)
            .ok()
            .and_then(|seq| self.chain.get(seq));
        if known == Some(&position.head) {
            return Ok(());
        }
        Err(VerificationError::Directory {
            seq: position.seq,
            why: "a record names a directory that is not on this chain".to_owned(),
        })
    }

    /// Takes in the next record of the chain, which stands at `index` and whose signatures were checked.
    fn follow(
        &mut self,
        index: u64,
        leaf: Hash,
        record: &Record,
        log: &LogVerifier,
    ) -> Result<(), VerificationError> {
        let seq = self.next_seq();
        let untrue = |why: String| VerificationError::Directory { seq, why };
        let link = record
            .directory
            .ok_or_else(|| untrue("it does not belong to the chain".to_owned()))?;
        if link.seq != seq || link.prev != self.chain.last().copied() {
            return Err(untrue("it does not follow the one before".to_owned()));
        }
        if let RecordKind::Genesis(genesis) = &record.kind
            && (genesis.origin != *log.origin() || genesis.log_public_key != *log.public_key().as_bytes())
        {
            return Err(untrue("the genesis is of another log".to_owned()));
        }
        self.directory
            .follow(index, leaf, record)
            .map_err(|corrupt| untrue(corrupt.to_string()))?;
        self.chain.push(leaf);
        Ok(())
    }

    /// Takes in a page of proven records, and gives what is new in it.
    pub(crate) fn take_in(
        &mut self,
        page: &[ProvenRecord],
        log: &LogVerifier,
    ) -> Result<Vec<DirectoryNews>, VerificationError> {
        let before = self.directory.clone();
        for proven in page {
            verify_record(&self.directory, proven.index(), proven.record()).map_err(|corrupt| {
                VerificationError::Directory {
                    seq: self.next_seq(),
                    why: corrupt.to_string(),
                }
            })?;
            self.follow(proven.index(), proven.leaf(), proven.record(), log)?;
        }
        Ok(self.news_since(&before))
    }

    /// Every change below `size` is known.
    pub(crate) fn completed_to(&mut self, size: u64) {
        self.complete_to = self.complete_to.max(size);
    }

    fn news_since(&self, before: &Directory) -> Vec<DirectoryNews> {
        let mut news = Vec::new();
        for key in self.directory.keys() {
            let old = before.key(&key.keyid);
            if old.is_none() {
                news.push(DirectoryNews::NewKey {
                    principal: key.principal.clone(),
                    keyid: key.keyid,
                    role: key.role,
                    index: key.from,
                    replaces_confirmed: self.has_other_confirmed(key),
                });
            }
            if let Some(index) = key.until
                && old.is_none_or(|old| old.until.is_none())
            {
                news.push(DirectoryNews::KeyEnded {
                    principal: key.principal.clone(),
                    keyid: key.keyid,
                    index,
                });
            }
        }
        news
    }

    fn has_other_confirmed(&self, key: &KeyEntry) -> bool {
        !self.is_confirmed(&key.keyid)
            && self
                .directory
                .keys_of(&key.principal)
                .any(|other| other.role == key.role && self.is_confirmed(&other.keyid))
    }
}

/// The cache of the chain's records in a profile.
#[derive(Debug)]
pub(crate) struct DirectoryCache {
    profile: ProfileDir,
    /// The length that this process has read or written; another length means that another process was here.
    length: u64,
}

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
        let mut rest = bytes.as_slice();
        let mut good = 0u64;
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
        let mut entries = Vec::new();
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
        if known.confirmed.insert(key.keyid) {
            text.extend_from_slice(format!("{} {} {}\n", key.keyid, key.principal, key.role).as_bytes());
        }
    }
    Ok(files::replace(&path, &text)?)
}
