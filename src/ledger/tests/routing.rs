//! Where a warning goes: addresses, exclusions, near names, inboxes.

use super::appended;
use crate::domain::*;
use crate::error::ErrorCode as E;
use crate::ledger::{Decision, Facts, NewPart};
use crate::limits;
use crate::world::{Draft, Scene, code_of, parsed};

/// A warning to two desks makes ACCEPTED and one ROUTED a desk, in one block, sorted by desk, with their parts; both
/// desks begin to wait, and acceptance lists the leaf hashes.
#[test]
fn an_accepted_warning_is_routed_to_each_desk() {
    let mut scene = Scene::new();
    let first = scene.log.next_index();
    let submission = scene.world.warning("us.ctc", &["ru.ctc/aviation", "fr.ctc"]);
    let decision = scene.submit("us.ctc", submission.clone());
    let Decision::Append { records, digest } = decision else {
        panic!()
    };
    assert_eq!(digest, Some(submission.envelope.digest()));
    let RecordKind::Accepted(accepted) = &records[0].record.kind else {
        panic!()
    };
    assert_eq!(accepted.openings, submission.openings);
    assert_eq!(accepted.routed, vec![records[1].leaf, records[2].leaf]);
    assert!(matches!(&records[0].parts[..], [NewPart::Body(body)] if *body == submission.body));
    for (record, desk) in records[1..].iter().zip(["fr.ctc", "ru.ctc/aviation"]) {
        let RecordKind::Routed(routed) = &record.record.kind else {
            panic!()
        };
        assert_eq!(routed.desk, parsed(desk));
        assert_eq!(routed.openings.len(), 1);
        assert_eq!(routed.openings[0].address, desk);
        let [NewPart::Inbox(opening)] = &record.parts[..] else {
            panic!()
        };
        let commitment = crate::seal::inbox_commitment(&opening.salt, 1, desk);
        assert_eq!((opening.number, routed.inbox_commitment), (1, commitment));
        assert_eq!(scene.log.facts.pending(&routed.desk).len(), 1);
    }
    let fact = scene
        .log
        .facts
        .warning(&submission.envelope.digest())
        .unwrap()
        .unwrap();
    assert_eq!((fact.accepted, fact.routed), (first, 2));
}

/// Addresses that mean one desk are one recipient with all openings; an excluded agency is excluded with all its desks,
/// an excluded desk alone; a sender may address itself.
#[test]
fn exclusions_beat_addresses() {
    let table: [(&[&str], &[&str], Result<&[&str], E>); 6] = [
        (
            &["ru.ctc", "ru.ctc/aviation"],
            &[],
            Ok(&["ru.ctc", "ru.ctc/aviation"]),
        ),
        (
            &["ru.ctc", "ru.ctc/aviation", "fr.ctc"],
            &["ru.ctc"],
            Ok(&["fr.ctc"]),
        ),
        (
            &["ru.ctc", "ru.ctc/aviation"],
            &["ru.ctc/aviation"],
            Ok(&["ru.ctc"]),
        ),
        (&["ru.ctc"], &["ru.ctc"], Err(E::NoRecipient)),
        (&["us.ctc"], &[], Ok(&["us.ctc"])),
        (&["fr.ctc"], &["ru.ctv"], Err(E::UnknownRecipient)),
    ];
    for (row, (to, excluded, expected)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let submission = scene.world.draft("us.ctc", to, excluded).sign("us.ctc");
        let decision = scene.submit("us.ctc", submission.clone());
        match expected {
            Ok(desks) => {
                let routed = scene.log.facts.desks(&submission.envelope.digest()).unwrap();
                let desks: Vec<DeskAddress> = desks.iter().map(|desk| parsed(desk)).collect();
                assert_eq!(routed, desks, "row {row}");
            }
            Err(code) => assert_eq!(code_of(&decision), Some((code, true)), "row {row}"),
        }
    }
}

/// An unknown recipient is refused with the names near to it, the nearest first, and with none if there are none.
#[test]
fn near_names_are_given() {
    let mut scene = Scene::new();
    for (to, nearest) in [
        ("ru.ctv", &["ru.ctc"][..]),
        ("RU.CTC", &["ru.ctc", "fr.ctc", "us.ctc", "ru.ctc/aviation"][..]),
        ("u.ctc", &["ru.ctc", "us.ctc"][..]),
        ("ru.ctc/aviaton", &["ru.ctc/aviation", "ru.ctc"][..]),
        ("zz.nobody-at-all", &[][..]),
        ("us.audit", &[][..]),
    ] {
        let submission = scene.world.warning("us.ctc", &[to]);
        let Decision::Reject { refused, .. } = scene.submit("us.ctc", submission) else {
            panic!("{to}")
        };
        assert_eq!(refused.code, E::UnknownRecipient, "{to}");
        let first: Vec<&str> = refused
            .near
            .iter()
            .map(String::as_str)
            .take(nearest.len().max(1))
            .collect();
        assert_eq!(first, nearest, "{to}");
    }
}

/// Addresses that are only reserved are refused by name.
#[test]
fn competences_and_groups_are_not_supported_yet() {
    let mut scene = Scene::new();
    for to in ["competence:ru/aviation-security", "group:coalition"] {
        let submission = scene.world.warning("us.ctc", &[to]);
        assert_eq!(
            code_of(&scene.submit("us.ctc", submission)),
            Some((E::Unsupported, true)),
            "{to}"
        );
    }
}

/// Inbox numbers are dense for each desk, and relay time never goes back when the clock does.
#[test]
fn inbox_numbers_are_dense_and_time_stands_rather_than_going_back() {
    let mut scene = Scene::new();
    for to in [
        &["ru.ctc"][..],
        &["fr.ctc", "ru.ctc"],
        &["ru.ctc/aviation"],
        &["ru.ctc"],
    ] {
        scene.accepted("us.ctc", to);
        scene.world.now = scene.world.now.saturating_add_ms(-1_000);
    }
    let numbers = |desk: &str| -> Vec<u64> {
        scene
            .log
            .facts
            .inbox(&parsed(desk))
            .iter()
            .map(|entry| entry.0)
            .collect()
    };
    assert_eq!(numbers("ru.ctc"), [1, 2, 3]);
    assert_eq!(
        (numbers("fr.ctc"), numbers("ru.ctc/aviation")),
        (vec![1], vec![1])
    );
    assert!(scene.log.records.is_sorted_by_key(|record| record.record.time));
}

/// A removed desk takes no new warning, and its thread goes on.
#[test]
fn a_removed_desk_takes_nothing_new() {
    let mut scene = Scene::new();
    let before = scene.accepted("us.ctc", &["ru.ctc/aviation"]);
    assert_eq!(appended(&scene.publish_desks("ru.ctc", &[])), 1);
    let after = scene.world.warning("us.ctc", &["ru.ctc/aviation"]);
    assert_eq!(
        code_of(&scene.submit("us.ctc", after)),
        Some((E::UnknownRecipient, true))
    );
    let received =
        scene
            .world
            .acknowledgement("ru.ctc/aviation", &before, AcknowledgementKind::Received, |_| ());
    assert_eq!(appended(&scene.acknowledge("ru.ctc", received)), 1);
}

/// A draft of as many recipients as there may be is routed to them all, in one block that the journal takes.
#[test]
fn the_largest_audience_fits_a_block() {
    let mut scene = Scene::new();
    let names: Vec<String> = (0..limits::AUDIENCE_MAX)
        .map(|n| format!("ru.ctc/{}-{n:03}", "a".repeat(limits::ID_CHARS_MAX - 11)))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(appended(&scene.publish_desks("ru.ctc", &names)), 1);
    let draft: Draft = scene.world.draft("us.ctc", &names, &[]);
    let Decision::Append { records, .. } = scene.submit("us.ctc", draft.sign("us.ctc")) else {
        panic!()
    };
    assert_eq!(records.len(), limits::AUDIENCE_MAX + 1);
    assert!(records.len() <= limits::BLOCK_RECORDS_MAX);
    assert!(
        records
            .iter()
            .all(|record| record.bytes.len() <= limits::RECORD_BYTES_MAX)
    );
    let bytes: usize = records.iter().map(|record| record.bytes.len() + 64).sum();
    assert!(
        bytes
            + limits::BODY_BYTES_MAX
            + limits::PAYLOAD_BYTES_MAX
            + limits::WRAPS_MAX * limits::WRAP_BYTES_MAX
            <= limits::BLOCK_BYTES_MAX,
        "{bytes}"
    );
}
