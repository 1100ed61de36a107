//! The keys of a world, offline: each state's root, the operator's keys, the agencies' keys with their roots' signatures.

use std::path::Path;

use super::World;
use crate::cli::{Exit, Fault};
use crate::client::ProfileDir;
use crate::client::keys::{
    AGENCY_ROLES, Certifier, KeyRequest, KeysError, OPERATOR_ROLES, certificate_path, certify_to_file,
    make_agency_keys, make_operator_keys, make_root,
};
use crate::domain::{AgencyId, KeyRole, SignedEnvelope};
use crate::time::{Clock as _, SystemClock};

/// An auditor signs nothing.
const AUDITOR_ROLES: [KeyRole; 1] = [KeyRole::Tls];

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
        if begin_anew(&operator, &OPERATOR_ROLES)? {
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
            if begin_anew(&profile, roles)? {
                make_agency_keys(&profile, agency, roles, &self.origin, now)?;
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
            .map(|role| Ok(KeyRequest::read(&certificate_path(&request_file(&profile, *role)))?.envelope))
            .collect()
    }
}

fn request_file(profile: &ProfileDir, role: KeyRole) -> std::path::PathBuf {
    profile.path().join("requests").join(format!("{role}.json"))
}

/// Whether keys are to be made. Each key's request is written after its secret, so keys that lack a request were never
/// shown to anybody: they are removed, unless something is there that says otherwise.
fn begin_anew(profile: &ProfileDir, roles: &[KeyRole]) -> Result<bool, Fault> {
    let requests: Vec<_> = roles.iter().map(|role| request_file(profile, *role)).collect();
    if requests.iter().all(|request| request.exists()) {
        return Ok(false);
    }
    let used = requests.iter().any(|request| certificate_path(request).exists());
    if used || profile.settings_file().exists() {
        let sentence = format!("{} has lost some of its keys' requests", profile.path().display());
        return Err(Fault::new(Exit::Usage, sentence).advising("Begin in another directory."));
    }
    remove(&profile.keys())?;
    remove(&profile.path().join("requests"))?;
    Ok(true)
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
