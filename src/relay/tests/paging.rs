//! Answers that are larger than a message come in pages: whole, in order, each proven, none too large.

use prost::Message as _;

use super::stage::Stage;
use crate::domain::*;
use crate::error::ErrorCode;
use crate::limits;
use crate::relay::{Evidence, WarningView};
use crate::wire::v1;

const LONG: usize = 15_000;

/// A warning to two desks of `ru.ctc` and to `fr.ctc`; both desks of `ru.ctc` say all that may be said, at length.
async fn much_answered(stage: &mut Stage) -> Submission {
    let to = ["ru.ctc", "ru.ctc/aviation", "fr.ctc"];
    let sent = stage.accepted("us.ctc", &to).await;
    for desk in ["ru.ctc", "ru.ctc/aviation"] {
        for _ in 0..limits::ACKNOWLEDGEMENTS_PER_THREAD_MAX {
            let (text, reference) = stage.world.text(&"x".repeat(LONG));
            let mut answer =
                stage
                    .world
                    .acknowledgement(desk, &sent, AcknowledgementKind::Accepted, |answer| {
                        answer.text = Some(reference);
                    });
            answer.text = Some(text);
            stage
                .relay
                .acknowledge(&stage.caller("ru.ctc"), answer)
                .await
                .unwrap();
        }
    }
    stage.look();
    sent
}

fn receipts(receipts: &[Receipt]) -> Vec<v1::Receipt> {
    receipts.iter().map(v1::Receipt::from).collect()
}

fn message(view: &WarningView) -> v1::GetWarningResponse {
    v1::GetWarningResponse {
        checkpoint: view.checkpoint.as_bytes().to_vec().into(),
        envelope: view.envelope.as_ref().map(v1::Envelope::from),
        body: view.body.as_ref().map(v1::Part::from),
        accepted: view.accepted.as_ref().map(v1::Receipt::from),
        threads: view.threads.iter().map(v1::Thread::from).collect(),
        next_page_token: view.next_page_token.clone(),
        wraps: view.wraps.iter().map(v1::Wrap::from).collect(),
    }
}

/// A page as it is sent is no larger than a message; what it shows of threads, record by record.
fn shown(stage: &Stage, view: &WarningView, desks: &mut Vec<(String, u64, bool)>) {
    assert!(message(view).encoded_len() <= limits::GRPC_MESSAGE_BYTES_MAX);
    for thread in &view.threads {
        let records = stage.verified(&view.checkpoint, &thread.records);
        let mut step = Step::Routed;
        for (receipt, record) in thread.records.iter().zip(records) {
            let text = thread.texts.iter().find(|(index, _)| *index == receipt.index);
            assert!(text.is_none_or(|(_, text)| text.content.len() > LONG));
            if matches!(record.kind, RecordKind::Acknowledged(_)) {
                step = Step::Answered;
            }
            let seq = record.thread.unwrap().seq;
            desks.push((thread.desk.to_string(), seq, text.is_some()));
        }
        assert_eq!(thread.step, step);
    }
}

/// What the whole of it shows: each thread from its beginning to its end, each answer with its text.
fn expected(desks: &[&str]) -> Vec<(String, u64, bool)> {
    let answers = u64::from(limits::ACKNOWLEDGEMENTS_PER_THREAD_MAX);
    let records = |desk: &&str| {
        let last = if *desk == "fr.ctc" { 0 } else { answers };
        let desk = (*desk).to_owned();
        (0..=last).map(move |seq| (desk.clone(), seq, seq > 0))
    };
    desks.iter().flat_map(records).collect()
}

/// The originator's view of a warning to which desks have said all that may be said comes in pages; so does each
/// recipient's. The warning itself is on the first one. A page that is made up shows nothing that is not its caller's.
#[tokio::test]
async fn a_warning_with_many_answers_comes_in_pages() {
    let mut stage = Stage::new().await;
    let sent = much_answered(&mut stage).await;
    let name = WarningName::Digest(sent.envelope.digest());
    for (caller, desks) in [
        ("us.ctc", &["fr.ctc", "ru.ctc", "ru.ctc/aviation"][..]),
        ("ru.ctc", &["ru.ctc", "ru.ctc/aviation"]),
        ("fr.ctc", &["fr.ctc"]),
    ] {
        let caller = stage.caller(caller);
        let (mut token, mut found, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let view = stage.relay.warning(&caller, &name, &token).await.unwrap();
            assert_eq!(view.digest, sent.envelope.digest());
            assert_eq!(view.envelope.is_some(), pages == 0);
            assert_eq!(view.body.is_some(), pages == 0);
            shown(&stage, &view, &mut found);
            pages += 1;
            token = view.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(found, expected(desks));
        assert_eq!(pages > 1, desks.len() > 1, "{pages} pages");
    }
    let fr = stage.caller("fr.ctc");
    // Another's thread, and one that there is not, are refused alike.
    for made_up in ["w0000000000000000ru.ctc", "wffffffffffffffffzz.ctc"] {
        let refused = stage.relay.warning(&fr, &name, made_up).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PermissionDenied, "{made_up}");
    }
    let beyond = "w0000000000000007fr.ctc";
    let view = stage.relay.warning(&fr, &name, beyond).await.unwrap();
    assert!(view.threads.is_empty() && view.next_page_token.is_empty());
    let list = crate::relay::ListQuery {
        page_token: "w0000000000000000fr.ctc".to_owned(),
        ..Default::default()
    };
    let refused = stage.relay.list(&fr, &list).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidRequest);
}

/// Evidence is the same and then the directory, whole, however large that is.
#[tokio::test]
async fn evidence_comes_in_pages() {
    let mut stage = Stage::new().await;
    let sent = much_answered(&mut stage).await;
    let us = stage.caller("us.ctc");
    for turn in 0..10 {
        let desks: Vec<String> = (0..limits::DESKS_MAX)
            .map(|n| format!("us.ctc/{turn:02}-{n:03}-{}", "d".repeat(40)))
            .collect();
        let desks: Vec<&str> = desks.iter().map(String::as_str).collect();
        let envelope = stage.world.desks("us.ctc", &desks);
        stage.relay.publish_desks(&us, envelope).await.unwrap();
        stage.look();
    }
    let name = WarningName::Digest(sent.envelope.digest());
    let (mut token, mut found, mut pages, mut next) = (String::new(), Vec::new(), 0, 0);
    loop {
        let evidence = stage.relay.evidence(&us, &name, 0, &token).await.unwrap();
        let Evidence {
            warning,
            directory,
            next_page_token,
        } = evidence;
        assert!(warning.next_page_token.is_empty());
        let answer = v1::GetEvidenceResponse {
            warning: Some(message(&warning)),
            directory: receipts(&directory),
            next_page_token: next_page_token.clone(),
        };
        assert!(answer.encoded_len() <= limits::GRPC_MESSAGE_BYTES_MAX);
        shown(&stage, &warning, &mut found);
        for record in stage.verified(&warning.checkpoint, &directory) {
            assert_eq!(record.directory.unwrap().seq, next);
            next += 1;
        }
        pages += 1;
        token = next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, expected(&["fr.ctc", "ru.ctc", "ru.ctc/aviation"]));
    let newest = stage.relay.durable().borrow().directory.position().unwrap().seq;
    assert_eq!(next, newest + 1);
    assert!(pages > 2);
}

/// All of what evidence shows at a size, page by page, while the log grows under it; each page is proven by the note of that
/// size and no other. The records and the numbers of the directory.
async fn evidence_at(stage: &mut Stage, name: &WarningName, note: &str) -> (Vec<(String, u64)>, u64, u64) {
    let us = stage.caller("us.ctc");
    let size = stage.checked(note).size();
    let (mut token, mut found, mut directory, mut pages) = (String::new(), Vec::new(), 0, 0);
    loop {
        let page = stage.relay.evidence(&us, name, size, &token).await.unwrap();
        assert_eq!(&*page.warning.checkpoint, note);
        for thread in &page.warning.threads {
            stage.verified(note, &thread.records);
            let desk = thread.desk.to_string();
            found.extend(thread.records.iter().map(|receipt| (desk.clone(), receipt.index)));
        }
        stage.verified(note, page.warning.accepted.iter().chain(&page.directory));
        directory += page.directory.len() as u64;
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            return (found, directory, pages);
        }
        for other in [0, size + 1, size - 1] {
            let refused = stage.relay.evidence(&us, name, other, &token).await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::InvalidRequest, "{other}");
        }
        stage.accepted("fr.ctc", &["ru.ctc"]).await;
    }
}

/// Evidence at the size of an earlier checkpoint is what was in the log by then and no more, proven by that very note, on
/// every page; a page of one size is none of another. The middle of a block was never the end of the log, nor is its future.
#[tokio::test]
async fn evidence_at_a_size_shows_what_was_in_the_log_by_then() {
    let mut stage = Stage::new().await;
    let before = stage.relay.checkpoint();
    let sent = stage
        .accepted("us.ctc", &["ru.ctc", "ru.ctc/aviation", "fr.ctc"])
        .await;
    let routed = stage.relay.checkpoint();
    stage
        .acknowledged("fr.ctc", &sent, AcknowledgementKind::Accepted)
        .await;
    let answered = stage.relay.checkpoint();
    let name = WarningName::Digest(sent.envelope.digest());
    let (routed_size, size) = (stage.checked(&routed).size(), stage.size());
    let us = stage.caller("us.ctc");
    let desks = ["us.ctc/a", "us.ctc/b"];
    let envelope = stage.world.desks("us.ctc", &desks);
    stage.relay.publish_desks(&us, envelope).await.unwrap();
    stage.look();

    let (found, directory, pages) = evidence_at(&mut stage, &name, &routed).await;
    let expected: Vec<_> = ["fr.ctc", "ru.ctc", "ru.ctc/aviation"]
        .iter()
        .zip(found.iter().map(|(_, index)| *index))
        .map(|(desk, index)| ((*desk).to_owned(), index))
        .collect();
    assert_eq!((&found, pages), (&expected, 1));
    let newest = stage.relay.durable().borrow().directory.position().unwrap().seq;
    assert_eq!(directory, newest, "all but the desks that came later");

    let (found, _, _) = evidence_at(&mut stage, &name, &answered).await;
    assert_eq!(found.len(), 4);
    assert!(found.contains(&("fr.ctc".to_owned(), size - 1)));

    let early = stage.checked(&before).size();
    let refused = stage.relay.evidence(&us, &name, early, "").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotFound);
    for none in [routed_size - 1, stage.size() + 1] {
        let refused = stage.relay.evidence(&us, &name, none, "").await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidRequest, "{none}");
    }
}

/// The same of a warning whose evidence takes pages: they hang together while the log grows.
#[tokio::test]
async fn evidence_at_a_size_comes_in_pages_of_that_size() {
    let mut stage = Stage::new().await;
    let sent = much_answered(&mut stage).await;
    let name = WarningName::Digest(sent.envelope.digest());
    let note = stage.relay.checkpoint();
    stage
        .acknowledged("fr.ctc", &sent, AcknowledgementKind::Received)
        .await;
    let (found, _, pages) = evidence_at(&mut stage, &name, &note).await;
    assert_eq!(
        found.len(),
        expected(&["fr.ctc", "ru.ctc", "ru.ctc/aviation"]).len()
    );
    assert!(pages > 2);
}

/// A desk that is handed a warning again and again for weeks makes a thread longer than is looked up at once: it is shown
/// to its end.
#[tokio::test]
async fn a_long_thread_is_shown_to_its_end() {
    use crate::ledger::{Command, HandOver, ThreadKey};
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let handover = HandOver {
        thread: ThreadKey {
            warning: sent.envelope.digest(),
            desk: crate::world::parsed("ru.ctc"),
        },
        session_id: [1; 16],
        tls_keyid: crate::world::World::keyid("ru.ctc", KeyRole::Tls, 0),
        unrecorded: 0,
    };
    let records = limits::VIEW_RECORDS_MAX as u64 + 8;
    for _ in 0..records / u64::from(limits::HANDOVER_RECORDS_PER_HOUR_MAX) {
        stage.clock.advance_ms(3_600_000);
        for _ in 0..limits::HANDOVER_RECORDS_PER_HOUR_MAX {
            let command = Command::HandOver(handover.clone());
            stage.relay.engine.queue.ask(command, 0).await.unwrap();
        }
    }
    let name = WarningName::Digest(sent.envelope.digest());
    let us = stage.caller("us.ctc");
    let (mut token, mut found) = (String::new(), 0);
    loop {
        let view = stage.relay.warning(&us, &name, &token).await.unwrap();
        for thread in &view.threads {
            for record in stage.verified(&view.checkpoint, &thread.records) {
                assert_eq!(record.thread.unwrap().seq, found);
                found += 1;
            }
        }
        token = view.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, records + 1);
}

/// An auditor whose mandate is withdrawn between two pages, and who sees something of the warning by another's, is told so:
/// an empty page would look as if the relay kept a thread back.
#[tokio::test]
async fn a_mandate_withdrawn_between_pages_is_told() {
    let mut stage = Stage::new().await;
    let fr = stage.caller("fr.ctc");
    let mandate = stage.world.mandate("fr.ctc", "us.audit", false);
    stage.relay.publish_mandate(&fr, mandate).await.unwrap();
    let sent = much_answered(&mut stage).await;
    let name = WarningName::Digest(sent.envelope.digest());
    let auditor = stage.caller("us.audit");
    let first = stage.relay.warning(&auditor, &name, "").await.unwrap();
    assert!(!first.next_page_token.is_empty());
    let withdrawn = stage.world.mandate("ru.ctc", "us.audit", true);
    let ru = stage.caller("ru.ctc");
    stage.relay.publish_mandate(&ru, withdrawn).await.unwrap();
    let token = &first.next_page_token;
    for refused in [
        stage.relay.warning(&auditor, &name, token).await.err(),
        stage.relay.evidence(&auditor, &name, 0, token).await.err(),
    ] {
        assert_eq!(refused.unwrap().code(), ErrorCode::PermissionDenied);
    }
    let again = stage.relay.warning(&auditor, &name, "").await.unwrap();
    assert!(again.next_page_token.is_empty());
}
