//! A record with its proof checked: what every answer of the relay is turned into before anything is believed of it.

use bytes::Bytes;

use super::verification::VerificationError;
use crate::domain::{Hash, Receipt, Record};
use crate::transparency::{SignedCheckpoint, TlogProof, leaf_hash, verify_inclusion};
use crate::wire::{self, v1};

/// A record that is in the log at its index. Only `prove` makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenRecord {
    receipt: Receipt,
    leaf: Hash,
    record: Record,
    checkpoint: SignedCheckpoint,
}

impl ProvenRecord {
    /// Where it stands.
    pub fn index(&self) -> u64 {
        self.receipt.index
    }

    /// What it says.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The stored bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.receipt.record
    }

    /// The hash of its leaf.
    pub fn leaf(&self) -> Hash {
        self.leaf
    }

    /// The checkpoint that it was proven against.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The proof as a file keeps it.
    pub fn tlog_proof(&self) -> TlogProof {
        TlogProof {
            index: self.receipt.index,
            hashes: self.receipt.inclusion_proof.clone(),
            checkpoint_note: self.checkpoint.note().to_owned(),
            extra: None,
        }
    }
}

/// Checks that a record is in the log at its index, and reads it.
pub(crate) fn prove(
    receipt: Receipt,
    checkpoint: &SignedCheckpoint,
) -> Result<ProvenRecord, VerificationError> {
    let index = receipt.index;
    let leaf = leaf_hash(&receipt.record);
    verify_inclusion(
        &leaf,
        index,
        checkpoint.size(),
        &receipt.inclusion_proof,
        &checkpoint.root(),
    )
    .map_err(|_| VerificationError::Inclusion { index })?;
    let record = wire::record(&receipt.record).map_err(|error| VerificationError::Malformed {
        index,
        why: error.to_string(),
    })?;
    Ok(ProvenRecord {
        receipt,
        leaf,
        record,
        checkpoint: checkpoint.clone(),
    })
}

/// The same, of a receipt as it came; its own checkpoint is passed over.
pub(crate) fn prove_message(
    message: Option<v1::Receipt>,
    checkpoint: &SignedCheckpoint,
) -> Result<ProvenRecord, VerificationError> {
    let message = message.ok_or(VerificationError::Incomplete("a receipt is missing"))?;
    let index = message.index;
    let receipt = Receipt::try_from(message).map_err(|refused| VerificationError::Malformed {
        index,
        why: refused.to_string(),
    })?;
    prove(receipt, checkpoint)
}

/// The same of several.
pub(crate) fn prove_all(
    messages: Vec<v1::Receipt>,
    checkpoint: &SignedCheckpoint,
) -> Result<Vec<ProvenRecord>, VerificationError> {
    messages
        .into_iter()
        .map(|message| prove_message(Some(message), checkpoint))
        .collect()
}
