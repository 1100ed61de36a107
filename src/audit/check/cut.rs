//! A relay revokes a key, goes on letting it sign, and has every record name the directory as it was before; the maker of
//! the bundle cuts the directory there. All of it verifies: it must not be told without the relay's word that it hangs on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::super::bundle::Bundle;
use super::super::tampering::bytes_of;
use super::super::world::{Says, World};
use super::stage::{bundle, note_at, trusted};
use super::*;
use crate::domain::*;

/// The log with the revocation in it, and what was then still signed.
pub(crate) struct Cut {
    pub(crate) world: World,
    pub(crate) warning: Digest,
    /// The index of the revocation.
    pub(crate) revoked: u64,
    /// The bundle without it.
    pub(crate) bundle: Bundle,
}

/// The officer's key of ru.ctc is revoked, or the originator's of us.ctc.
pub(crate) fn cut(agency: &str, role: KeyRole) -> Cut {
    let mut honest = World::small();
    honest.revoke(agency, role);
    let mut world = World::small();
    let revocation = bytes_of(honest.shown.last().unwrap()).clone();
    let revoked = world.smuggle(revocation);
    let warning = world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
    world.hand_over(warning, "ru.ctc", 0);
    world.answer(warning, "ru.ctc", AcknowledgementKind::Opened, Says::default());
    let bundle = cut_bundle(&world, warning, revoked, "us.ctc");
    Cut {
        world,
        warning,
        revoked,
        bundle,
    }
}

/// What the maker of a bundle makes of such a log.
pub(crate) fn cut_bundle(world: &World, warning: Digest, revoked: u64, viewer: &str) -> Bundle {
    let mut bundle = bundle(world, warning, viewer, &note_at(world, world.size()), &[]);
    bundle.directory.retain(|entry| entry.proof.index != revoked);
    bundle
}

/// That the key had not been revoked is told as the relay's word, act by act: as a sentence, as data, and among what is not
/// shown.
#[test]
fn a_key_is_shown_valid_as_far_as_the_directory_is_shown() {
    let it = cut("ru.ctc", KeyRole::Officer);
    let findings = check(&it.bundle, &trusted(&it.world)).unwrap();
    let last = it.revoked - 1;
    assert_eq!(findings.directory.last, last);
    let said = findings.sentences();
    let opened = said
        .proven
        .iter()
        .find(|it| it.contains("signed OPENED"))
        .unwrap();
    let caveat = format!("That the key was not revoked after record {last} is the relay's word");
    assert!(opened.contains(&caveat), "{opened}");
    let not_shown = findings
        .not_shown
        .iter()
        .find(|it| it.what == Missing::Revocations);
    let signed: Vec<String> = findings
        .acts
        .iter()
        .filter(|act| act.by.is_some())
        .map(|act| act.index.to_string())
        .collect();
    assert!(
        not_shown
            .unwrap()
            .sentence
            .contains(&format!("Signed after that: record {}.", signed.join(", ")))
    );
    for act in findings.to_json()["acts"].as_array().unwrap() {
        assert_eq!(act["key_shown_valid"], act["signed_by"].is_null(), "{act}");
    }
}

/// A directory that goes on beyond an act shows its key valid: nothing is left to the relay's word.
#[test]
fn a_directory_that_goes_on_shows_the_key_valid() {
    let mut story = super::stage::story();
    story.world.revoke("us.ctc", KeyRole::Originate);
    let note = note_at(&story.world, story.world.size());
    let it = bundle(&story.world, story.warning, "us.ctc", &note, &[]);
    let findings = check(&it, &trusted(&story.world)).unwrap();
    assert!(
        !findings
            .sentences()
            .proven
            .iter()
            .any(|it| it.contains("the relay's word: the directory"))
    );
    for act in findings.to_json()["acts"].as_array().unwrap() {
        assert_eq!(act["key_shown_valid"], true);
    }
}

/// The whole bundle, with the revocation, does not verify.
#[test]
fn with_the_revocation_it_does_not_verify() {
    let it = cut("ru.ctc", KeyRole::Officer);
    let whole = bundle(
        &it.world,
        it.warning,
        "us.ctc",
        &note_at(&it.world, it.world.size()),
        &[],
    );
    assert!(check(&whole, &trusted(&it.world)).is_err());
}
