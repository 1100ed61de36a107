//! Commands: what is answered, proven and recorded.

use super::stage::Stage;
use crate::domain::*;
use crate::error::{ErrorCode, SideEffect};

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
