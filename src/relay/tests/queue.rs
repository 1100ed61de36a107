//! The queue before the sequencer: what is shed, what has room whatever else waits, and how handovers are counted.

use std::sync::Arc;

use super::stage::Stage;
use crate::domain::*;
use crate::error::{ErrorCode, SideEffect};
use crate::ledger::{Command, HandOver, ThreadKey};
use crate::limits;
use crate::relay::{Failure, Proven};
use crate::world::{PATIENCE, World, parsed, until};

/// A relay whose writer is busy with a first block, and a handover.
async fn writing() -> (Stage, HandOver, tokio::task::JoinHandle<Result<Proven, Failure>>) {
    let mut stage = Stage::new().await;
    let first = stage.world.warning("us.ctc", &["ru.ctc"]);
    let warning = first.envelope.digest();
    stage.journal.hold();
    let (relay, caller) = (stage.relay.clone(), stage.caller("us.ctc"));
    let first = tokio::spawn(async move { relay.submit(&caller, first).await });
    // Its block is closed: what comes now stays in the queue.
    while !stage.journal.holds() {
        tokio::task::yield_now().await;
    }
    let handover = HandOver {
        thread: ThreadKey {
            warning,
            desk: parsed("ru.ctc"),
        },
        session_id: [1; 16],
        tls_keyid: World::keyid("ru.ctc", KeyRole::Tls, 0),
        unrecorded: 0,
    };
    (stage, handover, first)
}

/// More commands than the queue holds are shed at once, and handovers have room all the same; what is queued is answered.
#[tokio::test]
async fn a_full_queue_sheds_at_once() {
    let (mut stage, handover, first) = writing().await;
    let queue = stage.relay.engine.queue.clone();
    let commands = limits::SEQUENCER_QUEUE_MAX - limits::SEQUENCER_QUEUE_HANDOVERS_MAX;
    let mut asking = Vec::new();
    for _ in 0..commands {
        let (queue, command) = (queue.clone(), Command::HandOver(handover.clone()));
        asking.push(tokio::spawn(async move { queue.ask(command, 0).await }));
    }
    while queue.len() < commands {
        tokio::task::yield_now().await;
    }
    let second = stage.world.warning("us.ctc", &["ru.ctc"]);
    let shed = stage.submit("us.ctc", second).await.unwrap_err();
    assert_eq!(
        (shed.code(), shed.side_effect),
        (ErrorCode::Overloaded, SideEffect::None)
    );
    queue.tell(handover).unwrap();
    stage.journal.release();
    first.await.unwrap().unwrap();
    for asked in asking {
        asked.await.unwrap().unwrap();
    }
    stage.relay.drain().await;
    let handed_over = stage.relay.meters().handed_over.value();
    let unrecorded = stage.relay.meters().handed_over_unrecorded.value();
    assert_eq!(handed_over, commands as u64 + 1);
    assert_eq!(
        handed_over - unrecorded,
        u64::from(limits::HANDOVER_RECORDS_PER_HOUR_MAX)
    );
}

/// One agency has so many warnings under way that its next is shed; another's has room, and when they are answered its own
/// has, too.
#[tokio::test]
async fn one_agency_leaves_room_for_the_others() {
    let (mut stage, _, first) = writing().await;
    let queue = stage.relay.engine.queue.clone();
    let us = stage.caller("us.ctc");
    let mut greedy = Vec::new();
    for _ in 1..limits::COMMANDS_PER_PRINCIPAL_MAX {
        let (relay, us) = (stage.relay.clone(), us.clone());
        let submission = stage.world.warning("us.ctc", &["ru.ctc"]);
        greedy.push(tokio::spawn(async move { relay.submit(&us, submission).await }));
    }
    while queue.len() < greedy.len() {
        tokio::task::yield_now().await;
    }
    let one_more = stage.world.warning("us.ctc", &["ru.ctc"]);
    let shed = stage.submit("us.ctc", one_more.clone()).await.unwrap_err();
    assert_eq!(
        (shed.code(), shed.side_effect),
        (ErrorCode::Overloaded, SideEffect::None)
    );
    let others = stage.world.warning("fr.ctc", &["ru.ctc"]);
    let (relay, fr) = (stage.relay.clone(), stage.caller("fr.ctc"));
    let others = tokio::spawn(async move { relay.submit(&fr, others).await });
    while queue.len() <= greedy.len() && !others.is_finished() {
        tokio::task::yield_now().await;
    }
    stage.journal.release();
    first.await.unwrap().unwrap();
    others.await.unwrap().unwrap();
    for submitted in greedy {
        submitted.await.unwrap().unwrap();
    }
    stage.submit("us.ctc", one_more).await.unwrap();
}

/// Nine agencies have all the room for warnings that there is, by number or by bytes: another's answer and revocation have
/// room all the same, and so has an answer of one of them.
#[tokio::test]
async fn answers_and_revocations_have_room_of_their_own() {
    let (commands, bytes) = (
        limits::COMMANDS_PER_PRINCIPAL_MAX,
        limits::COMMAND_BYTES_PER_PRINCIPAL_MAX,
    );
    for (each, size) in [(commands, 0), (5, bytes / 5)] {
        let (mut stage, _, first) = writing().await;
        let queue = stage.relay.engine.queue.clone();
        let submission = stage.world.warning("us.ctc", &["fr.ctc"]);
        let directory = Arc::clone(&stage.relay.engine.durable().directory);
        let us: Principal = parsed("us.ctc");
        let admitted = crate::ledger::admit::warning(&directory, &us, submission)
            .ok()
            .unwrap();
        let before = queue.let_in();
        let mut greedy = Vec::new();
        // One of them is `us.ctc`, which has its first warning under way.
        for agency in 0..9 {
            let agency: Principal = match agency {
                0 => us.clone(),
                _ => parsed(&format!("us.a{agency}")),
            };
            for _ in 0..each {
                let (queue, agency) = (queue.clone(), agency.clone());
                let command = Command::Submit(admitted.clone());
                greedy.push(tokio::spawn(async move {
                    queue.ask_for(&agency, command, size, None).await
                }));
            }
        }
        // Each is let in, and waits for the journal, or is shed, and has ended.
        until(PATIENCE, "all who are greedy", async || {
            let shed = greedy.iter().filter(|task| task.is_finished()).count();
            (queue.let_in() - before + shed == greedy.len()).then_some(())
        })
        .await;
        let let_in = queue.let_in();
        let mut answers = Vec::new();
        let sent = stage.world.warning("fr.ctc", &["ru.ctc"]);
        for agency in ["us.ctc", "ru.ctc"] {
            let answer = stage
                .world
                .acknowledgement(agency, &sent, AcknowledgementKind::Received, |_| ());
            let (relay, caller) = (stage.relay.clone(), stage.caller(agency));
            answers.push(tokio::spawn(
                async move { relay.acknowledge(&caller, answer).await },
            ));
        }
        let key = World::keyid("ru.ctc", KeyRole::Receive, 0);
        let revocation = stage.world.revocation("root:ru", KeyRole::Root, "ru.ctc", key);
        let (relay, ru) = (stage.relay.clone(), stage.caller("ru.ctc"));
        let revoked = tokio::spawn(async move { relay.publish_key(&ru, revocation).await });
        until(PATIENCE, "room for two answers and a revocation", async || {
            (queue.let_in() == let_in + answers.len() + 1).then_some(())
        })
        .await;
        stage.journal.release();
        first.await.unwrap().unwrap();
        revoked.await.unwrap().unwrap();
        for answer in answers {
            // Nothing of the sort was sent: that is for the log to say, not for the queue.
            let refused = answer.await.unwrap().unwrap_err();
            assert_ne!(refused.code(), ErrorCode::Overloaded);
        }
        for greedy in greedy {
            let shed = greedy.await.unwrap().err();
            assert!(shed.is_none_or(|refused| refused.code == ErrorCode::Overloaded));
        }
    }
}

/// As many deliveries as there may be, on a disk that does not answer, refuse no warning and no answer; the handovers that
/// have no room wait for it.
#[tokio::test]
async fn handovers_refuse_nobody() {
    let (mut stage, handover, first) = writing().await;
    let queue = stage.relay.engine.queue.clone();
    for _ in 0..limits::SEQUENCER_QUEUE_HANDOVERS_MAX {
        queue.tell(handover.clone()).unwrap();
    }
    assert!(queue.tell(handover.clone()).is_err());
    let later = tokio::spawn({
        let (queue, handover) = (queue.clone(), handover.clone());
        async move { queue.tell_later(handover).await }
    });
    let commands = limits::SEQUENCER_QUEUE_MAX - limits::SEQUENCER_QUEUE_HANDOVERS_MAX;
    let mut asking = Vec::new();
    for _ in 1..commands {
        let (queue, command) = (queue.clone(), Command::HandOver(handover.clone()));
        asking.push(tokio::spawn(async move { queue.ask(command, 0).await }));
    }
    while queue.len() < limits::SEQUENCER_QUEUE_MAX - 1 {
        tokio::task::yield_now().await;
    }
    assert!(!later.is_finished());
    let second = stage.world.warning("us.ctc", &["ru.ctc"]);
    let (relay, caller) = (stage.relay.clone(), stage.caller("us.ctc"));
    let second = tokio::spawn(async move { relay.submit(&caller, second).await });
    while queue.len() < limits::SEQUENCER_QUEUE_MAX && !second.is_finished() {
        tokio::task::yield_now().await;
    }
    stage.journal.release();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    later.await.unwrap();
    for asked in asking {
        asked.await.unwrap().unwrap();
    }
    stage.relay.drain().await;
    let handed_over = stage.relay.meters().handed_over.value();
    assert_eq!(handed_over, limits::SEQUENCER_QUEUE_MAX as u64);
}

/// Handovers beyond the bound an hour leave no record, and are counted in the next one.
#[tokio::test]
async fn unrecorded_handovers_are_counted_in_the_next_record() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let handover = HandOver {
        thread: ThreadKey {
            warning: sent.envelope.digest(),
            desk: parsed("ru.ctc"),
        },
        session_id: [1; 16],
        tls_keyid: World::keyid("ru.ctc", KeyRole::Tls, 0),
        unrecorded: 0,
    };
    let over = 3;
    for _ in 0..limits::HANDOVER_RECORDS_PER_HOUR_MAX + over {
        let command = Command::HandOver(handover.clone());
        stage.relay.engine.queue.ask(command, 0).await.unwrap();
    }
    stage.clock.advance_ms(3_600_000);
    let command = Command::HandOver(handover.clone());
    stage.relay.engine.queue.ask(command, 0).await.unwrap();
    let name = WarningName::Digest(sent.envelope.digest());
    let view = stage
        .relay
        .warning(&stage.caller("us.ctc"), &name, "")
        .await
        .unwrap();
    let records = stage.verified(&view.checkpoint, &view.threads[0].records);
    let counts: Vec<u32> = records
        .iter()
        .filter_map(|record| match &record.kind {
            RecordKind::HandedOver(handed_over) => Some(handed_over.unrecorded),
            _ => None,
        })
        .collect();
    assert_eq!(counts, [0, 0, 0, 0, 0, 0, 0, 0, over]);
}
