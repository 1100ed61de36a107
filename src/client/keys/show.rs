//! Which keys lie in a directory: a root's, or a profile's, with whose they are and whether they are certified.

use std::path::{Path, PathBuf};

use super::{KeyRequest, KeysError, certificate_path};
use crate::client::ProfileDir;
use crate::domain::{KeyId, KeyRole, Principal};
use crate::seal::{Fingerprint, PublicKey, SecretKey};
use crate::tls::TlsIdentity;

/// A key that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownKey {
    /// What it may do.
    pub role: KeyRole,
    /// SHA-256 of its public key.
    pub keyid: KeyId,
    /// Whose, if its request or certificate lies beside it.
    pub principal: Option<Principal>,
    /// The certificate with the certifier's signature, if it is there.
    pub certificate: Option<PathBuf>,
    /// The file of the key.
    pub file: PathBuf,
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
            KeyRole::Seal | KeyRole::TlsCa => continue,
        };
        if let Some(keyid) = keyid {
            shown.push(described(directory, role, keyid, file)?);
        }
    }
    Ok(shown)
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

fn described(directory: &Path, role: KeyRole, keyid: KeyId, file: PathBuf) -> Result<ShownKey, KeysError> {
    let request = match role {
        KeyRole::Root => directory.join("root.cert.json"),
        _ => directory.join("requests").join(format!("{role}.json")),
    };
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
    })
}
