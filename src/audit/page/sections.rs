//! What this is, where each recipient stands, and what is proven, claimed and not shown.

use super::deadline::{acts_of, deadlines};
use super::markup::{El, Node, el};
use super::text::{peer_block, sentence};
use super::times::full;
use super::{Basis, Told};
use crate::audit::check::listed;
use crate::audit::{Deed, RecipientFinding, Standing};
use crate::domain::{Body, Status, Step};

/// The title, three sentences, and where each recipient stands.
pub(super) fn opening(told: &Told<'_>) -> Node {
    let findings = told.findings;
    let desks: Vec<String> = findings.recipients.iter().map(|it| it.desk.to_string()).collect();
    let by = findings.acts.first().and_then(|act| act.by.as_ref());
    let from = by.map_or_else(|| "an agency".to_owned(), |by| by.principal.to_string());
    let kind = match findings.warning.status {
        Status::Actual => "a warning",
        Status::Exercise | Status::System | Status::Test => "an exercise or test warning",
    };
    let what = format!(
        "This page tells what became of {kind} that {from} sent to {}: who was told, when, what they answered, and who signed for it.",
        listed(&desks)
    );
    let section = el("section")
        .with(el("h1").say("What became of a warning"))
        .with(el("p").class("lead").say(what))
        .with(el("p").class("lead").say(
            "What is marked proven rests on signatures that no state, no agency and no operator of the relay between them can \
             alter or take back unnoticed; what rests on the relay’s word alone is marked as that, and what is not shown is listed.",
        ))
        .with(
            el("p")
                .class("lead")
                .say(
                    "The page itself proves nothing: it is a reading of an evidence file, and anybody can check that file \
                     without trusting whoever made or sent this page, as the last part tells; its SHA-256 is ",
                )
                .with(el("code").say(&told.context.bundle_sha256))
                .say("."),
        )
        .maybe(basis(told))
        .with(el("h2").say("In short"))
        .maybe(told.body.as_ref().and_then(headline));
    let rows = findings.recipients.iter().map(|recipient| {
        let cell = |words: String| el("td").say(words);
        el("tr")
            .with(el("th").attr("scope", "row").say(&recipient.desk))
            .with(el("td").with(el("b").say(recipient.step)))
            .with(cell(in_short(told, recipient)))
    });
    let table = el("table")
        .class("short")
        .with(header(&["Recipient", "Highest step shown", "What that means"]))
        .with(el("tbody").each(rows));
    let others = match findings.all_recipients {
        true => "These are all the recipients that the relay accepted the warning for.",
        false => "Whether others were warned too, and who, is not shown here.",
    };
    section.with(table).with(el("p").say(others)).into()
}

/// The headline of the version that counts.
fn headline(body: &Body) -> Option<El> {
    let block = body
        .blocks
        .iter()
        .find(|block| block.language == body.authoritative)?;
    let label = el("p")
        .class("of")
        .say("The warning’s headline, in the words of its originator:");
    let words = peer_block(&block.headline, Some(block.language.as_str()));
    Some(el("div").class("headline").with(label).with(words))
}

/// What a page says that was made without a policy.
fn basis(told: &Told<'_>) -> Option<El> {
    match told.context.basis {
        Basis::Policy => None,
        Basis::OwnProfile => Some(
            el("p").class("caution").with(el("b").say("Made without a policy.")).say(
                " The evidence was checked under the log’s key that its maker’s own profile holds, with no witnesses and no \
                 states’ roots. So nothing here shows that the relay tells everybody the same; no time but the relay’s and the \
                 signers’ own is known; and that a key is an agency’s is the relay’s word. Check the evidence file under a \
                 policy of your own before you rely on it.",
            ),
        ),
    }
}

fn in_short(told: &Told<'_>, recipient: &RecipientFinding) -> String {
    let (desk, last) = (&recipient.desk, recipient.last);
    let mut sentences = Vec::new();
    if recipient.standing == Standing::ClaimedByRelay && recipient.step > Step::HandedOver {
        sentences
            .push("Only claimed: the key that signed leads to nothing that the verifier trusts.".to_owned());
    }
    sentences.extend(match recipient.step {
        Step::Routed | Step::HandedOver => {
            vec![format!("No receipt of {desk} is shown, up to record {last}.")]
        }
        Step::Received => vec![format!(
            "Its system signed that it received it; no answer is shown, up to record {last}."
        )],
        Step::Opened => vec![format!(
            "An officer signed that they read it; no answer is shown, up to record {last}."
        )],
        Step::Answered => vec![answers(told, recipient)],
    });
    let due = deadlines(told, recipient).into_iter().last();
    sentences.extend(due.map(|due| {
        let at = full(due.due);
        format!(
            "The answer was due at {at} by the relay’s clock: {}.",
            due.verdict.words()
        )
    }));
    sentences.join(" ")
}

/// All that a recipient answered, the earlier beside the later.
fn answers(told: &Told<'_>, recipient: &RecipientFinding) -> String {
    let answers = acts_of(told, &recipient.desk).filter_map(|act| {
        let Deed::Said(said) = &act.what else {
            return None;
        };
        if said.kind.step() < Step::Answered {
            return None;
        }
        let mut words = said.kind.word().to_owned();
        if let Some(reason) = said.reason {
            words.push_str(&format!(", for the reason {reason}"));
            if let Some(meaning) = reason.meaning() {
                words.push_str(&format!(": it {meaning}"));
            }
        }
        if let Some(assessment) = said.assessment {
            words.push_str(&format!(", and judged the warning {assessment}"));
        }
        words.push_str(&format!(" (record {}", act.index));
        if let Some(bound) = &act.bracket.not_after {
            words.push_str(&format!(", in the log by {}", full(bound.time)));
        }
        if act.standing == Standing::ClaimedByRelay && recipient.standing == Standing::Proven {
            words.push_str(
                ", which is only claimed: the key that signed it leads to nothing that the verifier trusts",
            );
        }
        words.push(')');
        Some(words)
    });
    format!("It answered {}.", answers.collect::<Vec<_>>().join("; then "))
}

/// Proven, claimed, not shown: the findings' own sentences.
pub(super) fn sentences(told: &Told<'_>) -> Node {
    let said = told.findings.sentences();
    let part = |name: &'static str, explained: &'static str, all: &[String]| {
        let items = all.iter().map(|words| el("li").with(sentence(words)));
        el("section")
            .class("sentences")
            .with(el("h3").say(name))
            .with(el("p").class("aside").say(explained))
            .with(match all {
                [] => el("p").say("Nothing."),
                _ => el("ul").each(items),
            })
    };
    let summary = said.summary.iter().map(|words| el("p").with(sentence(words)));
    el("section")
        .with(el("h2").say("What is proven, what is claimed, what is not shown"))
        .each(summary)
        .with(part(
            "Proven",
            "By signatures whose keys lead to what the verifier’s policy trusts, and by the log that holds them.",
            &said.proven,
        ))
        .with(part(
            "Claimed",
            "By the relay’s word, or by keys that lead to nothing that the verifier’s policy trusts.",
            &said.claimed,
        ))
        .with(part("Not shown", "What the evidence file leaves open.", &said.not_shown))
        .into()
}

/// The head of a table.
pub(super) fn header(names: &[&str]) -> El {
    let cells = names.iter().map(|name| el("th").attr("scope", "col").say(name));
    el("thead").with(el("tr").each(cells))
}
