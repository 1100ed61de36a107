//! The rules that `decide` and an auditor's check of a record share: each is a pure question to the directory as it
//! was before the record, with the index that the record has or is to have.

mod entries;
mod forms;
mod keys;

pub(super) use entries::{agency_enrolment, auditor_of, desks, hold, mandate, state_enrolment, suspension};
pub(super) use forms::{body_form, suite, text_answers, text_form};
pub(super) use keys::{agency_certificate, genesis_certificate, key_statement, operator_key_statement};
pub use keys::{certified_keyid, keyid_of};

use super::directory::{Directory, KeyEntry};
use crate::domain::{AgencyId, Common, DeskAddress, Extension, KeyId, KeyRole, Principal, Seen, Signer};
use crate::error::{ErrorCode, Refused};
use crate::limits;
use crate::seal::Verified;
use crate::time::Timestamp;

/// An enrolled key that is valid at an index.
pub(super) fn key_valid<'d>(
    directory: &'d Directory,
    index: u64,
    keyid: &KeyId,
) -> Result<&'d KeyEntry, Refused> {
    let key = directory.key(keyid).ok_or_else(|| {
        Refused::new(
            ErrorCode::UnknownSigner,
            format!("the key {keyid} is not enrolled"),
        )
    })?;
    valid_at(key, index)?;
    Ok(key)
}

/// The same of a key that was found.
pub(super) fn valid_at(key: &KeyEntry, index: u64) -> Result<(), Refused> {
    if key.is_valid_at(index) {
        return Ok(());
    }
    Err(Refused::new(
        ErrorCode::RevokedKey,
        format!("the key {} of {} is revoked", key.keyid, key.principal),
    ))
}

/// Every enrolled key among the signers is valid at an index. A key that is not enrolled is one that is being enrolled.
pub(super) fn signers_valid(directory: &Directory, index: u64, verified: &Verified) -> Result<(), Refused> {
    verified
        .keyids()
        .filter(|keyid| directory.key(keyid).is_some())
        .try_for_each(|keyid| key_valid(directory, index, &keyid).map(|_| ()))
}

/// A TLS key of an agency, valid at an index.
pub(super) fn tls_key_of(
    directory: &Directory,
    index: u64,
    keyid: &KeyId,
    agency: &AgencyId,
) -> Result<(), Refused> {
    let key = directory
        .key_at(keyid, index)
        .filter(|key| key.role == KeyRole::Tls && key.principal.agency() == Some(agency));
    key.map(|_| ()).ok_or_else(|| {
        Refused::new(
            ErrorCode::UnknownCertificate,
            format!("{keyid} is no valid TLS key of {agency}"),
        )
    })
}

/// What the signer has seen of the log. Everybody but a root says it.
pub(super) fn seen_required(common: &Common) -> Result<Seen, Refused> {
    common.named().and_then(|signer| signer.seen).ok_or_else(|| {
        Refused::new(
            ErrorCode::MissingField,
            "the signer says what it has seen of the log",
        )
        .about("common.signer.seen")
    })
}

/// A root and a certificate have seen nothing (docs/decisions/0002).
pub(super) fn nothing_seen(common: &Common) -> Result<(), Refused> {
    match common.named().and_then(|signer| signer.seen) {
        None => Ok(()),
        Some(_) => Err(Refused::new(
            ErrorCode::InvalidValue,
            "a root or a certificate has seen nothing of the log",
        )
        .about("common.signer.seen")),
    }
}

/// Not signed in the future, by the relay's clock and some grace.
pub(super) fn not_ahead(common: &Common, time: Timestamp) -> Result<(), Refused> {
    if common.sent.ms_since(time) > limits::SENT_AHEAD_MS_MAX {
        return Err(Refused::new(
            ErrorCode::SentAhead,
            format!("signed at {}, and it is {time}", common.sent),
        )
        .about("common.sent"));
    }
    Ok(())
}

/// No extension is known yet, so a critical one is refused.
pub(super) fn no_critical_extension(extensions: &[Extension]) -> Result<(), Refused> {
    match extensions.iter().find(|extension| extension.critical) {
        None => Ok(()),
        Some(extension) => Err(Refused::new(
            ErrorCode::CriticalExtension,
            format!("the extension {:?} is critical and not known", extension.id),
        )
        .about("extensions")),
    }
}

/// The desk that acts, by default the duty desk.
pub(super) fn desk_or_duty(signer: &Signer, agency: &AgencyId) -> DeskAddress {
    signer
        .desk
        .clone()
        .unwrap_or_else(|| DeskAddress::duty(agency.clone()))
}

/// A desk that is named as acting is one of the signer's own.
pub(super) fn desk_of_signer(directory: &Directory, common: &Common) -> Result<(), Refused> {
    let Some(signer) = common.named() else {
        return Ok(());
    };
    let Some(desk) = &signer.desk else { return Ok(()) };
    if signer.principal.agency() == Some(desk.agency()) && directory.is_desk(desk) {
        return Ok(());
    }
    Err(Refused::new(
        ErrorCode::InvalidValue,
        format!("{desk} is no desk of the signer"),
    )
    .about("common.signer.desk"))
}

/// The agency that signed, enrolled and with desks.
fn acting_agency<'a>(directory: &Directory, common: &'a Common) -> Result<&'a AgencyId, Refused> {
    let agency = common.named().and_then(|signer| signer.principal.agency());
    let agency =
        agency.ok_or_else(|| Refused::new(ErrorCode::PermissionDenied, "only an agency signs this"))?;
    match directory.agency(agency).map(|entry| entry.kind) {
        Some(crate::domain::AgencyKind::Agency) => Ok(agency),
        Some(crate::domain::AgencyKind::Auditor) => Err(Refused::new(
            ErrorCode::PermissionDenied,
            "an auditor has no desks and gives no mandate",
        )),
        None => Err(Refused::new(
            ErrorCode::NotEnrolled,
            format!("{agency} is not enrolled"),
        )),
    }
}

/// Signed in the name of this principal and role.
fn signed_as(common: &Common, principal: &Principal, role: KeyRole) -> bool {
    common
        .named()
        .is_some_and(|signer| signer.principal == *principal && signer.role == role)
}
