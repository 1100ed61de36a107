//! What a verified replay tells of each warning, as data: who was told what, when, by whose signature, who answered
//! what, and who stayed silent. It is built only from records that the verifier has checked.
//!
//! Times are claims (the relay's, or a signer's); what is proven is the order of the records. Silence is shown up to
//! the last record that was presented, never beyond.

use std::collections::{BTreeMap, HashMap};

use super::beside::Beside;
use crate::domain::{
    Acknowledgement, AcknowledgementKind, Address, Assessment, Body, Common, ContentBlock, Country,
    DeskAddress, Digest, Erased, Form, HandedOver, Hash, KeyId, KeyRole, Origin, PayloadId, Precedence,
    Principal, Record, RecordKind, RefusalReason, Routed, SignedEnvelope, Specific, Status, Step, Text,
    ThreadLink, Warning, WarningType,
};
use crate::seal::PayloadKind;
use crate::time::Timestamp;
use crate::wire;

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
    fn of(common: &Common, envelope: &SignedEnvelope) -> Option<Self> {
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

/// Gathers a timeline while a replay is verified.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    warnings: Vec<WarningTimeline>,
    by_digest: HashMap<Digest, usize>,
    starts: Vec<Start>,
    refusals: Vec<Refusal>,
    /// `(index, size seen, who)`, in order of index.
    sightings: Vec<(u64, u64, Principal)>,
}

impl Gathering {
    /// Takes in a record that was checked.
    pub(super) fn record(&mut self, index: u64, record: &Record, beside: &Beside) {
        let at = (index, record.time);
        match (&record.kind, beside) {
            (RecordKind::Accepted(accepted), Beside::Warning { header, body, shown }) => {
                self.sighting(index, Some(&header.common));
                let (body, as_shown) = match (body.as_deref(), shown) {
                    (Some(body), _) => (Some(body), BodyShown::Clear),
                    (None, true) => (None, BodyShown::Sealed),
                    (None, false) => (None, BodyShown::Absent),
                };
                self.accepted(at, &accepted.warning, header, body, as_shown);
            }
            (RecordKind::Acknowledged(envelope), Beside::Acknowledgement { said, text, shown }) => {
                self.sighting(index, Some(&said.common));
                if let Some(link) = &record.thread {
                    let note = Note::of(said, text.as_ref(), *shown);
                    self.acknowledged(at, &link.desk, envelope, said, note);
                }
            }
            (RecordKind::Routed(routed), _) => self.routed(at, routed),
            (RecordKind::HandedOver(handed_over), _) => {
                if let Some(link) = &record.thread {
                    self.handed_over(at, link, handed_over);
                }
            }
            (RecordKind::Erased(erased), _) => {
                if let Some(link) = &record.thread {
                    self.erased(at, link, *erased);
                }
            }
            (RecordKind::RelayStarted(start), _) => self.starts.push(Start {
                index,
                time: record.time,
                stopped_at: start.stopped_at,
                version: start.version.clone(),
            }),
            (RecordKind::Rejected(rejected), _) => self.refusals.push(Refusal {
                index,
                time: record.time,
                principal: rejected.principal.clone(),
                payload_type: rejected.payload_type.clone(),
                id: rejected.id,
                code: rejected.code.clone(),
            }),
            (
                RecordKind::StateEnrolled {
                    enrolment: envelope, ..
                }
                | RecordKind::AgencyEnrolled(envelope)
                | RecordKind::KeyPublished(envelope)
                | RecordKind::KeyRevoked(envelope)
                | RecordKind::RootSucceeded(envelope)
                | RecordKind::DesksPublished(envelope)
                | RecordKind::MandatePublished(envelope)
                | RecordKind::HoldPlaced(envelope)
                | RecordKind::AgencySuspended(envelope)
                | RecordKind::AgencyReinstated(envelope)
                | RecordKind::OperatorKeyPublished(envelope),
                _,
            ) => {
                let kind = envelope.payload_type.parse::<PayloadKind>();
                let common = kind.ok().and_then(|kind| wire::common(kind, &envelope.payload));
                self.sighting(index, common.as_ref());
            }
            (RecordKind::Accepted(_) | RecordKind::Acknowledged(_), _)
            | (RecordKind::Genesis(_) | RecordKind::Unknown, _) => {}
        }
    }

    /// A payload was signed by somebody who had seen so much of the log.
    fn sighting(&mut self, index: u64, common: Option<&Common>) {
        if let Some(signer) = common.and_then(Common::named)
            && let Some(seen) = signer.seen
        {
            self.sightings.push((index, seen.size, signer.principal.clone()));
        }
    }

    fn accepted(
        &mut self,
        at: At,
        envelope: &SignedEnvelope,
        header: &Warning,
        body: Option<&Body>,
        shown: BodyShown,
    ) {
        let words = |block: &ContentBlock| Words {
            language: block.language.to_string(),
            text: block.headline.clone(),
        };
        let (mut headline, mut translations) = (None, Vec::new());
        if let Some(body) = body {
            for block in &body.blocks {
                match block.language == body.authoritative {
                    true => headline = Some(words(block)),
                    false => translations.push(words(block)),
                }
            }
        }
        let sent = Hand::of(&header.common, envelope).map(|by| Sent {
            id: header.common.id,
            status: header.status,
            warning_type: header.warning_type,
            precedence: header.precedence,
            territory: header.territory.clone(),
            by,
            sent: header.common.sent,
            expires: header.expires,
            body: shown,
            headline,
            translations,
        });
        let warning = self.warning(envelope.digest());
        warning.sent = sent;
        warning.sealed = header.body.form == Form::Sealed;
        warning.events.push(event(at, None, What::Accepted));
    }

    fn routed(&mut self, at: At, routed: &Routed) {
        let desk = &routed.desk;
        let warning = self.warning(routed.warning);
        // Whoever sees no acceptance knows it by this.
        warning.sealed |= routed.wrap_digest.is_some();
        warning.events.push(event(at, Some(desk), What::Routed));
        warning.recipients.insert(
            desk.clone(),
            Recipient {
                step: Step::Routed,
                answer: None,
                newest: at.0,
                handovers: Vec::new(),
                unrecorded: 0,
            },
        );
    }

    fn handed_over(&mut self, at: At, link: &ThreadLink, handed_over: &HandedOver) {
        let HandedOver {
            tls_keyid,
            unrecorded,
            ..
        } = *handed_over;
        let warning = self.warning(link.warning);
        let what = What::HandedOver {
            tls_keyid,
            unrecorded,
        };
        warning.events.push(event(at, Some(&link.desk), what));
        if let Some(recipient) = warning.recipients.get_mut(&link.desk) {
            recipient.newest = at.0;
            recipient.step = recipient.step.max(Step::HandedOver);
            recipient.handovers.push(at.0);
            recipient.unrecorded = recipient.unrecorded.saturating_add(u64::from(unrecorded));
        }
    }

    fn erased(&mut self, at: At, link: &ThreadLink, erased: Erased) {
        let warning = self.warning(link.warning);
        warning
            .events
            .push(event(at, Some(&link.desk), What::Erased(erased)));
        if let Some(recipient) = warning.recipients.get_mut(&link.desk) {
            recipient.newest = at.0;
        }
    }

    fn acknowledged(
        &mut self,
        at: At,
        desk: &DeskAddress,
        envelope: &SignedEnvelope,
        said: &Acknowledgement,
        note: Note,
    ) {
        let answer = Hand::of(&said.common, envelope).map(|by| Answer {
            kind: said.kind,
            by,
            sent: said.common.sent,
            assessment: said.assessment,
            missing: said.missing.clone(),
            reason: said.reason,
            until: said.until,
            to: said.to.clone(),
            note,
        });
        let warning = self.warning(said.warning_digest);
        if let Some(answer) = answer {
            let what = What::Acknowledged(Box::new(answer));
            warning.events.push(event(at, Some(desk), what));
        }
        if let Some(recipient) = warning.recipients.get_mut(desk) {
            recipient.newest = at.0;
            recipient.step = recipient.step.max(said.kind.step());
            if said.kind.is_answer() {
                recipient.answer = Some(said.kind);
            }
        }
    }

    /// The whole, once the tree was found to be the signed one.
    pub(super) fn tell(mut self, origin: Origin, size: u64, root: Hash, out_of_scope: u64) -> Timeline {
        let sightings = Sightings::new(&self.sightings);
        for warning in &mut self.warnings {
            for event in &mut warning.events {
                event.seen_by = sightings.first_to_see(event.index);
            }
        }
        Timeline {
            origin,
            size,
            root,
            out_of_scope,
            warnings: self.warnings,
            starts: self.starts,
            refusals: self.refusals,
        }
    }

    fn warning(&mut self, digest: Digest) -> &mut WarningTimeline {
        let next = self.warnings.len();
        let at = *self.by_digest.entry(digest).or_insert(next);
        if at == next {
            self.warnings.push(WarningTimeline {
                digest,
                sent: None,
                sealed: false,
                events: Vec::new(),
                recipients: BTreeMap::new(),
            });
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "every number in the map is a place that was pushed"
        )]
        &mut self.warnings[at]
    }
}

/// A record's index, and the relay's claim of when.
type At = (u64, Timestamp);

fn event(at: At, desk: Option<&DeskAddress>, what: What) -> Event {
    Event {
        index: at.0,
        time: at.1,
        desk: desk.cloned(),
        what,
        seen_by: None,
    }
}

/// Who had seen how much, such that the first to have seen an index is found at once: the records that raised the
/// largest size seen so far.
struct Sightings<'a>(Vec<&'a (u64, u64, Principal)>);

impl<'a> Sightings<'a> {
    fn new(all: &'a [(u64, u64, Principal)]) -> Self {
        let mut largest = 0;
        Self(
            all.iter()
                .filter(|(_, size, _)| {
                    let raises = *size > largest;
                    largest = largest.max(*size);
                    raises
                })
                .collect(),
        )
    }

    fn first_to_see(&self, index: u64) -> Option<SeenBy> {
        let at = self.0.partition_point(|(_, size, _)| *size <= index);
        self.0.get(at).map(|(index, _, principal)| SeenBy {
            index: *index,
            principal: principal.clone(),
        })
    }
}
