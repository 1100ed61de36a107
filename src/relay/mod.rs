//! The engine: admission, the sequencer (the single writer), the read side, delivery sessions and watches. [`Relay`]
//! is its facade and knows neither gRPC nor files. What it answers, shows or delivers is durable in the journal;
//! who may see what is the ledger's `scope`.

mod admission;
mod answers;
mod budget;
mod contradictions;
mod delivery;
mod directory;
mod durable;
mod engine;
mod follow;
mod followers;
mod heartbeat;
mod list;
mod meters;
mod page;
mod parts;
mod proofs;
mod public;
mod reads;
mod replay;
mod retention;
mod sequencer;
mod signing;
mod start;
mod status;
mod threads;
mod warning;
mod watch;
mod witnesses;

#[cfg(test)]
pub(in crate::relay) mod tests;

pub use crate::domain::{Direction, ReplayedContent, ReplayedRecord, ThreadView, WarningName};
pub use crate::error::SideEffect;
pub use answers::{
    AgencyStatus, Caller, ConsistencyProof, Delivery, DeskStatus, DirectoryPage, Ending, Evidence, Failure,
    InclusionProof, ListPage, ListQuery, Proven, RelayStatus, ReplayQuery, SessionEvent, SessionOpened,
    WarningView, WatchEvent, WatchedRecord,
};
pub use budget::{HourlyQuota, Quotas};
pub use delivery::{DeliverySession, SessionHandle, SessionTimes};
pub use durable::Durable;
pub use followers::FollowerOptions;
pub use meters::{Counter, Gauge, Histogram, Meters};
pub use public::{NoTile, PublicLog};
pub use replay::Replay;

pub use start::{CreateError, CreateOptions, Created, OpenError, RelayOptions};
pub use status::AbsentDesks;
pub use threads::Busy;
pub use watch::WarningWatch;
pub use witnesses::{
    BadWitnessPolicy, BehindWitnesses, QuorumStatus, WitnessOptions, WitnessPolicy, WitnessStatus,
    WitnessTimes, WitnessesError, WitnessesStatus,
};

use std::sync::Arc;

use admission::Statement;
use engine::Engine;
use sequencer::Phase;

use crate::domain::{AcknowledgementSubmission, DeskAddress, KeyId, SignedEnvelope, Submission};
use crate::error::{ErrorCode, Refused};

/// A running relay. Clones are the same relay; when the last one is gone, the sequencer ends.
#[derive(Clone)]
pub struct Relay {
    engine: Arc<Engine>,
}

impl Relay {
    /// Writes the genesis into an empty journal: the beginning of a log, once.
    pub async fn create(options: CreateOptions) -> Result<Created, CreateError> {
        start::create(options).await
    }

    /// Opens a journal that has a genesis: catches the index up, starts the sequencer and records `RELAY_STARTED`.
    pub async fn open(options: RelayOptions) -> Result<Self, OpenError> {
        start::open(options).await
    }

    /// Who has this TLS key, by the durable directory; asked at each call.
    pub fn authenticate(&self, tls_keyid: &KeyId) -> Result<Caller, Refused> {
        self.engine.authenticate(tls_keyid)
    }

    /// Submits a warning; returns when it and its routing are durable. The receipt is `ACCEPTED`'s, `more` are the
    /// `ROUTED` records'. The same bytes again give the original receipts, whatever is left of the agency's quota.
    pub async fn submit(&self, caller: &Caller, submission: Submission) -> Result<Proven, Failure> {
        self.command(
            caller,
            |engine| async move { engine.submit(caller, submission).await },
        )
        .await
    }

    /// Records an acknowledgement; returns when it is durable.
    pub async fn acknowledge(
        &self,
        caller: &Caller,
        submission: AcknowledgementSubmission,
    ) -> Result<Proven, Failure> {
        self.command(caller, |engine| async move {
            engine.acknowledge(caller, submission).await
        })
        .await
    }

    /// Publishes, revokes or succeeds a key. It stands on its own signatures: any session may carry it.
    pub async fn publish_key(&self, caller: &Caller, envelope: SignedEnvelope) -> Result<Proven, Failure> {
        self.publish(caller, Statement::Key, envelope).await
    }

    /// Publishes the caller's desks.
    pub async fn publish_desks(&self, caller: &Caller, envelope: SignedEnvelope) -> Result<Proven, Failure> {
        self.publish(caller, Statement::Desks, envelope).await
    }

    /// Admits or dismisses an auditor.
    pub async fn publish_mandate(
        &self,
        caller: &Caller,
        envelope: SignedEnvelope,
    ) -> Result<Proven, Failure> {
        self.publish(caller, Statement::Mandate, envelope).await
    }

    /// Places an auditor's hold.
    pub async fn place_hold(&self, caller: &Caller, envelope: SignedEnvelope) -> Result<Proven, Failure> {
        self.publish(caller, Statement::Hold, envelope).await
    }

    /// Enrols a state by its first root.
    pub async fn enrol_state(
        &self,
        caller: &Caller,
        enrolment: SignedEnvelope,
        root_certificate: SignedEnvelope,
    ) -> Result<Proven, Failure> {
        self.command(caller, |engine| async move {
            engine.enrol_state(caller, enrolment, root_certificate).await
        })
        .await
    }

    /// Enrols an agency with its first keys, whose receipts are `more`.
    pub async fn enrol_agency(
        &self,
        caller: &Caller,
        enrolment: SignedEnvelope,
        certificates: Vec<SignedEnvelope>,
    ) -> Result<Proven, Failure> {
        self.command(caller, |engine| async move {
            engine.enrol_agency(caller, enrolment, certificates).await
        })
        .await
    }

    /// Stops an agency's submissions.
    pub async fn suspend(&self, caller: &Caller, envelope: SignedEnvelope) -> Result<Proven, Failure> {
        self.publish(caller, Statement::Suspension, envelope).await
    }

    /// Allows an agency's submissions again.
    pub async fn reinstate(&self, caller: &Caller, envelope: SignedEnvelope) -> Result<Proven, Failure> {
        self.publish(caller, Statement::Reinstatement, envelope).await
    }

    /// Publishes an operator's key, or revokes one.
    pub async fn publish_operator_key(
        &self,
        caller: &Caller,
        envelope: SignedEnvelope,
    ) -> Result<Proven, Failure> {
        self.publish(caller, Statement::OperatorKey, envelope).await
    }

    /// Begins a delivery session for a desk of the caller's; none: its duty desk.
    pub async fn open_session(
        &self,
        caller: &Caller,
        desk: Option<DeskAddress>,
        credit: u32,
    ) -> Result<DeliverySession, Failure> {
        self.counted(delivery::open(&self.engine, caller, desk, credit).await)
    }

    /// One warning with the threads that the caller may see, as much as a page holds; no token: from the beginning on.
    pub async fn warning(
        &self,
        caller: &Caller,
        name: &WarningName,
        page_token: &str,
    ) -> Result<WarningView, Failure> {
        self.read(caller, self.engine.warning(caller, name, page_token))
            .await
    }

    /// The caller's warnings, newest first.
    pub async fn list(&self, caller: &Caller, query: &ListQuery) -> Result<ListPage, Failure> {
        self.read(caller, self.engine.list(caller, query)).await
    }

    /// One warning's records from the beginning on, as they become durable.
    pub async fn watch(&self, caller: &Caller, name: &WarningName) -> Result<WarningWatch, Failure> {
        self.counted(watch::open(&self.engine, caller, name).await)
    }

    /// The directory's chain from a number on, at most a page of it.
    pub async fn directory(&self, caller: &Caller, from_seq: u64) -> Result<DirectoryPage, Failure> {
        self.read(caller, self.engine.directory(caller, from_seq)).await
    }

    /// The newest durable checkpoint, a signed note.
    pub fn checkpoint(&self) -> Arc<str> {
        Arc::clone(&self.engine.durable().checkpoint)
    }

    /// The newest durable block, as it moves; intermediate ones may be skipped.
    pub fn durable(&self) -> tokio::sync::watch::Receiver<Arc<Durable>> {
        self.engine.durable.clone()
    }

    /// Every index of a range, as a record or as a leaf hash.
    pub async fn replay(&self, caller: &Caller, query: &ReplayQuery) -> Result<Replay, Failure> {
        self.counted(replay::open(&self.engine, caller, query))
    }

    /// Proves that a record is in the tree of a size; 0: of the newest checkpoint.
    pub async fn prove_inclusion(
        &self,
        caller: &Caller,
        index: u64,
        size: u64,
    ) -> Result<InclusionProof, Failure> {
        self.read(caller, self.engine.prove_inclusion(index, size)).await
    }

    /// Proves that the tree only grew; a new size of 0: to the newest checkpoint.
    pub async fn prove_consistency(
        &self,
        caller: &Caller,
        old_size: u64,
        new_size: u64,
    ) -> Result<ConsistencyProof, Failure> {
        self.read(caller, self.engine.prove_consistency(old_size, new_size))
            .await
    }

    /// The caller's threads of one warning, then the directory's chain, as much as a page holds. All is proven in the tree of
    /// `size`, which a checkpoint was made of, and nothing beyond it is shown; 0: the newest. A page token belongs to its size.
    pub async fn evidence(
        &self,
        caller: &Caller,
        name: &WarningName,
        size: u64,
        page_token: &str,
    ) -> Result<Evidence, Failure> {
        self.read(caller, self.engine.evidence(caller, name, size, page_token))
            .await
    }

    /// The newest cosigned checkpoint that is kept: with the policy's quorum, else with any cosignature.
    pub fn cosigned(&self) -> Option<Arc<str>> {
        self.engine
            .witnesses
            .as_ref()
            .and_then(|witnesses| witnesses.cosigned())
    }

    /// For each index the newest cosigned checkpoint kept without that record and the oldest with it: distinct notes, by
    /// ascending size.
    pub async fn find_cosigned(&self, caller: &Caller, indexes: &[u64]) -> Result<Vec<Arc<str>>, Failure> {
        self.read(caller, self.engine.find_cosigned(indexes)).await
    }

    /// How it stands with the witnesses; none: no policy is set.
    pub fn witnesses(&self) -> Option<WitnessesStatus> {
        self.engine.witnesses.as_ref().map(|witnesses| witnesses.status())
    }

    /// How the relay is; operators only.
    pub async fn status(&self, caller: &Caller) -> Result<RelayStatus, Failure> {
        self.counted(self.engine.status(caller).await)
    }

    /// Counters and gauges.
    pub fn meters(&self) -> &Arc<Meters> {
        let engine = &self.engine;
        engine.meters.delivery_sessions.set(engine.hub.sessions() as u64);
        engine.meters.watches.set(engine.hub.watches() as u64);
        engine.meters.queued.set(engine.queue.len() as u64);
        engine.meters.log_size.set(engine.durable().size());
        &engine.meters
    }

    /// For whom warnings wait that nobody is there to take. A desk whose state cannot be read counts as none: whoever needs
    /// it learns of the fault.
    pub fn absent_desks(&self) -> AbsentDesks {
        self.engine.absent_desks()
    }

    /// Refuses new commands with `DRAINING`, ends sessions and watches, and returns when what was in flight is
    /// answered, all is written and the index is closed. Reading goes on. May be called again.
    pub async fn drain(&self) {
        let engine = &self.engine;
        engine.phase.send_if_modified(|phase| {
            let running = *phase == Phase::Running;
            if running {
                *phase = Phase::Draining;
            }
            running
        });
        let mut in_flight = engine.in_flight.subscribe();
        // The senders live in the engine.
        let _ = in_flight.wait_for(|count| *count == 0).await;
        engine.queue.close().await;
        if let Some(witnesses) = &engine.witnesses {
            witnesses.close().await;
        }
    }

    /// Returns when the engine has failed: the process must exit, and a restart finds out what was written.
    pub async fn failed(&self) {
        let mut phase = self.engine.phase.subscribe();
        let _ = phase.wait_for(|phase| matches!(phase, Phase::Failed(_))).await;
    }

    async fn publish(
        &self,
        caller: &Caller,
        statement: Statement,
        envelope: SignedEnvelope,
    ) -> Result<Proven, Failure> {
        self.command(caller, |engine| async move {
            engine.publish(caller, statement, envelope).await
        })
        .await
    }

    /// Runs a command that a drain waits for.
    async fn command<F>(&self, caller: &Caller, run: impl FnOnce(Arc<Engine>) -> F) -> Result<Proven, Failure>
    where
        F: Future<Output = Result<Proven, Failure>>,
    {
        let result = match self.engine.begin() {
            Ok(_in_flight) => match self.engine.still_enrolled(caller) {
                Ok(()) => run(Arc::clone(&self.engine)).await,
                Err(failure) => Err(failure),
            },
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &result
            && failure.code() == ErrorCode::SeenNotOnLog
            && let Some(unsaid) = self
                .engine
                .alarms
                .due(caller.principal(), self.engine.clock.now())
        {
            tracing::error!(
                principal = %caller.principal(), why = %failure.refused.sentence, unsaid,
                "a signer has seen another log than this one: a person must look"
            );
        }
        self.counted(result)
    }

    /// Reads when it is the caller's turn.
    async fn read<T>(
        &self,
        caller: &Caller,
        read: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let result = match self.engine.reads.reader(caller.principal()) {
            Ok(reader) => {
                let _turn = reader.turn().await;
                read.await
            }
            Err(failure) => Err(failure),
        };
        self.counted(result)
    }

    fn counted<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(failure) = &result {
            self.engine.meters.refuse(failure.code());
        }
        result
    }
}
