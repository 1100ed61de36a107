//! The evidence of one warning: a file that its sender has made while the relay and its witnesses run, and that is judged when
//! they are gone, by nothing but what a stranger would trust: the log's key, the witnesses, the states' roots.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::stage::{Stage, parsed};
use super::story::PROVEN;
use super::waits::within;
use crate::audit::{Act, BodyShown, Bundle, Deed, Findings, Note, Standing, Trusted, check, make_cosigned};
use crate::cli::screen::{Colours, Tone, one_line, wrap};
use crate::cli::timeline::{WIDTH, clock, push};
use crate::cli::{Context, Exit, Fault, invocation};
use crate::domain::{AgencyId, WarningName};
use crate::files;
use crate::limits;

/// A file that is not judged yet.
pub(super) struct EvidenceFile {
    by: AgencyId,
    path: PathBuf,
}

/// What a stranger finds in it.
pub(super) struct Evidence {
    by: AgencyId,
    path: PathBuf,
    policy: PathBuf,
    bytes: usize,
    findings: Findings,
}

impl Stage<'_> {
    /// The warning's sender makes it, once the witnesses have cosigned what came of it.
    pub(super) async fn evidence(&self) -> Result<EvidenceFile, Fault> {
        let story = super::story::STORIES.iter().find(|story| story.file == PROVEN);
        let sender = story.and_then(|story| story.example()?.sender());
        let (Some(sender), Some(sent)) = (sender, self.sent.get(PROVEN)) else {
            return Err(Fault::usage(format!("{PROVEN} was not sent")));
        };
        let by: AgencyId = parsed(sender)?;
        let client = self.client(&by)?;
        let name = WarningName::Digest(sent.digest);
        // Less than all that is waited at most: without enough witnesses it is made all the same, and then says what is missing.
        let at_most = Duration::from_millis(limits::DEMO_WAIT_MS_MAX / 4);
        let making = make_cosigned(&client, &name, at_most, |_| ());
        let made = within("the evidence", making).await??;
        // It sealed the warning, and shows a stranger what it said.
        let made = made.opened(&client).await?;
        let path = self.world.directory().join("evidence.json");
        files::create_new(&path, made.json.as_bytes())?;
        Ok(EvidenceFile { by, path })
    }
}

impl EvidenceFile {
    /// Reads it and checks it, as `audit check` does. Nobody is asked.
    pub(super) fn judge(self, policy: &Path) -> Result<Evidence, Fault> {
        let trusted = Trusted::read(policy)?;
        let gone = || Fault::new(Exit::Retry, format!("{} is gone", self.path.display()));
        let bytes = files::read(&self.path, limits::BUNDLE_BYTES_MAX)?.ok_or_else(gone)?;
        let findings = Bundle::parse(&bytes).and_then(|bundle| check(&bundle, &trusted));
        let findings = findings.map_err(|fault| {
            let sentence = format!("the evidence does not verify: {fault}");
            Fault::new(Exit::VerificationFailed, sentence)
        })?;
        Ok(Evidence {
            by: self.by,
            path: self.path,
            policy: policy.to_owned(),
            bytes: bytes.len(),
            findings,
        })
    }
}

impl Evidence {
    /// Whether enough witnesses vouch for all that it shows.
    pub(super) fn is_witnessed(&self) -> bool {
        let witnessed = self.findings.witnessed;
        witnessed.is_some_and(|it| self.findings.acts.iter().all(|act| it.holds(act.index)))
    }
}

/// The gist of what it says.
pub(super) fn tell(evidence: &Evidence, kept: Option<&Path>, context: &Context) -> Result<(), Fault> {
    let Evidence {
        by,
        path,
        policy,
        bytes,
        findings,
    } = evidence;
    let object = json!({
        "event": "evidence",
        "by": by.as_str(),
        "file": kept.map(|_| path),
        "policy": kept.map(|_| policy),
        "bytes": bytes,
        "findings": findings.to_json(),
    });
    let paint = |text| Colours::of_stdout().paint(Tone::Good, text);
    let mut text = format!(
        "{} of the first warning: a file of {} kB that {by} made, checked with the relay and the\n\
         witnesses stopped, by their keys and the states' roots alone:\n",
        paint("EVIDENCE"),
        bytes.div_ceil(1_000),
    );
    for line in gist(findings) {
        push(&mut text, "  - ", &wrap(&line, WIDTH - 4));
    }
    text.push_str(&match kept {
        Some(_) => format!(
            "All that it says: {} audit check {} --policy {}",
            invocation::program(),
            path.display(),
            policy.display()
        ),
        None => "With --keep the file stays, and audit check tells all that it says.".to_owned(),
    });
    context.emit(&object, text)
}

/// What was said, which the sender has opened: these very words were committed to when it was signed.
fn words(findings: &Findings) -> Vec<String> {
    let mut lines = Vec::new();
    let headline = findings.warning.headlines.as_ref().and_then(|all| all.first());
    if let (BodyShown::Opened, Some(headline)) = (findings.warning.body, headline) {
        lines.push(format!(
            "sealed, and opened here by its sender: {}",
            one_line(&headline.text)
        ));
    }
    for act in &findings.acts {
        if let Deed::Said(said) = &act.what
            && let (true, Note::Kept(words)) = (said.sealed, &said.note)
        {
            let text = one_line(&words.text);
            lines.push(format!(
                "so is the note of {} (record {}): {text}",
                said.kind, act.index
            ));
        }
    }
    lines
}

fn gist(findings: &Findings) -> Vec<String> {
    let of = |standing: Standing| -> Vec<String> {
        let acts = findings.acts.iter().filter(|act| act.standing == standing);
        acts.map(deed).collect()
    };
    let mut lines = vec![format!("proven: {}", of(Standing::Proven).join("; "))];
    lines.extend(words(findings));
    for recipient in &findings.recipients {
        let (desk, silence) = (&recipient.desk, &recipient.silence);
        let how_sure = match silence.standing() {
            Standing::Proven => "proven",
            Standing::ClaimedByRelay => "claimed by the relay",
        };
        let (from, to) = (silence.from, silence.to);
        let until = match silence.answered {
            Some(answer) => format!("before its answer in record {answer}"),
            None => "to the end of what is shown".to_owned(),
        };
        lines.push(format!(
            "{how_sure}: from record {from} to record {to}, {until}, {desk} gave no answer"
        ));
    }
    lines.push(match findings.witnessed {
        Some(it) => format!(
            "proven: enough of the three witnesses had cosigned the log's first {} records at {}: so far it is the same for \
             everybody",
            it.size,
            clock(it.since)
        ),
        None => "no witness vouches for it: it hangs on the log's key alone".to_owned(),
    });
    let claimed = of(Standing::ClaimedByRelay);
    lines.push(format!(
        "claimed by the relay, which nobody else has signed: {}its clock",
        claimed.iter().map(|it| format!("{it}; ")).collect::<String>()
    ));
    let open = findings.not_shown.len();
    if let Some(first) = findings.not_shown.first() {
        let more = match open.saturating_sub(1) {
            0 => String::new(),
            more => format!(" ({more} more)"),
        };
        lines.push(format!("not shown: {}{more}", first.sentence));
    }
    lines
}

/// Who did what, where.
fn deed(act: &Act) -> String {
    let index = act.index;
    let desk = act.desk.as_ref().map(ToString::to_string).unwrap_or_default();
    let by = act.by.as_ref().map(|by| by.principal.to_string());
    match &act.what {
        Deed::Warned { .. } => format!(
            "{} signed the warning (record {index})",
            by.unwrap_or_else(|| "somebody".to_owned())
        ),
        Deed::Routed => format!("it was routed to {desk} (record {index})"),
        Deed::HandedOver { .. } => format!("it was handed over to {desk} (record {index})"),
        Deed::Said(said) => {
            let assessment = said.assessment.map(|it| format!(", {it}")).unwrap_or_default();
            format!("{desk} signed {}{assessment} (record {index})", said.kind)
        }
        Deed::Erased(erased) => format!("what record {} said was erased (record {index})", erased.index),
        Deed::Unknown => format!("record {index} is of a later version"),
    }
}
