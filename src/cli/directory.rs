//! `wardline directory`: who is enrolled with which keys, as this profile has verified it, and the keys that a person has
//! confirmed; and what an agency publishes of itself.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use super::operator::{RecordedObject, read_envelope};
use super::screen::one_line;
use super::session::{asked, at_a_terminal, open, table, tell_news, word};
use super::{Context, Exit, Fault};
use crate::client::{Client, KnownDirectory};
use crate::domain::{AgencyId, Desk, DeskAddress, KeyId, KeyRole, Language, Principal, RevocationReason};
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
        /// The eight words of a key, as its owner said them; once for each key. Without them they are asked for.
        #[arg(long, value_name = "WORDS", conflicts_with = "yes")]
        words: Vec<String>,
        /// Confirm without words: you have compared them elsewhere.
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
    /// What bodies are sealed to; none of an auditor, or of an agency that has published none yet.
    seal_key: Option<KeyObject>,
    enrolled_at: u64,
}

impl AgencyObject {
    fn seal_key_text(&self) -> &'static str {
        match &self.seal_key {
            Some(key) if key.confirmed => "confirmed",
            Some(_) => "NOT confirmed",
            None => "none",
        }
    }
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
        DirectoryCommand::Confirm { whose, words, yes } => {
            confirm(&client, &whose, &words, yes, context).await
        }
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
                seal_key: directory
                    .seal_key_of(agency)
                    .map(|key| KeyObject::of(key, &known)),
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
                    it.seal_key_text().to_owned(),
                    format!("{} ({} not confirmed)", it.keys, it.unconfirmed_keys),
                ]
            })
            .collect();
        println!(
            "{}",
            table(&["agency", "name", "", "desks", "seal key", "keys"], &rows)
        );
    }
    for (agency, _) in directory.agencies() {
        warn_of_new_keys(&known, agency, &client.settings().principal);
    }
    Ok(Exit::Done)
}

/// Warns of keys that took their place beside, or in the place of, those that a person has confirmed: each time, until they are
/// confirmed too. Of an agency of which none was ever confirmed, the table says so.
fn warn_of_new_keys(known: &KnownDirectory, agency: &AgencyId, us: &Principal) {
    let principal = Principal::Agency(agency.clone());
    let (unconfirmed, before) = known.unconfirmed(&principal);
    if !before || principal == *us {
        return;
    }
    for key in unconfirmed {
        let risk = false_key_risk([key.role]);
        eprintln!(
            "wardline: WARNING: {principal} has a {} key that is new since you confirmed others{risk}\n    {}\n    {}\n  Compare the words with {principal} on another line, then: wardline directory confirm {principal}",
            key.role,
            key.keyid,
            Fingerprint::of(&key.keyid)
        );
    }
}

/// A false seal key is the worst of all: nobody else notices it, and nothing shows it afterwards.
fn false_key_risk(roles: impl IntoIterator<Item = KeyRole>) -> &'static str {
    if roles.into_iter().any(|role| role == KeyRole::Seal) {
        "; if the seal key is false, whoever made it reads what you send, and the agency does not"
    } else {
        ""
    }
}

/// One line for each agency that is addressed, of which a key is not confirmed; gives of whom.
pub(super) async fn warn_of_unconfirmed(client: &Client, agencies: BTreeSet<AgencyId>) -> BTreeSet<AgencyId> {
    let known = client.known_directory().await;
    let mut warned = BTreeSet::new();
    for agency in agencies {
        let principal = Principal::Agency(agency.clone());
        let (unconfirmed, before) = known.unconfirmed(&principal);
        if unconfirmed.is_empty() || principal == client.settings().principal {
            continue;
        }
        let roles: Vec<&str> = unconfirmed.iter().map(|key| key.role.as_str()).collect();
        let new = if before { "new and " } else { "" };
        let risk = false_key_risk(unconfirmed.iter().map(|key| key.role));
        eprintln!(
            "wardline: WARNING: keys of {agency} are {new}not confirmed ({}){risk}: compare them with {agency}, then wardline directory confirm {agency}",
            roles.join(", ")
        );
        warned.insert(agency);
    }
    warned
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

async fn confirm(
    client: &Client,
    whose: &str,
    words: &[String],
    yes: bool,
    context: &Context,
) -> Result<Exit, Fault> {
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
    let open: Vec<&KeyEntry> = known
        .directory()
        .keys()
        .filter(|key| chosen.takes(key) && !known.is_confirmed(&key.keyid))
        .collect();
    let said_of = |key: &KeyEntry| {
        let fingerprint = Fingerprint::of(&key.keyid);
        yes || words.iter().any(|said| fingerprint.is_said_by(said))
    };
    if let Some(stray) = words.iter().find(|said| {
        let is = |key: &KeyObject| {
            key.keyid
                .parse()
                .is_ok_and(|keyid| Fingerprint::of(&keyid).is_said_by(said))
        };
        !keys.iter().any(is)
    }) {
        let why = format!("no valid key of {whose} has these words: {stray}");
        return Err(Fault::refused(why).advising("Nothing was confirmed. If they are what its owner says, the directory has another key than the owner: wake someone."));
    }
    let mut heard = Vec::new();
    for key in open {
        if !said_of(key) {
            if !words.is_empty() {
                continue;
            }
            asked_for_words(key)?;
        }
        heard.push(key.keyid);
    }
    let confirmed_keys = client.confirm_keys(|key| heard.contains(&key.keyid)).await?;
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

/// Has a person type the eight words that the owner says; anything else is a no. Neither the words nor the id that they are of are
/// shown here: what is shown would be typed.
fn asked_for_words(key: &KeyEntry) -> Result<(), Fault> {
    let shown = format!("{} {}, from index {}", key.principal, key.role, key.from);
    if !at_a_terminal() {
        return Err(Fault::usage(format!(
            "{shown}\nNobody can be asked here: say the words that its owner says with --words \"…\", or --yes"
        )));
    }
    let said = asked(&format!(
        "{shown}\nType the eight words that its owner says, on another line than this one: "
    ))?;
    if Fingerprint::of(&key.keyid).is_said_by(&said) {
        Ok(())
    } else {
        Err(Fault::refused(
            "These are not the words of this key: nothing was confirmed",
        ))
    }
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
