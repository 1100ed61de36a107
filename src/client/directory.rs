//! The directory as this client has verified it: the chain's records from the genesis on, each proven to be in the log and
//! each signed as the rules ask. Keys are believed from here only, never from what the relay says of them.
//! What is kept of it in the profile is in `directory_cache.rs`.

use std::collections::BTreeSet;

use super::proven::ProvenRecord;
use super::verification::VerificationError;
use crate::domain::{DirectoryPosition, Hash, KeyId, KeyRole, Origin, Principal, Record, RecordKind};
use crate::ledger::{Directory, KeyEntry, verify_record};
use crate::transparency::LogVerifier;

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
    pub(super) fn empty(confirmed: BTreeSet<KeyId>) -> Self {
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

    /// A person has confirmed a key; gives whether that is new.
    pub(super) fn confirm(&mut self, keyid: KeyId) -> bool {
        self.confirmed.insert(keyid)
    }

    /// Whether a person has confirmed a key.
    pub fn is_confirmed(&self, keyid: &KeyId) -> bool {
        self.confirmed.contains(keyid)
    }

    /// The valid keys of a principal that no person has confirmed, and whether another of its keys was: these are new since then.
    pub fn unconfirmed<'a>(&'a self, principal: &'a Principal) -> (Vec<&'a KeyEntry>, bool) {
        let keys = self
            .directory
            .keys_of(principal)
            .filter(|key| key.until.is_none());
        let mut unconfirmed: Vec<&KeyEntry> = keys.filter(|key| !self.is_confirmed(&key.keyid)).collect();
        unconfirmed.sort_by_key(|key| (key.role, key.from));
        let before = self
            .directory
            .keys_of(principal)
            .any(|key| self.is_confirmed(&key.keyid));
        (unconfirmed, before)
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
    pub(super) fn follow(
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
