//! What stands in a witness's files: whose it is, and what it cosigned last of a log. Neither can be cut off, and no byte
//! of a cosigned note changed, without being refused when it is read.

use std::collections::BTreeSet;

use crate::limits::WITNESS_LOGS_MAX;
use crate::transparency::{CosignedCheckpoint, LogVerifier, Policy, WitnessVerifier};

const CONF_FIRST_LINE: &str = "wardline-witness/v1";
const STATE_FIRST_LINE: &str = "wardline-witness-log/v1";

/// What is kept of a log.
pub(super) fn state_bytes(log: &LogVerifier, note: Option<&str>) -> Vec<u8> {
    let head = format!("{STATE_FIRST_LINE}\nlog {log}\n");
    match note {
        // A cut note cannot be taken for `none`.
        Some(note) => format!("{head}note\n{note}"),
        None => format!("{head}none\n"),
    }
    .into_bytes()
}

/// What takes the place of a log's state when the witness was shown its own later word: no state, but for a person what it
/// held, and what it was shown.
pub(super) fn lost_bytes(log: &LogVerifier, held: Option<&str>, shown: &str) -> Vec<u8> {
    let held = held.map_or_else(|| "none\n".to_owned(), |held| format!("note\n{held}"));
    format!("{STATE_FIRST_LINE}\nlog {log}\nlost\n{held}\nshown\n{shown}").into_bytes()
}

/// What a state file says.
pub(super) enum Stored {
    /// What was cosigned last; `None`: nothing ever.
    Last(Option<CosignedCheckpoint>),
    /// That this is not known any more; but this was, at least: the larger of what it held and what it was shown.
    Lost(Option<CosignedCheckpoint>),
}

pub(super) fn parse_state(bytes: &[u8], witness: &WitnessVerifier, log: &LogVerifier) -> Option<Stored> {
    let text = std::str::from_utf8(bytes).ok()?;
    let rest = text.strip_prefix(&format!("{STATE_FIRST_LINE}\nlog {log}\n"))?;
    if rest == "none\n" {
        return Some(Stored::Last(None));
    }
    let policy = Policy::of_one(log.clone(), witness.clone());
    let cosigned = |note: &str| policy.open(note).ok().filter(CosignedCheckpoint::has_quorum);
    if let Some(lost) = rest.strip_prefix("lost\n") {
        return Some(Stored::Lost(newest_of(lost, cosigned)));
    }
    let held = cosigned(rest.strip_prefix("note\n")?)?;
    Some(Stored::Last(Some(held)))
}

/// The larger of the two notes of a lost state; what is damaged is passed over, and the state is lost all the same.
fn newest_of(
    lost: &str,
    cosigned: impl Fn(&str) -> Option<CosignedCheckpoint>,
) -> Option<CosignedCheckpoint> {
    // No note holds this: after its empty line there are signatures only.
    let (held, shown) = lost.split_once("\n\nshown\n")?;
    let held = held
        .strip_prefix("note\n")
        .and_then(|held| cosigned(&format!("{held}\n")));
    [held, cosigned(shown)]
        .into_iter()
        .flatten()
        .max_by_key(|known| known.checkpoint().size)
}

/// The witness's verifier key and the logs'.
pub(super) struct Conf {
    pub(super) verifier: WitnessVerifier,
    pub(super) logs: Vec<LogVerifier>,
}

impl Conf {
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{CONF_FIRST_LINE}\nwitness {}\n", self.verifier);
        for log in &self.logs {
            text.push_str(&format!("log {log}\n"));
        }
        // A file that was cut off must not mean a witness of fewer logs.
        text.push_str("end\n");
        text
    }

    /// An error is the number of the line.
    pub(super) fn parse(text: &str) -> Result<Self, usize> {
        let end = text.lines().count();
        let text = text.strip_suffix("\nend\n").ok_or(end)?;
        let mut lines = (1usize..).zip(text.split('\n'));
        lines
            .next()
            .filter(|(_, line)| *line == CONF_FIRST_LINE)
            .ok_or(1usize)?;
        let verifier = lines
            .next()
            .and_then(|(_, line)| line.strip_prefix("witness ")?.parse().ok())
            .ok_or(2usize)?;
        let mut logs = Vec::new();
        for (number, line) in lines {
            let log = line.strip_prefix("log ").and_then(|vkey| vkey.parse().ok());
            logs.push(log.ok_or(number)?);
            if repeated(&logs).is_some() || logs.len() > WITNESS_LOGS_MAX {
                return Err(number);
            }
        }
        Ok(Self { verifier, logs })
    }
}

/// The first log whose origin stands before it already: an origin has one key.
pub(super) fn repeated(logs: &[LogVerifier]) -> Option<&LogVerifier> {
    let mut seen = BTreeSet::new();
    logs.iter().find(|log| !seen.insert(log.origin()))
}
