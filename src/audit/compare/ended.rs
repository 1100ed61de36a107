//! What the log has signed of its directory, against what it has signed later. A key that a record ends has signed no later
//! record of an honest log, and a `ROUTED` record of one names the newest record of the directory before it: so a
//! revocation that somebody was not shown convicts the log by what was signed or routed after it.
//!
//! No honest log is ever convicted by this. A public key is enrolled once, ever (`ledger/rules/keys.rs`), so one that was ended
//! does not come back; and each signature of every record is asked for a key that is valid at the record's own index. The
//! signatures need not be verified: a log that admitted one of an ended key's name is to blame whether it is good or not.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Found;
use super::copy::{CopyError, LeafSource, Streamed};
use super::exhibit::HeldEntry;
use super::misbehaviour::{Kind, Side};
use crate::domain::{Hash, KeyId, Record, RecordKind, SignedEnvelope};
use crate::ledger::keyid_of;
use crate::transparency::{TlogProof, inclusion_proof, leaf_hash};
use crate::wire::{self, Recorded};

/// The key that a record ends: it is valid at no index after it.
pub(super) fn ends(record: &Record) -> Option<KeyId> {
    match &record.kind {
        RecordKind::KeyRevoked(envelope) => wire::key_revocation(&Recorded(envelope)).ok().map(|it| it.keyid),
        RecordKind::RootSucceeded(envelope) => {
            let succession = wire::root_succession(&Recorded(envelope)).ok()?;
            let new = keyid_of(&succession.public_key);
            let mut others = keyids(envelope).filter(|keyid| *keyid != new);
            // The old root and the new one sign, and nobody else: of three it could not be said which was the root.
            let old = others.next()?;
            others.next().is_none().then_some(old)
        }
        RecordKind::Genesis(_)
        | RecordKind::RelayStarted(_)
        | RecordKind::StateEnrolled { .. }
        | RecordKind::AgencyEnrolled(_)
        | RecordKind::KeyPublished(_)
        | RecordKind::DesksPublished(_)
        | RecordKind::MandatePublished(_)
        | RecordKind::HoldPlaced(_)
        | RecordKind::AgencySuspended(_)
        | RecordKind::AgencyReinstated(_)
        | RecordKind::OperatorKeyPublished(_)
        | RecordKind::Accepted(_)
        | RecordKind::Rejected(_)
        | RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Erased(_)
        | RecordKind::Acknowledged(_)
        | RecordKind::Unknown => None,
    }
}

/// The keys whose signatures are in a record.
pub(super) fn signers(record: &Record) -> Vec<KeyId> {
    match &record.kind {
        RecordKind::Genesis(genesis) => genesis.operator_certificates.iter().flat_map(keyids).collect(),
        RecordKind::StateEnrolled {
            enrolment,
            root_certificate,
        } => keyids(enrolment).chain(keyids(root_certificate)).collect(),
        RecordKind::AgencyEnrolled(envelope)
        | RecordKind::KeyPublished(envelope)
        | RecordKind::KeyRevoked(envelope)
        | RecordKind::RootSucceeded(envelope)
        | RecordKind::DesksPublished(envelope)
        | RecordKind::MandatePublished(envelope)
        | RecordKind::HoldPlaced(envelope)
        | RecordKind::AgencySuspended(envelope)
        | RecordKind::AgencyReinstated(envelope)
        | RecordKind::OperatorKeyPublished(envelope)
        | RecordKind::Acknowledged(envelope) => keyids(envelope).collect(),
        RecordKind::Accepted(accepted) => keyids(&accepted.warning).collect(),
        RecordKind::RelayStarted(_)
        | RecordKind::Rejected(_)
        | RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Erased(_)
        | RecordKind::Unknown => Vec::new(),
    }
}

fn keyids(envelope: &SignedEnvelope) -> impl Iterator<Item = KeyId> + '_ {
    envelope.signatures.iter().map(|signature| signature.keyid)
}

/// The number in the directory's chain that a `ROUTED` record names as the newest.
pub(super) fn names_newest(record: &Record) -> Option<u64> {
    match &record.kind {
        RecordKind::Routed(routed) => Some(routed.directory.seq),
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
        | RecordKind::HandedOver(_)
        | RecordKind::Erased(_)
        | RecordKind::Acknowledged(_)
        | RecordKind::Unknown => None,
    }
}

/// A record that one key's note commits to, wherever it was found.
struct Held<'a> {
    index: u64,
    leaf: Hash,
    bytes: Bytes,
    by: By<'a>,
}

enum By<'a> {
    Proof(&'a TlogProof),
    Copy(&'a dyn LeafSource),
}

impl Held<'_> {
    fn side(&self) -> Result<Side, CopyError> {
        let proof = match self.by {
            By::Proof(proof) => proof.clone(),
            By::Copy(copy) => TlogProof {
                index: self.index,
                hashes: inclusion_proof(copy.size(), self.index, &Streamed::of(copy))
                    .map_err(CopyError::from)?,
                checkpoint_note: copy.note().to_owned(),
                extra: None,
            },
        };
        Ok(Side::Record {
            proof,
            leaf: self.leaf,
            record: Some(self.bytes.clone()),
        })
    }
}

/// All records that can be read, of the entries and then of the copies, until one is enough.
fn each<'a, T>(
    entries: &[&'a HeldEntry],
    copies: &[&'a dyn LeafSource],
    mut look: impl FnMut(&dyn Fn() -> Held<'a>, u64, &Record) -> Option<T>,
) -> Result<Option<T>, CopyError> {
    for entry in entries {
        let Some(record) = &entry.record else { continue };
        let held = || Held {
            index: entry.proof.index,
            leaf: entry.leaf,
            bytes: entry.bytes.clone(),
            by: By::Proof(&entry.proof),
        };
        if let Some(found) = look(&held, entry.proof.index, record) {
            return Ok(Some(found));
        }
    }
    for copy in copies {
        for shown in copy.records()? {
            let (index, bytes) = shown?;
            let Ok(record) = wire::record(&bytes) else {
                continue;
            };
            let held = || Held {
                index,
                leaf: leaf_hash(&bytes),
                // A copy of its own: what was read may be a part of much more.
                bytes: Bytes::copy_from_slice(&bytes),
                by: By::Copy(*copy),
            };
            if let Some(found) = look(&held, index, &record) {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

/// A record after the end of a key that signed it, or one that names a directory older than another record shows it to be.
pub(super) fn find(entries: &[&HeldEntry], copies: &[&dyn LeafSource]) -> Result<Option<Found>, CopyError> {
    let mut ended: BTreeMap<KeyId, Held<'_>> = BTreeMap::new();
    let mut directory: BTreeMap<u64, (u64, Held<'_>)> = BTreeMap::new();
    each(entries, copies, |held, index, record| {
        if let Some(keyid) = ends(record)
            && ended.get(&keyid).is_none_or(|known| index < known.index)
        {
            ended.insert(keyid, held());
        }
        if let Some(link) = &record.directory {
            directory.entry(index).or_insert_with(|| (link.seq, held()));
        }
        None::<()>
    })?;
    // A key's end says more than that something of the directory was left out.
    let mut left_out = None;
    let signed = each(entries, copies, |held, index, record| {
        let signers = signers(record);
        let mut keys = signers.iter().filter_map(|keyid| ended.get(keyid));
        if let Some(end) = keys.find(|end| end.index < index) {
            return Some((Kind::KeyEnded, end, held()));
        }
        let named = names_newest(record)?;
        let (_, (seq, newest)) = directory.range(..index).next_back()?;
        if *seq > named && left_out.is_none() {
            left_out = Some((Kind::OldDirectory, newest, held()));
        }
        None
    })?;
    let found = signed.or(left_out);
    found
        .map(|(kind, a, b)| Ok((kind, a.side()?, b.side()?)))
        .transpose()
}
