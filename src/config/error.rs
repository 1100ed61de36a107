//! Why a configuration is refused. Each names the place where it can be mended.

use std::io;
use std::path::PathBuf;

use super::Source;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the parser said.
        message: String,
    },
    /// There is no such setting.
    #[error("{origin}: unknown setting {key:?}{}", near_suffix(near))]
    Unknown {
        /// Where it was made.
        origin: Source,
        /// Its name.
        key: String,
        /// Names like it.
        near: Vec<String>,
    },
    /// The value is of another kind.
    #[error("{origin}: {key} takes {expected}")]
    WrongKind {
        /// Where it was made.
        origin: Source,
        /// Its name.
        key: String,
        /// What it takes.
        expected: &'static str,
    },
    /// A setting that must be made was not.
    #[error("the setting {key:?} is missing")]
    Missing {
        /// Its name.
        key: String,
    },
    /// The value does not fit.
    #[error("{origin}: {key} = {value:?}: {reason}")]
    Invalid {
        /// Where it was made.
        origin: Source,
        /// Its name.
        key: String,
        /// What was given.
        value: String,
        /// Why it does not fit.
        reason: String,
    },
}

fn near_suffix(near: &[String]) -> String {
    if near.is_empty() {
        String::new()
    } else {
        format!("; near: {}", near.join(", "))
    }
}
