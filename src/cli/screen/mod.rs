//! What an officer sees of a warning. Four things must hold: whether it is real cannot be missed; what was verified
//! is said apart from what the sender says; the officer's own language stands first; and nothing that a peer wrote can
//! look like ours: each of its lines is neutral, isolated and behind a gutter, and no line of ours has one.

mod delivered;
mod layout;
mod style;
mod text;
mod times;
mod words;

#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;

use crate::client::{Content, ErasedHere};
use crate::domain::{
    AcknowledgementKind, AgencyId, Body, ContentBlock, DeskAddress, Digest, Form, KeyId, Language, Principal,
    Status, Warning, WarningType,
};
use crate::seal::Fingerprint;
use crate::time::Timestamp;

pub(crate) use delivered::{passed_on_screen, screen};
use layout::Page;
pub use style::Colours;
pub(crate) use style::Tone;
pub(crate) use text::{lines, name, one_line, width_of, wrap};

/// What is shown.
#[derive(Debug, Clone)]
pub struct ScreenInput<'a> {
    /// The header, as it was verified.
    pub warning: &'a Warning,
    /// Its digest.
    pub digest: Digest,
    /// What it says, as far as it can be read here.
    pub content: &'a Content,
    /// When and by what it was erased here, if that is so.
    pub erased: Option<&'a ErasedHere>,
    /// The desk that it came to.
    pub desk: &'a DeskAddress,
    /// It did not come from the log to us: the agency of `desk` handed it over.
    pub passed_on: Option<&'a Passing<'a>>,
    /// Whether the commands must name the desk: it is not the profile's own.
    pub name_desk: bool,
    /// What was verified.
    pub checked: Checked,
    /// What this desk has acknowledged so far, oldest first.
    pub so_far: &'a [(AcknowledgementKind, Timestamp)],
    /// What the officer reads, best first.
    pub languages: &'a [Language],
    /// Now.
    pub now: Timestamp,
    /// How this program is called (`wardline --profile DIR`).
    pub program: &'a str,
    /// The office that answers, if it is known.
    pub office: Option<&'a str>,
}

/// How a warning was handed over, by the agency that held it.
#[derive(Debug, Clone, Copy)]
pub struct Passing<'a> {
    /// To us.
    pub to: &'a AgencyId,
    /// The office that signed it.
    pub office: &'a str,
    /// When, by its clock.
    pub at: Timestamp,
    /// The officer's key.
    pub key: KeyId,
    /// Whether a person has confirmed that key.
    pub key_confirmed: bool,
    /// It says that the originator agreed.
    pub originator_agreed: bool,
    /// It should not have been handed over: why.
    pub barred: Option<&'a str>,
}

/// What was verified of a warning, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// The originator's key.
    pub key: KeyId,
    /// Whether a person has confirmed that key.
    pub key_confirmed: bool,
    /// The root that certified it, if it is known here.
    pub root: Option<KeyId>,
    /// The `ROUTED` record.
    pub index: u64,
    /// When the relay says that it was routed.
    pub routed_at: Timestamp,
    /// The size of the log whose checkpoint was verified.
    pub log_size: u64,
}

/// Below this many columns lines may become longer than the terminal.
const WIDTH_MIN: usize = 40;
/// Longer lines are hard to read.
const WIDTH_MAX: usize = 160;
/// From this width on two languages stand side by side.
const SIDE_BY_SIDE: usize = 110;

/// The screen, ending with a newline.
pub fn render(input: &ScreenInput<'_>, width: usize, colours: Colours, zone: &TimeZone) -> String {
    let width = width.clamp(WIDTH_MIN, WIDTH_MAX);
    let mut page = Page::new(width, colours);
    page.status_line(input.warning.status);
    head(&mut page, input);
    texts(&mut page, input);
    threat(&mut page, input, zone);
    verified(&mut page, input, zone);
    claims(&mut page, input, zone);
    commands(&mut page, input);
    page.status_line(input.warning.status);
    page.finish()
}

/// Whether it is real, how urgent it is, what it is, from whom, and whether it has expired.
fn head(page: &mut Page, input: &ScreenInput<'_>) {
    let warning = input.warning;
    let kind = format!("{} {}", warning.precedence, warning.warning_type);
    page.ours(
        Tone::Strong,
        &format!("{kind}  from {}  to {}", sender(warning), input.desk),
    );
    let tone = match warning.status {
        Status::Actual => Tone::Alarm,
        Status::Exercise | Status::System | Status::Test => Tone::Strong,
    };
    page.ours(tone, words::status(warning.status));
    page.ours(Tone::Quiet, words::warning_type(warning.warning_type));
    if let Some(passing) = input.passed_on {
        handed_over(page, input, passing);
    }
    if let Some(expires) = warning.expires
        && expires <= input.now
    {
        let ago = times::distance(expires, input.now);
        page.ours(
            Tone::Alarm,
            &format!("EXPIRED {ago}, not withdrawn. The end of a warning is no all-clear."),
        );
    }
    page.blank();
}

/// It came by another agency, which vouches for nothing but that.
fn handed_over(page: &mut Page, input: &ScreenInput<'_>, passing: &Passing<'_>) {
    let holder = input.desk.agency();
    page.ours(
        Tone::Alarm,
        &format!(
            "PASSED ON to {} by {holder}, not sent to you by {}.",
            passing.to,
            sender(input.warning)
        ),
    );
    if let Some(why) = passing.barred {
        let said = format!("{holder} should not have passed it on: {why}. Pass it on to nobody.");
        page.ours(Tone::Alarm, &said);
    } else if passing.originator_agreed {
        let said = format!(
            "{holder} says that {} was asked and agreed.",
            sender(input.warning)
        );
        page.ours(Tone::Quiet, &said);
    }
}

/// There is no text, and why.
fn unread(page: &mut Page, sentences: &[&str]) {
    for sentence in sentences {
        page.ours(Tone::Alarm, sentence);
    }
    page.blank();
}

/// The officer's own language first, the authoritative one beside it or under it.
fn texts(page: &mut Page, input: &ScreenInput<'_>) {
    let body = match input.content {
        Content::Read(body) => body,
        Content::Erased => {
            let erased = "The text has been erased. What was signed, and every proof of it, remains.";
            let here = input.erased.map(|it| one_line(&format!("Here it was {it}.")));
            let here = here.as_deref();
            let said: Vec<&str> = std::iter::once(erased).chain(here).collect();
            return unread(page, &said);
        }
        Content::Closed => {
            let closed = "The text is sealed, and no key of this profile opens it.";
            let find = "Another machine of yours may have the key (keys/seal.pem, keys/opens): read it there, or bring the key here.";
            return unread(page, &[closed, find]);
        }
        Content::Unreadable(why) => {
            let said = format!("The text cannot be read: {why}.");
            return unread(
                page,
                &[
                    &said,
                    "Let the sender know: the first of the lines below says so.",
                ],
            );
        }
    };
    let authoritative = body
        .blocks
        .iter()
        .find(|block| same(&block.language, &body.authoritative));
    let own = own_block(body, input.languages);
    if own.is_none() && !input.languages.is_empty() {
        let wanted: Vec<&str> = input.languages.iter().map(Language::as_str).collect();
        page.ours(
            Tone::Alarm,
            &format!("There is no text in {}.", wanted.join(" or ")),
        );
    }
    match (own, authoritative) {
        (Some(own), Some(counts)) if own.language != counts.language => {
            let titles = (title(own, false), title(counts, true));
            if page.width() >= SIDE_BY_SIDE {
                page.beside((&titles.0, own), (&titles.1, counts));
            } else {
                page.block(&titles.0, own);
                page.block(&titles.1, counts);
            }
        }
        (Some(block), _) | (None, Some(block)) => page.block(&title(block, true), block),
        (None, None) => {}
    }
    let others = body
        .blocks
        .iter()
        .filter(|block| Some(*block) != own && Some(*block) != authoritative);
    let others: Vec<&str> = others.map(|block| block.language.as_str()).collect();
    if !others.is_empty() {
        page.ours(Tone::Quiet, &format!("Also in {}.", others.join(", ")));
        page.blank();
    }
}

fn title(block: &ContentBlock, authoritative: bool) -> String {
    if authoritative {
        format!("{} (authoritative: this text counts)", block.language)
    } else {
        block.language.to_string()
    }
}

/// Where, against whom, when, and until when it holds.
fn threat(page: &mut Page, input: &ScreenInput<'_>, zone: &TimeZone) {
    let warning = input.warning;
    let territory = warning.territory.as_ref().map(|it| format!("territory {it}"));
    page.field("place", territory.as_deref().unwrap_or("territory not said"));
    if let Some(body) = input.content.body() {
        let blocks = shown_blocks(body, input.languages);
        for block in &blocks {
            page.peer("", &block.area);
        }
        for circle in &body.area.circles {
            page.peer("", &format!("circle {circle} km"));
        }
        for polygon in &body.area.polygons {
            page.peer("", &format!("polygon {polygon}"));
        }
        for (system, code) in &body.area.geocodes {
            page.peer("", &format!("{system} {code}"));
        }
        for (index, block) in blocks.iter().enumerate() {
            page.peer(if index == 0 { "target" } else { "" }, &block.target);
        }
    }
    if !warning.victims_of.is_empty() {
        let states: Vec<&str> = warning.victims_of.iter().map(|it| it.as_str()).collect();
        page.field("victims", &format!("citizens of {}", states.join(", ")));
    }
    let at = |time| {
        format!(
            "{} ({})",
            times::both(time, zone),
            times::distance(time, input.now)
        )
    };
    match input.content.body().map(|body| (body.onset, body.onset_until)) {
        Some((Some(from), until)) => {
            page.field("expected", &format!("from {}", at(from)));
            if let Some(until) = until {
                page.field("", &format!("to   {}", at(until)));
            }
        }
        Some((None, Some(until))) => page.field("expected", &format!("by {}", at(until))),
        Some((None, None)) => page.field("expected", "the time is not said"),
        // It would stand in the body.
        None => {}
    }
    match warning.expires {
        Some(expires) if expires <= input.now => {
            page.field("expires", &format!("{}: expired, not withdrawn", at(expires)));
        }
        Some(expires) => page.field("expires", &at(expires)),
        None => page.field("expires", "not said"),
    }
    page.blank();
}

/// Who says so, and what this machine has checked itself.
fn verified(page: &mut Page, input: &ScreenInput<'_>, zone: &TimeZone) {
    let (warning, checked) = (input.warning, input.checked);
    page.field("says", &sender(warning));
    if let Some(signer) = warning.common.named() {
        if let Some(desk) = &signer.desk {
            page.field("", &format!("desk {desk}"));
        }
        page.peer("office", &signer.office);
    }
    page.field(
        "sent",
        &format!(
            "{}, by the sender's clock",
            times::both(warning.common.sent, zone)
        ),
    );
    page.field(
        "",
        &format!(
            "{}, by the relay's clock, when it was routed",
            times::both(checked.routed_at, zone)
        ),
    );
    page.checked("signed", &format!("by the key of {}", sender(warning)));
    page.field("", &Fingerprint::of(&checked.key).to_string());
    if !checked.key_confirmed {
        page.alarm(
            "",
            "No person here has confirmed this key: compare its eight words with the sender by another way.",
        );
    }
    match checked.root {
        Some(root) => {
            page.checked("certified", &format!("by the root of {}", state(warning)));
            page.field("", &Fingerprint::of(&root).to_string());
        }
        None => page.alarm("certified", "the root that certified the key is not known here"),
    }
    match (warning.body.form, input.content) {
        (Form::Sealed, Content::Read(_)) => page.checked(
            "sealed",
            "to your agency, whoever else it went to, and its sender: the relay could not read it",
        ),
        (Form::Sealed, Content::Erased | Content::Closed | Content::Unreadable(_)) => {}
        (Form::Clear, _) => page.alarm("in clear", "whoever runs the relay could read it too"),
    }
    page.checked(
        "on record",
        &format!(
            "index {} of {} in the log {}, proven against its signed checkpoint",
            checked.index, checked.log_size, warning.common.origin
        ),
    );
    page.field("digest", &input.digest.to_string());
    if let Some(passing) = input.passed_on {
        let at = times::both(passing.at, zone);
        let said = format!("by an officer of {}, {at} by its clock", input.desk.agency());
        page.checked("passed on", &said);
        page.field("", &Fingerprint::of(&passing.key).to_string());
        page.peer("office", passing.office);
        if !passing.key_confirmed {
            page.alarm("", "No person here has confirmed this key either.");
        }
    }
    page.blank();
}

/// What the sender asserts and asks.
fn claims(page: &mut Page, input: &ScreenInput<'_>, zone: &TimeZone) {
    let warning = input.warning;
    let harm: Vec<&str> = warning.harm.iter().map(|it| words::harm(*it)).collect();
    page.field(
        "harm",
        if harm.is_empty() {
            "none is asserted".to_owned()
        } else {
            harm.join(", ")
        }
        .as_str(),
    );
    let asserted = warning.assertions;
    let asserted: Vec<&str> = [
        (asserted.credible, "credible"),
        (asserted.specific, "specific"),
        (asserted.impending, "impending"),
    ]
    .into_iter()
    .filter_map(|(said, word)| said.then_some(word))
    .collect();
    page.field(
        "asserted",
        if asserted.is_empty() {
            "nothing".to_owned()
        } else {
            asserted.join(", ")
        }
        .as_str(),
    );
    if let Some(body) = input.content.body() {
        let text = format!(
            "urgency {}, severity {}, certainty {}",
            body.urgency, body.severity, body.certainty
        );
        page.field("judged", &text);
    }
    page.field("known", &words::specifics(&warning.specifics));
    page.field("handling", &words::handling(&warning.handling, &sender(warning)));
    for reference in &warning.references {
        page.field("refers to", &reference.id.to_string());
    }
    for (kind, at) in input.so_far {
        page.field("so far", &format!("{kind} {}", times::both(*at, zone)));
    }
    page.blank();
}

/// The exact lines to type.
fn commands(page: &mut Page, input: &ScreenInput<'_>) {
    let warning = input.warning;
    if input.passed_on.is_some() {
        let said = format!(
            "No answer to it can be recorded from here: the log does not know that you have it. Speak with {}, or with {}.",
            input.desk.agency(),
            sender(warning)
        );
        page.ours(Tone::Strong, &said);
        return page.blank();
    }
    let by = quoted(input.office.unwrap_or("duty officer"));
    let ack = format!("{} ack {}", input.program, warning.common.id);
    let desk = if input.name_desk {
        format!(" --desk {}", input.desk)
    } else {
        String::new()
    };
    page.ours(Tone::Strong, "Answer with one of these lines:");
    if let Content::Unreadable(_) = input.content {
        page.command(&format!("{ack} --as refused --by {by} --reason unreadable{desk}"));
    }
    for said in [
        format!("--as opened --by {by}"),
        format!("--as accepted --by {by} --assessment actionable"),
        format!(
            "--as accepted --by {by} --assessment too-vague --missing {}",
            words::missing(&warning.specifics)
        ),
        format!("--as deferred --by {by} --until 30m"),
        format!("--as refused --by {by} --reason not-competent"),
        format!("--as misdirected --by {by} --to ADDRESS"),
    ] {
        page.command(&format!("{ack} {said}{desk}"));
    }
    page.ours(Tone::Quiet, "and later:");
    for said in ["acted", "victim-warned", "victim-not-warned"] {
        page.command(&format!("{ack} --as {said} --by {by}{desk}"));
    }
    if warning.warning_type == WarningType::Question {
        page.ours(
            Tone::Quiet,
            "An ANSWER is a draft (wardline draft new) with type ANSWER that refers to:",
        );
        page.command(&format!(
            "references: [{{id: {}, digest: \"{}\"}}]",
            warning.common.id, input.digest
        ));
    }
    page.blank();
}

/// A parsed id, so it is ours to print.
fn sender(warning: &Warning) -> String {
    match warning.common.named() {
        Some(signer) => signer.principal.to_string(),
        None => "a sender that the relay does not name".to_owned(),
    }
}

fn state(warning: &Warning) -> String {
    let signer = warning.common.named().map(|signer| &signer.principal);
    match signer.and_then(Principal::agency) {
        Some(agency) => agency.state().to_string(),
        None => "its state".to_owned(),
    }
}

/// The block in the first of the officer's languages that there is: the tag itself, or its primary language.
fn own_block<'a>(body: &'a Body, languages: &[Language]) -> Option<&'a ContentBlock> {
    languages.iter().find_map(|wanted| {
        let exact = body.blocks.iter().find(|block| same(&block.language, wanted));
        exact.or_else(|| {
            body.blocks
                .iter()
                .find(|block| block.language.primary() == wanted.primary())
        })
    })
}

/// The officer's own version and the authoritative one; once, if they are the same.
fn shown_blocks<'a>(body: &'a Body, languages: &[Language]) -> Vec<&'a ContentBlock> {
    let own = own_block(body, languages);
    let counts = body
        .blocks
        .iter()
        .find(|block| same(&block.language, &body.authoritative));
    let mut blocks: Vec<&ContentBlock> = own.into_iter().chain(counts).collect();
    blocks.dedup_by_key(|block| &block.language);
    blocks
}

fn same(one: &Language, other: &Language) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// As a shell takes it for one word.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!(
            "'{}'",
            text::neutral(word).replace('\n', " ").replace('\'', r"'\''")
        )
    }
}
