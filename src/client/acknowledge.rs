//! Acknowledging a warning, by the machine (`RECEIVED`) or by an officer (everything else).

use std::path::PathBuf;

use bytes::Bytes;
use prost::Message as _;

use super::compose;
use super::draft::AcknowledgementDraft;
use super::error::ClientError;
use super::handle::Client;
use super::inbox::InboxName;
use super::matching;
use super::outbox::{OutboxEntry, OutboxKind};
use super::receipts;
use super::submit::damaged;
use super::threads::check_acknowledgement;
use super::trust::{Keep, blocking};
use super::verification::VerificationError;
use crate::domain::{
    Acknowledgement, AcknowledgementKind, AcknowledgementSubmission, DeskAddress, Digest, Hint, PayloadId,
    WarningName,
};
use crate::seal::{PayloadKind, sign_envelope, verify_envelope_as};
use crate::wire::{self, Recorded, v1};

/// An acknowledgement that is on the record; everything here was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// The id of what was sent.
    pub id: PayloadId,
    /// The digest of what is on the record; of an earlier `RECEIVED` of the desk if there was one.
    pub digest: Digest,
    /// What is acknowledged.
    pub warning_digest: Digest,
    /// Who acknowledges.
    pub desk: DeskAddress,
    /// What was said.
    pub kind: AcknowledgementKind,
    /// The record.
    pub index: u64,
    /// The tlog-proof of the record.
    pub receipt: PathBuf,
    /// It was on the record before.
    pub repeated: bool,
}

impl Client {
    /// Signs an acknowledgement, without keeping or sending it. Its note is sealed to the warning's originator if the warning was
    /// sealed.
    pub async fn sign_acknowledgement(
        &self,
        draft: &AcknowledgementDraft,
    ) -> Result<AcknowledgementSubmission, ClientError> {
        let role = draft.kind.signing_role();
        let signer = self.signer(role).await?;
        let author = self.author(role, Some(draft.desk.clone()), &draft.office).await;
        let seal_to = match &draft.note {
            // What nobody says nobody can read.
            None => None,
            Some(_) => self.reply_key_of(draft.warning_digest).await?,
        };
        let (acknowledgement, text) = compose::acknowledgement(draft, &author, seal_to.as_ref())?;
        let payload = wire::encode_acknowledgement(&acknowledgement);
        let envelope = sign_envelope(signer.as_ref(), PayloadKind::Acknowledgement, payload).await?;
        let key = signer.public_key();
        let verified = verify_envelope_as(envelope.clone(), PayloadKind::Acknowledgement, |_| Some(key))
            .map_err(|error| ClientError::Invalid(error.to_string()))?;
        wire::acknowledgement(&verified).map_err(compose::unsignable)?;
        Ok(AcknowledgementSubmission {
            envelope,
            hint: Hint {
                lane: None,
                id: acknowledgement.common.id,
            },
            text,
        })
    }

    /// Signs an acknowledgement into the outbox: on stable storage when it returns, and not sent yet.
    pub async fn prepare_acknowledgement(
        &self,
        draft: &AcknowledgementDraft,
    ) -> Result<OutboxEntry, ClientError> {
        let submission = self.sign_acknowledgement(draft).await?;
        let message = v1::AcknowledgementSubmission::from(&submission).encode_to_vec();
        self.put(submission.hint.id, OutboxKind::Acknowledgement, message)
            .await
    }

    /// Signs an acknowledgement into the outbox and sends it.
    pub async fn acknowledge(&self, draft: &AcknowledgementDraft) -> Result<Acknowledged, ClientError> {
        let entry = self.prepare_acknowledgement(draft).await?;
        self.acknowledge_entry(&entry).await
    }

    /// Sends an acknowledgement of the outbox, these very bytes.
    pub async fn acknowledge_entry(&self, entry: &OutboxEntry) -> Result<Acknowledged, ClientError> {
        let message =
            v1::AcknowledgementSubmission::decode(entry.message.clone()).map_err(|_| damaged(entry))?;
        let submission = AcknowledgementSubmission::try_from(message).map_err(|_| damaged(entry))?;
        let acknowledged = self.acknowledge_submission(&submission, Some(entry)).await;
        acknowledged.map_err(|error| self.if_kept(entry, error))
    }

    /// Sends an acknowledgement, of the outbox or not.
    pub(super) async fn acknowledge_submission(
        &self,
        submission: &AcknowledgementSubmission,
        entry: Option<&OutboxEntry>,
    ) -> Result<Acknowledged, ClientError> {
        let request = v1::AcknowledgeRequest {
            acknowledgement: Some(submission.into()),
        };
        let answered = self
            .inner
            .connection
            .call(&request, |channel, message| async move {
                v1::exchange_client::ExchangeClient::new(channel)
                    .acknowledge(message)
                    .await
            })
            .await;
        let answer = match answered {
            Ok(answer) => answer,
            Err(fault) => return Err(self.not_done(entry, &submission.envelope, fault, None).await),
        };
        let evidence = Bytes::from(answer.encode_to_vec());
        let verified = self.settle_acknowledgement(entry, submission, answer).await;
        self.with_evidence(verified, "acknowledge", &evidence)
    }

    async fn settle_acknowledgement(
        &self,
        entry: Option<&OutboxEntry>,
        submission: &AcknowledgementSubmission,
        answer: v1::AcknowledgeResponse,
    ) -> Result<Acknowledged, ClientError> {
        // Our own bytes, read with the parser that they passed before they were kept.
        let unreadable = || ClientError::Invalid("the acknowledgement cannot be read".to_owned());
        let ours = wire::acknowledgement(&Recorded(&submission.envelope)).map_err(|_| unreadable())?;
        let desk = acting_desk(&ours).ok_or_else(unreadable)?;
        // What is not in the outbox is one of many; whoever sends it keeps the checkpoint.
        let keep = if entry.is_some() { Keep::Now } else { Keep::Later };
        let proven = self.prove_with_own_checkpoint(answer.receipt, keep).await?;
        let recorded = matching::acknowledged(&submission.envelope, &ours, &desk, &proven)?.clone();
        let digest = recorded.digest();
        if answer.digest.as_ref() != digest.as_bytes() {
            return Err(VerificationError::OtherRecord {
                index: proven.index(),
                why: "the relay names another digest",
            }
            .into());
        }
        if recorded != submission.envelope {
            let directory = self.directory_to(proven.index().saturating_add(1)).await?;
            let untrue = |why| VerificationError::Thread {
                digest: ours.warning_digest,
                desk: desk.clone(),
                why,
            };
            let (first, _) =
                check_acknowledgement(&recorded, proven.index(), &desk, &directory).map_err(untrue)?;
            if first.kind != ours.kind || first.warning_digest != ours.warning_digest {
                return Err(VerificationError::OtherRecord {
                    index: proven.index(),
                    why: "it is no RECEIVED of this desk for this warning",
                }
                .into());
            }
        }
        if ours.kind.is_answer() {
            self.note_answered(ours.warning_digest, &desk).await?;
        }
        let (profile, outbox, entry) = (self.profile().clone(), self.outbox().clone(), entry.cloned());
        let (id, index) = (ours.common.id, proven.index());
        let receipt = blocking(move || {
            let receipt = receipts::keep_acknowledgement(&profile, &id, &proven)?;
            if let Some(entry) = entry {
                outbox.remove(&entry)?;
            }
            Ok(receipt)
        })
        .await?;
        Ok(Acknowledged {
            id,
            digest,
            warning_digest: ours.warning_digest,
            desk,
            kind: ours.kind,
            index,
            receipt,
            repeated: answer.repeated,
        })
    }
}

impl Client {
    /// Keeps in the inbox that a desk's answer is on the record, if the warning came here.
    async fn note_answered(&self, digest: Digest, desk: &DeskAddress) -> Result<(), ClientError> {
        let (inbox, desk) = (self.inbox().clone(), desk.clone());
        blocking(move || {
            for name in inbox.unanswered(&desk)? {
                if name.digest == digest {
                    inbox.mark_answered(&name)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Whether a delivery was answered by its desk, proven; the inbox keeps it. Another machine may have answered.
    pub async fn is_answered(&self, name: &InboxName) -> Result<bool, ClientError> {
        let warning = self.warning(WarningName::Digest(name.digest)).await?;
        let thread = warning.threads.get(&name.desk);
        let answered = thread.is_some_and(|thread| thread.answer.is_some());
        if answered {
            let (inbox, name) = (self.inbox().clone(), name.clone());
            blocking(move || Ok(inbox.mark_answered(&name)?)).await?;
        }
        Ok(answered)
    }
}

/// The desk that an acknowledgement speaks for.
fn acting_desk(acknowledgement: &Acknowledgement) -> Option<DeskAddress> {
    let signer = acknowledgement.common.named()?;
    match &signer.desk {
        Some(desk) => Some(desk.clone()),
        None => signer.principal.agency().cloned().map(DeskAddress::duty),
    }
}
