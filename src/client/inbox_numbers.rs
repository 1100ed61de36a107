//! The numbers of a desk's inbox, as its deliveries have shown them: each names one warning, and each warning has one. A
//! relay that gives a warning a second number, or a number to a second warning, is convicted by the two deliveries.

use std::collections::BTreeMap;

use super::inbox::InboxName;
use crate::domain::Digest;
use crate::limits;

/// Numbers of a desk's inbox that never came to this profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The newest number that is known to have been given.
    pub newest: u64,
    /// How many numbers up to that one never came.
    pub missing: u64,
    /// The first of them.
    pub first_missing: Vec<u64>,
}

/// One desk's deliveries, by both of their names.
#[derive(Debug, Default)]
pub(super) struct InboxNumbers {
    by_number: BTreeMap<u64, InboxName>,
    by_digest: BTreeMap<Digest, u64>,
}

impl InboxNumbers {
    /// Those that have come; of contradicting ones the first.
    pub(super) fn of(names: impl Iterator<Item = InboxName>) -> Self {
        let mut numbers = Self::default();
        for name in names {
            if numbers.contradicted_by(&name).is_none() {
                numbers.insert(&name);
            }
        }
        numbers
    }

    /// What has come before and contradicts this one, and how; `None`: nothing does.
    pub(super) fn contradicted_by(&self, name: &InboxName) -> Option<(InboxName, String)> {
        if let Some(before) = self.by_number.get(&name.number)
            && before.digest != name.digest
        {
            let why = format!(
                "it has the inbox number {}, under which {} came before",
                name.number, before.digest
            );
            return Some((before.clone(), why));
        }
        let before = self.by_number.get(self.by_digest.get(&name.digest)?)?;
        (before.number != name.number).then(|| {
            let why = format!(
                "it has the inbox number {}, and came before under {}",
                name.number, before.number
            );
            (before.clone(), why)
        })
    }

    /// This one has come.
    pub(super) fn insert(&mut self, name: &InboxName) {
        self.by_digest.insert(name.digest, name.number);
        self.by_number.insert(name.number, name.clone());
    }

    /// Whether a warning has come.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.by_digest.contains_key(digest)
    }

    /// What came under a number.
    pub(super) fn at(&self, number: u64) -> Option<&InboxName> {
        self.by_number.get(&number)
    }

    /// The greatest number that has come; 0: none has.
    pub(super) fn greatest(&self) -> u64 {
        self.by_number.keys().next_back().copied().unwrap_or(0)
    }

    /// How many numbers below the greatest never came.
    pub(super) fn gaps(&self) -> u64 {
        let came = u64::try_from(self.by_number.len()).unwrap_or(u64::MAX);
        self.greatest().saturating_sub(came)
    }

    /// How many numbers up to one never came.
    pub(super) fn missing(&self, newest: u64) -> u64 {
        let came = u64::try_from(self.to(newest).count()).unwrap_or(u64::MAX);
        newest.saturating_sub(came)
    }

    /// The numbers up to one that never came.
    pub(super) fn gap(&self, newest: u64) -> Gap {
        let mut first_missing = Vec::new();
        let mut next = 1;
        for number in self.to(newest).chain([newest.saturating_add(1)]) {
            while next < number && first_missing.len() < limits::MISSING_NUMBERS_SHOWN_MAX {
                first_missing.push(next);
                next += 1;
            }
            next = number.saturating_add(1);
        }
        Gap {
            newest,
            missing: self.missing(newest),
            first_missing,
        }
    }

    /// The last that came before the first missing number, and the first after it.
    pub(super) fn around(&self, missing: u64) -> [Option<&InboxName>; 2] {
        let before = self.by_number.range(..missing).next_back();
        let after = self.by_number.range(missing..).next();
        [before, after].map(|found| found.map(|(_, name)| name))
    }

    /// The numbers up to one, in their order.
    pub(super) fn to(&self, newest: u64) -> impl Iterator<Item = u64> {
        self.by_number.range(..=newest).map(|(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::PayloadId;

    fn name(digest: u8, number: u64) -> InboxName {
        InboxName {
            id: PayloadId::from_parts(1_700_000_000_000, [digest; 10]),
            digest: Digest([digest; 32]),
            desk: "be.ctc".parse().unwrap(),
            number,
        }
    }

    /// A table of what comes after two deliveries: only the very same, and what is new in both names, contradicts nothing.
    #[test]
    fn a_number_and_a_warning_belong_together() {
        let (first, second) = (name(1, 1), name(2, 2));
        let numbers = InboxNumbers::of([first.clone(), second.clone()].into_iter());
        for (comes, contradicted) in [
            (name(1, 1), None),
            (name(3, 3), None),
            (name(1, 3), Some(&first)),
            (name(1, 2), Some(&second)),
            (name(3, 1), Some(&first)),
        ] {
            let found = numbers.contradicted_by(&comes).map(|(before, _)| before);
            assert_eq!(found.as_ref(), contradicted, "{comes:?}");
        }
        assert_eq!(numbers.to(1).collect::<Vec<_>>(), [1]);
        assert!(numbers.has(&first.digest) && !numbers.has(&Digest([3; 32])));
        let gap = InboxNumbers::of([name(1, 1), name(4, 4)].into_iter());
        assert_eq!((gap.greatest(), gap.gaps(), gap.gap(5).missing), (4, 2, 3));
        assert_eq!(gap.gap(5).first_missing, [2, 3, 5]);
        assert_eq!(gap.around(2), [Some(&name(1, 1)), Some(&name(4, 4))]);
        assert_eq!(gap.around(5), [Some(&name(4, 4)), None]);
    }
}
