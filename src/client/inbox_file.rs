//! A file of the inbox: a delivery, with what it says encrypted. Persisted; the format's number never changes its meaning.
//!
//! `wardline inbox v2` and a line feed ‖ bucket u32 ‖ length u32 ‖ that many bytes: the protobuf `Delivery` without `body` and
//! `wrapped` ‖ those two, as a `Delivery` with nothing else, encrypted under the bucket's key; nothing, once they are
//! erased, or if the delivery came without them. Numbers are big-endian. Earlier versions kept the plain `Delivery`, which begins with another byte.

use bytes::Bytes;
use prost::Message as _;

use crate::domain::{AgencyId, Bucket, RetentionClass, SignedEnvelope};
use crate::retention::cipher::Item;
use crate::time::Timestamp;
use crate::wire::{self, Recorded, v1};

const MAGIC: &[u8] = b"wardline inbox v2\n";
const LABEL: &[u8] = b"wardline/v1/inbox\0";
/// What a file of the inbox is longer by than the delivery.
pub(super) const OVERHEAD_BYTES: usize = MAGIC.len() + 8 + crate::retention::cipher::OVERHEAD_BYTES;

/// What is in a file of the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InboxFile {
    /// Of an earlier version: the delivery as it came.
    Plain(Bytes),
    /// With what it says encrypted.
    Kept {
        bucket: Bucket,
        /// What stays.
        clear: Bytes,
        /// Empty: erased, or nothing came.
        sealed: Bytes,
    },
}

/// The file is of no known form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file is damaged, or of a later version")]
pub(super) struct Damaged;

impl InboxFile {
    pub(super) fn parse(bytes: Bytes) -> Result<Self, Damaged> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return match bytes.starts_with(b"wardline inbox v") {
                true => Err(Damaged),
                false => Ok(Self::Plain(bytes)),
            };
        };
        let (bucket, rest) = rest.split_first_chunk::<4>().ok_or(Damaged)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(Damaged)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Damaged)?;
        let (clear, sealed) = rest.split_at_checked(length).ok_or(Damaged)?;
        Ok(Self::Kept {
            bucket: Bucket::from_number(u32::from_be_bytes(*bucket)).ok_or(Damaged)?,
            clear: bytes.slice_ref(clear),
            sealed: bytes.slice_ref(sealed),
        })
    }

    /// What stays of the delivery, for reading its header.
    pub(super) fn clear(&self) -> &Bytes {
        match self {
            Self::Plain(clear) | Self::Kept { clear, .. } => clear,
        }
    }
}

/// The bytes of a file.
pub(super) fn encode(bucket: Bucket, clear: &[u8], sealed: &[u8]) -> Vec<u8> {
    // A delivery is bounded far below 4 GiB.
    let length = u32::try_from(clear.len()).unwrap_or(u32::MAX);
    let numbers = [bucket.number().to_be_bytes(), length.to_be_bytes()].concat();
    [MAGIC, &numbers, clear, sealed].concat()
}

/// What is encrypted of a delivery. It opens in any file of its bucket, as a file that was moved does: that it is what the header
/// says, the header's digest shows.
pub(super) fn item(bucket: Bucket) -> Item<'static> {
    Item {
        label: LABEL,
        place: &[],
        nonce: [0; 12],
        bucket,
    }
}

/// A delivery in its two parts: what stays, and what it says. What is no delivery is all of the second kind.
pub(super) fn split(delivery: &[u8]) -> (Bytes, Vec<u8>) {
    let Ok(mut clear) = v1::Delivery::decode(delivery) else {
        return (Bytes::new(), delivery.to_vec());
    };
    let said = v1::Delivery {
        body: clear.body.take(),
        wrapped: std::mem::take(&mut clear.wrapped),
        ..v1::Delivery::default()
    };
    (clear.encode_to_vec().into(), said.encode_to_vec())
}

/// The delivery as it came.
pub(super) fn join(clear: &Bytes, said: Vec<u8>) -> Bytes {
    let (Ok(whole), Ok(said_of)) = (v1::Delivery::decode(clear.clone()), v1::Delivery::decode(&*said)) else {
        return said.into();
    };
    if clear.is_empty() {
        return said.into();
    }
    let whole = v1::Delivery {
        body: said_of.body,
        wrapped: said_of.wrapped,
        ..whole
    };
    whole.encode_to_vec().into()
}

/// When the delivery was routed, by its record; none: it has no record that can be read.
pub(super) fn routed_at(clear: &Bytes) -> Option<Timestamp> {
    let delivery = v1::Delivery::decode(clear.clone()).ok()?;
    Some(wire::record(&delivery.routed?.record).ok()?.time)
}

/// Who sent it, if they are named, and when it belongs into which bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) originator: Option<AgencyId>,
    pub(super) bucket: Bucket,
}

/// The bucket of a delivery, by the relay's own rule: of the day of its expiry, or of its record, or of its coming (if that is known),
/// whichever is the latest. What has no readable header is ordinary, and of today.
pub(super) fn kept(clear: &Bytes, came: Option<Timestamp>, now: Timestamp) -> Kept {
    let header = v1::Delivery::decode(clear.clone()).ok().and_then(|delivery| {
        let recorded = wire::record(&delivery.routed?.record).ok()?.time;
        let envelope: SignedEnvelope = wire::required_as(delivery.envelope, "envelope").ok()?;
        let header = wire::warning(&Recorded(&envelope)).ok()?;
        Some((recorded, header.expires?, header))
    });
    let Some((recorded, expires, header)) = header else {
        return Kept {
            originator: None,
            bucket: Bucket::of(RetentionClass::Ordinary, now, now),
        };
    };
    let class = RetentionClass::of(header.status, &header.handling);
    let signer = header.common.named();
    Kept {
        originator: signer.and_then(|it| it.principal.agency().cloned()),
        bucket: Bucket::of(class, expires, came.map_or(recorded, |came| came.max(recorded))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use crate::retention::{BucketKey, cipher};

    fn bucket() -> Bucket {
        Bucket::new(RetentionClass::Ordinary, 20_000).unwrap()
    }

    /// Golden bytes, made by another hand (Python's `hmac` and `cryptography`), and that they read back; one byte less of what is
    /// not encrypted, another version or no bucket, and they do not.
    #[test]
    fn files_are_written_as_they_always_were() {
        let said = b"what was said".to_vec();
        let key = BucketKey::new([1; 32]);
        let sealed = cipher::seal(&key, [2; 16], item(bucket()), said.clone()).unwrap();
        let bytes = encode(bucket(), b"what stays", &sealed);
        assert_eq!(hex::encode(&bytes), GOLDEN);
        let parsed = InboxFile::parse(bytes.clone().into()).unwrap();
        let InboxFile::Kept {
            bucket: of,
            clear,
            sealed,
        } = parsed
        else {
            panic!("{parsed:?}")
        };
        assert_eq!((of, &*clear), (bucket(), &b"what stays"[..]));
        let opened = cipher::open(&key, item(of), &sealed);
        assert_eq!(opened.unwrap(), said);
        let other = Bucket::new(RetentionClass::Ordinary, 20_001).unwrap();
        cipher::open(&key, item(other), &sealed).unwrap_err();
        for length in MAGIC.len() - 1..MAGIC.len() + 8 + 10 {
            InboxFile::parse(Bytes::copy_from_slice(&bytes[..length])).unwrap_err();
        }
        for (at, to) in [(16, b'3'), (18, 0), (18, 9)] {
            let mut other = bytes.clone();
            other[at] = to;
            InboxFile::parse(other.into()).unwrap_err();
        }
    }

    const GOLDEN: &str = "776172646c696e6520696e626f782076320a01004e200000000a7768617420737461797302020202020202020202020202020202c4e29e208879603d1667cd6db551b7b4e42bbacba1b716e21124dd7ca9";

    /// What is no delivery is encrypted whole; a delivery in two parts is whole again when it is read, and what stays has
    /// neither body nor wrap.
    #[test]
    fn a_delivery_comes_in_two_parts() {
        let delivery = v1::Delivery {
            envelope: Some(v1::Envelope::default()),
            body: Some(v1::Part {
                content: Bytes::from_static(b"what was said"),
                ..v1::Part::default()
            }),
            wrapped: Bytes::from_static(b"the key of it"),
            ..v1::Delivery::default()
        };
        let whole = delivery.encode_to_vec();
        for came in [&whole[..], b"as it came", b""] {
            let (clear, said) = split(came);
            assert!(
                !clear
                    .windows(4)
                    .any(|window| window == b"said" || window == b"key ")
            );
            assert_eq!(join(&clear, said), came);
        }
        let (clear, _) = split(&whole);
        let left = v1::Delivery::decode(clear).unwrap();
        assert!(left.body.is_none() && left.wrapped.is_empty() && left.envelope.is_some());
    }
}
