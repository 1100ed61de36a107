//! A receipt as it is kept and passed on: a `c2sp.org/tlog-proof@v1`, which proves offline that a record is in the log.
//!
//! Its extra data is not authenticated by it; whoever uses that must check it by itself.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::domain::Hash;
use crate::limits::{CHECKPOINT_BYTES_MAX, PROOF_EXTRA_BYTES_MAX, PROOF_HASHES_MAX, PROOF_TEXT_BYTES_MAX};
use crate::transparency::checkpoint::{parse_decimal, parse_hash};
use crate::transparency::{InvalidNote, InvalidProof, LogVerifier, SignedCheckpoint, verify_inclusion};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A proof of inclusion with the checkpoint that it leads to. What is in it has not been checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlogProof {
    /// The record's index, from 0.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The signed note of the checkpoint, verbatim.
    pub checkpoint_note: String,
    /// Opaque and not authenticated; an empty one is written as none.
    pub extra: Option<Vec<u8>>,
}

/// Why a text is no tlog-proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTlogProof {
    /// Too long as a whole, or in one of its parts.
    #[error("the proof is too long")]
    TooLong,
    /// Not of the form that C2SP tlog-proof v1 describes.
    #[error("not a {FIRST_LINE}")]
    Malformed,
}

/// Why a tlog-proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Its checkpoint is not one of the expected log.
    #[error(transparent)]
    Checkpoint(#[from] InvalidNote),
    /// Its hashes do not lead from the record to the checkpoint's root.
    #[error(transparent)]
    Proof(#[from] InvalidProof),
}

impl TlogProof {
    /// Checks that the record with this leaf hash is in the log, at [`TlogProof::index`]; gives the checkpoint that
    /// says so.
    pub fn verify(&self, leaf: &Hash, log: &LogVerifier) -> Result<SignedCheckpoint, TlogProofError> {
        let checkpoint = log.open(&self.checkpoint_note)?;
        verify_inclusion(
            leaf,
            self.index,
            checkpoint.size(),
            &self.hashes,
            &checkpoint.root(),
        )?;
        Ok(checkpoint)
    }

    /// Reads the text, strictly: what is read is written back byte for byte.
    pub fn parse(text: &str) -> Result<Self, InvalidTlogProof> {
        use InvalidTlogProof::{Malformed, TooLong};
        if text.len() > PROOF_TEXT_BYTES_MAX {
            return Err(TooLong);
        }
        let (head, checkpoint_note) = text.split_once("\n\n").ok_or(Malformed)?;
        if checkpoint_note.len() > CHECKPOINT_BYTES_MAX {
            return Err(TooLong);
        }
        if checkpoint_note.is_empty() {
            return Err(Malformed);
        }
        let mut lines = head.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(Malformed);
        }
        let mut line = lines.next().ok_or(Malformed)?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| Malformed)?;
            if bytes.len() > PROOF_EXTRA_BYTES_MAX {
                return Err(TooLong);
            }
            if bytes.is_empty() {
                return Err(Malformed);
            }
            extra = Some(bytes);
            line = lines.next().ok_or(Malformed)?;
        }
        let index = line
            .strip_prefix("index ")
            .and_then(parse_decimal)
            .ok_or(Malformed)?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() >= PROOF_HASHES_MAX {
                return Err(TooLong);
            }
            hashes.push(parse_hash(line).ok_or(Malformed)?);
        }
        Ok(Self {
            index,
            hashes,
            checkpoint_note: checkpoint_note.to_owned(),
            extra,
        })
    }
}

impl FromStr for TlogProof {
    type Err = InvalidTlogProof;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = self.extra.as_ref().filter(|extra| !extra.is_empty()) {
            writeln!(f, "extra {}", BASE64_STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", BASE64_STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint_note)
    }
}
