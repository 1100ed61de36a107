//! Certifying a key request: what it says is checked against its certifier, the new key must have signed it (it thereby
//! agrees to its principal, role and certifier), and then the certifier's signature joins over the same bytes.

use std::path::{Path, PathBuf};

use x509_parser::prelude::{FromDer as _, SubjectPublicKeyInfo};

use super::make::{nothing_there, write_request};
use super::{KeyRequest, KeysError};
use crate::client::ProfileDir;
use crate::domain::{KeyId, KeyRole, Origin, Principal};
use crate::seal::{
    FileSigner, Fingerprint, PayloadKind, PublicKey, SealPublicKey, Signer, add_signature, verify_envelope_as,
};

/// Who certifies, for which log, and the key that does it.
pub struct Certifier {
    principal: Principal,
    origin: Origin,
    signer: Box<dyn Signer>,
}

impl Certifier {
    /// The root in `directory`, as [`super::make_root`] left it.
    pub fn root(directory: &Path) -> Result<Self, KeysError> {
        let signer = FileSigner::load(&directory.join("root.pem"))?;
        Self::own(&directory.join("root.cert.json"), KeyRole::Root, signer)
    }

    /// The operator whose profile this is.
    pub fn operator(profile: &ProfileDir) -> Result<Self, KeysError> {
        let signer = FileSigner::load(&profile.secret_key(KeyRole::Operator))?;
        let request = profile.path().join("requests").join("operator.json");
        Self::own(&request, KeyRole::Operator, signer)
    }

    /// Any certifier, whose key may be in a token.
    pub fn new(principal: Principal, origin: Origin, signer: Box<dyn Signer>) -> Self {
        Self {
            principal,
            origin,
            signer,
        }
    }

    /// Who.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The eight words of its key.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.signer.public_key().keyid())
    }

    pub(super) const fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(super) fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }

    /// Who it is and for which log stands in its own certificate, which must be of this very key.
    fn own(file: &Path, role: KeyRole, signer: FileSigner) -> Result<Self, KeysError> {
        let own = KeyRequest::read(file)?;
        if own.role() != role || own.keyid != signer.public_key().keyid() {
            return Err(KeysError::wrong(
                file,
                "it is not the certificate of the key beside it",
            ));
        }
        Ok(Self::new(
            own.certificate.principal,
            own.certificate.common.origin,
            Box::new(signer),
        ))
    }

    const fn role(&self) -> KeyRole {
        match self.principal {
            Principal::Root(_) => KeyRole::Root,
            Principal::Operator(_) | Principal::Agency(_) => KeyRole::Operator,
        }
    }
}

/// Adds the certifier's signature to a request, if it may.
pub async fn certify(mut request: KeyRequest, certifier: &Certifier) -> Result<KeyRequest, KeysError> {
    let file = request.file.clone();
    may_certify(&request, certifier).map_err(|why| KeysError::NotCertified(file.clone(), why))?;
    let new_key = if request.role().signs() {
        Some(PublicKey::parse(&request.certificate.public_key))
    } else {
        None
    };
    let new_key = new_key
        .transpose()
        .map_err(|weak| KeysError::NotCertified(file.clone(), weak.to_string()))?;
    match new_key {
        Some(key) => {
            let find = |keyid: &KeyId| (key.keyid() == *keyid).then_some(key);
            verify_envelope_as(request.envelope.clone(), PayloadKind::KeyCertificate, find)
                .map_err(|error| KeysError::Verify(file.clone(), error))?;
        }
        None if request.envelope.signatures.is_empty() => {}
        None => {
            let why = "a TLS or seal key signs nothing, and this request is signed".to_owned();
            return Err(KeysError::NotCertified(file, why));
        }
    }
    add_signature(&mut request.envelope, certifier.signer.as_ref()).await?;
    Ok(request)
}

/// The same, and writes the certificate to [`certificate_path`] beside the request's file.
pub async fn certify_to_file(request: KeyRequest, certifier: &Certifier) -> Result<KeyRequest, KeysError> {
    let target = certificate_path(&request.file);
    nothing_there(&[&target])?;
    let certified = certify(request, certifier).await?;
    write_request(certified.envelope, &target)
}

/// `requests/officer.json` → `requests/officer.cert.json`.
pub fn certificate_path(request: &Path) -> PathBuf {
    request.with_extension("cert.json")
}

/// The rules of the ledger, as far as they need no directory; told before the root's key is used.
fn may_certify(request: &KeyRequest, certifier: &Certifier) -> Result<(), String> {
    let certificate = &request.certificate;
    let common = &certificate.common;
    if common.origin != certifier.origin {
        return Err(format!(
            "it is for the log {}, this certifier's is {}",
            common.origin, certifier.origin
        ));
    }
    let Some(signer) = common.named() else {
        return Err("it does not name its certifier".to_owned());
    };
    if signer.principal != certifier.principal || signer.role != certifier.role() {
        return Err(format!(
            "it asks {} to certify it, this is {}",
            signer.principal, certifier.principal
        ));
    }
    if signer.seen.is_some() || signer.desk.is_some() || !signer.office.is_empty() {
        return Err("a certifier has seen no log and has neither desk nor office".to_owned());
    }
    if certificate.extensions.iter().any(|extension| extension.critical) {
        return Err("it has a critical extension, which this version does not know".to_owned());
    }
    let roles: &[KeyRole] = match (&certificate.principal, &certifier.principal) {
        (Principal::Agency(agency), Principal::Root(state)) => {
            if agency.state() != *state {
                return Err(format!("{agency} is no agency of {state}"));
            }
            &[
                KeyRole::Originate,
                KeyRole::Receive,
                KeyRole::Officer,
                KeyRole::Seal,
                KeyRole::Tls,
            ]
        }
        (Principal::Operator(_), Principal::Operator(_)) => &[KeyRole::Operator, KeyRole::Tls],
        (principal, certifier) => return Err(format!("{certifier} certifies no key of {principal}")),
    };
    if !roles.contains(&certificate.role) {
        return Err(format!(
            "{} has no {} key",
            certificate.principal, certificate.role
        ));
    }
    match certificate.role {
        KeyRole::Tls
            if SubjectPublicKeyInfo::from_der(&certificate.public_key)
                .is_ok_and(|(rest, _)| rest.is_empty()) =>
        {
            Ok(())
        }
        KeyRole::Tls => Err("its public key is no DER SubjectPublicKeyInfo".to_owned()),
        KeyRole::Seal => SealPublicKey::parse(&certificate.public_key)
            .map(|_| ())
            .map_err(|bad| bad.to_string()),
        KeyRole::Root
        | KeyRole::Originate
        | KeyRole::Receive
        | KeyRole::Officer
        | KeyRole::TlsCa
        | KeyRole::Operator => Ok(()),
    }
}
