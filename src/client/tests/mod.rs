//! Tests of what a client keeps.

mod golden;
