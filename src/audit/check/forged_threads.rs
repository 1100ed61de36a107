//! `tests/vectors/threads.json`, its first part: the acceptance, `ROUTED`, `HANDED_OVER` and the links of a thread. Each case is one
//! change to a log in which us.ctc warns ru.ctc, who receives and refuses.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::json;

use super::super::world::{World, parsed, secret, tls_key, tls_keyid};
use super::forge::{
    ACCEPTED, Forged, HANDED_OVER, Place, RECEIVED, REFUSED, ROUTED, STARTED, signed_by, signer,
};
use super::forge_bundle::part;
use super::forged_directory::desk;
use crate::domain::*;
use crate::seal::audience_commitment;
use crate::wire::v1::Acknowledgement;

type Change = fn(&mut Forged);
const TLS: (&str, KeyRole) = ("ru.ctc", KeyRole::Tls);
const ROOT: (&str, KeyRole) = ("root:ru", KeyRole::Root);

/// Both ru.ctc and us.ctc itself are warned.
fn to_two(log: &mut Forged) {
    let mut world = World::small();
    world.send("us.ctc", &["ru.ctc", "us.ctc"], "Attack on a concert hall");
    *log = Forged::of(world);
}

/// As one has it who is not shown the acceptance.
fn without_acceptance(log: &mut Forged) {
    log.items[ACCEPTED].place = Place::Nowhere;
}

/// A record of this kind stands at the thread's end.
fn ends_with(log: &mut Forged, kind: RecordKind) {
    log.items[REFUSED].record.kind = kind;
    log.shows(|bundle| bundle["threads"][0]["texts"] = json!([]));
}

/// Another key is the one that the session proved.
fn next_tls(log: &mut Forged, at: usize) {
    let it = log.certificate((TLS.0, TLS.1, 1), ROOT, &[secret(ROOT.0, ROOT.1, 0)]);
    log.insert(at, RecordKind::KeyPublished(it));
    use sha2::{Digest as _, Sha256};
    let keyid = KeyId(Sha256::digest(tls_key("ru.ctc 1")).into());
    let handed_over = log.items.iter_mut().find_map(|item| match &mut item.record.kind {
        RecordKind::HandedOver(it) => Some(it),
        _ => None,
    });
    handed_over.unwrap().tls_keyid = keyid;
}

/// The opening that led to the desk is another, in `ROUTED` alone.
fn led_by(log: &mut Forged, change: impl FnOnce(&mut AudienceOpening)) {
    log.routed(|routed| change(&mut routed.openings[0]));
    without_acceptance(log);
}

/// The entry of the audience that led to the desk is another: in the header, the acceptance and `ROUTED`.
fn addressed(log: &mut Forged, change: impl FnOnce(&mut AudienceOpening)) {
    let mut opening = None;
    log.routed(|routed| opening = Some(routed.openings[0].clone()));
    let before = opening.unwrap();
    let mut after = before.clone();
    change(&mut after);
    let of = |it: &AudienceOpening| audience_commitment(it.kind, &it.salt, &it.address);
    log.accepted(|accepted| {
        let place = accepted.openings.iter().position(|it| *it == before).unwrap();
        accepted.openings[place] = after.clone();
        accepted.openings.sort_by_key(of);
    });
    log.header(|header| {
        let place = header
            .audience
            .iter()
            .position(|it| it[..] == of(&before)[..])
            .unwrap();
        header.audience[place] = of(&after).to_vec().into();
        header.audience.sort();
    });
    log.routed(|routed| routed.openings = vec![after]);
}

/// ru.ctc has a desk, which was warned; and by which it answers, if it says so.
fn at_night(log: &mut Forged, says_so: bool) {
    const NIGHT: &str = "ru.ctc/night";
    addressed(log, |it| it.address = NIGHT.to_owned());
    log.routed(|it| it.desk = parsed(NIGHT));
    for at in [ROUTED, HANDED_OVER, RECEIVED, REFUSED] {
        log.items[at].place = Place::Thread(NIGHT.to_owned());
        log.items[at].record.thread.as_mut().unwrap().desk = parsed(NIGHT);
    }
    for at in [RECEIVED, REFUSED]
        .into_iter()
        .filter(|at| says_so || *at == RECEIVED)
    {
        log.says(at, |it: &mut Acknowledgement| {
            signer(&mut it.common).desk = NIGHT.to_owned()
        });
    }
    let officer = ("ru.ctc", KeyRole::Officer);
    desk(log, NIGHT, officer, officer);
}

#[rustfmt::skip]
pub(super) const ACCEPTANCES: &[(&str, Change)] = &[
    ("an answered warning: sound", |_| {}),
    ("an answered warning whose acceptance is not shown: sound", without_acceptance),
    ("a warning with its body: sound", |log| with_body(log)),
    ("a body of another length than was signed", |log| {
        with_body(log);
        log.header(|header| header.body.as_mut().unwrap().length += 1);
    }),
    ("a body of another digest than was signed", |log| {
        with_body(log);
        log.header(|header| header.body.as_mut().unwrap().digest = vec![7; 32].into());
    }),
    ("a warning to two: sound", to_two),
    ("a warning to two, one of whose threads is left out", |log| {
        to_two(log);
        log.shows(|bundle| drop(bundle["threads"].as_array_mut().unwrap().pop()));
    }),
    ("a warning to two, which was routed to one", |log| {
        to_two(log);
        log.items.pop();
    }),
    ("an acceptance that lists its recipients in another order", |log| {
        to_two(log);
        log.linked(ACCEPTED, |record| with(record, |it| it.routed.reverse()));
    }),
    ("an acceptance that lists a recipient too few", |log| {
        log.linked(ACCEPTED, |record| with(record, |it| it.routed.clear()));
    }),
    ("an acceptance that lists a recipient too many", |log| {
        log.linked(ACCEPTED, |record| with(record, |it| it.routed.push(Hash([7; 32]))));
    }),
    ("an acceptance that stands after what it lists", |log| {
        log.items.truncate(ROUTED + 1);
        log.items.swap(ACCEPTED, ROUTED);
    }),
    ("an acceptance after which another record stands before what it lists", |log| {
        log.items.truncate(ROUTED + 1);
        log.pauses(ROUTED);
    }),
    ("an acceptance between whose recipients another record stands", |log| {
        to_two(log);
        log.pauses(ROUTED + 1);
    }),
    ("an acceptance of the warning with a further signature", |log| {
        let it = log.warning.clone();
        log.accepted(|accepted| {
            accepted.warning = signed_by(&it, &[secret("us.ctc", KeyRole::Originate, 0), secret("us.ctc", KeyRole::Officer, 0)]);
        });
    }),
    ("an acceptance of the warning with another key's signature", |log| {
        let it = log.warning.clone();
        log.accepted(|accepted| accepted.warning = signed_by(&it, &[secret("us.ctc", KeyRole::Officer, 0)]));
    }),
    ("an acceptance of another warning", |log| {
        let mut it = log.warning.clone();
        super::forge::resaid(&mut it, |it: &mut crate::wire::v1::Warning| it.category = 2);
        log.accepted(|accepted| accepted.warning = it);
    }),
    ("an acceptance that opens an entry too few", |log| log.accepted(|it| drop(it.openings.pop()))),
    ("an acceptance that opens an entry twice", |log| log.accepted(|it| it.openings[0] = it.openings[1].clone())),
    ("an acceptance that opens an entry too many", |log| log.accepted(|it| it.openings.push(it.openings[7].clone()))),
    ("an acceptance that opens its entries in another order", |log| log.accepted(|it| it.openings.swap(0, 1))),
    ("an acceptance that opens an entry as another", |log| {
        log.accepted(|it| it.openings.iter_mut().filter(|it| it.kind == AudienceKind::Pad).for_each(|it| it.salt[0] ^= 1));
    }),
    ("an acceptance in a thread", |log| {
        log.linked(ACCEPTED, |record| record.thread = Some(ThreadLink { warning: Digest([7; 32]), desk: parsed("ru.ctc"), seq: 0, prev: None }));
    }),
    ("another record for the acceptance", |log| log.items[ACCEPTED].record.kind = log.items[STARTED].record.kind.clone()),
];

#[rustfmt::skip]
pub(super) const ROUTINGS: &[(&str, Change)] = &[
    ("ROUTED that opens nothing", |log| {
        log.routed(|it| it.openings.clear());
        without_acceptance(log);
    }),
    ("ROUTED by an entry that the originator did not write", |log| led_by(log, |it| it.salt[0] ^= 1)),
    ("ROUTED by an entry and by one that the originator did not write", |log| {
        log.routed(|it| {
            let mut more = it.openings[0].clone();
            more.salt[0] ^= 1;
            it.openings.push(more);
        });
        without_acceptance(log);
    }),
    ("ROUTED by an entry that excludes the desk", |log| {
        addressed(log, |it| it.kind = AudienceKind::Excluded);
        without_acceptance(log);
    }),
    ("ROUTED by an entry that is padding", |log| {
        addressed(log, |it| (it.kind, it.address) = (AudienceKind::Pad, String::new()));
        without_acceptance(log);
    }),
    ("ROUTED by an entry of another's address", |log| {
        addressed(log, |it| it.address = "us.ctc".to_owned());
        without_acceptance(log);
    }),
    ("ROUTED by an entry of another's address, whose acceptance is shown", |log| addressed(log, |it| it.address = "us.ctc".to_owned())),
    ("ROUTED that names another warning than its thread", |log| {
        log.routed(|it| it.warning = Digest([7; 32]));
        without_acceptance(log);
    }),
    ("ROUTED that names another desk than its thread", |log| {
        log.routed(|it| it.desk = parsed("us.ctc"));
        without_acceptance(log);
    }),
    ("ROUTED by a directory of another number", |log| {
        log.linked(ROUTED, |record| routed(record, |it| it.directory.seq += 1));
        without_acceptance(log);
    }),
    ("ROUTED by a directory of another head", |log| {
        log.linked(ROUTED, |record| routed(record, |it| it.directory.head = Hash([7; 32])));
        without_acceptance(log);
    }),
    ("ROUTED in the directory too", |log| {
        log.linked(ROUTED, |record| record.directory = Some(DirectoryLink { seq: 13, prev: Some(Hash([7; 32])) }));
        without_acceptance(log);
    }),
    ("HANDED_OVER to a TLS key of later: sound", |log| next_tls(log, HANDED_OVER)),
    ("HANDED_OVER to a TLS key that is enrolled only after that", |log| next_tls(log, HANDED_OVER + 1)),
    ("HANDED_OVER to a TLS key that is revoked after that: sound", |log| {
        let kind = log.revocation(TLS, ROOT);
        log.insert(HANDED_OVER + 1, kind);
    }),
    ("HANDED_OVER to a TLS key that is revoked", |log| {
        let kind = log.revocation(TLS, ROOT);
        log.insert(HANDED_OVER, kind);
    }),
    ("HANDED_OVER to a key that is nobody's", |log| log.handed_over(KeyId([7; 32]))),
    ("HANDED_OVER to another agency's TLS key", |log| log.handed_over(tls_keyid("us.ctc"))),
    ("HANDED_OVER to an operator's TLS key", |log| log.handed_over(tls_keyid("operator:main"))),
    ("HANDED_OVER to a key of the agency that is none of TLS", |log| {
        log.handed_over(secret("ru.ctc", KeyRole::Officer, 0).public_key().keyid());
    }),
];

#[rustfmt::skip]
pub(super) const LINKS: &[(&str, Change)] = &[
    ("a thread that begins with HANDED_OVER", |log| {
        log.items[ROUTED].place = Place::Nowhere;
        without_acceptance(log);
    }),
    ("a thread with a second ROUTED", |log| {
        let again = log.items[ROUTED].record.kind.clone();
        ends_with(log, again);
        without_acceptance(log);
    }),
    ("a thread that leaves a number out", |log| log.linked(REFUSED, |record| link(record, |it| it.seq += 1))),
    ("a thread that links to another record", |log| log.linked(REFUSED, |record| link(record, |it| it.prev = Some(Hash([7; 32]))))),
    ("a thread that links to none before", |log| log.linked(REFUSED, |record| link(record, |it| it.prev = None))),
    ("a thread whose first record links to one before", |log| {
        log.linked(ROUTED, |record| link(record, |it| it.prev = Some(Hash([7; 32]))));
    }),
    ("a thread whose first record is number one", |log| log.linked(ROUTED, |record| link(record, |it| it.seq = 1))),
    ("a thread with a record of another desk's", |log| log.linked(HANDED_OVER, |record| link(record, |it| it.desk = parsed("us.ctc")))),
    ("a thread with a record of another warning's", |log| {
        log.linked(HANDED_OVER, |record| link(record, |it| it.warning = Digest([7; 32])));
    }),
    ("a thread with a record of no thread", |log| log.linked(REFUSED, |record| record.thread = None)),
    ("a thread with a record of the directory too", |log| {
        log.linked(REFUSED, |record| record.directory = Some(DirectoryLink { seq: 13, prev: Some(Hash([7; 32])) }));
    }),
    ("a thread that is not in the order of the log", |log| {
        log.items[HANDED_OVER].record.time = log.items[RECEIVED].record.time;
        log.crossed = Some(HANDED_OVER);
    }),
    ("a thread with the relay's start", |log| {
        let started = log.items[STARTED].record.kind.clone();
        ends_with(log, started);
    }),
    ("a thread with a record of a later version: sound", |log| {
        ends_with(log, RecordKind::Unknown);
        log.later(REFUSED);
    }),
    ("a thread that begins with a record of a later version", |log| {
        log.later(ROUTED);
        without_acceptance(log);
    }),
    ("a thread whose last record is dated before another", |log| {
        let before = log.items[RECEIVED].record.time;
        log.items[REFUSED].record.time = before.saturating_add_ms(-1);
    }),
    ("two threads of one desk", |log| {
        to_two(log);
        log.items[ROUTED + 1].place = Place::Thread("ru.ctc again".to_owned());
        let mut kind = log.items[ROUTED].record.kind.clone();
        if let RecordKind::Routed(it) = &mut kind {
            it.inbox_commitment[0] ^= 1;
        }
        log.items[ROUTED + 1].record.thread.as_mut().unwrap().desk = parsed("ru.ctc");
        log.items[ROUTED + 1].record.kind = kind;
        without_acceptance(log);
        log.shows(|bundle| bundle["threads"][1]["desk"] = json!("ru.ctc"));
    }),
    ("a thread of a desk: sound", |log| at_night(log, true)),
    ("a thread of a desk, in which the agency answers for its duty desk", |log| at_night(log, false)),
    ("a text of another record than said it", |log| log.shows(|bundle| bundle["threads"][0]["texts"][0]["index"] = json!(RECEIVED))),
    ("a text of HANDED_OVER", |log| log.shows(|bundle| {
        let mut text = bundle["threads"][0]["texts"][0].clone();
        text["index"] = json!(HANDED_OVER);
        bundle["threads"][0]["texts"].as_array_mut().unwrap().insert(0, text);
    })),
    ("a text twice", |log| log.shows(|bundle| {
        let text = bundle["threads"][0]["texts"][0].clone();
        bundle["threads"][0]["texts"].as_array_mut().unwrap().push(text);
    })),
];

fn with_body(log: &mut Forged) {
    let body = part(log.body.as_ref().unwrap());
    log.shows(move |bundle| bundle["warning"]["body"] = body.clone());
}

fn with(record: &mut Record, change: impl FnOnce(&mut Accepted)) {
    if let RecordKind::Accepted(it) = &mut record.kind {
        change(it);
    }
}

fn routed(record: &mut Record, change: impl FnOnce(&mut Routed)) {
    if let RecordKind::Routed(it) = &mut record.kind {
        change(it);
    }
}

fn link(record: &mut Record, change: impl FnOnce(&mut ThreadLink)) {
    change(record.thread.as_mut().unwrap());
}
