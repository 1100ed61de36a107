//! The recording of an acknowledgement: whose it may be, and what each kind needs.
//!
//! Acknowledgements pass when their agency is suspended and after the warning has expired: what was known and answered
//! late is still to be on the record. Late lower evidence is recorded and changes no step.

use super::{Context, Stop, refuse};
use crate::domain::{
    Acknowledgement, AcknowledgementKind, AgencyId, Assessment, DeskAddress, RecordKind, RefusalReason,
    ThreadLink,
};
use crate::error::{ErrorCode, Refused};
use crate::ledger::admit::{Admitted, SentAcknowledgement};
use crate::ledger::command::{Decision, Existing, NewPart};
use crate::ledger::facts::{AcceptanceFact, ThreadFact, ThreadKey};
use crate::ledger::rules;
use crate::limits;

pub(super) fn record(
    context: &mut Context<'_>,
    admitted: &Admitted<SentAcknowledgement>,
) -> Result<Decision, Stop> {
    context.fresh_and_valid(admitted)?;
    let SentAcknowledgement {
        acknowledgement,
        text,
    } = admitted.content();
    let (agency, desk) = desk(acknowledgement)?;
    context.check_common(admitted)?;
    let key = ThreadKey {
        warning: acknowledgement.warning_digest,
        desk,
    };
    let thread = thread(context, agency, acknowledgement, &key)?;
    kind_rules(acknowledgement)?;
    if let Some(acceptance) = &thread.acceptance {
        answers(acceptance, acknowledgement)?;
    }
    if acknowledgement.kind == AcknowledgementKind::Received
        && let Some((index, digest)) = thread.received
    {
        // Every session of a desk stores what it was handed; the first of them settles it.
        return Err(Stop::Existing(Existing {
            index,
            records: 1,
            digest,
            rejected: None,
        }));
    }
    if thread.acknowledgements >= limits::ACKNOWLEDGEMENTS_PER_THREAD_MAX {
        return refuse(
            ErrorCode::AcknowledgementsExhausted,
            format!("{} acknowledgements are recorded", thread.acknowledgements),
        );
    }
    let link = ThreadLink {
        warning: key.warning,
        desk: key.desk,
        seq: thread.seq.saturating_add(1),
        prev: Some(thread.prev),
    };
    let parts = text.iter().cloned().map(NewPart::Text).collect();
    let kind = RecordKind::Acknowledged(admitted.envelope().clone());
    let record = context.new_record(Some(link), None, kind, parts)?;
    Ok(Decision::Append {
        records: vec![record],
        digest: Some(admitted.digest()),
    })
}

/// The agency that signed, and the desk that it signed for.
fn desk(acknowledgement: &Acknowledgement) -> Result<(&AgencyId, DeskAddress), Refused> {
    let signer = acknowledgement.common.named().ok_or_else(|| {
        Refused::new(ErrorCode::Unsupported, "an acknowledgement names its signer")
            .about("common.signer_commitment")
    })?;
    let agency = signer.principal.agency().ok_or_else(|| {
        Refused::new(ErrorCode::NotYours, "only an agency acknowledges").about("common.signer.principal")
    })?;
    Ok((agency, rules::desk_or_duty(signer, agency)))
}

/// The thread that is acknowledged. Who has none learns only of warnings that are its own.
fn thread(
    context: &Context<'_>,
    agency: &AgencyId,
    acknowledgement: &Acknowledgement,
    key: &ThreadKey,
) -> Result<ThreadFact, Stop> {
    let mismatch = || {
        let sentence = "the warning of this id has another digest";
        Stop::Refused(Refused::new(ErrorCode::DigestMismatch, sentence).about("warning_digest"))
    };
    if key.desk.agency() == agency
        && let Some(thread) = context.facts.thread(key)?
    {
        let warning = context.facts.warning(&key.warning)?;
        return match warning {
            Some(warning) if warning.id == acknowledgement.warning_id => Ok(thread),
            Some(_) | None => Err(mismatch()),
        };
    }
    for digest in context.facts.warnings_with_id(&acknowledgement.warning_id)? {
        let other = ThreadKey {
            warning: digest,
            desk: key.desk.clone(),
        };
        if key.desk.agency() == agency && digest != key.warning && context.facts.thread(&other)?.is_some() {
            return Err(mismatch());
        }
    }
    refuse(
        ErrorCode::NotYours,
        format!("no such warning was routed to {}", key.desk),
    )
}

/// An answer is of its warning's form.
fn answers(acceptance: &AcceptanceFact, acknowledgement: &Acknowledgement) -> Result<(), Refused> {
    // Earlier versions recorded this one: it is refused, and held against no log.
    if acceptance.sealed.is_none() && acknowledgement.reason == Some(RefusalReason::Unreadable) {
        let sentence = "the warning is in clear: there is nothing that could not be opened";
        return Err(Refused::new(ErrorCode::InvalidAnswer, sentence).about("reason"));
    }
    match &acknowledgement.text {
        Some(text) => rules::text_answers(acceptance.sealed, text),
        None => Ok(()),
    }
}

/// What each kind needs and may have: all rules that need no past.
pub(in crate::ledger) fn kind_rules(acknowledgement: &Acknowledgement) -> Result<(), Refused> {
    use AcknowledgementKind as Kind;
    let kind = acknowledgement.kind;
    let invalid =
        |sentence: String, field: &str| Err(Refused::new(ErrorCode::InvalidAnswer, sentence).about(field));
    rules::no_critical_extension(&acknowledgement.extensions)?;
    if kind == Kind::Received && acknowledgement.text.is_some() {
        return invalid("a machine's RECEIVED has no text".to_owned(), "text");
    }
    if let Some(text) = &acknowledgement.text {
        rules::text_form(text)?;
    }
    if acknowledgement.assessment.is_some() && !kind.is_answer() {
        return invalid(format!("{kind} carries no assessment"), "assessment");
    }
    if !acknowledgement.missing.is_empty() && acknowledgement.assessment != Some(Assessment::TooVague) {
        return invalid("only TOO_VAGUE says what is missing".to_owned(), "missing");
    }
    match (kind, acknowledgement.reason) {
        (Kind::Refused, None) => return invalid("REFUSED gives its reason".to_owned(), "reason"),
        (Kind::Refused, Some(_)) | (_, None) => {}
        (_, Some(_)) => return invalid(format!("{kind} has no reason"), "reason"),
    }
    if acknowledgement.to.is_some() && kind != Kind::Misdirected {
        return invalid(format!("{kind} names no other address"), "to");
    }
    let sent = acknowledgement.common.sent;
    match (kind, acknowledgement.until) {
        (Kind::Deferred, None) => invalid("DEFERRED says until when".to_owned(), "until"),
        (Kind::Deferred, Some(until)) if until <= sent => {
            invalid("DEFERRED is until a time after it was signed".to_owned(), "until")
        }
        (Kind::Deferred, Some(until)) if until.ms_since(sent) > limits::LIFETIME_MS_MAX => {
            invalid("DEFERRED is for a year at most".to_owned(), "until")
        }
        (Kind::Deferred, Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => invalid(format!("{kind} has no time until when"), "until"),
    }
}
