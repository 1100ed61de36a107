//! `wardline onward`: hand a warning that came here to another agency, as a file, and read one that was handed over. The log
//! knows nothing of it, so that no answer can be recorded to what was handed over.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::screen::passed_on_screen;
use super::session::open;
use super::shown::{header_json, unread};
use super::{Context, Exit, Fault};
use crate::client::{InboxName, OnwardFile, PassedOn};
use crate::domain::{AgencyId, DeskAddress};
use crate::files;
use crate::limits;
use crate::seal::wrap_digest;

/// Hand a warning that came here to another agency, or read one that was handed over (onward read FILE).
///
/// The other agency gets a file with the warning as it was signed, its sealed body, the proof that it came here, the body's key
/// sealed to it, and your officer's signed statement. What the sender forbids is refused: onward NONE, personal data, another
/// state where it says WITHIN_STATE. The log has no record of it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct OnwardCommand {
    #[command(subcommand)]
    read: Option<ReadCommand>,
    /// The warning: its id or digest, or the beginning of one.
    #[arg(value_name = "ID", required = true)]
    id: Option<String>,
    /// The agency that it goes to.
    #[arg(long, value_name = "AGENCY", required = true)]
    to: Option<AgencyId>,
    /// The office of the officer ("duty officer"), never a person's name.
    #[arg(long, value_name = "OFFICE", required = true)]
    by: Option<String>,
    /// Where to; a file that is there is left as it is.
    #[arg(long, value_name = "FILE", required = true)]
    out: Option<PathBuf>,
    /// The sender was asked and agreed: your signed word, where the warning says ASK_ORIGINATOR.
    #[arg(long)]
    originator_agreed: bool,
    /// The desk that holds it, if it came to several of yours.
    #[arg(long)]
    desk: Option<DeskAddress>,
}

#[derive(Debug, Subcommand)]
enum ReadCommand {
    /// Verify and show a warning that another agency handed to this one.
    Read {
        /// The file.
        file: PathBuf,
    },
}

pub(crate) async fn run(command: OnwardCommand, context: &Context) -> Result<Exit, Fault> {
    match command {
        OnwardCommand {
            read: Some(ReadCommand::Read { file }),
            ..
        } => read(&file, context).await,
        OnwardCommand {
            id: Some(id),
            to: Some(to),
            by: Some(by),
            out: Some(out),
            originator_agreed,
            desk,
            read: None,
        } => {
            let client = open(context)?;
            let mut delivered = client.named(&id).await?.delivered;
            if let Some(desk) = &desk {
                delivered.retain(|name| name.desk == *desk);
            }
            let name = one(delivered)?;
            let file = client.pass_on(&name, &to, &by, originator_agreed).await?;
            files::create_new(&out, file.to_json().as_bytes()).map_err(Fault::usage)?;
            let object = json!({
                "id": name.id.to_string(),
                "digest": name.digest.to_string(),
                "desk": name.desk.to_string(),
                "to": to.to_string(),
                "originator_agreed": originator_agreed,
                "wrap_digest": hex::encode(wrap_digest(&file.wrap)),
                "file": out,
            });
            let text = format!(
                "{} can be handed to {to}, which reads it with: wardline onward read FILE\n  {}",
                name.id,
                out.display()
            );
            context.emit(&object, text)?;
            Ok(Exit::Done)
        }
        _ => Err(Fault::usage(
            "say what to hand on: ID --to AGENCY --by OFFICE --out FILE",
        )),
    }
}

fn one(delivered: Vec<InboxName>) -> Result<InboxName, Fault> {
    let mut delivered = delivered.into_iter();
    match (delivered.next(), delivered.next()) {
        (Some(name), None) => Ok(name),
        (None, _) => Err(Fault::usage(
            "it did not come here: only its recipients pass it on",
        )),
        (Some(_), Some(_)) => Err(Fault::usage(
            "it came to several of your desks: say which with --desk",
        )),
    }
}

async fn read(file: &std::path::Path, context: &Context) -> Result<Exit, Fault> {
    let bytes = files::read(file, limits::ONWARD_BYTES_MAX).map_err(Fault::usage)?;
    let bytes = bytes.ok_or_else(|| Fault::usage(format!("{} is not there", file.display())))?;
    let read = OnwardFile::parse(&bytes).map_err(Fault::usage)?;
    let client = open(context)?;
    let passed_on = client.read_onward(read).await?;
    let screen = passed_on_screen(&client, &passed_on).await;
    context.emit(&object(&passed_on), screen)?;
    Ok(Exit::Done)
}

fn object(passed_on: &PassedOn) -> Value {
    let transfer = &passed_on.transfer;
    let by = transfer.common.named();
    let mut object = header_json(&passed_on.warning, &passed_on.content);
    if let Value::Object(members) = &mut object {
        members.insert("digest".to_owned(), json!(passed_on.digest.to_string()));
        members.insert("index".to_owned(), json!(passed_on.routed.index()));
        members.insert(
            "routed".to_owned(),
            json!(passed_on.routed.record().time.to_string()),
        );
        members.insert("keyid".to_owned(), json!(passed_on.keyid.to_string()));
        members.insert("key_confirmed".to_owned(), json!(passed_on.key_confirmed));
        members.insert("unread".to_owned(), json!(unread(&passed_on.content)));
        let passed_on = json!({
            "by": by.map(|signer| signer.principal.to_string()),
            "desk": transfer.desk.to_string(),
            "office": by.map(|signer| signer.office.clone()),
            "sent": transfer.common.sent.to_string(),
            "keyid": passed_on.by_key.to_string(),
            "key_confirmed": passed_on.by_key_confirmed,
            "originator_agreed": transfer.originator_agreed,
            "barred": passed_on.barred.map(|bar| bar.word()),
        });
        members.insert("passed_on".to_owned(), passed_on);
    }
    object
}
