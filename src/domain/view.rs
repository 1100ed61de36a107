//! What a relay shows of warnings and of its log, on both sides of the wire.

use bytes::Bytes;

use super::{DeskAddress, DetachedPart, Digest, Hash, InboxOpening, PayloadId, Receipt, Step};

/// Names a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningName {
    /// By its digest.
    Digest(Digest),
    /// By its originator's id; refused if the caller sees several of that id.
    Id(PayloadId),
}

/// The records about one (warning, recipient).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadView {
    /// The recipient.
    pub desk: DeskAddress,
    /// Its highest evidence.
    pub step: Step,
    /// From `ROUTED` on.
    pub records: Vec<Receipt>,
    /// The texts of its acknowledgements that are still kept, each with its record's index.
    pub texts: Vec<(u64, DetachedPart)>,
}

/// Which way a warning went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the caller.
    In,
    /// From the caller.
    Out,
}

/// One index of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedRecord {
    /// The index.
    pub index: u64,
    /// In scope, or not.
    pub content: ReplayedContent,
    /// The body of an `ACCEPTED`, the text of an `ACKNOWLEDGED` record.
    pub part: Option<DetachedPart>,
    /// The inbox opening of a `ROUTED` record; the recipient and its auditors only.
    pub inbox: Option<InboxOpening>,
}

/// What is shown of one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayedContent {
    /// In scope: the stored bytes.
    Record(Bytes),
    /// Out of scope.
    LeafHash(Hash),
}
