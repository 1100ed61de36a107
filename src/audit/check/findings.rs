//! What the check of a bundle finds, as plain data: the sentences, the JSON and the report are all made of it. A thing is
//! proven, or claimed by the relay, or not shown; nothing here says more than the signatures do.

use crate::domain::{
    AcknowledgementKind, Address, Assessment, Country, Deadlines, DeskAddress, Digest, Erased, Hash, KeyId,
    KeyRole, Origin, PayloadId, Precedence, Principal, RefusalReason, RevocationReason, Seen, Specific,
    Status, Step, WarningType,
};
use crate::time::Timestamp;

use super::super::timeline::{BodyShown, Note, Words};

/// What a bundle that verifies shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// Which log.
    pub origin: Origin,
    /// The key of the log, as the verifier's policy has it.
    pub log_vkey: String,
    /// What all of it is proven against.
    pub checkpoint: CheckpointFinding,
    /// The newest tree of the file that enough witnesses have cosigned: `checkpoint`, or an earlier one. None: there is none, or the
    /// policy asks for none. What lies beyond it hangs on the log's key alone.
    pub witnessed: Option<Witnessed>,
    /// The warning.
    pub warning: WarningFinding,
    /// What was done, in the order of the log.
    pub acts: Vec<Act>,
    /// Where each recipient that is shown stands, in the order of the bundle.
    pub recipients: Vec<RecipientFinding>,
    /// Whether these are all that the warning went to: the acceptance is shown, which lists them.
    pub all_recipients: bool,
    /// The keys that signed, each once, in the order of their first signatures.
    pub keys: Vec<KeyFinding>,
    /// Whether the verifier said which state roots to trust.
    pub roots_given: bool,
    /// What timestamp authorities have signed of its checkpoints.
    pub timestamps: Vec<TimestampFinding>,
    /// The deadlines that the log's genesis sets for this precedence, from `ROUTED` on by the relay's clock, or shorter ones that the
    /// originator signed.
    pub deadlines: Option<Deadlines>,
    /// How far the directory is shown.
    pub directory: DirectoryFinding,
    /// What is not shown.
    pub not_shown: Vec<NotShown>,
}

/// The tree that everything is proven to be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFinding {
    /// How many records.
    pub size: u64,
    /// Over them.
    pub root: Hash,
    /// What witnesses that the verifier knows have said of it.
    pub witnesses: Vec<WitnessWord>,
    /// Whether the verifier's policy asks for witnesses at all.
    pub witnesses_required: bool,
    /// Since when enough of them had cosigned it; none: not enough have, or none are asked for.
    pub quorum: Option<Timestamp>,
}

/// How far enough witnesses vouch that this log is the same for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witnessed {
    /// How many records of it.
    pub size: u64,
    /// Since when enough of them had cosigned so many.
    pub since: Timestamp,
}

impl Witnessed {
    /// Whether it holds the record.
    pub const fn holds(&self, index: u64) -> bool {
        index < self.size
    }
}

/// A witness's word on a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessWord {
    /// The name that it signs under.
    pub name: String,
    /// Its key.
    pub keyid: KeyId,
    /// When it says that it signed.
    pub time: Timestamp,
}

/// A token over a checkpoint (RFC 3161).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampFinding {
    /// The checkpoint's size.
    pub size: u64,
    /// By then it existed: the token's time, and by how much that may be wrong.
    pub time: Timestamp,
    /// Who signed, as its certificate says.
    pub authority: String,
    /// The verifier's root that this leads to; none: the verifier does not know the authority, and nothing hangs on it.
    pub root: Option<String>,
}

/// The warning, as its originator signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningFinding {
    /// Of what was signed.
    pub digest: Digest,
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
    /// When it expires, as its originator signed.
    pub expires: Option<Timestamp>,
    /// Whether its body was sealed.
    pub sealed: bool,
    /// How its body is shown.
    pub body: BodyShown,
    /// What it says: the authoritative headline first; none: its body is not shown, or not opened.
    pub headlines: Option<Vec<Words>>,
    /// The index of the record by which its place is judged: `ACCEPTED`, or else the first `ROUTED`.
    pub index: u64,
}

/// How sure a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// By a signature whose key leads to what the verifier trusts.
    Proven,
    /// By the relay's word only.
    ClaimedByRelay,
}

impl Standing {
    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proven => "PROVEN",
            Self::ClaimedByRelay => "CLAIMED_BY_RELAY",
        }
    }
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Its record.
    pub index: u64,
    /// Where that is in the bundle.
    pub part: String,
    /// Its number in its thread; none: it is the warning itself.
    pub seq: Option<u64>,
    /// Which recipient it is about; none: the warning itself.
    pub desk: Option<DeskAddress>,
    /// What.
    pub what: Deed,
    /// Who signed it, besides the log; none: it is the relay's own record.
    pub by: Option<By>,
    /// How sure it is.
    pub standing: Standing,
    /// When the relay says that it recorded it. A claim.
    pub relay_time: Timestamp,
    /// When it was, on the word of witnesses.
    pub bracket: Bracket,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// The originator signed the warning; the relay recorded it.
    Warned {
        /// Whether its `ACCEPTED` record is shown; else the `ROUTED` record names it.
        accepted: bool,
    },
    /// The relay began a recipient's thread: the originator's audience names that recipient.
    Routed,
    /// The relay says that it wrote the warning to a session of the recipient.
    HandedOver {
        /// The TLS key that it says the session proved.
        tls_keyid: KeyId,
        /// Handovers before it that left no record.
        unrecorded: u32,
    },
    /// The recipient signed something.
    Said(Box<Said>),
    /// The relay says that it has erased what was said in a record.
    Erased(Erased),
    /// A record of a later version: it chains, and says nothing to this one.
    Unknown,
}

impl Findings {
    /// The record by which the relay says that it has erased the body.
    pub fn body_erased(&self) -> Option<u64> {
        // Without the acceptance, what stands before the first ROUTED.
        let first = self.warning.index;
        self.erasure(|index| index <= first)
    }

    /// The same of what was said in a record.
    pub fn erasure_of(&self, index: u64) -> Option<u64> {
        self.erasure(|of| of == index)
    }

    fn erasure(&self, is_it: impl Fn(u64) -> bool) -> Option<u64> {
        let erased = |act: &&Act| matches!(&act.what, Deed::Erased(erased) if is_it(erased.index));
        self.acts.iter().find(erased).map(|act| act.index)
    }
}

impl Deed {
    /// The word for it, as DOMAIN.md writes it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Warned { .. } => "WARNED",
            Self::Routed => "ROUTED",
            Self::HandedOver { .. } => "HANDED_OVER",
            Self::Said(said) => said.kind.word(),
            Self::Erased(_) => "ERASED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What a recipient signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What.
    pub kind: AcknowledgementKind,
    /// What the officer thought of the warning.
    pub assessment: Option<Assessment>,
    /// Which specifics were missing.
    pub missing: Vec<Specific>,
    /// Why it was refused.
    pub reason: Option<RefusalReason>,
    /// Until when it was deferred.
    pub until: Option<Timestamp>,
    /// Who is competent instead.
    pub to: Option<Address>,
    /// The free text.
    pub note: Note,
    /// Whether that was sealed; where it is kept, it is opened.
    pub sealed: bool,
}

/// Whose signature it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub principal: Principal,
    /// In which role.
    pub role: KeyRole,
    /// For which desk; none: the duty desk.
    pub desk: Option<DeskAddress>,
    /// The office; may be empty. A peer's words.
    pub office: String,
    /// The key.
    pub keyid: KeyId,
    /// When the signer says that it signed. Its own claim.
    pub sent: Timestamp,
    /// What it says that it had seen of the log.
    pub seen: Option<SeenFinding>,
}

/// What a signer had seen of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenFinding {
    /// Which size, with which root.
    pub seen: Seen,
    /// Whether that root is shown to be of this very log; else the bundle has nothing to compare it with.
    pub compared: bool,
}

/// Between when and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bracket {
    /// Until then the witnesses had not been shown the record: each says so of the largest tree that it knew.
    pub not_before: Option<Bound>,
    /// By then the witnesses had cosigned a tree that holds the record.
    pub not_after: Option<Bound>,
    /// The same as `not_before` for what the signer had seen when it signed: it signed after that was in the log.
    pub signed_not_before: Option<Bound>,
}

/// One end of a bracket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// When.
    pub time: Timestamp,
    /// The sizes of the checkpoints that say so, ascending.
    pub checkpoints: Vec<u64>,
    /// Who says so: together enough for the verifier's policy.
    pub witnesses: Vec<String>,
    /// Or the timestamp authority that says so, and no witnesses.
    pub authority: Option<String>,
}

/// A key that signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFinding {
    /// Its id.
    pub keyid: KeyId,
    /// Whose, as its certificate says.
    pub principal: Principal,
    /// What it may do.
    pub role: KeyRole,
    /// The index of the record that enrolled it: valid from there on.
    pub from: u64,
    /// The index of the record that ended it, and why, if that is shown: not valid from there on.
    pub until: Option<(u64, Ended)>,
    /// What it leads to.
    pub chain: KeyChain,
}

/// Why a key ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was revoked.
    Revoked(RevocationReason),
    /// A root named its successor.
    Succeeded,
}

impl Ended {
    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Revoked(reason) => reason.word(),
            Self::Succeeded => "SUCCEEDED",
        }
    }
}

/// What a key's certificate leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChain {
    /// The root that certified it, and the roots before that as far as one that the verifier trusts, which is the last.
    Trusted(Vec<KeyId>),
    /// It was certified by a root of its state's name that the verifier does not trust, nor any before it.
    Untrusted {
        /// The root that certified it.
        certified_by: KeyId,
    },
    /// The verifier did not say which roots to trust.
    NoRoots {
        /// The root that certified it.
        certified_by: KeyId,
    },
}

impl KeyChain {
    /// Whether it is proven whose key it is.
    pub const fn is_proven(&self) -> bool {
        match self {
            Self::Trusted(_) => true,
            Self::Untrusted { .. } | Self::NoRoots { .. } => false,
        }
    }
}

/// Where a recipient stands, as the records show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientFinding {
    /// Which.
    pub desk: DeskAddress,
    /// The highest step whose evidence is shown.
    pub step: Step,
    /// Its latest answer.
    pub answer: Option<AnswerFinding>,
    /// During which no answer was recorded.
    pub silence: Silence,
    /// How sure it is that it reached that step.
    pub standing: Standing,
    /// The last record of its thread that is presented: nothing is said beyond.
    pub last: u64,
}

/// An answer, which need not be as sure as the highest step is: an earlier one may be surer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerFinding {
    /// Which.
    pub kind: AcknowledgementKind,
    /// The record that holds it.
    pub index: u64,
    /// How sure it is.
    pub standing: Standing,
}

/// The part of a thread without an answer, from `ROUTED` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// The `ROUTED` record.
    pub from: u64,
    /// The last record that is shown before the first answer, or at all: unbroken so far.
    pub to: u64,
    /// The first answer; none: none is shown.
    pub answered: Option<u64>,
    /// By then `from` was in the log, and until then the record after the silence was not known to the witnesses (of
    /// `to`, if there is none): so long the silence lasted at the least.
    pub lasted: Option<(Bound, Bound)>,
    /// The last record until which the silence lies in the tree for which enough witnesses vouch (`Findings::witnessed`), and in a
    /// warning that is shown to be signed: `to`, or one before it. None: nothing of it does.
    pub proven_to: Option<u64>,
}

impl Silence {
    /// Proven if enough witnesses vouch for all of it.
    pub fn standing(&self) -> Standing {
        match self.proven_to == Some(self.to) {
            true => Standing::Proven,
            false => Standing::ClaimedByRelay,
        }
    }
}

/// How far the directory is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryFinding {
    /// How many records of its chain, from the genesis on.
    pub records: u64,
    /// The index of the last of them: nothing is missing from it up to there. That a `ROUTED` record beyond it names this position is
    /// no more than the relay's word that nothing came between.
    pub last: u64,
}

/// What is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotShown {
    /// Which of a closed list.
    pub what: Missing,
    /// What it means.
    pub sentence: String,
}

/// The closed list of what a bundle may leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// What the warning says: its body was erased or left out.
    Body,
    /// What the warning says: its body is sealed, and not opened.
    SealedBody,
    /// The free text of an acknowledgement: it was erased or left out.
    Text,
    /// The free text of an acknowledgement: it is sealed, and not opened.
    SealedText,
    /// What happened after the last record of a thread.
    Later,
    /// To whom else the warning went.
    OtherRecipients,
    /// The relay's acceptance.
    Acceptance,
    /// Whether keys were revoked beyond the directory that is shown.
    Revocations,
    /// That enough witnesses vouch for the log.
    Witnesses,
    /// Times that do not hang on the relay's word.
    Times,
    /// That a signer saw this very log.
    Seen,
    /// That keys are their states'.
    Roots,
    /// RFC 3161 tokens that were not checked.
    Timestamps,
    /// Records of a later version.
    UnknownRecords,
    /// That no delivery to the desk was withheld.
    InboxNumber,
}

impl Missing {
    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Body => "BODY",
            Self::SealedBody => "SEALED_BODY",
            Self::Text => "TEXT",
            Self::SealedText => "SEALED_TEXT",
            Self::Later => "LATER",
            Self::OtherRecipients => "OTHER_RECIPIENTS",
            Self::Acceptance => "ACCEPTANCE",
            Self::Revocations => "REVOCATIONS",
            Self::Witnesses => "WITNESSES",
            Self::Times => "TIMES",
            Self::Seen => "SEEN",
            Self::Roots => "ROOTS",
            Self::Timestamps => "TIMESTAMPS",
            Self::UnknownRecords => "UNKNOWN_RECORDS",
            Self::InboxNumber => "INBOX_NUMBER",
        }
    }
}
