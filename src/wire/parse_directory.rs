//! What changes the directory, from what is signed to the domain. Who may sign it is the ledger's.

use super::fields::{Within, exactly, invalid, list_exactly, missing, name, repeated, word};
use super::parse_common::{common_of, extensions, key_role};
use super::payload::{Parsable, parse, parse_unverified};
use super::text_rules::{Lines, checked, required};
use super::v1;
use crate::domain::{
    AgencyEnrolment, AgencyKind, Desk, DeskAddress, Desks, Digest, KeyCertificate, KeyRevocation, KeyRole,
    Language, Mandate, RevocationReason, RootSuccession, SignedEnvelope, StateEnrolment, Suspension,
    is_label,
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

/// A suspension.
pub fn suspension(source: &impl Parsable) -> Result<Suspension, Refused> {
    parse(source, PayloadKind::Suspension, parse_suspension)
}

/// A reinstatement: the same in the domain as a suspension.
pub fn reinstatement(source: &impl Parsable) -> Result<Suspension, Refused> {
    parse(source, PayloadKind::Reinstatement, parse_reinstatement)
}

fn parse_key_certificate(message: v1::KeyCertificate) -> Result<KeyCertificate, Refused> {
    let role = word(message.role, "role", key_role)?;
    Ok(KeyCertificate {
        common: common_of(message.common)?,
        principal: name(&message.principal, "principal")?,
        role,
        public_key: public_key(&message.public_key, role)?,
        label: checked(&message.label, "label", limits::NAME_CHARS_MAX, Lines::One)?,
        extensions: extensions(message.extensions)?,
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

fn parse_key_revocation(message: v1::KeyRevocation) -> Result<KeyRevocation, Refused> {
    Ok(KeyRevocation {
        common: common_of(message.common)?,
        principal: name(&message.principal, "principal")?,
        keyid: name(&message.keyid, "keyid")?,
        reason: word(message.reason, "reason", RevocationReason::from_number)?,
        extensions: extensions(message.extensions)?,
    })
}

fn parse_root_succession(message: v1::RootSuccession) -> Result<RootSuccession, Refused> {
    Ok(RootSuccession {
        common: common_of(message.common)?,
        state: name(&message.state, "state")?,
        public_key: public_key(&message.public_key, KeyRole::Root)?,
        extensions: extensions(message.extensions)?,
    })
}

fn parse_state_enrolment(message: v1::StateEnrolment) -> Result<StateEnrolment, Refused> {
    Ok(StateEnrolment {
        common: common_of(message.common)?,
        state: name(&message.state, "state")?,
        root_certificate_digest: Digest(exactly(
            &message.root_certificate_digest,
            "root_certificate_digest",
        )?),
        home_origin: home_origin(&message.home_origin)?,
        extensions: extensions(message.extensions)?,
    })
}

fn parse_agency_enrolment(message: v1::AgencyEnrolment) -> Result<AgencyEnrolment, Refused> {
    let digests: Vec<[u8; 32]> = list_exactly(&message.certificate_digests, "certificate_digests")?;
    for (index, digest) in digests.iter().enumerate() {
        if digests.iter().take(index).any(|earlier| earlier == digest) {
            return Err(repeated()).within_entry("certificate_digests", index);
        }
    }
    Ok(AgencyEnrolment {
        common: common_of(message.common)?,
        agency: name(&message.agency, "agency")?,
        name: required(&message.name, "name", limits::NAME_CHARS_MAX, Lines::One)?,
        kind: word(message.kind, "kind", AgencyKind::from_number)?,
        certificate_digests: digests.into_iter().map(Digest).collect(),
        home_origin: home_origin(&message.home_origin)?,
        extensions: extensions(message.extensions)?,
    })
}

fn home_origin(text: &str) -> Result<String, Refused> {
    checked(text, "home_origin", limits::ORIGIN_CHARS_MAX, Lines::One)
}

fn parse_desks(message: v1::Desks) -> Result<Desks, Refused> {
    let mut desks: Vec<Desk> = Vec::with_capacity(message.desks.len());
    for (index, message) in message.desks.into_iter().enumerate() {
        let desk = parse_desk(message).within_entry("desks", index)?;
        if desks.last().is_some_and(|last| last.address >= desk.address) {
            let refused = invalid("address", "the desks are not sorted, or one stands twice");
            return Err(refused).within_entry("desks", index);
        }
        desks.push(desk);
    }
    Ok(Desks {
        common: common_of(message.common)?,
        desks,
        extensions: extensions(message.extensions)?,
    })
}

fn parse_desk(message: v1::Desk) -> Result<Desk, Refused> {
    let address: DeskAddress = name(&message.address, "address")?;
    let mut languages: Vec<Language> = Vec::with_capacity(message.languages.len());
    for (index, tag) in message.languages.iter().enumerate() {
        let language: Language = name(tag, "").within_entry("languages", index)?;
        let same = |it: &Language| it.as_str().eq_ignore_ascii_case(language.as_str());
        if languages.iter().any(same) {
            return Err(repeated()).within_entry("languages", index);
        }
        languages.push(language);
    }
    for (index, competence) in message.competences.iter().enumerate() {
        let above_last = index
            .checked_sub(1)
            .and_then(|last| message.competences.get(last))
            .is_none_or(|last| last < competence);
        if !is_label(competence) || competence.len() > limits::ID_CHARS_MAX {
            return Err(invalid("", "not a competence (\"aviation-security\")"))
                .within_entry("competences", index);
        }
        if !above_last {
            let refused = invalid("", "the list is not sorted, or an entry stands twice");
            return Err(refused).within_entry("competences", index);
        }
    }
    Ok(Desk {
        address,
        name: checked(&message.name, "name", limits::NAME_CHARS_MAX, Lines::One)?,
        competences: message.competences,
        languages,
    })
}

fn parse_mandate(message: v1::Mandate) -> Result<Mandate, Refused> {
    Ok(Mandate {
        common: common_of(message.common)?,
        auditor: name(&message.auditor, "auditor")?,
        withdrawn: message.withdrawn,
        extensions: extensions(message.extensions)?,
    })
}

fn parse_suspension(message: v1::Suspension) -> Result<Suspension, Refused> {
    Ok(Suspension {
        common: common_of(message.common)?,
        agency: name(&message.agency, "agency")?,
        reason: checked(&message.reason, "reason", limits::REASON_CHARS_MAX, Lines::Many)?,
        extensions: extensions(message.extensions)?,
    })
}

fn parse_reinstatement(message: v1::Reinstatement) -> Result<Suspension, Refused> {
    parse_suspension(v1::Suspension {
        common: message.common,
        agency: message.agency,
        reason: message.reason,
        extensions: message.extensions,
    })
}
