//! What officers say and look at, through the real binary: every kind of acknowledgement with what belongs to it, lists, and
//! a warning that is followed while others act.

use std::path::Path;

use serde_json::{Value, json};
use wardline::time::{Clock as _, SystemClock};

use super::commands::{Going, exercise, run};
use crate::support::World;

async fn done(profile: &Path, arguments: &[&str], input: &str) -> Vec<Value> {
    let ended = run(profile, arguments, input).await;
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    ended.objects
}

/// A table of acknowledgements as they are typed, and what the sender then sees of each: nothing of it is lost on the way.
/// What is not an answer changes none.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_officer_says_arrives() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.path().join("us.ctc"), world.path().join("ru.ctc"));
    let sent = done(&us, &["send", "-"], &exercise("ru.ctc")).await;
    let id = sent[0]["id"].as_str().unwrap();
    done(&ru, &["watch", "--count", "1"], "").await;
    let until = SystemClock.now().saturating_add_ms(86_400_000).to_string();
    type Said<'a> = &'a [&'a str];
    type Fields<'a> = &'a [(&'a str, Value)];
    let table: [(Said, &str, Fields, &str); 6] = [
        (
            &[
                "deferred",
                "--until",
                &until,
                "--note",
                "Wir prüfen.",
                "--note-language",
                "de",
            ],
            "DEFERRED",
            &[("until", json!(until)), ("note", json!("Wir prüfen."))],
            "DEFERRED",
        ),
        (
            &["misdirected", "--to", "ru.ctc/aviation"],
            "MISDIRECTED",
            &[("to", json!("ru.ctc/aviation"))],
            "MISDIRECTED",
        ),
        (
            &["accepted", "--assessment", "actionable"],
            "ACCEPTED",
            &[("assessment", json!("ACTIONABLE"))],
            "ACCEPTED",
        ),
        (&["acted"], "ACTED", &[], "ACCEPTED"),
        (&["victim-warned"], "VICTIM_WARNED", &[], "ACCEPTED"),
        (&["victim-not-warned"], "VICTIM_NOT_WARNED", &[], "ACCEPTED"),
    ];
    for (said, kind, fields, answer) in table {
        let ack = [&["ack", id, "--by", "duty officer", "--as"], said].concat();
        let acknowledged = done(&ru, &ack, "").await;
        assert_eq!(acknowledged[0]["kind"], kind);
        let status = done(&us, &["status", id], "").await;
        let recipient = &status[0]["recipients"][0];
        assert_eq!(
            (&recipient["step"], &recipient["answer"]),
            (&json!("ANSWERED"), &json!(answer))
        );
        let last = recipient["events"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&last["kind"], &last["by"]),
            (&json!(kind), &json!("duty officer"))
        );
        for (name, value) in fields {
            assert_eq!(&last[name], value, "{kind}: {last}");
        }
    }
}

/// Lists by way and by what is open, for a pair of agencies that have warned each other.
#[tokio::test(flavor = "multi_thread")]
async fn lists_are_by_way_and_by_what_is_open() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.path().join("us.ctc"), world.path().join("ru.ctc"));
    let to_ru = done(&us, &["send", "-"], &exercise("ru.ctc")).await[0]["id"].clone();
    let to_us = done(&ru, &["send", "-"], &exercise("us.ctc")).await[0]["id"].clone();
    done(&ru, &["watch", "--count", "1"], "").await;
    let answer = [
        "ack",
        to_ru.as_str().unwrap(),
        "--as",
        "accepted",
        "--by",
        "duty officer",
    ];
    done(&ru, &answer, "").await;
    let table: [(&[&str], Vec<&Value>); 6] = [
        (&[], vec![&to_us, &to_ru]),
        (&["--in"], vec![&to_ru]),
        (&["--out"], vec![&to_us]),
        (&["--open"], vec![&to_us]),
        (&["--in", "--open"], vec![]),
        (&["--out", "--open"], vec![&to_us]),
    ];
    for (how, ids) in table {
        let listed = done(&ru, &[&["list"], how].concat(), "").await;
        assert_eq!(
            listed.iter().map(|it| &it["id"]).collect::<Vec<_>>(),
            ids,
            "{how:?}"
        );
    }
    assert_eq!(run(&ru, &["list", "--in", "--out"], "").await.code, 2);
}

/// A followed warning: the past, a mark, and then each step as it happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_warning_is_followed() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.path().join("us.ctc"), world.path().join("ru.ctc"));
    let sent = done(&us, &["send", "-"], &exercise("ru.ctc")).await;
    let mut followed = Going::start(&us, &["status", "--follow", sent[0]["id"].as_str().unwrap()]);
    let past = followed.until(|it| it["event"] == "caught_up").await;
    assert_eq!((past.len(), &past[0]["step"]), (2, &json!("ROUTED")));
    done(&ru, &["watch", "--count", "1"], "").await;
    let live = followed.until(|it| it["step"] == "RECEIVED").await;
    let steps: Vec<&str> = live.iter().map(|it| it["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["HANDED_OVER", "RECEIVED"]);
    assert!(
        live.iter()
            .all(|it| it["warning_digest"] == sent[0]["digest"] && it["desk"] == "ru.ctc")
    );
}
