//! The engine's tests, through its facade: a relay in memory, a world that signs, and nothing of the inside but the
//! journal's faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod budgets;
mod commands;
mod delivery;
mod erasing;
mod held;
mod lost_keys;
mod paging;
mod queue;
mod reading;
mod reads;
mod retention;
mod sealing;
mod sequencing;
mod signing;
pub(in crate::relay) mod stage;
