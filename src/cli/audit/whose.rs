//! Which log a copy must be of: the verifier says so, never the copy.

use std::path::Path;

use crate::audit::copy::Copy;
use crate::audit::{AuditError, Fault as AuditFault, Wrong};
use crate::cli::session::profile;
use crate::cli::{Context, Exit, Fault};
use crate::client::Settings;
use crate::domain::Origin;
use crate::files;
use crate::limits;
use crate::transparency::{InvalidNote, LogVerifier, Policy};

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

fn of_policy(copy: &Path, policy: &Path) -> Result<LogVerifier, Fault> {
    let file = match policy.is_dir() {
        true => policy.join("log.policy"),
        false => policy.to_owned(),
    };
    let unusable = |what: String| Fault::usage(format!("{}: {what}", file.display()));
    let bytes = files::read(&file, limits::POLICY_BYTES_MAX).map_err(Fault::usage)?;
    let bytes = bytes.ok_or_else(|| unusable("there is no such file".to_owned()))?;
    let policy = Policy::parse(&bytes).map_err(|error| unusable(error.to_string()))?;
    let copy = Copy::open(copy).map_err(AuditError::from)?;
    // The first line of a note is the origin of its log; that it is signed is checked with the key that this finds.
    let origin: Option<Origin> = copy.note().lines().next().and_then(|line| line.parse().ok());
    let found = origin.as_ref().and_then(|origin| policy.log_for(origin));
    match (found, origin) {
        (Some(log), _) => Ok(log.clone()),
        (None, Some(origin)) => Err(unusable(format!("it does not know the log {origin}"))),
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
