//! `wardline ack`: an officer says that they have read a warning, and what becomes of it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::outbox::warn_of_refused;
use super::session::{open, word};
use super::{Context, Exit, Fault};
use crate::client::{Acknowledged, AcknowledgementDraft, Client, ClientError, Named, OutboxKind, When};
use crate::domain::{
    AcknowledgementKind, Address, Assessment, DeskAddress, Language, RefusalReason, Specific,
};

/// Acknowledge a warning, as an officer.
#[derive(Debug, Args)]
pub(crate) struct AckCommand {
    /// The warning: its id or digest, or the beginning of one.
    #[arg(value_name = "ID")]
    id: String,
    /// What is said.
    #[arg(long = "as", value_enum, value_name = "KIND")]
    kind: Kind,
    /// The office of the officer ("duty officer"), never a person's name.
    #[arg(long, value_name = "ROLE")]
    by: String,
    /// What the officer thinks of it: actionable, too-vague, already-known, not-believed.
    #[arg(long, value_parser = word::<Assessment>)]
    assessment: Option<Assessment>,
    /// With too-vague: what is missing (place, time, method, target, perpetrator).
    #[arg(long, value_delimiter = ',', value_parser = word::<Specific>)]
    missing: Vec<Specific>,
    /// With refused: busy, not-competent, legal-bar, capacity, language, unreadable (of a sealed body), other.
    #[arg(long, value_parser = word::<RefusalReason>)]
    reason: Option<RefusalReason>,
    /// With deferred: until when (2h, or a time with its offset).
    #[arg(long)]
    until: Option<When>,
    /// With misdirected: who is competent.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address>,
    /// Anything else, in words; of a sealed warning only its sender reads them.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The language of the note; else the profile's first.
    #[arg(long, value_name = "LANGUAGE", requires = "note")]
    note_language: Option<Language>,
    /// The desk that speaks, if the warning came to several of yours.
    #[arg(long)]
    desk: Option<DeskAddress>,
}

/// What an officer may say.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Opened,
    Accepted,
    Deferred,
    Refused,
    Misdirected,
    Acted,
    VictimWarned,
    VictimNotWarned,
}

impl From<Kind> for AcknowledgementKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Opened => Self::Opened,
            Kind::Accepted => Self::Accepted,
            Kind::Deferred => Self::Deferred,
            Kind::Refused => Self::Refused,
            Kind::Misdirected => Self::Misdirected,
            Kind::Acted => Self::Acted,
            Kind::VictimWarned => Self::VictimWarned,
            Kind::VictimNotWarned => Self::VictimNotWarned,
        }
    }
}

/// An acknowledgement that is on the record.
#[derive(Debug, Serialize)]
pub(super) struct AcknowledgedObject {
    id: String,
    digest: String,
    warning_digest: String,
    desk: String,
    kind: &'static str,
    index: u64,
    receipt: PathBuf,
    repeated: bool,
}

impl AcknowledgedObject {
    pub(super) fn of(acknowledged: &Acknowledged) -> Self {
        Self {
            id: acknowledged.id.to_string(),
            digest: acknowledged.digest.to_string(),
            warning_digest: acknowledged.warning_digest.to_string(),
            desk: acknowledged.desk.to_string(),
            kind: acknowledged.kind.word(),
            index: acknowledged.index,
            receipt: acknowledged.receipt.clone(),
            repeated: acknowledged.repeated,
        }
    }

    pub(super) fn text(&self) -> String {
        format!(
            "On the record at index {}: {} of {} by {}\n  receipt {}",
            self.index,
            self.kind,
            self.warning_digest,
            self.desk,
            self.receipt.display()
        )
    }
}

pub(crate) async fn run(command: AckCommand, context: &Context) -> Result<Exit, Fault> {
    let client = open(context)?;
    let named = client.named(&command.id).await?;
    let draft = draft(&client, command, named).await?;
    warn_of_refused(&client, OutboxKind::Acknowledgement)?;
    let acknowledged = client.acknowledge(&draft).await?;
    let object = AcknowledgedObject::of(&acknowledged);
    context.emit(&object, object.text())?;
    Ok(Exit::Done)
}

async fn draft(client: &Client, command: AckCommand, named: Named) -> Result<AcknowledgementDraft, Fault> {
    let ours = client.own_desk()?;
    let desk_of = |desks: Vec<DeskAddress>| choose(desks, command.desk.as_ref(), &ours);
    let (warning_id, warning_digest, desk) = match named.delivered.first() {
        Some(first) => {
            let desks = named.delivered.iter().map(|name| name.desk.clone()).collect();
            (first.id, first.digest, desk_of(desks)?)
        }
        None => {
            // It came to another machine of ours: what is acknowledged is verified first.
            let warning = client.warning(named.name).await?;
            let ours = warning.threads.into_keys();
            let agency = client.settings().principal.agency().cloned();
            let desks = ours
                .filter(|desk| Some(desk.agency()) == agency.as_ref())
                .collect();
            (warning.warning.common.id, warning.digest, desk_of(desks)?)
        }
    };
    let language = command
        .note_language
        .or_else(|| client.settings().languages.first().cloned());
    let note = match command.note {
        None => None,
        Some(text) => {
            let undetermined = || "und".parse::<Language>().map_err(Fault::usage);
            let language = language.map_or_else(undetermined, Ok)?;
            Some((language, text))
        }
    };
    Ok(AcknowledgementDraft {
        warning_id,
        warning_digest,
        desk,
        kind: command.kind.into(),
        office: command.by,
        assessment: command.assessment,
        missing: command.missing,
        reason: command.reason,
        until: command.until,
        to: command.to,
        note,
    })
}

/// The desk that speaks: the one that is named, else the only one, else the profile's own if it is among them.
fn choose(
    desks: Vec<DeskAddress>,
    named: Option<&DeskAddress>,
    own: &DeskAddress,
) -> Result<DeskAddress, Fault> {
    match (named, desks.as_slice()) {
        (Some(desk), _) => Ok(desk.clone()),
        (None, [only]) => Ok(only.clone()),
        (None, _) if desks.contains(own) => Ok(own.clone()),
        (None, []) => Err(ClientError::Invalid("the warning came to no desk of yours".to_owned()).into()),
        (None, several) => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(Fault::usage(format!(
                "the warning came to {}: say --desk",
                names.join(", ")
            )))
        }
    }
}
