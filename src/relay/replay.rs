//! Replays of the log: every index of a range in order, as a record if the caller may see it, else as a leaf hash. Read
//! in bounded batches, each in a turn of its own, so that a slow reader holds a batch and nothing else. What the caller
//! may see is asked of the newest directory, however long the replay goes on.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::answers::{Caller, Failure, ReplayQuery};
use super::durable::Durable;
use super::engine::Engine;
use super::parts;
use super::reads::Reader;
use crate::domain::{Digest, InboxOpening, Principal, Record, RecordKind, ReplayedContent, ReplayedRecord};
use crate::error::ErrorCode;
use crate::journal::{Index, PartKind};
use crate::ledger::{Directory, is_visible, visibility};
use crate::limits;
use crate::transparency::leaf_hash;
use crate::wire;

/// Every index of a range of the log.
pub struct Replay {
    engine: Arc<Engine>,
    caller: Caller,
    durable: Arc<Durable>,
    warning: Option<Digest>,
    with_parts: bool,
    next: u64,
    end: u64,
    /// Read, and not told yet.
    records: VecDeque<Read>,
    /// By which directory these were looked at.
    looked_by: Arc<Directory>,
    reader: Reader,
    failed: bool,
}

/// One record that was read.
#[derive(Debug, Clone)]
struct Read {
    index: u64,
    bytes: Bytes,
    shown: Shown,
}

/// What the caller may see of it.
#[derive(Debug, Clone, Copy)]
enum Shown {
    LeafHash,
    Record,
    /// With its body or text.
    WithPart(PartKind),
    /// With the opening of its inbox number.
    WithInbox,
}

/// Begins a replay.
pub(super) fn open(engine: &Arc<Engine>, caller: &Caller, query: &ReplayQuery) -> Result<Replay, Failure> {
    let durable = engine.durable();
    let end = match query.to_index {
        0 => durable.size(),
        to => to,
    };
    if end > durable.size() || query.from_index > end {
        return Err(Failure::new(
            ErrorCode::InvalidRequest,
            format!("the log has {} records", durable.size()),
        ));
    }
    Ok(Replay {
        engine: Arc::clone(engine),
        caller: caller.clone(),
        looked_by: Arc::clone(&durable.directory),
        durable,
        warning: query.warning,
        with_parts: query.with_parts,
        next: query.from_index,
        end,
        records: VecDeque::new(),
        reader: engine.reads.reader(caller.principal())?,
        failed: false,
    })
}

impl Replay {
    /// The checkpoint that the range is of.
    pub fn checkpoint(&self) -> &Arc<str> {
        &self.durable.checkpoint
    }

    /// The next index; `None` at the end. A failure is the last. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<ReplayedRecord, Failure>> {
        if self.failed {
            return None;
        }
        let result = self.replay().await;
        self.failed = result.is_err();
        result.transpose()
    }

    async fn replay(&mut self) -> Result<Option<ReplayedRecord>, Failure> {
        self.engine.still_enrolled(&self.caller)?;
        if self.records.is_empty() && self.next < self.end {
            self.read().await?;
        }
        self.look_again().await?;
        let Some(read) = self.records.front().cloned() else {
            return Ok(None);
        };
        let replayed = self.show(read).await?;
        self.records.pop_front();
        Ok(Some(replayed))
    }

    /// Reads the next batch.
    async fn read(&mut self) -> Result<(), Failure> {
        let _turn = self.reader.turn().await;
        let engine = &self.engine;
        let left = usize::try_from(self.end.saturating_sub(self.next)).unwrap_or(usize::MAX);
        let count = left.min(limits::REPLAY_BATCH_MAX);
        let read = engine
            .journal
            .read(self.next, count, limits::BLOCK_BYTES_MAX)
            .await
            .map_err(|e| engine.broken(&e))?;
        let Some(last) = read.last().map(|(last, _)| *last) else {
            return Err(engine.broken(&format!("record {} is missing", self.next)));
        };
        let directory = Arc::clone(&engine.durable().directory);
        self.records = self.look(read, &directory).await?;
        self.looked_by = directory;
        self.next = last.saturating_add(1);
        Ok(())
    }

    /// What was read and not told is looked at again when the directory has changed: a mandate that was withdrawn shows
    /// nothing more.
    async fn look_again(&mut self) -> Result<(), Failure> {
        let directory = Arc::clone(&self.engine.durable().directory);
        if self.records.is_empty() || Arc::ptr_eq(&directory, &self.looked_by) {
            return Ok(());
        }
        let _turn = self.reader.turn().await;
        let read = self.records.iter().map(|read| (read.index, read.bytes.clone()));
        let read = read.collect();
        self.records = self.look(read, &directory).await?;
        self.looked_by = directory;
        Ok(())
    }

    async fn look(
        &self,
        read: Vec<(u64, Bytes)>,
        directory: &Arc<Directory>,
    ) -> Result<VecDeque<Read>, Failure> {
        let engine = &self.engine;
        let scope = Scope {
            index: engine.index.clone(),
            directory: Arc::clone(directory),
            viewer: self.caller.principal().clone(),
            warning: self.warning,
            with_parts: self.with_parts,
        };
        let look = move || {
            let seen = |(index, bytes): (u64, Bytes)| {
                let shown = scope.shown(&bytes)?;
                Ok(Read { index, bytes, shown })
            };
            read.into_iter()
                .map(seen)
                .collect::<Result<VecDeque<_>, String>>()
        };
        engine.blocking(look).await?.map_err(|e| engine.broken(&e))
    }

    async fn show(&self, read: Read) -> Result<ReplayedRecord, Failure> {
        let Read { index, bytes, shown } = read;
        let mut replayed = ReplayedRecord {
            index,
            content: ReplayedContent::Record(bytes),
            part: None,
            inbox: None,
        };
        match shown {
            Shown::LeafHash => {
                if let ReplayedContent::Record(bytes) = &replayed.content {
                    replayed.content = ReplayedContent::LeafHash(leaf_hash(bytes));
                }
            }
            Shown::Record => {}
            Shown::WithPart(kind) => {
                let _turn = self.reader.turn().await;
                replayed.part = self.engine.detached(index, kind).await?;
            }
            Shown::WithInbox => {
                let _turn = self.reader.turn().await;
                replayed.inbox = self.engine.inbox_opening(index).await?;
            }
        }
        Ok(replayed)
    }
}

/// Who sees what of a replay.
struct Scope {
    index: Index,
    directory: Arc<Directory>,
    viewer: Principal,
    warning: Option<Digest>,
    with_parts: bool,
}

impl Scope {
    fn shown(&self, bytes: &[u8]) -> Result<Shown, String> {
        let record = wire::record(bytes).map_err(|e| e.to_string())?;
        let directory = &self.directory;
        let who = visibility(&self.index, &record).map_err(|e| e.to_string())?;
        let asked_for = self.warning.is_none_or(|warning| is_about(&record, &warning));
        if !asked_for || !is_visible(directory, &self.viewer, &who) {
            return Ok(Shown::LeafHash);
        }
        Ok(match &record.kind {
            _ if !self.with_parts => Shown::Record,
            RecordKind::Accepted(_) => Shown::WithPart(PartKind::Body),
            RecordKind::Acknowledged(_) => Shown::WithPart(PartKind::Text),
            RecordKind::Routed(routed) if directory.sees_for(&self.viewer, routed.desk.agency()) => {
                Shown::WithInbox
            }
            _ => Shown::Record,
        })
    }
}

impl Engine {
    /// What opens the inbox commitment of a `ROUTED` record, unless it was erased.
    pub(super) async fn inbox_opening(&self, routed: u64) -> Result<Option<InboxOpening>, Failure> {
        let part = self
            .journal
            .part(routed, PartKind::InboxOpening)
            .await
            .map_err(|e| self.broken(&e))?;
        part.map(|part| parts::inbox_opening(&part).map_err(|e| self.broken(&e)))
            .transpose()
    }
}

fn is_about(record: &Record, warning: &Digest) -> bool {
    if record
        .thread
        .as_ref()
        .is_some_and(|link| link.warning == *warning)
    {
        return true;
    }
    match &record.kind {
        RecordKind::Accepted(accepted) => accepted.warning.digest() == *warning,
        RecordKind::Rejected(rejected) => rejected.digest == *warning,
        _ => false,
    }
}
