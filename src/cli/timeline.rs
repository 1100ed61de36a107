//! A timeline for people: one block a warning, at most 100 columns wide, drawn from nothing but the verified replay. The
//! words of people are neutral and isolated, so that none of them can imitate a line of ours.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::screen::{Colours, Tone, lines, name, width_of, wrap};
use crate::audit::{
    Answer, BodyShown, Event, Hand, Note, Recipient, Refusal, Start, Timeline, WarningTimeline, What, Words,
};
use crate::domain::{AcknowledgementKind, DeskAddress, Step, WarningType};
use crate::time::Timestamp;

/// How wide a line is at the most.
pub(crate) const WIDTH: usize = 100;
/// Before every line of a block.
const INDENT: usize = 2;
/// An office or a language; a longer one is cut.
const NAME_COLUMNS_MAX: usize = 40;
/// `record`, two spaces, `HH:MM:SS.mmm`, two spaces.
const TIMES: usize = INDENT + 6 + 2 + 12 + 2;
/// The widest column of names and keys.
const HAND_COLUMNS_MAX: usize = 40;

/// How much is told of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The story.
    Story,
    /// Also what names the warning, and between which signatures each thing is shown to have happened.
    Evidence,
}

/// All warnings of a timeline, and what was refused on the record.
pub(crate) fn render(timeline: &Timeline, detail: Detail, colours: Colours) -> String {
    let mut out = preamble(timeline, detail);
    let count = timeline.warnings.len();
    for (number, warning) in (1..).zip(&timeline.warnings) {
        out.push('\n');
        out.push_str(&block(
            timeline,
            warning,
            &format!("{number} of {count}"),
            detail,
            colours,
        ));
    }
    if !timeline.refusals.is_empty() {
        let _ = writeln!(out, "\n{}", colours.paint(Tone::Strong, "Refused on the record"));
        for it in &timeline.refusals {
            refusal(&mut out, it);
        }
    }
    out
}

/// What it is drawn from, and how it is to be read.
pub(crate) fn preamble(timeline: &Timeline, detail: Detail) -> String {
    let all = match timeline.out_of_scope {
        0 => "all of them",
        _ => "all that are ours to see",
    };
    let others = match timeline.out_of_scope {
        0 => String::new(),
        count => format!(" {count} are not: of these only the hashes were checked."),
    };
    let mut text = format!(
        "What the log tells, which began on {}. Its {} records were replayed and {all} verified, down to the root \
         that the log has signed.{others} Their order is proven; the times are what the relay says. Beside each name stands \
         the key that signed: its role and the beginning of its id. What stands beside \"the relay\" is only its own word.",
        first_day(timeline),
        timeline.size
    );
    if detail == Detail::Evidence {
        text.push_str(
            " [A-B]: whoever signed it had verified the first A records of the log, and it stood there before record B was \
             signed by somebody who had verified it.",
        );
    }
    wrap(&text, WIDTH).join("\n") + "\n"
}

/// One warning.
pub(crate) fn block(
    timeline: &Timeline,
    warning: &WarningTimeline,
    number: &str,
    detail: Detail,
    colours: Colours,
) -> String {
    let mut out = heading(warning, number, detail, colours);
    let hands: Vec<String> = warning.events.iter().map(|event| hand(warning, event)).collect();
    let widest = hands.iter().map(|hand| width_of(hand)).max().unwrap_or(0);
    let column = widest.min(HAND_COLUMNS_MAX);
    let title = format!("record  {:<12}  {:<column$}  what", "UTC", "by whose key");
    let _ = writeln!(out, "{:INDENT$}{}", "", colours.paint(Tone::Quiet, &title));
    let mut day = first_day(timeline);
    let mut outages = timeline.outages_of(warning).peekable();
    for (event, hand) in warning.events.iter().zip(&hands) {
        while let Some(start) = outages.next_if(|start| start.index < event.index) {
            outage(&mut out, &mut day, start);
        }
        new_day(&mut out, &mut day, event.time);
        let mut text = what(warning, event);
        if detail == Detail::Evidence {
            text.push_str(&between(warning, event));
        }
        row(&mut out, event, hand, column, &text);
        if let What::Acknowledged(answer) = &event.what {
            let erased = warning.erasure_of(event.index);
            note(&mut out, answer, erased, TIMES + column + 2);
        }
    }
    for start in outages {
        outage(&mut out, &mut day, start);
    }
    for (desk, recipient) in &warning.recipients {
        let (tone, text) = standing(timeline, warning, desk, recipient);
        for (number, line) in wrap(&text, WIDTH - INDENT - 3).iter().enumerate() {
            let start = if number == 0 { "=> " } else { "   " };
            let _ = writeln!(out, "{:INDENT$}{start}{}", "", colours.paint(tone, line));
        }
    }
    out
}

fn heading(warning: &WarningTimeline, number: &str, detail: Detail, colours: Colours) -> String {
    let to: Vec<String> = warning.recipients.keys().map(ToString::to_string).collect();
    let title = match &warning.sent {
        None => format!(
            "{number}  A warning to {}, whose acceptance is not ours to see",
            to.join(" and ")
        ),
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
    let mut out = match width_of(&title) {
        0..WIDTH => format!("{} {rule}\n", colours.paint(Tone::Strong, &title)),
        _ => wrap(&title, WIDTH).join("\n") + "\n",
    };
    if let Some(sent) = &warning.sent {
        for words in sent.headline.iter().chain(&sent.translations) {
            said(&mut out, words, INDENT);
        }
        if let Some(why) = unread(warning, sent.body) {
            for line in wrap(&why, WIDTH - INDENT) {
                let _ = writeln!(out, "{:INDENT$}{line}", "");
            }
        }
    }
    if warning.sent.is_none() && warning.sealed {
        let _ = writeln!(out, "{:INDENT$}(its body is sealed, and not opened here)", "");
    }
    if detail == Detail::Evidence {
        identity(&mut out, warning);
    }
    out
}

/// Why nothing of what a warning says stands here. Whether it is sealed or gone are two things.
fn unread(warning: &WarningTimeline, shown: BodyShown) -> Option<String> {
    let why = match (shown, warning.body_erased()) {
        (BodyShown::Clear | BodyShown::Opened, _) => return None,
        (BodyShown::Sealed, _) => {
            let to: BTreeSet<String> = warning
                .recipients
                .keys()
                .map(|desk| desk.agency().to_string())
                .collect();
            let to: Vec<String> = to.into_iter().collect();
            format!(
                "(its body is sealed to {}, and not opened here)",
                to.join(" and ")
            )
        }
        (BodyShown::Absent, Some(erased)) => {
            format!("(its body was erased, as the relay says in record {erased})")
        }
        (BodyShown::Absent, None) => "(its body was not shown)".to_owned(),
    };
    Some(why)
}

/// What names a warning, and what its sender's clock said.
fn identity(out: &mut String, warning: &WarningTimeline) {
    let _ = writeln!(out, "{:INDENT$}digest {}", "", warning.digest);
    if let Some(sent) = &warning.sent {
        let expires = sent.expires.map_or_else(|| "never".to_owned(), minute);
        let about = sent.territory.as_ref();
        let about = about.map_or_else(String::new, |territory| format!("; about {territory}"));
        let _ = writeln!(out, "{:INDENT$}id {}{about}", "", sent.id);
        let _ = writeln!(
            out,
            "{:INDENT$}sent {} by the signer's clock, expires {expires}",
            "",
            minute(sent.sent)
        );
    }
}

/// Between which records signatures that are not the relay's show that a thing happened.
fn between(warning: &WarningTimeline, event: &Event) -> String {
    let after = match &event.what {
        What::Accepted => warning.sent.as_ref().and_then(|sent| sent.by.seen),
        What::Routed | What::HandedOver { .. } | What::Erased(_) => None,
        What::Acknowledged(answer) => answer.by.seen,
    };
    let after = after.map(|size| size.to_string()).unwrap_or_default();
    let before = event
        .seen_by
        .as_ref()
        .map(|by| by.index.to_string())
        .unwrap_or_default();
    if after.is_empty() && before.is_empty() {
        return String::new();
    }
    format!(" [{after}-{before}]")
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
        What::Erased(_) => "the relay".to_owned(),
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
        What::Erased(erased) => {
            format!("ERASED what record {} said; {}", erased.index, erased.rule())
        }
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
        if let Some(meaning) = reason.meaning() {
            let _ = write!(text, ": {meaning}");
        }
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

fn note(out: &mut String, answer: &Answer, erased: Option<u64>, indent: usize) {
    let mut put = |why: &str| {
        let _ = writeln!(out, "{:indent$}{why}", "");
    };
    match (&answer.note, erased) {
        (Note::None, _) => {}
        (Note::Kept(words), _) => said(out, words, indent),
        (Note::Sealed, _) => put("(with a note, sealed to the sender)"),
        (Note::Absent, Some(erased)) => put(&format!("(a note was signed; erased, says record {erased})")),
        (Note::Absent, None) => put("(a note was signed; it was not shown)"),
    }
}

/// The relay came back while the warning was under way.
fn outage(out: &mut String, day: &mut String, start: &Start) {
    let since = match start.stopped_at {
        None => "an unknown time".to_owned(),
        Some(stopped) if date(stopped) == date(start.time) => clock(stopped),
        Some(stopped) => format!("{} {}", date(stopped), clock(stopped)),
    };
    new_day(out, day, start.time);
    let (index, time) = (start.index, clock(start.time));
    let _ = writeln!(
        out,
        "{:INDENT$}{index:>6}  {time}  --- the relay was down since {since}, and began again ---",
        ""
    );
}

fn refusal(out: &mut String, refusal: &Refusal) {
    let text = format!(
        "{} of {}, {}",
        name(&refusal.code, NAME_COLUMNS_MAX),
        refusal.principal,
        refusal.id
    );
    let start = format!(
        "{:INDENT$}{:>6}  {} {}  ",
        "",
        refusal.index,
        date(refusal.time),
        clock(refusal.time)
    );
    let lines = wrap(&text, WIDTH.saturating_sub(width_of(&start)));
    push(out, &start, &lines);
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
                    What::Acknowledged(_)
                    | What::Accepted
                    | What::Routed
                    | What::HandedOver { .. }
                    | What::Erased(_) => None,
                })
                .collect();
            return (Tone::Good, format!("{desk} answered: {}", words.join(", ")));
        }
    };
    let mut text = format!(
        "{desk} IS SILENT: {why}. No answer was logged up to record {} (checkpoint of {} records).",
        timeline.size.saturating_sub(1),
        timeline.size
    );
    let records: Vec<String> = recipient.handovers.iter().map(ToString::to_string).collect();
    if !records.is_empty() {
        let _ = write!(
            text,
            " The relay claims to have handed it over to an authenticated session of it: {} {}",
            if records.len() == 1 { "record" } else { "records" },
            records.join(", ")
        );
        let _ = match recipient.unrecorded {
            0 => write!(text, "."),
            more => write!(text, ", and {more} times between these."),
        };
    }
    (Tone::Alarm, text)
}

fn row(out: &mut String, event: &Event, hand: &str, column: usize, text: &str) {
    let (index, time) = (event.index, clock(event.time));
    let mut start = format!("{:INDENT$}{index:>6}  {time}  ", "");
    if width_of(hand) > column {
        // A long name takes lines of its own, so that the columns stay.
        push(out, &start, &wrap(hand, WIDTH - TIMES));
        start = " ".repeat(TIMES + column + 2);
    } else {
        let pad = column.saturating_sub(width_of(hand));
        let _ = write!(start, "{hand}{:pad$}  ", "");
    }
    push(out, &start, &wrap(text, WIDTH - TIMES - column - 2));
}

/// The first line behind `start`, the others below it.
pub(super) fn push(out: &mut String, start: &str, lines: &[String]) {
    let indent = width_of(start);
    for (number, line) in lines.iter().enumerate() {
        let _ = match number {
            0 => writeln!(out, "{start}{line}"),
            _ => writeln!(out, "{:indent$}{line}", ""),
        };
    }
}

/// Tells that the day is another than the one before.
fn new_day(out: &mut String, day: &mut String, time: Timestamp) {
    let today = date(time);
    if today != *day {
        let _ = writeln!(out, "{:width$}{today}", "", width = INDENT + 8);
        *day = today;
    }
}

/// The day on which the log began.
fn first_day(timeline: &Timeline) -> String {
    timeline
        .starts
        .first()
        .map(|start| date(start.time))
        .unwrap_or_default()
}

/// The day of a time in UTC.
pub(super) fn date(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('T')
        .map_or_else(|| text.clone(), |(date, _)| date.to_owned())
}

/// `HH:MM:SS.mmm` of a time in UTC.
pub(super) fn clock(time: Timestamp) -> String {
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
pub(super) fn short(name: &impl ToString) -> String {
    name.to_string().chars().take(8).collect()
}
#[cfg(test)]
mod tests;
