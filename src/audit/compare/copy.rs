//! A whole copy of the log, as it is compared: its leaf hashes in order, read again as often as is asked. Proofs are made of
//! it in one pass each, so that a copy of any length takes no memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bytes::Bytes;

use super::super::copy::Copy;
use crate::domain::{Hash, ReplayedContent};
use crate::transparency::{Frontier, HashReader, ProofError};

/// The leaves of a copy, by index, from 0 on.
pub type Leaves<'a> = Box<dyn Iterator<Item = Result<(u64, Hash), CopyError>> + 'a>;

/// The records that a copy shows, by index.
pub type Records<'a> = Box<dyn Iterator<Item = Result<(u64, Bytes), CopyError>> + 'a>;

/// A copy of the log whose leaves give the root of its note: whoever makes one has checked that, and its note's signature.
pub trait LeafSource: std::fmt::Debug {
    /// The signed note that it is a copy of.
    fn note(&self) -> &str;
    /// How many records it has.
    fn size(&self) -> u64;
    /// All of them, from the first on.
    fn leaves(&self) -> Result<Leaves<'_>, CopyError>;
    /// The records that are shown whole, with their indexes, ascending. None: all are leaf hashes only.
    fn records(&self) -> Result<Records<'_>, CopyError> {
        Ok(Box::new(std::iter::empty()))
    }
}

/// A copy in a file (`audit replay --save`).
#[derive(Debug)]
pub(super) struct FileCopy {
    pub(super) path: PathBuf,
    pub(super) note: String,
    pub(super) size: u64,
}

impl LeafSource for FileCopy {
    fn note(&self) -> &str {
        &self.note
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn leaves(&self) -> Result<Leaves<'_>, CopyError> {
        let unreadable = |error: super::super::copy::CopyError| CopyError(error.to_string());
        let copy = Copy::open(&self.path).map_err(unreadable)?;
        Ok(Box::new(copy.leaves().map(move |leaf| leaf.map_err(unreadable))))
    }

    fn records(&self) -> Result<Records<'_>, CopyError> {
        let unreadable = |error: super::super::copy::CopyError| CopyError(error.to_string());
        let copy = Copy::open(&self.path).map_err(unreadable)?;
        Ok(Box::new(copy.filter_map(
            move |shown| match shown.map_err(unreadable) {
                Ok(shown) => match shown.content {
                    ReplayedContent::Record(bytes) => Some(Ok((shown.index, bytes))),
                    ReplayedContent::LeafHash(_) => None,
                },
                Err(error) => Some(Err(error)),
            },
        )))
    }
}

/// A copy could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the copy cannot be read: {0}")]
pub struct CopyError(pub String);

impl From<ProofError<Self>> for CopyError {
    fn from(error: ProofError<Self>) -> Self {
        match error {
            ProofError::Reader(error) => error,
            ProofError::OutOfRange | ProofError::BadReader => Self(error.to_string()),
        }
    }
}

/// The roots of a copy at these sizes, all in one pass over its leaves.
pub(super) fn roots_at(
    copy: &dyn LeafSource,
    sizes: &BTreeSet<u64>,
) -> Result<BTreeMap<u64, Hash>, CopyError> {
    let mut frontier = Frontier::new();
    let mut roots = BTreeMap::new();
    let mut due = sizes.iter().copied().peekable();
    let mut leaves = copy.leaves()?;
    while let Some(size) = due.next_if(|size| *size <= copy.size()) {
        while frontier.size() < size {
            let (_, leaf) = leaves.next().ok_or_else(shorter)??;
            append(&mut frontier, leaf, &mut Vec::new())?;
        }
        roots.insert(size, frontier.root());
    }
    Ok(roots)
}

fn append(frontier: &mut Frontier, leaf: Hash, stored: &mut Vec<Hash>) -> Result<(), CopyError> {
    let appended = frontier.append_to(leaf, stored);
    appended.map_err(|error| CopyError(error.to_string()))
}

fn shorter() -> CopyError {
    CopyError("it is shorter than its note says".to_owned())
}

/// The stored hashes of a copy's tree, found in one pass over its leaves.
pub(super) struct Streamed<'a>(&'a dyn LeafSource);

impl<'a> Streamed<'a> {
    pub(super) fn of(copy: &'a dyn LeafSource) -> Self {
        Self(copy)
    }
}

impl HashReader for Streamed<'_> {
    type Error = CopyError;
    fn hashes(&self, stored_indexes: &[u64]) -> Result<Vec<Hash>, CopyError> {
        let last = stored_indexes.iter().max().copied();
        let mut wanted: BTreeMap<u64, Option<Hash>> = stored_indexes.iter().map(|at| (*at, None)).collect();
        let mut frontier = Frontier::new();
        let mut next = 0u64;
        let mut stored = Vec::new();
        for leaf in self.0.leaves()? {
            let (index, leaf) = leaf?;
            if index != frontier.size() {
                return Err(CopyError(format!(
                    "index {index} came where {} was due",
                    frontier.size()
                )));
            }
            stored.clear();
            append(&mut frontier, leaf, &mut stored)?;
            for hash in &stored {
                if let Some(place) = wanted.get_mut(&next) {
                    *place = Some(*hash);
                }
                next = next.saturating_add(1);
            }
            if last.is_none_or(|last| next > last) {
                break;
            }
        }
        let found = |at: &u64| wanted.get(at).copied().flatten();
        stored_indexes
            .iter()
            .map(|at| found(at).ok_or_else(shorter))
            .collect()
    }
}
