//! How a command ends: its exit code, and what it says when it did not do what it was asked. Scripts act on the
//! numbers, so they never change their meaning.

use std::fmt;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::error::{ErrorCode, Refused};

/// The exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: refused; sending the same again changes nothing.
    Refused,
    /// 2: the command line, a file or a setting is wrong.
    Usage,
    /// 3: nothing happened; the same may succeed later.
    Retry,
    /// 4: not known whether it happened; it is kept in the outbox.
    Unknown,
    /// 5: something did not verify. Wake someone.
    VerificationFailed,
    /// 6: what was waited for did not come in time.
    TimedOut,
}

impl Exit {
    /// The number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Retry => 3,
            Self::Unknown => 4,
            Self::VerificationFailed => 5,
            Self::TimedOut => 6,
        }
    }
}

/// The same for people, below the help of every command.
pub const EXIT_CODES: &str = "Exit codes: 0 done; 1 refused; 2 the command line, a file or a setting is wrong; 3 nothing happened, try again; 4 not known whether it happened, it is kept in the outbox; 5 something did not verify, wake someone; 6 it did not come in time.";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// Why a command did not do what it was asked. Holds no secret and no body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong, one sentence or a few lines.
    pub sentence: String,
    /// The relay's code, if it was the relay that said so.
    pub code: Option<ErrorCode>,
    /// What to do about it; may be empty.
    pub what_to_do: String,
}

impl Fault {
    /// A fault that says only what is wrong.
    pub fn new(exit: Exit, sentence: impl fmt::Display) -> Self {
        Self {
            exit,
            sentence: sentence.to_string(),
            code: None,
            what_to_do: String::new(),
        }
    }

    /// The command line, a file or a setting is wrong.
    pub fn usage(sentence: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    /// Refused; sending the same again changes nothing.
    pub fn refused(sentence: impl fmt::Display) -> Self {
        Self::new(Exit::Refused, sentence)
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn advising(mut self, what_to_do: impl Into<String>) -> Self {
        self.what_to_do = what_to_do.into();
        self
    }

    /// As one JSON object.
    pub fn object(&self) -> Value {
        json!({
            "error": self.sentence,
            "code": self.code.map(ErrorCode::name),
            "what_to_do": self.what_to_do,
            "exit": self.exit.number(),
        })
    }

    /// As standard error shows it: one JSON object, or sentences.
    pub fn render(&self, json: bool) -> String {
        if json {
            return self.object().to_string();
        }
        let code = self.code.map(|code| format!(" [{code}]")).unwrap_or_default();
        let mut text = format!("wardline: {}{code}", self.sentence);
        if !self.what_to_do.is_empty() {
            text.push_str("\n  ");
            text.push_str(&self.what_to_do);
        }
        text
    }
}

impl From<Refused> for Fault {
    /// A refusal by its code: what may succeed later is exit 3. Nothing of it is in an outbox.
    fn from(refused: Refused) -> Self {
        let exit = if refused.code.retryable() {
            Exit::Retry
        } else {
            Exit::Refused
        };
        let mut sentence = match refused.field.as_str() {
            "" => refused.sentence,
            field => format!("{field}: {}", refused.sentence),
        };
        if !refused.near.is_empty() {
            sentence.push_str(&format!(" (near: {})", refused.near.join(", ")));
        }
        Self {
            exit,
            sentence,
            code: Some(refused.code),
            what_to_do: refused.code.what_to_do().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are an interface; a table holds them.
    #[test]
    fn exit_codes_are_stable() {
        let table = [
            (Exit::Done, 0),
            (Exit::Refused, 1),
            (Exit::Usage, 2),
            (Exit::Retry, 3),
            (Exit::Unknown, 4),
            (Exit::VerificationFailed, 5),
            (Exit::TimedOut, 6),
        ];
        for (exit, number) in table {
            assert_eq!(exit.number(), number);
        }
    }

    /// Each relay's code leads to one exit: refused for good, or to be tried again. Exit 4 is for what is in an outbox.
    #[test]
    fn a_refusal_says_whether_to_retry() {
        for (code, exit) in [
            (ErrorCode::Expired, Exit::Refused),
            (ErrorCode::Overloaded, Exit::Retry),
            (ErrorCode::Draining, Exit::Retry),
            (ErrorCode::Unavailable, Exit::Retry),
            (ErrorCode::Internal, Exit::Retry),
        ] {
            assert_eq!(Fault::from(Refused::new(code, "because")).exit, exit, "{code}");
        }
    }

    /// A fault is one JSON object, or sentences with the code and the advice.
    #[test]
    fn a_fault_is_shown_in_both_ways() {
        let fault = Fault::from(Refused::new(ErrorCode::NoChange, "it is so already"));
        assert_eq!(
            fault.render(false),
            "wardline: it is so already [NO_CHANGE]\n  Nothing is to be done: it is so already."
        );
        assert_eq!(
            fault.render(true),
            r#"{"code":"NO_CHANGE","error":"it is so already","exit":1,"what_to_do":"Nothing is to be done: it is so already."}"#
        );
    }
}
