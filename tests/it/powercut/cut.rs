//! Cuts the power at many points of a recorded run, and checks what is left of each disk.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};

use super::check::{Chain, Promise};
use super::disk::{self, Disk, Ignore, Image, Random};
use super::recorded::Recorded;
use super::trace::{Event, Marker, Trace};
use super::workload::Run;

/// What is to be tried: the disk after `point` events.
pub(super) struct Cut {
    pub(super) point: usize,
    pub(super) seed: u64,
    pub(super) image: Image,
    pub(super) promise: Promise,
}

/// Where the power is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    Everywhere,
    /// Until the journal is open for the first time.
    Opening,
}

/// Cuts the power `points` times and returns what went wrong: the point, the seed, what.
pub(super) fn cut_power(
    run: &Run,
    recorded: &Recorded,
    points: usize,
    place: Where,
    ignore: Ignore,
) -> Vec<(usize, u64, String)> {
    let trace = recorded.trace();
    // One is appended on top of what is found.
    let chain = Chain::new(run, attempted(&trace).max(recorded.promise.attempted) + 1);
    let failures = Mutex::new(Vec::new());
    let (sender, receiver) = sync_channel::<Cut>(4);
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(cut) = next(&receiver) {
                    let directory = tempfile::TempDir::new().unwrap();
                    disk::write(&cut.image, directory.path());
                    if again().is_some() {
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
        let chosen = match again() {
            Some(again) => vec![again],
            None => choose(&trace, points, place),
        };
        cuts(recorded, &trace, chosen, ignore, |cut| sender.send(cut).unwrap());
        drop(sender);
    });
    failures.into_inner().unwrap()
}

/// The disks after power cuts at the chosen points, which ascend.
pub(super) fn cuts(
    recorded: &Recorded,
    trace: &Trace,
    chosen: Vec<(usize, u64)>,
    ignore: Ignore,
    mut each: impl FnMut(Cut),
) {
    let mut disk = Disk::new(&recorded.base, &trace.bytes, ignore);
    let mut promise = recorded.promise.clone();
    let mut chosen = chosen.into_iter().peekable();
    for (event, point) in trace.events.iter().zip(1..) {
        disk.apply(event);
        if let Event::Marker(marker) = event {
            promise.hear(*marker);
        }
        while let Some((_, seed)) = chosen.next_if(|(chosen, _)| *chosen == point) {
            let image = disk.power_cut(&mut Random(seed));
            each(Cut {
                point,
                seed,
                image,
                promise: promise.clone(),
            });
        }
    }
}

/// `WARDLINE_POWERCUT_AT`: the power is cut there only, and the disk is kept.
fn again() -> Option<(usize, u64)> {
    let at = std::env::var("WARDLINE_POWERCUT_AT").ok()?;
    let (point, seed) = at.split_once(':').expect("POINT:SEED");
    Some((point.parse().unwrap(), seed.parse().unwrap()))
}

fn attempted(trace: &Trace) -> u64 {
    let attempts = trace.events.iter().filter_map(|event| match event {
        Event::Marker(Marker::Attempt(n)) => Some(*n),
        _ => None,
    });
    attempts.max().unwrap_or(0)
}

fn next(receiver: &Mutex<Receiver<Cut>>) -> Option<Cut> {
    receiver
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

/// Points in ascending order with a seed each: a third anywhere, a third right after an acknowledgement (when least may
/// be missing), a third while something is being written.
pub(super) fn choose(trace: &Trace, points: usize, place: Where) -> Vec<(usize, u64)> {
    let opened = trace
        .events
        .iter()
        .position(|event| matches!(event, Event::Marker(Marker::Found(_))));
    let end = match place {
        Where::Everywhere => trace.events.len(),
        Where::Opening => opened.unwrap() + 1,
    };
    let after = |wanted: fn(&Event) -> bool| -> Vec<usize> {
        let events = trace.events[..end].iter().zip(1..);
        events
            .filter(|(event, _)| wanted(event))
            .map(|(_, point)| point)
            .collect()
    };
    let anywhere = after(|_| true);
    let told = after(|event| {
        matches!(
            event,
            Event::Marker(Marker::Acknowledged(_) | Marker::Erased(_) | Marker::Found(_))
        )
    });
    let changed = after(|event| !matches!(event, Event::SyncFileRange | Event::Marker(_)));
    let mut random = Random(points as u64);
    let mut chosen: Vec<(usize, u64)> = (0..points)
        .map(|n| {
            (
                random.pick([&anywhere, &told, &changed][n % 3].as_slice()),
                random.next(),
            )
        })
        .collect();
    chosen.sort_unstable();
    chosen
}
