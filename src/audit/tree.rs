//! The tree over what was shown: its right edge, and the stored hashes (in tlog's order) from which the root at any earlier
//! size follows, which is what a signer's `seen` is compared with. In memory, or in a file to which hashes are only added.
//!
//! The file holds 64 bytes a record. What stands in it beyond the size that was verified counts for nothing, and when it
//! is opened all of it is derived again from the leaf hashes.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;

use super::state::StateError;
use crate::domain::Hash;
use crate::limits;
use crate::transparency::{
    EMPTY_ROOT, Frontier, InvalidFrontier, node_hash, stored_hash_count, stored_hash_index,
};

const HASH_BYTES: u64 = 32;
/// Roots that are kept at hand: many signers have seen the same checkpoint.
const ROOTS_AT_HAND: u64 = 1024;

/// The tree of all that was shown so far.
#[derive(Debug, Default)]
pub(super) struct Tree {
    frontier: Frontier,
    /// The newest stored hashes; without a file, all.
    recent: Vec<Hash>,
    /// How many stored hashes stand before them, in the file.
    before: u64,
    file: Option<File>,
    /// How many stored hashes are in the file; what is in it and recent too need not be written again.
    written: u64,
    at_hand: Vec<(u64, Hash)>,
}

impl Tree {
    /// An empty tree whose hashes go to an empty file.
    pub(super) fn in_file(file: File) -> Self {
        Self {
            file: Some(file),
            ..Self::default()
        }
    }

    /// The tree of the first `size` records, whose hashes are in a file. Derives every hash again, so that nothing in the
    /// file is believed but the leaf hashes, and these by the root; cuts off what stands beyond.
    pub(super) fn open(mut file: File, size: u64, root: Hash) -> Result<Self, StateError> {
        let damaged = |what: &str| StateError::damaged(format!("its tree {what}"));
        let count = stored_hash_count(size).ok_or_else(|| damaged("is larger than a log"))?;
        let length = count.saturating_mul(HASH_BYTES);
        let on_disk = file.seek(SeekFrom::End(0)).map_err(StateError::io)?;
        if on_disk < length {
            return Err(damaged("ends early"));
        }
        file.set_len(length)
            .and_then(|()| file.rewind())
            .map_err(StateError::io)?;
        let mut frontier = Frontier::new();
        let mut reader = BufReader::with_capacity(limits::AUDIT_READ_BYTES, &file);
        while frontier.size() < size {
            let mut leaf = [0; 32];
            reader.read_exact(&mut leaf).map_err(StateError::io)?;
            let stored = frontier
                .append(Hash(leaf))
                .map_err(|_| damaged("is larger than a log"))?;
            for derived in stored.iter().skip(1) {
                let mut hash = [0; 32];
                reader.read_exact(&mut hash).map_err(StateError::io)?;
                if hash != derived.0 {
                    return Err(damaged("holds a hash that does not follow from its leaves"));
                }
            }
        }
        if frontier.root() != root {
            return Err(damaged("has another root than the checkpoint that was verified"));
        }
        drop(reader);
        Ok(Self {
            frontier,
            recent: Vec::new(),
            before: count,
            file: Some(file),
            written: count,
            at_hand: Vec::new(),
        })
    }

    /// How many leaf hashes were appended.
    pub(super) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root over them.
    pub(super) fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Appends a leaf hash; fails beyond the largest log.
    pub(super) fn append(&mut self, leaf: Hash) -> Result<(), InvalidFrontier> {
        self.frontier.append_to(leaf, &mut self.recent)
    }

    /// Writes what is only in memory if that is much; keeps the newest of it at hand. To be called now and then.
    pub(super) fn spill(&mut self) -> Result<(), StateError> {
        if self.file.is_none() || self.recent.len() < 2 * limits::AUDIT_TREE_AT_HAND {
            return Ok(());
        }
        self.write()?;
        let spilled = self.recent.len().saturating_sub(limits::AUDIT_TREE_AT_HAND);
        self.recent.drain(..spilled);
        self.before = self.before.saturating_add(count_of(spilled));
        Ok(())
    }

    /// All of it is on stable storage when it returns.
    pub(super) fn sync(&mut self) -> Result<(), StateError> {
        self.write()?;
        match &self.file {
            Some(file) => file.sync_data().map_err(StateError::io),
            None => Ok(()),
        }
    }

    fn write(&mut self) -> Result<(), StateError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let already = usize::try_from(self.written.saturating_sub(self.before)).unwrap_or(usize::MAX);
        let new = self.recent.get(already..).unwrap_or_default();
        let bytes: Vec<u8> = new.iter().flat_map(|hash| hash.0).collect();
        file.seek(SeekFrom::Start(self.written.saturating_mul(HASH_BYTES)))
            .and_then(|_| file.write_all(&bytes))
            .map_err(StateError::io)?;
        self.written = self.written.saturating_add(count_of(new.len()));
        Ok(())
    }

    /// The root of the first `size` records; none beyond what was shown.
    pub(super) fn root_at(&self, size: u64) -> Result<Option<Hash>, StateError> {
        if size > self.size() {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(EMPTY_ROOT));
        }
        // One complete subtree for each one-bit, the smallest first; each later one stands to the left of all before.
        let mut root: Option<Hash> = None;
        for level in (0..u64::BITS).filter(|level| size & (1u64 << level) != 0) {
            let number = (size >> level).saturating_sub(1);
            let left = self.stored(level, number)?;
            root = Some(match root {
                None => left,
                Some(right) => node_hash(&left, &right),
            });
        }
        Ok(root)
    }

    /// The same, remembered: the same sizes are asked for again and again.
    pub(super) fn root_at_hand(&mut self, size: u64) -> Result<Option<Hash>, StateError> {
        let slot = usize::try_from(size % ROOTS_AT_HAND).unwrap_or_default();
        if let Some((_, root)) = self.at_hand.get(slot).filter(|(of, _)| *of == size && size > 0) {
            return Ok(Some(*root));
        }
        let found = self.root_at(size)?;
        if self.at_hand.is_empty() {
            let slots = usize::try_from(ROOTS_AT_HAND).unwrap_or_default();
            self.at_hand = vec![(0, EMPTY_ROOT); slots];
        }
        if let (Some(root), Some(slot)) = (found, self.at_hand.get_mut(slot)) {
            *slot = (size, root);
        }
        Ok(found)
    }

    /// The leaf hash of one record.
    pub(super) fn leaf(&self, index: u64) -> Result<Option<Hash>, StateError> {
        match index < self.size() {
            true => self.stored(0, index).map(Some),
            false => Ok(None),
        }
    }

    fn stored(&self, level: u32, number: u64) -> Result<Hash, StateError> {
        let outside = || StateError::damaged("its tree does not hold what it should".to_owned());
        let level = u8::try_from(level).map_err(|_| outside())?;
        let at = stored_hash_index(level, number).ok_or_else(outside)?;
        if let Some(recent) = at.checked_sub(self.before) {
            let recent = usize::try_from(recent).ok().and_then(|at| self.recent.get(at));
            return recent.copied().ok_or_else(outside);
        }
        let file = self.file.as_ref().ok_or_else(outside)?;
        let mut hash = [0; 32];
        file.read_exact_at(&mut hash, at.saturating_mul(HASH_BYTES))
            .map_err(StateError::io)?;
        Ok(Hash(hash))
    }
}

fn count_of(hashes: usize) -> u64 {
    u64::try_from(hashes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation
    )]
    use super::*;

    fn leaf(n: u64) -> Hash {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&n.to_be_bytes());
        Hash(hash)
    }

    /// At every size the root is the frontier's, whether the hashes are in memory, in a file, or in a file that was opened
    /// again; and more is appended to it as to the others.
    #[test]
    fn every_root_is_known_again() {
        let file = || tempfile::tempfile().unwrap();
        let (mut frontier, mut roots) = (Frontier::new(), vec![EMPTY_ROOT]);
        let on_disk = file();
        let mut trees = [Tree::default(), Tree::in_file(on_disk.try_clone().unwrap())];
        for n in 0..300 {
            frontier.append(leaf(n)).unwrap();
            roots.push(frontier.root());
            for tree in &mut trees {
                tree.append(leaf(n)).unwrap();
                tree.write().unwrap();
                // As if there were hardly any room at hand.
                if tree.file.is_some() {
                    let spilled = tree.recent.len().saturating_sub(3);
                    tree.recent.drain(..spilled);
                    tree.before += spilled as u64;
                }
            }
        }
        trees[1].sync().unwrap();
        let [in_memory, in_file] = trees;
        let again = Tree::open(on_disk.try_clone().unwrap(), 300, roots[300]).unwrap();
        let shorter = Tree::open(on_disk, 177, roots[177]).unwrap();
        for (mut tree, size) in [(in_memory, 300), (in_file, 300), (again, 300), (shorter, 177)] {
            // The last one has cut the file that two others read: those are asked for what is left of it.
            for at in 0..=size.min(177) {
                assert_eq!(tree.root_at(at).unwrap(), Some(roots[at as usize]), "{at}");
                assert_eq!(tree.root_at_hand(at).unwrap(), Some(roots[at as usize]), "{at}");
                assert_eq!(tree.root_at_hand(at).unwrap(), Some(roots[at as usize]), "{at}");
            }
            assert_eq!(tree.root_at(size + 1).unwrap(), None);
            assert_eq!(tree.leaf(7).unwrap(), Some(leaf(7)));
            if size == 177 {
                for n in 177..300 {
                    tree.append(leaf(n)).unwrap();
                }
                assert_eq!(tree.root(), roots[300]);
            }
        }
    }

    /// A file that is short, altered anywhere, or of another log is refused.
    #[test]
    fn a_damaged_file_is_refused() {
        let file = || tempfile::tempfile().unwrap();
        let original = file();
        let mut tree = Tree::in_file(original.try_clone().unwrap());
        (0..21).for_each(|n| tree.append(leaf(n)).unwrap());
        tree.sync().unwrap();
        let root = tree.root();
        let length = original.metadata().unwrap().len();
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        original.read_exact_at(&mut bytes, 0).unwrap();
        let open = |bytes: &[u8]| {
            let copy = file();
            copy.write_all_at(bytes, 0).unwrap();
            Tree::open(copy, 21, root)
        };
        assert!(open(&bytes).is_ok());
        assert!(open(&bytes[..bytes.len() - 1]).is_err());
        for at in (0..bytes.len()).step_by(7) {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(open(&altered).is_err(), "byte {at}");
        }
    }
}
