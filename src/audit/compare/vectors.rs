//! `tests/vectors/misbehaviour.json`: a proof of misbehaviour of each kind, and what is none, for whoever writes another verifier.
//! Written once, when it is missing and `WARDLINE_WRITE_GOLDEN` is set; this verifier must say of each what is written there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::check::cut::{cut, cut_bundle};
use super::super::check::stage::{bundle, note_at};
use super::super::tampering::{Honest, bytes_of, leaf_of, record_of};
use super::super::trusted::Trusted;
use super::super::world::World;
use super::tests::{Files, forked, restart};
use super::*;
use crate::domain::*;
use crate::transparency::inclusion_proof;
use crate::wire;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// Whether a case's proof convicts: it, or the text of one.
fn convicts(case: &Value, trusted: &Trusted) -> bool {
    let text = case["text"]
        .as_str()
        .map_or_else(|| case["proof"].to_string(), str::to_owned);
    Misbehaviour::parse(text.as_bytes()).is_ok_and(|proof| proof.check(trusted).is_ok())
}

/// One proof of each kind, as `audit compare` finds it.
fn proofs() -> Vec<Misbehaviour> {
    let (mut one, mut other, warning) = forked();
    let files = Files::new(&one);
    let size = one.size();
    let note = |world: &World, name: &str| files.put(name, note_at(world, world.size()));
    let roots = files.convicts(&note(&one, "one"), &note(&other, "other"), Kind::TwoRoots);
    let mut alone = bundle(&other, warning, "us.ctc", &note_at(&other, size), &[]);
    alone.seen.clear();
    let thread = files.convicts(
        &files.receipt(&one, size - 2, size - 1, "acknowledged"),
        &files.put("alone.json", alone.to_json()),
        Kind::TwoInThread,
    );
    let received = files.receipt(&one, size - 1, size, "received");
    one.revoke("ru.ctc", KeyRole::Officer);
    restart(&mut other);
    let restarted = files.receipt(&other, size - 1, size + 1, "restarted");
    let leaves = files.convicts(&received, &restarted, Kind::TwoLeaves);
    other.revoke("us.ctc", KeyRole::Originate);
    let directory = files.convicts(
        &files.receipt(&one, size, size + 1, "a"),
        &files.receipt(&other, size + 1, size + 2, "b"),
        Kind::TwoInDirectory,
    );
    let it = cut("ru.ctc", KeyRole::Officer);
    let revocation = files.receipt(&it.world, it.revoked, it.revoked + 1, "revocation");
    let ended = files.convicts(
        &revocation,
        &files.put("cut.json", it.bundle.to_json()),
        Kind::KeyEnded,
    );
    let it = cut("us.ctc", KeyRole::Originate);
    let revocation = files.receipt(&it.world, it.revoked, it.revoked + 1, "other-revocation");
    let recipients = cut_bundle(&it.world, it.warning, it.revoked, "ru.ctc");
    let recipients = files.put("recipients.json", recipients.to_json());
    let older = files.convicts(&revocation, &recipients, Kind::OldDirectory);
    vec![roots, leaves, thread, directory, ended, older]
}

/// A root that signs after its succession, which stands in a record of its own kind, or of another: that one ends no key.
fn succession(origin: &Origin, other_kind: bool) -> Misbehaviour {
    let mut honest = World::small();
    honest.succeed("ru");
    let mut record = record_of(honest.shown.last().unwrap());
    if other_kind {
        let RecordKind::RootSucceeded(envelope) = record.kind else {
            panic!("{:?}", record.kind)
        };
        record.kind = RecordKind::MandatePublished(envelope);
    }
    let mut world = World::small();
    let ended = world.smuggle(wire::encode_record(&record));
    let later = world.revoke("ru.ctc", KeyRole::Officer);
    let side = |index: u64| {
        let shown = &world.shown[usize::try_from(index).unwrap()];
        Side::Record {
            proof: TlogProof {
                index,
                hashes: inclusion_proof(index + 1, index, &Honest::of(&world.shown)).unwrap(),
                checkpoint_note: note_at(&world, index + 1),
                extra: None,
            },
            leaf: leaf_of(shown),
            record: Some(bytes_of(shown).clone()),
        }
    };
    Misbehaviour {
        origin: origin.clone(),
        kind: Kind::KeyEnded,
        a: side(ended),
        b: side(later),
    }
}

/// Each proof, and what is no proof any more: its sides the other way round, the same side twice, and the kind of another.
fn cases() -> Vec<Value> {
    let mut cases = Vec::new();
    let mut case = |what: String, proof: &Value| cases.push(json!({"what": what, "proof": proof}));
    let proofs = proofs();
    for (what, other_kind) in [
        ("KEY_ENDED by a succession: sound", false),
        ("KEY_ENDED by a succession in a record of another kind", true),
    ] {
        let proof = succession(&proofs[0].origin, other_kind).to_json();
        case(what.to_owned(), &serde_json::from_str(&proof).unwrap());
    }
    for proof in proofs {
        let word = proof.kind.word();
        let sound: Value = serde_json::from_str(&proof.to_json()).unwrap();
        case(format!("{word}: sound"), &sound);
        let mut turned = sound.clone();
        (turned["a"], turned["b"]) = (sound["b"].clone(), sound["a"].clone());
        let either = !matches!(proof.kind, Kind::KeyEnded | Kind::OldDirectory);
        case(
            format!("{word}, turned round{}", if either { ": sound" } else { "" }),
            &turned,
        );
        let mut twice = sound.clone();
        twice["b"] = sound["a"].clone();
        case(format!("{word}, one side twice"), &twice);
        let mut other = sound.clone();
        other["kind"] = json!(if proof.kind == Kind::TwoRoots {
            "TWO_LEAVES"
        } else {
            "TWO_ROOTS"
        });
        case(format!("{word}, called another kind"), &other);
        let mut more = sound.clone();
        more["a"]["more"] = json!(1);
        case(format!("{word} with a member that is unknown"), &more);
        let listed = |object: &Value, names: &[&str]| names.iter().map(|name| object[name].clone()).collect();
        let mut list = sound.clone();
        list["a"] = if proof.kind == Kind::TwoRoots {
            listed(&sound["a"], &["checkpoint", "size", "root", "consistency"])
        } else {
            listed(&sound["a"], &["proof", "leaf", "record"])
        };
        case(format!("{word} with a list for the object of a side"), &list);
        let list = listed(&sound, &["format", "origin", "kind", "a", "b"]);
        case(format!("{word}, a list for the object"), &list);
        if proof.kind != Kind::TwoRoots && proof.kind != Kind::TwoLeaves {
            let mut without = sound.clone();
            without["b"]["record"] = Value::Null;
            case(format!("{word} without a record"), &without);
        }
    }
    cases.extend(super::vectors_false::cases());
    cases
}

/// Each is a proof or none, as it is written down, and there is one of every kind.
#[test]
fn the_proofs_of_misbehaviour_are_held() {
    let trusted = Trusted::read(&directory().join("policy")).unwrap();
    let file = directory().join("misbehaviour.json");
    if !file.exists() && std::env::var_os("WARDLINE_WRITE_GOLDEN").is_some() {
        let mut cases = cases();
        for case in &mut cases {
            case["convicts"] = json!(convicts(case, &trusted));
        }
        let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
        std::fs::write(&file, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for case in cases.as_array().unwrap() {
        let what = case["what"].as_str().unwrap();
        assert_eq!(case["convicts"], what.ends_with("sound"), "{what}");
        assert_eq!(convicts(case, &trusted), what.ends_with("sound"), "{what}");
        if what.ends_with("sound") {
            kinds.extend(case["proof"]["kind"].as_str());
        }
    }
    assert_eq!(kinds, Kind::ALL.into_iter().map(Kind::word).collect());
}
