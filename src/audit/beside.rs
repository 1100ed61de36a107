//! What lies beside a record: a body, a text, an opened inbox number. Each is checked against what was signed or
//! committed to, and may be absent; that is counted, not blamed, because a body can be erased and every proof still
//! verifies.

use std::sync::Arc;

use super::fault::Wrong;
use crate::domain::{
    Acknowledgement, Body, DetachedPart, Form, InboxOpening, PartReference, RecordKind, ReplayedRecord,
    Routed, Text, Warning,
};
use crate::error::Refused;
use crate::ledger::Prepared;
use crate::seal::{body_digest, inbox_commitment, text_digest};
use crate::wire::{self, Recorded};

/// What was signed in a record of the exchange, and what lies beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Beside {
    /// Not a record that anything lies beside.
    Nothing,
    /// A warning, and its body if it was shown and is in clear.
    Warning {
        header: Arc<Warning>,
        shown: bool,
        body: Option<Box<Body>>,
    },
    /// An acknowledgement, and its text if it was shown and is in clear.
    Acknowledgement {
        said: Arc<Acknowledgement>,
        shown: bool,
        text: Option<Text>,
    },
}

impl Beside {
    /// A body or text was signed, and is not shown.
    pub(super) fn is_absent(&self) -> bool {
        match self {
            Self::Warning { shown, .. } => !shown,
            Self::Acknowledgement { said, shown, .. } => said.text.is_some() && !shown,
            Self::Nothing => false,
        }
    }

    /// Without what only a timeline tells.
    pub(super) fn without_content(self) -> Self {
        match self {
            Self::Warning { header, shown, .. } => Self::Warning {
                header,
                shown,
                body: None,
            },
            Self::Acknowledgement { said, shown, .. } => Self::Acknowledgement {
                said,
                shown,
                text: None,
            },
            Self::Nothing => Self::Nothing,
        }
    }
}

/// Checks what lies beside a record whose signatures were verified.
pub(super) fn check(prepared: &Prepared, shown: &ReplayedRecord) -> Result<Beside, Wrong> {
    let record = prepared.record();
    if shown.inbox.is_some() && !matches!(record.kind, RecordKind::Routed(_)) {
        return Err(part("inbox number", "belongs beside a ROUTED record only"));
    }
    match &record.kind {
        RecordKind::Accepted(accepted) => {
            let header = match prepared.warning() {
                Some(header) => Arc::clone(header),
                None => Arc::new(wire::warning(&Recorded(&accepted.warning)).map_err(invalid)?),
            };
            let body = body_of(&header, shown.part.as_ref())?;
            Ok(Beside::Warning {
                header,
                shown: shown.part.is_some(),
                body: body.map(Box::new),
            })
        }
        RecordKind::Acknowledged(envelope) => {
            let said = match prepared.acknowledgement() {
                Some(said) => Arc::clone(said),
                None => Arc::new(wire::acknowledgement(&Recorded(envelope)).map_err(invalid)?),
            };
            let text = match (&said.text, &shown.part) {
                (_, None) => None,
                (None, Some(_)) => return Err(part("text", "was never signed")),
                (Some(reference), Some(text)) => matching("text", reference, text, text_digest, wire::text)?,
            };
            Ok(Beside::Acknowledgement {
                said,
                shown: shown.part.is_some(),
                text,
            })
        }
        RecordKind::Genesis(_)
        | RecordKind::RelayStarted(_)
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
        | RecordKind::Rejected(_)
        | RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Erased(_)
        | RecordKind::Unknown => match shown.part {
            None => Ok(Beside::Nothing),
            Some(_) => Err(part(
                "part",
                "belongs beside a warning or an acknowledgement only",
            )),
        },
    }
}

/// The body of a warning that was verified, if it was shown and is in clear.
pub(super) fn body_of(header: &Warning, shown: Option<&DetachedPart>) -> Result<Option<Body>, Wrong> {
    match shown {
        Some(body) => matching("body", &header.body, body, body_digest, wire::body),
        None => Ok(None),
    }
}

/// The opened inbox number is the one committed to.
pub(super) fn check_inbox(routed: &Routed, opening: &InboxOpening) -> Result<(), Wrong> {
    let desk = routed.desk.to_string();
    if inbox_commitment(&opening.salt, opening.number, &desk) == routed.inbox_commitment {
        return Ok(());
    }
    Err(Wrong::Inbox {
        desk: routed.desk.clone(),
        what: "is not the one that its ROUTED record commits to",
    })
}

/// The bytes are those that were signed; parsed, if they are in clear.
fn matching<T>(
    name: &'static str,
    reference: &PartReference,
    shown: &DetachedPart,
    digest: fn(&[u8; 32], &[u8]) -> [u8; 32],
    parse: fn(&[u8]) -> Result<T, Refused>,
) -> Result<Option<T>, Wrong> {
    if u32::try_from(shown.content.len()) != Ok(reference.length) {
        let sentence = format!(
            "has {} bytes, signed are {}",
            shown.content.len(),
            reference.length
        );
        return Err(part(name, sentence));
    }
    if digest(&shown.salt, &shown.content) != reference.digest {
        return Err(part(name, "does not match the digest that was signed"));
    }
    match reference.form {
        Form::Sealed => Ok(None),
        Form::Clear => match parse(&shown.content) {
            Ok(content) => Ok(Some(content)),
            Err(refused) => Err(part(name, format!("should never have been accepted: {refused}"))),
        },
    }
}

fn invalid(refused: Refused) -> Wrong {
    Wrong::Invalid(refused.to_string())
}

fn part(part: &'static str, what: impl Into<String>) -> Wrong {
    Wrong::Part {
        part,
        what: what.into(),
    }
}
