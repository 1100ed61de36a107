//! What is signed to change the directory.

use super::{
    AgencyId, AgencyKind, Common, DeskAddress, Digest, Extension, KeyId, KeyRole, Language, Principal,
    RevocationReason, StateId,
};
use crate::time::Timestamp;

/// Certifies one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCertificate {
    /// Origin, id, sent, the certifier.
    pub common: Common,
    /// Whose key.
    pub principal: Principal,
    /// What it may do.
    pub role: KeyRole,
    /// Raw Ed25519, or the DER SubjectPublicKeyInfo of a TLS key.
    pub public_key: Vec<u8>,
    /// For people.
    pub label: String,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}

/// Revokes one key from its record's index on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRevocation {
    /// Origin, id, sent, who revokes.
    pub common: Common,
    /// Whose key.
    pub principal: Principal,
    /// Which.
    pub keyid: KeyId,
    /// Why.
    pub reason: RevocationReason,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}

/// A root's successor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSuccession {
    /// Origin, id, sent, the old root.
    pub common: Common,
    /// The state.
    pub state: StateId,
    /// The new root, raw Ed25519.
    pub public_key: Vec<u8>,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}

/// A state and its first root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateEnrolment {
    /// Origin, id, sent, the operator.
    pub common: Common,
    /// The state.
    pub state: StateId,
    /// The digest of the root's own certificate.
    pub root_certificate_digest: Digest,
    /// Reserved: empty.
    pub home_origin: String,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}

/// An agency and the digests of its first certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgencyEnrolment {
    /// Origin, id, sent, the operator.
    pub common: Common,
    /// The agency.
    pub agency: AgencyId,
    /// For people.
    pub name: String,
    /// Whether it has desks.
    pub kind: AgencyKind,
    /// Its first certificates, in order.
    pub certificate_digests: Vec<Digest>,
    /// Reserved: empty.
    pub home_origin: String,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}

/// All desks of an agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desks {
    /// Origin, id, sent, the agency.
    pub common: Common,
    /// Sorted by address, no repeats.
    pub desks: Vec<Desk>,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}

/// One desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desk {
    /// Its address.
    pub address: DeskAddress,
    /// For people.
    pub name: String,
    /// What it is competent for; sorted labels.
    pub competences: Vec<String>,
    /// What its officers read, best first.
    pub languages: Vec<Language>,
}

/// Admits an auditor, or dismisses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    /// Origin, id, sent, the agency.
    pub common: Common,
    /// The auditor.
    pub auditor: AgencyId,
    /// Dismisses.
    pub withdrawn: bool,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}

/// An auditor holds what rules would erase, until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Origin, id, sent, the auditor.
    pub common: Common,
    /// Until when.
    pub until: Timestamp,
    /// Why; for the record.
    pub reason: String,
    /// Only these warnings, sorted; none: all.
    pub warnings: Vec<Digest>,
    /// Only of these agencies, sorted; none: of all that admit the auditor.
    pub agencies: Vec<AgencyId>,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}

/// Stops an agency's submissions, or (as a reinstatement) allows them again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// Origin, id, sent, the operator.
    pub common: Common,
    /// The agency.
    pub agency: AgencyId,
    /// For the record.
    pub reason: String,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}
