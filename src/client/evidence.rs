//! What a relay gives for an evidence bundle: one warning with its threads and the directory, all proven in one tree, and the
//! cosigned checkpoints around its records. Each checkpoint is accepted as every other, on the history that this profile has
//! verified; what is proven in them is for whoever makes the bundle to check.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::error::ClientError;
use super::handle::Client;
use super::held::Leaves;
use super::proven::{ProvenRecord, prove};
use super::trust::{ConsistencySource as _, Word};
use super::verification::VerificationError;
use crate::domain::{
    DeskAddress, DetachedPart, Digest, Hash, Receipt, Seen, SignedEnvelope, ThreadView, WarningName, Wrap,
};
use crate::limits;
use crate::transparency::SignedCheckpoint;
use crate::wire::{self, v1};

/// What came of one warning. Only its checkpoints have been verified, and that its records of the exchange are in the tree.
#[derive(Debug)]
pub struct RawEvidence {
    /// What all receipts are of.
    pub checkpoint: SignedCheckpoint,
    /// The newest cosigned checkpoint that the relay has kept, if it does not hold all of this.
    pub cosigned: Option<SignedCheckpoint>,
    /// How many records the log had, as far as is known.
    pub newest_size: u64,
    /// The warning.
    pub envelope: SignedEnvelope,
    /// Its body.
    pub body: Option<DetachedPart>,
    /// Wraps of its key for us.
    pub wraps: Vec<Wrap>,
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
    /// Asks for the evidence about a warning: under the newest cosigned checkpoint if that holds all that the newest one holds of
    /// it, else under the newest, because a relay could choose how old its cosigned one is. What this profile holds receipts for must
    /// be in it.
    pub async fn raw_evidence(&self, name: &WarningName) -> Result<RawEvidence, ClientError> {
        let mut answers: Vec<Vec<u8>> = Vec::new();
        let gathered = self.gather(name, &mut answers).await;
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        self.with_all_evidence(gathered, "bundle", &answers)
    }

    /// The same. Every answer is kept for whoever must be shown that it was untrue. An agency may be admitted or dismissed between
    /// two answers, each of which shows what may be seen when it is given: they are asked for once more before that is held
    /// against the relay.
    async fn gather(
        &self,
        name: &WarningName,
        answers: &mut Vec<Vec<u8>>,
    ) -> Result<RawEvidence, ClientError> {
        let mut asked_twice = false;
        loop {
            let (whole, older) = self.gather_once(name, answers).await?;
            let Some(mut older) = older else {
                return Ok(whole);
            };
            if !asked_twice && whole.is_of_another_sight_than(&older) {
                asked_twice = true;
                continue;
            }
            whole.is_the_same_as(&older)?;
            older.take_parts_of(whole);
            return Ok(older);
        }
    }

    /// The evidence under the newest checkpoint and, if that holds all of it, under the newest cosigned one.
    async fn gather_once(
        &self,
        name: &WarningName,
        answers: &mut Vec<Vec<u8>>,
    ) -> Result<(RawEvidence, Option<RawEvidence>), ClientError> {
        // Before anything is asked.
        let held = self.held().await?;
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
        let cosigned = match answer.cosigned.as_ref() {
            [] => None,
            note => Some(trust.accept(note, self).await?),
        };
        let as_new = cosigned.as_ref().filter(|it| it.size() == newest.size());
        let under = as_new.unwrap_or(&newest);
        let mut whole = self.evidence_at(name, under, &newest, answers).await?;
        let leaves = whole.leaves()?;
        let shown: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        self.hold_own_acceptance(&whole, &shown).await?;
        self.hold_against(&held, whole.digest(), &leaves, &whole.checkpoint, &shown)
            .await?;
        let holds_all = |it: &SignedCheckpoint| whole.indexes().iter().all(|index| *index < it.size());
        match cosigned {
            Some(cosigned) if cosigned.size() < whole.checkpoint.size() && holds_all(&cosigned) => {
                let older = self.evidence_at(name, &cosigned, &newest, answers).await?;
                older.leaves()?;
                Ok((whole, Some(older)))
            }
            older => {
                whole.cosigned = older;
                Ok((whole, None))
            }
        }
    }

    async fn evidence_at(
        &self,
        name: &WarningName,
        checkpoint: &SignedCheckpoint,
        newest: &SignedCheckpoint,
        answers: &mut Vec<Vec<u8>>,
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
            let encoded = prost::Message::encode_to_vec(&answer);
            bytes += encoded.len();
            answers.push(encoded);
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

    /// The newest checkpoint that the relay shows as cosigned, on the history that was verified; none: it shows none.
    pub async fn newest_cosigned(&self) -> Result<Option<SignedCheckpoint>, ClientError> {
        let connection = &self.inner.connection;
        let answer = connection
            .call(&v1::GetCheckpointRequest {}, |channel, message| async move {
                v1::audit_client::AuditClient::new(channel)
                    .get_checkpoint(message)
                    .await
            })
            .await?;
        match answer.cosigned.as_ref() {
            [] => Ok(None),
            note => self.inner.trust.accept(note, self).await.map(Some),
        }
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

    /// The proof that a root which somebody had seen is of this log, in the tree that the record of it was proven in; one that is
    /// not convicts the log, which has that signature on record.
    pub async fn seen_proof(
        &self,
        seen: &Seen,
        envelope: &SignedEnvelope,
        record: &ProvenRecord,
    ) -> Result<Vec<Hash>, ClientError> {
        let word = Word { envelope, record };
        self.inner.trust.accept_seen(seen, word, self).await?;
        self.consistency(seen.size, record.checkpoint().size()).await
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
    let wraps = warning.wraps.iter().cloned().map(Wrap::try_from);
    Ok(RawEvidence {
        checkpoint,
        cosigned: None,
        newest_size: newest.size(),
        envelope: wire::required_as(warning.envelope.clone(), "envelope").map_err(unreadable)?,
        body: wire::optional_as(warning.body.clone(), "body").map_err(unreadable)?,
        wraps: wraps.collect::<Result<_, _>>().map_err(unreadable)?,
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

    /// The warning's digest.
    pub(super) fn digest(&self) -> Digest {
        self.envelope.digest()
    }

    /// A record of it, proven in its tree.
    pub fn prove(&self, receipt: &Receipt) -> Result<ProvenRecord, VerificationError> {
        prove(receipt.clone(), &self.checkpoint)
    }

    /// The leaf hashes of each thread, once each record of the exchange was found to be in the tree.
    fn leaves(&self) -> Result<Leaves, VerificationError> {
        let prove = |receipt: &Receipt| self.prove(receipt);
        self.accepted.as_ref().map(prove).transpose()?;
        let mut leaves = Leaves::new();
        for (desk, parts) in &self.threads {
            let proven = parts.records.iter().map(prove);
            let of_thread = proven.map(|proven| proven.map(|proven| proven.leaf()));
            leaves.insert(desk.clone(), of_thread.collect::<Result<_, _>>()?);
        }
        Ok(leaves)
    }

    /// Whether one shows whole threads, or the acceptance, that the other does not: so do two answers of an honest relay to whom
    /// it may show more or less than a moment before.
    fn is_of_another_sight_than(&self, other: &Self) -> bool {
        self.accepted.is_some() != other.accepted.is_some() || !self.threads.keys().eq(other.threads.keys())
    }

    /// What stands beside the records and was shown in one of two answers was shown.
    fn take_parts_of(&mut self, other: Self) {
        if self.body.is_none() {
            (self.body, self.wraps) = (other.body, other.wraps);
        }
        for (desk, parts) in other.threads {
            if let Some(own) = self.threads.get_mut(&desk) {
                for (index, text) in parts.texts {
                    own.texts.entry(index).or_insert(text);
                }
            }
        }
    }

    /// Checks that the same was shown under an older checkpoint, which is said to hold all of it.
    fn is_the_same_as(&self, older: &Self) -> Result<(), VerificationError> {
        let records = |of: &Self, desk: &DeskAddress| -> Vec<(u64, Bytes)> {
            let parts = of.threads.get(desk).map(|parts| parts.records.as_slice());
            let records = parts.unwrap_or_default().iter();
            records.map(|it| (it.index, it.record.clone())).collect()
        };
        for desk in self.threads.keys().chain(older.threads.keys()) {
            let (now, then) = (records(self, desk), records(older, desk));
            let only_in_one = |one: &[(u64, Bytes)], other: &[(u64, Bytes)]| {
                let lost = one.iter().find(|it| !other.contains(it));
                lost.map(|(index, _)| *index)
            };
            if let Some(index) = only_in_one(&now, &then).or_else(|| only_in_one(&then, &now)) {
                return Err(VerificationError::Dropped {
                    digest: self.digest(),
                    desk: desk.clone(),
                    index,
                });
            }
        }
        let accepted = |of: &Self| of.accepted.as_ref().map(|it| (it.index, it.record.clone()));
        if accepted(self) != accepted(older) || self.digest() != older.digest() {
            return Err(VerificationError::Incomplete(
                "the evidence of one warning differs between two checkpoints that both hold it",
            ));
        }
        Ok(())
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
