//! The DSSE envelope as plain data. Nothing here says that a signature is good: that is `seal`'s.

use bytes::Bytes;
use smallvec::SmallVec;
use smol_str::SmolStr;

use super::KeyId;

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
    /// The exact bytes signed. Not to be parsed before they are verified.
    pub payload: Bytes,
    /// The DSSE payload type; one of ours is never allocated.
    pub payload_type: SmolStr,
    /// The signatures, in the order in which they came.
    pub signatures: SmallVec<[EnvelopeSignature; 1]>,
}
