//! `wardline status` and `wardline list`: what became of a warning, proven record by record, and which warnings there are.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::screen::one_line;
use super::session::{open, table};
use super::shown::{body_json, unread};
use super::{Context, Exit, Fault};
use crate::client::{
    Answer, Client, ClientError, ListQuery, Note, ThreadEvent, ThreadFact, VerifiedThread, VerifiedWarning,
    Watched,
};
use crate::domain::{DeskAddress, Direction, Form, RecipientStep, WarningName, WarningSummary};
use crate::limits;

/// Show what became of a warning.
#[derive(Debug, Args)]
pub(crate) struct StatusCommand {
    /// The warning: its id or digest, or the beginning of one.
    #[arg(value_name = "ID")]
    id: String,
    /// Go on, and show each record as it comes.
    #[arg(long)]
    follow: bool,
}

/// List warnings, newest first. Not proven: status proves.
#[derive(Debug, Args)]
pub(crate) struct ListCommand {
    /// Only those that came to you.
    #[arg(long = "in", conflicts_with = "outgoing")]
    incoming: bool,
    /// Only those that you sent.
    #[arg(long = "out")]
    outgoing: bool,
    /// Only those that lack an answer.
    #[arg(long)]
    open: bool,
    /// Only those that came to this desk.
    #[arg(long)]
    desk: Option<DeskAddress>,
    /// Rows at the most.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
}

pub(crate) async fn status(command: StatusCommand, context: &Context) -> Result<Exit, Fault> {
    let client = open(context)?;
    let name = client.named(&command.id).await?.name;
    let warning = client.warning(name).await?;
    if !command.follow {
        let text = warning_text(&warning);
        context.emit(&warning_json(&warning), text)?;
        return Ok(Exit::Done);
    }
    if !context.json {
        println!("{}", heading(&warning));
    }
    follow(&client, warning.digest, context).await
}

/// Each record as it comes, until interrupted.
async fn follow(client: &Client, digest: crate::domain::Digest, context: &Context) -> Result<Exit, Fault> {
    let mut watch = client.watch(WarningName::Digest(digest)).await?;
    loop {
        let watched = tokio::select! {
            watched = watch.next() => watched?,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        };
        match watched {
            Watched::Record { desk, step, event } => {
                let mut object = event_json(&event);
                if let Value::Object(fields) = &mut object {
                    fields.insert("warning_digest".to_owned(), json!(digest.to_string()));
                    fields.insert("desk".to_owned(), json!(desk.to_string()));
                    fields.insert("step".to_owned(), json!(step.word()));
                }
                context.emit(&object, format!("{desk}  {}", event_line(&event)))?;
            }
            Watched::CaughtUp => {
                let object = json!({ "event": "caught_up", "warning_digest": digest.to_string() });
                context.emit(&object, "-- this is all so far; what comes now is new --")?;
            }
        }
    }
}

fn heading(warning: &VerifiedWarning) -> String {
    let header = &warning.warning;
    let originator = header
        .common
        .named()
        .map_or_else(String::new, |signer| signer.principal.to_string());
    format!(
        "{} {} {} from {originator}, sent {}, expires {}\n  id      {}\n  digest  {}",
        header.status,
        header.precedence,
        header.warning_type,
        header.common.sent,
        header
            .expires
            .map_or_else(|| "-".to_owned(), |time| time.to_string()),
        header.common.id,
        warning.digest
    )
}

fn warning_text(warning: &VerifiedWarning) -> String {
    let mut text = heading(warning);
    if let Some(accepted) = &warning.accepted {
        let _ = write!(
            text,
            "\n  accepted at index {}, {} (by the relay's clock)",
            accepted.index(),
            accepted.record().time
        );
    }
    match (warning.content.why_not(), warning.content.body()) {
        (Some(why), _) => {
            let _ = write!(text, "\n  {why}");
        }
        (None, body) => {
            for block in body.iter().flat_map(|body| &body.blocks) {
                let _ = write!(text, "\n  {}: {}", block.language, one_line(&block.headline));
            }
        }
    }
    for thread in warning.threads.values() {
        let _ = write!(text, "\n{}: {}", thread.desk, thread_state(thread));
        for event in &thread.events {
            let _ = write!(text, "\n  {}", event_line(event));
        }
    }
    let _ = write!(
        text,
        "\nVerified against the log of {} records.",
        warning.checkpoint.size()
    );
    text
}

fn thread_state(thread: &VerifiedThread) -> String {
    match thread.answer {
        Some(answer) => format!("{} ({answer})", thread.step),
        None => thread.step.to_string(),
    }
}

fn event_line(event: &ThreadEvent) -> String {
    let what = match &event.what {
        ThreadFact::Routed { .. } => "ROUTED".to_owned(),
        ThreadFact::HandedOver { unrecorded: 0, .. } => "HANDED_OVER (the relay's word)".to_owned(),
        ThreadFact::HandedOver { unrecorded, .. } => {
            format!("HANDED_OVER (the relay's word; {unrecorded} more times before)")
        }
        ThreadFact::Acknowledged(answer) => answer_line(answer),
        ThreadFact::Erased(erased) => {
            format!("ERASED what record {} said: {}", erased.index, erased.rule())
        }
        ThreadFact::Unknown => "a record of a later version".to_owned(),
    };
    format!("{}  index {:>6}  {what}", event.time, event.index)
}

fn answer_line(answer: &Answer) -> String {
    let said = &answer.acknowledgement;
    let mut line = said.kind.to_string();
    let office = said.common.named().map_or("", |signer| signer.office.as_str());
    if !office.is_empty() {
        let _ = write!(line, " by {}", one_line(office));
    }
    if let Some(assessment) = said.assessment {
        let _ = write!(line, ", {assessment}");
    }
    if !said.missing.is_empty() {
        let missing: Vec<&str> = said.missing.iter().map(|it| it.word()).collect();
        let _ = write!(line, " (missing: {})", missing.join(", "));
    }
    if let Some(reason) = said.reason {
        let _ = write!(line, ", {reason}");
        if let Some(meaning) = reason.meaning() {
            let _ = write!(line, ": {meaning}");
        }
    }
    if let Some(until) = said.until {
        let _ = write!(line, ", until {until}");
    }
    if let Some(to) = &said.to {
        let _ = write!(line, ", try {to}");
    }
    if answer.predates_answer {
        line.push_str(" (signed before the answer above)");
    }
    match &answer.note {
        Note::Read(text) => {
            let _ = write!(line, ": {}", one_line(&text.text));
        }
        Note::Closed(_) => line.push_str(" (with a note, sealed to the sender of the warning)"),
        Note::Erased => line.push_str(" (with a note, which was erased)"),
        Note::Unreadable(why) => {
            let _ = write!(line, " (with a note that cannot be read: {why})");
        }
        Note::Absent => {}
    }
    line
}

/// A warning and its threads, as one object.
pub(super) fn warning_json(warning: &VerifiedWarning) -> Value {
    let header = &warning.warning;
    let threads: Vec<Value> = warning.threads.values().map(thread_json).collect();
    json!({
           "id": header.common.id.to_string(),
           "digest": warning.digest.to_string(),
           "originator": header.common.named().map(|signer| signer.principal.to_string()),
           "keyid": warning.keyid.to_string(),
           "key_confirmed": warning.key_confirmed,
           "status": header.status.word(),
           "type": header.warning_type.word(),
           "precedence": header.precedence.word(),
           "sent": header.common.sent.to_string(),
           "expires": header.expires.map(|time| time.to_string()),
           "accepted": warning.accepted.as_ref().map(|accepted| json!({
               "index": accepted.index(),
               "time": accepted.record().time.to_string(),
           })),
    "sealed": header.body.form == Form::Sealed,
           "body": warning.content.body().map(body_json),
           "unread": unread(&warning.content),
           "recipients": threads,
           "size": warning.checkpoint.size(),
       })
}

fn thread_json(thread: &VerifiedThread) -> Value {
    json!({
        "desk": thread.desk.to_string(),
        "step": thread.step.word(),
        "answer": thread.answer.map(|answer| answer.word()),
        "events": thread.events.iter().map(event_json).collect::<Vec<_>>(),
    })
}

fn event_json(event: &ThreadEvent) -> Value {
    let mut fields = BTreeMap::from([
        ("index", json!(event.index)),
        ("thread_seq", json!(event.seq)),
        ("time", json!(event.time.to_string())),
    ]);
    match &event.what {
        ThreadFact::Routed { .. } => {
            fields.insert("event", json!("routed"));
        }
        ThreadFact::HandedOver {
            tls_keyid,
            unrecorded,
        } => {
            fields.insert("event", json!("handed_over"));
            fields.insert("tls_keyid", json!(tls_keyid.to_string()));
            fields.insert("unrecorded", json!(unrecorded));
        }
        ThreadFact::Acknowledged(answer) => {
            let said = &answer.acknowledgement;
            let signer = said.common.named();
            fields.insert("event", json!("acknowledged"));
            fields.insert("kind", json!(said.kind.word()));
            fields.insert("digest", json!(answer.digest.to_string()));
            fields.insert("id", json!(said.common.id.to_string()));
            fields.insert("signed", json!(said.common.sent.to_string()));
            fields.insert("predates_answer", json!(answer.predates_answer));
            fields.insert("keyid", json!(answer.keyid.to_string()));
            fields.insert("by", json!(signer.map(|signer| signer.office.clone())));
            fields.insert("assessment", json!(said.assessment.map(|it| it.word())));
            fields.insert(
                "missing",
                json!(said.missing.iter().map(|it| it.word()).collect::<Vec<_>>()),
            );
            fields.insert("reason", json!(said.reason.map(|it| it.word())));
            fields.insert("until", json!(said.until.map(|time| time.to_string())));
            fields.insert("to", json!(said.to.as_ref().map(ToString::to_string)));
            fields.insert("note", json!(answer.note.text().map(|text| text.text.clone())));
            fields.insert("note_unread", json!(note_unread(&answer.note)));
        }
        ThreadFact::Erased(erased) => {
            fields.insert("event", json!("erased"));
            fields.insert("erased_record", json!(erased.index));
            fields.insert("retention_class", json!(erased.bucket.class().word()));
            fields.insert("rule", json!(erased.rule()));
        }
        ThreadFact::Unknown => {
            fields.insert("event", json!("unknown"));
        }
    }
    json!(fields)
}

/// Why a note is not shown: `erased`, `closed` (sealed to the sender of the warning), or `unreadable`.
fn note_unread(note: &Note) -> Option<&'static str> {
    match note {
        Note::Absent | Note::Read(_) => None,
        Note::Erased => Some("erased"),
        Note::Closed(_) => Some("closed"),
        Note::Unreadable(_) => Some("unreadable"),
    }
}

/// One row of a list.
#[derive(Debug, Serialize)]
pub(super) struct SummaryObject {
    id: String,
    digest: String,
    direction: &'static str,
    index: u64,
    originator: String,
    status: &'static str,
    #[serde(rename = "type")]
    warning_type: &'static str,
    precedence: &'static str,
    sent: String,
    expires: String,
    recipients: Vec<StepObject>,
}

#[derive(Debug, Serialize)]
struct StepObject {
    desk: String,
    step: &'static str,
    answer: Option<&'static str>,
}

impl SummaryObject {
    pub(super) fn of(row: &WarningSummary) -> Self {
        let step = |it: &RecipientStep| StepObject {
            desk: it.desk.to_string(),
            step: it.step.word(),
            answer: it.answer.map(|answer| answer.word()),
        };
        Self {
            id: row.id.to_string(),
            digest: row.digest.to_string(),
            direction: if row.outgoing { "out" } else { "in" },
            index: row.index,
            originator: row.originator.to_string(),
            status: row.status.word(),
            warning_type: row.warning_type.word(),
            precedence: row.precedence.word(),
            sent: row.sent.to_string(),
            expires: row.expires.to_string(),
            recipients: row.recipients.iter().map(step).collect(),
        }
    }

    pub(super) fn cells(&self) -> Vec<String> {
        let recipients: Vec<String> = self
            .recipients
            .iter()
            .map(|it| match it.answer {
                Some(answer) => format!("{} {answer}", it.desk),
                None => format!("{} {}", it.desk, it.step),
            })
            .collect();
        vec![
            self.direction.to_owned(),
            self.status.to_owned(),
            self.precedence.to_owned(),
            self.originator.clone(),
            self.sent.clone(),
            recipients.join(", "),
            self.id.clone(),
        ]
    }
}

/// The columns of [`SummaryObject::cells`].
pub(super) const SUMMARY_COLUMNS: [&str; 7] =
    ["way", "status", "precedence", "from", "sent", "recipients", "id"];

pub(crate) async fn list(command: ListCommand, context: &Context) -> Result<Exit, Fault> {
    let client = open(context)?;
    let direction = match (command.incoming, command.outgoing) {
        (true, _) => Some(Direction::In),
        (false, true) => Some(Direction::Out),
        (false, false) => None,
    };
    let rows = pages(&client, direction, command.open, command.desk, command.limit).await?;
    let objects: Vec<SummaryObject> = rows.iter().map(SummaryObject::of).collect();
    if context.json {
        for object in &objects {
            context.emit(object, "")?;
        }
    } else if objects.is_empty() {
        println!("There is none.");
    } else {
        let cells: Vec<Vec<String>> = objects.iter().map(SummaryObject::cells).collect();
        println!("{}", table(&SUMMARY_COLUMNS, &cells));
    }
    Ok(Exit::Done)
}

/// Rows of as many pages as it takes.
pub(super) async fn pages(
    client: &Client,
    direction: Option<Direction>,
    open_only: bool,
    desk: Option<DeskAddress>,
    limit: usize,
) -> Result<Vec<WarningSummary>, ClientError> {
    let mut query = ListQuery {
        direction,
        open_only,
        desk,
        page_size: u32::try_from(limit)
            .unwrap_or(u32::MAX)
            .clamp(1, limits::PAGE_MAX),
        page_token: String::new(),
    };
    // Rows prove nothing, but whoever looks is told if this is another log than the one that was verified.
    client.checkpoint().await?;
    let mut rows = Vec::new();
    loop {
        let (page, next) = client.list(&query).await?;
        rows.extend(page);
        if next.is_empty() || rows.len() >= limit || next == query.page_token {
            rows.truncate(limit);
            return Ok(rows);
        }
        query.page_token = next;
    }
}
