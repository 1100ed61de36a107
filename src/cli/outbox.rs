//! `wardline outbox`: what was signed and has no verified receipt yet.

use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use super::screen::one_line;
use super::send::SentObject;
use super::session::{confirmed, open, table};
use super::{Context, Exit, Fault, invocation};
use crate::client::{Client, ClientError, OutboxEntry, OutboxKind, Resent, Unproven};
use crate::time::Timestamp;

/// See and resend what has no verified receipt yet.
#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// List it, oldest first, with what the relay said against it.
    List,
    /// Send it again, the same bytes. A change of the directory that was refused is sent again only if it is named.
    Retry {
        /// Only these ids, or beginnings of them.
        ids: Vec<String>,
    },
    /// Give something up: it is never sent again, and its bytes go to outbox/dropped.
    Drop {
        /// Ids, or beginnings of them.
        #[arg(required = true)]
        ids: Vec<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// An entry, and how it is with it: it waits, or the relay refused it and proved nothing.
#[derive(Debug, Serialize)]
struct EntryObject {
    id: String,
    kind: &'static str,
    signed: String,
    bytes: usize,
    state: &'static str,
    code: Option<&'static str>,
    reason: Option<String>,
}

impl EntryObject {
    fn of(entry: &OutboxEntry, refusal: Option<Unproven>) -> Self {
        Self {
            id: entry.id.to_string(),
            kind: entry.kind.name(),
            signed: signed_at(entry).to_string(),
            bytes: entry.message.len(),
            state: if refusal.is_some() { "refused" } else { "waiting" },
            code: refusal.as_ref().map(|refusal| refusal.code.name()),
            reason: refusal.map(|refusal| refusal.sentence),
        }
    }

    fn cells(&self) -> Vec<String> {
        let state = match (self.code, &self.reason) {
            (Some(code), Some(reason)) => format!("refused without proof: {} [{code}]", one_line(reason)),
            (_, _) => self.state.to_owned(),
        };
        vec![
            self.id.clone(),
            self.kind.to_owned(),
            self.signed.clone(),
            self.bytes.to_string(),
            state,
        ]
    }
}

/// What was sent cannot be taken back.
const STILL_HELD: &str =
    "If it was ever sent, the relay may still hold the signed bytes, and may put them on the record.";

/// Before something new is signed: what was refused without a proof, and may be recorded beside it all the same.
pub(super) fn warn_of_refused(client: &Client, kind: OutboxKind) -> Result<(), Fault> {
    let mut refused = Vec::new();
    for entry in client.outbox().list().map_err(ClientError::from)? {
        let said = client.outbox().refusal(&entry).map_err(ClientError::from)?;
        if let Some(said) = said.filter(|_| entry.kind == kind) {
            refused.push(format!("{} [{}]", entry.id, said.code));
        }
    }
    if !refused.is_empty() {
        eprintln!(
            "wardline: WARNING: the relay refused, without a proof, what is still in the outbox: {} {}. It has the signed bytes and may yet record them, after this one too; see wardline outbox list.",
            kind.name(),
            refused.join(", ")
        );
    }
    Ok(())
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
    let entries = client.outbox().list().map_err(ClientError::from)?;
    match command {
        OutboxCommand::List => list(&client, &entries, context),
        OutboxCommand::Retry { ids } => {
            let wanted = if ids.is_empty() {
                unasked(&client, entries, context)?
            } else {
                named(entries, &ids)?
            };
            retry(&client, &wanted, context).await
        }
        OutboxCommand::Drop { ids, yes } => give_up(&client, &named(entries, &ids)?, yes, context),
    }
}

/// Those that are named; each name must name one at least.
fn named(entries: Vec<OutboxEntry>, ids: &[String]) -> Result<Vec<OutboxEntry>, Fault> {
    let names = |entry: &OutboxEntry, id: &String| entry.id.to_string().starts_with(id.as_str());
    if let Some(nothing) = ids
        .iter()
        .find(|id| !entries.iter().any(|entry| names(entry, id)))
    {
        return Err(Fault::usage(format!(
            "nothing in the outbox has the id {nothing}"
        )));
    }
    let wanted = entries
        .into_iter()
        .filter(|entry| ids.iter().any(|id| names(entry, id)));
    Ok(wanted.collect())
}

/// Those that are sent again without being named.
fn unasked(client: &Client, entries: Vec<OutboxEntry>, context: &Context) -> Result<Vec<OutboxEntry>, Fault> {
    let mut wanted = Vec::new();
    for entry in entries {
        if entry.kind.outlasts_refusal()
            || client
                .outbox()
                .refusal(&entry)
                .map_err(ClientError::from)?
                .is_none()
        {
            wanted.push(entry);
        } else if !context.json {
            eprintln!(
                "{} {}: it was refused; name it to send it again, or drop it",
                entry.kind.name(),
                entry.id
            );
        }
    }
    Ok(wanted)
}

fn list(client: &Client, entries: &[OutboxEntry], context: &Context) -> Result<Exit, Fault> {
    let mut objects = Vec::new();
    for entry in entries {
        let refusal = client.outbox().refusal(entry).map_err(ClientError::from)?;
        objects.push(EntryObject::of(entry, refusal));
    }
    if context.json {
        for object in &objects {
            context.emit(object, "")?;
        }
    } else if objects.is_empty() {
        println!("The outbox is empty: all that was signed has its receipt, or was dropped.");
    } else {
        let rows: Vec<Vec<String>> = objects.iter().map(EntryObject::cells).collect();
        println!("{}", table(&["id", "kind", "signed", "bytes", "state"], &rows));
    }
    Ok(Exit::Done)
}

fn give_up(client: &Client, entries: &[OutboxEntry], yes: bool, context: &Context) -> Result<Exit, Fault> {
    let names: Vec<String> = entries
        .iter()
        .map(|entry| format!("{} {}", entry.kind.name(), entry.id))
        .collect();
    let question = format!(
        "This gives up {}: it is signed, and will never be sent again from here. {STILL_HELD}",
        names.join(", ")
    );
    confirmed(yes, &question, "DROP")?;
    for entry in entries {
        let dropped = client.outbox().drop_entry(entry).map_err(ClientError::from)?;
        let object = json!({
            "id": entry.id.to_string(),
            "kind": entry.kind.name(),
            "dropped": dropped,
        });
        let text = format!(
            "{} {} was dropped; its bytes are in {}. {STILL_HELD}",
            entry.kind.name(),
            entry.id,
            dropped.display()
        );
        context.emit(&object, text)?;
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
                if context.json {
                    let mut object = fault.object();
                    if let Value::Object(fields) = &mut object {
                        fields.insert("id".to_owned(), json!(entry.id.to_string()));
                        fields.insert("kind".to_owned(), json!(entry.kind.name()));
                    }
                    eprintln!("{object}");
                } else {
                    eprintln!("{} {}: {}", entry.kind.name(), entry.id, fault.render(false));
                }
                if fault.exit.number() > worst.number() {
                    worst = fault.exit;
                }
            }
        }
    }
    Ok(worst)
}
