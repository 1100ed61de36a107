//! The one way from an envelope to a payload that may be parsed.
//!
//! A [`Verified`] exists only if every signature of the envelope was checked with a key that the caller vouches
//! for. Which principal and role that key has, and whether it was valid at an index, is the ledger's matter.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::domain::{Digest, KeyId, SignedEnvelope};
use crate::error::ErrorCode;
use crate::limits;
use crate::seal::{PayloadKind, PublicKey};

/// An envelope of which every signature has been checked. Only [`verify_envelope`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    kind: PayloadKind,
    digest: Digest,
    envelope: SignedEnvelope,
}

impl Verified {
    /// What the payload is.
    pub fn kind(&self) -> PayloadKind {
        self.kind
    }

    /// The exact bytes signed, which may now be parsed.
    pub fn payload(&self) -> &Bytes {
        &self.envelope.payload
    }

    /// The digest of what was signed.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The keys that signed, each once, in the envelope's order; never empty.
    pub fn keyids(&self) -> impl ExactSizeIterator<Item = KeyId> + '_ {
        self.envelope.signatures.iter().map(|signature| signature.keyid)
    }

    /// The key of the first signature: the only one, where the rules want one.
    pub fn keyid(&self) -> KeyId {
        // Never the default: an envelope without signatures is not verified.
        self.keyids().next().unwrap_or_default()
    }

    /// Whether this key is among the signers.
    pub fn is_signed_by(&self, keyid: &KeyId) -> bool {
        self.keyids().any(|signer| signer == *keyid)
    }

    /// Holds it to what one kind of payload and another's keys ask for, without checking a signature again: a key id is
    /// the hash of its key, so whoever vouches for a signer's id vouches for the very key that was verified with. Refuses
    /// exactly what [`verify_envelope_as`] with these keys would refuse of the same envelope.
    pub fn vouched_for(
        &self,
        expected: PayloadKind,
        mut find_key: impl FnMut(&KeyId) -> Option<PublicKey>,
    ) -> Result<(), VerifyError> {
        if self.kind != expected {
            let actual = self.kind;
            return Err(VerifyError::WrongPayloadType { expected, actual });
        }
        for keyid in self.keyids() {
            if find_key(&keyid).is_none_or(|key| key.keyid() != keyid) {
                return Err(VerifyError::UnknownKey(keyid));
            }
        }
        Ok(())
    }

    /// The envelope as it came.
    pub fn envelope(&self) -> &SignedEnvelope {
        &self.envelope
    }

    /// The envelope as it came, to be stored or forwarded.
    pub fn into_envelope(self) -> SignedEnvelope {
        self.envelope
    }
}

/// Why an envelope is not verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The payload type is not one of ours.
    #[error("the payload type is not one of wardline v1")]
    UnknownPayloadType,
    /// The payload type is ours, but not the one that belongs here.
    #[error("the payload type is {actual}, not {expected}")]
    WrongPayloadType {
        /// What belongs here.
        expected: PayloadKind,
        /// What came.
        actual: PayloadKind,
    },
    /// The payload is too long to be looked at.
    #[error("the signed payload has {0} bytes, more than {max}", max = limits::PAYLOAD_BYTES_MAX)]
    PayloadTooLong(usize),
    /// Nobody signed.
    #[error("the envelope has no signature")]
    NoSignature,
    /// More signatures than any rule asks for.
    #[error("the envelope has {0} signatures, more than {max}", max = limits::SIGNATURES_MAX)]
    TooManySignatures(usize),
    /// One key signed twice, which would let one party look like two.
    #[error("the key {0} signed twice")]
    RepeatedKey(KeyId),
    /// The caller knows no such key.
    #[error("the key {0} is not known")]
    UnknownKey(KeyId),
    /// The signature does not verify.
    #[error("the signature of key {0} does not verify")]
    BadSignature(KeyId),
}

impl VerifyError {
    /// What a peer is told.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownPayloadType | Self::WrongPayloadType { .. } => ErrorCode::WrongPayloadType,
            Self::PayloadTooLong(_) => ErrorCode::PayloadTooLarge,
            Self::NoSignature | Self::TooManySignatures(_) | Self::RepeatedKey(_) | Self::BadSignature(_) => {
                ErrorCode::BadSignature
            }
            Self::UnknownKey(_) => ErrorCode::UnknownSigner,
        }
    }
}

/// Checks every signature of `envelope`, which is to be of one kind: [`verify_envelope`] where only that kind belongs.
pub fn verify_envelope_as(
    envelope: SignedEnvelope,
    expected: PayloadKind,
    find_key: impl FnMut(&KeyId) -> Option<PublicKey>,
) -> Result<Verified, VerifyError> {
    let actual: PayloadKind = envelope
        .payload_type
        .parse()
        .map_err(|_| VerifyError::UnknownPayloadType)?;
    if actual != expected {
        return Err(VerifyError::WrongPayloadType { expected, actual });
    }
    verify_envelope(envelope, find_key)
}

/// Checks every signature of `envelope`; `find_key` gives the key of an id, or `None` for one that the caller does
/// not vouch for. Where several kinds may come; look at [`Verified::kind`] before parsing.
pub fn verify_envelope(
    envelope: SignedEnvelope,
    mut find_key: impl FnMut(&KeyId) -> Option<PublicKey>,
) -> Result<Verified, VerifyError> {
    let kind: PayloadKind = envelope
        .payload_type
        .parse()
        .map_err(|_| VerifyError::UnknownPayloadType)?;
    if envelope.payload.len() > limits::PAYLOAD_BYTES_MAX {
        return Err(VerifyError::PayloadTooLong(envelope.payload.len()));
    }
    if envelope.signatures.is_empty() {
        return Err(VerifyError::NoSignature);
    }
    if envelope.signatures.len() > limits::SIGNATURES_MAX {
        return Err(VerifyError::TooManySignatures(envelope.signatures.len()));
    }
    for (position, signature) in envelope.signatures.iter().enumerate() {
        if envelope
            .signatures
            .iter()
            .take(position)
            .any(|earlier| earlier.keyid == signature.keyid)
        {
            return Err(VerifyError::RepeatedKey(signature.keyid));
        }
    }
    let pae = envelope.pae();
    for signature in &envelope.signatures {
        // A finder that answers with another key than it was asked for is treated as not knowing it.
        let key = find_key(&signature.keyid)
            .filter(|key| key.keyid() == signature.keyid)
            .ok_or(VerifyError::UnknownKey(signature.keyid))?;
        key.verify(&pae, &signature.sig)
            .map_err(|_| VerifyError::BadSignature(signature.keyid))?;
    }
    Ok(Verified {
        kind,
        digest: Digest(Sha256::digest(&pae).into()),
        envelope,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::domain::EnvelopeSignature;
    use crate::seal::SecretKey;

    fn secret(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    /// An envelope of `payload`, signed by the keys of these seeds.
    fn envelope(payload: &'static [u8], seeds: &[u8]) -> SignedEnvelope {
        let mut envelope = crate::seal::unsigned(PayloadKind::Warning, payload);
        let pae = envelope.pae();
        for seed in seeds {
            let key = secret(*seed);
            let keyid = key.public_key().keyid();
            envelope.signatures.push(EnvelopeSignature {
                keyid,
                sig: key.sign(&pae),
            });
        }
        envelope
    }

    /// Vouches for the keys of seeds 1 and 2.
    fn find(keyid: &KeyId) -> Option<PublicKey> {
        [1, 2]
            .into_iter()
            .map(|seed| secret(seed).public_key())
            .find(|key| key.keyid() == *keyid)
    }

    /// A good envelope comes out as it went in, with its kind, digest and signers.
    #[test]
    fn a_good_envelope_is_verified() {
        for seeds in [&[1][..], &[1, 2], &[2, 1]] {
            let envelope = envelope(b"payload", seeds);
            let verified = verify_envelope(envelope.clone(), find).unwrap();
            assert_eq!(verified.kind(), PayloadKind::Warning);
            assert_eq!(verified.payload(), &envelope.payload);
            assert_eq!(verified.digest(), envelope.digest());
            assert_eq!(verified.keyid(), envelope.signatures[0].keyid);
            assert_eq!(verified.keyids().len(), seeds.len());
            assert!(verified.is_signed_by(&envelope.signatures[seeds.len() - 1].keyid));
            assert!(!verified.is_signed_by(&KeyId([0; 32])));
            assert_eq!(verified.into_envelope(), envelope);
        }
    }

    /// What is wrong with an envelope is told apart; a table of one change each.
    #[test]
    fn a_bad_envelope_is_refused() {
        let id = |seed: u8| secret(seed).public_key().keyid();
        type Change = fn(&mut SignedEnvelope);
        let table: [(&[u8], Change, VerifyError); 10] = [
            (
                &[1],
                |e| e.payload_type = "text/plain".into(),
                VerifyError::UnknownPayloadType,
            ),
            (
                &[1],
                |e| e.payload_type = PayloadKind::Desks.payload_type().into(),
                VerifyError::BadSignature(id(1)),
            ),
            (
                &[1],
                |e| e.payload = Bytes::from_static(b"Payload"),
                VerifyError::BadSignature(id(1)),
            ),
            (
                &[1],
                |e| e.signatures[0].sig[0] ^= 1,
                VerifyError::BadSignature(id(1)),
            ),
            (
                &[1, 2],
                |e| e.signatures[1].sig[63] ^= 1,
                VerifyError::BadSignature(id(2)),
            ),
            (&[], |_| (), VerifyError::NoSignature),
            (&[1, 1], |_| (), VerifyError::RepeatedKey(id(1))),
            (&[1, 2, 3], |_| (), VerifyError::TooManySignatures(3)),
            (&[1, 3], |_| (), VerifyError::UnknownKey(id(3))),
            (
                &[1],
                |e| e.payload = vec![0; limits::PAYLOAD_BYTES_MAX + 1].into(),
                VerifyError::PayloadTooLong(limits::PAYLOAD_BYTES_MAX + 1),
            ),
        ];
        for (row, (seeds, change, expected)) in table.into_iter().enumerate() {
            let mut envelope = envelope(b"payload", seeds);
            change(&mut envelope);
            assert_eq!(verify_envelope(envelope, find), Err(expected), "row {row}");
        }
    }

    /// A finder that answers with another key than it was asked for is not believed.
    #[test]
    fn a_finder_cannot_swap_keys() {
        let mut envelope = envelope(b"payload", &[1]);
        envelope.signatures[0].keyid = KeyId([9; 32]);
        let refused = verify_envelope(envelope, |_| Some(secret(1).public_key()));
        assert_eq!(refused, Err(VerifyError::UnknownKey(KeyId([9; 32]))));
    }

    /// What was verified ahead is held to the keys and the kind that count later, and refused as a fresh check would.
    #[test]
    fn a_verified_envelope_is_held_to_other_keys() {
        let (all, only_first) = (find, |keyid: &KeyId| {
            find(keyid).filter(|_| *keyid == secret(1).public_key().keyid())
        });
        for seeds in [&[1][..], &[2], &[1, 2], &[2, 1]] {
            let envelope = envelope(b"payload", seeds);
            let verified = verify_envelope(envelope.clone(), all).unwrap();
            for kind in [PayloadKind::Warning, PayloadKind::Desks] {
                let again = verify_envelope_as(envelope.clone(), kind, all).map(drop);
                assert_eq!(verified.vouched_for(kind, all), again);
                let fresh = verify_envelope_as(envelope.clone(), kind, only_first).map(drop);
                assert_eq!(verified.vouched_for(kind, only_first), fresh, "{seeds:?}");
            }
            let swapped = |_: &KeyId| Some(secret(9).public_key());
            assert!(verified.vouched_for(PayloadKind::Warning, swapped).is_err());
        }
    }

    /// Where one kind belongs, another is refused before any key is looked up.
    #[test]
    fn another_kind_is_refused_first() {
        let refused = verify_envelope_as(envelope(b"payload", &[1]), PayloadKind::Desks, |_| unreachable!());
        let (expected, actual) = (PayloadKind::Desks, PayloadKind::Warning);
        assert_eq!(refused, Err(VerifyError::WrongPayloadType { expected, actual }));
        assert!(verify_envelope_as(envelope(b"payload", &[1]), PayloadKind::Warning, find).is_ok());
    }
}
