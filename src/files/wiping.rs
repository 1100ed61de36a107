//! A file whose old copies are overwritten: each version of it replaces the one before whole, and what stood there is
//! written over with zeros, as well as a file system allows (one that copies on write, or a drive that remaps, keeps
//! what it keeps).
//!
//! The old version gets another name before the new one comes, and keeps it until it is overwritten: a power cut at any point
//! leaves what [`settle`] finds at the next opening, and puts right.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{FileError, at, sync_directory_of};

/// The version before, while it is replaced.
const OLD: &str = ".old";
/// A version that is not finished.
const UNFINISHED: &str = ".unfinished";

/// Replaces the file, or makes it: whole, on stable storage, and nothing of the version before is left when it returns.
/// One writer at a time.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    settle(path)?;
    write_unfinished(path, bytes)?;
    move_to(path, &beside(path, OLD))?;
    move_to(&beside(path, UNFINISHED), path)?;
    wipe(&beside(path, OLD))
}

/// The same where others read the file meanwhile: each of them finds one whole version. A power cut between the two leaves the version
/// before on the disk, without a name.
pub(crate) fn replace_in_place(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut before = OpenOptions::new().write(true).open(path).map_err(at(path))?;
    super::replace(path, bytes)?;
    overwrite(&mut before).map_err(at(path))
}

/// Finishes what a power cut or a kill interrupted: one whole version is left, and nothing of any other.
pub(crate) fn settle(path: &Path) -> Result<(), FileError> {
    let (old, unfinished) = (beside(path, OLD), beside(path, UNFINISHED));
    // What is wiped below must not be what a power cut would bring back.
    if old.exists() || unfinished.exists() {
        sync_directory_of(path)?;
    }
    if !path.exists() {
        // The new version never came into its place.
        move_to(&old, path)?;
    }
    wipe(&unfinished)?;
    wipe(&old)
}

/// Where a file lies that may be behind links: replaced through a link, it would come to lie where the link is. The file need not be
/// there.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, FileError> {
    const LINKS_MAX: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = std::fs::read_link(&path) else {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Ok(path);
            };
            let parent = match parent.as_os_str().is_empty() {
                true => Path::new("."),
                false => parent,
            };
            return Ok(std::fs::canonicalize(parent).map_err(at(parent))?.join(name));
        };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(at(&path)(io::Error::other("too many links")))
}

/// Refuses a file that is not its owner's alone, or another's.
pub(crate) fn check_private(path: &Path) -> Result<(), FileError> {
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(at(path))?,
    };
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if is_ours && metadata.mode() & 0o077 == 0 {
        return Ok(());
    }
    let others = "it must be its owner's alone (mode 0600), and its owner whoever runs this";
    Err(at(path)(io::Error::new(io::ErrorKind::PermissionDenied, others)))
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

/// Renames a file, durably; one that is not there stays so.
fn move_to(from: &Path, to: &Path) -> Result<(), FileError> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        moved => {
            moved.map_err(at(from))?;
            sync_directory_of(to)
        }
    }
}

/// Overwrites a file and removes it; one that is not there is wiped already.
fn wipe(path: &Path) -> Result<(), FileError> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(at(path))?,
    };
    overwrite(&mut file)
        .and_then(|()| std::fs::remove_file(path))
        .map_err(at(path))?;
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

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read as _;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// The version before is overwritten where it lay: a descriptor of it sees zeros. The file is its owner's alone.
    #[test]
    fn what_is_replaced_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        replace(&path, b"the first secret").unwrap();
        let mut watched = File::open(&path).unwrap();
        replace(&path, b"the second").unwrap();
        let mut lay = Vec::new();
        watched.read_to_end(&mut lay).unwrap();
        assert_eq!(lay, [0; 16]);
        assert_eq!(std::fs::read(&path).unwrap(), b"the second");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(directory.path()), ["keys"]);
    }

    /// The same where the file has a name all the time.
    #[test]
    fn what_is_replaced_in_place_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("delivery");
        std::fs::write(&path, b"what was said").unwrap();
        let mut watched = File::open(&path).unwrap();
        replace_in_place(&path, b"encrypted").unwrap();
        let mut lay = Vec::new();
        watched.read_to_end(&mut lay).unwrap();
        assert_eq!(lay, [0; 13]);
        assert_eq!(std::fs::read(&path).unwrap(), b"encrypted");
        replace_in_place(&directory.path().join("none"), b"").unwrap_err();
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
            (|path| move_to(path, &beside(path, OLD)).unwrap(), b"old"),
            (|path| move_to(&beside(path, UNFINISHED), path).unwrap(), b"new"),
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
