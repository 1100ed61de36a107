//! One piece of evidence as it lies in a file or a directory: a signed checkpoint, a receipt, a bundle, a copy, or what a
//! client kept when it found a fork. What is in it counts only as far as the log's own key has signed it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;

use super::super::bundle::{Bundle, BundleFault, Entry, format_of};
use super::super::copy::{Copy, MAGIC};
use super::copy::{FileCopy, LeafSource};
use super::misbehaviour::Side;
use crate::domain::{Hash, Origin, Record};
use crate::files::{self, FileError};
use crate::limits;
use crate::transparency::{
    Frontier, LogVerifier, Policy, SignedCheckpoint, TlogProof, leaf_hash, verify_consistency,
    verify_inclusion,
};
use crate::wire;

/// A piece of evidence that was read, each part of it verified under the log's key.
#[derive(Debug)]
pub struct Exhibit {
    name: String,
    origin: Option<Origin>,
    /// The notes in it.
    notes: BTreeMap<String, HeldNote>,
    roots: Vec<HeldRoot>,
    entries: Vec<HeldEntry>,
    copy: Option<Box<dyn LeafSource>>,
    /// How often signatures of a note were verified, for the tests.
    #[cfg(test)]
    verified: usize,
}

/// A note that verifies. Whoever repeats it, a thousand times, has it verified once.
#[derive(Debug)]
struct HeldNote {
    size: u64,
    root: Hash,
    /// The log's keys that have signed it: most often one.
    signers: Vec<String>,
}

/// A root of the log, as a note says it or as a proof leads from it to a note.
#[derive(Debug, Clone)]
pub(super) struct HeldRoot {
    pub(super) note: String,
    /// The note's size.
    pub(super) of_size: u64,
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) consistency: Vec<Hash>,
}

/// A record that a note commits to.
#[derive(Debug, Clone)]
pub(super) struct HeldEntry {
    pub(super) proof: TlogProof,
    pub(super) leaf: Hash,
    pub(super) bytes: Bytes,
    /// None: it cannot be read, and is still a leaf.
    pub(super) record: Option<Record>,
}

impl HeldRoot {
    pub(super) fn side(&self) -> Side {
        Side::Root {
            checkpoint: self.note.clone(),
            size: self.size,
            root: self.root,
            consistency: self.consistency.clone(),
        }
    }
}

impl HeldEntry {
    pub(super) fn side(&self) -> Side {
        Side::Record {
            proof: self.proof.clone(),
            leaf: self.leaf,
            record: Some(self.bytes.clone()),
        }
    }
}

/// Why a file is no exhibit.
#[derive(Debug, thiserror::Error)]
pub enum NoExhibit {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no such file.
    #[error("{0}: there is no such file")]
    Missing(String),
    /// Nothing of what can be compared is in it.
    #[error("{0}: no checkpoint, receipt, bundle or copy")]
    Unknown(String),
    /// What is in it does not verify under the log's key.
    #[error("{name} does not verify: {fault}")]
    Fault {
        /// Which file.
        name: String,
        /// Which part of it, and why.
        fault: BundleFault,
    },
}

const PROOF: &str = "tlog-proof";
const RECORD: &str = "record";
const CHECKPOINT: &str = "checkpoint";

impl Exhibit {
    /// Reads what lies at a path: a file, or a directory of receipts or of evidence as a profile keeps them.
    pub fn read(path: &Path, policy: &Policy) -> Result<Self, NoExhibit> {
        let name = path.display().to_string();
        let mut exhibit = Self {
            name: name.clone(),
            origin: None,
            notes: BTreeMap::new(),
            roots: Vec::new(),
            entries: Vec::new(),
            copy: None,
            #[cfg(test)]
            verified: 0,
        };
        if path.is_dir() {
            for file in files::names(path)? {
                let file = path.join(file);
                let is = |kind: &str| file.extension().is_some_and(|it| it == kind);
                if is(PROOF) || is(CHECKPOINT) || file.file_name().is_some_and(|it| it == CHECKPOINT) {
                    exhibit.take_in(&file, policy)?;
                }
            }
        } else {
            exhibit.take_in(path, policy)?;
        }
        if exhibit.origin.is_none() {
            return Err(NoExhibit::Unknown(name));
        }
        Ok(exhibit)
    }

    /// A copy whose note was verified under this key.
    pub fn of_copy(
        name: impl Into<String>,
        log: &LogVerifier,
        checkpoint: &SignedCheckpoint,
        copy: Box<dyn LeafSource>,
    ) -> Self {
        let note = HeldNote {
            size: checkpoint.size(),
            root: checkpoint.root(),
            signers: vec![log.vkey()],
        };
        Self {
            name: name.into(),
            origin: Some(checkpoint.origin().clone()),
            roots: vec![root_of(checkpoint.note(), &note)],
            notes: BTreeMap::from([(checkpoint.note().to_owned(), note)]),
            entries: Vec::new(),
            copy: Some(copy),
            #[cfg(test)]
            verified: 0,
        }
    }

    /// As it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which log it is of.
    pub(super) fn origin(&self) -> &Origin {
        #[expect(clippy::expect_used, reason = "an exhibit without a checkpoint is never made")]
        self.origin.as_ref().expect("an exhibit holds a checkpoint")
    }

    /// The keys that have signed anything in it.
    pub(super) fn keys(&self) -> BTreeSet<&str> {
        let signers = self.notes.values().flat_map(|note| &note.signers);
        signers.map(String::as_str).collect()
    }

    /// What leads to a note that this key has signed.
    pub(super) fn roots(&self, key: &str) -> impl Iterator<Item = &HeldRoot> {
        self.roots.iter().filter(move |root| self.is_by(key, &root.note))
    }

    pub(super) fn entries(&self, key: &str) -> impl Iterator<Item = &HeldEntry> {
        let is_by = move |entry: &&HeldEntry| self.is_by(key, &entry.proof.checkpoint_note);
        self.entries.iter().filter(is_by)
    }

    pub(super) fn copy(&self, key: &str) -> Option<&dyn LeafSource> {
        self.copy.as_deref().filter(|copy| self.is_by(key, copy.note()))
    }

    fn is_by(&self, key: &str, note: &str) -> bool {
        let note = self.notes.get(note);
        note.is_some_and(|note| note.signers.iter().any(|signer| signer == key))
    }

    fn take_in(&mut self, path: &Path, policy: &Policy) -> Result<(), NoExhibit> {
        let name = path.display().to_string();
        if is_copy(path) {
            return self
                .whole_copy(path, policy)
                .map_err(|fault| NoExhibit::Fault { name, fault });
        }
        let bytes = files::read(path, limits::BUNDLE_BYTES_MAX)?;
        let bytes = bytes.ok_or_else(|| NoExhibit::Missing(name.clone()))?;
        let fault = |fault| NoExhibit::Fault {
            name: name.clone(),
            fault,
        };
        if format_of(&bytes).is_some() {
            let bundle = Bundle::parse(&bytes).map_err(fault)?;
            return self.bundle(&bundle, policy).map_err(fault);
        }
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(NoExhibit::Unknown(name));
        };
        if let Ok(proof) = TlogProof::parse(&text) {
            let beside = path.with_extension(RECORD);
            let record = files::read(&beside, limits::RECORD_BYTES_MAX)?;
            let record = record.ok_or_else(|| NoExhibit::Missing(beside.display().to_string()))?;
            let entry = Entry {
                proof,
                record: Bytes::from(record),
            };
            return self.entry("its proof", &entry, policy).map_err(fault);
        }
        self.open("its checkpoint", &text, policy)
            .map_err(|fault| NoExhibit::Fault { name, fault })?;
        Ok(())
    }

    /// A copy counts as what its note says, once its leaves give the note's root.
    fn whole_copy(&mut self, path: &Path, policy: &Policy) -> Result<(), BundleFault> {
        let part = "the copy";
        let copy = Copy::open(path).map_err(|error| BundleFault::new(part, error))?;
        let note = copy.note().to_owned();
        let (size, root) = self.open("its checkpoint", &note, policy)?;
        let mut frontier = Frontier::new();
        for leaf in copy.leaves() {
            let (_, leaf) = leaf.map_err(|error| BundleFault::new(part, error))?;
            frontier
                .append(leaf)
                .map_err(|error| BundleFault::new(part, error))?;
        }
        if (frontier.size(), frontier.root()) != (size, root) {
            return Err(BundleFault::new(
                part,
                "its records do not give the root of its checkpoint",
            ));
        }
        self.copy = Some(Box::new(FileCopy {
            path: path.to_owned(),
            note,
            size,
        }));
        Ok(())
    }

    /// All that a bundle proves of the tree. Whether its records keep the rules is not asked: a bundle of a log that breaks
    /// them is what convicts it.
    fn bundle(&mut self, bundle: &Bundle, policy: &Policy) -> Result<(), BundleFault> {
        let (size, root) = self.open("checkpoint", &bundle.checkpoint, policy)?;
        let to = Led {
            note: &bundle.checkpoint,
            size,
            root,
        };
        let mut shown = BTreeSet::new();
        for (at, it) in bundle.earlier.iter().enumerate() {
            let (size, root) = self.open(&format!("earlier[{at}].checkpoint"), &it.checkpoint, policy)?;
            if shown.insert((&it.checkpoint, &it.consistency)) {
                let part = format!("earlier[{at}].consistency");
                self.roots.push(to.from(&part, size, root, &it.consistency)?);
            }
        }
        for (at, it) in bundle.seen.iter().enumerate() {
            let part = format!("seen[{at}]");
            self.roots
                .push(to.from(&part, it.size, it.root, &it.consistency)?);
        }
        let threads = bundle.threads.iter().enumerate().flat_map(|(thread, it)| {
            let records = it.records.iter().enumerate();
            records.map(move |(at, entry)| (format!("threads[{thread}].records[{at}]"), entry))
        });
        let directory = bundle.directory.iter().enumerate();
        let directory = directory.map(|(at, entry)| (format!("directory[{at}]"), entry));
        let accepted = bundle.accepted.iter().map(|entry| ("accepted".to_owned(), entry));
        for (part, entry) in accepted.chain(threads).chain(directory) {
            self.entry(&part, entry, policy)?;
        }
        Ok(())
    }

    fn entry(&mut self, part: &str, entry: &Entry, policy: &Policy) -> Result<(), BundleFault> {
        let (size, root) = self.open(part, &entry.proof.checkpoint_note, policy)?;
        let leaf = leaf_hash(&entry.record);
        verify_inclusion(&leaf, entry.proof.index, size, &entry.proof.hashes, &root)
            .map_err(|error| BundleFault::new(part, error))?;
        self.entries.push(HeldEntry {
            proof: entry.proof.clone(),
            leaf,
            record: wire::record(&entry.record).ok(),
            bytes: entry.record.clone(),
        });
        Ok(())
    }

    /// The size and root of a note, which is verified and taken up the first time.
    fn open(&mut self, part: &str, note: &str, policy: &Policy) -> Result<(u64, Hash), BundleFault> {
        if let Some(known) = self.notes.get(note) {
            return Ok((known.size, known.root));
        }
        #[cfg(test)]
        {
            self.verified += 1;
        }
        let opened = policy.open(note).map_err(|error| BundleFault::new(part, error))?;
        let checkpoint = opened.signed();
        let origin = self.origin.get_or_insert_with(|| checkpoint.origin().clone());
        if origin != checkpoint.origin() {
            return Err(BundleFault::new(
                part,
                "it is of another log than what stands before it",
            ));
        }
        let signers = policy.signers_of(note).into_iter().map(LogVerifier::vkey);
        let held = HeldNote {
            size: checkpoint.size(),
            root: checkpoint.root(),
            signers: signers.collect(),
        };
        self.roots.push(root_of(note, &held));
        self.notes.insert(note.to_owned(), held);
        Ok((checkpoint.size(), checkpoint.root()))
    }
}

/// Whether it begins as a copy. What cannot be read is found by whoever reads it.
fn is_copy(path: &Path) -> bool {
    use std::io::Read as _;
    let mut begins = [0; MAGIC.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut begins));
    read.is_ok() && begins == *MAGIC
}

fn root_of(note: &str, held: &HeldNote) -> HeldRoot {
    HeldRoot {
        note: note.to_owned(),
        of_size: held.size,
        size: held.size,
        root: held.root,
        consistency: Vec::new(),
    }
}

/// The note that the proofs of a bundle lead to.
struct Led<'a> {
    note: &'a str,
    size: u64,
    root: Hash,
}

impl Led<'_> {
    fn from(&self, part: &str, size: u64, root: Hash, consistency: &[Hash]) -> Result<HeldRoot, BundleFault> {
        verify_consistency(size, &root, self.size, &self.root, consistency)
            .map_err(|error| BundleFault::new(part, error))?;
        Ok(HeldRoot {
            note: self.note.to_owned(),
            of_size: self.size,
            size,
            root,
            consistency: consistency.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::check::stage::story;
    use super::super::tests::Files;
    use super::*;

    /// A bundle that repeats one of its earlier checkpoints a hundred times: each note is verified
    /// once, and each proof is held once.
    #[test]
    fn what_is_repeated_is_verified_once() {
        let story = story();
        let files = Files::new(&story.world);
        let mut evidence = story.bundle("us.ctc");
        let read = |evidence: &Bundle, name: &str| {
            let path = files.put(name, evidence.to_json());
            Exhibit::read(&path, files.trusted.policy()).unwrap()
        };
        let once = read(&evidence, "once.json");
        let earlier = evidence.earlier.last().unwrap().clone();
        evidence.earlier.extend(std::iter::repeat_n(earlier, 100));
        let repeated = read(&evidence, "repeated.json");
        assert_eq!(
            (repeated.verified, repeated.roots.len()),
            (once.verified, once.roots.len())
        );
        assert_eq!(once.verified, once.notes.len());
    }
}
