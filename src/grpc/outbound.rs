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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::KeyId;

    fn peer() -> Peer {
        Peer {
            tls_keyid: KeyId([7; 32]),
            address: ([127, 0, 0, 1], 1).into(),
            cut: CancellationToken::new(),
        }
    }

    /// What has been taken is reported as taken, in order, and not before.
    #[tokio::test]
    async fn a_message_is_taken_when_it_is_read() {
        let peer = peer();
        let (outbound, mut stream) = outbound(&peer, 60_000);
        let (sender, mut taken) = mpsc::channel(8);
        for number in [1, 2] {
            let sender = sender.clone();
            let sent = outbound
                .send_then(number, move || sender.try_send(number).unwrap())
                .await;
            assert!(sent.is_ok());
        }
        assert!(taken.try_recv().is_err());
        assert_eq!(stream.next().await.unwrap().unwrap(), 1);
        assert_eq!(taken.try_recv(), Ok(1));
        assert!(taken.try_recv().is_err());
        drop(stream);
        assert!(outbound.send(3).await.is_err());
        assert!(!peer.cut.is_cancelled(), "a peer that has gone is not slow");
    }

    /// A peer that does not read is cut once the queue is full, and only then.
    #[tokio::test]
    async fn a_peer_that_does_not_read_is_cut() {
        let peer = peer();
        let (outbound, stream) = outbound(&peer, 1);
        for number in 0..OUTBOUND_QUEUE_MAX {
            assert!(outbound.send(number).await.is_ok());
        }
        assert!(!peer.cut.is_cancelled());
        assert!(outbound.send(0).await.is_err());
        assert!(peer.cut.is_cancelled());
        drop(stream);
    }
}
