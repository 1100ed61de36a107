//! The journal on disk, in sled 0.34.7. Everything of a block goes in by one `apply_batch`, so it is atomic; it is
//! durable after `flush` *and* `fdatasync`, because sled's own flush ends in `sync_file_range`, which promises
//! neither the file's length nor the drive's cache. And what is written between two `fdatasync` stays below a segment
//! of sled's log, because sled trusts its own flush where it reuses or orders segments. Reading checks what is cheap to
//! check, and never panics. (`docs/decisions/0015-blocks-stay-in-sled.md` has what sled does, and what was measured.)
//!
//! `DIRECTORY/lock` is locked while a process has the journal; `DIRECTORY/journal/` is sled's. One tree (sled's default
//! one); numbers are big-endian; every value is at most [`limits::SLED_VALUE_BYTES_MAX`] long, because large ones may
//! reach sled's blob files, which are never synced:
//!
//! | key | value | lifetime |
//! |---|---|---|
//! | `format` | version u32 = 1 | written once; another version is refused |
//! | `h` | head: term u64 ‖ sequence u64 ‖ size u64 ‖ root 32 | from the first block on, replaced by each |
//! | `b` ‖ size u64 | the head whose size it is, as in `h` | for ever, one a block |
//! | `r` ‖ first index u64 ‖ 0 u16 | (length u32 ‖ record)⁺: as many whole records of one block as fit, the first one at that index | for ever |
//! | `r` ‖ index u64 ‖ n u16 | a record too large for one value is alone: this is its n-th continuation | for ever |
//! | `p` ‖ index u64 ‖ kind u8 ‖ 0 u16 | a detached part: format u8 ‖ bucket u32 ‖ length u32 ‖ bytes | until erased or rewritten |
//! | `p` ‖ index u64 ‖ kind u8 ‖ n u16 | its n-th continuation | until erased or rewritten |
//!
//! New keys of each prefix come in ascending order, so sled writes next to where it wrote last.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ::sled::IVec;
use bytes::Bytes;
use tokio::sync::watch;

use super::directory::{self, failed};
use super::layout::{self, corrupt};
use super::snapshots;
use super::writer::{self, Writer};
use super::{AppendError, Block, Head, Journal, OpenError, Part, PartKind, ReadError};
use crate::limits;

/// sled's directory, below the data directory.
const DATABASE: &str = "journal";
/// Where a new database is made before it gets its name: one that is found was never finished, and held nothing.
const UNFINISHED: &str = "journal.new";
/// sled's log, the file that must be synced.
const LOG_FILE: &str = "db";

/// Sizes that belong together: see [`limits::SLED_SEGMENT_BYTES`].
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// sled's segment.
    pub segment_bytes: usize,
    /// What may be staged before a sync.
    pub sync_bytes_max: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            segment_bytes: limits::SLED_SEGMENT_BYTES,
            sync_bytes_max: limits::JOURNAL_SYNC_BYTES_MAX,
        }
    }
}

/// The journal on disk.
pub struct SledJournal {
    // Dropped first: it finishes what is queued.
    writer: Writer,
    store: Arc<SledStore>,
}

impl std::fmt::Debug for SledJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledJournal")
            .field("directory", &self.store.directory)
            .finish_non_exhaustive()
    }
}

impl SledJournal {
    /// Opens the journal below `directory`, or makes an empty one. Blocks the thread; holds the directory until the
    /// journal and every read in progress are gone.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        Self::open_tuned(directory, Tuning::default())
    }

    /// [`open`](Self::open) with other sizes: for the power cut, which can look at many more points when they are small.
    #[doc(hidden)]
    pub fn open_tuned(directory: &Path, tuning: Tuning) -> Result<Self, OpenError> {
        directory::create(directory)?;
        let lock = directory::lock(directory)?;
        let path = directory.join(DATABASE);
        if !path.is_dir() {
            create(directory, &path, tuning)?;
        }
        directory::sync(directory)?;
        // What a killed process wrote may be in the system's cache only: sled would read it, and note in a synced
        // snapshot that it is there. So it is made durable before sled sees it.
        let log_path = path.join(LOG_FILE);
        let log = open_released(&log_path)?;
        log.sync_all().map_err(failed("cannot sync", &log_path))?;
        snapshots::keep(&path)?;
        let db = open_sled(&path, tuning)?;
        log.sync_all().map_err(failed("cannot sync", &log_path))?;
        snapshots::settle(&path)?;

        let store = SledStore {
            db,
            log,
            parts: RwLock::new(()),
            directory: directory.to_owned(),
            tuning,
            _lock: lock,
        };
        let head = catch_unwind(AssertUnwindSafe(|| store.check())).unwrap_or_else(|_| {
            Err(OpenError::Corrupt(
                "the storage engine panicked while reading".into(),
            ))
        })?;
        let store = Arc::new(store);
        let patience = Duration::from_millis(limits::JOURNAL_ANSWER_MS_MAX);
        let writer = Writer::start(Arc::clone(&store), head, patience)
            .map_err(failed("cannot start the writer of", directory))?;
        Ok(Self { writer, store })
    }

    /// Bytes that can still be written to the file system of the journal.
    pub fn free_bytes(&self) -> std::io::Result<u64> {
        directory::free_bytes(&self.store.directory)
    }

    /// Runs a read on a thread that may block, bounded by the durable head.
    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&SledStore, u64) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let head = self.head().await?;
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || read(&store, head.size))
            .await
            .unwrap_or_else(|e| Err(ReadError::Io(format!("a read did not finish: {e}"))))
    }
}

#[async_trait::async_trait]
impl Journal for SledJournal {
    async fn head(&self) -> Result<Head, ReadError> {
        if self.writer.failed() {
            Err(ReadError::Failed)
        } else {
            Ok(*self.writer.tail().borrow())
        }
    }

    async fn append(&self, block: Block, expected: Head) -> Result<Head, AppendError> {
        self.writer.append(block, expected).await
    }

    async fn read(
        &self,
        from: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Bytes)>, ReadError> {
        self.blocking(move |store, end| store.read(from, end, records_max, bytes_max))
            .await
    }

    async fn block_head(&self, size: u64) -> Result<Option<Head>, ReadError> {
        self.blocking(move |store, end| {
            if size > end {
                Ok(None)
            } else {
                store.block_head(size)
            }
        })
        .await
    }

    async fn part(&self, index: u64, kind: PartKind) -> Result<Option<Part>, ReadError> {
        self.blocking(move |store, end| {
            if index >= end {
                Ok(None)
            } else {
                store.part(index, kind)
            }
        })
        .await
    }

    async fn erase(&self, index: u64, kind: PartKind) -> Result<(), AppendError> {
        self.writer.erase(index, kind).await
    }

    async fn rewrite(&self, part: Part) -> Result<(), AppendError> {
        self.writer.rewrite(part).await
    }

    fn tail(&self) -> watch::Receiver<Head> {
        self.writer.tail()
    }

    fn has_room(&self) -> bool {
        match self.free_bytes() {
            Ok(free) => free >= limits::DISK_FREE_BYTES_MIN,
            Err(error) => {
                tracing::error!(%error, "the free space of the journal's file system is not known");
                false
            }
        }
    }
}

/// sled, with what it lacks.
struct SledStore {
    db: ::sled::Db,
    /// Our own descriptor of sled's log.
    log: File,
    /// Written by an erasure or a rewriting, which readers would otherwise see half done (sled's batches are atomic on disk only).
    parts: RwLock<()>,
    directory: PathBuf,
    tuning: Tuning,
    // Closed last: whoever gets it finds sled's files free.
    _lock: File,
}

impl writer::Store for SledStore {
    fn stage_block(&self, block: &Block, head: &Head) -> Result<(), String> {
        let first = head.size.saturating_sub(block.records.len() as u64);
        let mut batch = ::sled::Batch::default();
        for (key, value) in layout::encode_records(first, &block.records) {
            batch.insert(key, value);
        }
        for (key, value) in block.parts.iter().flat_map(layout::encode_part) {
            batch.insert(key, value);
        }
        let value = layout::encode_head(head);
        batch.insert(&layout::block_key(head.size), value.as_slice());
        batch.insert(layout::HEAD_KEY, value);
        self.db.apply_batch(batch).map_err(|e| e.to_string())
    }

    fn holds(&self, block: &Block, first: u64) -> Result<bool, String> {
        let end = first.saturating_add(block.records.len() as u64);
        let stored = self
            .read(first, end, usize::MAX, usize::MAX)
            .map_err(|e| e.to_string())?;
        if !stored.iter().map(|(_, record)| record).eq(&block.records) {
            return Ok(false);
        }
        for part in &block.parts {
            let stored = self.part(part.index, part.kind).map_err(|e| e.to_string())?;
            // It may have been erased since.
            if stored.is_some_and(|stored| stored != *part) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn sync_bytes_max(&self) -> usize {
        self.tuning.sync_bytes_max
    }

    fn stage_erasure(&self, index: u64, kind: PartKind) -> Result<(), String> {
        let mut batch = ::sled::Batch::default();
        for key in self
            .db
            .range(layout::part_key(index, kind, 0)..=layout::part_key(index, kind, u16::MAX))
            .keys()
        {
            batch.remove(key.map_err(|e| e.to_string())?);
        }
        let _alone = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        self.db.apply_batch(batch).map_err(|e| e.to_string())
    }

    fn stage_rewrite(&self, part: &Part) -> Result<(), String> {
        let (index, kind) = (part.index, part.kind);
        let mut batch = ::sled::Batch::default();
        let mut there = false;
        for key in self
            .db
            .range(layout::part_key(index, kind, 0)..=layout::part_key(index, kind, u16::MAX))
            .keys()
        {
            batch.remove(key.map_err(|e| e.to_string())?);
            there = true;
        }
        if !there {
            return Ok(());
        }
        // Of one key a batch does what it was told last.
        for (key, value) in layout::encode_part(part) {
            batch.insert(key, value);
        }
        let _alone = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        self.db.apply_batch(batch).map_err(|e| e.to_string())
    }

    fn sync(&self) -> Result<(), String> {
        self.db.flush().map_err(|e| e.to_string())?;
        self.log.sync_data().map_err(|e| e.to_string())
    }

    fn refusal(&self) -> Option<String> {
        match directory::free_bytes(&self.directory) {
            Ok(free) if free >= limits::JOURNAL_FREE_BYTES_MIN => None,
            Ok(free) => Some(format!("only {free} bytes are free")),
            Err(error) => Some(format!("the free space is not known: {error}")),
        }
    }
}

impl SledStore {
    /// Checks that what is stored ends where the head says, and returns that head.
    fn check(&self) -> Result<Head, OpenError> {
        match self.get(layout::FORMAT_KEY)? {
            Some(version) if *version == layout::FORMAT.to_be_bytes() => {}
            Some(version) => {
                let found = match <[u8; 4]>::try_from(&*version) {
                    Ok(bytes) => u32::from_be_bytes(bytes).to_string(),
                    Err(_) => hex::encode(&version),
                };
                return Err(OpenError::Format {
                    found,
                    known: layout::FORMAT,
                });
            }
            None => {
                return Err(OpenError::Format {
                    found: "none".into(),
                    known: layout::FORMAT,
                });
            }
        }
        let head = match self.get(layout::HEAD_KEY)? {
            Some(value) => layout::decode_head(&value)?,
            None => Head::EMPTY,
        };
        if self.block_head(head.size)? != Some(head) {
            return Err(OpenError::Corrupt("the head is not that of its block".into()));
        }
        if let Some(last) = head.size.checked_sub(1) {
            self.read(last, head.size, 1, 0)?;
        }
        let beyond = [
            self.db
                .range(layout::record_key(head.size, 0)..=layout::record_key(u64::MAX, u16::MAX))
                .next(),
            self.db
                .range(layout::block_key(head.size.saturating_add(1))..=layout::block_key(u64::MAX))
                .next(),
        ];
        match beyond
            .into_iter()
            .flatten()
            .next()
            .transpose()
            .map_err(read_error)?
        {
            Some(_) => Err(OpenError::Corrupt("something is stored beyond the head".into())),
            None => Ok(head),
        }
    }

    fn get(&self, key: &[u8]) -> Result<Option<IVec>, ReadError> {
        self.touch(key)?;
        self.db.get(key).map_err(read_error)
    }

    /// Touches the leaf of a key that is read, as often as bounds what sled keeps of all that was ever read.
    fn touch(&self, key: &[u8]) -> Result<(), ReadError> {
        for _ in 1..limits::SLED_TOUCHES {
            self.db.contains_key(key).map_err(read_error)?;
        }
        Ok(())
    }

    fn block_head(&self, size: u64) -> Result<Option<Head>, ReadError> {
        if size == 0 {
            return Ok(Some(Head::EMPTY));
        }
        let Some(value) = self.get(&layout::block_key(size))? else {
            return Ok(None);
        };
        let head = layout::decode_head(&value)?;
        if head.size == size {
            Ok(Some(head))
        } else {
            Err(corrupt("a block's head has another size than its key"))
        }
    }

    /// Records of `from..end`, which must all be there.
    fn read(
        &self,
        from: u64,
        end: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Bytes)>, ReadError> {
        let mut found = Vec::new();
        if from >= end || records_max == 0 {
            return Ok(found);
        }
        // The record is in the last value that begins at or before it.
        let before = self
            .db
            .range(layout::record_key(0, 0)..=layout::record_key(from, 0))
            .next_back();
        let (key, _) = before
            .ok_or_else(|| corrupt(format!("record {from} is missing")))?
            .map_err(read_error)?;
        let (mut next, _) = layout::parse_record_key(&key)?;
        let mut values = self
            .db
            .range(layout::record_key(next, 0)..layout::record_key(end, 0));
        let mut value_at = |first: u64, continuation: u16| -> Result<IVec, ReadError> {
            let missing = || corrupt(format!("chunk {continuation} of record {first} is missing"));
            let (key, value) = values.next().ok_or_else(missing)?.map_err(read_error)?;
            if *key == layout::record_key(first, continuation) {
                // The range touches each leaf once.
                self.touch(&key)?;
                Ok(value)
            } else {
                Err(missing())
            }
        };
        let mut bytes = 0usize;
        while next < end {
            let first = value_at(next, 0)?;
            let joined = layout::join(&first, layout::records_bytes(&first)?, |n| value_at(next, n))?;
            for record in layout::decode_records(joined)? {
                let index = next;
                next = next.saturating_add(1);
                if index < from {
                    continue;
                }
                bytes = bytes.saturating_add(record.len());
                if found.len() >= records_max || (bytes > bytes_max && !found.is_empty()) {
                    return Ok(found);
                }
                if index >= end {
                    return Err(corrupt(format!("a chunk of records goes beyond {end}")));
                }
                found.push((index, record));
            }
        }
        if found.is_empty() {
            Err(corrupt(format!("record {from} is missing")))
        } else {
            Ok(found)
        }
    }

    fn part(&self, index: u64, kind: PartKind) -> Result<Option<Part>, ReadError> {
        let _whole = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = self.get(&layout::part_key(index, kind, 0))? else {
            return Ok(None);
        };
        let joined = layout::join(&first, layout::part_bytes(&first)?, |n| {
            let value = self.get(&layout::part_key(index, kind, n))?;
            value.ok_or_else(|| corrupt(format!("chunk {n} of a part of record {index} is missing")))
        })?;
        layout::decode_part(index, kind, joined).map(Some)
    }
}

/// Makes an empty database under another name, puts all of it on stable storage, and only then names it: sled
/// writes some of its files in several steps that it never syncs.
fn create(directory: &Path, path: &Path, tuning: Tuning) -> Result<(), OpenError> {
    let unfinished = directory.join(UNFINISHED);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(failed("cannot remove", &unfinished))?;
    }
    let db = open_sled(&unfinished, tuning)?;
    let storage = |e: ::sled::Error| OpenError::Storage(e.to_string());
    db.insert(layout::FORMAT_KEY, &layout::FORMAT.to_be_bytes())
        .map_err(storage)?;
    db.flush().map_err(storage)?;
    drop(db);
    drop(open_released(&unfinished.join(LOG_FILE))?);
    directory::sync_tree(&unfinished)?;
    fs::rename(&unfinished, path).map_err(failed("cannot rename", &unfinished))
}

fn open_sled(path: &Path, tuning: Tuning) -> Result<::sled::Db, OpenError> {
    let config = ::sled::Config::new()
        .path(path)
        .cache_capacity(limits::SLED_CACHE_BYTES)
        .segment_size(tuning.segment_bytes)
        .use_compression(false)
        .flush_every_ms(None);
    // sled asserts where it should refuse.
    catch_unwind(AssertUnwindSafe(|| config.open()))
        .unwrap_or_else(|_| Err(::sled::Error::ReportableBug("it panicked while opening".into())))
        .map_err(|e| match e {
            ::sled::Error::Corruption { .. } | ::sled::Error::ReportableBug(_) => {
                OpenError::Corrupt(e.to_string())
            }
            ::sled::Error::CollectionNotFound(_) | ::sled::Error::Unsupported(_) | ::sled::Error::Io(_) => {
                OpenError::Storage(e.to_string())
            }
        })
}

fn open_released(path: &Path) -> Result<File, OpenError> {
    let log = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(failed("cannot open", path))?;
    released(log, path)
}

/// Waits until an earlier sled of this process has let go of its log: its threads may hold it for a moment longer
/// than we hold them. (No other process can have it: we hold the directory's lock.)
pub(super) fn released(log: File, path: &Path) -> Result<File, OpenError> {
    let log = directory::lock_file(log, path)?;
    log.unlock().map_err(failed("cannot unlock", path))?;
    Ok(log)
}

fn read_error(error: ::sled::Error) -> ReadError {
    match error {
        ::sled::Error::Corruption { .. } => corrupt(error.to_string()),
        ::sled::Error::CollectionNotFound(_)
        | ::sled::Error::Unsupported(_)
        | ::sled::Error::ReportableBug(_)
        | ::sled::Error::Io(_) => ReadError::Io(error.to_string()),
    }
}

#[cfg(test)]
#[path = "sled_tests.rs"]
mod tests;
