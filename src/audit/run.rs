//! How an audit is run: what it keeps, on how many threads, and the one loop that takes what is ready in order. Over the network
//! or over a copy, from the start or on from what an earlier run has verified.
//!
//! Nobody is accused on the word of a state: a fault that a resumed run finds is looked for again from the start. But the size and
//! root that were verified before bind that run too: a log that has another history by then has contradicted itself. Nor is a
//! record vouched for on the word of a state that had only its leaf hash: once it is shown, all is checked from the start.

use std::path::{Path, PathBuf};

use super::fault::{Fault, Wrong};
use super::pipeline::{self, Broken, Line};
use super::state::{About, State, StateDir, StateError};
use super::tree::Tree;
use super::verify::{Stop, Verdict, Verifier};
use super::{AuditError, carried::Verified};
use crate::client::Client;
use crate::domain::{AgencyId, Hash, Record, ReplayedRecord};
use crate::limits;
use crate::transparency::{Checkpoint, LogVerifier, SignedCheckpoint, verify_consistency};

/// Where an audit keeps its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Facts {
    /// In memory, which grows with the log.
    Memory,
    /// On disk while it runs.
    Temporary,
    /// On disk, for the next run to go on from.
    Kept(PathBuf),
}

/// How an audit is run.
#[derive(Debug, Clone)]
pub struct Audit {
    pub(super) telling: bool,
    facts: Facts,
    from_start: bool,
    resume_below: u64,
    pub(super) threads: usize,
    front_max: usize,
    pub(super) keep_every: u64,
}

/// How a run begins, for whoever tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// With the genesis.
    Start,
    /// After what an earlier run has verified: so many records.
    Resumed(u64),
    /// With the genesis, because the state that was kept does not lead on: the reason.
    Again(Again),
}

impl Begin {
    /// How a run begins: anew, on from so many records that were kept, or neither.
    pub(super) fn of(again: Option<&Anew>, resumed: Option<u64>) -> Self {
        match (again, resumed) {
            (Some((again, _)), _) => Self::Again(*again),
            (None, Some(size)) => Self::Resumed(size),
            (None, None) => Self::Start,
        }
    }
}

/// Why an audit begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Going on from it a fault was found. That is looked for again, without the state.
    Fault,
    /// More is in scope now than when it was begun.
    Scope,
    /// It is of a longer log than this one.
    Longer,
}

/// Who follows an audit.
pub trait Watch<E> {
    /// A run begins, over the log of this checkpoint. There may be a second one, which passes indexes again.
    fn begins(&mut self, _begin: Begin, _checkpoint: &SignedCheckpoint) -> Result<(), E> {
        Ok(())
    }
    /// An index has passed, with its record if that is in scope: checked by itself, but the tree is known to be the signed one
    /// only at the end.
    fn passed(&mut self, shown: &ReplayedRecord, record: Option<&Record>) -> Result<(), E>;
}

impl<E, F: FnMut(&ReplayedRecord, Option<&Record>) -> Result<(), E>> Watch<E> for F {
    fn passed(&mut self, shown: &ReplayedRecord, record: Option<&Record>) -> Result<(), E> {
        self(shown, record)
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self::new()
    }
}

impl Audit {
    /// From the start, on all cores, with its facts on disk while it runs.
    pub fn new() -> Self {
        Self {
            telling: false,
            facts: Facts::Temporary,
            from_start: true,
            resume_below: u64::MAX,
            threads: pipeline::all_cores(),
            front_max: limits::AUDIT_FRONT_MAX,
            keep_every: limits::AUDIT_KEEP_EVERY,
        }
    }

    /// With its facts in memory, which grows with the log: some hundred bytes a record.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.facts = Facts::Memory;
        self
    }

    /// Also gathers a timeline, whose memory grows with the log.
    #[must_use]
    pub fn telling(mut self) -> Self {
        self.telling = true;
        self
    }

    /// Keeps what was verified in a directory, and goes on from what is there; `from_start`: begins anew and replaces it.
    #[must_use]
    pub fn kept_in(mut self, directory: &Path, from_start: bool) -> Self {
        self.facts = Facts::Kept(directory.to_owned());
        self.from_start = from_start;
        self
    }

    /// Goes on only from a state of at most so many records: later ones are to pass.
    #[must_use]
    pub fn passing_from(mut self, index: u64) -> Self {
        self.resume_below = index;
        self
    }

    /// On so many threads.
    #[must_use]
    pub fn on_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// With so many new facts in memory, and a state kept after so many records where that can be proven: for tests.
    #[cfg(test)]
    pub(super) fn with_bounds(mut self, front_max: usize, keep_every: u64) -> Self {
        self.front_max = front_max;
        self.keep_every = keep_every;
        self
    }

    /// Opens the directory of its state.
    pub(super) fn open(&self) -> Result<Option<StateDir>, StateError> {
        match &self.facts {
            Facts::Memory => Ok(None),
            Facts::Temporary => StateDir::temporary().map(Some),
            Facts::Kept(directory) => StateDir::open(directory).map(Some),
        }
    }

    /// What an earlier run has left to go on from.
    pub(super) fn resume(
        &self,
        directory: Option<&StateDir>,
        about: &About,
        log: &LogVerifier,
    ) -> Result<Option<Kept>, StateError> {
        let Some(directory) = directory.filter(|_| !self.from_start && !self.telling) else {
            return Ok(None);
        };
        let kept = directory.resume(about)?.map(|(state, tree, verified)| Kept {
            state,
            tree,
            verified,
        });
        if let Some(kept) = &kept {
            // The log itself signed what the tree is of.
            let signed = log.open(&kept.verified.checkpoint);
            let (size, root) = (kept.size(), kept.tree.root());
            let is_of_it = |signed: &SignedCheckpoint| match signed.size().cmp(&size) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Equal => signed.root() == root,
                std::cmp::Ordering::Greater => true,
            };
            if !signed.is_ok_and(|signed| is_of_it(&signed)) {
                return Err(StateError::damaged(
                    "its checkpoint is not one of the log for this tree",
                ));
            }
        }
        Ok(kept.filter(|kept| kept.verified.size <= self.resume_below))
    }

    /// A verifier that begins with the genesis, or goes on from what was kept.
    pub(super) fn verifier(
        &self,
        mut verifier: Verifier,
        viewer: Option<&AgencyId>,
        directory: Option<&StateDir>,
        about: &About,
        kept: Option<Kept>,
    ) -> Result<Verifier, StateError> {
        if let Some(viewer) = viewer {
            verifier = verifier.viewed_by(viewer.clone());
        }
        if self.telling {
            verifier = verifier.telling();
        }
        match (kept, directory) {
            (Some(kept), _) => verifier.going_on(kept.state, kept.tree, kept.verified, self.front_max),
            (None, Some(directory)) => {
                let (state, tree) = directory.begin(about)?;
                Ok(verifier.kept_in(state, tree, self.front_max))
            }
            (None, None) => Ok(verifier),
        }
    }
}

/// What an earlier run has left.
#[derive(Debug)]
pub(super) struct Kept {
    state: State,
    tree: Tree,
    verified: Verified,
}

impl Kept {
    /// How many records it has verified.
    pub(super) fn size(&self) -> u64 {
        self.verified.size
    }

    /// What it has verified. Its tree was derived again when it was opened, so the root is that of its leaf hashes.
    pub(super) fn checkpoint(&self, log: &LogVerifier) -> Checkpoint {
        Checkpoint {
            origin: log.origin().clone(),
            size: self.tree.size(),
            root: self.tree.root(),
        }
    }

    /// The root of its first records.
    pub(super) fn root_at(&self, size: u64) -> Result<Option<Hash>, StateError> {
        self.tree.root_at(size)
    }
}

/// Why the last run was not the last one, and what it held the log to: the next one holds it to that too, whatever it finds.
pub(super) type Anew = (Again, Checkpoint);

/// Why a run ends without a verdict.
pub(super) enum Halt<E> {
    /// A fault, and what it was found in.
    Fault(Fault, Option<Box<ReplayedRecord>>),
    /// A record is shown that was withheld when its index was verified: it is to be begun anew.
    ShowsMore,
    /// Ours.
    State(StateError),
    /// The source's.
    Broken(Broken),
    /// The follower's.
    Told(E),
}

impl<E> From<Stop> for Halt<E> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Fault(fault) => Self::Fault(fault, None),
            Stop::State(error) => Self::State(error),
        }
    }
}

impl<E> From<StateError> for Halt<E> {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// How a run ended that gave no verdict: for good, or for another one.
pub(super) enum Ended<E> {
    Failed(E),
    Again(Anew),
}

impl<E: From<AuditError>> Ended<E> {
    /// Of ours, or of what was shown.
    pub(super) fn failed(error: impl Into<AuditError>) -> Self {
        Self::Failed(error.into().into())
    }

    /// `held`: what a state held the run to; none: it began with the genesis, and then `fault` says what a fault is told as.
    pub(super) fn of(
        halt: Halt<E>,
        held: Option<Checkpoint>,
        fault: impl FnOnce(Fault) -> AuditError,
    ) -> Self {
        match (halt, held) {
            (Halt::Fault(_, _), Some(held)) => Self::Again((Again::Fault, held)),
            (Halt::Fault(found, _), None) => Self::failed(fault(found)),
            (Halt::ShowsMore, Some(held)) => Self::Again((Again::Scope, held)),
            (Halt::ShowsMore, None) | (Halt::Broken(Broken::Lost), _) => Self::failed(lost()),
            (Halt::State(error), _) => Self::failed(error),
            (Halt::Broken(Broken::Client(error)), _) => Self::failed(error),
            (Halt::Broken(Broken::Copy(error)), _) => Self::failed(error),
            (Halt::Told(error), _) => Self::Failed(error),
        }
    }

    /// As the error of a run that nothing was gone on from, so that nothing is to be begun anew.
    pub(super) fn last(self) -> E {
        match self {
            Self::Failed(error) => error,
            Self::Again(_) => AuditError::State(StateError::store("it could not begin anew")).into(),
        }
    }
}

/// One of our threads is gone.
pub(super) fn lost() -> StateError {
    StateError::store("a thread of this audit has ended")
}

/// Takes what is ready, in order, to the verdict; keeps it, if there is a state. `from`: the first index that comes. Over the
/// network it is also kept on the way.
pub(super) async fn drive<E>(
    verifier: &mut Verifier,
    line: &mut Line,
    from: u64,
    prover: Option<(&Client, u64)>,
    watch: &mut impl Watch<E>,
) -> Result<Verdict, Halt<E>> {
    let resumed = verifier.resumed_at().unwrap_or_default();
    let mut due = from;
    let mut kept = resumed;
    while let Some((batch, broken)) = line.next().await {
        for ready in batch.iter() {
            if due < resumed {
                verifier.pass(ready, due)?;
                if verifier.shows_more(ready, due) {
                    return Err(Halt::ShowsMore);
                }
            } else {
                if let Err(stop) = verifier.take(ready) {
                    return Err(match stop {
                        Stop::Fault(fault) => Halt::Fault(fault, Some(Box::new(ready.shown().clone()))),
                        Stop::State(error) => Halt::State(error),
                    });
                }
                watch.passed(ready.shown(), ready.record()).map_err(Halt::Told)?;
            }
            due = due.saturating_add(1);
            if let Some((client, every)) = prover
                && due.saturating_sub(kept) >= every
                && verifier.is_between_blocks()
            {
                kept = due;
                keep_proven(verifier, client).await?;
            }
        }
        if let Some(broken) = broken {
            return Err(Halt::Broken(broken));
        }
    }
    if due < resumed {
        let size = verifier.checkpoint().size();
        return Err(Halt::Fault(Fault::at(due, Wrong::Truncated { size }), None));
    }
    let verdict = verifier.finish().map_err(|fault| Halt::Fault(fault, None))?;
    verifier.keep()?;
    Ok(verdict)
}

/// Keeps what was verified so far, if the relay proves that the signed checkpoint begins with it. One that cannot be asked now
/// is asked again later; one that proves something else has shown another log.
async fn keep_proven<E>(verifier: &mut Verifier, client: &Client) -> Result<(), Halt<E>> {
    let (size, checkpoint) = (verifier.shown(), verifier.checkpoint());
    let Ok(proof) = client.consistency_proof(size, checkpoint.size()).await else {
        return Ok(());
    };
    let root = verifier.root_at(size).unwrap_or_default();
    match verify_consistency(size, &root, checkpoint.size(), &checkpoint.root(), &proof) {
        Ok(()) => Ok(verifier.keep()?),
        Err(_) => Err(Halt::Fault(Fault::whole(Wrong::Altered { led_to: None }), None)),
    }
}

/// Whose state serves a log and a viewer.
pub(super) fn about(log: &LogVerifier, viewer: Option<&AgencyId>) -> About {
    About::of(log, viewer)
}

impl From<StateError> for AuditError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}
