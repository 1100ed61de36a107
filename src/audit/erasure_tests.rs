//! What an auditor holds a relay to that erases: each test writes what a dishonest one might, signs the log with it, and lets the
//! verifier replay all of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::scale_tests::{copy_of, over};
use super::tests::{checkpoint_of, run, shown_to};
use super::world::{AUDITOR, Says, World, parsed};
use super::{Audit, Begin, Fault, Verdict, Verifier};
use crate::domain::*;
use crate::ledger::{Facts as _, ThreadKey};
use crate::time::Timestamp;
use crate::transparency::leaf_hash;
use crate::wire;

const DAY_MS: i64 = 24 * 3_600_000;
const RULES: RetentionRules = RetentionRules {
    ordinary_days: 730,
    personal_data_days: 90,
    exercise_days: 30,
};

/// An exercise of `us.ctc` to two, of whom `ru.ctc` answers twice, once with a text; and a second warning.
struct Told {
    world: World,
    warning: Digest,
    other: Digest,
    accepted: u64,
    received: u64,
    text: u64,
    bucket: Bucket,
}

impl Told {
    fn new() -> Self {
        Self::in_world(World::new(), Some(RULES))
    }

    fn in_world(mut world: World, rules: Option<RetentionRules>) -> Self {
        let now = crate::time::Clock::now(&world.clock);
        world.start_with(Some(now), rules);
        let warning = world.send("us.ctc", &["ru.ctc", "fr.ctc"], "Attack on a concert hall");
        let received = world.answer(warning, "ru.ctc", AcknowledgementKind::Received, Says::default());
        let says = Says {
            note: Some(("en", "Seen, and not believed.")),
            ..Says::default()
        };
        let text = world.answer(warning, "ru.ctc", AcknowledgementKind::Opened, says);
        let other = world.send("us.ctc", &["ru.ctc"], "Attack on an embassy");
        let fact = world.facts.warning(&warning).unwrap().unwrap();
        Self {
            accepted: fact.accepted,
            bucket: fact.bucket(fact.expires),
            world,
            warning,
            other,
            received,
            text,
        }
    }

    /// The log so far, and then these records.
    fn log(&self) -> Written<'_> {
        Written {
            told: self,
            shown: self.world.shown.clone(),
            threads: Vec::new(),
        }
    }

    fn erased(&self) -> Erased {
        Erased {
            index: self.accepted,
            bucket: self.bucket,
            days: RULES.exercise_days,
        }
    }

    /// So long after the rule is due.
    fn due(&self) -> Timestamp {
        self.bucket.due(RULES.exercise_days)
    }
}

/// A log that a dishonest relay goes on with.
struct Written<'a> {
    told: &'a Told,
    shown: Vec<ReplayedRecord>,
    threads: Vec<(ThreadKey, u64, Hash)>,
}

impl Written<'_> {
    fn record(mut self, time: Timestamp, thread: Option<ThreadLink>, kind: RecordKind) -> Self {
        let record = Record {
            nonce: [1; 16],
            time,
            thread,
            directory: None,
            kind,
        };
        let bytes = wire::encode_record(&record);
        if let Some(link) = record.thread {
            let (warning, desk) = (link.warning, link.desk);
            self.threads
                .push((ThreadKey { warning, desk }, link.seq, leaf_hash(&bytes)));
        }
        self.shown.push(ReplayedRecord {
            index: self.shown.len() as u64,
            content: ReplayedContent::Record(bytes),
            part: None,
            inbox: None,
        });
        self
    }

    fn started(self, time: Timestamp, retention: Option<RetentionRules>) -> Self {
        let started = RelayStarted {
            version: "0.1.0".to_owned(),
            configuration_digest: [7; 32],
            stopped_at: Some(time),
            witnesses_reached: 0,
            retention,
        };
        self.record(time, None, RecordKind::RelayStarted(started))
    }

    /// An `ERASED` in the thread of a recipient.
    fn erased(self, warning: Digest, desk: &str, time: Timestamp, erased: Erased) -> Self {
        let key = ThreadKey {
            warning,
            desk: parsed(desk),
        };
        let newest = self.threads.iter().rev().find(|(of, _, _)| *of == key);
        let (seq, prev) = match newest {
            Some((_, seq, leaf)) => (*seq, *leaf),
            None => {
                let fact = self.told.world.facts.thread(&key).unwrap().unwrap();
                (fact.seq, fact.prev)
            }
        };
        let link = ThreadLink {
            warning,
            desk: key.desk,
            seq: seq + 1,
            prev: Some(prev),
        };
        self.record(time, Some(link), RecordKind::Erased(erased))
    }

    /// The same, of the warning that is told of.
    fn erases(self, desk: &str, time: Timestamp, erased: Erased) -> Self {
        let warning = self.told.warning;
        self.erased(warning, desk, time, erased)
    }

    /// What lies beside a record is not shown.
    fn without(mut self, index: u64) -> Self {
        self.shown[usize::try_from(index).unwrap()].part = None;
        self
    }

    fn verified(self) -> Result<Verdict, Fault> {
        let note = checkpoint_of(&self.told.world, &self.shown);
        let mut verifier = Verifier::new(self.told.world.verifier(), &note).unwrap();
        run(&mut verifier, self.shown)
    }
}

/// An `ERASED` names the body of its thread's warning or the text of an answer in its thread, once, with that one's bucket and a rule
/// that stood and is due. Whatever else a relay says there is found; a table.
#[test]
fn what_a_relay_says_it_erased_is_held_to_its_thread() {
    let told = Told::new();
    let (body, day) = (told.erased(), told.bucket.day());
    let of = |class, day| Bucket::new(class, day).unwrap();
    let class = RetentionClass::Exercise;
    let text = Erased {
        index: told.text,
        ..body
    };
    let late = told.due().saturating_add_ms(400 * DAY_MS);
    let other = told.world.facts.warning(&told.other).unwrap().unwrap().accepted;
    let (ru, fr) = ("ru.ctc", "fr.ctc");
    let table: [(&str, bool, &str, Timestamp, Erased); 17] = [
        ("the body", true, ru, told.due(), body),
        ("the body, to another", true, fr, late, body),
        ("a text", true, ru, late, text),
        ("a text of another's thread", false, fr, late, text),
        ("the genesis", false, ru, late, Erased { index: 0, ..body }),
        (
            "an answer without a text",
            false,
            ru,
            late,
            Erased {
                index: told.received,
                ..body
            },
        ),
        (
            "the ROUTED record",
            false,
            ru,
            late,
            Erased {
                index: told.accepted + 1,
                ..body
            },
        ),
        (
            "another warning",
            false,
            ru,
            late,
            Erased { index: other, ..body },
        ),
        (
            "what is to come",
            false,
            ru,
            late,
            Erased {
                index: 1 << 40,
                ..body
            },
        ),
        (
            "itself",
            false,
            ru,
            late,
            Erased {
                index: told.world.size(),
                ..body
            },
        ),
        (
            "a day too early",
            false,
            ru,
            told.due().saturating_add_ms(-1),
            body,
        ),
        (
            "an earlier day",
            false,
            ru,
            late,
            Erased {
                bucket: of(class, day - 1),
                ..body
            },
        ),
        (
            "a later day",
            false,
            ru,
            late,
            Erased {
                bucket: of(class, day + 1),
                ..body
            },
        ),
        (
            "a text on another day",
            false,
            ru,
            late,
            Erased {
                bucket: of(class, day + 1),
                ..text
            },
        ),
        (
            "another class",
            false,
            ru,
            late,
            Erased {
                bucket: of(RetentionClass::Ordinary, day),
                ..body
            },
        ),
        (
            "by no rule",
            false,
            ru,
            late,
            Erased {
                bucket: body.bucket,
                days: 0,
                ..body
            },
        ),
        (
            "by a rule that nobody wrote",
            false,
            ru,
            late,
            Erased { days: 29, ..body },
        ),
    ];
    for (what, stands, desk, time, erased) in table {
        let verdict = told.log().erases(desk, time, erased).verified();
        assert_eq!(verdict.is_ok(), stands, "{what}: {:?}", verdict.err());
    }
    for (desk, erased) in [(ru, body), (ru, text)] {
        let twice = told.log().erases(desk, late, erased).erases(desk, late, erased);
        let fault = twice.verified().unwrap_err();
        assert_eq!(fault.index, Some(told.world.size() + 1), "{fault:?}");
    }
    let elsewhere = Erased { index: other, ..body };
    told.log()
        .erased(told.other, ru, late, elsewhere)
        .verified()
        .unwrap();
}

/// A rule that is erased by stood in a start before; one that was changed is good for what was due by it until then, because a relay
/// may be cut between the destruction and the telling. A table.
#[test]
fn rules_stand_in_the_log_before_they_are_used() {
    let told = Told::in_world(World::new(), None);
    let days = |exercise_days| {
        Some(RetentionRules {
            exercise_days,
            ..RULES
        })
    };
    let (before, at) = (told.due().saturating_add_ms(-1), told.due());
    let late = at.saturating_add_ms(100 * DAY_MS);
    let table = [
        ("none ever", vec![], false),
        ("afterwards", vec![(late, days(31))], false),
        ("it stands", vec![(before, days(30))], true),
        (
            "changed before it was due",
            vec![(before, days(30)), (before, days(40))],
            false,
        ),
        (
            "changed when it was due",
            vec![(before, days(30)), (at, days(40))],
            true,
        ),
        (
            "ended when it was due",
            vec![(before, days(30)), (at, None)],
            true,
        ),
        (
            "it stands again",
            vec![(before, days(30)), (before, None), (before, days(30))],
            true,
        ),
    ];
    for (what, starts, stands) in table {
        let log = starts
            .into_iter()
            .fold(told.log(), |log, (time, rules)| log.started(time, rules));
        let verdict = log.erases("ru.ctc", late, told.erased()).verified();
        assert_eq!(verdict.is_ok(), stands, "{what}: {:?}", verdict.err());
    }
}

/// What is absent without a word, shown though it is erased, and erased for some only is counted; a table of what is not shown (body,
/// text) and what is told (in both threads of the body, of the text).
#[test]
fn what_is_absent_or_shown_against_the_log_is_told() {
    let told = Told::new();
    let text = Erased {
        index: told.text,
        ..told.erased()
    };
    for row in 0..32 {
        let [no_body, no_text, to_ru, to_fr, of_text] = [1, 2, 4, 8, 16].map(|bit| row & bit != 0);
        let mut log = told.log();
        if no_body {
            log = log.without(told.accepted);
        }
        if no_text {
            log = log.without(told.text);
        }
        for (said, desk, erased) in [
            (to_ru, "ru.ctc", told.erased()),
            (to_fr, "fr.ctc", told.erased()),
            (of_text, "ru.ctc", text),
        ] {
            if said {
                log = log.erases(desk, told.due(), erased);
            }
        }
        let counts = log.verified().unwrap().report.counts;
        let of_body = to_ru || to_fr;
        let untold = u64::from(no_body && !of_body) + u64::from(no_text && !of_text);
        let shown = u64::from(!no_body && of_body) + u64::from(!no_text && of_text);
        assert_eq!(
            (
                counts.absent_untold,
                counts.shown_though_erased,
                counts.erased_in_part
            ),
            (untold, shown, u64::from(to_ru != to_fr)),
            "{row:05b}"
        );
    }
}

/// What an agency's own part shows verifies when the relay is honest, whichever part it is; and an auditor of all.
#[test]
fn an_honest_erasure_verifies_for_everybody() {
    let mut told = Told::new();
    let text = Erased {
        index: told.text,
        ..told.erased()
    };
    let log = told.log();
    let log = log.erases("fr.ctc", told.due(), told.erased());
    let log = log.erases("ru.ctc", told.due(), told.erased());
    let log = log.erases("ru.ctc", told.due(), text);
    let more: Vec<_> = log.shown[told.world.shown.len()..].to_vec();
    for shown in more {
        let ReplayedContent::Record(bytes) = shown.content else {
            panic!()
        };
        told.world.smuggle(bytes);
    }
    for (viewer, erasures) in [("us.ctc", 3), ("ru.ctc", 2), ("fr.ctc", 1), (AUDITOR, 3)] {
        let mut verifier = super::tests::verifier(&told.world).viewed_by(parsed(viewer));
        let counts = run(&mut verifier, shown_to(&told.world, viewer))
            .unwrap()
            .report
            .counts;
        assert_eq!(
            (counts.erasures, counts.erased_in_part),
            (erasures, 0),
            "{viewer}"
        );
    }
}

/// Whoever audits again and again, and goes on each time, saw what is erased since: that is no finding. What the log told before
/// the state was kept (rules, holds, the first of two threads) is known after it.
#[test]
fn an_erasure_between_two_runs_is_no_finding() {
    let mut world = World::unmandated();
    world.mandate("us.ctc");
    let mut told = Told::in_world(world, Some(RULES));
    let text = Erased {
        index: told.text,
        ..told.erased()
    };
    let place = tempfile::tempdir().unwrap();
    let audit = Audit::new().kept_in(&place.path().join("state"), false);
    let found = |told: &Told, log: Written<'_>, name: &str| {
        let note = checkpoint_of(&told.world, &log.shown);
        let (begins, verdict) = over(&audit, &told.world, &copy_of(&place, name, &note, &log.shown));
        assert!(
            name == "0" || matches!(begins[..], [Begin::Resumed(_)]),
            "{begins:?}"
        );
        let counts = verdict.unwrap().report.counts;
        (
            counts.absent_untold,
            counts.shown_though_erased,
            counts.erased_in_part,
        )
    };
    assert_eq!(found(&told, told.log(), "0"), (0, 0, 0));
    let now = crate::time::Clock::now(&told.world.clock);
    told.world.clock.advance_ms(told.due().ms_since(now));
    let log = told.log().erases("fr.ctc", told.due(), told.erased());
    let ReplayedContent::Record(bytes) = log.shown.last().unwrap().content.clone() else {
        panic!()
    };
    let first = told.log().without(told.accepted).without(told.text);
    let first = first.erases("fr.ctc", told.due(), told.erased());
    assert_eq!(found(&told, first, "1"), (0, 0, 1));
    told.world.smuggle(bytes);
    told.world.hold(10 * DAY_MS);
    let now = crate::time::Clock::now(&told.world.clock);
    assert_eq!(found(&told, told.log(), "2"), (0, 0, 1));
    let last = told.log().erases("ru.ctc", now, told.erased());
    assert_eq!(found(&told, last.erases("ru.ctc", now, text), "3").2, 0);
}

/// What an auditor holds is not erased while it lasts, from its first second: also what an agency that admits the auditor sent to one that
/// does not. A bucket whose erasure the log had begun to tell is told to its end. A table.
#[test]
fn a_hold_is_a_hold_from_its_first_second() {
    const SECOND_MS: i64 = 1_000;
    let table = [
        ("at once", "us.ctc", false, SECOND_MS, false),
        ("after days", "us.ctc", false, 9 * DAY_MS, false),
        ("when it has ended", "us.ctc", false, 11 * DAY_MS, true),
        ("begun before", "us.ctc", true, SECOND_MS, true),
        ("of its recipient", "ru.ctc", false, SECOND_MS, false),
        ("of nobody in this thread", "fr.ctc", false, SECOND_MS, true),
    ];
    for (what, admits, begun, after_ms, stands) in table {
        let mut world = World::unmandated();
        world.mandate(admits);
        let mut told = Told::in_world(world, Some(RULES));
        let now = crate::time::Clock::now(&told.world.clock);
        told.world.clock.advance_ms(told.due().ms_since(now));
        if begun {
            let now = crate::time::Clock::now(&told.world.clock);
            let log = told.log().erases("fr.ctc", now, told.erased());
            let ReplayedContent::Record(bytes) = log.shown.last().unwrap().content.clone() else {
                panic!()
            };
            told.world.smuggle(bytes);
        }
        told.world.hold(10 * DAY_MS);
        let now = crate::time::Clock::now(&told.world.clock);
        let at = now.saturating_add_ms(after_ms);
        let verdict = told.log().erases("ru.ctc", at, told.erased()).verified();
        assert_eq!(verdict.is_ok(), stands, "{what}: {:?}", verdict.err());
        match verdict {
            Err(fault) => assert!(fault.to_string().contains("an auditor holds"), "{fault}"),
            // What the log allows for is told all the same: the hold may be newer than what was left of the bucket.
            Ok(verdict) => {
                let counts = verdict.report.counts;
                assert_eq!(counts.erased_though_held, u64::from(begun), "{what}");
            }
        }
    }
}
