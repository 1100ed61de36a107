//! What a recipient says about its own inbox.

use super::{Bucket, Common, DeskAddress, Digest, Extension};
use crate::time::Timestamp;

/// A recipient attests that it erased what a warning said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureAttestation {
    /// Origin, id, sent, the recipient.
    pub common: Common,
    /// Which warning.
    pub warning_digest: Digest,
    /// The desk to whose inbox it came.
    pub desk: DeskAddress,
    /// What it was of: its class and day.
    pub bucket: Bucket,
    /// The rule: so many whole days after the day; 0: early, by order.
    pub days: u32,
    /// When, by the recipient's clock.
    pub erased_at: Timestamp,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}
