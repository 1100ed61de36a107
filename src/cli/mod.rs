//! The commands of the one binary. This file holds the tree's trunk: what every command shares (`--json`,
//! `--profile`, how it prints and how it ends); one file holds one group. A group is one `mod` line, one variant of
//! `Command` and one line of `dispatch`.

mod ack;
mod audit;
mod bench;
mod demo;
mod dev;
mod directory;
mod draft;
pub mod examples;
pub mod exit;
mod inbox;
mod invocation;
mod keys;
mod onward;
mod operator;
mod outbox;
mod passphrase;
pub mod relay;
mod rotate;
pub mod screen;
mod send;
mod session;
mod shown;
mod status;
mod timeline;
mod trust;
mod watch;
mod witness;
pub mod world;

use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::limits;
use exit::EXIT_CODES;
pub use exit::{Exit, Fault};

/// A duty-to-warn relay: signed warnings between agencies that trust nobody, and evidence that nobody can deny.
#[derive(Debug, Parser)]
#[command(
    name = "wardline",
    version,
    propagate_version = true,
    max_term_width = 110,
    after_help = EXIT_CODES
)]
struct Cli {
    #[command(flatten)]
    context: Context,
    #[command(subcommand)]
    command: Command,
}

/// What every command shares.
#[derive(Debug, Clone, clap::Args)]
pub struct Context {
    /// Print JSON, one object a line, with stable snake_case names.
    #[arg(long, global = true)]
    pub json: bool,
    /// The directory of this agency's keys, outbox, inbox and receipts.
    #[arg(long, global = true, env = "WARDLINE_PROFILE", value_name = "DIR")]
    pub profile: Option<PathBuf>,
    /// The passphrase of keys that are under one: a file that only you may read. Without it the systemd credential
    /// wardline-passphrase, or the terminal, is asked.
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// The groups.
#[derive(Debug, Subcommand)]
enum Command {
    /// Write a warning, offline.
    #[command(subcommand)]
    Draft(draft::DraftCommand),
    /// Make, certify and show keys, offline.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Send a warning.
    Send(send::SendCommand),
    /// See and resend what has no verified receipt yet.
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    /// See what was delivered here, erase it, and attest that.
    #[command(subcommand)]
    Inbox(inbox::InboxCommand),
    /// Show a desk's warnings as they come.
    Watch(watch::WatchCommand),
    /// Acknowledge a warning, as an officer.
    Ack(Box<ack::AckCommand>),
    /// Hand a warning that came here to another agency, or read one that was handed over.
    Onward(onward::OnwardCommand),
    /// Show what became of a warning, proven.
    Status(status::StatusCommand),
    /// List warnings, newest first.
    List(status::ListCommand),
    /// See who is enrolled, confirm keys, publish your own.
    #[command(subcommand)]
    Directory(directory::DirectoryCommand),
    /// Install a welcome, or begin trust anew.
    #[command(subcommand)]
    Trust(trust::TrustCommand),
    /// Enrol, suspend, and see how the relay is.
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Check the relay's log, trusting nobody.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Measure a relay.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Begin, serve and check a relay.
    #[command(subcommand)]
    Relay(relay::RelayCommand),
    /// Begin and serve a witness of a log.
    #[command(subcommand)]
    Witness(witness::WitnessCommand),
    /// Run the whole story: a real relay, eight warnings, a crash in the middle, an auditor's verdict, evidence for a stranger.
    Demo(demo::DemoCommand),
}

async fn dispatch(command: Command, context: &Context) -> Result<Exit, Fault> {
    match command {
        Command::Draft(command) => draft::run(command, context),
        Command::Keys(command) => keys::run(command, context).await,
        Command::Send(command) => send::run(command, context).await,
        Command::Outbox(command) => outbox::run(command, context).await,
        Command::Inbox(command) => inbox::run(command, context).await,
        Command::Watch(command) => watch::run(command, context).await,
        Command::Ack(command) => ack::run(*command, context).await,
        Command::Onward(command) => onward::run(command, context).await,
        Command::Status(command) => status::status(command, context).await,
        Command::List(command) => status::list(command, context).await,
        Command::Directory(command) => directory::run(command, context).await,
        Command::Trust(command) => trust::run(command, context).await,
        Command::Operator(command) => operator::run(command, context).await,
        Command::Audit(command) => audit::run(command, context).await,
        Command::Bench(command) => bench::run(command, context).await,
        Command::Relay(command) => relay::run(command, context).await,
        Command::Witness(command) => witness::run(command, context).await,
        Command::Demo(command) => demo::run(command, context).await,
    }
}

impl Context {
    /// Prints one result on standard output: `object` as one line of JSON, or `text` for people.
    pub fn emit(&self, object: &impl Serialize, text: impl fmt::Display) -> Result<(), Fault> {
        let line = if self.json {
            serde_json::to_string(object).map_err(Fault::usage)?
        } else {
            text.to_string()
        };
        // Flushed at once: whoever reads the other end of a pipe acts on whole lines.
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")
            .and_then(|()| out.flush())
            .map_err(|error| Fault::usage(format!("standard output does not take the result: {error}")))
    }
}

/// Parses the command line, runs the command, and says what went wrong on standard error.
pub fn run() -> ExitCode {
    let Cli { context, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // --help and --version come this way too, and are no error.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            let _ = error.print();
            return exit.into();
        }
    };
    crate::seal::ask_for_passphrases(Box::new(passphrase::Asked::of(&context)));
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(limits::BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("wardline: cannot start: {error}");
            return Exit::Retry.into();
        }
    };
    let ended = runtime.block_on(dispatch(command, &context));
    // What still runs in the background holds nothing that is not durable.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit.into(),
        Err(fault) => {
            eprintln!("{}", fault.render(context.json));
            fault.exit.into()
        }
    }
}
