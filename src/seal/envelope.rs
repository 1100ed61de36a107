//! The DSSE envelope as plain data, its pre-authentication encoding (PAE), and the digest of a signed thing.
//!
//! The exact bytes signed are stored, hashed and forwarded, never encoded anew. Its fields are what a peer sent:
//! nothing here says that a signature is good (see [`crate::seal::Verified`]). Protobuf is `wire`'s matter.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::domain::{Digest, KeyId};

/// DSSE's PAE: `"DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload`, the lengths in ASCII decimal.
///
/// ```
/// assert_eq!(wardline::seal::pae("text/plain", b"hi"), b"DSSEv1 10 text/plain 2 hi");
/// ```
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = pae_head(payload_type, payload.len());
    let mut bytes = Vec::with_capacity(head.len() + payload.len());
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The digest of a signed thing: SHA-256 of its PAE, whoever signed it.
pub fn digest(payload_type: &str, payload: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(pae_head(payload_type, payload.len()).as_bytes());
    hasher.update(payload);
    Digest(hasher.finalize().into())
}

/// All of the PAE that stands before the payload.
fn pae_head(payload_type: &str, payload_len: usize) -> String {
    format!("DSSEv1 {} {payload_type} {payload_len} ", payload_type.len())
}

/// One signature of an envelope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EnvelopeSignature {
    /// The signing key, named by SHA-256 of its raw public key.
    pub keyid: KeyId,
    /// Ed25519 over the PAE.
    pub sig: [u8; 64],
}

/// A DSSE envelope as it came: nothing in it has been checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedEnvelope {
    /// The exact bytes signed. Not to be parsed before [`crate::seal::verify_envelope`].
    pub payload: Bytes,
    /// The DSSE payload type.
    pub payload_type: String,
    /// The signatures, in the order in which they came.
    pub signatures: Vec<EnvelopeSignature>,
}

impl SignedEnvelope {
    /// The digest of what is signed; the signatures do not enter it.
    pub fn digest(&self) -> Digest {
        digest(&self.payload_type, &self.payload)
    }

    /// The bytes that the signatures are over.
    pub fn pae(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }
}
