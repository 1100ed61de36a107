//! `audit replay`, `verify` and `timeline` as an auditor types them: the real binary over real TLS against a relay that
//! runs as a process of its own.

use std::path::Path;

use serde_json::Value;
use wardline::cli::world::{RelayProcess, World, WorldPlan};
use wardline::client::{AcknowledgementDraft, Client, Draft, ProfileDir, Sent, bench};
use wardline::domain::{AcknowledgementKind, AgencyId, RefusalReason};
use wardline::seal::SecretKey;
use wardline::transparency::LogKey;

use crate::support::{PROGRAM, wardline};

/// What it printed; it must have ended so.
fn printed(profile: &ProfileDir, arguments: &[&str], code: i32) -> String {
    let mut command = wardline(profile.path(), &["--profile", "."]);
    let output = command.args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
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
    let agencies: Vec<AgencyId> = ["fr.ctc", "ru.ctc", "us.ctc"]
        .map(|id| id.parse().unwrap())
        .to_vec();
    let plan = WorldPlan::new("audit.wardline.invalid", &agencies).unwrap();
    let world = World::open(&temporary.path().join("world"), plan).await.unwrap();
    let relay = RelayProcess::start(Path::new(PROGRAM), &world.config())
        .await
        .unwrap();
    world.remember(relay.serving().listen).unwrap();
    world.enrol(relay.serving()).await.unwrap();
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

/// The relay's key of the log, where its configuration says.
fn log_key(world: &World) -> std::path::PathBuf {
    world.relay_settings().unwrap().log_key_file
}
