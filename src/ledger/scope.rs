//! Who may see a record. Everybody else sees its leaf hash, so that the tree can still be checked.

use super::directory::Directory;
use super::facts::{Facts, FactsError};
use crate::domain::{AgencyId, AgencyKind, Principal, Record, RecordKind, ThreadLink};
use crate::wire::{self, Recorded};

/// Who may see a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// Every enrolled principal: the directory, the genesis, the relay's own records.
    Everyone,
    /// The agencies of a thread (the originator and the recipient's), or the signer of a submission; with their auditors.
    Agencies(Vec<AgencyId>),
    /// Nobody but the relay.
    Nobody,
}

/// Who may see this record, which has been applied.
pub fn visibility(facts: &dyn Facts, record: &Record) -> Result<Visibility, FactsError> {
    if let Some(link) = &record.thread {
        return of_thread(facts, link);
    }
    Ok(match &record.kind {
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
        | RecordKind::OperatorKeyPublished(_) => Visibility::Everyone,
        RecordKind::Accepted(accepted) => {
            let header = wire::warning(&Recorded(&accepted.warning)).ok();
            let signer = header.as_ref().and_then(|header| header.common.named());
            signer.map_or(Visibility::Nobody, |signer| only(&signer.principal))
        }
        RecordKind::Rejected(rejected) => only(&rejected.principal),
        // In no thread, they are not of this protocol.
        RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Acknowledged(_)
        | RecordKind::Erased(_) => Visibility::Nobody,
        RecordKind::Unknown if record.directory.is_some() => Visibility::Everyone,
        RecordKind::Unknown => Visibility::Nobody,
    })
}

/// Whether `viewer` may see it, by the mandates of now.
pub fn is_visible(directory: &Directory, viewer: &Principal, visibility: &Visibility) -> bool {
    let agencies = match visibility {
        Visibility::Everyone => return directory.is_enrolled(viewer),
        Visibility::Agencies(agencies) => agencies,
        Visibility::Nobody => return false,
    };
    match viewer {
        Principal::Agency(viewer) => agencies.iter().any(|agency| sees_for(directory, viewer, agency)),
        Principal::Root(_) | Principal::Operator(_) => false,
    }
}

/// An agency sees its own, an auditor what its mandators see. The rule behind every view of one agency's own (a desk's
/// inbox, an acceptance) too.
pub(super) fn sees_for(directory: &Directory, viewer: &AgencyId, agency: &AgencyId) -> bool {
    if viewer == agency {
        return true;
    }
    let auditor = directory
        .agency(viewer)
        .is_some_and(|entry| entry.kind == AgencyKind::Auditor);
    auditor
        && directory
            .agency(agency)
            .is_some_and(|entry| entry.auditors.contains(viewer))
}

impl Directory {
    /// Whether `viewer` may see what is `agency`'s alone: the agency itself, and the auditors that it admits now.
    pub fn sees_for(&self, viewer: &Principal, agency: &AgencyId) -> bool {
        viewer
            .agency()
            .is_some_and(|viewer| sees_for(self, viewer, agency))
    }
}

fn of_thread(facts: &dyn Facts, link: &ThreadLink) -> Result<Visibility, FactsError> {
    let mut agencies = vec![link.desk.agency().clone()];
    if let Some(warning) = facts.warning(&link.warning)? {
        agencies.push(warning.originator);
    }
    Ok(Visibility::Agencies(agencies))
}

fn only(principal: &Principal) -> Visibility {
    match principal {
        Principal::Agency(agency) => Visibility::Agencies(vec![agency.clone()]),
        Principal::Root(_) | Principal::Operator(_) => Visibility::Nobody,
    }
}
