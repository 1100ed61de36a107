//! Ed25519 keys. A [`PublicKey`] is canonical, not weak and free of torsion, or does not exist; a [`SecretKey`] is
//! wiped when dropped and shows nothing of itself.

use std::fmt;

use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::domain::KeyId;
use crate::error::ErrorCode;
use crate::seal::{RandomError, random_bytes};

/// Why 32 bytes (or not 32) are refused as a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakKey {
    /// Not 32 bytes.
    #[error("an Ed25519 public key has 32 bytes, not {0}")]
    Length(usize),
    /// No point of the curve.
    #[error("the public key is no point of the curve")]
    NotOnCurve,
    /// A point, but not written in its one canonical form: two texts would name one key.
    #[error("the public key is not canonically encoded")]
    NotCanonical,
    /// One of the eight points of small order: anybody can sign for it.
    #[error("the public key is of small order")]
    SmallOrder,
    /// A point with a component of small order: verifiers may disagree on its signatures.
    #[error("the public key has a torsion component")]
    Torsion,
}

impl WeakKey {
    /// What a peer is told.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::WeakKey
    }
}

/// The signature does not verify under this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// An Ed25519 public key that is safe to enrol, with its id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey {
    key: VerifyingKey,
    keyid: KeyId,
}

impl PublicKey {
    /// Reads the raw 32 bytes (RFC 8032 §5.1.2), refusing every key that two verifiers could disagree on.
    pub fn parse(bytes: &[u8]) -> Result<Self, WeakKey> {
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| WeakKey::Length(bytes.len()))?;
        let point = CompressedEdwardsY(bytes)
            .decompress()
            .ok_or(WeakKey::NotOnCurve)?;
        if point.compress().to_bytes() != bytes {
            return Err(WeakKey::NotCanonical);
        }
        if point.is_small_order() {
            return Err(WeakKey::SmallOrder);
        }
        if !point.is_torsion_free() {
            return Err(WeakKey::Torsion);
        }
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| WeakKey::NotOnCurve)?;
        Ok(Self::of(key))
    }

    /// The raw 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// SHA-256 of the raw bytes: the name of this key everywhere.
    pub fn keyid(&self) -> KeyId {
        self.keyid
    }

    /// Checks a signature over `message`, by `verify_strict`: malleable encodings are refused.
    pub fn verify(&self, message: &[u8], sig: &[u8; 64]) -> Result<(), BadSignature> {
        self.key
            .verify_strict(message, &Signature::from_bytes(sig))
            .map_err(|_| BadSignature)
    }

    fn of(key: VerifyingKey) -> Self {
        Self {
            key,
            keyid: KeyId(Sha256::digest(key.as_bytes()).into()),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.as_bytes()))
    }
}

/// An Ed25519 secret key: wiped when dropped, shown nowhere, written only to a private file.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A fresh key, from the operating system's randomness.
    pub fn generate() -> Result<Self, RandomError> {
        let seed = Zeroizing::new(random_bytes::<32>()?);
        Ok(Self::from_seed(&seed))
    }

    /// The key of an RFC 8032 seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::of(self.0.verifying_key())
    }

    /// Signs `message`; Ed25519 is deterministic, so the same message gives the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// The seed, for the key file alone.
    pub(super) fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation
    )]
    use super::*;
    use curve25519_dalek::constants::{ED25519_BASEPOINT_TABLE, EIGHT_TORSION};
    use curve25519_dalek::scalar::Scalar;
    use sha2::Sha512;

    /// Every encoding, canonical and not, of the eight points of small order ("Taming the many EdDSAs", table 1).
    const SMALL_ORDER: [(&str, WeakKey); 14] = [
        (
            "0100000000000000000000000000000000000000000000000000000000000000",
            WeakKey::SmallOrder,
        ),
        (
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            WeakKey::SmallOrder,
        ),
        (
            "0000000000000000000000000000000000000000000000000000000000000000",
            WeakKey::SmallOrder,
        ),
        (
            "0000000000000000000000000000000000000000000000000000000000000080",
            WeakKey::SmallOrder,
        ),
        (
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            WeakKey::SmallOrder,
        ),
        (
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            WeakKey::SmallOrder,
        ),
        (
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            WeakKey::SmallOrder,
        ),
        (
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            WeakKey::SmallOrder,
        ),
        (
            "0100000000000000000000000000000000000000000000000000000000000080",
            WeakKey::NotCanonical,
        ),
        (
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            WeakKey::NotCanonical,
        ),
        (
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            WeakKey::NotCanonical,
        ),
        (
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            WeakKey::NotCanonical,
        ),
        (
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            WeakKey::NotCanonical,
        ),
        (
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            WeakKey::NotCanonical,
        ),
    ];

    /// Each point of small order is refused, in each of its encodings, for the right reason.
    #[test]
    fn points_of_small_order_are_refused() {
        for (text, reason) in SMALL_ORDER {
            assert_eq!(
                PublicKey::parse(&hex::decode(text).unwrap()),
                Err(reason),
                "{text}"
            );
        }
    }

    /// A sound key with a point of small order added is refused: all seven such points.
    #[test]
    fn keys_with_torsion_are_refused() {
        let sound = SecretKey::from_seed(&[7; 32]).0.verifying_key().to_edwards();
        for torsion in &EIGHT_TORSION[1..] {
            let mixed = (sound + torsion).compress();
            assert_eq!(PublicKey::parse(mixed.as_bytes()), Err(WeakKey::Torsion));
        }
        assert!(PublicKey::parse(sound.compress().as_bytes()).is_ok());
    }

    /// No y at or above the field's prime is a key, with either sign, on the curve or not.
    #[test]
    fn non_canonical_encodings_are_refused() {
        for k in 0..19u8 {
            for sign in [0x7f, 0xff] {
                let mut bytes = [0xff; 32];
                bytes[0] = 0xed + k;
                bytes[31] = sign;
                let reason = PublicKey::parse(&bytes).unwrap_err();
                assert!(
                    matches!(reason, WeakKey::NotCanonical | WeakKey::NotOnCurve),
                    "{k} {reason}"
                );
            }
        }
    }

    /// What is no point, or not 32 bytes long, is no key.
    #[test]
    fn no_points_are_refused() {
        let mut off_curve = [0u8; 32];
        off_curve[0] = 2;
        assert_eq!(PublicKey::parse(&off_curve), Err(WeakKey::NotOnCurve));
        for length in [0, 31, 33] {
            assert_eq!(PublicKey::parse(&vec![1; length]), Err(WeakKey::Length(length)));
        }
    }

    /// S + L in place of S satisfies the equation too; it is refused, or one signature would have two texts.
    #[test]
    fn a_signature_with_s_plus_l_is_refused() {
        let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
        let secret = SecretKey::from_seed(&[1; 32]);
        let mut sig = secret.sign(b"message");
        let mut carry = 0u16;
        for (byte, add) in sig[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(add);
            *byte = carry as u8;
            carry >>= 8;
        }
        assert_eq!(secret.public_key().verify(b"message", &sig), Err(BadSignature));
    }

    /// A signature whose R is of small order satisfies the plain equation (shown by the lax verification of the
    /// library) and is refused: lax and strict verifiers would disagree on it.
    #[test]
    fn a_signature_with_r_of_small_order_is_refused() {
        let secret = SecretKey::from_seed(&[2; 32]);
        let public = secret.public_key();
        let r = EIGHT_TORSION[0].compress().to_bytes();
        let hash = Sha512::new()
            .chain_update(r)
            .chain_update(public.as_bytes())
            .chain_update(b"message");
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let s = k * secret.0.to_scalar();
        assert_eq!(
            (&s * ED25519_BASEPOINT_TABLE).compress(),
            (public.key.to_edwards() * k).compress(),
            "the forged equation holds"
        );
        let mut sig = [0; 64];
        sig[..32].copy_from_slice(&r);
        sig[32..].copy_from_slice(s.as_bytes());
        assert!(
            ed25519_dalek::Verifier::verify(&public.key, b"message", &Signature::from_bytes(&sig)).is_ok()
        );
        assert_eq!(public.verify(b"message", &sig), Err(BadSignature));
    }

    /// One flipped bit anywhere in the signature, or another message or key, and it does not verify.
    #[test]
    fn a_changed_signature_is_refused() {
        let secret = SecretKey::from_seed(&[3; 32]);
        let sig = secret.sign(b"message");
        let public = secret.public_key();
        assert_eq!(public.verify(b"message", &sig), Ok(()));
        for bit in 0..512 {
            let mut changed = sig;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                public.verify(b"message", &changed),
                Err(BadSignature),
                "bit {bit}"
            );
        }
        assert_eq!(public.verify(b"massage", &sig), Err(BadSignature));
        assert_eq!(
            SecretKey::from_seed(&[4; 32])
                .public_key()
                .verify(b"message", &sig),
            Err(BadSignature)
        );
    }

    /// `Debug` of a secret key shows nothing of it; fresh keys differ.
    #[test]
    fn a_secret_key_shows_nothing() {
        let secret = SecretKey::from_seed(&[0x5a; 32]);
        assert_eq!(format!("{secret:?}"), "SecretKey(..)");
        let (one, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        assert_ne!(one.public_key(), other.public_key());
    }
}
