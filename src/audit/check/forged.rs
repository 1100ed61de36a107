//! `tests/vectors/documents.json`, `enrolments.json`, `directory.json`, `threads.json` and `sealed.json`: for each rule a bundle that keeps all but that one, and sound ones
//! beside them, for whoever writes another verifier. Written once, when they are missing and `WARDLINE_WRITE_GOLDEN` is set;
//! this verifier must say of each what is written there, and the second one too.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::Trusted;
use super::forge::Forged;
use super::forge_bundle::Records;
use super::vectors::{directory, holds};
use super::{documents, forged_directory, forged_keys, forged_sealed, forged_threads, forged_words};

type Changes<'a> = &'a [(&'static str, fn(&mut Forged))];

fn read(name: &str) -> String {
    std::fs::read_to_string(directory().join(name)).unwrap()
}

fn value(name: &str) -> Value {
    serde_json::from_str(&read(name)).unwrap()
}

/// One case a line, after the records that they share.
fn written(records: Option<&Records>, cases: &[Value]) -> String {
    let lines = |all: Vec<String>| all.join(",\n");
    let cases = lines(cases.iter().map(Value::to_string).collect());
    match records {
        None => format!("[\n{cases}\n]\n"),
        Some(Records(all)) => {
            let records = lines(all.iter().map(|it| json!(it).to_string()).collect());
            format!("{{\"records\": [\n{records}\n],\n\"cases\": [\n{cases}\n]}}\n")
        }
    }
}

/// A case's bundle: its records by their numbers in `records`, and "checkpoint" at the end of each proof.
fn whole(bundle: &Value, records: &Value) -> String {
    let mut bundle = bundle.clone();
    let checkpoint = bundle["checkpoint"].as_str().unwrap().to_owned();
    let fill = |entry: &mut Value| {
        if let Some(number) = entry["record"].as_u64() {
            entry["record"] = records[usize::try_from(number).unwrap()].clone();
            entry["proof"] = json!(format!("{}{checkpoint}", entry["proof"].as_str().unwrap()));
        }
    };
    let all = |list: &mut Value| list.as_array_mut().unwrap().iter_mut().for_each(fill);
    all(&mut bundle["directory"]);
    for thread in bundle["threads"].as_array_mut().unwrap() {
        all(&mut thread["records"]);
    }
    if !bundle["accepted"].is_null() {
        fill(&mut bundle["accepted"]);
    }
    bundle.to_string()
}

/// The text of a bundle after a case's `changes`, or with one text in another's place.
fn changed(case: &Value) -> String {
    let text = read(case["bundle"].as_str().unwrap());
    if let Some(replace) = case["replace"].as_array() {
        let (old, new) = (replace[0].as_str().unwrap(), replace[1].as_str().unwrap());
        assert!(text.contains(old), "{old}");
        return text.replacen(old, new, 1);
    }
    let mut document: Value = serde_json::from_str(&text).unwrap();
    for change in case["changes"].as_array().unwrap() {
        let path = change["path"].as_str().unwrap();
        *document.pointer_mut(path).unwrap() = change["value"].clone();
    }
    document.to_string()
}

/// Holds a file's cases to what it says of them: what is sound says so, and nothing else does. One that is missing is written.
fn hold(name: &str, make: impl FnOnce() -> String, says: impl Fn(&Value, &Value) -> bool) {
    let file = directory().join(name);
    if !file.exists() && std::env::var_os("WARDLINE_WRITE_GOLDEN").is_some() {
        std::fs::write(&file, make()).unwrap();
    }
    let kept = value(name);
    let none = Value::Null;
    let (records, cases) = match kept.as_array() {
        Some(cases) => (&none, cases),
        None => (&kept["records"], kept["cases"].as_array().unwrap()),
    };
    let wrong: Vec<String> = cases
        .iter()
        .filter(|case| {
            let sound = case["what"].as_str().unwrap().ends_with("sound");
            case["holds"] != sound || says(case, records) != sound
        })
        .map(|case| case["what"].to_string())
        .collect();
    assert!(wrong.is_empty(), "{name}: {wrong:#?}");
}

/// A file of what a dishonest relay writes.
fn hold_forged(name: &str, log: fn() -> Forged, tables: &[Changes]) {
    let make = || {
        let mut records = Records::default();
        let mut cases = Vec::new();
        for (what, change) in tables.iter().copied().flatten() {
            let mut log = log();
            change(&mut log);
            let bundle = log.bundle(&mut records);
            cases.push(json!({"what": what, "holds": what.ends_with("sound"), "bundle": bundle}));
        }
        written(Some(&records), &cases)
    };
    let trusted = Trusted::read(&directory().join("policy")).unwrap();
    hold(name, make, |case, records| {
        holds(&whole(&case["bundle"], records), &trusted)
    });
    // Nothing in them is random: what makes them makes them again.
    let kept = std::fs::read_to_string(directory().join(name)).unwrap();
    assert!(make() == kept, "{name} is not what its tables make");
}

/// What a relay takes of a key once it was revoked, by the agency itself or by its root, is not the agency's: a warning, a receipt
/// and an answer are each refused by the key and the index; what was signed before stands. The thief holds the key and the relay
/// helps him, so only the order in the log tells.
#[test]
fn what_a_revoked_key_signs_is_not_the_agencys() {
    use super::forge::{ACCEPTED, RECEIVED, REFUSED, ROUTED};
    use crate::domain::KeyRole;
    let trusted = Trusted::read(&directory().join("policy")).unwrap();
    for (of, role, root, at, after) in [
        ("us.ctc", KeyRole::Originate, "root:us", ACCEPTED, ROUTED + 1),
        ("ru.ctc", KeyRole::Receive, "root:ru", RECEIVED, RECEIVED + 1),
        ("ru.ctc", KeyRole::Officer, "root:ru", REFUSED, REFUSED + 1),
    ] {
        for by in [(of, role), (root, KeyRole::Root)] {
            let checked = |at: usize| {
                let mut log = Forged::answered();
                let kind = log.revocation((of, role), by);
                log.insert(at, kind);
                let mut records = Records::default();
                let bundle = log.bundle(&mut records);
                let text = whole(&bundle, &json!(records.0));
                super::check(&super::Bundle::parse(text.as_bytes()).unwrap(), &trusted)
            };
            assert!(checked(after).is_ok(), "{role} by {by:?}");
            let told = checked(at).unwrap_err().to_string();
            assert!(told.contains("REVOKED"), "{role} by {by:?}: {told}");
        }
    }
}

/// What is done to a bundle without any key.
#[test]
fn the_documents_are_held() {
    let make = || {
        let mut cases = documents::cases(&value("originator.json"), &value("recipient.json"));
        for case in &mut cases {
            case["holds"] = json!(case["what"].as_str().unwrap().ends_with("sound"));
        }
        written(None, &cases)
    };
    let trusted = Trusted::read(&directory().join("policy")).unwrap();
    hold("documents.json", make, |case, _| holds(&changed(case), &trusted));
}

/// What a dishonest relay, or who signs in the directory, writes there.
#[test]
fn the_directories_are_held() {
    let enrolments = [forged_keys::CERTIFICATES, forged_keys::ENROLMENTS];
    hold_forged("enrolments.json", Forged::warned, &enrolments);
    hold_forged("directory.json", Forged::warned, &[forged_directory::CHANGES]);
}

/// What a dishonest relay, or who signs a warning or an answer, writes in the threads.
#[test]
fn the_threads_are_held() {
    let tables = [
        forged_threads::ACCEPTANCES,
        forged_threads::ROUTINGS,
        forged_threads::LINKS,
        forged_words::WARNINGS,
        forged_words::ANSWERS,
    ];
    hold_forged("threads.json", Forged::answered, &tables);
}

/// What one writes who seals, opens what was sealed, publishes keys to seal to, holds or erases.
#[test]
fn what_is_sealed_is_held() {
    let tables = [
        forged_sealed::FORMS,
        forged_sealed::OPENINGS,
        forged_sealed::ERASURES,
        forged_sealed::KEYS,
    ];
    hold_forged("sealed.json", forged_sealed::log, &tables);
}
