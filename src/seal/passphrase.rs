//! Passphrases of protected files, and whom this process asks for one. A passphrase is wiped when dropped, is in no error and
//! no `Debug`, and never comes from an argument or an environment variable, which others may see.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use zeroize::Zeroizing;

use super::file::{KeyFileError, read_plain};
use crate::limits;

/// A passphrase: bytes as they were typed, without the end of the line.
pub struct Passphrase(Zeroizing<String>);

/// A passphrase that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPassphrase {
    /// Nothing.
    #[error("the passphrase is empty")]
    Empty,
    /// More than one line, or too long.
    #[error("a passphrase is one line of at most {max} bytes", max = limits::PASSPHRASE_BYTES_MAX)]
    Form,
    /// A new one that is soon found by trying.
    #[error("a new passphrase has at least {min} characters", min = limits::PASSPHRASE_CHARS_MIN)]
    Short,
}

impl Passphrase {
    /// Takes one line, whose end is left off.
    pub fn new(text: String) -> Result<Self, BadPassphrase> {
        let text = Zeroizing::new(text);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Err(BadPassphrase::Empty);
        }
        if line.len() > limits::PASSPHRASE_BYTES_MAX || line.contains(['\n', '\r', '\0']) {
            return Err(BadPassphrase::Form);
        }
        Ok(Self(Zeroizing::new(line.to_owned())))
    }

    /// The same of one that is to protect something new.
    pub fn check_new(self) -> Result<Self, BadPassphrase> {
        if self.0.chars().count() < limits::PASSPHRASE_CHARS_MIN {
            return Err(BadPassphrase::Short);
        }
        Ok(self)
    }

    /// Reads one from a file that only its owner may read, or from a systemd credential.
    pub fn read_from(path: &Path) -> Result<Self, KeyFileError> {
        let bytes = read_plain(path)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| KeyFileError::NoPassphrase(path.to_owned(), "it is not UTF-8".to_owned()))?;
        Self::new(text.to_owned()).map_err(|bad| KeyFileError::NoPassphrase(path.to_owned(), bad.to_string()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether two are the same; of what one person has just typed twice.
    pub fn is(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

impl Clone for Passphrase {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Who knows the passphrases of this process: a file, or the person at the terminal.
pub trait PassphraseSource: Send + Sync {
    /// The passphrase of a file of which `tried` ones of this source did not open it; none if there is no other.
    fn passphrase(&self, file: &Path, tried: u32) -> Result<Option<Passphrase>, KeyFileError>;
}

static SOURCE: OnceLock<Box<dyn PassphraseSource>> = OnceLock::new();

/// Says whom this process asks, once; gives whether that was the first time. A process has one person or one service behind it, so
/// this is no setting of each key. Unless it is said, there is the systemd credential or nothing.
pub fn ask_for_passphrases(source: Box<dyn PassphraseSource>) -> bool {
    SOURCE.set(source).is_ok()
}

/// The passphrase of a file, from whom this process asks.
pub(super) fn asked(file: &Path, tried: u32) -> Result<Option<Passphrase>, KeyFileError> {
    match SOURCE.get() {
        Some(source) => source.passphrase(file, tried),
        None if tried > 0 => Ok(None),
        None => passphrase_credential(),
    }
}

/// The systemd credential that holds the passphrase (`LoadCredential=` or `LoadCredentialEncrypted=wardline-passphrase:…`), if
/// the service has one.
pub fn passphrase_credential() -> Result<Option<Passphrase>, KeyFileError> {
    let Some(path) = credentials().map(|directory| directory.join("wardline-passphrase")) else {
        return Ok(None);
    };
    if !path.exists() {
        return Ok(None);
    }
    Passphrase::read_from(&path).map(Some)
}

/// Where systemd puts what it hands to this service: memory that only the service sees.
pub(super) fn credentials() -> Option<PathBuf> {
    let directory = PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?);
    directory.is_absolute().then_some(directory)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// One line is a passphrase, its end left off; a table. None is shown.
    #[test]
    fn a_passphrase_is_one_line() {
        let of = |text: &str| Passphrase::new(text.to_owned());
        for same in ["a b", "a b\n", "a b\r\n"] {
            assert!(of(same).unwrap().is(&of("a b").unwrap()), "{same:?}");
        }
        assert!(!of("a b ").unwrap().is(&of("a b").unwrap()));
        for (text, why) in [
            ("", BadPassphrase::Empty),
            ("\n", BadPassphrase::Empty),
            ("a\nb\n", BadPassphrase::Form),
            ("a\0", BadPassphrase::Form),
            (&"x".repeat(limits::PASSPHRASE_BYTES_MAX + 1), BadPassphrase::Form),
        ] {
            assert_eq!(of(text).err(), Some(why), "{text:?}");
        }
        assert_eq!(
            of("eleven char").unwrap().check_new().err(),
            Some(BadPassphrase::Short)
        );
        assert!(of("twelve chars").unwrap().check_new().is_ok());
        assert_eq!(format!("{:?}", of("secret").unwrap()), "Passphrase(..)");
    }
}
