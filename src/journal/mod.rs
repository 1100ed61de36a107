//! The journal: the only truth. One append-only sequence of records, written in blocks, each atomic and on stable
//! storage before anyone hears of it. This file is the contract; [`sled`] keeps it on disk, [`memory`] keeps it
//! in memory with faults for tests, and `contract` is one suite that both pass.

mod block;
mod directory;
mod error;
pub mod index;
mod layout;
pub mod memory;
pub mod sled;
mod snapshots;
mod writer;

#[cfg(test)]
mod contract;

pub use block::{Block, Head, Part, PartKind};
pub use error::{AppendError, OpenError, ReadError};
pub use index::{Derived, Index, IndexError, KeptPart, Listed, Position, Routing};
pub use memory::MemoryJournal;
pub use sled::SledJournal;

use bytes::Bytes;
use tokio::sync::watch;

/// The contract of a journal. Every backend passes the same suite (`contract.rs`).
///
/// There is one writer at a time; a second one is told so by [`AppendError::Conflict`]. Readers see only what is
/// durable: nothing at or above `head().size` is ever returned, even while a block is being written.
#[async_trait::async_trait]
pub trait Journal: Send + Sync + 'static {
    /// The durable head.
    async fn head(&self) -> Result<Head, ReadError>;

    /// Appends one block if the stored head still is `expected`; atomic, and on stable storage when it returns.
    ///
    /// The fresh head has `expected`'s term, its sequence + 1, its size + the number of records, and the block's
    /// root. An identical retry of the newest block succeeds and changes nothing. A caller may send the next block
    /// before this one is durable, with [`Head::after`] as its expected head: blocks sent in order are written in
    /// order, several to one sync. Dropping the future does not withdraw the block.
    async fn append(&self, block: Block, expected: Head) -> Result<Head, AppendError>;

    /// Records from index `from` on, in order and without a gap, each with its index; ends at the head.
    ///
    /// At most `records_max` records and `bytes_max` bytes, but the first record is returned whatever its length, so
    /// that a reader always gets on. Empty at or above the head.
    async fn read(
        &self,
        from: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Bytes)>, ReadError>;

    /// The head whose size was exactly `size`, if a block ended there; [`Head::EMPTY`] for 0. A `seen` of a signed
    /// payload is checked against it.
    async fn block_head(&self, size: u64) -> Result<Option<Head>, ReadError>;

    /// A detached part of the record at `index`; `None` if it never had one, or if it was erased.
    async fn part(&self, index: u64, kind: PartKind) -> Result<Option<Part>, ReadError>;

    /// Erases a detached part, durably; one that is not there is a success. Records are never erased.
    async fn erase(&self, index: u64, kind: PartKind) -> Result<(), AppendError>;

    /// Puts other bytes where a detached part lies, durably; where none lies there is none after. Readers see one or the other
    /// whole, also after a power cut.
    async fn rewrite(&self, part: Part) -> Result<(), AppendError>;

    /// The durable head as it moves. Followers [`read`](Journal::read) from their own position when it changes;
    /// intermediate heads may be skipped.
    fn tail(&self) -> watch::Receiver<Head>;

    /// Whether there is room for more: asked before a submission is accepted, because running out of space in the
    /// middle of a block ends the process.
    fn has_room(&self) -> bool;
}
