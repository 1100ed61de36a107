//! Passing a sealed warning on, and reading one that was passed on: the agency that holds it wraps the body's key anew, with the
//! header that its originator signed, and an officer signs what was done. The log has no record of it.
//!
//! What must hold: the header's handling is obeyed by whoever passes on; whoever reads believes the holder nothing but its own
//! signature, and everything else by the log that both verified.

use prost::Message as _;

use super::compose::unsignable;
use super::delivery::{Checked, check_addressed, check_warning};
use super::directory::KnownDirectory;
use super::error::ClientError;
use super::handle::Client;
use super::inbox::InboxName;
use super::onward_file::OnwardFile;
use super::opening::{Content, Opener, is_sealed, unwrapped};
use super::proven::{ProvenRecord, prove};
use super::sealing::seal_key;
use super::trust::{ConsistencySource as _, blocking};
use super::verification::VerificationError;
use crate::domain::{
    AgencyId, DeskAddress, DetachedPart, Digest, Handling, KeyId, KeyRole, Onward, OnwardTransfer, Principal,
    Receipt, RecordKind, Seen, Warning,
};
use crate::seal::{
    PayloadKind, WrapKind, sign_envelope, verify_envelope_as, wrap_digest, wrap_key, wrap_shape,
};
use crate::transparency::verify_consistency;
use crate::wire::{self, v1};

/// Why a warning must not be passed on to an agency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OnwardBar {
    /// `onward` is NONE.
    #[error("its originator forbids to pass it on (onward NONE)")]
    Forbidden,
    /// It contains personal data.
    #[error("it contains personal data, which are not passed on")]
    PersonalData,
    /// `onward` is WITHIN_STATE.
    #[error("its originator lets it be passed on within the state alone (onward WITHIN_STATE)")]
    OtherState,
    /// `onward` is ASK_ORIGINATOR.
    #[error("its originator is to be asked first (onward ASK_ORIGINATOR), and nobody says that it agreed")]
    NotAsked,
}

impl OnwardBar {
    /// What the handling of a warning says against its holder's passing it on to another agency; none: nothing.
    pub fn of(handling: &Handling, holder: &AgencyId, to: &AgencyId, agreed: bool) -> Option<Self> {
        if handling.personal_data {
            return Some(Self::PersonalData);
        }
        match handling.onward {
            Onward::None => Some(Self::Forbidden),
            Onward::WithinState if holder.state() != to.state() => Some(Self::OtherState),
            Onward::AskOriginator if !agreed => Some(Self::NotAsked),
            Onward::WithinState | Onward::AskOriginator => None,
        }
    }

    /// A word for machines.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::PersonalData => "personal_data",
            Self::OtherState => "other_state",
            Self::NotAsked => "not_asked",
        }
    }
}

/// A warning that another agency handed to us; verified.
#[derive(Debug, Clone)]
pub struct PassedOn {
    /// The warning.
    pub digest: Digest,
    /// What its originator signed.
    pub warning: Warning,
    /// What it says, as far as it can be read here.
    pub content: Content,
    /// The key that signed it.
    pub keyid: KeyId,
    /// Whether a person has confirmed that key.
    pub key_confirmed: bool,
    /// The `ROUTED` record of its way to the desk that held it.
    pub routed: ProvenRecord,
    /// What an officer of the agency that held it signed.
    pub transfer: OnwardTransfer,
    /// With which key.
    pub by_key: KeyId,
    /// Whether a person has confirmed that key.
    pub by_key_confirmed: bool,
    /// It should not have been passed on: its holder disobeyed its originator.
    pub barred: Option<OnwardBar>,
}

impl Client {
    /// Makes what another agency is handed of a warning that was delivered here.
    pub async fn pass_on(
        &self,
        name: &InboxName,
        to: &AgencyId,
        office: &str,
        originator_agreed: bool,
    ) -> Result<OnwardFile, ClientError> {
        let invalid = |why: String| ClientError::Invalid(why);
        let us = self.own_agency()?;
        if to == us {
            return Err(invalid(format!("{to} holds it already")));
        }
        self.follow_directory().await?;
        let held = self.stored(name).await?;
        let held = held.ok_or_else(|| invalid(format!("warning {} is not in the inbox", name.id)))?;
        if let Some(bar) = OnwardBar::of(&held.warning.handling, us, to, originator_agreed) {
            return Err(invalid(format!("the warning is not passed on to {to}: {bar}")));
        }
        if let Some(why) = held.content.why_not() {
            return Err(invalid(format!("{why}: it cannot be passed on")));
        }
        if !is_sealed(&held.warning) {
            return Err(invalid(
                "it came in clear: only what is sealed is passed on".to_owned(),
            ));
        }
        let known = self.known_directory().await;
        if known.directory().agency(to).is_none() {
            return Err(invalid(format!("{to} is not enrolled")));
        }
        if known.directory().agency(us).is_none_or(|entry| entry.suspended) {
            return Err(invalid(format!(
                "{us} is suspended: nobody would read what it passes on"
            )));
        }
        let seal_to = seal_key(known.directory(), to)?;
        let message = self.delivery_as_it_came(name).await?;
        let keys = self.seal_keys().await?;
        let opened = unwrapped(&keys, &held.digest, us, &message.wrapped)
            .map_err(|error| invalid(format!("the key of its body: {error}")))?;
        let wrap = wrap_key(&seal_to, &held.digest, to, &opened.key, None)?;
        let signer = self.signer(KeyRole::Officer).await?;
        let author = self.author(KeyRole::Officer, Some(held.desk.clone()), office);
        let payload = wire::encode_onward_transfer(&OnwardTransfer {
            common: author.await.common()?,
            warning_digest: held.digest,
            desk: held.desk.clone(),
            to: to.clone(),
            wrap_digest: wrap_digest(&wrap),
            originator_agreed,
            extensions: Vec::new(),
        });
        let statement = sign_envelope(signer.as_ref(), PayloadKind::OnwardTransfer, payload).await?;
        let key = signer.public_key();
        let signed = verify_envelope_as(statement.clone(), PayloadKind::OnwardTransfer, |_| Some(key))
            .map_err(|error| invalid(error.to_string()))?;
        wire::onward_transfer(&signed).map_err(unsignable)?;
        let body: DetachedPart = wire::required_as(message.body, "body").map_err(unsignable)?;
        Ok(OnwardFile {
            origin: self.settings().log.origin().clone(),
            envelope: held.envelope,
            body,
            record: held.routed.bytes().clone(),
            proof: held.routed.tlog_proof(),
            wrap: wrap.into(),
            statement,
        })
    }

    async fn delivery_as_it_came(&self, name: &InboxName) -> Result<v1::Delivery, ClientError> {
        let (inbox, wanted) = (self.inbox().clone(), name.clone());
        let bytes = blocking(move || Ok(inbox.read(&wanted)?)).await?;
        bytes
            .and_then(|bytes| v1::Delivery::decode(bytes).ok())
            .ok_or_else(|| ClientError::Invalid(format!("the inbox's file of {} is damaged", name.digest)))
    }

    /// Reads what another agency handed to us, once everything of it was verified in the log as it is now.
    pub async fn read_onward(&self, file: OnwardFile) -> Result<PassedOn, ClientError> {
        let us = self.own_agency()?;
        let origin = self.settings().log.origin();
        if file.origin != *origin {
            return Err(ClientError::Invalid(format!(
                "it is of the log {}, and this profile is of {origin}",
                file.origin
            )));
        }
        let newest = self.checkpoint().await?;
        let shown = self
            .inner
            .trust
            .accept(file.proof.checkpoint_note.as_bytes(), self)
            .await?;
        let receipt = Receipt {
            index: file.proof.index,
            record: file.record,
            inclusion_proof: file.proof.hashes,
        };
        let routed = prove(receipt, &shown)?;
        self.follow_directory().await?;
        let directory = self.known_directory().await;
        let checked = check_warning(file.envelope, Some(file.body), routed.index(), origin, &directory)?;
        let desk = check_addressed(&checked, &routed, &directory)?;
        let recorded = matches!(&routed.record().kind, RecordKind::Routed(it) if it.wrap_digest.is_some());
        if !is_sealed(&checked.warning) || !recorded {
            return Err(untrue("only what is sealed is passed on").into());
        }
        let holder = Holder {
            desk: &desk,
            checked: &checked,
            wrap: &file.wrap,
            to: us,
        };
        let (transfer, by_key) = holder.check_statement(file.statement, &directory)?;
        if let Some(seen) = transfer.common.named().and_then(|signer| signer.seen) {
            self.check_seen_onward(&seen, newest.size(), &newest.root())
                .await?;
        }
        let mut content = self.open_onward(&checked, &file.wrap, &directory, false).await?;
        if content == Content::Closed {
            // The key may have come after this process began.
            content = self.open_onward(&checked, &file.wrap, &directory, true).await?;
        }
        if let Content::Unreadable(why) = &content {
            return Err(untrue(&why.to_string()).into());
        }
        let keyid = checked.verified.keyid();
        let barred = OnwardBar::of(
            &checked.warning.handling,
            desk.agency(),
            us,
            transfer.originator_agreed,
        );
        Ok(PassedOn {
            digest: checked.verified.digest(),
            warning: checked.warning,
            content,
            keyid,
            key_confirmed: directory.is_confirmed(&keyid),
            routed,
            transfer,
            by_key,
            by_key_confirmed: directory.is_confirmed(&by_key),
            barred,
        })
    }

    async fn open_onward(
        &self,
        checked: &Checked,
        wrap: &[u8],
        directory: &KnownDirectory,
        anew: bool,
    ) -> Result<Content, ClientError> {
        let keys = if anew {
            self.newest_seal_keys().await?
        } else {
            self.seal_keys().await?
        };
        let opener = Opener {
            origin: self.settings().log.origin(),
            principal: &self.settings().principal,
            keys: &keys,
            directory: directory.directory(),
        };
        // Sealed to us as the directory is now.
        Ok(opener.delivered(checked, Some(wrap), directory.complete_to()))
    }

    /// What the holder's officer had seen of the log is on the history that is shown to us. The word is on no record, so that it
    /// convicts nobody by itself: the log is forked, or the officer lies.
    async fn check_seen_onward(
        &self,
        seen: &Seen,
        size: u64,
        root: &crate::domain::Hash,
    ) -> Result<(), ClientError> {
        let is_ours = if seen.size < size {
            let proof = self.consistency(seen.size, size).await?;
            verify_consistency(seen.size, &seen.root, size, root, &proof).is_ok()
        } else {
            (seen.size, seen.root) == (size, *root)
        };
        if is_ours {
            return Ok(());
        }
        let why = format!(
            "its officer signed that it saw another log of size {} than is shown to us: compare your checkpoints by another way",
            seen.size
        );
        Err(untrue(&why).into())
    }
}

/// Who is said to have passed on what to whom.
struct Holder<'a> {
    desk: &'a DeskAddress,
    checked: &'a Checked,
    wrap: &'a [u8],
    to: &'a AgencyId,
}

impl Holder<'_> {
    /// The statement is an officer's of the desk's agency, whose key is valid now, and is of this very transfer.
    fn check_statement(
        &self,
        statement: crate::domain::SignedEnvelope,
        directory: &KnownDirectory,
    ) -> Result<(OnwardTransfer, KeyId), VerificationError> {
        let [signature] = statement.signatures.as_slice() else {
            return Err(untrue("its statement is not signed by exactly one key"));
        };
        let keyid = signature.keyid;
        let now = directory.complete_to();
        let key = directory.key_at(&keyid, now, KeyRole::Officer, "officer's key")?;
        let public_key = key
            .signing()
            .ok_or_else(|| untrue("a key of this role signs nothing"))?;
        let verified = verify_envelope_as(statement, PayloadKind::OnwardTransfer, |_| Some(public_key))
            .map_err(|error| untrue(&error.to_string()))?;
        let transfer = wire::onward_transfer(&verified).map_err(|refused| untrue(&refused.to_string()))?;
        let signer = transfer
            .common
            .named()
            .ok_or_else(|| untrue("who passed it on is not named"))?;
        let holder = Principal::Agency(self.desk.agency().clone());
        if (&key.principal, &signer.principal, signer.role) != (&holder, &holder, KeyRole::Officer) {
            return Err(untrue(
                "its statement is not that of the agency that it was routed to",
            ));
        }
        let warning = &self.checked.warning.common;
        let agency = directory.directory().agency(self.desk.agency());
        for (is_so, why) in [
            (
                transfer.common.origin == warning.origin,
                "its statement was signed for another log",
            ),
            (
                agency.is_some_and(|entry| !entry.suspended),
                "the agency that passes it on is suspended",
            ),
            (
                transfer.warning_digest == self.checked.verified.digest(),
                "its statement is of another warning",
            ),
            (
                transfer.desk == *self.desk,
                "its statement names another desk than it was routed to",
            ),
            (transfer.to == *self.to, "it is passed on to another agency"),
            (
                transfer.wrap_digest == wrap_digest(self.wrap),
                "its statement is of another wrap of the body's key",
            ),
            (
                matches!(wrap_shape(self.wrap), Ok((_, WrapKind::Recipient))),
                "its wrap is no recipient's",
            ),
        ] {
            if !is_so {
                return Err(untrue(why));
            }
        }
        Ok((transfer, keyid))
    }
}

fn untrue(why: &str) -> VerificationError {
    VerificationError::Onward(why.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::{Attribution, NotifyVictim, Tlp};

    /// What the handling of a warning lets its holder do; a table.
    #[test]
    fn handling_is_obeyed() {
        let (ours, theirs) = ("be.ctc", "fr.ctc");
        for (onward, personal_data, to, agreed, expected) in [
            (Onward::None, false, ours, true, Some(OnwardBar::Forbidden)),
            (Onward::WithinState, false, "be.police", false, None),
            (
                Onward::WithinState,
                false,
                theirs,
                true,
                Some(OnwardBar::OtherState),
            ),
            (Onward::AskOriginator, false, theirs, true, None),
            (
                Onward::AskOriginator,
                false,
                "be.police",
                false,
                Some(OnwardBar::NotAsked),
            ),
            (
                Onward::WithinState,
                true,
                "be.police",
                true,
                Some(OnwardBar::PersonalData),
            ),
            (
                Onward::AskOriginator,
                true,
                theirs,
                true,
                Some(OnwardBar::PersonalData),
            ),
        ] {
            let handling = Handling {
                tlp: Tlp::Amber,
                onward,
                notify_victim: NotifyVictim::May,
                personal_data,
                attribution: Attribution::Named,
            };
            let holder = ours.parse().unwrap();
            let bar = OnwardBar::of(&handling, &holder, &to.parse().unwrap(), agreed);
            assert_eq!(bar, expected, "{onward} {personal_data} {to} {agreed}");
        }
    }
}
