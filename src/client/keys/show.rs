//! Which keys lie in a directory: a root's, or a profile's, with whose they are and whether they are certified.

use std::path::{Path, PathBuf};

use super::{KeyRequest, KeysError, certificate_path};
use crate::client::{ProfileDir, SealKeys, Settings};
use crate::domain::{KeyId, KeyRole, Principal};
use crate::seal::{Fingerprint, PublicKey, SealSecretKey, SecretKey};
use crate::tls::TlsIdentity;

/// A key that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownKey {
    /// What it may do.
    pub role: KeyRole,
    /// SHA-256 of its public key; of a seal key, over its principal too.
    pub keyid: KeyId,
    /// Whose, if its request or certificate lies beside it.
    pub principal: Option<Principal>,
    /// The certificate with the certifier's signature, if it is there.
    pub certificate: Option<PathBuf>,
    /// The file of the key.
    pub file: PathBuf,
    /// Nobody seals to it any more: it is kept for what was sealed to it.
    pub earlier: bool,
}

impl ShownKey {
    /// Its eight words.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.keyid)
    }
}

/// The keys in `directory`: a root's, and a profile's, in the order of their roles.
pub fn show(directory: &Path) -> Result<Vec<ShownKey>, KeysError> {
    let profile = ProfileDir::new(directory);
    let mut shown = Vec::new();
    for role in KeyRole::ALL {
        let (file, keyid) = match role {
            KeyRole::Root => {
                let file = directory.join("root.pem");
                (file.clone(), secret_keyid(&file)?)
            }
            KeyRole::Tls => (profile.tls_certificate(), tls_keyid(&profile)?),
            KeyRole::Originate | KeyRole::Receive | KeyRole::Officer | KeyRole::Operator => {
                let (secret, public) = (profile.secret_key(role), profile.public_key(role));
                match secret_keyid(&secret)? {
                    Some(keyid) => (secret, Some(keyid)),
                    None => (public.clone(), public_keyid(&public)?),
                }
            }
            KeyRole::Seal => {
                shown.extend(seal_keys(&profile)?);
                continue;
            }
            KeyRole::TlsCa => continue,
        };
        if let Some(keyid) = keyid {
            shown.push(described(directory, role, keyid, file)?);
        }
    }
    Ok(shown)
}

/// What opens, the current one first. Whose they are is in their ids, and stands beside them.
fn seal_keys(profile: &ProfileDir) -> Result<Vec<ShownKey>, KeysError> {
    let (role, current) = (KeyRole::Seal, profile.secret_key(KeyRole::Seal));
    let earlier = SealKeys::earlier_files(profile)?;
    if !current.exists() && earlier.is_empty() {
        return Ok(Vec::new());
    }
    let principal = seal_principal(profile)?;
    let keyid = |file: &Path| -> Result<KeyId, KeysError> {
        Ok(SealSecretKey::read_from(file)?.public_key().keyid(&principal))
    };
    let mut shown = Vec::new();
    if current.exists() {
        let keyid = keyid(&current)?;
        shown.push(described(profile.path(), role, keyid, current)?);
    }
    for file in earlier {
        shown.push(ShownKey {
            role,
            keyid: keyid(&file)?,
            principal: Some(principal.clone()),
            certificate: None,
            file,
            earlier: true,
        });
    }
    Ok(shown)
}

fn seal_principal(profile: &ProfileDir) -> Result<Principal, KeysError> {
    let request = request_file(profile.path(), KeyRole::Seal);
    for file in [certificate_path(&request), request.clone()] {
        if file.exists() {
            return Ok(KeyRequest::read(&file)?.certificate.principal);
        }
    }
    Settings::read(profile)
        .map(|settings| settings.principal)
        .map_err(|_| KeysError::wrong(&request, "it is not there, and says whose the seal key is"))
}

fn secret_keyid(file: &Path) -> Result<Option<KeyId>, KeysError> {
    if !file.exists() {
        return Ok(None);
    }
    Ok(Some(SecretKey::read_from(file)?.public_key().keyid()))
}

/// A key in a token: its public half in hex.
fn public_keyid(file: &Path) -> Result<Option<KeyId>, KeysError> {
    let Some(bytes) = crate::files::read(file, 256)? else {
        return Ok(None);
    };
    let key = hex::decode(bytes.trim_ascii())
        .ok()
        .and_then(|bytes| PublicKey::parse(&bytes).ok());
    let key = key.ok_or_else(|| KeysError::wrong(file, "it is no public key: 64 hex digits"))?;
    Ok(Some(key.keyid()))
}

fn tls_keyid(profile: &ProfileDir) -> Result<Option<KeyId>, KeysError> {
    let (certificate, key) = (profile.tls_certificate(), profile.secret_key(KeyRole::Tls));
    if !certificate.exists() && !key.exists() {
        return Ok(None);
    }
    Ok(Some(TlsIdentity::read(&certificate, &key)?.keyid()))
}

fn request_file(directory: &Path, role: KeyRole) -> PathBuf {
    match role {
        KeyRole::Root => directory.join("root.cert.json"),
        _ => directory.join("requests").join(format!("{role}.json")),
    }
}

fn described(directory: &Path, role: KeyRole, keyid: KeyId, file: PathBuf) -> Result<ShownKey, KeysError> {
    let request = request_file(directory, role);
    let certificate = match role {
        KeyRole::Root => request.clone(),
        _ => certificate_path(&request),
    };
    let mut principal = None;
    let mut found = None;
    for path in [request, certificate.clone()] {
        if !path.exists() {
            continue;
        }
        let read = KeyRequest::read(&path)?;
        if read.keyid != keyid || read.role() != role {
            return Err(KeysError::wrong(
                &path,
                format!("it is not of the key in {}", file.display()),
            ));
        }
        principal = Some(read.certificate.principal);
        found = (path == certificate).then_some(path);
    }
    Ok(ShownKey {
        role,
        keyid,
        principal,
        certificate: found,
        file,
        earlier: false,
    })
}
