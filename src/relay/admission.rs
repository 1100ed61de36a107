//! The way in: the cheap checks first, then the ledger's admission on the caller's own task, then the sequencer. What
//! was recorded before is found by its id and digest before any signature is looked at, so that a retry costs
//! little and succeeds for ever.

use super::answers::{Caller, Failure, Proven};
use super::budget::{self, Taken};
use super::durable::Durable;
use super::engine::Engine;
use super::sequencer::{Answer, SystemNonces};
use crate::domain::{
    AcknowledgementSubmission, Digest, Hint, Principal, Receipt, SignedEnvelope, Submission,
};
use crate::error::{ErrorCode, Refused, SideEffect};
use crate::ledger::{Command, Decision, Existing, IdKey, KeyStatement, NotAdmitted, admit, decide, original};
use crate::limits;
use crate::seal::PayloadKind;

/// The calls that are a statement of one signature or two over an envelope, each over a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Statement {
    Key,
    OperatorKey,
    Desks,
    Mandate,
    Hold,
    Suspension,
    Reinstatement,
}

impl Engine {
    pub(super) async fn submit(&self, caller: &Caller, submission: Submission) -> Result<Proven, Failure> {
        let hint = submission.hint;
        if let Some(answer) =
            self.recorded_before(caller, PayloadKind::Warning, &submission.envelope, hint)?
        {
            return self.proven(answer).await;
        }
        self.has_room()?;
        let bytes = budget::bytes_of(&submission);
        let taken = self.budgets.warning(caller.principal(), hint.lane, bytes)?;
        let durable = self.durable();
        let command = match admit::warning(&durable.directory, caller.principal(), submission) {
            Ok(admitted) => Command::Submit(admitted),
            Err(not_admitted) => condemned(not_admitted)?,
        };
        self.record_within(taken, caller, command, bytes).await
    }

    pub(super) async fn acknowledge(
        &self,
        caller: &Caller,
        submission: AcknowledgementSubmission,
    ) -> Result<Proven, Failure> {
        let kind = PayloadKind::Acknowledgement;
        if let Some(answer) = self.recorded_before(caller, kind, &submission.envelope, submission.hint)? {
            return self.proven(answer).await;
        }
        let text = submission.text.as_ref().map_or(0, |text| text.content.len());
        let bytes = submission.envelope.payload.len().saturating_add(text);
        let durable = self.durable();
        let command = match admit::acknowledgement(&durable.directory, caller.principal(), submission) {
            Ok(admitted) => Command::Acknowledge(admitted),
            Err(not_admitted) => condemned(not_admitted)?,
        };
        self.record(caller, command, bytes).await
    }

    pub(super) async fn publish(
        &self,
        caller: &Caller,
        statement: Statement,
        envelope: SignedEnvelope,
    ) -> Result<Proven, Failure> {
        let bytes = envelope.payload.len();
        let durable = self.durable();
        let (directory, session) = (&durable.directory, caller.principal());
        let command = match statement {
            Statement::Key => Command::PublishKey(admit::key_statement(directory, envelope)?),
            Statement::OperatorKey => {
                Command::PublishOperatorKey(admit::operator_key_statement(directory, session, envelope)?)
            }
            Statement::Desks => Command::PublishDesks(admit::desks(directory, session, envelope)?),
            Statement::Mandate => Command::PublishMandate(admit::mandate(directory, session, envelope)?),
            Statement::Hold => Command::PlaceHold(admit::hold(directory, session, envelope)?),
            Statement::Suspension => Command::Suspend(admit::suspension(directory, session, envelope)?),
            Statement::Reinstatement => {
                Command::Reinstate(admit::reinstatement(directory, session, envelope)?)
            }
        };
        let Some(change) = counted_change(&command) else {
            return self.record(caller, command, bytes).await;
        };
        if let Some(answer) = self.recorded(change.key, &change.digest)? {
            return self.proven(answer).await;
        }
        if matches!(command, Command::PublishKey(_)) {
            self.would_stand(&durable, command.clone())?;
        }
        let taken = self.budgets.directory_change(&change.owner, bytes)?;
        self.record_within(taken, caller, command, bytes).await
    }

    pub(super) async fn enrol_state(
        &self,
        caller: &Caller,
        enrolment: SignedEnvelope,
        root_certificate: SignedEnvelope,
    ) -> Result<Proven, Failure> {
        let bytes = enrolment
            .payload
            .len()
            .saturating_add(root_certificate.payload.len());
        let durable = self.durable();
        let admitted = admit::enrol_state(
            &durable.directory,
            caller.principal(),
            enrolment,
            root_certificate,
        )?;
        self.record(caller, Command::EnrolState(admitted), bytes).await
    }

    pub(super) async fn enrol_agency(
        &self,
        caller: &Caller,
        enrolment: SignedEnvelope,
        certificates: Vec<SignedEnvelope>,
    ) -> Result<Proven, Failure> {
        let certificates_bytes: usize = certificates.iter().map(|envelope| envelope.payload.len()).sum();
        let bytes = enrolment.payload.len().saturating_add(certificates_bytes);
        let durable = self.durable();
        let admitted = admit::enrol_agency(&durable.directory, caller.principal(), enrolment, certificates)?;
        self.record(caller, Command::EnrolAgency(admitted), bytes).await
    }

    /// The original result, if these very bytes are recorded durably. The hint is believed only in that a wrong one
    /// finds nothing.
    fn recorded_before(
        &self,
        caller: &Caller,
        kind: PayloadKind,
        envelope: &SignedEnvelope,
        hint: Hint,
    ) -> Result<Option<Answer>, Failure> {
        if envelope.payload_type != kind.payload_type() || envelope.payload.len() > limits::PAYLOAD_BYTES_MAX
        {
            return Ok(None);
        }
        let key = IdKey {
            principal: caller.principal().clone(),
            kind,
            id: hint.id,
        };
        self.recorded(&key, &envelope.digest())
    }

    /// The original result of a payload, if it is recorded durably.
    fn recorded(&self, key: &IdKey, digest: &Digest) -> Result<Option<Answer>, Failure> {
        let existing = original(&self.index, key, digest).map_err(|e| self.broken(&e))?;
        let durable = self.durable();
        // What is written and not yet published is answered by the sequencer.
        let durably = |existing: &Existing| {
            existing.index.saturating_add(u64::from(existing.records)) <= durable.size()
        };
        Ok(existing
            .filter(durably)
            .map(|existing| Answer::Existing { durable, existing }))
    }

    /// Asked for warnings only: answers, revocations and suspensions may use what is kept free, down to the journal's own floor.
    fn has_room(&self) -> Result<(), Failure> {
        let room = self.journal.has_room();
        if self.meters.disk_full.replace(u64::from(!room)) == u64::from(room) {
            match room {
                true => tracing::info!("the disk has room again: warnings are taken"),
                false => tracing::error!("the disk is nearly full: warnings are refused, answers are not"),
            }
        }
        match room {
            true => Ok(()),
            false => Err(Failure::new(
                ErrorCode::DiskFull,
                "the relay's disk is nearly full",
            )),
        }
    }

    async fn record(&self, caller: &Caller, command: Command, bytes: usize) -> Result<Proven, Failure> {
        let queue = &self.queue;
        let answer = queue.ask_for(caller.principal(), command, bytes, None).await?;
        self.proven(answer).await
    }

    /// The same within a budget, which stays used if something is added, whatever becomes of whoever asked.
    async fn record_within(
        &self,
        taken: Taken,
        caller: &Caller,
        command: Command,
        bytes: usize,
    ) -> Result<Proven, Failure> {
        let queue = &self.queue;
        let answer = queue
            .ask_for(caller.principal(), command, bytes, Some(taken))
            .await?;
        self.proven(answer).await
    }

    /// Refuses what the rules would refuse as things stand. Any session may carry a statement of a key: it counts as its
    /// owner's only if it would be recorded, so that nobody can use up another's quota.
    fn would_stand(&self, durable: &Durable, command: Command) -> Result<(), Failure> {
        let now = self.clock.now();
        let (directory, size) = (&durable.directory, durable.size());
        match decide(directory, &self.index, command, now, size, &mut SystemNonces) {
            Ok(Decision::Refuse(refused) | Decision::Reject { refused, .. }) => Err(refused.into()),
            // What was recorded meanwhile is found again by the sequencer.
            Ok(Decision::Append { .. } | Decision::Existing(_) | Decision::Unrecorded) => Ok(()),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Proves an answer of the sequencer's against the checkpoint that it stands under.
    async fn proven(&self, answer: Answer) -> Result<Proven, Failure> {
        match answer {
            Answer::Recorded {
                durable,
                first,
                records,
                digest,
            } => {
                let receipts = self.receipts(&durable, first, records).await?;
                proven(durable.checkpoint.clone(), digest, receipts, false)
            }
            Answer::Existing { durable, existing } => {
                self.meters.repeated.add(1);
                let Existing {
                    index,
                    records,
                    digest,
                    rejected,
                } = existing;
                let stored = self.records(index, u64::from(records)).await?;
                let receipts = self.receipts(&durable, index, stored).await?;
                let proven = proven(durable.checkpoint.clone(), digest, receipts, true)?;
                match rejected {
                    None => Ok(proven),
                    Some(code) => {
                        let refused =
                            Refused::new(code, "this was refused before, and that is on the record");
                        Err(rejection(refused, proven))
                    }
                }
            }
            Answer::Refused(refused) => Err(refused.into()),
            Answer::Rejected {
                durable,
                index,
                record,
                digest,
                refused,
            } => {
                let receipts = self.receipts(&durable, index, vec![record]).await?;
                let proven = proven(durable.checkpoint.clone(), digest, receipts, false)?;
                Err(rejection(refused, proven))
            }
            Answer::Unrecorded => Err(Failure::new(ErrorCode::Internal, "nothing was recorded")),
        }
    }
}

/// A change of the directory that counts in somebody's quota.
struct Change<'a> {
    owner: Principal,
    key: &'a IdKey,
    digest: Digest,
}

/// Revocations, dismissals of auditors and operators' calls always pass.
fn counted_change(command: &Command) -> Option<Change<'_>> {
    let (owner, key, digest) = match command {
        Command::PublishKey(admitted) => {
            let owner = match admitted.content() {
                KeyStatement::Certificate(certificate) => certificate.principal.clone(),
                KeyStatement::Succession(succession) => Principal::Root(succession.state.clone()),
                KeyStatement::Revocation(_) => return None,
            };
            (owner, admitted.id_key(), admitted.digest())
        }
        Command::PublishDesks(admitted) => (
            admitted.id_key().principal.clone(),
            admitted.id_key(),
            admitted.digest(),
        ),
        Command::PlaceHold(admitted) => (
            admitted.id_key().principal.clone(),
            admitted.id_key(),
            admitted.digest(),
        ),
        Command::PublishMandate(admitted) if !admitted.content().withdrawn => (
            admitted.id_key().principal.clone(),
            admitted.id_key(),
            admitted.digest(),
        ),
        Command::PublishMandate(_)
        | Command::Genesis(_)
        | Command::RelayStarted(_)
        | Command::Submit(_)
        | Command::Acknowledge(_)
        | Command::Reject(_)
        | Command::HandOver(_)
        | Command::Erase(_)
        | Command::EnrolState(_)
        | Command::EnrolAgency(_)
        | Command::Suspend(_)
        | Command::Reinstate(_)
        | Command::PublishOperatorKey(_) => return None,
    };
    Some(Change { owner, key, digest })
}

fn condemned(not_admitted: NotAdmitted) -> Result<Command, Failure> {
    match not_admitted {
        NotAdmitted::Refused(refused) => Err(refused.into()),
        NotAdmitted::Condemned(condemned) => Ok(Command::Reject(*condemned)),
    }
}

fn proven(
    checkpoint: std::sync::Arc<str>,
    digest: crate::domain::Digest,
    mut receipts: Vec<Receipt>,
    repeated: bool,
) -> Result<Proven, Failure> {
    if receipts.is_empty() {
        return Err(Failure::new(ErrorCode::Internal, "the log has no record of it"));
    }
    let receipt = receipts.remove(0);
    Ok(Proven {
        checkpoint,
        digest,
        receipt,
        more: receipts,
        repeated,
    })
}

fn rejection(refused: Refused, proven: Proven) -> Failure {
    Failure {
        refused,
        side_effect: SideEffect::RejectionRecorded,
        rejection: Some(Box::new(proven)),
    }
}
