//! The log of the daemon, which must never hold it up.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use crate::support::{Home, call, channel, wardline};

/// With a log that nobody reads, hundreds of lines long, the relay answers as before, and still drains: what holds the log's
/// pipe holds up nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_holds_up_nothing() {
    let home = Home::begun().await;
    let run = [
        "--json",
        "relay",
        "run",
        "--config",
        "relay.toml",
        "--set",
        "log.level=trace",
    ];
    let mut child = wardline(home.path(), &run)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let serving: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let address = serving["listen"].as_str().unwrap().parse().unwrap();
    let pin = serving["tls_pin"].as_str().unwrap().parse().unwrap();
    let channel = channel(address, pin, &home.operator()).await;
    // A pipe holds 64 KiB, a line of a call has more than 150 bytes.
    let calls = stream::iter(0..600).map(|_| {
        let path = "/wardline.v1.Audit/GetCheckpoint";
        call(channel.clone(), path, Bytes::new())
    });
    let answered: Vec<_> = calls.buffer_unordered(32).collect().await;
    assert!(answered.iter().all(Result::is_ok));
    drop(channel);
    let terminated = std::process::Command::new("kill")
        .arg(child.id().to_string())
        .status();
    assert!(terminated.unwrap().success());
    let stopped: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(
        (&stopped["event"], &stopped["cut"]),
        (&"stopped".into(), &false.into())
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
