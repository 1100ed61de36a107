//! Hourly quotas: what one principal may add, and what passes whatever it has added.

use super::stage::Stage;
use crate::domain::*;
use crate::error::{ErrorCode, SideEffect};
use crate::relay::{Failure, HourlyQuota, Proven, Quotas};
use crate::seal::PayloadKind;
use crate::world::{PATIENCE, World};

/// A relay that grants so many warnings.
async fn granting(count: u64, bytes: u64) -> Stage {
    let quotas = Quotas {
        warnings: HourlyQuota { count, bytes },
        ..Quotas::default()
    };
    Stage::new().await.restart_with(quotas).await
}

/// A relay that grants so many changes of the directory.
async fn granting_changes(count: u64, bytes: u64) -> Stage {
    let quotas = Quotas {
        directory: HourlyQuota { count, bytes },
        ..Quotas::default()
    };
    Stage::new().await.restart_with(quotas).await
}

/// Refused by a quota, and nothing is recorded; in how many milliseconds it may be tried again.
fn over_quota(answer: Result<Proven, Failure>) -> u64 {
    let failure = answer.unwrap_err();
    assert_eq!(
        (failure.code(), failure.side_effect),
        (ErrorCode::Quota, SideEffect::None)
    );
    failure.refused.retry_after_ms.unwrap()
}

fn actual(stage: &mut Stage) -> Submission {
    let draft = stage.world.draft("us.ctc", &["ru.ctc"], &[]);
    draft.with(|header| header.status = Status::Actual).sign("us.ctc")
}

/// An agency that has used up its quota adds no warning, and a part was left for its ACTUAL ones. Everything else of it
/// passes: what was recorded before, answers, a revocation, its own suspension; and others' warnings. When the
/// refusal says, the same bytes are accepted.
#[tokio::test]
async fn one_agency_uses_up_its_own_quota_only() {
    let mut stage = granting(8, 1 << 30).await;
    let theirs = stage.accepted("ru.ctc", &["us.ctc"]).await;
    let mut sent = Vec::new();
    for _ in 0..6 {
        sent.push(stage.accepted("us.ctc", &["ru.ctc"]).await);
    }
    let size = stage.size();
    let exercise = stage.world.warning("us.ctc", &["ru.ctc"]);
    over_quota(stage.submit("us.ctc", exercise.clone()).await);
    assert_eq!(stage.size(), size, "nothing is recorded");
    for _ in 0..2 {
        let actual = actual(&mut stage);
        stage.submit("us.ctc", actual).await.unwrap();
    }
    let one_more = actual(&mut stage);
    let wait_ms = over_quota(stage.submit("us.ctc", one_more.clone()).await);

    let first = sent.remove(0);
    assert!(stage.submit("us.ctc", first).await.unwrap().repeated);
    stage.accepted("fr.ctc", &["us.ctc"]).await;
    for kind in [AcknowledgementKind::Received, AcknowledgementKind::Accepted] {
        stage.acknowledged("us.ctc", &theirs, kind).await;
    }
    let key = World::keyid("us.ctc", KeyRole::Receive, 0);
    let revocation = stage.world.revocation("root:us", KeyRole::Root, "us.ctc", key);
    let us = stage.caller("us.ctc");
    stage.relay.publish_key(&us, revocation).await.unwrap();
    stage.look();
    let operator = stage.caller("operator:alice");
    let suspension = stage.world.suspension("alice", "us.ctc", false);
    stage.relay.suspend(&operator, suspension).await.unwrap();
    stage.look();
    let reinstatement = stage.world.suspension("alice", "us.ctc", true);
    stage.relay.reinstate(&operator, reinstatement).await.unwrap();

    stage.clock.advance_ms(i64::try_from(wait_ms).unwrap());
    stage.submit("us.ctc", one_more).await.unwrap();
    over_quota(stage.submit("us.ctc", exercise).await);
}

/// Bytes have a quota of their own, of which many recipients take their part: what one warning with a large body
/// leaves is not enough for another.
#[tokio::test]
async fn bytes_and_recipients_are_counted() {
    let body = "x".repeat(8_000);
    let large = |stage: &mut Stage, to: &[&str]| {
        let body = stage.world.body(&body);
        stage
            .world
            .draft("us.ctc", to, &[])
            .with_body(body)
            .sign("us.ctc")
    };
    let mut stage = granting(1 << 30, 20_000).await;
    let first = large(&mut stage, &["ru.ctc"]);
    stage.submit("us.ctc", first).await.unwrap();
    let second = large(&mut stage, &["ru.ctc"]);
    over_quota(stage.submit("us.ctc", second).await);
    stage.accepted("us.ctc", &["ru.ctc"]).await;

    let mut stage = granting(1 << 30, 15_200).await;
    let many = large(&mut stage, &["ru.ctc", "fr.ctc", "ru.ctc/aviation"]);
    over_quota(stage.submit("us.ctc", many).await);
    let one = large(&mut stage, &["ru.ctc"]);
    stage.submit("us.ctc", one).await.unwrap();
}

/// The wraps of a sealed body's key are counted: of two warnings with equal bodies, the one with five more of them is over the quota.
#[tokio::test]
async fn wraps_are_counted() {
    let size = |sent: &Submission| crate::relay::budget::bytes_of(sent);
    let mut stage = Stage::new().await;
    let sent = stage
        .world
        .draft("us.ctc", &["ru.ctc", "fr.ctc"], &[])
        .sealed()
        .sign("us.ctc");
    let without = Submission {
        wraps: Vec::new(),
        ..sent.clone()
    };
    let wraps: usize = sent.wraps.iter().map(|wrap| wrap.wrapped.len() + 64).sum();
    assert_eq!((sent.wraps.len(), size(&sent)), (3, size(&without) + wraps));
    let stage = granting(1 << 30, size(&without) as u64 * 4 / 3 + 300).await;
    over_quota(stage.submit("us.ctc", sent).await);
}

/// What is not accepted uses up nothing: refused with a record, refused beside the signature, the same bytes again and
/// again, at once too.
#[tokio::test]
async fn what_is_not_accepted_uses_up_nothing() {
    let mut stage = granting(4, 1 << 30).await;
    let accepted = stage.world.warning("us.ctc", &["ru.ctc"]);
    for _ in 0..10 {
        let expired = stage.world.draft("us.ctc", &["ru.ctc"], &[]);
        let expired = expired
            .with(|header| header.expires = header.common.sent.checked_add_ms(-1))
            .sign("us.ctc");
        let failure = stage.submit("us.ctc", expired).await.unwrap_err();
        assert_eq!(failure.side_effect, SideEffect::RejectionRecorded);
        let mut hinted = stage.world.warning("us.ctc", &["ru.ctc"]);
        hinted.hint.lane = Some(Lane::Test);
        let failure = stage.submit("us.ctc", hinted).await.unwrap_err();
        assert_eq!(failure.code(), ErrorCode::HintMismatch);
        let reused = Submission {
            body: stage.world.body("another"),
            ..stage.world.warning("us.ctc", &["ru.ctc"])
        };
        let failure = stage.submit("us.ctc", reused).await.unwrap_err();
        assert_eq!(failure.code(), ErrorCode::BodyMismatch);
    }
    let us = stage.caller("us.ctc");
    let answers = (0..3).map(|_| stage.relay.submit(&us, accepted.clone()));
    let answers = futures_util::future::join_all(answers).await;
    assert!(answers.iter().all(Result::is_ok));
    for _ in 0..2 {
        stage.accepted("us.ctc", &["ru.ctc"]).await;
    }
    let fourth = stage.world.warning("us.ctc", &["ru.ctc"]);
    over_quota(stage.submit("us.ctc", fourth).await);
}

/// Admits the auditor, or dismisses it.
async fn mandate(stage: &mut Stage, agency: &str, withdrawn: bool) -> Result<Proven, Failure> {
    let envelope = stage.world.mandate(agency, "us.audit", withdrawn);
    let answer = stage.relay.publish_mandate(&stage.caller(agency), envelope).await;
    stage.look();
    answer
}

/// A new key of an agency's, certified by its root, over whoever's session.
async fn new_key(stage: &mut Stage, session: &str, agency: &str, generation: u32) -> Result<Proven, Failure> {
    let root = format!("root:{}", agency.split('.').next().unwrap());
    let envelope = stage
        .world
        .certificate(agency, KeyRole::Officer, generation, &root, |_| ());
    let answer = stage.relay.publish_key(&stage.caller(session), envelope).await;
    stage.look();
    answer
}

/// An agency changes the directory so often an hour, whatever changes they are; what was recorded before, dismissals,
/// revocations, and other states pass all the while. When the refusal says, one more passes.
#[tokio::test]
async fn the_directory_grows_only_so_fast() {
    let mut stage = granting_changes(4, 1 << 20).await;
    mandate(&mut stage, "us.ctc", false).await.unwrap();
    mandate(&mut stage, "us.ctc", true).await.unwrap();
    mandate(&mut stage, "us.ctc", false).await.unwrap();
    let desks = stage.world.desks("us.ctc", &["us.ctc/rail"]);
    let us = stage.caller("us.ctc");
    stage.relay.publish_desks(&us, desks.clone()).await.unwrap();
    stage.look();
    new_key(&mut stage, "fr.ctc", "us.ctc", 1).await.unwrap();

    let size = stage.size();
    over_quota(new_key(&mut stage, "us.ctc", "us.ctc", 2).await);
    let others = stage.world.desks("us.ctc", &["us.ctc/sea"]);
    over_quota(stage.relay.publish_desks(&us, others.clone()).await);
    assert_eq!(stage.size(), size, "nothing is recorded");
    assert!(stage.relay.publish_desks(&us, desks).await.unwrap().repeated);
    mandate(&mut stage, "us.ctc", true).await.unwrap();
    let wait_ms = over_quota(mandate(&mut stage, "us.ctc", false).await);
    let key = World::keyid("us.ctc", KeyRole::Officer, 1);
    let revocation = stage.world.revocation("root:us", KeyRole::Root, "us.ctc", key);
    stage.relay.publish_key(&us, revocation).await.unwrap();
    stage.look();
    mandate(&mut stage, "fr.ctc", false).await.unwrap();
    stage.accepted("us.ctc", &["ru.ctc"]).await;

    stage.clock.advance_ms(i64::try_from(wait_ms).unwrap());
    stage.relay.publish_desks(&us, others).await.unwrap();
}

/// All of a state together are bounded too: its root names successors no more often than four agencies make changes.
#[tokio::test]
async fn a_state_has_its_bound() {
    let mut stage = granting_changes(1, 1 << 20).await;
    for from in 0..4 {
        let envelope = stage.world.succession("us", from);
        stage
            .relay
            .publish_key(&stage.caller("fr.ctc"), envelope)
            .await
            .unwrap();
        stage.look();
    }
    let envelope = stage.world.succession("us", 4);
    over_quota(stage.relay.publish_key(&stage.caller("fr.ctc"), envelope).await);
    over_quota(mandate(&mut stage, "us.ctc", false).await);
    mandate(&mut stage, "fr.ctc", false).await.unwrap();
}

/// What names another agency and is not signed by its root counts for nobody, though its answers wait: the other's own
/// change passes at the same time. And what it has published is published once.
#[tokio::test]
async fn nobody_uses_up_anothers_quota() {
    let mut stage = granting_changes(2, 1 << 20).await;
    let published = stage
        .world
        .certificate("us.ctc", KeyRole::Officer, 1, "root:us", |_| ());
    let fr = stage.caller("fr.ctc");
    stage.relay.publish_key(&fr, published.clone()).await.unwrap();
    stage.look();
    let mut forged = Vec::new();
    for generation in 2..10 {
        let content = stage
            .world
            .certificate_content("us.ctc", KeyRole::Officer, generation, "root:us");
        let payload = crate::wire::encode_key_certificate(&content);
        let key = World::key("us.ctc", KeyRole::Officer, generation);
        forged.push(World::sign(PayloadKind::KeyCertificate, payload, &[&key]));
    }
    stage.journal.hold();
    let mut attempts = Vec::new();
    for envelope in forged.into_iter().chain(vec![published; 8]) {
        let (relay, fr) = (stage.relay.clone(), fr.clone());
        attempts.push(tokio::spawn(
            async move { relay.publish_key(&fr, envelope).await },
        ));
    }
    tokio::task::yield_now().await;
    let own = stage.world.desks("us.ctc", &["us.ctc/rail"]);
    let (relay, us) = (stage.relay.clone(), stage.caller("us.ctc"));
    let own = tokio::spawn(async move { relay.publish_desks(&us, own).await });
    while stage.relay.engine.queue.under_way() == 0 && !own.is_finished() {
        tokio::task::yield_now().await;
    }
    stage.journal.release();
    own.await.unwrap().unwrap();
    for (at, attempt) in attempts.into_iter().enumerate() {
        match attempt.await.unwrap() {
            Ok(again) => assert!(again.repeated && at >= 8),
            Err(failure) => assert_eq!((failure.code(), at < 8), (ErrorCode::UncertifiedKey, true)),
        }
    }
}

/// A stranger carries an agency's certificates that would not be recorded, signed ahead of time or under a used id: they
/// are refused before anything is taken, and before the log is asked. One that is recorded twice at once and whose second
/// call goes away counts once: the owner has the rest of its quota.
#[tokio::test]
async fn what_was_not_added_is_given_back_whoever_is_gone() {
    let mut stage = granting_changes(3, 1 << 20).await;
    let mut certificate = |generation, change: fn(&mut KeyCertificate, PayloadId), used| {
        stage
            .world
            .certificate("us.ctc", KeyRole::Officer, generation, "root:us", |content| {
                change(content, used);
            })
    };
    let used = PayloadId::from_parts(1, [7; 10]);
    let first = certificate(1, |content, used| content.common.id = used, used);
    let reused = certificate(2, |content, used| content.common.id = used, used);
    let ahead = |content: &mut KeyCertificate, _| {
        content.common.sent = content
            .common
            .sent
            .saturating_add_ms(crate::limits::SENT_AHEAD_MS_MAX + 1);
    };
    let ahead = certificate(3, ahead, used);
    let twice = certificate(4, |_, _| (), used);
    let fr = stage.caller("fr.ctc");
    stage.relay.publish_key(&fr, first).await.unwrap();
    stage.look();

    stage.journal.hold();
    let busy = stage.world.warning("us.ctc", &["ru.ctc"]);
    let (relay, us) = (stage.relay.clone(), stage.caller("us.ctc"));
    let busy = tokio::spawn(async move { relay.submit(&us, busy).await });
    while !stage.journal.holds() {
        tokio::task::yield_now().await;
    }
    let carry = |envelope: &SignedEnvelope| {
        let (relay, fr, envelope) = (stage.relay.clone(), fr.clone(), envelope.clone());
        tokio::spawn(async move { relay.publish_key(&fr, envelope).await })
    };
    for (envelope, code) in [(ahead, ErrorCode::SentAhead), (reused, ErrorCode::IdReused)] {
        let refused = carry(&envelope);
        // The journal is held: what waits for it never comes.
        let refused = tokio::time::timeout(PATIENCE, refused).await.unwrap();
        assert_eq!(refused.unwrap().unwrap_err().code(), code);
    }
    let queue = stage.relay.engine.queue.clone();
    let let_in = queue.let_in();
    let (recorded, gone) = (carry(&twice), carry(&twice));
    while queue.let_in() < let_in + 2 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    stage.journal.release();
    busy.await.unwrap().unwrap();
    recorded.await.unwrap().unwrap();
    stage.look();
    let own = stage.world.desks("us.ctc", &["us.ctc/rail"]);
    let us = stage.caller("us.ctc");
    stage.relay.publish_desks(&us, own).await.unwrap();
}
