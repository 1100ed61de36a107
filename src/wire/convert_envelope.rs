//! Envelopes, openings and detached parts: what travels and is stored around what is signed. Sizes are checked before
//! any work is done on the content.

use bytes::Bytes;
use smol_str::SmolStr;

use super::fields::{Within, exactly, invalid, name, required, word};
use super::reader::At;
use super::v1;
use super::walker::Fields;
use crate::domain::{
    AudienceKind, AudienceOpening, DetachedPart, EnvelopeSignature, InboxOpening, SignedEnvelope,
};
use crate::error::{ErrorCode, Refused};
use crate::limits;
use crate::seal::PayloadKind;

impl From<&SignedEnvelope> for v1::Envelope {
    fn from(envelope: &SignedEnvelope) -> Self {
        Self {
            payload: envelope.payload.clone(),
            payload_type: envelope.payload_type.to_string(),
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
        bounded(&message.payload, &message.payload_type, message.signatures.len())?;
        let signatures = message.signatures.iter().enumerate();
        Ok(Self {
            payload: message.payload,
            payload_type: payload_type(&message.payload_type),
            signatures: signatures
                .map(|(index, it)| signature(&it.keyid, &it.sig).within_entry("signatures", index))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// An envelope of a request, which must be there.
pub(super) fn required_envelope(
    message: Option<v1::Envelope>,
    field: &str,
) -> Result<SignedEnvelope, Refused> {
    required(message, field)?.try_into().within(field)
}

/// An envelope in a record: the same rules, and somebody has signed it. (A record of nothing but empty envelopes, each two bytes long, would
/// take eighty times its size in memory.)
pub(super) fn envelope(envelope: &Fields<'_>) -> Result<SignedEnvelope, Refused> {
    use super::at::{envelope as at, signature as of_signature};
    let (payload, of_type) = (envelope.slice(at::PAYLOAD), envelope.text(at::PAYLOAD_TYPE)?);
    let signatures = envelope.list(at::SIGNATURES).len();
    bounded(payload, of_type, signatures)?;
    if signatures == 0 {
        let sentence = "an envelope in a record is signed";
        return Err(Refused::new(ErrorCode::BadSignature, sentence).about("signatures"));
    }
    Ok(SignedEnvelope {
        payload: envelope.shared(at::PAYLOAD),
        payload_type: payload_type(of_type),
        signatures: envelope.all(at::SIGNATURES, |it| {
            signature(it.text(of_signature::KEYID)?, it.slice(of_signature::SIG))
        })?,
    })
}

fn bounded(payload: &[u8], payload_type: &str, signatures: usize) -> Result<(), Refused> {
    if payload.len() > limits::PAYLOAD_BYTES_MAX {
        let sentence = format!(
            "the signed payload is larger than {} bytes",
            limits::PAYLOAD_BYTES_MAX
        );
        return Err(Refused::new(ErrorCode::PayloadTooLarge, sentence).about("payload"));
    }
    if payload_type.len() > limits::PAYLOAD_TYPE_BYTES_MAX {
        let sentence = "the payload type is none of wardline's";
        return Err(Refused::new(ErrorCode::WrongPayloadType, sentence).about("payload_type"));
    }
    if signatures > limits::SIGNATURES_MAX {
        let sentence = format!("the envelope has more than {} signatures", limits::SIGNATURES_MAX);
        return Err(Refused::new(ErrorCode::BadSignature, sentence).about("signatures"));
    }
    Ok(())
}

/// One of ours is not allocated.
fn payload_type(text: &str) -> SmolStr {
    match text.parse::<PayloadKind>() {
        Ok(kind) => SmolStr::new_static(kind.payload_type()),
        Err(_) => SmolStr::new(text),
    }
}

fn signature(keyid: &str, sig: &[u8]) -> Result<EnvelopeSignature, Refused> {
    Ok(EnvelopeSignature {
        keyid: name(keyid, "keyid")?,
        sig: sig
            .try_into()
            .map_err(|_| Refused::new(ErrorCode::BadSignature, "a signature has 64 bytes").about("sig"))?,
    })
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
        opening(message.kind, &message.salt, &message.address)
    }
}

fn opening(kind: i32, salt: &[u8], address: &str) -> Result<AudienceOpening, Refused> {
    if address.len() > limits::ADDRESS_BYTES_MAX {
        return Err(invalid("address", "the address is too long"));
    }
    Ok(AudienceOpening {
        kind: word(kind, "kind", |number| {
            AudienceKind::from_number(u8::try_from(number).ok()?)
        })?,
        salt: exactly(salt, "salt")?,
        address: address.to_owned(),
    })
}

/// Openings, no more than an audience has entries.
pub(super) fn openings(messages: Vec<v1::AudienceOpening>) -> Result<Vec<AudienceOpening>, Refused> {
    no_more_openings(messages.len())?;
    let messages = messages.into_iter().enumerate();
    messages
        .map(|(index, opening)| opening.try_into().within_entry("openings", index))
        .collect()
}

/// Openings in a record: the same rules.
pub(super) fn openings_in(record: &Fields<'_>, at: At) -> Result<Vec<AudienceOpening>, Refused> {
    no_more_openings(record.list(at).len())?;
    record.all(at, |it| {
        use super::at::audience_opening as at;
        opening(
            it.number_of_word(at::KIND),
            it.slice(at::SALT),
            it.text(at::ADDRESS)?,
        )
    })
}

fn no_more_openings(openings: usize) -> Result<(), Refused> {
    if openings <= limits::AUDIENCE_MAX {
        return Ok(());
    }
    let sentence = format!("more than {} openings", limits::AUDIENCE_MAX);
    Err(Refused::new(ErrorCode::TooManyRecipients, sentence).about("openings"))
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
