//! Reading what was sealed to this profile's agency: bodies with its seal keys, the texts of answers with the secret of the
//! warning's reply key, which the originator keeps in a wrap of its own.
//!
//! What cannot be opened with the right key is told apart from what cannot be opened here: of the first its author is told
//! (`REFUSED (UNREADABLE)`), of the second a person here has to find the key.

use std::sync::Arc;

use bytes::Bytes;

use super::delivery::Checked;
use super::error::ClientError;
use super::handle::Client;
use super::seal_keys::SealKeys;
use super::trust::blocking;
use crate::domain::{
    Acknowledgement, AgencyId, Body, Digest, Form, KeyRole, Origin, Principal, Text, Warning, Wrap,
};
use crate::ledger::Directory;
use crate::seal::{
    BodyKey, OpenError, OpenedPart, OpenedWrap, SealSecretKey, TextPlace, WrapKind, open_body, open_text,
    open_wrap, wrap_shape,
};
use crate::wire;

/// What a warning says, as far as it can be read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// It is the one that was signed.
    Read(Body),
    /// It was erased.
    Erased,
    /// It is sealed, and nothing here opens it: it was sealed to others, or to a key of ours that is not in this profile.
    Closed,
    /// It was sealed to us, and is not what it should be. Its sender learns of it by `REFUSED (UNREADABLE)`.
    Unreadable(Unreadable),
}

/// Why what was sealed to us cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The wrap that the relay has on the record for us holds no key for us.
    #[error("its key was not wrapped for us: {0}")]
    Wrap(OpenError),
    /// The key does not open the body that was signed, or to another text than was signed.
    #[error("its body does not open to what was signed: {0}")]
    Body(OpenError),
    /// What was sealed is no body.
    #[error("what was sealed is no body: {0}")]
    Content(String),
}

impl Content {
    /// The body, if it can be read.
    pub fn body(&self) -> Option<&Body> {
        match self {
            Self::Read(body) => Some(body),
            Self::Erased | Self::Closed | Self::Unreadable(_) => None,
        }
    }

    /// Why it cannot be read, as a sentence; none: it can.
    pub fn why_not(&self) -> Option<String> {
        match self {
            Self::Read(_) => None,
            Self::Erased => Some("the body was erased".to_owned()),
            Self::Closed => Some("the body is sealed, and no key of this profile opens it".to_owned()),
            Self::Unreadable(why) => Some(format!("the body cannot be read: {why}")),
        }
    }
}

/// The detached body of a warning, as far as whoever cannot open it can check it: it is the one that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Detached {
    /// It was erased.
    Erased,
    /// In clear.
    Clear(Body),
    /// Sealed.
    Sealed(Bytes),
}

/// What opens.
pub(crate) struct Opener<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) principal: &'a Principal,
    pub(crate) keys: &'a SealKeys,
    pub(crate) directory: &'a Directory,
}

impl Opener<'_> {
    /// What a warning says to its recipient; `wrap` is the one that the record of its routing at `index` has on it.
    pub(crate) fn delivered(&self, checked: &Checked, wrap: Option<&[u8]>, index: u64) -> Content {
        self.content(checked, wrap, Some(index)).0
    }

    /// The same to its originator, who also gets what opens the answers.
    pub(crate) fn own(&self, checked: &Checked, wrap: Option<&[u8]>) -> (Content, Option<SealSecretKey>) {
        self.content(checked, wrap, None)
    }

    /// `routed`: the index at which our keys are known, if the wrap is on the record.
    fn content(
        &self,
        checked: &Checked,
        wrap: Option<&[u8]>,
        routed: Option<u64>,
    ) -> (Content, Option<SealSecretKey>) {
        let content = match &checked.detached {
            Detached::Erased => return (Content::Erased, None),
            Detached::Clear(body) => return (Content::Read(body.clone()), None),
            Detached::Sealed(content) => content,
        };
        let (Some(agency), Some(wrap)) = (self.principal.agency(), wrap) else {
            return (Content::Closed, None);
        };
        let digest = checked.verified.digest();
        match unwrapped(self.keys, &digest, agency, wrap) {
            // Nothing binds the originator's own wrap: what opens no answer was made by somebody else.
            Ok(OpenedWrap {
                reply: Some(reply), ..
            }) if !is_reply_key(&checked.warning, &reply) => {
                tracing::error!(%digest, "the relay shows a wrap of ours that we did not make");
                (Content::Closed, None)
            }
            Ok(OpenedWrap { key, reply }) => {
                let opened = opened_body(self.origin, &checked.warning, &key, content);
                (opened.map_or_else(Content::Unreadable, Content::Read), reply)
            }
            Err(_) if !routed.is_some_and(|index| self.holds_all_keys(agency, index)) => {
                (Content::Closed, None)
            }
            Err(error) => (Content::Unreadable(Unreadable::Wrap(error)), None),
        }
    }

    /// Whether every key of ours that was to be sealed to is in this profile: one that had ended by then may be gone.
    fn holds_all_keys(&self, agency: &AgencyId, index: u64) -> bool {
        let us = Principal::Agency(agency.clone());
        let held: Vec<_> = self.keys.iter().map(|key| key.public_key().keyid(&us)).collect();
        let of_ours = self.directory.keys_of(&us);
        let mut sealed_to = of_ours
            .filter(|key| key.role == KeyRole::Seal && key.is_valid_at(index))
            .peekable();
        sealed_to.peek().is_some() && sealed_to.all(|key| held.contains(&key.keyid))
    }
}

/// Whether a secret is that of the reply key that was signed.
fn is_reply_key(warning: &Warning, reply: &SealSecretKey) -> bool {
    let public = reply.public_key();
    warning
        .reply_key
        .as_ref()
        .is_some_and(|signed| signed.suite == u32::from(public.suite().byte()) && signed.key == public.key())
}

/// The first key that opens; else why the likeliest one does not.
pub(super) fn unwrapped(
    keys: &SealKeys,
    digest: &Digest,
    agency: &AgencyId,
    wrap: &[u8],
) -> Result<OpenedWrap, OpenError> {
    let mut why = None;
    for key in keys.iter() {
        match open_wrap(key, digest, agency, wrap) {
            Ok(opened) => return Ok(opened),
            Err(OpenError::OtherSuite { .. }) => {}
            Err(error) => why = why.or(Some(error)),
        }
    }
    Err(why.unwrap_or(OpenError::Unreadable))
}

/// The body under its key: the one that the header commits to, and a body.
fn opened_body(
    origin: &Origin,
    warning: &Warning,
    key: &BodyKey,
    content: &[u8],
) -> Result<Body, Unreadable> {
    let opened = opened_part(origin, warning, key, content)?;
    wire::body(&opened.text).map_err(|refused| Unreadable::Content(refused.to_string()))
}

/// The same as it was sealed, with the salt of its commitment.
pub(super) fn opened_part(
    origin: &Origin,
    warning: &Warning,
    key: &BodyKey,
    content: &[u8],
) -> Result<OpenedPart, Unreadable> {
    // A header that promises none was accepted by nobody.
    let commitment = warning.body.plaintext_commitment.unwrap_or_default();
    open_body(origin, &warning.common.id, key, &commitment, content).map_err(Unreadable::Body)
}

/// The text of an answer under the secret of the reply key: the one that the answer commits to.
pub(super) fn opened_text(
    answer: &Acknowledgement,
    reply: &SealSecretKey,
    content: &[u8],
) -> Result<OpenedPart, OpenError> {
    let place = TextPlace {
        origin: &answer.common.origin,
        acknowledgement: &answer.common.id,
        warning: &answer.warning_digest,
    };
    let commitment = answer.text.as_ref().and_then(|text| text.plaintext_commitment);
    open_text(reply, place, &commitment.unwrap_or_default(), content)
}

/// The free text of an answer, as far as it can be read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The answer has none.
    Absent,
    /// It is the one that was signed.
    Read(Text),
    /// It was erased.
    Erased,
    /// It is sealed, and this profile does not open it: only the warning's originator does.
    Closed(Bytes),
    /// It was sealed to us, and is not what it should be.
    Unreadable(String),
}

impl Note {
    /// The text, if it can be read.
    pub fn text(&self) -> Option<&Text> {
        match self {
            Self::Read(text) => Some(text),
            Self::Absent | Self::Erased | Self::Closed(_) | Self::Unreadable(_) => None,
        }
    }

    /// Opens it with the secret of the warning's reply key.
    pub(crate) fn opened(self, answer: &Acknowledgement, reply: &SealSecretKey) -> Self {
        let Self::Closed(content) = self else {
            return self;
        };
        match opened_text(answer, reply, &content) {
            Ok(opened) => match wire::text(&opened.text) {
                Ok(text) => Self::Read(text),
                Err(refused) => Self::Unreadable(refused.to_string()),
            },
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }
}

/// The one wrap of a kind among those that the relay shows us.
pub(crate) fn wrap_of_kind(wraps: &[Wrap], wanted: WrapKind) -> Option<&[u8]> {
    let is_wanted = |wrap: &&Wrap| matches!(wrap_shape(&wrap.wrapped), Ok((_, kind)) if kind == wanted);
    wraps.iter().find(is_wanted).map(|wrap| wrap.wrapped.as_ref())
}

impl Client {
    /// The keys of this profile that open, as they were last read.
    pub(super) async fn seal_keys(&self) -> Result<Arc<SealKeys>, ClientError> {
        if let Some((keys, _)) = self.inner.seal_keys.lock().await.as_ref() {
            return Ok(Arc::clone(keys));
        }
        self.newest_seal_keys().await
    }

    /// The same, read anew if a file of one has changed: a key was rotated while this process ran. What cannot be opened costs a
    /// look at the files, and no passphrase.
    pub(super) async fn newest_seal_keys(&self) -> Result<Arc<SealKeys>, ClientError> {
        let mut read = self.inner.seal_keys.lock().await;
        let profile = self.profile().clone();
        let known = read.clone();
        let (keys, stamp) = blocking(move || {
            let stamp = SealKeys::stamp(&profile);
            match known {
                Some((keys, before)) if before == stamp => Ok((keys, stamp)),
                _ => Ok((Arc::new(SealKeys::read(&profile)?), stamp)),
            }
        })
        .await?;
        *read = Some((Arc::clone(&keys), stamp));
        Ok(keys)
    }
}

/// Whether what is signed says that its body is sealed.
pub(crate) fn is_sealed(warning: &Warning) -> bool {
    warning.body.form == Form::Sealed
}
