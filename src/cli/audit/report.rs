//! `wardline audit report`: the evidence of one warning as a page for people who will never run a command. The page is made
//! of a bundle that verifies; one that is made of what the relay shows is written beside its page, because it is the evidence.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::evidence::{How, already_there, although_waited, does_not_verify, made, told_sealed, write_new};
use crate::audit::{Basis, Bundle, Findings, PageContext, Trusted, check, page};
use crate::cli::session::{given, open};
use crate::cli::{Context, Exit, Fault};
use crate::limits;

/// What `wardline audit report` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArguments {
    /// The warning, as the relay shows it to the profile: its id or digest, or the beginning of one. Or the file of an
    /// evidence bundle, which is read offline and needs --policy.
    #[arg(value_name = "ID|BUNDLE")]
    subject: String,
    /// Where to; "-" is the standard output. What exists is never overwritten.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Whom you trust, as with audit check. Without it: the profile's own key of the log, no witnesses and no roots, and the
    /// page says what that means.
    #[arg(long, value_name = "POLICY")]
    policy: Option<PathBuf>,
    /// Where to write the evidence that the page is made of, if the relay is asked for it. Without it: beside the page,
    /// report.bundle.json for report.html.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// If the relay is asked: do not wait, for a few seconds, until the witnesses have cosigned the newest records.
    #[arg(long)]
    no_wait: bool,
    /// If the relay is asked: open what is sealed, as far as this profile can, in the evidence and on the page.
    #[arg(long)]
    open: bool,
}

/// A bundle that verifies, and where it is.
struct Evidence {
    bundle: Bundle,
    findings: Findings,
    json: Vec<u8>,
    basis: Basis,
    /// Its file.
    path: PathBuf,
    /// Whether that is to be written yet.
    is_new: bool,
    /// Whether witnesses have yet to cosign the newest of it.
    uncosigned: bool,
    /// Whether they were waited for.
    waited_in_vain: bool,
    /// What is said of what is sealed in it.
    sealed: String,
}

pub(super) async fn run(arguments: ReportArguments, context: &Context) -> Result<Exit, Fault> {
    let to_stdout = arguments.output.as_os_str() == "-";
    if !to_stdout && arguments.output.exists() {
        return Err(already_there(&arguments.output));
    }
    let trusted = arguments.policy.as_deref().map(Trusted::read).transpose()?;
    let file = Path::new(&arguments.subject);
    let evidence = if file.is_file() {
        of_file(&arguments, file, trusted.as_ref(), context)?
    } else {
        of_relay(&arguments, to_stdout, trusted.as_ref(), context).await?
    };
    let name = evidence
        .path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let bundle_sha256 = hex::encode(Sha256::digest(&evidence.json));
    let about = PageContext {
        bundle_sha256: bundle_sha256.clone(),
        bundle_name: name.unwrap_or_default(),
        basis: evidence.basis,
    };
    let html = page(&evidence.bundle, &evidence.findings, &about);
    if evidence.is_new {
        write_new(&evidence.path, &evidence.json)?;
    }
    if to_stdout {
        let mut out = std::io::stdout().lock();
        out.write_all(html.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| Fault::usage(format!("standard output does not take the result: {error}")))?;
        return Ok(Exit::Done);
    }
    write_new(&arguments.output, html.as_bytes())?;
    let warning = &evidence.findings.warning;
    let object = json!({
        "path": arguments.output,
        "sha256": hex::encode(Sha256::digest(html.as_bytes())),
        "bundle": evidence.path,
        "bundle_sha256": bundle_sha256,
        "waited_in_vain": evidence.waited_in_vain,
        "digest": warning.digest.to_string(),
        "id": warning.id.to_string(),
    });
    let basis = match evidence.basis {
        Basis::Policy => "",
        Basis::OwnProfile => {
            "\n  No policy was given: no witness and no state's root was counted, and the page says so."
        }
    };
    let uncosigned = match evidence.uncosigned {
        true => format!(
            "\n  The witnesses have not cosigned the newest records yet{}; made again in a minute, all may be cosigned.",
            although_waited(evidence.waited_in_vain)
        ),
        false => String::new(),
    };
    let text = format!(
        "{}: what became of warning {}, for people.\n  The evidence is {}; the page proves nothing without it.{basis}{uncosigned}{}",
        arguments.output.display(),
        warning.id,
        evidence.path.display(),
        evidence.sealed,
    );
    context.emit(&object, text)?;
    Ok(Exit::Done)
}

/// Offline, of a bundle that somebody made.
fn of_file(
    arguments: &ReportArguments,
    file: &Path,
    trusted: Option<&Trusted>,
    context: &Context,
) -> Result<Evidence, Fault> {
    let trusted = trusted.ok_or_else(|| {
        Fault::usage(format!(
            "{} is a file: --policy must say whom you trust",
            file.display()
        ))
    })?;
    if arguments.open {
        return Err(Fault::usage(format!(
            "{} is the bundle, and shows what its maker opened: --open is for what the relay is asked for",
            file.display()
        )));
    }
    if arguments.bundle.is_some() {
        return Err(Fault::usage(format!(
            "{} is the bundle: --bundle is for what the relay is asked for",
            file.display()
        )));
    }
    let json = given(file, limits::BUNDLE_BYTES_MAX)?;
    let checked = Bundle::parse(&json).and_then(|bundle| {
        let findings = check(&bundle, trusted)?;
        Ok((bundle, findings))
    });
    let (bundle, findings) = checked.map_err(|fault| does_not_verify(file, &fault, context))?;
    Ok(Evidence {
        bundle,
        findings,
        json,
        basis: Basis::Policy,
        path: file.to_owned(),
        is_new: false,
        uncosigned: false,
        waited_in_vain: false,
        sealed: String::new(),
    })
}

/// Of what the relay shows to the profile.
async fn of_relay(
    arguments: &ReportArguments,
    to_stdout: bool,
    trusted: Option<&Trusted>,
    context: &Context,
) -> Result<Evidence, Fault> {
    let path = match &arguments.bundle {
        Some(path) => path.clone(),
        None if to_stdout => {
            let why = "a page on the standard output leaves no place beside it: --bundle must name one for the evidence";
            return Err(Fault::usage(why));
        }
        None => arguments.output.with_extension("bundle.json"),
    };
    if path.exists() || path == arguments.output {
        return Err(already_there(&path));
    }
    let client = open(context)?;
    let name = client.named(&arguments.subject).await?.name;
    let how = How {
        wait: !arguments.no_wait,
        open: arguments.open,
    };
    let (made, waited_in_vain) = made(&client, &name, how, context).await?;
    let sealed = told_sealed(&made, how);
    let uncosigned = made.awaited().is_some();
    let (findings, basis) = match trusted {
        None => (made.findings, Basis::OwnProfile),
        Some(trusted) => {
            let findings =
                check(&made.bundle, trusted).map_err(|fault| does_not_verify(&path, &fault, context))?;
            (findings, Basis::Policy)
        }
    };
    Ok(Evidence {
        bundle: made.bundle,
        findings,
        json: made.json.into_bytes(),
        basis,
        path,
        is_new: true,
        uncosigned,
        waited_in_vain,
        sealed,
    })
}
