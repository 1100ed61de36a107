//! The heartbeat file: until when the relay ran, if it ends without a word. It is no record and proves nothing; losing
//! it only moves `stopped_at` back to the last record.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::limits;
use crate::time::{Clock, Timestamp};

/// When the relay that wrote this file last ran; none: no such file, or nothing that can be read.
pub(super) fn last(path: &Path) -> Option<Timestamp> {
    let text = std::fs::read_to_string(path).ok()?;
    text.trim().parse().ok().map(Timestamp::from_unix_ms)
}

/// Says that the relay runs at `now`. The file is whole whenever it is read.
fn beat(path: &Path, now: Timestamp) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    std::fs::write(&unfinished, format!("{}\n", now.unix_ms()))?;
    std::fs::rename(&unfinished, path)
}

/// Rewrites the file every [`limits::HEARTBEAT_MS`] until it is dropped.
pub(super) fn start(path: PathBuf, clock: Arc<dyn Clock>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(limits::HEARTBEAT_MS));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (path, now) = (path.clone(), clock.now());
            let written = tokio::task::spawn_blocking(move || beat(&path, now)).await;
            if let Ok(Err(error)) = written {
                tracing::warn!(%error, "the heartbeat file was not written");
            }
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The last beat is read back; a file that is not there or not a time says nothing.
    #[test]
    fn the_last_beat_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("heartbeat");
        assert_eq!(last(&path), None);
        for ms in [5, 1_700_000_000_000] {
            let now = Timestamp::from_unix_ms(ms);
            beat(&path, now).unwrap();
            assert_eq!(last(&path), Some(now));
        }
        std::fs::write(&path, "soon").unwrap();
        assert_eq!(last(&path), None);
    }
}
