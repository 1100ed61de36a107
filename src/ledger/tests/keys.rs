//! Keys: who certifies, revokes and succeeds which, and from which index on that holds.

use super::{appended, existing};
use crate::domain::*;
use crate::error::ErrorCode as E;
use crate::seal::{PayloadKind, SecretKey};
use crate::wire;
use crate::world::{Scene, World, code_of, parsed, signer_mut};

/// Signs a certificate's content with these keys.
fn certificate(content: &KeyCertificate, keys: &[&SecretKey]) -> SignedEnvelope {
    World::sign(
        PayloadKind::KeyCertificate,
        wire::encode_key_certificate(content),
        keys,
    )
}

/// A new key of an agency signs for itself and its root for it; valid from its own index on. The same bytes again give
/// the original record.
#[test]
fn a_key_is_valid_from_its_index_on() {
    for role in [
        KeyRole::Originate,
        KeyRole::Receive,
        KeyRole::Officer,
        KeyRole::Tls,
    ] {
        let mut scene = Scene::new();
        let envelope = scene.world.certificate("us.ctc", role, 1, "root:us", |_| ());
        let index = scene.log.next_index();
        assert_eq!(appended(&scene.publish_key(envelope.clone())), 1, "{role}");
        assert_eq!(existing(scene.publish_key(envelope)).index, index, "{role}");
        let keyid = World::keyid("us.ctc", role, 1);
        let directory = &scene.log.directory;
        assert!(directory.key_at(&keyid, index - 1).is_none());
        assert_eq!(directory.key_at(&keyid, index).unwrap().role, role);
    }
}

type Content = fn(&mut KeyCertificate);
type Keys = fn(&SecretKey, &SecretKey) -> Vec<SecretKey>;

/// A key again, to be moved.
fn again(key: &SecretKey) -> SecretKey {
    let known: Vec<SecretKey> = [("us.ctc", KeyRole::Originate, 1), ("root:us", KeyRole::Root, 0)]
        .into_iter()
        .map(|(principal, role, generation)| World::key(principal, role, generation))
        .collect();
    known
        .into_iter()
        .find(|k| k.public_key() == key.public_key())
        .unwrap()
}

/// A certificate that is not what it must be leaves nothing. A table of content and signatures.
#[test]
fn a_certificate_is_checked() {
    let both: Keys = |own, root| vec![again(own), again(root)];
    let table: [(E, Content, Keys); 16] = [
        (E::UncertifiedKey, |_| (), |own, _| vec![again(own)]),
        (E::BadSignature, |_| (), |_, root| vec![again(root)]),
        (
            E::UncertifiedKey,
            |_| (),
            |own, _| vec![again(own), World::key("root:ru", KeyRole::Root, 0)],
        ),
        (
            E::UncertifiedKey,
            |_| (),
            |own, _| vec![again(own), World::key("us.ctc", KeyRole::Officer, 0)],
        ),
        (
            E::UncertifiedKey,
            |_| (),
            |own, _| vec![again(own), World::key("root:be", KeyRole::Root, 0)],
        ),
        (
            E::UncertifiedKey,
            |c| signer_mut(&mut c.common).principal = parsed("root:ru"),
            both,
        ),
        (
            E::UncertifiedKey,
            |c| signer_mut(&mut c.common).role = KeyRole::Officer,
            both,
        ),
        (E::UncertifiedKey, |c| c.principal = parsed("ru.ctc"), both),
        (E::NotEnrolled, |c| c.principal = parsed("us.nobody"), both),
        (E::PermissionDenied, |c| c.principal = parsed("root:us"), both),
        (
            E::WrongOrigin,
            |c| c.common.origin = parsed("other.invalid"),
            both,
        ),
        (
            E::InvalidValue,
            |c| {
                signer_mut(&mut c.common).seen = Some(Seen {
                    size: 0,
                    root: crate::transparency::EMPTY_ROOT,
                })
            },
            both,
        ),
        (
            E::CriticalExtension,
            |c| {
                c.extensions = vec![Extension {
                    id: "x.y".to_owned(),
                    critical: true,
                    value: Vec::new(),
                }]
            },
            both,
        ),
        (E::WrongKeyRole, |c| c.role = KeyRole::Operator, both),
        // The identity point: anybody can sign for it.
        (
            E::WeakKey,
            |c| c.public_key = [&[1][..], &[0; 31][..]].concat(),
            both,
        ),
        (
            E::SentAhead,
            |c| {
                c.common.sent = c
                    .common
                    .sent
                    .saturating_add_ms(crate::limits::SENT_AHEAD_MS_MAX + 1)
            },
            both,
        ),
    ];
    for (row, (code, change, keys)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let mut content = scene
            .world
            .certificate_content("us.ctc", KeyRole::Originate, 1, "root:us");
        change(&mut content);
        let own = World::key("us.ctc", KeyRole::Originate, 1);
        let keys = keys(&own, &World::key("root:us", KeyRole::Root, 0));
        let keys: Vec<&SecretKey> = keys.iter().collect();
        let before = scene.log.next_index();
        let decision = scene.publish_key(certificate(&content, &keys));
        assert_eq!(code_of(&decision), Some((code, false)), "row {row}: {decision:?}");
        assert_eq!(scene.log.next_index(), before, "row {row}");
    }
}

/// A TLS key is certified by the root alone and is a whole SubjectPublicKeyInfo; a TLS CA is for later, and
/// such a key is none to seal to.
#[test]
fn a_tls_key_is_certified_by_the_root_alone() {
    let table: [(E, Content, bool); 5] = [
        (E::InvalidValue, |c| c.public_key = vec![1; 32], false),
        (E::InvalidValue, |c| c.public_key.push(0), false),
        (E::Unsupported, |c| c.role = KeyRole::TlsCa, false),
        (E::WeakKey, |c| c.role = KeyRole::Seal, false),
        (E::UncertifiedKey, |_| (), true),
    ];
    for (row, (code, change, two)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let mut content = scene
            .world
            .certificate_content("us.ctc", KeyRole::Tls, 1, "root:us");
        change(&mut content);
        let root = World::key("root:us", KeyRole::Root, 0);
        let officer = World::key("us.ctc", KeyRole::Officer, 0);
        let keys = if two { vec![&root, &officer] } else { vec![&root] };
        let decision = scene.publish_key(certificate(&content, &keys));
        assert_eq!(code_of(&decision), Some((code, false)), "row {row}: {decision:?}");
    }
}

/// A public key is enrolled once, ever: not in another role, not for another principal, not after its revocation.
#[test]
fn a_key_is_enrolled_once_ever() {
    let mut scene = Scene::new();
    let keyid = World::keyid("us.ctc", KeyRole::Officer, 0);
    let revocation = scene.world.revocation("root:us", KeyRole::Root, "us.ctc", keyid);
    assert_eq!(appended(&scene.publish_key(revocation)), 1);
    for (owner, role) in [("us.ctc", KeyRole::Officer), ("us.ctc", KeyRole::Originate)] {
        let key = World::key(owner, role, 0);
        let mut content = scene
            .world
            .certificate_content("us.ctc", KeyRole::Receive, 1, "root:us");
        content.public_key = key.public_key().as_bytes().to_vec();
        let envelope = certificate(&content, &[&key, &World::key("root:us", KeyRole::Root, 0)]);
        let decision = scene.publish_key(envelope);
        let expected = match role {
            // Its own signature counts for nothing any more.
            KeyRole::Officer => E::RevokedKey,
            _ => E::KeyAlreadyEnrolled,
        };
        assert_eq!(code_of(&decision), Some((expected, false)), "{role}");
    }
}

/// A key is revoked by itself or its root, from that index on and never backwards; once.
#[test]
fn a_key_is_revoked_by_itself_or_its_root() {
    for (signer, role) in [("us.ctc", KeyRole::Originate), ("root:us", KeyRole::Root)] {
        let mut scene = Scene::new();
        let warning = scene.accepted("us.ctc", &["ru.ctc"]);
        let keyid = World::keyid("us.ctc", KeyRole::Originate, 0);
        let index = scene.log.next_index();
        let revocation = scene.world.revocation(signer, role, "us.ctc", keyid);
        assert_eq!(appended(&scene.publish_key(revocation.clone())), 1, "{signer}");
        assert_eq!(existing(scene.publish_key(revocation)).index, index);
        let key = scene.log.directory.key(&keyid).unwrap();
        assert_eq!(
            (key.is_valid_at(index - 1), key.is_valid_at(index)),
            (true, false)
        );
        assert_eq!(existing(scene.submit("us.ctc", warning)).rejected, None);
        let again = scene.world.revocation("root:us", KeyRole::Root, "us.ctc", keyid);
        assert_eq!(code_of(&scene.publish_key(again)), Some((E::NoChange, false)));
    }
}

/// A root that is lost can end itself: it certifies nothing any more, has no successor, and what it certified stays valid.
#[test]
fn a_root_can_revoke_itself() {
    let mut scene = Scene::new();
    let keyid = World::keyid("root:us", KeyRole::Root, 0);
    let revocation = scene.world.revocation("root:us", KeyRole::Root, "root:us", keyid);
    assert_eq!(appended(&scene.publish_key(revocation)), 1);
    assert!(scene.log.directory.root_of(&parsed("us")).is_none());
    for envelope in [
        scene
            .world
            .certificate("us.ctc", KeyRole::Officer, 1, "root:us", |_| ()),
        scene.world.succession("us", 0),
    ] {
        assert_eq!(
            code_of(&scene.publish_key(envelope)),
            Some((E::RevokedKey, false))
        );
    }
    scene.accepted("us.ctc", &["ru.ctc"]);
}

/// Nobody else revokes a key, and what is not there cannot be revoked.
#[test]
fn nobody_else_revokes_a_key() {
    let originate = World::keyid("us.ctc", KeyRole::Originate, 0);
    let root = World::keyid("root:us", KeyRole::Root, 0);
    let operator = World::keyid("operator:alice", KeyRole::Operator, 0);
    for (signer, role, principal, keyid, code) in [
        (
            "us.ctc",
            KeyRole::Officer,
            "us.ctc",
            originate,
            E::PermissionDenied,
        ),
        ("root:ru", KeyRole::Root, "us.ctc", originate, E::PermissionDenied),
        (
            "operator:alice",
            KeyRole::Operator,
            "us.ctc",
            originate,
            E::PermissionDenied,
        ),
        (
            "operator:alice",
            KeyRole::Operator,
            "root:us",
            root,
            E::PermissionDenied,
        ),
        ("us.ctc", KeyRole::Officer, "root:us", root, E::PermissionDenied),
        ("root:us", KeyRole::Root, "us.ctc", KeyId([1; 32]), E::NotFound),
        ("root:us", KeyRole::Root, "us.audit", originate, E::NotFound),
        (
            "operator:alice",
            KeyRole::Operator,
            "operator:alice",
            operator,
            E::PermissionDenied,
        ),
    ] {
        let mut scene = Scene::new();
        let revocation = scene.world.revocation(signer, role, principal, keyid);
        let decision = scene.publish_key(revocation);
        assert_eq!(
            code_of(&decision),
            Some((code, false)),
            "{signer} {principal}: {decision:?}"
        );
    }
}

/// A root's successor certifies from its index on, the old root certifies nothing any more, and what it certified stays.
#[test]
fn a_root_is_succeeded() {
    let mut scene = Scene::new();
    let by_old = scene
        .world
        .certificate("us.ctc", KeyRole::Officer, 1, "root:us", |_| ());
    let succession = scene.world.succession("us", 0);
    assert_eq!(appended(&scene.publish_key(succession.clone())), 1);
    assert_eq!(existing(scene.publish_key(succession)).records, 1);
    assert_eq!(code_of(&scene.publish_key(by_old)), Some((E::RevokedKey, false)));
    scene.accepted("us.ctc", &["ru.ctc"]);
    let content = scene
        .world
        .certificate_content("us.ctc", KeyRole::Officer, 1, "root:us");
    let own = World::key("us.ctc", KeyRole::Officer, 1);
    let envelope = certificate(&content, &[&own, &World::key("root:us", KeyRole::Root, 1)]);
    assert_eq!(appended(&scene.publish_key(envelope)), 1);
    let again = scene.world.succession("us", 0);
    assert_eq!(code_of(&scene.publish_key(again)), Some((E::RevokedKey, false)));
}

/// A succession needs both roots, of an enrolled state.
#[test]
fn a_succession_is_signed_by_both() {
    let (old, new) = (
        World::key("root:us", KeyRole::Root, 0),
        World::key("root:us", KeyRole::Root, 1),
    );
    let other = World::key("root:ru", KeyRole::Root, 0);
    for (state, keys, code) in [
        ("us", vec![&old], E::BadSignature),
        ("us", vec![&new], E::UncertifiedKey),
        ("us", vec![&other, &new], E::UncertifiedKey),
        ("be", vec![&old, &new], E::NotEnrolled),
    ] {
        let mut scene = Scene::new();
        let content = RootSuccession {
            common: scene.world.common(&format!("root:{state}"), KeyRole::Root),
            state: parsed(state),
            public_key: new.public_key().as_bytes().to_vec(),
            extensions: Vec::new(),
        };
        let payload = wire::encode_root_succession(&content);
        let envelope = World::sign(PayloadKind::RootSuccession, payload, &keys);
        let decision = scene.publish_key(envelope);
        assert_eq!(code_of(&decision), Some((code, false)), "{state}: {decision:?}");
    }
}

/// An operator's key is published by an operator that is enrolled, and revoked by itself or another; nobody else's key
/// goes that way, and theirs goes no other.
#[test]
fn operators_keys_are_the_operators() {
    let mut scene = Scene::new();
    let alice = "operator:alice";
    let bob = scene
        .world
        .certificate("operator:bob", KeyRole::Operator, 0, alice, |_| ());
    assert_eq!(
        code_of(&scene.publish_key(bob.clone())),
        Some((E::PermissionDenied, false))
    );
    assert_eq!(appended(&scene.publish_operator_key(alice, bob)), 1);
    let tls = scene
        .world
        .certificate("operator:bob", KeyRole::Tls, 0, alice, |_| ());
    assert_eq!(appended(&scene.publish_operator_key(alice, tls)), 1);
    let itself = scene
        .world
        .certificate("operator:eve", KeyRole::Operator, 0, "operator:eve", |_| ());
    let decision = scene.publish_operator_key("operator:eve", itself);
    assert_eq!(code_of(&decision), Some((E::UncertifiedKey, false)));
    let officer = scene
        .world
        .certificate("operator:bob", KeyRole::Officer, 0, alice, |_| ());
    assert_eq!(
        code_of(&scene.publish_operator_key(alice, officer)),
        Some((E::WrongKeyRole, false))
    );
    let agency = scene
        .world
        .certificate("us.ctc", KeyRole::Officer, 1, "root:us", |_| ());
    assert_eq!(
        code_of(&scene.publish_operator_key("root:us", agency)),
        Some((E::PermissionDenied, false))
    );
    let keyid = World::keyid(alice, KeyRole::Operator, 0);
    let revocation = scene
        .world
        .revocation("operator:bob", KeyRole::Operator, alice, keyid);
    assert_eq!(
        appended(&scene.publish_operator_key("operator:bob", revocation)),
        1
    );
    assert_eq!(
        code_of(&scene.suspend("us.ctc", false)),
        Some((E::RevokedKey, false))
    );
}
