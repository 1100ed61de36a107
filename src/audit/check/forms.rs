//! `tests/vectors/forms.json`: what only a dishonest maker or relay writes, for whoever writes another verifier: other JSON than
//! a bundle's, and records and payloads that are signed, proven, and not what they must be. Written once, when it is missing and
//! `WARDLINE_WRITE_GOLDEN` is set; this verifier must say of each what is written there, and the second one too.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use prost::Message as _;
use serde_json::{Value, json};

use super::super::bundle::Bundle;
use super::super::tampering::{Honest, bytes_of, edit, leaf_of};
use super::super::world::{World, envelope, parsed, secret};
use super::stage::{Story, bundle, cosigned_at, root_at, story};
use crate::domain::*;
use crate::seal::PayloadKind;
use crate::transparency::{consistency_proof, inclusion_proof};
use crate::wire::{self, v1};

/// A case: what is done, and to what; whether it holds is what this verifier says.
pub(super) fn cases(base: &Value) -> Vec<Value> {
    let mut cases = documents(base);
    cases.extend(
        forgeries()
            .into_iter()
            .map(|(what, bundle)| json!({"bundle": bundle, "what": what})),
    );
    cases
}

/// Changes to a sound bundle: its JSON is another, or names what it has no reason to.
fn documents(base: &Value) -> Vec<Value> {
    let mut cases = Vec::new();
    let mut case = |what: String, path: &str, value: Value| {
        let change = json!({"path": path, "value": value});
        cases.push(json!({"bundle": "originator.json", "what": what, "change": change}));
    };
    for path in [
        "",
        "/seen/0",
        "/earlier/0",
        "/warning",
        "/warning/envelope",
        "/warning/envelope/signatures/0",
        "/warning/body",
        "/accepted",
        "/threads/0",
        "/threads/0/records/0",
        "/threads/0/texts/0",
        "/directory/0",
    ] {
        let mut more = base.pointer(path).unwrap().clone();
        more["more"] = json!(1);
        case(format!("a member that is unknown, in {path:?}"), path, more);
        let mut fewer = base.pointer(path).unwrap().clone();
        let name = fewer.as_object().unwrap().keys().next().unwrap().clone();
        fewer.as_object_mut().unwrap().remove(&name);
        case(format!("no {name} in {path:?}"), path, fewer);
    }
    // What stands in an object's place in the order of its members is no object.
    #[rustfmt::skip]
    let objects: [(&str, &[&str]); 12] = [
        ("", &["format", "origin", "checkpoint", "earlier", "seen", "timestamps", "warning", "accepted", "threads", "directory"]),
        ("/seen/0", &["size", "root", "consistency"]),
        ("/earlier/0", &["checkpoint", "consistency"]),
        ("/warning", &["envelope", "body"]),
        ("/warning/envelope", &["payload", "payloadType", "signatures"]),
        ("/warning/envelope/signatures/0", &["keyid", "sig"]),
        ("/warning/body", &["salt", "content"]),
        ("/accepted", &["proof", "record"]),
        ("/threads/0", &["desk", "records", "texts"]),
        ("/threads/0/records/0", &["proof", "record"]),
        ("/threads/0/texts/0", &["index", "salt", "content"]),
        ("/directory/0", &["proof", "record"]),
    ];
    for (path, names) in objects {
        let object = base.pointer(path).unwrap();
        assert_eq!(object.as_object().unwrap().len(), names.len(), "{path}");
        let list = names.iter().map(|name| object[name].clone()).collect();
        case(format!("a list for the object at {path:?}"), path, list);
    }
    for (path, value) in [
        ("/seen/0/size", json!(14.0)),
        ("/seen/0/size", json!("14")),
        ("/seen/0/size", json!(true)),
        ("/threads/0/texts/0/index", json!(18.0)),
        ("/threads/0/texts/0/index", json!(-1)),
        (
            "/threads/0/desk",
            json!("ru.ctc\nrecord 99: ru.ctc had signed ACCEPTED"),
        ),
        ("/threads/0/desk", Value::Null),
        ("/directory", json!({})),
        ("/origin", json!(1)),
    ] {
        case(format!("{path} is {value}"), path, value.clone());
    }
    let story = story();
    let seen = |size: u64| {
        let proof = consistency_proof(size, story.world.size(), &Honest::of(&story.world.shown)).unwrap();
        let texts: Vec<Value> = proof.iter().map(|hash| encoded(hash.as_bytes())).collect();
        json!({"size": size, "root": encoded(root_at(&story.world, size).as_bytes()), "consistency": texts})
    };
    let all = base["seen"].as_array().unwrap();
    let with = |at: usize, more: Value| {
        let mut all = all.clone();
        all.insert(at, more);
        Value::Array(all)
    };
    case("a size that nobody saw".to_owned(), "/seen", with(1, seen(15)));
    case(
        "the empty log, which is no size to see".to_owned(),
        "/seen",
        with(0, seen(0)),
    );
    case("a size twice".to_owned(), "/seen", with(0, all[0].clone()));
    case("sizes that do not ascend".to_owned(), "/seen", {
        let mut all = all.clone();
        all.swap(0, 1);
        Value::Array(all)
    });
    let size = story.world.size();
    let text = story
        .world
        .verifier()
        .open(&story.notes[3])
        .unwrap()
        .checkpoint()
        .to_text();
    let (token, _) = crate::audit::timestamp::tests::token_over(&text);
    let (other, _) = crate::audit::timestamp::tests::token_over("another\n");
    let token_of = |size: Value, token: Value| json!([{"size": size, "token": token}]);
    case(
        "a timestamp token: sound".to_owned(),
        "/timestamps",
        token_of(json!(size), encoded(&token)),
    );
    for (what, size, token) in [
        ("no base64", json!(size), json!("!")),
        ("empty", json!(size), json!("")),
        ("no DER", json!(size), encoded(b"token")),
        ("cut off", json!(size), encoded(&token[..token.len() - 1])),
        (
            "longer than it says",
            json!(size),
            encoded(&[&token[..], &[0]].concat()),
        ),
        ("over another text", json!(size), encoded(&other)),
        ("of a size that is not there", json!(size - 1), encoded(&token)),
        ("of a size that is no number", json!("19"), encoded(&token)),
    ] {
        case(
            format!("a timestamp token that is {what}"),
            "/timestamps",
            token_of(size, token),
        );
    }
    case(
        "a list for the object of a timestamp".to_owned(),
        "/timestamps",
        json!([[size, encoded(&token)]]),
    );
    cases
}

pub(super) fn encoded(bytes: &[u8]) -> Value {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    json!(BASE64_STANDARD.encode(bytes))
}

/// A field that has a length.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let tag = u16::from(number) << 3 | 2;
    let tag = if tag < 128 {
        vec![u8::try_from(tag).unwrap()]
    } else {
        vec![
            u8::try_from(tag & 127).unwrap() | 128,
            u8::try_from(tag >> 7).unwrap(),
        ]
    };
    [tag, vec![u8::try_from(value.len()).unwrap()], value.to_vec()].concat()
}

/// The honest story, but for more bytes at the end of the thread's last record, to which nothing links.
fn with_last(more: &[u8]) -> Value {
    let Story {
        mut world, warning, ..
    } = story();
    let it = bundle(&world, warning, "us.ctc", &world.checkpoint(), &[]);
    let last = world.shown.last_mut().unwrap();
    last.content = ReplayedContent::Record(Bytes::from([&bytes_of(last)[..], more].concat()));
    proven_anew(&world, it)
}

/// The honest story, whose thread goes on with a record of such kinds.
fn with_later(kinds: &[u8]) -> Value {
    let mut story = story();
    let last = story.world.shown.last().unwrap();
    let link = super::super::tampering::record_of(last).thread.unwrap();
    let record = v1::Record {
        nonce: Bytes::from(vec![9; 16]),
        time_unix_ms: crate::time::Clock::now(&story.world.clock).unix_ms(),
        thread: Some(v1::ThreadLink {
            warning_digest: Bytes::copy_from_slice(&link.warning.0),
            desk: link.desk.to_string(),
            seq: link.seq + 1,
            prev: Bytes::copy_from_slice(leaf_of(last).as_bytes()),
        }),
        directory: None,
        kind: None,
    };
    let of = |kinds: &[u8]| Bytes::from([&record.encode_to_vec()[..], kinds].concat());
    let Story { world, warning, .. } = &mut story;
    world.smuggle(of(&field(40, &[])));
    let it = bundle(world, *warning, "us.ctc", &world.checkpoint(), &[]);
    world.shown.last_mut().unwrap().content = ReplayedContent::Record(of(kinds));
    proven_anew(world, it)
}

/// A bundle whose records were changed in the world's log since it was made.
fn proven_anew(world: &World, mut it: Bundle) -> Value {
    let time = crate::time::Clock::now(&world.clock);
    it.checkpoint = cosigned_at(world, world.size(), time);
    let reader = Honest::of(&world.shown);
    for seen in &mut it.seen {
        seen.consistency = consistency_proof(seen.size, world.size(), &reader).unwrap();
    }
    let threads = it.threads.iter_mut().flat_map(|thread| &mut thread.records);
    for entry in it.accepted.iter_mut().chain(threads).chain(&mut it.directory) {
        let index = entry.proof.index;
        entry.record = bytes_of(&world.shown[usize::try_from(index).unwrap()]).clone();
        entry.proof.hashes = inclusion_proof(world.size(), index, &reader).unwrap();
        entry.proof.checkpoint_note.clone_from(&it.checkpoint);
    }
    serde_json::from_str(&it.to_json()).unwrap()
}

/// What a relay signs that keeps no rules. Each is one change to an honest log, under good proofs.
fn forgeries() -> Vec<(String, Value)> {
    let mut all = Vec::new();
    let put = |all: &mut Vec<(String, Value)>, what: &str, story: Story| {
        let Story { world, warning, .. } = story;
        let note = cosigned_at(&world, world.size(), crate::time::Clock::now(&world.clock));
        let it = bundle(&world, warning, "us.ctc", &note, &[]).to_json();
        all.push((what.to_owned(), serde_json::from_str(&it).unwrap()));
    };
    put(&mut all, "sound", story());
    for (what, more) in [
        ("a record with its nonce twice", field(1, &[1; 16])),
        ("a record with its time twice", vec![0x10, 1]),
        ("a record with its kind twice", field(36, &[])),
        ("a record of two kinds", field(17, &field(1, b"1"))),
        (
            "a record of a kind and of one of a later version",
            field(40, &field(1, b"1")),
        ),
        (
            "a record of a kind and of the last that may come",
            field(63, &field(1, b"1")),
        ),
        (
            "a record with a message that is no kind of a later version: sound",
            field(64, &field(1, b"1")),
        ),
        (
            "a record with two threads, which some merge",
            field(3, &field(2, b"us.ctc")),
        ),
        (
            "a record with a number that is too long",
            vec![0x98, 0x06, 0x81, 0x00],
        ),
        (
            "a record with a field of a wire type that none has",
            vec![0x9d, 0x06, 1, 2, 3, 4],
        ),
        (
            "a record with a field of a later version: sound",
            vec![0xf8, 0x07, 0x01],
        ),
    ] {
        all.push((what.to_owned(), with_last(&more)));
    }
    for (what, kinds) in [
        (
            "a record of a kind of a later version alone: sound",
            field(40, &field(1, b"1")),
        ),
        (
            "a record of two kinds of later versions",
            [field(40, &[]), field(41, &[])].concat(),
        ),
        (
            "a record with a kind of a later version twice",
            [field(40, &[]), field(40, &[])].concat(),
        ),
        ("a record with a kind that is no message", vec![0xc0, 0x02, 0x01]),
    ] {
        all.push((what.to_owned(), with_later(&kinds)));
    }
    put(&mut all, "a record dated before 1970 and after others", {
        let mut story = story();
        edit(story.world.shown.last_mut().unwrap(), |record| {
            record.time = crate::time::Timestamp::from_unix_ms(-1);
        });
        story
    });
    // Payloads: signed by the right key, and read in two ways.
    let said_by = |principal: &str, change: &dyn Fn(&mut v1::Acknowledgement), more: &[u8]| {
        let mut story = story();
        edit(story.world.shown.last_mut().unwrap(), |record| {
            let RecordKind::Acknowledged(it) = &mut record.kind else {
                panic!()
            };
            let mut message = v1::Acknowledgement::decode(it.payload.clone()).unwrap();
            change(&mut message);
            let payload = Bytes::from([&message.encode_to_vec()[..], more].concat());
            *it = envelope(
                PayloadKind::Acknowledgement,
                payload,
                &[secret(principal, KeyRole::Officer, 0)],
            );
        });
        story
    };
    put(
        &mut all,
        "a payload signed anew: sound",
        said_by("ru.ctc", &|_| {}, &[]),
    );
    put(
        &mut all,
        "a payload with a field twice",
        said_by("ru.ctc", &|_| {}, &[0x20, 5]),
    );
    put(
        &mut all,
        "a payload with an unknown field",
        said_by("ru.ctc", &|_| {}, &[0xf8, 0x07, 0x01]),
    );
    put(
        &mut all,
        "a payload with an empty list twice",
        said_by("ru.ctc", &|it| it.missing.clear(), &[0x32, 0, 0x32, 0]),
    );
    put(
        &mut all,
        "a payload with a value that none has",
        said_by("ru.ctc", &|it| it.reason = 99, &[]),
    );
    put(&mut all, "a payload with two members of a choice", {
        let committed = |message: &mut v1::Acknowledgement| message.common = None;
        let mut honest = story();
        let RecordKind::Acknowledged(it) =
            super::super::tampering::record_of(honest.world.shown.last_mut().unwrap()).kind
        else {
            panic!()
        };
        let common = v1::Acknowledgement::decode(it.payload)
            .unwrap()
            .common
            .unwrap()
            .encode_to_vec();
        let common = [&common[..], &field(5, &[7; 32])].concat();
        let length = common.len();
        let head = vec![
            0x0a,
            u8::try_from(length & 127).unwrap() | 128,
            u8::try_from(length >> 7).unwrap(),
        ];
        assert!(length >= 128);
        said_by("ru.ctc", &committed, &[head, common].concat())
    });
    let signer = |message: &mut v1::Acknowledgement, change: &dyn Fn(&mut v1::Signer)| {
        let Some(v1::common::By::Signer(signer)) = message.common.as_mut().unwrap().by.as_mut() else {
            panic!()
        };
        change(signer);
    };
    put(
        &mut all,
        "an agency that signs for another agency's desk",
        said_by(
            "us.ctc",
            &|it| {
                signer(it, &|it| {
                    (it.principal, it.desk) = ("us.ctc".to_owned(), "ru.ctc".to_owned())
                })
            },
            &[],
        ),
    );
    put(
        &mut all,
        "an agency that signs for its own desk in another's thread",
        said_by(
            "us.ctc",
            &|it| signer(it, &|it| it.principal = "us.ctc".to_owned()),
            &[],
        ),
    );
    let what = "an originator's desk whose name forges a line of the result";
    all.push((what.to_owned(), forged_name()));
    // The directory.
    for (what, back) in [("older", true), ("that does not stand there", false)] {
        let mut story = story();
        let at = story
            .world
            .shown
            .iter()
            .position(|it| super::super::tampering::routed(&super::super::tampering::record_of(it)))
            .unwrap();
        let directory: Vec<Hash> = story
            .world
            .shown
            .iter()
            .filter(|it| super::super::tampering::record_of(it).directory.is_some())
            .map(leaf_of)
            .collect();
        story.world.shown.truncate(at + 1);
        edit(&mut story.world.shown[at], |record| {
            let RecordKind::Routed(routed) = &mut record.kind else {
                panic!()
            };
            let seq = if back {
                directory.len() - 2
            } else {
                directory.len()
            };
            let head = directory[if back { seq } else { seq - 1 }];
            routed.directory = DirectoryPosition {
                seq: u64::try_from(seq).unwrap(),
                head,
            };
        });
        let routed = leaf_of(&story.world.shown[at]);
        edit(&mut story.world.shown[at - 1], |record| {
            let RecordKind::Accepted(accepted) = &mut record.kind else {
                panic!()
            };
            accepted.routed = vec![routed];
        });
        put_cut(&mut all, &format!("ROUTED by a directory {what}"), story, at);
    }
    all.push((
        "a second root, enrolled by KEY_PUBLISHED and signed by itself".to_owned(),
        second_root(),
    ));
    all
}

/// A log whose records from some index on were cut.
fn put_cut(all: &mut Vec<(String, Value)>, what: &str, story: Story, last: usize) {
    let size = u64::try_from(last).unwrap() + 1;
    let note = cosigned_at(&story.world, size, crate::time::Clock::now(&story.world.clock));
    let it = bundle(&story.world, story.warning, "us.ctc", &note, &[]).to_json();
    all.push((what.to_owned(), serde_json::from_str(&it).unwrap()));
}

/// A log in which only a warning was sent, whose signer's desk is two lines.
fn forged_name() -> Value {
    let mut world = World::small();
    let warning = world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
    let mut it = bundle(&world, warning, "us.ctc", &world.checkpoint(), &[]);
    let at = world.shown.len() - 2;
    edit(&mut world.shown[at], |record| {
        let RecordKind::Accepted(accepted) = &mut record.kind else {
            panic!()
        };
        let mut message = v1::Warning::decode(accepted.warning.payload.clone()).unwrap();
        let Some(v1::common::By::Signer(signer)) = message.common.as_mut().unwrap().by.as_mut() else {
            panic!()
        };
        signer.desk = "us.ctc/x\nrecord 99: ru.ctc had signed ACCEPTED".to_owned();
        let payload = Bytes::from(message.encode_to_vec());
        accepted.warning = envelope(
            PayloadKind::Warning,
            payload,
            &[secret("us.ctc", KeyRole::Originate, 0)],
        );
        it.envelope = accepted.warning.clone();
    });
    let digest = it.envelope.digest();
    assert_ne!(digest, warning);
    edit(&mut world.shown[at + 1], |record| {
        record.thread.as_mut().unwrap().warning = digest;
        let RecordKind::Routed(routed) = &mut record.kind else {
            panic!()
        };
        routed.warning = digest;
    });
    let routed = leaf_of(&world.shown[at + 1]);
    edit(&mut world.shown[at], |record| {
        let RecordKind::Accepted(accepted) = &mut record.kind else {
            panic!()
        };
        accepted.routed = vec![routed];
    });
    proven_anew(&world, it)
}

/// After an honest story, a key that nobody of the state certified is published as its root.
fn second_root() -> Value {
    let mut story = story();
    let position = story.world.directory.position().unwrap();
    let key = secret("root:ru", KeyRole::Root, 7);
    let certificate = KeyCertificate {
        common: story.world.common("root:ru", KeyRole::Root, "", None),
        principal: parsed("root:ru"),
        role: KeyRole::Root,
        public_key: key.public_key().as_bytes().to_vec(),
        label: String::new(),
        extensions: Vec::new(),
    };
    let record = Record {
        nonce: [7; 16],
        time: crate::time::Clock::now(&story.world.clock),
        thread: None,
        directory: Some(DirectoryLink {
            seq: position.seq + 1,
            prev: Some(position.head),
        }),
        kind: RecordKind::KeyPublished(envelope(
            PayloadKind::KeyCertificate,
            wire::encode_key_certificate(&certificate),
            &[key],
        )),
    };
    story.world.smuggle(wire::encode_record(&record));
    let world = &story.world;
    let note = cosigned_at(world, world.size(), crate::time::Clock::now(&world.clock));
    serde_json::from_str(&bundle(world, story.warning, "us.ctc", &note, &[]).to_json()).unwrap()
}
