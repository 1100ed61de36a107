//! Whether the clock is right enough to destroy by. What is destroyed is gone: so by a clock that is more than two days ahead of
//! what was last known nothing is, until it comes back or an operator says that it is right. What is known outlasts a restart: it
//! is noted in the keyring, with each day's keys.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::retention::{Keyring, clock};
use crate::time::Timestamp;

/// What is known of the time.
#[derive(Debug)]
pub(in crate::relay) struct Belief {
    /// Up to when the operator says that the clock is right.
    checked_until: Option<Timestamp>,
    /// A time that was right, and when that was by a clock that nobody sets.
    known: Mutex<(Timestamp, Instant)>,
}

/// The clock is ahead of what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the clock says {now}, and it was {known} when it was last known to be right: nothing is destroyed by it. If it is right, set \
     retention.clock_checked_until to a time to come, and start again"
)]
pub(in crate::relay) struct Ahead {
    now: Timestamp,
    known: Timestamp,
}

impl Belief {
    /// At a start: by what the keyring notes; where it notes nothing, by the last record before.
    pub(in crate::relay) fn at_start(
        keyring: &Keyring,
        last_record: Option<Timestamp>,
        now: Timestamp,
        checked_until: Option<Timestamp>,
    ) -> Self {
        let known = keyring.clock().or(last_record).unwrap_or(now);
        Self {
            checked_until,
            known: Mutex::new((known, Instant::now())),
        }
    }

    /// Whether it can be `now`.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), Ahead> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (then, at) = *known;
        let passed_ms = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
        let expected = then.saturating_add_ms(passed_ms);
        let is_checked = self.checked_until.is_some_and(|until| now <= until);
        if clock::is_ahead(now, expected) && !is_checked {
            return Err(Ahead { now, known: then });
        }
        *known = (expected.max(now), Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::{Bucket, RetentionClass};

    const DAY_MS: i64 = 24 * 3_600_000;

    /// By how many days a clock may be ahead, of what, and until when if an operator says so; a table.
    #[test]
    fn a_clock_that_runs_ahead_is_not_believed() {
        let at = |days: i64| Timestamp::from_unix_ms(days * DAY_MS);
        let keyring = Keyring::in_memory();
        for (noted, last, checked, now, believed) in [
            (None, None, None, 20_000, true),
            (None, Some(10), None, 12, true),
            (None, Some(10), None, 13, false),
            (None, Some(10), None, 1, true),
            (None, Some(10), Some(13), 13, true),
            (None, Some(10), Some(12), 13, false),
            // The last record was written under the wrong clock already.
            (Some(10), Some(500), None, 500, false),
            (Some(10), Some(500), None, 12, true),
        ] {
            if let Some(day) = noted {
                let bucket = Bucket::new(RetentionClass::Exercise, now.try_into().unwrap()).unwrap();
                keyring.make_ahead(&[bucket], at(day)).unwrap();
            }
            let belief = Belief::at_start(&keyring, last.map(at), at(now), checked.map(at));
            assert_eq!(
                belief.check(at(now)).is_ok(),
                believed,
                "{noted:?} {last:?} {checked:?} {now}"
            );
        }
    }

    /// A clock that jumps while the relay runs is not believed, and is again when it comes back.
    #[test]
    fn a_clock_may_come_back() {
        let at = |days: i64| Timestamp::from_unix_ms(days * DAY_MS);
        let belief = Belief::at_start(&Keyring::in_memory(), None, at(10), None);
        let believed = [10, 400, 11, 400, 5, 13, 16].map(|day| belief.check(at(day)).is_ok());
        assert_eq!(believed, [true, false, true, false, true, true, false]);
    }
}
