//! What the index is kept in: sorted keys and values, written in batches. [`KeyValues`] is the contract; `sled_store`
//! keeps it on disk, [`MemoryStore`] in memory for tests.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use super::IndexError;

/// A key with its value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);
/// A key with its new value, or none: removed.
pub(crate) type Put = (Vec<u8>, Option<Vec<u8>>);

/// Which end of a range comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The smallest key.
    Ascending,
    /// The largest key.
    Descending,
}

/// Sorted keys and values. One writer; a range sees a batch in part if it is written meanwhile, so what is read is bounded
/// by the durable size that the reader holds. Of what was seen of a batch, all is there for the next read.
pub(crate) trait KeyValues: Send + Sync + 'static {
    /// The value of a key.
    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError>;
    /// At most `limit` entries of `from..to`.
    fn range(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Entry>, IndexError>;
    /// Writes a batch: after a restart all of it is there, or none. A later put of a key wins.
    fn write(&self, batch: Vec<Put>) -> Result<(), IndexError>;
    /// Removes everything.
    fn clear(&self) -> Result<(), IndexError>;
    /// Puts everything on stable storage, and takes no more writes.
    fn close(&self) -> Result<(), IndexError>;
}

/// Keys and values in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore(RwLock<BTreeMap<Vec<u8>, Vec<u8>>>);

impl KeyValues for MemoryStore {
    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned())
    }

    fn range(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Entry>, IndexError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entries = map.range(from.to_vec()..to.to_vec());
        let owned = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        Ok(match order {
            Order::Ascending => entries.take(limit).map(owned).collect(),
            Order::Descending => entries.rev().take(limit).map(owned).collect(),
        })
    }

    fn write(&self, batch: Vec<Put>) -> Result<(), IndexError> {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), IndexError> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    fn close(&self) -> Result<(), IndexError> {
        Ok(())
    }
}
