//! A witness over HTTP (C2SP tlog-witness): `POST /add-checkpoint`, and `GET /HASH/checkpoint` with the last cosigned
//! note of the log whose origin has this SHA-256 (lower-case hex), for monitors and for the log itself.
//!
//! Nobody logs in here: whoever asks has only what a log signed. So bodies, times and the work at a time are bounded.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use super::cosign::{Refusal, Witness};
use crate::limits::{ADD_CHECKPOINT_BYTES_MAX, WITNESS_BODY_MS_MAX, WITNESS_REQUESTS_MAX};
use crate::serve::{self, Bounds};
use crate::transparency::SIZE_CONTENT_TYPE;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

#[derive(Clone)]
struct Served {
    witness: Arc<Witness>,
    /// Places to work in; more requests wait for one.
    places: Arc<Semaphore>,
}

/// Serves until `stop`.
pub async fn serve(
    listener: TcpListener,
    witness: Arc<Witness>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    serve::serve(listener, router(witness), Bounds::default(), stop).await
}

fn router(witness: Arc<Witness>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{log}/checkpoint", get(last))
        .with_state(Served {
            witness,
            places: Arc::new(Semaphore::new(WITNESS_REQUESTS_MAX)),
        })
}

async fn add_checkpoint(State(served): State<Served>, body: Body) -> Response {
    let request = match read(body).await {
        Ok(request) => request,
        Err(refused) => return refused,
    };
    let witness = Arc::clone(&served.witness);
    let Ok(place) = Arc::clone(&served.places).acquire_owned().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // The work goes on to its end even if the peer goes, and holds its place until then: a queue of the work of peers
    // that have gone would have no bound.
    let work = move || {
        let answered = witness.add_checkpoint(&request);
        drop(place);
        answered
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(line)) => answer(StatusCode::OK, TEXT, line),
        Ok(Err(refusal)) => refused(refusal),
        Err(error) => {
            error!(%error, "a request ended early");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn read(body: Body) -> Result<String, Response> {
    let bytes = axum::body::to_bytes(body, ADD_CHECKPOINT_BYTES_MAX);
    match tokio::time::timeout(Duration::from_millis(WITNESS_BODY_MS_MAX), bytes).await {
        Ok(Ok(bytes)) => String::from_utf8(bytes.into()).map_err(|_| refused(Refusal::Malformed)),
        // Too long, or the peer went.
        Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT.into_response()),
    }
}

/// The status that C2SP tlog-witness gives each refusal; only that of a stale size says the size.
fn refused(refusal: Refusal) -> Response {
    debug!(%refusal, "not cosigned");
    let status = match refusal {
        Refusal::Stale(size) => {
            let size_type = HeaderValue::from_static(SIZE_CONTENT_TYPE);
            return answer(StatusCode::CONFLICT, size_type, format!("{size}\n"));
        }
        Refusal::Malformed | Refusal::OldSizeLarger => StatusCode::BAD_REQUEST,
        Refusal::NotSigned => StatusCode::FORBIDDEN,
        Refusal::UnknownLog => StatusCode::NOT_FOUND,
        Refusal::Fork => StatusCode::CONFLICT,
        Refusal::Inconsistent => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::NotDurable => StatusCode::INTERNAL_SERVER_ERROR,
        // Known, and of no use until a person has looked. 404 would say that nobody has configured it.
        Refusal::Forgotten => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer(status, TEXT, format!("{refusal}\n"))
}

async fn last(State(served): State<Served>, Path(log): Path<String>) -> Response {
    match served.witness.last(&log) {
        Some(note) => answer(StatusCode::OK, TEXT, note.to_string()),
        None if served.witness.is_not_served(&log) => refused(Refusal::Forgotten),
        None => answer(StatusCode::NOT_FOUND, TEXT, "never cosigned here\n".to_owned()),
    }
}

fn answer(status: StatusCode, content_type: HeaderValue, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, NO_STORE),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (status, headers, body).into_response()
}
