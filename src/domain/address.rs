//! Where a warning goes. `be.ctc` is the agency's duty desk, `be.ctc/aviation` a desk of it; competences and groups
//! have their place on the wire and resolve to nobody yet.

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

use super::ids::{AgencyId, BadName, StateId, bad, is_label};
use crate::limits::{ADDRESS_BYTES_MAX, ID_CHARS_MAX};

/// A desk: a recipient. Its duty desk is written as the agency itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeskAddress {
    agency: AgencyId,
    desk: Option<SmolStr>,
}

impl DeskAddress {
    /// The duty desk of an agency.
    pub fn duty(agency: AgencyId) -> Self {
        Self { agency, desk: None }
    }

    /// The agency it belongs to.
    pub fn agency(&self) -> &AgencyId {
        &self.agency
    }

    /// Whether it is the duty desk.
    pub fn is_duty(&self) -> bool {
        self.desk.is_none()
    }
}

impl FromStr for DeskAddress {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        const EXPECTED: &str = "a desk (\"be.ctc\" or \"be.ctc/aviation\")";
        if text.len() > ID_CHARS_MAX {
            return Err(bad(text, EXPECTED));
        }
        match text.split_once('/') {
            None => Ok(Self::duty(text.parse().map_err(|_| bad(text, EXPECTED))?)),
            Some((agency, desk)) if is_label(desk) => {
                let agency = agency.parse().map_err(|_| bad(text, EXPECTED))?;
                Ok(Self {
                    agency,
                    desk: Some(SmolStr::new(desk)),
                })
            }
            Some(_) => Err(bad(text, EXPECTED)),
        }
    }
}

impl fmt::Display for DeskAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.desk {
            None => write!(f, "{}", self.agency),
            Some(desk) => write!(f, "{}/{desk}", self.agency),
        }
    }
}

impl fmt::Debug for DeskAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeskAddress({self})")
    }
}

/// An address expression, as a sender writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An agency's duty desk, or a desk.
    Desk(DeskAddress),
    /// `competence:be/aviation-security`. Reserved.
    Competence {
        /// The state.
        state: StateId,
        /// The competence.
        competence: String,
    },
    /// `group:coalition`. Reserved.
    Group(String),
}

impl FromStr for Address {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        const EXPECTED: &str = "an address (\"be.ctc\", \"be.ctc/aviation\", \"competence:be/aviation-security\", \"group:coalition\")";
        let refused = || bad(text, EXPECTED);
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(refused());
        }
        if let Some(rest) = text.strip_prefix("competence:") {
            let (state, competence) = rest.split_once('/').ok_or_else(refused)?;
            if !is_label(competence) || competence.len() > ID_CHARS_MAX {
                return Err(refused());
            }
            let state = state.parse().map_err(|_| refused())?;
            Ok(Self::Competence {
                state,
                competence: competence.to_owned(),
            })
        } else if let Some(group) = text.strip_prefix("group:") {
            if is_label(group) && group.len() <= ID_CHARS_MAX {
                Ok(Self::Group(group.to_owned()))
            } else {
                Err(refused())
            }
        } else {
            text.parse().map(Self::Desk).map_err(|_| refused())
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Desk(desk) => write!(f, "{desk}"),
            Self::Competence { state, competence } => write!(f, "competence:{state}/{competence}"),
            Self::Group(group) => write!(f, "group:{group}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Each name has its own bound, so that the longest expression is as long as an audience's entry may be.
    #[test]
    fn each_part_is_bounded() {
        let long = "a".repeat(ID_CHARS_MAX);
        let state = format!("int.{}", "a".repeat(ID_CHARS_MAX - 4));
        let competence = format!("competence:{state}/{long}");
        assert!(competence.len() <= ADDRESS_BYTES_MAX);
        for good in [competence.clone(), format!("group:{long}")] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        let desk = format!("be.ctc/{}", "a".repeat(ID_CHARS_MAX - 7));
        assert!(desk.parse::<Address>().is_ok());
        for bad in [
            format!("{competence}a"),
            format!("group:{long}a"),
            format!("{desk}a"),
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    /// Addresses parse or fail as the table says, and print as they were written.
    #[test]
    fn addresses_parse_or_fail() {
        for good in [
            "be.ctc",
            "be.ctc/aviation",
            "competence:be/aviation-security",
            "group:coalition",
        ] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in [
            "be",
            "be.ctc/",
            "be.ctc/A",
            "be.ctc/a/b",
            "competence:be",
            "group:",
            "x:y",
            "be.ctc ",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
