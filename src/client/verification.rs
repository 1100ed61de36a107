//! The closed list of what a client finds untrue. Each is exit 5: none is ever retried away.

use crate::domain::{DeskAddress, Digest, KeyId};
use crate::transparency::InvalidNote;

/// What does not verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerificationError {
    /// The profile has no checkpoint, so nothing can be shown to belong to the log that was verified before.
    #[error(
        "the profile's checkpoint is missing: what was verified before is lost until \"wardline trust reset\""
    )]
    CheckpointMissing,
    /// The profile's checkpoint cannot be read or is not the pinned log's.
    #[error(
        "the profile's checkpoint is unreadable ({0}): what was verified before is lost until \"wardline trust reset\""
    )]
    CheckpointUnreadable(InvalidNote),
    /// The relay's TLS key is not the pinned one.
    #[error(
        "the relay's TLS key is not the pinned one: someone stands in between, or the relay's key changed"
    )]
    TlsPin,
    /// The relay showed a checkpoint that is not the pinned log's.
    #[error("the relay showed a checkpoint that is not the pinned log's: {0}")]
    Checkpoint(InvalidNote),
    /// Two roots of one size, both signed by the log's key.
    #[error("the log was forked: two roots of size {size} are signed by its key")]
    Forked {
        /// The size.
        size: u64,
    },
    /// The log shrank.
    #[error("the log went back from size {verified} to {shown}")]
    WentBack {
        /// What was verified before.
        verified: u64,
        /// What is shown now.
        shown: u64,
    },
    /// The log did not only grow.
    #[error("the log of size {new} does not begin with the log of size {old} that was seen")]
    NotConsistent {
        /// The smaller size.
        old: u64,
        /// The larger size.
        new: u64,
    },
    /// What a peer had seen of the log is not on the history that is shown to us.
    #[error("a peer signed that it saw another log of size {size} than is shown to us: the log is forked")]
    SeenContradicts {
        /// The size that the peer saw.
        size: u64,
    },
    /// A record's proof does not lead to the checkpoint.
    #[error("the proof of record {index} does not verify")]
    Inclusion {
        /// Where it is said to be.
        index: u64,
    },
    /// A record cannot be read.
    #[error("record {index} is malformed: {why}")]
    Malformed {
        /// Which.
        index: u64,
        /// Why.
        why: String,
    },
    /// The receipt proves another record than the one that was asked for.
    #[error("the receipt at index {index} is not for what was sent: {why}")]
    OtherRecord {
        /// Where.
        index: u64,
        /// How it differs.
        why: &'static str,
    },
    /// The answer lacks what it must hold.
    #[error("the relay's answer is not whole: {0}")]
    Incomplete(&'static str),
    /// What somebody attests is not what it should be.
    #[error("the attestation does not verify: {0}")]
    Attestation(String),
    /// A recipient that was addressed has no `ROUTED` record, or one that was not addressed has one.
    #[error("the warning was not routed as it was addressed: {0}")]
    Routing(String),
    /// The directory's chain is broken, or a record of it does not verify.
    #[error("the directory's record {seq} does not verify: {why}")]
    Directory {
        /// Its number in the chain.
        seq: u64,
        /// Why.
        why: String,
    },
    /// A delivered warning is not what it should be.
    #[error("the delivery of warning {digest} does not verify: {why}")]
    Delivery {
        /// Which.
        digest: Digest,
        /// Why.
        why: String,
    },
    /// What another agency handed to us is not what it should be.
    #[error("what was passed on does not verify: {0}")]
    Onward(String),
    /// A key that signed was not valid there.
    #[error("key {keyid} was not a valid {what} at index {index}")]
    Key {
        /// Which.
        keyid: KeyId,
        /// What it was used as.
        what: &'static str,
        /// Where.
        index: u64,
    },
    /// A thread of records is broken or contradicts what is said of it.
    #[error("the thread of {digest} and {desk} does not verify: {why}")]
    Thread {
        /// The warning.
        digest: Digest,
        /// The recipient.
        desk: DeskAddress,
        /// Why.
        why: String,
    },
    /// A record of a thread that was proven before is not in the thread that is shown now.
    #[error(
        "record {index} is proven to be in the thread of {digest} and {desk}, and the relay shows that thread without it"
    )]
    Dropped {
        /// The warning.
        digest: Digest,
        /// The recipient.
        desk: DeskAddress,
        /// Where the record stands.
        index: u64,
    },
    /// A desk's inbox has numbers whose warnings nobody at the desk was given.
    #[error(
        "{withheld} of the {newest} warnings that were routed to {desk} came neither to this profile nor to another machine of the desk: they are withheld"
    )]
    Withheld {
        /// The desk.
        desk: DeskAddress,
        /// Its newest inbox number.
        newest: u64,
        /// How many.
        withheld: u64,
    },
}
