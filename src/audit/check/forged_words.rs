//! `tests/vectors/threads.json`, its second part: the warning and the answers to it, by whom they are signed and what their signers
//! say. Each case is one change to a log in which us.ctc warns ru.ctc, who receives and refuses.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::world::secret;
use super::forge::{
    ACCEPTED, Forged, HANDED_OVER, Place, RECEIVED, REFUSED, envelope_in, resigned, signed_by, signer,
};
use crate::domain::*;
use crate::seal::{PayloadKind, SecretKey, h};
use crate::wire::v1;

type Change = fn(&mut Forged);
type Key = (&'static str, KeyRole);
const OFFICER: Key = ("ru.ctc", KeyRole::Officer);
const RECEIVE: Key = ("ru.ctc", KeyRole::Receive);
const ROOT: Key = ("root:ru", KeyRole::Root);
const ORIGINATE: Key = ("us.ctc", KeyRole::Originate);

fn key((of, role): Key) -> SecretKey {
    secret(of, role, 0)
}

/// The refusal says another thing.
fn refuses(log: &mut Forged, change: impl FnOnce(&mut v1::Acknowledgement)) {
    log.says(REFUSED, change);
}

fn seen(size: u64, root: &[u8]) -> Option<v1::Seen> {
    let root = Bytes::copy_from_slice(root);
    Some(v1::Seen { size, root })
}

/// The refusal's signer had seen another log.
fn refuser_saw(log: &mut Forged, size: u64, root: &[u8]) {
    refuses(log, |it| signer(&mut it.common).seen = seen(size, root));
}

/// The warning is signed by another key, which says so.
fn warned_by(log: &mut Forged, (of, role): Key, kind: i32) {
    log.header(|it| {
        it.r#type = kind;
        let signer = signer(&mut it.common);
        (signer.principal, signer.role) = (of.to_owned(), i32::from(role.number()));
    });
    log.warns(|it| *it = signed_by(it, &[key((of, role))]));
}

/// The officer's key that refuses is another, which was enrolled at an index.
fn refused_by_next(log: &mut Forged, at: usize) {
    let next = secret(OFFICER.0, OFFICER.1, 1);
    log.signed(REFUSED, &[secret(OFFICER.0, OFFICER.1, 1)]);
    let it = log.certificate((OFFICER.0, OFFICER.1, 1), ROOT, &[key(ROOT), next]);
    log.insert(at, RecordKind::KeyPublished(it));
}

/// The last record has more at its end.
fn ends_with(log: &mut Forged, more: &'static [u8]) {
    log.items[REFUSED].bytes = Some(Box::new(move |bytes| bytes.extend(more)));
}

/// A key is revoked at an index.
fn revoked(log: &mut Forged, of: Key, by: Key, at: usize) {
    let kind = log.revocation(of, by);
    log.insert(at, kind);
}

/// The refusal's text is that of another answer too, which stands before it; and stands at such a place among the texts.
fn with_two_texts(log: &mut Forged, place: usize) {
    let mut text = None;
    refuses(log, |it| text = it.text.clone());
    log.says(RECEIVED, |it: &mut v1::Acknowledgement| {
        (it.kind, it.text) = (2, text);
        signer(&mut it.common).role = 4;
    });
    log.signed(RECEIVED, &[key(OFFICER)]);
    log.shows(move |bundle| {
        let texts = bundle["threads"][0]["texts"].as_array_mut().unwrap();
        let mut text = texts[0].clone();
        text["index"] = json!(RECEIVED);
        texts.insert(place, text);
    });
}

fn without_acceptance(log: &mut Forged) {
    for item in &mut log.items {
        if item.place == Place::Accepted {
            item.place = Place::Nowhere;
        }
    }
}

#[rustfmt::skip]
pub(super) const WARNINGS: &[(&str, Change)] = &[
    ("an alert by an officer", |log| warned_by(log, ("us.ctc", KeyRole::Officer), 1)),
    ("an ANSWER by an officer: sound", |log| warned_by(log, ("us.ctc", KeyRole::Officer), 7)),
    ("an ANSWER by a key to originate with: sound", |log| warned_by(log, ORIGINATE, 7)),
    ("an ANSWER by a key to receive with", |log| warned_by(log, ("us.ctc", KeyRole::Receive), 7)),
    ("an alert by a key to receive with", |log| warned_by(log, ("us.ctc", KeyRole::Receive), 1)),
    ("an alert by an officer, called an originator's", |log| {
        log.warns(|it| *it = signed_by(it, &[key(("us.ctc", KeyRole::Officer))]));
    }),
    ("an alert by another agency, called us.ctc's", |log| {
        log.warns(|it| *it = signed_by(it, &[key(("ru.ctc", KeyRole::Originate))]));
    }),
    ("an alert by a key that is nobody's", |log| log.warns(|it| *it = signed_by(it, &[secret("us.ctc", KeyRole::Originate, 1)]))),
    ("an alert that two keys signed", |log| {
        log.warns(|it| *it = signed_by(it, &[key(ORIGINATE), key(("us.ctc", KeyRole::Officer))]));
    }),
    ("an alert with one signature twice", |log| log.warns(|it| *it = signed_by(it, &[key(ORIGINATE), key(ORIGINATE)]))),
    ("an alert that nobody signed", |log| log.warns(|it| it.signatures.clear())),
    ("an alert whose signature is of something else", |log| {
        log.warns(|it| it.signatures[0].sig = key(ORIGINATE).sign(b"something else"));
    }),
    ("an alert for another log", |log| log.header(|it| it.common.as_mut().unwrap().origin = "other.example.invalid".to_owned())),
    ("an alert of another payload type", |log| log.warns(|it| resigned(it, |it| {
        it.payload_type = PayloadKind::Acknowledgement.payload_type().into();
    }))),
    ("an alert of a later version's payload type", |log| log.warns(|it| resigned(it, |it| {
        it.payload_type = it.payload_type.replace("v1", "v2").into();
    }))),
    ("an alert whose signer does not say what it has seen", |log| log.header(|it| signer(&mut it.common).seen = None)),
    ("an alert whose signer is committed to and not named", |log| log.header(|it| {
        it.common.as_mut().unwrap().by = Some(v1::common::By::SignerCommitment(vec![7; 32].into()));
    })),
    ("an alert by a key that is revoked", |log| revoked(log, ORIGINATE, ("root:us", KeyRole::Root), ACCEPTED)),
    ("an alert by a key that is revoked, whose acceptance is not shown", |log| {
        revoked(log, ORIGINATE, ("root:us", KeyRole::Root), ACCEPTED);
        without_acceptance(log);
    }),
    ("an alert by a key that is enrolled only after that", |log| {
        log.warns(|it| *it = signed_by(it, &[secret("us.ctc", KeyRole::Originate, 1)]));
        let root = ("root:us", KeyRole::Root);
        let keys = [key(root), secret("us.ctc", KeyRole::Originate, 1)];
        let it = log.certificate(("us.ctc", KeyRole::Originate, 1), root, &keys);
        log.insert(HANDED_OVER, RecordKind::KeyPublished(it));
    }),
];

#[rustfmt::skip]
pub(super) const ANSWERS: &[(&str, Change)] = &[
    ("an answer by a key of later: sound", |log| refused_by_next(log, REFUSED)),
    ("an answer by a key that is enrolled only after that", |log| refused_by_next(log, REFUSED + 1)),
    ("an answer by a key that is revoked after that: sound", |log| revoked(log, OFFICER, ROOT, REFUSED + 1)),
    ("an answer by a key that is revoked", |log| revoked(log, OFFICER, ROOT, REFUSED)),
    ("an answer by a key that revoked itself", |log| revoked(log, OFFICER, OFFICER, REFUSED)),
    ("an answer by a key that is nobody's", |log| log.signed(REFUSED, &[secret("ru.ctc", KeyRole::Officer, 1)])),
    ("an answer by another agency's officer, called this one's", |log| {
        log.signed(REFUSED, &[key(("us.ctc", KeyRole::Officer))]);
    }),
    ("an answer by a key to receive with, called an officer's", |log| log.signed(REFUSED, &[key(RECEIVE)])),
    ("an answer by a key to receive with", |log| {
        refuses(log, |it| signer(&mut it.common).role = 3);
        log.signed(REFUSED, &[key(RECEIVE)]);
    }),
    ("an answer by an originator", |log| {
        refuses(log, |it| signer(&mut it.common).role = 2);
        log.signed(REFUSED, &[key(("ru.ctc", KeyRole::Originate))]);
    }),
    ("RECEIVED by an officer", |log| {
        log.says(RECEIVED, |it: &mut v1::Acknowledgement| signer(&mut it.common).role = 4);
        log.signed(RECEIVED, &[key(OFFICER)]);
    }),
    ("an answer that two keys signed", |log| log.signed(REFUSED, &[key(OFFICER), key(RECEIVE)])),
    ("an answer that nobody signed", |log| log.signed(REFUSED, &[])),
    ("an answer whose signature is of something else", |log| {
        envelope_in(&mut log.items[REFUSED].record).signatures[0].sig = key(OFFICER).sign(b"something else");
    }),
    ("an answer of no kind", |log| refuses(log, |it| it.kind = 0)),
    ("an answer of another payload type", |log| resigned(envelope_in(&mut log.items[REFUSED].record), |it| {
        it.payload_type = PayloadKind::Warning.payload_type().into();
    })),
    ("an answer for another log", |log| refuses(log, |it| it.common.as_mut().unwrap().origin = "other.example.invalid".to_owned())),
    ("an answer to another warning's id", |log| refuses(log, |it| {
        let mut id = it.warning_id.to_vec();
        id[15] ^= 1;
        it.warning_id = id.into();
    })),
    ("an answer to another warning's digest", |log| refuses(log, |it| it.warning_digest = vec![7; 32].into())),
    ("an answer whose signer does not say what it has seen", |log| refuses(log, |it| signer(&mut it.common).seen = None)),
    ("an answer whose signer had seen a size of which nothing is shown: sound", |log| refuser_saw(log, 18, &[7; 32])),
    ("an answer whose signer had seen it in the log", |log| {
        refuser_saw(log, 18, &[7; 32]);
        log.says(RECEIVED, |it: &mut v1::Acknowledgement| signer(&mut it.common).seen = seen(18, &[7; 32]));
    }),
    ("an answer whose signer had seen another log of no records", |log| refuser_saw(log, 0, &[7; 32])),
    ("an answer whose signer had seen another log than the one of its RECEIVED", |log| refuser_saw(log, 17, &[7; 32])),
    ("an answer whose signer had seen another log than an enrolment's", |log| refuser_saw(log, 2, &[7; 32])),
    ("an answer whose signer had seen a root that is none", |log| refuser_saw(log, 18, &[7; 31])),
    ("an answer whose signer had seen a root that is not there", |log| refuser_saw(log, 18, &[])),
    ("a text of another length than was signed", |log| refuses(log, |it| it.text.as_mut().unwrap().length += 1)),
    ("a text of another digest than was signed", |log| refuses(log, |it| it.text.as_mut().unwrap().digest = vec![7; 32].into())),
    ("a text that was not signed", |log| refuses(log, |it| it.text = None)),
    ("a text that is not shown: sound", |log| log.shows(|bundle| bundle["threads"][0]["texts"] = json!([]))),
    ("a text whose salt is too short, as it was signed", |log| {
        let (salt, text) = ([0x77; 31], b"\x0a\x02en\x12\x0bToo vague.".to_vec());
        let digest = h("text", &[&salt, &text]);
        refuses(log, |it| {
            let part = it.text.as_mut().unwrap();
            (part.digest, part.length) = (digest.to_vec().into(), u32::try_from(text.len()).unwrap());
        });
        let shown: Value = super::forms::encoded(&salt);
        let content: Value = super::forms::encoded(&text);
        log.shows(move |bundle| bundle["threads"][0]["texts"][0] = json!({"index": REFUSED, "salt": shown, "content": content}));
    }),
    ("two texts: sound", |log| with_two_texts(log, 0)),
    ("two texts in another order than their records", |log| with_two_texts(log, 1)),
    ("a record whose nonce is a number", |log| log.items[REFUSED].bytes = Some(Box::new(|bytes| {
        bytes.splice(..18, [0x08, 1]);
    }))),
    ("a record that is longer than its bytes", |log| ends_with(log, &[0xfa, 0x07, 2, 1])),
    ("a record that ends within a number", |log| ends_with(log, &[0xf8, 0x07, 0x81])),
    ("a record with a number of 65 bits", |log| {
        ends_with(log, &[0xf8, 0x07, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03]);
    }),
    ("a record with a number of 64 bits: sound", |log| {
        ends_with(log, &[0xf8, 0x07, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    }),
    ("a record with a field of number 0", |log| ends_with(log, &[0x00, 0x01])),
    ("a record with the last field that there can be: sound", |log| ends_with(log, &[0xf8, 0xff, 0xff, 0xff, 0x0f, 0x01])),
    ("a record with a field after the last that there can be", |log| ends_with(log, &[0x80, 0x80, 0x80, 0x80, 0x10, 0x01])),
    ("a record with a field of four bytes, which are a number too", |log| ends_with(log, &[0xfd, 0x07, 0x80, 0x80, 0x80, 0x01])),
    ("a record with a field of eight bytes, which are a number too", |log| {
        ends_with(log, &[0xf9, 0x07, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]);
    }),
    ("an answer with a zero that it need not say", |log| resigned(envelope_in(&mut log.items[REFUSED].record), |it| {
        it.payload = [&it.payload[..], &[0x28, 0]].concat().into();
    })),
];
