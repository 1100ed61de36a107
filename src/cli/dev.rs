//! `wardline relay dev`: a relay of one's own on loopback, with agencies, an auditor and an operator to play with, and what
//! to type next. It is for learning and developing: all keys of all sides lie in one directory.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::examples::EXAMPLES;
use super::screen::quoted;
use super::world::{LocalWitnesses, Serving, World, WorldPlan};
use super::{Context, Exit, Fault, invocation};
use crate::domain::AgencyId;
use crate::files;
use crate::server::{self, Stopped};
use crate::telemetry;

/// Serve a relay for learning and developing, on loopback.
#[derive(Debug, Args)]
pub struct DevCommand {
    /// Where it lives. What exists there is kept.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The agencies that are to be there.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "fr.ctc,us.ctc,ru.ctc,be.ctc,ma.ctc",
        value_name = "AGENCY,…"
    )]
    agencies: Vec<AgencyId>,
}

/// Under `.invalid` (RFC 2606), so that its log can never be taken for a real relay's.
const HOST: &str = "dev.wardline.invalid";

/// Makes what is missing, then serves until SIGTERM or SIGINT.
pub(super) async fn run(command: DevCommand, context: &Context) -> Result<Exit, Fault> {
    let no_signals = |error| Fault::new(Exit::Retry, format!("cannot listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let plan = WorldPlan::new(HOST, &command.agencies)?;
    let world = World::open(&command.directory, plan).await?;
    let witnesses = world.serve_witnesses().await?;
    let settings = world.relay_settings(&[world.ask_witnesses()])?;
    let _logging = telemetry::start(settings.log_format, settings.log_level);
    let running = server::start(&settings).await?;
    let serving = Serving::of(&running);
    let mut made = Ok(());
    let stopped = running
        .until(async {
            let enrolled = async {
                world.remember(serving.listen)?;
                world.enrol(&serving).await?;
                write_examples(&world)?;
                world.write_policy(&serving.log, Some(&witnesses))?;
                say(&world, &serving, &witnesses, context)
            };
            tokio::select! {
                ended = enrolled => made = ended,
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
            }
            if made.is_ok() {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
        })
        .await?;
    witnesses.stop().await;
    made?;
    let (cut, text) = match stopped {
        Stopped::Drained => (false, "stopped; the same command goes on where this ended"),
        Stopped::Cut => (true, "stopped; what took too long was cut"),
    };
    context.emit(&json!({ "event": "stopped", "cut": cut }), text)?;
    Ok(Exit::Done)
}

/// So that there is something to send wherever the binary is.
fn write_examples(world: &World) -> Result<(), Fault> {
    let directory = world.directory().join("examples");
    files::create_directory(&directory)?;
    for example in EXAMPLES {
        let file = directory.join(example.file);
        if !file.exists() {
            files::replace(&file, example.text.as_bytes())?;
        }
    }
    Ok(())
}

fn say(world: &World, serving: &Serving, witnesses: &LocalWitnesses, context: &Context) -> Result<(), Fault> {
    let plan = world.plan();
    let ids = plan.agencies.iter().map(|agency| &agency.id);
    let profiles: serde_json::Map<String, Value> = ids
        .map(|id| (id.to_string(), json!(world.agency(id).path())))
        .chain([
            ("auditor".to_owned(), json!(world.auditor().path())),
            ("operator".to_owned(), json!(world.operator().path())),
        ])
        .collect();
    let object = json!({
        "event": "serving",
        "url": serving.url(),
        "origin": world.origin().as_str(),
        "log_vkey": serving.log.vkey(),
        "tls_pin": serving.tls_pin.to_string(),
        "directory": world.directory(),
        "profiles": profiles,
        "policy": world.policy(),
        "witnesses": witnesses
            .listening()
            .map(|(name, address)| (name.to_owned(), json!(format!("http://{address}"))))
            .collect::<serde_json::Map<String, Value>>(),
    });
    context.emit(&object, text(world, serving, witnesses))
}

fn text(world: &World, serving: &Serving, witnesses: &LocalWitnesses) -> String {
    let program = invocation::program();
    let names: Vec<&str> = witnesses.listening().map(|(name, _)| name).collect();
    let mut out = format!(
        "A relay of your own serves at {}, until you press Ctrl-C.\n\
         \u{20} log       {}\n\
         \u{20} profiles  {}\n\
         \u{20} witnesses {}, of which two are enough\n\
         \u{20} policy    {}\n\
         \u{20} who       ",
        serving.url(),
        serving.log.vkey(),
        world.directory().join("profiles").display(),
        names.join(", "),
        world.policy().display()
    );
    let agencies = world.plan().agencies.iter().map(|agency| agency.id.as_str());
    let who: Vec<&str> = agencies.chain(["auditor", "operator"]).collect();
    let _ = writeln!(out, "{}", who.join("  "));
    let example = |file: &str| shown(&world.directory().join("examples").join(file));
    // The story of the example, where its two sides are there; else any two agencies and a draft of one's own.
    let known = |id: &str| {
        world
            .plan()
            .agencies
            .iter()
            .any(|agency| agency.id.as_str() == id)
    };
    let mut ids = world.plan().agencies.iter().map(|agency| agency.id.as_str());
    let (from, to, draft) = if known("us.ctc") && known("ru.ctc") {
        ("us.ctc", "ru.ctc", example("moscow-2024-concert-hall.yaml"))
    } else {
        let first = ids.next().unwrap_or("us.ctc");
        (first, ids.next().unwrap_or(first), "DRAFT.yaml".to_owned())
    };
    let command = |name: &str, rest: &str| {
        let profile = shown(&world.directory().join("profiles").join(name));
        format!("{program} --profile {profile} {rest}")
    };
    let steps = [
        (
            format!("In a second terminal, be {to} and wait for warnings:"),
            command(to, "watch"),
        ),
        (
            format!("In a third one, be {from} and send one; it prints the warning's ID:"),
            command(from, &format!("send {draft}")),
        ),
        (
            format!(
                "As an officer of {to}, say that you have read it, and answer (watch prints the ID too):"
            ),
            command(
                to,
                "ack ID --as accepted --by 'duty officer' --assessment actionable",
            ),
        ),
        (
            format!("As {from}, see what became of it, each step proven:"),
            command(from, "status ID"),
        ),
        (
            "As an auditor who trusts neither of them nor the relay, check everything:".to_owned(),
            command("auditor", "audit verify"),
        ),
        (
            format!("As {from}, make a file that proves it to a stranger, who checks it without any relay:"),
            format!(
                "{}\n  {program} audit check evidence.json --policy {}",
                command(from, "audit bundle ID -o evidence.json"),
                shown(&world.policy())
            ),
        ),
    ];
    for (what, command) in steps {
        let _ = write!(out, "\n{what}\n  {command}\n");
    }
    out
}

fn shown(path: &Path) -> String {
    quoted(&path.display().to_string())
}
