//! The verifier over the log of an honest relay, seen whole and in part.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::scale_tests::in_parallel;
use super::world::{AUDITOR, Says, World, parsed};
use super::{Fault, Verdict, Verifier, Wrong};
use crate::domain::*;
use crate::ledger::{Visibility, is_visible, visibility};
use crate::time::Timestamp;
use crate::transparency::{Checkpoint, leaf_hash};
use crate::wire;

/// Two warnings: one is answered in every way, the other meets silence and an outage.
pub(crate) fn eventful() -> World {
    let mut world = World::new();
    let first = world.send("us.ctc", &["ru.ctc", "fr.ctc"], "Attack on a concert hall");
    world.hand_over(first, "ru.ctc", 0);
    world.answer(first, "ru.ctc", AcknowledgementKind::Received, Says::default());
    world.answer(first, "ru.ctc", AcknowledgementKind::Opened, Says::default());
    let vague = Says {
        assessment: Some(Assessment::TooVague),
        missing: vec![Specific::Place, Specific::Time],
        reason: Some(RefusalReason::Other),
        note: Some(("ru", "Слишком общо; уточните место и время.")),
        ..Says::default()
    };
    world.answer(first, "ru.ctc", AcknowledgementKind::Refused, vague);
    let second = world.send("ru.ctc", &["fr.ctc"], "Attack on an embassy");
    world.hand_over(second, "fr.ctc", 0);
    world.clock.advance_ms(600_000);
    let stopped = Timestamp::from_unix_ms(crate::time::Clock::now(&world.clock).unix_ms() - 300_000);
    world.start(Some(stopped));
    world.hand_over(second, "fr.ctc", 2);
    world.revoke("ru.ctc", KeyRole::Originate);
    world.hand_over(first, "fr.ctc", 0);
    world.answer(first, "fr.ctc", AcknowledgementKind::Received, Says::default());
    let wrong_desk = Says {
        to: Some(parsed("us.ctc")),
        note: Some(("en", "Ask those who wrote it.")),
        ..Says::default()
    };
    world.answer(first, "fr.ctc", AcknowledgementKind::Misdirected, wrong_desk);
    world
}

pub(crate) fn verifier(world: &World) -> Verifier {
    Verifier::new(world.verifier(), &world.checkpoint()).unwrap()
}

/// Verifies one index after another, and once more on several threads: both must say the same.
pub(crate) fn run(verifier: &mut Verifier, shown: Vec<ReplayedRecord>) -> Result<Verdict, Fault> {
    let twin = (verifier.shown() == 0).then(|| verifier.twin());
    let in_parallel = twin.map(|twin| in_parallel(twin, shown.clone()));
    let feed = || {
        for record in shown {
            verifier.feed(&record)?;
        }
        verifier.finish()
    };
    let outcome = feed();
    if let Some(in_parallel) = in_parallel {
        assert_eq!(in_parallel, outcome, "on several threads it is another outcome");
    }
    outcome
}

/// What a relay shows to one principal.
pub(crate) fn shown_to(world: &World, viewer: &str) -> Vec<ReplayedRecord> {
    let viewer: Principal = parsed(viewer);
    let show = |shown: &ReplayedRecord| {
        let ReplayedContent::Record(bytes) = &shown.content else {
            panic!()
        };
        let record = wire::record(bytes).unwrap();
        let mut shown = shown.clone();
        let visible = visibility(&world.facts, &record).unwrap();
        if !is_visible(&world.directory, &viewer, &visible) {
            shown.content = ReplayedContent::LeafHash(leaf_hash(bytes));
            (shown.part, shown.inbox) = (None, None);
        } else if let RecordKind::Routed(routed) = &record.kind {
            let own = Visibility::Agencies(vec![routed.desk.agency().clone()]);
            if !is_visible(&world.directory, &viewer, &own) {
                shown.inbox = None;
            }
        }
        shown
    };
    world.shown.iter().map(show).collect()
}

/// The honest log verifies whole, and the report says how many of each thing there were.
#[test]
fn an_honest_log_verifies() {
    let world = eventful();
    let mut verifier = verifier(&world).viewed_by(parsed(AUDITOR));
    let verdict = run(&mut verifier, world.shown.clone()).unwrap();
    assert_eq!(verdict.report.checkpoint_size, world.size());
    insta::assert_snapshot!(serde_json::to_string_pretty(&verdict.report).unwrap());
}

/// An empty log, the shortest, and every prefix of an eventful one at which a block ends verify; none that ends between an enrolment,
/// or an acceptance, and what must follow it at once.
#[test]
fn no_log_ends_inside_a_block() {
    let world = eventful();
    let mut inside = 0;
    for size in 0..world.size() {
        let shown: Vec<_> = world.shown[..usize::try_from(size).unwrap()].to_vec();
        let last = |shown: &ReplayedRecord| {
            let ReplayedContent::Record(bytes) = &shown.content else {
                panic!()
            };
            wire::record(bytes).unwrap().kind
        };
        let follows = |kind: &RecordKind| matches!(kind, RecordKind::KeyPublished(_) | RecordKind::Routed(_));
        let announced = shown.iter().rev().map(last).find(|kind| !follows(kind));
        let next = last(&world.shown[usize::try_from(size).unwrap()]);
        let is_open = follows(&next)
            && matches!(
                announced,
                Some(RecordKind::AgencyEnrolled(_) | RecordKind::Accepted(_))
            );
        let mut verifier = Verifier::new(world.verifier(), &checkpoint_of(&world, &shown)).unwrap();
        let fault = run(&mut verifier, shown).err();
        let told = fault.map(|fault| fault.wrong);
        match is_open {
            true => assert!(
                matches!(told, Some(Wrong::Misplaced(_) | Wrong::Unrouted)),
                "{size}: {told:?}"
            ),
            false => assert_eq!(told, None, "{size}"),
        }
        inside += usize::from(is_open);
    }
    assert!(inside > 4, "{inside}");
}

/// Each party sees its own part, and that verifies too; of the rest it sees as many hashes as there are records.
#[test]
fn every_part_of_an_honest_log_verifies() {
    let world = eventful();
    for (viewer, acceptances, threads) in [
        ("us.ctc", 1, 2),
        ("ru.ctc", 1, 2),
        ("fr.ctc", 0, 2),
        (AUDITOR, 2, 3),
    ] {
        let mut verifier = verifier(&world).viewed_by(parsed(viewer));
        let verdict = run(&mut verifier, shown_to(&world, viewer)).unwrap();
        let counts = verdict.report.counts;
        assert_eq!(
            (counts.acceptances, counts.threads),
            (acceptances, threads),
            "{viewer}"
        );
        assert_eq!(counts.records + counts.out_of_scope, world.size(), "{viewer}");
        assert_eq!(counts.out_of_scope == 0, viewer == AUDITOR, "{viewer}");
    }
}

/// The checkpoint that the log's key signs over what is shown: what a dishonest relay would commit to.
pub(super) fn checkpoint_of(world: &World, shown: &[ReplayedRecord]) -> String {
    let mut frontier = crate::transparency::Frontier::new();
    for record in shown {
        let leaf = match &record.content {
            ReplayedContent::Record(bytes) => leaf_hash(bytes),
            ReplayedContent::LeafHash(leaf) => *leaf,
        };
        frontier.append(leaf).unwrap();
    }
    world.log.sign_checkpoint(frontier.size(), frontier.root())
}

/// What was verified before must be the beginning of what is verified now: a fork and a shorter log are found.
#[test]
fn what_was_verified_before_binds() {
    let world = eventful();
    let before = |size: u64, root| Checkpoint {
        origin: parsed(super::world::ORIGIN),
        size,
        root,
    };
    let mut honest = verifier(&world);
    run(&mut honest, world.shown.clone()).unwrap();
    for size in [0, 1, 7, world.size()] {
        let root = honest.root_at(size).unwrap();
        let mut verifier = verifier(&world).continuing(before(size, root)).unwrap();
        let verdict = run(&mut verifier, world.shown.clone()).unwrap();
        assert_eq!(verdict.report.continues_size, Some(size));
    }
    for size in [1, 7, world.size()] {
        let mut verifier = verifier(&world).continuing(before(size, Hash([1; 32]))).unwrap();
        let fault = run(&mut verifier, world.shown.clone()).unwrap_err();
        assert!(
            matches!(fault.wrong, Wrong::Contradiction { size: at, .. } if at == size),
            "{fault}"
        );
    }
    let longer = verifier(&world).continuing(before(world.size() + 1, Hash([1; 32])));
    assert!(matches!(longer.unwrap_err().wrong, Wrong::Shrunk { .. }));
}
