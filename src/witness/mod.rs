//! A witness (C2SP tlog-witness): it cosigns a log's checkpoints after checking that the log has only grown since the
//! last one that it cosigned, so that nobody can be shown another history than the witness was.
//!
//! Three things must hold, across crashes too. No cosignature leaves before the checkpoint that it is on is on stable
//! storage; check and store are one step, under one lock for each log; and what was cosigned is never forgotten: a
//! log whose state is missing, broken or known to be old is refused until a person says what was cosigned last. What a log signed
//! that contradicts what it signed before is kept.

mod cosign;
mod directory;
mod evidence;
mod format;
mod http;
mod log;

pub use cosign::{Refusal, Witness};
pub use directory::{BeginError, Begun, NewLog, OpenError, add_log, begin};
pub use http::serve;

#[cfg(test)]
mod tests;
