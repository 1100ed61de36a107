//! Commands: what is answered, proven and recorded.

use super::stage::Stage;
use crate::domain::*;
use crate::error::{ErrorCode, SideEffect};
use crate::relay::ReplayQuery;
use crate::world::World;

/// A warning to two desks gives receipts for ACCEPTED and both ROUTED records, which verify against the one checkpoint
/// beside them and are what was sent.
#[tokio::test]
async fn an_accepted_warning_is_proven() {
    let mut stage = Stage::new().await;
    let submission = stage.world.warning("us.ctc", &["ru.ctc/aviation", "fr.ctc"]);
    let proven = stage.submit("us.ctc", submission.clone()).await.unwrap();
    assert_eq!(proven.digest, submission.envelope.digest());
    assert!(!proven.repeated);
    let records = stage.proven(&proven);
    let RecordKind::Accepted(accepted) = &records[0].kind else {
        panic!("{:?}", records[0]);
    };
    assert_eq!(accepted.warning, submission.envelope);
    let desks: Vec<String> = records[1..]
        .iter()
        .map(|record| match &record.kind {
            RecordKind::Routed(routed) => routed.desk.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(desks, ["fr.ctc", "ru.ctc/aviation"]);
}

/// The same bytes again give the original receipts and no record, whatever lies beside them the second time.
#[tokio::test]
async fn the_same_bytes_give_the_original_receipts() {
    let mut stage = Stage::new().await;
    let submission = stage.world.warning("us.ctc", &["ru.ctc"]);
    let first = stage.submit("us.ctc", submission.clone()).await.unwrap();
    stage.accepted("us.ctc", &["fr.ctc"]).await;
    let size = stage.size();
    let again = Submission {
        openings: Vec::new(),
        ..submission
    };
    let second = stage.submit("us.ctc", again).await.unwrap();
    assert!(second.repeated);
    assert_eq!(second.digest, first.digest);
    assert_eq!(second.receipt.index, first.receipt.index);
    assert_eq!(second.receipt.record, first.receipt.record);
    assert_eq!(second.more.len(), 1);
    stage.proven(&second);
    assert_eq!(stage.size(), size, "nothing was recorded");
}

/// A refusal that the signature covers is recorded and proven, and so again when the same bytes come again; what lies
/// beside it leaves nothing.
#[tokio::test]
async fn refusals_are_proven_where_they_are_recorded() {
    let mut stage = Stage::new().await;
    let draft = stage.world.draft("us.ctc", &["ru.ctc"], &[]);
    let expired = draft.with(|header| header.expires = header.common.sent.checked_add_ms(-1));
    let submission = expired.sign("us.ctc");
    for repeated in [false, true] {
        let failure = stage.submit("us.ctc", submission.clone()).await.unwrap_err();
        assert_eq!(failure.code(), ErrorCode::ExpiresBeforeSent);
        assert_eq!(failure.side_effect, SideEffect::RejectionRecorded);
        let rejection = failure.rejection.unwrap();
        assert_eq!(rejection.repeated, repeated);
        assert_eq!(rejection.digest, submission.envelope.digest());
        let records = stage.proven(&rejection);
        assert!(
            matches!(&records[0].kind, RecordKind::Rejected(rejected) if rejected.code == "EXPIRES_BEFORE_SENT")
        );
    }
    let size = stage.size();
    let mut submission = stage.world.warning("us.ctc", &["ru.ctc"]);
    submission.hint.lane = Some(Lane::Routine);
    let failure = stage.submit("us.ctc", submission).await.unwrap_err();
    assert_eq!(
        (failure.code(), failure.side_effect),
        (ErrorCode::HintMismatch, SideEffect::None)
    );
    assert_eq!(stage.size(), size);
}

/// Streams outlive the look at their caller: when the TLS key of a session is revoked, what comes over its streams after
/// that is refused and leaves nothing, and a replay that runs ends. The agency's other key does all of it.
#[tokio::test]
async fn a_revoked_session_does_and_reads_nothing_more() {
    let mut stage = Stage::new().await;
    let second_key = stage
        .world
        .certificate("us.ctc", KeyRole::Tls, 1, "root:us", |_| ());
    stage
        .relay
        .publish_key(&stage.caller("us.ctc"), second_key)
        .await
        .unwrap();
    stage.look();
    let theirs = stage.accepted("ru.ctc", &["us.ctc"]).await;
    let ours = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let revoked = stage.caller("us.ctc");
    let mut replay = stage
        .relay
        .replay(&revoked, &ReplayQuery::default())
        .await
        .unwrap();
    replay.next().await.unwrap().unwrap();
    let key = World::keyid("us.ctc", KeyRole::Tls, 0);
    let revocation = stage.world.revocation("root:us", KeyRole::Root, "us.ctc", key);
    stage
        .relay
        .publish_key(&stage.caller("fr.ctc"), revocation)
        .await
        .unwrap();
    stage.look();

    let size = stage.size();
    let warning = stage.world.warning("us.ctc", &["ru.ctc"]);
    let answer = stage
        .world
        .acknowledgement("us.ctc", &theirs, AcknowledgementKind::Accepted, |_| ());
    let desks = stage.world.desks("us.ctc", &["us.ctc/rail"]);
    let relay = stage.relay.clone();
    for refused in [
        relay.submit(&revoked, warning.clone()).await,
        relay.submit(&revoked, ours).await,
        relay.acknowledge(&revoked, answer.clone()).await,
        relay.publish_desks(&revoked, desks.clone()).await,
    ] {
        let failure = refused.unwrap_err();
        assert_eq!(
            (failure.code(), failure.side_effect),
            (ErrorCode::RevokedKey, SideEffect::None)
        );
    }
    assert_eq!(stage.size(), size, "nothing is recorded");
    let failure = replay.next().await.unwrap().unwrap_err();
    assert_eq!(failure.code(), ErrorCode::RevokedKey);
    assert!(replay.next().await.is_none());

    let other = relay
        .authenticate(&World::keyid("us.ctc", KeyRole::Tls, 1))
        .unwrap();
    relay.submit(&other, warning).await.unwrap();
    relay.acknowledge(&other, answer).await.unwrap();
    relay.publish_desks(&other, desks).await.unwrap();
}
