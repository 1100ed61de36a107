//! The relay's own statement that it wrote a warning to a session: bounded, and none once stronger evidence stands.

use super::{Context, Stop, refuse};
use crate::domain::{HandedOver, RecordKind, Step, ThreadLink};
use crate::error::ErrorCode;
use crate::ledger::command::{Decision, HandOver};
use crate::ledger::rules;
use crate::limits;

pub(super) fn record(context: &mut Context<'_>, handover: HandOver) -> Result<Decision, Stop> {
    let HandOver {
        thread: key,
        session_id,
        tls_keyid,
        unrecorded,
    } = handover;
    let Some(thread) = context.facts.thread(&key)? else {
        return refuse(
            ErrorCode::NotFound,
            format!("no such warning was routed to {}", key.desk),
        );
    };
    rules::tls_key_of(context.directory, context.index, &tls_keyid, key.desk.agency())?;
    if thread.step >= Step::Received {
        // The desk itself has said that it has it: the relay's word adds nothing.
        return Err(Stop::Unrecorded);
    }
    if thread.handovers.in_hour_of(context.time) >= limits::HANDOVER_RECORDS_PER_HOUR_MAX {
        return Err(Stop::Unrecorded);
    }
    let link = ThreadLink {
        warning: key.warning,
        desk: key.desk,
        seq: thread.seq.saturating_add(1),
        prev: Some(thread.prev),
    };
    let kind = RecordKind::HandedOver(HandedOver {
        session_id,
        tls_keyid,
        unrecorded,
    });
    let record = context.new_record(Some(link), None, kind, Vec::new())?;
    Ok(Decision::Append {
        records: vec![record],
        digest: None,
    })
}
