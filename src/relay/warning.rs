//! One warning as a caller may see it: its originator sees every thread, a recipient its own, an auditor what its
//! mandators see. Whoever sees nothing of it is told that there is no such warning.

use std::sync::Arc;

use super::answers::{Caller, Evidence, Failure, WarningView};
use super::durable::Durable;
use super::engine::Engine;
use super::watch::step_of;
use crate::domain::{DeskAddress, Digest, RecordKind, SignedEnvelope, Step, ThreadView, WarningName};
use crate::error::ErrorCode;
use crate::journal::PartKind;
use crate::ledger::{Directory, Facts, FactsError, ThreadFact, WarningFact};
use crate::limits;

/// What a caller may see of a warning.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) digest: Digest,
    pub(super) fact: WarningFact,
    /// As its originator, or as that one's auditor.
    pub(super) as_originator: bool,
    /// The threads, by the desks' names.
    pub(super) threads: Vec<(DeskAddress, ThreadFact)>,
}

impl Engine {
    pub(super) async fn warning(&self, caller: &Caller, name: &WarningName) -> Result<WarningView, Failure> {
        let durable = self.durable();
        let sight = self.sight(caller, name, &durable)?;
        self.view(&sight, &durable).await
    }

    pub(super) async fn evidence(&self, caller: &Caller, name: &WarningName) -> Result<Evidence, Failure> {
        let durable = self.durable();
        let sight = self.sight(caller, name, &durable)?;
        let warning = self.view(&sight, &durable).await?;
        let directory = self.whole_directory(&durable).await?;
        Ok(Evidence { warning, directory })
    }

    /// What the caller may see of the warning of this name, as of `durable`.
    pub(super) fn sight(
        &self,
        caller: &Caller,
        name: &WarningName,
        durable: &Durable,
    ) -> Result<Sight, Failure> {
        let broken = |e: FactsError| self.broken(&e);
        let digests = match name {
            WarningName::Digest(digest) => vec![*digest],
            WarningName::Id(id) => self.index.warnings_with_id(id).map_err(broken)?,
        };
        let mut seen = Vec::new();
        for digest in digests {
            seen.extend(self.sight_of(caller, digest, durable)?);
        }
        let first = seen.pop();
        match (first, seen.is_empty()) {
            (Some(sight), true) => Ok(sight),
            (Some(_), false) => Err(Failure::new(
                ErrorCode::InvalidRequest,
                "several warnings have this id: name one by its digest",
            )),
            (None, _) => Err(Failure::new(
                ErrorCode::NotFound,
                "no such warning is yours to see",
            )),
        }
    }

    fn sight_of(&self, caller: &Caller, digest: Digest, durable: &Durable) -> Result<Option<Sight>, Failure> {
        let fact = self.index.warning(&digest).map_err(|e| self.broken(&e))?;
        let Some(fact) = fact.filter(|fact| fact.accepted < durable.size()) else {
            return Ok(None);
        };
        let directory: &Directory = &durable.directory;
        let as_originator = directory.sees_for(caller.principal(), &fact.originator);
        let mut threads = self.index.threads(&digest).map_err(|e| self.broken(&e))?;
        threads.retain(|(desk, _)| as_originator || directory.sees_for(caller.principal(), desk.agency()));
        let sees = as_originator || !threads.is_empty();
        Ok(sees.then_some(Sight {
            digest,
            fact,
            as_originator,
            threads,
        }))
    }

    pub(super) async fn view(&self, sight: &Sight, durable: &Durable) -> Result<WarningView, Failure> {
        let (accepted_bytes, accepted) = self.record_at(sight.fact.accepted).await?;
        let envelope = envelope_of(accepted.kind)
            .ok_or_else(|| self.broken(&format!("record {} accepts nothing", sight.fact.accepted)))?;
        let mut room = Room::new(durable);
        room.take(envelope.payload.len().saturating_add(accepted_bytes.len()))?;
        let body = self.detached(sight.fact.accepted, PartKind::Body).await?;
        room.take(body.as_ref().map_or(0, |body| body.content.len()))?;
        let accepted = match sight.as_originator {
            true => {
                let receipts = self
                    .receipts(durable, sight.fact.accepted, vec![accepted_bytes])
                    .await?;
                receipts.into_iter().next()
            }
            false => None,
        };
        let mut threads = Vec::with_capacity(sight.threads.len());
        for (desk, _) in &sight.threads {
            threads.push(self.thread_view(sight.digest, desk, durable, &mut room).await?);
        }
        Ok(WarningView {
            checkpoint: Arc::clone(&durable.checkpoint),
            digest: sight.digest,
            envelope,
            body,
            accepted,
            threads,
        })
    }

    async fn thread_view(
        &self,
        warning: Digest,
        desk: &DeskAddress,
        durable: &Durable,
        room: &mut Room,
    ) -> Result<ThreadView, Failure> {
        let indexes = self
            .index
            .thread_records(&warning, desk, 0, limits::VIEW_RECORDS_MAX)
            .map_err(|e| self.broken(&e))?;
        let (mut records, mut texts) = (Vec::new(), Vec::new());
        // Of the records that are shown: the index may be ahead of the checkpoint that they are proven against.
        let mut step = Step::Routed;
        for (_, index) in indexes.into_iter().filter(|(_, index)| *index < durable.size()) {
            let (bytes, record) = self.record_at(index).await?;
            room.take(bytes.len())?;
            step = step.max(step_of(&record.kind).unwrap_or(Step::Routed));
            if matches!(record.kind, RecordKind::Acknowledged(_))
                && let Some(text) = self.detached(index, PartKind::Text).await?
            {
                room.take(text.content.len())?;
                texts.push((index, text));
            }
            records.push((index, bytes));
        }
        Ok(ThreadView {
            desk: desk.clone(),
            step,
            records: self.receipts_of(durable, records).await?,
            texts,
        })
    }
}

/// The warning of an `ACCEPTED` record.
pub(super) fn envelope_of(kind: RecordKind) -> Option<SignedEnvelope> {
    match kind {
        RecordKind::Accepted(accepted) => Some(accepted.warning),
        _ => None,
    }
}

/// What one answer may still hold.
pub(super) struct Room {
    bytes: usize,
    proof_bytes: usize,
}

impl Room {
    /// All of an answer whose receipts are proven in this log.
    pub(super) fn new(durable: &Durable) -> Self {
        const HASH_BYTES: usize = 32 + 2;
        let levels = usize::try_from(u64::BITS.saturating_sub(durable.size().leading_zeros())).unwrap_or(64);
        Self {
            bytes: limits::VIEW_BYTES_MAX,
            proof_bytes: levels.saturating_add(1).saturating_mul(HASH_BYTES),
        }
    }

    /// Takes a record or a part, with its proof, if it fits.
    pub(super) fn takes(&mut self, bytes: usize) -> bool {
        match self.bytes.checked_sub(bytes.saturating_add(self.proof_bytes)) {
            Some(left) => {
                self.bytes = left;
                true
            }
            None => false,
        }
    }

    /// The same, of what must fit.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Failure> {
        match self.takes(bytes) {
            true => Ok(()),
            false => Err(too_much()),
        }
    }
}

/// One answer does not hold it.
pub(super) fn too_much() -> Failure {
    Failure::new(
        ErrorCode::InvalidRequest,
        "this is more than one answer holds: watch the warning, replay the log, or page the directory",
    )
}
