//! What a person must look at, said often enough to be seen: each principal's alarm once in a while, with how many there
//! were. Who causes it cannot fill the log with it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::Principal;
use crate::limits;
use crate::time::Timestamp;

/// When whose alarm was last said; only who is enrolled has one.
#[derive(Debug, Default)]
pub(super) struct Alarms(Mutex<BTreeMap<Principal, Told>>);

#[derive(Debug)]
struct Told {
    at: Timestamp,
    unsaid: u64,
}

impl Alarms {
    /// Whether it is to be said now: then how many were not said since the last time.
    pub(super) fn due(&self, principal: &Principal, now: Timestamp) -> Option<u64> {
        // Nothing that holds the lock panics halfway.
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = told.get_mut(principal) else {
            told.insert(principal.clone(), Told { at: now, unsaid: 0 });
            return Some(0);
        };
        // A clock that was set back silences nothing.
        if (0..limits::ALARM_PAUSE_MS).contains(&now.ms_since(last.at)) {
            last.unsaid = last.unsaid.saturating_add(1);
            return None;
        }
        last.at = now;
        Some(std::mem::take(&mut last.unsaid))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// However often it is caused, it is said once a minute for each principal, with how many there were; a clock that
    /// is set back silences nothing.
    #[test]
    fn each_is_told_once_a_minute() {
        let alarms = Alarms::default();
        let (us, fr): (Principal, Principal) = ("us.ctc".parse().unwrap(), "fr.ctc".parse().unwrap());
        let begin = Timestamp::from_unix_ms(1_709_823_600_000);
        let at = |ms| begin.saturating_add_ms(ms);
        let pause = limits::ALARM_PAUSE_MS;
        for (who, ms, said) in [
            (&us, 0, Some(0)),
            (&us, 0, None),
            (&us, pause - 1, None),
            (&fr, pause - 1, Some(0)),
            (&us, pause, Some(2)),
            (&us, 2 * pause - 1, None),
            (&us, -1, Some(1)),
        ] {
            assert_eq!(alarms.due(who, at(ms)), said, "{who} {ms}");
        }
    }
}
