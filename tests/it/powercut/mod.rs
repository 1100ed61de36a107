//! The simulated power cut. A child runs the real journal with its writes recorded; the disk is then rebuilt as power
//! loss could have left it at many points, and the journal must keep its promises on each.
//!
//! `WARDLINE_POWERCUT_POINTS` sets the points of each run (`scripts/powercut.sh`). A failure prints each point with its
//! seed, and how to look at one again: `WARDLINE_POWERCUT_TRACE=DIR` takes a kept trace instead of a new one,
//! `WARDLINE_POWERCUT_AT=POINT:SEED` cuts the power there only, and keeps the disk.
#![cfg(target_os = "linux")]

mod check;
mod cut;
mod disk;
mod killed;
mod recorded;
mod runs;
mod trace;
mod workload;

use std::collections::HashMap;

use check::{Chain, Promise};
use cut::{Cut, Where, choose, cut_power, cuts};
use disk::{Disk, Ignore};
use recorded::Recorded;
use runs::{LARGE_RUN, MANY_RUN, MIXED_RUN, REAL_RUN, RECKLESS_RUN, RUNS, SMALL_RUN};
use trace::{Event, Marker};
use workload::{End, Run, Session};

fn points(default: usize) -> usize {
    std::env::var("WARDLINE_POWERCUT_POINTS").map_or(default, |points| points.parse().expect("a number"))
}

fn survives(run: &Run, default: usize) {
    let recorded = Recorded::new(run);
    let failures = cut_power(
        run,
        &recorded,
        points(default),
        Where::Everywhere,
        Ignore::Nothing,
    );
    report(run, recorded, points(default), &failures);
}

/// Fails, if anything failed, and says how to look at it again.
fn report(run: &Run, recorded: Recorded, points: usize, failures: &[(usize, u64, String)]) {
    if failures.is_empty() {
        return;
    }
    let shown = failures
        .iter()
        .take(10)
        .map(|(point, seed, wrong)| format!("point {point} seed {seed}: {wrong}"));
    panic!(
        "{} of {points} power cuts of the run {:?} broke a promise (the trace is in {}):\n{}",
        failures.len(),
        run.name,
        recorded.keep().display(),
        shown.collect::<Vec<_>>().join("\n")
    );
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

/// A second power cut while the journal is being opened after a first one breaks nothing either: what sled mends when it
/// opens is mended again.
#[test]
fn a_second_power_cut_is_survived() {
    for run in [SMALL_RUN, MIXED_RUN, LARGE_RUN] {
        let first = Recorded::new(&run);
        let trace = first.trace();
        let mut cut = Vec::new();
        let chosen = choose(&trace, (points(100) / 25).min(20), Where::Everywhere);
        cuts(&first, &trace, chosen, Ignore::Nothing, |one| cut.push(one));
        for Cut { image, promise, .. } in cut {
            let second = Recorded::after(&run, image, promise, &[Session(2, End::Close)]);
            let failures = cut_power(&run, &second, points(100) / 5, Where::Opening, Ignore::Nothing);
            report(&run, second, points(100) / 5, &failures);
        }
    }
}

/// The trace is complete: replayed without a power cut, it gives the very files that the recorded process left.
#[test]
fn the_trace_is_complete() {
    for run in &RUNS {
        let recorded = Recorded::new(run);
        let trace = recorded.trace();
        let mut disk = Disk::new(&recorded.base, &trace.bytes, Ignore::Nothing);
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
    for ignore in [Ignore::FileSyncs, Ignore::DirectorySyncs] {
        let failures = cut_power(run, &recorded, 40, Where::Everywhere, ignore);
        assert!(
            failures.len() >= 10,
            "{ignore:?}: only {} of 40 cuts were noticed",
            failures.len()
        );
    }
}

/// The rule of `limits::SLED_SEGMENT_BYTES` is needed: when several segments begin between two syncs, the header of one
/// says that an earlier one is stable; if the power cut spares it and not the earlier one, sled throws away
/// everything, also what was acknowledged. (The relay never writes like this run.)
#[test]
fn segments_without_a_sync_are_lost() {
    let run = &RECKLESS_RUN;
    let segment = run.tuning.segment_bytes as u64;
    // How far sled's threads lag is chance; a run in which no header names an unsynced segment is done again.
    let found = (0..5).find_map(|_| {
        let recorded = Recorded::new(run);
        let trace = recorded.trace();
        let mut disk = Disk::new(&recorded.base, &trace.bytes, Ignore::Nothing);
        let mut promise = Promise::default();
        let mut unsynced = HashMap::new();
        for event in &trace.events {
            disk.apply(event);
            match event {
                Event::Marker(marker) => promise.hear(*marker),
                Event::SyncEnd(_) => unsynced.clear(),
                Event::Write(path, offset, data) if path.ends_with("/db") && offset % segment == 0 => {
                    let (lsn, stable) = segment_header(&trace.bytes[data.clone()]);
                    if let Some(named) = unsynced.get(&(stable / segment * segment))
                        && promise.acknowledged > 0
                    {
                        return Some((disk.live_without(*named), promise));
                    }
                    unsynced.insert(lsn, *offset);
                }
                _ => {}
            }
        }
        None
    });
    let (image, promise) = found.expect("a header that names an unsynced segment");
    let directory = tempfile::TempDir::new().unwrap();
    disk::write(&image, directory.path());
    let checked = Chain::new(run, promise.attempted + 1).check(&directory.path().join("data"), &promise);
    assert!(checked.is_err());
}

/// A segment's header in sled 0.34: a checksum, the segment's place in the log, and what is said to be stable.
fn segment_header(data: &[u8]) -> (u64, u64) {
    let number = |at: usize| u64::from_le_bytes(data[at..at + 8].try_into().unwrap()) ^ (u64::MAX >> 1);
    (number(4), number(12))
}

/// The rule is kept: between two syncs, sled's log grows by less than a segment; in the real journal by less than half
/// of one.
#[test]
fn a_sync_comes_before_a_segment_is_full() {
    for (run, divisor) in [(MIXED_RUN, 1), (LARGE_RUN, 1), (REAL_RUN, 2), (MANY_RUN, 1)] {
        let recorded = Recorded::new(&run);
        let trace = recorded.trace();
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
