//! `SubmitMany`: submissions in flight up to a bound, answers in the order of completion. Backpressure is that nothing
//! more is read; a checkpoint is sent when an answer is proven against another one than the answer before.

use std::sync::Arc;

use tokio::task::JoinSet;
use tonic::Streaming;
use tracing::Instrument as _;

use super::outbound::{Gone, Outbound};
use super::{Edge, convert, inbound, status};
use crate::error::{ErrorCode, Refused};
use crate::relay::{Caller, Failure, Proven};
use crate::wire::{self, v1};

/// One stream, until its client has ended it and all is answered, or the relay goes down.
pub(super) async fn run(
    edge: Edge,
    caller: Caller,
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
            read = inbound::next(&mut stream),
                if end.is_none() && in_flight.len() < edge.limits.submissions_in_flight_max =>
            {
                match read {
                    Ok(Some(request)) => {
                        let submitted = submit(edge.clone(), Arc::clone(&caller), request);
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
                let Ok((tag, outcome)) = done else {
                    // A fault of ours; which submission it was is lost with it.
                    end = Some(Err(Refused::new(ErrorCode::Internal, "a submission was lost")));
                    break;
                };
                if answers.send(tag, outcome).await.is_err() {
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

async fn submit(
    edge: Edge,
    caller: Arc<Caller>,
    request: v1::SubmitManyRequest,
) -> (u64, Result<Proven, Failure>) {
    let outcome = match wire::required_as(request.submission, "submission") {
        Ok(submission) => edge.relay.submit(&caller, submission).await,
        Err(refused) => Err(refused.into()),
    };
    (request.tag, outcome)
}

struct Answers {
    outbound: Outbound<v1::SubmitManyResponse>,
    /// The newest one sent.
    checkpoint: Option<Arc<str>>,
}

impl Answers {
    async fn send(&mut self, tag: u64, outcome: Result<Proven, Failure>) -> Result<(), Gone> {
        use v1::submit_outcome::Kind;
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
        self.put(v1::submit_many_response::Kind::Outcome(outcome)).await
    }

    async fn prove_by(&mut self, checkpoint: &Arc<str>) -> Result<(), Gone> {
        let sent = self.checkpoint.as_ref();
        if sent.is_none_or(|sent| !Arc::ptr_eq(sent, checkpoint)) {
            let note = convert::note(checkpoint);
            self.put(v1::submit_many_response::Kind::Checkpoint(note)).await?;
            self.checkpoint = Some(Arc::clone(checkpoint));
        }
        Ok(())
    }

    async fn put(&self, kind: v1::submit_many_response::Kind) -> Result<(), Gone> {
        self.outbound
            .send(v1::SubmitManyResponse { kind: Some(kind) })
            .await
    }
}
