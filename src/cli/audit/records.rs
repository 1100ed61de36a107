//! One record of the log: as a line for people, and as an object with stable names. It was verified before it comes here.

use serde_json::{Value, json};

use super::out_of_scope;
use crate::audit::envelopes;
use crate::cli::screen::one_line;
use crate::cli::timeline::{clock, date, short};
use crate::domain::{
    Acknowledgement, Common, Form, Record, RecordKind, RefusalReason, ReplayedContent, ReplayedRecord,
    SignedEnvelope, Warning,
};
use crate::seal::PayloadKind;
use crate::transparency::leaf_hash;
use crate::wire::{self, Recorded};

/// A line.
pub(super) fn line(shown: &ReplayedRecord, record: Option<&Record>) -> String {
    let Some(record) = record else {
        return format!("{:>8}  (out of scope)", shown.index);
    };
    let (day, hour) = (date(record.time), clock(record.time));
    let start = format!("{:>8}  {day} {hour}  {:<22}", shown.index, word(&record.kind));
    format!("{start} {}", about(record)).trim_end().to_owned()
}

/// An object.
pub(super) fn json(shown: &ReplayedRecord, record: Option<&Record>) -> Value {
    let (leaf, record) = match (&shown.content, record) {
        (ReplayedContent::Record(bytes), Some(record)) => (leaf_hash(bytes), record),
        (ReplayedContent::Record(bytes), None) => return out_of_scope(shown.index, &leaf_hash(bytes)),
        (ReplayedContent::LeafHash(leaf), _) => return out_of_scope(shown.index, leaf),
    };
    let mut object = json!({
        "index": shown.index,
        "leaf_hash": leaf.to_string(),
        "time_by_relay": record.time.to_string(),
        "kind": word(&record.kind),
        "part_kept": shown.part.is_some(),
        "inbox_number": shown.inbox.map(|inbox| inbox.number),
        "thread": record.thread.as_ref().map(|link| json!({
            "warning_digest": link.warning.to_string(),
            "desk": link.desk.to_string(),
            "seq": link.seq,
            "prev": link.prev.map(|prev| prev.to_string()),
        })),
        "directory_seq": record.directory.map(|link| link.seq),
        "signed": envelopes(&record.kind).iter().map(|envelope| signed(envelope)).collect::<Vec<_>>(),
    });
    if let (Value::Object(object), Value::Object(more)) = (&mut object, details(&record.kind)) {
        object.extend(more);
    }
    object
}

/// The kind, as the proto file names it.
fn word(kind: &RecordKind) -> &'static str {
    match kind {
        RecordKind::Genesis(_) => "GENESIS",
        RecordKind::RelayStarted(_) => "RELAY_STARTED",
        RecordKind::StateEnrolled { .. } => "STATE_ENROLLED",
        RecordKind::AgencyEnrolled(_) => "AGENCY_ENROLLED",
        RecordKind::KeyPublished(_) => "KEY_PUBLISHED",
        RecordKind::KeyRevoked(_) => "KEY_REVOKED",
        RecordKind::RootSucceeded(_) => "ROOT_SUCCEEDED",
        RecordKind::DesksPublished(_) => "DESKS_PUBLISHED",
        RecordKind::MandatePublished(_) => "MANDATE_PUBLISHED",
        RecordKind::HoldPlaced(_) => "HOLD_PLACED",
        RecordKind::AgencySuspended(_) => "AGENCY_SUSPENDED",
        RecordKind::AgencyReinstated(_) => "AGENCY_REINSTATED",
        RecordKind::OperatorKeyPublished(_) => "OPERATOR_KEY_PUBLISHED",
        RecordKind::Accepted(_) => "ACCEPTED",
        RecordKind::Rejected(_) => "REJECTED",
        RecordKind::Routed(_) => "ROUTED",
        RecordKind::HandedOver(_) => "HANDED_OVER",
        RecordKind::Acknowledged(_) => "ACKNOWLEDGED",
        RecordKind::Erased(_) => "ERASED",
        RecordKind::Unknown => "UNKNOWN",
    }
}

/// What a line says of it.
fn about(record: &Record) -> String {
    let thread = || match &record.thread {
        Some(link) => format!("warning {} to {}", short(&link.warning), link.desk),
        None => String::new(),
    };
    match &record.kind {
        RecordKind::Genesis(genesis) => genesis.origin.to_string(),
        RecordKind::RelayStarted(start) => match start.stopped_at {
            Some(stopped) => format!("version {}, down since {}", one_line(&start.version), stopped),
            None => format!("version {}, for the first time", one_line(&start.version)),
        },
        RecordKind::StateEnrolled { root_certificate, .. } => by(root_certificate),
        RecordKind::AgencyEnrolled(envelope) => match wire::agency_enrolment(&Recorded(envelope)) {
            Ok(enrolment) => format!("{} {}", enrolment.kind, enrolment.agency),
            Err(_) => by(envelope),
        },
        RecordKind::KeyPublished(envelope) | RecordKind::OperatorKeyPublished(envelope) => {
            match wire::key_certificate(envelope) {
                Ok(certificate) => {
                    format!(
                        "{} key of {}, {}",
                        certificate.role,
                        certificate.principal,
                        by(envelope)
                    )
                }
                Err(_) => by(envelope),
            }
        }
        RecordKind::KeyRevoked(envelope) => match wire::key_revocation(&Recorded(envelope)) {
            Ok(revocation) => format!(
                "key {} of {}: {}, {}",
                short(&revocation.keyid),
                revocation.principal,
                revocation.reason,
                by(envelope)
            ),
            Err(_) => by(envelope),
        },
        RecordKind::MandatePublished(envelope) => match wire::mandate(&Recorded(envelope)) {
            Ok(mandate) if mandate.withdrawn => format!("{} dismissed, {}", mandate.auditor, by(envelope)),
            Ok(mandate) => format!("{} admitted, {}", mandate.auditor, by(envelope)),
            Err(_) => by(envelope),
        },
        RecordKind::HoldPlaced(envelope) => match wire::hold(&Recorded(envelope)) {
            Ok(hold) => format!(
                "until {}, {}: {}",
                hold.until,
                by(envelope),
                one_line(&hold.reason)
            ),
            Err(_) => by(envelope),
        },
        RecordKind::AgencySuspended(envelope) | RecordKind::AgencyReinstated(envelope) => {
            match wire::suspension(&Recorded(envelope)).or_else(|_| wire::reinstatement(&Recorded(envelope)))
            {
                Ok(suspension) => format!("{}, {}", suspension.agency, by(envelope)),
                Err(_) => by(envelope),
            }
        }
        RecordKind::RootSucceeded(envelope) | RecordKind::DesksPublished(envelope) => by(envelope),
        RecordKind::Accepted(accepted) => {
            let body = match warning(&accepted.warning).map(|header| header.body.form) {
                Some(Form::Sealed) => ", sealed",
                Some(Form::Clear) => ", in clear",
                None => "",
            };
            format!(
                "warning {} {}{body}, recipients: {}",
                short(&accepted.warning.digest()),
                by(&accepted.warning),
                accepted.routed.len()
            )
        }
        RecordKind::Rejected(rejected) => {
            format!(
                "{} by {}: {}",
                short(&rejected.digest),
                rejected.principal,
                one_line(&rejected.code)
            )
        }
        RecordKind::Routed(_) => thread(),
        RecordKind::HandedOver(handed_over) => {
            format!("{}, TLS key {}", thread(), short(&handed_over.tls_keyid))
        }
        RecordKind::Acknowledged(envelope) => match acknowledgement(envelope) {
            Some(said) => {
                let meaning = said.reason.and_then(RefusalReason::meaning);
                let meaning = meaning.map_or_else(String::new, |meaning| format!(" ({meaning})"));
                format!("{}: {}{meaning}", thread(), said.kind)
            }
            None => thread(),
        },
        RecordKind::Erased(erased) => {
            format!(
                "{}, what record {} said; {}",
                thread(),
                erased.index,
                erased.rule()
            )
        }
        RecordKind::Unknown => "a kind of a later version".to_owned(),
    }
}

/// What an object says of it, beside what all say.
fn details(kind: &RecordKind) -> Value {
    match kind {
        RecordKind::Genesis(genesis) => json!({
            "origin": genesis.origin.as_str(),
            "log_public_key": hex::encode(genesis.log_public_key),
            "format_version": genesis.format_version,
        }),
        RecordKind::RelayStarted(start) => json!({
            "version": start.version,
            "configuration_digest": hex::encode(start.configuration_digest),
            "stopped_at_by_relay": start.stopped_at.map(|time| time.to_string()),
            "witnesses_reached": start.witnesses_reached,
            "retention_days": start.retention.map(|rules| json!({
                "ordinary": rules.ordinary_days,
                "personal_data": rules.personal_data_days,
                "exercise": rules.exercise_days,
            })),
        }),
        RecordKind::AgencyEnrolled(envelope) => match wire::agency_enrolment(&Recorded(envelope)) {
            Ok(it) => json!({ "agency": it.agency.as_str(), "agency_kind": it.kind.word(), "name": it.name }),
            Err(_) => Value::Null,
        },
        RecordKind::KeyPublished(envelope) | RecordKind::OperatorKeyPublished(envelope) => {
            match wire::key_certificate(envelope) {
                Ok(it) => json!({
                    "principal": it.principal.to_string(),
                    "role": it.role.as_str(),
                    "public_key": hex::encode(&it.public_key),
                    "label": it.label,
                }),
                Err(_) => Value::Null,
            }
        }
        RecordKind::KeyRevoked(envelope) => match wire::key_revocation(&Recorded(envelope)) {
            Ok(it) => json!({
                "principal": it.principal.to_string(),
                "keyid": it.keyid.to_string(),
                "reason": it.reason.word(),
            }),
            Err(_) => Value::Null,
        },
        RecordKind::MandatePublished(envelope) => match wire::mandate(&Recorded(envelope)) {
            Ok(it) => json!({ "auditor": it.auditor.as_str(), "withdrawn": it.withdrawn }),
            Err(_) => Value::Null,
        },
        RecordKind::HoldPlaced(envelope) => match wire::hold(&Recorded(envelope)) {
            Ok(it) => json!({
                "until": it.until.to_string(),
                "reason": it.reason,
                "warnings": it.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "agencies": it.agencies.iter().map(|agency| agency.as_str()).collect::<Vec<_>>(),
            }),
            Err(_) => Value::Null,
        },
        RecordKind::Accepted(accepted) => json!({
            "warning_digest": accepted.warning.digest().to_string(),
            "routed": accepted.routed.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "sealed": warning(&accepted.warning).map(|header| header.body.form == Form::Sealed),
        }),
        RecordKind::Rejected(rejected) => json!({
            "digest": rejected.digest.to_string(),
            "refused": rejected.code,
            "principal": rejected.principal.to_string(),
            "payload_type": rejected.payload_type,
            "id": rejected.id.to_string(),
            "keyid": rejected.keyid.to_string(),
        }),
        RecordKind::Routed(routed) => json!({
            "openings": routed.openings.iter().map(|opening| opening.address.clone()).collect::<Vec<_>>(),
            "resolved_by_directory_seq": routed.directory.seq,
            "wrap_digest": routed.wrap_digest.map(hex::encode),
        }),
        RecordKind::HandedOver(handed_over) => json!({
            "session_id": hex::encode(handed_over.session_id),
            "tls_keyid": handed_over.tls_keyid.to_string(),
            "unrecorded": handed_over.unrecorded,
        }),
        RecordKind::Erased(erased) => json!({
            "erased_record": erased.index,
            "retention_class": erased.bucket.class().word(),
            "rule_days": erased.days,
            "rule_day": erased.bucket.day(),
        }),
        RecordKind::Acknowledged(envelope) => match acknowledgement(envelope) {
            Some(said) => json!({
                "acknowledgement": said.kind.word(),
                "assessment": said.assessment.map(|it| it.word()),
                "missing": said.missing.iter().map(|it| it.word()).collect::<Vec<_>>(),
                "reason": said.reason.map(|it| it.word()),
                "until": said.until.map(|time| time.to_string()),
                "to": said.to.map(|to| to.to_string()),
                "text_sealed": said.text.map(|text| text.form == Form::Sealed),
            }),
            None => Value::Null,
        },
        RecordKind::StateEnrolled { .. }
        | RecordKind::RootSucceeded(_)
        | RecordKind::DesksPublished(_)
        | RecordKind::AgencySuspended(_)
        | RecordKind::AgencyReinstated(_)
        | RecordKind::Unknown => Value::Null,
    }
}

fn warning(envelope: &SignedEnvelope) -> Option<Warning> {
    wire::warning(&Recorded(envelope)).ok()
}

fn acknowledgement(envelope: &SignedEnvelope) -> Option<Acknowledgement> {
    wire::acknowledgement(&Recorded(envelope)).ok()
}

fn common(envelope: &SignedEnvelope) -> Option<Common> {
    wire::common(
        envelope.payload_type.parse::<PayloadKind>().ok()?,
        &envelope.payload,
    )
}

/// In whose name it was signed.
fn by(envelope: &SignedEnvelope) -> String {
    match common(envelope).as_ref().and_then(Common::named) {
        Some(signer) => format!("by {}", signer.principal),
        None => "by an unnamed signer".to_owned(),
    }
}

/// One envelope: what was signed, by whom and with which keys.
fn signed(envelope: &SignedEnvelope) -> Value {
    let common = common(envelope);
    let signer = common.as_ref().and_then(Common::named);
    json!({
        "payload_type": envelope.payload_type.as_str(),
        "digest": envelope.digest().to_string(),
        "id": common.as_ref().map(|common| common.id.to_string()),
        "sent_by_signer": common.as_ref().map(|common| common.sent.to_string()),
        "principal": signer.map(|signer| signer.principal.to_string()),
        "role": signer.map(|signer| signer.role.as_str()),
        "office": signer.map(|signer| signer.office.clone()),
        "seen_size": signer.and_then(|signer| signer.seen).map(|seen| seen.size),
        "keyids": envelope.signatures.iter().map(|it| it.keyid.to_string()).collect::<Vec<_>>(),
    })
}
