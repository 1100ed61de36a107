//! The verification of a copy, offline: against the log's key and the signed note that the copy brings. Whose view of the log it
//! is, a copy does not say, so what was withheld from whom is not asked.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use super::AuditError;
use super::copy::Copy;
use super::fault::{Fault, Wrong};
use super::pipeline::{self, Batch, Broken, Feed, Growing};
use super::ready::KnownKeys;
use super::run::{Again, Anew, Audit, Begin, Ended, Kept, Watch, about, drive, lost};
use super::state::StateDir;
use super::verify::{Verdict, Verifier};
use crate::limits;
use crate::transparency::LogVerifier;

impl Audit {
    /// Verifies a copy against a log's key. A state that is kept is gone on from if the copy holds what was verified: every
    /// leaf hash of that is compared. If some of it was withheld then and is shown now, all is checked from the start.
    pub async fn over_copy<E: From<AuditError>>(
        &self,
        path: &Path,
        log: &LogVerifier,
        mut watch: impl Watch<E>,
    ) -> Result<Verdict, E> {
        let directory = self.open().map_err(AuditError::from)?;
        let directory = directory.as_ref();
        match self.once_over_copy(path, log, directory, None, &mut watch).await {
            Ok(verdict) => Ok(verdict),
            Err(Ended::Failed(error)) => Err(error),
            // What is kept of a longer log stays: it is worth more than what this copy gives.
            Err(Ended::Again(again @ (Again::Longer, _))) => {
                let beside = StateDir::temporary().map_err(AuditError::from)?;
                let second = self.once_over_copy(path, log, Some(&beside), Some(again), &mut watch);
                second.await.map_err(Ended::last)
            }
            Err(Ended::Again(again)) => {
                let second = self.once_over_copy(path, log, directory, Some(again), &mut watch);
                second.await.map_err(Ended::last)
            }
        }
    }

    async fn once_over_copy<E: From<AuditError>>(
        &self,
        path: &Path,
        log: &LogVerifier,
        directory: Option<&StateDir>,
        again: Option<Anew>,
        watch: &mut impl Watch<E>,
    ) -> Result<Verdict, Ended<E>> {
        let about = about(log, None);
        let kept = match again {
            None => self.resume(directory, &about, log).map_err(Ended::failed)?,
            Some(_) => None,
        };
        let copy = Copy::open(path).map_err(Ended::failed)?;
        let verifier =
            Verifier::new(log.clone(), copy.note()).map_err(|fault| Ended::failed(bad(fault, 0)))?;
        let resumed = kept.as_ref().map(Kept::size);
        let held = kept.as_ref().map(|kept| kept.checkpoint(log));
        if let Some(older) = kept
            .as_ref()
            .filter(|kept| kept.size() > verifier.checkpoint().size())
        {
            // Of a log that is longer by now: the root that it had at this size is known.
            let checkpoint = verifier.checkpoint().checkpoint().clone();
            let known = older.root_at(checkpoint.size).map_err(Ended::failed)?;
            if let Some(expected) = known.filter(|known| *known != checkpoint.root) {
                let (size, actual) = (checkpoint.size, checkpoint.root);
                let contradiction = Wrong::Contradiction {
                    size,
                    expected,
                    actual,
                };
                return Err(Ended::failed(bad(Fault::whole(contradiction), 0)));
            }
            return Err(Ended::Again((Again::Longer, checkpoint)));
        }
        let verifier = match &again {
            Some((_, held)) => verifier.continuing(held.clone()),
            None => Ok(verifier),
        };
        let verifier = verifier.map_err(|fault| Ended::failed(bad(fault, 0)))?;
        let mut verifier = self
            .verifier(verifier, None, directory, &about, kept)
            .map_err(Ended::failed)?;
        watch
            .begins(Begin::of(again.as_ref(), resumed), verifier.checkpoint())
            .map_err(Ended::Failed)?;
        let keys = Arc::new(KnownKeys::default());
        verifier.signing_keys().for_each(|key| keys.add(key));
        let (feed, mut line) = pipeline::begin(self.threads, keys, resumed.unwrap_or_default(), self.telling);
        let reading = std::thread::Builder::new().name("audit-copy".to_owned());
        reading
            .spawn(move || read(copy, feed))
            .map_err(|_| Ended::failed(lost()))?;
        let outcome = drive(&mut verifier, &mut line, 0, None, watch).await;
        outcome.map_err(|halt| Ended::of(halt, held, |fault| bad(fault, verifier.vouched())))
    }
}

fn bad(fault: Fault, vouched: u64) -> AuditError {
    AuditError::CopyFault {
        fault: Box::new(fault),
        vouched,
    }
}

/// Reads a copy ahead of the verifier, as far as there is room.
fn read(mut copy: Copy<BufReader<File>>, feed: Feed) {
    let mut growing = Growing::new();
    loop {
        match copy.chunks(growing.next(), limits::AUDIT_BATCH_BYTES_MAX) {
            Ok(Some((first, chunks))) => {
                if !feed.put_blocking(Batch::Copied(first, chunks)) {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => return feed.break_off_blocking(Broken::Copy(error)),
        }
    }
}
