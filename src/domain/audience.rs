//! Whom a warning is meant for, as it is opened to the relay and to each recipient. What the header holds
//! (salted commitments) is made and checked in [`crate::seal`].

use std::fmt;

/// What one entry of an audience says. The numbers are hashed; never reuse one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum AudienceKind {
    /// The address is meant.
    To = 1,
    /// The address is excluded; this beats every other rule.
    Excluded = 2,
    /// Padding, so that the number of addresses does not show; its address is empty.
    Pad = 3,
}

impl AudienceKind {
    /// The number that is hashed.
    pub const fn number(self) -> u8 {
        match self {
            Self::To => 1,
            Self::Excluded => 2,
            Self::Pad => 3,
        }
    }

    /// The kind with this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::To),
            2 => Some(Self::Excluded),
            3 => Some(Self::Pad),
            _ => None,
        }
    }
}

/// What opens one entry of an audience: without the salt the entry says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct AudienceOpening {
    /// What the entry says about the address.
    pub kind: AudienceKind,
    /// The entry's own fresh salt.
    pub salt: [u8; 32],
    /// The address expression as it was hashed (`be.ctc/aviation`); empty for padding.
    pub address: String,
}

impl fmt::Debug for AudienceOpening {
    /// Without the salt: in a log line it would open the entry to every reader.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudienceOpening")
            .field("kind", &self.kind)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
