//! `wardline demo`: the whole story on real input. A real relay as a process of its own, eight exercises between eleven
//! states, a relay that is killed in the middle, a desk that was away and returns, one that never comes; and then an auditor
//! who trusts none of them tells what happened, from the log alone, and the evidence of one warning is judged as a stranger
//! would judge it, without any relay.
//!
//! What is said while it runs says what is being done, out of verified receipts; what is told at the end comes from the
//! verified replay only. Nothing sleeps, and nothing waits without a bound.

mod check;
mod crash;
mod duty;
mod evidence;
mod stage;
mod story;
mod tell;
mod waits;

use std::path::{Path, PathBuf};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use self::stage::Stage;
use super::{Context, Exit, Fault};
use crate::files;
use crate::seal::random_bytes;

/// Run the whole story: a real relay, eight warnings, a crash in the middle, an auditor's verdict, evidence for a stranger.
#[derive(Debug, Args)]
pub(crate) struct DemoCommand {
    /// Do it in this directory, which must be empty, and leave everything there; else in a temporary one.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Leave the temporary directory.
    #[arg(long)]
    keep: bool,
}

pub(crate) async fn run(command: DemoCommand, context: &Context) -> Result<Exit, Fault> {
    let no_signals = |error| Fault::new(Exit::Retry, format!("cannot listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let place = Place::of(&command)?;
    let played = tokio::select! {
        played = play(&place, context) => Some(played),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    match played {
        None => {
            place.leave()?;
            Err(Fault::new(Exit::Retry, "interrupted: the relay was stopped"))
        }
        Some(Ok(exit)) => {
            place.leave()?;
            Ok(exit)
        }
        // Whoever looks for the reason needs what is there.
        Some(Err(fault)) => Err(Fault {
            what_to_do: format!(
                "{} What there is lies in {}.",
                fault.what_to_do,
                place.directory.display()
            )
            .trim_start()
            .to_owned(),
            ..fault
        }),
    }
}

async fn play(place: &Place, context: &Context) -> Result<Exit, Fault> {
    let mut stage = Stage::set(&place.directory, context).await?;
    stage.first_act().await?;
    stage.crash().await?;
    stage.second_act().await?;
    stage.the_absent_returns().await?;
    let audited = stage.audit().await?;
    tell::tell(&audited, context)?;
    let found = check::check(&audited);
    tell::conclude(&audited, &found, place.kept(), context)?;
    evidence::tell(&audited.evidence, place.kept(), context)?;
    tell::close(place.kept(), context)?;
    found.exit()
}

/// Where the demo takes place.
struct Place {
    directory: PathBuf,
    temporary: bool,
}

impl Place {
    fn of(command: &DemoCommand) -> Result<Self, Fault> {
        if let Some(directory) = &command.dir {
            files::create_directory(directory)?;
            if !files::names(directory)?.is_empty() {
                let sentence = format!("{} is not empty", directory.display());
                return Err(Fault::usage(sentence)
                    .advising("The demo begins a log of its own: name a new directory."));
            }
            let directory = std::path::absolute(directory).map_err(Fault::usage)?;
            return Ok(Self {
                directory,
                temporary: false,
            });
        }
        let random = random_bytes::<8>().map_err(|error| Fault::new(Exit::Retry, error))?;
        let directory = std::env::temp_dir().join(format!("wardline-demo-{}", hex::encode(random)));
        files::create_directory(&directory)?;
        Ok(Self {
            directory,
            temporary: !command.keep,
        })
    }

    /// What remains, if anything does.
    fn kept(&self) -> Option<&Path> {
        (!self.temporary).then_some(self.directory.as_path())
    }

    /// Removes what nobody asked to keep.
    fn leave(&self) -> Result<(), Fault> {
        if !self.temporary {
            return Ok(());
        }
        std::fs::remove_dir_all(&self.directory)
            .map_err(|error| Fault::new(Exit::Retry, format!("{}: {error}", self.directory.display())))
    }
}
