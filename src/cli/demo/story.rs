//! The demo's story: who sends which example, who is on duty, and what each officer says, and when. Only this is written
//! beforehand; whatever the demo tells comes out of the log.

use crate::cli::examples::{EXAMPLES, Example};
use crate::domain::{AcknowledgementKind as Kind, Assessment, RefusalReason, Specific};

/// When something is said or sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// While the relay runs for the first time.
    First,
    /// On its way when the relay is killed.
    Crash,
    /// After the relay came back.
    Second,
    /// When the absent desk returns.
    Return,
}

/// What an officer signs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Says {
    /// For which desk.
    pub(super) desk: &'static str,
    /// When.
    pub(super) act: Act,
    /// What.
    pub(super) kind: Kind,
    /// What the officer thinks of it.
    pub(super) assessment: Option<Assessment>,
    /// What is missing.
    pub(super) missing: &'static [Specific],
    /// Why it is refused.
    pub(super) reason: Option<RefusalReason>,
    /// For how long it is deferred.
    pub(super) for_ms: Option<i64>,
    /// Who is competent instead.
    pub(super) to: Option<&'static str>,
    /// In words, with their language.
    pub(super) note: Option<(&'static str, &'static str)>,
}

/// One warning and what comes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Story {
    /// The file of the example.
    pub(super) file: &'static str,
    /// When it is sent: `First` or `Crash`.
    pub(super) act: Act,
    /// What is said, in order.
    pub(super) says: &'static [Says],
}

/// The desks on duty from the beginning: each signs RECEIVED for whatever comes.
pub(super) const ON_DUTY: [&str; 7] = [
    "be.ctc",
    "be.ctc/aviation",
    "cn.ctc",
    "fr.ctc",
    "gb.ctc",
    "tr.ctc",
    "us.ctc/aviation",
];
/// Away when it is warned; returns after the relay does.
pub(super) const RETURNS: &str = "ru.ctc";
/// Never comes.
pub(super) const AWAY: &str = "ir.ctc";

/// The file of the example whose evidence is made: of the warning that its receiver said afterwards to have been too general.
pub(super) const PROVEN: &str = "moscow-2024-concert-hall.yaml";

const HOUR_MS: i64 = 3_600_000;

const fn says(desk: &'static str, act: Act, kind: Kind) -> Says {
    Says {
        desk,
        act,
        kind,
        assessment: None,
        missing: &[],
        reason: None,
        for_ms: None,
        to: None,
        note: None,
    }
}

const fn opened(desk: &'static str, act: Act) -> Says {
    says(desk, act, Kind::Opened)
}

const fn accepted(desk: &'static str, act: Act, assessment: Assessment) -> Says {
    Says {
        assessment: Some(assessment),
        ..says(desk, act, Kind::Accepted)
    }
}

/// In the order in which they are sent.
pub(super) const STORIES: [Story; 8] = [
    // Its receiver said afterwards that it had been too general. Here it is said at the time, and stays.
    Story {
        file: PROVEN,
        act: Act::First,
        says: &[
            opened(RETURNS, Act::Return),
            Says {
                assessment: Some(Assessment::TooVague),
                missing: &[Specific::Place, Specific::Time],
                reason: Some(RefusalReason::Other),
                note: Some(("ru", "Слишком общо: нет ни точного места, ни времени.")),
                ..says(RETURNS, Act::Return, Kind::Refused)
            },
        ],
    },
    // Nobody is there, and nobody comes.
    Story {
        file: "kerman-2024-memorial.yaml",
        act: Act::First,
        says: &[],
    },
    Story {
        file: "istanbul-2024-church.yaml",
        act: Act::First,
        says: &[
            opened("tr.ctc", Act::First),
            Says {
                note: Some(("tr", "Avrupa yakasındaki ayinler koruma altına alındı.")),
                ..accepted("tr.ctc", Act::First, Assessment::Actionable)
            },
            says("tr.ctc", Act::Second, Kind::VictimWarned),
        ],
    },
    // The duty desk says who is competent; the competent desk's answer is on its way when the relay dies.
    Story {
        file: "brussels-2016-airport-metro.yaml",
        act: Act::First,
        says: &[
            opened("be.ctc", Act::First),
            Says {
                to: Some("be.ctc/aviation"),
                note: Some((
                    "nl",
                    "Niet onze sectie: de luchthaven is voor de dienst luchtvaart.",
                )),
                ..says("be.ctc", Act::First, Kind::Misdirected)
            },
            opened("be.ctc/aviation", Act::First),
            accepted("be.ctc/aviation", Act::Crash, Assessment::Actionable),
        ],
    },
    Story {
        file: "ankara-paris-2015-question.yaml",
        act: Act::First,
        says: &[
            opened("fr.ctc", Act::First),
            Says {
                for_ms: Some(12 * HOUR_MS),
                note: Some(("fr", "Recherches en cours ; réponse sous douze heures.")),
                ..says("fr.ctc", Act::First, Kind::Deferred)
            },
        ],
    },
    // The machine has it, and no officer ever looks.
    Story {
        file: "kabul-2022-hotel.yaml",
        act: Act::Crash,
        says: &[],
    },
    Story {
        file: "london-2017-notice.yaml",
        act: Act::Crash,
        says: &[
            opened("gb.ctc", Act::Second),
            accepted("gb.ctc", Act::Second, Assessment::AlreadyKnown),
        ],
    },
    // One desk acts; at the other it was read and lies under papers.
    Story {
        file: "airline-1988-bulletin.yaml",
        act: Act::Crash,
        says: &[
            opened("gb.ctc", Act::Second),
            opened("us.ctc/aviation", Act::Second),
            accepted("us.ctc/aviation", Act::Second, Assessment::Actionable),
        ],
    },
];

impl Story {
    /// The draft.
    pub(super) fn example(&self) -> Option<&'static Example> {
        EXAMPLES.iter().find(|example| example.file == self.file)
    }

    /// What a desk says in an act.
    pub(super) fn says_in(&self, act: Act) -> impl Iterator<Item = &'static Says> {
        self.says.iter().filter(move |says| says.act == act)
    }

    /// Everything that the log must hold of a recipient at the end, in order.
    pub(super) fn expected(&self, desk: &str) -> Vec<Kind> {
        let received = (desk != AWAY).then_some(Kind::Received);
        let says = self.says.iter().filter(|says| says.desk == desk);
        received.into_iter().chain(says.map(|says| says.kind)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;
    use crate::client::Draft;

    /// Every example has its story, whoever speaks was told, and every recipient is on duty, returns or is away.
    #[test]
    fn the_story_fits_the_examples() {
        let files: BTreeSet<&str> = STORIES.iter().map(|story| story.file).collect();
        assert_eq!(files, EXAMPLES.iter().map(|example| example.file).collect());
        for story in &STORIES {
            let draft = Draft::parse(story.example().unwrap().text).unwrap();
            let to: Vec<String> = draft.to.iter().map(ToString::to_string).collect();
            for says in story.says {
                assert!(
                    to.iter().any(|desk| desk == says.desk),
                    "{}: {}",
                    story.file,
                    says.desk
                );
            }
            for desk in &to {
                let known = ON_DUTY.contains(&desk.as_str()) || desk == RETURNS || desk == AWAY;
                assert!(known, "{}: {desk}", story.file);
            }
        }
    }
}
