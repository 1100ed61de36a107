//! The detached parts: the body of a warning and the text of an acknowledgement. Their bytes are named by a digest in
//! what is signed, so they are walked as strictly; their words are checked before any display sees them.

use bytes::Bytes;

use super::fields::{Within, invalid, name, repeated};
use super::reader::At;
use super::schema::Root;
use super::text_rules::{self, Lines, checked, circle, polygon, without_links};
use super::walker::{Fields, Of, read};
use crate::domain::{Area, Body, Certainty, ContentBlock, Language, Severity, Text, Urgency};
use crate::error::{ErrorCode, Refused};
use crate::limits;

/// A clear body.
pub fn body(bytes: &[u8]) -> Result<Body, Refused> {
    within_size(bytes, limits::BODY_BYTES_MAX, ErrorCode::BodyTooLarge)?;
    read(Of::Signed, Root::Body, Bytes::copy_from_slice(bytes), parse_body)
}

/// A clear text.
pub fn text(bytes: &[u8]) -> Result<Text, Refused> {
    within_size(bytes, limits::TEXT_BYTES_MAX, ErrorCode::TextTooLarge)?;
    read(Of::Signed, Root::Text, Bytes::copy_from_slice(bytes), parse_text)
}

fn within_size(bytes: &[u8], bytes_max: usize, code: ErrorCode) -> Result<(), Refused> {
    if bytes.len() > bytes_max {
        return Err(Refused::new(code, format!("larger than {bytes_max} bytes")));
    }
    Ok(())
}

fn parse_body(body: &Fields<'_>) -> Result<Body, Refused> {
    use super::at::body as at;
    let authoritative = tag(body.text(at::AUTHORITATIVE_LANGUAGE)?, "authoritative_language")?;
    let blocks = blocks(body)?;
    if !blocks.iter().any(|block| same(&block.language, &authoritative)) {
        return Err(invalid("authoritative_language", "no block is in this language"));
    }
    let (onset, onset_until) = (
        body.optional_time(at::ONSET_UNIX_MS),
        body.optional_time(at::ONSET_UNTIL_UNIX_MS),
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
        urgency: body.word(at::URGENCY, Urgency::from_number)?,
        severity: body.word(at::SEVERITY, Severity::from_number)?,
        certainty: body.word(at::CERTAINTY, Certainty::from_number)?,
        authoritative,
        blocks,
        area: body.optional(at::AREA, parse_area)?.unwrap_or_default(),
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

fn blocks(body: &Fields<'_>) -> Result<Vec<ContentBlock>, Refused> {
    use super::at::body as at;
    let mut blocks: Vec<ContentBlock> = Vec::new();
    for (index, bytes) in body.list(at::BLOCKS) {
        let block = body.entry(at::BLOCKS, (index, bytes), parse_block)?;
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

fn parse_block(block: &Fields<'_>) -> Result<ContentBlock, Refused> {
    use super::at::content_block as at;
    use limits::{DESCRIPTION_CHARS_MAX, HEADLINE_CHARS_MAX, PLACE_CHARS_MAX};
    let must = |at: At, chars_max, lines| {
        let text = text_rules::required(block.text(at)?, at.name, chars_max, lines)?;
        without_links(text, at.name)
    };
    let may = |at: At, chars_max| {
        let text = checked(block.text(at)?, at.name, chars_max, Lines::Many)?;
        without_links(text, at.name)
    };
    Ok(ContentBlock {
        language: tag(block.text(at::LANGUAGE)?, "language")?,
        event: must(at::EVENT, HEADLINE_CHARS_MAX, Lines::One)?,
        headline: must(at::HEADLINE, HEADLINE_CHARS_MAX, Lines::One)?,
        description: must(at::DESCRIPTION, DESCRIPTION_CHARS_MAX, Lines::Many)?,
        instruction: may(at::INSTRUCTION, DESCRIPTION_CHARS_MAX)?,
        area: may(at::AREA, PLACE_CHARS_MAX)?,
        target: may(at::TARGET, PLACE_CHARS_MAX)?,
    })
}

fn parse_area(area: &Fields<'_>) -> Result<Area, Refused> {
    use super::at::area as at;
    let texts = |at: At, check: fn(&str, &str) -> Result<(), Refused>| {
        let texts = area.texts(at)?;
        for (index, text) in texts.iter().enumerate() {
            check(text, "").within_entry(at.name, index)?;
        }
        Ok(texts.into_iter().map(str::to_owned).collect())
    };
    Ok(Area {
        polygons: texts(at::POLYGONS, polygon)?,
        circles: texts(at::CIRCLES, circle)?,
        geocodes: area.all(at::GEOCODES, parse_geocode)?,
    })
}

fn parse_geocode(geocode: &Fields<'_>) -> Result<(String, String), Refused> {
    use super::at::geocode as at;
    let code = |at: At| {
        let text = text_rules::required(geocode.text(at)?, at.name, limits::NAME_CHARS_MAX, Lines::One)?;
        without_links(text, at.name)
    };
    Ok((code(at::NAME)?, code(at::VALUE)?))
}

fn parse_text(message: &Fields<'_>) -> Result<Text, Refused> {
    use super::at::text as at;
    let text = message.text(at::TEXT)?;
    let text = text_rules::required(text, "text", limits::TEXT_BYTES_MAX, Lines::Many)?;
    Ok(Text {
        language: tag(message.text(at::LANGUAGE)?, "language")?,
        text: without_links(text, "text")?,
    })
}
