//! Auditors' holds: what the rules of retention do not erase until a time. Pure.
//!
//! A hold reaches the warnings that it names, or all, of the agencies that it names, or of all that had admitted its auditor when it was
//! recorded: an agency that dismisses the auditor afterwards does not end it. A bucket whose key is destroyed is out of reach:
//! what the log tells of it then only says what is so.

use std::collections::BTreeSet;

use super::directory::Directory;
use super::facts::{Facts, FactsError, ThreadKey};
use crate::domain::{AgencyId, Bucket, Digest};
use crate::time::Timestamp;

/// A hold on the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldEntry {
    /// Its record.
    pub index: u64,
    /// When the relay recorded it.
    pub recorded: Timestamp,
    /// Whose.
    pub auditor: AgencyId,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Which warnings; none: all of the agencies.
    pub warnings: BTreeSet<Digest>,
    /// Whose: those named, or all that had admitted the auditor.
    pub agencies: BTreeSet<AgencyId>,
}

impl HoldEntry {
    /// Whether it reaches a warning that was between these agencies.
    pub fn reaches<'a>(&self, warning: &Digest, mut between: impl Iterator<Item = &'a AgencyId>) -> bool {
        (self.warnings.is_empty() || self.warnings.contains(warning))
            && between.any(|agency| self.agencies.contains(agency))
    }
}

impl Directory {
    /// Where the erasure of a bucket began whose key is destroyed: the engine remembers it over a restart, and while another
    /// bucket is erased.
    pub fn erasure_began(&mut self, bucket: Bucket, first: u64) {
        self.retained.begin(bucket, first);
    }

    /// The holds that have not ended at `time`, in the order of the log.
    pub fn holds_at(&self, time: Timestamp) -> impl Iterator<Item = &HoldEntry> {
        self.holds.iter().filter(move |hold| time < hold.until)
    }
}

/// The first hold that reaches a warning at `time`.
pub fn held<'d>(
    directory: &'d Directory,
    facts: &dyn Facts,
    key: &ThreadKey,
    time: Timestamp,
) -> Result<Option<&'d HoldEntry>, FactsError> {
    find(directory, facts, key, time, u64::MAX)
}

/// The hold that an `ERASED` record at an index, of a bucket, would break; none once the bucket's erasure had begun before it.
pub(super) fn holding<'d>(
    directory: &'d Directory,
    facts: &dyn Facts,
    key: &ThreadKey,
    (bucket, index): (Bucket, u64),
    time: Timestamp,
) -> Result<Option<&'d HoldEntry>, FactsError> {
    find(directory, facts, key, time, began(directory, bucket, index))
}

/// The same for whoever replays. Who has followed the log from its genesis and sees all of it knows where each erasure began; who sees
/// a part may not have seen it, and leaves a day for it (it takes seconds, and a start after a power cut). The relay goes on in the
/// middle, has decided, and does not accuse itself.
pub(super) fn broken<'d>(
    directory: &'d Directory,
    facts: &dyn Facts,
    key: &ThreadKey,
    of: (Bucket, u64),
    time: Timestamp,
) -> Result<Option<&'d HoldEntry>, FactsError> {
    if facts.is_for_delivery() {
        return Ok(None);
    }
    let certain = facts.is_whole() && directory.retained.whole;
    let hold = holding(directory, facts, key, of, time)?;
    Ok(hold.filter(|hold| certain || time.ms_since(hold.recorded) > CERTAIN_AFTER_MS))
}

/// A day.
const CERTAIN_AFTER_MS: i64 = 24 * 3_600 * 1_000;

/// Where the erasure of the bucket began that a record at `index` belongs to.
pub(super) fn began(directory: &Directory, bucket: Bucket, index: u64) -> u64 {
    directory.retained.began.get(&bucket).copied().unwrap_or(index)
}

fn find<'d>(
    directory: &'d Directory,
    facts: &dyn Facts,
    key: &ThreadKey,
    time: Timestamp,
    before: u64,
) -> Result<Option<&'d HoldEntry>, FactsError> {
    let mut holds = directory
        .holds_at(time)
        .filter(|hold| hold.index < before)
        .peekable();
    if holds.peek().is_none() {
        return Ok(None);
    }
    let mut between = BTreeSet::from([key.desk.agency().clone()]);
    let acceptance = facts.thread(key)?.and_then(|thread| thread.acceptance);
    between.extend(acceptance.map(|fact| fact.originator.clone()));
    // One thread's erasure takes the body from all of them. Who delivers nothing does not look for the others: each is judged by its own
    // ERASED, and told of without one.
    if facts.is_for_delivery() {
        let desks = facts.desks(&key.warning)?;
        between.extend(desks.iter().map(|desk| desk.agency().clone()));
    }
    Ok(holds.find(|hold| hold.reaches(&key.warning, between.iter())))
}
