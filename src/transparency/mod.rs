//! The verifiable log: RFC 6962 hashing, the tree's right edge, proofs, C2SP checkpoints, cosignatures,
//! policies, tiles and receipts.
//!
//! A log has at most [`crate::limits::LOG_SIZE_MAX`] records, and nothing here panics on what a peer sends: an index
//! beyond the size, a proof of the wrong length or a hostile note is an `Err`. A [`SignedCheckpoint`] exists
//! only if the log's signature was checked.

mod add_checkpoint;
mod checkpoint;
mod cosignature;
mod cosigned;
mod frontier;
mod log_key;
mod policy;
mod policy_file;
mod proof;
mod tile;
mod tlog_proof;
mod tree;

pub use add_checkpoint::{AddCheckpoint, InvalidAddCheckpoint, SIZE_CONTENT_TYPE, origin_hash, parse_size};
pub use checkpoint::{Checkpoint, InvalidNote, SignedCheckpoint};
pub use cosignature::{
    Cosignature, InvalidWitnessName, InvalidWitnessVkey, WitnessKey, WitnessName, WitnessVerifier,
};
pub use cosigned::CosignedCheckpoint;
pub use frontier::{Frontier, InvalidFrontier};
#[cfg(test)]
pub(crate) use log_key::SigningWatch;
pub use log_key::{InvalidVkey, LogKey, LogSigner, LogVerifier};
pub use policy::{Policy, PolicyLog, PolicyWitness};
pub use policy_file::{InvalidPolicy, PolicyFault};
pub use proof::{
    HashReader, InvalidProof, ProofError, consistency_proof, inclusion_proof, root_at, verify_consistency,
    verify_inclusion,
};
pub use tile::{InvalidTilePath, TilePath, read_tile};
pub use tlog_proof::{InvalidTlogProof, TlogProof, TlogProofError};
pub use tree::{EMPTY_ROOT, hashes_for_append, leaf_hash, node_hash, stored_hash_count, stored_hash_index};

#[cfg(test)]
mod cosigning;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod golden_cosigned;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hostile_cosigned;
#[cfg(test)]
mod hostile_policy;
#[cfg(test)]
mod hostile_tile;
#[cfg(test)]
pub(crate) mod model;
#[cfg(test)]
mod second_tree;
