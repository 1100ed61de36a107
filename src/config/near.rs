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
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .collect();
    near.sort();
    near.dedup();
    near.into_iter()
        .take(NEAR_NAMES_MAX)
        .map(|(_, candidate)| candidate.to_owned())
        .collect()
}

/// Letters to add, drop, change, or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    // Two rows of the table before the current one; a row is the distances of a prefix of `a` to all prefixes of `b`.
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut previous_letter = None;
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&row, j) + usize::from(x != *y))
                .min(at(&row, j + 1) + 1)
                .min(at(&next, j) + 1);
            let swapped = j > 0 && previous_letter == Some(*y) && b.get(j - 1) == Some(&x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
        previous_letter = Some(x);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distances of a table, swaps counted once.
    #[test]
    fn distances_are_counted() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("listen", "listen", 0),
            ("lisetn", "listen", 1),
            ("orign", "origin", 1),
            ("data", "date_dir", 5),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }
}
