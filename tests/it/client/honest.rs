//! An honest relay: a warning goes out, is received, answered and seen, and nothing is lost over breaks and restarts.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::stream::{self, StreamExt as _};
use wardline::client::{
    AcknowledgementDraft, Client, ClientError, Delivered, Deliveries, DirectoryNews, InboxState, Incoming,
    ListQuery, Outcome, ProfileDir, ThreadFact, Watched, When,
};
use wardline::domain::{
    AcknowledgementKind, Assessment, DeskAddress, Direction, KeyRole, Specific, Step, WarningName,
};
use wardline::error::ErrorCode;
use wardline::limits;
use wardline::transparency::{LogVerifier, TlogProof, leaf_hash};
use wardline::wire::v1;

use super::tamper::lied_to;
use crate::support::{World, draft, in_clear};
use crate::world::parsed;

pub(super) async fn next_warning(deliveries: &mut Deliveries) -> Delivered {
    loop {
        if let Incoming::Warning(delivered) = deliveries.next().await.unwrap() {
            return *delivered;
        }
    }
}

pub(crate) async fn receive_one(client: &Client, desk: &str) -> Delivered {
    let mut deliveries = client.deliveries(parsed(desk)).await.unwrap();
    let delivered = next_warning(&mut deliveries).await;
    deliveries.taken(&delivered).await.unwrap();
    deliveries.settle().await.unwrap().unwrap();
    delivered
}

pub(crate) fn answer(delivered: &Delivered, kind: AcknowledgementKind) -> AcknowledgementDraft {
    AcknowledgementDraft {
        office: "duty officer".to_owned(),
        ..AcknowledgementDraft::bare(
            delivered.warning.common.id,
            delivered.digest,
            delivered.desk.clone(),
            kind,
        )
    }
}

/// Reads a kept receipt and checks it with nothing but the log's key.
fn check_offline(proof: &PathBuf, log: &LogVerifier) -> u64 {
    let text = std::fs::read_to_string(proof).unwrap();
    let record = std::fs::read(proof.with_extension("record")).unwrap();
    let proof = TlogProof::parse(&text).unwrap();
    proof.verify(&leaf_hash(&record), log).unwrap();
    proof.index
}

/// The thin line: sent to two, received by one, answered with what is missing; the sender sees every step, the receipts
/// verify offline, and the outbox is empty.
#[tokio::test(flavor = "multi_thread")]
async fn a_warning_goes_out_and_the_answer_comes_back() {
    let world = World::with(&["us.ctc", "ru.ctc", "be.ctc"]).await;
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let sent = us.submit(&draft(&["ru.ctc", "be.ctc"])).await.unwrap();
    let desks: Vec<String> = sent.recipients.iter().map(|to| to.desk.to_string()).collect();
    assert_eq!(desks, ["be.ctc", "ru.ctc"]);
    assert_eq!(check_offline(&sent.receipt, &us.settings().log), sent.index);
    assert!(us.outbox().list().unwrap().is_empty());

    let delivered = receive_one(&ru, "ru.ctc").await;
    assert_eq!((delivered.digest, delivered.inbox_number), (sent.digest, 1));
    assert_eq!(
        delivered.content.body().unwrap().blocks[0].headline,
        "Concert hall"
    );
    ru.acknowledge(&answer(&delivered, AcknowledgementKind::Opened))
        .await
        .unwrap();
    let refused = AcknowledgementDraft {
        assessment: Some(Assessment::TooVague),
        missing: vec![Specific::Time, Specific::Place],
        until: Some(When::AfterMs(3_600_000)),
        note: Some((parsed("ru"), "Когда?".to_owned())),
        ..answer(&delivered, AcknowledgementKind::Deferred)
    };
    let acknowledged = ru.acknowledge(&refused).await.unwrap();
    assert_eq!(
        check_offline(&acknowledged.receipt, &ru.settings().log),
        acknowledged.index
    );

    let seen = us.warning(WarningName::Id(sent.id)).await.unwrap();
    let desk: DeskAddress = parsed("ru.ctc");
    let thread = &seen.threads[&desk];
    assert_eq!(
        (thread.step, thread.answer),
        (Step::Answered, Some(AcknowledgementKind::Deferred))
    );
    let ThreadFact::Acknowledged(last) = &thread.events.last().unwrap().what else {
        panic!("{:?}", thread.events.last());
    };
    assert_eq!(last.note.text().unwrap().text, "Когда?");
    assert_eq!(seen.threads[&parsed::<DeskAddress>("be.ctc")].step, Step::Routed);
    // The recipient sees its own thread only.
    let own = ru.warning(WarningName::Digest(sent.digest)).await.unwrap();
    assert_eq!(own.threads.keys().collect::<Vec<_>>(), [&desk]);
    assert!(own.accepted.is_none());
}

/// A warning to which more was answered than one message holds is asked for page by page: every answer is there, verified,
/// with its text, the last one too.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_thread_is_followed_over_its_pages() {
    let world = World::with(&["us.ctc", "ru.ctc", "be.ctc"]).await;
    let ru = world.client("ru.ctc");
    let (us, meddler) = lied_to(&world, "us.ctc").await;
    let sent = us.submit(&draft(&["ru.ctc", "be.ctc"])).await.unwrap();
    let delivered = receive_one(&ru, "ru.ctc").await;
    let answers = limits::ACKNOWLEDGEMENTS_PER_THREAD_MAX - 1;
    let exchange = world.exchange("ru.ctc").await;
    let said = stream::iter(0..answers).map(async |n| {
        let long = AcknowledgementDraft {
            note: Some((parsed("en"), format!("{n}: {}", "x".repeat(15_000)))),
            ..answer(&delivered, AcknowledgementKind::Accepted)
        };
        let signed = ru.sign_acknowledgement(&long).await.unwrap();
        let request = v1::AcknowledgeRequest {
            acknowledgement: Some((&signed).into()),
        };
        exchange.clone().acknowledge(request).await.unwrap();
    });
    // As many at once as make a few blocks of them; the client's files have their own tests.
    said.buffer_unordered(16).collect::<()>().await;
    let pages = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&pages);
    meddler.warning(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let seen = us.warning(WarningName::Id(sent.id)).await.unwrap();
    assert!(pages.load(Ordering::SeqCst) > 1);
    let thread = &seen.threads[&parsed::<DeskAddress>("ru.ctc")];
    let texts = thread.events.iter().filter_map(|event| match &event.what {
        ThreadFact::Acknowledged(answer) => answer.note.text(),
        _ => None,
    });
    let mut numbers: Vec<u32> = texts
        .map(|text| text.text.split(':').next().unwrap().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..answers));
    assert_eq!(thread.step, Step::Answered);
    assert_eq!(seen.threads[&parsed::<DeskAddress>("be.ctc")].step, Step::Routed);
}

/// What was taken once is not given out again, by a client that was opened anew either, and `RECEIVED` is signed for it if
/// that did not happen; an unhandled one comes again.
#[tokio::test(flavor = "multi_thread")]
async fn a_warning_is_taken_once() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let first = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    {
        // Stored and shown, and then the machine is gone.
        let ru = world.client("ru.ctc");
        let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
        assert_eq!(next_warning(&mut deliveries).await.digest, first.digest);
    }
    // Taken, and the machine is gone before RECEIVED is on the record: what the inbox holds then.
    let inbox = world.profile("ru.ctc").inbox();
    let mut files = std::fs::read_dir(inbox)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let stored = files
        .find(|path| path.extension().is_some_and(|it| it == "warning"))
        .unwrap();
    std::fs::write(stored.with_extension("handled"), "").unwrap();
    let second = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let ru = world.client("ru.ctc");
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    let mut received = Vec::new();
    let mut given = Vec::new();
    while received.len() < 2 {
        match deliveries.next().await.unwrap() {
            Incoming::Warning(delivered) => {
                given.push(delivered.digest);
                deliveries.taken(&delivered).await.unwrap();
            }
            Incoming::Received(acknowledged) => received.push(acknowledged.warning_digest),
            Incoming::CaughtUp { missing, .. } => assert_eq!(missing, 0),
            Incoming::Accounted { .. } => panic!("nothing was asked"),
        }
    }
    assert_eq!(given, [second.digest]);
    received.sort_unstable();
    let mut both = [first.digest, second.digest];
    both.sort_unstable();
    assert_eq!(received, both);
    let states: Vec<InboxState> = ru.inbox().list().unwrap().into_values().collect();
    assert_eq!(states, [InboxState::Received, InboxState::Received]);
}

/// A session that only looks on shows each warning once and signs nothing, whatever comes again; one that takes warnings is
/// given the same one, and signs for it.
#[tokio::test(flavor = "multi_thread")]
async fn who_only_looks_on_signs_nothing() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let ru = world.client("ru.ctc");
    let mut onlooker = ru.look_on(parsed("ru.ctc")).await.unwrap();
    let shown = next_warning(&mut onlooker).await;
    onlooker.taken(&shown).await.unwrap();
    assert_eq!(onlooker.in_flight(), 0);
    drop(onlooker);
    // It comes again to the next session of the same kind, and is passed over.
    let mut onlooker = ru.look_on(parsed("ru.ctc")).await.unwrap();
    let passed = onlooker.next().await.unwrap();
    assert!(matches!(passed, Incoming::CaughtUp { .. }), "{passed:?}");
    assert_eq!(onlooker.in_flight(), 0);
    drop(onlooker);
    let states: Vec<InboxState> = ru.inbox().list().unwrap().into_values().collect();
    assert_eq!(states, [InboxState::Shown]);
    let desk: DeskAddress = parsed("ru.ctc");
    let seen = us.warning(WarningName::Id(sent.id)).await.unwrap();
    assert_eq!(seen.threads[&desk].step, Step::HandedOver);
    assert_eq!(receive_one(&ru, "ru.ctc").await.digest, sent.digest);
    let seen = us.warning(WarningName::Id(sent.id)).await.unwrap();
    assert_eq!(seen.threads[&desk].step, Step::Received);
}

/// The handler API, on a task of its own: a handler that fails leaves the warning stored and unsigned for; one that succeeds
/// has it signed for, and what it was given once it is not given again.
#[tokio::test(flavor = "multi_thread")]
async fn a_handler_takes_each_warning_once() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let ru = world.client("ru.ctc");
    let failing = ru.clone();
    let failed = tokio::spawn(async move {
        failing
            .receive(parsed("ru.ctc"), |_| async { Err("the alarm did not ring") })
            .await
    });
    let failed = failed.await.unwrap().unwrap_err();
    assert!(
        matches!(&failed, ClientError::Handler(why) if why.contains("did not ring")),
        "{failed}"
    );
    let states: Vec<InboxState> = ru.inbox().list().unwrap().into_values().collect();
    assert_eq!(states, [InboxState::Stored]);

    let (taken, mut taken_digests) = tokio::sync::mpsc::unbounded_channel();
    let receiving = tokio::spawn(async move {
        let handler = |delivered: Delivered| {
            let taken = taken.clone();
            async move { taken.send(delivered.digest) }
        };
        ru.receive(parsed("ru.ctc"), handler).await
    });
    assert_eq!(taken_digests.recv().await, Some(sent.digest));
    let mut watch = us.watch(WarningName::Id(sent.id)).await.unwrap();
    loop {
        if let Watched::Record {
            step: Step::Received, ..
        } = watch.next().await.unwrap()
        {
            break;
        }
    }
    let second = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    assert_eq!(taken_digests.recv().await, Some(second.digest));
    receiving.abort();
}

/// With the relay away nothing happens and what was signed stays in the outbox; after its restart the same bytes are
/// accepted, once, and the absent desk still gets the warning.
#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_outlasts_an_outage() {
    let mut world = World::with(&["us.ctc", "ru.ctc"]).await;
    // Whom a warning is sealed to is known from before.
    world.client("us.ctc").follow_directory().await.unwrap();
    world.stop().await;
    let us = world.client("us.ctc");
    let failed = us.submit(&draft(&["ru.ctc"])).await.unwrap_err();
    assert_eq!(failed.outcome(), Outcome::NothingHappened, "{failed}");
    let waiting = us.outbox().list().unwrap();
    assert_eq!(waiting.len(), 1);

    world.start(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let sent = us.submit_entry(&waiting[0]).await.unwrap();
    assert!(!sent.repeated);
    assert!(us.outbox().list().unwrap().is_empty());
    let again = us.submit_entry(&waiting[0]).await.unwrap();
    assert_eq!((again.index, again.repeated), (sent.index, true));
    let delivered = receive_one(&world.client("ru.ctc"), "ru.ctc").await;
    assert_eq!(delivered.digest, sent.digest);
}

/// A refusal that is on the record is verified, says where, and uses up the entry.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_proven_too() {
    let world = World::with(&["us.ctc"]).await;
    let us = world.client("us.ctc");
    let refused = us.submit(&in_clear(&["us.ctx"])).await.unwrap_err();
    let ClientError::Refused(refusal) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.refused.code, ErrorCode::UnknownRecipient);
    assert!(refusal.rejected_at.is_some());
    assert_eq!(refused.outcome(), Outcome::Refused);
    assert!(us.outbox().list().unwrap().is_empty());
}

/// A second `RECEIVED` of a desk gives the first one's record, signed by another key of the same agency, and the client
/// takes it as its agency's.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_received_gives_the_first() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    world.client("us.ctc").submit(&draft(&["ru.ctc"])).await.unwrap();
    let ru = world.client("ru.ctc");
    let delivered = receive_one(&ru, "ru.ctc").await;
    let second = AcknowledgementDraft {
        office: String::new(),
        ..answer(&delivered, AcknowledgementKind::Received)
    };
    let again = ru.acknowledge(&second).await.unwrap();
    assert!(again.repeated);
    let thread = ru.warning(WarningName::Digest(delivered.digest)).await.unwrap();
    let events = &thread.threads[&delivered.desk].events;
    let received = events
        .iter()
        .filter(|event| matches!(event.what, ThreadFact::Acknowledged(_)));
    assert_eq!(
        received.map(|event| event.index).collect::<Vec<_>>(),
        [again.index]
    );
}

/// The originator watches: the past comes first, then each change as it happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_shows_the_past_and_then_what_comes() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let mut watch = us.watch(WarningName::Id(sent.id)).await.unwrap();
    let Watched::Record { step, .. } = watch.next().await.unwrap() else {
        panic!("no record");
    };
    assert_eq!(step, Step::Routed);
    assert!(matches!(watch.next().await.unwrap(), Watched::CaughtUp));
    let ru = world.client("ru.ctc");
    let delivered = receive_one(&ru, "ru.ctc").await;
    ru.acknowledge(&answer(&delivered, AcknowledgementKind::Opened))
        .await
        .unwrap();
    let mut steps = Vec::new();
    while steps.last() != Some(&Step::Opened) {
        if let Watched::Record { step, .. } = watch.next().await.unwrap() {
            steps.push(step);
        }
    }
    assert_eq!(steps, [Step::HandedOver, Step::Received, Step::Opened]);
}

/// Lists show both ways, open ones only if asked, page by page.
#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(us.submit(&draft(&["ru.ctc"])).await.unwrap().digest);
    }
    let mut query = ListQuery {
        direction: Some(Direction::Out),
        page_size: 2,
        ..ListQuery::default()
    };
    let (first, next) = us.list(&query).await.unwrap();
    query.page_token = next;
    let (second, end) = us.list(&query).await.unwrap();
    let listed: Vec<_> = first.iter().chain(&second).map(|row| row.digest).collect();
    sent.reverse();
    assert_eq!((listed, end.as_str()), (sent, ""));
    let ru = world.client("ru.ctc");
    let delivered = receive_one(&ru, "ru.ctc").await;
    ru.acknowledge(&answer(&delivered, AcknowledgementKind::Accepted))
        .await
        .unwrap();
    let open = ListQuery {
        direction: Some(Direction::In),
        open_only: true,
        ..ListQuery::default()
    };
    assert_eq!(ru.list(&open).await.unwrap().0.len(), 2);
}

/// The directory is followed and kept: a new key is news, above all where another one was confirmed, and a client that is
/// opened anew knows it without asking.
#[tokio::test(flavor = "multi_thread")]
async fn the_directory_is_followed_and_kept() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    us.follow_directory().await.unwrap();
    let ru = parsed("ru.ctc");
    let confirmed = us.confirm_keys(|key| key.principal == ru).await.unwrap();
    assert_eq!(confirmed.len(), 5);
    let new = world.new_key("ru.ctc", KeyRole::Originate, "ru.ctc-new").await;
    world.client("ru.ctc").publish_key(&new.envelope).await.unwrap();
    let news = us.follow_directory().await.unwrap();
    let [
        DirectoryNews::NewKey {
            keyid,
            replaces_confirmed: true,
            ..
        },
    ] = news.as_slice()
    else {
        panic!("{news:?}");
    };
    assert_eq!(*keyid, new.keyid);
    let reopened = world.client("us.ctc").known_directory().await;
    assert_eq!(reopened.next_seq(), us.known_directory().await.next_seq());
    assert!(reopened.directory().key(&new.keyid).is_some());
    assert!(reopened.is_confirmed(&confirmed[0].keyid) && !reopened.is_confirmed(&new.keyid));
}

/// A stream of many: every outcome comes verified, refused ones beside accepted ones.
#[tokio::test(flavor = "multi_thread")]
async fn many_are_sent_over_one_stream() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let mut stream = us.submit_many().await.unwrap();
    let mut bad = None;
    for number in 0..40 {
        // What is sealed would not get as far as the relay.
        let sent = if number == 17 {
            in_clear(&["ru.ctx"])
        } else {
            draft(&["ru.ctc"])
        };
        let submission = us.sign(&sent).await.unwrap();
        let tag = stream.send(submission).await.unwrap();
        if number == 17 {
            bad = Some(tag);
        }
    }
    let mut accepted = 0;
    while let Some((tag, outcome)) = stream.next().await.unwrap() {
        match outcome {
            Ok(sent) => {
                assert_eq!(sent.recipients.len(), 1);
                accepted += 1;
            }
            Err(error) => {
                assert_eq!(Some(tag), bad);
                assert_eq!(error.code(), Some(ErrorCode::UnknownRecipient), "{error}");
            }
        }
    }
    assert_eq!(accepted, 39);
}

/// A suspended agency's warnings are refused and its answers pass; it is reinstated.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_suspends_and_reinstates() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    world
        .operator()
        .suspend(parsed("ru.ctc"), "a test")
        .await
        .unwrap();
    let ru = world.client("ru.ctc");
    let refused = ru.submit(&draft(&["us.ctc"])).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Suspended));
    let delivered = receive_one(&ru, "ru.ctc").await;
    ru.acknowledge(&answer(&delivered, AcknowledgementKind::Accepted))
        .await
        .unwrap();
    let again = world
        .operator()
        .suspend(parsed("ru.ctc"), "a test")
        .await
        .unwrap_err();
    assert_eq!(again.code(), Some(ErrorCode::NoChange));
    world
        .operator()
        .reinstate(parsed("ru.ctc"), "it is over")
        .await
        .unwrap();
    ru.submit(&draft(&["us.ctc"])).await.unwrap();
    let status = world.operator().operator_status().await.unwrap();
    assert_eq!(status.agencies.len(), 2);
}

/// Without its checkpoint a profile does nothing, until trust is reset, which keeps what was verified before.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_checkpoint_needs_a_reset() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let profile: ProfileDir = world.profile("us.ctc");
    world.client("us.ctc").follow_directory().await.unwrap();
    std::fs::remove_file(profile.checkpoint()).unwrap();
    let lost = Client::open(&profile).unwrap_err();
    assert_eq!(lost.outcome(), Outcome::VerificationFailed);
    let reset = wardline::client::Reset::ask(&profile).await.unwrap();
    let evidence = reset.install().await.unwrap();
    assert!(evidence.unwrap().join("directory").exists());
    world.client("us.ctc").submit(&draft(&["ru.ctc"])).await.unwrap();
    assert!(world.path().join("us.ctc/evidence").exists());
}

/// Another server than the pinned one is found out before anything is sent.
#[tokio::test(flavor = "multi_thread")]
async fn another_tls_key_is_found_out() {
    let world = World::with(&["us.ctc"]).await;
    let profile = world.profile("us.ctc");
    let settings = wardline::client::Settings::read(&profile).unwrap();
    let other = wardline::client::Settings {
        tls_pin: wardline::domain::KeyId([9; 32]),
        ..settings
    };
    other.write(&profile).unwrap();
    let failed = world.client("us.ctc").checkpoint().await.unwrap_err();
    assert_eq!(failed.outcome(), Outcome::VerificationFailed, "{failed}");
}
