//! The verification of a copy, offline: against the log's key and the signed note that the copy brings. Whose view of the log it
//! is, a copy does not say, so what was withheld from whom is not asked.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use super::AuditError;
use super::copy::Copy;
use super::fault::{Fault, Wrong};
use super::over_network::lost;
use super::pipeline::{self, Batch, Broken, Feed, Growing};
use super::ready::KnownKeys;
use super::run::{Again, Anew, Audit, Begin, Halt, Kept, Watch, about, drive};
use super::state::StateDir;
use super::verify::{Verdict, Verifier};
use crate::limits;
use crate::transparency::LogVerifier;

enum Ended<E> {
    Failed(E),
    Again(Anew),
}

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
                second.await.map_err(ended)
            }
            Err(Ended::Again(again)) => {
                let second = self.once_over_copy(path, log, directory, Some(again), &mut watch);
                second.await.map_err(ended)
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
        let failed = |error: AuditError| Ended::Failed(error.into());
        let about = about(log, None);
        let kept = match again {
            None => self
                .resume(directory, &about, log)
                .map_err(|error| failed(error.into()))?,
            Some(_) => None,
        };
        let copy = Copy::open(path).map_err(|error| failed(error.into()))?;
        let verifier = Verifier::new(log.clone(), copy.note()).map_err(|fault| failed(bad(fault, 0)))?;
        let resumed = kept.as_ref().map(Kept::size);
        let held = kept.as_ref().map(|kept| kept.checkpoint(log));
        if let Some(older) = kept
            .as_ref()
            .filter(|kept| kept.size() > verifier.checkpoint().size())
        {
            // Of a log that is longer by now: the root that it had at this size is known.
            let checkpoint = verifier.checkpoint().checkpoint().clone();
            let known = older
                .root_at(checkpoint.size)
                .map_err(|error| failed(error.into()))?;
            if let Some(expected) = known.filter(|known| *known != checkpoint.root) {
                let (size, actual) = (checkpoint.size, checkpoint.root);
                let contradiction = Wrong::Contradiction {
                    size,
                    expected,
                    actual,
                };
                return Err(failed(bad(Fault::whole(contradiction), 0)));
            }
            return Err(Ended::Again((Again::Longer, checkpoint)));
        }
        let verifier = match &again {
            Some((_, held)) => verifier.continuing(held.clone()),
            None => Ok(verifier),
        };
        let verifier = verifier.map_err(|fault| failed(bad(fault, 0)))?;
        let mut verifier = self
            .verifier(verifier, None, directory, &about, kept)
            .map_err(|error| failed(error.into()))?;
        let begin = match (again, resumed) {
            (Some((again, _)), _) => Begin::Again(again),
            (None, Some(size)) => Begin::Resumed(size),
            (None, None) => Begin::Start,
        };
        watch
            .begins(begin, verifier.checkpoint())
            .map_err(Ended::Failed)?;
        let keys = Arc::new(KnownKeys::default());
        verifier.signing_keys().for_each(|key| keys.add(key));
        let (feed, mut line) = pipeline::begin(self.threads, keys, resumed.unwrap_or_default(), self.telling);
        let reading = std::thread::Builder::new().name("audit-copy".to_owned());
        reading
            .spawn(move || read(copy, feed))
            .map_err(|_| failed(lost().into()))?;
        match drive(&mut verifier, &mut line, 0, None, watch).await {
            Ok(verdict) => Ok(verdict),
            Err(Halt::Fault(fault, _)) => Err(match held {
                Some(held) => Ended::Again((Again::Fault, held)),
                None => failed(bad(fault, verifier.vouched())),
            }),
            Err(Halt::ShowsMore) => Err(match held {
                Some(held) => Ended::Again((Again::Scope, held)),
                None => failed(lost().into()),
            }),
            Err(Halt::State(error)) => Err(failed(error.into())),
            Err(Halt::Broken(Broken::Copy(error))) => Err(failed(error.into())),
            Err(Halt::Broken(Broken::Client(error))) => Err(failed(error.into())),
            Err(Halt::Broken(Broken::Lost)) => Err(failed(lost().into())),
            Err(Halt::Told(error)) => Err(Ended::Failed(error)),
        }
    }
}

fn ended<E: From<AuditError>>(ended: Ended<E>) -> E {
    match ended {
        Ended::Failed(error) => error,
        Ended::Again(_) => AuditError::State(lost()).into(),
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
