//! The name of a log, which every signed payload and every checkpoint carries, so that nothing signed for one
//! log can be used in another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits;

/// The origin of a log (C2SP tlog-checkpoint), which is also the name of its key: printable ASCII without spaces
/// and `+`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(Arc<str>);

impl Origin {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this origin can never be a real relay's (RFC 2606: `.invalid`): ACTUAL is tested only there.
    pub fn is_invalid_tld(&self) -> bool {
        let host = self.0.split('/').next().unwrap_or_default();
        host == "invalid" || host.ends_with(".invalid")
    }
}

/// Why a text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// Nothing.
    #[error("an origin is not empty")]
    Empty,
    /// Too long.
    #[error("an origin has at most {} characters", limits::ORIGIN_CHARS_MAX)]
    TooLong,
    /// A character that a signed note's key name, or this relay, does not allow.
    #[error("an origin holds printable ASCII without spaces and '+' only")]
    Character,
}

impl FromStr for Origin {
    type Err = InvalidOrigin;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidOrigin::Empty);
        }
        if text.len() > limits::ORIGIN_CHARS_MAX {
            return Err(InvalidOrigin::TooLong);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'+') {
            return Err(InvalidOrigin::Character);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What an origin may be: a table of texts and verdicts.
    #[test]
    fn an_origin_is_printable_ascii_without_spaces_and_plus() {
        let long = "a".repeat(limits::ORIGIN_CHARS_MAX);
        let too_long = format!("{long}a");
        for (text, verdict) in [
            ("relay.example.int/2026", Ok(())),
            (long.as_str(), Ok(())),
            (too_long.as_str(), Err(InvalidOrigin::TooLong)),
            ("", Err(InvalidOrigin::Empty)),
            ("a b", Err(InvalidOrigin::Character)),
            ("a+b", Err(InvalidOrigin::Character)),
            ("a\nb", Err(InvalidOrigin::Character)),
            ("a\u{a0}b", Err(InvalidOrigin::Character)),
            ("bücher.example", Err(InvalidOrigin::Character)),
        ] {
            assert_eq!(text.parse::<Origin>().map(|_| ()), verdict, "{text:?}");
        }
    }

    /// Only a host under `.invalid` counts as one that no real relay can have.
    #[test]
    fn the_invalid_domain_is_recognised() {
        for (text, invalid) in [
            ("test.invalid", true),
            ("test.invalid/log", true),
            ("invalid", true),
            ("test.example/a.invalid", false),
            ("notinvalid", false),
        ] {
            assert_eq!(
                text.parse::<Origin>().unwrap().is_invalid_tld(),
                invalid,
                "{text}"
            );
        }
    }
}
