//! `wardline witness`: begin and serve a C2SP witness. It needs no profile and no relay's word.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{Context, Exit, Fault};
use crate::domain::Origin;
use crate::limits::CHECKPOINT_BYTES_MAX;
use crate::telemetry::{self, LogFormat, LogLevel};
use crate::time::SystemClock;
use crate::transparency::{LogVerifier, WitnessName, origin_hash};
use crate::witness::{self, BeginError, Begun, NewLog, OpenError, Witness};

/// Begin and serve a witness: it cosigns a log's checkpoints if the log has only grown.
#[derive(Debug, Subcommand)]
pub(super) enum WitnessCommand {
    /// Make a witness's key and directory, once, and print its verifier key, for the policies of others.
    Init(Init),
    /// Serve until SIGTERM or SIGINT: POST /add-checkpoint, GET /HASH/checkpoint (C2SP tlog-witness).
    ///
    /// HASH is the SHA-256 of a log's origin in lower-case hex; the answer is the last checkpoint of that log that was
    /// cosigned, with the log's and this witness's signature. What a log signed against its own history is kept in
    /// DIR/evidence, one JSON file each with both signed notes. A log whose state was lost or is broken is not served, and
    /// named at the start; the others are, and the exit code is then 5 in the end. If that is all of them, nothing is served.
    Run(Run),
    /// Witness one more log, or say what was cosigned last of a log whose state was lost.
    AddLog(Box<AddLog>),
}

/// What `init` takes.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The directory, for its owner alone; it must not hold a witness.
    directory: PathBuf,
    /// The name that it signs under, best a URL without its scheme: witness.example/2026.
    #[arg(long)]
    name: WitnessName,
    /// The verifier key of a log to witness (ORIGIN+HASH+KEY, as `relay init` prints it); may be given again.
    #[arg(long = "log", value_name = "VKEY", required = true)]
    logs: Vec<LogVerifier>,
}

/// What `run` takes.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The directory that `witness init` made.
    directory: PathBuf,
    /// Where to listen: 127.0.0.1:8080; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,
}

/// What `add-log` takes.
#[derive(Debug, Args)]
pub(super) struct AddLog {
    /// The directory of a witness that does not run.
    directory: PathBuf,
    /// The verifier key of the log.
    #[arg(long = "log", value_name = "VKEY")]
    log: LogVerifier,
    /// A file with the newest checkpoint of the log that this witness can have cosigned. Needed if its state was lost: from
    /// an older one it could cosign what contradicts its own word. One older than the notes of the lost state is refused.
    #[arg(long, value_name = "FILE")]
    last: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    vkey: String,
    directory: String,
    logs: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Listening {
    listening: SocketAddr,
    name: String,
    vkey: String,
    logs: Vec<ShownLog>,
    /// Whose state was lost or is broken.
    not_served: Vec<NotServed>,
}

#[derive(Debug, Serialize)]
struct NotServed {
    origin: String,
    why: String,
    what_to_do: String,
}

#[derive(Debug, Serialize)]
struct ShownLog {
    origin: String,
    /// What was cosigned last, if anything.
    size: Option<u64>,
    /// Where its last cosigned checkpoint is.
    path: String,
}

/// Runs one of them.
pub(super) async fn run(command: WitnessCommand, context: &Context) -> Result<Exit, Fault> {
    match command {
        WitnessCommand::Init(init) => {
            let begun = witness::begin(&init.directory, init.name, init.logs)?;
            show(&begun, &init.directory, context)
        }
        WitnessCommand::AddLog(add) => {
            let last = match &add.last {
                Some(file) => {
                    let bytes = super::session::given(file, CHECKPOINT_BYTES_MAX)?;
                    let note = String::from_utf8(bytes);
                    Some(note.map_err(|_| Fault::usage(format!("{} is no checkpoint", file.display())))?)
                }
                None => None,
            };
            let new = NewLog { log: add.log, last };
            let begun = witness::add_log(&add.directory, &new, &SystemClock)?;
            show(&begun, &add.directory, context)
        }
        WitnessCommand::Run(run) => serve(&run, context).await,
    }
}

fn show(begun: &Begun, directory: &std::path::Path, context: &Context) -> Result<Exit, Fault> {
    let shown = Shown {
        name: begun.verifier.name().to_string(),
        vkey: begun.verifier.vkey(),
        directory: directory.display().to_string(),
        logs: begun.logs.iter().map(ToString::to_string).collect(),
    };
    let text = format!(
        "Verifier key  {}\nDirectory     {}\nLogs          {}",
        shown.vkey,
        shown.directory,
        shown.logs.join(", ")
    );
    context.emit(&shown, text)?;
    Ok(Exit::Done)
}

async fn serve(run: &Run, context: &Context) -> Result<Exit, Fault> {
    let format = if context.json {
        LogFormat::Json
    } else {
        LogFormat::Text
    };
    let _logging = telemetry::start(format, LogLevel(tracing::Level::INFO));
    // Before anything is said to be served: whoever stops this process is heard from then on.
    let mut terminate = signal(SignalKind::terminate()).map_err(Fault::usage)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Fault::usage)?;
    let witness = Arc::new(Witness::open(&run.directory, Arc::new(SystemClock))?);
    let cannot = |error| Fault::usage(format!("cannot listen on {}: {error}", run.listen));
    let listener = TcpListener::bind(run.listen).await.map_err(cannot)?;
    let listening = Listening {
        listening: listener.local_addr().map_err(cannot)?,
        name: witness.verifier().name().to_string(),
        vkey: witness.verifier().vkey(),
        logs: witness
            .logs()
            .into_iter()
            .map(|(origin, size)| ShownLog {
                size,
                path: format!("/{}/checkpoint", origin_hash(&origin)),
                origin: origin.to_string(),
            })
            .collect(),
        not_served: witness
            .not_served()
            .iter()
            .map(|(origin, why)| NotServed {
                origin: origin.to_string(),
                why: why.clone(),
                what_to_do: bring_back(origin),
            })
            .collect(),
    };
    let mut text = format!("{} listens on http://{}", listening.name, listening.listening);
    for log in &listening.logs {
        let size = log
            .size
            .map_or("nothing yet".to_owned(), |size| format!("size {size}"));
        text.push_str(&format!(
            "\n  {}: cosigned {size}, shown at {}",
            log.origin, log.path
        ));
    }
    for log in &listening.not_served {
        text.push_str(&format!(
            "\n  {}: NOT SERVED: {}\n    {}",
            log.origin, log.why, log.what_to_do
        ));
    }
    context.emit(&listening, text)?;
    info!(address = %listening.listening, name = listening.name, "the witness serves");
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("the witness is shutting down");
        stopping.cancel();
    });
    witness::serve(listener, witness, stop)
        .await
        .map_err(|error| Fault::new(Exit::Retry, format!("the witness can serve no more: {error}")))?;
    // Whoever stopped it is told that it was not whole.
    Ok(match listening.not_served.is_empty() {
        true => Exit::Done,
        false => Exit::VerificationFailed,
    })
}

/// What brings back a log whose state was lost.
fn bring_back(origin: &Origin) -> String {
    format!(
        "find the newest checkpoint of {origin} that this witness can have cosigned (the relay and others keep them), then: \
         wardline witness add-log DIR --log VKEY --last FILE"
    )
}

impl From<BeginError> for Fault {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Open(error) => error.into(),
            BeginError::Exists(_)
            | BeginError::SameLog(_)
            | BeginError::TooManyLogs
            | BeginError::NeedsLast(_)
            | BeginError::Last(..)
            | BeginError::LastOlder { .. }
            | BeginError::LastOther { .. }
            | BeginError::Random(_)
            | BeginError::Key(_)
            | BeginError::File(_) => Self::usage(error),
        }
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        match &error {
            OpenError::Lost(origin, _) | OpenError::Broken(origin, _) => Self {
                what_to_do: bring_back(origin),
                ..Self::new(Exit::VerificationFailed, error)
            },
            OpenError::InUse(_) => Self::new(Exit::Retry, error),
            OpenError::NoWitness(_)
            | OpenError::Malformed(..)
            | OpenError::OtherKey(_)
            | OpenError::Key(_)
            | OpenError::File(_) => Self::usage(error),
        }
    }
}
