//! Whether the verified replay holds what the story was to reach: every step of every recipient, the crash, the silence,
//! every receipt that a party got while it happened, and witnesses for the evidence.

use std::collections::BTreeSet;

use super::stage::Audited;
use super::story::{AWAY, STORIES};
use crate::audit::{WarningTimeline, What};
use crate::cli::{Exit, Fault};
use crate::domain::{AcknowledgementKind, DeskAddress, Digest, Step};

/// A receipt that a party got, and verified: this signed thing stands at this index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// Where.
    pub(super) index: u64,
    /// Of what was signed.
    pub(super) digest: Digest,
}

/// What the replay lacks.
pub(super) struct Found {
    /// Sentences; none: all is there.
    pub(super) missing: Vec<String>,
    /// Receipts that the log does not keep.
    pub(super) broken_receipts: usize,
}

impl Found {
    /// 0, or 5 where the log does not keep what it gave receipts for, or 3 where something was not reached.
    pub(super) fn exit(&self) -> Result<Exit, Fault> {
        if self.broken_receipts > 0 {
            let sentence = format!("{} receipts are not kept by the log", self.broken_receipts);
            return Err(Fault::new(Exit::VerificationFailed, sentence));
        }
        if self.missing.is_empty() {
            return Ok(Exit::Done);
        }
        Err(Fault::new(
            Exit::Retry,
            format!("not everything was reached: {}", self.missing.join("; ")),
        ))
    }
}

/// Compares the story with what was replayed.
pub(super) fn check(audited: &Audited) -> Found {
    let mut missing = Vec::new();
    let timeline = &audited.timeline;
    if timeline.out_of_scope > 0 {
        missing.push(format!(
            "{} records were not shown to the auditor",
            timeline.out_of_scope
        ));
    }
    if timeline.starts.len() != 2 {
        missing.push(format!(
            "the relay started {} times, not 2",
            timeline.starts.len()
        ));
    }
    if !audited.evidence.is_witnessed() {
        missing.push("not enough witnesses have cosigned all that the evidence shows".to_owned());
    }
    for story in &STORIES {
        let of_story = |warning: &&WarningTimeline| audited.files.get(&warning.digest) == Some(&story.file);
        let Some(warning) = timeline.warnings.iter().find(of_story) else {
            missing.push(format!("{} is not in the log", story.file));
            continue;
        };
        let spoken: BTreeSet<&str> = story.says.iter().map(|says| says.desk).collect();
        for (desk, recipient) in &warning.recipients {
            let name = desk.to_string();
            let (there, expected) = (said(warning, desk), story.expected(&name));
            if there != expected {
                missing.push(format!(
                    "{}: {name} signed {there:?}, not {expected:?}",
                    story.file
                ));
            }
            // The relay claims a handover for all who came, and none for who did not.
            if (name == AWAY) != (recipient.step == Step::Routed) {
                missing.push(format!("{}: {name} is at {}", story.file, recipient.step));
            }
        }
        let recipients: BTreeSet<String> = warning.recipients.keys().map(ToString::to_string).collect();
        if let Some(desk) = spoken.iter().find(|desk| !recipients.contains(**desk)) {
            missing.push(format!("{}: {desk} was not told", story.file));
        }
    }
    Found {
        missing,
        broken_receipts: audited.not_found.len(),
    }
}

/// What a desk signed, in the order of the log.
fn said(warning: &WarningTimeline, desk: &DeskAddress) -> Vec<AcknowledgementKind> {
    let of_desk = warning
        .events
        .iter()
        .filter(|event| event.desk.as_ref() == Some(desk));
    of_desk
        .filter_map(|event| match &event.what {
            What::Acknowledged(answer) => Some(answer.kind),
            What::Accepted | What::Routed | What::HandedOver { .. } | What::Erased(_) => None,
        })
        .collect()
}
