//! `tests/vectors/bundles.json`, `forms.json` and `silence.json`: sound bundles and broken ones, for whoever writes another verifier. Written once, when they
//! are missing and `WARDLINE_WRITE_GOLDEN` is set; ever after this verifier must say of each what is written there, and the
//! second verifier (docs/verifier) too, where Python has the package that it needs.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::super::bundle::Bundle;
use super::super::trusted::TrustedRoots;
use super::super::world::{Says, World, parsed, secret};
use super::every_byte::{changes, leaf_of, leaves, pointer};
use super::stage::{bundle, cosigned_at, note_at, policy, story, trusted};
use super::{Trusted, check};
use crate::domain::{AcknowledgementKind, KeyRole};
use crate::time::Clock as _;

pub(super) fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// A bundle with one value replaced.
fn changed(document: &Value, change: &Value) -> String {
    let mut document = document.clone();
    if let Some(path) = change["path"].as_str() {
        *document.pointer_mut(path).unwrap() = change["value"].clone();
    }
    document.to_string()
}

/// Whether it verifies.
pub(super) fn holds(text: &str, trusted: &Trusted) -> bool {
    Bundle::parse(text.as_bytes()).is_ok_and(|bundle| check(&bundle, trusted).is_ok())
}

/// The files, made anew from a story in which two witnesses cosign.
fn write() {
    let directory = directory();
    let put = |name: &str, text: String| std::fs::write(directory.join(name), text).unwrap();
    let story = story();
    let trusted = trusted(&story.world);
    std::fs::create_dir_all(directory.join("policy")).unwrap();
    put(
        "policy/log.policy",
        String::from_utf8(policy(&story.world).to_bytes()).unwrap(),
    );
    let roots = ["fr", "ru", "us", "ch"].map(|state| {
        let root = secret(&format!("root:{state}"), KeyRole::Root, 0).public_key();
        TrustedRoots::line(&parsed(state), &root)
    });
    put("policy/roots", roots.concat());
    let mut cases = Vec::new();
    for viewer in ["us.ctc", "ru.ctc"] {
        let name = if viewer == "us.ctc" {
            "originator.json"
        } else {
            "recipient.json"
        };
        let text = story.bundle(viewer).to_json();
        let document: Value = serde_json::from_str(&text).unwrap();
        put(name, text);
        cases.push(json!({"bundle": name, "what": "sound", "holds": true}));
        let mut all = Vec::new();
        leaves(&document, "", &mut all);
        // Of the directory's many like entries, the first and the last stand for all.
        let last = document["directory"].as_array().unwrap().len() - 1;
        let shown = |path: &str| {
            !path.starts_with("directory")
                || path.starts_with("directory[0]")
                || path.starts_with(&format!("directory[{last}]"))
        };
        for (path, text) in all.into_iter().filter(|(path, _)| shown(path)) {
            let each = changes(leaf_of(&path), &text, 1);
            let Some(value) = each.get(each.len() / 2) else {
                continue;
            };
            let change = json!({"path": pointer(&path), "value": value});
            let holds = holds(&changed(&document, &change), &trusted);
            cases.push(json!({"bundle": name, "what": format!("one byte of {path}"), "change": change, "holds": holds}));
        }
        for (what, path, value) in [
            ("a member is null", "/threads", Value::Null),
            ("the thread is empty", "/threads/0/records", json!([])),
            ("the directory is gone", "/directory", json!([])),
            (
                "a thread's end is cut off, and what belongs to it is not",
                "/threads/0/records",
                {
                    let records = document["threads"][0]["records"].as_array().unwrap();
                    json!(records[..records.len() - 1])
                },
            ),
            ("two records of the thread change places", "/threads/0/records", {
                let mut records = document["threads"][0]["records"].as_array().unwrap().clone();
                records.swap(1, 2);
                json!(records)
            }),
            ("a record of the directory is left out", "/directory", {
                let mut entries = document["directory"].as_array().unwrap().clone();
                entries.remove(3);
                json!(entries)
            }),
        ] {
            let change = json!({"path": path, "value": value});
            let holds = holds(&changed(&document, &change), &trusted);
            cases.push(json!({"bundle": name, "what": what, "change": change, "holds": holds}));
        }
    }
    let text = serde_json::to_string_pretty(&Value::Array(cases)).unwrap();
    put("bundles.json", format!("{text}\n"));
}

/// Each bundle holds or does not, as it is written down, by this verifier and by the second one.
#[test]
fn the_bundles_are_held() {
    let file = directory().join("bundles.json");
    if !file.exists() && std::env::var_os("WARDLINE_WRITE_GOLDEN").is_some() {
        write();
    }
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(directory().join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let trusted = Trusted::read(&directory().join("policy")).unwrap();
    let cases = read("bundles.json");
    let mut counts = [0, 0];
    for case in cases.as_array().unwrap() {
        let document = read(case["bundle"].as_str().unwrap());
        let expected = case["holds"].as_bool().unwrap();
        assert_eq!(
            holds(&changed(&document, &case["change"]), &trusted),
            expected,
            "{}",
            case["what"]
        );
        counts[usize::from(expected)] += 1;
    }
    assert!(counts[0] > 50 && counts[1] >= 2, "{counts:?}");
}

/// The same of what only a dishonest maker or relay writes.
#[test]
fn the_forms_are_held() {
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(directory().join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let trusted = Trusted::read(&directory().join("policy")).unwrap();
    let says = |case: &Value| {
        let document = match case["bundle"].as_str() {
            Some(name) => read(name),
            None => case["bundle"].clone(),
        };
        holds(&changed(&document, &case["change"]), &trusted)
    };
    let file = directory().join("forms.json");
    if !file.exists() && std::env::var_os("WARDLINE_WRITE_GOLDEN").is_some() {
        let mut cases = super::forms::cases(&read("originator.json"));
        for case in &mut cases {
            case["holds"] = json!(says(case));
        }
        // One a line: most of them are whole bundles.
        let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
        std::fs::write(file, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
    let cases = read("forms.json");
    let mut counts = [0, 0];
    for case in cases.as_array().unwrap() {
        let what = case["what"].as_str().unwrap();
        // Nobody wrote it down without looking: what is sound says so.
        assert_eq!(case["holds"], what.ends_with("sound"), "{what}");
        assert_eq!(says(case), case["holds"] == true, "{what}");
        counts[usize::from(case["holds"] == true)] += 1;
    }
    assert!(counts[0] > 50 && counts[1] > 3, "{counts:?}");
}

/// A warning that is routed, handed over and answered, with the log's own checkpoint over all of it and a cosigned one over so
/// much; with what is shown of silence to be judged.
fn silences() -> Vec<Value> {
    let mut world = World::small();
    let notes = |world: &World| {
        (
            note_at(world, world.size()),
            cosigned_at(world, world.size(), world.clock.now()),
        )
    };
    let (_, before) = notes(&world);
    let warning = world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
    let (_, routed) = notes(&world);
    world.hand_over(warning, "ru.ctc", 0);
    let (silent, handed) = notes(&world);
    let until_handed = |note: &str, earlier: &[&String]| {
        let earlier: Vec<String> = earlier.iter().map(|it| (*it).clone()).collect();
        bundle(&world, warning, "us.ctc", note, &earlier)
    };
    let by_one = routed.lines().take(6).collect::<Vec<_>>().join("\n") + "\n";
    let mut all = vec![
        ("the checkpoint has the quorum", until_handed(&handed, &[])),
        ("no checkpoint has it", until_handed(&silent, &[])),
        (
            "an earlier one has it and holds the first record",
            until_handed(&silent, &[&before, &routed]),
        ),
        (
            "an earlier one has it and holds no record",
            until_handed(&silent, &[&before]),
        ),
        (
            "the newest that has it counts, not one that lacks a witness",
            until_handed(&silent, &[&before, &by_one]),
        ),
    ];
    world.answer(warning, "ru.ctc", AcknowledgementKind::Accepted, Says::default());
    let (answered, _) = notes(&world);
    let it = bundle(&world, warning, "us.ctc", &answered, &[handed]);
    all.push(("an earlier one has it and holds all but the answer", it));
    all.into_iter()
        .map(|(what, bundle)| {
            let document: Value = serde_json::from_str(&bundle.to_json()).unwrap();
            json!({"what": what, "bundle": document})
        })
        .collect()
}

/// What is told of silence: as far as the newest tree that has the quorum, and not beyond.
#[test]
fn the_silences_are_held() {
    let trusted = Trusted::read(&directory().join("policy")).unwrap();
    let says = |case: &Value| {
        let bundle = Bundle::parse(case["bundle"].to_string().as_bytes()).unwrap();
        let told = check(&bundle, &trusted).unwrap().to_json();
        let silence = &told["recipients"][0]["silence"];
        json!({
            "witnessed_size": told["witnessed"]["size"],
            "from_index": silence["from_index"],
            "to_index": silence["to_index"],
            "answered_index": silence["answered_index"],
            "proven_to_index": silence["proven_to_index"],
            "standing": silence["standing"],
        })
    };
    let file = directory().join("silence.json");
    if !file.exists() && std::env::var_os("WARDLINE_WRITE_GOLDEN").is_some() {
        let mut cases = silences();
        for case in &mut cases {
            case["silence"] = says(case);
        }
        let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
        std::fs::write(&file, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    for case in cases.as_array().unwrap() {
        assert_eq!(says(case), case["silence"], "{}", case["what"]);
    }
    let proven = |case: &Value| !case["silence"]["proven_to_index"].is_null();
    let proven: Vec<bool> = cases.as_array().unwrap().iter().map(proven).collect();
    assert_eq!(proven, [true, false, true, false, false, true]);
}

/// The second verifier, which has no line of ours, says the same of each vector.
#[test]
fn the_second_verifier_agrees() {
    let python = std::env::var("VERIFIER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there = Command::new(&python)
        .args(["-c", "import cryptography"])
        .output()
        .is_ok_and(|it| it.status.success());
    if !there {
        let what = format!("{python} has no package `cryptography`: scripts/second-verifier.sh installs it");
        assert!(std::env::var_os("CI").is_none(), "{what}");
        eprintln!("NOT RUN: {what}");
        return;
    }
    let verifier = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/verifier/vectors.py");
    let output = Command::new(&python)
        .arg("-B")
        .arg(verifier)
        .arg(directory())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
