//! Sending many warnings over one stream, without waiting for each: for systems that send much, and for measuring. Nothing
//! is kept in the outbox: whoever uses this keeps what it sends until it has come back verified.

use std::collections::HashMap;

use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::error::ClientError;
use super::fault::{Fault, from_refusal};
use super::handle::Client;
use super::submit::Sent;
use super::trust::Keep;
use super::verification::VerificationError;
use crate::domain::Submission;
use crate::limits;
use crate::transparency::SignedCheckpoint;
use crate::wire::v1;

/// A stream of submissions and their outcomes, which come in the order of completion.
#[derive(Debug)]
pub struct SubmitMany {
    client: Client,
    up: mpsc::Sender<v1::SubmitManyRequest>,
    down: Streaming<v1::SubmitManyResponse>,
    in_flight: HashMap<u64, Submission>,
    next_tag: u64,
    checkpoint: Option<SignedCheckpoint>,
}

impl Client {
    /// Opens a stream for many submissions.
    pub async fn submit_many(&self) -> Result<SubmitMany, ClientError> {
        let (up, requests) = mpsc::channel(limits::SUBMISSIONS_IN_FLIGHT_MAX);
        let channel = self.inner.connection.channel();
        let opened = v1::exchange_client::ExchangeClient::new(channel)
            .max_decoding_message_size(limits::GRPC_ANSWER_BYTES_MAX)
            .submit_many(ReceiverStream::new(requests))
            .await
            .map_err(Fault::from)?;
        Ok(SubmitMany {
            client: self.clone(),
            up,
            down: opened.into_inner(),
            in_flight: HashMap::new(),
            next_tag: 0,
            checkpoint: None,
        })
    }
}

impl SubmitMany {
    /// How many have no outcome yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether one more may be sent before an outcome has come.
    pub fn has_room(&self) -> bool {
        self.in_flight.len() < limits::SUBMISSIONS_IN_FLIGHT_MAX
    }

    /// Sends one; gives the tag of its outcome. Refused locally while [`SubmitMany::has_room`] is false.
    pub async fn send(&mut self, submission: Submission) -> Result<u64, ClientError> {
        if !self.has_room() {
            return Err(ClientError::Invalid(format!(
                "{} submissions are in flight already",
                self.in_flight.len()
            )));
        }
        let tag = self.next_tag;
        self.next_tag += 1;
        let request = v1::SubmitManyRequest {
            tag,
            submission: Some((&submission).into()),
        };
        // Kept first: once it is in the channel it may have been sent.
        self.in_flight.insert(tag, submission);
        self.up
            .send(request)
            .await
            .map_err(|_| ClientError::Unknown("the stream ended".to_owned()))?;
        Ok(tag)
    }

    /// The next outcome: verified, or refused. `None`: none is in flight. An error beside the outcomes ends the stream, and
    /// what is in flight is unknown: send the same bytes again. The newest checkpoint is written when this gives `None`.
    pub async fn next(&mut self) -> Result<Option<(u64, Result<Sent, ClientError>)>, ClientError> {
        use v1::submit_many_response::Kind;
        while !self.in_flight.is_empty() {
            let message = self.down.message().await.map_err(Fault::from)?;
            let Some(message) = message else {
                return Err(ClientError::Unknown("the stream ended".to_owned()));
            };
            match message.kind {
                Some(Kind::Checkpoint(note)) => {
                    let trust = &self.client.inner.trust;
                    self.checkpoint = Some(trust.accept_and(Keep::Later, &note, &self.client).await?);
                }
                Some(Kind::Outcome(outcome)) => {
                    let submission =
                        self.in_flight
                            .remove(&outcome.tag)
                            .ok_or(VerificationError::Incomplete(
                                "an outcome of nothing that was sent",
                            ))?;
                    let evidence = outcome.encode_to_vec();
                    let tag = outcome.tag;
                    let settled = self.settle(&submission, outcome).await;
                    let settled = self.client.with_evidence(settled, "submit-many", &evidence);
                    return Ok(Some((tag, settled)));
                }
                None => {}
            }
        }
        self.client.inner.trust.keep(&self.client).await?;
        Ok(None)
    }

    async fn settle(&self, submission: &Submission, outcome: v1::SubmitOutcome) -> Result<Sent, ClientError> {
        use v1::submit_outcome::Kind;
        match outcome.kind {
            Some(Kind::Accepted(answer)) => {
                let checkpoint = self.checkpoint.as_ref().ok_or(VerificationError::Incomplete(
                    "no checkpoint came before an outcome",
                ))?;
                self.client.settle(submission, answer, checkpoint, None).await
            }
            Some(Kind::Refused(refusal)) => match from_refusal(refusal) {
                Fault::Failed(error) => Err(error),
                Fault::Refused(refusal, rejection) => {
                    let refusal = self
                        .client
                        .verify_refusal(
                            *refusal,
                            rejection,
                            &submission.envelope,
                            self.checkpoint.as_ref(),
                        )
                        .await?;
                    Err(refusal.into())
                }
            },
            None => Err(VerificationError::Incomplete("an outcome says nothing").into()),
        }
    }
}
