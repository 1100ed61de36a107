//! How a relay begins: [`CreateOptions`] for the genesis, [`RelayOptions`] for each start after it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::{Deadlines, Precedence, SignedEnvelope};
use crate::error::Refused;
use crate::journal::{AppendError, Index, IndexError, Journal, ReadError};
use crate::time::Clock;
use crate::transparency::LogKey;

/// What a log begins with.
pub struct CreateOptions {
    /// The log's key, under the name of its origin.
    pub log_key: LogKey,
    /// Empty.
    pub journal: Arc<dyn Journal>,
    /// Key certificates of the first operators: signing keys signed by themselves, TLS keys by the operator's.
    pub operator_certificates: Vec<SignedEnvelope>,
    /// The defaults, one a precedence.
    pub deadlines: Vec<(Precedence, Deadlines)>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A log that has begun.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its first checkpoint, a signed note.
    pub checkpoint: Arc<str>,
}

/// Why no log was begun.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is one.
    #[error("the journal is not empty: a log begins once")]
    NotEmpty,
    /// The genesis is not as the rules ask.
    #[error("the genesis is refused: {0}")]
    Refused(#[from] Refused),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The journal did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What belongs to the log contradicts itself.
    #[error("{0}")]
    Corrupt(String),
}

/// What a relay runs on.
pub struct RelayOptions {
    /// The log's key, under the name of its origin; must be the genesis' own.
    pub log_key: LogKey,
    /// The truth.
    pub journal: Arc<dyn Journal>,
    /// Derived from it.
    pub index: Index,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Of the software.
    pub version: String,
    /// SHA-256 of the effective configuration, without secrets.
    pub configuration_digest: [u8; 32],
    /// The file that is rewritten every [`crate::limits::HEARTBEAT_MS`]; none: no heartbeat.
    pub heartbeat: Option<PathBuf>,
}

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No genesis.
    #[error("the journal is empty: begin the log first (`wardline relay init`)")]
    Empty,
    /// The log's origin or key is not the genesis'.
    #[error("the journal is of the log {journal}, not of {configured} with this key")]
    OtherLog {
        /// The genesis' origin.
        journal: String,
        /// The configured one.
        configured: String,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The journal did not take `RELAY_STARTED`.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The index cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The log contradicts itself: a person must look.
    #[error("the log is corrupt: {0}")]
    Corrupt(String),
    /// No thread, no random bytes.
    #[error("{0}")]
    System(String),
}
