//! `tests/vectors/directory.json`: what changes in the directory once it stands (keys revoked and succeeded, desks,
//! mandates, suspensions), and its chain. Each case is one change to a log of two states with an agency each, of which one warns
//! the other.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::super::world::{AUDITOR, World, envelope, parsed, secret};
use super::forge::{ACCEPTED, Forged, ROUTED, signer, signs};
use crate::domain::*;
use crate::seal::{PayloadKind, SecretKey};
use crate::wire::{self, v1};

type Change = fn(&mut Forged);
type Key = (&'static str, KeyRole);
const OPERATOR: Key = ("operator:main", KeyRole::Operator);
const ROOT: Key = ("root:us", KeyRole::Root);
const ORIGINATE: Key = ("us.ctc", KeyRole::Originate);
const RECEIVE: Key = ("us.ctc", KeyRole::Receive);
const OFFICER: Key = ("us.ctc", KeyRole::Officer);

fn key((of, role): Key) -> SecretKey {
    secret(of, role, 0)
}

fn after(role: KeyRole, of: &str) -> SecretKey {
    secret(of, role, 1)
}

/// A key is revoked before the warning, which it has not signed.
fn revoked(log: &mut Forged, of: Key, by: Key) {
    let kind = log.revocation(of, by);
    log.insert(ACCEPTED, kind);
}

/// us.ctc's key to receive with is revoked by the root, as it may be, but for this.
fn revokes(log: &mut Forged, change: impl FnOnce(&mut v1::KeyRevocation)) {
    revoked(log, RECEIVE, ROOT);
    log.says(ACCEPTED, change);
}

/// The root of us has a successor, whom these have signed.
fn succeeded(log: &mut Forged, keys: &[SecretKey]) {
    let succession = RootSuccession {
        common: log.common(ROOT.0, ROOT.1),
        state: parsed("us"),
        public_key: after(ROOT.1, ROOT.0).public_key().as_bytes().to_vec(),
        extensions: Vec::new(),
    };
    let payload = wire::encode_root_succession(&succession);
    let it = envelope(PayloadKind::RootSuccession, payload, keys);
    log.insert(ACCEPTED, RecordKind::RootSucceeded(it));
}

/// An officer's key of us.ctc is certified by its root of a generation, after a succession.
fn certified_after(log: &mut Forged, generation: u8) {
    let keys = [secret(ROOT.0, ROOT.1, generation), after(OFFICER.1, OFFICER.0)];
    let it = log.certificate((OFFICER.0, OFFICER.1, 1), ROOT, &keys);
    log.insert(ACCEPTED + 1, RecordKind::KeyPublished(it));
}

fn both() -> [SecretKey; 2] {
    [key(ROOT), after(ROOT.1, ROOT.0)]
}

/// us.ctc publishes a desk before the warning.
fn desks(log: &mut Forged, by: Key, signed: Key) {
    desk(log, "us.ctc/night", by, signed);
}

pub(super) fn desk(log: &mut Forged, address: &str, by: Key, signed: Key) {
    let desk = Desk {
        address: parsed(address),
        name: "Night".to_owned(),
        competences: Vec::new(),
        languages: Vec::new(),
    };
    let desks = Desks {
        common: log.common(by.0, by.1),
        desks: vec![desk],
        extensions: Vec::new(),
    };
    let it = envelope(PayloadKind::Desks, wire::encode_desks(&desks), &[key(signed)]);
    log.insert(ACCEPTED, RecordKind::DesksPublished(it));
}

/// us.ctc is suspended and reinstated before it warns.
fn suspended(log: &mut Forged, by: Key, and_reinstated_by: Key) {
    for (kind, by) in [
        (PayloadKind::Reinstatement, and_reinstated_by),
        (PayloadKind::Suspension, by),
    ] {
        let suspension = Suspension {
            common: log.common(by.0, by.1),
            agency: parsed("us.ctc"),
            reason: String::new(),
            extensions: Vec::new(),
        };
        let suspends = kind == PayloadKind::Suspension;
        let payload = match suspends {
            true => wire::encode_suspension(&suspension),
            false => wire::encode_reinstatement(&suspension),
        };
        let it = envelope(kind, payload, &[key(by)]);
        let kind = match suspends {
            true => RecordKind::AgencySuspended(it),
            false => RecordKind::AgencyReinstated(it),
        };
        log.insert(ACCEPTED, kind);
    }
}

/// A log in which us.ctc admits an auditor before it warns.
fn mandated(log: &mut Forged) -> usize {
    let agencies = [
        ("ru", "ru.ctc", AgencyKind::Agency),
        ("us", "us.ctc", AgencyKind::Agency),
        ("ch", AUDITOR, AgencyKind::Auditor),
    ];
    let mut world = World::of(&agencies);
    let at = world.mandate("us.ctc");
    world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
    *log = Forged::of(world);
    usize::try_from(at).unwrap()
}

/// The same, signed by another, who says so.
fn mandated_by(log: &mut Forged, (of, role): Key) {
    let at = mandated(log);
    log.says(at, |it: &mut v1::Mandate| signs(&mut it.common, (of, role)));
    log.signed(at, &[key((of, role))]);
}

#[rustfmt::skip]
pub(super) const CHANGES: &[(&str, Change)] = &[
    ("a key revoked by its root: sound", |log| revoked(log, RECEIVE, ROOT)),
    ("a key revoked by itself: sound", |log| revoked(log, RECEIVE, RECEIVE)),
    ("an originator's key revoked by itself, after the warning: sound", |log| {
        let kind = log.revocation(ORIGINATE, ORIGINATE);
        log.insert(ROUTED + 1, kind);
    }),
    ("an officer's key revoked by itself: sound", |log| revoked(log, OFFICER, OFFICER)),
    ("a TLS key revoked by its root: sound", |log| revoked(log, ("us.ctc", KeyRole::Tls), ROOT)),
    ("a root revoked by itself: sound", |log| revoked(log, ROOT, ROOT)),
    ("an operator's key revoked by itself: sound", |log| revoked(log, OPERATOR, OPERATOR)),
    ("an operator's key revoked by its next, by another operator's: sound", |log| {
        let next = ("operator:next", KeyRole::Operator);
        revoked(log, OPERATOR, next);
        let it = log.certificate((next.0, next.1, 0), OPERATOR, &[key(OPERATOR), key(next)]);
        log.insert(ACCEPTED, RecordKind::OperatorKeyPublished(it));
    }),
    ("an operator's TLS key revoked by its operator: sound", |log| revoked(log, ("operator:main", KeyRole::Tls), OPERATOR)),
    ("a key revoked by another state's root", |log| revoked(log, RECEIVE, ("root:ru", KeyRole::Root))),
    ("a key revoked by an officer of its agency", |log| revoked(log, RECEIVE, OFFICER)),
    ("a key revoked by an officer of another agency", |log| revoked(log, RECEIVE, ("ru.ctc", KeyRole::Officer))),
    ("an agency's key revoked by an operator", |log| revoked(log, RECEIVE, OPERATOR)),
    ("a root revoked by another root", |log| revoked(log, ROOT, ("root:ru", KeyRole::Root))),
    ("a root revoked by an operator", |log| revoked(log, ROOT, OPERATOR)),
    ("an operator's key revoked by a root", |log| revoked(log, OPERATOR, ROOT)),
    ("an operator's TLS key revoked by an agency's officer", |log| revoked(log, ("operator:main", KeyRole::Tls), OFFICER)),
    ("a revocation in the name of its root, signed by another key", |log| {
        revoked(log, RECEIVE, ROOT);
        log.signed(ACCEPTED, &[key(OFFICER)]);
    }),
    ("a revocation that two keys signed", |log| {
        revoked(log, RECEIVE, ROOT);
        log.signed(ACCEPTED, &[key(ROOT), key(RECEIVE)]);
    }),
    ("a revocation that nobody signed", |log| {
        revoked(log, RECEIVE, ROOT);
        log.signed(ACCEPTED, &[]);
    }),
    ("a revocation that says another agency's key it is", |log| revokes(log, |it| it.principal = "ru.ctc".to_owned())),
    ("a revocation of a key that is not enrolled", |log| revokes(log, |it| it.keyid = "00".repeat(32))),
    ("a revocation for another log", |log| {
        revokes(log, |it| it.common.as_mut().unwrap().origin = "other.example.invalid".to_owned());
    }),
    ("a revocation of which the root says what it has seen", |log| {
        revokes(log, |it| signer(&mut it.common).seen = Some(v1::Seen { size: 1, root: vec![7; 32].into() }));
    }),
    ("a revocation by itself that does not say what it has seen", |log| {
        revoked(log, RECEIVE, RECEIVE);
        log.says(ACCEPTED, |it: &mut v1::KeyRevocation| signer(&mut it.common).seen = None);
    }),
    ("a key revoked twice", |log| {
        revoked(log, RECEIVE, ROOT);
        revoked(log, RECEIVE, ROOT);
    }),
    ("a key revoked by itself once it is revoked", |log| {
        revoked(log, RECEIVE, RECEIVE);
        revoked(log, RECEIVE, ROOT);
    }),
    ("a key that a revoked root certified", |log| {
        revoked(log, ROOT, ROOT);
        certified_after(log, 0);
    }),
    ("a root succeeded: sound", |log| succeeded(log, &both())),
    ("a key that the new root certified: sound", |log| {
        succeeded(log, &both());
        certified_after(log, 1);
    }),
    ("a key that the old root certified once it was succeeded", |log| {
        succeeded(log, &both());
        certified_after(log, 0);
    }),
    ("a key that the new root revoked: sound", |log| {
        revoked(log, RECEIVE, ROOT);
        log.signed(ACCEPTED, &[after(ROOT.1, ROOT.0)]);
        succeeded(log, &both());
    }),
    ("a root succeeded by the old one's signature alone", |log| succeeded(log, &[key(ROOT)])),
    ("a root succeeded by the new one's signature alone", |log| succeeded(log, &[after(ROOT.1, ROOT.0)])),
    ("a root succeeded in another root's name and by its signature", |log| {
        succeeded(log, &both());
        log.says(ACCEPTED, |it: &mut v1::RootSuccession| signer(&mut it.common).principal = "root:ru".to_owned());
        log.signed(ACCEPTED, &[key(("root:ru", KeyRole::Root)), after(ROOT.1, ROOT.0)]);
    }),
    ("a root succeeded by another root's signature", |log| {
        succeeded(log, &[key(("root:ru", KeyRole::Root)), after(ROOT.1, ROOT.0)]);
    }),
    ("a root succeeded by an officer of its state", |log| {
        succeeded(log, &both());
        log.says(ACCEPTED, |it: &mut v1::RootSuccession| {
            let it = signer(&mut it.common);
            (it.principal, it.role) = ("us.ctc".to_owned(), 4);
            it.seen = Some(v1::Seen { size: 0, root: super::forged_keys::EMPTY.into() });
        });
        log.signed(ACCEPTED, &[key(OFFICER), after(ROOT.1, ROOT.0)]);
    }),
    ("a root succeeded that three have signed", |log| {
        succeeded(log, &[key(ROOT), after(ROOT.1, ROOT.0), key(("root:ru", KeyRole::Root))]);
    }),
    ("a root succeeded by one that is enrolled", |log| {
        succeeded(log, &both());
        let other = key(("root:ru", KeyRole::Root));
        let public = other.public_key().as_bytes().to_vec();
        log.says(ACCEPTED, |it: &mut v1::RootSuccession| it.public_key = public.into());
        log.signed(ACCEPTED, &[key(ROOT), other]);
    }),
    ("a root succeeded by itself", |log| {
        succeeded(log, &both());
        let public = key(ROOT).public_key().as_bytes().to_vec();
        log.says(ACCEPTED, |it: &mut v1::RootSuccession| it.public_key = public.into());
        log.signed(ACCEPTED, &[key(ROOT)]);
    }),
    ("desks that an officer publishes: sound", |log| desks(log, OFFICER, OFFICER)),
    ("desks that a key to receive with publishes", |log| desks(log, RECEIVE, RECEIVE)),
    ("desks that a key to originate with publishes", |log| desks(log, ORIGINATE, ORIGINATE)),
    ("desks that a root publishes", |log| desks(log, ROOT, ROOT)),
    ("desks that an operator publishes", |log| desks(log, OPERATOR, OPERATOR)),
    ("desks in an officer's name, published by another key", |log| desks(log, OFFICER, RECEIVE)),
    ("a mandate: sound", |log| _ = mandated(log)),
    ("a mandate that a key to receive with signed", |log| mandated_by(log, RECEIVE)),
    ("a mandate that a key to originate with signed", |log| mandated_by(log, ORIGINATE)),
    ("a mandate that an operator signed", |log| mandated_by(log, OPERATOR)),
    ("a mandate that a root signed", |log| mandated_by(log, ROOT)),
    ("a mandate of another payload type", |log| {
        let at = mandated(log);
        super::forge::resigned(super::forge::envelope_in(&mut log.items[at].record), |it| {
            it.payload_type = PayloadKind::Desks.payload_type().into();
        });
    }),
    ("a suspension and a reinstatement: sound", |log| suspended(log, OPERATOR, OPERATOR)),
    ("a suspension by an officer", |log| suspended(log, OFFICER, OPERATOR)),
    ("a suspension by an originator", |log| suspended(log, ORIGINATE, OPERATOR)),
    ("a suspension by a key to receive with", |log| suspended(log, RECEIVE, OPERATOR)),
    ("a reinstatement by an originator", |log| suspended(log, OPERATOR, ORIGINATE)),
    ("a reinstatement by a key to receive with", |log| suspended(log, OPERATOR, RECEIVE)),
    ("a reinstatement by its state's root", |log| suspended(log, OPERATOR, ROOT)),
    ("a suspension by its state's root", |log| suspended(log, ROOT, OPERATOR)),
    ("a reinstatement by an officer", |log| suspended(log, OPERATOR, OFFICER)),
    ("a suspension in the record of a reinstatement", |log| {
        suspended(log, OPERATOR, OPERATOR);
        let RecordKind::AgencySuspended(it) = log.items[ACCEPTED].record.kind.clone() else { return };
        log.items[ACCEPTED].record.kind = RecordKind::AgencyReinstated(it);
    }),
    ("a suspension by an operator that is revoked", |log| {
        suspended(log, OPERATOR, OPERATOR);
        revoked(log, OPERATOR, OPERATOR);
    }),
    ("a record of a later version in the directory: sound", |log| {
        log.insert(ACCEPTED, RecordKind::Unknown);
        log.later(ACCEPTED);
    }),
    ("a record of the relay's start in the directory", |log| {
        let started = log.items[super::forge::STARTED].record.kind.clone();
        log.insert(ACCEPTED, started);
    }),
    ("a directory that leaves a number out", |log| {
        revoked(log, RECEIVE, ROOT);
        log.linked(ACCEPTED, |record| record.directory.as_mut().unwrap().seq += 1);
    }),
    ("a directory that links to another record", |log| {
        revoked(log, RECEIVE, ROOT);
        log.linked(ACCEPTED, |record| record.directory.as_mut().unwrap().prev = Some(Hash([7; 32])));
    }),
    ("a directory that links to none before", |log| {
        revoked(log, RECEIVE, ROOT);
        log.linked(ACCEPTED, |record| record.directory.as_mut().unwrap().prev = None);
    }),
    ("a directory whose genesis links to one before", |log| {
        log.linked(super::forge::GENESIS, |record| record.directory.as_mut().unwrap().prev = Some(Hash([7; 32])));
    }),
    ("a directory whose genesis is number one", |log| {
        log.linked(super::forge::GENESIS, |record| record.directory.as_mut().unwrap().seq = 1);
    }),
    ("a directory that is not in the order of the log", |log| {
        revoked(log, RECEIVE, ROOT);
        revoked(log, ("ru.ctc", KeyRole::Originate), ("root:ru", KeyRole::Root));
        log.crossed = Some(ACCEPTED);
    }),
    ("a directory whose last record is dated before another", |log| {
        revoked(log, RECEIVE, ROOT);
        let before = log.items[ACCEPTED - 1].record.time;
        log.items[ACCEPTED].record.time = before.saturating_add_ms(-1);
    }),
];
