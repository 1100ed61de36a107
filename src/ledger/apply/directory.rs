//! The directory's chain, record by record. Whoever sees only the chain (a client) follows it with
//! [`Directory::follow`], which needs no other fact of the log.

use super::super::directory::{AgencyEntry, Directory, KeyEntry, Log, Open, StateEntry};
use super::super::facts::{IdFact, IdKey};
use super::super::holds::HoldEntry;
use super::super::{admit, rules};
use super::{Corrupt, used_id};
use crate::domain::{
    AgencyEnrolment, AgencyId, Digest, DirectoryPosition, Genesis, Hash, KeyCertificate, KeyId,
    KeyRevocation, KeyRole, Principal, Record, RecordKind, RootSuccession,
};
use crate::error::Refused;
use crate::seal::PayloadKind;
use crate::wire::{self, Recorded};

/// The directory that a genesis makes: its operators' keys. With `verify`, every certificate is checked on the way.
pub(in crate::ledger) fn directory_after_genesis(
    genesis: &Genesis,
    verify: bool,
) -> Result<Directory, Refused> {
    let mut directory = Directory {
        log: Some(Log {
            origin: genesis.origin.clone(),
            public_key: genesis.log_public_key,
            deadlines: genesis.deadlines.clone(),
        }),
        ..Directory::default()
    };
    for envelope in &genesis.operator_certificates {
        let certificate = if verify {
            let admitted = admit::certificate(&directory, envelope.clone())?;
            rules::genesis_certificate(&directory, &admitted)?;
            admitted.content().clone()
        } else {
            wire::key_certificate(envelope)?
        };
        directory.enrol_key(0, &certificate);
    }
    if !directory.keys().any(|key| key.role == KeyRole::Operator) {
        let sentence = "the genesis names no operator's key: nobody could ever be enrolled";
        return Err(
            Refused::new(crate::error::ErrorCode::MissingField, sentence).about("operator_certificates")
        );
    }
    Ok(directory)
}

impl Directory {
    /// Follows the chain by one record: for whoever sees the chain and not the whole log. Checks its place in the
    /// chain, not its signatures.
    pub fn follow(&mut self, index: u64, leaf: Hash, record: &Record) -> Result<(), Corrupt> {
        self.follow_record(index, leaf, record).map(|_| ())
    }

    /// The same; gives the ids that the record uses up.
    pub(super) fn follow_record(
        &mut self,
        index: u64,
        leaf: Hash,
        record: &Record,
    ) -> Result<Vec<(IdKey, IdFact)>, Corrupt> {
        let corrupt = |what: &str| Corrupt::new(index, what);
        let Some(link) = record.directory else {
            return Err(corrupt("it is no record of the directory"));
        };
        let (seq, prev) = match self.position {
            None => (0, None),
            Some(position) => (position.seq.saturating_add(1), Some(position.head)),
        };
        if link.seq != seq || link.prev != prev {
            return Err(corrupt("it does not continue the directory's chain"));
        }
        if matches!(record.kind, RecordKind::Genesis(_)) != self.log.is_none() {
            return Err(corrupt("the genesis is the first record, and only that"));
        }
        let key_published = matches!(record.kind, RecordKind::KeyPublished(_));
        if !key_published && matches!(self.open, Some(Open::Enrolment { .. })) {
            return Err(corrupt(super::ENROLMENT_UNFINISHED));
        }
        let used = self.change(index, record)?;
        self.position = Some(DirectoryPosition { seq, head: leaf });
        Ok(used)
    }

    fn change(&mut self, index: u64, record: &Record) -> Result<Vec<(IdKey, IdFact)>, Corrupt> {
        let corrupt = |refused: Refused| Corrupt::new(index, refused.to_string());
        let unknown = |agency: &AgencyId| Corrupt::new(index, format!("{agency} is not enrolled"));
        let used = match &record.kind {
            RecordKind::Genesis(genesis) => {
                *self = directory_after_genesis(genesis, false).map_err(corrupt)?;
                return Ok(Vec::new());
            }
            RecordKind::StateEnrolled {
                enrolment,
                root_certificate,
            } => {
                let content = wire::state_enrolment(&Recorded(enrolment)).map_err(corrupt)?;
                let root = wire::key_certificate(root_certificate).map_err(corrupt)?;
                let keyid = self.enrol_new_key(index, &root)?;
                let entry = StateEntry {
                    root: keyid,
                    enrolled: index,
                };
                if self.states.insert(content.state.clone(), entry).is_some() {
                    return Err(Corrupt::new(
                        index,
                        format!("{} is enrolled already", content.state),
                    ));
                }
                let root = used_id(
                    index,
                    1,
                    PayloadKind::KeyCertificate,
                    &root.common,
                    root_certificate.digest(),
                )?;
                vec![
                    used_id(
                        index,
                        1,
                        PayloadKind::StateEnrolment,
                        &content.common,
                        enrolment.digest(),
                    )?,
                    root,
                ]
            }
            RecordKind::AgencyEnrolled(envelope) => {
                let content = wire::agency_enrolment(&Recorded(envelope)).map_err(corrupt)?;
                let records = self.enrol_agency(index, &content)?;
                vec![used_id(
                    index,
                    records,
                    PayloadKind::AgencyEnrolment,
                    &content.common,
                    envelope.digest(),
                )?]
            }
            RecordKind::KeyPublished(envelope) => {
                let content = wire::key_certificate(envelope).map_err(corrupt)?;
                self.expect_enrolled(index, envelope.digest())?;
                match content.principal.agency() {
                    Some(agency) if self.agencies.contains_key(agency) => {}
                    Some(agency) => return Err(unknown(agency)),
                    None => return Err(Corrupt::new(index, "the key is no agency's")),
                }
                self.enrol_new_key(index, &content)?;
                vec![used_id(
                    index,
                    1,
                    PayloadKind::KeyCertificate,
                    &content.common,
                    envelope.digest(),
                )?]
            }
            RecordKind::OperatorKeyPublished(envelope) => {
                let content = wire::key_certificate(envelope).map_err(corrupt)?;
                if !matches!(content.principal, Principal::Operator(_)) {
                    return Err(Corrupt::new(index, "the key is no operator's"));
                }
                self.enrol_new_key(index, &content)?;
                vec![used_id(
                    index,
                    1,
                    PayloadKind::KeyCertificate,
                    &content.common,
                    envelope.digest(),
                )?]
            }
            RecordKind::KeyRevoked(envelope) => {
                let content = wire::key_revocation(&Recorded(envelope)).map_err(corrupt)?;
                self.revoke(index, &content)?;
                vec![used_id(
                    index,
                    1,
                    PayloadKind::KeyRevocation,
                    &content.common,
                    envelope.digest(),
                )?]
            }
            RecordKind::RootSucceeded(envelope) => {
                let content = wire::root_succession(&Recorded(envelope)).map_err(corrupt)?;
                self.succeed(index, &content)?;
                vec![used_id(
                    index,
                    1,
                    PayloadKind::RootSuccession,
                    &content.common,
                    envelope.digest(),
                )?]
            }
            RecordKind::DesksPublished(envelope) => {
                let content = wire::desks(&Recorded(envelope)).map_err(corrupt)?;
                let used = used_id(index, 1, PayloadKind::Desks, &content.common, envelope.digest())?;
                let entry = self.signing_agency(index, &used.0)?;
                entry.desks = content
                    .desks
                    .into_iter()
                    .map(|desk| (desk.address.clone(), desk))
                    .collect();
                vec![used]
            }
            RecordKind::MandatePublished(envelope) => {
                let content = wire::mandate(&Recorded(envelope)).map_err(corrupt)?;
                let used = used_id(index, 1, PayloadKind::Mandate, &content.common, envelope.digest())?;
                let entry = self.signing_agency(index, &used.0)?;
                if content.withdrawn {
                    entry.auditors.remove(&content.auditor);
                } else {
                    entry.auditors.insert(content.auditor);
                }
                vec![used]
            }
            RecordKind::HoldPlaced(envelope) => {
                let content = wire::hold(&Recorded(envelope)).map_err(corrupt)?;
                let used = used_id(index, 1, PayloadKind::Hold, &content.common, envelope.digest())?;
                let auditor = rules::auditor_of(self, &content).map_err(corrupt)?.clone();
                let admits = |entry: &AgencyEntry| entry.auditors.contains(&auditor);
                let all = self.agencies.iter().filter(|(_, entry)| admits(entry));
                let agencies = match content.agencies.is_empty() {
                    true => all.map(|(agency, _)| agency.clone()).collect(),
                    false => content.agencies.into_iter().collect(),
                };
                self.holds.retain(|hold| record.time < hold.until);
                self.holds.push(HoldEntry {
                    index,
                    recorded: record.time,
                    auditor,
                    until: content.until,
                    reason: content.reason,
                    warnings: content.warnings.into_iter().collect(),
                    agencies,
                });
                vec![used]
            }
            RecordKind::AgencySuspended(envelope) => {
                let content = wire::suspension(&Recorded(envelope)).map_err(corrupt)?;
                let entry = self
                    .agencies
                    .get_mut(&content.agency)
                    .ok_or_else(|| unknown(&content.agency))?;
                entry.suspended = true;
                vec![used_id(
                    index,
                    1,
                    PayloadKind::Suspension,
                    &content.common,
                    envelope.digest(),
                )?]
            }
            RecordKind::AgencyReinstated(envelope) => {
                let content = wire::reinstatement(&Recorded(envelope)).map_err(corrupt)?;
                let entry = self
                    .agencies
                    .get_mut(&content.agency)
                    .ok_or_else(|| unknown(&content.agency))?;
                entry.suspended = false;
                vec![used_id(
                    index,
                    1,
                    PayloadKind::Reinstatement,
                    &content.common,
                    envelope.digest(),
                )?]
            }
            RecordKind::Unknown => Vec::new(),
            RecordKind::RelayStarted(_)
            | RecordKind::Accepted(_)
            | RecordKind::Rejected(_)
            | RecordKind::Routed(_)
            | RecordKind::HandedOver(_)
            | RecordKind::Acknowledged(_)
            | RecordKind::Erased(_) => {
                return Err(Corrupt::new(index, "it is no record of the directory"));
            }
        };
        Ok(used)
    }

    /// Gives how many records the enrolment is: itself and the keys that must follow.
    fn enrol_agency(&mut self, index: u64, enrolment: &AgencyEnrolment) -> Result<u32, Corrupt> {
        let entry = AgencyEntry {
            name: enrolment.name.clone(),
            kind: enrolment.kind,
            suspended: false,
            desks: std::collections::BTreeMap::new(),
            auditors: std::collections::BTreeSet::new(),
            enrolled: index,
        };
        if self.agencies.insert(enrolment.agency.clone(), entry).is_some() {
            return Err(Corrupt::new(
                index,
                format!("{} is enrolled already", enrolment.agency),
            ));
        }
        let keys = enrolment.certificate_digests.len();
        if keys > 0 {
            self.open = Some(Open::Enrolment {
                expected: enrolment.certificate_digests.iter().copied().collect(),
                next: index.saturating_add(1),
            });
        }
        u32::try_from(keys.saturating_add(1)).map_err(|_| Corrupt::new(index, "it lists too many keys"))
    }

    /// The keys of an enrolment follow it in its order.
    fn expect_enrolled(&mut self, index: u64, digest: Digest) -> Result<(), Corrupt> {
        let Some(Open::Enrolment { expected, next }) = &mut self.open else {
            return Ok(());
        };
        if *next != index {
            return Err(Corrupt::new(index, "the keys of an enrolment follow it at once"));
        }
        *next = index.saturating_add(1);
        if expected.pop_front() != Some(digest) {
            return Err(Corrupt::new(
                index,
                "it is not the next key that the enrolment lists",
            ));
        }
        if expected.is_empty() {
            self.open = None;
        }
        Ok(())
    }

    fn signing_agency(&mut self, index: u64, key: &IdKey) -> Result<&mut AgencyEntry, Corrupt> {
        let agency = key.principal.agency();
        agency
            .and_then(|agency| self.agencies.get_mut(agency))
            .ok_or_else(|| Corrupt::new(index, format!("{} is no enrolled agency", key.principal)))
    }

    fn enrol_new_key(&mut self, index: u64, certificate: &KeyCertificate) -> Result<KeyId, Corrupt> {
        let keyid = rules::certified_keyid(certificate);
        if self.keys.contains_key(&keyid) {
            return Err(Corrupt::new(
                index,
                format!("the key {keyid} is enrolled already"),
            ));
        }
        self.enrol_key(index, certificate);
        Ok(keyid)
    }

    fn enrol_key(&mut self, index: u64, certificate: &KeyCertificate) {
        let keyid = rules::certified_keyid(certificate);
        let entry = KeyEntry::enrolled(
            keyid,
            certificate.principal.clone(),
            certificate.role,
            certificate.public_key.clone(),
            certificate.label.clone(),
            index,
        );
        self.keys.insert(keyid, entry);
    }

    fn revoke(&mut self, index: u64, revocation: &KeyRevocation) -> Result<(), Corrupt> {
        let key = self
            .keys
            .get_mut(&revocation.keyid)
            .filter(|key| key.until.is_none());
        let key = key.ok_or_else(|| Corrupt::new(index, "there is no such valid key to revoke"))?;
        key.until = Some(index);
        Ok(())
    }

    fn succeed(&mut self, index: u64, succession: &RootSuccession) -> Result<(), Corrupt> {
        let keyid = rules::keyid_of(&succession.public_key);
        let corrupt = |what: &str| Corrupt::new(index, what);
        if self.keys.contains_key(&keyid) {
            return Err(corrupt("the new root is enrolled already"));
        }
        let state = self
            .states
            .get_mut(&succession.state)
            .ok_or_else(|| corrupt("the state is not enrolled"))?;
        let old = self.keys.get_mut(&state.root).filter(|key| key.until.is_none());
        let old = old.ok_or_else(|| corrupt("the state has no valid root to succeed"))?;
        old.until = Some(index);
        state.root = keyid;
        let entry = KeyEntry::enrolled(
            keyid,
            Principal::Root(succession.state.clone()),
            KeyRole::Root,
            succession.public_key.clone(),
            String::new(),
            index,
        );
        self.keys.insert(keyid, entry);
        Ok(())
    }
}
