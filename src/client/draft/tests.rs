//! What a person writes, and what is said to them: a table of drafts and faults, and arbitrary text that must never
//! do worse than be refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;
use crate::domain::{Known, NotifyVictim, Onward, Tlp};
use crate::limits;

/// The draft of issue 1, with its texts filled in.
pub(super) const MOSCOW: &str = "\
to: [ru.ctc]
status: ACTUAL            # required, never defaulted
precedence: FLASH
expires: 48h              # or RFC 3339 with an offset
harm: [INTENTIONAL_KILLING]
assert: [credible, specific, impending]
specifics: {place: KNOWN, time: PARTLY, method: UNKNOWN, target: KNOWN, perpetrator: PARTLY}
handling: {tlp: RED, onward: NONE, notify_victim: MAY}
territory: ru
victims_of: [ru]
authoritative: en
text:
  en: {event: Attack, headline: A planned attack, description: What is known.}
  ru:
    event: Нападение
    headline: Готовится нападение
    description: |
      Что известно.
      И ещё строка.
";

fn faults(text: &str) -> String {
    match Draft::parse(text) {
        Ok(draft) => panic!("{draft:?}"),
        Err(faults) => faults.to_string(),
    }
}

/// A map has no more keys than the bound, whatever they are: the one after the last ends the reading. Each is compared with all
/// before it, so a file of nothing but keys took minutes.
#[test]
fn a_map_has_a_bound() {
    let keys = |count: usize| (0..count).map(|it| format!("k{it}: 1\n")).collect::<String>();
    let too_many = faults(&keys(limits::DRAFT_KEYS_MAX + 1));
    let line = limits::DRAFT_KEYS_MAX + 1;
    assert_eq!(
        too_many,
        format!("{line}:1: a map of a draft has at most 128 keys")
    );
    assert!(faults(&keys(limits::DRAFT_KEYS_MAX)).contains("there is no key"));
}

/// The issue's own example is read as it says.
#[test]
fn the_example_of_the_issue_is_read() {
    let draft = Draft::parse(MOSCOW).unwrap();
    assert_eq!(draft.to, ["ru.ctc".parse().unwrap()]);
    assert_eq!(
        (draft.status, draft.precedence),
        (Status::Actual, Precedence::Flash)
    );
    assert_eq!(
        (draft.warning_type, draft.category),
        (WarningType::Alert, Category::Security)
    );
    assert_eq!(draft.expires, When::AfterMs(48 * 3_600_000));
    assert_eq!(draft.harm, [Harm::IntentionalKilling]);
    assert!(draft.assertions.credible && draft.assertions.specific && draft.assertions.impending);
    assert_eq!(
        (draft.specifics.place, draft.specifics.method),
        (Known::Known, Known::Unknown)
    );
    assert_eq!(draft.handling.notify_victim, NotifyVictim::May);
    assert_eq!(draft.body.authoritative.as_str(), "en");
    assert_eq!(draft.body.blocks[1].description, "Что известно.\nИ ещё строка.");
    assert_eq!(draft.body.blocks[1].instruction, "");
}

/// The smallest draft: what is not said has the value that the documentation says; unmarked is the most restrictive.
#[test]
fn what_is_not_said_has_its_default() {
    let text = "{to: [be.ctc/aviation], status: EXERCISE, precedence: ROUTINE, expires: 2d, \
                text: {fr: {event: a, headline: b, description: c}}}";
    let draft = Draft::parse(text).unwrap();
    assert_eq!(draft.handling.tlp, Tlp::Red);
    assert_eq!(
        (draft.handling.onward, draft.handling.notify_victim),
        (Onward::None, NotifyVictim::MustNot)
    );
    assert!(!draft.handling.personal_data && !draft.assertions.credible);
    assert_eq!(draft.specifics.time, Known::Unknown);
    assert_eq!(draft.body.authoritative.as_str(), "fr");
    assert!(draft.territory.is_none() && draft.harm.is_empty() && draft.office.is_empty());
}

/// Norway is a state and not `false`; a victim list is sorted; the other keys are read.
#[test]
fn the_other_keys_are_read() {
    let text = r#"
to: [no.pst, "be.ctc/aviation"]
exclude: [be.ctc]
status: TEST
type: QUESTION
precedence: PRIORITY
category: TRANSPORT
expires: 2030-01-01T00:00:00+01:00
onset: 1h
onset_until: 1d
territory: no
victims_of: [se, no]
office: duty officer
urgency: EXPECTED
severity: EXTREME
certainty: LIKELY
handling: {tlp: AMBER_STRICT, onward: WITHIN_STATE, personal_data: true}
references: [{id: 01909a3e-7c1b-7000-8000-000000000000, digest: "0000000000000000000000000000000000000000000000000000000000000000"}]
area:
  polygon: ["59.9,10.7 60.0,10.7 60.0,10.8 59.9,10.7"]
  circle: ["59.9,10.7 5"]
  geocode: {ISO 3166-2: NO-03}
text: {no: {event: a, headline: b, description: c, instruction: d, area: e, target: f}}
"#;
    let draft = Draft::parse(text).unwrap_or_else(|faults| panic!("{faults}"));
    let victims: Vec<&str> = draft.victims_of.iter().map(Country::as_str).collect();
    assert_eq!(
        (draft.territory.unwrap().as_str(), victims),
        ("no", vec!["no", "se"])
    );
    assert_eq!(draft.exclude.len(), 1);
    assert_eq!(draft.references.len(), 1);
    assert_eq!(
        (draft.onset, draft.onset_until),
        (Some(When::AfterMs(3_600_000)), Some(When::AfterMs(86_400_000)))
    );
    assert_eq!(
        draft.body.area.geocodes,
        [("ISO 3166-2".to_owned(), "NO-03".to_owned())]
    );
    assert_eq!(draft.office, "duty officer");
}

/// Every fault is told at once, in the order of the lines, each with its place and what would be right.
#[test]
fn every_fault_is_told_with_its_place() {
    let text = "\
to: ru.ctc
statsu: ACTUAL
precedence: flash
expires: 48
tlp: RED
harm: [MURDER, KIDNAPPING, KIDNAPPING]
assert: [credible, credible]
handling: {tlp: PINK, onwards: NONE, personal_data: no}
territory: russia
victims_of: [ru, RU, ru]
references: [{id: 7, digest: abc}]
area: here
authoritative: fr
text:
  en: {event: Attack, headline: '', description: 012}
  EN: {event: x, headline: y, description: z, what: no}
";
    insta::assert_snapshot!(faults(text), @r#"
1:1: status: the key status is missing
1:5: to: a text stands where a list belongs: write [ru.ctc]
2:1: there is no key "statsu": did you mean status?
3:13: precedence: "flash" is none of FLASH, IMMEDIATE, PRIORITY, ROUTINE; did you mean FLASH?
4:10: expires: 48 has no unit: write 48h, 48m or 48d
5:1: there is no key "tlp": it belongs under handling
6:8: harm: "MURDER" is none of INTENTIONAL_KILLING, SERIOUS_BODILY_INJURY, KIDNAPPING
8:17: handling.tlp: "PINK" is none of RED, AMBER_STRICT, AMBER, GREEN, CLEAR
8:23: handling: there is no key "onwards": did you mean onward?
8:53: handling.personal_data: a text stands where true or false belongs
9:12: territory: "russia" is not an ISO 3166-1 alpha-2 code in lower case
10:18: victims_of: "RU" is not an ISO 3166-1 alpha-2 code in lower case
11:19: references.id: a number stands where a text belongs: put it into quotes
11:30: references.digest: not 32 bytes (64 lower-case hex digits)
12:7: area: a text stands where a map with the keys polygon, circle, geocode belongs
15:33: text.en.headline: this must say something
15:50: text.en.description: a number stands where a text belongs: put it into quotes
16:7: text: the language "EN" stands twice
16:47: text.EN: there is no key "what": known here are event, headline, description, instruction, area, target
"#);
}

/// One fault each; a table of a line changed or added in a good draft, and what is said.
#[test]
fn one_fault_each() {
    let table = [
        (
            "to: [ru.ctc]",
            "to: [RU.ctc]",
            "1:6: to: \"RU.ctc\" is not an address",
        ),
        ("to: [ru.ctc]", "to: []", ""),
        (
            "to: [ru.ctc]",
            "to: [ru.ctc, ru.ctc]",
            "1:5: to: \"ru.ctc\" stands twice",
        ),
        (
            "status: ACTUAL ",
            "status: ",
            "status: nothing stands where one of ACTUAL, EXERCISE, SYSTEM, TEST belongs",
        ),
        ("status: ACTUAL ", "# ", "1:1: status: the key status is missing"),
        (
            "status: ACTUAL ",
            "status: true ",
            "2:9: status: true or false stands where one of",
        ),
        (
            "expires: 48h ",
            "expires: soon ",
            "4:10: expires: \"soon\" is not a span",
        ),
        ("expires: 48h ", "expires: 2024-03-09T21:00:00 ", "is not a span"),
        (
            "expires: 48h ",
            "expires: 48h\nexpires: 2d ",
            "5:1: expires: the key \"expires\" stands twice; first in line 4",
        ),
        (
            "[credible, specific, impending]",
            "[certain]",
            "6:10: assert: \"certain\" is none of credible, specific, impending",
        ),
        (
            "authoritative: en",
            "authoritative: de",
            "there is no text in de, only in en, ru",
        ),
        ("authoritative: en", "", "say which language counts"),
        ("  en: {", "  english language: {", "is not a BCP 47 language tag"),
        (
            "headline: A planned attack",
            "headline: \"a\\nb\"",
            "text.en.headline: this is one line",
        ),
        (
            "event: Attack",
            "evnt: Attack",
            "there is no key \"evnt\": did you mean event?",
        ),
        ("territory: ru", "territroy: ru", "did you mean territory?"),
        (
            "territory: ru",
            "tlp: RED",
            "there is no key \"tlp\": it belongs under handling",
        ),
        (
            "territory: ru",
            "deadlines: 5",
            "there is no key \"deadlines\": known here are to, exclude",
        ),
    ];
    assert!(Draft::parse(MOSCOW).is_ok());
    for (line, changed, said) in table {
        assert!(MOSCOW.contains(line), "{line}");
        let text = MOSCOW.replacen(line, changed, 1);
        match Draft::parse(&text) {
            Ok(_) => assert_eq!(said, "", "{changed}"),
            Err(faults) => assert!(
                !said.is_empty() && faults.to_string().contains(said),
                "{changed}\n{faults}"
            ),
        }
    }
}

/// A key's position is found by its path, or by the nearest path above it.
#[test]
fn positions_lead_to_the_line() {
    let (_, positions) = Draft::parse_located(MOSCOW).unwrap();
    for (path, line) in [
        ("status", 2),
        ("handling.tlp", 8),
        ("handling.none", 8),
        ("text.ru.headline", 16),
        ("nothing", 1),
    ] {
        assert_eq!(positions.of(path).line, line, "{path}");
    }
}

proptest! {
    /// Arbitrary text is refused with at least one fault, or is a draft; it never panics.
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        if let Err(faults) = Draft::parse(&text) {
            prop_assert!(!faults.is_empty());
        }
    }

    /// The same for text that is made of what YAML is made of, inside of a good draft.
    #[test]
    fn arbitrary_yaml_never_panics(
        line in 0usize..20,
        noise in "[-\\[\\]{}:,#&*!|>'\"%@` \t\na0~?]{0,24}",
    ) {
        let mut lines: Vec<&str> = MOSCOW.lines().collect();
        let at = line.min(lines.len());
        lines.insert(at, &noise);
        if let Err(faults) = Draft::parse(&lines.join("\n")) {
            prop_assert!(!faults.is_empty() && faults.len() <= crate::limits::DRAFT_FAULTS_MAX);
        }
    }

    /// A good draft cut anywhere, or with one character replaced by any other, never panics.
    #[test]
    fn a_broken_draft_never_panics(at in 0usize..700, with in any::<char>()) {
        let cut: String = MOSCOW.chars().take(at).collect();
        let _ = Draft::parse(&cut);
        let broken: String = MOSCOW.chars().enumerate().map(|(i, c)| if i == at { with } else { c }).collect();
        let _ = Draft::parse(&broken);
    }
}
