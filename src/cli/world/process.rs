//! A relay as a process of its own, as it is in reality: it can be killed, and it says on its standard output where it
//! listens. Its log lines go to a file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::Serving;
use crate::cli::{Exit, Fault};
use crate::config::{ENVIRONMENT_PREFIX, FlagSetting};
use crate::limits;

/// A relay that runs. Dropping it kills it.
#[derive(Debug)]
pub struct RelayProcess {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
    serving: Serving,
}

/// The line that `relay run --json` prints when it serves.
#[derive(Deserialize)]
struct ServingLine {
    event: String,
    listen: SocketAddr,
    log_vkey: String,
    tls_pin: String,
}

impl RelayProcess {
    /// Starts `program relay run` with this configuration, and returns when it serves.
    pub async fn start(program: &Path, config: &Path) -> Result<Self, Fault> {
        Self::start_with(program, config, &[]).await
    }

    /// The same with settings laid over it.
    pub async fn start_with(program: &Path, config: &Path, set: &[FlagSetting]) -> Result<Self, Fault> {
        let log = config.with_file_name("relay.log");
        let failed =
            |error: std::io::Error| Fault::new(Exit::Retry, format!("cannot start the relay: {error}"));
        let stderr = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(failed)?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            // Its configuration is the file that it is given: what somebody has set for a relay of their own is not for it.
            if name.as_encoded_bytes().starts_with(ENVIRONMENT_PREFIX.as_bytes()) {
                command.env_remove(name);
            }
        }
        let mut child = command
            .args(["--json", "relay", "run", "--config"])
            .arg(config)
            .args(set.iter().map(|it| format!("--set={}={}", it.key, it.value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            // An interrupt of the terminal is for us; we then end the relay ourselves.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let Some(out) = child.stdout.take() else {
            return Err(Fault::new(Exit::Retry, "the relay has no standard output"));
        };
        let mut out = BufReader::new(out).lines();
        let line = timeout(Duration::from_millis(limits::RELAY_START_MS_MAX), out.next_line()).await;
        let said = match line {
            Ok(Ok(Some(line))) => serving(&line),
            Ok(Ok(None)) | Ok(Err(_)) => Err("it ended".to_owned()),
            Err(_) => {
                let sentence = format!("the relay did not serve within {} ms", limits::RELAY_START_MS_MAX);
                return Err(Fault::new(Exit::TimedOut, sentence).advising(see(&log)));
            }
        };
        match said {
            Ok(serving) => Ok(Self {
                child,
                out,
                log,
                serving,
            }),
            Err(why) => {
                let sentence = format!("the relay did not start: {why}");
                Err(Fault::new(Exit::Retry, sentence).advising(see(&log)))
            }
        }
    }

    /// Where it listens, and how it is known.
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// The process.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it (SIGKILL), in the middle of whatever it does.
    pub async fn kill(mut self) -> Result<(), Fault> {
        let killed = self.child.kill().await;
        killed.map_err(|error| Fault::new(Exit::Retry, format!("cannot kill the relay: {error}")))
    }

    /// Asks it to stop (SIGTERM), and waits until it has answered what was under way.
    pub async fn stop(mut self) -> Result<(), Fault> {
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            // One that has ended meanwhile is asked for its status below.
            let _ = kill_process(pid, Signal::TERM);
        }
        let ended = timeout(Duration::from_millis(limits::RELAY_STOP_MS_MAX), async {
            while let Ok(Some(_)) = self.out.next_line().await {}
            self.child.wait().await
        });
        let fault = match ended.await {
            Ok(Ok(status)) if status.success() => return Ok(()),
            Ok(Ok(status)) => Fault::new(Exit::Retry, format!("the relay ended badly: {status}")),
            Ok(Err(error)) => Fault::new(Exit::Retry, format!("the relay cannot be waited for: {error}")),
            Err(_) => Fault::new(Exit::TimedOut, "the relay did not stop when it was asked to"),
        };
        Err(fault.advising(see(&self.log)))
    }
}

fn serving(line: &str) -> Result<Serving, String> {
    let line: ServingLine = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if line.event != "serving" {
        return Err(format!("it says {}", line.event));
    }
    Ok(Serving {
        listen: line.listen,
        tls_pin: line
            .tls_pin
            .parse()
            .map_err(|error| format!("TLS pin: {error}"))?,
        log: line
            .log_vkey
            .parse()
            .map_err(|error| format!("log key: {error}"))?,
    })
}

fn see(log: &Path) -> String {
    format!("Its log lines are in {}.", log.display())
}
