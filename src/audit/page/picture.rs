//! The timeline as a picture: one SVG a lane, all on one axis, one row an act, so that no label stands on another. It says
//! nothing that the tables beside it do not say in words.

use std::collections::BTreeSet;

use super::Told;
use super::axis::{Axis, Break};
use super::deadline::{Deadline, acts_of, deadlines};
use super::marks::{bar, mark};
use super::markup::{El, el};
use super::times::{clock, full, short};
use crate::audit::{Act, Deed, RecipientFinding, Silence, Standing};
use crate::time::Timestamp;

/// Of the whole picture; on A4 a unit is a quarter of a millimetre.
const WIDTH: i64 = 760;
/// Where the axis begins and ends: to its left is what each row is.
const LEFT: i64 = 214;
const RIGHT: i64 = 752;
/// The scale above the rows.
const SCALE: i64 = 40;
const ROW: i64 = 34;
/// So many rows fit on half a sheet; what goes beyond is drawn as a further picture of the same lane.
const ROWS_MAX: usize = 16;

/// One row of a lane.
enum Row<'a> {
    /// An act; handovers one after the other share a row.
    Acts(Vec<&'a Act>),
    Silence(&'a Silence),
    Due(Deadline),
    Expiry(Timestamp),
}

/// The axis that all lanes share.
pub(super) fn axis(told: &Told<'_>) -> Axis {
    let mut times = BTreeSet::new();
    times.extend(told.findings.warning.expires);
    for act in &told.findings.acts {
        times.insert(act.relay_time);
        let bracket = &act.bracket;
        let bounds = [&bracket.not_before, &bracket.not_after];
        times.extend(bounds.into_iter().flatten().map(|bound| bound.time));
    }
    for recipient in &told.findings.recipients {
        times.extend(deadlines(told, recipient).iter().map(|deadline| deadline.due));
        let lasted = recipient.silence.lasted.iter();
        times.extend(lasted.flat_map(|(since, until)| [since.time, until.time]));
    }
    Axis::of(&times, LEFT, RIGHT)
}

/// The lane of the warning itself.
pub(super) fn warning_lane(told: &Told<'_>, axis: &Axis) -> Vec<El> {
    let acts = told.findings.acts.iter().filter(|act| act.desk.is_none());
    let mut rows: Vec<Row<'_>> = acts.map(|act| Row::Acts(vec![act])).collect();
    rows.extend(told.findings.warning.expires.map(Row::Expiry));
    lane(told, axis, rows, "The warning", "w".to_owned())
}

/// The lane of a recipient, the `number`th.
pub(super) fn recipient_lane(
    told: &Told<'_>,
    axis: &Axis,
    recipient: &RecipientFinding,
    number: usize,
) -> Vec<El> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for act in acts_of(told, &recipient.desk) {
        let is_handover = |act: &Act| matches!(act.what, Deed::HandedOver { .. });
        match rows.last_mut() {
            Some(Row::Acts(acts)) if is_handover(act) && acts.iter().all(|act| is_handover(act)) => {
                acts.push(act)
            }
            Some(_) | None => rows.push(Row::Acts(vec![act])),
        }
    }
    rows.push(Row::Silence(&recipient.silence));
    rows.extend(deadlines(told, recipient).into_iter().map(Row::Due));
    lane(
        told,
        axis,
        rows,
        recipient.desk.to_string().as_str(),
        format!("r{number}-"),
    )
}

fn lane(told: &Told<'_>, axis: &Axis, rows: Vec<Row<'_>>, name: &str, id: String) -> Vec<El> {
    let chunks = rows.chunks(ROWS_MAX);
    let several = chunks.len() > 1;
    chunks
        .enumerate()
        .map(|(part, rows)| {
            let name = match several {
                true => format!("{name}, part {}", part + 1),
                false => name.to_owned(),
            };
            drawn(told, axis, rows, &name, &format!("{id}{part}"))
        })
        .collect()
}

fn drawn(told: &Told<'_>, axis: &Axis, rows: &[Row<'_>], name: &str, id: &str) -> El {
    let count = i64::try_from(rows.len()).unwrap_or(0);
    let height = SCALE + count * ROW + 6;
    let described: Vec<String> = rows.iter().map(|row| row.described()).collect();
    let mut svg = el("svg")
        .class("lane")
        .attr("viewBox", format_args!("0 0 {WIDTH} {height}"))
        .attr("role", "img")
        .attr("aria-labelledby", format_args!("{id}t {id}d"))
        .with(
            el("title")
                .attr("id", format_args!("{id}t"))
                .say(format_args!("Timeline: {name}")),
        )
        .with(
            el("desc")
                .attr("id", format_args!("{id}d"))
                .say(described.join(" ")),
        )
        .with(
            el("pattern")
                .attr("id", format_args!("{id}h"))
                .attr("width", 7)
                .attr("height", 7)
                .attr("patternUnits", "userSpaceOnUse")
                .attr("patternTransform", "rotate(45)")
                .with(
                    el("rect")
                        .class("hatch-ground")
                        .attr("width", 7)
                        .attr("height", 7),
                )
                .with(
                    el("line")
                        .class("hatch")
                        .attr("x1", 0)
                        .attr("y1", 0)
                        .attr("x2", 0)
                        .attr("y2", 7),
                ),
        )
        .with(fade(id, "l", "0", "1"))
        .with(fade(id, "r", "1", "0"))
        .with(scale(axis, height));
    if let Some(expires) = told.findings.warning.expires {
        svg = svg.with(vertical("expiry", axis.x(expires), SCALE, height - 4));
    }
    // First all that lies behind: a deadline's line runs from the scale to its own row.
    for (y, row) in middles(rows) {
        if let Row::Due(deadline) = row {
            svg = svg.with(vertical("due", axis.x(deadline.due), SCALE, y + 8));
        }
    }
    let mut words = Vec::new();
    for (y, row) in middles(rows) {
        let drawn = row.drawn(told, axis, y, id);
        svg = svg
            .with(line("rule", 0, y + ROW / 2, WIDTH, y + ROW / 2))
            .each(drawn.shapes);
        words.extend(drawn.words);
    }
    svg.each(axis.breaks().iter().flat_map(|it| left_out(it, height)))
        .each(words)
}

/// A break of the axis, over all that would be drawn there.
fn left_out(it: &Break, height: i64) -> [El; 3] {
    let middle = (it.left + it.right) / 2;
    let top = SCALE + 18;
    let zigzag: String = (0..=(height - top) / 8)
        .map(|step| format!(" {},{}", middle - 4 + step % 2 * 8, top + step * 8))
        .collect();
    let ground = el("rect")
        .class("left-out")
        .attr("x", it.left + 3)
        .attr("y", SCALE - 2);
    [
        ground
            .attr("width", it.right - it.left - 6)
            .attr("height", height - SCALE + 2),
        el("polyline").class("zigzag").attr("points", zigzag.trim_start()),
        label("break", middle, SCALE + 12, "middle", &it.length),
    ]
}

/// Where a bar has no end, it fades.
fn fade(id: &str, side: &str, from: &str, to: &str) -> El {
    let stop = |offset, opacity| {
        el("stop")
            .class("bracket")
            .attr("offset", offset)
            .attr("stop-opacity", opacity)
    };
    el("linearGradient")
        .attr("id", format_args!("{id}f{side}"))
        .with(stop("0", from))
        .with(stop("1", to))
}

fn middles<'a, 'b>(rows: &'b [Row<'a>]) -> impl Iterator<Item = (i64, &'b Row<'a>)> {
    (0..).zip(rows).map(|(at, row)| (SCALE + at * ROW + ROW / 2, row))
}

fn scale(axis: &Axis, height: i64) -> El {
    let mut group = el("g").with(line("axis", axis.left, SCALE, axis.right, SCALE));
    for it in axis.labels() {
        group = group.with(vertical("grid", it.x, SCALE, height - 4));
        let (x, anchor) = match it.x {
            x if x < axis.left + 28 => (x.max(axis.left) - 4, "start"),
            x if x > axis.right - 28 => (axis.right, "end"),
            x => (x, "middle"),
        };
        group = group.with(label("scale", x, SCALE - 6, anchor, &it.time));
        if let Some(date) = &it.date {
            group = group.with(label("date", x, SCALE - 20, anchor, date));
        }
    }
    group.with(label("scale", 0, SCALE - 6, "start", "UTC"))
}

/// What is drawn of a row: the words come last, over all shapes.
#[derive(Default)]
struct Drawn {
    shapes: Vec<El>,
    words: Vec<El>,
}

impl Row<'_> {
    fn drawn(&self, told: &Told<'_>, axis: &Axis, y: i64, id: &str) -> Drawn {
        match self {
            Row::Acts(acts) => acts_row(acts, axis, y, id),
            Row::Silence(silence) => silence_row(told, silence, axis, y, id),
            Row::Due(deadline) => {
                let mut drawn = named(y, &format!("{} due", deadline.name), &deadline.verdict.brief());
                drawn
                    .words
                    .push(beside(axis.x(deadline.due), y, axis, 5, &clock(deadline.due)));
                drawn
            }
            Row::Expiry(expires) => {
                let mut drawn = named(y, "expires", "as its originator signed");
                let words = label("beside", axis.x(*expires), y + 4, "middle", &clock(*expires));
                drawn.words.push(words);
                drawn
            }
        }
    }

    /// The same in words, for those who do not see it.
    fn described(&self) -> String {
        match self {
            Row::Acts(acts) => {
                let acts = acts.iter().map(|act| {
                    format!(
                        "{}, record {}, at {} by the relay’s clock; {}.",
                        act.what.word(),
                        act.index,
                        full(act.relay_time),
                        standing(act)
                    )
                });
                acts.collect::<Vec<_>>().join(" ")
            }
            Row::Silence(silence) => format!("{}: {}.", silence_name(silence), silence_extent(silence)),
            Row::Due(deadline) => {
                let (name, due) = (deadline.name, short(deadline.due));
                format!(
                    "{name} due at {due} by the relay’s clock: {}.",
                    deadline.verdict.words()
                )
            }
            Row::Expiry(expires) => format!("It expires at {}.", full(*expires)),
        }
    }
}

fn acts_row(acts: &[&Act], axis: &Axis, y: i64, id: &str) -> Drawn {
    let (Some(first), Some(last)) = (acts.first(), acts.last()) else {
        return Drawn::default();
    };
    let (name, which) = match acts.len() {
        1 => (first.what.word().to_owned(), format!("record {}", first.index)),
        several => (
            format!("{} × {several}", first.what.word()),
            format!("records {}–{}", first.index, last.index),
        ),
    };
    let mut drawn = named(y, &name, &format!("{which} · {}", standing(first)));
    drawn
        .shapes
        .extend(acts.iter().filter_map(|act| bracket(act, axis, y, id)));
    for act in acts {
        let x = axis.x(act.relay_time);
        drawn
            .shapes
            .extend([vertical("tick", x, y - 13, y + 13), mark(act, x, y)]);
    }
    if acts.len() == 1 {
        let time = clock(first.relay_time);
        drawn
            .words
            .push(beside(axis.x(first.relay_time), y, axis, 13, &time));
    }
    drawn
}

/// Between when and when it came into the log, on the witnesses' word.
fn bracket(act: &Act, axis: &Axis, y: i64, id: &str) -> Option<El> {
    let (from, to) = (&act.bracket.not_before, &act.bracket.not_after);
    let open = 60;
    let (left, right, fill) = match (from, to) {
        (Some(from), Some(to)) => (axis.x(from.time), axis.x(to.time), None),
        (Some(from), None) => {
            let left = axis.x(from.time);
            (left, (left + open).min(axis.right), Some("r"))
        }
        (None, Some(to)) => {
            let right = axis.x(to.time);
            ((right - open).max(axis.left), right, Some("l"))
        }
        (None, None) => return None,
    };
    let bar = bar("bracket", left, y - 6, right - left, 12);
    Some(match fill {
        // A presentation attribute would give way to the class.
        Some(side) => el("rect")
            .attr("x", left)
            .attr("y", y - 6)
            .attr("width", (right - left).max(2))
            .attr("height", 12)
            .attr("fill", format_args!("url(#{id}f{side})")),
        None => bar,
    })
}

fn silence_row(told: &Told<'_>, silence: &Silence, axis: &Axis, y: i64, id: &str) -> Drawn {
    let mut drawn = named(y, silence_name(silence), &silence_extent(silence));
    let time_of = |index: u64| {
        let mut acts = told.findings.acts.iter();
        acts.find(|act| act.index == index && act.desk.is_some())
            .map(|act| act.relay_time)
    };
    let end = silence.answered.unwrap_or(silence.to);
    let (Some(from), Some(to)) = (time_of(silence.from), time_of(end)) else {
        return drawn;
    };
    let (left, right) = (axis.x(from), axis.x(to.max(from)).max(axis.x(from) + 3));
    let stretch = el("rect")
        .attr("x", left)
        .attr("y", y - 9)
        .attr("width", right - left);
    let hatched = stretch
        .attr("height", 14)
        .attr("fill", format_args!("url(#{id}h)"));
    drawn.shapes.push(hatched);
    if let Some((since, until)) = &silence.lasted {
        let (since, until) = (axis.x(since.time), axis.x(until.time));
        drawn
            .shapes
            .push(bar("proven-silence", since, y + 7, until - since, 5));
    }
    drawn.shapes.push(vertical("end", right, y - 12, y + 8));
    drawn
}

fn silence_name(silence: &Silence) -> &'static str {
    match silence.answered {
        Some(_) => "no answer until then",
        None => "no answer is shown",
    }
}

fn silence_extent(silence: &Silence) -> String {
    let word = match silence.proven_to {
        Some(to) if to == silence.to => "proven".to_owned(),
        Some(to) => format!("proven to {to}"),
        None => "the relay’s word".to_owned(),
    };
    let records = match (silence.from, silence.to) {
        (from, to) if from == to => format!("record {from}"),
        (from, to) => format!("records {from}–{to}"),
    };
    let beyond = match silence.answered {
        Some(_) => "",
        None => "; then not shown",
    };
    format!("{records}, {word}{beyond}")
}

/// On what an act stands, in a few words.
pub(super) fn standing(act: &Act) -> &'static str {
    match (act.standing, &act.what) {
        (Standing::Proven, Deed::Routed) => "proven: in the log",
        (Standing::Proven, _) => "proven: signed",
        (
            Standing::ClaimedByRelay,
            Deed::HandedOver { .. } | Deed::Erased(_) | Deed::Unknown | Deed::Routed,
        ) => "the relay’s word",
        (Standing::ClaimedByRelay, Deed::Warned { .. } | Deed::Said(_)) => "signed; key not proven",
    }
}

/// What a row is, to the left of the axis.
fn named(y: i64, name: &str, under: &str) -> Drawn {
    Drawn {
        shapes: Vec::new(),
        words: vec![
            label("row", 0, y - 2, "start", name),
            label("under", 0, y + 11, "start", under),
        ],
    }
}

/// Words beside a place, on the side that has room.
fn beside(x: i64, y: i64, axis: &Axis, gap: i64, words: &str) -> El {
    let middle = (axis.left + axis.right) / 2;
    if x > middle {
        label("beside", x - gap, y + 4, "end", words)
    } else {
        label("beside", x + gap, y + 4, "start", words)
    }
}

fn label(class: &'static str, x: i64, y: i64, anchor: &'static str, words: &str) -> El {
    el("text")
        .class(class)
        .attr("x", x)
        .attr("y", y)
        .attr("text-anchor", anchor)
        .say(words)
}

fn line(class: &'static str, x1: i64, y1: i64, x2: i64, y2: i64) -> El {
    let line = el("line").class(class).attr("x1", x1).attr("y1", y1);
    line.attr("x2", x2).attr("y2", y2)
}

fn vertical(class: &'static str, x: i64, from: i64, to: i64) -> El {
    line(class, x, from, x, to)
}
