//! Making, certifying and showing keys: what lies where, who signed what, and what is not certified.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::client::{ProfileDir, SealKeys};
use crate::domain::{AgencyId, Digest, Origin, PayloadId, StateId};
use crate::seal::{
    FileSigner, PayloadKind, PublicKey, SealSecretKey, SealSuite, SecretKey, envelope_to_json, open_body,
    open_wrap, seal_body, verify_envelope_as, wrap_key,
};
use crate::time::Timestamp;
use crate::tls::TlsIdentity;

const NOW: Timestamp = Timestamp::from_unix_ms(1_709_823_600_000);

fn origin() -> Origin {
    "relay.invalid/test".parse().unwrap()
}

fn root(directory: &Path, state: &str) -> Certifier {
    make_root(directory, &state.parse::<StateId>().unwrap(), &origin(), NOW).unwrap();
    Certifier::root(directory).unwrap()
}

fn agency_keys(directory: &Path, agency: &str) -> Vec<KeyRequest> {
    let agency: AgencyId = agency.parse().unwrap();
    make_agency_keys(
        &ProfileDir::new(directory),
        &agency,
        &AGENCY_ROLES,
        &origin(),
        NOW,
    )
    .unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A root and an agency, from nothing to five certificates: every file is private, every signing key signed its own
/// certificate and the root added its signature, the seal and the TLS key's are signed by the root alone.
#[tokio::test]
async fn an_agency_gets_its_keys_certified() {
    let directory = tempfile::tempdir().unwrap();
    let (root_dir, profile) = (directory.path().join("root"), directory.path().join("ru.ctc"));
    let certifier = root(&root_dir, "ru");
    let root_key = KeyRequest::read(&root_dir.join("root.cert.json")).unwrap();
    assert_eq!(root_key.principal().to_string(), "root:ru");
    let made = agency_keys(&profile, "ru.ctc");
    assert!(made.iter().map(KeyRequest::role).eq(AGENCY_ROLES));
    for request in &made {
        let certified = certify_to_file(request.clone(), &certifier).await.unwrap();
        assert_eq!(certified.file, certificate_path(&request.file));
        let read = KeyRequest::read(&certified.file).unwrap();
        assert_eq!(read, certified);
        assert_eq!(
            read.envelope.payload, request.envelope.payload,
            "the very bytes of the request"
        );
        assert_eq!(
            (read.keyid, read.certificate.common.origin.clone()),
            (request.keyid, origin())
        );
        let expected = if request.role().signs() {
            vec![request.keyid, root_key.keyid]
        } else {
            vec![root_key.keyid]
        };
        let verified = verify_envelope_as(read.envelope, PayloadKind::KeyCertificate, |keyid| {
            let keys = [&root_key.certificate.public_key, &request.certificate.public_key];
            keys.into_iter()
                .filter_map(|key| PublicKey::parse(key).ok())
                .find(|key| key.keyid() == *keyid)
        });
        assert!(verified.unwrap().keyids().eq(expected));
    }
    let tls = TlsIdentity::read(&profile.join("keys/tls.crt"), &profile.join("keys/tls.pem")).unwrap();
    assert_eq!(tls.keyid(), made[4].keyid);
    for path in ["", "keys", "requests"] {
        assert_eq!(mode(&profile.join(path)), 0o700, "{path}");
    }
    for name in [
        "originate.pem",
        "receive.pem",
        "officer.pem",
        "seal.pem",
        "tls.pem",
    ] {
        assert_eq!(mode(&profile.join("keys").join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&root_dir.join("root.pem")), 0o600);
}

/// What may not be certified is not, and says why; a table of requests, one thing wrong with each.
#[tokio::test]
async fn what_is_not_to_be_certified_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let certifier = root(&at("root"), "ru");
    let good = agency_keys(&at("ru.ctc"), "ru.ctc");
    let foreign = agency_keys(&at("be.ctc"), "be.ctc");
    let operators = make_operator_keys(
        &ProfileDir::new(at("op")),
        &"alice".parse().unwrap(),
        None,
        &origin(),
        NOW,
    )
    .unwrap();
    let other_log = make_agency_keys(
        &ProfileDir::new(at("other")),
        &"ru.ctc".parse().unwrap(),
        &AGENCY_ROLES,
        &"other.invalid".parse().unwrap(),
        NOW,
    )
    .unwrap();
    let changed = |request: &KeyRequest, change: &dyn Fn(&mut KeyRequest)| {
        let mut request = request.clone();
        change(&mut request);
        request
    };
    // Written anew with another role, so that only the signature is wrong.
    let rewritten = changed(&good[0], &|request| {
        request.certificate.role = KeyRole::Officer;
        request.envelope.payload = wire::encode_key_certificate(&request.certificate);
    });
    let unsigned = changed(&good[0], &|request| request.envelope.signatures.clear());
    let forged = changed(&good[0], &|request| request.envelope.signatures[0].sig[0] ^= 1);
    let signed_tls = changed(&good[4], &|request| {
        request.envelope.signatures = good[0].envelope.signatures.clone()
    });
    let weak_seal = changed(&good[3], &|request| {
        request.certificate.public_key = [&[1][..], &[0; 32]].concat();
    });
    let twice = certify(good[0].clone(), &certifier).await.unwrap();
    let itself = KeyRequest::read(&at("root").join("root.cert.json")).unwrap();
    for (request, why) in [
        (&foreign[0], "it asks root:be to certify it, this is root:ru"),
        (&operators[0], "it asks operator:alice to certify it"),
        (&other_log[0], "it is for the log other.invalid"),
        (&rewritten, "does not verify"),
        (&unsigned, "the envelope has no signature"),
        (&forged, "does not verify"),
        (&signed_tls, "a TLS or seal key signs nothing"),
        (&weak_seal, "the X25519 key is of small order"),
        (&twice, "is not known"),
        (&itself, "root:ru certifies no key of root:ru"),
    ] {
        let refused = certify(request.clone(), &certifier)
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains(why), "{why}: {refused}");
    }
}

/// An operator's requests are complete, as a genesis takes them; a later operator's wait for an enrolled one.
#[tokio::test]
async fn an_operator_certifies_itself_and_then_others() {
    let directory = tempfile::tempdir().unwrap();
    let alice = ProfileDir::new(directory.path().join("alice"));
    let bob = ProfileDir::new(directory.path().join("bob"));
    let name = |name: &str| name.parse::<crate::domain::OperatorName>().unwrap();
    let made = make_operator_keys(&alice, &name("alice"), None, &origin(), NOW).unwrap();
    let signers = |request: &KeyRequest| {
        let signatures = request.envelope.signatures.iter();
        signatures.map(|signature| signature.keyid).collect::<Vec<_>>()
    };
    assert_eq!(
        (signers(&made[0]), signers(&made[1])),
        (vec![made[0].keyid], vec![made[0].keyid])
    );
    let made_bob = make_operator_keys(&bob, &name("bob"), Some(&name("alice")), &origin(), NOW).unwrap();
    assert_eq!(
        (signers(&made_bob[0]), signers(&made_bob[1])),
        (vec![made_bob[0].keyid], vec![])
    );
    let certifier = Certifier::operator(&alice).unwrap();
    for (request, expected) in made_bob
        .iter()
        .zip([vec![made_bob[0].keyid, made[0].keyid], vec![made[0].keyid]])
    {
        assert_eq!(
            signers(&certify(request.clone(), &certifier).await.unwrap()),
            expected
        );
    }
}

/// Keys are never overwritten, and where one is there none is made.
#[test]
fn keys_are_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let profile = ProfileDir::new(directory.path());
    agency_keys(directory.path(), "ru.ctc");
    let before = fs::read(profile.secret_key(KeyRole::Originate)).unwrap();
    fs::remove_file(profile.secret_key(KeyRole::Officer)).unwrap();
    let refused = make_agency_keys(
        &profile,
        &"ru.ctc".parse().unwrap(),
        &AGENCY_ROLES,
        &origin(),
        NOW,
    );
    assert!(matches!(refused, Err(KeysError::Exists(_))), "{refused:?}");
    assert_eq!(fs::read(profile.secret_key(KeyRole::Originate)).unwrap(), before);
    assert!(!profile.secret_key(KeyRole::Officer).exists());
    let root = make_root(directory.path(), &"ru".parse().unwrap(), &origin(), NOW).unwrap();
    assert!(make_root(directory.path(), &"ru".parse().unwrap(), &origin(), NOW).is_err());
    assert_eq!(KeyRequest::read(&root.file).unwrap(), root);
}

/// What is there is shown with whose it is and whether it is certified; a request of another key is told.
#[tokio::test]
async fn keys_are_shown() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let certifier = root(&at("root"), "ru");
    let made = agency_keys(&at("ru.ctc"), "ru.ctc");
    certify_to_file(made[1].clone(), &certifier).await.unwrap();
    let shown = show(&at("ru.ctc")).unwrap();
    assert_eq!(shown.len(), 5);
    for (key, request) in shown.iter().zip(&made) {
        assert_eq!((key.role, key.keyid), (request.role(), request.keyid));
        assert_eq!(key.principal.as_ref(), Some(request.principal()));
        assert_eq!(key.certificate.is_some(), key.role == KeyRole::Receive);
    }
    let shown = show(&at("root")).unwrap();
    assert_eq!((shown.len(), shown[0].role), (1, KeyRole::Root));
    assert_eq!(show(&at("nothing")).unwrap(), []);
    fs::remove_file(&made[0].file).unwrap();
    fs::write(&made[0].file, envelope_to_json(&made[2].envelope)).unwrap();
    assert!(show(&at("ru.ctc")).is_err());
    // A key in a token is known by its public half.
    let token = SecretKey::from_seed(&[9; 32]);
    fs::create_dir_all(at("token/keys")).unwrap();
    fs::write(
        at("token/keys/officer.pub"),
        hex::encode(token.public_key().as_bytes()),
    )
    .unwrap();
    assert_eq!(show(&at("token")).unwrap()[0].keyid, token.public_key().keyid());
}

/// A certifier whose key is elsewhere (a token) certifies too.
#[tokio::test]
async fn a_root_in_a_token_certifies() {
    let directory = tempfile::tempdir().unwrap();
    let made = agency_keys(directory.path(), "ru.ctc");
    let token = SecretKey::from_seed(&[9; 32]);
    let keyid = token.public_key().keyid();
    let certifier = Certifier::new(
        "root:ru".parse().unwrap(),
        origin(),
        Box::new(FileSigner::new(token)),
    );
    let certified = certify(made[0].clone(), &certifier).await.unwrap();
    assert_eq!(certified.envelope.signatures[1].keyid, keyid);
}

/// A seal key is one of its principal's, certified over its suite and key; it is made alone beside keys that are there, also where
/// these are in a token, whose public halves are never written over.
#[tokio::test]
async fn a_seal_key_is_made_alone() {
    let directory = tempfile::tempdir().unwrap();
    let profile = ProfileDir::new(directory.path().join("ru.ctc"));
    let certifier = root(&directory.path().join("root"), "ru");
    fs::create_dir_all(profile.keys()).unwrap();
    let token = SecretKey::from_seed(&[9; 32]).public_key();
    fs::write(
        profile.public_key(KeyRole::Officer),
        hex::encode(token.as_bytes()),
    )
    .unwrap();
    let make = |roles: &[KeyRole]| {
        let agency = "ru.ctc".parse().unwrap();
        make_agency_keys(&profile, &agency, roles, &origin(), NOW)
    };
    assert!(matches!(make(&AGENCY_ROLES), Err(KeysError::Exists(_))));
    let made = make(&[KeyRole::Seal]).unwrap().remove(0);
    let key = SealSecretKey::read_from(&profile.secret_key(KeyRole::Seal)).unwrap();
    assert_eq!(key.suite(), SealSuite::PREFERRED);
    assert_eq!(made.certificate.public_key, key.public_key().as_bytes());
    assert_eq!(made.keyid, key.public_key().keyid(made.principal()));
    assert!(made.envelope.signatures.is_empty());
    let certified = certify_to_file(made.clone(), &certifier).await.unwrap();
    assert_eq!(certified.envelope.signatures.len(), 1);
    let shown = show(profile.path()).unwrap();
    let roles: Vec<_> = shown.iter().map(|key| key.role).collect();
    assert_eq!(roles, [KeyRole::Officer, KeyRole::Seal]);
    assert_eq!((shown[1].keyid, shown[1].earlier), (made.keyid, false));
    assert!(shown[1].certificate.is_some());
    assert!(matches!(make(&[KeyRole::Seal]), Err(KeysError::Exists(_))));
}

/// A seal key is replaced twice: what was sealed to any of the three is opened, the old ones are kept after the rotations have ended,
/// the newest first, and a switch that was cut and typed again keeps each once.
#[tokio::test]
async fn earlier_seal_keys_open() {
    let directory = tempfile::tempdir().unwrap();
    let profile = ProfileDir::new(directory.path().join("ru.ctc"));
    let certifier = root(&directory.path().join("root"), "ru");
    let agency: AgencyId = "ru.ctc".parse().unwrap();
    let principal = Principal::Agency(agency.clone());
    let made = make_agency_keys(&profile, &agency, &[KeyRole::Seal], &origin(), NOW).unwrap();
    let mut ids = vec![made[0].keyid];
    let (header, id) = (Digest([7; 32]), PayloadId::from_parts(1, [7; 10]));
    let mut sealed = Vec::new();
    let mut seal = || {
        let current = SealSecretKey::read_from(&profile.secret_key(KeyRole::Seal)).unwrap();
        let body = seal_body(&origin(), &id, b"the body").unwrap();
        let wrap = wrap_key(current.public_key(), &header, &agency, &body.key, None).unwrap();
        sealed.push((body, wrap));
    };
    seal();
    let rotation = Rotation::of(&profile, KeyRole::Seal);
    for later in 1..3 {
        let now = Timestamp::from_unix_ms(NOW.unix_ms() + later);
        let stage = rotation.begin(&principal, &origin(), None, now).await.unwrap();
        let RotationStage::Requested(request) = stage else {
            panic!("{stage:?}");
        };
        certify_to_file(request.clone(), &certifier).await.unwrap();
        // On the record it is before it is in use: whatever is sealed to it meanwhile is opened.
        let found = SealKeys::read(&profile).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|key| key.public_key().keyid(&principal))
            .collect();
        assert_eq!(found[..2], [*ids.last().unwrap(), request.keyid]);
        assert_eq!(
            secret_files(profile.path()).unwrap().len(),
            ids.len() + 1,
            "all of them are protected with the others"
        );
        rotation.switch().unwrap();
        let found = SealKeys::read(&profile).unwrap().iter().count();
        assert_eq!(found, ids.len() + 1, "each once");
        assert_eq!(rotation.old_keyid().unwrap(), *ids.last().unwrap());
        fs::remove_file(profile.path().join("rotation/seal/switched")).unwrap();
        rotation.settle().unwrap();
        rotation.end().unwrap();
        ids.push(request.keyid);
        seal();
    }
    ids.reverse();
    let keys = SealKeys::read(&profile).unwrap();
    let found: Vec<_> = keys
        .iter()
        .map(|key| key.public_key().keyid(&principal))
        .collect();
    assert_eq!(found, ids);
    for (body, wrap) in &sealed {
        let mut opened = keys
            .iter()
            .filter_map(|key| open_wrap(key, &header, &agency, wrap).ok());
        let key = opened.next().unwrap().key;
        assert!(opened.next().is_none());
        let part = open_body(&origin(), &id, &key, &body.commitment, &body.content).unwrap();
        assert_eq!(part.text, b"the body");
    }
    let shown = show(profile.path()).unwrap();
    assert!(shown.iter().map(|key| key.keyid).eq(ids));
    assert!(shown.iter().map(|key| key.earlier).eq([false, true, true]));
    assert_eq!(secret_files(profile.path()).unwrap().len(), 3);
    assert_eq!(mode(&profile.earlier_seal_keys()), 0o700);
    assert!(shown.iter().all(|key| mode(&key.file) == 0o600));
}

/// An end that was cut anywhere, an earlier version's too, leaves nothing that a later rotation takes for its own: the next one begins
/// with a key that is only requested, is ended as any other, and the directory goes.
#[tokio::test]
async fn an_end_that_was_cut_leaves_no_word_of_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let profile = ProfileDir::new(directory.path().join("ru.ctc"));
    let certifier = root(&directory.path().join("root"), "ru");
    let principal = Principal::Agency("ru.ctc".parse().unwrap());
    agency_keys(profile.path(), "ru.ctc");
    let rotation = Rotation::of(&profile, KeyRole::Officer);
    let at = |name: &str| profile.path().join("rotation").join(name);
    let mut last = None;
    type Cut<'a> = (&'a str, &'a dyn Fn());
    let cuts: [Cut<'_>; 4] = [
        ("not cut", &|| rotation.end().unwrap()),
        ("moved and not removed", &|| {
            fs::rename(at("officer"), at("officer.ended")).unwrap();
        }),
        ("the new key removed", &|| {
            fs::remove_dir_all(at("officer/new")).unwrap();
        }),
        ("one mark left", &|| {
            for name in ["new", "old"] {
                fs::remove_dir_all(at("officer").join(name)).unwrap();
            }
            fs::remove_file(at("officer/switched")).unwrap();
        }),
    ];
    for (what, cut) in cuts {
        rotation.settle().unwrap();
        assert_eq!(rotation.stage().unwrap(), None, "{what}");
        let stage = rotation.begin(&principal, &origin(), None, NOW).await.unwrap();
        let RotationStage::Requested(request) = stage else {
            panic!("{what}: {stage:?}");
        };
        let certified = certify_to_file(request, &certifier).await.unwrap();
        assert_eq!(
            rotation.stage().unwrap(),
            Some(RotationStage::Certified(certified.clone()))
        );
        rotation.settle().unwrap();
        rotation.switch().unwrap();
        assert_eq!(
            rotation.stage().unwrap(),
            Some(RotationStage::Switched(certified.clone()))
        );
        if let Some(old) = last {
            assert_eq!(rotation.old_keyid().unwrap(), old, "{what}");
        }
        let current = SecretKey::read_from(&profile.secret_key(KeyRole::Officer)).unwrap();
        assert_eq!(current.public_key().keyid(), certified.keyid);
        last = Some(certified.keyid);
        cut();
    }
    rotation.settle().unwrap();
    assert_eq!(rotation.stage().unwrap(), None);
    rotation.begin(&principal, &origin(), None, NOW).await.unwrap();
    rotation.end().unwrap();
    assert!(
        fs::read_dir(profile.path().join("rotation"))
            .unwrap()
            .next()
            .is_none()
    );
}
