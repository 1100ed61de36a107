//! The runs that are recorded: what their blocks look like, and where their processes end.

use wardline::journal::sled::Tuning;
use wardline::limits;

use super::workload::{End, Run, Session, Shape};

/// A few warnings.
pub(super) const SMALL: Shape = Shape {
    records: 4,
    record_bytes: 900,
    bodies: 50,
    body_bytes: 3_000,
};
/// Records and bodies over several chunks.
pub(super) const MIXED: Shape = Shape {
    records: 6,
    record_bytes: 9_000,
    bodies: 30,
    body_bytes: 20_000,
};
/// Close to all that may be written with one sync, if that is 64 KiB.
pub(super) const LARGE: Shape = Shape {
    records: 10,
    record_bytes: 7_000,
    bodies: 20,
    body_bytes: 20_000,
};
/// Close to the largest that there is.
pub(super) const LARGEST: Shape = Shape {
    records: 10,
    record_bytes: 120_000,
    bodies: 30,
    body_bytes: 200_000,
};

/// Thousands of records, each with a body.
pub(super) const MANY: Shape = Shape {
    records: 4_000,
    record_bytes: 60,
    bodies: 100,
    body_bytes: 400,
};

/// Ten of these are more than a segment.
const RECKLESS: Shape = Shape {
    records: 10,
    record_bytes: 20_000,
    bodies: 0,
    body_bytes: 1,
};

/// The sizes of the real journal, divided by 16: so a short run fills many of sled's segments.
pub(super) const DIVIDED: Tuning = Tuning {
    segment_bytes: limits::SLED_SEGMENT_BYTES / 16,
    sync_bytes_max: limits::JOURNAL_SYNC_BYTES_MAX / 16,
};

pub(super) const REAL: Tuning = Tuning {
    segment_bytes: limits::SLED_SEGMENT_BYTES,
    sync_bytes_max: limits::JOURNAL_SYNC_BYTES_MAX,
};

/// A clean restart, and a process that dies.
pub(super) const SMALL_RUN: Run = Run {
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

pub(super) const MIXED_RUN: Run = Run {
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

pub(super) const LARGE_RUN: Run = Run {
    name: "large",
    seed: 3,
    ahead: 6,
    tuning: DIVIDED,
    shapes: &[LARGE, SMALL, LARGE, MIXED],
    sessions: &[Session(24, End::Die), Session(12, End::Close)],
};

pub(super) const REAL_RUN: Run = Run {
    name: "real",
    seed: 4,
    ahead: 6,
    tuning: REAL,
    shapes: &[LARGEST, LARGEST, SMALL],
    sessions: &[Session(6, End::Die), Session(4, End::Close)],
};

/// As many keys as a block can have.
pub(super) const MANY_RUN: Run = Run {
    name: "many",
    seed: 6,
    ahead: 6,
    tuning: REAL,
    shapes: &[MANY],
    sessions: &[Session(8, End::Close)],
};

/// As nobody must do it: several segments are written between two syncs.
pub(super) const RECKLESS_RUN: Run = Run {
    name: "reckless",
    seed: 5,
    ahead: 32,
    tuning: Tuning {
        segment_bytes: 512 * 1024,
        sync_bytes_max: usize::MAX,
    },
    shapes: &[RECKLESS],
    sessions: &[Session(60, End::Die)],
};

pub(super) const RUNS: [Run; 6] = [SMALL_RUN, MIXED_RUN, LARGE_RUN, REAL_RUN, MANY_RUN, RECKLESS_RUN];
