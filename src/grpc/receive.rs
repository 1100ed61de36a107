//! `Receive`: a delivery session on its stream. Credit and acknowledgements come up, deliveries and settlements go
//! down; an acknowledgement is settled by its tag, in the order of completion. The engine is told of a handover when
//! the connection takes the delivery to write it, not before.

use std::time::Duration;

use tokio::task::JoinSet;
use tonic::Streaming;
use tracing::Instrument as _;

use super::outbound::{Gone, Outbound};
use super::stall::Patience;
use super::{Edge, convert, inbound, status};
use crate::error::{ErrorCode, Refused};
use crate::limits::{ACKNOWLEDGEMENTS_IN_FLIGHT_MAX, ENDING_MS_MAX};
use crate::relay::{Caller, DeliverySession, Failure, Proven, Relay, SessionEvent, SessionHandle};
use crate::wire::{self, v1};
use v1::receive_request::Kind as Up;
use v1::receive_response::Kind as Down;

/// Opens the session that the first message asks for.
pub(super) async fn open(
    edge: &Edge,
    caller: &Caller,
    stream: &mut Streaming<v1::ReceiveRequest>,
) -> Result<DeliverySession, Failure> {
    let Some(Up::Open(open)) = inbound::next(stream).await?.and_then(|first| first.kind) else {
        let sentence = "the first message of a session opens it";
        return Err(Failure::new(ErrorCode::InvalidRequest, sentence));
    };
    let desk = wire::optional_name(&open.desk, "desk")?;
    edge.relay.open_session(caller, desk, open.credit).await
}

/// One session, until either side ends it.
pub(super) async fn run(
    relay: Relay,
    caller: Caller,
    mut session: DeliverySession,
    stream: Streaming<v1::ReceiveRequest>,
    outbound: Outbound<v1::ReceiveResponse>,
    patience: Patience,
) {
    let handle = session.handle();
    let told = tell(relay, caller, &mut session, stream, outbound);
    tokio::select! {
        () = told => {}
        // The last event says why; a peer that does not take it in time is cut.
        () = overdue(&handle) => patience.cut(),
    }
}

async fn overdue(handle: &SessionHandle) {
    handle.ended().await;
    tokio::time::sleep(Duration::from_millis(ENDING_MS_MAX)).await;
}

async fn tell(
    relay: Relay,
    caller: Caller,
    session: &mut DeliverySession,
    mut stream: Streaming<v1::ReceiveRequest>,
    outbound: Outbound<v1::ReceiveResponse>,
) {
    let handle = session.handle();
    let opened = opened(session);
    if put(&outbound, Down::Opened(opened)).await.is_err() {
        return;
    }
    let mut settling = JoinSet::new();
    // A client may end its side and go on reading.
    let mut reading = true;
    loop {
        let sent = tokio::select! {
            read = inbound::next(&mut stream),
                if reading && settling.len() < ACKNOWLEDGEMENTS_IN_FLIGHT_MAX =>
            {
                match read.and_then(|read| read.map(up).transpose()) {
                    Ok(Some(Up::Credit(credit))) => handle.add_credit(credit.deliveries),
                    Ok(Some(Up::Acknowledge(tagged))) => {
                        let settled = settle(relay.clone(), caller.clone(), tagged);
                        settling.spawn(settled.in_current_span());
                    }
                    Ok(Some(Up::Open(_))) => {
                        let sentence = "a session is opened once";
                        outbound.fail(Refused::new(ErrorCode::InvalidRequest, sentence)).await;
                        return;
                    }
                    Ok(None) => reading = false,
                    Err(refused) => {
                        outbound.fail(refused).await;
                        return;
                    }
                }
                Ok(())
            }
            Some(done) = settling.join_next() => match done {
                Ok(settlement) => put(&outbound, Down::Settlement(settlement)).await,
                Err(_) => {
                    let sentence = "an acknowledgement was lost";
                    outbound.fail(Refused::new(ErrorCode::Internal, sentence)).await;
                    return;
                }
            },
            event = session.next() => match event {
                Some(event) => down(&outbound, &handle, event).await,
                None => break,
            },
            () = outbound.gone() => return,
        };
        if sent.is_err() {
            return;
        }
    }
    // What was sent up before the end is still settled.
    while let Some(Ok(settlement)) = settling.join_next().await {
        if put(&outbound, Down::Settlement(settlement)).await.is_err() {
            return;
        }
    }
    // Until then it is not told why, and may be overdue.
    outbound.all_taken().await;
}

fn opened(session: &DeliverySession) -> v1::SessionOpened {
    let opened = session.opened();
    v1::SessionOpened {
        session_id: bytes::Bytes::copy_from_slice(&opened.session_id),
        desk: opened.desk.to_string(),
        checkpoint: convert::note(&opened.checkpoint),
        waiting: opened.waiting,
    }
}

fn up(request: v1::ReceiveRequest) -> Result<Up, Refused> {
    let sentence = "the message is of no known kind";
    request
        .kind
        .ok_or_else(|| Refused::new(ErrorCode::InvalidRequest, sentence))
}

async fn down(
    outbound: &Outbound<v1::ReceiveResponse>,
    handle: &SessionHandle,
    event: SessionEvent,
) -> Result<(), Gone> {
    match event {
        SessionEvent::Delivery(delivery) => {
            let (handle, number) = (handle.clone(), delivery.number);
            let delivery = v1::Delivery {
                envelope: Some((&delivery.envelope).into()),
                body: delivery.body.as_ref().map(v1::Part::from),
                routed: Some(wire::proven(&delivery.routed, &delivery.checkpoint)),
                inbox: delivery.inbox.as_ref().map(v1::InboxOpening::from),
                repeated: delivery.repeated,
                wrapped: delivery.wrapped.unwrap_or_default(),
            };
            let response = v1::ReceiveResponse {
                kind: Some(Down::Delivery(delivery)),
            };
            outbound
                .send_then(response, move || handle.handed_over(number))
                .await
        }
        SessionEvent::CaughtUp { inbox_number } => {
            put(outbound, Down::CaughtUp(v1::CaughtUp { inbox_number })).await
        }
        SessionEvent::Ending(ending) => put(outbound, Down::Ending(convert::ending(ending))).await,
    }
}

async fn settle(relay: Relay, caller: Caller, tagged: v1::TaggedAcknowledgement) -> v1::Settlement {
    use v1::settlement::Kind;
    let acknowledgement = wire::required_as(tagged.acknowledgement, "acknowledgement");
    let settled: Result<Proven, Failure> = match acknowledgement {
        Ok(acknowledgement) => relay.acknowledge(&caller, acknowledgement).await,
        Err(refused) => Err(refused.into()),
    };
    v1::Settlement {
        tag: tagged.tag,
        kind: Some(match settled {
            Ok(proven) => Kind::Acknowledged(convert::acknowledged(&proven)),
            Err(failure) => Kind::Refused(status::refusal(failure)),
        }),
    }
}

async fn put(outbound: &Outbound<v1::ReceiveResponse>, kind: Down) -> Result<(), Gone> {
    outbound.send(v1::ReceiveResponse { kind: Some(kind) }).await
}
