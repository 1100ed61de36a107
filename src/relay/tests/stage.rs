//! A relay in memory with three agencies, an auditor and an operator, and what is needed to look at it from outside.

use std::sync::Arc;

use crate::domain::*;
use crate::journal::{Index, Journal, MemoryJournal};
use crate::relay::{
    Caller, CreateOptions, Failure, FollowerOptions, OpenError, Proven, Quotas, Relay, RelayOptions,
    WitnessOptions,
};
use crate::retention::Keyring;
use crate::seal::SecretKey;
use crate::time::{ManualClock, Timestamp};
use crate::transparency::{LogKey, LogSigner, SignedCheckpoint, SigningWatch, leaf_hash, verify_inclusion};
use crate::world::{BEGINNING, World, parsed};

/// A running relay and the world around it.
pub(in crate::relay) struct Stage {
    pub(in crate::relay) world: World,
    pub(in crate::relay) journal: MemoryJournal,
    pub(in crate::relay) index: Index,
    pub(in crate::relay) keyring: Arc<Keyring>,
    pub(in crate::relay) clock: ManualClock,
    pub(in crate::relay) relay: Relay,
    /// The next start's; up to the end of time, because tests set the clock as they like.
    pub(in crate::relay) clock_checked_until: Option<Timestamp>,
    /// Of the log's key.
    pub(in crate::relay) signing: Arc<SigningWatch>,
}

pub(in crate::relay) const ALWAYS: Option<Timestamp> = Some(Timestamp::from_unix_ms(i64::MAX));

pub(in crate::relay) fn log_key(origin: &Origin) -> LogKey {
    LogKey::new(origin.clone(), SecretKey::from_seed(&[42; 32]))
}

/// Opens a relay over a journal.
pub(in crate::relay) async fn open(
    journal: Arc<dyn Journal>,
    index: Index,
    keyring: &Arc<Keyring>,
    clock: &ManualClock,
) -> Result<Relay, OpenError> {
    open_with(
        log_key(&World::new().origin).into(),
        journal,
        index,
        Arc::clone(keyring),
        clock,
        Quotas::default(),
        None,
        ALWAYS,
    )
    .await
}

fn watched(watch: &Arc<SigningWatch>) -> LogSigner {
    LogSigner::Watched {
        key: log_key(&World::new().origin),
        watch: Arc::clone(watch),
    }
}

#[expect(clippy::too_many_arguments, reason = "what a relay runs on")]
async fn open_with(
    log_key: LogSigner,
    journal: Arc<dyn Journal>,
    index: Index,
    keyring: Arc<Keyring>,
    clock: &ManualClock,
    quotas: Quotas,
    witnesses: Option<WitnessOptions>,
    clock_checked_until: Option<Timestamp>,
) -> Result<Relay, OpenError> {
    Relay::open(RelayOptions {
        log_key,
        journal,
        index,
        keyring,
        retention: crate::retention::RetentionRules::default(),
        clock_checked_until,
        clock: Arc::new(clock.clone()),
        version: "test".to_owned(),
        configuration_digest: [1; 32],
        quotas,
        heartbeat: None,
        session_times: super::super::SessionTimes::default(),
        contradictions: witnesses
            .as_ref()
            .and_then(|witnesses| Some(witnesses.store.as_ref()?.with_extension("contradictions"))),
        witnesses,
        followers: FollowerOptions::default(),
    })
    .await
}

pub(in crate::relay) const ROLES: [KeyRole; 4] = [
    KeyRole::Originate,
    KeyRole::Receive,
    KeyRole::Officer,
    KeyRole::Tls,
];

impl Stage {
    /// Only a genesis, with the operator `alice`.
    pub(in crate::relay) async fn empty() -> Self {
        Self::over(MemoryJournal::new(), Index::in_memory()).await
    }

    /// The same over given storage, which is empty.
    pub(in crate::relay) async fn over(journal: MemoryJournal, index: Index) -> Self {
        let clock = ManualClock::at(BEGINNING);
        let mut world = World::new();
        let genesis = world.genesis(&["alice"]);
        Relay::create(CreateOptions {
            log_key: log_key(&world.origin).into(),
            journal: Arc::new(journal.clone()),
            operator_certificates: genesis.operator_certificates,
            deadlines: genesis.deadlines,
            clock: Arc::new(clock.clone()),
        })
        .await
        .unwrap();
        let keyring = Arc::new(Keyring::in_memory());
        let signing = Arc::new(SigningWatch::default());
        let relay = open_with(
            watched(&signing),
            Arc::new(journal.clone()),
            index.clone(),
            Arc::clone(&keyring),
            &clock,
            Quotas::default(),
            None,
            ALWAYS,
        )
        .await
        .unwrap();
        let mut stage = Self {
            world,
            journal,
            index,
            keyring,
            clock,
            relay,
            clock_checked_until: ALWAYS,
            signing,
        };
        stage.look();
        stage
    }

    /// `fr.ctc`, `us.ctc`, `ru.ctc` with the desk `ru.ctc/aviation`, and the auditor `us.audit` with `ru.ctc`'s mandate.
    pub(in crate::relay) async fn new() -> Self {
        Self::empty().await.peopled().await
    }

    /// Enrols everybody.
    pub(in crate::relay) async fn peopled(mut self) -> Self {
        let alice = self.caller("operator:alice");
        for state in ["fr", "ru", "us"] {
            let (enrolment, root) = self.world.state("alice", state);
            self.relay.enrol_state(&alice, enrolment, root).await.unwrap();
            self.look();
        }
        for (agency, kind) in [
            ("fr.ctc", AgencyKind::Agency),
            ("us.ctc", AgencyKind::Agency),
            ("ru.ctc", AgencyKind::Agency),
            ("us.audit", AgencyKind::Auditor),
        ] {
            let (enrolment, certificates) = self.world.agency("alice", agency, kind, &ROLES);
            self.relay
                .enrol_agency(&alice, enrolment, certificates)
                .await
                .unwrap();
            self.look();
        }
        let desks = self.world.desks("ru.ctc", &["ru.ctc/aviation"]);
        let mandate = self.world.mandate("ru.ctc", "us.audit", false);
        let ru = self.caller("ru.ctc");
        self.relay.publish_desks(&ru, desks).await.unwrap();
        self.relay.publish_mandate(&ru, mandate).await.unwrap();
        self.look();
        self
    }

    /// The next process over what is stored; the old one is gone.
    pub(in crate::relay) async fn restart(self) -> Self {
        self.restart_with(Quotas::default()).await
    }

    /// The same with other quotas.
    pub(in crate::relay) async fn restart_with(self, quotas: Quotas) -> Self {
        self.reopen(quotas, None)
            .await
            .unwrap_or_else(|(error, _)| panic!("{error}"))
    }

    /// The same with witnesses; what is left if it does not start.
    pub(in crate::relay) async fn witnessed(
        self,
        options: WitnessOptions,
    ) -> Result<Self, (OpenError, MemoryJournal)> {
        self.reopen(Quotas::default(), Some(options)).await
    }

    async fn reopen(
        self,
        quotas: Quotas,
        witnesses: Option<WitnessOptions>,
    ) -> Result<Self, (OpenError, MemoryJournal)> {
        let Self {
            world,
            journal,
            index,
            keyring,
            clock,
            relay,
            clock_checked_until,
            signing,
        } = self;
        drop(relay);
        let journal = journal.restart();
        match open_with(
            watched(&signing),
            Arc::new(journal.clone()),
            index.clone(),
            Arc::clone(&keyring),
            &clock,
            quotas,
            witnesses,
            clock_checked_until,
        )
        .await
        {
            Ok(relay) => Ok(Self {
                world,
                journal,
                index,
                keyring,
                clock,
                relay,
                clock_checked_until,
                signing,
            }),
            Err(error) => Err((error, journal)),
        }
    }

    /// A session of a principal, with its first TLS key.
    pub(in crate::relay) fn caller(&self, principal: &str) -> Caller {
        let keyid = World::keyid(principal, KeyRole::Tls, 0);
        self.relay.authenticate(&keyid).unwrap()
    }

    /// Everybody sees the newest checkpoint.
    pub(in crate::relay) fn look(&mut self) {
        let checkpoint = self.checked(&self.relay.checkpoint());
        self.world.seen = Some(Seen {
            size: checkpoint.size(),
            root: checkpoint.root(),
        });
    }

    /// A checkpoint whose signature verifies.
    pub(in crate::relay) fn checked(&self, note: &str) -> SignedCheckpoint {
        log_key(&self.world.origin).verifier().open(note).unwrap()
    }

    /// Checks receipts against their checkpoint, and reads their records.
    pub(in crate::relay) fn verified<'r>(
        &self,
        checkpoint: &str,
        receipts: impl IntoIterator<Item = &'r Receipt>,
    ) -> Vec<Record> {
        let checkpoint = self.checked(checkpoint);
        let read = |receipt: &Receipt| {
            let leaf = leaf_hash(&receipt.record);
            let (size, root) = (checkpoint.size(), checkpoint.root());
            verify_inclusion(&leaf, receipt.index, size, &receipt.inclusion_proof, &root).unwrap();
            crate::wire::record(&receipt.record).unwrap()
        };
        receipts.into_iter().map(read).collect()
    }

    /// Checks every receipt of an answer, and reads their records.
    pub(in crate::relay) fn proven(&self, proven: &Proven) -> Vec<Record> {
        let all = std::iter::once(&proven.receipt).chain(&proven.more);
        self.verified(&proven.checkpoint, all)
    }

    pub(in crate::relay) async fn submit(
        &self,
        from: &str,
        submission: Submission,
    ) -> Result<Proven, Failure> {
        self.relay.submit(&self.caller(from), submission).await
    }

    /// A warning that is accepted.
    pub(in crate::relay) async fn accepted(&mut self, from: &str, to: &[&str]) -> Submission {
        let submission = self.world.warning(from, to);
        self.submit(from, submission.clone()).await.unwrap();
        self.look();
        submission
    }

    /// An acknowledgement that is recorded.
    pub(in crate::relay) async fn acknowledged(
        &mut self,
        desk: &str,
        of: &Submission,
        kind: AcknowledgementKind,
    ) -> Proven {
        let submission = self.world.acknowledgement(desk, of, kind, |_| ());
        let agency = parsed::<DeskAddress>(desk).agency().to_string();
        let proven = self.relay.acknowledge(&self.caller(&agency), submission).await;
        self.look();
        proven.unwrap()
    }

    /// How many records the log has.
    pub(in crate::relay) fn size(&self) -> u64 {
        self.relay.durable().borrow().size()
    }
}
