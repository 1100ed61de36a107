//! RFC 9180, base mode, single shot, as two functions over bytes: `suite ‖ enc ‖ ct` in both directions.
//!
//! Randomness is drawn from the operating system before the library is asked for anything, so that its failure is an error
//! and no panic. A peer's encapsulated key is checked as strictly as a public key.

use std::convert::Infallible;

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem, X25519HkdfSha256, XWing};
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, HpkeError, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

use crate::seal::seal_key::check_x25519;
use crate::seal::{BadSealKey, RandomError, SealPublicKey, SealSecretKey, SealSuite, random_bytes};

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum SealError {
    /// No randomness, no sealing.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// More than fits into the largest size class.
    #[error("{actual} bytes cannot be sealed, at most {max}")]
    TooLong {
        /// What was to be sealed.
        actual: usize,
        /// What can be.
        max: usize,
    },
    /// The library refused; with a parsed key it has no reason to.
    #[error("the sealing library failed: {0}")]
    Library(&'static str),
}

/// Why a sealed part was not opened. An authenticated cipher cannot tell a wrong key from a wrong context or a changed byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It begins with no suite that this version knows.
    #[error("sealed with a suite that is not known")]
    Suite,
    /// It was sealed to a key of another suite than the one at hand.
    #[error("sealed to a key of suite {sealed}, and the key at hand is one of {key}")]
    OtherSuite {
        /// What it was sealed with.
        sealed: SealSuite,
        /// The key's.
        key: SealSuite,
    },
    /// No sealed part of its kind has this length: it is cut off, or was never one.
    #[error("{0} bytes are no length of such a sealed part")]
    Length(usize),
    /// The encapsulated key is of small order or not canonical.
    #[error("the encapsulated key is unsound: {0}")]
    Encapsulated(#[source] BadSealKey),
    /// Another key, another context (log, warning, agency), or a changed byte.
    #[error("cannot be opened: not sealed to this key, not for this place, or changed")]
    Unreadable,
    /// What was opened does not say a length that it could have.
    #[error("the length inside is longer than what it stands in")]
    InnerLength,
    /// A smaller size class would have held it.
    #[error("not padded to the smallest size class that holds it")]
    SizeClass,
    /// The padding is not zeros: it could carry what nobody sees.
    #[error("the padding is not zeros")]
    Padding,
    /// Another text than the one that was committed to: others may have been sent something else.
    #[error("not the text that its author committed to")]
    Commitment,
}

/// `suite ‖ enc ‖ ct`, sealed to this key.
pub(super) fn seal(
    to: &SealPublicKey,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, SealError> {
    let drawn = Zeroizing::new(random_bytes::<DRAWN_BYTES>()?);
    seal_with(to, info, aad, plaintext, &drawn)
}

/// [`seal`] with given randomness, of which X25519 takes the first 32 bytes.
pub(super) fn seal_with(
    to: &SealPublicKey,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    drawn: &[u8; DRAWN_BYTES],
) -> Result<Vec<u8>, SealError> {
    let mut drawn = Drawn {
        left: drawn,
        short: false,
    };
    let sealed = match to.suite() {
        SealSuite::X25519 => seal_as::<X25519HkdfSha256>(to, info, aad, plaintext, &mut drawn),
        SealSuite::XWing => seal_as::<XWing>(to, info, aad, plaintext, &mut drawn),
    };
    if drawn.short {
        return Err(SealError::Library(
            "it asked for more randomness than its suite needs",
        ));
    }
    sealed.map_err(|_| SealError::Library("it refused a sound key"))
}

fn seal_as<K: Kem>(
    to: &SealPublicKey,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    drawn: &mut Drawn<'_>,
) -> Result<Vec<u8>, HpkeError> {
    let key = K::PublicKey::from_bytes(to.key())?;
    let (enc, ct) = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, K>(
        &OpModeS::Base,
        &key,
        info,
        plaintext,
        aad,
        drawn,
    )?;
    let enc = enc.to_bytes();
    let mut sealed = Vec::with_capacity(1 + enc.len() + ct.len());
    sealed.push(to.suite().byte());
    sealed.extend_from_slice(&enc);
    sealed.extend_from_slice(&ct);
    Ok(sealed)
}

/// The plaintext of what [`seal`] made for this key, `info` and `aad`.
pub(super) fn open(
    secret: &SealSecretKey,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (suite, rest) = split_suite(sealed)?;
    if suite != secret.suite() {
        return Err(OpenError::OtherSuite {
            sealed: suite,
            key: secret.suite(),
        });
    }
    let length = OpenError::Length(sealed.len());
    let (enc, ct) = rest.split_at_checked(suite.enc_bytes()).ok_or(length)?;
    let (_, curve) = enc.split_last_chunk::<32>().ok_or(length)?;
    check_x25519(curve).map_err(OpenError::Encapsulated)?;
    let opened = match suite {
        SealSuite::X25519 => open_as::<X25519HkdfSha256>(secret, enc, info, aad, ct),
        SealSuite::XWing => open_as::<XWing>(secret, enc, info, aad, ct),
    };
    opened.map(Zeroizing::new).map_err(|_| OpenError::Unreadable)
}

fn open_as<K: Kem>(
    secret: &SealSecretKey,
    enc: &[u8],
    info: &[u8],
    aad: &[u8],
    ct: &[u8],
) -> Result<Vec<u8>, HpkeError> {
    let key = K::PrivateKey::from_bytes(secret.secret())?;
    let enc = K::EncappedKey::from_bytes(enc)?;
    hpke::single_shot_open::<AesGcm256, HkdfSha256, K>(&OpModeR::Base, &key, &enc, info, ct, aad)
}

/// The suite that a sealed part begins with, and the rest.
pub(super) fn split_suite(sealed: &[u8]) -> Result<(SealSuite, &[u8]), OpenError> {
    let (first, rest) = sealed.split_first().ok_or(OpenError::Length(0))?;
    let suite = SealSuite::from_byte(*first).ok_or(OpenError::Suite)?;
    Ok((suite, rest))
}

/// Whether the KEM takes this public key: ML-KEM refuses coefficients that are not reduced (FIPS 203 §7.2).
pub(super) fn check_public_key(suite: SealSuite, key: &[u8]) -> Result<(), BadSealKey> {
    let sound = match suite {
        SealSuite::X25519 => <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(key).is_ok(),
        SealSuite::XWing => <XWing as Kem>::PublicKey::from_bytes(key).is_ok(),
    };
    if sound {
        Ok(())
    } else {
        Err(BadSealKey::NotCanonical)
    }
}

/// Appends the public half of a secret.
pub(super) fn append_public_key(suite: SealSuite, secret: &[u8; 32], to: &mut Vec<u8>) {
    #[expect(clippy::expect_used, reason = "any 32 bytes are a secret key of both suites")]
    fn of<K: Kem>(secret: &[u8; 32], to: &mut Vec<u8>) {
        let secret = K::PrivateKey::from_bytes(secret).expect("32 bytes are a secret key");
        to.extend_from_slice(&K::sk_to_pk(&secret).to_bytes());
    }
    match suite {
        SealSuite::X25519 => of::<X25519HkdfSha256>(secret, to),
        SealSuite::XWing => of::<XWing>(secret, to),
    }
}

/// What X-Wing needs to encapsulate; X25519 needs half of it.
pub(super) const DRAWN_BYTES: usize = 64;

/// Hands out randomness that was drawn before: the library's own source would panic where the system's fails.
struct Drawn<'a> {
    left: &'a [u8],
    /// More was asked for than there was. Whatever came of it is thrown away.
    short: bool,
}

impl TryRng for Drawn<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0u8; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0u8; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        match self.left.split_at_checked(into.len()) {
            Some((now, later)) => {
                into.copy_from_slice(now);
                self.left = later;
            }
            None => self.short = true,
        }
        Ok(())
    }
}

impl TryCryptoRng for Drawn<'_> {}
