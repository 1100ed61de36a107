//! `wardline relay`: the daemon. `init` begins a log, once; `run` serves it until it is told to stop; `check` explains
//! a configuration or refuses it.

pub(in crate::cli) mod certificates;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::{Context, Exit, Fault};
use crate::client::Welcome;
use crate::config::{ConfigError, FlagSetting};
use crate::domain::{OperatorName, Principal};
use crate::journal::OpenError as JournalError;
use crate::relay::{CreateError, OpenError};
use crate::server::{
    self, BeginError, Begun, Explained, RelaySettings, Running, ServeError, StartError, Stopped,
};
use crate::telemetry;

/// Begin, serve and check a relay.
#[derive(Debug, Subcommand)]
pub enum RelayCommand {
    /// Begin a log, once: make its keys, write its genesis, print its origin, verifier key, checkpoint and TLS pin.
    Init {
        /// Where the settings come from.
        #[command(flatten)]
        settings: Settings,
        /// Write a welcome for each operator of the configuration to DIR/NAME.welcome.json, for `trust accept`.
        #[arg(long, value_name = "DIR", requires = "url")]
        welcomes: Option<PathBuf>,
        /// The relay's address in the welcomes, as operators reach it: https://HOST:PORT.
        #[arg(long, requires = "welcomes")]
        url: Option<String>,
    },
    /// Serve until SIGTERM or SIGINT. Refuses an empty journal.
    Run(Settings),
    /// Serve one for learning and developing: on loopback, with agencies, an auditor and an operator in DIR/profiles.
    Dev(super::dev::DevCommand),
    /// Explain a configuration, or refuse it.
    Check {
        /// The configuration file.
        file: PathBuf,
        /// Laid over it.
        #[command(flatten)]
        flags: Flags,
    },
}

/// Where the settings come from.
#[derive(Debug, Args)]
pub struct Settings {
    /// The configuration file. Variables `WARDLINE_…` (`__` for a dot) lie over it, flags over these.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

/// Settings made by flags.
#[derive(Debug, Args)]
pub struct Flags {
    /// Where agencies connect, for example 127.0.0.1:0.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where metrics and health are served.
    #[arg(long, value_name = "ADDRESS")]
    http_listen: Option<String>,
    /// Where the log's checkpoint and tiles are served to everybody.
    #[arg(long, value_name = "ADDRESS")]
    public_listen: Option<String>,
    /// Where the journal is.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Any setting by its name, for example limits.connections_max=100.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Flags {
    fn settings(&self) -> Result<Vec<FlagSetting>, Fault> {
        let named = [
            ("--listen", "listen", &self.listen),
            ("--http-listen", "http_listen", &self.http_listen),
            ("--public-listen", "public_listen", &self.public_listen),
            ("--data-dir", "data_dir", &self.data_dir),
        ];
        let mut settings = Vec::new();
        for (flag, key, value) in named {
            if let Some(value) = value {
                settings.push(FlagSetting {
                    flag: flag.to_owned(),
                    key: key.to_owned(),
                    value: value.clone(),
                });
            }
        }
        for text in &self.set {
            let (key, value) = text
                .split_once('=')
                .ok_or_else(|| Fault::usage(format!("--set takes KEY=VALUE, not {text:?}")))?;
            settings.push(FlagSetting {
                flag: "--set".to_owned(),
                key: key.to_owned(),
                value: value.to_owned(),
            });
        }
        Ok(settings)
    }

    fn load(&self, file: Option<&Path>) -> Result<RelaySettings, Fault> {
        Ok(RelaySettings::load(file, &self.settings()?)?)
    }
}

/// Runs one of them.
pub async fn run(command: RelayCommand, context: &Context) -> Result<Exit, Fault> {
    match command {
        RelayCommand::Init {
            settings,
            welcomes,
            url,
        } => {
            let settings = settings.flags.load(settings.config.as_deref())?;
            init(&settings, welcomes.zip(url), context).await
        }
        RelayCommand::Run(settings) => {
            let settings = settings.flags.load(settings.config.as_deref())?;
            serve(&settings, context).await
        }
        RelayCommand::Dev(command) => super::dev::run(command, context).await,
        RelayCommand::Check { file, flags } => check(&flags.load(Some(&file))?, context),
    }
}

fn check(settings: &RelaySettings, context: &Context) -> Result<Exit, Fault> {
    let rows = settings.explain();
    if context.json {
        for row in &rows {
            context.emit(row, "")?;
        }
        return Ok(Exit::Done);
    }
    let width = |column: fn(&Explained) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (keys, values) = (
        width(|row| row.key.len()),
        width(|row| row.value.as_ref().map_or(1, String::len)),
    );
    for row in &rows {
        let value = row.value.as_deref().unwrap_or("-");
        let line = format!(
            "{:keys$}  {value:values$}  {}  ({})",
            row.key, row.help, row.source
        );
        context.emit(row, line)?;
        if let Some(means) = &row.means {
            context.emit(row, format!("{:keys$}  = {means}", ""))?;
        }
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct InitResult<'a> {
    origin: &'a str,
    log_vkey: String,
    tls_pin: String,
    checkpoint: &'a str,
    welcomes: Vec<PathBuf>,
}

async fn init(
    settings: &RelaySettings,
    welcomes: Option<(PathBuf, String)>,
    context: &Context,
) -> Result<Exit, Fault> {
    let is_url = |url: &str| url.starts_with("https://") && url.parse::<http::Uri>().is_ok();
    if welcomes.as_ref().is_some_and(|(_, url)| !is_url(url)) {
        return Err(Fault::usage("--url takes https://HOST:PORT"));
    }
    let certificates = certificates::read(settings)?;
    let begun = server::begin(settings, certificates).await?;
    let mut written = Vec::new();
    if let Some((directory, url)) = &welcomes {
        for name in settings.operators.keys() {
            let file = directory.join(format!("{name}.welcome.json"));
            welcome(name, url, &begun)?.write(&file)?;
            written.push(file);
        }
    }
    let result = InitResult {
        origin: settings.origin.as_str(),
        log_vkey: begun.verifier.vkey(),
        tls_pin: begun.tls_keyid.to_string(),
        checkpoint: &begun.checkpoint,
        welcomes: written,
    };
    let mut text = format!(
        "The log has begun.\n\norigin    {}\nlog vkey  {}\nTLS pin   {}\n\ncheckpoint\n{}",
        result.origin, result.log_vkey, result.tls_pin, result.checkpoint
    );
    for file in &result.welcomes {
        text.push_str(&format!("\nwelcome   {}", file.display()));
    }
    context.emit(&result, text)?;
    Ok(Exit::Done)
}

/// What an operator installs: the genesis names it, so the first checkpoint holds its enrolment.
fn welcome(name: &OperatorName, url: &str, begun: &Begun) -> Result<Welcome, Fault> {
    let checkpoint = begun.verifier.open(&begun.checkpoint);
    Ok(Welcome {
        principal: Principal::Operator(name.clone()),
        url: url.to_owned(),
        tls_pin: begun.tls_keyid,
        log: begun.verifier.clone(),
        checkpoint: checkpoint.map_err(|error| Fault::new(Exit::VerificationFailed, error))?,
    })
}

/// What is printed when the relay serves and when it has stopped.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum RunEvent<'a> {
    Serving {
        listen: String,
        http_listen: Option<String>,
        public_listen: Option<String>,
        origin: &'a str,
        log_vkey: String,
        tls_pin: String,
        version: &'a str,
    },
    Stopped {
        cut: bool,
    },
}

async fn serve(settings: &RelaySettings, context: &Context) -> Result<Exit, Fault> {
    let _logging = telemetry::start(settings.log_format, settings.log_level);
    // Listened to before anything starts, so that no early signal is lost.
    let no_signals = |error| Fault::new(Exit::Retry, format!("cannot listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let running = server::start(settings).await.inspect_err(|error| {
        tracing::error!(%error, "the relay did not start");
    })?;
    say_serving(settings, &running, context)?;
    let stopped = running
        .until(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await?;
    let cut = match stopped {
        Stopped::Drained => false,
        Stopped::Cut => true,
    };
    let text = match stopped {
        Stopped::Drained => "stopped: all that was under way is answered",
        Stopped::Cut => "stopped: what took too long was cut",
    };
    context.emit(&RunEvent::Stopped { cut }, text)?;
    Ok(Exit::Done)
}

fn say_serving(settings: &RelaySettings, running: &Running, context: &Context) -> Result<(), Fault> {
    let (listen, pin) = (running.address.to_string(), running.tls_keyid.to_string());
    let http_listen = running.http_address.map(|address| address.to_string());
    let public_listen = running.public_address.map(|address| address.to_string());
    let (origin, vkey) = (settings.origin.as_str(), running.verifier.vkey());
    let http_line = match &http_listen {
        Some(address) => format!("metrics   http://{address}/metrics\n"),
        None => String::new(),
    };
    let public_line = match &public_listen {
        Some(address) => format!("public    http://{address}/checkpoint\n"),
        None => String::new(),
    };
    let text = format!(
        "serving   {listen}\n{http_line}{public_line}origin    {origin}\nlog vkey  {vkey}\nTLS pin   {pin}"
    );
    let event = RunEvent::Serving {
        listen,
        http_listen,
        public_listen,
        origin,
        log_vkey: vkey,
        tls_pin: pin,
        version: server::VERSION,
    };
    context.emit(&event, text)
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        Self::usage(error)
    }
}

impl From<BeginError> for Fault {
    fn from(error: BeginError) -> Self {
        let exit = match &error {
            BeginError::Journal(journal) => journal_exit(journal),
            BeginError::LogKey(_)
            | BeginError::BucketKeys(_)
            | BeginError::Tls(_)
            | BeginError::Directory { .. } => Exit::Usage,
            BeginError::Random(_) => Exit::Retry,
            BeginError::Create(create) => match create {
                CreateError::NotEmpty | CreateError::Refused(_) => Exit::Refused,
                CreateError::Signer(_) | CreateError::Read(_) | CreateError::Append(_) => Exit::Retry,
                CreateError::Corrupt(_) => Exit::VerificationFailed,
            },
        };
        Self::new(exit, error)
    }
}

impl From<StartError> for Fault {
    fn from(error: StartError) -> Self {
        let exit = match &error {
            StartError::LogKey(_)
            | StartError::BucketKeys(_)
            | StartError::Tls(_)
            | StartError::TlsConfig(_)
            | StartError::Reflection(_) => Exit::Usage,
            StartError::Journal(journal) => journal_exit(journal),
            StartError::Index(_) | StartError::Threads(_) | StartError::Bind { .. } => Exit::Retry,
            StartError::Open(open) => match open {
                OpenError::Empty | OpenError::OtherLog { .. } => Exit::Refused,
                OpenError::Corrupt(_) | OpenError::BehindWitnesses(_) => Exit::VerificationFailed,
                OpenError::Signer(_)
                | OpenError::Read(_)
                | OpenError::NotStarted(_)
                | OpenError::Index(_)
                | OpenError::Witnesses(_)
                | OpenError::System(_) => Exit::Retry,
            },
        };
        Self::new(exit, error)
    }
}

fn journal_exit(error: &JournalError) -> Exit {
    match error {
        JournalError::InUse { .. } | JournalError::Format { .. } => Exit::Refused,
        JournalError::Corrupt(_) => Exit::VerificationFailed,
        JournalError::Io { .. } | JournalError::Storage(_) => Exit::Retry,
    }
}

impl From<ServeError> for Fault {
    /// What was under way is unknown to those who sent it, and found out by the next start.
    fn from(error: ServeError) -> Self {
        Self::new(Exit::Retry, error).advising("Start it again; its log lines say what happened.")
    }
}
