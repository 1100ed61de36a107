//! A thread as it is checked record by record: unbroken from `ROUTED`, each acknowledgement signed by a key of that desk's
//! agency that was valid where it stands. The step is what the records show, never what the relay says of them.

use std::collections::BTreeMap;

use super::directory::KnownDirectory;
use super::matching::begins_thread;
use super::opening::Note;
use super::proven::ProvenRecord;
use super::verification::VerificationError;
use crate::domain::{
    Acknowledgement, AcknowledgementKind, AudienceOpening, DeskAddress, DetachedPart, Digest, Erased, Form,
    Hash, KeyId, KeyRole, PayloadId, RecipientStep, RecordKind, SignedEnvelope, Step, ThreadLink,
};
use crate::ledger::acknowledgement_at;
use crate::seal::{SealSecretKey, text_digest};
use crate::time::Timestamp;
use crate::wire;

/// One record of a thread.
#[derive(Debug, Clone)]
pub struct ThreadEvent {
    /// Where it stands in the log.
    pub index: u64,
    /// Its number in the thread.
    pub seq: u64,
    /// The relay's time; a claim.
    pub time: Timestamp,
    /// What happened.
    pub what: ThreadFact,
    /// The record, with its proof.
    pub proven: ProvenRecord,
}

/// What one record of a thread says.
#[derive(Debug, Clone)]
pub enum ThreadFact {
    /// The thread began.
    Routed {
        /// The openings that led here.
        openings: Vec<AudienceOpening>,
    },
    /// The relay says that it wrote the warning to a session of the recipient.
    HandedOver {
        /// The TLS key that the session proved; it is the recipient's agency's.
        tls_keyid: KeyId,
        /// Handovers before it that left no record.
        unrecorded: u32,
    },
    /// The recipient signed.
    Acknowledged(Box<Answer>),
    /// The relay says that it has erased what was said in a record.
    Erased(Erased),
    /// A record of a later version: it chains, and says nothing to this one.
    Unknown,
}

/// What a recipient signed.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The acknowledgement.
    pub acknowledgement: Acknowledgement,
    /// Of what was signed.
    pub digest: Digest,
    /// The key that signed.
    pub keyid: KeyId,
    /// Its text.
    pub note: Note,
    /// By the signers' clocks it was signed before an answer that stands before it: an older word that was recorded late.
    pub predates_answer: bool,
}

/// A thread, as far as it was checked.
#[derive(Debug, Clone)]
pub struct VerifiedThread {
    warning: Digest,
    id: PayloadId,
    /// The recipient.
    pub desk: DeskAddress,
    /// The highest evidence that the records show.
    pub step: Step,
    /// The latest answer.
    pub answer: Option<AcknowledgementKind>,
    /// When the latest of its answers says that it was signed.
    answer_sent: Option<Timestamp>,
    /// From `ROUTED` on.
    pub events: Vec<ThreadEvent>,
    last: Option<(u64, Hash)>,
}

impl VerifiedThread {
    /// A thread of which nothing was seen yet.
    pub(crate) fn new(warning: Digest, id: PayloadId, desk: DeskAddress) -> Self {
        Self {
            warning,
            id,
            desk,
            step: Step::Routed,
            answer: None,
            answer_sent: None,
            events: Vec::new(),
            last: None,
        }
    }

    /// The recipient, its step and its latest answer.
    pub fn summary(&self) -> RecipientStep {
        RecipientStep {
            desk: self.desk.clone(),
            step: self.step,
            answer: self.answer,
        }
    }

    /// The leaf hash of its `ROUTED` record.
    pub(crate) fn routed_leaf(&self) -> Option<Hash> {
        self.events.first().map(|event| event.proven.leaf())
    }

    /// Opens the texts of its answers with the secret of the warning's reply key.
    pub(crate) fn open_notes(&mut self, reply: &SealSecretKey) {
        for event in &mut self.events {
            if let ThreadFact::Acknowledged(answer) = &mut event.what {
                let note = std::mem::replace(&mut answer.note, Note::Absent);
                answer.note = note.opened(&answer.acknowledgement, reply);
            }
        }
    }

    /// Checks the next record and takes it in.
    pub(crate) fn push(
        &mut self,
        proven: ProvenRecord,
        text: Option<DetachedPart>,
        directory: &KnownDirectory,
    ) -> Result<&ThreadEvent, VerificationError> {
        let seq = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        let link = ThreadLink {
            warning: self.warning,
            desk: self.desk.clone(),
            seq,
            prev: self.last.map(|(_, leaf)| leaf),
        };
        if proven.record().thread.as_ref() != Some(&link) {
            return Err(self.untrue(format!("record {} does not follow number {seq}", proven.index())));
        }
        if self.last.is_some_and(|(index, _)| proven.index() <= index) {
            return Err(self.untrue(format!(
                "record {} stands before the one before it",
                proven.index()
            )));
        }
        let what = self.fact(seq, &proven, text, directory)?;
        self.take_in(&what);
        self.last = Some((proven.index(), proven.leaf()));
        self.events.push(ThreadEvent {
            index: proven.index(),
            seq,
            time: proven.record().time,
            what,
            proven,
        });
        self.events
            .last()
            .ok_or(VerificationError::Incomplete("a thread without records"))
    }

    fn take_in(&mut self, what: &ThreadFact) {
        let shown = match what {
            ThreadFact::Routed { .. } | ThreadFact::Erased(_) | ThreadFact::Unknown => Step::Routed,
            ThreadFact::HandedOver { .. } => Step::HandedOver,
            ThreadFact::Acknowledged(answer) => {
                let kind = answer.acknowledgement.kind;
                if kind.is_answer() {
                    self.answer = Some(kind);
                    self.answer_sent = self.answer_sent.max(Some(answer.acknowledgement.common.sent));
                }
                kind.step()
            }
        };
        self.step = self.step.max(shown);
    }

    fn fact(
        &self,
        seq: u64,
        proven: &ProvenRecord,
        text: Option<DetachedPart>,
        directory: &KnownDirectory,
    ) -> Result<ThreadFact, VerificationError> {
        if seq == 0 {
            let (_, openings) = begins_thread(proven, self.warning)?;
            return Ok(ThreadFact::Routed {
                openings: openings.to_vec(),
            });
        }
        match &proven.record().kind {
            RecordKind::HandedOver(handed_over) => {
                let keyid = handed_over.tls_keyid;
                let key = directory.key_at(&keyid, proven.index(), KeyRole::Tls, "TLS key")?;
                if key.principal.agency() != Some(self.desk.agency()) {
                    return Err(self.untrue(format!(
                        "record {} hands it over to a session of {}",
                        proven.index(),
                        key.principal
                    )));
                }
                Ok(ThreadFact::HandedOver {
                    tls_keyid: keyid,
                    unrecorded: handed_over.unrecorded,
                })
            }
            RecordKind::Acknowledged(envelope) => {
                let answer = self.answer_in(envelope, proven.index(), text, directory)?;
                Ok(ThreadFact::Acknowledged(Box::new(answer)))
            }
            RecordKind::Erased(erased) => Ok(ThreadFact::Erased(*erased)),
            RecordKind::Unknown => Ok(ThreadFact::Unknown),
            RecordKind::Genesis(_)
            | RecordKind::RelayStarted(_)
            | RecordKind::StateEnrolled { .. }
            | RecordKind::AgencyEnrolled(_)
            | RecordKind::KeyPublished(_)
            | RecordKind::KeyRevoked(_)
            | RecordKind::RootSucceeded(_)
            | RecordKind::DesksPublished(_)
            | RecordKind::MandatePublished(_)
            | RecordKind::HoldPlaced(_)
            | RecordKind::AgencySuspended(_)
            | RecordKind::AgencyReinstated(_)
            | RecordKind::OperatorKeyPublished(_)
            | RecordKind::Accepted(_)
            | RecordKind::Rejected(_)
            | RecordKind::Routed(_) => {
                Err(self.untrue(format!("record {} belongs to no thread", proven.index())))
            }
        }
    }

    fn answer_in(
        &self,
        envelope: &SignedEnvelope,
        index: u64,
        text: Option<DetachedPart>,
        directory: &KnownDirectory,
    ) -> Result<Answer, VerificationError> {
        let (acknowledgement, keyid) =
            check_acknowledgement(envelope, index, &self.desk, directory).map_err(|why| self.untrue(why))?;
        if acknowledgement.warning_digest != self.warning || acknowledgement.warning_id != self.id {
            return Err(self.untrue(format!("record {index} acknowledges another warning")));
        }
        let note = match (&acknowledgement.text, text) {
            (None, None) => Note::Absent,
            (Some(_), None) => Note::Erased,
            (None, Some(_)) => {
                return Err(self.untrue(format!("record {index} comes with a text that nobody signed")));
            }
            (Some(reference), Some(part)) => {
                let length = u32::try_from(part.content.len()).ok();
                if length != Some(reference.length)
                    || text_digest(&part.salt, &part.content) != reference.digest
                {
                    return Err(self.untrue(format!(
                        "the text of record {index} is not the one that was signed"
                    )));
                }
                match reference.form {
                    Form::Sealed => Note::Closed(part.content),
                    Form::Clear => Note::Read(
                        wire::text(&part.content).map_err(|refused| self.untrue(refused.to_string()))?,
                    ),
                }
            }
        };
        Ok(Answer {
            predates_answer: self
                .answer_sent
                .is_some_and(|sent| acknowledgement.common.sent < sent),
            acknowledgement,
            digest: envelope.digest(),
            keyid,
            note,
        })
    }

    fn untrue(&self, why: String) -> VerificationError {
        VerificationError::Thread {
            digest: self.warning,
            desk: self.desk.clone(),
            why,
        }
    }
}

/// Checks that an acknowledgement was signed for a desk by a key of its agency, as the ledger's rules ask. What is wrong is a
/// sentence.
pub(crate) fn check_acknowledgement(
    envelope: &SignedEnvelope,
    index: u64,
    desk: &DeskAddress,
    directory: &KnownDirectory,
) -> Result<(Acknowledgement, KeyId), String> {
    let other = |why: String| format!("record {index}: {why}");
    let acknowledgement =
        acknowledgement_at(directory.directory(), index, envelope).map_err(|why| other(why.to_string()))?;
    let [signature] = envelope.signatures.as_slice() else {
        return Err(other("it is not signed by exactly one key".to_owned()));
    };
    let signer = acknowledgement.common.named();
    let acts_for = signer.and_then(|signer| {
        let duty = || signer.principal.agency().cloned().map(DeskAddress::duty);
        signer.desk.clone().or_else(duty)
    });
    let agency = signer.and_then(|signer| signer.principal.agency());
    if agency != Some(desk.agency()) || acts_for.as_ref() != Some(desk) {
        return Err(other(format!("it is not {desk}'s to sign with that key")));
    }
    Ok((acknowledgement, signature.keyid))
}

/// The threads of one warning, by recipient.
pub(crate) type Threads = BTreeMap<DeskAddress, VerifiedThread>;
