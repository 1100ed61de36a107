//! Records a run: starts this binary again, with the recorder preloaded, on a directory of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::check::Promise;
use super::disk::{self, Image};
use super::runs::RUNS;
use super::trace::Trace;
use super::workload::{Run, Session, record};

const CHILD: &str = "WARDLINE_POWERCUT_CHILD";

/// Not a test: the process whose writes are recorded.
#[test]
fn child() {
    let Ok(argument) = std::env::var(CHILD) else {
        return;
    };
    let words: Vec<&str> = argument.split('|').collect();
    let [name, session, directory, trace] = words.as_slice() else {
        panic!("{argument}")
    };
    let run = RUNS.iter().find(|run| run.name == *name).unwrap();
    record(
        Path::new(directory),
        Path::new(trace),
        run,
        Session::parse(session),
    );
}

/// A run that was recorded, and the directory as it really was in the end.
pub(super) struct Recorded {
    home: PathBuf,
    /// Removes the home in the end.
    temporary: Option<tempfile::TempDir>,
    /// What was on the disk in the beginning.
    pub(super) base: Image,
    /// What had been promised before.
    pub(super) promise: Promise,
}

impl Recorded {
    /// Records a run from an empty disk, or takes the trace that `WARDLINE_POWERCUT_TRACE` names.
    pub(super) fn new(run: &Run) -> Self {
        let base = Image::from([(String::new(), None)]);
        match std::env::var_os("WARDLINE_POWERCUT_TRACE") {
            Some(home) => Self {
                home: home.into(),
                temporary: None,
                base,
                promise: Promise::default(),
            },
            None => Self::after(run, base, Promise::default(), run.sessions),
        }
    }

    /// Records sessions of a run on a disk that holds `base`, after `promise`.
    pub(super) fn after(run: &Run, base: Image, promise: Promise, sessions: &[Session]) -> Self {
        let temporary = tempfile::TempDir::new().unwrap();
        let home = temporary.path().canonicalize().unwrap();
        let recorded = Self {
            home,
            temporary: Some(temporary),
            base,
            promise,
        };
        std::fs::create_dir(recorded.directory()).unwrap();
        disk::write(&recorded.base, &recorded.directory());
        let program = std::env::current_exe().unwrap();
        let recorder = program.with_file_name("libwrite_recorder.so");
        assert!(
            recorder.is_file(),
            "{} is built as a dev-dependency",
            recorder.display()
        );
        for session in sessions {
            let data = recorded.directory().join("data");
            let trace = recorded.home.join("trace");
            let argument = format!("{}|{session}|{}|{}", run.name, data.display(), trace.display());
            let output = Command::new(&program)
                .args([
                    "powercut::recorded::child",
                    "--exact",
                    "--nocapture",
                    "--test-threads=1",
                ])
                .env(CHILD, &argument)
                .env("LD_PRELOAD", &recorder)
                .env("WRITE_RECORDER_DIRECTORY", recorded.directory())
                .env("WRITE_RECORDER_TRACE", trace)
                .output()
                .unwrap();
            assert!(output.status.success(), "{argument}: {output:?}");
        }
        recorded
    }

    /// The disk that was recorded.
    pub(super) fn directory(&self) -> PathBuf {
        self.home.join("disk")
    }

    pub(super) fn trace(&self) -> Trace {
        Trace::read(&self.home.join("trace"), &self.directory())
    }

    /// Keeps the trace, to be looked at.
    pub(super) fn keep(self) -> PathBuf {
        self.temporary.map_or(self.home, tempfile::TempDir::keep)
    }
}
