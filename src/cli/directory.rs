//! `wardline directory`: who is enrolled with which keys, as this profile has verified it, and the keys that a person has
//! confirmed; and what an agency publishes of itself.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use super::operator::{RecordedObject, read_envelope};
use super::screen::one_line;
use super::session::{confirmed, open, table, tell_news, word};
use super::{Context, Exit, Fault};
use crate::client::{Client, KnownDirectory};
use crate::domain::{AgencyId, Desk, DeskAddress, KeyId, Language, Principal, RevocationReason};
use crate::ledger::KeyEntry;
use crate::seal::Fingerprint;

/// See who is enrolled, confirm keys, publish your own.
#[derive(Debug, Subcommand)]
pub(crate) enum DirectoryCommand {
    /// List the agencies and their desks.
    List,
    /// Show the keys of an agency, a root (root:ru) or an operator (operator:NAME).
    Show {
        /// Whose.
        principal: Principal,
    },
    /// Say that you have compared fingerprints with their owner, on another line.
    Confirm {
        /// An agency or another principal, or one key's id.
        #[arg(value_name = "PRINCIPAL|KEYID")]
        whose: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Publish certificates, revocations or successions of keys, as files that others have signed.
    Publish {
        /// DSSE envelopes in JSON.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Revoke a key of this profile with itself (an operator: any operator's key). A root revokes with wardline keys revoke.
    Revoke {
        /// The key.
        keyid: KeyId,
        /// Why: superseded, compromised or retired.
        #[arg(long, value_parser = word::<RevocationReason>)]
        reason: RevocationReason,
    },
    /// Publish this agency's desks, in place of those that it published before; its duty desk is always there.
    Desks {
        /// A desk and its name for people: be.ctc/aviation="Aviation desk".
        #[arg(value_name = "ADDRESS[=NAME]", value_parser = named_desk)]
        desks: Vec<(DeskAddress, String)>,
        /// What their officers read, best first; else the profile's languages.
        #[arg(long, value_delimiter = ',', value_name = "LANGUAGE")]
        languages: Vec<Language>,
        /// The office that decides.
        #[arg(long, default_value = "", value_name = "ROLE")]
        by: String,
    },
    /// Admit an auditor to all that this agency may see.
    Mandate {
        /// The auditor.
        auditor: AgencyId,
        /// Dismiss it instead.
        #[arg(long)]
        withdraw: bool,
        /// The office that decides.
        #[arg(long, default_value = "", value_name = "ROLE")]
        by: String,
    },
}

#[derive(Debug, Serialize)]
struct AgencyObject {
    agency: String,
    name: String,
    kind: &'static str,
    suspended: bool,
    desks: Vec<String>,
    keys: usize,
    unconfirmed_keys: usize,
    enrolled_at: u64,
}

#[derive(Debug, Serialize)]
struct KeyObject {
    principal: String,
    role: &'static str,
    keyid: String,
    fingerprint: String,
    label: String,
    from: u64,
    until: Option<u64>,
    confirmed: bool,
}

impl KeyObject {
    fn of(key: &KeyEntry, known: &KnownDirectory) -> Self {
        Self {
            principal: key.principal.to_string(),
            role: key.role.as_str(),
            keyid: key.keyid.to_string(),
            fingerprint: Fingerprint::of(&key.keyid).to_string(),
            label: key.label.clone(),
            from: key.from,
            until: key.until,
            confirmed: known.is_confirmed(&key.keyid),
        }
    }

    fn text(&self) -> String {
        let until = self
            .until
            .map_or_else(String::new, |until| format!(", not valid from index {until} on"));
        let confirmed = if self.confirmed {
            "confirmed"
        } else {
            "NOT confirmed"
        };
        format!(
            "{} {} ({confirmed}), from index {}{until}\n    {}\n    {}",
            self.principal, self.role, self.from, self.keyid, self.fingerprint
        )
    }
}

pub(crate) async fn run(command: DirectoryCommand, context: &Context) -> Result<Exit, Fault> {
    let client = open(context)?;
    match command {
        DirectoryCommand::List => list(&client, context).await,
        DirectoryCommand::Show { principal } => show(&client, &principal, context).await,
        DirectoryCommand::Confirm { whose, yes } => confirm(&client, &whose, yes, context).await,
        DirectoryCommand::Publish { files } => {
            for file in files {
                let recorded = client.publish_key(&read_envelope(&file)?).await?;
                let object = RecordedObject::of(&recorded);
                context.emit(&object, object.text())?;
            }
            Ok(Exit::Done)
        }
        DirectoryCommand::Revoke { keyid, reason } => {
            let recorded = client.revoke(keyid, reason).await?;
            let object = RecordedObject::of(&recorded);
            context.emit(&object, object.text())?;
            Ok(Exit::Done)
        }
        DirectoryCommand::Desks { desks, languages, by } => {
            let languages = match languages.as_slice() {
                [] => client.settings().languages.clone(),
                given => given.to_vec(),
            };
            let desks = desks.into_iter().map(|(address, name)| Desk {
                address,
                name,
                competences: Vec::new(),
                languages: languages.clone(),
            });
            let recorded = client.publish_desks(desks.collect(), &by).await?;
            let object = RecordedObject::of(&recorded);
            context.emit(&object, object.text())?;
            Ok(Exit::Done)
        }
        DirectoryCommand::Mandate {
            auditor,
            withdraw,
            by,
        } => {
            let recorded = client.publish_mandate(auditor, withdraw, &by).await?;
            let object = RecordedObject::of(&recorded);
            context.emit(&object, object.text())?;
            Ok(Exit::Done)
        }
    }
}

async fn followed(client: &Client) -> Result<Arc<KnownDirectory>, Fault> {
    tell_news(&client.follow_directory().await?);
    Ok(client.known_directory().await)
}

pub(super) async fn list(client: &Client, context: &Context) -> Result<Exit, Fault> {
    let known = followed(client).await?;
    let directory = known.directory();
    let objects: Vec<AgencyObject> = directory
        .agencies()
        .map(|(agency, entry)| {
            let principal = Principal::Agency(agency.clone());
            let valid: Vec<&KeyEntry> = directory
                .keys_of(&principal)
                .filter(|key| key.until.is_none())
                .collect();
            AgencyObject {
                agency: agency.to_string(),
                name: entry.name.clone(),
                kind: entry.kind.word(),
                suspended: entry.suspended,
                desks: directory
                    .desks_of(agency)
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                unconfirmed_keys: valid.iter().filter(|key| !known.is_confirmed(&key.keyid)).count(),
                keys: valid.len(),
                enrolled_at: entry.enrolled,
            }
        })
        .collect();
    if context.json {
        for object in &objects {
            context.emit(object, "")?;
        }
    } else {
        let rows: Vec<Vec<String>> = objects
            .iter()
            .map(|it| {
                vec![
                    it.agency.clone(),
                    one_line(&it.name),
                    if it.suspended { "suspended" } else { "" }.to_owned(),
                    it.desks.join(" "),
                    format!("{} ({} not confirmed)", it.keys, it.unconfirmed_keys),
                ]
            })
            .collect();
        println!("{}", table(&["agency", "name", "", "desks", "keys"], &rows));
    }
    Ok(Exit::Done)
}

async fn show(client: &Client, principal: &Principal, context: &Context) -> Result<Exit, Fault> {
    let known = followed(client).await?;
    let mut keys: Vec<&KeyEntry> = known.directory().keys_of(principal).collect();
    if keys.is_empty() {
        return Err(Fault::refused(format!("{principal} is not enrolled")));
    }
    keys.sort_by_key(|key| (key.role, key.from));
    for key in keys {
        let object = KeyObject::of(key, &known);
        context.emit(&object, object.text())?;
    }
    Ok(Exit::Done)
}

async fn confirm(client: &Client, whose: &str, yes: bool, context: &Context) -> Result<Exit, Fault> {
    let known = followed(client).await?;
    let chosen = chooser(whose)?;
    let keys: Vec<KeyObject> = known
        .directory()
        .keys()
        .filter(|key| chosen.takes(key))
        .map(|key| KeyObject::of(key, &known))
        .collect();
    if keys.is_empty() {
        return Err(Fault::refused(format!("{whose} has no valid key")));
    }
    let listed: Vec<String> = keys.iter().map(KeyObject::text).collect();
    let question = format!(
        "{}\nAre these the words that their owner says, on another line than this one?",
        listed.join("\n")
    );
    confirmed(yes, &question, "confirm")?;
    let confirmed_keys = client.confirm_keys(|key| chosen.takes(key)).await?;
    for key in &confirmed_keys {
        let object = json!({
            "principal": key.principal.to_string(),
            "role": key.role.as_str(),
            "keyid": key.keyid.to_string(),
            "confirmed": true,
        });
        let text = format!("confirmed: {} {} {}", key.principal, key.role, key.keyid);
        context.emit(&object, text)?;
    }
    Ok(Exit::Done)
}

/// Which keys are meant.
enum Chosen {
    Key(KeyId),
    Principal(Principal),
}

impl Chosen {
    fn takes(&self, key: &KeyEntry) -> bool {
        key.until.is_none()
            && match self {
                Self::Key(keyid) => key.keyid == *keyid,
                Self::Principal(principal) => key.principal == *principal,
            }
    }
}

fn chooser(whose: &str) -> Result<Chosen, Fault> {
    match whose.parse::<KeyId>() {
        Ok(keyid) => Ok(Chosen::Key(keyid)),
        Err(_) => whose.parse().map(Chosen::Principal).map_err(Fault::usage),
    }
}

fn named_desk(text: &str) -> Result<(DeskAddress, String), String> {
    let (address, name) = text.split_once('=').unwrap_or((text, ""));
    let address = address.parse().map_err(|error| format!("{error}"))?;
    Ok((address, name.to_owned()))
}
