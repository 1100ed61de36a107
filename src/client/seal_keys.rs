//! The keys of a profile that open what was sealed to its agency: the one that others seal to now, and the earlier ones.

use std::path::PathBuf;

use super::profile::ProfileDir;
use crate::domain::KeyRole;
use crate::files::{self, FileError};
use crate::seal::{KeyFileError, SealSecretKey};

/// Keys that open. May be none: of a profile that was made before bodies were sealed, or of an auditor.
#[derive(Debug, Default)]
pub struct SealKeys(Vec<SealSecretKey>);

impl SealKeys {
    /// Reads those that are there; whom this process asks for passphrases is asked.
    pub fn read(profile: &ProfileDir) -> Result<Self, KeyFileError> {
        let current = profile.secret_key(KeyRole::Seal);
        let earlier = Self::earlier_files(profile)
            .map_err(|error| KeyFileError::Io(profile.earlier_seal_keys(), std::io::Error::other(error)))?;
        let current = current.exists().then_some(current);
        let keys = current.into_iter().chain(earlier);
        let keys = keys.map(|path| SealSecretKey::read_from(&path));
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// The files of the earlier ones, by their names the newest first: it is the likeliest.
    pub(super) fn earlier_files(profile: &ProfileDir) -> Result<Vec<PathBuf>, FileError> {
        let directory = profile.earlier_seal_keys();
        let mut names = files::names(&directory)?;
        names.retain(|name| name.ends_with(".pem"));
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names.into_iter().map(|name| directory.join(name)).collect())
    }

    /// Every key, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &SealSecretKey> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
