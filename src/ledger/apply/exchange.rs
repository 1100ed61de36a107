//! Warnings, their threads and the answers to them.

use std::sync::Arc;

use super::super::change::Change;
use super::super::directory::Open;
use super::super::facts::{
    AcceptanceFact, Hourly, IdFact, IdKey, TextFact, ThreadFact, ThreadKey, WarningFact,
};
use super::super::holds;
use super::super::rules;
use super::{ApplyError, Applying, Corrupt, used_id};
use crate::domain::{
    Accepted, AcknowledgementKind, Bucket, Erased, Form, HandedOver, PartReference, Rejected, RetentionClass,
    Routed, SignedEnvelope, Step, ThreadLink, Warning,
};
use crate::error::{ErrorCode, Refused};
use crate::limits;
use crate::seal::{PayloadKind, SealSuite};
use crate::wire::{self, Recorded};

impl<'a> Applying<'a> {
    /// Re-derives the routing; the `ROUTED` records that must follow are held to it one by one.
    pub(super) fn accepted(&mut self, accepted: &Accepted) -> Result<(), ApplyError> {
        let envelope = &accepted.warning;
        let (warning, header) = match self.ahead.warning() {
            Some((digest, header)) => (digest, Ok(Arc::clone(header))),
            None => (
                envelope.digest(),
                wire::warning(&Recorded(envelope)).map(Arc::new),
            ),
        };
        let header = header.map_err(|refused| self.refused(&refused))?;
        let recipients = self
            .directory
            .recipients(&accepted.openings)
            .map_err(|refused| self.refused(&refused))?;
        if recipients.len() != accepted.routed.len() {
            return Err(self
                .corrupt("it lists another number of recipients than its audience gives")
                .into());
        }
        let routed =
            u32::try_from(recipients.len()).map_err(|_| self.corrupt("it has too many recipients"))?;
        let records = routed.saturating_add(1);
        let (key, fact) = used_id(self.index, records, PayloadKind::Warning, &header.common, warning)?;
        let originator = key.principal.agency().cloned();
        let originator = originator.ok_or_else(|| self.corrupt("its signer is no agency"))?;
        let expires = header.expires.ok_or_else(|| self.corrupt("it never expires"))?;
        let id = key.id;
        let retention = RetentionClass::of(header.status, &header.handling);
        let acceptance = AcceptanceFact {
            accepted: self.index,
            routed,
            originator: originator.clone(),
            bucket: Bucket::of(retention, expires, self.record.time),
            sealed: self.answered_by(&header)?,
        };
        // One warning has one id and signer, so the id's fact also tells whether the warning was accepted before.
        match self.facts.id(&key)? {
            Some(before) if before.digest == warning && before.rejected.is_none() => {
                return Err(self.corrupt("the warning was accepted before").into());
            }
            Some(_) => return Err(self.used_before(&id).into()),
            None => self.changes.push(Change::Id(key, fact)),
        }
        let fact = WarningFact {
            accepted: self.index,
            routed,
            originator: originator.clone(),
            id,
            status: header.status,
            warning_type: header.warning_type,
            precedence: header.precedence,
            sent: header.common.sent,
            expires,
            retention,
        };
        let index = self.index;
        self.changes.push(Change::Warning(warning, fact));
        if self.facts.is_for_delivery() {
            self.changes.push(Change::Outgoing {
                agency: originator,
                index,
                warning,
            });
        }
        let expected = accepted.routed.iter().copied().zip(recipients).collect();
        self.directory.open = Some(Open::Acceptance {
            warning,
            expected,
            next: self.index.saturating_add(1),
            fact: Arc::new(acceptance),
        });
        Ok(())
    }

    pub(super) fn rejected(&mut self, rejected: &Rejected) -> Result<(), ApplyError> {
        let kind: PayloadKind = rejected
            .payload_type
            .parse()
            .map_err(|_| self.corrupt("it refuses a payload type that is not ours"))?;
        // A code of a later version still uses up the id.
        let code = ErrorCode::from_name(&rejected.code).unwrap_or(ErrorCode::Unsupported);
        let key = IdKey {
            principal: rejected.principal.clone(),
            kind,
            id: rejected.id,
        };
        let fact = IdFact {
            digest: rejected.digest,
            index: self.index,
            records: 1,
            rejected: Some(code),
        };
        self.use_up(key, fact)?;
        let count = self
            .facts
            .rejected(&rejected.principal)?
            .and_one_at(self.record.time);
        self.changes
            .push(Change::Rejected(rejected.principal.clone(), count));
        Ok(())
    }

    pub(super) fn routed(&mut self, routed: &Routed) -> Result<(), ApplyError> {
        let link = self.link()?;
        if link.seq != 0 || link.prev.is_some() {
            return Err(self.corrupt("a thread begins with its ROUTED record").into());
        }
        if link.warning != routed.warning || link.desk != routed.desk {
            return Err(self.corrupt("it begins another thread than its own").into());
        }
        if Some(routed.directory) != self.directory.position() {
            return Err(self
                .corrupt("it was resolved by another directory than the newest")
                .into());
        }
        let acceptance = self.expected(routed)?;
        let key = ThreadKey {
            warning: routed.warning,
            desk: routed.desk.clone(),
        };
        if self.facts.thread(&key)?.is_some() {
            return Err(self.corrupt("the thread has begun before").into());
        }
        let inbox_number = self.facts.inbox_count(&routed.desk)?.saturating_add(1);
        let thread = ThreadFact {
            routed: self.index,
            inbox_number,
            seq: 0,
            prev: self.leaf,
            step: Step::Routed,
            answer: None,
            acknowledgements: 0,
            received: None,
            handovers: Hourly::default(),
            acceptance,
            body_absent: false,
            body_erased: false,
            texts: Vec::new(),
        };
        let (desk, warning, number) = (routed.desk.clone(), routed.warning, inbox_number);
        self.changes.push(Change::Inbox {
            desk: desk.clone(),
            number,
            warning,
            index: self.index,
        });
        // Who sees the recipient's part only does not know the lane, and delivers nothing.
        if self.facts.is_for_delivery()
            && let Some(fact) = self.facts.warning(&warning)?
        {
            self.changes.push(Change::Pending {
                desk,
                lane: fact.lane(),
                number,
                warning,
            });
            self.changes.push(Change::Kept {
                bucket: fact.bucket(self.record.time),
                index: fact.accepted,
                thread: key.clone(),
            });
        }
        self.thread_record(key, thread);
        Ok(())
    }

    /// The next record of an acceptance, by its leaf hash and by what the routing gives.
    fn expected(&mut self, routed: &Routed) -> Result<Option<Arc<AcceptanceFact>>, Corrupt> {
        let corrupt = |what: &str| Corrupt::new(self.index, what);
        let Some(Open::Acceptance {
            warning,
            expected,
            next,
            fact,
        }) = &mut self.directory.open
        else {
            // Who sees the recipient's part only sees no acceptance.
            return match self.facts.is_whole() {
                true => Err(corrupt("no acceptance stands before it")),
                false => Ok(None),
            };
        };
        let Some((leaf, recipient)) = expected.pop_front() else {
            return Err(corrupt("the acceptance lists no further recipient"));
        };
        if *next != self.index {
            return Err(corrupt("the ROUTED records of an acceptance follow it at once"));
        }
        *next = self.index.saturating_add(1);
        if *warning != routed.warning || leaf != self.leaf {
            return Err(corrupt("it is not the next record that the acceptance lists"));
        }
        if recipient.desk != routed.desk || recipient.openings != routed.openings {
            return Err(corrupt("the audience and the directory give another recipient"));
        }
        if routed.wrap_digest.is_some() != fact.sealed.is_some() {
            return Err(corrupt(
                "a sealed body has a wrap for each recipient, one in clear has none",
            ));
        }
        let fact = Arc::clone(fact);
        if expected.is_empty() {
            self.directory.open = None;
        }
        Ok(Some(fact))
    }

    /// What the answers to a warning are sealed by; none: it is in clear.
    fn answered_by(&self, header: &Warning) -> Result<Option<SealSuite>, Corrupt> {
        if header.body.form == Form::Clear {
            return Ok(None);
        }
        let suite = header.reply_key.as_ref().and_then(|key| rules::suite(key.suite));
        suite
            .map(Some)
            .ok_or_else(|| self.corrupt("it is sealed, and has no reply key that answers could be sealed to"))
    }

    pub(super) fn handed_over(&mut self, _handed_over: &HandedOver) -> Result<(), ApplyError> {
        let (key, mut thread) = self.next_in_thread(self.link()?)?;
        if thread.handovers.in_hour_of(self.record.time) >= limits::HANDOVER_RECORDS_PER_HOUR_MAX {
            return Err(self
                .corrupt("the thread has too many HANDED_OVER records in this hour")
                .into());
        }
        thread.handovers = thread.handovers.and_one_at(self.record.time);
        thread.step = thread.step.max(Step::HandedOver);
        self.thread_record(key, thread);
        Ok(())
    }

    pub(super) fn acknowledged(&mut self, envelope: &SignedEnvelope) -> Result<(), ApplyError> {
        let (digest, content) = match self.ahead.acknowledgement() {
            Some((digest, content)) => (digest, Ok(Arc::clone(content))),
            None => (
                envelope.digest(),
                wire::acknowledgement(&Recorded(envelope)).map(Arc::new),
            ),
        };
        let content = content.map_err(|refused| self.refused(&refused))?;
        let (id, fact) = used_id(
            self.index,
            1,
            PayloadKind::Acknowledgement,
            &content.common,
            digest,
        )?;
        let link = self.link()?;
        let signer = content.common.named().zip(id.principal.agency());
        let desk = signer.map(|(signer, agency)| rules::desk_or_duty(signer, agency));
        if desk.as_ref() != Some(&link.desk) || content.warning_digest != link.warning {
            return Err(self
                .corrupt("it acknowledges for another thread than its own")
                .into());
        }
        if id.principal.agency() != Some(link.desk.agency()) {
            return Err(self.corrupt("it acknowledges for another agency's desk").into());
        }
        let (key, mut thread) = self.next_in_thread(link)?;
        if thread.acknowledgements >= limits::ACKNOWLEDGEMENTS_PER_THREAD_MAX {
            return Err(self.corrupt("the thread has too many acknowledgements").into());
        }
        if content.kind == AcknowledgementKind::Received {
            if thread.received.is_some() {
                return Err(self.corrupt("the desk has acknowledged receipt before").into());
            }
            thread.received = Some((self.index, fact.digest));
        }
        self.use_up(id, fact)?;
        if let Some(text) = &content.text {
            self.text_said(&key, &mut thread, text)?;
        }
        let waited = thread.step < Step::Received;
        thread.acknowledgements = thread.acknowledgements.saturating_add(1);
        thread.step = thread.step.max(content.kind.step());
        if content.kind.is_answer() {
            thread.answer = Some(content.kind);
        }
        if waited && thread.step >= Step::Received && self.facts.is_for_delivery() {
            let warning = key.warning;
            let lane = self.facts.warning(&warning)?.map(|fact| fact.lane());
            let (desk, number) = (key.desk.clone(), thread.inbox_number);
            self.changes.push(Change::Settled {
                desk,
                lane,
                number,
                warning,
            });
        }
        self.thread_record(key, thread);
        Ok(())
    }

    /// An answer has a text: of the warning's form, and kept in its bucket.
    fn text_said(
        &mut self,
        key: &ThreadKey,
        thread: &mut ThreadFact,
        text: &PartReference,
    ) -> Result<(), ApplyError> {
        let acceptance = thread.acceptance.as_ref();
        if let Some(acceptance) = acceptance {
            rules::text_answers(acceptance.sealed, text).map_err(|refused| self.refused(&refused))?;
        }
        let bucket = acceptance.map(|acceptance| acceptance.bucket.at(self.record.time));
        if let Some(bucket) = bucket.filter(|_| self.facts.is_for_delivery()) {
            self.changes.push(Change::Kept {
                bucket,
                index: self.index,
                thread: key.clone(),
            });
        }
        // Any class: the day is that of the record, and nothing else is known.
        let earliest = || Bucket::of(RetentionClass::Ordinary, self.record.time, self.record.time);
        thread.texts.push(TextFact {
            index: self.index,
            day: bucket.unwrap_or_else(earliest).day(),
            absent: false,
        });
        Ok(())
    }

    /// What is erased lay beside a record of the thread and was there until now; it belonged to that bucket, and was due by a rule that
    /// stood. As far as that is seen.
    pub(super) fn erased(&mut self, erased: &Erased) -> Result<(), ApplyError> {
        let Erased { index, bucket, days } = *erased;
        let (key, mut thread) = self.next_in_thread(self.link()?)?;
        if days == 0 || self.record.time < bucket.due(days) {
            return Err(self.corrupt("it erases before its own rule would").into());
        }
        let retained = &self.directory.retained;
        if retained.whole && !retained.stood(bucket, days) {
            return Err(self
                .corrupt("it erases by a rule that stood in no RELAY_STARTED when it was due")
                .into());
        }
        self.no_more_kept(&mut thread, index, bucket)?;
        let (time, facts) = (self.record.time, self.facts);
        if let Some(hold) = holds::broken(self.directory, facts, &key, (bucket, self.index), time)? {
            let at = hold.index;
            return Err(self
                .corrupt(format!("it erases what an auditor holds by record {at}"))
                .into());
        }
        self.directory.retained.begin(bucket, self.index);
        if self.facts.is_for_delivery() {
            let thread = key.clone();
            self.changes.push(Change::Erased {
                bucket,
                index,
                thread,
            });
        }
        self.thread_record(key, thread);
        Ok(())
    }

    /// The body of the thread's warning or the text of one of its answers is gone; each once.
    fn no_more_kept(&self, thread: &mut ThreadFact, index: u64, bucket: Bucket) -> Result<(), Corrupt> {
        let text = thread.texts.iter().position(|text| text.index == index);
        let acceptance = thread.acceptance.as_deref();
        let belongs = match (text.and_then(|at| thread.texts.get(at)), acceptance) {
            (Some(text), Some(of)) => (of.bucket.class(), text.day) == (bucket.class(), bucket.day()),
            (Some(text), None) => text.day <= bucket.day(),
            (None, Some(of)) => of.accepted == index && of.bucket == bucket,
            (None, None) => index < thread.routed,
        };
        match text {
            _ if !belongs => {
                return Err(self.corrupt("its record or bucket is not that of a body or text of its thread"));
            }
            Some(at) => drop(thread.texts.remove(at)),
            None if std::mem::replace(&mut thread.body_erased, true) => {
                return Err(self.corrupt("it erases what its thread tells to be erased"));
            }
            None => {}
        }
        Ok(())
    }

    /// The thread that a link continues.
    pub(super) fn next_in_thread(&self, link: &ThreadLink) -> Result<(ThreadKey, ThreadFact), ApplyError> {
        let key = ThreadKey {
            warning: link.warning,
            desk: link.desk.clone(),
        };
        let Some(thread) = self.facts.thread(&key)? else {
            return Err(self.corrupt("its thread has not begun").into());
        };
        if link.seq != thread.seq.saturating_add(1) || link.prev != Some(thread.prev) {
            return Err(self.corrupt("it does not continue its thread").into());
        }
        Ok((key, thread))
    }

    /// The thread has this record as its newest.
    pub(super) fn thread_record(&mut self, key: ThreadKey, mut thread: ThreadFact) {
        let seq = self.record.thread.as_ref().map_or(0, |link| link.seq);
        thread.seq = seq;
        thread.prev = self.leaf;
        if self.facts.is_for_delivery() {
            let (thread, index) = (key.clone(), self.index);
            self.changes.push(Change::ThreadRecord { thread, seq, index });
        }
        self.changes.push(Change::Thread(key, thread));
    }

    fn link(&self) -> Result<&'a ThreadLink, Corrupt> {
        self.record
            .thread
            .as_ref()
            .ok_or_else(|| self.corrupt("it is in no thread"))
    }

    fn refused(&self, refused: &Refused) -> Corrupt {
        self.corrupt(refused.to_string())
    }
}
