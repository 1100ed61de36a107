//! Counters and gauges of the engine, as plain atomics that `http` exposes. They count since the start; figures
//! about warnings are derived from the log, never from here.

/// Counters and gauges.
#[derive(Debug, Default)]
pub struct Meters {}
