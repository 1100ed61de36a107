//! The keys of a world, offline: each state's root, the operator's keys, the agencies' keys with their roots' signatures.

use std::path::Path;

use super::World;
use crate::cli::{Exit, Fault};
use crate::client::ProfileDir;
use crate::client::keys::{
    AGENCY_ROLES, AUDITOR_ROLES, Certifier, KeyRequest, KeysError, OPERATOR_ROLES, certificate_path,
    certify_to_file, make_agency_keys, make_operator_keys, make_root,
};
use crate::domain::{AgencyId, KeyRole, SignedEnvelope};
use crate::time::{Clock as _, SystemClock};

impl World {
    /// The roles of an agency, or of the auditor.
    pub(super) fn roles(&self, agency: &AgencyId) -> &'static [KeyRole] {
        if *agency == self.plan.auditor {
            &AUDITOR_ROLES
        } else {
            &AGENCY_ROLES
        }
    }

    /// The agencies and the auditor.
    pub(super) fn enrolled(&self) -> impl Iterator<Item = &AgencyId> {
        let agencies = self.plan.agencies.iter().map(|agency| &agency.id);
        agencies.chain([&self.plan.auditor])
    }

    /// Makes every key and certificate that is not there.
    pub(super) async fn make_keys(&self) -> Result<(), Fault> {
        let now = SystemClock.now();
        let operator = self.operator();
        if !to_make(&operator, &OPERATOR_ROLES)?.is_empty() {
            make_operator_keys(&operator, &self.plan.operator, None, &self.origin, now)?;
        }
        for state in self.plan.states() {
            let root = self.root(&state);
            if !root.join("root.cert.json").exists() {
                // A root without its certificate has certified nothing.
                remove(&root)?;
                make_root(&root, &state, &self.origin, now)?;
            }
        }
        for agency in self.enrolled() {
            let (profile, roles) = (self.agency(agency), self.roles(agency));
            let missing = to_make(&profile, roles)?;
            if !missing.is_empty() {
                make_agency_keys(&profile, agency, &missing, &self.origin, now)?;
            }
            let certifier = Certifier::root(&self.root(&agency.state()))?;
            for role in roles {
                let request = request_file(&profile, *role);
                if !certificate_path(&request).exists() {
                    certify_to_file(KeyRequest::read(&request)?, &certifier).await?;
                }
            }
        }
        Ok(())
    }

    /// An agency's certified keys.
    pub(super) fn certificates(&self, agency: &AgencyId) -> Result<Vec<SignedEnvelope>, KeysError> {
        let profile = self.agency(agency);
        let roles = self.roles(agency).iter();
        roles
            .map(|role| Ok(certified(&profile, *role)?.envelope))
            .collect()
    }
}

fn request_file(profile: &ProfileDir, role: KeyRole) -> std::path::PathBuf {
    profile.path().join("requests").join(format!("{role}.json"))
}

/// A key of a profile, with its root's signature.
pub(super) fn certified(profile: &ProfileDir, role: KeyRole) -> Result<KeyRequest, KeysError> {
    KeyRequest::read(&certificate_path(&request_file(profile, role)))
}

/// Which keys are to be made. Each key's request is written after its secret, so keys that lack a request were never shown to
/// anybody: they are removed and all are made, unless something is there that says otherwise. A profile of before bodies were sealed
/// has no seal key, and gets that one.
fn to_make(profile: &ProfileDir, roles: &[KeyRole]) -> Result<Vec<KeyRole>, Fault> {
    let made = |role: &KeyRole| request_file(profile, *role).exists();
    let missing: Vec<KeyRole> = roles.iter().filter(|role| !made(role)).copied().collect();
    if missing.is_empty() {
        return Ok(missing);
    }
    let used = roles
        .iter()
        .any(|role| certificate_path(&request_file(profile, *role)).exists());
    if used || profile.settings_file().exists() {
        if missing == [KeyRole::Seal] && !profile.secret_key(KeyRole::Seal).exists() {
            return Ok(missing);
        }
        let sentence = format!("{} has lost some of its keys' requests", profile.path().display());
        return Err(Fault::new(Exit::Usage, sentence).advising("Begin in another directory."));
    }
    remove(&profile.keys())?;
    remove(&profile.path().join("requests"))?;
    Ok(roles.to_vec())
}

fn remove(directory: &Path) -> Result<(), Fault> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Fault::new(
            Exit::Retry,
            format!("{}: {error}", directory.display()),
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}
