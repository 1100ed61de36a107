//! `relay dev`, as three terminals use it: a relay of one's own, an officer who watches and answers, a sender, an auditor.
//! All of it is the real binary over real TLS.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::Value;
use wardline::cli::world::{RelayProcess, World, WorldPlan};
use wardline::client::Client;
use wardline::client::keys::KeyRequest;

use crate::support::{PATIENCE, PROGRAM, until_blocking, wardline};

/// Far more than anything here takes: a test that hangs fails.
const BOUND: Duration = Duration::from_secs(120);

/// The program, where the tests run.
fn here(arguments: &[&str]) -> Command {
    wardline(Path::new("."), arguments)
}

/// A `relay dev` that runs. Dropping it kills it.
struct Dev {
    child: Child,
    lines: mpsc::Receiver<String>,
    serving: Value,
}

impl Dev {
    fn start(directory: &Path, agencies: &str) -> Self {
        let mut child = here(&["--json", "relay", "dev", "--agencies", agencies])
            .arg(directory)
            // Of a relay of one's own, and of nothing: neither is for this one.
            .env("WARDLINE_LOG_KEY_FILE", directory.join("theirs.pem"))
            .env("WARDLINE_UNKNOWN", "setting")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut dev = Self {
            child,
            lines,
            serving: Value::Null,
        };
        dev.serving = dev.next();
        assert_eq!(dev.serving["event"], "serving");
        dev
    }

    fn next(&self) -> Value {
        serde_json::from_str(&self.lines.recv_timeout(BOUND).unwrap()).unwrap()
    }

    fn profile(&self, name: &str) -> PathBuf {
        PathBuf::from(self.serving["profiles"][name].as_str().unwrap())
    }

    /// A command of somebody's, which must succeed; its objects.
    fn run(&self, name: &str, arguments: &[&str]) -> Vec<Value> {
        objects(&self.output(name, arguments), 0)
    }

    fn output(&self, name: &str, arguments: &[&str]) -> Output {
        let mut command = here(&["--json", "--profile"]);
        command.arg(self.profile(name)).args(arguments).output().unwrap()
    }

    /// SIGTERM, as an operator stops it; it must end well.
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(self.next()["event"], "stopped");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn objects(output: &Output, code: i32) -> Vec<Value> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What a newcomer does: one watches, one sends, the officer answers, the sender sees it proven, the auditor verifies. A
/// second relay on the same directory is refused meanwhile, and starts where the first ended when it is gone.
#[test]
fn three_terminals_are_enough() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("world");
    let dev = Dev::start(&directory, "us.ctc,ru.ctc");
    let origin = dev.serving["origin"].as_str().unwrap().to_owned();
    assert!(origin.starts_with("dev.wardline.invalid/"));

    let draft = directory.join("examples/moscow-2024-concert-hall.yaml");
    let sent = &dev.run("us.ctc", &["send", draft.to_str().unwrap()])[0];
    let id = sent["id"].as_str().unwrap();
    assert_eq!(sent["recipients"][0]["desk"], "ru.ctc");

    let watched = dev.run("ru.ctc", &["watch", "--count", "1", "--timeout", "90s"]);
    let warning = watched.iter().find(|it| it["event"] == "warning").unwrap();
    assert_eq!(warning["digest"], sent["digest"]);
    assert!(watched.iter().any(|it| it["event"] == "received"), "{watched:?}");

    let answered = &dev.run(
        "ru.ctc",
        &[
            "ack",
            id,
            "--as",
            "accepted",
            "--by",
            "duty officer",
            "--assessment",
            "actionable",
        ],
    )[0];
    assert_eq!(answered["kind"], "ACCEPTED");

    let status = &dev.run("us.ctc", &["status", id])[0];
    assert_eq!(status["recipients"][0]["desk"], "ru.ctc");
    assert_eq!(status["recipients"][0]["step"], "ANSWERED");
    assert_eq!(status["recipients"][0]["answer"], "ACCEPTED");

    let verified = &dev.run("auditor", &["audit", "verify"])[0];
    assert_eq!(verified["acceptances"], 1);
    assert_eq!(verified["out_of_scope"], 0);
    assert_eq!(verified["starts"], 1);

    // What proves it to a stranger, checked under the policy that the world wrote.
    // The world's witnesses cosign a moment after the answer; a bundle ends where they do.
    let answer = answered["index"].as_u64().unwrap();
    let mut attempts = 0..;
    let evidence = until_blocking(PATIENCE, "a cosigned bundle of the answer", || {
        let file = directory.join(format!("evidence-{}.json", attempts.next().unwrap()));
        let arguments = ["audit", "bundle", id, "-o", file.to_str().unwrap()];
        let made = &dev.run("us.ctc", &arguments)[0];
        let [size, cosignatures] = ["checkpoint_size", "cosignatures"].map(|it| made[it].as_u64().unwrap());
        (size > answer && cosignatures >= 2).then_some(file)
    });
    let evidence = evidence.to_str().unwrap();
    let policy = dev.serving["policy"].as_str().unwrap();
    let arguments = ["--json", "audit", "check", evidence, "--policy", policy];
    let told = &objects(&here(&arguments).output().unwrap(), 0)[0];
    assert_eq!(told["recipients"][0]["answer"], "ACCEPTED");
    let standing = |what: &str| {
        let acts = told["acts"].as_array().unwrap();
        let found = acts.iter().find(|act| act["what"] == what);
        found.map(|act| act["standing"].as_str().unwrap().to_owned())
    };
    for what in ["WARNED", "RECEIVED", "ACCEPTED"] {
        assert_eq!(standing(what).as_deref(), Some("PROVEN"), "{what}");
    }
    assert_eq!(standing("HANDED_OVER").as_deref(), Some("CLAIMED_BY_RELAY"));
    assert_eq!(dev.serving["witnesses"].as_object().unwrap().len(), 3);
    assert!(told["checkpoint"]["quorum_since"].is_string(), "{told}");

    let second = here(&["--json", "relay", "dev"])
        .arg(&directory)
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("is in use"));
    let url = dev.serving["url"].clone();
    dev.stop();

    // Another agency joins; what was there is still there, at the same place.
    let again = Dev::start(&directory, "us.ctc,ru.ctc,fr.ctc");
    assert_eq!(again.serving["origin"], origin.as_str());
    assert_eq!(again.serving["url"], url);
    let status = &again.run("us.ctc", &["status", id])[0];
    assert_eq!(status["recipients"][0]["answer"], "ACCEPTED");
    let verified = &again.run("auditor", &["audit", "verify"])[0];
    assert_eq!(verified["starts"], 2);
    // int.un, us, ru, fr and their agencies and auditor.
    assert_eq!(verified["principals"], 8);
    again.stop();
}

/// Polls a future so often, and then no more: whatever it was doing is left as a crash leaves it.
struct Crashing<F> {
    work: Pin<Box<F>>,
    polls: u32,
}

impl<F: Future> Future for Crashing<F> {
    type Output = Option<F::Output>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.work.as_mut().poll(context).map(Some)
    }
}

/// A world whose making was cut off at many places is completed by the next attempt: everybody is enrolled once, with
/// desks and mandates, and all keys work.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_half_made_is_completed() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("world");
    let agencies = ["be.ctc", "ru.ctc"].map(|id| id.parse().unwrap());
    let plan = || WorldPlan::new("dev.wardline.invalid", &agencies).unwrap();
    let profiles = directory.join("profiles");

    // Offline: a key without its request, a root without its certificate, a missing certificate.
    let world = World::open(&directory, plan()).await.unwrap();
    let origin = world.origin().clone();
    drop(world);
    let be = profiles.join("be.ctc");
    for role in ["originate", "receive", "officer", "seal", "tls"] {
        std::fs::remove_file(be.join(format!("requests/{role}.cert.json"))).unwrap();
    }
    std::fs::remove_file(be.join("requests/tls.json")).unwrap();
    std::fs::remove_file(profiles.join("ru.ctc/requests/officer.cert.json")).unwrap();
    let world = World::open(&directory, plan()).await.unwrap();
    assert_eq!(*world.origin(), origin);

    // Online: the enrolment is cut off again and again.
    let relay = RelayProcess::start(Path::new(PROGRAM), &world.config())
        .await
        .unwrap();
    world.remember(relay.serving().listen).unwrap();
    for polls in [2, 5, 12, 30, 60] {
        let cut = Crashing {
            work: Box::pin(world.enrol(relay.serving())),
            polls,
        };
        if let Some(ended) = cut.await {
            ended.unwrap();
        }
    }
    world.enrol(relay.serving()).await.unwrap();

    let auditor = Client::open(&world.auditor()).unwrap();
    auditor.follow_directory().await.unwrap();
    let known = auditor.known_directory().await;
    assert_eq!(known.directory().agencies().count(), 3);
    for agency in &agencies {
        let entry = known.directory().agency(agency).unwrap();
        assert!(entry.auditors.contains(&world.plan().auditor));
        let client = Client::open(&world.agency(agency)).unwrap();
        assert!(client.outbox().list().unwrap().is_empty());
        client.checkpoint().await.unwrap();
    }
    assert_eq!(known.directory().desks_of(&agencies[0]).len(), 2);

    // As a world that an earlier version made: an agency without a seal key is given one, and keeps the others.
    let ru = profiles.join("ru.ctc");
    for file in ["keys/seal.pem", "requests/seal.json", "requests/seal.cert.json"] {
        std::fs::remove_file(ru.join(file)).unwrap();
    }
    let tls = std::fs::read(ru.join("keys/tls.pem")).unwrap();
    relay.stop().await.unwrap();
    drop(world);
    let world = World::open(&directory, plan()).await.unwrap();
    let relay = RelayProcess::start(Path::new(PROGRAM), &world.config())
        .await
        .unwrap();
    world.enrol(relay.serving()).await.unwrap();
    assert_eq!(std::fs::read(ru.join("keys/tls.pem")).unwrap(), tls);
    let made = KeyRequest::read(&ru.join("requests/seal.cert.json")).unwrap();
    let auditor = Client::open(&world.auditor()).unwrap();
    auditor.follow_directory().await.unwrap();
    let known = auditor.known_directory().await;
    let newest = known.directory().seal_key_of(&agencies[1]).unwrap();
    assert_eq!(newest.keyid, made.keyid);
    relay.stop().await.unwrap();
}
