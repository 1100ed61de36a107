//! The relay's word that it has erased, as far as a bundle can hold it to what the originator signed: the class, the day, and
//! that what is gone was said there. That the rule was due, and that no hold was broken, the ledger's own rules say.

use super::super::bundle::BundleFault;
use super::history::ThreadRecord;
use crate::domain::{Bucket, RecordKind, RetentionClass, Warning};

/// Checks each `ERASED` of a bundle; `accepted`: where the acceptance stands, if it is shown.
pub(super) fn check(
    header: &Warning,
    accepted: Option<u64>,
    events: &[ThreadRecord],
) -> Result<(), BundleFault> {
    let class = RetentionClass::of(header.status, &header.handling);
    let first = header.expires.map(|expires| Bucket::of(class, expires, expires));
    for event in events {
        let RecordKind::Erased(erased) = &event.entry.record.kind else {
            continue;
        };
        let wrong = |why: &str| Err(BundleFault::new(format!("{}.record", event.entry.part), why));
        if erased.bucket.class() != class {
            return wrong("it erases by the rule of another class than the warning's");
        }
        if first.is_none_or(|first| erased.bucket.day() < first.day()) {
            return wrong("it erases what had not expired");
        }
        let thread = || events.iter().filter(|it| it.thread == event.thread);
        let begins = thread().map(|it| it.entry.index).next().unwrap_or_default();
        let is_the_body = match accepted {
            Some(accepted) => erased.index == accepted,
            None => erased.index < begins,
        };
        let mut answers = thread().filter(|it| it.said.is_some()).map(|it| it.entry.index);
        if !is_the_body && !answers.any(|index| index == erased.index) {
            return wrong("it erases what was not said in this thread");
        }
    }
    Ok(())
}
