//! Which of the tokens that a profile keeps (`audit timestamp`) go into a bundle: for each record, of each authority, the
//! one by which the record is dated earliest. An authority is a certificate, since a name can be anyone's: a token that nobody
//! has checked stands beside another authority's and takes no place of it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::timestamp::{SignedToken, StoredTimestamp};
use super::{Earlier, TimestampToken};
use crate::client::{Client, ClientError, RawEvidence};
use crate::domain::Hash;
use crate::files;
use crate::limits;
use crate::time::Timestamp;

/// A token that is whole, over a checkpoint that the log has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    size: u64,
    /// The latest instant that it may mean.
    latest: Timestamp,
    /// The signer's certificate.
    authority: Hash,
    stored: StoredTimestamp,
}

/// Which of the tokens a bundle takes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Chosen {
    /// By their places, in the order of size and time.
    taken: BTreeSet<usize>,
    /// Those that would date a record and cannot be taken: they are over a newer checkpoint than the bundle's, or too many.
    left_out: BTreeSet<usize>,
}

/// The tokens of a bundle; and how many would date a record of it and are over a newer checkpoint than its own.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) tokens: Vec<TimestampToken>,
    pub(super) left_out: usize,
}

/// Takes up the tokens that the profile keeps. Their checkpoints come among the earlier ones.
pub(super) async fn stored_tokens(
    client: &Client,
    raw: &RawEvidence,
    earlier: &mut Vec<Earlier>,
) -> Result<Tokens, ClientError> {
    let kept = kept(client)?;
    let size = raw.checkpoint.size();
    let Chosen { taken, left_out } = choose(&kept, &raw.indexes(), size);
    let log = &client.settings().log;
    let mut tokens = Vec::with_capacity(taken.len());
    for kept in taken.into_iter().filter_map(|at| kept.get(at)) {
        let checkpoint = client.accept_checkpoint(&kept.stored.checkpoint).await?;
        let is_there = |it: &Earlier| log.open(&it.checkpoint).is_ok_and(|it| it.size() == kept.size);
        if kept.size < size && !earlier.iter().any(is_there) {
            let consistency = client.consistency_proof(kept.size, size).await?;
            earlier.push(Earlier {
                checkpoint: checkpoint.note().to_owned(),
                consistency,
            });
        }
        tokens.push(TimestampToken {
            size: kept.size,
            token: kept.stored.token.clone(),
        });
    }
    earlier.sort_by_key(|it| log.open(&it.checkpoint).map_or(0, |it| it.size()));
    Ok(Tokens {
        tokens,
        left_out: left_out.len(),
    })
}

/// What the profile keeps, in the order of size and time. What is no token, or of another log, is passed over: it proves
/// nothing here.
fn kept(client: &Client) -> Result<Vec<Kept>, ClientError> {
    let directory = client.profile().timestamps();
    let log = &client.settings().log;
    let mut all = Vec::new();
    for name in files::names(&directory)? {
        let bytes = files::read(&directory.join(name), limits::TIMESTAMP_FILE_BYTES_MAX)?;
        let read = bytes.and_then(|bytes| {
            let stored = StoredTimestamp::parse(&bytes).ok()?;
            let checkpoint = log.open(&stored.checkpoint).ok()?;
            let token = SignedToken::read(&stored.token, &checkpoint.checkpoint().to_text()).ok()?;
            Some(Kept {
                size: checkpoint.size(),
                latest: token.says().latest(),
                authority: token.signer(),
                stored,
            })
        });
        all.extend(read);
    }
    all.sort_by_key(|kept| (kept.size, kept.latest));
    Ok(all)
}

/// The tokens of one authority, by size, each with its place among all.
struct Dated<'a> {
    within: Vec<(usize, &'a Kept)>,
    /// From each on, the earliest of all over a tree at least as large.
    best: Vec<usize>,
    /// The first that is over a newer checkpoint than the bundle's.
    beyond: Option<usize>,
}

impl<'a> Dated<'a> {
    fn new(mut all: Vec<(usize, &'a Kept)>, size: u64) -> Self {
        let beyond = all.split_off(all.partition_point(|(_, kept)| kept.size <= size));
        let mut best = Vec::with_capacity(all.len());
        let mut earliest: Option<(Timestamp, usize)> = None;
        for (at, kept) in all.iter().rev() {
            if earliest.is_none_or(|(latest, _)| kept.latest <= latest) {
                earliest = Some((kept.latest, *at));
            }
            best.extend(earliest.map(|(_, at)| at));
        }
        best.reverse();
        Self {
            within: all,
            best,
            beyond: beyond.first().map(|(at, _)| *at),
        }
    }

    fn earliest(&self, index: u64) -> Option<usize> {
        let from = self.within.partition_point(|(_, kept)| kept.size <= index);
        self.best.get(from).copied()
    }
}

/// Chooses for records at these indexes, of tokens in the order of size and time. `size` is the bundle's own.
fn choose(kept: &[Kept], indexes: &[u64], size: u64) -> Chosen {
    let mut authorities: BTreeMap<Hash, Vec<(usize, &Kept)>> = BTreeMap::new();
    for (at, kept) in kept.iter().enumerate() {
        authorities.entry(kept.authority).or_default().push((at, kept));
    }
    let authorities: Vec<Dated<'_>> = authorities
        .into_values()
        .map(|all| Dated::new(all, size))
        .collect();
    let mut chosen = Chosen::default();
    for index in indexes {
        for authority in &authorities {
            match authority.earliest(*index) {
                Some(at) if chosen.taken.len() < limits::BUNDLE_TIMESTAMPS_MAX => chosen.taken.insert(at),
                Some(at) => chosen.left_out.insert(at),
                None => authority.beyond.is_some_and(|at| chosen.left_out.insert(at)),
            };
        }
    }
    chosen.left_out = &chosen.left_out - &chosen.taken;
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(tokens: &[(u64, i64, u8)]) -> Vec<Kept> {
        let of = |(size, latest, authority): &(u64, i64, u8)| Kept {
            size: *size,
            latest: Timestamp::from_unix_ms(*latest),
            authority: Hash([*authority; 32]),
            stored: StoredTimestamp {
                checkpoint: String::new(),
                token: Vec::new(),
            },
        };
        tokens.iter().map(of).collect()
    }

    /// A table: tokens (size, time, authority) in a bundle of ten records, and which of them the records at these indexes take
    /// and miss. Of each authority the earliest counts, over whatever tree that holds the record.
    #[test]
    fn each_record_takes_the_earliest_token_of_each_authority() {
        type Row = (
            &'static [(u64, i64, u8)],
            &'static [u64],
            &'static [usize],
            &'static [usize],
        );
        let table: [Row; 8] = [
            (&[], &[3], &[], &[]),
            // A timer on a quiet log: the first one dates it best.
            (&[(5, 10, 1), (5, 20, 1)], &[3], &[0], &[]),
            // Another authority stands beside, however late.
            (&[(5, 10, 1), (5, 30, 2)], &[3], &[0, 1], &[]),
            // Each record its own.
            (&[(5, 10, 1), (8, 20, 1), (10, 30, 1)], &[3, 6], &[0, 1], &[]),
            // Over a larger tree, and earlier all the same.
            (&[(5, 30, 1), (8, 20, 1)], &[3, 6], &[1], &[]),
            // None holds the record.
            (&[(3, 10, 1)], &[3], &[], &[]),
            // Beyond the bundle's checkpoint: missed, unless an earlier one of the authority is there.
            (&[(11, 10, 1), (12, 20, 1)], &[3], &[], &[0]),
            (&[(5, 5, 1), (11, 10, 1), (11, 10, 2)], &[3], &[0], &[2]),
        ];
        for (tokens, indexes, taken, left_out) in table {
            let chosen = choose(&kept(tokens), indexes, 10);
            let expected = Chosen {
                taken: taken.iter().copied().collect(),
                left_out: left_out.iter().copied().collect(),
            };
            assert_eq!(chosen, expected, "{tokens:?} {indexes:?}");
        }
    }

    /// No more are taken than a bundle may hold, and the rest is said to be left out.
    #[test]
    fn what_is_too_much_is_left_out() {
        let later: Vec<(u64, i64, u8)> = (1..=400u64)
            .zip(1i64..)
            .map(|(size, time)| (size, time, 1))
            .collect();
        let indexes: Vec<u64> = (0..400).collect();
        let chosen = choose(&kept(&later), &indexes, 400);
        assert_eq!(chosen.taken.len(), limits::BUNDLE_TIMESTAMPS_MAX);
        assert_eq!(chosen.left_out.len(), 400 - limits::BUNDLE_TIMESTAMPS_MAX);
    }
}
