//! `audit report` as people type it: the real binary. A page is made of what a relay shows, beside it the evidence; then the
//! relay is gone, and the page is made again of the evidence alone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wardline::client::{AcknowledgementDraft, Client, bench};
use wardline::domain::{AcknowledgementKind, RefusalReason};

use crate::support::{running, wardline};

/// Runs it here; it must end so.
fn run(here: &Path, arguments: &[&str], code: i32) -> Output {
    let output = wardline(here, arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    output
}

fn sha256(path: &Path) -> String {
    hex::encode(Sha256::digest(std::fs::read(path).unwrap()))
}

/// A warning with a headline that would like to be markup is refused by its recipient. The originator's page holds the
/// headline as words only, names the evidence by its SHA-256, is its owner's alone and never written over another; under a policy
/// the evidence gives a page without any relay, the same at each time; a changed evidence gives exit 5 and no page.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_made_of_evidence() {
    let temporary = tempfile::tempdir().unwrap();
    let here = temporary.path();
    let names = ["ru.ctc", "us.ctc"];
    let (world, relay, agencies) = running(&here.join("world"), "report.wardline.invalid", &names).await;
    world.write_policy(&relay.serving().log, None).unwrap();
    let (ru, us) = (world.agency(&agencies[0]), world.agency(&agencies[1]));
    let mut draft = bench::draft("ru.ctc".parse().unwrap(), 200).unwrap();
    "<script>alert('here')</script>".clone_into(&mut draft.body.blocks[0].headline);
    let sent = Client::open(&us).unwrap().submit(&draft).await.unwrap();
    let recipient = Client::open(&ru).unwrap();
    let refusal = AcknowledgementDraft {
        office: "duty officer".to_owned(),
        reason: Some(RefusalReason::Busy),
        ..AcknowledgementDraft::bare(
            sent.id,
            sent.digest,
            recipient.own_desk().unwrap(),
            AcknowledgementKind::Refused,
        )
    };
    recipient.acknowledge(&refusal).await.unwrap();

    // Asked of the relay, without a policy.
    let digest = sent.digest.to_string();
    let profile = us.path().to_str().unwrap();
    let asked = [
        "--profile",
        profile,
        "audit",
        "report",
        &digest,
        "-o",
        "report.html",
        "--open",
        "--json",
    ];
    let object: Value = serde_json::from_slice(&run(here, &asked, 0).stdout).unwrap();
    let (html, evidence) = (here.join("report.html"), here.join("report.bundle.json"));
    assert_eq!(object["digest"], digest);
    assert_eq!(object["path"], "report.html");
    assert_eq!(object["sha256"], sha256(&html));
    assert_eq!(object["bundle"], "report.bundle.json");
    assert_eq!(object["bundle_sha256"], sha256(&evidence));
    for file in [&html, &evidence] {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains(&sha256(&evidence)) && page.contains("Made without a policy."));
    assert!(page.contains("&lt;script&gt;alert(&#39;here&#39;)&lt;/script&gt;"));
    assert!(!page.contains("<script") && page.contains("REFUSED"));

    // Nothing is written over; a page on the standard output leaves its evidence where it is told.
    run(here, &asked, 1);
    let twice = [
        "--profile",
        profile,
        "audit",
        "report",
        &digest,
        "-o",
        "other.html",
        "--bundle",
        "report.bundle.json",
    ];
    run(here, &twice, 1);
    assert!(!here.join("other.html").exists());
    let streamed = ["--profile", profile, "audit", "report", &digest, "-o", "-"];
    run(here, &streamed, 2);
    let told = [
        &streamed[..],
        &["--bundle", "streamed.json", "--policy", "world/policy"],
    ]
    .concat();
    let streamed = String::from_utf8(run(here, &told, 0).stdout).unwrap();
    assert!(streamed.contains(&sha256(&here.join("streamed.json"))));
    assert!(!streamed.contains("Made without a policy."));

    // Without the relay, under a policy.
    relay.stop().await.unwrap();
    let offline = |to: &'static str, code| {
        let arguments = [
            "audit",
            "report",
            "report.bundle.json",
            "--policy",
            "world/policy",
            "-o",
            to,
        ];
        run(here, &arguments, code);
        here.join(to)
    };
    let (one, two) = (offline("one.html", 0), offline("two.html", 0));
    assert_eq!(sha256(&one), sha256(&two));
    let page = std::fs::read_to_string(&one).unwrap();
    assert!(page.contains("proven: signed") && !page.contains("Made without a policy."));
    run(
        here,
        &["audit", "report", "report.bundle.json", "-o", "three.html"],
        2,
    );
    let changed = std::fs::read_to_string(&evidence)
        .unwrap()
        .replace("\"desk\": \"ru.ctc\"", "\"desk\": \"us.ctc\"");
    std::fs::write(&evidence, changed).unwrap();
    assert!(!offline("three.html", 5).exists());
}
