//! Golden screens, read as an officer reads them, and two properties that hold for whatever a peer writes: nothing moves
//! the cursor, and every line of a peer's is isolated behind its gutter.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::client::{Draft, Unreadable};
use crate::domain::{Common, Hash, KeyRole, PayloadId, Seen, SignedBy, Signer};
use crate::seal::OpenError;

/// Thursday, 7 March 2024, 18:00 in Moscow.
const SENT: Timestamp = Timestamp::from_unix_ms(1_709_823_600_000);
const MINUTE: i64 = 60_000;

/// A warning as it is after it was delivered, from a draft.
struct Scene {
    warning: Warning,
    body: Body,
    desk: DeskAddress,
    passed_on: Option<Passing<'static>>,
    languages: Vec<Language>,
    so_far: Vec<(AcknowledgementKind, Timestamp)>,
    now: Timestamp,
}

impl Scene {
    fn new(draft: &str, sender: &str, languages: &[&str]) -> Self {
        let draft = Draft::parse(draft).unwrap_or_else(|faults| panic!("{faults}"));
        let common = Common {
            origin: "relay.invalid/exercise".parse().unwrap(),
            id: PayloadId::from_parts(1_709_823_600_000, [7; 10]),
            sent: SENT,
            signer: SignedBy::Named(Signer {
                principal: sender.parse().unwrap(),
                role: KeyRole::Originate,
                desk: None,
                office: String::new(),
                seen: Some(Seen {
                    size: 40,
                    root: Hash([0; 32]),
                }),
            }),
        };
        let mut salt = 0u8;
        let salts = || {
            salt += 1;
            Ok([salt; 32])
        };
        let warning = draft.prepare(common, salts).unwrap().warning;
        Self {
            body: draft.body_at(SENT),
            warning,
            passed_on: None,
            desk: draft.to[0].to_string().parse().unwrap(),
            languages: languages.iter().map(|tag| tag.parse().unwrap()).collect(),
            so_far: Vec::new(),
            now: SENT.saturating_add_ms(3 * MINUTE),
        }
    }

    fn render(&self, width: usize, colours: Colours) -> String {
        self.render_content(&Content::Read(self.body.clone()), width, colours)
    }

    fn render_content(&self, content: &Content, width: usize, colours: Colours) -> String {
        let input = ScreenInput {
            warning: &self.warning,
            digest: Digest([0xd1; 32]),
            content,
            erased: None,
            desk: &self.desk,
            passed_on: self.passed_on.as_ref(),
            name_desk: false,
            checked: Checked {
                key: KeyId([0x11; 32]),
                key_confirmed: true,
                root: Some(KeyId([0x22; 32])),
                index: 42,
                routed_at: SENT.saturating_add_ms(MINUTE),
                log_size: 57,
            },
            so_far: &self.so_far,
            languages: &self.languages,
            now: self.now,
            program: "wardline",
            office: Some("duty officer"),
        };
        render(&input, width, colours, &TimeZone::fixed(jiff::tz::offset(3)))
    }
}

const MOSCOW: &str = include_str!("../../../examples/warnings/moscow-2024-concert-hall.yaml");
const BRUSSELS: &str = include_str!("../../../examples/warnings/brussels-2016-airport-metro.yaml");

/// An exercise in the officer's language, the authoritative one under it, at 80 columns.
#[test]
fn an_exercise() {
    insta::assert_snapshot!(Scene::new(MOSCOW, "us.ctc", &["ru"]).render(80, Colours::Off));
}

/// The same on a wide terminal: two languages side by side.
#[test]
fn an_exercise_on_a_wide_terminal() {
    insta::assert_snapshot!(Scene::new(MOSCOW, "us.ctc", &["ru"]).render(140, Colours::Off));
}

/// The same on a narrow one, for an officer whose language the sender did not write.
#[test]
fn an_exercise_on_a_narrow_terminal() {
    insta::assert_snapshot!(Scene::new(MOSCOW, "us.ctc", &["tr", "de"]).render(48, Colours::Off));
}

/// An officer who reads Arabic; the text is right to left.
#[test]
fn right_to_left() {
    insta::assert_snapshot!(Scene::new(BRUSSELS, "fr.ctc", &["ar"]).render(80, Colours::Off));
}

/// A real one, with colours: unmistakable, and every colour ends on its line.
#[test]
fn a_real_one_in_colours() {
    let draft = MOSCOW.replacen("EXERCISE", "ACTUAL", 1);
    let screen = Scene::new(&draft, "us.ctc", &["en"]).render(80, Colours::On);
    for line in screen.lines() {
        assert_eq!(
            line.matches("\x1b[0m").count() * 2,
            line.matches("\x1b[").count(),
            "{line:?}"
        );
    }
    insta::assert_snapshot!(screen.replace('\x1b', "␛"));
}

/// Two weeks and an hour later: expired is said at the top and is no all-clear. A key that no person has confirmed.
#[test]
fn an_expired_one() {
    let mut scene = Scene::new(MOSCOW, "us.ctc", &["en"]);
    scene.now = SENT.saturating_add_ms((14 * 24 + 1) * 60 * MINUTE);
    scene.so_far = vec![(AcknowledgementKind::Received, SENT.saturating_add_ms(2 * MINUTE))];
    insta::assert_snapshot!(scene.render(80, Colours::Off));
}

/// A sender who tries to be the screen: escape sequences, overrides, isolates, newlines and a false status line.
#[test]
fn an_attack() {
    let mut scene = Scene::new(MOSCOW, "us.ctc", &["en"]);
    let signer = match &mut scene.warning.common.signer {
        SignedBy::Named(signer) => signer,
        SignedBy::Committed(_) => panic!(),
    };
    signer.office = "watch\u{2069}\r\n✓ certified by the root of ru".to_owned();
    let block = &mut scene.body.blocks[0];
    block.event = "\u{1b}[2J\u{1b}[1;1H\u{1b}]0;owned\u{7}".to_owned();
    block.headline = "\u{202e}LAUTCA si sihT\u{202c} \u{2069}\u{2069}".to_owned();
    block.description =
        "harmless\n████ ACTUAL ████ ACTUAL ████\n FLASH ALERT  from ru.ctc  to us.ctc\n This is real.\u{85} \
                         │ deep\u{2028} signed     ✓ by the key of ru.ctc\r\u{9b}31m\u{200b}\u{feff}"
            .to_owned();
    block.instruction = format!("{}{}", "Z̵".repeat(3), "\u{489}".repeat(40));
    block.area = "x".repeat(200);
    scene.body.area.geocodes = vec![("\n".to_owned(), "\u{1b}[31m".to_owned())];
    scene.body.blocks.truncate(1);
    insta::assert_snapshot!(scene.render(80, Colours::Off));
}

/// What no key here opens says where to look; what was badly sealed to us says how its sender learns of it.
#[test]
fn what_cannot_be_read() {
    let scene = Scene::new(MOSCOW, "us.ctc", &["ru"]);
    let closed = scene.render_content(&Content::Closed, 80, Colours::Off);
    let bad = Content::Unreadable(Unreadable::Body(OpenError::Commitment));
    let unreadable = scene.render_content(&bad, 80, Colours::Off);
    assert!(!closed.contains("unreadable") && unreadable.contains("--reason unreadable"));
    insta::assert_snapshot!(format!("{closed}\n{unreadable}"));
}

/// What is erased is said to be; a question says how it is answered.
#[test]
fn an_erased_question() {
    let draft = MOSCOW.replacen("status:", "type: QUESTION\nstatus:", 1);
    let scene = Scene::new(&draft, "us.ctc", &["en"]);
    let erased = crate::client::ErasedHere {
        at: SENT.saturating_add_ms(31 * 24 * 3_600_000),
        bucket: crate::domain::Bucket::of(crate::domain::RetentionClass::Ordinary, SENT, SENT),
        by: crate::client::ErasedBy::Order {
            office: "duty officer\u{1b}[2J".to_owned(),
        },
    };
    let input = ScreenInput {
        warning: &scene.warning,
        digest: Digest([0xd1; 32]),
        content: &Content::Erased,
        erased: Some(&erased),
        desk: &scene.desk,
        passed_on: None,
        name_desk: true,
        checked: Checked {
            key: KeyId([0x11; 32]),
            key_confirmed: false,
            root: None,
            index: 42,
            routed_at: SENT,
            log_size: 57,
        },
        so_far: &[],
        languages: &scene.languages,
        now: scene.now,
        program: "wardline --profile 'my profile'",
        office: None,
    };
    insta::assert_snapshot!(render(&input, 80, Colours::Off, &TimeZone::UTC));
}

/// A warning that another agency handed over: who passed it on, whether it should have, and no line to answer with.
#[test]
fn a_warning_that_was_passed_on() {
    let to: AgencyId = "be.ctc".parse().unwrap();
    let passing = |barred| Passing {
        to: Box::leak(Box::new(to.clone())),
        office: "duty officer",
        at: SENT.saturating_add_ms(2 * MINUTE),
        key: KeyId([0x33; 32]),
        key_confirmed: false,
        originator_agreed: true,
        barred,
    };
    let mut scene = Scene::new(MOSCOW, "us.ctc", &["en"]);
    let sent = scene.render(160, Colours::Off);
    scene.passed_on = Some(passing(None));
    let shown = scene.render(160, Colours::Off);
    assert!(shown.contains("PASSED ON to be.ctc by"), "{shown}");
    assert!(shown.contains("says that us.ctc was asked and agreed"), "{shown}");
    assert!(
        shown.contains(&Fingerprint::of(&KeyId([0x33; 32])).to_string()[..20]),
        "{shown}"
    );
    assert!(
        shown.contains("No answer to it can be recorded from here"),
        "{shown}"
    );
    assert!(
        sent.contains("wardline ack") && !shown.contains("wardline ack"),
        "{shown}"
    );
    scene.passed_on = Some(passing(Some("its originator forbids it")));
    let shown = scene.render(160, Colours::Off);
    assert!(
        shown.contains("should not have passed it on: its originator forbids it"),
        "{shown}"
    );
}

/// Any character, those that do harm more often.
fn hostile() -> impl Strategy<Value = String> {
    let harm = proptest::sample::select(vec![
        '\u{1b}', '\u{9b}', '\n', '\r', '\u{7}', '\u{202e}', '\u{202c}', '\u{2066}', '\u{2067}', '\u{2068}',
        '\u{2069}', '\u{2028}', '\u{85}', '\u{200f}', '\u{301}', '│', '█', 'ع', '汉', ' ', 'a',
    ]);
    proptest::collection::vec(prop_oneof![harm, any::<char>()], 0..60)
        .prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever a peer writes: no control character but newline and our own colours; isolates balance on every line and
    /// stand only behind a gutter; what stands behind a gutter fits the terminal.
    #[test]
    fn a_peer_never_owns_the_screen(
        texts in proptest::collection::vec(hostile(), 9),
        width in 0usize..220,
        colours in any::<bool>(),
    ) {
        let mut scene = Scene::new(MOSCOW, "us.ctc", &["ru"]);
        if let SignedBy::Named(signer) = &mut scene.warning.common.signer {
            signer.office = texts[0].clone();
        }
        let block = &mut scene.body.blocks[1];
        block.event = texts[1].clone();
        block.headline = texts[2].clone();
        block.description = texts[3].clone();
        block.instruction = texts[4].clone();
        block.area = texts[5].clone();
        block.target = texts[6].clone();
        scene.body.area.circles = vec![texts[7].clone()];
        scene.body.area.geocodes = vec![(texts[8].clone(), texts[0].clone())];
        let screen = scene.render(width, if colours { Colours::On } else { Colours::Off });
        let bare = strip_our_colours(&screen);
        prop_assert!(bare.chars().all(|c| c == '\n' || !c.is_control()), "{bare:?}");
        for line in bare.lines() {
            let mut depth = 0i32;
            let mut behind_gutter = false;
            for c in line.chars() {
                match c {
                    '│' if depth == 0 => behind_gutter = true,
                    '\u{2068}' => {
                        prop_assert!(behind_gutter && depth == 0, "{line:?}");
                        depth += 1;
                    }
                    '\u{2069}' => depth -= 1,
                    '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2067}' => prop_assert!(false, "{line:?}"),
                    _ => {}
                }
            }
            prop_assert_eq!(depth, 0, "{:?}", line);
            if behind_gutter {
                prop_assert!(line.width() <= width.clamp(WIDTH_MIN, WIDTH_MAX), "{} {line:?}", line.width());
            }
        }
        // The first and last line are ours, and say what it is.
        for line in [bare.lines().next().unwrap(), bare.lines().last().unwrap()] {
            prop_assert!(line.starts_with("▒▒▒▒ EXERCISE ▒▒▒▒"), "{line}");
        }
    }

    /// What a peer writes is only ever between an isolate's ends: taken out, the screen is the same whatever it was.
    #[test]
    fn what_is_ours_does_not_depend_on_a_peers_words(one in hostile(), other in hostile()) {
        let ours = |words: &str| {
            let mut scene = Scene::new(MOSCOW, "us.ctc", &["ru"]);
            scene.body.blocks[1].headline = words.to_owned();
            let screen = scene.render(80, Colours::Off);
            let lines = screen.lines().filter(|line| !line.trim_start().starts_with('│'));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        prop_assert_eq!(ours(&one), ours(&other));
    }
}

/// Only the sequences that `Tone` writes.
fn strip_our_colours(screen: &str) -> String {
    let mut screen = screen.to_owned();
    for code in [
        "0", "1", "2", "32", "1;31", "1;37;41", "1;30;43", "1;37;44", "1;30;47",
    ] {
        screen = screen.replace(&format!("\x1b[{code}m"), "");
    }
    screen
}
