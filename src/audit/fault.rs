//! What an auditor can find wrong, and where. A fault names the first bad index; once it was looked for, it also says
//! whether the log's own signed checkpoint commits to what is bad there (the log is at fault) or not (what was shown
//! is not the log).

use std::fmt;

use crate::domain::{DeskAddress, Hash};
use crate::transparency::InvalidNote;

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The first bad index; none: no single record is to blame (the checkpoint itself, or a tree that differs
    /// somewhere and no proof yet to say where).
    pub index: Option<u64>,
    /// What is wrong.
    pub wrong: Wrong,
    /// Whether the signed checkpoint commits to that very record; none: not found out, or there is none to ask about.
    pub committed: Option<bool>,
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "record {index}: {}", self.wrong)?,
            None => write!(f, "{}", self.wrong)?,
        }
        match self.committed {
            Some(true) => f.write_str(" (the log's signed checkpoint commits to this very record)"),
            Some(false) => {
                f.write_str(" (this is not the record that the log's signed checkpoint commits to)")
            }
            None => Ok(()),
        }
    }
}

/// What is wrong. Each is what somebody did: the relay, whoever holds its key, or whoever stands in between.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The checkpoint is not one of the pinned log.
    #[error("the checkpoint is no signed checkpoint of the pinned log: {0}")]
    Checkpoint(InvalidNote),
    /// The log is shorter than what was verified before.
    #[error("the log has {now} records, and {before} were verified before: records were taken back")]
    Shrunk {
        /// Then.
        before: u64,
        /// Now.
        now: u64,
    },
    /// The log does not continue what was verified before.
    #[error(
        "the root of the first {size} records is {actual}; it was {expected} when it was verified before"
    )]
    Contradiction {
        /// The size of the checkpoint that was verified before.
        size: u64,
        /// Its root.
        expected: Hash,
        /// The root at that size now.
        actual: Hash,
    },
    /// The records do not come in the order of their indexes, each once.
    #[error("index {came} came where {expected} was due: a record was left out, repeated or moved")]
    Order {
        /// What was due.
        expected: u64,
        /// What came.
        came: u64,
    },
    /// Fewer records came than the checkpoint commits to.
    #[error("it was not shown; the checkpoint commits to {size} records")]
    Truncated {
        /// The checkpoint's size.
        size: u64,
    },
    /// More records came than the checkpoint commits to.
    #[error("it lies beyond the {size} records that the checkpoint commits to")]
    Beyond {
        /// The checkpoint's size.
        size: u64,
    },
    /// The recomputed root is not the signed one.
    #[error("the records give the root {actual}, the checkpoint says {expected}")]
    Root {
        /// What was signed.
        expected: Hash,
        /// What the records give.
        actual: Hash,
    },
    /// A record that differs from the committed one, found by what it led to.
    #[error("another record was shown in its place{}", shown_by(.led_to))]
    Altered {
        /// What it led to, with the index at which that was found; none: only the root.
        led_to: Option<(u64, Box<Wrong>)>,
    },
    /// The record does not parse.
    #[error("{0}")]
    Record(String),
    /// The log does not begin as this log must.
    #[error("the log does not begin as the pinned log must: {0}")]
    Genesis(&'static str),
    /// Its signatures, keys or content are not what the rules ask for.
    #[error("it does not verify: {0}")]
    Invalid(String),
    /// It does not follow from the records before it.
    #[error("it does not follow from the records before it: {0}")]
    Misplaced(String),
    /// The `seen` of a payload is not on this log.
    #[error("its signer had seen a log of {size} records that is not this one")]
    Seen {
        /// Of which size.
        size: u64,
    },
    /// An acceptance without its routings.
    #[error("not all ROUTED records that the acceptance lists were shown")]
    Unrouted,
    /// An inbox number is not what was committed to, or not the next one.
    #[error("the inbox number of {desk} {what}")]
    Inbox {
        /// The recipient.
        desk: DeskAddress,
        /// How.
        what: &'static str,
    },
    /// A body or text is not what was signed.
    #[error("the {part} beside it {what}")]
    Part {
        /// Which.
        part: &'static str,
        /// How.
        what: String,
    },
    /// A record that this auditor may see was shown as a hash only.
    #[error("it was withheld, although every agency admits this auditor")]
    Withheld,
}

fn shown_by(found: &Option<(u64, Box<Wrong>)>) -> String {
    match found {
        Some((index, wrong)) => format!(", and that led to record {index}: {wrong}"),
        None => String::new(),
    }
}

impl Fault {
    /// A fault of one record.
    pub(super) fn at(index: u64, wrong: Wrong) -> Self {
        Self {
            index: Some(index),
            wrong,
            committed: None,
        }
    }

    /// A fault of no one record.
    pub(super) fn whole(wrong: Wrong) -> Self {
        Self {
            index: None,
            wrong,
            committed: None,
        }
    }
}
