//! Settings from a TOML file, the environment and flags, laid over each other, each with where it came from.
//!
//! Which settings there are is handed in as a table of [`Key`]s by whoever uses them. An unknown name, a value of
//! the wrong kind and a missing value are errors that name the file and line, the variable or the flag; nothing is
//! passed over in silence, and all of it happens before a port is bound.

mod error;
mod file;
mod near;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

pub use error::ConfigError;
pub use near::near_names;

/// What every environment variable that is a setting begins with; `__` stands for the dot between tables.
pub const ENVIRONMENT_PREFIX: &str = "WARDLINE_";

/// Variables with that prefix that are no settings of a relay.
const OTHER_VARIABLES: [&str; 1] = ["WARDLINE_PROFILE"];

/// One setting that may be made.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted (`tls.key_file`); a last part of `*` stands for any name.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// Its value if nobody sets it; none: it may be absent.
    pub default: Option<&'static str>,
    /// For people, one line.
    pub help: &'static str,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A path; in a file relative to that file's directory.
    Path,
    /// A list of paths; in a variable or flag separated by commas.
    Paths,
    /// A list of texts; in a variable or flag separated by commas.
    Texts,
}

impl Kind {
    const fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Integer => "a whole number",
            Self::Path => "a path in quotes",
            Self::Paths => "a list of paths in quotes",
            Self::Texts => "a list of texts in quotes",
        }
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A file.
    File {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One effective value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// One, or several of a list.
    pub values: Vec<String>,
    /// Where it came from.
    pub source: Source,
}

/// A setting made by a flag.
#[derive(Debug, Clone)]
pub struct FlagSetting {
    /// The flag, as the person wrote it.
    pub flag: String,
    /// The setting.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// All effective settings.
#[derive(Debug, Clone)]
pub struct Settings {
    values: BTreeMap<String, Effective>,
}

impl Settings {
    /// Lays the defaults, the file, the environment and the flags over each other; the later wins.
    pub fn load(
        keys: &[Key],
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[FlagSetting],
    ) -> Result<Self, ConfigError> {
        let mut values = BTreeMap::new();
        for key in keys {
            if let Some(default) = key.default {
                let effective = Effective {
                    values: vec![default.to_owned()],
                    source: Source::Default,
                };
                values.insert(key.name.to_owned(), effective);
            }
        }
        if let Some(path) = file {
            values.extend(file::read(keys, path)?);
        }
        for (variable, value) in environment {
            let Some(name) = variable.strip_prefix(ENVIRONMENT_PREFIX) else {
                continue;
            };
            if OTHER_VARIABLES.contains(&variable.as_str()) {
                continue;
            }
            let name = name.to_ascii_lowercase().replace("__", ".");
            set(&mut values, keys, &name, &value, Source::Environment(variable))?;
        }
        for FlagSetting { flag, key, value } in flags {
            set(&mut values, keys, key, value, Source::Flag(flag.clone()))?;
        }
        Ok(Self { values })
    }

    /// A value that must be there.
    pub fn required<T>(&self, key: &str) -> Result<T, ConfigError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.optional(key)?
            .ok_or_else(|| ConfigError::Missing { key: key.to_owned() })
    }

    /// A value that may be absent.
    pub fn optional<T>(&self, key: &str) -> Result<Option<T>, ConfigError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        match self
            .values
            .get(key)
            .and_then(|effective| effective.values.first())
        {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|error| self.refuse(key, error)),
        }
    }

    /// All values of a list; none if it is absent.
    pub fn list<T>(&self, key: &str) -> Result<Vec<T>, ConfigError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let values = self
            .values
            .get(key)
            .map_or(&[][..], |effective| &effective.values);
        let parsed = values.iter().map(|text| text.parse());
        parsed
            .collect::<Result<_, _>>()
            .map_err(|error| self.refuse(key, error))
    }

    /// The names under `table.`, each with its values.
    pub fn table(&self, table: &str) -> impl Iterator<Item = (&str, &Effective)> {
        self.values.iter().filter_map(move |(key, effective)| {
            Some((key.strip_prefix(table)?.strip_prefix('.')?, effective))
        })
    }

    /// Every effective value by its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Effective)> {
        self.values
            .iter()
            .map(|(key, effective)| (key.as_str(), effective))
    }

    /// An error about the value of a setting, which says where that value came from.
    pub fn refuse(&self, key: &str, reason: impl fmt::Display) -> ConfigError {
        let (value, source) = match self.values.get(key) {
            Some(effective) => (effective.values.join(", "), effective.source.clone()),
            None => (String::new(), Source::Default),
        };
        ConfigError::Invalid {
            origin: source,
            key: key.to_owned(),
            value,
            reason: reason.to_string(),
        }
    }

    /// SHA-256 over every effective name and value. Settings hold names of key files, never keys, so it is of the
    /// configuration without its secrets.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for (key, effective) in &self.values {
            // Lengths first, so that no two configurations are written alike.
            hash.update((key.len() as u64).to_be_bytes());
            hash.update(key);
            hash.update((effective.values.len() as u64).to_be_bytes());
            for value in &effective.values {
                hash.update((value.len() as u64).to_be_bytes());
                hash.update(value);
            }
        }
        hash.finalize().into()
    }
}

/// Sets one value that was written as plain text.
fn set(
    values: &mut BTreeMap<String, Effective>,
    keys: &[Key],
    name: &str,
    text: &str,
    source: Source,
) -> Result<(), ConfigError> {
    let key = find(keys, name).ok_or_else(|| unknown(keys, name, source.clone()))?;
    let parsed = match key.kind {
        Kind::Text | Kind::Path => vec![text.to_owned()],
        Kind::Integer => match text.trim().parse::<i64>() {
            Ok(number) => vec![number.to_string()],
            Err(_) => return Err(wrong_kind(key, name, source)),
        },
        Kind::Paths | Kind::Texts => text.split(',').map(|part| part.trim().to_owned()).collect(),
    };
    values.insert(
        name.to_owned(),
        Effective {
            values: parsed,
            source,
        },
    );
    Ok(())
}

/// The key of that name; a `*` takes any last part.
fn find<'k>(keys: &'k [Key], name: &str) -> Option<&'k Key> {
    let wild = |key: &&Key| {
        let table = key.name.strip_suffix('*')?;
        let last = name.strip_prefix(table)?;
        (!last.is_empty() && !last.contains('.')).then_some(())
    };
    keys.iter()
        .find(|key| key.name == name)
        .or_else(|| keys.iter().find(|key| wild(key).is_some()))
}

fn unknown(keys: &[Key], name: &str, origin: Source) -> ConfigError {
    ConfigError::Unknown {
        origin,
        key: name.to_owned(),
        near: near_names(name, keys.iter().map(|key| key.name)),
    }
}

fn wrong_kind(key: &Key, name: &str, origin: Source) -> ConfigError {
    ConfigError::WrongKind {
        origin,
        key: name.to_owned(),
        expected: key.kind.expected(),
    }
}

#[cfg(test)]
mod tests;
