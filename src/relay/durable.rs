//! What is durable, as everyone but the sequencer sees it: one snapshot a block, published whole.

use std::sync::Arc;

use crate::domain::Hash;
use crate::journal::Head;
use crate::ledger::Directory;
use crate::seal::SignerError;
use crate::transparency::LogSigner;

/// The log after a durable block.
#[derive(Debug, Clone)]
pub struct Durable {
    /// Its size and root.
    pub head: Head,
    /// The same, as a signed note.
    pub checkpoint: Arc<str>,
    /// Who is enrolled. The `Arc` changes only when the directory does.
    pub directory: Arc<Directory>,
}

impl Durable {
    /// Signs the head. Ed25519 is deterministic: after a restart the same head gives the same note.
    pub(super) async fn new(
        head: Head,
        log_key: &LogSigner,
        directory: Arc<Directory>,
    ) -> Result<Self, SignerError> {
        Ok(Self {
            head,
            checkpoint: log_key.sign_checkpoint(head.size, head.root).await?.into(),
            directory,
        })
    }

    /// How many records.
    pub fn size(&self) -> u64 {
        self.head.size
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        self.head.root
    }
}
