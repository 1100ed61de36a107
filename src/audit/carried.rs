//! What was verified, and what the verifier carries on to the records after it, as it is kept in a state beside the facts: small, and
//! bounded by the directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use super::report::Counts;
use super::state::StateError;
use super::withheld::Withheld;
use crate::domain::{AcknowledgementKind, Bucket, KeyRole, RetentionClass, Step};
use crate::ledger::Retained;
use crate::time::Timestamp;

/// The log up to a size, as it was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verified {
    /// How many records.
    pub(super) size: u64,
    /// The root over them, in hexadecimal.
    pub(super) root: String,
    /// The signed checkpoint that commits to them: of this size, or of a later one that was proven to begin with it.
    pub(super) checkpoint: String,
    /// What was counted.
    pub(super) counts: Counts,
    /// The first index that was shown as a leaf hash only; none: all were shown.
    pub(super) withheld: Option<u64>,
    /// Which ones were; none: an older version has kept no more than the first.
    #[serde(default)]
    pub(super) which_withheld: Option<Withheld>,
    /// Each desk's newest opened inbox number.
    pub(super) inboxes: BTreeMap<String, u64>,
    /// Facts that are few.
    pub(super) few: Few,
    /// Which agencies admitted the viewer.
    pub(super) mandators: Vec<String>,
}

/// Facts of which there are no more than the directory has principals and desks, or the log has days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Few {
    /// The time of the newest record that was shown.
    pub(super) last_time_ms: Option<i64>,
    /// Each desk's newest inbox number.
    pub(super) inbox_counts: BTreeMap<String, u64>,
    /// Each principal's `REJECTED` records: the hour, and how many in it.
    pub(super) rejected: BTreeMap<String, (i64, u32)>,
    /// Threads that have begun.
    pub(super) threads: u64,
    /// Threads by their step's number.
    pub(super) steps: BTreeMap<i32, u64>,
    /// The rules that stood, by class and days, each with the time until when; none: it stands.
    pub(super) rules: Vec<(i32, u32, Option<i64>)>,
    /// Each bucket's first record of its erasure.
    pub(super) began: Vec<(u32, u64)>,
    /// Warnings whose body is told to be erased in some of their threads: the acceptance, and in how many.
    pub(super) told: BTreeMap<u64, u32>,
}

impl Few {
    /// With what the log has said of how long things are kept.
    pub(super) fn retaining(mut self, retained: &Retained) -> Self {
        let rules = retained.rules.iter();
        self.rules = rules
            .map(|((class, days), until)| (class.number(), *days, until.map(Timestamp::unix_ms)))
            .collect();
        let began = retained.began.iter();
        self.began = began.map(|(bucket, index)| (bucket.number(), *index)).collect();
        self
    }

    /// The same again, for who goes on from here.
    pub(super) fn retained(&self) -> Result<Retained, StateError> {
        let unreadable = || StateError::damaged("what was said of how long things are kept does not read");
        let rule = |(class, days, until): &(i32, u32, Option<i64>)| {
            let class = RetentionClass::from_number(*class).ok_or_else(unreadable)?;
            Ok(((class, *days), until.map(Timestamp::from_unix_ms)))
        };
        let bucket = |(bucket, index): &(u32, u64)| {
            let bucket = Bucket::from_number(*bucket).ok_or_else(unreadable)?;
            Ok::<_, StateError>((bucket, *index))
        };
        let began: BTreeMap<Bucket, u64> = self.began.iter().map(bucket).collect::<Result<_, _>>()?;
        Ok(Retained {
            whole: true,
            rules: self.rules.iter().map(rule).collect::<Result<_, StateError>>()?,
            began: Arc::new(began),
        })
    }
}

/// Reads a map whose keys are words of ours.
pub(super) fn words<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<&'static str, u64>, D::Error> {
    let map = BTreeMap::<String, u64>::deserialize(deserializer)?;
    let known = || {
        let roles = KeyRole::ALL.iter().map(|role| role.as_str());
        let kinds = AcknowledgementKind::ALL.iter().map(|kind| kind.word());
        roles.chain(kinds).chain(Step::ALL.iter().map(|step| step.word()))
    };
    map.into_iter()
        .map(|(word, count)| match known().find(|known| *known == word) {
            Some(known) => Ok((known, count)),
            None => Err(serde::de::Error::custom(format!("{word} is no word of ours"))),
        })
        .collect()
}
