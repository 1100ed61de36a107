//! What one record changes in the derived data: a small closed list of typed puts.
//!
//! `apply` gives them in order; whoever keeps facts (memory, the index on disk) stores them. Putting the same change
//! twice is the same as once, so that an index that lags can be caught up from any earlier position.

use super::facts::{Hourly, IdFact, IdKey, ThreadFact, ThreadKey, WarningFact};
use crate::domain::{AgencyId, Bucket, DeskAddress, Digest, Lane, Principal};
use crate::time::Timestamp;

/// One put (or removal) of derived data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The time of the newest record. Exactly one a record, the first of its changes.
    Time(Timestamp),
    /// An id is used up.
    Id(IdKey, IdFact),
    /// A warning was accepted. Also the entry of [`Facts::warnings_with_id`](super::Facts::warnings_with_id), by `WarningFact::id`.
    Warning(Digest, WarningFact),
    /// A thread has a new newest record. The first one is also the entry of [`Facts::desks`](super::Facts::desks).
    Thread(ThreadKey, ThreadFact),
    /// A record belongs to a thread.
    ThreadRecord {
        /// Which thread.
        thread: ThreadKey,
        /// Its number in the thread.
        seq: u64,
        /// Its index in the log.
        index: u64,
    },
    /// A warning has a number in a desk's inbox; the highest is [`Facts::inbox_count`](super::Facts::inbox_count).
    Inbox {
        /// The desk.
        desk: DeskAddress,
        /// Dense, from 1.
        number: u64,
        /// The warning.
        warning: Digest,
        /// Its `ROUTED` record.
        index: u64,
    },
    /// A warning waits for a desk.
    Pending {
        /// The desk.
        desk: DeskAddress,
        /// The lane.
        lane: Lane,
        /// Its inbox number.
        number: u64,
        /// The warning.
        warning: Digest,
    },
    /// A warning does not wait any more: the desk has `RECEIVED` it, or gone further. Removes the pending entry.
    Settled {
        /// The desk.
        desk: DeskAddress,
        /// The lane; none in a replay that did not see the warning.
        lane: Option<Lane>,
        /// Its inbox number.
        number: u64,
        /// The warning.
        warning: Digest,
    },
    /// An agency sent a warning.
    Outgoing {
        /// The agency.
        agency: AgencyId,
        /// Its `ACCEPTED` record.
        index: u64,
        /// The warning.
        warning: Digest,
    },
    /// What lies beside a record is kept until its bucket is erased, and a thread is to tell of that then.
    Kept {
        /// The bucket.
        bucket: Bucket,
        /// The record.
        index: u64,
        /// The thread.
        thread: ThreadKey,
    },
    /// It is erased, and the thread tells. Removes the entry of [`Change::Kept`].
    Erased {
        /// The bucket.
        bucket: Bucket,
        /// The record.
        index: u64,
        /// The thread.
        thread: ThreadKey,
    },
    /// A principal's count of `REJECTED` records.
    Rejected(Principal, Hourly),
    /// A record belongs to the directory's chain.
    DirectoryRecord {
        /// Its number in the chain.
        seq: u64,
        /// Its index in the log.
        index: u64,
    },
}
