//! The data directory: made durably, held by one process, with room left. Creating a file is only durable once its
//! directory is synced, so that is done here and nowhere forgotten.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::OpenError;
use crate::limits;

/// The file whose lock says that a relay uses the directory.
const LOCK_FILE: &str = "lock";

/// Turns an I/O error into one that says what was tried on which path.
pub(super) fn failed<'p>(what: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> OpenError + 'p {
    move |source| OpenError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

/// Creates a directory, and its ancestors, so that it is still there after a power cut.
pub(super) fn create(path: &Path) -> Result<(), OpenError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create(parent)?;
    fs::create_dir(path).map_err(failed("cannot create", path))?;
    sync(parent)
}

/// Syncs a directory (its entries) or a file (its data and length).
pub(super) fn sync(path: &Path) -> Result<(), OpenError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(failed("cannot sync", path))
}

/// Syncs a directory, and all that is below it.
pub(super) fn sync_tree(path: &Path) -> Result<(), OpenError> {
    for entry in fs::read_dir(path).map_err(failed("cannot list", path))? {
        let path = entry.map_err(failed("cannot list", path))?.path();
        if path.is_dir() {
            sync_tree(&path)?
        } else {
            sync(&path)?
        }
    }
    sync(path)
}

/// Takes the directory for this process, until the returned file is closed (by the system, if the process dies).
pub(super) fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join(LOCK_FILE);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed("cannot open", &path))?;
    lock_file(file, &path)
}

/// Locks a file, within a bounded time: a child that this process has just started holds its locks until it runs
/// its own program, so that a lock that nobody means to keep can be seen for a moment.
pub(super) fn lock_file(file: File, path: &Path) -> Result<File, OpenError> {
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(source)) => return Err(failed("cannot lock", path)(source)),
    }
    let (sender, receiver) = mpsc::channel();
    let waiting = move || sender.send(file.lock().map(|()| file));
    thread::Builder::new()
        .spawn(waiting)
        .map_err(failed("cannot wait for", path))?;
    match receiver.recv_timeout(Duration::from_millis(limits::JOURNAL_LOCK_MS_MAX)) {
        Ok(file) => file.map_err(failed("cannot lock", path)),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(OpenError::InUse {
            path: path.to_owned(),
        }),
    }
}

/// How many bytes an unprivileged process can still write below `path`.
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
