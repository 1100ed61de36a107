//! The relay's statement that it has erased what was said: never before the rule that it names is due, and not what an
//! auditor holds.

use super::{Context, Stop, refuse};
use crate::domain::{RecordKind, ThreadLink};
use crate::error::ErrorCode;
use crate::ledger::command::{Decision, Erasure};
use crate::ledger::holds;

pub(super) fn record(context: &mut Context<'_>, erasure: Erasure) -> Result<Decision, Stop> {
    let Erasure {
        thread: key,
        erased,
        looked,
        begun,
    } = erasure;
    let Some(thread) = context.facts.thread(&key)? else {
        return refuse(
            ErrorCode::NotFound,
            format!("no such warning was routed to {}", key.desk),
        );
    };
    if context.time < erased.bucket.due(erased.days) {
        return refuse(
            ErrorCode::NotYours,
            format!("{} is not due to be erased", erased.bucket),
        );
    }
    let retry = |sentence: String| refuse(ErrorCode::Unavailable, sentence);
    // What is destroyed is told, whatever holds came since: the log says what is so.
    if !begun {
        if looked != context.directory.position() {
            return retry("a hold may have come since the bucket was looked at".to_owned());
        }
        if let Some(hold) = holds::held(context.directory, context.facts, &key, context.time)? {
            return retry(format!("record {} holds it", hold.index));
        }
    }
    let link = ThreadLink {
        warning: key.warning,
        desk: key.desk,
        seq: thread.seq.saturating_add(1),
        prev: Some(thread.prev),
    };
    let record = context.new_record(Some(link), None, RecordKind::Erased(erased), Vec::new())?;
    Ok(Decision::Append {
        records: vec![record],
        digest: None,
    })
}
