//! Signing checkpoints where a program may hold the log's key: it may fail for a moment, and each run of it may take a while. A newest
//! checkpoint is tried for a few times; an earlier one is signed once and remembered.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::journal::Head;
use crate::limits;
use crate::seal::SignerError;
use crate::transparency::LogSigner;

/// Signs the head, and tries again, a bounded number of times with growing pauses, if it is not signed.
pub(super) async fn patiently(head: Head, log_key: &LogSigner) -> Result<Arc<str>, SignerError> {
    let mut pause = Duration::from_millis(limits::LOG_SIGNER_PAUSE_MS);
    for _ in 1..limits::LOG_SIGNER_ATTEMPTS_MAX {
        match log_key.sign_checkpoint(head.size, head.root).await {
            Ok(note) => return Ok(note.into()),
            Err(error) => {
                tracing::warn!(%error, size = head.size, "a checkpoint was not signed: it is tried again");
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
        }
    }
    Ok(log_key.sign_checkpoint(head.size, head.root).await?.into())
}

/// The last few notes of earlier checkpoints, as they were asked for.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    notes: Mutex<VecDeque<(Head, Arc<str>)>>,
    /// One is signed at a time: of two who ask for the same, the second finds it.
    turn: tokio::sync::Mutex<()>,
}

impl Earlier {
    /// The signed note of a checkpoint that was made of this head.
    pub(super) async fn note(&self, head: Head, log_key: &LogSigner) -> Result<Arc<str>, SignerError> {
        if let Some(note) = self.known(head) {
            return Ok(note);
        }
        let _turn = self.turn.lock().await;
        if let Some(note) = self.known(head) {
            return Ok(note);
        }
        let note: Arc<str> = log_key.sign_checkpoint(head.size, head.root).await?.into();
        let mut notes = self.notes();
        if notes.len() >= limits::EARLIER_NOTES_MAX {
            notes.pop_front();
        }
        notes.push_back((head, Arc::clone(&note)));
        Ok(note)
    }

    fn known(&self, head: Head) -> Option<Arc<str>> {
        let notes = self.notes();
        let mut found = notes.iter().filter(|(known, _)| *known == head);
        found.next().map(|(_, note)| Arc::clone(note))
    }

    fn notes(&self) -> MutexGuard<'_, VecDeque<(Head, Arc<str>)>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
