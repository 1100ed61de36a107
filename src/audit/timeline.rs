//! What a verified replay tells of each warning, as data: who was told what, when, by whose signature, who answered
//! what, and who stayed silent. It is built only from records that the verifier has checked.
//!
//! Times are claims (the relay's, or a signer's); what is proven is the order of the records. Silence is shown up to
//! the last record that was presented, never beyond.

use std::collections::BTreeMap;

use crate::domain::{
    Acknowledgement, AcknowledgementKind, Address, Assessment, Common, Country, DeskAddress, Digest, Erased,
    Hash, KeyId, KeyRole, Origin, PayloadId, Precedence, Principal, RefusalReason, SignedEnvelope, Specific,
    Status, Step, Text, WarningType,
};
use crate::time::Timestamp;

/// All that a verified replay tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// Which log.
    pub origin: Origin,
    /// How many records were presented: nothing is said beyond.
    pub size: u64,
    /// The root over them, as the log signed it.
    pub root: Hash,
    /// How many of them were out of scope: of these only hashes are known.
    pub out_of_scope: u64,
    /// Each warning, in the order of its first record.
    pub warnings: Vec<WarningTimeline>,
    /// The relay's starts, in order; the first is no outage.
    pub starts: Vec<Start>,
    /// Submissions and acknowledgements that were refused on the record.
    pub refusals: Vec<Refusal>,
}

impl WarningTimeline {
    /// The record by which the relay says that it has erased the body; none: it does not say so.
    pub fn body_erased(&self) -> Option<u64> {
        let accepted = self.events.iter().find(|event| event.what == What::Accepted)?;
        self.erasure_of(accepted.index)
    }

    /// The same of what was said in a record.
    pub fn erasure_of(&self, index: u64) -> Option<u64> {
        let erased = |event: &&Event| matches!(&event.what, What::Erased(erased) if erased.index == index);
        self.events.iter().find(erased).map(|event| event.index)
    }
}

impl Timeline {
    /// The times at which the relay came back from an outage while a warning was under way: after its first record, and
    /// before its last one, or at all if somebody is still silent.
    pub fn outages_of<'a>(&'a self, warning: &'a WarningTimeline) -> impl Iterator<Item = &'a Start> {
        let first = warning.events.first().map_or(u64::MAX, |event| event.index);
        let last = match warning.recipients.values().any(Recipient::is_silent) {
            true => u64::MAX,
            false => warning.events.last().map_or(0, |event| event.index),
        };
        let starts = self.starts.iter();
        starts.filter(move |start| start.stopped_at.is_some() && first < start.index && start.index < last)
    }
}

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningTimeline {
    /// The warning.
    pub digest: Digest,
    /// What its originator signed; none: its acceptance is out of scope.
    pub sent: Option<Sent>,
    /// Whether its body was sealed.
    pub sealed: bool,
    /// What happened to it, in order.
    pub events: Vec<Event>,
    /// Its recipients in scope, in the order of their addresses.
    pub recipients: BTreeMap<DeskAddress, Recipient>,
}

/// What the originator signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The originator's id of it.
    pub id: PayloadId,
    /// CAP status.
    pub status: Status,
    /// What kind.
    pub warning_type: WarningType,
    /// ACP 127.
    pub precedence: Precedence,
    /// Where; none: not said.
    pub territory: Option<Country>,
    /// Who signed.
    pub by: Hand,
    /// By the sender's clock.
    pub sent: Timestamp,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// How its body was shown.
    pub body: BodyShown,
    /// The authoritative headline and its language; none: the body was not shown in clear.
    pub headline: Option<Words>,
    /// The headline in the other languages, as they were signed.
    pub translations: Vec<Words>,
}

/// How the body of a warning is shown. That it is sealed never means that it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyShown {
    /// In clear, as it was signed.
    Clear,
    /// Sealed as it was signed, and opened beside that.
    Opened,
    /// Sealed as it was signed: whoever has a key for it can read it.
    Sealed,
    /// Not at all: it was erased or left out.
    Absent,
}

impl BodyShown {
    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clear => "CLEAR",
            Self::Opened => "OPENED",
            Self::Sealed => "SEALED",
            Self::Absent => "ABSENT",
        }
    }
}

/// Words of a person, as they were signed: to be sanitised where they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Their language.
    pub language: String,
    /// The words.
    pub text: String,
}

/// Whose signature it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hand {
    /// Who.
    pub principal: Principal,
    /// In which role.
    pub role: KeyRole,
    /// The office; may be empty. A peer's words.
    pub office: String,
    /// The key.
    pub keyid: KeyId,
    /// How many records of this log the signer had verified when signing.
    pub seen: Option<u64>,
}

impl Hand {
    /// The hand behind a payload; none if its signer stays unnamed.
    pub(super) fn of(common: &Common, envelope: &SignedEnvelope) -> Option<Self> {
        let keyid = envelope.signatures.first()?.keyid;
        common.named().map(|signer| Self {
            principal: signer.principal.clone(),
            role: signer.role,
            office: signer.office.clone(),
            keyid,
            seen: signer.seen.map(|seen| seen.size),
        })
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its record.
    pub index: u64,
    /// The relay's claim of when.
    pub time: Timestamp,
    /// Which recipient it is about; none: the warning as a whole.
    pub desk: Option<DeskAddress>,
    /// What.
    pub what: What,
    /// The first later record whose signer, another than the relay, had seen this one: it stood there before that was
    /// signed. None: nobody has said so yet.
    pub seen_by: Option<SeenBy>,
}

/// Whose signature shows that a record stood there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenBy {
    /// The record that holds the signature.
    pub index: u64,
    /// Who signed it.
    pub principal: Principal,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The relay accepted it.
    Accepted,
    /// A recipient's thread began.
    Routed,
    /// The relay says that it wrote it to the recipient's session.
    HandedOver {
        /// The TLS key that the session proved.
        tls_keyid: KeyId,
        /// Handovers before it that left no record.
        unrecorded: u32,
    },
    /// The recipient signed something.
    Acknowledged(Box<Answer>),
    /// The relay says that it has erased what was said.
    Erased(Erased),
}

impl What {
    /// The word for it, as DOMAIN.md writes it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED_BY_RELAY",
            Self::Routed => "ROUTED",
            Self::HandedOver { .. } => "HANDED_OVER",
            Self::Acknowledged(answer) => answer.kind.word(),
            Self::Erased(_) => "ERASED",
        }
    }
}

/// What a recipient signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What is said.
    pub kind: AcknowledgementKind,
    /// Who signed.
    pub by: Hand,
    /// By the signer's clock.
    pub sent: Timestamp,
    /// What the officer thinks of it.
    pub assessment: Option<Assessment>,
    /// Which specifics are missing.
    pub missing: Vec<Specific>,
    /// Why it was refused.
    pub reason: Option<RefusalReason>,
    /// Until when it is deferred.
    pub until: Option<Timestamp>,
    /// Who is competent instead.
    pub to: Option<Address>,
    /// The free text.
    pub note: Note,
}

/// The free text of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// None was signed.
    None,
    /// As signed, and matching its digest.
    Kept(Words),
    /// One was signed and sealed: it is shown, and not opened.
    Sealed,
    /// One was signed; it was not shown.
    Absent,
}

impl Note {
    /// What is shown of a signed text; `shown`: it lies beside the answer, in clear or sealed.
    pub(super) fn of(said: &Acknowledgement, text: Option<&Text>, shown: bool) -> Self {
        match (&said.text, text) {
            (None, _) => Self::None,
            (Some(_), Some(text)) => Self::Kept(Words {
                language: text.language.to_string(),
                text: text.text.clone(),
            }),
            (Some(_), None) if shown => Self::Sealed,
            (Some(_), None) => Self::Absent,
        }
    }
}

/// Where a recipient stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Its highest evidence.
    pub step: Step,
    /// Its latest answer.
    pub answer: Option<AcknowledgementKind>,
    /// The newest record of its thread.
    pub newest: u64,
    /// The records by which the relay claims a handover.
    pub handovers: Vec<u64>,
    /// How many more handovers these records claim.
    pub unrecorded: u64,
}

impl Recipient {
    /// Whether it stayed silent: nothing above `OPENED`.
    pub fn is_silent(&self) -> bool {
        self.step < Step::Answered
    }
}

/// The relay began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Its record.
    pub index: u64,
    /// The relay's claim of when.
    pub time: Timestamp,
    /// Since when it had been down, by its own claim; none: it never ran before.
    pub stopped_at: Option<Timestamp>,
    /// Of the software.
    pub version: String,
}

/// A refusal on the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its record.
    pub index: u64,
    /// The relay's claim of when.
    pub time: Timestamp,
    /// Who had signed.
    pub principal: Principal,
    /// What it was.
    pub payload_type: String,
    /// The signer's id of it.
    pub id: PayloadId,
    /// Why: an `ErrorCode`'s name, or one of a later version.
    pub code: String,
}
