//! The right edge of the tree: one hash for each complete subtree, from which the root of every next size follows
//! without reading anything. The sequencer carries one; so may a replay.

use crate::domain::Hash;
use crate::limits::LOG_SIZE_MAX;
use crate::transparency::{EMPTY_ROOT, HashReader, ProofError, node_hash, proof};

/// The complete subtrees of a log, largest first: as many as `size` has one-bits.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

/// Not a frontier: wrong length for its size, beyond the largest log, or full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the frontier of a log of at most 2^62 records")]
pub struct InvalidFrontier;

impl Frontier {
    /// The frontier of an empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// The frontier of the first `size` records, read from stored hashes.
    pub fn at<R: HashReader>(size: u64, reader: &R) -> Result<Self, ProofError<R::Error>> {
        Ok(Self {
            size,
            subtrees: proof::subtrees_at(size, reader)?,
        })
    }

    /// How many records the log has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash. Gives the hashes that a store of hashes appends, in stored order: the leaf's, then that
    /// of each subtree that it completes.
    pub fn append(&mut self, leaf: Hash) -> Result<Vec<Hash>, InvalidFrontier> {
        let mut stored = Vec::new();
        self.append_to(leaf, &mut stored)?;
        Ok(stored)
    }

    /// The same, with the hashes put behind those that are there.
    pub fn append_to(&mut self, leaf: Hash, stored: &mut Vec<Hash>) -> Result<(), InvalidFrontier> {
        if self.size >= LOG_SIZE_MAX {
            return Err(InvalidFrontier);
        }
        stored.push(leaf);
        let mut top = leaf;
        for _ in 0..self.size.trailing_ones() {
            // There is one subtree for each one-bit of the size.
            let left = self.subtrees.pop().ok_or(InvalidFrontier)?;
            top = node_hash(&left, &top);
            stored.push(top);
        }
        self.subtrees.push(top);
        self.size = self.size.saturating_add(1);
        Ok(())
    }

    /// The root of the log at this size.
    pub fn root(&self) -> Hash {
        let mut subtrees = self.subtrees.iter().rev();
        let smallest = subtrees.next().copied().unwrap_or(EMPTY_ROOT);
        subtrees.fold(smallest, |right, left| node_hash(left, &right))
    }

    /// The size, 8 bytes big-endian, and the subtrees' hashes, largest first. Persisted; never changes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 32 * self.subtrees.len());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        for hash in &self.subtrees {
            bytes.extend_from_slice(hash.as_bytes());
        }
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidFrontier> {
        let (size, hashes) = bytes.split_first_chunk::<8>().ok_or(InvalidFrontier)?;
        let size = u64::from_be_bytes(*size);
        let (hashes, rest) = hashes.as_chunks::<32>();
        if size > LOG_SIZE_MAX || !rest.is_empty() || usize::try_from(size.count_ones()) != Ok(hashes.len()) {
            return Err(InvalidFrontier);
        }
        Ok(Self {
            size,
            subtrees: hashes.iter().map(|hash| Hash(*hash)).collect(),
        })
    }
}
