//! The hashes of the tree (RFC 6962 §2.1) and where each is stored.
//!
//! Stored hashes have one dense order, tlog's: after record `n`'s leaf hash follow the hashes of the subtrees that it
//! completes, smallest first. So appending a record appends one run of hashes, and nothing stored is ever changed.

use tlog_tiles::tlog;

use crate::domain::Hash;
use crate::limits::LOG_SIZE_MAX;
use crate::transparency::{Frontier, HashReader, ProofError};

/// The root of a log without records: SHA-256 of nothing.
pub const EMPTY_ROOT: Hash = Hash(tlog::EMPTY_HASH.0);

/// The hash of a leaf: SHA-256(0x00 ‖ the record's stored bytes).
pub fn leaf_hash(record: &[u8]) -> Hash {
    Hash(tlog::record_hash(record).0)
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(tlog::node_hash(tlog::Hash(left.0), tlog::Hash(right.0)).0)
}

/// Where the `n`th hash of `level` (0 is the leaves') stands in the stored order, or `None` if it lies outside any
/// log of at most [`LOG_SIZE_MAX`] records.
pub fn stored_hash_index(level: u8, n: u64) -> Option<u64> {
    let width = LOG_SIZE_MAX.checked_shr(u32::from(level)).unwrap_or(0);
    (n < width).then(|| tlog::stored_hash_index(level, n))
}

/// How many hashes are stored for a log of `size` records; `None` beyond [`LOG_SIZE_MAX`].
pub fn stored_hash_count(size: u64) -> Option<u64> {
    (size <= LOG_SIZE_MAX).then(|| tlog::stored_hash_count(size))
}

/// The hashes to store, in stored order, when `leaf` is appended to a log of `size` records; the first of them goes
/// to `stored_hash_count(size)`. A writer that holds a [`Frontier`] uses [`Frontier::append`], which reads nothing.
pub fn hashes_for_append<R: HashReader>(
    size: u64,
    leaf: Hash,
    reader: &R,
) -> Result<Vec<Hash>, ProofError<R::Error>> {
    Frontier::at(size, reader)?
        .append(leaf)
        .map_err(|_| ProofError::OutOfRange)
}
