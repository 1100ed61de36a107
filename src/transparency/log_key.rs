//! The log's key: signing checkpoints as notes (C2SP signed-note, Ed25519), and the verifier key by which others
//! know the log.
//!
//! The name of the key is the origin of the log. Ed25519 is deterministic, so signing one size and root twice
//! (after a crash) gives the same note.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use signed_note::{Note, NoteError, VerificationError, Verifier, Verifiers};

use crate::domain::{Hash, Origin};
use crate::limits::CHECKPOINT_BYTES_MAX;
use crate::seal::{ExecSigner, PublicKey, SecretKey, Signer as _, SignerError};
use crate::transparency::{Checkpoint, InvalidNote, SignedCheckpoint};

/// Signature type 0x01 of C2SP signed-note: Ed25519 over the note's text.
const ED25519: u8 = 1;

/// A log's secret key, under the name of its origin.
#[derive(Debug)]
pub struct LogKey {
    secret: SecretKey,
    verifier: LogVerifier,
}

impl LogKey {
    /// The key of the log `origin`.
    pub fn new(origin: Origin, secret: SecretKey) -> Self {
        let verifier = LogVerifier::new(origin, secret.public_key());
        Self { secret, verifier }
    }

    /// What others verify this log's checkpoints by.
    pub fn verifier(&self) -> &LogVerifier {
        &self.verifier
    }

    /// Which log.
    pub fn origin(&self) -> &Origin {
        &self.verifier.origin
    }

    /// The signed note of a checkpoint. The caller vouches that the log has this root at this size, durably.
    pub fn sign_checkpoint(&self, size: u64, root: Hash) -> String {
        let text = text(&self.verifier, size, root);
        note(&self.verifier, &text, &self.secret.sign(text.as_bytes()))
    }
}

/// Who signs a log's checkpoints: its key, or a program that holds it.
#[derive(Debug)]
pub enum LogSigner {
    /// The key itself.
    Key(LogKey),
    /// A program, run for each checkpoint.
    Program {
        /// The program.
        program: ExecSigner,
        /// The key that it holds.
        verifier: LogVerifier,
    },
    /// The key, watched, and failing as often as it is told to.
    #[cfg(test)]
    Watched {
        /// The key.
        key: LogKey,
        /// Who watches.
        watch: std::sync::Arc<SigningWatch>,
    },
}

/// What a test sees and sets of a signer.
#[cfg(test)]
#[derive(Debug, Default)]
pub struct SigningWatch {
    /// How often it was asked.
    pub asked: std::sync::atomic::AtomicU32,
    /// How often it is to fail.
    pub to_fail: std::sync::atomic::AtomicU32,
}

impl From<LogKey> for LogSigner {
    fn from(key: LogKey) -> Self {
        Self::Key(key)
    }
}

impl LogSigner {
    /// A program that holds the key of the log `origin`.
    pub fn program(origin: Origin, program: ExecSigner) -> Self {
        let verifier = LogVerifier::new(origin, program.public_key());
        Self::Program { program, verifier }
    }

    /// What others verify this log's checkpoints by.
    pub fn verifier(&self) -> &LogVerifier {
        match self {
            Self::Key(key) => key.verifier(),
            Self::Program { verifier, .. } => verifier,
            #[cfg(test)]
            Self::Watched { key, .. } => key.verifier(),
        }
    }

    /// Which log.
    pub fn origin(&self) -> &Origin {
        &self.verifier().origin
    }

    /// The signed note of a checkpoint. The caller vouches that the log has this root at this size, durably.
    pub async fn sign_checkpoint(&self, size: u64, root: Hash) -> Result<String, SignerError> {
        match self {
            Self::Key(key) => Ok(key.sign_checkpoint(size, root)),
            Self::Program { program, verifier } => {
                let text = text(verifier, size, root);
                // Verified with the log's key before it is given.
                let signature = program.sign(text.as_bytes()).await?;
                Ok(note(verifier, &text, &signature))
            }
            #[cfg(test)]
            Self::Watched { key, watch } => {
                use std::sync::atomic::Ordering::SeqCst;
                watch.asked.fetch_add(1, SeqCst);
                let fails = watch
                    .to_fail
                    .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
                match fails {
                    Ok(_) => Err(SignerError::Output),
                    Err(_) => Ok(key.sign_checkpoint(size, root)),
                }
            }
        }
    }
}

fn text(verifier: &LogVerifier, size: u64, root: Hash) -> String {
    let origin = verifier.origin.clone();
    Checkpoint { origin, size, root }.to_text()
}

fn note(verifier: &LogVerifier, text: &str, signature: &[u8; 64]) -> String {
    let signature = [&verifier.key_hash.to_be_bytes()[..], signature].concat();
    let signature = BASE64_STANDARD.encode(signature);
    format!("{text}\n\u{2014} {} {signature}\n", verifier.origin)
}

/// The public half of a log's key, under the name of its origin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogVerifier {
    origin: Origin,
    key: PublicKey,
    key_hash: u32,
}

/// Why a text is no verifier key of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVkey {
    /// Not `origin+hash+base64`.
    #[error("a log's verifier key is ORIGIN+8 hex digits+base64")]
    Malformed,
    /// Not an Ed25519 key, or a weak one.
    #[error("the verifier key is no sound Ed25519 key")]
    Key,
    /// The hash is not that of the name and key.
    #[error("the verifier key's hash does not fit its name and key")]
    Hash,
}

impl LogVerifier {
    /// The verifier of the log `origin` with this key.
    pub fn new(origin: Origin, key: PublicKey) -> Self {
        let mut typed_key = [ED25519; 33];
        let (_, raw) = typed_key.split_at_mut(1);
        raw.copy_from_slice(key.as_bytes());
        let key_hash = signed_note::key_id(origin.as_str(), &typed_key);
        Self {
            origin,
            key,
            key_hash,
        }
    }

    /// Reads a C2SP verifier key, `origin+hash+base64`, in its one canonical form.
    pub fn parse(vkey: &str) -> Result<Self, InvalidVkey> {
        // Neither origin nor hash holds a '+'; the base64 may.
        let mut parts = vkey.splitn(3, '+');
        let mut part = || parts.next().ok_or(InvalidVkey::Malformed);
        let (origin, hash, key) = (part()?, part()?, part()?);
        let origin: Origin = origin.parse().map_err(|_| InvalidVkey::Malformed)?;
        let typed_key = BASE64_STANDARD.decode(key).map_err(|_| InvalidVkey::Malformed)?;
        let raw = typed_key.strip_prefix(&[ED25519]).ok_or(InvalidVkey::Key)?;
        let verifier = Self::new(origin, PublicKey::parse(raw).map_err(|_| InvalidVkey::Key)?);
        if hash != format!("{:08x}", verifier.key_hash) {
            return Err(InvalidVkey::Hash);
        }
        Ok(verifier)
    }

    /// The verifier key as text, `origin+hash+base64`.
    pub fn vkey(&self) -> String {
        let mut typed_key = vec![ED25519];
        typed_key.extend_from_slice(self.key.as_bytes());
        format!(
            "{}+{:08x}+{}",
            self.origin,
            self.key_hash,
            BASE64_STANDARD.encode(typed_key)
        )
    }

    /// Which log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The log's public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Checks a note's signature, then reads it as a checkpoint of this log. Signatures of others (witnesses) are
    /// passed over.
    pub fn open(&self, note: &str) -> Result<SignedCheckpoint, InvalidNote> {
        let (checkpoint, _) = self.check(note)?;
        Ok(SignedCheckpoint::new(checkpoint, note))
    }

    /// The same, and drops every signature but the log's: what is kept of it has a bound.
    pub fn open_bare(&self, note: &str) -> Result<SignedCheckpoint, InvalidNote> {
        let (checkpoint, signature) = self.check(note)?;
        let line = String::from_utf8(signature.to_bytes()).map_err(|_| InvalidNote::Malformed)?;
        let note = format!("{}\n{line}", checkpoint.to_text());
        Ok(SignedCheckpoint::new(checkpoint, &note))
    }

    fn check(&self, note: &str) -> Result<(Checkpoint, signed_note::Signature), InvalidNote> {
        if note.len() > CHECKPOINT_BYTES_MAX {
            return Err(InvalidNote::TooLong);
        }
        let parsed = Note::from_bytes(note.as_bytes()).map_err(|_| InvalidNote::Malformed)?;
        let (verified, _) = parsed.verify(&OnlyThisLog(self)).map_err(|error| match error {
            NoteError::UnverifiedNote => InvalidNote::NotSigned,
            NoteError::InvalidSignature { .. } => InvalidNote::BadSignature,
            _ => InvalidNote::Malformed,
        })?;
        let signature = verified.into_iter().next().ok_or(InvalidNote::NotSigned)?;
        let text = std::str::from_utf8(parsed.text()).map_err(|_| InvalidNote::Malformed)?;
        let checkpoint = Checkpoint::parse_text(text)?;
        if checkpoint.origin != self.origin {
            return Err(InvalidNote::WrongOrigin);
        }
        Ok((checkpoint, signature))
    }
}

impl FromStr for LogVerifier {
    type Err = InvalidVkey;
    fn from_str(vkey: &str) -> Result<Self, Self::Err> {
        Self::parse(vkey)
    }
}

impl fmt::Display for LogVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.vkey())
    }
}

/// signed_note's own verifier is not strict; this one is.
impl Verifier for LogVerifier {
    fn name(&self) -> &str {
        self.origin.as_str()
    }

    fn key_id(&self) -> u32 {
        self.key_hash
    }

    fn verify(&self, msg: &[u8], sig: &[u8]) -> bool {
        sig.try_into().is_ok_and(|sig| self.key.verify(msg, sig).is_ok())
    }
}

/// Knows one key; every other signature is one of an unknown key.
struct OnlyThisLog<'a>(&'a LogVerifier);

impl Verifiers for OnlyThisLog<'_> {
    fn verifier(&self, name: &str, id: u32) -> Result<&dyn Verifier, VerificationError> {
        if name == self.0.name() && id == self.0.key_id() {
            Ok(self.0)
        } else {
            Err(VerificationError::UnknownKey {
                name: name.to_owned(),
                id,
            })
        }
    }
}
