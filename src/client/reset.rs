//! Beginning trust anew, when the checkpoint was lost or a person has found out why it was contradicted. What was
//! verified before is moved to the evidence, never thrown away.

use std::path::PathBuf;

use super::connection::Connection;
use super::error::ClientError;
use super::profile::{ProfileDir, Settings};
use super::trust::{blocking, install_checkpoint, keep_evidence};
use super::verification::VerificationError;
use crate::files;
use crate::limits;
use crate::transparency::{InvalidNote, SignedCheckpoint};
use crate::wire::v1;

/// What the relay shows now, signed by the pinned log's key and believed by nobody yet.
#[derive(Debug)]
pub struct Reset {
    profile: ProfileDir,
    checkpoint: SignedCheckpoint,
}

impl Reset {
    /// Asks the relay of a profile for its newest checkpoint.
    pub async fn ask(profile: &ProfileDir) -> Result<Self, ClientError> {
        let settings = Settings::read(profile)?;
        let connection = Connection::of(profile, &settings)?;
        let answer = connection
            .call(&v1::GetCheckpointRequest {}, |channel, message| async move {
                v1::audit_client::AuditClient::new(channel)
                    .get_checkpoint(message)
                    .await
            })
            .await?;
        let note = std::str::from_utf8(&answer.checkpoint)
            .map_err(|_| VerificationError::Checkpoint(InvalidNote::Malformed))?;
        let checkpoint = settings.log.open(note).map_err(VerificationError::Checkpoint)?;
        Ok(Self {
            profile: profile.clone(),
            checkpoint,
        })
    }

    /// What the relay shows.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Believes it. The old checkpoint and directory go to the evidence, whose path this gives; the directory is verified
    /// anew from the genesis on.
    pub async fn install(self) -> Result<Option<PathBuf>, ClientError> {
        blocking(move || {
            let profile = &self.profile;
            let old = files::read(&profile.checkpoint(), limits::CHECKPOINT_BYTES_MAX)?;
            let directory = files::read(&profile.directory(), limits::DIRECTORY_CACHE_BYTES_MAX)?;
            let mut parts: Vec<(&str, &[u8])> = Vec::new();
            if let Some(old) = &old {
                parts.push(("verified.checkpoint", old));
            }
            if let Some(directory) = &directory {
                parts.push(("directory", directory));
            }
            parts.push(("reset.checkpoint", self.checkpoint.note().as_bytes()));
            let what = "Trust was begun anew, because a person said so: what was verified before, and what was shown then.";
            let evidence = if old.is_some() || directory.is_some() {
                let kept = keep_evidence(profile, "reset", what, &parts);
                if kept.is_none() {
                    return Err(ClientError::Invalid(
                        "what was verified before could not be kept: nothing was reset".to_owned(),
                    ));
                }
                kept
            } else {
                None
            };
            files::remove(&profile.directory())?;
            install_checkpoint(profile, &self.checkpoint)?;
            Ok(evidence)
        })
        .await
    }
}
