//! What the sequencer does with the keys of what is stored: one is made, or destroyed, before the command that needs it is
//! applied. A key is gone before the log tells so; and as long as no record tells it, no hold is placed, so that no log shows a
//! hold before the erasure that it came too late for.

use std::collections::BTreeSet;

use super::Sequencer;
use super::batch::{Batch, Decided};
use crate::domain::{Bucket, RecordKind, RetentionClass};
use crate::error::{ErrorCode, Refused};
use crate::journal::{IndexError, Journal, ReadError};
use crate::ledger::{Command, Facts};
use crate::limits;
use crate::retention::{Keyring, KeyringError};
use crate::time::Timestamp;
use crate::wire;

/// The bucket of what a command brings with it; none: it brings nothing, or nothing that can be recorded.
pub(super) fn bucket_of(facts: &dyn Facts, command: &Command, now: Timestamp) -> Option<Bucket> {
    let time = facts.last_time().ok()?.map_or(now, |last| last.max(now));
    match command {
        Command::Submit(admitted) => {
            let header = &admitted.content().header;
            // An absurd expiry, which is refused, gets no key.
            let expires = header.expires?;
            let ahead_ms = limits::LIFETIME_MS_MAX.saturating_mul(2);
            let class = RetentionClass::of(header.status, &header.handling);
            (expires.ms_since(time) <= ahead_ms).then(|| Bucket::of(class, expires, time))
        }
        Command::Acknowledge(admitted) => {
            let sent = admitted.content();
            sent.text.as_ref()?;
            let warning = facts.warning(&sent.acknowledgement.warning_digest).ok()??;
            Some(warning.bucket(time))
        }
        _ => None,
    }
}

/// The file of the keys could not be written.
pub(super) fn not_written() -> Refused {
    Refused::new(
        ErrorCode::Unavailable,
        "the relay could not write the keys that this needs: nothing was recorded",
    )
}

impl Sequencer {
    /// A hold waits while a key is destroyed and no record tells it: it would stand before an erasure that it cannot stop.
    pub(super) fn waits_for_erasure(&self, batch: &Batch, command: &Command) -> Option<Refused> {
        let waits = matches!(command, Command::PlaceHold(_))
            && self.untold.iter().any(|bucket| !batch.erasing.contains(bucket));
        waits.then(|| {
            Refused::new(
                ErrorCode::Unavailable,
                "what was erased is being told in the log: place the hold again in a moment",
            )
        })
    }

    /// Whether what is to be told stands in the log already: whoever asked was cut off, and asks again.
    pub(super) fn is_told(&self, batch: &Batch, command: &Command) -> Result<bool, IndexError> {
        let Command::Erase(erasure) = command else {
            return Ok(false);
        };
        let (index, thread) = (erasure.erased.index, &erasure.thread);
        let kept = self.index.is_kept(erasure.erased.bucket, index, &thread.desk)?;
        Ok(!kept || batch.told.contains(&(index, thread.clone())))
    }

    /// Makes the key that is needed, or destroys the one that is told to be, durably.
    pub(super) fn prepare(&mut self, batch: &mut Batch, decided: &Decided) -> Result<(), KeyringError> {
        if let Some(bucket) = decided.bucket() {
            self.keyring.ensure_all(&[bucket])?;
        }
        let Some(erased) = decided.erases() else {
            return Ok(());
        };
        let bucket = erased.bucket;
        let told = self.keyring.note(bucket).is_some() && !self.untold.contains(&bucket);
        if !told && !batch.erasing.contains(&bucket) {
            // If the block is not appended, the keyring remembers that it must be told.
            self.keyring.retire(bucket, erased.days, batch.next_index())?;
            self.untold.insert(bucket);
            batch.erasing.insert(bucket);
        }
        if let Some(first) = self.keyring.note(bucket).and_then(|note| note.first) {
            self.directory.erasure_began(bucket, first);
        }
        Ok(())
    }
}

/// The buckets whose keys are destroyed while no record tells it: the process ended in between.
pub(in crate::relay) async fn untold(
    journal: &dyn Journal,
    keyring: &Keyring,
) -> Result<BTreeSet<Bucket>, ReadError> {
    let mut untold = BTreeSet::new();
    for (bucket, _) in keyring.destroyed() {
        let first = keyring.note(bucket).and_then(|note| note.first);
        let told = match first {
            None => false,
            Some(first) => {
                let read = journal.read(first, 1, limits::BLOCK_BYTES_MAX).await?;
                read.iter().any(|(_, bytes)| tells(bytes, bucket))
            }
        };
        if !told {
            untold.insert(bucket);
        }
    }
    Ok(untold)
}

/// Whether a record tells of the erasure of something of a bucket.
pub(in crate::relay) fn tells(bytes: &[u8], bucket: Bucket) -> bool {
    wire::record(bytes)
        .is_ok_and(|record| matches!(record.kind, RecordKind::Erased(erased) if erased.bucket == bucket))
}
