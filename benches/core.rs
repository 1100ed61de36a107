//! What the relay's core costs, each thing beside one strict Ed25519 verification: the one cost that no warning can be
//! spared, so that figures of two machines can be compared. Appends sync a real file below the target directory.
//!
//! `cargo bench` measures everything, `cargo bench -- journal` what has `journal` in its name. Run any other way (as by
//! `cargo test --all-targets`), each thing is done once, on a small log, and no time is taken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

#[path = "../tests/it/world/mod.rs"]
mod world;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wardline::domain::{DeskAddress, Digest, KeyRole, PayloadId, Submission};
use wardline::journal::{Block, Derived, Head, Index, Journal as _, Part, PartKind, Position, SledJournal};
use wardline::ledger::{Command, Decision, Directory, Facts as _, NewPart, NewRecord, Overlay, admit, apply};
use wardline::seal::{
    PayloadKind, PublicKey, SealPublicKey, SealSecretKey, SealSuite, open_body, open_wrap, seal_body,
    verify_envelope_as, wrap_key,
};
use wardline::transparency::{Frontier, inclusion_proof, leaf_hash, verify_inclusion};
use wardline::wire;
use world::{Scene, World, parsed};

/// Warnings in the log that is measured on.
const WARNINGS: usize = 20_000;
/// The same where nothing is measured.
const WARNINGS_TRIED: usize = 200;
/// Characters of each warning's text: as `wardline bench` sends.
const TEXT_CHARS: usize = 1_000;
/// Warnings of one block of the index.
const BLOCK_WARNINGS: usize = 128;
const SENDER: &str = "fr.ctc";
const RECIPIENT: &str = "ru.ctc";

/// Runs what is asked for, and prints a row for each.
struct Bench {
    measures: bool,
    filter: Option<String>,
    /// Nanoseconds of one strict verification.
    unit_ns: f64,
}

impl Bench {
    fn from_arguments() -> Self {
        let (options, names): (Vec<_>, Vec<_>) = std::env::args()
            .skip(1)
            .partition(|argument| argument.starts_with('-'));
        Self {
            measures: options.iter().any(|option| option == "--bench"),
            filter: names.into_iter().next(),
            unit_ns: 0.0,
        }
    }

    fn is_asked_for(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter))
    }

    /// The median time of one `run`, which does `items` of what is counted.
    fn row(&mut self, name: &str, items: usize, mut run: impl FnMut()) {
        if !self.is_asked_for(name) {
            return;
        }
        if !self.measures {
            run();
            return;
        }
        let ns = median_ns(&mut run) / items as f64;
        println!("{name:<58} {:>10.2} µs {:>8.2}", ns / 1_000.0, ns / self.unit_ns);
    }
}

/// As many runs as go into a second, in at least eleven samples after a warm-up.
fn median_ns(run: &mut impl FnMut()) -> f64 {
    const SAMPLES: usize = 11;
    let begun = Instant::now();
    let mut warmed = 0u32;
    while begun.elapsed() < Duration::from_millis(100) || warmed == 0 {
        run();
        warmed += 1;
    }
    let each = begun.elapsed() / warmed;
    let of_a_sample = Duration::from_millis(1_000) / SAMPLES as u32;
    let runs = (of_a_sample.as_nanos() / each.as_nanos().max(1)).clamp(1, 1_000_000) as u32;
    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let begun = Instant::now();
            (0..runs).for_each(|_| run());
            begun.elapsed().as_nanos() as f64 / f64::from(runs)
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    samples[SAMPLES / 2]
}

/// Numbers without an order, the same in each run.
struct Scattered(u64);

impl Scattered {
    fn below(&mut self, bound: usize) -> usize {
        // Knuth's MMIX generator; its high bits.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// A log of accepted warnings from one agency to another, in memory.
struct Log {
    scene: Scene,
    digests: Vec<Digest>,
}

impl Log {
    fn with(warnings: usize) -> Self {
        let mut scene = Scene::new();
        let digests = (0..warnings)
            .map(|_| {
                let submission = submission(&mut scene.world);
                let digest = submission.envelope.digest();
                let decision = scene.submit(SENDER, submission);
                assert!(matches!(decision, Decision::Append { .. }));
                digest
            })
            .collect();
        Self { scene, digests }
    }

    /// The records of the last warning: `ACCEPTED`, `ROUTED`.
    fn of_last_warning(&self) -> &[NewRecord] {
        let records = &self.scene.log.records;
        &records[records.len() - 2..]
    }
}

fn submission(world: &mut World) -> Submission {
    let text: String = "A large gathering may be attacked. "
        .chars()
        .cycle()
        .take(TEXT_CHARS)
        .collect();
    let body = world.body(&text);
    world
        .draft(SENDER, &[RECIPIENT], &[])
        .with_body(body)
        .sign(SENDER)
}

fn main() {
    let mut bench = Bench::from_arguments();
    let log = Log::with(if bench.measures { WARNINGS } else { WARNINGS_TRIED });
    let mut scene = log.scene.clone();
    let warning = submission(&mut scene.world);
    let key = World::key(SENDER, KeyRole::Originate, 0).public_key();
    let (message, signature) = (warning.envelope.pae(), warning.envelope.signatures[0].sig);
    let mut verify = || key.verify(black_box(&message), &signature).unwrap();
    if bench.measures {
        bench.unit_ns = median_ns(&mut verify);
        let (header, records) = (warning.envelope.payload.len(), log.scene.log.records.len());
        println!(
            "a warning: header {header} bytes, body {} bytes; a log of {records} records",
            warning.body.content.len()
        );
        println!("{:<58} {:>13} {:>8}", "", "median", "verify=1");
    }
    bench.row("verify_strict of a warning's signature", 1, verify);
    signatures_and_rules(&mut bench, &mut scene, &warning);
    tree(&mut bench, &log);
    journal(&mut bench, &log);
    index(&mut bench, &log);
    sealing(&mut bench, &warning);
}

fn signatures_and_rules(bench: &mut Bench, scene: &mut Scene, warning: &Submission) {
    let key = World::key(SENDER, KeyRole::Originate, 0).public_key();
    bench.row("verify, walk and parse a warning's header", 1, || {
        let verified = verify_envelope_as(warning.envelope.clone(), PayloadKind::Warning, |_| Some(key));
        black_box(wire::warning(&verified.unwrap()).unwrap());
    });
    let raw = *key.as_bytes();
    bench.row(
        "parse an enrolled key: canonical, strong, torsion-free",
        1,
        || {
            black_box(PublicKey::parse(black_box(&raw)).unwrap());
        },
    );
    let session = parsed(SENDER);
    bench.row("admit a warning: header, audience, body", 1, || {
        let admitted = admit::warning(&scene.log.directory, &session, warning.clone());
        black_box(admitted.unwrap());
    });
    if !bench.is_asked_for("decide a warning") {
        return;
    }
    let (log, now) = (&mut scene.log, scene.world.now);
    let admitted = admit::warning(&log.directory, &session, warning.clone()).unwrap();
    bench.row(
        "decide a warning (its two records, encoded and hashed)",
        1,
        || {
            let command = Command::Submit(admitted.clone());
            let next = log.next_index();
            let decision =
                wardline::ledger::decide(&log.directory, &log.facts, command, now, next, &mut log.nonces);
            black_box(decision.unwrap());
        },
    );
}

/// A body sealed once and its key wrapped for each recipient, as a client does; opening one is a recipient's.
fn sealing(bench: &mut Bench, warning: &Submission) {
    let (origin, agency) = (World::new().origin, RECIPIENT.parse().unwrap());
    let id = PayloadId::from_parts(0, [0; 10]);
    let (digest, body) = (warning.envelope.digest(), &warning.body.content);
    for suite in SealSuite::ALL {
        let secret = SealSecretKey::generate(suite).unwrap();
        let seal_to = |recipients: usize| {
            let sealed = seal_body(&origin, &id, body).unwrap();
            for _ in 0..recipients {
                let wrap = wrap_key(secret.public_key(), &digest, &agency, &sealed.key, None);
                black_box(wrap.unwrap());
            }
        };
        for recipients in [1, 10, 100, 256] {
            bench.row(&format!("seal a body to {recipients}, {suite}"), 1, || {
                seal_to(recipients)
            });
        }
        let sealed = seal_body(&origin, &id, body).unwrap();
        let wrap = wrap_key(secret.public_key(), &digest, &agency, &sealed.key, None).unwrap();
        bench.row(&format!("open a sealed body, {suite}"), 1, || {
            let key = open_wrap(&secret, &digest, &agency, &wrap).unwrap().key;
            black_box(open_body(&origin, &id, &key, &sealed.commitment, &sealed.content).unwrap());
        });
        let key = secret.public_key().as_bytes().to_vec();
        bench.row(&format!("parse a key to seal to, {suite}"), 1, || {
            black_box(SealPublicKey::parse(black_box(&key)).unwrap());
        });
    }
}

fn tree(bench: &mut Bench, log: &Log) {
    let records = &log.scene.log.records;
    let [accepted, routed] = log.of_last_warning() else {
        unreachable!()
    };
    let name = format!("leaf hash of an ACCEPTED of {} bytes", accepted.bytes.len());
    bench.row(&name, 1, || {
        black_box(leaf_hash(black_box(&accepted.bytes)));
    });
    let mut frontier = Frontier::new();
    for record in records {
        frontier.append(record.leaf).unwrap();
    }
    bench.row("append a leaf to the tree, and its new root", 1, || {
        let mut tree = frontier.clone();
        black_box(tree.append(routed.leaf).unwrap());
        black_box(tree.root());
    });
}

/// As the relay stores it: the bytes of a block, without what they mean.
fn block(records: &[NewRecord], first: u64) -> Block {
    let parts = (first..).zip(records).flat_map(|(index, record)| {
        record.parts.iter().map(move |part| {
            let (kind, bytes) = match part {
                NewPart::Body(part) => (PartKind::Body, part.content.len() + 32),
                NewPart::Text(part) => (PartKind::Text, part.content.len() + 32),
                NewPart::Inbox(_) => (PartKind::InboxOpening, 8 + 32),
                NewPart::Wrap(wrapped) => (PartKind::Wrap, wrapped.len()),
            };
            Part {
                index,
                kind,
                format: 1,
                bucket: 0,
                bytes: vec![7; bytes].into(),
            }
        })
    });
    Block {
        records: records.iter().map(|record| record.bytes.clone()).collect(),
        parts: parts.collect(),
        root: records.last().expect("a block has records").leaf,
    }
}

/// Below the target directory: the system's temporary one may be memory, which syncs for nothing.
fn directory() -> TempDir {
    TempDir::new_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap()
}

fn journal(bench: &mut Bench, log: &Log) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for warnings in [1, 16, 128] {
        let name = format!("journal: append, synced, {warnings} a block, a warning");
        if !bench.is_asked_for(&name) {
            continue;
        }
        let place = directory();
        let journal = SledJournal::open(place.path()).unwrap();
        let records: Vec<_> = log
            .of_last_warning()
            .iter()
            .cloned()
            .cycle()
            .take(2 * warnings)
            .collect();
        let mut head = Head::EMPTY;
        bench.row(&name, warnings, || {
            head = runtime
                .block_on(journal.append(block(&records, head.size), head))
                .unwrap();
        });
        let end = head.size as usize;
        let mut scattered = Scattered(1);
        bench.row(&format!("journal: read a record, {warnings} a block"), 1, || {
            let at = scattered.below(end) as u64;
            black_box(runtime.block_on(journal.read(at, 1, usize::MAX)).unwrap());
        });
    }
}

fn index(bench: &mut Bench, log: &Log) {
    const APPLY: &str = "index: add a block of 128, a warning";
    const ROWS: [&str; 5] = [
        APPLY,
        "index: a warning by its digest",
        "index: 64 that wait for a desk",
        "index: an inclusion proof",
        "verify an inclusion proof",
    ];
    if !ROWS.iter().any(|name| bench.is_asked_for(name)) {
        return;
    }
    let place = directory();
    let index = Index::open(place.path()).unwrap();
    let mut times = Vec::new();
    let (mut directory, mut frontier) = (Directory::default(), Frontier::new());
    for records in log.scene.log.records.chunks(2 * BLOCK_WARNINGS) {
        let derived = derive(&index, &mut directory, &mut frontier, records);
        let begun = Instant::now();
        index.apply(derived).unwrap();
        times.push(begun.elapsed().as_nanos() as f64 / BLOCK_WARNINGS as f64);
    }
    if bench.measures && bench.is_asked_for(APPLY) {
        // A block goes in once: the median over all blocks.
        times.sort_by(f64::total_cmp);
        let ns = times[times.len() / 2];
        println!(
            "{APPLY:<58} {:>10.2} µs {:>8.2}",
            ns / 1_000.0,
            ns / bench.unit_ns
        );
    }
    let mut scattered = Scattered(1);
    bench.row(ROWS[1], 1, || {
        let digest = &log.digests[scattered.below(log.digests.len())];
        black_box(index.warning(digest).unwrap().unwrap());
    });
    let desk: DeskAddress = parsed(RECIPIENT);
    bench.row(ROWS[2], 1, || {
        let after = scattered.below(log.digests.len() - 64) as u64;
        assert_eq!(black_box(index.pending(&desk, after, 64).unwrap()).len(), 64);
    });
    let (size, root) = (frontier.size(), frontier.root());
    bench.row(ROWS[3], 1, || {
        let number = scattered.below(size as usize) as u64;
        black_box(inclusion_proof(size, number, &index).unwrap());
    });
    let (number, leaf) = (size - 1, log.of_last_warning()[1].leaf);
    let proof = inclusion_proof(size, number, &index).unwrap();
    bench.row(ROWS[4], 1, || {
        verify_inclusion(&leaf, number, size, black_box(&proof), &root).unwrap();
    });
}

/// What a block adds to the index.
fn derive(
    index: &Index,
    directory: &mut Directory,
    frontier: &mut Frontier,
    records: &[NewRecord],
) -> Derived {
    let from = frontier.size();
    let mut facts = Overlay::new(index.clone());
    let (mut all, mut hashes) = (Vec::new(), Vec::new());
    for record in records {
        let changes = apply(directory, &facts, frontier.size(), record.leaf, &record.record).unwrap();
        facts.put(changes.clone());
        all.extend(changes);
        hashes.extend(frontier.append(record.leaf).unwrap());
    }
    let position = Position {
        size: frontier.size(),
        root: frontier.root(),
    };
    Derived {
        from,
        changes: all,
        hashes,
        position,
    }
}
