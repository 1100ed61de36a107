//! The admission of what changes the directory. A refusal of it never leaves anything.
//!
//! Each payload has two doors: the public one, with the session that carried it, and one without for whoever
//! checks a record. A certificate is the exception to "verify before parsing": the key to check it with is inside.

use super::Admitted;
use super::signed::{check_origin, check_session, check_signer, signing_key, single_signer};
use crate::domain::{
    AgencyEnrolment, Common, Desks, Hold, KeyCertificate, KeyId, KeyRevocation, KeyRole, Mandate, Principal,
    RootSuccession, SignedBy, SignedEnvelope, StateEnrolment, Suspension,
};
use crate::error::{ErrorCode, Refused};
use crate::ledger::directory::Directory;
use crate::ledger::facts::IdKey;
use crate::limits;
use crate::seal::{PayloadKind, PublicKey, Verified, VerifyError, verify_envelope_as};
use crate::wire;

/// What can be said of a key. It stands on its own signatures, whoever carries it.
#[derive(Debug, Clone)]
pub enum KeyStatement {
    /// A key is certified.
    Certificate(KeyCertificate),
    /// A key is revoked.
    Revocation(KeyRevocation),
    /// A root names its successor.
    Succession(RootSuccession),
}

/// A state and its root's own certificate.
#[derive(Debug, Clone)]
pub struct NewState {
    /// Signed by an operator.
    pub enrolment: StateEnrolment,
    /// Signed by the root itself.
    pub root: Admitted<KeyCertificate>,
}

/// An agency and its first certificates.
#[derive(Debug, Clone)]
pub struct NewAgency {
    /// Signed by an operator.
    pub enrolment: AgencyEnrolment,
    /// In the order of the enrolment's digests.
    pub certificates: Vec<Admitted<KeyCertificate>>,
}

/// Admits a certificate, revocation or succession of a state's or agency's key, over any session.
pub fn key_statement(
    directory: &Directory,
    envelope: SignedEnvelope,
) -> Result<Admitted<KeyStatement>, Refused> {
    statement_of(directory, envelope)
}

/// Admits a certificate or revocation of an operator's key, over an operator's session.
pub fn operator_key_statement(
    directory: &Directory,
    session: &Principal,
    envelope: SignedEnvelope,
) -> Result<Admitted<KeyStatement>, Refused> {
    let statement = statement_of(directory, envelope)?;
    check_session(session, &statement.key.principal)?;
    Ok(statement)
}

/// Admits an agency's desks.
pub fn desks(
    directory: &Directory,
    session: &Principal,
    envelope: SignedEnvelope,
) -> Result<Admitted<Desks>, Refused> {
    over_session(session, desks_of(directory, envelope)?)
}

/// Admits a mandate.
pub fn mandate(
    directory: &Directory,
    session: &Principal,
    envelope: SignedEnvelope,
) -> Result<Admitted<Mandate>, Refused> {
    over_session(session, mandate_of(directory, envelope)?)
}

/// Admits a suspension.
pub fn suspension(
    directory: &Directory,
    session: &Principal,
    envelope: SignedEnvelope,
) -> Result<Admitted<Suspension>, Refused> {
    over_session(session, suspension_of(directory, envelope)?)
}

/// Admits a reinstatement.
pub fn reinstatement(
    directory: &Directory,
    session: &Principal,
    envelope: SignedEnvelope,
) -> Result<Admitted<Suspension>, Refused> {
    over_session(session, reinstatement_of(directory, envelope)?)
}

/// Admits a state's enrolment with its root's certificate.
pub fn enrol_state(
    directory: &Directory,
    session: &Principal,
    enrolment: SignedEnvelope,
    root_certificate: SignedEnvelope,
) -> Result<Admitted<NewState>, Refused> {
    over_session(
        session,
        state_enrolment_of(directory, enrolment, root_certificate)?,
    )
}

/// Admits an agency's enrolment with its first certificates.
pub fn enrol_agency(
    directory: &Directory,
    session: &Principal,
    enrolment: SignedEnvelope,
    certificates: Vec<SignedEnvelope>,
) -> Result<Admitted<NewAgency>, Refused> {
    if certificates.len() > limits::CERTIFICATES_MAX {
        return Err(Refused::new(
            ErrorCode::InvalidRequest,
            format!(
                "an enrolment brings at most {} certificates",
                limits::CERTIFICATES_MAX
            ),
        ));
    }
    let enrolment = over_session(session, agency_enrolment_of(directory, enrolment)?)?;
    let certificates: Vec<_> = certificates
        .into_iter()
        .map(|envelope| certificate(directory, envelope))
        .collect::<Result<_, _>>()?;
    let brought = certificates.iter().map(Admitted::digest);
    if !brought.eq(enrolment.content.certificate_digests.iter().copied()) {
        return Err(Refused::new(
            ErrorCode::InvalidValue,
            "the certificates are not those that the enrolment lists, in its order",
        )
        .about("certificate_digests"));
    }
    Ok(enrolment.map(|enrolment| NewAgency {
        enrolment,
        certificates,
    }))
}

pub(in crate::ledger) fn desks_of(
    directory: &Directory,
    envelope: SignedEnvelope,
) -> Result<Admitted<Desks>, Refused> {
    one(
        directory,
        envelope,
        PayloadKind::Desks,
        KeyRole::Officer,
        wire::desks,
        |p| &p.common,
    )
}

/// Admits an auditor's hold.
pub fn hold(
    directory: &Directory,
    session: &Principal,
    envelope: SignedEnvelope,
) -> Result<Admitted<Hold>, Refused> {
    over_session(session, hold_of(directory, envelope)?)
}

pub(in crate::ledger) fn hold_of(
    directory: &Directory,
    envelope: SignedEnvelope,
) -> Result<Admitted<Hold>, Refused> {
    one(
        directory,
        envelope,
        PayloadKind::Hold,
        KeyRole::Officer,
        wire::hold,
        |p| &p.common,
    )
}

pub(in crate::ledger) fn mandate_of(
    directory: &Directory,
    envelope: SignedEnvelope,
) -> Result<Admitted<Mandate>, Refused> {
    one(
        directory,
        envelope,
        PayloadKind::Mandate,
        KeyRole::Officer,
        wire::mandate,
        |p| &p.common,
    )
}

pub(in crate::ledger) fn suspension_of(
    directory: &Directory,
    envelope: SignedEnvelope,
) -> Result<Admitted<Suspension>, Refused> {
    one(
        directory,
        envelope,
        PayloadKind::Suspension,
        KeyRole::Operator,
        wire::suspension,
        |p| &p.common,
    )
}

pub(in crate::ledger) fn reinstatement_of(
    directory: &Directory,
    envelope: SignedEnvelope,
) -> Result<Admitted<Suspension>, Refused> {
    one(
        directory,
        envelope,
        PayloadKind::Reinstatement,
        KeyRole::Operator,
        wire::reinstatement,
        |p| &p.common,
    )
}

pub(in crate::ledger) fn agency_enrolment_of(
    directory: &Directory,
    envelope: SignedEnvelope,
) -> Result<Admitted<AgencyEnrolment>, Refused> {
    one(
        directory,
        envelope,
        PayloadKind::AgencyEnrolment,
        KeyRole::Operator,
        wire::agency_enrolment,
        |p| &p.common,
    )
}

pub(in crate::ledger) fn state_enrolment_of(
    directory: &Directory,
    enrolment: SignedEnvelope,
    root_certificate: SignedEnvelope,
) -> Result<Admitted<NewState>, Refused> {
    let enrolment = one(
        directory,
        enrolment,
        PayloadKind::StateEnrolment,
        KeyRole::Operator,
        wire::state_enrolment,
        |p| &p.common,
    )?;
    let root = certificate(directory, root_certificate)?;
    if root.digest() != enrolment.content.root_certificate_digest {
        return Err(Refused::new(
            ErrorCode::InvalidValue,
            "the certificate is not the one that the enrolment names",
        )
        .about("root_certificate_digest"));
    }
    Ok(enrolment.map(|enrolment| NewState { enrolment, root }))
}

pub(in crate::ledger) fn statement_of(
    directory: &Directory,
    envelope: SignedEnvelope,
) -> Result<Admitted<KeyStatement>, Refused> {
    let kind = envelope.payload_type.parse::<PayloadKind>();
    match kind {
        Ok(PayloadKind::KeyCertificate) => {
            Ok(certificate(directory, envelope)?.map(KeyStatement::Certificate))
        }
        Ok(PayloadKind::KeyRevocation) => Ok(revocation(directory, envelope)?.map(KeyStatement::Revocation)),
        Ok(PayloadKind::RootSuccession) => Ok(succession(directory, envelope)?.map(KeyStatement::Succession)),
        Ok(
            PayloadKind::Warning
            | PayloadKind::Acknowledgement
            | PayloadKind::Desks
            | PayloadKind::Mandate
            | PayloadKind::Hold
            | PayloadKind::ErasureAttestation
            | PayloadKind::OnwardTransfer
            | PayloadKind::StateEnrolment
            | PayloadKind::AgencyEnrolment
            | PayloadKind::Suspension
            | PayloadKind::Reinstatement,
        )
        | Err(_) => Err(Refused::new(
            ErrorCode::WrongPayloadType,
            "this is no certificate, revocation or succession of a key",
        )),
    }
}

/// A certificate with all of its signatures checked, under enrolled keys and the one inside. Whether the right keys
/// signed is `decide`'s.
pub(in crate::ledger) fn certificate(
    directory: &Directory,
    envelope: SignedEnvelope,
) -> Result<Admitted<KeyCertificate>, Refused> {
    let content = wire::key_certificate(&envelope)?;
    let new = if content.role.signs() {
        Some(parse_key(&content.public_key)?)
    } else {
        None
    };
    let verified = verify_with(directory, envelope, PayloadKind::KeyCertificate, new)?;
    if directory.origin().is_some() {
        check_origin(directory, &content.common)?;
    }
    let key = named_key(&content.common, PayloadKind::KeyCertificate)?;
    let common = content.common.clone();
    Ok(Admitted::new(verified, key, common, content))
}

fn succession(directory: &Directory, envelope: SignedEnvelope) -> Result<Admitted<RootSuccession>, Refused> {
    let content = wire::root_succession_unverified(&envelope)?;
    let new = parse_key(&content.public_key)?;
    let verified = verify_with(directory, envelope, PayloadKind::RootSuccession, Some(new))?;
    check_origin(directory, &content.common)?;
    let key = named_key(&content.common, PayloadKind::RootSuccession)?;
    let common = content.common.clone();
    Ok(Admitted::new(verified, key, common, content))
}

fn revocation(directory: &Directory, envelope: SignedEnvelope) -> Result<Admitted<KeyRevocation>, Refused> {
    let signed = single_signer(directory, envelope, PayloadKind::KeyRevocation)?;
    let content = wire::key_revocation(&signed.verified)?;
    // Any key that signs may revoke itself.
    check_signer(&content.common, signed.key, &[signed.key.role])?;
    check_origin(directory, &content.common)?;
    let key = named_key(&content.common, PayloadKind::KeyRevocation)?;
    let common = content.common.clone();
    Ok(Admitted::new(signed.verified, key, common, content))
}

fn one<T>(
    directory: &Directory,
    envelope: SignedEnvelope,
    kind: PayloadKind,
    role: KeyRole,
    parse: fn(&Verified) -> Result<T, Refused>,
    common_of: fn(&T) -> &Common,
) -> Result<Admitted<T>, Refused> {
    let signed = single_signer(directory, envelope, kind)?;
    let content = parse(&signed.verified)?;
    let common = common_of(&content).clone();
    check_signer(&common, signed.key, &[role])?;
    check_origin(directory, &common)?;
    let key = named_key(&common, kind)?;
    Ok(Admitted::new(signed.verified, key, common, content))
}

fn over_session<T>(session: &Principal, admitted: Admitted<T>) -> Result<Admitted<T>, Refused> {
    check_session(session, &admitted.key.principal)?;
    Ok(admitted)
}

fn named_key(common: &Common, kind: PayloadKind) -> Result<IdKey, Refused> {
    match &common.signer {
        SignedBy::Named(signer) => Ok(IdKey {
            principal: signer.principal.clone(),
            kind,
            id: common.id,
        }),
        SignedBy::Committed(_) => Err(Refused::new(
            ErrorCode::Unsupported,
            "only the sender of a warning may stay unnamed",
        )
        .about("common.signer_commitment")),
    }
}

fn parse_key(bytes: &[u8]) -> Result<PublicKey, Refused> {
    PublicKey::parse(bytes).map_err(|weak| Refused::new(weak.code(), weak.to_string()).about("public_key"))
}

/// Verifies with the enrolled keys and one that is not enrolled yet.
fn verify_with(
    directory: &Directory,
    envelope: SignedEnvelope,
    kind: PayloadKind,
    new: Option<PublicKey>,
) -> Result<Verified, Refused> {
    let find = |keyid: &KeyId| {
        new.filter(|key| key.keyid() == *keyid)
            .or_else(|| signing_key(directory, keyid))
    };
    verify_envelope_as(envelope, kind, find).map_err(|error| {
        let code = match &error {
            // Whoever certifies is not enrolled.
            VerifyError::UnknownKey(_) => ErrorCode::UncertifiedKey,
            VerifyError::UnknownPayloadType
            | VerifyError::WrongPayloadType { .. }
            | VerifyError::PayloadTooLong(_)
            | VerifyError::NoSignature
            | VerifyError::TooManySignatures(_)
            | VerifyError::RepeatedKey(_)
            | VerifyError::BadSignature(_) => error.code(),
        };
        Refused::new(code, error.to_string())
    })
}
