//! One of a relay's witnesses is replaced by a hostile server: warnings are accepted while it holds the relay's connection, and
//! the quorum is met without it; when the others go too, that is seen, and when they come back. Real processes.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;

use serde_json::Value;
use wardline::relay::WitnessTimes;

use crate::support::{self, PATIENCE, WitnessProcess, World, draft, wardline};

/// Patient with an answer, so that what is held is held for all of the test; and soon sure that the quorum is missing.
const TIMES: WitnessTimes = WitnessTimes {
    ask_every_ms: 20,
    idle_ms: 200,
    anchor_ms: 100,
    answer_ms_max: 600_000,
    backoff_ms_max: 200,
    start_ms_max: 1_000,
    quorum_ms_max: 3_000,
    alarm_every_ms: 50,
};

/// Takes every request at an address and answers none; gives the connections on which it was asked to cosign.
fn hold(address: SocketAddr) -> mpsc::Receiver<TcpStream> {
    let listener = TcpListener::bind(address).unwrap();
    let (held, holds) = mpsc::channel();
    std::thread::spawn(move || {
        let mut others = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            if !request[..length].starts_with(b"POST") {
                others.push(stream);
            } else if held.send(stream).is_err() {
                return;
            }
        }
    });
    holds
}

/// Whether the relay still waits for its answer.
fn is_held(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let mut rest = [0; 4096];
    loop {
        match stream.peek(&mut rest) {
            Ok(0) => return false,
            Ok(_) => (&*stream).read(&mut rest).unwrap(),
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        };
    }
}

/// What `operator status --json` says.
fn status(world: &World) -> Value {
    let arguments = ["--json", "--profile", "alice", "operator", "status"];
    let said = wardline(world.path(), &arguments).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

/// Waits until the status is like this.
async fn until(world: &World, holds: impl Fn(&Value) -> bool) -> Value {
    support::until(PATIENCE, "the status to be so", async || {
        Some(status(world)).filter(|status| holds(status))
    })
    .await
}

fn quorum_size(status: &Value) -> u64 {
    status["quorum"]["size"].as_u64().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_witness_holds_a_connection_and_no_warning() {
    let mut world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let log = us.settings().log.vkey();
    let directories: Vec<_> = (0..3).map(|n| world.path().join(format!("w{n}"))).collect();
    let mut policy = format!("log {log}\n");
    let mut running = Vec::new();
    for (n, directory) in directories.iter().enumerate() {
        let name = format!("witness.invalid/{n}");
        let verifier = WitnessProcess::init(directory, &name, std::slice::from_ref(&log));
        let witness = WitnessProcess::start(directory);
        policy.push_str(&format!("witness w{n} {verifier} http://{}\n", witness.address));
        running.push(witness);
    }
    policy.push_str("group g 2 w0 w1 w2\nquorum g\n");
    let file = world.path().join("log.policy");
    std::fs::write(&file, policy).unwrap();
    let set = [("witness_policy", file.to_str().unwrap())];
    let times = |settings: &mut wardline::server::RelaySettings| settings.witness_times = TIMES;
    let mut hostile = running.pop().unwrap();
    hostile.kill();
    let held = hold(hostile.address);
    world.restart(&set, times, &["us.ctc", "ru.ctc", "alice"]).await;

    // It holds a request of the relay's, and will answer none; the warning's receipt comes all the same, and so does the quorum.
    let asked = tokio::task::spawn_blocking(move || {
        // The first is the question of the start, which has its own bound.
        let start = held.recv().unwrap();
        (held.recv().unwrap(), start, held)
    });
    let (stream, start, held) = asked.await.unwrap();
    let us = world.client("us.ctc");
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let met = until(&world, |status| quorum_size(status) > sent.index).await;
    assert_eq!(met["quorum"]["met"], true, "{met}");
    assert_eq!(met["witnesses"][2]["size"], 0, "{met}");
    assert!(is_held(&stream));

    // The honest ones go: it is seen, and warnings are accepted.
    let addresses: Vec<SocketAddr> = running.iter().map(|witness| witness.address).collect();
    running.iter_mut().for_each(WitnessProcess::kill);
    until(&world, |status| status["quorum"]["met"] == false).await;
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    assert!(quorum_size(&status(&world)) <= sent.index);

    // They come back, and so does the quorum, for what was accepted meanwhile.
    let _back: Vec<_> = (0..2)
        .map(|n| WitnessProcess::start_at(&directories[n], addresses[n]))
        .collect();
    let met = until(&world, |status| quorum_size(status) > sent.index).await;
    assert_eq!(met["quorum"]["met"], true, "{met}");
    drop((stream, start, held));
    world.stop().await;
}
