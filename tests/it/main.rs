//! The integration tests, as modules of one binary, so that the crate is linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod at_rest;
mod audit;
mod bad_input;
mod bundle;
mod client;
mod demo;
mod desk;
mod dev;
mod draining;
mod edge;
mod edge_config;
mod edge_connections;
mod edge_log;
mod edge_slow;
mod edge_streams;
mod edge_unread;
mod held;
mod hostile_witness;
mod layers;
mod memory;
mod opened;
mod powercut;
mod public_log;
mod report;
mod sealed;
mod support;
mod timestamp;
mod unseen;
mod vectors;
mod witness;
mod witnessed;
mod world;
