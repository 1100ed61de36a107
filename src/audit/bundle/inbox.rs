//! What a bundle that verifies says was routed to a desk, held against the desk's own inbox: so that a warning which the relay
//! recorded and never showed to its recipient is found as soon as the recipient is given somebody else's evidence, though it
//! was told no inbox number. Nobody is asked: the findings are checked already, and the profile is its owner's.

use serde_json::{Value, json};

use super::super::check::{Deed, Findings, Standing};
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
    /// The desk has acknowledged it on another machine: by this record first, or as this profile has been proven before.
    Elsewhere(Option<u64>),
    /// A key that the policy does not lead to says, in this record, that the desk received it.
    Claimed(u64),
    /// It did not come, and this profile has verified only so many records of the log, which do not hold the `ROUTED` record.
    NotYet(u64),
    /// None of these.
    Never,
}

/// Holds a bundle against the inbox of a desk, whose profile has verified the first `verified` records of the log; `None`: it
/// shows no thread of that desk.
pub fn hold_to_inbox(
    findings: &Findings,
    inbox: &Inbox,
    desk: &DeskAddress,
    verified: u64,
) -> Result<Option<HeldToInbox>, FileError> {
    let of_desk = || findings.acts.iter().filter(|act| act.desk.as_ref() == Some(desk));
    let routed = of_desk().find(|act| act.what == Deed::Routed);
    let Some(routed) = routed.map(|act| act.index) else {
        return Ok(None);
    };
    let handed_over = of_desk().filter(|act| matches!(act.what, Deed::HandedOver { .. }));
    let said = || of_desk().filter(|act| matches!(act.what, Deed::Said(_)));
    let proven = said().find(|act| act.standing == Standing::Proven);
    let digest = findings.warning.digest;
    let is_here = inbox
        .list()?
        .into_keys()
        .any(|name| name.digest == digest && name.desk == *desk);
    let came = match (proven, said().next()) {
        _ if is_here => Came::Here,
        (Some(act), _) => Came::Elsewhere(Some(act.index)),
        _ if inbox.elsewhere(desk)?.contains_key(&digest) => Came::Elsewhere(None),
        (None, Some(act)) => Came::Claimed(act.index),
        _ if verified <= routed => Came::NotYet(verified),
        (None, None) => Came::Never,
    };
    Ok(Some(HeldToInbox {
        desk: desk.clone(),
        routed,
        handed_over: handed_over.map(|act| act.index).collect(),
        came,
    }))
}

impl HeldToInbox {
    /// In words.
    pub fn sentence(&self) -> String {
        let Self { desk, routed, .. } = self;
        let came = match self.came {
            Came::Here => "it came, and is in this inbox".to_owned(),
            Came::Elsewhere(Some(record)) => {
                format!(
                    "it never came to this profile, and another machine of the desk has acknowledged it: record {record}"
                )
            }
            Came::Elsewhere(None) => {
                "it never came to this profile, and another machine of the desk has acknowledged it: this file does not show that, and the \
                 relay has proven it to this profile before"
                    .to_owned()
            }
            Came::Claimed(record) => {
                format!(
                    "it never came to this profile, and a key that your policy does not lead to says that you received it: record {record}"
                )
            }
            Came::NotYet(verified) => {
                format!(
                    "it has not come to this profile, which has verified only the first {verified} records of the log and has not heard of that one"
                )
            }
            Came::Never => {
                "it never came to this profile, and this file shows no acknowledgement of the desk".to_owned()
            }
        };
        let records: Vec<String> = self.handed_over.iter().map(u64::to_string).collect();
        let claims = match (self.came, records.is_empty()) {
            (Came::Here | Came::Elsewhere(_), _) => String::new(),
            (Came::Claimed(_) | Came::NotYet(_) | Came::Never, true) => {
                " The relay does not claim that it handed it over.".to_owned()
            }
            (Came::Claimed(_) | Came::NotYet(_) | Came::Never, false) => format!(
                " The relay claims all the same that it handed it over: record {}.",
                records.join(", ")
            ),
        };
        format!("The warning was routed to {desk}, record {routed}: {came}.{claims}")
    }

    /// As data.
    pub fn to_json(&self) -> Value {
        let (came, acknowledged) = match self.came {
            Came::Here => ("HERE", None),
            Came::Elsewhere(record) => ("ELSEWHERE", record),
            Came::Claimed(record) => ("CLAIMED", Some(record)),
            Came::NotYet(_) => ("NOT_YET", None),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::super::check::check;
    use super::super::super::check::stage::{bundle, policy, story, trusted};
    use super::super::super::trusted::Trusted;
    use super::*;
    use crate::client::ProfileDir;

    /// A table of what a bundle, a policy, a profile's log and its memory of other machines make of a warning that is not in
    /// the inbox: what only a key of no known agency says counts for nothing, what was proven before counts without the
    /// file, and a profile that has not heard of the record yet convicts nobody.
    #[test]
    fn what_is_not_here_is_somewhere_or_not_yet_or_never() {
        let story = story();
        let (desk, everything): (DeskAddress, _) = ("ru.ctc".parse().unwrap(), story.world.size());
        let no_roots = Trusted::new(policy(&story.world), None);
        let answered = story.bundle("us.ctc");
        let silent = bundle(&story.world, story.warning, "us.ctc", &story.notes[2], &[]);
        let routed = check(&silent, &no_roots).unwrap();
        let routed = routed
            .acts
            .iter()
            .find(|act| act.what == Deed::Routed)
            .unwrap()
            .index;
        for (made, trusts, known_elsewhere, verified, word) in [
            (&answered, &trusted(&story.world), false, 1, "ELSEWHERE"),
            (&answered, &no_roots, false, everything, "CLAIMED"),
            (&answered, &no_roots, true, everything, "ELSEWHERE"),
            (&silent, &no_roots, true, everything, "ELSEWHERE"),
            (&silent, &no_roots, false, routed, "NOT_YET"),
            (&silent, &no_roots, false, routed + 1, "NEVER"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let inbox = Inbox::of(&ProfileDir::new(directory.path()));
            if known_elsewhere {
                inbox.mark_elsewhere(&story.warning, &desk, routed).unwrap();
            }
            let findings = check(made, trusts).unwrap();
            let held = hold_to_inbox(&findings, &inbox, &desk, verified)
                .unwrap()
                .unwrap();
            assert_eq!(held.to_json()["came"], word, "{verified} {known_elsewhere}");
            let speaks = held.sentence().contains("it handed it over");
            assert_eq!(speaks, word != "ELSEWHERE", "{}", held.sentence());
        }
    }
}
