//! From addresses to desks: a pure function of the directory, so that a recipient and an auditor can do it again.
//!
//! An exclusion beats every other rule: an excluded agency is excluded with all its desks, an excluded desk alone.
//! Whatever names nobody is refused with the names nearest to it, exclusions too: a mistyped exclusion excludes nobody.

use std::collections::BTreeMap;

use super::directory::Directory;
use crate::domain::{Address, AudienceKind, AudienceOpening, DeskAddress};
use crate::error::{ErrorCode, Refused};
use crate::limits;

/// A desk that a warning is routed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Which.
    pub desk: DeskAddress,
    /// The openings that led here, in the order of the header's entries.
    pub openings: Vec<AudienceOpening>,
}

impl Directory {
    /// The desk that an address means now. Refused with `UNKNOWN_RECIPIENT` and near names, or `UNSUPPORTED`.
    pub fn resolve(&self, address: &Address) -> Result<DeskAddress, Refused> {
        match address {
            Address::Desk(desk) if self.is_desk(desk) => Ok(desk.clone()),
            Address::Desk(desk) => Err(self.unknown(&desk.to_string())),
            Address::Competence { .. } | Address::Group(_) => Err(Refused::new(
                ErrorCode::Unsupported,
                "competences and groups cannot be addressed yet",
            )
            .about("audience")),
        }
    }

    /// The desks that openings lead to, sorted, each once, with the exclusions gone; at least one.
    pub fn recipients(&self, openings: &[AudienceOpening]) -> Result<Vec<Recipient>, Refused> {
        let mut excluded = Vec::new();
        let mut recipients: BTreeMap<DeskAddress, Vec<AudienceOpening>> = BTreeMap::new();
        for opening in openings {
            match opening.kind {
                AudienceKind::To => {
                    let desk = self.resolve_text(&opening.address)?;
                    recipients.entry(desk).or_default().push(opening.clone());
                }
                AudienceKind::Excluded => excluded.push(self.resolve_text(&opening.address)?),
                AudienceKind::Pad => {}
            }
        }
        recipients.retain(|desk, _| !excluded.iter().any(|exclusion| excludes(exclusion, desk)));
        if recipients.is_empty() {
            return Err(Refused::new(
                ErrorCode::NoRecipient,
                "after the exclusions nobody is left",
            ));
        }
        if recipients.len() > limits::AUDIENCE_MAX {
            return Err(Refused::new(
                ErrorCode::TooManyRecipients,
                "the audience has too many recipients",
            ));
        }
        let recipients = recipients.into_iter();
        Ok(recipients
            .map(|(desk, openings)| Recipient { desk, openings })
            .collect())
    }

    fn resolve_text(&self, text: &str) -> Result<DeskAddress, Refused> {
        match text.parse::<Address>() {
            Ok(address) => self.resolve(&address),
            Err(_) => Err(self.unknown(text)),
        }
    }

    fn unknown(&self, text: &str) -> Refused {
        let shown: String = text.chars().take(limits::ID_CHARS_MAX).collect();
        let mut refused = Refused::new(
            ErrorCode::UnknownRecipient,
            format!("{shown:?} is no agency or desk of the directory"),
        )
        .about("audience");
        refused.near = self.near(&shown);
        refused
    }

    /// The names of agencies and desks nearest to `text`, best first.
    pub fn near(&self, text: &str) -> Vec<String> {
        let text = text.to_ascii_lowercase();
        let names = self.agencies().flat_map(|(agency, _)| self.desks_of(agency));
        let mut near: Vec<(usize, String)> = names
            .take(limits::NEAR_NAMES_SEARCHED_MAX)
            .filter_map(|desk| {
                let name = desk.to_string();
                Some((distance(&text, &name)?, name))
            })
            .collect();
        near.sort();
        near.truncate(limits::NEAR_NAMES_MAX);
        near.into_iter().map(|(_, name)| name).collect()
    }
}

/// An exclusion of an agency (written as its duty desk) holds for all of its desks.
fn excludes(exclusion: &DeskAddress, desk: &DeskAddress) -> bool {
    exclusion == desk || (exclusion.is_duty() && exclusion.agency() == desk.agency())
}

/// How far a name is from what was written; `None` if it is nothing like it. What begins alike is near, the rest is
/// near by at most a third of its characters wrong.
fn distance(text: &str, name: &str) -> Option<usize> {
    let bound = (name.len() / 3).clamp(1, 4);
    let begins_alike = !text.is_empty() && (name.starts_with(text) || text.starts_with(name));
    edit_distance(text.as_bytes(), name.as_bytes(), bound).or(begins_alike.then_some(bound + 1))
}

/// Levenshtein's distance, if it is at most `bound`. It gives up as soon as it cannot be: a refusal must not cost the
/// one writer more than it costs who provokes it.
fn edit_distance(a: &[u8], b: &[u8], bound: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > bound {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        let mut least = left;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            let value = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            left = value;
            least = least.min(value);
            *cell = value;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        if least > bound {
            return None;
        }
    }
    row.last().copied().filter(|edits| *edits <= bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levenshtein's distance, on known pairs, and nothing beyond the bound.
    #[test]
    fn edits_are_counted() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("ru.ctc", "ru.ctv", 1),
            ("ru.ctc", "ur.ctc", 2),
        ] {
            let distance = |bound| edit_distance(a.as_bytes(), b.as_bytes(), bound);
            assert_eq!(distance(edits), Some(edits), "{a} {b}");
            assert_eq!(distance(9), Some(edits), "{a} {b}");
            assert!(edits == 0 || distance(edits - 1).is_none(), "{a} {b}");
        }
    }
}
