//! Replays of the log: every index of a range in order, as a record if the caller may see it, else as a leaf hash. Read
//! in bounded batches, so that a slow reader holds a batch and nothing else.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::answers::{Caller, Failure, ReplayQuery};
use super::durable::Durable;
use super::engine::Engine;
use super::parts;
use crate::domain::{Digest, InboxOpening, Record, RecordKind, ReplayedContent, ReplayedRecord};
use crate::error::ErrorCode;
use crate::journal::PartKind;
use crate::ledger::{is_visible, visibility};
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
    records: VecDeque<(u64, Bytes)>,
    failed: bool,
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
        durable,
        warning: query.warning,
        with_parts: query.with_parts,
        next: query.from_index,
        end,
        records: VecDeque::new(),
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
            let left = usize::try_from(self.end.saturating_sub(self.next)).unwrap_or(usize::MAX);
            let read = self
                .engine
                .journal
                .read(
                    self.next,
                    left.min(limits::REPLAY_BATCH_MAX),
                    limits::BLOCK_BYTES_MAX,
                )
                .await
                .map_err(|e| self.engine.broken(&e))?;
            let Some((last, _)) = read.last() else {
                return Err(self.engine.broken(&format!("record {} is missing", self.next)));
            };
            self.next = last.saturating_add(1);
            self.records.extend(read);
        }
        let Some((index, bytes)) = self.records.front().cloned() else {
            return Ok(None);
        };
        let replayed = self.show(index, bytes).await?;
        self.records.pop_front();
        Ok(Some(replayed))
    }

    async fn show(&self, index: u64, bytes: Bytes) -> Result<ReplayedRecord, Failure> {
        let record = wire::record(&bytes).map_err(|e| self.engine.broken(&e))?;
        let directory = &self.durable.directory;
        let who = visibility(&self.engine.index, &record).map_err(|e| self.engine.broken(&e))?;
        let asked_for = self.warning.is_none_or(|warning| is_about(&record, &warning));
        if !asked_for || !is_visible(directory, self.caller.principal(), &who) {
            return Ok(ReplayedRecord {
                index,
                content: ReplayedContent::LeafHash(leaf_hash(&bytes)),
                part: None,
                inbox: None,
            });
        }
        let mut replayed = ReplayedRecord {
            index,
            content: ReplayedContent::Record(bytes),
            part: None,
            inbox: None,
        };
        if self.with_parts {
            match &record.kind {
                RecordKind::Accepted(_) => {
                    replayed.part = self.engine.detached(index, PartKind::Body).await?;
                }
                RecordKind::Acknowledged(_) => {
                    replayed.part = self.engine.detached(index, PartKind::Text).await?;
                }
                RecordKind::Routed(routed)
                    if directory.sees_for(self.caller.principal(), routed.desk.agency()) =>
                {
                    replayed.inbox = self.engine.inbox_opening(index).await?;
                }
                _ => {}
            }
        }
        Ok(replayed)
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
