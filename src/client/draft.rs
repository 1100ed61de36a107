//! What a sender or an officer says, before it is signed: everything but what the client adds (origin, id, time,
//! signer, `seen`, salts). Holds no rule of the relay's: what may be accepted is the ledger's.

use crate::domain::{
    AcknowledgementKind, Address, Assertions, Assessment, Body, Category, Country, DeskAddress, Digest,
    Handling, Harm, Language, PayloadId, Precedence, Reference, RefusalReason, Specific, Specifics, Status,
    WarningType,
};
use crate::time::Timestamp;

/// A warning before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Who is meant.
    pub to: Vec<Address>,
    /// Who is never to have it, whatever other rule would make them a recipient.
    pub exclude: Vec<Address>,
    /// Never defaulted.
    pub status: Status,
    /// What kind.
    pub warning_type: WarningType,
    /// How urgent its handling is.
    pub precedence: Precedence,
    /// CAP category.
    pub category: Category,
    /// When it expires.
    pub expires: When,
    /// The harm foreseen.
    pub harm: Vec<Harm>,
    /// What the originator asserts.
    pub assertions: Assertions,
    /// What is known.
    pub specifics: Specifics,
    /// What the recipient may do with it.
    pub handling: Handling,
    /// Where.
    pub territory: Option<Country>,
    /// Whose citizens; sorted and without repeats when it is signed.
    pub victims_of: Vec<Country>,
    /// Earlier warnings that it is about.
    pub references: Vec<Reference>,
    /// The office of the person who sends it ("duty officer"); may be empty. Never a person's name.
    pub office: String,
    /// What is said.
    pub body: Body,
}

/// A time, or a span from the moment of signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At this time.
    At(Timestamp),
    /// This many milliseconds after signing.
    AfterMs(i64),
}

impl When {
    /// The time, for something signed at `now`.
    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::AfterMs(ms) => now.saturating_add_ms(ms),
        }
    }
}

/// An acknowledgement before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgementDraft {
    /// The id of the warning.
    pub warning_id: PayloadId,
    /// Its digest.
    pub warning_digest: Digest,
    /// The desk that acknowledges.
    pub desk: DeskAddress,
    /// What is said.
    pub kind: AcknowledgementKind,
    /// The office of the officer; empty for `RECEIVED`.
    pub office: String,
    /// What the officer thinks of it.
    pub assessment: Option<Assessment>,
    /// With `TOO_VAGUE`: which are missing.
    pub missing: Vec<Specific>,
    /// With `REFUSED`: why.
    pub reason: Option<RefusalReason>,
    /// With `DEFERRED`: until when.
    pub until: Option<When>,
    /// With `MISDIRECTED`: who is competent.
    pub to: Option<Address>,
    /// Free text and its language.
    pub note: Option<(Language, String)>,
}
