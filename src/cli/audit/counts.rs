//! What was checked, in sentences: each says how many, so that a reader sees how much "verified" means.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::audit::Report;

/// One line: against what it was verified.
pub(super) fn sentence(report: &Report) -> String {
    let mut text = format!(
        "Verified: {} records of {}, root {}.",
        report.checkpoint_size, report.origin, report.checkpoint_root
    );
    if let Some(before) = report.continues_size {
        let _ = write!(text, " They continue the {before} that were verified before.");
    }
    if let Some(resumed) = report.resumed_at {
        let _ = write!(
            text,
            " The first {resumed} of them were verified by an earlier run."
        );
    }
    text
}

/// All of it.
pub(super) fn render(report: &Report) -> String {
    let counts = &report.counts;
    let mut rows: Vec<(&str, String)> = vec![
        (
            "records",
            format!(
                "{} checked, {} out of scope (their hashes only)",
                counts.records, counts.out_of_scope
            ),
        ),
        (
            "signatures",
            format!(
                "{}, each with a key valid at its index: {}",
                counts.signatures_total(),
                listed(&counts.signatures)
            ),
        ),
        (
            "directory",
            format!(
                "{} records in one chain, {} states, agencies and auditors, {} keys ({} ended)",
                counts.directory_records, counts.principals, counts.keys, counts.keys_ended
            ),
        ),
        (
            "seen",
            format!("{} signers had verified this very log", counts.seen),
        ),
        (
            "warnings",
            format!("{} accepted, their recipients resolved again", counts.acceptances),
        ),
        (
            "threads",
            format!(
                "{} unbroken: {}; {} without an answer",
                counts.threads,
                listed(&counts.steps),
                counts.silent
            ),
        ),
        (
            "inboxes",
            format!(
                "{} numbers opened, none left out; {} not shown",
                counts.inbox_numbers, counts.inbox_numbers_absent
            ),
        ),
        ("acknowledged", listed(&counts.acknowledgements)),
        ("handovers", format!("{} (the relay's claims)", counts.handovers)),
        ("refusals", format!("{} on the record", counts.rejections)),
        (
            "bodies",
            format!(
                "{} as signed, {} not kept or not shown",
                counts.bodies_kept, counts.bodies_absent
            ),
        ),
        (
            "texts",
            format!(
                "{} as signed, {} not kept or not shown",
                counts.texts_kept, counts.texts_absent
            ),
        ),
        (
            "the relay",
            format!(
                "began {} times, {} of them after it had run before",
                counts.starts, counts.outages
            ),
        ),
    ];
    for (count, what) in [
        (
            counts.absent_untold,
            "bodies or texts are absent, and no ERASED tells of them: erased since, lost or withheld",
        ),
        (
            counts.shown_though_erased,
            "bodies or texts are shown, and the relay says that they are erased",
        ),
        (
            counts.erased_though_held,
            "erasures are of what an auditor holds, by a hold that came when the bucket's erasure had begun",
        ),
        (
            counts.erased_in_part,
            "bodies are told to be erased to some of their recipients, and not to others",
        ),
    ] {
        if count > 0 {
            rows.push(("FINDING", format!("{count} {what}")));
        }
    }
    if counts.unknown_kinds > 0 {
        rows.push((
            "unknown",
            format!(
                "{} records of a later version: hashed and chained only",
                counts.unknown_kinds
            ),
        ));
    }
    let mut text = sentence(report);
    for (name, row) in rows {
        let _ = write!(text, "\n  {name:<13} {row}");
    }
    text
}

fn listed(counts: &BTreeMap<&'static str, u64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let each: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    each.join(", ")
}
