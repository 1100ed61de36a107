//! The body of a request on its way in: what of a message has begun to come and is not whole yet is memory that nobody has
//! accounted for. It is charged to its principal, by the length that the message declares, and a message that has begun
//! comes whole in time or its call ends. Whole messages are the handlers' and the engine's to bound.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;

use super::unread::{Account, Charge};
use crate::error::{ErrorCode, Refused};
use crate::limits;

/// The compressed flag and the length, before every message (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX_BYTES: usize = 5;

type Room = Pin<Box<dyn Future<Output = Charge> + Send>>;

/// A request's body.
pub(super) struct RequestBody {
    body: Body,
    framing: Framing,
    account: Arc<Account>,
    /// For the message that is not whole.
    charge: Charge,
    /// A frame that has come, and has to wait for room.
    held: Option<(Frame<Bytes>, Room)>,
    whole_within: Duration,
    /// Until when the message that has begun, or the first one, is whole.
    until: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    /// `first_now`: the first message is expected at once.
    pub(super) fn new(body: Body, account: Arc<Account>, whole_within: Duration, first_now: bool) -> Self {
        Self {
            body,
            framing: Framing::default(),
            charge: account.charge(0),
            account,
            held: None,
            whole_within,
            until: first_now.then(|| Box::pin(sleep_until(Instant::now() + whole_within))),
        }
    }

    /// Looks at what has come; says how much room it takes that it has not yet.
    fn look(&mut self, data: &[u8]) -> usize {
        let begun = self.framing.take(data);
        let unfinished = self.framing.unfinished_bytes();
        if unfinished == 0 {
            self.until = None;
        } else if begun {
            self.until = Some(Box::pin(sleep_until(Instant::now() + self.whole_within)));
        }
        if begun || unfinished == 0 {
            self.charge.set(0);
        }
        unfinished.saturating_sub(self.charge.bytes())
    }

    fn late(&mut self, cx: &mut Context<'_>) -> bool {
        (self.until.as_mut()).is_some_and(|until| until.as_mut().poll(cx).is_ready())
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.late(cx) {
            this.held = None;
            let refused = Refused::new(ErrorCode::Malformed, "the message did not come whole in time");
            return Poll::Ready(Some(Err(refused.into())));
        }
        if this.held.is_none() {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            let more = frame.data_ref().map_or(0, |data| this.look(data));
            if more == 0 {
                return Poll::Ready(Some(Ok(frame)));
            }
            let account = Arc::clone(&this.account);
            this.held = Some((frame, Box::pin(async move { account.reserve(more).await })));
            // A message that began just now has a time of its own.
            if this.late(cx) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        if let Some((_, room)) = &mut this.held {
            this.charge.join(ready!(room.as_mut().poll(cx)));
        }
        Poll::Ready(this.held.take().map(|(frame, _)| Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Where in a sequence of messages the bytes stand.
#[derive(Debug, Default)]
struct Framing {
    prefix: [u8; PREFIX_BYTES],
    /// Of the prefix.
    have: usize,
    declared: usize,
    /// Of the message.
    missing: usize,
}

impl Framing {
    /// Takes what has come; says whether the message in which it ends began in it.
    fn take(&mut self, mut data: &[u8]) -> bool {
        let mut begun = false;
        while !data.is_empty() {
            if self.missing > 0 {
                let taken = self.missing.min(data.len());
                self.missing -= taken;
                data = data.get(taken..).unwrap_or_default();
                continue;
            }
            begun |= self.have == 0;
            let (Some(place), Some((first, rest))) = (self.prefix.get_mut(self.have), data.split_first())
            else {
                return begun;
            };
            *place = *first;
            data = rest;
            self.have += 1;
            if self.have == PREFIX_BYTES {
                let [_, length @ ..] = self.prefix;
                // What is longer than any message may be is refused when its prefix is read.
                let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                self.declared = length.min(limits::GRPC_MESSAGE_BYTES_MAX);
                self.missing = length;
                self.have = 0;
            }
        }
        begun
    }

    /// What the message that is not whole takes when it is.
    const fn unfinished_bytes(&self) -> usize {
        match (self.missing, self.have) {
            (0, 0) => 0,
            (0, _) => PREFIX_BYTES,
            _ => self.declared + PREFIX_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use futures_util::FutureExt as _;
    use prometheus_client::registry::Registry;
    use tokio::sync::mpsc;

    use super::*;
    use crate::grpc::CallMeters;
    use crate::grpc::unread::Unread;

    fn message(length: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(u32::try_from(length).unwrap().to_be_bytes());
        bytes.resize(PREFIX_BYTES + length, 7);
        bytes
    }

    /// However the bytes of some messages are cut into frames, what is not whole is known at each cut.
    #[test]
    fn what_is_not_whole_is_known() {
        let all: Vec<u8> = [message(3), message(0), message(9)].concat();
        // The ends of whole messages.
        let whole = [8, 13, 27];
        for size in 1..=all.len() {
            let mut framing = Framing::default();
            let mut at = 0;
            for frame in all.chunks(size) {
                framing.take(frame);
                at += frame.len();
                let begun = whole.iter().rev().find(|end| **end <= at).copied().unwrap_or(0);
                let expected = match (at - begun, begun) {
                    (0, _) => 0,
                    (1..5, _) => PREFIX_BYTES,
                    (_, 0) => 8,
                    (_, _) => 14,
                };
                assert_eq!(framing.unfinished_bytes(), expected, "{size}: {at}");
            }
        }
    }

    /// Frames as they are sent.
    struct Frames(mpsc::UnboundedReceiver<Vec<u8>>);

    impl HttpBody for Frames {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            let data = ready!(self.0.poll_recv(cx));
            Poll::Ready(data.map(|data| Ok(Frame::data(data.into()))))
        }
    }

    struct Bench {
        up: mpsc::UnboundedSender<Vec<u8>>,
        body: RequestBody,
        account: Arc<Account>,
    }

    impl Bench {
        fn new(account: Arc<Account>) -> Self {
            Self::within(account, 60_000, true)
        }

        fn within(account: Arc<Account>, ms: u64, first_now: bool) -> Self {
            let (up, frames) = mpsc::unbounded_channel::<Vec<u8>>();
            let body = Body::new(Frames(frames));
            let within = Duration::from_millis(ms);
            Self {
                up,
                body: RequestBody::new(body, Arc::clone(&account), within, first_now),
                account,
            }
        }

        fn unread(bytes_max: usize) -> Arc<Account> {
            Unread::new(bytes_max, CallMeters::new(&mut Registry::default())).account(None)
        }

        async fn frame(&mut self) -> Result<usize, Status> {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await;
            frame.unwrap().map(|frame| frame.data_ref().unwrap().len())
        }
    }

    /// What a message has declared is charged from its prefix on until it is whole, and given back when the call goes.
    #[tokio::test]
    async fn what_has_begun_is_charged() {
        let mut bench = Bench::new(Bench::unread(1_000));
        let whole = message(100);
        bench.up.send(whole[..6].to_vec()).unwrap();
        assert_eq!(bench.frame().await.unwrap(), 6);
        assert_eq!(bench.account.held(), 105);
        bench.up.send(whole[6..].to_vec()).unwrap();
        assert_eq!(bench.frame().await.unwrap(), 99);
        assert_eq!(bench.account.held(), 0);
        bench.up.send(whole[..50].to_vec()).unwrap();
        bench.frame().await.unwrap();
        let Bench { body, account, up } = bench;
        drop((body, up));
        assert_eq!(account.held(), 0);
    }

    /// A second call of a principal that has no room left waits until the first one's message is whole.
    #[tokio::test]
    async fn who_has_no_room_waits() {
        let account = Bench::unread(150);
        let (mut first, mut second) = (Bench::new(Arc::clone(&account)), Bench::new(account));
        let whole = message(100);
        for bench in [&first, &second] {
            bench.up.send(whole[..50].to_vec()).unwrap();
        }
        first.frame().await.unwrap();
        assert!(second.frame().now_or_never().is_none());
        first.up.send(whole[50..].to_vec()).unwrap();
        first.frame().await.unwrap();
        assert_eq!(second.frame().await.unwrap(), 50);
        assert_eq!(second.account.held(), 105);
    }

    /// A message that does not come whole in time ends its call with a reason, and so does a first one that does not come
    /// at all where it is expected at once; between two messages there is no hurry.
    #[tokio::test]
    async fn what_has_begun_comes_in_time() {
        let late = |status: Status| status.message().contains("whole in time");
        let mut nothing = Bench::within(Bench::unread(1_000), 1, true);
        assert!(late(nothing.frame().await.unwrap_err()));

        let mut half = Bench::within(Bench::unread(1_000), 1, false);
        assert!(half.body.until.is_none());
        half.up.send(message(10)).unwrap();
        half.frame().await.unwrap();
        assert!(half.body.until.is_none());
        half.up.send(message(10)[..7].to_vec()).unwrap();
        // Its first part may be late already.
        let end = match half.frame().await {
            Ok(_) => half.frame().await,
            late => late,
        };
        assert!(late(end.unwrap_err()));
    }
}
