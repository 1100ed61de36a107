//! Proofs and roots against a model: RFC 6962 §2.1 written down as it stands there, slow and plain. Sizes 0 to 70 are
//! tried in full, and the borders of tiles (256 hashes) beyond.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

use std::convert::Infallible;

use super::*;
use crate::domain::Hash;
use crate::limits::LOG_SIZE_MAX;

const FULL: u64 = 70;
const BORDERS: [u64; 8] = [127, 128, 255, 256, 257, 511, 512, 513];

/// A log in memory: its leaves, and its hashes in stored order as the frontier gave them.
pub(crate) struct Log {
    pub(crate) leaves: Vec<Hash>,
    stored: Vec<Hash>,
    roots: Vec<Hash>,
}

impl Log {
    pub(crate) fn of(size: u64) -> Self {
        Self::with(size, |i| leaf_hash(&i.to_be_bytes()))
    }

    pub(crate) fn with(size: u64, leaf: impl Fn(u64) -> Hash) -> Self {
        let mut frontier = Frontier::new();
        let mut log = Self {
            leaves: Vec::new(),
            stored: Vec::new(),
            roots: vec![frontier.root()],
        };
        for i in 0..size {
            let leaf = leaf(i);
            log.leaves.push(leaf);
            log.stored.extend(frontier.append(leaf).unwrap());
            log.roots.push(frontier.root());
        }
        log
    }

    pub(crate) fn root(&self, size: u64) -> Hash {
        self.roots[size as usize]
    }
}

impl HashReader for Log {
    type Error = Infallible;
    fn hashes(&self, stored_indexes: &[u64]) -> Result<Vec<Hash>, Infallible> {
        Ok(stored_indexes
            .iter()
            .map(|index| self.stored[*index as usize])
            .collect())
    }
}

/// MTH of RFC 6962 §2.1.
fn model_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&model_root(left), &model_root(right))
        }
    }
}

/// PATH of RFC 6962 §2.1.1.
fn model_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if index < left.len() {
        (model_path(index, left), model_root(right))
    } else {
        (model_path(index - left.len(), right), model_root(left))
    };
    path.push(sibling);
    path
}

/// The largest power of two below `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// The root that the frontier carries is the model's, and so is the one read from stored hashes, at every size.
#[test]
fn roots_are_the_models() {
    let log = Log::of(513);
    for size in (0..=FULL).chain(BORDERS) {
        let expected = model_root(&log.leaves[..size as usize]);
        assert_eq!(log.root(size), expected, "frontier at {size}");
        assert_eq!(root_at(size, &log), Ok(expected), "stored hashes at {size}");
    }
}

/// A frontier read from stored hashes, or written and read back, goes on as the one that was carried.
#[test]
fn a_frontier_can_be_taken_up_again() {
    let log = Log::of(513);
    for size in (0..=FULL).chain(BORDERS) {
        let frontier = Frontier::at(size, &log).unwrap();
        assert_eq!((frontier.size(), frontier.root()), (size, log.root(size)));
        assert_eq!(Frontier::from_bytes(&frontier.to_bytes()), Ok(frontier.clone()));
        assert_eq!(stored_hash_count(size).unwrap() as usize, {
            let start = log.stored.len();
            start - (stored_hash_count(513).unwrap() - stored_hash_count(size).unwrap()) as usize
        });
        let Some(leaf) = log.leaves.get(size as usize) else {
            continue;
        };
        let run = hashes_for_append(size, *leaf, &log).unwrap();
        let start = stored_hash_count(size).unwrap() as usize;
        assert_eq!(
            run,
            log.stored[start..start + run.len()],
            "hashes appended at {size}"
        );
    }
}

/// Every inclusion proof is the model's and verifies; and not for another leaf, index, size or root, nor with a hash
/// changed, missing or added.
#[test]
fn inclusion_proofs() {
    let log = Log::of(513);
    let pairs = (1..=FULL).flat_map(|size| (0..size).map(move |index| (size, index)));
    let borders = BORDERS.into_iter().flat_map(|size| {
        [0, 1, 127, 128, 254, 255, 256, 511, size - 1].map(|index| (size, index.min(size - 1)))
    });
    for (size, index) in pairs.chain(borders) {
        let proof = inclusion_proof(size, index, &log).unwrap();
        assert_eq!(
            proof,
            model_path(index as usize, &log.leaves[..size as usize]),
            "{index} in {size}"
        );
        let (leaf, root) = (log.leaves[index as usize], log.root(size));
        let verify = |leaf: &Hash, index, size, proof: &[Hash], root: &Hash| {
            verify_inclusion(leaf, index, size, proof, root).is_ok()
        };
        assert!(verify(&leaf, index, size, &proof, &root), "{index} in {size}");
        assert!(!verify(&changed(&leaf), index, size, &proof, &root));
        assert!(!verify(&leaf, index, size, &proof, &changed(&root)));
        assert!(!verify(&leaf, size, size, &proof, &root));
        if size > 1 {
            assert!(
                !verify(&leaf, index ^ 1, size, &proof, &root),
                "{index} in {size} under its sibling"
            );
        }
        for wrong in tampered(&proof) {
            assert!(
                !verify(&leaf, index, size, &wrong, &root),
                "{index} in {size}, tampered"
            );
        }
    }
}

/// Every consistency proof verifies between its two roots; and not with a root or hash changed, nor with a hash
/// missing or added, nor the other way round.
#[test]
fn consistency_proofs() {
    let log = Log::of(513);
    let pairs = (0..=FULL).flat_map(|new| (0..=new).map(move |old| (old, new)));
    let borders = BORDERS
        .into_iter()
        .flat_map(|new| [1, 64, 127, 128, 255, 256, new].map(|old| (old.min(new), new)));
    for (old, new) in pairs.chain(borders) {
        let proof = consistency_proof(old, new, &log).unwrap();
        let (old_root, new_root) = (log.root(old), log.root(new));
        let verify = |old, old_root: &Hash, new, new_root: &Hash, proof: &[Hash]| {
            verify_consistency(old, old_root, new, new_root, proof).is_ok()
        };
        assert!(verify(old, &old_root, new, &new_root, &proof), "{old} to {new}");
        assert!(
            !verify(old, &changed(&old_root), new, &new_root, &proof),
            "{old} to {new}, old root"
        );
        if old > 0 {
            assert!(
                !verify(old, &old_root, new, &changed(&new_root), &proof),
                "{old} to {new}, new root"
            );
        }
        if old < new {
            assert!(
                !verify(new, &new_root, old, &old_root, &proof),
                "{new} back to {old}"
            );
        }
        for wrong in tampered(&proof) {
            assert!(
                !verify(old, &old_root, new, &new_root, &wrong),
                "{old} to {new}, tampered"
            );
        }
    }
}

/// Between a log and one that differs in one record no consistency proof of either verifies, past that record.
#[test]
fn a_fork_has_no_consistency_proof() {
    let (log, mut fork) = (Log::of(70), Log::of(70));
    let mut frontier = Frontier::new();
    fork.stored.clear();
    for (i, leaf) in fork.leaves.iter_mut().enumerate() {
        if i == 33 {
            *leaf = leaf_hash(b"another record");
        }
        fork.stored.extend(frontier.append(*leaf).unwrap());
        fork.roots[i + 1] = frontier.root();
    }
    for old in 1..=70 {
        for proof in [
            consistency_proof(old, 70, &log).unwrap(),
            consistency_proof(old, 70, &fork).unwrap(),
        ] {
            let verdict = verify_consistency(old, &log.root(old), 70, &fork.root(70), &proof);
            let shared = old <= 33 && proof == consistency_proof(old, 70, &fork).unwrap();
            assert_eq!(verdict.is_ok(), shared, "from {old}");
        }
    }
}

/// What is not in the log has no proof: an index at the size, an old size above the new, a size too large.
#[test]
fn what_is_out_of_range_has_no_proof() {
    let log = Log::of(3);
    let too_large = LOG_SIZE_MAX + 1;
    assert_eq!(inclusion_proof(3, 3, &log), Err(ProofError::OutOfRange));
    assert_eq!(inclusion_proof(0, 0, &log), Err(ProofError::OutOfRange));
    assert_eq!(inclusion_proof(too_large, 0, &log), Err(ProofError::OutOfRange));
    assert_eq!(consistency_proof(3, 2, &log), Err(ProofError::OutOfRange));
    assert_eq!(consistency_proof(0, too_large, &log), Err(ProofError::OutOfRange));
    assert_eq!(root_at(u64::MAX, &log), Err(ProofError::OutOfRange));
    assert_eq!(Frontier::at(u64::MAX, &log), Err(ProofError::OutOfRange));
}

/// A reader that breaks its contract, or fails, gives an error and no proof; in the largest log too.
#[test]
fn a_bad_reader_is_an_error() {
    #[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
    #[error("broken")]
    struct Broken;
    struct Reader(Result<usize, Broken>);
    impl HashReader for Reader {
        type Error = Broken;
        fn hashes(&self, _: &[u64]) -> Result<Vec<Hash>, Broken> {
            self.0.map(|count| vec![Hash::default(); count])
        }
    }
    for (reader, expected) in [
        (Reader(Ok(0)), ProofError::BadReader),
        (Reader(Ok(1000)), ProofError::BadReader),
        (Reader(Err(Broken)), ProofError::Reader(Broken)),
    ] {
        for size in [3, LOG_SIZE_MAX - 1] {
            assert_eq!(inclusion_proof(size, size - 1, &reader), Err(expected.clone()));
            assert_eq!(consistency_proof(size - 1, size, &reader), Err(expected.clone()));
            assert_eq!(root_at(size, &reader), Err(expected.clone()));
            assert_eq!(Frontier::at(size, &reader), Err(expected.clone()));
        }
    }
}

fn changed(hash: &Hash) -> Hash {
    let mut bytes = hash.0;
    bytes[31] ^= 1;
    Hash(bytes)
}

/// The proof with each hash changed in turn, without its last hash, and with one more.
fn tampered(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all: Vec<Vec<Hash>> = (0..proof.len())
        .map(|i| {
            let mut wrong = proof.to_vec();
            wrong[i] = changed(&wrong[i]);
            wrong
        })
        .collect();
    if let Some((_, shorter)) = proof.split_last() {
        all.push(shorter.to_vec());
    }
    all.push(proof.iter().copied().chain([Hash::default()]).collect());
    all
}
