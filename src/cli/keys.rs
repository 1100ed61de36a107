//! `wardline keys`: making keys, certifying them, and their fingerprints, offline. What is certified is shown first, by
//! principal, role and words: the person at the root compares the words with what the agency says on another line.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{ArgGroup, Subcommand};
use serde_json::{Value, json};

use super::passphrase::new_passphrase;
use super::session::{confirmed, profile, word};
use super::{Context, Exit, Fault};
use crate::client::ProfileDir;
use crate::client::keys::{
    AGENCY_ROLES, AUDITOR_ROLES, Certifier, KeyForm, KeyRequest, KeysError, OPERATOR_ROLES, ShownKey,
    certify_to_file, make_agency_keys_under, make_operator_keys_under, make_root_under, protect,
    revoke_to_file, secret_files, show, succeed_to_file, unprotect,
};
use crate::domain::{AgencyId, KeyId, KeyRole, OperatorName, Origin, RevocationReason, StateId};
use crate::seal::{Fingerprint, Passphrase, SealSuite};
use crate::time::{Clock as _, SystemClock};

/// Make, certify and show keys, offline.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a state's root key and its certificate by itself. Keep it on a machine without a network.
    Root {
        /// The state (ru) or international body (int.un).
        #[arg(long)]
        state: StateId,
        /// The log that it is for.
        #[arg(long)]
        origin: Origin,
        /// Where to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Under a passphrase, which --passphrase-file names or you type.
        #[arg(long)]
        protect: bool,
    },
    /// Make the keys of an agency, an auditor or an operator in its profile, and a request for each.
    #[command(group(ArgGroup::new("whose").required(true).args(["agency", "auditor", "operator"])))]
    New {
        /// An agency: keys to originate, to receive, of its officers, one that bodies are sealed to, and TLS.
        #[arg(long)]
        agency: Option<AgencyId>,
        /// An auditor: a key of its officers, who place holds, and TLS.
        #[arg(long)]
        auditor: Option<AgencyId>,
        /// An operator: a signing key and TLS, certified by itself as a genesis takes them.
        #[arg(long, value_name = "NAME")]
        operator: Option<OperatorName>,
        /// The enrolled operator that is to certify this one's keys.
        #[arg(long, value_name = "NAME", requires = "operator")]
        certifier: Option<OperatorName>,
        /// Only this key of an agency, in a profile that has others; may be given again. A seal key, which opens bodies, is made in the profile also where a token signs.
        #[arg(long = "role", value_name = "ROLE", requires = "agency")]
        roles: Vec<KeyRole>,
        /// How bodies are sealed to it: x-wing, or x25519 where a token's program signs no long headers.
        #[arg(long, value_name = "SUITE", default_value = SealSuite::PREFERRED.word(), conflicts_with_all = ["auditor", "operator"])]
        seal_suite: SealSuite,
        /// The log that they are for.
        #[arg(long)]
        origin: Origin,
        /// The profile's directory.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Under a passphrase, which --passphrase-file names or you type.
        #[arg(long)]
        protect: bool,
    },
    /// Show what requests ask for, and add the root's signature to each.
    #[command(group(ArgGroup::new("certifying").required(true).args(["root", "operator"])))]
    Certify {
        /// The root's directory.
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
        /// An enrolled operator's profile, for another operator's keys.
        #[arg(long, value_name = "DIR")]
        operator: Option<PathBuf>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// Requests, as `keys new` wrote them.
        #[arg(required = true, value_name = "REQUEST")]
        requests: Vec<PathBuf>,
    },
    /// Revoke an agency's key by the root of its state: a file that anybody publishes (wardline directory publish FILE).
    Revoke {
        /// The root's directory.
        #[arg(long, value_name = "DIR")]
        root: PathBuf,
        /// Whose key.
        #[arg(long)]
        agency: AgencyId,
        /// Why: superseded, compromised or retired.
        #[arg(long, value_parser = word::<RevocationReason>)]
        reason: RevocationReason,
        /// Where to.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// The key (wardline directory show AGENCY lists them).
        keyid: KeyId,
    },
    /// Name a root's successor, signed by both: a file that anybody publishes (wardline directory publish FILE).
    Succeed {
        /// The root's directory.
        #[arg(long, value_name = "DIR")]
        root: PathBuf,
        /// Its successor's, as keys root made it.
        #[arg(long, value_name = "DIR")]
        new: PathBuf,
        /// Where to.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Put secret keys under a passphrase, which --passphrase-file names or you type.
    ///
    /// A disk may still hold what the file was: a key that must never have been there in clear is made with --protect.
    #[command(group(ArgGroup::new("which").required(true).args(["all", "files"])))]
    Protect {
        /// All keys of the profile, or of the root's directory that --profile names.
        #[arg(long)]
        all: bool,
        /// Key files: of a profile, a root, a relay or a witness.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Take secret keys out of their passphrase.
    #[command(group(ArgGroup::new("which").required(true).args(["all", "files"])))]
    Unprotect {
        /// All keys of the profile, or of the root's directory that --profile names.
        #[arg(long)]
        all: bool,
        /// Key files.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Put a new key in the place of the profile's, with an overlap; the same again goes on where it was left.
    ///
    /// First the new key and its request, which the root certifies (an operator certifies its own); then it is published and
    /// taken into use, while the old one is still valid; --finish revokes the old one.
    Rotate {
        /// originate, receive, officer, seal or tls; operator. What was sealed to the old seal key stays readable: it is kept in keys/opens.
        role: KeyRole,
        /// How bodies are to be sealed to it, x-wing or x25519; without it as they are now. Only of role seal.
        #[arg(long, value_name = "SUITE", conflicts_with = "finish")]
        suite: Option<SealSuite>,
        /// Revoke the old key, now that the new one is in use everywhere.
        #[arg(long)]
        finish: bool,
    },
    /// List keys with their fingerprints.
    Show {
        /// A profile or a root; without it the profile in use.
        dir: Option<PathBuf>,
    },
}

/// Runs one of them.
pub(crate) async fn run(command: KeysCommand, context: &Context) -> Result<Exit, Fault> {
    let now = SystemClock.now();
    match command {
        KeysCommand::Root {
            state,
            origin,
            out,
            protect,
        } => {
            let passphrase = protecting(context, protect)?;
            let root = make_root_under(&out, &state, &origin, now, passphrase.as_ref())?;
            let next = "Give root.cert.json to the relay's operator, and the eight words by another way. root.pem never leaves this machine.";
            say(context, "made", &[root], next)?;
        }
        KeysCommand::New {
            agency,
            auditor,
            operator,
            certifier,
            mut roles,
            seal_suite,
            origin,
            out,
            protect,
        } => {
            if let Some(stray) = roles.iter().find(|role| !AGENCY_ROLES.contains(role)) {
                return Err(Fault::usage(format!("an agency has no {stray} key")));
            }
            if roles.is_empty() {
                roles.extend(AGENCY_ROLES);
            }
            roles.sort_unstable();
            roles.dedup();
            let profile = ProfileDir::new(out);
            let passphrase = protecting(context, protect)?;
            let passphrase = passphrase.as_ref();
            let form = KeyForm {
                passphrase,
                seal_suite,
            };
            let (made, next) = match (agency, auditor, operator) {
                (Some(agency), _, _) => {
                    let next = format!(
                        "Take the requests to the root of {}: wardline keys certify --root DIR REQUEST…",
                        agency.state()
                    );
                    (
                        make_agency_keys_under(&profile, &agency, &roles, &origin, now, form)?,
                        next,
                    )
                }
                (_, Some(auditor), _) => {
                    let next = format!(
                        "Take the request to the root of {}: wardline keys certify --root DIR REQUEST",
                        auditor.state()
                    );
                    (
                        make_agency_keys_under(&profile, &auditor, &AUDITOR_ROLES, &origin, now, form)?,
                        next,
                    )
                }
                (_, _, Some(name)) => {
                    let next = match &certifier {
                        None => {
                            "Name the requests under [operators] in the relay's configuration.".to_owned()
                        }
                        Some(other) => format!(
                            "Take the requests to operator {other}: wardline keys certify --operator DIR REQUEST…"
                        ),
                    };
                    (
                        make_operator_keys_under(
                            &profile,
                            &name,
                            certifier.as_ref(),
                            &OPERATOR_ROLES,
                            &origin,
                            now,
                            passphrase,
                        )?,
                        next,
                    )
                }
                (None, None, None) => {
                    return Err(Fault::usage("say whose keys: --agency, --auditor or --operator"));
                }
            };
            say(context, "made", &made, &next)?;
        }
        KeysCommand::Certify {
            root,
            operator,
            yes,
            requests,
        } => {
            let certifier = match (root, operator) {
                (Some(directory), _) => Certifier::root(&directory)?,
                (None, Some(profile)) => Certifier::operator(&ProfileDir::new(profile))?,
                (None, None) => return Err(Fault::usage("say who certifies: --root or --operator")),
            };
            let read: Vec<KeyRequest> = requests
                .iter()
                .map(|path| KeyRequest::read(path))
                .collect::<Result<_, _>>()?;
            confirm(&certifier, &read, yes)?;
            let mut certified = Vec::with_capacity(requests.len());
            // What was shown is what is signed, whatever became of the files meanwhile.
            for request in read {
                certified.push(certify_to_file(request, &certifier).await?);
            }
            let by = format!("certified by {}", certifier.principal());
            say(
                context,
                &by,
                &certified,
                "An agency not enrolled yet gives them to the relay's operator; one that is publishes them: wardline directory publish FILE…",
            )?;
        }
        KeysCommand::Revoke {
            root,
            agency,
            reason,
            out,
            yes,
            keyid,
        } => {
            let root = Certifier::root(&root)?;
            let question = format!(
                "{} is asked to revoke a key of {agency} ({reason}):\n    {}\n    {keyid}",
                root.principal(),
                Fingerprint::of(&keyid)
            );
            confirmed(yes, &question, "revoke")?;
            let made = revoke_to_file(&root, &agency, keyid, reason, now, &out).await?;
            let object = json!({
                "principal": agency.to_string(),
                "keyid": keyid.to_string(),
                "reason": reason.word(),
                "by": root.principal().to_string(),
                "file": made.file,
            });
            let text = format!(
                "{} revokes the key of {agency} {keyid}: {reason}\n    {}\nIt counts when it is on the record: wardline directory publish {}",
                root.principal(),
                made.file.display(),
                made.file.display()
            );
            context.emit(&object, text)?;
        }
        KeysCommand::Succeed { root, new, out, yes } => {
            let (old, new) = (Certifier::root(&root)?, Certifier::root(&new)?);
            let (old_key, new_key) = (old.fingerprint(), new.fingerprint());
            let whose = old.principal();
            let question =
                format!("{whose} is to have another root.\n    old: {old_key}\n    new: {new_key}");
            confirmed(yes, &question, "succeed")?;
            succeed_to_file(&old, &new, now, &out).await?;
            let object = json!({
                "principal": whose.to_string(),
                "old_fingerprint": old_key.to_string(),
                "new_fingerprint": new_key.to_string(),
                "file": out,
            });
            let text = format!(
                "{whose}: {new_key} succeeds {old_key}\n    {file}\nIt counts when it is on the record: wardline directory publish {file}",
                file = out.display()
            );
            context.emit(&object, text)?;
        }
        KeysCommand::Rotate { role, suite, finish } => {
            return super::rotate::run(role, suite, finish, context).await;
        }
        KeysCommand::Protect { all, files } => {
            let files = chosen(context, all, files)?;
            let passphrase = new_passphrase(context)?;
            for file in files {
                let done = protect(&file, &passphrase)?;
                let said = if done {
                    "under a passphrase"
                } else {
                    "under a passphrase already"
                };
                let object = json!({ "file": file, "protected": true, "changed": done });
                context.emit(&object, format!("{said}: {}", file.display()))?;
            }
        }
        KeysCommand::Unprotect { all, files } => {
            for file in chosen(context, all, files)? {
                let done = unprotect(&file)?;
                let said = if done {
                    "under no passphrase any more"
                } else {
                    "under no passphrase"
                };
                let object = json!({ "file": file, "protected": false, "changed": done });
                context.emit(&object, format!("{said}: {}", file.display()))?;
            }
        }
        KeysCommand::Show { dir } => {
            let Some(dir) = dir.or_else(|| context.profile.clone()) else {
                return Err(Fault::usage(
                    "name a directory, or a profile with --profile or WARDLINE_PROFILE",
                ));
            };
            let shown = show(&dir)?;
            if shown.is_empty() {
                return Err(Fault::usage(format!("{} holds no keys", dir.display())));
            }
            for key in &shown {
                context.emit(&shown_json(key), shown_text(key))?;
            }
        }
    }
    Ok(Exit::Done)
}

impl From<KeysError> for Fault {
    fn from(error: KeysError) -> Self {
        match &error {
            KeysError::NotCertified(..) => Self::refused(error),
            KeysError::Verify(..) => Self::new(Exit::VerificationFailed, error),
            KeysError::Missing(_)
            | KeysError::Exists(_)
            | KeysError::Wrong(..)
            | KeysError::Envelope(..)
            | KeysError::Refused(..)
            | KeysError::Key(_)
            | KeysError::Tls(_)
            | KeysError::Signer(_)
            | KeysError::Random(_)
            | KeysError::File(_) => Self::usage(error),
        }
    }
}

/// The passphrase of what is to be made, if it is to have one: `--passphrase-file` says so too.
fn protecting(context: &Context, protect: bool) -> Result<Option<Passphrase>, Fault> {
    (protect || context.passphrase_file.is_some())
        .then(|| new_passphrase(context))
        .transpose()
}

/// The files that are named, or all secret keys of the profile in use.
fn chosen(context: &Context, all: bool, files: Vec<PathBuf>) -> Result<Vec<PathBuf>, Fault> {
    if !all {
        return Ok(files);
    }
    let profile = profile(context)?;
    let found = secret_files(profile.path())?;
    if found.is_empty() {
        let why = format!("{} holds no secret keys", profile.path().display());
        return Err(Fault::usage(why));
    }
    Ok(found)
}

/// The person at the root sees what is asked before the root signs.
fn confirm(certifier: &Certifier, requests: &[KeyRequest], yes: bool) -> Result<(), Fault> {
    let mut text = format!("{} is asked to certify:\n", certifier.principal());
    for request in requests {
        let _ = writeln!(text, "{}", key_text(request));
    }
    text.push_str("Are these the words that the agency says, on another line than this one?");
    confirmed(yes, &text, "certify")
}

fn say(context: &Context, what: &str, keys: &[KeyRequest], next: &str) -> Result<(), Fault> {
    for request in keys {
        let text = format!("{what}: {}", key_text(request));
        context.emit(&key_json(request), text)?;
    }
    if !context.json {
        println!("{next}");
    }
    Ok(())
}

fn key_text(request: &KeyRequest) -> String {
    format!(
        "{} {} for {}\n    {}\n    {}\n    {}",
        request.principal(),
        request.role(),
        request.certificate.common.origin,
        request.fingerprint(),
        request.keyid,
        request.file.display(),
    )
}

fn key_json(request: &KeyRequest) -> Value {
    json!({
        "principal": request.principal().to_string(),
        "role": request.role().as_str(),
        "origin": request.certificate.common.origin.as_str(),
        "fingerprint": request.fingerprint().to_string(),
        "keyid": request.keyid.to_string(),
        "file": request.file,
        "signed_by": request.envelope.signatures.iter().map(|it| it.keyid.to_string()).collect::<Vec<_>>(),
    })
}

fn shown_text(key: &ShownKey) -> String {
    let whose = key
        .principal
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let certified = match &key.certificate {
        _ if key.earlier => "an earlier one: opens what was sealed to it".to_owned(),
        Some(path) => format!("certified: {}", path.display()),
        None => "not certified yet".to_owned(),
    };
    format!(
        "{whose} {}\n    {}\n    {}\n    {}\n    {certified}",
        key.role,
        key.fingerprint(),
        key.keyid,
        key.file.display()
    )
}

fn shown_json(key: &ShownKey) -> Value {
    json!({
        "principal": key.principal.as_ref().map(ToString::to_string),
        "role": key.role.as_str(),
        "fingerprint": key.fingerprint().to_string(),
        "keyid": key.keyid.to_string(),
        "file": key.file,
        "certificate": key.certificate,
        "earlier": key.earlier,
    })
}
