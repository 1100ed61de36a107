//! `Audit`: what lets anyone in scope check the relay.

use prost::Message as _;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use super::caller::{caller, peer};
use super::outbound::{OutboundStream, outbound};
use super::{Edge, convert};
use crate::error::Refused;
use crate::relay::ReplayQuery;
use crate::wire::{self, v1};
use v1::replay_response::Kind;

/// The service.
pub(super) struct Service(pub(super) Edge);

#[tonic::async_trait]
impl v1::audit_server::Audit for Service {
    type ReplayStream = OutboundStream<v1::ReplayResponse>;

    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        caller(&request)?;
        let cosigned = self.0.relay.cosigned();
        Ok(Response::new(v1::GetCheckpointResponse {
            checkpoint: convert::note(&self.0.relay.checkpoint()),
            cosigned: cosigned.as_ref().map(convert::note).unwrap_or_default(),
        }))
    }

    async fn replay(
        &self,
        request: Request<v1::ReplayRequest>,
    ) -> Result<Response<Self::ReplayStream>, Status> {
        let (caller, peer) = (caller(&request)?, peer(&request)?);
        let share = self.0.share(&request)?;
        let query = query(&request.into_inner())?;
        let mut replay = self.0.relay.replay(&caller, &query).await?;
        let (outbound, stream) = outbound(self.0.patience(peer.cut.clone()));
        let run = async move {
            let checkpoint = Kind::Checkpoint(convert::note(replay.checkpoint()));
            let mut sent = outbound.send(response(checkpoint)).await;
            while sent.is_ok() {
                // What is not read yet bounds what is read ahead, in bytes.
                tokio::select! {
                    biased;
                    () = share.room() => {}
                    () = outbound.gone() => return,
                }
                sent = match replay.next().await {
                    Some(Ok(record)) => {
                        let response = response(Kind::Record((&record).into()));
                        let charge = share.charge(response.encoded_len());
                        outbound.send_then(response, move || drop(charge)).await
                    }
                    Some(Err(failure)) => return outbound.fail(failure).await,
                    None => return,
                };
            }
        };
        tokio::spawn(run.in_current_span());
        Ok(stream)
    }

    async fn prove_inclusion(
        &self,
        request: Request<v1::ProveInclusionRequest>,
    ) -> Result<Response<v1::ProveInclusionResponse>, Status> {
        let caller = caller(&request)?;
        let v1::ProveInclusionRequest { index, size } = request.into_inner();
        let proof = self.0.relay.prove_inclusion(&caller, index, size).await?;
        Ok(Response::new(v1::ProveInclusionResponse {
            leaf_hash: hash(&proof.leaf_hash),
            proof: proof.proof.iter().map(hash).collect(),
            size: proof.size,
            checkpoint: proof.checkpoint.as_ref().map(convert::note).unwrap_or_default(),
        }))
    }

    async fn prove_consistency(
        &self,
        request: Request<v1::ProveConsistencyRequest>,
    ) -> Result<Response<v1::ProveConsistencyResponse>, Status> {
        let caller = caller(&request)?;
        let v1::ProveConsistencyRequest { old_size, new_size } = request.into_inner();
        let proof = self
            .0
            .relay
            .prove_consistency(&caller, old_size, new_size)
            .await?;
        Ok(Response::new(v1::ProveConsistencyResponse {
            proof: proof.proof.iter().map(hash).collect(),
            new_size: proof.new_size,
            checkpoint: proof.checkpoint.as_ref().map(convert::note).unwrap_or_default(),
        }))
    }

    async fn get_evidence(
        &self,
        request: Request<v1::GetEvidenceRequest>,
    ) -> Result<Response<v1::GetEvidenceResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let name = wire::required_as(request.warning, "warning")?;
        let evidence = self
            .0
            .relay
            .evidence(&caller, &name, request.size, &request.page_token)
            .await?;
        Ok(Response::new(convert::evidence(&evidence)))
    }

    async fn find_cosigned(
        &self,
        request: Request<v1::FindCosignedRequest>,
    ) -> Result<Response<v1::FindCosignedResponse>, Status> {
        let caller = caller(&request)?;
        let indexes = request.into_inner().index;
        let notes = self.0.relay.find_cosigned(&caller, &indexes).await?;
        Ok(Response::new(v1::FindCosignedResponse {
            checkpoint: notes.iter().map(convert::note).collect(),
        }))
    }
}

fn query(request: &v1::ReplayRequest) -> Result<ReplayQuery, Refused> {
    Ok(ReplayQuery {
        from_index: request.from_index,
        to_index: request.to_index,
        warning: wire::optional_digest(&request.warning_digest, "warning_digest")?,
        with_parts: request.with_parts,
    })
}

fn response(kind: Kind) -> v1::ReplayResponse {
    v1::ReplayResponse { kind: Some(kind) }
}

fn hash(hash: &crate::domain::Hash) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(hash.as_bytes())
}
