//! The witnesses: others who cosign this log's checkpoints after checking that it only grew. They are asked in the
//! background, each by a task of its own, about the same candidates; what they say is verified, kept and shown. No warning
//! waits for any of it, and no witness for another.

mod ask;
mod attend;
mod begin;
mod exchange;
mod keeper;
mod policy;
mod state;
mod store;

#[cfg(test)]
mod tests;

pub use begin::BehindWitnesses;
pub(in crate::relay) use keeper::Standing;
pub use policy::{BadWitnessPolicy, WitnessPolicy};
pub use state::{QuorumStatus, WitnessStatus, WitnessesStatus};

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use self::keeper::Keeper;
use self::state::State;
use super::contradictions::Contradictions;
use crate::alarm::Alarms;
use crate::fetch::Fetch;
use crate::journal::Index;
use crate::limits;
use crate::time::{Clock, Timestamp};

/// Whom a relay asks, and where it keeps what they say.
#[derive(Debug, Clone)]
pub struct WitnessOptions {
    /// Who they are.
    pub policy: WitnessPolicy,
    /// The store of cosigned checkpoints; none: in memory.
    pub store: Option<PathBuf>,
    /// How they are asked.
    pub times: WitnessTimes,
}

/// How often and how long witnesses are asked. Milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct WitnessTimes {
    /// Between two candidates.
    pub ask_every_ms: u64,
    /// Between two askings about the same.
    pub idle_ms: u64,
    /// Between two candidates that every witness is asked about.
    pub anchor_ms: u64,
    /// One exchange.
    pub answer_ms_max: u64,
    /// The longest wait before one that gave no cosignature is asked again.
    pub backoff_ms_max: u64,
    /// All exchanges of a start.
    pub start_ms_max: u64,
    /// How old the quorum may be.
    pub quorum_ms_max: i64,
    /// Between two alarms.
    pub alarm_every_ms: u64,
}

impl Default for WitnessTimes {
    fn default() -> Self {
        Self {
            ask_every_ms: limits::WITNESS_ASK_EVERY_MS,
            idle_ms: limits::WITNESS_IDLE_MS,
            anchor_ms: limits::WITNESS_ANCHOR_MS,
            answer_ms_max: limits::WITNESS_ANSWER_MS_MAX,
            backoff_ms_max: limits::WITNESS_BACKOFF_MS_MAX,
            start_ms_max: limits::WITNESS_START_MS_MAX,
            quorum_ms_max: limits::WITNESS_QUORUM_MS_MAX,
            alarm_every_ms: limits::WITNESS_ALARM_EVERY_MS,
        }
    }
}

/// The witnesses of a running relay.
pub(super) struct Witnesses {
    policy: WitnessPolicy,
    times: WitnessTimes,
    clock: Arc<dyn Clock>,
    began: Timestamp,
    fetch: Fetch,
    index: Index,
    keeper: Keeper,
    /// In the policy's order.
    states: Mutex<Vec<State>>,
    /// Of what a person must look at, by place and kind.
    alarms: Alarms<(usize, &'static str)>,
    contradictions: Arc<Contradictions>,
}

/// No store, no threads, no TLS.
#[derive(Debug, thiserror::Error)]
#[error("the witnesses cannot be asked: {0}")]
pub struct WitnessesError(String);

impl Witnesses {
    /// Opens the store. Asks nobody yet.
    pub(super) async fn open(
        options: WitnessOptions,
        contradictions: Arc<Contradictions>,
        index: Index,
        fetch: Fetch,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, WitnessesError> {
        let WitnessOptions { policy, store, times } = options;
        let failed = |error: &dyn std::fmt::Display| WitnessesError(error.to_string());
        if !policy.is_about(contradictions.log()) {
            return Err(WitnessesError(
                "the policy names this log with another key than its own".to_owned(),
            ));
        }
        let (rule, verifier) = (policy.policy().clone(), contradictions.log().clone());
        let opened = tokio::task::spawn_blocking(move || Keeper::open(store.as_deref(), &rule, &verifier));
        let keeper = opened.await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        let states = policy.witnesses().iter().map(|_| State::default()).collect();
        Ok(Arc::new(Self {
            policy,
            times,
            began: clock.now(),
            clock,
            fetch,
            index,
            keeper,
            states: Mutex::new(states),
            alarms: Alarms::default(),
            contradictions,
        }))
    }

    /// How the log stands with its witnesses, as it moves.
    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.keeper.standing().clone()
    }

    /// The newest note with the quorum; if there is none, with any cosignature.
    pub(super) fn cosigned(&self) -> Option<Arc<str>> {
        let standing = self.keeper.standing().borrow();
        let stand = standing.quorum.as_ref().or(standing.any.as_ref());
        stand.map(|stand| Arc::clone(&stand.note))
    }

    /// Whether the quorum was heard lately.
    pub(super) fn is_fresh(&self, standing: &Standing) -> bool {
        let now = self.clock.now();
        standing
            .quorum
            .as_ref()
            .is_some_and(|quorum| now.ms_since(quorum.heard) <= self.times.quorum_ms_max)
    }

    /// The first notes kept of a size, with their cosignatures. Blocks the thread.
    pub(super) fn at(&self, size: u64) -> Result<Option<Arc<str>>, String> {
        let kept = self.keeper.store().at(size).map_err(|e| e.to_string())?;
        Ok(kept.map(|kept| kept.first))
    }

    /// Around each record the newest note without it (with the newest cosignatures) and the oldest with it (with the first
    /// ones): distinct, by size. Blocks the thread.
    pub(super) fn around(&self, indexes: &[u64]) -> Result<Vec<Arc<str>>, String> {
        let mut notes = std::collections::BTreeSet::new();
        for index in indexes {
            let around = self.keeper.store().around(*index).map_err(|e| e.to_string())?;
            notes.extend(around.with.map(|(size, kept)| (size, 0, kept.first)));
            notes.extend(around.without.map(|(size, kept)| (size, 1, kept.newest)));
        }
        let mut distinct: Vec<Arc<str>> = Vec::with_capacity(notes.len());
        for (_, _, note) in notes {
            if distinct.last() != Some(&note) {
                distinct.push(note);
            }
        }
        Ok(distinct)
    }

    /// Returns when all that was cosigned is on stable storage, or could not be put there.
    pub(super) async fn close(&self) {
        self.keeper.close().await;
    }
}
