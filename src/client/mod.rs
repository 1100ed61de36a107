//! The SDK: what an agency's own system, an officer's command and an auditor use to speak with a relay that none of
//! them trusts.
//!
//! Three things must hold. What is signed is on stable storage before it is sent, and a retry sends the same bytes.
//! Nothing is reported as done before its receipt was verified against the pinned log. And what contradicts itself
//! is kept as evidence and stops the client. Nothing here imports the journal or the relay.

pub mod draft;
mod error;
#[allow(dead_code)]
mod files;
#[allow(dead_code)]
mod profile;
#[allow(dead_code)]
mod trust;
mod verification;

pub use draft::{AcknowledgementDraft, Draft, When};
pub use error::{ClientError, Outcome, Refusal};
pub use files::FileError;
pub use profile::{BadSetting, ProfileDir, ProfileError, Settings, SignerSetting};
pub use verification::VerificationError;
