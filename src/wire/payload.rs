//! The way into a signed payload: whoever parses one shows first why it may be parsed. Either its signatures were just
//! checked ([`Verified`]), or it stands in a log of which every signature was checked before it was appended
//! ([`Recorded`]). Two kinds hold the key that they are signed with; they are strict-parsed first and verified right after.

use bytes::Bytes;

use super::schema::Root;
use super::walker::{Fields, Of, read};
use crate::domain::SignedEnvelope;
use crate::error::{ErrorCode, Refused};
use crate::limits;
use crate::seal::{PayloadKind, Verified};

/// A payload that may be parsed.
pub trait Parsable: sealed::Sealed {
    /// What it says that it is; `None` for none of ours.
    fn payload_kind(&self) -> Option<PayloadKind>;
    /// The exact bytes signed.
    fn payload_bytes(&self) -> &Bytes;
}

mod sealed {
    /// Only this file says what may be parsed.
    pub trait Sealed {}
}

/// An envelope out of a record of a log that checked it before it was appended. For the ledger's `apply` over a log
/// of its own; an auditor, who trusts no relay, verifies instead.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a>(pub &'a SignedEnvelope);

/// An envelope whose payload holds the key to check it with.
#[derive(Debug, Clone, Copy)]
struct SelfKeyed<'a>(&'a SignedEnvelope);

impl sealed::Sealed for Verified {}
impl Parsable for Verified {
    fn payload_kind(&self) -> Option<PayloadKind> {
        Some(self.kind())
    }
    fn payload_bytes(&self) -> &Bytes {
        self.payload()
    }
}

macro_rules! of_envelope {
    ($name:ident) => {
        impl sealed::Sealed for $name<'_> {}
        impl Parsable for $name<'_> {
            fn payload_kind(&self) -> Option<PayloadKind> {
                self.0.payload_type.parse().ok()
            }
            fn payload_bytes(&self) -> &Bytes {
                &self.0.payload
            }
        }
    };
}
of_envelope!(Recorded);
of_envelope!(SelfKeyed);

/// Parses a payload that may be parsed, of one kind.
pub(super) fn parse<T>(
    source: &impl Parsable,
    kind: PayloadKind,
    convert: fn(&Fields<'_>) -> Result<T, Refused>,
) -> Result<T, Refused> {
    if source.payload_kind() != Some(kind) {
        return Err(Refused::new(
            ErrorCode::WrongPayloadType,
            format!("the payload type is not {kind}"),
        ));
    }
    let bytes = source.payload_bytes();
    if bytes.len() > limits::PAYLOAD_BYTES_MAX {
        return Err(Refused::new(
            ErrorCode::PayloadTooLarge,
            format!(
                "the signed payload is larger than {} bytes",
                limits::PAYLOAD_BYTES_MAX
            ),
        ));
    }
    read(Of::Signed, Root::Payload(kind), bytes.clone(), convert)
}

/// Parses an envelope whose payload holds the key to check it with; the caller verifies right after.
pub(super) fn parse_unverified<T>(
    envelope: &SignedEnvelope,
    kind: PayloadKind,
    convert: fn(&Fields<'_>) -> Result<T, Refused>,
) -> Result<T, Refused> {
    parse(&SelfKeyed(envelope), kind, convert)
}

/// The protobuf message of a kind of payload.
pub(super) const fn message_name(kind: PayloadKind) -> &'static str {
    match kind {
        PayloadKind::Warning => "Warning",
        PayloadKind::Acknowledgement => "Acknowledgement",
        PayloadKind::KeyCertificate => "KeyCertificate",
        PayloadKind::KeyRevocation => "KeyRevocation",
        PayloadKind::RootSuccession => "RootSuccession",
        PayloadKind::Desks => "Desks",
        PayloadKind::Mandate => "Mandate",
        PayloadKind::StateEnrolment => "StateEnrolment",
        PayloadKind::AgencyEnrolment => "AgencyEnrolment",
        PayloadKind::Suspension => "Suspension",
        PayloadKind::Reinstatement => "Reinstatement",
        PayloadKind::Hold => "Hold",
        PayloadKind::ErasureAttestation => "ErasureAttestation",
        PayloadKind::OnwardTransfer => "OnwardTransfer",
    }
}
