//! The detached parts: the body of a warning and the text of an acknowledgement. Their bytes are named by a digest in
//! what is signed, so they are walked as strictly; their words are checked before any display sees them.

use bytes::Bytes;

use super::fields::{Within, invalid, name, optional_time, repeated, word};
use super::payload::strict;
use super::text_rules::{self, Lines, checked, circle, polygon, without_links};
use super::v1;
use crate::domain::{Area, Body, Certainty, ContentBlock, Language, Severity, Text, Urgency};
use crate::error::{ErrorCode, Refused};
use crate::limits;

/// A clear body.
pub fn body(bytes: &[u8]) -> Result<Body, Refused> {
    within_size(bytes, limits::BODY_BYTES_MAX, ErrorCode::BodyTooLarge)?;
    strict("Body", Bytes::copy_from_slice(bytes), parse_body)
}

/// A clear text.
pub fn text(bytes: &[u8]) -> Result<Text, Refused> {
    within_size(bytes, limits::TEXT_BYTES_MAX, ErrorCode::TextTooLarge)?;
    strict("Text", Bytes::copy_from_slice(bytes), parse_text)
}

fn within_size(bytes: &[u8], bytes_max: usize, code: ErrorCode) -> Result<(), Refused> {
    if bytes.len() > bytes_max {
        return Err(Refused::new(code, format!("larger than {bytes_max} bytes")));
    }
    Ok(())
}

fn parse_body(message: v1::Body) -> Result<Body, Refused> {
    let authoritative = tag(&message.authoritative_language, "authoritative_language")?;
    let blocks = blocks(message.blocks)?;
    if !blocks.iter().any(|block| same(&block.language, &authoritative)) {
        return Err(invalid("authoritative_language", "no block is in this language"));
    }
    let (onset, onset_until) = (
        optional_time(message.onset_unix_ms),
        optional_time(message.onset_until_unix_ms),
    );
    if let (Some(onset), Some(until)) = (onset, onset_until)
        && until < onset
    {
        return Err(invalid(
            "onset_until_unix_ms",
            "the latest time is before the earliest",
        ));
    }
    Ok(Body {
        urgency: word(message.urgency, "urgency", Urgency::from_number)?,
        severity: word(message.severity, "severity", Severity::from_number)?,
        certainty: word(message.certainty, "certainty", Certainty::from_number)?,
        authoritative,
        blocks,
        area: message
            .area
            .map(parse_area)
            .transpose()
            .within("area")?
            .unwrap_or_default(),
        onset,
        onset_until,
    })
}

/// A language tag; what it is instead is not quoted, for it is part of a body.
fn tag(text: &str, field: &str) -> Result<Language, Refused> {
    name(text, field).map_err(|refused| match refused.code {
        ErrorCode::InvalidValue => invalid(field, "not a BCP 47 language tag"),
        _ => refused,
    })
}

/// Language tags are the same in any case (RFC 5646 §2.1.1).
fn same(a: &Language, b: &Language) -> bool {
    a.as_str().eq_ignore_ascii_case(b.as_str())
}

fn blocks(messages: Vec<v1::ContentBlock>) -> Result<Vec<ContentBlock>, Refused> {
    let mut blocks: Vec<ContentBlock> = Vec::with_capacity(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        let block = parse_block(message).within_entry("blocks", index)?;
        if blocks
            .iter()
            .any(|earlier| same(&earlier.language, &block.language))
        {
            return Err(repeated()).within_entry("blocks", index);
        }
        blocks.push(block);
    }
    Ok(blocks)
}

fn parse_block(message: v1::ContentBlock) -> Result<ContentBlock, Refused> {
    use limits::{DESCRIPTION_CHARS_MAX, HEADLINE_CHARS_MAX, PLACE_CHARS_MAX};
    let must = |text: &str, field, chars_max, lines| {
        without_links(text_rules::required(text, field, chars_max, lines)?, field)
    };
    let may =
        |text: &str, field, chars_max| without_links(checked(text, field, chars_max, Lines::Many)?, field);
    Ok(ContentBlock {
        language: tag(&message.language, "language")?,
        event: must(&message.event, "event", HEADLINE_CHARS_MAX, Lines::One)?,
        headline: must(&message.headline, "headline", HEADLINE_CHARS_MAX, Lines::One)?,
        description: must(
            &message.description,
            "description",
            DESCRIPTION_CHARS_MAX,
            Lines::Many,
        )?,
        instruction: may(&message.instruction, "instruction", DESCRIPTION_CHARS_MAX)?,
        area: may(&message.area, "area", PLACE_CHARS_MAX)?,
        target: may(&message.target, "target", PLACE_CHARS_MAX)?,
    })
}

fn parse_area(message: v1::Area) -> Result<Area, Refused> {
    for (index, text) in message.polygons.iter().enumerate() {
        polygon(text, "").within_entry("polygons", index)?;
    }
    for (index, text) in message.circles.iter().enumerate() {
        circle(text, "").within_entry("circles", index)?;
    }
    let geocodes = message.geocodes.iter().enumerate();
    Ok(Area {
        geocodes: geocodes
            .map(|(index, geocode)| parse_geocode(geocode).within_entry("geocodes", index))
            .collect::<Result<_, _>>()?,
        polygons: message.polygons,
        circles: message.circles,
    })
}

fn parse_geocode(message: &v1::Geocode) -> Result<(String, String), Refused> {
    let code = |text: &str, field| {
        let text = text_rules::required(text, field, limits::NAME_CHARS_MAX, Lines::One)?;
        without_links(text, field)
    };
    Ok((code(&message.name, "name")?, code(&message.value, "value")?))
}

fn parse_text(message: v1::Text) -> Result<Text, Refused> {
    let text = text_rules::required(&message.text, "text", limits::TEXT_BYTES_MAX, Lines::Many)?;
    Ok(Text {
        language: tag(&message.language, "language")?,
        text: without_links(text, "text")?,
    })
}
