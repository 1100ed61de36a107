//! A warning: the header that is signed and the body that lies beside it. What a header must hold to be *accepted*
//! is the ledger's; here is only what it can say at all.

use super::{
    Attribution, Category, Certainty, Country, Digest, Extension, Harm, KeyRole, Known, NotifyVictim, Onward,
    Origin, Outcome, PartReference, PayloadId, Precedence, Principal, Severity, Status, Tlp, Urgency,
    WarningType,
};
use crate::domain::Hash;
use crate::time::Timestamp;

/// What every signed payload begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// The origin of the log that it is meant for.
    pub origin: Origin,
    /// The signer's id of it.
    pub id: PayloadId,
    /// When it was signed, by the signer's clock.
    pub sent: Timestamp,
    /// Who signed.
    pub signer: SignedBy,
}

/// Who signed, in clear or committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// In clear.
    Named(Signer),
    /// `H("signer", salt32 ‖ Signer)`: `VIA_RELAY`. Reserved.
    Committed([u8; 32]),
}

/// Who signed, in which role, and what they had seen of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Who.
    pub principal: Principal,
    /// The role of the key.
    pub role: KeyRole,
    /// The desk that acts, none: the agency's duty desk.
    pub desk: Option<super::DeskAddress>,
    /// The office of the person who acts; may be empty.
    pub office: String,
    /// The newest checkpoint that the signer has verified.
    pub seen: Option<Seen>,
}

/// A size of the log and its root, as the signer verified them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The number of records.
    pub size: u64,
    /// The root at that size.
    pub root: Hash,
}

impl Common {
    /// The signer, if named.
    pub fn named(&self) -> Option<&Signer> {
        match &self.signer {
            SignedBy::Named(signer) => Some(signer),
            SignedBy::Committed(_) => None,
        }
    }
}

/// The header of a warning: what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Origin, id, sent, signer.
    pub common: Common,
    /// CAP status.
    pub status: Status,
    /// What kind.
    pub warning_type: WarningType,
    /// ACP 127.
    pub precedence: Precedence,
    /// CAP category.
    pub category: Category,
    /// When it expires; none: the field is absent, which the ledger refuses with its own code.
    pub expires: Option<Timestamp>,
    /// Deadlines shortened by the sender. Reserved.
    pub deadlines: Option<Deadlines>,
    /// The harm foreseen.
    pub harm: Vec<Harm>,
    /// What the originator asserts.
    pub assertions: Assertions,
    /// What is known of the threat.
    pub specifics: Specifics,
    /// What the recipient may do with it.
    pub handling: Handling,
    /// Where; none: not said.
    pub territory: Option<Country>,
    /// Whose citizens; sorted, no repeats.
    pub victims_of: Vec<Country>,
    /// Earlier warnings that it is about.
    pub references: Vec<Reference>,
    /// The detached body.
    pub body: PartReference,
    /// Whether a key for sealed answers was given. Reserved.
    pub reply_key: Option<ReplyKey>,
    /// Salted commitments, sorted and padded.
    pub audience: Vec<[u8; 32]>,
    /// Room for growth.
    pub extensions: Vec<Extension>,
    /// What an OUTCOME says. Reserved.
    pub outcome: Option<Outcome>,
}

/// Deadlines in milliseconds from the recipient's `ROUTED` record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Received within.
    pub received_ms: i64,
    /// Opened within.
    pub opened_ms: i64,
    /// Answered within.
    pub answered_ms: i64,
}

/// What the originator asserts of the threat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Assertions {
    /// It is believed.
    pub credible: bool,
    /// It is about particular people or places.
    pub specific: bool,
    /// It is near.
    pub impending: bool,
}

/// What is known of the threat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Specifics {
    /// Where.
    pub place: Known,
    /// When.
    pub time: Known,
    /// How.
    pub method: Known,
    /// Against whom or what.
    pub target: Known,
    /// By whom.
    pub perpetrator: Known,
}

/// What the recipient may do with a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handling {
    /// TLP 2.0.
    pub tlp: Tlp,
    /// Onward transfer.
    pub onward: Onward,
    /// May the victim be told?
    pub notify_victim: NotifyVictim,
    /// Contains personal data.
    pub personal_data: bool,
    /// Whether the recipient learns the sender.
    pub attribution: Attribution,
}

/// An earlier warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Its id.
    pub id: PayloadId,
    /// Its digest.
    pub digest: Digest,
}

/// An HPKE key for sealed answers. Reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyKey {
    /// The suite.
    pub suite: u32,
    /// The public key.
    pub key: Vec<u8>,
}

/// The detached body: what the threat is, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// CAP urgency.
    pub urgency: Urgency,
    /// CAP severity.
    pub severity: Severity,
    /// CAP certainty.
    pub certainty: Certainty,
    /// The language of the block that counts; one of the blocks is in it.
    pub authoritative: Language,
    /// One a language, at least one.
    pub blocks: Vec<ContentBlock>,
    /// Where, in figures.
    pub area: Area,
    /// The earliest time at which the attack is expected.
    pub onset: Option<Timestamp>,
    /// The latest such time.
    pub onset_until: Option<Timestamp>,
}

/// One language version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentBlock {
    /// Its language.
    pub language: Language,
    /// The kind of event, short.
    pub event: String,
    /// One line.
    pub headline: String,
    /// The whole.
    pub description: String,
    /// What is recommended; may be empty.
    pub instruction: String,
    /// Where, in words; may be empty.
    pub area: String,
    /// Against whom or what, in words; may be empty.
    pub target: String,
}

/// Where, in figures (CAP 1.2 §3.2.4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Area {
    /// `lat,lon lat,lon …`, at least four points, closed.
    pub polygons: Vec<String>,
    /// `lat,lon radius_km`.
    pub circles: Vec<String>,
    /// Codes of places: the system and the code.
    pub geocodes: Vec<(String, String)>,
}

/// A BCP 47 language tag, in its given case; well-formed, not looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(String);

impl Language {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The primary subtag in lower case (`zh` of `zh-Hant`).
    pub fn primary(&self) -> String {
        self.0.split('-').next().unwrap_or("").to_ascii_lowercase()
    }
}

impl std::str::FromStr for Language {
    type Err = super::BadName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut subtags = text.split('-');
        let primary = subtags.next().unwrap_or("");
        let well_formed = (2..=8).contains(&primary.len())
            && primary.bytes().all(|b| b.is_ascii_alphabetic())
            && text.len() <= 35
            && subtags
                .all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric()));
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(super::ids::bad(
                text,
                "a BCP 47 language tag (\"en\", \"zh-Hant\")",
            ))
        }
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}
