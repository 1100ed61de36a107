//! Time as the rest of the crate sees it: a number of milliseconds, and a clock that is handed in.
//!
//! [`SystemClock`] is the only reader of the wall clock; rules, simulations and tests take a [`Clock`]. What a
//! time *means* (a relay's time is its claim, a sender's is the sender's) is said where it is used.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted. Any `i64` is one: a peer's absurd time is
/// refused by the rules, not by this type.
///
/// ```
/// use wardline::time::Timestamp;
/// assert_eq!(Timestamp::from_unix_ms(1_709_823_600_000).to_string(), "2024-03-07T15:00:00.000Z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970.
    pub const fn from_unix_ms(unix_ms: i64) -> Self {
        Self(unix_ms)
    }

    /// Milliseconds since 1970.
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// This time moved by `ms` (backwards if negative), or `None` beyond the range of `i64`.
    pub const fn checked_add_ms(self, ms: i64) -> Option<Self> {
        match self.0.checked_add(ms) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// This time moved by `ms`, held at the ends of the range of `i64`.
    pub const fn saturating_add_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this, negative if `earlier` is the later one, held at the ends of `i64`.
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// RFC 3339 in UTC with milliseconds and `Z`; `None` outside the years that RFC 3339 and the calendar know.
    pub fn to_rfc3339(self) -> Option<String> {
        let time = jiff::Timestamp::from_millisecond(self.0).ok()?;
        // Years before 0 have no RFC 3339 form.
        (self.0 >= YEAR_0_UNIX_MS).then(|| format!("{time:.3}"))
    }

    /// Reads RFC 3339 with an offset or `Z`; what is finer than a millisecond is cut off.
    pub fn parse_rfc3339(text: &str) -> Result<Self, NotRfc3339> {
        let time: jiff::Timestamp = text.parse().map_err(|_| NotRfc3339)?;
        Ok(Self(time.as_millisecond()))
    }
}

/// 0000-01-01T00:00:00Z.
const YEAR_0_UNIX_MS: i64 = -62_167_219_200_000;

/// Not a date and time of RFC 3339 with an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time as RFC 3339 has it, with an offset (2024-03-07T18:00:00+03:00)")]
pub struct NotRfc3339;

impl fmt::Display for Timestamp {
    /// RFC 3339, or the bare number with its unit where no calendar reaches.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_rfc3339() {
            Some(text) => f.pad(&text),
            None => write!(f, "{} ms since 1970", self.0),
        }
    }
}

/// Where the time comes from. It may stand still and may step back: who needs an order makes one.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The machine's wall clock, and so many milliseconds: tests let days pass with it.
#[derive(Debug, Clone, Copy)]
pub struct ShiftedClock(pub i64);

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_add_ms(self.0)
    }
}

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let ms = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Timestamp(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => ms(after),
            Err(before) => -ms(before.duration()),
        })
    }
}

/// A clock that moves only when told; clones share one hand.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `time`.
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(time.unix_ms())))
    }

    /// Moves the clock by `ms`, for all that share it.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the clock, for all that share it.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.unix_ms(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A time is shown as RFC 3339 with milliseconds, and as a number where the calendar ends; a table.
    #[test]
    fn times_are_shown_as_rfc_3339() {
        for (unix_ms, shown) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_711_130_340_123, "2024-03-22T17:59:00.123Z"),
            (YEAR_0_UNIX_MS, "0000-01-01T00:00:00.000Z"),
            (YEAR_0_UNIX_MS - 1, "-62167219200001 ms since 1970"),
            (i64::MAX, "9223372036854775807 ms since 1970"),
            (i64::MIN, "-9223372036854775808 ms since 1970"),
        ] {
            assert_eq!(Timestamp::from_unix_ms(unix_ms).to_string(), shown);
        }
    }

    /// Reading takes any offset and refuses a time without one; a table.
    #[test]
    fn rfc_3339_is_read_with_its_offset() {
        for (text, unix_ms) in [
            ("2024-03-22T20:59:00.123+03:00", Some(1_711_130_340_123)),
            ("2024-03-22T17:59:00.1239Z", Some(1_711_130_340_123)),
            ("2024-03-22T17:59:00", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(
                Timestamp::parse_rfc3339(text).ok().map(Timestamp::unix_ms),
                unix_ms,
                "{text}"
            );
        }
    }

    /// Adding never wraps: it fails or holds at the end, as asked.
    #[test]
    fn adding_never_wraps() {
        let last = Timestamp::from_unix_ms(i64::MAX);
        assert_eq!(last.checked_add_ms(1), None);
        assert_eq!(last.saturating_add_ms(1), last);
        assert_eq!(
            last.checked_add_ms(-1),
            Some(Timestamp::from_unix_ms(i64::MAX - 1))
        );
        assert_eq!(last.ms_since(Timestamp::from_unix_ms(i64::MIN)), i64::MAX);
    }

    /// Clones of a manual clock share its hand.
    #[test]
    fn a_manual_clock_is_shared() {
        let clock = ManualClock::at(Timestamp::from_unix_ms(1_000));
        let other = clock.clone();
        clock.advance_ms(500);
        assert_eq!(other.now(), Timestamp::from_unix_ms(1_500));
        other.set(Timestamp::from_unix_ms(7));
        assert_eq!(Arc::new(clock).now().unix_ms(), 7);
    }
}
