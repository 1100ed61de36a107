//! What a bundle of a sealed warning tells: sealed, opened or erased, never one for another.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::super::bundle::{Bundle, Opened};
use super::super::page::{Basis, PageContext, page, strict};
use super::super::sealed_world::{BODY_SALT, HEADLINE, REFUSAL, TEXT_SALT, text_of};
use super::super::timeline::BodyShown;
use super::super::world::{AUDITOR, Says, World};
use super::stage::{bundle, note_at, trusted};
use super::{Findings, Missing, check};
use crate::domain::*;

struct Sealed {
    world: World,
    warning: Digest,
    accepted: u64,
    refused: u64,
    plain: bytes::Bytes,
}

/// us.ctc warns ru.ctc under seal, who says that it could not open it, in sealed words.
fn sealed() -> Sealed {
    let mut world = World::sealing();
    let (warning, plain) = world.send_sealed("us.ctc", &["ru.ctc"]);
    let accepted = world.size() - 2;
    let says = Says {
        reason: Some(RefusalReason::Unreadable),
        note: Some(("en", REFUSAL)),
        ..Says::default()
    };
    let refused = world.answer_sealed(warning, "ru.ctc", AcknowledgementKind::Refused, says);
    Sealed {
        world,
        warning,
        accepted,
        refused,
        plain,
    }
}

impl Sealed {
    fn bundle(&self, viewer: &str) -> Bundle {
        let note = note_at(&self.world, self.world.size());
        bundle(&self.world, self.warning, viewer, &note, &[])
    }

    fn opened(&self) -> Bundle {
        let part = |salt, content| DetachedPart { salt, content };
        Bundle {
            opened: Opened {
                body: Some(part(BODY_SALT, self.plain.clone())),
                texts: vec![(self.refused, part(TEXT_SALT, text_of("en", REFUSAL)))],
            },
            ..self.bundle("us.ctc")
        }
    }

    /// The findings, all that they say to people, and the page.
    fn told(&self, bundle: &Bundle) -> (Findings, String, String) {
        let read = Bundle::parse(bundle.to_json().as_bytes()).unwrap();
        assert_eq!(read, *bundle);
        let findings = check(&read, &trusted(&self.world)).unwrap();
        let said = findings.sentences();
        let all = [said.summary, said.proven, said.claimed, said.not_shown].concat();
        let context = PageContext {
            bundle_sha256: "ab".repeat(32),
            bundle_name: "evidence.json".to_owned(),
            basis: Basis::Policy,
        };
        let page = page(bundle, &findings, &context);
        strict::read(&page);
        (findings, all.join("\n"), page)
    }
}

fn missing(findings: &Findings) -> Vec<Missing> {
    let of_parts = [
        Missing::Body,
        Missing::SealedBody,
        Missing::Text,
        Missing::SealedText,
    ];
    let all = findings.not_shown.iter().map(|it| it.what);
    all.filter(|it| of_parts.contains(it)).collect()
}

fn hold(text: &str, all: &[&str]) {
    for words in all {
        assert!(text.contains(words), "{words}\n\n{text}");
    }
}

fn lack(text: &str, all: &[&str]) {
    for words in all {
        assert!(!text.contains(words), "{words}\n\n{text}");
    }
}

/// What is sealed and not opened is told as that, in words, data and page, to its originator, its recipient and an auditor;
/// nothing of it says that it was erased, or what it says.
#[test]
fn what_is_sealed_stays_sealed_and_says_so() {
    let sealed = sealed();
    for viewer in ["us.ctc", "ru.ctc", AUDITOR] {
        let bundle = sealed.bundle(viewer);
        assert!(bundle.body.is_some() && !bundle.to_json().contains("\"opened\""));
        let (findings, said, page) = sealed.told(&bundle);
        assert_eq!(findings.warning.body, BodyShown::Sealed);
        let parts = [Missing::SealedBody, Missing::SealedText];
        assert_eq!(missing(&findings), parts, "{viewer}");
        hold(
            &said,
            &[
                "Its body is sealed; not opened in this bundle.",
                "with words that are sealed; not opened in this file",
            ],
        );
        hold(
            &page,
            &[
                "What the warning says is sealed; not opened in the evidence file.",
                "; with words that are sealed; not opened in the evidence file",
            ],
        );
        for text in [&said, &page] {
            lack(text, &["was erased", "has erased", HEADLINE, REFUSAL]);
        }
        let json = findings.to_json();
        assert_eq!(json["warning"]["body"], "SEALED");
        assert_eq!(json["warning"]["sealed"], true);
        let refused = &json["acts"].as_array().unwrap().last().unwrap()["said"];
        assert_eq!(refused["text_shown"], "SEALED");
        assert!(refused["text"].is_null());
    }
}

/// What is opened is shown as what is in clear is, and that it was sealed is told beside it.
#[test]
fn what_is_opened_is_shown() {
    let sealed = sealed();
    let (findings, said, page) = sealed.told(&sealed.opened());
    assert_eq!(findings.warning.body, BodyShown::Opened);
    assert_eq!(missing(&findings), []);
    hold(
        &said,
        &[
            &format!("Its headline, as signed: \u{2068}{HEADLINE:?}"),
            &format!("with the words \u{2068}{REFUSAL:?}"),
            "Its body was sealed, and is opened in this bundle",
            "which were sealed to the warning's originator and are opened",
        ],
    );
    hold(
        &page,
        &[
            HEADLINE,
            REFUSAL,
            "The body was sealed so that the relay could not read it",
        ],
    );
    let json = findings.to_json();
    assert_eq!(json["warning"]["body"], "OPENED");
    assert_eq!(json["warning"]["headlines"][0]["text"], HEADLINE);
    let refused = &json["acts"].as_array().unwrap().last().unwrap()["said"];
    assert_eq!(refused["text_shown"], "OPENED");
    assert_eq!(refused["text"]["text"], REFUSAL);
}

/// What the relay erased is told as its word: what, when, by which rule and by which record; that it had been sealed changes
/// nothing of it.
#[test]
fn what_was_sealed_and_erased_is_told_as_erased() {
    let mut sealed = sealed();
    let (body, words) = (sealed.accepted, sealed.refused);
    let body = sealed.world.erase(sealed.warning, "ru.ctc", body);
    let words = sealed.world.erase(sealed.warning, "ru.ctc", words);
    for shown in &mut sealed.world.shown {
        shown.part = None;
    }
    for viewer in ["us.ctc", "ru.ctc"] {
        let (findings, said, page) = sealed.told(&sealed.bundle(viewer));
        assert_eq!(findings.warning.body, BodyShown::Absent);
        assert!(findings.warning.sealed);
        assert_eq!(findings.body_erased(), Some(body));
        assert_eq!(findings.erasure_of(sealed.refused), Some(words));
        assert_eq!(missing(&findings), [Missing::Body, Missing::Text]);
        let by = format!("by record {body} the relay says that it has erased it");
        hold(&page, &[&by]);
        hold(
            &said,
            &[
                &by,
                "it had erased the warning's body",
                "it had erased the words that went with record",
                "by the rule for exercises and tests: 7 days after 2024-03-09",
            ],
        );
        for text in [&said, &page] {
            lack(text, &["not opened in"]);
        }
        assert_eq!(findings.to_json()["warning"]["body_erased_by_record"], body);
    }
}

/// A refusal that says UNREADABLE says so in words that a reader knows.
#[test]
fn an_unreadable_warning_is_told_in_words() {
    let sealed = sealed();
    let (_, said, page) = sealed.told(&sealed.bundle("us.ctc"));
    hold(
        &said,
        &["signed REFUSED, for the reason UNREADABLE: it says that it could not open it"],
    );
    hold(
        &page,
        &[
            "; reason UNREADABLE: says that it could not open it",
            "It answered REFUSED, for the reason UNREADABLE: it says that it could not open it",
        ],
    );
}

/// Bundles of before hold no member for what is opened, and what is written of them is what was read.
#[test]
fn a_bundle_without_it_is_as_it_was() {
    for name in ["originator.json", "recipient.json"] {
        let text = std::fs::read_to_string(super::vectors::directory().join(name)).unwrap();
        let bundle = Bundle::parse(text.as_bytes()).unwrap();
        assert!(bundle.opened.is_empty());
        assert_eq!(bundle.to_json(), text, "{name}");
    }
}
