//! The two streams: a recipient's session that is open during the whole table, and all that the table refused once more,
//! pipelined, with the same answers and nothing new on the record.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use v1::exchange_client::ExchangeClient;
use v1::receive_request::Kind as Up;
use v1::receive_response::Kind as Down;
use wardline::domain::Submission;
use wardline::wire::{self, v1};

use super::refusals::{Faults, Told};
use super::row::{Request, Row};
use super::stage::{RU, Stage, US};

/// A session of the recipient's duty desk.
pub(super) struct Session {
    up: mpsc::Sender<v1::ReceiveRequest>,
    down: Streaming<v1::ReceiveResponse>,
}

impl Session {
    pub(super) async fn open(stage: &Stage) -> Self {
        let (up, requests) = mpsc::channel(16);
        let session = v1::OpenSession {
            desk: String::new(),
            credit: 64,
        };
        let request = |kind| v1::ReceiveRequest { kind: Some(kind) };
        up.send(request(Up::Open(session))).await.unwrap();
        let down = ExchangeClient::new(stage.channel(RU))
            .receive(ReceiverStream::new(requests))
            .await
            .unwrap()
            .into_inner();
        let mut session = Self { up, down };
        assert!(matches!(session.next().await, Down::Opened(_)));
        session
    }

    /// What comes next, but for how far it has come.
    async fn next(&mut self) -> Down {
        loop {
            match self.down.message().await.unwrap().unwrap().kind.unwrap() {
                Down::CaughtUp(_) => {}
                other => return other,
            }
        }
    }

    /// What comes next is this warning, whole, under this number of the desk's: no number was given to anything between.
    pub(super) async fn delivers(&mut self, sent: &Submission, number: u64) {
        let Down::Delivery(delivery) = self.next().await else {
            panic!("no delivery");
        };
        assert_eq!(delivery.envelope, Some((&sent.envelope).into()));
        assert_eq!(delivery.body, Some((&sent.body).into()));
        assert_eq!(delivery.inbox.unwrap().number, number);
    }

    /// Sends the acknowledgements that the table refused over the session.
    pub(super) async fn refuse_again(
        &mut self,
        stage: &Stage,
        table: &[(Row, Option<Told>)],
        faults: &mut Faults,
    ) {
        let before = stage.checkpoint().await.size();
        for (tag, (row, told)) in (0..).zip(table) {
            let Request::Acknowledge(acknowledgement) = &row.request else {
                continue;
            };
            if row.session != RU {
                continue;
            }
            let tagged = v1::TaggedAcknowledgement {
                tag,
                acknowledgement: Some(acknowledgement.clone()),
            };
            let request = v1::ReceiveRequest {
                kind: Some(Up::Acknowledge(tagged)),
            };
            self.up.send(request).await.unwrap();
            let Down::Settlement(settlement) = self.next().await else {
                panic!("{}: no settlement", row.name);
            };
            assert_eq!(settlement.tag, tag);
            match (settlement.kind.unwrap(), &row.put_right) {
                (v1::settlement::Kind::Refused(refusal), _) => {
                    let again = stage.check_refusal(row, refusal, faults);
                    faults.same(row.name, "the refusal in a session", Some(again), *told);
                }
                // What was recorded meanwhile is found by its id and digest, whatever lies beside it now.
                (v1::settlement::Kind::Acknowledged(answer), Some(_)) if answer.repeated => {}
                (other, _) => faults.add(row.name, format_args!("in a session it gave {other:?}")),
            }
        }
        let recorded = stage.recorded(before).await;
        faults.same("a session", "how much was recorded", recorded.len(), 0);
    }
}

impl Stage {
    /// Sends the warnings that the table refused over one stream, all at once.
    pub(super) async fn refuse_many(&self, table: &[(Row, Option<Told>)], faults: &mut Faults) {
        use v1::submit_many_response::Kind as Many;
        use v1::submit_outcome::Kind;
        let before = self.checkpoint().await.size();
        let requests: Vec<v1::SubmitManyRequest> = (0..)
            .zip(table)
            .filter_map(|(tag, (row, _))| match &row.request {
                Request::Submit(submission) if row.session == US => Some(v1::SubmitManyRequest {
                    tag,
                    submission: Some(submission.clone()),
                }),
                _ => None,
            })
            .collect();
        let sent = requests.len();
        let mut answers = ExchangeClient::new(self.channel(US))
            .submit_many(tokio_stream::iter(requests))
            .await
            .unwrap()
            .into_inner();
        let mut checkpoint = Bytes::new();
        let mut answered = 0;
        while let Some(answer) = answers.message().await.unwrap() {
            let outcome = match answer.kind.unwrap() {
                Many::Checkpoint(note) => {
                    checkpoint = note;
                    continue;
                }
                Many::Outcome(outcome) => outcome,
            };
            answered += 1;
            let (row, told) = &table[usize::try_from(outcome.tag).unwrap()];
            match (outcome.kind.unwrap(), &row.put_right) {
                (Kind::Refused(mut refusal), _) => {
                    if let Some(rejection) = &mut refusal.rejection {
                        assert!(rejection.checkpoint.is_empty(), "{}", row.name);
                        rejection.checkpoint = checkpoint.clone();
                    }
                    let again = self.check_refusal(row, refusal, faults);
                    faults.same(row.name, "the refusal on a stream", Some(again), *told);
                }
                // As in a session.
                (Kind::Accepted(answer), Some(_)) if answer.repeated => {}
                (other, _) => faults.add(row.name, format_args!("on a stream it gave {other:?}")),
            }
        }
        assert_eq!(answered, sent, "every submission is answered");
        let recorded = self.recorded(before).await;
        faults.same("a stream", "how much was recorded", recorded.len(), 0);
        wire::checkpoint(&checkpoint).unwrap();
    }
}
