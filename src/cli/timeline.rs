//! A timeline for people: one block a warning, at most 100 columns wide. Everything in it comes from a verified replay;
//! the words of people are made plain and isolated, so that none of them can imitate a line of ours.

use std::fmt::Write as _;

use super::screen::{lines, name, width_of, wrap};
use crate::audit::{Answer, Event, Hand, Note, Recipient, Start, Timeline, WarningTimeline, What, Words};
use crate::domain::{AcknowledgementKind, DeskAddress, KeyId, Step};
use crate::time::Timestamp;

/// Where the text of an event begins, and where it ends.
const MARGIN: usize = 47;
const WIDTH: usize = 100;
/// How much of an office is shown.
const OFFICE_COLUMNS_MAX: usize = 32;

/// All warnings of a timeline, and what was refused.
pub(crate) fn render(timeline: &Timeline) -> String {
    let mut out = preamble(timeline);
    for warning in &timeline.warnings {
        out.push('\n');
        out.push_str(&render_warning(timeline, warning));
    }
    if !timeline.refusals.is_empty() {
        out.push_str("\nREFUSED ON THE RECORD\n");
        for refusal in &timeline.refusals {
            let line = format!(
                "{:>8}  {}  {}: {} of {}",
                refusal.index,
                clock(refusal.time),
                name(&refusal.code, OFFICE_COLUMNS_MAX),
                refusal.id,
                refusal.principal,
            );
            push_wrapped(&mut out, "", &line, 31);
        }
    }
    out
}

/// What it is drawn from, and how it is to be read.
pub(crate) fn preamble(timeline: &Timeline) -> String {
    let mut out = String::new();
    let mut text = format!(
        "Drawn from {} verified records of {}, signed root {}. \
         Times are the claims of the relay (or of the signer, where it says so); the order of the records is proven. \
         Between A-B: its signer had verified A records when signing, and it stood in the log before record B was \
         signed by somebody who had verified it.",
        timeline.size, timeline.origin, timeline.root
    );
    if timeline.out_of_scope > 0 {
        let _ = write!(
            text,
            " {} records are out of this auditor's scope: of these only the hashes were checked.",
            timeline.out_of_scope
        );
    }
    push_wrapped(&mut out, "", &text, 0);
    out
}

/// One warning.
pub(crate) fn render_warning(timeline: &Timeline, warning: &WarningTimeline) -> String {
    let mut out = heading(warning);
    out.push('\n');
    out.push_str("  record  UTC       recipient       between    what, and by whose signature\n");
    let mut day = String::new();
    let mut outages = timeline.outages_of(warning).peekable();
    for event in &warning.events {
        while let Some(start) = outages.next_if(|start| start.index < event.index) {
            push_outage(&mut out, &mut day, start);
        }
        push_event(&mut out, &mut day, warning, event);
    }
    for start in outages {
        push_outage(&mut out, &mut day, start);
    }
    push_standing(&mut out, timeline, warning);
    out
}

fn heading(warning: &WarningTimeline) -> String {
    let mut out = String::new();
    let Some(sent) = &warning.sent else {
        let line = format!("WARNING {}", warning.digest);
        push_rule(&mut out, &line);
        push_wrapped(
            &mut out,
            "  ",
            "Its acceptance is out of scope: who sent it is not shown.",
            2,
        );
        return out;
    };
    let line = format!(
        "{} {} {} from {}",
        sent.status, sent.precedence, sent.warning_type, sent.by.principal
    );
    push_rule(&mut out, &line);
    match &sent.headline {
        Some(headline) => push_words(&mut out, "  ", headline, 2),
        None => out.push_str("  (its body was not shown)\n"),
    }
    let expires = sent.expires.map_or_else(|| "never".to_owned(), clock);
    let territory = sent
        .territory
        .as_ref()
        .map_or(String::new(), |it| format!(", about {it}"));
    let _ = writeln!(out, "  id      {}", sent.id);
    let _ = writeln!(out, "  digest  {}", warning.digest);
    push_wrapped(&mut out, "  signed  ", &signature(&sent.by), 10);
    let times = format!(
        "{} by the sender's clock, expires {expires}{territory}",
        clock(sent.sent)
    );
    push_wrapped(&mut out, "  sent    ", &times, 10);
    out
}

fn push_event(out: &mut String, day: &mut String, warning: &WarningTimeline, event: &Event) {
    let hour = hour(out, day, event.time);
    let desk = event.desk.as_ref().map(ToString::to_string).unwrap_or_default();
    let between = between(warning, event);
    let start = match width_of(&desk) {
        0..=14 => format!("{:>8}  {hour:<8}  {desk:<14}  {between:<9}  ", event.index),
        // A long name takes a line of its own, so that the columns stay.
        _ => format!("{:>8}  {hour:<8}  {desk}\n{:36}{between:<9}  ", event.index, ""),
    };
    let text = match &event.what {
        What::Accepted => accepted(warning),
        What::Routed => "ROUTED".to_owned(),
        What::HandedOver {
            tls_keyid,
            unrecorded,
        } => handed_over(*tls_keyid, *unrecorded),
        What::Acknowledged(answer) => acknowledged(answer),
    };
    push_wrapped(out, &start, &text, MARGIN);
    if let What::Acknowledged(answer) = &event.what {
        match &answer.note {
            Note::None => {}
            Note::Kept(note) => push_words(out, &format!("{:MARGIN$}note ", ""), note, MARGIN + 5),
            Note::Absent => {
                let _ = writeln!(out, "{:MARGIN$}(a note was signed; it was not shown)", "");
            }
        }
    }
}

/// Between which records a thing is shown to have happened by signatures that are not the relay's.
fn between(warning: &WarningTimeline, event: &Event) -> String {
    let after = match &event.what {
        What::Accepted => warning.sent.as_ref().and_then(|sent| sent.by.seen),
        What::Routed | What::HandedOver { .. } => None,
        What::Acknowledged(answer) => answer.by.seen,
    };
    let before = event
        .seen_by
        .as_ref()
        .map(|by| by.index.to_string())
        .unwrap_or_default();
    match after {
        Some(after) => format!("{after}-{before}"),
        None if before.is_empty() => String::new(),
        None => format!("-{before}"),
    }
}

/// The time of day; on a new day, its date first on a line of its own.
fn hour(out: &mut String, day: &mut String, time: Timestamp) -> String {
    let shown = clock(time);
    let Some((date, hour)) = shown.split_once(' ') else {
        return shown;
    };
    if day != date {
        *day = date.to_owned();
        let _ = writeln!(out, "{:10}{date}", "");
    }
    hour.to_owned()
}

fn accepted(warning: &WarningTimeline) -> String {
    let desks: Vec<String> = warning.recipients.keys().map(ToString::to_string).collect();
    format!("ACCEPTED by the relay, for {}", desks.join(", "))
}

fn handed_over(tls_keyid: KeyId, unrecorded: u32) -> String {
    let more = match unrecorded {
        0 => String::new(),
        1 => ", and once before that".to_owned(),
        more => format!(", and {more} times before that"),
    };
    format!(
        "HANDED OVER, says the relay: written to the session of TLS key {}{more}",
        short(&tls_keyid)
    )
}

fn acknowledged(answer: &Answer) -> String {
    let mut text = answer.kind.word().to_owned();
    if let Some(reason) = answer.reason {
        let _ = write!(text, ": {reason}");
    }
    if let Some(to) = &answer.to {
        let _ = write!(text, ": competent is {to}");
    }
    if let Some(until) = answer.until {
        let _ = write!(text, " until {}", clock(until));
    }
    if let Some(assessment) = answer.assessment {
        let _ = write!(text, ", {assessment}");
    }
    if !answer.missing.is_empty() {
        let missing: Vec<&str> = answer.missing.iter().map(|it| it.word()).collect();
        let _ = write!(text, " (missing {})", missing.join(", "));
    }
    let _ = write!(text, ", signed {}", signature(&answer.by));
    text
}

/// Whose signature it is: principal, role, office, and the key's first digits.
fn signature(hand: &Hand) -> String {
    let mut text = format!("by {}", hand.principal);
    if !hand.office.is_empty() {
        let _ = write!(text, ", {}", name(&hand.office, OFFICE_COLUMNS_MAX));
    }
    let _ = write!(text, ", {} key {}", hand.role, short(&hand.keyid));
    text
}

fn push_outage(out: &mut String, day: &mut String, start: &Start) {
    let since = start
        .stopped_at
        .map_or_else(|| "an unknown time".to_owned(), clock);
    let begin = format!("{:>8}  {:<8}  ", start.index, hour(out, day, start.time));
    let text = format!("-- the relay began again; by its own word it had been down since {since} --");
    push_wrapped(out, &begin, &text, 20);
}

fn push_standing(out: &mut String, timeline: &Timeline, warning: &WarningTimeline) {
    let newest = timeline.size.saturating_sub(1);
    let _ = writeln!(out, "\n  where it stands at record {newest}");
    for (desk, recipient) in &warning.recipients {
        let start = format!("    {:<14}  ", desk.to_string());
        push_wrapped(out, &start, &standing(timeline, desk, recipient), 20);
    }
}

fn standing(timeline: &Timeline, desk: &DeskAddress, recipient: &Recipient) -> String {
    if !recipient.is_silent() {
        let answer = recipient.answer.map_or("", AcknowledgementKind::word);
        return format!("{} {answer}", recipient.step).trim_end().to_owned();
    }
    let mut text = format!(
        "{}, SILENT: no answer was logged up to record {} (checkpoint of {} records).",
        recipient.step,
        timeline.size.saturating_sub(1),
        timeline.size
    );
    let records: Vec<String> = recipient.handovers.iter().map(ToString::to_string).collect();
    match (recipient.step, records.as_slice()) {
        (Step::Routed, _) | (_, []) => {
            let _ = write!(text, " The relay claims no handover to {desk}.");
        }
        (Step::HandedOver | Step::Received | Step::Opened | Step::Answered, records) => {
            let more = match recipient.unrecorded {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let _ = write!(
                text,
                " The relay claims to have handed it over to an authenticated session of {desk}: {} {}{more}.",
                if records.len() == 1 { "record" } else { "records" },
                records.join(", ")
            );
        }
    }
    text
}

/// A line that opens a block, ruled to the full width.
fn push_rule(out: &mut String, title: &str) {
    let rule = WIDTH.saturating_sub(width_of(title)).saturating_sub(4);
    let _ = writeln!(out, "== {title} {}", "=".repeat(rule));
}

/// Words of a person, each line isolated, with their language before the first.
fn push_words(out: &mut String, start: &str, words: &Words, indent: usize) {
    let start = format!("{start}({}) ", words.language);
    let indent = indent.max(width_of(&start));
    let shown = lines(&words.text, WIDTH.saturating_sub(indent));
    push_lines(out, &start, &shown, indent);
}

/// Text of ours behind `start`, wrapped and indented. Words of people in it are isolated already, and short.
fn push_wrapped(out: &mut String, start: &str, text: &str, indent: usize) {
    push_lines(out, start, &wrap(text, WIDTH.saturating_sub(indent)), indent);
}

fn push_lines(out: &mut String, start: &str, lines: &[String], indent: usize) {
    for (number, line) in lines.iter().enumerate() {
        let _ = match number {
            0 => writeln!(out, "{start}{line}"),
            _ => writeln!(out, "{:indent$}{line}", ""),
        };
    }
}

/// A time in UTC, to the second.
pub(super) fn clock(time: Timestamp) -> String {
    let text = time.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => seconds.replace('T', " "),
        None => text,
    }
}

/// The beginning of a key's or warning's name.
pub(super) fn short(name: &impl ToString) -> String {
    name.to_string().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::audit::tests::{eventful, run, shown_to, verifier};
    use crate::audit::world::{Says, World, parsed};
    use crate::domain::ReplayedRecord;

    fn timeline(world: &World, shown: Vec<ReplayedRecord>) -> Timeline {
        let mut verifier = verifier(world).telling();
        run(&mut verifier, shown).unwrap().timeline.unwrap()
    }

    /// The whole story as an auditor sees it: answers, a refusal with a note, an outage, and one who stayed silent.
    #[test]
    fn a_timeline_tells_the_whole_story() {
        let world = eventful();
        insta::assert_snapshot!(render(&timeline(&world, world.shown.clone())));
    }

    /// A recipient's own: it sees what came to it, and not who sent it or to whom else.
    #[test]
    fn a_timeline_of_a_part_says_that_it_is_one() {
        let world = eventful();
        insta::assert_snapshot!(render(&timeline(&world, shown_to(&world, "fr.ctc"))));
    }

    /// The same as data, one object a warning.
    #[test]
    fn a_timeline_is_data_too() {
        let world = eventful();
        let timeline = timeline(&world, world.shown.clone());
        let first = timeline.warning_json(&timeline.warnings[0]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&first).unwrap());
    }

    /// No line is wider than promised, whatever people write: a headline without spaces, right-to-left text, an escape
    /// that would clear the screen, a long office, names as long as they may be.
    #[test]
    fn no_text_breaks_the_layout() {
        let mut world = World::new();
        let long = format!("{}\u{202e}{}", "x".repeat(250), "سلام ".repeat(40));
        let digest = world.send("us.ctc", &["ru.ctc"], long.trim());
        let note = "Вы не правы. Вы не правы. Вы не правы. Вы не правы. Вы не правы.\n== EXERCISE FLASH ALERT from us.ctc ====";
        let says = Says {
            note: Some(("ru", note)),
            to: Some(parsed("fr.ctc")),
            ..Says::default()
        };
        world.answer(
            digest,
            "ru.ctc",
            crate::domain::AcknowledgementKind::Misdirected,
            says,
        );
        let text = render(&timeline(&world, world.shown.clone()));
        for line in text.lines() {
            assert!(width_of(line) <= WIDTH, "{} columns: {line}", width_of(line));
            assert!(
                !line.chars().any(|c| c.is_control() || c == '\u{202e}'),
                "{line:?}"
            );
        }
        let headings = text.lines().filter(|line| line.starts_with("== ")).count();
        assert_eq!(headings, 1);
    }
}
