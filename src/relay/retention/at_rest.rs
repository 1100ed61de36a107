//! A part as it lies on disk: AES-256-GCM under a key that is the part's own, derived from its bucket's key. Persisted.
//!
//! Stored is seed 16 ‖ ciphertext ‖ tag 16. The part's key is HMAC-SHA256(the bucket's key, "wardline/v1/part" ‖ 0x00 ‖ seed ‖
//! index u64 ‖ kind u8); the nonce is index u64 ‖ kind u8 ‖ chunk u24 (0: a part is one chunk); the additional data is
//! "wardline/v1/part" ‖ 0x00 ‖ index u64 ‖ kind u8 ‖ bucket u32. The seed is random: an index is given again when a block was
//! written in part and lost in a power cut, so index and kind alone would use one key and nonce for two parts.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use bytes::Bytes;

use crate::domain::Bucket;
use crate::journal::PartKind;
use crate::retention::{Keyring, KeyringError};
use crate::seal::{RandomError, random_bytes};

const LABEL: &[u8] = b"wardline/v1/part\0";
const SEED_BYTES: usize = 16;
/// What a part is longer by when it is encrypted.
pub(in crate::relay) const OVERHEAD_BYTES: usize = SEED_BYTES + 16;

/// Why a part was not encrypted.
#[derive(Debug, thiserror::Error)]
pub(in crate::relay) enum NotSealed {
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error("a part could not be encrypted")]
    Cipher,
}

/// Why a part is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::relay) enum NotOpened {
    /// Erased, or lost with the keys.
    #[error("the key of its bucket is destroyed")]
    NoKey,
    /// Altered, moved, or of no bucket.
    #[error("it does not decrypt: it was altered, or moved")]
    Damaged,
}

/// Where a part lies; it opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::relay) struct Place {
    pub(in crate::relay) index: u64,
    pub(in crate::relay) kind: PartKind,
    pub(in crate::relay) bucket: Bucket,
}

/// Encrypts a part; the bucket's key is durable when it returns. Blocks the thread.
pub(in crate::relay) fn seal(keyring: &Keyring, place: Place, plain: Vec<u8>) -> Result<Bytes, NotSealed> {
    let bucket_key = keyring.ensure(place.bucket)?;
    seal_with(&bucket_key, random_bytes()?, place, plain)
}

fn seal_with(
    bucket_key: &[u8; 32],
    seed: [u8; SEED_BYTES],
    place: Place,
    plain: Vec<u8>,
) -> Result<Bytes, NotSealed> {
    let key = part_key(bucket_key, &seed, place).ok_or(NotSealed::Cipher)?;
    let mut sealed = plain;
    let tag = key
        .seal_in_place_separate_tag(nonce(place), Aad::from(aad(place)), &mut sealed)
        .map_err(|_| NotSealed::Cipher)?;
    Ok([&seed[..], &sealed, tag.as_ref()].concat().into())
}

/// Decrypts a part.
pub(in crate::relay) fn open(keyring: &Keyring, place: Place, stored: &[u8]) -> Result<Bytes, NotOpened> {
    let bucket_key = keyring.key(place.bucket).ok_or(NotOpened::NoKey)?;
    let (seed, sealed) = stored
        .split_first_chunk::<SEED_BYTES>()
        .ok_or(NotOpened::Damaged)?;
    let key = part_key(&bucket_key, seed, place).ok_or(NotOpened::Damaged)?;
    let mut opened = sealed.to_vec();
    let length = key
        .open_in_place(nonce(place), Aad::from(aad(place)), &mut opened)
        .map_err(|_| NotOpened::Damaged)?
        .len();
    opened.truncate(length);
    Ok(opened.into())
}

fn part_key(bucket_key: &[u8; 32], seed: &[u8; SEED_BYTES], place: Place) -> Option<LessSafeKey> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, bucket_key);
    let mut context = hmac::Context::with_key(&key);
    for part in [LABEL, seed, &place.index.to_be_bytes(), &[place.kind.number()]] {
        context.update(part);
    }
    let derived = context.sign();
    UnboundKey::new(&AES_256_GCM, derived.as_ref())
        .ok()
        .map(LessSafeKey::new)
}

fn nonce(place: Place) -> Nonce {
    let mut bytes = [0; 12];
    let (index, rest) = bytes.split_at_mut(8);
    index.copy_from_slice(&place.index.to_be_bytes());
    if let Some(kind) = rest.first_mut() {
        *kind = place.kind.number();
    }
    Nonce::assume_unique_for_key(bytes)
}

fn aad(place: Place) -> Vec<u8> {
    let bucket = place.bucket.number().to_be_bytes();
    [LABEL, &place.index.to_be_bytes(), &[place.kind.number()], &bucket].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::domain::RetentionClass;

    fn place() -> Place {
        Place {
            index: 5,
            kind: PartKind::Body,
            bucket: Bucket::new(RetentionClass::Ordinary, 20_000).unwrap(),
        }
    }

    /// Golden bytes, made by another hand (Python's `hmac` and `cryptography`).
    #[test]
    fn parts_are_encrypted_as_they_always_were() {
        let sealed = seal_with(&[1; 32], [2; 16], place(), b"what was said".to_vec()).unwrap();
        assert_eq!(hex::encode(&sealed), GOLDEN);
    }

    const GOLDEN: &str =
        "0202020202020202020202020202020292de521e1194a7fa31da9fd3d5873c98f98a13af84de9f81ee88d0f245";

    /// A part opens where it was put and nowhere else; one bit more or less, or another bucket's key, and it does not.
    #[test]
    fn a_part_opens_in_its_place_only() {
        let keyring = Keyring::in_memory();
        let sealed = seal(&keyring, place(), b"what was said".to_vec()).unwrap();
        assert_eq!(sealed.len(), 13 + OVERHEAD_BYTES);
        assert_eq!(open(&keyring, place(), &sealed).unwrap(), &b"what was said"[..]);
        let bucket = Bucket::new(RetentionClass::Ordinary, 20_001).unwrap();
        keyring.ensure(bucket).unwrap();
        for other in [
            Place { index: 6, ..place() },
            Place {
                kind: PartKind::Text,
                ..place()
            },
            Place { bucket, ..place() },
        ] {
            assert_eq!(open(&keyring, other, &sealed), Err(NotOpened::Damaged));
        }
        for at in 0..sealed.len() {
            let mut other = sealed.to_vec();
            other[at] ^= 0x80;
            assert_eq!(open(&keyring, place(), &other), Err(NotOpened::Damaged));
            assert_eq!(open(&keyring, place(), &sealed[..at]), Err(NotOpened::Damaged));
        }
        keyring.destroy(place().bucket, 1).unwrap();
        assert_eq!(open(&keyring, place(), &sealed), Err(NotOpened::NoKey));
    }

    /// The same part sealed twice, as after a block that was lost, shares nothing with the first.
    #[test]
    fn nothing_is_encrypted_twice_alike() {
        let keyring = Keyring::in_memory();
        let one = seal(&keyring, place(), vec![0; 64]).unwrap();
        let two = seal(&keyring, place(), vec![0; 64]).unwrap();
        assert!(
            one.windows(8)
                .all(|window| !two.windows(8).any(|other| other == window))
        );
    }
}
