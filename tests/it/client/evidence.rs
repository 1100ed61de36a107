//! What a relay can leave out of evidence: by choosing how old the cosigned checkpoint is under which it is asked for, and by
//! showing less than this profile holds receipts for.

use std::sync::atomic::{AtomicUsize, Ordering};

use prost::Message as _;
use wardline::audit::make;
use wardline::client::{AcknowledgementDraft, Client, ClientError, VerificationError};
use wardline::domain::{AcknowledgementKind, WarningName};
use wardline::wire::v1;

use super::honest::{answer, receive_one};
use super::malicious::found_out;
use super::tamper::{Meddler, lied_to};
use crate::support::{World, draft};

/// One warning, received and opened by its recipient, who has receipts for both.
struct Opened {
    world: World,
    name: WarningName,
    /// Where OPENED stands.
    opened: u64,
    /// A checkpoint without it.
    before: String,
}

async fn opened() -> Opened {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let ru = world.client("ru.ctc");
    let delivered = receive_one(&ru, "ru.ctc").await;
    let before = us.checkpoint().await.unwrap().note().to_owned();
    let opened = ru
        .acknowledge(&AcknowledgementDraft {
            note: Some(("en".parse().unwrap(), "Which hall?".to_owned())),
            ..answer(&delivered, AcknowledgementKind::Opened)
        })
        .await
        .unwrap();
    Opened {
        world,
        name: WarningName::Digest(sent.digest),
        opened: opened.index,
        before,
    }
}

/// The relay says that this checkpoint is its newest cosigned one.
fn cosigned(meddler: &Meddler, note: &str) {
    let note = bytes::Bytes::from(note.to_owned());
    meddler.checkpoint(move |answer| answer.cosigned = note.clone());
}

/// A client of us.ctc whose relay names the checkpoint before its last warning as the newest cosigned one; and that checkpoint.
async fn behind(world: &World) -> (Client, Meddler, bytes::Bytes) {
    let us = world.client("us.ctc");
    let after = us.checkpoint().await.unwrap();
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let (us, meddler) = lied_to(world, "us.ctc").await;
    cosigned(&meddler, after.note());
    (us, meddler, bytes::Bytes::from(after.note().to_owned()))
}

/// The witnesses were lost before the answer, or the relay says so: the bundle holds the answer all the same, under the newest
/// checkpoint, with the cosigned one beside it. A cosigned one that holds all is the bundle's own, however much came after it.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_cosigned_checkpoint_hides_no_answer() {
    let Opened {
        world,
        name,
        opened,
        before,
    } = opened().await;
    let us = world.client("us.ctc");
    let after = us.checkpoint().await.unwrap();
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    for agency in ["us.ctc", "ru.ctc"] {
        let (client, meddler) = lied_to(&world, agency).await;
        cosigned(&meddler, &before);
        let made = make(&client, &name).await.unwrap();
        assert_eq!(made.findings.acts.last().unwrap().index, opened, "{agency}");
        assert_eq!(made.findings.checkpoint.size, made.newest_size, "{agency}");
        assert_eq!(made.bundle.earlier[0].checkpoint, before, "{agency}");
        assert!(made.cosigned_size.unwrap() <= opened, "{agency}");

        cosigned(&meddler, after.note());
        let made = make(&client, &name).await.unwrap();
        assert_eq!(made.findings.acts.last().unwrap().index, opened, "{agency}");
        assert_eq!(made.bundle.checkpoint, after.note(), "{agency}");
        assert!(made.newest_size > after.size(), "{agency}");
        assert_eq!(made.cosigned_size, None, "{agency}");
    }
}

/// Evidence without what there is a receipt for, at a size beyond it; a table. The recipient's receipt is for its OPENED, the
/// originator's for the acceptance, without which a thread could be missing. Exit 5, and both sides are kept.
#[tokio::test(flavor = "multi_thread")]
async fn evidence_without_what_there_is_a_receipt_for() {
    type Lie = fn(&mut v1::GetWarningResponse);
    type Found = fn(&VerificationError, u64) -> bool;
    let dropped: Found =
        |error, opened| matches!(error, VerificationError::Dropped { index, .. } if *index <= opened);
    let table: [(&str, &str, Lie, Found); 3] = [
        (
            "ru.ctc",
            "the last",
            |shown| drop(shown.threads[0].records.pop()),
            dropped,
        ),
        (
            "ru.ctc",
            "all but ROUTED",
            |shown| shown.threads[0].records.truncate(1),
            dropped,
        ),
        (
            "us.ctc",
            "the acceptance",
            |shown| shown.accepted = None,
            |error, _| matches!(error, VerificationError::OtherRecord { .. }),
        ),
    ];
    let Opened {
        world, name, opened, ..
    } = opened().await;
    for (agency, what, lie, found) in table {
        let (client, meddler) = lied_to(&world, agency).await;
        meddler.evidence(move |answer| answer.warning.iter_mut().for_each(lie));
        let (error, evidence) = found_out(bundle(&client, &name).await);
        assert!(found(&error, opened), "{what}: {error:?}");
        let evidence = evidence.unwrap();
        for file in ["receipt.tlog-proof", "receipt.record", "what.txt"] {
            assert!(evidence.join(file).is_file(), "{what}: {file}");
        }
        let shown = std::fs::read(evidence.join("shown-1.pb")).unwrap();
        assert!(
            v1::GetEvidenceResponse::decode(shown.as_slice()).is_ok(),
            "{what}"
        );
        meddler.evidence(|_| {});
        bundle(&client, &name).await.unwrap();
    }
}

/// Whole under the newest checkpoint, and cut short under the cosigned one, which holds all of it: who holds no receipt for what
/// is cut finds it too.
#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_is_shorter_under_the_cosigned_checkpoint() {
    let Opened {
        world, name, opened, ..
    } = opened().await;
    let (us, meddler, under) = behind(&world).await;
    meddler.evidence(move |answer| {
        let of_cosigned = |it: &&mut v1::GetWarningResponse| it.checkpoint == under;
        if let Some(shown) = answer.warning.as_mut().filter(of_cosigned) {
            shown.threads[0].records.pop();
        }
    });
    let (error, evidence) = found_out(bundle(&us, &name).await);
    assert!(
        matches!(error, VerificationError::Dropped { index, .. } if index == opened),
        "{error:?}"
    );
    assert!(evidence.unwrap().join("answer-2.pb").is_file());
}

/// Between the answers under the newest checkpoint and the cosigned one the agency is admitted or dismissed, so that one of them
/// has the acceptance or a thread and the other has not: the relay is asked once more, and not accused. If it says so again it is.
#[tokio::test(flavor = "multi_thread")]
async fn another_sight_between_two_answers_accuses_nobody() {
    type Lie = fn(&mut v1::GetWarningResponse);
    let table: [(&str, Lie); 2] = [
        ("the acceptance", |shown| shown.accepted = None),
        ("a thread", |shown| shown.threads.clear()),
    ];
    let Opened { world, name, .. } = opened().await;
    let (us, meddler, under) = behind(&world).await;
    for (what, lie) in table {
        for (lies, sound) in [(1, true), (2, false)] {
            let under = under.clone();
            let left = AtomicUsize::new(lies);
            meddler.evidence(move |answer| {
                let of_cosigned = |it: &&mut v1::GetWarningResponse| it.checkpoint == under;
                let Some(shown) = answer.warning.as_mut().filter(of_cosigned) else {
                    return;
                };
                if left.load(Ordering::SeqCst) > 0 {
                    left.fetch_sub(1, Ordering::SeqCst);
                    lie(shown);
                }
            });
            if sound {
                bundle(&us, &name).await.unwrap();
            } else {
                let (error, evidence) = found_out(bundle(&us, &name).await);
                assert!(
                    matches!(
                        error,
                        VerificationError::Dropped { .. } | VerificationError::Incomplete(_)
                    ),
                    "{what}: {error:?}"
                );
                assert!(evidence.unwrap().join("answer-4.pb").is_file(), "{what}");
            }
        }
    }
}

/// The body and the texts that the relay shows under the newest checkpoint, and not under the cosigned one, are in the bundle.
#[tokio::test(flavor = "multi_thread")]
async fn parts_that_only_one_answer_shows_are_in_the_bundle() {
    let Opened { world, name, .. } = opened().await;
    let (us, meddler, under) = behind(&world).await;
    let whole = make(&us, &name).await.unwrap().bundle;
    assert!(whole.body.is_some() && whole.threads[0].texts.len() == 1);
    meddler.evidence(move |answer| {
        let of_cosigned = |it: &&mut v1::GetWarningResponse| it.checkpoint == under;
        if let Some(shown) = answer.warning.as_mut().filter(of_cosigned) {
            shown.body = None;
            shown.threads[0].texts.clear();
        }
    });
    assert_eq!(make(&us, &name).await.unwrap().bundle, whole);
}

/// As `audit bundle` makes it.
async fn bundle(client: &Client, name: &WarningName) -> Result<(), ClientError> {
    match make(client, name).await {
        Ok(_) => Ok(()),
        Err(wardline::audit::NotMade::Client(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}
