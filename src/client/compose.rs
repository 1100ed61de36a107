//! What the client adds to what people say: origin, id, time, signer, `seen` and fresh salts.

use super::draft::AcknowledgementDraft;
use super::error::ClientError;
use crate::domain::{
    Acknowledgement, Common, DeskAddress, DetachedPart, Form, KeyRole, Origin, PartReference, PayloadId,
    Principal, Seen, SignedBy, Signer, Text,
};
use crate::error::Refused;
use crate::limits;
use crate::seal::{SealPublicKey, TextPlace, random_bytes, seal_text, text_digest};
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

/// An acknowledgement and its text, sealed if there is a key to seal it to.
pub(crate) fn acknowledgement(
    draft: &AcknowledgementDraft,
    author: &Author,
    seal_to: Option<&SealPublicKey>,
) -> Result<(Acknowledgement, Option<DetachedPart>), ClientError> {
    let common = author.common()?;
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
            let salt = random_bytes()?;
            Some(match seal_to {
                None => (DetachedPart { salt, content }, 0, None),
                Some(key) => {
                    let place = TextPlace {
                        origin: &common.origin,
                        acknowledgement: &common.id,
                        warning: &draft.warning_digest,
                    };
                    let sealed = seal_text(key, place, &content)?;
                    let content = sealed.content.into();
                    (
                        DetachedPart { salt, content },
                        key.suite().byte(),
                        Some(sealed.commitment),
                    )
                }
            })
        }
    };
    let mut missing = draft.missing.clone();
    missing.sort_unstable();
    missing.dedup();
    let acknowledgement = Acknowledgement {
        common,
        warning_id: draft.warning_id,
        warning_digest: draft.warning_digest,
        kind: draft.kind,
        assessment: draft.assessment,
        missing,
        reason: draft.reason,
        until: draft.until.map(|until| until.from(author.now)),
        to: draft.to.clone(),
        text: text.as_ref().map(|(text, suite, commitment)| PartReference {
            form: match commitment {
                None => Form::Clear,
                Some(_) => Form::Sealed,
            },
            suite: u32::from(*suite),
            // Bounded above, far below 4 GiB.
            length: u32::try_from(text.content.len()).unwrap_or(u32::MAX),
            digest: text_digest(&text.salt, &text.content),
            plaintext_commitment: *commitment,
        }),
        extensions: Vec::new(),
    };
    Ok((acknowledgement, text.map(|(text, _, _)| text)))
}
