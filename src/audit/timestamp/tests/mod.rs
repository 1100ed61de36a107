//! Tokens that hold, tokens that do not and why, and bytes that are no tokens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod forge;
mod golden;
mod hostile;
mod wrong;
