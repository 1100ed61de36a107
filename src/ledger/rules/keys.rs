//! Which keys may be enrolled, revoked and succeeded, and by whose signatures.
//!
//! A signing key signs its own certificate together with its certifier; a TLS or seal key cannot, its certifier signs
//! alone. A public key is enrolled once, ever, in one role.

use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};

use super::{key_valid, no_critical_extension, nothing_seen, seen_required, signed_as, signers_valid};
use crate::domain::{KeyCertificate, KeyId, KeyRevocation, KeyRole, Principal, RootSuccession, StateId};
use crate::error::{ErrorCode, Refused};
use crate::ledger::admit::{Admitted, KeyStatement};
use crate::ledger::directory::Directory;
use crate::seal::{SealPublicKey, seal_keyid};

/// The id of a key that signs, or of TLS: SHA-256 of its public key's bytes.
pub fn keyid_of(public_key: &[u8]) -> KeyId {
    KeyId(Sha256::digest(public_key).into())
}

/// The id of a certified key. Nobody shows that they hold a key that bodies are sealed to, so its id is also over whose it is
/// said to be: enrolling another's public key takes nothing from them.
pub fn certified_keyid(certificate: &KeyCertificate) -> KeyId {
    match certificate.role {
        KeyRole::Seal => KeyId(seal_keyid(
            &certificate.principal.to_string(),
            &certificate.public_key,
        )),
        KeyRole::Root
        | KeyRole::Originate
        | KeyRole::Receive
        | KeyRole::Officer
        | KeyRole::Tls
        | KeyRole::TlsCa
        | KeyRole::Operator => keyid_of(&certificate.public_key),
    }
}

/// What may be said of a key by a state or an agency.
pub(in crate::ledger) fn key_statement(
    directory: &Directory,
    index: u64,
    statement: &Admitted<KeyStatement>,
) -> Result<(), Refused> {
    match statement.content() {
        KeyStatement::Certificate(certificate) => {
            let Some(agency) = certificate.principal.agency() else {
                return Err(Refused::new(
                    ErrorCode::PermissionDenied,
                    "a root is enrolled with its state or by succession, an operator's key by an operator",
                )
                .about("principal"));
            };
            if directory.agency(agency).is_none() {
                return Err(Refused::new(
                    ErrorCode::NotEnrolled,
                    format!("{agency} is not enrolled"),
                ));
            }
            agency_certificate(directory, index, statement, certificate)
        }
        KeyStatement::Revocation(revocation) => {
            if matches!(revocation.principal, Principal::Operator(_)) {
                return Err(operators_call());
            }
            self::revocation(directory, index, statement, revocation)
        }
        KeyStatement::Succession(succession) => self::succession(directory, index, statement, succession),
    }
}

/// What may be said of an operator's key.
pub(in crate::ledger) fn operator_key_statement(
    directory: &Directory,
    index: u64,
    statement: &Admitted<KeyStatement>,
) -> Result<(), Refused> {
    let not_an_operators =
        || Refused::new(ErrorCode::PermissionDenied, "this is no operator's key").about("principal");
    match statement.content() {
        KeyStatement::Certificate(certificate) => {
            operator_certificate(directory, index, statement, certificate)
        }
        KeyStatement::Revocation(revocation) => match revocation.principal {
            Principal::Operator(_) => self::revocation(directory, index, statement, revocation),
            Principal::Agency(_) | Principal::Root(_) => Err(not_an_operators()),
        },
        KeyStatement::Succession(_) => Err(not_an_operators()),
    }
}

/// An agency's key, certified by the root of its state. The agency may be about to be enrolled.
pub(in crate::ledger) fn agency_certificate<T>(
    directory: &Directory,
    index: u64,
    admitted: &Admitted<T>,
    certificate: &KeyCertificate,
) -> Result<(), Refused> {
    plain(certificate)?;
    let Some(agency) = certificate.principal.agency() else {
        return Err(
            Refused::new(ErrorCode::UncertifiedKey, "a root certifies keys of agencies").about("principal"),
        );
    };
    match certificate.role {
        KeyRole::Originate | KeyRole::Receive | KeyRole::Officer | KeyRole::Tls | KeyRole::Seal => {}
        KeyRole::TlsCa => {
            return Err(Refused::new(ErrorCode::Unsupported, "a TLS CA is not supported yet").about("role"));
        }
        KeyRole::Root | KeyRole::Operator => {
            return Err(Refused::new(ErrorCode::WrongKeyRole, "no role for an agency's key").about("role"));
        }
    }
    let certifier = Principal::Root(agency.state());
    certified_by(directory, index, admitted, certificate, &certifier, KeyRole::Root)
}

/// A state's first root, certified by itself.
pub(super) fn root_certificate(
    directory: &Directory,
    admitted: &Admitted<KeyCertificate>,
    state: &StateId,
) -> Result<(), Refused> {
    let certificate = admitted.content();
    plain(certificate)?;
    let root = Principal::Root(state.clone());
    if certificate.principal != root || certificate.role != KeyRole::Root {
        return Err(Refused::new(
            ErrorCode::UncertifiedKey,
            format!("this certifies no root of {state}"),
        ));
    }
    by_itself(directory, admitted, certificate, &root, KeyRole::Root)
}

/// An operator's key, certified by an operator key that is enrolled.
fn operator_certificate<T>(
    directory: &Directory,
    index: u64,
    admitted: &Admitted<T>,
    certificate: &KeyCertificate,
) -> Result<(), Refused> {
    plain(certificate)?;
    operators_role(certificate)?;
    let certifier = certificate.common.named().map(|signer| &signer.principal);
    let Some(certifier @ Principal::Operator(_)) = certifier else {
        return Err(uncertified("an operator's key is certified by an operator"));
    };
    certified_by(
        directory,
        index,
        admitted,
        certificate,
        certifier,
        KeyRole::Operator,
    )
}

/// An operator's key in the genesis: a signing key by itself, a TLS key by the operator's own that came before it.
pub(in crate::ledger) fn genesis_certificate(
    directory: &Directory,
    admitted: &Admitted<KeyCertificate>,
) -> Result<(), Refused> {
    let certificate = admitted.content();
    plain(certificate)?;
    operators_role(certificate)?;
    let operator = &certificate.principal;
    if certificate.role == KeyRole::Operator {
        return by_itself(directory, admitted, certificate, operator, KeyRole::Operator);
    }
    certified_by(directory, 0, admitted, certificate, operator, KeyRole::Operator)
}

fn operators_role(certificate: &KeyCertificate) -> Result<(), Refused> {
    if !matches!(certificate.principal, Principal::Operator(_)) {
        return Err(
            Refused::new(ErrorCode::PermissionDenied, "this is no operator's key").about("principal"),
        );
    }
    match certificate.role {
        KeyRole::Operator | KeyRole::Tls => Ok(()),
        KeyRole::Root
        | KeyRole::Originate
        | KeyRole::Receive
        | KeyRole::Officer
        | KeyRole::Seal
        | KeyRole::TlsCa => {
            Err(Refused::new(ErrorCode::WrongKeyRole, "an operator has signing and TLS keys").about("role"))
        }
    }
}

/// What holds of every certificate.
fn plain(certificate: &KeyCertificate) -> Result<(), Refused> {
    no_critical_extension(&certificate.extensions)?;
    nothing_seen(&certificate.common)
}

/// Signed by a valid key of the certifier, and by the new key if it signs at all; by nobody else.
fn certified_by<T>(
    directory: &Directory,
    index: u64,
    admitted: &Admitted<T>,
    certificate: &KeyCertificate,
    certifier: &Principal,
    role: KeyRole,
) -> Result<(), Refused> {
    if !signed_as(&certificate.common, certifier, role) {
        return Err(uncertified(&format!("this key is certified by {certifier}")).about("common.signer"));
    }
    let new = new_key(directory, certificate)?;
    let mut certified = false;
    let mut itself = false;
    for keyid in admitted.keyids() {
        if keyid == new && certificate.role.signs() {
            itself = true;
            continue;
        }
        let key = key_valid(directory, index, &keyid)?;
        if key.principal != *certifier || key.role != role {
            return Err(uncertified(&format!(
                "{keyid} is no key of {certifier} that certifies"
            )));
        }
        certified = true;
    }
    if !certified {
        return Err(uncertified(&format!("{certifier} has not signed")));
    }
    if certificate.role.signs() && !itself {
        return Err(Refused::new(
            ErrorCode::BadSignature,
            "a signing key signs its own certificate too",
        ));
    }
    if admitted.keyids().len() > 1 + usize::from(itself) {
        return Err(Refused::new(
            ErrorCode::BadSignature,
            "the certificate has a signature too many",
        ));
    }
    Ok(())
}

/// Signed by the new key and by nobody else.
fn by_itself(
    directory: &Directory,
    admitted: &Admitted<KeyCertificate>,
    certificate: &KeyCertificate,
    principal: &Principal,
    role: KeyRole,
) -> Result<(), Refused> {
    if !signed_as(&certificate.common, principal, role) {
        return Err(
            uncertified(&format!("this key is certified by itself, as {principal}")).about("common.signer"),
        );
    }
    let new = new_key(directory, certificate)?;
    if admitted.keyids().len() == 1 && admitted.verified().is_signed_by(&new) {
        return Ok(());
    }
    Err(Refused::new(
        ErrorCode::BadSignature,
        "this certificate is signed by the key itself, alone",
    ))
}

/// The id of a key that was never enrolled.
fn new_key(directory: &Directory, certificate: &KeyCertificate) -> Result<KeyId, Refused> {
    if certificate.role == KeyRole::Tls {
        let whole =
            SubjectPublicKeyInfo::from_der(&certificate.public_key).is_ok_and(|(rest, _)| rest.is_empty());
        if !whole {
            return Err(Refused::new(
                ErrorCode::InvalidValue,
                "a TLS key is given as its DER SubjectPublicKeyInfo",
            )
            .about("public_key"));
        }
    }
    if certificate.role == KeyRole::Seal
        && let Err(bad) = SealPublicKey::parse(&certificate.public_key)
    {
        return Err(Refused::new(bad.code(), bad.to_string()).about("public_key"));
    }
    never_enrolled(directory, certified_keyid(certificate))
}

fn never_enrolled(directory: &Directory, keyid: KeyId) -> Result<KeyId, Refused> {
    match directory.key(&keyid) {
        None => Ok(keyid),
        Some(key) => Err(Refused::new(
            ErrorCode::KeyAlreadyEnrolled,
            format!("the key {keyid} is enrolled as {} of {}", key.role, key.principal),
        )
        .about("public_key")),
    }
}

/// By the key itself, by its state's root, or (an operator's) by another operator key.
fn revocation(
    directory: &Directory,
    index: u64,
    admitted: &Admitted<KeyStatement>,
    revocation: &KeyRevocation,
) -> Result<(), Refused> {
    no_critical_extension(&revocation.extensions)?;
    signers_valid(directory, index, admitted.verified())?;
    let signer = key_valid(directory, index, &admitted.verified().keyid())?;
    if signer.role == KeyRole::Root {
        nothing_seen(&revocation.common)?;
    } else {
        seen_required(&revocation.common)?;
    }
    let key = directory
        .key(&revocation.keyid)
        .filter(|key| key.principal == revocation.principal);
    let Some(key) = key else {
        let sentence = format!("{} has no key {}", revocation.principal, revocation.keyid);
        return Err(Refused::new(ErrorCode::NotFound, sentence).about("keyid"));
    };
    let may = signer.keyid == key.keyid
        || match &key.principal {
            Principal::Agency(agency) => signer.principal == Principal::Root(agency.state()),
            Principal::Operator(_) => signer.role == KeyRole::Operator,
            Principal::Root(_) => false,
        };
    if !may {
        return Err(Refused::new(
            ErrorCode::PermissionDenied,
            "a key is revoked by itself or its root, an operator's by an operator",
        ));
    }
    if key.until.is_some() {
        return Err(Refused::new(ErrorCode::NoChange, "the key is revoked already"));
    }
    Ok(())
}

/// By the old root and the new one.
fn succession(
    directory: &Directory,
    index: u64,
    admitted: &Admitted<KeyStatement>,
    succession: &RootSuccession,
) -> Result<(), Refused> {
    no_critical_extension(&succession.extensions)?;
    nothing_seen(&succession.common)?;
    let root = Principal::Root(succession.state.clone());
    if directory.state(&succession.state).is_none() {
        return Err(Refused::new(
            ErrorCode::NotEnrolled,
            format!("{} is not enrolled", succession.state),
        ));
    }
    if !signed_as(&succession.common, &root, KeyRole::Root) {
        return Err(uncertified(&format!("a successor is named by {root}")).about("common.signer"));
    }
    let new = never_enrolled(directory, keyid_of(&succession.public_key))?;
    let mut by_old = false;
    for keyid in admitted.keyids().filter(|keyid| *keyid != new) {
        let key = key_valid(directory, index, &keyid)?;
        by_old = key.principal == root && key.role == KeyRole::Root;
    }
    if !by_old {
        return Err(uncertified(&format!("{root} has not signed")));
    }
    if !admitted.verified().is_signed_by(&new) {
        return Err(Refused::new(
            ErrorCode::BadSignature,
            "the new root signs its succession too",
        ));
    }
    Ok(())
}

fn uncertified(sentence: &str) -> Refused {
    Refused::new(ErrorCode::UncertifiedKey, sentence)
}

fn operators_call() -> Refused {
    Refused::new(
        ErrorCode::PermissionDenied,
        "an operator's key is published over the operator's call",
    )
    .about("principal")
}
