//! Who sees which record.

use crate::domain::*;
use crate::ledger::{is_visible, visibility};
use crate::world::{Scene, World, parsed};

/// Each kind of record, and who of the scene's principals sees it: threads the originator and that recipient, the
/// acceptance and a rejection their signer, the directory everybody enrolled; the auditor (mandate of `ru.ctc`) what
/// `ru.ctc` sees; an operator nobody's threads.
#[test]
fn each_sees_its_own() {
    let mut scene = Scene::new();
    let started = RelayStarted {
        version: "0.1.0".to_owned(),
        configuration_digest: [1; 32],
        stopped_at: None,
        witnesses_reached: 0,
        retention: None,
    };
    scene.run(crate::ledger::Command::RelayStarted(started));
    let warning = scene.accepted("us.ctc", &["fr.ctc", "ru.ctc"]);
    let opened = scene
        .world
        .acknowledgement("ru.ctc", &warning, AcknowledgementKind::Opened, |_| ());
    scene.acknowledge("ru.ctc", opened);
    let expired = scene
        .world
        .draft("us.ctc", &["ru.ctc"], &[])
        .with(|h| h.expires = None)
        .sign("us.ctc");
    scene.submit("us.ctc", expired);
    let everybody = ["us.ctc", "fr.ctc", "ru.ctc", "us.audit", "operator:alice"];
    let mut seen = Vec::new();
    for record in &scene.log.records {
        let visible = visibility(&scene.log.facts, &record.record).unwrap();
        let who: Vec<&str> = everybody
            .into_iter()
            .filter(|who| is_visible(&scene.log.directory, &parsed(who), &visible))
            .collect();
        if record.record.directory.is_some() {
            assert_eq!(who, everybody);
        } else {
            seen.push(who);
        }
        for stranger in ["be.ctc", "root:us", "operator:eve"] {
            let root = stranger.starts_with("root") && record.record.thread.is_none();
            assert!(
                root || !is_visible(&scene.log.directory, &parsed(stranger), &visible),
                "{stranger}"
            );
        }
    }
    assert_eq!(
        seen,
        [
            &everybody[..],
            &["us.ctc"],
            &["us.ctc", "fr.ctc"],
            &["us.ctc", "ru.ctc", "us.audit"],
            &["us.ctc", "ru.ctc", "us.audit"],
            &["us.ctc"],
        ]
    );
}

/// A withdrawn mandate closes the auditor's view; a mandate opens it, of the past too.
#[test]
fn a_mandate_opens_and_closes_a_view() {
    let mut scene = Scene::new();
    scene.accepted("us.ctc", &["ru.ctc"]);
    let routed = scene.log.records.last().unwrap().record.clone();
    let visible = visibility(&scene.log.facts, &routed).unwrap();
    let auditor: Principal = parsed("us.audit");
    assert!(is_visible(&scene.log.directory, &auditor, &visible));
    scene.mandate("ru.ctc", "us.audit", true);
    assert!(!is_visible(&scene.log.directory, &auditor, &visible));
    assert!(!scene.log.directory.sees_for(&auditor, &parsed("us.ctc")));
    scene.mandate("us.ctc", "us.audit", false);
    assert!(is_visible(&scene.log.directory, &auditor, &visible));
    assert!(scene.log.directory.sees_for(&auditor, &parsed("us.ctc")));
}

/// A session is a principal's by a TLS key that is enrolled and not revoked; no other key makes one.
#[test]
fn a_session_is_by_tls_key() {
    let mut scene = Scene::new();
    let tls = World::keyid("us.ctc", KeyRole::Tls, 0);
    assert_eq!(
        scene.log.directory.session_principal(&tls),
        Some(parsed("us.ctc"))
    );
    let officer = World::keyid("us.ctc", KeyRole::Officer, 0);
    assert_eq!(scene.log.directory.session_principal(&officer), None);
    let revocation = scene.world.revocation("root:us", KeyRole::Root, "us.ctc", tls);
    scene.publish_key(revocation);
    assert_eq!(scene.log.directory.session_principal(&tls), None);
}
