//! A TLS key and its certificate, in files: the key private (0600), the certificate for anybody. The certificate is
//! self-signed and long-lived, because nobody trusts its issuer or its dates: the key is pinned or enrolled.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::{certificate_keyid, provider};
use crate::domain::KeyId;
use crate::seal::{KeyFileError, Passphrase, private_file_bytes, read_private_file, write_private_file};

/// Why a TLS key and certificate cannot be used. Holds the path, never the content.
#[derive(Debug, thiserror::Error)]
pub enum TlsIdentityError {
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// No private key in PEM.
    #[error("{0} holds no private key in PEM")]
    NoKey(PathBuf),
    /// The certificate file.
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] io::Error),
    /// No certificate in PEM.
    #[error("{0} holds no certificate in PEM")]
    NoCertificate(PathBuf),
    /// The library refuses them: the key is of a kind that it does not know, or not the certificate's.
    #[error("{0} and its key cannot be used: {1}")]
    Unusable(PathBuf, rustls::Error),
    /// A fresh key or certificate could not be made.
    #[error("cannot make a TLS key: {0}")]
    Make(#[from] rcgen::Error),
}

/// A TLS key and its certificate chain.
#[derive(Debug)]
pub struct TlsIdentity {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    keyid: KeyId,
}

impl TlsIdentity {
    /// Reads both files. The key must be private, and the certificate's.
    pub fn read(certificate_file: &Path, key_file: &Path) -> Result<Self, TlsIdentityError> {
        let secret = read_private_file(key_file)?;
        Self::of(certificate_file, key_file, &secret)
    }

    fn of(certificate_file: &Path, key_file: &Path, secret: &[u8]) -> Result<Self, TlsIdentityError> {
        let pem = fs::read(certificate_file)
            .map_err(|error| TlsIdentityError::Io(certificate_file.to_owned(), error))?;
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsIdentityError::NoCertificate(certificate_file.to_owned()))?;
        let leaf = certificates
            .first()
            .ok_or_else(|| TlsIdentityError::NoCertificate(certificate_file.to_owned()))?;
        let unusable = |error| TlsIdentityError::Unusable(certificate_file.to_owned(), error);
        let keyid = certificate_keyid(leaf).map_err(unusable)?;
        let key = PrivateKeyDer::from_pem_slice(secret)
            .map_err(|_| TlsIdentityError::NoKey(key_file.to_owned()))?;
        // Refuses a key that is not the certificate's.
        CertifiedKey::from_der(certificates.clone(), key.clone_key(), &provider()).map_err(unusable)?;
        Ok(Self {
            certificates,
            key,
            keyid,
        })
    }

    /// Makes a fresh P-256 key with a self-signed certificate for `name` in two new files, and reads them back. A key
    /// is never overwritten.
    pub fn create(certificate_file: &Path, key_file: &Path, name: &str) -> Result<Self, TlsIdentityError> {
        Self::create_protected(certificate_file, key_file, name, None)
    }

    /// The same with the key under a passphrase, if there is one.
    pub fn create_protected(
        certificate_file: &Path,
        key_file: &Path,
        name: &str,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, TlsIdentityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key)?;
        let pem = zeroize::Zeroizing::new(key.serialize_pem());
        write_private_file(key_file, &private_file_bytes(pem.as_bytes(), passphrase)?)?;
        // Written the same way: whole, durable, never over another.
        write_private_file(certificate_file, certificate.pem().as_bytes())?;
        Self::of(certificate_file, key_file, pem.as_bytes())
    }

    /// SHA-256 of the public key's DER SubjectPublicKeyInfo: what peers pin and the directory enrols.
    pub fn keyid(&self) -> KeyId {
        self.keyid
    }

    /// The leaf certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        self.certificates.first().map_or(&[], |leaf| leaf.as_ref())
    }
}
