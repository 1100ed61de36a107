//! What the read side and delivery ask of the index: ranges, bounded by the caller, in the order of the log.

use super::codec::{StoredIncoming, StoredRouting, StoredWarning, Value};
use super::{Index, IndexError, Order, keys};
use crate::domain::{AgencyId, Bucket, DeskAddress, Digest};
use crate::ledger::{ThreadFact, ThreadKey, WarningFact};

/// A warning in a desk's inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// Dense, from 1.
    pub number: u64,
    /// Which.
    pub warning: Digest,
    /// Its `ROUTED` record.
    pub index: u64,
}

/// A warning in an agency's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its `ACCEPTED` (sent) or `ROUTED` (routed to it) record.
    pub index: u64,
    /// Which.
    pub warning: Digest,
    /// Routed to it: the desk.
    pub desk: Option<DeskAddress>,
}

/// What is kept beside a record until its bucket is erased, and which thread is to tell of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPart {
    /// The bucket.
    pub bucket: Bucket,
    /// The record.
    pub index: u64,
    /// The thread.
    pub thread: ThreadKey,
}

fn kept(key: &[u8]) -> Result<(Bucket, u64, DeskAddress), IndexError> {
    keys::of_kept(key).ok_or_else(|| IndexError::Corrupt("a key of what is kept does not read".into()))
}

fn kept_part((key, value): &(Vec<u8>, Vec<u8>)) -> Result<KeptPart, IndexError> {
    let (bucket, index, desk) = kept(key)?;
    let warning = Digest::decode(value)?;
    Ok(KeptPart {
        bucket,
        index,
        thread: ThreadKey { warning, desk },
    })
}

fn number_of(key: &[u8]) -> Result<u64, IndexError> {
    keys::last_number(key).ok_or_else(|| IndexError::Corrupt("a key is too short".into()))
}

impl Index {
    /// The buckets of which something is kept, in the order of their numbers.
    pub fn kept_buckets(&self) -> Result<Vec<Bucket>, IndexError> {
        let mut buckets = Vec::new();
        let (mut from, end) = (keys::all_kept(), keys::end_of(&keys::all_kept()));
        while let Some((key, _)) = self.store.range(&from, &end, Order::Ascending, 1)?.pop() {
            let bucket = kept(&key)?.0;
            buckets.push(bucket);
            from = keys::end_of(&keys::kept_of(bucket));
        }
        Ok(buckets)
    }

    /// What is kept of a bucket, in the order of the log; at most `limit`.
    pub fn kept(&self, bucket: Bucket, limit: usize) -> Result<Vec<KeptPart>, IndexError> {
        let entries = self.all(&keys::kept_of(bucket), limit)?;
        entries.iter().map(kept_part).collect()
    }

    /// The same after one of them.
    pub fn kept_after(
        &self,
        bucket: Bucket,
        after: Option<&KeptPart>,
        limit: usize,
    ) -> Result<Vec<KeptPart>, IndexError> {
        let Some(after) = after else {
            return self.kept(bucket, limit);
        };
        let mut from = keys::kept(bucket, after.index, &after.thread.desk);
        from.push(0);
        let end = keys::end_of(&keys::kept_of(bucket));
        let entries = self.store.range(&from, &end, Order::Ascending, limit)?;
        entries.iter().map(kept_part).collect()
    }

    /// Whether a part is kept, for a thread to tell when it is not any more.
    pub fn is_kept(&self, bucket: Bucket, index: u64, desk: &DeskAddress) -> Result<bool, IndexError> {
        Ok(self.store.value(&keys::kept(bucket, index, desk))?.is_some())
    }

    /// Whether any thread is still to tell of what lies beside this record.
    pub fn is_awaited(&self, bucket: Bucket, index: u64) -> Result<bool, IndexError> {
        Ok(!self.all(&keys::kept_beside(bucket, index), 1)?.is_empty())
    }

    /// Whether the log tells that what lay beside this record is erased.
    pub fn is_erased(&self, index: u64) -> Result<bool, IndexError> {
        Ok(self.store.value(&keys::erased(index))?.is_some())
    }

    /// A warning by the index of its `ACCEPTED` record.
    pub fn warning_at(&self, accepted: u64) -> Result<Option<(Digest, WarningFact)>, IndexError> {
        let stored: Option<StoredWarning> = self.typed(&keys::warning(accepted))?;
        Ok(stored.map(|stored| (stored.digest, stored.fact)))
    }

    /// The threads of a warning, in the order of the desks' names.
    pub fn threads(&self, warning: &Digest) -> Result<Vec<(DeskAddress, ThreadFact)>, IndexError> {
        let Some(accepted) = self.accepted(warning)? else {
            return Ok(Vec::new());
        };
        let mut threads = Vec::new();
        for (key, value) in self.all(&keys::threads(accepted), usize::MAX)? {
            let desk = keys::desk_of_thread(&key)
                .ok_or_else(|| IndexError::Corrupt("a thread's key holds no desk".into()))?;
            threads.push((desk, ThreadFact::decode(&value)?));
        }
        threads.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(threads)
    }

    /// The records of a thread from a number on: number and index.
    pub fn thread_records(
        &self,
        warning: &Digest,
        desk: &DeskAddress,
        from_seq: u64,
        limit: usize,
    ) -> Result<Vec<(u64, u64)>, IndexError> {
        let Some(accepted) = self.accepted(warning)? else {
            return Ok(Vec::new());
        };
        let entries = self.store.range(
            &keys::thread_record(accepted, desk, from_seq),
            &keys::end_of(&keys::thread_record(accepted, desk, u64::MAX)),
            Order::Ascending,
            limit,
        )?;
        entries
            .iter()
            .map(|(key, value)| Ok((number_of(key)?, u64::decode(value)?)))
            .collect()
    }

    /// What waits for a desk, with a number above `after`.
    pub fn pending(&self, desk: &DeskAddress, after: u64, limit: usize) -> Result<Vec<Routing>, IndexError> {
        let entries = self.store.range(
            &keys::pending(desk, after.saturating_add(1)),
            &keys::end_of(&keys::pending(desk, u64::MAX)),
            Order::Ascending,
            limit,
        )?;
        entries
            .iter()
            .map(|(key, value)| routing(number_of(key)?, value))
            .collect()
    }

    /// One number of a desk's inbox, if it still waits.
    pub fn waiting_at(&self, desk: &DeskAddress, number: u64) -> Result<Option<Routing>, IndexError> {
        match self.store.value(&keys::pending(desk, number))? {
            Some(value) => routing(number, &value).map(Some),
            None => Ok(None),
        }
    }

    /// How many warnings wait for a desk.
    pub fn waiting(&self, desk: &DeskAddress) -> Result<u64, IndexError> {
        Ok(self.typed(&keys::waiting(desk))?.unwrap_or(0))
    }

    /// A desk's inbox, newest first, with numbers below `below`.
    pub fn inbox(&self, desk: &DeskAddress, below: u64, limit: usize) -> Result<Vec<Routing>, IndexError> {
        let entries = self.store.range(
            &keys::inbox(desk, 0),
            &keys::inbox(desk, below),
            Order::Descending,
            limit,
        )?;
        entries
            .iter()
            .map(|(key, value)| routing(number_of(key)?, value))
            .collect()
    }

    /// What was routed to an agency's desks, newest first, at indexes below `below`.
    pub fn incoming(&self, agency: &AgencyId, below: u64, limit: usize) -> Result<Vec<Listed>, IndexError> {
        let entries = self.store.range(
            &keys::incoming(agency, 0),
            &keys::incoming(agency, below),
            Order::Descending,
            limit,
        )?;
        let listed = |(key, value): &(Vec<u8>, Vec<u8>)| {
            let stored = StoredIncoming::decode(value)?;
            Ok(Listed {
                index: number_of(key)?,
                warning: stored.warning,
                desk: Some(stored.desk),
            })
        };
        entries.iter().map(listed).collect()
    }

    /// What an agency sent, newest first, at indexes below `below`.
    pub fn outgoing(&self, agency: &AgencyId, below: u64, limit: usize) -> Result<Vec<Listed>, IndexError> {
        let entries = self.store.range(
            &keys::outgoing(agency, 0),
            &keys::outgoing(agency, below),
            Order::Descending,
            limit,
        )?;
        let listed = |(key, value): &(Vec<u8>, Vec<u8>)| {
            Ok(Listed {
                index: number_of(key)?,
                warning: Digest::decode(value)?,
                desk: None,
            })
        };
        entries.iter().map(listed).collect()
    }

    /// Records of the directory's chain from a number on: number and index.
    pub fn directory_records(&self, from_seq: u64, limit: usize) -> Result<Vec<(u64, u64)>, IndexError> {
        let entries = self.store.range(
            &keys::directory(from_seq),
            &keys::end_of(&keys::directory(u64::MAX)),
            Order::Ascending,
            limit,
        )?;
        entries
            .iter()
            .map(|(key, value)| Ok((number_of(key)?, u64::decode(value)?)))
            .collect()
    }
}

fn routing(number: u64, value: &[u8]) -> Result<Routing, IndexError> {
    let stored = StoredRouting::decode(value)?;
    Ok(Routing {
        number,
        warning: stored.warning,
        index: stored.index,
    })
}
