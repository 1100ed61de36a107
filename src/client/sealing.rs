//! Sealing what is sent: to whom is resolved here, in the directory that was verified, and by nobody else's word. The relay
//! refuses other wraps than its own resolution asks for; then the same signed bytes go out once more with new wraps, if the
//! directory as it is now says so too.

use std::collections::BTreeSet;

use super::error::{ClientError, Refusal};
use super::handle::Client;
use super::opening::{is_sealed, unwrapped};
use super::outbox::OutboxEntry;
use super::submit::damaged;
use crate::domain::{
    AgencyId, AudienceOpening, Digest, KeyId, Principal, Submission, Warning, WarningName, Wrap,
};
use crate::error::{ErrorCode, SideEffect};
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

/// Whom a body is sealed to: each agency that it goes to, and its originator.
#[derive(Debug, Clone)]
pub(super) struct SealedTo {
    recipients: Vec<(AgencyId, SealPublicKey)>,
    originator: (AgencyId, SealPublicKey),
}

impl SealedTo {
    /// Those that openings lead to, by this directory.
    fn resolve(
        directory: &Directory,
        openings: &[AudienceOpening],
        originator: &AgencyId,
    ) -> Result<Self, ClientError> {
        // As the relay would refuse it; it is not sent.
        let recipients = directory.recipients(openings).map_err(|refused| Refusal {
            refused,
            side_effect: SideEffect::None,
            rejected_at: None,
        })?;
        let agencies: BTreeSet<&AgencyId> = recipients.iter().map(|it| it.desk.agency()).collect();
        let sealed_to = |agency: &AgencyId| Ok((agency.clone(), seal_key(directory, agency)?));
        Ok(Self {
            recipients: agencies
                .into_iter()
                .map(sealed_to)
                .collect::<Result<_, ClientError>>()?,
            originator: sealed_to(originator)?,
        })
    }

    /// What answers are sealed with: as the originator has it for itself.
    pub(super) fn reply_suite(&self) -> SealSuite {
        self.originator.1.suite()
    }

    /// The key of a body for each of them.
    pub(super) fn wraps(&self, warning: &Digest, sealing: &Sealing) -> Result<Vec<Wrap>, ClientError> {
        let Sealing { key, reply } = sealing;
        let wrap = |(agency, to): &(AgencyId, SealPublicKey), reply| {
            let wrapped = wrap_key(to, warning, agency, key, reply)?.into();
            let agency = agency.clone();
            Ok::<Wrap, ClientError>(Wrap { agency, wrapped })
        };
        let recipients = self.recipients.iter().map(|to| wrap(to, None));
        let own = std::iter::once_with(|| wrap(&self.originator, Some(reply)));
        recipients.chain(own).collect()
    }
}

/// The key that bodies for an agency are sealed to now.
pub(super) fn seal_key(directory: &Directory, agency: &AgencyId) -> Result<SealPublicKey, ClientError> {
    let entry = directory.seal_key_of(agency).ok_or_else(|| {
        ClientError::Invalid(format!(
            "{agency} has no key that a body could be sealed to: it makes one (wardline keys new --role seal), has it certified and publishes it; in clear, for the relay to read, the warning goes with --clear"
        ))
    })?;
    SealPublicKey::parse(&entry.public_key)
        .map_err(|bad| ClientError::Invalid(format!("the key that {agency} is sealed to: {bad}")))
}

impl Client {
    /// Whom a warning is to be sealed to, in the directory as it is known; where that does not do, as it is now.
    pub(super) async fn sealed_to(&self, openings: &[AudienceOpening]) -> Result<SealedTo, ClientError> {
        let us = self.own_agency()?;
        let known = self.known_directory().await;
        match SealedTo::resolve(known.directory(), openings, us) {
            Ok(sealed_to) => Ok(sealed_to),
            Err(_) => {
                self.follow_directory().await?;
                SealedTo::resolve(self.known_directory().await.directory(), openings, us)
            }
        }
    }

    /// The keys that what openings lead to is sealed to, as the directory is known.
    pub(super) async fn keys_sealed_to(
        &self,
        openings: &[AudienceOpening],
    ) -> Result<Vec<KeyId>, ClientError> {
        let sealed_to = self.sealed_to(openings).await?;
        let all = sealed_to.recipients.iter().chain([&sealed_to.originator]);
        Ok(all
            .map(|(agency, key)| key.keyid(&Principal::Agency(agency.clone())))
            .collect())
    }

    /// Those of these keys that had ended before an index; whoever has one can read what was sealed to it.
    pub(super) async fn ended_before(&self, keys: &[KeyId], index: u64) -> Vec<KeyId> {
        let known = self.known_directory().await;
        let ended = |keyid: &&KeyId| {
            let key = known.directory().key(keyid);
            key.and_then(|key| key.until).is_some_and(|until| until < index)
        };
        keys.iter().filter(ended).copied().collect()
    }

    /// Learns of the newest keys before something is sealed. A relay that is away keeps nobody from signing into the outbox: what
    /// is sealed then is sealed to the keys that were known.
    pub(super) async fn learn_keys(&self) -> Result<(), ClientError> {
        match self.follow_directory().await {
            Err(error) if error.is_passing() => {
                tracing::info!(%error, "the newest keys are not known: those that are count");
                Ok(())
            }
            followed => followed.map(drop),
        }
    }

    pub(super) fn own_agency(&self) -> Result<&AgencyId, ClientError> {
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
        let us = self.own_agency()?;
        let sealed_to = SealedTo::resolve(known.directory(), &submission.openings, us)?;
        let named: BTreeSet<&str> = refusal.refused.near.iter().map(String::as_str).collect();
        let ours = sealed_to.recipients.iter().map(|(agency, _)| agency.as_str());
        // Too many names for a refusal are left out of it: then ours stand, and the relay refuses again if they are not its own.
        if !named.is_empty() && !ours.eq(named.iter().copied()) {
            // Nothing is ever sealed to whom only the relay names.
            tracing::warn!(id = %entry.id, "the relay asks to seal to others than our addresses lead to");
            return Ok(None);
        }
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
            wraps: sealed_to.wraps(&digest, &sealing)?,
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
