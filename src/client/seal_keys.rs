//! The keys of a profile that open what was sealed to its agency: the one that others seal to now, and the earlier ones.

use super::profile::ProfileDir;
use crate::domain::KeyRole;
use crate::files;
use crate::seal::{KeyFileError, SealSecretKey};

/// Keys that open. May be none: of a profile that was made before bodies were sealed, or of an auditor.
#[derive(Debug, Default)]
pub struct SealKeys(Vec<SealSecretKey>);

impl SealKeys {
    /// Reads those that are there; whom this process asks for passphrases is asked.
    pub fn read(profile: &ProfileDir) -> Result<Self, KeyFileError> {
        let current = profile.secret_key(KeyRole::Seal);
        let earlier = profile.earlier_seal_keys();
        let names = files::names(&earlier)
            .map_err(|error| KeyFileError::Io(earlier.clone(), std::io::Error::other(error)))?;
        let mut paths: Vec<_> = names
            .into_iter()
            .filter(|name| name.ends_with(".pem"))
            .map(|name| earlier.join(name))
            .collect();
        // The newest first: it is the likeliest.
        paths.sort();
        paths.reverse();
        if current.exists() {
            paths.insert(0, current);
        }
        let keys = paths.iter().map(|path| SealSecretKey::read_from(path));
        Ok(Self(keys.collect::<Result<_, _>>()?))
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
