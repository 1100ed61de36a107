//! `Directory`: the chain of who is enrolled, and what agencies publish in it.

use tonic::{Request, Response, Status};

use super::caller::caller;
use super::{Edge, convert};
use crate::wire::{self, v1};

/// The service.
pub(super) struct Service(pub(super) Edge);

#[tonic::async_trait]
impl v1::directory_server::Directory for Service {
    async fn get_directory(
        &self,
        request: Request<v1::GetDirectoryRequest>,
    ) -> Result<Response<v1::GetDirectoryResponse>, Status> {
        let caller = caller(&request)?;
        let page = self
            .0
            .relay
            .directory(&caller, request.into_inner().from_seq)
            .await?;
        Ok(Response::new(v1::GetDirectoryResponse {
            checkpoint: convert::note(&page.checkpoint),
            records: page.records.iter().map(v1::Receipt::from).collect(),
            newest_seq: page.newest_seq,
        }))
    }

    async fn publish_key(
        &self,
        request: Request<v1::PublishKeyRequest>,
    ) -> Result<Response<v1::PublishKeyResponse>, Status> {
        let caller = caller(&request)?;
        let envelope = wire::required_as(request.into_inner().envelope, "envelope")?;
        let proven = self.0.relay.publish_key(&caller, envelope).await?;
        Ok(Response::new(v1::PublishKeyResponse {
            receipt: Some(wire::proven(&proven.receipt, &proven.checkpoint)),
            repeated: proven.repeated,
        }))
    }

    async fn publish_desks(
        &self,
        request: Request<v1::PublishDesksRequest>,
    ) -> Result<Response<v1::PublishDesksResponse>, Status> {
        let caller = caller(&request)?;
        let envelope = wire::required_as(request.into_inner().envelope, "envelope")?;
        let proven = self.0.relay.publish_desks(&caller, envelope).await?;
        Ok(Response::new(v1::PublishDesksResponse {
            receipt: Some(wire::proven(&proven.receipt, &proven.checkpoint)),
            repeated: proven.repeated,
        }))
    }

    async fn publish_mandate(
        &self,
        request: Request<v1::PublishMandateRequest>,
    ) -> Result<Response<v1::PublishMandateResponse>, Status> {
        let caller = caller(&request)?;
        let envelope = wire::required_as(request.into_inner().envelope, "envelope")?;
        let proven = self.0.relay.publish_mandate(&caller, envelope).await?;
        Ok(Response::new(v1::PublishMandateResponse {
            receipt: Some(wire::proven(&proven.receipt, &proven.checkpoint)),
            repeated: proven.repeated,
        }))
    }

    async fn place_hold(
        &self,
        request: Request<v1::PlaceHoldRequest>,
    ) -> Result<Response<v1::PlaceHoldResponse>, Status> {
        let caller = caller(&request)?;
        let envelope = wire::required_as(request.into_inner().envelope, "envelope")?;
        let proven = self.0.relay.place_hold(&caller, envelope).await?;
        Ok(Response::new(v1::PlaceHoldResponse {
            receipt: Some(wire::proven(&proven.receipt, &proven.checkpoint)),
            repeated: proven.repeated,
        }))
    }
}
