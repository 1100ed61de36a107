//! The file of the buckets' keys. A key is durable before the first block that uses it, and destroyed by writing the file
//! anew without it, in one step with a note of why: what was destroyed is told in the log also if the power fails in
//! between. Persisted; the format's number never changes its meaning.
//!
//! `wardline buckets v1` and a line feed ‖ id 16 ‖ entries ‖ SHA-256 of all before. An entry is
//! 1 ‖ bucket u32 ‖ key 32; or 2 ‖ bucket u32 ‖ days u32 (destroyed by the rule "so many days", and not told in the log yet); or
//! 3 ‖ bucket u32 ‖ key 32 (the key that is to take the place of the bucket's); numbers are big-endian; entries are sorted. The id is also in `keyring.id` of the data directory, so that a data
//! directory is not used with another's keys, or with none, by mistake.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::domain::Bucket;
use crate::files::{self, FileError};
use crate::limits;
use crate::seal::{RandomError, random_bytes};

const MAGIC: &[u8] = b"wardline buckets v1\n";
const KEY: u8 = 1;
const DESTROYED: u8 = 2;
const NEXT: u8 = 3;
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
    /// The keys of another relay.
    #[error("{} holds the keys of another data directory than {}", .0.display(), .1.display())]
    Other(PathBuf, PathBuf),
    /// The reading of them did not finish.
    #[error("the keys of what is stored: {0}")]
    Stopped(String),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// A bucket's key.
pub(crate) type BucketKey = Zeroizing<[u8; 32]>;

/// The keys of the buckets. One writer, the sequencer; any number of readers.
pub struct Keyring {
    /// None: in memory, for tests and simulations.
    path: Option<PathBuf>,
    id: [u8; 16],
    entries: RwLock<Arc<Entries>>,
    writing: Mutex<()>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Entries {
    keys: BTreeMap<Bucket, BucketKey>,
    /// Destroyed and not yet told in the log, each with the rule's days.
    destroyed: BTreeMap<Bucket, u32>,
    /// What is to take the place of a key, while what is to be kept is encrypted anew.
    next: BTreeMap<Bucket, BucketKey>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// A keyring that is nowhere on disk.
    pub fn in_memory() -> Self {
        Self {
            path: None,
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
        files::wiping::settle(path)?;
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
        let name = format!("{}\n", hex::encode(id));
        match marked {
            Some(marked) if marked == name.as_bytes() => {}
            Some(_) => return Err(KeyringError::Other(path.to_owned(), data_dir.to_owned())),
            None => files::replace(&mark, name.as_bytes())?,
        }
        Ok(Self {
            path: Some(path.to_owned()),
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
        Ok(key)
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
            entries.destroyed.insert(bucket, days);
        })
    }

    /// All of a bucket that was destroyed is told in the log: the note of it is not needed any more.
    pub(crate) fn told(&self, bucket: Bucket) -> Result<(), KeyringError> {
        self.change(|entries| {
            entries.destroyed.remove(&bucket);
        })
    }

    /// What was destroyed and is not all told in the log, with the rule's days.
    pub(crate) fn destroyed(&self) -> Vec<(Bucket, u32)> {
        let entries = self.entries();
        entries
            .destroyed
            .iter()
            .map(|(bucket, days)| (*bucket, *days))
            .collect()
    }

    fn change(&self, change: impl FnOnce(&mut Entries)) -> Result<(), KeyringError> {
        let _writing = self.one_writer();
        let mut entries = Entries::clone(&self.entries());
        change(&mut entries);
        if let Some(path) = &self.path {
            files::wiping::replace(path, &encode(&self.id, &entries))?;
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

fn encode(id: &[u8; 16], entries: &Entries) -> Zeroizing<Vec<u8>> {
    // Room for all of it at once: a vector that grows leaves copies of keys behind.
    let (key_bytes, destroyed_bytes) = (1 + 4 + 32, 1 + 4 + 4);
    let room = (MAGIC.len() + 16 + 32)
        .saturating_add(entries.keys.len().saturating_mul(key_bytes))
        .saturating_add(entries.next.len().saturating_mul(key_bytes))
        .saturating_add(entries.destroyed.len().saturating_mul(destroyed_bytes));
    let mut out = Zeroizing::new(Vec::with_capacity(room));
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(id);
    for (bucket, key) in &entries.keys {
        out.push(KEY);
        out.extend_from_slice(&bucket.number().to_be_bytes());
        out.extend_from_slice(&key[..]);
    }
    for (bucket, days) in &entries.destroyed {
        out.push(DESTROYED);
        out.extend_from_slice(&bucket.number().to_be_bytes());
        out.extend_from_slice(&days.to_be_bytes());
    }
    for (bucket, key) in &entries.next {
        out.push(NEXT);
        out.extend_from_slice(&bucket.number().to_be_bytes());
        out.extend_from_slice(&key[..]);
    }
    let sum: [u8; 32] = Sha256::digest(&*out).into();
    out.extend_from_slice(&sum);
    out
}

fn decode(bytes: &[u8]) -> Result<([u8; 16], Entries), &'static str> {
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or("it begins as no file of this format")?;
    let (rest, sum) = rest.split_last_chunk::<32>().ok_or("it is cut short")?;
    let whole = bytes.len().saturating_sub(32);
    let computed: [u8; 32] = Sha256::digest(bytes.get(..whole).unwrap_or_default()).into();
    if computed != *sum {
        return Err("its checksum is another");
    }
    let (id, mut rest) = rest.split_first_chunk::<16>().ok_or("it is cut short")?;
    let mut entries = Entries::default();
    while let Some((tag, entry)) = rest.split_first() {
        let (number, entry) = entry.split_first_chunk::<4>().ok_or("an entry is cut short")?;
        let bucket = Bucket::from_number(u32::from_be_bytes(*number)).ok_or("it names no bucket")?;
        rest = match *tag {
            KEY | NEXT => {
                let (key, after) = entry.split_first_chunk::<32>().ok_or("a key is cut short")?;
                let keys = match *tag {
                    KEY => &mut entries.keys,
                    _ => &mut entries.next,
                };
                keys.insert(bucket, Zeroizing::new(*key));
                after
            }
            DESTROYED => {
                let (days, after) = entry.split_first_chunk::<4>().ok_or("an entry is cut short")?;
                entries.destroyed.insert(bucket, u32::from_be_bytes(*days));
                after
            }
            _ => return Err("it has an entry of a later version"),
        };
    }
    Ok((*id, entries))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::domain::RetentionClass;

    fn bucket(day: u32) -> Bucket {
        Bucket::new(RetentionClass::PersonalData, day).unwrap()
    }

    /// Golden bytes: the file of two keys, one that was destroyed and one that is to take another's place, with its checksum by another hand (`sha256sum`).
    #[test]
    fn the_file_is_golden() {
        let mut entries = Entries::default();
        entries.keys.insert(bucket(20_000), Zeroizing::new([7; 32]));
        entries.keys.insert(bucket(1), Zeroizing::new([8; 32]));
        entries.destroyed.insert(bucket(2), 30);
        entries.next.insert(bucket(1), Zeroizing::new([9; 32]));
        let bytes = encode(&[5; 16], &entries);
        let text = [
            "776172646c696e65206275636b6574732076310a",
            &"05".repeat(16),
            "0102000001",
            &"08".repeat(32),
            "0102004e20",
            &"07".repeat(32),
            "02020000020000001e",
            "0302000001",
            &"09".repeat(32),
        ]
        .concat();
        assert_eq!(hex::encode(&bytes[..bytes.len() - 32]), text);
        assert_eq!(decode(&bytes).unwrap(), ([5; 16], entries));
        for at in 0..bytes.len() {
            let mut other = bytes.to_vec();
            other[at] ^= 1;
            assert!(decode(&other).is_err() && decode(&bytes[..at]).is_err());
        }
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
        assert_eq!(open().keys(bucket(1)), [new.clone()]);
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
        assert!(matches!(
            Keyring::open(&other, &data),
            Err(KeyringError::Malformed(..))
        ));
        std::fs::remove_file(&other).unwrap();
        std::fs::remove_file(data.join(MARK)).unwrap();
        assert_eq!(Keyring::open(&other, &data).unwrap().key(bucket(1)), None);
    }
}
