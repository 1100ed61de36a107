//! The rules by which what was said is erased: so many whole days after the day of its bucket, by class. Pure.

use super::{Bucket, RetentionClass};
use crate::limits;
use crate::time::Timestamp;

/// Days after expiry, by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionRules {
    /// Of what is neither of the others.
    pub ordinary_days: u32,
    /// Of warnings that contain personal data.
    pub personal_data_days: u32,
    /// Of exercises and tests.
    pub exercise_days: u32,
}

impl Default for RetentionRules {
    fn default() -> Self {
        Self {
            ordinary_days: limits::RETENTION_ORDINARY_DAYS,
            personal_data_days: limits::RETENTION_PERSONAL_DATA_DAYS,
            exercise_days: limits::RETENTION_EXERCISE_DAYS,
        }
    }
}

impl RetentionRules {
    /// The rule of a class.
    pub const fn days(&self, class: RetentionClass) -> u32 {
        match class {
            RetentionClass::Ordinary => self.ordinary_days,
            RetentionClass::PersonalData => self.personal_data_days,
            RetentionClass::Exercise => self.exercise_days,
        }
    }

    /// Which of these buckets are to be erased now, each by how many days.
    pub(crate) fn due(&self, buckets: &[Bucket], now: Timestamp) -> Vec<(Bucket, u32)> {
        let rule = |bucket: &Bucket| (*bucket, self.days(bucket.class()));
        let rules = buckets.iter().map(rule);
        rules.filter(|(bucket, days)| bucket.due(*days) <= now).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    /// Each class by its own rule, to the millisecond; a table.
    #[test]
    fn each_class_has_its_rule() {
        const DAY_MS: i64 = 24 * 3_600_000;
        let rules = RetentionRules {
            ordinary_days: 30,
            personal_data_days: 7,
            exercise_days: 1,
        };
        let buckets: Vec<Bucket> = RetentionClass::ALL
            .iter()
            .map(|class| Bucket::new(*class, 100).unwrap())
            .collect();
        let (ordinary, personal, exercise) = ((buckets[0], 30), (buckets[1], 7), (buckets[2], 1));
        for (now_ms, due) in [
            (0, vec![]),
            (102 * DAY_MS - 1, vec![]),
            (102 * DAY_MS, vec![exercise]),
            (108 * DAY_MS, vec![personal, exercise]),
            (131 * DAY_MS - 1, vec![personal, exercise]),
            (131 * DAY_MS, vec![ordinary, personal, exercise]),
        ] {
            assert_eq!(
                rules.due(&buckets, Timestamp::from_unix_ms(now_ms)),
                due,
                "{now_ms}"
            );
        }
        assert_eq!(rules.due(&[], Timestamp::from_unix_ms(i64::MAX)), []);
    }
}
