//! Times as an officer reads them: in their zone and in UTC, and how far away they are.

use jiff::tz::TimeZone;

use crate::time::Timestamp;

/// `Thu 2024-03-07 18:00 MSK = 2024-03-07 15:00 UTC`; once, where local is UTC.
pub(super) fn both(time: Timestamp, zone: &TimeZone) -> String {
    // A peer may sign any number; where no calendar reaches, the number is shown.
    let Ok(instant) = jiff::Timestamp::from_millisecond(time.unix_ms()) else {
        return time.to_string();
    };
    let named = instant.to_zoned(zone.clone());
    if named.offset().is_zero() {
        return named.strftime("%a %Y-%m-%d %H:%M UTC").to_string();
    }
    let local = named.strftime("%a %Y-%m-%d %H:%M %Z").to_string();
    let utc = instant
        .to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M UTC")
        .to_string();
    format!("{local} = {utc}")
}

/// `in 2 d 3 h`, `40 min ago`, `now`.
pub(super) fn distance(time: Timestamp, now: Timestamp) -> String {
    let ms = time.ms_since(now);
    let minutes = ms.unsigned_abs() / 60_000;
    let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    let span = match (days, hours, rest) {
        (0, 0, 0) => return "now".to_owned(),
        (0, 0, rest) => format!("{rest} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, rest) => format!("{hours} h {rest} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    };
    if ms > 0 {
        format!("in {span}")
    } else {
        format!("{span} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Local and UTC stand side by side, across a date line too; a number stands where no calendar reaches.
    #[test]
    fn times_are_local_and_utc() {
        let moscow = TimeZone::fixed(jiff::tz::offset(3));
        let night = Timestamp::from_unix_ms(1_709_845_200_000);
        assert_eq!(
            both(night, &moscow),
            "Fri 2024-03-08 00:00 +03 = 2024-03-07 21:00 UTC"
        );
        assert_eq!(both(night, &TimeZone::UTC), "Thu 2024-03-07 21:00 UTC");
        assert_eq!(
            both(Timestamp::from_unix_ms(i64::MAX), &moscow),
            "9223372036854775807 ms since 1970"
        );
    }

    /// Distances, both ways; a table.
    #[test]
    fn distances_are_said() {
        const MIN: i64 = 60_000;
        for (ms, said) in [
            (0, "now"),
            (30_000, "now"),
            (MIN, "in 1 min"),
            (-40 * MIN, "40 min ago"),
            (60 * MIN, "in 1 h"),
            (125 * MIN, "in 2 h 5 min"),
            (-51 * 60 * MIN, "2 d 3 h ago"),
            (48 * 60 * MIN + 5 * MIN, "in 2 d"),
            (i64::MIN, "106751991167 d 7 h ago"),
        ] {
            assert_eq!(
                distance(Timestamp::from_unix_ms(ms), Timestamp::from_unix_ms(0)),
                said
            );
        }
    }
}
