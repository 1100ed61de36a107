//! The closed lists of the field (DOMAIN.md "Vocabulary"). Each has its number on the wire and its word for people;
//! neither ever changes its meaning.

use std::fmt;
use std::str::FromStr;

use super::KeyRole;
use super::ids::{BadName, bad};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $expected:literal { $($(#[$vdoc:meta])* $variant:ident = $number:literal, $word:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* #[doc = concat!("`", $word, "`, ", stringify!($number), " on the wire.")] $variant,)+ }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number on the wire.
            pub const fn number(self) -> i32 {
                match self { $(Self::$variant => $number,)+ }
            }

            /// From the number on the wire; 0 and unknown numbers are none.
            pub const fn from_number(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// The word, as DOMAIN.md writes it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::ALL.iter().copied().find(|it| it.word() == text).ok_or_else(|| bad(text, $expected))
            }
        }
    };
}

words!(/// CAP 1.2 §3.2.1 status. Required, never defaulted.
Status, "a status (ACTUAL, EXERCISE, SYSTEM, TEST)" {
    Actual = 1, "ACTUAL"; Exercise = 2, "EXERCISE"; System = 3, "SYSTEM"; Test = 4, "TEST";
});
words!(/// The kinds of warning.
WarningType, "a warning type (ALERT, UPDATE, CANCEL, EXTEND, NOTICE, QUESTION, ANSWER, OUTCOME)" {
    Alert = 1, "ALERT"; Update = 2, "UPDATE"; Cancel = 3, "CANCEL"; Extend = 4, "EXTEND"; Notice = 5, "NOTICE";
    Question = 6, "QUESTION"; Answer = 7, "ANSWER"; Outcome = 8, "OUTCOME";
});
words!(/// ACP 127 precedence; the most urgent first.
Precedence, "a precedence (FLASH, IMMEDIATE, PRIORITY, ROUTINE)" {
    Flash = 1, "FLASH"; Immediate = 2, "IMMEDIATE"; Priority = 3, "PRIORITY"; Routine = 4, "ROUTINE";
});
words!(/// CAP 1.2 §3.2.2 category.
Category, "a CAP category (GEO, MET, SAFETY, SECURITY, RESCUE, FIRE, HEALTH, ENV, TRANSPORT, INFRA, CBRNE, OTHER)" {
    Geo = 1, "GEO"; Met = 2, "MET"; Safety = 3, "SAFETY"; Security = 4, "SECURITY"; Rescue = 5, "RESCUE"; Fire = 6, "FIRE";
    Health = 7, "HEALTH"; Env = 8, "ENV"; Transport = 9, "TRANSPORT"; Infra = 10, "INFRA"; Cbrne = 11, "CBRNE"; Other = 12, "OTHER";
});
words!(/// The harms that a duty to warn is about.
Harm, "a harm (INTENTIONAL_KILLING, SERIOUS_BODILY_INJURY, KIDNAPPING)" {
    IntentionalKilling = 1, "INTENTIONAL_KILLING"; SeriousBodilyInjury = 2, "SERIOUS_BODILY_INJURY"; Kidnapping = 3, "KIDNAPPING";
});
words!(/// How much of a thing is known.
Known, "one of KNOWN, PARTLY, UNKNOWN" { Known = 1, "KNOWN"; Partly = 2, "PARTLY"; Unknown = 3, "UNKNOWN"; });
words!(/// Traffic Light Protocol 2.0; unmarked means the most restrictive.
Tlp, "a TLP 2.0 marking (RED, AMBER_STRICT, AMBER, GREEN, CLEAR)" {
    Red = 1, "RED"; AmberStrict = 2, "AMBER_STRICT"; Amber = 3, "AMBER"; Green = 4, "GREEN"; Clear = 5, "CLEAR";
});
words!(/// Onward transfer.
Onward, "one of NONE, ASK_ORIGINATOR, WITHIN_STATE" {
    None = 1, "NONE"; AskOriginator = 2, "ASK_ORIGINATOR"; WithinState = 3, "WITHIN_STATE";
});
words!(/// May the victim be told?
NotifyVictim, "MAY or MUST_NOT" { May = 1, "MAY"; MustNot = 2, "MUST_NOT"; });
words!(/// Whether the recipient learns the sender.
Attribution, "NAMED or VIA_RELAY" { Named = 1, "NAMED"; ViaRelay = 2, "VIA_RELAY"; });
words!(/// How long what a warning and its answers say is kept. Stored with parts and in `ERASED`.
RetentionClass, "a retention class (ORDINARY, PERSONAL_DATA, EXERCISE)" {
    Ordinary = 1, "ORDINARY"; PersonalData = 2, "PERSONAL_DATA"; Exercise = 3, "EXERCISE";
});
words!(/// CAP 1.2 §3.2.2 urgency.
Urgency, "an urgency (IMMEDIATE, EXPECTED, FUTURE, PAST, UNKNOWN)" {
    Immediate = 1, "IMMEDIATE"; Expected = 2, "EXPECTED"; Future = 3, "FUTURE"; Past = 4, "PAST"; Unknown = 5, "UNKNOWN";
});
words!(/// CAP 1.2 §3.2.2 severity.
Severity, "a severity (EXTREME, SEVERE, MODERATE, MINOR, UNKNOWN)" {
    Extreme = 1, "EXTREME"; Severe = 2, "SEVERE"; Moderate = 3, "MODERATE"; Minor = 4, "MINOR"; Unknown = 5, "UNKNOWN";
});
words!(/// CAP 1.2 §3.2.2 certainty.
Certainty, "a certainty (OBSERVED, LIKELY, POSSIBLE, UNLIKELY, UNKNOWN)" {
    Observed = 1, "OBSERVED"; Likely = 2, "LIKELY"; Possible = 3, "POSSIBLE"; Unlikely = 4, "UNLIKELY"; Unknown = 5, "UNKNOWN";
});
words!(/// What an acknowledgement says.
AcknowledgementKind, "an acknowledgement kind" {
    Received = 1, "RECEIVED"; Opened = 2, "OPENED"; Accepted = 3, "ACCEPTED"; Deferred = 4, "DEFERRED"; Refused = 5, "REFUSED";
    Misdirected = 6, "MISDIRECTED"; Acted = 7, "ACTED"; VictimWarned = 8, "VICTIM_WARNED"; VictimNotWarned = 9, "VICTIM_NOT_WARNED";
});
words!(/// What the officer thinks of a warning.
Assessment, "an assessment (ACTIONABLE, TOO_VAGUE, ALREADY_KNOWN, NOT_BELIEVED)" {
    Actionable = 1, "ACTIONABLE"; TooVague = 2, "TOO_VAGUE"; AlreadyKnown = 3, "ALREADY_KNOWN"; NotBelieved = 4, "NOT_BELIEVED";
});
words!(/// One of the specifics of a threat.
Specific, "one of PLACE, TIME, METHOD, TARGET, PERPETRATOR" {
    Place = 1, "PLACE"; Time = 2, "TIME"; Method = 3, "METHOD"; Target = 4, "TARGET"; Perpetrator = 5, "PERPETRATOR";
});
words!(/// Why a warning is refused by its recipient.
RefusalReason, "a reason (BUSY, NOT_COMPETENT, LEGAL_BAR, CAPACITY, LANGUAGE, OTHER)" {
    Busy = 1, "BUSY"; NotCompetent = 2, "NOT_COMPETENT"; LegalBar = 3, "LEGAL_BAR"; Capacity = 4, "CAPACITY"; Language = 5, "LANGUAGE";
    Other = 6, "OTHER"; Unreadable = 7, "UNREADABLE";
});
words!(/// Why a key is revoked.
RevocationReason, "a reason (SUPERSEDED, COMPROMISED, RETIRED)" { Superseded = 1, "SUPERSEDED"; Compromised = 2, "COMPROMISED"; Retired = 3, "RETIRED"; });
words!(/// What became of a threat. Reserved.
Outcome, "an outcome (OCCURRED, PREVENTED, NOT_OBSERVED)" {
    Occurred = 1, "OCCURRED"; Prevented = 2, "PREVENTED"; NotObserved = 3, "NOT_OBSERVED";
});
words!(/// Whether an enrolled principal has desks.
AgencyKind, "AGENCY or AUDITOR" { Agency = 1, "AGENCY"; Auditor = 2, "AUDITOR"; });
words!(/// The lanes of the relay.
Lane, "a lane" {
    Flash = 1, "FLASH"; Immediate = 2, "IMMEDIATE"; Priority = 3, "PRIORITY"; Routine = 4, "ROUTINE"; Exercise = 5, "EXERCISE";
    System = 6, "SYSTEM"; Test = 7, "TEST";
});
words!(/// A recipient's highest evidence.
Step, "a step" {
    Routed = 1, "ROUTED"; HandedOver = 2, "HANDED_OVER"; Received = 3, "RECEIVED"; Opened = 4, "OPENED"; Answered = 5, "ANSWERED";
});
words!(/// How a detached part is written.
Form, "CLEAR or SEALED" { Clear = 1, "CLEAR"; Sealed = 2, "SEALED"; });

impl Lane {
    /// The lane of a warning: real ones by precedence, the others apart.
    pub const fn of(status: Status, precedence: Precedence) -> Self {
        match (status, precedence) {
            (Status::Actual, Precedence::Flash) => Self::Flash,
            (Status::Actual, Precedence::Immediate) => Self::Immediate,
            (Status::Actual, Precedence::Priority) => Self::Priority,
            (Status::Actual, Precedence::Routine) => Self::Routine,
            (Status::Exercise, _) => Self::Exercise,
            (Status::System, _) => Self::System,
            (Status::Test, _) => Self::Test,
        }
    }
}

impl WarningType {
    /// The roles whose keys sign it: an ANSWER is a warning by its form and an answer of an officer.
    pub const fn signing_roles(self) -> &'static [KeyRole] {
        match self {
            Self::Answer => &[KeyRole::Originate, KeyRole::Officer],
            Self::Alert
            | Self::Update
            | Self::Cancel
            | Self::Extend
            | Self::Notice
            | Self::Question
            | Self::Outcome => &[KeyRole::Originate],
        }
    }
}

impl RefusalReason {
    /// What it says, where a reader would not know it by the word; the one who refuses is its subject.
    pub const fn meaning(self) -> Option<&'static str> {
        match self {
            Self::Unreadable => Some("says that it could not open it"),
            Self::Busy
            | Self::NotCompetent
            | Self::LegalBar
            | Self::Capacity
            | Self::Language
            | Self::Other => None,
        }
    }
}

impl AcknowledgementKind {
    /// The step that it is evidence of.
    pub const fn step(self) -> Step {
        match self {
            Self::Received => Step::Received,
            Self::Opened => Step::Opened,
            Self::Accepted | Self::Deferred | Self::Refused | Self::Misdirected => Step::Answered,
            Self::Acted | Self::VictimWarned | Self::VictimNotWarned => Step::Answered,
        }
    }

    /// The role whose key signs it: the machine says that it has the bytes, an officer says everything else.
    pub const fn signing_role(self) -> KeyRole {
        match self {
            Self::Received => KeyRole::Receive,
            Self::Opened
            | Self::Accepted
            | Self::Deferred
            | Self::Refused
            | Self::Misdirected
            | Self::Acted
            | Self::VictimWarned
            | Self::VictimNotWarned => KeyRole::Officer,
        }
    }

    /// Whether it is an answer, which may carry an assessment.
    pub const fn is_answer(self) -> bool {
        matches!(
            self,
            Self::Accepted | Self::Deferred | Self::Refused | Self::Misdirected
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A number and a word lead back to the same value; zero never does.
    #[test]
    fn numbers_and_words_round_trip() {
        for kind in AcknowledgementKind::ALL {
            assert_eq!(AcknowledgementKind::from_number(kind.number()), Some(*kind));
            assert_eq!(kind.word().parse::<AcknowledgementKind>().unwrap(), *kind);
        }
        assert_eq!(Status::from_number(0), None);
        assert_eq!(Lane::of(Status::Exercise, Precedence::Flash), Lane::Exercise);
    }
}
