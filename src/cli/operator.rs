//! `wardline operator`: enrolling states and agencies, suspending and reinstating. Each change is signed by the operator's
//! key and is a record that everybody sees.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use super::session::{confirmed, open, table};
use super::{Context, Exit, Fault};
use crate::client::{Client, Recorded, Welcome};
use crate::domain::{AgencyId, AgencyKind, KeyRole, Principal, SignedEnvelope, StateId};
use crate::limits;
use crate::seal::{Fingerprint, PublicKey, envelope_from_json};
use crate::wire;
use crate::wire::v1;

/// Enrol, suspend, and see how the relay is.
#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Enrol a state by its first root.
    EnrolState {
        /// The root's certificate by itself (root.cert.json).
        #[arg(value_name = "FILE")]
        certificate: PathBuf,
        /// The root's fingerprint, as the state said it on another line; without it a person is asked.
        #[arg(long, value_name = "WORDS")]
        fingerprint: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Enrol an agency (or an auditor) of an enrolled state with its first keys.
    Enrol {
        /// Which.
        agency: AgencyId,
        /// Its certified keys (requests/ROLE.cert.json).
        #[arg(required = true, value_name = "CERTIFICATE")]
        certificates: Vec<PathBuf>,
        /// Its name, for people.
        #[arg(long)]
        name: String,
        /// It is an auditor: it has no desks.
        #[arg(long)]
        auditor: bool,
        /// Write a welcome for it to this file.
        #[arg(long, value_name = "WELCOME")]
        out: Option<PathBuf>,
        /// The relay's address in the welcome; else this profile's.
        #[arg(long, requires = "out")]
        url: Option<String>,
    },
    /// Stop an agency's submissions; it still receives and answers.
    Suspend {
        /// Which.
        agency: AgencyId,
        /// Why, for the record.
        #[arg(long)]
        reason: String,
    },
    /// Allow an agency's submissions again.
    Reinstate {
        /// Which.
        agency: AgencyId,
        /// Why, for the record.
        #[arg(long)]
        reason: String,
    },
    /// Publish an operator's key, or its revocation, as a file that others have signed.
    PublishKey {
        /// A DSSE envelope in JSON.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// List the agencies.
    Agencies,
    /// Say how the relay is.
    Status,
}

/// A change that is on the record.
#[derive(Debug, Serialize)]
pub(super) struct RecordedObject {
    id: String,
    digest: String,
    index: u64,
    receipt: PathBuf,
    repeated: bool,
}

impl RecordedObject {
    pub(super) fn of(recorded: &Recorded) -> Self {
        Self {
            id: recorded.id.to_string(),
            digest: recorded.digest.to_string(),
            index: recorded.index,
            receipt: recorded.receipt.clone(),
            repeated: recorded.repeated,
        }
    }

    pub(super) fn text(&self) -> String {
        format!(
            "On the record at index {}.\n  receipt {}",
            self.index,
            self.receipt.display()
        )
    }
}

pub(crate) async fn run(command: OperatorCommand, context: &Context) -> Result<Exit, Fault> {
    let client = open(context)?;
    let recorded = match command {
        OperatorCommand::EnrolState {
            certificate,
            fingerprint,
            yes,
        } => {
            let (state, envelope) = root_of(&certificate, fingerprint.as_deref(), yes)?;
            client.enrol_state(state, envelope).await?
        }
        OperatorCommand::Enrol {
            agency,
            certificates,
            name,
            auditor,
            out,
            url,
        } => {
            let envelopes = keys_of(&agency, &certificates)?;
            let kind = if auditor {
                AgencyKind::Auditor
            } else {
                AgencyKind::Agency
            };
            let recorded = client
                .enrol_agency(agency.clone(), &name, kind, &envelopes)
                .await?;
            if let Some(out) = out {
                welcome(&client, agency, &recorded, url).write(&out)?;
                if !context.json {
                    println!("The welcome is {}; hand it over on a safe way.", out.display());
                }
            }
            recorded
        }
        OperatorCommand::Suspend { agency, reason } => client.suspend(agency, &reason).await?,
        OperatorCommand::Reinstate { agency, reason } => client.reinstate(agency, &reason).await?,
        OperatorCommand::PublishKey { file } => client.publish_operator_key(&read_envelope(&file)?).await?,
        OperatorCommand::Agencies => return super::directory::list(&client, context).await,
        OperatorCommand::Status => return status(&client, context).await,
    };
    let object = RecordedObject::of(&recorded);
    context.emit(&object, object.text())?;
    Ok(Exit::Done)
}

/// The state and root of a certificate, once its fingerprint is the one that the state says.
fn root_of(file: &Path, fingerprint: Option<&str>, yes: bool) -> Result<(StateId, SignedEnvelope), Fault> {
    let envelope = read_envelope(file)?;
    let wrong = |what: &str| Fault::usage(format!("{}: {what}", file.display()));
    let certificate = wire::key_certificate(&envelope).map_err(|refused| wrong(&refused.to_string()))?;
    let Principal::Root(state) = certificate.principal else {
        return Err(wrong("it is no root's certificate"));
    };
    if certificate.role != KeyRole::Root {
        return Err(wrong("it certifies no root"));
    }
    let key = PublicKey::parse(&certificate.public_key).map_err(|error| wrong(&error.to_string()))?;
    let words = Fingerprint::of(&key.keyid());
    match fingerprint {
        Some(said) if words.is_said_by(said) => {}
        Some(_) => {
            return Err(Fault::refused(
                "the fingerprint is another one: nothing was enrolled",
            ));
        }
        None => {
            let question = format!(
                "The root of {state} is\n    {}\n    {words}\nDoes {state} say these words, on another line than this file came by?",
                key.keyid()
            );
            confirmed(yes, &question, "enrol")?;
        }
    }
    Ok((state, envelope))
}

/// The agency's certificates, each of which must be its own.
fn keys_of(agency: &AgencyId, files: &[PathBuf]) -> Result<Vec<SignedEnvelope>, Fault> {
    files
        .iter()
        .map(|file| {
            let envelope = read_envelope(file)?;
            let wrong = |what: String| Fault::usage(format!("{}: {what}", file.display()));
            let certificate =
                wire::key_certificate(&envelope).map_err(|refused| wrong(refused.to_string()))?;
            if certificate.principal != Principal::Agency(agency.clone()) {
                return Err(wrong(format!(
                    "it is a key of {}, not of {agency}",
                    certificate.principal
                )));
            }
            Ok(envelope)
        })
        .collect()
}

fn welcome(client: &Client, agency: AgencyId, recorded: &Recorded, url: Option<String>) -> Welcome {
    let settings = client.settings();
    Welcome {
        principal: Principal::Agency(agency),
        url: url.unwrap_or_else(|| settings.url.clone()),
        tls_pin: settings.tls_pin,
        log: settings.log.clone(),
        checkpoint: recorded.checkpoint.clone(),
    }
}

/// An envelope out of a file.
pub(super) fn read_envelope(file: &Path) -> Result<SignedEnvelope, Fault> {
    let wrong = |what: String| Fault::usage(format!("{}: {what}", file.display()));
    let length = std::fs::metadata(file)
        .map_err(|error| wrong(error.to_string()))?
        .len();
    // Base64 of a payload, and its signatures.
    if length > 2 * limits::PAYLOAD_BYTES_MAX as u64 {
        return Err(wrong("it is too large for an envelope".to_owned()));
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    envelope_from_json(&text).map_err(|error| wrong(error.to_string()))
}

async fn status(client: &Client, context: &Context) -> Result<Exit, Fault> {
    let status = client.operator_status().await?;
    let size = client.newest_checkpoint().await.size();
    let desks = |agency: &v1::AgencyStatus| -> Vec<serde_json::Value> {
        let desk =
            |it: &v1::DeskStatus| json!({"desk": it.desk, "sessions": it.sessions, "waiting": it.waiting});
        agency.desks.iter().map(desk).collect()
    };
    let agencies: Vec<serde_json::Value> = status
        .agencies
        .iter()
        .map(
            |it| json!({"agency": it.agency, "name": it.name, "suspended": it.suspended, "desks": desks(it)}),
        )
        .collect();
    let started = crate::time::Timestamp::from_unix_ms(status.started_unix_ms);
    let object = json!({
        "version": status.version,
        "origin": status.origin,
        "size": size,
        "started": started.to_string(),
        "sessions": status.sessions,
        "disk_free_bytes": status.disk_free_bytes,
        "queued": status.queued,
        "index_lag": status.index_lag,
        "draining": status.draining,
        "agencies": agencies,
        "quorum": status.quorum.as_ref().map(|it| json!({"met": it.met, "size": it.size, "time": time(it.time_unix_ms)})),
        "witnesses": status.witnesses.iter().map(|it| json!({
            "name": it.name, "size": it.size, "cosigned": time(it.cosigned_unix_ms), "error": it.error,
        })).collect::<Vec<_>>(),
    });
    let rows: Vec<Vec<String>> = status
        .agencies
        .iter()
        .flat_map(|agency| {
            agency.desks.iter().map(|desk| {
                vec![
                    desk.desk.clone(),
                    desk.sessions.to_string(),
                    desk.waiting.to_string(),
                    if agency.suspended { "suspended" } else { "" }.to_owned(),
                ]
            })
        })
        .collect();
    let text = format!(
        "{} (wardline {}), up since {started}{}\n  {size} records, {} sessions, {} commands wait, index behind by {}, {} MiB free\n{}",
        status.origin,
        status.version,
        if status.draining { ", shutting down" } else { "" },
        status.sessions,
        status.queued,
        status.index_lag,
        status.disk_free_bytes / (1024 * 1024),
        table(&["desk", "sessions", "waiting", ""], &rows)
    );
    let text = text + &witnesses(&status);
    context.emit(&object, text)?;
    Ok(Exit::Done)
}

/// A time that may not have been.
fn time(unix_ms: i64) -> Option<String> {
    (unix_ms != 0).then(|| crate::time::Timestamp::from_unix_ms(unix_ms).to_string())
}

/// How it stands with the witnesses; nothing if the relay asks none.
fn witnesses(status: &v1::GetStatusResponse) -> String {
    if status.witnesses.is_empty() {
        return String::new();
    }
    let never = || "never".to_owned();
    let quorum = match &status.quorum {
        None => "the policy asks for no quorum".to_owned(),
        Some(quorum) => {
            let of = time(quorum.time_unix_ms).map_or_else(String::new, |time| {
                format!(
                    ", the largest cosigned tree has {} records, since {time}",
                    quorum.size
                )
            });
            format!("the quorum is {}{of}", if quorum.met { "met" } else { "MISSING" })
        }
    };
    let rows: Vec<Vec<String>> = status
        .witnesses
        .iter()
        .map(|it| {
            let cosigned = time(it.cosigned_unix_ms).unwrap_or_else(never);
            vec![it.name.clone(), it.size.to_string(), cosigned, it.error.clone()]
        })
        .collect();
    format!(
        "\nwitnesses: {quorum}\n{}",
        table(&["witness", "size", "cosigned", ""], &rows)
    )
}
