//! Between when and when a record came into the log, on the word of witnesses and of nobody else.
//!
//! A cosignature says: at this time the largest tree that I knew of this log was this one. So a cosigned tree that holds a
//! record shows that the record was there by then; and a cosigned tree that does not shows that this witness had not been
//! shown the record until then, which is not that it did not exist. A bound counts if those who say so are together enough
//! for the verifier's policy, each witness counted once, whichever of the bundle's checkpoints it signed. A timestamp
//! authority that the verifier knows (RFC 3161) says that a tree existed by a time, and nothing of what did not.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::{Bound, Bracket};
use super::tree::Tree;
use crate::domain::{KeyId, Seen};
use crate::time::Timestamp;
use crate::transparency::Policy;

/// All cosignatures of a bundle, over trees that were shown to be of one log.
#[derive(Debug)]
pub(super) struct Clocks<'a> {
    policy: &'a Policy,
    said: Vec<Cosigned>,
    /// What authorities that the verifier knows have dated, by size.
    dated: Vec<(u64, Bound)>,
}

#[derive(Debug, Clone)]
struct Cosigned {
    size: u64,
    time: Timestamp,
    witness: KeyId,
    name: String,
}

impl<'a> Clocks<'a> {
    pub(super) fn new(policy: &'a Policy, tree: &Tree) -> Self {
        let checkpoints = tree.earlier.iter().chain([&tree.checkpoint]);
        let said = checkpoints.flat_map(|checkpoint| {
            let size = checkpoint.checkpoint().size;
            let all = checkpoint.cosignatures().iter();
            all.map(move |cosignature| Cosigned {
                size,
                time: cosignature.time,
                witness: cosignature.witness,
                name: cosignature.name.to_string(),
            })
        });
        let dated = tree.tokens.iter().filter(|(_, says)| says.root.is_some());
        let dated = dated.map(|(size, says)| {
            let bound = Bound {
                time: says.latest(),
                checkpoints: vec![*size],
                witnesses: Vec::new(),
                authority: Some(says.authority.clone()),
            };
            (*size, bound)
        });
        Self {
            policy,
            said: said.collect(),
            dated: dated.collect(),
        }
    }

    /// The bracket of the record at `index`, whose signer had seen so much.
    pub(super) fn bracket(&self, index: u64, seen: Option<Seen>) -> Bracket {
        let last_seen = seen.and_then(|seen| seen.size.checked_sub(1));
        Bracket {
            not_before: self.without(index),
            not_after: self.with(index),
            signed_not_before: last_seen.and_then(|last| self.without(last)),
        }
    }

    /// The earliest time by which enough had cosigned a tree that holds the record, or an authority had dated one.
    pub(super) fn with(&self, index: u64) -> Option<Bound> {
        let mut said: Vec<&Cosigned> = self.said.iter().filter(|it| it.size > index).collect();
        said.sort_by_key(|it| it.time);
        let dated = self.dated.iter().filter(|(size, _)| *size > index);
        let dated = dated.map(|(_, bound)| bound.clone());
        self.enough(&said)
            .into_iter()
            .chain(dated)
            .min_by_key(|bound| bound.time)
    }

    /// The latest time until which enough knew of no tree that holds the record.
    pub(super) fn without(&self, index: u64) -> Option<Bound> {
        let mut said: Vec<&Cosigned> = self.said.iter().filter(|it| it.size <= index).collect();
        said.sort_by_key(|it| std::cmp::Reverse(it.time));
        self.enough(&said)
    }

    /// The first of these at which those so far are enough.
    fn enough(&self, said: &[&Cosigned]) -> Option<Bound> {
        if !self.policy.requires_witnesses() {
            return None;
        }
        let mut witnesses: BTreeMap<KeyId, String> = BTreeMap::new();
        let mut checkpoints = BTreeSet::new();
        for it in said {
            if witnesses.insert(it.witness, it.name.clone()).is_none() {
                checkpoints.insert(it.size);
            }
            if self.policy.is_met(&witnesses.keys().copied().collect()) {
                let mut witnesses: Vec<String> = witnesses.into_values().collect();
                witnesses.sort_unstable();
                return Some(Bound {
                    time: it.time,
                    checkpoints: checkpoints.into_iter().collect(),
                    witnesses,
                    authority: None,
                });
            }
        }
        None
    }
}
