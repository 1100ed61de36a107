//! Evidence of a sealed warning, with the real binary: closed unless it is asked for, opened as far as each can, checked by
//! anybody without a key, by the second verifier too; and what an auditor is told, who can open nothing.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use wardline::client::AcknowledgementDraft;
use wardline::domain::{AcknowledgementKind, RefusalReason};

use crate::client::honest::{answer, receive_one};
use crate::support::{World, draft, wardline};
use crate::world::parsed;

const HEADLINE: &str = "Concert hall";
const NOTE: &str = "Where exactly?";
const AUDITOR: &str = "int.un.audit";

/// What a command prints, once it ended with a code.
fn printed(world: &World, arguments: &[&str], code: i32) -> String {
    let output = wardline(world.path(), arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same in a profile.
fn by(world: &World, who: &str, arguments: &[&str]) -> String {
    let profile = world.profile(who);
    let profile = ["--profile", profile.path().to_str().unwrap()];
    printed(world, &[&profile[..], arguments].concat(), 0)
}

fn object(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Whether the second verifier takes a bundle; none: Python lacks what it needs, which CI has.
fn second_verifier(bundle: &Path, policy: &Path) -> Option<bool> {
    let python = std::env::var("VERIFIER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there = Command::new(&python).args(["-c", "import cryptography"]).output();
    if !there.is_ok_and(|it| it.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "{python} has no `cryptography`");
        return None;
    }
    let verifier = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verifier/wardline_verify.py");
    let mut command = Command::new(python);
    let output = command
        .arg("-B")
        .arg(verifier)
        .arg(bundle)
        .arg("--policy")
        .arg(policy);
    let output = output.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => Some(true),
        Some(5) => Some(false),
        other => panic!("{other:?}: {stderr}"),
    }
}

/// Each makes a bundle closed and with `--open`: the originator opens body and text, the recipient the body, the auditor nothing.
/// All verify by both verifiers; one whose opened body was changed by neither. The page shows what is opened and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_a_sealed_warning_is_opened_by_who_can() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    world.enrol_auditor(AUDITOR, "us.ctc").await;
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let delivered = receive_one(&ru, "ru.ctc").await;
    let vague = AcknowledgementDraft {
        reason: Some(RefusalReason::Other),
        note: Some((parsed("en"), NOTE.to_owned())),
        ..answer(&delivered, AcknowledgementKind::Refused)
    };
    ru.acknowledge(&vague).await.unwrap();
    let digest = sent.digest.to_string();
    let policy = world.path().join("log.policy");
    let text = format!("log {}\nquorum none\n", us.settings().log.vkey());
    std::fs::write(&policy, text).unwrap();
    let policy_text = policy.to_str().unwrap();

    for (who, opened) in [
        ("us.ctc", (true, 1)),
        ("ru.ctc", (true, 0)),
        (AUDITOR, (false, 0)),
    ] {
        for open in [false, true] {
            let file = world.path().join(format!("{who}-{open}.json"));
            let mut make = vec!["audit", "bundle", &digest, "-o", file.to_str().unwrap(), "--json"];
            make.extend(open.then_some("--open"));
            let told = object(&by(&world, who, &make));
            let expected = if open { opened } else { (false, 0) };
            let are = |body: bool, texts: u64| (Value::from(body), Value::from(texts));
            let shown = (told["opened_body"].clone(), told["opened_texts"].clone());
            assert_eq!(shown, are(expected.0, expected.1), "{who} {open}");
            let sealed = (told["sealed_body"].clone(), told["sealed_texts"].clone());
            assert_eq!(sealed, are(!expected.0, 1 - expected.1), "{who} {open}");

            let check = ["audit", "check", file.to_str().unwrap(), "--policy", policy_text];
            let said = printed(&world, &check, 0);
            assert_eq!(said.contains(HEADLINE), expected.0, "{who} {open}: {said}");
            assert_eq!(said.contains(NOTE), expected.1 == 1, "{who} {open}: {said}");
            let closed = "Its body is sealed; not opened in this bundle.";
            assert_eq!(said.contains(closed), !expected.0, "{who} {open}: {said}");
            assert!(
                !said.contains("has erased") && !said.contains("was erased"),
                "{said}"
            );
            assert_ne!(second_verifier(&file, &policy), Some(false), "{who} {open}");
        }
    }

    // One letter of what is opened is another.
    let file = world.path().join("us.ctc-true.json");
    let mut bundle = object(&std::fs::read_to_string(&file).unwrap());
    let content = bundle.pointer_mut("/opened/body/content").unwrap();
    let mut text = content.as_str().unwrap().to_owned();
    let at = text.len() / 2;
    let other = if text[at..=at] == *"A" { "B" } else { "A" };
    text.replace_range(at..=at, other);
    *content = text.into();
    let changed = world.path().join("changed.json");
    std::fs::write(&changed, bundle.to_string()).unwrap();
    let check = [
        "audit",
        "check",
        changed.to_str().unwrap(),
        "--policy",
        policy_text,
        "--json",
    ];
    let fault = object(&printed(&world, &check, 5));
    assert_eq!(fault["part"], "opened.body");
    assert_ne!(second_verifier(&changed, &policy), Some(true));

    for (more, is_shown) in [(&["--open"][..], true), (&[], false)] {
        let page = world.path().join(format!("{is_shown}.html"));
        let report = ["audit", "report", &digest, "-o", page.to_str().unwrap()];
        let told = by(&world, "us.ctc", &[&report[..], more].concat());
        let page = std::fs::read_to_string(page).unwrap();
        let shows = (page.contains(HEADLINE), page.contains(NOTE));
        assert_eq!(shows, (is_shown, is_shown), "{told}");
        let line = match is_shown {
            true => "Opened in it, for whoever has the file: the body and the words of an answer.",
            false => "Sealed in it, as it was signed: the body and the words of an answer; --open opens",
        };
        assert!(told.contains(line), "{told}");
    }
    told_to_the_auditor(&world, &digest);
}

/// That it was sealed, to whom, and who answered what; and of the words none.
fn told_to_the_auditor(world: &World, digest: &str) {
    let timeline = by(world, AUDITOR, &["audit", "timeline", digest]);
    let records = by(world, AUDITOR, &["audit", "replay"]);
    let status = by(world, AUDITOR, &["status", digest]);
    for (text, line) in [
        (&timeline, "(its body is sealed to ru.ctc, and not opened here)"),
        (&timeline, "(with a note, sealed to the sender)"),
        (&records, "by us.ctc, sealed, recipients: 1"),
        (&status, "the body is sealed, and no key of this profile opens it"),
        (&status, "(with a note, sealed to the sender of the warning)"),
    ] {
        assert!(text.contains(line), "{line}\n\n{text}");
    }
    let data = by(world, AUDITOR, &["audit", "timeline", digest, "--json"]);
    let (data, records_json) = (object(&data), by(world, AUDITOR, &["audit", "replay", "--json"]));
    assert_eq!((&data["sealed"], &data["body"]), (&true.into(), &"SEALED".into()));
    let routed = records_json.lines().map(object).find(|it| it["kind"] == "ROUTED");
    assert!(routed.unwrap()["wrap_digest"].is_string());
    for text in [timeline, records, status, data.to_string(), records_json] {
        assert!(!text.contains(HEADLINE) && !text.contains(NOTE), "{text}");
    }
}
