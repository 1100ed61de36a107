//! A relay that lies is found out, each lie for what it is: the call fails with a verification error (exit 5), nothing is
//! reported as done, what was signed stays in the outbox, and both sides of the contradiction are kept.

use std::fmt::Debug;
use std::path::PathBuf;

use wardline::client::{ClientError, Outcome, VerificationError};
use wardline::domain::{AcknowledgementKind, Digest, KeyRole, WarningName};
use wardline::wire::v1;

use super::honest::{answer, next_warning};
use super::tamper::{Meddler, forged_checkpoint, lied_to, stolen_log_key};
use crate::support::{World, draft};
use crate::world::parsed;

pub(crate) fn found_out<T: Debug>(result: Result<T, ClientError>) -> (VerificationError, Option<PathBuf>) {
    let error = result.unwrap_err();
    assert_eq!(error.outcome(), Outcome::VerificationFailed, "{error}");
    match error {
        ClientError::Verification { error, evidence } => (*error, evidence),
        other => panic!("{other:?}"),
    }
}

/// Lies about a submission: a table of what the relay does to its answer, and what the client finds.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_receipt_is_no_receipt() {
    type Lie = fn(&Meddler, v1::SubmitResponse, bytes::Bytes);
    type Found = fn(&VerificationError) -> bool;
    let table: [(&str, Lie, Found); 8] = [
        (
            "the receipt of another warning",
            |meddler, other, _| meddler.submit(move |answer| *answer = other.clone()),
            |error| matches!(error, VerificationError::OtherRecord { .. }),
        ),
        (
            "another warning's acceptance under this digest",
            |meddler, other, _| {
                meddler.submit(move |answer| {
                    let digest = answer.digest.clone();
                    *answer = other.clone();
                    answer.digest = digest;
                });
            },
            |error| matches!(error, VerificationError::OtherRecord { .. }),
        ),
        (
            "a ROUTED record is dropped",
            |meddler, _, _| meddler.submit(|answer| drop(answer.routed.pop())),
            |error| matches!(error, VerificationError::Incomplete(_)),
        ),
        (
            "two ROUTED records change places",
            |meddler, _, _| meddler.submit(|answer| answer.routed.reverse()),
            |error| matches!(error, VerificationError::OtherRecord { .. }),
        ),
        (
            "a record says something else",
            |meddler, _, _| {
                meddler.submit(|answer| {
                    let receipt = &mut answer.routed[0];
                    let mut record = receipt.record.to_vec();
                    record[5] ^= 1;
                    receipt.record = record.into();
                });
            },
            |error| matches!(error, VerificationError::Inclusion { .. }),
        ),
        (
            "a record stands elsewhere",
            |meddler, _, _| meddler.submit(|answer| answer.accepted.as_mut().unwrap().index -= 1),
            |error| matches!(error, VerificationError::Inclusion { .. }),
        ),
        (
            "a checkpoint of a log that nobody has",
            |meddler, _, forged| {
                meddler.submit(move |answer| {
                    answer.accepted.as_mut().unwrap().checkpoint = forged.clone();
                });
            },
            |error| matches!(error, VerificationError::NotConsistent { .. }),
        ),
        (
            "a checkpoint that the log did not sign",
            |meddler, _, _| {
                meddler.submit(|answer| {
                    let receipt = answer.accepted.as_mut().unwrap();
                    let note = String::from_utf8(receipt.checkpoint.to_vec()).unwrap();
                    let (text, _) = note.split_once("\n\n").unwrap();
                    receipt.checkpoint = format!("{text}\n\n\u{2014} someone AAAAAAA=\n").into();
                });
            },
            |error| matches!(error, VerificationError::Checkpoint(_)),
        ),
    ];
    let world = World::with(&["us.ctc", "ru.ctc", "be.ctc"]).await;
    let (us, meddler) = lied_to(&world, "us.ctc").await;
    let kept = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = std::sync::Arc::clone(&kept);
    meddler.submit(move |answer| *keep.lock().unwrap() = Some(answer.clone()));
    us.submit(&draft(&["ru.ctc", "be.ctc"])).await.unwrap();
    let other = kept.lock().unwrap().take().unwrap();
    for (what, lie, found) in table {
        lie(&meddler, other.clone(), forged_checkpoint(&world, 1_000));
        let (error, evidence) = found_out(us.submit(&draft(&["ru.ctc", "be.ctc"])).await);
        assert!(found(&error), "{what}: {error:?}");
        assert!(evidence.is_some_and(|path| path.exists()), "{what}");
    }
    assert_eq!(us.outbox().list().unwrap().len(), 8);
    // The honest relay still has all of them, and the same bytes are still good.
    let honest = world.client("us.ctc");
    for entry in honest.outbox().list().unwrap() {
        assert!(honest.submit_entry(&entry).await.unwrap().repeated);
    }
}

/// Lies about an acknowledgement: the receipt of an earlier one.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_acknowledgement_is_found_out() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let sender = world.client("us.ctc");
    sender.submit(&draft(&["ru.ctc"])).await.unwrap();
    let (ru, meddler) = lied_to(&world, "ru.ctc").await;
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    let delivered = next_warning(&mut deliveries).await;
    let kept = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = std::sync::Arc::clone(&kept);
    meddler.acknowledge(move |answer| *keep.lock().unwrap() = Some(answer.clone()));
    ru.acknowledge(&answer(&delivered, AcknowledgementKind::Opened))
        .await
        .unwrap();
    let other = kept.lock().unwrap().take().unwrap();
    meddler.acknowledge(move |answer| *answer = other.clone());
    let lied = ru
        .acknowledge(&answer(&delivered, AcknowledgementKind::Accepted))
        .await;
    let (error, _) = found_out(lied);
    assert!(
        matches!(error, VerificationError::OtherRecord { .. }),
        "{error:?}"
    );
    assert_eq!(ru.outbox().list().unwrap().len(), 1);
}

/// Lies about what became of a warning: a table of what is done to the answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_status_is_found_out() {
    type Lie = fn(&mut v1::GetWarningResponse);
    type Found = fn(&VerificationError) -> bool;
    let table: [(&str, Lie, Found); 12] = [
        (
            "our acceptance is not shown",
            |answer| answer.accepted = None,
            |error| matches!(error, VerificationError::Incomplete(_)),
        ),
        (
            "nor is a recipient, which it would list",
            |answer| {
                answer.accepted = None;
                answer.threads.pop();
            },
            |error| matches!(error, VerificationError::Incomplete(_)),
        ),
        (
            "a page that shows a record again",
            |answer| answer.next_page_token = "w0000000000000000be.ctc".to_owned(),
            |error| matches!(error, VerificationError::Thread { .. }),
        ),
        (
            "pages without an end",
            |answer| answer.next_page_token = "wffffffffffffffffru.ctc".to_owned(),
            |error| matches!(error, VerificationError::Incomplete(_)),
        ),
        (
            "a recipient is not shown",
            |answer| drop(answer.threads.pop()),
            |error| matches!(error, VerificationError::Incomplete(_)),
        ),
        (
            "a record in the middle is left out",
            |answer| {
                let thread = answer.threads.iter_mut().find(|it| it.desk == "ru.ctc").unwrap();
                thread.records.remove(1);
            },
            |error| matches!(error, VerificationError::Thread { .. }),
        ),
        (
            "the answer is left out",
            |answer| {
                let thread = answer.threads.iter_mut().find(|it| it.desk == "ru.ctc").unwrap();
                thread.records.pop();
            },
            |error| matches!(error, VerificationError::Thread { .. }),
        ),
        (
            "a step is claimed that nothing shows",
            |answer| {
                let thread = answer.threads.iter_mut().find(|it| it.desk == "be.ctc").unwrap();
                thread.step = v1::Step::Opened.into();
            },
            |error| matches!(error, VerificationError::Thread { .. }),
        ),
        (
            "one recipient's records under another's name",
            |answer| {
                let records = answer.threads[0].records.clone();
                answer.threads[1].records = records;
            },
            |error| matches!(error, VerificationError::Incomplete(_)),
        ),
        (
            "another body",
            |answer| {
                let part = answer.body.as_mut().unwrap();
                let mut content = part.content.to_vec();
                *content.last_mut().unwrap() ^= 1;
                part.content = content.into();
            },
            |error| matches!(error, VerificationError::Delivery { .. }),
        ),
        (
            "an unsigned word",
            |answer| {
                let envelope = answer.envelope.as_mut().unwrap();
                let mut payload = envelope.payload.to_vec();
                *payload.last_mut().unwrap() ^= 1;
                envelope.payload = payload.into();
            },
            |error| matches!(error, VerificationError::Delivery { .. }),
        ),
        (
            "an old checkpoint",
            |_| {},
            |error| matches!(error, VerificationError::WentBack { .. }),
        ),
    ];
    let world = World::with(&["us.ctc", "ru.ctc", "be.ctc"]).await;
    let (us, meddler) = lied_to(&world, "us.ctc").await;
    let sent = us.submit(&draft(&["ru.ctc", "be.ctc"])).await.unwrap();
    let name = WarningName::Digest(sent.digest);
    let kept = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = std::sync::Arc::clone(&kept);
    meddler.warning(move |answer| *keep.lock().unwrap() = Some(answer.clone()));
    us.warning(name).await.unwrap();
    let old = kept.lock().unwrap().take().unwrap();

    let ru = world.client("ru.ctc");
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    let delivered = next_warning(&mut deliveries).await;
    deliveries.taken(&delivered).await.unwrap();
    deliveries.settle().await.unwrap();
    ru.acknowledge(&answer(&delivered, AcknowledgementKind::Opened))
        .await
        .unwrap();
    us.checkpoint().await.unwrap();
    for (what, lie, found) in table {
        let old = old.clone();
        meddler.warning(move |answer| {
            if what == "an old checkpoint" {
                *answer = old.clone();
            }
            lie(answer);
        });
        let (error, evidence) = found_out(us.warning(name).await);
        assert!(found(&error), "{what}: {error:?}");
        assert!(evidence.is_some(), "{what}");
    }
    meddler.warning(|_| {});
    us.warning(name).await.unwrap();
}

/// Lies about a delivery: another inbox number, another warning's body, another's routing; none is stored or signed for.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_delivery_is_not_taken() {
    type Lie = fn(&mut v1::Delivery, &v1::Delivery);
    let table: [(&str, Lie); 4] = [
        ("another inbox number", |delivery, _| {
            delivery.inbox.as_mut().unwrap().number += 1;
        }),
        ("another body", |delivery, other| {
            delivery.body = other.body.clone()
        }),
        ("another warning", |delivery, other| {
            delivery.envelope = other.envelope.clone();
        }),
        ("another's routing", |delivery, other| {
            delivery.routed = other.routed.clone()
        }),
    ];
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let sender = world.client("us.ctc");
    sender.submit(&draft(&["ru.ctc"])).await.unwrap();
    let (ru, meddler) = lied_to(&world, "ru.ctc").await;
    let kept = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = std::sync::Arc::clone(&kept);
    meddler.delivery(move |delivery| *keep.lock().unwrap() = Some(delivery.clone()));
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    let first = next_warning(&mut deliveries).await;
    deliveries.taken(&first).await.unwrap();
    deliveries.settle().await.unwrap();
    drop(deliveries);
    let other = kept.lock().unwrap().take().unwrap();
    sender.submit(&draft(&["ru.ctc"])).await.unwrap();
    for (what, lie) in table {
        let other = other.clone();
        meddler.delivery(move |delivery| lie(delivery, &other));
        let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
        let ended = loop {
            match deliveries.next().await {
                Ok(incoming) => {
                    assert!(
                        !matches!(incoming, wardline::client::Incoming::Warning(_)),
                        "{what}"
                    );
                }
                Err(error) => break Err::<(), _>(error),
            }
        };
        let (error, evidence) = found_out(ended);
        assert!(
            matches!(
                error,
                VerificationError::Delivery { .. } | VerificationError::OtherRecord { .. }
            ),
            "{what}: {error:?}"
        );
        assert!(evidence.is_some(), "{what}");
        assert_eq!(ru.inbox().list().unwrap().len(), 1, "{what}");
    }
}

/// Lies about the directory: a record left out breaks the chain; a chain that is cut short is found out by the next ROUTED
/// record, which names the directory that it was resolved by.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_directory_is_found_out() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (ru, meddler) = lied_to(&world, "ru.ctc").await;
    meddler.directory(|answer| drop(answer.records.remove(1)));
    let (error, _) = found_out(ru.follow_directory().await);
    assert!(
        matches!(error, VerificationError::Directory { seq: 1, .. }),
        "{error:?}"
    );
    meddler.directory(|_| {});
    ru.follow_directory().await.unwrap();

    let new = world.new_key("us.ctc", KeyRole::Originate, "us.ctc-new").await;
    let us = world.client("us.ctc");
    us.publish_key(&new.envelope).await.unwrap();
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let known = ru.known_directory().await.next_seq();
    meddler.directory(move |answer| {
        answer.records.clear();
        answer.newest_seq = known - 1;
    });
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    let ended = loop {
        if let Err(error) = deliveries.next().await {
            break Err::<(), _>(error);
        }
    };
    let (error, _) = found_out(ended);
    assert!(matches!(error, VerificationError::Directory { .. }), "{error:?}");
}

/// A forked log is convicted by its own signatures: both checkpoints are kept, and what was verified stays what it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_kept_as_evidence() {
    let world = World::with(&["us.ctc"]).await;
    let (us, meddler) = lied_to(&world, "us.ctc").await;
    let verified = us.checkpoint().await.unwrap();
    let forged = forged_checkpoint(&world, verified.size());
    let shown = forged.clone();
    meddler.checkpoint(move |answer| answer.checkpoint = forged.clone());
    let (error, evidence) = found_out(us.checkpoint().await);
    assert_eq!(
        error,
        VerificationError::Forked {
            size: verified.size()
        }
    );
    let evidence = evidence.unwrap();
    let log = stolen_log_key(&world).verifier().clone();
    for (file, note) in [
        ("verified.checkpoint", verified.note().as_bytes()),
        ("shown.checkpoint", shown.as_ref()),
    ] {
        let kept = std::fs::read(evidence.join(file)).unwrap();
        assert_eq!(kept, note, "{file}");
        log.open(std::str::from_utf8(&kept).unwrap()).unwrap();
    }
    assert_eq!(us.newest_checkpoint().await.note(), verified.note());
}

/// A relay that ends every watch at once, as if that were in order, is not asked as fast as it can answer: while it answers
/// other questions, one after the other, it sees far fewer watches than those.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_ends_at_once_is_not_a_loop() {
    const QUESTIONS: usize = 200;
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, meddler) = lied_to(&world, "us.ctc").await;
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let mut watch = us.watch(WarningName::Digest(sent.digest)).await.unwrap();
    let watching = tokio::spawn(async move { watch.next().await });
    for _ in 0..QUESTIONS {
        us.checkpoint().await.unwrap();
    }
    assert!(meddler.watches() < QUESTIONS / 4, "{}", meddler.watches());
    assert!(!watching.is_finished());
    watching.abort();
}

/// A warning that came before under another number, or a number under which another warning came: neither is handled (again),
/// and both deliveries are kept. What came before is put there by renaming its file.
#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_number_is_given_once() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let ru = world.client("ru.ctc");
    let mut deliveries = ru.look_on(parsed("ru.ctc")).await.unwrap();
    let delivered = next_warning(&mut deliveries).await;
    drop(deliveries);
    let inbox = world.profile("ru.ctc").inbox();
    let honest = format!("{}_ru.ctc_1.warning", delivered.digest);
    let file = std::fs::read_dir(&inbox)
        .unwrap()
        .map(|file| file.unwrap().path());
    let stored = file
        .into_iter()
        .find(|path| path.to_str().unwrap().ends_with(&honest))
        .unwrap();
    let mut before = stored.clone();
    for other in [
        format!("{}_ru.ctc_2.warning", delivered.digest),
        format!("{}_ru.ctc_1.warning", Digest([7; 32])),
    ] {
        let name = stored.to_str().unwrap().replace(&honest, &other);
        std::fs::rename(&before, &name).unwrap();
        before = name.into();
        let mut handled = 0;
        let ended = ru.receive(parsed("ru.ctc"), |_| {
            handled += 1;
            std::future::ready(Ok::<(), String>(()))
        });
        let (error, evidence) = found_out(ended.await);
        assert!(matches!(error, VerificationError::Delivery { .. }), "{error:?}");
        assert_eq!(handled, 0, "{other}");
        let evidence = evidence.unwrap();
        for file in ["before.pb", "delivery.pb"] {
            assert!(
                std::fs::metadata(evidence.join(file)).unwrap().len() > 0,
                "{file}"
            );
        }
        assert_eq!(ru.inbox().list().unwrap().len(), 1, "{other}");
    }
}
