//! The index on disk, in one sled tree of its own directory. It is never synced while it runs: what makes it safe is
//! that it can be thrown away. A state file says whether it was closed (and then synced), or which boot of the
//! system it was last open in: a killed process leaves sled's files whole in the system's cache, a crash of the
//! system does not, and then the index is dropped before sled reads it.
//!
//! `DIRECTORY/state` is one line, `open BOOT_ID` or `closed`; `DIRECTORY/sled/` is sled's.

use std::fs::{self, File};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::sled::released;
use super::IndexError;
use super::store::{Entry, KeyValues, Order, Put};
use crate::limits;

const STATE_FILE: &str = "state";
const STATE_UNFINISHED: &str = "state.new";
const DATABASE: &str = "sled";
const LOG_FILE: &str = "db";
const CLOSED: &str = "closed";
/// Another one after each boot; where there is none, only a closed index is kept.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Keys and values in sled.
pub(super) struct SledStore {
    db: ::sled::Db,
    directory: PathBuf,
    closed: AtomicBool,
}

impl SledStore {
    /// Opens the index below `directory`, empty if what is there cannot be trusted. Blocks the thread. The caller
    /// keeps other processes out (the journal's lock does).
    pub(super) fn open(directory: &Path) -> Result<Self, IndexError> {
        fs::create_dir_all(directory).map_err(io("cannot create", directory))?;
        let database = directory.join(DATABASE);
        let boot = fs::read_to_string(BOOT_ID).ok();
        let state = fs::read_to_string(directory.join(STATE_FILE)).unwrap_or_default();
        if database.exists() && !is_whole(&state, boot.as_deref()) {
            tracing::warn!(directory = %directory.display(), "the index was not closed before the system stopped: it is built anew");
            fs::remove_dir_all(&database).map_err(io("cannot remove", &database))?;
        }
        write_state(
            directory,
            &format!("open {}", boot.as_deref().unwrap_or("unknown").trim()),
        )?;
        let db = match open_sled(&database) {
            Ok(db) => db,
            Err(error) => {
                tracing::warn!(%error, "the index cannot be read: it is built anew");
                fs::remove_dir_all(&database).map_err(io("cannot remove", &database))?;
                open_sled(&database)?
            }
        };
        Ok(Self {
            db,
            directory: directory.to_owned(),
            closed: AtomicBool::new(false),
        })
    }

    fn is_open(&self) -> Result<(), IndexError> {
        match self.closed.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(IndexError::Storage("it is closed".into())),
        }
    }
}

impl KeyValues for SledStore {
    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(self.db.get(key).map_err(storage)?.map(|value| value.to_vec()))
    }

    fn range(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Entry>, IndexError> {
        // sled panics on a range that is upside down.
        if from >= to {
            return Ok(Vec::new());
        }
        let entries = self.db.range(from..to);
        let owned = |entry: ::sled::Result<(::sled::IVec, ::sled::IVec)>| {
            entry
                .map(|(key, value)| (key.to_vec(), value.to_vec()))
                .map_err(storage)
        };
        match order {
            Order::Ascending => entries.take(limit).map(owned).collect(),
            Order::Descending => entries.rev().take(limit).map(owned).collect(),
        }
    }

    fn write(&self, puts: Vec<Put>) -> Result<(), IndexError> {
        self.is_open()?;
        let mut batch = ::sled::Batch::default();
        for (key, value) in puts {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.db.apply_batch(batch).map_err(storage)
    }

    fn clear(&self) -> Result<(), IndexError> {
        self.is_open()?;
        self.db.clear().map_err(storage)
    }

    fn close(&self) -> Result<(), IndexError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.db.flush().map_err(storage)?;
        sync_tree(&self.directory.join(DATABASE))?;
        write_state(&self.directory, CLOSED)
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the index was not closed: it may be built anew at the next start");
        }
    }
}

/// Whether a database that was left in this state holds what was written to it.
fn is_whole(state: &str, boot: Option<&str>) -> bool {
    let state = state.trim();
    let same_boot = || {
        let boot = boot?.trim();
        Some(!boot.is_empty() && state.strip_prefix("open ")? == boot)
    };
    state == CLOSED || same_boot().unwrap_or(false)
}

fn write_state(directory: &Path, state: &str) -> Result<(), IndexError> {
    let unfinished = directory.join(STATE_UNFINISHED);
    let path = directory.join(STATE_FILE);
    let mut file = File::create(&unfinished).map_err(io("cannot create", &unfinished))?;
    writeln!(file, "{state}")
        .and_then(|()| file.sync_all())
        .map_err(io("cannot write", &unfinished))?;
    fs::rename(&unfinished, &path).map_err(io("cannot rename", &unfinished))?;
    sync(directory)
}

fn sync(path: &Path) -> Result<(), IndexError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(io("cannot sync", path))
}

fn sync_tree(directory: &Path) -> Result<(), IndexError> {
    for entry in fs::read_dir(directory).map_err(io("cannot list", directory))? {
        let path = entry.map_err(io("cannot list", directory))?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            sync(&path)?;
        }
    }
    sync(directory)
}

fn open_sled(path: &Path) -> Result<::sled::Db, IndexError> {
    let log = path.join(LOG_FILE);
    if log.exists() {
        // An earlier sled of this process may hold its file for a moment longer than we held it.
        let file = File::options()
            .read(true)
            .write(true)
            .open(&log)
            .map_err(io("cannot open", &log))?;
        released(file, &log).map_err(|e| IndexError::Storage(e.to_string()))?;
    }
    let config = ::sled::Config::new()
        .path(path)
        .cache_capacity(limits::SLED_CACHE_BYTES)
        .use_compression(false)
        .flush_every_ms(Some(limits::INDEX_WRITE_BACK_MS));
    // sled asserts where it should refuse.
    catch_unwind(AssertUnwindSafe(|| config.open()))
        .unwrap_or_else(|_| Err(::sled::Error::ReportableBug("it panicked while opening".into())))
        .map_err(storage)
}

fn io<'p>(what: &'static str, path: &'p Path) -> impl FnOnce(std::io::Error) -> IndexError + 'p {
    move |source| IndexError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn storage(error: ::sled::Error) -> IndexError {
    IndexError::Storage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left behind is used only if it was closed, or if the system has not stopped since; a table.
    #[test]
    fn only_a_whole_index_is_used() {
        for (state, boot, whole) in [
            ("closed\n", Some("b1\n"), true),
            ("closed\n", None, true),
            ("open b1\n", Some("b1\n"), true),
            ("open b1\n", Some("b2\n"), false),
            ("open b1\n", None, false),
            ("open unknown\n", None, false),
            ("open \n", Some("\n"), false),
            ("", Some("b1\n"), false),
            ("torn", Some("b1\n"), false),
        ] {
            assert_eq!(is_whole(state, boot), whole, "{state:?} {boot:?}");
        }
    }
}
