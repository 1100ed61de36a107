//! The configuration through the real binary: what is wrong is refused with its place, before anything is made or
//! bound; what is right is explained.

use std::fs;
use std::process::Output;

const GOOD: &str = "origin = \"relay.example.invalid/log\"\ndata_dir = \"data\"\n";

fn wardline(directory: &tempfile::TempDir, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    crate::support::wardline(directory.path(), arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Each bad file is refused by `relay check` with exit code 2 and one line that names the place; a table.
#[test]
fn bad_files_are_refused_with_their_place() {
    let table = [
        ("", "the setting \"data_dir\" is missing"),
        ("data_dir = 'd'", "the setting \"origin\" is missing"),
        (
            "orign = 'a'",
            "relay.toml:1: unknown setting \"orign\"; near: origin",
        ),
        (
            "[limits]\nconections_max = 5",
            "relay.toml:2: unknown setting \"limits.conections_max\"; near: limits.connections_max",
        ),
        ("origin = 'a'\norigin = 'b'", "relay.toml:2:1: duplicate key"),
        ("origin = 5", "relay.toml:1: origin takes a text in quotes"),
        (
            "[log]\nlevel = 'loud'",
            "relay.toml:2: log.level = \"loud\": takes error, warn, info, debug or trace",
        ),
        (
            "listen = 'everywhere'",
            "relay.toml:1: listen = \"everywhere\": invalid socket address syntax",
        ),
        (
            "[limits]\ndrain_ms_max = 60000",
            "relay.toml:2: limits.drain_ms_max = \"60000\": takes 1 to 10000: a bound may be lowered only",
        ),
        (
            "[deadlines.flash]\nopened_ms = 1",
            "relay.toml:2: deadlines.flash.opened_ms = \"1\": takes at least 120000",
        ),
        (
            "[operators]\n\"Alice Smith\" = []",
            "relay.toml:2: operators.Alice Smith = \"\": \"Alice Smith\" is not an operator's name: lower-case letters, digits and hyphens",
        ),
    ];
    for (text, expected) in table {
        let directory = tempfile::tempdir().unwrap();
        // What is not the row's own fault is as it should be.
        let missing = |key: &str| !expected.contains("missing") && !text.contains(key);
        fs::write(directory.path().join("relay.toml"), text).unwrap();
        let mut environment = Vec::new();
        if missing("origin =") {
            environment.push(("WARDLINE_ORIGIN", "relay.example.invalid/log"));
        }
        if missing("data_dir") {
            environment.push(("WARDLINE_DATA_DIR", "data"));
        }
        let output = wardline(&directory, &environment, &["relay", "check", "relay.toml"]);
        assert_eq!(stderr(&output).trim_end(), format!("wardline: {expected}"));
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "nothing is made"
        );
    }
}

/// `relay run` and `relay init` check the same way before they make or bind anything, and say it as JSON if asked.
#[test]
fn a_bad_configuration_stops_a_relay_before_it_begins() {
    for command in ["run", "init"] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("relay.toml"), format!("{GOOD}port = 1\n")).unwrap();
        let output = wardline(
            &directory,
            &[],
            &["--json", "relay", command, "--config", "relay.toml"],
        );
        assert_eq!(output.status.code(), Some(2));
        let fault: serde_json::Value = serde_json::from_str(stderr(&output).trim_end()).unwrap();
        assert_eq!(fault["error"], "relay.toml:3: unknown setting \"port\"");
        assert!(!directory.path().join("data").exists());
    }
}

/// A good file is explained: each setting with its effective value and where that came from, one object a line.
#[test]
fn a_good_file_is_explained() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("relay.toml"), GOOD).unwrap();
    let output = wardline(
        &directory,
        &[("WARDLINE_LOG__FORMAT", "json")],
        &[
            "--json",
            "relay",
            "check",
            "relay.toml",
            "--listen",
            "127.0.0.1:0",
        ],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let rows: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let row = |key: &str| rows.iter().find(|row| row["key"] == key).unwrap();
    assert_eq!(row("origin")["source"], "relay.toml:1");
    assert_eq!(row("log.format")["source"], "environment WARDLINE_LOG__FORMAT");
    assert_eq!(row("listen")["source"], "flag --listen");
    assert_eq!(row("log.level")["source"], "default");
    assert_eq!(row("data_dir")["value"], "data");
    assert_eq!(row("http_listen")["value"], serde_json::Value::Null);
}

/// `relay run` refuses where no log has begun, and makes no empty one there.
#[test]
fn a_relay_needs_a_log_that_has_begun() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("relay.toml"), GOOD).unwrap();
    let output = wardline(&directory, &[], &["relay", "run", "--config", "relay.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("the journal is empty"),
        "{}",
        stderr(&output)
    );
    assert!(!directory.path().join("data").exists());
}

/// A log without an operator could never enrol anybody, so `relay init` refuses; so it does a file that is no key
/// request.
#[test]
fn a_log_does_not_begin_without_an_operator() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("relay.toml"), GOOD).unwrap();
    fs::write(directory.path().join("alice.request"), "hello").unwrap();
    for (set, expected) in [
        ("log.level=info", "the configuration names no operator"),
        (
            "operators.alice=alice.request",
            "alice.request: not a DSSE envelope in JSON",
        ),
        ("operators.alice=none.request", "none.request: No such file"),
    ] {
        let output = wardline(
            &directory,
            &[],
            &["relay", "init", "--config", "relay.toml", "--set", set],
        );
        assert_eq!(output.status.code(), Some(2), "{set}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        assert!(!directory.path().join("data").exists());
    }
}
