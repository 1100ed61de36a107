//! Tests of what a client keeps.

mod erasing;
mod golden;
