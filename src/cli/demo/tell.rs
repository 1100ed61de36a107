//! What the auditor tells: one block a warning, at most 100 columns wide, drawn from nothing but the verified replay; and
//! what it all comes to. The words of people are neutral and isolated, so that none of them can imitate a line of ours.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::check::Found;
use super::stage::Audited;
use crate::audit::{Answer, Event, Hand, Note, Recipient, Start, Timeline, WarningTimeline, What, Words};
use crate::cli::screen::{Colours, Tone, lines, name, width_of};
use crate::cli::{Context, Fault, invocation};
use crate::domain::{AcknowledgementKind, DeskAddress, Step, WarningType};
use crate::time::Timestamp;

const WIDTH: usize = 100;
/// Before every line of a block.
const INDENT: usize = 2;
/// An office or a language; a longer one is cut.
const NAME_COLUMNS_MAX: usize = 40;
/// `record`, two spaces, `HH:MM:SS.mmm`, two spaces.
const TIMES: usize = INDENT + 6 + 2 + 12 + 2;

/// Tells every warning.
pub(super) fn tell(audited: &Audited, context: &Context) -> Result<(), Fault> {
    let timeline = &audited.timeline;
    if !context.json {
        context.emit(&Value::Null, preamble(timeline))?;
    }
    let count = timeline.warnings.len();
    let colours = Colours::of_stdout();
    for (number, warning) in (1..).zip(&timeline.warnings) {
        let mut object = timeline.warning_json(warning);
        if let Value::Object(object) = &mut object {
            object.insert("event".to_owned(), json!("warning"));
            object.insert("file".to_owned(), json!(audited.files.get(&warning.digest)));
        }
        let text = block(timeline, warning, &format!("{number} of {count}"), colours);
        context.emit(&object, text.trim_end())?;
        if !context.json {
            context.emit(&Value::Null, "")?;
        }
    }
    Ok(())
}

fn preamble(timeline: &Timeline) -> String {
    let begun = timeline.starts.first().map(|start| start.time.to_string());
    let date = begun
        .as_ref()
        .and_then(|begun| begun.get(..10))
        .unwrap_or_default();
    let text = format!(
        "What the log tells, which began on {date}. The auditor replayed its {} records and verified all of them, down to \
         the root that the log has signed. Their order is proven; the times are what the relay says. Beside each name \
         stands the key that signed: its role and the beginning of its id. What stands beside \"the relay\" is only its own \
         word.",
        timeline.size
    );
    format!("\n{}\n", lines_of(&text, WIDTH).join("\n"))
}

/// One warning.
fn block(timeline: &Timeline, warning: &WarningTimeline, number: &str, colours: Colours) -> String {
    let mut out = heading(warning, number, colours);
    let hands: Vec<String> = warning.events.iter().map(|event| hand(warning, event)).collect();
    let column = hands.iter().map(|hand| width_of(hand)).max().unwrap_or(0);
    let _ = writeln!(
        out,
        "{:INDENT$}{}",
        "",
        colours.paint(
            Tone::Quiet,
            &format!("record  {:<12}  {:<column$}  what", "UTC", "by whose key")
        )
    );
    let mut outages = timeline.outages_of(warning).peekable();
    for (event, hand) in warning.events.iter().zip(&hands) {
        while let Some(start) = outages.next_if(|start| start.index < event.index) {
            outage(&mut out, start);
        }
        row(&mut out, event, hand, column, &what(warning, event));
        if let What::Acknowledged(answer) = &event.what {
            note(&mut out, answer, TIMES + column + 2);
        }
    }
    for start in outages {
        outage(&mut out, start);
    }
    for (desk, recipient) in &warning.recipients {
        let (tone, text) = standing(timeline, warning, desk, recipient);
        for (number, line) in lines_of(&text, WIDTH - INDENT - 3).iter().enumerate() {
            let start = if number == 0 { "=> " } else { "   " };
            let _ = writeln!(out, "{:INDENT$}{start}{}", "", colours.paint(tone, line));
        }
    }
    out
}

fn heading(warning: &WarningTimeline, number: &str, colours: Colours) -> String {
    let to: Vec<String> = warning.recipients.keys().map(ToString::to_string).collect();
    let title = match &warning.sent {
        None => format!("{number}  {}", warning.digest),
        Some(sent) => format!(
            "{number}  {} {} {}  from {} to {}",
            sent.status,
            sent.precedence,
            sent.warning_type,
            sent.by.principal,
            to.join(" and ")
        ),
    };
    let rule = "-".repeat(WIDTH.saturating_sub(width_of(&title) + 1));
    let mut out = format!("{} {rule}\n", colours.paint(Tone::Strong, &title));
    if let Some(sent) = &warning.sent {
        for words in sent.headline.iter().chain(&sent.translations) {
            said(&mut out, words, INDENT);
        }
    }
    out
}

/// Words of a person behind their language, each line isolated.
fn said(out: &mut String, words: &Words, indent: usize) {
    let start = format!("{:indent$}{}: ", "", name(&words.language, NAME_COLUMNS_MAX));
    let text = lines(&words.text, WIDTH.saturating_sub(width_of(&start)));
    push(out, &start, &text);
}

/// Whose word it is.
fn hand(warning: &WarningTimeline, event: &Event) -> String {
    let desk = event.desk.as_ref().map(ToString::to_string);
    match &event.what {
        What::Accepted => match &warning.sent {
            Some(sent) => key(&sent.by.principal.to_string(), &sent.by),
            None => "the relay".to_owned(),
        },
        What::Routed | What::HandedOver { .. } => format!("the relay, to {}", desk.unwrap_or_default()),
        What::Acknowledged(answer) => key(
            &desk.unwrap_or_else(|| answer.by.principal.to_string()),
            &answer.by,
        ),
    }
}

fn key(who: &str, hand: &Hand) -> String {
    format!("{who} {} {}", hand.role, short(&hand.keyid))
}

fn what(warning: &WarningTimeline, event: &Event) -> String {
    match &event.what {
        What::Accepted => match &warning.sent {
            Some(sent) if sent.by.office.is_empty() => does(sent.warning_type).to_owned(),
            Some(sent) => format!(
                "{}, as {}",
                does(sent.warning_type),
                name(&sent.by.office, NAME_COLUMNS_MAX)
            ),
            None => "ACCEPTED".to_owned(),
        },
        What::Routed => "ROUTED".to_owned(),
        What::HandedOver {
            tls_keyid,
            unrecorded,
        } => {
            let more = match unrecorded {
                0 => String::new(),
                more => format!(", and {more} times before"),
            };
            format!("HANDED_OVER to TLS key {}{more}", short(tls_keyid))
        }
        What::Acknowledged(answer) => acknowledged(answer),
    }
}

const fn does(kind: WarningType) -> &'static str {
    match kind {
        WarningType::Alert | WarningType::Update | WarningType::Extend => "warns",
        WarningType::Notice => "gives notice",
        WarningType::Question => "asks",
        WarningType::Answer => "answers",
        WarningType::Cancel => "cancels",
        WarningType::Outcome => "tells the outcome",
    }
}

fn acknowledged(answer: &Answer) -> String {
    let mut text = answer.kind.word().to_owned();
    if answer.kind == AcknowledgementKind::Received {
        text.push_str(": its system has stored it");
    }
    if let Some(to) = &answer.to {
        let _ = write!(text, ": {to} is competent");
    }
    if let Some(until) = answer.until {
        let _ = write!(text, " until {}", minute(until));
    }
    if let Some(reason) = answer.reason {
        let _ = write!(text, " ({reason})");
    }
    if let Some(assessment) = answer.assessment {
        let _ = write!(text, ", {assessment}");
    }
    if !answer.missing.is_empty() {
        let missing: Vec<&str> = answer.missing.iter().map(|it| it.word()).collect();
        let _ = write!(text, ": no {}", missing.join(", no "));
    }
    if !answer.by.office.is_empty() && answer.kind == AcknowledgementKind::Opened {
        let _ = write!(text, " by the {}", name(&answer.by.office, NAME_COLUMNS_MAX));
    }
    text
}

fn note(out: &mut String, answer: &Answer, indent: usize) {
    match &answer.note {
        Note::None => {}
        Note::Kept(words) => said(out, words, indent),
        Note::Absent => {
            let _ = writeln!(out, "{:indent$}(a note was signed; it was not shown)", "");
        }
    }
}

/// The relay came back while the warning was under way.
fn outage(out: &mut String, start: &Start) {
    let since = start
        .stopped_at
        .map_or_else(|| "an unknown time".to_owned(), clock);
    let _ = writeln!(
        out,
        "{:INDENT$}{:>6}  {}  --- the relay was down since {since}, and began again ---",
        "",
        start.index,
        clock(start.time)
    );
}

/// Where a recipient stands, and if it is silent, what shows that.
fn standing(
    timeline: &Timeline,
    warning: &WarningTimeline,
    desk: &DeskAddress,
    recipient: &Recipient,
) -> (Tone, String) {
    let why = match recipient.step {
        Step::Routed => "it never came for it",
        Step::HandedOver => "it was handed over, and nothing was signed",
        Step::Received => "its system has it, and no officer signed that they had read it",
        Step::Opened => "an officer has read it, and did not answer",
        Step::Answered => {
            let signed = warning
                .events
                .iter()
                .filter(|event| event.desk.as_ref() == Some(desk));
            let words: Vec<&str> = signed
                .filter_map(|event| match &event.what {
                    What::Acknowledged(answer) if answer.kind.step() == Step::Answered => {
                        Some(answer.kind.word())
                    }
                    What::Acknowledged(_) | What::Accepted | What::Routed | What::HandedOver { .. } => None,
                })
                .collect();
            return (Tone::Good, format!("{desk} answered: {}", words.join(", ")));
        }
    };
    let text = format!(
        "{desk} IS SILENT: {why}. Nothing else stands in its thread, from ROUTED to record {}, the last one.",
        timeline.size.saturating_sub(1)
    );
    (Tone::Alarm, text)
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
        push(&mut text, "  - ", &lines_of(&line, WIDTH - 4));
    }
    let program = invocation::program();
    let _ = match kept {
        Some(directory) => write!(text, "\nEverything is in {}. ", directory.display()),
        None => writeln!(text),
    };
    let _ = write!(text, "To do it by hand: {program} relay dev DIR");
    context.emit(&object, text)
}

fn row(out: &mut String, event: &Event, hand: &str, column: usize, text: &str) {
    let pad = column.saturating_sub(width_of(hand));
    let (index, time) = (event.index, clock(event.time));
    let start = format!("{:INDENT$}{index:>6}  {time}  {hand}{:pad$}  ", "", "");
    push(
        out,
        &start,
        &lines_of(text, WIDTH.saturating_sub(TIMES + column + 2)),
    );
}

/// The first line behind `start`, the others below it.
fn push(out: &mut String, start: &str, lines: &[String]) {
    let indent = width_of(start);
    for (number, line) in lines.iter().enumerate() {
        let _ = match number {
            0 => writeln!(out, "{start}{line}"),
            _ => writeln!(out, "{:indent$}{line}", ""),
        };
    }
}

/// A text of ours in lines. The words of people in it are isolated already, and short.
fn lines_of(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let fits = lines
            .last()
            .is_some_and(|line| line.is_empty() || width_of(line) + 1 + width_of(word) <= width);
        match lines.last_mut() {
            Some(line) if fits => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `HH:MM:SS.mmm` of a time in UTC.
fn clock(time: Timestamp) -> String {
    let text = time.to_string();
    match text.split_once('T') {
        Some((_, clock)) => clock.trim_end_matches('Z').to_owned(),
        None => text,
    }
}

/// A time in UTC, to the minute.
fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    match text.rsplit_once(':') {
        Some((minute, _)) => format!("{} UTC", minute.replace('T', " ")),
        None => text,
    }
}

/// The beginning of a key's id.
fn short(name: &impl ToString) -> String {
    name.to_string().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::audit::tests::{eventful, run, verifier};
    use crate::audit::world::{Says, World};

    fn told(world: &World) -> String {
        let mut verifier = verifier(world).telling();
        let timeline = run(&mut verifier, world.shown.clone()).unwrap().timeline.unwrap();
        let mut out = preamble(&timeline);
        for warning in &timeline.warnings {
            out.push_str(&block(&timeline, warning, "n of m", Colours::Off));
        }
        out
    }

    /// What a newcomer reads: who was told what, by whose signature, and who stayed silent.
    #[test]
    fn a_warning_is_told_in_one_block() {
        insta::assert_snapshot!(told(&eventful()));
    }

    /// No line is wider than promised and none holds what a terminal would obey, whatever people write.
    #[test]
    fn no_text_breaks_the_layout() {
        let mut world = World::new();
        let headline = format!("{}\u{202e}{}", "x".repeat(250), "سلام ".repeat(40));
        let digest = world.send("us.ctc", &["ru.ctc"], headline.trim());
        let says = Says {
            note: Some((
                "ru",
                "Нет.\n1 of 8  ACTUAL FLASH ALERT  from us.ctc to ru.ctc ----\n => ru.ctc answered",
            )),
            ..Says::default()
        };
        world.answer(digest, "ru.ctc", AcknowledgementKind::Accepted, says);
        for line in told(&world).lines() {
            assert!(width_of(line) <= WIDTH, "{line}");
            assert!(
                !line.chars().any(|c| c.is_control() || c == '\u{202e}'),
                "{line:?}"
            );
            // No line of theirs begins where ours do.
            assert!(!line.starts_with("1 of 8"), "{line}");
        }
    }
}
