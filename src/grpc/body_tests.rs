#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::HeaderMap;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::grpc::CallMeters;
use crate::grpc::unread::{Account, Unread};

/// A body of these frames.
struct Frames(VecDeque<Frame<Bytes>>);

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

struct Bench {
    body: CallBody,
    account: std::sync::Arc<Account>,
    cut: CancellationToken,
}

impl Bench {
    fn new(frames: impl IntoIterator<Item = Frame<Bytes>>, stall_ms_max: u64) -> Self {
        let meters = CallMeters::new(&mut Registry::default());
        let account = Unread::new(1 << 20, meters.clone()).account(None);
        let cut = CancellationToken::new();
        let patience = Patience {
            cut: cut.clone(),
            stall_max: Duration::from_millis(stall_ms_max),
            meters: meters.clone(),
        };
        let call = Call::begin(meters, "other", tracing::Span::none());
        let frames = Body::new(Frames(frames.into_iter().collect()));
        let reserved = account.charge(100_000);
        Self {
            body: CallBody::new(frames, call, reserved, patience),
            account,
            cut,
        }
    }

    fn next(&mut self) -> Option<Frame<Bytes>> {
        let body = &mut self.body;
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        frame.now_or_never().unwrap().map(Result::unwrap)
    }
}

/// A long answer comes out in pieces, whole and in order; it is charged as what it is, and each piece until it is let go
/// of, however long the rest takes.
#[tokio::test]
async fn an_answer_is_charged_until_it_is_written() {
    let answer: Vec<u8> = (0..40_000u32).map(|at| at.to_le_bytes()[0]).collect();
    let frames = [
        Frame::data(Bytes::from(answer.clone())),
        Frame::trailers(HeaderMap::new()),
    ];
    let mut bench = Bench::new(frames, 60_000);
    assert_eq!(bench.account.held(), 100_000);
    let first = bench.next().unwrap().into_data().unwrap();
    assert_eq!(
        (first.len(), bench.account.held()),
        (PIECE_BYTES_MAX, answer.len())
    );
    assert!(!bench.body.is_end_stream());
    let second = bench.next().unwrap().into_data().unwrap();
    let slice = second.slice(1..);
    let third = bench.next().unwrap().into_data().unwrap();
    assert_eq!([&first[..], &second[..], &third[..]].concat(), answer);
    drop((first, second));
    assert_eq!(
        bench.account.held(),
        answer.len() - PIECE_BYTES_MAX,
        "a slice is left"
    );
    drop(slice);
    assert_eq!(bench.account.held(), third.len());
    assert!(bench.next().unwrap().is_trailers());
    assert!(bench.body.is_end_stream() && bench.next().is_none());
    drop(third);
    assert_eq!(bench.account.held(), 0);
    assert!(!bench.cut.is_cancelled());
}

/// A piece that nobody lets go of cuts the connection; one that is dropped, or a body that nobody asks, does not.
#[tokio::test]
async fn an_answer_that_is_not_taken_cuts() {
    let frames = || [Frame::data(Bytes::from_static(b"answer"))];
    let mut bench = Bench::new(frames(), 1);
    let _kept = bench.next().unwrap();
    bench.cut.cancelled().await;

    let mut quick = Bench::new(frames(), 1);
    drop(quick.next().unwrap());
    let asked_nothing = Bench::new(frames(), 1);
    let mut other = Bench::new(frames(), 1);
    let _kept = other.next().unwrap();
    other.cut.cancelled().await;
    assert!(!quick.cut.is_cancelled() && !asked_nothing.cut.is_cancelled());
}

/// What a call reserved, and what of its answer was never asked for, is given back when the call is dropped.
#[tokio::test]
async fn a_call_that_is_dropped_holds_nothing() {
    let frames = [Frame::data(Bytes::from(vec![7; 40_000]))];
    let mut bench = Bench::new(frames, 60_000);
    let piece = bench.next().unwrap();
    drop(bench.body);
    assert_eq!(bench.account.held(), PIECE_BYTES_MAX);
    drop(piece);
    assert_eq!(bench.account.held(), 0);
}
