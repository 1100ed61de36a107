//! What proves that this log is an old copy, or not the only one under its key: a checkpoint that the log's own key has
//! signed and that is not on this log. Whoever shows it, the signature speaks for itself; it is said, and kept as a file
//! that people and other tools read.

use std::path::{Path, PathBuf};

use super::threads::Threads;
use crate::files::{self, FileError};
use crate::journal::{Head, Index};
use crate::limits;
use crate::transparency::{LogVerifier, SignedCheckpoint, root_at};

/// Judges and keeps them.
pub(super) struct Contradictions {
    log: LogVerifier,
    index: Index,
    threads: Threads,
    /// None: they are said only.
    directory: Option<PathBuf>,
}

impl Contradictions {
    pub(super) fn open(log: LogVerifier, index: Index, directory: Option<PathBuf>) -> std::io::Result<Self> {
        let threads = Threads::start(
            "witnesses",
            limits::WITNESS_READERS,
            limits::WITNESS_READS_WAITING_MAX,
        )?;
        Ok(Self {
            log,
            index,
            threads,
            directory,
        })
    }

    /// By what its checkpoints are verified.
    pub(super) fn log(&self) -> &LogVerifier {
        &self.log
    }

    /// Those who read the tree for whom is outside.
    pub(super) fn threads(&self) -> &Threads {
        &self.threads
    }

    /// What somebody shows, if this log's own key has signed it; all else says nothing.
    pub(super) fn signed(&self, note: &[u8]) -> Option<SignedCheckpoint> {
        self.log.open(std::str::from_utf8(note).ok()?).ok()
    }

    /// Whether a note under this log's signature is not on this log, which has this head.
    pub(super) async fn contradicts(&self, shown: &SignedCheckpoint, head: Head) -> Result<bool, String> {
        if shown.size() > head.size {
            return Ok(true);
        }
        let (size, index) = (shown.size(), self.index.clone());
        let read = move || root_at(size, &index).map_err(|error| error.to_string());
        let root = self.threads.run(read).await.map_err(|busy| busy.to_string())?;
        Ok(root? != shown.root())
    }

    /// Says and keeps one. `by`: who shows it.
    pub(super) async fn keep(&self, by: &str, shown: &SignedCheckpoint) {
        let root = shown.root();
        tracing::error!(
            by, size = shown.size(), %root,
            "this log's own key has signed a checkpoint that is not on this log: a person must look"
        );
        let Some(directory) = self.directory.clone() else {
            return;
        };
        let (name, note) = (format!("{}-{root}.note", shown.size()), shown.note().to_owned());
        let error = match self.threads.run(move || write(&directory, &name, &note)).await {
            Ok(Ok(true)) => return,
            Ok(Ok(false)) => format!("{} are kept already", limits::CONTRADICTIONS_KEPT_MAX),
            Ok(Err(error)) => error.to_string(),
            Err(busy) => busy.to_string(),
        };
        tracing::error!(error, "what contradicts this log could not be kept");
    }
}

/// Whether it is kept: whole and on stable storage, now or before; if not, there is no room.
fn write(directory: &Path, name: &str, note: &str) -> Result<bool, FileError> {
    files::create_directory(directory)?;
    let file = directory.join(name);
    let kept = files::names(directory)?;
    if kept.len() >= limits::CONTRADICTIONS_KEPT_MAX && !kept.iter().any(|kept| kept == name) {
        return Ok(false);
    }
    files::keep(&file, note.as_bytes()).map(|()| true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::seal::SecretKey;
    use crate::transparency::LogKey;
    use std::os::unix::fs::PermissionsExt as _;

    fn key() -> LogKey {
        LogKey::new("log.invalid".parse().unwrap(), SecretKey::from_seed(&[8; 32]))
    }

    fn shown(size: u64) -> SignedCheckpoint {
        let note = key().sign_checkpoint(size, crate::domain::Hash([7; 32]));
        key().verifier().open(&note).unwrap()
    }

    /// What proves a fork is its owner's alone, whole, and kept once; a file that another start began and did not finish is
    /// none of them and stands in nobody's way; and there is a bound to them.
    #[tokio::test]
    async fn a_proof_is_kept_as_evidence_is() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("cosigned.contradictions");
        let index = Index::in_memory();
        let kept = Contradictions::open(key().verifier().clone(), index, Some(directory.clone())).unwrap();
        kept.keep("the witness w", &shown(5)).await;
        kept.keep("the follower f", &shown(5)).await;
        let names = files::names(&directory).unwrap();
        assert_eq!(names, [format!("5-{}.note", shown(5).root())]);
        let file = directory.join(&names[0]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), shown(5).note());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&directory)), (0o600, 0o700));
        for n in 0..limits::CONTRADICTIONS_KEPT_MAX {
            std::fs::write(directory.join(format!("{}{n}", files::TEMPORARY)), "torn").unwrap();
        }
        for size in 1..=limits::CONTRADICTIONS_KEPT_MAX as u64 + 1 {
            kept.keep("the witness w", &shown(size)).await;
        }
        let names = files::names(&directory).unwrap();
        assert_eq!(names.len(), limits::CONTRADICTIONS_KEPT_MAX);
        for name in names {
            key()
                .verifier()
                .open(&std::fs::read_to_string(directory.join(name)).unwrap())
                .unwrap();
        }
    }
}
