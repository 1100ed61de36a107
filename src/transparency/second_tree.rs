//! Proofs and roots against a second implementation of RFC 6962 by another hand (`ct-merkle`): ours verify there and
//! theirs here. Sizes 0 to 300 are tried in full, the borders of tiles of two levels beyond at chosen places.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use sha2::Sha256;

use super::model::Log;
use super::*;
use crate::domain::Hash;

type Theirs = MemoryBackedTree<Sha256, [u8; 8]>;

/// Our hashes as bytes, and theirs as hashes.
fn joined(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    assert!(rest.is_empty());
    hashes.iter().map(|hash| Hash(*hash)).collect()
}

fn their_root(log: &Log, size: u64) -> RootHash<Sha256> {
    RootHash::new(log.root(size).0.into(), size)
}

/// That the record at `index` is in the log of the size that `theirs` has, proven and verified both ways.
fn included(log: &Log, theirs: &Theirs, index: u64) {
    let size = theirs.len();
    let ours = inclusion_proof(size, index, log).unwrap();
    let proof = theirs.prove_inclusion(index as usize);
    assert_eq!(hashes(proof.as_bytes()), ours, "{index} of {size}");
    their_root(log, size)
        .verify_inclusion(
            &index.to_be_bytes(),
            index,
            &InclusionProof::try_from_bytes(joined(&ours)).unwrap(),
        )
        .unwrap();
    let leaf = leaf_hash(&index.to_be_bytes());
    verify_inclusion(&leaf, index, size, &hashes(proof.as_bytes()), &log.root(size)).unwrap();
}

/// The same of the log of `old` records as the beginning of the one of the size that `theirs` has.
fn consistent(log: &Log, theirs: &Theirs, old: u64) {
    let size = theirs.len();
    let ours = consistency_proof(old, size, log).unwrap();
    let proof = theirs.prove_consistency((size - old) as usize);
    assert_eq!(hashes(proof.as_bytes()), ours, "{old} to {size}");
    their_root(log, size)
        .verify_consistency(
            &their_root(log, old),
            &ConsistencyProof::try_from_bytes(joined(&ours)).unwrap(),
        )
        .unwrap();
    verify_consistency(
        old,
        &log.root(old),
        size,
        &log.root(size),
        &hashes(proof.as_bytes()),
    )
    .unwrap();
}

fn agrees(log: &Log, theirs: &Theirs) {
    let root: [u8; 32] = (*theirs.root().as_bytes()).into();
    assert_eq!(Hash(root), log.root(theirs.len()), "root of {}", theirs.len());
}

/// Roots, every inclusion and every consistency of the sizes 0 to 300.
#[test]
fn small_logs_agree() {
    let log = Log::of(300);
    let mut theirs = Theirs::new();
    agrees(&log, &theirs);
    for size in 1..=300u64 {
        theirs.push((size - 1).to_be_bytes());
        agrees(&log, &theirs);
        for at in 0..size {
            included(&log, &theirs, at);
            consistent(&log, &theirs, at + 1);
        }
    }
}

/// The same at the borders of tiles: two full tiles, and a full tile of the second level.
#[test]
fn borders_of_tiles_agree() {
    const BORDERS: [u64; 6] = [511, 512, 513, 65_535, 65_536, 65_537];
    let log = Log::of(65_537);
    let mut theirs = Theirs::new();
    for size in 1..=65_537u64 {
        theirs.push((size - 1).to_be_bytes());
        if !BORDERS.contains(&size) {
            continue;
        }
        agrees(&log, &theirs);
        for at in [0, 1, 254, 255, 256, 257, 510, size / 2, size - 2, size - 1] {
            included(&log, &theirs, at);
            consistent(&log, &theirs, at + 1);
        }
        for old in BORDERS.iter().filter(|old| **old <= size) {
            consistent(&log, &theirs, *old);
        }
    }
}
