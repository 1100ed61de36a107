//! From a draft to what is signed and what lies beside it. Time, id and signer are the caller's, the salts' randomness is handed
//! in; the same of all gives the same bytes of a draft in clear, and a fresh key for each body that is sealed.

use bytes::Bytes;

use super::Draft;
use crate::client::sealing::Sealing;
use crate::domain::{
    Address, AudienceOpening, Body, Common, DetachedPart, Form, Hint, Lane, PartReference, ReplyKey,
    SignedBy, SignedEnvelope, Submission, Warning, Wrap,
};
use crate::limits;
use crate::seal::{
    AudienceError, BuiltAudience, RandomError, SEALED_BODY_SUITE, SealError, SealSecretKey, SealSuite,
    SealedBody, body_digest, build_audience_with, seal_body,
};
use crate::wire;

/// A warning that is ready to be signed.
#[derive(Debug)]
pub struct Prepared {
    /// The header.
    pub warning: Warning,
    /// The header's bytes: the payload to sign, as [`crate::seal::PayloadKind::Warning`].
    pub payload: Bytes,
    /// What opens each entry of its audience.
    pub openings: Vec<AudienceOpening>,
    /// The body, sealed or in clear, and the salt of its digest.
    pub body: DetachedPart,
    /// What is to be wrapped for those who are to read it; none: it is in clear.
    pub sealing: Option<Sealing>,
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
    /// The body cannot be sealed.
    #[error("the body cannot be sealed: {0}")]
    Seal(String),
    /// No salt.
    #[error("{0}")]
    Random(String),
}

impl From<RandomError> for PrepareError {
    fn from(error: RandomError) -> Self {
        Self::Random(error.to_string())
    }
}

impl From<SealError> for PrepareError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Random(error) => error.into(),
            SealError::TooLong { .. } | SealError::Library(_) => Self::Seal(error.to_string()),
        }
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
        let salt = random()?;
        let audience = self.audience(random)?;
        self.prepare_for(common, audience, SealSuite::PREFERRED, salt)
    }

    /// Its audience, with fresh salts.
    pub(crate) fn audience(
        &self,
        random: impl FnMut() -> Result<[u8; 32], RandomError>,
    ) -> Result<BuiltAudience, PrepareError> {
        let names = |addresses: &[Address]| addresses.iter().map(Address::to_string).collect::<Vec<_>>();
        let (to, exclude) = (names(&self.to), names(&self.exclude));
        Ok(build_audience_with(&as_strs(&to), &as_strs(&exclude), random)?)
    }

    /// The same for an audience that was built before; `reply` is the suite that answers are sealed with, `salt` the body's.
    pub(crate) fn prepare_for(
        &self,
        common: Common,
        audience: BuiltAudience,
        reply: SealSuite,
        salt: [u8; 32],
    ) -> Result<Prepared, PrepareError> {
        let sent = common.sent;
        let clear = wire::encode_body(&self.body_at(sent));
        let (content, commitment, sealing) = match self.form {
            Form::Clear => (clear, None, None),
            Form::Sealed => {
                let sealed = seal_body(&common.origin, &common.id, &clear)?;
                let SealedBody {
                    content,
                    commitment,
                    key,
                } = sealed;
                let reply = SealSecretKey::generate(reply)?;
                (content.into(), Some(commitment), Some(Sealing { key, reply }))
            }
        };
        let length = match u32::try_from(content.len()) {
            Ok(length) if content.len() <= limits::BODY_BYTES_MAX => length,
            _ => return Err(PrepareError::BodyTooLarge(content.len())),
        };
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
                form: self.form,
                suite: match self.form {
                    Form::Clear => 0,
                    Form::Sealed => SEALED_BODY_SUITE,
                },
                length,
                digest: body_digest(&salt, &content),
                plaintext_commitment: commitment,
            },
            reply_key: sealing.as_ref().map(|sealing| ReplyKey {
                suite: sealing.reply.suite().byte().into(),
                key: sealing.reply.public_key().key().to_vec(),
            }),
            outcome: None,
            audience: audience.entries,
            extensions: Vec::new(),
        };
        Ok(Prepared {
            payload: wire::encode_warning(&warning),
            warning,
            openings: audience.openings,
            body: DetachedPart { salt, content },
            sealing,
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
    pub fn submission(self, envelope: SignedEnvelope, wraps: Vec<Wrap>) -> Submission {
        Submission {
            hint: Hint {
                lane: Some(self.lane()),
                id: self.warning.common.id,
            },
            envelope,
            openings: self.openings,
            body: self.body,
            wraps,
        }
    }
}
