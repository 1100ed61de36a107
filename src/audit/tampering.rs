//! The tools of the tamper tests: the honest relay that gives proofs, and ways to change what is shown.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use async_trait::async_trait;
use bytes::Bytes;

use super::tests::{checkpoint_of, run, verifier};
use super::world::World;
use super::{Fault, Prover, Verifier, locate};
use crate::domain::*;
use crate::transparency::{Frontier, HashReader, ProofError, consistency_proof, leaf_hash};
use crate::wire;

/// The honest relay, asked for proofs.
pub(super) struct Honest(Vec<Hash>);

impl Honest {
    /// Of the hashes that a log stores.
    pub(super) fn with(stored: Vec<Hash>) -> Self {
        Self(stored)
    }

    pub(super) fn of(shown: &[ReplayedRecord]) -> Self {
        let mut frontier = Frontier::new();
        let mut stored = Vec::new();
        for record in shown {
            stored.extend(frontier.append(leaf_of(record)).unwrap());
        }
        Self(stored)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no such hash")]
pub(super) struct NoHash;

impl HashReader for Honest {
    type Error = NoHash;
    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, NoHash> {
        let one = |index: &u64| {
            self.0
                .get(usize::try_from(*index).unwrap())
                .copied()
                .ok_or(NoHash)
        };
        indexes.iter().map(one).collect()
    }
}

#[async_trait]
impl Prover for Honest {
    type Error = ProofError<NoHash>;
    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Self::Error> {
        consistency_proof(old, new, self)
    }
}

pub(super) fn leaf_of(shown: &ReplayedRecord) -> Hash {
    match &shown.content {
        ReplayedContent::Record(bytes) => leaf_hash(bytes),
        ReplayedContent::LeafHash(leaf) => *leaf,
    }
}

pub(super) fn bytes_of(shown: &ReplayedRecord) -> &Bytes {
    match &shown.content {
        ReplayedContent::Record(bytes) => bytes,
        ReplayedContent::LeafHash(_) => panic!("a leaf hash"),
    }
}

pub(super) fn record_of(shown: &ReplayedRecord) -> Record {
    wire::record(bytes_of(shown)).unwrap()
}

/// Changes a record as data and writes it back.
pub(super) fn edit(shown: &mut ReplayedRecord, change: impl FnOnce(&mut Record)) {
    let mut record = record_of(shown);
    change(&mut record);
    shown.content = ReplayedContent::Record(wire::encode_record(&record));
}

/// The index of the `n`th record of which this holds.
pub(super) fn find(shown: &[ReplayedRecord], n: usize, is: impl Fn(&Record) -> bool) -> usize {
    let mut found = shown.iter().filter(|shown| is(&record_of(shown)));
    usize::try_from(found.nth(n).unwrap().index).unwrap()
}

pub(super) fn accepted(record: &Record) -> bool {
    matches!(record.kind, RecordKind::Accepted(_))
}

pub(super) fn routed(record: &Record) -> bool {
    matches!(record.kind, RecordKind::Routed(_))
}

pub(super) fn handed_over(record: &Record) -> bool {
    matches!(record.kind, RecordKind::HandedOver(_))
}

pub(super) fn acknowledged(record: &Record) -> bool {
    matches!(record.kind, RecordKind::Acknowledged(_))
}

pub(super) fn started(record: &Record) -> bool {
    matches!(record.kind, RecordKind::RelayStarted(_))
}

/// Numbers the indexes anew, as whoever hides a change would.
pub(super) fn renumber(shown: &mut [ReplayedRecord]) {
    for (index, record) in (0u64..).zip(shown) {
        record.index = index;
    }
}

/// The fault that is found when `shown` is presented with the honest checkpoint, located by the honest relay's proofs.
pub(super) async fn in_between(world: &World, shown: Vec<ReplayedRecord>) -> Fault {
    let mut verifier = verifier(world);
    let fault = run(&mut verifier, shown).unwrap_err();
    locate(&verifier, fault, &Honest::of(&world.shown)).await
}

/// The fault that is found when the relay itself commits to `shown`.
pub(super) async fn at_the_source(world: &World, shown: Vec<ReplayedRecord>) -> Fault {
    let mut verifier = Verifier::new(world.verifier(), &checkpoint_of(world, &shown)).unwrap();
    let prover = Honest::of(&shown);
    let fault = run(&mut verifier, shown).unwrap_err();
    locate(&verifier, fault, &prover).await
}
