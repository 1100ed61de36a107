//! Reading waits in turns of its own: however much is asked for, few reads run at once, and warnings, answers and
//! deliveries do not wait for them.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::stage::{Stage, open};
use crate::domain::*;
use crate::error::ErrorCode;
use crate::limits;
use crate::relay::{Failure, ListQuery, ReplayQuery};
use crate::world::{PATIENCE, until};

use self::gated::Gated;

/// A relay whose journal answers no read until the gate is opened.
async fn gated_stage() -> (Stage, Submission, Arc<Gated>) {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc", "fr.ctc"]).await;
    let gated = Arc::new(Gated::new(stage.journal.restart()));
    let journal = Arc::clone(&gated) as Arc<dyn crate::journal::Journal>;
    let relay = open(journal, stage.index.clone(), &stage.keyring, &stage.clock)
        .await
        .unwrap();
    let Stage {
        world,
        journal,
        index,
        keyring,
        clock,
        ..
    } = stage;
    let mut stage = Stage {
        world,
        journal,
        index,
        keyring,
        clock,
        relay,
        clock_checked_until: super::stage::ALWAYS,
        signing: Arc::default(),
    };
    stage.look();
    gated.shut();
    (stage, sent, gated)
}

type Task = JoinHandle<Result<(), Failure>>;

/// Asks for a warning so often.
fn views(stage: &Stage, caller: &str, of: &Submission, times: usize) -> Vec<Task> {
    let caller = stage.caller(caller);
    let name = WarningName::Digest(of.envelope.digest());
    let view = |_| {
        let (relay, caller) = (stage.relay.clone(), caller.clone());
        tokio::spawn(async move { relay.warning(&caller, &name, "").await.map(drop) })
    };
    (0..times).map(view).collect()
}

/// Waits until so many wait for their turn and so many read: with those that do neither, these are all there are, so that
/// nobody more can begin to read.
async fn under_way(stage: &Stage, gated: &Gated, waiting: usize, reading: usize) {
    let _gate = OpensOnPanic(gated);
    let what = format!("{waiting} who wait for their turn, and {reading} who read");
    until(PATIENCE, &what, async || {
        (stage.relay.engine.reads.waiting() == waiting && gated.reading() == reading).then_some(())
    })
    .await;
}

/// A runtime ends only when its reads have: a test that fails lets them through.
struct OpensOnPanic<'a>(&'a Gated);

impl Drop for OpensOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.open();
        }
    }
}

/// Three agencies ask for more than may be read at once, of a journal that does not answer: each has its few turns. A
/// warning and an answer pass meanwhile. When the journal answers, everybody gets what was asked for.
#[tokio::test]
async fn reads_wait_for_each_other_only() {
    let (mut stage, sent, gated) = gated_stage().await;
    let mut tasks = Vec::new();
    for caller in ["us.ctc", "ru.ctc", "fr.ctc"] {
        tasks.extend(views(&stage, caller, &sent, 50));
    }
    let reading = 3 * limits::READS_AT_ONCE_PER_PRINCIPAL_MAX;
    under_way(&stage, &gated, tasks.len() - reading, reading).await;

    stage.accepted("us.ctc", &["ru.ctc"]).await;
    stage
        .acknowledged("ru.ctc", &sent, AcknowledgementKind::Accepted)
        .await;
    assert_eq!(gated.reading(), reading);
    gated.open();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(stage.relay.engine.reads.readers(), 0);
}

/// Of one agency so many reads may be under way or wait, running replays too; the next is shed, and others are not.
#[tokio::test]
async fn one_agency_cannot_queue_without_end() {
    let (stage, sent, gated) = gated_stage().await;
    let us = stage.caller("us.ctc");
    let mut replays = Vec::new();
    let half = limits::READERS_PER_PRINCIPAL_MAX / 2;
    for _ in 0..half {
        let replay = stage.relay.replay(&us, &ReplayQuery::default()).await;
        replays.push(replay.unwrap());
    }
    let tasks = views(&stage, "us.ctc", &sent, half);
    let own = limits::READS_AT_ONCE_PER_PRINCIPAL_MAX;
    under_way(&stage, &gated, tasks.len() - own, own).await;
    let name = WarningName::Digest(sent.envelope.digest());
    let (list, replay) = (ListQuery::default(), ReplayQuery::default());
    for shed in [
        stage.relay.warning(&us, &name, "").await.err(),
        stage.relay.evidence(&us, &name, 0, "").await.err(),
        stage.relay.list(&us, &list).await.err(),
        stage.relay.directory(&us, 0).await.err(),
        stage.relay.prove_inclusion(&us, 0, 0).await.err(),
        stage.relay.prove_consistency(&us, 1, 0).await.err(),
        stage.relay.replay(&us, &replay).await.err(),
    ] {
        assert_eq!(shed.unwrap().code(), ErrorCode::Overloaded);
    }
    let others = views(&stage, "fr.ctc", &sent, 1);
    under_way(&stage, &gated, tasks.len() - own, own + 1).await;
    gated.open();
    for task in tasks.into_iter().chain(others) {
        task.await.unwrap().unwrap();
    }
    let last = replays.pop().unwrap();
    drop(replays);
    assert_eq!(stage.relay.engine.reads.readers(), 1);
    drop(last);
    stage.relay.replay(&us, &replay).await.unwrap();
}

/// Replays that wait for the journal take turns, and one that nobody reads on takes none.
#[tokio::test]
async fn a_replay_takes_a_turn_for_each_batch() {
    let (stage, sent, gated) = gated_stage().await;
    let us = stage.caller("us.ctc");
    let query = ReplayQuery {
        with_parts: true,
        ..ReplayQuery::default()
    };
    let mut tasks: Vec<JoinHandle<u64>> = Vec::new();
    for _ in 0..20 {
        let mut replay = stage.relay.replay(&us, &query).await.unwrap();
        tasks.push(tokio::spawn(async move {
            let mut records = 0;
            while let Some(record) = replay.next().await {
                record.unwrap();
                records += 1;
            }
            records
        }));
    }
    let own = limits::READS_AT_ONCE_PER_PRINCIPAL_MAX;
    under_way(&stage, &gated, tasks.len() - own, own).await;
    gated.open();
    for task in tasks {
        assert_eq!(task.await.unwrap(), stage.size());
    }
    let mut unread = Vec::new();
    for _ in 0..2 * own {
        let mut replay = stage.relay.replay(&us, &query).await.unwrap();
        replay.next().await.unwrap().unwrap();
        unread.push(replay);
    }
    for task in views(&stage, "us.ctc", &sent, own) {
        task.await.unwrap().unwrap();
    }
}

/// Somebody who has all its turns taken neither opens a watch or a session nor is told anything by a watch; when a turn is
/// free, it is.
#[tokio::test]
async fn watches_and_sessions_wait_for_a_turn() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let name = WarningName::Digest(sent.envelope.digest());
    let ru = stage.caller("ru.ctc");
    let reads = Arc::clone(&stage.relay.engine.reads);
    let reader = reads.reader(ru.principal()).unwrap();
    let mut taken = Vec::new();
    for _ in 0..limits::READS_AT_ONCE_PER_PRINCIPAL_MAX {
        taken.push(reader.turn().await);
    }
    let (relay, caller) = (stage.relay.clone(), ru.clone());
    let watch = tokio::spawn(async move { relay.watch(&caller, &name).await });
    let (relay, caller) = (stage.relay.clone(), ru.clone());
    let session = tokio::spawn(async move { relay.open_session(&caller, None, 0).await });
    let waiting = async |count| {
        until(PATIENCE, "those who wait for a turn", async || {
            (reads.waiting() == count).then_some(())
        })
        .await;
    };
    waiting(2).await;
    assert!(!watch.is_finished() && !session.is_finished());
    taken.clear();
    let mut watch = watch.await.unwrap().unwrap();
    session.await.unwrap().unwrap();
    for _ in 0..limits::READS_AT_ONCE_PER_PRINCIPAL_MAX {
        taken.push(reader.turn().await);
    }
    let told = tokio::spawn(async move { watch.next().await });
    waiting(1).await;
    assert!(!told.is_finished());
    taken.clear();
    assert!(told.await.unwrap().is_some());
}

/// So many of one principal wait to begin a watch or a session, or watch; the next is shed, and others are not.
#[tokio::test]
async fn those_who_wait_to_follow_are_bounded() {
    let stage = Stage::new().await;
    let reads = &stage.relay.engine.reads;
    let (us, fr) = (stage.caller("us.ctc"), stage.caller("fr.ctc"));
    let follow = |_| reads.follower(us.principal()).unwrap();
    let mut following: Vec<_> = (0..limits::FOLLOWERS_PER_PRINCIPAL_MAX).map(follow).collect();
    let shed = stage.relay.open_session(&us, None, 0).await.err().unwrap();
    assert_eq!(shed.code(), ErrorCode::Overloaded);
    stage.relay.open_session(&fr, None, 0).await.unwrap();
    following.pop();
    stage.relay.open_session(&us, None, 0).await.unwrap();
}

mod gated {
    //! A journal whose reads wait at a gate.

    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use tokio::sync::watch;

    use crate::journal::{AppendError, Block, Head, Journal, MemoryJournal, Part, PartKind, ReadError};

    pub(super) struct Gated {
        journal: MemoryJournal,
        open: watch::Sender<bool>,
        reading: AtomicUsize,
    }

    impl Gated {
        pub(super) fn new(journal: MemoryJournal) -> Self {
            Self {
                journal,
                open: watch::Sender::new(true),
                reading: AtomicUsize::new(0),
            }
        }

        pub(super) fn shut(&self) {
            self.open.send_replace(false);
        }

        pub(super) fn open(&self) {
            self.open.send_replace(true);
        }

        /// How many reads wait at the gate.
        pub(super) fn reading(&self) -> usize {
            self.reading.load(Ordering::SeqCst)
        }

        async fn pass(&self) {
            self.reading.fetch_add(1, Ordering::SeqCst);
            self.open.subscribe().wait_for(|open| *open).await.unwrap();
            self.reading.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[async_trait::async_trait]
    impl Journal for Gated {
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
            self.pass().await;
            self.journal.read(from, records_max, bytes_max).await
        }
        async fn block_head(&self, size: u64) -> Result<Option<Head>, ReadError> {
            self.journal.block_head(size).await
        }
        async fn part(&self, index: u64, kind: PartKind) -> Result<Option<Part>, ReadError> {
            self.pass().await;
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
