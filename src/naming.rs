//! The name that a finished file gets, on whatever file system: it replaces nothing, and where one way of giving it is not there,
//! another one is. Above all that writes files, so that keys and evidence are named alike.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Gives a finished file its name, unless there is a file of that name: that is an error of the kind `AlreadyExists`. Works on file
/// systems without links (FAT and exFAT, as evidence is carried on) and on those that rename in one way only (some networks').
pub(crate) fn name_new(unfinished: &Path, path: &Path) -> io::Result<()> {
    let mut last = Err(io::ErrorKind::Unsupported.into());
    for way in NAMINGS {
        last = way(unfinished, path);
        match &last {
            Err(error) if cannot(error) => {}
            Ok(()) | Err(_) => break,
        }
    }
    last
}

/// The ways in which a name is given that replaces nothing, best first.
const NAMINGS: [fn(&Path, &Path) -> io::Result<()>; 3] = [rename_new, link_new, claim_and_rename];

fn rename_new(unfinished: &Path, path: &Path) -> io::Result<()> {
    Ok(renameat_with(CWD, unfinished, CWD, path, RenameFlags::NOREPLACE)?)
}

fn link_new(unfinished: &Path, path: &Path) -> io::Result<()> {
    std::fs::hard_link(unfinished, path)?;
    std::fs::remove_file(unfinished)
}

/// Where the power fails in between, an empty file has the name.
fn claim_and_rename(unfinished: &Path, path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    std::fs::rename(unfinished, path).inspect_err(|_| {
        // Best effort: what failed matters more than what is left.
        let _ = std::fs::remove_file(path);
    })
}

/// Whether the file system, or the kernel, does not do that at all. Links are refused with EPERM where there are none.
fn cannot(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| {
        [
            Errno::INVAL,
            Errno::NOSYS,
            Errno::OPNOTSUPP,
            Errno::PERM,
            Errno::MLINK,
        ]
        .contains(&errno)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Each way of naming, alone, gives a name that is free, and takes none: one that every file system has is among them.
    #[test]
    fn every_naming_replaces_nothing() {
        for way in NAMINGS {
            let directory = tempfile::tempdir().unwrap();
            let [unfinished, path] = ["unfinished", "path"].map(|name| directory.path().join(name));
            std::fs::write(&unfinished, b"first").unwrap();
            way(&unfinished, &path).unwrap();
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
            std::fs::write(&unfinished, b"second").unwrap();
            let error = way(&unfinished, &path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert!(!cannot(&error));
            assert_eq!(std::fs::read(&path).unwrap(), b"first");
            assert_eq!(std::fs::read(&unfinished).unwrap(), b"second");
        }
    }
}
