//! Delivery sessions over a running engine.

use std::sync::Arc;

use tokio::sync::watch;

use super::stage::Stage;
use crate::domain::*;
use crate::error::ErrorCode;
use crate::ledger::{Facts, ThreadKey};
use crate::limits;
use crate::relay::{AbsentDesks, Delivery, DeliverySession, SessionEvent};
use crate::seal::inbox_commitment;
use crate::world::{World, parsed};

async fn open(stage: &Stage, agency: &str, desk: &str, credit: u32) -> DeliverySession {
    let desk = Some(parsed(desk));
    let session = stage
        .relay
        .open_session(&stage.caller(agency), desk, credit)
        .await;
    session.unwrap()
}

/// The next event, which must be a delivery; it is handed over at once.
async fn delivered(session: &mut DeliverySession) -> Delivery {
    match session.next().await {
        Some(SessionEvent::Delivery(delivery)) => {
            session.handle().handed_over(delivery.number);
            *delivery
        }
        other => panic!("no delivery: {other:?}"),
    }
}

async fn caught_up(session: &mut DeliverySession) -> u64 {
    match session.next().await {
        Some(SessionEvent::CaughtUp { inbox_number }) => inbox_number,
        other => panic!("not caught up: {other:?}"),
    }
}

async fn ending(session: &mut DeliverySession) -> ErrorCode {
    match session.next().await {
        Some(SessionEvent::Ending(ending)) => {
            assert!(session.next().await.is_none(), "nothing follows the end");
            session.handle().ended().await;
            ending.code
        }
        other => panic!("no end: {other:?}"),
    }
}

/// Waits until the thread has reached a step.
async fn reached(stage: &Stage, desk: &str, warning: &Submission, step: Step) {
    let key = ThreadKey {
        warning: warning.envelope.digest(),
        desk: parsed(desk),
    };
    let mut durable = stage.relay.durable();
    while stage.index.thread(&key).unwrap().unwrap().step < step {
        durable.changed().await.unwrap();
    }
}

/// Whoever watches the relay sees that warnings wait for a desk and nobody is there, and that this ends when somebody comes.
#[tokio::test]
async fn an_absent_desk_is_seen() {
    let mut stage = Stage::new().await;
    assert_eq!(stage.relay.absent_desks(), AbsentDesks::default());
    stage.accepted("us.ctc", &["ru.ctc"]).await;
    stage.accepted("us.ctc", &["ru.ctc", "fr.ctc"]).await;
    let absent = |desks, warnings| AbsentDesks { desks, warnings };
    assert_eq!(stage.relay.absent_desks(), absent(2, 3));
    assert_eq!(stage.relay.meters().delivery_sessions.value(), 0);
    let session = open(&stage, "ru.ctc", "ru.ctc", 10).await;
    assert_eq!(stage.relay.absent_desks(), absent(1, 1));
    assert_eq!(stage.relay.meters().delivery_sessions.value(), 1);
    drop(session);
}

/// A warning reaches an open session with its body, its proof and the opening of its inbox number; a handover record
/// follows once it is written, and after RECEIVED it does not come again.
#[tokio::test]
async fn a_warning_is_delivered_handed_over_and_received() {
    let mut stage = Stage::new().await;
    let mut session = open(&stage, "ru.ctc", "ru.ctc", 10).await;
    assert_eq!(session.opened().waiting, 0);
    assert_eq!(caught_up(&mut session).await, 0);
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let delivery = delivered(&mut session).await;
    assert_eq!(delivery.envelope, sent.envelope);
    assert_eq!(delivery.body.as_ref(), Some(&sent.body));
    assert_eq!((delivery.number, delivery.repeated), (1, 0));
    let records = stage.verified(&delivery.checkpoint, [&delivery.routed]);
    let RecordKind::Routed(routed) = &records[0].kind else {
        panic!("{records:?}")
    };
    let opening = delivery.inbox.unwrap();
    assert_eq!(
        routed.inbox_commitment,
        inbox_commitment(&opening.salt, 1, "ru.ctc")
    );
    reached(&stage, "ru.ctc", &sent, Step::HandedOver).await;
    stage.look();
    stage
        .acknowledged("ru.ctc", &sent, AcknowledgementKind::Received)
        .await;
    drop(session);
    let mut session = open(&stage, "ru.ctc", "ru.ctc", 10).await;
    assert_eq!(caught_up(&mut session).await, 1);
}

/// What was delivered and not received comes again on the next session, also after a restart of the relay; an
/// absent desk gets everything in the order of its inbox.
#[tokio::test]
async fn what_is_not_received_comes_again_after_a_restart() {
    let mut stage = Stage::new().await;
    let first = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let second = stage.accepted("fr.ctc", &["ru.ctc"]).await;
    let mut session = open(&stage, "ru.ctc", "ru.ctc", 1).await;
    assert_eq!(session.opened().waiting, 2);
    assert_eq!(delivered(&mut session).await.envelope, first.envelope);
    reached(&stage, "ru.ctc", &first, Step::HandedOver).await;
    drop(session);
    let stage = stage.restart().await;
    let mut session = open(&stage, "ru.ctc", "ru.ctc", 5).await;
    assert_eq!(delivered(&mut session).await.envelope, first.envelope);
    assert_eq!(delivered(&mut session).await.envelope, second.envelope);
    assert_eq!(caught_up(&mut session).await, 2);
}

/// A session passes over what the desk has acknowledged only when that can be shown. The moment between the index, which
/// has the acknowledgement, and the published log, which has not, is held here: by then the session waits for what is
/// published (nothing else holds a second receiver of it) and has told nothing; it goes on when the log is there.
#[tokio::test]
async fn nothing_is_passed_over_before_it_can_be_shown() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let (published, shown) = watch::channel(stage.relay.engine.durable());
    let real = std::mem::replace(&mut Arc::get_mut(&mut stage.relay.engine).unwrap().durable, shown);
    stage
        .acknowledged("ru.ctc", &sent, AcknowledgementKind::Received)
        .await;
    let publish = async {
        while published.receiver_count() < 2 {
            tokio::task::yield_now().await;
        }
        let newest = Arc::clone(&real.borrow());
        published.send_replace(newest);
    };
    let session = async {
        let mut session = open(&stage, "ru.ctc", "ru.ctc", 9).await;
        assert_eq!(session.opened().waiting, 0);
        let number = caught_up(&mut session).await;
        (number, stage.relay.engine.durable().size())
    };
    // Biased: what is told too early is seen before the waiting is looked at again.
    tokio::pin!(publish, session);
    tokio::select! {
        biased;
        told = &mut session => panic!("told before it was published: {told:?}"),
        () = &mut publish => {}
    }
    let size = real.borrow().size();
    assert_eq!(session.await, (1, size));
}

/// Every session of a desk gets every warning; RECEIVED on one settles it for all, and other desks hear nothing.
#[tokio::test]
async fn every_session_of_a_desk_gets_it() {
    let mut stage = Stage::new().await;
    let mut sessions = [
        open(&stage, "ru.ctc", "ru.ctc/aviation", 9).await,
        open(&stage, "ru.ctc", "ru.ctc/aviation", 0).await,
        open(&stage, "ru.ctc", "ru.ctc", 9).await,
    ];
    for session in &mut sessions {
        caught_up(session).await;
    }
    let sent = stage.accepted("us.ctc", &["ru.ctc/aviation"]).await;
    let [one, two, other] = &mut sessions;
    assert_eq!(delivered(one).await.envelope, sent.envelope);
    stage
        .acknowledged("ru.ctc/aviation", &sent, AcknowledgementKind::Received)
        .await;
    // The second one had no credit until it was settled: nothing is left for it but what comes next.
    two.handle().add_credit(5);
    let next = stage.accepted("us.ctc", &["ru.ctc/aviation", "ru.ctc"]).await;
    assert_eq!(delivered(two).await.envelope, next.envelope);
    assert_eq!(delivered(one).await.envelope, next.envelope);
    assert_eq!(delivered(other).await.envelope, next.envelope);
}

/// A handover is recorded only when the stream says that it was written: not before, not of another number, not twice.
#[tokio::test]
async fn no_handover_is_invented() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let mut session = open(&stage, "ru.ctc", "ru.ctc", 9).await;
    let size = stage.size();
    let Some(SessionEvent::Delivery(delivery)) = session.next().await else {
        panic!()
    };
    session.handle().handed_over(delivery.number + 1);
    stage.accepted("us.ctc", &["fr.ctc"]).await;
    assert_eq!(stage.size(), size + 2, "ACCEPTED and ROUTED, no HANDED_OVER");
    session.handle().handed_over(delivery.number);
    session.handle().handed_over(delivery.number);
    reached(&stage, "ru.ctc", &sent, Step::HandedOver).await;
    assert_eq!(caught_up(&mut session).await, 1);
    stage.look();
    stage.accepted("us.ctc", &["fr.ctc"]).await;
    assert_eq!(stage.size(), size + 5, "one HANDED_OVER");
}

/// Who may open which session; a table of callers, desks and verdicts.
#[tokio::test]
async fn sessions_are_for_ones_own_desks() {
    let stage = Stage::new().await;
    for (caller, desk, verdict) in [
        ("ru.ctc", None, Ok("ru.ctc")),
        ("ru.ctc", Some("ru.ctc/aviation"), Ok("ru.ctc/aviation")),
        ("ru.ctc", Some("ru.ctc/rail"), Err(ErrorCode::NotFound)),
        ("us.ctc", Some("ru.ctc"), Err(ErrorCode::PermissionDenied)),
        ("us.audit", None, Err(ErrorCode::PermissionDenied)),
        ("operator:alice", None, Err(ErrorCode::PermissionDenied)),
    ] {
        let session = stage
            .relay
            .open_session(&stage.caller(caller), desk.map(parsed), 1)
            .await;
        let actual = session.map(|session| session.opened().desk.to_string());
        assert_eq!(
            actual.as_deref().map_err(|failure| failure.code()),
            verdict,
            "{caller} {desk:?}"
        );
    }
}

/// A desk has a bounded number of sessions, and a closed one makes room.
#[tokio::test]
async fn sessions_of_a_desk_are_bounded() {
    let stage = Stage::new().await;
    let mut sessions = Vec::new();
    for _ in 0..limits::SESSIONS_PER_DESK_MAX {
        sessions.push(open(&stage, "ru.ctc", "ru.ctc", 1).await);
    }
    let caller = stage.caller("ru.ctc");
    let refused = stage.relay.open_session(&caller, None, 1).await.err().unwrap();
    assert_eq!(refused.code(), ErrorCode::Quota);
    let closed = sessions.pop().unwrap();
    let handle = closed.handle();
    drop(closed);
    handle.ended().await;
    open(&stage, "ru.ctc", "ru.ctc", 1).await;
}

/// Revoking the key of a session's certificate ends the session, and that key's next call is refused; others go on.
#[tokio::test]
async fn revoking_its_key_ends_a_session() {
    let mut stage = Stage::new().await;
    let mut revoked = open(&stage, "ru.ctc", "ru.ctc", 1).await;
    let mut other = open(&stage, "fr.ctc", "fr.ctc", 1).await;
    caught_up(&mut revoked).await;
    caught_up(&mut other).await;
    let key = World::keyid("ru.ctc", KeyRole::Tls, 0);
    let envelope = stage.world.revocation("root:ru", KeyRole::Root, "ru.ctc", key);
    stage
        .relay
        .publish_key(&stage.caller("us.ctc"), envelope)
        .await
        .unwrap();
    assert_eq!(ending(&mut revoked).await, ErrorCode::RevokedKey);
    assert_eq!(
        stage.relay.authenticate(&key).unwrap_err().code,
        ErrorCode::UnknownCertificate
    );
    stage.look();
    let sent = stage.accepted("us.ctc", &["fr.ctc"]).await;
    assert_eq!(delivered(&mut other).await.envelope, sent.envelope);
}

/// A drain ends sessions with DRAINING, refuses new commands and sessions, and reading goes on.
#[tokio::test]
async fn a_drain_says_good_bye() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let mut session = open(&stage, "ru.ctc", "ru.ctc", 1).await;
    delivered(&mut session).await;
    reached(&stage, "ru.ctc", &sent, Step::HandedOver).await;
    assert_eq!(caught_up(&mut session).await, 1);
    stage.relay.drain().await;
    stage.relay.drain().await;
    assert_eq!(ending(&mut session).await, ErrorCode::Draining);
    let submission = stage.world.warning("us.ctc", &["ru.ctc"]);
    let refused = stage.submit("us.ctc", submission).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Draining);
    let caller = stage.caller("ru.ctc");
    let refused = stage.relay.open_session(&caller, None, 1).await.err().unwrap();
    assert_eq!(refused.code(), ErrorCode::Draining);
    let name = WarningName::Digest(sent.envelope.digest());
    stage.relay.warning(&caller, &name, "").await.unwrap();
}
