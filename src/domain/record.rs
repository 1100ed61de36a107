//! One entry of the log, as plain data. How it is written to bytes is `wire`'s; what it does is the ledger's.

use super::{
    AudienceOpening, Bucket, Deadlines, DeskAddress, Digest, Hash, KeyId, Origin, PayloadId, Precedence,
    Principal, RetentionRules, SignedEnvelope,
};
use crate::time::Timestamp;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Random, so that the leaf hash betrays nothing.
    pub nonce: [u8; 16],
    /// The relay's clock, which never decreases; a claim.
    pub time: Timestamp,
    /// Its place in the thread of one (warning, recipient).
    pub thread: Option<ThreadLink>,
    /// Its place in the directory's chain.
    pub directory: Option<DirectoryLink>,
    /// What happened.
    pub kind: RecordKind,
}

/// A place in the thread of one (warning, recipient).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadLink {
    /// The warning.
    pub warning: Digest,
    /// The recipient.
    pub desk: DeskAddress,
    /// From 0.
    pub seq: u64,
    /// The leaf hash of the record before; none at 0.
    pub prev: Option<Hash>,
}

/// A place in the directory's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryLink {
    /// From 0.
    pub seq: u64,
    /// The leaf hash of the record before; none at 0.
    pub prev: Option<Hash>,
}

/// A position in the directory's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryPosition {
    /// The number of its newest record.
    pub seq: u64,
    /// That record's leaf hash.
    pub head: Hash,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordKind {
    /// Record 0.
    Genesis(Genesis),
    /// The daemon began.
    RelayStarted(RelayStarted),
    /// A state and its root.
    StateEnrolled {
        /// By an operator.
        enrolment: SignedEnvelope,
        /// By the root itself.
        root_certificate: SignedEnvelope,
    },
    /// An agency.
    AgencyEnrolled(SignedEnvelope),
    /// A key is valid from this index on.
    KeyPublished(SignedEnvelope),
    /// A key is not valid from this index on.
    KeyRevoked(SignedEnvelope),
    /// A state's new root.
    RootSucceeded(SignedEnvelope),
    /// An agency's desks.
    DesksPublished(SignedEnvelope),
    /// An auditor admitted, or no more.
    MandatePublished(SignedEnvelope),
    /// Submissions stopped.
    AgencySuspended(SignedEnvelope),
    /// Submissions allowed again.
    AgencyReinstated(SignedEnvelope),
    /// An operator's key.
    OperatorKeyPublished(SignedEnvelope),
    /// An auditor holds what would be erased.
    HoldPlaced(SignedEnvelope),
    /// A warning was accepted.
    Accepted(Accepted),
    /// A validly signed submission was refused.
    Rejected(Rejected),
    /// A recipient's thread begins.
    Routed(Routed),
    /// Written to a recipient's session.
    HandedOver(HandedOver),
    /// Acknowledged by a recipient.
    Acknowledged(SignedEnvelope),
    /// What lay beside a record is erased.
    Erased(Erased),
    /// A kind of a later version: it still hashes and chains.
    Unknown,
}

/// Record 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// The log's identity.
    pub origin: Origin,
    /// Raw Ed25519.
    pub log_public_key: [u8; 32],
    /// 1.
    pub format_version: u32,
    /// The first operators' key certificates.
    pub operator_certificates: Vec<SignedEnvelope>,
    /// The defaults, one a precedence.
    pub deadlines: Vec<(Precedence, Deadlines)>,
    /// The log that this one continues: its origin and last checkpoint.
    pub predecessor: Option<(Origin, Vec<u8>)>,
}

/// The daemon began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayStarted {
    /// Of the software.
    pub version: String,
    /// SHA-256 of the effective configuration, without secrets.
    pub configuration_digest: [u8; 32],
    /// The later of the last record's time and the heartbeat file's; none: never ran before.
    pub stopped_at: Option<Timestamp>,
    /// Witnesses that answered at start.
    pub witnesses_reached: u32,
    /// The rules by which it erases from here on; none: a version that said none, and erased nothing.
    pub retention: Option<RetentionRules>,
}

/// A warning was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The warning.
    pub warning: SignedEnvelope,
    /// All openings, in the order of the header's entries.
    pub openings: Vec<AudienceOpening>,
    /// The leaf hashes of its `ROUTED` records, in their order.
    pub routed: Vec<Hash>,
}

/// A validly signed submission was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The digest of what was refused.
    pub digest: Digest,
    /// Why: an `ErrorCode`'s name.
    pub code: String,
    /// Who signed it.
    pub principal: Principal,
    /// Its payload type.
    pub payload_type: String,
    /// Its id.
    pub id: PayloadId,
    /// The key that signed it.
    pub keyid: KeyId,
}

/// A recipient's thread begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// The warning.
    pub warning: Digest,
    /// The recipient.
    pub desk: DeskAddress,
    /// The openings that led here.
    pub openings: Vec<AudienceOpening>,
    /// The directory by which it was resolved.
    pub directory: DirectoryPosition,
    /// `H("inbox", salt32 ‖ number_be8 ‖ desk)`.
    pub inbox_commitment: [u8; 32],
    /// The digest of that agency's wrap. none: in clear.
    pub wrap_digest: Option<[u8; 32]>,
}

/// The relay's own statement that it wrote the warning to a recipient's authenticated session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// The session.
    pub session_id: [u8; 16],
    /// The TLS key that the session proved.
    pub tls_keyid: KeyId,
    /// Further handovers since the last such record that left none of their own.
    pub unrecorded: u32,
}

/// What lay beside a record is erased: the key of its bucket is destroyed. In the thread of each recipient who could read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// The record: the warning's `ACCEPTED`, or an `ACKNOWLEDGED` of the thread.
    pub index: u64,
    /// The bucket.
    pub bucket: Bucket,
    /// The rule: so many whole days after the bucket's day.
    pub days: u32,
}

impl Erased {
    /// The rule, in words.
    pub fn rule(&self) -> String {
        let Self { bucket, days, .. } = self;
        let day = bucket.to_string();
        let day = day.rsplit(' ').next().unwrap_or_default();
        format!("{}: {days} days after {day}", bucket.class().sentence())
    }
}
