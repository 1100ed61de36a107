//! What is appended and what stands at the end of it: [`Block`], [`Part`], [`Head`]. The bounds of a block are
//! checked here once, for every backend.

use bytes::Bytes;

use super::AppendError;
use crate::domain::Hash;
use crate::limits;
use crate::transparency::EMPTY_ROOT;

/// Where the journal stands after a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The writer's term: constant for a journal with one possible writer, a fencing token in a cluster.
    pub term: u64,
    /// Blocks so far.
    pub sequence: u64,
    /// Records so far; the index of the next one.
    pub size: u64,
    /// The root of the RFC 6962 tree over those records, as the caller computed it.
    pub root: Hash,
}

impl Head {
    /// The head of a journal without a block.
    pub const EMPTY: Self = Self {
        term: 0,
        sequence: 0,
        size: 0,
        root: EMPTY_ROOT,
    };

    /// The head that `block` makes of this one.
    pub fn after(&self, block: &Block) -> Self {
        Self {
            term: self.term,
            sequence: self.sequence.saturating_add(1),
            size: self.size.saturating_add(block.records.len() as u64),
            root: block.root,
        }
    }
}

/// Which detached part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PartKind {
    // Persisted; never reuse a number.
    /// The body of a warning.
    Body = 1,
    /// The free text of an acknowledgement.
    Text = 2,
    /// The key of a sealed body, wrapped for one agency.
    Wrap = 3,
    /// The number of a delivery in a desk's inbox, and its salt.
    InboxOpening = 4,
}

impl PartKind {
    /// The number that is stored.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// A detached part: stored beside its record, outside the tree, and erasable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The index of the record that it belongs to.
    pub index: u64,
    /// Which part.
    pub kind: PartKind,
    /// The format of the bytes, for whoever wrote them; the journal does not look.
    pub format: u8,
    /// Retention bucket; 0 is none.
    pub bucket: u32,
    /// The bytes.
    pub bytes: Bytes,
}

/// The records of one group commit with their detached parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The stored bytes of each record, which are the leaves' preimages.
    pub records: Vec<Bytes>,
    /// Detached parts of these records.
    pub parts: Vec<Part>,
    /// The root of the tree after this block.
    pub root: Hash,
}

impl Block {
    /// The bytes of all records and parts.
    pub fn bytes(&self) -> usize {
        self.records
            .iter()
            .chain(self.parts.iter().map(|p| &p.bytes))
            .map(Bytes::len)
            .sum()
    }

    /// Refuses a block over a bound, without a record, or with a part that is twice there or not of this block,
    /// if it is appended at `first`.
    pub(super) fn check(&self, first: u64) -> Result<(), AppendError> {
        let bound = |what, actual, max| match actual > max {
            true => Err(AppendError::TooLarge { what, actual, max }),
            false => Ok(()),
        };
        if self.records.is_empty() {
            return Err(AppendError::Malformed("no record"));
        }
        bound("records", self.records.len(), limits::BLOCK_RECORDS_MAX)?;
        bound("bytes of a block", self.bytes(), limits::BLOCK_BYTES_MAX)?;
        for record in &self.records {
            bound("bytes of a record", record.len(), limits::RECORD_BYTES_MAX)?;
        }
        let end = first
            .checked_add(self.records.len() as u64)
            .ok_or(AppendError::Malformed("more records than can be counted"))?;
        let mut keys: Vec<_> = self.parts.iter().map(|p| (p.index, p.kind)).collect();
        keys.sort_unstable();
        if keys.iter().any(|(index, _)| !(first..end).contains(index)) {
            return Err(AppendError::Malformed(
                "a part of a record that is not in the block",
            ));
        }
        if keys.is_sorted_by(|a, b| a < b) {
            Ok(())
        } else {
            Err(AppendError::Malformed("a part twice"))
        }
    }
}
