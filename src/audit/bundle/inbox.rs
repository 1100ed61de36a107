//! What a bundle that verifies says was routed to a desk, held against the desk's own inbox: so that a warning which the relay
//! recorded and never showed to its recipient is found as soon as the recipient is given somebody else's evidence, though it
//! was told no inbox number. Nobody is asked: the findings are checked already, and the profile is its owner's.

use serde_json::{Value, json};

use super::super::check::{Deed, Findings};
use crate::client::Inbox;
use crate::domain::DeskAddress;
use crate::files::FileError;

/// What became of a warning that was routed to a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldToInbox {
    /// The desk.
    pub desk: DeskAddress,
    /// The index of its `ROUTED` record.
    pub routed: u64,
    /// The records by which the relay claims that it handed it over.
    pub handed_over: Vec<u64>,
    /// Whether it came.
    pub came: Came,
}

/// Whether a warning came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It is in this inbox.
    Here,
    /// The desk has acknowledged it on another machine, by this record first.
    Elsewhere(u64),
    /// Neither.
    Never,
}

/// Holds a bundle against the inbox of a desk; `None`: it shows no thread of that desk.
pub fn hold_to_inbox(
    findings: &Findings,
    inbox: &Inbox,
    desk: &DeskAddress,
) -> Result<Option<HeldToInbox>, FileError> {
    let of_desk = || findings.acts.iter().filter(|act| act.desk.as_ref() == Some(desk));
    let routed = of_desk().find(|act| act.what == Deed::Routed);
    let Some(routed) = routed.map(|act| act.index) else {
        return Ok(None);
    };
    let handed_over = of_desk().filter(|act| matches!(act.what, Deed::HandedOver { .. }));
    let said = of_desk().find(|act| matches!(act.what, Deed::Said(_)));
    let digest = findings.warning.digest;
    let is_here = inbox
        .list()?
        .into_keys()
        .any(|name| name.digest == digest && name.desk == *desk);
    Ok(Some(HeldToInbox {
        desk: desk.clone(),
        routed,
        handed_over: handed_over.map(|act| act.index).collect(),
        came: match said {
            _ if is_here => Came::Here,
            Some(act) => Came::Elsewhere(act.index),
            None => Came::Never,
        },
    }))
}

impl HeldToInbox {
    /// In words.
    pub fn sentence(&self) -> String {
        let Self { desk, routed, .. } = self;
        let came = match self.came {
            Came::Here => "it came, and is in this inbox".to_owned(),
            Came::Elsewhere(record) => {
                format!(
                    "it never came to this profile, and another machine of the desk has acknowledged it: record {record}"
                )
            }
            Came::Never => {
                "it never came to this profile, and nobody at the desk has acknowledged it".to_owned()
            }
        };
        let claims = match (self.came, self.handed_over.as_slice()) {
            (Came::Here | Came::Elsewhere(_), _) => "",
            (Came::Never, []) => " The relay does not claim that it handed it over.",
            (Came::Never, _) => " The relay claims all the same that it handed it over:",
        };
        let records: Vec<String> = self.handed_over.iter().map(u64::to_string).collect();
        let records = match (self.came, records.is_empty()) {
            (Came::Never, false) => format!(" record {}.", records.join(", ")),
            (Came::Never, true) | (Came::Here | Came::Elsewhere(_), _) => String::new(),
        };
        format!("The warning was routed to {desk}, record {routed}: {came}.{claims}{records}")
    }

    /// As data.
    pub fn to_json(&self) -> Value {
        let (came, acknowledged) = match self.came {
            Came::Here => ("HERE", None),
            Came::Elsewhere(record) => ("ELSEWHERE", Some(record)),
            Came::Never => ("NEVER", None),
        };
        json!({
            "desk": self.desk.to_string(),
            "routed_index": self.routed,
            "handed_over_indexes": self.handed_over,
            "came": came,
            "acknowledged_index": acknowledged,
        })
    }
}
