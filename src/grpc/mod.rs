//! The edge: gRPC over the proven connections of `tls`, one file a service. It translates and nothing more: a request
//! becomes domain types or is refused, the engine is asked, its answer becomes a message; `status` is the one
//! place where an error becomes a gRPC status. Whoever calls is looked up once a call, by `layer`, before any
//! handler sees the request.

mod audit;
mod body;
mod caller;
mod convert;
mod directory;
mod exchange;
mod inbound;
mod layer;
mod meters;
mod operator;
mod outbound;
mod receive;
mod request_body;
mod stall;
mod status;
mod submit_many;
mod unread;

pub use meters::CallMeters;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::transport::server::Router;
use tonic::{Request, Status};
use tower::layer::util::{Identity, Stack};

use crate::limits;
use crate::relay::Relay;
use crate::wire::{DESCRIPTORS, v1};
use layer::{CallLayer, Refusals};
use stall::Patience;
use unread::{Share, Unread};

/// What the services work with.
#[derive(Clone)]
pub struct Edge {
    /// The engine.
    pub relay: Relay,
    /// Cancelled when the relay goes down: streams come to an end.
    pub draining: CancellationToken,
    /// Free bytes on the journal's disk.
    pub disk_free_bytes: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// What an operator may lower.
    pub limits: EdgeLimits,
    /// Calls by method and code.
    pub meters: CallMeters,
    unread: Unread,
    /// Of requests, what has begun to come.
    unfinished: Unread,
    refusals: Refusals,
}

impl Edge {
    /// All of it. `draining` and `disk_free_bytes` as in the fields of these names.
    pub fn new(
        relay: Relay,
        draining: CancellationToken,
        disk_free_bytes: Arc<dyn Fn() -> u64 + Send + Sync>,
        limits: EdgeLimits,
        meters: CallMeters,
    ) -> Self {
        Self {
            relay,
            draining,
            disk_free_bytes,
            limits,
            unread: Unread::new(limits.unread_bytes_per_principal_max, meters.clone()),
            unfinished: Unread::unseen(limits.unfinished_bytes_per_principal_max),
            refusals: Refusals::default(),
            meters,
        }
    }

    /// Of a stream, in what its principal may leave unread.
    fn share<T>(&self, request: &Request<T>) -> Result<Share, Status> {
        let account = caller::account(request)?;
        Ok(Share::new(self.limits.unread_bytes_per_stream_max, account))
    }

    /// With the peer that `cut` cuts off.
    fn patience(&self, cut: CancellationToken) -> Patience {
        Patience {
            cut,
            stall_max: Duration::from_millis(self.limits.stall_ms_max),
            meters: self.meters.clone(),
        }
    }
}

/// What an operator may lower.
#[derive(Debug, Clone, Copy)]
pub struct EdgeLimits {
    /// Concurrent streams of one connection.
    pub streams_per_connection_max: u32,
    /// Submissions in flight on one `SubmitMany` stream.
    pub submissions_in_flight_max: usize,
    /// How long a stream may not take what is sent on it.
    pub stall_ms_max: u64,
    /// Bytes of answers that wait for one principal to read them.
    pub unread_bytes_per_principal_max: usize,
    /// Of these, those of one `SubmitMany` or replay.
    pub unread_bytes_per_stream_max: usize,
    /// How long a call waits for room among them.
    pub unread_wait_ms_max: u64,
    /// Bytes of messages of one principal that have begun to come and are not whole.
    pub unfinished_bytes_per_principal_max: usize,
    /// How long a message that has begun may take to come.
    pub message_ms_max: u64,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            streams_per_connection_max: limits::STREAMS_PER_CONNECTION_MAX,
            submissions_in_flight_max: limits::SUBMISSIONS_IN_FLIGHT_MAX,
            stall_ms_max: limits::SESSION_STALL_MS_MAX,
            unread_bytes_per_principal_max: limits::UNREAD_BYTES_PER_PRINCIPAL_MAX,
            unread_bytes_per_stream_max: limits::UNREAD_BYTES_PER_STREAM_MAX,
            unread_wait_ms_max: limits::UNREAD_WAIT_MS_MAX,
            unfinished_bytes_per_principal_max: limits::UNFINISHED_BYTES_PER_PRINCIPAL_MAX,
            message_ms_max: limits::MESSAGE_MS_MAX,
        }
    }
}

/// Who tells the world whether the relay serves.
pub type HealthReporter = tonic_health::server::HealthReporter;

/// All services behind the layer that knows who calls, and who tells their health.
pub async fn router(
    edge: Edge,
) -> Result<(Router<Stack<CallLayer, Identity>>, HealthReporter), tonic_reflection::server::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_service_status("", tonic_health::ServingStatus::NotServing)
        .await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?
        .max_decoding_message_size(limits::REFLECTION_MESSAGE_BYTES_MAX);
    let bytes_max = limits::GRPC_MESSAGE_BYTES_MAX;
    let exchange = v1::exchange_server::ExchangeServer::new(exchange::Service(edge.clone()))
        .max_decoding_message_size(bytes_max);
    let directory = v1::directory_server::DirectoryServer::new(directory::Service(edge.clone()))
        .max_decoding_message_size(bytes_max);
    let audit =
        v1::audit_server::AuditServer::new(audit::Service(edge.clone())).max_decoding_message_size(bytes_max);
    let operator = v1::operator_server::OperatorServer::new(operator::Service(edge.clone()))
        .max_decoding_message_size(bytes_max);
    let router = tonic::transport::Server::builder()
        .max_concurrent_streams(edge.limits.streams_per_connection_max)
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(Duration::from_millis(limits::KEEPALIVE_INTERVAL_MS)))
        .http2_keepalive_timeout(Some(Duration::from_millis(limits::KEEPALIVE_TIMEOUT_MS)))
        .http2_max_header_list_size(limits::HEADER_BYTES_MAX)
        .layer(CallLayer::new(edge))
        .add_service(health)
        .add_service(reflection)
        .add_service(exchange)
        .add_service(directory)
        .add_service(audit)
        .add_service(operator);
    Ok((router, reporter))
}
