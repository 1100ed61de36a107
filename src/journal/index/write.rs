//! The writing side: the changes of whole blocks, their hashes and the new position, in one batch.

use std::collections::BTreeMap;

use super::codec::{StoredIncoming, StoredRouting, StoredWarning, Value};
use super::store::Put;
use super::{FORMAT, HASH_BYTES, HASHES_PER_PAGE, Index, IndexError, Position, keys};
use crate::domain::{Digest, Hash};
use crate::ledger::Change;
use crate::transparency::stored_hash_count;

/// What whole blocks add to the index.
#[derive(Debug, Clone)]
pub struct Derived {
    /// Where the first block begins: the index' position before.
    pub from: u64,
    /// The changes of their records, in order.
    pub changes: Vec<Change>,
    /// The hashes that their leaves add to the tree, in stored order.
    pub hashes: Vec<Hash>,
    /// The end of the last block.
    pub position: Position,
}

impl Index {
    /// Writes what whole blocks add: after a restart all of it is there, or none.
    pub fn apply(&self, derived: Derived) -> Result<(), IndexError> {
        let at = self.position()?.map_or(0, |position| position.size);
        if at != derived.from {
            return Err(IndexError::Corrupt(format!(
                "it is at {at}, and the next block begins at {}",
                derived.from
            )));
        }
        let mut batch = Batch {
            index: self,
            puts: BTreeMap::new(),
        };
        for change in derived.changes {
            batch.change(change)?;
        }
        batch.hashes(derived.from, &derived.hashes)?;
        batch.put(keys::FORMAT.to_vec(), FORMAT.to_be_bytes().to_vec());
        batch.put(keys::POSITION.to_vec(), derived.position.encode());
        let puts: Vec<Put> = batch.puts.into_iter().collect();
        self.store.write(puts)
    }
}

/// A batch under construction, which reads what it has put.
struct Batch<'a> {
    index: &'a Index,
    puts: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Batch<'_> {
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.puts.insert(key, Some(value));
    }

    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        match self.puts.get(key) {
            Some(put) => Ok(put.clone()),
            None => self.index.store.value(key),
        }
    }

    fn accepted(&self, warning: &Digest) -> Result<u64, IndexError> {
        let value = self.value(&keys::digest(warning))?;
        let value = value.ok_or_else(|| IndexError::Corrupt("a thread of an unknown warning".into()))?;
        u64::decode(&value)
    }

    fn change(&mut self, change: Change) -> Result<(), IndexError> {
        match change {
            Change::Time(time) => self.put(keys::TIME.to_vec(), time.encode()),
            Change::Id(key, fact) => {
                self.put(keys::id(&key.principal, key.kind, &key.id), fact.encode());
            }
            Change::Warning(digest, fact) => {
                let accepted = fact.accepted;
                self.put(keys::digest(&digest), accepted.encode());
                self.put(keys::named_warning(&fact.id, accepted), digest.encode());
                let stored = StoredWarning { digest, fact };
                self.put(keys::warning(accepted), stored.encode());
            }
            Change::Thread(key, fact) => {
                let accepted = self.accepted(&key.warning)?;
                self.put(keys::thread(accepted, &key.desk), fact.encode());
            }
            Change::ThreadRecord { thread, seq, index } => {
                let accepted = self.accepted(&thread.warning)?;
                let key = keys::thread_record(accepted, &thread.desk, seq);
                self.put(key, index.encode());
            }
            Change::Inbox {
                desk,
                number,
                warning,
                index,
            } => {
                let routing = StoredRouting { warning, index };
                self.put(keys::inbox(&desk, number), routing.encode());
                let key = keys::incoming(desk.agency(), index);
                self.put(key, StoredIncoming { warning, desk }.encode());
            }
            Change::Pending { desk, number, .. } => {
                let inbox = self.value(&keys::inbox(&desk, number))?;
                let inbox = inbox.ok_or_else(|| IndexError::Corrupt("what waits is in no inbox".into()))?;
                let key = keys::pending(&desk, number);
                if self.value(&key)?.is_none() {
                    self.count_waiting(&desk, |waiting| waiting.saturating_add(1))?;
                }
                self.put(key, inbox);
            }
            Change::Settled { desk, number, .. } => {
                let key = keys::pending(&desk, number);
                if self.value(&key)?.is_some() {
                    self.count_waiting(&desk, |waiting| waiting.saturating_sub(1))?;
                    self.puts.insert(key, None);
                }
            }
            Change::Outgoing {
                agency,
                index,
                warning,
            } => self.put(keys::outgoing(&agency, index), warning.encode()),
            Change::Kept {
                bucket,
                index,
                thread,
            } => self.put(keys::kept(bucket, index, &thread.desk), thread.warning.encode()),
            Change::Erased {
                bucket,
                index,
                thread,
            } => {
                self.puts.insert(keys::kept(bucket, index, &thread.desk), None);
                self.put(keys::erased(index), bucket.number().to_be_bytes().to_vec());
            }
            Change::Rejected(principal, count) => self.put(keys::rejected(&principal), count.encode()),
            Change::DirectoryRecord { seq, index } => self.put(keys::directory(seq), index.encode()),
        }
        Ok(())
    }

    fn count_waiting(
        &mut self,
        desk: &crate::domain::DeskAddress,
        count: impl FnOnce(u64) -> u64,
    ) -> Result<(), IndexError> {
        let key = keys::waiting(desk);
        let waiting = match self.value(&key)? {
            Some(value) => u64::decode(&value)?,
            None => 0,
        };
        self.put(key, count(waiting).encode());
        Ok(())
    }

    /// Appends hashes to the pages; the last page there is may be in part filled.
    fn hashes(&mut self, size: u64, hashes: &[Hash]) -> Result<(), IndexError> {
        let first =
            stored_hash_count(size).ok_or_else(|| IndexError::Corrupt("the log is too large".into()))?;
        let mut page = first.checked_div(HASHES_PER_PAGE).unwrap_or(0);
        let filled = usize::try_from(first.checked_rem(HASHES_PER_PAGE).unwrap_or(0)).unwrap_or(0);
        let mut value = match filled {
            0 => Vec::new(),
            _ => self.value(&keys::hashes(page))?.unwrap_or_default(),
        };
        let filled_bytes = filled.saturating_mul(HASH_BYTES);
        if value.len() < filled_bytes {
            return Err(IndexError::Corrupt("hashes of the tree are missing".into()));
        }
        value.truncate(filled_bytes);
        for hash in hashes {
            value.extend_from_slice(hash.as_bytes());
            if value.len() as u64 == HASHES_PER_PAGE.saturating_mul(HASH_BYTES as u64) {
                self.put(keys::hashes(page), std::mem::take(&mut value));
                page = page.saturating_add(1);
            }
        }
        if !value.is_empty() {
            self.put(keys::hashes(page), value);
        }
        Ok(())
    }
}
