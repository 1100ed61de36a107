//! Receiving a desk's warnings: each is verified and stored before anyone sees it, and `RECEIVED` is signed only for one that
//! its handler has taken. What was taken once is never given out again, across restarts too.
//!
//! A session that breaks is opened again, with longer and longer waits; what was not received comes again by itself.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::future::Future;

use bytes::Bytes;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::acknowledge::Acknowledged;
use super::connection::Backoff;
use super::delivery::{Delivered, check_addressed, check_inbox, check_warning};
use super::draft::AcknowledgementDraft;
use super::error::ClientError;
use super::fault::{Fault, from_code};
use super::handle::Client;
use super::inbox::{InboxName, InboxState};
use super::trust::{Keep, blocking, keep_evidence};
use super::verification::VerificationError;
use crate::domain::{
    AcknowledgementKind, DeskAddress, DetachedPart, InboxOpening, RecordKind, SignedEnvelope,
};
use crate::limits;
use crate::wire::{self, v1};

/// What comes to a desk.
#[derive(Debug)]
pub enum Incoming {
    /// A warning that was not taken yet. It is verified, and in the inbox.
    Warning(Box<Delivered>),
    /// `RECEIVED` for a warning is on the record, verified.
    Received(Box<Acknowledged>),
    /// All that waited has come. `missing` are numbers of the desk's inbox that this profile never saw: another machine of
    /// the desk received them, or they were withheld.
    CaughtUp {
        /// The desk's newest inbox number.
        newest: u64,
        /// How many this profile never saw.
        missing: u64,
        /// The first of them.
        first_missing: Vec<u64>,
    },
}

/// The deliveries of one desk.
#[derive(Debug)]
pub struct Deliveries {
    client: Client,
    desk: DeskAddress,
    stream: Option<Session>,
    backoff: Backoff,
    /// Inbox numbers of the desk that this profile has seen.
    seen: BTreeSet<u64>,
    receiving: JoinSet<Result<Acknowledged, ClientError>>,
    /// Deliveries that were given out and neither taken nor failed.
    credit_owed: u32,
    /// Deliveries since the newest checkpoint was written.
    unkept: u32,
}

#[derive(Debug)]
struct Session {
    up: mpsc::Sender<v1::ReceiveRequest>,
    down: Streaming<v1::ReceiveResponse>,
    /// Deliveries that the relay may still send.
    credit: u32,
}

impl Client {
    /// Opens a desk's deliveries; connects when the first one is asked for.
    pub async fn deliveries(&self, desk: DeskAddress) -> Result<Deliveries, ClientError> {
        let inbox = self.inbox().clone();
        let of_desk = desk.clone();
        let seen = blocking(move || {
            let all = inbox.list()?.into_keys();
            Ok(all
                .filter(|name| name.desk == of_desk)
                .map(|name| name.number)
                .collect())
        });
        Ok(Deliveries {
            client: self.clone(),
            desk,
            stream: None,
            backoff: Backoff::new(limits::SESSION_BACKOFF_MS_MAX),
            seen: seen.await?,
            receiving: JoinSet::new(),
            credit_owed: 0,
            unkept: 0,
        })
    }

    /// Receives a desk's warnings until `handler` fails or something does not verify: each one is stored, handled, and only
    /// then signed for. `handler` runs once for a warning, unless the power is cut while it runs.
    pub async fn receive<E: Display, F: Future<Output = Result<(), E>>>(
        &self,
        desk: DeskAddress,
        mut handler: impl FnMut(Delivered) -> F,
    ) -> Result<std::convert::Infallible, ClientError> {
        let mut deliveries = self.deliveries(desk).await?;
        loop {
            match deliveries.next().await? {
                Incoming::Warning(delivered) => {
                    let name = name_of(&delivered);
                    handler(*delivered)
                        .await
                        .map_err(|error| ClientError::Handler(error.to_string()))?;
                    deliveries.take(name).await?;
                }
                Incoming::Received(_) | Incoming::CaughtUp { .. } => {}
            }
        }
    }

    /// Verifies a delivery; gives what the inbox calls it.
    async fn verify_delivery(
        &self,
        message: v1::Delivery,
        desk: &DeskAddress,
    ) -> Result<(Delivered, InboxName), ClientError> {
        let malformed = |_| VerificationError::Incomplete("a delivery cannot be read");
        let envelope: SignedEnvelope = wire::required_as(message.envelope, "envelope").map_err(malformed)?;
        let body: Option<DetachedPart> = wire::optional_as(message.body, "body").map_err(malformed)?;
        let inbox: InboxOpening = wire::required_as(message.inbox, "inbox").map_err(malformed)?;
        let routed = self
            .prove_with_own_checkpoint(message.routed, Keep::Later)
            .await?;
        let directory = if let RecordKind::Routed(record) = &routed.record().kind {
            self.directory_with(record.directory.seq).await?
        } else {
            // Refused below, with a better word.
            self.known_directory().await
        };
        let origin = self.settings().log.origin().clone();
        let checked = check_warning(envelope, body, routed.index(), &origin, &directory)?;
        let digest = checked.verified.digest();
        let routed_to = check_addressed(&checked, &routed, &directory)?;
        if routed_to != *desk {
            return Err(VerificationError::Delivery {
                digest,
                why: format!("it was routed to {routed_to}, not to {desk}"),
            }
            .into());
        }
        check_inbox(digest, desk, &routed, &inbox)?;
        self.accept_seen_of(&checked).await?;
        let keyid = checked.verified.keyid();
        let name = InboxName {
            id: checked.warning.common.id,
            digest,
            desk: desk.clone(),
            number: inbox.number,
        };
        let delivered = Delivered {
            digest,
            warning: checked.warning,
            body: checked.body,
            desk: desk.clone(),
            keyid,
            key_confirmed: directory.is_confirmed(&keyid),
            inbox_number: inbox.number,
            routed_at: routed.record().time,
            routed,
            envelope: checked.verified.into_envelope(),
        };
        Ok((delivered, name))
    }

    /// A delivery that was stored, verified anew.
    pub async fn stored(&self, name: &InboxName) -> Result<Option<Delivered>, ClientError> {
        let (inbox, wanted) = (self.inbox().clone(), name.clone());
        let Some(bytes) = blocking(move || Ok(inbox.read(&wanted)?)).await? else {
            return Ok(None);
        };
        let message = v1::Delivery::decode(bytes)
            .map_err(|_| ClientError::Invalid(format!("the inbox's file of {} is damaged", name.digest)))?;
        let (delivered, _) = self.verify_delivery(message, &name.desk).await?;
        Ok(Some(delivered))
    }

    async fn sign_received(&self, name: &InboxName) -> Result<Acknowledged, ClientError> {
        let draft = AcknowledgementDraft {
            warning_id: name.id,
            warning_digest: name.digest,
            desk: name.desk.clone(),
            kind: AcknowledgementKind::Received,
            office: String::new(),
            assessment: None,
            missing: Vec::new(),
            reason: None,
            until: None,
            to: None,
            note: None,
        };
        // Not kept in the outbox: a RECEIVED that was lost is signed anew when the warning comes again, and a second one of
        // a desk gives the first one's record.
        let submission = self.sign_acknowledgement(&draft).await?;
        let acknowledged = self.acknowledge_submission(&submission, None).await?;
        let (inbox, marked) = (self.inbox().clone(), name.clone());
        blocking(move || Ok(inbox.mark_received(&marked)?)).await?;
        Ok(acknowledged)
    }
}

impl Deliveries {
    /// The desk.
    pub fn desk(&self) -> &DeskAddress {
        &self.desk
    }

    /// The next that comes. Waits as long as it takes; fails only for good.
    pub async fn next(&mut self) -> Result<Incoming, ClientError> {
        loop {
            tokio::select! {
                Some(joined) = self.receiving.join_next(), if !self.receiving.is_empty() => {
                    let received = joined.map_err(cut_off)??;
                    self.keep_checkpoint().await?;
                    self.grant().await;
                    return Ok(Incoming::Received(Box::new(received)));
                }
                came = message(&self.client, &self.desk, &mut self.stream) => {
                    match came {
                        Ok(message) => {
                            if let Some(incoming) = self.take_in(message).await? {
                                return Ok(incoming);
                            }
                        }
                        Err(fault) => self.broken(fault).await?,
                    }
                }
            }
        }
    }

    /// The next `RECEIVED` that is on its way; `None`: none is. Takes nothing new.
    pub async fn settle(&mut self) -> Result<Option<Acknowledged>, ClientError> {
        match self.receiving.join_next().await {
            None => Ok(None),
            Some(joined) => {
                let received = joined.map_err(cut_off)??;
                self.keep_checkpoint().await?;
                Ok(Some(received))
            }
        }
    }

    /// Writes the newest checkpoint, at the latest after so many deliveries and whenever none is on its way.
    async fn keep_checkpoint(&mut self) -> Result<(), ClientError> {
        self.unkept += 1;
        if self.receiving.is_empty() || self.unkept >= limits::CLIENT_CREDIT {
            self.unkept = 0;
            self.client.inner.trust.keep().await?;
        }
        Ok(())
    }

    /// The warning was handled: keeps that, and signs `RECEIVED`, whose receipt [`Deliveries::next`] gives when it is
    /// verified.
    pub async fn taken(&mut self, delivered: &Delivered) -> Result<(), ClientError> {
        self.take(name_of(delivered)).await
    }

    async fn take(&mut self, name: InboxName) -> Result<(), ClientError> {
        let (inbox, marked) = (self.client.inbox().clone(), name.clone());
        blocking(move || Ok(inbox.mark_handled(&marked)?)).await?;
        self.receive_in_background(name);
        Ok(())
    }

    /// The warning was shown, and `RECEIVED` is not to be signed by this machine.
    pub async fn shown(&mut self, delivered: &Delivered) -> Result<(), ClientError> {
        let name = name_of(delivered);
        let inbox = self.client.inbox().clone();
        blocking(move || Ok(inbox.mark_handled(&name)?)).await?;
        self.keep_checkpoint().await?;
        self.grant().await;
        Ok(())
    }

    /// How many `RECEIVED` are on their way.
    pub fn in_flight(&self) -> usize {
        self.receiving.len()
    }

    fn receive_in_background(&mut self, name: InboxName) {
        let client = self.client.clone();
        self.receiving
            .spawn(async move { client.sign_received(&name).await });
    }

    /// One delivery more may come.
    async fn grant(&mut self) {
        if self.credit_owed == 0 {
            return;
        }
        self.credit_owed -= 1;
        if let Some(session) = &mut self.stream {
            let more = v1::ReceiveRequest {
                kind: Some(v1::receive_request::Kind::Credit(v1::Credit { deliveries: 1 })),
            };
            // A session that is gone is opened again with full credit.
            if session.up.send(more).await.is_ok() {
                session.credit = session.credit.saturating_add(1);
            }
        }
    }

    async fn broken(&mut self, fault: Fault) -> Result<(), ClientError> {
        self.stream = None;
        self.credit_owed = 0;
        if !fault.is_worth_retrying() {
            return Err(fault.into());
        }
        tracing::info!(?fault, desk = %self.desk, "the session broke; opening it again");
        self.backoff.wait().await;
        Ok(())
    }

    async fn take_in(&mut self, message: v1::ReceiveResponse) -> Result<Option<Incoming>, ClientError> {
        use v1::receive_response::Kind;
        match message.kind {
            Some(Kind::Opened(opened)) => {
                self.client
                    .inner
                    .trust
                    .accept(&opened.checkpoint, &self.client)
                    .await?;
                self.backoff.reset();
                Ok(None)
            }
            Some(Kind::Delivery(delivery)) => {
                if let Some(session) = &mut self.stream {
                    session.credit = session.credit.saturating_sub(1);
                }
                self.credit_owed = self.credit_owed.saturating_add(1);
                self.take_delivery(delivery).await
            }
            Some(Kind::CaughtUp(caught_up)) => Ok(self.caught_up(caught_up.inbox_number)),
            Some(Kind::Ending(ending)) => {
                self.broken(from_code(ending.code, &ending.sentence)).await?;
                Ok(None)
            }
            // Nothing is acknowledged on this stream, so nothing is settled on it.
            Some(Kind::Settlement(_)) | None => Ok(None),
        }
    }

    async fn take_delivery(&mut self, delivery: v1::Delivery) -> Result<Option<Incoming>, ClientError> {
        let bytes = Bytes::from(
            v1::Delivery {
                repeated: 0,
                ..delivery.clone()
            }
            .encode_to_vec(),
        );
        let verified = self.client.verify_delivery(delivery, &self.desk).await;
        let (delivered, name) = match verified {
            Ok(verified) => verified,
            Err(ClientError::Verification { error, evidence }) => {
                let kept = keep_evidence(
                    self.client.profile(),
                    "delivery",
                    &error.to_string(),
                    &[("delivery.pb", &bytes)],
                );
                return Err(ClientError::Verification {
                    error,
                    evidence: evidence.or(kept),
                });
            }
            Err(error) => return Err(error),
        };
        self.seen.insert(name.number);
        let (inbox, stored) = (self.client.inbox().clone(), name.clone());
        let state = blocking(move || {
            let state = inbox.state(&stored);
            if state.is_none() {
                inbox.store(&stored, &bytes)?;
            }
            Ok(state)
        })
        .await?;
        match state {
            None | Some(InboxState::Stored) => Ok(Some(Incoming::Warning(Box::new(delivered)))),
            // Taken before, and the relay does not know it yet.
            Some(InboxState::Handled | InboxState::Received) => {
                self.receive_in_background(name);
                Ok(None)
            }
        }
    }

    /// Which numbers never came, once nothing waits any more. While credit is used up, more may wait.
    fn caught_up(&self, newest: u64) -> Option<Incoming> {
        let all_sent = self.stream.as_ref().is_some_and(|session| session.credit > 0);
        if !all_sent {
            return None;
        }
        let seen = u64::try_from(self.seen.range(..=newest).count()).unwrap_or(u64::MAX);
        let mut first_missing = Vec::new();
        let mut next = 1;
        for number in self
            .seen
            .range(..=newest)
            .copied()
            .chain([newest.saturating_add(1)])
        {
            while next < number && first_missing.len() < limits::MISSING_NUMBERS_SHOWN_MAX {
                first_missing.push(next);
                next += 1;
            }
            next = number.saturating_add(1);
        }
        Some(Incoming::CaughtUp {
            newest,
            missing: newest.saturating_sub(seen),
            first_missing,
        })
    }
}

fn cut_off(error: tokio::task::JoinError) -> ClientError {
    ClientError::Unknown(format!("signing RECEIVED was cut off: {error}"))
}

/// What the inbox calls a delivery.
fn name_of(delivered: &Delivered) -> InboxName {
    InboxName {
        id: delivered.warning.common.id,
        digest: delivered.digest,
        desk: delivered.desk.clone(),
        number: delivered.inbox_number,
    }
}

/// The next message of the session, which is opened if there is none. Loses nothing if it is dropped while it waits.
async fn message(
    client: &Client,
    desk: &DeskAddress,
    stream: &mut Option<Session>,
) -> Result<v1::ReceiveResponse, Fault> {
    let session = match stream {
        Some(session) => session,
        None => stream.insert(open(client, desk).await?),
    };
    match session.down.message().await? {
        Some(message) => Ok(message),
        None => Err(Fault::Failed(ClientError::Unknown(
            "the session ended".to_owned(),
        ))),
    }
}

async fn open(client: &Client, desk: &DeskAddress) -> Result<Session, Fault> {
    let credit = limits::CLIENT_CREDIT;
    let (up, requests) = mpsc::channel(limits::SESSION_REQUESTS_MAX);
    let first = v1::ReceiveRequest {
        kind: Some(v1::receive_request::Kind::Open(v1::OpenSession {
            desk: desk.to_string(),
            credit,
        })),
    };
    // The channel is empty, so this does not wait.
    let _ = up.send(first).await;
    let opened = v1::exchange_client::ExchangeClient::new(client.inner.connection.channel())
        .max_decoding_message_size(limits::GRPC_ANSWER_BYTES_MAX)
        .receive(ReceiverStream::new(requests))
        .await?;
    Ok(Session {
        up,
        down: opened.into_inner(),
        credit,
    })
}
