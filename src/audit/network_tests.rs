//! The audit over a real connection, against a relay that shows what it is told to: an honest log verifies and becomes the
//! profile's newest checkpoint; a changed one is traced to its first bad record with the relay's own proofs, and kept.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::Stream;
use futures_util::stream;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};

use super::tampering::{Honest, edit};
use super::tests::{checkpoint_of, eventful, shown_to};
use super::world::{AUDITOR, World, parsed};
use super::{Again, Audit, AuditError, Begin, Report, StateError, Verdict, Watch, Wrong, verify};
use crate::client::{Client, ProfileDir, Settings, SignerSetting};
use crate::domain::{KeyId, Record, ReplayedRecord};
use crate::transparency::{SignedCheckpoint, consistency_proof};
use crate::wire::v1;

/// Shows one log, and proves another (or the same).
struct Showing {
    checkpoint: String,
    shown: Vec<ReplayedRecord>,
    proves: Honest,
    /// After so many records each stream breaks.
    breaks_after: usize,
    /// From where replays were asked for.
    asked: Arc<Mutex<Vec<u64>>>,
}

type Replayed = Pin<Box<dyn Stream<Item = Result<v1::ReplayResponse, Status>> + Send>>;

#[tonic::async_trait]
impl v1::audit_server::Audit for Showing {
    type ReplayStream = Replayed;

    async fn get_checkpoint(
        &self,
        _: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let checkpoint = self.checkpoint.clone().into_bytes().into();
        Ok(Response::new(v1::GetCheckpointResponse {
            checkpoint,
            ..Default::default()
        }))
    }

    async fn replay(&self, request: Request<v1::ReplayRequest>) -> Result<Response<Replayed>, Status> {
        use v1::replay_response::Kind;
        let from = request.into_inner().from_index;
        self.asked.lock().unwrap().push(from);
        let from = usize::try_from(from).unwrap();
        let checkpoint = Kind::Checkpoint(self.checkpoint.clone().into_bytes().into());
        let records = self
            .shown
            .iter()
            .skip(from)
            .map(|record| Kind::Record(record.into()));
        let mut all: Vec<_> = std::iter::once(checkpoint)
            .chain(records)
            .map(|kind| Ok(v1::ReplayResponse { kind: Some(kind) }))
            .collect();
        if all.len() > self.breaks_after.saturating_add(1) {
            all.truncate(self.breaks_after + 1);
            all.push(Err(Status::unavailable("the connection broke")));
        }
        Ok(Response::new(Box::pin(stream::iter(all))))
    }

    async fn prove_inclusion(
        &self,
        _: Request<v1::ProveInclusionRequest>,
    ) -> Result<Response<v1::ProveInclusionResponse>, Status> {
        Err(Status::unimplemented("not asked for here"))
    }

    async fn prove_consistency(
        &self,
        request: Request<v1::ProveConsistencyRequest>,
    ) -> Result<Response<v1::ProveConsistencyResponse>, Status> {
        let v1::ProveConsistencyRequest { old_size, new_size } = request.into_inner();
        let proof = consistency_proof(old_size, new_size, &self.proves).unwrap();
        Ok(Response::new(v1::ProveConsistencyResponse {
            proof: proof.iter().map(|hash| hash.0.to_vec().into()).collect(),
            new_size,
            checkpoint: bytes::Bytes::new(),
        }))
    }

    async fn get_evidence(
        &self,
        _: Request<v1::GetEvidenceRequest>,
    ) -> Result<Response<v1::GetEvidenceResponse>, Status> {
        Err(Status::unimplemented("not asked for here"))
    }

    async fn find_cosigned(
        &self,
        _: Request<v1::FindCosignedRequest>,
    ) -> Result<Response<v1::FindCosignedResponse>, Status> {
        Err(Status::unimplemented("not asked for here"))
    }
}

/// An auditor's profile that has verified the log of `before`, and its client of a relay that shows `shown`.
async fn auditor(world: &World, shown: Vec<ReplayedRecord>, before: &[ReplayedRecord]) -> (TempDir, Client) {
    let (directory, client, _) = auditor_of(world, world.checkpoint(), shown, before, usize::MAX).await;
    (directory, client)
}

/// The same of a relay that shows this checkpoint, and whose streams break after so many records; also from where it was asked.
async fn auditor_of(
    world: &World,
    checkpoint: String,
    shown: Vec<ReplayedRecord>,
    before: &[ReplayedRecord],
    breaks_after: usize,
) -> (TempDir, Client, Arc<Mutex<Vec<u64>>>) {
    let directory = tempfile::tempdir().unwrap();
    let profile = ProfileDir::new(directory.path());
    let settings = Settings {
        principal: parsed(AUDITOR),
        desk: None,
        url: "https://relay.invalid:1".to_owned(),
        tls_pin: KeyId([0; 32]),
        log: world.verifier(),
        signer: SignerSetting::File,
        languages: Vec::new(),
        retention: crate::retention::RetentionRules::default(),
    };
    settings.write(&profile).unwrap();
    std::fs::write(profile.checkpoint(), checkpoint_of(world, before)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let relay = Showing {
        checkpoint,
        proves: Honest::of(&world.shown),
        shown,
        breaks_after,
        asked: Arc::clone(&asked),
    };
    let server = Server::builder().add_service(v1::audit_server::AuditServer::new(relay));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let channel = Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    let client = Client::open_over(&profile, channel, Arc::new(world.clock.clone())).unwrap();
    (directory, client, asked)
}

async fn audited(client: &Client) -> Result<Verdict, AuditError> {
    verify(client, true, |_, _| Ok(())).await
}

/// What an honest relay shows verifies, every index is passed on in order, and the checkpoint is the profile's newest.
#[tokio::test]
async fn an_honest_relay_is_verified() {
    let world = eventful();
    let (_directory, client) = auditor(&world, world.shown.clone(), &world.shown[..7]).await;
    let mut passed = Vec::new();
    let verdict = verify(&client, true, |shown, record| {
        passed.push((shown.index, record.is_some()));
        Ok::<(), AuditError>(())
    });
    let verdict = verdict.await.unwrap();
    assert_eq!(verdict.report.continues_size, Some(7));
    assert_eq!(verdict.timeline.unwrap().warnings.len(), 2);
    let all: Vec<_> = (0..world.size()).map(|index| (index, true)).collect();
    assert_eq!(passed, all);
    assert_eq!(client.newest_checkpoint().await.size(), world.size());
}

/// A record that was changed is named, though what it led to shows later, and the evidence lies in the profile.
#[tokio::test]
async fn a_changed_record_is_traced_and_kept() {
    let world = eventful();
    let mut shown = world.shown.clone();
    edit(&mut shown[29], |record| record.nonce[0] ^= 1);
    let (_directory, client) = auditor(&world, shown, &world.shown[..7]).await;
    let Err(AuditError::Fault { fault, evidence }) = audited(&client).await else {
        panic!("no fault was found");
    };
    assert_eq!((fault.index, fault.committed), (Some(29), Some(false)), "{fault}");
    assert!(matches!(fault.wrong, Wrong::Altered { .. }), "{fault}");
    let evidence = evidence.unwrap();
    let checkpoint = std::fs::read_to_string(evidence.join("checkpoint")).unwrap();
    assert_eq!(checkpoint, world.checkpoint());
    let sentence = std::fs::read_to_string(evidence.join("fault.txt")).unwrap();
    assert!(sentence.starts_with("record 29: "), "{sentence}");
}

/// A relay that ends its replay early is caught counting.
#[tokio::test]
async fn a_short_replay_is_found() {
    let world = eventful();
    let mut shown = world.shown.clone();
    shown.truncate(20);
    let (_directory, client) = auditor(&world, shown, &world.shown[..7]).await;
    let Err(AuditError::Fault { fault, .. }) = audited(&client).await else {
        panic!("no fault was found");
    };
    assert_eq!(fault.index, Some(20));
    assert!(matches!(fault.wrong, Wrong::Truncated { .. }), "{fault}");
}

/// A relay that cannot prove that its log continues what the profile has verified is refused before any record is read.
#[tokio::test]
async fn a_fork_is_refused_at_once() {
    let world = eventful();
    let mut other = world.shown.clone();
    edit(&mut other[3], |record| record.nonce[0] ^= 1);
    let (_directory, client) = auditor(&world, world.shown.clone(), &other[..7]).await;
    let error = audited(&client).await.unwrap_err();
    assert!(matches!(error, AuditError::Client(_)), "{error}");
    assert_eq!(client.newest_checkpoint().await.size(), 7);
}

/// Remembers how runs began, and ends one before an index.
struct Following {
    begins: Vec<Begin>,
    ends_before: u64,
}

impl Watch<AuditError> for &mut Following {
    fn begins(&mut self, begin: Begin, _: &SignedCheckpoint) -> Result<(), AuditError> {
        self.begins.push(begin);
        Ok(())
    }
    fn passed(&mut self, shown: &ReplayedRecord, _: Option<&Record>) -> Result<(), AuditError> {
        match shown.index < self.ends_before {
            true => Ok(()),
            false => Err(AuditError::State(StateError::InUse)),
        }
    }
}

async fn kept(client: &Client, state: &Path, ends_before: u64) -> (Vec<Begin>, Result<Report, AuditError>) {
    let mut following = Following {
        begins: Vec::new(),
        ends_before,
    };
    let audit = Audit::new().kept_in(state, false).on_threads(2).with_bounds(3, 9);
    let outcome = audit.over_network(client, &mut following).await;
    (following.begins, outcome.map(|verdict| verdict.report))
}

/// A stream that breaks again and again is taken up at the index that it reached, each time, and the audit is as if it had not.
#[tokio::test]
async fn a_broken_stream_is_taken_up() {
    let world = eventful();
    let (_directory, client, asked) = auditor_of(
        &world,
        world.checkpoint(),
        world.shown.clone(),
        &world.shown[..7],
        10,
    )
    .await;
    let verdict = audited(&client).await.unwrap();
    assert_eq!(verdict.report.checkpoint_size, world.size());
    assert_eq!(*asked.lock().unwrap(), [0, 10, 20, 30, 40]);
}

/// What was verified is kept in the profile, and the next audit asks only for what came after; one that was ended on the way goes on
/// where the relay had last proven its part.
#[tokio::test]
async fn an_audit_goes_on() {
    let world = eventful();
    let state = tempfile::tempdir().unwrap();
    let short = &world.shown[..20];
    let note = checkpoint_of(&world, short);
    let (_first, client, asked) =
        auditor_of(&world, note, short.to_vec(), &world.shown[..7], usize::MAX).await;
    let (begins, report) = kept(&client, state.path(), u64::MAX).await;
    assert_eq!((begins, report.unwrap().resumed_at), (vec![Begin::Start], None));
    assert_eq!(*asked.lock().unwrap(), [0]);

    // The log has grown. One run is ended, after it was kept on the way; the next goes on there.
    let (_second, client, asked) =
        auditor_of(&world, world.checkpoint(), world.shown.clone(), short, usize::MAX).await;
    let (begins, ended) = kept(&client, state.path(), 35).await;
    assert_eq!(begins, [Begin::Resumed(20)]);
    assert!(ended.is_err());
    let (begins, report) = kept(&client, state.path(), u64::MAX).await;
    let [Begin::Resumed(on_the_way)] = begins[..] else {
        panic!("{begins:?}")
    };
    assert!((29..=35).contains(&on_the_way), "{on_the_way}");
    assert_eq!(*asked.lock().unwrap(), [20, on_the_way]);

    // Both together give what one run from the start gives.
    let whole = audited(&client).await.unwrap().report;
    let report = report.unwrap();
    assert_eq!(report.counts, whole.counts);
    assert_eq!(report.checkpoint_root, whole.checkpoint_root);
    // With nothing new, nothing is asked for but what there is.
    let (begins, report) = kept(&client, state.path(), u64::MAX).await;
    assert_eq!(begins, [Begin::Resumed(world.size())]);
    assert_eq!(report.unwrap().counts, whole.counts);
}

/// A fault that is found going on is looked for again from the start, traced with the relay's proofs, and kept; the state stays.
#[tokio::test]
async fn a_fault_is_looked_for_again() {
    let world = eventful();
    let state = tempfile::tempdir().unwrap();
    let short = &world.shown[..20];
    let (_first, client, _) = auditor_of(
        &world,
        checkpoint_of(&world, short),
        short.to_vec(),
        &world.shown[..7],
        usize::MAX,
    )
    .await;
    assert!(kept(&client, state.path(), u64::MAX).await.1.is_ok());
    let mut shown = world.shown.clone();
    edit(&mut shown[33], |record| record.nonce[0] ^= 1);
    let (_second, client, asked) = auditor_of(&world, world.checkpoint(), shown, short, usize::MAX).await;
    let (begins, outcome) = kept(&client, state.path(), u64::MAX).await;
    assert_eq!(begins, [Begin::Resumed(20), Begin::Again(Again::Fault)]);
    assert_eq!(*asked.lock().unwrap(), [20, 0]);
    let Err(AuditError::Fault { fault, evidence }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((fault.index, fault.committed), (Some(33), Some(false)), "{fault}");
    assert!(evidence.is_some());
    let (_third, client, _) =
        auditor_of(&world, world.checkpoint(), world.shown.clone(), short, usize::MAX).await;
    let (begins, report) = kept(&client, state.path(), u64::MAX).await;
    // Up to there the relay had proven what it showed, before it showed another record.
    assert_eq!(begins, [Begin::Resumed(29)]);
    assert!(report.is_ok());
}

/// Where more agencies admit the auditor than when the state was begun, what was passed over is read: it begins anew.
#[tokio::test]
async fn a_wider_scope_begins_anew() {
    let mut world = World::unmandated();
    world.mandate("us.ctc");
    world.send("us.ctc", &["ru.ctc"], "Attack");
    world.send("ru.ctc", &["fr.ctc"], "Attack");
    let before = world.shown.len();
    let narrow = shown_to(&world, AUDITOR);
    let note = world.checkpoint();
    let state = tempfile::tempdir().unwrap();
    let genesis = &world.shown[..1].to_vec();
    let (_first, client, _) = auditor_of(&world, note, narrow, genesis, usize::MAX).await;
    let (_, report) = kept(&client, state.path(), u64::MAX).await;
    assert!(report.unwrap().counts.out_of_scope > 0);
    world.mandate("ru.ctc");
    world.mandate("fr.ctc");
    let earlier = &world.shown[..before];
    let (_second, client, _) = auditor_of(
        &world,
        world.checkpoint(),
        world.shown.clone(),
        earlier,
        usize::MAX,
    )
    .await;
    let (begins, report) = kept(&client, state.path(), u64::MAX).await;
    let size = u64::try_from(before).unwrap();
    assert!(
        matches!(begins[..], [Begin::Resumed(at), Begin::Again(Again::Scope | Again::Fault)] if at == size),
        "{begins:?}"
    );
    assert_eq!(report.unwrap().counts.out_of_scope, 0);
}
