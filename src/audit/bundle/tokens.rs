//! Which of the tokens that a profile keeps (`audit timestamp`) go into a bundle: for each record, of each authority, the
//! one by which the record is dated earliest. An authority is a certificate, since a name can be anyone's: a token that nobody
//! has checked stands beside another authority's. Where there are more than a bundle holds, the names take turns, so that
//! an authority with a new certificate for each token crowds no other out.
//!
//! A file that cannot be used is named and left; it stops no bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::timestamp::{SignedToken, StoredTimestamp};
use super::{Earlier, TimestampToken};
use crate::client::{Client, ClientError, RawEvidence};
use crate::domain::Hash;
use crate::files::{self, FileError};
use crate::limits;
use crate::time::Timestamp;
use crate::transparency::LogVerifier;

/// A token that is whole, over a checkpoint that the log has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    size: u64,
    /// The latest instant that it may mean.
    latest: Timestamp,
    /// The signer's certificate.
    authority: Hash,
    /// The name in it.
    name: String,
    stored: StoredTimestamp,
}

/// Which of the tokens a bundle takes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Chosen {
    /// By their places, in the order of size and time.
    taken: BTreeSet<usize>,
    /// Those that would date a record and are over a newer checkpoint than the bundle's.
    newer: BTreeSet<usize>,
    /// Those that would date a record and have no place.
    too_many: BTreeSet<usize>,
}

/// Tokens that a profile keeps and that are not in a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokensLeftOut {
    /// So many would date a record of it and are over a newer checkpoint than its own.
    pub newer: usize,
    /// So many would date a record of it and have no place: it holds [`limits::BUNDLE_TIMESTAMPS_MAX`].
    pub too_many: usize,
    /// Files that cannot be used: their names, and why.
    pub unusable: Vec<(String, String)>,
}

/// The tokens of a bundle, and those that are not in it.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) tokens: Vec<TimestampToken>,
    pub(super) left_out: TokensLeftOut,
}

/// Takes up the tokens that the profile keeps. Their checkpoints come among the earlier ones.
pub(super) async fn stored_tokens(
    client: &Client,
    raw: &RawEvidence,
    earlier: &mut Vec<Earlier>,
) -> Result<Tokens, ClientError> {
    let log = &client.settings().log;
    let (kept, unusable) = kept(&client.profile().timestamps(), log)?;
    let size = raw.checkpoint.size();
    let Chosen {
        taken,
        newer,
        too_many,
    } = choose(&kept, &raw.indexes(), size);
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
        left_out: TokensLeftOut {
            newer: newer.len(),
            too_many: too_many.len(),
            unusable,
        },
    })
}

/// What is kept in a directory, in the order of size and time, and the files that cannot be used, with why. What is of another log
/// is passed over: a profile may have begun trust anew.
#[expect(clippy::type_complexity, reason = "two lists")]
fn kept(directory: &Path, log: &LogVerifier) -> Result<(Vec<Kept>, Vec<(String, String)>), FileError> {
    let (mut all, mut unusable) = (Vec::new(), Vec::new());
    for name in files::names(directory)? {
        match kept_in(&directory.join(&name), log) {
            Ok(read) => all.extend(read),
            Err(why) => unusable.push((name, why)),
        }
    }
    all.sort_by_key(|kept| (kept.size, kept.latest));
    Ok((all, unusable))
}

/// What is kept in a file; none: it is gone, or of another log.
fn kept_in(file: &Path, log: &LogVerifier) -> Result<Option<Kept>, String> {
    let bytes = files::read(file, limits::TIMESTAMP_FILE_BYTES_MAX).map_err(|e| e.to_string())?;
    let Some(bytes) = bytes else { return Ok(None) };
    let stored = StoredTimestamp::parse(&bytes).map_err(|e| e.to_string())?;
    let Ok(checkpoint) = log.open(&stored.checkpoint) else {
        return Ok(None);
    };
    let token = SignedToken::read(&stored.token, &checkpoint.checkpoint().to_text());
    let token = token.map_err(|e| e.to_string())?;
    Ok(Some(Kept {
        size: checkpoint.size(),
        latest: token.says().latest(),
        authority: token.signer(),
        name: token.says().authority.clone(),
        stored,
    }))
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

/// The tokens of one name.
#[derive(Default)]
struct Named<'a> {
    all: Vec<(usize, &'a Kept)>,
    by_certificate: BTreeMap<Hash, Vec<(usize, &'a Kept)>>,
}

/// What a name's tokens come to: those that would date a record, the better ones first, and those that are too new for it.
#[derive(Default)]
struct Candidates {
    wanted: Vec<usize>,
    newer: BTreeSet<usize>,
}

impl Named<'_> {
    fn candidates(self, indexes: &[u64], size: u64) -> Candidates {
        let mut certificates: Vec<Vec<(usize, &Kept)>> = self.by_certificate.into_values().collect();
        certificates.sort_by_key(|all| all.iter().map(|(_, kept)| kept.latest).min());
        let (mut candidates, mut seen) = (Candidates::default(), BTreeSet::new());
        // First what dates each record earliest under this name, then what each certificate has to say of it: none of them is
        // checked, and the earliest may be worth nothing to whoever judges.
        let mut want = |dated: &Dated<'_>, newer: Option<&mut BTreeSet<usize>>| {
            let wanted = indexes.iter().filter_map(|index| dated.earliest(*index));
            candidates.wanted.extend(wanted.filter(|at| seen.insert(*at)));
            if let (Some(newer), Some(at)) = (newer, dated.beyond)
                && indexes.iter().any(|index| dated.earliest(*index).is_none())
            {
                newer.insert(at);
            }
        };
        let mut newer = BTreeSet::new();
        want(&Dated::new(self.all, size), None);
        for all in certificates {
            want(&Dated::new(all, size), Some(&mut newer));
        }
        candidates.newer = newer;
        candidates
    }
}

/// Chooses for records at these indexes, of tokens in the order of size and time. `size` is the bundle's own.
fn choose(kept: &[Kept], indexes: &[u64], size: u64) -> Chosen {
    let mut names: BTreeMap<&str, Named<'_>> = BTreeMap::new();
    for (at, kept) in kept.iter().enumerate() {
        let of_name = names.entry(&kept.name).or_default();
        of_name.all.push((at, kept));
        let of_certificate = of_name.by_certificate.entry(kept.authority).or_default();
        of_certificate.push((at, kept));
    }
    let mut chosen = Chosen::default();
    // The name with the earliest token has the first turn. Names and times are as the tokens say: neither was checked here, so
    // whoever can put files into the profile can make up names, and there is room for 256 of them.
    let mut names: Vec<Named<'_>> = names.into_values().collect();
    names.sort_by_key(|named| named.all.iter().map(|(_, kept)| kept.latest).min());
    let mut turns = Vec::new();
    for named in names {
        let Candidates { wanted, newer } = named.candidates(indexes, size);
        chosen.newer.extend(newer);
        turns.push(wanted.into_iter());
    }
    // Each name has one place a turn, for as long as there are any.
    while !turns.is_empty() {
        turns.retain_mut(|wanted| match wanted.next() {
            Some(at) if chosen.taken.len() < limits::BUNDLE_TIMESTAMPS_MAX => chosen.taken.insert(at),
            Some(at) => chosen.too_many.insert(at),
            None => false,
        });
    }
    chosen
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::super::timestamp::tests::token_over;
    use super::*;
    use crate::seal::SecretKey;
    use crate::transparency::LogKey;

    /// Of authorities with one certificate each.
    fn tokens(tokens: &[(u64, i64, u8)]) -> Vec<Kept> {
        let of = |(size, latest, authority): &(u64, i64, u8)| Kept {
            size: *size,
            latest: Timestamp::from_unix_ms(*latest),
            authority: Hash([*authority; 32]),
            name: format!("CN={authority}"),
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
        for (kept, indexes, taken, newer) in table {
            let chosen = choose(&tokens(kept), indexes, 10);
            let expected = Chosen {
                taken: taken.iter().copied().collect(),
                newer: newer.iter().copied().collect(),
                too_many: BTreeSet::new(),
            };
            assert_eq!(chosen, expected, "{kept:?} {indexes:?}");
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
        let chosen = choose(&tokens(&later), &indexes, 400);
        assert_eq!(chosen.taken.len(), limits::BUNDLE_TIMESTAMPS_MAX);
        assert_eq!(chosen.too_many.len(), 400 - limits::BUNDLE_TIMESTAMPS_MAX);
        assert_eq!(chosen.newer, BTreeSet::new());
    }

    /// An authority with a new certificate for each of its 400 tokens, each earlier than the others' few, and with the first
    /// places in every order: the others have theirs all the same, for every record.
    #[test]
    fn no_authority_crowds_the_others_out() {
        let flood = (0..400u32).map(|number| {
            let mut certificate = [0; 32];
            certificate[..4].copy_from_slice(&number.to_be_bytes());
            Kept {
                size: 5,
                latest: Timestamp::from_unix_ms(i64::from(number)),
                authority: Hash(certificate),
                name: "CN=A".to_owned(),
                stored: StoredTimestamp {
                    checkpoint: String::new(),
                    token: Vec::new(),
                },
            }
        });
        let others = tokens(&[(5, 1_000, 250), (5, 2_000, 251), (8, 3_000, 251)]);
        let kept: Vec<Kept> = flood.chain(others).collect();
        let chosen = choose(&kept, &[3, 6], 10);
        assert_eq!(chosen.taken.len(), limits::BUNDLE_TIMESTAMPS_MAX);
        assert_eq!(chosen.too_many.len(), kept.len() - limits::BUNDLE_TIMESTAMPS_MAX);
        let missed: Vec<usize> = [0, 400, 401, 402]
            .into_iter()
            .filter(|at| !chosen.taken.contains(at))
            .collect();
        assert_eq!(missed, Vec::<usize>::new());
    }

    /// A table of what may lie among the tokens, and whether it is told: what cannot be read, what is no token, a token over
    /// something else; a checkpoint of another log is not. What is whole is kept all the same.
    #[test]
    fn what_cannot_be_used_is_named_and_left() {
        let log = |name: &str| LogKey::new(name.parse().unwrap(), SecretKey::from_seed(&[7; 32]));
        let own = log("log.example.invalid/1");
        let note = own.sign_checkpoint(5, Hash([1; 32]));
        let signed = own.verifier().open(&note).unwrap();
        let (token, _) = token_over(&signed.checkpoint().to_text());
        let stored = |checkpoint: String, token: &[u8]| {
            let token = token.to_vec();
            StoredTimestamp { checkpoint, token }.to_json()
        };
        let other = log("log.example.invalid/2").sign_checkpoint(5, Hash([1; 32]));
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        std::fs::create_dir(here.join("a-directory.json")).unwrap();
        for (name, text) in [
            ("cut-off.json", stored(note.clone(), &token)[..100].to_owned()),
            (
                "of-another-checkpoint.json",
                stored(own.sign_checkpoint(6, Hash([2; 32])), &token),
            ),
            ("of-another-log.json", stored(other, &token)),
            ("whole.json", stored(note, &token)),
        ] {
            std::fs::write(here.join(name), text).unwrap();
        }
        let (kept, unusable) = kept(here, own.verifier()).unwrap();
        assert_eq!(kept.iter().map(|kept| kept.size).collect::<Vec<_>>(), [5]);
        let mut named: Vec<&str> = unusable.iter().map(|(name, _)| name.as_str()).collect();
        named.sort_unstable();
        assert_eq!(
            named,
            ["a-directory.json", "cut-off.json", "of-another-checkpoint.json"]
        );
    }
}
