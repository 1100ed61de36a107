//! Before a relay begins it asks the witnesses whether it is behind its own history (the rule: docs/operations.md, "What a
//! start asks"). A checkpoint under its own key that is not on its log stops it, and so does a quorum that says a larger size. One witness's bare word
//! is an alarm and no more, for a hostile witness must not stop a relay; and nobody's silence does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::Witnesses;
use super::ask::Candidate;
use super::exchange::Refusal;
use super::policy::Asked;
use crate::domain::KeyId;
use crate::journal::Head;
use crate::transparency::{Policy, SignedCheckpoint};

/// What one witness said at a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// It cosigned, or has cosigned what is on this log.
    Agrees,
    /// It names a larger size.
    Larger(u64),
    /// It says that it has cosigned another tree.
    Contradicts(u64),
    /// It shows a checkpoint under this log's own key that is not on this log: larger, or of another tree.
    Shows(Box<SignedCheckpoint>),
    /// Nothing that says anything.
    Nothing,
}

/// Why a relay does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BehindWitnesses {
    /// Proven.
    #[error(
        "{by} shows a checkpoint of size {size} that this log's own key has signed and that is not on this log: \
         the journal is an old or another copy, or another relay runs with this key"
    )]
    Signed {
        /// Who shows it: a witness or a follower.
        by: String,
        /// Its size.
        size: u64,
    },
    /// Enough witnesses say so.
    #[error(
        "a quorum of the witnesses has cosigned up to size {size}, and this log has {own} records: the journal is an old copy"
    )]
    Quorum {
        /// The smallest that one of them names.
        size: u64,
        /// This log's.
        own: u64,
    },
}

/// What was heard is no reason not to start: so many have answered.
pub(super) fn judge(
    policy: &Policy,
    own: u64,
    heard: &[(String, KeyId, Heard)],
) -> Result<u32, BehindWitnesses> {
    let (mut reached, mut larger, mut least) = (0u32, BTreeSet::new(), u64::MAX);
    for (name, key, heard) in heard {
        match heard {
            Heard::Nothing => continue,
            Heard::Agrees | Heard::Contradicts(_) => {}
            Heard::Larger(size) => {
                larger.insert(*key);
                least = least.min(*size);
            }
            Heard::Shows(shown) => {
                return Err(BehindWitnesses::Signed {
                    by: name.clone(),
                    size: shown.size(),
                });
            }
        }
        reached = reached.saturating_add(1);
    }
    match policy.requires_witnesses() && policy.is_met(&larger) {
        true => Err(BehindWitnesses::Quorum { size: least, own }),
        false => Ok(reached),
    }
}

impl Witnesses {
    /// Asks all at once about the log's head, within the bound of a start.
    pub(in crate::relay) async fn begin(&self, note: &Arc<str>, head: Head) -> Result<u32, BehindWitnesses> {
        let candidate = match self.candidate(note) {
            Ok(candidate) => candidate,
            Err(error) => {
                tracing::error!(%error, "the log's own checkpoint does not verify");
                return Ok(0);
            }
        };
        let asked = self.policy.witnesses();
        let heard = join_all(asked.iter().map(|asked| self.hear(asked, &candidate, head))).await;
        let heard: Vec<_> = asked
            .iter()
            .zip(heard)
            .map(|(asked, heard)| (asked.named(), asked.verifier.public_key().keyid(), heard))
            .collect();
        for (name, _, heard) in &heard {
            if let Heard::Shows(shown) = heard {
                self.contradictions.keep(name, shown).await;
            }
        }
        let reached = judge(self.policy.policy(), head.size, &heard)?;
        tracing::info!(reached, asked = asked.len(), "the witnesses were asked");
        Ok(reached)
    }

    async fn hear(&self, asked: &Asked, candidate: &Candidate, head: Head) -> Heard {
        let bound = Duration::from_millis(self.times.start_ms_max);
        let mut known = None;
        let asking = tokio::time::timeout(bound, self.ask(asked, candidate, &mut known, || head.size));
        let showing = tokio::time::timeout(bound, self.shown(asked));
        let (answered, shown) = tokio::join!(asking, showing);
        if let Ok(Some(shown)) = shown
            && let Ok(true) = self.contradictions.contradicts(&shown, head).await
        {
            return Heard::Shows(Box::new(shown));
        }
        match answered {
            Ok(Ok(_)) => {
                self.set_known(asked, known);
                Heard::Agrees
            }
            Ok(Err(refusal)) => {
                let heard = match &refusal {
                    Refusal::Larger(size) => Heard::Larger(*size),
                    Refusal::Contradicts(size) => Heard::Contradicts(*size),
                    Refusal::Unreachable(_)
                    | Refusal::TimedOut
                    | Refusal::Broken(_)
                    | Refusal::UnknownLog
                    | Refusal::Forbidden
                    | Refusal::BadRequest
                    | Refusal::NoSize
                    | Refusal::Unsigned
                    | Refusal::BadSignature
                    | Refusal::Clock
                    | Refusal::Status(_)
                    | Refusal::Relay(_) => Heard::Nothing,
                };
                self.refused_by(asked, refusal);
                heard
            }
            Err(_) => {
                self.refused_by(asked, Refusal::TimedOut);
                Heard::Nothing
            }
        }
    }
}
