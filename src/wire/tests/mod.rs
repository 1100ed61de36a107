//! Tests of the wire: fixed values and their golden bytes, the walker's refusals as a table, random values and
//! mutated bytes, and the words of code and proto held against each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub(crate) mod fixed;
pub(crate) mod golden;
mod messages;
mod random;
mod records;
mod round_trip;
mod values;
mod values_body;
mod values_directory;
mod walker;
mod words;
