//! An auditor's holds: `wardline audit hold` keeps what rules of retention would erase, until a time, for a reason that everybody
//! who is enrolled can read; `wardline audit holds` lists those that have not ended.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::operator::RecordedObject;
use crate::cli::screen::one_line;
use crate::cli::{Context, Exit, Fault};
use crate::client::Client;
use crate::domain::AgencyId;
use crate::ledger::HoldEntry;
use crate::time::{Clock as _, SystemClock, Timestamp};

/// Keep what would be erased, until a time: warnings, or all of agencies that admit this auditor.
///
/// What the relay has erased already stays erased. A hold ends by itself; place another one to prolong it. It, its reason and the
/// digests of the warnings that it names are on the record, for everybody who is enrolled.
#[derive(Debug, Args)]
pub(crate) struct HoldCommand {
    /// Only these warnings: ids or digests, or the beginnings of them.
    #[arg(value_name = "ID")]
    warnings: Vec<String>,
    /// Only what these agencies sent or were sent; without any, all that admit this auditor.
    #[arg(long = "agency", value_name = "AGENCY")]
    agencies: Vec<AgencyId>,
    /// Until when: a date (2027-03-01, its beginning in UTC), or a time as RFC 3339 has it.
    #[arg(long, value_name = "DATE", value_parser = until)]
    until: Timestamp,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The office that decides.
    #[arg(long, default_value = "", value_name = "ROLE")]
    by: String,
}

fn until(text: &str) -> Result<Timestamp, String> {
    let beginning = format!("{text}T00:00:00Z");
    Timestamp::parse_rfc3339(text)
        .or_else(|_| Timestamp::parse_rfc3339(&beginning))
        .map_err(|error| format!("{error}, nor a date"))
}

/// Places a hold.
pub(super) async fn hold(command: HoldCommand, client: &Client, context: &Context) -> Result<Exit, Fault> {
    let mut warnings = Vec::new();
    for id in &command.warnings {
        let name = client.named(id).await?.name;
        warnings.push(client.warning(name).await?.digest);
    }
    let HoldCommand {
        agencies,
        until,
        reason,
        by,
        ..
    } = command;
    let recorded = client.place_hold(until, &reason, warnings, agencies, &by).await?;
    let object = RecordedObject::of(&recorded);
    context.emit(&object, object.text())?;
    Ok(Exit::Done)
}

/// Lists the holds that have not ended.
pub(super) async fn holds(client: &Client, context: &Context) -> Result<Exit, Fault> {
    client.follow_directory().await?;
    let known = client.known_directory().await;
    let holds: Vec<&HoldEntry> = known.directory().holds_at(SystemClock.now()).collect();
    for hold in &holds {
        context.emit(&object(hold), line(hold))?;
    }
    if holds.is_empty() && !context.json {
        println!("No hold is in force.");
    }
    Ok(Exit::Done)
}

fn object(hold: &HoldEntry) -> Value {
    json!({
        "index": hold.index,
        "auditor": hold.auditor.as_str(),
        "until": hold.until.to_string(),
        "reason": hold.reason,
        "warnings": hold.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "agencies": hold.agencies.iter().map(|agency| agency.as_str()).collect::<Vec<_>>(),
    })
}

fn line(hold: &HoldEntry) -> String {
    let agencies: Vec<&str> = hold.agencies.iter().map(|agency| agency.as_str()).collect();
    let what = match hold.warnings.len() {
        0 => "all".to_owned(),
        1 => "one warning".to_owned(),
        several => format!("{several} warnings"),
    };
    format!(
        "record {}: {} holds {what} of {} until {}: {}",
        hold.index,
        hold.auditor,
        agencies.join(", "),
        hold.until,
        one_line(&hold.reason)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A date is its beginning in UTC, a time is itself, and nothing else is either.
    #[test]
    fn a_hold_ends_at_a_date_or_a_time() {
        for (text, expected) in [
            ("2027-03-01", "2027-03-01T00:00:00.000Z"),
            ("2027-03-01T12:00:00+03:00", "2027-03-01T09:00:00.000Z"),
        ] {
            assert_eq!(until(text).unwrap().to_string(), expected);
        }
        for text in ["", "tomorrow", "2027-13-01", "1.3.2027"] {
            until(text).unwrap_err();
        }
    }
}
