//! `wardline trust`: what a profile believes, and on whose word: a welcome is installed, or lost trust is begun anew.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::session::{confirmed, profile};
use super::{Context, Exit, Fault};
use crate::client::{Installed, Reset, Welcome};

/// Install a welcome, or begin trust anew.
#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Install a welcome: the relay's address and TLS pin, the log's key, the first checkpoint.
    Accept {
        /// What the operator handed over.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Begin anew with the checkpoint that the relay shows now. What was verified before is kept as evidence.
    Reset {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) async fn run(command: TrustCommand, context: &Context) -> Result<Exit, Fault> {
    let profile = profile(context)?;
    match command {
        TrustCommand::Accept { file } => {
            let welcome = Welcome::read(&file)?;
            let installed = welcome.install(&profile)?;
            let what = match installed {
                Installed::New => "new",
                Installed::Updated => "updated",
            };
            let object = json!({
                "profile": profile.path(),
                "installed": what,
                "principal": welcome.principal.to_string(),
                "url": welcome.url,
                "tls_pin": welcome.tls_pin.to_string(),
                "origin": welcome.log.origin().as_str(),
                "log_key": welcome.log.vkey(),
                "size": welcome.checkpoint.size(),
            });
            let text = format!(
                "{} trusts this log ({what} profile of {}):\n  log key {}\n  relay   {} (TLS pin {})\nCompare the log key with what others have, on another line than the one it came by.",
                profile.path().display(),
                welcome.principal,
                welcome.log.vkey(),
                welcome.url,
                welcome.tls_pin
            );
            context.emit(&object, text)?;
            Ok(Exit::Done)
        }
        TrustCommand::Reset { yes } => {
            let reset = Reset::ask(&profile).await?;
            let checkpoint = reset.checkpoint().checkpoint().clone();
            let question = format!(
                "The relay shows a log of {} records with root {}.\nIf it is not the log that this profile has seen, you will not be told. Compare both with another agency first.",
                checkpoint.size, checkpoint.root
            );
            confirmed(yes, &question, "reset")?;
            let evidence = reset.install().await?;
            let object = json!({
                "profile": profile.path(),
                "size": checkpoint.size,
                "root": checkpoint.root.to_string(),
                "evidence": evidence,
            });
            let kept = evidence.map_or_else(
                || "Nothing was verified before.".to_owned(),
                |path| format!("What was verified before is kept in {}.", path.display()),
            );
            context.emit(
                &object,
                format!("Trust begins anew at {} records. {kept}", checkpoint.size),
            )?;
            Ok(Exit::Done)
        }
    }
}
