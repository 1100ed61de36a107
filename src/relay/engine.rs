//! What a running relay is made of, and what its rooms share: the durable snapshot, commands in flight, records and
//! receipts.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::answers::{Caller, Ending, Failure};
use super::budget::Budgets;
use super::delivery::SessionTimes;
use super::delivery::hub::Hub;
use super::durable::Durable;
use super::meters::Meters;
use super::parts::BadPart;
use super::reads::Reads;
#[cfg(test)]
use super::retention::eraser::Eraser;
use super::sequencer::{Phase, Queue};
use super::signing::Earlier;
use super::witnesses::Witnesses;
use crate::alarm::Alarms;
use crate::domain::{DetachedPart, KeyId, Origin, Principal, Receipt, Record};
use crate::error::{ErrorCode, Refused};
use crate::journal::{Index, IndexError, Journal, Part, PartKind};
use crate::ledger::Directory;
use crate::limits;
use crate::retention::Keyring;
use crate::time::{Clock, Timestamp};
use crate::transparency::{LogSigner, inclusion_proof};
use crate::wire;

/// A running relay.
pub(super) struct Engine {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) index: Index,
    pub(super) keyring: Arc<Keyring>,
    pub(super) queue: Queue,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) budgets: Arc<Budgets>,
    /// Of what signers have seen.
    pub(super) alarms: Alarms<Principal>,
    pub(super) reads: Arc<Reads>,
    pub(super) hub: Arc<Hub>,
    pub(super) meters: Arc<Meters>,
    pub(super) log_key: Arc<LogSigner>,
    pub(super) earlier: Earlier,
    pub(super) origin: Origin,
    pub(super) version: String,
    pub(super) session_times: SessionTimes,
    pub(super) started: Timestamp,
    pub(super) durable: watch::Receiver<Arc<Durable>>,
    pub(super) directories: watch::Receiver<Arc<Directory>>,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) in_flight: watch::Sender<usize>,
    pub(super) witnesses: Option<Arc<Witnesses>>,
    /// Those who ask them; they end with the engine.
    pub(super) _attended: JoinSet<()>,
    pub(super) heartbeat: Option<tokio::task::JoinHandle<()>>,
    #[cfg(test)]
    pub(super) eraser: Eraser,
    pub(super) erasing: tokio::task::JoinHandle<()>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.abort();
        }
        self.erasing.abort();
    }
}

/// Something is under way; a drain waits for it.
pub(super) struct InFlight(Arc<Engine>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0
            .in_flight
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Engine {
    /// The newest durable block.
    pub(super) fn durable(&self) -> Arc<Durable> {
        Arc::clone(&self.durable.borrow())
    }

    /// Begins something that a drain waits for, unless the relay takes nothing new.
    pub(super) fn begin(self: &Arc<Self>) -> Result<InFlight, Failure> {
        self.in_flight
            .send_modify(|count| *count = count.saturating_add(1));
        let in_flight = InFlight(Arc::clone(self));
        // Looked at after counting: a drain that began before is seen here, one that begins later sees the count.
        match ending_of(&self.phase.borrow()) {
            None => Ok(in_flight),
            Some(ending) => Err(Failure::new(ending.code, ending.sentence)),
        }
    }

    pub(super) fn authenticate(&self, tls_keyid: &KeyId) -> Result<Caller, Refused> {
        let directory = &self.durable().directory;
        match directory.session_principal(tls_keyid) {
            Some(principal) => Ok(Caller {
                principal,
                tls_keyid: *tls_keyid,
            }),
            None => Err(Refused::new(
                ErrorCode::UnknownCertificate,
                "the key of the session's certificate is not enrolled",
            )),
        }
    }

    /// Why a session of this caller must end now, if it must.
    pub(super) fn ending_for(&self, caller: &Caller) -> Option<Ending> {
        if let Some(ending) = ending_of(&self.phase.borrow()) {
            return Some(ending);
        }
        self.still_enrolled(caller).err().map(|failure| Ending {
            code: failure.refused.code,
            sentence: failure.refused.sentence,
        })
    }

    /// A stream outlives the look at its caller: a TLS key that was revoked meanwhile does and reads nothing more over it.
    pub(super) fn still_enrolled(&self, caller: &Caller) -> Result<(), Failure> {
        let principal = self.durable().directory.session_principal(&caller.tls_keyid);
        match principal.as_ref() == Some(caller.principal()) {
            true => Ok(()),
            false => Err(Failure::new(
                ErrorCode::RevokedKey,
                "the key of the session's certificate was revoked",
            )),
        }
    }

    /// The stored bytes of `count` records from `first` on.
    pub(super) async fn records(&self, first: u64, count: u64) -> Result<Vec<Bytes>, Failure> {
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        let mut records = Vec::new();
        while records.len() < wanted {
            let next = first.saturating_add(records.len() as u64);
            let read = self
                .journal
                .read(
                    next,
                    wanted.saturating_sub(records.len()),
                    limits::BLOCK_BYTES_MAX,
                )
                .await
                .map_err(|e| self.broken(&e))?;
            if read.is_empty() {
                return Err(self.broken(&format!("record {next} is missing")));
            }
            records.extend(read.into_iter().map(|(_, bytes)| bytes));
        }
        Ok(records)
    }

    /// One record, as stored and as data.
    pub(super) async fn record_at(&self, index: u64) -> Result<(Bytes, Record), Failure> {
        let mut records = self.records(index, 1).await?;
        let bytes = records.pop().unwrap_or_default();
        let record = wire::record(&bytes).map_err(|e| self.broken(&e))?;
        Ok((bytes, record))
    }

    /// A body or a text, unless it was erased.
    pub(super) async fn detached(&self, index: u64, kind: PartKind) -> Result<Option<DetachedPart>, Failure> {
        // What an older version stored plain may still lie there when the log tells already that it is erased.
        let erased = self.index.clone();
        let erased = self.blocking(move || erased.is_erased(index)).await?;
        if erased.map_err(|e| self.broken(&e))? {
            return Ok(None);
        }
        self.stored(index, kind, super::parts::detached).await
    }

    /// What lies beside a record, as it is read. It may be moved under another key between the reading and the looking for the
    /// key: then it is read once more.
    async fn stored<T>(
        &self,
        index: u64,
        kind: PartKind,
        read: impl Fn(&Part, &Keyring) -> Result<Option<T>, BadPart>,
    ) -> Result<Option<T>, Failure> {
        let part = || async { self.journal.part(index, kind).await.map_err(|e| self.broken(&e)) };
        let Some(first) = part().await? else {
            return Ok(None);
        };
        let mut found = read(&first, &self.keyring);
        if !matches!(found, Ok(Some(_)))
            && let Some(second) = part().await?.filter(|second| *second != first)
        {
            found = read(&second, &self.keyring);
        }
        Ok(self.undamaged(found))
    }

    /// The key of a sealed body, wrapped for one agency, beside record `index`; none: erased, or there never was one.
    pub(super) async fn wrap(&self, index: u64) -> Result<Option<Bytes>, Failure> {
        self.stored(index, PartKind::Wrap, super::parts::wrap).await
    }

    /// A part, unless it cannot be read: a person must look, but one damaged part must not keep anybody from all the others.
    fn undamaged<T>(&self, read: Result<Option<T>, BadPart>) -> Option<T> {
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "what is stored beside a record is damaged: it is shown as absent");
            self.meters.parts_damaged.add(1);
            None
        })
    }

    /// Receipts of records that follow each other, against one checkpoint.
    pub(super) async fn receipts(
        &self,
        durable: &Durable,
        first: u64,
        records: Vec<Bytes>,
    ) -> Result<Vec<Receipt>, Failure> {
        let numbered = (first..).zip(records).collect();
        self.receipts_of(durable, numbered).await
    }

    /// Receipts of any records, against one checkpoint.
    pub(super) async fn receipts_of(
        &self,
        durable: &Durable,
        records: Vec<(u64, Bytes)>,
    ) -> Result<Vec<Receipt>, Failure> {
        let (size, index) = (durable.size(), self.index.clone());
        let prove = move || {
            let receipt = |(number, record)| {
                Ok(Receipt {
                    index: number,
                    record,
                    inclusion_proof: inclusion_proof(size, number, &index)
                        .map_err(|e| format!("no proof of record {number} at size {size}: {e}"))?,
                })
            };
            records
                .into_iter()
                .map(receipt)
                .collect::<Result<Vec<_>, String>>()
        };
        self.blocking(prove).await?.map_err(|e| self.broken(&e))
    }

    /// Runs what reads the index on a thread that may block.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| self.broken(&"a read of the index did not finish"))
    }

    /// What was read of the index, once everything that the read may have seen is published. The index runs ahead of what is
    /// published for a moment: whoever does something because of what it holds, or does not hold, would do it before
    /// anybody can be shown why.
    pub(super) async fn published<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Index) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, Failure> {
        let index = self.index.clone();
        let read = move || {
            let it = read(&index)?;
            // Read last: it is at least the position of whatever was seen.
            let position = index.position()?.map_or(0, |position| position.size);
            Ok::<_, IndexError>((it, position))
        };
        let (it, position) = self.blocking(read).await?.map_err(|e| self.broken(&e))?;
        let mut durable = self.durable.clone();
        let reached = durable.wait_for(|durable| durable.size() >= position).await;
        // The sequencer ended in between: it has failed, and this relay publishes nothing more.
        reached
            .map(|_| it)
            .map_err(|_| Failure::new(ErrorCode::Unavailable, FAILED))
    }

    /// Something that should be there is not: a person must look. The peer learns nothing of it.
    pub(super) fn broken(&self, error: &dyn std::fmt::Display) -> Failure {
        tracing::error!(%error, "what is stored could not be read");
        Failure {
            side_effect: super::SideEffect::Unknown,
            ..Failure::new(ErrorCode::Internal, "the relay could not read what it needs")
        }
    }
}

/// What is said of a relay that can publish nothing more.
const FAILED: &str = "the relay has failed and must be started anew";

/// Why nothing new begins in this phase, and what runs ends.
pub(super) fn ending_of(phase: &Phase) -> Option<Ending> {
    let ending = |code, sentence: &str| {
        Some(Ending {
            code,
            sentence: sentence.to_owned(),
        })
    };
    match phase {
        Phase::Running => None,
        Phase::Draining | Phase::Closed => ending(ErrorCode::Draining, "the relay is shutting down"),
        Phase::Failed(_) => ending(ErrorCode::Unavailable, FAILED),
    }
}
