//! Passphrases for the commands: from `--passphrase-file`, from systemd, or from the person at the terminal, who sees nothing of
//! what is typed. What was given once is tried for the next file too, as the keys of a profile mostly have the same one.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::session::at_a_terminal;
use super::{Context, Fault};
use crate::limits;
use crate::seal::{KeyFileError, Passphrase, PassphraseSource, passphrase_credential};

/// Whom this process asks for the passphrases of its files.
pub(super) struct Asked {
    file: Option<PathBuf>,
    /// The one that was given last.
    last: Mutex<Option<Passphrase>>,
}

impl Asked {
    pub(super) fn of(context: &Context) -> Self {
        Self {
            file: context.passphrase_file.clone(),
            last: Mutex::new(None),
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Passphrase>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PassphraseSource for Asked {
    fn passphrase(&self, file: &Path, tried: u32) -> Result<Option<Passphrase>, KeyFileError> {
        if let Some(named) = &self.file {
            return match tried {
                0 => Passphrase::read_from(named).map(Some),
                _ => Ok(None),
            };
        }
        if tried == 0 {
            if let Some(given) = passphrase_credential()? {
                return Ok(Some(given));
            }
            if let Some(last) = self.last().clone() {
                return Ok(Some(last));
            }
        }
        if !at_a_terminal() || tried >= limits::PASSPHRASE_TRIES_MAX {
            return Ok(None);
        }
        let again = if tried > 0 { "That is not it. " } else { "" };
        let typed = typed(&format!("{again}Passphrase of {}: ", file.display()))
            .map_err(|error| KeyFileError::NoPassphrase(file.to_owned(), error.to_string()))?;
        *self.last() = Some(typed.clone());
        Ok(Some(typed))
    }
}

/// A passphrase for something new: from the file, or typed twice.
pub(super) fn new_passphrase(context: &Context) -> Result<Passphrase, Fault> {
    if let Some(file) = &context.passphrase_file {
        return Passphrase::read_from(file)
            .map_err(Fault::usage)?
            .check_new()
            .map_err(Fault::usage);
    }
    if let Some(given) = passphrase_credential().map_err(Fault::usage)? {
        return given.check_new().map_err(Fault::usage);
    }
    if !at_a_terminal() {
        return Err(Fault::usage(
            "Nobody can be asked for a passphrase here: give it with --passphrase-file FILE",
        ));
    }
    let first = typed("A new passphrase: ")
        .map_err(Fault::usage)?
        .check_new()
        .map_err(Fault::usage)?;
    let second = typed("The same once more: ").map_err(Fault::usage)?;
    if !first.is(&second) {
        return Err(Fault::usage(
            "These were two different passphrases: nothing was done",
        ));
    }
    Ok(first)
}

/// Shows nothing of what is typed while it lives, and puts the terminal back however it ends. Ctrl-C comes as a character
/// meanwhile: a signal would end the process and leave the terminal as it is.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
        let _ = writeln!(io::stderr());
    }
}

fn typed(question: &str) -> io::Result<Passphrase> {
    let mut terminal = io::stderr().lock();
    write!(terminal, "{question}")?;
    terminal.flush()?;
    drop(terminal);
    let quiet = Quiet::begin()?;
    let line = line_of(io::stdin().lock());
    drop(quiet);
    Passphrase::new(line?.to_string()).map_err(io::Error::other)
}

/// What a person types until the end of the line, with what he takes back.
fn line_of(mut keys: impl io::Read) -> io::Result<Zeroizing<String>> {
    // Room for all of it at once: a buffer that grows leaves copies behind that nobody wipes.
    let mut line = Zeroizing::new(Vec::with_capacity(limits::PASSPHRASE_BYTES_MAX + 1));
    loop {
        let mut key = Zeroizing::new([0u8; 1]);
        if keys.by_ref().read(key.as_mut_slice())? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let [typed] = *key;
        match typed {
            b'\n' | b'\r' => break,
            // Ctrl-C and Ctrl-D.
            3 | 4 => {
                return Err(io::Error::new(
                    io::ErrorKind::Interrupted,
                    "nothing was typed to the end",
                ));
            }
            // Backspace takes a whole character.
            8 | 127 => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            // Ctrl-U.
            21 => line.clear(),
            byte if line.len() < limits::PASSPHRASE_BYTES_MAX => line.push(byte),
            _ => return Err(io::Error::other("the passphrase is too long")),
        }
    }
    match std::str::from_utf8(&line) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(io::Error::other("the passphrase is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What is taken back is not in it, by whole characters; an interrupted line is none. A table.
    #[test]
    fn a_line_is_typed() {
        for (typed, line) in [
            ("secret\nrest", Some("secret")),
            ("secret\r", Some("secret")),
            ("se\u{7f}\u{8}x\n", Some("x")),
            ("sé\u{7f}e\n", Some("se")),
            ("wrong\u{15}right\n", Some("right")),
            ("\u{7f}\n", Some("")),
            ("sec\u{3}ret\n", None),
            ("sec\u{4}", None),
            ("secret", None),
        ] {
            let read = line_of(typed.as_bytes()).ok();
            assert_eq!(read.as_deref().map(String::as_str), line, "{typed:?}");
        }
        assert!(line_of(&[0xff, b'\n'][..]).is_err());
        assert!(line_of("x".repeat(limits::PASSPHRASE_BYTES_MAX + 1).as_bytes()).is_err());
    }
}
