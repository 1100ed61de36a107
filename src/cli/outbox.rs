//! `wardline outbox`: what was signed and has no verified receipt yet.

use clap::Subcommand;
use serde::Serialize;

use super::send::SentObject;
use super::session::{open, table};
use super::{Context, Exit, Fault, invocation};
use crate::client::{Client, OutboxEntry, Resent};
use crate::time::Timestamp;

/// See and resend what has no verified receipt yet.
#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// List it, oldest first.
    List,
    /// Send it again, the same bytes.
    Retry {
        /// Only these ids, or beginnings of them.
        ids: Vec<String>,
    },
}

#[derive(Debug, Serialize)]
struct EntryObject {
    id: String,
    kind: &'static str,
    signed: String,
    bytes: usize,
}

impl EntryObject {
    fn of(entry: &OutboxEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            kind: entry.kind.name(),
            signed: signed_at(entry).to_string(),
            bytes: entry.message.len(),
        }
    }
}

/// A UUIDv7 begins with the milliseconds of its making.
fn signed_at(entry: &OutboxEntry) -> Timestamp {
    let ms = entry
        .id
        .as_bytes()
        .iter()
        .take(6)
        .fold(0i64, |ms, byte| (ms << 8) | i64::from(*byte));
    Timestamp::from_unix_ms(ms)
}

pub(crate) async fn run(command: OutboxCommand, context: &Context) -> Result<Exit, Fault> {
    let client = open(context)?;
    let entries = client.outbox().list().map_err(crate::client::ClientError::from)?;
    match command {
        OutboxCommand::List => list(&entries, context),
        OutboxCommand::Retry { ids } => {
            let wanted: Vec<OutboxEntry> = entries
                .into_iter()
                .filter(|entry| {
                    ids.is_empty() || ids.iter().any(|id| entry.id.to_string().starts_with(id.as_str()))
                })
                .collect();
            if wanted.is_empty() && !ids.is_empty() {
                return Err(Fault::usage("nothing in the outbox has such an id"));
            }
            retry(&client, &wanted, context).await
        }
    }
}

fn list(entries: &[OutboxEntry], context: &Context) -> Result<Exit, Fault> {
    let objects: Vec<EntryObject> = entries.iter().map(EntryObject::of).collect();
    if context.json {
        for object in &objects {
            context.emit(object, "")?;
        }
    } else if objects.is_empty() {
        println!("The outbox is empty: all that was signed has its receipt.");
    } else {
        let rows: Vec<Vec<String>> = objects
            .iter()
            .map(|it| {
                vec![
                    it.id.clone(),
                    it.kind.to_owned(),
                    it.signed.clone(),
                    it.bytes.to_string(),
                ]
            })
            .collect();
        println!("{}", table(&["id", "kind", "signed", "bytes"], &rows));
    }
    Ok(Exit::Done)
}

/// Each in turn; the worst end of them is the command's. What does not verify stops it at once.
async fn retry(client: &Client, entries: &[OutboxEntry], context: &Context) -> Result<Exit, Fault> {
    let mut worst = Exit::Done;
    for entry in entries {
        match client.resend(entry).await {
            Ok(Resent::Sent(sent)) => {
                let object = SentObject::of(&sent);
                context.emit(&object, object.text(&invocation::with_profile(context)))?;
            }
            Ok(Resent::Acknowledged(acknowledged)) => {
                let object = super::ack::AcknowledgedObject::of(&acknowledged);
                context.emit(&object, object.text())?;
            }
            Ok(Resent::Recorded(recorded)) => {
                let object = super::operator::RecordedObject::of(&recorded);
                context.emit(&object, object.text())?;
            }
            Err(error) => {
                let fault = Fault::from(error);
                if fault.exit == Exit::VerificationFailed {
                    return Err(fault);
                }
                eprintln!(
                    "{} {}: {}",
                    entry.kind.name(),
                    entry.id,
                    fault.render(context.json)
                );
                if fault.exit.number() > worst.number() {
                    worst = fault.exit;
                }
            }
        }
    }
    Ok(worst)
}
