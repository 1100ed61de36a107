//! The witness itself: one request at a time for each log, from the signature's check to the durable state to the
//! cosignature.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tracing::{error, info, warn};

use super::evidence::{Evidence, Kept};
use super::log::{Against, LogState, Refused};
use crate::domain::Origin;
use crate::files::FileError;
use crate::time::{Clock, Timestamp};
use crate::transparency::{
    AddCheckpoint, InvalidNote, LogVerifier, Policy, SignedCheckpoint, WitnessKey, WitnessVerifier,
    origin_hash,
};

/// Why no cosignature is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a request, or its note is no checkpoint of the form that this witness knows.
    #[error("not an add-checkpoint request with a checkpoint without extension lines")]
    Malformed,
    /// The old size is larger than the new.
    #[error("the old size is larger than the checkpoint's")]
    OldSizeLarger,
    /// This witness does not witness that log.
    #[error("this witness does not know the log of that origin")]
    UnknownLog,
    /// The log's key has not signed, or its signature does not verify.
    #[error("the checkpoint is not signed by the key that this witness knows for its log")]
    NotSigned,
    /// The old size is not the one that was cosigned last, which is this.
    #[error("the checkpoint that was cosigned last has size {0}")]
    Stale(u64),
    /// Another root was cosigned at that size.
    #[error("another root was cosigned at this size: the log has forked")]
    Fork,
    /// The consistency proof does not verify.
    #[error("the consistency proof does not lead from the checkpoint that was cosigned last to this one")]
    Inconsistent,
    /// The new state could not be made durable; nothing was cosigned.
    #[error("the state could not be stored; nothing was cosigned")]
    NotDurable,
    /// This witness has seen its own cosignature on a later state than it remembers.
    #[error("this witness has lost its state of that log, and cosigns it no more")]
    Forgotten,
}

/// Where the state is made durable.
pub(super) trait Store: Send + Sync {
    /// Replaces what is kept of a log. When it returns without error, the bytes are on stable storage; after an error
    /// either the old or the new ones may be found by a later start.
    fn save(&self, log: &Origin, bytes: &[u8]) -> Result<(), FileError>;
    /// Keeps a file of evidence.
    fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), FileError>;
}

/// A witness of some logs.
pub struct Witness {
    key: WitnessKey,
    logs: BTreeMap<Origin, Watched>,
    store: Box<dyn Store>,
    kept: Kept,
    clock: Arc<dyn Clock>,
}

/// One log.
pub(super) struct Watched {
    log: LogVerifier,
    /// Knows this log and this witness, by whose own cosignature the stored state is checked.
    policy: Policy,
    /// Held from the check to the durable state.
    state: Mutex<Guarded>,
    /// The last cosigned note, for readers: they never wait for a disk.
    shown: RwLock<Option<Arc<str>>>,
}

struct Guarded {
    state: LogState,
    /// Our own cosignature on a later state has been seen: this one is not the last.
    forgotten: bool,
}

impl Watched {
    pub(super) fn new(log: LogVerifier, policy: Policy, state: LogState) -> Self {
        let shown = state.held().map(|held| held.note().into());
        Self {
            log,
            policy,
            state: Mutex::new(Guarded {
                state,
                forgotten: false,
            }),
            shown: RwLock::new(shown),
        }
    }
}

impl Witness {
    pub(super) fn new(
        key: WitnessKey,
        logs: impl IntoIterator<Item = Watched>,
        store: Box<dyn Store>,
        kept: Kept,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let logs = logs
            .into_iter()
            .map(|watched| (watched.log.origin().clone(), watched))
            .collect();
        Self {
            key,
            logs,
            store,
            kept,
            clock,
        }
    }

    /// What others verify this witness's cosignatures by.
    pub fn verifier(&self) -> &WitnessVerifier {
        self.key.verifier()
    }

    /// The logs that it witnesses, with the size that it cosigned last of each.
    pub fn logs(&self) -> Vec<(Origin, Option<u64>)> {
        let size = |watched: &Watched| {
            let guarded = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
            guarded.state.held().map(|held| held.checkpoint().size)
        };
        self.logs
            .iter()
            .map(|(origin, watched)| (origin.clone(), size(watched)))
            .collect()
    }

    /// The last cosigned note of the log whose origin has this hash, with the log's and this witness's signature.
    pub fn last(&self, log: &str) -> Option<Arc<str>> {
        let (_, watched) = self.logs.iter().find(|(origin, _)| origin_hash(origin) == log)?;
        watched
            .shown
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Answers a request for a cosignature: the signature line. Blocks on the disk.
    pub fn add_checkpoint(&self, request: &str) -> Result<String, Refusal> {
        let request = AddCheckpoint::parse(request).map_err(|_| Refusal::Malformed)?;
        let watched = request
            .origin()
            .parse::<Origin>()
            .ok()
            .and_then(|origin| self.logs.get(&origin))
            .ok_or(Refusal::UnknownLog)?;
        let offered = watched
            .log
            .open_bare(&request.note)
            .map_err(|error| match error {
                InvalidNote::NotSigned | InvalidNote::BadSignature => Refusal::NotSigned,
                InvalidNote::TooLong
                | InvalidNote::Malformed
                | InvalidNote::Size
                | InvalidNote::Extension
                | InvalidNote::WrongOrigin
                | InvalidNote::BadCosignature => Refusal::Malformed,
            })?;
        if request.old_size > offered.size() {
            return Err(Refusal::OldSizeLarger);
        }
        let own = self.own_word(watched, &request);
        // A panic elsewhere poisons the lock; the state behind it is still the last durable one.
        let mut guarded = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
        if own.is_some_and(|own| is_later(own, &guarded.state)) && !guarded.forgotten {
            guarded.forgotten = true;
            error!(origin = %watched.log.origin(), size = offered.size(), known = guarded.state.size(),
                "this witness's own cosignature is later than its state: the state was lost, and the log is cosigned no more");
        }
        if guarded.forgotten {
            return Err(Refusal::Forgotten);
        }
        if let Err(refused) = guarded.state.judge(&request, &offered) {
            let size = guarded.state.size();
            drop(guarded);
            return Err(self.refuse(watched, &request, &offered, refused, size));
        }
        self.cosign(watched, &mut guarded.state, offered)
    }

    /// The size and the last time of this witness's own cosignatures on a note that it is shown. Nobody else can make one.
    fn own_word(&self, watched: &Watched, request: &AddCheckpoint) -> Option<(u64, Timestamp)> {
        if !request.note.contains(self.key.verifier().name().as_str()) {
            return None;
        }
        let own = watched.policy.open(&request.note).ok()?;
        let times = own.cosignatures().iter().map(|own| own.time);
        times.max().map(|time| (own.checkpoint().size, time))
    }

    fn cosign(
        &self,
        watched: &Watched,
        state: &mut LogState,
        offered: SignedCheckpoint,
    ) -> Result<String, Refusal> {
        let now = self.clock.now();
        let time = state.time().map_or(now, |last| last.max(now));
        let line = self.key.cosign(offered.checkpoint(), time);
        let cosigned = watched
            .policy
            .open_signed(offered)
            .and_then(|opened| opened.merged(&line))
            .map_err(|_| Refusal::NotDurable)?;
        if state.held() == Some(&cosigned) {
            // Asked again within the second: the same bytes, which are durable.
            return Ok(line);
        }
        let bytes = super::format::state_bytes(&watched.log, Some(cosigned.note()));
        if let Err(error) = self.store.save(watched.log.origin(), &bytes) {
            // Either may be on the disk now. What was published is on it for certain, and stays what we go by.
            error!(%error, origin = %watched.log.origin(), "the state could not be stored; nothing was cosigned");
            return Err(Refusal::NotDurable);
        }
        let size = cosigned.checkpoint().size;
        if size > state.size() {
            info!(origin = %watched.log.origin(), size, "cosigned");
        }
        *watched.shown.write().unwrap_or_else(PoisonError::into_inner) = Some(cosigned.note().into());
        state.hold(cosigned);
        Ok(line)
    }

    fn refuse(
        &self,
        watched: &Watched,
        request: &AddCheckpoint,
        offered: &SignedCheckpoint,
        refused: Refused,
        size: u64,
    ) -> Refusal {
        if let Some((kind, held)) = refused.contradicts {
            let origin = watched.log.origin();
            if let Some(name) = self.kept.take(kind, origin, offered) {
                let evidence = Evidence::of(kind, &watched.log, &held, offered, request, self.clock.now());
                match self.store.keep(&name, &evidence.to_bytes()) {
                    Ok(()) => {
                        warn!(%origin, kind = kind.word(), size = offered.size(), held = held.size(), file = name,
                            "a checkpoint is at odds with what the log signed before; both are kept");
                    }
                    Err(error) => {
                        self.kept.give_back(&name);
                        error!(%error, %origin, "evidence against a log could not be kept");
                    }
                }
            }
        }
        match refused.why {
            Against::Stale => Refusal::Stale(size),
            Against::Fork => Refusal::Fork,
            Against::Inconsistent => Refusal::Inconsistent,
        }
    }
}

/// Whether this witness once said more than its state remembers: then the state is an old copy.
fn is_later((size, time): (u64, Timestamp), state: &LogState) -> bool {
    size > state.size() || Some(time) > state.time()
}
