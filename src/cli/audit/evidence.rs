//! `audit bundle`, `check` and `compare`: evidence made, and evidence judged. Judging asks nobody: no relay, no profile, and
//! nobody to trust but whom the verifier's own policy names.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::audit::bundle::{Came, FORMAT, HeldToInbox, NotMade, format_of, hold_to_inbox};
use crate::audit::compare::{
    Comparison, Conviction, Exhibit, MISBEHAVIOUR_FORMAT, Misbehaviour, NoExhibit, NotCompared, compare,
};
use crate::audit::{
    Bundle, BundleFault, Findings, Made, Sentences, Trusted, UnusablePolicy, check, make_cosigned,
};
use crate::cli::screen::one_line;
use crate::cli::session::{given, open, profile};
use crate::cli::{Context, Exit, Fault, invocation};
use crate::client::{Client, Inbox, Settings, read_checkpoint};
use crate::domain::WarningName;
use crate::files;
use crate::limits;
use crate::transparency::Policy;

/// How a bundle is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// Whether the witnesses are waited for, if they have not cosigned all of it.
    pub(super) wait: bool,
    /// Whether what is sealed is opened, as far as the profile can.
    pub(super) open: bool,
}

/// `wardline audit bundle ID -o FILE`.
pub(super) async fn bundle(id: &str, output: &Path, how: How, context: &Context) -> Result<Exit, Fault> {
    let to_stdout = output.as_os_str() == "-";
    if !to_stdout && output.exists() {
        return Err(already_there(output));
    }
    let client = open(context)?;
    let name = client.named(id).await?.name;
    let (made, in_vain) = made(&client, &name, how, context).await?;
    if to_stdout {
        let mut out = std::io::stdout().lock();
        out.write_all(made.json.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| Fault::usage(format!("standard output does not take the result: {error}")))?;
        return Ok(Exit::Done);
    }
    write_new(output, made.json.as_bytes())?;
    let findings = &made.findings;
    let size = findings.checkpoint.size;
    // The first signature is the log's; whose the others are, only a policy knows.
    let signatures = made
        .bundle
        .checkpoint
        .lines()
        .filter(|line| line.starts_with('\u{2014}'));
    let cosignatures = signatures.count().saturating_sub(1);
    let left_out = &made.tokens_left_out;
    let (sealed_body, sealed_texts) = made.left_sealed();
    let opened = &made.bundle.opened;
    let object = json!({
        "file": output,
        "bytes": made.json.len(),
        "digest": findings.warning.digest.to_string(),
        "id": findings.warning.id.to_string(),
        "checkpoint_size": size,
        "newest_size": made.newest_size,
        "cosignatures": cosignatures,
        "cosigned_size": made.cosigned_size,
        "waited_in_vain": in_vain,
        "threads": made.bundle.threads.len(),
        "directory_records": made.bundle.directory.len(),
        "sealed_body": sealed_body,
        "sealed_texts": sealed_texts,
        "opened_body": opened.body.is_some(),
        "opened_texts": opened.texts.len(),
        "timestamps": made.bundle.timestamps.len(),
        "timestamps_left_out": left_out.newer.saturating_add(left_out.too_many),
        "timestamps_newer": left_out.newer,
        "timestamps_too_many": left_out.too_many,
        "timestamps_unusable": left_out.unusable.iter().map(|(name, _)| name).collect::<Vec<_>>(),
    });
    let later = match made.newest_size.saturating_sub(size) {
        0 => String::new(),
        later => format!("\n  The log has {later} records more; what they say of this warning is not in it."),
    };
    let cosigned = match (cosignatures, made.cosigned_size) {
        (0, None) => "no witness has cosigned it".to_owned(),
        (0, Some(cosigned)) => format!(
            "the newest that was cosigned is of {cosigned} and does not hold all of it{}; made again in a minute, all may be cosigned",
            although_waited(in_vain)
        ),
        (count, _) => format!("{count} others have signed it, whom the verifier's policy judges"),
    };
    let newer = match left_out.newer {
        0 => String::new(),
        count => format!(
            "\n  {count} timestamp tokens that this profile keeps are not in it: they are over a newer checkpoint. Make it again when the \
             witnesses have cosigned as much."
        ),
    };
    let too_many = match left_out.too_many {
        0 => String::new(),
        count => format!(
            "\n  {count} timestamp tokens that this profile keeps are not in it: it holds {} at most, in which the authorities' names take turns. \
             Move those that nobody needs out of the profile's timestamps/, and make it again.",
            limits::BUNDLE_TIMESTAMPS_MAX
        ),
    };
    let sealed = told_sealed(&made, how);
    let text = format!(
        "{}: evidence about warning {}, proven in the log's first {size} records ({cosigned}).{later}{newer}{too_many}{sealed}\n  It verifies. To check it \
         without a relay: {} audit check {} --policy POLICY",
        output.display(),
        findings.warning.id,
        invocation::program(),
        output.display(),
    );
    context.emit(&object, text)?;
    Ok(Exit::Done)
}

/// What a bundle has sealed, and what it has opened, each as a line.
pub(super) fn told_sealed(made: &Made, how: How) -> String {
    let parts = |body: bool, texts: usize| {
        let texts = match texts {
            0 => None,
            1 => Some("the words of an answer".to_owned()),
            several => Some(format!("the words of {several} answers")),
        };
        let parts: Vec<String> = body
            .then(|| "the body".to_owned())
            .into_iter()
            .chain(texts)
            .collect();
        parts.join(" and ")
    };
    let opened = &made.bundle.opened;
    let mut text = match (opened.body.is_some(), opened.texts.len()) {
        (false, 0) => String::new(),
        (body, texts) => format!(
            "\n  Opened in it, for whoever has the file: {}.",
            parts(body, texts)
        ),
    };
    let (body, texts) = made.left_sealed();
    if body || texts > 0 {
        let why = match how.open {
            true => "no key of this profile opens it",
            false => "--open opens what this profile can, for whoever has the file",
        };
        text.push_str(&format!(
            "\n  Sealed in it, as it was signed: {}; {why}.",
            parts(body, texts)
        ));
    }
    text
}

/// Makes a bundle of what the relay shows, and says whether it waited in vain. A person is told of the wait.
pub(super) async fn made(
    client: &Client,
    name: &WarningName,
    how: How,
    context: &Context,
) -> Result<(Made, bool), NotMade> {
    let at_most = match how.wait {
        true => Duration::from_millis(limits::BUNDLE_COSIGNED_WAIT_MS),
        false => Duration::ZERO,
    };
    let shows = !context.json && std::io::stderr().is_terminal();
    let mut waited = false;
    let made = make_cosigned(client, name, at_most, |awaited| {
        waited = true;
        if shows {
            eprintln!(
                "Waiting up to {} s for the witnesses: they have cosigned {} records, and the warning's go on to record {}.",
                at_most.as_secs(),
                awaited.cosigned,
                awaited.size.saturating_sub(1)
            );
        }
    })
    .await?;
    for (name, why) in &made.tokens_left_out.unusable {
        let name = one_line(name);
        let why = one_line(why);
        eprintln!("wardline: the timestamp token {name} cannot be used, and is not in the evidence: {why}");
    }
    let in_vain = waited && made.awaited().is_some();
    match how.open {
        true => Ok((made.opened(client).await?, in_vain)),
        false => Ok((made, in_vain)),
    }
}

/// What is said where the witnesses were waited for and did not come.
pub(super) fn although_waited(in_vain: bool) -> String {
    match in_vain {
        true => format!(
            ", although {} s were waited for it",
            limits::BUNDLE_COSIGNED_WAIT_MS / 1_000
        ),
        false => String::new(),
    }
}

/// `wardline audit check FILE --policy POLICY`.
pub(super) fn judge(file: &Path, policy: &Path, inbox: bool, context: &Context) -> Result<Exit, Fault> {
    let trusted = Trusted::read(policy)?;
    let bytes = given(file, limits::BUNDLE_BYTES_MAX)?;
    let format = format_of(&bytes);
    if format.as_deref() == Some(MISBEHAVIOUR_FORMAT) {
        if inbox {
            return Err(Fault::usage(
                "a proof of misbehaviour is about no inbox: --inbox is for bundles",
            ));
        }
        let convicted = Misbehaviour::parse(&bytes).and_then(|proof| proof.check(&trusted));
        let convicted = convicted.map_err(|fault| does_not_verify(file, &fault, context))?;
        context.emit(&convicted.to_json(), conviction(&convicted))?;
        return Ok(Exit::Done);
    }
    let checked = match format.as_deref() {
        Some(FORMAT) => Bundle::parse(&bytes).and_then(|bundle| check(&bundle, &trusted)),
        Some(_) | None => Bundle::parse(&bytes).and(Err(BundleFault {
            part: "format".to_owned(),
            why: format!("it is neither {FORMAT:?} nor {MISBEHAVIOUR_FORMAT:?}"),
        })),
    };
    let findings = checked.map_err(|fault| does_not_verify(file, &fault, context))?;
    if inbox {
        return judge_at_recipient(file, &findings, context);
    }
    context.emit(&findings.to_json(), told(&findings))?;
    Ok(Exit::Done)
}

/// The same at a recipient: what was routed to its desk must have come.
fn judge_at_recipient(file: &Path, findings: &Findings, context: &Context) -> Result<Exit, Fault> {
    let profile = profile(context)?;
    let settings = Settings::read(&profile).map_err(Fault::usage)?;
    let desk = settings
        .desk()
        .ok_or_else(|| Fault::usage("an operator has no inbox: --inbox is for the profile of a recipient"))?;
    let verified = read_checkpoint(&profile, &settings.log)?.size();
    let held = hold_to_inbox(findings, &Inbox::of(&profile), &desk, verified).map_err(Fault::usage)?;
    let mut object = findings.to_json();
    if let Some(members) = object.as_object_mut() {
        members.insert("inbox".to_owned(), json!(held.as_ref().map(HeldToInbox::to_json)));
    }
    let sentence = match &held {
        Some(held) => held.sentence(),
        None => {
            format!("It shows no thread of {desk}, so nothing in it says that the warning should have come.")
        }
    };
    let text = format!(
        "{}\n\nHELD AGAINST THE INBOX OF THIS PROFILE\n- {sentence}",
        told(findings)
    );
    context.emit(&object, text)?;
    let advice = match held.map(|held| held.came) {
        Some(Came::Here | Came::Elsewhere(_)) | None => return Ok(Exit::Done),
        Some(Came::NotYet(_)) => {
            eprintln!(
                "wardline: {sentence} Take deliveries ({} watch), and check again: if this is said then too, the relay shows you an older log than \
                 whoever made this file, and a person must look.",
                invocation::program()
            );
            return Ok(Exit::Done);
        }
        Some(Came::Claimed(_)) => {
            "Ask the other machines of the desk whether they have it; and check again with a policy whose roots include your own state's. If nobody \
             has it, somebody has signed for you: wake someone."
        }
        Some(Came::Never) => {
            "Then take deliveries, and check again with evidence that is made after that: a machine of the desk may have received it since this file \
             was made, or a broken session lost it, and it comes again. If it still says so, the warning is withheld, which the file and your \
             inbox show: wake someone."
        }
    };
    Err(Fault::new(Exit::VerificationFailed, sentence).advising(format!(
        "Read the warning: it is in {}. {advice} ({} watch takes deliveries.)",
        file.display(),
        invocation::program()
    )))
}

/// `wardline audit compare A B`.
pub(super) fn contradict(
    a: &Path,
    b: &Path,
    policy: Option<&Path>,
    output: Option<&Path>,
    context: &Context,
) -> Result<Exit, Fault> {
    if let Some(output) = output.filter(|output| output.exists()) {
        return Err(already_there(output));
    }
    let trusted = match policy {
        Some(policy) => Trusted::read(policy)?,
        None => pinned(context)?,
    };
    let (one, other) = (
        Exhibit::read(a, trusted.policy())?,
        Exhibit::read(b, trusted.policy())?,
    );
    let proof = match compare(&one, &other)? {
        Comparison::Consistent {
            compared,
            not_compared,
        } => {
            let object = json!({
                "consistent": true,
                "compared": compared,
                "not_compared": not_compared,
            });
            let mut text = format!("No contradiction. {}", compared.join(" "));
            for sentence in &not_compared {
                text.push_str("\nNot compared: ");
                text.push_str(sentence);
            }
            context.emit(&object, text)?;
            return Ok(Exit::Done);
        }
        Comparison::Convicted(proof) => proof,
    };
    let json = proof.to_json();
    let proof = proof.check(&trusted).map_err(|fault| {
        Fault::new(
            Exit::VerificationFailed,
            format!("the proof does not verify: {fault}"),
        )
    })?;
    if let Some(output) = output {
        write_new(output, json.as_bytes())?;
    }
    let mut object = proof.to_json();
    if let Some(members) = object.as_object_mut() {
        members.insert("consistent".to_owned(), json!(false));
        members.insert("file".to_owned(), json!(output));
    }
    context.emit(&object, conviction(&proof))?;
    let advice = match output {
        Some(output) => format!(
            "Wake someone. The proof is in {}; whoever trusts the log's key can check it: {} audit check {} --policy POLICY",
            output.display(),
            invocation::program(),
            output.display()
        ),
        None => "Wake someone. Write the proof to a file with -o FILE, and show it to others.".to_owned(),
    };
    Err(Fault::new(
        Exit::VerificationFailed,
        "the log has signed what cannot both be true",
    )
    .advising(advice))
}

/// Without a policy: the log's key as the profile pins it.
fn pinned(context: &Context) -> Result<Trusted, Fault> {
    let settings = Settings::read(&profile(context)?)
        .map_err(|error| Fault::usage(error).advising("Or name a policy with --policy."))?;
    Ok(Trusted::new(Policy::of_log(settings.log), None))
}

fn told(findings: &Findings) -> String {
    let Sentences {
        summary,
        proven,
        claimed,
        not_shown,
    } = findings.sentences();
    let mut text = summary.join("\n");
    for (title, sentences) in [
        ("PROVEN: by signatures that lead to what you trust", proven),
        ("CLAIMED BY THE RELAY: its word only", claimed),
        ("NOT SHOWN by this file", not_shown),
    ] {
        text.push_str("\n\n");
        text.push_str(title);
        for sentence in sentences {
            text.push_str("\n- ");
            text.push_str(&sentence);
        }
    }
    text
}

fn conviction(convicted: &Conviction) -> String {
    let mut text = "PROOF OF MISBEHAVIOUR".to_owned();
    for sentence in &convicted.sentences {
        text.push('\n');
        text.push_str(sentence);
    }
    text.push_str("\nThe log's key: ");
    text.push_str(&convicted.log_vkey);
    text
}

pub(super) fn does_not_verify(file: &Path, fault: &BundleFault, context: &Context) -> Fault {
    if context.json {
        let object = json!({ "verified": false, "part": fault.part, "why": fault.why });
        // What cannot be printed is said by the exit code.
        let _ = context.emit(&object, "");
    }
    Fault::new(
        Exit::VerificationFailed,
        format!("{} does not verify: {fault}", file.display()),
    )
    .advising(
        "It proves nothing under this policy: ask whoever gave it to you for another one, and keep this one.",
    )
}

pub(super) fn already_there(path: &Path) -> Fault {
    Fault::refused(format!(
        "{} is there already, and evidence is never overwritten",
        path.display()
    ))
    .advising("Name another file.")
}

pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    files::create_new(path, bytes).map_err(|error| match error.source.kind() {
        std::io::ErrorKind::AlreadyExists => already_there(path),
        _ => Fault::usage(error),
    })
}

impl From<UnusablePolicy> for Fault {
    fn from(error: UnusablePolicy) -> Self {
        Self::refused(format!("the policy cannot be used: {error}"))
            .advising("Nothing was checked. A policy is a directory with log.policy and roots, or a C2SP tlog-policy file.")
    }
}

impl From<NotMade> for Fault {
    fn from(error: NotMade) -> Self {
        match error {
            NotMade::Client(error) => error.into(),
            NotMade::Fault(_) => Self::new(Exit::VerificationFailed, error)
                .advising("Wake someone: the relay shows what does not verify. Nothing was written."),
            NotMade::TooLong(_) => Self::refused(error),
        }
    }
}

impl From<NoExhibit> for Fault {
    fn from(error: NoExhibit) -> Self {
        match error {
            NoExhibit::Fault { .. } => Self::new(Exit::VerificationFailed, error),
            NoExhibit::File(_) | NoExhibit::Missing(_) | NoExhibit::Unknown(_) => Self::usage(error),
        }
    }
}

impl From<NotCompared> for Fault {
    fn from(error: NotCompared) -> Self {
        Self::usage(error)
    }
}
