//! More of `tests/vectors/misbehaviour.json`: of each kind what comes near to a proof and is none, because a side is not proven, or both
//! can be true.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::check::cut::cut;
use super::super::check::stage::{note_at, root_at};
use super::super::tampering::{Honest, bytes_of, leaf_of, record_of};
use super::super::world::{ORIGIN, World, parsed, secret};
use super::tests::{forked, restart};
use super::*;
use crate::domain::*;
use crate::transparency::{LogKey, TlogProof, consistency_proof, inclusion_proof};
use crate::wire;

fn base64(bytes: impl AsRef<[u8]>) -> Value {
    json!(BASE64_STANDARD.encode(bytes))
}

fn proof(kind: &str, a: &Value, b: &Value) -> Value {
    json!({"format": MISBEHAVIOUR_FORMAT, "origin": ORIGIN, "kind": kind, "a": a, "b": b})
}

/// That a world's log has a record at an index, under its newest note.
fn record(world: &World, index: u64) -> Value {
    let shown = &world.shown[usize::try_from(index).unwrap()];
    let proof = TlogProof {
        index,
        hashes: inclusion_proof(world.size(), index, &Honest::of(&world.shown)).unwrap(),
        checkpoint_note: note_at(world, world.size()),
        extra: None,
    };
    json!({"proof": proof.to_string(), "leaf": base64(leaf_of(shown).as_bytes()), "record": base64(bytes_of(shown))})
}

/// That it begins with so many records, under its newest note.
fn root(world: &World, size: u64) -> Value {
    let proof = consistency_proof(size, world.size(), &Honest::of(&world.shown)).unwrap();
    let hashes: Vec<Value> = proof.iter().map(|hash| base64(hash.as_bytes())).collect();
    json!({
        "checkpoint": note_at(world, world.size()), "size": size,
        "root": base64(root_at(world, size).as_bytes()), "consistency": hashes,
    })
}

/// A side in which another value stands.
fn with(side: &Value, member: &str, value: Value) -> Value {
    let mut side = side.clone();
    side[member] = value;
    side
}

/// The record of a revocation or succession, made by an honest log, at the same index as there.
fn made(change: impl FnOnce(&mut World)) -> Record {
    let mut world = World::small();
    change(&mut world);
    record_of(world.shown.last().unwrap())
}

pub(super) fn cases() -> Vec<Value> {
    let mut cases = Vec::new();
    let mut case = |what: &str, proof: Value| cases.push(json!({"what": what, "proof": proof}));
    let (mut one, mut other, _) = forked();
    let (received, restarted) = (record(&one, 17), record(&other, 17));
    let leaves = proof("TWO_LEAVES", &received, &restarted);
    let (bare, bare_other) = (
        with(&received, "record", Value::Null),
        with(&restarted, "record", Value::Null),
    );
    case(
        "TWO_LEAVES without their records: sound",
        proof("TWO_LEAVES", &bare, &bare_other),
    );
    let none = base64([7; 32]);
    case(
        "TWO_LEAVES, one of which is not proven",
        proof("TWO_LEAVES", &bare, &with(&bare, "leaf", none.clone())),
    );
    case(
        "TWO_LEAVES, the other of which is not proven",
        proof("TWO_LEAVES", &with(&bare, "leaf", none.clone()), &bare),
    );
    case(
        "TWO_LEAVES at two indexes",
        proof("TWO_LEAVES", &record(&one, 16), &received),
    );
    let text = record(&one, 16)["proof"]
        .as_str()
        .unwrap()
        .replacen("index 16", "index 17", 1);
    case(
        "TWO_LEAVES, one of which is proven at another index",
        proof(
            "TWO_LEAVES",
            &with(&record(&one, 16), "proof", json!(text)),
            &received,
        ),
    );
    case(
        "TWO_LEAVES, one of which has another record",
        proof(
            "TWO_LEAVES",
            &with(&received, "record", restarted["record"].clone()),
            &restarted,
        ),
    );
    let stranger = LogKey::new(parsed(ORIGIN), secret("another log", KeyRole::Root, 0));
    let (head, _) = received["proof"].as_str().unwrap().split_once("\n\n").unwrap();
    let forged = format!(
        "{head}\n\n{}",
        stranger.sign_checkpoint(one.size(), root_at(&one, one.size()))
    );
    case(
        "TWO_LEAVES, one of which another key signed",
        proof("TWO_LEAVES", &with(&received, "proof", json!(forged)), &restarted),
    );
    case(
        "TWO_LEAVES in another format",
        with(&leaves, "format", json!("wardline-misbehaviour/v2")),
    );
    case(
        "TWO_LEAVES of another origin",
        with(&leaves, "origin", json!("other.example.invalid")),
    );
    case(
        "TWO_LEAVES in a kind that there is not",
        with(&leaves, "kind", json!("THREE_LEAVES")),
    );

    case(
        "TWO_ROOTS of an earlier size: sound",
        proof("TWO_ROOTS", &root(&one, 18), &root(&other, 18)),
    );
    case(
        "TWO_ROOTS that are one: the log forked after them",
        proof("TWO_ROOTS", &root(&one, 17), &root(&other, 17)),
    );
    case(
        "TWO_ROOTS of two sizes",
        proof("TWO_ROOTS", &root(&one, 18), &root(&one, 19)),
    );
    case(
        "TWO_ROOTS, one of which is not proven",
        proof(
            "TWO_ROOTS",
            &root(&one, 18),
            &with(&root(&one, 18), "root", none.clone()),
        ),
    );
    case(
        "TWO_ROOTS, the other of which is not proven",
        proof(
            "TWO_ROOTS",
            &with(&root(&one, 18), "root", none.clone()),
            &root(&one, 18),
        ),
    );
    let forged = stranger.sign_checkpoint(19, Hash([7; 32]));
    let forged = json!({"checkpoint": forged, "size": 19, "root": none, "consistency": []});
    case(
        "TWO_ROOTS, one of which another key signed",
        proof("TWO_ROOTS", &root(&one, 19), &forged),
    );

    let again = record(&other, 18);
    case(
        "TWO_IN_THREAD at two indexes: sound",
        proof("TWO_IN_THREAD", &received, &again),
    );
    case(
        "TWO_IN_THREAD of two numbers",
        proof("TWO_IN_THREAD", &record(&one, 16), &received),
    );
    case(
        "TWO_IN_THREAD of no thread",
        proof("TWO_IN_THREAD", &record(&one, 0), &record(&one, 1)),
    );
    case(
        "TWO_IN_THREAD, one of which has another record",
        proof(
            "TWO_IN_THREAD",
            &with(&record(&one, 16), "record", again["record"].clone()),
            &received,
        ),
    );
    let mut two = World::small();
    two.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
    two.send("us.ctc", &["ru.ctc", "us.ctc"], "Attack on an embassy");
    case(
        "TWO_IN_THREAD of two warnings",
        proof("TWO_IN_THREAD", &record(&two, 15), &record(&two, 17)),
    );
    case(
        "TWO_IN_THREAD of two desks",
        proof("TWO_IN_THREAD", &record(&two, 17), &record(&two, 18)),
    );
    case(
        "TWO_IN_DIRECTORY of two numbers",
        proof("TWO_IN_DIRECTORY", &record(&one, 0), &record(&one, 2)),
    );
    case(
        "TWO_IN_DIRECTORY of no directory",
        proof("TWO_IN_DIRECTORY", &record(&one, 1), &record(&one, 14)),
    );

    let ended = cut("ru.ctc", KeyRole::Officer);
    let last = ended.world.size() - 1;
    let at = |index: u64| record(&ended.world, index);
    case(
        "KEY_ENDED by an officer, who answers: sound",
        proof("KEY_ENDED", &at(ended.revoked), &at(last)),
    );
    case(
        "KEY_ENDED of another key",
        proof("KEY_ENDED", &at(ended.revoked), &at(ended.revoked + 1)),
    );
    case(
        "KEY_ENDED, and what nobody signs",
        proof("KEY_ENDED", &at(ended.revoked), &at(ended.revoked + 2)),
    );
    case(
        "KEY_ENDED by the record that enrols the key",
        proof("KEY_ENDED", &at(6), &at(last)),
    );
    case("KEY_ENDED by a root's revocation of another key", {
        key_ended(&made(|world| _ = world.revoke("ru.ctc", KeyRole::Receive)))
    });
    case("KEY_ENDED by a succession that three signed", {
        let mut succession = made(|world| _ = world.succeed("ru"));
        let RecordKind::RootSucceeded(envelope) = &mut succession.kind else {
            panic!()
        };
        let mut third = envelope.signatures[0];
        third.keyid = secret("root:us", KeyRole::Root, 0).public_key().keyid();
        envelope.signatures.push(third);
        key_ended(&succession)
    });
    case("KEY_ENDED by a succession that the old root did not sign", {
        let mut succession = made(|world| _ = world.succeed("ru"));
        let RecordKind::RootSucceeded(envelope) = &mut succession.kind else {
            panic!()
        };
        envelope.signatures.remove(0);
        key_ended(&succession)
    });

    let old = cut("us.ctc", KeyRole::Originate);
    let at = |index: u64| record(&old.world, index);
    case(
        "OLD_DIRECTORY for the originator: sound",
        proof("OLD_DIRECTORY", &at(old.revoked), &at(old.revoked + 2)),
    );
    case(
        "OLD_DIRECTORY, where the other is not ROUTED",
        proof("OLD_DIRECTORY", &at(old.revoked), &at(old.revoked + 3)),
    );
    case(
        "OLD_DIRECTORY, where the one is not of the directory",
        proof("OLD_DIRECTORY", &at(old.revoked + 1), &at(old.revoked + 2)),
    );
    case(
        "OLD_DIRECTORY, where the other names the one",
        proof("OLD_DIRECTORY", &at(old.revoked - 1), &at(old.revoked + 2)),
    );
    case(
        "OLD_DIRECTORY, where the other names a later one",
        proof("OLD_DIRECTORY", &at(old.revoked - 2), &at(old.revoked + 2)),
    );

    one.smuggle(Bytes::from_static(b"no record"));
    restart(&mut other);
    case(
        "TWO_LEAVES, one of which cannot be read: sound",
        proof("TWO_LEAVES", &record(&one, 19), &record(&other, 19)),
    );
    for (what, twice) in [
        (
            "a member twice",
            leaves
                .to_string()
                .replacen("\"kind\":", "\"kind\":\"TWO_LEAVES\",\"kind\":", 1),
        ),
        (
            "a member of a side twice",
            leaves
                .to_string()
                .replacen("\"leaf\":", "\"leaf\":null,\"leaf\":", 1),
        ),
    ] {
        cases.push(json!({"what": format!("TWO_LEAVES with {what}"), "text": twice}));
    }
    cases.push(json!({"what": "TWO_LEAVES as a text: sound", "text": leaves.to_string()}));
    cases
}

/// That a log took this record and then one that the first root of ru, or ru.ctc's officer, signed.
fn key_ended(record_of_end: &Record) -> Value {
    let mut world = World::small();
    let ended = world.smuggle(wire::encode_record(record_of_end));
    let later = world.revoke("ru.ctc", KeyRole::Officer);
    proof("KEY_ENDED", &record(&world, ended), &record(&world, later))
}
