//! `wardline bench`: how fast a relay is as its clients find it. With a profile it measures that profile's relay; without
//! one it starts a relay of its own, as a process, in a temporary directory that is removed at the end.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::session::open;
use super::world::{RelayProcess, World, WorldPlan};
use super::{Context, Exit, Fault};
use crate::client::bench::{Amount, Phase, draft, roundtrip, submit};
use crate::client::{Client, Draft, ProfileDir};
use crate::domain::{AgencyId, DeskAddress};
use crate::files;
use crate::limits;
use crate::seal::random_bytes;

/// Under `.invalid` (RFC 2606), so that its log can never be taken for a real relay's.
const HOST: &str = "bench.wardline.invalid";
/// Who sends and who receives on a relay of its own.
const SENDER: &str = "us.ctc";
const RECIPIENT: &str = "be.ctc";

/// Measure a relay, with closed loops of so many warnings of status TEST in flight.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// From a warning to its verified receipts, pipelined over one stream.
    Submit {
        #[command(flatten)]
        load: Load,
        /// The desk that the warnings go to; with a profile only.
        #[arg(long, value_name = "ADDRESS")]
        to: Option<DeskAddress>,
    },
    /// From a warning to its recipient's RECEIVED on the record.
    Roundtrip {
        #[command(flatten)]
        load: Load,
        /// The recipient's profile, on this machine; with a profile only.
        #[arg(long, value_name = "DIR")]
        recipient: Option<PathBuf>,
    },
}

/// How much.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Warnings under way at a time: a phase for each number.
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = [1, 16, 128], value_parser = in_flight)]
    in_flight: Vec<usize>,
    /// How long a phase lasts, in seconds.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How many warnings a phase sends, instead of how long it lasts.
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// The length of the text.
    #[arg(long, value_name = "BYTES", default_value_t = 1_000)]
    body_bytes: usize,
}

fn in_flight(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=limits::SUBMISSIONS_IN_FLIGHT_MAX).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(format!(
            "a number from 1 to {}",
            limits::SUBMISSIONS_IN_FLIGHT_MAX
        )),
    }
}

impl Load {
    fn amount(&self) -> Amount {
        match self.count {
            Some(count) => Amount::Count(count),
            None => Amount::Ms(self.seconds.saturating_mul(1_000)),
        }
    }
}

pub(crate) async fn run(command: BenchCommand, context: &Context) -> Result<Exit, Fault> {
    match (&context.profile, &command) {
        (None, BenchCommand::Submit { to: Some(_), .. }) => {
            return Err(Fault::usage("--to goes with --profile"));
        }
        (
            None,
            BenchCommand::Roundtrip {
                recipient: Some(_), ..
            },
        ) => {
            return Err(Fault::usage("--recipient goes with --profile"));
        }
        (None, BenchCommand::Submit { to: None, .. } | BenchCommand::Roundtrip { recipient: None, .. }) => {
            let place = Place::make()?;
            let relay = OwnRelay::start(&place.0).await?;
            let (sender, recipient) = (relay.client(SENDER)?, relay.client(RECIPIENT)?);
            measure(
                &command,
                &sender,
                Some(&recipient),
                recipient.own_desk()?,
                context,
            )
            .await?;
            relay.process.stop().await?;
        }
        (Some(_), BenchCommand::Submit { to, .. }) => {
            let to = to
                .clone()
                .ok_or_else(|| Fault::usage("say where the warnings go: --to ADDRESS"))?;
            measure(&command, &open(context)?, None, to, context).await?;
        }
        (Some(_), BenchCommand::Roundtrip { recipient, .. }) => {
            let path = recipient.as_ref();
            let path = path.ok_or_else(|| Fault::usage("name the recipient's profile: --recipient DIR"))?;
            let recipient = Client::open(&ProfileDir::new(path))?;
            let to = recipient.own_desk()?;
            measure(&command, &open(context)?, Some(&recipient), to, context).await?;
        }
    }
    Ok(Exit::Done)
}

async fn measure(
    command: &BenchCommand,
    sender: &Client,
    recipient: Option<&Client>,
    to: DeskAddress,
    context: &Context,
) -> Result<(), Fault> {
    let (BenchCommand::Submit { load, .. } | BenchCommand::Roundtrip { load, .. }) = command;
    let draft = draft(to, load.body_bytes)?;
    if !context.json {
        println!("{}", header());
    }
    for in_flight in &load.in_flight {
        let phase = phase(command, sender, recipient, &draft, *in_flight, load.amount()).await?;
        context.emit(&phase, row(&phase))?;
    }
    Ok(())
}

async fn phase(
    command: &BenchCommand,
    sender: &Client,
    recipient: Option<&Client>,
    draft: &Draft,
    in_flight: usize,
    amount: Amount,
) -> Result<Phase, Fault> {
    match (command, recipient) {
        (BenchCommand::Submit { .. }, _) => Ok(submit(sender, draft, in_flight, amount).await?),
        (BenchCommand::Roundtrip { .. }, Some(recipient)) => {
            Ok(roundtrip(sender, recipient, draft, in_flight, amount).await?)
        }
        (BenchCommand::Roundtrip { .. }, None) => Err(Fault::usage("a round trip needs a recipient")),
    }
}

fn header() -> String {
    format!(
        "{:<9}  {:>9}  {:>8}  {:>10}  {:>9}  {:>9}  {:>6}",
        "phase", "in flight", "count", "per second", "p50 ms", "p99 ms", "errors"
    )
}

fn row(phase: &Phase) -> String {
    format!(
        "{:<9}  {:>9}  {:>8}  {:>10.1}  {:>9.2}  {:>9.2}  {:>6}",
        phase.phase, phase.in_flight, phase.count, phase.per_second, phase.p50_ms, phase.p99_ms, phase.errors
    )
}

/// A relay that is there for the measurement only.
struct OwnRelay {
    world: World,
    process: RelayProcess,
}

impl OwnRelay {
    async fn start(directory: &Path) -> Result<Self, Fault> {
        let agencies: Vec<AgencyId> = [SENDER, RECIPIENT]
            .into_iter()
            .map(|agency| agency.parse().map_err(Fault::usage))
            .collect::<Result<_, _>>()?;
        let world = World::open(directory, WorldPlan::new(HOST, &agencies)?).await?;
        let program = std::env::current_exe()
            .map_err(|error| Fault::new(Exit::Retry, format!("cannot find this program: {error}")))?;
        let process = RelayProcess::start(&program, &world.config()).await?;
        world.enrol(process.serving()).await?;
        Ok(Self { world, process })
    }

    fn client(&self, agency: &str) -> Result<Client, Fault> {
        let agency: AgencyId = agency.parse().map_err(Fault::usage)?;
        Ok(Client::open(&self.world.agency(&agency))?)
    }
}

/// A directory of its own, removed with everything in it.
struct Place(PathBuf);

impl Place {
    fn make() -> Result<Self, Fault> {
        let random = random_bytes::<8>().map_err(|error| Fault::new(Exit::Retry, error))?;
        let directory = std::env::temp_dir().join(format!("wardline-bench-{}", hex::encode(random)));
        files::create_directory(&directory)?;
        Ok(Self(directory))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Best effort: what is left lies where the system clears up by itself.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
