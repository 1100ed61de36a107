//! Ed25519 keys. A [`PublicKey`] is canonical, not weak and free of torsion, or does not exist; a [`SecretKey`] is
//! wiped when dropped and shows nothing of itself.

use std::fmt;

use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::domain::KeyId;
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
