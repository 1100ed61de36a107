//! What each key leads to: the root that certified it, and from there back to a root that the verifier trusts.
//!
//! A root vouches for the keys that it certified and for the successor that it named. So a trusted root proves what it and
//! its successors certified; a later root that is trusted says nothing of what an earlier one did.

use std::collections::BTreeMap;

use super::super::trusted::TrustedRoots;
use super::findings::{Ended, KeyChain, KeyFinding};
use crate::domain::{KeyId, KeyRole, Record, RecordKind, SignedEnvelope};
use crate::ledger::{Directory, KeyEntry, certified_keyid};
use crate::wire::{self, Recorded};

/// Who certified which key, as the directory's chain shows it.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    /// The root that certified a key.
    certified_by: BTreeMap<KeyId, KeyId>,
    /// The root that a root succeeded.
    succeeded: BTreeMap<KeyId, KeyId>,
    ended: BTreeMap<KeyId, Ended>,
}

impl Certificates {
    /// Takes in a record of the directory that was verified; `before` is the directory without it.
    pub(super) fn take_in(&mut self, before: &Directory, record: &Record) {
        match &record.kind {
            RecordKind::KeyPublished(envelope) => {
                if let Some((root, key)) = root_and_other(before, envelope) {
                    // A TLS key does not sign its certificate: its id is in the payload only.
                    let key = key.or_else(|| certified_key(envelope));
                    if let Some(key) = key {
                        self.certified_by.insert(key, root);
                    }
                }
            }
            RecordKind::RootSucceeded(envelope) => {
                if let Some((old, Some(new))) = root_and_other(before, envelope) {
                    self.succeeded.insert(new, old);
                    self.ended.insert(old, Ended::Succeeded);
                }
            }
            RecordKind::KeyRevoked(envelope) => {
                if let Ok(revocation) = wire::key_revocation(&Recorded(envelope)) {
                    self.ended
                        .insert(revocation.keyid, Ended::Revoked(revocation.reason));
                }
            }
            RecordKind::Genesis(_)
            | RecordKind::RelayStarted(_)
            | RecordKind::StateEnrolled { .. }
            | RecordKind::AgencyEnrolled(_)
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
            | RecordKind::Unknown => {}
        }
    }

    /// What is found of an agency's key.
    pub(super) fn finding(&self, key: &KeyEntry, trusted: Option<&TrustedRoots>) -> KeyFinding {
        let ended = self.ended.get(&key.keyid);
        KeyFinding {
            keyid: key.keyid,
            principal: key.principal.clone(),
            role: key.role,
            from: key.from,
            until: key
                .until
                .map(|until| (until, ended.copied().unwrap_or(Ended::Succeeded))),
            chain: self.chain(key, trusted),
        }
    }

    fn chain(&self, key: &KeyEntry, trusted: Option<&TrustedRoots>) -> KeyChain {
        // An enrolled agency's key has a certifier: the ledger's rules hold it to that.
        let certified_by = self.certified_by.get(&key.keyid).copied().unwrap_or_default();
        let Some(trusted) = trusted else {
            return KeyChain::NoRoots { certified_by };
        };
        let Some(state) = key.principal.agency().map(crate::domain::AgencyId::state) else {
            return KeyChain::Untrusted { certified_by };
        };
        let mut chain = vec![certified_by];
        let mut root = certified_by;
        loop {
            if trusted.holds(&state, &root) {
                return KeyChain::Trusted(chain);
            }
            // A key is enrolled once, so no root stands twice in the chain.
            match self.succeeded.get(&root) {
                Some(old) => root = *old,
                None => return KeyChain::Untrusted { certified_by },
            }
            chain.push(root);
        }
    }
}

/// Of the signers of a certificate or succession, the root that was enrolled before, and the other.
fn root_and_other(before: &Directory, envelope: &SignedEnvelope) -> Option<(KeyId, Option<KeyId>)> {
    let is_root = |keyid: &KeyId| before.key(keyid).is_some_and(|key| key.role == KeyRole::Root);
    let signers = || envelope.signatures.iter().map(|signature| signature.keyid);
    let root = signers().find(is_root)?;
    Some((root, signers().find(|keyid| *keyid != root)))
}

fn certified_key(envelope: &SignedEnvelope) -> Option<KeyId> {
    let certificate = wire::key_certificate(envelope).ok()?;
    Some(certified_keyid(&certificate))
}
