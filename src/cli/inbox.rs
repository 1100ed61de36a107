//! `wardline inbox`: what was delivered to this profile, without asking any relay; when what it says is erased, erasing it, and
//! attesting that to whoever asks.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::screen::screen;
use super::session::{confirmed, given, open, table, tell_news};
use super::shown::delivered_json;
use super::{Context, Exit, Fault};
use crate::client::{Attested, Client, ClientError, ErasedBy, ErasedHere, InboxName, InboxState, KeptHere};
use crate::domain::{DeskAddress, WarningName};
use crate::files;
use crate::limits;
use crate::seal::{envelope_from_json, envelope_to_json};

/// What was delivered here.
#[derive(Debug, Subcommand)]
pub(crate) enum InboxCommand {
    /// List what was delivered, how far it is, and when what it says is erased or was.
    List,
    /// Show a warning as it was delivered; once it is erased: its header, and when and by what it was erased.
    Show {
        /// The warning: its id or digest, or the beginning of one.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Erase what the rules say is due (retention in profile.toml), but what an auditor holds.
    ///
    /// The key that it was encrypted under is destroyed, so that it is gone from old copies too, and from every backup without
    /// retention.keys. Headers and proofs stay. `watch` does it by itself, at its start and once a day. The directory is followed
    /// first, where holds are; while the relay is away nothing is erased (exit 3).
    Erase {
        /// Only show what is due.
        #[arg(long, conflicts_with = "warning")]
        due: bool,
        /// Erase this warning now, whatever the rules say: its id or digest, or the beginning of one.
        #[arg(long, value_name = "ID", requires = "by")]
        warning: Option<String>,
        /// The office that orders it, never a person's name.
        #[arg(long, value_name = "ROLE", requires = "warning")]
        by: Option<String>,
        /// The clock is right, though it is far ahead of what was last known: asked for once, when nothing is erased for that.
        #[arg(long, conflicts_with = "due")]
        clock_checked: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Attest, signed by this agency's officer key, that a warning was erased here. Refused while any of it is kept.
    ///
    /// Whoever is handed the file checks it with `audit attested`. It is put on no record.
    Attest {
        /// The warning: its id or digest, or the beginning of one.
        #[arg(value_name = "ID")]
        id: String,
        /// The office that attests, never a person's name.
        #[arg(long, value_name = "ROLE")]
        by: String,
        /// Where to. What exists is never overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The desk to whose inbox it came, if it came to several of yours.
        #[arg(long)]
        desk: Option<DeskAddress>,
    },
}

pub(crate) async fn run(command: InboxCommand, context: &Context) -> Result<Exit, Fault> {
    let client = open(context)?;
    match command {
        InboxCommand::List => list(&client, context).await,
        InboxCommand::Show { id } => show(&client, &id, context).await,
        InboxCommand::Erase { due: true, .. } => due(&client, context).await,
        InboxCommand::Erase {
            warning: Some(id),
            by,
            yes,
            clock_checked,
            ..
        } => {
            let order = Order {
                by: by.unwrap_or_default(),
                yes,
                clock_checked,
            };
            erase_early(&client, &id, order, context).await
        }
        InboxCommand::Erase { clock_checked, .. } => {
            if clock_checked {
                client.clock_checked().await?;
            }
            followed(&client).await.unwrap_or_default();
            told(&client.erase_due().await?, context)?;
            Ok(Exit::Done)
        }
        InboxCommand::Attest { id, by, out, desk } => attest(&client, &id, &by, out, desk, context).await,
    }
}

async fn list(client: &Client, context: &Context) -> Result<Exit, Fault> {
    let kept = client.inbox_kept().await?;
    let mut rows = Vec::new();
    for (name, state) in client.inbox().list().map_err(ClientError::from)? {
        let erased = client.inbox().erased(&name).map_err(ClientError::from)?;
        let of = kept.iter().find(|it| it.name == name);
        let retention = match (&erased, of) {
            (Some(erased), _) => erased.to_string(),
            (None, Some(kept)) => until(kept),
            (None, None) => "came without a text".to_owned(),
        };
        let mut object = named(&name);
        insert(&mut object, "state", json!(state_word(state)));
        insert(&mut object, "kept", json!(of.map(kept_json)));
        insert(&mut object, "erased", json!(erased.as_ref().map(erased_json)));
        if context.json {
            context.emit(&object, "")?;
        }
        rows.push(vec![
            name.id.to_string(),
            name.desk.to_string(),
            state_word(state).to_owned(),
            retention,
        ]);
    }
    if !context.json {
        println!("{}", table(&["id", "desk", "state", "what it says"], &rows));
    }
    Ok(Exit::Done)
}

async fn show(client: &Client, id: &str, context: &Context) -> Result<Exit, Fault> {
    for name in delivered(client, id).await? {
        let Some(delivered) = client.stored(&name).await? else {
            continue;
        };
        let mut object = delivered_json(&delivered);
        insert(&mut object, "erased", erased_of(client, &name)?);
        context.emit(&object, screen(client, &delivered, context).await)?;
    }
    Ok(Exit::Done)
}

async fn due(client: &Client, context: &Context) -> Result<Exit, Fault> {
    if let Err(error) = followed(client).await {
        if !error.is_passing() {
            return Err(error.into());
        }
        eprintln!(
            "wardline: {error}. Nothing is erased until the directory can be followed; holds are shown as it was followed last."
        );
    }
    let now = client.time();
    let kept = client.inbox_kept().await?;
    let due: Vec<&KeptHere> = kept.iter().filter(|it| it.due <= now).collect();
    for kept in &due {
        let mut object = named(&kept.name);
        insert(&mut object, "kept", kept_json(kept));
        context.emit(
            &object,
            format!("{} {}: {}", kept.name.id, kept.name.desk, until(kept)),
        )?;
    }
    if due.is_empty() && !context.json {
        println!("Nothing is due.");
    }
    Ok(Exit::Done)
}

/// An order to erase.
struct Order {
    by: String,
    yes: bool,
    clock_checked: bool,
}

/// The directory is followed, and what is new there is told.
async fn followed(client: &Client) -> Result<(), ClientError> {
    tell_news(&client.follow_directory().await?);
    Ok(())
}

async fn erase_early(client: &Client, id: &str, order: Order, context: &Context) -> Result<Exit, Fault> {
    let names = delivered(client, id).await?;
    let Some(digest) = names.first().map(|name| name.digest) else {
        return Err(Fault::refused(format!("{id:?} was not delivered here")));
    };
    let question = format!("What warning {digest} says is erased here, for good, before its rule would.");
    confirmed(order.yes, &question, "erase")?;
    followed(client).await?;
    if order.clock_checked {
        client.clock_checked().await?;
    }
    let erased = client.erase_early(digest, &order.by).await?;
    told(&erased, context)?;
    // It was erased before, or there was nothing.
    Ok(Exit::Done)
}

async fn attest(
    client: &Client,
    id: &str,
    by: &str,
    out: PathBuf,
    desk: Option<DeskAddress>,
    context: &Context,
) -> Result<Exit, Fault> {
    let names = delivered(client, id).await?;
    let digest = match names.first() {
        Some(name) => name.digest,
        None => return Err(Fault::refused(format!("{id:?} was not delivered here"))),
    };
    for name in &names {
        let erased = client.inbox().erased(name).map_err(ClientError::from)?;
        if erased.is_none() {
            return Err(Fault::refused(format!("{digest} is not erased at {}", name.desk))
                .advising("Erase it first: wardline inbox erase --warning ID --by ROLE"));
        }
    }
    let own = client.own_desk()?;
    let desks: Vec<DeskAddress> = names.into_iter().map(|name| name.desk).collect();
    let desk = match (desk, desks.as_slice()) {
        (Some(desk), _) => desk,
        (None, [only]) => only.clone(),
        (None, several) if several.contains(&own) => own,
        (None, _) => return Err(Fault::usage("it came to several desks: say --desk")),
    };
    if out.exists() {
        return Err(Fault::usage(format!("{} is there already", out.display())));
    }
    let envelope = client.attest_erasure(digest, &desk, by).await?;
    files::create_new(&out, envelope_to_json(&envelope).as_bytes()).map_err(ClientError::from)?;
    let object = json!({
        "file": out,
        "digest": digest.to_string(),
        "desk": desk.to_string(),
        "attestation_digest": envelope.digest().to_string(),
    });
    let text = format!("{} attests that {digest} was erased at {desk}", out.display());
    context.emit(&object, text)?;
    Ok(Exit::Done)
}

/// `wardline audit attested FILE`.
pub(super) async fn attested(
    file: &std::path::Path,
    client: &Client,
    context: &Context,
) -> Result<Exit, Fault> {
    let text = String::from_utf8(given(file, 2 * limits::PAYLOAD_BYTES_MAX)?).map_err(Fault::usage)?;
    let envelope = envelope_from_json(&text).map_err(Fault::usage)?;
    let attested = client.verify_attestation(envelope).await?;
    context.emit(&attested_json(&attested), attested_text(&attested))?;
    Ok(Exit::Done)
}

fn attested_json(attested: &Attested) -> Value {
    let it = &attested.attestation;
    let signer = it.common.named();
    let seen = signer.and_then(|signer| signer.seen.as_ref());
    json!({
        "id": it.common.id.to_string(),
        "signed": it.common.sent.to_string(),
        "principal": signer.map(|signer| signer.principal.to_string()),
        "office": signer.map(|signer| signer.office.clone()),
        "keyid": attested.keyid.to_string(),
        "key_confirmed": attested.key_confirmed,
        "key_known_to_size": attested.known_to,
        "seen_size": seen.map(|seen| seen.size),
        "digest": it.warning_digest.to_string(),
        "desk": it.desk.to_string(),
        "retention_class": it.bucket.class().word(),
        "day": it.bucket.day(),
        "days": it.days,
        "by_order": it.days == 0,
        "erased_at": it.erased_at.to_string(),
    })
}

fn attested_text(attested: &Attested) -> String {
    let it = &attested.attestation;
    let signer = it.common.named();
    let who = signer
        .map(|signer| signer.principal.to_string())
        .unwrap_or_default();
    let office = signer.map(|signer| super::screen::one_line(&signer.office));
    let by = match it.days {
        0 => "early, by order".to_owned(),
        days => format!("by its rule of {days} days"),
    };
    let confirmed = match attested.key_confirmed {
        true => "",
        false => " (nobody has confirmed this key)",
    };
    format!(
        "{who} ({}) attests: what warning {} said was erased in the inbox of {} at {}, {by} ({}).\n  Signed at {} with {}{confirmed}; it is on no record, and both times are its own. That key was not revoked in the log's first {} records.",
        office.unwrap_or_default(),
        it.warning_digest,
        it.desk,
        it.erased_at,
        it.bucket,
        it.common.sent,
        attested.keyid,
        attested.known_to,
    )
}

/// Says what was erased.
pub(super) fn told(erased: &[(InboxName, ErasedHere)], context: &Context) -> Result<(), Fault> {
    for (name, erased) in erased {
        let mut object = named(name);
        insert(&mut object, "event", json!("erased"));
        insert(&mut object, "erased", erased_json(erased));
        context.emit(&object, format!("{} {}: {erased}", name.id, name.desk))?;
    }
    Ok(())
}

/// When and by what a delivery was erased here, as an object; null: it was not.
pub(super) fn erased_of(client: &Client, name: &InboxName) -> Result<Value, Fault> {
    let erased = client.inbox().erased(name).map_err(ClientError::from)?;
    Ok(json!(erased.as_ref().map(erased_json)))
}

async fn delivered(client: &Client, id: &str) -> Result<Vec<InboxName>, Fault> {
    let named = client.named(id).await?;
    if named.delivered.is_empty() {
        let name = match named.name {
            WarningName::Id(id) => id.to_string(),
            WarningName::Digest(digest) => digest.to_string(),
        };
        return Err(Fault::refused(format!("{name} was not delivered here")));
    }
    Ok(named.delivered)
}

fn named(name: &InboxName) -> Value {
    json!({
        "id": name.id.to_string(),
        "digest": name.digest.to_string(),
        "desk": name.desk.to_string(),
        "inbox_number": name.number,
    })
}

fn kept_json(kept: &KeptHere) -> Value {
    json!({
        "retention_class": kept.bucket.class().word(),
        "day": kept.bucket.day(),
        "days": kept.days,
        "due": kept.due.to_string(),
        "held": kept.held,
    })
}

fn erased_json(erased: &ErasedHere) -> Value {
    let (rule, days, office) = match &erased.by {
        ErasedBy::Rule { days } => ("rule", Some(days), None),
        ErasedBy::Order { office } => ("order", None, Some(office)),
    };
    json!({
        "at": erased.at.to_string(),
        "by": rule,
        "days": days,
        "office": office,
        "retention_class": erased.bucket.class().word(),
        "day": erased.bucket.day(),
    })
}

fn until(kept: &KeptHere) -> String {
    match kept.held {
        Some(record) => format!("due {}, held by record {record}", kept.due),
        None => format!("due {} ({})", kept.due, kept.bucket),
    }
}

const fn state_word(state: InboxState) -> &'static str {
    match state {
        InboxState::Stored => "stored",
        InboxState::Shown => "shown",
        InboxState::Handled => "handled",
        InboxState::Received => "received",
    }
}

fn insert(object: &mut Value, member: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}
