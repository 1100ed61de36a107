//! What a sender or an officer says, before it is signed: everything but what the client adds (origin, id, time,
//! signer, `seen`, salts). [`Draft::parse`] reads what a person wrote in YAML or JSON and tells every fault with
//! its line. What may be *accepted* is the ledger's.

mod body;
mod check;
mod fault;
mod fields;
mod prepare;
mod read;
mod when;
mod yaml;

#[cfg(test)]
mod check_tests;
#[cfg(test)]
mod tests;

pub use fault::{Fault, Faults, Position};
pub use prepare::{PrepareError, Prepared};
pub use read::Positions;
pub use when::{NotWhen, When};

use crate::domain::{
    AcknowledgementKind, Address, Assertions, Assessment, Body, Category, Country, DeskAddress, Digest, Form,
    Handling, Harm, Language, PayloadId, Precedence, Reference, RefusalReason, Specific, Specifics, Status,
    WarningType,
};

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
    /// The earliest time at which the attack is expected; it becomes the body's.
    pub onset: Option<When>,
    /// The latest such time; it becomes the body's.
    pub onset_until: Option<When>,
    /// Whether the relay is to be able to read the body. Never of a draft's text: whoever sends says so.
    pub form: Form,
    /// What is said. Its own `onset` and `onset_until` are overwritten by the draft's.
    pub body: Body,
}

/// A draft to fill in, with a comment on each key. As it is, it is refused for what a sender must decide.
pub const TEMPLATE: &str = include_str!("template.yaml");

impl Draft {
    /// Reads a draft in YAML 1.2 or JSON, and tells everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Faults> {
        read::read(text).map(|(draft, _)| draft)
    }

    /// The same, with where each key stands, for what is found wrong later.
    pub fn parse_located(text: &str) -> Result<(Self, Positions), Faults> {
        read::read(text)
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

impl AcknowledgementDraft {
    /// Says this of a warning, and nothing beside it.
    pub fn bare(
        warning_id: PayloadId,
        warning_digest: Digest,
        desk: DeskAddress,
        kind: AcknowledgementKind,
    ) -> Self {
        Self {
            warning_id,
            warning_digest,
            desk,
            kind,
            office: String::new(),
            assessment: None,
            missing: Vec::new(),
            reason: None,
            until: None,
            to: None,
            note: None,
        }
    }
}
