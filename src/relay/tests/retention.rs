//! What was said is erased by its rule: read before, absent after, told in the log; and at whatever point the power fails,
//! key, parts and records agree after the next start.

use super::stage::Stage;
use crate::domain::*;
use crate::journal::memory::Fault;
use crate::journal::{Journal as _, PartKind};
use crate::ledger::{Directory, MemoryFacts, apply, verify_record};
use crate::limits;
use crate::transparency::leaf_hash;

const DAY_MS: i64 = 24 * 3_600_000;
/// After every rule.
const LATE_MS: i64 = (limits::RETENTION_ORDINARY_DAYS as i64 + 400) * DAY_MS;

/// A stage on which a warning went to two desks and one answered with a text: the warning, and the answer's record.
async fn said() -> (Stage, Submission, u64) {
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
async fn seen(stage: &Stage, sent: &Submission) -> (bool, bool, Vec<(String, u64)>) {
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
async fn replayed(stage: &Stage) {
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
