//! Sealed warnings over a running engine: each agency gets its own wrap, and nobody another's.

use super::stage::Stage;
use crate::domain::*;
use crate::journal::{Journal as _, PartKind};
use crate::limits;
use crate::relay::SessionEvent;
use crate::seal;
use crate::world::{World, parsed};

/// A sealed warning is delivered with the desk's agency's wrap, and shown with the caller's own: the originator's opens answers
/// too, an auditor sees none. After a restart all of it is there.
#[tokio::test]
async fn each_agency_gets_its_own_wrap() {
    let mut stage = Stage::new().await;
    let draft = stage.world.draft("us.ctc", &["ru.ctc", "fr.ctc"], &[]).sealed();
    let submission = draft.sign("us.ctc");
    stage.submit("us.ctc", submission.clone()).await.unwrap();
    stage.look();
    let digest = submission.envelope.digest();
    let opens = |agency: &str, wrapped: &[u8]| {
        let of: AgencyId = parsed(agency);
        seal::open_wrap(&World::seal_key(agency, 0), &digest, &of, wrapped).is_ok()
    };
    for stage in [&stage.restart().await] {
        let caller = stage.caller("ru.ctc");
        let session = stage.relay.open_session(&caller, None, 4).await;
        let Some(SessionEvent::Delivery(delivery)) = session.unwrap().next().await else {
            panic!()
        };
        assert_eq!(delivery.body.unwrap().content, submission.body.content);
        let wrapped = delivery.wrapped.unwrap();
        assert!(opens("ru.ctc", &wrapped) && !opens("fr.ctc", &wrapped));
        let name = WarningName::Digest(digest);
        for (caller, shown) in [("us.ctc", 1), ("ru.ctc", 1), ("fr.ctc", 1)] {
            let view = stage
                .relay
                .warning(&stage.caller(caller), &name, "")
                .await
                .unwrap();
            assert_eq!(view.wraps.len(), shown, "{caller}");
            for wrap in &view.wraps {
                assert_eq!(wrap.agency, parsed(caller));
                assert!(opens(caller, &wrap.wrapped), "{caller}");
            }
        }
    }
}

/// What is due goes with all that opens it: no wrap is left beside any record, the originator's own neither, and whoever
/// asks or is delivered to gets the envelope with neither body nor wrap, also after a restart.
#[tokio::test]
async fn wraps_are_erased_with_their_body() {
    let mut stage = Stage::new().await;
    let draft = stage.world.draft("us.ctc", &["ru.ctc", "fr.ctc"], &[]).sealed();
    let submission = draft.sign("us.ctc");
    let accepted = stage.submit("us.ctc", submission.clone()).await.unwrap();
    stage.look();
    let records = accepted.receipt.index..stage.size();
    assert_eq!(
        wrapped_beside(&stage, records.clone()).await,
        records.clone().count()
    );
    stage
        .clock
        .advance_ms(i64::from(limits::RETENTION_ORDINARY_DAYS + 400) * 24 * 3_600_000);
    stage.relay.engine.eraser.run().await.unwrap();
    stage.look();
    assert_eq!(wrapped_beside(&stage, records).await, 0);
    let stage = stage.restart().await;
    let name = WarningName::Digest(submission.envelope.digest());
    for caller in ["us.ctc", "ru.ctc", "fr.ctc"] {
        let caller = stage.caller(caller);
        let view = stage.relay.warning(&caller, &name, "").await.unwrap();
        assert!(view.envelope.is_some() && view.body.is_none() && view.wraps.is_empty());
    }
    let caller = stage.caller("ru.ctc");
    let session = stage.relay.open_session(&caller, None, 4).await;
    let Some(SessionEvent::Delivery(delivery)) = session.unwrap().next().await else {
        panic!()
    };
    assert_eq!(delivery.envelope, submission.envelope);
    assert!(delivery.body.is_none() && delivery.wrapped.is_none());
}

/// Beside how many of these records a wrap lies.
async fn wrapped_beside(stage: &Stage, records: std::ops::Range<u64>) -> usize {
    let mut found = 0;
    for index in records {
        let part = stage.journal.part(index, PartKind::Wrap).await.unwrap();
        found += usize::from(part.is_some());
    }
    found
}

/// A warning in clear has no wraps, wherever it is shown.
#[tokio::test]
async fn a_warning_in_clear_has_none() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let name = WarningName::Digest(sent.envelope.digest());
    for caller in ["us.ctc", "ru.ctc"] {
        let view = stage
            .relay
            .warning(&stage.caller(caller), &name, "")
            .await
            .unwrap();
        assert!(view.wraps.is_empty() && view.body.is_some());
    }
}
