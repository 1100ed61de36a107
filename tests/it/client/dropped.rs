//! A relay that gave a receipt for an acknowledgement and then shows the thread without it, cut short so that it is whole in
//! itself: the receipt convicts it. So does what a watch has shown before.

use prost::Message as _;
use wardline::client::{ClientError, VerificationError, Watched};
use wardline::domain::{AcknowledgementKind, DeskAddress, WarningName};
use wardline::transparency::{TlogProof, leaf_hash};
use wardline::wire::v1;

use super::honest::{answer, receive_one};
use super::malicious::found_out;
use super::tamper::lied_to;
use crate::support::{World, draft};
use crate::world::parsed;

/// The whole of one warning: received and opened by its recipient, who has receipts for both.
async fn answered() -> (World, WarningName, u64) {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let sent = world.client("us.ctc").submit(&draft(&["ru.ctc"])).await.unwrap();
    let ru = world.client("ru.ctc");
    let delivered = receive_one(&ru, "ru.ctc").await;
    let opened = ru
        .acknowledge(&answer(&delivered, AcknowledgementKind::Opened))
        .await
        .unwrap();
    (world, WarningName::Digest(sent.digest), opened.index)
}

/// The thread as the acknowledging agency is shown it: without its last record, without any of its own, or not at all; a table.
/// Both sides are kept: the receipt, which verifies with the log's key alone, and the relay's answer. Shown the truth again,
/// it is content.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_without_what_there_is_a_receipt_for() {
    type Lie = fn(&mut v1::Thread);
    let table: [(&str, Lie); 2] = [
        ("the last acknowledgement", |thread| {
            thread.records.pop();
            thread.step = v1::Step::Received.into();
        }),
        ("all of them", |thread| {
            thread.records.truncate(1);
            thread.step = v1::Step::Routed.into();
        }),
    ];
    let (world, name, index) = answered().await;
    let (ru, meddler) = lied_to(&world, "ru.ctc").await;
    for (what, lie) in table {
        meddler.warning(move |answer| lie(&mut answer.threads[0]));
        let (error, evidence) = found_out(ru.warning(name).await);
        let VerificationError::Dropped { index: dropped, .. } = error else {
            panic!("{what}: {error:?}");
        };
        assert!(dropped <= index, "{what}");
        let evidence = evidence.unwrap();
        let proof = std::fs::read_to_string(evidence.join("receipt.tlog-proof")).unwrap();
        let record = std::fs::read(evidence.join("receipt.record")).unwrap();
        let proof = TlogProof::parse(&proof).unwrap();
        let proven = proof.verify(&leaf_hash(&record), &ru.settings().log).unwrap();
        assert_eq!(proof.index, dropped, "{what}");
        let shown = std::fs::read(evidence.join("shown-1.pb")).unwrap();
        let shown = v1::GetWarningResponse::decode(shown.as_slice()).unwrap();
        let note = String::from_utf8(shown.checkpoint.to_vec()).unwrap();
        assert!(ru.settings().log.open(&note).unwrap().size() >= proven.size());
        assert!(shown.threads[0].records.iter().all(|it| it.index != dropped));
    }
    meddler.warning(|_| {});
    ru.warning(name).await.unwrap();
}

/// A watch, in which the relay says nothing false of any record that it shows: the recipient holds its receipt against it.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_without_what_there_is_a_receipt_for() {
    let (world, name, index) = answered().await;
    let (ru, meddler) = lied_to(&world, "ru.ctc").await;
    meddler.shows(move |message| !is_record(message, index));
    let mut watch = ru.watch(name).await.unwrap();
    let ended = loop {
        match watch.next().await {
            Ok(Watched::Record { .. }) => {}
            Ok(Watched::CaughtUp) => panic!("it was taken for whole"),
            Err(error) => break Err::<(), _>(error),
        }
    };
    dropped(ended, index);
}

/// The originator has no receipt for what its recipient signed. But once a watch has shown it, no later stream of that watch
/// may leave it out.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_takes_back_what_it_has_shown() {
    let (world, name, index) = answered().await;
    let (us, meddler) = lied_to(&world, "us.ctc").await;
    meddler.shows(|_| true);
    let mut watch = us.watch(name).await.unwrap();
    let desk: DeskAddress = parsed("ru.ctc");
    while !matches!(watch.next().await.unwrap(), Watched::CaughtUp) {}
    let whole = us.warning(name).await.unwrap();
    assert_eq!(whole.threads[&desk].events.last().unwrap().index, index);
    // The stream ends, and the next one is shorter.
    meddler.shows(move |message| !is_record(message, index));
    dropped(watch.next().await, index);
}

fn is_record(message: &v1::WatchWarningResponse, index: u64) -> bool {
    match &message.kind {
        Some(v1::watch_warning_response::Kind::Record(record)) => record
            .receipt
            .as_ref()
            .is_some_and(|receipt| receipt.index == index),
        Some(_) | None => false,
    }
}

fn dropped<T: std::fmt::Debug>(ended: Result<T, ClientError>, index: u64) {
    let (error, evidence) = found_out(ended);
    assert!(
        matches!(error, VerificationError::Dropped { index: at, .. } if at == index),
        "{error:?}"
    );
    let evidence = evidence.unwrap();
    for file in ["receipt.tlog-proof", "receipt.record", "what.txt"] {
        assert!(evidence.join(file).is_file(), "{file}");
    }
}
