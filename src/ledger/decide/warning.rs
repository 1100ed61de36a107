//! The acceptance of a warning, and its routing.

use std::collections::BTreeSet;

use super::{Context, Stop, refuse};
use crate::domain::{
    Accepted, AgencyId, AgencyKind, Attribution, Form, InboxOpening, Precedence, RecordKind, ReplyKey,
    Routed, SignedBy, Status, ThreadLink, Warning, WarningType,
};
use crate::error::{ErrorCode, Refused};
use crate::ledger::admit::{Admitted, SentWarning, SentWraps};
use crate::ledger::command::{Decision, NewPart};
use crate::ledger::directory::Directory;
use crate::ledger::resolve::Recipient;
use crate::ledger::rules;
use crate::limits;
use crate::seal::{SealPublicKey, inbox_commitment, wrap_digest};
use crate::time::Timestamp;

/// `ACCEPTED`, then a `ROUTED` for each recipient, sorted by desk.
pub(super) fn accept(context: &mut Context<'_>, admitted: &Admitted<SentWarning>) -> Result<Decision, Stop> {
    context.fresh_and_valid(admitted)?;
    let id = &admitted.id_key().id;
    if !context.facts.warnings_with_id(id)?.is_empty() {
        // People name a warning by its id: nobody may make another's id mean a warning of their own.
        return Err(Stop::Refused(Refused::new(
            ErrorCode::IdReused,
            format!("the id {id} is another warning's"),
        )));
    }
    let SentWarning {
        header,
        audience,
        body,
        wraps,
    } = admitted.content();
    // First of all: somebody holds what contradicts this log, whatever else is wrong with the warning.
    // (An unnamed sender has seen nothing that could be checked, and is refused by name below.)
    if header.common.named().is_some() {
        context.check_common(admitted)?;
    }
    header_rules(context.directory, context.time, header)?;
    check_answer(context, header)?;
    let recipients = context.directory.recipients(audience.openings())?;
    let Some(position) = context.directory.position() else {
        return refuse(ErrorCode::WrongOrigin, "this log has no genesis yet");
    };
    check_wraps(header, &recipients, wraps)?;
    let warning = admitted.digest();
    let mut routed = Vec::with_capacity(recipients.len().saturating_add(1));
    for recipient in recipients {
        let number = context.facts.inbox_count(&recipient.desk)?.saturating_add(1);
        let salt = context.nonces.salt()?;
        let wrapped = wraps.recipients.get(recipient.desk.agency()).cloned();
        let kind = RecordKind::Routed(Routed {
            warning,
            desk: recipient.desk.clone(),
            openings: recipient.openings,
            directory: position,
            inbox_commitment: inbox_commitment(&salt, number, &recipient.desk.to_string()),
            wrap_digest: wrapped.as_deref().map(wrap_digest),
        });
        let link = ThreadLink {
            warning,
            desk: recipient.desk,
            seq: 0,
            prev: None,
        };
        let mut parts = vec![NewPart::Inbox(InboxOpening { number, salt })];
        parts.extend(wrapped.map(NewPart::Wrap));
        routed.push(context.new_record(Some(link), None, kind, parts)?);
    }
    let accepted = RecordKind::Accepted(Accepted {
        warning: admitted.envelope().clone(),
        openings: audience.openings().to_vec(),
        routed: routed.iter().map(|record| record.leaf).collect(),
    });
    let mut parts = vec![NewPart::Body(body.clone())];
    parts.extend(wraps.originator.clone().map(NewPart::Wrap));
    let accepted = context.new_record(None, None, accepted, parts)?;
    routed.insert(0, accepted);
    Ok(Decision::Append {
        records: routed,
        digest: Some(warning),
    })
}

/// A sealed body's key is wrapped for each agency that the warning goes to, for no other, and for the originator. Whoever has
/// resolved the addresses otherwise is told the agencies, and may send the same signed bytes with other wraps.
fn check_wraps(header: &Warning, recipients: &[Recipient], wraps: &SentWraps) -> Result<(), Refused> {
    if header.body.form == Form::Clear {
        return Ok(());
    }
    let agencies: BTreeSet<&AgencyId> = recipients.iter().map(|it| it.desk.agency()).collect();
    if wraps.originator.is_some() && wraps.recipients.keys().eq(agencies.iter().copied()) {
        return Ok(());
    }
    let sentence =
        "the body's key is wrapped for the originator and for each agency that the warning goes to";
    let mut refused = Refused::new(ErrorCode::WrapsMismatch, sentence).about("wraps");
    refused.near = agencies.iter().map(ToString::to_string).collect();
    Err(refused)
}

/// What a header must hold to be accepted at `time`; all of the rules that need no past but the directory, so that an
/// auditor holds the relay to them too.
pub(in crate::ledger) fn header_rules(
    directory: &Directory,
    time: Timestamp,
    header: &Warning,
) -> Result<(), Refused> {
    let refused = |code, sentence: &str, field: &str| Err(Refused::new(code, sentence).about(field));
    supported(header)?;
    rules::no_critical_extension(&header.extensions)?;
    let agency = originator(header)?;
    let Some(entry) = directory.agency(agency) else {
        return refused(
            ErrorCode::UnknownSigner,
            "the signer is not enrolled",
            "common.signer.principal",
        );
    };
    match entry.kind {
        AgencyKind::Agency => {}
        AgencyKind::Auditor => {
            return refused(
                ErrorCode::PermissionDenied,
                "an auditor sends no warnings",
                "common.signer.principal",
            );
        }
    }
    if entry.suspended && stopped_by_suspension(header.warning_type) {
        return Err(Refused::new(
            ErrorCode::Suspended,
            format!("the submissions of {agency} are suspended"),
        ));
    }
    rules::desk_of_signer(directory, &header.common)?;
    rules::body_form(&header.body)?;
    expiry(header, time)?;
    type_rules(header)
}

/// The rules of a header that need no directory, as a sender can ask them before signing: what is refused here will be
/// refused at `time`, whoever signs.
pub fn offline_rules(header: &Warning, time: Timestamp) -> Result<(), Refused> {
    supported(header)?;
    rules::no_critical_extension(&header.extensions)?;
    rules::body_form(&header.body)?;
    expiry(header, time)?;
    type_rules(header)
}

fn type_rules(header: &Warning) -> Result<(), Refused> {
    match header.warning_type {
        WarningType::Alert if header.status == Status::Actual => asserted(header),
        WarningType::Notice => notice(header),
        WarningType::Alert
        | WarningType::Update
        | WarningType::Cancel
        | WarningType::Extend
        | WarningType::Question
        | WarningType::Answer
        | WarningType::Outcome => Ok(()),
    }
}

/// The agency that signed.
pub(super) fn originator(header: &Warning) -> Result<&AgencyId, Refused> {
    let principal = header.common.named().map(|signer| &signer.principal);
    principal.and_then(|principal| principal.agency()).ok_or_else(|| {
        Refused::new(ErrorCode::PermissionDenied, "only an agency sends warnings")
            .about("common.signer.principal")
    })
}

/// A suspended agency still withdraws, extends, answers and closes what it has sent.
const fn stopped_by_suspension(kind: WarningType) -> bool {
    match kind {
        WarningType::Alert | WarningType::Update | WarningType::Notice | WarningType::Question => true,
        WarningType::Cancel | WarningType::Extend | WarningType::Answer | WarningType::Outcome => false,
    }
}

/// What has its place on the wire and no meaning yet is refused by name (docs/decisions/0003).
fn supported(header: &Warning) -> Result<(), Refused> {
    let unsupported = |what: &str, field: &str| {
        let sentence = format!("{what} is not supported yet");
        Err(Refused::new(ErrorCode::Unsupported, sentence).about(field))
    };
    match header.warning_type {
        WarningType::Alert | WarningType::Notice | WarningType::Question | WarningType::Answer => {}
        kind @ (WarningType::Update | WarningType::Cancel | WarningType::Extend | WarningType::Outcome) => {
            return unsupported(kind.word(), "type");
        }
    }
    match header.handling.attribution {
        Attribution::Named => {}
        Attribution::ViaRelay => return unsupported("VIA_RELAY", "handling.attribution"),
    }
    if matches!(header.common.signer, SignedBy::Committed(_)) {
        return unsupported("an unnamed sender", "common.signer_commitment");
    }
    if header.deadlines.is_some() {
        return unsupported("a sender's deadline", "deadlines");
    }
    match (&header.reply_key, header.body.form) {
        (None, Form::Clear) => {}
        (Some(_), Form::Clear) => return unsupported("a reply key beside a body in clear", "reply_key"),
        (None, Form::Sealed) => {
            let sentence = "answers to a sealed warning are sealed to a key of its header";
            return Err(Refused::new(ErrorCode::MissingField, sentence).about("reply_key"));
        }
        (Some(reply), Form::Sealed) => reply_key(reply)?,
    }
    if header.outcome.is_some() {
        return unsupported("an outcome", "outcome");
    }
    Ok(())
}

fn reply_key(reply: &ReplyKey) -> Result<(), Refused> {
    let suite = rules::suite(reply.suite).ok_or_else(|| {
        Refused::new(ErrorCode::InvalidValue, "there is no such suite").about("reply_key.suite")
    })?;
    SealPublicKey::of(suite, &reply.key)
        .map(drop)
        .map_err(|bad| Refused::new(ErrorCode::InvalidValue, bad.to_string()).about("reply_key.key"))
}

fn expiry(header: &Warning, time: Timestamp) -> Result<(), Refused> {
    let refused = |code, sentence: &str| Err(Refused::new(code, sentence).about("expires"));
    let Some(expires) = header.expires else {
        return refused(ErrorCode::ExpiresMissing, "a warning says when it expires");
    };
    if expires <= header.common.sent {
        return refused(
            ErrorCode::ExpiresBeforeSent,
            "the warning expires before it was sent",
        );
    }
    if expires.ms_since(header.common.sent) > limits::LIFETIME_MS_MAX {
        return refused(
            ErrorCode::InvalidValue,
            "the warning expires more than a year after it was sent",
        );
    }
    if expires <= time {
        return refused(ErrorCode::Expired, "the warning has expired");
    }
    Ok(())
}

fn asserted(header: &Warning) -> Result<(), Refused> {
    let refused =
        |sentence: &str, field: &str| Err(Refused::new(ErrorCode::HarmNotAsserted, sentence).about(field));
    if header.harm.is_empty() {
        return refused("an ACTUAL ALERT names the harm that is foreseen", "harm");
    }
    let asserted = header.assertions;
    if !(asserted.credible && asserted.specific && asserted.impending) {
        return refused(
            "an ACTUAL ALERT is asserted to be credible, specific and impending",
            "assertions",
        );
    }
    Ok(())
}

fn notice(header: &Warning) -> Result<(), Refused> {
    let refused =
        |sentence: &str, field: &str| Err(Refused::new(ErrorCode::InvalidValue, sentence).about(field));
    match header.precedence {
        Precedence::Priority | Precedence::Routine => {}
        Precedence::Flash | Precedence::Immediate => {
            return refused("a NOTICE has precedence PRIORITY at most", "precedence");
        }
    }
    let asserted = header.assertions;
    if !header.harm.is_empty() {
        return refused("a NOTICE asserts no harm", "harm");
    }
    if asserted.credible || asserted.specific || asserted.impending {
        return refused("a NOTICE asserts nothing", "assertions");
    }
    Ok(())
}

/// An ANSWER refers to a QUESTION that was routed to a desk of its signer.
fn check_answer(context: &Context<'_>, header: &Warning) -> Result<(), Stop> {
    if header.warning_type != WarningType::Answer {
        return Ok(());
    }
    let agency = originator(header)?;
    for reference in &header.references {
        let question = context.facts.warning(&reference.digest)?;
        if question.is_none_or(|q| q.warning_type != WarningType::Question || q.id != reference.id) {
            continue;
        }
        if context
            .facts
            .desks(&reference.digest)?
            .iter()
            .any(|desk| desk.agency() == agency)
        {
            return Ok(());
        }
    }
    let sentence = "an ANSWER refers to a QUESTION that its signer received";
    Err(Refused::new(ErrorCode::InvalidAnswer, sentence)
        .about("references")
        .into())
}
