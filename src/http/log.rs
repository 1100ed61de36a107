//! The log's public read side (C2SP tlog-tiles): `/checkpoint` and `/tile/…`, for everybody, and for caches. Hashes only;
//! records need a certificate and a scope, and have no path here. A listener of its own, only where `public_listen` says.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::relay::{NoTile, PublicLog};
use crate::serve::{self, Bounds};
use crate::transparency::TilePath;

/// The checkpoint moves: a cache may spare the relay the same second's requests, and no more.
const MOVES: HeaderValue = HeaderValue::from_static("public, max-age=1");
/// What a tile's path names never changes, partial tiles too.
const NEVER_CHANGES: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// What is not there may come.
const MAY_COME: HeaderValue = HeaderValue::from_static("no-store");

/// Requests of the public, by what came of them.
#[derive(Debug, Clone, Default)]
pub struct PublicMeters(Family<ByOutcome, Counter>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

impl PublicMeters {
    /// Fresh meters, shown by `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let meters = Self::default();
        registry.register(
            "public_requests",
            "Requests to the public read side, by what came of them",
            meters.0.clone(),
        );
        meters
    }

    fn count(&self, outcome: &'static str) {
        self.0.get_or_create(&ByOutcome { outcome }).inc();
    }
}

#[derive(Clone)]
struct Shown {
    log: PublicLog,
    meters: PublicMeters,
}

/// Serves until `stop`.
pub async fn serve_log(
    listener: TcpListener,
    log: PublicLog,
    meters: PublicMeters,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let address = listener.local_addr().ok();
    tracing::info!(
        address = address.as_ref().map(tracing::field::display::<&SocketAddr>),
        "the log is public"
    );
    serve::serve(listener, router(log, meters), Bounds::default(), stop).await
}

fn router(log: PublicLog, meters: PublicMeters) -> Router {
    Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*path}", get(tile))
        .fallback(nothing)
        .with_state(Shown { log, meters })
}

async fn checkpoint(State(shown): State<Shown>) -> Response {
    shown.meters.count("checkpoint");
    let note = shown.log.checkpoint();
    answer("text/plain; charset=utf-8", MOVES, note.as_bytes().to_vec())
}

/// By the path as it came: a tile has one name, so that a cache holds it once.
async fn tile(State(shown): State<Shown>, uri: Uri) -> Response {
    let path = uri.path().strip_prefix('/').unwrap_or_default();
    let Ok(tile) = TilePath::parse(path) else {
        return nothing(State(shown)).await;
    };
    match shown.log.tile(tile).await {
        Ok(bytes) => {
            shown.meters.count("tile");
            answer("application/octet-stream", NEVER_CHANGES, bytes)
        }
        Err(NoTile::NotThere) => nothing(State(shown)).await,
        Err(NoTile::Busy(_)) => {
            shown.meters.count("busy");
            let later = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
            (StatusCode::SERVICE_UNAVAILABLE, later, uncached()).into_response()
        }
        Err(NoTile::Broken) => {
            shown.meters.count("failed");
            (StatusCode::INTERNAL_SERVER_ERROR, uncached()).into_response()
        }
    }
}

async fn nothing(State(shown): State<Shown>) -> Response {
    shown.meters.count("not_found");
    (StatusCode::NOT_FOUND, uncached()).into_response()
}

fn answer(content_type: &'static str, cache: HeaderValue, body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, cache),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (headers, body).into_response()
}

fn uncached() -> [(HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, MAY_COME)]
}
