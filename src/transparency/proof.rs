//! Inclusion and consistency proofs (RFC 6962 §2.1.1 and §2.1.2): made from stored hashes, checked from nothing but
//! the roots.
//!
//! The arithmetic is tlog_tiles'; here every input that could make it overflow or panic is refused first.

use std::cell::Cell;

use tlog_tiles::tlog;

use crate::domain::Hash;
use crate::limits::{LOG_SIZE_MAX, PROOF_HASHES_MAX};
use crate::transparency::EMPTY_ROOT;

/// Where stored hashes are read from.
pub trait HashReader {
    /// Why reading failed.
    type Error: std::error::Error + 'static;
    /// The hashes at these places of the stored order ([`crate::transparency::stored_hash_index`]), as many and in
    /// the same order; called once a proof. A place that is not stored is an error, never a made-up hash.
    fn hashes(&self, stored_indexes: &[u64]) -> Result<Vec<Hash>, Self::Error>;
}

/// Why no proof was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E: std::error::Error + 'static> {
    /// The index is not below the size, the old size is above the new, or a size is beyond the largest log.
    #[error("no such record or size in this log")]
    OutOfRange,
    /// The reader broke its contract: it gave another number of hashes than it was asked for.
    #[error("the store of hashes gave another number of hashes than it was asked for")]
    BadReader,
    /// The reader failed.
    #[error("the hashes of the tree could not be read: {0}")]
    Reader(#[source] E),
}

/// The proof does not show what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not verify")]
pub struct InvalidProof;

/// Proves that record `index` is in the log of `size` records.
pub fn inclusion_proof<R: HashReader>(
    size: u64,
    index: u64,
    reader: &R,
) -> Result<Vec<Hash>, ProofError<R::Error>> {
    if size > LOG_SIZE_MAX || index >= size {
        return Err(ProofError::OutOfRange);
    }
    let adapter = Adapter::new(reader);
    let proof = tlog::prove_record(size, index, &adapter);
    adapter.finish(proof)
}

/// Proves that the log of `new` records begins with the log of `old` records. From an empty log and between equal
/// sizes the proof is empty.
pub fn consistency_proof<R: HashReader>(
    old: u64,
    new: u64,
    reader: &R,
) -> Result<Vec<Hash>, ProofError<R::Error>> {
    if new > LOG_SIZE_MAX || old > new {
        return Err(ProofError::OutOfRange);
    }
    if old == 0 {
        return Ok(Vec::new());
    }
    let adapter = Adapter::new(reader);
    let proof = tlog::prove_tree(new, old, &adapter);
    adapter.finish(proof)
}

/// The root of the log at `size`.
pub fn root_at<R: HashReader>(size: u64, reader: &R) -> Result<Hash, ProofError<R::Error>> {
    if size > LOG_SIZE_MAX {
        return Err(ProofError::OutOfRange);
    }
    if size == 0 {
        return Ok(EMPTY_ROOT);
    }
    let adapter = Adapter::new(reader);
    let root = tlog::tree_hash(size, &adapter).map(|root| vec![root]);
    adapter.finish(root)?.pop().ok_or(ProofError::BadReader)
}

/// Checks that the log of `size` records with this `root` holds `leaf` at `index`.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), InvalidProof> {
    if size > LOG_SIZE_MAX || index >= size || proof.len() > PROOF_HASHES_MAX {
        return Err(InvalidProof);
    }
    tlog::check_record(
        &to_tlog(proof),
        size,
        tlog::Hash(root.0),
        index,
        tlog::Hash(leaf.0),
    )
    .map_err(|_| InvalidProof)
}

/// Checks that the log of `new` records with `new_root` begins with the log of `old` records with `old_root`. Every
/// log begins with the empty one, and with itself.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), InvalidProof> {
    if new > LOG_SIZE_MAX || old > new || proof.len() > PROOF_HASHES_MAX {
        return Err(InvalidProof);
    }
    // An empty log has one root only, on either side; tlog knows no empty log.
    if (old == 0 && *old_root != EMPTY_ROOT) || (new == 0 && *new_root != EMPTY_ROOT) {
        return Err(InvalidProof);
    }
    if old == 0 {
        return if proof.is_empty() {
            Ok(())
        } else {
            Err(InvalidProof)
        };
    }
    tlog::check_tree(
        &to_tlog(proof),
        new,
        tlog::Hash(new_root.0),
        old,
        tlog::Hash(old_root.0),
    )
    .map_err(|_| InvalidProof)
}

/// The hashes of the complete subtrees of the first `size` records, largest first.
pub(super) fn subtrees_at<R: HashReader>(size: u64, reader: &R) -> Result<Vec<Hash>, ProofError<R::Error>> {
    if size > LOG_SIZE_MAX {
        return Err(ProofError::OutOfRange);
    }
    let indexes = tlog::sub_tree_index(0, size, Vec::new());
    if indexes.is_empty() {
        return Ok(Vec::new());
    }
    let hashes = reader.hashes(&indexes).map_err(ProofError::Reader)?;
    if hashes.len() != indexes.len() {
        return Err(ProofError::BadReader);
    }
    Ok(hashes)
}

fn to_tlog(hashes: &[Hash]) -> Vec<tlog::Hash> {
    hashes.iter().map(|hash| tlog::Hash(hash.0)).collect()
}

/// Our reader as tlog's, whose error type has no room for ours and whose prover panics on a wrong count.
struct Adapter<'a, R: HashReader> {
    reader: &'a R,
    failure: Cell<Option<ProofError<R::Error>>>,
}

impl<'a, R: HashReader> Adapter<'a, R> {
    fn new(reader: &'a R) -> Self {
        Self {
            reader,
            failure: Cell::new(None),
        }
    }

    fn finish(self, result: Result<Vec<tlog::Hash>, tlog::Error>) -> Result<Vec<Hash>, ProofError<R::Error>> {
        match result {
            Ok(hashes) => Ok(hashes.into_iter().map(|hash| Hash(hash.0)).collect()),
            Err(_) => Err(self.failure.take().unwrap_or(ProofError::OutOfRange)),
        }
    }
}

impl<R: HashReader> tlog::HashReader for Adapter<'_, R> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let failure = match self.reader.hashes(indexes) {
            Ok(hashes) if hashes.len() == indexes.len() => return Ok(to_tlog(&hashes)),
            Ok(_) => ProofError::BadReader,
            Err(error) => ProofError::Reader(error),
        };
        self.failure.set(Some(failure));
        Err(tlog::Error::IndexesNotInTree)
    }
}
