//! Watches of one warning: its records from the beginning on, as they become durable. A watch holds a cursor for each
//! thread and reads from the index what its bell rang for, in a turn like every reader; there is no queue of records
//! that a slow reader could fill.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::watch;

use super::answers::{Caller, Failure, WatchEvent, WatchedRecord};
use super::delivery::hub::{Moved, Seat, WatchBell};
use super::engine::Engine;
use super::reads::Reader;
use super::sequencer::Phase;
use super::warning::not_yours;
use crate::domain::{AgencyId, DeskAddress, Digest, RecordKind, Step, WarningName};
use crate::error::ErrorCode;
use crate::journal::{Index, IndexError, PartKind};
use crate::ledger::Directory;
use crate::limits;
use crate::wire::{self, Recorded};

/// One warning's records from the beginning on, as they become durable.
pub struct WarningWatch {
    engine: Arc<Engine>,
    caller: Caller,
    warning: Digest,
    originator: AgencyId,
    /// All that it went to: that never changes.
    desks: Vec<DeskAddress>,
    place: Seat<Digest, WatchBell>,
    reader: Reader,
    /// By which directory it was last decided what the caller sees; none: not yet.
    looked_by: Option<Arc<Directory>>,
    /// Threads that may have more than was found.
    moved: BTreeSet<DeskAddress>,
    directories: watch::Receiver<Arc<Directory>>,
    phase: watch::Receiver<Phase>,
    cursors: BTreeMap<DeskAddress, Cursor>,
    /// Read from the index, and not told yet: in the order of the log, at most a batch.
    found: VecDeque<Found>,
    /// The size of the log when the watch began; none: caught up was said.
    catch_up: Option<u64>,
    ended: bool,
    /// Threads that were read since the beginning.
    #[cfg(test)]
    pub(super) threads_read: usize,
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
    let reader = engine.reads.follower(caller.principal())?;
    let turn = reader.turn().await;
    let durable = engine.durable();
    let sight = engine.sight(caller, name, &durable).await?;
    drop(turn);
    let place = engine
        .hub
        .watch(caller.principal(), sight.digest)
        .ok_or_else(|| Failure::new(ErrorCode::Quota, "the relay has no room for another watch"))?;
    Ok(WarningWatch {
        engine: Arc::clone(engine),
        caller: caller.clone(),
        warning: sight.digest,
        originator: sight.fact.originator,
        desks: sight.desks,
        place,
        reader,
        looked_by: None,
        moved: BTreeSet::new(),
        directories: engine.directories.clone(),
        phase: engine.phase.subscribe(),
        cursors: BTreeMap::new(),
        found: VecDeque::new(),
        catch_up: Some(durable.size()),
        ended: false,
        #[cfg(test)]
        threads_read: 0,
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
            self.decide_what_is_seen()?;
            if self.found.is_empty() {
                self.look().await?;
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
                () = self.place.mailbox().rung() => {}
                _ = self.phase.changed() => {}
                _ = self.directories.changed() => {}
            }
        }
    }

    /// What the caller may see is asked of the newest directory, before anything is told. What a new mandate opens is
    /// looked at from its beginning; what a withdrawn one closes is told no more.
    fn decide_what_is_seen(&mut self) -> Result<(), Failure> {
        let directory = Arc::clone(&self.engine.durable().directory);
        if self
            .looked_by
            .as_ref()
            .is_some_and(|by| Arc::ptr_eq(by, &directory))
        {
            return Ok(());
        }
        let sees = |by: &Directory, desk: &DeskAddress| {
            let viewer = self.caller.principal();
            by.sees_for(viewer, &self.originator) || by.sees_for(viewer, desk.agency())
        };
        if !self.desks.iter().any(|desk| sees(&directory, desk)) {
            return Err(not_yours());
        }
        // The first look is at everything anyway.
        if let Some(before) = &self.looked_by {
            let opened = |desk: &&DeskAddress| sees(&directory, desk) && !sees(before, desk);
            self.moved.extend(self.desks.iter().filter(opened).cloned());
        }
        self.found.retain(|found| sees(&directory, &found.desk));
        self.looked_by = Some(directory);
        Ok(())
    }

    /// Reads what the threads that moved have beyond their cursors.
    async fn look(&mut self) -> Result<(), Failure> {
        match self.place.mailbox().moved() {
            Moved::Desks(desks) => self.moved.extend(desks),
            Moved::Any => self.moved.extend(self.desks.iter().cloned()),
        }
        let durable = self.engine.durable();
        let directory = self.looked_by.as_ref().unwrap_or(&durable.directory);
        let viewer = self.caller.principal();
        let all = directory.sees_for(viewer, &self.originator);
        self.moved
            .retain(|desk| all || directory.sees_for(viewer, desk.agency()));
        if self.moved.is_empty() {
            return Ok(());
        }
        let from = |desk: &DeskAddress| self.cursors.get(desk).map_or(0, |cursor| cursor.next_seq);
        let threads: Vec<(DeskAddress, u64)> =
            self.moved.iter().map(|desk| (desk.clone(), from(desk))).collect();
        #[cfg(test)]
        {
            self.threads_read += threads.len();
        }
        let (index, warning, size) = (self.engine.index.clone(), self.warning, durable.size());
        let turn = self.reader.turn().await;
        let read = move || beyond(&index, &warning, threads, size);
        let read = self.engine.blocking(read).await?;
        drop(turn);
        let (found, more) = read.map_err(|e| self.engine.broken(&e))?;
        self.found = found.into();
        self.moved = more;
        Ok(())
    }

    async fn tell(&mut self, found: &Found) -> Result<WatchEvent, Failure> {
        let engine = Arc::clone(&self.engine);
        let _turn = self.reader.turn().await;
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

/// The next records of threads in the order of the log, and the threads that have more.
fn beyond(
    index: &Index,
    warning: &Digest,
    threads: Vec<(DeskAddress, u64)>,
    size: u64,
) -> Result<(Vec<Found>, BTreeSet<DeskAddress>), IndexError> {
    let (mut found, mut more) = (Vec::new(), BTreeSet::new());
    for (desk, from) in threads {
        let records = index.thread_records(warning, &desk, from, limits::DELIVERY_BATCH_MAX)?;
        if records.len() >= limits::DELIVERY_BATCH_MAX {
            more.insert(desk.clone());
        }
        // What is not published yet rings again when it is.
        let durable = records.into_iter().filter(|(_, index)| *index < size);
        found.extend(durable.map(|(seq, index)| Found {
            index,
            seq,
            desk: desk.clone(),
        }));
    }
    found.sort_unstable_by_key(|found| found.index);
    // A thread that was read up to its batch has more above its last: what lies beyond that comes next time.
    more.extend(
        found
            .drain(limits::DELIVERY_BATCH_MAX.min(found.len())..)
            .map(|found| found.desk),
    );
    Ok((found, more))
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
