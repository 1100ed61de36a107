//! The relay's word that it has erased, as far as a bundle can hold it to what the originator signed: the class, the day, and
//! that what is gone was said there. That the rule was due, and that no hold was broken, the ledger's own rules say.

use std::collections::BTreeSet;

use super::super::bundle::BundleFault;
use super::history::ThreadRecord;
use crate::domain::{Bucket, RecordKind, RetentionClass, Warning};
use crate::time::Timestamp;

/// Checks each `ERASED` of a bundle; `accepted`: where the acceptance stands, if it is shown.
pub(super) fn check(
    header: &Warning,
    accepted: Option<u64>,
    events: &[ThreadRecord],
) -> Result<(), BundleFault> {
    let class = RetentionClass::of(header.status, &header.handling);
    // A warning that never expires was accepted by nobody.
    let expires = header.expires.unwrap_or(Timestamp::from_unix_ms(i64::MAX));
    let mut gone = BTreeSet::new();
    for event in events {
        let RecordKind::Erased(erased) = &event.entry.record.kind else {
            continue;
        };
        let wrong = |why: &str| Err(BundleFault::new(format!("{}.record", event.entry.part), why));
        let thread = || events.iter().filter(|it| it.thread == event.thread);
        let begins = thread().map(|it| it.entry.index).next().unwrap_or_default();
        let is_the_body = match accepted {
            Some(accepted) => erased.index == accepted,
            None => erased.index < begins,
        };
        let has_text = |it: &&ThreadRecord| it.said.as_ref().is_some_and(|(said, _)| said.text.is_some());
        let answer = thread()
            .filter(has_text)
            .find(|it| it.entry.index == erased.index);
        let said = match (is_the_body, answer) {
            (true, _) => expires,
            (false, Some(answer)) => answer.entry.record.time,
            (false, None) => return wrong("it erases what was not said in this thread"),
        };
        if erased.bucket.class() != class {
            return wrong("it erases by the rule of another class than the warning's");
        }
        if erased.bucket != Bucket::of(class, expires, said) {
            return wrong(
                "it erases by the rule of another day than that of the expiry, or of what was said after it",
            );
        }
        if !gone.insert((event.thread, erased.index)) {
            return wrong("it erases what was erased before");
        }
    }
    Ok(())
}
