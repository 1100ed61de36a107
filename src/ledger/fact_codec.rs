//! Facts and their keys as bytes, for an index on disk. Derived data: no version, because whoever changes this drops
//! the index and rebuilds it from the log.
//!
//! Integers are big-endian and fixed; the one text of a value or key stands last. Keys of ids begin with the UUIDv7, so
//! that new ones sort near each other.

use super::facts::{Hourly, IdFact, IdKey, ThreadFact, ThreadKey, WarningFact};
use crate::domain::{
    AcknowledgementKind, Digest, Hash, PayloadId, Precedence, RetentionClass, Status, Step, WarningType,
};
use crate::error::ErrorCode;
use crate::seal::PayloadKind;
use crate::time::Timestamp;

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
        if let Some((index, digest)) = &self.received {
            out.extend_from_slice(&index.to_be_bytes());
            out.extend_from_slice(digest.as_bytes());
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
        let received = match read.0 {
            [] => None,
            _ => Some((read.u64()?, Digest(read.array()?))),
        };
        read.end(Self {
            routed,
            inbox_number,
            seq,
            prev,
            step,
            answer,
            acknowledgements,
            received,
            handovers,
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
