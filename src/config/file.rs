//! Reads the TOML file into dotted names, each with the line it stands on.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConfigError, Effective, Key, Kind, Source, find, unknown, wrong_kind};
use crate::limits::CONFIG_BYTES_MAX;

/// Every setting of the file.
pub(super) fn read(keys: &[Key], path: &Path) -> Result<Vec<(String, Effective)>, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(failed)?.len() > CONFIG_BYTES_MAX {
        let why = format!("longer than {CONFIG_BYTES_MAX} bytes");
        return Err(failed(std::io::Error::other(why)));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let document = DeTable::parse(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let (line, column) = position(&text, at);
        ConfigError::Syntax {
            path: path.to_owned(),
            line,
            column,
            message: error.message().replace('\n', ", "),
        }
    })?;
    let mut reader = Reader {
        keys,
        path,
        text: &text,
        found: Vec::new(),
    };
    reader.table("", document.get_ref())?;
    Ok(reader.found)
}

struct Reader<'a> {
    keys: &'a [Key],
    path: &'a Path,
    text: &'a str,
    found: Vec<(String, Effective)>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            let source = self.source(key.span().start);
            match (find(self.keys, &name), value.get_ref()) {
                (Some(key), value) => {
                    let values = self
                        .values(key.kind, value)
                        .ok_or_else(|| wrong_kind(key, &name, source.clone()))?;
                    self.found.push((name, Effective { values, source }));
                }
                (None, DeValue::Table(inner)) if self.is_table(&name) => {
                    self.table(&format!("{name}."), inner)?;
                }
                (None, _) => return Err(unknown(self.keys, &name, source)),
            }
        }
        Ok(())
    }

    fn is_table(&self, name: &str) -> bool {
        let below = |key: &Key| {
            key.name
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        self.keys.iter().any(below)
    }

    fn values(&self, kind: Kind, value: &DeValue<'_>) -> Option<Vec<String>> {
        match kind {
            Kind::Text => Some(vec![value.as_str()?.to_owned()]),
            Kind::Integer => {
                let integer = value.as_integer()?;
                let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
                Some(vec![number.to_string()])
            }
            Kind::Path => Some(vec![self.path(value.as_str()?)]),
            Kind::Texts => value
                .as_array()?
                .iter()
                .map(|text: &Spanned<DeValue<'_>>| Some(text.get_ref().as_str()?.to_owned()))
                .collect(),
            Kind::Paths => value
                .as_array()?
                .iter()
                .map(|path: &Spanned<DeValue<'_>>| Some(self.path(path.get_ref().as_str()?)))
                .collect(),
        }
    }

    /// Relative to the file, so that a configuration means the same wherever the daemon is started.
    fn path(&self, path: &str) -> String {
        match self.path.parent() {
            Some(directory) => directory.join(path).to_string_lossy().into_owned(),
            None => path.to_owned(),
        }
    }

    fn source(&self, at: usize) -> Source {
        Source::File {
            path: self.path.to_owned(),
            line: position(self.text, at).0,
        }
    }
}

/// Line and column (in characters) of a byte, both from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}
