//! Putting private files under a passphrase and taking them out again. The file is replaced whole or not at all; what it says
//! is what it said before.

use std::path::{Path, PathBuf};

use super::{KeysError, Rotation};
use crate::client::{ProfileDir, SealKeys};
use crate::domain::KeyRole;
use crate::files;
use crate::seal::{Passphrase, is_protected_file, private_file_bytes, read_private_file};

/// The secret keys that lie in a profile, or a root's; those too that open what was sealed to earlier keys, and those
/// of a rotation that has not ended.
pub fn secret_files(directory: &Path) -> Result<Vec<PathBuf>, KeysError> {
    let profile = ProfileDir::new(directory);
    let keys = KeyRole::ALL.into_iter().map(|role| match role {
        KeyRole::Root => directory.join("root.pem"),
        role => profile.secret_key(role),
    });
    let mut found: Vec<PathBuf> = keys.filter(|file| file.exists()).collect();
    found.extend(SealKeys::earlier_files(&profile)?);
    for role in KeyRole::ALL {
        found.extend(Rotation::of(&profile, role).secret_files());
    }
    Ok(found)
}

/// Puts a private file under a passphrase; gives whether it was not yet. What it was may still lie in sectors of the disk that
/// nobody overwrites: a key that must never have been there is made with a passphrase.
pub fn protect(file: &Path, passphrase: &Passphrase) -> Result<bool, KeysError> {
    if is_protected_file(file)? {
        return Ok(false);
    }
    let bytes = read_private_file(file)?;
    files::replace(file, &private_file_bytes(&bytes, Some(passphrase))?)?;
    Ok(true)
}

/// Takes a private file out of its passphrase, for whom this process asks for it; gives whether it was under one.
pub fn unprotect(file: &Path) -> Result<bool, KeysError> {
    if !is_protected_file(file)? {
        return Ok(false);
    }
    let bytes = read_private_file(file)?;
    files::replace(file, &bytes)?;
    Ok(true)
}
