//! From a gRPC status to what it means: a refusal with its code, a connection that was never made, another server than
//! the pinned one, or (a status without our details) unknown.
//!
//! What a peer writes is shown to people, so it loses its control characters here.

use std::error::Error as StdError;

use prost::Message as _;
use tonic::Status;

use super::error::{ClientError, Refusal};
use super::verification::VerificationError;
use crate::domain::Receipt;
use crate::error::SideEffect;
use crate::limits;
use crate::tls::ConnectError;
use crate::wire::{ToldRefusal, plain, v1};

/// Why a call gave no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The relay refused; the receipt of a `REJECTED` record, if it sent one, is not verified yet.
    Refused(Box<Refusal>, Option<(Receipt, Option<String>)>),
    /// Anything else.
    Failed(ClientError),
}

impl Fault {
    /// Whether the same bytes may succeed if they are sent again now.
    pub(crate) fn is_worth_retrying(&self) -> bool {
        match self {
            Self::Refused(refusal, _) => {
                let refused = &refusal.refused;
                // Who is told to come later does not wait for it here: the outbox does.
                let soon = |ms: u64| ms <= limits::CLIENT_BACKOFF_MS_MAX;
                refused.code.retryable() && refused.retry_after_ms.is_none_or(soon)
            }
            Self::Failed(error) => error.is_passing(),
        }
    }

    /// Whether it may have happened all the same.
    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Self::Refused(refusal, _) => refusal.is_unknown(),
            Self::Failed(error) => matches!(error, ClientError::Unknown(_)),
        }
    }
}

impl From<Fault> for ClientError {
    /// For calls that leave no `REJECTED` record: a receipt beside the refusal is passed over.
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(refusal, _) => Self::Refused(refusal),
            Fault::Failed(error) => error,
        }
    }
}

impl From<ClientError> for Fault {
    fn from(error: ClientError) -> Self {
        Self::Failed(error)
    }
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        if let Some(refusal) = refusal_message(&status) {
            return from_refusal(refusal);
        }
        let mut source: Option<&(dyn StdError + 'static)> = Some(&status);
        while let Some(error) = source {
            match error.downcast_ref::<ConnectError>() {
                Some(ConnectError::Pin(_)) => return Self::Failed(VerificationError::TlsPin.into()),
                Some(other) => return Self::Failed(ClientError::Unreachable(other.to_string())),
                None => {}
            }
            source = error.source();
        }
        let sentence = format!("{:?}: {}", status.code(), status.message());
        Self::Failed(ClientError::Unknown(plain(&sentence, limits::REASON_CHARS_MAX)))
    }
}

/// A refusal as the relay tells it.
pub(crate) fn from_refusal(message: v1::Refusal) -> Fault {
    match ToldRefusal::try_from(message) {
        Ok(told) => {
            let refusal = Refusal {
                refused: told.refused,
                side_effect: told.side_effect,
                rejected_at: None,
            };
            Fault::Refused(Box::new(refusal), told.rejection)
        }
        Err(refused) => Fault::Failed(ClientError::Unknown(format!(
            "the relay refused in words that cannot be read ({refused})"
        ))),
    }
}

/// Why a session ended, by its code.
pub(crate) fn from_code(code: i32, sentence: &str) -> Fault {
    from_refusal(v1::Refusal {
        code,
        sentence: sentence.to_owned(),
        side_effect: SideEffect::None.number(),
        ..v1::Refusal::default()
    })
}

/// The refusal in a status's details.
fn refusal_message(status: &Status) -> Option<v1::Refusal> {
    let details = tonic_types::Status::decode(status.details()).ok()?;
    details
        .details
        .into_iter()
        .find(|any| any.type_url.ends_with("/wardline.v1.Refusal"))
        .and_then(|any| v1::Refusal::decode(any.value.as_slice()).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::client::Outcome;
    use crate::error::ErrorCode;

    fn refusal(code: i32) -> v1::Refusal {
        v1::Refusal {
            code,
            sentence: "because\u{1b}[2J".to_owned(),
            side_effect: 1,
            ..Default::default()
        }
    }

    /// A refusal in the details is found by its type; its words lose their control characters.
    #[test]
    fn a_refusal_is_found_in_the_details() {
        let details = tonic_types::Status {
            details: vec![prost_types::Any {
                type_url: "type.googleapis.com/wardline.v1.Refusal".to_owned(),
                value: refusal(ErrorCode::Expired.number()).encode_to_vec(),
            }],
            ..Default::default()
        };
        let status = Status::with_details(
            tonic::Code::FailedPrecondition,
            "x",
            details.encode_to_vec().into(),
        );
        let error = ClientError::from(Fault::from(status));
        assert_eq!(error.code(), Some(ErrorCode::Expired));
        assert_eq!(error.outcome(), Outcome::Refused);
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }

    /// What each refusal means for whoever asked: a table of codes (the last one of a later version), whether
    /// they may be retried, and the outcome.
    #[test]
    fn a_code_says_what_happened() {
        for (code, retryable, outcome) in [
            (ErrorCode::Expired.number(), false, Outcome::Refused),
            (ErrorCode::Overloaded.number(), true, Outcome::NothingHappened),
            (ErrorCode::Unavailable.number(), true, Outcome::Unknown),
            (
                ErrorCode::SeenNotOnLog.number(),
                false,
                Outcome::VerificationFailed,
            ),
            (9999, true, Outcome::Unknown),
        ] {
            let fault = from_refusal(refusal(code));
            assert_eq!(fault.is_worth_retrying(), retryable, "{code}");
            assert_eq!(ClientError::from(fault).outcome(), outcome, "{code}");
        }
    }

    /// A quota that is free again soon is waited for; one that is not is told at once, and nothing has happened.
    #[test]
    fn a_long_wait_is_not_waited_for() {
        for (retry_after_ms, retryable) in [(0, true), (1, true), (limits::CLIENT_BACKOFF_MS_MAX + 1, false)]
        {
            let fault = from_refusal(v1::Refusal {
                retry_after_ms,
                ..refusal(ErrorCode::Quota.number())
            });
            assert_eq!(fault.is_worth_retrying(), retryable, "{retry_after_ms}");
            assert_eq!(ClientError::from(fault).outcome(), Outcome::NothingHappened);
        }
    }

    /// A status without our details is unknown: the same bytes are to be sent again.
    #[test]
    fn a_bare_status_is_unknown() {
        let fault = Fault::from(Status::unavailable("connection reset"));
        assert!(fault.is_unknown() && fault.is_worth_retrying());
        assert_eq!(ClientError::from(fault).outcome(), Outcome::Unknown);
    }
}
