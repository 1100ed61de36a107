//! What people's words may hold. A peer's text is shown in duty rooms: no control characters, no links, no more than
//! fits. Bidirectional marks belong to honest text; whoever displays it isolates them. Nothing here quotes the text,
//! for a body reaches no error.

use super::fields::{invalid, missing};
use crate::error::Refused;

/// How a text may be laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// One line.
    One,
    /// Lines, ended by a newline.
    Many,
}

/// A text that may be empty.
pub(super) fn checked(text: &str, field: &str, chars_max: usize, lines: Lines) -> Result<String, Refused> {
    if text.len() <= chars_max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(text.to_owned());
    }
    let mut chars = 0usize;
    for c in text.chars() {
        chars += 1;
        let newline = c == '\n';
        let line_break = newline || matches!(c, '\u{2028}' | '\u{2029}');
        // Cc is C0, DEL and C1.
        if c.is_control() && !newline {
            return Err(invalid(field, "the text holds a control character"));
        }
        if line_break && lines == Lines::One {
            return Err(invalid(field, "the text is to be one line"));
        }
    }
    if chars > chars_max {
        return Err(invalid(
            field,
            format!("the text has more than {chars_max} characters"),
        ));
    }
    Ok(text.to_owned())
}

/// A text that must say something.
pub(super) fn required(text: &str, field: &str, chars_max: usize, lines: Lines) -> Result<String, Refused> {
    if text.trim().is_empty() {
        return Err(missing(field));
    }
    checked(text, field, chars_max, lines)
}

/// No links: nothing in a warning makes a duty officer's machine go anywhere.
pub(super) fn without_links(text: String, field: &str) -> Result<String, Refused> {
    let bytes = text.as_bytes();
    let before = |at: usize, word: &[u8]| {
        let (head, _) = bytes.split_at_checked(at).unwrap_or_default();
        let last = head
            .len()
            .checked_sub(word.len())
            .and_then(|from| head.get(from..));
        last.is_some_and(|last| last.eq_ignore_ascii_case(word))
    };
    let after = |at: usize, word: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(word));
    // Each holds a mark that is rare in a text: only around these is looked.
    let is_link = |at: usize| match bytes.get(at) {
        Some(b':') => after(at, b"://") || before(at, b"mailto"),
        _ => before(at, b"www"),
    };
    if memchr::memchr2_iter(b':', b'.', bytes).any(is_link) {
        return Err(invalid(field, "the text holds a link"));
    }
    Ok(text)
}

/// CAP 1.2 §3.2.4 polygon: `lat,lon lat,lon …`, at least four points, the last the same as the first.
pub(super) fn polygon(text: &str, field: &str) -> Result<(), Refused> {
    let mut points = text.split(' ');
    let first = points.next().unwrap_or("");
    let (mut count, mut last) = (1usize, first);
    point(first, field)?;
    for next in points {
        point(next, field)?;
        count += 1;
        last = next;
    }
    if count < 4 {
        return Err(invalid(field, "a polygon has at least four points"));
    }
    if first != last {
        return Err(invalid(field, "a polygon ends where it begins"));
    }
    Ok(())
}

/// CAP 1.2 §3.2.4 circle: `lat,lon radius`, the radius in kilometres, at most half the way around the Earth.
pub(super) fn circle(text: &str, field: &str) -> Result<(), Refused> {
    const RADIUS_KM_MAX: f64 = 20_038.0;
    let (centre, radius) = text
        .split_once(' ')
        .ok_or_else(|| invalid(field, "a circle is \"lat,lon radius\""))?;
    point(centre, field)?;
    match decimal(radius) {
        Some(km) if (0.0..=RADIUS_KM_MAX).contains(&km) => Ok(()),
        Some(_) | None => Err(invalid(
            field,
            "the radius is not a number of kilometres on Earth",
        )),
    }
}

fn point(text: &str, field: &str) -> Result<(), Refused> {
    let within = |text: &str, max: f64| decimal(text).is_some_and(|degrees| degrees.abs() <= max);
    match text.split_once(',') {
        Some((lat, lon)) if within(lat, 90.0) && within(lon, 180.0) => Ok(()),
        Some(_) | None => Err(invalid(field, "a point is \"lat,lon\" in degrees (WGS 84)")),
    }
}

/// A plain decimal: an optional minus, digits, optionally a point and digits.
fn decimal(text: &str) -> Option<f64> {
    const CHARS_MAX: usize = 24;
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if text.len() > CHARS_MAX || !digits(whole) || !digits(fraction) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::ErrorCode;

    /// What a text may hold, by layout; a table.
    #[test]
    fn texts_hold_what_they_may() {
        for (text, one, many) in [
            ("Concert hall, evening", true, true),
            ("תאריך \u{202b}עברית\u{202c}", true, true),
            ("two\nlines", false, true),
            ("two\u{2028}lines", false, true),
            ("tab\there", false, false),
            ("carriage\rreturn", false, false),
            ("nul\0", false, false),
            ("escape\u{1b}[2J", false, false),
            ("delete\u{7f}", false, false),
            ("c1\u{9b}2J", false, false),
            ("0123456789012345678901234567890123456789!", false, false),
        ] {
            for (lines, good) in [(Lines::One, one), (Lines::Many, many)] {
                assert_eq!(checked(text, "headline", 40, lines).is_ok(), good, "{text:?}");
            }
        }
        assert_eq!(
            required(" \n", "event", 40, Lines::Many).unwrap_err().code,
            ErrorCode::MissingField
        );
    }

    /// Links are refused in any case and anywhere; a table.
    #[test]
    fn links_are_refused() {
        for (text, good) in [
            ("see the annex", true),
            ("http: nothing", true),
            ("HTTP://x", false),
            ("a (hTTps://x)", false),
            ("at www.example.org", false),
            ("wWw.", false),
            ("", true),
        ] {
            assert_eq!(without_links(text.to_owned(), "event").is_ok(), good, "{text}");
        }
    }

    /// Polygons and circles are CAP's; a table of verdicts.
    #[test]
    fn areas_are_caps() {
        for (text, good) in [
            ("55.8,37.3 55.9,37.4 55.7,37.5 55.8,37.3", true),
            ("55.8,37.3 55.9,37.4 55.8,37.3", false),
            ("55.8,37.3 55.9,37.4 55.7,37.5 55.8,37.4", false),
            ("91,0 0,0 0,1 91,0", false),
            ("0,181 0,0 0,1 0,181", false),
            ("-90,-180 0,0 0,1 -90,-180", true),
            ("0,0  0,0 0,1 0,0", false),
            ("NaN,0 0,0 0,1 NaN,0", false),
            ("1e1,0 0,0 0,1 1e1,0", false),
            ("+1,0 0,0 0,1 +1,0", false),
            (".5,0 0,0 0,1 .5,0", false),
            ("", false),
        ] {
            assert_eq!(polygon(text, "polygons").is_ok(), good, "{text}");
        }
        for (text, good) in [
            ("55.82,37.39 2.5", true),
            ("55.82,37.39 0", true),
            ("55.82,37.39 -1", false),
            ("55.82,37.39 20039", false),
            ("55.82,37.39", false),
            ("55.82 2", false),
            ("55.82,37.39 2 2", false),
        ] {
            assert_eq!(circle(text, "circles").is_ok(), good, "{text}");
        }
    }
}
