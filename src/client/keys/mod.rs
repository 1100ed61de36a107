//! Keys and their certificates, in files: a state's root, an agency's or operator's keys, each with the request that its
//! root certifies. Nothing here needs a relay.
//!
//! ```text
//! ROOT/root.pem                     the root's secret, PEM PKCS#8, 0600: offline, on a machine without a network
//! ROOT/root.cert.json               its certificate by itself: for the operator, with the fingerprint out of band
//! PROFILE/keys/ROLE.pem             an agency's or operator's secrets
//! PROFILE/keys/seal.pem             what opens sealed bodies; PROFILE/keys/opens/ holds those that others sealed to before
//! PROFILE/keys/tls.crt              the self-signed TLS certificate
//! PROFILE/requests/ROLE.json        a key request: the certificate, signed by the new key (seal and TLS: by nobody)
//! PROFILE/requests/ROLE.cert.json   the same bytes with the certifier's signature added
//! FILE                              a revocation, signed by the root; a root's succession, signed by both roots
//! ```
//! Each `.pem` may be under a passphrase instead ([`protect()`]); whoever reads it is asked for it.
//!
//! Requests and certificates are DSSE envelopes in JSON. An operator's requests are complete: a genesis takes them as
//! they are.

mod certify;
mod make;
mod protect;
mod revoke;
mod rotate;
mod show;
mod succeed;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::domain::{KeyCertificate, KeyId, KeyRole, Principal, SignedEnvelope};
use crate::error::Refused;
use crate::files::{self, FileError};
use crate::limits;
use crate::seal::{
    Fingerprint, KeyFileError, NotAnEnvelope, RandomError, SignerError, VerifyError, envelope_from_json,
};
use crate::tls::TlsIdentityError;
use crate::wire;

pub use certify::{Certifier, certificate_path, certify, certify_to_file};
#[cfg(test)]
pub(super) use make::write_request;
pub use make::{
    AGENCY_ROLES, AUDITOR_ROLES, KeyForm, OPERATOR_ROLES, make_agency_keys, make_agency_keys_under,
    make_operator_keys, make_operator_keys_under, make_root, make_root_under,
};
pub use protect::{protect, secret_files, unprotect};
pub use revoke::{RevocationFile, revoke_to_file};
pub use rotate::{Rotation, RotationStage};
pub use show::{ShownKey, show};
pub use succeed::succeed_to_file;

/// A key, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRequest {
    /// What is certified.
    pub certificate: KeyCertificate,
    /// The envelope, with the signatures that it has.
    pub envelope: SignedEnvelope,
    /// The key's id: SHA-256 of its public key; of a seal key, over its principal too.
    pub keyid: KeyId,
    /// Where it lies, if it came from or went to a file.
    pub file: PathBuf,
}

impl KeyRequest {
    /// The key's eight words.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.keyid)
    }

    /// Whose key.
    pub fn principal(&self) -> &Principal {
        &self.certificate.principal
    }

    /// What it may do.
    pub fn role(&self) -> KeyRole {
        self.certificate.role
    }

    /// Reads a request or certificate. Its form is checked, its signatures are not: [`certify()`] does that.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let bytes =
            files::read(path, REQUEST_BYTES_MAX)?.ok_or_else(|| KeysError::Missing(path.to_owned()))?;
        let text = String::from_utf8(bytes).map_err(|_| KeysError::wrong(path, "it is not UTF-8"))?;
        let envelope =
            envelope_from_json(&text).map_err(|error| KeysError::Envelope(path.to_owned(), error))?;
        Self::of(envelope, path)
    }

    fn of(envelope: SignedEnvelope, path: &Path) -> Result<Self, KeysError> {
        let certificate = wire::key_certificate(&envelope)
            .map_err(|refused| KeysError::Refused(path.to_owned(), refused))?;
        Ok(Self {
            keyid: crate::ledger::certified_keyid(&certificate),
            certificate,
            envelope,
            file: path.to_owned(),
        })
    }
}

/// Base64 of the largest payload, its signatures, and room.
const REQUEST_BYTES_MAX: usize = 2 * limits::PAYLOAD_BYTES_MAX;

/// Why keys were not made, certified or shown.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// There is no such file.
    #[error("{0} is not there")]
    Missing(PathBuf),
    /// A key or certificate is there already; none is overwritten.
    #[error("{0} is there already, and keys are never overwritten")]
    Exists(PathBuf),
    /// The file does not hold what it should.
    #[error("{0}: {1}")]
    Wrong(PathBuf, String),
    /// No envelope.
    #[error("{0}: {1}")]
    Envelope(PathBuf, #[source] NotAnEnvelope),
    /// No key certificate as the protocol has it.
    #[error("{0}: {1}")]
    Refused(PathBuf, #[source] Refused),
    /// Not to be certified by this certifier, or at all.
    #[error("{0}: not certified: {1}")]
    NotCertified(PathBuf, String),
    /// A signature of the request does not verify.
    #[error("{0}: {1}")]
    Verify(PathBuf, #[source] VerifyError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The TLS key.
    #[error(transparent)]
    Tls(#[from] TlsIdentityError),
    /// The signer.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The file system failed.
    #[error(transparent)]
    File(#[from] FileError),
}

impl KeysError {
    fn wrong(path: &Path, problem: impl Into<String>) -> Self {
        Self::Wrong(path.to_owned(), problem.into())
    }
}
