//! The keys that bodies and answers are sealed to: KEM keys of RFC 9180, each written with the byte of its suite before it.
//!
//! A [`SealPublicKey`] is sound for its suite or does not exist; a [`SealSecretKey`] is wiped when dropped and shows nothing
//! of itself. A seal key signs nothing, and its id belongs to its principal: whoever sees a public key cannot take its name.

use std::fmt;
use std::str::FromStr;

use curve25519_dalek::montgomery::MontgomeryPoint;
use zeroize::Zeroizing;

use crate::domain::{KeyId, Principal};
use crate::error::ErrorCode;
use crate::seal::{RandomError, hpke, random_bytes, seal_keyid};

/// How a key is agreed on with a recipient. The byte of a suite is a format: it is signed and stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SealSuite {
    /// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
    X25519,
    /// X-Wing (X25519 and ML-KEM-768), HKDF-SHA256, AES-256-GCM: what is sealed today stays shut to a quantum computer.
    XWing,
}

impl SealSuite {
    /// Every suite.
    pub const ALL: [Self; 2] = [Self::X25519, Self::XWing];
    /// What new agencies get.
    pub const PREFERRED: Self = Self::XWing;

    /// The byte that stands before keys, wraps and sealed texts.
    pub const fn byte(self) -> u8 {
        match self {
            Self::X25519 => 1,
            Self::XWing => 2,
        }
    }

    /// The suite of a byte, if there is one.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.byte() == byte)
    }

    /// Bytes of the KEM's public key.
    pub const fn public_key_bytes(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::XWing => 1216,
        }
    }

    /// Bytes of the KEM's encapsulated key.
    pub const fn enc_bytes(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::XWing => 1120,
        }
    }

    /// What sealing adds to a plaintext: the suite's byte, the encapsulated key, the tag.
    pub const fn overhead(self) -> usize {
        1 + self.enc_bytes() + 16
    }
}

impl SealSuite {
    /// What people type for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::X25519 => "x25519",
            Self::XWing => "x-wing",
        }
    }
}

/// Not a suite's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a suite is x-wing or x25519")]
pub struct BadSealSuite;

impl FromStr for SealSuite {
    type Err = BadSealSuite;

    fn from_str(word: &str) -> Result<Self, BadSealSuite> {
        let mut all = Self::ALL.into_iter();
        all.find(|suite| suite.word() == word).ok_or(BadSealSuite)
    }
}

impl fmt::Display for SealSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::X25519 => "X25519",
            Self::XWing => "X-Wing",
        })
    }
}

/// Why bytes are refused as a key to seal to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSealKey {
    /// Nothing, or a suite that this version does not know.
    #[error("a key to seal to begins with the byte of its suite, 1 or 2")]
    Suite,
    /// Not the suite's length.
    #[error("the {suite} key has {actual} bytes, not {expected}", expected = .suite.public_key_bytes())]
    Length {
        /// Its suite.
        suite: SealSuite,
        /// What stands after the suite's byte.
        actual: usize,
    },
    /// The X25519 part is of small order: everybody knows what is agreed on with it.
    #[error("the X25519 key is of small order")]
    SmallOrder,
    /// The X25519 or ML-KEM part is not written in its one canonical form.
    #[error("the key is not canonically encoded")]
    NotCanonical,
}

impl BadSealKey {
    /// What a peer is told.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::WeakKey
    }
}

/// A public key to seal to, sound for its suite.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SealPublicKey {
    suite: SealSuite,
    bytes: Box<[u8]>,
}

impl SealPublicKey {
    /// Reads `suite ‖ key`, as it stands in a certificate.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadSealKey> {
        let (first, key) = bytes.split_first().ok_or(BadSealKey::Suite)?;
        let suite = SealSuite::from_byte(*first).ok_or(BadSealKey::Suite)?;
        let (expected, actual) = (suite.public_key_bytes(), key.len());
        let curve = match key.split_last_chunk::<32>() {
            Some((_, curve)) if actual == expected => curve,
            Some(_) | None => return Err(BadSealKey::Length { suite, actual }),
        };
        check_x25519(curve)?;
        hpke::check_public_key(suite, key)?;
        Ok(Self {
            suite,
            bytes: bytes.into(),
        })
    }

    /// Reads the key of a suite that stands elsewhere, as in a header's `reply_key`.
    pub fn of(suite: SealSuite, key: &[u8]) -> Result<Self, BadSealKey> {
        let mut bytes = Vec::with_capacity(1 + key.len());
        bytes.push(suite.byte());
        bytes.extend_from_slice(key);
        Self::parse(&bytes)
    }

    /// Its suite.
    pub fn suite(&self) -> SealSuite {
        self.suite
    }

    /// `suite ‖ key`, as it stands in a certificate.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The KEM's key alone.
    pub fn key(&self) -> &[u8] {
        self.bytes.get(1..).unwrap_or_default()
    }

    /// The id of this key where it is this principal's: another's certificate over the same bytes has another id.
    pub fn keyid(&self, principal: &Principal) -> KeyId {
        KeyId(seal_keyid(&principal.to_string(), &self.bytes))
    }
}

impl fmt::Debug for SealPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.key().get(..8).unwrap_or_default();
        write!(f, "SealPublicKey({}, {}…)", self.suite, hex::encode(start))
    }
}

/// The field's elements of RFC 7748 have many spellings above p and in the highest bit; ours have one. And no point of small
/// order, whose result is zero whatever the other side's secret is.
pub(super) fn check_x25519(point: &[u8; 32]) -> Result<(), BadSealKey> {
    let [first, middle @ .., last] = point;
    let above_p = *first >= 0xed && middle.iter().all(|byte| *byte == 0xff) && *last == 0x7f;
    if *last > 0x7f || above_p {
        return Err(BadSealKey::NotCanonical);
    }
    // A clamped scalar is a multiple of the cofactor, so that exactly the points of small order come to zero.
    if MontgomeryPoint(*point).mul_clamped([0; 32]).to_bytes() == [0; 32] {
        return Err(BadSealKey::SmallOrder);
    }
    Ok(())
}

/// A secret key that opens what was sealed to its public half: wiped when dropped, shown nowhere. It is 32 bytes whatever
/// the suite; who keeps it is the caller.
pub struct SealSecretKey {
    suite: SealSuite,
    secret: Zeroizing<[u8; 32]>,
    public: SealPublicKey,
}

/// Bytes of a secret key with its suite before it.
pub const SEAL_SECRET_BYTES: usize = 33;

impl SealSecretKey {
    /// A fresh key, from the operating system's randomness.
    pub fn generate(suite: SealSuite) -> Result<Self, RandomError> {
        let secret = Zeroizing::new(random_bytes::<32>()?);
        Ok(Self::from_secret(suite, secret))
    }

    /// The key of these 32 bytes: an X25519 scalar before it is clamped, or X-Wing's seed. Any bytes are a key.
    pub fn from_secret(suite: SealSuite, secret: Zeroizing<[u8; 32]>) -> Self {
        let mut bytes = Vec::with_capacity(1 + suite.public_key_bytes());
        bytes.push(suite.byte());
        hpke::append_public_key(suite, &secret, &mut bytes);
        Self {
            suite,
            secret,
            public: SealPublicKey {
                suite,
                bytes: bytes.into(),
            },
        }
    }

    /// From `suite ‖ secret`; none if it is not these 33 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, secret) = bytes.split_first()?;
        let secret: &[u8; 32] = secret.try_into().ok()?;
        Some(Self::from_secret(
            SealSuite::from_byte(*first)?,
            Zeroizing::new(*secret),
        ))
    }

    /// `suite ‖ secret`, for a private file and for the originator's own wrap alone.
    pub fn to_bytes(&self) -> Zeroizing<[u8; SEAL_SECRET_BYTES]> {
        let mut bytes = Zeroizing::new([0u8; SEAL_SECRET_BYTES]);
        let (first, rest) = bytes.split_at_mut(1);
        first.fill(self.suite.byte());
        rest.copy_from_slice(self.secret.as_slice());
        bytes
    }

    /// Its suite.
    pub fn suite(&self) -> SealSuite {
        self.suite
    }

    /// The public half.
    pub fn public_key(&self) -> &SealPublicKey {
        &self.public
    }

    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

impl fmt::Debug for SealSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealSecretKey(..)")
    }
}
