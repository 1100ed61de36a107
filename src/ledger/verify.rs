//! The check of one record by whoever trusts no relay: its signatures under the keys that were valid at its index, and the
//! rules that it can be held to without the past. [`apply`](super::apply) then holds it to its place.

use std::sync::Arc;

use super::admit::{self, Admitted, KeyStatement};
use super::apply::{Corrupt, directory_after_genesis};
use super::decide::{header_rules, kind_rules};
use super::directory::{Directory, KeyEntry};
use super::prepared::{Ahead, OpenedEntries, Prepared};
use super::refusal::{Leaves, leaves};
use super::rules;
use crate::domain::{
    Accepted, Acknowledgement, AudienceKind, AudienceOpening, HandedOver, Principal, Record, RecordKind,
    Rejected, Routed, Seen, SignedEnvelope, Warning,
};
use crate::error::{ErrorCode, Refused};
use crate::seal::PayloadKind;
use crate::time::Timestamp;
use crate::wire;

/// What was checked of a record, to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checked {
    /// Signatures that verified under a key that was valid at the index.
    pub signatures: u32,
    /// Audience entries that matched their openings.
    pub audience_entries: u32,
}

/// Checks a record at `index` against the directory as it was before it.
pub fn verify_record(directory: &Directory, index: u64, record: &Record) -> Result<Checked, Corrupt> {
    checked_at(directory, index, record, &Ahead::default())
}

/// The same of a record of which some was checked ahead: with the same outcome, whatever that was.
pub fn verify_prepared(directory: &Directory, index: u64, prepared: &Prepared) -> Result<Checked, Corrupt> {
    checked_at(directory, index, prepared.record(), prepared.ahead())
}

fn checked_at(directory: &Directory, index: u64, record: &Record, ahead: &Ahead) -> Result<Checked, Corrupt> {
    check(directory, index, record, ahead).map_err(|refused| Corrupt::new(index, refused.to_string()))
}

/// What the signer of a record had seen of the log, if it says so: to be compared with the log's own root at that size.
/// The record is one that was verified.
pub fn seen(record: &Record) -> Option<Seen> {
    seen_in(seeing(record)?)
}

/// The same of what was signed.
pub fn seen_in(envelope: &SignedEnvelope) -> Option<Seen> {
    let kind: PayloadKind = envelope.payload_type.parse().ok()?;
    wire::common(kind, &envelope.payload)?.named()?.seen
}

/// What a record holds whose signer may say what it had seen.
pub fn seeing(record: &Record) -> Option<&SignedEnvelope> {
    match &record.kind {
        RecordKind::Accepted(accepted) => Some(&accepted.warning),
        RecordKind::StateEnrolled { enrolment, .. } => Some(enrolment),
        RecordKind::AgencyEnrolled(envelope)
        | RecordKind::KeyRevoked(envelope)
        | RecordKind::DesksPublished(envelope)
        | RecordKind::MandatePublished(envelope)
        | RecordKind::HoldPlaced(envelope)
        | RecordKind::AgencySuspended(envelope)
        | RecordKind::AgencyReinstated(envelope)
        | RecordKind::Acknowledged(envelope) => Some(envelope),
        RecordKind::Genesis(_)
        | RecordKind::RelayStarted(_)
        | RecordKind::KeyPublished(_)
        | RecordKind::RootSucceeded(_)
        | RecordKind::OperatorKeyPublished(_)
        | RecordKind::Rejected(_)
        | RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Erased(_)
        | RecordKind::Unknown => None,
    }
}

fn check(directory: &Directory, index: u64, record: &Record, ahead: &Ahead) -> Result<Checked, Refused> {
    match &record.kind {
        RecordKind::Genesis(genesis) => {
            directory_after_genesis(genesis, true)?;
            Ok(checked(
                genesis
                    .operator_certificates
                    .iter()
                    .map(|e| e.signatures.len())
                    .sum(),
                0,
            ))
        }
        RecordKind::StateEnrolled {
            enrolment,
            root_certificate,
        } => {
            let admitted = admit::state_enrolment_of(directory, enrolment.clone(), root_certificate.clone())?;
            rules::not_ahead(admitted.content().root.common(), record.time)?;
            let rule = |admitted: &Admitted<_>| rules::state_enrolment(directory, index, admitted);
            let entry = check_entry(record, admitted, rule)?;
            Ok(Checked {
                signatures: entry.signatures.saturating_add(1),
                ..entry
            })
        }
        RecordKind::AgencyEnrolled(envelope) => {
            let admitted = admit::agency_enrolment_of(directory, envelope.clone())?;
            check_entry(record, admitted, |a| {
                rules::agency_enrolment(directory, index, a, a.content())
            })
        }
        RecordKind::KeyPublished(envelope)
        | RecordKind::RootSucceeded(envelope)
        | RecordKind::KeyRevoked(envelope)
        | RecordKind::OperatorKeyPublished(envelope) => {
            let admitted = admit::statement_of(directory, envelope.clone())?;
            check_entry(record, admitted, |a| {
                check_key_statement(directory, index, record, a)
            })
        }
        RecordKind::DesksPublished(envelope) => {
            let admitted = admit::desks_of(directory, envelope.clone())?;
            check_entry(record, admitted, |a| rules::desks(directory, index, a))
        }
        RecordKind::MandatePublished(envelope) => {
            let admitted = admit::mandate_of(directory, envelope.clone())?;
            check_entry(record, admitted, |a| rules::mandate(directory, index, a))
        }
        RecordKind::HoldPlaced(envelope) => {
            let admitted = admit::hold_of(directory, envelope.clone())?;
            check_entry(record, admitted, |a| {
                rules::hold(directory, index, a, record.time)
            })
        }
        RecordKind::AgencySuspended(envelope) => {
            let admitted = admit::suspension_of(directory, envelope.clone())?;
            check_entry(record, admitted, |a| rules::suspension(directory, index, a, true))
        }
        RecordKind::AgencyReinstated(envelope) => {
            let admitted = admit::reinstatement_of(directory, envelope.clone())?;
            check_entry(record, admitted, |a| {
                rules::suspension(directory, index, a, false)
            })
        }
        RecordKind::Accepted(accepted) => check_accepted(directory, index, record, accepted, ahead),
        RecordKind::Acknowledged(envelope) => check_acknowledged(directory, index, record, envelope, ahead),
        RecordKind::Rejected(rejected) => check_rejected(directory, index, rejected),
        RecordKind::Routed(routed) => check_routed(directory, routed),
        RecordKind::HandedOver(handed_over) => check_handed_over(directory, index, record, handed_over),
        // What there is to hold it to is its place, which `apply` does.
        RecordKind::RelayStarted(_) | RecordKind::Erased(_) | RecordKind::Unknown => Ok(Checked::default()),
    }
}

fn checked(signatures: usize, audience_entries: usize) -> Checked {
    let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
    Checked {
        signatures: count(signatures),
        audience_entries: count(audience_entries),
    }
}

fn check_entry<T>(
    record: &Record,
    admitted: Admitted<T>,
    rule: impl FnOnce(&Admitted<T>) -> Result<(), Refused>,
) -> Result<Checked, Refused> {
    rule(&admitted)?;
    rules::not_ahead(admitted.common(), record.time)?;
    Ok(checked(admitted.keyids().len(), 0))
}

/// The kind of the record says whose key it is about.
fn check_key_statement(
    directory: &Directory,
    index: u64,
    record: &Record,
    admitted: &Admitted<KeyStatement>,
) -> Result<(), Refused> {
    match (&record.kind, admitted.content()) {
        (RecordKind::KeyPublished(_), KeyStatement::Certificate(_))
        | (RecordKind::RootSucceeded(_), KeyStatement::Succession(_)) => {
            rules::key_statement(directory, index, admitted)
        }
        (RecordKind::OperatorKeyPublished(_), KeyStatement::Certificate(_)) => {
            rules::operator_key_statement(directory, index, admitted)
        }
        (RecordKind::KeyRevoked(_), KeyStatement::Revocation(revocation)) => match revocation.principal {
            Principal::Operator(_) => rules::operator_key_statement(directory, index, admitted),
            Principal::Agency(_) | Principal::Root(_) => rules::key_statement(directory, index, admitted),
        },
        (_, KeyStatement::Certificate(_) | KeyStatement::Revocation(_) | KeyStatement::Succession(_)) => {
            Err(Refused::new(
                ErrorCode::WrongPayloadType,
                "the envelope is of another kind than the record",
            ))
        }
    }
}

fn check_accepted(
    directory: &Directory,
    index: u64,
    record: &Record,
    accepted: &Accepted,
    ahead: &Ahead,
) -> Result<Checked, Refused> {
    let (key, header, opened) = match ahead {
        Ahead::Warning(it) => {
            let key = admit::single_signer_of(directory, &it.signed.verified, PayloadKind::Warning)?;
            rules::valid_at(key, index)?;
            (key, it.signed.content.clone()?, it.audience.clone())
        }
        Ahead::Nothing | Ahead::Acknowledgement(_) => {
            let signed = admit::single_signer(directory, accepted.warning.clone(), PayloadKind::Warning)?;
            rules::valid_at(signed.key, index)?;
            (signed.key, wire::warning(&signed.verified).map(Arc::new)?, None)
        }
    };
    check_header(directory, record.time, key, &header)?;
    let opened = opened
        .unwrap_or_else(|| OpenedEntries::of(&header, accepted))
        .map_err(|error| Refused::new(error.code(), error.to_string()))?;
    if !opened.in_order {
        return Err(Refused::new(
            ErrorCode::AudienceMismatch,
            "the openings do not stand in the order of the header's entries",
        ));
    }
    Ok(checked(1, opened.entries))
}

/// The warning that is in a record at `index`, or that such a record names: signed by one key, which was valid there and in a
/// role that its type takes, and as the rules ask at `time`. Whom it is addressed to is not looked at.
pub fn warning_at(
    directory: &Directory,
    index: u64,
    time: Timestamp,
    envelope: &SignedEnvelope,
) -> Result<Warning, Refused> {
    let signed = admit::single_signer(directory, envelope.clone(), PayloadKind::Warning)?;
    rules::key_valid(directory, index, &signed.key.keyid)?;
    let header = wire::warning(&signed.verified)?;
    check_header(directory, time, signed.key, &header)?;
    Ok(header)
}

fn check_header(
    directory: &Directory,
    time: Timestamp,
    key: &KeyEntry,
    header: &Warning,
) -> Result<(), Refused> {
    admit::check_signer(&header.common, key, header.warning_type.signing_roles())?;
    admit::check_origin(directory, &header.common)?;
    header_rules(directory, time, header)?;
    rules::seen_required(&header.common)?;
    rules::not_ahead(&header.common, time)
}

fn check_acknowledged(
    directory: &Directory,
    index: u64,
    record: &Record,
    envelope: &SignedEnvelope,
    ahead: &Ahead,
) -> Result<Checked, Refused> {
    let content = acknowledged_at(directory, index, envelope, ahead)?;
    rules::not_ahead(&content.common, record.time)?;
    Ok(checked(1, 0))
}

/// The acknowledgement in a record at `index`: signed by one key, which was valid there and in the role that its kind takes,
/// and holding what its kind needs. Whether its signer may speak for the desk is not said.
pub fn acknowledgement_at(
    directory: &Directory,
    index: u64,
    envelope: &SignedEnvelope,
) -> Result<Acknowledgement, Refused> {
    acknowledged_at(directory, index, envelope, &Ahead::default()).map(Arc::unwrap_or_clone)
}

fn acknowledged_at(
    directory: &Directory,
    index: u64,
    envelope: &SignedEnvelope,
    ahead: &Ahead,
) -> Result<Arc<Acknowledgement>, Refused> {
    const KIND: PayloadKind = PayloadKind::Acknowledgement;
    admit::short_enough(envelope)?;
    let (key, content) = match ahead {
        Ahead::Acknowledgement(it) => {
            let key = admit::single_signer_of(directory, &it.verified, KIND)?;
            rules::valid_at(key, index)?;
            (key, it.content.clone()?)
        }
        Ahead::Nothing | Ahead::Warning(_) => {
            let signed = admit::single_signer(directory, envelope.clone(), KIND)?;
            rules::valid_at(signed.key, index)?;
            (signed.key, wire::acknowledgement(&signed.verified).map(Arc::new)?)
        }
    };
    admit::check_signer(&content.common, key, &[content.kind.signing_role()])?;
    admit::check_origin(directory, &content.common)?;
    kind_rules(&content)?;
    rules::seen_required(&content.common)?;
    Ok(content)
}

/// The refused payload is not in the record: only whose word it is can be checked, and that its reason is one that leaves a
/// record. A reason of a later version passes.
fn check_rejected(directory: &Directory, index: u64, rejected: &Rejected) -> Result<Checked, Refused> {
    let key = rules::key_valid(directory, index, &rejected.keyid)?;
    if key.principal != rejected.principal {
        return Err(Refused::new(
            ErrorCode::UncertifiedKey,
            "the key is not the refused principal's",
        ));
    }
    let reason = ErrorCode::from_name(&rejected.code);
    if reason.is_some_and(|code| leaves(code) == Leaves::Nothing) {
        return Err(Refused::new(
            ErrorCode::InvalidValue,
            format!("a refusal for {} leaves no record", rejected.code),
        ));
    }
    Ok(Checked::default())
}

fn check_routed(directory: &Directory, routed: &Routed) -> Result<Checked, Refused> {
    let leads_here = |opening: &AudienceOpening| {
        opening.kind == AudienceKind::To
            && opening
                .address
                .parse()
                .is_ok_and(|address| directory.resolve(&address).as_ref() == Ok(&routed.desk))
    };
    if routed.openings.is_empty() || !routed.openings.iter().all(leads_here) {
        let sentence = "the openings and the directory do not give this recipient";
        return Err(Refused::new(ErrorCode::AudienceMismatch, sentence));
    }
    Ok(Checked::default())
}

fn check_handed_over(
    directory: &Directory,
    index: u64,
    record: &Record,
    handed_over: &HandedOver,
) -> Result<Checked, Refused> {
    if let Some(link) = &record.thread {
        rules::tls_key_of(directory, index, &handed_over.tls_keyid, link.desk.agency())?;
    }
    Ok(Checked::default())
}
