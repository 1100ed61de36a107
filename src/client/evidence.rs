//! What a relay gives for an evidence bundle: one warning with its threads and the directory, all proven in one tree, and the
//! cosigned checkpoints around its records. Each checkpoint is accepted as every other, on the history that this profile has
//! verified; what is proven in them is for whoever makes the bundle to check.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::error::ClientError;
use super::handle::Client;
use super::trust::ConsistencySource as _;
use super::verification::VerificationError;
use crate::domain::{
    DeskAddress, DetachedPart, Hash, Receipt, Seen, SignedEnvelope, ThreadView, WarningName,
};
use crate::error::ErrorCode;
use crate::limits;
use crate::transparency::SignedCheckpoint;
use crate::wire::{self, v1};

/// What came of one warning. Only its checkpoints have been verified.
#[derive(Debug)]
pub struct RawEvidence {
    /// What all receipts are of.
    pub checkpoint: SignedCheckpoint,
    /// How many records the log had, as far as is known.
    pub newest_size: u64,
    /// The warning.
    pub envelope: SignedEnvelope,
    /// Its body.
    pub body: Option<DetachedPart>,
    /// The `ACCEPTED` record.
    pub accepted: Option<Receipt>,
    /// The threads, each whole, by recipient.
    pub threads: BTreeMap<DeskAddress, ThreadParts>,
    /// The directory's chain.
    pub directory: Vec<Receipt>,
}

/// The records of a thread, and the texts beside them.
#[derive(Debug, Default)]
pub struct ThreadParts {
    /// From `ROUTED` on.
    pub records: Vec<Receipt>,
    /// By index.
    pub texts: BTreeMap<u64, DetachedPart>,
}

impl Client {
    /// Asks for the evidence about a warning: under the newest cosigned checkpoint if that holds the warning, else under the
    /// newest.
    pub async fn raw_evidence(&self, name: &WarningName) -> Result<RawEvidence, ClientError> {
        let before = self.inner.trust.newest().await.size();
        let answer = self
            .inner
            .connection
            .call(&v1::GetCheckpointRequest {}, |channel, message| async move {
                v1::audit_client::AuditClient::new(channel)
                    .get_checkpoint(message)
                    .await
            })
            .await?;
        let trust = &self.inner.trust;
        let newest = trust.accept_fresh(&answer.checkpoint, before, self).await?;
        if !answer.cosigned.is_empty() {
            let cosigned = trust.accept(&answer.cosigned, self).await?;
            match self.evidence_at(name, &cosigned, &newest).await {
                // The warning may be younger than it.
                Err(ClientError::Refused(refusal)) if refusal.refused.code == ErrorCode::NotFound => {}
                come => return come,
            }
        }
        self.evidence_at(name, &newest, &newest).await
    }

    async fn evidence_at(
        &self,
        name: &WarningName,
        checkpoint: &SignedCheckpoint,
        newest: &SignedCheckpoint,
    ) -> Result<RawEvidence, ClientError> {
        let mut request = v1::GetEvidenceRequest {
            warning: Some(name.into()),
            page_token: String::new(),
            size: checkpoint.size(),
        };
        let mut gathered: Option<RawEvidence> = None;
        let (mut pages, mut bytes) = (0, 0);
        loop {
            let answer = self
                .inner
                .connection
                .call(&request, |channel, message| async move {
                    v1::audit_client::AuditClient::new(channel)
                        .max_decoding_message_size(limits::GRPC_ANSWER_BYTES_MAX)
                        .get_evidence(message)
                        .await
                })
                .await?;
            pages += 1;
            bytes += prost::Message::encoded_len(&answer);
            let warning = answer
                .warning
                .ok_or(VerificationError::Incomplete("evidence without a warning"))?;
            let of = self.inner.trust.accept(&warning.checkpoint, self).await?;
            if (of.size(), of.root()) != (checkpoint.size(), checkpoint.root()) {
                return Err(
                    VerificationError::Incomplete("evidence of another size than was asked for").into(),
                );
            }
            let gathered = match &mut gathered {
                Some(gathered) => gathered,
                None => {
                    let checkpoint = with_more_signatures(&of, checkpoint);
                    gathered.insert(begun(&warning, checkpoint, newest)?)
                }
            };
            let mut came = answer.directory.len();
            for thread in warning.threads {
                came += thread.records.len();
                gathered.take_in(thread)?;
            }
            for receipt in answer.directory {
                gathered
                    .directory
                    .push(Receipt::try_from(receipt).map_err(unreadable)?);
            }
            request.page_token = answer.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
            if came == 0 || pages >= limits::WARNING_PAGES_MAX || bytes > limits::WARNING_PAGES_BYTES_MAX {
                return Err(VerificationError::Incomplete("the pages of the evidence come to no end").into());
            }
        }
        let missing = VerificationError::Incomplete("evidence without a warning");
        Ok(gathered.ok_or(missing)?)
    }

    /// The cosigned checkpoints around these records, each on the history that was verified.
    pub async fn cosigned_around(&self, indexes: &[u64]) -> Result<Vec<SignedCheckpoint>, ClientError> {
        let mut notes: BTreeSet<Bytes> = BTreeSet::new();
        for indexes in indexes.chunks(limits::COSIGNED_INDEXES_MAX) {
            let request = v1::FindCosignedRequest {
                index: indexes.to_vec(),
            };
            let answer = self
                .inner
                .connection
                .call(&request, |channel, message| async move {
                    v1::audit_client::AuditClient::new(channel)
                        .max_decoding_message_size(limits::GRPC_ANSWER_BYTES_MAX)
                        .find_cosigned(message)
                        .await
                })
                .await?;
            notes.extend(answer.checkpoint);
        }
        let mut checkpoints = Vec::with_capacity(notes.len());
        for note in notes {
            checkpoints.push(self.inner.trust.accept(&note, self).await?);
        }
        checkpoints.sort_by_key(SignedCheckpoint::size);
        Ok(checkpoints)
    }

    /// Verifies a checkpoint that was kept, as every other: on the history that was verified.
    pub async fn accept_checkpoint(&self, note: &str) -> Result<SignedCheckpoint, ClientError> {
        self.inner.trust.accept(note.as_bytes(), self).await
    }

    /// The proof that a root which somebody had seen is of this log; one that is not convicts the log by that signature.
    pub async fn seen_proof(
        &self,
        seen: &Seen,
        signed: &[u8],
        checkpoint: &SignedCheckpoint,
    ) -> Result<Vec<Hash>, ClientError> {
        self.inner.trust.accept_seen(seen, signed, self).await?;
        self.consistency(seen.size, checkpoint.size()).await
    }
}

/// Of two notes of one checkpoint, the one that more have signed.
fn with_more_signatures(one: &SignedCheckpoint, other: &SignedCheckpoint) -> SignedCheckpoint {
    let longer = one.note().len() >= other.note().len();
    if longer { one } else { other }.clone()
}

fn begun(
    warning: &v1::GetWarningResponse,
    checkpoint: SignedCheckpoint,
    newest: &SignedCheckpoint,
) -> Result<RawEvidence, VerificationError> {
    let accepted = warning.accepted.clone().map(Receipt::try_from).transpose();
    Ok(RawEvidence {
        checkpoint,
        newest_size: newest.size(),
        envelope: wire::required_as(warning.envelope.clone(), "envelope").map_err(unreadable)?,
        body: wire::optional_as(warning.body.clone(), "body").map_err(unreadable)?,
        accepted: accepted.map_err(unreadable)?,
        threads: BTreeMap::new(),
        directory: Vec::new(),
    })
}

impl RawEvidence {
    /// Where its records of the exchange stand: the acceptance and the threads.
    pub fn indexes(&self) -> Vec<u64> {
        let of_threads = self.threads.values().flat_map(|thread| &thread.records);
        let all = self.accepted.iter().chain(of_threads);
        all.map(|receipt| receipt.index).collect()
    }

    fn take_in(&mut self, thread: v1::Thread) -> Result<(), VerificationError> {
        let view = ThreadView::try_from(thread).map_err(unreadable)?;
        let parts = self.threads.entry(view.desk).or_default();
        parts.records.extend(view.records);
        parts.texts.extend(view.texts);
        Ok(())
    }
}

fn unreadable(_: crate::error::Refused) -> VerificationError {
    VerificationError::Incomplete("the evidence cannot be read")
}
