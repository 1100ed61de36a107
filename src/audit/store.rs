//! The facts of an audit on disk: a `redb` file, which only this file names. Written in bulk inside one transaction, which is
//! committed at a verified checkpoint and at no other time: whatever ends a run before that leaves what was there.
//!
//! Every page has a checksum, and all of them are checked when the file is opened. Facts are derived: whoever doubts them
//! begins anew.

use std::path::Path;

use redb::{Builder, Database, Durability, ReadableTable as _, TableDefinition, WriteTransaction};

use super::state::StateError;
use crate::domain::Hash;
use crate::ledger::{IdFact, IdKey, ThreadFact, ThreadKey};
use crate::limits;

type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// The first `IdKey` of a run → the run: ids (length in 2 bytes, `IdKey`, `IdFact`) that stand together, in order. Ids begin
/// with their time, so nearly all are added behind the last, many at once.
const IDS: Table = TableDefinition::new("ids");
/// `ThreadKey` (digest, desk) → `ThreadFact`.
const THREADS: Table = TableDefinition::new("threads");
/// The directory's chain: its number → index (8 bytes big-endian), leaf hash, the record as stored.
const DIRECTORY: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("directory");
/// `about`: whose state this is. `verified`: what was verified, and what the verifier carries on.
const SMALL: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("small");

/// One record of the directory's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DirectoryRecord {
    pub(super) seq: u64,
    pub(super) index: u64,
    pub(super) leaf: Hash,
    pub(super) bytes: Vec<u8>,
}

/// What a run has gathered since the last time, encoded.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) ids: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) threads: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) directory: Vec<DirectoryRecord>,
}

/// The facts on disk, and the one transaction that is under way.
pub(super) struct Store {
    database: Database,
    /// None only after a commit that failed.
    writing: Option<WriteTransaction>,
    /// The greatest id in it: one that is greater is not in it. Most new ones are.
    newest_id: Option<[u8; 16]>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// An empty store in a new file.
    pub(super) fn create(path: &Path) -> Result<Self, StateError> {
        Self::begin(builder().create(path).map_err(StateError::store)?)
    }

    /// What was committed. A file that is torn or altered is refused.
    pub(super) fn open(path: &Path) -> Result<Self, StateError> {
        let opened = builder().set_check_integrity_on_open(true).open(path);
        let database = opened.map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => StateError::InUse,
            redb::DatabaseError::Storage(redb::StorageError::Io(error))
                if error.kind() != std::io::ErrorKind::InvalidData =>
            {
                StateError::io(error)
            }
            error => StateError::damaged(format!("its facts do not read: {error}")),
        })?;
        Self::begin(database)
    }

    fn begin(database: Database) -> Result<Self, StateError> {
        let mut store = Self {
            database,
            writing: None,
            newest_id: None,
        };
        store.begin_writing()?;
        let last = {
            let ids = store.writing()?.open_table(IDS).map_err(StateError::store)?;
            let last = ids.last().map_err(StateError::store)?;
            let run = last.map(|(_, run)| id_runs::read(run.value())).transpose()?;
            run.and_then(|mut run| run.pop()?.0.first_chunk::<16>().copied())
        };
        store.newest_id = last;
        Ok(store)
    }

    fn begin_writing(&mut self) -> Result<(), StateError> {
        let mut writing = self.database.begin_write().map_err(StateError::store)?;
        writing
            .set_durability(Durability::Immediate)
            .map_err(StateError::store)?;
        // What is written is chosen by strangers: see redb on its checksums.
        writing.set_two_phase_commit(true);
        self.writing = Some(writing);
        Ok(())
    }

    fn writing(&self) -> Result<&WriteTransaction, StateError> {
        let failed = || StateError::store("an earlier commit failed");
        self.writing.as_ref().ok_or_else(failed)
    }

    pub(super) fn id(&self, key: &IdKey) -> Result<Option<IdFact>, StateError> {
        match self.newest_id {
            Some(newest) if *key.id.as_bytes() <= newest => {
                let ids = self.writing()?.open_table(IDS).map_err(StateError::store)?;
                let key = key.to_bytes();
                let mut before = ids.range(..=key.as_slice()).map_err(StateError::store)?;
                let Some(run) = before.next_back() else {
                    return Ok(None);
                };
                let (_, run) = run.map_err(StateError::store)?;
                id_runs::find(run.value(), &key)
            }
            Some(_) | None => Ok(None),
        }
    }

    pub(super) fn thread(&self, key: &ThreadKey) -> Result<Option<ThreadFact>, StateError> {
        self.read(THREADS, &key.to_bytes(), ThreadFact::from_bytes)
    }

    fn read<T, E>(
        &self,
        table: Table,
        key: &[u8],
        parse: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Option<T>, StateError> {
        let table = self.writing()?.open_table(table).map_err(StateError::store)?;
        let found = table.get(key).map_err(StateError::store)?;
        let fact = found.map(|bytes| parse(bytes.value())).transpose();
        fact.map_err(|_| StateError::damaged("a fact of it does not read".to_owned()))
    }

    /// Takes in what was gathered: sorted, so that neighbours are written together. Not durable before [`Store::commit`].
    pub(super) fn put(&mut self, gathered: Gathered) -> Result<(), StateError> {
        let Gathered {
            ids,
            mut threads,
            directory,
        } = gathered;
        let greatest = ids
            .iter()
            .filter_map(|(key, _)| key.first_chunk::<16>().copied())
            .max();
        let writing = self.writing()?;
        let mut runs = writing.open_table(IDS).map_err(StateError::store)?;
        id_runs::add(&mut runs, ids)?;
        drop(runs);
        threads.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut table = writing.open_table(THREADS).map_err(StateError::store)?;
        for (key, value) in &threads {
            table
                .insert(key.as_slice(), value.as_slice())
                .map_err(StateError::store)?;
        }
        drop(table);
        let mut chain = writing.open_table(DIRECTORY).map_err(StateError::store)?;
        for record in directory {
            let head = [&record.index.to_be_bytes()[..], record.leaf.as_bytes()].concat();
            let value = [head, record.bytes].concat();
            chain
                .insert(record.seq, value.as_slice())
                .map_err(StateError::store)?;
        }
        drop(chain);
        self.newest_id = self.newest_id.max(greatest);
        Ok(())
    }

    /// The records of the directory's chain, in order.
    pub(super) fn directory(&self) -> Result<Vec<DirectoryRecord>, StateError> {
        let short = || StateError::damaged("a record of its directory does not read".to_owned());
        let chain = self.writing()?.open_table(DIRECTORY).map_err(StateError::store)?;
        let mut records = Vec::new();
        for entry in chain.iter().map_err(StateError::store)? {
            let (seq, value) = entry.map_err(StateError::store)?;
            let (index, rest) = value.value().split_first_chunk::<8>().ok_or_else(short)?;
            let (leaf, bytes) = rest.split_first_chunk::<32>().ok_or_else(short)?;
            records.push(DirectoryRecord {
                seq: seq.value(),
                index: u64::from_be_bytes(*index),
                leaf: Hash(*leaf),
                bytes: bytes.to_vec(),
            });
        }
        Ok(records)
    }

    /// A small thing by its name.
    pub(super) fn small(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let small = self.writing()?.open_table(SMALL).map_err(StateError::store)?;
        let found = small.get(name).map_err(StateError::store)?;
        Ok(found.map(|bytes| bytes.value().to_vec()))
    }

    pub(super) fn put_small(&mut self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let mut small = self.writing()?.open_table(SMALL).map_err(StateError::store)?;
        small.insert(name, bytes).map_err(StateError::store)?;
        Ok(())
    }

    /// All that was put is on stable storage when it returns, together or not at all.
    pub(super) fn commit(&mut self) -> Result<(), StateError> {
        let failed = || StateError::store("an earlier commit failed");
        let writing = self.writing.take().ok_or_else(failed)?;
        writing.commit().map_err(StateError::store)?;
        self.begin_writing()
    }
}

/// Ids in runs: one entry of the store for many of them, because each costs as much as what is in it.
mod id_runs {
    use std::ops::Bound;

    use redb::ReadableTable as _;

    use crate::audit::state::StateError;
    use crate::ledger::IdFact;
    use crate::limits;

    pub(super) type Id = (Vec<u8>, Vec<u8>);

    pub(super) fn unreadable() -> StateError {
        StateError::damaged("an id of it does not read")
    }

    /// The first id of a run: its key, its fact, and the rest.
    type Split<'r> = (&'r [u8], &'r [u8], &'r [u8]);

    fn split(run: &[u8]) -> Result<Split<'_>, StateError> {
        let (length, rest) = run.split_first_chunk::<2>().ok_or_else(unreadable)?;
        let (key, rest) = rest
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or_else(unreadable)?;
        let (fact, rest) = rest.split_at_checked(IdFact::BYTES).ok_or_else(unreadable)?;
        Ok((key, fact, rest))
    }

    /// Looks for one id.
    pub(super) fn find(mut run: &[u8], wanted: &[u8]) -> Result<Option<IdFact>, StateError> {
        while !run.is_empty() {
            let (key, fact, rest) = split(run)?;
            if key == wanted {
                return IdFact::from_bytes(fact).map(Some).map_err(|_| unreadable());
            }
            run = rest;
        }
        Ok(None)
    }

    /// All ids of a run.
    pub(super) fn read(mut run: &[u8]) -> Result<Vec<Id>, StateError> {
        let mut ids = Vec::new();
        while !run.is_empty() {
            let (key, fact, rest) = split(run)?;
            ids.push((key.to_vec(), fact.to_vec()));
            run = rest;
        }
        Ok(ids)
    }

    type Runs<'t> = redb::Table<'t, &'static [u8], &'static [u8]>;

    /// Adds ids: to the runs that they belong into, or behind the last.
    pub(super) fn add(runs: &mut Runs<'_>, mut ids: Vec<Id>) -> Result<(), StateError> {
        ids.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut ids = ids.into_iter().peekable();
        while let Some((first, _)) = ids.peek() {
            let first = first.clone();
            // What stands in the run before, and where the next one begins.
            let before = {
                let mut range = runs.range(..=first.as_slice()).map_err(StateError::store)?;
                let run = range.next_back().transpose().map_err(StateError::store)?;
                run.map(|(key, run)| (key.value().to_vec(), run.value().to_vec()))
            };
            let next = {
                let behind = (Bound::Excluded(first.as_slice()), Bound::Unbounded);
                let mut range = runs.range::<&[u8]>(behind).map_err(StateError::store)?;
                let run = range.next().transpose().map_err(StateError::store)?;
                run.map(|(key, _)| key.value().to_vec())
            };
            let belongs = |id: &Id| next.as_ref().is_none_or(|next| id.0 < *next);
            let mut merged = Vec::new();
            while let Some(id) = ids.next_if(belongs) {
                merged.push(id);
            }
            if let Some((key, run)) = before {
                let old = read(&run)?;
                let is_behind = old.last().is_none_or(|(last, _)| *last < first);
                if !is_behind || old.len() < limits::AUDIT_IDS_OF_A_RUN {
                    runs.remove(key.as_slice()).map_err(StateError::store)?;
                    merged.extend(old);
                    // The new ones came first, and a sort that is stable keeps of two the newer.
                    merged.sort_by(|a, b| a.0.cmp(&b.0));
                    merged.dedup_by(|later, earlier| later.0 == earlier.0);
                }
            }
            for run in merged.chunks(limits::AUDIT_IDS_OF_A_RUN) {
                let Some((key, _)) = run.first() else { continue };
                let mut bytes = Vec::new();
                for (key, fact) in run {
                    let length = u16::try_from(key.len()).map_err(StateError::store)?;
                    bytes.extend_from_slice(&length.to_be_bytes());
                    bytes.extend_from_slice(key);
                    bytes.extend_from_slice(fact);
                }
                runs.insert(key.as_slice(), bytes.as_slice())
                    .map_err(StateError::store)?;
            }
        }
        Ok(())
    }
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(limits::AUDIT_STORE_CACHE_BYTES);
    builder
}
