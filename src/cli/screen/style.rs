//! Colours, where there is a terminal that wants them. Every change is undone on its own line, so that a cut line never
//! colours what follows.

use std::io::IsTerminal as _;

use crate::domain::Status;

/// What a stretch of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// The status line.
    Status(Status),
    /// What is read first.
    Strong,
    /// A label.
    Quiet,
    /// What was verified.
    Good,
    /// What wants attention.
    Alarm,
}

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Select Graphic Rendition, 8 colours.
    On,
    /// Plain text.
    Off,
}

impl Colours {
    /// On for a terminal, unless `NO_COLOR` is set (no-color.org) or the terminal is dumb.
    pub fn of_stdout() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb {
            Self::On
        } else {
            Self::Off
        }
    }

    /// `text` in this tone.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        match self {
            Self::Off => text.to_owned(),
            Self::On => format!("\x1b[{}m{text}\x1b[0m", tone.sgr()),
        }
    }
}

impl Tone {
    const fn sgr(self) -> &'static str {
        match self {
            Self::Status(Status::Actual) => "1;37;41",
            Self::Status(Status::Exercise) => "1;30;43",
            Self::Status(Status::System) => "1;37;44",
            Self::Status(Status::Test) => "1;30;47",
            Self::Strong => "1",
            Self::Quiet => "2",
            Self::Good => "32",
            Self::Alarm => "1;31",
        }
    }
}
