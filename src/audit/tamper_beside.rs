//! The verifier over what lies beside the records, and over what is withheld: bodies, texts, inbox numbers, and records
//! that are shown as hashes though the auditor may see them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use bytes::Bytes;

use super::Wrong;
use super::tampering::{accepted, acknowledged, edit, find, leaf_of, routed};
use super::tests::{eventful, run, shown_to, verifier};
use super::world::{AUDITOR, parsed};
use crate::domain::*;

/// What lies beside a record is held to what was signed; what is erased is counted and no fault.
#[test]
fn what_lies_beside_is_checked() {
    let world = eventful();
    let body = find(&world.shown, 0, accepted);
    let text = find(&world.shown, 2, acknowledged);
    let textless = find(&world.shown, 0, acknowledged);
    let inbox = find(&world.shown, 1, routed);
    type Change = fn(&mut ReplayedRecord);
    let table: &[(&str, usize, Change)] = &[
        ("another body", body, |shown| {
            part(shown, |part| part.content = vec![0; part.content.len()].into())
        }),
        ("a longer body", body, |shown| {
            part(shown, |part| part.content = vec![0; 9].into())
        }),
        ("another salt", body, |shown| {
            part(shown, |part| part.salt[0] ^= 1)
        }),
        ("another text", text, |shown| {
            part(shown, |part| part.content = vec![0; part.content.len()].into())
        }),
        ("a text that was never signed", textless, |shown| {
            shown.part = Some(DetachedPart {
                salt: [0; 32],
                content: Bytes::from_static(b"x"),
            });
        }),
        ("another inbox number", inbox, |shown| {
            shown.inbox.as_mut().unwrap().number += 1
        }),
        ("another inbox salt", inbox, |shown| {
            shown.inbox.as_mut().unwrap().salt[0] ^= 1
        }),
        ("an inbox number beside an answer", text, |shown| {
            shown.inbox = Some(InboxOpening {
                number: 1,
                salt: [0; 32],
            });
        }),
    ];
    for (what, at, change) in table {
        let mut shown = world.shown.clone();
        change(&mut shown[*at]);
        let fault = run(&mut verifier(&world), shown).unwrap_err();
        assert_eq!(fault.index, Some(*at as u64), "{what}: {fault}");
        assert!(
            matches!(fault.wrong, Wrong::Part { .. } | Wrong::Inbox { .. }),
            "{what}: {fault}"
        );
    }
    let mut erased = world.shown.clone();
    for shown in &mut erased {
        shown.part = None;
    }
    let counts = run(&mut verifier(&world), erased).unwrap().report.counts;
    assert_eq!((counts.bodies_kept, counts.bodies_absent), (0, 2));
    assert_eq!((counts.texts_kept, counts.texts_absent), (0, 2));
}

fn part(shown: &mut ReplayedRecord, change: impl FnOnce(&mut DetachedPart)) {
    change(shown.part.as_mut().unwrap());
}

/// A relay that gives two warnings one inbox number hides one of them; the recipient's own replay finds it.
#[test]
fn a_repeated_inbox_number_is_found() {
    let world = eventful();
    let second = find(&world.shown, 2, routed);
    let first = find(
        &world.shown,
        0,
        |record| matches!(&record.kind, RecordKind::Routed(it) if it.desk == parsed("fr.ctc")),
    );
    let mut shown = world.shown.clone();
    let opening = shown[first].inbox.unwrap();
    let desk: DeskAddress = parsed("fr.ctc");
    edit(&mut shown[second], |record| {
        let RecordKind::Routed(routed) = &mut record.kind else {
            panic!()
        };
        routed.inbox_commitment =
            crate::seal::inbox_commitment(&opening.salt, opening.number, &desk.to_string());
    });
    shown[second].inbox = Some(opening);
    let fault = run(&mut verifier(&world), shown).unwrap_err();
    assert_eq!(fault.index, Some(second as u64));
    assert!(matches!(fault.wrong, Wrong::Inbox { .. }), "{fault}");
}

/// A record that is withheld from an auditor whom every agency admits is found; from a party, inside its thread, too.
#[test]
fn a_withheld_record_is_found() {
    let world = eventful();
    let hide = |mut shown: Vec<ReplayedRecord>, at: usize| {
        shown[at] = ReplayedRecord {
            index: at as u64,
            content: ReplayedContent::LeafHash(leaf_of(&shown[at])),
            part: None,
            inbox: None,
        };
        shown
    };
    // The newest answer: no later record of its thread gives it away, only that nothing is out of scope.
    let newest = world.shown.len() - 1;
    let mut all = verifier(&world).viewed_by(parsed(AUDITOR));
    let fault = run(&mut all, hide(world.shown.clone(), newest)).unwrap_err();
    assert_eq!((fault.index, fault.wrong), (Some(newest as u64), Wrong::Withheld));
    let middle = find(&world.shown, 0, acknowledged);
    let fault = run(&mut verifier(&world), hide(shown_to(&world, "ru.ctc"), middle)).unwrap_err();
    assert_eq!(fault.index, Some(middle as u64 + 1), "{fault}");
    let routing = find(&world.shown, 1, routed);
    let fault = run(&mut verifier(&world), hide(shown_to(&world, "us.ctc"), routing)).unwrap_err();
    let acceptance = find(&world.shown, 0, accepted);
    assert_eq!(
        (fault.index, fault.wrong),
        (Some(acceptance as u64), Wrong::Unrouted)
    );
    let fault = run(&mut verifier(&world), hide(shown_to(&world, "us.ctc"), 0)).unwrap_err();
    assert_eq!(fault.index, Some(0));
}
