//! DSSE's pre-authentication encoding (PAE), which is what signatures are over, and the digest of a signed thing.
//!
//! The exact bytes signed are stored, hashed and forwarded, never encoded anew. Protobuf is `wire`'s matter.

use sha2::{Digest as _, Sha256};

use crate::domain::{Digest, SignedEnvelope};

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
