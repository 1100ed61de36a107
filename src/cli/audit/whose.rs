//! Which log a copy must be of: the verifier says so, never the copy.

use std::path::Path;

use crate::audit::copy::Copy;
use crate::audit::{AuditError, Fault as AuditFault, Trusted, Wrong};
use crate::cli::session::profile;
use crate::cli::{Context, Exit, Fault};
use crate::client::Settings;
use crate::domain::Origin;
use crate::transparency::{InvalidNote, LogVerifier};

/// The log's key: given, of a policy that knows the copy's log by its origin, or the profile's.
pub(super) fn log(
    context: &Context,
    copy: &Path,
    policy: Option<&Path>,
    log: Option<&LogVerifier>,
) -> Result<LogVerifier, Fault> {
    match (log, policy) {
        (Some(log), _) => Ok(log.clone()),
        (None, Some(policy)) => of_policy(copy, policy),
        (None, None) if context.profile.is_none() => Err(Fault::usage(
            "whose log it is must come from you: give --log, --policy or a profile",
        )),
        (None, None) => {
            let settings = Settings::read(&profile(context)?).map_err(Fault::usage)?;
            Ok(settings.log)
        }
    }
}

fn of_policy(copy: &Path, path: &Path) -> Result<LogVerifier, Fault> {
    let policy = Trusted::read_policy(path)?;
    let copy = Copy::open(copy).map_err(AuditError::from)?;
    // A policy may have several keys of one log: the one that has signed, or any, which then finds that it has not.
    if let Some(log) = policy.signers_of(copy.note()).first() {
        return Ok((*log).clone());
    }
    let origin: Option<Origin> = copy.note().lines().next().and_then(|line| line.parse().ok());
    match (origin.as_ref().and_then(|it| policy.log_for(it)), origin) {
        (Some(log), _) => Ok(log.clone()),
        (None, Some(origin)) => {
            let sentence = format!("{}: it does not know the log {origin}", path.display());
            Err(Fault::usage(sentence))
        }
        (None, None) => {
            let fault = AuditFault {
                index: None,
                wrong: Wrong::Checkpoint(InvalidNote::Malformed),
                committed: None,
            };
            Err(Fault::new(Exit::VerificationFailed, fault))
        }
    }
}
