//! The header of a warning and the acknowledgement of one, from what is signed to the domain. What they must hold to
//! be *accepted* is the ledger's; here is whether they say anything at all.

use super::fields::{Within, invalid, missing, name};
use super::parse_common::{PartKind, extensions, parse_common, part_reference};
use super::payload::{Parsable, parse};
use super::walker::Fields;
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

fn parse_warning(warning: &Fields<'_>) -> Result<Warning, Refused> {
    use super::at::warning as at;
    Ok(Warning {
        common: warning.required(at::COMMON, parse_common)?,
        status: warning.word(at::STATUS, Status::from_number)?,
        warning_type: warning.word(at::TYPE, WarningType::from_number)?,
        precedence: warning.word(at::PRECEDENCE, Precedence::from_number)?,
        category: warning.word(at::CATEGORY, Category::from_number)?,
        expires: warning.optional_time(at::EXPIRES_UNIX_MS),
        deadlines: warning.optional(at::DEADLINES, deadlines)?,
        harm: warning.distinct_words(at::HARM, Harm::from_number)?,
        assertions: warning.optional(at::ASSERTIONS, assertions)?.unwrap_or_default(),
        specifics: warning.required(at::SPECIFICS, parse_specifics)?,
        handling: warning.required(at::HANDLING, parse_handling)?,
        territory: warning.optional_name(at::TERRITORY)?,
        victims_of: victims_of(&warning.texts(at::VICTIMS_OF)?)?,
        references: warning.all(at::REFERENCES, parse_reference)?,
        body: warning.required(at::BODY, |body| part_reference(body, PartKind::Body))?,
        reply_key: warning.optional(at::REPLY_KEY, parse_reply_key)?,
        audience: audience(warning.list_exactly(at::AUDIENCE)?)?,
        extensions: extensions(warning, at::EXTENSIONS)?,
        outcome: warning.optional_word(at::OUTCOME, Outcome::from_number)?,
    })
}

fn assertions(assertions: &Fields<'_>) -> Result<Assertions, Refused> {
    use super::at::assertions as at;
    Ok(Assertions {
        credible: assertions.flag(at::CREDIBLE),
        specific: assertions.flag(at::SPECIFIC),
        impending: assertions.flag(at::IMPENDING),
    })
}

pub(super) fn deadlines(deadlines: &Fields<'_>) -> Result<Deadlines, Refused> {
    use super::at::deadlines as at;
    Ok(Deadlines {
        received_ms: deadlines.int(at::RECEIVED_MS),
        opened_ms: deadlines.int(at::OPENED_MS),
        answered_ms: deadlines.int(at::ANSWERED_MS),
    })
}

fn parse_specifics(specifics: &Fields<'_>) -> Result<Specifics, Refused> {
    use super::at::specifics as at;
    let known = |at| specifics.word(at, Known::from_number);
    Ok(Specifics {
        place: known(at::PLACE)?,
        time: known(at::TIME)?,
        method: known(at::METHOD)?,
        target: known(at::TARGET)?,
        perpetrator: known(at::PERPETRATOR)?,
    })
}

fn parse_handling(handling: &Fields<'_>) -> Result<Handling, Refused> {
    use super::at::handling as at;
    Ok(Handling {
        tlp: handling.word(at::TLP, Tlp::from_number)?,
        onward: handling.word(at::ONWARD, Onward::from_number)?,
        notify_victim: handling.word(at::NOTIFY_VICTIM, NotifyVictim::from_number)?,
        personal_data: handling.flag(at::PERSONAL_DATA),
        attribution: handling.word(at::ATTRIBUTION, Attribution::from_number)?,
    })
}

fn victims_of(codes: &[&str]) -> Result<Vec<Country>, Refused> {
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

fn parse_reference(reference: &Fields<'_>) -> Result<Reference, Refused> {
    use super::at::reference as at;
    Ok(Reference {
        id: reference.payload_id(at::ID)?,
        digest: Digest(reference.exactly(at::DIGEST)?),
    })
}

fn parse_reply_key(reply_key: &Fields<'_>) -> Result<ReplyKey, Refused> {
    use super::at::reply_key as at;
    let key = reply_key.slice(at::KEY);
    if key.is_empty() {
        return Err(missing("key"));
    }
    if key.len() > limits::PUBLIC_KEY_BYTES_MAX {
        return Err(invalid("key", "the key is too long"));
    }
    Ok(ReplyKey {
        suite: reply_key.uint32(at::SUITE),
        key: key.to_vec(),
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

fn parse_acknowledgement(acknowledgement: &Fields<'_>) -> Result<Acknowledgement, Refused> {
    use super::at::acknowledgement as at;
    Ok(Acknowledgement {
        common: acknowledgement.required(at::COMMON, parse_common)?,
        warning_id: acknowledgement.payload_id(at::WARNING_ID)?,
        warning_digest: Digest(acknowledgement.exactly(at::WARNING_DIGEST)?),
        kind: acknowledgement.word(at::KIND, AcknowledgementKind::from_number)?,
        assessment: acknowledgement.optional_word(at::ASSESSMENT, Assessment::from_number)?,
        missing: acknowledgement.distinct_words(at::MISSING, Specific::from_number)?,
        reason: acknowledgement.optional_word(at::REASON, RefusalReason::from_number)?,
        until: acknowledgement.optional_time(at::UNTIL_UNIX_MS),
        to: acknowledgement.optional_name(at::TO)?,
        text: acknowledgement.optional(at::TEXT, |text| part_reference(text, PartKind::Text))?,
        extensions: extensions(acknowledgement, at::EXTENSIONS)?,
    })
}
