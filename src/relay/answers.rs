//! What the engine gives back: outcomes, receipts, views and pages, as plain data. No gRPC type and no journal type
//! stands here, so that the edge only translates.

use std::sync::Arc;

use bytes::Bytes;

use super::witnesses::WitnessesStatus;
use crate::domain::{
    AgencyId, DeskAddress, DetachedPart, Digest, Direction, Hash, InboxOpening, KeyId, Origin, Principal,
    Receipt, SignedEnvelope, Step, ThreadView, WarningSummary, Wrap,
};
use crate::error::{ErrorCode, Refused, SideEffect};
use crate::time::Timestamp;

/// Who calls: an enrolled principal, by the TLS key that its session proved. Only `Relay::authenticate` makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub(super) principal: Principal,
    pub(super) tls_keyid: KeyId,
}

impl Caller {
    /// Who.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The TLS key of the session.
    pub fn tls_keyid(&self) -> KeyId {
        self.tls_keyid
    }
}

/// It is durable, and this proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The signed note that all receipts here are proven against. Answers proven against one checkpoint share the
    /// `Arc`, so a stream need only send it when the pointer changes.
    pub checkpoint: Arc<str>,
    /// The digest of what was recorded. A second `RECEIVED` of a desk has that of the first.
    pub digest: Digest,
    /// The record itself (`ACCEPTED`, `ACKNOWLEDGED`, `REJECTED`, a directory record).
    pub receipt: Receipt,
    /// What was recorded with it: `ROUTED` records, in the order of the `ACCEPTED` record; an agency's keys.
    pub more: Vec<Receipt>,
    /// Whether it was recorded by an earlier call.
    pub repeated: bool,
}

/// A call that did not do what it asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{refused}")]
pub struct Failure {
    /// Why.
    pub refused: Refused,
    /// Whether anything happened.
    pub side_effect: SideEffect,
    /// With [`SideEffect::RejectionRecorded`]: the record and its proof.
    pub rejection: Option<Box<Proven>>,
}

impl Failure {
    /// A failure of which the code says whether anything can have happened.
    pub fn new(code: ErrorCode, sentence: impl Into<String>) -> Self {
        Refused::new(code, sentence).into()
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.refused.code
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let side_effect = match refused.code.side_effect_free() {
            true => SideEffect::None,
            false => SideEffect::Unknown,
        };
        Self {
            refused,
            side_effect,
            rejection: None,
        }
    }
}

/// One warning, as far as the caller may see it and a page holds it.
#[derive(Debug, Clone)]
pub struct WarningView {
    /// Of all receipts here.
    pub checkpoint: Arc<str>,
    /// Its digest.
    pub digest: Digest,
    /// The warning; on the first page.
    pub envelope: Option<SignedEnvelope>,
    /// Its body; none: erased, or not the first page.
    pub body: Option<DetachedPart>,
    /// The `ACCEPTED` record; its originator and that one's auditors only, on the first page.
    pub accepted: Option<Receipt>,
    /// The threads that the caller may see; one that does not fit goes on with the next page. A step is that of the
    /// records here.
    pub threads: Vec<ThreadView>,
    /// Of the next page; empty: this was the last.
    pub next_page_token: String,
    /// The key of a sealed body, for the caller as originator and as recipient; on the first page.
    pub wraps: Vec<Wrap>,
}

/// Asks for a page of warnings.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Which way; none: both.
    pub direction: Option<Direction>,
    /// Only those that lack an answer.
    pub open_only: bool,
    /// Incoming: this desk only.
    pub desk: Option<DeskAddress>,
    /// Rows at the most; 0: 100.
    pub page_size: u32,
    /// Of the page before; empty: the first.
    pub page_token: String,
}

/// A page of warnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Newest first.
    pub warnings: Vec<WarningSummary>,
    /// Of the next page; empty: this was the last.
    pub next_page_token: String,
}

/// A part of the directory's chain.
#[derive(Debug, Clone)]
pub struct DirectoryPage {
    /// Of all receipts here.
    pub checkpoint: Arc<str>,
    /// In order.
    pub records: Vec<Receipt>,
    /// The chain's newest number under this checkpoint; if it is beyond the last record here, ask again.
    pub newest_seq: u64,
}

/// What a watch tells.
#[derive(Debug, Clone)]
pub enum WatchEvent {
    /// A record of a thread.
    Record(Box<WatchedRecord>),
    /// All that was recorded when the watch began has been told.
    CaughtUp,
    /// The last: the relay is going down, or the watch is cut.
    Ending(Ending),
}

/// A record of a thread, as it became durable.
#[derive(Debug, Clone)]
pub struct WatchedRecord {
    /// The recipient.
    pub desk: DeskAddress,
    /// The step after it.
    pub step: Step,
    /// Of the receipt.
    pub checkpoint: Arc<str>,
    /// The record.
    pub receipt: Receipt,
    /// Its text, if it has one that is still kept.
    pub text: Option<DetachedPart>,
}

/// Why a session or a watch ends. The stream ends after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// `DRAINING`, `REVOKED_KEY`, `OVERLOADED`, …
    pub code: ErrorCode,
    /// Why, one sentence.
    pub sentence: String,
}

/// What a delivery session is when it begins.
#[derive(Debug, Clone)]
pub struct SessionOpened {
    /// Random; named in `HANDED_OVER` records.
    pub session_id: [u8; 16],
    /// The desk it serves.
    pub desk: DeskAddress,
    /// The newest durable checkpoint.
    pub checkpoint: Arc<str>,
    /// Warnings that wait for this desk.
    pub waiting: u64,
}

/// What a delivery session tells.
#[derive(Debug, Clone)]
pub enum SessionEvent {
    /// A warning. Once it is written to the stream, say so with `SessionHandle::handed_over`.
    Delivery(Box<Delivery>),
    /// What waited when the session began has been sent.
    CaughtUp {
        /// The desk's newest inbox number.
        inbox_number: u64,
    },
    /// The last.
    Ending(Ending),
}

/// A warning for the session's desk.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Names this sending to `SessionHandle::handed_over`.
    pub number: u64,
    /// The warning.
    pub envelope: SignedEnvelope,
    /// Its body; none: erased.
    pub body: Option<DetachedPart>,
    /// Of the receipt.
    pub checkpoint: Arc<str>,
    /// The `ROUTED` record.
    pub routed: Receipt,
    /// Opens its inbox commitment.
    pub inbox: Option<InboxOpening>,
    /// The key of a sealed body, for the desk's agency; none: erased, or in clear.
    pub wrapped: Option<Bytes>,
    /// How often it was sent in this session before.
    pub repeated: u32,
}

/// Asks for a range of the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplayQuery {
    /// The first index.
    pub from_index: u64,
    /// The index after the last; 0: up to the checkpoint.
    pub to_index: u64,
    /// Only records of this warning; others come as leaf hashes.
    pub warning: Option<Digest>,
    /// Whether detached parts that are still kept come with their records.
    pub with_parts: bool,
}

/// Proves that a record is in the tree of a size.
#[derive(Debug, Clone)]
pub struct InclusionProof {
    /// The leaf hash.
    pub leaf_hash: Hash,
    /// RFC 6962 §2.1.1.
    pub proof: Vec<Hash>,
    /// The size it is for.
    pub size: u64,
    /// The newest checkpoint, if the proof is for it.
    pub checkpoint: Option<Arc<str>>,
}

/// Proves that the tree only grew.
#[derive(Debug, Clone)]
pub struct ConsistencyProof {
    /// RFC 6962 §2.1.2.
    pub proof: Vec<Hash>,
    /// The newer size.
    pub new_size: u64,
    /// The newest checkpoint, if the proof is for it.
    pub checkpoint: Option<Arc<str>>,
}

/// The caller's threads of one warning, with the directory's chain that is needed to check them.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The warning and the threads; without a page token of its own.
    pub warning: WarningView,
    /// The chain, proven by the same checkpoint. It comes when the threads are shown.
    pub directory: Vec<Receipt>,
    /// Of the next page; empty: this was the last.
    pub next_page_token: String,
}

/// How the relay is.
#[derive(Debug, Clone)]
pub struct RelayStatus {
    /// Of the software.
    pub version: String,
    /// The log's identity.
    pub origin: Origin,
    /// The newest durable one.
    pub checkpoint: Arc<str>,
    /// Since when it runs.
    pub started: Timestamp,
    /// Delivery and watch sessions now.
    pub sessions: usize,
    /// Commands that wait for the sequencer.
    pub queued: usize,
    /// Records whose derived data is not written yet.
    pub index_lag: u64,
    /// Each agency.
    pub agencies: Vec<AgencyStatus>,
    /// Whether it is shutting down.
    pub draining: bool,
    /// How it stands with the witnesses; none: no policy is set.
    pub witnesses: Option<WitnessesStatus>,
}

/// One agency, as an operator sees it.
#[derive(Debug, Clone)]
pub struct AgencyStatus {
    /// The agency.
    pub agency: AgencyId,
    /// For people.
    pub name: String,
    /// Submissions are stopped.
    pub suspended: bool,
    /// Its desks and what waits for them.
    pub desks: Vec<DeskStatus>,
}

/// One desk, as an operator sees it.
#[derive(Debug, Clone)]
pub struct DeskStatus {
    /// The desk.
    pub desk: DeskAddress,
    /// Its delivery sessions now.
    pub sessions: usize,
    /// Warnings that wait for its `RECEIVED`.
    pub waiting: u64,
}
