//! Erasure among whatever comes between its steps: holds, failed writes of the journal and of the keys. What is destroyed is
//! told to its end, by a log that whoever replays it accepts.

use std::sync::Arc;

use super::retention::{DAY_MS, LATE_MS, hold, replayed, said, seen};
use super::stage::Stage;
use crate::domain::*;
use crate::error::ErrorCode;
use crate::journal::memory::Fault;
use crate::ledger::{Command, Erasure, Facts as _, ThreadKey};
use crate::limits;
use crate::relay::sequencer::Answer;
use crate::retention::Keyring;
use crate::time::Clock as _;
use crate::world::parsed;

/// A hold that comes between the first and the last record of a bucket's erasure keeps nothing, because nothing is left: the
/// next start tells the rest, also days later, and replays accept it.
#[tokio::test]
async fn what_is_begun_is_told_to_its_end() {
    let (mut stage, sent, _) = said().await;
    stage.clock.advance_ms(LATE_MS);
    stage.world.now = stage.clock.now();
    let thread = ThreadKey {
        warning: sent.envelope.digest(),
        desk: parsed("fr.ctc"),
    };
    let fact = stage.index.warning(&thread.warning).unwrap().unwrap();
    let erasure = Erasure {
        thread,
        erased: Erased {
            index: fact.accepted,
            bucket: fact.bucket(fact.expires),
            days: limits::RETENTION_EXERCISE_DAYS,
        },
        looked: stage.relay.durable().borrow().directory.position(),
        begun: false,
    };
    let answer = stage.relay.engine.queue.ask(Command::Erase(erasure), 0).await;
    assert!(matches!(answer, Ok(Answer::Recorded { .. })));
    stage.look();
    hold(&mut stage, 10 * DAY_MS, &[], &["ru.ctc"]).await.unwrap();
    stage.clock.advance_ms(2 * DAY_MS);
    let stage = stage.restart().await;
    let (body, text, told) = seen(&stage, &sent).await;
    assert_eq!((body, text, told.len()), (false, false, 3));
    assert_eq!(stage.keyring.destroyed(), []);
    replayed(&stage).await;
}

/// What is told is told once, whoever asks again: one that was cut off knows nothing of what became of it.
#[tokio::test]
async fn what_is_told_is_told_once() {
    let (stage, sent, _) = said().await;
    stage.clock.advance_ms(LATE_MS);
    let fact = stage.index.warning(&sent.envelope.digest()).unwrap().unwrap();
    let erasure = Erasure {
        thread: ThreadKey {
            warning: sent.envelope.digest(),
            desk: parsed("fr.ctc"),
        },
        erased: Erased {
            index: fact.accepted,
            bucket: fact.bucket(fact.expires),
            days: limits::RETENTION_ORDINARY_DAYS,
        },
        looked: stage.relay.durable().borrow().directory.position(),
        begun: false,
    };
    let queue = &stage.relay.engine.queue;
    let ask = || queue.ask(Command::Erase(erasure.clone()), 0);
    // In one block, and in a later one.
    let (one, two) = tokio::join!(ask(), ask());
    let answers = [one.unwrap(), two.unwrap(), ask().await.unwrap()];
    let recorded = answers.iter().filter(|it| matches!(it, Answer::Recorded { .. }));
    assert_eq!(recorded.count(), 1);
    assert_eq!(seen(&stage, &sent).await.2.len(), 1);
}

/// While a key is destroyed and no record tells it, no hold is placed: it would stand before the erasure, as if it had been
/// broken.
#[tokio::test]
async fn a_hold_waits_for_what_is_not_told() {
    for restarts in [false, true] {
        let (mut stage, sent, _) = said().await;
        stage.clock.advance_ms(LATE_MS);
        stage.world.now = stage.clock.now();
        stage.journal.fail_next(Fault::NotApplied);
        stage.relay.engine.eraser.run().await.unwrap_err();
        assert_eq!(stage.keyring.destroyed().len(), 1);
        if restarts {
            let mut next = stage.restart().await;
            next.look();
            hold(&mut next, DAY_MS, &[], &["ru.ctc"]).await.unwrap();
            replayed(&next).await;
            continue;
        }
        let refused = hold(&mut stage, DAY_MS, &[], &["ru.ctc"]).await;
        assert_eq!(refused, Err(ErrorCode::Unavailable));
        stage.relay.engine.eraser.run().await.unwrap();
        stage.look();
        hold(&mut stage, DAY_MS, &[], &["ru.ctc"]).await.unwrap();
        assert_eq!(seen(&stage, &sent).await.2.len(), 3);
        replayed(&stage).await;
    }
}

/// What fails with one bucket keeps no other: that one is told at the next run.
#[tokio::test]
async fn one_bucket_waits_for_no_other() {
    let (mut stage, first, _) = said().await;
    stage.clock.advance_ms(3 * DAY_MS);
    stage.world.now = stage.clock.now();
    let second = stage.accepted("us.ctc", &["fr.ctc"]).await;
    stage.clock.advance_ms(LATE_MS);
    stage.journal.fail_next(Fault::NotApplied);
    stage.relay.engine.eraser.run().await.unwrap_err();
    assert_eq!(stage.keyring.destroyed().len(), 1);
    assert_eq!(seen(&stage, &second).await.2.len(), 1);
    assert_eq!(seen(&stage, &first).await.2.len(), 0);
    stage.relay.engine.eraser.run().await.unwrap();
    assert_eq!(seen(&stage, &first).await.2.len(), 3);
    replayed(&stage).await;
}

/// The keys of all days that a warning may expire on are there before it comes. Where they are not, and cannot be written,
/// the sender is told to try again, and so is an erasure; the engine goes on.
#[tokio::test]
async fn keys_that_cannot_be_written_end_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    let (away, file) = (directory.path().join("away"), keys.join("buckets"));
    let mut stage = Stage::new().await;
    stage.keyring = Arc::new(Keyring::open(&file, directory.path()).unwrap());
    std::fs::rename(&keys, &away).unwrap();
    let mut stage = stage.restart().await;
    let submission = stage.world.warning("us.ctc", &["ru.ctc"]);
    let failure = stage.submit("us.ctc", submission.clone()).await.unwrap_err();
    assert_eq!(failure.code(), ErrorCode::Unavailable);
    std::fs::rename(&away, &keys).unwrap();
    stage.submit("us.ctc", submission.clone()).await.unwrap();

    stage.relay.engine.eraser.run().await.unwrap();
    let today = stage.clock.now().unix_ms() / DAY_MS;
    for day in [today, today + limits::LIFETIME_MS_MAX / DAY_MS + 1] {
        let bucket = Bucket::new(RetentionClass::PersonalData, u32::try_from(day).unwrap()).unwrap();
        assert!(stage.keyring.key(bucket).is_some());
    }

    stage.clock.advance_ms(LATE_MS);
    std::fs::rename(&keys, &away).unwrap();
    stage.relay.engine.eraser.run().await.unwrap_err();
    assert_eq!(seen(&stage, &submission).await, (true, false, vec![]));
    std::fs::rename(&away, &keys).unwrap();
    stage.relay.engine.eraser.run().await.unwrap();
    assert_eq!(seen(&stage, &submission).await.2.len(), 1);
}

/// By a clock that ran far ahead nothing is destroyed, also after a start and though the log has gone on by it; once an operator
/// says that it is right, what is due is.
#[tokio::test]
async fn a_clock_that_ran_ahead_destroys_nothing() {
    let (mut stage, sent, _) = said().await;
    stage.relay.engine.eraser.run().await.unwrap();
    let before = stage.clock.now();
    for checked_until in [None, None, Some(before)] {
        stage.clock_checked_until = checked_until;
        stage = stage.restart().await;
        stage.clock.set(before.saturating_add_ms(LATE_MS));
        stage.relay.engine.eraser.run().await.unwrap_err();
        assert!(seen(&stage, &sent).await.0);
    }
    stage.clock_checked_until = Some(before.saturating_add_ms(2 * LATE_MS));
    let stage = stage.restart().await;
    stage.relay.engine.eraser.run().await.unwrap();
    assert!(!seen(&stage, &sent).await.0);
}
