//! What an auditor holds of a bucket moves under a new key; the rest goes with the old one, wherever the process ends in between.

use super::retention::{DAY_MS, LATE_MS, hold, replayed, said, seen};
use super::stage::Stage;
use crate::domain::*;
use crate::journal::memory::Fault;
use crate::journal::{Journal as _, Part, PartKind};
use crate::ledger::{Command, Erasure, Facts as _};
use crate::limits;
use crate::relay::parts;
use crate::relay::sequencer::Answer;
use crate::time::Clock as _;

/// A warning that is held, another of the same bucket that is not, and their bucket, which is due.
async fn one_is_held() -> (Stage, Submission, Submission, Bucket) {
    let (mut stage, held, _) = said().await;
    let other = stage.accepted("us.ctc", &["fr.ctc"]).await;
    let bucket = bucket_of(&stage, &held);
    assert_eq!(bucket, bucket_of(&stage, &other));
    stage.clock.advance_ms(LATE_MS);
    stage.world.now = stage.clock.now();
    hold(&mut stage, 10 * DAY_MS, &[], &["ru.ctc"]).await.unwrap();
    (stage, held, other, bucket)
}

fn bucket_of(stage: &Stage, sent: &Submission) -> Bucket {
    let fact = stage.index.warning(&sent.envelope.digest()).unwrap().unwrap();
    fact.bucket(fact.expires)
}

/// What is held is read as before, text and all; what is not is erased and told; the key that both were under is gone, and so is
/// what lay under it. When the hold has ended, the rest goes.
#[tokio::test]
async fn what_is_held_moves_and_the_rest_goes() {
    let (stage, held, other, bucket) = one_is_held().await;
    let before = stage.keyring.key(bucket).unwrap();
    let accepted = stage.index.warning(&held.envelope.digest()).unwrap().unwrap();
    let part = stage.journal.part(accepted.accepted, PartKind::Body).await;
    let part = part.unwrap().unwrap();
    stage.relay.engine.eraser.run().await.unwrap();
    let mut stage = stage.restart().await;
    stage.relay.engine.eraser.run().await.unwrap();
    assert_eq!(seen(&stage, &held).await, (true, true, vec![]));
    let (body, _, told) = seen(&stage, &other).await;
    assert_eq!((body, told.len()), (false, 1));
    assert_eq!(stage.keyring.destroyed(), []);
    assert!(!stage.keyring.keys(bucket).contains(&before));
    assert_eq!(parts::detached(&part, &stage.keyring).unwrap(), None);
    stage.clock.advance_ms(11 * DAY_MS);
    stage.relay.engine.eraser.run().await.unwrap();
    assert_eq!(seen(&stage, &held).await.2.len(), 3);
    assert!(stage.keyring.keys(bucket).is_empty());
    stage.look();
    replayed(&stage).await;
}

/// A sealed warning that is held keeps its wraps.
#[tokio::test]
async fn what_is_held_keeps_its_wraps() {
    let mut stage = Stage::new().await;
    let draft = stage.world.draft("us.ctc", &["ru.ctc"], &[]).sealed();
    let held = draft.sign("us.ctc");
    stage.submit("us.ctc", held.clone()).await.unwrap();
    stage.look();
    let other = stage.accepted("us.ctc", &["fr.ctc"]).await;
    stage.clock.advance_ms(LATE_MS);
    stage.world.now = stage.clock.now();
    hold(&mut stage, DAY_MS, &[], &["ru.ctc"]).await.unwrap();
    stage.relay.engine.eraser.run().await.unwrap();
    assert!(!seen(&stage, &other).await.0);
    let name = WarningName::Digest(held.envelope.digest());
    for caller in ["us.ctc", "ru.ctc"] {
        let caller = stage.caller(caller);
        let view = stage.relay.warning(&caller, &name, "").await.unwrap();
        assert_eq!((view.body.is_some(), view.wraps.len()), (true, 1));
    }
}

/// Wherever the moving or the telling fails or is cut, it is gone on with: in the end what is held is there, the rest is told, and
/// the old key is gone.
#[tokio::test]
async fn a_cut_in_the_moving_is_made_good() {
    for fault in [Fault::NotApplied, Fault::LostUnknown, Fault::PersistedUnknown] {
        for writes in 0..4 {
            let (stage, held, other, bucket) = one_is_held().await;
            let before = stage.keyring.key(bucket).unwrap();
            stage.journal.fail_after(writes, fault);
            let row = format!("{fault:?} after {writes}");
            stage.relay.engine.eraser.run().await.expect_err(&row);
            let stage = match fault {
                Fault::NotApplied => stage,
                Fault::LostUnknown | Fault::PersistedUnknown => stage.restart().await,
            };
            stage.relay.engine.eraser.run().await.unwrap();
            assert_eq!(seen(&stage, &held).await, (true, true, vec![]), "{row}");
            let (body, _, told) = seen(&stage, &other).await;
            assert_eq!((body, told.len()), (false, 1), "{row}");
            assert_eq!(stage.keyring.destroyed(), [], "{row}");
            assert!(!stage.keyring.keys(bucket).contains(&before), "{row}");
            stage.clock.advance_ms(11 * DAY_MS);
            stage.relay.engine.eraser.run().await.unwrap();
            replayed(&stage).await;
        }
    }
}

/// What was moved when its hold ended before the old key was gone stays for one more run, and no longer.
#[tokio::test]
async fn what_was_moved_in_vain_goes_too() {
    let (stage, held, other, bucket) = one_is_held().await;
    // Both of what is held were moved; the first record was not appended, and its key stayed.
    stage.journal.fail_after(1, Fault::NotApplied);
    stage.relay.engine.eraser.run().await.unwrap_err();
    assert_eq!(stage.keyring.keys(bucket).len(), 2);
    stage.clock.advance_ms(11 * DAY_MS);
    for _ in 0..2 {
        stage.relay.engine.eraser.run().await.unwrap();
    }
    for (sent, told) in [(&held, 3), (&other, 1)] {
        assert_eq!(seen(&stage, sent).await.2.len(), told);
    }
    assert!(stage.keyring.keys(bucket).is_empty());
    replayed(&stage).await;
}

/// What an older version stored plain is removed from the journal also where the process ended after the log had told of it.
#[tokio::test]
async fn what_lay_plain_is_removed_after_a_cut() {
    let (stage, sent, _) = said().await;
    let fact = stage.index.warning(&sent.envelope.digest()).unwrap().unwrap();
    let bucket = fact.bucket(fact.expires);
    stage.journal.damage(Part {
        index: fact.accepted,
        kind: PartKind::Body,
        format: 1,
        bucket: 0,
        bytes: [&sent.body.salt[..], &sent.body.content].concat().into(),
    });
    assert!(seen(&stage, &sent).await.0);
    stage.clock.advance_ms(LATE_MS);
    for part in stage.index.kept(bucket, 16).unwrap() {
        let erasure = Erasure {
            thread: part.thread,
            erased: Erased {
                index: part.index,
                bucket,
                days: limits::RETENTION_ORDINARY_DAYS,
            },
            looked: stage.relay.durable().borrow().directory.position(),
            begun: false,
        };
        let answer = stage.relay.engine.queue.ask(Command::Erase(erasure), 0).await;
        assert!(matches!(answer, Ok(Answer::Recorded { .. })));
    }
    let stage = stage.restart().await;
    let left = stage.journal.part(fact.accepted, PartKind::Body).await.unwrap();
    assert_eq!(left, None);
    assert_eq!(stage.keyring.destroyed(), []);
}

/// The three desks that a warning goes to whose erasure may be cut between them.
const DESKS: [&str; 3] = ["fr.ctc", "ru.ctc", "ru.ctc/aviation"];

/// Of a bucket of which something is held, what goes is told in each of its threads, also where they lie on two pages.
#[tokio::test]
async fn threads_on_two_pages_are_all_told() {
    let mut stage = Stage::new().await;
    let held = stage.accepted("us.ctc", &DESKS).await;
    let mut others = Vec::new();
    for _ in 0..=limits::RETENTION_BATCH / DESKS.len() {
        others.push(stage.accepted("us.ctc", &DESKS).await);
    }
    let split = limits::RETENTION_BATCH % DESKS.len();
    assert_ne!(split, 0, "no warning is on two pages");
    stage.clock.advance_ms(LATE_MS);
    stage.world.now = stage.clock.now();
    hold(&mut stage, 10 * DAY_MS, &[held.envelope.digest()], &[])
        .await
        .unwrap();
    stage.relay.engine.eraser.run().await.unwrap();
    assert_eq!(seen(&stage, &held).await, (true, false, vec![]));
    for other in others {
        let (body, _, told) = seen(&stage, &other).await;
        assert_eq!((body, told.len()), (false, 3));
        let accepted = stage.index.warning(&other.envelope.digest()).unwrap().unwrap();
        let left = stage
            .journal
            .part(accepted.accepted, PartKind::Body)
            .await
            .unwrap();
        assert_eq!(left, None);
    }
}

/// Where the process ends after one of a warning's threads told of its erasure and something else of the bucket is held, the others tell
/// too; also where an earlier version removed the body at once. The body lies there until the last of them has told.
#[tokio::test]
async fn a_cut_between_the_threads_of_a_warning_is_made_good() {
    for removed in [false, true] {
        let mut stage = Stage::new().await;
        let held = stage.accepted("us.ctc", &["ru.ctc"]).await;
        let other = stage.accepted("us.ctc", &DESKS).await;
        stage.clock.advance_ms(LATE_MS);
        stage.world.now = stage.clock.now();
        hold(&mut stage, 10 * DAY_MS, &[held.envelope.digest()], &[])
            .await
            .unwrap();
        // The held body is moved, and then no block is appended, however many the three threads are told in.
        stage.journal.fail_after(1, Fault::NotApplied);
        stage.journal.fail_next(Fault::NotApplied);
        stage.journal.fail_next(Fault::NotApplied);
        stage.relay.engine.eraser.run().await.unwrap_err();
        let bucket = bucket_of(&stage, &other);
        let accepted = stage.index.warning(&other.envelope.digest()).unwrap().unwrap();
        let accepted = accepted.accepted;
        let kept = stage.index.kept(bucket, 16).unwrap();
        let first = kept.into_iter().find(|part| part.index == accepted).unwrap();
        let erasure = Erasure {
            thread: first.thread,
            erased: Erased {
                index: accepted,
                bucket,
                days: limits::RETENTION_EXERCISE_DAYS,
            },
            looked: stage.relay.durable().borrow().directory.position(),
            begun: false,
        };
        let queue = &stage.relay.engine.queue;
        while !matches!(
            queue.ask(Command::Erase(erasure.clone()), 0).await,
            Ok(Answer::Recorded { .. })
        ) {}
        assert_eq!(seen(&stage, &other).await.2.len(), 1);
        if removed {
            stage.journal.erase(accepted, PartKind::Body).await.unwrap();
        }
        let eraser = stage.relay.engine.eraser.clone();
        stage.journal.hold();
        let running = tokio::spawn(async move { eraser.run().await });
        while !stage.journal.holds() && !running.is_finished() {
            tokio::task::yield_now().await;
        }
        let left = stage.journal.part(accepted, PartKind::Body).await.unwrap();
        assert_eq!(left.is_none(), removed);
        stage.journal.release();
        running.await.unwrap().unwrap();
        assert_eq!(seen(&stage, &held).await, (true, false, vec![]));
        assert_eq!(seen(&stage, &other).await.2.len(), 3);
        let left = stage.journal.part(accepted, PartKind::Body).await.unwrap();
        assert_eq!((left, stage.keyring.destroyed()), (None, vec![]));
        let stage = stage.restart().await;
        stage.clock.advance_ms(11 * DAY_MS);
        stage.relay.engine.eraser.run().await.unwrap();
        replayed(&stage).await;
    }
}
