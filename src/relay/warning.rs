//! One warning as a caller may see it: its originator sees every thread, a recipient its own, an auditor what its
//! mandators see. Whoever sees nothing of it is told that there is no such warning.

use std::sync::Arc;

use super::answers::{Caller, Evidence, Failure, WarningView};
use super::durable::Durable;
use super::engine::Engine;
use super::page::{Place, no_token, parse_at, token_at};
use super::proofs::out_of_range;
use super::watch::step_of;
use crate::domain::{
    DeskAddress, Digest, Principal, RecordKind, SignedEnvelope, Step, ThreadView, WarningName, Wrap,
};
use crate::error::ErrorCode;
use crate::journal::{Head, Index, PartKind};
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
    /// All that it went to, whoever may see them. Not for the caller.
    pub(super) desks: Vec<DeskAddress>,
}

/// A warning with all its threads, whoever may see them.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    digest: Digest,
    fact: WarningFact,
    /// By the desks' names: the order that pages go by.
    threads: Vec<(DeskAddress, ThreadFact)>,
}

impl Whole {
    /// All warnings of this name.
    fn named(index: &Index, name: &WarningName) -> Result<Vec<Self>, String> {
        let text = |e: FactsError| e.to_string();
        let digests = match name {
            WarningName::Digest(digest) => vec![*digest],
            WarningName::Id(id) => index.warnings_with_id(id).map_err(text)?,
        };
        let mut found = Vec::new();
        for digest in digests {
            if let Some(fact) = index.warning(&digest).map_err(text)? {
                let mut threads = index.threads(&digest).map_err(|e| e.to_string())?;
                threads.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                found.push(Self {
                    digest,
                    fact,
                    threads,
                });
            }
        }
        Ok(found)
    }
}

impl Engine {
    pub(super) async fn warning(
        &self,
        caller: &Caller,
        name: &WarningName,
        page_token: &str,
    ) -> Result<WarningView, Failure> {
        let from = match Place::parse(page_token)? {
            Some(Place::Directory { .. }) => return Err(no_token()),
            from => from,
        };
        let durable = self.durable();
        let sight = self.sight(caller, name, &durable).await?;
        let mut room = Room::new(&durable);
        self.view(caller.principal(), &sight, &durable, from.as_ref(), &mut room)
            .await
    }

    pub(super) async fn evidence(
        &self,
        caller: &Caller,
        name: &WarningName,
        size: u64,
        page_token: &str,
    ) -> Result<Evidence, Failure> {
        let from = parse_at(page_token, size)?;
        let newest = self.durable();
        let head = self.head_at(size, &newest).await?;
        // Before anything is signed: whoever sees nothing of it makes no program run.
        let sight = self.sight_at(caller, name, head.size, &newest.directory).await?;
        let durable = self.durable_at(head, &newest).await?;
        let mut room = Room::new(&durable);
        let mut warning = self
            .view(caller.principal(), &sight, &durable, from.as_ref(), &mut room)
            .await?;
        let next_page_token = std::mem::take(&mut warning.next_page_token);
        let mut next_place = Place::parse(&next_page_token)?;
        let mut chain = Vec::new();
        if next_place.is_none() {
            let from_seq = match from {
                Some(Place::Directory { seq }) => seq,
                Some(Place::Thread { .. }) | None => 0,
            };
            let next;
            (chain, next) = self.chain(from_seq, &mut room, &durable).await?;
            next_place = next.map(|seq| Place::Directory { seq });
        }
        Ok(Evidence {
            warning,
            directory: self.receipts_of(&durable, chain).await?,
            next_page_token: next_place.map_or_else(String::new, |place| token_at(&place, size)),
        })
    }

    /// The head that a checkpoint of a size was made of; 0: the newest. Only of such sizes: signing others would say of a
    /// block's middle that it was once the end.
    async fn head_at(&self, size: u64, newest: &Durable) -> Result<Head, Failure> {
        if size == 0 || size == newest.size() {
            return Ok(newest.head);
        }
        if size > newest.size() {
            return Err(out_of_range(newest));
        }
        let head = self.journal.block_head(size).await.map_err(|e| self.broken(&e))?;
        head.ok_or_else(|| {
            Failure::new(
                ErrorCode::InvalidRequest,
                "no checkpoint was made at this size: take that of a checkpoint",
            )
        })
    }

    /// The log as the checkpoint of this head left it, for whoever may see what they may see now.
    async fn durable_at(&self, head: Head, newest: &Arc<Durable>) -> Result<Arc<Durable>, Failure> {
        if head == newest.head {
            return Ok(Arc::clone(newest));
        }
        let mut kept = None;
        if let Some(witnesses) = self.witnesses.clone() {
            let look = move || witnesses.at(head.size);
            kept = self.blocking(look).await?.map_err(|e| self.broken(&e))?;
        }
        let checkpoint = match kept {
            Some(checkpoint) => checkpoint,
            None => {
                let signed = self.earlier.note(head, &self.log_key).await;
                signed.map_err(|e| self.broken(&e))?
            }
        };
        Ok(Arc::new(Durable {
            head,
            checkpoint,
            directory: Arc::clone(&newest.directory),
        }))
    }

    /// What the caller may see of the warning of this name, as of `durable`.
    pub(super) async fn sight(
        &self,
        caller: &Caller,
        name: &WarningName,
        durable: &Durable,
    ) -> Result<Sight, Failure> {
        self.sight_at(caller, name, durable.size(), &durable.directory)
            .await
    }

    /// The same as of a size.
    async fn sight_at(
        &self,
        caller: &Caller,
        name: &WarningName,
        size: u64,
        directory: &Directory,
    ) -> Result<Sight, Failure> {
        let (index, name) = (self.index.clone(), *name);
        let look = move || Whole::named(&index, &name);
        let found = self.blocking(look).await?.map_err(|e| self.broken(&e))?;
        let accepted = found.into_iter().filter(|whole| whole.fact.accepted < size);
        let mut seen: Vec<Sight> = accepted
            .filter_map(|whole| sight_of(caller.principal(), whole, directory))
            .collect();
        let first = seen.pop();
        match (first, seen.is_empty()) {
            (Some(sight), true) => Ok(sight),
            (Some(_), false) => Err(Failure::new(
                ErrorCode::InvalidRequest,
                "several warnings have this id: name one by its digest",
            )),
            (None, _) => Err(not_yours()),
        }
    }

    /// The page that begins at a place, as far as there is room. On a page after the first there is room for any record.
    pub(super) async fn view(
        &self,
        viewer: &Principal,
        sight: &Sight,
        durable: &Durable,
        from: Option<&Place>,
        room: &mut Room,
    ) -> Result<WarningView, Failure> {
        let mut view = WarningView {
            checkpoint: Arc::clone(&durable.checkpoint),
            digest: sight.digest,
            envelope: None,
            body: None,
            accepted: None,
            threads: Vec::new(),
            next_page_token: String::new(),
            wraps: Vec::new(),
        };
        if let Some(Place::Thread { desk, .. }) = from
            && !sight.threads.iter().any(|(shown, _)| shown == desk)
        {
            // A mandate was withdrawn between two pages: an empty page would look as if the relay kept a thread back.
            return Err(Failure::new(
                ErrorCode::PermissionDenied,
                "what you may see of this warning is not what it was: ask for it from the beginning",
            ));
        }
        if from.is_none() {
            self.show_warning(sight, durable, room, &mut view).await?;
            self.show_wraps(viewer, sight, &mut view).await?;
        }
        for (desk, _) in &sight.threads {
            let from_seq = match from {
                None => 0,
                Some(Place::Thread { desk: first, .. }) if desk > first => 0,
                Some(Place::Thread { desk: first, seq }) if desk == first => *seq,
                Some(Place::Thread { .. } | Place::Directory { .. }) => continue,
            };
            let (thread, next) = self
                .thread_view(sight.digest, desk, from_seq, durable, room)
                .await?;
            if !thread.records.is_empty() {
                view.threads.push(thread);
            }
            if let Some(seq) = next {
                let desk = desk.clone();
                view.next_page_token = Place::Thread { desk, seq }.to_string();
                break;
            }
        }
        Ok(view)
    }

    /// The key of a sealed body, for the caller's own agency: nobody else could open it. Two at most. Of body and wraps one may
    /// be erased after the other was read: then neither is shown.
    async fn show_wraps(
        &self,
        viewer: &Principal,
        sight: &Sight,
        view: &mut WarningView,
    ) -> Result<(), Failure> {
        let Some(agency) = viewer.agency() else {
            return Ok(());
        };
        let mut beside = Vec::new();
        beside.extend((sight.fact.originator == *agency).then_some(sight.fact.accepted));
        let mut threads = sight.threads.iter();
        beside.extend(
            threads
                .find(|(desk, _)| desk.agency() == agency)
                .map(|(_, thread)| thread.routed),
        );
        let (_, first) = self.record_at(sight.fact.accepted.saturating_add(1)).await?;
        if !is_sealed(&first.kind) {
            return Ok(());
        }
        for index in &beside {
            let agency = agency.clone();
            let wrap = self.wrap(*index).await?;
            view.wraps.extend(wrap.map(|wrapped| Wrap { agency, wrapped }));
        }
        if view.body.is_none() || view.wraps.len() < beside.len() {
            view.wraps.clear();
            // Who is no party to it has no wrap to miss.
            view.body = view.body.take().filter(|_| beside.is_empty());
        }
        Ok(())
    }

    /// The warning itself. A page has room for it, whatever is in it.
    async fn show_warning(
        &self,
        sight: &Sight,
        durable: &Durable,
        room: &mut Room,
        view: &mut WarningView,
    ) -> Result<(), Failure> {
        let index = sight.fact.accepted;
        let (bytes, accepted) = self.record_at(index).await?;
        let envelope = envelope_of(accepted.kind)
            .ok_or_else(|| self.broken(&format!("record {index} accepts nothing")))?;
        let body = self.detached(index, PartKind::Body).await?;
        let body_bytes = body.as_ref().map_or(0, |body| body.content.len());
        let shown = envelope.payload.len().saturating_add(bytes.len());
        if !room.takes(shown.saturating_add(body_bytes)) {
            return Err(self.broken(&format!("no answer holds the warning of record {index}")));
        }
        if sight.as_originator {
            view.accepted = self.receipts(durable, index, vec![bytes]).await?.pop();
        }
        (view.envelope, view.body) = (Some(envelope), body);
        Ok(())
    }

    /// A thread from a number on, as far as there is room; and the number of the record that has none.
    async fn thread_view(
        &self,
        warning: Digest,
        desk: &DeskAddress,
        from_seq: u64,
        durable: &Durable,
        room: &mut Room,
    ) -> Result<(ThreadView, Option<u64>), Failure> {
        let (mut records, mut texts) = (Vec::new(), Vec::new());
        // Of the records that are shown: the index may be ahead of the checkpoint that they are proven against.
        let mut step = Step::Routed;
        let mut next = from_seq;
        let full = 'page: loop {
            let (index, of) = (self.index.clone(), desk.clone());
            let look = move || index.thread_records(&warning, &of, next, limits::VIEW_RECORDS_MAX);
            let found = self.blocking(look).await?.map_err(|e| self.broken(&e))?;
            let before = records.len();
            for (seq, index) in found.into_iter().filter(|(_, index)| *index < durable.size()) {
                let (bytes, record) = self.record_at(index).await?;
                let text = match &record.kind {
                    RecordKind::Acknowledged(_) => self.detached(index, PartKind::Text).await?,
                    _ => None,
                };
                let text_bytes = text.as_ref().map_or(0, |text| text.content.len());
                if !room.takes(bytes.len().saturating_add(text_bytes)) {
                    break 'page Some(seq);
                }
                step = step.max(step_of(&record.kind).unwrap_or(Step::Routed));
                texts.extend(text.map(|text| (index, text)));
                records.push((index, bytes));
                next = seq.saturating_add(1);
            }
            if records.len() == before {
                break None;
            }
        };
        let thread = ThreadView {
            desk: desk.clone(),
            step,
            records: self.receipts_of(durable, records).await?,
            texts,
        };
        Ok((thread, full))
    }
}

/// What somebody may see of a warning; none: nothing.
fn sight_of(viewer: &Principal, whole: Whole, directory: &Directory) -> Option<Sight> {
    let Whole {
        digest,
        fact,
        threads,
    } = whole;
    let as_originator = directory.sees_for(viewer, &fact.originator);
    let desks = threads.iter().map(|(desk, _)| desk.clone()).collect();
    let mut shown = threads;
    shown.retain(|(desk, _)| as_originator || directory.sees_for(viewer, desk.agency()));
    let sees = as_originator || !shown.is_empty();
    sees.then_some(Sight {
        digest,
        fact,
        as_originator,
        threads: shown,
        desks,
    })
}

/// Whoever sees nothing of a warning does not learn that there is one.
pub(super) fn not_yours() -> Failure {
    Failure::new(ErrorCode::NotFound, "no such warning is yours to see")
}

/// Whether a `ROUTED` record is of a warning with a sealed body.
pub(super) fn is_sealed(kind: &RecordKind) -> bool {
    matches!(kind, RecordKind::Routed(routed) if routed.wrap_digest.is_some())
}

/// The warning of an `ACCEPTED` record.
pub(super) fn envelope_of(kind: RecordKind) -> Option<SignedEnvelope> {
    match kind {
        RecordKind::Accepted(accepted) => Some(accepted.warning),
        _ => None,
    }
}

/// What one page may still hold.
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
}
