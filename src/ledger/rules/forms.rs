//! How what is signed names a detached part: a body, or an answer's text. Rules that need neither the past nor the part itself, so
//! that the relay, an auditor and whoever checks a bundle hold a signer to the same.

use crate::domain::{Form, PartReference};
use crate::error::{ErrorCode, Refused};
use crate::limits;
use crate::seal::{SEALED_BODY_SUITE, SealSuite, is_sealed_body_length, is_sealed_text_length};

/// What a header says of its body.
pub(in crate::ledger) fn body_form(body: &PartReference) -> Result<(), Refused> {
    match body.form {
        Form::Clear => clear(body, "body", limits::BODY_BYTES_MAX, ErrorCode::BodyTooLarge),
        Form::Sealed if body.suite != SEALED_BODY_SUITE => invalid("there is no such suite", "body.suite"),
        Form::Sealed if body.plaintext_commitment.is_none() => invalid(
            "a sealed body has a commitment to its plaintext",
            "body.plaintext_commitment",
        ),
        Form::Sealed if !length(body).is_some_and(is_sealed_body_length) => {
            invalid("no sealed body has this length", "body.length")
        }
        Form::Sealed => Ok(()),
    }
}

/// What an answer says of its text.
pub(in crate::ledger) fn text_form(text: &PartReference) -> Result<(), Refused> {
    match text.form {
        Form::Clear => clear(text, "text", limits::TEXT_BYTES_MAX, ErrorCode::TextTooLarge),
        Form::Sealed if text.plaintext_commitment.is_none() => {
            invalid("a sealed text has a commitment to its plaintext", "text")
        }
        Form::Sealed => match suite(text.suite) {
            None => invalid("there is no such suite", "text.suite"),
            Some(suite) if length(text).is_some_and(|it| is_sealed_text_length(suite, it)) => Ok(()),
            Some(_) => invalid("no sealed text has this length", "text.length"),
        },
    }
}

/// The text of an answer has the form that its warning asks for: sealed to the reply key of a sealed one, in clear to one in clear.
/// `asked`: the suite of that key.
pub(in crate::ledger) fn text_answers(asked: Option<SealSuite>, text: &PartReference) -> Result<(), Refused> {
    let sentence = match (asked, text.form) {
        (None, Form::Clear) => return Ok(()),
        (Some(asked), Form::Sealed) if suite(text.suite) == Some(asked) => return Ok(()),
        (None, Form::Sealed) => "the text is sealed, and the warning is in clear",
        (Some(_), Form::Clear) => "the warning is sealed, and the text is in clear",
        (Some(_), Form::Sealed) => "the text is sealed by another suite than the reply key's",
    };
    Err(Refused::new(ErrorCode::InvalidAnswer, sentence).about("text"))
}

/// A suite by the number that a payload gives it.
pub(in crate::ledger) fn suite(number: u32) -> Option<SealSuite> {
    u8::try_from(number).ok().and_then(SealSuite::from_byte)
}

fn clear(
    part: &PartReference,
    name: &'static str,
    bytes_max: usize,
    too_large: ErrorCode,
) -> Result<(), Refused> {
    if part.suite != 0 || part.plaintext_commitment.is_some() {
        let sentence = format!("a clear {name} has no suite and no plaintext commitment");
        return Err(Refused::new(ErrorCode::InvalidValue, sentence).about(name));
    }
    match length(part) {
        Some(bytes) if bytes <= bytes_max => Ok(()),
        Some(_) | None => {
            let sentence = format!("the {name} has {} bytes, more than {bytes_max}", part.length);
            Err(Refused::new(too_large, sentence).about(name))
        }
    }
}

fn length(part: &PartReference) -> Option<usize> {
    usize::try_from(part.length).ok()
}

fn invalid(sentence: &str, field: &str) -> Result<(), Refused> {
    Err(Refused::new(ErrorCode::InvalidValue, sentence.to_owned()).about(field))
}
