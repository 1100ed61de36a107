//! The keys of a profile that open what was sealed to its agency: the one that others seal to now, the one that is to take its
//! place (it is on the record before it is in use), and the earlier ones.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::keys::Rotation;
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
        // In the order in which a rotation leaves these places: whatever it does meanwhile, no key is missed.
        let next = read_if_there(&Rotation::of(profile, KeyRole::Seal).new_secret())?;
        let current = read_if_there(&profile.secret_key(KeyRole::Seal))?;
        let earlier = Self::earlier_files(profile)
            .map_err(|error| KeyFileError::Io(profile.earlier_seal_keys(), io::Error::other(error)))?;
        let mut keys: Vec<SealSecretKey> = current.into_iter().chain(next).collect();
        for file in earlier {
            keys.push(SealSecretKey::read_from(&file)?);
        }
        let mut seen = HashSet::new();
        keys.retain(|key| seen.insert(key.public_key().clone()));
        Ok(Self(keys))
    }

    /// The files of the earlier ones, by their names the newest first: it is the likeliest.
    pub(super) fn earlier_files(profile: &ProfileDir) -> Result<Vec<PathBuf>, FileError> {
        let directory = profile.earlier_seal_keys();
        let mut names = files::names(&directory)?;
        names.retain(|name| name.ends_with(".pem"));
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names.into_iter().map(|name| directory.join(name)).collect())
    }

    /// Which files there are, and when each was written: reading them may cost a passphrase's second, looking does not.
    pub(super) fn stamp(profile: &ProfileDir) -> Stamp {
        let earlier = Self::earlier_files(profile).unwrap_or_default();
        let fixed = [
            Rotation::of(profile, KeyRole::Seal).new_secret(),
            profile.secret_key(KeyRole::Seal),
        ];
        let files = fixed.into_iter().chain(earlier);
        let written = |file: PathBuf| {
            let modified = std::fs::metadata(&file).and_then(|it| it.modified()).ok()?;
            Some((file, modified))
        };
        files.filter_map(written).collect()
    }

    /// Every key once, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &SealSecretKey> {
        self.0.iter()
    }
}

/// The files of keys, and when each was written.
pub(super) type Stamp = Vec<(PathBuf, SystemTime)>;

fn read_if_there(file: &Path) -> Result<Option<SealSecretKey>, KeyFileError> {
    match SealSecretKey::read_from(file) {
        Ok(key) => Ok(Some(key)),
        Err(KeyFileError::Io(_, error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
