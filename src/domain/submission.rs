//! What comes to the relay beside an envelope, what it gives back as proof, and what it shows of a warning.

use bytes::Bytes;

use super::{
    AcknowledgementKind, AgencyId, AudienceOpening, DeskAddress, DetachedPart, Digest, Hash, Lane, PayloadId,
    Precedence, Principal, SignedEnvelope, Status, Step, WarningType,
};
use crate::time::Timestamp;

/// What is known of a payload without reading what is signed. Unsigned; must match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// The lane (warnings only).
    pub lane: Option<Lane>,
    /// The id.
    pub id: PayloadId,
}

/// A warning and what lies beside it.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The warning.
    pub envelope: SignedEnvelope,
    /// Unsigned.
    pub hint: Hint,
    /// Opens every audience entry, in the order of the header's entries.
    pub openings: Vec<AudienceOpening>,
    /// The body.
    pub body: DetachedPart,
    /// Of a sealed body: its key, for each agency that it goes to, and for the originator.
    pub wraps: Vec<Wrap>,
}

/// The key of a sealed body, wrapped for one agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrap {
    /// Whom for.
    pub agency: AgencyId,
    /// The suite as one byte, then what that suite gives.
    pub wrapped: Bytes,
}

/// An acknowledgement and what lies beside it.
#[derive(Debug, Clone)]
pub struct AcknowledgementSubmission {
    /// The acknowledgement.
    pub envelope: SignedEnvelope,
    /// Unsigned; its lane is none.
    pub hint: Hint,
    /// The text, if there is one.
    pub text: Option<DetachedPart>,
}

/// A record, its index and its inclusion proof against the checkpoint that stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// From 0.
    pub index: u64,
    /// The stored bytes.
    pub record: Bytes,
    /// RFC 6962 §2.1.1, lowest first.
    pub inclusion_proof: Vec<Hash>,
}

/// Opens a `ROUTED` record's inbox commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxOpening {
    /// Dense, from 1.
    pub number: u64,
    /// Its salt.
    pub salt: [u8; 32],
}

/// One row of a list of warnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningSummary {
    /// The warning.
    pub digest: Digest,
    /// The originator's id of it.
    pub id: PayloadId,
    /// true: from the caller; false: to the caller.
    pub outgoing: bool,
    /// Its `ACCEPTED` (outgoing) or `ROUTED` (incoming) record.
    pub index: u64,
    /// Who sent it.
    pub originator: Principal,
    /// CAP status.
    pub status: Status,
    /// What kind.
    pub warning_type: WarningType,
    /// Precedence.
    pub precedence: Precedence,
    /// By the sender's clock.
    pub sent: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
    /// Each recipient that the caller may see.
    pub recipients: Vec<RecipientStep>,
}

/// A recipient, its step and its latest answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientStep {
    /// The recipient.
    pub desk: DeskAddress,
    /// Its highest evidence.
    pub step: Step,
    /// Its latest answer.
    pub answer: Option<AcknowledgementKind>,
}
