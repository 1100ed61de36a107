//! Watches of one warning, and replays of the log: streams that read on from a cursor.

use std::sync::Arc;

use super::{Failure, ReplayedRecord, WatchEvent};

/// One warning's records from the beginning on, as they become durable.
pub struct WarningWatch(());

impl WarningWatch {
    /// The next event; `None` after `Ending`. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        None
    }
}

/// Every index of a range of the log.
pub struct Replay {
    checkpoint: Arc<str>,
}

impl Replay {
    /// The checkpoint that the range is of.
    pub fn checkpoint(&self) -> &Arc<str> {
        &self.checkpoint
    }

    /// The next index; `None` at the end. A failure is the last.
    pub async fn next(&mut self) -> Option<Result<ReplayedRecord, Failure>> {
        None
    }
}
