//! What an auditor makes of a log: for the tests of layers that know no auditor.

use bytes::Bytes;
use wardline::audit::{Report, Verifier};
use wardline::domain::{ReplayedContent, ReplayedRecord};
use wardline::transparency::LogVerifier;

/// Replays all records of a log, without what lies beside them, up to a signed checkpoint.
pub fn audited(
    log: LogVerifier,
    checkpoint: &str,
    records: impl IntoIterator<Item = (u64, Bytes)>,
) -> Report {
    let mut verifier = Verifier::new(log, checkpoint).unwrap();
    for (index, bytes) in records {
        let shown = ReplayedRecord {
            index,
            content: ReplayedContent::Record(bytes),
            part: None,
            inbox: None,
        };
        verifier.feed(&shown).unwrap();
    }
    verifier.finish().unwrap().report
}
