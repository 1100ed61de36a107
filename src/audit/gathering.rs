//! How what a verified replay tells is gathered, record by record; what it comes to is in `timeline.rs`.

use std::collections::{BTreeMap, HashMap};

use super::beside::Beside;
use super::timeline::{
    Answer, BodyShown, Event, Hand, Note, Recipient, Refusal, SeenBy, Sent, Start, Timeline, WarningTimeline,
    What, Words,
};
use crate::domain::{
    Acknowledgement, Body, Common, ContentBlock, DeskAddress, Digest, Erased, Form, HandedOver, Hash, Origin,
    Principal, Record, RecordKind, Routed, SignedEnvelope, Step, ThreadLink, Warning,
};
use crate::seal::PayloadKind;
use crate::time::Timestamp;
use crate::wire;

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
