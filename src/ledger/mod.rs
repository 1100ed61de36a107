//! The rules, pure: [`decide`] makes records of a command, [`apply`] makes state of a record. No I/O, no clock, and no
//! randomness but what is handed in.
//!
//! State is the [`Directory`] (in memory) and [`Facts`] (of ids, warnings, threads and inboxes: in memory or on disk). The
//! engine decides and applies one command after another on a speculative copy of both; a restart and an auditor only
//! apply. An auditor calls [`verify_record`] first, and sees what [`visibility`] says.

pub mod admit;
mod apply;
mod change;
mod command;
mod decide;
mod directory;
mod fact_codec;
mod facts;
mod holds;
mod memory_facts;
mod prepared;
mod refusal;
mod resolve;
mod retained;
mod rules;
mod scope;
mod verify;

pub use admit::{Admitted, Condemned, KeyStatement, NotAdmitted};
pub use apply::{ApplyError, Corrupt, apply, apply_prepared};
pub use change::Change;
pub use command::{Command, Decision, Erasure, Existing, HandOver, NewPart, NewRecord, Nonces};
pub use decide::{decide, offline_rules, original};
pub use directory::{AgencyEntry, Directory, KeyEntry, Log, StateEntry};
pub use fact_codec::InvalidFact;
pub use facts::{
    AcceptanceFact, Facts, FactsError, Hourly, IdFact, IdKey, TextFact, ThreadFact, ThreadKey, WarningFact,
};
pub use holds::{HoldEntry, held};
pub use memory_facts::{MemoryFacts, Overlay};
pub use prepared::Prepared;
pub use refusal::{Leaves, leaves};
pub use resolve::Recipient;
pub use retained::Retained;
pub use rules::{certified_keyid, keyid_of};
pub use scope::{Visibility, is_visible, visibility};
pub use verify::{
    Checked, acknowledgement_at, seeing, seen, seen_in, verify_prepared, verify_record, warning_at,
};

#[cfg(test)]
mod tests;
