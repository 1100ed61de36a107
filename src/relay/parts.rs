//! How detached parts are written beside their records: the formats of [`Part::bytes`]. Persisted; a format number
//! never changes its meaning.

use bytes::{Bytes, BytesMut};

use super::retention::at_rest::{self, NotOpened, NotSealed, OVERHEAD_BYTES, Place};
use crate::domain::{Bucket, DetachedPart, InboxOpening};
use crate::journal::{Part, PartKind};
use crate::ledger::NewPart;
use crate::retention::{BucketKey, Keyring};

/// As it is. Bodies and texts of older logs: salt 32 ‖ content. Inbox openings: number u64 big-endian ‖ salt 32.
const PLAIN: u8 = 1;
/// Bodies, texts and wraps of earlier versions: what [`PLAIN`] has, or the wrap as it came, encrypted under the key of their bucket, as
/// `retention/at_rest.rs` says, but without that key's id.
const NAMELESS: u8 = 2;
/// The same with the key's id.
const ENCRYPTED: u8 = 3;
/// The bucket of what is in none.
const NO_BUCKET: u32 = 0;

/// A stored part that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPart {
    #[error("a part of record {index} is of format {format}, or cut short")]
    Format { index: u64, format: u8 },
    #[error("a part of record {index}: {what}")]
    Encrypted { index: u64, what: NotOpened },
}

/// Why a part was not made ready to be stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotStored {
    #[error("a part of record {0} is of no known warning")]
    NoBucket(u64),
    #[error(transparent)]
    NotSealed(#[from] NotSealed),
}

/// The part as it is stored beside record `index`. `bucket` is the one of the record's warning. Blocks the thread: a new
/// bucket's key is made durable first.
pub(super) fn stored(
    index: u64,
    part: &NewPart,
    bucket: Option<Bucket>,
    keyring: &Keyring,
) -> Result<Part, NotStored> {
    match part {
        NewPart::Body(part) => encrypted(index, PartKind::Body, salted(part), bucket, keyring),
        NewPart::Text(part) => encrypted(index, PartKind::Text, salted(part), bucket, keyring),
        NewPart::Inbox(opening) => {
            let mut bytes = BytesMut::with_capacity(8 + 32);
            bytes.extend_from_slice(&opening.number.to_be_bytes());
            bytes.extend_from_slice(&opening.salt);
            Ok(Part {
                index,
                kind: PartKind::InboxOpening,
                format: PLAIN,
                bucket: NO_BUCKET,
                bytes: bytes.freeze(),
            })
        }
        NewPart::Wrap(wrapped) => encrypted(index, PartKind::Wrap, wrapped.to_vec(), bucket, keyring),
    }
}

fn encrypted(
    index: u64,
    kind: PartKind,
    plain: Vec<u8>,
    bucket: Option<Bucket>,
    keyring: &Keyring,
) -> Result<Part, NotStored> {
    let bucket = bucket.ok_or(NotStored::NoBucket(index))?;
    let place = Place { index, kind, bucket };
    Ok(Part {
        index,
        kind,
        format: ENCRYPTED,
        bucket: bucket.number(),
        bytes: at_rest::seal(keyring, place, plain)?,
    })
}

/// How many bytes a part takes when it is stored.
pub(super) fn stored_bytes(part: &NewPart) -> usize {
    match part {
        NewPart::Body(part) | NewPart::Text(part) => part.content.len().saturating_add(32 + OVERHEAD_BYTES),
        NewPart::Inbox(_) => 8 + 32,
        NewPart::Wrap(wrapped) => wrapped.len().saturating_add(OVERHEAD_BYTES),
    }
}

fn salted(part: &DetachedPart) -> Vec<u8> {
    [&part.salt[..], &part.content].concat()
}

/// Reads a body or a text; none: the key that it is under was destroyed, or is lost.
pub(super) fn detached(part: &Part, keyring: &Keyring) -> Result<Option<DetachedPart>, BadPart> {
    let Some(plain) = plain(part, keyring)? else {
        return Ok(None);
    };
    let salt = *plain.first_chunk::<32>().ok_or_else(|| bad(part))?;
    Ok(Some(DetachedPart {
        salt,
        content: plain.slice(32..),
    }))
}

/// Reads a wrap; none: the key that it is under was destroyed, or is lost.
pub(super) fn wrap(part: &Part, keyring: &Keyring) -> Result<Option<Bytes>, BadPart> {
    plain(part, keyring)
}

fn plain(part: &Part, keyring: &Keyring) -> Result<Option<Bytes>, BadPart> {
    match part.format {
        PLAIN => Ok(Some(part.bytes.clone())),
        NAMELESS | ENCRYPTED => {
            let Some(bucket) = Bucket::from_number(part.bucket) else {
                return Err(bad(part));
            };
            let (index, kind) = (part.index, part.kind);
            let place = Place { index, kind, bucket };
            let opened = match part.format {
                NAMELESS => at_rest::open_nameless(keyring, place, &part.bytes),
                _ => at_rest::open(keyring, place, &part.bytes),
            };
            match opened {
                Ok(plain) => Ok(Some(plain)),
                Err(NotOpened::NoKey) => Ok(None),
                Err(what) => Err(BadPart::Encrypted { index, what }),
            }
        }
        _ => Err(bad(part)),
    }
}

/// Whether a part is under this key.
pub(super) fn is_under(part: &Part, key: &BucketKey) -> bool {
    part.format == ENCRYPTED && at_rest::is_under(key, &part.bytes)
}

/// The part under another key of its bucket; what cannot be read any more is nothing there, too.
pub(super) fn moved(
    part: &Part,
    bucket: Bucket,
    key: &BucketKey,
    keyring: &Keyring,
) -> Result<Part, NotStored> {
    let (index, kind) = (part.index, part.kind);
    let bytes = match plain(part, keyring) {
        Ok(Some(plain)) => at_rest::seal_under(key, Place { index, kind, bucket }, plain.to_vec())?,
        Ok(None) | Err(_) => at_rest::nothing_under(key),
    };
    Ok(Part {
        index,
        kind,
        format: ENCRYPTED,
        bucket: bucket.number(),
        bytes,
    })
}

/// Reads an inbox opening.
pub(super) fn inbox_opening(part: &Part) -> Result<InboxOpening, BadPart> {
    let bytes: Option<&[u8; 40]> = (*part.bytes).try_into().ok().filter(|_| part.format == PLAIN);
    let (number, salt) = bytes
        .and_then(|bytes| bytes.split_first_chunk::<8>())
        .ok_or_else(|| bad(part))?;
    Ok(InboxOpening {
        number: u64::from_be_bytes(*number),
        salt: salt.try_into().map_err(|_| bad(part))?,
    })
}

fn bad(part: &Part) -> BadPart {
    BadPart::Format {
        index: part.index,
        format: part.format,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::RetentionClass;
    use bytes::Bytes;

    fn body() -> DetachedPart {
        DetachedPart {
            salt: [7; 32],
            content: Bytes::from_static(b"body"),
        }
    }

    /// Golden bytes of what lies plain, and that it reads back, a body of an older log too; another format, or one byte less,
    /// does not.
    #[test]
    fn plain_parts_read_as_they_always_did() {
        let keyring = Keyring::in_memory();
        let opening = InboxOpening {
            number: 258,
            salt: [9; 32],
        };
        let stored_inbox = stored(6, &NewPart::Inbox(opening), None, &keyring).unwrap();
        assert_eq!(
            stored_inbox.bytes,
            [&[0, 0, 0, 0, 0, 0, 1, 2][..], &[9; 32]].concat()
        );
        assert_eq!((stored_inbox.format, stored_inbox.bucket), (1, 0));
        assert_eq!(inbox_opening(&stored_inbox).unwrap(), opening);
        let older = Part {
            index: 5,
            kind: PartKind::Body,
            format: 1,
            bucket: 0,
            bytes: [&[7; 32][..], b"body"].concat().into(),
        };
        assert_eq!(detached(&older, &keyring).unwrap().unwrap(), body());
        for format in [0, 2, 3, 4] {
            let other = Part {
                format,
                ..older.clone()
            };
            assert!(detached(&other, &keyring).is_err());
        }
        let short = Part {
            bytes: stored_inbox.bytes.slice(1..),
            ..stored_inbox
        };
        assert!(inbox_opening(&short).is_err());
    }

    /// Bodies and texts are stored encrypted, in their bucket, as long as was said, and are absent once its key is
    /// destroyed; of no known warning, they are not stored.
    #[test]
    fn bodies_and_texts_are_encrypted() {
        let keyring = Keyring::in_memory();
        let bucket = Bucket::new(RetentionClass::PersonalData, 20_000).unwrap();
        for (part, kind) in [
            (NewPart::Body(body()), PartKind::Body),
            (NewPart::Text(body()), PartKind::Text),
        ] {
            assert!(stored(5, &part, None, &keyring).is_err());
            let stored = stored(5, &part, Some(bucket), &keyring).unwrap();
            assert_eq!(
                (stored.kind, stored.format, stored.bucket),
                (kind, 3, bucket.number())
            );
            assert_eq!(stored.bytes.len(), stored_bytes(&part));
            assert!(!stored.bytes.windows(4).any(|window| window == b"body"));
            assert_eq!(detached(&stored, &keyring).unwrap().unwrap(), body());
            keyring.destroy(bucket, 30).unwrap();
            assert_eq!(detached(&stored, &keyring).unwrap(), None);
        }
    }

    /// What is under a key that is lost is absent, also once its bucket has another; what is damaged is told as that.
    #[test]
    fn what_is_under_another_key_is_absent() {
        let (keyring, other) = (Keyring::in_memory(), Keyring::in_memory());
        let bucket = Bucket::new(RetentionClass::Ordinary, 20_000).unwrap();
        let part = NewPart::Body(body());
        let mut one = stored(5, &part, Some(bucket), &keyring).unwrap();
        assert_eq!(detached(&one, &other).unwrap(), None);
        let two = stored(6, &part, Some(bucket), &other).unwrap();
        assert_eq!(detached(&one, &other).unwrap(), None);
        assert_eq!(detached(&two, &other).unwrap().unwrap(), body());
        let mut bytes = one.bytes.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        one.bytes = bytes.into();
        assert!(detached(&one, &keyring).is_err());
    }
}
