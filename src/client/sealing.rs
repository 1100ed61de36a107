//! Sealing what is sent: to whom is resolved here, in the directory that was verified, and by nobody else's word. The relay
//! refuses other wraps than its own resolution asks for; then the same signed bytes go out once more with new wraps, if the
//! directory as it is now says so too.

use std::collections::BTreeSet;

use super::error::{ClientError, Refusal};
use super::handle::Client;
use super::opening::{is_sealed, unwrapped};
use super::outbox::OutboxEntry;
use super::submit::damaged;
use crate::domain::{AgencyId, AudienceOpening, Digest, Submission, Warning, WarningName, Wrap};
use crate::error::ErrorCode;
use crate::ledger::Directory;
use crate::seal::{
    BodyKey, SealError, SealPublicKey, SealSecretKey, SealSuite, WrapKind, wrap_key, wrap_shape,
};
use crate::wire::{self, Recorded};

/// What seals one warning: to be wrapped, and dropped.
#[derive(Debug)]
pub struct Sealing {
    /// The key of the body.
    pub key: BodyKey,
    /// The secret half of the header's reply key.
    pub reply: SealSecretKey,
}

impl From<SealError> for ClientError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Random(error) => Self::Random(error),
            SealError::TooLong { .. } | SealError::Library(_) => Self::Invalid(error.to_string()),
        }
    }
}

/// The agencies that openings lead to.
fn agencies_of(
    directory: &Directory,
    openings: &[AudienceOpening],
) -> Result<BTreeSet<AgencyId>, ClientError> {
    let recipients = directory.recipients(openings);
    let recipients = recipients.map_err(|refused| ClientError::Invalid(refused.to_string()))?;
    Ok(recipients.iter().map(|it| it.desk.agency().clone()).collect())
}

/// The key of a body for each agency that openings lead to, and for its originator.
fn wraps(
    directory: &Directory,
    openings: &[AudienceOpening],
    originator: &AgencyId,
    warning: &Digest,
    sealing: &Sealing,
) -> Result<Vec<Wrap>, ClientError> {
    let agencies = agencies_of(directory, openings)?;
    let mut wraps = Vec::with_capacity(agencies.len().saturating_add(1));
    for agency in agencies {
        wraps.push(wrap(directory, agency, warning, &sealing.key, None)?);
    }
    let own = Some(&sealing.reply);
    wraps.push(wrap(directory, originator.clone(), warning, &sealing.key, own)?);
    Ok(wraps)
}

fn wrap(
    directory: &Directory,
    agency: AgencyId,
    warning: &Digest,
    key: &BodyKey,
    reply: Option<&SealSecretKey>,
) -> Result<Wrap, ClientError> {
    let public_key = seal_key(directory, &agency)?;
    let wrapped = wrap_key(&public_key, warning, &agency, key, reply)?.into();
    Ok(Wrap { agency, wrapped })
}

/// The key that bodies for an agency are sealed to now.
fn seal_key(directory: &Directory, agency: &AgencyId) -> Result<SealPublicKey, ClientError> {
    let entry = directory.seal_key_of(agency).ok_or_else(|| {
        ClientError::Invalid(format!(
            "{agency} has no key that a body could be sealed to: it makes one (wardline keys new --role seal), has it certified and publishes it; in clear, for the relay to read, the warning goes with --clear"
        ))
    })?;
    SealPublicKey::parse(&entry.public_key)
        .map_err(|bad| ClientError::Invalid(format!("the key that {agency} is sealed to: {bad}")))
}

impl Client {
    /// The wraps of a warning that was just signed.
    pub(super) async fn wraps_for(
        &self,
        warning: &Digest,
        openings: &[AudienceOpening],
        sealing: &Sealing,
    ) -> Result<Vec<Wrap>, ClientError> {
        let known = self.known_directory().await;
        let us = self.own_agency()?;
        wraps(known.directory(), openings, us, warning, sealing)
    }

    fn own_agency(&self) -> Result<&AgencyId, ClientError> {
        let principal = &self.settings().principal;
        let agency = principal.agency();
        agency.ok_or_else(|| ClientError::Invalid(format!("{principal} sends no warnings")))
    }

    /// A warning of the outbox whose wraps the relay refuses, with others: for the agencies that the relay names, if our own
    /// resolution in the newest directory names the same. What is signed stays as it is.
    pub(super) async fn sealed_again(
        &self,
        entry: &OutboxEntry,
        submission: &Submission,
        refusal: &Refusal,
    ) -> Result<Option<Submission>, ClientError> {
        let header = wire::warning(&Recorded(&submission.envelope)).map_err(|_| damaged(entry))?;
        if refusal.refused.code != ErrorCode::WrapsMismatch || !is_sealed(&header) {
            return Ok(None);
        }
        self.follow_directory().await?;
        let known = self.known_directory().await;
        let ours = agencies_of(known.directory(), &submission.openings)?;
        let named: BTreeSet<&str> = refusal.refused.near.iter().map(String::as_str).collect();
        if !ours.iter().map(AgencyId::as_str).eq(named.iter().copied()) {
            // Nothing is ever sealed to whom only the relay names.
            tracing::warn!(id = %entry.id, "the relay asks to seal to others than our addresses lead to");
            return Ok(None);
        }
        let us = self.own_agency()?;
        let digest = submission.envelope.digest();
        let own = submission.wraps.iter().find(|wrap| {
            wrap.agency == *us && matches!(wrap_shape(&wrap.wrapped), Ok((_, WrapKind::Originator)))
        });
        let Some(own) = own else {
            return Ok(None);
        };
        let keys = self.seal_keys().await?;
        let Ok(opened) = unwrapped(&keys, &digest, us, &own.wrapped) else {
            return Ok(None);
        };
        let Some(reply) = opened.reply else {
            return Ok(None);
        };
        let sealing = Sealing {
            key: opened.key,
            reply,
        };
        Ok(Some(Submission {
            wraps: wraps(known.directory(), &submission.openings, us, &digest, &sealing)?,
            ..submission.clone()
        }))
    }

    /// What the text of an answer to a warning is sealed to; none: the warning came in clear, and its answers go so.
    pub(super) async fn reply_key_of(&self, warning: Digest) -> Result<Option<SealPublicKey>, ClientError> {
        let inbox = self.inbox().clone();
        let delivered = super::trust::blocking(move || {
            let all = inbox.list()?;
            Ok(all.into_keys().find(|name| name.digest == warning))
        });
        let stored = match delivered.await? {
            Some(name) => self.stored(&name).await?,
            None => None,
        };
        let header = match stored {
            Some(delivered) => delivered.warning,
            // It came to another machine of ours.
            None => self.warning(WarningName::Digest(warning)).await?.warning,
        };
        reply_key(&header)
    }
}

/// What a header asks answers to be sealed to.
fn reply_key(header: &Warning) -> Result<Option<SealPublicKey>, ClientError> {
    let Some(reply) = &header.reply_key else {
        return Ok(None);
    };
    let suite = u8::try_from(reply.suite).ok().and_then(SealSuite::from_byte);
    let parsed = suite.map(|suite| SealPublicKey::of(suite, &reply.key));
    match parsed {
        Some(Ok(key)) => Ok(Some(key)),
        Some(Err(_)) | None => Err(ClientError::Invalid(
            "the warning asks for answers sealed to a key that is none: answer without a note".to_owned(),
        )),
    }
}
