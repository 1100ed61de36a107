//! What is trusted of the log: the newest checkpoint that was verified, kept on disk and never replaced by an older one.
//!
//! Every checkpoint that comes passes [`Trust::accept`]: signed by the pinned key, and shown to be on the same history as
//! ours. So does the one on the disk, if another process has put it there: else two processes of one profile could be shown
//! two histories. Two that contradict each other are both kept in the profile, because together they convict the log.

use std::collections::VecDeque;
use std::path::PathBuf;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::error::ClientError;
use super::profile::ProfileDir;
use super::proven::ProvenRecord;
use super::verification::VerificationError;
use crate::domain::{Hash, Seen, SignedEnvelope};
use crate::files::{self, Lock};
use crate::limits;
use crate::seal::envelope_to_json;
use crate::transparency::{LogVerifier, SignedCheckpoint, verify_consistency};

/// Where consistency proofs come from: the relay.
#[async_trait]
pub(crate) trait ConsistencySource: Send + Sync {
    /// The proof that the log of `new` records begins with the log of `old`.
    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, ClientError>;
}

/// The log as far as it was verified.
#[derive(Debug)]
pub(crate) struct Trust {
    profile: ProfileDir,
    log: LogVerifier,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    newest: SignedCheckpoint,
    /// Others on the same history, so that each is proven once.
    known: VecDeque<(u64, Hash)>,
    /// What is on stable storage, as far as this process knows: size and root.
    kept: (u64, Hash),
}

/// What a peer has signed, and the record by which the log has it: the acceptance or acknowledgement that holds it, or the
/// `ROUTED` record that names it by its digest. A third party needs no more to verify it than the peer's key and the log's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) envelope: &'a SignedEnvelope,
    pub(crate) record: &'a ProvenRecord,
}

/// When a newer checkpoint is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Before anything is said of it.
    Now,
    /// By [`Trust::keep`], which whoever says so calls soon: a stream has one for each block or delivery, and a sync for each
    /// would set its pace.
    Later,
}

/// Reads the profile's checkpoint; one that is missing or unreadable is a verification failure, not a new beginning.
pub(crate) fn read_checkpoint(
    profile: &ProfileDir,
    log: &LogVerifier,
) -> Result<SignedCheckpoint, ClientError> {
    let bytes = files::read(&profile.checkpoint(), limits::CHECKPOINT_BYTES_MAX)?
        .ok_or(VerificationError::CheckpointMissing)?;
    let malformed = crate::transparency::InvalidNote::Malformed;
    let note = String::from_utf8(bytes).map_err(|_| VerificationError::CheckpointUnreadable(malformed))?;
    Ok(log.open(&note).map_err(VerificationError::CheckpointUnreadable)?)
}

/// Writes a checkpoint to the profile, whatever is there: only for a first one, or after a person said so.
pub(crate) fn install_checkpoint(
    profile: &ProfileDir,
    checkpoint: &SignedCheckpoint,
) -> Result<(), ClientError> {
    let _lock = Lock::acquire(&profile.lock())?;
    Ok(files::replace(
        &profile.checkpoint(),
        checkpoint.note().as_bytes(),
    )?)
}

impl Trust {
    /// Reads what was verified before.
    pub(crate) fn open(profile: ProfileDir, log: LogVerifier) -> Result<Self, ClientError> {
        let newest = read_checkpoint(&profile, &log)?;
        Ok(Self {
            profile,
            log,
            state: Mutex::new(State {
                kept: place(&newest),
                newest,
                known: VecDeque::new(),
            }),
        })
    }

    /// The newest verified checkpoint.
    pub(crate) async fn newest(&self) -> SignedCheckpoint {
        self.state.lock().await.newest.clone()
    }

    /// What goes into every signed payload.
    pub(crate) async fn seen(&self) -> Seen {
        let state = self.state.lock().await;
        Seen {
            size: state.newest.size(),
            root: state.newest.root(),
        }
    }

    /// Verifies a checkpoint and keeps it if it is the newest. When it returns, it is on the same history as
    /// everything that was verified before, and a newer one is on stable storage.
    pub(crate) async fn accept(
        &self,
        note: &[u8],
        source: &dyn ConsistencySource,
    ) -> Result<SignedCheckpoint, ClientError> {
        self.accept_and(Keep::Now, note, source).await
    }

    /// Writes the newest checkpoint if it is only remembered.
    pub(crate) async fn keep(&self, source: &dyn ConsistencySource) -> Result<(), ClientError> {
        let mut state = self.state.lock().await;
        self.write(&mut state, source).await
    }

    /// The same, with a say in when a newer one is written. What goes forward in memory never goes back on the disk.
    pub(crate) async fn accept_and(
        &self,
        keep: Keep,
        note: &[u8],
        source: &dyn ConsistencySource,
    ) -> Result<SignedCheckpoint, ClientError> {
        let note = std::str::from_utf8(note)
            .map_err(|_| VerificationError::Checkpoint(crate::transparency::InvalidNote::Malformed))?;
        let shown = self.log.open(note).map_err(VerificationError::Checkpoint)?;
        let mut state = self.state.lock().await;
        self.prove(&mut state, &shown, source).await?;
        match keep {
            Keep::Now => self.write(&mut state, source).await?,
            Keep::Later => {}
        }
        Ok(shown)
    }

    /// Shows that a checkpoint is on the same history as the newest, which it becomes if it is larger.
    async fn prove(
        &self,
        state: &mut State,
        shown: &SignedCheckpoint,
        source: &dyn ConsistencySource,
    ) -> Result<(), ClientError> {
        if state.is_known(shown) {
            return Ok(());
        }
        let newest = state.newest.clone();
        if shown.size() == newest.size() {
            // Known was asked before: the roots differ.
            let error = VerificationError::Forked { size: shown.size() };
            return Err(self.convicted(error, &newest, shown));
        }
        let (old, new) = if shown.size() < newest.size() {
            (shown, &newest)
        } else {
            (&newest, shown)
        };
        let proof = match source.consistency(old.size(), new.size()).await {
            Ok(proof) => proof,
            // It will not prove what it signed.
            Err(ClientError::Verification { error, .. }) => {
                return Err(self.convicted(*error, &newest, shown));
            }
            Err(error) => return Err(error),
        };
        if verify_consistency(old.size(), &old.root(), new.size(), &new.root(), &proof).is_err() {
            let error = VerificationError::NotConsistent {
                old: old.size(),
                new: new.size(),
            };
            return Err(self.convicted(error, &newest, shown));
        }
        state.remember(old.size(), old.root());
        if shown.size() > newest.size() {
            state.newest = shown.clone();
        }
        Ok(())
    }

    /// Puts the newest on the disk. What another process has put there meanwhile is proven first, and may be newer.
    async fn write(&self, state: &mut State, source: &dyn ConsistencySource) -> Result<(), ClientError> {
        while state.kept != place(&state.newest) {
            match self.replace(state.kept, state.newest.clone()).await? {
                None => state.kept = place(&state.newest),
                Some(found) => {
                    self.prove(state, &found, source).await?;
                    state.kept = place(&found);
                }
            }
        }
        Ok(())
    }

    /// Replaces the checkpoint on the disk if it is the expected one; else gives what is there.
    async fn replace(
        &self,
        expected: (u64, Hash),
        new: SignedCheckpoint,
    ) -> Result<Option<SignedCheckpoint>, ClientError> {
        let (profile, log) = (self.profile.clone(), self.log.clone());
        blocking(move || {
            let _lock = Lock::acquire(&profile.lock())?;
            let on_disk = read_checkpoint(&profile, &log)?;
            if place(&on_disk) != expected {
                return Ok(Some(on_disk));
            }
            files::replace(&profile.checkpoint(), new.note().as_bytes())?;
            Ok(None)
        })
        .await
    }

    /// The same, of a fresh answer to a question asked when `before` was the newest: the log may not have gone back.
    pub(crate) async fn accept_fresh(
        &self,
        note: &[u8],
        before: u64,
        source: &dyn ConsistencySource,
    ) -> Result<SignedCheckpoint, ClientError> {
        let shown = self.accept(note, source).await?;
        if shown.size() < before {
            let error = VerificationError::WentBack {
                verified: before,
                shown: shown.size(),
            };
            return Err(self.convicted(error, &self.newest().await, &shown));
        }
        Ok(shown)
    }

    /// Verifies that what a peer had seen when it signed is on the same history. What is not convicts the log: it has the peer's
    /// word on record, under its own signature, and a history that is another.
    pub(crate) async fn accept_seen(
        &self,
        seen: &Seen,
        word: Word<'_>,
        source: &dyn ConsistencySource,
    ) -> Result<(), ClientError> {
        let mut state = self.state.lock().await;
        let newest = state.newest.clone();
        if state.is_known_at(seen.size, &seen.root) {
            return Ok(());
        }
        let proven = if seen.size < newest.size() {
            let proof = match source.consistency(seen.size, newest.size()).await {
                Ok(proof) => proof,
                Err(ClientError::Verification { .. }) => Vec::new(),
                Err(error) => return Err(error),
            };
            verify_consistency(seen.size, &seen.root, newest.size(), &newest.root(), &proof).is_ok()
        } else {
            // The same size with another root; or a size beyond the checkpoint that its record was proven against.
            false
        };
        if proven {
            state.remember(seen.size, seen.root);
            return Ok(());
        }
        let error = VerificationError::SeenContradicts { size: seen.size };
        let (envelope, proof) = (
            envelope_to_json(word.envelope),
            word.record.tlog_proof().to_string(),
        );
        let evidence = keep_evidence(
            &self.profile,
            &format!("seen-{}", seen.size),
            &error.to_string(),
            &[
                ("verified.checkpoint", newest.note().as_bytes()),
                ("signed.json", envelope.as_bytes()),
                ("signed.tlog-proof", proof.as_bytes()),
                ("signed.record", word.record.bytes()),
            ],
        );
        Err(ClientError::Verification {
            error: Box::new(error),
            evidence,
        })
    }

    /// Keeps both checkpoints as evidence and gives the error that names where.
    fn convicted(
        &self,
        error: VerificationError,
        verified: &SignedCheckpoint,
        shown: &SignedCheckpoint,
    ) -> ClientError {
        let kept = keep_evidence(
            &self.profile,
            &format!("checkpoints-{}-{}", verified.size(), shown.size()),
            &error.to_string(),
            &[
                ("verified.checkpoint", verified.note().as_bytes()),
                ("shown.checkpoint", shown.note().as_bytes()),
            ],
        );
        ClientError::Verification {
            error: Box::new(error),
            evidence: kept,
        }
    }
}

/// Which log it is of: two of the same place are the same.
fn place(checkpoint: &SignedCheckpoint) -> (u64, Hash) {
    (checkpoint.size(), checkpoint.root())
}

impl State {
    fn is_known(&self, checkpoint: &SignedCheckpoint) -> bool {
        self.is_known_at(checkpoint.size(), &checkpoint.root())
    }

    fn is_known_at(&self, size: u64, root: &Hash) -> bool {
        (size, *root) == (self.newest.size(), self.newest.root()) || self.known.contains(&(size, *root))
    }

    fn remember(&mut self, size: u64, root: Hash) {
        if self.known.len() >= limits::CHECKPOINTS_REMEMBERED_MAX {
            self.known.pop_front();
        }
        self.known.push_back((size, root));
    }
}

/// Keeps what contradicts itself in a directory of its own under `evidence/`, with a sentence that says what it shows. Best
/// effort: the error that led here matters more than a disk that fails now.
pub(crate) fn keep_evidence(
    profile: &ProfileDir,
    name: &str,
    what: &str,
    parts: &[(&str, &[u8])],
) -> Option<PathBuf> {
    // The same evidence has the same name, other evidence another one.
    let contents: Vec<&[u8]> = parts.iter().map(|(_, bytes)| *bytes).collect();
    let mut hash = hex::encode(crate::seal::h("evidence", &contents));
    hash.truncate(16);
    let directory = profile.evidence().join(format!("{name}-{hash}"));
    let what = format!("{what}\n");
    let kept = files::create_directory(&directory).and_then(|()| {
        let parts: Vec<_> = parts
            .iter()
            .copied()
            .chain([("what.txt", what.as_bytes())])
            .map(|(name, bytes)| (directory.join(name), bytes))
            .collect();
        files::replace_all(&parts)
    });
    match kept {
        Ok(()) => Some(directory),
        Err(error) => {
            tracing::error!(%error, "evidence could not be kept");
            None
        }
    }
}

/// Runs what waits for the disk on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ClientError> + Send + 'static,
) -> Result<T, ClientError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ClientError::Invalid(format!(
            "the client is shutting down: {error}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::seal::SecretKey;
    use crate::transparency::{
        Frontier, HashReader, LogKey, consistency_proof, leaf_hash, stored_hash_count,
    };
    use std::convert::Infallible;
    use std::sync::Mutex as StdMutex;

    /// A log in memory that signs whatever it is told to, and proves what its own history allows.
    struct Log {
        key: LogKey,
        stored: StdMutex<Vec<Hash>>,
    }

    struct Stored(Vec<Hash>);

    impl HashReader for Stored {
        type Error = Infallible;
        fn hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Infallible> {
            Ok(indexes
                .iter()
                .map(|at| *self.0.get(usize::try_from(*at).unwrap()).unwrap())
                .collect())
        }
    }

    impl Log {
        fn new(records: &[&str]) -> Self {
            let key = LogKey::new("relay.invalid".parse().unwrap(), SecretKey::from_seed(&[1; 32]));
            let mut frontier = Frontier::default();
            let mut stored = Vec::new();
            for record in records {
                stored.extend(frontier.append(leaf_hash(record.as_bytes())).unwrap());
            }
            Self {
                key,
                stored: StdMutex::new(stored),
            }
        }

        fn note(&self, size: u64) -> String {
            let reader = Stored(self.stored.lock().unwrap().clone());
            assert!(stored_hash_count(size).unwrap() <= reader.0.len() as u64);
            let root = crate::transparency::root_at(size, &reader).unwrap();
            self.key.sign_checkpoint(size, root)
        }
    }

    #[async_trait]
    impl ConsistencySource for Log {
        async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, ClientError> {
            let reader = Stored(self.stored.lock().unwrap().clone());
            Ok(consistency_proof(old, new, &reader).unwrap())
        }
    }

    fn trusting(directory: &tempfile::TempDir, log: &Log, size: u64) -> Trust {
        let profile = ProfileDir::new(directory.path());
        let checkpoint = log.key.verifier().open(&log.note(size)).unwrap();
        install_checkpoint(&profile, &checkpoint).unwrap();
        Trust::open(profile, log.key.verifier().clone()).unwrap()
    }

    fn error_of(result: Result<SignedCheckpoint, ClientError>) -> (VerificationError, Option<PathBuf>) {
        match result {
            Err(ClientError::Verification { error, evidence }) => (*error, evidence),
            other => panic!("{other:?}"),
        }
    }

    /// A newer checkpoint of the same history is kept, on disk too; an older one is accepted and replaces nothing.
    #[tokio::test]
    async fn a_newer_checkpoint_is_kept_and_an_older_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let log = Log::new(&["a", "b", "c", "d", "e"]);
        let trust = trusting(&directory, &log, 2);
        for size in [4, 3, 1, 4] {
            trust.accept(log.note(size).as_bytes(), &log).await.unwrap();
            assert_eq!(trust.newest().await.size(), 4);
        }
        let reopened = Trust::open(ProfileDir::new(directory.path()), log.key.verifier().clone()).unwrap();
        assert_eq!(reopened.seen().await.size, 4);
        let back = trust.accept_fresh(log.note(3).as_bytes(), 4, &log).await;
        assert_eq!(
            error_of(back).0,
            VerificationError::WentBack {
                verified: 4,
                shown: 3
            }
        );
    }

    /// A fork of the same size, a longer and a shorter one are found out, both checkpoints are kept, and the profile's stays
    /// as it was. The forked log has one other record and the same key.
    #[tokio::test]
    async fn a_forked_log_is_convicted() {
        let log = Log::new(&["a", "b", "c", "d"]);
        let fork = Log::new(&["a", "x", "c", "d", "e"]);
        for size in [2, 3, 5] {
            let directory = tempfile::tempdir().unwrap();
            let trust = trusting(&directory, &log, 3);
            let (error, evidence) = error_of(trust.accept(fork.note(size).as_bytes(), &fork).await);
            match size {
                3 => assert_eq!(error, VerificationError::Forked { size: 3 }),
                _ => assert!(
                    matches!(error, VerificationError::NotConsistent { .. }),
                    "{error:?}"
                ),
            }
            let evidence = evidence.unwrap();
            let shown = std::fs::read_to_string(evidence.join("shown.checkpoint")).unwrap();
            assert_eq!(shown, fork.note(size));
            let verified = std::fs::read_to_string(evidence.join("verified.checkpoint")).unwrap();
            assert_eq!(verified, log.note(3));
            assert_eq!(trust.newest().await.note(), log.note(3));
        }
    }

    /// A checkpoint by another key, a missing and an unreadable checkpoint file are failures, never a fresh start.
    #[tokio::test]
    async fn no_checkpoint_is_no_trust() {
        let directory = tempfile::tempdir().unwrap();
        let log = Log::new(&["a"]);
        let trust = trusting(&directory, &log, 1);
        let other = LogKey::new("relay.invalid".parse().unwrap(), SecretKey::from_seed(&[2; 32]));
        let note = other.sign_checkpoint(1, leaf_hash(b"a"));
        let (error, _) = error_of(trust.accept(note.as_bytes(), &log).await);
        assert!(matches!(error, VerificationError::Checkpoint(_)), "{error:?}");
        let profile = ProfileDir::new(directory.path());
        std::fs::write(profile.checkpoint(), note).unwrap();
        let unreadable = Trust::open(profile.clone(), log.key.verifier().clone());
        let (error, _) = error_of(unreadable.map(|_| panic!("opened")));
        assert!(
            matches!(error, VerificationError::CheckpointUnreadable(_)),
            "{error:?}"
        );
        std::fs::remove_file(profile.checkpoint()).unwrap();
        let missing = Trust::open(profile, log.key.verifier().clone());
        let (error, _) = error_of(missing.map(|_| panic!("opened")));
        assert_eq!(error, VerificationError::CheckpointMissing);
    }

    /// Two processes on one profile: what the other verified and wrote meanwhile is not overwritten by an older one.
    #[tokio::test]
    async fn another_process_is_never_set_back() {
        let directory = tempfile::tempdir().unwrap();
        let log = Log::new(&["a", "b", "c", "d", "e"]);
        let slow = trusting(&directory, &log, 1);
        let fast = Trust::open(ProfileDir::new(directory.path()), log.key.verifier().clone()).unwrap();
        fast.accept(log.note(5).as_bytes(), &log).await.unwrap();
        slow.accept(log.note(3).as_bytes(), &log).await.unwrap();
        assert_eq!(slow.newest().await.size(), 5);
        let on_disk = std::fs::read_to_string(directory.path().join("checkpoint")).unwrap();
        assert_eq!(on_disk, log.note(5));
    }

    /// Two processes on one profile, and a log that forks between them: whoever writes compares with what the other has
    /// written, whether that is larger, smaller or as large, convicts the log by both, and overwrites nothing.
    #[tokio::test]
    async fn a_fork_between_two_processes_is_convicted() {
        let log = Log::new(&["a", "b", "c", "d", "e", "f"]);
        let fork = Log::new(&["a", "b", "x", "d", "e", "f"]);
        for (honest, forked) in [(5, 4), (4, 5), (4, 4)] {
            let directory = tempfile::tempdir().unwrap();
            let one = trusting(&directory, &log, 2);
            let other = Trust::open(ProfileDir::new(directory.path()), log.key.verifier().clone()).unwrap();
            one.accept(log.note(honest).as_bytes(), &log).await.unwrap();
            let note = fork.note(forked);
            other
                .accept_and(Keep::Later, note.as_bytes(), &fork)
                .await
                .unwrap();
            let (error, evidence) = error_of(other.keep(&fork).await.map(|()| panic!("kept")));
            if honest == forked {
                assert_eq!(error, VerificationError::Forked { size: honest });
            } else {
                let (old, new) = (honest.min(forked), honest.max(forked));
                assert_eq!(error, VerificationError::NotConsistent { old, new });
            }
            let evidence = evidence.unwrap();
            for (file, note) in [
                ("verified.checkpoint", note),
                ("shown.checkpoint", log.note(honest)),
            ] {
                assert_eq!(
                    std::fs::read_to_string(evidence.join(file)).unwrap(),
                    note,
                    "{file}"
                );
            }
            let on_disk = std::fs::read_to_string(directory.path().join("checkpoint")).unwrap();
            assert_eq!(on_disk, log.note(honest));
        }
    }
}
