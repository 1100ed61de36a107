//! The values of the index that are not the ledger's facts. Fixed fields, big-endian; a name stands last. The format
//! number in `mod.rs` changes with them, which drops every older index.

use super::{IndexError, Position};
use crate::domain::{DeskAddress, Digest, Hash};
use crate::ledger::{Hourly, IdFact, InvalidFact, ThreadFact, WarningFact};
use crate::time::Timestamp;

/// A value of the index.
pub(super) trait Value: Sized {
    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Result<Self, IndexError>;
}

macro_rules! facts {
    ($($fact:ident),+) => {
        $(impl Value for $fact {
            fn encode(&self) -> Vec<u8> {
                self.to_bytes()
            }

            fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
                Self::from_bytes(bytes).map_err(|InvalidFact| corrupt())
            }
        })+
    };
}

facts!(IdFact, WarningFact, ThreadFact, Hourly);

impl Value for u64 {
    fn encode(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        Ok(Self::from_be_bytes(bytes.try_into().map_err(|_| corrupt())?))
    }
}

impl Value for Digest {
    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        Self::try_from(bytes).map_err(|_| corrupt())
    }
}

impl Value for Timestamp {
    fn encode(&self) -> Vec<u8> {
        self.unix_ms().to_be_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        let ms = i64::from_be_bytes(bytes.try_into().map_err(|_| corrupt())?);
        Ok(Self::from_unix_ms(ms))
    }
}

impl Value for Position {
    fn encode(&self) -> Vec<u8> {
        [&self.size.to_be_bytes()[..], self.root.as_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        let (size, root) = split_number(bytes)?;
        Ok(Self {
            size,
            root: Hash::try_from(root).map_err(|_| corrupt())?,
        })
    }
}

/// A warning, found by the index of its `ACCEPTED` record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredWarning {
    pub(super) digest: Digest,
    pub(super) fact: WarningFact,
}

impl Value for StoredWarning {
    fn encode(&self) -> Vec<u8> {
        [&self.digest.as_bytes()[..], &self.fact.to_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        let (digest, fact) = split_digest(bytes)?;
        Ok(Self {
            digest,
            fact: Value::decode(fact)?,
        })
    }
}

/// A number of a desk's inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredRouting {
    pub(super) warning: Digest,
    pub(super) index: u64,
}

impl Value for StoredRouting {
    fn encode(&self) -> Vec<u8> {
        [&self.index.to_be_bytes()[..], self.warning.as_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        let (index, warning) = split_number(bytes)?;
        Ok(Self {
            warning: Value::decode(warning)?,
            index,
        })
    }
}

/// A row of an agency's incoming warnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredIncoming {
    pub(super) warning: Digest,
    pub(super) desk: DeskAddress,
}

impl Value for StoredIncoming {
    fn encode(&self) -> Vec<u8> {
        [&self.warning.as_bytes()[..], self.desk.to_string().as_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        let (warning, desk) = split_digest(bytes)?;
        let desk = std::str::from_utf8(desk).map_err(|_| corrupt())?;
        Ok(Self {
            warning,
            desk: desk.parse().map_err(|_| corrupt())?,
        })
    }
}

fn split_number(bytes: &[u8]) -> Result<(u64, &[u8]), IndexError> {
    let (number, rest) = bytes.split_first_chunk::<8>().ok_or_else(corrupt)?;
    Ok((u64::from_be_bytes(*number), rest))
}

fn split_digest(bytes: &[u8]) -> Result<(Digest, &[u8]), IndexError> {
    let (digest, rest) = bytes.split_first_chunk::<32>().ok_or_else(corrupt)?;
    Ok((Digest(*digest), rest))
}

fn corrupt() -> IndexError {
    IndexError::Corrupt("a value is not what its key says".into())
}
