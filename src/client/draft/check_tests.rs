//! What the relay would refuse, told offline; and what a draft becomes when it is prepared.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::check::nobody;
use super::tests::MOSCOW;
use super::*;
use crate::domain::{AudienceKind, Known, Lane};
use crate::error::ErrorCode;
use crate::seal;
use crate::time::Timestamp;
use crate::wire;

const SENT: Timestamp = Timestamp::from_unix_ms(1_709_823_600_000);

fn refusals(text: &str) -> Vec<String> {
    let draft = Draft::parse(text).unwrap_or_else(|faults| panic!("{text}\n{faults}"));
    let refusals = draft.refusals(SENT).into_iter();
    refusals
        .map(|refused| format!("{} {}", refused.code, refused.field))
        .collect()
}

/// A good draft is not refused; each change of it is, with the code that the relay gives and the key in the draft.
#[test]
fn what_the_relay_would_refuse_is_told() {
    assert_eq!(refusals(MOSCOW), Vec::<String>::new());
    let table: &[(&str, &str, &[&str])] = &[
        ("to: [ru.ctc]", "to: []", &["NO_RECIPIENT to"]),
        ("to: [ru.ctc]", "to: [group:coalition]", &["UNSUPPORTED to"]),
        (
            "to: [ru.ctc]",
            "to: [competence:ru/x, ru.ctc]",
            &["UNSUPPORTED to"],
        ),
        (
            "to: [ru.ctc]",
            "to: [ru.ctc/a]\nexclude: [ru.ctc]",
            &["NO_RECIPIENT exclude"],
        ),
        ("to: [ru.ctc]", "to: [ru.ctc]\nexclude: [ru.ctc/a]", &[]),
        ("status:", "type: OUTCOME\nstatus:", &["UNSUPPORTED type"]),
        ("status:", "type: ANSWER\nstatus:", &["INVALID_ANSWER references"]),
        (
            "status:",
            "type: NOTICE\nstatus:",
            &[
                "INVALID_VALUE precedence",
                "INVALID_VALUE harm",
                "INVALID_VALUE assert",
            ],
        ),
        ("harm: [INTENTIONAL_KILLING]", "", &["HARM_NOT_ASSERTED harm"]),
        ("specific, ", "", &["HARM_NOT_ASSERTED assert"]),
        ("ACTUAL ", "EXERCISE ", &[]),
        ("48h", "366d", &[]),
        ("48h", "367d", &["INVALID_VALUE expires"]),
        (
            "48h",
            "2024-03-07T18:00:00+03:00",
            &["EXPIRES_BEFORE_SENT expires"],
        ),
        (
            "48h",
            "48h\nonset: 2h\nonset_until: 1h",
            &["INVALID_VALUE onset_until"],
        ),
        (
            "notify_victim: MAY",
            "attribution: VIA_RELAY",
            &["UNSUPPORTED handling.attribution"],
        ),
        (
            "A planned attack",
            "\"see HTTPS://example\"",
            &["INVALID_VALUE text.en.headline"],
        ),
        (
            "И ещё строка.",
            "И www.example",
            &["INVALID_VALUE text.ru.description"],
        ),
        (
            "event: Attack",
            "event: \"At\\ttack\"",
            &["INVALID_VALUE text.en.event"],
        ),
        (
            "territory: ru",
            "area: {circle: [\"99,0 1\"]}",
            &["INVALID_VALUE area.circle"],
        ),
        (
            "territory: ru",
            "area: {polygon: [\"1,0 2,0 1,0\"]}",
            &["INVALID_VALUE area.polygon"],
        ),
        (
            "territory: ru",
            "office: \"duty\\u0007\"",
            &["INVALID_VALUE office"],
        ),
    ];
    for (line, changed, expected) in table {
        assert!(MOSCOW.contains(line), "{line}");
        assert_eq!(
            refusals(&MOSCOW.replacen(line, changed, 1)),
            *expected,
            "{changed}"
        );
    }
}

/// Sizes: a body that is too large and too many addresses.
#[test]
fn what_is_too_large_is_told() {
    let draft = Draft::parse(MOSCOW).unwrap();
    let mut large = draft.clone();
    large.body.blocks[0].description = "x ".repeat(crate::limits::BODY_BYTES_MAX / 2);
    assert_eq!(large.refusals(SENT)[0].code, ErrorCode::BodyTooLarge);
    let mut many = draft;
    many.to = (0..257).map(|n| format!("ru.a{n}").parse().unwrap()).collect();
    assert_eq!(many.refusals(SENT)[0].code, ErrorCode::TooManyRecipients);
}

/// Notes are told and refuse nothing.
#[test]
fn notes_are_told() {
    let text =
        MOSCOW
            .replacen("ACTUAL", "EXERCISE", 1)
            .replacen("notify_victim: MAY", "personal_data: true", 1);
    let text = text.replacen("harm: [INTENTIONAL_KILLING]", "", 1);
    let draft = Draft::parse(&text).unwrap();
    assert_eq!(draft.refusals(SENT), []);
    let notes = draft.notes().join("\n");
    for part in [
        "As ACTUAL it would be refused",
        "may not tell the victims",
        "personal data",
    ] {
        assert!(notes.contains(part), "{notes}");
    }
    assert_eq!(Draft::parse(MOSCOW).unwrap().notes(), Vec::<String>::new());
}

/// The same draft, time and salts give the same bytes; they parse back to what was written, and the openings open
/// the audience.
#[test]
fn a_prepared_draft_is_what_was_written() {
    let text = MOSCOW.replacen(
        "to: [ru.ctc]",
        "to: [ru.ctc]\nexclude: [ru.ctc/press]\noffice: duty officer\nonset: 1h",
        1,
    );
    let mut draft = Draft::parse(&text).unwrap();
    assert_eq!(draft.form, Form::Sealed);
    draft.form = Form::Clear;
    let prepare = || {
        let mut next = 0u8;
        let salts = || {
            next += 1;
            Ok([next; 32])
        };
        draft.prepare(nobody(SENT).unwrap(), salts).unwrap()
    };
    let prepared = prepare();
    let again = prepare();
    assert_eq!(
        (&prepared.payload, &prepared.openings, &prepared.body),
        (&again.payload, &again.openings, &again.body)
    );
    assert_eq!(wire::encode_warning(&prepared.warning), prepared.payload);
    assert_eq!(prepared.warning.common.named().unwrap().office, "duty officer");
    assert_eq!(prepared.warning.expires.unwrap().ms_since(SENT), 48 * 3_600_000);
    assert_eq!(prepared.lane(), Lane::Flash);
    let body = wire::body(&prepared.body.content).unwrap();
    assert_eq!(body.onset.unwrap().ms_since(SENT), 3_600_000);
    assert_eq!(body.blocks, draft.body.blocks);
    assert_eq!(
        prepared.warning.body.digest,
        seal::body_digest(&prepared.body.salt, &prepared.body.content)
    );
    let opened = seal::open_audience(&prepared.warning.audience, prepared.openings.clone()).unwrap();
    assert!(opened.to().map(|it| it.address.as_str()).eq(["ru.ctc"]));
    assert!(
        opened
            .excluded()
            .map(|it| (it.kind, it.address.as_str()))
            .eq([(AudienceKind::Excluded, "ru.ctc/press")])
    );
    // Golden: how a draft becomes bytes is what a sender's signature is over.
    let golden = seal::h("golden", &[&prepared.payload, &prepared.body.content]);
    assert_eq!(
        hex::encode(golden),
        "7a8ce7605fea860ac60900db90075f4c75b18ac3bdcd469b32c183460d880598"
    );
}

/// A fresh template asks for just what a sender must decide; once that is filled in, it would be accepted.
#[test]
fn the_template_asks_for_what_must_be_decided() {
    let faults = Draft::parse(TEMPLATE).unwrap_err();
    let asked: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(
        asked,
        [
            "status",
            "precedence",
            "expires",
            "text.en.event",
            "text.en.headline",
            "text.en.description"
        ]
    );
    let mut filled = TEMPLATE.to_owned();
    for (blank, value) in [
        ("to: [] ", "to: [be.ctc] "),
        ("status: ", "status: EXERCISE "),
        ("precedence: ", "precedence: FLASH "),
        ("expires: ", "expires: 48h "),
        ("event: \"\"", "event: a"),
        ("headline: \"\"", "headline: b"),
        ("description: \"\"", "description: c"),
    ] {
        filled = filled.replacen(blank, value, 1);
    }
    assert_eq!(refusals(&filled), Vec::<String>::new());
    // Its comments are examples that work: uncommented, it is a draft too.
    let uncommented: String = filled
        .lines()
        .take_while(|line| !line.starts_with("#  ru:"))
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with(char::is_lowercase) || rest.starts_with("  ") => {
                format!("{rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let uncommented = uncommented.replace("64 hex digits", &"0".repeat(64));
    assert_eq!(refusals(&uncommented), Vec::<String>::new());
}

proptest! {
    /// Whatever the words are, the check never panics, and a draft that it passes can be prepared.
    #[test]
    fn any_words_can_be_checked(
        status in proptest::sample::select(Status::ALL),
        kind in proptest::sample::select(WarningType::ALL),
        precedence in proptest::sample::select(Precedence::ALL),
        place in proptest::sample::select(Known::ALL),
        bits in any::<[bool; 4]>(),
        expires_ms in any::<i64>(),
        at in any::<bool>(),
        words in "\\PC{0,40}",
    ) {
        let mut draft = Draft::parse(MOSCOW).unwrap();
        (draft.status, draft.warning_type, draft.precedence) = (status, kind, precedence);
        draft.specifics.place = place;
        draft.assertions = Assertions { credible: bits[0], specific: bits[1], impending: bits[2] };
        if bits[3] {
            draft.harm.clear();
        }
        draft.expires = if at { When::At(Timestamp::from_unix_ms(expires_ms)) } else { When::AfterMs(expires_ms) };
        draft.body.blocks[1].instruction = words.clone();
        draft.office = words;
        let refused = draft.refusals(SENT);
        let prepared = draft.prepare(nobody(SENT).unwrap(), crate::seal::random_bytes);
        prop_assert!(!refused.is_empty() || prepared.is_ok());
        // The ledger's first refusal is among those that are told, with its code and key.
        if let Ok(prepared) = prepared
            && let Err(ledger) = crate::ledger::offline_rules(&prepared.warning, SENT)
        {
            let key = ledger.field.replace("assertions", "assert");
            prop_assert!(refused.iter().any(|it| it.code == ledger.code && it.field == key), "{ledger:?} {refused:?}");
        }
        let _ = draft.notes();
    }
}
