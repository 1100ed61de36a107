//! What the rules read of the past beside the directory: ids that are used up, warnings, threads, inboxes.
//!
//! [`Facts`] is the contract of whoever keeps them (memory, the index on disk, an overlay of both). Facts are derived:
//! they come only from the [`Change`](super::Change)s of `apply`, and can be dropped and rebuilt from the log.

use std::sync::Arc;

use crate::domain::{
    AcknowledgementKind, AgencyId, Bucket, DeskAddress, Digest, Hash, Lane, PayloadId, Precedence, Principal,
    RetentionClass, Status, Step, WarningType,
};
use crate::error::ErrorCode;
use crate::seal::{PayloadKind, SealSuite};
use crate::time::Timestamp;

/// The facts could not be read (or nothing random could be had): nothing was decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what the rules need to know could not be read: {0}")]
pub struct FactsError(pub String);

/// Names one signed payload for ever: sameness of an id is sameness of the payload's digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdKey {
    /// Who signed: `Common.signer.principal`.
    pub principal: Principal,
    /// What it is.
    pub kind: PayloadKind,
    /// The signer's id of it.
    pub id: PayloadId,
}

/// An id that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdFact {
    /// Of the payload that used it up.
    pub digest: Digest,
    /// Its first record: `ACCEPTED`, `REJECTED`, `ACKNOWLEDGED`, or the directory record.
    pub index: u64,
    /// How many records it made, one after another from `index` on (`ACCEPTED` and its `ROUTED`).
    pub records: u32,
    /// If it was refused: why.
    pub rejected: Option<ErrorCode>,
}

/// An accepted warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningFact {
    /// Its `ACCEPTED` record; its `ROUTED` records follow at once.
    pub accepted: u64,
    /// How many `ROUTED` records follow.
    pub routed: u32,
    /// Who sent it.
    pub originator: AgencyId,
    /// The originator's id of it.
    pub id: PayloadId,
    /// CAP status.
    pub status: Status,
    /// What kind.
    pub warning_type: WarningType,
    /// Precedence.
    pub precedence: Precedence,
    /// By the sender's clock.
    pub sent: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
    /// How long what it says is kept.
    pub retention: RetentionClass,
}

impl WarningFact {
    /// The retention bucket of what is recorded about it at `recorded`: its body, a wrap, the text of an answer.
    pub fn bucket(&self, recorded: Timestamp) -> Bucket {
        Bucket::of(self.retention, self.expires, recorded)
    }

    /// The lane that it travels in.
    pub fn lane(&self) -> Lane {
        Lane::of(self.status, self.precedence)
    }
}

/// Names the thread of one (warning, recipient).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadKey {
    /// The warning.
    pub warning: Digest,
    /// The recipient.
    pub desk: DeskAddress,
}

/// What an acceptance says to the threads of its warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptanceFact {
    /// The `ACCEPTED` record; the `ROUTED` ones follow at once.
    pub accepted: u64,
    /// How many `ROUTED` records follow.
    pub routed: u32,
    /// Who sent it.
    pub originator: AgencyId,
    /// Where its body belongs, until it is erased.
    pub bucket: Bucket,
    /// What texts of answers are sealed by; none: the warning is in clear, and so are they.
    pub sealed: Option<SealSuite>,
}

/// The text of an answer, until it is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextFact {
    /// The `ACKNOWLEDGED` record.
    pub index: u64,
    /// The day of its bucket; of a warning whose acceptance was not seen, the earliest that it can be.
    pub day: u32,
    /// Whoever replays was not shown it.
    pub absent: bool,
}

/// A thread as its newest record leaves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadFact {
    /// Its `ROUTED` record.
    pub routed: u64,
    /// The desk's dense inbox number, from 1.
    pub inbox_number: u64,
    /// The number of its newest record.
    pub seq: u64,
    /// The leaf hash of its newest record.
    pub prev: Hash,
    /// Its highest evidence.
    pub step: Step,
    /// Its latest answer.
    pub answer: Option<AcknowledgementKind>,
    /// How many acknowledgements are recorded.
    pub acknowledgements: u32,
    /// Its `RECEIVED`: the record and the digest of what was signed.
    pub received: Option<(u64, Digest)>,
    /// `HANDED_OVER` records in one hour of the relay's clock.
    pub handovers: Hourly,
    /// Of its warning; none: only the recipient's part is seen.
    pub acceptance: Option<Arc<AcceptanceFact>>,
    /// Whoever replays was not shown the warning's body.
    pub body_absent: bool,
    /// This thread tells that the body is erased.
    pub body_erased: bool,
    /// The texts of its answers that are not erased.
    pub texts: Vec<TextFact>,
}

impl ThreadFact {
    /// What lies beside its newest record, or beside the acceptance if that is its first, was not shown.
    pub fn mark_absent(&mut self) {
        match self.texts.last_mut() {
            Some(text) => text.absent = true,
            None => self.body_absent = true,
        }
    }
}

/// A count within one hour of the relay's clock (hours since 1970).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hourly {
    /// Which hour.
    pub hour: i64,
    /// How many in it.
    pub count: u32,
}

impl Hourly {
    /// How many in the hour of `time`.
    pub fn in_hour_of(self, time: Timestamp) -> u32 {
        if self.hour == hour_of(time) { self.count } else { 0 }
    }

    /// With one more at `time`.
    #[must_use]
    pub fn and_one_at(self, time: Timestamp) -> Self {
        Self {
            hour: hour_of(time),
            count: self.in_hour_of(time).saturating_add(1),
        }
    }
}

fn hour_of(time: Timestamp) -> i64 {
    time.unix_ms().div_euclid(3_600_000)
}

/// What `decide` and `apply` read of the past. All of it is as the record before the one in question left it,
/// speculative records included: an engine that decides a batch lays an [`Overlay`](super::Overlay) over what is durable.
pub trait Facts {
    /// Who used up an id.
    fn id(&self, key: &IdKey) -> Result<Option<IdFact>, FactsError>;
    /// An accepted warning.
    fn warning(&self, digest: &Digest) -> Result<Option<WarningFact>, FactsError>;
    /// The accepted warnings of an id, sorted, at most one an originator.
    fn warnings_with_id(&self, id: &PayloadId) -> Result<Vec<Digest>, FactsError>;
    /// The desks that a warning was routed to, sorted.
    fn desks(&self, warning: &Digest) -> Result<Vec<DeskAddress>, FactsError>;
    /// A thread.
    fn thread(&self, key: &ThreadKey) -> Result<Option<ThreadFact>, FactsError>;
    /// A desk's newest inbox number; 0: nothing was ever routed to it.
    fn inbox_count(&self, desk: &DeskAddress) -> Result<u64, FactsError>;
    /// `REJECTED` records of a principal in its latest hour that had any.
    fn rejected(&self, principal: &Principal) -> Result<Hourly, FactsError>;
    /// The time of the newest record; none in an empty log.
    fn last_time(&self) -> Result<Option<Timestamp>, FactsError>;
    /// The root of the tree of the first `size` records; none beyond the log. May answer for durable sizes only: no
    /// honest signer has seen another.
    fn root_at(&self, size: u64) -> Result<Option<Hash>, FactsError>;
    /// Whether these are the facts of all records so far. An auditor who sees a part says false, and what cannot be
    /// told from a part is then not held against the log.
    fn is_whole(&self) -> bool {
        true
    }
    /// Whether what waits for whom, and which record stands where, is kept too. An auditor delivers nothing and is asked by
    /// nobody: then `apply` gives no such changes, and does not ask for the warning of a thread.
    fn is_for_delivery(&self) -> bool {
        true
    }
}

impl<F: Facts + ?Sized> Facts for &F {
    fn id(&self, key: &IdKey) -> Result<Option<IdFact>, FactsError> {
        (**self).id(key)
    }
    fn warning(&self, digest: &Digest) -> Result<Option<WarningFact>, FactsError> {
        (**self).warning(digest)
    }
    fn warnings_with_id(&self, id: &PayloadId) -> Result<Vec<Digest>, FactsError> {
        (**self).warnings_with_id(id)
    }
    fn desks(&self, warning: &Digest) -> Result<Vec<DeskAddress>, FactsError> {
        (**self).desks(warning)
    }
    fn thread(&self, key: &ThreadKey) -> Result<Option<ThreadFact>, FactsError> {
        (**self).thread(key)
    }
    fn inbox_count(&self, desk: &DeskAddress) -> Result<u64, FactsError> {
        (**self).inbox_count(desk)
    }
    fn rejected(&self, principal: &Principal) -> Result<Hourly, FactsError> {
        (**self).rejected(principal)
    }
    fn last_time(&self) -> Result<Option<Timestamp>, FactsError> {
        (**self).last_time()
    }
    fn root_at(&self, size: u64) -> Result<Option<Hash>, FactsError> {
        (**self).root_at(size)
    }
    fn is_whole(&self) -> bool {
        (**self).is_whole()
    }
    fn is_for_delivery(&self) -> bool {
        (**self).is_for_delivery()
    }
}
