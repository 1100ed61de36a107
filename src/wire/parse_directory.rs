//! What changes the directory, from what is signed to the domain. Who may sign it is the ledger's.

use super::fields::{Within, exactly, invalid, missing, name, repeated};
use super::parse_common::{extensions, key_role, parse_common};
use super::payload::{Parsable, parse, parse_unverified};
use super::reader::At;
use super::text_rules::{Lines, checked, required};
use super::walker::Fields;
use crate::domain::{
    AgencyEnrolment, AgencyId, AgencyKind, Desk, DeskAddress, Desks, Digest, Hold, KeyCertificate,
    KeyRevocation, KeyRole, Language, Mandate, RevocationReason, RootSuccession, SignedEnvelope,
    StateEnrolment, Suspension, is_label,
};
use crate::error::Refused;
use crate::limits;
use crate::seal::PayloadKind;

/// A key's certificate, before its signatures are checked: the key to check one of them is inside. The caller verifies
/// right after.
pub fn key_certificate(envelope: &SignedEnvelope) -> Result<KeyCertificate, Refused> {
    parse_unverified(envelope, PayloadKind::KeyCertificate, parse_key_certificate)
}

/// A key's revocation.
pub fn key_revocation(source: &impl Parsable) -> Result<KeyRevocation, Refused> {
    parse(source, PayloadKind::KeyRevocation, parse_key_revocation)
}

/// A root's successor.
pub fn root_succession(source: &impl Parsable) -> Result<RootSuccession, Refused> {
    parse(source, PayloadKind::RootSuccession, parse_root_succession)
}

/// A root's successor, before its signatures are checked: the new root is inside. The caller verifies right after.
pub fn root_succession_unverified(envelope: &SignedEnvelope) -> Result<RootSuccession, Refused> {
    parse_unverified(envelope, PayloadKind::RootSuccession, parse_root_succession)
}

/// A state's enrolment.
pub fn state_enrolment(source: &impl Parsable) -> Result<StateEnrolment, Refused> {
    parse(source, PayloadKind::StateEnrolment, parse_state_enrolment)
}

/// An agency's enrolment.
pub fn agency_enrolment(source: &impl Parsable) -> Result<AgencyEnrolment, Refused> {
    parse(source, PayloadKind::AgencyEnrolment, parse_agency_enrolment)
}

/// An agency's desks.
pub fn desks(source: &impl Parsable) -> Result<Desks, Refused> {
    parse(source, PayloadKind::Desks, parse_desks)
}

/// An auditor's mandate.
pub fn mandate(source: &impl Parsable) -> Result<Mandate, Refused> {
    parse(source, PayloadKind::Mandate, parse_mandate)
}

/// An auditor's hold.
pub fn hold(source: &impl Parsable) -> Result<Hold, Refused> {
    parse(source, PayloadKind::Hold, parse_hold)
}

/// A suspension.
pub fn suspension(source: &impl Parsable) -> Result<Suspension, Refused> {
    parse(source, PayloadKind::Suspension, parse_suspension)
}

/// A reinstatement: the same in the domain as a suspension.
pub fn reinstatement(source: &impl Parsable) -> Result<Suspension, Refused> {
    parse(source, PayloadKind::Reinstatement, parse_reinstatement)
}

fn parse_key_certificate(certificate: &Fields<'_>) -> Result<KeyCertificate, Refused> {
    use super::at::key_certificate as at;
    let role = certificate.word(at::ROLE, key_role)?;
    Ok(KeyCertificate {
        common: certificate.required(at::COMMON, parse_common)?,
        principal: certificate.name(at::PRINCIPAL)?,
        role,
        public_key: public_key(certificate.slice(at::PUBLIC_KEY), role)?,
        label: checked(
            certificate.text(at::LABEL)?,
            "label",
            limits::NAME_CHARS_MAX,
            Lines::One,
        )?,
        extensions: extensions(certificate, at::EXTENSIONS)?,
    })
}

/// Of the right length; whether it is a sound key is `seal`'s.
fn public_key(bytes: &[u8], role: KeyRole) -> Result<Vec<u8>, Refused> {
    if bytes.is_empty() {
        return Err(missing("public_key"));
    }
    if role.signs() {
        return exactly::<32>(bytes, "public_key").map(Vec::from);
    }
    if bytes.len() > limits::PUBLIC_KEY_BYTES_MAX {
        return Err(invalid("public_key", "the key is too long"));
    }
    Ok(bytes.to_vec())
}

fn parse_key_revocation(revocation: &Fields<'_>) -> Result<KeyRevocation, Refused> {
    use super::at::key_revocation as at;
    Ok(KeyRevocation {
        common: revocation.required(at::COMMON, parse_common)?,
        principal: revocation.name(at::PRINCIPAL)?,
        keyid: revocation.name(at::KEYID)?,
        reason: revocation.word(at::REASON, RevocationReason::from_number)?,
        extensions: extensions(revocation, at::EXTENSIONS)?,
    })
}

fn parse_root_succession(succession: &Fields<'_>) -> Result<RootSuccession, Refused> {
    use super::at::root_succession as at;
    Ok(RootSuccession {
        common: succession.required(at::COMMON, parse_common)?,
        state: succession.name(at::STATE)?,
        public_key: public_key(succession.slice(at::PUBLIC_KEY), KeyRole::Root)?,
        extensions: extensions(succession, at::EXTENSIONS)?,
    })
}

fn parse_state_enrolment(enrolment: &Fields<'_>) -> Result<StateEnrolment, Refused> {
    use super::at::state_enrolment as at;
    Ok(StateEnrolment {
        common: enrolment.required(at::COMMON, parse_common)?,
        state: enrolment.name(at::STATE)?,
        root_certificate_digest: Digest(enrolment.exactly(at::ROOT_CERTIFICATE_DIGEST)?),
        home_origin: home_origin(enrolment.text(at::HOME_ORIGIN)?)?,
        extensions: extensions(enrolment, at::EXTENSIONS)?,
    })
}

fn parse_agency_enrolment(enrolment: &Fields<'_>) -> Result<AgencyEnrolment, Refused> {
    use super::at::agency_enrolment as at;
    let digests: Vec<[u8; 32]> = enrolment.list_exactly(at::CERTIFICATE_DIGESTS)?;
    for (index, digest) in digests.iter().enumerate() {
        if digests.iter().take(index).any(|earlier| earlier == digest) {
            return Err(repeated()).within_entry("certificate_digests", index);
        }
    }
    Ok(AgencyEnrolment {
        common: enrolment.required(at::COMMON, parse_common)?,
        agency: enrolment.name(at::AGENCY)?,
        name: required(
            enrolment.text(at::NAME)?,
            "name",
            limits::NAME_CHARS_MAX,
            Lines::One,
        )?,
        kind: enrolment.word(at::KIND, AgencyKind::from_number)?,
        certificate_digests: digests.into_iter().map(Digest).collect(),
        home_origin: home_origin(enrolment.text(at::HOME_ORIGIN)?)?,
        extensions: extensions(enrolment, at::EXTENSIONS)?,
    })
}

fn home_origin(text: &str) -> Result<String, Refused> {
    checked(text, "home_origin", limits::ORIGIN_CHARS_MAX, Lines::One)
}

fn parse_desks(message: &Fields<'_>) -> Result<Desks, Refused> {
    use super::at::desks as at;
    let mut desks: Vec<Desk> = Vec::new();
    for (index, bytes) in message.list(at::DESKS) {
        let desk = message.entry(at::DESKS, (index, bytes), parse_desk)?;
        if desks.last().is_some_and(|last| last.address >= desk.address) {
            let refused = invalid("address", "the desks are not sorted, or one stands twice");
            return Err(refused).within_entry("desks", index);
        }
        desks.push(desk);
    }
    Ok(Desks {
        common: message.required(at::COMMON, parse_common)?,
        desks,
        extensions: extensions(message, at::EXTENSIONS)?,
    })
}

fn parse_desk(desk: &Fields<'_>) -> Result<Desk, Refused> {
    use super::at::desk as at;
    let address: DeskAddress = desk.name(at::ADDRESS)?;
    let mut languages: Vec<Language> = Vec::new();
    for (index, tag) in desk.texts(at::LANGUAGES)?.into_iter().enumerate() {
        let language: Language = name(tag, "").within_entry("languages", index)?;
        let same = |it: &Language| it.as_str().eq_ignore_ascii_case(language.as_str());
        if languages.iter().any(same) {
            return Err(repeated()).within_entry("languages", index);
        }
        languages.push(language);
    }
    let mut competences: Vec<String> = Vec::new();
    for (index, competence) in desk.texts(at::COMPETENCES)?.into_iter().enumerate() {
        if !is_label(competence) || competence.len() > limits::ID_CHARS_MAX {
            return Err(invalid("", "not a competence (\"aviation-security\")"))
                .within_entry("competences", index);
        }
        if competences.last().is_some_and(|last| last.as_str() >= competence) {
            let refused = invalid("", "the list is not sorted, or an entry stands twice");
            return Err(refused).within_entry("competences", index);
        }
        competences.push(competence.to_owned());
    }
    Ok(Desk {
        address,
        name: checked(desk.text(at::NAME)?, "name", limits::NAME_CHARS_MAX, Lines::One)?,
        competences,
        languages,
    })
}

fn parse_mandate(mandate: &Fields<'_>) -> Result<Mandate, Refused> {
    use super::at::mandate as at;
    Ok(Mandate {
        common: mandate.required(at::COMMON, parse_common)?,
        auditor: mandate.name(at::AUDITOR)?,
        withdrawn: mandate.flag(at::WITHDRAWN),
        extensions: extensions(mandate, at::EXTENSIONS)?,
    })
}

fn parse_hold(hold: &Fields<'_>) -> Result<Hold, Refused> {
    use super::at::hold as at;
    let (warnings, agencies) = (hold.list_exactly(at::WARNINGS)?, hold.texts(at::AGENCIES)?);
    let agencies = agencies.iter().map(|it| name(it, "agencies"));
    let agencies: Vec<AgencyId> = agencies.collect::<Result<_, _>>()?;
    if !warnings.is_sorted_by(|a, b| a < b) {
        return Err(invalid("warnings", "is not sorted, or names one twice"));
    }
    if !agencies.is_sorted_by(|a, b| a < b) {
        return Err(invalid("agencies", "is not sorted, or names one twice"));
    }
    Ok(Hold {
        common: hold.required(at::COMMON, parse_common)?,
        until: hold.time(at::UNTIL_UNIX_MS),
        reason: checked(
            hold.text(at::REASON)?,
            at::REASON.name,
            limits::REASON_CHARS_MAX,
            Lines::Many,
        )?,
        warnings: warnings.into_iter().map(Digest).collect(),
        agencies,
        extensions: extensions(hold, at::EXTENSIONS)?,
    })
}

fn parse_suspension(suspension: &Fields<'_>) -> Result<Suspension, Refused> {
    use super::at::suspension as at;
    suspended(suspension, [at::COMMON, at::AGENCY, at::REASON, at::EXTENSIONS])
}

fn parse_reinstatement(reinstatement: &Fields<'_>) -> Result<Suspension, Refused> {
    use super::at::reinstatement as at;
    suspended(
        reinstatement,
        [at::COMMON, at::AGENCY, at::REASON, at::EXTENSIONS],
    )
}

/// Two messages that say the same of an agency.
fn suspended(message: &Fields<'_>, [common, agency, reason, more]: [At; 4]) -> Result<Suspension, Refused> {
    let text = message.text(reason)?;
    Ok(Suspension {
        common: message.required(common, parse_common)?,
        agency: message.name(agency)?,
        reason: checked(text, reason.name, limits::REASON_CHARS_MAX, Lines::Many)?,
        extensions: extensions(message, more)?,
    })
}
