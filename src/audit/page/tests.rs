//! The page is what it should be, whatever another has written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;

use proptest::prelude::*;

use super::strict::{Piece, read, skeleton, words};
use super::*;
use crate::audit::check::stage::{bundle, cosigned_at, note_at, story, trusted};
use crate::audit::world::{Says, World, parsed};
use crate::audit::{
    AnswerFinding, Bound, Bundle, Deed, Findings, Note, Standing, TimestampFinding, Trusted, Words, check,
};
use crate::client::Draft;
use crate::domain::*;
use crate::time::{Clock as _, Timestamp};

fn context() -> PageContext {
    PageContext {
        bundle_sha256: "ab".repeat(32),
        bundle_name: "evidence.json".to_owned(),
        basis: Basis::Policy,
    }
}

fn made(bundle: &Bundle, trusted: &Trusted) -> String {
    page(bundle, &check(bundle, trusted).unwrap(), &context())
}

/// The whole page of a small story, as it is sent out.
#[test]
fn a_page_tells_the_story() {
    let story = story();
    let page = made(&story.bundle("us.ctc"), &trusted(&story.world));
    read(&page);
    assert_eq!(
        page,
        made(&story.bundle("us.ctc"), &trusted(&story.world)),
        "the same bytes again"
    );
    let (head, body) = page.split_once("<style>").unwrap();
    let (_, body) = body.split_once("</style>").unwrap();
    insta::assert_snapshot!(format!("{head}<style>…</style>{body}"));
}

/// A long story: one desk answers late and goes on, another is told four times and says nothing.
fn long_story() -> (World, Bundle) {
    let mut world = World::new();
    let mut notes = Vec::new();
    let cosign = |world: &World| cosigned_at(world, world.size(), world.clock.now());
    notes.push(cosign(&world));
    world.clock.advance_ms(20_000);
    let warning = world.send("us.ctc", &["ru.ctc", "fr.ctc"], "Attack on a concert hall");
    world.hand_over(warning, "ru.ctc", 0);
    world.hand_over(warning, "fr.ctc", 0);
    notes.push(cosign(&world));
    world.clock.advance_ms(38_000);
    world.answer(warning, "ru.ctc", AcknowledgementKind::Received, Says::default());
    world.clock.advance_ms(60_000);
    world.hand_over(warning, "fr.ctc", 0);
    notes.push(cosign(&world));
    world.clock.advance_ms(150_000);
    notes.push(cosign(&world));
    world.answer(warning, "ru.ctc", AcknowledgementKind::Opened, Says::default());
    notes.push(cosign(&world));
    world.clock.advance_ms(60_000);
    world.hand_over(warning, "fr.ctc", 2);
    notes.push(cosign(&world));
    world.clock.advance_ms(420_000);
    notes.push(cosign(&world));
    let vague = Says {
        assessment: Some(Assessment::TooVague),
        missing: vec![Specific::Place, Specific::Time],
        reason: Some(RefusalReason::Other),
        note: Some(("ru", "Слишком общо; уточните место и время.")),
        ..Says::default()
    };
    world.answer(warning, "ru.ctc", AcknowledgementKind::Refused, vague);
    notes.push(cosign(&world));
    world.clock.advance_ms(180_000);
    world.hand_over(warning, "fr.ctc", 7);
    let taken_up = Says {
        assessment: Some(Assessment::Actionable),
        note: Some(("ar", "تم الاستلام، نعمل مع FSB على ذلك.")),
        ..Says::default()
    };
    world.answer(warning, "ru.ctc", AcknowledgementKind::Accepted, taken_up);
    let whole = cosign(&world);
    let bundle = bundle(&world, warning, "us.ctc", &whole, &notes);
    (world, bundle)
}

/// The body of an example of ours.
fn example(file: &str) -> Body {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/warnings");
    let text = std::fs::read_to_string(directory.join(file)).unwrap();
    let sent = Timestamp::from_unix_ms(1_709_823_600_000);
    Draft::parse(&text).unwrap().body_at(sent)
}

/// Each language version says its language and runs its own way: the examples in Arabic and in Persian, and one in Hebrew.
#[test]
fn languages_run_their_own_way() {
    let (world, bundle) = long_story();
    let findings = check(&bundle, &trusted(&world)).unwrap();
    let context = context();
    let mut told = Told::of(&bundle, &findings, &context);
    let mut hebrew = example("kerman-2024-memorial.yaml");
    let block = hebrew
        .blocks
        .iter_mut()
        .find(|block| block.language.as_str() == "fa")
        .unwrap();
    block.language = parsed("he");
    block.headline = "אזהרה מפני פיגוע".to_owned();
    for (body, language, name) in [
        (example("brussels-2016-airport-metro.yaml"), "ar", "Arabic (ar)"),
        (example("kerman-2024-memorial.yaml"), "fa", "Persian (fa)"),
        (hebrew, "he", "Hebrew (he)"),
    ] {
        let block = body
            .blocks
            .iter()
            .find(|block| block.language.as_str() == language)
            .unwrap()
            .clone();
        told.body = Some(body);
        let page = told.page();
        let begin = format!(
            "<div class=\"peer\" lang=\"{language}\" dir=\"rtl\">{}</div>",
            block.headline
        );
        assert!(page.contains(&begin), "{language}");
        assert!(words(&page).contains(name));
        assert_eq!(page.matches("authoritative: where").count(), 1);
        read(&page);
    }
}

/// What an attacker would write, in all places at once.
const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "</style><script>",
    "\" onmouseover=\"alert(1)",
    "' onload='x",
    "</div></td></table><h1>ACTUAL</h1>",
    "<img src=http://example.com/x>",
    "&lt;script&gt; &amp; &#x3c;",
    "]]><!-- --><![CDATA[",
    "\u{202e}evil\u{2066}x\u{2069}\u{2069}\u{200f}",
    "a\nb\r\nc\u{2028}d\u{85}\u{b}\u{0}\u{1b}[31m\u{7f}",
    "\u{2068}\u{2069}",
    "\u{fffe}\u{feff}\u{e0041}\u{ad}",
    "Z\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "javascript:alert(1)",
    "url(http://example.com)",
    "{{7*7}} ${x} `x`",
];

/// Puts another's words into every place that has any.
fn filled(bundle: &Bundle, findings: &Findings, words: &str) -> String {
    let mut findings = findings.clone();
    for act in &mut findings.acts {
        if let Some(by) = &mut act.by {
            words.clone_into(&mut by.office);
        }
        if let Deed::Said(said) = &mut act.what {
            said.note = Note::Kept(Words {
                language: "ru".to_owned(),
                text: words.to_owned(),
            });
        }
    }
    for headline in findings.warning.headlines.iter_mut().flatten() {
        words.clone_into(&mut headline.text);
    }
    for bound in findings
        .acts
        .iter_mut()
        .filter_map(|act| act.bracket.not_after.as_mut())
    {
        bound.authority = Some(words.to_owned());
    }
    findings.timestamps.push(TimestampFinding {
        size: 7,
        time: Timestamp::from_unix_ms(1_709_823_600_000),
        authority: words.to_owned(),
        root: Some(words.to_owned()),
    });
    let context = context();
    let mut told = Told::of(bundle, &findings, &context);
    for block in &mut told.body.as_mut().unwrap().blocks {
        for it in [
            &mut block.event,
            &mut block.headline,
            &mut block.description,
            &mut block.instruction,
            &mut block.area,
            &mut block.target,
        ] {
            words.clone_into(it);
        }
    }
    told.page()
}

/// Whatever another writes, the page around it stays what it is with a harmless word in that place; a table.
#[test]
fn no_text_breaks_out() {
    let story = story();
    let bundle = story.bundle("us.ctc");
    let findings = check(&bundle, &trusted(&story.world)).unwrap();
    let harmless = skeleton(&filled(&bundle, &findings, "harmless"));
    for words in HOSTILE {
        let page = filled(&bundle, &findings, words);
        assert_eq!(skeleton(&page), harmless, "{words:?}");
    }
    let own = PageContext {
        bundle_name: "</code><script> '$(x)' \u{202e}.json".to_owned(),
        ..context()
    };
    read(&page(&bundle, &findings, &own));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// The same with anything at all.
    #[test]
    fn no_text_at_all_breaks_out(words in prop_oneof![
        "\\PC{1,60}",
        any::<String>().prop_filter("some text", |text| !text.is_empty()),
        proptest::collection::vec(proptest::sample::select(HOSTILE), 1..4).prop_map(|all| all.concat()),
    ]) {
        let story = story();
        let bundle = story.bundle("ru.ctc");
        let findings = check(&bundle, &trusted(&story.world)).unwrap();
        prop_assert_eq!(
            skeleton(&filled(&bundle, &findings, &words)),
            skeleton(&filled(&bundle, &findings, "harmless"))
        );
    }
}

/// Nothing on the page comes from outside, and the style is plain text to any reader.
#[test]
fn nothing_comes_from_outside() {
    let css = include_str!("style.css");
    for bad in ["url(", "@import", "@font-face", "http", "<", "&", "expression"] {
        assert!(!css.contains(bad), "{bad}");
    }
    let story = story();
    let page = made(&story.bundle("us.ctc"), &trusted(&story.world));
    for bad in [
        "<script",
        "javascript:",
        " src=",
        " href=",
        "http://",
        "https://",
        "<link",
        "<img",
        " style=",
    ] {
        assert!(!page.contains(bad), "{bad}");
    }
}

/// Headings go down one level at a time, and each picture has a title and a description, named by ids that stand once.
#[test]
fn the_page_reads_aloud() {
    let (world, bundle) = long_story();
    let pieces = read(&made(&bundle, &trusted(&world)));
    let (mut level, mut ids, mut named) = (0, Vec::new(), Vec::new());
    for piece in &pieces {
        let Piece::Begin(name, attributes) = piece else {
            continue;
        };
        if let Some(heading) = name
            .strip_prefix('h')
            .and_then(|number| number.parse::<u32>().ok())
        {
            assert!(heading <= level + 1, "{piece:?}");
            level = heading;
        }
        for (key, value) in attributes {
            match key.as_str() {
                "id" => ids.push(value.clone()),
                "aria-labelledby" => named.extend(value.split(' ').map(str::to_owned)),
                "fill" => named.push(value.trim_start_matches("url(#").trim_end_matches(')').to_owned()),
                _ => {}
            }
        }
    }
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
    assert!(named.iter().all(|name| ids.contains(name)));
    assert!(ids.len() > 8);
}

/// The status stands on top in its own words; a table.
#[test]
fn the_status_is_unmistakable() {
    let story = story();
    let bundle = story.bundle("us.ctc");
    let mut findings = check(&bundle, &trusted(&story.world)).unwrap();
    for (status, class, said) in [
        (Status::Actual, "banner actual", "ACTUAL — sent as a real warning"),
        (
            Status::Exercise,
            "banner unreal",
            "EXERCISE — not a real warning: sent to practise",
        ),
        (
            Status::System,
            "banner unreal",
            "SYSTEM — not a real warning: a check of communications",
        ),
        (
            Status::Test,
            "banner unreal",
            "TEST — not a real warning: sent to test the system",
        ),
    ] {
        findings.warning.status = status;
        let page = page(&bundle, &findings, &context());
        let text = words(&page);
        assert!(text.contains(said) && text.contains("TLP:RED"), "{status}");
        assert!(page.contains(&format!("class=\"{class}\"")), "{status}");
    }
}

/// What each deadline came to, in a story that has all of it: met, missed by a late record, missed on the witnesses' word,
/// and not shown.
#[test]
fn deadlines_are_judged_by_what_is_shown() {
    let (world, bundle) = long_story();
    let findings = check(&bundle, &trusted(&world)).unwrap();
    let context = context();
    let told = Told::of(&bundle, &findings, &context);
    let verdicts: Vec<String> = findings
        .recipients
        .iter()
        .flat_map(|recipient| {
            let all = deadline::deadlines(&told, recipient);
            let said = all
                .iter()
                .map(|it| format!("{}: {} {}", recipient.desk, it.name, it.verdict.words()));
            said.collect::<Vec<_>>()
        })
        .collect();
    insta::assert_snapshot!(verdicts.join("\n"));
}

/// What an answer comes to by two clocks, ten minutes being given: the relay's, and the witnesses', who did not know ROUTED until
/// one time and knew it by another, and the same of the answer. A table; all times are seconds after ROUTED by the relay's clock.
#[test]
fn a_deadline_is_judged_by_both_clocks() {
    let story = story();
    let bundle = story.bundle("us.ctc");
    let honest = check(&bundle, &trusted(&story.world)).unwrap();
    let routed = honest
        .acts
        .iter()
        .position(|act| act.what == Deed::Routed)
        .unwrap();
    let answer = honest.acts.len() - 1;
    let begin = honest.acts[routed].relay_time;
    let at = |second: i64| begin.saturating_add_ms(second * 1_000);
    type Times = [Option<i64>; 4];
    let table: [(&str, i64, Times, &str); 8] = [
        (
            "no witnesses, in time",
            540,
            [None; 4],
            "met by record 18, 1 min before",
        ),
        (
            "no witnesses, late",
            660,
            [None; 4],
            "by that clock record 18 came 1 min late",
        ),
        (
            "both in time",
            540,
            [Some(-5), Some(5), Some(500), Some(545)],
            "met by record 18, 1 min before",
        ),
        (
            "late by the relay, in time by the witnesses",
            660,
            [Some(100), Some(110), Some(600), Some(700)],
            "met by record 18, as the witnesses’ times show, though the relay’s clock says later",
        ),
        (
            "late by both",
            660,
            [Some(-5), Some(5), Some(650), Some(665)],
            "by that clock record 18 came 1 min late",
        ),
        (
            "in time by the relay, unknown to the witnesses until after the deadline",
            540,
            [Some(-5), Some(5), Some(1_800), Some(1_801)],
            "by the relay’s clock record 18 came in time; the witnesses knew of none until 15:31:06 UTC",
        ),
        (
            "the same where the relay dates ROUTED forward",
            540,
            [Some(-700), Some(-650), Some(500), Some(545)],
            "by the relay’s clock record 18 came in time; the witnesses knew of none until 15:09:26 UTC",
        ),
        (
            "known at the very end of it",
            540,
            [Some(-5), Some(5), Some(600), Some(601)],
            "met by record 18, 1 min before",
        ),
    ];
    for (what, relay, [from, by, unknown, known], words) in table {
        let mut findings = honest.clone();
        let bound = |second: Option<i64>| {
            second.map(|second| Bound {
                time: at(second),
                checkpoints: vec![17],
                witnesses: vec!["north.example".to_owned()],
                authority: None,
            })
        };
        findings.acts[answer].relay_time = at(relay);
        (
            findings.acts[routed].bracket.not_before,
            findings.acts[routed].bracket.not_after,
        ) = (bound(from), bound(by));
        (
            findings.acts[answer].bracket.not_before,
            findings.acts[answer].bracket.not_after,
        ) = (bound(unknown), bound(known));
        let context = context();
        let told = Told::of(&bundle, &findings, &context);
        let all = deadline::deadlines(&told, &findings.recipients[0]);
        assert_eq!(all[2].verdict.words(), words, "{what}");
        read(&told.page());
    }
}

/// An answer whose key leads to nothing trusted says so, beside an earlier one that is proven: as sentences and as data.
#[test]
fn each_answer_has_its_own_standing() {
    let (world, bundle) = long_story();
    let mut findings = check(&bundle, &trusted(&world)).unwrap();
    let desk = parsed("ru.ctc");
    let recipient = findings.recipients.iter().position(|it| it.desk == desk).unwrap();
    let answer = findings.recipients[recipient].answer.unwrap();
    let json = |findings: &Findings| findings.to_json()["recipients"][recipient].clone();
    assert_eq!(json(&findings)["answer_standing"], "PROVEN");
    assert!(
        !words(&page(&bundle, &findings, &context()))
            .contains("which is only claimed: the key that signed it")
    );
    findings
        .acts
        .iter_mut()
        .find(|act| act.index == answer.index)
        .unwrap()
        .standing = Standing::ClaimedByRelay;
    findings.recipients[recipient].answer = Some(AnswerFinding {
        standing: Standing::ClaimedByRelay,
        ..answer
    });
    let json = json(&findings);
    assert_eq!(
        (json["standing"].as_str(), json["answer_standing"].as_str()),
        (Some("PROVEN"), Some("CLAIMED_BY_RELAY"))
    );
    let text = words(&page(&bundle, &findings, &context()));
    let claimed = text
        .find("which is only claimed: the key that signed it")
        .unwrap();
    let (first, second) = (
        text.find("It answered REFUSED").unwrap(),
        text.find("then ACCEPTED").unwrap(),
    );
    assert!(first < second && second < claimed, "{text}");
}

/// Without witnesses, roots or a body the page says so where it matters, and still reads well.
#[test]
fn what_is_missing_is_said() {
    let story = story();
    let mut it = story.bundle("ru.ctc");
    it.body = None;
    it.checkpoint = note_at(&story.world, story.world.size());
    it.earlier.clear();
    for entry in it.directory.iter_mut().chain(it.threads[0].records.iter_mut()) {
        entry.proof.checkpoint_note.clone_from(&it.checkpoint);
    }
    let log = format!("log {}\nquorum none\n", story.world.verifier().vkey());
    let policy = crate::transparency::Policy::parse(log.as_bytes()).unwrap();
    let findings = check(&it, &Trusted::new(policy, None)).unwrap();
    let own = PageContext {
        basis: Basis::OwnProfile,
        ..context()
    };
    let text = words(&page(&it, &findings, &own));
    for said in [
        "Made without a policy.",
        "What the warning says is not shown",
        "Whether others were warned too, and who, is not shown here.",
        "no roots were given",
        "No policy was given, so no witness’s word was counted.",
        "signed; key not proven",
        "expired, not withdrawn",
    ] {
        assert!(text.contains(said), "{said}");
    }
}

/// A lane of very many acts becomes several pictures, none of them longer than a sheet.
#[test]
fn a_crowded_lane_is_drawn_in_parts() {
    let story = story();
    let bundle = story.bundle("us.ctc");
    let mut findings = check(&bundle, &trusted(&story.world)).unwrap();
    let last = findings.acts.last().unwrap().clone();
    for n in 1..40 {
        let mut act = last.clone();
        act.index += n;
        findings.acts.push(act);
    }
    let page = page(&bundle, &findings, &context());
    read(&page);
    assert_eq!(page.matches("class=\"lane\"").count(), 1 + 3);
    assert!(page.contains("ru.ctc, part 3"));
}

/// The long story with an example's words, written where a developer asks for it (`scripts/report-pictures.sh`).
#[test]
fn pictures_can_be_looked_at() {
    let (world, bundle) = long_story();
    let findings = check(&bundle, &trusted(&world)).unwrap();
    let context = context();
    let mut told = Told::of(&bundle, &findings, &context);
    told.body = Some(example("brussels-2016-airport-metro.yaml"));
    let page = told.page();
    assert!(skeleton(&page).len() > 500);
    if let Some(directory) = std::env::var_os("WARDLINE_REPORT_PICTURES") {
        std::fs::write(std::path::Path::new(&directory).join("long.html"), page).unwrap();
        let hostile = filled(&bundle, &findings, &HOSTILE.join(" "));
        std::fs::write(std::path::Path::new(&directory).join("hostile.html"), hostile).unwrap();
        let story = story();
        let small = made(&story.bundle("ru.ctc"), &trusted(&story.world));
        std::fs::write(std::path::Path::new(&directory).join("small.html"), small).unwrap();
    }
}
