//! A part as it lies on disk: AES-256-GCM under a key that is the part's own, derived from its bucket's key. Persisted.
//!
//! Stored is key id 8 ‖ seed 16 ‖ ciphertext ‖ tag 16; the id ([`key_id`]) is that of the bucket's key, so that what is under a key that
//! is gone is absent, and not damaged (in format 2 there is none). The part's key is HMAC-SHA256(the bucket's key, "wardline/v1/part" ‖ 0x00 ‖ seed ‖
//! index u64 ‖ kind u8); the nonce is index u64 ‖ kind u8 ‖ chunk u24 (0: a part is one chunk); the additional data is
//! "wardline/v1/part" ‖ 0x00 ‖ index u64 ‖ kind u8 ‖ bucket u32. The seed is random: an index is given again when a block was
//! written in part and lost in a power cut, so index and kind alone would use one key and nonce for two parts.

use bytes::Bytes;

use crate::domain::Bucket;
use crate::journal::PartKind;
use crate::retention::cipher::{self, Failed, Item, SEED_BYTES};
use crate::retention::{BucketKey, KEY_ID_BYTES, Keyring, KeyringError, key_id};
use crate::seal::{RandomError, random_bytes};

/// What a part is longer by when it is encrypted.
pub(in crate::relay) const OVERHEAD_BYTES: usize = KEY_ID_BYTES + cipher::OVERHEAD_BYTES;

const LABEL: &[u8] = b"wardline/v1/part\0";

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
    bucket_key: &BucketKey,
    seed: [u8; SEED_BYTES],
    place: Place,
    plain: Vec<u8>,
) -> Result<Bytes, NotSealed> {
    let sealed = cipher::seal(bucket_key, seed, item(place, &bytes_of(place)), plain);
    let sealed = sealed.map_err(|Failed| NotSealed::Cipher)?;
    Ok([&key_id(bucket_key)[..], &sealed].concat().into())
}

/// Encrypts a part under a key that is to be its bucket's.
pub(in crate::relay) fn seal_under(
    key: &BucketKey,
    place: Place,
    plain: Vec<u8>,
) -> Result<Bytes, NotSealed> {
    seal_with(key, random_bytes()?, place, plain)
}

/// What is stored in the place of a part that was lost before it was moved under this key: nothing.
pub(in crate::relay) fn nothing_under(key: &BucketKey) -> Bytes {
    Bytes::copy_from_slice(&key_id(key))
}

/// Whether a part is under this key, as far as it says.
pub(in crate::relay) fn is_under(key: &BucketKey, stored: &[u8]) -> bool {
    stored.starts_with(&key_id(key))
}

/// Decrypts a part.
pub(in crate::relay) fn open(keyring: &Keyring, place: Place, stored: &[u8]) -> Result<Bytes, NotOpened> {
    let (id, sealed) = stored
        .split_first_chunk::<KEY_ID_BYTES>()
        .ok_or(NotOpened::Damaged)?;
    let mut keys = keyring.keys(place.bucket).into_iter();
    let bucket_key = keys.find(|key| key_id(key) == *id).ok_or(NotOpened::NoKey)?;
    if sealed.is_empty() {
        return Err(NotOpened::NoKey);
    }
    let opened = cipher::open(&bucket_key, item(place, &bytes_of(place)), sealed);
    opened.map(Bytes::from).map_err(|Failed| NotOpened::Damaged)
}

/// Decrypts a part that does not say under which key it is. One that is under another key of its bucket is as good as damaged.
pub(in crate::relay) fn open_nameless(
    keyring: &Keyring,
    place: Place,
    stored: &[u8],
) -> Result<Bytes, NotOpened> {
    let mut why = NotOpened::NoKey;
    for bucket_key in keyring.keys(place.bucket) {
        match cipher::open(&bucket_key, item(place, &bytes_of(place)), stored) {
            Ok(opened) => return Ok(opened.into()),
            Err(Failed) => why = NotOpened::Damaged,
        }
    }
    Err(why)
}

/// index u64 ‖ kind u8.
fn bytes_of(place: Place) -> [u8; 9] {
    let mut bytes = [0; 9];
    let (index, kind) = bytes.split_at_mut(8);
    index.copy_from_slice(&place.index.to_be_bytes());
    if let Some(it) = kind.first_mut() {
        *it = place.kind.number();
    }
    bytes
}

fn item(place: Place, bytes: &[u8; 9]) -> Item<'_> {
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().zip(bytes) {
        *to = *from;
    }
    Item {
        label: LABEL,
        place: bytes,
        nonce,
        bucket: place.bucket,
    }
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
        let sealed = seal_with(
            &BucketKey::new([1; 32]),
            [2; 16],
            place(),
            b"what was said".to_vec(),
        )
        .unwrap();
        assert_eq!(hex::encode(&sealed), [KEY_ID, GOLDEN].concat());
        // As earlier versions stored it.
        let keyring = Keyring::in_memory();
        keyring.put(place().bucket, BucketKey::new([1; 32]));
        for (stored, nameless) in [([KEY_ID, GOLDEN].concat(), false), (GOLDEN.to_owned(), true)] {
            let stored = hex::decode(stored).unwrap();
            let opened = match nameless {
                true => open_nameless(&keyring, place(), &stored),
                false => open(&keyring, place(), &stored),
            };
            assert_eq!(opened.unwrap(), &b"what was said"[..]);
        }
    }

    const KEY_ID: &str = "c8b73ed5cda26da4";
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
        for (other, why) in [
            (Place { index: 6, ..place() }, NotOpened::Damaged),
            (
                Place {
                    kind: PartKind::Text,
                    ..place()
                },
                NotOpened::Damaged,
            ),
            (Place { bucket, ..place() }, NotOpened::NoKey),
        ] {
            assert_eq!(open(&keyring, other, &sealed), Err(why));
        }
        for at in 0..sealed.len() {
            let mut other = sealed.to_vec();
            other[at] ^= 0x80;
            // The id of a key that is not there.
            let why = match at < KEY_ID_BYTES {
                true => NotOpened::NoKey,
                false => NotOpened::Damaged,
            };
            assert_eq!(open(&keyring, place(), &other), Err(why));
            let why = match at {
                // As where it was lost before it was moved.
                KEY_ID_BYTES => NotOpened::NoKey,
                _ => NotOpened::Damaged,
            };
            assert_eq!(open(&keyring, place(), &sealed[..at]), Err(why));
        }
        keyring.destroy(place().bucket, 1).unwrap();
        assert_eq!(open(&keyring, place(), &sealed), Err(NotOpened::NoKey));
    }

    /// The same part sealed twice, as after a block that was lost, shares nothing with the first but the name of the key.
    #[test]
    fn nothing_is_encrypted_twice_alike() {
        let keyring = Keyring::in_memory();
        let one = seal(&keyring, place(), vec![0; 64]).unwrap();
        let two = seal(&keyring, place(), vec![0; 64]).unwrap();
        let [one, two] = [one, two].map(|sealed| sealed.slice(KEY_ID_BYTES..));
        assert!(
            one.windows(8)
                .all(|window| !two.windows(8).any(|other| other == window))
        );
    }
}
