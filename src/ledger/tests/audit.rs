//! The auditor's view: a good log verifies and gives the same state again, and whatever is wrong in a log is found at
//! its index.

use crate::domain::*;
use crate::ledger::{
    ApplyError, Change, Corrupt, Directory, Facts, MemoryFacts, ThreadKey, apply, is_visible, seen,
    verify_record, visibility,
};
use crate::transparency::leaf_hash;
use crate::wire;
use crate::world::{Scene, World, parsed};

/// Verifies and applies records from the beginning, as an auditor does; stops at the first that is corrupt.
fn replay(records: &[Record]) -> Result<(Directory, MemoryFacts), Corrupt> {
    let (mut directory, mut facts) = (Directory::default(), MemoryFacts::new());
    for (index, record) in records.iter().enumerate() {
        let leaf = leaf_hash(&wire::encode_record(record));
        let index = index as u64;
        verify_record(&directory, index, record)?;
        match apply(&mut directory, &facts, index, leaf, record) {
            Ok(changes) => facts.put(changes),
            Err(ApplyError::Corrupt(corrupt)) => return Err(corrupt),
            Err(ApplyError::Facts(error)) => panic!("{error}"),
        }
        facts.append_leaf(leaf);
    }
    Ok((directory, facts))
}

/// A log with something of everything: two warnings, a rejection, handover, receipt and answer, a revocation, a
/// succession, a new operator's key, a suspension and its end.
fn eventful() -> Scene {
    let mut scene = Scene::new();
    let started = RelayStarted {
        version: "0.1.0".to_owned(),
        configuration_digest: [1; 32],
        stopped_at: None,
        witnesses_reached: 0,
        retention: None,
    };
    scene.run(crate::ledger::Command::RelayStarted(started));
    let warning = scene.accepted("us.ctc", &["fr.ctc", "ru.ctc/aviation"]);
    scene.run(crate::ledger::Command::HandOver(crate::ledger::HandOver {
        thread: ThreadKey {
            warning: warning.envelope.digest(),
            desk: parsed("ru.ctc/aviation"),
        },
        session_id: [5; 16],
        tls_keyid: World::keyid("ru.ctc", KeyRole::Tls, 0),
        unrecorded: 0,
    }));
    for kind in [AcknowledgementKind::Received, AcknowledgementKind::Refused] {
        let said = scene
            .world
            .acknowledgement("ru.ctc/aviation", &warning, kind, |_| ());
        scene.acknowledge("ru.ctc", said);
    }
    let expired = scene
        .world
        .draft("us.ctc", &["ru.ctc"], &[])
        .with(|h| h.expires = None)
        .sign("us.ctc");
    scene.submit("us.ctc", expired);
    let keyid = World::keyid("ru.ctc", KeyRole::Officer, 0);
    let revocation = scene
        .world
        .revocation("ru.ctc", KeyRole::Officer, "ru.ctc", keyid);
    scene.publish_key(revocation);
    let succession = scene.world.succession("fr", 0);
    scene.publish_key(succession);
    let key = scene
        .world
        .certificate("operator:bob", KeyRole::Operator, 0, "operator:alice", |_| ());
    scene.publish_operator_key("operator:alice", key);
    scene.suspend("us.ctc", false);
    scene.suspend("us.ctc", true);
    scene.accepted("us.ctc", &["fr.ctc"]);
    scene
}

fn records(scene: &Scene) -> Vec<Record> {
    scene
        .log
        .records
        .iter()
        .map(|record| record.record.clone())
        .collect()
}

fn position(records: &[Record], which: fn(&RecordKind) -> bool) -> usize {
    records.iter().position(|record| which(&record.kind)).unwrap()
}

/// A good log verifies from the beginning and gives the state that the relay has; every `seen` in it is on it.
#[test]
fn a_good_log_gives_the_same_state_again() {
    let scene = eventful();
    let records = records(&scene);
    let (directory, facts) = replay(&records).unwrap();
    assert_eq!(directory, scene.log.directory);
    assert_eq!(facts, scene.log.facts);
    let mut said = 0;
    for (index, record) in records.iter().enumerate() {
        if let Some(seen) = seen(record) {
            assert!(seen.size <= index as u64);
            assert_eq!(facts.root_at(seen.size).unwrap(), Some(seen.root));
            said += 1;
        }
    }
    assert_eq!(said, 16);
}

type Spoil = fn(&mut Vec<Record>) -> usize;

fn accepted_of(record: &mut Record) -> &mut Accepted {
    match &mut record.kind {
        RecordKind::Accepted(accepted) => accepted,
        other => panic!("{other:?}"),
    }
}

fn is_accepted(kind: &RecordKind) -> bool {
    matches!(kind, RecordKind::Accepted(_))
}

fn is_acknowledged(kind: &RecordKind) -> bool {
    matches!(kind, RecordKind::Acknowledged(_))
}

fn is_handed_over(kind: &RecordKind) -> bool {
    matches!(kind, RecordKind::HandedOver(_))
}

fn is_revoked(kind: &RecordKind) -> bool {
    matches!(kind, RecordKind::KeyRevoked(_))
}

fn is_agency_enrolled(kind: &RecordKind) -> bool {
    matches!(kind, RecordKind::AgencyEnrolled(_))
}

/// What is wrong in a log is found, at the first index where it shows. Each change gives that index; a table.
#[test]
fn a_fault_names_its_index() {
    let table: &[(&str, Spoil)] = &[
        ("a forged acknowledgement", |r| {
            let at = position(r, is_acknowledged);
            let RecordKind::Acknowledged(envelope) = &mut r[at].kind else {
                panic!()
            };
            envelope.signatures[0].sig[7] ^= 1;
            at
        }),
        ("a forged warning", |r| {
            let at = position(r, is_accepted);
            accepted_of(&mut r[at]).warning.signatures[0].sig[7] ^= 1;
            at
        }),
        ("an acknowledgement left out", |r| {
            let at = position(r, is_acknowledged);
            r.remove(at);
            at
        }),
        ("two records of a thread exchanged", |r| {
            let at = position(r, is_acknowledged);
            r.swap(at, at + 1);
            at
        }),
        ("an acknowledgement twice", |r| {
            let at = position(r, is_acknowledged);
            r.insert(at + 1, r[at].clone());
            at + 1
        }),
        ("a changed handover, seen at the next of its thread", |r| {
            let at = position(r, is_handed_over);
            r[at].nonce[0] ^= 1;
            at + 1
        }),
        ("a handover to a stranger's key", |r| {
            let at = position(r, is_handed_over);
            let RecordKind::HandedOver(handed_over) = &mut r[at].kind else {
                panic!()
            };
            handed_over.tls_keyid = World::keyid("us.ctc", KeyRole::Tls, 0);
            at
        }),
        ("a recipient left out", |r| {
            let at = position(r, is_accepted);
            r.remove(at + 1);
            at + 1
        }),
        ("all recipients left out", |r| {
            let at = position(r, is_accepted);
            r.drain(at + 1..at + 3);
            at + 1
        }),
        ("a recipient left out of the acceptance too", |r| {
            let at = position(r, is_accepted);
            accepted_of(&mut r[at]).routed.remove(0);
            r.remove(at + 1);
            at
        }),
        ("an opening left out of the acceptance", |r| {
            let at = position(r, is_accepted);
            accepted_of(&mut r[at]).openings.retain(|o| o.address != "fr.ctc");
            at
        }),
        ("another recipient", |r| {
            let at = position(r, is_accepted);
            let RecordKind::Routed(routed) = &mut r[at + 1].kind else {
                panic!()
            };
            routed.desk = parsed("us.ctc");
            at + 1
        }),
        ("a recipient by another's opening", |r| {
            let at = position(r, is_accepted);
            let RecordKind::Routed(routed) = &mut r[at + 1].kind else {
                panic!()
            };
            routed.openings[0].salt[0] ^= 1;
            at + 1
        }),
        ("another directory", |r| {
            let at = position(r, is_accepted);
            let RecordKind::Routed(routed) = &mut r[at + 1].kind else {
                panic!()
            };
            routed.directory.seq += 1;
            at + 1
        }),
        ("an acceptance twice", |r| {
            let at = position(r, is_accepted);
            let again: Vec<Record> = r[at..at + 3].to_vec();
            r.splice(at + 3..at + 3, again);
            at + 3
        }),
        ("time that goes back", |r| {
            let at = r.len() - 2;
            r[at].time = r[at].time.saturating_add_ms(-1);
            at
        }),
        ("a directory record left out", |r| {
            let at = position(r, is_revoked);
            r.remove(at);
            // At the next of the chain.
            at
        }),
        ("a forged revocation", |r| {
            let at = position(r, is_revoked);
            let RecordKind::KeyRevoked(envelope) = &mut r[at].kind else {
                panic!()
            };
            envelope.signatures[0].sig[0] ^= 1;
            at
        }),
        ("a revocation by the operator", |r| {
            let at = position(r, is_revoked);
            let keyid = World::keyid("ru.ctc", KeyRole::Officer, 0);
            let mut world = World::new();
            world.seen = Some(Seen {
                size: 0,
                root: crate::transparency::EMPTY_ROOT,
            });
            let envelope = world.revocation("operator:alice", KeyRole::Operator, "ru.ctc", keyid);
            r[at].kind = RecordKind::KeyRevoked(envelope);
            at
        }),
        ("a key of an enrolment left out", |r| {
            let at = position(r, is_agency_enrolled);
            r.remove(at + 1);
            at + 1
        }),
        ("a record without its thread", |r| {
            let at = position(r, is_acknowledged);
            r[at].thread = None;
            at
        }),
        ("a second genesis", |r| {
            r.insert(1, r[0].clone());
            1
        }),
        ("no genesis", |r| {
            r.remove(0);
            0
        }),
        ("a signature of a key after its revocation", |r| {
            // The answer moves behind the revocation of its officer's key.
            let at = position(r, is_revoked);
            let answer = at - 2;
            assert!(is_acknowledged(&r[answer].kind));
            let moved = r.remove(answer);
            r.insert(at, moved);
            at
        }),
        ("a refusal in another's name", |r| {
            let at = position(r, |kind| matches!(kind, RecordKind::Rejected(_)));
            let RecordKind::Rejected(rejected) = &mut r[at].kind else {
                panic!()
            };
            rejected.principal = parsed("fr.ctc");
            at
        }),
        ("a refusal that never leaves a record", |r| {
            let at = position(r, |kind| matches!(kind, RecordKind::Rejected(_)));
            let RecordKind::Rejected(rejected) = &mut r[at].kind else {
                panic!()
            };
            rejected.code = "OVERLOADED".to_owned();
            at
        }),
    ];
    let scene = eventful();
    let good = records(&scene);
    for (what, spoil) in table {
        let mut records = good.clone();
        let expected = spoil(&mut records) as u64;
        let corrupt = replay(&records).expect_err(what);
        assert_eq!(corrupt.index, expected, "{what}: {corrupt}");
    }
}

/// An acceptance of what the rules forbid is found, though every signature is good: a dishonest relay cannot let a
/// suspended agency's warning through, nor one that had expired.
#[test]
fn an_acceptance_against_the_rules_is_found() {
    let scene = eventful();
    let good = records(&scene);
    let last = good.iter().rposition(|record| is_accepted(&record.kind)).unwrap();
    let (mut directory, mut facts) = (Directory::default(), MemoryFacts::new());
    for (index, record) in good[..last].iter().enumerate() {
        let leaf = leaf_hash(&wire::encode_record(record));
        let changes = apply(&mut directory, &facts, index as u64, leaf, record).unwrap();
        facts.put(changes);
    }
    assert!(verify_record(&directory, last as u64, &good[last]).is_ok());
    let mut late = good[last].clone();
    late.time = late.time.saturating_add_ms(48 * 3_600_000);
    assert_eq!(
        verify_record(&directory, last as u64, &late).unwrap_err().index,
        last as u64
    );
    let mut suspended = scene.clone();
    suspended.suspend("us.ctc", false);
    let corrupt = verify_record(&suspended.log.directory, 99, &good[last]).unwrap_err();
    assert!(corrupt.what.contains("SUSPENDED"), "{corrupt}");
}

/// Who sees only the recipient's part (its auditor) verifies and applies what it sees; whole facts would miss the rest.
#[test]
fn a_part_can_be_replayed() {
    let scene = eventful();
    let (mut directory, mut facts) = (Directory::default(), MemoryFacts::partial());
    let auditor = parsed("us.audit");
    let mut threads = 0;
    for (index, new) in scene.log.records.iter().enumerate() {
        let visible = visibility(&scene.log.facts, &new.record).unwrap();
        if !is_visible(&scene.log.directory, &auditor, &visible) {
            continue;
        }
        verify_record(&directory, index as u64, &new.record).unwrap();
        let changes = apply(&mut directory, &facts, index as u64, new.leaf, &new.record).unwrap();
        threads += changes
            .iter()
            .filter(|change| matches!(change, Change::ThreadRecord { .. }))
            .count();
        facts.put(changes);
    }
    assert_eq!(threads, 4);
    assert_eq!(directory, scene.log.directory);
    let thread = facts.threads().next().unwrap();
    let whole = scene.log.facts.thread(thread.0).unwrap().unwrap();
    // The acceptance is the originator's.
    let seen = crate::ledger::ThreadFact {
        acceptance: None,
        ..whole
    };
    assert_eq!(seen, *thread.1);
}

/// A kind of a later version hashes and chains: in a thread, in the directory, or in neither.
#[test]
fn unknown_kinds_pass() {
    let mut scene = eventful();
    let nonce = [9; 16];
    let time = scene.world.now;
    let (key, thread) = scene
        .log
        .facts
        .threads()
        .next()
        .map(|(k, t)| (k.clone(), t.clone()))
        .unwrap();
    let position = scene.log.directory.position().unwrap();
    let link = ThreadLink {
        warning: key.warning,
        desk: key.desk.clone(),
        seq: thread.seq + 1,
        prev: Some(thread.prev),
    };
    let chain = DirectoryLink {
        seq: position.seq + 1,
        prev: Some(position.head),
    };
    for (thread, directory) in [(None, None), (Some(link), None), (None, Some(chain))] {
        let record = Record {
            nonce,
            time,
            thread,
            directory,
            kind: RecordKind::Unknown,
        };
        let bytes = wire::encode_record(&record);
        let leaf = leaf_hash(&bytes);
        scene.log.append(crate::ledger::NewRecord {
            record,
            bytes,
            leaf,
            parts: Vec::new(),
        });
    }
    assert_eq!(scene.log.facts.thread(&key).unwrap().unwrap().seq, thread.seq + 1);
    assert_eq!(scene.log.directory.position().unwrap().seq, position.seq + 1);
    let (directory, facts) = replay(&records(&scene)).unwrap();
    assert_eq!((directory, facts), (scene.log.directory, scene.log.facts));
}

/// A warning that is routed to the same desk a second time is found by whoever sees only that desk's part, and the first
/// time gave the desk its number: the second gives none.
#[test]
fn a_second_routing_is_found_in_a_part() {
    let scene = eventful();
    let (mut directory, mut facts) = (Directory::default(), MemoryFacts::partial());
    let (reader, desk) = (parsed("ru.ctc"), parsed("ru.ctc/aviation"));
    let mut again = None;
    for (index, new) in scene.log.records.iter().enumerate() {
        let visible = visibility(&scene.log.facts, &new.record).unwrap();
        if !is_visible(&scene.log.directory, &reader, &visible) {
            continue;
        }
        let changes = apply(&mut directory, &facts, index as u64, new.leaf, &new.record).unwrap();
        facts.put(changes);
        if matches!(&new.record.kind, RecordKind::Routed(routed) if routed.desk == desk) {
            let mut second = new.record.clone();
            second.nonce[0] ^= 1;
            let leaf = leaf_hash(&wire::encode_record(&second));
            let index = index as u64 + 1;
            verify_record(&directory, index, &second).unwrap();
            let error = apply(&mut directory.clone(), &facts, index, leaf, &second).unwrap_err();
            assert!(error.to_string().contains("begun before"), "{error}");
            again = Some(facts.inbox_count(&desk).unwrap());
        }
    }
    assert_eq!(again, Some(1));
}
