//! The demo, as a newcomer runs it: the real binary from beginning to end, what its verified replay says, and its evidence.

use std::collections::BTreeMap;
use std::net::TcpStream;

use serde_json::Value;

use crate::support::wardline;

/// Sent just before the relay is killed.
const KILLED: [&str; 3] = ["kabul", "london", "airline"];

/// What a recipient of an example is to have signed at the end, in the order of the log.
const EXPECTED: [(&str, &str, &[&str]); 10] = [
    ("moscow", "ru.ctc", &["RECEIVED", "OPENED", "REFUSED"]),
    ("kerman", "ir.ctc", &[]),
    (
        "istanbul",
        "tr.ctc",
        &["RECEIVED", "OPENED", "ACCEPTED", "VICTIM_WARNED"],
    ),
    ("brussels", "be.ctc", &["RECEIVED", "OPENED", "MISDIRECTED"]),
    ("brussels", "be.ctc/aviation", &["RECEIVED", "OPENED", "ACCEPTED"]),
    ("ankara", "fr.ctc", &["RECEIVED", "OPENED", "DEFERRED"]),
    ("kabul", "cn.ctc", &["RECEIVED"]),
    ("london", "gb.ctc", &["RECEIVED", "OPENED", "ACCEPTED"]),
    ("airline", "gb.ctc", &["RECEIVED", "OPENED"]),
    ("airline", "us.ctc/aviation", &["RECEIVED", "OPENED", "ACCEPTED"]),
];

/// Runs the demo with `--json`. Eight warnings are told, each recipient at its step by its own signatures; the relay was
/// killed and started again, and no receipt was lost; those who were silent are named; and nothing is left running. What
/// somebody has in the environment for a relay of their own, or for what no relay knows, changes nothing of it.
#[test]
fn the_demo_tells_what_happened() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("demo");
    let output = wardline(temporary.path(), &["--json", "demo", "--dir"])
        .arg(&directory)
        .env("WARDLINE_DATA_DIR", temporary.path().join("theirs"))
        .env("WARDLINE_UNKNOWN", "setting")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |event: &str| -> Vec<&Value> { lines.iter().filter(|it| it["event"] == event).collect() };

    let warnings: BTreeMap<&str, &Value> = of("warning")
        .into_iter()
        .map(|it| (it["file"].as_str().unwrap().split('-').next().unwrap(), it))
        .collect();
    assert_eq!(warnings.len(), 8);
    assert!(warnings.values().all(|it| it["status"] == "EXERCISE"));
    for (file, desk, signed) in EXPECTED {
        let events = warnings[file]["events"].as_array().unwrap();
        let ours: Vec<&str> = events
            .iter()
            .filter(|it| it["desk"] == desk)
            .map(|it| it["what"].as_str().unwrap())
            .collect();
        assert_eq!(ours[0], "ROUTED", "{file}: {desk}");
        let handed_over = ours.contains(&"HANDED_OVER");
        // The relay is killed while it delivers these: what it had written and not yet recorded has no record.
        if handed_over || !KILLED.contains(&file) {
            assert_eq!(handed_over, !signed.is_empty(), "{file}: {desk}");
        }
        let theirs: Vec<&str> = ours
            .into_iter()
            .filter(|it| !["ROUTED", "HANDED_OVER"].contains(it))
            .collect();
        assert_eq!(theirs, signed, "{file}: {desk}");
        let answers = events
            .iter()
            .filter(|it| it["desk"] == desk && it["signed_by"].is_object());
        for answer in answers {
            assert_eq!(answer["signed_by"]["principal"], desk.split('/').next().unwrap());
        }
    }

    // What was said, and not only that something was.
    let answer = |file: &str, what: &str| {
        let events = warnings[file]["events"].as_array().unwrap();
        events.iter().find(|it| it["what"] == what).unwrap().clone()
    };
    let refused = answer("moscow", "REFUSED");
    assert_eq!(refused["assessment"], "TOO_VAGUE");
    assert_eq!(refused["missing"], serde_json::json!(["PLACE", "TIME"]));
    // The auditor reads no sealed note.
    assert_eq!(
        (&refused["note"], &refused["note_sealed"]),
        (&Value::Null, &true.into())
    );
    assert_eq!(answer("istanbul", "ACCEPTED")["assessment"], "ACTIONABLE");
    assert_eq!(answer("brussels", "MISDIRECTED")["to"], "be.ctc/aviation");
    assert!(answer("ankara", "DEFERRED")["until"].is_string());

    // Who was warned before the crash and answered after it: the outage is part of the story.
    assert_eq!(warnings["moscow"]["outages"].as_array().unwrap().len(), 1);

    let [summary] = of("summary")[..] else {
        panic!("one summary")
    };
    assert_eq!(summary["relay_starts"], 2);
    assert_eq!(summary["outages"], 1);
    assert_eq!(summary["receipts_found"], summary["receipts_held"]);
    assert_eq!(summary["missing"], serde_json::json!([]));
    let mut silent: Vec<(&str, &str)> = summary["silent"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["desk"].as_str().unwrap(), it["step"].as_str().unwrap()))
        .collect();
    // Those that were on their way when the relay was killed came on the record in whatever order.
    silent.sort_unstable();
    assert_eq!(
        silent,
        [("cn.ctc", "RECEIVED"), ("gb.ctc", "OPENED"), ("ir.ctc", "ROUTED")]
    );
    assert_eq!(summary["verified"]["out_of_scope"], 0);
    assert_eq!(summary["verified"]["bodies_kept"], 8);

    // The evidence of the first warning proves, without any relay and with enough witnesses, what was said of it; and so it does
    // to whoever checks the file by hand.
    let [evidence] = of("evidence")[..] else {
        panic!("one evidence")
    };
    assert_eq!(evidence["by"], "us.ctc");
    let findings = &evidence["findings"];
    let proven: Vec<&str> = findings["acts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|act| act["standing"] == "PROVEN")
        .map(|act| act["what"].as_str().unwrap())
        .collect();
    assert_eq!(proven, ["WARNED", "ROUTED", "RECEIVED", "OPENED", "REFUSED"]);
    assert!(findings["witnessed"].is_object(), "{findings}");
    // What was sealed stands there as its sender has opened it: the warning, and the note of the answer.
    assert_eq!(findings["warning"]["body"], "OPENED", "{findings}");
    let notes = findings["acts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|act| act["said"]["text"]["language"].as_str());
    assert!(notes.eq(["ru"]), "{findings}");
    let file = directory.join("evidence.json");
    assert_eq!(evidence["file"], file.to_str().unwrap());
    let checked = wardline(temporary.path(), &["--json", "audit", "check"])
        .arg(&file)
        .arg("--policy")
        .arg(directory.join("policy"))
        .output()
        .unwrap();
    let by_hand: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(by_hand, *findings);

    // It stopped what it had started.
    let config = std::fs::read_to_string(directory.join("relay/relay.toml")).unwrap();
    let listen = config
        .lines()
        .find_map(|line| line.strip_prefix("listen = "))
        .unwrap();
    assert!(TcpStream::connect(listen.trim_matches('"')).is_err(), "{listen}");
}

/// A directory in which there is something is refused before anything is made in it.
#[test]
fn the_demo_begins_in_an_empty_directory() {
    let temporary = tempfile::tempdir().unwrap();
    std::fs::write(temporary.path().join("mine"), "keep").unwrap();
    let output = wardline(temporary.path(), &["demo", "--dir"])
        .arg(temporary.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not empty"));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 1);
}
