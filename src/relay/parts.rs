//! How detached parts are written beside their records: the formats of [`Part::bytes`]. Persisted; a format number
//! never changes its meaning.

use bytes::{Bytes, BytesMut};

use crate::domain::{DetachedPart, InboxOpening};
use crate::journal::{Part, PartKind};
use crate::ledger::NewPart;

/// Bodies and texts: salt 32 ‖ content. Inbox openings: number u64 big-endian ‖ salt 32. Wraps: as they came.
const FORMAT: u8 = 1;
/// Retention is not decided yet; erasing is by record.
const BUCKET: u32 = 0;

/// A stored part that this version does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a part of record {index} is of format {format}, or cut short")]
pub(super) struct BadPart {
    index: u64,
    format: u8,
}

/// The part as it is stored beside record `index`.
pub(super) fn stored(index: u64, part: &NewPart) -> Part {
    let (kind, bytes) = match part {
        NewPart::Body(part) => (PartKind::Body, salted(part)),
        NewPart::Text(part) => (PartKind::Text, salted(part)),
        NewPart::Inbox(opening) => {
            let mut bytes = BytesMut::with_capacity(8 + 32);
            bytes.extend_from_slice(&opening.number.to_be_bytes());
            bytes.extend_from_slice(&opening.salt);
            (PartKind::InboxOpening, bytes.freeze())
        }
        NewPart::Wrap(wrapped) => (PartKind::Wrap, wrapped.clone()),
    };
    Part {
        index,
        kind,
        format: FORMAT,
        bucket: BUCKET,
        bytes,
    }
}

/// How many bytes a part takes when it is stored.
pub(super) fn stored_bytes(part: &NewPart) -> usize {
    match part {
        NewPart::Body(part) | NewPart::Text(part) => part.content.len().saturating_add(32),
        NewPart::Inbox(_) => 8 + 32,
        NewPart::Wrap(wrapped) => wrapped.len(),
    }
}

fn salted(part: &DetachedPart) -> Bytes {
    let mut bytes = BytesMut::with_capacity(32 + part.content.len());
    bytes.extend_from_slice(&part.salt);
    bytes.extend_from_slice(&part.content);
    bytes.freeze()
}

/// Reads a body or a text.
pub(super) fn detached(part: &Part) -> Result<DetachedPart, BadPart> {
    let salt = part.bytes.first_chunk::<32>().filter(|_| part.format == FORMAT);
    let salt = *salt.ok_or_else(|| bad(part))?;
    Ok(DetachedPart {
        salt,
        content: part.bytes.slice(32..),
    })
}

/// Reads a wrap.
pub(super) fn wrap(part: &Part) -> Result<Bytes, BadPart> {
    match part.format == FORMAT && !part.bytes.is_empty() {
        true => Ok(part.bytes.clone()),
        false => Err(bad(part)),
    }
}

/// Reads an inbox opening.
pub(super) fn inbox_opening(part: &Part) -> Result<InboxOpening, BadPart> {
    let bytes: Option<&[u8; 40]> = (*part.bytes).try_into().ok().filter(|_| part.format == FORMAT);
    let (number, salt) = bytes
        .and_then(|bytes| bytes.split_first_chunk::<8>())
        .ok_or_else(|| bad(part))?;
    Ok(InboxOpening {
        number: u64::from_be_bytes(*number),
        salt: salt.try_into().map_err(|_| bad(part))?,
    })
}

fn bad(part: &Part) -> BadPart {
    BadPart {
        index: part.index,
        format: part.format,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Golden bytes of each part, and that they read back; another format, or one byte less, does not.
    #[test]
    fn parts_are_stored_as_they_always_were() {
        let body = DetachedPart {
            salt: [7; 32],
            content: Bytes::from_static(b"body"),
        };
        let opening = InboxOpening {
            number: 258,
            salt: [9; 32],
        };
        let stored_body = stored(5, &NewPart::Body(body.clone()));
        let stored_text = stored(5, &NewPart::Text(body.clone()));
        let stored_inbox = stored(6, &NewPart::Inbox(opening));
        assert_eq!(stored_body.bytes, [&[7; 32][..], b"body"].concat());
        assert_eq!(
            stored_inbox.bytes,
            [&[0, 0, 0, 0, 0, 0, 1, 2][..], &[9; 32]].concat()
        );
        for (part, kind) in [
            (&stored_body, PartKind::Body),
            (&stored_text, PartKind::Text),
            (&stored_inbox, PartKind::InboxOpening),
        ] {
            assert_eq!((part.kind, part.format, part.bucket), (kind, 1, 0));
        }
        assert_eq!(detached(&stored_body).unwrap(), body);
        assert_eq!(detached(&stored_text).unwrap(), body);
        assert_eq!(inbox_opening(&stored_inbox).unwrap(), opening);
        let other = Part {
            format: 2,
            ..stored_body
        };
        assert!(detached(&other).is_err());
        let short = Part {
            bytes: stored_inbox.bytes.slice(1..),
            ..stored_inbox
        };
        assert!(inbox_opening(&short).is_err());
    }
}
