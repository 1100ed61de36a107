//! The process is killed (SIGKILL) instead of the power being cut: over and over in the middle of appends, on one
//! directory. Whatever it was told had been written is there when it is opened again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use wardline::journal::Journal as _;
use wardline::journal::sled::SledJournal;

use super::check::{Chain, Promise};
use super::disk::Random;
use super::runs::{LARGE, MIXED, REAL, SMALL};
use super::trace::Marker;
use super::workload::{End, Run, Session, append};

/// Real sizes, and blocks of each kind.
const RUN: Run = Run {
    name: "killed",
    seed: 7,
    ahead: 12,
    tuning: REAL,
    shapes: &[SMALL, MIXED, LARGE],
    sessions: &[],
};

const CHILD: &str = "WARDLINE_KILLED_CHILD";

/// Not a test: the process that is killed.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(CHILD) else {
        return;
    };
    let journal = SledJournal::open(Path::new(&directory)).unwrap();
    let say = |marker: Marker| {
        let line = match marker {
            Marker::Attempt(n) => format!("attempt {n}\n"),
            Marker::Acknowledged(n) => format!("acknowledged {n}\n"),
            Marker::Erase(index) => format!("erase {index}\n"),
            Marker::Erased(index) => format!("erased {index}\n"),
            Marker::Found(n) => format!("found {n}\n"),
            Marker::Opening => String::new(),
        };
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        std::io::stdout().flush().unwrap();
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(append(&journal, &say, &RUN, Session(u64::MAX / 2, End::Close)));
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "powercut::killed::child",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn heard(line: &str) -> Option<Marker> {
    let (name, number) = line.split_once(' ')?;
    let number = number.parse().ok()?;
    match name {
        "found" => Some(Marker::Found(number)),
        "attempt" => Some(Marker::Attempt(number)),
        "acknowledged" => Some(Marker::Acknowledged(number)),
        "erase" => Some(Marker::Erase(number)),
        "erased" => Some(Marker::Erased(number)),
        _ => None,
    }
}

/// Twelve processes are killed after a number of lines that they said; each time all that was acknowledged is there,
/// nothing else is, and the journal goes on.
#[test]
fn a_killed_process_loses_nothing() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut random = Random(7);
    let mut promise = Promise::default();
    let mut attempted = 0;
    for round in 0..12 {
        let mut child = start(directory.path());
        let mut patience = 5 + random.below(60);
        // What it said before it died is read to the end.
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let Some(marker) = heard(&line.unwrap()) else {
                continue;
            };
            promise.hear(marker);
            if let Marker::Attempt(n) = marker {
                attempted = attempted.max(n);
            }
            patience = patience.saturating_sub(1);
            if patience == 0 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let chain = Chain::new(&RUN, attempted + 1);
        chain
            .check(directory.path(), &promise)
            .unwrap_or_else(|wrong| panic!("round {round}: {wrong}"));
        let journal = SledJournal::open(directory.path()).unwrap();
        attempted = futures_util::FutureExt::now_or_never(journal.head())
            .unwrap()
            .unwrap()
            .sequence;
        promise.hear(Marker::Found(attempted));
        promise.hear(Marker::Attempt(attempted));
    }
    assert!(attempted > 50, "only {attempted} blocks were tried");
}
