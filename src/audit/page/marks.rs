//! The marks of the picture: a shape for each kind of act, so that they are told apart without colour; filled if proven,
//! hollow if it is the relay's word.

use super::markup::{El, Node, all, el};
use crate::audit::{Act, Deed, Standing};
use crate::domain::AcknowledgementKind;

/// The outline of an act's mark, about a middle of 0,0; each fits into 18 by 18.
fn outline(deed: &Deed) -> &'static str {
    match deed {
        Deed::Warned { .. } => "M0 -9L9 -2L5 8H-5L-9 -2Z",
        Deed::Routed => "M-7 -8L9 0L-7 8Z",
        Deed::HandedOver { .. } => "M0 -9L9 0L0 9L-9 0Z",
        Deed::Erased(_) => "M-9 -2H9V2H-9ZM-5 -8H5V-5H-5ZM-5 5H5V8H-5Z",
        Deed::Unknown => "M-8 -7H8L0 8Z",
        Deed::Said(said) => match said.kind {
            AcknowledgementKind::Received => "M-8 0A8 8 0 1 0 8 0A8 8 0 1 0 -8 0Z",
            AcknowledgementKind::Opened => "M-7 -7H7V7H-7Z",
            AcknowledgementKind::Accepted => "M-9 0L-6 -4L-2 0L6 -8L9 -5L-2 7Z",
            AcknowledgementKind::Deferred => "M-8 -8H8L2 0L8 8H-8L-2 0Z",
            AcknowledgementKind::Refused => "M-8 -5L-5 -8L0 -3L5 -8L8 -5L3 0L8 5L5 8L0 3L-5 8L-8 5L-3 0Z",
            AcknowledgementKind::Misdirected => "M-9 -3H0V-8L9 0L0 8V3H-9Z",
            AcknowledgementKind::Acted => "M-9 0L-5 -8H5L9 0L5 8H-5Z",
            AcknowledgementKind::VictimWarned => "M-3 -9H3V-3H9V3H3V9H-3V3H-9V-3H-3Z",
            AcknowledgementKind::VictimNotWarned => "M-9 -4H9V4H-9Z",
        },
    }
}

/// What it means, for whoever sees one for the first time.
fn meaning(deed: &Deed) -> &'static str {
    match deed {
        Deed::Warned { .. } => "the originator signed the warning",
        Deed::Routed => "the relay addressed it to this desk; no receipt",
        Deed::HandedOver { .. } => "the relay says that it wrote it to this desk’s connection; no receipt",
        Deed::Erased(_) => "the relay says that it erased what was said, by a rule",
        Deed::Unknown => "a record of a later version",
        Deed::Said(said) => match said.kind {
            AcknowledgementKind::Received => "the recipient’s system signed that it has it, whole",
            AcknowledgementKind::Opened => "an officer signed that they read it",
            AcknowledgementKind::Accepted => "an officer took it up",
            AcknowledgementKind::Deferred => "an officer put it off until a time",
            AcknowledgementKind::Refused => "an officer declined it, with a reason",
            AcknowledgementKind::Misdirected => "an officer said that another is competent",
            AcknowledgementKind::Acted => "an officer signed that they acted on it",
            AcknowledgementKind::VictimWarned => "an officer signed that the threatened were told",
            AcknowledgementKind::VictimNotWarned => "an officer signed that the threatened were not told",
        },
    }
}

/// An act's mark, where it stands.
pub(super) fn mark(act: &Act, x: i64, y: i64) -> El {
    el("path")
        .class(class_of(act))
        .attr("transform", format_args!("translate({x} {y})"))
        .attr("d", outline(&act.what))
}

fn class_of(act: &Act) -> &'static str {
    match act.standing {
        Standing::Proven => "proven",
        Standing::ClaimedByRelay => "claimed",
    }
}

/// What the marks of these acts mean, each once, in the order of their first use.
pub(super) fn legend(acts: &[Act]) -> El {
    let mut shown: Vec<&str> = Vec::new();
    let mut list = el("ul").class("legend");
    for act in acts {
        let word = act.what.word();
        if shown.contains(&word) {
            continue;
        }
        shown.push(word);
        let path = el("path").class(class_of(act)).attr("d", outline(&act.what));
        let sign = sign().with(path);
        let item = el("li").with(sign).with(el("b").say(word));
        list = list.with(item.say(format_args!(": {}", meaning(&act.what))));
    }
    let square = |class: &'static str| el("path").class(class).attr("d", "M-7 -7H7V7H-7Z");
    let upright = |class: &'static str| el("path").class(class).attr("d", "M0 -10V10");
    let hatched = ["M-8 -6L-4 6", "M-2 -6L2 6", "M4 -6L8 6"];
    let hatched = hatched.map(|d| el("path").class("hatch").attr("d", d));
    let signs = [
        (square("proven").into(), "filled", "proven by a signature"),
        (
            square("claimed").into(),
            "hollow",
            "the relay’s word, or a key that leads to no trusted root",
        ),
        (
            upright("tick").into(),
            "tick",
            "when the relay’s clock says that it recorded it: a claim",
        ),
        (
            bar("bracket", -9, -3, 18, 6).into(),
            "bar",
            "it came into the log between these times, on the word of others than the relay; a bar that fades has no end on that side",
        ),
        (
            all(hatched),
            "hatched",
            "no answer, as far as the records are shown; never beyond the last of them",
        ),
        (
            bar("proven-silence", -9, 1, 18, 5).into(),
            "black bar",
            "so long at least no answer was in the log that witnesses knew",
        ),
        (
            upright("due").into(),
            "dashed line",
            "a deadline, by the relay’s clock",
        ),
        (
            upright("expiry").into(),
            "dotted line",
            "when the warning expires, as signed",
        ),
    ];
    let signs: [(Node, &str, &str); 8] = signs;
    list.each(signs.map(|(drawn, name, meaning)| {
        let item = el("li").with(sign().with(drawn)).with(el("b").say(name));
        item.say(format_args!(": {meaning}"))
    }))
}

/// A small picture beside words that say the same.
fn sign() -> El {
    el("svg")
        .class("sign")
        .attr("viewBox", "-10 -10 20 20")
        .attr("width", 15)
        .attr("height", 15)
        .attr("aria-hidden", "true")
}

/// A stretch of time, never too short to be seen.
pub(super) fn bar(class: &'static str, x: i64, y: i64, width: i64, height: i64) -> El {
    el("rect")
        .class(class)
        .attr("x", x)
        .attr("y", y)
        .attr("width", width.max(2))
        .attr("height", height)
}
