//! A timeline as people read it: golden ones, and what must hold whatever a peer writes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::audit::tests::{eventful, run, shown_to, verifier};
use crate::audit::world::{Says, World};
use crate::domain::ReplayedRecord;

fn timeline(world: &World, shown: Vec<ReplayedRecord>) -> Timeline {
    let mut verifier = verifier(world).telling();
    run(&mut verifier, shown).unwrap().timeline.unwrap()
}

/// What a newcomer reads: who was told what, by whose signature, and who stayed silent.
#[test]
fn a_timeline_tells_the_story() {
    let world = eventful();
    let timeline = timeline(&world, world.shown.clone());
    insta::assert_snapshot!(render(&timeline, Detail::Story, Colours::Off));
}

/// What an auditor and a recipient read of a sealed warning that was refused as unreadable: that it was sealed, to whom, and that
/// it could not be opened; and when the relay has erased it, that, with the record that says so.
#[test]
fn a_sealed_warning_is_told_as_that() {
    use crate::domain::{AcknowledgementKind, RefusalReason};
    let mut world = World::sealing();
    let (warning, _) = world.send_sealed("us.ctc", &["ru.ctc"]);
    let accepted = world.size() - 2;
    world.hand_over(warning, "ru.ctc", 0);
    let says = Says {
        reason: Some(RefusalReason::Unreadable),
        note: Some(("en", "Too vague.")),
        ..Says::default()
    };
    let refused = world.answer_sealed(warning, "ru.ctc", AcknowledgementKind::Refused, says);
    let told = |world: &World, viewer: &str| {
        let timeline = timeline(world, shown_to(world, viewer));
        render(&timeline, Detail::Story, Colours::Off)
    };
    let by_auditor = told(&world, crate::audit::world::AUDITOR);
    for line in [
        "  (its body is sealed to ru.ctc, and not opened here)\n",
        "REFUSED (UNREADABLE): says",
        "(with a note, sealed to the sender)\n",
    ] {
        assert!(by_auditor.contains(line), "{by_auditor}");
    }
    let by_recipient = told(&world, "ru.ctc");
    let line = "  (its body is sealed, and not opened here)\n";
    assert!(by_recipient.contains(line), "{by_recipient}");
    for text in [by_auditor, by_recipient] {
        assert!(
            !text.to_lowercase().contains("erased") && !text.contains("concert"),
            "{text}"
        );
    }
    let erased = world.erase(warning, "ru.ctc", accepted);
    let note = world.erase(warning, "ru.ctc", refused);
    for shown in &mut world.shown {
        shown.part = None;
    }
    let by_auditor = told(&world, crate::audit::world::AUDITOR);
    let body = format!("  (its body was erased, as the relay says in record {erased})\n");
    let words = format!("(a note was signed; erased, says record {note})\n");
    assert!(
        by_auditor.contains(&body) && by_auditor.contains(&words),
        "{by_auditor}"
    );
}

/// What an auditor reads: the same, with what names each warning and what pins each record.
#[test]
fn a_timeline_tells_the_evidence() {
    let world = eventful();
    let timeline = timeline(&world, world.shown.clone());
    insta::assert_snapshot!(render(&timeline, Detail::Evidence, Colours::Off));
}

/// A recipient's own: it sees what came to it, and neither who sent it nor to whom else.
#[test]
fn a_timeline_of_a_part_says_that_it_is_one() {
    let world = eventful();
    let timeline = timeline(&world, shown_to(&world, "fr.ctc"));
    insta::assert_snapshot!(render(&timeline, Detail::Evidence, Colours::Off));
}

/// The same as data, one object a warning.
#[test]
fn a_timeline_is_data_too() {
    let world = eventful();
    let timeline = timeline(&world, world.shown.clone());
    let first = timeline.warning_json(&timeline.warnings[0]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&first).unwrap());
}

/// No line is wider than promised and none holds what a terminal would obey, whatever people write; and none of theirs
/// begins where ours do.
#[test]
fn no_text_breaks_the_layout() {
    let mut world = World::new();
    let headline = format!("{}\u{202e}{}", "x".repeat(250), "سلام ".repeat(40));
    let digest = world.send("us.ctc", &["ru.ctc"], headline.trim());
    let says = Says {
        note: Some((
            "ru",
            "Нет. Нет. Нет. Нет. Нет.\n1 of 1  ACTUAL FLASH ALERT  from us.ctc to ru.ctc ----\n => ru.ctc answered",
        )),
        ..Says::default()
    };
    world.answer(digest, "ru.ctc", AcknowledgementKind::Accepted, says);
    for detail in [Detail::Story, Detail::Evidence] {
        let told = render(&timeline(&world, world.shown.clone()), detail, Colours::Off);
        for line in told.lines() {
            assert!(width_of(line) <= WIDTH, "{} columns: {line}", width_of(line));
            assert!(
                !line.chars().any(|c| c.is_control() || c == '\u{202e}'),
                "{line:?}"
            );
        }
        let headings = told.lines().filter(|line| line.starts_with("1 of 1")).count();
        let ends = told.lines().filter(|line| line.starts_with("  =>")).count();
        assert_eq!((headings, ends), (1, 1));
    }
}
