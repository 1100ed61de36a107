//! Audiences: whom a warning is meant for, committed to in its header entry by entry, so that each recipient can
//! check that it was meant and learns of no other.
//!
//! Entries are `H("audience", kind ‖ salt32 ‖ address)`, sorted and padded to 8, 64 or 256. The relay sees every
//! entry opened exactly once: an entry left closed could later be opened to "prove" that a recipient was withheld.

use std::cmp::Ordering;

use crate::domain::{AudienceKind, AudienceOpening};
use crate::error::ErrorCode;
use crate::limits;
use crate::seal::{RandomError, audience_commitment, random_bytes};

/// A fresh audience: what goes into the header, and what opens it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuiltAudience {
    /// The commitments, strictly sorted and padded: for the header.
    pub entries: Vec<[u8; 32]>,
    /// What opens each, in the order of the entries: for the submission.
    pub openings: Vec<AudienceOpening>,
}

/// An audience of which every entry is opened exactly once. Only [`open_audience`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenedAudience {
    openings: Vec<AudienceOpening>,
}

impl OpenedAudience {
    /// Every opening, padding too, in the order of the header's entries.
    pub fn openings(&self) -> &[AudienceOpening] {
        &self.openings
    }

    /// The openings of the addresses that are meant; never empty.
    pub fn to(&self) -> impl Iterator<Item = &AudienceOpening> {
        self.openings
            .iter()
            .filter(|opening| opening.kind == AudienceKind::To)
    }

    /// The openings of the addresses that are excluded.
    pub fn excluded(&self) -> impl Iterator<Item = &AudienceOpening> {
        self.openings
            .iter()
            .filter(|opening| opening.kind == AudienceKind::Excluded)
    }
}

/// What is wrong with an audience. Indexes count from 0, of entries in the header's order, of openings in theirs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudienceError {
    /// No address is meant.
    #[error("the audience names nobody")]
    Nobody,
    /// More addresses than the largest audience holds.
    #[error("the audience has {0} addresses, more than {max}", max = limits::AUDIENCE_MAX)]
    TooMany(usize),
    /// An address expression is empty, or too long to be one.
    #[error("the address of opening {opening} is empty or too long")]
    Address {
        /// Which opening.
        opening: usize,
    },
    /// Padding with an address would hide a recipient among the padding.
    #[error("opening {opening} is padding and has an address")]
    PaddingWithAddress {
        /// Which opening.
        opening: usize,
    },
    /// One address is named twice in one kind.
    #[error("opening {opening} names an address that an earlier one names")]
    RepeatedAddress {
        /// The second of them.
        opening: usize,
    },
    /// The header has the wrong number of entries for this number of addresses.
    #[error("the audience has {actual} entries; for its addresses it is padded to {expected}")]
    Size {
        /// What the addresses ask for.
        expected: usize,
        /// What the header has.
        actual: usize,
    },
    /// The entries are not in strictly ascending order.
    #[error("entry {entry} of the audience is not above the one before it")]
    NotSorted {
        /// Which entry.
        entry: usize,
    },
    /// Two entries are the same commitment.
    #[error("entry {entry} of the audience repeats the one before it")]
    RepeatedEntry {
        /// The second of them.
        entry: usize,
    },
    /// An opening opens no entry.
    #[error("opening {opening} matches no entry of the audience")]
    NotMatching {
        /// Which opening.
        opening: usize,
    },
    /// An opening opens an entry that an earlier one has opened.
    #[error("opening {opening} opens an entry that an earlier one opens")]
    Repeated {
        /// Which opening.
        opening: usize,
    },
    /// An entry is left closed.
    #[error("entry {entry} of the audience is not opened")]
    Unopened {
        /// Which entry.
        entry: usize,
    },
    /// No salts.
    #[error("no salts for the audience: {0}")]
    Random(String),
}

impl AudienceError {
    /// What a peer is told.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Nobody => ErrorCode::NoRecipient,
            Self::TooMany(_) => ErrorCode::TooManyRecipients,
            Self::Address { .. } => ErrorCode::InvalidValue,
            Self::RepeatedAddress { .. } | Self::RepeatedEntry { .. } | Self::Repeated { .. } => {
                ErrorCode::AudienceRepeated
            }
            Self::PaddingWithAddress { .. }
            | Self::Size { .. }
            | Self::NotSorted { .. }
            | Self::NotMatching { .. } => ErrorCode::AudienceMismatch,
            Self::Unopened { .. } => ErrorCode::AudienceUnopened,
            Self::Random(_) => ErrorCode::Internal,
        }
    }
}

impl From<RandomError> for AudienceError {
    fn from(error: RandomError) -> Self {
        Self::Random(error.to_string())
    }
}

/// The number of entries that `addresses` (meant and excluded) are padded to; `None` beyond the largest.
pub fn padded_size(addresses: usize) -> Option<usize> {
    limits::AUDIENCE_SIZES.into_iter().find(|size| *size >= addresses)
}

/// Builds an audience with fresh salts.
pub fn build_audience(to: &[&str], excluded: &[&str]) -> Result<BuiltAudience, AudienceError> {
    build_audience_with(to, excluded, random_bytes)
}

/// Builds an audience with the salts that are handed in; each must be fresh, or entries of two warnings can be
/// linked.
pub fn build_audience_with(
    to: &[&str],
    excluded: &[&str],
    mut salt: impl FnMut() -> Result<[u8; 32], RandomError>,
) -> Result<BuiltAudience, AudienceError> {
    let addresses = to.len().saturating_add(excluded.len());
    let size = padded_size(addresses).ok_or(AudienceError::TooMany(addresses))?;
    let real = to.iter().map(|address| (AudienceKind::To, *address));
    let real = real.chain(excluded.iter().map(|address| (AudienceKind::Excluded, *address)));
    let padding = std::iter::repeat_n((AudienceKind::Pad, ""), size.saturating_sub(addresses));
    let mut openings = Vec::with_capacity(size);
    for (kind, address) in real.chain(padding) {
        openings.push(AudienceOpening {
            kind,
            salt: salt()?,
            address: address.to_owned(),
        });
    }
    check_addresses(&openings)?;
    let mut pairs: Vec<_> = openings
        .into_iter()
        .map(|opening| (commitment(&opening), opening))
        .collect();
    pairs.sort_unstable_by_key(|pair| pair.0);
    let (entries, openings) = pairs.into_iter().unzip();
    Ok(BuiltAudience { entries, openings })
}

/// Checks a header's `entries` against all of their `openings`, which may come in any order.
pub fn open_audience(
    entries: &[[u8; 32]],
    openings: Vec<AudienceOpening>,
) -> Result<OpenedAudience, AudienceError> {
    let places = opened_places(entries, &openings)?;
    let mut pairs: Vec<_> = places.into_iter().zip(openings).collect();
    pairs.sort_unstable_by_key(|pair| pair.0);
    Ok(OpenedAudience {
        openings: pairs.into_iter().map(|pair| pair.1).collect(),
    })
}

/// The same, for who only asks whether: which entry each opening opens. The entries are sorted, so that is the openings'
/// order too.
pub fn opened_places(
    entries: &[[u8; 32]],
    openings: &[AudienceOpening],
) -> Result<Vec<usize>, AudienceError> {
    for (index, (below, above)) in entries.iter().zip(entries.iter().skip(1)).enumerate() {
        let entry = index.saturating_add(1);
        match below.cmp(above) {
            Ordering::Less => {}
            Ordering::Equal => return Err(AudienceError::RepeatedEntry { entry }),
            Ordering::Greater => return Err(AudienceError::NotSorted { entry }),
        }
    }
    let largest = limits::AUDIENCE_MAX;
    if entries.len() > largest || openings.len() > largest {
        return Err(AudienceError::TooMany(entries.len().max(openings.len())));
    }
    let mut opened: Vec<Option<usize>> = vec![None; entries.len()];
    let mut places = Vec::with_capacity(openings.len());
    for (index, opening) in openings.iter().enumerate() {
        let not_matching = AudienceError::NotMatching { opening: index };
        let Ok(place) = entries.binary_search(&commitment(opening)) else {
            return Err(not_matching);
        };
        let slot = opened.get_mut(place).ok_or(not_matching)?;
        if slot.replace(index).is_some() {
            return Err(AudienceError::Repeated { opening: index });
        }
        places.push(place);
    }
    if let Some(entry) = opened.iter().position(Option::is_none) {
        return Err(AudienceError::Unopened { entry });
    }
    check_addresses(openings)?;
    let addresses = openings
        .iter()
        .filter(|opening| opening.kind != AudienceKind::Pad)
        .count();
    let expected = padded_size(addresses).ok_or(AudienceError::TooMany(addresses))?;
    if entries.len() != expected {
        return Err(AudienceError::Size {
            expected,
            actual: entries.len(),
        });
    }
    Ok(places)
}

fn commitment(opening: &AudienceOpening) -> [u8; 32] {
    audience_commitment(opening.kind, &opening.salt, &opening.address)
}

/// The rules on the addresses themselves, the same for who builds and who checks.
fn check_addresses(openings: &[AudienceOpening]) -> Result<(), AudienceError> {
    let mut seen = std::collections::HashSet::new();
    for (index, opening) in openings.iter().enumerate() {
        match opening.kind {
            AudienceKind::Pad if opening.address.is_empty() => continue,
            AudienceKind::Pad => return Err(AudienceError::PaddingWithAddress { opening: index }),
            AudienceKind::To | AudienceKind::Excluded => {}
        }
        if opening.address.is_empty() || opening.address.len() > limits::ADDRESS_BYTES_MAX {
            return Err(AudienceError::Address { opening: index });
        }
        if !seen.insert((opening.kind, opening.address.as_str())) {
            return Err(AudienceError::RepeatedAddress { opening: index });
        }
    }
    if !openings.iter().any(|opening| opening.kind == AudienceKind::To) {
        return Err(AudienceError::Nobody);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    /// The audience of two addresses and one exclusion, with salts 01…, 02…, and so on.
    fn golden() -> BuiltAudience {
        let mut next = 0u8;
        build_audience_with(&["ru.ctc", "be.ctc/aviation"], &["fr.ctc"], || {
            next += 1;
            Ok([next; 32])
        })
        .unwrap()
    }

    /// Golden bytes of an audience: commitments, order and padding, with each opening beside its entry.
    #[test]
    fn golden_audience() {
        let expected = [
            (
                "1fb0b223a910605d5deb68dcc3ee6009bcd3aa57b38fdd04b279b834e52051d2",
                6,
                AudienceKind::Pad,
                "",
            ),
            (
                "4d60602da481f976e663596740ce6f3ed466f682eb4ea67c0fe792fcd26539d2",
                5,
                AudienceKind::Pad,
                "",
            ),
            (
                "4f23411636820c23406f39d66c55f3bc6160b7672cfc88c1e6c4d55f3c7e98f0",
                4,
                AudienceKind::Pad,
                "",
            ),
            (
                "504241c025fca30296a731f25fd29659cfeccc253770e7bb994892c6ba812095",
                1,
                AudienceKind::To,
                "ru.ctc",
            ),
            (
                "7557b9116bb9271d1842d78e731ac04465f6e4c8c5852ed7931e3274bf22fa4b",
                2,
                AudienceKind::To,
                "be.ctc/aviation",
            ),
            (
                "8babc9bcd0bbf6fc3c3b7881b720ee667104820235a4af4429bf4f594152aca9",
                8,
                AudienceKind::Pad,
                "",
            ),
            (
                "929fff3a8c27339680f149ba60a03c4df53734ac92d0cf7e0b173ae9a32eb2da",
                7,
                AudienceKind::Pad,
                "",
            ),
            (
                "c298bce7744af5831d79aaac63563927b4641c8df75a7b526a46322cfe17e2bf",
                3,
                AudienceKind::Excluded,
                "fr.ctc",
            ),
        ];
        let built = golden();
        assert_eq!((built.entries.len(), built.openings.len()), (8, 8));
        for ((entry, opening), (hash, salt, kind, address)) in
            built.entries.iter().zip(&built.openings).zip(expected)
        {
            assert_eq!(hex::encode(entry), hash);
            let expected = AudienceOpening {
                kind,
                salt: [salt; 32],
                address: address.to_owned(),
            };
            assert!(*opening == expected, "{opening:?}");
        }
    }

    /// Each thing that can be wrong between entries and openings has its own error; a table of one change each.
    #[test]
    fn what_is_wrong_is_told_apart() {
        type Change = fn(&mut BuiltAudience);
        let table: [(Change, AudienceError); 10] = [
            (
                |a| drop(a.openings.remove(3)),
                AudienceError::Unopened { entry: 3 },
            ),
            (
                |a| a.openings[7] = a.openings[0].clone(),
                AudienceError::Repeated { opening: 7 },
            ),
            (
                |a| a.openings.push(a.openings[2].clone()),
                AudienceError::Repeated { opening: 8 },
            ),
            (
                |a| a.openings[4].address = "be.ctc".to_owned(),
                AudienceError::NotMatching { opening: 4 },
            ),
            (
                |a| a.openings[4].kind = AudienceKind::Excluded,
                AudienceError::NotMatching { opening: 4 },
            ),
            (
                |a| a.openings[0].salt[0] ^= 1,
                AudienceError::NotMatching { opening: 0 },
            ),
            (|a| a.entries.swap(1, 2), AudienceError::NotSorted { entry: 2 }),
            (
                |a| a.entries[1] = a.entries[0],
                AudienceError::RepeatedEntry { entry: 1 },
            ),
            (
                |a| {
                    a.entries.remove(0);
                    a.openings.remove(0);
                },
                AudienceError::Size {
                    expected: 8,
                    actual: 7,
                },
            ),
            (
                |a| a.entries = vec![[0; 32]; 2],
                AudienceError::RepeatedEntry { entry: 1 },
            ),
        ];
        for (row, (change, expected)) in table.into_iter().enumerate() {
            let mut audience = golden();
            change(&mut audience);
            let refused = open_audience(&audience.entries, audience.openings);
            assert_eq!(refused, Err(expected), "row {row}");
        }
        let opened = open_audience(&golden().entries, golden().openings).unwrap();
        assert!(
            opened
                .to()
                .map(|o| o.address.as_str())
                .eq(["ru.ctc", "be.ctc/aviation"])
        );
        assert!(opened.excluded().map(|o| o.address.as_str()).eq(["fr.ctc"]));
    }

    /// A sender whose entries and openings fit each other, and still break a rule on addresses, is refused; each
    /// case is built without the checks of the builder.
    #[test]
    fn addresses_have_rules() {
        fn fit(openings: &[(AudienceKind, &str)]) -> Result<OpenedAudience, AudienceError> {
            let openings = openings
                .iter()
                .zip(1u8..)
                .map(|((kind, address), salt)| AudienceOpening {
                    kind: *kind,
                    salt: [salt; 32],
                    address: (*address).to_owned(),
                });
            let openings: Vec<_> = openings.collect();
            let mut entries: Vec<_> = openings.iter().map(commitment).collect();
            entries.sort_unstable();
            open_audience(&entries, openings)
        }
        use AudienceKind::{Excluded, Pad, To};
        let padded = |first: &[(AudienceKind, &'static str)], size: usize| {
            let mut all = first.to_vec();
            all.resize(size, (Pad, ""));
            all
        };
        let long: &'static str = Box::leak("a".repeat(limits::ADDRESS_BYTES_MAX + 1).into_boxed_str());
        for (openings, expected) in [
            (padded(&[], 8), AudienceError::Nobody),
            (padded(&[(Excluded, "a")], 8), AudienceError::Nobody),
            (
                padded(&[(To, "a"), (To, "a")], 8),
                AudienceError::RepeatedAddress { opening: 1 },
            ),
            (
                padded(&[(To, "a"), (To, "")], 8),
                AudienceError::Address { opening: 1 },
            ),
            (padded(&[(To, long)], 8), AudienceError::Address { opening: 0 }),
            (
                padded(&[(To, "a"), (Pad, "b")], 8),
                AudienceError::PaddingWithAddress { opening: 1 },
            ),
            (
                padded(&[(To, "a")], 64),
                AudienceError::Size {
                    expected: 8,
                    actual: 64,
                },
            ),
            (
                padded(&[(To, "a")], 9),
                AudienceError::Size {
                    expected: 8,
                    actual: 9,
                },
            ),
        ] {
            assert_eq!(fit(&openings), Err(expected));
        }
        assert!(
            fit(&padded(&[(To, "a"), (Excluded, "a")], 8)).is_ok(),
            "the exclusion beats it; the rules decide"
        );
    }

    /// The sizes that audiences are padded to, at their borders.
    #[test]
    fn sizes_are_8_64_and_256() {
        for (addresses, size) in [
            (0, Some(8)),
            (8, Some(8)),
            (9, Some(64)),
            (64, Some(64)),
            (65, Some(256)),
            (256, Some(256)),
            (257, None),
        ] {
            assert_eq!(padded_size(addresses), size, "{addresses}");
        }
        let many: Vec<String> = (0..257).map(|i| format!("xx.a{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(build_audience(&many, &[]), Err(AudienceError::TooMany(257)));
        assert_eq!(build_audience(&many[..256], &[]).unwrap().entries.len(), 256);
        assert_eq!(build_audience(&[], &["fr.ctc"]), Err(AudienceError::Nobody));
    }

    /// No salt of an opening is ever shown by `Debug`.
    #[test]
    fn debug_shows_no_salt() {
        let opening = AudienceOpening {
            kind: AudienceKind::To,
            salt: [0xab; 32],
            address: "ru.ctc".to_owned(),
        };
        assert!(!format!("{opening:?}").contains("171") && !format!("{opening:x?}").contains("ab"));
    }

    proptest! {
        /// Whatever is built opens, in whatever order the openings come, to the same addresses; and with fresh
        /// salts the same audience is never committed to twice in the same way.
        #[test]
        fn what_is_built_opens(to in 1usize..70, excluded in 0usize..70, seed in any::<u64>()) {
            let to: Vec<String> = (0..to).map(|i| format!("xx.t{i}")).collect();
            let to: Vec<&str> = to.iter().map(String::as_str).collect();
            let excluded: Vec<String> = (0..excluded).map(|i| format!("xx.e{i}")).collect();
            let excluded: Vec<&str> = excluded.iter().map(String::as_str).collect();
            let mut built = build_audience(&to, &excluded).unwrap();
            prop_assert!(built != build_audience(&to, &excluded).unwrap());
            let in_order = built.openings.clone();
            built.openings.sort_by_key(|opening| crate::seal::h("shuffle", &[&seed.to_be_bytes(), &opening.salt]));
            let opened = open_audience(&built.entries, built.openings).unwrap();
            prop_assert_eq!(opened.openings(), &in_order[..]);
            let mut found: Vec<&str> = opened.to().map(|opening| opening.address.as_str()).collect();
            found.sort_by_key(|address| address[4..].parse::<u32>().unwrap());
            prop_assert_eq!(found, to);
            prop_assert_eq!(opened.excluded().count(), excluded.len());
        }
    }
}
