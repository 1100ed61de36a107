//! The first step of a check: the checkpoints, which the verifier's policy must know, and each entry's proof that it is in
//! the tree. Nothing in a bundle is looked at before it has passed here.

use std::collections::{BTreeMap, BTreeSet};

use super::super::bundle::{Bundle, BundleFault, Entry};
use super::super::timestamp::{SignedToken, Timestamped};
use super::super::trusted::Trusted;
use crate::domain::{Hash, Record};
use crate::transparency::{
    CosignedCheckpoint, EMPTY_ROOT, LogVerifier, leaf_hash, verify_consistency, verify_inclusion,
};
use crate::wire;

/// The log as the bundle's checkpoints show it.
#[derive(Debug)]
pub(super) struct Tree {
    /// The key that signed the checkpoint, as the policy has it.
    pub(super) log: LogVerifier,
    pub(super) checkpoint: CosignedCheckpoint,
    pub(super) earlier: Vec<CosignedCheckpoint>,
    /// The root of each size at which one is known.
    pub(super) roots: BTreeMap<u64, Hash>,
    /// What authorities have signed of checkpoints; with a root if it is one of the verifier's.
    pub(super) tokens: Vec<(u64, Timestamped)>,
}

/// A record that is in the tree.
#[derive(Debug)]
pub(super) struct ProvenEntry {
    /// Where it is in the bundle.
    pub(super) part: String,
    pub(super) place: Place,
    pub(super) index: u64,
    pub(super) leaf: Hash,
    pub(super) record: Record,
}

/// What a record is in a bundle for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Directory,
    Accepted,
    /// Of which thread, by its place in the bundle.
    Thread(usize),
}

impl Tree {
    /// Opens the checkpoints and holds them to each other.
    pub(super) fn open(bundle: &Bundle, trusted: &Trusted) -> Result<Self, BundleFault> {
        let policy = trusted.policy();
        let Some(first) = policy.log_for(&bundle.origin) else {
            let why = format!("the policy knows no log named {}", bundle.origin);
            return Err(BundleFault::new("origin", why));
        };
        let open = |part: &str, note: &str| {
            let opened = policy.open(note).map_err(|error| BundleFault::new(part, error))?;
            if opened.checkpoint().origin == bundle.origin {
                Ok(opened)
            } else {
                Err(BundleFault::new(part, "it is another log's"))
            }
        };
        let checkpoint = open("checkpoint", &bundle.checkpoint)?;
        // A policy may have several keys for one log.
        let signed = policy.signers_of(checkpoint.note());
        let log = signed.first().map_or(first, |log| *log).clone();
        let (size, root) = (checkpoint.checkpoint().size, checkpoint.checkpoint().root);
        let mut roots = BTreeMap::from([(0, EMPTY_ROOT), (size, root)]);
        let mut earlier: Vec<CosignedCheckpoint> = Vec::with_capacity(bundle.earlier.len());
        let mut notes = BTreeSet::new();
        for (at, it) in bundle.earlier.iter().enumerate() {
            let part = format!("earlier[{at}].checkpoint");
            // Before its signatures are verified: repeated, an honest note would cost without end.
            if !notes.insert(it.checkpoint.as_str()) {
                return Err(BundleFault::new(part, "the same note stands there already"));
            }
            let opened = open(&part, &it.checkpoint)?;
            let old = opened.checkpoint();
            // Two of one size may stand there: the cosignatures of one are older.
            if earlier
                .last()
                .is_some_and(|last| last.checkpoint().size > old.size)
                || old.size > size
            {
                let why = "the sizes do not ascend, none greater than that of \"checkpoint\"";
                return Err(BundleFault::new(part, why));
            }
            verify_consistency(old.size, &old.root, size, &root, &it.consistency).map_err(|error| {
                BundleFault::new(
                    format!("earlier[{at}].consistency"),
                    not_of_one_log(old.size, size, error),
                )
            })?;
            roots.insert(old.size, old.root);
            earlier.push(opened);
        }
        let mut before = 0;
        for (at, it) in bundle.seen.iter().enumerate() {
            let part = format!("seen[{at}]");
            if it.size <= before || it.size > size {
                let why = "the sizes do not ascend, none greater than that of \"checkpoint\"";
                return Err(BundleFault::new(part, why));
            }
            before = it.size;
            verify_consistency(it.size, &it.root, size, &root, &it.consistency)
                .map_err(|error| BundleFault::new(part.as_str(), not_of_one_log(it.size, size, error)))?;
            // A proof that verifies leads to one root only: nothing that was there before is contradicted.
            roots.insert(it.size, it.root);
        }
        let mut tokens: Vec<(u64, Timestamped)> = Vec::with_capacity(bundle.timestamps.len());
        for (at, it) in bundle.timestamps.iter().enumerate() {
            let mut known = earlier
                .iter()
                .chain([&checkpoint])
                .map(CosignedCheckpoint::checkpoint);
            let Some(over) = known.find(|known| known.size == it.size) else {
                let why = "it is over no checkpoint of this bundle";
                return Err(BundleFault::new(format!("timestamps[{at}].size"), why));
            };
            if tokens.last().is_some_and(|(before, _)| *before > it.size) {
                let why = "the sizes do not ascend";
                return Err(BundleFault::new(format!("timestamps[{at}].size"), why));
            }
            let token = SignedToken::read(&it.token, &over.to_text())
                .map_err(|error| BundleFault::new(format!("timestamps[{at}].token"), error))?;
            // One of an authority that the verifier does not know counts for nothing, as an unknown witness does.
            let says = token.says().clone();
            tokens.push((it.size, token.anchored(trusted.authorities()).unwrap_or(says)));
        }
        Ok(Self {
            log,
            checkpoint,
            earlier,
            roots,
            tokens,
        })
    }

    /// All records of a bundle, proven, in the order of the log.
    pub(super) fn entries(&self, bundle: &Bundle) -> Result<Vec<ProvenEntry>, BundleFault> {
        let mut all: BTreeMap<u64, ProvenEntry> = BTreeMap::new();
        let mut take = |entry: ProvenEntry| match all.get(&entry.index) {
            None => {
                all.insert(entry.index, entry);
                Ok(())
            }
            Some(before) => {
                let why = format!("it is at index {} as {} is", entry.index, before.part);
                Err(BundleFault::new(entry.part, why))
            }
        };
        let mut ascending = |part: &str, place: Place, entries: &[Entry]| {
            let mut next = 0;
            for (at, entry) in entries.iter().enumerate() {
                let proven = self.prove(format!("{part}[{at}]"), place, entry)?;
                if proven.index < next {
                    let why = format!(
                        "index {} stands after index {}",
                        proven.index,
                        next.saturating_sub(1)
                    );
                    return Err(BundleFault::new(proven.part, why));
                }
                next = proven.index.saturating_add(1);
                take(proven)?;
            }
            Ok(())
        };
        ascending("directory", Place::Directory, &bundle.directory)?;
        for (at, thread) in bundle.threads.iter().enumerate() {
            let part = format!("threads[{at}].records");
            ascending(&part, Place::Thread(at), &thread.records)?;
        }
        if let Some(entry) = &bundle.accepted {
            take(self.prove("accepted".to_owned(), Place::Accepted, entry)?)?;
        }
        Ok(all.into_values().collect())
    }

    fn prove(&self, part: String, place: Place, entry: &Entry) -> Result<ProvenEntry, BundleFault> {
        let proof = &entry.proof;
        let of_proof = |why: &str| BundleFault::new(format!("{part}.proof"), why);
        if proof.checkpoint_note != self.checkpoint.note() {
            return Err(of_proof("it does not lead to \"checkpoint\""));
        }
        if proof.extra.is_some() {
            return Err(of_proof("it has extra data, which nobody has signed"));
        }
        let leaf = leaf_hash(&entry.record);
        let checkpoint = self.checkpoint.checkpoint();
        verify_inclusion(
            &leaf,
            proof.index,
            checkpoint.size,
            &proof.hashes,
            &checkpoint.root,
        )
        .map_err(|_| {
            let why = format!(
                "its proof does not lead from its record at index {} to the checkpoint",
                proof.index
            );
            BundleFault::new(part.as_str(), why)
        })?;
        let record =
            wire::record(&entry.record).map_err(|error| BundleFault::new(format!("{part}.record"), error))?;
        Ok(ProvenEntry {
            part,
            place,
            index: proof.index,
            leaf,
            record,
        })
    }
}

fn not_of_one_log(old: u64, new: u64, error: impl std::fmt::Display) -> String {
    format!("that the log of {new} records begins with this one of {old}: {error}")
}
