//! What a log has said of how long things are kept: the rules of each start, and where the erasure of each bucket began. Whoever
//! follows a log from its genesis holds what is erased to it; the relay, which goes on in the middle, asks its settings
//! and its keyring instead.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Bucket, RetentionClass, RetentionRules};
use crate::time::Timestamp;

/// What was said so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retained {
    /// Whether it is all that was said: from the genesis on.
    pub(crate) whole: bool,
    /// Each rule that ever stood, and until when; none: it stands.
    pub(crate) rules: BTreeMap<(RetentionClass, u32), Option<Timestamp>>,
    /// The first record that tells of a bucket's erasure.
    pub(crate) began: Arc<BTreeMap<Bucket, u64>>,
}

impl Retained {
    /// Of a log of which nothing is left out.
    pub(super) fn from_genesis() -> Self {
        Self {
            whole: true,
            ..Self::default()
        }
    }

    /// A start: its rules stand from here on, and no others. Who has not seen all starts judges no rule, and keeps none.
    pub(super) fn started(&mut self, rules: Option<RetentionRules>, time: Timestamp) {
        if !self.whole {
            return;
        }
        for until in self.rules.values_mut() {
            until.get_or_insert(time);
        }
        let Some(rules) = rules else { return };
        for class in RetentionClass::ALL {
            if let days @ 1.. = rules.days(*class) {
                self.rules.insert((*class, days), None);
            }
        }
    }

    /// Whether a bucket may be erased by so many days: the rule stands, or stood when the bucket was due by it, so that its key may
    /// have been destroyed then and the log be told after a restart only.
    pub(super) fn stood(&self, bucket: Bucket, days: u32) -> bool {
        match self.rules.get(&(bucket.class(), days)) {
            None => false,
            Some(None) => true,
            Some(Some(until)) => bucket.due(days) <= *until,
        }
    }

    /// A record at an index tells of a bucket.
    pub(super) fn begin(&mut self, bucket: Bucket, index: u64) {
        if !self.began.contains_key(&bucket) {
            Arc::make_mut(&mut self.began).insert(bucket, index);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A rule is good while it stands, and afterwards for what was due by it before; never one that stood in no start, and none at all
    /// of a class that is kept for ever. A table, for a bucket of day 10, so that it is due by a day on day 12.
    #[test]
    fn a_rule_is_good_for_what_it_was_due_for() {
        let rules = |days| RetentionRules {
            ordinary_days: days,
            personal_data_days: 0,
            exercise_days: 9,
        };
        let on = |day: i64| Timestamp::from_unix_ms(day * 24 * 3_600_000);
        let mut retained = Retained::from_genesis();
        let bucket = Bucket::new(RetentionClass::Ordinary, 10).unwrap();
        let personal = Bucket::new(RetentionClass::PersonalData, 10).unwrap();
        assert!(!retained.stood(bucket, 1));
        retained.started(Some(rules(1)), on(3));
        assert!(retained.stood(bucket, 1) && !retained.stood(bucket, 2));
        assert!(!retained.stood(personal, 1) && !retained.stood(personal, 0));
        retained.started(Some(rules(3)), on(12));
        assert!(retained.stood(bucket, 1) && retained.stood(bucket, 3));
        let later = Bucket::new(RetentionClass::Ordinary, 11).unwrap();
        assert!(!retained.stood(later, 1) && retained.stood(later, 3));
        retained.started(None, on(20));
        assert!(retained.stood(bucket, 1) && retained.stood(bucket, 3));
        assert!(!retained.stood(Bucket::new(RetentionClass::Ordinary, 17).unwrap(), 3));
    }
}
