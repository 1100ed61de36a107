//! What changes the directory, but keys: enrolment, desks, mandates, suspension. A refusal leaves nothing.

use super::{appended, existing};
use crate::domain::*;
use crate::error::ErrorCode as E;
use crate::ledger::{Command, Decision, Directory, Log, admit};
use crate::seal::PayloadKind;
use crate::world::{Scene, World, code_of, parsed, signer_mut};

/// The genesis is record 0, makes its operators known with their TLS keys, and comes once.
#[test]
fn the_genesis_comes_once() {
    let mut scene = Scene::empty();
    let directory = &scene.log.directory;
    let Log {
        origin,
        public_key,
        deadlines,
    } = directory.log().unwrap();
    assert_eq!(
        (origin, public_key, deadlines.len()),
        (&scene.world.origin, World::log_key().public_key().as_bytes(), 1)
    );
    let tls = World::keyid("operator:alice", KeyRole::Tls, 0);
    assert_eq!(directory.session_principal(&tls), Some(parsed("operator:alice")));
    assert_eq!(directory.position().unwrap().seq, 0);
    let again = scene.world.genesis(&["bob"]);
    assert_eq!(
        code_of(&scene.run(Command::Genesis(again))),
        Some((E::AlreadyEnrolled, false))
    );
}

/// A genesis whose operators' certificates are not what they must be begins no log. A table of one change each.
#[test]
fn a_genesis_is_checked() {
    type Spoil = fn(&mut World, &mut Genesis);
    let table: [(E, Spoil); 6] = [
        (E::MissingField, |_, g| g.operator_certificates.clear()),
        (E::UncertifiedKey, |_, g| drop(g.operator_certificates.remove(0))),
        (E::BadSignature, |_, g| {
            g.operator_certificates[0].signatures[0].sig[0] ^= 1
        }),
        (E::WrongOrigin, |w, g| {
            w.origin = parsed("other.invalid");
            let operator = "operator:bob";
            g.operator_certificates
                .push(w.certificate(operator, KeyRole::Operator, 0, operator, |_| ()));
        }),
        (E::KeyAlreadyEnrolled, |_, g| {
            g.operator_certificates.push(g.operator_certificates[0].clone())
        }),
        (E::PermissionDenied, |w, g| {
            g.operator_certificates
                .push(w.certificate("root:ru", KeyRole::Root, 0, "root:ru", |_| ()));
        }),
    ];
    for (row, (code, spoil)) in table.into_iter().enumerate() {
        let mut world = World::new();
        let mut genesis = world.genesis(&["alice"]);
        spoil(&mut world, &mut genesis);
        let mut log = crate::world::Log::default();
        let decision = log.run(Command::Genesis(genesis), world.now);
        assert_eq!(code_of(&decision), Some((code, false)), "row {row}: {decision:?}");
    }
}

/// Only a log that has begun says that its daemon began.
#[test]
fn the_daemon_begins_after_the_genesis() {
    let started = RelayStarted {
        version: "0.1.0".to_owned(),
        configuration_digest: [1; 32],
        stopped_at: None,
        witnesses_reached: 0,
        retention: None,
    };
    let mut log = crate::world::Log::default();
    let early = log.run(Command::RelayStarted(started.clone()), crate::world::BEGINNING);
    assert_eq!(code_of(&early), Some((E::InvalidRequest, false)));
    let mut scene = Scene::empty();
    assert_eq!(appended(&scene.run(Command::RelayStarted(started))), 1);
}

/// Enrolled: a state with its root, an agency with its keys in one block, each once; the same bytes again give the
/// original records.
#[test]
fn enrolment_happens_once() {
    let mut scene = Scene::empty();
    let (enrolment, root) = scene.world.state("alice", "ru");
    let first = scene.log.next_index();
    assert_eq!(
        appended(&scene.enrol_state_with(enrolment.clone(), root.clone())),
        1
    );
    assert_eq!(existing(scene.enrol_state_with(enrolment, root)).index, first);
    assert_eq!(
        code_of(&scene.enrol_state("ru")),
        Some((E::AlreadyEnrolled, false))
    );
    let root = scene.log.directory.root_of(&parsed("ru")).unwrap();
    assert_eq!((root.from, root.role), (first, KeyRole::Root));

    let roles = [KeyRole::Originate, KeyRole::Tls];
    let (enrolment, certificates) = scene.world.agency("alice", "ru.ctc", AgencyKind::Agency, &roles);
    let first = scene.log.next_index();
    assert_eq!(
        appended(&scene.enrol_agency_with(enrolment.clone(), certificates.clone())),
        3
    );
    let again = existing(scene.enrol_agency_with(enrolment, certificates));
    assert_eq!((again.index, again.records), (first, 3));
    let again = scene.enrol_agency("ru.ctc", AgencyKind::Agency, &[]);
    assert_eq!(code_of(&again), Some((E::AlreadyEnrolled, false)));
    let tls = scene
        .log
        .directory
        .key(&World::keyid("ru.ctc", KeyRole::Tls, 0))
        .unwrap();
    assert_eq!(
        (tls.from, tls.until, &tls.principal),
        (first + 2, None, &parsed("ru.ctc"))
    );
}

/// A state's enrolment that is not what it must be leaves nothing. A table of one change each.
#[test]
fn a_states_enrolment_is_checked() {
    type Spoil = fn(&mut World, &mut StateEnrolment, &mut SignedEnvelope);
    let table: [(E, Spoil); 6] = [
        (E::InvalidValue, |_, e, _| {
            e.root_certificate_digest = Digest([1; 32])
        }),
        (E::Unsupported, |_, e, _| {
            e.home_origin = "other.example".to_owned()
        }),
        (E::MissingField, |_, e, _| signer_mut(&mut e.common).seen = None),
        (E::SeenNotOnLog, |_, e, _| {
            signer_mut(&mut e.common).seen.as_mut().unwrap().root = Hash([1; 32])
        }),
        (E::UncertifiedKey, |_, e, _| e.state = parsed("be")),
        (E::UncertifiedKey, |w, e, c| {
            // A root that somebody else's root certifies.
            *c = w.certificate("root:ru", KeyRole::Root, 0, "root:ru", |k| {
                signer_mut(&mut k.common).principal = parsed("root:us");
            });
            e.root_certificate_digest = c.digest();
        }),
    ];
    for (row, (code, spoil)) in table.into_iter().enumerate() {
        let mut scene = Scene::empty();
        let (enrolment, mut root) = scene.world.state("alice", "ru");
        let mut content = crate::wire::state_enrolment(&crate::wire::Recorded(&enrolment)).unwrap();
        spoil(&mut scene.world, &mut content, &mut root);
        let enrolment = scene.world.sign_state("alice", &content);
        let decision = scene.enrol_state_with(enrolment, root);
        assert_eq!(code_of(&decision), Some((code, false)), "row {row}: {decision:?}");
        assert_eq!(scene.log.next_index(), 1);
    }
}

/// An agency's enrolment that is not what it must be leaves nothing. A table of agency, certificates and change.
#[test]
fn an_agencys_enrolment_is_checked() {
    type Certificates = fn(&mut World) -> Vec<SignedEnvelope>;
    let good: Certificates = |w| vec![w.certificate("ru.new", KeyRole::Receive, 0, "root:ru", |_| ())];
    let table: [(&str, Certificates, fn(&mut AgencyEnrolment), E); 8] = [
        ("be.ctc", |_| vec![], |_| (), E::NotEnrolled),
        ("ru.new", good, |e| e.certificate_digests.clear(), E::InvalidValue),
        (
            "ru.new",
            good,
            |e| e.home_origin = "other.example".to_owned(),
            E::Unsupported,
        ),
        (
            "ru.new",
            good,
            |e| signer_mut(&mut e.common).seen = None,
            E::MissingField,
        ),
        ("ru.other", good, |_| (), E::UncertifiedKey),
        (
            "ru.new",
            |w| vec![w.certificate("ru.new", KeyRole::Receive, 0, "root:us", |_| ())],
            |_| (),
            E::UncertifiedKey,
        ),
        (
            "ru.new",
            |w| {
                (0..2)
                    .map(|_| w.certificate("ru.new", KeyRole::Receive, 0, "root:ru", |_| ()))
                    .collect()
            },
            |_| (),
            E::KeyAlreadyEnrolled,
        ),
        (
            "ru.new",
            |w| {
                let id = w.id();
                (0..2)
                    .map(|n| w.certificate("ru.new", KeyRole::Receive, n, "root:ru", |c| c.common.id = id))
                    .collect()
            },
            |_| (),
            E::IdReused,
        ),
    ];
    for (row, (agency, certificates, spoil, code)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let certificates = certificates(&mut scene.world);
        let kind = AgencyKind::Agency;
        let enrolment = scene
            .world
            .agency_enrolment("alice", agency, kind, &certificates, spoil);
        let before = scene.log.next_index();
        let decision = scene.enrol_agency_with(enrolment, certificates);
        assert_eq!(code_of(&decision), Some((code, false)), "row {row}: {decision:?}");
        assert_eq!(scene.log.next_index(), before);
    }
}

/// An operator's calls are an operator's: another session, another key or another role is refused.
#[test]
fn operators_calls_are_the_operators() {
    let mut scene = Scene::new();
    let envelope = scene.world.suspension("alice", "us.ctc", false);
    let refused = admit::suspension(&scene.log.directory, &parsed("us.ctc"), envelope).unwrap_err();
    assert_eq!(refused.code, E::SessionSignerMismatch);
    let envelope = scene.world.suspension("mallory", "us.ctc", false);
    let refused = admit::suspension(&scene.log.directory, &parsed("operator:mallory"), envelope).unwrap_err();
    assert_eq!(refused.code, E::UnknownSigner);
    let mut envelope = scene.world.suspension("alice", "us.ctc", false);
    let key = World::key("us.ctc", KeyRole::Officer, 0);
    envelope = World::sign(PayloadKind::Suspension, envelope.payload, &[&key]);
    let refused = admit::suspension(&scene.log.directory, &parsed("us.ctc"), envelope).unwrap_err();
    assert_eq!(refused.code, E::WrongKeyRole);
}

/// Suspending and reinstating change something, or are no record.
#[test]
fn a_suspension_changes_something() {
    let mut scene = Scene::new();
    for (agency, ends, expected) in [
        ("us.ctc", true, Some((E::NoChange, false))),
        ("us.ctc", false, None),
        ("us.ctc", false, Some((E::NoChange, false))),
        ("us.ctc", true, None),
        ("be.ctc", false, Some((E::NotEnrolled, false))),
    ] {
        assert_eq!(code_of(&scene.suspend(agency, ends)), expected, "{agency} {ends}");
    }
}

/// An agency publishes its own desks, all of them, and the duty desk is there in any case.
#[test]
fn desks_are_the_agencys_own() {
    let mut scene = Scene::new();
    for (agency, desks, expected) in [
        ("ru.ctc", &["ru.ctc/aviation"][..], Some((E::NoChange, false))),
        ("ru.ctc", &["us.ctc/aviation"], Some((E::InvalidValue, false))),
        ("ru.ctc", &["ru.ctc", "ru.ctc/rail"], None),
        ("ru.ctc", &[], None),
        ("ru.ctc", &[], Some((E::NoChange, false))),
    ] {
        assert_eq!(
            code_of(&scene.publish_desks(agency, desks)),
            expected,
            "{desks:?}"
        );
    }
    assert_eq!(
        scene.log.directory.desks_of(&parsed("ru.ctc")),
        vec![parsed("ru.ctc")]
    );
    assert!(scene.log.directory.desks_of(&parsed("us.audit")).is_empty());
    assert!(!scene.log.directory.is_desk(&parsed("us.audit")));
}

/// A mandate names an enrolled auditor, changes something, and shows in the directory both ways.
#[test]
fn a_mandate_is_for_an_auditor() {
    let mut scene = Scene::new();
    for (agency, auditor, withdrawn, expected) in [
        ("ru.ctc", "us.audit", false, Some((E::NoChange, false))),
        ("us.ctc", "us.audit", true, Some((E::NoChange, false))),
        ("us.ctc", "fr.ctc", false, Some((E::InvalidValue, false))),
        ("us.ctc", "be.audit", false, Some((E::NotEnrolled, false))),
        ("us.ctc", "us.audit", false, None),
        ("ru.ctc", "us.audit", true, None),
    ] {
        assert_eq!(
            code_of(&scene.mandate(agency, auditor, withdrawn)),
            expected,
            "{agency} {auditor}"
        );
    }
    let mandators: Vec<_> = scene
        .log
        .directory
        .mandators_of(&parsed("us.audit"))
        .cloned()
        .collect();
    assert_eq!(mandators, vec![parsed("us.ctc")]);
}

/// An identical retry of any directory call gives the original record; other bytes under its id are a conflict.
#[test]
fn directory_calls_are_idempotent() {
    let mut scene = Scene::new();
    let envelope = scene.world.desks("us.ctc", &["us.ctc/rail"]);
    let publish = |scene: &mut Scene, envelope: SignedEnvelope| {
        let admitted = admit::desks(&scene.log.directory, &parsed("us.ctc"), envelope).unwrap();
        scene.run(Command::PublishDesks(admitted))
    };
    let index = scene.log.next_index();
    assert_eq!(appended(&publish(&mut scene, envelope.clone())), 1);
    assert_eq!(existing(publish(&mut scene, envelope.clone())).index, index);
    let mut other = crate::wire::desks(&crate::wire::Recorded(&envelope)).unwrap();
    other.desks.clear();
    let key = World::key("us.ctc", KeyRole::Officer, 0);
    let other = World::sign(PayloadKind::Desks, crate::wire::encode_desks(&other), &[&key]);
    assert_eq!(code_of(&publish(&mut scene, other)), Some((E::IdReused, false)));
}

/// Whoever sees only the chain follows it to the same directory.
#[test]
fn the_chain_alone_gives_the_directory() {
    let mut scene = Scene::new();
    scene.accepted("us.ctc", &["ru.ctc"]);
    scene.suspend("fr.ctc", false);
    let mut followed = Directory::default();
    for (index, record) in scene.log.records.iter().enumerate() {
        if record.record.directory.is_some() {
            followed
                .follow(index as u64, record.leaf, &record.record)
                .unwrap();
        }
    }
    assert_eq!(followed, scene.log.directory);
    // A record left out is noticed at the next.
    let mut broken = Directory::default();
    let chain: Vec<_> = scene
        .log
        .records
        .iter()
        .filter(|r| r.record.directory.is_some())
        .collect();
    broken.follow(0, chain[0].leaf, &chain[0].record).unwrap();
    let corrupt = broken.follow(7, chain[2].leaf, &chain[2].record).unwrap_err();
    assert_eq!(corrupt.index, 7);
}

/// `Decision::Reject` never comes of a directory call: a signer's `seen` that is not on the log is refused, no more.
#[test]
fn a_directory_refusal_leaves_nothing() {
    let mut scene = Scene::new();
    scene.world.seen.as_mut().unwrap().root = Hash([1; 32]);
    let before = scene.log.next_index();
    let decision = scene.publish_desks("us.ctc", &["us.ctc/rail"]);
    assert!(!matches!(decision, Decision::Reject { .. }));
    assert_eq!(code_of(&decision), Some((E::SeenNotOnLog, false)));
    assert_eq!(scene.log.next_index(), before);
}
