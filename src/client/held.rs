//! What this client holds against what it is shown: a record that was proven to be in a thread before (by a receipt that is
//! kept, or earlier in the same watch) must be in it for ever, at its number. A thread without it is found out, and both sides
//! are kept. One that is cut short signs nothing false: the receipt shows anybody the record, and only we know that it was left
//! out. One that goes on past the receipt's number with another record there convicts the log by its own signatures.

use std::collections::BTreeMap;

use super::error::ClientError;
use super::evidence::RawEvidence;
use super::handle::Client;
use super::proven::ProvenRecord;
use super::receipts::{self, Held, KeptReceipt};
use super::threads::{Threads, VerifiedThread};
use super::trust::{blocking, keep_evidence};
use super::verification::VerificationError;
use crate::domain::{DeskAddress, Digest, Hash, PayloadId, RecordKind, SignedEnvelope};
use crate::transparency::SignedCheckpoint;
use crate::wire;

impl Client {
    /// The receipts of our acknowledgements. To be taken before the relay is asked for a thread: another process of this
    /// profile may get a receipt meanwhile.
    pub(super) async fn held(&self) -> Result<Vec<Held>, ClientError> {
        let profile = self.profile().clone();
        blocking(move || Ok(receipts::held(&profile)?)).await
    }

    /// Checks that what we hold receipts for is in the threads of a warning. `answers` are what the relay showed.
    pub(super) async fn hold_against(
        &self,
        held: &[Held],
        digest: Digest,
        leaves: &Leaves,
        shown: &SignedCheckpoint,
        answers: &[&[u8]],
    ) -> Result<(), ClientError> {
        for held in held.iter().filter(|held| held.digest == digest) {
            let (profile, log, of) = (self.profile().clone(), self.settings().log.clone(), held.clone());
            let Some(receipt) = blocking(move || Ok(of.read(&profile, &log)?)).await? else {
                continue;
            };
            let (verified, shown) = (receipt.checkpoint.size(), shown.size());
            let error = if shown < verified {
                VerificationError::WentBack { verified, shown }
            } else if has(leaves.get(&held.desk), held.seq, &receipt) {
                continue;
            } else {
                VerificationError::Dropped {
                    digest,
                    desk: held.desk.clone(),
                    index: receipt.index,
                }
            };
            return Err(self.convicted_by(error, &receipt, answers));
        }
        Ok(())
    }

    /// Checks that an acceptance which is shown to its originator is the one that the receipt of the submission is for.
    pub(super) async fn hold_acceptance(
        &self,
        id: PayloadId,
        accepted: &ProvenRecord,
        answers: &[&[u8]],
    ) -> Result<(), ClientError> {
        let (profile, log) = (self.profile().clone(), self.settings().log.clone());
        let name = id.to_string();
        let receipt = blocking(move || Ok(receipts::read(&profile, &log, &name)?)).await?;
        match receipt {
            Some(receipt) if (receipt.index, receipt.leaf) != (accepted.index(), accepted.leaf()) => {
                let error = VerificationError::OtherRecord {
                    index: accepted.index(),
                    why: "the kept receipt of this warning is for another acceptance",
                };
                Err(self.convicted_by(error, &receipt, answers))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that evidence about a warning of ours shows the acceptance that the receipt of its submission is for: without it
    /// nobody could tell whether a thread is missing.
    pub(super) async fn hold_own_acceptance(
        &self,
        shown: &RawEvidence,
        answers: &[&[u8]],
    ) -> Result<(), ClientError> {
        let Some(id) = signed_id(&shown.envelope) else {
            return Ok(());
        };
        let (profile, log) = (self.profile().clone(), self.settings().log.clone());
        let receipt = blocking(move || Ok(receipts::read(&profile, &log, &id.to_string())?)).await?;
        // Another's warning may have the id of one of ours.
        let Some(receipt) = receipt.filter(|receipt| accepts(&receipt.record) == Some(shown.digest())) else {
            return Ok(());
        };
        let accepted = shown.accepted.as_ref();
        if accepted.is_some_and(|it| it.index == receipt.index && it.record.as_ref() == receipt.record) {
            return Ok(());
        }
        let error = VerificationError::OtherRecord {
            index: accepted.map_or(receipt.index, |it| it.index),
            why: "there is a receipt for the acceptance of this warning, and the evidence does not show it",
        };
        Err(self.convicted_by(error, &receipt, answers))
    }

    fn convicted_by(
        &self,
        error: VerificationError,
        receipt: &KeptReceipt,
        answers: &[&[u8]],
    ) -> ClientError {
        let files: Vec<String> = (1..=answers.len()).map(|n| format!("shown-{n}.pb")).collect();
        let mut parts: Vec<(&str, &[u8])> = vec![
            ("receipt.tlog-proof", &receipt.proof),
            ("receipt.record", &receipt.record),
        ];
        parts.extend(files.iter().map(String::as_str).zip(answers.iter().copied()));
        let evidence = keep_evidence(self.profile(), "dropped", &error.to_string(), &parts);
        ClientError::Verification {
            error: Box::new(error),
            evidence,
        }
    }

    /// Checks that a thread which is shown again has what it had: `before` are its records, as they were proven.
    pub(super) fn shown_again(
        &self,
        digest: Digest,
        desk: &DeskAddress,
        before: &[ProvenRecord],
        now: Option<&VerifiedThread>,
    ) -> Result<(), ClientError> {
        let events = now.map_or(&[][..], |thread| thread.events.as_slice());
        let mut shown = events.iter();
        let Some(lost) = before
            .iter()
            .find(|proven| shown.next().map(|event| event.proven.leaf()) != Some(proven.leaf()))
        else {
            return Ok(());
        };
        let error = VerificationError::Dropped {
            digest,
            desk: desk.clone(),
            index: lost.index(),
        };
        let proof = lost.tlog_proof().to_string();
        let last = events.last().map(|event| &event.proven);
        let last_proof = last.map(|proven| proven.tlog_proof().to_string());
        let mut parts: Vec<(&str, &[u8])> = vec![
            ("receipt.tlog-proof", proof.as_bytes()),
            ("receipt.record", lost.bytes()),
        ];
        if let (Some(proof), Some(proven)) = (&last_proof, last) {
            parts.push(("shown.tlog-proof", proof.as_bytes()));
            parts.push(("shown.record", proven.bytes()));
        }
        let evidence = keep_evidence(self.profile(), "dropped", &error.to_string(), &parts);
        Err(ClientError::Verification {
            error: Box::new(error),
            evidence,
        })
    }
}

/// The id that a warning was signed with, if it can be read.
fn signed_id(envelope: &SignedEnvelope) -> Option<PayloadId> {
    let kind = envelope.payload_type.parse().ok()?;
    Some(wire::common(kind, &envelope.payload)?.id)
}

/// Which warning an `ACCEPTED` record is of.
fn accepts(record: &[u8]) -> Option<Digest> {
    match wire::record(record).ok()?.kind {
        RecordKind::Accepted(accepted) => Some(accepted.warning.digest()),
        _ => None,
    }
}

/// The leaf hashes of each thread's records, from `ROUTED` on.
pub(super) type Leaves = BTreeMap<DeskAddress, Vec<Hash>>;

/// Those of threads that were verified.
pub(super) fn leaves(threads: &Threads) -> Leaves {
    let of = |thread: &VerifiedThread| thread.events.iter().map(|event| event.proven.leaf()).collect();
    threads
        .iter()
        .map(|(desk, thread)| (desk.clone(), of(thread)))
        .collect()
}

/// Whether a thread has the record of a receipt at its number.
fn has(thread: Option<&Vec<Hash>>, seq: u64, receipt: &KeptReceipt) -> bool {
    let at = usize::try_from(seq).ok();
    thread
        .zip(at)
        .and_then(|(thread, at)| thread.get(at))
        .is_some_and(|leaf| *leaf == receipt.leaf)
}
