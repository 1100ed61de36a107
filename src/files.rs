//! Files that survive a power cut: each appears whole or not at all and is on stable storage when the call returns.
//!
//! All of them are their owner's alone (files 0600, directories 0700): a profile holds what warnings say.

pub(crate) mod wiping;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

pub(crate) use crate::naming::name_new;
use crate::seal::random_bytes;

/// What failed, and with which file.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = .path.display())]
pub struct FileError {
    /// Which file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError { path, source }
}

/// Makes a directory and those above it, for its owner alone. The new entries are synced.
pub(crate) fn create_directory(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_directory(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(at(path))?,
    }
    sync_directory_of(path)
}

/// Replaces one file, or makes it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    replace_all(&[(path.to_owned(), bytes)])
}

/// Replaces or makes several files of one directory, each whole, with one sync of the directory.
pub(crate) fn replace_all(files: &[(PathBuf, &[u8])]) -> Result<(), FileError> {
    for (path, bytes) in files {
        write_and_rename(path, bytes).map_err(at(path))?;
    }
    match files.first() {
        Some((path, _)) => sync_directory_of(path),
        None => Ok(()),
    }
}

/// Makes one file, whole, unless there is one of its name: that is an error of the kind `AlreadyExists`.
pub(crate) fn create_new(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_and(path, bytes, name_new).map_err(at(path))?;
    sync_directory_of(path)
}

/// The same of what is kept once: whole and on stable storage when it returns, now or since before. An empty file of that name is
/// what a power failure may leave ([`name_new`]), and is nothing.
pub(crate) fn keep(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    match create_new(path, bytes) {
        Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {
            match std::fs::metadata(path).map_err(at(path))?.len() {
                0 => replace(path, bytes),
                _ => Ok(()),
            }
        }
        made => made,
    }
}

fn write_and_rename(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_and(path, bytes, |temporary, path| std::fs::rename(temporary, path))
}

fn write_and(path: &Path, bytes: &[u8], put: impl FnOnce(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let random = random_bytes::<8>().map_err(io::Error::other)?;
    let mut temporary = std::ffi::OsString::from(TEMPORARY);
    temporary.push(name);
    temporary.push(format!(".{}", hex::encode(random)));
    let temporary = path.with_file_name(temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| put(&temporary, path));
    if written.is_err() {
        // Best effort: what failed matters more than what is left.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// What the names of unfinished files begin with; readers of a directory pass them over.
pub(crate) const TEMPORARY: &str = ".new-";

/// Removes a file; one that is not there is removed already.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        removed => removed.map_err(at(path))?,
    }
    sync_directory_of(path)
}

/// Puts a file that is there, and its name, on stable storage: a write that failed may have left it anywhere.
pub(crate) fn settle(path: &Path) -> Result<(), FileError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(at(path))?;
    sync_directory_of(path)
}

/// Adds to the end of a file.
pub(crate) fn append(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let new = !path.exists();
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(at(path))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(at(path))?;
    if new { sync_directory_of(path) } else { Ok(()) }
}

/// Cuts a file to a length: what stands after it was never finished.
pub(crate) fn truncate(path: &Path, length: u64) -> Result<(), FileError> {
    let file = OpenOptions::new().write(true).open(path).map_err(at(path))?;
    file.set_len(length)
        .and_then(|()| file.sync_all())
        .map_err(at(path))
}

/// Reads a whole file of at most `max` bytes; `None`: there is none.
pub(crate) fn read(path: &Path, max: usize) -> Result<Option<Vec<u8>>, FileError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(at(path))?,
    };
    let length = file
        .seek(SeekFrom::End(0))
        .and_then(|length| file.rewind().map(|()| length))
        .map_err(at(path))?;
    if usize::try_from(length).map_or(true, |length| length > max) {
        let too_long = io::Error::new(io::ErrorKind::InvalidData, format!("longer than {max} bytes"));
        return Err(at(path)(too_long));
    }
    let mut bytes = Vec::new();
    let bound = u64::try_from(max).unwrap_or(u64::MAX);
    file.take(bound).read_to_end(&mut bytes).map_err(at(path))?;
    Ok(Some(bytes))
}

/// The names of a directory's finished files, sorted; a directory that is not there has none.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>, FileError> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(at(directory))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(at(directory))?.file_name();
        if let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// A lock between processes, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until no other process holds it.
    pub(crate) fn acquire(path: &Path) -> Result<Self, FileError> {
        let file = Self::open(path)?;
        Self::locked(&file, FlockOperation::LockExclusive).map_err(|errno| at(path)(errno.into()))?;
        Ok(Self { _file: file })
    }

    /// `None`: another process holds it.
    pub(crate) fn try_acquire(path: &Path) -> Result<Option<Self>, FileError> {
        let file = Self::open(path)?;
        match Self::locked(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            locked => {
                locked.map_err(|errno| at(path)(errno.into()))?;
                Ok(Some(Self { _file: file }))
            }
        }
    }

    fn open(path: &Path) -> Result<File, FileError> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(at(path))
    }

    fn locked(file: &File, how: FlockOperation) -> Result<(), rustix::io::Errno> {
        loop {
            match flock(file, how) {
                Err(rustix::io::Errno::INTR) => {}
                locked => break locked,
            }
        }
    }
}

/// What was made or renamed in the directory of this path is on stable storage when it returns.
pub(crate) fn sync_directory_of(path: &Path) -> Result<(), FileError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(at(directory))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A replaced file holds the new bytes, is its owner's alone, and leaves no unfinished file beside it.
    #[test]
    fn a_file_is_replaced_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoint");
        replace(&path, b"first").unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!(read(&path, 6).unwrap().unwrap(), b"second");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    /// What is kept once stays as it is; the empty file that a power failure may leave is not taken for it.
    #[test]
    fn what_is_kept_is_not_empty() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("evidence.json");
        std::fs::write(&path, b"").unwrap();
        for bytes in [b"first", b"later"] {
            keep(&path, bytes).unwrap();
            assert_eq!(read(&path, 5).unwrap().unwrap(), b"first");
        }
    }

    /// A new file is made whole and never over another one, which stays as it was.
    #[test]
    fn a_new_file_replaces_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("evidence.json");
        create_new(&path, b"first").unwrap();
        let error = create_new(&path, b"second").unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path, 6).unwrap().unwrap(), b"first");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    /// What is longer than its bound is an error, what is not there is none, and neither is confused with the other.
    #[test]
    fn reading_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        assert!(read(&path, 3).unwrap().is_none());
        replace(&path, b"four").unwrap();
        assert!(read(&path, 3).is_err());
    }

    /// Unfinished files are not listed, and a directory that is not there is empty.
    #[test]
    fn unfinished_files_are_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("a/b");
        assert!(names(&inner).unwrap().is_empty());
        create_directory(&inner).unwrap();
        std::fs::write(inner.join(format!("{TEMPORARY}x")), b"").unwrap();
        append(&inner.join("y"), b"1").unwrap();
        append(&inner.join("y"), b"23").unwrap();
        truncate(&inner.join("y"), 2).unwrap();
        assert_eq!(names(&inner).unwrap(), ["y"]);
        assert_eq!(read(&inner.join("y"), 9).unwrap().unwrap(), b"12");
        remove(&inner.join("y")).unwrap();
        remove(&inner.join("y")).unwrap();
    }
}
