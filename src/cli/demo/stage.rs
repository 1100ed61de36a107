//! The stage: the relay and its witnesses, every side's client, who is on duty; and the acts, each of which ends when what it did is on the
//! record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::check::Held;
use super::duty::{Duty, draft};
use super::evidence::Evidence;
use super::story::{AWAY, Act, ON_DUTY, RETURNS, STORIES, Says, Story};
use super::waits::{until_recorded, within};
use crate::audit::{self, Timeline, Verdict};
use crate::cli::world::{LocalWitnesses, RelayProcess, World, WorldPlan};
use crate::cli::{Context, Exit, Fault};
use crate::client::{Acknowledged, Client, Draft, OutboxEntry, Sent};
use crate::domain::{AgencyId, DeskAddress, Digest};

/// Under `.invalid` (RFC 2606), so that its log can never be taken for a real relay's.
const HOST: &str = "demo.wardline.invalid";

const AGENCIES: [&str; 11] = [
    "be.ctc", "cn.ctc", "de.ctc", "fr.ctc", "gb.ctc", "ir.ctc", "it.ctc", "ma.ctc", "ru.ctc", "tr.ctc",
    "us.ctc",
];

/// The demo while it runs.
pub(super) struct Stage<'a> {
    context: &'a Context,
    begun: Instant,
    pub(super) program: PathBuf,
    pub(super) world: World,
    pub(super) relay: Option<RelayProcess>,
    /// In this process: who kills the relay does not kill them.
    witnesses: LocalWitnesses,
    clients: BTreeMap<AgencyId, Client>,
    auditor: Client,
    duty: Duty,
    /// What was sent, by its file.
    pub(super) sent: BTreeMap<&'static str, Sent>,
    held: Vec<Held>,
}

/// What an auditor has verified, and what the parties hold.
pub(super) struct Audited {
    /// The counts.
    pub(super) verdict: Verdict,
    /// The story.
    pub(super) timeline: Timeline,
    /// The receipts that the parties got while it happened.
    pub(super) held: Vec<Held>,
    /// Which of them the replay did not hold where they say.
    pub(super) not_found: Vec<Held>,
    /// Which warning came from which example.
    pub(super) files: BTreeMap<Digest, &'static str>,
    /// The file about one of them, judged.
    pub(super) evidence: Evidence,
}

impl<'a> Stage<'a> {
    /// Makes the world and starts its relay; puts those on duty who are.
    pub(super) async fn set(directory: &Path, context: &'a Context) -> Result<Self, Fault> {
        let begun = Instant::now();
        if !context.json {
            context.emit(
                &Value::Null,
                "Eight exercises, modelled on public facts, go between eleven states over a real relay, which is\n\
                 killed in the middle. Then an auditor who trusts nobody tells what happened, from the log alone,\n\
                 and one warning's evidence is checked as a stranger would, without a relay.\n\n\
                 Setting up: a relay, three witnesses, roots, keys, profiles …",
            )?;
        }
        let program = std::env::current_exe()
            .map_err(|error| Fault::new(Exit::Retry, format!("cannot find this program: {error}")))?;
        let agencies: Vec<AgencyId> = AGENCIES.iter().map(|id| parsed(id)).collect::<Result<_, _>>()?;
        let plan = WorldPlan::new(HOST, &agencies)?;
        let world = World::open(directory, plan).await?;
        let witnesses = world.serve_witnesses().await?;
        let asking = [world.ask_witnesses()];
        let relay = RelayProcess::start_with(&program, &world.config(), &asking).await?;
        world.remember(relay.serving().listen)?;
        within("the enrolment", world.enrol(relay.serving())).await??;
        world.write_policy(&relay.serving().log, Some(&witnesses))?;
        let mut clients = BTreeMap::new();
        for agency in agencies {
            let client = Client::open(&world.agency(&agency))?;
            clients.insert(agency, client);
        }
        let auditor = Client::open(&world.auditor())?;
        let enrolled = within("a checkpoint", auditor.checkpoint()).await??.size();
        let mut stage = Self {
            context,
            begun,
            program,
            relay: Some(relay),
            witnesses,
            clients,
            auditor,
            duty: Duty::new(),
            sent: BTreeMap::new(),
            held: Vec::new(),
            world,
        };
        stage.say(
            "set_up",
            json!({ "directory": directory, "origin": stage.world.origin().as_str(), "records": enrolled }),
            &format!(
                "The relay serves; {} agencies and an auditor are enrolled: {enrolled} records.",
                AGENCIES.len()
            ),
        )?;
        for desk in ON_DUTY {
            stage.begin_duty(desk).await?;
        }
        stage.say(
            "on_duty",
            json!({ "on_duty": ON_DUTY, "away": [RETURNS, AWAY] }),
            &format!(
                "On duty: {}.\n         Away: {RETURNS}, {AWAY}.",
                ON_DUTY.join(", ")
            ),
        )?;
        Ok(stage)
    }

    /// Five warnings, and what comes back at once.
    pub(super) async fn first_act(&mut self) -> Result<(), Fault> {
        for story in STORIES.iter().filter(|story| story.act == Act::First) {
            let (client, entry) = self.signed(story).await?;
            let sent = until_recorded("the receipt of a warning", || client.submit_entry(&entry)).await?;
            self.accepted(story, sent)?;
        }
        self.received(Act::First).await?;
        self.officers(Act::First).await
    }

    /// What comes back of the rest.
    pub(super) async fn second_act(&mut self) -> Result<(), Fault> {
        self.received(Act::Crash).await?;
        self.officers(Act::Second).await
    }

    /// The desk that was away finds what waited for it, across the crash.
    pub(super) async fn the_absent_returns(&mut self) -> Result<(), Fault> {
        self.begin_duty(RETURNS).await?;
        self.say(
            "returned",
            json!({ "desk": RETURNS }),
            &format!("{RETURNS} is back."),
        )?;
        self.received(Act::First).await?;
        self.officers(Act::Return).await
    }

    /// Everybody goes home; the auditor replays and verifies all of it, while one agency has its evidence made; the relay and
    /// the witnesses stop, and the evidence is judged without them.
    pub(super) async fn audit(mut self) -> Result<Audited, Fault> {
        std::mem::replace(&mut self.duty, Duty::new()).end().await;
        let mut not_found: BTreeMap<u64, Held> = BTreeMap::new();
        for held in &self.held {
            not_found.insert(held.index, *held);
        }
        let verifying = audit::verify(&self.auditor, true, |shown, record| {
            if let (Some(record), Some(held)) = (record, not_found.get(&shown.index)) {
                let signed = audit::envelopes(&record.kind);
                if signed.iter().any(|envelope| envelope.digest() == held.digest) {
                    not_found.remove(&shown.index);
                }
            }
            Ok::<(), Fault>(())
        });
        let replay = async { within("the replay", verifying).await? };
        let (mut verdict, file) = tokio::try_join!(replay, self.evidence())?;
        let Some(timeline) = verdict.timeline.take() else {
            return Err(Fault::new(Exit::Retry, "the replay told nothing"));
        };
        if let Some(relay) = self.relay.take() {
            relay.stop().await?;
        }
        self.witnesses.stop().await;
        let evidence = file.judge(&self.world.policy())?;
        let sent = self.sent.iter();
        Ok(Audited {
            verdict,
            timeline,
            held: self.held,
            not_found: not_found.into_values().collect(),
            files: sent.map(|(file, sent)| (sent.digest, *file)).collect(),
            evidence,
        })
    }

    async fn begin_duty(&mut self, desk: &str) -> Result<(), Fault> {
        let desk: DeskAddress = parsed(desk)?;
        let client = self.client(desk.agency())?;
        self.duty.begin(client, desk).await
    }

    pub(super) fn client(&self, agency: &AgencyId) -> Result<Client, Fault> {
        let client = self.clients.get(agency).cloned();
        client.ok_or_else(|| Fault::usage(format!("{agency} has no part in the demo")))
    }

    /// Signs a warning into its sender's outbox.
    pub(super) async fn signed(&self, story: &Story) -> Result<(Client, OutboxEntry), Fault> {
        let nothing = || Fault::usage(format!("{} is no example", story.file));
        let example = story.example().ok_or_else(nothing)?;
        let draft = Draft::parse(example.text).map_err(Fault::usage)?;
        let client = self.client(&parsed(example.sender().ok_or_else(nothing)?)?)?;
        let entry = client.prepare(&draft).await?;
        Ok((client, entry))
    }

    /// Signs what an officer says into the desk's outbox.
    pub(super) async fn signed_answer(
        &self,
        story: &Story,
        says: &Says,
    ) -> Result<(Client, OutboxEntry), Fault> {
        let Some(sent) = self.sent.get(story.file) else {
            return Err(Fault::usage(format!("{} was not sent", story.file)));
        };
        let draft = draft(says, sent.id, sent.digest)?;
        let client = self.client(draft.desk.agency())?;
        let entry = client.prepare_acknowledgement(&draft).await?;
        Ok((client, entry))
    }

    /// What is said in an act, warning by warning.
    pub(super) fn spoken(act: Act) -> impl Iterator<Item = (&'static Story, &'static Says)> + use<> {
        STORIES
            .iter()
            .flat_map(move |story| story.says_in(act).map(move |says| (story, says)))
    }

    /// Waits until every desk that is there has signed RECEIVED for what was sent in an act.
    async fn received(&mut self, act: Act) -> Result<(), Fault> {
        let mut due = Vec::new();
        for story in STORIES.iter().filter(|story| story.act == act) {
            if let Some(sent) = self.sent.get(story.file) {
                due.extend(sent.recipients.iter().map(|to| (to.desk.clone(), sent.digest)));
            }
        }
        let mut all = Vec::new();
        for (desk, digest) in due {
            if self.duty.is_there(&desk) {
                all.extend(self.duty.received(&desk, digest).await?);
            }
        }
        self.all_acknowledged(all)
    }

    /// All desks at once, each in its own order, as people at different places do.
    async fn officers(&mut self, act: Act) -> Result<(), Fault> {
        let mut desks: BTreeMap<(&str, &str), Vec<(&Story, &Says)>> = BTreeMap::new();
        for (story, says) in Self::spoken(act) {
            desks
                .entry((story.file, says.desk))
                .or_default()
                .push((story, says));
        }
        let speaking = desks.into_values().map(|all| {
            let stage = &*self;
            async move {
                let mut done = Vec::new();
                for (story, says) in all {
                    let (client, entry) = stage.signed_answer(story, says).await?;
                    let sending =
                        until_recorded("the receipt of an answer", || client.acknowledge_entry(&entry));
                    done.push(sending.await?);
                }
                Ok::<_, Fault>(done)
            }
        });
        let all = try_join_all(speaking).await?.into_iter().flatten().collect();
        self.all_acknowledged(all)
    }

    /// Told in the order of the log.
    fn all_acknowledged(&mut self, mut all: Vec<Acknowledged>) -> Result<(), Fault> {
        all.sort_by_key(|acknowledged| acknowledged.index);
        for acknowledged in all {
            self.acknowledged(&acknowledged)?;
        }
        Ok(())
    }

    /// A warning has its receipts.
    pub(super) fn accepted(&mut self, story: &Story, sent: Sent) -> Result<(), Fault> {
        let to: Vec<String> = sent.recipients.iter().map(|to| to.desk.to_string()).collect();
        let from = story
            .example()
            .and_then(|example| example.sender())
            .unwrap_or_default();
        let again = if sent.repeated {
            ", which had it already"
        } else {
            ""
        };
        self.say(
            "sent",
            json!({
                "file": story.file,
                "from": from,
                "to": to,
                "index": sent.index,
                "digest": sent.digest.to_string(),
                "repeated": sent.repeated,
            }),
            &format!(
                "  record {:>3}  {from} warned {}{again}",
                sent.index,
                to.join(" and ")
            ),
        )?;
        self.held.push(Held {
            index: sent.index,
            digest: sent.digest,
        });
        self.sent.insert(story.file, sent);
        Ok(())
    }

    /// An acknowledgement has its receipt.
    pub(super) fn acknowledged(&mut self, it: &Acknowledged) -> Result<(), Fault> {
        let again = if it.repeated {
            ", which the relay had already"
        } else {
            ""
        };
        self.say(
            "acknowledged",
            json!({
                "desk": it.desk.to_string(),
                "kind": it.kind.word(),
                "warning_digest": it.warning_digest.to_string(),
                "index": it.index,
                "digest": it.digest.to_string(),
                "repeated": it.repeated,
            }),
            &format!("  record {:>3}  {} signed {}{again}", it.index, it.desk, it.kind),
        )?;
        self.held.push(Held {
            index: it.index,
            digest: it.digest,
        });
        Ok(())
    }

    /// What is being done, with the time since the beginning.
    pub(super) fn say(&self, step: &str, more: Value, text: &str) -> Result<(), Fault> {
        let mut object = json!({ "event": "progress", "step": step });
        if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
            object.extend(more);
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        self.context.emit(&object, format!("{seconds:5.1} s  {text}"))
    }
}

pub(super) fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, Fault>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Fault::usage(error))
}
