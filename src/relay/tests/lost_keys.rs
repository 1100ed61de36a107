//! What a relay does without the keys of what it stored: the bodies are absent, and nothing else is.

use std::sync::Arc;

use super::stage::Stage;
use crate::domain::*;
use crate::journal::{Journal as _, PartKind};
use crate::limits;
use crate::relay::{ReplayQuery, SessionEvent};
use crate::retention::Keyring;

const DAY_MS: i64 = 24 * 3_600_000;

/// What `ru.ctc` is delivered of `count` warnings: whether each has its body.
async fn delivered(stage: &Stage, count: usize) -> Vec<bool> {
    let mut session = stage
        .relay
        .open_session(&stage.caller("ru.ctc"), None, 4)
        .await
        .unwrap();
    let mut bodies = Vec::new();
    for _ in 0..count {
        let Some(SessionEvent::Delivery(delivery)) = session.next().await else {
            panic!("the session ended after {bodies:?}")
        };
        assert_eq!(delivery.body.is_some(), delivery.wrapped.is_some());
        bodies.push(delivery.body.is_some());
        session.handle().handed_over(delivery.number);
    }
    bodies
}

/// How many bodies a replay brings, to its end.
async fn replayed(stage: &Stage) -> usize {
    let query = ReplayQuery {
        with_parts: true,
        ..ReplayQuery::default()
    };
    let caller = stage.caller("us.ctc");
    let mut replay = stage.relay.replay(&caller, &query).await.unwrap();
    let mut parts = 0;
    while let Some(record) = replay.next().await {
        parts += usize::from(record.unwrap().part.is_some());
    }
    parts
}

async fn sealed(stage: &mut Stage) -> Submission {
    let draft = stage.world.draft("us.ctc", &["ru.ctc"], &[]).sealed();
    let submission = draft.sign("us.ctc");
    stage.submit("us.ctc", submission.clone()).await.unwrap();
    stage.look();
    submission
}

/// Without the keys, the next warning of the same bucket gets a new one: what was said before is absent, in views, deliveries
/// and replays, and what is said after is there.
#[tokio::test]
async fn what_is_under_a_lost_key_is_absent() {
    let mut stage = Stage::new().await;
    let before = sealed(&mut stage).await;
    stage.keyring = Arc::new(Keyring::in_memory());
    let mut stage = stage.restart().await;
    let after = sealed(&mut stage).await;
    for (sent, shown) in [(before, false), (after, true)] {
        let name = WarningName::Digest(sent.envelope.digest());
        let caller = stage.caller("us.ctc");
        let view = stage.relay.warning(&caller, &name, "").await.unwrap();
        assert_eq!((view.body.is_some(), view.wraps.len() == 1), (shown, shown));
    }
    let mut bodies = delivered(&stage, 2).await;
    bodies.sort_unstable();
    assert_eq!(bodies, [false, true]);
    assert_eq!(replayed(&stage).await, 1);
    assert_eq!(stage.relay.meters().parts_damaged.value(), 0);
}

/// One damaged body or wrap is absent with the other, a person is told, and nothing else is kept from anybody.
#[tokio::test]
async fn what_is_damaged_ends_nothing() {
    for kind in [PartKind::Body, PartKind::Wrap] {
        let mut stage = Stage::new().await;
        let sent = sealed(&mut stage).await;
        let accepted = stage.size() - 2;
        let index = match kind {
            PartKind::Wrap => accepted + 1,
            PartKind::Body | PartKind::Text | PartKind::InboxOpening => accepted,
        };
        let mut part = stage.journal.part(index, kind).await.unwrap().unwrap();
        let mut bytes = part.bytes.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        part.bytes = bytes.into();
        stage.journal.damage(part);
        sealed(&mut stage).await;
        let name = WarningName::Digest(sent.envelope.digest());
        let caller = stage.caller("ru.ctc");
        let view = stage.relay.warning(&caller, &name, "").await.unwrap();
        assert!(view.envelope.is_some() && view.body.is_none() && view.wraps.is_empty());
        let mut bodies = delivered(&stage, 2).await;
        bodies.sort_unstable();
        assert_eq!(bodies, [false, true], "{kind:?}");
        assert_eq!(replayed(&stage).await, 1 + usize::from(kind == PartKind::Wrap));
        assert!(stage.relay.meters().parts_damaged.value() > 0);
    }
}

/// A key that is due and of which nothing is kept, as that of a block that was lost or one that came back with an older copy,
/// is destroyed, and nothing is told; one that is not due stays.
#[tokio::test]
async fn what_nothing_needs_is_destroyed() {
    let stage = Stage::new().await;
    let today = crate::time::Clock::now(&stage.clock).unix_ms() / DAY_MS;
    let day = |days: i64| u32::try_from(today + days).unwrap();
    let of = |day| Bucket::new(RetentionClass::Exercise, day).unwrap();
    let rule = i64::from(limits::RETENTION_EXERCISE_DAYS);
    let (due, later) = (of(day(-rule - 2)), of(day(-rule)));
    for bucket in [due, later] {
        stage.keyring.ensure(bucket).unwrap();
    }
    let size = stage.size();
    stage.relay.engine.eraser.run().await.unwrap();
    assert!(stage.keyring.key(due).is_none() && stage.keyring.key(later).is_some());
    assert_eq!((stage.size(), stage.keyring.destroyed()), (size, vec![]));
}
