//! A relay and its witnesses, each a process of its own: the real binaries over loopback. What one alone does is shown in
//! `relay/witnesses/tests`; here that they understand each other, and that two relays of one log are caught.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wardline::relay::WitnessTimes;
use wardline::server::RelaySettings;
use wardline::transparency::{LogVerifier, Policy};

use crate::support::{Home, PATIENCE, Served, WitnessProcess, World, copy, draft, http_get, until, wardline};

/// Patient enough for a busy machine, and quick where nothing is waited for in vain.
const TIMES: WitnessTimes = WitnessTimes {
    ask_every_ms: 20,
    idle_ms: 200,
    anchor_ms: 100,
    answer_ms_max: 10_000,
    backoff_ms_max: 200,
    start_ms_max: 10_000,
    quorum_ms_max: 180_000,
    alarm_every_ms: 50,
};

/// A port of loopback that nobody has now.
fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Witnesses of one log that do not run yet, and a policy that names them.
struct Witnesses {
    directory: PathBuf,
    addresses: Vec<SocketAddr>,
    policy: PathBuf,
}

impl Witnesses {
    fn of(log: &LogVerifier, directory: &Path, count: usize, threshold: &str) -> Self {
        let addresses: Vec<SocketAddr> = (0..count).map(|_| free_port()).collect();
        let mut text = format!("log {}\n", log.vkey());
        let mut names = String::new();
        for (n, address) in addresses.iter().enumerate() {
            let name = format!("witness.invalid/{n}");
            let verifier = WitnessProcess::init(&directory.join(format!("w{n}")), &name, &[log.vkey()]);
            text.push_str(&format!("witness w{n} {verifier} http://{address}\n"));
            names.push_str(&format!(" w{n}"));
        }
        text.push_str(&format!("group g {threshold}{names}\nquorum g\n"));
        let policy = directory.join("log.policy");
        std::fs::write(&policy, text).unwrap();
        Self {
            directory: directory.to_owned(),
            addresses,
            policy,
        }
    }

    fn start(&self, n: usize) -> WitnessProcess {
        WitnessProcess::start_at(&self.directory.join(format!("w{n}")), self.addresses[n])
    }

    fn policy(&self) -> Policy {
        Policy::parse(&std::fs::read(&self.policy).unwrap()).unwrap()
    }

    /// The settings of a home with this policy.
    fn settings(&self, home: &Home) -> RelaySettings {
        let mut settings = home.settings(&[
            ("http_listen", "127.0.0.1:0"),
            ("public_listen", "127.0.0.1:0"),
            ("witness_policy", self.policy.to_str().unwrap()),
        ]);
        settings.witness_times = TIMES;
        settings
    }
}

/// Waits until a metric is what it should be. It need not be there at first.
async fn until_metric(relay: &Served, name: &str, holds: impl Fn(u64) -> bool) {
    until(PATIENCE, name, async || {
        let metrics = http_get(relay.http_address.unwrap(), "/metrics").await;
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        holds(value.parse().unwrap()).then_some(())
    })
    .await;
}

/// Two witnesses of three are enough. With all, with one killed and with all killed warnings are accepted; the quorum is
/// there, is still there, is missed, and comes back with a witness: in the figures, in the operator's status and in the
/// public checkpoint. `relay check` says the policy in words.
#[tokio::test]
async fn warnings_flow_whoever_of_the_witnesses_is_there() {
    let home = Home::new();
    let begun = home.begin().await;
    let witnesses = Witnesses::of(&begun.verifier, home.path(), 3, "2");
    let mut running: Vec<WitnessProcess> = (0..3).map(|n| witnesses.start(n)).collect();
    let mut settings = witnesses.settings(&home);
    // Longer than a round of all, and not too long to be waited for.
    settings.witness_times.quorum_ms_max = 2_000;
    let world = World::over(home, begun, settings, &["us.ctc", "ru.ctc"]).await;
    let relay = &world.served;
    let us = world.client("us.ctc");

    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    until_metric(relay, "wardline_witness_quorum_size", |size| size > sent.index).await;
    until_metric(relay, "wardline_witness_quorum", |met| met == 1).await;
    let policy = witnesses.policy();
    let shown = until(PATIENCE, "the warning under the public checkpoint", async || {
        let answer = http_get(relay.public_address.unwrap(), "/checkpoint").await;
        let (_, note) = answer.split_once("\r\n\r\n").unwrap();
        let shown = policy.open(note).unwrap();
        (shown.checkpoint().size > sent.index).then_some(shown)
    })
    .await;
    assert!(shown.has_quorum());

    running[2].kill();
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    until_metric(relay, "wardline_witness_quorum_size", |size| size > sent.index).await;
    until_metric(
        relay,
        "wardline_witness_refusals_total{witness=\"w2\",kind=\"unreachable\"}",
        |count| count > 0,
    )
    .await;

    running[1].kill();
    running[0].kill();
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    until_metric(relay, "wardline_witness_quorum", |met| met == 0).await;
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let status = world.operator().operator_status().await.unwrap();
    assert!(!status.quorum.as_ref().unwrap().met);
    assert_eq!(status.witnesses.len(), 3);
    assert!(
        status
            .witnesses
            .iter()
            .all(|witness| witness.size > 0 || witness.name == "w2")
    );
    // On another thread: the relay is served by this one.
    let mut asking = wardline(world.path(), &["--profile", "alice", "operator", "status"]);
    let said = tokio::task::spawn_blocking(move || asking.output().unwrap());
    let said = said.await.unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(
        said.contains("the quorum is MISSING") && said.contains("w1"),
        "{said}"
    );

    let _back = [witnesses.start(0), witnesses.start(2)];
    until_metric(relay, "wardline_witness_quorum_size", |size| size > sent.index).await;
    until_metric(relay, "wardline_witness_quorum", |met| met == 1).await;

    let set = format!("witness_policy={}", witnesses.policy.display());
    let explained = wardline(world.path(), &["relay", "check", "relay.toml", "--set", &set])
        .output()
        .unwrap();
    let refused = String::from_utf8(explained.stderr).unwrap();
    let explained = String::from_utf8(explained.stdout).unwrap() + &refused;
    assert!(
        explained.contains("at least 2 of them make a quorum"),
        "{explained}"
    );
    assert!(
        explained.contains(&format!("w0 at http://{}", witnesses.addresses[0])),
        "{explained}"
    );
    world.served.stop().await;
}

/// A log that has begun, and its copy in another home: the same data, key and all.
async fn forked() -> (Home, Home, LogVerifier) {
    let one = Home::new();
    let begun = one.begin().await;
    let other = Home::of(crate::support::ORIGIN, Vec::new());
    copy(&one.path().join("data"), &other.path().join("data"));
    (one, other, begun.verifier)
}

/// Two relays run from one copied data directory before the witness does. It cosigns for whoever comes first; the other is
/// told that it contradicts, keeps the first one's checkpoint under the log's own key as the proof, and the witness keeps both.
#[tokio::test]
async fn two_relays_of_one_log_are_caught_by_one_witness() {
    let (one, other, log) = forked().await;
    let witnesses = Witnesses::of(&log, one.path(), 1, "any");
    let relays = [
        (one.serve_with(&witnesses.settings(&one)).await, &one),
        (other.serve_with(&witnesses.settings(&other)).await, &other),
    ];
    let _witness = witnesses.start(0);
    let contradicts = "wardline_witness_refusals_total{witness=\"w0\",kind=\"contradicts\"}";
    let caught = tokio::select! {
        () = until_metric(&relays[0].0, contradicts, |count| count > 0) => 0,
        () = until_metric(&relays[1].0, contradicts, |count| count > 0) => 1,
    };
    let (first, second) = (&relays[1 - caught], &relays[caught]);
    until_metric(&first.0, "wardline_witness_quorum", |met| met == 1).await;
    assert_eq!(second.0.metric("wardline_witness_quorum").await, 0);

    // Kept a moment after it was counted.
    let kept = second.1.path().join("data/cosigned.contradictions");
    let note = until(PATIENCE, "the proof", async || {
        let files = std::fs::read_dir(&kept).into_iter().flatten();
        // Whole as soon as it has its name.
        let file = files
            .flatten()
            .find(|file| file.path().extension().is_some_and(|it| it == "note"))?;
        Some(std::fs::read_to_string(file.path()).unwrap())
    })
    .await;
    let shown = log.open(&note).unwrap();
    assert_eq!(witnesses.policy().open(&note).unwrap().cosignatures().len(), 1);
    let own = http_get(second.0.public_address.unwrap(), "/checkpoint").await;
    let own = log.open(own.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(own.size(), shown.size());
    assert_ne!(own.root(), shown.root());
    assert!(!first.1.path().join("data/cosigned.contradictions").exists());
    let evidence = std::fs::read_dir(witnesses.directory.join("w0/evidence")).unwrap();
    assert!(evidence.count() > 0);
    for (relay, _) in relays {
        relay.stop().await;
    }
}

/// A relay over an old copy of its data does not start while the witness knows more: exit 5, with the proof kept, and nothing
/// recorded. Over the data that it ran on it starts again.
#[tokio::test]
async fn a_relay_over_an_old_copy_does_not_start() {
    let (now, old, log) = forked().await;
    let witnesses = Witnesses::of(&log, now.path(), 1, "any");
    let _witness = witnesses.start(0);
    let relay = now.serve_with(&witnesses.settings(&now)).await;
    until_metric(&relay, "wardline_witness_quorum", |met| met == 1).await;
    relay.stop().await;

    let set = format!("witness_policy={}", witnesses.policy.display());
    for attempt in 0..2 {
        let run = ["--json", "relay", "run", "--config", "relay.toml", "--set", &set];
        let ended = wardline(old.path(), &run).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(5), "{attempt}: {said}");
        assert!(
            said.contains("that this log's own key has signed and that is not on this log"),
            "{said}"
        );
        let out: Result<Value, _> = serde_json::from_slice(&ended.stdout);
        assert!(!out.is_ok_and(|out| out["event"] == "serving"));
    }
    let kept = std::fs::read_dir(old.path().join("data/cosigned.contradictions")).unwrap();
    let kept: Vec<PathBuf> = kept.map(|file| file.unwrap().path()).collect();
    assert_eq!(kept.len(), 1, "the same proof is kept once");
    log.open(&std::fs::read_to_string(&kept[0]).unwrap()).unwrap();

    let relay = now.serve_with(&witnesses.settings(&now)).await;
    until_metric(&relay, "wardline_witness_quorum", |met| met == 1).await;
    relay.stop().await;
}

/// A relay over an old copy of its data does not start while a follower shows a later checkpoint under the log's own key: the
/// public read side of the relay that went on. Exit 5 with the proof kept, and without any witness. What the log's key has not
/// signed, a status and nobody at all stop no start; nor does a follower that has less.
#[tokio::test]
async fn a_relay_behind_its_follower_does_not_start() {
    let (now, old, _) = forked().await;
    let ahead = now
        .serve_with(&now.settings(&[("public_listen", "127.0.0.1:0")]))
        .await;
    let public = format!("http://{}", ahead.public_address.unwrap());
    let nobody = format!("http://{}/checkpoint", free_port());
    let (checkpoint, missing) = (format!("{public}/checkpoint"), format!("{public}/missing"));
    let tile = format!("{public}/tile/0/000.p/1");

    let set = format!("followers={nobody},{missing},{tile},{checkpoint}");
    let explain = ["relay", "check", "relay.toml", "--set", &set];
    let explained = wardline(old.path(), &explain).output().unwrap();
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(
        explained.contains("these 4 are asked for a checkpoint"),
        "{explained}"
    );

    let run = ["--json", "relay", "run", "--config", "relay.toml", "--set", &set];
    let mut starting = wardline(old.path(), &run);
    // On another thread: the follower is served by this one.
    let ended = tokio::task::spawn_blocking(move || starting.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(5), "{said}");
    let names = format!("the follower {checkpoint} shows a checkpoint of size");
    assert!(said.contains(&names), "{said}");
    assert_eq!(
        said.matches("a follower of this log says nothing").count(),
        3,
        "{said}"
    );
    let kept = std::fs::read_dir(old.path().join("data/cosigned.contradictions")).unwrap();
    let kept: Vec<PathBuf> = kept.map(|file| file.unwrap().path()).collect();
    let note = std::fs::read_to_string(&kept[0]).unwrap();
    let shown = http_get(ahead.public_address.unwrap(), "/checkpoint").await;
    assert_eq!(
        (kept.len(), note.as_str()),
        (1, shown.split_once("\r\n\r\n").unwrap().1)
    );

    let others = format!("{nobody},{missing},{tile}");
    let settings = old.settings(&[("followers", &others), ("public_listen", "127.0.0.1:0")]);
    let behind = old.serve_with(&settings).await;
    // It has written another record of its start by now: what it shows is another tree of the size that the first has.
    ahead.stop().await;
    let other = format!("http://{}/checkpoint", behind.public_address.unwrap());
    let refused = wardline::server::start(&now.settings(&[("followers", &other)])).await;
    let refused = refused.err().unwrap().to_string();
    assert!(
        refused.contains(&format!("the follower {other} shows")),
        "{refused}"
    );
    behind.stop().await;

    // Its own earlier checkpoint, which a mirror may still show, is on the log.
    let mirror = mirror(note).await;
    let again = now.serve_with(&now.settings(&[("followers", &mirror)])).await;
    again.stop().await;
}

/// Where this note is shown.
async fn mirror(note: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/checkpoint", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/checkpoint", axum::routing::get(move || async move { note }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
