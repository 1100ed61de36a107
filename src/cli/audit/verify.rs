//! `audit verify` and `audit replay`: the whole log, or a copy of it, on all cores, on from what an earlier run has verified.

use std::path::PathBuf;

use clap::Args;

use super::progress::Told;
use super::{counts, records, whose};
use crate::audit::copy::CopyWriter;
use crate::audit::{Audit, AuditError, Begin, Watch};
use crate::cli::session::{open, profile};
use crate::cli::{Context, Exit, Fault};
use crate::client::Client;
use crate::domain::{Record, ReplayedRecord};
use crate::transparency::{LogVerifier, SignedCheckpoint};

/// What an audit keeps.
#[derive(Debug, Args)]
pub(in crate::cli) struct Kept {
    /// Where what was verified is kept, for the next run to go on from; without it, audit/ in the profile. A copy is verified
    /// from the start, unless this is given.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Begin with the genesis, and replace what is kept.
    #[arg(long)]
    from_start: bool,
}

/// Check every record in scope, its signatures, its place and the tree, and say how many of each.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyCommand {
    #[command(flatten)]
    kept: Kept,
    /// A copy (of audit replay --save), offline, in the place of the relay.
    #[arg(long, value_name = "FILE")]
    copy: Option<PathBuf>,
    /// Whom you trust of a copy's log, without a profile: a C2SP tlog-policy, or a directory with log.policy.
    #[arg(long, value_name = "POLICY", requires = "copy", conflicts_with = "log")]
    policy: Option<PathBuf>,
    /// The verifier key of a copy's log, without a profile or policy.
    #[arg(long, value_name = "VKEY", requires = "copy")]
    log: Option<LogVerifier>,
}

/// Print the records of a range, each once it was checked; all of the log is checked on the way.
#[derive(Debug, Args)]
pub(in crate::cli) struct ReplayCommand {
    /// The first index.
    #[arg(long, value_name = "I", default_value_t = 0)]
    from: u64,
    /// The index after the last; without it, all that there is.
    #[arg(long, value_name = "I")]
    to: Option<u64>,
    /// Write a copy of all of it to a new file and print nothing: for audit verify --copy, and to be compared with another's.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to"])]
    save: Option<PathBuf>,
    #[command(flatten)]
    kept: Kept,
}

impl Kept {
    fn over_network(&self, context: &Context) -> Result<Audit, Fault> {
        let default = || Ok::<_, Fault>(profile(context)?.audit());
        let directory = self.state.clone().map_or_else(default, Ok)?;
        Ok(Audit::new().kept_in(&directory, self.from_start))
    }

    fn over_copy(&self) -> Audit {
        match &self.state {
            Some(directory) => Audit::new().kept_in(directory, self.from_start),
            None => Audit::new(),
        }
    }
}

pub(super) async fn verify(command: &VerifyCommand, context: &Context) -> Result<Exit, Fault> {
    let nothing = |_: &ReplayedRecord, _: Option<&Record>| Ok::<(), Fault>(());
    let told = Told::new(context, nothing);
    let verdict = match &command.copy {
        Some(copy) => {
            let log = whose::log(context, copy, command.policy.as_deref(), command.log.as_ref())?;
            command.kept.over_copy().over_copy(copy, &log, told).await?
        }
        None => {
            let client = open(context)?;
            let audit = command.kept.over_network(context)?;
            audit.over_network(&client, told).await?
        }
    };
    context.emit(&verdict.report, counts::render(&verdict.report))?;
    Ok(Exit::Done)
}

pub(super) async fn replay(command: &ReplayCommand, context: &Context) -> Result<Exit, Fault> {
    let client = open(context)?;
    let audit = command.kept.over_network(context)?;
    if let Some(path) = &command.save {
        return save(&client, audit, path.clone(), context).await;
    }
    let until = command.to.unwrap_or(u64::MAX);
    // A second run, from the start, prints nothing again.
    let mut due = command.from;
    let print = |shown: &ReplayedRecord, record: Option<&Record>| {
        if (due..until).contains(&shown.index) {
            due = shown.index.saturating_add(1);
            context.emit(&records::json(shown, record), records::line(shown, record))?;
        }
        Ok::<(), Fault>(())
    };
    let audit = audit.passing_from(command.from);
    let told = Told::printing(context, command.from..until, print);
    let verdict = audit.over_network(&client, told).await?;
    eprintln!("{}", counts::sentence(&verdict.report));
    Ok(Exit::Done)
}

/// A copy is of a log that was verified whole: otherwise there is none.
async fn save(client: &Client, audit: Audit, path: PathBuf, context: &Context) -> Result<Exit, Fault> {
    let mut saving = Saving { path, copy: None };
    // All of it is to pass.
    let audit = audit.passing_from(0);
    let verdict = audit
        .over_network(client, Told::new(context, &mut saving))
        .await?;
    if let Some(copy) = saving.copy.take() {
        copy.finish().map_err(AuditError::from)?;
    }
    eprintln!("{}", counts::sentence(&verdict.report));
    eprintln!("The copy is {}.", saving.path.display());
    Ok(Exit::Done)
}

struct Saving {
    path: PathBuf,
    copy: Option<CopyWriter>,
}

impl Watch<Fault> for &mut Saving {
    fn begins(&mut self, _: Begin, checkpoint: &SignedCheckpoint) -> Result<(), Fault> {
        // What an earlier run has written is no copy, and goes.
        self.copy = None;
        let copy = CopyWriter::create(&self.path, checkpoint.note()).map_err(AuditError::from)?;
        self.copy = Some(copy);
        Ok(())
    }

    fn passed(&mut self, shown: &ReplayedRecord, _: Option<&Record>) -> Result<(), Fault> {
        match &mut self.copy {
            Some(copy) => Ok(copy.push(shown).map_err(AuditError::from)?),
            None => Ok(()),
        }
    }
}
