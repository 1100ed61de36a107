//! DSSE's pre-authentication encoding (PAE), which is what signatures are over, and the digest of a signed thing.
//!
//! The exact bytes signed are stored, hashed and forwarded, never encoded anew. Protobuf is `wire`'s matter.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::domain::{Digest, SignedEnvelope};
use crate::seal::PayloadKind;

/// DSSE's PAE: `"DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload`, the lengths in ASCII decimal.
///
/// ```
/// assert_eq!(wardline::seal::pae("text/plain", b"hi"), b"DSSEv1 10 text/plain 2 hi");
/// ```
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PAE_HEAD_BYTES + payload_type.len() + payload.len());
    pae_parts(payload_type, payload, |part| bytes.extend_from_slice(part));
    bytes
}

/// An envelope that nobody has signed yet.
pub fn unsigned(kind: PayloadKind, payload: impl Into<Bytes>) -> SignedEnvelope {
    SignedEnvelope {
        payload: payload.into(),
        payload_type: smol_str::SmolStr::new_static(kind.payload_type()),
        signatures: smallvec::SmallVec::new(),
    }
}

/// Room for all of the head but the type.
const PAE_HEAD_BYTES: usize = "DSSEv1    ".len() + 2 * DECIMAL_BYTES;
/// A length in decimal.
const DECIMAL_BYTES: usize = 20;

/// The digest of a signed thing: SHA-256 of its PAE, whoever signed it.
pub fn digest(payload_type: &str, payload: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    pae_parts(payload_type, payload, |part| hasher.update(part));
    Digest(hasher.finalize().into())
}

/// The PAE, part by part and without an allocation: one is made for each signature that an audit verifies.
fn pae_parts(payload_type: &str, payload: &[u8], mut part: impl FnMut(&[u8])) {
    let mut room = [0; DECIMAL_BYTES];
    part(b"DSSEv1 ");
    part(decimal(payload_type.len(), &mut room));
    part(b" ");
    part(payload_type.as_bytes());
    part(b" ");
    part(decimal(payload.len(), &mut room));
    part(b" ");
    part(payload);
}

/// A number in decimal.
fn decimal(number: usize, room: &mut [u8; DECIMAL_BYTES]) -> &[u8] {
    let mut rest = number;
    let mut begin = room.len();
    for (at, place) in room.iter_mut().enumerate().rev() {
        *place = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or_default());
        begin = at;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    room.get(begin..).unwrap_or_default()
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
