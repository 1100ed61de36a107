//! What goes down a stream, and what happens if nobody takes it: slow is never a brake. A few messages wait; if the
//! oldest of them is not taken in time, the whole connection is cut, because a peer that does not read cannot be
//! told anything else.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::stall::{Patience, Waiting};
use crate::limits::OUTBOUND_QUEUE_MAX;

/// What a handler returns for a stream.
pub(super) type OutboundStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Nobody is at the other end any more.
#[derive(Debug)]
pub(super) struct Gone;

/// Something to be done.
pub(super) type Then = Box<dyn FnOnce() + Send>;

/// What is to be done when the messages that were taken until now have been written. It goes with the response, because
/// only its body knows when that is.
#[derive(Clone, Default)]
pub(super) struct WhenWritten(Arc<Mutex<Vec<Then>>>);

impl WhenWritten {
    /// Adds to it, for the message that is taken now.
    pub(super) fn put(&self, then: Then) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(then);
    }

    /// All of it, for the bytes that are at hand now.
    pub(super) fn take(&self) -> Vec<Then> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The writing end of a stream.
pub(super) struct Outbound<T> {
    sender: mpsc::Sender<Outgoing<T>>,
    waiting: Waiting,
    patience: Patience,
}

struct Outgoing<T> {
    message: Result<T, Status>,
    then: Option<Then>,
}

/// A stream to a peer, as a handler's response.
pub(super) fn outbound<T: Send + 'static>(patience: Patience) -> (Outbound<T>, Response<OutboundStream<T>>) {
    let (outbound, stream, when_written) = parts(patience);
    let mut response = Response::new(stream);
    response.extensions_mut().insert(when_written);
    (outbound, response)
}

fn parts<T: Send + 'static>(patience: Patience) -> (Outbound<T>, OutboundStream<T>, WhenWritten) {
    let (sender, receiver) = mpsc::channel(OUTBOUND_QUEUE_MAX);
    let waiting = Waiting::new();
    let (taking, when_written) = (waiting.clone(), WhenWritten::default());
    let putting = when_written.clone();
    let stream = ReceiverStream::new(receiver).map(move |outgoing: Outgoing<T>| {
        taking.take();
        if let Some(then) = outgoing.then {
            putting.put(then);
        }
        outgoing.message
    });
    let outbound = Outbound {
        sender,
        waiting,
        patience,
    };
    (outbound, Box::pin(stream), when_written)
}

impl<T> Outbound<T> {
    /// Sends one message.
    pub(super) async fn send(&self, message: T) -> Result<(), Gone> {
        self.put(Ok(message), None).await
    }

    /// Sends one message; `then` is called when all of it is written to the connection, and dropped if it never is.
    pub(super) async fn send_then(
        &self,
        message: T,
        then: impl FnOnce() + Send + 'static,
    ) -> Result<(), Gone> {
        self.put(Ok(message), Some(Box::new(then))).await
    }

    /// Sends the last: why it ends.
    pub(super) async fn fail(self, status: impl Into<Status>) {
        // An error says that nobody is there to be told.
        let _ = self.put(Err(status.into()), None).await;
    }

    /// Returns when all that was sent has been taken, or the peer has gone.
    pub(super) async fn all_taken(&self) {
        tokio::select! {
            () = self.waiting.all_taken() => {}
            () = self.gone() => {}
        }
    }

    /// Returns when the peer has gone, or does not read; its connection is then cut.
    pub(super) async fn gone(&self) {
        tokio::select! {
            () = self.sender.closed() => {}
            true = async { self.waiting.watched().stalled(self.patience.stall_max).await } => {
                self.patience.cut();
            }
        }
    }

    async fn put(&self, message: Result<T, Status>, then: Option<Then>) -> Result<(), Gone> {
        let place = tokio::select! {
            biased;
            place = self.sender.reserve() => place.map_err(|_| Gone)?,
            () = self.gone() => return Err(Gone),
        };
        self.waiting.put();
        place.send(Outgoing { message, then });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    use prometheus_client::registry::Registry;
    use tokio_util::sync::CancellationToken;

    use super::super::CallMeters;

    fn patience(stall_ms_max: u64) -> Patience {
        Patience {
            cut: CancellationToken::new(),
            stall_max: Duration::from_millis(stall_ms_max),
            meters: CallMeters::new(&mut Registry::default()),
        }
    }

    /// What is to be done with a message is at hand when the message is taken, in order, and not before.
    #[tokio::test]
    async fn what_is_to_be_done_goes_with_its_message() {
        let patience = patience(60_000);
        let (outbound, mut stream, when_written) = parts(patience.clone());
        let (sender, mut done) = mpsc::channel(8);
        for number in [1, 2] {
            let sender = sender.clone();
            let sent = outbound
                .send_then(number, move || sender.try_send(number).unwrap())
                .await;
            assert!(sent.is_ok());
        }
        assert!(when_written.take().is_empty());
        assert_eq!(stream.next().await.unwrap().unwrap(), 1);
        assert!(done.try_recv().is_err());
        for then in when_written.take() {
            then();
        }
        assert_eq!(done.try_recv(), Ok(1));
        assert!(done.try_recv().is_err());
        drop(stream);
        assert!(outbound.send(3).await.is_err());
        assert!(!patience.cut.is_cancelled(), "a peer that has gone is not slow");
    }

    /// A peer that does not read is cut, whether a full queue or only one message waits for it.
    #[tokio::test]
    async fn a_peer_that_does_not_read_is_cut() {
        for messages in [1, OUTBOUND_QUEUE_MAX] {
            let patience = patience(1);
            let (outbound, stream, _) = parts(patience.clone());
            for number in 0..messages {
                assert!(outbound.send(number).await.is_ok());
            }
            assert!(!patience.cut.is_cancelled());
            outbound.gone().await;
            assert!(patience.cut.is_cancelled());
            drop(stream);
        }
        let patience = patience(1);
        let (outbound, _stream, _) = parts(patience.clone());
        while outbound.send(()).await.is_ok() {}
        assert!(patience.cut.is_cancelled());
    }

    /// A peer that reads, however late each time, is not cut while nothing waits.
    #[tokio::test]
    async fn a_peer_that_reads_is_not_cut() {
        let patience = patience(60_000);
        let (outbound, mut stream, _) = parts(patience.clone());
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
        assert!(!patience.cut.is_cancelled());
    }
}
