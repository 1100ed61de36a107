//! The commands, through the real binary against a real relay: what they print with `--json`, what they leave on the disk,
//! and the exit code of each way in which they end.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::support::{OPERATOR, World};

const EXERCISE: &str = r#"
to: [TO]
status: EXERCISE
precedence: FLASH
expires: 48h
harm: [INTENTIONAL_KILLING]
assert: [credible, specific, impending]
specifics: {place: KNOWN, time: PARTLY, method: UNKNOWN, target: KNOWN, perpetrator: PARTLY}
handling: {tlp: RED, onward: NONE, notify_victim: MAY}
territory: ru
victims_of: [ru]
authoritative: en
text: {en: {event: Attack, headline: Concert hall, description: An attack is planned., instruction: Protect it.}}
"#;

pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) objects: Vec<Value>,
    pub(crate) stderr: String,
}

/// A command of a profile with `--json`, without the settings of whoever runs the tests.
fn command(profile: &Path, arguments: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::from(crate::support::wardline(Path::new("."), &["--json"]));
    command
        .arg("--profile")
        .arg(profile)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A command that goes on until it is dropped.
pub(super) struct Going {
    child: tokio::process::Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
}

impl Going {
    pub(super) fn start(profile: &Path, arguments: &[&str]) -> Self {
        let mut child = command(profile, arguments)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// All that it prints up to the first object for which something holds.
    pub(super) async fn until(&mut self, found: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut objects = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            let object: Value = serde_json::from_str(&line).unwrap();
            let ends = found(&object);
            objects.push(object);
            if ends {
                return objects;
            }
        }
        panic!("it ended after {objects:?}");
    }

    /// Its exit code, after somebody has interrupted it.
    pub(super) async fn interrupted(self) -> Option<i32> {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        self.ended().await
    }

    /// Its exit code, when it has ended by itself.
    pub(super) async fn ended(mut self) -> Option<i32> {
        self.child.wait().await.unwrap().code()
    }
}

/// Runs a command of a profile with `--json`; what it prints is one object a line.
pub(crate) async fn run(profile: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut child = command(profile, arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that reads nothing may have ended already.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    Ended {
        code: output.status.code().unwrap(),
        objects: stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(super) fn exercise(to: &str) -> String {
    EXERCISE.replace("TO", to)
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The thin line, by hand: send, watch, ack, status, list; the shapes that scripts rely on, and a program that must take
/// each warning.
#[tokio::test(flavor = "multi_thread")]
async fn send_watch_ack_status() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us: PathBuf = world.path().join("us.ctc");
    let ru: PathBuf = world.path().join("ru.ctc");
    let sent = run(&us, &["send", "-"], &exercise("ru.ctc")).await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    let [sent] = sent.objects.as_slice() else {
        panic!("{:?}", sent.objects);
    };
    assert_eq!(
        keys(sent),
        ["digest", "id", "index", "receipt", "recipients", "sealed"]
    );
    assert_eq!(keys(&sent["recipients"][0]), ["address", "desk", "index"]);
    assert!(Path::new(sent["receipt"].as_str().unwrap()).is_file());
    let id = sent["id"].as_str().unwrap();

    // A program that fails: nothing is signed for, and the warning comes again.
    let failed = run(&ru, &["watch", "--count", "1", "--exec", "false"], "").await;
    assert_eq!(failed.code, 3, "{}", failed.stderr);
    let taken = world.path().join("taken.json");
    let exec = format!("tee {}", taken.display());
    let watched = run(&ru, &["watch", "--count", "1", "--exec", &exec], "").await;
    assert_eq!(watched.code, 0, "{}", watched.stderr);
    let events: Vec<&str> = watched
        .objects
        .iter()
        .map(|it| it["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        events.iter().filter(|event| **event == "warning").count(),
        1,
        "{events:?}"
    );
    assert_eq!(events.last(), Some(&"received"), "{events:?}");
    let handed: Value = serde_json::from_str(&std::fs::read_to_string(&taken).unwrap()).unwrap();
    assert_eq!(handed["id"], sent["id"]);
    assert_eq!(handed["body"]["text"]["en"]["headline"], "Concert hall");
    // All that waits has come, and nothing of it is new.
    let mut nothing = Going::start(&ru, &["watch"]);
    let shown = nothing.until(|it| it["event"] == "caught_up").await;
    let events: Vec<&str> = shown.iter().map(|it| it["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["open", "caught_up"]);
    drop(nothing);
    let nothing = run(&ru, &["watch", "--count", "1", "--timeout", "1s"], "").await;
    assert_eq!(nothing.code, 6, "{}", nothing.stderr);

    let short = &id[..20];
    let ack = ["ack", short, "--as", "opened", "--by", "duty officer"];
    assert_eq!(run(&ru, &ack, "").await.code, 0);
    let vague = [
        "ack",
        short,
        "--as",
        "refused",
        "--by",
        "duty officer",
        "--reason",
        "not-competent",
        "--assessment",
        "too-vague",
        "--missing",
        "place,time",
        "--note",
        "Which hall?",
    ];
    let answered = run(&ru, &vague, "").await;
    assert_eq!(answered.code, 0, "{}", answered.stderr);
    assert_eq!(answered.objects[0]["kind"], "REFUSED");
    // An answer that lacks what its kind needs is refused, by the relay's code.
    let bad = run(&ru, &["ack", short, "--as", "deferred", "--by", "x"], "").await;
    assert_eq!(bad.code, 1, "{}", bad.stderr);
    assert!(bad.stderr.contains("INVALID_ANSWER"), "{}", bad.stderr);

    let status = run(&us, &["status", short], "").await;
    assert_eq!(status.code, 0, "{}", status.stderr);
    let recipient = &status.objects[0]["recipients"][0];
    assert_eq!(
        (&recipient["step"], &recipient["answer"]),
        (&"ANSWERED".into(), &"REFUSED".into())
    );
    let last = recipient["events"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["note"], &last["missing"]),
        (&"Which hall?".into(), &serde_json::json!(["PLACE", "TIME"]))
    );
    // What was done later is no other answer, for either of the two who look.
    let acted = ["ack", short, "--as", "victim-warned", "--by", "duty officer"];
    assert_eq!(run(&ru, &acted, "").await.code, 0);
    for (profile, command) in [
        (&us, ["status", short]),
        (&us, ["list", "--out"]),
        (&ru, ["list", "--in"]),
    ] {
        let shown = run(profile, &command, "").await;
        let recipient = &shown.objects[0]["recipients"][0];
        assert_eq!(
            (&recipient["step"], &recipient["answer"]),
            (&"ANSWERED".into(), &"REFUSED".into()),
            "{command:?}"
        );
    }
    let open = run(&us, &["list", "--out", "--open"], "").await;
    assert!(open.objects.is_empty() && open.code == 0, "{}", open.stderr);
    assert_eq!(run(&us, &["list", "--out"], "").await.objects.len(), 1);
}

/// The ways in which a command ends otherwise: a table of commands and exit codes.
#[tokio::test(flavor = "multi_thread")]
async fn each_end_has_its_code() {
    let mut world = World::with(&["us.ctc"]).await;
    let us = world.path().join("us.ctc");
    let actual = exercise("us.ctc").replace("EXERCISE", "ACTUAL");
    let unknown = exercise("us.ctx");
    let table: [(&str, &[&str], &str, i32); 7] = [
        ("no such draft", &["send", "/nonexistent/draft.yaml"], "", 2),
        ("not a draft", &["send", "-"], "to: [us.ctc", 2),
        ("ACTUAL without --yes", &["send", "-"], &actual, 2),
        ("an unknown recipient", &["send", "-"], &unknown, 1),
        ("nothing of that name", &["status", "ffff"], "", 2),
        ("ACTUAL with --yes", &["send", "-", "--yes"], &actual, 0),
        ("an empty outbox", &["outbox", "retry"], "", 0),
    ];
    for (what, arguments, input, code) in table {
        let ended = run(&us, arguments, input).await;
        assert_eq!(ended.code, code, "{what}: {}", ended.stderr);
        if code != 0 {
            let error: Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
            assert_eq!(error["exit"], code, "{what}");
        }
    }
    world.stop().await;
    let away = run(&us, &["send", "-"], &exercise("us.ctc")).await;
    assert_eq!(away.code, 3, "{}", away.stderr);
    let waiting = run(&us, &["outbox", "list"], "").await;
    assert_eq!(waiting.objects[0]["kind"], "warning");
    world.start(&["us.ctc"]).await;
    let sent = run(&us, &["outbox", "retry"], "").await;
    assert_eq!((sent.code, sent.objects.len()), (0, 1), "{}", sent.stderr);
    assert!(run(&us, &["outbox", "list"], "").await.objects.is_empty());
    std::fs::remove_file(us.join("checkpoint")).unwrap();
    assert_eq!(run(&us, &["list"], "").await.code, 5);
    assert_eq!(run(&us, &["trust", "reset"], "").await.code, 2);
    assert_eq!(run(&us, &["trust", "reset", "--yes"], "").await.code, 0);
    assert_eq!(run(&us, &["list"], "").await.code, 0);
}

/// From nothing to an enrolled agency with the commands alone: keys, certificates, enrolment, a welcome; then its keys are
/// shown and confirmed by another.
#[tokio::test(flavor = "multi_thread")]
async fn an_agency_is_enrolled_by_commands() {
    let world = World::with(&["us.ctc"]).await;
    let (operator, us) = (world.path().join(OPERATOR), world.path().join("us.ctc"));
    let (root, be) = (world.path().join("root"), world.path().join("be.ctc"));
    let origin = crate::support::ORIGIN;
    let text = |path: &Path| path.display().to_string();
    let made = run(
        &be,
        &[
            "keys",
            "root",
            "--state",
            "be",
            "--origin",
            origin,
            "--out",
            &text(&root),
        ],
        "",
    )
    .await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let made = run(
        &be,
        &[
            "keys",
            "new",
            "--agency",
            "be.ctc",
            "--origin",
            origin,
            "--out",
            &text(&be),
        ],
        "",
    )
    .await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let roles = ["originate", "receive", "officer", "seal", "tls"];
    let requests: Vec<String> = roles
        .iter()
        .map(|role| text(&be.join(format!("requests/{role}.json"))))
        .collect();
    let certificates: Vec<String> = roles
        .iter()
        .map(|role| text(&be.join(format!("requests/{role}.cert.json"))))
        .collect();
    let root_text = text(&root);
    let mut certify = vec!["keys", "certify", "--root", &root_text, "--yes"];
    certify.extend(requests.iter().map(String::as_str));
    let certified = run(&be, &certify, "").await;
    assert_eq!(certified.code, 0, "{}", certified.stderr);

    let root_certificate = text(&root.join("root.cert.json"));
    let wrong = [
        "operator",
        "enrol-state",
        &root_certificate,
        "--fingerprint",
        "one two three four five six seven eight",
    ];
    assert_eq!(run(&operator, &wrong, "").await.code, 1);
    let state = run(
        &operator,
        &["operator", "enrol-state", &root_certificate, "--yes"],
        "",
    )
    .await;
    assert_eq!(state.code, 0, "{}", state.stderr);
    let welcome = text(&world.path().join("welcome.json"));
    let mut enrol = vec![
        "operator", "enrol", "be.ctc", "--name", "Centre", "--out", &welcome,
    ];
    enrol.extend(certificates.iter().map(String::as_str));
    let enrolled = run(&operator, &enrol, "").await;
    assert_eq!(enrolled.code, 0, "{}", enrolled.stderr);
    let accepted = run(&be, &["trust", "accept", &welcome], "").await;
    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
    assert_eq!(accepted.objects[0]["installed"], "new");
    let sent = run(&be, &["send", "-"], &exercise("us.ctc")).await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);

    let watched = run(&us, &["watch", "--count", "1"], "").await;
    let warning = watched
        .objects
        .iter()
        .find(|it| it["event"] == "warning")
        .unwrap();
    assert_eq!(warning["key_confirmed"], false);
    let confirmed = run(&us, &["directory", "confirm", "be.ctc", "--yes"], "").await;
    assert_eq!(
        (confirmed.code, confirmed.objects.len()),
        (0, 5),
        "{}",
        confirmed.stderr
    );
    let shown = run(&us, &["directory", "show", "be.ctc"], "").await;
    assert!(
        shown.objects.iter().all(|key| key["confirmed"] == true),
        "{:?}",
        shown.objects
    );
    let agencies = run(&operator, &["operator", "agencies"], "").await;
    assert_eq!(agencies.objects.len(), 2);
    let status = run(&operator, &["operator", "status"], "").await;
    assert_eq!(
        (status.code, &status.objects[0]["draining"]),
        (0, &false.into()),
        "{}",
        status.stderr
    );
    let suspended = run(
        &operator,
        &["operator", "suspend", "be.ctc", "--reason", "a test"],
        "",
    )
    .await;
    assert_eq!(suspended.code, 0, "{}", suspended.stderr);
    let refused = run(&be, &["send", "-"], &exercise("us.ctc")).await;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("SUSPENDED"), "{}", refused.stderr);
}
