//! An audit at scale says what the one in memory says: on several threads, with its facts on disk and hardly any room in front of
//! them, and going on from any point that an earlier run has reached. What ends a run leaves what was verified before it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use tempfile::TempDir;

use super::copy::CopyWriter;
use super::pipeline::{self, Batch};
use super::ready::{KnownKeys, Ready};
use super::run::{Halt, about, drive};
use super::state::StateDir;
use super::tampering::{acknowledged, edit, find, leaf_of, record_of, renumber};
use super::tests::{checkpoint_of, eventful, shown_to};
use super::world::{Says, World, parsed, secret};
use super::{Again, Audit, AuditError, Begin, Fault, StateError, Verdict, Verifier, Watch, Wrong};
use crate::domain::*;
use crate::transparency::{LogKey, SignedCheckpoint};

/// On a runtime of its own, whatever thread asks.
pub(super) fn blocking<T: Send>(future: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(future)
        };
        scope.spawn(run).join().unwrap()
    })
}

fn nothing(_: &ReplayedRecord, _: Option<&Record>) -> Result<(), AuditError> {
    Ok(())
}

/// What a verifier says that is fed through the pipeline, in batches of three.
pub(super) fn in_parallel(mut verifier: Verifier, shown: Vec<ReplayedRecord>) -> Result<Verdict, Fault> {
    let (feed, mut line) = pipeline::begin(2, Arc::new(KnownKeys::default()), 0, true);
    let feeding = std::thread::spawn(move || {
        for batch in shown.chunks(3) {
            if !feed.put_blocking(Batch::Shown(batch.to_vec())) {
                return;
            }
        }
    });
    let outcome = blocking(async move { drive(&mut verifier, &mut line, 0, None, &mut nothing).await });
    feeding.join().unwrap();
    outcome.map_err(|halt| match halt {
        Halt::Fault(fault, _) => fault,
        Halt::ShowsMore | Halt::State(_) | Halt::Broken(_) | Halt::Told(_) => panic!("only a fault ends it"),
    })
}

/// A copy of what is shown, signed by the log's own key as it is, or under another note.
pub(super) fn copy_of(place: &TempDir, name: &str, note: &str, shown: &[ReplayedRecord]) -> PathBuf {
    let path = place.path().join(name);
    let mut copy = CopyWriter::create(&path, note).unwrap();
    shown.iter().for_each(|shown| copy.push(shown).unwrap());
    copy.finish().unwrap();
    path
}

/// Remembers how runs began.
#[derive(Default)]
struct Begins(Vec<Begin>);

impl Watch<AuditError> for &mut Begins {
    fn begins(&mut self, begin: Begin, _: &SignedCheckpoint) -> Result<(), AuditError> {
        self.0.push(begin);
        Ok(())
    }
    fn passed(&mut self, _: &ReplayedRecord, _: Option<&Record>) -> Result<(), AuditError> {
        Ok(())
    }
}

/// With hardly any room in memory.
pub(super) fn small() -> Audit {
    Audit::new().on_threads(2).with_bounds(3, 5)
}

pub(super) fn over(audit: &Audit, world: &World, copy: &Path) -> (Vec<Begin>, Result<Verdict, AuditError>) {
    let mut begins = Begins::default();
    let outcome = blocking(audit.over_copy(copy, &world.verifier(), &mut begins));
    (begins.0, outcome)
}

/// The fault, or the report without where the run began.
fn said(outcome: Result<Verdict, AuditError>) -> Result<super::Report, String> {
    match outcome {
        Ok(mut verdict) => {
            verdict.report.resumed_at = None;
            verdict.report.continues_size = None;
            Ok(verdict.report)
        }
        Err(AuditError::CopyFault { fault, .. }) => Err(fault.to_string()),
        Err(error) => panic!("{error}"),
    }
}

/// What the sequential verifier in memory says.
fn sequential(world: &World, note: &str, shown: &[ReplayedRecord]) -> Result<super::Report, String> {
    let say = || {
        let mut verifier = Verifier::new(world.verifier(), note)?;
        for shown in shown {
            verifier.feed(shown)?;
        }
        verifier.finish()
    };
    say()
        .map(|verdict| verdict.report)
        .map_err(|fault: Fault| fault.to_string())
}

/// A log of some warnings, answers, silences, restarts and revocations.
fn random_world(choices: &[u8]) -> World {
    let mut world = World::new();
    let agencies = ["fr.ctc", "ru.ctc", "us.ctc"];
    let mut sent: Vec<(Digest, &str)> = Vec::new();
    for choice in choices {
        let of = usize::from(choice / 8);
        let (from, to) = (agencies[of % 3], agencies[(of + 1) % 3]);
        match (choice % 8, sent.is_empty()) {
            (0..=2, _) | (_, true) => sent.push((world.send(from, &[to], "Attack"), to)),
            (3, _) => {
                let warning = world.send(from, &[to, agencies[(of + 2) % 3]], "Attack");
                world.hand_over(warning, to, 0);
                sent.push((warning, to));
            }
            (4 | 5, _) => {
                let (warning, desk) = sent[of % sent.len()];
                world.answer(warning, desk, AcknowledgementKind::Opened, Says::default());
            }
            (6, _) => {
                let (warning, desk) = sent[of % sent.len()];
                world.answer(warning, desk, AcknowledgementKind::Accepted, Says::default());
            }
            (_, _) => {
                world.start(None);
            }
        }
        world.clock.advance_ms(700_000);
    }
    world
}

/// One of the ways in which what is shown can be spoiled, somewhere.
fn spoil(shown: &mut Vec<ReplayedRecord>, how: u8, at: usize) {
    let at = at % shown.len();
    match how % 9 {
        0 => edit(&mut shown[at], |record| record.nonce[0] ^= 1),
        1 => drop(shown.remove(at)),
        2 => {
            shown.remove(at);
            renumber(shown);
        }
        3 => {
            let other = (at + 1) % shown.len();
            shown.swap(at, other);
            renumber(shown);
        }
        4 => {
            shown.insert(at, shown[at].clone());
            renumber(shown);
        }
        5 => shown.truncate(at),
        6 => edit(&mut shown[at], |record| {
            record.time = record.time.saturating_add_ms(-3_600_000);
        }),
        7 => {
            if let ReplayedContent::Record(bytes) = &shown[at].content {
                let mut bytes = bytes.to_vec();
                let place = at % bytes.len();
                bytes[place] ^= 0x10;
                shown[at].content = ReplayedContent::Record(bytes.into());
            }
        }
        _ => shown[at].part = None,
    }
}

/// The sizes at which a block ends: a relay signs no others.
fn blocks(shown: &[ReplayedRecord]) -> Vec<usize> {
    let is_routed = |shown: &ReplayedRecord| {
        matches!(
            super::tampering::record_of(shown).kind,
            RecordKind::Routed(_) | RecordKind::KeyPublished(_)
        )
    };
    (1..=shown.len())
        .filter(|size| shown.get(*size).is_none_or(|next| !is_routed(next)))
        .collect()
}

/// A report in which it makes no difference whether a part was shown.
fn shown_or_not(report: &super::Report) -> super::Report {
    let mut report = report.clone();
    let counts = &mut report.counts;
    counts.bodies_kept += std::mem::take(&mut counts.bodies_absent);
    counts.texts_kept += std::mem::take(&mut counts.texts_absent);
    counts.inbox_numbers += std::mem::take(&mut counts.inbox_numbers_absent);
    counts.absent_untold = 0;
    report
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever log, and however it was spoiled, in between or at the source: in memory and in order, on threads, with facts
    /// on disk, and going on from a random point, the verdict is the same, and so is the first fault.
    #[test]
    fn all_ways_say_the_same(
        choices in proptest::collection::vec(any::<u8>(), 1..16),
        how in any::<u8>(),
        at in any::<usize>(),
        split in any::<usize>(),
        at_the_source in any::<bool>(),
        spoiled in proptest::bool::weighted(0.8),
    ) {
        let world = random_world(&choices);
        let mut shown = world.shown.clone();
        if spoiled {
            spoil(&mut shown, how, at);
        }
        let note = if at_the_source { checkpoint_of(&world, &shown) } else { world.checkpoint() };
        let expected = sequential(&world, &note, &shown);
        let place = tempfile::tempdir().unwrap();
        let copy = copy_of(&place, "spoiled", &note, &shown);

        let (_, in_memory) = over(&Audit::new().on_threads(2).in_memory(), &world, &copy);
        prop_assert_eq!(said(in_memory), expected.clone());
        let (_, on_disk) = over(&small(), &world, &copy);
        prop_assert_eq!(said(on_disk), expected.clone());

        // An earlier run has verified the honest log up to some block.
        let blocks = blocks(&world.shown);
        let size = blocks[split % blocks.len()];
        let before = &world.shown[..size];
        let earlier = copy_of(&place, "earlier", &checkpoint_of(&world, before), before);
        let audit = small().kept_in(&place.path().join("state"), false);
        let (_, kept) = over(&audit, &world, &earlier);
        prop_assert!(kept.is_ok());
        let (begins, resumed) = over(&audit, &world, &copy);
        prop_assert!(!begins.contains(&Begin::Start) || size == 0, "{begins:?}");
        let resumed = said(resumed);
        if resumed != expected {
            // The state is worth more: it knows another history, that the log's own key has signed. Of a copy that is bad by
            // itself it may say so first.
            let contradicts = resumed.as_ref().is_err_and(|fault| fault.contains("when it was verified before"));
            let bad = at_the_source || expected.is_err();
            // What lies beside a record is counted as the run saw it that checked the record: it may have been erased since.
            let same_but_parts = match (&resumed, &expected) {
                (Ok(resumed), Ok(expected)) => shown_or_not(resumed) == shown_or_not(expected),
                (Ok(_) | Err(_), _) => false,
            };
            prop_assert!((bad && contradicts) || same_but_parts, "{resumed:?}\n{expected:?}");
        }
    }
}

/// Going on from each block of a log gives the report that a run from the start gives, and says where it went on.
#[test]
fn resumed_is_from_the_start() {
    let world = eventful();
    let place = tempfile::tempdir().unwrap();
    let whole = copy_of(&place, "whole", &world.checkpoint(), &world.shown);
    let expected = said(over(&small(), &world, &whole).1);
    assert!(expected.is_ok());
    for size in blocks(&world.shown) {
        let before = &world.shown[..size];
        let part = copy_of(
            &place,
            &format!("part-{size}"),
            &checkpoint_of(&world, before),
            before,
        );
        let audit = small().kept_in(&place.path().join(format!("state-{size}")), false);
        assert!(over(&audit, &world, &part).1.is_ok());
        let (begins, resumed) = over(&audit, &world, &whole);
        assert_eq!(begins, [Begin::Resumed(size as u64)]);
        assert_eq!(resumed.as_ref().unwrap().report.resumed_at, Some(size as u64));
        assert_eq!(said(resumed), expected, "size {size}");
        // And once more, with nothing new.
        let (begins, again) = over(&audit, &world, &whole);
        assert_eq!(begins, [Begin::Resumed(world.size())]);
        assert_eq!(said(again), expected);
        // A copy that is older than the state is verified without it, and the state stays.
        let (begins, older) = over(&audit, &world, &part);
        let is_whole = size == world.shown.len();
        assert_eq!(
            begins.contains(&Begin::Again(Again::Longer)),
            !is_whole,
            "{begins:?}"
        );
        assert!(older.is_ok());
        assert_eq!(over(&audit, &world, &whole).0, [Begin::Resumed(world.size())]);
    }
}

/// A run that is ended anywhere leaves what was verified before it, and nothing more.
#[test]
fn an_ended_run_claims_nothing() {
    let world = eventful();
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state");
    let audit = small().kept_in(&state, false);
    let whole = copy_of(&place, "whole", &world.checkpoint(), &world.shown);
    let size = 20;
    let before = &world.shown[..size];
    let part = copy_of(&place, "part", &checkpoint_of(&world, before), before);
    let ends_at = |last: u64| {
        let watch = move |shown: &ReplayedRecord, _: Option<&Record>| match shown.index == last {
            true => Err(AuditError::State(StateError::InUse)),
            false => Ok(()),
        };
        let ended = blocking(audit.over_copy(&whole, &world.verifier(), watch));
        assert!(
            matches!(ended, Err(AuditError::State(StateError::InUse))),
            "{ended:?}"
        );
    };
    // Before anything was kept there is nothing to go on from.
    for last in [0, 7, world.size() - 1] {
        ends_at(last);
        assert!(!state.join("current").exists());
    }
    assert!(over(&audit, &world, &part).1.is_ok());
    for last in [size as u64, size as u64 + 5, world.size() - 1] {
        ends_at(last);
        let (begins, _) = over(&audit, &world, &part);
        assert_eq!(begins, [Begin::Resumed(size as u64)], "ended at {last}");
    }
    assert_eq!(over(&audit, &world, &whole).0, [Begin::Resumed(size as u64)]);
    // A run from the start that is ended leaves the one that counts, and its own remains are removed by the next.
    let anew = small().kept_in(&state, true);
    let stops = |_: &ReplayedRecord, _: Option<&Record>| Err(AuditError::State(StateError::InUse));
    assert!(blocking(anew.over_copy(&whole, &world.verifier(), stops)).is_err());
    assert_eq!(
        std::fs::read_dir(&state).unwrap().count(),
        4,
        "current, .lock and two runs"
    );
    assert_eq!(over(&audit, &world, &whole).0, [Begin::Resumed(world.size())]);
    assert_eq!(std::fs::read_dir(&state).unwrap().count(), 3);
}

/// A record that an earlier copy withheld is checked once it is shown: a forged acknowledgement is committed to as a leaf hash,
/// and the whole copy with the same state is found out. An honest one is verified from the start, and gone on from after that.
#[test]
fn what_an_earlier_copy_withheld_is_checked_when_it_is_shown() {
    let world = eventful();
    let last = world
        .shown
        .iter()
        .rposition(|it| acknowledged(&record_of(it)))
        .unwrap();
    for forged in [true, false] {
        let place = tempfile::tempdir().unwrap();
        let audit = small().kept_in(&place.path().join("state"), false);
        // Nobody after it has seen it: it is the last one.
        let mut shown = world.shown[..=last].to_vec();
        if forged {
            edit(&mut shown[last], |record| {
                let RecordKind::Acknowledged(envelope) = &mut record.kind else {
                    panic!("another kind")
                };
                envelope.signatures[0].sig[0] ^= 1;
            });
        }
        let note = checkpoint_of(&world, &shown);
        let whole = copy_of(&place, "whole", &note, &shown);
        let mut withheld = shown.clone();
        withheld[last].content = ReplayedContent::LeafHash(leaf_of(&shown[last]));
        (withheld[last].part, withheld[last].inbox) = (None, None);
        let part = copy_of(&place, "part", &note, &withheld);
        let size = shown.len() as u64;
        assert!(over(&audit, &world, &part).1.is_ok());
        // While it is withheld there is nothing more to check.
        let (begins, outcome) = over(&audit, &world, &part);
        assert_eq!(begins, [Begin::Resumed(size)]);
        assert!(outcome.is_ok());
        let (begins, outcome) = over(&audit, &world, &whole);
        assert_eq!(begins, [Begin::Resumed(size), Begin::Again(Again::Scope)]);
        assert_eq!(outcome.is_err(), forged, "{outcome:?}");
        assert_eq!(said(outcome), sequential(&world, &note, &shown));
        let (begins, _) = over(&audit, &world, &whole);
        match forged {
            true => assert_eq!(begins.last(), Some(&Begin::Again(Again::Scope))),
            false => assert_eq!(begins, [Begin::Resumed(size)]),
        }
    }
}

/// A state of another log or another's view is refused, also where it was to be replaced; so is one that is in use.
#[test]
fn a_state_that_is_not_ours_is_refused() {
    let world = eventful();
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state");
    let whole = copy_of(&place, "whole", &world.checkpoint(), &world.shown);
    assert!(over(&small().kept_in(&state, false), &world, &whole).1.is_ok());
    let other = LogKey::new(parsed(super::world::ORIGIN), secret("other", KeyRole::Root, 0));
    for from_start in [false, true] {
        let audit = small().kept_in(&state, from_start);
        let refused = blocking(audit.over_copy(&whole, other.verifier(), nothing));
        // The note is another's too: with the state it is refused before that, without it after.
        match refused {
            Err(AuditError::State(StateError::OtherLog { .. })) => {}
            Err(AuditError::CopyFault { fault, .. }) if from_start => {
                assert!(matches!(fault.wrong, Wrong::Checkpoint(_)), "{fault}");
            }
            other => panic!("{other:?}"),
        }
        let directory = super::state::StateDir::open(&state).unwrap();
        let viewer: AgencyId = parsed("ru.ctc");
        let about = super::run::about(&world.verifier(), Some(&viewer));
        let refused = match from_start {
            false => directory.resume(&about).map(drop),
            true => directory.begin(&about).map(drop),
        };
        assert!(
            matches!(refused, Err(StateError::OtherViewer { .. })),
            "{refused:?}"
        );
        let (_, in_use) = over(&audit, &world, &whole);
        assert!(
            matches!(in_use, Err(AuditError::State(StateError::InUse))),
            "{in_use:?}"
        );
    }
}

/// A state of which anything is torn, missing or altered is refused with a word about it, and replaced where that is asked for.
#[test]
fn a_damaged_state_is_refused() {
    let world = eventful();
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state");
    let whole = copy_of(&place, "whole", &world.checkpoint(), &world.shown);
    let (keeps, anew) = (small().kept_in(&state, false), small().kept_in(&state, true));
    type Damage = fn(&Path);
    let flip = |path: &Path, at: u64| {
        let mut bytes = std::fs::read(path).unwrap();
        let at = usize::try_from(at).unwrap() % bytes.len();
        bytes[at] ^= 0x55;
        std::fs::write(path, bytes).unwrap();
    };
    let run_of = |state: &Path| state.join(std::fs::read_to_string(state.join("current")).unwrap());
    let table: [(&str, Damage); 5] = [
        ("the tree is cut", |run| {
            let file = std::fs::OpenOptions::new()
                .write(true)
                .open(run.join("tree"))
                .unwrap();
            file.set_len(100).unwrap();
        }),
        ("the tree is gone", |run| {
            std::fs::remove_file(run.join("tree")).unwrap()
        }),
        ("the facts are cut", |run| {
            let file = std::fs::OpenOptions::new()
                .write(true)
                .open(run.join("facts.redb"))
                .unwrap();
            file.set_len(5_000).unwrap();
        }),
        ("the facts are no facts", |run| {
            std::fs::write(run.join("facts.redb"), [7; 9_000]).unwrap()
        }),
        ("another run is said to count", |run| {
            std::fs::write(run.parent().unwrap().join("current"), "../elsewhere").unwrap();
        }),
    ];
    for (what, damage) in table {
        assert!(over(&anew, &world, &whole).1.is_ok(), "{what}");
        damage(&run_of(&state));
        let (_, refused) = over(&keeps, &world, &whole);
        assert!(
            matches!(
                refused,
                Err(AuditError::State(StateError::Damaged(_) | StateError::Failed(_)))
            ),
            "{what}: {refused:?}"
        );
    }
    // Single bytes all over: refused, or beside all that is kept.
    let expected = said(over(&anew, &world, &whole).1);
    let run = run_of(&state);
    let saved = [
        std::fs::read(run.join("facts.redb")).unwrap(),
        std::fs::read(run.join("tree")).unwrap(),
    ];
    for step in 0..40u64 {
        for (name, saved) in ["facts.redb", "tree"].into_iter().zip(&saved) {
            let path = run.join(name);
            flip(&path, step * 7_919 + 13);
            match over(&keeps, &world, &whole).1 {
                Err(AuditError::State(StateError::Damaged(_) | StateError::Failed(_))) => {}
                outcome => assert_eq!(said(outcome), expected, "{name}, {step}"),
            }
            std::fs::write(&path, saved).unwrap();
        }
    }
}

/// A partial copy is gone on from although records that it shows stand after one that it withholds; once a copy shows that
/// one, all is checked from the start, and that state is gone on from.
#[test]
fn a_partial_copy_is_gone_on_from() {
    let world = eventful();
    let place = tempfile::tempdir().unwrap();
    let audit = small().kept_in(&place.path().join("state"), false);
    let note = world.checkpoint();
    let is_shown = |it: &ReplayedRecord| matches!(it.content, ReplayedContent::Record(_));
    let withheld = shown_to(&world, "fr.ctc");
    let first = withheld.iter().position(|it| !is_shown(it)).unwrap();
    let out_of_scope = withheld.iter().filter(|it| !is_shown(it)).count() as u64;
    assert!(withheld[first..].iter().any(is_shown));
    let part = copy_of(&place, "part", &note, &withheld);
    let whole = copy_of(&place, "whole", &note, &world.shown);
    let size = world.size();
    let report = said(over(&audit, &world, &part).1).unwrap();
    assert_eq!(report.counts.out_of_scope, out_of_scope);
    for _ in 0..2 {
        let (begins, outcome) = over(&audit, &world, &part);
        assert_eq!(begins, [Begin::Resumed(size)]);
        assert_eq!(said(outcome).unwrap(), report);
    }
    let (begins, outcome) = over(&audit, &world, &whole);
    assert_eq!(begins, [Begin::Resumed(size), Begin::Again(Again::Scope)]);
    assert_eq!(said(outcome), sequential(&world, &note, &world.shown));
    assert_eq!(over(&audit, &world, &whole).0, [Begin::Resumed(size)]);
}

/// Hundreds of facts through a front of none or sixteen: never more are in memory than those and what one record brings. What
/// was moved to the disk is found there, and the report is the same.
#[test]
fn memory_is_bounded() {
    let mut world = World::new();
    let mut warnings = Vec::new();
    for _ in 0..60 {
        warnings.push(world.send("us.ctc", &["ru.ctc", "fr.ctc"], "Attack"));
    }
    // Late answers: their threads were moved away long ago.
    for warning in &warnings {
        world.answer(*warning, "ru.ctc", AcknowledgementKind::Opened, Says::default());
    }
    let place = tempfile::tempdir().unwrap();
    let whole = copy_of(&place, "whole", &world.checkpoint(), &world.shown);
    let expected = sequential(&world, &world.checkpoint(), &world.shown);
    assert_eq!(expected.as_ref().unwrap().counts.threads, 120);
    for front_max in [0, 16, 1 << 20] {
        let audit = Audit::new().on_threads(3).with_bounds(front_max, u64::MAX);
        assert_eq!(said(over(&audit, &world, &whole).1), expected, "{front_max}");
        let directory = StateDir::temporary().unwrap();
        let (state, tree) = directory.begin(&about(&world.verifier(), None)).unwrap();
        let mut verifier = Verifier::new(world.verifier(), &world.checkpoint())
            .unwrap()
            .kept_in(state, tree, front_max);
        for shown in &world.shown {
            verifier.take(&Ready::unchecked(shown.clone())).unwrap();
        }
        // One record brings a few: ids and a thread.
        let (most, bound) = (verifier.facts.most_in_front(), front_max + 4);
        assert!(most <= bound, "{most} facts in front, {front_max} were allowed");
        assert!(
            front_max < 1 << 20 || most > 200,
            "{most}: what is in front is not counted"
        );
    }
    // A thread that was moved away still counts: the same answer once more is not its next record.
    let mut shown = world.shown.clone();
    let late = find(&shown, 0, acknowledged);
    let again = shown[late].clone();
    shown.push(again);
    renumber(&mut shown);
    let note = checkpoint_of(&world, &shown);
    let expected = sequential(&world, &note, &shown);
    assert!(expected.is_err());
    let spoiled = copy_of(&place, "spoiled", &note, &shown);
    assert_eq!(said(over(&small(), &world, &spoiled).1), expected);
}
