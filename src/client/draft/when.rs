//! Times in a draft: a point, or a span from the moment of signing. Read exactly or not at all: what two people could read
//! as two different times is refused.

use crate::time::Timestamp;

/// A time, or a span from the moment of signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At this time.
    At(Timestamp),
    /// This many milliseconds after signing.
    AfterMs(i64),
}

impl When {
    /// The time, for something signed at `now`.
    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::AfterMs(ms) => now.saturating_add_ms(ms),
        }
    }
}

/// Neither a span nor a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a span (90m, 48h, 2d) nor a time with its offset (2024-03-09T21:00:00+03:00)")]
pub struct NotWhen;

impl std::str::FromStr for When {
    type Err = NotWhen;
    /// As a draft writes it: `48h`, `1d12h`, or RFC 3339 with an offset or `Z`.
    fn from_str(text: &str) -> Result<Self, NotWhen> {
        parse_when(text).ok_or(NotWhen)
    }
}

/// `90m`, `48h`, `2d`, `1d12h`; or RFC 3339 with an offset or `Z`.
pub(super) fn parse_when(text: &str) -> Option<When> {
    if is_rfc3339(text) {
        return Timestamp::parse_rfc3339(text).ok().map(When::At);
    }
    let mut rest = text;
    let mut total_ms: i64 = 0;
    let mut larger_ms = i64::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(digits)?;
        let unit_ms = match after.chars().next()? {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            _ => return None,
        };
        // 1h1d would be read twice by most people.
        if unit_ms >= larger_ms {
            return None;
        }
        larger_ms = unit_ms;
        let part_ms = number.parse::<i64>().ok()?.checked_mul(unit_ms)?;
        total_ms = total_ms.checked_add(part_ms)?;
        rest = after.get(1..)?;
    }
    (total_ms > 0).then_some(When::AfterMs(total_ms))
}

/// The shape of RFC 3339 §5.6, with the date and time of day in full. What is in range is the calendar's matter.
fn is_rfc3339(text: &str) -> bool {
    let Some((head, tail)) = text.split_at_checked(19) else {
        return false;
    };
    let shape = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.bytes().zip(pattern.bytes()).all(|(byte, want)| match want {
                b'0' => byte.is_ascii_digit(),
                b'T' => byte == b'T' || byte == b't',
                _ => byte == want,
            })
    };
    let offset = match tail.strip_prefix('.') {
        None => tail,
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            match fraction.split_at_checked(digits) {
                Some((_, offset)) if (1..=9).contains(&digits) => offset,
                _ => return false,
            }
        }
    };
    shape(head, "0000-00-00T00:00:00")
        && (offset == "Z" || offset == "z" || shape(offset, "+00:00") || shape(offset, "-00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spans and times are read exactly, or not at all; a table.
    #[test]
    fn spans_and_times() {
        const H: i64 = 3_600_000;
        for (text, when) in [
            ("48h", Some(When::AfterMs(48 * H))),
            ("2d", Some(When::AfterMs(48 * H))),
            ("90m", Some(When::AfterMs(H + H / 2))),
            ("1d12h", Some(When::AfterMs(36 * H))),
            ("30s", Some(When::AfterMs(30_000))),
            (
                "2024-03-09T21:00:00+03:00",
                Some(When::At(Timestamp::from_unix_ms(1_710_007_200_000))),
            ),
            (
                "2024-03-09T18:00:00Z",
                Some(When::At(Timestamp::from_unix_ms(1_710_007_200_000))),
            ),
            (
                "2024-03-09t18:00:00.5-00:00",
                Some(When::At(Timestamp::from_unix_ms(1_710_007_200_500))),
            ),
            ("0h", None),
            ("h", None),
            ("1h1d", None),
            ("1h1h", None),
            ("1.5h", None),
            ("-1h", None),
            ("48 h", None),
            ("9223372036854775807d", None),
            ("99999999999999999999h", None),
            ("2024-03-09", None),
            ("2024-03-09T21:00:00", None),
            ("2024-03-09 21:00:00+03:00", None),
            ("2024-03-09T21:00+03:00", None),
            ("2024-03-09T21:00:00+03", None),
            ("2024-03-09T21:00:00+03:00[Europe/Moscow]", None),
            ("2024-13-09T21:00:00Z", None),
            ("２024-03-09T21:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(parse_when(text), when, "{text}");
        }
    }
}
