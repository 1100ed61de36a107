//! What people write and keep, through the real binary: the example warnings, a draft that is wrong, a template, and a
//! root that certifies an agency's keys.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use wardline::client::Draft;
use wardline::client::keys::KeyRequest;
use wardline::domain::{Principal, Status};
use wardline::time::{Clock as _, SystemClock};

fn wardline(arguments: &[&str]) -> Output {
    crate::support::wardline(Path::new("."), arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn json_lines(output: &Output) -> Vec<serde_json::Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn examples() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/warnings");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// Each example is an EXERCISE that the relay would take, names its sender (not a recipient) in its first line, says
/// its own public facts in comments and holds no link anywhere.
#[test]
fn every_example_would_be_taken() {
    let examples = examples();
    assert!(examples.len() >= 8, "{}", examples.len());
    for path in examples {
        let text = std::fs::read_to_string(&path).unwrap();
        let draft = Draft::parse(&text).unwrap_or_else(|faults| panic!("{}:\n{faults}", path.display()));
        assert_eq!(draft.refusals(SystemClock.now()), [], "{}", path.display());
        assert_eq!(draft.status, Status::Exercise, "{}", path.display());
        assert!(
            draft.body.blocks.len() >= 2 && !draft.office.is_empty(),
            "{}",
            path.display()
        );
        let sender = text
            .strip_prefix("# Sender: ")
            .and_then(|rest| rest.split_once(". "))
            .unwrap()
            .0;
        let sender: Principal = sender.parse().unwrap();
        let own = draft
            .to
            .iter()
            .any(|to| to.to_string().starts_with(&sender.to_string()));
        assert!(
            !own && text.lines().nth(1).unwrap().starts_with("# "),
            "{}",
            path.display()
        );
        assert!(!text.contains("://"), "{}", path.display());
    }
}

/// `draft check` of all examples at once: exit 0 and one object a file; of a bad one: exit 2 and each fault's line; of one
/// that would be refused: exit 1 and the relay's code. A template can be written once.
#[test]
fn drafts_are_checked_by_the_command() {
    let examples = examples();
    let mut arguments = vec!["--json", "draft", "check"];
    arguments.extend(examples.iter().map(|path| path.to_str().unwrap()));
    let output = wardline(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        json_lines(&output)
            .iter()
            .all(|report| report["ok"] == true && report["faults"] == serde_json::json!([]))
    );
    assert_eq!(json_lines(&output).len(), examples.len());

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("draft.yaml");
    let file = file.to_str().unwrap();
    assert_eq!(wardline(&["draft", "new", file]).status.code(), Some(0));
    let printed = wardline(&["draft", "new"]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(printed, std::fs::read_to_string(file).unwrap());
    let object = wardline(&["--json", "draft", "new"]);
    assert_eq!(json_lines(&object)[0]["draft"], printed);
    assert_eq!(
        wardline(&["draft", "new", file]).status.code(),
        Some(2),
        "never over another"
    );
    let output = wardline(&["draft", "check", "--json", file]);
    assert_eq!(output.status.code(), Some(2));
    let reports = json_lines(&output);
    let faults = reports[0]["faults"].as_array().unwrap();
    assert_eq!(
        (faults[0]["key"].as_str(), faults[0]["line"].as_u64()),
        (Some("status"), Some(7))
    );

    let good = std::fs::read_to_string(&examples[0]).unwrap();
    std::fs::write(
        file,
        good.replacen("status: EXERCISE", "status: ACTUAL\ntype: NOTICE", 1),
    )
    .unwrap();
    let output = wardline(&["draft", "check", "--json", file]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json_lines(&output)[0]["faults"][0]["code"], "INVALID_VALUE");
}

/// The help says what each exit code means, for a script's author who has nothing else.
#[test]
fn the_help_says_what_the_exit_codes_mean() {
    let help = wardline(&["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "0 done",
        "1 refused",
        "4 not known whether it happened",
        "6 it did not come in time",
    ] {
        assert!(help.contains(said), "{said}: {help}");
    }
}

/// A root, an agency's keys, their certificates: as a newcomer types it, without a terminal to ask. What is printed is
/// what is in the files, the words are those of the key, and another state's root certifies nothing.
#[test]
fn keys_are_made_and_certified_by_the_command() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (ru, be, ctc) = (at("root-ru"), at("root-be"), at("ru.ctc"));
    for (state, out) in [("ru", &ru), ("be", &be)] {
        let made = wardline(&[
            "keys",
            "root",
            "--state",
            state,
            "--origin",
            "relay.invalid",
            "--out",
            out,
        ]);
        assert_eq!(made.status.code(), Some(0), "{made:?}");
    }
    let made = wardline(&[
        "--json",
        "keys",
        "new",
        "--agency",
        "ru.ctc",
        "--origin",
        "relay.invalid",
        "--out",
        &ctc,
    ]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let made = json_lines(&made);
    assert_eq!(
        made.iter()
            .map(|key| key["role"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["originate", "receive", "officer", "seal", "tls"]
    );
    let requests: Vec<&str> = made.iter().map(|key| key["file"].as_str().unwrap()).collect();

    let mut foreign = vec!["keys", "certify", "--yes", "--root", be.as_str()];
    foreign.extend(&requests);
    let refused = wardline(&foreign);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");

    let mut unasked = vec!["--json", "keys", "certify", "--root", ru.as_str()];
    unasked.extend(&requests);
    let refused = wardline(&unasked);
    assert_eq!(
        refused.status.code(),
        Some(2),
        "a root signs nothing that nobody was asked about: {refused:?}"
    );
    let mut certify = vec!["--json", "keys", "certify", "--yes", "--root", ru.as_str()];
    certify.extend(&requests);
    let certified = wardline(&certify);
    assert_eq!(certified.status.code(), Some(0), "{certified:?}");
    for (key, certificate) in made.iter().zip(json_lines(&certified)) {
        assert_eq!(
            (&key["keyid"], &key["fingerprint"]),
            (&certificate["keyid"], &certificate["fingerprint"])
        );
        let read = KeyRequest::read(Path::new(certificate["file"].as_str().unwrap())).unwrap();
        assert_eq!(certificate["fingerprint"], read.fingerprint().to_string());
    }
    assert_eq!(
        wardline(&certify).status.code(),
        Some(2),
        "certificates are never overwritten"
    );
    let shown = json_lines(&wardline(&["--json", "keys", "show", &ctc]));
    assert!(shown.iter().all(|key| key["certificate"].is_string()) && shown.len() == 5);
    let said = wardline(&["keys", "show", &ru]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.starts_with("root:ru root\n"), "{said}");
}
