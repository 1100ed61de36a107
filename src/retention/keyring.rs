//! The buckets' keys. A key is durable before the first block that uses it, and destroyed by writing the file
//! anew without it, in one step with a note of why: what was destroyed is told in the log also if the power fails in
//! between. What the file holds, [`super::entries`] says.
//!
//! The file's id and how often it was written are also in `keyring.id` of the data directory (hex, a space, the number), so
//! that a data directory is not used with another's keys, with none, or with an older copy of its own by mistake.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::entries::{Entries, Note, decode, encode};
use crate::domain::Bucket;
use crate::files::{self, FileError};
use crate::limits;
use crate::seal::{RandomError, random_bytes};
use crate::time::Timestamp;

/// Where a data directory says whose keys it is used with.
const MARK: &str = "keyring.id";

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A file operation failed.
    #[error("the keys of what is stored: {0}")]
    File(#[from] FileError),
    /// Not this format, or damaged.
    #[error("{0} does not hold the keys of what is stored: {1}")]
    Malformed(PathBuf, &'static str),
    /// The keys are elsewhere, or lost.
    #[error(
        "{} is not there, and the bodies in {} are encrypted under its keys: put it back (or point a relay's retention.keys to it). \
         If it is lost, so is what those bodies say: remove {} to go on without them",
        .file.display(), .data_dir.display(), .mark.display()
    )]
    Missing {
        /// The file.
        file: PathBuf,
        /// Whose.
        data_dir: PathBuf,
        /// What says that there was one.
        mark: PathBuf,
    },
    /// More of them than are read.
    #[error("{0} would hold more keys than it can")]
    TooMany(PathBuf),
    /// The keys of another relay.
    #[error("{} holds the keys of another data directory than {}", .0.display(), .1.display())]
    Other(PathBuf, PathBuf),
    /// An older copy of the keys.
    #[error(
        "{} is an older copy of the keys that {} was used with: put the newest one back. If there is none, what was said since is \
         lost: remove {} to go on without it",
        .file.display(), .data_dir.display(), .mark.display()
    )]
    Older {
        /// The file.
        file: PathBuf,
        /// Whose.
        data_dir: PathBuf,
        /// What says how new it must be.
        mark: PathBuf,
    },
    /// The reading of them did not finish.
    #[error("the keys of what is stored: {0}")]
    Stopped(String),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// A bucket's key.
pub(crate) type BucketKey = Zeroizing<[u8; 32]>;

/// Bytes of what names a key.
pub(crate) const KEY_ID_BYTES: usize = 8;

/// What names a key and says nothing of it: the first bytes of HMAC-SHA256(the key, "wardline/v1/bucket-key" ‖ 0x00).
pub(crate) fn key_id(key: &BucketKey) -> [u8; KEY_ID_BYTES] {
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, &key[..]),
        b"wardline/v1/bucket-key\0",
    );
    tag.as_ref().first_chunk().copied().unwrap_or_default()
}

/// The keys of the buckets. Its writers take turns; any number of readers.
pub struct Keyring {
    /// None: in memory, for tests and simulations.
    files: Option<Files>,
    id: [u8; 16],
    entries: RwLock<Arc<Entries>>,
    writing: Mutex<()>,
}

#[derive(Debug)]
struct Files {
    keys: PathBuf,
    mark: PathBuf,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// A keyring that is nowhere on disk.
    pub fn in_memory() -> Self {
        Self {
            files: None,
            id: [0; 16],
            entries: RwLock::default(),
            writing: Mutex::default(),
        }
    }

    /// Opens the keys of a data directory; makes an empty file if there never was one. Blocks the thread. The caller keeps
    /// other processes out: the journal's lock does.
    pub fn open(path: &Path, data_dir: &Path) -> Result<Self, KeyringError> {
        if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            files::create_directory(directory)?;
        }
        let path = &files::wiping::resolve(path)?;
        files::wiping::settle(path)?;
        files::wiping::check_private(path)?;
        let mark = data_dir.join(MARK);
        let marked = files::read(&mark, limits::KEYRING_BYTES_MAX)?;
        let stored = files::read(path, limits::KEYRING_BYTES_MAX)?.map(Zeroizing::new);
        let (id, entries) = match (&stored, &marked) {
            (Some(stored), _) => {
                decode(stored).map_err(|what| KeyringError::Malformed(path.to_owned(), what))?
            }
            (None, Some(_)) => {
                return Err(KeyringError::Missing {
                    file: path.to_owned(),
                    data_dir: data_dir.to_owned(),
                    mark,
                });
            }
            (None, None) => {
                let id = random_bytes()?;
                files::wiping::replace(path, &encode(&id, &Entries::default()))?;
                (id, Entries::default())
            }
        };
        let now = mark_of(&id, &entries);
        match marked.as_deref().map(parse_mark) {
            None => files::replace(&mark, now.as_bytes())?,
            Some((marked, _)) if marked != hex::encode(id) => {
                return Err(KeyringError::Other(path.to_owned(), data_dir.to_owned()));
            }
            Some((_, written)) if entries.written < written => {
                return Err(KeyringError::Older {
                    file: path.to_owned(),
                    data_dir: data_dir.to_owned(),
                    mark,
                });
            }
            // The file is written first: a cut between the two leaves it newer than the mark.
            Some((_, written)) if written < entries.written => files::replace(&mark, now.as_bytes())?,
            Some(_) => {}
        }
        Ok(Self {
            files: Some(Files {
                keys: path.to_owned(),
                mark,
            }),
            id,
            entries: RwLock::new(Arc::new(entries)),
            writing: Mutex::default(),
        })
    }

    /// The key of a bucket; none: it never had one, or it was destroyed.
    pub(crate) fn key(&self, bucket: Bucket) -> Option<BucketKey> {
        self.entries().keys.get(&bucket).cloned()
    }

    /// The keys that open what is of a bucket, the newest first: while its key is replaced, there are two.
    pub(crate) fn keys(&self, bucket: Bucket) -> Vec<BucketKey> {
        let entries = self.entries();
        let keys = [entries.next.get(&bucket), entries.keys.get(&bucket)];
        keys.into_iter().flatten().cloned().collect()
    }

    /// A key that is to take the place of the bucket's, which is kept until [`renewed`](Self::renewed): in the meantime all
    /// that is to be kept is encrypted anew. Durable when it returns; the same one if that was begun before. Blocks the thread.
    pub(crate) fn renew(&self, bucket: Bucket) -> Result<BucketKey, KeyringError> {
        if let Some(key) = self.entries().next.get(&bucket) {
            return Ok(key.clone());
        }
        let key = Zeroizing::new(random_bytes::<32>()?);
        self.change(|entries| {
            entries.next.insert(bucket, key.clone());
        })?;
        Ok(key)
    }

    /// The buckets whose keys are being replaced.
    pub(crate) fn renewing(&self) -> Vec<Bucket> {
        self.entries().next.keys().copied().collect()
    }

    /// The bucket's key is destroyed, and what was to take its place does: what was not encrypted anew is gone. Durable when it
    /// returns. Blocks the thread.
    pub(crate) fn renewed(&self, bucket: Bucket) -> Result<(), KeyringError> {
        self.change(|entries| {
            if let Some(key) = entries.next.remove(&bucket) {
                entries.keys.insert(bucket, key);
            }
        })
    }

    /// The key of a bucket, made if it has none. Durable when it returns. Blocks the thread.
    pub(crate) fn ensure(&self, bucket: Bucket) -> Result<BucketKey, KeyringError> {
        if let Some(key) = self.key(bucket) {
            return Ok(key);
        }
        let key = Zeroizing::new(random_bytes::<32>()?);
        self.change(|entries| {
            entries.keys.entry(bucket).or_insert_with(|| key.clone());
        })?;
        // Another may have made one at the same time.
        Ok(self.key(bucket).unwrap_or(key))
    }

    /// Makes the keys that these buckets lack, in one writing. Durable when it returns. Blocks the thread.
    pub(crate) fn ensure_all(&self, buckets: &[Bucket]) -> Result<(), KeyringError> {
        self.make(buckets, None)
    }

    fn make(&self, buckets: &[Bucket], clock: Option<Timestamp>) -> Result<(), KeyringError> {
        let now = self.entries();
        let mut made = Vec::new();
        // Nothing new comes into a bucket whose end is being told.
        let lacks = |it: &&Bucket| !now.keys.contains_key(it) && !now.destroyed.contains_key(it);
        for bucket in buckets.iter().filter(lacks) {
            made.push((*bucket, Zeroizing::new(random_bytes::<32>()?)));
        }
        if made.is_empty() {
            return Ok(());
        }
        self.change(|entries| {
            for (bucket, key) in made {
                entries.keys.entry(bucket).or_insert(key);
            }
            entries.clock = entries.clock.max(clock);
        })
    }

    /// The same with the time, which is right; noted if there is anything to write.
    pub(crate) fn make_ahead(&self, buckets: &[Bucket], now: Timestamp) -> Result<(), KeyringError> {
        self.make(buckets, Some(now))
    }

    /// Notes a time as right, which may be before the one that is noted. Durable when it returns. Blocks the thread.
    pub(crate) fn note_clock(&self, now: Timestamp) -> Result<(), KeyringError> {
        match self.clock() == Some(now) {
            true => Ok(()),
            false => self.change(|entries| entries.clock = Some(now)),
        }
    }

    /// The last time that was noted as right.
    pub(crate) fn clock(&self) -> Option<Timestamp> {
        self.entries().clock
    }

    /// Destroys the key of a bucket by the rule "so many days", and notes that until it is [`told`](Self::told). Durable when
    /// it returns; nothing if it was done before. Blocks the thread.
    pub(crate) fn destroy(&self, bucket: Bucket, days: u32) -> Result<(), KeyringError> {
        let now = self.entries();
        if !now.keys.contains_key(&bucket) && now.destroyed.contains_key(&bucket) {
            return Ok(());
        }
        self.change(|entries| {
            entries.keys.remove(&bucket);
            entries.next.remove(&bucket);
            entries.destroyed.insert(bucket, Note { days, first: None });
        })
    }

    /// The same for what a log tells, with the first record that is to tell it; and the key that is to take the bucket's place
    /// does, if there is one: what was encrypted anew stays. Blocks the thread.
    pub(crate) fn retire(&self, bucket: Bucket, days: u32, first: u64) -> Result<(), KeyringError> {
        let first = Some(first);
        self.change(|entries| {
            let begun = entries.destroyed.insert(bucket, Note { days, first }).is_some();
            // Noted before, and not told: its key is gone, and one that there is now is of what stays.
            if !begun {
                entries.keys.remove(&bucket);
                if let Some(next) = entries.next.remove(&bucket) {
                    entries.keys.insert(bucket, next);
                }
            }
        })
    }

    /// All of a bucket that was destroyed is told in the log: the note of it is not needed any more.
    pub(crate) fn told(&self, bucket: Bucket) -> Result<(), KeyringError> {
        self.change(|entries| {
            entries.destroyed.remove(&bucket);
        })
    }

    /// Gives a bucket this key.
    #[cfg(test)]
    pub(crate) fn put(&self, bucket: Bucket, key: BucketKey) {
        self.change(|entries| drop(entries.keys.insert(bucket, key)))
            .unwrap_or_default();
    }

    /// The buckets that have a key.
    pub(crate) fn buckets(&self) -> Vec<Bucket> {
        self.entries().keys.keys().copied().collect()
    }

    /// Destroys the keys of buckets of which nothing is kept: there is nothing to tell. Durable when it returns. Blocks the
    /// thread.
    pub(crate) fn forget(&self, buckets: &[Bucket]) -> Result<(), KeyringError> {
        let now = self.entries();
        if !buckets.iter().any(|bucket| now.keys.contains_key(bucket)) {
            return Ok(());
        }
        self.change(|entries| {
            for bucket in buckets {
                entries.keys.remove(bucket);
                entries.next.remove(bucket);
            }
        })
    }

    /// The key of what stays of a bucket when its key is destroyed, or was; none: nothing stays.
    pub(crate) fn staying(&self, bucket: Bucket) -> Option<BucketKey> {
        let entries = self.entries();
        let keys = match entries.destroyed.contains_key(&bucket) {
            true => &entries.keys,
            false => &entries.next,
        };
        keys.get(&bucket).cloned()
    }

    /// What was destroyed and is not all told in the log, with the rule's days.
    pub(crate) fn destroyed(&self) -> Vec<(Bucket, u32)> {
        let entries = self.entries();
        entries
            .destroyed
            .iter()
            .map(|(bucket, note)| (*bucket, note.days))
            .collect()
    }

    /// Why the key of a bucket was destroyed, if that is not all told in the log.
    pub(crate) fn note(&self, bucket: Bucket) -> Option<Note> {
        self.entries().destroyed.get(&bucket).copied()
    }

    fn change(&self, change: impl FnOnce(&mut Entries)) -> Result<(), KeyringError> {
        let _writing = self.one_writer();
        let mut entries = Entries::clone(&self.entries());
        change(&mut entries);
        if let Some(Files { keys, mark }) = &self.files {
            entries.written = entries.written.saturating_add(1);
            let bytes = encode(&self.id, &entries);
            // What could not be read again must not be written.
            if bytes.len() > limits::KEYRING_BYTES_MAX {
                return Err(KeyringError::TooMany(keys.clone()));
            }
            files::wiping::replace(keys, &bytes)?;
            // A mark that stays behind says only that an older copy would do.
            if let Err(error) = files::replace(mark, mark_of(&self.id, &entries).as_bytes()) {
                tracing::warn!(%error, "how new the file of the keys is could not be noted");
            }
        }
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(entries);
        Ok(())
    }

    fn entries(&self) -> Arc<Entries> {
        Arc::clone(&self.entries.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Nothing that holds the lock leaves anything half done.
    fn one_writer(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a data directory says of its keys.
fn mark_of(id: &[u8; 16], entries: &Entries) -> String {
    format!("{} {}\n", hex::encode(id), entries.written)
}

/// The id in hex, and how often the file was written at least; earlier versions did not say.
fn parse_mark(mark: &[u8]) -> (&str, u64) {
    let mut words = std::str::from_utf8(mark)
        .unwrap_or_default()
        .split_ascii_whitespace();
    let id = words.next().unwrap_or_default();
    let written = words.next().and_then(|written| written.parse().ok());
    (id, written.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::domain::RetentionClass;

    fn bucket(day: u32) -> Bucket {
        Bucket::new(RetentionClass::PersonalData, day).unwrap()
    }

    /// A key is on disk when it is given, the same after a restart, and gone from disk and memory when it is destroyed; that
    /// is remembered until it is told.
    #[test]
    fn keys_live_until_they_are_destroyed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, data) = (
            directory.path().join("elsewhere/buckets"),
            directory.path().to_owned(),
        );
        let open = || Keyring::open(&path, &data).unwrap();
        let holds = |key: &BucketKey| {
            let file = std::fs::read(&path).unwrap();
            file.windows(32).any(|window| window == &key[..])
        };
        let keyring = open();
        let (kept, destroyed) = (
            keyring.ensure(bucket(1)).unwrap(),
            keyring.ensure(bucket(2)).unwrap(),
        );
        assert!(holds(&kept) && holds(&destroyed) && kept != destroyed);
        assert_eq!(keyring.ensure(bucket(1)).unwrap(), kept);
        drop(keyring);
        let keyring = open();
        assert_eq!(keyring.key(bucket(2)), Some(destroyed.clone()));
        keyring.destroy(bucket(2), 30).unwrap();
        assert!(holds(&kept) && !holds(&destroyed));
        assert_eq!(keyring.key(bucket(2)), None);
        drop(keyring);
        let keyring = open();
        assert_eq!(
            (keyring.key(bucket(2)), keyring.destroyed()),
            (None, vec![(bucket(2), 30)])
        );
        keyring.told(bucket(2)).unwrap();
        assert_eq!(open().destroyed(), []);
    }

    /// While a key is replaced both open; then the old one is gone from disk and memory, and the new one is the bucket's. It
    /// can be cut after each step.
    #[test]
    fn a_key_is_replaced_by_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("buckets");
        let open = || Keyring::open(&path, directory.path()).unwrap();
        let old = open().ensure(bucket(1)).unwrap();
        let new = open().renew(bucket(1)).unwrap();
        assert_eq!(open().renew(bucket(1)).unwrap(), new);
        assert_eq!(open().keys(bucket(1)), [new.clone(), old.clone()]);
        open().renewed(bucket(1)).unwrap();
        open().renewed(bucket(1)).unwrap();
        assert_eq!(open().keys(bucket(1)), std::slice::from_ref(&new));
        assert_eq!(open().ensure(bucket(1)).unwrap(), new);
        let file = std::fs::read(&path).unwrap();
        assert!(!file.windows(32).any(|window| window == &old[..]));
        open().renew(bucket(1)).unwrap();
        open().destroy(bucket(1), 1).unwrap();
        assert_eq!(open().keys(bucket(1)), []);
    }

    /// A data directory whose bodies were encrypted is not used without its keys, or with another's, until somebody says
    /// that they are lost.
    #[test]
    fn keys_that_are_not_there_are_missed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, data) = (directory.path().join("buckets"), directory.path().join("data"));
        std::fs::create_dir(&data).unwrap();
        Keyring::open(&path, &data).unwrap().ensure(bucket(1)).unwrap();
        let other = directory.path().join("other");
        assert!(matches!(
            Keyring::open(&other, &data),
            Err(KeyringError::Missing { .. })
        ));
        assert!(!other.exists());
        Keyring::open(&other, directory.path()).unwrap();
        assert!(matches!(
            Keyring::open(&other, &data),
            Err(KeyringError::Other(..))
        ));
        std::fs::write(&other, b"something else").unwrap();
        std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        assert!(matches!(
            Keyring::open(&other, &data),
            Err(KeyringError::Malformed(..))
        ));
        std::fs::remove_file(&other).unwrap();
        std::fs::remove_file(data.join(MARK)).unwrap();
        assert_eq!(Keyring::open(&other, &data).unwrap().key(bucket(1)), None);
    }

    /// An older copy of the file, as a backup brings it back, is refused: what was destroyed since would open again, and what was
    /// said since would not. A mark that is behind, after a cut between the two, is no obstacle.
    #[test]
    fn an_older_copy_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("buckets");
        let open = || Keyring::open(&path, directory.path());
        let keyring = open().unwrap();
        keyring.ensure(bucket(1)).unwrap();
        let mark = std::fs::read(directory.path().join(MARK)).unwrap();
        let older = std::fs::read(&path).unwrap();
        keyring.destroy(bucket(1), 1).unwrap();
        let newest = std::fs::read(&path).unwrap();
        std::fs::write(&path, &older).unwrap();
        assert!(matches!(open(), Err(KeyringError::Older { .. })));
        std::fs::write(&path, &newest).unwrap();
        std::fs::write(directory.path().join(MARK), mark).unwrap();
        assert_eq!(open().unwrap().key(bucket(1)), None);
        std::fs::write(&path, &older).unwrap();
        assert!(matches!(open(), Err(KeyringError::Older { .. })));
        std::fs::remove_file(directory.path().join(MARK)).unwrap();
        open().unwrap();
    }

    /// A key of which nothing is kept is destroyed without a note.
    #[test]
    fn what_nothing_needs_is_forgotten() {
        let keyring = Keyring::in_memory();
        keyring.ensure(bucket(1)).unwrap();
        keyring.ensure(bucket(2)).unwrap();
        keyring.forget(&[bucket(1), bucket(3)]).unwrap();
        assert_eq!(keyring.buckets(), [bucket(2)]);
        assert_eq!(keyring.destroyed(), []);
    }

    /// Behind a link it is the file that is replaced, where it lies, and the link stays; also where the file is not there yet.
    #[test]
    fn a_link_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (disk, link) = (directory.path().join("disk"), directory.path().join("buckets"));
        std::fs::create_dir(&disk).unwrap();
        std::os::unix::fs::symlink("disk/buckets", &link).unwrap();
        let open = || Keyring::open(&link, directory.path()).unwrap();
        let key = open().ensure(bucket(1)).unwrap();
        assert_eq!(std::fs::read_link(&link).unwrap(), Path::new("disk/buckets"));
        assert!(disk.join("buckets").is_file());
        assert_eq!(open().key(bucket(1)), Some(key));
        // As a power cut leaves it.
        std::fs::rename(disk.join("buckets"), disk.join("buckets.old")).unwrap();
        open().destroy(bucket(1), 1).unwrap();
        assert_eq!(open().key(bucket(1)), None);
    }

    /// A file that others may read is refused.
    #[test]
    fn keys_that_others_may_read_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("buckets");
        Keyring::open(&path, directory.path()).unwrap();
        for (mode, opens) in [(0o640, false), (0o604, false), (0o400, true), (0o600, true)] {
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            let opened = Keyring::open(&path, directory.path());
            assert_eq!(opened.is_ok(), opens, "{mode:o}: {opened:?}");
        }
    }

    /// The longest rules, with a key for each day and class: what is written is read.
    #[test]
    fn a_century_of_keys_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("buckets");
        let days = 0..limits::RETENTION_DAYS_MAX + 370;
        let of = |day| {
            RetentionClass::ALL
                .iter()
                .map(move |class| Bucket::new(*class, day).unwrap())
        };
        let buckets: Vec<Bucket> = days.flat_map(of).collect();
        Keyring::open(&path, directory.path())
            .unwrap()
            .ensure_all(&buckets)
            .unwrap();
        let keyring = Keyring::open(&path, directory.path()).unwrap();
        assert_eq!(keyring.buckets().len(), buckets.len());
    }
}
