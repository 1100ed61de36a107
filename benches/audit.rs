//! An audit on all cores beside the signatures that it cannot be spared: a copy of a log of warnings with their threads is
//! verified whole, its facts on disk, and in the same run, in turns, the same signatures are verified by `verify_strict` alone
//! on as many threads, with the same keys over the same messages.
//!
//! `cargo bench --bench audit` measures; a number after `--` is how many warnings the log has. Run any other way (as by `cargo test
//! --all-targets`), a small log is verified once and no time is taken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

#[path = "../tests/it/world/mod.rs"]
mod world;

use std::path::Path;
use std::process::Command as Process;
use std::time::{Duration, Instant};

use wardline::audit::copy::CopyWriter;
use wardline::audit::{Audit, AuditError, Report, envelopes};
use wardline::domain::{
    AcknowledgementKind, AcknowledgementSubmission, KeyRole, Record, ReplayedContent, ReplayedRecord,
};
use wardline::ledger::{Command, Decision, HandOver, NewPart, ThreadKey};
use wardline::seal::PublicKey;
use wardline::transparency::{Frontier, LogKey, LogVerifier};
use world::{Scene, World, parsed};

const WARNINGS: usize = 20_000;
const WARNINGS_TRIED: usize = 50;
/// Characters of each warning's text: as `wardline bench` sends.
const TEXT_CHARS: usize = 1_000;
const ROUNDS: usize = 7;
const SENDER: &str = "fr.ctc";
const RECIPIENT: &str = "ru.ctc";

/// What `verify_strict` is given.
struct Signed {
    key: PublicKey,
    message: Vec<u8>,
    sig: [u8; 64],
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, copy, log, threads] = arguments.as_slice()
        && word == "--child"
    {
        return child(Path::new(copy), &log.parse().unwrap(), threads.parse().unwrap());
    }
    let measures = arguments.iter().any(|argument| argument == "--bench");
    let asked = arguments.iter().find_map(|argument| argument.parse().ok());
    let warnings = asked.unwrap_or(if measures { WARNINGS } else { WARNINGS_TRIED });
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let copy = place.path().join("log.copy");
    let (log, signed) = write_copy(&copy, warnings);
    let threads = std::thread::available_parallelism().unwrap().get();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let audit = |threads: usize| {
        let begun = Instant::now();
        let audit = Audit::new().on_threads(threads);
        let nothing = |_: &ReplayedRecord, _: Option<&Record>| Ok::<(), AuditError>(());
        let report = runtime
            .block_on(audit.over_copy(&copy, &log, nothing))
            .unwrap()
            .report;
        (begun.elapsed(), report)
    };
    let (_, report) = audit(threads);
    assert_eq!(report.counts.acceptances, warnings as u64);
    assert_eq!(report.counts.threads, warnings as u64);
    if !measures {
        raw(&signed, threads);
        return;
    }
    println!(
        "{} records, {} signatures, {} MB; {threads} threads",
        report.checkpoint_size,
        signed.len(),
        std::fs::metadata(&copy).unwrap().len() / 1_000_000,
    );
    for threads in [1, threads] {
        let (mut alone, mut audits, mut cpus) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let begun = cpu();
            alone.push(raw(&signed, threads));
            let between = cpu();
            audits.push(audit(threads).0);
            cpus.push((between - begun).as_secs_f64() / (cpu() - between).as_secs_f64());
        }
        cpus.sort_by(f64::total_cmp);
        tell(threads, &report, signed.len(), alone, audits);
        println!(
            "  of the processor time of an audit, verify_strict alone takes {:.1} %",
            100.0 * cpus[ROUNDS / 2]
        );
    }
    let output = Process::new(std::env::current_exe().unwrap())
        .args([
            "--child",
            copy.to_str().unwrap(),
            &log.to_string(),
            &threads.to_string(),
        ])
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout).trim());
}

fn tell(
    threads: usize,
    report: &Report,
    signatures: usize,
    mut alone: Vec<Duration>,
    mut audits: Vec<Duration>,
) {
    let mut ratios: Vec<f64> = alone
        .iter()
        .zip(&audits)
        .map(|(alone, audit)| alone.as_secs_f64() / audit.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    alone.sort();
    audits.sort();
    let (alone, audit) = (alone[ROUNDS / 2].as_secs_f64(), audits[ROUNDS / 2].as_secs_f64());
    println!(
        "on {threads}: verify_strict alone {:.0}/s, audit {:.0}/s ({:.0} records/s): {:.1} % (of the medians), {:.1} % (median of {ROUNDS} turns, {:.1} to {:.1})",
        signatures as f64 / alone,
        signatures as f64 / audit,
        report.checkpoint_size as f64 / audit,
        100.0 * alone / audit,
        100.0 * ratios[ROUNDS / 2],
        100.0 * ratios[0],
        100.0 * ratios[ROUNDS - 1],
    );
}

/// All signatures, on so many threads, each with its share.
fn raw(signed: &[Signed], threads: usize) -> Duration {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for share in signed.chunks(signed.len().div_ceil(threads)) {
            scope.spawn(move || {
                for it in share {
                    it.key.verify(&it.message, &it.sig).unwrap();
                }
            });
        }
    });
    begun.elapsed()
}

/// A process of its own that does nothing else: what it needs of memory.
fn child(copy: &Path, log: &LogVerifier, threads: usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let before = peak_kib();
    let audit = Audit::new().on_threads(threads);
    let nothing = |_: &ReplayedRecord, _: Option<&Record>| Ok::<(), AuditError>(());
    runtime.block_on(audit.over_copy(copy, log, nothing)).unwrap();
    println!(
        "peak memory of an audit alone: {} MiB ({} before it)",
        peak_kib() / 1024,
        before / 1024
    );
}

/// Processor time of this process so far: what a machine that others use too does not spoil.
fn cpu() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), used.tv_nsec as u32)
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

/// Warnings from one agency to another, each handed over, received, opened and accepted; as an auditor's replay shows them.
fn write_copy(path: &Path, warnings: usize) -> (LogVerifier, Vec<Signed>) {
    let mut scene = Scene::new();
    let text: String = "A large gathering may be attacked. "
        .chars()
        .cycle()
        .take(TEXT_CHARS)
        .collect();
    for _ in 0..warnings {
        let body = scene.world.body(&text);
        let submission = scene
            .world
            .draft(SENDER, &[RECIPIENT], &[])
            .with_body(body)
            .sign(SENDER);
        let warning = submission.envelope.digest();
        appended(scene.submit(SENDER, submission.clone()));
        appended(scene.run(Command::HandOver(HandOver {
            thread: ThreadKey {
                warning,
                desk: parsed(RECIPIENT),
            },
            session_id: [9; 16],
            tls_keyid: World::keyid(RECIPIENT, KeyRole::Tls, 0),
            unrecorded: 0,
        })));
        for kind in [
            AcknowledgementKind::Received,
            AcknowledgementKind::Opened,
            AcknowledgementKind::Accepted,
        ] {
            let answer: AcknowledgementSubmission =
                scene.world.acknowledgement(RECIPIENT, &submission, kind, |_| ());
            appended(scene.acknowledge(RECIPIENT, answer));
        }
    }
    let mut frontier = Frontier::new();
    for record in &scene.log.records {
        frontier.append(record.leaf).unwrap();
    }
    let key = LogKey::new(scene.world.origin.clone(), World::log_key());
    let note = key.sign_checkpoint(frontier.size(), frontier.root());
    let mut copy = CopyWriter::create(path, &note).unwrap();
    let mut signed = Vec::new();
    for (index, new) in (0u64..).zip(&scene.log.records) {
        let mut shown = ReplayedRecord {
            index,
            content: ReplayedContent::Record(new.bytes.clone()),
            part: None,
            inbox: None,
        };
        for part in &new.parts {
            match part {
                NewPart::Body(part) | NewPart::Text(part) => shown.part = Some(part.clone()),
                NewPart::Inbox(opening) => shown.inbox = Some(*opening),
                NewPart::Wrap(_) => {}
            }
        }
        copy.push(&shown).unwrap();
        for envelope in envelopes(&new.record.kind) {
            let message = envelope.pae();
            for signature in &envelope.signatures {
                let key = scene.log.directory.key(&signature.keyid).unwrap();
                signed.push(Signed {
                    key: key.signing().unwrap(),
                    message: message.clone(),
                    sig: signature.sig,
                });
            }
        }
    }
    copy.finish().unwrap();
    (key.verifier().clone(), signed)
}

fn appended(decision: Decision) {
    assert!(matches!(decision, Decision::Append { .. }), "{decision:?}");
}
