//! Nobody sees what is not theirs: whoever replays the log gets every index, their own as records and all else as the leaf
//! hash of what the auditor sees there, with nothing beside it.

use std::collections::BTreeMap;

use wardline::domain::{Digest, Record, RecordKind, ReplayedContent, ReplayedRecord};
use wardline::seal::PayloadKind;
use wardline::transparency::leaf_hash;
use wardline::wire::{self, Recorded};

use super::refusals::Faults;
use super::stage::{AUDITOR, BE, FR, OPERATOR, RU, Stage, US};

impl Stage {
    /// Compares what each may see with what the auditor sees.
    pub(super) async fn check_scopes(&self, faults: &mut Faults) {
        let (_, all) = self.replay(AUDITOR, 0).await;
        let records: Vec<Record> = all.iter().map(record).collect();
        let originators = originators(&records);
        for viewer in [US, RU, BE, FR, OPERATOR] {
            let (_, shown) = self.replay(viewer, 0).await;
            faults.same(viewer, "how much is replayed", shown.len(), all.len());
            let mut kept = 0;
            for ((shown, whole), record) in shown.iter().zip(&all).zip(&records) {
                let theirs = is_theirs(viewer, record, &originators);
                kept += usize::from(!theirs);
                let expected = match theirs {
                    true => whole.content.clone(),
                    false => ReplayedContent::LeafHash(leaf_hash(bytes(whole))),
                };
                let place = format!("{viewer} at {}", whole.index);
                faults.same(&place, "what is shown", &shown.content, &expected);
                let part = whole.part.as_ref().filter(|_| theirs);
                faults.same(&place, "the part", shown.part.as_ref(), part);
                // The sender of a warning is not told the recipient's inbox numbers.
                let recipient = record.thread.as_ref().map(|link| link.desk.agency().as_str());
                let inbox = whole.inbox.as_ref().filter(|_| recipient == Some(viewer));
                faults.same(&place, "the inbox number", shown.inbox.as_ref(), inbox);
            }
            assert!(kept > 0, "nothing is kept from {viewer}: this shows nothing");
        }
    }
}

fn bytes(shown: &ReplayedRecord) -> &[u8] {
    match &shown.content {
        ReplayedContent::Record(bytes) => bytes,
        ReplayedContent::LeafHash(_) => panic!("record {} is kept from the auditor", shown.index),
    }
}

fn record(shown: &ReplayedRecord) -> Record {
    wire::record(bytes(shown)).unwrap()
}

/// Who sent each warning.
fn originators(records: &[Record]) -> BTreeMap<Digest, String> {
    let accepted = records.iter().filter_map(|record| match &record.kind {
        RecordKind::Accepted(accepted) => Some(&accepted.warning),
        _ => None,
    });
    accepted
        .map(|envelope| {
            assert_eq!(envelope.payload_type, PayloadKind::Warning.payload_type());
            let header = wire::warning(&Recorded(envelope)).unwrap();
            let sender = header.common.named().unwrap().principal.to_string();
            (envelope.digest(), sender)
        })
        .collect()
}

/// The rule of FORMATS.md, said once more: a thread is its originator's and its recipient's, an acceptance and a rejection
/// are their signer's, all else is everybody's.
fn is_theirs(viewer: &str, record: &Record, originators: &BTreeMap<Digest, String>) -> bool {
    if let Some(link) = &record.thread {
        return link.desk.agency().as_str() == viewer || originators[&link.warning] == viewer;
    }
    match &record.kind {
        RecordKind::Accepted(accepted) => originators[&accepted.warning.digest()] == viewer,
        RecordKind::Rejected(rejected) => rejected.principal.to_string() == viewer,
        _ => true,
    }
}
