//! Each recipient: its lane of the picture, its deadlines, and the same facts as a table, act by act.

use super::Told;
use super::deadline::{acts_of, deadlines};
use super::marks::legend;
use super::markup::{El, Node, all, el, text};
use super::picture::{self, standing};
use super::sections::header;
use super::text::peer;
use super::times::short;
use super::warning::{figure, signer};
use crate::audit::{Act, Bound, Deed, Note, Said, Standing};
use crate::domain::{DeskAddress, Specific};
use crate::time::Timestamp;

/// A section for all recipients, with the picture and its legend.
pub(super) fn recipients(told: &Told<'_>) -> Node {
    let axis = picture::axis(told);
    let sections = told
        .findings
        .recipients
        .iter()
        .enumerate()
        .map(|(number, recipient)| {
            let lanes = picture::recipient_lane(told, &axis, recipient, number);
            el("section")
                .class("recipient")
                .with(el("h3").say(&recipient.desk))
                .each(lanes.into_iter().map(figure))
                .with(deadline_words(told, number))
                .with(table(told, Some(&recipient.desk)))
        });
    let drawn = "All pictures have one scale, in UTC; a zigzag leaves time out and says how much. The tables say the same in words.";
    el("section")
        .with(el("h2").say("What each recipient did"))
        .with(el("p").say(drawn))
        .with(legend(&told.findings.acts))
        .each(sections)
        .into()
}

/// The deadlines in words.
fn deadline_words(told: &Told<'_>, number: usize) -> Node {
    let recipient = told.findings.recipients.get(number);
    let all = recipient
        .map(|recipient| deadlines(told, recipient))
        .unwrap_or_default();
    if all.is_empty() {
        return text("");
    }
    let items = all.iter().map(|it| {
        el("li").say(format_args!(
            "{} due by the relay’s clock at {}: {}.",
            capital(it.name),
            short(it.due),
            it.verdict.words()
        ))
    });
    el("div")
        .class("deadlines")
        .with(el("ul").each(items))
        .with(el("p").class("aside").say(
            "Deadlines run from the record ROUTED by the relay’s clock, as its genesis record sets them for this precedence. They \
             stand still while the relay is down, which is not shown here. A higher step meets the lower deadlines.",
        ))
        .into()
}

/// The acts of a recipient, or of the warning itself, one a row.
pub(super) fn table(told: &Told<'_>, desk: Option<&DeskAddress>) -> El {
    let rows: Vec<El> = match desk {
        Some(desk) => acts_of(told, desk).map(row).collect(),
        None => {
            let acts = told.findings.acts.iter();
            acts.filter(|act| act.desk.is_none()).map(row).collect()
        }
    };
    let names = ["Record", "What", "By whom", "When"];
    let widths = ["c1", "c2", "c3", "c4"].map(|class| el("col").class(class));
    let table = el("table")
        .class("acts")
        .with(el("colgroup").each(widths))
        .with(header(&names))
        .with(el("tbody").each(rows));
    el("div").class("scrolls").with(table)
}

fn row(act: &Act) -> El {
    let what = el("td")
        .with(el("b").say(act.what.word()))
        .with(details(&act.what))
        .with(
            el("p")
                .class(match act.standing {
                    Standing::Proven => "standing proven",
                    Standing::ClaimedByRelay => "standing claimed",
                })
                .say(standing(act)),
        );
    let by = match &act.by {
        Some(by) => all([
            signer(by),
            el("p").class("aside").say("key ").with(key_words(by)).into(),
        ]),
        None => text("the relay, in its log"),
    };
    el("tr")
        .with(el("th").attr("scope", "row").say(act.index))
        .with(what)
        .with(el("td").with(by))
        .with(el("td").with(times(act)))
}

fn key_words(by: &crate::audit::By) -> El {
    el("span").say(crate::seal::Fingerprint::of(&by.keyid))
}

fn details(what: &Deed) -> Node {
    match what {
        Deed::Warned { accepted } => text(match accepted {
            true => ": the originator signed the warning, and the relay accepted it",
            false => ": the originator signed the warning; the relay recorded it by its digest",
        }),
        Deed::Routed => text(": the originator’s signed audience names this desk. No receipt."),
        Deed::HandedOver { unrecorded, .. } => text(match unrecorded {
            0 => ": to a connection of this desk. No receipt.".to_owned(),
            several => format!(
                ": to a connection of this desk, after {several} more that left no record. No receipt."
            ),
        }),
        Deed::Said(said) => said_details(said),
        Deed::Erased(erased) => text(format!(
            ": what was said in record {} is erased, by the rule for {}",
            erased.index,
            erased.rule()
        )),
        Deed::Unknown => text(": a record of a later version, which this page cannot read"),
    }
}

fn said_details(said: &Said) -> Node {
    let mut nodes = Vec::new();
    let mut add = |words: String| nodes.push(text(words));
    if let Some(reason) = said.reason {
        add(format!("; reason {reason}"));
        if let Some(meaning) = reason.meaning() {
            add(format!(": {meaning}"));
        }
    }
    if let Some(assessment) = said.assessment {
        add(format!("; assessment {assessment}"));
    }
    if !said.missing.is_empty() {
        let missing: Vec<String> = said.missing.iter().map(Specific::to_string).collect();
        add(format!("; missing: {}", missing.join(", ")));
    }
    if let Some(until) = said.until {
        add(format!("; until {}", short(until)));
    }
    if let Some(to) = &said.to {
        add(format!("; competent instead: {to}"));
    }
    match &said.note {
        Note::None => {}
        Note::Kept(words) => nodes.extend([
            text(format_args!("; in their words ({}): ", words.language)),
            peer(&words.text, Some(&words.language)),
            text(match said.sealed {
                true => " (sealed to the warning’s originator, and opened in the evidence file)",
                false => "",
            }),
        ]),
        Note::Sealed => add("; with words that are sealed; not opened in the evidence file".to_owned()),
        Note::Absent => add("; with words that are not shown".to_owned()),
    }
    all(nodes)
}

/// All that is known of when: whose word each is stands above it.
fn times(act: &Act) -> El {
    let mut list = el("ul").class("times");
    let mut add = |what: Node, time: Option<Timestamp>| {
        let time = time.map_or_else(|| "nobody but the relay says".to_owned(), short);
        let what = el("span").class("of").with(what);
        let item = el("li").with(what).say(" ");
        list = list.clone().with(item.with(el("span").class("t").say(time)));
    };
    if let Some(by) = &act.by {
        add(text("signer’s clock"), Some(by.sent));
    }
    add(text("relay’s clock"), Some(act.relay_time));
    let time = |bound: &Option<Bound>| bound.as_ref().map(|bound| bound.time);
    let bracket = &act.bracket;
    if bracket.signed_not_before.is_some() {
        let what = text("its signer had seen what the witnesses did not know yet at");
        add(what, time(&bracket.signed_not_before));
    }
    add(
        text("the witnesses did not know it yet at"),
        time(&bracket.not_before),
    );
    let authority = bracket
        .not_after
        .as_ref()
        .and_then(|bound| bound.authority.as_ref());
    let in_the_log = match authority {
        None => text("in the log, on the witnesses’ word, by"),
        Some(name) => all([
            text("in the log, on the word of the timestamp authority "),
            peer(name, None),
            text(", by"),
        ]),
    };
    add(in_the_log, time(&bracket.not_after));
    list
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
