//! What can go wrong, one enum per operation. The difference between "nothing was written" and "nobody knows" is
//! the whole point: only the first may be answered with "retry", the second ends the process.

use std::io;
use std::path::PathBuf;

use super::Head;

/// Why a block was not appended, or is not known to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stored head is not the expected one: another writer, or a caller that lost count. Nothing was written.
    #[error("the journal's head is at block {}, size {}, not the expected one", actual.sequence, actual.size)]
    Conflict {
        /// The head that is stored.
        actual: Head,
    },
    /// Nothing was written, and the journal goes on: the same block may be sent again.
    #[error("nothing was written: {reason}")]
    NotApplied {
        /// What the backend said.
        reason: String,
    },
    /// The block may or may not be on stable storage. Only a restart finds out.
    #[error("not known whether it was written: {reason}")]
    Unknown {
        /// What the backend said.
        reason: String,
    },
    /// Over [`crate::limits::BLOCK_BYTES_MAX`], [`crate::limits::BLOCK_RECORDS_MAX`] or
    /// [`crate::limits::RECORD_BYTES_MAX`]: the caller broke its own bound. Nothing was written.
    #[error("{what} of {actual} over the bound of {max}")]
    TooLarge {
        /// Which bound.
        what: &'static str,
        /// What was sent.
        actual: usize,
        /// The bound.
        max: usize,
    },
    /// The block makes no sense: no record, a part of a record that is not in it, a part twice. Nothing was written.
    #[error("malformed block: {0}")]
    Malformed(&'static str),
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// What is stored contradicts itself: a person must look.
    #[error("the journal is corrupt: {0}")]
    Corrupt(String),
    /// The storage failed.
    #[error("the journal cannot be read: {0}")]
    Io(String),
    /// A write failed earlier; this journal answers nothing more until it is opened anew.
    #[error("the journal failed earlier and must be opened anew")]
    Failed,
}

/// Why a journal on disk could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another relay", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// Written by a version that this one does not know.
    #[error("the journal has format {found}, and this version knows only {known}")]
    Format {
        /// What is stored.
        found: String,
        /// What this version reads.
        known: u32,
    },
    /// What is stored contradicts itself.
    #[error("the journal is corrupt: {0}")]
    Corrupt(String),
    /// A file operation failed.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The storage engine refused.
    #[error("the journal's storage: {0}")]
    Storage(String),
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt(text) => Self::Corrupt(text),
            ReadError::Io(text) => Self::Storage(text),
            ReadError::Failed => Self::Storage("the journal failed while it was opened".into()),
        }
    }
}
