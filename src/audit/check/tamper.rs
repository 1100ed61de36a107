//! What may be done to a bundle, and that it is found: entries dropped, swapped, repeated, inserted and cut off; another key, an
//! earlier time, another warning. A table says which part is named. Single bytes are `every_byte`'s.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::super::world::{World, envelope, parsed, secret};
use super::stage::{Story, bundle, cosigned_at, note_at, story, trusted};
use super::*;
use crate::domain::*;
use crate::seal::PayloadKind;
use crate::wire;

fn fault_of(bundle: &Bundle, world: &World) -> BundleFault {
    check(bundle, &trusted(world)).unwrap_err()
}

/// Entries dropped, swapped, repeated, inserted: what breaks, and where that is said.
#[test]
fn entries_are_held_to_their_places() {
    let story = story();
    type Change = fn(&mut Bundle);
    let table: [(&str, Change, &str); 20] = [
        (
            "the genesis dropped",
            |it| drop(it.directory.remove(0)),
            "directory",
        ),
        (
            "a record of the directory dropped",
            |it| drop(it.directory.remove(4)),
            "directory[4].record",
        ),
        (
            "two of the directory swapped",
            |it| it.directory.swap(3, 4),
            "directory[4]",
        ),
        (
            "one of the directory repeated",
            |it| it.directory.insert(3, it.directory[3].clone()),
            "directory[4]",
        ),
        (
            "the directory cut within an enrolment",
            |it| it.directory.truncate(10),
            "accepted.record",
        ),
        (
            "the directory's end dropped",
            |it| drop(it.directory.pop()),
            "accepted.record",
        ),
        ("no directory", |it| it.directory.clear(), "directory"),
        (
            "the acceptance in the directory",
            |it| it.directory.extend(it.accepted.take()),
            "directory[13].record",
        ),
        (
            "ROUTED dropped",
            |it| drop(it.threads[0].records.remove(0)),
            "threads",
        ),
        (
            "a record within a thread dropped",
            |it| drop(it.threads[0].records.remove(1)),
            "threads[0].records[1].record",
        ),
        (
            "two of a thread swapped",
            |it| it.threads[0].records.swap(1, 2),
            "threads[0].records[2]",
        ),
        (
            "one of a thread repeated",
            |it| {
                let again = it.threads[0].records[1].clone();
                it.threads[0].records.insert(1, again);
            },
            "threads[0].records[2]",
        ),
        (
            "a record of the directory in a thread",
            |it| {
                let other = it.directory.pop().unwrap();
                it.threads[0].records.insert(0, other);
            },
            "threads[0].records[0].record",
        ),
        (
            "a thread repeated",
            |it| it.threads.push(it.threads[0].clone()),
            "threads[1].records[0]",
        ),
        ("no thread", |it| it.threads.clear(), "threads"),
        (
            "a thread without records",
            |it| it.threads[0].records.clear(),
            "threads[0].records",
        ),
        (
            "another record in the acceptance's place",
            |it| it.accepted = it.directory.pop(),
            "accepted.record",
        ),
        (
            "a proof with extra data",
            |it| it.threads[0].records[1].proof.extra = Some(vec![1]),
            "threads[0].records[1].proof",
        ),
        (
            "an earlier checkpoint repeated",
            |it| it.earlier.insert(0, it.earlier[0].clone()),
            "earlier[1].checkpoint",
        ),
        (
            "two earlier checkpoints swapped",
            |it| it.earlier.swap(0, 1),
            "earlier[1].checkpoint",
        ),
    ];
    for (what, change, part) in table {
        let mut it = story.bundle("us.ctc");
        change(&mut it);
        let fault = fault_of(&it, &story.world);
        assert_eq!(fault.part, part, "{what}: {fault}");
    }
}

/// What may be cut off is the end of a thread: nothing after it is shown then, and the findings say so.
#[test]
fn the_end_of_a_thread_may_be_left_out_and_is_told() {
    let story = story();
    let mut it = story.bundle("us.ctc");
    let whole = check(&it, &trusted(&story.world)).unwrap();
    it.threads[0].records.pop();
    it.threads[0].texts.clear();
    it.seen.pop();
    let cut = check(&it, &trusted(&story.world)).unwrap();
    assert_eq!(whole.recipients[0].last, cut.recipients[0].last + 1);
    assert_eq!(cut.recipients[0].silence.answered, None);
    let sentence = format!("after record {}", cut.recipients[0].last);
    assert!(
        cut.not_shown
            .iter()
            .any(|it| it.what == Missing::Later && it.sentence.contains(&sentence))
    );
}

/// A relay that holds its own key may sign what it likes: it cannot make what others signed. It writes each of these records
/// into a log of its own, with good proofs; a table of what it changes and where that is found.
#[test]
fn what_a_dishonest_relay_writes_is_found() {
    type Change = fn(&mut Record);
    fn signed_by(record: &mut Record, principal: &str, role: KeyRole) {
        if let RecordKind::Acknowledged(it) = &mut record.kind {
            let key = secret(principal, role, 0);
            *it = envelope(PayloadKind::Acknowledgement, it.payload.clone(), &[key]);
        }
    }
    let there = "threads[0].records[3].record";
    let table: [(&str, Change, &str); 5] = [
        (
            "signed with the relay's key",
            |it| signed_by(it, "log", KeyRole::Root),
            there,
        ),
        (
            "with another agency's",
            |it| signed_by(it, "us.ctc", KeyRole::Officer),
            there,
        ),
        (
            "in another role",
            |it| signed_by(it, "ru.ctc", KeyRole::Receive),
            there,
        ),
        (
            "back-dated",
            |it| it.time = it.time.saturating_add_ms(-3_600_000),
            there,
        ),
        (
            "in another thread",
            |it| it.thread.as_mut().unwrap().desk = parsed("us.ctc"),
            "threads",
        ),
    ];
    for (what, change, part) in table {
        let Story {
            mut world, warning, ..
        } = story();
        let last = world.shown.last_mut().unwrap();
        super::super::tampering::edit(last, change);
        let index = last.index;
        let note = note_at(&world, index + 1);
        let it = bundle(&world, warning, "us.ctc", &note, &[]);
        let fault = fault_of(&it, &world);
        assert_eq!(fault.part, part, "{what}: {fault}");
    }
}

/// Two warnings mixed: the thread, the acceptance or the envelope of the other is found as another's.
#[test]
fn two_warnings_are_not_mixed() {
    let mut world = World::small();
    let first = world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
    let second = world.send("us.ctc", &["ru.ctc"], "Attack on an embassy");
    let note = note_at(&world, world.size());
    let one = bundle(&world, first, "us.ctc", &note, &[]);
    let other = bundle(&world, second, "us.ctc", &note, &[]);
    type Change = fn(&mut Bundle, &Bundle);
    let table: [(&str, Change, &str); 5] = [
        (
            "the thread",
            |it, other| it.threads.clone_from(&other.threads),
            "threads",
        ),
        (
            "a record of the thread",
            |it, other| it.threads[0].records.extend(other.threads[0].records.clone()),
            "threads[0].records[1].record",
        ),
        (
            "the acceptance",
            |it, other| it.accepted.clone_from(&other.accepted),
            "accepted.record",
        ),
        (
            "the envelope",
            |it, other| it.envelope = other.envelope.clone(),
            "accepted.record",
        ),
        (
            "the body",
            |it, other| it.body.clone_from(&other.body),
            "warning.body",
        ),
    ];
    for (what, change, part) in table {
        let mut it = one.clone();
        change(&mut it, &other);
        it.seen.clear();
        let fault = fault_of(&it, &world);
        assert_eq!(fault.part, part, "{what}: {fault}");
    }
    // Without the acceptances, as a recipient has it.
    let mut it = bundle(&world, first, "ru.ctc", &note, &[]);
    it.envelope = other.envelope.clone();
    assert_eq!(fault_of(&it, &world).part, "threads[0].records[0].record");
}

/// A recipient that the originator did not mean: the relay's own ROUTED record with an opening of its own is found.
#[test]
fn a_recipient_that_nobody_meant_is_found() {
    let Story {
        mut world, warning, ..
    } = story();
    let routed = world
        .shown
        .iter()
        .position(|it| super::super::tampering::routed(&super::super::tampering::record_of(it)));
    let at = routed.unwrap();
    world.shown.truncate(at + 1);
    super::super::tampering::edit(&mut world.shown[at], |record| {
        if let RecordKind::Routed(routed) = &mut record.kind {
            routed.openings[0].salt = [0xee; 32];
        }
    });
    let note = note_at(&world, u64::try_from(at + 1).unwrap());
    let mut it = bundle(&world, warning, "ru.ctc", &note, &[]);
    it.seen.clear();
    let fault = fault_of(&it, &world);
    assert_eq!(fault.part, "threads[0].records[0].record", "{fault}");
    assert!(fault.why.contains("audience"), "{fault}");
}

/// A signer that had seen another log of a size that the bundle knows convicts the log.
#[test]
fn a_signer_that_saw_another_log_is_told() {
    let Story {
        mut world, warning, ..
    } = story();
    let size = world.size();
    let (mut said, _) =
        world.acknowledgement(warning, "ru.ctc", AcknowledgementKind::Acted, Default::default());
    if let SignedBy::Named(signer) = &mut said.common.signer {
        signer.seen = Some(Seen {
            size,
            root: Hash([7; 32]),
        });
    }
    let signed = envelope(
        PayloadKind::Acknowledgement,
        wire::encode_acknowledgement(&said),
        &[secret("ru.ctc", KeyRole::Officer, 0)],
    );
    // What an honest answer there would look like, with the other envelope in it.
    world.answer(warning, "ru.ctc", AcknowledgementKind::Acted, Default::default());
    super::super::tampering::edit(world.shown.last_mut().unwrap(), |record| {
        record.kind = RecordKind::Acknowledged(signed)
    });
    let time = crate::time::Clock::now(&world.clock);
    let earlier = cosigned_at(&world, size, time);
    let note = note_at(&world, size + 1);
    let mut it = bundle(&world, warning, "us.ctc", &note, &[earlier]);
    it.seen.retain(|seen| seen.size < size);
    let fault = fault_of(&it, &world);
    assert!(
        fault.part.ends_with("records[4].record") && fault.why.contains("forked"),
        "{fault}"
    );
}

/// Nothing that could be put into a bundle without a reason is passed over.
#[test]
fn what_nobody_needs_is_refused() {
    let story = story();
    let mut it = story.bundle("us.ctc");
    let more = crate::audit::bundle::SeenRoot {
        size: 16,
        root: super::stage::root_at(&story.world, 16),
        consistency: crate::transparency::consistency_proof(
            16,
            story.world.size(),
            &super::super::tampering::Honest::of(&story.world.shown),
        )
        .unwrap(),
    };
    it.seen.insert(1, more);
    assert_eq!(fault_of(&it, &story.world).part, "seen[1].size");
    let mut it = story.bundle("us.ctc");
    it.timestamps.push(crate::audit::bundle::TimestampToken {
        size: 3,
        token: vec![1],
    });
    assert_eq!(fault_of(&it, &story.world).part, "timestamps[0].size");
    let mut it = story.bundle("us.ctc");
    let text = it.threads[0].texts[0].1.clone();
    it.threads[0].texts.insert(0, (0, text.clone()));
    assert_eq!(fault_of(&it, &story.world).part, "threads[0].texts[0].index");
    let mut it = story.bundle("us.ctc");
    let received = it.threads[0].records[2].proof.index;
    it.threads[0].texts.insert(0, (received, text));
    assert_eq!(fault_of(&it, &story.world).part, "threads[0].texts[0]");
}
