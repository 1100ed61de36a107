//! A file whose old copies are overwritten: each version of it replaces the one before whole, and what stood there is
//! written over with zeros, as well as a file system allows (one that copies on write, or a drive that remaps, keeps
//! what it keeps).
//!
//! The old version keeps a second name until it is overwritten, so that a power cut at any point leaves either nothing of
//! it or a file that [`settle`] finds at the next opening.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{FileError, at, sync_directory_of};

/// The second name of the version before.
const OLD: &str = ".old";
/// A version that is not finished.
const UNFINISHED: &str = ".unfinished";

/// Replaces the file, or makes it: whole, on stable storage, and nothing of the version before is left when it returns.
/// One writer at a time.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    settle(path)?;
    write_unfinished(path, bytes)?;
    keep_old(path)?;
    std::fs::rename(beside(path, UNFINISHED), path).map_err(at(path))?;
    sync_directory_of(path)?;
    wipe(&beside(path, OLD))
}

/// Finishes what a power cut or a kill interrupted: nothing but the file itself is left, in its newest whole version.
pub(crate) fn settle(path: &Path) -> Result<(), FileError> {
    let (old, unfinished) = (beside(path, OLD), beside(path, UNFINISHED));
    if unfinished.exists() {
        wipe(&unfinished)?;
    }
    let Some(left) = metadata(&old)? else {
        return Ok(());
    };
    // What is to be wiped must not be what a power cut would make the file again.
    sync_directory_of(path)?;
    match metadata(path)? {
        // Both names are one file: the new version never came into its place.
        Some(file) if (file.dev(), file.ino()) == (left.dev(), left.ino()) => {
            std::fs::remove_file(&old).map_err(at(&old))?;
            sync_directory_of(path)
        }
        Some(_) | None => wipe(&old),
    }
}

fn write_unfinished(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let unfinished = beside(path, UNFINISHED);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(at(&unfinished))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(at(&unfinished))
}

/// Gives the version that is there a second name; durable before the first one is another file's.
fn keep_old(path: &Path) -> Result<(), FileError> {
    match std::fs::hard_link(path, beside(path, OLD)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        linked => {
            linked.map_err(at(path))?;
            sync_directory_of(path)
        }
    }
}

/// Overwrites a file and removes it.
fn wipe(path: &Path) -> Result<(), FileError> {
    let overwritten = || -> io::Result<()> {
        let mut file = match OpenOptions::new().write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        overwrite(&mut file)?;
        std::fs::remove_file(path)
    };
    overwritten().map_err(at(path))?;
    sync_directory_of(path)
}

fn overwrite(file: &mut File) -> io::Result<()> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut left = file.metadata()?.len();
    file.rewind()?;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
        file.write_all(ZEROS.get(..count).unwrap_or_default())?;
        left = left.saturating_sub(count as u64);
    }
    file.sync_all()
}

fn metadata(path: &Path) -> Result<Option<std::fs::Metadata>, FileError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some).map_err(at(path)),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// The version before is overwritten where it lay: a second name that somebody gave it sees zeros. The file is its
    /// owner's alone.
    #[test]
    fn what_is_replaced_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        replace(&path, b"the first secret").unwrap();
        let watched = directory.path().join("watched");
        std::fs::hard_link(&path, &watched).unwrap();
        replace(&path, b"the second").unwrap();
        assert_eq!(std::fs::read(&watched).unwrap(), [0; 16]);
        assert_eq!(std::fs::read(&path).unwrap(), b"the second");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        std::fs::remove_file(watched).unwrap();
        assert_eq!(names(directory.path()), ["keys"]);
    }

    /// A replacement that ends after any of its steps leaves the old version or the new one, whole; the next opening
    /// leaves that and nothing else; and it never wipes the version that stays.
    #[test]
    fn an_interrupted_replacement_leaves_one_version() {
        type Step = fn(&Path);
        let steps: [(Step, &[u8]); 5] = [
            (|path| write_unfinished(path, b"ne").unwrap(), b"old"),
            (
                |path| std::fs::write(beside(path, UNFINISHED), b"new").unwrap(),
                b"old",
            ),
            (|path| keep_old(path).unwrap(), b"old"),
            (
                |path| std::fs::rename(beside(path, UNFINISHED), path).unwrap(),
                b"new",
            ),
            (
                |path| {
                    let mut old = OpenOptions::new().write(true).open(beside(path, OLD)).unwrap();
                    overwrite(&mut old).unwrap();
                },
                b"new",
            ),
        ];
        for done in 0..=steps.len() {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("keys");
            replace(&path, b"old").unwrap();
            let mut expected: &[u8] = b"old";
            for (step, leaves) in steps.iter().take(done) {
                step(&path);
                expected = leaves;
            }
            settle(&path).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), expected, "after {done} steps");
            assert_eq!(names(directory.path()), ["keys"], "after {done} steps");
            replace(&path, b"newer").unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"newer");
        }
    }
}
