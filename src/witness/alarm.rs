//! What a log signed against itself, said often enough to be seen: each log's alarm of each kind once in a while, with how
//! many there were. Whoever asks cannot fill the witness's own log with it, nor silence it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::log::Kind;
use crate::domain::Origin;
use crate::limits::ALARM_PAUSE_MS;
use crate::time::Timestamp;

/// When which alarm was last said; only a log that is witnessed has some.
#[derive(Debug, Default)]
pub(super) struct Alarms(Mutex<BTreeMap<(Origin, Kind), Told>>);

#[derive(Debug)]
struct Told {
    at: Timestamp,
    unsaid: u64,
}

impl Alarms {
    /// Whether it is to be said now: then how many were not said since the last time.
    pub(super) fn due(&self, origin: &Origin, kind: Kind, now: Timestamp) -> Option<u64> {
        // Nothing that holds the lock panics halfway.
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alarm = (origin.clone(), kind);
        let Some(last) = told.get_mut(&alarm) else {
            told.insert(alarm, Told { at: now, unsaid: 0 });
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
