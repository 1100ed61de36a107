//! What the auditor tells: one block a warning, drawn from nothing but the verified replay; and what it all comes to.

use std::path::Path;

use serde_json::{Value, json};

use super::check::Found;
use super::stage::Audited;
use crate::cli::screen::{Colours, Tone, wrap};
use crate::cli::timeline::{Detail, WIDTH, block, preamble, push};
use crate::cli::{Context, Fault, invocation};

/// Tells every warning.
pub(super) fn tell(audited: &Audited, context: &Context) -> Result<(), Fault> {
    let timeline = &audited.timeline;
    if !context.json {
        context.emit(&Value::Null, format!("\n{}", preamble(timeline, Detail::Story)))?;
    }
    let count = timeline.warnings.len();
    let colours = Colours::of_stdout();
    for (number, warning) in (1..).zip(&timeline.warnings) {
        let mut object = timeline.warning_json(warning);
        if let Value::Object(object) = &mut object {
            object.insert("event".to_owned(), json!("warning"));
            object.insert("file".to_owned(), json!(audited.files.get(&warning.digest)));
        }
        let number = format!("{number} of {count}");
        let text = block(timeline, warning, &number, Detail::Story, colours);
        context.emit(&object, text.trim_end())?;
        if !context.json {
            context.emit(&Value::Null, "")?;
        }
    }
    Ok(())
}

/// What it comes to.
pub(super) fn conclude(
    audited: &Audited,
    found: &Found,
    kept: Option<&Path>,
    context: &Context,
) -> Result<(), Fault> {
    let timeline = &audited.timeline;
    let report = &audited.verdict.report;
    let recipients = || timeline.warnings.iter().flat_map(|warning| &warning.recipients);
    let silent = || recipients().filter(|(_, recipient)| recipient.is_silent());
    let (total, silent_count) = (recipients().count(), silent().count());
    let answered = total.saturating_sub(silent_count);
    let outages = timeline
        .starts
        .iter()
        .filter(|start| start.stopped_at.is_some())
        .count();
    let kept_receipts = audited.held.len().saturating_sub(audited.not_found.len());
    let object = json!({
        "event": "summary",
        "verified": report,
        "warnings": timeline.warnings.len(),
        "recipients": total,
        "answered": answered,
        "silent": silent()
            .map(|(desk, recipient)| json!({ "desk": desk.to_string(), "step": recipient.step.word() }))
            .collect::<Vec<_>>(),
        "relay_starts": timeline.starts.len(),
        "outages": outages,
        "receipts_held": audited.held.len(),
        "receipts_found": kept_receipts,
        "missing": found.missing,
        "directory": kept,
    });
    let names: Vec<String> = silent().map(|(desk, _)| desk.to_string()).collect();
    let counts = &report.counts;
    let lines = [
        format!(
            "{} records, recomputed to the root that the log has signed",
            counts.records
        ),
        format!(
            "{} signatures, each by a key that was certified and valid at its place in the log",
            counts.signatures_total()
        ),
        format!(
            "{} times a signer said how much of the log it had seen, and each time it was this log",
            counts.seen
        ),
        format!(
            "{} warnings to {total} recipients: {answered} answered, {silent_count} stayed silent ({})",
            timeline.warnings.len(),
            names.join(", ")
        ),
        format!(
            "{kept_receipts} of {} receipts that the parties hold stand in the log; the relay began {} times, {outages} of them \
             after an outage",
            audited.held.len(),
            timeline.starts.len()
        ),
    ];
    let colours = Colours::of_stdout();
    let verified = colours.paint(Tone::Good, "VERIFIED");
    let mut text = format!("{verified} by the auditor, who trusts neither the relay nor any agency:\n");
    for line in lines {
        push(&mut text, "  - ", &wrap(&line, WIDTH - 4));
    }
    context.emit(&object, text)
}

/// What to do next.
pub(super) fn close(kept: Option<&Path>, context: &Context) -> Result<(), Fault> {
    if context.json {
        return Ok(());
    }
    let everything = match kept {
        Some(directory) => format!("Everything is in {}. ", directory.display()),
        None => String::new(),
    };
    let program = invocation::program();
    context.emit(
        &Value::Null,
        format!("\n{everything}To do it by hand: {program} relay dev DIR"),
    )
}
