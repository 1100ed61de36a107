//! Answers that a peer does not read, over real TLS: with a client of raw HTTP/2, which opens no window for them and yet
//! answers pings. Nothing here waits on a clock: the connection ends, or the metrics say what has happened.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use tokio::task::JoinHandle;
use tonic_types::StatusExt as _;
use tower::Service as _;
use wardline::error::ErrorCode;
use wardline::tls::client_connector;

use crate::support::{World, call, http_get};

const CHECKPOINT: &str = "/wardline.v1.Audit/GetCheckpoint";

/// A connection of raw HTTP/2 that gives each stream's answers this window, and never another.
struct Raw {
    requests: SendRequest<Bytes>,
    ended: JoinHandle<()>,
}

impl Raw {
    async fn connect(world: &World, principal: &str, window_bytes: u32) -> Self {
        let uri = format!("http://{}", world.served.address).parse().unwrap();
        let mut connector = client_connector(world.served.pin, &world.tls_identity(principal)).unwrap();
        let tls = connector.call(uri).await.unwrap().into_inner();
        let (requests, connection) = h2::client::Builder::new()
            .initial_window_size(window_bytes)
            .handshake(tls)
            .await
            .unwrap();
        let ended = tokio::spawn(async move {
            // An error or not: it has ended.
            let _ = connection.await;
        });
        Self { requests, ended }
    }

    async fn call(&mut self, path: &str) -> (ResponseFuture, SendStream<Bytes>) {
        let mut requests = self.requests.clone().ready().await.unwrap();
        let request = http::Request::post(format!("https://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        requests.send_request(request, false).unwrap()
    }

    /// A unary call with an empty message: what comes of it is read as far as its headers.
    async fn unary(&mut self, path: &str) -> RecvStream {
        let (response, mut up) = self.call(path).await;
        up.send_data(message(&[]), true).unwrap();
        response.await.unwrap().into_body()
    }

    /// Returns when the relay has cut the connection.
    async fn cut(self) {
        let Self { requests, ended } = self;
        // Only so that a relay that never does it fails the test and not the whole run.
        let bound = Duration::from_secs(60);
        tokio::time::timeout(bound, ended)
            .await
            .expect("it was not cut")
            .unwrap();
        drop(requests);
    }
}

/// A gRPC message.
fn message(encoded: &[u8]) -> Bytes {
    let mut message = BytesMut::new();
    message.put_u8(0);
    message.put_u32(encoded.len().try_into().unwrap());
    message.put_slice(encoded);
    message.freeze()
}

/// The metric of this name.
async fn metric(world: &World, name: &str) -> u64 {
    let metrics = http_get(world.served.http_address.unwrap(), "/metrics").await;
    let value = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value
        .unwrap_or_else(|| panic!("no {name} in {metrics}"))
        .parse()
        .unwrap()
}

async fn world(adjust: impl FnOnce(&mut wardline::server::RelaySettings)) -> World {
    let set = [("http_listen", "127.0.0.1:0")];
    World::adjusted(&set, &["us.ctc", "ru.ctc"], adjust).await
}

/// A unary answer that is not read cuts its connection and is let go of, whether the window for it is shut or open by one
/// byte; a table.
#[tokio::test]
async fn an_answer_that_is_not_read_is_cut() {
    for window_bytes in [0, 1] {
        let world = world(|settings| settings.edge.stall_ms_max = 1_000).await;
        let mut raw = Raw::connect(&world, "ru.ctc", window_bytes).await;
        let _answer = raw.unary(CHECKPOINT).await;
        assert!(metric(&world, "wardline_grpc_unread_bytes").await > 0);
        raw.cut().await;
        while metric(&world, "wardline_grpc_unread_bytes").await > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(metric(&world, "wardline_grpc_unread_cut_total").await, 1);
        world.served.stop().await;
    }
}

/// Answers that one agency does not read take up its own room: its next call is refused with a reason, another agency's is
/// not; when the answers are given up, there is room again.
#[tokio::test]
async fn unread_answers_take_their_agencys_room() {
    let world = world(|settings| {
        settings.edge.unread_bytes_per_principal_max = 1;
        settings.edge.unread_wait_ms_max = 1;
    })
    .await;
    let mut raw = Raw::connect(&world, "ru.ctc", 0).await;
    let answer = raw.unary(CHECKPOINT).await;
    let own = world.served.channel(&world.tls_identity("ru.ctc")).await;
    let refused = call(own.clone(), CHECKPOINT, Bytes::new()).await.unwrap_err();
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(ErrorCode::from_name(&info.reason), Some(ErrorCode::Overloaded));
    assert_eq!(info.metadata["side_effect"], "NONE");
    let other = world.served.channel(&world.tls_identity("us.ctc")).await;
    call(other, CHECKPOINT, Bytes::new()).await.unwrap();
    drop(answer);
    while call(own.clone(), CHECKPOINT, Bytes::new()).await.is_err() {
        tokio::task::yield_now().await;
    }
    world.served.stop().await;
}
