//! Who is who: states, agencies, principals. Ids are lower-case and dotted, the state first (ISO 3166-1 alpha-2;
//! `int.` for international bodies). A code implies no recognition. Up to 23 bytes they are kept in place, and never
//! allocate to be cloned: an audit reads and clones them by the million.

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

use crate::limits::ID_CHARS_MAX;

/// Why a text is no id or address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct BadName {
    /// What was given, shortened.
    pub text: String,
    /// What was expected.
    pub expected: &'static str,
}

pub(crate) fn bad(text: &str, expected: &'static str) -> BadName {
    BadName {
        text: text.chars().take(ID_CHARS_MAX).collect(),
        expected,
    }
}

/// A label: `[a-z0-9]` and inner hyphens.
pub(crate) fn is_label(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_lowercase())
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                let check: fn(&str) -> bool = $check;
                if text.len() <= ID_CHARS_MAX && check(text) {
                    Ok(Self(SmolStr::new(text)))
                } else {
                    Err(bad(text, $expected))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

text_id!(
    /// A country, ISO 3166-1 alpha-2 in lower case: a territory, the state of victims.
    Country,
    "an ISO 3166-1 alpha-2 code in lower case",
    is_country
);
text_id!(
    /// Whoever has a root of its own: a state (`ru`) or an international body (`int.un`).
    StateId,
    "a state (\"ru\") or an international body (\"int.un\")",
    |text| is_country(text) || text.strip_prefix("int.").is_some_and(is_label)
);
text_id!(
    /// An enrolled agency or auditor: its state and at least one label (`ru.ctc`, `int.un.audit`).
    AgencyId,
    "an agency (\"ru.ctc\": lower-case, dotted, the state first)",
    |text| {
        let mut labels = text.split('.');
        let state = labels.next().unwrap_or("");
        let international = state == "int";
        if !international && !is_country(state) {
            return false;
        }
        let needed = if international { 2 } else { 1 };
        labels.clone().nth(needed - 1).is_some() && labels.all(is_label)
    }
);
text_id!(
    /// The name of an operator.
    OperatorName,
    "an operator's name: lower-case letters, digits and hyphens",
    is_label
);

impl AgencyId {
    /// The state whose root certifies its keys.
    pub fn state(&self) -> StateId {
        let labels = if self.0.starts_with("int.") { 2 } else { 1 };
        let end = self
            .0
            .match_indices('.')
            .nth(labels - 1)
            .map_or(self.0.len(), |(at, _)| at);
        StateId(SmolStr::new(self.0.get(..end).unwrap_or_default()))
    }
}

/// Whoever signs: an agency, a state's root, an operator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// `ru.ctc`.
    Agency(AgencyId),
    /// `root:ru`.
    Root(StateId),
    /// `operator:NAME`.
    Operator(OperatorName),
}

impl Principal {
    /// The agency, if it is one.
    pub fn agency(&self) -> Option<&AgencyId> {
        match self {
            Self::Agency(agency) => Some(agency),
            Self::Root(_) | Self::Operator(_) => None,
        }
    }
}

impl FromStr for Principal {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        if let Some(state) = text.strip_prefix("root:") {
            state.parse().map(Self::Root)
        } else if let Some(name) = text.strip_prefix("operator:") {
            name.parse().map(Self::Operator)
        } else {
            text.parse().map(Self::Agency)
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agency(agency) => write!(f, "{agency}"),
            Self::Root(state) => write!(f, "root:{state}"),
            Self::Operator(name) => write!(f, "operator:{name}"),
        }
    }
}

/// The id of a signed payload: a UUIDv7, chosen by its signer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadId(uuid::Uuid);

impl PayloadId {
    /// From its 16 bytes; another version than 7 fails.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadName> {
        let id = uuid::Uuid::from_slice(bytes).map_err(|_| bad("(bytes)", "16 bytes, a UUIDv7"))?;
        Self::checked(id)
    }

    /// From the time of signing and ten random bytes.
    pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    fn checked(id: uuid::Uuid) -> Result<Self, BadName> {
        if id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122 {
            Ok(Self(id))
        } else {
            Err(bad(&id.to_string(), "a UUIDv7"))
        }
    }
}

impl FromStr for PayloadId {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        Self::checked(uuid::Uuid::parse_str(text).map_err(|_| bad(text, "a UUIDv7"))?)
    }
}

impl fmt::Display for PayloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PayloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PayloadId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Ids parse or fail as the table says, and print as they were written.
    #[test]
    fn ids_parse_or_fail() {
        for good in ["ru.ctc", "gb.nca.duty", "int.un.audit", "us.a-b"] {
            assert_eq!(good.parse::<AgencyId>().unwrap().to_string(), good);
        }
        for bad in [
            "ru",
            "RU.ctc",
            "rus.ctc",
            "int.un",
            "int",
            "ru..ctc",
            "ru.-c",
            "ru.c_t",
            "",
            "ru.ctc/aviation",
        ] {
            assert!(bad.parse::<AgencyId>().is_err(), "{bad}");
        }
        assert_eq!(
            "int.un.audit".parse::<AgencyId>().unwrap().state().as_str(),
            "int.un"
        );
        assert_eq!("ru.ctc".parse::<AgencyId>().unwrap().state().as_str(), "ru");
        for text in ["root:ru", "operator:alice", "ru.ctc", "root:int.un"] {
            assert_eq!(text.parse::<Principal>().unwrap().to_string(), text);
        }
    }
}
