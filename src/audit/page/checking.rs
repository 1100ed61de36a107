//! How a reader checks all of it, trusting neither the page nor whoever sent it; and the keys that it hangs on.

use super::markup::{El, Node, all, el, text};
use super::sections::header;
use super::text::peer;
use super::times::short;
use super::{Basis, Told};
use crate::audit::{Ended, KeyChain, KeyFinding};
use crate::domain::KeyId;
use crate::seal::Fingerprint;

/// How to check it.
pub(super) fn checking(told: &Told<'_>) -> Node {
    let context = told.context;
    let name = quoted_for_shell(&context.bundle_name);
    let command = |words: String| el("pre").with(el("code").say(words));
    let step = |words: &'static str| el("li").say(words);
    let steps = el("ol")
        .with(
            step(
                "Get the evidence file from whoever gave you this page. The file is the evidence; the page is not. See that it is \
                 the very file that this page was made of:",
            )
            .with(command(format!("sha256sum {name}")))
            .say("must print ")
            .with(el("code").say(&context.bundle_sha256))
            .say("."),
        )
        .with(step(
            "Get a policy, which says whom you trust: the key of the log, the witnesses and how many of them are enough, and the \
             root key of each state. Take it from sources of your own: the log’s key from its operator’s publications, each \
             witness’s from that witness, each root from that state, each over a channel that you trust. Never take it from the \
             evidence file, from this page, or from whoever gave you either. It is a directory with the files log.policy (C2SP \
             tlog-policy) and roots (lines: root, the state, the key in hex), and, if you trust timestamp authorities, their roots \
             in tsa/*.pem.",
        ))
        .with(
            step(
                "Check the file. No network and no relay are needed. It must say at the beginning that the file verifies, and its \
                 sentences must be those of this page:",
            )
            .with(command(format!("wardline audit check {name} --policy POLICY"))),
        )
        .with(
            step(
                "Trust that program no more than the page: a second verifier, written in another language from the published \
                 formats alone, comes with it:",
            )
            .with(command(format!(
                "python3 docs/verifier/wardline_verify.py {name} --policy POLICY"
            ))),
        )
        .with(
            step("Make this page anew, under your own policy, and compare:").with(command(format!(
                "wardline audit report {name} --policy POLICY -o my-report.html"
            ))),
        );
    el("section")
        .with(el("h2").say("How to check it yourself"))
        .with(steps)
        .with(el("p").class("caution").say(
            "If the check fails, the file or somebody’s word is false in the place that it names: keep the file as it is, and ask \
             others who had a part in it for theirs. Two files that both verify and contradict each other \
             prove that the log has signed what cannot both be true: wardline audit compare A B makes one proof of them.",
        ))
        .into()
}

/// The log, its witnesses, the roots and the keys.
pub(super) fn keys(told: &Told<'_>) -> Node {
    let findings = told.findings;
    let checkpoint = &findings.checkpoint;
    let mut facts = el("dl").class("facts");
    let mut fact = |name: &'static str, value: Node| {
        facts = facts
            .clone()
            .with(el("div").with(el("dt").say(name)).with(el("dd").with(value)));
    };
    fact(
        "Evidence file",
        all([
            text(format_args!("{}, SHA-256 ", told.context.bundle_name)),
            el("code").say(&told.context.bundle_sha256).into(),
        ]),
    );
    fact("Log", text(&findings.origin));
    fact("Log’s key", el("code").say(&findings.log_vkey).into());
    fact(
        "Checkpoint",
        all([
            text(format_args!("{} records, root ", checkpoint.size)),
            el("code").say(checkpoint.root).into(),
        ]),
    );
    let witnesses = match (told.context.basis, checkpoint.quorum, findings.witnessed) {
        (Basis::OwnProfile, _, _) => "No policy was given, so no witness’s word was counted.".to_owned(),
        (Basis::Policy, Some(time), _) => format!("Enough for the policy since {}.", short(time)),
        (Basis::Policy, None, Some(it)) => format!(
            "Enough for the policy for the first {} records, since {}; for those after them too few.",
            it.size,
            short(it.since)
        ),
        (Basis::Policy, None, None) => {
            "Too few witnesses have cosigned it, or the policy asks for none.".to_owned()
        }
    };
    fact("Witnesses", text(witnesses));
    let witness_rows = checkpoint.witnesses.iter().map(|word| {
        el("tr")
            .with(el("th").attr("scope", "row").say(&word.name))
            .with(el("td").with(named(&word.keyid)))
            .with(el("td").say(short(word.time)))
    });
    let mut section = el("section")
        .with(el("h2").say("Keys"))
        .with(el("p").say(
            "Each key is named by its id in hex, which software compares, and by eight words, which people can compare by telephone.",
        ))
        .with(facts);
    if !checkpoint.witnesses.is_empty() {
        section = section
            .with(el("h3").say("Witnesses that cosigned the checkpoint"))
            .with(wide(
                &["Witness", "Key", "Cosigned at, by its own clock"],
                witness_rows,
            ));
    }
    if !findings.timestamps.is_empty() {
        let rows = findings.timestamps.iter().map(|it| {
            let root = match &it.root {
                Some(root) => all([text("your policy’s root "), peer(root, None)]),
                None => text("no root of your policy: nothing hangs on it"),
            };
            el("tr")
                .with(el("th").attr("scope", "row").with(peer(&it.authority, None)))
                .with(el("td").with(root))
                .with(el("td").say(format_args!("{} records by {}", it.size, short(it.time))))
        });
        section = section
            .with(el("h3").say("Timestamp authorities (RFC 3161)"))
            .with(wide(&["Authority", "Leads to", "Says that the log had"], rows));
    }
    section = section.with(el("h3").say("Keys that signed")).with(wide(
        &["Whose", "Key", "Leads to"],
        findings.keys.iter().map(key_row),
    ));
    section.into()
}

fn wide(names: &[&str], rows: impl IntoIterator<Item = El>) -> El {
    let table = el("table")
        .class("keys")
        .with(header(names))
        .with(el("tbody").each(rows));
    el("div").class("scrolls").with(table)
}

fn key_row(key: &KeyFinding) -> El {
    let (word, roots): (&str, &[KeyId]) = match &key.chain {
        KeyChain::Trusted(roots) => ("a root of this state that the policy trusts", roots),
        KeyChain::Untrusted { certified_by } => (
            "a root that the policy does not trust",
            std::slice::from_ref(certified_by),
        ),
        KeyChain::NoRoots { certified_by } => (
            "a root, by the relay’s directory only: no roots were given",
            std::slice::from_ref(certified_by),
        ),
    };
    let ended = key.until.map(|(until, why)| {
        let why = match why {
            Ended::Revoked(reason) => format!("revoked: {reason}"),
            Ended::Succeeded => "succeeded by another".to_owned(),
        };
        format!(" until record {until} ({why})")
    });
    let validity = format!("valid from record {}{}", key.from, ended.unwrap_or_default());
    el("tr")
        .with(
            el("th")
                .attr("scope", "row")
                .say(format_args!("{}, role {}", key.principal, key.role))
                .with(el("p").class("aside").say(validity)),
        )
        .with(el("td").with(named(&key.keyid)))
        .with(el("td").say(word).each(roots.iter().map(named)))
}

/// A key by its words and its id.
fn named(keyid: &KeyId) -> El {
    el("p")
        .class("key")
        .with(el("span").class("words").say(Fingerprint::of(keyid)))
        .say(" ")
        .with(el("code").say(keyid))
}

/// A name as a shell takes it for one word.
fn quoted_for_shell(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}
