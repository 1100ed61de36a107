//! Counters and gauges of the engine, as plain atomics that `http` exposes. They count since the start; figures
//! about warnings are derived from the log, never from here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::ErrorCode;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many since the start.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Sets it and tells what it was.
    pub(super) fn replace(&self, value: u64) -> u64 {
        self.0.swap(value, Ordering::Relaxed)
    }

    /// How many now.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often a value was at most each bound, as Prometheus counts a histogram.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: [u64; N],
    buckets: [AtomicU64; N],
    count: AtomicU64,
    sum: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    const fn new(bounds: [u64; N]) -> Self {
        Self {
            bounds,
            buckets: [const { AtomicU64::new(0) }; N],
            count: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    pub(super) fn observe(&self, value: u64) {
        for (bound, bucket) in self.bounds.iter().zip(&self.buckets) {
            if value <= *bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Each bound with how many values were at most that.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        self.bounds.iter().copied().zip(counts)
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Their sum.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }
}

/// Counters and gauges.
#[derive(Debug)]
pub struct Meters {
    /// Warnings accepted.
    pub accepted: Counter,
    /// Acknowledgements recorded.
    pub acknowledged: Counter,
    /// Directory and operator records.
    pub directory_changed: Counter,
    /// `REJECTED` records.
    pub rejected: Counter,
    /// Calls that gave an earlier result again.
    pub repeated: Counter,
    /// Warnings written to sessions.
    pub handed_over: Counter,
    /// Handovers that left no record: over the bound an hour, or no room for them.
    pub handed_over_unrecorded: Counter,
    /// A signer had seen what is not on this log: a person must look.
    pub seen_alarms: Counter,
    /// Damaged bodies, texts and wraps that were read: a person must look.
    pub parts_damaged: Counter,
    /// Sessions that were cut because they did not take what was sent.
    pub sessions_cut: Counter,
    /// Blocks appended.
    pub blocks: Counter,
    /// Records of a block.
    pub block_records: Histogram<8>,
    /// Bytes of a block.
    pub block_bytes: Histogram<6>,
    /// Microseconds that an append took, to stable storage.
    pub append_us: Histogram<12>,
    /// 1 while warnings are refused because the disk is nearly full.
    pub disk_full: Gauge,
    /// Delivery sessions now.
    pub delivery_sessions: Gauge,
    /// Watches now.
    pub watches: Gauge,
    /// Commands that wait for the sequencer.
    pub queued: Gauge,
    /// Records of the log.
    pub log_size: Gauge,
    refused: Vec<Counter>,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            accepted: Counter::default(),
            acknowledged: Counter::default(),
            directory_changed: Counter::default(),
            rejected: Counter::default(),
            repeated: Counter::default(),
            handed_over: Counter::default(),
            handed_over_unrecorded: Counter::default(),
            seen_alarms: Counter::default(),
            parts_damaged: Counter::default(),
            sessions_cut: Counter::default(),
            blocks: Counter::default(),
            block_records: Histogram::new([1, 2, 5, 10, 50, 100, 500, 4_096]),
            block_bytes: Histogram::new([1 << 11, 1 << 13, 1 << 15, 1 << 17, 1 << 19, 1 << 20]),
            append_us: Histogram::new([
                100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000,
            ]),
            disk_full: Gauge::default(),
            delivery_sessions: Gauge::default(),
            watches: Gauge::default(),
            queued: Gauge::default(),
            log_size: Gauge::default(),
            refused: ErrorCode::ALL.iter().map(|_| Counter::default()).collect(),
        }
    }
}

impl Meters {
    /// Calls refused, by code.
    pub fn refused(&self) -> impl Iterator<Item = (ErrorCode, u64)> + '_ {
        ErrorCode::ALL
            .iter()
            .copied()
            .zip(self.refused.iter().map(Counter::value))
    }

    pub(super) fn refuse(&self, code: ErrorCode) {
        let at = ErrorCode::ALL.iter().position(|known| *known == code);
        if let Some(counter) = at.and_then(|at| self.refused.get(at)) {
            counter.add(1);
        }
        if code == ErrorCode::SeenNotOnLog {
            self.seen_alarms.add(1);
        }
    }

    pub(super) fn appended(&self, records: usize, bytes: usize, took: Duration) {
        self.blocks.add(1);
        self.block_records.observe(records as u64);
        self.block_bytes.observe(bytes as u64);
        self.append_us
            .observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buckets are cumulative, and what is above the last bound counts only in all.
    #[test]
    fn buckets_are_cumulative() {
        let histogram = Histogram::new([10, 100]);
        for value in [1, 10, 11, 1_000] {
            histogram.observe(value);
        }
        assert!(histogram.buckets().eq([(10, 2), (100, 3)]));
        assert_eq!((histogram.count(), histogram.sum()), (4, 1_022));
    }

    /// A refusal is counted under its code, and an alarm besides.
    #[test]
    fn refusals_are_counted_by_code() {
        let meters = Meters::default();
        meters.refuse(ErrorCode::SeenNotOnLog);
        let counted: Vec<_> = meters.refused().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(ErrorCode::SeenNotOnLog, 1)]);
        assert_eq!(meters.seen_alarms.value(), 1);
    }
}
