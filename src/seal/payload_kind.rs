//! The kinds of payload that are ever signed, and the DSSE payload type of each.

use std::fmt;
use std::str::FromStr;

/// What a signed payload is. The payload type is signed with it, so no payload can pass for another kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PayloadKind {
    /// The header of a warning.
    Warning,
    /// A recipient's acknowledgement or answer.
    Acknowledgement,
    /// A key of an agency, certified by its state's root.
    KeyCertificate,
    /// A key revoked, by itself or its root.
    KeyRevocation,
    /// A root's successor, named by the root.
    RootSuccession,
    /// An agency's own desks.
    Desks,
    /// An agency admits an auditor.
    Mandate,
    /// The operator enrols a state's root.
    StateEnrolment,
    /// The operator enrols an agency.
    AgencyEnrolment,
    /// The operator suspends an agency.
    Suspension,
    /// The operator ends a suspension.
    Reinstatement,
    /// An auditor holds what would be erased.
    Hold,
    /// A recipient attests that it erased what a warning said. On no record.
    ErasureAttestation,
    /// An agency that holds a warning passes it on. On no record.
    OnwardTransfer,
}

impl PayloadKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Warning,
        Self::Acknowledgement,
        Self::KeyCertificate,
        Self::KeyRevocation,
        Self::RootSuccession,
        Self::Desks,
        Self::Mandate,
        Self::StateEnrolment,
        Self::AgencyEnrolment,
        Self::Suspension,
        Self::Reinstatement,
        Self::Hold,
        Self::ErasureAttestation,
        Self::OnwardTransfer,
    ];

    /// The DSSE payload type, `application/vnd.wardline.<kind>.v1+protobuf`. Signed; never changes.
    pub const fn payload_type(self) -> &'static str {
        match self {
            Self::Warning => "application/vnd.wardline.warning.v1+protobuf",
            Self::Acknowledgement => "application/vnd.wardline.acknowledgement.v1+protobuf",
            Self::KeyCertificate => "application/vnd.wardline.key-certificate.v1+protobuf",
            Self::KeyRevocation => "application/vnd.wardline.key-revocation.v1+protobuf",
            Self::RootSuccession => "application/vnd.wardline.root-succession.v1+protobuf",
            Self::Desks => "application/vnd.wardline.desks.v1+protobuf",
            Self::Mandate => "application/vnd.wardline.mandate.v1+protobuf",
            Self::StateEnrolment => "application/vnd.wardline.state-enrolment.v1+protobuf",
            Self::AgencyEnrolment => "application/vnd.wardline.agency-enrolment.v1+protobuf",
            Self::Suspension => "application/vnd.wardline.suspension.v1+protobuf",
            Self::Reinstatement => "application/vnd.wardline.reinstatement.v1+protobuf",
            Self::Hold => "application/vnd.wardline.hold.v1+protobuf",
            Self::ErasureAttestation => "application/vnd.wardline.erasure-attestation.v1+protobuf",
            Self::OnwardTransfer => "application/vnd.wardline.onward-transfer.v1+protobuf",
        }
    }
}

/// Not a payload type of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a payload type of wardline v1")]
pub struct UnknownPayloadType;

impl FromStr for PayloadKind {
    type Err = UnknownPayloadType;
    /// From the payload type, byte for byte.
    fn from_str(payload_type: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.payload_type() == payload_type)
            .ok_or(UnknownPayloadType)
    }
}

impl fmt::Display for PayloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.payload_type())
    }
}
