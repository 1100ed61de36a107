//! What a key signs after its end, and what is routed by a directory that was older than it should be, convicts the log; an
//! honest log, whose keys end too, is convicted of nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::super::check::cut::{cut, cut_bundle};
use super::super::check::stage::{bundle, note_at};
use super::super::tampering::bytes_of;
use super::super::tests::eventful;
use super::super::world::{Says, World, secret};
use super::tests::Files;
use super::*;
use crate::domain::*;

/// A revocation that one side holds against a bundle whose directory is cut before it: by what the ended key signed later, be it
/// an answer or the warning.
#[test]
fn a_key_that_signs_after_its_end_convicts() {
    for (agency, role, what) in [
        ("ru.ctc", KeyRole::Officer, "acknowledgement"),
        ("us.ctc", KeyRole::Originate, "warning"),
    ] {
        let it = cut(agency, role);
        let files = Files::new(&it.world);
        let revocation = files.receipt(&it.world, it.revoked, it.revoked + 1, "revocation");
        let bundle = files.put("bundle.json", it.bundle.to_json());
        let proof = files.convicts(&revocation, &bundle, Kind::KeyEnded);
        files.convicts(&bundle, &revocation, Kind::KeyEnded);
        let key = secret(agency, role, 0).public_key().keyid().to_string();
        let sentences = proof.check(&files.trusted).unwrap().sentences;
        assert!(
            sentences[1].contains(&key) && sentences[2].contains(&key),
            "{what}: {sentences:?}"
        );
        // The other way round, and with one record twice, nothing is proven.
        let turned = Misbehaviour {
            a: proof.b.clone(),
            b: proof.a.clone(),
            ..proof.clone()
        };
        assert!(turned.check(&files.trusted).is_err());
        let same = Misbehaviour {
            b: proof.a.clone(),
            ..proof
        };
        assert!(same.check(&files.trusted).is_err());
    }
}

/// The same for a root that was succeeded.
#[test]
fn a_root_that_signs_after_its_successor_convicts() {
    let mut honest = World::small();
    honest.succeed("ru");
    let mut world = World::small();
    let ended = world.smuggle(bytes_of(honest.shown.last().unwrap()).clone());
    let later = world.revoke("ru.ctc", KeyRole::Officer);
    let files = Files::new(&world);
    let (a, b) = (
        files.receipt(&world, ended, ended + 1, "a"),
        files.receipt(&world, later, later + 1, "b"),
    );
    let mut pool = [a, b];
    for _ in 0..2 {
        // Both have one number in the directory too, which is found first; the proof made by hand convicts as well.
        let proof = files.convicts(&pool[0], &pool[1], Kind::TwoInDirectory);
        let by_hand = Misbehaviour {
            kind: Kind::KeyEnded,
            ..proof
        };
        assert_eq!(
            by_hand.check(&files.trusted).is_ok(),
            pool[0].ends_with("a.tlog-proof")
        );
        pool.reverse();
    }
}

/// A record of the directory that was left out before ROUTED convicts by what ROUTED says, whatever the record is: so a
/// recipient's bundle convicts too, which does not hold the warning's record.
#[test]
fn a_directory_older_than_it_was_convicts() {
    let it = cut("us.ctc", KeyRole::Originate);
    let files = Files::new(&it.world);
    let revocation = files.receipt(&it.world, it.revoked, it.revoked + 1, "revocation");
    let recipients = cut_bundle(&it.world, it.warning, it.revoked, "ru.ctc");
    let bundle = files.put("bundle.json", recipients.to_json());
    let proof = files.convicts(&revocation, &bundle, Kind::OldDirectory);
    let turned = Misbehaviour {
        a: proof.b.clone(),
        b: proof.a.clone(),
        ..proof
    };
    assert!(turned.check(&files.trusted).is_err());
}

/// A copy that ends before what was signed later holds the revocation too; and one that holds both convicts by itself.
#[test]
fn a_copy_with_the_revocation_convicts() {
    let it = cut("ru.ctc", KeyRole::Officer);
    let files = Files::new(&it.world);
    let bundle = files.put("bundle.json", it.bundle.to_json());
    let short = files.copy(&it.world, it.revoked + 1, "short.copy");
    files.convicts(&short, &bundle, Kind::KeyEnded);
    let whole = files.copy(&it.world, it.world.size(), "whole.copy");
    let note = files.put("n.checkpoint", note_at(&it.world, it.world.size()));
    files.convicts(&note, &whole, Kind::KeyEnded);
}

/// Honest logs whose keys were revoked and succeeded are convicted of nothing: their copies, bundles and receipts of all records.
#[test]
fn keys_that_ended_convict_no_honest_log() {
    let mut world = eventful();
    let warning = world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
    world.answer(warning, "ru.ctc", AcknowledgementKind::Received, Says::default());
    world.revoke("ru.ctc", KeyRole::Officer);
    world.succeed("us");
    let warning = world.send("us.ctc", &["ru.ctc", "fr.ctc"], "Attack on an embassy");
    world.hand_over(warning, "ru.ctc", 0);
    world.answer(warning, "ru.ctc", AcknowledgementKind::Received, Says::default());
    world.answer(warning, "fr.ctc", AcknowledgementKind::Opened, Says::default());
    let files = Files::new(&world);
    let size = world.size();
    for index in 0..size {
        files.receipt(&world, index, size, &format!("receipts/{index}"));
    }
    let receipts = files.directory.path().join("receipts");
    let copy = files.copy(&world, size, "whole.copy");
    let it = bundle(&world, warning, "us.ctc", &note_at(&world, size), &[]);
    let it = files.put("bundle.json", it.to_json());
    for (one, other) in [(&receipts, &copy), (&receipts, &it), (&copy, &it)] {
        let compared = files.compare(one, other);
        assert!(matches!(compared, Comparison::Consistent { .. }), "{compared:?}");
    }
}
