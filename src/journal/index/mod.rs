//! The index: what is derived from the journal and kept on disk so that nobody has to read all of it. A follower: it
//! may lag behind the journal, is dropped when it does not match, and is built anew from it.

#![expect(
    dead_code,
    reason = "the reading and writing side comes with the ledger's changes"
)]

mod sled_store;
mod store;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::{KeyValues, MemoryStore};

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

/// The index. Clones are the same index.
#[derive(Clone)]
pub struct Index {
    store: Arc<dyn KeyValues>,
}

impl Index {
    /// Opens the index below `directory`, empty if what is there cannot be trusted. Blocks the thread.
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
}
