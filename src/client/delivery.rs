//! What a delivered warning must show before it is stored: that its originator meant this desk, signed these bytes with a key
//! that was valid then, and that the relay put it on the record under the inbox number that it names.

use bytes::Bytes;
use prost::Message as _;

use super::directory::KnownDirectory;
use super::error::ClientError;
use super::handle::Client;
use super::inbox::InboxName;
use super::matching::begins_thread;
use super::opening::{Content, Detached, Opener, is_sealed};
use super::proven::{ProvenRecord, prove_message};
use super::seal_keys::SealKeys;
use super::trust::{Keep, Word, blocking};
use super::verification::VerificationError;
use crate::domain::{
    Address, AudienceKind, Bucket, DeskAddress, DetachedPart, Digest, Form, InboxOpening, KeyId, Origin,
    Precedence, RecordKind, RetentionClass, SignedEnvelope, Status, Warning,
};
use crate::seal::{
    PayloadKind, Verified, audience_commitment, body_digest, inbox_commitment, verify_envelope_as,
    wrap_digest,
};
use crate::time::Timestamp;
use crate::transparency::InvalidNote;
use crate::wire::{self, Recorded, v1};

/// A warning that was delivered and verified.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The warning.
    pub digest: Digest,
    /// What is signed.
    pub warning: Warning,
    /// What it says, as far as it can be read here.
    pub content: Content,
    /// The desk that it came to.
    pub desk: DeskAddress,
    /// The key that signed it.
    pub keyid: KeyId,
    /// Whether a person has confirmed that key.
    pub key_confirmed: bool,
    /// Its number in the desk's inbox.
    pub inbox_number: u64,
    /// When the relay says that it was routed.
    pub routed_at: Timestamp,
    /// The `ROUTED` record.
    pub routed: ProvenRecord,
    /// The envelope as it was signed.
    pub envelope: SignedEnvelope,
}

impl Delivered {
    /// What the inbox calls it.
    pub fn inbox_name(&self) -> InboxName {
        InboxName {
            id: self.warning.common.id,
            digest: self.digest,
            desk: self.desk.clone(),
            number: self.inbox_number,
        }
    }
}

impl Client {
    /// Verifies a delivery.
    pub(super) async fn verify_delivery(
        &self,
        message: v1::Delivery,
        desk: &DeskAddress,
    ) -> Result<Delivered, ClientError> {
        let routed = self
            .prove_with_own_checkpoint(message.routed.clone(), Keep::Later)
            .await?;
        let directory = if let RecordKind::Routed(record) = &routed.record().kind {
            self.directory_with(record.directory.seq).await?
        } else {
            // Refused below, with a better word.
            self.known_directory().await
        };
        let delivered = self.checked_and_opened(message, desk, routed, &directory).await?;
        if let Some(seen) = delivered.warning.common.named().and_then(|signer| signer.seen) {
            let word = Word {
                envelope: &delivered.envelope,
                record: &delivered.routed,
            };
            self.inner.trust.accept_seen(&seen, word, self).await?;
        }
        Ok(delivered)
    }

    /// Checks a delivery whose record is proven, and reads it if it can be read, without asking anybody.
    async fn checked_and_opened(
        &self,
        message: v1::Delivery,
        desk: &DeskAddress,
        routed: ProvenRecord,
        directory: &KnownDirectory,
    ) -> Result<Delivered, ClientError> {
        let keys = self.seal_keys().await?;
        let delivered = self.check_delivery(message.clone(), desk, routed.clone(), directory, &keys)?;
        if delivered.content != Content::Closed {
            return Ok(delivered);
        }
        // The key may have come after this process began.
        let keys = self.newest_seal_keys().await?;
        Ok(self.check_delivery(message, desk, routed, directory, &keys)?)
    }

    /// Checks a delivery whose record is proven, and reads it if it can be read.
    fn check_delivery(
        &self,
        message: v1::Delivery,
        desk: &DeskAddress,
        routed: ProvenRecord,
        directory: &KnownDirectory,
        keys: &SealKeys,
    ) -> Result<Delivered, VerificationError> {
        let malformed = |_| VerificationError::Incomplete("a delivery cannot be read");
        let envelope: SignedEnvelope = wire::required_as(message.envelope, "envelope").map_err(malformed)?;
        let body: Option<DetachedPart> = wire::optional_as(message.body, "body").map_err(malformed)?;
        let inbox: InboxOpening = wire::required_as(message.inbox, "inbox").map_err(malformed)?;
        let origin = self.settings().log.origin();
        let checked = check_warning(envelope, body, routed.index(), origin, directory)?;
        let digest = checked.verified.digest();
        let routed_to = check_addressed(&checked, &routed, directory)?;
        if routed_to != *desk {
            return Err(VerificationError::Delivery {
                digest,
                why: format!("it was routed to {routed_to}, not to {desk}"),
            });
        }
        check_inbox(digest, desk, &routed, &inbox)?;
        let wrap = Some(&message.wrapped).filter(|wrap| !wrap.is_empty());
        check_wrap(&checked, &routed, wrap.map(Bytes::as_ref))?;
        let opener = Opener {
            origin,
            principal: &self.settings().principal,
            keys,
            directory: directory.directory(),
        };
        let content = opener.delivered(&checked, wrap.map(Bytes::as_ref), routed.index());
        let keyid = checked.verified.keyid();
        Ok(Delivered {
            digest,
            warning: checked.warning,
            content,
            desk: desk.clone(),
            keyid,
            key_confirmed: directory.is_confirmed(&keyid),
            inbox_number: inbox.number,
            routed_at: routed.record().time,
            routed,
            envelope: checked.verified.into_envelope(),
        })
    }

    /// A delivery that was stored, checked anew. Asks nobody: that its checkpoint and directory are on our history was shown
    /// before it was stored, and the profile is its owner's alone. What is kept of the directory must reach as far.
    pub async fn stored(&self, name: &InboxName) -> Result<Option<Delivered>, ClientError> {
        let (inbox, wanted) = (self.inbox().clone(), name.clone());
        let Some(bytes) = blocking(move || Ok(inbox.read(&wanted)?)).await? else {
            return Ok(None);
        };
        let message = v1::Delivery::decode(bytes)
            .map_err(|_| ClientError::Invalid(format!("the inbox's file of {} is damaged", name.digest)))?;
        let note = message.routed.as_ref().map(|routed| routed.checkpoint.as_ref());
        let note = std::str::from_utf8(note.unwrap_or_default())
            .map_err(|_| VerificationError::Checkpoint(InvalidNote::Malformed))?;
        let log = &self.settings().log;
        let checkpoint = log.open(note).map_err(VerificationError::Checkpoint)?;
        let routed = prove_message(message.routed.clone(), &checkpoint)?;
        let directory = self.known_directory().await;
        if let RecordKind::Routed(record) = &routed.record().kind
            && record.directory.seq >= directory.next_seq()
        {
            return Err(ClientError::DirectoryBehind);
        }
        let delivered = self.checked_and_opened(message, &name.desk, routed, &directory);
        Ok(Some(delivered.await?))
    }
}

impl Client {
    /// Whether no rule of retention can have erased what a warning says, by this machine's clock.
    pub(super) fn is_too_early_to_erase(&self, delivered: &Delivered) -> bool {
        let header = &delivered.warning;
        let Some(expires) = header.expires else {
            return true;
        };
        // A rule has a day at least.
        self.now()
            < Bucket::of(
                RetentionClass::of(header.status, &header.handling),
                expires,
                delivered.routed_at,
            )
            .due(1)
    }
}

/// A stored delivery that a desk has not answered, and how urgent its sender says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// The delivery.
    pub name: InboxName,
    /// Whether it is real.
    pub status: Status,
    /// How urgent.
    pub precedence: Precedence,
}

impl Client {
    /// A desk's deliveries of which no answer is known here, as their headers have it. These were verified before they were
    /// stored, and are not verified again here; one that cannot be read counts as the most urgent, so that somebody looks.
    pub async fn unanswered(&self, desk: &DeskAddress) -> Result<Vec<Unanswered>, ClientError> {
        let (inbox, desk) = (self.inbox().clone(), desk.clone());
        blocking(move || {
            let mut all = Vec::new();
            for name in inbox.unanswered(&desk)? {
                let Some(bytes) = inbox.read(&name)? else {
                    continue;
                };
                let (status, precedence) =
                    stored_urgency(bytes).unwrap_or((Status::Actual, Precedence::Flash));
                all.push(Unanswered {
                    name,
                    status,
                    precedence,
                });
            }
            Ok(all)
        })
        .await
    }
}

fn stored_urgency(delivery: Bytes) -> Option<(Status, Precedence)> {
    let message = v1::Delivery::decode(delivery).ok()?;
    let envelope: SignedEnvelope = wire::required_as(message.envelope, "envelope").ok()?;
    let header = wire::warning(&Recorded(&envelope)).ok()?;
    Some((header.status, header.precedence))
}

/// The warning itself, verified: its header, body and key.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) verified: Verified,
    pub(crate) warning: Warning,
    pub(crate) detached: Detached,
}

/// Checks the signature of a warning with the key that was valid at `index`, and its body.
pub(crate) fn check_warning(
    envelope: SignedEnvelope,
    body: Option<DetachedPart>,
    index: u64,
    origin: &Origin,
    directory: &KnownDirectory,
) -> Result<Checked, VerificationError> {
    let digest = envelope.digest();
    let untrue = |why: &str| VerificationError::Delivery {
        digest,
        why: why.to_owned(),
    };
    let [signature] = envelope.signatures.as_slice() else {
        return Err(untrue("it is not signed by exactly one key"));
    };
    let keyid = signature.keyid;
    let key = directory.any_key_at(&keyid, index, "originator's key")?;
    let public_key = key
        .signing()
        .ok_or_else(|| untrue("a key of this role signs nothing"))?;
    let verified = verify_envelope_as(envelope, PayloadKind::Warning, |_| Some(public_key))
        .map_err(|error| untrue(&error.to_string()))?;
    let warning = wire::warning(&verified).map_err(|refused| untrue(&refused.to_string()))?;
    if warning.common.origin != *origin {
        return Err(untrue("it was signed for another log"));
    }
    let signer = warning
        .common
        .named()
        .ok_or_else(|| untrue("its sender is not named"))?;
    if !warning.warning_type.signing_roles().contains(&key.role) {
        return Err(untrue("a key of this role signs no such warning"));
    }
    if signer.principal != key.principal || signer.role != key.role {
        return Err(untrue("it names another signer than its key's"));
    }
    let detached = match body {
        None => Detached::Erased,
        Some(part) => check_body(&warning, part).map_err(|why| untrue(&why))?,
    };
    Ok(Checked {
        verified,
        warning,
        detached,
    })
}

fn check_body(warning: &Warning, part: DetachedPart) -> Result<Detached, String> {
    let reference = &warning.body;
    let length = u32::try_from(part.content.len()).ok();
    if length != Some(reference.length) || body_digest(&part.salt, &part.content) != reference.digest {
        return Err("its body is not the one that was signed".to_owned());
    }
    match reference.form {
        Form::Sealed => Ok(Detached::Sealed(part.content)),
        Form::Clear => wire::body(&part.content)
            .map(Detached::Clear)
            .map_err(|refused| format!("its body cannot be read: {refused}")),
    }
}

/// Checks that the wrap is the one on the record, and that it is there if the body is.
pub(crate) fn check_wrap(
    checked: &Checked,
    routed: &ProvenRecord,
    wrap: Option<&[u8]>,
) -> Result<(), VerificationError> {
    let digest = checked.verified.digest();
    let untrue = |why: &str| VerificationError::Delivery {
        digest,
        why: why.to_owned(),
    };
    let recorded = match &routed.record().kind {
        RecordKind::Routed(record) => record.wrap_digest,
        _ => None,
    };
    match (&checked.detached, wrap) {
        (_, _) if recorded.is_some() != is_sealed(&checked.warning) => Err(untrue(
            "a wrap is on the record of a body in clear, or none of a sealed one",
        )),
        (_, Some(wrap)) if recorded != Some(wrap_digest(wrap)) => {
            Err(untrue("its wrap is not the one on the record"))
        }
        (Detached::Sealed(_), None) => Err(untrue("its body came without the wrap of its key")),
        (Detached::Sealed(_), Some(_)) | (Detached::Clear(_) | Detached::Erased, _) => Ok(()),
    }
}

/// Checks that the sender meant this desk: every opening that led here opens an entry of the header and means the desk.
pub(crate) fn check_addressed(
    checked: &Checked,
    routed: &ProvenRecord,
    directory: &KnownDirectory,
) -> Result<DeskAddress, VerificationError> {
    let digest = checked.verified.digest();
    let untrue = |why: String| VerificationError::Delivery { digest, why };
    let (desk, openings) = begins_thread(routed, digest)?;
    if openings.is_empty() {
        return Err(untrue(format!("nothing shows that {desk} was meant")));
    }
    for opening in openings {
        let means_it = opening.kind == AudienceKind::To
            && matches!(opening.address.parse(), Ok(Address::Desk(meant)) if meant == desk);
        if !means_it {
            return Err(untrue(format!("an opening that led to {desk} does not mean it")));
        }
        let commitment = audience_commitment(opening.kind, &opening.salt, &opening.address);
        if !checked.warning.audience.contains(&commitment) {
            return Err(untrue(format!("the sender did not address {desk}")));
        }
    }
    if let RecordKind::Routed(record) = &routed.record().kind {
        directory.check_position(&record.directory)?;
    }
    Ok(desk)
}

/// Checks that the desk's inbox number is the one that the record commits to.
pub(crate) fn check_inbox(
    digest: Digest,
    desk: &DeskAddress,
    routed: &ProvenRecord,
    inbox: &InboxOpening,
) -> Result<(), VerificationError> {
    let commitment = inbox_commitment(&inbox.salt, inbox.number, &desk.to_string());
    if let RecordKind::Routed(record) = &routed.record().kind
        && record.inbox_commitment == commitment
    {
        return Ok(());
    }
    Err(VerificationError::Delivery {
        digest,
        why: "its inbox number is not the one on the record".to_owned(),
    })
}
