//! The one place where an error becomes a gRPC status: `google.rpc.ErrorInfo` for everybody's tools, and our `Refusal`
//! with what to do and the rejection's proof. The matches are total, so a new code must say what it is.

use std::collections::HashMap;

use prost::Message as _;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb;

use crate::error::{ErrorCode, Refused, SideEffect};
use crate::limits;
use crate::relay::Failure;
use crate::wire::{self, v1};

/// The domain of every `ErrorInfo`.
pub(super) const DOMAIN: &str = "wardline.v1";

/// The gRPC code of ours. Tools act on it when they know nothing better: only what may be retried is `Unavailable` or
/// `ResourceExhausted`.
pub(super) const fn grpc_code(code: ErrorCode) -> Code {
    match code {
        ErrorCode::Malformed
        | ErrorCode::UnknownField
        | ErrorCode::DuplicateField
        | ErrorCode::WrongType
        | ErrorCode::InvalidValue
        | ErrorCode::MissingField
        | ErrorCode::WrongPayloadType
        | ErrorCode::WrongOrigin
        | ErrorCode::HintMismatch
        | ErrorCode::BadSignature
        | ErrorCode::WeakKey
        | ErrorCode::AudienceUnopened
        | ErrorCode::AudienceRepeated
        | ErrorCode::AudienceMismatch
        | ErrorCode::NoRecipient
        | ErrorCode::HarmNotAsserted
        | ErrorCode::ExpiresMissing
        | ErrorCode::ExpiresBeforeSent
        | ErrorCode::BodyTooLarge
        | ErrorCode::BodyMismatch
        | ErrorCode::TooManyRecipients
        | ErrorCode::DigestMismatch
        | ErrorCode::InvalidAnswer
        | ErrorCode::PayloadTooLarge
        | ErrorCode::TextMismatch
        | ErrorCode::TextTooLarge
        | ErrorCode::InvalidRequest
        | ErrorCode::WrapsMismatch => Code::InvalidArgument,
        ErrorCode::UncertifiedKey
        | ErrorCode::WrongKeyRole
        | ErrorCode::UnknownSigner
        | ErrorCode::RevokedKey
        | ErrorCode::Suspended
        | ErrorCode::SessionSignerMismatch
        | ErrorCode::NotYours
        | ErrorCode::PermissionDenied => Code::PermissionDenied,
        ErrorCode::SeenNotOnLog
        | ErrorCode::Expired
        | ErrorCode::SentAhead
        | ErrorCode::AcknowledgementsExhausted
        | ErrorCode::NotEnrolled
        | ErrorCode::NoChange => Code::FailedPrecondition,
        ErrorCode::UnknownRecipient | ErrorCode::NotFound => Code::NotFound,
        ErrorCode::IdReused | ErrorCode::KeyAlreadyEnrolled | ErrorCode::AlreadyEnrolled => {
            Code::AlreadyExists
        }
        ErrorCode::SealedUnsupported | ErrorCode::Unsupported | ErrorCode::CriticalExtension => {
            Code::Unimplemented
        }
        ErrorCode::UnknownCertificate => Code::Unauthenticated,
        ErrorCode::Overloaded | ErrorCode::DiskFull | ErrorCode::Quota => Code::ResourceExhausted,
        ErrorCode::Draining | ErrorCode::Unavailable => Code::Unavailable,
        ErrorCode::Internal => Code::Internal,
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let code = grpc_code(failure.code());
        let info = pb::ErrorInfo {
            reason: failure.code().name().to_owned(),
            domain: DOMAIN.to_owned(),
            metadata: metadata(&failure),
        };
        let mut details = vec![any("google.rpc.ErrorInfo", info.encode_to_vec())];
        if let Some(ms) = failure.refused.retry_after_ms {
            details.push(any("google.rpc.RetryInfo", retry_info(ms).encode_to_vec()));
        }
        let mut refusal = refusal(failure);
        if refusal
            .near
            .iter()
            .map(|name| name.len().saturating_add(4))
            .sum::<usize>()
            > limits::STATUS_NAMES_BYTES_MAX
        {
            // A client whose headers overflow learns nothing at all.
            refusal.near.clear();
        }
        details.push(any("wardline.v1.Refusal", refusal.encode_to_vec()));
        let status = pb::Status {
            code: code.into(),
            message: refusal.sentence.clone(),
            details,
        };
        Self::with_details(code, refusal.sentence, status.encode_to_vec().into())
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        Failure::from(refused).into()
    }
}

/// A fault of ours.
pub(super) fn internal(sentence: &str) -> Status {
    Refused::new(ErrorCode::Internal, sentence).into()
}

/// A failure as a message: the same in a status and in a stream.
pub(super) fn refusal(failure: Failure) -> v1::Refusal {
    let Failure {
        refused,
        side_effect,
        rejection,
    } = failure;
    let rejection = rejection.map(|proven| wire::proven(&proven.receipt, &proven.checkpoint));
    wire::refusal(&refused, side_effect, rejection)
}

/// What helps a tool that knows `ErrorInfo` only.
fn metadata(failure: &Failure) -> HashMap<String, String> {
    let refused = &failure.refused;
    let side_effect = match failure.side_effect {
        SideEffect::None => "NONE",
        SideEffect::RejectionRecorded => "REJECTION_RECORDED",
        SideEffect::Unknown => "UNKNOWN",
    };
    let mut metadata = HashMap::from([
        ("retryable".to_owned(), refused.code.retryable().to_string()),
        ("side_effect".to_owned(), side_effect.to_owned()),
        ("what_to_do".to_owned(), refused.code.what_to_do().to_owned()),
    ]);
    if !refused.field.is_empty() {
        metadata.insert("field".to_owned(), refused.field.clone());
    }
    // A long list stands once, in the refusal.
    if !refused.near.is_empty() && refused.near.len() <= limits::NEAR_NAMES_MAX {
        metadata.insert("near".to_owned(), refused.near.join(","));
    }
    if let Some(rejection) = &failure.rejection {
        metadata.insert("rejection_index".to_owned(), rejection.receipt.index.to_string());
    }
    metadata
}

/// When the same bytes may succeed, for everybody's tools.
fn retry_info(ms: u64) -> pb::RetryInfo {
    let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    let nanos = i32::try_from(ms % 1_000).unwrap_or(0).saturating_mul(1_000_000);
    pb::RetryInfo {
        retry_delay: Some(prost_types::Duration { seconds, nanos }),
    }
}

fn any(name: &str, value: Vec<u8>) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{name}"),
        value,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use tonic_types::StatusExt as _;

    /// Every code of ours comes with an `ErrorInfo` and a `Refusal` that say the same; what may be retried, and only
    /// that, has a gRPC code that says so to tools that know nothing else. A table over all codes.
    #[test]
    fn every_code_says_what_it_is() {
        for code in ErrorCode::ALL {
            let status = Status::from(Refused::new(*code, "because").about("handling.tlp"));
            let info = status.get_details_error_info().unwrap();
            assert_eq!(
                (info.reason.as_str(), info.domain.as_str()),
                (code.name(), DOMAIN)
            );
            assert_eq!(info.metadata["field"], "handling.tlp");
            assert_eq!(info.metadata["retryable"], code.retryable().to_string());
            let details = pb::Status::decode(status.details()).unwrap();
            let refusal = v1::Refusal::decode(details.details.last().unwrap().value.as_slice()).unwrap();
            assert_eq!(refusal.code, code.number());
            assert_eq!(refusal.what_to_do, code.what_to_do());
            assert_eq!(
                refusal.side_effect() == v1::SideEffect::None,
                code.side_effect_free(),
                "{code}"
            );
            let retried_by_tools = matches!(
                status.code(),
                Code::Unavailable | Code::ResourceExhausted | Code::Internal
            );
            assert_eq!(retried_by_tools, code.retryable(), "{code}");
        }
    }

    /// The names in a refusal stand where a tool looks if they are few, once if they are many, and not at all in a status where
    /// they would not fit a client's headers (16 KiB, of base64); a table.
    #[test]
    fn names_fit_a_status() {
        for (names, chars, listed, for_tools) in [
            (5usize, 12usize, 5usize, true),
            (limits::AUDIENCE_MAX, 12, limits::AUDIENCE_MAX, false),
            (limits::AUDIENCE_MAX, 28, limits::AUDIENCE_MAX, false),
            (limits::AUDIENCE_MAX, 60, 0, false),
        ] {
            let mut refused = Refused::new(ErrorCode::WrapsMismatch, "for others");
            refused.near = (0..names).map(|n| format!("{n:0chars$}")).collect();
            let status = Status::from(refused);
            let base64 = status.details().len().div_ceil(3) * 4;
            assert!(base64 < 14 * 1024, "{names} of {chars}: {base64}");
            let info = status.get_details_error_info().unwrap();
            assert_eq!(
                info.metadata.contains_key("near"),
                for_tools,
                "{names} of {chars}"
            );
            let details = pb::Status::decode(status.details()).unwrap();
            let refusal = v1::Refusal::decode(details.details.last().unwrap().value.as_slice()).unwrap();
            assert_eq!(refusal.near.len(), listed, "{names} of {chars}");
        }
    }

    /// A refusal that says when to come again says so to tools too, and to nobody where it is not said.
    #[test]
    fn when_to_come_again_is_told() {
        let refused = Refused::new(ErrorCode::Quota, "too many");
        assert!(Status::from(refused.clone()).get_details_retry_info().is_none());
        let status = Status::from(refused.retry_after_ms(61_500));
        let told = status.get_details_retry_info().unwrap().retry_delay;
        assert_eq!(told, Some(std::time::Duration::from_millis(61_500)));
        assert_eq!(status.code(), Code::ResourceExhausted);
    }
}
