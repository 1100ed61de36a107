//! The ledger's tests: tables of refusals, each with its code and what it leaves; chains that random commands must not
//! break; and the auditor's view of it all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::type_complexity
)]

mod acknowledgements;
mod audit;
mod codec;
mod directory;
mod keys;
mod properties;
mod routing;
mod scopes;
mod sealed;
mod warnings;

use crate::ledger::{Decision, Existing};

/// The first time's result, or a panic that shows what came instead.
fn existing(decision: Decision) -> Existing {
    match decision {
        Decision::Existing(existing) => existing,
        other => panic!("not recorded before: {other:?}"),
    }
}

/// How many records it appends, or a panic that shows what came instead.
fn appended(decision: &Decision) -> usize {
    match decision {
        Decision::Append { records, .. } => records.len(),
        other => panic!("not appended: {other:?}"),
    }
}
