//! Answers that a peer does not read, over real TLS: with a client of raw HTTP/2, which opens no window for them and yet
//! answers pings. Nothing here waits on a clock: the connection ends, or the metrics say what has happened.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use prost::Message as _;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic_types::StatusExt as _;
use tower::Service as _;
use wardline::error::ErrorCode;
use wardline::tls::client_connector;
use wardline::wire::v1;

use crate::support::{World, call, exercise, submit};

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
        assert!(world.served.metric("wardline_grpc_unread_bytes").await > 0);
        raw.cut().await;
        while world.served.metric("wardline_grpc_unread_bytes").await > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.served.metric("wardline_grpc_unread_cut_total").await, 1);
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

/// A delivery of which the peer takes only the beginning is no handover: the relay may say that it wrote a warning to a session
/// only when it did.
#[tokio::test]
async fn half_a_delivery_is_no_handover() {
    let world = world(|settings| settings.edge.stall_ms_max = 2_000).await;
    // Room for the session's opening, and for a part of the delivery.
    let mut raw = Raw::connect(&world, "ru.ctc", 4 * 1024).await;
    let (response, mut up) = raw.call("/wardline.v1.Exchange/Receive").await;
    let open = v1::OpenSession {
        credit: 10,
        ..v1::OpenSession::default()
    };
    let kind = Some(v1::receive_request::Kind::Open(open));
    let open = v1::ReceiveRequest { kind }.encode_to_vec();
    up.send_data(message(&open), false).unwrap();
    let _deliveries = response.await.unwrap().into_body();
    submit(&world, "us.ctc", "ru.ctc", 1, 20_000).await;
    raw.cut().await;
    assert_eq!(world.served.metric("wardline_handovers_total").await, 0);
    world.served.stop().await;
}

/// Bounds of the next two tests: a few answers.
fn a_few_answers(settings: &mut wardline::server::RelaySettings) {
    settings.edge.unread_bytes_per_stream_max = 16 * 1024;
}

/// Whoever submits many and reads no answer is not read any more: no more is accepted than there is room for its
/// answers, and then the connection is cut.
#[tokio::test]
async fn submissions_are_not_read_while_their_answers_are_not() {
    let world = world(|settings| {
        a_few_answers(settings);
        settings.edge.stall_ms_max = 2_000;
    })
    .await;
    let client = world.client("us.ctc");
    let mut submissions = BytesMut::new();
    let count = 200;
    for tag in 0..count {
        let submission = Some((&exercise(&client, "ru.ctc", 1).await).into());
        let request = v1::SubmitManyRequest { tag, submission };
        submissions.put(message(&request.encode_to_vec()));
    }
    let mut raw = Raw::connect(&world, "us.ctc", 0).await;
    let (response, mut up) = raw.call("/wardline.v1.Exchange/SubmitMany").await;
    up.send_data(submissions.freeze(), false).unwrap();
    let _answers = response.await.unwrap().into_body();
    raw.cut().await;
    let accepted = world.served.metric("wardline_accepted_total").await;
    assert!((1..count / 3).contains(&accepted), "{accepted} of {count}");
    world.served.stop().await;
}

/// With the same bounds everything is answered, and replayed, to whoever reads.
#[tokio::test]
async fn what_is_read_is_answered() {
    let world = world(a_few_answers).await;
    let client = world.client("us.ctc");
    let (up, requests) = tokio::sync::mpsc::channel(64);
    let count = 60;
    for tag in 0..count {
        let submission = Some((&exercise(&client, "ru.ctc", 1).await).into());
        up.send(v1::SubmitManyRequest { tag, submission }).await.unwrap();
    }
    drop(up);
    let mut exchange = world.exchange("us.ctc").await;
    let requests = ReceiverStream::new(requests);
    let mut answers = exchange.submit_many(requests).await.unwrap().into_inner();
    let mut answered = BTreeSet::new();
    while let Some(answer) = answers.message().await.unwrap() {
        if let v1::submit_many_response::Kind::Outcome(outcome) = answer.kind.unwrap() {
            answered.insert(outcome.tag);
        }
    }
    assert!(answered.into_iter().eq(0..count));
    let channel = world.served.channel(&world.tls_identity("us.ctc")).await;
    let mut audit = v1::audit_client::AuditClient::new(channel);
    let request = v1::ReplayRequest {
        with_parts: true,
        ..v1::ReplayRequest::default()
    };
    let mut records = audit.replay(request).await.unwrap().into_inner();
    let mut replayed = 0;
    while let Some(record) = records.message().await.unwrap() {
        replayed += usize::from(matches!(record.kind, Some(v1::replay_response::Kind::Record(_))));
    }
    assert!(replayed > 2 * 60, "{replayed}");
    world.served.stop().await;
}

/// Messages that have begun and never come whole take their agency's own room, and end with a reason: another call of it
/// waits until then, another agency's does not.
#[tokio::test]
async fn a_message_that_never_comes_whole_is_given_up() {
    let world = world(|settings| {
        settings.edge.unfinished_bytes_per_principal_max = 1_000_000;
        settings.edge.message_ms_max = 1_000;
    })
    .await;
    let mut raw = Raw::connect(&world, "ru.ctc", 65_535).await;
    let mut begun = Vec::new();
    for path in [
        "/wardline.v1.Exchange/Receive",
        "/wardline.v1.Exchange/Acknowledge",
    ] {
        for _ in 0..3 {
            let (response, mut up) = raw.call(path).await;
            up.send_data(message(&[0; 1_000_000]).slice(..100), false)
                .unwrap();
            begun.push((response, up));
        }
    }
    let others = world.served.channel(&world.tls_identity("us.ctc")).await;
    call(others, CHECKPOINT, Bytes::new()).await.unwrap();
    for (response, _up) in begun {
        let response = response.await.unwrap();
        let status = match tonic::Status::from_header_map(response.headers()) {
            Some(status) => status,
            None => {
                let mut body = response.into_body();
                while let Some(data) = body.data().await {
                    data.unwrap();
                }
                let trailers = body.trailers().await.unwrap().unwrap();
                tonic::Status::from_header_map(&trailers).unwrap()
            }
        };
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, ErrorCode::Malformed.name(), "{status}");
    }
    let own = world.served.channel(&world.tls_identity("ru.ctc")).await;
    call(own, CHECKPOINT, Bytes::new()).await.unwrap();
    world.served.stop().await;
}
