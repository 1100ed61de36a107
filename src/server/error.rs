//! Why a log was not begun, why a relay did not start, and why it stopped by itself.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::files::FileError;
use crate::journal::OpenError as JournalError;
use crate::relay::{CreateError, OpenError};
use crate::retention::KeyringError;
use crate::seal::{KeyFileError, RandomError, SignerError};
use crate::tls::TlsIdentityError;

/// Why there is nothing that signs checkpoints.
#[derive(Debug, thiserror::Error)]
pub enum LogSignerError {
    /// The key's file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The file of its public half.
    #[error(transparent)]
    File(#[from] FileError),
    /// It does not name a key.
    #[error("{0} does not hold the 64 hex digits of the public key that log_signer signs with")]
    PublicKey(PathBuf),
    /// The program.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// Why a log was not begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The journal could not be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A directory for the keys could not be made.
    #[error("cannot make the directory {}: {source}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The log's key, or the program that holds it.
    #[error(transparent)]
    LogKey(#[from] LogSignerError),
    /// No random bytes for a key.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The keys of what is stored.
    #[error(transparent)]
    BucketKeys(#[from] KeyringError),
    /// The relay's TLS key.
    #[error(transparent)]
    Tls(#[from] TlsIdentityError),
    /// The genesis was not written.
    #[error(transparent)]
    Create(#[from] CreateError),
}

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log's key, or the program that holds it.
    #[error(transparent)]
    LogKey(#[from] LogSignerError),
    /// The keys of what is stored.
    #[error(transparent)]
    BucketKeys(#[from] KeyringError),
    /// The relay's TLS key.
    #[error(transparent)]
    Tls(#[from] TlsIdentityError),
    /// TLS refuses its configuration.
    #[error("TLS: {0}")]
    TlsConfig(#[from] rustls::Error),
    /// The journal could not be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The index could not be opened.
    #[error("the index: {0}")]
    Index(String),
    /// The engine did not start.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The system gives no more threads.
    #[error("no threads for the public read side: {0}")]
    Threads(io::Error),
    /// A port could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The descriptors of the protocol are unreadable.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Why a relay stopped by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServeError {
    /// The engine failed: a restart finds out what was written.
    #[error("the engine has failed; a restart finds out what was written")]
    Engine,
    /// The gRPC side ended.
    #[error("the gRPC side has ended: {0}")]
    Serving(String),
    /// The HTTP side ended.
    #[error("the HTTP side has ended: {0}")]
    Http(String),
}
