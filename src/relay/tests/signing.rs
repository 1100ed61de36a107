//! How often the log's key signs, and what becomes of a program that holds it and fails.

use std::sync::atomic::Ordering::SeqCst;

use super::stage::Stage;
use crate::domain::*;
use crate::error::ErrorCode;
use crate::limits;

/// An earlier checkpoint is signed once for all who see the warning, and never for who does not.
#[tokio::test]
async fn an_earlier_checkpoint_is_signed_once() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let (size, note) = (stage.size(), stage.relay.checkpoint());
    stage.accepted("us.ctc", &["ru.ctc"]).await;
    let name = WarningName::Digest(sent.envelope.digest());
    let before = stage.signing.asked.load(SeqCst);
    let fr = stage.caller("fr.ctc");
    let refused = stage.relay.evidence(&fr, &name, size, "").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotFound);
    assert_eq!(stage.signing.asked.load(SeqCst), before);
    for caller in ["us.ctc", "ru.ctc", "us.ctc"] {
        let caller = stage.caller(caller);
        let evidence = stage.relay.evidence(&caller, &name, size, "").await.unwrap();
        assert_eq!(evidence.warning.checkpoint, note);
    }
    assert_eq!(stage.signing.asked.load(SeqCst), before + 1);
}

/// What is remembered of earlier checkpoints has a bound: the oldest is signed again.
#[tokio::test]
async fn what_is_remembered_has_a_bound() {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let name = WarningName::Digest(sent.envelope.digest());
    let mut sizes = Vec::new();
    for _ in 0..=limits::EARLIER_NOTES_MAX {
        sizes.push(stage.size());
        stage.accepted("us.ctc", &["ru.ctc"]).await;
    }
    let before = stage.signing.asked.load(SeqCst);
    let us = stage.caller("us.ctc");
    for size in sizes.iter().chain(sizes.last()).chain(sizes.first()) {
        stage.relay.evidence(&us, &name, *size, "").await.unwrap();
    }
    let asked = stage.signing.asked.load(SeqCst) - before;
    assert_eq!(asked as usize, sizes.len() + 1);
}

/// A signature of the newest checkpoint that fails is tried again: what was submitted is answered, and the engine goes on. One that
/// fails each time ends it, and the next start signs what was recorded.
#[tokio::test]
async fn a_signature_that_fails_is_tried_again() {
    let mut stage = Stage::new().await;
    stage.signing.to_fail.store(1, SeqCst);
    let submission = stage.world.warning("us.ctc", &["ru.ctc"]);
    let proven = stage.submit("us.ctc", submission).await.unwrap();
    stage.proven(&proven);
    stage.look();
    assert_eq!(stage.signing.to_fail.load(SeqCst), 0);

    let before = stage.signing.asked.load(SeqCst);
    stage.signing.to_fail.store(u32::MAX, SeqCst);
    let submission = stage.world.warning("us.ctc", &["ru.ctc"]);
    stage.submit("us.ctc", submission.clone()).await.unwrap_err();
    stage.relay.failed().await;
    let asked = stage.signing.asked.load(SeqCst) - before;
    assert_eq!(asked, limits::LOG_SIGNER_ATTEMPTS_MAX);
    stage.signing.to_fail.store(0, SeqCst);
    let stage = stage.restart().await;
    let proven = stage.submit("us.ctc", submission).await.unwrap();
    assert!(proven.repeated);
}
