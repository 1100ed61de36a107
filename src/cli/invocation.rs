//! How a person can call this very program again: what a command line that is shown must begin with, so that it works when
//! it is copied.

use std::path::{Path, PathBuf};

use super::Context;
use super::screen::quoted;

/// The program: by its name if that finds it, else by its path from here.
pub(super) fn program() -> String {
    let Ok(ours) = std::env::current_exe().and_then(std::fs::canonicalize) else {
        return "wardline".to_owned();
    };
    let search = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&search).collect::<Vec<_>>();
    let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
    shown(&ours, &directories, here.as_deref())
}

/// The program, with the profile in use unless the environment names that.
pub(super) fn with_profile(context: &Context) -> String {
    let named = std::env::var_os("WARDLINE_PROFILE");
    match &context.profile {
        Some(profile) if named.as_deref() != Some(profile.as_os_str()) && !profile.as_os_str().is_empty() => {
            format!(
                "{} --profile {}",
                program(),
                quoted(&profile.display().to_string())
            )
        }
        Some(_) | None => program(),
    }
}

fn shown(ours: &Path, search: &[PathBuf], here: Option<&Path>) -> String {
    let is_ours = |directory: &PathBuf| {
        let found = std::fs::canonicalize(directory.join("wardline"));
        found.is_ok_and(|found| found == ours)
    };
    if search.iter().any(is_ours) {
        return "wardline".to_owned();
    }
    let below = here.and_then(|here| ours.strip_prefix(here).ok());
    let path = match below {
        // Without a slash a shell would look for it elsewhere.
        Some(below) if below.components().count() == 1 => Path::new(".").join(below),
        Some(below) => below.to_owned(),
        None => ours.to_owned(),
    };
    quoted(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// By name where the search finds this very file, by the shortest path else; a table.
    #[test]
    fn the_program_is_called_as_a_shell_finds_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(directory.path()).unwrap();
        let (bin, other) = (root.join("bin"), root.join("other place"));
        for place in [&bin, &other] {
            std::fs::create_dir(place).unwrap();
            std::fs::write(place.join("wardline"), "").unwrap();
        }
        let ours = bin.join("wardline");
        let full = ours.display().to_string();
        for (ours, search, here, expected) in [
            (&ours, vec![bin.clone()], None, "wardline"),
            (&ours, vec![other.clone()], Some(&root), "bin/wardline"),
            (&ours, vec![], Some(&bin), "./wardline"),
            (&ours, vec![], Some(&other), full.as_str()),
            (
                &other.join("wardline"),
                vec![],
                Some(&root),
                "'other place/wardline'",
            ),
        ] {
            assert_eq!(shown(ours, &search, here.map(PathBuf::as_path)), expected);
        }
    }
}
