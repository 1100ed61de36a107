//! What goes down a stream, and what happens if nobody takes it: slow is never a brake. A few messages wait; if the
//! next does not get its place in time, the whole connection is cut, because a peer that does not read cannot be
//! told anything else.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::warn;

use crate::limits::OUTBOUND_QUEUE_MAX;
use crate::tls::Peer;

/// What a handler returns for a stream.
pub(super) type OutboundStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Nobody is at the other end any more.
#[derive(Debug)]
pub(super) struct Gone;

/// The writing end of a stream.
pub(super) struct Outbound<T> {
    sender: mpsc::Sender<Outgoing<T>>,
    cut: CancellationToken,
    stall_max: Duration,
}

struct Outgoing<T> {
    message: Result<T, Status>,
    taken: Option<Box<dyn FnOnce() + Send>>,
}

/// A stream to a peer.
pub(super) fn outbound<T: Send + 'static>(
    peer: &Peer,
    stall_ms_max: u64,
) -> (Outbound<T>, OutboundStream<T>) {
    let (sender, receiver) = mpsc::channel(OUTBOUND_QUEUE_MAX);
    let stream = ReceiverStream::new(receiver).map(|outgoing: Outgoing<T>| {
        if let Some(taken) = outgoing.taken {
            taken();
        }
        outgoing.message
    });
    let outbound = Outbound {
        sender,
        cut: peer.cut.clone(),
        stall_max: Duration::from_millis(stall_ms_max),
    };
    (outbound, Box::pin(stream))
}

impl<T> Outbound<T> {
    /// Sends one message.
    pub(super) async fn send(&self, message: T) -> Result<(), Gone> {
        self.put(Ok(message), None).await
    }

    /// Sends one message; `taken` is called when the connection takes it to write it.
    pub(super) async fn send_then(
        &self,
        message: T,
        taken: impl FnOnce() + Send + 'static,
    ) -> Result<(), Gone> {
        self.put(Ok(message), Some(Box::new(taken))).await
    }

    /// Sends the last: why it ends.
    pub(super) async fn fail(self, status: impl Into<Status>) {
        // An error says that nobody is there to be told.
        let _ = self.put(Err(status.into()), None).await;
    }

    /// Returns when the peer has gone.
    pub(super) async fn gone(&self) {
        self.sender.closed().await;
    }

    async fn put(
        &self,
        message: Result<T, Status>,
        taken: Option<Box<dyn FnOnce() + Send>>,
    ) -> Result<(), Gone> {
        match tokio::time::timeout(self.stall_max, self.sender.reserve()).await {
            Ok(Ok(place)) => {
                place.send(Outgoing { message, taken });
                Ok(())
            }
            Ok(Err(_)) => Err(Gone),
            Err(_) => {
                warn!("a peer does not read: its connection is cut");
                self.cut.cancel();
                Err(Gone)
            }
        }
    }
}
