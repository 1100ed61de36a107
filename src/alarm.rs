//! Alarms that are said often enough to be seen: each once in a while, with how many were not said since. Who causes one
//! cannot fill the log with it, nor, with one of a kind, keep another kind from being said.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::limits::ALARM_PAUSE_MS;
use crate::time::Timestamp;

/// When which alarm was last said. Keys are of what is known and bounded: who is enrolled, which logs are witnessed.
#[derive(Debug)]
pub(crate) struct Alarms<K>(Mutex<BTreeMap<K, Told>>);

#[derive(Debug)]
struct Told {
    at: Timestamp,
    unsaid: u64,
}

impl<K> Default for Alarms<K> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<K: Ord + Clone> Alarms<K> {
    /// Whether it is to be said now: then how many were not said since the last time.
    pub(crate) fn due(&self, key: &K, now: Timestamp) -> Option<u64> {
        // Nothing that holds the lock panics halfway.
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = told.get_mut(key) else {
            told.insert(key.clone(), Told { at: now, unsaid: 0 });
            return Some(0);
        };
        // A clock that was set back silences nothing.
        if (0..ALARM_PAUSE_MS).contains(&now.ms_since(last.at)) {
            last.unsaid = last.unsaid.saturating_add(1);
            return None;
        }
        last.at = now;
        Some(std::mem::take(&mut last.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However often it is caused, it is said once a minute for each key, with how many there were; a clock that is set
    /// back silences nothing; a table.
    #[test]
    fn each_is_told_once_a_minute() {
        let alarms = Alarms::default();
        let begin = Timestamp::from_unix_ms(1_709_823_600_000);
        let at = |ms| begin.saturating_add_ms(ms);
        for (key, ms, said) in [
            ("us.ctc", 0, Some(0)),
            ("us.ctc", 0, None),
            ("us.ctc", ALARM_PAUSE_MS - 1, None),
            ("fr.ctc", ALARM_PAUSE_MS - 1, Some(0)),
            ("us.ctc", ALARM_PAUSE_MS, Some(2)),
            ("us.ctc", 2 * ALARM_PAUSE_MS - 1, None),
            ("us.ctc", -1, Some(1)),
            ("us.ctc", 0, None),
        ] {
            assert_eq!(alarms.due(&key, at(ms)), said, "{key} {ms}");
        }
    }
}
