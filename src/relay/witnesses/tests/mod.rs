//! The relay and its witnesses, through the engine's facade: what honest ones give, and that nothing which a hostile, slow or
//! dead one does is felt by warnings, or believed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod fake;
mod starting;

use std::path::PathBuf;
use std::sync::Arc;

use self::fake::{Fake, Manner};
use super::ask::Asking;
use super::exchange::Refusal;
use super::{WitnessOptions, WitnessPolicy, WitnessTimes, WitnessesStatus};
use crate::domain::{RecordKind, WarningName};
use crate::journal::MemoryJournal;
use crate::relay::OpenError;
use crate::relay::tests::stage::{Stage, log_key};
use crate::transparency::{CosignedCheckpoint, Policy};
use crate::world::{self, PATIENCE, World};

/// Quick, but for what a test waits for in vain.
const TIMES: WitnessTimes = WitnessTimes {
    ask_every_ms: 5,
    idle_ms: 50,
    anchor_ms: 20,
    answer_ms_max: 10_000,
    backoff_ms_max: 100,
    start_ms_max: 300,
    quorum_ms_max: 180_000,
    alarm_every_ms: 10,
};

/// These witnesses, of which `threshold` are enough.
fn policy(fakes: &[Fake], threshold: &str) -> String {
    let log = log_key(&World::new().origin).verifier().clone();
    let lines: String = fakes.iter().map(Fake::line).collect();
    let names: Vec<&str> = fakes.iter().map(Fake::name).collect();
    format!(
        "log {log}\n{lines}group g {threshold} {}\nquorum g\n",
        names.join(" ")
    )
}

fn options(policy: &str, store: Option<PathBuf>, times: WitnessTimes) -> WitnessOptions {
    WitnessOptions {
        policy: WitnessPolicy::read(policy.as_bytes(), &World::new().origin).unwrap(),
        store,
        times,
    }
}

/// The relay has started.
fn started(opened: Result<Stage, (OpenError, MemoryJournal)>) -> Stage {
    opened.unwrap_or_else(|(error, _)| panic!("{error}"))
}

/// A peopled relay that asks witnesses of these manners.
async fn stage(manners: &[Manner], threshold: &str, times: WitnessTimes) -> (Stage, Vec<Fake>, Policy) {
    let stage = Stage::new().await;
    let mut fakes = Vec::new();
    for (n, manner) in (1..).zip(manners) {
        fakes.push(Fake::start(n, *manner, &stage.world.origin, &stage.clock).await);
    }
    let text = policy(&fakes, threshold);
    let mut stage = started(stage.witnessed(options(&text, None, times)).await);
    stage.look();
    (stage, fakes, Policy::parse(text.as_bytes()).unwrap())
}

/// Waits until the witnesses stand like this.
async fn until(stage: &Stage, mut holds: impl FnMut(&WitnessesStatus) -> bool) -> WitnessesStatus {
    world::until(PATIENCE, "the witnesses to stand so", async || {
        Some(stage.relay.witnesses().unwrap()).filter(|status| holds(status))
    })
    .await
}

/// Waits until the quorum has cosigned all that is durable.
async fn until_cosigned(stage: &Stage) -> WitnessesStatus {
    let size = stage.size();
    until(stage, |status| status.quorum.as_ref().unwrap().size >= size).await
}

fn opened(policy: &Policy, note: &str) -> CosignedCheckpoint {
    policy.open(note).unwrap()
}

/// Honest witnesses are reached at the start, which the log records; they cosign what becomes durable; and what they cosigned
/// around a record is found, proven, in order.
#[tokio::test]
async fn honest_witnesses_cosign_what_becomes_durable() {
    let (mut stage, _fakes, policy) = stage(&[Manner::Honest, Manner::Honest], "all", TIMES).await;
    let (_, started) = stage.relay.engine.record_at(stage.size() - 1).await.unwrap();
    let RecordKind::RelayStarted(started) = started.kind else {
        panic!("{started:?}")
    };
    assert_eq!(started.witnesses_reached, 2);
    let before = until_cosigned(&stage).await.quorum.unwrap();
    assert!(before.met);

    let sent = stage.accepted("us.ctc", &["ru.ctc"]).await;
    let size = stage.size();
    let after = until_cosigned(&stage).await.quorum.unwrap();
    assert_eq!((after.met, after.size), (true, size));

    let note = opened(&policy, &stage.relay.cosigned().unwrap());
    assert!(note.has_quorum());
    assert_eq!(note.signed(), &stage.checked(note.note()));
    assert_eq!(after.time, note.quorum_time());

    let us = stage.caller("us.ctc");
    let around = stage
        .relay
        .find_cosigned(&us, &[size - 1, size - 2, 0])
        .await
        .unwrap();
    let around: Vec<_> = around.iter().map(|note| opened(&policy, note)).collect();
    let sizes: Vec<u64> = around.iter().map(|note| note.checkpoint().size).collect();
    assert!(sizes.is_sorted(), "{sizes:?}");
    assert!(sizes.contains(&before.size) && sizes.contains(&size), "{sizes:?}");
    assert!(around.iter().all(CosignedCheckpoint::has_quorum));

    stage.accepted("fr.ctc", &["ru.ctc"]).await;
    let name = WarningName::Digest(sent.envelope.digest());
    let evidence = stage.relay.evidence(&us, &name, size, "").await.unwrap();
    let proven_by = opened(&policy, &evidence.warning.checkpoint);
    assert_eq!(
        (proven_by.checkpoint().size, proven_by.has_quorum()),
        (size, true)
    );
    stage.verified(
        proven_by.note(),
        evidence.warning.threads.iter().flat_map(|thread| &thread.records),
    );
}

/// While nothing is new the witnesses cosign again: the first note of a size keeps its time, the newest moves on.
#[tokio::test]
async fn the_first_and_the_newest_note_are_kept() {
    let (stage, fakes, policy) = stage(&[Manner::Honest], "all", TIMES).await;
    until_cosigned(&stage).await;
    let size = stage.size();
    let first = stage.clock.clone();
    let began = crate::time::Clock::now(&first);
    stage.clock.advance_ms(60_000);
    let later = until(&stage, |status| status.witnesses[0].cosigned > Some(began)).await;
    fakes[0].asked(3).await;
    let us = stage.caller("us.ctc");
    let newest = world::until(PATIENCE, "the newest note to be kept", async || {
        let found = stage.relay.find_cosigned(&us, &[size]).await.unwrap();
        let newest = opened(&policy, found.last().unwrap());
        (newest.quorum_time() == later.witnesses[0].cosigned).then_some(newest)
    })
    .await;
    let found = stage.relay.find_cosigned(&us, &[size - 1]).await.unwrap();
    let first = opened(&policy, found.last().unwrap());
    assert_eq!(first.checkpoint(), newest.checkpoint());
    assert_eq!(first.quorum_time(), Some(began));
}

/// What each hostile or broken witness is told apart by, while two honest ones make the quorum without it, and nothing of its
/// word is kept; a table.
#[tokio::test]
async fn a_hostile_witness_changes_nothing() {
    let times = WitnessTimes {
        answer_ms_max: 200,
        ..TIMES
    };
    for (manner, kind) in [
        (Manner::Silent, "timed_out"),
        (Manner::Drips, "timed_out"),
        (Manner::Garbage, "unsigned"),
        (Manner::OtherKey, "unsigned"),
        (Manner::OtherNote, "bad_signature"),
        (Manner::Huge, "broken"),
        (Manner::Larger, "larger"),
        (Manner::Disputes, "contradicts"),
        (Manner::Ahead, "clock"),
        (Manner::Sizeless, "no_size"),
        (Manner::Status(404), "unknown_log"),
        (Manner::Status(403), "forbidden"),
        (Manner::Status(400), "bad_request"),
        (Manner::Status(302), "status"),
        (Manner::Status(500), "status"),
    ] {
        let (mut stage, fakes, policy) = stage(&[Manner::Honest, manner, Manner::Honest], "2", times).await;
        stage.accepted("us.ctc", &["ru.ctc"]).await;
        let refused = |status: &WitnessesStatus| {
            let refusals = &status.witnesses[1].refusals;
            refusals.iter().any(|(refused, _)| *refused == kind)
        };
        let status = until(&stage, refused).await;
        assert_eq!(
            (status.witnesses[1].size, status.witnesses[1].cosigned),
            (0, None),
            "{manner:?}"
        );
        assert!(!status.witnesses[1].error.is_empty());
        let status = until_cosigned(&stage).await;
        assert!(status.quorum.unwrap().met, "{manner:?}");
        let note = opened(&policy, &stage.relay.cosigned().unwrap());
        let hostile = fakes[1].verifier().public_key().keyid();
        assert!(!note.witnesses().contains(&hostile), "{manner:?}");
        assert_eq!(note.cosignatures().len(), 2, "{manner:?}");
    }
}

/// A witness that has taken the request and never answers holds up neither a warning nor another witness: both have happened
/// while its first request is still open.
#[tokio::test]
async fn a_silent_witness_holds_up_nobody() {
    let (mut stage, fakes, _) = stage(&[Manner::Honest, Manner::Honest], "any", TIMES).await;
    let silent = &fakes[1];
    silent.behave(Manner::Silent);
    silent.holds().await;
    let before = stage.relay.witnesses().unwrap().witnesses[1].refusals.clone();
    stage.accepted("us.ctc", &["ru.ctc"]).await;
    let status = until_cosigned(&stage).await;
    assert_eq!(
        status.witnesses[1].refusals, before,
        "it was not given up meanwhile"
    );
    assert!(status.witnesses[0].size > status.witnesses[1].size);
}

/// A quorum that is not there is seen: not at once at the start, but then with who is missing; the newest note with any
/// cosignature stands in for it. When the witness comes back, so does the quorum.
#[tokio::test]
async fn a_missing_quorum_is_seen() {
    let (mut stage, fakes, policy) = stage(&[Manner::Honest, Manner::Status(500)], "all", TIMES).await;
    stage.accepted("us.ctc", &["ru.ctc"]).await;
    let size = stage.size();
    let status = until(&stage, |status| status.witnesses[0].size >= size).await;
    let quorum = status.quorum.unwrap();
    assert_eq!((quorum.met, quorum.size, quorum.time), (false, 0, None));
    let witnesses = stage.relay.engine.witnesses.clone().unwrap();
    assert_eq!(witnesses.missing(), None, "a start takes a while");
    let some = world::until(PATIENCE, "a cosigned note of that size", async || {
        let note = opened(&policy, &stage.relay.cosigned().unwrap());
        (note.checkpoint().size >= size).then_some(note)
    })
    .await;
    assert!(!some.has_quorum());

    stage.clock.advance_ms(TIMES.quorum_ms_max + 1);
    until(&stage, |status| status.witnesses[0].silent_ms == 0).await;
    assert_eq!(
        witnesses.missing(),
        Some(vec!["w2 (it answers with status 500)".to_owned()])
    );

    fakes[1].behave(Manner::Honest);
    let status = until_cosigned(&stage).await;
    assert!(status.quorum.unwrap().met);
    assert_eq!(
        (witnesses.missing(), status.witnesses[1].error.as_str()),
        (None, "")
    );

    // One falls silent again: what was cosigned grows old.
    fakes[1].behave(Manner::Status(500));
    until(&stage, |status| !status.witnesses[1].error.is_empty()).await;
    stage.clock.advance_ms(TIMES.quorum_ms_max + 1);
    let status = until(&stage, |status| status.witnesses[0].silent_ms == 0).await;
    let quorum = status.quorum.unwrap();
    assert!(!quorum.met && quorum.size > 0);
    assert!(witnesses.missing().is_some());
}

/// What was cosigned is there after a restart, before any witness has answered.
#[tokio::test]
async fn what_was_cosigned_outlasts_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cosigned.redb");
    let stage = Stage::new().await;
    let fake = Fake::start(1, Manner::Honest, &stage.world.origin, &stage.clock).await;
    let text = policy(std::slice::from_ref(&fake), "all");
    let again = || options(&text, Some(path.clone()), TIMES);
    let stage = started(stage.witnessed(again()).await);
    until_cosigned(&stage).await;
    stage.relay.drain().await;
    let size = stage.size();
    fake.behave(Manner::Status(500));
    let stage = started(stage.witnessed(again()).await);
    let kept = stage.relay.cosigned().unwrap();
    assert_eq!(stage.checked(&kept).size(), size);
    let quorum = stage.relay.witnesses().unwrap().quorum.unwrap();
    assert_eq!((quorum.met, quorum.size), (true, size));
}

/// A store that cannot be read is put aside as it is, the relay starts all the same, and what is cosigned then is kept in a
/// new one.
#[tokio::test]
async fn a_damaged_store_is_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cosigned.redb");
    let stage = Stage::new().await;
    let fake = Fake::start(1, Manner::Honest, &stage.world.origin, &stage.clock).await;
    let text = policy(std::slice::from_ref(&fake), "all");
    let damaged = b"this is no database";
    std::fs::write(&path, damaged).unwrap();
    std::fs::write(directory.path().join("cosigned.redb.damaged-1"), "an older one").unwrap();
    let stage = started(stage.witnessed(options(&text, Some(path.clone()), TIMES)).await);
    let aside = std::fs::read(directory.path().join("cosigned.redb.damaged-2")).unwrap();
    assert_eq!(aside, damaged);
    until_cosigned(&stage).await;
    stage.relay.drain().await;
    let size = stage.size();
    fake.behave(Manner::Status(500));
    let stage = started(stage.witnessed(options(&text, Some(path), TIMES)).await);
    let kept = stage.relay.cosigned().unwrap();
    assert_eq!(stage.checked(&kept).size(), size);
}

/// A witness whose answer to a request is a size that the log has reached while it was waited for contradicts nothing: it is
/// ahead of the question, not of the log.
#[tokio::test]
async fn an_answer_is_held_against_the_log_as_it_is_then() {
    let (mut stage, fakes, _) = stage(&[Manner::Silent], "all", TIMES).await;
    let witness = &fakes[0];
    witness.behave(Manner::Waits);
    let witnesses = stage.relay.engine.witnesses.clone().unwrap();
    let asked = witnesses.policy.witnesses()[0].clone();
    let candidate = witnesses.candidate(&stage.relay.checkpoint()).unwrap();
    let durable = stage.relay.durable();
    let asking = tokio::spawn(async move {
        let newest = || durable.borrow().size();
        witnesses.ask(&asked, &candidate, &mut None, newest).await
    });
    witness.waits().await;
    stage.accepted("us.ctc", &["ru.ctc"]).await;
    let size = stage.size();
    witness.answer(size);
    assert_eq!(asking.await.unwrap(), Ok(Asking::Ahead(size)));
}

/// That a witness contradicts is said at once and then once a minute, by kind, and a clock that is set back silences none of it.
#[tokio::test]
async fn a_contradiction_is_said_whatever_the_clock_does() {
    let (stage, _fakes, _) = stage(&[Manner::Silent], "all", TIMES).await;
    let witnesses = stage.relay.engine.witnesses.clone().unwrap();
    let asked = &witnesses.policy.witnesses()[0];
    let said = Said::default();
    let writer = said.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let pause = crate::limits::ALARM_PAUSE_MS;
        for (advance_ms, refusal, alarms) in [
            (0, Refusal::Larger(1_000), 1),
            (1, Refusal::Larger(1_001), 1),
            (0, Refusal::Contradicts(9), 2),
            (0, Refusal::Larger(1_001), 2),
            (pause, Refusal::Larger(1_001), 3),
            (-24 * 3_600_000, Refusal::Larger(1_001), 4),
            (pause - 1, Refusal::Larger(1_001), 4),
            (1, Refusal::Larger(1_001), 5),
        ] {
            stage.clock.advance_ms(advance_ms);
            witnesses.refused_by(asked, refusal.clone());
            assert_eq!(
                said.count("a witness contradicts this log"),
                alarms,
                "{advance_ms} {refusal}"
            );
        }
    });
}

/// What is logged.
#[derive(Clone, Default)]
struct Said(Arc<std::sync::Mutex<Vec<u8>>>);

impl Said {
    fn count(&self, what: &str) -> usize {
        String::from_utf8(self.0.lock().unwrap().clone())
            .unwrap()
            .matches(what)
            .count()
    }
}

impl std::io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The public checkpoint carries the quorum's cosignatures; when that is gone it moves on without them; and when the quorum
/// is fresh again for a smaller size, because the clock was set back, its size does not go back.
#[tokio::test]
async fn the_public_checkpoint_is_a_cosigned_one() {
    let (mut stage, fakes, policy) = stage(&[Manner::Honest, Manner::Honest], "all", TIMES).await;
    until_cosigned(&stage).await;
    let public = stage.relay.public_source();
    let vouched = public.next(None);
    assert!(opened(&policy, &vouched.note).has_quorum());

    fakes[0].behave(Manner::Status(500));
    until(&stage, |status| !status.witnesses[0].error.is_empty()).await;
    stage.accepted("us.ctc", &["ru.ctc"]).await;
    let size = stage.size();
    until(&stage, |status| status.witnesses[1].size >= size).await;
    stage.clock.advance_ms(TIMES.quorum_ms_max + 1);
    let next = public.next(Some(&vouched));
    let shown = opened(&policy, &next.note);
    assert_eq!((shown.checkpoint().size, shown.has_quorum()), (size, false));

    stage.clock.advance_ms(-TIMES.quorum_ms_max - 1);
    assert_eq!(public.next(None), vouched, "the quorum is fresh again");
    assert_eq!(public.next(Some(&next)), next);
}
