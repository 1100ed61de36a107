//! The cosigned checkpoints on disk: for each size the note with each witness's first cosignature and the one with each
//! one's newest. They cannot be made again (nobody signs the past), so they are kept for ever, thinned out to one a minute
//! after a day; a damaged store is put aside and never stops a relay.
//!
//! One redb file. Keys never change their meaning:
//!
//! | table | key | value | lifetime |
//! |---|---|---|---|
//! | `cosigned` | size u64 | version u8 ‖ first kept i64 ‖ last kept i64 (the relay's clock, Unix ms) ‖ length u32 ‖ first note ‖ newest note, empty if it is the first | for ever, thinned |
//! | `quorum` | size u64 | nothing: its notes meet the quorum of the policy that held then | with the note |
//! | `meta` | `thinned` | up to which size it is thinned out | replaced |

use std::path::Path;
use std::sync::Arc;

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use crate::limits;
use crate::time::Timestamp;

const NOTES: TableDefinition<u64, &[u8]> = TableDefinition::new("cosigned");
const QUORUM: TableDefinition<u64, ()> = TableDefinition::new("quorum");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const THINNED: &str = "thinned";

/// Of a value; persisted, never reuse.
const VERSION: u8 = 1;
const MINUTE_MS: i64 = 60_000;

/// The store failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// Somebody has it open.
    #[error("the store of cosigned checkpoints is in use")]
    InUse,
    /// What is there is no store of ours.
    #[error("the store of cosigned checkpoints is damaged: {0}")]
    Damaged(String),
    /// Any other fault of the system's.
    #[error("the store of cosigned checkpoints: {0}")]
    Failed(String),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        use std::io::ErrorKind::{InvalidData, UnexpectedEof};
        let error = error.into();
        match &error {
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::RepairAborted
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. } => Self::Damaged(error.to_string()),
            redb::Error::Io(io) if matches!(io.kind(), InvalidData | UnexpectedEof) => {
                Self::Damaged(error.to_string())
            }
            // redb's own enum, which grows.
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// What is kept of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// When the first cosignature came, by the relay's clock.
    pub(super) first_kept: Timestamp,
    /// When the last one did.
    pub(super) last_kept: Timestamp,
    /// With each witness's first.
    pub(super) first: Arc<str>,
    /// With each witness's newest.
    pub(super) newest: Arc<str>,
    /// Whether they meet the quorum.
    pub(super) has_quorum: bool,
}

/// What is kept around a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Around {
    /// Of the newest tree without it.
    pub(super) without: Option<(u64, Kept)>,
    /// Of the oldest tree with it.
    pub(super) with: Option<(u64, Kept)>,
}

/// The store. Blocks the thread.
#[derive(Debug)]
pub(super) struct Store(Database);

impl Store {
    /// Opens it, or begins it; no path: in memory.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, StoreError> {
        let mut builder = Builder::new();
        builder.set_cache_size(limits::COSIGNED_CACHE_BYTES);
        let database = match path {
            Some(path) => builder.create(path)?,
            None => builder.create_with_backend(InMemoryBackend::new())?,
        };
        // So that readers always find the tables.
        let write = database.begin_write()?;
        write.open_table(NOTES)?;
        write.open_table(QUORUM)?;
        write.open_table(META)?;
        write.commit()?;
        Ok(Self(database))
    }

    /// Keeps these. Readers see them at once; they are on stable storage after the next [`Store::sync`].
    pub(super) fn put<'a>(&self, kept: impl IntoIterator<Item = (u64, &'a Kept)>) -> Result<(), StoreError> {
        let mut write = self.0.begin_write()?;
        write.set_durability(Durability::None)?;
        {
            let mut notes = write.open_table(NOTES)?;
            let mut quorum = write.open_table(QUORUM)?;
            for (size, kept) in kept {
                notes.insert(size, encode(kept)?.as_slice())?;
                if kept.has_quorum {
                    quorum.insert(size, ())?;
                }
            }
        }
        Ok(write.commit()?)
    }

    /// Puts everything on stable storage.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let mut write = self.0.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        // A start after a crash must not read all of it first.
        write.set_quick_repair(true);
        Ok(write.commit()?)
    }

    /// Nothing is written until what this gives is dropped.
    #[cfg(test)]
    pub(super) fn hold_up(&self) -> redb::WriteTransaction {
        #[expect(clippy::unwrap_used, reason = "a test's")]
        self.0.begin_write().unwrap()
    }

    /// What is kept of a size.
    pub(super) fn at(&self, size: u64) -> Result<Option<Kept>, StoreError> {
        let read = self.0.begin_read()?;
        let notes = read.open_table(NOTES)?;
        let has_quorum = read.open_table(QUORUM)?.get(size)?.is_some();
        notes
            .get(size)?
            .map(|value| decode(value.value(), has_quorum))
            .transpose()
    }

    /// The newest that meets the quorum, and the newest at all.
    pub(super) fn newest(&self) -> Result<[Option<(u64, Kept)>; 2], StoreError> {
        let read = self.0.begin_read()?;
        let quorum = read.open_table(QUORUM)?.last()?.map(|(size, _)| size.value());
        let any = read.open_table(NOTES)?.last()?.map(|(size, _)| size.value());
        Ok([self.named(quorum)?, self.named(any)?])
    }

    /// What is kept around a record: with the quorum; on a side where nothing has it, with any cosignature.
    pub(super) fn around(&self, index: u64) -> Result<Around, StoreError> {
        let read = self.0.begin_read()?;
        let (notes, quorum) = (read.open_table(NOTES)?, read.open_table(QUORUM)?);
        let after = index.saturating_add(1);
        let mut without = quorum
            .range(..after)?
            .next_back()
            .transpose()?
            .map(|(size, _)| size.value());
        if without.is_none() {
            without = notes
                .range(..after)?
                .next_back()
                .transpose()?
                .map(|(size, _)| size.value());
        }
        let mut with = quorum
            .range(after..)?
            .next()
            .transpose()?
            .map(|(size, _)| size.value());
        if with.is_none() {
            with = notes
                .range(after..)?
                .next()
                .transpose()?
                .map(|(size, _)| size.value());
        }
        Ok(Around {
            without: self.named(without)?,
            with: self.named(with)?,
        })
    }

    fn named(&self, size: Option<u64>) -> Result<Option<(u64, Kept)>, StoreError> {
        let Some(size) = size else { return Ok(None) };
        // Thinned out between two reads: as if it had not been there.
        Ok(self.at(size)?.map(|kept| (size, kept)))
    }

    /// Thins out what was first kept before a time: of those that came and were last cosigned within one minute only the last
    /// stays, one with the quorum before one without. At most `count_max` are looked at. How many went.
    pub(super) fn thin(&self, before: Timestamp, count_max: usize) -> Result<usize, StoreError> {
        let mut write = self.0.begin_write()?;
        write.set_durability(Durability::None)?;
        let mut gone = 0usize;
        {
            let mut notes = write.open_table(NOTES)?;
            let mut quorum = write.open_table(QUORUM)?;
            let mut meta = write.open_table(META)?;
            let from = meta.get(THINNED)?.map_or(0, |size| size.value());
            let mut looked_at: Vec<(u64, Kept)> = Vec::new();
            for entry in notes.range(from..)?.take(count_max) {
                let (size, value) = entry?;
                let size = size.value();
                let kept = decode(value.value(), quorum.get(size)?.is_some())?;
                let young = kept.first_kept >= before;
                looked_at.push((size, kept));
                if young {
                    break;
                }
            }
            for pair in looked_at.windows(2) {
                let [(size, kept), (_, next)] = pair else { continue };
                let minute = |time: Timestamp| time.unix_ms().div_euclid(MINUTE_MS);
                let of_one_minute = minute(kept.first_kept) == minute(next.first_kept)
                    && minute(kept.last_kept) == minute(kept.first_kept);
                if kept.first_kept < before && of_one_minute && (next.has_quorum || !kept.has_quorum) {
                    notes.remove(size)?;
                    quorum.remove(size)?;
                    gone = gone.saturating_add(1);
                }
            }
            if let Some((last, _)) = looked_at.last() {
                meta.insert(THINNED, last)?;
            }
        }
        write.commit()?;
        Ok(gone)
    }
}

fn too_long() -> StoreError {
    StoreError::Failed("a note is too long".to_owned())
}

fn encode(kept: &Kept) -> Result<Vec<u8>, StoreError> {
    let newest = match kept.newest == kept.first {
        true => "",
        false => &kept.newest,
    };
    if kept.first.len().max(newest.len()) > limits::COSIGNED_NOTE_BYTES_MAX {
        return Err(too_long());
    }
    let length = u32::try_from(kept.first.len()).map_err(|_| too_long())?;
    let mut value = vec![VERSION];
    value.extend_from_slice(&kept.first_kept.unix_ms().to_be_bytes());
    value.extend_from_slice(&kept.last_kept.unix_ms().to_be_bytes());
    value.extend_from_slice(&length.to_be_bytes());
    value.extend_from_slice(kept.first.as_bytes());
    value.extend_from_slice(newest.as_bytes());
    Ok(value)
}

fn decode(value: &[u8], has_quorum: bool) -> Result<Kept, StoreError> {
    let decoded = || {
        let (version, rest) = value.split_first_chunk::<1>()?;
        let (first_kept, rest) = rest.split_first_chunk::<8>()?;
        let (last_kept, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (first, newest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let first: Arc<str> = std::str::from_utf8(first).ok()?.into();
        let newest = match newest {
            [] => Arc::clone(&first),
            newest => std::str::from_utf8(newest).ok()?.into(),
        };
        (*version == [VERSION]).then(|| Kept {
            first_kept: Timestamp::from_unix_ms(i64::from_be_bytes(*first_kept)),
            last_kept: Timestamp::from_unix_ms(i64::from_be_bytes(*last_kept)),
            first,
            newest,
            has_quorum,
        })
    };
    decoded().ok_or_else(|| StoreError::Damaged("a value cannot be read".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn kept(size: u64, first_ms: i64, last_ms: i64, has_quorum: bool) -> (u64, Kept) {
        let at = Timestamp::from_unix_ms;
        let kept = Kept {
            first_kept: at(first_ms),
            last_kept: at(last_ms),
            first: format!("first of {size}").into(),
            newest: format!("newest of {size}").into(),
            has_quorum,
        };
        (size, kept)
    }

    fn filled(path: Option<&Path>, all: &[(u64, Kept)]) -> Store {
        let store = Store::open(path).unwrap();
        store.put(all.iter().map(|(size, kept)| (*size, kept))).unwrap();
        store
    }

    fn sizes(store: &Store) -> Vec<u64> {
        (0..1_000)
            .filter(|size| store.at(*size).unwrap().is_some())
            .collect()
    }

    /// Golden: what one value looks like on disk, for ever; and it comes back.
    #[test]
    fn a_value_is_written_for_ever() {
        let (_, whole) = kept(5, 1, 258, true);
        let value = encode(&whole).unwrap();
        assert_eq!(
            hex::encode(&value),
            "01000000000000000100000000000001020000000a6669727374206f6620356e6577657374206f662035"
        );
        assert_eq!(decode(&value, true).unwrap(), whole);
        let mut same = whole.clone();
        same.newest = Arc::clone(&same.first);
        let value = encode(&same).unwrap();
        assert!(value.ends_with(b"first of 5"));
        assert_eq!(decode(&value, true).unwrap(), same);
        for length in 0..value.len() {
            let _ = decode(value.get(..length).unwrap(), false);
        }
        assert!(decode(&[2; 40], false).is_err());
    }

    /// Around a record: the newest tree without it and the oldest with it, such as have the quorum before such as have not;
    /// a table over trees of 3 (quorum), 5 (not), 8 (quorum), 9 (not).
    #[test]
    fn what_is_around_a_record() {
        let all = [
            kept(3, 1, 1, true),
            kept(5, 2, 2, false),
            kept(8, 3, 3, true),
            kept(9, 4, 4, false),
        ];
        let store = filled(None, &all);
        for (index, without, with) in [
            (0, None, Some(3)),
            (2, None, Some(3)),
            (3, Some(3), Some(8)),
            (6, Some(3), Some(8)),
            (8, Some(8), Some(9)),
            (9, Some(8), None),
            (u64::MAX, Some(8), None),
        ] {
            let around = store.around(index).unwrap();
            let size = |side: Option<(u64, Kept)>| side.map(|(size, _)| size);
            assert_eq!(
                (size(around.without), size(around.with)),
                (without, with),
                "{index}"
            );
        }
        let [quorum, any] = store.newest().unwrap();
        assert_eq!((quorum, any), (Some(all[2].clone()), Some(all[3].clone())));
        assert_eq!(filled(None, &[]).newest().unwrap(), [None, None]);
    }

    /// After a day one a minute is left: the last of its minute, with the quorum if any has it; one that was cosigned for
    /// long stays, and so does what is young. Thinning again thins no more, and goes on where it ended.
    #[test]
    fn what_is_old_is_thinned_out() {
        let minute = 60_000;
        let all = [
            kept(1, 0, 0, true),
            kept(2, 10, 10, true),
            kept(3, 20, 20, false),
            kept(4, minute, 5 * minute, true),
            kept(5, minute + 1, minute + 1, true),
            kept(6, minute + 2, minute + 2, true),
            kept(7, 2 * minute, 2 * minute, false),
            kept(8, 3 * minute, 3 * minute, true),
            kept(9, 3 * minute + 1, 3 * minute + 1, true),
        ];
        let store = filled(None, &all);
        let young = Timestamp::from_unix_ms(3 * minute);
        assert_eq!(store.thin(young, 4).unwrap(), 1);
        assert_eq!(sizes(&store), [2, 3, 4, 5, 6, 7, 8, 9]);
        while store.thin(young, 4).unwrap() > 0 {}
        assert_eq!(sizes(&store), [2, 3, 4, 6, 7, 8, 9]);
        assert_eq!(store.thin(young, 100).unwrap(), 0);
        assert_eq!(store.thin(Timestamp::from_unix_ms(i64::MAX), 100).unwrap(), 1);
        assert_eq!(sizes(&store), [2, 3, 4, 6, 7, 9]);
    }

    /// What was synced is there when the store is opened again; what is no store is an error, and stays as it is.
    #[test]
    fn it_is_there_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cosigned.redb");
        let one = kept(7, 1, 2, true);
        let store = filled(Some(&path), std::slice::from_ref(&one));
        store.sync().unwrap();
        drop(store);
        assert_eq!(Store::open(Some(&path)).unwrap().at(7).unwrap(), Some(one.1));
        let damaged = directory.path().join("damaged.redb");
        std::fs::write(&damaged, b"this is no database").unwrap();
        let error = Store::open(Some(&damaged)).unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
        let held = Store::open(Some(&path)).unwrap();
        let error = Store::open(Some(&path)).unwrap_err();
        assert!(matches!(error, StoreError::InUse), "{error:?}");
        drop(held);
        assert_eq!(std::fs::read(&damaged).unwrap(), b"this is no database");
    }
}
