//! What a key is for. A key is enrolled once, ever, in one role, and its role decides what it may sign.

use std::fmt;
use std::str::FromStr;

/// The role of a key. The numbers are stored and signed; never reuse one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum KeyRole {
    /// A state's (or international body's) offline root: certifies and revokes keys, names its successor.
    Root = 1,
    /// Signs warnings and their versions, questions, answers to them and outcomes.
    Originate = 2,
    /// The machine that signs `RECEIVED`.
    Receive = 3,
    /// An officer: all other acknowledgements, mandates and grants.
    Officer = 4,
    /// Opens sealed bodies; signs nothing.
    Seal = 5,
    /// A TLS leaf key; signs no envelope.
    Tls = 6,
    /// An agency's TLS certificate authority; signs no envelope.
    TlsCa = 7,
    /// The relay's operator: enrols, suspends, reinstates.
    Operator = 8,
}

impl KeyRole {
    /// Every role, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Root,
        Self::Originate,
        Self::Receive,
        Self::Officer,
        Self::Seal,
        Self::Tls,
        Self::TlsCa,
        Self::Operator,
    ];

    /// The number that is stored and signed.
    pub const fn number(self) -> u8 {
        match self {
            Self::Root => 1,
            Self::Originate => 2,
            Self::Receive => 3,
            Self::Officer => 4,
            Self::Seal => 5,
            Self::Tls => 6,
            Self::TlsCa => 7,
            Self::Operator => 8,
        }
    }

    /// The role with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.number() == number)
    }

    /// The stable name: in file names, in text for people and in the arguments of an exec signer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Originate => "originate",
            Self::Receive => "receive",
            Self::Officer => "officer",
            Self::Seal => "seal",
            Self::Tls => "tls",
            Self::TlsCa => "tls-ca",
            Self::Operator => "operator",
        }
    }

    /// Whether a key in this role may sign an envelope at all.
    pub const fn signs(self) -> bool {
        match self {
            Self::Root | Self::Originate | Self::Receive | Self::Officer | Self::Operator => true,
            Self::Seal | Self::Tls | Self::TlsCa => false,
        }
    }
}

impl fmt::Display for KeyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Not the name of a key role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key role (root, originate, receive, officer, seal, tls, tls-ca, operator)")]
pub struct UnknownKeyRole;

impl FromStr for KeyRole {
    type Err = UnknownKeyRole;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownKeyRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers and names are formats: each role keeps its own, and both read back.
    #[test]
    fn numbers_and_names_are_stable() {
        let expected = [
            (1, "root", true),
            (2, "originate", true),
            (3, "receive", true),
            (4, "officer", true),
            (5, "seal", false),
            (6, "tls", false),
            (7, "tls-ca", false),
            (8, "operator", true),
        ];
        let actual = KeyRole::ALL.map(|role| (role.number(), role.as_str(), role.signs()));
        assert_eq!(actual, expected);
        for role in KeyRole::ALL {
            assert_eq!(KeyRole::from_number(role.number()), Some(role));
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(role.number(), role as u8);
        }
        assert_eq!((KeyRole::from_number(0), KeyRole::from_number(9)), (None, None));
        assert_eq!("Root".parse::<KeyRole>(), Err(UnknownKeyRole));
    }
}
