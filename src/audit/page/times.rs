//! Times and spans as people read them. All are UTC, and each says so where it stands alone.

use jiff::tz::TimeZone;

use crate::time::Timestamp;

/// A date beyond which no calendar reaches is shown as the number that it is.
fn format(time: Timestamp, form: &str) -> String {
    match jiff::Timestamp::from_millisecond(time.unix_ms()) {
        Ok(at) => at.to_zoned(TimeZone::UTC).strftime(form).to_string(),
        Err(_) => time.to_string(),
    }
}

/// `7 March 2024, 15:01:06 UTC`.
pub(super) fn full(time: Timestamp) -> String {
    format!("{}, {} UTC", format(time, "%-d %B %Y"), clock(time))
}

/// `2024-03-07 15:01:06 UTC`.
pub(super) fn short(time: Timestamp) -> String {
    format!("{} {} UTC", format(time, "%Y-%m-%d"), clock(time))
}

/// `7 Mar 2024`.
pub(super) fn date(time: Timestamp) -> String {
    format(time, "%-d %b %Y")
}

/// `15:01:06`, with milliseconds if there are any.
pub(super) fn clock(time: Timestamp) -> String {
    let ms = time.unix_ms().rem_euclid(1000);
    let seconds = format(time, "%H:%M:%S");
    if ms == 0 {
        seconds
    } else {
        format!("{seconds}.{ms:03}")
    }
}

/// `15:01` or `15:01:06`, as far as a scale of this step needs it.
pub(super) fn tick(time: Timestamp, step_ms: i64) -> String {
    match step_ms {
        step if step >= DAY_MS => format(time, "%-d %b"),
        step if step % 60_000 == 0 => format(time, "%H:%M"),
        _ => format(time, "%H:%M:%S"),
    }
}

/// A day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// The two largest units of a span: `2 min 5 s`, `1 d 22 h`.
pub(super) fn span(ms: i64) -> String {
    let ms = ms.unsigned_abs();
    if ms < 1000 {
        return format!("{ms} ms");
    }
    let seconds = ms / 1000;
    let (large, name, small, small_name) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3_600 => (seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => (seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => (seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    };
    match small {
        0 => format!("{large} {name}"),
        small => format!("{large} {name} {small} {small_name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times and spans; a table.
    #[test]
    fn times_are_readable() {
        let time = Timestamp::from_unix_ms(1_709_823_666_000);
        assert_eq!(full(time), "7 March 2024, 15:01:06 UTC");
        assert_eq!(short(time.saturating_add_ms(7)), "2024-03-07 15:01:06.007 UTC");
        assert_eq!(
            full(Timestamp::from_unix_ms(i64::MAX))
                .matches("ms since 1970")
                .count(),
            2
        );
        for (ms, words) in [
            (7, "7 ms"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (125_000, "2 min 5 s"),
            (3_600_000, "1 h"),
            (-5_400_000, "1 h 30 min"),
            (165_600_000, "1 d 22 h"),
            (i64::MIN, "106751991167 d 7 h"),
        ] {
            assert_eq!(span(ms), words);
        }
    }
}
