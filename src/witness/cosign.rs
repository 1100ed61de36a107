//! The witness itself: one request at a time for each log, from the signature's check to the durable state to the
//! cosignature.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tracing::{error, info, warn};

use super::evidence::{Evidence, Kept};
use super::format;
use super::log::{Against, Kind, LogState, Refused};
use crate::alarm::Alarms;
use crate::domain::Origin;
use crate::files::FileError;
use crate::time::{Clock, Timestamp};
use crate::transparency::{
    AddCheckpoint, CosignedCheckpoint, InvalidNote, LogVerifier, Policy, SignedCheckpoint, WitnessKey,
    WitnessVerifier, origin_hash,
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
    /// Drops one that says nothing any more.
    fn discard(&self, name: &str) -> Result<(), FileError>;
}

/// A witness of some logs.
pub struct Witness {
    key: WitnessKey,
    logs: BTreeMap<Origin, Watched>,
    /// Whose state was lost before the start, with the reason in a sentence.
    not_served: BTreeMap<Origin, String>,
    store: Box<dyn Store>,
    kept: Kept,
    alarms: Alarms<(Origin, Kind)>,
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
    forgotten: Option<Forgotten>,
}

struct Forgotten {
    /// What takes the place of the state, so that a later start refuses it too.
    bytes: Vec<u8>,
    /// Whether it has.
    durable: bool,
}

/// This witness's own word on a note that it is shown.
struct OwnWord {
    size: u64,
    /// Of its last cosignature.
    time: Timestamp,
    /// With the log's and this witness's signature.
    note: String,
}

impl Watched {
    pub(super) fn new(log: LogVerifier, policy: Policy, state: LogState) -> Self {
        let shown = state.held().map(|held| held.note().into());
        Self {
            log,
            policy,
            state: Mutex::new(Guarded {
                state,
                forgotten: None,
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
            not_served: BTreeMap::new(),
            store,
            kept,
            alarms: Alarms::default(),
            clock,
        }
    }

    /// It, with logs that it knows and does not serve, and why.
    pub(super) fn but_not(mut self, logs: impl IntoIterator<Item = (Origin, String)>) -> Self {
        self.not_served.extend(logs);
        self
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

    /// The logs that it knows and does not serve, each with the reason in a sentence: what was cosigned last is not known.
    pub fn not_served(&self) -> &BTreeMap<Origin, String> {
        &self.not_served
    }

    /// Whether the log whose origin has this hash is one of these.
    pub(super) fn is_not_served(&self, log: &str) -> bool {
        self.not_served.keys().any(|origin| origin_hash(origin) == log)
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
        let origin: Origin = request.origin().parse().map_err(|_| Refusal::UnknownLog)?;
        let watched = match self.logs.get(&origin) {
            Some(watched) => watched,
            None if self.not_served.contains_key(&origin) => return Err(Refusal::Forgotten),
            None => return Err(Refusal::UnknownLog),
        };
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
        let own = self.own_word(watched, &request, &offered);
        // A panic elsewhere poisons the lock; the state behind it is still the last durable one.
        let mut guarded = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = own.filter(|own| is_later(own, &guarded.state))
            && guarded.forgotten.is_none()
        {
            error!(origin = %watched.log.origin(), size = own.size, known = guarded.state.size(),
                "this witness's own cosignature is later than its state: the state was lost, and the log is cosigned no more");
            let held = guarded.state.held().map(CosignedCheckpoint::note);
            let bytes = format::lost_bytes(&watched.log, held, &own.note);
            guarded.forgotten = Some(Forgotten {
                bytes,
                durable: false,
            });
        }
        if let Some(forgotten) = &mut guarded.forgotten {
            self.remember_loss(watched, forgotten);
            return Err(Refusal::Forgotten);
        }
        if let Err(refused) = guarded.state.judge(&request, &offered) {
            let size = guarded.state.size();
            drop(guarded);
            return Err(self.refuse(watched, &request, &offered, refused, size));
        }
        let line = self.cosign(watched, &mut guarded.state, offered.clone())?;
        drop(guarded);
        self.explained(watched, &offered);
        Ok(line)
    }

    /// Makes it durable that the state was lost, before anything is answered; what could not be is tried again at the next
    /// request, and until then this process alone knows.
    fn remember_loss(&self, watched: &Watched, forgotten: &mut Forgotten) {
        if forgotten.durable {
            return;
        }
        let origin = watched.log.origin();
        match self.store.save(origin, &forgotten.bytes) {
            Ok(()) => forgotten.durable = true,
            Err(error) => {
                error!(%error, %origin, "that the state was lost could not be stored: do not start this witness again before a person has looked");
            }
        }
    }

    /// This witness's own last cosignature on a note that it is shown. Nobody else can make one. What else stands on the note,
    /// junk in its name too, is passed over, and is not kept.
    fn own_word(
        &self,
        watched: &Watched,
        request: &AddCheckpoint,
        offered: &SignedCheckpoint,
    ) -> Option<OwnWord> {
        let named = format!("\u{2014} {} ", self.key.verifier().name());
        let mut lines = request
            .note
            .split_inclusive('\n')
            .filter(|line| line.starts_with(&named))
            .peekable();
        lines.peek()?;
        let bare = watched.policy.open_signed(offered.clone()).ok()?;
        lines
            .filter_map(|line| {
                let own = bare.merged(line).ok()?;
                Some(OwnWord {
                    size: own.checkpoint().size,
                    time: own.cosignatures().first()?.time,
                    note: own.note().to_owned(),
                })
            })
            .max_by_key(|own| own.time)
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
        let bytes = format::state_bytes(&watched.log, Some(cosigned.note()));
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
            self.hold_against(watched, request, offered, kind, &held);
        }
        match refused.why {
            Against::Stale => Refusal::Stale(size),
            Against::Fork => Refusal::Fork,
            Against::Inconsistent => Refusal::Inconsistent,
        }
    }
    /// Keeps what a log signed against itself, if it is new and there is room, and says so in any case.
    fn hold_against(
        &self,
        watched: &Watched,
        request: &AddCheckpoint,
        offered: &SignedCheckpoint,
        kind: Kind,
        held: &SignedCheckpoint,
    ) {
        let origin = watched.log.origin();
        let now = self.clock.now();
        if let Some(name) = self.kept.take(kind, origin, offered) {
            let evidence = Evidence::of(kind, &watched.log, held, offered, request, now);
            if let Err(error) = self.store.keep(&name, &evidence.to_bytes()) {
                self.kept.give_back(&name);
                error!(%error, %origin, "evidence against a log could not be kept");
            }
        }
        if let Some(unsaid) = self.alarms.due(&(origin.clone(), kind), now) {
            let file = self.kept.find(kind, origin, offered);
            let file = file.as_deref().unwrap_or("none: there is no room, or no disk");
            warn!(%origin, kind = kind.word(), size = offered.size(), root = %offered.root(), held = held.size(), file, unsaid,
                "a checkpoint is at odds with what the log signed before");
        }
        // It may have been cosigned while this was being kept.
        let guarded = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
        let proven = guarded.state.has_cosigned(offered);
        drop(guarded);
        if proven {
            self.explained(watched, offered);
        }
    }

    /// A checkpoint was proven and cosigned: that it once came with a wrong proof says nothing of the log, and takes no
    /// room of what was never explained.
    fn explained(&self, watched: &Watched, cosigned: &SignedCheckpoint) {
        let origin = watched.log.origin();
        let Some(name) = self.kept.find(Kind::Inconsistent, origin, cosigned) else {
            return;
        };
        match self.store.discard(&name) {
            Ok(()) => {
                self.kept.give_back(&name);
                info!(%origin, size = cosigned.size(), file = name, "a refused growth was proven: its evidence is dropped");
            }
            Err(error) => {
                error!(%error, %origin, file = name, "evidence that says nothing any more could not be dropped")
            }
        }
    }
}

/// Whether this witness once said more than its state remembers: then the state is an old copy.
fn is_later(own: &OwnWord, state: &LogState) -> bool {
    own.size > state.size() || Some(own.time) > state.time()
}
