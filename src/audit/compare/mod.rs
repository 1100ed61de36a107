//! Two pieces of evidence held against each other: checkpoints, receipts, bundles, copies of the log. If they contradict each
//! other, both under the log's own key, that is one proof of misbehaviour which convicts the log to anybody, offline.
//!
//! All that the two hold of what one key has signed goes into one pool, so what one of them contradicts in itself is found too. Nothing is held against
//! the log but what its key has signed: two roots of one size, two leaves at one index, two records in one place of a thread
//! or of the directory's chain, a record after the end of a key that signed it, a `ROUTED` record that names an older directory. What the two give no means to compare is said.

mod copy;
mod ended;
mod exhibit;
mod misbehaviour;

#[cfg(test)]
mod ended_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod vectors_false;

use std::collections::{BTreeMap, BTreeSet};

pub use copy::{CopyError, LeafSource, Leaves, Records};
pub use exhibit::{Exhibit, NoExhibit};
pub use misbehaviour::{Conviction, Kind, MISBEHAVIOUR_FORMAT, Misbehaviour, Side};

use self::copy::Streamed;
use self::exhibit::{HeldEntry, HeldRoot};
use crate::domain::{DeskAddress, Digest, Hash};
use crate::transparency::{TlogProof, consistency_proof, inclusion_proof};

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing contradicts anything else.
    Consistent {
        /// What was compared, in sentences.
        compared: Vec<String>,
        /// What could not be, in sentences.
        not_compared: Vec<String>,
    },
    /// The log's key has signed what cannot both be true.
    Convicted(Box<Misbehaviour>),
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum NotCompared {
    /// They are of different logs.
    #[error("{one} is of the log {of_one}, {other} of {of_other}: two logs owe each other nothing")]
    OtherLog {
        /// Its name.
        one: String,
        /// Its log.
        of_one: String,
        /// The other's name.
        other: String,
        /// The other's log.
        of_other: String,
    },
    /// They are signed by different keys of one origin.
    #[error(
        "{one} and {other} are signed by different keys of the log {origin}: neither key owes anything to what the other has signed"
    )]
    OtherKey {
        /// Its name.
        one: String,
        /// The other's name.
        other: String,
        /// What both keys name as their log.
        origin: String,
    },
    /// A copy could not be read again.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

/// Compares two exhibits.
pub fn compare(one: &Exhibit, other: &Exhibit) -> Result<Comparison, NotCompared> {
    if one.origin() != other.origin() {
        return Err(NotCompared::OtherLog {
            one: one.name().to_owned(),
            of_one: one.origin().to_string(),
            other: other.name().to_owned(),
            of_other: other.origin().to_string(),
        });
    }
    // A policy may have several keys of one origin. Each answers for what it has signed, and for nothing else.
    let (keys, others) = (one.keys(), other.keys());
    let mut all_compared = Vec::new();
    let mut all_not_compared = Vec::new();
    for key in keys.union(&others) {
        let pool = Pool {
            roots: one.roots(key).chain(other.roots(key)).collect(),
            entries: one.entries(key).chain(other.entries(key)).collect(),
            copies: one.copy(key).into_iter().chain(other.copy(key)).collect(),
        };
        if let Some((kind, a, b)) = pool.contradiction()? {
            return Ok(Comparison::Convicted(Box::new(Misbehaviour {
                origin: one.origin().clone(),
                kind,
                a,
                b,
            })));
        }
        let (compared, not_compared) = pool.consistent();
        all_compared.push(compared);
        all_not_compared.extend(not_compared);
    }
    if keys.is_disjoint(&others) {
        return Err(NotCompared::OtherKey {
            one: one.name().to_owned(),
            other: other.name().to_owned(),
            origin: one.origin().to_string(),
        });
    }
    if all_compared.len() > 1 {
        all_not_compared.push(format!(
            "What {} different keys of the log {} have signed: each key was compared with itself only.",
            all_compared.len(),
            one.origin()
        ));
    }
    Ok(Comparison::Consistent {
        compared: all_compared,
        not_compared: all_not_compared,
    })
}

/// All that two exhibits hold of what one key has signed.
struct Pool<'a> {
    roots: Vec<&'a HeldRoot>,
    entries: Vec<&'a HeldEntry>,
    copies: Vec<&'a dyn LeafSource>,
}

type Found = (Kind, Side, Side);

impl Pool<'_> {
    fn contradiction(&self) -> Result<Option<Found>, CopyError> {
        if let Some(found) = self.two_roots()? {
            return Ok(Some(found));
        }
        match self.two_leaves()?.or_else(|| self.two_in_one_place()) {
            Some(found) => Ok(Some(found)),
            None => ended::find(&self.entries, &self.copies),
        }
    }

    /// Two roots of one size.
    fn two_roots(&self) -> Result<Option<Found>, CopyError> {
        let mut by_size: BTreeMap<u64, &HeldRoot> = BTreeMap::new();
        for root in &self.roots {
            let known = by_size.entry(root.size).or_insert(root);
            if known.root != root.root {
                return Ok(Some((Kind::TwoRoots, known.side(), root.side())));
            }
        }
        for copy in &self.copies {
            let sizes = by_size.keys().copied().collect();
            for (size, here) in copy::roots_at(*copy, &sizes)? {
                let Some(root) = by_size.get(&size).filter(|root| root.root != here) else {
                    continue;
                };
                let consistency = consistency_proof(root.size, copy.size(), &Streamed::of(*copy))
                    .map_err(CopyError::from)?;
                let side = Side::Root {
                    checkpoint: copy.note().to_owned(),
                    size: root.size,
                    root: here,
                    consistency,
                };
                return Ok(Some((Kind::TwoRoots, root.side(), side)));
            }
        }
        Ok(None)
    }

    /// Two leaves at one index.
    fn two_leaves(&self) -> Result<Option<Found>, CopyError> {
        let mut by_index: BTreeMap<u64, &HeldEntry> = BTreeMap::new();
        for entry in &self.entries {
            let known = by_index.entry(entry.proof.index).or_insert(entry);
            if known.leaf != entry.leaf {
                return Ok(Some((Kind::TwoLeaves, known.side(), entry.side())));
            }
        }
        for copy in &self.copies {
            for leaf in copy.leaves()? {
                let (index, leaf) = leaf?;
                if let Some(entry) = by_index.get(&index).filter(|entry| entry.leaf != leaf) {
                    let side = leaf_side(*copy, index, leaf)?;
                    return Ok(Some((Kind::TwoLeaves, entry.side(), side)));
                }
            }
        }
        let [one, other] = self.copies.as_slice() else {
            return Ok(None);
        };
        for (one_leaf, other_leaf) in one.leaves()?.zip(other.leaves()?) {
            let ((index, one_leaf), (_, other_leaf)) = (one_leaf?, other_leaf?);
            if one_leaf != other_leaf {
                let sides = (
                    leaf_side(*one, index, one_leaf)?,
                    leaf_side(*other, index, other_leaf)?,
                );
                return Ok(Some((Kind::TwoLeaves, sides.0, sides.1)));
            }
        }
        Ok(None)
    }

    /// Two records in one place of a thread, or of the directory's chain.
    fn two_in_one_place(&self) -> Option<Found> {
        let mut threads: BTreeMap<(Digest, &DeskAddress, u64), &HeldEntry> = BTreeMap::new();
        let mut directory: BTreeMap<u64, &HeldEntry> = BTreeMap::new();
        for entry in &self.entries {
            let Some(record) = &entry.record else { continue };
            let is_other =
                |known: &HeldEntry| (known.proof.index, known.leaf) != (entry.proof.index, entry.leaf);
            if let Some(link) = &record.thread {
                let known = threads
                    .entry((link.warning, &link.desk, link.seq))
                    .or_insert(entry);
                if is_other(known) {
                    return Some((Kind::TwoInThread, known.side(), entry.side()));
                }
            }
            if let Some(link) = &record.directory {
                let known = directory.entry(link.seq).or_insert(entry);
                if is_other(known) {
                    return Some((Kind::TwoInDirectory, known.side(), entry.side()));
                }
            }
        }
        None
    }

    /// What was compared, and what not.
    fn consistent(&self) -> (String, Vec<String>) {
        let sizes: BTreeSet<u64> = self
            .roots
            .iter()
            .map(|root| root.size)
            .chain(self.roots.iter().map(|root| root.of_size))
            .chain(self.copies.iter().map(|copy| copy.size()))
            .collect();
        let indexes: BTreeSet<u64> = self.entries.iter().map(|entry| entry.proof.index).collect();
        let compared = format!(
            "{} checkpoints and roots of {} sizes, {} records at {} indexes and {} copies, all signed by the log's key: none \
             contradicts another.",
            self.roots.len(),
            sizes.len(),
            self.entries.len(),
            indexes.len(),
            self.copies.len()
        );
        (compared, self.unconnected(&sizes))
    }

    /// Sizes between which nothing here shows that the log only grew.
    fn unconnected(&self, sizes: &BTreeSet<u64>) -> Vec<String> {
        let mut islands: BTreeMap<u64, u64> = sizes.iter().map(|size| (*size, *size)).collect();
        let mut join = |one: u64, other: u64| {
            let (one, other) = (islands.get(&one).copied(), islands.get(&other).copied());
            if let (Some(one), Some(other)) = (one, other) {
                for island in islands.values_mut().filter(|island| **island == one) {
                    *island = other;
                }
            }
        };
        for root in &self.roots {
            join(root.size, root.of_size);
        }
        for copy in &self.copies {
            // Every root up to its own size was computed from it.
            for size in sizes.range(..=copy.size()) {
                join(*size, copy.size());
            }
        }
        if let Some(zero) = sizes.first().filter(|size| **size == 0) {
            // Every log begins empty.
            let any = sizes.last().copied().unwrap_or(*zero);
            join(*zero, any);
        }
        let groups: BTreeSet<u64> = islands.values().copied().collect();
        let largest = groups.iter().filter_map(|group| {
            let members = islands.iter().filter(|(_, island)| *island == group);
            members.map(|(size, _)| *size).max()
        });
        let mut largest: Vec<u64> = largest.collect();
        largest.sort_unstable();
        let pairs = largest.iter().zip(largest.iter().skip(1));
        pairs
            .map(|(old, new)| {
                format!(
                    "That the log of {new} records begins with the log of {old}: neither file holds a proof of it, nor one \
                     against it. A relay that only grew can prove it."
                )
            })
            .collect()
    }
}

fn leaf_side(copy: &dyn LeafSource, index: u64, leaf: Hash) -> Result<Side, CopyError> {
    let hashes = inclusion_proof(copy.size(), index, &Streamed::of(copy)).map_err(CopyError::from)?;
    Ok(Side::Record {
        proof: TlogProof {
            index,
            hashes,
            checkpoint_note: copy.note().to_owned(),
            extra: None,
        },
        leaf,
        record: None,
    })
}
