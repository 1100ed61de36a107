//! The audit over a real connection, against a relay that shows what it is told to: an honest log verifies and becomes the
//! profile's newest checkpoint; a changed one is traced to its first bad record with the relay's own proofs, and kept.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::pin::Pin;

use futures_util::Stream;
use futures_util::stream;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};

use super::tampering::{Honest, edit};
use super::tests::{checkpoint_of, eventful};
use super::world::{AUDITOR, World, parsed};
use super::{AuditError, Verdict, Wrong, verify};
use crate::client::{Client, ProfileDir, Settings, SignerSetting};
use crate::domain::{KeyId, ReplayedRecord};
use crate::transparency::consistency_proof;
use crate::wire::v1;

/// Shows one log, and proves another (or the same).
struct Showing {
    checkpoint: String,
    shown: Vec<ReplayedRecord>,
    proves: Honest,
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
        let from = usize::try_from(request.into_inner().from_index).unwrap();
        let checkpoint = Kind::Checkpoint(self.checkpoint.clone().into_bytes().into());
        let records = self
            .shown
            .iter()
            .skip(from)
            .map(|record| Kind::Record(record.into()));
        let all: Vec<_> = std::iter::once(checkpoint)
            .chain(records)
            .map(|kind| Ok(v1::ReplayResponse { kind: Some(kind) }))
            .collect();
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
    };
    settings.write(&profile).unwrap();
    std::fs::write(profile.checkpoint(), checkpoint_of(world, before)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let relay = Showing {
        checkpoint: world.checkpoint(),
        proves: Honest::of(&world.shown),
        shown,
    };
    let server = Server::builder().add_service(v1::audit_server::AuditServer::new(relay));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let channel = Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    let client = Client::open_over(&profile, channel, std::sync::Arc::new(world.clock.clone())).unwrap();
    (directory, client)
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
