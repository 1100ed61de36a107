//! What lies encrypted under a bucket's key: AES-256-GCM under a key that is the item's own, derived from the bucket's.
//! Persisted; what an item is and where it lies, its [`Item`] says.
//!
//! Stored is seed 16 ‖ ciphertext ‖ tag 16. The item's key is HMAC-SHA256(the bucket's key, label ‖ seed ‖ place); the
//! additional data is label ‖ place ‖ bucket u32. The seed is random: two items may be of one place, one of them lost.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;

use super::keyring::BucketKey;
use crate::domain::Bucket;

/// Bytes of a seed.
pub(crate) const SEED_BYTES: usize = 16;
/// What an item is longer by when it is encrypted.
pub(crate) const OVERHEAD_BYTES: usize = SEED_BYTES + 16;

/// What is encrypted, and where it lies; it opens as nothing else and nowhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    /// What it is; ends in a zero byte.
    pub(crate) label: &'a [u8],
    /// Where it lies.
    pub(crate) place: &'a [u8],
    /// Part of the format; the key is used once.
    pub(crate) nonce: [u8; 12],
    /// Its bucket.
    pub(crate) bucket: Bucket,
}

/// The cipher failed, or what is stored does not open: it was altered or moved, or is under another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it does not decrypt: it was altered, or moved, or is under another key")]
pub(crate) struct Failed;

/// Encrypts an item under a seed that is used once.
pub(crate) fn seal(
    key: &BucketKey,
    seed: [u8; SEED_BYTES],
    item: Item<'_>,
    plain: Vec<u8>,
) -> Result<Vec<u8>, Failed> {
    let mut sealed = plain;
    let tag = item_key(key, &seed, item)?
        .seal_in_place_separate_tag(nonce(item), Aad::from(aad(item)), &mut sealed)
        .map_err(|_| Failed)?;
    Ok([&seed[..], &sealed, tag.as_ref()].concat())
}

/// Decrypts an item.
pub(crate) fn open(key: &BucketKey, item: Item<'_>, stored: &[u8]) -> Result<Vec<u8>, Failed> {
    let (seed, sealed) = stored.split_first_chunk::<SEED_BYTES>().ok_or(Failed)?;
    let mut opened = sealed.to_vec();
    let length = item_key(key, seed, item)?
        .open_in_place(nonce(item), Aad::from(aad(item)), &mut opened)
        .map_err(|_| Failed)?
        .len();
    opened.truncate(length);
    Ok(opened)
}

fn item_key(key: &BucketKey, seed: &[u8; SEED_BYTES], item: Item<'_>) -> Result<LessSafeKey, Failed> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key[..]));
    for part in [item.label, seed, item.place] {
        context.update(part);
    }
    let derived = context.sign();
    let key = UnboundKey::new(&AES_256_GCM, derived.as_ref()).map_err(|_| Failed)?;
    Ok(LessSafeKey::new(key))
}

fn nonce(item: Item<'_>) -> Nonce {
    Nonce::assume_unique_for_key(item.nonce)
}

fn aad(item: Item<'_>) -> Vec<u8> {
    [item.label, item.place, &item.bucket.number().to_be_bytes()].concat()
}
