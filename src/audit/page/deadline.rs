//! What was due when, and whether it was: by the relay's clock, and only as far as the file shows.

use super::Told;
use super::times::{clock, span};
use crate::audit::{Act, Deed, RecipientFinding};
use crate::domain::{DeskAddress, Step};
use crate::time::Timestamp;

/// One deadline of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deadline {
    /// What is due: `receipt`.
    pub(super) name: &'static str,
    /// When, by the relay's clock.
    pub(super) due: Timestamp,
    pub(super) verdict: Verdict,
}

/// Whether it was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// By this record, so much earlier.
    Met { index: u64, spare_ms: i64 },
    /// This record came so much later.
    Late { index: u64, late_ms: i64 },
    /// No answer was in the log that the witnesses knew at this time, which is past it.
    Missed { until: Timestamp },
    /// The file ends with this record, before any that would meet it.
    NotShown { last: u64 },
}

/// The step that an act is evidence of.
pub(super) fn step_of(act: &Act) -> Option<Step> {
    match &act.what {
        Deed::Warned { .. } | Deed::Unknown => None,
        Deed::Routed => Some(Step::Routed),
        Deed::HandedOver { .. } => Some(Step::HandedOver),
        Deed::Said(said) => Some(said.kind.step()),
    }
}

/// The acts of one recipient, in the order of the log.
pub(super) fn acts_of<'a>(told: &'a Told<'_>, desk: &'a DeskAddress) -> impl Iterator<Item = &'a Act> {
    let acts = told.findings.acts.iter();
    acts.filter(move |act| act.desk.as_ref() == Some(desk))
}

/// The deadlines of a recipient, if the file shows which there are.
pub(super) fn deadlines(told: &Told<'_>, recipient: &RecipientFinding) -> Vec<Deadline> {
    let routed = acts_of(told, &recipient.desk).find(|act| act.what == Deed::Routed);
    let (Some(within), Some(routed)) = (told.findings.deadlines, routed) else {
        return Vec::new();
    };
    let all = [
        ("receipt", Step::Received, within.received_ms),
        ("reading", Step::Opened, within.opened_ms),
        ("answer", Step::Answered, within.answered_ms),
    ];
    let all = all.into_iter();
    all.map(|(name, step, within_ms)| {
        let due = routed.relay_time.saturating_add_ms(within_ms);
        Deadline {
            name,
            due,
            verdict: verdict(told, recipient, step, due),
        }
    })
    .collect()
}

fn verdict(told: &Told<'_>, recipient: &RecipientFinding, step: Step, due: Timestamp) -> Verdict {
    // A higher step meets the lower deadlines.
    let met = acts_of(told, &recipient.desk).find(|act| step_of(act).is_some_and(|reached| reached >= step));
    if let Some(act) = met {
        let index = act.index;
        let late_ms = act.relay_time.ms_since(due);
        return if late_ms <= 0 {
            Verdict::Met {
                index,
                spare_ms: late_ms.saturating_neg(),
            }
        } else {
            Verdict::Late { index, late_ms }
        };
    }
    let silent = recipient.silence.lasted.as_ref().map(|(_, until)| until.time);
    match silent.filter(|until| step == Step::Answered && *until > due) {
        Some(until) => Verdict::Missed { until },
        None => Verdict::NotShown { last: recipient.last },
    }
}

impl Verdict {
    /// In a few words, for the picture.
    pub(super) fn brief(&self) -> String {
        match self {
            Self::Met { index, spare_ms } => format!("met by record {index}, {} before", span(*spare_ms)),
            Self::Late { index, late_ms } => format!("missed: record {index}, {} late", span(*late_ms)),
            Self::Missed { until } => format!("missed: none by {} UTC", clock(*until)),
            Self::NotShown { last } => format!("not shown, up to record {last}"),
        }
    }

    /// The same for a sentence.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Met { .. } => self.brief(),
            Self::Late { index, late_ms } => format!("missed; record {index} came {} late", span(*late_ms)),
            Self::Missed { until } => format!(
                "missed; no answer was in the log that the witnesses knew at {} UTC",
                clock(*until)
            ),
            Self::NotShown { last } => format!("not shown whether it was met, up to record {last}"),
        }
    }
}
