//! The time of a timestamp: GeneralizedTime in UTC with a fraction of a second (RFC 3161 §2.4.2), and its accuracy.
//! Rounding goes against whoever shows the token: what is cut off the time is added to the accuracy.

use super::InvalidToken;
use super::asn1::Accuracy;
use crate::time::Timestamp;

/// `YYYYMMDDhhmmss[.f…]Z` to milliseconds, and whether something finer was cut off. No leap second: a token that was made
/// in one is refused.
pub(super) fn parse(text: &[u8]) -> Result<(Timestamp, bool), InvalidToken> {
    let malformed = || InvalidToken::Malformed("time");
    let text = std::str::from_utf8(text).map_err(|_| malformed())?;
    let text = text.strip_suffix('Z').ok_or_else(malformed)?;
    let (seconds, fraction) = match text.split_once('.') {
        Some((_, fraction)) if fraction.is_empty() || fraction.ends_with('0') => return Err(malformed()),
        Some((seconds, fraction)) => (seconds, fraction),
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.len() != 14 || !digits(seconds) || !digits(fraction) || fraction.len() > 9 {
        return Err(malformed());
    }
    let number = |from: usize, to: usize| seconds.get(from..to)?.parse::<i8>().ok();
    let year = seconds.get(..4).and_then(|year| year.parse::<i16>().ok());
    let parts = (
        year,
        number(4, 6),
        number(6, 8),
        number(8, 10),
        number(10, 12),
        number(12, 14),
    );
    let (Some(year), Some(month), Some(day), Some(hour), Some(minute), Some(second)) = parts else {
        return Err(malformed());
    };
    let whole = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0)
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC))
        .map_err(|_| malformed())?;
    let (ms, finer) = fraction.split_at(fraction.len().min(3));
    let ms: i64 = format!("{ms:0<3}").parse().map_err(|_| malformed())?;
    let time = Timestamp::from_unix_ms(whole.timestamp().as_millisecond()).saturating_add_ms(ms);
    Ok((time, !finer.is_empty()))
}

/// By how much the time may be wrong, in milliseconds, rounded up.
pub(super) fn accuracy_ms(accuracy: Option<&Accuracy>, was_cut: bool) -> Result<Option<u64>, InvalidToken> {
    let Some(accuracy) = accuracy else {
        return Ok(was_cut.then_some(1));
    };
    let (millis, micros) = (accuracy.millis.unwrap_or(0), accuracy.micros.unwrap_or(0));
    if millis > 999 || micros > 999 {
        return Err(InvalidToken::Malformed("accuracy"));
    }
    let seconds = u64::from(accuracy.seconds.unwrap_or(0));
    Ok(Some(
        seconds * 1_000 + u64::from(millis) + u64::from(micros > 0) + u64::from(was_cut),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times are read as RFC 3161 writes them and in no other way; a table.
    #[test]
    fn a_time_is_read_in_one_way() {
        for (text, read) in [
            ("20240322175900Z", Some((1_711_130_340_000, false))),
            ("20240322175900.5Z", Some((1_711_130_340_500, false))),
            ("20240322175900.123Z", Some((1_711_130_340_123, false))),
            ("20240322175900.1234Z", Some((1_711_130_340_123, true))),
            ("20240229000000Z", Some((1_709_164_800_000, false))),
            ("20240322175900.120Z", None),
            ("20240322175900.Z", None),
            ("20240322175900.1234567891Z", None),
            ("20240322175900", None),
            ("20240322175900+0100", None),
            ("202403221759Z", None),
            ("20240322175960Z", None),
            ("20240322245900Z", None),
            ("20230229000000Z", None),
            ("2024032217590aZ", None),
            ("2024-3-2175900Z", None),
            ("", None),
        ] {
            let time = parse(text.as_bytes())
                .ok()
                .map(|(time, cut)| (time.unix_ms(), cut));
            assert_eq!(time, read, "{text}");
        }
    }

    /// The accuracy is rounded up, and no accuracy is not the accuracy zero; a table.
    #[test]
    fn an_accuracy_is_rounded_up() {
        let said = |seconds, millis, micros| Accuracy {
            seconds,
            millis,
            micros,
        };
        for (accuracy, was_cut, ms) in [
            (None, false, Ok(None)),
            (None, true, Ok(Some(1))),
            (Some(said(None, None, None)), false, Ok(Some(0))),
            (Some(said(Some(2), Some(500), None)), false, Ok(Some(2_500))),
            (Some(said(Some(2), Some(500), Some(1))), true, Ok(Some(2_502))),
            (
                Some(said(None, Some(1_000), None)),
                false,
                Err(InvalidToken::Malformed("accuracy")),
            ),
            (
                Some(said(None, None, Some(1_000))),
                false,
                Err(InvalidToken::Malformed("accuracy")),
            ),
        ] {
            assert_eq!(accuracy_ms(accuracy.as_ref(), was_cut), ms, "{accuracy:?}");
        }
    }
}
