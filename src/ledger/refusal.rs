//! What a refusal leaves behind: a `REJECTED` record that uses up the id, or nothing (docs/decisions/0001).
//!
//! Of warnings and acknowledgements only; a refused directory or operator call never leaves anything.

use crate::error::ErrorCode;

/// What a refusal leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// `REJECTED`: what the signature covers cannot be accepted, now or later.
    Rejected,
    /// Nothing: the same signed bytes may be sent again, put right beside.
    Nothing,
}

/// What a refusal of a validly signed warning or acknowledgement leaves.
pub const fn leaves(code: ErrorCode) -> Leaves {
    use ErrorCode as E;
    match code {
        // What the signature covers, and the rules over it. A body that matches its digest is covered too.
        E::Malformed
        | E::UnknownField
        | E::DuplicateField
        | E::WrongType
        | E::InvalidValue
        | E::MissingField
        | E::WrongOrigin
        | E::Suspended
        | E::SeenNotOnLog
        | E::UnknownRecipient
        | E::NoRecipient
        | E::HarmNotAsserted
        | E::Expired
        | E::SentAhead
        | E::ExpiresMissing
        | E::ExpiresBeforeSent
        | E::BodyTooLarge
        | E::TooManyRecipients
        | E::NotYours
        | E::DigestMismatch
        | E::SealedUnsupported
        | E::Unsupported
        | E::CriticalExtension
        | E::PermissionDenied
        | E::InvalidAnswer
        | E::TextTooLarge => Leaves::Rejected,
        // What lies beside the signature.
        E::HintMismatch
        | E::SessionSignerMismatch
        | E::AudienceUnopened
        | E::AudienceRepeated
        | E::AudienceMismatch
        | E::BodyMismatch
        | E::TextMismatch
        | E::WrapsMismatch => Leaves::Nothing,
        // Not validly signed by an enrolled, unrevoked key of the right role; too long to be looked at.
        E::WrongPayloadType
        | E::BadSignature
        | E::WeakKey
        | E::UncertifiedKey
        | E::WrongKeyRole
        | E::UnknownSigner
        | E::RevokedKey
        | E::UnknownCertificate
        | E::PayloadTooLarge => Leaves::Nothing,
        // The id is used up already; and a bound on records that left records would be none.
        E::IdReused | E::AcknowledgementsExhausted => Leaves::Nothing,
        // Of other calls, or the relay's own trouble.
        E::NotFound
        | E::KeyAlreadyEnrolled
        | E::AlreadyEnrolled
        | E::NotEnrolled
        | E::NoChange
        | E::Overloaded
        | E::Draining
        | E::DiskFull
        | E::Quota
        | E::Unavailable
        | E::Internal
        | E::InvalidRequest => Leaves::Nothing,
    }
}
