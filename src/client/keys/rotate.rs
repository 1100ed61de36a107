//! Another key in a role's place, with an overlap: the new key is made and certified, published, taken into use, and only then is
//! the old one revoked. Each step is on the disk before the next begins, and each may be begun again where it was cut.
//!
//! ```text
//! PROFILE/rotation/ROLE/new/        the new key and its request, as `keys new` makes them, and the certificate when it is there
//! PROFILE/rotation/ROLE.ended/      what an end has moved away and not removed yet
//! PROFILE/rotation/ROLE/published   the new key is on the record: from here on the profile's own is replaced
//! PROFILE/rotation/ROLE/old/        the old key, whole once `old/complete` is there
//! PROFILE/rotation/ROLE/switched    the new key is in use
//! PROFILE/keys/opens/               the old key of role seal, for good: no rotation deletes what opens bodies
//! ```
//! Each mark (`published`, `switched`, `old/complete`) says the new key's id, and counts for that key alone.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::certify::{Certifier, certificate_path, certify_to_file};
use super::make::{KeyForm, make_agency_keys_under, make_operator_keys_under};
use super::{KeyRequest, KeysError};
use crate::client::ProfileDir;
use crate::domain::{KeyId, KeyRole, Origin, Principal};
use crate::files;
use crate::limits;
use crate::seal::{FileSigner, SealSecretKey, SealSuite, read_private_file_with};
use crate::time::Timestamp;
use crate::tls::TlsIdentity;

/// The change of one key of a profile.
#[derive(Debug, Clone)]
pub struct Rotation {
    profile: ProfileDir,
    role: KeyRole,
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationStage {
    /// The new key is made, and its certifier has not signed.
    Requested(KeyRequest),
    /// Its certifier has signed.
    Certified(KeyRequest),
    /// It is in use, and the old one is not revoked yet.
    Switched(KeyRequest),
}

impl Rotation {
    /// Of the key of this role.
    pub fn of(profile: &ProfileDir, role: KeyRole) -> Self {
        Self {
            profile: profile.clone(),
            role,
        }
    }

    fn directory(&self) -> PathBuf {
        self.profile.path().join("rotation").join(self.role.as_str())
    }

    fn ended(&self) -> PathBuf {
        let name = format!("{}.ended", self.role.as_str());
        self.profile.path().join("rotation").join(name)
    }

    /// Takes all of a rotation away: whole first, so that what is cut leaves no half of it to be read, then for good.
    fn clear(&self) -> Result<(), KeysError> {
        let (directory, ended) = (self.directory(), self.ended());
        remove_directory(&ended)?;
        if directory.exists() {
            std::fs::rename(&directory, &ended).map_err(files::at(&directory))?;
            files::sync_directory_of(&ended)?;
            remove_directory(&ended)?;
        }
        Ok(())
    }

    fn new_keys(&self) -> ProfileDir {
        ProfileDir::new(self.directory().join("new"))
    }

    fn old_keys(&self) -> ProfileDir {
        ProfileDir::new(self.directory().join("old"))
    }

    /// The secret of the new key, if there is a rotation: a body may be sealed to it before it is in use.
    pub(in crate::client) fn new_secret(&self) -> PathBuf {
        self.new_keys().secret_key(self.role)
    }

    /// The secrets that lie aside during a rotation.
    pub(super) fn secret_files(&self) -> Vec<PathBuf> {
        let files = [self.new_secret(), self.old_keys().secret_key(self.role)];
        files.into_iter().filter(|file| file.exists()).collect()
    }

    fn request_file(&self, of: &ProfileDir) -> PathBuf {
        of.path().join("requests").join(format!("{}.json", self.role))
    }

    /// The new key's id, as a mark says it; none without a new key.
    fn marking(&self) -> Result<Option<String>, KeysError> {
        let file = self.request_file(&self.new_keys());
        if !file.exists() {
            return Ok(None);
        }
        Ok(Some(KeyRequest::read(&file)?.keyid.to_string()))
    }

    fn mark(&self, name: &str) -> Result<(), KeysError> {
        let new = self.request_file(&self.new_keys());
        let keyid = self.marking()?.ok_or(KeysError::Missing(new))?;
        Ok(files::replace(&self.directory().join(name), keyid.as_bytes())?)
    }

    fn is_marked(&self, name: &str) -> Result<bool, KeysError> {
        let said = files::read(&self.directory().join(name), 64)?;
        let wanted = self.marking()?;
        Ok(said.is_some() && said == wanted.map(String::into_bytes))
    }

    /// How far it has come; none if it has not begun.
    pub fn stage(&self) -> Result<Option<RotationStage>, KeysError> {
        let file = self.request_file(&self.new_keys());
        if !file.exists() {
            return Ok(None);
        }
        let request = KeyRequest::read(&file)?;
        let certificate = certificate_path(&file);
        if !certificate.exists() {
            return Ok(Some(RotationStage::Requested(request)));
        }
        let certified = KeyRequest::read(&certificate)?;
        if certified.envelope.payload != request.envelope.payload {
            return Err(KeysError::wrong(
                &certificate,
                "it certifies something else than was asked for",
            ));
        }
        Ok(Some(if self.is_marked("switched")? {
            RotationStage::Switched(certified)
        } else {
            RotationStage::Certified(certified)
        }))
    }

    /// Makes the new key and its request, under the passphrase of the old one if that is under one; a seal key of `suite`, else of
    /// the old one's. An operator certifies its own at once; an agency's root is asked.
    pub async fn begin(
        &self,
        principal: &Principal,
        origin: &Origin,
        suite: Option<SealSuite>,
        now: Timestamp,
    ) -> Result<RotationStage, KeysError> {
        let new = self.new_keys();
        // Cut before there was a request: nobody has seen the key. Or left by an end that was cut.
        self.clear()?;
        let current = self.profile.secret_key(self.role);
        if !current.exists() {
            let why = format!(
                "it is not there, so that there is nothing to rotate: keys new --role {}",
                self.role
            );
            return Err(KeysError::wrong(&current, why));
        }
        let (_, passphrase) = read_private_file_with(&current)?;
        let (roles, passphrase) = ([self.role], passphrase.as_ref());
        let seal_suite = match suite {
            Some(suite) => suite,
            None if self.role == KeyRole::Seal => SealSecretKey::read_from(&current)?.suite(),
            None => SealSuite::PREFERRED,
        };
        let made = match principal {
            Principal::Agency(agency) => {
                let form = KeyForm {
                    passphrase,
                    seal_suite,
                };
                make_agency_keys_under(&new, agency, &roles, origin, now, form)?
            }
            Principal::Operator(name) => {
                let made = make_operator_keys_under(&new, name, None, &roles, origin, now, passphrase)?;
                let certifier = Certifier::operator(&self.profile)?;
                for request in &made {
                    certify_to_file(request.clone(), &certifier).await?;
                }
                made
            }
            Principal::Root(_) => Vec::new(),
        };
        if made.is_empty() {
            return Err(KeysError::wrong(
                self.profile.path(),
                "a root is succeeded, not rotated: keys succeed",
            ));
        }
        self.stage()?
            .ok_or_else(|| KeysError::Missing(self.request_file(&new)))
    }

    /// Ends what was cut, before anything else: an end, or a switch, which may have left the profile's own key half replaced.
    pub fn settle(&self) -> Result<(), KeysError> {
        remove_directory(&self.ended())?;
        if self.is_marked("published")? && !self.is_marked("switched")? {
            self.switch()?;
        }
        Ok(())
    }

    /// The new key is on the record: takes it into use, and keeps the old one aside.
    pub fn switch(&self) -> Result<(), KeysError> {
        self.mark("published")?;
        let (new, old) = (self.new_keys(), self.old_keys());
        if !self.is_marked("old/complete")? {
            files::create_directory(&old.keys())?;
            self.copy_keys(&self.profile, &old)?;
            self.mark("old/complete")?;
        }
        self.keep_earlier()?;
        self.copy_keys(&new, &self.profile)?;
        let (from, to) = (self.request_file(&new), self.request_file(&self.profile));
        files::create_directory(&self.profile.path().join("requests"))?;
        // Neither may stand beside a key that it is not of.
        for (from, to) in [(certificate_path(&from), certificate_path(&to)), (from, to)] {
            copy(&from, &to)?;
        }
        self.mark("switched")
    }

    fn copy_keys(&self, from: &ProfileDir, to: &ProfileDir) -> Result<(), KeysError> {
        copy(&from.secret_key(self.role), &to.secret_key(self.role))?;
        if self.role == KeyRole::Tls {
            copy(&from.tls_certificate(), &to.tls_certificate())?;
        }
        Ok(())
    }

    /// Keeps the old key, if it opens bodies, before another takes its place: under the time of its successor's certificate, so that
    /// by their names the newest is the last.
    fn keep_earlier(&self) -> Result<(), KeysError> {
        let Some(directory) = self.keeps_earlier() else {
            return Ok(());
        };
        let new = KeyRequest::read(&self.request_file(&self.new_keys()))?;
        let until = new.certificate.common.sent.unix_ms();
        let keyid: String = self.old_keyid()?.to_string().chars().take(16).collect();
        files::create_directory(&directory)?;
        copy(
            &self.old_keys().secret_key(self.role),
            &directory.join(format!("{until:015}-{keyid}.pem")),
        )
    }

    /// Where old keys of this role are kept, if they are.
    pub fn keeps_earlier(&self) -> Option<PathBuf> {
        (self.role == KeyRole::Seal).then(|| self.profile.earlier_seal_keys())
    }

    /// The old key's id, once the new one is in use.
    pub fn old_keyid(&self) -> Result<KeyId, KeysError> {
        let old = self.old_keys();
        if self.role == KeyRole::Seal {
            let new = KeyRequest::read(&self.request_file(&self.new_keys()))?;
            let key = SealSecretKey::read_from(&old.secret_key(self.role))?;
            return Ok(key.public_key().keyid(new.principal()));
        }
        if self.role == KeyRole::Tls {
            let identity = TlsIdentity::read(&old.tls_certificate(), &old.secret_key(self.role))?;
            return Ok(identity.keyid());
        }
        use crate::seal::Signer as _;
        Ok(self.old_signer()?.public_key().keyid())
    }

    /// The old key, to revoke itself with.
    pub fn old_signer(&self) -> Result<FileSigner, KeysError> {
        Ok(FileSigner::load(&self.old_keys().secret_key(self.role))?)
    }

    /// The old key is revoked on the record: nobody needs it any more, and what is kept aside goes.
    pub fn end(&self) -> Result<(), KeysError> {
        self.clear()
    }

    /// Where a rotation lies, for whoever is to take it away by hand.
    pub fn path(&self) -> PathBuf {
        self.directory()
    }
}

fn remove_directory(directory: &std::path::Path) -> Result<(), KeysError> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => Ok(removed.map_err(files::at(directory))?),
    }
}

/// The bytes as they are, under a passphrase or not.
fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<(), KeysError> {
    let bytes = files::read(from, 2 * limits::PAYLOAD_BYTES_MAX)?
        .ok_or_else(|| KeysError::Missing(from.to_owned()))?;
    Ok(files::replace(to, &Zeroizing::new(bytes))?)
}
