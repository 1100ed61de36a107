//! `SubmitMany`: submissions in flight up to a bound, answers in the order of completion. Backpressure is that nothing
//! more is read, also when what was answered is not: answers are bounded in bytes, the stream's and its principal's. A
//! checkpoint is sent when an answer is proven against another one than the answer before.

use std::sync::Arc;

use prost::Message as _;
use tokio::task::JoinSet;
use tonic::Streaming;
use tracing::Instrument as _;

use super::outbound::{Gone, Outbound};
use super::unread::{Share, ShareCharge};
use super::{Edge, convert, inbound, status};
use crate::error::{ErrorCode, Refused};
use crate::relay::{Caller, Failure, Proven};
use crate::wire::{self, v1};

/// One stream, until its client has ended it and all is answered, or the relay goes down.
pub(super) async fn run(
    edge: Edge,
    caller: Caller,
    share: Share,
    mut stream: Streaming<v1::SubmitManyRequest>,
    outbound: Outbound<v1::SubmitManyResponse>,
) {
    let caller = Arc::new(caller);
    let mut in_flight = JoinSet::new();
    let mut answers = Answers {
        outbound,
        checkpoint: None,
    };
    // Why nothing more is read, once it is so.
    let mut end: Option<Result<(), Refused>> = None;
    loop {
        tokio::select! {
            read = async {
                share.room().await;
                inbound::next(&mut stream).await
            },
                if end.is_none() && in_flight.len() < edge.limits.submissions_in_flight_max =>
            {
                match read {
                    Ok(Some(request)) => {
                        let charge = share.charge(answer_bytes(&request));
                        let submitted = submit(edge.clone(), Arc::clone(&caller), request, charge);
                        in_flight.spawn(submitted.in_current_span());
                    }
                    Ok(None) => end = Some(Ok(())),
                    Err(refused) => end = Some(Err(refused)),
                }
            }
            () = edge.draining.cancelled(), if end.is_none() => {
                let sentence = "the relay is shutting down: what was not answered may be sent again";
                end = Some(Err(Refused::new(ErrorCode::Draining, sentence)));
            }
            Some(done) = in_flight.join_next() => {
                let Ok(answer) = done else {
                    // A fault of ours; which submission it was is lost with it.
                    end = Some(Err(Refused::new(ErrorCode::Internal, "a submission was lost")));
                    break;
                };
                if answers.send(answer).await.is_err() {
                    return;
                }
            }
            // Nobody is left to be answered; what is in flight is durable or not, as if the answer were lost.
            () = answers.outbound.gone() => return,
            else => break,
        }
        if end.is_some() && in_flight.is_empty() {
            break;
        }
    }
    if let Some(Err(refused)) = end {
        answers.outbound.fail(refused).await;
    }
}

/// What an answer to this may take: its `ACCEPTED` record holds the signed header, and each recipient that an opening
/// names gets a record.
fn answer_bytes(request: &v1::SubmitManyRequest) -> usize {
    let Some(submission) = &request.submission else {
        return RECEIPT_BYTES;
    };
    let header = submission
        .envelope
        .as_ref()
        .map_or(0, |envelope| envelope.payload.len());
    let named = submission
        .openings
        .iter()
        .filter(|opening| !opening.address.is_empty());
    let receipts = named.count().saturating_add(2).saturating_mul(RECEIPT_BYTES);
    header.saturating_add(receipts)
}

/// A record of a few hundred bytes, and its proof in a log of a million million records.
const RECEIPT_BYTES: usize = 2 * 1024;

/// What became of one submission.
struct Answer {
    tag: u64,
    outcome: Result<Proven, Failure>,
    charge: ShareCharge,
}

async fn submit(
    edge: Edge,
    caller: Arc<Caller>,
    request: v1::SubmitManyRequest,
    charge: ShareCharge,
) -> Answer {
    let tag = request.tag;
    let outcome = match wire::required_as(request.submission, "submission") {
        Ok(submission) => edge.relay.submit(&caller, submission).await,
        Err(refused) => Err(refused.into()),
    };
    Answer { tag, outcome, charge }
}

struct Answers {
    outbound: Outbound<v1::SubmitManyResponse>,
    /// The newest one sent.
    checkpoint: Option<Arc<str>>,
}

impl Answers {
    async fn send(&mut self, answer: Answer) -> Result<(), Gone> {
        use v1::submit_outcome::Kind;
        let Answer {
            tag,
            outcome,
            mut charge,
        } = answer;
        let kind = match outcome {
            Ok(proven) => {
                self.prove_by(&proven.checkpoint).await?;
                Kind::Accepted(convert::submitted(&proven, false))
            }
            Err(failure) => {
                if let Some(rejection) = &failure.rejection {
                    self.prove_by(&rejection.checkpoint).await?;
                }
                let mut refusal = status::refusal(failure);
                if let Some(rejection) = &mut refusal.rejection {
                    rejection.checkpoint.clear();
                }
                Kind::Refused(refusal)
            }
        };
        let outcome = v1::SubmitOutcome {
            tag,
            kind: Some(kind),
        };
        charge.set(outcome.encoded_len());
        let response = v1::SubmitManyResponse {
            kind: Some(v1::submit_many_response::Kind::Outcome(outcome)),
        };
        self.outbound.send_then(response, move || drop(charge)).await
    }

    async fn prove_by(&mut self, checkpoint: &Arc<str>) -> Result<(), Gone> {
        let sent = self.checkpoint.as_ref();
        if sent.is_none_or(|sent| !Arc::ptr_eq(sent, checkpoint)) {
            let note = convert::note(checkpoint);
            let response = v1::SubmitManyResponse {
                kind: Some(v1::submit_many_response::Kind::Checkpoint(note)),
            };
            self.outbound.send(response).await?;
            self.checkpoint = Some(Arc::clone(checkpoint));
        }
        Ok(())
    }
}
