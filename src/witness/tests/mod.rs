//! The witness against logs that grow, fork and go back, and against disks that fail at any write.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod disk;
mod rule;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::evidence::Evidence;
use super::*;
use crate::files;
use crate::seal::SecretKey;
use crate::time::{ManualClock, Timestamp};
use crate::transparency::model::Log;
use crate::transparency::{AddCheckpoint, LogKey, consistency_proof, leaf_hash, origin_hash};

pub(super) const ORIGIN: &str = "log.invalid";

pub(super) fn log_key() -> LogKey {
    LogKey::new(ORIGIN.parse().unwrap(), SecretKey::from_seed(&[8; 32]))
}

/// A history of the log: two of them with other leaves from `fork` on are two histories.
pub(super) fn history(size: u64, fork: u64) -> Log {
    Log::with(size, |i| leaf_hash(&[u8::from(i >= fork), i.to_be_bytes()[7]]))
}

/// What a log that tells this history asks of a witness.
pub(super) fn ask(log: &Log, old: u64, new: u64) -> String {
    AddCheckpoint {
        old_size: old,
        proof: consistency_proof(old, new, log).unwrap(),
        note: log_key().sign_checkpoint(new, log.root(new)),
    }
    .to_string()
}

pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_unix_ms(1_700_000_000_500)))
}

pub(super) fn init(directory: &Path) -> Begun {
    begin(
        directory,
        "w.invalid".parse().unwrap(),
        vec![log_key().verifier().clone()],
    )
    .unwrap()
}

pub(super) fn open(directory: &Path, clock: &Arc<ManualClock>) -> Witness {
    Witness::open(directory, Arc::clone(clock) as _).unwrap()
}

/// The evidence in a directory, by its file's name.
pub(super) fn evidence(directory: &Path) -> BTreeMap<String, Evidence> {
    files::names(&directory.join("evidence"))
        .unwrap()
        .into_iter()
        .map(|name| {
            let bytes = std::fs::read(directory.join("evidence").join(&name)).unwrap();
            (name, serde_json::from_slice(&bytes).unwrap())
        })
        .collect()
}
