#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::task::{Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::HeaderMap;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::grpc::CallMeters;
use crate::grpc::unread::{Account, Unread};

/// A body of these frames, which then waits for ever.
struct Frames(VecDeque<Frame<Bytes>>);

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.0.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

struct Bench {
    body: CallBody,
    account: std::sync::Arc<Account>,
    cut: CancellationToken,
    when_written: WhenWritten,
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
        let when_written = WhenWritten::default();
        Self {
            body: CallBody::new(frames, call, reserved, patience, when_written.clone()),
            account,
            cut,
            when_written,
        }
    }

    /// The next frame; none: it waits.
    fn next(&mut self) -> Option<Frame<Bytes>> {
        let body = &mut self.body;
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        frame.now_or_never().map(|frame| frame.unwrap().unwrap())
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

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What is to be done when a message is written is done when all of its bytes were let go of and more is asked for, and is
/// never done when the call ends before; the task that asks is woken for it.
#[tokio::test]
async fn written_is_what_was_let_go_of_by_a_call_that_goes_on() {
    let frames = || [Frame::data(Bytes::from(vec![7; PIECE_BYTES_MAX + 1]))];
    let mut bench = Bench::new(frames(), 60_000);
    let (sender, mut done) = tokio::sync::oneshot::channel();
    bench.when_written.put(Box::new(move || sender.send(()).unwrap()));
    let [first, last] = [bench.next().unwrap(), bench.next().unwrap()];
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut ask = || {
        let asked = Pin::new(&mut bench.body).poll_frame(&mut Context::from_waker(&waker));
        assert!(asked.is_pending());
    };
    ask();
    drop(first);
    ask();
    assert!(done.try_recv().is_err(), "a part of it is written");
    woken.0.store(false, Ordering::SeqCst);
    drop(last);
    assert!(woken.0.load(Ordering::SeqCst));
    assert!(done.try_recv().is_err(), "it may be gone with the call");
    ask();
    assert_eq!(done.try_recv(), Ok(()));

    let mut bench = Bench::new(frames(), 60_000);
    let (sender, done) = tokio::sync::oneshot::channel::<()>();
    bench.when_written.put(Box::new(move || sender.send(()).unwrap()));
    let pieces = [bench.next().unwrap(), bench.next().unwrap()];
    drop(pieces);
    drop(bench.body);
    assert!(done.await.is_err());
}
