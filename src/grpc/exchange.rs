//! `Exchange`: what agencies' systems call. The two pipelined streams have files of their own.

use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument as _;

use super::caller::{caller, peer};
use super::outbound::{OutboundStream, outbound};
use super::{Edge, convert, receive, submit_many};
use crate::wire::{self, v1};

/// The service.
pub(super) struct Service(pub(super) Edge);

#[tonic::async_trait]
impl v1::exchange_server::Exchange for Service {
    type SubmitManyStream = OutboundStream<v1::SubmitManyResponse>;
    type ReceiveStream = OutboundStream<v1::ReceiveResponse>;
    type WatchWarningStream = OutboundStream<v1::WatchWarningResponse>;

    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        let caller = caller(&request)?;
        let submission = wire::required_as(request.into_inner().submission, "submission")?;
        let proven = self.0.relay.submit(&caller, submission).await?;
        Ok(Response::new(convert::submitted(&proven, true)))
    }

    async fn submit_many(
        &self,
        request: Request<Streaming<v1::SubmitManyRequest>>,
    ) -> Result<Response<Self::SubmitManyStream>, Status> {
        let (caller, peer) = (caller(&request)?, peer(&request)?);
        let share = self.0.share(&request)?;
        let (outbound, response) = outbound(self.0.patience(peer.cut.clone()));
        let run = submit_many::run(self.0.clone(), caller, share, request.into_inner(), outbound);
        tokio::spawn(run.in_current_span());
        Ok(response)
    }

    async fn receive(
        &self,
        request: Request<Streaming<v1::ReceiveRequest>>,
    ) -> Result<Response<Self::ReceiveStream>, Status> {
        let (caller, peer) = (caller(&request)?, peer(&request)?);
        let mut inbound = request.into_inner();
        let session = receive::open(&self.0, &caller, &mut inbound).await?;
        let patience = self.0.patience(peer.cut);
        let (outbound, response) = outbound(patience.clone());
        let run = receive::run(self.0.relay.clone(), caller, session, inbound, outbound, patience);
        tokio::spawn(run.in_current_span());
        Ok(response)
    }

    async fn acknowledge(
        &self,
        request: Request<v1::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        let caller = caller(&request)?;
        let acknowledgement = wire::required_as(request.into_inner().acknowledgement, "acknowledgement")?;
        let proven = self.0.relay.acknowledge(&caller, acknowledgement).await?;
        Ok(Response::new(convert::acknowledged(&proven)))
    }

    async fn get_warning(
        &self,
        request: Request<v1::GetWarningRequest>,
    ) -> Result<Response<v1::GetWarningResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let name = wire::required_as(request.warning, "warning")?;
        let view = self.0.relay.warning(&caller, &name, &request.page_token).await?;
        Ok(Response::new(convert::warning_view(&view)))
    }

    async fn list_warnings(
        &self,
        request: Request<v1::ListWarningsRequest>,
    ) -> Result<Response<v1::ListWarningsResponse>, Status> {
        let caller = caller(&request)?;
        let query = convert::list_query(request.into_inner())?;
        let page = self.0.relay.list(&caller, &query).await?;
        Ok(Response::new(v1::ListWarningsResponse {
            warnings: page.warnings.iter().map(v1::WarningSummary::from).collect(),
            next_page_token: page.next_page_token,
        }))
    }

    async fn watch_warning(
        &self,
        request: Request<v1::WatchWarningRequest>,
    ) -> Result<Response<Self::WatchWarningStream>, Status> {
        let (caller, peer) = (caller(&request)?, peer(&request)?);
        let name = wire::required_as(request.into_inner().warning, "warning")?;
        let mut watch = self.0.relay.watch(&caller, &name).await?;
        let (outbound, response) = outbound(self.0.patience(peer.cut.clone()));
        let run = async move {
            loop {
                let event = tokio::select! {
                    event = watch.next() => event,
                    // Dropping the watch closes it.
                    () = outbound.gone() => return,
                };
                let Some(event) = event else { return };
                if outbound.send(convert::watched(event)).await.is_err() {
                    return;
                }
            }
        };
        tokio::spawn(run.in_current_span());
        Ok(response)
    }
}
