//! Audiences: whom a warning is meant for, committed to in its header entry by entry, so that each recipient can
//! check that it was meant and learns of no other.
//!
//! Entries are `H("audience", kind ‖ salt32 ‖ address)`, sorted and padded to 8, 64 or 256. The relay sees every
//! entry opened exactly once: an entry left closed could later be opened to "prove" that a recipient was withheld.

use crate::domain::{AudienceKind, AudienceOpening};
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
    build_with_salts(to, excluded, || Ok(random_bytes()?))
}

fn build_with_salts(
    to: &[&str],
    excluded: &[&str],
    mut salt: impl FnMut() -> Result<[u8; 32], AudienceError>,
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
    for (index, (below, above)) in entries.iter().zip(entries.iter().skip(1)).enumerate() {
        if below >= above {
            return Err(AudienceError::NotSorted {
                entry: index.saturating_add(1),
            });
        }
    }
    let largest = limits::AUDIENCE_MAX;
    if entries.len() > largest || openings.len() > largest {
        return Err(AudienceError::TooMany(entries.len().max(openings.len())));
    }
    let mut opened: Vec<Option<usize>> = vec![None; entries.len()];
    for (index, opening) in openings.iter().enumerate() {
        let slot = entries
            .binary_search(&commitment(opening))
            .ok()
            .and_then(|position| opened.get_mut(position))
            .ok_or(AudienceError::NotMatching { opening: index })?;
        if slot.replace(index).is_some() {
            return Err(AudienceError::Repeated { opening: index });
        }
    }
    if let Some(entry) = opened.iter().position(Option::is_none) {
        return Err(AudienceError::Unopened { entry });
    }
    check_addresses(&openings)?;
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
    let mut pairs: Vec<_> = openings
        .into_iter()
        .map(|opening| (commitment(&opening), opening))
        .collect();
    pairs.sort_unstable_by_key(|pair| pair.0);
    Ok(OpenedAudience {
        openings: pairs.into_iter().map(|pair| pair.1).collect(),
    })
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
