//! `wardline draft`: writing a warning, offline. `check` says in sentences what is wrong, where, and what the relay would
//! refuse; it sends nothing, signs nothing and needs no profile.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::{Context, Exit, Fault};
use crate::client::draft::{Draft, Faults, Positions, TEMPLATE, When};
use crate::domain::{Address, Handling, NotifyVictim, Onward};
use crate::limits;
use crate::time::{Clock as _, SystemClock, Timestamp};
use crate::wire;

/// Write a warning, offline.
#[derive(Debug, Subcommand)]
pub(crate) enum DraftCommand {
    /// Print a draft to fill in, with a comment on each key; with --json as {"draft": "…"}.
    New {
        /// Write it to this new file instead.
        file: Option<PathBuf>,
    },
    /// Say what is wrong with drafts, and what the relay would refuse.
    Check {
        /// Drafts in YAML or JSON; - is standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Runs one of them. Exit 2: not a draft; 1: the relay would refuse it.
pub(crate) fn run(command: DraftCommand, context: &Context) -> Result<Exit, Fault> {
    match command {
        DraftCommand::New { file: None } => {
            context.emit(&serde_json::json!({ "draft": TEMPLATE }), TEMPLATE.trim_end())?;
            Ok(Exit::Done)
        }
        DraftCommand::New { file: Some(path) } => {
            write_new(&path)?;
            let text = format!(
                "{} is there to be filled in; then: wardline draft check {0}",
                path.display()
            );
            context.emit(&serde_json::json!({ "file": path }), text)?;
            Ok(Exit::Done)
        }
        DraftCommand::Check { files } => {
            let now = SystemClock.now();
            let mut worst = Exit::Done;
            for path in files {
                let report = Report::of(&path, &read_file(&path)?, now);
                context.emit(&report, report.to_text())?;
                worst = match (worst, report.exit()) {
                    (Exit::Usage, _) | (_, Exit::Usage) => Exit::Usage,
                    (Exit::Refused, _) | (_, Exit::Refused) => Exit::Refused,
                    _ => Exit::Done,
                };
            }
            Ok(worst)
        }
    }
}

/// The text of a draft file, bounded; `-` is standard input.
pub(crate) fn read_file(path: &Path) -> Result<String, Fault> {
    let fault = |error: std::io::Error| Fault::usage(format!("{}: {error}", name(path)));
    let mut bytes = Vec::new();
    let bound = u64::try_from(limits::DRAFT_BYTES_MAX)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(bound)
            .read_to_end(&mut bytes)
            .map_err(fault)?;
    } else {
        let file = std::fs::File::open(path).map_err(fault)?;
        file.take(bound).read_to_end(&mut bytes).map_err(fault)?;
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error
            .as_bytes()
            .get(..error.utf8_error().valid_up_to())
            .unwrap_or_default();
        let line = good.split(|byte| *byte == b'\n').count();
        Fault::usage(format!("{}:{line}: this is not UTF-8", name(path)))
    })
}

/// A draft from its text, or every fault of it with the name of its file.
pub(crate) fn parse(path: &Path, text: &str) -> Result<(Draft, Positions), Fault> {
    Draft::parse_located(text).map_err(|faults: Faults| {
        let lines: Vec<String> = faults
            .iter()
            .map(|fault| format!("{}:{fault}", name(path)))
            .collect();
        Fault::usage(lines.join("\n"))
    })
}

fn write_new(path: &Path) -> Result<(), Fault> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(TEMPLATE.as_bytes()))
        .map_err(|error| Fault::usage(format!("{}: {error}", name(path))))
}

fn name(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// What is said of one draft.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    ok: bool,
    /// What it is, if it can be read.
    summary: Option<String>,
    faults: Vec<Said>,
    notes: Vec<String>,
}

/// One fault: of the text, or of what it says.
#[derive(Debug, Serialize)]
struct Said {
    line: usize,
    column: usize,
    key: String,
    /// The relay's code, if it is a rule of the relay's.
    code: Option<&'static str>,
    sentence: String,
}

impl Report {
    fn of(path: &Path, text: &str, now: Timestamp) -> Self {
        let mut report = Self {
            file: name(path),
            ok: false,
            summary: None,
            faults: Vec::new(),
            notes: Vec::new(),
        };
        match Draft::parse_located(text) {
            Err(faults) => {
                report.faults.extend(faults.iter().map(|fault| Said {
                    line: fault.at.line,
                    column: fault.at.column,
                    key: fault.path.clone(),
                    code: None,
                    sentence: fault.sentence.clone(),
                }));
            }
            Ok((draft, positions)) => {
                report.summary = Some(summary(&draft, now));
                report.notes = draft.notes();
                report
                    .faults
                    .extend(draft.refusals(now).into_iter().map(|refused| {
                        let at = positions.of(&refused.field);
                        Said {
                            line: at.line,
                            column: at.column,
                            key: refused.field,
                            code: Some(refused.code.name()),
                            sentence: refused.sentence,
                        }
                    }));
                report.ok = report.faults.is_empty();
            }
        }
        report
    }

    fn exit(&self) -> Exit {
        match (self.ok, &self.summary) {
            (true, _) => Exit::Done,
            (false, Some(_)) => Exit::Refused,
            (false, None) => Exit::Usage,
        }
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        let file = &self.file;
        if let Some(summary) = &self.summary {
            let _ = writeln!(text, "{file}: {summary}");
        }
        for Said {
            line,
            column,
            key,
            code,
            sentence,
        } in &self.faults
        {
            let key = if key.is_empty() {
                String::new()
            } else {
                format!("{key}: ")
            };
            let code = code.map(|code| format!(" [{code}]")).unwrap_or_default();
            let _ = writeln!(text, "{file}:{line}:{column}: {key}{sentence}{code}");
        }
        for note in &self.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        text.push_str(match self.exit() {
            Exit::Done => "  Good. Whether the addresses are enrolled and who may sign, the relay says.",
            Exit::Refused => "  The relay would refuse this.",
            _ => "  This is not a draft yet.",
        });
        text
    }
}

/// What a draft is, in one sentence.
fn summary(draft: &Draft, now: Timestamp) -> String {
    let names = |addresses: &[Address]| {
        addresses
            .iter()
            .map(Address::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut text = format!(
        "{} {}, {}, to {}",
        draft.status,
        draft.warning_type,
        draft.precedence,
        names(&draft.to)
    );
    if !draft.exclude.is_empty() {
        let _ = write!(text, ", never to {}", names(&draft.exclude));
    }
    let expires = match draft.expires {
        When::At(time) => format!("at {time}"),
        When::AfterMs(ms) => format!("{} after signing", span(ms)),
    };
    let languages: Vec<String> = draft
        .body
        .blocks
        .iter()
        .map(|block| block.language.to_string())
        .collect();
    let bytes = wire::encode_body(&draft.body_at(now)).len();
    let _ = write!(
        text,
        "; expires {expires}; {}; in {} ({} counts); a body of {bytes} bytes.",
        handling(&draft.handling),
        languages.join(", "),
        draft.body.authoritative,
    );
    text
}

fn handling(handling: &Handling) -> String {
    let onward = match handling.onward {
        Onward::None => "not to be passed on",
        Onward::AskOriginator => "passed on only after asking",
        Onward::WithinState => "passed on within the state",
    };
    let victim = match handling.notify_victim {
        NotifyVictim::May => "the victims may be told",
        NotifyVictim::MustNot => "the victims must not be told",
    };
    format!("TLP:{}, {onward}, {victim}", handling.tlp)
}

/// `1 d 12 h`, `90 min`.
fn span(ms: i64) -> String {
    let minutes = ms / 60_000;
    match (minutes / 1_440, minutes % 1_440) {
        (days, 0) if days > 0 => format!("{days} d"),
        (0, rest) if rest % 60 == 0 && rest > 0 => format!("{} h", rest / 60),
        (0, rest) if rest > 0 => format!("{rest} min"),
        (0, _) => format!("{} s", ms / 1_000),
        (days, rest) => format!("{days} d {} h", rest / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_709_823_600_000);

    fn said(text: &str) -> (Exit, String) {
        let report = Report::of(Path::new("w.yaml"), text, NOW);
        (report.exit(), report.to_text())
    }

    /// A good draft, one that the relay would refuse, and one that is none: what is printed, and the exit code.
    #[test]
    fn a_check_says_what_is_wrong() {
        let good = "to: [ru.ctc]\nstatus: ACTUAL\nprecedence: FLASH\nexpires: 36h\nharm: [KIDNAPPING]\n\
                    assert: [credible, specific, impending]\nhandling: {notify_victim: MAY}\nspecifics: {place: KNOWN}\n\
                    text: {ru: {event: a, headline: b, description: c}}\n";
        let (exit, text) = said(good);
        assert_eq!(exit, Exit::Done, "{text}");
        insta::assert_snapshot!("draft_check_good", text);
        let (exit, text) = said(&good.replace("harm: [KIDNAPPING]", "office: \"a\\tb\""));
        assert_eq!(exit, Exit::Refused, "{text}");
        insta::assert_snapshot!("draft_check_refused", text);
        let (exit, text) = said(&good.replace("status: ACTUAL", "status: REAL"));
        assert_eq!(exit, Exit::Usage, "{text}");
        insta::assert_snapshot!("draft_check_not_a_draft", text);
    }

    /// Spans are said as people say them; a table.
    #[test]
    fn spans_are_said() {
        for (ms, text) in [
            (30_000, "30 s"),
            (5_400_000, "90 min"),
            (7_200_000, "2 h"),
            (172_800_000, "2 d"),
            (129_600_000, "1 d 12 h"),
        ] {
            assert_eq!(span(ms), text);
        }
    }
}
