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
    /// By this record, so much earlier by the relay's clock.
    Met { index: u64, spare_ms: i64 },
    /// By this record and the relay's clock; but the witnesses knew of it only after this time, when the deadline had passed.
    MetByRelay { index: u64, until: Timestamp },
    /// By this record, on the witnesses' word, whatever the relay's clock says.
    InTime { index: u64 },
    /// This record came so much later by the relay's clock.
    Late { index: u64, late_ms: i64 },
    /// The witnesses knew of no answer for longer than was given, up to this time. The relay's clock has no part in it.
    Missed { until: Timestamp },
    /// The file ends with this record, before any that would meet it.
    NotShown { last: u64 },
}

/// The step that an act is evidence of.
pub(super) fn step_of(act: &Act) -> Option<Step> {
    match &act.what {
        Deed::Warned { .. } | Deed::Erased(_) | Deed::Unknown => None,
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
            verdict: verdict(told, recipient, step, routed, within_ms),
        }
    })
    .collect()
}

fn verdict(
    told: &Told<'_>,
    recipient: &RecipientFinding,
    step: Step,
    routed: &Act,
    within_ms: i64,
) -> Verdict {
    // A higher step meets the lower deadlines.
    let met = acts_of(told, &recipient.desk).find(|act| step_of(act).is_some_and(|reached| reached >= step));
    if let Some(act) = met {
        let index = act.index;
        let late_ms = act
            .relay_time
            .ms_since(routed.relay_time.saturating_add_ms(within_ms));
        // It was routed at this time at the earliest, and the answer was there at that time at the latest.
        let earliest = routed.bracket.not_before.as_ref().map(|bound| bound.time);
        let latest = act.bracket.not_after.as_ref().map(|bound| bound.time);
        let in_time = earliest
            .zip(latest)
            .is_some_and(|(earliest, latest)| latest.ms_since(earliest) <= within_ms);
        // They did not know it yet when the deadline had passed: by the relay's clock, or by their own since they knew of ROUTED.
        let due = routed.relay_time.saturating_add_ms(within_ms);
        let routed_by = routed.bracket.not_after.as_ref().map(|bound| bound.time);
        let known_late = act
            .bracket
            .not_before
            .as_ref()
            .map(|bound| bound.time)
            .filter(|until| {
                *until > due || routed_by.is_some_and(|routed_by| until.ms_since(routed_by) > within_ms)
            });
        return match (late_ms <= 0, in_time, known_late) {
            (true, _, Some(until)) => Verdict::MetByRelay { index, until },
            (true, _, None) => Verdict::Met {
                index,
                spare_ms: late_ms.saturating_neg(),
            },
            (false, true, _) => Verdict::InTime { index },
            (false, false, _) => Verdict::Late { index, late_ms },
        };
    }
    // By the witnesses' clocks alone: a relay that dates ROUTED back makes nobody late.
    let silent = recipient.silence.lasted.as_ref();
    match silent
        .filter(|(since, until)| step == Step::Answered && until.time.ms_since(since.time) >= within_ms)
    {
        Some((_, until)) => Verdict::Missed { until: until.time },
        None => Verdict::NotShown { last: recipient.last },
    }
}

impl Verdict {
    /// In a few words, for the picture.
    pub(super) fn brief(&self) -> String {
        match self {
            Self::Met { index, spare_ms } => format!("met by record {index}, {} before", span(*spare_ms)),
            Self::MetByRelay { index, until } => {
                format!("record {index} in time; none known by {} UTC", clock(*until))
            }
            Self::InTime { index } => format!("met by record {index}, the witnesses say"),
            Self::Late { index, late_ms } => format!("record {index}, {} late", span(*late_ms)),
            Self::Missed { until } => format!("none known by {} UTC", clock(*until)),
            Self::NotShown { last } => format!("not shown, up to record {last}"),
        }
    }

    /// The same for a sentence.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Met { .. } => self.brief(),
            Self::MetByRelay { index, until } => format!(
                "by the relay’s clock record {index} came in time; the witnesses knew of none until {} UTC",
                clock(*until)
            ),
            Self::InTime { index } => {
                format!(
                    "met by record {index}, as the witnesses’ times show, though the relay’s clock says later"
                )
            }
            Self::Late { index, late_ms } => {
                format!("by that clock record {index} came {} late", span(*late_ms))
            }
            Self::Missed { until } => format!(
                "missed by the witnesses’ clocks: for longer than was given, up to {} UTC, they knew of no answer",
                clock(*until)
            ),
            Self::NotShown { last } => format!("not shown whether it was met, up to record {last}"),
        }
    }
}
