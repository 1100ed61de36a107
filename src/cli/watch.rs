//! `wardline watch`: what is open in the inbox, then a desk's warnings as they come. Each is verified and stored before it is shown, `--exec` must take it,
//! and only then is `RECEIVED` signed; what was taken once is never shown again as new.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::inbox::{erased_of, told};
use super::screen::screen;
use super::session::{open, tell_news};
use super::shown::delivered_json;
use super::status::{SummaryObject, pages};
use super::{Context, Exit, Fault};
use crate::client::{
    Accounted, Acknowledged, Client, ClientError, DailyErasure, Deliveries, Gap, InboxName, Incoming,
    Unanswered, VerificationError, When,
};
use crate::domain::{DeskAddress, Digest, Direction, Status};
use crate::limits;

/// Show a desk's warnings as they come.
#[derive(Debug, Args)]
pub(crate) struct WatchCommand {
    /// The desk; else the profile's.
    #[arg(long)]
    desk: Option<DeskAddress>,
    /// End after this many new warnings.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End after this long (90s, 5m): exit 6.
    #[arg(long, value_name = "SPAN")]
    timeout: Option<When>,
    /// Run this program for each new warning, with the warning as JSON on its standard input; it must exit 0. CMD is split
    /// at white space and run without a shell, one warning after the other, and may take as long as it likes.
    #[arg(long, value_name = "CMD")]
    exec: Option<String>,
    /// Only look on: nothing is signed, and a later watch without this takes each warning as new, --exec and all.
    #[arg(long)]
    no_receipt: bool,
}

pub(crate) async fn run(command: WatchCommand, context: &Context) -> Result<Exit, Fault> {
    let client = open(context)?;
    let desk = match &command.desk {
        Some(desk) => desk.clone(),
        None => client.own_desk()?,
    };
    let deadline = match command.timeout {
        None => None,
        Some(When::AfterMs(ms)) => {
            let ms = u64::try_from(ms).unwrap_or(0);
            Some(Instant::now() + Duration::from_millis(ms))
        }
        Some(When::At(_)) => return Err(Fault::usage("--timeout takes a span (90s, 5m)")),
    };
    // A warning that is withheld does not keep the others from coming; however the command ends, it says so then.
    let told = Told::default();
    // At once, and whatever the relay does.
    let inbox = show_inbox(&client, &desk, context).await?;
    let session = async {
        let mut erasing = DailyErasure::of(&client);
        if follow_and_erase(&client, &mut erasing, context).await? {
            ask_what_is_open(&client, &desk, &inbox, context).await?;
        }
        tokio::select! {
            ended = deliver(&client, &desk, &command, &told, context) => ended,
            () = erase_daily(erasing, context) => Ok(Exit::Done),
        }
    };
    let ended = tokio::select! {
        ended = session => ended,
        () = until(deadline) => Err(ClientError::TimedOut.into()),
        _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
    };
    if let Some(gap) = told.asked_about.into_inner() {
        eprintln!(
            "wardline: {}: what became of them was not found out before the end, and the next watch asks about it.",
            which(&desk, &gap)
        );
    }
    match told.withheld.into_inner() {
        Some(withheld) => Err(withheld),
        None => ended,
    }
}

/// The desk's warnings, as they come.
async fn deliver(
    client: &Client,
    desk: &DeskAddress,
    command: &WatchCommand,
    told: &Told,
    context: &Context,
) -> Result<Exit, Fault> {
    let deliveries = if command.no_receipt {
        client.look_on(desk.clone()).await?
    } else {
        client.deliveries(desk.clone()).await?
    };
    let deliveries = match command.count {
        Some(count) => deliveries.at_most(count),
        None => deliveries,
    };
    watch(client, deliveries, command, told, context).await
}

/// What is to be told however the command ends.
#[derive(Default)]
struct Told {
    /// That a warning is withheld, once that was found.
    withheld: RefCell<Option<Fault>>,
    /// Numbers that never came, while it is asked what became of them.
    asked_about: RefCell<Option<Gap>>,
}

/// Erases what is due at the start. Not before the directory was followed: by what is on the record by now it may be held. A relay
/// that is away is not waited for here; gives whether it answered.
async fn follow_and_erase(
    client: &Client,
    erasing: &mut DailyErasure,
    context: &Context,
) -> Result<bool, Fault> {
    match client.follow_directory().await {
        Ok(news) => {
            tell_news(&news);
            erase(erasing, context).await;
            Ok(true)
        }
        Err(error) => {
            passing(error)?;
            let now = client.time();
            let due = client.inbox_kept().await.unwrap_or_default();
            let due = due.iter().filter(|it| it.due <= now).count();
            if due > 0 {
                eprintln!(
                    "wardline: {due} that are due in the inbox are not erased until the directory can be followed: they may be held."
                );
            }
            Ok(false)
        }
    }
}

/// Erases what is due in the inbox, day after day. A failure keeps nobody from their warnings: it is said, and tried again.
async fn erase_daily(mut erasing: DailyErasure, context: &Context) {
    let every = Duration::from_millis(limits::RETENTION_EVERY_MS);
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        erase(&mut erasing, context).await;
    }
}

async fn erase(erasing: &mut DailyErasure, context: &Context) {
    let told = match erasing.look().await {
        Ok(erased) => told(&erased.unwrap_or_default(), context),
        Err(error) => Err(error.into()),
    };
    if let Err(fault) = told {
        eprintln!(
            "wardline: what is due in the inbox was not all erased, and is tried again: {}",
            fault.sentence
        );
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// What is open in the inbox.
struct OpenInInbox {
    /// Those that are shown, the most urgent last.
    names: Vec<InboxName>,
    /// Those that cannot be verified before the directory was followed.
    later: Vec<InboxName>,
}

/// What is open as this profile knows it, without asking anybody.
async fn show_inbox(client: &Client, desk: &DeskAddress, context: &Context) -> Result<OpenInInbox, Fault> {
    let (names, left_out) = most_urgent(client.unanswered(desk).await?, limits::OPEN_SHOWN_MAX);
    let size = client.newest_checkpoint().await.size();
    if !context.json && !names.is_empty() {
        let others = match left_out {
            0 => String::new(),
            count => format!(" ({count} less urgent or older ones, none of them ACTUAL, are not shown)"),
        };
        println!("Open in the inbox, as of the last contact (a log of {size} records){others}:");
    }
    let later = show(client, &names, context).await?;
    if !later.is_empty() {
        eprintln!(
            "wardline: {} of them can be shown only when the directory was followed again",
            later.len()
        );
    }
    Ok(OpenInInbox { names, later })
}

/// Shows these of the inbox, in their order. Gives those that wait for the directory.
async fn show(client: &Client, names: &[InboxName], context: &Context) -> Result<Vec<InboxName>, Fault> {
    let size = client.newest_checkpoint().await.size();
    let mut later = Vec::new();
    for name in names {
        match client.stored(name).await {
            Ok(Some(delivered)) => {
                let mut object = with_event("open", delivered_json(&delivered));
                insert(&mut object, "source", json!("inbox"));
                insert(&mut object, "as_of_size", json!(size));
                insert(&mut object, "erased", erased_of(client, name)?);
                context.emit(&object, screen(client, &delivered, context).await)?;
            }
            Ok(None) => {}
            Err(ClientError::DirectoryBehind) => later.push(name.clone()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(later)
}

/// The most urgent of what is open, and how many are left out. The real ones before all others, then by precedence, then
/// the newest by the desk's inbox number: a sender chooses the time in an id, but neither how many came after it nor what
/// others send. No real one is left out. The most urgent stands last, where the eye is.
fn most_urgent(mut open: Vec<Unanswered>, shown_max: usize) -> (Vec<InboxName>, usize) {
    open.sort_by_key(|it| {
        (
            it.status != Status::Actual,
            it.precedence,
            Reverse(it.name.number),
        )
    });
    let all = open.len();
    let actual = open.iter().filter(|it| it.status == Status::Actual).count();
    open.truncate(shown_max.max(actual));
    let left_out = all.saturating_sub(open.len());
    (open.into_iter().rev().map(|it| it.name).collect(), left_out)
}

/// What the relay says is open and is not in this inbox, which is its word alone; and what was answered elsewhere,
/// which it has to prove. A relay that cannot be reached does not keep anybody from waiting for it.
async fn ask_what_is_open(
    client: &Client,
    desk: &DeskAddress,
    inbox: &OpenInInbox,
    context: &Context,
) -> Result<(), Fault> {
    show(client, &inbox.later, context).await?;
    let listed = pages(
        client,
        Some(Direction::In),
        true,
        Some(desk.clone()),
        limits::OPEN_SHOWN_MAX,
    );
    let rows = match listed.await {
        Ok(rows) => rows,
        Err(error) => return passing(error),
    };
    let here: BTreeSet<Digest> = client
        .inbox()
        .list()
        .map_err(ClientError::from)?
        .into_keys()
        .filter(|name| name.desk == *desk)
        .map(|name| name.digest)
        .collect();
    for row in rows.iter().rev().filter(|row| !here.contains(&row.digest)) {
        let summary = SummaryObject::of(row);
        let text = format!(
            "open, by the relay's word (it is not in this inbox): {}",
            summary.cells().join("  ")
        );
        let mut object = with_event("open", json!(summary));
        insert(&mut object, "source", json!("relay"));
        context.emit(&object, text)?;
    }
    let listed: BTreeSet<Digest> = rows.iter().map(|row| row.digest).collect();
    for name in inbox.names.iter().filter(|name| !listed.contains(&name.digest)) {
        match client.is_answered(name).await {
            Ok(true) => {
                let object = json!({
                    "event": "answered",
                    "id": name.id.to_string(),
                    "digest": name.digest.to_string(),
                    "desk": name.desk.to_string(),
                });
                context.emit(&object, format!("answered meanwhile: {}", name.id))?;
            }
            Ok(false) => {}
            Err(error) => passing(error)?,
        }
    }
    Ok(())
}

/// A relay that is away is waited for; anything else ends the command.
fn passing(error: ClientError) -> Result<(), Fault> {
    if !error.is_passing() {
        return Err(error.into());
    }
    eprintln!("wardline: {error}; it is waited for");
    Ok(())
}

async fn watch(
    client: &Client,
    mut deliveries: Deliveries,
    command: &WatchCommand,
    told: &Told,
    context: &Context,
) -> Result<Exit, Fault> {
    let mut taken = 0u64;
    while command.count.is_none_or(|count| taken < count) {
        let incoming = deliveries.next().await?;
        *told.asked_about.borrow_mut() = deliveries.asked_about();
        match incoming {
            Incoming::Warning(delivered) => {
                let object = with_event("warning", delivered_json(&delivered));
                context.emit(&object, screen(client, &delivered, context).await)?;
                if let Some(program) = &command.exec {
                    execute(program, &object).await?;
                }
                deliveries.taken(&delivered).await?;
                taken += 1;
            }
            Incoming::Received(received) => say_received(&received, context)?,
            Incoming::Accounted { gap, accounted } => {
                tell_accounted(deliveries.desk(), accounted, &gap, told, context)?;
            }
            Incoming::CaughtUp {
                newest,
                missing,
                first_missing,
            } => {
                if missing > 0 {
                    // While it is asked what became of them, warnings go on coming.
                    deliveries.begin_accounting(newest);
                    let gap = Gap {
                        newest,
                        missing,
                        first_missing: first_missing.clone(),
                    };
                    if !context.json {
                        eprintln!(
                            "wardline: {}: the relay is being asked what became of them.",
                            which(deliveries.desk(), &gap)
                        );
                    }
                    *told.asked_about.borrow_mut() = deliveries.asked_about();
                }
                let object = json!({
                    "event": "caught_up",
                    "desk": deliveries.desk().to_string(),
                    "inbox_number": newest,
                    "missing": missing,
                    "first_missing": first_missing,
                });
                if context.json {
                    context.emit(&object, "")?;
                }
            }
        }
    }
    while let Some(received) = deliveries.settle().await? {
        say_received(&received, context)?;
    }
    if let Some((gap, accounted)) = deliveries.end_accounting().await {
        *told.asked_about.borrow_mut() = None;
        tell_accounted(deliveries.desk(), accounted, &gap, told, context)?;
    }
    Ok(Exit::Done)
}

/// Which numbers never came here.
fn which(desk: &DeskAddress, gap: &Gap) -> String {
    let Gap {
        newest,
        missing,
        first_missing,
    } = gap;
    let more = match u64::try_from(first_missing.len()) {
        Ok(shown) if shown < *missing => ", …",
        Ok(_) | Err(_) => "",
    };
    let numbers: Vec<String> = first_missing.iter().map(ToString::to_string).collect();
    format!(
        "{missing} of the {newest} warnings that were routed to {desk} never came to this profile (numbers {}{more})",
        numbers.join(", ")
    )
}

/// What became of the numbers that never came here: told to a person unless all of them have come meanwhile.
fn tell_accounted(
    desk: &DeskAddress,
    accounted: Result<Accounted, ClientError>,
    gap: &Gap,
    told: &Told,
    context: &Context,
) -> Result<(), Fault> {
    let which = which(desk, gap);
    let unknown = match accounted {
        Ok(Accounted::Elsewhere(_)) if gap.missing == 0 => return Ok(()),
        Ok(Accounted::Elsewhere(elsewhere)) if elsewhere < gap.missing => {
            eprintln!(
                "wardline: {which}: the desk has acknowledged {elsewhere} of them on another machine, which is proven; the others were routed \
                 after this session began, and are to come."
            );
            return Ok(());
        }
        Ok(Accounted::Elsewhere(_)) => {
            eprintln!(
                "wardline: {which}: the desk has acknowledged them on another machine, which is proven."
            );
            return Ok(());
        }
        Ok(Accounted::Partly { elsewhere, left }) => {
            eprintln!(
                "wardline: {which}: the desk has acknowledged {elsewhere} of them on another machine, which is proven; {left} are not \
                 asked about yet, and the next watch goes on with them."
            );
            return Ok(());
        }
        Err(ClientError::Verification { error, evidence })
            if matches!(*error, VerificationError::Withheld { .. }) =>
        {
            let VerificationError::Withheld { withheld, .. } = *error else {
                return Ok(());
            };
            let fault = Fault::from(ClientError::Verification {
                error,
                evidence: evidence.clone(),
            });
            let object = json!({
                "event": "withheld",
                "desk": desk.to_string(),
                "inbox_number": gap.newest,
                "withheld": withheld,
                "first_missing": gap.first_missing,
                "evidence": evidence,
            });
            eprintln!("{}", fault.render(context.json));
            if context.json {
                context.emit(&object, "")?;
            }
            *told.withheld.borrow_mut() = Some(fault);
            return Ok(());
        }
        Err(error) if error.is_passing() => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    eprintln!(
        "wardline: WARNING: {which}. Another machine of the desk has received them, or they are withheld: which of both is not known ({unknown})."
    );
    Ok(())
}

fn say_received(received: &Acknowledged, context: &Context) -> Result<(), Fault> {
    let object = json!({
        "event": "received",
        "id": received.id.to_string(),
        "digest": received.digest.to_string(),
        "warning_digest": received.warning_digest.to_string(),
        "desk": received.desk.to_string(),
        "index": received.index,
        "receipt": received.receipt,
        "repeated": received.repeated,
    });
    let text = format!(
        "RECEIVED is on the record at index {} for {}",
        received.index, received.warning_digest
    );
    context.emit(&object, text)
}

fn with_event(event: &str, mut object: Value) -> Value {
    insert(&mut object, "event", json!(event));
    object
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), value);
    }
}

/// Runs the program with one line of JSON on its standard input. It is split at white space; no shell is involved.
async fn execute(command: &str, warning: &Value) -> Result<(), Fault> {
    let failed = |why: String| {
        Fault::new(
            Exit::Retry,
            format!("--exec {why}: RECEIVED was not signed, the warning is in the inbox and comes again"),
        )
    };
    let mut words = command.split_whitespace();
    let program = words
        .next()
        .ok_or_else(|| Fault::usage("--exec names no program"))?;
    let mut child = tokio::process::Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        // Standard output is ours: one object a line.
        .stdout(std::io::stderr())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("cannot run {program:?} ({error})")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read fails by its exit code, not here.
        let _ = stdin.write_all(format!("{warning}\n").as_bytes()).await;
    }
    let status = child
        .wait()
        .await
        .map_err(|error| failed(format!("{program:?} was lost ({error})")))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(format!("{program:?} failed ({status})")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::{PayloadId, Precedence};

    fn open(number: u64, sent_ms: u64, status: Status, precedence: Precedence) -> Unanswered {
        Unanswered {
            name: InboxName {
                id: PayloadId::from_parts(sent_ms, [1; 10]),
                digest: Digest([1; 32]),
                desk: "be.ctc".parse().unwrap(),
                number,
            },
            status,
            precedence,
        }
    }

    /// Exercises that say they were signed in the year 9999 hide no real warning, however many they are and however urgent;
    /// and of the real ones none is left out.
    #[test]
    fn exercises_hide_no_real_warning() {
        const YEAR_9999_MS: u64 = 253_370_764_800_000;
        let mut all = vec![
            open(1, 1_700_000_000_000, Status::Actual, Precedence::Routine),
            open(2, 1_700_000_000_000, Status::Actual, Precedence::Flash),
        ];
        all.extend((3..=110).map(|number| open(number, YEAR_9999_MS, Status::Exercise, Precedence::Flash)));
        let numbers = |shown: Vec<InboxName>| shown.iter().map(|name| name.number).collect::<Vec<_>>();
        let (shown, left_out) = most_urgent(all.clone(), 4);
        assert_eq!((numbers(shown), left_out), (vec![109, 110, 1, 2], 106));
        let (shown, left_out) = most_urgent(all, 1);
        assert_eq!((numbers(shown), left_out), (vec![1, 2], 108));
    }
}
