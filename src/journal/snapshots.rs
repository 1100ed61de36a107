//! What sled does to its snapshot files while it opens is not safe against a power cut, and is made so here. A
//! snapshot is a short cut into sled's log, written anew at each opening under the name `snap.LSN.generating`, synced,
//! and renamed to `snap.LSN`; then the old one is unlinked, and parts of the log that the new one does not need
//! are overwritten, all without a sync of the directory.
//!
//! Two things go wrong (both found by the simulated power cut): a torn `.generating` file is taken for the newest
//! snapshot, and sled refuses to open; and if the unlink survives while the rename does not, there is no snapshot, sled
//! reads its log from the beginning, misses what was overwritten, and throws everything away. So the former are
//! removed before sled opens, and a copy of the newest snapshot is kept until the directory is synced.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::OpenError;
use super::directory::{self, failed};

const PREFIX: &str = "snap.";
const UNFINISHED: &str = ".generating";
/// Before the name of a snapshot: a copy that sled does not look at.
const KEPT: &str = "kept-";

/// Puts the snapshots in order before sled opens `database`, and keeps a copy of the newest.
pub(super) fn keep(database: &Path) -> Result<(), OpenError> {
    let mut newest: Option<String> = None;
    let mut kept = Vec::new();
    for name in names(database)? {
        if name.starts_with(PREFIX) && name.ends_with(UNFINISHED) {
            remove(database, &name)?;
        } else if name.starts_with(PREFIX) {
            // The number in the name has a fixed width.
            newest = newest.max(Some(name));
        } else if name.starts_with(KEPT) {
            kept.push(name);
        }
    }
    kept.sort();
    // Only a power cut during an earlier opening leaves a copy and no snapshot.
    if newest.is_none()
        && let Some(copy) = kept.pop()
        && let Some(name) = copy.strip_prefix(KEPT)
    {
        fs::rename(database.join(&copy), database.join(name)).map_err(failed("cannot restore", database))?;
        directory::sync(database)?;
        newest = Some(name.to_owned());
    }
    for stale in kept {
        remove(database, &stale)?;
    }
    if let Some(newest) = newest {
        copy_durably(&database.join(&newest), &database.join(format!("{KEPT}{newest}")))?;
    }
    directory::sync(database)
}

/// Makes sled's new snapshot durable, after which the copy is not needed any more.
pub(super) fn settle(database: &Path) -> Result<(), OpenError> {
    directory::sync(database)?;
    for name in names(database)?.into_iter().filter(|name| name.starts_with(KEPT)) {
        remove(database, &name)?;
    }
    Ok(())
}

fn names(database: &Path) -> Result<Vec<String>, OpenError> {
    let entries = fs::read_dir(database).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let entries = entries.map_err(failed("cannot list", database))?;
    Ok(entries
        .iter()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect())
}

fn remove(database: &Path, name: &str) -> Result<(), OpenError> {
    let path = database.join(name);
    fs::remove_file(&path).map_err(failed("cannot remove", &path))
}

/// Copies by hand: a copy made by the system may share blocks that are not on the disk yet.
fn copy_durably(from: &Path, to: &Path) -> Result<(), OpenError> {
    let bytes = fs::read(from).map_err(failed("cannot read", from))?;
    let write = || {
        let mut file = File::create(to)?;
        file.write_all(&bytes)?;
        file.sync_all()
    };
    write().map_err(failed("cannot write", to))
}
