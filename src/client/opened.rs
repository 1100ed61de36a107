//! What this profile can open of the evidence about a warning, with the salts that show to anybody that it is what was signed.
//! Nothing here was verified yet: whoever makes a bundle holds it to what was signed before it is given to anybody.

use super::error::ClientError;
use super::handle::Client;
use super::opening::{opened_part, opened_text, unwrapped, wrap_of_kind};
use crate::domain::{DetachedPart, Form, SignedEnvelope, Wrap};
use crate::seal::{OpenedPart, SealSecretKey, WrapKind};
use crate::wire::{self, Recorded};

/// What is sealed of a warning and the answers to it, as a relay shows it.
#[derive(Debug)]
pub struct SealedEvidence<'a> {
    /// The warning.
    pub envelope: &'a SignedEnvelope,
    /// Its body.
    pub body: Option<&'a DetachedPart>,
    /// The wraps that the relay shows us.
    pub wraps: &'a [Wrap],
    /// The answers that have a text, each with it and with the index of its record.
    pub texts: Vec<(u64, &'a SignedEnvelope, &'a DetachedPart)>,
}

/// What of it was opened.
#[derive(Debug, Default)]
pub struct OpenedEvidence {
    /// The body, of which we are a recipient or the originator.
    pub body: Option<OpenedPart>,
    /// The texts of answers to a warning of our own.
    pub texts: Vec<(u64, OpenedPart)>,
}

impl Client {
    /// Opens what this profile has a key for. What no key of it opens, or what is not what it should be, stays closed.
    pub async fn open_evidence(&self, sealed: SealedEvidence<'_>) -> Result<OpenedEvidence, ClientError> {
        let keys = self.seal_keys().await?;
        let mut all = OpenedEvidence::default();
        let Ok(header) = wire::warning(&Recorded(sealed.envelope)) else {
            return Ok(all);
        };
        let Some(agency) = self.settings().principal.agency() else {
            return Ok(all);
        };
        let (digest, mut reply) = (sealed.envelope.digest(), None::<SealSecretKey>);
        for kind in [WrapKind::Originator, WrapKind::Recipient] {
            let wrap = wrap_of_kind(sealed.wraps, kind);
            let Some(Ok(opened)) = wrap.map(|wrap| unwrapped(&keys, &digest, agency, wrap)) else {
                continue;
            };
            reply = reply.or(opened.reply);
            let part = sealed.body.filter(|_| header.body.form == Form::Sealed);
            if let (None, Some(part)) = (&all.body, part) {
                let origin = self.settings().log.origin();
                let body = opened_part(origin, &header, &opened.key, &part.content);
                all.body = body.ok().filter(|body| wire::body(&body.text).is_ok());
            }
        }
        let Some(reply) = reply else {
            return Ok(all);
        };
        for (index, envelope, part) in sealed.texts {
            let Ok(said) = wire::acknowledgement(&Recorded(envelope)) else {
                continue;
            };
            if said.text.as_ref().is_none_or(|text| text.form != Form::Sealed) {
                continue;
            }
            let opened = opened_text(&said, &reply, &part.content);
            let opened = opened.ok().filter(|text| wire::text(&text.text).is_ok());
            all.texts.extend(opened.map(|text| (index, text)));
        }
        Ok(all)
    }
}
