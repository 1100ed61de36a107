//! Sending a warning: signed once into the outbox, sent as often as it takes, and done only when the acceptance and every
//! `ROUTED` record were proven to be what was asked for.

use std::path::PathBuf;

use bytes::Bytes;
use prost::Message as _;

use super::compose;
use super::draft::{Draft, PrepareError};
use super::error::{ClientError, Refusal};
use super::fault::Fault;
use super::handle::Client;
use super::matching::{self, RoutedTo};
use super::outbox::{OutboxEntry, OutboxKind, Unproven};
use super::proven::{prove, prove_all, prove_message};
use super::receipts;
use super::sealing::SealedTo;
use super::trust::{blocking, keep_evidence};
use super::verification::VerificationError;
use crate::domain::{Digest, Form, KeyId, KeyRole, PayloadId, Receipt, SignedEnvelope, Submission};
use crate::error::{ErrorCode, SideEffect};
use crate::seal::{PayloadKind, SealSuite, random_bytes, sign_envelope, verify_envelope_as};
use crate::transparency::SignedCheckpoint;
use crate::wire::{self, v1};

/// A warning that is on the record and routed; everything here was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub id: PayloadId,
    /// Its digest.
    pub digest: Digest,
    /// The `ACCEPTED` record.
    pub index: u64,
    /// Its recipients, in the order of the acceptance.
    pub recipients: Vec<RoutedTo>,
    /// The tlog-proof of the acceptance.
    pub receipt: PathBuf,
    /// Whether its body is sealed.
    pub sealed: bool,
    /// Keys that it is sealed to and that had been revoked before it was accepted: their thieves could read it.
    pub sealed_to_ended: Vec<KeyId>,
    /// The relay had it before.
    pub repeated: bool,
}

impl Client {
    /// Signs a warning, without keeping or sending it. It is sealed to the keys of the directory as it is known here: follow it
    /// before, and whenever a key may have been revoked.
    pub async fn sign(&self, draft: &Draft) -> Result<Submission, ClientError> {
        let signer = self.signer(KeyRole::Originate).await?;
        let desk = self.settings().desk.clone();
        let author = self.author(KeyRole::Originate, desk, &draft.office).await;
        // Before anything is signed: who cannot be sealed to is not signed to.
        let audience = draft.audience(random_bytes).map_err(unprepared)?;
        let sealed_to = match draft.form {
            Form::Clear => None,
            Form::Sealed => Some(self.sealed_to(&audience.openings).await?),
        };
        let reply = sealed_to
            .as_ref()
            .map_or(SealSuite::PREFERRED, SealedTo::reply_suite);
        let mut prepared = draft
            .prepare_for(author.common()?, audience, reply, random_bytes()?)
            .map_err(unprepared)?;
        let payload = prepared.payload.clone();
        let envelope = sign_envelope(signer.as_ref(), PayloadKind::Warning, payload).await?;
        // What the strict parser would refuse at the other end is not sent.
        let key = signer.public_key();
        let verified = verify_envelope_as(envelope.clone(), PayloadKind::Warning, |_| Some(key))
            .map_err(|error| ClientError::Invalid(error.to_string()))?;
        wire::warning(&verified).map_err(compose::unsignable)?;
        let wraps = match (sealed_to, prepared.sealing.take()) {
            (Some(sealed_to), Some(sealing)) => sealed_to.wraps(&envelope.digest(), &sealing)?,
            (_, _) => Vec::new(),
        };
        Ok(prepared.submission(envelope, wraps))
    }

    /// Signs a warning into the outbox: on stable storage when it returns, and not sent yet. What is sealed is sealed to the
    /// keys that the directory has now.
    pub async fn prepare(&self, draft: &Draft) -> Result<OutboxEntry, ClientError> {
        if draft.form == Form::Sealed {
            self.learn_keys().await?;
        }
        let submission = self.sign(draft).await?;
        let message = v1::Submission::from(&submission).encode_to_vec();
        let entry = self.put(submission.hint.id, OutboxKind::Warning, message).await?;
        if !submission.wraps.is_empty() {
            let keys = self.keys_sealed_to(&submission.openings).await?;
            let (outbox, sealed) = (self.outbox().clone(), entry.clone());
            blocking(move || Ok(outbox.note_sealed_to(&sealed, &keys)?)).await?;
        }
        Ok(entry)
    }

    /// Signs a warning into the outbox and sends it.
    pub async fn submit(&self, draft: &Draft) -> Result<Sent, ClientError> {
        let entry = self.prepare(draft).await?;
        let sent = self.send_entry(&entry).await;
        sent.map_err(|error| self.if_kept(&entry, error))
    }

    /// Sends a warning of the outbox, these very bytes; not one that is sealed to a key which has ended since.
    pub async fn submit_entry(&self, entry: &OutboxEntry) -> Result<Sent, ClientError> {
        let sent = async {
            self.check_keys_of(entry).await?;
            self.send_entry(entry).await
        };
        sent.await.map_err(|error| self.if_kept(entry, error))
    }

    async fn check_keys_of(&self, entry: &OutboxEntry) -> Result<(), ClientError> {
        let keys = self.outbox().sealed_to(entry)?;
        if keys.is_empty() {
            return Ok(());
        }
        self.learn_keys().await?;
        match self.ended_before(&keys, u64::MAX).await.first() {
            None => Ok(()),
            Some(key) => Err(ClientError::Invalid(format!(
                "it is sealed to the key {key}, which was revoked meanwhile: whoever has that key could read it. If the relay has it already, \"status\" shows it; else drop it and send it anew"
            ))),
        }
    }

    /// What failed, with a word about the outbox if the entry is still there.
    pub(super) fn if_kept(&self, entry: &OutboxEntry, error: ClientError) -> ClientError {
        if self.outbox().holds(entry) {
            error.kept(entry.id)
        } else {
            error
        }
    }

    async fn send_entry(&self, entry: &OutboxEntry) -> Result<Sent, ClientError> {
        let message = v1::Submission::decode(entry.message.clone()).map_err(|_| damaged(entry))?;
        let submission = Submission::try_from(message).map_err(|_| damaged(entry))?;
        let answered = match self.call_submit(&submission).await {
            Err(Fault::Refused(refusal, None)) => {
                match self.sealed_again(entry, &submission, &refusal).await? {
                    None => (submission, Err(Fault::Refused(refusal, None))),
                    Some(again) => {
                        let message = v1::Submission::from(&again).encode_to_vec();
                        self.put(entry.id, entry.kind, message).await?;
                        let answered = self.call_submit(&again).await;
                        (again, answered)
                    }
                }
            }
            answered => (submission, answered),
        };
        let (submission, answer) = match answered {
            (submission, Ok(answer)) => (submission, answer),
            (submission, Err(fault)) => {
                return Err(self
                    .not_done(Some(entry), &submission.envelope, fault, None)
                    .await);
            }
        };
        let evidence = Bytes::from(answer.encode_to_vec());
        let verified = async {
            let note = answer.accepted.as_ref().map(|receipt| receipt.checkpoint.clone());
            let note = note.ok_or(VerificationError::Incomplete("the acceptance is missing"))?;
            let checkpoint = self.inner.trust.accept(&note, self).await?;
            self.settle(&submission, answer, &checkpoint, Some(entry)).await
        };
        let keys = self.outbox().sealed_to(entry)?;
        let verified = verified.await;
        let mut sent = self.with_evidence(verified, &format!("submit-{}", entry.id), &evidence)?;
        if !keys.is_empty() {
            // As far as the acceptance was routed by: who withheld a revocation until now is found out by it.
            self.directory_to(sent.index).await?;
            sent.sealed_to_ended = self.ended_before(&keys, sent.index).await;
        }
        Ok(sent)
    }

    async fn call_submit(&self, submission: &Submission) -> Result<v1::SubmitResponse, Fault> {
        let request = v1::SubmitRequest {
            submission: Some(submission.into()),
        };
        self.inner
            .connection
            .call(&request, |channel, message| async move {
                v1::exchange_client::ExchangeClient::new(channel)
                    .max_decoding_message_size(crate::limits::GRPC_ANSWER_BYTES_MAX)
                    .submit(message)
                    .await
            })
            .await
    }

    /// Verifies an acceptance against a verified checkpoint, keeps its receipts, and clears the outbox.
    pub(super) async fn settle(
        &self,
        submission: &Submission,
        answer: v1::SubmitResponse,
        checkpoint: &SignedCheckpoint,
        entry: Option<&OutboxEntry>,
    ) -> Result<Sent, ClientError> {
        let accepted = prove_message(answer.accepted, checkpoint)?;
        let routed = prove_all(answer.routed, checkpoint)?;
        let digest = submission.envelope.digest();
        if answer.digest.as_ref() != digest.as_bytes() {
            return Err(VerificationError::OtherRecord {
                index: accepted.index(),
                why: "the relay names another digest",
            }
            .into());
        }
        let recipients = matching::accepted(&submission.envelope, &submission.openings, &accepted, &routed)?;
        matching::wrapped_as_sealed(&submission.wraps, &routed)?;
        let index = accepted.index();
        let id = submission.hint.id;
        let receipt = match entry {
            None => PathBuf::new(),
            Some(entry) => {
                let (profile, outbox, entry) = (self.profile().clone(), self.outbox().clone(), entry.clone());
                blocking(move || {
                    let receipt = receipts::keep(&profile, &id.to_string(), &accepted, &routed)?;
                    outbox.remove(&entry)?;
                    Ok(receipt)
                })
                .await?
            }
        };
        Ok(Sent {
            id,
            digest,
            index,
            recipients,
            receipt,
            sealed: !submission.wraps.is_empty(),
            sealed_to_ended: Vec::new(),
            repeated: answer.repeated,
        })
    }

    /// Keeps a signed message in the outbox.
    pub(super) async fn put(
        &self,
        id: PayloadId,
        kind: OutboxKind,
        message: Vec<u8>,
    ) -> Result<OutboxEntry, ClientError> {
        let entry = OutboxEntry {
            id,
            kind,
            message: message.into(),
        };
        let (outbox, kept) = (self.outbox().clone(), entry.clone());
        blocking(move || Ok(outbox.put(&kept)?)).await?;
        Ok(entry)
    }

    /// What a fault means for an entry: a recorded refusal is verified and ends it, a refusal without a record is kept beside
    /// it, anything else leaves it as it is.
    pub(super) async fn not_done(
        &self,
        entry: Option<&OutboxEntry>,
        envelope: &SignedEnvelope,
        fault: Fault,
        checkpoint: Option<&SignedCheckpoint>,
    ) -> ClientError {
        match fault {
            Fault::Failed(error) => match entry {
                Some(entry) => self.if_kept(entry, error),
                None => error,
            },
            Fault::Refused(refusal, rejection) => {
                let answer = as_answered(&refusal, &rejection);
                let refused = self
                    .verify_refusal(*refusal, rejection, envelope, checkpoint)
                    .await;
                let name = format!("refusal-{}", envelope.digest());
                let refused = self.with_evidence(refused, &name, &answer);
                match (refused, entry) {
                    (Ok(refusal), Some(entry)) => self.end_refused(entry, refusal).await,
                    (Ok(refusal), None) => refusal.into(),
                    (Err(error), _) => error,
                }
            }
        }
    }

    /// Verifies the `REJECTED` record that comes with a refusal; without one it is only the relay's word.
    pub(super) async fn verify_refusal(
        &self,
        mut refusal: Refusal,
        rejection: Option<(Receipt, Option<String>)>,
        envelope: &SignedEnvelope,
        checkpoint: Option<&SignedCheckpoint>,
    ) -> Result<Refusal, ClientError> {
        let Some((receipt, note)) = rejection else {
            if refusal.side_effect == SideEffect::RejectionRecorded {
                return Err(VerificationError::Incomplete("the receipt of the rejection is missing").into());
            }
            return Ok(refusal);
        };
        let checkpoint = match (note, checkpoint) {
            (Some(note), _) => self.inner.trust.accept(note.as_bytes(), self).await?,
            (None, Some(checkpoint)) => checkpoint.clone(),
            (None, None) => {
                return Err(VerificationError::Incomplete("the rejection has no checkpoint").into());
            }
        };
        let proven = prove(receipt, &checkpoint)?;
        matching::rejected(
            envelope,
            &self.settings().principal,
            refusal.refused.code,
            &proven,
        )?;
        refusal.rejected_at = Some(proven.index());
        let profile = self.profile().clone();
        let name = format!("rejected-{}", envelope.digest());
        blocking(move || receipts::keep(&profile, &name, &proven, &[])).await?;
        Ok(refusal)
    }

    async fn end_refused(&self, entry: &OutboxEntry, refusal: Refusal) -> ClientError {
        let passing = refusal.is_unknown() || refusal.refused.code.retryable();
        // What the relay says of our `seen` is a contradiction, whatever it has recorded.
        let proven = refusal.rejected_at.is_some() && refusal.refused.code != ErrorCode::SeenNotOnLog;
        let unproven = Unproven {
            code: refusal.refused.code,
            sentence: refusal.refused.sentence.clone(),
        };
        let (outbox, of) = (self.outbox().clone(), entry.clone());
        let ended = blocking(move || {
            if proven {
                outbox.remove(&of)?;
            } else if !passing && outbox.holds(&of) {
                outbox.note_refusal(&of, &unproven)?;
            }
            Ok(())
        });
        match ended.await {
            Ok(()) => self.if_kept(entry, refusal.into()),
            Err(error) => error,
        }
    }

    /// Keeps the relay's answer as evidence if it did not verify and nothing else was kept.
    pub(super) fn with_evidence<T>(
        &self,
        result: Result<T, ClientError>,
        name: &str,
        answer: &[u8],
    ) -> Result<T, ClientError> {
        self.with_all_evidence(result, name, &[answer])
    }

    /// The same of several answers, each in a file of its own.
    pub(super) fn with_all_evidence<T>(
        &self,
        result: Result<T, ClientError>,
        name: &str,
        answers: &[&[u8]],
    ) -> Result<T, ClientError> {
        match result {
            Err(ClientError::Verification {
                error,
                evidence: None,
            }) => {
                let named = |(number, answer): (usize, &&[u8])| {
                    let file = match number {
                        0 => "answer.pb".to_owned(),
                        _ => format!("answer-{}.pb", number.saturating_add(1)),
                    };
                    (file, answer.to_vec())
                };
                let files: Vec<(String, Vec<u8>)> = answers.iter().enumerate().map(named).collect();
                let parts: Vec<(&str, &[u8])> = files
                    .iter()
                    .map(|(file, answer)| (file.as_str(), answer.as_slice()))
                    .collect();
                Err(ClientError::Verification {
                    evidence: keep_evidence(self.profile(), name, &error.to_string(), &parts),
                    error,
                })
            }
            other => other,
        }
    }
}

fn unprepared(error: PrepareError) -> ClientError {
    ClientError::Invalid(error.to_string())
}

/// A refusal as it was told, to be kept as evidence.
fn as_answered(refusal: &Refusal, rejection: &Option<(Receipt, Option<String>)>) -> Vec<u8> {
    let receipt = rejection.as_ref().map(|(receipt, note)| match note {
        Some(note) => wire::proven(receipt, note),
        None => receipt.into(),
    });
    wire::refusal(&refusal.refused, refusal.side_effect, receipt).encode_to_vec()
}

/// An entry of the outbox that this client did not write.
pub(super) fn damaged(entry: &OutboxEntry) -> ClientError {
    ClientError::Invalid(format!(
        "the outbox's {}.{} is damaged: it cannot be sent",
        entry.id,
        entry.kind.name()
    ))
}
