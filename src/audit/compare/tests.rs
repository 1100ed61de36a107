//! Each kind of contradiction is found between the pieces of evidence that people have, the proof convicts the log to a
//! stranger, and no byte of it can be changed. What agrees is not convicted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::super::bundle::Bundle;
use super::super::check::every_byte::{changes, leaf_of, leaves, pointer};
use super::super::check::stage::{bundle, cosigned_at, note_at, story, trusted};
use super::super::tampering::{Honest, bytes_of, leaf_of as leaf};
use super::super::trusted::Trusted;
use super::super::world::{ORIGIN, Says, World, parsed, secret};
use super::*;
use crate::domain::*;
use crate::transparency::{LogKey, Policy, inclusion_proof};

pub(super) struct Files {
    pub(super) directory: tempfile::TempDir,
    pub(super) trusted: Trusted,
}

impl Files {
    pub(super) fn new(world: &World) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            trusted: trusted(world),
        }
    }

    pub(super) fn put(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A receipt as a profile keeps it.
    pub(super) fn receipt(&self, world: &World, index: u64, size: u64, name: &str) -> PathBuf {
        let shown = &world.shown[usize::try_from(index).unwrap()];
        let proof = TlogProof {
            index,
            hashes: inclusion_proof(size, index, &Honest::of(&world.shown)).unwrap(),
            checkpoint_note: note_at(world, size),
            extra: None,
        };
        self.put(&format!("{name}.record"), bytes_of(shown));
        self.put(&format!("{name}.tlog-proof"), proof.to_string())
    }

    /// A copy as `audit replay --save` writes it.
    pub(super) fn copy(&self, world: &World, size: u64, name: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        let mut writer = super::super::copy::CopyWriter::create(&path, &note_at(world, size)).unwrap();
        for shown in world.shown.iter().take(usize::try_from(size).unwrap()) {
            writer.push(shown).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    pub(super) fn compare(&self, one: &Path, other: &Path) -> Comparison {
        let policy = self.trusted.policy();
        let (one, other) = (
            Exhibit::read(one, policy).unwrap(),
            Exhibit::read(other, policy).unwrap(),
        );
        super::compare(&one, &other).unwrap()
    }

    /// The proof that two files make, which must verify as a stranger reads it.
    pub(super) fn convicts(&self, one: &Path, other: &Path, kind: Kind) -> Misbehaviour {
        let Comparison::Convicted(proof) = self.compare(one, other) else {
            panic!("{kind:?} is not found");
        };
        let read = Misbehaviour::parse(proof.to_json().as_bytes()).unwrap();
        assert_eq!(read, *proof);
        let conviction = read.check(&self.trusted).unwrap();
        assert_eq!(conviction.kind, kind);
        read
    }
}

pub(super) fn restart(world: &mut World) {
    world.start(Some(crate::time::Clock::now(&world.clock)));
}

/// Two worlds of one key that differ from the answer on: the first says RECEIVED there, the second that it restarted.
pub(super) fn forked() -> (World, World, Digest) {
    let make = |fork: bool| {
        let mut world = World::small();
        let warning = world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
        world.hand_over(warning, "ru.ctc", 0);
        if fork {
            restart(&mut world);
        }
        world.answer(warning, "ru.ctc", AcknowledgementKind::Received, Says::default());
        if !fork {
            world.answer(warning, "ru.ctc", AcknowledgementKind::Opened, Says::default());
        }
        (world, warning)
    };
    let ((one, warning), (other, same)) = (make(false), make(true));
    assert_eq!((warning, one.size()), (same, other.size()));
    (one, other, warning)
}

/// A fork by two notes of one size, by the directory that a client keeps at it, and by the bundles of its two sides.
#[test]
fn two_roots_of_one_size_convict() {
    let (one, other, warning) = forked();
    let files = Files::new(&one);
    let size = one.size();
    let verified = files.put("fork/verified.checkpoint", note_at(&one, size));
    let shown = files.put(
        "fork/shown.checkpoint",
        cosigned_at(
            &other,
            size,
            crate::time::Timestamp::from_unix_ms(1_709_900_000_000),
        ),
    );
    files.put("fork/what.txt", "the log was forked");
    let proof = files.convicts(&verified, &shown, Kind::TwoRoots);
    let sentences = proof.check(&files.trusted).unwrap().sentences;
    assert!(sentences[2].contains("north.example"), "{sentences:?}");
    let directory = verified.parent().unwrap();
    files.convicts(directory, &verified, Kind::TwoRoots);
    let bundles =
        [&one, &other].map(|world| bundle(world, warning, "us.ctc", &note_at(world, size), &[]).to_json());
    let (a, b) = (files.put("a.json", &bundles[0]), files.put("b.json", &bundles[1]));
    files.convicts(&a, &b, Kind::TwoRoots);
    files.convicts(&a, &shown, Kind::TwoRoots);
}

/// A root that a bundle proves to lie on the way to its checkpoint counts as one that was signed: of an earlier note there.
#[test]
fn a_proven_root_convicts_an_older_note() {
    let (one, other, warning) = forked();
    let files = Files::new(&one);
    // What its signer had seen is on the way to one's checkpoint; the other side signed another root of that size.
    let whole = bundle(&one, warning, "us.ctc", &note_at(&one, one.size()), &[]);
    let seen = whole.seen.last().unwrap().size;
    let mut late = other;
    super::super::tampering::edit(&mut late.shown[usize::try_from(seen - 1).unwrap()], |record| {
        record.nonce = [9; 16]
    });
    let (a, b) = (
        files.put("a.json", whole.to_json()),
        files.put("b.checkpoint", note_at(&late, seen)),
    );
    files.convicts(&a, &b, Kind::TwoRoots);
}

/// Two leaves at one index, of logs of different sizes: a receipt against a bundle, and two receipts.
#[test]
fn two_leaves_at_one_index_convict() {
    let (one, other, warning) = forked();
    let files = Files::new(&one);
    let index = one.size() - 1;
    let receipt = files.receipt(&one, index, index + 1, "ours");
    let mut longer = other;
    restart(&mut longer);
    let size = longer.size();
    let it = bundle(&longer, warning, "us.ctc", &note_at(&longer, size), &[]);
    let b = files.put("b.json", it.to_json());
    files.convicts(&receipt, &b, Kind::TwoLeaves);
    let theirs = files.receipt(&longer, index, size, "theirs");
    files.convicts(&receipt, &theirs, Kind::TwoLeaves);
}

/// The receipt of an acknowledgement against a thread that goes past its number with another record there, at another index.
#[test]
fn a_receipt_against_a_thread_that_goes_past_it_convicts() {
    let (one, other, warning) = forked();
    let files = Files::new(&one);
    let acknowledged = one.size() - 2;
    let receipt = files.receipt(&one, acknowledged, acknowledged + 1, "acknowledged");
    // Without the roots that its signers had seen: one of them alone would convict.
    let mut it = bundle(&other, warning, "us.ctc", &note_at(&other, other.size()), &[]);
    it.seen.clear();
    let b = files.put("b.json", it.to_json());
    let proof = files.convicts(&receipt, &b, Kind::TwoInThread);
    let sentences = proof.check(&files.trusted).unwrap().sentences;
    assert!(sentences[1].contains("number 2 of the thread"), "{sentences:?}");
    // Both needed: of one record alone nothing is proven.
    let Misbehaviour { a, .. } = proof.clone();
    let alone = Misbehaviour { b: a, ..proof };
    assert!(alone.check(&files.trusted).is_err());
}

/// Two records of one number in the directory's chain: a revocation that one side was not shown.
#[test]
fn two_records_of_one_directory_number_convict() {
    let (mut one, mut other, warning) = forked();
    one.revoke("ru.ctc", KeyRole::Officer);
    restart(&mut other);
    other.revoke("us.ctc", KeyRole::Originate);
    let files = Files::new(&one);
    let receipt = files.receipt(&one, one.size() - 1, one.size(), "revoked");
    restart(&mut other);
    let it = bundle(&other, warning, "us.ctc", &note_at(&other, other.size()), &[]);
    let b = files.put("b.json", it.to_json());
    files.convicts(&receipt, &b, Kind::TwoInDirectory);
}

/// A copy in memory.
#[derive(Debug)]
struct Leaved {
    note: String,
    leaves: Vec<Hash>,
    /// How often it was read.
    reads: Arc<AtomicUsize>,
}

impl LeafSource for Leaved {
    fn note(&self) -> &str {
        &self.note
    }
    fn size(&self) -> u64 {
        u64::try_from(self.leaves.len()).unwrap()
    }
    fn leaves(&self) -> Result<Leaves<'_>, CopyError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new((0..).zip(self.leaves.iter().copied()).map(Ok)))
    }
}

fn copied(world: &World, size: u64) -> Exhibit {
    read_copy(world, size, &Arc::default())
}

fn read_copy(world: &World, size: u64, reads: &Arc<AtomicUsize>) -> Exhibit {
    let note = note_at(world, size);
    let checkpoint = world.verifier().open(&note).unwrap();
    let leaves = world.shown.iter().take(usize::try_from(size).unwrap());
    let leaves = leaves.map(leaf).collect();
    Exhibit::of_copy(
        "copy",
        &world.verifier(),
        &checkpoint,
        Box::new(Leaved {
            note,
            leaves,
            reads: Arc::clone(reads),
        }),
    )
}

/// A copy is read once for the roots of all notes that it is held against and once for the leaves, however many notes there
/// are: whoever chooses their number does not choose how long it takes.
#[test]
fn a_copy_is_read_twice_at_most() {
    let (one, _, _) = forked();
    let files = Files::new(&one);
    let directory = files.directory.path().join("notes");
    std::fs::create_dir(&directory).unwrap();
    for size in 1..one.size() {
        std::fs::write(directory.join(format!("{size}.checkpoint")), note_at(&one, size)).unwrap();
    }
    let notes = Exhibit::read(&directory, files.trusted.policy()).unwrap();
    let reads = Arc::default();
    let compared = super::compare(&read_copy(&one, one.size(), &reads), &notes).unwrap();
    assert!(matches!(compared, Comparison::Consistent { .. }), "{compared:?}");
    assert_eq!(reads.load(Ordering::Relaxed), 2);
}

/// A copy against an older note, a receipt, and another copy of another length: each contradiction becomes a proof that needs
/// no copy.
#[test]
fn a_copy_convicts() {
    let (one, other, _) = forked();
    let files = Files::new(&one);
    let size = one.size();
    let read = |path: &Path| Exhibit::read(path, files.trusted.policy()).unwrap();
    let note = read(&files.put("older.checkpoint", note_at(&other, size - 1)));
    let receipt = read(&files.receipt(&other, size - 1, size, "receipt"));
    let table = [
        ("note", copied(&one, size), note, Kind::TwoRoots),
        ("receipt", copied(&one, size), receipt, Kind::TwoRoots),
        (
            "copy",
            copied(&one, size),
            copied(&other, size - 1),
            Kind::TwoRoots,
        ),
    ];
    for (what, a, b, kind) in table {
        let Comparison::Convicted(proof) = super::compare(&a, &b).unwrap() else {
            panic!("{what}");
        };
        assert_eq!(proof.kind, kind, "{what}");
        proof
            .check(&files.trusted)
            .unwrap_or_else(|fault| panic!("{what}: {fault}"));
    }
    // A receipt of a larger log than the copy's: its own note cannot be compared, its leaf can.
    let mut longer = other;
    restart(&mut longer);
    let receipt = read(&files.receipt(&longer, size - 1, size + 1, "longer"));
    let Comparison::Convicted(proof) = super::compare(&copied(&one, size), &receipt).unwrap() else {
        panic!("not found");
    };
    assert_eq!(proof.kind, Kind::TwoLeaves);
    proof.check(&files.trusted).unwrap();
    // Two copies of which only the larger one's own root is unknown to the other: the first index that differs.
    let Comparison::Convicted(proof) =
        super::compare(&copied(&one, size), &copied(&longer, size + 1)).unwrap()
    else {
        panic!("not found");
    };
    proof.check(&files.trusted).unwrap();
}

/// The same of copies as `audit replay --save` writes them: read from their files, against each other and a receipt. One whose
/// records do not give the root of its own checkpoint is no evidence.
#[test]
fn a_saved_copy_convicts() {
    use super::super::copy::CopyWriter;
    let (one, other, _) = forked();
    let files = Files::new(&one);
    let size = one.size();
    let save = |name: &str, note: &str, world: &World| {
        let path = files.directory.path().join(name);
        let mut writer = CopyWriter::create(&path, note).unwrap();
        for shown in &world.shown {
            writer.push(shown).unwrap();
        }
        writer.finish().unwrap();
        path
    };
    let ours = save("ours.copy", &note_at(&one, size), &one);
    let theirs = save("theirs.copy", &note_at(&other, size), &other);
    files.convicts(&ours, &theirs, Kind::TwoRoots);
    let mut longer = other;
    restart(&mut longer);
    let receipt = files.receipt(&longer, size - 1, size + 1, "longer");
    files.convicts(&ours, &receipt, Kind::TwoLeaves);
    let own = files.receipt(&one, 3, size, "own");
    assert!(matches!(
        files.compare(&ours, &own),
        Comparison::Consistent { .. }
    ));
    let wrong = save("wrong.copy", &note_at(&longer, size), &one);
    let read = Exhibit::read(&wrong, files.trusted.policy());
    assert!(matches!(read, Err(NoExhibit::Fault { .. })));
}

/// A policy with two keys of one origin: what the second key signs is not held against what the first one has signed, neither by
/// a comparison nor by a proof that somebody writes by hand. Each key is still convicted of what it has signed itself.
#[test]
fn two_keys_of_one_origin_do_not_convict_each_other() {
    let (one, mut other, _) = forked();
    let size = one.size();
    let own = note_at(&other, size);
    other.log = LogKey::new(parsed(ORIGIN), secret("second", KeyRole::Root, 0));
    let mut files = Files::new(&one);
    let policy = format!("log {}\nlog {}\nquorum none\n", one.verifier(), other.verifier());
    files.trusted = Trusted::new(Policy::parse(policy.as_bytes()).unwrap(), None);
    let first = files.put("both/first.checkpoint", note_at(&one, size));
    let second = files.put("both/second.checkpoint", note_at(&other, size));
    let read = |path: &Path| Exhibit::read(path, files.trusted.policy()).unwrap();
    let refused = super::compare(&read(&first), &read(&second)).unwrap_err();
    assert!(matches!(refused, NotCompared::OtherKey { .. }), "{refused}");
    // A receipt and a copy of the second key's tree are no more than its note is.
    let receipt = files.receipt(&other, size - 1, size, "receipt");
    for theirs in [read(&receipt), copied(&other, size)] {
        let refused = super::compare(&read(&first), &theirs).unwrap_err();
        assert!(matches!(refused, NotCompared::OtherKey { .. }), "{refused}");
    }
    // A directory that holds both is compared for the key that they share, and says what was not.
    let Comparison::Consistent { not_compared, .. } = files.compare(first.parent().unwrap(), &first) else {
        panic!("an honest key is convicted");
    };
    assert!(not_compared[0].contains("2 different keys"), "{not_compared:?}");
    let side = |world: &World| Side::Root {
        checkpoint: note_at(world, size),
        size,
        root: world.verifier().open(&note_at(world, size)).unwrap().root(),
        consistency: Vec::new(),
    };
    let by_hand = Misbehaviour {
        origin: parsed(ORIGIN),
        kind: Kind::TwoRoots,
        a: side(&one),
        b: side(&other),
    };
    let fault = by_hand.check(&files.trusted).unwrap_err();
    assert_eq!(fault.part, "a and b");
    assert!(fault.to_string().contains("two different keys"), "{fault}");
    // The first key's own second root, and the second key's.
    let own = files.put("own.checkpoint", own);
    let proof = files.convicts(&first, &own, Kind::TwoRoots);
    assert_eq!(
        proof.check(&files.trusted).unwrap().log_vkey,
        one.verifier().vkey()
    );
    let mut late = other;
    let last = usize::try_from(size - 1).unwrap();
    super::super::tampering::edit(&mut late.shown[last], |record| record.nonce = [9; 16]);
    let late_note = files.put("late.checkpoint", note_at(&late, size));
    let proof = files.convicts(&second, &late_note, Kind::TwoRoots);
    assert_eq!(
        proof.check(&files.trusted).unwrap().log_vkey,
        late.verifier().vkey()
    );
}

/// What agrees is not convicted: bundles of both sides, receipts, notes, copies of one log at different sizes. What could not
/// be compared is said.
#[test]
fn what_agrees_is_not_convicted() {
    let story = story();
    let files = Files::new(&story.world);
    let size = story.world.size();
    let a = files.put("a.json", story.bundle("us.ctc").to_json());
    let b = files.put("b.json", story.bundle("ru.ctc").to_json());
    let receipt = files.receipt(&story.world, 17, 18, "receipts/x");
    let note = files.put("n.checkpoint", note_at(&story.world, 5));
    for (one, other, not_compared) in [
        (&a, &b, 0),
        (&a, &receipt, 0),
        (&a, &note, 1),
        (&note, &receipt, 1),
    ] {
        let Comparison::Consistent {
            not_compared: said, ..
        } = files.compare(one, other)
        else {
            panic!("{one:?} and {other:?}");
        };
        assert_eq!(said.len(), not_compared, "{one:?} and {other:?}: {said:?}");
    }
    let directory = receipt.parent().unwrap();
    assert!(matches!(
        files.compare(directory, &a),
        Comparison::Consistent { .. }
    ));
    let both = super::compare(&copied(&story.world, size), &copied(&story.world, 9)).unwrap();
    assert!(matches!(both, Comparison::Consistent { not_compared, .. } if not_compared.is_empty()));
}

/// A file that is none of these, one of another log, and one that does not verify are told apart.
#[test]
fn other_files_are_no_exhibits() {
    let story = story();
    let files = Files::new(&story.world);
    let read = |path: &Path| Exhibit::read(path, files.trusted.policy()).map(|_| ());
    assert!(matches!(
        read(&files.put("empty/x", "")),
        Err(NoExhibit::Fault { .. })
    ));
    assert!(matches!(
        read(files.directory.path().join("empty").as_path()),
        Err(NoExhibit::Unknown(_))
    ));
    assert!(matches!(
        read(Path::new("/nowhere/at/all")),
        Err(NoExhibit::Missing(_))
    ));
    let mut bundle = story.bundle("us.ctc");
    bundle.threads[0].records[0].proof.hashes[0] = Hash([0; 32]);
    let bad = files.put("bad.json", bundle.to_json());
    let Err(NoExhibit::Fault { fault, .. }) = read(&bad) else {
        panic!("it was read");
    };
    assert_eq!(fault.part, "threads[0].records[0]");
}

/// No byte of a proof can be changed: each change is found.
#[test]
fn every_byte_of_a_proof_is_held() {
    let (one, other, warning) = forked();
    let files = Files::new(&one);
    let whole = bundle(&one, warning, "us.ctc", &note_at(&one, one.size()), &[]);
    let thread: Bundle = bundle(&other, warning, "us.ctc", &note_at(&other, other.size()), &[]);
    let acknowledged = one.size() - 2;
    let receipt = files.receipt(&one, acknowledged, acknowledged + 1, "acknowledged");
    let mut alone = thread.clone();
    alone.seen.clear();
    let alone = files.put("alone.json", alone.to_json());
    let (a, b) = (
        files.put("a.json", whole.to_json()),
        files.put("b.json", thread.to_json()),
    );
    let cut = super::super::check::cut::cut("ru.ctc", KeyRole::Officer);
    let revocation = files.receipt(&cut.world, cut.revoked, cut.revoked + 1, "revocation");
    let revoked = files.put("cut.json", cut.bundle.to_json());
    let ended = files.convicts(&revocation, &revoked, Kind::KeyEnded);
    let proofs = [
        files.convicts(&a, &b, Kind::TwoRoots),
        files.convicts(&receipt, &alone, Kind::TwoInThread),
        ended,
    ];
    for proof in proofs {
        let document: Value = serde_json::from_str(&proof.to_json()).unwrap();
        let mut all = Vec::new();
        leaves(&document, "", &mut all);
        for (path, text) in &all {
            let leaf = if path.ends_with(".leaf") {
                super::super::check::every_byte::Leaf::Base64
            } else {
                leaf_of(path)
            };
            for change in changes(leaf, text, 1) {
                let mut document = document.clone();
                *document.pointer_mut(&pointer(path)).unwrap() = change;
                let changed = document.to_string();
                let checked =
                    Misbehaviour::parse(changed.as_bytes()).and_then(|proof| proof.check(&files.trusted));
                assert!(checked.is_err(), "{path} was changed, and it still convicts");
            }
        }
    }
}

/// Other forms are refused, and whatever bytes there are, reading answers.
#[test]
fn other_forms_are_refused() {
    let (one, other, _) = forked();
    let files = Files::new(&one);
    let (a, b) = (
        files.put("a", note_at(&one, one.size())),
        files.put("b", note_at(&other, one.size())),
    );
    let good = files.convicts(&a, &b, Kind::TwoRoots).to_json();
    for (from, to) in [
        ("misbehaviour/v1", "misbehaviour/v2"),
        ("TWO_ROOTS", "THREE_ROOTS"),
        ("TWO_ROOTS", "TWO_LEAVES"),
        ("\"size\"", "\"length\""),
        ("\"size\":", "\"size\": 1, \"size\":"),
        ("\"origin\"", "\"more\": 1, \"origin\""),
    ] {
        let text = good.replacen(from, to, 1);
        let checked = Misbehaviour::parse(text.as_bytes()).and_then(|proof| proof.check(&files.trusted));
        assert!(checked.is_err(), "{to}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    /// Whatever the bytes are, reading them as a proof or a bundle never panics.
    #[test]
    fn any_bytes_never_panic(text in "[\\[\\]{}\":,a-z0-9\\\\ \n]{0,120}") {
        let _ = Misbehaviour::parse(text.as_bytes());
        let _ = Bundle::parse(text.as_bytes());
    }
}
