//! From a draft to what is signed and what lies beside it. Time, id and signer are the caller's, randomness is handed
//! in; the same of all gives the same bytes.

use bytes::Bytes;

use super::Draft;
use crate::domain::{
    Address, AudienceOpening, Body, Common, DetachedPart, Form, Hint, Lane, PartReference, SignedBy,
    SignedEnvelope, Submission, Warning,
};
use crate::limits;
use crate::seal::{AudienceError, RandomError, body_digest, build_audience_with};
use crate::wire;

/// A warning that is ready to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The header.
    pub warning: Warning,
    /// The header's bytes: the payload to sign, as [`crate::seal::PayloadKind::Warning`].
    pub payload: Bytes,
    /// What opens each entry of its audience.
    pub openings: Vec<AudienceOpening>,
    /// The body and the salt of its digest.
    pub body: DetachedPart,
}

/// Why a draft cannot even be prepared. What the relay would refuse is told by [`Draft::refusals`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// No audience can be made of its addresses.
    #[error("{0}")]
    Audience(#[from] AudienceError),
    /// The body is too large.
    #[error("the body has {0} bytes, more than {max}", max = limits::BODY_BYTES_MAX)]
    BodyTooLarge(usize),
    /// No salt.
    #[error("{0}")]
    Random(String),
}

impl From<RandomError> for PrepareError {
    fn from(error: RandomError) -> Self {
        Self::Random(error.to_string())
    }
}

impl Draft {
    /// The header and the body of this draft, as `common` signs it: spans run from `common.sent`, and the draft's office
    /// (if it names one) becomes the signer's. `random` gives the salts, each fresh.
    pub fn prepare(
        &self,
        common: Common,
        mut random: impl FnMut() -> Result<[u8; 32], RandomError>,
    ) -> Result<Prepared, PrepareError> {
        let sent = common.sent;
        let body = wire::encode_body(&self.body_at(sent));
        let length = match u32::try_from(body.len()) {
            Ok(length) if body.len() <= limits::BODY_BYTES_MAX => length,
            _ => return Err(PrepareError::BodyTooLarge(body.len())),
        };
        let salt = random()?;
        let names = |addresses: &[Address]| addresses.iter().map(Address::to_string).collect::<Vec<_>>();
        let (to, exclude) = (names(&self.to), names(&self.exclude));
        let audience = build_audience_with(&as_strs(&to), &as_strs(&exclude), random)?;
        let mut victims_of = self.victims_of.clone();
        victims_of.sort();
        victims_of.dedup();
        let warning = Warning {
            common: self.with_office(common),
            status: self.status,
            warning_type: self.warning_type,
            precedence: self.precedence,
            category: self.category,
            expires: Some(self.expires.from(sent)),
            deadlines: None,
            harm: self.harm.clone(),
            assertions: self.assertions,
            specifics: self.specifics,
            handling: self.handling,
            territory: self.territory.clone(),
            victims_of,
            references: self.references.clone(),
            body: PartReference {
                form: Form::Clear,
                suite: 0,
                length,
                digest: body_digest(&salt, &body),
                plaintext_commitment: None,
            },
            reply_key: None,
            outcome: None,
            audience: audience.entries,
            extensions: Vec::new(),
        };
        Ok(Prepared {
            payload: wire::encode_warning(&warning),
            warning,
            openings: audience.openings,
            body: DetachedPart { salt, content: body },
        })
    }

    /// The body, its times counted from `sent`.
    pub fn body_at(&self, sent: crate::time::Timestamp) -> Body {
        Body {
            onset: self.onset.map(|when| when.from(sent)),
            onset_until: self.onset_until.map(|when| when.from(sent)),
            ..self.body.clone()
        }
    }

    fn with_office(&self, mut common: Common) -> Common {
        if let SignedBy::Named(signer) = &mut common.signer
            && !self.office.is_empty()
        {
            signer.office.clone_from(&self.office);
        }
        common
    }
}

fn as_strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

impl Prepared {
    /// The lane that the unsigned hint names.
    pub fn lane(&self) -> Lane {
        Lane::of(self.warning.status, self.warning.precedence)
    }

    /// What is sent, once [`Prepared::payload`] is signed.
    pub fn submission(self, envelope: SignedEnvelope) -> Submission {
        Submission {
            hint: Hint {
                lane: Some(self.lane()),
                id: self.warning.common.id,
            },
            envelope,
            openings: self.openings,
            body: self.body,
            wraps: Vec::new(),
        }
    }
}
