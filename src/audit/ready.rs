//! One index as it was shown, with all of it done that is pure and needs no order: its leaf hash, its record, its signatures
//! under keys that are known by their ids, and what lies beside it. Any thread may do it.
//!
//! Nothing is decided here. What does not hold is kept as it was found, for the one verifier that goes in order to come
//! to it; what could not be checked yet (a key that nobody has seen) is left for it to check.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::beside::{self, Beside};
use super::fault::Wrong;
use crate::domain::{Hash, KeyCertificate, KeyId, Record, RecordKind, ReplayedContent, ReplayedRecord};
use crate::ledger::Prepared;
use crate::limits;
use crate::seal::PublicKey;
use crate::transparency::leaf_hash;
use crate::wire::{self, BadRecord};

/// One index, ready for the verifier.
#[derive(Debug)]
pub(super) struct Ready {
    shown: ReplayedRecord,
    leaf: Hash,
    read: Option<Result<Box<Read>, BadRecord>>,
}

/// A record that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) prepared: Prepared,
    /// None: its signature is to be checked first.
    pub(super) beside: Option<Result<Beside, Wrong>>,
    /// Whether an opened inbox number is the one committed to; none: there is none, or no `ROUTED` record.
    pub(super) inbox: Option<Result<(), Wrong>>,
}

impl Ready {
    /// With nothing checked ahead.
    pub(super) fn unchecked(shown: ReplayedRecord) -> Self {
        Opened::of(shown).ready(true, Prepared::unchecked)
    }

    /// The same of an index that an earlier run has verified: only its leaf hash counts.
    pub(super) fn leaf_only(shown: ReplayedRecord) -> Self {
        let leaf = leaf_of(&shown.content);
        let read = None;
        Self { shown, leaf, read }
    }

    pub(super) fn shown(&self) -> &ReplayedRecord {
        &self.shown
    }

    pub(super) fn leaf(&self) -> Hash {
        self.leaf
    }

    /// What was read; none: it was shown as a leaf hash.
    pub(super) fn read(&self) -> Option<Result<&Read, &BadRecord>> {
        Some(self.read.as_ref()?.as_deref())
    }

    /// The record, if it was shown and is one.
    pub(super) fn record(&self) -> Option<&Record> {
        Some(self.read.as_ref()?.as_ref().ok()?.prepared.record())
    }

    /// The same, alone.
    pub(super) fn into_record(self) -> Option<Record> {
        Some(self.read?.ok()?.prepared.into_record())
    }
}

/// Makes a batch ready: first all of its records are read, so that the keys that one of them enrols are known to those after it.
/// `telling`: bodies and texts are told of later.
pub(super) fn make_ready(batch: Vec<ReplayedRecord>, keys: &KnownKeys, telling: bool) -> Vec<Ready> {
    let opened: Vec<Opened> = batch
        .into_iter()
        .map(|shown| {
            let opened = Opened::of(shown);
            if let Some(Ok(record)) = &opened.record {
                keys.learn(record);
            }
            opened
        })
        .collect();
    let prepare = |record| Prepared::ahead_of_order(record, |keyid| keys.find(keyid));
    opened
        .into_iter()
        .map(|opened| opened.ready(telling, prepare))
        .collect()
}

/// The first half: hashed and read.
struct Opened {
    shown: ReplayedRecord,
    leaf: Hash,
    record: Option<Result<Box<Record>, BadRecord>>,
}

impl Opened {
    fn of(shown: ReplayedRecord) -> Self {
        let leaf = leaf_of(&shown.content);
        let record = match &shown.content {
            ReplayedContent::Record(bytes) => Some(wire::record_of(bytes.clone()).map(Box::new)),
            ReplayedContent::LeafHash(_) => None,
        };
        Self { shown, leaf, record }
    }

    fn ready(self, telling: bool, prepare: impl Fn(Box<Record>) -> Prepared) -> Ready {
        let Self { shown, leaf, record } = self;
        let read = record.map(|record| {
            record.map(|record| {
                let inbox = match (&record.kind, &shown.inbox) {
                    (RecordKind::Routed(routed), Some(opening)) => Some(beside::check_inbox(routed, opening)),
                    (_, _) => None,
                };
                let prepared = prepare(record);
                let beside = may_look_beside(&prepared).then(|| {
                    let beside = beside::check(&prepared, &shown);
                    match telling {
                        true => beside,
                        false => beside.map(Beside::without_content),
                    }
                });
                Box::new(Read {
                    prepared,
                    beside,
                    inbox,
                })
            })
        });
        Ready { shown, leaf, read }
    }
}

/// What was signed is not parsed before its signature was verified.
fn may_look_beside(prepared: &Prepared) -> bool {
    match &prepared.record().kind {
        RecordKind::Accepted(_) => prepared.warning().is_some(),
        RecordKind::Acknowledged(_) => prepared.acknowledgement().is_some(),
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
        | RecordKind::Rejected(_)
        | RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Erased(_)
        | RecordKind::Unknown => true,
    }
}

fn leaf_of(content: &ReplayedContent) -> Hash {
    match content {
        ReplayedContent::Record(bytes) => leaf_hash(bytes),
        ReplayedContent::LeafHash(leaf) => *leaf,
    }
}

/// Keys by their ids: those of the directory, and those that records bring, valid or not. A key is here so that its
/// signatures can be checked on any thread; whether it counts is asked of the directory, in order.
#[derive(Debug, Default)]
pub(super) struct KnownKeys(RwLock<HashMap<KeyId, PublicKey>>);

impl KnownKeys {
    /// Adds a key. Beyond the bound it is not kept, and its signatures are checked in order.
    pub(super) fn add(&self, key: PublicKey) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() < limits::AUDIT_KEYS_KNOWN_MAX {
            keys.insert(key.keyid(), key);
        }
    }

    fn find(&self, keyid: &KeyId) -> Option<PublicKey> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(keyid).copied()
    }

    /// Adds the keys that a record brings.
    fn learn(&self, record: &Record) {
        match &record.kind {
            RecordKind::Genesis(genesis) => {
                for certificate in &genesis.operator_certificates {
                    self.learn_certificate(wire::key_certificate(certificate).ok());
                }
            }
            RecordKind::StateEnrolled {
                root_certificate: certificate,
                ..
            }
            | RecordKind::KeyPublished(certificate)
            | RecordKind::OperatorKeyPublished(certificate) => {
                self.learn_certificate(wire::key_certificate(certificate).ok());
            }
            RecordKind::RootSucceeded(succession) => {
                if let Ok(succession) = wire::root_succession_unverified(succession)
                    && let Ok(key) = PublicKey::parse(&succession.public_key)
                {
                    self.add(key);
                }
            }
            RecordKind::RelayStarted(_)
            | RecordKind::AgencyEnrolled(_)
            | RecordKind::KeyRevoked(_)
            | RecordKind::DesksPublished(_)
            | RecordKind::MandatePublished(_)
            | RecordKind::HoldPlaced(_)
            | RecordKind::AgencySuspended(_)
            | RecordKind::AgencyReinstated(_)
            | RecordKind::Accepted(_)
            | RecordKind::Rejected(_)
            | RecordKind::Routed(_)
            | RecordKind::HandedOver(_)
            | RecordKind::Acknowledged(_)
            | RecordKind::Erased(_)
            | RecordKind::Unknown => {}
        }
    }

    fn learn_certificate(&self, certificate: Option<KeyCertificate>) {
        let signing = certificate.filter(|certificate| certificate.role.signs());
        if let Some(key) = signing.and_then(|certificate| PublicKey::parse(&certificate.public_key).ok()) {
            self.add(key);
        }
    }
}
