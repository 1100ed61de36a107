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
        let said = only_bounds(said.collect());
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
            said,
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
            if witnesses.contains_key(&it.witness) {
                continue;
            }
            witnesses.insert(it.witness, it.name.clone());
            checkpoints.insert(it.size);
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

/// Of all times at which one witness signed one size, only the earliest and the latest bound anything: whoever repeats what is
/// honest makes no more work than this. Of equal ones the first counts, and the order stays.
fn only_bounds(said: Vec<Cosigned>) -> Vec<Cosigned> {
    /// A time, and where it stands.
    type Said = (Timestamp, usize);
    let mut bounds: BTreeMap<(u64, KeyId), (Said, Said)> = BTreeMap::new();
    for (at, it) in said.iter().enumerate() {
        let here = (it.time, at);
        let (earliest, latest) = bounds.entry((it.size, it.witness)).or_insert((here, here));
        if it.time < earliest.0 {
            *earliest = here;
        }
        if it.time > latest.0 {
            *latest = here;
        }
    }
    let kept: BTreeSet<usize> = bounds
        .into_values()
        .flat_map(|((_, earliest), (_, latest))| [earliest, latest])
        .collect();
    let all = said.into_iter().enumerate();
    all.filter(|(at, _)| kept.contains(at))
        .map(|(_, it)| it)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::super::super::world::World;
    use super::super::stage::{policy, witness};
    use super::*;

    /// The brackets as they are defined, over everything that was said.
    fn plainly(policy: &Policy, mut said: Vec<Cosigned>, latest: bool) -> Option<Bound> {
        match latest {
            true => said.sort_by_key(|it| std::cmp::Reverse(it.time)),
            false => said.sort_by_key(|it| it.time),
        }
        let mut witnesses = BTreeMap::new();
        let mut checkpoints = BTreeSet::new();
        for it in said {
            if witnesses.insert(it.witness, it.name).is_none() {
                checkpoints.insert(it.size);
            }
            if policy.is_met(&witnesses.keys().copied().collect()) {
                return Some(Bound {
                    time: it.time,
                    checkpoints: checkpoints.into_iter().collect(),
                    witnesses: {
                        let mut names: Vec<String> = witnesses.into_values().collect();
                        names.sort_unstable();
                        names
                    },
                    authority: None,
                });
            }
        }
        None
    }

    proptest! {
        /// Whatever was said, and however often, the brackets are those of all of it, and no more is kept than two of each
        /// witness and size.
        #[test]
        fn repetition_changes_no_bracket(said in proptest::collection::vec((0u64..4, 0i64..6, 0usize..2), 0..40)) {
            let policy = policy(&World::small());
            let names = ["north.example", "south.example"];
            let keys = names.map(|name| witness(name).verifier().public_key().keyid());
            let said: Vec<Cosigned> = said
                .into_iter()
                .map(|(size, time, who)| Cosigned {
                    size,
                    time: Timestamp::from_unix_ms(time * 1_000),
                    witness: keys[who],
                    name: names[who].to_owned(),
                })
                .collect();
            let clocks = Clocks { policy: &policy, said: only_bounds(said.clone()), dated: Vec::new() };
            prop_assert!(clocks.said.len() <= 4 * 2 * 2);
            for index in 0..4 {
                let with = said.iter().filter(|it| it.size > index).cloned().collect();
                prop_assert_eq!(clocks.with(index), plainly(&policy, with, false));
                let without = said.iter().filter(|it| it.size <= index).cloned().collect();
                prop_assert_eq!(clocks.without(index), plainly(&policy, without, true));
            }
        }
    }
}
