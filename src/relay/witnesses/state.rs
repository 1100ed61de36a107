//! What is known of each witness, as operators and meters see it, and when a person must look.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use super::Witnesses;
use super::exchange::Refusal;
use super::policy::Asked;
use crate::time::Timestamp;

/// One witness.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The size that it has cosigned, as far as is known: where the next proof begins.
    known: Option<u64>,
    /// The largest that it has cosigned for this process.
    size: u64,
    /// By its clock.
    cosigned: Option<Timestamp>,
    /// By the relay's.
    heard: Option<Timestamp>,
    refusal: Option<Refusal>,
    refusals: BTreeMap<&'static str, u64>,
}

/// The witnesses, as an operator sees them.
#[derive(Debug, Clone)]
pub struct WitnessesStatus {
    /// What they make together; none: the policy asks for no quorum.
    pub quorum: Option<QuorumStatus>,
    /// Each, in the policy's order.
    pub witnesses: Vec<WitnessStatus>,
}

/// The quorum of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumStatus {
    /// Whether it was heard lately.
    pub met: bool,
    /// The largest size that has it; 0: none.
    pub size: u64,
    /// The earliest time by which it had cosigned that, by the witnesses' clocks.
    pub time: Option<Timestamp>,
}

/// One witness.
#[derive(Debug, Clone)]
pub struct WitnessStatus {
    /// In the policy.
    pub name: String,
    /// The largest size that it has cosigned since the start; 0: none.
    pub size: u64,
    /// When it did so last, by its clock.
    pub cosigned: Option<Timestamp>,
    /// For how long it has cosigned nothing, or since the start. Milliseconds.
    pub silent_ms: i64,
    /// Why its last answer gave no cosignature; empty: it did, or it has not answered yet.
    pub error: String,
    /// How often it gave none, by kind, one word each.
    pub refusals: Vec<(&'static str, u64)>,
}

impl Witnesses {
    pub(super) fn states(&self) -> MutexGuard<'_, Vec<State>> {
        // Nothing that holds the lock panics halfway.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The size from which the next proof to a witness begins, as far as is known.
    pub(super) fn known(&self, asked: &Asked) -> Option<u64> {
        self.states().get(asked.place)?.known
    }

    /// The same, to be remembered.
    pub(super) fn set_known(&self, asked: &Asked, known: Option<u64>) {
        if let Some(state) = self.states().get_mut(asked.place) {
            state.known = known;
        }
    }

    /// A witness has cosigned.
    pub(super) fn cosigned_by(&self, asked: &Asked, size: u64, time: Timestamp, now: Timestamp) {
        let before = {
            let mut states = self.states();
            let Some(state) = states.get_mut(asked.place) else {
                return;
            };
            state.size = state.size.max(size);
            state.cosigned = state.cosigned.max(Some(time));
            state.heard = Some(now);
            state.refusal.take()
        };
        if let Some(refusal) = before {
            tracing::info!(witness = asked.name, before = %refusal, "a witness cosigns again");
        }
    }

    /// A witness has not. Said once while it stays the same; what a person must look at, at once and then once a minute.
    pub(super) fn refused_by(&self, asked: &Asked, refusal: Refusal) {
        let now = self.clock.now();
        // Of a kind that is not the last one too: one that takes turns says no more than one that does not.
        let alarm = refusal
            .alarm()
            .and_then(|meaning| Some((meaning, self.alarms.due(&(asked.place, refusal.label()), now)?)));
        let is_new = {
            let mut states = self.states();
            let Some(state) = states.get_mut(asked.place) else {
                return;
            };
            let count = state.refusals.entry(refusal.label()).or_default();
            *count = count.saturating_add(1);
            let is_new = state.refusal.as_ref().map(Refusal::label) != Some(refusal.label());
            state.refusal = Some(refusal.clone());
            is_new
        };
        match alarm {
            Some((meaning, unsaid)) => tracing::error!(
                witness = asked.name, why = %refusal, %meaning, unsaid,
                "a witness contradicts this log: a person must look"
            ),
            None if is_new => {
                tracing::warn!(witness = asked.name, why = %refusal, "a witness does not cosign");
            }
            None => tracing::debug!(witness = asked.name, why = %refusal, "a witness does not cosign"),
        }
    }

    /// How all of it is now.
    pub(in crate::relay) fn status(&self) -> WitnessesStatus {
        let now = self.clock.now();
        let standing = self.keeper.standing().borrow().clone();
        let quorum = self.policy.policy().requires_witnesses().then(|| QuorumStatus {
            met: self.is_fresh(&standing),
            size: standing.quorum.as_ref().map_or(0, |quorum| quorum.size),
            time: standing.quorum.as_ref().and_then(|quorum| quorum.quorum_time),
        });
        let states = self.states();
        let witnesses = self
            .policy
            .witnesses()
            .iter()
            .zip(states.iter())
            .map(|(asked, state)| WitnessStatus {
                name: asked.name.clone(),
                size: state.size,
                cosigned: state.cosigned,
                silent_ms: now.ms_since(state.heard.unwrap_or(self.began)).max(0),
                error: state
                    .refusal
                    .as_ref()
                    .map_or_else(String::new, Refusal::to_string),
                refusals: state
                    .refusals
                    .iter()
                    .map(|(label, count)| (*label, *count))
                    .collect(),
            })
            .collect();
        WitnessesStatus { quorum, witnesses }
    }

    /// Who is missing, if the quorum is and a start is not the reason.
    pub(super) fn missing(&self) -> Option<Vec<String>> {
        let status = self.status();
        let late = self.clock.now().ms_since(self.began) > self.times.quorum_ms_max;
        if !late || status.quorum.is_none_or(|quorum| quorum.met) {
            return None;
        }
        let silent = status
            .witnesses
            .into_iter()
            .filter(|witness| witness.silent_ms > self.times.quorum_ms_max);
        let told = silent.map(|witness| match witness.error.is_empty() {
            true => witness.name,
            false => format!("{} ({})", witness.name, witness.error),
        });
        Some(told.collect())
    }
}
