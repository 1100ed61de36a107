//! How long what lies beside a record is kept: the class of a warning, and the bucket that its parts belong to. A bucket is
//! a day and a class; all parts of one bucket are encrypted under one key and erased together, by destroying it.

use std::fmt;

use super::{Handling, RetentionClass, Status};
use crate::time::Timestamp;

const DAY_MS: i64 = 24 * 3_600 * 1_000;
/// Days that fit beside the class; the last one is in the year 47,903.
const DAY_MAX: u32 = (1 << 24) - 1;

impl RetentionClass {
    /// The class of a warning: that it holds personal data counts also in an exercise.
    pub const fn of(status: Status, handling: &Handling) -> Self {
        match status {
            _ if handling.personal_data => Self::PersonalData,
            Status::Actual | Status::System => Self::Ordinary,
            Status::Exercise | Status::Test => Self::Exercise,
        }
    }

    /// Which warnings, in words.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary warnings",
            Self::PersonalData => "warnings that contain personal data",
            Self::Exercise => "exercises and tests",
        }
    }
}

/// A retention bucket: a day, and a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    class: RetentionClass,
    day: u32,
}

impl Bucket {
    /// Of what is recorded at `recorded` about a warning that expires at `expires`: the day of the later one. So nothing new
    /// comes into a bucket whose day has passed.
    pub fn of(class: RetentionClass, expires: Timestamp, recorded: Timestamp) -> Self {
        let day = expires.max(recorded).unix_ms().div_euclid(DAY_MS);
        Self {
            class,
            day: u32::try_from(day.max(0)).unwrap_or(DAY_MAX).min(DAY_MAX),
        }
    }

    /// The bucket of a day (since 1970, UTC) and a class.
    pub const fn new(class: RetentionClass, day: u32) -> Option<Self> {
        if day > DAY_MAX {
            None
        } else {
            Some(Self { class, day })
        }
    }

    /// The bucket of what is recorded later about the same warning.
    #[must_use]
    pub fn at(self, recorded: Timestamp) -> Self {
        let day = self.day.max(Self::of(self.class, recorded, recorded).day);
        Self { day, ..self }
    }

    /// The number that is stored with a part; never 0, which is none. Format.
    pub fn number(self) -> u32 {
        let class = u32::try_from(self.class.number()).unwrap_or_default();
        (class << 24) | self.day
    }

    /// From the number that is stored.
    pub fn from_number(number: u32) -> Option<Self> {
        let class = i32::try_from(number >> 24).ok()?;
        Self::new(RetentionClass::from_number(class)?, number & DAY_MAX)
    }

    /// The class.
    pub const fn class(self) -> RetentionClass {
        self.class
    }

    /// The day, since 1970 in UTC.
    pub const fn day(self) -> u32 {
        self.day
    }

    /// When a rule erases it: `days` after its day has ended.
    pub fn due(self, days: u32) -> Timestamp {
        let days = i64::from(self.day)
            .saturating_add(1)
            .saturating_add(i64::from(days));
        Timestamp::from_unix_ms(days.saturating_mul(DAY_MS))
    }
}

impl fmt::Display for Bucket {
    /// The class and the day.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begins = Timestamp::from_unix_ms(i64::from(self.day).saturating_mul(DAY_MS));
        let text = begins.to_rfc3339().unwrap_or_default();
        write!(f, "{} {}", self.class, text.get(..10).unwrap_or("a far day"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A bucket's day is that of the later time, at its bounds too; a table, with the numbers that are stored.
    #[test]
    fn buckets_are_numbered_as_they_always_were() {
        use RetentionClass::{Exercise, Ordinary, PersonalData};
        for (class, expires, recorded, number, text) in [
            (Ordinary, 0, 0, 0x0100_0000, "ORDINARY 1970-01-01"),
            (Ordinary, DAY_MS - 1, 5, 0x0100_0000, "ORDINARY 1970-01-01"),
            (PersonalData, DAY_MS, 5, 0x0200_0001, "PERSONAL_DATA 1970-01-02"),
            (Exercise, 5, 20_000 * DAY_MS, 0x0300_4e20, "EXERCISE 2024-10-04"),
            (Ordinary, i64::MIN, i64::MIN, 0x0100_0000, "ORDINARY 1970-01-01"),
            (Ordinary, i64::MAX, 0, 0x01ff_ffff, "ORDINARY a far day"),
        ] {
            let at = Timestamp::from_unix_ms;
            let bucket = Bucket::of(class, at(expires), at(recorded));
            assert_eq!(bucket.number(), number, "{text}");
            assert_eq!(Bucket::from_number(number), Some(bucket));
            assert_eq!(bucket.to_string(), text);
        }
        for number in [0, 5, 0x0400_0000, u32::MAX] {
            assert_eq!(Bucket::from_number(number), None);
        }
    }

    /// A bucket is due when its day, and then so many whole days, have passed.
    #[test]
    fn a_bucket_is_due_after_whole_days() {
        let bucket = Bucket::new(RetentionClass::Ordinary, 10).unwrap();
        assert_eq!(bucket.due(1), Timestamp::from_unix_ms(12 * DAY_MS));
        assert_eq!(Bucket::new(RetentionClass::Ordinary, 1 << 24), None);
    }
}
