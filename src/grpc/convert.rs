//! The engine's answers as messages, and requests' names and queries as what the engine takes. What belongs to the
//! domain (envelopes, parts, receipts) is converted by `wire`.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::Receipt;
use crate::error::{ErrorCode, Refused};
use crate::relay::{Direction, Ending, Evidence, ListQuery, Proven, WarningView, WatchEvent};
use crate::wire::{self, v1};

/// A signed note as bytes.
pub(super) fn note(checkpoint: &Arc<str>) -> Bytes {
    Bytes::copy_from_slice(checkpoint.as_bytes())
}

fn receipts(receipts: &[Receipt]) -> Vec<v1::Receipt> {
    receipts.iter().map(v1::Receipt::from).collect()
}

/// What is listed.
pub(super) fn list_query(request: v1::ListWarningsRequest) -> Result<ListQuery, Refused> {
    let direction = match v1::Direction::try_from(request.direction) {
        Ok(v1::Direction::Unspecified) => None,
        Ok(v1::Direction::In) => Some(Direction::In),
        Ok(v1::Direction::Out) => Some(Direction::Out),
        Err(_) => {
            let sentence = format!("no direction has the number {}", request.direction);
            return Err(Refused::new(ErrorCode::InvalidValue, sentence).about("direction"));
        }
    };
    Ok(ListQuery {
        direction,
        open_only: request.open_only,
        desk: wire::optional_name(&request.desk, "desk")?,
        page_size: request.page_size,
        page_token: request.page_token,
    })
}

/// An accepted warning; on a stream the checkpoint goes before it.
pub(super) fn submitted(proven: &Proven, with_checkpoint: bool) -> v1::SubmitResponse {
    v1::SubmitResponse {
        digest: Bytes::copy_from_slice(proven.digest.as_bytes()),
        accepted: Some(match with_checkpoint {
            true => wire::proven(&proven.receipt, &proven.checkpoint),
            false => (&proven.receipt).into(),
        }),
        routed: receipts(&proven.more),
        repeated: proven.repeated,
    }
}

/// A recorded acknowledgement.
pub(super) fn acknowledged(proven: &Proven) -> v1::AcknowledgeResponse {
    v1::AcknowledgeResponse {
        digest: Bytes::copy_from_slice(proven.digest.as_bytes()),
        receipt: Some(wire::proven(&proven.receipt, &proven.checkpoint)),
        repeated: proven.repeated,
    }
}

/// One warning with its threads.
pub(super) fn warning_view(view: &WarningView) -> v1::GetWarningResponse {
    v1::GetWarningResponse {
        checkpoint: note(&view.checkpoint),
        envelope: view.envelope.as_ref().map(v1::Envelope::from),
        body: view.body.as_ref().map(v1::Part::from),
        accepted: view.accepted.as_ref().map(v1::Receipt::from),
        threads: view.threads.iter().map(v1::Thread::from).collect(),
        next_page_token: view.next_page_token.clone(),
        wraps: view.wraps.iter().map(v1::Wrap::from).collect(),
    }
}

/// The threads of one warning with the directory's chain.
pub(super) fn evidence(evidence: &Evidence) -> v1::GetEvidenceResponse {
    v1::GetEvidenceResponse {
        warning: Some(warning_view(&evidence.warning)),
        directory: receipts(&evidence.directory),
        next_page_token: evidence.next_page_token.clone(),
    }
}

/// Why a stream ends.
pub(super) fn ending(ending: Ending) -> v1::SessionEnding {
    v1::SessionEnding {
        code: ending.code.number(),
        sentence: ending.sentence,
    }
}

/// What a watch tells.
pub(super) fn watched(event: WatchEvent) -> v1::WatchWarningResponse {
    use v1::watch_warning_response::Kind;
    let kind = match event {
        WatchEvent::Record(record) => Kind::Record(v1::WatchedRecord {
            desk: record.desk.to_string(),
            step: record.step.number(),
            receipt: Some(wire::proven(&record.receipt, &record.checkpoint)),
            text: record.text.as_ref().map(v1::Part::from),
        }),
        WatchEvent::CaughtUp => Kind::CaughtUp(v1::WatchCaughtUp {}),
        WatchEvent::Ending(reason) => Kind::Ending(ending(reason)),
    };
    v1::WatchWarningResponse { kind: Some(kind) }
}
