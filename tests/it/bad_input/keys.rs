//! Which keys are not certified, revoked or succeeded: a refusal of what is said of a key leaves nothing.

use wardline::domain::*;
use wardline::error::ErrorCode as E;
use wardline::seal::{PayloadKind, SecretKey};
use wardline::wire::{self, v1};

use super::row::{Request, Row};
use super::stage::{BE, OPERATOR, RU, US};
use crate::world::{World, signer_mut};

pub(super) fn rows(world: &mut World) -> Vec<Row> {
    let mut rows = certificates(world);
    rows.extend(other_keys(world));
    rows
}

fn publish_key(envelope: &SignedEnvelope) -> Request {
    let request = v1::PublishKeyRequest {
        envelope: Some(envelope.into()),
    };
    Request::call("/wardline.v1.Directory/PublishKey", &request)
}

type Content = fn(&mut KeyCertificate);

/// Who signs a certificate.
#[derive(Clone, Copy)]
enum By {
    ItselfAndRoot,
    Itself,
    Root,
    ItselfAndAnotherRoot,
    ItselfAndOfficer,
}

/// A new key of the sender's, with one thing wrong.
fn certificates(world: &mut World) -> Vec<Row> {
    use By::{Itself, ItselfAndAnotherRoot, ItselfAndOfficer, ItselfAndRoot, Root};
    // The identity, first: whoever knows no secret at all can sign for it.
    let table: [(&str, E, By, Content); 15] = [
        ("a weak key", E::WeakKey, ItselfAndRoot, |c| {
            c.public_key = [&[1][..], &[0; 31]].concat()
        }),
        ("a key that is no point", E::WeakKey, ItselfAndRoot, |c| {
            c.public_key = vec![0xff; 32]
        }),
        ("a key of 31 bytes", E::InvalidValue, ItselfAndRoot, |c| {
            c.public_key = vec![1; 31]
        }),
        ("certified by nobody", E::UncertifiedKey, Itself, |_| ()),
        (
            "certified by another state",
            E::UncertifiedKey,
            ItselfAndAnotherRoot,
            |_| (),
        ),
        (
            "certified by an officer",
            E::UncertifiedKey,
            ItselfAndOfficer,
            |_| (),
        ),
        ("not signed by itself", E::BadSignature, Root, |_| ()),
        (
            "for an agency of another state",
            E::UncertifiedKey,
            ItselfAndRoot,
            |c| c.principal = "ru.ctc".parse().unwrap(),
        ),
        (
            "for an agency that is not enrolled",
            E::NotEnrolled,
            ItselfAndRoot,
            |c| c.principal = "us.nobody".parse().unwrap(),
        ),
        ("for the root", E::PermissionDenied, ItselfAndRoot, |c| {
            c.principal = "root:us".parse().unwrap()
        }),
        ("as an operator", E::WrongKeyRole, ItselfAndRoot, |c| {
            c.role = KeyRole::Operator
        }),
        ("certified for another log", E::WrongOrigin, ItselfAndRoot, |c| {
            c.common.origin = "other.invalid".parse().unwrap()
        }),
        ("certified six minutes ahead", E::SentAhead, ItselfAndRoot, |c| {
            c.common.sent = c.common.sent.saturating_add_ms(6 * 60 * 1000)
        }),
        (
            "a certificate that has seen",
            E::InvalidValue,
            ItselfAndRoot,
            |c| {
                signer_mut(&mut c.common).seen = Some(Seen {
                    size: 1,
                    root: Hash([1; 32]),
                });
            },
        ),
        (
            "a certificate with a critical extension",
            E::CriticalExtension,
            ItselfAndRoot,
            |c| {
                c.extensions = vec![Extension {
                    id: "x.unheard-of".to_owned(),
                    critical: true,
                    value: Vec::new(),
                }];
            },
        ),
    ];
    let new = World::key(US, KeyRole::Originate, 7);
    let root = World::key("root:us", KeyRole::Root, 0);
    let another = World::key("root:ru", KeyRole::Root, 0);
    let officer = World::key(US, KeyRole::Officer, 0);
    let mut rows = Vec::new();
    for (name, code, by, change) in table {
        let mut content = world.certificate_content(US, KeyRole::Originate, 7, "root:us");
        change(&mut content);
        let keys: Vec<&SecretKey> = match by {
            ItselfAndRoot => vec![&new, &root],
            Itself => vec![&new],
            Root => vec![&root],
            ItselfAndAnotherRoot => vec![&new, &another],
            ItselfAndOfficer => vec![&new, &officer],
        };
        let payload = wire::encode_key_certificate(&content);
        let envelope = World::sign(PayloadKind::KeyCertificate, payload, &keys);
        rows.push(Row::nothing(name, US, publish_key(&envelope), code));
    }
    rows
}

/// Keys that are enrolled, revocations and successions.
fn other_keys(world: &mut World) -> Vec<Row> {
    let enrolled = World::key(US, KeyRole::Officer, 0);
    let root = World::key("root:us", KeyRole::Root, 0);
    let mut content = world.certificate_content(US, KeyRole::Receive, 7, "root:us");
    content.public_key = enrolled.public_key().as_bytes().to_vec();
    let payload = wire::encode_key_certificate(&content);
    let again = World::sign(PayloadKind::KeyCertificate, payload, &[&enrolled, &root]);
    let ca = world.certificate(US, KeyRole::TlsCa, 7, "root:us", |_| ());
    let seal = world.certificate(US, KeyRole::Seal, 7, "root:us", |c| {
        c.public_key.pop();
    });
    let raw_tls = world.certificate(US, KeyRole::Tls, 7, "root:us", |c| c.public_key = vec![1; 32]);
    let originate = World::keyid(US, KeyRole::Originate, 0);
    let revoked = World::keyid(BE, KeyRole::Originate, 0);
    let by_officer = world.revocation(US, KeyRole::Officer, US, originate);
    let by_another = world.revocation("root:ru", KeyRole::Root, US, originate);
    let by_operator = world.revocation(OPERATOR, KeyRole::Operator, US, originate);
    let twice = world.revocation("root:be", KeyRole::Root, BE, revoked);
    let of_nobody = world.revocation("root:us", KeyRole::Root, US, KeyId([1; 32]));
    let by_revoked = world.revocation(BE, KeyRole::Originate, BE, revoked);
    let succession = RootSuccession {
        common: world.common("root:us", KeyRole::Root),
        state: "us".parse().unwrap(),
        public_key: World::public_key("root:us", KeyRole::Root, 1),
        extensions: Vec::new(),
    };
    let payload = wire::encode_root_succession(&succession);
    let successor = World::key("root:us", KeyRole::Root, 1);
    let by_successor = World::sign(PayloadKind::RootSuccession, payload.clone(), &[&successor]);
    let by_root = World::sign(PayloadKind::RootSuccession, payload, &[&root]);
    let warning = world.warning(US, &[RU]).envelope;
    let table = [
        (
            "a key that is enrolled in another role",
            again,
            E::KeyAlreadyEnrolled,
        ),
        ("a TLS CA", ca, E::Unsupported),
        ("a key to seal to that is none", seal, E::WeakKey),
        ("a TLS key without its form", raw_tls, E::InvalidValue),
        ("revoked by an officer", by_officer, E::PermissionDenied),
        ("revoked by another state", by_another, E::PermissionDenied),
        ("revoked by an operator", by_operator, E::PermissionDenied),
        ("revoked twice", twice, E::NoChange),
        ("revoked, and never enrolled", of_nobody, E::NotFound),
        ("revoked by itself, which is revoked", by_revoked, E::RevokedKey),
        ("a root that names itself", by_successor, E::UncertifiedKey),
        ("a root that does not agree", by_root, E::BadSignature),
        ("a warning for a key", warning, E::WrongPayloadType),
    ];
    table
        .into_iter()
        .map(|(name, envelope, code)| Row::nothing(name, US, publish_key(&envelope), code))
        .collect()
}
