//! Log lines: text for people or JSON for machines, on standard error, with fields. ERROR means that a person must
//! look. No secret, no body and no name of a person is ever in one.

use std::io::IsTerminal as _;
use std::str::FromStr;

use tracing::Level;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::limits;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("takes text or json"),
        }
    }
}

/// Which log lines are written: this one and those more grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(pub Level);

impl FromStr for LogLevel {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "error" => Ok(Self(Level::ERROR)),
            "warn" => Ok(Self(Level::WARN)),
            "info" => Ok(Self(Level::INFO)),
            "debug" => Ok(Self(Level::DEBUG)),
            "trace" => Ok(Self(Level::TRACE)),
            _ => Err("takes error, warn, info, debug or trace"),
        }
    }
}

/// Keeps the log being written; what is not written yet is written when it is dropped, as far as somebody reads it.
#[must_use = "the log ends with it"]
pub struct Logging {
    _writer: WorkerGuard,
}

/// Begins logging, once a process. A second call changes nothing.
///
/// A thread of its own writes the lines: a log that nobody reads (a full pipe, a hanging collector) must not hold up
/// the relay. Beyond the queue's bound lines are dropped.
///
/// Our own lines are written from `level` on; those of libraries from WARN on, because their lower ones may quote
/// what peers sent.
pub fn start(format: LogFormat, level: LogLevel) -> Logging {
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(limits::LOG_LINES_MAX)
        .lossy(true)
        .thread_name("log")
        .finish(std::io::stderr());
    let libraries = level.0.min(Level::WARN);
    let filter = Targets::new()
        .with_default(libraries)
        .with_target(env!("CARGO_CRATE_NAME"), level.0);
    let lines = fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    // An error says that a subscriber is set already, which is as good.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
    Logging { _writer: guard }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that are formats and levels, and words that are not; a table.
    #[test]
    fn words_parse_or_fail() {
        assert_eq!("json".parse(), Ok(LogFormat::Json));
        assert_eq!("text".parse(), Ok(LogFormat::Text));
        assert_eq!("debug".parse(), Ok(LogLevel(Level::DEBUG)));
        assert!("JSON".parse::<LogFormat>().is_err());
        assert!("verbose".parse::<LogLevel>().is_err());
    }
}
