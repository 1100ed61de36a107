//! A witness as a process of its own, and the few HTTP requests that it answers, over a plain socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use wardline::transparency::WitnessVerifier;

use super::wardline;

/// `wardline --json witness run`, on a port that the system chose.
pub(crate) struct WitnessProcess {
    child: Child,
    directory: PathBuf,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it said when it began to serve.
    pub(crate) serving: Value,
}

/// An answer over HTTP.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

impl WitnessProcess {
    /// Makes a witness of these logs in a directory; gives its verifier key.
    pub(crate) fn init(directory: &Path, name: &str, logs: &[String]) -> WitnessVerifier {
        let path = directory.to_str().unwrap();
        let mut arguments = vec!["--json", "witness", "init", path, "--name", name];
        for log in logs {
            arguments.extend(["--log", log]);
        }
        let made = wardline(Path::new("/"), &arguments).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        made["vkey"].as_str().unwrap().parse().unwrap()
    }

    /// Starts it, and waits until it says where it listens.
    pub(crate) fn start(directory: &Path) -> Self {
        Self::start_at(directory, "127.0.0.1:0".parse().unwrap())
    }

    /// The same at an address that a policy names already.
    pub(crate) fn start_at(directory: &Path, listen: SocketAddr) -> Self {
        let (path, listen) = (directory.to_str().unwrap(), listen.to_string());
        let mut child = wardline(
            Path::new("/"),
            &["--json", "witness", "run", path, "--listen", &listen],
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Ok(serving) = serde_json::from_str::<Value>(&line) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the witness did not start: {line}");
        };
        Self {
            child,
            directory: directory.to_owned(),
            address: serving["listening"].as_str().unwrap().parse().unwrap(),
            serving,
        }
    }

    /// Kills it, without a word, and starts it again at the same place.
    pub(crate) fn killed_and_restarted(mut self) -> Self {
        self.kill();
        Self::start_at(&self.directory.clone(), self.address)
    }

    /// Asks it to end; its exit code.
    pub(crate) fn terminated(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }

    /// `POST /add-checkpoint`.
    pub(crate) fn add_checkpoint(&self, request: &str) -> Answered {
        self.ask("POST", "/add-checkpoint", request)
    }

    /// Any request, on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answered {
        ask(self.address, method, path, body).unwrap()
    }

    /// Kills it, without a word, whatever it is doing.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A request on a connection of its own; `None`: there is no whole answer.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<Answered> {
    let mut tcp = TcpStream::connect(address).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // A body that is refused before it has come may break the pipe; the answer tells.
    let _ = tcp.write_all(head.as_bytes());
    let _ = tcp.write_all(body.as_bytes());
    let mut answer = String::new();
    let _ = tcp.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map_or(String::new(), |(_, value)| value.to_owned())
    };
    Some(Answered {
        status: head.split(' ').nth(1)?.parse().ok()?,
        content_type: header("content-type"),
        body: body.to_owned(),
    })
}

impl Drop for WitnessProcess {
    fn drop(&mut self) {
        // It has ended already if the test waited for that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
