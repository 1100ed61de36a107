//! Checkpoints (C2SP tlog-checkpoint): the origin, size and root of a log, as the text that is signed and as the
//! proof that it was.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::domain::{Hash, Origin};
use crate::limits::LOG_SIZE_MAX;
use crate::transparency::EMPTY_ROOT;

/// What a log says of itself at one size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// How many records it has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text of the note: three lines, no extension lines.
    pub fn to_text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            BASE64_STANDARD.encode(self.root.as_bytes())
        )
    }

    /// Reads exactly what [`Checkpoint::to_text`] writes. Says nothing of who signed it.
    pub fn parse_text(text: &str) -> Result<Self, InvalidNote> {
        let text = text.strip_suffix('\n').ok_or(InvalidNote::Malformed)?;
        let mut lines = text.split('\n');
        let mut line = || lines.next().ok_or(InvalidNote::Malformed);
        let (origin, size, root) = (line()?, line()?, line()?);
        if lines.next().is_some() {
            return Err(InvalidNote::Extension);
        }
        let checkpoint = Self {
            origin: origin.parse().map_err(|_| InvalidNote::Malformed)?,
            size: parse_decimal(size)
                .filter(|size| *size <= LOG_SIZE_MAX)
                .ok_or(InvalidNote::Size)?,
            root: parse_hash(root).ok_or(InvalidNote::Malformed)?,
        };
        if checkpoint.size == 0 && checkpoint.root != EMPTY_ROOT {
            return Err(InvalidNote::Size);
        }
        Ok(checkpoint)
    }
}

/// A checkpoint whose log signature was checked. Only [`crate::transparency::LogVerifier::open`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: String,
}

impl SignedCheckpoint {
    pub(super) fn new(checkpoint: Checkpoint, note: &str) -> Self {
        Self {
            checkpoint,
            note: note.to_owned(),
        }
    }

    /// What was signed.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Which log.
    pub fn origin(&self) -> &Origin {
        &self.checkpoint.origin
    }

    /// How many records the log has.
    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        self.checkpoint.root
    }

    /// The signed note as it came, with every signature on it.
    pub fn note(&self) -> &str {
        &self.note
    }
}

/// Why a note is no checkpoint of the log that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNote {
    /// Longer than a checkpoint with its cosignatures can be.
    #[error("the checkpoint is too long")]
    TooLong,
    /// No signed note, or its text is no checkpoint.
    #[error("not a checkpoint (C2SP tlog-checkpoint)")]
    Malformed,
    /// The size is not plain decimal, too large, or 0 with a root that is not the empty log's.
    #[error("the checkpoint's size is malformed or does not fit its root")]
    Size,
    /// Lines after the root: this log writes none.
    #[error("the checkpoint has extension lines")]
    Extension,
    /// A checkpoint of another log.
    #[error("the checkpoint is another log's")]
    WrongOrigin,
    /// The log's key has not signed.
    #[error("the checkpoint is not signed by the log's key")]
    NotSigned,
    /// There is a signature in the name of the log's key, and it does not verify.
    #[error("the checkpoint's signature does not verify")]
    BadSignature,
    /// There is a cosignature in the name and with the key hash of a witness of the policy, and it does not verify.
    #[error("a known witness's cosignature on the checkpoint does not verify")]
    BadCosignature,
}

/// ASCII decimal without sign and without leading zeros.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// 32 bytes in canonical standard base64.
pub(super) fn parse_hash(text: &str) -> Option<Hash> {
    Some(Hash(BASE64_STANDARD.decode(text).ok()?.try_into().ok()?))
}
