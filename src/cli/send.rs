//! `wardline send`: signs a draft once into the outbox, then sends it until it is on the record and says so only when every
//! receipt was verified.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::directory::warn_of_unconfirmed;
use super::outbox::warn_of_refused;
use super::session::{asked_to_type, at_a_terminal, open};
use super::{Context, Exit, Fault, draft, invocation};
use crate::client::{OutboxKind, Sent};
use crate::domain::{Address, Form, Status};
use crate::time::{Clock as _, SystemClock};

/// Send a warning.
#[derive(Debug, Args)]
pub(crate) struct SendCommand {
    /// The draft, in YAML or JSON; - is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Send the body in clear: whoever runs the relay can read it. Without this it is sealed, and only the agencies that it goes
    /// to and you can.
    #[arg(long)]
    clear: bool,
    /// Do not ask to retype ACTUAL.
    #[arg(long)]
    yes: bool,
}

/// A warning that is on the record.
#[derive(Debug, Serialize)]
pub(super) struct SentObject {
    id: String,
    digest: String,
    index: u64,
    recipients: Vec<RecipientObject>,
    receipt: PathBuf,
    sealed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sealed_to_revoked: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RecipientObject {
    address: String,
    desk: String,
    index: u64,
}

impl SentObject {
    pub(super) fn of(sent: &Sent) -> Self {
        Self {
            id: sent.id.to_string(),
            digest: sent.digest.to_string(),
            index: sent.index,
            recipients: sent
                .recipients
                .iter()
                .map(|to| RecipientObject {
                    address: to.address.clone(),
                    desk: to.desk.to_string(),
                    index: to.index,
                })
                .collect(),
            receipt: sent.receipt.clone(),
            sealed: sent.sealed,
            sealed_to_revoked: sent.sealed_to_ended.iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) fn text(&self, program: &str) -> String {
        let mut text = format!(
            "On the record at index {}: warning {}\n  digest  {}\n",
            self.index, self.id, self.digest
        );
        for to in &self.recipients {
            let _ = writeln!(text, "  routed  {} (index {})", to.desk, to.index);
        }
        text.push_str(match self.sealed {
            true => "  sealed: only those agencies and you can read it\n",
            false => "  IN CLEAR: whoever runs the relay can read it\n",
        });
        for key in &self.sealed_to_revoked {
            let _ = writeln!(
                text,
                "  WARNING: the key {key} had been revoked before it was accepted: whoever has it could read this"
            );
        }
        let _ = write!(
            text,
            "  receipt {}\nWhat becomes of it: {program} status {}",
            self.receipt.display(),
            self.id
        );
        text
    }
}

pub(crate) async fn run(command: SendCommand, context: &Context) -> Result<Exit, Fault> {
    let client = open(context)?;
    let text = draft::read_file(&command.file)?;
    let (mut draft, positions) = draft::parse(&command.file, &text)?;
    if command.clear {
        draft.form = Form::Clear;
    }
    let refusals = draft.refusals(SystemClock.now());
    if !refusals.is_empty() {
        let lines: Vec<String> = refusals
            .iter()
            .map(|refused| {
                let at = positions.of(&refused.field);
                format!("{}:{}:{}: {refused}", command.file.display(), at.line, at.column)
            })
            .collect();
        return Err(Fault::refused(lines.join("\n"))
            .advising("Nothing was signed. Mend the draft; wardline draft check explains it."));
    }
    if draft.status == Status::Actual && !command.yes {
        let to: Vec<String> = draft.to.iter().map(ToString::to_string).collect();
        let clear = match draft.form {
            Form::Clear => ", IN CLEAR: the relay's operator can read it",
            Form::Sealed => "",
        };
        let question = format!("This is a real warning to {}{clear}.", to.join(", "));
        if !at_a_terminal() || command.file == Path::new("-") {
            return Err(Fault::usage(format!(
                "{question} Nobody can be asked to retype ACTUAL here: say --yes"
            )));
        }
        asked_to_type(&question, "ACTUAL")?;
    }
    warn_of_refused(&client, OutboxKind::Warning)?;
    let addressed = draft.to.iter().filter_map(|to| match to {
        Address::Desk(desk) => Some(desk.agency().clone()),
        Address::Competence { .. } | Address::Group(_) => None,
    });
    let warned = warn_of_unconfirmed(&client, addressed.collect()).await;
    let sent = client.submit(&draft).await?;
    // A key that came while it was sent, and whom an address led to.
    let reached = sent.recipients.iter().map(|to| to.desk.agency().clone());
    warn_of_unconfirmed(&client, reached.filter(|it| !warned.contains(it)).collect()).await;
    let object = SentObject::of(&sent);
    context.emit(&object, object.text(&invocation::with_profile(context)))?;
    Ok(Exit::Done)
}
