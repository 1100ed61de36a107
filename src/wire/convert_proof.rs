//! Receipts and what a relay shows: proofs, rows, threads, replayed records. A client reads them from a relay that it
//! does not trust, so every one of them is bounded and parses or fails.

use bytes::Bytes;

use super::fields::{
    Within, exactly, invalid, list_exactly, missing, name, optional_word, payload_id, required, word,
};
use super::v1;
use crate::domain::{
    AcknowledgementKind, Digest, Hash, Precedence, Receipt, RecipientStep, ReplayedContent, ReplayedRecord,
    Status, Step, ThreadView, WarningSummary, WarningType,
};
use crate::error::Refused;
use crate::limits;
use crate::time::Timestamp;

impl From<&Receipt> for v1::Receipt {
    /// Without a checkpoint: it stands beside. See [`proven`] for one that carries it.
    fn from(receipt: &Receipt) -> Self {
        Self {
            index: receipt.index,
            record: receipt.record.clone(),
            inclusion_proof: receipt
                .inclusion_proof
                .iter()
                .map(|hash| Bytes::copy_from_slice(hash.as_bytes()))
                .collect(),
            checkpoint: Bytes::new(),
        }
    }
}

impl TryFrom<v1::Receipt> for Receipt {
    type Error = Refused;
    /// Its own checkpoint is left aside. See [`with_checkpoint`] for one that must carry it.
    fn try_from(message: v1::Receipt) -> Result<Self, Refused> {
        if message.record.is_empty() {
            return Err(missing("record"));
        }
        if message.record.len() > limits::RECORD_BYTES_MAX {
            return Err(invalid("record", "larger than a record may be"));
        }
        if message.inclusion_proof.len() > limits::PROOF_HASHES_MAX {
            return Err(invalid("inclusion_proof", "longer than a proof may be"));
        }
        let proof = list_exactly(&message.inclusion_proof, "inclusion_proof")?;
        Ok(Self {
            index: message.index,
            record: message.record,
            inclusion_proof: proof.into_iter().map(Hash).collect(),
        })
    }
}

/// A receipt that carries the checkpoint it is proven against.
pub fn proven(receipt: &Receipt, checkpoint: &str) -> v1::Receipt {
    v1::Receipt {
        checkpoint: Bytes::copy_from_slice(checkpoint.as_bytes()),
        ..receipt.into()
    }
}

/// A receipt and the checkpoint that it must carry.
pub fn with_checkpoint(mut message: v1::Receipt) -> Result<(Receipt, String), Refused> {
    let checkpoint = checkpoint(&std::mem::take(&mut message.checkpoint))?;
    Ok((message.try_into()?, checkpoint))
}

/// The text of a signed note that must be there.
pub fn checkpoint(bytes: &[u8]) -> Result<String, Refused> {
    if bytes.is_empty() {
        return Err(missing("checkpoint"));
    }
    if bytes.len() > limits::CHECKPOINT_BYTES_MAX {
        return Err(invalid("checkpoint", "larger than a checkpoint may be"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| invalid("checkpoint", "not UTF-8"))?;
    Ok(text.to_owned())
}

/// The hashes of a proof.
pub fn proof_hashes(list: &[Bytes]) -> Result<Vec<Hash>, Refused> {
    if list.len() > limits::PROOF_HASHES_MAX {
        return Err(invalid("proof", "longer than a proof may be"));
    }
    Ok(list_exactly(list, "proof")?.into_iter().map(Hash).collect())
}

impl From<&RecipientStep> for v1::RecipientStep {
    fn from(recipient: &RecipientStep) -> Self {
        Self {
            desk: recipient.desk.to_string(),
            step: recipient.step.number(),
            answer: recipient.answer.map_or(0, |answer| answer.number()),
        }
    }
}

impl TryFrom<v1::RecipientStep> for RecipientStep {
    type Error = Refused;
    fn try_from(message: v1::RecipientStep) -> Result<Self, Refused> {
        Ok(Self {
            desk: name(&message.desk, "desk")?,
            step: word(message.step, "step", Step::from_number)?,
            answer: optional_word(message.answer, "answer", AcknowledgementKind::from_number)?,
        })
    }
}

impl From<&WarningSummary> for v1::WarningSummary {
    fn from(summary: &WarningSummary) -> Self {
        let direction = match summary.outgoing {
            true => v1::Direction::Out,
            false => v1::Direction::In,
        };
        Self {
            digest: Bytes::copy_from_slice(summary.digest.as_bytes()),
            id: Bytes::copy_from_slice(summary.id.as_bytes()),
            direction: direction.into(),
            index: summary.index,
            originator: summary.originator.to_string(),
            status: summary.status.number(),
            r#type: summary.warning_type.number(),
            precedence: summary.precedence.number(),
            sent_unix_ms: summary.sent.unix_ms(),
            expires_unix_ms: summary.expires.unix_ms(),
            recipients: summary.recipients.iter().map(v1::RecipientStep::from).collect(),
        }
    }
}

impl TryFrom<v1::WarningSummary> for WarningSummary {
    type Error = Refused;
    fn try_from(message: v1::WarningSummary) -> Result<Self, Refused> {
        let recipients = message.recipients.into_iter().enumerate();
        Ok(Self {
            digest: Digest(exactly(&message.digest, "digest")?),
            id: payload_id(&message.id, "id")?,
            outgoing: match v1::Direction::try_from(message.direction) {
                Ok(v1::Direction::Out) => true,
                Ok(v1::Direction::In) => false,
                Ok(v1::Direction::Unspecified) => return Err(missing("direction")),
                Err(_) => return Err(invalid("direction", "the value is not one of its list")),
            },
            index: message.index,
            originator: name(&message.originator, "originator")?,
            status: word(message.status, "status", Status::from_number)?,
            warning_type: word(message.r#type, "type", WarningType::from_number)?,
            precedence: word(message.precedence, "precedence", Precedence::from_number)?,
            sent: Timestamp::from_unix_ms(message.sent_unix_ms),
            expires: Timestamp::from_unix_ms(message.expires_unix_ms),
            recipients: recipients
                .map(|(index, it)| it.try_into().within_entry("recipients", index))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<&ThreadView> for v1::Thread {
    fn from(thread: &ThreadView) -> Self {
        Self {
            desk: thread.desk.to_string(),
            step: thread.step.number(),
            records: thread.records.iter().map(v1::Receipt::from).collect(),
            texts: thread
                .texts
                .iter()
                .map(|(index, part)| v1::IndexedPart {
                    index: *index,
                    part: Some(part.into()),
                })
                .collect(),
        }
    }
}

impl TryFrom<v1::Thread> for ThreadView {
    type Error = Refused;
    fn try_from(message: v1::Thread) -> Result<Self, Refused> {
        let records = message.records.into_iter().enumerate();
        let texts = message.texts.into_iter().enumerate();
        Ok(Self {
            desk: name(&message.desk, "desk")?,
            step: word(message.step, "step", Step::from_number)?,
            records: records
                .map(|(index, it)| it.try_into().within_entry("records", index))
                .collect::<Result<_, _>>()?,
            texts: texts
                .map(|(index, text)| {
                    let part = required(text.part, "part").and_then(TryInto::try_into);
                    Ok((text.index, part.within_entry("texts", index)?))
                })
                .collect::<Result<_, Refused>>()?,
        })
    }
}

impl From<&ReplayedRecord> for v1::ReplayedRecord {
    fn from(record: &ReplayedRecord) -> Self {
        use v1::replayed_record::Kind;
        Self {
            index: record.index,
            kind: Some(match &record.content {
                ReplayedContent::Record(bytes) => Kind::Record(bytes.clone()),
                ReplayedContent::LeafHash(hash) => Kind::LeafHash(Bytes::copy_from_slice(hash.as_bytes())),
            }),
            part: record.part.as_ref().map(v1::Part::from),
            inbox: record.inbox.as_ref().map(v1::InboxOpening::from),
        }
    }
}

impl TryFrom<v1::ReplayedRecord> for ReplayedRecord {
    type Error = Refused;
    fn try_from(message: v1::ReplayedRecord) -> Result<Self, Refused> {
        use v1::replayed_record::Kind;
        Ok(Self {
            index: message.index,
            content: match required(message.kind, "record")? {
                Kind::Record(bytes) if bytes.len() > limits::RECORD_BYTES_MAX => {
                    return Err(invalid("record", "larger than a record may be"));
                }
                Kind::Record(bytes) => ReplayedContent::Record(bytes),
                Kind::LeafHash(bytes) => ReplayedContent::LeafHash(Hash(exactly(&bytes, "leaf_hash")?)),
            },
            part: message.part.map(TryInto::try_into).transpose().within("part")?,
            inbox: message.inbox.map(TryInto::try_into).transpose().within("inbox")?,
        })
    }
}
