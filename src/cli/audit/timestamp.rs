//! `wardline audit timestamp`: has an authority outside of the log sign that a checkpoint existed (RFC 3161), checks what
//! comes back, and keeps it in the profile for the bundles that take it up. Nothing is kept that did not verify, and nothing
//! that was kept is replaced.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use http::StatusCode;
use serde_json::json;

use crate::audit::timestamp::{
    InvalidAnswer, InvalidRoots, SignedToken, StoredTimestamp, TimestampRequest, Timestamped, TsaRoots,
};
use crate::cli::screen::one_line;
use crate::cli::{Context, Exit, Fault};
use crate::client::{Client, Outcome};
use crate::fetch::{Bounds, Fetch, FetchError, Url};
use crate::files;
use crate::limits;
use crate::transparency::SignedCheckpoint;

/// Have a timestamp authority sign that a checkpoint exists (RFC 3161), and keep its token in the profile.
#[derive(Debug, Args)]
pub(crate) struct TimestampCommand {
    /// The authority: http:// or https://.
    #[arg(long, value_name = "URL")]
    tsa: Url,
    /// Roots of authorities that you trust, PEM. Without any, whose token it is stays unchecked.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    tsa_root: Vec<PathBuf>,
}

pub(super) async fn run(
    command: TimestampCommand,
    client: &Client,
    context: &Context,
) -> Result<Exit, Fault> {
    let roots = TsaRoots::read_files(command.tsa_root)?;
    let checkpoint = newest(client).await?;
    let text = checkpoint.checkpoint().to_text();
    let request = TimestampRequest::new(&text).map_err(|error| Fault::new(Exit::Retry, error))?;
    let answer = ask(&command.tsa, request.to_der()).await?;
    let token = request.read_answer(&answer)?;
    let told = match roots.is_empty() {
        true => token.says().clone(),
        false => token
            .clone()
            .anchored(&roots)
            .map_err(|error| Fault::from(InvalidAnswer::from(error)))?,
    };
    let file = keep(client, &checkpoint, &token)?;
    context.emit(
        &object(&checkpoint, &told, &file),
        sentences(&checkpoint, &told, &file),
    )?;
    Ok(Exit::Done)
}

/// The checkpoint to be dated: the newest that the relay shows, or, where it cannot be reached, the newest that was
/// verified before.
async fn newest(client: &Client) -> Result<SignedCheckpoint, Fault> {
    match client.checkpoint().await {
        Ok(checkpoint) => Ok(checkpoint),
        Err(error) => match error.outcome() {
            Outcome::NothingHappened | Outcome::Unknown | Outcome::TimedOut => {
                eprintln!("wardline: the newest checkpoint that was verified before is taken: {error}");
                Ok(client.newest_checkpoint().await)
            }
            Outcome::Refused | Outcome::Usage | Outcome::VerificationFailed => Err(error.into()),
        },
    }
}

async fn ask(tsa: &Url, query: Vec<u8>) -> Result<Bytes, Fault> {
    let bounds = Bounds {
        time_ms: limits::TSA_EXCHANGE_MS_MAX,
        answer_bytes: limits::TSA_ANSWER_BYTES_MAX,
    };
    let named = |exit, what: &dyn std::fmt::Display| Fault::new(exit, format!("{tsa}: {what}"));
    let fetch = Fetch::new().map_err(|error| Fault::usage(format!("cannot speak TLS: {error}")))?;
    let answer = fetch
        .post(tsa, "application/timestamp-query", Bytes::from(query), bounds)
        .await
        .map_err(|error| match error {
            FetchError::TimedOut | FetchError::Unreachable(_) | FetchError::Broken => {
                named(Exit::Retry, &error)
            }
            FetchError::TooLong => named(Exit::Refused, &error),
        })?;
    match answer.status {
        StatusCode::OK => Ok(answer.body),
        busy if busy.is_server_error() || busy == StatusCode::TOO_MANY_REQUESTS => {
            Err(named(Exit::Retry, &busy))
        }
        refused => {
            Err(named(Exit::Refused, &refused)
                .advising("Is this the URL of a timestamp authority (RFC 3161)?"))
        }
    }
}

/// Keeps a token in a file of its own: what was kept before may be better evidence.
fn keep(client: &Client, checkpoint: &SignedCheckpoint, token: &SignedToken) -> Result<PathBuf, Fault> {
    let directory = client.profile().timestamps();
    let stored = StoredTimestamp {
        checkpoint: checkpoint.note().to_owned(),
        token: token.bytes().to_vec(),
    };
    let name = StoredTimestamp::file_name(checkpoint.size(), &checkpoint.root(), token.bytes());
    let file = directory.join(name);
    // The very same token may be there: an authority need not sign anew what it signed a moment ago.
    files::create_directory(&directory)
        .and_then(|()| files::keep(&file, stored.to_json().as_bytes()))
        .map_err(|error| Fault::usage(format!("the token cannot be kept: {error}")))?;
    Ok(file)
}

fn object(checkpoint: &SignedCheckpoint, told: &Timestamped, file: &Path) -> serde_json::Value {
    json!({
        "size": checkpoint.size(),
        "root": checkpoint.root().to_string(),
        "time_unix_ms": told.time.unix_ms(),
        "accuracy_ms": told.accuracy_ms,
        "existed_by_unix_ms": told.latest().unix_ms(),
        "authority": told.authority,
        "policy": told.policy,
        "serial": told.serial,
        "tsa_root": told.root,
        "file": file.display().to_string(),
    })
}

fn sentences(checkpoint: &SignedCheckpoint, told: &Timestamped, file: &Path) -> String {
    let Timestamped { policy, serial, .. } = told;
    // What an authority calls itself.
    let authority = one_line(&told.authority);
    let accuracy = match told.accuracy_ms {
        Some(ms) => format!("at most {ms} ms wrong, it says"),
        None => "its accuracy is not said".to_owned(),
    };
    let trusted = match &told.root {
        Some(root) => {
            let root = one_line(root);
            format!("Its certificate leads to your root {root}, and was valid then.")
        }
        None => "No --tsa-root was given: whose certificate that is was not checked. `audit check` does, against the roots in your policy's tsa/."
            .to_owned(),
    };
    format!(
        "Checkpoint {} existed by {}: {authority} signed it at {} ({accuracy}; policy {policy}, token {serial}).\n{trusted}\nKept in {}",
        checkpoint.size(),
        told.latest(),
        told.time,
        file.display(),
    )
}

impl From<InvalidRoots> for Fault {
    fn from(error: InvalidRoots) -> Self {
        Self::usage(error)
    }
}

impl From<InvalidAnswer> for Fault {
    fn from(error: InvalidAnswer) -> Self {
        match error {
            InvalidAnswer::TooLong
            | InvalidAnswer::Malformed
            | InvalidAnswer::Refused(_)
            | InvalidAnswer::NoToken => Self::refused(error),
            InvalidAnswer::Token(_) => Self::new(Exit::VerificationFailed, error)
                .advising("Nothing was kept. Ask another authority, or ask this one what it signed."),
        }
    }
}
