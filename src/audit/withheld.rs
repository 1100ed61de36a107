//! Which indexes an audit was shown as leaf hashes only, so that a later run knows of a record that comes whether it was ever
//! checked. Bounded: of what lies beyond the bound it says that it may have been withheld, never that it was not.

use serde::{Deserialize, Serialize};

use super::state::StateError;
use crate::limits;

/// Ranges of indexes, ascending and apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Withheld {
    /// Each with its first index, and the one after its last.
    ranges: Vec<(u64, u64)>,
    /// From here on it is not known which; none: all are known.
    unknown_from: Option<u64>,
}

impl Withheld {
    /// What an earlier run kept, of so many records. `which`: none if it kept no more than the first one.
    pub(super) fn taken_up(first: Option<u64>, which: Option<Self>, size: u64) -> Result<Self, StateError> {
        let which = which.unwrap_or(Self {
            ranges: Vec::new(),
            unknown_from: first,
        });
        let mut least = 0;
        let is_sound = which.ranges.len() <= limits::AUDIT_WITHHELD_RANGES_MAX
            && which.ranges.iter().all(|(from, to)| {
                let follows = *from >= least && from < to && *to <= size;
                least = to.saturating_add(1);
                follows
            })
            && which
                .unknown_from
                .is_none_or(|from| from < size && least <= from.saturating_add(1));
        match is_sound && which.first() == first {
            true => Ok(which),
            false => Err(StateError::damaged("which records were withheld does not read")),
        }
    }

    /// The next one that is withheld: after all before it.
    pub(super) fn push(&mut self, index: u64) {
        if self.unknown_from.is_some() {
            return;
        }
        let has_room = self.ranges.len() < limits::AUDIT_WITHHELD_RANGES_MAX;
        match self.ranges.last_mut() {
            Some((_, to)) if *to == index => *to = index.saturating_add(1),
            Some(_) | None if has_room => self.ranges.push((index, index.saturating_add(1))),
            Some(_) | None => self.unknown_from = Some(index),
        }
    }

    /// The first one; none: all were shown.
    pub(super) fn first(&self) -> Option<u64> {
        self.ranges.first().map(|(from, _)| *from).or(self.unknown_from)
    }

    /// Whether this one was withheld, or may have been.
    pub(super) fn may_hold(&self, index: u64) -> bool {
        let begun = self.ranges.partition_point(|(from, _)| *from <= index);
        let range = begun.checked_sub(1).and_then(|at| self.ranges.get(at));
        range.is_some_and(|(_, to)| index < *to) || self.unknown_from.is_some_and(|from| from <= index)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is withheld, it says so of exactly those, and reads back as the same.
        #[test]
        fn it_holds_what_was_withheld(withheld in proptest::collection::vec(any::<bool>(), 1..80)) {
            let mut it = Withheld::default();
            for (index, _) in withheld.iter().enumerate().filter(|(_, is)| **is) {
                it.push(index as u64);
            }
            for (index, is) in withheld.iter().enumerate() {
                prop_assert_eq!(it.may_hold(index as u64), *is);
            }
            let size = withheld.len() as u64;
            let read = serde_json::from_slice(&serde_json::to_vec(&it).unwrap()).unwrap();
            prop_assert_eq!(Withheld::taken_up(it.first(), Some(read), size).unwrap(), it);
        }
    }

    /// Beyond the bound every record may have been withheld; what was known before stays known.
    #[test]
    fn beyond_the_bound_any_may_be_withheld() {
        let mut it = Withheld::default();
        let max = limits::AUDIT_WITHHELD_RANGES_MAX as u64;
        for at in 0..max + 2 {
            it.push(2 * at);
        }
        assert_eq!(it.ranges.len() as u64, max);
        assert!(it.may_hold(2 * max - 2) && !it.may_hold(2 * max - 1));
        assert!(it.may_hold(2 * max) && it.may_hold(2 * max + 1) && it.may_hold(u64::MAX));
        assert_eq!(
            Withheld::taken_up(Some(0), Some(it.clone()), 2 * max + 3).unwrap(),
            it
        );
    }

    /// A state that kept only the first one leaves all after it in doubt; one whose ranges make no sense is refused.
    #[test]
    fn what_was_kept_is_taken_up_or_refused() {
        let old = Withheld::taken_up(Some(3), None, 9).unwrap();
        assert!(!old.may_hold(2) && old.may_hold(3) && old.may_hold(8));
        assert_eq!(Withheld::taken_up(None, None, 9).unwrap(), Withheld::default());
        for (first, ranges, unknown_from) in [
            (Some(1), vec![(1, 1)], None),
            (Some(1), vec![(1, 3), (3, 4)], None),
            (Some(4), vec![(4, 5), (1, 2)], None),
            (Some(1), vec![(1, 10)], None),
            (Some(2), vec![(1, 3)], None),
            (None, vec![(1, 3)], None),
            (Some(1), vec![(1, 3)], Some(2)),
            (Some(1), vec![(1, 3)], Some(9)),
        ] {
            let which = Withheld { ranges, unknown_from };
            assert!(
                Withheld::taken_up(first, Some(which.clone()), 9).is_err(),
                "{which:?}"
            );
        }
    }
}
