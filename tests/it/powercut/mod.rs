//! The simulated power cut. A child runs the real journal with its writes recorded; the disk is then rebuilt as power
//! loss could have left it at many points, and the journal must keep its promises on each.
//!
//! `WARDLINE_POWERCUT_POINTS` sets the points of each run (`scripts/powercut.sh`). A failure prints each point with its
//! seed, and how to look at one again: `WARDLINE_POWERCUT_TRACE=DIR` takes a kept trace instead of a new one,
//! `WARDLINE_POWERCUT_AT=POINT:SEED` cuts the power there only, and keeps the disk.
#![cfg(target_os = "linux")]

mod check;
mod disk;
mod killed;
mod trace;
mod workload;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};

use check::{Chain, Promise};
use disk::{Disk, Ignore, Image, Random};
use trace::{Event, Marker, Trace};
use wardline::journal::sled::Tuning;
use wardline::limits;
use workload::{End, Run, Session, Shape};

/// A few warnings.
const SMALL: Shape = Shape {
    records: 4,
    record_bytes: 900,
    bodies: 50,
    body_bytes: 3_000,
};
/// Records and bodies over several chunks.
const MIXED: Shape = Shape {
    records: 6,
    record_bytes: 9_000,
    bodies: 30,
    body_bytes: 20_000,
};
/// Close to all that may be written with one sync, if that is 64 KiB.
const LARGE: Shape = Shape {
    records: 10,
    record_bytes: 7_000,
    bodies: 20,
    body_bytes: 20_000,
};
/// Close to the largest that there is.
const LARGEST: Shape = Shape {
    records: 10,
    record_bytes: 120_000,
    bodies: 30,
    body_bytes: 200_000,
};

/// Thousands of records, each with a body.
const MANY: Shape = Shape {
    records: 4_000,
    record_bytes: 60,
    bodies: 100,
    body_bytes: 400,
};

/// The sizes of the real journal, divided by 16: so a short run fills many of sled's segments.
const DIVIDED: Tuning = Tuning {
    segment_bytes: limits::SLED_SEGMENT_BYTES / 16,
    sync_bytes_max: limits::JOURNAL_SYNC_BYTES_MAX / 16,
};

const REAL: Tuning = Tuning {
    segment_bytes: limits::SLED_SEGMENT_BYTES,
    sync_bytes_max: limits::JOURNAL_SYNC_BYTES_MAX,
};

/// A clean restart, and a process that dies.
const SMALL_RUN: Run = Run {
    name: "small",
    seed: 1,
    ahead: 6,
    tuning: DIVIDED,
    shapes: &[SMALL],
    sessions: &[
        Session(25, End::Close),
        Session(15, End::Die),
        Session(10, End::Close),
    ],
};

const MIXED_RUN: Run = Run {
    name: "mixed",
    seed: 2,
    ahead: 6,
    tuning: DIVIDED,
    shapes: &[MIXED, SMALL, SMALL],
    sessions: &[
        Session(16, End::Die),
        Session(8, End::Die),
        Session(4, End::Close),
    ],
};

const LARGE_RUN: Run = Run {
    name: "large",
    seed: 3,
    ahead: 6,
    tuning: DIVIDED,
    shapes: &[LARGE, SMALL, LARGE, MIXED],
    sessions: &[Session(24, End::Die), Session(12, End::Close)],
};

const REAL_RUN: Run = Run {
    name: "real",
    seed: 4,
    ahead: 6,
    tuning: REAL,
    shapes: &[LARGEST, LARGEST, SMALL],
    sessions: &[Session(6, End::Die), Session(4, End::Close)],
};

/// As many keys as a block can have.
const MANY_RUN: Run = Run {
    name: "many",
    seed: 6,
    ahead: 6,
    tuning: REAL,
    shapes: &[MANY],
    sessions: &[Session(8, End::Close)],
};

/// As nobody must do it: several segments are written between two syncs.
const RECKLESS_RUN: Run = Run {
    name: "reckless",
    seed: 5,
    ahead: 32,
    tuning: Tuning {
        segment_bytes: 512 * 1024,
        sync_bytes_max: limits::JOURNAL_SYNC_BYTES_MAX,
    },
    shapes: &[LARGE],
    sessions: &[Session(90, End::Die)],
};

const RUNS: [Run; 6] = [SMALL_RUN, MIXED_RUN, LARGE_RUN, REAL_RUN, MANY_RUN, RECKLESS_RUN];

const CHILD: &str = "WARDLINE_POWERCUT_CHILD";

/// Not a test: the process whose writes are recorded, which is this binary again.
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
    let session = run.sessions[session.parse::<usize>().unwrap()];
    workload::record(Path::new(directory), Path::new(trace), run, session);
}

/// A run that was recorded: the trace, and the directory as it really was in the end.
struct Recorded {
    home: PathBuf,
    /// Removes the home in the end.
    temporary: Option<tempfile::TempDir>,
}

impl Recorded {
    fn directory(&self) -> PathBuf {
        self.home.canonicalize().unwrap().join("disk")
    }

    fn trace(&self) -> PathBuf {
        self.home.join("trace")
    }

    fn new(run: &Run) -> Self {
        if let Some(home) = std::env::var_os("WARDLINE_POWERCUT_TRACE") {
            return Self {
                home: home.into(),
                temporary: None,
            };
        }
        let temporary = tempfile::TempDir::new().unwrap();
        let recorded = Self {
            home: temporary.path().into(),
            temporary: Some(temporary),
        };
        std::fs::create_dir(recorded.directory()).unwrap();
        let program = std::env::current_exe().unwrap();
        let recorder = program.with_file_name("libwrite_recorder.so");
        assert!(
            recorder.is_file(),
            "{} is built as a dev-dependency",
            recorder.display()
        );
        for session in 0..run.sessions.len() {
            let data = recorded.directory().join("data");
            let argument = format!(
                "{}|{session}|{}|{}",
                run.name,
                data.display(),
                recorded.trace().display()
            );
            let output = Command::new(&program)
                .args(["powercut::child", "--exact", "--nocapture", "--test-threads=1"])
                .env(CHILD, argument)
                .env("LD_PRELOAD", &recorder)
                .env("WRITE_RECORDER_DIRECTORY", recorded.directory())
                .env("WRITE_RECORDER_TRACE", recorded.trace())
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{argument:?}: {output:?}",
                argument = run.name
            );
        }
        recorded
    }
}

/// What is to be tried: the disk after `point` events.
struct Cut {
    point: usize,
    seed: u64,
    image: Image,
    promise: Promise,
}

/// Cuts the power `points` times and returns what went wrong: the point, the seed, what.
fn cut_power(run: &Run, trace: &Trace, points: usize, ignore: Ignore) -> Vec<(usize, u64, String)> {
    let attempts = trace.events.iter().filter_map(|event| match event {
        Event::Marker(Marker::Attempt(n)) => Some(*n),
        _ => None,
    });
    // One is appended on top of what is found.
    let chain = Chain::new(run, attempts.max().unwrap() + 1);
    let again = std::env::var("WARDLINE_POWERCUT_AT").ok().map(|at| {
        let (point, seed) = at.split_once(':').expect("POINT:SEED");
        (point.parse::<usize>().unwrap(), seed.parse::<u64>().unwrap())
    });
    let failures = Mutex::new(Vec::new());
    let (sender, receiver) = sync_channel::<Cut>(4);
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(cut) = next(&receiver) {
                    let directory = tempfile::TempDir::new().unwrap();
                    disk::write(&cut.image, directory.path());
                    if again.is_some() {
                        let kept = tempfile::TempDir::new().unwrap().keep();
                        disk::write(&cut.image, &kept);
                        println!("the disk after the power cut is in {}", kept.display());
                        let near = cut.point.saturating_sub(12)..cut.point;
                        trace.events[near].iter().for_each(|event| println!("{event:?}"));
                    }
                    let checked = chain.check(&directory.path().join("data"), &cut.promise);
                    if let Err(wrong) = checked {
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.push((cut.point, cut.seed, wrong));
                    }
                }
            });
        }
        let mut disk = Disk::new(&trace.bytes, ignore);
        let mut promise = Promise::default();
        let mut chosen = again
            .map_or_else(|| choose(trace, points), |again| vec![again])
            .into_iter()
            .peekable();
        for (event, point) in trace.events.iter().zip(1..) {
            disk.apply(event);
            if let Event::Marker(marker) = event {
                promise.hear(*marker);
            }
            while let Some((_, seed)) = chosen.next_if(|(chosen, _)| *chosen == point) {
                let image = disk.power_cut(&mut Random(seed));
                sender
                    .send(Cut {
                        point,
                        seed,
                        image,
                        promise: promise.clone(),
                    })
                    .unwrap();
            }
        }
        drop(sender);
    });
    failures.into_inner().unwrap()
}

fn next(receiver: &Mutex<Receiver<Cut>>) -> Option<Cut> {
    receiver
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

/// Points in ascending order with a seed each: a third anywhere, a third right after an acknowledgement (when least may
/// be missing), a third while a block is being written.
fn choose(trace: &Trace, points: usize) -> Vec<(usize, u64)> {
    let after = |wanted: fn(&Event) -> bool| -> Vec<usize> {
        let events = trace.events.iter().zip(1..);
        events
            .filter(|(event, _)| wanted(event))
            .map(|(_, point)| point)
            .collect()
    };
    let anywhere = after(|_| true);
    let acknowledged =
        after(|event| matches!(event, Event::Marker(Marker::Acknowledged(_) | Marker::Erased(_))));
    let written = after(|event| {
        matches!(
            event,
            Event::Write(..) | Event::SyncBegin(..) | Event::Truncate(..)
        )
    });
    let mut random = Random(points as u64);
    let mut chosen: Vec<(usize, u64)> = (0..points)
        .map(|n| {
            (
                random.pick([&anywhere, &acknowledged, &written][n % 3].as_slice()),
                random.next(),
            )
        })
        .collect();
    chosen.sort_unstable();
    chosen
}

fn points(default: usize) -> usize {
    std::env::var("WARDLINE_POWERCUT_POINTS").map_or(default, |points| points.parse().expect("a number"))
}

fn survives(run: &Run, default: usize) {
    let recorded = Recorded::new(run);
    let trace = Trace::read(&recorded.trace(), &recorded.directory());
    let failures = cut_power(run, &trace, points(default), Ignore::Nothing);
    if !failures.is_empty() {
        let kept = recorded.temporary.map_or(recorded.home, tempfile::TempDir::keep);
        let shown: Vec<String> = failures
            .iter()
            .take(10)
            .map(|(point, seed, wrong)| format!("point {point} seed {seed}: {wrong}"))
            .collect();
        panic!(
            "{} of {} power cuts of the run {:?} broke a promise (the trace is in {}):\n{}",
            failures.len(),
            points(default),
            run.name,
            kept.display(),
            shown.join("\n")
        );
    }
}

/// Blocks of a few warnings survive a power cut at any point.
#[test]
fn small_blocks_survive() {
    survives(&SMALL_RUN, 150);
}

/// So do records and bodies of many chunks.
#[test]
fn mixed_blocks_survive() {
    survives(&MIXED_RUN, 100);
}

/// So do blocks of the largest size, when all sizes are divided.
#[test]
fn large_blocks_survive() {
    survives(&LARGE_RUN, 100);
}

/// So do blocks of the largest size as the relay writes them.
#[test]
fn the_largest_blocks_survive() {
    survives(&REAL_RUN, 20);
}

/// The trace is complete: replayed without a power cut, it gives the very files that the recorded process left.
#[test]
fn the_trace_is_complete() {
    for run in &RUNS {
        let recorded = Recorded::new(run);
        let trace = Trace::read(&recorded.trace(), &recorded.directory());
        let mut disk = Disk::new(&trace.bytes, Ignore::Nothing);
        trace.events.iter().for_each(|event| disk.apply(event));
        let (replayed, real) = (disk.live(), disk::read(&recorded.directory()));
        assert!(
            replayed.keys().eq(real.keys()),
            "{:?} {:?}",
            replayed.keys(),
            real.keys()
        );
        for (path, content) in &real {
            assert!(
                replayed[path] == *content,
                "{path} of the run {:?} differs",
                run.name
            );
        }
    }
}

/// The test can fail: on a disk that ignores the syncs of files, or those of directories, promises are broken.
#[test]
fn a_disk_that_ignores_syncs_is_noticed() {
    let run = &SMALL_RUN;
    let recorded = Recorded::new(run);
    let trace = Trace::read(&recorded.trace(), &recorded.directory());
    for ignore in [Ignore::FileSyncs, Ignore::DirectorySyncs] {
        let failures = cut_power(run, &trace, 40, ignore);
        assert!(
            failures.len() >= 10,
            "{ignore:?}: only {} of 40 cuts were noticed",
            failures.len()
        );
    }
}

/// The rule of `limits::SLED_SEGMENT_BYTES` is needed, and the test sees it: when several segments are written between
/// two syncs, a power cut makes sled throw away what was acknowledged.
#[test]
fn segments_without_a_sync_are_lost() {
    let recorded = Recorded::new(&RECKLESS_RUN);
    let trace = Trace::read(&recorded.trace(), &recorded.directory());
    let failures = cut_power(&RECKLESS_RUN, &trace, 60, Ignore::Nothing);
    assert!(!failures.is_empty(), "none of 60 cuts was noticed");
}

/// The rule is kept: between two syncs, sled's log grows by less than a segment; in the real journal by less than half
/// of one.
#[test]
fn a_sync_comes_before_a_segment_is_full() {
    for (run, divisor) in [(MIXED_RUN, 1), (LARGE_RUN, 1), (REAL_RUN, 2), (MANY_RUN, 1)] {
        let recorded = Recorded::new(&run);
        let trace = Trace::read(&recorded.trace(), &recorded.directory());
        let (mut open, mut written, mut most) = (false, 0, 0);
        for event in &trace.events {
            match event {
                // While it opens, sled cleans up, and syncs that itself.
                Event::Marker(Marker::Opening) => open = false,
                Event::Marker(Marker::Found(_)) => open = true,
                Event::Write(path, _, data) if open && path.ends_with("/db") => written += data.len(),
                Event::SyncEnd(_) => {
                    most = most.max(written);
                    written = 0;
                }
                _ => {}
            }
        }
        let segment = run.tuning.segment_bytes;
        println!(
            "{}: at most {most} bytes between two syncs, a segment has {segment}",
            run.name
        );
        assert!(most < segment / divisor, "{}: {most} bytes", run.name);
    }
}
