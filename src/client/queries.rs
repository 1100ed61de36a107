//! Looking: one warning with its threads, verified; lists, which are a convenience and prove nothing; and a warning's
//! records as they come.

use std::collections::BTreeMap;

use prost::Message as _;
use tonic::Streaming;

use super::connection::Backoff;
use super::delivery::{Checked, check_addressed, check_warning};
use super::error::ClientError;
use super::fault::{Fault, from_code};
use super::handle::Client;
use super::proven::{ProvenRecord, prove, prove_message};
use super::threads::{ThreadEvent, ThreadFact, Threads, VerifiedThread};
use super::trust::Keep;
use super::verification::VerificationError;
use crate::domain::{
    Body, DeskAddress, DetachedPart, Digest, Direction, KeyId, PayloadId, RecordKind, SignedEnvelope, Step,
    ThreadView, Warning, WarningName, WarningSummary,
};
use crate::limits;
use crate::transparency::SignedCheckpoint;
use crate::wire::{self, v1};

/// A warning and its threads, as far as this principal may see them; everything here was verified.
#[derive(Debug, Clone)]
pub struct VerifiedWarning {
    /// The warning.
    pub digest: Digest,
    /// What is signed.
    pub warning: Warning,
    /// What it says; none: the body was erased.
    pub body: Option<Body>,
    /// The key that signed it.
    pub keyid: KeyId,
    /// Whether a person has confirmed that key.
    pub key_confirmed: bool,
    /// The `ACCEPTED` record; its originator and auditors only.
    pub accepted: Option<ProvenRecord>,
    /// The threads, by recipient.
    pub threads: BTreeMap<DeskAddress, VerifiedThread>,
    /// What all of it was proven against.
    pub checkpoint: SignedCheckpoint,
}

/// Which warnings a list is of.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Which way; none: both.
    pub direction: Option<Direction>,
    /// Only those that lack an answer.
    pub open_only: bool,
    /// Incoming: this desk only.
    pub desk: Option<DeskAddress>,
    /// Rows at the most of one page; 0: the relay's default.
    pub page_size: u32,
    /// Of the page before; empty: the first.
    pub page_token: String,
}

impl Client {
    /// One warning with its threads. Fails if anything of it does not verify, or if a thread is missing.
    pub async fn warning(&self, name: WarningName) -> Result<VerifiedWarning, ClientError> {
        let before = self.inner.trust.newest().await.size();
        let request = v1::GetWarningRequest {
            warning: Some((&name).into()),
        };
        let answer = self
            .inner
            .connection
            .call(&request, |channel, message| async move {
                v1::exchange_client::ExchangeClient::new(channel)
                    .max_decoding_message_size(limits::GRPC_ANSWER_BYTES_MAX)
                    .get_warning(message)
                    .await
            })
            .await?;
        let evidence = answer.encode_to_vec();
        let verified = self.verify_warning(name, answer, before).await;
        self.with_evidence(verified, "warning", &evidence)
    }

    async fn verify_warning(
        &self,
        name: WarningName,
        answer: v1::GetWarningResponse,
        before: u64,
    ) -> Result<VerifiedWarning, ClientError> {
        let checkpoint = self
            .inner
            .trust
            .accept_fresh(&answer.checkpoint, before, self)
            .await?;
        let directory = self.directory_to(checkpoint.size()).await?;
        let malformed = |_| VerificationError::Incomplete("the warning cannot be read");
        let envelope: SignedEnvelope = wire::required_as(answer.envelope, "envelope").map_err(malformed)?;
        let body: Option<DetachedPart> = wire::optional_as(answer.body, "body").map_err(malformed)?;
        let accepted = answer
            .accepted
            .map(|receipt| prove_message(Some(receipt), &checkpoint))
            .transpose()?;
        let views = answer
            .threads
            .into_iter()
            .map(ThreadView::try_from)
            .collect::<Result<Vec<_>, _>>()
            .map_err(malformed)?;
        let digest = envelope.digest();
        let first_index = match (
            &accepted,
            views.iter().flat_map(|view| view.records.first()).next(),
        ) {
            (Some(accepted), _) => accepted.index(),
            (None, Some(routed)) => routed.index,
            (None, None) => return Err(VerificationError::Incomplete("no record shows the warning").into()),
        };
        let checked = check_warning(
            envelope,
            body,
            first_index,
            self.settings().log.origin(),
            &directory,
        )?;
        self.accept_seen_of(&checked).await?;
        let named = match name {
            WarningName::Digest(wanted) => wanted == digest,
            WarningName::Id(wanted) => wanted == checked.warning.common.id,
        };
        if !named {
            return Err(VerificationError::Incomplete("it is another warning than was asked for").into());
        }
        let mut threads = Threads::new();
        for view in views {
            let (claimed, desk) = (view.step, view.desk.clone());
            let thread = verify_thread(view, &checked, &checkpoint, &directory)?;
            if thread.step != claimed {
                return Err(VerificationError::Thread {
                    digest,
                    desk,
                    why: format!("the relay says {claimed} and the records show {}", thread.step),
                }
                .into());
            }
            threads.insert(desk, thread);
        }
        for answer in threads.values().flat_map(|thread| &thread.events) {
            self.accept_seen_in(answer).await?;
        }
        if let Some(accepted) = &accepted {
            self.check_acceptance(&checked, accepted, &threads)?;
        }
        let keyid = checked.verified.keyid();
        Ok(VerifiedWarning {
            digest,
            keyid,
            key_confirmed: directory.is_confirmed(&keyid),
            warning: checked.warning,
            body: checked.body,
            accepted,
            threads,
            checkpoint,
        })
    }

    /// An acceptance holds the warning and, to its originator, every thread that it lists.
    fn check_acceptance(
        &self,
        checked: &Checked,
        accepted: &ProvenRecord,
        threads: &Threads,
    ) -> Result<(), VerificationError> {
        let RecordKind::Accepted(record) = &accepted.record().kind else {
            return Err(VerificationError::OtherRecord {
                index: accepted.index(),
                why: "it is no ACCEPTED record",
            });
        };
        if record.warning != *checked.verified.envelope() {
            return Err(VerificationError::OtherRecord {
                index: accepted.index(),
                why: "it holds another warning",
            });
        }
        let shown: Vec<_> = threads.values().filter_map(VerifiedThread::routed_leaf).collect();
        if !shown.iter().all(|leaf| record.routed.contains(leaf)) {
            return Err(VerificationError::Incomplete(
                "a thread is shown that the acceptance does not list",
            ));
        }
        let ours = checked
            .warning
            .common
            .named()
            .is_some_and(|signer| self.is_us(&signer.principal));
        if ours && !record.routed.iter().all(|leaf| shown.contains(leaf)) {
            return Err(VerificationError::Incomplete(
                "a thread is missing that the acceptance lists",
            ));
        }
        Ok(())
    }

    /// What the originator had seen is on the history that we see.
    pub(super) async fn accept_seen_of(&self, checked: &Checked) -> Result<(), ClientError> {
        match checked.warning.common.named().and_then(|signer| signer.seen) {
            Some(seen) => {
                self.inner
                    .trust
                    .accept_seen(&seen, checked.verified.payload(), self)
                    .await
            }
            None => Ok(()),
        }
    }

    /// What a recipient had seen is on the history that we see.
    pub(super) async fn accept_seen_in(&self, event: &ThreadEvent) -> Result<(), ClientError> {
        if let ThreadFact::Acknowledged(answer) = &event.what
            && let Some(seen) = answer
                .acknowledgement
                .common
                .named()
                .and_then(|signer| signer.seen)
        {
            self.inner
                .trust
                .accept_seen(&seen, event.proven.bytes(), self)
                .await?;
        }
        Ok(())
    }

    /// One page of warnings, newest first, and the token of the next page (empty: this was the last). Not proven.
    pub async fn list(&self, query: &ListQuery) -> Result<(Vec<WarningSummary>, String), ClientError> {
        let request = v1::ListWarningsRequest {
            direction: match query.direction {
                None => v1::Direction::Unspecified,
                Some(Direction::In) => v1::Direction::In,
                Some(Direction::Out) => v1::Direction::Out,
            }
            .into(),
            open_only: query.open_only,
            desk: query.desk.as_ref().map(ToString::to_string).unwrap_or_default(),
            page_size: query.page_size,
            page_token: query.page_token.clone(),
        };
        let answer = self
            .inner
            .connection
            .call(&request, |channel, message| async move {
                v1::exchange_client::ExchangeClient::new(channel)
                    .max_decoding_message_size(limits::GRPC_ANSWER_BYTES_MAX)
                    .list_warnings(message)
                    .await
            })
            .await?;
        let rows = answer
            .warnings
            .into_iter()
            .map(WarningSummary::try_from)
            .collect::<Result<_, _>>()
            .map_err(|refused| ClientError::Unknown(format!("the list cannot be read: {refused}")))?;
        Ok((rows, answer.next_page_token))
    }

    /// Watches one warning: its records from the beginning, then as they come. Reconnects by itself.
    pub async fn watch(&self, name: WarningName) -> Result<WarningWatch, ClientError> {
        let warning = self.warning(name).await?;
        Ok(WarningWatch {
            client: self.clone(),
            digest: warning.digest,
            id: warning.warning.common.id,
            threads: Threads::new(),
            told: BTreeMap::new(),
            stream: None,
            backoff: Backoff::new(limits::SESSION_BACKOFF_MS_MAX),
        })
    }
}

fn verify_thread(
    view: ThreadView,
    checked: &Checked,
    checkpoint: &SignedCheckpoint,
    directory: &super::directory::KnownDirectory,
) -> Result<VerifiedThread, VerificationError> {
    let digest = checked.verified.digest();
    let mut texts: BTreeMap<u64, DetachedPart> = view.texts.into_iter().collect();
    let mut thread = VerifiedThread::new(digest, checked.warning.common.id, view.desk.clone());
    for receipt in view.records {
        let proven = prove(receipt, checkpoint)?;
        let text = texts.remove(&proven.index());
        if thread.events.is_empty() {
            let desk = check_addressed(checked, &proven, directory)?;
            if desk != view.desk {
                return Err(VerificationError::Incomplete(
                    "a thread begins with another's record",
                ));
            }
        }
        thread.push(proven, text, directory)?;
    }
    if thread.events.is_empty() {
        return Err(VerificationError::Incomplete("a thread without records"));
    }
    Ok(thread)
}

/// What comes of a watched warning.
#[derive(Debug, Clone)]
pub enum Watched {
    /// A record of a recipient's thread, with the step and answer after it.
    Record {
        /// The recipient.
        desk: DeskAddress,
        /// Its highest evidence after this record.
        step: Step,
        /// The record.
        event: Box<ThreadEvent>,
    },
    /// All that was recorded when the watch began has come.
    CaughtUp,
}

/// A watch of one warning.
#[derive(Debug)]
pub struct WarningWatch {
    client: Client,
    digest: Digest,
    id: PayloadId,
    threads: Threads,
    /// How many records of each thread were given out, over all streams.
    told: BTreeMap<DeskAddress, usize>,
    stream: Option<Streaming<v1::WatchWarningResponse>>,
    backoff: Backoff,
}

impl WarningWatch {
    /// The next of it. Waits as long as it takes; fails only for good.
    pub async fn next(&mut self) -> Result<Watched, ClientError> {
        loop {
            let came = match self.message().await {
                Ok(Some(message)) => message,
                Ok(None) => {
                    self.stream = None;
                    continue;
                }
                Err(fault) => {
                    self.stream = None;
                    if !fault.is_worth_retrying() {
                        return Err(fault.into());
                    }
                    self.backoff.wait().await;
                    continue;
                }
            };
            self.backoff.reset();
            match came.kind {
                Some(v1::watch_warning_response::Kind::Record(record)) => {
                    if let Some(watched) = self.take_in(record).await? {
                        return Ok(watched);
                    }
                }
                Some(v1::watch_warning_response::Kind::CaughtUp(_)) => return Ok(Watched::CaughtUp),
                Some(v1::watch_warning_response::Kind::Ending(ending)) => {
                    self.stream = None;
                    let fault = from_code(ending.code, &ending.sentence);
                    if !fault.is_worth_retrying() {
                        return Err(fault.into());
                    }
                    self.backoff.wait().await;
                }
                None => {}
            }
        }
    }

    async fn message(&mut self) -> Result<Option<v1::WatchWarningResponse>, Fault> {
        if self.stream.is_none() {
            let request = v1::WatchWarningRequest {
                warning: Some((&WarningName::Digest(self.digest)).into()),
            };
            let channel = self.client.inner.connection.channel();
            let opened = v1::exchange_client::ExchangeClient::new(channel)
                .watch_warning(request)
                .await?;
            self.threads = Threads::new();
            self.stream = Some(opened.into_inner());
        }
        match &mut self.stream {
            Some(stream) => Ok(stream.message().await?),
            None => Ok(None),
        }
    }

    /// Verifies a record; gives it unless it was given before.
    async fn take_in(&mut self, record: v1::WatchedRecord) -> Result<Option<Watched>, ClientError> {
        let evidence = record.encode_to_vec();
        let verified = self.verify(record).await;
        self.client.with_evidence(verified, "watch", &evidence)
    }

    async fn verify(&mut self, record: v1::WatchedRecord) -> Result<Option<Watched>, ClientError> {
        let malformed = |_| VerificationError::Incomplete("a watched record cannot be read");
        let desk: DeskAddress = record
            .desk
            .parse()
            .map_err(|_| VerificationError::Incomplete("a watched record names no desk"))?;
        let text: Option<DetachedPart> = wire::optional_as(record.text, "text").map_err(malformed)?;
        let proven = self
            .client
            .prove_with_own_checkpoint(record.receipt, Keep::Now)
            .await?;
        let directory = self.client.directory_to(proven.index().saturating_add(1)).await?;
        let (digest, id) = (self.digest, self.id);
        let thread = self
            .threads
            .entry(desk.clone())
            .or_insert_with(|| VerifiedThread::new(digest, id, desk.clone()));
        let event = thread.push(proven, text, &directory)?.clone();
        let (step, count) = (thread.step, thread.events.len());
        self.client.accept_seen_in(&event).await?;
        if step.number() != record.step {
            return Err(VerificationError::Thread {
                digest,
                desk,
                why: format!("the relay says another step than the records show ({step})"),
            }
            .into());
        }
        let told = self.told.entry(desk.clone()).or_insert(0);
        if count <= *told {
            return Ok(None);
        }
        *told = count;
        Ok(Some(Watched::Record {
            desk,
            step,
            event: Box::new(event),
        }))
    }
}
