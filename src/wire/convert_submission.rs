//! What a client sends: a warning or an acknowledgement with what lies beside it. Nothing here is verified; sizes come
//! first, so that no work is done on what is too large.

use bytes::Bytes;

use super::convert_envelope::{openings, required_envelope, sized_part};
use super::fields::{Within, exactly, invalid, missing, name, optional_word, payload_id, required};
use super::v1;
use crate::domain::{AcknowledgementSubmission, Digest, Hint, Lane, Submission, WarningName, Wrap};
use crate::error::{ErrorCode, Refused};
use crate::limits;

impl From<&Hint> for v1::Hint {
    fn from(hint: &Hint) -> Self {
        Self {
            lane: hint.lane.map_or(0, |lane| lane.number()),
            id: Bytes::copy_from_slice(hint.id.as_bytes()),
        }
    }
}

impl TryFrom<v1::Hint> for Hint {
    type Error = Refused;
    fn try_from(message: v1::Hint) -> Result<Self, Refused> {
        Ok(Self {
            lane: optional_word(message.lane, "lane", Lane::from_number)?,
            id: payload_id(&message.id, "id")?,
        })
    }
}

impl From<&Submission> for v1::Submission {
    fn from(submission: &Submission) -> Self {
        Self {
            envelope: Some((&submission.envelope).into()),
            hint: Some((&submission.hint).into()),
            openings: submission
                .openings
                .iter()
                .map(v1::AudienceOpening::from)
                .collect(),
            body: Some((&submission.body).into()),
            signer_salt: Bytes::new(),
            signer: Bytes::new(),
            wraps: submission.wraps.iter().map(v1::Wrap::from).collect(),
        }
    }
}

impl TryFrom<v1::Submission> for Submission {
    type Error = Refused;
    fn try_from(message: v1::Submission) -> Result<Self, Refused> {
        let body = required(message.body, "body")?;
        let body = sized_part(body, limits::BODY_BYTES_MAX, ErrorCode::BodyTooLarge).within("body")?;
        for (bytes, field) in [(&message.signer_salt, "signer_salt"), (&message.signer, "signer")] {
            if !bytes.is_empty() {
                let sentence = "a sender who stays unnamed is not supported yet";
                return Err(Refused::new(ErrorCode::Unsupported, sentence).about(field));
            }
        }
        let hint: Hint = required(message.hint, "hint")?.try_into().within("hint")?;
        if hint.lane.is_none() {
            return Err(missing("hint.lane"));
        }
        Ok(Self {
            envelope: required_envelope(message.envelope, "envelope")?,
            hint,
            openings: openings(message.openings)?,
            body,
            wraps: wraps(message.wraps)?,
        })
    }
}

impl From<&Wrap> for v1::Wrap {
    fn from(wrap: &Wrap) -> Self {
        Self {
            agency: wrap.agency.to_string(),
            wrapped: wrap.wrapped.clone(),
        }
    }
}

impl TryFrom<v1::Wrap> for Wrap {
    type Error = Refused;
    fn try_from(message: v1::Wrap) -> Result<Self, Refused> {
        if message.wrapped.is_empty() {
            return Err(missing("wrapped"));
        }
        if message.wrapped.len() > limits::WRAP_BYTES_MAX {
            return Err(invalid("wrapped", "longer than a wrap may be"));
        }
        Ok(Self {
            agency: name(&message.agency, "agency")?,
            wrapped: message.wrapped,
        })
    }
}

/// No more than there may be recipients, and the originator's.
pub(super) fn wraps(messages: Vec<v1::Wrap>) -> Result<Vec<Wrap>, Refused> {
    if messages.len() > limits::WRAPS_MAX {
        let sentence = format!("more than {} wraps", limits::WRAPS_MAX);
        return Err(Refused::new(ErrorCode::WrapsMismatch, sentence).about("wraps"));
    }
    let messages = messages.into_iter().enumerate();
    messages
        .map(|(index, wrap)| wrap.try_into().within_entry("wraps", index))
        .collect()
}

impl From<&AcknowledgementSubmission> for v1::AcknowledgementSubmission {
    fn from(submission: &AcknowledgementSubmission) -> Self {
        Self {
            envelope: Some((&submission.envelope).into()),
            hint: Some((&submission.hint).into()),
            text: submission.text.as_ref().map(v1::Part::from),
        }
    }
}

impl TryFrom<v1::AcknowledgementSubmission> for AcknowledgementSubmission {
    type Error = Refused;
    fn try_from(message: v1::AcknowledgementSubmission) -> Result<Self, Refused> {
        let part = |text| sized_part(text, limits::TEXT_BYTES_MAX, ErrorCode::TextTooLarge);
        let text = message.text.map(part).transpose().within("text")?;
        let hint = required(message.hint, "hint")?;
        Ok(Self {
            envelope: required_envelope(message.envelope, "envelope")?,
            hint: Hint {
                lane: None,
                id: payload_id(&hint.id, "hint.id")?,
            },
            text,
        })
    }
}

impl From<&WarningName> for v1::WarningName {
    fn from(name: &WarningName) -> Self {
        use v1::warning_name::Kind;
        Self {
            kind: Some(match name {
                WarningName::Digest(digest) => Kind::Digest(Bytes::copy_from_slice(digest.as_bytes())),
                WarningName::Id(id) => Kind::Id(Bytes::copy_from_slice(id.as_bytes())),
            }),
        }
    }
}

impl TryFrom<v1::WarningName> for WarningName {
    type Error = Refused;
    fn try_from(message: v1::WarningName) -> Result<Self, Refused> {
        use v1::warning_name::Kind;
        match message.kind {
            Some(Kind::Digest(bytes)) => Ok(Self::Digest(Digest(exactly(&bytes, "digest")?))),
            Some(Kind::Id(bytes)) => Ok(Self::Id(payload_id(&bytes, "id")?)),
            None => Err(missing("digest")),
        }
    }
}

/// A message of a request that must be there, as what it means: `required_as(request.submission, "submission")`.
pub fn required_as<M, T: TryFrom<M, Error = Refused>>(message: Option<M>, field: &str) -> Result<T, Refused> {
    required(message, field)?.try_into().within(field)
}

/// A message of a request that may be absent, as what it means.
pub fn optional_as<M, T: TryFrom<M, Error = Refused>>(
    message: Option<M>,
    field: &str,
) -> Result<Option<T>, Refused> {
    message.map(T::try_from).transpose().within(field)
}

/// A name in a request (a desk, a page's desk), or none where it is empty.
pub fn optional_name<T: std::str::FromStr>(text: &str, field: &str) -> Result<Option<T>, Refused>
where
    T::Err: std::fmt::Display,
{
    super::fields::optional_name(text, field)
}

/// Exactly 32 bytes in a request, or none where there are none.
pub fn optional_digest(bytes: &[u8], field: &str) -> Result<Option<Digest>, Refused> {
    match bytes {
        [] => Ok(None),
        _ => Digest::try_from(bytes)
            .map(Some)
            .map_err(|_| invalid(field, "not 32 bytes")),
    }
}
