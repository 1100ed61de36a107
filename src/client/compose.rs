//! What the client adds to what people say: origin, id, time, signer, `seen` and fresh salts.

use super::draft::AcknowledgementDraft;
use super::error::ClientError;
use crate::domain::{
    Acknowledgement, Common, DeskAddress, DetachedPart, Form, KeyRole, Origin, PartReference, PayloadId,
    Principal, Seen, SignedBy, Signer, Text,
};
use crate::error::Refused;
use crate::limits;
use crate::seal::{random_bytes, text_digest};
use crate::time::Timestamp;
use crate::wire;

/// Who signs, where and when.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    /// The log.
    pub(crate) origin: Origin,
    /// Who.
    pub(crate) principal: Principal,
    /// With a key of which role.
    pub(crate) role: KeyRole,
    /// The desk that acts; agencies only.
    pub(crate) desk: Option<DeskAddress>,
    /// The office of the person who acts.
    pub(crate) office: String,
    /// The newest verified checkpoint; none where a root signs.
    pub(crate) seen: Option<Seen>,
    /// The time of signing.
    pub(crate) now: Timestamp,
}

impl Author {
    /// The beginning of a payload, under a fresh id.
    pub(crate) fn common(&self) -> Result<Common, ClientError> {
        let unix_ms = u64::try_from(self.now.unix_ms())
            .map_err(|_| ClientError::Invalid("the clock shows a time before 1970".to_owned()))?;
        Ok(Common {
            origin: self.origin.clone(),
            id: PayloadId::from_parts(unix_ms, random_bytes()?),
            sent: self.now,
            signer: SignedBy::Named(Signer {
                principal: self.principal.clone(),
                role: self.role,
                desk: self.desk.clone().filter(|desk| !desk.is_duty()),
                office: self.office.clone(),
                seen: self.seen,
            }),
        })
    }
}

/// What cannot be signed.
pub(crate) fn unsignable(refused: Refused) -> ClientError {
    ClientError::Invalid(refused.to_string())
}

/// An acknowledgement and its text.
pub(crate) fn acknowledgement(
    draft: &AcknowledgementDraft,
    author: &Author,
) -> Result<(Acknowledgement, Option<DetachedPart>), ClientError> {
    let text = match &draft.note {
        None => None,
        Some((language, text)) => {
            let content = wire::encode_text(&Text {
                language: language.clone(),
                text: text.clone(),
            });
            if content.len() > limits::TEXT_BYTES_MAX {
                return Err(ClientError::Invalid(format!(
                    "the note has {} bytes, more than {}",
                    content.len(),
                    limits::TEXT_BYTES_MAX
                )));
            }
            wire::text(&content).map_err(unsignable)?;
            Some(DetachedPart {
                salt: random_bytes()?,
                content,
            })
        }
    };
    let mut missing = draft.missing.clone();
    missing.sort_unstable();
    missing.dedup();
    let acknowledgement = Acknowledgement {
        common: author.common()?,
        warning_id: draft.warning_id,
        warning_digest: draft.warning_digest,
        kind: draft.kind,
        assessment: draft.assessment,
        missing,
        reason: draft.reason,
        until: draft.until.map(|until| until.from(author.now)),
        to: draft.to.clone(),
        text: text.as_ref().map(|text| PartReference {
            form: Form::Clear,
            suite: 0,
            // Bounded above, far below 4 GiB.
            length: u32::try_from(text.content.len()).unwrap_or(u32::MAX),
            digest: text_digest(&text.salt, &text.content),
            plaintext_commitment: None,
        }),
        extensions: Vec::new(),
    };
    Ok((acknowledgement, text))
}
