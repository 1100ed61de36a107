//! The header of a warning and the acknowledgement of one, from what is signed to the domain. What they must hold to
//! be *accepted* is the ledger's; here is whether they say anything at all.

use super::fields::{
    Within, distinct_words, exactly, invalid, list_exactly, missing, name, optional_name, optional_time,
    optional_word, payload_id, required, word,
};
use super::parse_common::{PartKind, common_of, extensions, part_reference};
use super::payload::{Parsable, parse};
use super::v1;
use crate::domain::{
    Acknowledgement, AcknowledgementKind, Assertions, Assessment, Attribution, Category, Country, Deadlines,
    Digest, Handling, Harm, Known, NotifyVictim, Onward, Outcome, Precedence, Reference, RefusalReason,
    ReplyKey, Specific, Specifics, Status, Tlp, Warning, WarningType,
};
use crate::error::{ErrorCode, Refused};
use crate::limits;
use crate::seal::PayloadKind;

/// The header of a warning.
pub fn warning(source: &impl Parsable) -> Result<Warning, Refused> {
    parse(source, PayloadKind::Warning, parse_warning)
}

/// An acknowledgement.
pub fn acknowledgement(source: &impl Parsable) -> Result<Acknowledgement, Refused> {
    parse(source, PayloadKind::Acknowledgement, parse_acknowledgement)
}

fn parse_warning(message: v1::Warning) -> Result<Warning, Refused> {
    let specifics = required(message.specifics, "specifics")?;
    let handling = required(message.handling, "handling")?;
    let body = required(message.body, "body")?;
    let references = message.references.into_iter().enumerate();
    Ok(Warning {
        common: common_of(message.common)?,
        status: word(message.status, "status", Status::from_number)?,
        warning_type: word(message.r#type, "type", WarningType::from_number)?,
        precedence: word(message.precedence, "precedence", Precedence::from_number)?,
        category: word(message.category, "category", Category::from_number)?,
        expires: optional_time(message.expires_unix_ms),
        deadlines: message.deadlines.map(deadlines),
        harm: distinct_words(&message.harm, "harm", Harm::from_number)?,
        assertions: message.assertions.map(assertions).unwrap_or_default(),
        specifics: parse_specifics(specifics).within("specifics")?,
        handling: parse_handling(handling).within("handling")?,
        territory: optional_name(&message.territory, "territory")?,
        victims_of: victims_of(&message.victims_of)?,
        references: references
            .map(|(index, reference)| parse_reference(reference).within_entry("references", index))
            .collect::<Result<_, _>>()?,
        body: part_reference(body, PartKind::Body).within("body")?,
        reply_key: message
            .reply_key
            .map(parse_reply_key)
            .transpose()
            .within("reply_key")?,
        audience: audience(list_exactly(&message.audience, "audience")?)?,
        extensions: extensions(message.extensions)?,
        outcome: optional_word(message.outcome, "outcome", Outcome::from_number)?,
    })
}

fn assertions(message: v1::Assertions) -> Assertions {
    Assertions {
        credible: message.credible,
        specific: message.specific,
        impending: message.impending,
    }
}

pub(super) fn deadlines(message: v1::Deadlines) -> Deadlines {
    Deadlines {
        received_ms: message.received_ms,
        opened_ms: message.opened_ms,
        answered_ms: message.answered_ms,
    }
}

fn parse_specifics(message: v1::Specifics) -> Result<Specifics, Refused> {
    let known = |number, field| word(number, field, Known::from_number);
    Ok(Specifics {
        place: known(message.place, "place")?,
        time: known(message.time, "time")?,
        method: known(message.method, "method")?,
        target: known(message.target, "target")?,
        perpetrator: known(message.perpetrator, "perpetrator")?,
    })
}

fn parse_handling(message: v1::Handling) -> Result<Handling, Refused> {
    Ok(Handling {
        tlp: word(message.tlp, "tlp", Tlp::from_number)?,
        onward: word(message.onward, "onward", Onward::from_number)?,
        notify_victim: word(message.notify_victim, "notify_victim", NotifyVictim::from_number)?,
        personal_data: message.personal_data,
        attribution: word(message.attribution, "attribution", Attribution::from_number)?,
    })
}

fn victims_of(codes: &[String]) -> Result<Vec<Country>, Refused> {
    let mut countries: Vec<Country> = Vec::with_capacity(codes.len());
    for (index, code) in codes.iter().enumerate() {
        let country: Country = name(code, "").within_entry("victims_of", index)?;
        if countries.last().is_some_and(|last| *last >= country) {
            let refused = invalid("", "the list is not sorted, or an entry stands twice");
            return Err(refused).within_entry("victims_of", index);
        }
        countries.push(country);
    }
    Ok(countries)
}

fn parse_reference(message: v1::Reference) -> Result<Reference, Refused> {
    Ok(Reference {
        id: payload_id(&message.id, "id")?,
        digest: Digest(exactly(&message.digest, "digest")?),
    })
}

fn parse_reply_key(message: v1::ReplyKey) -> Result<ReplyKey, Refused> {
    if message.key.is_empty() {
        return Err(missing("key"));
    }
    if message.key.len() > limits::PUBLIC_KEY_BYTES_MAX {
        return Err(invalid("key", "the key is too long"));
    }
    Ok(ReplyKey {
        suite: message.suite,
        key: message.key.into(),
    })
}

/// Strictly sorted and padded; what the entries say is only known with their openings.
fn audience(entries: Vec<[u8; 32]>) -> Result<Vec<[u8; 32]>, Refused> {
    if entries.is_empty() {
        return Err(missing("audience"));
    }
    for (index, (below, above)) in entries.iter().zip(entries.iter().skip(1)).enumerate() {
        let (code, sentence) = match below.cmp(above) {
            std::cmp::Ordering::Less => continue,
            std::cmp::Ordering::Equal => (ErrorCode::AudienceRepeated, "the entry stands twice"),
            std::cmp::Ordering::Greater => (ErrorCode::AudienceMismatch, "the entries are not sorted"),
        };
        return Err(Refused::new(code, sentence)).within_entry("audience", index + 1);
    }
    if !limits::AUDIENCE_SIZES.contains(&entries.len()) {
        let sentence = "the audience is not padded to 8, 64 or 256 entries";
        return Err(Refused::new(ErrorCode::AudienceMismatch, sentence).about("audience"));
    }
    Ok(entries)
}

fn parse_acknowledgement(message: v1::Acknowledgement) -> Result<Acknowledgement, Refused> {
    Ok(Acknowledgement {
        common: common_of(message.common)?,
        warning_id: payload_id(&message.warning_id, "warning_id")?,
        warning_digest: Digest(exactly(&message.warning_digest, "warning_digest")?),
        kind: word(message.kind, "kind", AcknowledgementKind::from_number)?,
        assessment: optional_word(message.assessment, "assessment", Assessment::from_number)?,
        missing: distinct_words(&message.missing, "missing", Specific::from_number)?,
        reason: optional_word(message.reason, "reason", RefusalReason::from_number)?,
        until: optional_time(message.until_unix_ms),
        to: optional_name(&message.to, "to")?,
        text: message
            .text
            .map(|text| part_reference(text, PartKind::Text))
            .transpose()
            .within("text")?,
        extensions: extensions(message.extensions)?,
    })
}
