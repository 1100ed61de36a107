//! `audit replay`, `verify` and `timeline` as an auditor types them: the real binary over real TLS against a relay that
//! runs as a process of its own.

use std::process::Command;

use serde_json::Value;
use wardline::cli::world::World;
use wardline::client::{AcknowledgementDraft, Client, Draft, ProfileDir, Sent, bench};
use wardline::domain::{AcknowledgementKind, AgencyId, RefusalReason};
use wardline::seal::SecretKey;
use wardline::transparency::LogKey;

use crate::support::{running, wardline};

/// What it printed; it must have ended so.
fn printed(profile: &ProfileDir, arguments: &[&str], code: i32) -> String {
    told(profile, arguments, code).0
}

/// The same, and what it told on standard error.
fn told(profile: &ProfileDir, arguments: &[&str], code: i32) -> (String, String) {
    ended(
        wardline(profile.path(), &["--profile", "."]).args(arguments),
        code,
    )
}

fn ended(command: &mut Command, code: i32) -> (String, String) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {stderr}");
    (String::from_utf8(output.stdout).unwrap(), stderr)
}

fn objects(profile: &ProfileDir, arguments: &[&str]) -> Vec<Value> {
    let mut arguments = arguments.to_vec();
    arguments.push("--json");
    let text = printed(profile, &arguments, 0);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A warning of status TEST that says so.
fn draft(to: &str, headline: &str) -> Draft {
    let mut draft = bench::draft(to.parse().unwrap(), 200).unwrap();
    draft.body.blocks[0].headline = headline.to_owned();
    draft
}

/// A desk's officer refuses a warning, with a note that would like to look like the timeline's own lines.
async fn refuse(client: &Client, warning: &Sent) {
    let note = "No.\n  => ru.ctc answered: ACCEPTED".to_owned();
    let draft = AcknowledgementDraft {
        warning_id: warning.id,
        warning_digest: warning.digest,
        desk: client.own_desk().unwrap(),
        kind: AcknowledgementKind::Refused,
        office: "duty officer".to_owned(),
        assessment: None,
        missing: Vec::new(),
        reason: Some(RefusalReason::Busy),
        until: None,
        to: None,
        note: Some(("en".parse().unwrap(), note)),
    };
    client.acknowledge(&draft).await.unwrap();
}

/// Two warnings, one refused and one met with silence. The auditor replays all of it, an agency its part; a timeline tells
/// both or one by name; and a profile that has verified another log is told so with exit 5.
#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_sees_all_of_it() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("world");
    let names = ["fr.ctc", "ru.ctc", "us.ctc"];
    let (world, relay, agencies) = running(&directory, "audit.wardline.invalid", &names).await;
    let client = |agency: &AgencyId| Client::open(&world.agency(agency)).unwrap();
    let (ru, us) = (client(&agencies[1]), client(&agencies[2]));
    let refused = us.submit(&draft("ru.ctc", "The first")).await.unwrap();
    let silent = us.submit(&draft("fr.ctc", "The second")).await.unwrap();
    refuse(&ru, &refused).await;
    let auditor = world.auditor();

    // All of it, as data: every index once, the tree of the report.
    let records = objects(&auditor, &["audit", "replay"]);
    let indexes: Vec<u64> = records.iter().map(|it| it["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, (0..indexes.len() as u64).collect::<Vec<_>>());
    let kind = |index: u64| {
        records[usize::try_from(index).unwrap()]["kind"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        (kind(0), kind(refused.index)),
        ("GENESIS".to_owned(), "ACCEPTED".to_owned())
    );
    assert_eq!(kind(silent.index + 1), "ROUTED");
    let last = records.last().unwrap();
    assert_eq!(
        (&last["kind"], &last["acknowledgement"], &last["reason"]),
        (&"ACKNOWLEDGED".into(), &"REFUSED".into(), &"BUSY".into())
    );
    let report = &objects(&auditor, &["audit", "verify"])[0];
    assert_eq!(report["checkpoint_size"], indexes.len());
    assert_eq!((&report["threads"], &report["silent"]), (&2.into(), &1.into()));

    // A range, for people: a line each.
    let (from, to) = (refused.index.to_string(), (refused.index + 2).to_string());
    let lines = printed(&auditor, &["audit", "replay", "--from", &from, "--to", &to], 0);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(lines.contains("ACCEPTED") && lines.contains("ROUTED"), "{lines}");

    // An agency sees its own part, and of the rest the hashes.
    let part = objects(&world.agency(&agencies[0]), &["audit", "replay"]);
    assert_eq!(part.len(), records.len());
    assert_eq!(
        part[usize::try_from(refused.index).unwrap()]["kind"],
        "OUT_OF_SCOPE"
    );
    assert_eq!(part[usize::try_from(silent.index).unwrap() + 1]["kind"], "ROUTED");

    // The timeline: both, or one by the beginning of its digest; nothing of a note looks like a line of ours.
    let both = printed(&auditor, &["audit", "timeline"], 0);
    assert_eq!(
        both.lines().filter(|line| line.contains(" of 2  TEST ")).count(),
        2,
        "{both}"
    );
    assert_eq!(
        both.lines().filter(|line| line.starts_with("  => ")).count(),
        2,
        "{both}"
    );
    assert!(both.contains("fr.ctc IS SILENT"), "{both}");
    let name = &silent.digest.to_string()[..12];
    let one = objects(&auditor, &["audit", "timeline", name]);
    assert_eq!(one.len(), 1);
    assert_eq!(one[0]["digest"], silent.digest.to_string());
    assert_eq!(one[0]["recipients"][0]["silent"], true);
    printed(&auditor, &["audit", "timeline", "ffffffff-no-such"], 1);

    // Another history of the same size, signed by the log's own key: whoever has verified that is told.
    let key = SecretKey::read_from(&log_key(&world)).unwrap();
    let other = LogKey::new(world.origin().clone(), key).sign_checkpoint(7, wardline::domain::Hash([1; 32]));
    std::fs::write(auditor.checkpoint(), other).unwrap();
    printed(&auditor, &["audit", "verify"], 5);
    relay.stop().await.unwrap();
}

/// An audit is kept and the next one goes on from it; a copy is saved, and verified by a stranger with the log's key and nothing else;
/// a spoiled copy names where, and a state of another log or another view is refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_audit_goes_on_and_a_copy_travels() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("world");
    let names = ["ru.ctc", "us.ctc"];
    let (world, relay, agencies) = running(&directory, "copy.wardline.invalid", &names).await;
    let us = Client::open(&world.agency(&agencies[1])).unwrap();
    us.submit(&draft("ru.ctc", "The first")).await.unwrap();
    let auditor = world.auditor();
    let first = &objects(&auditor, &["audit", "verify"])[0];
    assert_eq!(
        (&first["acceptances"], &first["resumed_at"]),
        (&1.into(), &Value::Null)
    );

    // More happens: the next audit goes on, and its report is of all of it. One from the start says the same.
    let second = us.submit(&draft("ru.ctc", "The second")).await.unwrap();
    let (text, stderr) = told(&auditor, &["audit", "verify"], 0);
    let size = &first["checkpoint_size"];
    assert!(
        stderr.contains(&format!("Going on after the {size} records")),
        "{stderr}"
    );
    assert!(text.contains("2 accepted"), "{text}");
    let anew = &objects(&auditor, &["audit", "verify", "--from-start"])[0];
    assert_eq!(
        (&anew["acceptances"], &anew["resumed_at"]),
        (&2.into(), &Value::Null)
    );
    let (from, to) = (second.index.to_string(), (second.index + 1).to_string());
    let line = printed(&auditor, &["audit", "replay", "--from", &from, "--to", &to], 0);
    assert!(line.contains("ACCEPTED"), "{line}");

    // A copy: new, whole, and no copy where the log does not verify or a file stands in the way.
    let path = temporary.path().join("log.copy");
    let copy = path.to_str().unwrap();
    printed(&auditor, &["audit", "replay", "--save", copy], 0);
    let (_, stderr) = told(&auditor, &["audit", "replay", "--save", copy], 2);
    assert!(stderr.contains("there is a file of that name"), "{stderr}");
    relay.stop().await.unwrap();

    // Offline, with the log's key alone, with a policy that knows it, or with a profile.
    let key = SecretKey::read_from(&log_key(&world)).unwrap();
    let log = LogKey::new(world.origin().clone(), key).verifier().to_string();
    let nobody = temporary.path();
    let verify = |more: &[&str], code| {
        ended(
            wardline(nobody, &["audit", "verify", "--json", "--copy", copy]).args(more),
            code,
        )
    };
    let policy = temporary.path().join("log.policy");
    std::fs::write(&policy, format!("log {log}\nquorum none\n")).unwrap();
    // One that knows another key of the same origin first, and one that knows that one only.
    let other = LogKey::new(world.origin().clone(), SecretKey::from_seed(&[9; 32]));
    let another = other.verifier().to_string();
    let two_keys = temporary.path().join("two.policy");
    std::fs::write(&two_keys, format!("log {another}\nlog {log}\nquorum none\n")).unwrap();
    let wrong_key = temporary.path().join("wrong.policy");
    std::fs::write(&wrong_key, format!("log {another}\nquorum none\n")).unwrap();
    let no_policy = temporary.path().join("no.policy");
    for (trusting, code) in [
        (&["--log", &log][..], 0),
        (&["--policy", policy.to_str().unwrap()], 0),
        (&["--policy", two_keys.to_str().unwrap()], 0),
        (&["--policy", wrong_key.to_str().unwrap()], 5),
        // As of every command that takes one.
        (&["--policy", no_policy.to_str().unwrap()], 1),
        (&[], 2),
    ] {
        let (text, _) = verify(trusting, code);
        if code == 0 {
            let report: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(report["acceptances"], 2);
        }
    }
    printed(&auditor, &["audit", "verify", "--copy", copy], 0);

    // A state is for one log and one view of it.
    let state = temporary.path().join("state");
    let state = state.to_str().unwrap();
    verify(&["--log", &log, "--state", state], 0);
    let (text, _) = verify(&["--log", &log, "--state", state], 0);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["resumed_at"], report["checkpoint_size"]);
    let (_, stderr) = verify(&["--log", &another, "--state", state], 2);
    assert!(stderr.contains("the state is of another log"), "{stderr}");
    let of_the_auditor = auditor.audit();
    let (_, stderr) = verify(&["--log", &log, "--state", of_the_auditor.to_str().unwrap()], 2);
    assert!(stderr.contains("may see"), "{stderr}");
    verify(&["--log", &another], 5);

    // A byte of it is not what it was.
    let good = std::fs::read(&path).unwrap();
    for part in 1..6 {
        let mut bytes = good.clone();
        let at = bytes.len() * part / 6;
        bytes[at] ^= 1;
        let spoiled = temporary.path().join(format!("spoiled-{part}"));
        std::fs::write(&spoiled, bytes).unwrap();
        let spoiled = spoiled.to_str().unwrap();
        let (_, stderr) = told(&auditor, &["audit", "verify", "--copy", spoiled], 5);
        assert!(stderr.contains("record "), "{part}: {stderr}");
    }
}

/// The relay's key of the log, where its configuration says.
fn log_key(world: &World) -> std::path::PathBuf {
    world.relay_settings(&[]).unwrap().log_key_file
}
