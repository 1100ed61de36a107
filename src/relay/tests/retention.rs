//! What was said is erased by its rule: read before, absent after, told in the log; and at whatever point the power fails,
//! key, parts and records agree after the next start.

use super::stage::{Stage, log_key};
use crate::domain::*;
use crate::error::ErrorCode;
use crate::journal::memory::Fault;
use crate::journal::{Journal as _, PartKind};
use crate::ledger::{Directory, MemoryFacts, apply, verify_record};
use crate::limits;
use crate::transparency::leaf_hash;
use crate::world::audited as audited_by;

pub(super) const DAY_MS: i64 = 24 * 3_600_000;
/// After every rule.
pub(super) const LATE_MS: i64 = (limits::RETENTION_ORDINARY_DAYS as i64 + 400) * DAY_MS;

/// A stage on which a warning went to two desks and one answered with a text: the warning, and the answer's record.
pub(super) async fn said() -> (Stage, Submission, u64) {
    let mut stage = Stage::new().await;
    let sent = stage.accepted("us.ctc", &["ru.ctc/aviation", "fr.ctc"]).await;
    let (part, reference) = stage.world.text("Seen, and not believed.");
    let (desk, kind) = ("ru.ctc/aviation", AcknowledgementKind::Opened);
    let world = &mut stage.world;
    let mut answer = world.acknowledgement(desk, &sent, kind, |it| it.text = Some(reference));
    answer.text = Some(part);
    let ru = stage.caller("ru.ctc");
    let proven = stage.relay.acknowledge(&ru, answer).await.unwrap();
    stage.look();
    (stage, sent, proven.receipt.index)
}

/// The body and the text, as the originator sees them, and the `ERASED` records of each thread.
pub(super) async fn seen(stage: &Stage, sent: &Submission) -> (bool, bool, Vec<(String, u64)>) {
    let name = WarningName::Digest(sent.envelope.digest());
    let view = stage
        .relay
        .warning(&stage.caller("us.ctc"), &name, "")
        .await
        .unwrap();
    let mut erased = Vec::new();
    let mut text = false;
    for thread in &view.threads {
        text |= !thread.texts.is_empty();
        for record in stage.verified(&view.checkpoint, &thread.records) {
            if let RecordKind::Erased(it) = record.kind {
                erased.push((thread.desk.to_string(), it.index));
            }
        }
    }
    (view.body.is_some(), text, erased)
}

/// What a relay might say instead: that it erased itself; in another class, or on a day
/// before the warning expired; or by a rule that is not due.
fn not_erased(erased: &Erased, index: u64) -> Vec<Erased> {
    let (class, day) = (erased.bucket.class(), erased.bucket.day());
    let of = |class, day| Bucket::new(class, day).unwrap();
    let other = match class {
        RetentionClass::Ordinary => RetentionClass::PersonalData,
        RetentionClass::PersonalData | RetentionClass::Exercise => RetentionClass::Ordinary,
    };
    vec![
        Erased { index, ..*erased },
        Erased {
            bucket: of(other, day),
            ..*erased
        },
        Erased {
            bucket: of(class, day - 10),
            ..*erased
        },
        Erased {
            days: limits::RETENTION_DAYS_MAX,
            ..*erased
        },
    ]
}

/// All records are applied from nothing, each verified, as an auditor does.
pub(super) async fn replayed(stage: &Stage) {
    let (mut directory, mut facts) = (Directory::default(), MemoryFacts::new());
    let size = stage.size();
    let records = stage.journal.read(0, usize::MAX, usize::MAX).await.unwrap();
    assert_eq!(records.len() as u64, size);
    for (index, bytes) in records {
        let (record, leaf) = (crate::wire::record(&bytes).unwrap(), leaf_hash(&bytes));
        verify_record(&directory, index, &record).unwrap();
        if let RecordKind::Erased(erased) = record.kind {
            for wrong in not_erased(&erased, index) {
                let record = Record {
                    kind: RecordKind::Erased(wrong),
                    ..record.clone()
                };
                apply(&mut directory.clone(), &facts, index, leaf, &record).unwrap_err();
            }
        }
        let changes = apply(&mut directory, &facts, index, leaf, &record).unwrap();
        facts.put(changes);
        facts.append_leaf(leaf);
    }
    assert_eq!(facts.kept().count(), 0);
    audited(stage).await;
}

/// And as `audit verify` does: by the verifier itself, over the signed checkpoint.
async fn audited(stage: &Stage) {
    let log = log_key(&stage.world.origin).verifier().clone();
    let records = stage.journal.read(0, usize::MAX, usize::MAX).await.unwrap();
    let counts = audited_by(log, &stage.relay.checkpoint(), records).counts;
    assert_eq!((counts.absent_untold, counts.erased_in_part), (0, 0));
}

/// Nothing is erased before it is due; then the body and the text are, each recipient's thread tells so, their keys and
/// bytes are gone, a replay from nothing verifies, and what comes later is kept again.
#[tokio::test]
async fn what_is_due_is_erased() {
    let (mut stage, sent, answer) = said().await;
    let accepted = answer - 3;
    stage.relay.engine.eraser.run().await.unwrap();
    assert_eq!(seen(&stage, &sent).await, (true, true, vec![]));
    stage.clock.advance_ms(LATE_MS);
    stage.relay.engine.eraser.run().await.unwrap();
    stage.look();
    let aviation = "ru.ctc/aviation".to_owned();
    let told = vec![
        ("fr.ctc".to_owned(), accepted),
        (aviation.clone(), accepted),
        (aviation, answer),
    ];
    assert_eq!(seen(&stage, &sent).await, (false, false, told.clone()));
    for (index, kind) in [(accepted, PartKind::Body), (answer, PartKind::Text)] {
        assert_eq!(stage.journal.part(index, kind).await.unwrap(), None);
    }
    assert_eq!(stage.keyring.destroyed(), []);
    replayed(&stage).await;
    let size = stage.size();
    stage.relay.engine.eraser.run().await.unwrap();
    assert_eq!(stage.size(), size, "what is erased is told once");
    let stage = stage.restart().await;
    assert_eq!(seen(&stage, &sent).await, (false, false, told));
}

/// Whatever becomes of the block that tells of an erasure, the key is gone, nothing is read any more, and the next start
/// tells all of it, once.
#[tokio::test]
async fn a_power_cut_in_an_erasure_is_made_good() {
    for fault in [Fault::NotApplied, Fault::LostUnknown, Fault::PersistedUnknown] {
        let (stage, sent, _) = said().await;
        stage.clock.advance_ms(LATE_MS);
        stage.journal.fail_next(fault);
        stage.relay.engine.eraser.run().await.unwrap_err();
        let keyring = std::sync::Arc::clone(&stage.keyring);
        assert_eq!(keyring.destroyed().len(), 1, "{fault:?}");
        let stage = stage.restart().await;
        let (body, text, told) = seen(&stage, &sent).await;
        assert_eq!((body, text, told.len()), (false, false, 3), "{fault:?}");
        assert_eq!(keyring.destroyed(), [], "{fault:?}");
        replayed(&stage).await;
    }
}

/// A body that an older version stored plain is absent once the log tells that it is erased, also if its bytes were not
/// removed yet.
#[tokio::test]
async fn what_lay_plain_is_absent_once_told() {
    let (stage, sent, answer) = said().await;
    let accepted = answer - 3;
    stage.clock.advance_ms(LATE_MS);
    stage.relay.engine.eraser.run().await.unwrap();
    let engine = &stage.relay.engine;
    assert!(engine.index.is_erased(accepted).unwrap() && engine.index.is_erased(answer).unwrap());
    assert!(!engine.index.is_erased(accepted + 1).unwrap());
    assert_eq!(engine.index.kept_buckets().unwrap(), []);
    assert!(!seen(&stage, &sent).await.0);
}

/// Places a hold of `us.audit`, whom `ru.ctc` has admitted.
pub(super) async fn hold(
    stage: &mut Stage,
    until_ms: i64,
    warnings: &[Digest],
    agencies: &[&str],
) -> Result<(), ErrorCode> {
    let envelope = stage.world.hold("us.audit", until_ms, warnings, agencies);
    let auditor = stage.caller("us.audit");
    let placed = stage.relay.place_hold(&auditor, envelope).await;
    stage.look();
    placed.map(drop).map_err(|failure| failure.code())
}

/// What an auditor holds, by name, by agency or as a whole, is not erased until the hold has ended, also if the auditor is
/// dismissed meanwhile and after a restart; then it is, by itself. A hold of another warning keeps nothing.
#[tokio::test]
async fn what_an_auditor_holds_is_kept() {
    for (row, keeps) in [true, true, true, false].into_iter().enumerate() {
        let (mut stage, sent, _) = said().await;
        let digest = sent.envelope.digest();
        let until_ms = LATE_MS / 2;
        stage.clock.advance_ms(LATE_MS);
        stage.world.now = crate::time::Clock::now(&stage.clock);
        let (warnings, agencies): (&[Digest], &[&str]) = match row {
            0 => (&[digest], &[]),
            1 => (&[], &["ru.ctc"]),
            2 => (&[], &[]),
            _ => (&[Digest([7; 32])], &[]),
        };
        hold(&mut stage, until_ms.min(limits::HOLD_MS_MAX), warnings, agencies)
            .await
            .unwrap();
        let dismissal = stage.world.mandate("ru.ctc", "us.audit", true);
        let ru = stage.caller("ru.ctc");
        stage.relay.publish_mandate(&ru, dismissal).await.unwrap();
        stage.look();
        stage.relay.engine.eraser.run().await.unwrap();
        assert_eq!(seen(&stage, &sent).await.0, keeps, "row {row}");
        let stage = stage.restart().await;
        stage.relay.engine.eraser.run().await.unwrap();
        assert_eq!(seen(&stage, &sent).await.0, keeps, "row {row}");
        stage.clock.advance_ms(limits::HOLD_MS_MAX);
        stage.relay.engine.eraser.run().await.unwrap();
        assert!(!seen(&stage, &sent).await.0, "row {row}");
        replayed(&stage).await;
    }
}

/// While a key is destroyed of which the log says nothing yet, no hold is recorded: it would stand before the erasure that it came too
/// late for, and whoever replays would take the relay for one that breaks it.
#[tokio::test]
async fn no_hold_comes_between_an_erasure_and_its_telling() {
    let (mut stage, sent, _) = said().await;
    stage.clock.advance_ms(LATE_MS);
    stage.world.now = crate::time::Clock::now(&stage.clock);
    stage.journal.fail_next(Fault::NotApplied);
    stage.relay.engine.eraser.run().await.unwrap_err();
    let refused = hold(&mut stage, DAY_MS, &[], &[]).await;
    assert_eq!(refused, Err(ErrorCode::Unavailable));
    stage.relay.engine.eraser.run().await.unwrap();
    hold(&mut stage, DAY_MS, &[], &[]).await.unwrap();
    assert!(!seen(&stage, &sent).await.0);
    replayed(&stage).await;
}

/// Only an auditor holds, only of agencies that admit it, to a time that is to come and not too far, and for a reason.
#[tokio::test]
async fn holds_have_bounds() {
    let (mut stage, _, _) = said().await;
    for (until_ms, agencies, code) in [
        (0, &[][..], ErrorCode::InvalidValue),
        (limits::HOLD_MS_MAX + 1, &[], ErrorCode::InvalidValue),
        (DAY_MS, &["us.ctc"], ErrorCode::PermissionDenied),
    ] {
        assert_eq!(hold(&mut stage, until_ms, &[], agencies).await, Err(code));
    }
    let envelope = stage.world.hold("ru.ctc", DAY_MS, &[], &[]);
    let failure = stage
        .relay
        .place_hold(&stage.caller("ru.ctc"), envelope)
        .await
        .unwrap_err();
    assert_eq!(failure.code(), ErrorCode::PermissionDenied);
    hold(&mut stage, DAY_MS, &[], &["ru.ctc"]).await.unwrap();
    let directory = std::sync::Arc::clone(&stage.relay.durable().borrow().directory);
    let now = crate::time::Clock::now(&stage.clock);
    assert_eq!(directory.holds_at(now).count(), 1);
    assert_eq!(directory.holds_at(now.saturating_add_ms(DAY_MS + 1)).count(), 0);
}
