//! The index: what is derived from the journal and kept on disk so that nobody has to read all of it. A follower: it
//! may lag behind the journal, is dropped when it does not match, and is built anew from it. So it is never synced
//! for safety, and its format may change with any version.
//!
//! One tree of sorted keys. Numbers are big-endian; names end in a zero byte; new keys of most prefixes come in ascending
//! order, so that sled writes next to where it wrote last. Values are as in `codec.rs`; facts as in the ledger's `fact_codec.rs`.
//!
//! | key | value | lifetime |
//! |---|---|---|
//! | `F` | format u32 | from the first block on; another one drops the index |
//! | `P` | position: size u64 ‖ root 32 | replaced by each block, in the batch of the block's entries |
//! | `T` | time of the newest record | replaced by each block |
//! | `h` ‖ page u64 | at most 64 hashes of the tree, in stored order (`transparency::stored_hash_index`) | for ever |
//! | `i` ‖ id 16 ‖ payload type ‖ principal | `IdFact`: who used up the id | for ever |
//! | `d` ‖ warning digest 32 | index of its `ACCEPTED` record: the only keys in random order, and short | for ever |
//! | `w` ‖ accepted u64 | digest ‖ `WarningFact` | for ever |
//! | `n` ‖ id 16 ‖ accepted u64 | digest: the warnings of an id | for ever |
//! | `t` ‖ accepted u64 ‖ desk | `ThreadFact` | for ever, replaced by each record of the thread |
//! | `r` ‖ accepted u64 ‖ desk ‖ seq u64 | index of a thread's record | for ever |
//! | `b` ‖ desk ‖ number u64 | index of its `ROUTED` ‖ warning digest: the desk's inbox | for ever |
//! | `a` ‖ agency ‖ index u64 | warning digest ‖ desk: what was routed to the agency's desks | for ever |
//! | `p` ‖ desk ‖ number u64 | as in `b` | until the desk has `RECEIVED` it |
//! | `c` ‖ desk | how many `p` the desk has | replaced |
//! | `o` ‖ agency ‖ index u64 | warning digest: what the agency sent | for ever |
//! | `x` ‖ principal | `REJECTED` records in its latest hour | replaced |
//! | `k` ‖ bucket u32 ‖ index u64 ‖ desk | warning digest: what lies beside a record, and whose thread tells when it is erased | until that |
//! | `e` ‖ index u64 | bucket u32: what lay beside it is erased | for ever |
//! | `s` ‖ seq u64 | index of a directory record | for ever |

mod codec;
mod facts;
mod keys;
mod queries;
mod sled_store;
mod store;
mod write;

pub use queries::{KeptPart, Listed, Routing};
pub use write::Derived;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use codec::Value;
use store::{Entry, KeyValues, MemoryStore, Order};

use crate::domain::Hash;
use crate::ledger::FactsError;

/// Changes with every change of what is stored or what it means.
const FORMAT: u32 = 3;
/// Hashes of the tree in one value: 2 KiB.
const HASHES_PER_PAGE: u64 = 64;
const HASH_BYTES: usize = 32;

/// Why the index does not answer. It can always be built anew from the journal.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The storage engine failed.
    #[error("the index: {0}")]
    Storage(String),
    /// What is stored contradicts itself.
    #[error("the index is corrupt: {0}")]
    Corrupt(String),
    /// A file operation failed.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl From<IndexError> for FactsError {
    fn from(error: IndexError) -> Self {
        Self(error.to_string())
    }
}

/// How far the index has followed the journal: always the end of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Records so far.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// The index. Clones are the same index. One writer; readers bound what they read by the durable size they hold.
#[derive(Clone)]
pub struct Index {
    store: Arc<dyn KeyValues>,
}

impl Index {
    /// Opens the index below `directory`, empty if what is there cannot be trusted. Blocks the thread. The caller
    /// keeps other processes out: the journal's lock does, so open the journal first.
    pub fn open(directory: &Path) -> Result<Self, IndexError> {
        Ok(Self {
            store: Arc::new(sled_store::SledStore::open(directory)?),
        })
    }

    /// An empty index in memory.
    pub fn in_memory() -> Self {
        Self {
            store: Arc::new(MemoryStore::default()),
        }
    }

    /// How far it has followed; none: it is empty, or of another format.
    pub fn position(&self) -> Result<Option<Position>, IndexError> {
        match self.store.value(keys::FORMAT)? {
            Some(format) if format == FORMAT.to_be_bytes() => self.typed(keys::POSITION),
            Some(_) | None => Ok(None),
        }
    }

    /// Puts everything on stable storage and says so: the next start trusts it. Reading goes on; writing fails.
    pub fn close(&self) -> Result<(), IndexError> {
        self.store.close()
    }

    /// Drops everything: the index is empty.
    pub fn clear(&self) -> Result<(), IndexError> {
        self.store.clear()
    }

    fn typed<T: Value>(&self, key: &[u8]) -> Result<Option<T>, IndexError> {
        self.store.value(key)?.map(|bytes| T::decode(&bytes)).transpose()
    }

    /// The entries of `prefix`.
    fn all(&self, prefix: &[u8], limit: usize) -> Result<Vec<Entry>, IndexError> {
        self.store
            .range(prefix, &keys::end_of(prefix), Order::Ascending, limit)
    }
}
