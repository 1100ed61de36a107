//! `wardline audit`: the relay's log checked by whoever may see it (an agency its own part, an auditor what its mandators
//! see), with nothing believed that can be checked. Exit 0 says that all of it held; exit 5 names the first bad record.

mod counts;
mod evidence;
mod holds;
mod progress;
mod records;
mod report;
mod timestamp;
mod verify;
mod whose;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::screen::Colours;
use super::session::open;
use super::timeline::{Detail, block, preamble, render};
use super::{Context, Exit, Fault};
use crate::audit::copy::CopyError;
use crate::audit::{AuditError, StateError, Timeline, Verdict, WarningTimeline};
use crate::client::Client;

/// Check the relay's log, trusting nobody.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    Verify(Box<verify::VerifyCommand>),
    Replay(verify::ReplayCommand),
    /// Tell what became of each warning: who was told what, when, by whose signature, and who stayed silent.
    Timeline {
        /// One warning: its id or digest, or the beginning of one.
        #[arg(value_name = "ID")]
        id: Option<String>,
    },
    Timestamp(timestamp::TimestampCommand),
    /// Make one file that proves what became of a warning, as far as it is yours to see.
    ///
    /// Whoever has the file can check it without any relay (audit check). It is verified before it is written.
    Bundle {
        /// The warning: its id or digest, or the beginning of one.
        #[arg(value_name = "ID")]
        id: String,
        /// Where to; "-" is the standard output. What exists is never overwritten.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Do not wait, for a few seconds, until the witnesses have cosigned the newest records.
        #[arg(long)]
        no_wait: bool,
        /// Open what is sealed in it, as far as this profile can: whoever has the file then reads it. Without this, what is
        /// sealed stays sealed, as it was signed.
        #[arg(long)]
        open: bool,
    },
    /// Check an evidence bundle or a proof of misbehaviour, offline: no relay, no profile.
    ///
    /// Says what is proven, what is only claimed by the relay and what is not shown. Exit 5: it does not verify, or with
    /// --inbox: the warning never came, and it is not proven that another machine has it; exit 1: the policy cannot be used.
    Check {
        /// The bundle, or the proof of misbehaviour.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Whom you trust: a directory with log.policy (C2SP tlog-policy) and roots, or a C2SP tlog-policy file alone.
        #[arg(long, value_name = "POLICY")]
        policy: PathBuf,
        /// Also hold a bundle, whoever made it, against the inbox of --profile: was the warning routed to its desk, and
        /// did it come?
        #[arg(long)]
        inbox: bool,
    },
    /// Make a page of it for people who will never run a command: the timeline as a picture, who signed, what is proven.
    ///
    /// The page is self-contained, runs nothing, loads nothing, and prints on paper. The bundle that it is made of is the
    /// evidence; the page names its SHA-256.
    Report(report::ReportArguments),
    /// Check what a recipient attests about its own inbox: that what a warning said was erased there. Asks no relay.
    ///
    /// Verified with the directory as this profile knows it. Exit 5: it does not verify, or its key is revoked.
    Attested {
        /// The attestation (inbox attest).
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    Hold(holds::HoldCommand),
    /// List the auditors' holds that have not ended: what the relay may not erase.
    Holds,
    /// Hold two pieces of evidence against each other: checkpoints, receipts, bundles, copies, or what a client kept at a fork.
    ///
    /// Exit 0: no contradiction, and what could not be compared is said. Exit 5: the log has signed what cannot both be true;
    /// with -o the proof is written, which audit check verifies.
    Compare {
        /// One: a signed checkpoint, a receipt (NAME.tlog-proof beside NAME.record), a bundle, a copy (audit replay
        /// --save), or a directory of checkpoints and receipts.
        #[arg(value_name = "A")]
        a: PathBuf,
        /// The other.
        #[arg(value_name = "B")]
        b: PathBuf,
        /// Whose log it is, as with audit check; without it, the profile's.
        #[arg(long, value_name = "POLICY")]
        policy: Option<PathBuf>,
        /// Where to write a proof of misbehaviour. What exists is never overwritten.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

pub(crate) async fn run(command: AuditCommand, context: &Context) -> Result<Exit, Fault> {
    match command {
        AuditCommand::Verify(command) => return verify::verify(&command, context).await,
        AuditCommand::Replay(command) => return verify::replay(&command, context).await,
        AuditCommand::Timeline { id } => {
            if let Some(timeline) = timeline(&open(context)?).await? {
                print_timeline(&timeline, id.as_deref(), context)?;
            }
        }
        AuditCommand::Timestamp(command) => {
            return timestamp::run(command, &open(context)?, context).await;
        }
        AuditCommand::Bundle {
            id,
            output,
            no_wait,
            open,
        } => {
            let how = evidence::How { wait: !no_wait, open };
            return evidence::bundle(&id, &output, how, context).await;
        }
        AuditCommand::Check { file, policy, inbox } => {
            return evidence::judge(&file, &policy, inbox, context);
        }
        AuditCommand::Attested { file } => {
            return super::inbox::attested(&file, &open(context)?, context).await;
        }
        AuditCommand::Hold(command) => return holds::hold(command, &open(context)?, context).await,
        AuditCommand::Holds => return holds::holds(&open(context)?, context).await,
        AuditCommand::Report(arguments) => return report::run(arguments, context).await,
        AuditCommand::Compare { a, b, policy, output } => {
            return evidence::contradict(&a, &b, policy.as_deref(), output.as_deref(), context);
        }
    }
    Ok(Exit::Done)
}

async fn checked(client: &Client, telling: bool) -> Result<Verdict, Fault> {
    crate::audit::verify(client, telling, |_, _| Ok::<(), Fault>(())).await
}

/// The verified timeline of all that the profile may see.
pub(crate) async fn timeline(client: &Client) -> Result<Option<Timeline>, Fault> {
    Ok(checked(client, true).await?.timeline)
}

fn print_timeline(timeline: &Timeline, id: Option<&str>, context: &Context) -> Result<(), Fault> {
    let Some(id) = id else {
        if !context.json {
            let text = render(timeline, Detail::Evidence, Colours::of_stdout());
            return context.emit(&Value::Null, text.trim_end());
        }
        for warning in &timeline.warnings {
            context.emit(&timeline.warning_json(warning), "")?;
        }
        for refusal in &timeline.refusals {
            context.emit(&timeline.refusal_json(refusal), "")?;
        }
        return Ok(());
    };
    let named: Vec<&WarningTimeline> = timeline
        .warnings
        .iter()
        .filter(|warning| is_named(warning, id))
        .collect();
    match named.as_slice() {
        [] => Err(Fault::refused(format!("no warning in scope is named {id:?}"))),
        [warning] => {
            let (detail, colours) = (Detail::Evidence, Colours::of_stdout());
            let told = block(timeline, warning, "1 of 1", detail, colours);
            let text = format!("{}\n{told}", preamble(timeline, detail));
            context.emit(&timeline.warning_json(warning), text.trim_end())
        }
        several => Err(Fault::usage(format!(
            "{} warnings are named {id:?}: give more of it",
            several.len()
        ))),
    }
}

fn is_named(warning: &WarningTimeline, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let id = warning.sent.as_ref().map(|sent| sent.id.to_string());
    warning.digest.to_string().starts_with(&name) || id.is_some_and(|id| id.starts_with(&name))
}

impl From<AuditError> for Fault {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Client(error) => error.into(),
            AuditError::Fault { .. } => Self::new(Exit::VerificationFailed, error).advising(
                "Wake someone: keep what is in the profile, and compare with others who see this log.",
            ),
            AuditError::CopyFault { .. }
            | AuditError::Copy(CopyError::NoCopy | CopyError::Note(_) | CopyError::Record { .. }) => {
                Self::new(Exit::VerificationFailed, error)
                    .advising("Compare it with another copy of this log, or ask whoever made it.")
            }
            AuditError::Copy(CopyError::Io(_)) => Self::new(Exit::Usage, error),
            AuditError::State(ref state) => {
                let exit = match state {
                    StateError::OtherLog { .. } | StateError::OtherViewer { .. } => Exit::Usage,
                    StateError::Damaged(_) | StateError::OtherVersion => Exit::Refused,
                    StateError::InUse | StateError::Failed(_) => Exit::Retry,
                };
                let advice = match state {
                    StateError::OtherLog { .. } | StateError::OtherViewer { .. } => {
                        "Name another directory with --state."
                    }
                    StateError::Damaged(_) | StateError::OtherVersion => {
                        "It is derived: begin anew with --from-start."
                    }
                    StateError::InUse => "Wait for it, or name another directory with --state.",
                    StateError::Failed(_) => "Look at the disk. What was verified before is kept.",
                };
                Self::new(exit, error).advising(advice)
            }
        }
    }
}

/// Nothing of a record that is out of scope but its hash.
fn out_of_scope(index: u64, leaf: &crate::domain::Hash) -> Value {
    json!({ "index": index, "kind": "OUT_OF_SCOPE", "leaf_hash": leaf.to_string() })
}
