//! Facts and their keys as bytes, for an index and an auditor's state on disk. Derived data: who changes these bytes gives both another
//! version (`journal::index::FORMAT`, `audit::state::FORMAT`), and they are built anew from the log.
//!
//! Integers are big-endian and fixed; the one text of a value or key stands last. Keys of ids begin with the UUIDv7, so
//! that new ones sort near each other.

use std::sync::Arc;

use super::facts::{AcceptanceFact, Hourly, IdFact, IdKey, TextFact, ThreadFact, ThreadKey, WarningFact};
use crate::domain::{
    AcknowledgementKind, Bucket, Digest, Hash, PayloadId, Precedence, RetentionClass, Status, Step,
    WarningType,
};
use crate::error::ErrorCode;
use crate::seal::{PayloadKind, SealSuite};
use crate::time::Timestamp;

/// Flags of a thread: what follows, and what became of the body.
const RECEIVED: u8 = 1;
const ACCEPTANCE: u8 = 2;
const BODY_ABSENT: u8 = 4;
const BODY_ERASED: u8 = 8;

/// Not the bytes of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the bytes of a fact: the index is to be rebuilt")]
pub struct InvalidFact;

impl IdKey {
    /// The id, the kind, the principal.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(80);
        out.extend_from_slice(self.id.as_bytes());
        let kind = PayloadKind::ALL
            .iter()
            .position(|kind| *kind == self.kind)
            .unwrap_or_default();
        out.push(u8::try_from(kind).unwrap_or(u8::MAX));
        out.extend_from_slice(self.principal.to_string().as_bytes());
        out
    }
}

impl ThreadKey {
    /// The warning, the desk: all threads of a warning share its digest as a prefix.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(self.warning.as_bytes());
        out.extend_from_slice(self.desk.to_string().as_bytes());
        out
    }

    /// Reads what [`ThreadKey::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidFact> {
        let mut read = Read(bytes);
        Ok(Self {
            warning: Digest(read.array()?),
            desk: read.text()?,
        })
    }
}

impl IdFact {
    /// How many bytes it is written in.
    pub const BYTES: usize = 48;

    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        out.extend_from_slice(self.digest.as_bytes());
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(&self.records.to_be_bytes());
        out.extend_from_slice(&self.rejected.map_or(0, ErrorCode::number).to_be_bytes());
        out
    }

    /// Reads what [`IdFact::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidFact> {
        let mut read = Read(bytes);
        let (digest, index, records) = (Digest(read.array()?), read.u64()?, read.u32()?);
        let rejected = match read.i32()? {
            0 => None,
            number => Some(ErrorCode::from_number(number).ok_or(InvalidFact)?),
        };
        read.end(Self {
            digest,
            index,
            records,
            rejected,
        })
    }
}

impl WarningFact {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        out.extend_from_slice(&self.accepted.to_be_bytes());
        out.extend_from_slice(&self.routed.to_be_bytes());
        out.extend_from_slice(self.id.as_bytes());
        for word in [
            self.status.number(),
            self.warning_type.number(),
            self.precedence.number(),
            self.retention.number(),
        ] {
            out.push(byte(word));
        }
        out.extend_from_slice(&self.sent.unix_ms().to_be_bytes());
        out.extend_from_slice(&self.expires.unix_ms().to_be_bytes());
        out.extend_from_slice(self.originator.as_str().as_bytes());
        out
    }

    /// Reads what [`WarningFact::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidFact> {
        let mut read = Read(bytes);
        Ok(Self {
            accepted: read.u64()?,
            routed: read.u32()?,
            id: PayloadId::from_bytes(&read.array::<16>()?).map_err(|_| InvalidFact)?,
            status: Status::from_number(read.u8()?.into()).ok_or(InvalidFact)?,
            warning_type: WarningType::from_number(read.u8()?.into()).ok_or(InvalidFact)?,
            precedence: Precedence::from_number(read.u8()?.into()).ok_or(InvalidFact)?,
            retention: RetentionClass::from_number(read.u8()?.into()).ok_or(InvalidFact)?,
            sent: Timestamp::from_unix_ms(read.i64()?),
            expires: Timestamp::from_unix_ms(read.i64()?),
            originator: read.text()?,
        })
    }
}

impl ThreadFact {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(120);
        for number in [self.routed, self.inbox_number, self.seq] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(self.prev.as_bytes());
        out.push(byte(self.step.number()));
        out.push(self.answer.map_or(0, |answer| byte(answer.number())));
        out.extend_from_slice(&self.acknowledgements.to_be_bytes());
        out.extend_from_slice(&self.handovers.to_bytes());
        let flags = [
            (RECEIVED, self.received.is_some()),
            (ACCEPTANCE, self.acceptance.is_some()),
            (BODY_ABSENT, self.body_absent),
            (BODY_ERASED, self.body_erased),
        ];
        out.push(flags.iter().filter(|(_, set)| *set).map(|(flag, _)| flag).sum());
        if let Some((index, digest)) = &self.received {
            out.extend_from_slice(&index.to_be_bytes());
            out.extend_from_slice(digest.as_bytes());
        }
        if let Some(fact) = &self.acceptance {
            // Both numbers are of one audience.
            for number in [self.routed.saturating_sub(fact.accepted), u64::from(fact.routed)] {
                out.extend_from_slice(&u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes());
            }
            out.extend_from_slice(&fact.bucket.number().to_be_bytes());
            out.push(fact.sealed.map_or(0, SealSuite::byte));
            let originator = fact.originator.as_str().as_bytes();
            out.push(u8::try_from(originator.len()).unwrap_or_default());
            out.extend_from_slice(originator);
        }
        for text in &self.texts {
            out.extend_from_slice(&text.index.to_be_bytes());
            out.extend_from_slice(&text.day.to_be_bytes());
            out.push(text.absent.into());
        }
        out
    }

    /// Reads what [`ThreadFact::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidFact> {
        let mut read = Read(bytes);
        let (routed, inbox_number, seq) = (read.u64()?, read.u64()?, read.u64()?);
        let prev = Hash(read.array()?);
        let step = Step::from_number(read.u8()?.into()).ok_or(InvalidFact)?;
        let answer = match read.u8()? {
            0 => None,
            number => Some(AcknowledgementKind::from_number(number.into()).ok_or(InvalidFact)?),
        };
        let acknowledgements = read.u32()?;
        let handovers = Hourly {
            hour: read.i64()?,
            count: read.u32()?,
        };
        let flags = read.u8()?;
        if flags & !(RECEIVED | ACCEPTANCE | BODY_ABSENT | BODY_ERASED) != 0 {
            return Err(InvalidFact);
        }
        let received = match flags & RECEIVED != 0 {
            true => Some((read.u64()?, Digest(read.array()?))),
            false => None,
        };
        let acceptance = match flags & ACCEPTANCE != 0 {
            true => Some(Arc::new(read.acceptance(routed)?)),
            false => None,
        };
        let mut texts = Vec::new();
        while !read.0.is_empty() {
            texts.push(TextFact {
                index: read.u64()?,
                day: read.u32()?,
                absent: read.bool()?,
            });
        }
        Ok(Self {
            routed,
            inbox_number,
            seq,
            prev,
            step,
            answer,
            acknowledgements,
            received,
            handovers,
            acceptance,
            body_absent: flags & BODY_ABSENT != 0,
            body_erased: flags & BODY_ERASED != 0,
            texts,
        })
    }
}

impl Hourly {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(12);
        out.extend_from_slice(&self.hour.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out
    }

    /// Reads what [`Hourly::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidFact> {
        let mut read = Read(bytes);
        let fact = Self {
            hour: read.i64()?,
            count: read.u32()?,
        };
        read.end(fact)
    }
}

/// The numbers of words all fit in a byte; one that did not would not read back.
fn byte(number: i32) -> u8 {
    u8::try_from(number).unwrap_or_default()
}

struct Read<'a>(&'a [u8]);

impl Read<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], InvalidFact> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(InvalidFact)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, InvalidFact> {
        self.array().map(u8::from_be_bytes)
    }

    fn bool(&mut self) -> Result<bool, InvalidFact> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(InvalidFact),
        }
    }

    /// What an acceptance says to the thread that begins at `routed`.
    fn acceptance(&mut self, routed: u64) -> Result<AcceptanceFact, InvalidFact> {
        let before = u64::from(self.u16()?);
        let count = self.u16()?.into();
        let bucket = Bucket::from_number(self.u32()?).ok_or(InvalidFact)?;
        let sealed = match self.u8()? {
            0 => None,
            byte => Some(SealSuite::from_byte(byte).ok_or(InvalidFact)?),
        };
        let length = usize::from(self.u8()?);
        let (originator, rest) = self.0.split_at_checked(length).ok_or(InvalidFact)?;
        self.0 = rest;
        Ok(AcceptanceFact {
            accepted: routed.checked_sub(before).ok_or(InvalidFact)?,
            routed: count,
            originator: Read(originator).text()?,
            bucket,
            sealed,
        })
    }

    fn u16(&mut self) -> Result<u16, InvalidFact> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, InvalidFact> {
        self.array().map(u32::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, InvalidFact> {
        self.array().map(i32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, InvalidFact> {
        self.array().map(u64::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, InvalidFact> {
        self.array().map(i64::from_be_bytes)
    }

    /// All that is left.
    fn text<T: std::str::FromStr>(&mut self) -> Result<T, InvalidFact> {
        let text = std::str::from_utf8(std::mem::take(&mut self.0)).map_err(|_| InvalidFact)?;
        text.parse().map_err(|_| InvalidFact)
    }

    fn end<T>(self, fact: T) -> Result<T, InvalidFact> {
        if self.0.is_empty() {
            Ok(fact)
        } else {
            Err(InvalidFact)
        }
    }
}
