//! The rules, forwards: what a command makes of the log as it stands. Pure: directory, facts, time, index and nonces
//! are handed in, and the same of all gives the same decision.
//!
//! The order of the checks is part of the rules. First the id (a retry succeeds even after expiry or revocation, with
//! the original result), then the key at the index being assigned, then everything that a `REJECTED` may record.

mod acknowledgement;
mod directory;
mod erasure;
mod handover;
mod warning;

pub(super) use acknowledgement::kind_rules;
pub(super) use warning::header_rules;
pub use warning::offline_rules;

use super::admit::{Admitted, Condemned};
use super::command::{Command, Decision, Existing, NewPart, NewRecord, Nonces};
use super::directory::Directory;
use super::facts::{Facts, FactsError, IdKey};
use super::refusal::{Leaves, leaves};
use super::rules;
use crate::domain::{Digest, DirectoryLink, KeyId, Record, RecordKind, Rejected, ThreadLink};
use crate::error::{ErrorCode, Refused};
use crate::limits;
use crate::time::Timestamp;
use crate::transparency::leaf_hash;
use crate::wire;

/// Decides a command for `next_index`, the index of the first record that it may make. Nothing is changed: whoever
/// asks appends the records and applies them, or drops them.
///
/// Relay time never decreases: a record's time is the later of `now` and the last record's.
pub fn decide(
    directory: &Directory,
    facts: &dyn Facts,
    command: Command,
    now: Timestamp,
    next_index: u64,
    nonces: &mut dyn Nonces,
) -> Result<Decision, FactsError> {
    let time = facts.last_time()?.map_or(now, |last| last.max(now));
    let mut context = Context {
        directory,
        facts,
        time,
        index: next_index,
        nonces,
    };
    let decided = match command {
        Command::Genesis(genesis) => directory::genesis(&mut context, genesis),
        Command::RelayStarted(started) => directory::relay_started(&mut context, started),
        Command::Submit(admitted) => {
            let judged = warning::accept(&mut context, &admitted);
            context.settle(&admitted, judged)
        }
        Command::Acknowledge(admitted) => {
            let judged = acknowledgement::record(&mut context, &admitted);
            context.settle(&admitted, judged)
        }
        Command::Reject(condemned) => context.condemn(condemned),
        Command::HandOver(handover) => handover::record(&mut context, handover),
        Command::Erase(erasure) => erasure::record(&mut context, erasure),
        Command::PublishKey(admitted) => directory::publish_key(&mut context, admitted),
        Command::PublishDesks(admitted) => directory::publish_desks(&mut context, admitted),
        Command::PublishMandate(admitted) => directory::publish_mandate(&mut context, admitted),
        Command::PlaceHold(admitted) => directory::place_hold(&mut context, admitted),
        Command::EnrolState(admitted) => directory::enrol_state(&mut context, admitted),
        Command::EnrolAgency(admitted) => directory::enrol_agency(&mut context, admitted),
        Command::Suspend(admitted) => directory::suspend(&mut context, admitted),
        Command::Reinstate(admitted) => directory::reinstate(&mut context, admitted),
        Command::PublishOperatorKey(admitted) => directory::publish_operator_key(&mut context, admitted),
    };
    match decided {
        Ok(decision) => Ok(decision),
        Err(Stop::Refused(refused)) => Ok(Decision::Refuse(refused)),
        Err(Stop::Existing(existing)) => Ok(Decision::Existing(existing)),
        Err(Stop::Unrecorded) => Ok(Decision::Unrecorded),
        Err(Stop::Facts(error)) => Err(error),
    }
}

/// The original result of a payload, if these very bytes were recorded before; checked before the signature, so that a
/// retry costs nothing and succeeds for ever. `decide` asks the same again, with what is still under way.
pub fn original(facts: &dyn Facts, key: &IdKey, digest: &Digest) -> Result<Option<Existing>, FactsError> {
    let fact = facts.id(key)?.filter(|fact| fact.digest == *digest);
    Ok(fact.map(|fact| Existing {
        index: fact.index,
        records: fact.records,
        digest: fact.digest,
        rejected: fact.rejected,
    }))
}

/// Why a decision ends early.
enum Stop {
    Refused(Refused),
    Existing(Existing),
    Unrecorded,
    Facts(FactsError),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<FactsError> for Stop {
    fn from(error: FactsError) -> Self {
        Self::Facts(error)
    }
}

fn refuse<T>(code: ErrorCode, sentence: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Refused(Refused::new(code, sentence)))
}

/// What a decision stands on.
struct Context<'a> {
    directory: &'a Directory,
    facts: &'a dyn Facts,
    time: Timestamp,
    index: u64,
    nonces: &'a mut dyn Nonces,
}

impl Context<'_> {
    /// Dedupe comes before every other check.
    fn fresh(&self, key: &IdKey, digest: &Digest) -> Result<(), Stop> {
        match original(self.facts, key, digest)? {
            Some(existing) => Err(Stop::Existing(existing)),
            None if self.facts.id(key)?.is_some() => refuse(
                ErrorCode::IdReused,
                format!("the id {} was used for other bytes", key.id),
            ),
            None => Ok(()),
        }
    }

    /// Dedupe, then the key at this index.
    fn fresh_and_valid<T>(&self, admitted: &Admitted<T>) -> Result<(), Stop> {
        self.fresh(admitted.id_key(), &admitted.digest())?;
        rules::signers_valid(self.directory, self.index, admitted.verified())?;
        Ok(())
    }

    /// What every signed payload but a root's and a certificate must hold.
    fn check_common<T>(&self, admitted: &Admitted<T>) -> Result<(), Stop> {
        let seen = rules::seen_required(admitted.common())?;
        if self.facts.root_at(seen.size)? != Some(seen.root) {
            let sentence = format!("the signer has seen another root at size {}", seen.size);
            return Err(Refused::new(ErrorCode::SeenNotOnLog, sentence)
                .about("common.signer.seen")
                .into());
        }
        rules::not_ahead(admitted.common(), self.time)?;
        Ok(())
    }

    /// Records the refusal of a warning or acknowledgement where the rules say so.
    fn settle<T>(
        &mut self,
        admitted: &Admitted<T>,
        judged: Result<Decision, Stop>,
    ) -> Result<Decision, Stop> {
        match judged {
            Err(Stop::Refused(refused)) => {
                let keyid = admitted.verified().keyid();
                self.reject(admitted.id_key().clone(), admitted.digest(), keyid, refused)
            }
            other => other,
        }
    }

    fn condemn(&mut self, condemned: Condemned) -> Result<Decision, Stop> {
        let (key, digest, keyid) = (condemned.id_key(), condemned.digest(), condemned.keyid());
        self.fresh(key, &digest)?;
        rules::key_valid(self.directory, self.index, &keyid)?;
        self.reject(key.clone(), digest, keyid, condemned.refused().clone())
    }

    fn reject(
        &mut self,
        key: IdKey,
        digest: Digest,
        keyid: KeyId,
        refused: Refused,
    ) -> Result<Decision, Stop> {
        let recorded = self.facts.rejected(&key.principal)?.in_hour_of(self.time);
        match leaves(refused.code) {
            Leaves::Nothing => return Err(refused.into()),
            // Beyond the quota the refusal is the same and leaves nothing: a flood of them must not grow the log.
            Leaves::Rejected if recorded >= limits::REJECTED_RECORDS_PER_HOUR_MAX => {
                return Err(refused.into());
            }
            Leaves::Rejected => {}
        }
        let rejected = RecordKind::Rejected(Rejected {
            digest,
            code: refused.code.name().to_owned(),
            principal: key.principal,
            payload_type: key.kind.payload_type().to_owned(),
            id: key.id,
            keyid,
        });
        let record = Box::new(self.new_record(None, None, rejected, Vec::new())?);
        Ok(Decision::Reject { record, refused })
    }

    fn new_record(
        &mut self,
        thread: Option<ThreadLink>,
        directory: Option<DirectoryLink>,
        kind: RecordKind,
        parts: Vec<NewPart>,
    ) -> Result<NewRecord, Stop> {
        let record = Record {
            nonce: self.nonces.nonce()?,
            time: self.time,
            thread,
            directory,
            kind,
        };
        let bytes = wire::encode_record(&record);
        let leaf = leaf_hash(&bytes);
        Ok(NewRecord {
            record,
            bytes,
            leaf,
            parts,
        })
    }

    /// The next link of the directory's chain.
    fn next_link(&self) -> DirectoryLink {
        match self.directory.position() {
            None => DirectoryLink { seq: 0, prev: None },
            Some(position) => DirectoryLink {
                seq: position.seq.saturating_add(1),
                prev: Some(position.head),
            },
        }
    }
}
