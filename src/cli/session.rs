//! What the commands that use a profile share: opening it, how a failure of the SDK ends the command, questions to the
//! person at the terminal, and tables.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use super::screen::width_of;
use super::{Context, Exit, Fault};
use crate::client::{Client, ClientError, DirectoryNews, Outcome, ProfileDir};

impl From<ClientError> for Fault {
    fn from(error: ClientError) -> Self {
        let kept = matches!(error, ClientError::Kept { .. });
        let exit = match error.outcome() {
            Outcome::Refused => Exit::Refused,
            Outcome::Usage => Exit::Usage,
            Outcome::NothingHappened => Exit::Retry,
            // Where nothing was signed, or nothing was kept, there is nothing in the outbox to be sent again.
            Outcome::Unknown => {
                if kept {
                    Exit::Unknown
                } else {
                    Exit::Retry
                }
            }
            Outcome::VerificationFailed => Exit::VerificationFailed,
            Outcome::TimedOut => Exit::TimedOut,
        };
        let mut sentence = error.to_string();
        if let ClientError::Refused(refusal) = error.cause() {
            // The code is shown beside the sentence.
            sentence.clone_from(&refusal.refused.sentence);
            if !refusal.refused.field.is_empty() {
                sentence = format!("{}: {sentence}", refusal.refused.field);
            }
            if !refusal.refused.near.is_empty() {
                let _ = write!(sentence, " (near: {})", refusal.refused.near.join(", "));
            }
            if let Some(index) = refusal.rejected_at {
                let _ = write!(sentence, " (the refusal is on the record, index {index})");
            }
            if kept {
                sentence.push_str("; it is kept in the outbox");
            }
        }
        Self {
            exit,
            sentence,
            code: error.code(),
            what_to_do: error.what_to_do(),
        }
    }
}

/// The bytes of a file that a person named.
pub(super) fn given(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let bytes = crate::files::read(path, bytes_max).map_err(Fault::usage)?;
    bytes.ok_or_else(|| Fault::usage(format!("{}: there is no such file", path.display())))
}

/// The profile of `--profile` or `WARDLINE_PROFILE`.
pub(super) fn profile(context: &Context) -> Result<ProfileDir, Fault> {
    match &context.profile {
        Some(path) => Ok(ProfileDir::new(path)),
        None => Err(Fault::usage(
            "no profile is named: use --profile DIR or WARDLINE_PROFILE",
        )),
    }
}

/// Opens the profile. Connects to nobody yet.
pub(super) fn open(context: &Context) -> Result<Client, Fault> {
    Ok(Client::open(&profile(context)?)?)
}

/// Whether a person sits there, who can be asked.
pub(super) fn at_a_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a person to type a word; anything else is a no.
pub(super) fn asked_to_type(question: &str, word: &str) -> Result<(), Fault> {
    let answer = asked(&format!("{question}\nType {word} to go on: "))?;
    if answer.trim() == word {
        Ok(())
    } else {
        Err(Fault::refused(format!("{word} was not typed: nothing was done")))
    }
}

/// What a person types at a question.
pub(super) fn asked(question: &str) -> Result<String, Fault> {
    let cannot = |error: io::Error| Fault::usage(format!("cannot ask: {error}"));
    let mut terminal = io::stderr().lock();
    write!(terminal, "{question}").map_err(cannot)?;
    terminal.flush().map_err(cannot)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(cannot)?;
    Ok(answer)
}

/// Asks for a word unless `--yes` was given; where nobody can be asked, `--yes` is needed.
pub(super) fn confirmed(yes: bool, question: &str, word: &str) -> Result<(), Fault> {
    if yes {
        Ok(())
    } else if at_a_terminal() {
        asked_to_type(question, word)
    } else {
        Err(Fault::usage(format!(
            "{question}\nNobody can be asked here: say --yes"
        )))
    }
}

/// What is new in the directory, for people, on standard error: a new key in the place of a confirmed one above all.
pub(super) fn tell_news(news: &[DirectoryNews]) {
    for item in news {
        if let DirectoryNews::NewKey {
            principal,
            keyid,
            role,
            replaces_confirmed: true,
            ..
        } = item
        {
            eprintln!(
                "wardline: WARNING: {principal} has a new {role} key {keyid}, and you confirmed another one. Compare its fingerprint with {principal} (wardline directory show {principal}), then confirm it."
            );
        }
    }
}

/// Rows under a header, each column as wide as its widest cell.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| width_of(cell)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(width_of(cell));
        }
    }
    let mut text = String::new();
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let pad = width.saturating_sub(width_of(cell));
            let _ = write!(line, "{cell}{:pad$}  ", "");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.pop();
    text
}

/// A word of the field, in the way that people type.
pub(super) fn word<T: std::str::FromStr>(text: &str) -> Result<T, T::Err> {
    text.trim().to_ascii_uppercase().replace('-', "_").parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns line up, and no line ends in spaces.
    #[test]
    fn a_table_lines_up() {
        let rows = [
            vec!["be.ctc".to_owned(), "3".to_owned()],
            vec!["x".to_owned(), String::new()],
        ];
        assert_eq!(table(&["agency", "n"], &rows), "agency  n\nbe.ctc  3\nx");
    }
}
