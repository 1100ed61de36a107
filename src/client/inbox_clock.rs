//! Whether the clock is right enough to erase by what lies in the inbox: as at a relay, nothing is destroyed by a clock that is more
//! than two days ahead of what was last known, until it comes back or a person says that it is right. What is known is noted in the
//! inbox's keyring by each run that believed the clock; before the first, it is when the newest delivery was routed.

use super::error::ClientError;
use super::inbox::Inbox;
use super::inbox_file;
use super::inbox_keys::LockedKeys;
use crate::files::FileError;
use crate::retention::clock;
use crate::time::Timestamp;

/// The clock is ahead of what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the clock says {now}, and it was {known} when it was last known to be right: nothing is erased by it. If it is right, say so \
     once: wardline inbox erase --clock-checked"
)]
struct Ahead {
    now: Timestamp,
    known: Timestamp,
}

impl Inbox {
    /// Refuses a time that is too far ahead of what is known; any other is noted.
    pub(super) fn believe(&self, now: Timestamp) -> Result<(), ClientError> {
        let keys = self.keys().locked()?;
        let noted = keys.keyring.clock();
        let known = match noted {
            Some(noted) => Some(noted),
            None => self.newest_routed()?,
        };
        // Nothing ever came: nothing can be erased, and nothing shows that the clock is right.
        let Some(known) = known else {
            return Ok(());
        };
        if clock::is_ahead(now, known) {
            let ahead = Ahead { now, known };
            tracing::error!(error = %ahead, "nothing is erased in the inbox");
            return Err(ClientError::Invalid(ahead.to_string()));
        }
        note(&keys, noted.map_or(now, |noted| noted.max(now)))?;
        Ok(())
    }

    /// This is the time, says a person.
    pub(super) fn clock_checked(&self, now: Timestamp) -> Result<(), FileError> {
        note(&self.keys().locked()?, now)
    }

    fn newest_routed(&self) -> Result<Option<Timestamp>, FileError> {
        let mut newest = None;
        for name in self.list()?.into_keys() {
            let file = self.file(&name)?;
            newest = newest.max(file.and_then(|file| inbox_file::routed_at(file.clear())));
        }
        Ok(newest)
    }
}

fn note(keys: &LockedKeys, now: Timestamp) -> Result<(), FileError> {
    keys.done(keys.keyring.note_clock(now))
}
