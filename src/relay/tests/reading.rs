//! The read side: who sees what, in which order, and that all of it is proven.

use prost::Message as _;

use super::stage::Stage;
use crate::domain::*;
use crate::error::ErrorCode;
use crate::ledger::Directory;
use crate::limits;
use crate::relay::warning::Room;
use crate::relay::{Ending, ListQuery, ReplayQuery, WarningWatch, WatchEvent};
use crate::transparency::{Frontier, leaf_hash, verify_consistency, verify_inclusion};
use crate::wire::v1;
use crate::world::parsed;

/// Who sees which threads of a warning, and whether its acceptance; a table. Whoever sees nothing is told that there is
/// no such warning, by digest and by id alike.
#[tokio::test]
async fn views_are_scoped() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc/aviation", "us.ctc"]).await;
    stage
        .acknowledged("ru.ctc/aviation", &sent, AcknowledgementKind::Accepted)
        .await;
    for (caller, sees) in [
        ("us.ctc", Some((true, &["ru.ctc/aviation", "us.ctc"][..]))),
        ("ru.ctc", Some((false, &["ru.ctc/aviation"][..]))),
        ("us.audit", Some((false, &["ru.ctc/aviation"][..]))),
        ("fr.ctc", None),
        ("operator:alice", None),
    ] {
        let caller_of = stage.caller(caller);
        for name in [
            WarningName::Digest(sent.envelope.digest()),
            WarningName::Id(sent.hint.id),
        ] {
            let view = stage.relay.warning(&caller_of, &name, "").await;
            let Some((accepted, desks)) = sees else {
                assert_eq!(view.unwrap_err().code(), ErrorCode::NotFound, "{caller}");
                continue;
            };
            let view = view.unwrap();
            assert_eq!(view.envelope, Some(sent.envelope.clone()));
            assert_eq!(view.body.as_ref(), Some(&sent.body));
            assert_eq!(view.accepted.is_some(), accepted, "{caller}");
            stage.verified(&view.checkpoint, view.accepted.as_ref());
            let seen: Vec<String> = view
                .threads
                .iter()
                .map(|thread| thread.desk.to_string())
                .collect();
            assert_eq!(seen, desks, "{caller}");
            for thread in &view.threads {
                let records = stage.verified(&view.checkpoint, &thread.records);
                for (seq, record) in records.iter().enumerate() {
                    assert_eq!(record.thread.as_ref().unwrap().seq, seq as u64);
                }
                let answered = thread.desk.to_string() == "ru.ctc/aviation";
                let expected = if answered { Step::Answered } else { Step::Routed };
                assert_eq!(thread.step, expected);
            }
        }
    }
}

/// What is shown of a thread is of one moment: an answer that the index knows already, and that the checkpoint of the view
/// does not hold yet, is neither among the records nor in the step. Else an honest relay would look as if it kept a record
/// back.
#[tokio::test]
async fn a_view_is_of_its_checkpoint() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let engine = stage.relay.engine.clone();
    let before = engine.durable();
    stage
        .acknowledged("ru.ctc", &sent, AcknowledgementKind::Accepted)
        .await;
    let name = WarningName::Digest(sent.envelope.digest());
    let caller = stage.caller("us.ctc");
    for (durable, records, step) in [(before, 1, Step::Routed), (engine.durable(), 2, Step::Answered)] {
        let sight = engine.sight(&caller, &name, &durable).await.unwrap();
        let mut room = Room::new(&durable);
        let view = engine
            .view(caller.principal(), &sight, &durable, None, &mut room)
            .await
            .unwrap();
        stage.verified(&view.checkpoint, &view.threads[0].records);
        let thread = &view.threads[0];
        assert_eq!((thread.records.len(), thread.step), (records, step));
    }
}

/// Pages go from the newest to the oldest without gap or repetition, in both directions, while the log grows.
#[tokio::test]
async fn lists_are_paged_newest_first() {
    let mut stage = Stage::new().await;
    let mut sent = Vec::new();
    for n in 0..25 {
        let (from, to) = if n % 3 == 0 {
            ("ru.ctc", "us.ctc")
        } else {
            ("us.ctc", "ru.ctc")
        };
        sent.push(stage.accepted(from, &[to]).await.envelope.digest());
    }
    sent.reverse();
    let caller = stage.caller("us.ctc");
    let mut query = ListQuery {
        page_size: 4,
        ..ListQuery::default()
    };
    let mut listed = Vec::new();
    loop {
        let page = stage.relay.list(&caller, &query).await.unwrap();
        assert!(page.warnings.len() <= 4);
        listed.extend(page.warnings.iter().map(|row| row.digest));
        // What is new while someone pages is not part of what they page through.
        stage.accepted("us.ctc", &["fr.ctc"]).await;
        if page.next_page_token.is_empty() {
            break;
        }
        query.page_token = page.next_page_token;
    }
    assert_eq!(listed, sent);
}

/// What a list shows, by direction, desk and openness; a table.
#[tokio::test]
async fn lists_show_what_is_asked_for() {
    let mut stage = Stage::new().await;
    let to_duty = stage.accepted("us.ctc", &["ru.ctc", "fr.ctc"]).await;
    let to_aviation = stage.accepted("fr.ctc", &["ru.ctc/aviation"]).await;
    let from_ru = stage.accepted("ru.ctc", &["us.ctc"]).await;
    stage
        .acknowledged("ru.ctc", &to_duty, AcknowledgementKind::Accepted)
        .await;
    let query = |direction, open_only, desk: Option<&str>| ListQuery {
        direction,
        open_only,
        desk: desk.map(parsed),
        ..ListQuery::default()
    };
    let (one, two, three) = (&to_duty, &to_aviation, &from_ru);
    for (caller, query, expected) in [
        ("ru.ctc", query(None, false, None), Ok(vec![three, two, one])),
        (
            "ru.ctc",
            query(Some(Direction::In), false, None),
            Ok(vec![two, one]),
        ),
        (
            "ru.ctc",
            query(Some(Direction::Out), false, None),
            Ok(vec![three]),
        ),
        ("ru.ctc", query(None, true, None), Ok(vec![three, two])),
        (
            "ru.ctc",
            query(None, false, Some("ru.ctc/aviation")),
            Ok(vec![two]),
        ),
        ("us.ctc", query(Some(Direction::Out), true, None), Ok(vec![one])),
        ("us.audit", query(None, false, None), Ok(vec![three, two, one])),
        (
            "us.ctc",
            query(None, false, Some("ru.ctc")),
            Err(ErrorCode::PermissionDenied),
        ),
        (
            "operator:alice",
            query(None, false, None),
            Err(ErrorCode::PermissionDenied),
        ),
        (
            "ru.ctc",
            ListQuery {
                page_token: "zzz".to_owned(),
                ..ListQuery::default()
            },
            Err(ErrorCode::InvalidRequest),
        ),
    ] {
        let listed = stage.relay.list(&stage.caller(caller), &query).await;
        let digests = listed.map(|page| page.warnings.iter().map(|row| row.digest).collect::<Vec<_>>());
        let expected =
            expected.map(|sent| sent.iter().map(|sent| sent.envelope.digest()).collect::<Vec<_>>());
        assert_eq!(
            digests.map_err(|failure| failure.code()),
            expected,
            "{caller} {query:?}"
        );
    }
}

async fn watch(stage: &Stage, caller: &str, warning: &Submission) -> WarningWatch {
    let name = WarningName::Digest(warning.envelope.digest());
    stage.relay.watch(&stage.caller(caller), &name).await.unwrap()
}

/// The next event as a word: `desk STEP`, `caught up`, or the code of the end.
async fn told(stage: &Stage, watch: &mut WarningWatch) -> String {
    match watch.next().await.unwrap() {
        WatchEvent::Record(record) => {
            stage.verified(&record.checkpoint, [&record.receipt]);
            format!("{} {}", record.desk, record.step)
        }
        WatchEvent::CaughtUp => "caught up".to_owned(),
        WatchEvent::Ending(Ending { code, .. }) => code.to_string(),
    }
}

/// The originator watches every recipient from the beginning and then live; a step never goes back; a drain ends it.
#[tokio::test]
async fn the_originator_sees_every_step_as_it_happens() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc", "fr.ctc"]).await;
    stage
        .acknowledged("ru.ctc", &sent, AcknowledgementKind::Received)
        .await;
    let mut originator = watch(&stage, "us.ctc", &sent).await;
    for expected in ["fr.ctc ROUTED", "ru.ctc ROUTED", "ru.ctc RECEIVED", "caught up"] {
        assert_eq!(told(&stage, &mut originator).await, expected);
    }
    // Slow: nothing is taken while all this happens.
    for (desk, kind) in [
        ("fr.ctc", AcknowledgementKind::Refused),
        ("ru.ctc", AcknowledgementKind::Accepted),
        ("ru.ctc", AcknowledgementKind::Opened),
        ("fr.ctc", AcknowledgementKind::Received),
    ] {
        stage.acknowledged(desk, &sent, kind).await;
    }
    for expected in [
        "fr.ctc ANSWERED",
        "ru.ctc ANSWERED",
        "ru.ctc ANSWERED",
        "fr.ctc ANSWERED",
    ] {
        assert_eq!(told(&stage, &mut originator).await, expected);
    }
    let waiting = tokio::spawn(async move {
        let event = originator.next().await;
        (event, originator.next().await.is_none())
    });
    stage.relay.drain().await;
    let (event, nothing_follows) = waiting.await.unwrap();
    assert!(matches!(event, Some(WatchEvent::Ending(ending)) if ending.code == ErrorCode::Draining));
    assert!(nothing_follows);
}

/// A record that one recipient makes costs each watch the look at that one's thread, however many others there are.
#[tokio::test]
async fn a_watch_reads_the_thread_that_moved() {
    let mut stage = Stage::new().await;
    let to = ["ru.ctc", "ru.ctc/aviation", "fr.ctc", "us.ctc"];
    let sent = stage.accepted("us.ctc", &to).await;
    let mut originator = watch(&stage, "us.ctc", &sent).await;
    while told(&stage, &mut originator).await != "caught up" {}
    let read = originator.threads_read;
    assert_eq!(read, to.len());
    stage
        .acknowledged("fr.ctc", &sent, AcknowledgementKind::Opened)
        .await;
    assert_eq!(told(&stage, &mut originator).await, "fr.ctc OPENED");
    assert_eq!(originator.threads_read, read + 1);
}

/// An auditor watches what its mandate lets it see: when that is withdrawn, what was found and not told is told no more.
#[tokio::test]
async fn a_withdrawn_mandate_ends_a_watch() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc", "ru.ctc/aviation"]).await;
    let mut auditor = watch(&stage, "us.audit", &sent).await;
    told(&stage, &mut auditor).await;
    let withdrawn = stage.world.mandate("ru.ctc", "us.audit", true);
    let ru = stage.caller("ru.ctc");
    stage.relay.publish_mandate(&ru, withdrawn).await.unwrap();
    assert_eq!(told(&stage, &mut auditor).await, ErrorCode::NotFound.to_string());
}

/// A recipient watches its own thread only, and a stranger nothing.
#[tokio::test]
async fn a_recipient_watches_its_own_thread() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc", "fr.ctc"]).await;
    let mut recipient = watch(&stage, "ru.ctc", &sent).await;
    for expected in ["ru.ctc ROUTED", "caught up"] {
        assert_eq!(told(&stage, &mut recipient).await, expected);
    }
    stage
        .acknowledged("fr.ctc", &sent, AcknowledgementKind::Received)
        .await;
    stage
        .acknowledged("ru.ctc", &sent, AcknowledgementKind::Opened)
        .await;
    assert_eq!(told(&stage, &mut recipient).await, "ru.ctc OPENED");
    let name = WarningName::Digest(stage.accepted("us.ctc", &["fr.ctc"]).await.envelope.digest());
    let refused = stage.relay.watch(&stage.caller("ru.ctc"), &name).await;
    assert_eq!(refused.err().unwrap().code(), ErrorCode::NotFound);
}

/// A replay gives every index once, in order, and its leaf hashes make the checkpoint's root, whoever asks; what each may
/// see comes as records, with the parts that are theirs.
#[tokio::test]
async fn a_replay_makes_the_root() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc", "fr.ctc"]).await;
    let (text, reference) = stage.world.text("understood");
    let mut submission =
        stage
            .world
            .acknowledgement("ru.ctc", &sent, AcknowledgementKind::Accepted, |answer| {
                answer.text = Some(reference);
            });
    submission.text = Some(text.clone());
    stage
        .relay
        .acknowledge(&stage.caller("ru.ctc"), submission)
        .await
        .unwrap();
    let query = ReplayQuery {
        with_parts: true,
        ..ReplayQuery::default()
    };
    for (caller, expected) in [
        // ACCEPTED with its body, both ROUTED without openings, ACKNOWLEDGED with its text.
        ("us.ctc", (4, 2, 0)),
        ("us.audit", (2, 1, 1)),
        ("ru.ctc", (2, 1, 1)),
        ("fr.ctc", (1, 0, 1)),
        ("operator:alice", (0, 0, 0)),
    ] {
        let mut replay = stage.relay.replay(&stage.caller(caller), &query).await.unwrap();
        let checkpoint = stage.checked(replay.checkpoint());
        let mut frontier = Frontier::new();
        let (mut records, mut parts, mut openings) = (0, 0, 0);
        while let Some(replayed) = replay.next().await {
            let replayed = replayed.unwrap();
            assert_eq!(replayed.index, frontier.size());
            let leaf = match &replayed.content {
                ReplayedContent::Record(bytes) => {
                    let record = crate::wire::record(bytes).unwrap();
                    let own = matches!(record.kind, RecordKind::Accepted(_)) || record.thread.is_some();
                    records += usize::from(own);
                    leaf_hash(bytes)
                }
                ReplayedContent::LeafHash(leaf) => *leaf,
            };
            parts += usize::from(replayed.part.is_some());
            openings += usize::from(replayed.inbox.is_some());
            frontier.append(leaf).unwrap();
        }
        assert_eq!(
            (frontier.size(), frontier.root()),
            (checkpoint.size(), checkpoint.root())
        );
        assert_eq!((records, parts, openings), expected, "{caller}");
    }
}

/// A dismissed auditor's replay that goes on shows nothing more that the mandate gave, of what was read already neither.
#[tokio::test]
async fn a_withdrawn_mandate_ends_what_a_replay_shows() {
    let mut stage = Stage::new().await;
    stage.accepted("us.ctc", &["ru.ctc"]).await;
    let shown_from = stage.size();
    stage.accepted("us.ctc", &["ru.ctc"]).await;
    let query = ReplayQuery {
        from_index: shown_from - 2,
        ..ReplayQuery::default()
    };
    let auditor = stage.caller("us.audit");
    let mut replay = stage.relay.replay(&auditor, &query).await.unwrap();
    let withdrawn = stage.world.mandate("ru.ctc", "us.audit", true);
    let mut shown = Vec::new();
    for _ in 0..2 {
        let record = replay.next().await.unwrap().unwrap();
        shown.push(matches!(record.content, ReplayedContent::Record(_)));
    }
    let ru = stage.caller("ru.ctc");
    stage.relay.publish_mandate(&ru, withdrawn).await.unwrap();
    while let Some(record) = replay.next().await {
        shown.push(matches!(record.unwrap().content, ReplayedContent::Record(_)));
    }
    // ACCEPTED is the originator's, ROUTED the mandator's.
    assert_eq!(shown, [false, true, false, false]);
}

/// A replay of a range, and of one warning; a range beyond the log is refused.
#[tokio::test]
async fn a_replay_keeps_to_its_range_and_filter() {
    let mut stage = Stage::new().await;
    let one = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let from_index = stage.size() - 2;
    stage.accepted("us.ctc", &["ru.ctc"]).await;
    let caller = stage.caller("us.ctc");
    let query = ReplayQuery {
        from_index,
        warning: Some(one.envelope.digest()),
        ..ReplayQuery::default()
    };
    let mut replay = stage.relay.replay(&caller, &query).await.unwrap();
    let mut shown = Vec::new();
    while let Some(record) = replay.next().await {
        shown.push(matches!(record.unwrap().content, ReplayedContent::Record(_)));
    }
    assert_eq!(shown, [true, true, false, false]);
    for (from_index, to_index) in [(5, 4), (0, stage.size() + 1)] {
        let query = ReplayQuery {
            from_index,
            to_index,
            ..ReplayQuery::default()
        };
        let refused = stage.relay.replay(&caller, &query).await.err().unwrap();
        assert_eq!(refused.code(), ErrorCode::InvalidRequest);
    }
}

/// The directory's chain, in pages and in evidence, leads a follower to the relay's own directory.
#[tokio::test]
async fn the_directory_can_be_followed() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let caller = stage.caller("fr.ctc");
    let mut followed = Directory::default();
    let mut next = 0;
    loop {
        let page = stage.relay.directory(&caller, next).await.unwrap();
        let records = stage.verified(&page.checkpoint, &page.records);
        for (receipt, record) in page.records.iter().zip(records) {
            let leaf = leaf_hash(&receipt.record);
            followed.follow(receipt.index, leaf, &record).unwrap();
        }
        next = followed.position().unwrap().seq + 1;
        if next > page.newest_seq {
            break;
        }
    }
    assert_eq!(followed, *stage.relay.durable().borrow().directory);
    let name = WarningName::Digest(sent.envelope.digest());
    let evidence = stage
        .relay
        .evidence(&stage.caller("ru.ctc"), &name, 0, "")
        .await
        .unwrap();
    let checkpoint = &evidence.warning.checkpoint;
    assert_eq!(stage.verified(checkpoint, &evidence.directory).len() as u64, next);
    assert_eq!(evidence.warning.threads.len(), 1);
}

/// A directory that is larger than a message is read in pages that are not, each as full as it may be, and every record of
/// it comes once; what is read for one page is a page's.
#[tokio::test]
async fn a_large_directory_comes_in_pages_that_fit() {
    let mut stage = Stage::new().await;
    let us = stage.caller("us.ctc");
    let desks = |turn: usize| -> Vec<String> {
        (0..limits::DESKS_MAX)
            .map(|n| format!("us.ctc/{turn:02}-{n:03}-{}", "d".repeat(40)))
            .collect()
    };
    for turn in 0..40 {
        let names = desks(turn);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let envelope = stage.world.desks("us.ctc", &names);
        stage.relay.publish_desks(&us, envelope).await.unwrap();
        stage.look();
        stage.clock.advance_ms(3_600_000);
        stage.world.now = stage.world.now.saturating_add_ms(3_600_000);
    }
    let caller = stage.caller("fr.ctc");
    let (mut next, mut pages) = (0, 0);
    loop {
        let page = stage.relay.directory(&caller, next).await.unwrap();
        let message = v1::GetDirectoryResponse {
            checkpoint: page.checkpoint.as_bytes().to_vec().into(),
            records: page.records.iter().map(v1::Receipt::from).collect(),
            newest_seq: page.newest_seq,
        };
        assert!(message.encoded_len() <= limits::GRPC_MESSAGE_BYTES_MAX);
        for record in stage.verified(&page.checkpoint, &page.records) {
            assert_eq!(record.directory.unwrap().seq, next);
            next += 1;
        }
        pages += 1;
        if next > page.newest_seq {
            break;
        }
        assert!(message.encoded_len() > limits::GRPC_MESSAGE_BYTES_MAX / 2);
    }
    assert!(pages > 1);
}

/// Inclusion and consistency proofs verify at every size asked for; sizes and indexes beyond the log are refused.
#[tokio::test]
async fn proofs_verify_at_every_size() {
    let mut stage = Stage::new().await;
    let mut roots = Vec::new();
    for _ in 0..5 {
        stage.accepted("us.ctc", &["ru.ctc", "fr.ctc"]).await;
        roots.push(stage.world.seen.unwrap());
    }
    let caller = stage.caller("fr.ctc");
    let newest = *roots.last().unwrap();
    for seen in &roots {
        let proof = stage
            .relay
            .prove_consistency(&caller, seen.size, 0)
            .await
            .unwrap();
        assert_eq!((proof.new_size, proof.checkpoint.is_some()), (newest.size, true));
        verify_consistency(seen.size, &seen.root, newest.size, &newest.root, &proof.proof).unwrap();
        let proof = stage.relay.prove_inclusion(&caller, 3, seen.size).await.unwrap();
        assert_eq!(proof.checkpoint.is_some(), seen.size == newest.size);
        verify_inclusion(&proof.leaf_hash, 3, seen.size, &proof.proof, &seen.root).unwrap();
    }
    let beyond = stage.size() + 1;
    for refused in [
        stage.relay.prove_inclusion(&caller, 0, beyond).await.err(),
        stage.relay.prove_inclusion(&caller, beyond, 0).await.err(),
        stage.relay.prove_consistency(&caller, beyond, 0).await.err(),
        stage.relay.prove_consistency(&caller, 0, beyond).await.err(),
    ] {
        assert_eq!(refused.unwrap().code(), ErrorCode::InvalidRequest);
    }
}

/// The status counts what waits, and is for operators.
#[tokio::test]
async fn the_status_is_for_operators() {
    let mut stage = Stage::new().await;
    stage.accepted("us.ctc", &["ru.ctc", "ru.ctc/aviation"]).await;
    stage.accepted("us.ctc", &["ru.ctc"]).await;
    let status = stage.relay.status(&stage.caller("operator:alice")).await.unwrap();
    let waiting: Vec<(String, u64)> = status
        .agencies
        .iter()
        .flat_map(|agency| &agency.desks)
        .map(|desk| (desk.desk.to_string(), desk.waiting))
        .filter(|(_, waiting)| *waiting > 0)
        .collect();
    assert_eq!(
        waiting,
        [("ru.ctc".to_owned(), 2), ("ru.ctc/aviation".to_owned(), 1)]
    );
    let refused = stage.relay.status(&stage.caller("ru.ctc")).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::PermissionDenied);
}
