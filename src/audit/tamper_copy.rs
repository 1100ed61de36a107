//! Saved copies of a log that were spoiled, and logs that contradict what was verified before: each is found, and the message
//! names where.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::scale_tests::{copy_of, over, small};
use super::tampering::{acknowledged, edit, find, handed_over, renumber};
use super::tests::{checkpoint_of, eventful};
use super::world::{World, envelope, secret};
use super::{AuditError, Begin, Wrong};
use crate::domain::*;
use crate::seal::PayloadKind;

/// In a saved copy: flipped, dropped, swapped, repeated, cut, put in, signed anew with another key, dated back, rewound. Each
/// is found, and the message names where.
#[tokio::test]
async fn a_spoiled_copy_names_where() {
    let world = eventful();
    type Change = fn(&World, &mut Vec<ReplayedRecord>) -> String;
    let table: [(&str, Change); 10] = [
        ("a byte flipped", |world, shown| {
            let at = find(shown, 0, handed_over);
            edit(&mut shown[at], |record| record.nonce[0] ^= 1);
            world.checkpoint()
        }),
        (
            "a byte flipped in the last record, which nothing leads to",
            |world, shown| {
                edit(shown.last_mut().unwrap(), |record| record.nonce[0] ^= 1);
                world.checkpoint()
            },
        ),
        ("one dropped", |world, shown| {
            shown.remove(find(shown, 0, handed_over));
            world.checkpoint()
        }),
        ("two swapped", |world, shown| {
            let at = find(shown, 0, handed_over);
            shown.swap(at, at + 1);
            world.checkpoint()
        }),
        ("one repeated", |world, shown| {
            let at = find(shown, 0, handed_over);
            shown.insert(at, shown[at].clone());
            world.checkpoint()
        }),
        ("cut", |world, shown| {
            shown.truncate(30);
            world.checkpoint()
        }),
        ("one put in, and numbered anew", |world, shown| {
            let at = find(shown, 0, handed_over);
            shown.insert(at, shown[1].clone());
            renumber(shown);
            world.checkpoint()
        }),
        ("signed anew with another key, by the log too", |world, shown| {
            let at = find(shown, 1, acknowledged);
            edit(&mut shown[at], |record| {
                let RecordKind::Acknowledged(signed) = &mut record.kind else {
                    panic!()
                };
                let key = secret("ru.ctc", KeyRole::Officer, 1);
                *signed = envelope(PayloadKind::Acknowledgement, signed.payload.clone(), &[key]);
            });
            checkpoint_of(world, shown)
        }),
        ("dated back, by the log too", |world, shown| {
            let at = find(shown, 1, handed_over);
            edit(&mut shown[at], |record| {
                record.time = record.time.saturating_add_ms(-3_600_000);
            });
            checkpoint_of(world, shown)
        }),
        (
            "rewound, and told on in another way, by the log too",
            |world, shown| {
                let at = find(shown, 2, acknowledged);
                let time = super::tampering::record_of(&shown[at]).time;
                let mut start = shown[1].clone();
                edit(&mut start, |record| record.time = time);
                shown.insert(at, start);
                renumber(shown);
                checkpoint_of(world, shown)
            },
        ),
    ];
    let place = tempfile::tempdir().unwrap();
    let mut sentences = String::new();
    for (number, (what, change)) in table.into_iter().enumerate() {
        let mut shown = world.shown.clone();
        let note = change(&world, &mut shown);
        let copy = copy_of(&place, &format!("spoiled-{number}"), &note, &shown);
        let (_, outcome) = over(&small(), &world, &copy);
        let alone = match outcome {
            Err(error) => error.to_string(),
            Ok(_) => "nothing is wrong with it by itself".to_owned(),
        };
        sentences.push_str(&format!("{what}:\n  {alone}\n"));
        assert!(alone.contains("record "), "{what}: {alone}");
    }
    insta::assert_snapshot!(sentences);
}

/// What was verified before binds: a log of the same key that has another history by then is found, though each of the two is
/// good by itself. At the same size, longer, and shorter.
#[test]
fn a_rewound_log_is_found() {
    let world = eventful();
    let place = tempfile::tempdir().unwrap();
    let whole = copy_of(&place, "whole", &world.checkpoint(), &world.shown);
    let last = world.shown.len() - 1;
    let start = find(&world.shown, 1, super::tampering::started);
    type Change = fn(&mut Vec<ReplayedRecord>, usize, usize);
    let table: [(&str, Change); 3] = [
        ("another end", |shown, last, _| {
            edit(&mut shown[last], |record| record.nonce[0] ^= 1);
        }),
        ("another end, and more", |shown, last, start| {
            edit(&mut shown[last], |record| record.nonce[0] ^= 1);
            let time = super::tampering::record_of(&shown[last]).time;
            let mut more = shown[start].clone();
            edit(&mut more, |record| record.time = time);
            shown.push(more);
            renumber(shown);
        }),
        ("another beginning of it", |shown, _, start| {
            // Up to a record that nothing leads to yet.
            shown.truncate(start + 1);
            edit(&mut shown[start], |record| record.nonce[0] ^= 1);
        }),
    ];
    for (number, (what, change)) in table.into_iter().enumerate() {
        let keeps = small().kept_in(&place.path().join(format!("state-{number}")), false);
        assert!(over(&keeps, &world, &whole).1.is_ok());
        let mut shown = world.shown.clone();
        change(&mut shown, last, start);
        let other = copy_of(
            &place,
            &format!("other-{number}"),
            &checkpoint_of(&world, &shown),
            &shown,
        );
        assert!(over(&small(), &world, &other).1.is_ok(), "{what}");
        let (_, outcome) = over(&keeps, &world, &other);
        let Err(AuditError::CopyFault { fault, .. }) = outcome else {
            panic!("{what}: {outcome:?}");
        };
        assert!(
            matches!(fault.wrong, Wrong::Contradiction { .. }),
            "{what}: {fault}"
        );
        // And it stays: the next run holds to it as this one did.
        assert_eq!(
            over(&keeps, &world, &whole).0,
            [Begin::Resumed(world.size())],
            "{what}"
        );
    }
}
