//! The plain HTTP side, for the operator's own network: metrics and health. Nothing here needs a key, so nothing here
//! says who wrote to whom; it listens only where `http_listen` says, and not at all without it.

mod engine;
mod log;

pub use engine::register_engine;
pub use log::{PublicMeters, serve_log};

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The content type of the OpenMetrics text format 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the relay takes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It takes them.
    Ready,
    /// It is shutting down.
    Draining,
    /// The engine has failed: the process is about to end.
    Failed,
}

/// What is shown.
#[derive(Clone)]
pub struct Shown {
    /// The meters.
    pub registry: Arc<Registry>,
    /// Whether the relay takes calls.
    pub readiness: watch::Receiver<Readiness>,
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, shown: Shown, stop: CancellationToken) -> std::io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(shown);
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

async fn metrics(State(shown): State<Shown>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &shown.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Alive: not failed.
async fn healthz(State(shown): State<Shown>) -> Response {
    let readiness = *shown.readiness.borrow();
    match readiness {
        Readiness::Ready | Readiness::Draining => (StatusCode::OK, "ok\n").into_response(),
        Readiness::Failed => (StatusCode::SERVICE_UNAVAILABLE, "failed\n").into_response(),
    }
}

/// Ready for calls.
async fn readyz(State(shown): State<Shown>) -> Response {
    let readiness = *shown.readiness.borrow();
    match readiness {
        Readiness::Ready => (StatusCode::OK, "ready\n").into_response(),
        Readiness::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response(),
        Readiness::Failed => (StatusCode::SERVICE_UNAVAILABLE, "failed\n").into_response(),
    }
}
