//! What goes down a stream, and what happens if nobody takes it: slow is never a brake. A few messages wait; if the
//! oldest of them is not taken in time, the whole connection is cut, because a peer that does not read cannot be
//! told anything else.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
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
    waiting: watch::Sender<Waiting>,
    cut: CancellationToken,
    stall_max: Duration,
}

struct Outgoing<T> {
    message: Result<T, Status>,
    taken: Option<Box<dyn FnOnce() + Send>>,
}

/// Messages put and taken so far, and since when the oldest of those that wait has been the oldest.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    put: u64,
    taken: u64,
    since: Instant,
}

impl Waiting {
    fn put(&mut self) {
        if self.put == self.taken {
            self.since = Instant::now();
        }
        self.put = self.put.saturating_add(1);
    }

    fn take(&mut self) {
        self.since = Instant::now();
        self.taken = self.taken.saturating_add(1);
    }
}

/// A stream to a peer.
pub(super) fn outbound<T: Send + 'static>(
    peer: &Peer,
    stall_ms_max: u64,
) -> (Outbound<T>, OutboundStream<T>) {
    let (sender, receiver) = mpsc::channel(OUTBOUND_QUEUE_MAX);
    let waiting = watch::Sender::new(Waiting {
        put: 0,
        taken: 0,
        since: Instant::now(),
    });
    let taking = waiting.clone();
    let stream = ReceiverStream::new(receiver).map(move |outgoing: Outgoing<T>| {
        taking.send_modify(Waiting::take);
        if let Some(taken) = outgoing.taken {
            taken();
        }
        outgoing.message
    });
    let outbound = Outbound {
        sender,
        waiting,
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

    /// Returns when the peer has gone, or does not read; its connection is then cut.
    pub(super) async fn gone(&self) {
        tokio::select! {
            () = self.sender.closed() => {}
            () = self.stalled() => {
                warn!("a peer does not read: its connection is cut");
                self.cut.cancel();
            }
        }
    }

    /// Returns when a message has waited too long. Nothing is lost if it is begun anew.
    async fn stalled(&self) {
        let mut changes = self.waiting.subscribe();
        loop {
            let seen = *changes.borrow_and_update();
            if seen.put == seen.taken {
                // The sender is ours, so there is always a change to wait for.
                let _ = changes.changed().await;
                continue;
            }
            let progress = changes.wait_for(|now| now.taken != seen.taken);
            let deadline = seen.since + self.stall_max;
            if tokio::time::timeout_at(deadline, progress).await.is_err() {
                return;
            }
        }
    }

    async fn put(
        &self,
        message: Result<T, Status>,
        taken: Option<Box<dyn FnOnce() + Send>>,
    ) -> Result<(), Gone> {
        let place = tokio::select! {
            biased;
            place = self.sender.reserve() => place.map_err(|_| Gone)?,
            () = self.gone() => return Err(Gone),
        };
        self.waiting.send_modify(Waiting::put);
        place.send(Outgoing { message, taken });
        Ok(())
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

    /// A peer that does not read is cut, whether a full queue or only one message waits for it.
    #[tokio::test]
    async fn a_peer_that_does_not_read_is_cut() {
        for messages in [1, OUTBOUND_QUEUE_MAX] {
            let peer = peer();
            let (outbound, stream) = outbound(&peer, 1);
            for number in 0..messages {
                assert!(outbound.send(number).await.is_ok());
            }
            assert!(!peer.cut.is_cancelled());
            outbound.gone().await;
            assert!(peer.cut.is_cancelled());
            drop(stream);
        }
        let peer = peer();
        let (outbound, _stream) = outbound(&peer, 1);
        while outbound.send(()).await.is_ok() {}
        assert!(peer.cut.is_cancelled());
    }

    /// A peer that reads, however late each time, is not cut while nothing waits.
    #[tokio::test]
    async fn a_peer_that_reads_is_not_cut() {
        let peer = peer();
        let (outbound, mut stream) = outbound(&peer, 60_000);
        let reading = tokio::spawn(async move {
            let mut read = 0;
            while stream.next().await.is_some() {
                read += 1;
            }
            read
        });
        for number in 0..100 {
            assert!(outbound.send(number).await.is_ok());
        }
        drop(outbound);
        assert_eq!(reading.await.unwrap(), 100);
        assert!(!peer.cut.is_cancelled());
    }
}
