//! Envelopes, openings and detached parts: what travels and is stored around what is signed. Sizes are checked before
//! any work is done on the content.

use bytes::Bytes;

use super::fields::{Within, exactly, invalid, name, required, word};
use super::v1;
use crate::domain::{
    AudienceKind, AudienceOpening, DetachedPart, EnvelopeSignature, InboxOpening, SignedEnvelope,
};
use crate::error::{ErrorCode, Refused};
use crate::limits;

impl From<&SignedEnvelope> for v1::Envelope {
    fn from(envelope: &SignedEnvelope) -> Self {
        Self {
            payload: envelope.payload.clone(),
            payload_type: envelope.payload_type.clone(),
            signatures: envelope
                .signatures
                .iter()
                .map(|signature| v1::Signature {
                    sig: Bytes::copy_from_slice(&signature.sig),
                    keyid: signature.keyid.to_string(),
                })
                .collect(),
        }
    }
}

impl TryFrom<v1::Envelope> for SignedEnvelope {
    type Error = Refused;
    /// Without signatures it is an envelope too (a request that only a root signs); `seal` verifies none such.
    fn try_from(message: v1::Envelope) -> Result<Self, Refused> {
        if message.payload.len() > limits::PAYLOAD_BYTES_MAX {
            let sentence = format!(
                "the signed payload is larger than {} bytes",
                limits::PAYLOAD_BYTES_MAX
            );
            return Err(Refused::new(ErrorCode::PayloadTooLarge, sentence).about("payload"));
        }
        if message.payload_type.len() > limits::PAYLOAD_TYPE_BYTES_MAX {
            let sentence = "the payload type is none of wardline's";
            return Err(Refused::new(ErrorCode::WrongPayloadType, sentence).about("payload_type"));
        }
        if message.signatures.len() > limits::SIGNATURES_MAX {
            let sentence = format!("the envelope has more than {} signatures", limits::SIGNATURES_MAX);
            return Err(Refused::new(ErrorCode::BadSignature, sentence).about("signatures"));
        }
        let signatures = message.signatures.into_iter().enumerate();
        Ok(Self {
            payload: message.payload,
            payload_type: message.payload_type,
            signatures: signatures
                .map(|(index, signature)| parse_signature(&signature).within_entry("signatures", index))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn parse_signature(message: &v1::Signature) -> Result<EnvelopeSignature, Refused> {
    Ok(EnvelopeSignature {
        keyid: name(&message.keyid, "keyid")?,
        sig: message
            .sig
            .as_ref()
            .try_into()
            .map_err(|_| Refused::new(ErrorCode::BadSignature, "a signature has 64 bytes").about("sig"))?,
    })
}

/// An envelope that must be there.
pub(super) fn envelope(message: Option<v1::Envelope>, field: &str) -> Result<SignedEnvelope, Refused> {
    required(message, field)?.try_into().within(field)
}

impl From<&AudienceOpening> for v1::AudienceOpening {
    fn from(opening: &AudienceOpening) -> Self {
        Self {
            kind: i32::from(opening.kind.number()),
            salt: Bytes::copy_from_slice(&opening.salt),
            address: opening.address.clone(),
        }
    }
}

impl TryFrom<v1::AudienceOpening> for AudienceOpening {
    type Error = Refused;
    fn try_from(message: v1::AudienceOpening) -> Result<Self, Refused> {
        if message.address.len() > limits::ADDRESS_BYTES_MAX {
            return Err(invalid("address", "the address is too long"));
        }
        Ok(Self {
            kind: word(message.kind, "kind", |number| {
                AudienceKind::from_number(u8::try_from(number).ok()?)
            })?,
            salt: exactly(&message.salt, "salt")?,
            address: message.address,
        })
    }
}

/// Openings, no more than an audience has entries.
pub(super) fn openings(messages: Vec<v1::AudienceOpening>) -> Result<Vec<AudienceOpening>, Refused> {
    if messages.len() > limits::AUDIENCE_MAX {
        let sentence = format!("more than {} openings", limits::AUDIENCE_MAX);
        return Err(Refused::new(ErrorCode::TooManyRecipients, sentence).about("openings"));
    }
    let messages = messages.into_iter().enumerate();
    messages
        .map(|(index, opening)| opening.try_into().within_entry("openings", index))
        .collect()
}

impl From<&DetachedPart> for v1::Part {
    fn from(part: &DetachedPart) -> Self {
        Self {
            salt: Bytes::copy_from_slice(&part.salt),
            content: part.content.clone(),
        }
    }
}

impl TryFrom<v1::Part> for DetachedPart {
    type Error = Refused;
    /// No larger than the largest part.
    fn try_from(message: v1::Part) -> Result<Self, Refused> {
        sized_part(message, limits::BODY_BYTES_MAX, ErrorCode::BodyTooLarge)
    }
}

/// A part of at most this size.
pub(super) fn sized_part(
    message: v1::Part,
    bytes_max: usize,
    code: ErrorCode,
) -> Result<DetachedPart, Refused> {
    if message.content.len() > bytes_max {
        return Err(Refused::new(code, format!("larger than {bytes_max} bytes")).about("content"));
    }
    Ok(DetachedPart {
        salt: exactly(&message.salt, "salt")?,
        content: message.content,
    })
}

impl From<&InboxOpening> for v1::InboxOpening {
    fn from(opening: &InboxOpening) -> Self {
        Self {
            number: opening.number,
            salt: Bytes::copy_from_slice(&opening.salt),
        }
    }
}

impl TryFrom<v1::InboxOpening> for InboxOpening {
    type Error = Refused;
    fn try_from(message: v1::InboxOpening) -> Result<Self, Refused> {
        if message.number == 0 {
            return Err(super::fields::missing("number"));
        }
        Ok(Self {
            number: message.number,
            salt: exactly(&message.salt, "salt")?,
        })
    }
}
