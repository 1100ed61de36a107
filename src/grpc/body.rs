//! The body of a response on its way out: what of it a peer has not taken is charged to its principal, and a peer that
//! takes nothing for too long is cut with its connection. Unary answers, streams and errors go the same way.
//!
//! The library asks for a frame as soon as it can, and then holds it until the peer opens its window; so a frame that was
//! asked for says nothing. It lets go of a frame's bytes when they are written to the connection, or when the call or
//! the connection is gone: that is what is watched here, through the bytes themselves. If it then still asks for more, they
//! were written: of a call that is gone it asks nothing.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use super::layer::Call;
use super::outbound::{Then, WhenWritten};
use super::stall::{Patience, Waiting};
use super::unread::Charge;
use crate::limits::PIECE_BYTES_MAX;

/// A response's body, with the call that it belongs to.
pub(super) struct CallBody {
    body: Body,
    call: Call,
    /// What the library has not asked for yet.
    rest: Bytes,
    /// For `rest`; before the first frame, what the call reserved for its answer.
    charge: Charge,
    waiting: Waiting,
    /// Until the first piece.
    patience: Option<Patience>,
    when_written: WhenWritten,
    /// With how many bytes must be let go of before.
    thens: VecDeque<(u64, Then)>,
    /// How many bytes there were so far, `rest` too.
    bytes: u64,
    let_go: Arc<LetGo>,
}

/// How many bytes the library has let go of, and the task that asks for more.
#[derive(Default)]
struct LetGo {
    bytes: AtomicU64,
    asking: AtomicWaker,
}

impl CallBody {
    pub(super) fn new(
        body: Body,
        call: Call,
        charge: Charge,
        patience: Patience,
        when_written: WhenWritten,
    ) -> Self {
        Self {
            body,
            call,
            rest: Bytes::new(),
            charge,
            waiting: Waiting::new(),
            patience: Some(patience),
            when_written,
            thens: VecDeque::new(),
            bytes: 0,
            let_go: Arc::default(),
        }
    }

    /// What comes out of the library has an order, so the first so many bytes are written.
    fn written(&mut self) {
        let written = self.let_go.bytes.load(Ordering::Acquire);
        while self.thens.front().is_some_and(|(bytes, _)| *bytes <= written) {
            if let Some((_, then)) = self.thens.pop_front() {
                then();
            }
        }
    }

    /// Takes what the services gave, and what is to be done when it is written.
    fn took(&mut self, data: Bytes) {
        self.charge.set(data.len());
        self.bytes = self.bytes.saturating_add(data.len() as u64);
        let bytes = self.bytes;
        let thens = self.when_written.take();
        self.thens.extend(thens.into_iter().map(|then| (bytes, then)));
        self.rest = data;
    }

    /// The next piece of `rest`, which says when it is written.
    fn piece(&mut self) -> Bytes {
        let bytes = self.rest.split_to(self.rest.len().min(PIECE_BYTES_MAX));
        self.waiting.put();
        if let Some(patience) = self.patience.take() {
            let mut watched = self.waiting.watched();
            tokio::spawn(async move {
                if watched.stalled(patience.stall_max).await {
                    patience.cut();
                }
            });
        }
        Bytes::from_owner(Piece {
            _charge: self.charge.split(bytes.len()),
            bytes,
            waiting: self.waiting.clone(),
            let_go: Arc::clone(&self.let_go),
        })
    }
}

/// Some bytes of an answer. Dropped when they are written, or nobody is left to write them to.
struct Piece {
    bytes: Bytes,
    _charge: Charge,
    waiting: Waiting,
    let_go: Arc<LetGo>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.waiting.take();
        self.let_go
            .bytes
            .fetch_add(self.bytes.len() as u64, Ordering::Release);
        self.let_go.asking.wake();
    }
}

impl HttpBody for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.let_go.asking.register(cx.waker());
        self.written();
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let frame = match frame {
                Some(Ok(frame)) => frame,
                Some(Err(status)) => {
                    self.call.ends_with(&status);
                    return Poll::Ready(Some(Err(status)));
                }
                None => return Poll::Ready(None),
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(frame) => {
                    if let Some(status) = frame.trailers_ref().and_then(Status::from_header_map) {
                        self.call.ends_with(&status);
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
            };
            if data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            self.took(data);
        }
        Poll::Ready(Some(Ok(Frame::data(self.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Nothing asks for it: a gRPC answer ends with its trailers.
        SizeHint::default()
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
