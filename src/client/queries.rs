//! Looking: lists, which are a convenience and prove nothing; and a warning's records as they come.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message as _;
use tonic::Streaming;

use super::connection::Backoff;
use super::error::ClientError;
use super::fault::{Fault, from_code};
use super::handle::Client;
use super::held::leaves;
use super::opening::Note;
use super::proven::ProvenRecord;
use super::receipts::Held;
use super::threads::{ThreadEvent, ThreadFact, Threads, VerifiedThread};
use super::trust::Keep;
use super::verification::VerificationError;
use crate::domain::{
    DeskAddress, DetachedPart, Digest, Direction, PayloadId, Step, WarningName, WarningSummary,
};
use crate::limits;
use crate::seal::SealSecretKey;
use crate::wire::{self, v1};

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
            reply: None,
            held: Vec::new(),
            told: BTreeMap::new(),
            stream: None,
            backoff: Backoff::new(limits::SESSION_BACKOFF_MS_MAX),
        })
    }
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
    /// What opens the texts of its answers, once it was asked for; none within: the warning is not ours.
    reply: Option<Option<Arc<SealSecretKey>>>,
    /// The receipts of our acknowledgements from before the stream.
    held: Vec<Held>,
    /// The records of each thread that were given out, over all streams: each stream shows them again.
    told: BTreeMap<DeskAddress, Vec<ProvenRecord>>,
    stream: Option<Streaming<v1::WatchWarningResponse>>,
    backoff: Backoff,
}

impl WarningWatch {
    /// The next of it. Waits as long as it takes; fails only for good.
    pub async fn next(&mut self) -> Result<Watched, ClientError> {
        loop {
            let came = match self.message().await {
                Ok(message) => message,
                Err(fault) => {
                    self.broken(fault).await?;
                    continue;
                }
            };
            match came.kind {
                Some(v1::watch_warning_response::Kind::Record(record)) => {
                    if let Some(watched) = self.take_in(record).await? {
                        return Ok(watched);
                    }
                }
                Some(v1::watch_warning_response::Kind::CaughtUp(_)) => {
                    self.whole().await?;
                    // A stream that ends before that has not worked, whatever it said: the waits go on growing.
                    self.backoff.reset();
                    return Ok(Watched::CaughtUp);
                }
                Some(v1::watch_warning_response::Kind::Ending(ending)) => {
                    self.broken(from_code(ending.code, &ending.sentence)).await?;
                }
                None => {}
            }
        }
    }

    /// The stream is gone, in whatever way: it is opened again after a wait, unless that is of no use.
    async fn broken(&mut self, fault: Fault) -> Result<(), ClientError> {
        self.stream = None;
        let error = ClientError::from(fault);
        if !error.is_passing() {
            return Err(error);
        }
        tracing::info!(%error, digest = %self.digest, "the watch broke; opening it again");
        self.backoff.wait().await;
        Ok(())
    }

    async fn message(&mut self) -> Result<v1::WatchWarningResponse, Fault> {
        if self.stream.is_none() {
            let request = v1::WatchWarningRequest {
                warning: Some((&WarningName::Digest(self.digest)).into()),
            };
            self.held = self.client.held().await?;
            let channel = self.client.inner.connection.channel();
            let opened = v1::exchange_client::ExchangeClient::new(channel)
                .watch_warning(request)
                .await?;
            self.threads = Threads::new();
            self.stream = Some(opened.into_inner());
        }
        let message = match &mut self.stream {
            Some(stream) => stream.message().await?,
            None => None,
        };
        // A relay that means to end says so first.
        message.ok_or_else(|| Fault::Failed(ClientError::Unknown("the watch ended".to_owned())))
    }

    /// All of the past has come: what was shown before, or what we hold receipts for, is in it.
    async fn whole(&self) -> Result<(), ClientError> {
        for (desk, before) in &self.told {
            self.client
                .shown_again(self.digest, desk, before, self.threads.get(desk))?;
        }
        let newest = self.client.newest_checkpoint().await;
        // What was shown: the last record of each thread, with its proof.
        let shown: Vec<String> = self
            .threads
            .values()
            .filter_map(|thread| thread.events.last())
            .map(|event| event.proven.tlog_proof().to_string())
            .collect();
        let shown: Vec<&[u8]> = shown.iter().map(String::as_bytes).collect();
        self.client
            .hold_against(&self.held, self.digest, &leaves(&self.threads), &newest, &shown)
            .await
    }

    /// Verifies a record; gives it unless it was given before.
    async fn take_in(&mut self, record: v1::WatchedRecord) -> Result<Option<Watched>, ClientError> {
        let evidence = record.encode_to_vec();
        let verified = self.verify(record).await;
        self.client.with_evidence(verified, "watch", &evidence)
    }

    /// Opens the text of an answer to a warning of ours.
    async fn open_note(&mut self, event: &mut ThreadEvent) -> Result<(), ClientError> {
        let ThreadFact::Acknowledged(answer) = &mut event.what else {
            return Ok(());
        };
        if let Note::Closed(_) = answer.note {
            if self.reply.is_none() {
                let warning = self.client.warning(WarningName::Digest(self.digest)).await?;
                self.reply = Some(warning.reply);
            }
            if let Some(Some(reply)) = &self.reply {
                let note = std::mem::replace(&mut answer.note, Note::Absent);
                answer.note = note.opened(&answer.acknowledgement, reply);
            }
        }
        Ok(())
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
        let mut event = thread.push(proven, text, &directory)?.clone();
        let (step, count) = (thread.step, thread.events.len());
        self.client.accept_seen_in(&event).await?;
        self.open_note(&mut event).await?;
        if step.number() != record.step {
            return Err(VerificationError::Thread {
                digest,
                desk,
                why: format!("the relay says another step than the records show ({step})"),
            }
            .into());
        }
        let told = self.told.entry(desk.clone()).or_default();
        if count <= told.len() {
            return Ok(None);
        }
        told.push(event.proven.clone());
        Ok(Some(Watched::Record {
            desk,
            step,
            event: Box::new(event),
        }))
    }
}
