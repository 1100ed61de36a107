//! The two pipelined streams of `Exchange` through the edge: submissions in flight, credit, settlements by tag, and how
//! a session ends.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use v1::receive_request::Kind as Up;
use v1::receive_response::Kind as Down;
use wardline::error::ErrorCode;
use wardline::limits;
use wardline::transparency::LogVerifier;
use wardline::wire::v1;

use crate::support::{Session, World, exercise, revocation_of_tls_key, submit};

fn reason(status: &Status) -> ErrorCode {
    let info = status
        .get_details_error_info()
        .unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    ErrorCode::from_name(&info.reason).unwrap()
}

/// Many submissions on one stream: each is answered once by its tag, accepted or refused; a checkpoint comes before the
/// answers that it proves, and each receipt verifies against the newest one sent.
#[tokio::test]
async fn submissions_are_pipelined_and_proven() {
    let world = World::new(
        &[("limits.submissions_in_flight_max", "8")],
        &["us.ctc", "ru.ctc"],
    )
    .await;
    let client = world.client("us.ctc");
    let log: LogVerifier = client.settings().log.clone();
    let (up, requests) = mpsc::channel(64);
    let (count, bad) = (40, 7);
    for tag in 0..count {
        let mut submission = v1::Submission::from(&exercise(&client, "ru.ctc", 10).await);
        if tag == bad {
            submission.body = None;
        }
        let request = v1::SubmitManyRequest {
            tag,
            submission: Some(submission),
        };
        up.send(request).await.unwrap();
    }
    drop(up);
    let mut exchange = world.exchange("us.ctc").await;
    let mut answers = exchange
        .submit_many(ReceiverStream::new(requests))
        .await
        .unwrap()
        .into_inner();
    let mut checkpoint = None;
    let mut outcomes = BTreeMap::new();
    while let Some(answer) = answers.message().await.unwrap() {
        match answer.kind.unwrap() {
            v1::submit_many_response::Kind::Checkpoint(note) => {
                checkpoint = Some(log.open(std::str::from_utf8(&note).unwrap()).unwrap());
            }
            v1::submit_many_response::Kind::Outcome(outcome) => {
                let refused = match outcome.kind.unwrap() {
                    v1::submit_outcome::Kind::Accepted(accepted) => {
                        let checkpoint = checkpoint
                            .as_ref()
                            .expect("a checkpoint comes first")
                            .checkpoint();
                        for receipt in accepted.accepted.iter().chain(&accepted.routed) {
                            assert!(receipt.checkpoint.is_empty());
                            let receipt = wardline::domain::Receipt::try_from(receipt.clone()).unwrap();
                            let leaf = wardline::transparency::leaf_hash(&receipt.record);
                            wardline::transparency::verify_inclusion(
                                &leaf,
                                receipt.index,
                                checkpoint.size,
                                &receipt.inclusion_proof,
                                &checkpoint.root,
                            )
                            .unwrap();
                        }
                        None
                    }
                    v1::submit_outcome::Kind::Refused(refusal) => ErrorCode::from_number(refusal.code),
                };
                assert_eq!(outcomes.insert(outcome.tag, refused), None, "answered twice");
            }
        }
    }
    for tag in 0..count {
        let expected = (tag == bad).then_some(ErrorCode::MissingField);
        assert_eq!(outcomes.get(&tag), Some(&expected), "tag {tag}");
    }
    world.served.stop().await;
}

/// No more is delivered than there is credit for; more credit brings the rest, then the session says that all that
/// waited has come. An acknowledgement that cannot be read is refused by its tag, and the session goes on.
#[tokio::test]
async fn a_session_delivers_as_far_as_credit_goes() {
    let world = World::new(&[], &["us.ctc", "ru.ctc"]).await;
    submit(&world, "us.ctc", "ru.ctc", 5, 10).await;
    let (mut session, opened) = Session::open(&world, "ru.ctc", 2).await;
    assert_eq!((opened.desk.as_str(), opened.waiting), ("ru.ctc", 5));
    for _ in 0..2 {
        assert!(matches!(session.next().await, Some(Down::Delivery(_))));
    }
    let tagged = v1::TaggedAcknowledgement {
        tag: 77,
        acknowledgement: None,
    };
    session.send(Up::Acknowledge(tagged)).await;
    let Some(Down::Settlement(settlement)) = session.next().await else {
        panic!("delivered beyond the credit");
    };
    assert_eq!(settlement.tag, 77);
    let Some(v1::settlement::Kind::Refused(refusal)) = settlement.kind else {
        panic!("{settlement:?}");
    };
    assert_eq!(
        ErrorCode::from_number(refusal.code),
        Some(ErrorCode::MissingField)
    );
    session.send(Up::Credit(v1::Credit { deliveries: 10 })).await;
    for _ in 0..3 {
        assert!(matches!(session.next().await, Some(Down::Delivery(_))));
    }
    assert!(matches!(session.next().await, Some(Down::CaughtUp(_))));
    world.served.stop().await;
}

/// A client may end its side and go on reading; a second opening ends the session with a reason.
#[tokio::test]
async fn a_session_is_opened_once_and_may_be_half_closed() {
    let world = World::new(&[], &["us.ctc", "ru.ctc"]).await;
    let (mut half, _) = Session::open(&world, "ru.ctc", 10).await;
    drop(half.up);
    assert!(matches!(
        half.down.message().await.unwrap().unwrap().kind,
        Some(Down::CaughtUp(_))
    ));
    submit(&world, "us.ctc", "ru.ctc", 1, 10).await;
    assert!(matches!(
        half.down.message().await.unwrap().unwrap().kind,
        Some(Down::Delivery(_))
    ));
    let (mut session, _) = Session::open(&world, "ru.ctc", 0).await;
    session.send(Up::Open(v1::OpenSession::default())).await;
    let refused = loop {
        match session.down.message().await {
            Ok(message) => assert!(message.is_some(), "it ended without a reason"),
            Err(status) => break status,
        }
    };
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::InvalidArgument, ErrorCode::InvalidRequest)
    );
    world.served.stop().await;
}

/// A drain tells open sessions why they end, and then they end.
#[tokio::test]
async fn a_drain_tells_sessions() {
    let world = World::new(&[], &["us.ctc", "ru.ctc"]).await;
    let (mut session, _) = Session::open(&world, "ru.ctc", 10).await;
    assert!(matches!(session.next().await, Some(Down::CaughtUp(_))));
    let stopping = tokio::spawn(world.served.stop());
    let Some(Down::Ending(ending)) = session.next().await else {
        panic!("it ended without a reason");
    };
    assert_eq!(ErrorCode::from_number(ending.code), Some(ErrorCode::Draining));
    assert!(session.next().await.is_none());
    assert_eq!(stopping.await.unwrap(), wardline::server::Stopped::Drained);
}

/// Revoking a session's TLS key ends the session with the reason, and the next call of the connection is refused.
#[tokio::test]
async fn revoking_a_key_cuts_its_sessions() {
    let world = World::new(&[], &["us.ctc", "ru.ctc"]).await;
    let (mut session, _) = Session::open(&world, "ru.ctc", 10).await;
    assert!(matches!(session.next().await, Some(Down::CaughtUp(_))));
    let mut exchange = world.exchange("ru.ctc").await;
    exchange
        .list_warnings(v1::ListWarningsRequest::default())
        .await
        .unwrap();
    let revocation = revocation_of_tls_key(&world, "ru.ctc").await;
    world.client("us.ctc").publish_key(&revocation).await.unwrap();
    let Some(Down::Ending(ending)) = session.next().await else {
        panic!("it ended without a reason");
    };
    assert_eq!(ErrorCode::from_number(ending.code), Some(ErrorCode::RevokedKey));
    assert!(session.next().await.is_none());
    let refused = exchange
        .list_warnings(v1::ListWarningsRequest::default())
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), ErrorCode::UnknownCertificate);
    world.served.stop().await;
}

/// A session whose client does not read is cut with its connection; another session of the same desk gets everything
/// meanwhile. Nothing waits on a clock here: the operator's figures say when the slow one is gone.
#[tokio::test]
async fn a_session_that_does_not_read_is_cut() {
    // Not the engine's bound: it would end the session with a reason, which may then still be read.
    let world = World::adjusted(&[], &["us.ctc", "ru.ctc"], |settings| {
        settings.edge.stall_ms_max = 1_500;
    })
    .await;
    let (mut slow, _) = Session::open(&world, "ru.ctc", 100).await;
    // More than the window of HTTP/2 (64 KiB), what is being written, and the queue take.
    let count = 4 + 1 + limits::OUTBOUND_QUEUE_MAX + 4;
    let (mut quick, _) = Session::open(&world, "ru.ctc", 100).await;
    let reading = tokio::spawn(async move {
        let mut deliveries = 0;
        while deliveries < count {
            if let Some(Down::Delivery(_)) = quick.next().await {
                deliveries += 1;
            }
        }
        quick
    });
    submit(&world, "us.ctc", "ru.ctc", count, 20_000).await;
    let _quick = reading.await.unwrap();
    let operator = world.operator();
    while operator.operator_status().await.unwrap().sessions > 1 {
        tokio::task::yield_now().await;
    }
    let cut = loop {
        match slow.down.message().await {
            Ok(message) => assert!(message.is_some(), "it ended as if nothing had happened"),
            Err(status) => break status,
        }
    };
    assert!(
        cut.get_details_error_info().is_none(),
        "a cut connection cannot say why"
    );
    world.served.stop().await;
}
