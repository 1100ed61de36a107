//! Watches of one warning: its records from the beginning on, as they become durable. A watch holds a cursor for each
//! thread and reads from the index when its bell rings; there is no queue of records that a slow reader could fill.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::{Notify, watch};

use super::answers::{Caller, Failure, WatchEvent, WatchedRecord};
use super::delivery::hub::Seat;
use super::engine::Engine;
use super::sequencer::Phase;
use crate::domain::{DeskAddress, Digest, RecordKind, Step, WarningName};
use crate::error::ErrorCode;
use crate::journal::PartKind;
use crate::ledger::Directory;
use crate::limits;
use crate::wire::{self, Recorded};

/// One warning's records from the beginning on, as they become durable.
pub struct WarningWatch {
    engine: Arc<Engine>,
    caller: Caller,
    warning: Digest,
    place: Seat<Digest, Notify>,
    directories: watch::Receiver<Arc<Directory>>,
    phase: watch::Receiver<Phase>,
    cursors: BTreeMap<DeskAddress, Cursor>,
    /// Read from the index, and not told yet: in the order of the log, at most a batch.
    found: VecDeque<Found>,
    /// The size of the log when the watch began; none: caught up was said.
    catch_up: Option<u64>,
    ended: bool,
}

/// How far a thread was told.
#[derive(Debug, Default)]
struct Cursor {
    next_seq: u64,
    step: Option<Step>,
}

#[derive(Debug, Clone)]
struct Found {
    index: u64,
    seq: u64,
    desk: DeskAddress,
}

/// Begins a watch.
pub(super) async fn open(
    engine: &Arc<Engine>,
    caller: &Caller,
    name: &WarningName,
) -> Result<WarningWatch, Failure> {
    drop(engine.begin()?);
    let durable = engine.durable();
    let sight = engine.sight(caller, name, &durable)?;
    let place = engine
        .hub
        .watch(caller.principal(), sight.digest)
        .ok_or_else(|| Failure::new(ErrorCode::Quota, "the relay has no room for another watch"))?;
    Ok(WarningWatch {
        engine: Arc::clone(engine),
        caller: caller.clone(),
        warning: sight.digest,
        place,
        directories: engine.directories.clone(),
        phase: engine.phase.subscribe(),
        cursors: BTreeMap::new(),
        found: VecDeque::new(),
        catch_up: Some(durable.size()),
        ended: false,
    })
}

impl WarningWatch {
    /// The next event; `None` after `Ending`. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        if self.ended {
            return None;
        }
        match self.event().await {
            Ok(event) => {
                self.ended = matches!(event, WatchEvent::Ending(_));
                Some(event)
            }
            Err(failure) => {
                self.ended = true;
                Some(WatchEvent::Ending(super::Ending {
                    code: failure.refused.code,
                    sentence: failure.refused.sentence,
                }))
            }
        }
    }

    async fn event(&mut self) -> Result<WatchEvent, Failure> {
        loop {
            // Marked as seen before they are looked at, so that a change in between wakes the wait below.
            self.phase.borrow_and_update();
            self.directories.borrow_and_update();
            if let Some(ending) = self.engine.ending_for(&self.caller) {
                return Ok(WatchEvent::Ending(ending));
            }
            if self.found.is_empty() {
                self.look()?;
            }
            let next = self.found.front().cloned();
            let reached = next.as_ref().map_or(u64::MAX, |found| found.index);
            if self.catch_up.take_if(|size| reached >= *size).is_some() {
                return Ok(WatchEvent::CaughtUp);
            }
            if let Some(found) = next {
                let event = self.tell(&found).await?;
                self.found.pop_front();
                return Ok(event);
            }
            tokio::select! {
                () = self.place.mailbox().notified() => {}
                _ = self.phase.changed() => {}
                _ = self.directories.changed() => {}
            }
        }
    }

    /// Reads what each thread has beyond its cursor.
    fn look(&mut self) -> Result<(), Failure> {
        let durable = self.engine.durable();
        let name = WarningName::Digest(self.warning);
        let sight = self.engine.sight(&self.caller, &name, &durable)?;
        let mut found = Vec::new();
        for (desk, _) in sight.threads {
            let from = self.cursors.get(&desk).map_or(0, |cursor| cursor.next_seq);
            let records = self
                .engine
                .index
                .thread_records(&self.warning, &desk, from, limits::DELIVERY_BATCH_MAX)
                .map_err(|e| self.engine.broken(&e))?;
            let durable = records.into_iter().filter(|(_, index)| *index < durable.size());
            found.extend(durable.map(|(seq, index)| Found {
                index,
                seq,
                desk: desk.clone(),
            }));
        }
        found.sort_unstable_by_key(|found| found.index);
        // A thread that was read up to its batch has more above its last: what lies beyond that comes next time.
        found.truncate(limits::DELIVERY_BATCH_MAX);
        self.found = found.into();
        Ok(())
    }

    async fn tell(&mut self, found: &Found) -> Result<WatchEvent, Failure> {
        let engine = Arc::clone(&self.engine);
        let durable = engine.durable();
        let (bytes, record) = engine.record_at(found.index).await?;
        let text = match &record.kind {
            RecordKind::Acknowledged(_) => engine.detached(found.index, PartKind::Text).await?,
            _ => None,
        };
        let receipt = engine
            .receipts(&durable, found.index, vec![bytes])
            .await?
            .pop()
            .ok_or_else(|| engine.broken(&"no receipt"))?;
        let cursor = self.cursors.entry(found.desk.clone()).or_default();
        cursor.next_seq = found.seq.saturating_add(1);
        cursor.step = cursor.step.max(step_of(&record.kind));
        Ok(WatchEvent::Record(Box::new(WatchedRecord {
            desk: found.desk.clone(),
            step: cursor.step.unwrap_or(Step::Routed),
            checkpoint: Arc::clone(&durable.checkpoint),
            receipt,
            text,
        })))
    }
}

/// What a thread's record is evidence of.
pub(super) fn step_of(kind: &RecordKind) -> Option<Step> {
    match kind {
        RecordKind::Routed(_) => Some(Step::Routed),
        RecordKind::HandedOver(_) => Some(Step::HandedOver),
        RecordKind::Acknowledged(envelope) => wire::acknowledgement(&Recorded(envelope))
            .ok()
            .map(|acknowledgement| acknowledgement.kind.step()),
        _ => None,
    }
}
