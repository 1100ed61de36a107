//! The verifier over what a dishonest relay, or whoever stands in between, would show. Each row changes one thing, and the
//! first bad index must be named with the right kind of fault, and whether the signed checkpoint commits to it.
//!
//! Long because it is one table, of which every row says in its own code what it changes.
//!
//! *In between*: the log is honest, what is shown differs. *At the source*: the relay's own key signs the changed log.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use bytes::Bytes;

use super::tampering::*;
use super::tests::{eventful, run};
use super::world::{Says, World, envelope, parsed, secret};
use super::{Verifier, Wrong};
use crate::domain::*;
use crate::ledger::{Facts, ThreadKey};
use crate::seal::PayloadKind;
use crate::time::Clock;
use crate::wire;

/// What is changed on the way is found, and the first record that differs is named, wherever in it the change lies and
/// whatever it led to first.
#[tokio::test]
async fn changes_in_between_are_located() {
    let world = eventful();
    type Change = fn(&mut Vec<ReplayedRecord>) -> u64;
    let table: &[(&str, Change)] = &[
        ("a nonce that nothing links to", |shown| {
            let at = find(shown, 1, started);
            edit(&mut shown[at], |record| record.nonce[0] ^= 1);
            at as u64
        }),
        ("a nonce that the next of the thread links to", |shown| {
            let at = find(shown, 0, handed_over);
            edit(&mut shown[at], |record| record.nonce[0] ^= 1);
            at as u64
        }),
        ("a nonce of an acceptance", |shown| {
            let at = find(shown, 0, accepted);
            edit(&mut shown[at], |record| record.nonce[0] ^= 1);
            at as u64
        }),
        ("a later time", |shown| {
            let at = find(shown, 0, acknowledged);
            edit(&mut shown[at], |record| {
                record.time = record.time.saturating_add_ms(1)
            });
            at as u64
        }),
        ("a byte of a signature", |shown| {
            let at = find(shown, 1, acknowledged);
            edit(&mut shown[at], |record| {
                let RecordKind::Acknowledged(envelope) = &mut record.kind else {
                    panic!()
                };
                envelope.signatures[0].sig[0] ^= 1;
            });
            at as u64
        }),
        ("the last record", |shown| {
            let at = shown.len() - 1;
            edit(&mut shown[at], |record| record.nonce[0] ^= 1);
            at as u64
        }),
        ("no protobuf", |shown| {
            let at = find(shown, 0, handed_over);
            shown[at].content = ReplayedContent::Record(Bytes::from_static(&[0xff; 40]));
            at as u64
        }),
        ("one left out", |shown| {
            let at = find(shown, 1, handed_over);
            shown.remove(at);
            renumber(shown);
            at as u64
        }),
        ("two swapped", |shown| {
            let at = find(shown, 0, handed_over);
            shown.swap(at, at + 1);
            renumber(shown);
            at as u64
        }),
        ("one repeated", |shown| {
            let at = find(shown, 0, started);
            shown.insert(at, shown[at].clone());
            renumber(shown);
            at as u64 + 1
        }),
        ("one put in", |shown| {
            let at = find(shown, 1, accepted);
            let mut other = shown[find(shown, 0, started)].clone();
            edit(&mut other, |record| {
                record.time = crate::time::Timestamp::from_unix_ms(super::world::BEGIN_MS + 60_000)
            });
            shown.insert(at, other);
            renumber(shown);
            at as u64
        }),
    ];
    let mut sentences = String::new();
    for (what, change) in table {
        let mut shown = world.shown.clone();
        let first = change(&mut shown);
        let fault = in_between(&world, shown).await;
        sentences.push_str(&format!("{what}:\n  {fault}\n"));
        assert_eq!(fault.index, Some(first), "{what}: {fault}");
        assert_eq!(fault.committed, Some(false), "{what}: {fault}");
    }
    insta::assert_snapshot!(sentences);
}

/// Every single byte of a record matters: whichever is flipped, that very record is named.
#[tokio::test]
async fn any_flipped_byte_is_found() {
    let world = eventful();
    let at = find(&world.shown, 2, acknowledged);
    let length = bytes_of(&world.shown[at]).len();
    // Each eleventh keeps the test short; no byte is special to a hash.
    for byte in (0..length).step_by(11) {
        let mut shown = world.shown.clone();
        let mut bytes = bytes_of(&shown[at]).to_vec();
        bytes[byte] ^= 0x40;
        shown[at].content = ReplayedContent::Record(bytes.into());
        let fault = in_between(&world, shown).await;
        assert_eq!(fault.index, Some(at as u64), "byte {byte}: {fault}");
    }
}

/// What is not shown as the protocol says is found by its index, without any proof.
#[tokio::test]
async fn gaps_are_found_at_once() {
    let world = eventful();
    let last = world.size() - 1;
    type Row = (
        &'static str,
        fn(&mut Vec<ReplayedRecord>),
        u64,
        fn(&Wrong) -> bool,
    );
    let table: &[Row] = &[
        (
            "a gap",
            |shown| {
                shown.remove(5);
            },
            5,
            |wrong| matches!(wrong, Wrong::Order { expected: 5, came: 6 }),
        ),
        (
            "a repeat",
            |shown| shown.insert(5, shown[4].clone()),
            5,
            |wrong| matches!(wrong, Wrong::Order { .. }),
        ),
        (
            "a swap",
            |shown| shown.swap(5, 6),
            5,
            |wrong| matches!(wrong, Wrong::Order { .. }),
        ),
        (
            "the end",
            |shown| {
                shown.pop();
            },
            last,
            |wrong| matches!(wrong, Wrong::Truncated { .. }),
        ),
        (
            "nothing",
            |shown| shown.clear(),
            0,
            |wrong| matches!(wrong, Wrong::Truncated { .. }),
        ),
        (
            "one too many",
            |shown| {
                let mut more = shown[1].clone();
                more.index = shown.len() as u64;
                shown.push(more);
            },
            last + 1,
            |wrong| matches!(wrong, Wrong::Beyond { .. }),
        ),
    ];
    for (what, change, index, is) in table {
        let mut shown = world.shown.clone();
        change(&mut shown);
        let fault = in_between(&world, shown).await;
        assert_eq!(fault.index, Some(*index), "{what}: {fault}");
        assert!(is(&fault.wrong), "{what}: {fault}");
        assert_eq!(fault.committed, None, "{what}: {fault}");
    }
}

/// A relay that signs a tree over what the rules do not allow convicts itself: the record is named as committed to.
#[tokio::test]
async fn a_dishonest_log_is_found() {
    let world = eventful();
    type Row = (
        &'static str,
        fn(&mut Vec<ReplayedRecord>) -> u64,
        fn(&Wrong) -> bool,
    );
    let misplaced: fn(&Wrong) -> bool = |wrong| matches!(wrong, Wrong::Misplaced(_));
    let invalid: fn(&Wrong) -> bool = |wrong| matches!(wrong, Wrong::Invalid(_));
    let table: &[Row] = &[
        (
            "an answer signed again by another agency's key",
            |shown| {
                let at = find(shown, 1, acknowledged);
                edit(&mut shown[at], |record| {
                    resign(record, &secret("fr.ctc", KeyRole::Officer, 0))
                });
                at as u64
            },
            invalid,
        ),
        (
            "an answer signed again by a key that nobody enrolled",
            |shown| {
                let at = find(shown, 1, acknowledged);
                edit(&mut shown[at], |record| {
                    resign(record, &secret("ru.ctc", KeyRole::Officer, 1))
                });
                at as u64
            },
            invalid,
        ),
        (
            "a broken thread",
            |shown| {
                let at = find(shown, 0, acknowledged);
                edit(&mut shown[at], |record| {
                    record.thread.as_mut().unwrap().prev = Some(Hash([3; 32]))
                });
                at as u64
            },
            misplaced,
        ),
        (
            "a number of a thread passed over",
            |shown| {
                let at = find(shown, 0, acknowledged);
                edit(&mut shown[at], |record| record.thread.as_mut().unwrap().seq += 1);
                at as u64
            },
            misplaced,
        ),
        (
            "an answer left out of a thread",
            |shown| {
                let at = find(shown, 1, acknowledged);
                shown.remove(at);
                renumber(shown);
                at as u64
            },
            // The next answer's signer had seen the log with it: that stands before the thread's own links.
            |wrong| matches!(wrong, Wrong::Seen { .. } | Wrong::Misplaced(_)),
        ),
        (
            "a ROUTED record left out",
            |shown| {
                let at = find(shown, 1, routed);
                shown.remove(at);
                renumber(shown);
                at as u64
            },
            misplaced,
        ),
        (
            "an acceptance that lists no recipient",
            |shown| {
                let at = find(shown, 0, accepted);
                edit(&mut shown[at], |record| {
                    let RecordKind::Accepted(accepted) = &mut record.kind else {
                        panic!()
                    };
                    accepted.routed.clear();
                });
                at as u64
            },
            misplaced,
        ),
        (
            "a recipient that the audience does not give",
            |shown| {
                let at = find(shown, 2, routed);
                edit(&mut shown[at], |record| {
                    let RecordKind::Routed(routed) = &mut record.kind else {
                        panic!()
                    };
                    routed.desk = parsed("us.ctc");
                    record.thread.as_mut().unwrap().desk = parsed("us.ctc");
                });
                let leaf = leaf_of(&shown[at]);
                edit(&mut shown[at - 1], |record| {
                    let RecordKind::Accepted(accepted) = &mut record.kind else {
                        panic!()
                    };
                    accepted.routed[0] = leaf;
                });
                at as u64
            },
            |wrong| {
                matches!(
                    wrong,
                    Wrong::Misplaced(_) | Wrong::Invalid(_) | Wrong::Inbox { .. }
                )
            },
        ),
        (
            "a time that goes back",
            |shown| {
                let at = find(shown, 1, started);
                edit(&mut shown[at], |record| {
                    record.time = record.time.saturating_add_ms(-3_600_000)
                });
                at as u64
            },
            misplaced,
        ),
        (
            "a genesis in the middle",
            |shown| {
                let at = find(shown, 1, started);
                let mut genesis = shown[0].clone();
                let time = record_of(&shown[at]).time;
                edit(&mut genesis, |record| record.time = time);
                shown[at].content = genesis.content;
                at as u64
            },
            |wrong| matches!(wrong, Wrong::Misplaced(_) | Wrong::Invalid(_)),
        ),
        (
            "another log's key in the genesis",
            |shown| {
                edit(&mut shown[0], |record| {
                    let RecordKind::Genesis(genesis) = &mut record.kind else {
                        panic!()
                    };
                    genesis.log_public_key[0] ^= 1;
                });
                0
            },
            |wrong| matches!(wrong, Wrong::Genesis(_)),
        ),
        (
            "another history before what a signer had seen",
            |shown| {
                // Nothing links to the first start but what signers have seen.
                let at = find(shown, 0, started);
                edit(&mut shown[at], |record| record.nonce[0] ^= 1);
                at as u64 + 1
            },
            |wrong| matches!(wrong, Wrong::Seen { .. }),
        ),
    ];
    let mut sentences = String::new();
    for (what, change, is) in table {
        let mut shown = world.shown.clone();
        let first = change(&mut shown);
        let fault = at_the_source(&world, shown).await;
        sentences.push_str(&format!("{what}:\n  {fault}\n"));
        assert_eq!(fault.index, Some(first), "{what}: {fault}");
        assert!(is(&fault.wrong), "{what}: {fault}");
        let committed = !matches!(fault.wrong, Wrong::Inbox { .. });
        assert_eq!(fault.committed, committed.then_some(true), "{what}: {fault}");
    }
    insta::assert_snapshot!(sentences);
}

/// Signs the envelope of an acknowledgement again, with another key.
fn resign(record: &mut Record, key: &crate::seal::SecretKey) {
    let RecordKind::Acknowledged(signed) = &mut record.kind else {
        panic!()
    };
    *signed = envelope(
        PayloadKind::Acknowledgement,
        signed.payload.clone(),
        std::slice::from_ref(key),
    );
}

/// A checkpoint of another key, another log or another tree is refused or found.
#[test]
fn another_checkpoint_is_found() {
    let world = eventful();
    let other_key =
        crate::transparency::LogKey::new(parsed(super::world::ORIGIN), secret("other", KeyRole::Root, 0));
    let other_log =
        crate::transparency::LogKey::new(parsed("other.invalid"), secret("log", KeyRole::Root, 0));
    for log in [other_key, other_log] {
        let note = log.sign_checkpoint(world.size(), Hash([1; 32]));
        let refused = Verifier::new(world.verifier(), &note).unwrap_err();
        assert!(matches!(refused.wrong, Wrong::Checkpoint(_)), "{refused}");
    }
    let note = world.log.sign_checkpoint(world.size(), Hash([1; 32]));
    let mut verifier = Verifier::new(world.verifier(), &note).unwrap();
    let fault = run(&mut verifier, world.shown.clone()).unwrap_err();
    assert_eq!(fault.index, None);
    assert!(matches!(fault.wrong, Wrong::Root { .. }), "{fault}");
}

/// A relay that records what a revoked key signed is found: at the very next index the key is valid no more.
#[tokio::test]
async fn a_revoked_key_is_found() {
    let mut world = World::new();
    let warning = world.send("us.ctc", &["ru.ctc"], "Attack");
    let (said, _) = world.acknowledgement(warning, "ru.ctc", AcknowledgementKind::Opened, Says::default());
    world.revoke("ru.ctc", KeyRole::Officer);
    let at = world.size();
    let desk: DeskAddress = parsed("ru.ctc");
    let thread = world
        .facts
        .thread(&ThreadKey {
            warning,
            desk: desk.clone(),
        })
        .unwrap()
        .unwrap();
    let key = secret("ru.ctc", KeyRole::Officer, 0);
    let record = Record {
        nonce: [1; 16],
        time: world.clock.now(),
        thread: Some(ThreadLink {
            warning,
            desk,
            seq: thread.seq + 1,
            prev: Some(thread.prev),
        }),
        directory: None,
        kind: RecordKind::Acknowledged(envelope(
            PayloadKind::Acknowledgement,
            wire::encode_acknowledgement(&said),
            &[key],
        )),
    };
    let mut shown = world.shown.clone();
    shown.push(ReplayedRecord {
        index: at,
        content: ReplayedContent::Record(wire::encode_record(&record)),
        part: None,
        inbox: None,
    });
    let fault = at_the_source(&world, shown).await;
    assert_eq!((fault.index, fault.committed), (Some(at), Some(true)), "{fault}");
    assert!(fault.to_string().contains("revoked"), "{fault}");
}

/// An answer that says that its signer has seen more than there was, or another root, is found.
#[tokio::test]
async fn what_nobody_can_have_seen_is_found() {
    for (what, size, root) in [
        ("the future", 9_999, Hash([1; 32])),
        ("another root", 5, Hash([1; 32])),
    ] {
        let mut world = World::new();
        let warning = world.send("us.ctc", &["ru.ctc"], "Attack");
        let (mut said, _) =
            world.acknowledgement(warning, "ru.ctc", AcknowledgementKind::Received, Says::default());
        let at = world.answer(warning, "ru.ctc", AcknowledgementKind::Received, Says::default());
        let SignedBy::Named(signer) = &mut said.common.signer else {
            panic!()
        };
        signer.seen = Some(Seen { size, root });
        let mut shown = world.shown.clone();
        edit(&mut shown[usize::try_from(at).unwrap()], |record| {
            record.kind = RecordKind::Acknowledged(envelope(
                PayloadKind::Acknowledgement,
                wire::encode_acknowledgement(&said),
                &[secret("ru.ctc", KeyRole::Receive, 0)],
            ));
        });
        let fault = at_the_source(&world, shown).await;
        assert_eq!(
            (fault.index, fault.wrong, fault.committed),
            (Some(at), Wrong::Seen { size }, Some(true)),
            "{what}"
        );
    }
}
