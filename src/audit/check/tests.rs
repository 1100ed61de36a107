//! What an honest bundle shows: proven, claimed and not shown, with its time brackets, for each of those who can make one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::super::tests::{eventful, run, shown_to, verifier};
use super::super::world::{BEGIN_MS, World, parsed, secret};
use super::stage::{Story, bundle, cosigned_at, note_at, policy, story, trusted};
use super::*;
use crate::audit::TrustedRoots;
use crate::domain::*;
use crate::ledger::{Command, Erasure, Facts as _, ThreadKey};
use crate::time::Timestamp;
use crate::transparency::Policy;

/// Seconds after the world began.
fn second(time: Timestamp) -> i64 {
    (time.unix_ms() - BEGIN_MS) / 1000
}

fn text_of(findings: &Findings) -> String {
    let Sentences {
        summary,
        proven,
        claimed,
        not_shown,
    } = findings.sentences();
    format!(
        "{}\n\nPROVEN\n{}\n\nCLAIMED BY THE RELAY\n{}\n\nNOT SHOWN\n{}\n",
        summary.join("\n"),
        proven.join("\n"),
        claimed.join("\n"),
        not_shown.join("\n")
    )
}

/// What is written reads back the same, and the originator's and the recipient's bundles verify as what was read.
#[test]
fn a_bundle_is_written_and_read_back() {
    let story = story();
    for viewer in ["us.ctc", "ru.ctc"] {
        let bundle = story.bundle(viewer);
        let read = Bundle::parse(bundle.to_json().as_bytes()).unwrap();
        assert_eq!(read, bundle, "{viewer}");
        check(&read, &trusted(&story.world)).unwrap_or_else(|fault| panic!("{viewer}: {fault}"));
    }
}

/// What an originator's bundle tells, word for word.
#[test]
fn an_originators_bundle_tells_all() {
    let story = story();
    let findings = check(&story.bundle("us.ctc"), &trusted(&story.world)).unwrap();
    insta::assert_snapshot!(text_of(&findings));
}

/// The same as data.
#[test]
fn findings_are_data_too() {
    let story = story();
    let findings = check(&story.bundle("ru.ctc"), &trusted(&story.world)).unwrap();
    let mut json = findings.to_json();
    json["sentences"] = serde_json::Value::Null;
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
}

/// A recipient's bundle verifies without the acceptance, and says that others may have been told.
#[test]
fn a_recipients_bundle_says_what_it_cannot() {
    let story = story();
    let findings = check(&story.bundle("ru.ctc"), &trusted(&story.world)).unwrap();
    assert!(!findings.all_recipients);
    let missing: Vec<Missing> = findings.not_shown.iter().map(|it| it.what).collect();
    assert!(missing.contains(&Missing::Acceptance) && missing.contains(&Missing::OtherRecipients));
    assert_eq!(findings.acts[0].what, Deed::Warned { accepted: false });
    assert_eq!(findings.acts[0].standing, Standing::Proven);
}

/// Of a warning to two, no byte of one recipient's bundle names the other beyond the directory, neither by its name nor by
/// any of its keys nor by the leaf of its thread.
#[test]
fn a_recipients_bundle_reveals_no_other() {
    let world = eventful();
    let warning = *world
        .facts
        .warnings()
        .find(|(_, fact)| fact.originator == parsed("us.ctc"))
        .unwrap()
        .0;
    let note = note_at(&world, world.size());
    for (viewer, other) in [("fr.ctc", "ru.ctc"), ("ru.ctc", "fr.ctc")] {
        let mut it = bundle(&world, warning, viewer, &note, &[]);
        check(&it, &trusted(&world)).unwrap_or_else(|fault| panic!("{viewer}: {fault}"));
        it.directory.clear();
        let mut bytes: Vec<Vec<u8>> = vec![it.to_json().into_bytes(), it.envelope.payload.to_vec()];
        for thread in &it.threads {
            bytes.extend(thread.records.iter().map(|entry| entry.record.to_vec()));
            bytes.extend(thread.texts.iter().map(|(_, text)| text.content.to_vec()));
        }
        let mut secrets: Vec<Vec<u8>> = vec![other.as_bytes().to_vec()];
        let principal: Principal = parsed(other);
        for key in world.directory.keys_of(&principal) {
            secrets.push(key.keyid.to_string().into_bytes());
            secrets.push(key.keyid.0.to_vec());
        }
        for bytes in &bytes {
            for secret in &secrets {
                let found = bytes.windows(secret.len()).any(|window| window == &secret[..]);
                assert!(!found, "{viewer}'s bundle names {other}");
            }
        }
    }
}

/// Each act lies between the newest cosigned tree without it and the oldest with it, as soon as enough witnesses say so.
#[test]
fn every_act_has_its_bracket() {
    let story = story();
    let findings = check(&story.bundle("us.ctc"), &trusted(&story.world)).unwrap();
    let started = |note: &str| {
        let opened = policy(&story.world).open(note).unwrap();
        (second(opened.cosignatures()[0].time), opened.checkpoint().size)
    };
    let [before, between, waiting, whole] = story.notes.each_ref().map(|note| started(note));
    for act in &findings.acts {
        let early = act.index < between.1;
        let (lower, upper) = if early {
            (before, between)
        } else {
            (waiting, whole)
        };
        let (not_before, not_after) = (
            act.bracket.not_before.as_ref().unwrap(),
            act.bracket.not_after.as_ref().unwrap(),
        );
        // The first witness signs, the second a second later: until the first's time neither had seen more.
        assert_eq!(
            (second(not_before.time), &not_before.checkpoints[..]),
            (lower.0, &[lower.1][..]),
            "{act:?}"
        );
        assert_eq!(
            (second(not_after.time), &not_after.checkpoints[..]),
            (upper.0 + 1, &[upper.1][..]),
            "{act:?}"
        );
        assert_eq!(
            not_before.witnesses,
            ["north.example", "south.example"].map(str::to_owned)
        );
    }
    let silence = &findings.recipients[0].silence;
    let (since, until) = silence.lasted.as_ref().unwrap();
    assert_eq!(
        (second(since.time), second(until.time)),
        (between.0 + 1, waiting.0)
    );
}

/// One witness of two is not enough: the checkpoint has no quorum, nothing has a time, and silence is the relay's word.
#[test]
fn too_few_witnesses_prove_no_time() {
    let story = story();
    let note = story.notes[3].lines().take(6).collect::<Vec<_>>().join("\n") + "\n";
    let it = bundle(&story.world, story.warning, "us.ctc", &note, &[]);
    let findings = check(&it, &trusted(&story.world)).unwrap();
    assert_eq!(findings.checkpoint.witnesses.len(), 1);
    assert!(findings.checkpoint.quorum.is_none());
    assert!(
        findings
            .acts
            .iter()
            .all(|act| act.bracket.not_after.is_none() && act.bracket.not_before.is_none())
    );
    assert_eq!(
        findings.recipients[0].silence.standing(),
        Standing::ClaimedByRelay
    );
    let missing: Vec<Missing> = findings.not_shown.iter().map(|it| it.what).collect();
    assert!(missing.contains(&Missing::Witnesses) && missing.contains(&Missing::Times));
}

/// Whose key it is is proven by trusted roots only: without roots, or with another root of that name, it is the relay's word,
/// and so is what was signed. The other side's acts stay proven.
#[test]
fn a_key_without_a_trusted_root_is_a_claim() {
    let story = story();
    let it = story.bundle("us.ctc");
    let standing = |trusted: &Trusted| {
        let findings = check(&it, trusted).unwrap();
        let of = |principal: &str| {
            let signed = findings.acts.iter().filter(|act| {
                act.by
                    .as_ref()
                    .is_some_and(|by| by.principal == parsed(principal))
            });
            signed
                .map(|act| act.standing)
                .collect::<std::collections::BTreeSet<_>>()
        };
        (of("us.ctc"), of("ru.ctc"))
    };
    let only = |standing: Standing| std::collections::BTreeSet::from([standing]);
    let root = |name: &str, generation: u8| secret(name, KeyRole::Root, generation).public_key();
    let none = Trusted::new(policy(&story.world), None);
    assert_eq!(
        standing(&none),
        (only(Standing::ClaimedByRelay), only(Standing::ClaimedByRelay))
    );
    let roots = TrustedRoots::new([
        (parsed("us"), root("root:us", 0)),
        (parsed("ru"), root("root:ru", 1)),
    ]);
    let one = Trusted::new(policy(&story.world), Some(roots));
    assert_eq!(
        standing(&one),
        (only(Standing::Proven), only(Standing::ClaimedByRelay))
    );
    // The right key for the wrong state is no root of that state.
    let swapped = TrustedRoots::new([
        (parsed("ru"), root("root:us", 0)),
        (parsed("us"), root("root:ru", 0)),
    ]);
    let swapped = Trusted::new(policy(&story.world), Some(swapped));
    assert_eq!(
        standing(&swapped),
        (only(Standing::ClaimedByRelay), only(Standing::ClaimedByRelay))
    );
}

/// A recipient that never answered: silent as far as its thread is shown, and nothing beyond.
#[test]
fn silence_ends_with_the_last_record_shown() {
    let mut world = World::small();
    let warning = world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
    let routed = world.size() - 1;
    let now = |world: &World| crate::time::Clock::now(&world.clock);
    let first = cosigned_at(&world, world.size(), now(&world));
    world.clock.advance_ms(600_000);
    let second_note = cosigned_at(&world, world.size(), now(&world));
    let last = world.hand_over(warning, "ru.ctc", 0);
    let whole = cosigned_at(&world, world.size(), now(&world));
    let it = bundle(&world, warning, "us.ctc", &whole, &[first, second_note]);
    let findings = check(&it, &trusted(&world)).unwrap();
    let silence = &findings.recipients[0].silence;
    assert_eq!((silence.from, silence.to, silence.answered), (routed, last, None));
    assert_eq!(silence.standing(), Standing::Proven);
    let (since, until) = silence.lasted.as_ref().unwrap();
    assert_eq!(second(until.time) - second(since.time), 599);
}

/// A bundle made before the witnesses had cosigned its newest records: silence is proven as far as the newest cosigned tree among
/// the earlier ones goes, and claimed beyond; too few cosignatures on that one prove nothing.
#[test]
fn silence_is_judged_by_the_newest_cosigned_tree() {
    let mut world = World::small();
    let warning = world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
    let routed = world.size() - 1;
    let now = |world: &World| crate::time::Clock::now(&world.clock);
    let cosigned = cosigned_at(&world, world.size(), now(&world));
    let by_one = cosigned.lines().take(6).collect::<Vec<_>>().join("\n") + "\n";
    let handed = world.hand_over(warning, "ru.ctc", 0);
    let of_part = bundle(
        &world,
        warning,
        "us.ctc",
        &note_at(&world, world.size()),
        std::slice::from_ref(&cosigned),
    );
    let silence = |it: &Bundle| check(it, &trusted(&world)).unwrap().recipients[0].silence.clone();
    let part = silence(&of_part);
    assert_eq!((part.from, part.to, part.answered), (routed, handed, None));
    assert_eq!(
        (part.proven_to, part.standing()),
        (Some(routed), Standing::ClaimedByRelay)
    );
    let findings = check(&of_part, &trusted(&world)).unwrap();
    assert_eq!(findings.witnessed.map(|it| it.size), Some(routed + 1));
    let said = findings.sentences();
    let proven = format!("from record {routed} (ROUTED) to record {routed}:");
    let claimed = format!("to record {handed}, the last that is shown");
    assert!(
        said.proven.iter().any(|it| it.contains(&proven)),
        "{:?}",
        said.proven
    );
    assert!(
        said.claimed.iter().any(|it| it.contains(&claimed)),
        "{:?}",
        said.claimed
    );
    let missing = findings
        .not_shown
        .iter()
        .find(|it| it.what == Missing::Witnesses)
        .unwrap();
    let beyond = format!("beyond its first {} records", routed + 1);
    assert!(missing.sentence.contains(&beyond), "{missing:?}");

    let under_one = bundle(
        &world,
        warning,
        "us.ctc",
        &note_at(&world, world.size()),
        &[by_one],
    );
    assert_eq!(silence(&under_one).proven_to, None);

    // All that was silent lies in the cosigned tree, and the answer alone beyond it.
    let cosigned = cosigned_at(&world, world.size(), now(&world));
    world.answer(
        warning,
        "ru.ctc",
        AcknowledgementKind::Accepted,
        crate::audit::world::Says::default(),
    );
    let answered = bundle(
        &world,
        warning,
        "us.ctc",
        &note_at(&world, world.size()),
        &[cosigned],
    );
    let findings = check(&answered, &trusted(&world)).unwrap();
    assert!(findings.checkpoint.quorum.is_none());
    let whole = &findings.recipients[0].silence;
    assert_eq!(
        (whole.proven_to, whole.standing()),
        (Some(whole.to), Standing::Proven)
    );
}

/// An erased body and text are told as not shown, and all the rest still verifies.
#[test]
fn what_was_erased_is_told() {
    let story = story();
    let mut it = story.bundle("us.ctc");
    it.body = None;
    it.threads[0].texts.clear();
    let findings = check(&it, &trusted(&story.world)).unwrap();
    let missing: Vec<Missing> = findings.not_shown.iter().map(|it| it.what).collect();
    assert!(missing.contains(&Missing::Body) && missing.contains(&Missing::Text));
    assert!(
        findings
            .acts
            .iter()
            .filter(|act| act.by.is_some())
            .all(|act| act.standing == Standing::Proven)
    );
}

/// What the relay erased, when and by which rule stands in the thread and is told in words, data and page; all else verifies as
/// before, for whoever replays the log too.
#[test]
fn erasures_are_told_with_their_rule() {
    let Story {
        mut world,
        warning,
        notes,
    } = story();
    let rules = RetentionRules {
        exercise_days: 90,
        ..RetentionRules::default()
    };
    world.start_with(None, Some(rules));
    world.clock.advance_ms(400 * 24 * 3_600_000);
    let thread = ThreadKey {
        warning,
        desk: parsed("ru.ctc"),
    };
    let fact = world.facts.warning(&warning).unwrap().unwrap();
    let bucket = fact.bucket(fact.expires);
    let erased = Erased {
        index: fact.accepted,
        bucket,
        days: 90,
    };
    let looked = world.directory.position();
    let index = world.does(Command::Erase(Erasure {
        thread,
        erased,
        looked,
        begun: false,
    }));
    // Who replays keeps no warnings, and sees only a part.
    for viewer in ["us.ctc", "ru.ctc"] {
        let shown = shown_to(&world, viewer);
        let verdict = run(&mut verifier(&world), shown).unwrap();
        assert_eq!(verdict.report.counts.erasures, 1, "{viewer}");
    }
    let it = bundle(&world, warning, "us.ctc", &note_at(&world, world.size()), &notes);
    let findings = check(&it, &trusted(&world)).unwrap();
    let act = findings.acts.iter().find(|act| act.index == index).unwrap();
    assert_eq!(act.what, Deed::Erased(erased));
    assert_eq!(act.standing, Standing::ClaimedByRelay);
    let told = text_of(&findings);
    let rule = format!(
        "Record {index}: the relay says that by {} (its clock) it had erased the warning's body, which lay beside record {}, by the rule for {}.",
        act.relay_time,
        fact.accepted,
        erased.rule()
    );
    assert!(told.contains(&rule), "{told}");
    assert!(erased.rule().contains(": 90 days after "), "{}", erased.rule());
}

/// A key that was revoked later keeps what it signed, and the bundle tells its end; what it signs after that is a fault.
#[test]
fn a_revoked_key_is_told() {
    let Story {
        mut world, warning, ..
    } = story();
    let revoked = world.revoke("ru.ctc", KeyRole::Officer);
    let note = note_at(&world, world.size());
    let it = bundle(&world, warning, "us.ctc", &note, &[]);
    let findings = check(&it, &trusted(&world)).unwrap();
    let key = findings
        .keys
        .iter()
        .find(|key| key.role == KeyRole::Officer)
        .unwrap();
    assert_eq!(
        key.until,
        Some((revoked, Ended::Revoked(RevocationReason::Compromised)))
    );
    assert_eq!(findings.directory.last, revoked);
}

/// Under a policy that knows another log, or another key of this one, nothing verifies.
#[test]
fn another_log_is_refused() {
    let story = story();
    let it = story.bundle("us.ctc");
    let other = crate::transparency::LogVerifier::new(
        parsed("other.invalid"),
        secret("log", KeyRole::Root, 0).public_key(),
    );
    let key = crate::transparency::LogVerifier::new(
        story.world.verifier().origin().clone(),
        secret("log", KeyRole::Root, 1).public_key(),
    );
    for (log, part) in [(other, "origin"), (key, "checkpoint")] {
        let policy = Policy::parse(format!("log {}\nquorum none\n", log.vkey()).as_bytes()).unwrap();
        assert_eq!(check(&it, &Trusted::new(policy, None)).unwrap_err().part, part);
    }
}

/// A token of an authority that the verifier knows dates all that its checkpoint holds; one of a stranger is told and dates
/// nothing; one over another text is a fault.
#[test]
fn a_timestamp_dates_what_its_checkpoint_holds() {
    let story = story();
    let note = note_at(&story.world, story.world.size());
    let mut it = bundle(&story.world, story.warning, "us.ctc", &note, &[]);
    let text = story.world.verifier().open(&note).unwrap().checkpoint().to_text();
    let (token, pem) = crate::audit::timestamp::tests::token_over(&text);
    it.timestamps.push(crate::audit::bundle::TimestampToken {
        size: story.world.size(),
        token,
    });
    let known = crate::audit::timestamp::TsaRoots::from_pem(pem.as_bytes()).unwrap();
    let findings = check(&it, &trusted(&story.world).with_authorities(known)).unwrap();
    assert!(findings.timestamps[0].root.is_some());
    for act in &findings.acts {
        let bound = act.bracket.not_after.as_ref().unwrap();
        assert!(bound.authority.is_some() && bound.witnesses.is_empty());
        assert_eq!(bound.time, findings.timestamps[0].time);
        assert_eq!(act.bracket.not_before, None);
    }
    assert!(
        text_of(&findings).contains("which you trust"),
        "{}",
        text_of(&findings)
    );
    let stranger = check(&it, &trusted(&story.world)).unwrap();
    assert!(stranger.acts.iter().all(|act| act.bracket.not_after.is_none()));
    assert!(stranger.not_shown.iter().any(|it| it.what == Missing::Timestamps));
    let last = it.timestamps[0].token.len() - 1;
    it.timestamps[0].token[last] ^= 1;
    assert_eq!(
        check(&it, &trusted(&story.world)).unwrap_err().part,
        "timestamps[0].token"
    );
    let (other, _) = crate::audit::timestamp::tests::token_over("another\n");
    it.timestamps[0].token = other;
    assert_eq!(
        check(&it, &trusted(&story.world)).unwrap_err().part,
        "timestamps[0].token"
    );
}
