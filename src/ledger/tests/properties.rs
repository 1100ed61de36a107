//! Random sequences of commands: whatever is asked, the log stays whole.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::domain::*;
use crate::ledger::{
    Command, Directory, Facts, HandOver, MemoryFacts, NewPart, Overlay, ThreadKey, apply, verify_record,
};
use crate::seal::inbox_commitment;
use crate::world::{Scene, World, parsed};

const AGENCIES: [&str; 3] = ["fr.ctc", "us.ctc", "ru.ctc"];
const DESKS: [&str; 5] = ["fr.ctc", "us.ctc", "ru.ctc", "ru.ctc/aviation", "be.ctc"];

/// One thing that somebody tries; indexes are taken modulo what there is.
#[derive(Debug, Clone)]
enum Attempt {
    Submit {
        from: usize,
        to: Vec<usize>,
        excluded: Option<usize>,
        faulty: bool,
    },
    Resubmit {
        which: usize,
    },
    ReuseId {
        which: usize,
    },
    Acknowledge {
        which: usize,
        desk: usize,
        kind: usize,
    },
    HandOver {
        which: usize,
        desk: usize,
    },
    Suspend {
        agency: usize,
        ends: bool,
    },
    Desks {
        agency: usize,
        aviation: bool,
    },
    Mandate {
        agency: usize,
        withdrawn: bool,
    },
    NewKey {
        agency: usize,
        generation: u32,
    },
    Revoke {
        agency: usize,
        generation: u32,
    },
    Wait {
        ms: i64,
    },
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let n = 0..64usize;
    // `be.ctc` is not enrolled, and is tried now and then.
    let desk = || (0..17usize).prop_map(|n| n / 4);
    prop_oneof![
        24 => (0..3usize, prop::collection::vec(desk(), 1..4), prop::option::weighted(0.2, desk()), prop::bool::weighted(0.1))
            .prop_map(|(from, to, excluded, faulty)| Attempt::Submit { from, to, excluded, faulty }),
        3 => n.clone().prop_map(|which| Attempt::Resubmit { which }),
        3 => n.clone().prop_map(|which| Attempt::ReuseId { which }),
        32 => (n.clone(), desk(), n.clone())
            .prop_map(|(which, desk, kind)| Attempt::Acknowledge { which, desk, kind }),
        12 => (n, desk()).prop_map(|(which, desk)| Attempt::HandOver { which, desk }),
        3 => (0..3usize, prop::bool::weighted(0.7)).prop_map(|(agency, ends)| Attempt::Suspend { agency, ends }),
        3 => (0..3usize, any::<bool>()).prop_map(|(agency, aviation)| Attempt::Desks { agency, aviation }),
        2 => (0..3usize, any::<bool>()).prop_map(|(agency, withdrawn)| Attempt::Mandate { agency, withdrawn }),
        2 => (0..3usize, 1..4u32).prop_map(|(agency, generation)| Attempt::NewKey { agency, generation }),
        1 => (0..3usize, 0..4u32).prop_map(|(agency, generation)| Attempt::Revoke { agency, generation }),
        6 => (-1_000..4_000_000i64).prop_map(|ms| Attempt::Wait { ms }),
    ]
}

/// A desk that the warning is addressed to, mostly; else any.
fn address(of: &Submission, desk: usize) -> String {
    let to: Vec<_> = of
        .openings
        .iter()
        .filter(|opening| opening.kind == AudienceKind::To)
        .collect();
    match DESKS[desk] {
        any @ ("fr.ctc" | "be.ctc") => any.to_owned(),
        _ => to[desk % to.len()].address.clone(),
    }
}

/// Tries them one after another.
fn play(attempts: &[Attempt]) -> Scene {
    let mut scene = Scene::new();
    let mut sent: Vec<(&str, Submission)> = Vec::new();
    for attempt in attempts {
        let pick = |which: usize| sent.get(which % sent.len().max(1)).cloned();
        match attempt {
            Attempt::Submit {
                from,
                to,
                excluded,
                faulty,
            } => {
                let from = AGENCIES[*from];
                let mut to: Vec<&str> = to.iter().map(|n| DESKS[*n]).collect();
                to.sort_unstable();
                to.dedup();
                let excluded: Vec<&str> = excluded.iter().map(|n| DESKS[*n]).collect();
                let mut draft = scene.world.draft(from, &to, &excluded);
                if *faulty {
                    draft = draft.with(|header| header.expires = None);
                }
                let submission = draft.sign(from);
                scene.submit(from, submission.clone());
                sent.push((from, submission));
            }
            Attempt::Resubmit { which } => {
                if let Some((from, submission)) = pick(*which) {
                    scene.submit(from, submission);
                }
            }
            Attempt::ReuseId { which } => {
                if let Some((from, submission)) = pick(*which) {
                    let draft = scene.world.draft(from, &["ru.ctc"], &[]);
                    let id = submission.hint.id;
                    scene.submit(from, draft.with(|header| header.common.id = id).sign(from));
                }
            }
            Attempt::Acknowledge { which, desk, kind } => {
                if let Some((_, submission)) = pick(*which) {
                    let address = address(&submission, *desk);
                    let kind = AcknowledgementKind::ALL[kind % AcknowledgementKind::ALL.len()];
                    let said = scene
                        .world
                        .acknowledgement(DESKS[*desk], &submission, kind, |_| ());
                    let agency = parsed::<DeskAddress>(&address).agency().to_string();
                    scene.acknowledge(&agency, said);
                }
            }
            Attempt::HandOver { which, desk } => {
                if let Some((_, submission)) = pick(*which) {
                    let desk: DeskAddress = parsed(&address(&submission, *desk));
                    let tls_keyid = World::keyid(desk.agency().as_str(), KeyRole::Tls, 0);
                    let thread = ThreadKey {
                        warning: submission.envelope.digest(),
                        desk,
                    };
                    let session_id = [1; 16];
                    scene.run(Command::HandOver(HandOver {
                        thread,
                        session_id,
                        tls_keyid,
                        unrecorded: 0,
                    }));
                }
            }
            Attempt::Suspend { agency, ends } => {
                scene.suspend(AGENCIES[*agency], *ends);
            }
            Attempt::Desks { agency, aviation } => {
                let desk = format!("{}/aviation", AGENCIES[*agency]);
                let desks: &[&str] = if *aviation { &[&desk] } else { &[] };
                scene.publish_desks(AGENCIES[*agency], desks);
            }
            Attempt::Mandate { agency, withdrawn } => {
                scene.mandate(AGENCIES[*agency], "us.audit", *withdrawn);
            }
            Attempt::NewKey { agency, generation } => {
                let agency = AGENCIES[*agency];
                let root = format!("root:{}", &agency[..2]);
                let envelope = scene
                    .world
                    .certificate(agency, KeyRole::Receive, *generation, &root, |_| ());
                scene.publish_key(envelope);
            }
            Attempt::Revoke { agency, generation } => {
                let agency = AGENCIES[*agency];
                // An officer's key of one agency only: the others are to go on answering.
                let role = match (agency, generation) {
                    ("fr.ctc", 0) => KeyRole::Officer,
                    _ => KeyRole::Receive,
                };
                let keyid = World::keyid(agency, role, *generation);
                let root = format!("root:{}", &agency[..2]);
                let envelope = scene.world.revocation(&root, KeyRole::Root, agency, keyid);
                scene.publish_key(envelope);
            }
            Attempt::Wait { ms } => scene.world.now = scene.world.now.saturating_add_ms(*ms),
        }
    }
    scene
}

/// Replaying all from scratch, as an auditor does, gives the same directory and facts.
fn check_replay(scene: &Scene) {
    let (mut directory, mut facts) = (Directory::default(), MemoryFacts::new());
    for (index, new) in scene.log.records.iter().enumerate() {
        let record = crate::wire::record(&new.bytes).unwrap();
        assert_eq!(record, new.record);
        verify_record(&directory, index as u64, &record).unwrap();
        let changes = apply(&mut directory, &facts, index as u64, new.leaf, &record).unwrap();
        facts.put(changes);
        facts.append_leaf(new.leaf);
    }
    assert_eq!(directory, scene.log.directory);
    assert_eq!(facts, scene.log.facts);
}

/// What must hold of any log, told from its records alone.
fn check_chains(scene: &Scene) {
    let mut threads: HashMap<(Digest, DeskAddress), (u64, Hash)> = HashMap::new();
    let mut chain: Option<(u64, Hash)> = None;
    let mut inboxes: HashMap<DeskAddress, u64> = HashMap::new();
    let mut ids = HashSet::new();
    let mut received = HashSet::new();
    let mut due: Vec<Hash> = Vec::new();
    for new in &scene.log.records {
        let record = &new.record;
        assert_eq!(
            due.is_empty(),
            !matches!(record.kind, RecordKind::Routed(_)),
            "ROUTED follows ACCEPTED at once"
        );
        if let Some(link) = &record.thread {
            let key = (link.warning, link.desk.clone());
            let before = threads.insert(key, (link.seq, new.leaf));
            assert_eq!(link.seq, before.map_or(0, |(seq, _)| seq + 1));
            assert_eq!(link.prev, before.map(|(_, leaf)| leaf));
        }
        if let Some(link) = record.directory {
            let before = chain.replace((link.seq, new.leaf));
            assert_eq!(link.seq, before.map_or(0, |(seq, _)| seq + 1));
            assert_eq!(link.prev, before.map(|(_, leaf)| leaf));
        }
        match &record.kind {
            RecordKind::Accepted(accepted) => {
                let header = crate::wire::warning(&crate::wire::Recorded(&accepted.warning)).unwrap();
                let signer = header.common.named().unwrap().principal.clone();
                assert!(
                    ids.insert((signer, header.common.id)),
                    "an id is accepted or rejected once"
                );
                due = accepted.routed.clone();
            }
            RecordKind::Rejected(rejected) => {
                assert!(ids.insert((rejected.principal.clone(), rejected.id)));
            }
            RecordKind::Routed(routed) => {
                assert_eq!(due.remove(0), new.leaf);
                let [NewPart::Inbox(opening)] = &new.parts[..] else {
                    panic!("no inbox opening")
                };
                let count = inboxes.entry(routed.desk.clone()).or_default();
                *count += 1;
                assert_eq!(opening.number, *count, "inbox numbers are dense");
                let commitment = inbox_commitment(&opening.salt, *count, &routed.desk.to_string());
                assert_eq!(routed.inbox_commitment, commitment);
            }
            RecordKind::Acknowledged(envelope) => {
                let said = crate::wire::acknowledgement(&crate::wire::Recorded(envelope)).unwrap();
                let link = record.thread.clone().unwrap();
                if said.kind == AcknowledgementKind::Received {
                    assert!(received.insert((link.warning, link.desk)), "a desk receives once");
                }
            }
            _ => {}
        }
    }
    assert!(due.is_empty());
    assert!(scene.log.records.is_sorted_by_key(|new| new.record.time));
}

/// An overlay over the facts of the first records answers as the facts of all.
fn check_overlay(scene: &Scene, at: usize) {
    let (mut directory, mut base) = (Directory::default(), MemoryFacts::new());
    let at = at % (scene.log.records.len() + 1);
    for (index, new) in scene.log.records.iter().enumerate().take(at) {
        base.put(apply(&mut directory, &base, index as u64, new.leaf, &new.record).unwrap());
    }
    let mut overlay = Overlay::new(base);
    for (index, new) in scene.log.records.iter().enumerate().skip(at) {
        let changes = apply(&mut directory, &overlay, index as u64, new.leaf, &new.record).unwrap();
        overlay.put(changes);
    }
    assert_eq!(directory, scene.log.directory);
    let all = &scene.log.facts;
    assert_eq!(overlay.last_time(), all.last_time());
    for (digest, fact) in all.warnings() {
        assert_eq!(overlay.warning(digest).unwrap().as_ref(), Some(fact));
        assert_eq!(overlay.desks(digest), all.desks(digest));
        assert_eq!(overlay.warnings_with_id(&fact.id), all.warnings_with_id(&fact.id));
    }
    for (key, fact) in all.threads() {
        assert_eq!(overlay.thread(key).unwrap().as_ref(), Some(fact));
        assert_eq!(overlay.inbox_count(&key.desk), all.inbox_count(&key.desk));
    }
    for agency in AGENCIES {
        assert_eq!(overlay.rejected(&parsed(agency)), all.rejected(&parsed(agency)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// After any commands the chains are whole, inbox numbers dense and ids used once; a replay gives the same state, an
    /// overlay the same answers; and the same commands give the same bytes again.
    #[test]
    fn any_commands_leave_the_log_whole(attempts in prop::collection::vec(attempt(), 1..60), at in any::<usize>()) {
        let scene = play(&attempts);
        check_chains(&scene);
        check_replay(&scene);
        check_overlay(&scene, at);
        let again = play(&attempts);
        let bytes = |scene: &Scene| -> Vec<_> { scene.log.records.iter().map(|new| new.bytes.clone()).collect() };
        prop_assert_eq!(bytes(&scene), bytes(&again));
    }
}

/// The random commands do reach what they are to reach: of a fixed run, something of each.
#[test]
fn the_attempts_are_not_idle() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(attempt(), 400..401);
    let attempts = strategy.new_tree(&mut runner).unwrap().current();
    let scene = play(&attempts);
    let count = |which: fn(&RecordKind) -> bool| {
        scene
            .log
            .records
            .iter()
            .filter(|new| which(&new.record.kind))
            .count()
    };
    assert!(count(|kind| matches!(kind, RecordKind::Accepted(_))) > 20);
    assert!(count(|kind| matches!(kind, RecordKind::Rejected(_))) > 20);
    assert!(count(|kind| matches!(kind, RecordKind::Acknowledged(_))) > 5);
    assert!(count(|kind| matches!(kind, RecordKind::HandedOver(_))) > 3);
    assert!(count(|kind| matches!(kind, RecordKind::KeyRevoked(_))) > 0);
}
