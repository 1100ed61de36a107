//! The stream of one delivery session. It is opened when the first message is asked for, and lost as a whole: whoever finds
//! it broken drops it and asks again.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::error::ClientError;
use super::fault::Fault;
use super::handle::Client;
use crate::domain::DeskAddress;
use crate::limits;
use crate::wire::v1;

/// A stream that is open.
#[derive(Debug)]
pub(super) struct Session {
    up: mpsc::Sender<v1::ReceiveRequest>,
    down: Streaming<v1::ReceiveResponse>,
    /// Deliveries that the relay may still send.
    pub(super) credit: u32,
}

impl Session {
    /// Lets so many more deliveries come.
    pub(super) async fn grant(&mut self, deliveries: u32) {
        let more = v1::ReceiveRequest {
            kind: Some(v1::receive_request::Kind::Credit(v1::Credit { deliveries })),
        };
        // A session that is gone is opened again, with credit of its own.
        if self.up.send(more).await.is_ok() {
            self.credit = self.credit.saturating_add(deliveries);
        }
    }
}

/// The next message of the session, which is opened with so much credit if there is none. Loses nothing if it is dropped
/// while it waits.
pub(super) async fn message(
    client: &Client,
    desk: &DeskAddress,
    credit: u32,
    stream: &mut Option<Session>,
) -> Result<v1::ReceiveResponse, Fault> {
    let session = match stream {
        Some(session) => session,
        None => stream.insert(open(client, desk, credit).await?),
    };
    match session.down.message().await? {
        Some(message) => Ok(message),
        None => Err(Fault::Failed(ClientError::Unknown(
            "the session ended".to_owned(),
        ))),
    }
}

async fn open(client: &Client, desk: &DeskAddress, credit: u32) -> Result<Session, Fault> {
    let (up, requests) = mpsc::channel(limits::SESSION_REQUESTS_MAX);
    let first = v1::ReceiveRequest {
        kind: Some(v1::receive_request::Kind::Open(v1::OpenSession {
            desk: desk.to_string(),
            credit,
        })),
    };
    // The channel is empty, so this does not wait.
    let _ = up.send(first).await;
    let opened = v1::exchange_client::ExchangeClient::new(client.inner.connection.channel())
        .max_decoding_message_size(limits::GRPC_ANSWER_BYTES_MAX)
        .receive(ReceiverStream::new(requests))
        .await?;
    Ok(Session {
        up,
        down: opened.into_inner(),
        credit,
    })
}
