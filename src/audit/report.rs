//! What was checked, and how many of each: a verification that only says "good" leaves open how much it looked at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::beside::Beside;
use super::carried::words;
use crate::domain::RecordKind;

/// The outcome of a verification without a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which log.
    pub origin: String,
    /// The size of the signed checkpoint that all was checked against.
    pub checkpoint_size: u64,
    /// Its root, which the records give again.
    pub checkpoint_root: String,
    /// The size of the checkpoint verified before that this log was shown to continue; none: there was none.
    pub continues_size: Option<u64>,
    /// The size that an earlier run had verified, after which this one began; none: it began with the genesis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<u64>,
    /// How many of each thing.
    #[serde(flatten)]
    pub counts: Counts,
}

/// How many of each thing were checked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Records that were read and checked.
    pub records: u64,
    /// Leaf hashes of records out of scope: of these only the place in the tree was checked.
    pub out_of_scope: u64,
    /// Records of a kind of a later version: only hashed and chained.
    pub unknown_kinds: u64,
    /// Signatures verified with a key that was valid at that index, by the role of the key.
    #[serde(deserialize_with = "words")]
    pub signatures: BTreeMap<&'static str, u64>,
    /// Keys that were enrolled.
    pub keys: u64,
    /// Keys that were revoked or succeeded.
    pub keys_ended: u64,
    /// States, agencies and auditors that were enrolled.
    pub principals: u64,
    /// Records of the directory's chain.
    pub directory_records: u64,
    /// `seen` statements of signers, each compared with this log's root at that size.
    pub seen: u64,
    /// Warnings accepted, whose audience was opened and whose recipients were resolved again.
    pub acceptances: u64,
    /// Threads walked from `ROUTED` on.
    pub threads: u64,
    /// Threads by the step that their recipient reached.
    #[serde(deserialize_with = "words")]
    pub steps: BTreeMap<&'static str, u64>,
    /// Recipients without an answer.
    pub silent: u64,
    /// Inbox numbers opened, dense and as committed to.
    pub inbox_numbers: u64,
    /// `ROUTED` records whose inbox number was not shown.
    pub inbox_numbers_absent: u64,
    /// Acknowledgements by kind.
    #[serde(deserialize_with = "words")]
    pub acknowledgements: BTreeMap<&'static str, u64>,
    /// Handovers that the relay claims.
    pub handovers: u64,
    /// Refusals on the record.
    pub rejections: u64,
    /// Bodies that match what was signed.
    pub bodies_kept: u64,
    /// Bodies that were not shown: erased, or not asked for.
    pub bodies_absent: u64,
    /// Texts of acknowledgements that match what was signed.
    pub texts_kept: u64,
    /// Texts that were signed and not shown.
    pub texts_absent: u64,
    /// Records that tell that something was erased: of a body, one a recipient.
    #[serde(default)]
    pub erasures: u64,
    /// Bodies and texts that were not shown, and that no such record tells of: lost, withheld, or erased since.
    #[serde(default)]
    pub absent_untold: u64,
    /// Bodies and texts that were shown to the very run that found a record which says that they are erased.
    #[serde(default)]
    pub shown_though_erased: u64,
    /// Erasures of what a hold reaches that came after the erasure of its bucket had begun.
    #[serde(default)]
    pub erased_though_held: u64,
    /// Bodies that are told to be erased in the threads of some recipients, and not of others.
    #[serde(default)]
    pub erased_in_part: u64,
    /// Times that the relay began.
    pub starts: u64,
    /// Of these, after an outage.
    pub outages: u64,
}

impl Counts {
    pub(super) fn add(map: &mut BTreeMap<&'static str, u64>, key: &'static str) {
        let count = map.entry(key).or_default();
        *count = count.saturating_add(1);
    }

    /// All signatures.
    pub fn signatures_total(&self) -> u64 {
        self.signatures
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }
}

impl Counts {
    pub(super) fn record(&mut self, kind: &RecordKind) {
        let one = |count: &mut u64| *count = count.saturating_add(1);
        match kind {
            RecordKind::Accepted(_) => one(&mut self.acceptances),
            RecordKind::Rejected(_) => one(&mut self.rejections),
            RecordKind::HandedOver(_) => one(&mut self.handovers),
            RecordKind::Erased(_) => one(&mut self.erasures),
            RecordKind::RelayStarted(start) => {
                one(&mut self.starts);
                if start.stopped_at.is_some() {
                    one(&mut self.outages);
                }
            }
            RecordKind::Unknown => one(&mut self.unknown_kinds),
            RecordKind::Genesis(_)
            | RecordKind::StateEnrolled { .. }
            | RecordKind::AgencyEnrolled(_)
            | RecordKind::KeyPublished(_)
            | RecordKind::KeyRevoked(_)
            | RecordKind::RootSucceeded(_)
            | RecordKind::DesksPublished(_)
            | RecordKind::MandatePublished(_)
            | RecordKind::HoldPlaced(_)
            | RecordKind::AgencySuspended(_)
            | RecordKind::AgencyReinstated(_)
            | RecordKind::OperatorKeyPublished(_)
            | RecordKind::Routed(_)
            | RecordKind::Acknowledged(_) => {}
        }
    }

    /// A body or text is told to be erased: it was absent, or shown `now`, or shown to an earlier run.
    pub(super) fn erased(&mut self, absent: bool, now: bool) {
        if absent {
            self.absent_untold = self.absent_untold.saturating_sub(1);
        } else if now {
            self.shown_though_erased = self.shown_though_erased.saturating_add(1);
        }
    }

    pub(super) fn beside(&mut self, beside: &Beside) {
        let one = |count: &mut u64| *count = count.saturating_add(1);
        match beside {
            Beside::Nothing => {}
            Beside::Warning { shown: true, .. } => one(&mut self.bodies_kept),
            Beside::Warning { shown: false, .. } => {
                one(&mut self.bodies_absent);
                one(&mut self.absent_untold);
            }
            Beside::Acknowledgement { said, shown, .. } => {
                Self::add(&mut self.acknowledgements, said.kind.word());
                match (&said.text, shown) {
                    (None, _) => {}
                    (Some(_), true) => one(&mut self.texts_kept),
                    (Some(_), false) => {
                        one(&mut self.texts_absent);
                        one(&mut self.absent_untold);
                    }
                }
            }
        }
    }
}
