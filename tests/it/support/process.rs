//! The real binary as a process: started, read line by line, and sent signals.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// `wardline --json relay run`, which says where it serves.
pub(crate) struct RelayProcess {
    child: Child,
    lines: BufReader<ChildStdout>,
    log: Option<JoinHandle<String>>,
    pub(crate) serving: Value,
}

/// The binary.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_wardline");

/// It, without the settings of whoever runs the tests.
pub(crate) fn wardline(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WARDLINE_") {
            command.env_remove(name);
        }
    }
    command.current_dir(directory).args(arguments);
    command
}

impl RelayProcess {
    pub(crate) fn start(directory: &Path, set: &[&str]) -> Self {
        Self::start_with(directory, set, |_| {})
    }

    /// The same with more said to the process.
    pub(crate) fn start_with(directory: &Path, set: &[&str], adjust: impl FnOnce(&mut Command)) -> Self {
        let mut arguments = vec!["--json", "relay", "run", "--config", "relay.toml"];
        for set in set {
            arguments.extend(["--set", set]);
        }
        let mut command = wardline(directory, &arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        adjust(&mut command);
        let mut child = command.spawn().unwrap();
        // Read all along: a pipe that is full would hold up whoever writes a line.
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut said = Vec::new();
            stderr.read_to_end(&mut said).unwrap();
            String::from_utf8_lossy(&said).into_owned()
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        match serde_json::from_str(&line) {
            Ok(serving) => Self {
                child,
                lines,
                log: Some(log),
                serving,
            },
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                let said = log.join().unwrap();
                panic!("the relay did not start: {line}{said}");
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let signal = match name {
            "TERM" => Signal::TERM,
            "INT" => Signal::INT,
            other => panic!("{other}"),
        };
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its exit code, its last line on standard output, and all of its log.
    pub(crate) fn ended(mut self) -> (Option<i32>, Value, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let log = self.log.take().unwrap().join().unwrap();
        let status = self.child.wait().unwrap();
        let last = rest
            .lines()
            .last()
            .map_or(Value::Null, |line| serde_json::from_str(line).unwrap());
        (status.code(), last, log)
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        // Only if a test failed before it ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
