//! Names like one that was mistyped, so that an error can offer them.

use crate::limits::NEAR_NAMES_MAX;

/// The names closest to `name`: at most a third of its letters away, best first.
///
/// ```
/// use wardline::config::near_names;
/// assert_eq!(near_names("lisen", ["listen", "origin"]), ["listen"]);
/// ```
pub fn near_names<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let bound = (name.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .collect();
    near.sort();
    near.dedup();
    near.into_iter()
        .take(NEAR_NAMES_MAX)
        .map(|(_, candidate)| candidate.to_owned())
        .collect()
}
