//! The keys that what lies in a profile's inbox is encrypted under: `retention.keys`, one key for each day and class, in
//! the same form as a relay's. Processes that share a profile take turns: whoever stores or erases holds the inbox's lock until it is done, so
//! that nothing is encrypted under a key that another one destroys meanwhile.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::profile::ProfileDir;
use crate::domain::Bucket;
use crate::files::{self, FileError, Lock};
use crate::retention::{BucketKey, Keyring, KeyringError};

/// The keys of an inbox.
#[derive(Debug)]
pub(super) struct InboxKeys {
    file: PathBuf,
    inbox: PathBuf,
    /// As they were read last, and of which version of the file.
    known: Mutex<Option<(Version, Arc<Keyring>)>>,
}

/// The keys while no other process changes them or the inbox.
#[derive(Debug)]
pub(super) struct LockedKeys {
    pub(super) keyring: Arc<Keyring>,
    file: PathBuf,
    _lock: Lock,
}

/// Tells one version of a file from the next: each is a file of its own, renamed into its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl InboxKeys {
    pub(super) fn of(profile: &ProfileDir) -> Self {
        Self {
            file: profile.inbox_keys(),
            inbox: profile.inbox(),
            known: Mutex::default(),
        }
    }

    /// Waits for the lock. Makes the file if there never was one.
    pub(super) fn locked(&self) -> Result<LockedKeys, FileError> {
        files::create_directory(&self.inbox)?;
        let lock = Lock::acquire(&self.inbox.join(".lock"))?;
        let keyring = Keyring::open(&self.file, &self.inbox);
        let keyring = Arc::new(keyring.map_err(|error| failed(&self.file, error))?);
        let version = version_of(&self.file);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = version.map(|version| (version, Arc::clone(&keyring)));
        Ok(LockedKeys {
            keyring,
            file: self.file.clone(),
            _lock: lock,
        })
    }

    /// The keys that open what is of a bucket, the newest first; none: they are destroyed, or lost.
    pub(super) fn keys(&self, bucket: Bucket) -> Result<Vec<BucketKey>, FileError> {
        let now = version_of(&self.file);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((version, keyring)) = known
            && now == Some(version)
        {
            return Ok(keyring.keys(bucket));
        }
        Ok(self.locked()?.keyring.keys(bucket))
    }
}

impl LockedKeys {
    /// What became of a change of the keys.
    pub(super) fn done<T>(&self, done: Result<T, KeyringError>) -> Result<T, FileError> {
        done.map_err(|error| failed(&self.file, error))
    }
}

fn version_of(file: &Path) -> Option<Version> {
    let metadata = std::fs::metadata(file).ok()?;
    Some(Version {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

fn failed(file: &Path, error: KeyringError) -> FileError {
    match error {
        KeyringError::File(error) => error,
        other => files::at(file)(std::io::Error::other(other.to_string())),
    }
}
