//! How the SDK fails. What matters to a caller is [`Outcome`]: whether it is refused for good, nothing happened, it is
//! unknown, or something contradicts itself and a person must look.

use std::path::PathBuf;

use super::profile::ProfileError;
use super::verification::VerificationError;
use crate::domain::PayloadId;
use crate::error::{ErrorCode, Refused, SideEffect};
use crate::files::FileError;
use crate::seal::{KeyFileError, RandomError, SignerError};

/// What a failure means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Refused; the same bytes will be refused again.
    Refused,
    /// The request, the profile or a key is wrong; nothing was sent.
    Usage,
    /// Nothing happened; the same may succeed later.
    NothingHappened,
    /// Whether it happened is not known: the same bytes may be sent again.
    Unknown,
    /// Something does not verify. Wake someone.
    VerificationFailed,
    /// What was waited for did not come.
    TimedOut,
}

/// What the relay answered instead of what was asked for, or would have: what could not be sealed was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{refused}")]
pub struct Refusal {
    /// The code, the sentence, the field, near names.
    pub refused: Refused,
    /// Whether the relay says that anything happened.
    pub side_effect: SideEffect,
    /// The index of the `REJECTED` record, if there is one; its receipt was verified.
    pub rejected_at: Option<u64>,
}

impl Refusal {
    /// Whether it may have happened all the same.
    pub fn is_unknown(&self) -> bool {
        !self.refused.code.side_effect_free() || self.side_effect == SideEffect::Unknown
    }
}

/// Why a call of the SDK failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Something does not verify.
    #[error("{error}{}", evidence_sentence(.evidence))]
    Verification {
        /// What.
        #[source]
        error: Box<VerificationError>,
        /// Where both sides of it are kept.
        evidence: Option<PathBuf>,
    },
    /// The relay refused.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// No connection was made: nothing was sent.
    #[error("the relay cannot be reached: {0}")]
    Unreachable(String),
    /// The connection broke, or the answer was not one of the relay's: it may have happened.
    #[error("it is not known whether the relay took it: {0}")]
    Unknown(String),
    /// What was signed has no receipt, and is kept in the outbox.
    #[error("{error}; it is kept in the outbox")]
    Kept {
        /// The id of what was signed.
        id: PayloadId,
        /// Why it has none.
        #[source]
        error: Box<ClientError>,
    },
    /// The profile is missing or wrong.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A key file is missing or wrong.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// Nothing was signed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// What was asked for cannot be done as it stands.
    #[error("{0}")]
    Invalid(String),
    /// The local disk failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system gave no randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The handler of a delivery failed; the warning is in the inbox and `RECEIVED` was not signed.
    #[error("the warning is stored but its handler failed, so RECEIVED was not signed: {0}")]
    Handler(String),
    /// What is kept of the directory does not reach as far as what is kept of the warning: it was thrown away, or another
    /// process knew more. Following it mends that.
    #[error("the directory is not known that far: it has to be followed first")]
    DirectoryBehind,
    /// What was waited for did not come.
    #[error("nothing came in time")]
    TimedOut,
}

fn evidence_sentence(evidence: &Option<PathBuf>) -> String {
    match evidence {
        Some(path) => format!(" (both sides are kept in {})", path.display()),
        None => String::new(),
    }
}

impl ClientError {
    /// What it means.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Verification { .. } => Outcome::VerificationFailed,
            Self::Refused(refusal) => {
                if refusal.refused.code == ErrorCode::SeenNotOnLog {
                    // The relay says that what was verified before is not on its log.
                    Outcome::VerificationFailed
                } else if refusal.is_unknown() {
                    Outcome::Unknown
                } else if refusal.refused.code.retryable() {
                    Outcome::NothingHappened
                } else {
                    Outcome::Refused
                }
            }
            Self::Unreachable(_)
            | Self::Signer(_)
            | Self::File(_)
            | Self::Random(_)
            | Self::Handler(_)
            | Self::DirectoryBehind => Outcome::NothingHappened,
            Self::Unknown(_) => Outcome::Unknown,
            Self::Kept { error, .. } => error.outcome(),
            Self::Profile(_) | Self::Key(_) | Self::Invalid(_) => Outcome::Usage,
            Self::TimedOut => Outcome::TimedOut,
        }
    }

    /// Whether it is only that the relay is away or busy: the same may succeed later, without anybody doing anything.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.refused.code.retryable(),
            Self::Unreachable(_) | Self::Unknown(_) => true,
            Self::Kept { error, .. } => error.is_passing(),
            Self::Verification { .. }
            | Self::Profile(_)
            | Self::Key(_)
            | Self::Signer(_)
            | Self::Invalid(_)
            | Self::File(_)
            | Self::Random(_)
            | Self::Handler(_)
            | Self::DirectoryBehind
            | Self::TimedOut => false,
        }
    }

    /// The relay's code, if it was the relay that refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(refusal) => Some(refusal.refused.code),
            Self::Kept { error, .. } => error.code(),
            Self::Verification { .. }
            | Self::Unreachable(_)
            | Self::Unknown(_)
            | Self::Profile(_)
            | Self::Key(_)
            | Self::Signer(_)
            | Self::Invalid(_)
            | Self::File(_)
            | Self::Random(_)
            | Self::Handler(_)
            | Self::DirectoryBehind
            | Self::TimedOut => None,
        }
    }

    /// What to do about it, one sentence; may be empty.
    pub fn what_to_do(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.refused.code.what_to_do().to_owned(),
            Self::Verification { .. } => {
                "Wake someone: what is verified and what the relay says contradict each other.".to_owned()
            }
            Self::Unreachable(_) | Self::Unknown(_) => "Try again.".to_owned(),
            Self::Kept { id, error } => {
                let first = match error.code() {
                    Some(code) if asks_for_nothing_new(code) => format!("{} ", code.what_to_do()),
                    Some(_) => {
                        "Sign nothing in its place: the relay has its bytes, and may record them later. "
                            .to_owned()
                    }
                    None => String::new(),
                };
                format!(
                    "{first}\"wardline outbox retry {id}\" sends the same bytes, which are recorded at most once; \"wardline outbox drop {id}\" gives it up here."
                )
            }
            Self::Profile(_)
            | Self::Key(_)
            | Self::Signer(_)
            | Self::Invalid(_)
            | Self::File(_)
            | Self::Random(_)
            | Self::Handler(_)
            | Self::DirectoryBehind
            | Self::TimedOut => String::new(),
        }
    }
}

/// Whether a code's advice can be followed without signing anything in the place of what was refused: that would put two of
/// it on the record, if the relay records the first after all.
const fn asks_for_nothing_new(code: ErrorCode) -> bool {
    code.retryable()
        || matches!(
            code,
            ErrorCode::Suspended
                | ErrorCode::SeenNotOnLog
                | ErrorCode::UnknownCertificate
                | ErrorCode::NotFound
                | ErrorCode::PermissionDenied
                | ErrorCode::AlreadyEnrolled
                | ErrorCode::NotEnrolled
                | ErrorCode::NoChange
        )
}

impl ClientError {
    /// The same, of something that is kept in the outbox. What does not verify is another matter than being sent again.
    pub(super) fn kept(self, id: PayloadId) -> Self {
        match self {
            Self::Verification { .. } | Self::Kept { .. } => self,
            error => Self::Kept {
                id,
                error: Box::new(error),
            },
        }
    }

    /// Why, whether it is kept or not.
    pub fn cause(&self) -> &Self {
        match self {
            Self::Kept { error, .. } => error.cause(),
            error => error,
        }
    }
}

impl From<VerificationError> for ClientError {
    fn from(error: VerificationError) -> Self {
        Self::Verification {
            error: Box::new(error),
            evidence: None,
        }
    }
}

impl From<Refusal> for ClientError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the relay says against what is kept, nobody is told to sign it anew; what waits or is so already keeps its
    /// own advice.
    #[test]
    fn what_is_kept_is_not_signed_anew() {
        let id = PayloadId::from_parts(1_700_000_000_000, [1; 10]);
        for code in ErrorCode::ALL.iter().copied() {
            let refusal = Refusal {
                refused: Refused::new(code, "because"),
                side_effect: SideEffect::None,
                rejected_at: None,
            };
            let advice = ClientError::from(refusal).kept(id).what_to_do();
            let (first, _) = advice.split_once("\"wardline outbox retry").unwrap_or_default();
            if first.to_lowercase().contains("sign") {
                assert!(first.starts_with("Sign nothing in its place"), "{code}: {first}");
            } else {
                assert_eq!(first.trim(), code.what_to_do(), "{code}");
            }
        }
    }
}
