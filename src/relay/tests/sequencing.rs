//! The sequencer: group commit, faults of the journal and the index, and what a restart finds.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::stage::{Stage, open};
use crate::domain::*;
use crate::error::{ErrorCode, SideEffect};
use crate::journal::memory::Fault;
use crate::journal::{Index, Journal, MemoryJournal};
use crate::relay::sequencer::Phase;
use crate::relay::{OpenError, ReplayQuery};
use crate::world::World;

/// How many ACCEPTED records the journal holds of each warning.
async fn accepted_of(journal: &MemoryJournal, submissions: &[Submission]) -> Vec<usize> {
    let records = journal.read(0, usize::MAX, usize::MAX).await.unwrap();
    let accepted: Vec<Digest> = records
        .iter()
        .filter_map(|(_, bytes)| match crate::wire::record(bytes).unwrap().kind {
            RecordKind::Accepted(accepted) => Some(accepted.warning.digest()),
            _ => None,
        })
        .collect();
    let count = |submission: &Submission| {
        let digest = submission.envelope.digest();
        accepted.iter().filter(|accepted| **accepted == digest).count()
    };
    submissions.iter().map(count).collect()
}

/// A hundred submissions at once, on a journal that is slow for the first of them: one chain, every proof verifies, and
/// what came while the first block was written went out together.
#[tokio::test]
async fn what_comes_while_a_block_is_written_goes_together() {
    let mut stage = Stage::new().await;
    let submissions: Vec<Submission> = (0..100)
        .map(|_| stage.world.warning("us.ctc", &["ru.ctc", "fr.ctc"]))
        .collect();
    let before = stage.relay.meters().blocks.value();
    stage.journal.hold();
    let before_in = stage.relay.engine.queue.let_in();
    let mut tasks = Vec::new();
    let caller = stage.caller("us.ctc");
    for submission in submissions {
        let (relay, caller) = (stage.relay.clone(), caller.clone());
        tasks.push(tokio::spawn(
            async move { relay.submit(&caller, submission).await },
        ));
    }
    // All are under way before the first block is written: how many of them it took does not matter.
    while stage.relay.engine.queue.let_in() < before_in + tasks.len() {
        tokio::task::yield_now().await;
    }
    stage.journal.release();
    let mut indexes = BTreeSet::new();
    for task in tasks {
        let proven = task.await.unwrap().unwrap();
        stage.proven(&proven);
        indexes.insert(proven.receipt.index);
        indexes.extend(proven.more.iter().map(|receipt| receipt.index));
    }
    assert_eq!(indexes.len(), 300, "each record has an index of its own");
    assert_eq!(stage.size(), indexes.last().unwrap() + 1);
    let blocks = stage.relay.meters().blocks.value() - before;
    assert!(blocks <= 3, "{blocks} blocks for 100 submissions");
}

/// Of equal submissions in one batch the first is recorded, and the others get its receipts.
#[tokio::test]
async fn duplicates_inside_a_batch_are_one() {
    let mut stage = Stage::new().await;
    let submission = stage.world.warning("us.ctc", &["ru.ctc"]);
    stage.journal.hold();
    let before_in = stage.relay.engine.queue.let_in();
    let mut tasks = Vec::new();
    let caller = stage.caller("us.ctc");
    for _ in 0..10 {
        let (relay, caller, submission) = (stage.relay.clone(), caller.clone(), submission.clone());
        tasks.push(tokio::spawn(
            async move { relay.submit(&caller, submission).await },
        ));
    }
    while stage.relay.engine.queue.let_in() < before_in + tasks.len() {
        tokio::task::yield_now().await;
    }
    stage.journal.release();
    let mut fresh = 0;
    let mut indexes = BTreeSet::new();
    for task in tasks {
        let proven = task.await.unwrap().unwrap();
        fresh += usize::from(!proven.repeated);
        indexes.insert(proven.receipt.index);
    }
    assert_eq!((fresh, indexes.len()), (1, 1));
    assert_eq!(accepted_of(&stage.journal, &[submission]).await, [1]);
}

/// The fault table: each way for an append to go wrong, at each of three appends, then a restart. What was answered is
/// there, nothing is there twice, and the same bytes give the original receipts or are recorded now.
#[tokio::test]
async fn every_fault_is_found_out_by_a_restart() {
    for fault in [Fault::NotApplied, Fault::LostUnknown, Fault::PersistedUnknown] {
        for at in 0..3 {
            let mut stage = Stage::new().await;
            let submissions: Vec<Submission> = (0..3)
                .map(|_| stage.world.warning("us.ctc", &["ru.ctc"]))
                .collect();
            stage.journal.fail_after(at, fault);
            let mut answers = Vec::new();
            for submission in &submissions {
                answers.push(stage.submit("us.ctc", submission.clone()).await);
            }
            for (n, answer) in answers.iter().enumerate() {
                let fails = match fault {
                    Fault::NotApplied => n == at,
                    Fault::LostUnknown | Fault::PersistedUnknown => n >= at,
                };
                match answer {
                    Ok(_) => assert!(!fails, "{fault:?} at {at}: {n}"),
                    Err(failure) => {
                        assert!(fails, "{fault:?} at {at}: {n}");
                        assert_eq!(failure.code(), ErrorCode::Unavailable);
                        assert_eq!(failure.side_effect, SideEffect::Unknown);
                    }
                }
            }
            if fault != Fault::NotApplied {
                stage.relay.failed().await;
            }
            let stage = stage.restart().await;
            for (n, (submission, answer)) in submissions.iter().zip(&answers).enumerate() {
                let proven = stage.submit("us.ctc", submission.clone()).await.unwrap();
                stage.proven(&proven);
                let persisted = fault == Fault::PersistedUnknown && n == at;
                assert_eq!(
                    proven.repeated,
                    answer.is_ok() || persisted,
                    "{fault:?} at {at}: {n}"
                );
                if let Ok(first) = answer {
                    assert_eq!(first.receipt.record, proven.receipt.record);
                    assert_eq!(first.receipt.index, proven.receipt.index);
                }
            }
            assert_eq!(
                accepted_of(&stage.journal, &submissions).await,
                [1, 1, 1],
                "{fault:?} at {at}"
            );
        }
    }
}

/// A whole batch that was not applied is answered so, and the state is as before it: the same commands pass after that.
#[tokio::test]
async fn a_batch_that_was_not_applied_leaves_nothing() {
    let mut stage = Stage::new().await;
    let (size, root) = (stage.size(), stage.checked(&stage.relay.checkpoint()).root());
    let submission = stage.world.warning("us.ctc", &["ru.ctc/aviation"]);
    let desks = stage.world.desks("ru.ctc", &["ru.ctc/rail"]);
    stage.journal.fail_next(Fault::NotApplied);
    stage.journal.fail_next(Fault::NotApplied);
    stage.submit("us.ctc", submission.clone()).await.unwrap_err();
    let ru = stage.caller("ru.ctc");
    stage.relay.publish_desks(&ru, desks.clone()).await.unwrap_err();
    let checkpoint = stage.checked(&stage.relay.checkpoint());
    assert_eq!((checkpoint.size(), checkpoint.root()), (size, root));
    let accepted = stage.submit("us.ctc", submission).await.unwrap();
    assert_eq!(accepted.receipt.index, size);
    stage.relay.publish_desks(&ru, desks).await.unwrap();
}

/// An index that cannot be written ends the engine; a restart builds it anew, and what the journal took is answered.
#[tokio::test]
async fn a_failing_index_ends_the_engine_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let index = Index::open(directory.path()).unwrap();
    let mut stage = Stage::over(MemoryJournal::new(), index).await.peopled().await;
    let submission = stage.world.warning("us.ctc", &["ru.ctc"]);
    // A closed index takes no writes.
    stage.index.close().unwrap();
    let failure = stage.submit("us.ctc", submission.clone()).await.unwrap_err();
    assert_eq!(failure.code(), ErrorCode::Unavailable);
    stage.relay.failed().await;
    let caller = stage.caller("us.ctc");
    let next = stage.world.warning("us.ctc", &["ru.ctc"]);
    let failure = stage.relay.submit(&caller, next).await.unwrap_err();
    assert_eq!(failure.code(), ErrorCode::Unavailable);
    let Stage {
        journal,
        clock,
        relay,
        index,
        keyring,
        ..
    } = stage;
    drop((relay, index));
    let index = Index::open(directory.path()).unwrap();
    let relay = open(Arc::new(journal.restart()), index, &keyring, &clock)
        .await
        .unwrap();
    assert!(relay.submit(&caller, submission).await.unwrap().repeated);
}

/// A nearly full disk refuses new warnings; what was recorded is answered, and answers, revocations and suspensions are
/// recorded still: they may use what is kept free.
#[tokio::test]
async fn a_full_disk_refuses_what_is_new() {
    let mut stage = Stage::new().await;
    let old = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let new = stage.world.warning("us.ctc", &["ru.ctc"]);
    stage.journal.set_room(false);
    let refused = stage.submit("us.ctc", new.clone()).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.side_effect),
        (ErrorCode::DiskFull, SideEffect::None)
    );
    assert_eq!(stage.relay.meters().disk_full.value(), 1);
    for kind in [AcknowledgementKind::Received, AcknowledgementKind::Refused] {
        stage.acknowledged("ru.ctc", &old, kind).await;
    }
    let key = World::keyid("us.ctc", KeyRole::Receive, 0);
    let revocation = stage.world.revocation("root:us", KeyRole::Root, "us.ctc", key);
    let us = stage.caller("us.ctc");
    stage.relay.publish_key(&us, revocation).await.unwrap();
    stage.look();
    let suspension = stage.world.suspension("alice", "fr.ctc", false);
    let operator = stage.caller("operator:alice");
    stage.relay.suspend(&operator, suspension).await.unwrap();
    assert!(stage.submit("us.ctc", old).await.unwrap().repeated);
    stage.journal.set_room(true);
    stage.submit("us.ctc", new).await.unwrap();
    assert_eq!(stage.relay.meters().disk_full.value(), 0);
}

/// A signer who has seen another log raises an alarm, and the refusal is on the record.
#[tokio::test]
async fn another_log_seen_is_an_alarm() {
    let mut stage = Stage::new().await;
    let mut submission = stage.world.draft("us.ctc", &["ru.ctc"], &[]);
    crate::world::signer_mut(&mut submission.header.common)
        .seen
        .as_mut()
        .unwrap()
        .root = Hash([9; 32]);
    let failure = stage
        .submit("us.ctc", submission.sign("us.ctc"))
        .await
        .unwrap_err();
    assert_eq!(failure.code(), ErrorCode::SeenNotOnLog);
    assert_eq!(failure.side_effect, SideEffect::RejectionRecorded);
    assert_eq!(stage.relay.meters().seen_alarms.value(), 1);
}

/// A drain waits for what is in flight, answers it, and closes; the next process finds everything.
#[tokio::test]
async fn a_drain_finishes_what_is_in_flight() {
    let mut stage = Stage::new().await;
    let submission = stage.world.warning("us.ctc", &["ru.ctc"]);
    let caller = stage.caller("us.ctc");
    stage.journal.hold();
    let in_flight = tokio::spawn({
        let (relay, caller, submission) = (stage.relay.clone(), caller.clone(), submission.clone());
        async move { relay.submit(&caller, submission).await }
    });
    while stage.relay.engine.queue.under_way() == 0 {
        tokio::task::yield_now().await;
    }
    let draining = tokio::spawn({
        let relay = stage.relay.clone();
        async move { relay.drain().await }
    });
    while *stage.relay.engine.phase.borrow() == Phase::Running {
        tokio::task::yield_now().await;
    }
    let next = stage.world.warning("us.ctc", &["ru.ctc"]);
    let refused = stage.relay.submit(&caller, next).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Draining);
    assert!(!draining.is_finished());
    stage.journal.release();
    in_flight.await.unwrap().unwrap();
    draining.await.unwrap();
    let stage = stage.restart().await;
    assert!(stage.submit("us.ctc", submission).await.unwrap().repeated);
}

/// The start is a record: nothing before the first, then the last record's time or the heartbeat's, whichever is later.
#[tokio::test]
async fn the_start_says_when_the_relay_last_ran() {
    let mut stage = Stage::empty().await;
    let last = stage.clock.clone();
    let operator = stage.caller("operator:alice");
    let started = |stage: &Stage| {
        let records = stage.journal.clone();
        async move {
            let all = records.read(0, usize::MAX, usize::MAX).await.unwrap();
            let starts = all
                .iter()
                .filter_map(|(_, bytes)| match crate::wire::record(bytes).unwrap().kind {
                    RecordKind::RelayStarted(started) => Some(started.stopped_at),
                    _ => None,
                });
            starts.collect::<Vec<_>>()
        }
    };
    assert_eq!(started(&stage).await, [None]);
    let begun = crate::time::Clock::now(&last);
    stage.clock.advance_ms(60_000);
    stage = stage.restart().await;
    assert_eq!(started(&stage).await, [None, Some(begun)]);
    assert_eq!(stage.relay.status(&operator).await.unwrap().index_lag, 0);
}

/// A journal without a genesis, another log's key, and a journal that fails at the start are refused, each by its name.
#[tokio::test]
async fn a_wrong_start_is_refused() {
    let stage = Stage::empty().await;
    let empty = open(
        Arc::new(MemoryJournal::new()),
        Index::in_memory(),
        &stage.keyring,
        &stage.clock,
    )
    .await;
    assert!(matches!(empty, Err(OpenError::Empty)));
    let journal = stage.journal.restart();
    journal.fail_next(Fault::NotApplied);
    let failing = open(
        Arc::new(journal.clone()),
        stage.index.clone(),
        &stage.keyring,
        &stage.clock,
    )
    .await;
    assert!(matches!(failing, Err(OpenError::NotStarted(_))));
    open(
        Arc::new(journal),
        stage.index.clone(),
        &stage.keyring,
        &stage.clock,
    )
    .await
    .unwrap();
}

/// A restart over a current index reads no more of the journal than the directory's chain; over an old, a foreign or no
/// index it comes to the same state.
#[tokio::test]
async fn a_restart_reads_only_the_directory() {
    let mut stage = Stage::new().await;
    let old = Index::in_memory();
    let old_relay = open(
        Arc::new(stage.journal.clone()),
        old.clone(),
        &stage.keyring,
        &stage.clock,
    )
    .await
    .unwrap();
    drop(old_relay);
    let mut stage = stage_after_other_writer(&mut stage).await;
    for _ in 0..20 {
        stage.accepted("us.ctc", &["ru.ctc", "fr.ctc"]).await;
    }
    let foreign = Stage::new().await.index;
    let chain = stage.relay.durable().borrow().directory.position().unwrap().seq + 1;
    let listed = list_all(&stage).await;
    let replayed = replay_all(&stage).await;
    let indexes = [
        (stage.index.clone(), true),
        (old, false),
        (foreign, false),
        (Index::in_memory(), false),
    ];
    for (row, (index, current)) in indexes.into_iter().enumerate() {
        let counting = Arc::new(counting::Counting::new(stage.journal.restart()));
        let relay = open(
            Arc::clone(&counting) as Arc<dyn Journal>,
            index.clone(),
            &stage.keyring,
            &stage.clock,
        )
        .await
        .unwrap();
        if current {
            assert!(
                counting.records_read() <= chain,
                "row {row}: {} read",
                counting.records_read()
            );
        }
        stage = Stage {
            journal: stage.journal.restart(),
            index,
            relay,
            ..stage
        };
        assert_eq!(list_all(&stage).await, listed, "row {row}");
        assert_eq!(replay_all(&stage).await[..replayed.len()], replayed, "row {row}");
    }
}

/// The same journal, after another process has written to it: the first one's relay may not write any more.
async fn stage_after_other_writer(stage: &mut Stage) -> Stage {
    let submission = stage.world.warning("us.ctc", &["ru.ctc"]);
    let failure = stage.submit("us.ctc", submission).await.unwrap_err();
    assert_eq!(failure.code(), ErrorCode::Unavailable, "two writers");
    stage.relay.failed().await;
    let journal = stage.journal.restart();
    let index = stage.index.clone();
    let relay = open(
        Arc::new(journal.clone()),
        index.clone(),
        &stage.keyring,
        &stage.clock,
    )
    .await
    .unwrap();
    let mut next = Stage {
        world: stage.world.clone(),
        clock: stage.clock.clone(),
        keyring: Arc::clone(&stage.keyring),
        journal,
        index,
        relay,
        clock_checked_until: super::stage::ALWAYS,
        signing: Arc::default(),
    };
    next.look();
    next
}

async fn list_all(stage: &Stage) -> Vec<WarningSummary> {
    let caller = stage.caller("us.ctc");
    let page = stage.relay.list(&caller, &Default::default()).await.unwrap();
    page.warnings
}

async fn replay_all(stage: &Stage) -> Vec<ReplayedContent> {
    let caller = stage.caller("us.ctc");
    let mut replay = stage
        .relay
        .replay(&caller, &ReplayQuery::default())
        .await
        .unwrap();
    let mut all = Vec::new();
    while let Some(record) = replay.next().await {
        all.push(record.unwrap().content);
    }
    all
}

mod counting {
    //! A journal that counts what is read of it.

    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;

    use crate::journal::{AppendError, Block, Head, Journal, MemoryJournal, Part, PartKind, ReadError};

    pub(super) struct Counting {
        journal: MemoryJournal,
        read: AtomicU64,
    }

    impl Counting {
        pub(super) fn new(journal: MemoryJournal) -> Self {
            Self {
                journal,
                read: AtomicU64::new(0),
            }
        }

        pub(super) fn records_read(&self) -> u64 {
            self.read.load(Ordering::SeqCst)
        }
    }

    #[async_trait::async_trait]
    impl Journal for Counting {
        async fn head(&self) -> Result<Head, ReadError> {
            self.journal.head().await
        }
        async fn append(&self, block: Block, expected: Head) -> Result<Head, AppendError> {
            self.journal.append(block, expected).await
        }
        async fn read(
            &self,
            from: u64,
            records_max: usize,
            bytes_max: usize,
        ) -> Result<Vec<(u64, Bytes)>, ReadError> {
            let records = self.journal.read(from, records_max, bytes_max).await?;
            self.read.fetch_add(records.len() as u64, Ordering::SeqCst);
            Ok(records)
        }
        async fn block_head(&self, size: u64) -> Result<Option<Head>, ReadError> {
            self.journal.block_head(size).await
        }
        async fn part(&self, index: u64, kind: PartKind) -> Result<Option<Part>, ReadError> {
            self.journal.part(index, kind).await
        }
        async fn erase(&self, index: u64, kind: PartKind) -> Result<(), AppendError> {
            self.journal.erase(index, kind).await
        }
        async fn rewrite(&self, part: Part) -> Result<(), AppendError> {
            self.journal.rewrite(part).await
        }
        fn tail(&self) -> tokio::sync::watch::Receiver<Head> {
            self.journal.tail()
        }
        fn has_room(&self) -> bool {
            self.journal.has_room()
        }
    }
}
