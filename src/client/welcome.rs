//! A welcome: what an operator hands to whoever was enrolled (URL, TLS pin, log key, a checkpoint that holds the enrolment),
//! and how it becomes a profile. It is trusted because a person installs it, so it never replaces another log silently.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::ClientError;
use super::profile::{ProfileDir, ProfileError, Settings, SignerSetting};
use super::trust::install_checkpoint;
use crate::domain::{KeyId, Principal};
use crate::files;
use crate::limits;
use crate::transparency::{LogVerifier, SignedCheckpoint};

/// What an operator hands to whoever was enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// Whom it is for.
    pub principal: Principal,
    /// `https://HOST:PORT`.
    pub url: String,
    /// SHA-256 of the relay's TLS SubjectPublicKeyInfo.
    pub tls_pin: KeyId,
    /// The log's key, with its origin.
    pub log: LogVerifier,
    /// Holds the enrolment: the first `seen`.
    pub checkpoint: SignedCheckpoint,
}

/// What installing a welcome did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// There was no profile.
    New,
    /// There was one of this log; its address and TLS pin are now the welcome's, its checkpoint is still its own.
    Updated,
}

/// The file as it is written; unknown keys are errors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WelcomeFile {
    wardline_welcome: u32,
    principal: String,
    url: String,
    tls_pin: String,
    origin: String,
    log_key: String,
    checkpoint: String,
}

impl Welcome {
    /// Reads a welcome; its checkpoint is checked against its own log key. The error is a sentence for its reader.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: WelcomeFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if file.wardline_welcome != 1 {
            return Err("a welcome of a later version".to_owned());
        }
        let log = LogVerifier::parse(&file.log_key).map_err(|error| format!("log_key: {error}"))?;
        if log.origin().as_str() != file.origin {
            return Err("log_key: it is the key of another origin".to_owned());
        }
        let checkpoint = log
            .open(&file.checkpoint)
            .map_err(|error| format!("checkpoint: {error}"))?;
        Ok(Self {
            principal: file
                .principal
                .parse()
                .map_err(|error| format!("principal: {error}"))?,
            url: file.url,
            tls_pin: file
                .tls_pin
                .parse()
                .map_err(|error| format!("tls_pin: {error}"))?,
            log,
            checkpoint,
        })
    }

    /// Reads a welcome from a file.
    pub fn read(path: &Path) -> Result<Self, ClientError> {
        let malformed = |problem: String| {
            ClientError::from(ProfileError::Malformed {
                path: path.to_owned(),
                problem,
            })
        };
        let bytes = files::read(path, limits::WELCOME_BYTES_MAX)?
            .ok_or_else(|| malformed("there is no such file".to_owned()))?;
        let text = String::from_utf8(bytes).map_err(|_| malformed("not UTF-8".to_owned()))?;
        Self::parse(&text).map_err(malformed)
    }

    /// As a file holds it: one JSON object.
    pub fn to_json(&self) -> String {
        let file = WelcomeFile {
            wardline_welcome: 1,
            principal: self.principal.to_string(),
            url: self.url.clone(),
            tls_pin: self.tls_pin.to_string(),
            origin: self.log.origin().to_string(),
            log_key: self.log.vkey(),
            checkpoint: self.checkpoint.note().to_owned(),
        };
        // Strings and a number: there is nothing in it that JSON cannot say.
        serde_json::to_string_pretty(&file).unwrap_or_default()
    }

    /// Writes a welcome file, durably.
    pub fn write(&self, path: &Path) -> Result<(), ClientError> {
        Ok(files::replace(path, format!("{}\n", self.to_json()).as_bytes())?)
    }

    /// Installs it. A profile of another log or principal is never replaced, and a checkpoint that was verified before is
    /// never set back; one that was lost is not made good by an old welcome.
    pub fn install(&self, profile: &ProfileDir) -> Result<Installed, ClientError> {
        let before = match Settings::read(profile) {
            Ok(settings) => Some(settings),
            Err(ProfileError::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(before) = before else {
            files::create_directory(profile.path())?;
            // The checkpoint first: settings without one would look like a loss.
            install_checkpoint(profile, &self.checkpoint)?;
            self.settings().write(profile)?;
            return Ok(Installed::New);
        };
        if before.log != self.log {
            return Err(ClientError::Invalid(format!(
                "this profile trusts the log {}, and the welcome is for {}: use another profile directory",
                before.log.vkey(),
                self.log.vkey()
            )));
        }
        if before.principal != self.principal {
            return Err(ClientError::Invalid(format!(
                "this profile is of {}, and the welcome is for {}",
                before.principal, self.principal
            )));
        }
        if !profile.checkpoint().exists() && !profile.directory().exists() {
            // Settings written by hand, and nothing verified yet.
            install_checkpoint(profile, &self.checkpoint)?;
        }
        let settings = Settings {
            url: self.url.clone(),
            tls_pin: self.tls_pin,
            ..before
        };
        settings.write(profile)?;
        Ok(Installed::Updated)
    }

    fn settings(&self) -> Settings {
        Settings {
            principal: self.principal.clone(),
            desk: None,
            url: self.url.clone(),
            tls_pin: self.tls_pin,
            log: self.log.clone(),
            signer: SignerSetting::File,
            languages: Vec::new(),
            retention: crate::retention::RetentionRules::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::seal::SecretKey;
    use crate::transparency::{LogKey, leaf_hash};

    fn welcome(seed: u8, size: u64) -> Welcome {
        let key = LogKey::new(
            "relay.invalid".parse().unwrap(),
            SecretKey::from_seed(&[seed; 32]),
        );
        let checkpoint = key.verifier().open(&key.sign_checkpoint(size, leaf_hash(b"a")));
        Welcome {
            principal: "be.ctc".parse().unwrap(),
            url: "https://127.0.0.1:7443".to_owned(),
            tls_pin: KeyId([3; 32]),
            log: key.verifier().clone(),
            checkpoint: checkpoint.unwrap(),
        }
    }

    /// A welcome makes a profile, and a second one of the same log changes the address but never the checkpoint.
    #[test]
    fn a_welcome_makes_a_profile_and_never_sets_it_back() {
        let directory = tempfile::tempdir().unwrap();
        let profile = ProfileDir::new(directory.path().join("be.ctc"));
        assert_eq!(welcome(1, 7).install(&profile).unwrap(), Installed::New);
        let moved = Welcome {
            url: "https://relay.invalid:1".to_owned(),
            ..welcome(1, 3)
        };
        assert_eq!(moved.install(&profile).unwrap(), Installed::Updated);
        let settings = Settings::read(&profile).unwrap();
        assert_eq!(settings.url, "https://relay.invalid:1");
        let kept = std::fs::read_to_string(profile.checkpoint()).unwrap();
        assert_eq!(kept, welcome(1, 7).checkpoint.note());
    }

    /// Another log's welcome, and another agency's, are refused over a profile.
    #[test]
    fn another_log_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let profile = ProfileDir::new(directory.path());
        welcome(1, 1).install(&profile).unwrap();
        assert!(welcome(2, 1).install(&profile).is_err());
        let other = Welcome {
            principal: "fr.ctc".parse().unwrap(),
            ..welcome(1, 1)
        };
        assert!(other.install(&profile).is_err());
    }

    /// What is written reads back; a checkpoint of another key, or an unknown key of the object, does not.
    #[test]
    fn a_welcome_round_trips() {
        let text = welcome(1, 2).to_json();
        assert_eq!(Welcome::parse(&text).unwrap(), welcome(1, 2));
        let forged = Welcome {
            checkpoint: welcome(2, 2).checkpoint,
            ..welcome(1, 2)
        };
        assert!(
            Welcome::parse(&forged.to_json())
                .unwrap_err()
                .contains("checkpoint")
        );
        assert!(Welcome::parse(&text.replace("\"url\"", "\"uri\"")).is_err());
    }
}
