//! What the ledger is asked to do, and what it decides: the types that stand between the engine and the rules.

use bytes::Bytes;

use super::admit::{
    Admitted, Condemned, KeyStatement, NewAgency, NewState, SentAcknowledgement, SentWarning,
};
use super::facts::FactsError;
use crate::domain::{
    Desks, DetachedPart, Digest, DirectoryPosition, Erased, Genesis, Hash, Hold, InboxOpening, KeyId,
    Mandate, Record, RelayStarted, Suspension,
};
use crate::error::{ErrorCode, Refused};

use super::ThreadKey;

/// What the ledger is asked to do. Whatever is signed comes [`Admitted`]; the rest is the relay's own.
#[derive(Debug, Clone)]
pub enum Command {
    /// Begins the log. Only at index 0.
    Genesis(Genesis),
    /// The daemon began.
    RelayStarted(RelayStarted),
    /// A warning.
    Submit(Admitted<SentWarning>),
    /// An acknowledgement.
    Acknowledge(Admitted<SentAcknowledgement>),
    /// Validly signed, and already known to be refused.
    Reject(Condemned),
    /// The relay wrote a warning to a session.
    HandOver(HandOver),
    /// What lies beside a record is erased.
    Erase(Erasure),
    /// A certificate, revocation or succession of a state's or agency's key.
    PublishKey(Admitted<KeyStatement>),
    /// An agency's desks.
    PublishDesks(Admitted<Desks>),
    /// An auditor admitted or dismissed.
    PublishMandate(Admitted<Mandate>),
    /// An auditor's hold.
    PlaceHold(Admitted<Hold>),
    /// A state and its root.
    EnrolState(Admitted<NewState>),
    /// An agency and its first keys.
    EnrolAgency(Admitted<NewAgency>),
    /// Stops an agency's submissions.
    Suspend(Admitted<Suspension>),
    /// Allows them again.
    Reinstate(Admitted<Suspension>),
    /// A certificate or revocation of an operator's key.
    PublishOperatorKey(Admitted<KeyStatement>),
}

/// The relay wrote a warning to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// Which warning, which recipient.
    pub thread: ThreadKey,
    /// The session.
    pub session_id: [u8; 16],
    /// The TLS key that the session proved.
    pub tls_keyid: KeyId,
    /// Handovers of this thread that were answered with [`Decision::Unrecorded`] since the last recorded one. The engine
    /// counts them in memory: a restart loses the count, which then says too little and never too much.
    pub unrecorded: u32,
}

/// What lies beside a record is erased, and a thread is to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The thread.
    pub thread: ThreadKey,
    /// What, and by which rule.
    pub erased: Erased,
    /// The directory by which its whole bucket was looked at: what is to be erased of it was not held.
    pub looked: Option<DirectoryPosition>,
    /// Its key is destroyed already, and no hold brings it back. Known to the engine alone.
    pub begun: bool,
}

/// What is decided. Records are in order and meant for the indexes from the one that was asked for on.
#[derive(Debug, Clone)]
pub enum Decision {
    /// These records are to be appended, all in one block.
    Append {
        /// In order.
        records: Vec<NewRecord>,
        /// The digest of the signed payload behind them; none for the relay's own records.
        digest: Option<Digest>,
    },
    /// It was recorded before; nothing is to be appended.
    Existing(Existing),
    /// No, and nothing is recorded.
    Refuse(Refused),
    /// No, and this is recorded.
    Reject {
        /// `REJECTED`.
        record: Box<NewRecord>,
        /// Why.
        refused: Refused,
    },
    /// A handover that leaves no record: count it.
    Unrecorded,
}

/// The result of the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Existing {
    /// Its first record.
    pub index: u64,
    /// How many records, one after another.
    pub records: u32,
    /// The digest of what is recorded; of a second `RECEIVED`, that of the first.
    pub digest: Digest,
    /// If it was refused: why.
    pub rejected: Option<ErrorCode>,
}

/// A record to be appended.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// As data.
    pub record: Record,
    /// As stored.
    pub bytes: Bytes,
    /// SHA-256(0x00 ‖ bytes).
    pub leaf: Hash,
    /// What is stored beside it.
    pub parts: Vec<NewPart>,
}

/// A detached part of a new record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewPart {
    /// Of `ACCEPTED`.
    Body(DetachedPart),
    /// Of `ACKNOWLEDGED`.
    Text(DetachedPart),
    /// Of `ROUTED`.
    Inbox(InboxOpening),
    /// Of `ROUTED`, for its agency, and of `ACCEPTED`, for the originator: the key of a sealed body.
    Wrap(Bytes),
}

/// Where nonces and salts come from: the operating system, or a seed in a test.
pub trait Nonces {
    /// For a record.
    fn nonce(&mut self) -> Result<[u8; 16], FactsError>;
    /// For an inbox commitment.
    fn salt(&mut self) -> Result<[u8; 32], FactsError>;
}
