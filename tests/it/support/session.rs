//! A delivery session of a desk, message by message, and what is delivered over it.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use v1::receive_request::Kind as Up;
use v1::receive_response::Kind as Down;
use wardline::client::{AcknowledgementDraft, Client};
use wardline::domain::{AcknowledgementKind, Digest, PayloadId};
use wardline::wire::v1;

use super::{World, exercise};

pub(crate) struct Session {
    pub(crate) up: mpsc::Sender<v1::ReceiveRequest>,
    pub(crate) down: Streaming<v1::ReceiveResponse>,
}

impl Session {
    /// Opens a session of an agency's duty desk; the first answer says what waits.
    pub(crate) async fn open(world: &World, agency: &str, credit: u32) -> (Self, v1::SessionOpened) {
        let (up, requests) = mpsc::channel(16);
        let open = v1::OpenSession {
            desk: String::new(),
            credit,
        };
        send(&up, Up::Open(open)).await;
        let mut exchange = world.exchange(agency).await;
        let down = exchange
            .receive(ReceiverStream::new(requests))
            .await
            .unwrap()
            .into_inner();
        let mut session = Self { up, down };
        let Some(Down::Opened(opened)) = session.next().await else {
            panic!("the session did not open");
        };
        (session, opened)
    }

    pub(crate) async fn send(&self, kind: Up) {
        send(&self.up, kind).await;
    }

    /// The next message; none at the proper end.
    pub(crate) async fn next(&mut self) -> Option<Down> {
        self.down
            .message()
            .await
            .unwrap()
            .map(|message| message.kind.unwrap())
    }
}

async fn send(up: &mpsc::Sender<v1::ReceiveRequest>, kind: Up) {
    up.send(v1::ReceiveRequest { kind: Some(kind) }).await.unwrap();
}

/// A warning that was accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Submitted {
    id: PayloadId,
    digest: Digest,
}

/// Submits exercises with a description of that many characters, one after the other.
pub(crate) async fn submit(
    world: &World,
    from: &str,
    to: &str,
    count: usize,
    characters: usize,
) -> Vec<Submitted> {
    let client = world.client(from);
    let mut exchange = world.exchange(from).await;
    let mut submitted = Vec::new();
    for _ in 0..count {
        let submission = exercise(&client, to, characters).await;
        let request = v1::SubmitRequest {
            submission: Some((&submission).into()),
        };
        let accepted = exchange.submit(request).await.unwrap().into_inner();
        submitted.push(Submitted {
            id: submission.hint.id,
            digest: Digest(accepted.digest.as_ref().try_into().unwrap()),
        });
    }
    submitted
}

/// Signs that a desk's system has stored a warning.
pub(crate) async fn receive(client: &Client, warning: Submitted) {
    let draft = AcknowledgementDraft::bare(
        warning.id,
        warning.digest,
        client.own_desk().unwrap(),
        AcknowledgementKind::Received,
    );
    client.acknowledge(&draft).await.unwrap();
}
