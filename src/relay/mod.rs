//! The engine: admission, the sequencer (the single writer), the read side, delivery sessions and watches. [`Relay`]
//! is its facade and knows neither gRPC nor files. What it answers, shows or delivers is durable in the journal;
//! who may see what is the ledger's `scope`.

mod answers;
mod delivery;
mod meters;
mod start;
mod watch;

pub use crate::domain::{Direction, ReplayedContent, ReplayedRecord, ThreadView, WarningName};
pub use crate::error::SideEffect;
pub use answers::{
    AgencyStatus, Caller, ConsistencyProof, Delivery, DeskStatus, DirectoryPage, Ending, Evidence, Failure,
    InclusionProof, ListPage, ListQuery, Proven, RelayStatus, ReplayQuery, SessionEvent, SessionOpened,
    WarningView, WatchEvent, WatchedRecord,
};
pub use delivery::{DeliverySession, SessionHandle};
pub use meters::Meters;
pub use start::{CreateError, CreateOptions, Created, OpenError, RelayOptions};
pub use watch::{Replay, WarningWatch};

use std::sync::Arc;

use crate::domain::{AcknowledgementSubmission, DeskAddress, KeyId, SignedEnvelope, Submission};
use crate::error::{ErrorCode, Refused};

/// A running relay. Clones are the same relay.
#[derive(Clone)]
pub struct Relay {
    meters: Arc<Meters>,
}

impl Relay {
    /// Writes the genesis into an empty journal: the beginning of a log, once.
    pub async fn create(_options: CreateOptions) -> Result<Created, CreateError> {
        Err(CreateError::NotEmpty)
    }

    /// Opens a journal that has a genesis: catches the index up, records `RELAY_STARTED` and starts the sequencer.
    pub async fn open(_options: RelayOptions) -> Result<Self, OpenError> {
        Err(OpenError::Empty)
    }

    /// Who has this TLS key, by the durable directory; asked at each call.
    pub fn authenticate(&self, _tls_keyid: &KeyId) -> Result<Caller, Refused> {
        Err(unavailable().refused)
    }

    /// Submits a warning; returns when it and its routing are durable. The receipt is `ACCEPTED`'s, `more` are the
    /// `ROUTED` records'. The same bytes again give the original receipts.
    pub async fn submit(&self, _caller: &Caller, _submission: Submission) -> Result<Proven, Failure> {
        Err(unavailable())
    }

    /// Records an acknowledgement; returns when it is durable.
    pub async fn acknowledge(
        &self,
        _caller: &Caller,
        _submission: AcknowledgementSubmission,
    ) -> Result<Proven, Failure> {
        Err(unavailable())
    }

    /// Publishes, revokes or succeeds a key. It stands on its own signatures: any session may carry it.
    pub async fn publish_key(&self, _caller: &Caller, _envelope: SignedEnvelope) -> Result<Proven, Failure> {
        Err(unavailable())
    }

    /// Publishes the caller's desks.
    pub async fn publish_desks(
        &self,
        _caller: &Caller,
        _envelope: SignedEnvelope,
    ) -> Result<Proven, Failure> {
        Err(unavailable())
    }

    /// Admits or dismisses an auditor.
    pub async fn publish_mandate(
        &self,
        _caller: &Caller,
        _envelope: SignedEnvelope,
    ) -> Result<Proven, Failure> {
        Err(unavailable())
    }

    /// Enrols a state by its first root.
    pub async fn enrol_state(
        &self,
        _caller: &Caller,
        _enrolment: SignedEnvelope,
        _root_certificate: SignedEnvelope,
    ) -> Result<Proven, Failure> {
        Err(unavailable())
    }

    /// Enrols an agency with its first keys, whose receipts are `more`.
    pub async fn enrol_agency(
        &self,
        _caller: &Caller,
        _enrolment: SignedEnvelope,
        _certificates: Vec<SignedEnvelope>,
    ) -> Result<Proven, Failure> {
        Err(unavailable())
    }

    /// Stops an agency's submissions.
    pub async fn suspend(&self, _caller: &Caller, _envelope: SignedEnvelope) -> Result<Proven, Failure> {
        Err(unavailable())
    }

    /// Allows an agency's submissions again.
    pub async fn reinstate(&self, _caller: &Caller, _envelope: SignedEnvelope) -> Result<Proven, Failure> {
        Err(unavailable())
    }

    /// Publishes an operator's key, or revokes one.
    pub async fn publish_operator_key(
        &self,
        _caller: &Caller,
        _envelope: SignedEnvelope,
    ) -> Result<Proven, Failure> {
        Err(unavailable())
    }

    /// Begins a delivery session for a desk of the caller's; none: its duty desk.
    pub async fn open_session(
        &self,
        _caller: &Caller,
        _desk: Option<DeskAddress>,
        _credit: u32,
    ) -> Result<DeliverySession, Failure> {
        Err(unavailable())
    }

    /// One warning with the threads that the caller may see.
    pub async fn warning(&self, _caller: &Caller, _name: &WarningName) -> Result<WarningView, Failure> {
        Err(unavailable())
    }

    /// The caller's warnings, newest first.
    pub async fn list(&self, _caller: &Caller, _query: &ListQuery) -> Result<ListPage, Failure> {
        Err(unavailable())
    }

    /// One warning's records from the beginning on, as they become durable.
    pub async fn watch(&self, _caller: &Caller, _name: &WarningName) -> Result<WarningWatch, Failure> {
        Err(unavailable())
    }

    /// The directory's chain from a number on, at most a page of it.
    pub async fn directory(&self, _caller: &Caller, _from_seq: u64) -> Result<DirectoryPage, Failure> {
        Err(unavailable())
    }

    /// The newest durable checkpoint, a signed note.
    pub fn checkpoint(&self) -> Arc<str> {
        Arc::from("")
    }

    /// Every index of a range, as a record or as a leaf hash.
    pub async fn replay(&self, _caller: &Caller, _query: &ReplayQuery) -> Result<Replay, Failure> {
        Err(unavailable())
    }

    /// Proves that a record is in the tree of a size; 0: of the newest checkpoint.
    pub async fn prove_inclusion(
        &self,
        _caller: &Caller,
        _index: u64,
        _size: u64,
    ) -> Result<InclusionProof, Failure> {
        Err(unavailable())
    }

    /// Proves that the tree only grew; a new size of 0: to the newest checkpoint.
    pub async fn prove_consistency(
        &self,
        _caller: &Caller,
        _old_size: u64,
        _new_size: u64,
    ) -> Result<ConsistencyProof, Failure> {
        Err(unavailable())
    }

    /// The caller's threads of one warning, with the directory's chain.
    pub async fn evidence(&self, _caller: &Caller, _name: &WarningName) -> Result<Evidence, Failure> {
        Err(unavailable())
    }

    /// How the relay is; operators only.
    pub async fn status(&self, _caller: &Caller) -> Result<RelayStatus, Failure> {
        Err(unavailable())
    }

    /// Counters and gauges.
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// Refuses new commands with `DRAINING`, ends sessions and watches, and returns when what was in flight is
    /// answered. May be called again.
    pub async fn drain(&self) {}

    /// Returns when the engine has failed: the process must exit, and a restart finds out what was written.
    pub async fn failed(&self) {
        std::future::pending().await
    }
}

fn unavailable() -> Failure {
    Failure::new(ErrorCode::Unavailable, "the engine is not running")
}
