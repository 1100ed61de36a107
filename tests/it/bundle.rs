//! `audit bundle`, `check` and `compare` as people type them: the real binary. The originator, a recipient and the auditor
//! each make a bundle against a relay that runs as a process of its own; then the relay is gone, and the bundles are judged.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use wardline::audit::{Standing, Trusted, check, make, make_cosigned};
use wardline::cli::world::{RelayProcess, World, WorldPlan};
use wardline::client::{AcknowledgementDraft, Client, Draft, ProfileDir, Sent, bench};
use wardline::domain::{AcknowledgementKind, AgencyId, RefusalReason, WarningName};
use wardline::relay::WitnessTimes;
use wardline::seal::SecretKey;
use wardline::transparency::{LogKey, Policy};

use crate::support::{self, Home, PATIENCE, PROGRAM, WitnessProcess, wardline};

/// What a command printed, and how it ended.
fn run(directory: &Path, arguments: &[&str]) -> Output {
    wardline(directory, arguments).output().unwrap()
}

fn printed(directory: &Path, arguments: &[&str], code: i32) -> String {
    let output = run(directory, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn object(directory: &Path, arguments: &[&str], code: i32) -> Value {
    let mut arguments = arguments.to_vec();
    arguments.push("--json");
    serde_json::from_str(&printed(directory, &arguments, code)).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn draft(headline: &str) -> Draft {
    let mut draft = bench::draft("ru.ctc".parse().unwrap(), 200).unwrap();
    draft.to.push("fr.ctc".parse().unwrap());
    headline.clone_into(&mut draft.body.blocks[0].headline);
    draft
}

async fn refuse(client: &Client, warning: &Sent) {
    let note = "Not now.\nPROVEN: by signatures that lead to what you trust".to_owned();
    let draft = AcknowledgementDraft {
        office: "duty officer".to_owned(),
        reason: Some(RefusalReason::Busy),
        note: Some(("en".parse().unwrap(), note)),
        ..AcknowledgementDraft::bare(
            warning.id,
            warning.digest,
            client.own_desk().unwrap(),
            AcknowledgementKind::Refused,
        )
    };
    client.acknowledge(&draft).await.unwrap();
}

/// A text of which the words that differ from run to run are replaced.
fn redacted(text: &str, origin: &str) -> String {
    let text = text.replace(origin, "[log]");
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '.') {
            word.push(c);
            continue;
        }
        let bare = word.trim_end_matches('.');
        let is_hex = bare.len() >= 16 && bare.bytes().all(|b| b.is_ascii_hexdigit());
        let is_time = bare.len() == 24 && bare.ends_with('Z') && bare.as_bytes()[10] == b'T';
        let is_id = bare.len() == 36 && bare.matches('-').count() == 4;
        let shown = match (is_hex, is_time, is_id) {
            (true, _, _) => "[hex]",
            (_, true, _) => "[time]",
            (_, _, true) => "[id]",
            (_, _, _) => bare,
        };
        out.push_str(shown);
        out.push_str(&word[bare.len()..]);
        out.push(c);
        word.clear();
    }
    // How much of the log a client had verified depends on when it last looked, and who is enrolled first on who is quicker.
    let numberless = |text: &str, before: &str| {
        let mut parts = text.split(before);
        let mut shown = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            shown.push_str(before);
            shown.push_str("[n]");
            shown.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
        shown
    };
    let out = numberless(out.trim_end(), "the root of the first ");
    numberless(&out, "It is valid from record ")
}

/// Everything that a bundle has of the exchange, decoded: what it could name somebody in.
fn of_the_exchange(bundle: &Value) -> Vec<u8> {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    fn texts(value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::String(text) => {
                out.extend_from_slice(text.as_bytes());
                out.extend(BASE64_STANDARD.decode(text).unwrap_or_default());
            }
            Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
            Value::Object(members) => members.values().for_each(|member| texts(member, out)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut bundle = bundle.clone();
    bundle.as_object_mut().unwrap().remove("directory");
    let mut out = Vec::new();
    texts(&bundle, &mut out);
    out
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A warning to two, one of whom refuses. The originator, the refuser and the auditor each make a bundle; a stranger checks
/// them when the relay is gone. Nothing is overwritten; a changed one is exit 5 with its part, an unusable policy exit 1; a fork
/// that a client kept becomes a proof.
#[tokio::test(flavor = "multi_thread")]
async fn evidence_outlives_the_relay() {
    let temporary = tempfile::tempdir().unwrap();
    let here = temporary.path();
    let agencies: Vec<AgencyId> = ["fr.ctc", "ru.ctc", "us.ctc"]
        .map(|id| id.parse().unwrap())
        .to_vec();
    let plan = WorldPlan::new("bundle.wardline.invalid", &agencies).unwrap();
    let world = World::open(&here.join("world"), plan).await.unwrap();
    let relay = RelayProcess::start(Path::new(PROGRAM), &world.config())
        .await
        .unwrap();
    world.remember(relay.serving().listen).unwrap();
    world.enrol(relay.serving()).await.unwrap();
    let policy = world.write_policy(&relay.serving().log, None).unwrap();
    let client = |agency: &AgencyId| Client::open(&world.agency(agency)).unwrap();
    let (ru, us) = (client(&agencies[1]), client(&agencies[2]));
    let sent = us.submit(&draft("Attack on a concert hall")).await.unwrap();
    refuse(&ru, &sent).await;

    // Each makes one of what is theirs, for its owner alone, and none over what is there.
    let digest = sent.digest.to_string();
    let make = |profile: &ProfileDir, file: &str, code: i32, more: &[&str]| {
        let file = here.join(file);
        let arguments = [
            "--profile",
            path(profile.path()),
            "audit",
            "bundle",
            &digest,
            "-o",
            path(&file),
        ];
        let arguments = [&arguments[..], more].concat();
        (printed(here, &arguments, code), file)
    };
    let profiles = [
        world.agency(&agencies[2]),
        world.agency(&agencies[1]),
        world.auditor(),
    ];
    // What lies among the timestamp tokens and cannot be read stops nobody, and is told.
    std::fs::create_dir_all(profiles[0].timestamps().join("not-a-token.json")).unwrap();
    let unread = run(
        here,
        &[
            "--profile",
            path(profiles[0].path()),
            "--json",
            "audit",
            "bundle",
            &digest,
            "-o",
            "told.json",
        ],
    );
    let told: Value = serde_json::from_slice(&unread.stdout).unwrap();
    assert_eq!(
        told["timestamps_unusable"],
        serde_json::json!(["not-a-token.json"])
    );
    let stderr = String::from_utf8_lossy(&unread.stderr);
    assert!(
        stderr.contains("not-a-token.json") && stderr.contains("cannot be used"),
        "{stderr}"
    );
    let [by_us, by_ru, by_auditor] =
        [0, 1, 2].map(|who| make(&profiles[who], &format!("{who}.json"), 0, &[]).1);
    let opened = make(&profiles[0], "opened.json", 0, &["--open"]).1;
    assert_eq!(
        std::fs::metadata(&by_us).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let before = std::fs::read(&by_us).unwrap();
    make(&profiles[1], "0.json", 1, &[]);
    assert_eq!(std::fs::read(&by_us).unwrap(), before);
    let to_stdout = [
        "--profile",
        path(profiles[0].path()),
        "audit",
        "bundle",
        &digest,
        "-o",
        "-",
    ];
    let streamed: Value = serde_json::from_str(&printed(here, &to_stdout, 0)).unwrap();
    assert_eq!(streamed["format"], "wardline-evidence/v1");
    relay.stop().await.unwrap();

    // What a stranger is told, with no relay and no profile.
    let origin = world.origin().as_str();
    let check = |file: &Path, policy: &Path, code: i32| {
        object(
            here,
            &["audit", "check", path(file), "--policy", path(policy)],
            code,
        )
    };
    let told = printed(
        here,
        &["audit", "check", path(&opened), "--policy", path(&policy)],
        0,
    );
    insta::assert_snapshot!(redacted(&told, origin));
    let of_us = check(&by_us, &policy, 0);
    assert_eq!(of_us["recipients"].as_array().unwrap().len(), 2);
    assert_eq!(check(&by_auditor, &policy, 0)["acts"], of_us["acts"]);
    let of_ru = check(&by_ru, &policy, 0);
    assert_eq!(
        (&of_ru["recipients"][0]["desk"], &of_ru["all_recipients"]),
        (&"ru.ctc".into(), &false.into())
    );
    let exchange = of_the_exchange(&serde_json::from_slice(&std::fs::read(&by_ru).unwrap()).unwrap());
    assert!(holds(&exchange, "ru.ctc") && !holds(&exchange, "fr.ctc"));

    // The log's policy alone: the signatures are whose the relay says that they are.
    let alone = check(&by_us, &policy.join("log.policy"), 0);
    assert_eq!(alone["acts"][0]["standing"], "CLAIMED_BY_RELAY");
    assert_eq!(of_us["acts"][0]["standing"], "PROVEN");

    // A changed one names its part; a policy that is none is no verdict.
    let mut changed: Value = serde_json::from_slice(&before).unwrap();
    changed["threads"][0]["records"][0]["record"] = changed["threads"][1]["records"][0]["record"].clone();
    let bad = here.join("bad.json");
    std::fs::write(&bad, changed.to_string()).unwrap();
    let fault = check(&bad, &policy, 5);
    assert_eq!(
        (&fault["verified"], &fault["part"]),
        (&false.into(), &"threads[0].records[0]".into())
    );
    let no_policy = here.join("no.policy");
    printed(
        here,
        &["audit", "check", path(&by_us), "--policy", path(&no_policy)],
        1,
    );
    std::fs::write(&no_policy, "quorum\n").unwrap();
    printed(
        here,
        &["audit", "check", path(&by_us), "--policy", path(&no_policy)],
        1,
    );
    printed(
        here,
        &["audit", "check", "nothing.json", "--policy", path(&policy)],
        2,
    );
    printed(here, &["audit", "check", path(&by_us)], 2);

    contradictions(here, &world, &policy, [&by_us, &by_ru]).await;
}

/// What agrees is exit 0: two bundles, and a bundle and the receipts of its originator. A fork that a client found is a proof.
async fn contradictions(here: &Path, world: &World, policy: &Path, bundles: [&Path; 2]) {
    let compare = |a: &Path, b: &Path, more: &[&str], code: i32| {
        let mut arguments = vec!["audit", "compare", path(a), path(b)];
        arguments.extend_from_slice(more);
        object(here, &arguments, code)
    };
    let with_policy = ["--policy", path(policy)];
    let us = world.agency(&"us.ctc".parse().unwrap());
    assert_eq!(
        compare(bundles[0], bundles[1], &with_policy, 0)["consistent"],
        true
    );
    let with_profile = ["--profile", path(us.path())];
    compare(bundles[0], &us.receipts(), &with_profile, 0);

    // The log's own key signs another root of the size that the auditor has verified.
    let auditor = world.auditor();
    let kept = std::fs::read_to_string(auditor.checkpoint()).unwrap();
    let size: u64 = kept.lines().nth(1).unwrap().parse().unwrap();
    let key = SecretKey::read_from(&world.relay_settings(&[]).unwrap().log_key_file).unwrap();
    let other =
        LogKey::new(world.origin().clone(), key).sign_checkpoint(size, wardline::domain::Hash([1; 32]));
    std::fs::write(auditor.checkpoint(), other).unwrap();
    let relay = RelayProcess::start(Path::new(PROGRAM), &world.config())
        .await
        .unwrap();
    std::fs::write(here.join("kept.checkpoint"), kept).unwrap();
    printed(here, &["--profile", path(auditor.path()), "audit", "verify"], 5);
    relay.stop().await.unwrap();
    let evidence = std::fs::read_dir(auditor.evidence()).unwrap();
    let evidence = evidence.map(|entry| entry.unwrap().path()).next().unwrap();
    let proof = here.join("proof.json");
    let both = [&with_policy[..], &["-o", path(&proof)][..]].concat();
    let told = compare(&evidence, &here.join("kept.checkpoint"), &both, 5);
    assert_eq!(told["misbehaviour"], "TWO_ROOTS");
    let checked = printed(
        here,
        &["audit", "check", path(&proof), "--policy", path(policy)],
        0,
    );
    assert!(checked.starts_with("PROOF OF MISBEHAVIOUR\n"), "{checked}");
}

/// With two witnesses, each a process of its own, a bundle proves when: the log is vouched for, each act has its bracket, and
/// the silence before the answer is proven. The bundle is made as soon as both have cosigned the answer.
#[tokio::test]
async fn witnesses_give_evidence_its_times() {
    let home = Home::new();
    let begun = home.begin().await;
    let log = begun.verifier.clone();
    let mut text = format!("log {}\n", log.vkey());
    let mut running = Vec::new();
    for name in ["north", "south"] {
        let directory = home.path().join(name);
        let verifier = WitnessProcess::init(&directory, &format!("{name}.invalid"), &[log.vkey()]);
        let witness = WitnessProcess::start(&directory);
        text.push_str(&format!("witness {name} {verifier} http://{}\n", witness.address));
        running.push(witness);
    }
    text.push_str("group both all north south\nquorum both\n");
    let policy = home.path().join("log.policy");
    std::fs::write(&policy, &text).unwrap();
    let settings = home.settings(&[("witness_policy", policy.to_str().unwrap())]);
    let world = support::World::over(home, begun, settings, &["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let sent = us.submit(&support::draft(&["ru.ctc"])).await.unwrap();
    // The relay asks its witnesses in the background, and nobody else can say when they have answered.
    let cosigned = |index: u64| {
        let us = us.clone();
        async move {
            loop {
                let made = make(&us, &WarningName::Digest(sent.digest)).await;
                let is_whole = made.as_ref().is_ok_and(|made| {
                    made.findings.checkpoint.size > index
                        && made.bundle.checkpoint.matches('\u{2014}').count() > 2
                });
                if is_whole {
                    return made.unwrap();
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    };
    cosigned(sent.index).await;
    refuse(&ru, &sent).await;
    let made = cosigned(sent.index + 2).await;

    let trusted = Trusted::new(Policy::parse(text.as_bytes()).unwrap(), None);
    let findings = check(&made.bundle, &trusted).unwrap();
    assert!(findings.checkpoint.quorum.is_some());
    // The tree is vouched for; whose warning it was about is not, to a verifier who brings no roots.
    assert_eq!(
        findings.recipients[0].silence.standing(),
        Standing::ClaimedByRelay
    );
    for act in &findings.acts {
        assert!(act.bracket.not_after.is_some(), "{act:?}");
    }
    let answer = findings.acts.last().unwrap();
    assert_eq!(answer.what.word(), "REFUSED");
    let (lower, upper) = (
        answer.bracket.not_before.as_ref(),
        answer.bracket.not_after.as_ref(),
    );
    assert!(lower.unwrap().time <= upper.unwrap().time, "{answer:?}");
    assert_eq!(lower.unwrap().witnesses, ["north.invalid", "south.invalid"]);
}

/// The witness is away when an answer comes, and is back only when somebody waits for it: the bundle is made under the
/// checkpoint that it then cosigns. Whoever does not wait, or waits in vain, has a bundle all the same, and is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_waits_for_its_witness() {
    let home = Home::new();
    let begun = home.begin().await;
    let log = begun.verifier.vkey();
    let directory = home.path().join("north");
    let verifier = WitnessProcess::init(&directory, "north.invalid", std::slice::from_ref(&log));
    let mut witness = WitnessProcess::start(&directory);
    let address = witness.address;
    let policy = home.path().join("log.policy");
    let text = format!("log {log}\nwitness north {verifier} http://{address}\nquorum north\n");
    std::fs::write(&policy, text).unwrap();
    let mut settings = home.settings(&[("witness_policy", policy.to_str().unwrap())]);
    settings.witness_times = WitnessTimes {
        ask_every_ms: 20,
        idle_ms: 200,
        backoff_ms_max: 200,
        ..WitnessTimes::default()
    };
    let world = support::World::over(home, begun, settings, &["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let sent = us.submit(&support::draft(&["ru.ctc"])).await.unwrap();
    let name = WarningName::Digest(sent.digest);
    let first = make_cosigned(&us, &name, PATIENCE, |_| {}).await.unwrap();
    assert_eq!(first.awaited(), None);

    witness.kill();
    refuse(&ru, &sent).await;
    let digest = sent.digest.to_string();
    let profile = world.profile("us.ctc");
    let told = |file: &str, more: &[&str]| {
        let file = world.path().join(file);
        let mut arguments = vec!["--profile", path(profile.path()), "audit", "bundle", &digest];
        arguments.extend(["-o", path(&file)]);
        arguments.extend(more);
        object(world.path(), &arguments, 0)
    };
    for (file, more, in_vain) in [
        ("now.json", &["--no-wait"][..], false),
        ("waited.json", &[], true),
    ] {
        let told = told(file, more);
        assert_eq!(told["cosignatures"], 0, "{told}");
        assert_eq!(told["waited_in_vain"], in_vain, "{told}");
        assert!(told["cosigned_size"].as_u64().unwrap() < told["checkpoint_size"].as_u64().unwrap());
    }

    let mut back = None;
    let made = make_cosigned(&us, &name, PATIENCE, |awaited| {
        assert!(awaited.cosigned < awaited.size);
        back = Some(WitnessProcess::start_at(&directory, address));
    })
    .await
    .unwrap();
    assert!(back.is_some());
    assert_eq!(made.awaited(), None);
    let answer = made.findings.recipients[0].answer.unwrap();
    assert!(answer.index < made.findings.checkpoint.size);
    let trusted = Trusted::new(Policy::parse(&std::fs::read(&policy).unwrap()).unwrap(), None);
    assert!(check(&made.bundle, &trusted).unwrap().checkpoint.quorum.is_some());
    assert_eq!(told("cosigned.json", &[])["waited_in_vain"], false);
}
