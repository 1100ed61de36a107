//! One asking: a witness gets a checkpoint with the proof that the log has only grown since the size that the witness has,
//! which it may have to say first.

use std::sync::Arc;

use super::Witnesses;
use super::exchange::{self, Refusal, Reply};
use super::keeper::Cosigned;
use super::policy::Asked;
use crate::domain::Hash;
use crate::fetch::Bounds;
use crate::limits;
use crate::transparency::{
    AddCheckpoint, CosignedCheckpoint, SignedCheckpoint, consistency_proof, origin_hash,
};

/// The specification names none for a request.
const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// What the witnesses are asked about: a durable checkpoint, the same for all.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) size: u64,
    pub(super) note: Arc<str>,
    /// The same, opened under the policy; no cosignature is on it.
    pub(super) checkpoint: CosignedCheckpoint,
}

/// How an asking ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// It cosigned, and that is kept.
    Cosigned,
    /// It has cosigned a larger size of this log already.
    Ahead(u64),
}

impl Witnesses {
    /// A candidate from a signed note of this log's own.
    pub(super) fn candidate(&self, note: &Arc<str>) -> Result<Candidate, String> {
        let opened = self.contradictions.log().open(note).map_err(|e| e.to_string())?;
        let checkpoint = self
            .policy
            .policy()
            .open_signed(opened)
            .map_err(|e| e.to_string())?;
        Ok(Candidate {
            size: checkpoint.checkpoint().size,
            note: Arc::clone(note),
            checkpoint,
        })
    }

    /// Asks one witness. `known` is the size that it has cosigned, as far as is known; `newest` gives the log's size, and is
    /// asked when an answer has come: the log grows meanwhile.
    pub(super) async fn ask(
        &self,
        asked: &Asked,
        candidate: &Candidate,
        known: &mut Option<u64>,
        newest: impl Fn() -> u64,
    ) -> Result<Asking, Refusal> {
        let url = asked.url.below("add-checkpoint");
        let url = url.map_err(|error| Refusal::Relay(error.to_string()))?;
        for _ in 0..limits::WITNESS_REQUESTS_PER_ASKING_MAX {
            let old = known.unwrap_or(0);
            if old > candidate.size {
                return Ok(Asking::Ahead(old));
            }
            let request = AddCheckpoint {
                old_size: old,
                proof: self.proof(old, candidate.size).await?,
                note: candidate.note.to_string(),
            };
            let body = request.to_string().into();
            let answer = self.fetch.post(&url, CONTENT_TYPE, body, self.bounds()).await?;
            match exchange::reply(&answer, candidate.size)? {
                Reply::Lines(lines) => {
                    let now = self.clock.now();
                    let (line, cosignature) = exchange::cosigned(asked, &candidate.checkpoint, &lines, now)?;
                    *known = Some(candidate.size);
                    self.cosigned_by(asked, candidate.size, cosignature.time, now);
                    self.keeper.add(Cosigned {
                        checkpoint: candidate.checkpoint.clone(),
                        witness: cosignature.witness,
                        line,
                        at: now,
                    });
                    return Ok(Asking::Cosigned);
                }
                Reply::Conflict(Some(size)) if size > newest() => return Err(Refusal::Larger(size)),
                // It has just that size, and does not take this tree of it.
                Reply::Conflict(size)
                    if old > 0 && old == candidate.size && size.is_none_or(|size| size == old) =>
                {
                    return Err(Refusal::Contradicts(candidate.size));
                }
                Reply::Conflict(Some(size)) if Some(size) != *known && (size != 0 || known.is_some()) => {
                    *known = Some(size);
                }
                Reply::Conflict(_) => return Err(Refusal::NoSize),
            }
        }
        Err(Refusal::NoSize)
    }

    async fn proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, Refusal> {
        if old == 0 || old == new {
            return Ok(Vec::new());
        }
        let index = self.index.clone();
        let read = move || consistency_proof(old, new, &index).map_err(|e| e.to_string());
        let relay = |error: String| Refusal::Relay(error);
        self.contradictions
            .threads()
            .run(read)
            .await
            .map_err(|busy| relay(busy.to_string()))?
            .map_err(relay)
    }

    /// The last note of this log that a witness shows, if it shows one under this log's signature. A witness of Wardline's
    /// shows it below the hash of the origin; others may show nothing.
    pub(super) async fn shown(&self, asked: &Asked) -> Option<SignedCheckpoint> {
        let path = format!("{}/checkpoint", origin_hash(self.contradictions.log().origin()));
        let url = asked.url.below(&path).ok()?;
        let answer = self.fetch.get(&url, self.bounds()).await.ok()?;
        (answer.status == http::StatusCode::OK)
            .then(|| self.contradictions.signed(&answer.body))
            .flatten()
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            time_ms: self.times.answer_ms_max,
            answer_bytes: limits::WITNESS_ANSWER_BYTES_MAX,
        }
    }
}
