//! A replay of the log, as the relay shows it: nothing of it is verified here. Whoever checks it (an auditor) does so over
//! the whole, and asks here for the proofs too.

use tonic::Streaming;

use super::connection::Backoff;
use super::error::ClientError;
use super::fault::Fault;
use super::handle::Client;
use super::trust::{ConsistencySource as _, keep_evidence};
use super::verification::VerificationError;
use crate::domain::{Hash, ReplayedRecord};
use crate::limits;
use crate::transparency::SignedCheckpoint;
use crate::wire::v1;
use v1::replay_response::Kind;

/// Every index of a range, in order. Goes on by itself where a connection broke.
#[derive(Debug)]
pub struct Replay {
    client: Client,
    checkpoint: SignedCheckpoint,
    with_parts: bool,
    next: u64,
    end: u64,
    stream: Option<Streaming<v1::ReplayResponse>>,
    backoff: Backoff,
    /// Attempts since the last record came.
    attempts: u32,
}

impl Client {
    /// Begins a replay from an index up to another (0: all that there is). Its checkpoint is accepted as every other: on the
    /// history of what was verified before, and kept.
    pub async fn replay(&self, from: u64, to: u64, with_parts: bool) -> Result<Replay, ClientError> {
        let before = self.inner.trust.newest().await.size();
        let mut backoff = Backoff::new(limits::CLIENT_BACKOFF_MS_MAX);
        let mut attempts = 0;
        let (note, stream) = loop {
            attempts += 1;
            match open(self, from, to, with_parts).await {
                Ok(opened) => break opened,
                Err(fault) if fault.is_worth_retrying() && attempts < limits::CALL_ATTEMPTS_MAX => {
                    backoff.wait().await;
                }
                Err(fault) => return Err(fault.into()),
            }
        };
        let checkpoint = self.inner.trust.accept_fresh(&note, before, self).await?;
        let end = match to {
            0 => checkpoint.size(),
            to => to,
        };
        Ok(Replay {
            client: self.clone(),
            checkpoint,
            with_parts,
            next: from,
            end,
            stream: Some(stream),
            backoff,
            attempts: 0,
        })
    }

    /// The relay's proof that the log of `new` records begins with the log of `old`; unverified.
    pub async fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, ClientError> {
        self.consistency(old, new).await
    }

    /// Keeps files under the profile's `evidence/`, best effort; where.
    pub fn keep_evidence(&self, name: &str, parts: &[(&str, &[u8])]) -> Option<std::path::PathBuf> {
        keep_evidence(
            self.profile(),
            name,
            "What was shown when a fault was found.",
            parts,
        )
    }
}

async fn open(
    client: &Client,
    from: u64,
    to: u64,
    with_parts: bool,
) -> Result<(bytes::Bytes, Streaming<v1::ReplayResponse>), Fault> {
    let request = v1::ReplayRequest {
        from_index: from,
        to_index: to,
        warning_digest: bytes::Bytes::new(),
        with_parts,
    };
    let mut stream = v1::audit_client::AuditClient::new(client.inner.connection.channel())
        .max_decoding_message_size(limits::GRPC_ANSWER_BYTES_MAX)
        .replay(request)
        .await?
        .into_inner();
    match stream.message().await?.and_then(|message| message.kind) {
        Some(Kind::Checkpoint(note)) => Ok((note, stream)),
        Some(Kind::Record(_)) => Err(ClientError::from(VerificationError::Incomplete(
            "a replay begins with its checkpoint",
        ))
        .into()),
        None => Err(ClientError::Unknown("the replay ended before it began".to_owned()).into()),
    }
}

impl Replay {
    /// The checkpoint that the replay is of.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The next index; `None` at the end, also if the relay ends early: whoever verifies counts.
    pub async fn next(&mut self) -> Result<Option<ReplayedRecord>, ClientError> {
        loop {
            if self.next >= self.end {
                return Ok(None);
            }
            match self.message().await {
                Ok(Some(record)) => {
                    self.next = self.next.saturating_add(1);
                    self.attempts = 0;
                    self.backoff.reset();
                    return Ok(Some(record));
                }
                Ok(None) => return Ok(None),
                Err(fault) => {
                    self.stream = None;
                    self.attempts += 1;
                    if !fault.is_worth_retrying() || self.attempts >= limits::CALL_ATTEMPTS_MAX {
                        return Err(fault.into());
                    }
                    self.backoff.wait().await;
                }
            }
        }
    }

    async fn message(&mut self) -> Result<Option<ReplayedRecord>, Fault> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                // The checkpoint of the rest is a later one: all is checked against the first.
                let (_, stream) = open(&self.client, self.next, self.end, self.with_parts).await?;
                self.stream.insert(stream)
            }
        };
        match stream.message().await?.map(|message| message.kind) {
            Some(Some(Kind::Record(record))) => match ReplayedRecord::try_from(record) {
                Ok(record) => Ok(Some(record)),
                Err(refused) => Err(ClientError::from(VerificationError::Malformed {
                    index: self.next,
                    why: refused.to_string(),
                })
                .into()),
            },
            Some(Some(Kind::Checkpoint(_)) | None) => Err(ClientError::from(VerificationError::Incomplete(
                "a replay holds records after its checkpoint",
            ))
            .into()),
            None => Ok(None),
        }
    }
}
