//! `tests/vectors/enrolments.json`: certificates, enrolments and the genesis. Each case is one change to a log of
//! two states with an agency each, of which one warns the other.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;

use super::super::world::{World, envelope, parsed, secret};
use super::forge::{
    ACCEPTED, AGENCY, Forged, GENESIS, ROUTED, STARTED, STATE, envelope_in, resigned, signed_by, signer,
    signs,
};
use crate::domain::*;
use crate::seal::{PayloadKind, SecretKey};
use crate::wire::v1;

type Change = fn(&mut Forged);
const US: &str = "us.ctc";
const OPERATOR: (&str, KeyRole) = ("operator:main", KeyRole::Operator);
const ROOT: (&str, KeyRole) = ("root:us", KeyRole::Root);
/// An officer's key of us.ctc that is not enrolled yet.
const NEXT: (&str, KeyRole, u8) = (US, KeyRole::Officer, 1);

fn key((of, role): (&str, KeyRole)) -> SecretKey {
    secret(of, role, 0)
}

fn next() -> SecretKey {
    secret(NEXT.0, NEXT.1, NEXT.2)
}

/// A key of an agency is published before the warning.
fn published(log: &mut Forged, of: (&str, KeyRole, u8), by: (&str, KeyRole), keys: &[SecretKey]) {
    let it = log.certificate(of, by, keys);
    log.insert(ACCEPTED, RecordKind::KeyPublished(it));
}

/// An officer's key of us.ctc, as it must be, but for this.
fn certified(log: &mut Forged, change: impl FnOnce(&mut v1::KeyCertificate)) {
    published(log, NEXT, ROOT, &[key(ROOT), next()]);
    log.says(ACCEPTED, change);
}

fn operators(log: &mut Forged, of: (&str, KeyRole, u8), by: (&str, KeyRole), keys: &[SecretKey]) {
    let it = log.certificate(of, by, keys);
    log.insert(ACCEPTED, RecordKind::OperatorKeyPublished(it));
}

fn genesis(log: &mut Forged, change: impl FnOnce(&mut Genesis)) {
    if let RecordKind::Genesis(genesis) = &mut log.items[GENESIS].record.kind {
        change(genesis);
    }
}

/// The genesis has one certificate more.
fn begun_with(log: &mut Forged, of: (&str, KeyRole, u8), by: (&str, KeyRole), keys: &[SecretKey]) {
    let it = log.certificate(of, by, keys);
    genesis(log, |genesis| genesis.operator_certificates.push(it));
}

/// The state us has another root's certificate beside its enrolment, which names it.
fn rooted(log: &mut Forged, it: SignedEnvelope) {
    let digest = it.digest();
    log.says(STATE, |said: &mut v1::StateEnrolment| {
        said.root_certificate_digest = Bytes::copy_from_slice(digest.as_bytes());
    });
    if let RecordKind::StateEnrolled { root_certificate, .. } = &mut log.items[STATE].record.kind {
        *root_certificate = it;
    }
}

/// The state us is enrolled by another than the operator, who says so.
fn state_by(log: &mut Forged, by: (&str, KeyRole)) {
    log.says(STATE, |it: &mut v1::StateEnrolment| signs(&mut it.common, by));
    log.signed(STATE, &[key(by)]);
}

/// The same of its agency.
fn agency_by(log: &mut Forged, by: (&str, KeyRole)) {
    log.says(AGENCY, |it: &mut v1::AgencyEnrolment| signs(&mut it.common, by));
    log.signed(AGENCY, &[key(by)]);
}

/// The keys of us.ctc that its enrolment lists are these of them.
fn listed(log: &mut Forged, change: impl FnOnce(&mut Vec<Bytes>)) {
    log.says(AGENCY, |said: &mut v1::AgencyEnrolment| {
        change(&mut said.certificate_digests)
    });
}

#[rustfmt::skip]
pub(super) const CERTIFICATES: &[(&str, Change)] = &[
    ("a warning: sound", |_| {}),
    ("a further key of an agency: sound", |log| certified(log, |_| {})),
    ("a further TLS key of an agency: sound", |log| published(log, (US, KeyRole::Tls, 1), ROOT, &[key(ROOT)])),
    ("a key that has not signed its certificate", |log| published(log, NEXT, ROOT, &[key(ROOT)])),
    ("a key that its root has not certified", |log| published(log, NEXT, ROOT, &[next()])),
    ("a TLS key whose certificate nobody signed", |log| published(log, (US, KeyRole::Tls, 1), ROOT, &[])),
    ("a key certified by the root of another state", |log| {
        let other = ("root:ru", KeyRole::Root);
        published(log, NEXT, other, &[key(other), next()]);
    }),
    ("a key certified by the root of another state in the name of its own", |log| {
        published(log, NEXT, ROOT, &[key(("root:ru", KeyRole::Root)), next()]);
    }),
    ("a key certified by an officer of its agency", |log| {
        let officer = (US, KeyRole::Officer);
        published(log, NEXT, officer, &[key(officer), next()]);
    }),
    ("an agency's key certified by an operator", |log| published(log, NEXT, OPERATOR, &[key(OPERATOR), next()])),
    ("an agency's TLS key certified by an operator", |log| {
        published(log, (US, KeyRole::Tls, 1), OPERATOR, &[key(OPERATOR)]);
    }),
    ("a certificate that two roots signed", |log| {
        published(log, NEXT, ROOT, &[key(ROOT), key(("root:ru", KeyRole::Root)), next()]);
    }),
    ("a certificate with the new key's signature twice", |log| {
        published(log, NEXT, ROOT, &[key(ROOT), next(), next()]);
    }),
    ("a TLS key's certificate that two roots signed", |log| {
        published(log, (US, KeyRole::Tls, 1), ROOT, &[key(ROOT), key(("root:ru", KeyRole::Root))]);
    }),
    ("a TLS key's certificate with its root's signature twice", |log| {
        published(log, (US, KeyRole::Tls, 1), ROOT, &[key(ROOT), key(ROOT)]);
    }),
    ("a certificate with a further signature by a key that is not enrolled", |log| {
        published(log, NEXT, ROOT, &[key(ROOT), next(), secret(US, KeyRole::Officer, 5)]);
    }),
    ("a certificate whose signature by the root is of something else", |log| {
        published(log, NEXT, ROOT, &[key(ROOT), next()]);
        if let RecordKind::KeyPublished(it) = &mut log.items[ACCEPTED].record.kind {
            it.signatures[0].sig = key(ROOT).sign(b"something else");
        }
    }),
    ("a certificate whose signature by the new key is of something else", |log| {
        published(log, NEXT, ROOT, &[key(ROOT), next()]);
        if let RecordKind::KeyPublished(it) = &mut log.items[ACCEPTED].record.kind {
            it.signatures[1].sig = next().sign(b"something else");
        }
    }),
    ("a certificate that names another signer than its root", |log| {
        certified(log, |it| signer(&mut it.common).principal = "root:ru".to_owned());
    }),
    ("a certificate that names another role of its signer", |log| {
        certified(log, |it| signer(&mut it.common).role = 4);
    }),
    ("a certificate for another log", |log| {
        certified(log, |it| it.common.as_mut().unwrap().origin = "other.example.invalid".to_owned());
    }),
    ("a certificate whose signer says what it has seen", |log| {
        certified(log, |it| signer(&mut it.common).seen = Some(v1::Seen { size: 0, root: EMPTY.into() }));
    }),
    ("a certificate of another payload type", |log| {
        let it = log.certificate(NEXT, ROOT, &[]);
        let mut it = SignedEnvelope { payload_type: PayloadKind::KeyRevocation.payload_type().into(), ..it };
        it = signed_by(&it, &[key(ROOT), next()]);
        log.insert(ACCEPTED, RecordKind::KeyPublished(it));
    }),
    ("a key for an agency that is not enrolled", |log| certified(log, |it| it.principal = "us.other".to_owned())),
    ("a key for what is no name", |log| certified(log, |it| it.principal = "us.ctc\nrecord 1".to_owned())),
    ("a key of another agency's, certified by this one's root", |log| certified(log, |it| it.principal = "ru.ctc".to_owned())),
    ("a further root of a state, published as an agency's key", |log| {
        published(log, ("root:us", KeyRole::Root, 1), ROOT, &[key(ROOT), secret("root:us", KeyRole::Root, 1)]);
    }),
    ("an operator's key, published as an agency's", |log| {
        published(log, ("operator:main", KeyRole::Operator, 1), OPERATOR, &[key(OPERATOR), secret(OPERATOR.0, OPERATOR.1, 1)]);
    }),
    ("an agency's key in an operator's role", |log| {
        published(log, (US, KeyRole::Operator, 1), ROOT, &[key(ROOT), secret(US, KeyRole::Operator, 1)]);
    }),
    ("a key that is enrolled, again and in another role", |log| {
        certified(log, |it| {
            it.role = 4;
            it.public_key = Bytes::copy_from_slice(secret(US, KeyRole::Receive, 0).public_key().as_bytes());
        });
        log.signed(ACCEPTED, &[key(ROOT), key((US, KeyRole::Receive))]);
    }),
    ("a key that is enrolled, again for another agency", |log| {
        let of = ("ru.ctc", KeyRole::Officer);
        certified(log, |it| it.public_key = Bytes::copy_from_slice(key(of).public_key().as_bytes()));
        log.signed(ACCEPTED, &[key(ROOT), key(of)]);
    }),
];

#[rustfmt::skip]
pub(super) const ENROLMENTS: &[(&str, Change)] = &[
    ("a further key of an operator: sound", |log| {
        operators(log, ("operator:main", KeyRole::Operator, 1), OPERATOR, &[key(OPERATOR), secret(OPERATOR.0, OPERATOR.1, 1)]);
    }),
    ("a further operator and its TLS key, certified by another: sound", |log| {
        operators(log, ("operator:next", KeyRole::Operator, 0), OPERATOR, &[key(OPERATOR), key(("operator:next", KeyRole::Operator))]);
        operators(log, ("operator:next", KeyRole::Tls, 1), OPERATOR, &[key(OPERATOR)]);
    }),
    ("an operator of a name that is too long", |log| {
        operators(log, ("operator:main", KeyRole::Tls, 1), OPERATOR, &[key(OPERATOR)]);
        log.says(ACCEPTED, |it: &mut v1::KeyCertificate| it.principal = format!("operator:{}", "a".repeat(152)));
    }),
    ("an operator that certifies itself", |log| {
        let next = ("operator:next", KeyRole::Operator);
        operators(log, (next.0, next.1, 0), next, &[key(next)]);
    }),
    ("an operator's key certified by a root", |log| {
        operators(log, ("operator:main", KeyRole::Operator, 1), ROOT, &[key(ROOT), secret(OPERATOR.0, OPERATOR.1, 1)]);
    }),
    ("an operator's key in an officer's role", |log| {
        operators(log, ("operator:main", KeyRole::Officer, 1), OPERATOR, &[key(OPERATOR), secret(OPERATOR.0, KeyRole::Officer, 1)]);
    }),
    ("an agency's TLS key, published as an operator's", |log| {
        operators(log, (US, KeyRole::Tls, 1), OPERATOR, &[key(OPERATOR)]);
    }),
    ("a genesis with a second operator: sound", |log| {
        let next = ("operator:next", KeyRole::Operator);
        begun_with(log, (next.0, next.1, 0), next, &[key(next)]);
    }),
    ("a genesis whose second operator is certified by the first", |log| {
        begun_with(log, ("operator:next", KeyRole::Operator, 0), OPERATOR, &[key(OPERATOR), key(("operator:next", KeyRole::Operator))]);
    }),
    ("a genesis with an operator's TLS key that another certified", |log| {
        begun_with(log, ("operator:next", KeyRole::Tls, 1), OPERATOR, &[key(OPERATOR)]);
    }),
    ("a genesis with an operator's TLS key that no operator certified", |log| {
        begun_with(log, ("operator:main", KeyRole::Tls, 1), OPERATOR, &[secret("operator:next", KeyRole::Operator, 0)]);
    }),
    ("a genesis with an agency's key", |log| {
        begun_with(log, (US, KeyRole::Tls, 1), OPERATOR, &[key(OPERATOR)]);
    }),
    ("a genesis with a root", |log| begun_with(log, ("root:us", KeyRole::Root, 1), ("root:us", KeyRole::Root), &[secret("root:us", KeyRole::Root, 1)])),
    ("a genesis with an officer's key of an operator", |log| {
        begun_with(log, ("operator:main", KeyRole::Officer, 1), OPERATOR, &[key(OPERATOR), secret("operator:main", KeyRole::Officer, 1)]);
    }),
    ("the genesis of another log", |log| genesis(log, |it| it.origin = parsed("other.example.invalid"))),
    ("the genesis with another key of the log", |log| genesis(log, |it| it.log_public_key[0] ^= 1)),
    ("a genesis that is not the first record", |log| {
        log.items[STARTED].record.time = log.items[GENESIS].record.time;
        log.items.swap(GENESIS, STARTED);
    }),
    ("a second genesis that names nobody", |log| {
        let again = log.items[GENESIS].record.kind.clone();
        log.insert(ACCEPTED, again);
        if let RecordKind::Genesis(genesis) = &mut log.items[ACCEPTED].record.kind {
            genesis.operator_certificates.clear();
        }
    }),
    ("a second genesis", |log| {
        let again = log.items[GENESIS].record.kind.clone();
        let next = ("operator:next", KeyRole::Operator);
        let it = log.certificate((next.0, next.1, 0), next, &[key(next)]);
        log.insert(ACCEPTED, again);
        if let RecordKind::Genesis(genesis) = &mut log.items[ACCEPTED].record.kind {
            genesis.operator_certificates = vec![it];
        }
    }),
    ("a state whose enrolment names another root's certificate than is beside it", |log| {
        log.says(STATE, |it: &mut v1::StateEnrolment| it.root_certificate_digest = vec![7; 32].into());
    }),
    ("a state with the root of another", |log| {
        let other = ("root:fr", KeyRole::Root);
        let it = log.certificate((other.0, other.1, 0), other, &[key(other)]);
        rooted(log, it);
    }),
    ("a state whose root an operator certified", |log| {
        let it = log.certificate((ROOT.0, ROOT.1, 0), OPERATOR, &[key(OPERATOR), key(ROOT)]);
        rooted(log, it);
    }),
    ("a state whose root's certificate nobody signed", |log| {
        let it = log.certificate((ROOT.0, ROOT.1, 0), ROOT, &[]);
        rooted(log, it);
    }),
    ("a state whose root is enrolled in an officer's role", |log| {
        let officer = ("root:us", KeyRole::Officer);
        let it = log.certificate((officer.0, officer.1, 0), officer, &[key(officer)]);
        rooted(log, it);
    }),
    ("a state enrolled by another state's root", |log| state_by(log, ("root:ru", KeyRole::Root))),
    ("a state enrolled by an originator", |log| state_by(log, ("ru.ctc", KeyRole::Originate))),
    ("a state enrolled by a key to receive with", |log| state_by(log, ("ru.ctc", KeyRole::Receive))),
    ("a state enrolled by an officer", |log| state_by(log, ("ru.ctc", KeyRole::Officer))),
    ("a state enrolled by a key that is nobody's", |log| log.signed(STATE, &[secret("operator:main", KeyRole::Operator, 1)])),
    ("a state whose enrolment is of another payload type", |log| {
        resigned(envelope_in(&mut log.items[STATE].record), |it| {
            it.payload_type = PayloadKind::AgencyEnrolment.payload_type().into();
        });
    }),
    ("an agency enrolled by its state's root", |log| agency_by(log, ROOT)),
    ("an agency enrolled by an originator", |log| agency_by(log, ("ru.ctc", KeyRole::Originate))),
    ("an agency enrolled by a key to receive with", |log| agency_by(log, ("ru.ctc", KeyRole::Receive))),
    ("an agency enrolled by an officer", |log| agency_by(log, ("ru.ctc", KeyRole::Officer))),
    ("an enrolment whose operator does not say what it has seen", |log| {
        log.says(AGENCY, |it: &mut v1::AgencyEnrolment| signer(&mut it.common).seen = None);
    }),
    ("an enrolment that lists no keys, which come one by one: sound", |log| listed(log, Vec::clear)),
    ("an enrolment that lists another key than the first that follows", |log| listed(log, |all| all[0] = vec![7; 32].into())),
    ("an enrolment whose keys follow in another order", |log| listed(log, |all| all.swap(0, 1))),
    ("an enrolment that lists a key which never follows", |log| {
        let enrolment = AgencyEnrolment {
            common: log.common(OPERATOR.0, OPERATOR.1),
            agency: parsed("us.other"),
            name: "Another service".to_owned(),
            kind: AgencyKind::Agency,
            certificate_digests: vec![Digest([7; 32])],
            home_origin: String::new(),
            extensions: Vec::new(),
        };
        let payload = crate::wire::encode_agency_enrolment(&enrolment);
        let enrolment = RecordKind::AgencyEnrolled(envelope(PayloadKind::AgencyEnrolment, payload, &[key(OPERATOR)]));
        log.insert(ACCEPTED, enrolment);
    }),
    ("an enrolment between whose keys another record stands", |log| log.pauses(AGENCY + 3)),
    ("an enrolment before whose keys another record stands", |log| log.pauses(AGENCY + 1)),
    ("an enrolment between whose keys a warning is accepted", |log| {
        let mut keys = log.items.split_off(AGENCY + 4);
        let mut warning = keys.split_off(1);
        log.items.append(&mut warning);
        log.items.append(&mut keys);
        log.header(|it| signer(&mut it.common).seen = Some(v1::Seen { size: 5, root: vec![7; 32].into() }));
        let time = log.items[ROUTED - 1].record.time;
        log.items[ROUTED].record.time = time;
    }),
    ("an enrolment between whose keys a key is revoked", |log| {
        let kind = log.revocation((US, KeyRole::Receive), ROOT);
        log.insert(AGENCY + 3, kind);
    }),
    ("a state and an agency of an int. body: sound", |log| {
        let mut world = World::of(&[("ru", "ru.ctc", AgencyKind::Agency), ("int.un", "int.un.x", AgencyKind::Agency)]);
        world.send("int.un.x", &["ru.ctc"], "Attack on a concert hall");
        *log = Forged::of(world);
    }),
    ("an agency of an int. body, a key of which another body's root certified", |log| {
        let mut world = World::of(&[("int.who", "int.who.x", AgencyKind::Agency), ("int.un", "int.un.x", AgencyKind::Agency)]);
        world.send("int.un.x", &["int.who.x"], "Attack on a concert hall");
        *log = Forged::of(world);
        let who = ("root:int.who", KeyRole::Root);
        published(log, ("int.un.x", KeyRole::Officer, 1), who, &[key(who), secret("int.un.x", KeyRole::Officer, 1)]);
    }),
    ("a key that is published in no place of the directory", |log| {
        certified(log, |_| {});
        log.linked(ACCEPTED, |record| record.directory = None);
    }),
    ("a key that is published in a thread too", |log| {
        certified(log, |_| {});
        log.linked(ACCEPTED, |record| record.thread = Some(ThreadLink { warning: Digest([7; 32]), desk: parsed("ru.ctc"), seq: 0, prev: None }));
    }),
];

/// The root of the empty log.
pub(super) const EMPTY: &[u8] = &[
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];
