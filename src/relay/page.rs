//! Where the next page of an answer begins, as its token says. A token is the relay's own word coming back: whoever makes
//! one up gets another part of what is theirs to see, or is refused.

use std::fmt;

use super::answers::Failure;
use crate::domain::DeskAddress;
use crate::error::ErrorCode;

/// A place in the view of a warning, or in the evidence of it. The first letter says which kind of token it is, so that
/// a later kind is not taken for this one; lists have `a`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// This record of this desk's thread.
    Thread { desk: DeskAddress, seq: u64 },
    /// This record of the directory's chain.
    Directory { seq: u64 },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread { desk, seq } => write!(f, "w{seq:016x}{desk}"),
            Self::Directory { seq } => write!(f, "d{seq:016x}"),
        }
    }
}

impl Place {
    /// None: the beginning.
    pub(super) fn parse(token: &str) -> Result<Option<Self>, Failure> {
        if token.is_empty() {
            return Ok(None);
        }
        let place = || {
            let (kind, rest) = token.split_at_checked(1)?;
            let (seq, desk) = rest.split_at_checked(16)?;
            let seq = parse_number(seq)?;
            match (kind, desk) {
                ("w", desk) => Some(Self::Thread {
                    desk: desk.parse().ok()?,
                    seq,
                }),
                ("d", "") => Some(Self::Directory { seq }),
                _ => None,
            }
        };
        place().map(Some).ok_or_else(no_token)
    }
}

/// A place in what is proven in a tree of one size. Its token says the size: a page of another tree is none of the same answer.
/// 0 is the newest tree of each page, whose tokens have no size.
pub(super) fn parse_at(token: &str, size: u64) -> Result<Option<Place>, Failure> {
    if size == 0 || token.is_empty() {
        return Place::parse(token);
    }
    let bound = || {
        let rest = token.strip_prefix('e')?;
        let (of, place) = rest.split_at_checked(16)?;
        Some((parse_number(of)?, place))
    };
    match bound() {
        Some((of, place)) if of == size && !place.is_empty() => Place::parse(place),
        Some(_) => Err(Failure::new(
            ErrorCode::InvalidRequest,
            "this page token is of a tree of another size",
        )),
        None => Err(no_token()),
    }
}

/// The token that [`parse_at`] reads.
pub(super) fn token_at(place: &Place, size: u64) -> String {
    match size {
        0 => place.to_string(),
        size => format!("e{size:016x}{place}"),
    }
}

/// A number as tokens have it.
pub(super) fn parse_number(digits: &str) -> Option<u64> {
    let is_number = digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_number.then(|| u64::from_str_radix(digits, 16).ok())?
}

/// Somebody made it up.
pub(super) fn no_token() -> Failure {
    Failure::new(ErrorCode::InvalidRequest, "this is no page token of the relay's")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Tokens come back as the place that they were made of; what is none is refused: a table.
    #[test]
    fn tokens_come_back() {
        let desk: DeskAddress = "ru.ctc/aviation".parse().unwrap();
        for place in [
            Place::Thread { desk, seq: u64::MAX },
            Place::Directory { seq: 258 },
        ] {
            assert_eq!(Place::parse(&place.to_string()).unwrap(), Some(place));
        }
        assert_eq!(Place::parse("").unwrap(), None);
        for token in [
            "w",
            "d000000000000010",
            "d00000000000001020",
            "d+00000000000001ff",
            "w0000000000000000",
            "w0000000000000000no desk",
            "x0000000000000000ru.ctc",
            "a0000000000000000",
            "e0000000000000010d0000000000000001",
            "\u{fc}0000000000000000",
        ] {
            let refused = Place::parse(token).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::InvalidRequest, "{token}");
        }
    }

    /// A token of a sized answer comes back for that size only; nor is one of another kind taken for it: a table.
    #[test]
    fn sized_tokens_are_bound_to_their_size() {
        let place = Place::Directory { seq: 7 };
        let token = token_at(&place, 300);
        assert_eq!(parse_at(&token, 300).unwrap(), Some(place.clone()));
        assert_eq!(parse_at("", 300).unwrap(), None);
        assert_eq!(parse_at(&token_at(&place, 0), 0).unwrap(), Some(place.clone()));
        let nested = format!("e{:016x}{token}", 300);
        for (token, size) in [
            (token.as_str(), 0),
            (&token, 299),
            (&place.to_string(), 300),
            (&nested, 300),
            ("e000000000000012c", 300),
            ("e", 300),
        ] {
            let refused = parse_at(token, size).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::InvalidRequest, "{token} {size}");
        }
    }
}
