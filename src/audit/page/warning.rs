//! The warning itself: who, to whom, what is signed about it, and its words in each language.

use super::Told;
use super::markup::{El, Node, all, el, text};
use super::picture;
use super::text::{language_name, peer, peer_block};
use super::times::full;
use crate::audit::check::listed;
use crate::audit::{BodyShown, By, Findings};
use crate::domain::{Attribution, Body, ContentBlock, Warning, WarningType};

/// The warning: who, to whom, what in each language, and its lane.
pub(super) fn warning(told: &Told<'_>) -> Node {
    let findings = told.findings;
    let act = findings.acts.first();
    let mut list = el("dl").class("facts");
    let mut fact = |name: &'static str, value: Node| {
        list = list
            .clone()
            .with(el("div").with(el("dt").say(name)).with(el("dd").with(value)));
    };
    if let Some(by) = act.and_then(|act| act.by.as_ref()) {
        fact("From", signer(by));
        fact(
            "Signed",
            text(format_args!("{}, by the signer’s own clock", full(by.sent))),
        );
    }
    let desks: Vec<String> = findings.recipients.iter().map(|it| it.desk.to_string()).collect();
    let others = match findings.all_recipients {
        true => "",
        false => " (others, if any, are not shown)",
    };
    fact("To", text(format_args!("{}{others}", listed(&desks))));
    let warning = &findings.warning;
    fact(
        "Kind",
        text(format_args!(
            "{} {} {}",
            warning.status, warning.precedence, warning.warning_type
        )),
    );
    if let Some(header) = &told.header {
        header_facts(header, &mut fact);
    }
    if let Some(expires) = warning.expires {
        fact("Expires", text(expiry(told, &full(expires))));
    }
    fact("Id", el("code").say(warning.id).into());
    fact("Digest", el("code").say(warning.digest).into());
    let body = match &told.body {
        Some(body) if warning.sealed => {
            all([Node::from(el("p").class("aside").say(OPENED)), body_blocks(body)])
        }
        Some(body) => body_blocks(body),
        None => el("p").class("caution").say(unread(findings)).into(),
    };
    let axis = picture::axis(told);
    el("section")
        .with(el("h2").say("The warning"))
        .with(list)
        .with(body)
        .each(picture::warning_lane(told, &axis).into_iter().map(figure))
        .with(super::acts::table(told, None))
        .into()
}

const OPENED: &str = "The body was sealed so that the relay could not read it, and is opened in the evidence file: what stands here is \
                      what its originator had signed.";

/// Why the page has no body.
fn unread(findings: &Findings) -> String {
    let signed = "What was signed is its digest and length, so no other body can be put in its place.";
    match (findings.warning.body, findings.body_erased()) {
        (BodyShown::Sealed, _) => {
            "What the warning says is sealed; not opened in the evidence file. It is not erased: whoever it was sealed to, or its \
             originator, can open it."
                .to_owned()
        }
        (BodyShown::Clear | BodyShown::Opened | BodyShown::Absent, Some(record)) => format!(
            "What the warning says is not shown: its body is not in the evidence file, and by record {record} the relay says that it has \
             erased it. {signed}"
        ),
        (BodyShown::Clear | BodyShown::Opened | BodyShown::Absent, None) => format!(
            "What the warning says is not shown: its body is not in the evidence file, because it was erased or left out. {signed}"
        ),
    }
}

/// A lane, which a narrow screen scrolls.
pub(super) fn figure(lane: El) -> El {
    el("figure").class("scrolls").with(lane)
}

fn expiry(told: &Told<'_>, expires: &str) -> String {
    match told.findings.warning.warning_type {
        WarningType::Alert | WarningType::Update | WarningType::Extend | WarningType::Notice => format!(
            "{expires}, as signed. No withdrawal of it is shown here: from then on it is to be read as expired, not withdrawn. \
             An expiry is no all-clear."
        ),
        WarningType::Cancel | WarningType::Question | WarningType::Answer | WarningType::Outcome => {
            format!("{expires}, as signed.")
        }
    }
}

fn header_facts(header: &Warning, fact: &mut impl FnMut(&'static str, Node)) {
    let words = |all: &[String], none: &str| match all {
        [] => none.to_owned(),
        all => all.join(", "),
    };
    fact("Category", text(header.category));
    let harm: Vec<String> = header.harm.iter().map(|it| sentence_case(it.word())).collect();
    let asserted = [
        (header.assertions.credible, "credible"),
        (header.assertions.specific, "specific"),
        (header.assertions.impending, "impending"),
    ];
    let asserted: Vec<String> = asserted
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, word)| (*word).to_owned())
        .collect();
    fact(
        "Threat",
        text(format_args!(
            "{}; asserted to be: {}",
            words(&harm, "no harm is named"),
            words(&asserted, "nothing")
        )),
    );
    let specifics = &header.specifics;
    let known = [
        ("place", specifics.place),
        ("time", specifics.time),
        ("method", specifics.method),
        ("target", specifics.target),
        ("perpetrator", specifics.perpetrator),
    ];
    let known: Vec<String> = known
        .iter()
        .map(|(what, known)| format!("{what} {}", known.word().to_ascii_lowercase()))
        .collect();
    fact("Known of it", text(known.join(", ")));
    if let Some(territory) = &header.territory {
        fact("Territory", text(territory.to_string().to_ascii_uppercase()));
    }
    let victims: Vec<String> = header
        .victims_of
        .iter()
        .map(|it| it.to_string().to_ascii_uppercase())
        .collect();
    if !victims.is_empty() {
        fact("Citizens of", text(victims.join(", ")));
    }
    let handling = &header.handling;
    let mut rules = vec![
        format!("TLP:{}", handling.tlp.word().replace('_', "+")),
        format!("onward transfer: {}", sentence_case(handling.onward.word())),
        format!(
            "the threatened may be told: {}",
            sentence_case(handling.notify_victim.word())
        ),
    ];
    if handling.personal_data {
        rules.push("contains personal data".to_owned());
    }
    if handling.attribution == Attribution::ViaRelay {
        rules.push("its sender is not to be named to the recipient".to_owned());
    }
    fact("Handling", text(rules.join("; ")));
    if !header.references.is_empty() {
        let earlier = header
            .references
            .iter()
            .map(|it| el("li").with(el("code").say(it.id)));
        fact("Refers to", el("ul").each(earlier).into());
    }
}

fn body_blocks(body: &Body) -> Node {
    let (authoritative, others): (Vec<_>, Vec<_>) = body
        .blocks
        .iter()
        .partition(|block| block.language == body.authoritative);
    let blocks = authoritative.into_iter().chain(others);
    let onset = match (body.onset, body.onset_until) {
        (None, None) => String::new(),
        (Some(from), None) => format!("; expected from {}", full(from)),
        (None, Some(until)) => format!("; expected until {}", full(until)),
        (Some(from), Some(until)) => format!("; expected between {} and {}", full(from), full(until)),
    };
    let judged = format!(
        "Urgency {}, severity {}, certainty {}{onset}. What follows in frames are the originator’s words, as they were signed.",
        body.urgency, body.severity, body.certainty
    );
    let blocks = blocks.map(|block| body_block(block, block.language == body.authoritative));
    all([Node::from(el("p").say(judged)), all(blocks)])
}

fn body_block(block: &ContentBlock, is_authoritative: bool) -> El {
    let tag = block.language.as_str();
    let named = language_name(tag).map_or_else(|| tag.to_owned(), |name| format!("{name} ({tag})"));
    let which = match is_authoritative {
        true => " — authoritative: where versions differ, this one counts",
        false => " — a version signed together with it",
    };
    let name = el("h3").say(named).with(el("span").class("aside").say(which));
    let mut list = el("dl").class("words-of");
    for (what, words) in [
        ("Headline", &block.headline),
        ("Event", &block.event),
        ("Description", &block.description),
        ("Instruction", &block.instruction),
        ("Where", &block.area),
        ("Against", &block.target),
    ] {
        if !words.is_empty() {
            let pair = el("div").with(el("dt").say(what));
            list = list.with(pair.with(el("dd").with(peer_block(words, Some(tag)))));
        }
    }
    el("div").class("version").with(name).with(list)
}

/// Who signed: agency, office, desk, role.
pub(super) fn signer(by: &By) -> Node {
    let mut nodes = vec![Node::from(el("b").say(&by.principal))];
    if !by.office.is_empty() {
        nodes.extend([text(", "), peer(&by.office, None)]);
    }
    if let Some(desk) = by.desk.as_ref().filter(|desk| !desk.is_duty()) {
        nodes.push(text(format_args!(", for the desk {desk}")));
    }
    nodes.push(text(format_args!(" (key role: {})", by.role)));
    all(nodes)
}

/// `INTENTIONAL_KILLING` as words.
fn sentence_case(word: &str) -> String {
    word.replace('_', " ").to_ascii_lowercase()
}
