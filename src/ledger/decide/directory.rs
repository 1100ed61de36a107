//! What changes the directory, the genesis, and the daemon's own word that it began. A refusal leaves nothing.

use super::{Context, Stop, refuse};
use crate::domain::{
    AgencyEnrolment, Desks, DirectoryLink, Genesis, Hold, KeyCertificate, KeyRole, Mandate, RecordKind,
    RelayStarted, Suspension,
};
use crate::error::{ErrorCode, Refused};
use crate::ledger::admit::{Admitted, KeyStatement, NewAgency, NewState};
use crate::ledger::apply::directory_after_genesis;
use crate::ledger::command::{Decision, NewRecord};
use crate::ledger::rules;

/// Record 0.
pub(super) fn genesis(context: &mut Context<'_>, genesis: Genesis) -> Result<Decision, Stop> {
    if context.index != 0 || context.directory.log().is_some() {
        return refuse(ErrorCode::AlreadyEnrolled, "the log has its genesis");
    }
    directory_after_genesis(&genesis, true)?;
    let link = context.next_link();
    let record = context.new_record(None, Some(link), RecordKind::Genesis(genesis), Vec::new())?;
    Ok(Decision::Append {
        records: vec![record],
        digest: None,
    })
}

/// The daemon began.
pub(super) fn relay_started(context: &mut Context<'_>, started: RelayStarted) -> Result<Decision, Stop> {
    if context.directory.log().is_none() {
        return refuse(ErrorCode::InvalidRequest, "the log has no genesis yet");
    }
    let record = context.new_record(None, None, RecordKind::RelayStarted(started), Vec::new())?;
    Ok(Decision::Append {
        records: vec![record],
        digest: None,
    })
}

pub(super) fn publish_key(
    context: &mut Context<'_>,
    admitted: Admitted<KeyStatement>,
) -> Result<Decision, Stop> {
    context.fresh_and_valid(&admitted)?;
    rules::key_statement(context.directory, context.index, &admitted)?;
    key_statement(context, &admitted, false)
}

pub(super) fn publish_operator_key(
    context: &mut Context<'_>,
    admitted: Admitted<KeyStatement>,
) -> Result<Decision, Stop> {
    context.fresh_and_valid(&admitted)?;
    rules::operator_key_statement(context.directory, context.index, &admitted)?;
    key_statement(context, &admitted, true)
}

fn key_statement(
    context: &mut Context<'_>,
    admitted: &Admitted<KeyStatement>,
    operators: bool,
) -> Result<Decision, Stop> {
    let envelope = admitted.envelope().clone();
    let kind = match admitted.content() {
        KeyStatement::Certificate(_) if operators => RecordKind::OperatorKeyPublished(envelope),
        KeyStatement::Certificate(_) => RecordKind::KeyPublished(envelope),
        KeyStatement::Revocation(_) => RecordKind::KeyRevoked(envelope),
        KeyStatement::Succession(_) => RecordKind::RootSucceeded(envelope),
    };
    match admitted.content() {
        KeyStatement::Revocation(_) if admitted.common().named().is_some_and(|s| s.role != KeyRole::Root) => {
            context.check_common(admitted)?;
        }
        KeyStatement::Certificate(_) | KeyStatement::Revocation(_) | KeyStatement::Succession(_) => {
            rules::not_ahead(admitted.common(), context.time)?;
        }
    }
    one_record(context, admitted, kind)
}

pub(super) fn publish_desks(context: &mut Context<'_>, admitted: Admitted<Desks>) -> Result<Decision, Stop> {
    context.fresh_and_valid(&admitted)?;
    rules::desks(context.directory, context.index, &admitted)?;
    context.check_common(&admitted)?;
    one_record(
        context,
        &admitted,
        RecordKind::DesksPublished(admitted.envelope().clone()),
    )
}

pub(super) fn publish_mandate(
    context: &mut Context<'_>,
    admitted: Admitted<Mandate>,
) -> Result<Decision, Stop> {
    context.fresh_and_valid(&admitted)?;
    rules::mandate(context.directory, context.index, &admitted)?;
    context.check_common(&admitted)?;
    one_record(
        context,
        &admitted,
        RecordKind::MandatePublished(admitted.envelope().clone()),
    )
}

pub(super) fn place_hold(context: &mut Context<'_>, admitted: Admitted<Hold>) -> Result<Decision, Stop> {
    context.fresh_and_valid(&admitted)?;
    rules::hold(context.directory, context.index, &admitted, context.time)?;
    context.check_common(&admitted)?;
    one_record(
        context,
        &admitted,
        RecordKind::HoldPlaced(admitted.envelope().clone()),
    )
}

pub(super) fn suspend(context: &mut Context<'_>, admitted: Admitted<Suspension>) -> Result<Decision, Stop> {
    context.fresh_and_valid(&admitted)?;
    rules::suspension(context.directory, context.index, &admitted, true)?;
    context.check_common(&admitted)?;
    one_record(
        context,
        &admitted,
        RecordKind::AgencySuspended(admitted.envelope().clone()),
    )
}

pub(super) fn reinstate(context: &mut Context<'_>, admitted: Admitted<Suspension>) -> Result<Decision, Stop> {
    context.fresh_and_valid(&admitted)?;
    rules::suspension(context.directory, context.index, &admitted, false)?;
    context.check_common(&admitted)?;
    one_record(
        context,
        &admitted,
        RecordKind::AgencyReinstated(admitted.envelope().clone()),
    )
}

pub(super) fn enrol_state(context: &mut Context<'_>, admitted: Admitted<NewState>) -> Result<Decision, Stop> {
    context.fresh_and_valid(&admitted)?;
    rules::state_enrolment(context.directory, context.index, &admitted)?;
    context.check_common(&admitted)?;
    let root = &admitted.content().root;
    rules::not_ahead(root.common(), context.time)?;
    unused(context, root)?;
    let kind = RecordKind::StateEnrolled {
        enrolment: admitted.envelope().clone(),
        root_certificate: root.envelope().clone(),
    };
    one_record(context, &admitted, kind)
}

/// `AGENCY_ENROLLED`, then a `KEY_PUBLISHED` for each certificate, in one block.
pub(super) fn enrol_agency(
    context: &mut Context<'_>,
    admitted: Admitted<NewAgency>,
) -> Result<Decision, Stop> {
    context.fresh_and_valid(&admitted)?;
    let NewAgency {
        enrolment,
        certificates,
    } = admitted.content();
    rules::agency_enrolment(context.directory, context.index, &admitted, enrolment)?;
    context.check_common(&admitted)?;
    for (position, certificate) in certificates.iter().enumerate() {
        first_key(context, enrolment, certificate)?;
        let earlier = certificates.iter().take(position);
        let key = certificate.content();
        if earlier
            .clone()
            .any(|other| other.content().public_key == key.public_key)
        {
            return refuse(
                ErrorCode::KeyAlreadyEnrolled,
                "one key stands in two certificates",
            );
        }
        if earlier
            .clone()
            .any(|other| other.id_key() == certificate.id_key())
        {
            return refuse(ErrorCode::IdReused, "two certificates have one id");
        }
    }
    let link = context.next_link();
    let kind = RecordKind::AgencyEnrolled(admitted.envelope().clone());
    let mut records = vec![context.new_record(None, Some(link), kind, Vec::new())?];
    let mut seq = link.seq;
    for certificate in certificates {
        seq = seq.saturating_add(1);
        let link = DirectoryLink {
            seq,
            prev: records.last().map(|record: &NewRecord| record.leaf),
        };
        let kind = RecordKind::KeyPublished(certificate.envelope().clone());
        records.push(context.new_record(None, Some(link), kind, Vec::new())?);
    }
    Ok(Decision::Append {
        records,
        digest: Some(admitted.digest()),
    })
}

fn first_key(
    context: &Context<'_>,
    enrolment: &AgencyEnrolment,
    certificate: &Admitted<KeyCertificate>,
) -> Result<(), Stop> {
    let content = certificate.content();
    if content.principal.agency() != Some(&enrolment.agency) {
        let sentence = format!(
            "a certificate is for {}, not for {}",
            content.principal, enrolment.agency
        );
        return Err(Refused::new(ErrorCode::UncertifiedKey, sentence)
            .about("principal")
            .into());
    }
    rules::agency_certificate(context.directory, context.index, certificate, content)?;
    rules::not_ahead(certificate.common(), context.time)?;
    unused(context, certificate)
}

/// A certificate that comes with an enrolment is recorded for the first time.
fn unused(context: &Context<'_>, certificate: &Admitted<KeyCertificate>) -> Result<(), Stop> {
    match context.facts.id(certificate.id_key())? {
        None => Ok(()),
        Some(_) => refuse(
            ErrorCode::IdReused,
            format!(
                "the id {} of a certificate was used before",
                certificate.id_key().id
            ),
        ),
    }
}

fn one_record<T>(
    context: &mut Context<'_>,
    admitted: &Admitted<T>,
    kind: RecordKind,
) -> Result<Decision, Stop> {
    let link = context.next_link();
    let record = context.new_record(None, Some(link), kind, Vec::new())?;
    Ok(Decision::Append {
        records: vec![record],
        digest: Some(admitted.digest()),
    })
}
