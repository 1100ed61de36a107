//! The verification of a relay's log over the network, for one profile: every record in its scope, against the checkpoint
//! that the relay shows now and the one that the profile verified before. A fault is looked for to its first record, and
//! what it was found in is kept.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::copy::CopyError;
use super::fault::Fault;
use super::locate::{Prover, locate};
use super::pipeline::{self, Batch, Broken, Feed, Growing};
use super::ready::KnownKeys;
use super::run::{Again, Anew, Audit, Begin, Ended, Halt, Kept, Watch, about, drive};
use super::state::{StateDir, StateError};
use super::verify::{Stop, Verdict, Verifier};
use crate::client::{Client, ClientError, Replay};
use crate::domain::{Hash, Record, ReplayedContent, ReplayedRecord};
use crate::error::ErrorCode;
use crate::limits;

/// Why an audit gave no verdict.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log, or what was shown of it, is bad.
    #[error("{fault}{}", kept(.evidence))]
    Fault {
        /// What, and where first.
        fault: Box<Fault>,
        /// Where what was shown is kept.
        evidence: Option<PathBuf>,
    },
    /// A copy is bad. Without the relay's proofs, or another copy, no more can be told of where.
    #[error("{fault}{}", vouched_for(*.vouched))]
    CopyFault {
        /// What, and where it shows.
        fault: Box<Fault>,
        /// How many of its records are those that somebody had seen who signed in it.
        vouched: u64,
    },
    /// A copy does not read.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The replay could not be had, or its checkpoint contradicts what was verified before.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The auditor's own state serves nothing.
    #[error(transparent)]
    State(StateError),
}

fn kept(evidence: &Option<PathBuf>) -> String {
    match evidence {
        Some(path) => format!(" (kept in {})", path.display()),
        None => String::new(),
    }
}

fn vouched_for(records: u64) -> String {
    match records {
        0 => String::new(),
        records => format!(
            " (the first {records} records are the log as signers in it had seen it: what differs stands at record {records} or after)"
        ),
    }
}

/// Verifies the whole log as far as the profile may see it, with its facts in memory. `each` is given every index as it
/// passes, with its record if that is in scope: checked by itself, but the tree is known to be the signed one only at the end.
///
/// Memory grows by 64 bytes a record, by the facts of each warning, and with `telling` by the timeline. See [`Audit`] for
/// logs of any length.
pub async fn verify<E: From<AuditError>>(
    client: &Client,
    telling: bool,
    each: impl FnMut(&ReplayedRecord, Option<&Record>) -> Result<(), E>,
) -> Result<Verdict, E> {
    let audit = Audit::new().in_memory();
    let audit = if telling { audit.telling() } else { audit };
    audit.over_network(client, each).await
}

impl Audit {
    /// Verifies the log of a profile's relay.
    pub async fn over_network<E: From<AuditError>>(
        &self,
        client: &Client,
        mut watch: impl Watch<E>,
    ) -> Result<Verdict, E> {
        let directory = self.open().map_err(AuditError::from)?;
        let directory = directory.as_ref();
        match self.once(client, directory, None, &mut watch).await {
            Ok(verdict) => Ok(verdict),
            Err(Ended::Failed(error)) => Err(error),
            Err(Ended::Again(again)) => {
                let second = self.once(client, directory, Some(again), &mut watch).await;
                second.map_err(Ended::last)
            }
        }
    }

    async fn once<E: From<AuditError>>(
        &self,
        client: &Client,
        directory: Option<&StateDir>,
        again: Option<Anew>,
        watch: &mut impl Watch<E>,
    ) -> Result<Verdict, Ended<E>> {
        let (log, viewer) = (&client.settings().log, client.settings().principal.agency());
        let about = about(log, viewer);
        let kept = match again {
            None => self.resume(directory, &about, log).map_err(Ended::failed)?,
            Some(_) => None,
        };
        let before = client.newest_checkpoint().await;
        let from = kept.as_ref().map_or(0, Kept::size);
        let held = kept.as_ref().map(|kept| kept.checkpoint(log));
        let resumed = kept.is_some();
        let replay = match client.replay(from, 0, true).await {
            Ok(replay) => replay,
            // Either this log is shorter, or somebody says so.
            Err(error) => {
                return Err(match held.filter(|_| knows_no_such_index(&error)) {
                    Some(held) => Ended::Again((Again::Longer, held)),
                    None => Ended::failed(error),
                });
            }
        };
        let unfounded = |fault: Fault| match &held {
            Some(held) => Ended::Again((Again::Fault, held.clone())),
            None => Ended::failed(not_kept(fault)),
        };
        if from > replay.checkpoint().size()
            && let Some(held) = held
        {
            return Err(Ended::Again((Again::Longer, held)));
        }
        let verifier = Verifier::new(log.clone(), replay.checkpoint().note())
            .and_then(|verifier| verifier.continuing(before.checkpoint().clone()))
            .and_then(|verifier| match &again {
                Some((_, held)) => verifier.continuing(held.clone()),
                None => Ok(verifier),
            })
            .map_err(unfounded)?;
        let mut verifier = self
            .verifier(verifier, viewer, directory, &about, kept)
            .map_err(Ended::failed)?;
        verifier.check_before_resumed().map_err(|stop| match stop {
            Stop::Fault(fault) => unfounded(fault),
            Stop::State(error) => Ended::failed(error),
        })?;
        watch
            .begins(
                Begin::of(again.as_ref(), resumed.then_some(from)),
                verifier.checkpoint(),
            )
            .map_err(Ended::Failed)?;
        let keys = Arc::new(KnownKeys::default());
        verifier.signing_keys().for_each(|key| keys.add(key));
        let (feed, mut line) = pipeline::begin(self.threads, keys, 0, self.telling);
        tokio::spawn(fetch(replay, feed));
        let prover = directory.map(|_| (client, self.keep_every));
        match drive(&mut verifier, &mut line, from, prover, watch).await {
            Ok(verdict) => match held.filter(|_| verifier.sees_more()) {
                Some(held) => Err(Ended::Again((Again::Scope, held))),
                None => Ok(verdict),
            },
            Err(Halt::Fault(fault, shown)) if held.is_none() => {
                let fault = convicted(client, &verifier, fault, shown.as_deref()).await;
                Err(Ended::failed(fault))
            }
            Err(halt) => Err(Ended::of(halt, held, not_kept)),
        }
    }
}

/// Reads a replay ahead of the verifier, as far as there is room.
async fn fetch(mut replay: Replay, feed: Feed) {
    let mut growing = Growing::new();
    loop {
        let (records_max, mut batch, mut bytes) = (growing.next(), Vec::new(), 0usize);
        let end = loop {
            match replay.next().await {
                Ok(Some(shown)) => {
                    bytes = bytes.saturating_add(bytes_of(&shown));
                    batch.push(shown);
                    if batch.len() >= records_max || bytes >= limits::AUDIT_BATCH_BYTES_MAX {
                        break None;
                    }
                }
                Ok(None) => break Some(None),
                Err(error) => break Some(Some(error)),
            }
        };
        if !batch.is_empty() && !feed.put(Batch::Shown(batch)).await {
            return;
        }
        match end {
            None => {}
            Some(None) => return,
            Some(Some(error)) => return feed.break_off(Broken::Client(error)).await,
        }
    }
}

fn bytes_of(shown: &ReplayedRecord) -> usize {
    let record = match &shown.content {
        ReplayedContent::Record(bytes) => bytes.len(),
        ReplayedContent::LeafHash(_) => 32,
    };
    record.saturating_add(shown.part.as_ref().map_or(0, |part| part.content.len()))
}

/// A fault of which there is nothing to keep beside what the profile keeps anyway.
fn not_kept(fault: Fault) -> AuditError {
    AuditError::Fault {
        fault: Box::new(fault),
        evidence: None,
    }
}

/// Looks for the first bad record, and keeps what was shown.
async fn convicted(
    client: &Client,
    verifier: &Verifier,
    fault: Fault,
    shown: Option<&ReplayedRecord>,
) -> AuditError {
    let fault = locate(verifier, fault, client).await;
    let index = shown.map_or(verifier.shown(), |shown| shown.index);
    let sentence = fault.to_string();
    let mut parts: Vec<(&str, &[u8])> = vec![
        ("checkpoint", verifier.checkpoint().note().as_bytes()),
        ("fault.txt", sentence.as_bytes()),
    ];
    if let Some(ReplayedContent::Record(bytes)) = shown.map(|shown| &shown.content) {
        parts.push(("record", bytes));
    }
    let name = format!("audit-{}-{index}", verifier.checkpoint().size());
    AuditError::Fault {
        evidence: client.keep_evidence(&name, &parts),
        fault: Box::new(fault),
    }
}

#[async_trait]
impl Prover for Client {
    type Error = ClientError;
    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, ClientError> {
        self.consistency_proof(old, new).await
    }
}

/// Whether a relay refuses a replay because its log ends before that index, and not because it is busy or does not serve us.
fn knows_no_such_index(error: &ClientError) -> bool {
    error.code() == Some(ErrorCode::InvalidRequest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Refusal;
    use crate::error::{Refused, SideEffect};

    /// Only what says that there is no such index begins an audit anew; a relay that is full, drains or refuses us ends it.
    #[test]
    fn only_a_shorter_log_begins_anew() {
        for (code, anew) in [
            (ErrorCode::InvalidRequest, true),
            (ErrorCode::Overloaded, false),
            (ErrorCode::Draining, false),
            (ErrorCode::PermissionDenied, false),
        ] {
            let refused = ClientError::from(Refusal {
                refused: Refused::new(code, "no"),
                side_effect: SideEffect::None,
                rejected_at: None,
            });
            assert_eq!(knows_no_such_index(&refused), anew, "{code:?}");
        }
    }
}
