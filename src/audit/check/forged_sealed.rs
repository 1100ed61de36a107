//! `tests/vectors/sealed.json`: what a header, an answer and `ROUTED` say of sealed parts, what a bundle opens of them, keys to seal
//! to, holds, and the relay's `ERASED`. Each case is one change to a log in which us.ctc warns ru.ctc under seal, who refuses with a
//! sealed text; then the relay erases both.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::super::sealed_world::{BODY_SALT, HEADLINE, REFUSAL, TEXT_SALT, seal_key, text_of};
use super::super::world::{Says, World, envelope, parsed, secret};
use super::forge::{Forged, Place, REFUSED, ROUTED, signer};
use super::forge_bundle::part;
use crate::domain::*;
use crate::seal::{PayloadKind, plaintext_commitment};
use crate::wire::{self, v1};

type Change = fn(&mut Forged);
type Answer = v1::Acknowledgement;

/// The log that each case begins with.
pub(super) fn log() -> Forged {
    let mut world = World::sealing();
    let (warning, _) = world.send_sealed("us.ctc", &["ru.ctc"]);
    let accepted = world.size() - 2;
    world.hand_over(warning, "ru.ctc", 0);
    world.answer(warning, "ru.ctc", AcknowledgementKind::Received, Says::default());
    let says = Says {
        reason: Some(RefusalReason::Unreadable),
        note: Some(("en", REFUSAL)),
        ..Says::default()
    };
    let refused = world.answer_sealed(warning, "ru.ctc", AcknowledgementKind::Refused, says);
    world.erase(warning, "ru.ctc", accepted);
    world.erase(warning, "ru.ctc", refused);
    Forged::of(world)
}

/// Where the first record is that is so.
fn find(log: &Forged, is_it: impl Fn(&RecordKind) -> bool) -> usize {
    let found = log.items.iter().position(|item| is_it(&item.record.kind));
    found.unwrap()
}

fn accepted(log: &Forged) -> usize {
    find(log, |it| matches!(it, RecordKind::Accepted(_)))
}

/// `ROUTED`, `HANDED_OVER`, `RECEIVED`, `REFUSED` and the two `ERASED` follow the acceptance one after the other.
fn after(log: &Forged, number: usize) -> usize {
    accepted(log) + number
}

fn index(log: &Forged, number: usize) -> u64 {
    u64::try_from(after(log, number)).unwrap()
}

fn without_acceptance(log: &mut Forged) {
    let at = accepted(log);
    log.items[at].place = Place::Nowhere;
}

fn routed(log: &mut Forged, change: impl FnOnce(&mut Routed)) {
    let at = after(log, 1);
    let RecordKind::Routed(it) = &mut log.items[at].record.kind else {
        panic!()
    };
    change(it);
}

fn refuses(log: &mut Forged, change: impl FnOnce(&mut Answer)) {
    let at = after(log, 4);
    log.says(at, change);
}

/// What the refusal says of its text.
fn text(log: &mut Forged, change: impl FnOnce(&mut v1::PartReference)) {
    refuses(log, |it| change(it.text.as_mut().unwrap()));
    log.shows(|bundle| bundle["threads"][0]["texts"] = json!([]));
}

/// What the header says of its body.
fn body(log: &mut Forged, change: impl FnOnce(&mut v1::PartReference)) {
    log.header(|it| change(it.body.as_mut().unwrap()));
}

/// A warning in clear, and what its header says besides.
fn in_clear(log: &mut Forged, change: impl FnOnce(&mut v1::Warning)) {
    *log = Forged::answered();
    log.header(change);
}

fn reply_key() -> v1::ReplyKey {
    v1::ReplyKey {
        suite: 1,
        key: seal_key("reply").public_key().key().to_vec().into(),
    }
}

fn plain_body() -> Vec<u8> {
    let mut world = World::sealing();
    world
        .warning("us.ctc", &["ru.ctc"], HEADLINE)
        .body
        .content
        .to_vec()
}

fn opened_part(salt: &[u8], text: &[u8]) -> Value {
    json!({"salt": super::forms::encoded(salt), "content": super::forms::encoded(text)})
}

/// What the bundle opens: the body, and the refusal's text.
fn all_opened(log: &Forged) -> Value {
    let mut text = opened_part(&TEXT_SALT, &text_of("en", REFUSAL));
    text["index"] = json!(index(log, 4));
    json!({"body": opened_part(&BODY_SALT, &plain_body()), "texts": [text]})
}

/// The body is shown as it was signed, and this is opened.
fn opens(log: &mut Forged, change: impl FnOnce(&mut Value)) {
    let mut opened = all_opened(log);
    change(&mut opened);
    let body = log.body.as_ref().map_or(Value::Null, part);
    log.shows(move |bundle| {
        bundle["warning"]["body"] = body.clone();
        bundle["opened"] = opened.clone();
    });
}

/// Of a warning in clear.
fn opens_in_clear(log: &mut Forged, opened: Value) {
    *log = Forged::answered();
    let body = part(log.body.as_ref().unwrap());
    log.shows(move |bundle| {
        bundle["warning"]["body"] = body.clone();
        bundle["opened"] = opened.clone();
    });
}

/// Two answers have the same sealed text; they are opened in such an order.
fn opens_two(log: &mut Forged, places: [usize; 2]) {
    let mut text = None;
    refuses(log, |it| text = it.text.clone());
    let at = after(log, 3);
    log.says(at, |it: &mut Answer| {
        (it.kind, it.text) = (2, text);
        signer(&mut it.common).role = 4;
    });
    log.signed(at, &[secret("ru.ctc", KeyRole::Officer, 0)]);
    let mut opened = all_opened(log);
    let (again, indexes) = (opened["texts"][0].clone(), places.map(|it| index(log, it)));
    let texts = indexes.map(|of| {
        let mut text = again.clone();
        text["index"] = json!(of);
        text
    });
    (opened["body"], opened["texts"]) = (Value::Null, json!(texts));
    log.shows(move |bundle| {
        let texts = bundle["threads"][0]["texts"].as_array_mut().unwrap();
        let mut text = texts[0].clone();
        text["index"] = json!(at);
        texts.insert(0, text);
        bundle["opened"] = opened.clone();
    });
}

/// The first `ERASED`, which is of the body, or the second, of the text.
fn erases(log: &mut Forged, number: usize, change: impl FnOnce(&mut Erased)) {
    let at = after(log, 4 + number);
    let RecordKind::Erased(it) = &mut log.items[at].record.kind else {
        panic!()
    };
    change(it);
}

fn bucket(it: &mut Erased, class: RetentionClass, days_later: i64) {
    let day = i64::from(it.bucket.day()) + days_later;
    it.bucket = Bucket::new(class, u32::try_from(day).unwrap()).unwrap();
}

/// A record of the directory stands before the acceptance. What was erased by its index is not, then.
fn inserts(log: &mut Forged, kind: RecordKind) {
    log.items.truncate(after(log, 5));
    let at = accepted(log);
    log.insert(at, kind);
}

/// A root's, from before the acceptance.
fn early(log: &mut Forged, root: &str) -> Common {
    let sent = log.items[accepted(log) - 1].record.time;
    let common = log.common(root, KeyRole::Root);
    Common { sent, ..common }
}

/// A further key to seal to is published.
fn sealed_to(log: &mut Forged, of: &str, public_key: &[u8], more: Option<crate::seal::SecretKey>) {
    let root = format!("root:{}", parsed::<AgencyId>(of).state());
    let certificate = KeyCertificate {
        common: early(log, &root),
        principal: parsed(of),
        role: KeyRole::Seal,
        public_key: public_key.to_vec(),
        label: String::new(),
        extensions: Vec::new(),
    };
    let mut keys = vec![secret(&root, KeyRole::Root, 0)];
    keys.extend(more);
    let payload = wire::encode_key_certificate(&certificate);
    let kind = RecordKind::KeyPublished(envelope(PayloadKind::KeyCertificate, payload, &keys));
    inserts(log, kind);
}

/// A key to seal to, by its id, is revoked by its root.
fn revoked(log: &mut Forged, of: &str, keyid: KeyId) {
    let root = format!("root:{}", parsed::<AgencyId>(of).state());
    let revocation = KeyRevocation {
        common: early(log, &root),
        principal: parsed(of),
        keyid,
        reason: RevocationReason::Superseded,
        extensions: Vec::new(),
    };
    let payload = wire::encode_key_revocation(&revocation);
    let keys = [secret(&root, KeyRole::Root, 0)];
    let signed = envelope(PayloadKind::KeyRevocation, payload, &keys);
    inserts(log, RecordKind::KeyRevoked(signed));
}

fn public_key(of: &str) -> Vec<u8> {
    seal_key(of).public_key().as_bytes().to_vec()
}

/// The auditor's hold is signed by another of its keys, or says another thing.
fn holds(log: &mut Forged, change: impl FnOnce(&mut v1::Hold)) {
    let at = find(log, |it| matches!(it, RecordKind::HoldPlaced(_)));
    log.says(at, change);
}

#[rustfmt::skip]
pub(super) const FORMS: &[(&str, Change)] = &[
    ("a sealed warning, refused and erased: sound", |_| {}),
    ("a sealed warning whose acceptance is not shown: sound", without_acceptance),
    ("a sealed warning with its body: sound", |log| {
        let body = part(log.body.as_ref().unwrap());
        log.shows(move |bundle| bundle["warning"]["body"] = body.clone());
    }),
    ("a sealed body of another digest than was signed", |log| {
        let mut body = part(log.body.as_ref().unwrap());
        body["salt"] = super::forms::encoded(&[7; 32]);
        log.shows(move |bundle| bundle["warning"]["body"] = body.clone());
    }),
    ("a sealed warning that was routed without a wrap", |log| routed(log, |it| it.wrap_digest = None)),
    ("a sealed warning that was routed without a wrap, whose acceptance is not shown", |log| {
        routed(log, |it| it.wrap_digest = None);
        without_acceptance(log);
    }),
    ("a warning in clear that was routed with a wrap", |log| {
        *log = Forged::answered();
        log.routed(|it| it.wrap_digest = Some([7; 32]));
    }),
    ("a warning in clear that was routed with a wrap, whose acceptance is not shown", |log| {
        *log = Forged::answered();
        log.routed(|it| it.wrap_digest = Some([7; 32]));
        log.items[ROUTED - 1].place = Place::Nowhere;
    }),
    ("a sealed warning without a reply key", |log| log.header(|it| it.reply_key = None)),
    ("a warning in clear with a reply key", |log| in_clear(log, |it| it.reply_key = Some(reply_key()))),
    ("a sealed warning with a reply key of no suite", |log| log.header(|it| it.reply_key.as_mut().unwrap().suite = 0)),
    ("a sealed warning with a reply key of a suite that is not known", |log| {
        log.header(|it| it.reply_key.as_mut().unwrap().suite = 3);
    }),
    ("a sealed warning with a reply key of another suite's length", |log| {
        log.header(|it| it.reply_key.as_mut().unwrap().suite = 2);
    }),
    ("a sealed warning with a reply key that is too short", |log| log.header(|it| {
        it.reply_key.as_mut().unwrap().key = vec![9; 31].into();
    })),
    ("a sealed body of no suite", |log| body(log, |it| it.suite = 0)),
    ("a sealed body of a suite that is not known", |log| body(log, |it| it.suite = 2)),
    ("a sealed body of a length that none has", |log| body(log, |it| it.length -= 1)),
    ("a sealed body of the longest length: sound", |log| body(log, |it| it.length = 262_144)),
    ("a sealed body without a commitment", |log| body(log, |it| it.plaintext_commitment = Vec::new().into())),
    ("a sealed body with a commitment that is too short", |log| body(log, |it| it.plaintext_commitment = vec![7; 31].into())),
    ("a body in clear with a suite", |log| in_clear(log, |it| it.body.as_mut().unwrap().suite = 1)),
    ("a body in clear with a commitment", |log| in_clear(log, |it| {
        it.body.as_mut().unwrap().plaintext_commitment = vec![7; 32].into();
    })),
    ("a body of no form", |log| body(log, |it| it.form = 0)),
    ("a text of no suite", |log| text(log, |it| it.suite = 0)),
    ("a text of a suite that is not known", |log| text(log, |it| it.suite = 3)),
    ("a text of another suite's length", |log| text(log, |it| it.suite = 2)),
    ("a text of another suite than the reply key's, and a length of it", |log| text(log, |it| (it.suite, it.length) = (2, 256 + 1137))),
    ("a text of a length that none has", |log| text(log, |it| it.length += 1)),
    ("a text of the longest length: sound", |log| text(log, |it| it.length = 15_247 + 49)),
    ("a text without a commitment", |log| text(log, |it| it.plaintext_commitment = Vec::new().into())),
    ("a text in clear with a suite", |log| {
        *log = Forged::answered();
        log.says(REFUSED, |it: &mut Answer| it.text.as_mut().unwrap().suite = 1);
    }),
    ("a text in clear with a commitment", |log| {
        *log = Forged::answered();
        log.says(REFUSED, |it: &mut Answer| it.text.as_mut().unwrap().plaintext_commitment = vec![7; 32].into());
    }),
    ("a text in clear beside a sealed body", |log| text(log, |it| {
        (it.form, it.suite, it.length, it.plaintext_commitment) = (1, 0, 20, Vec::new().into());
    })),
    ("a text in clear that is no text", |log| {
        *log = Forged::answered();
        let text = [0x18, 1];
        log.says(REFUSED, |it: &mut Answer| {
            let part = it.text.as_mut().unwrap();
            (part.length, part.digest) = (2, crate::seal::text_digest(&[0x77; 32], &text).to_vec().into());
        });
        let content: Value = super::forms::encoded(&text);
        log.shows(move |bundle| bundle["threads"][0]["texts"][0]["content"] = content.clone());
    }),
];

#[rustfmt::skip]
pub(super) const OPENINGS: &[(&str, Change)] = &[
    ("a body and a text that are opened: sound", |log| opens(log, |_| {})),
    ("a body and a text that are opened, whose acceptance is not shown: sound", |log| {
        opens(log, |_| {});
        without_acceptance(log);
    }),
    ("a body that is opened: sound", |log| opens(log, |it| it["texts"] = json!([]))),
    ("a text that is opened: sound", |log| opens(log, |it| it["body"] = Value::Null)),
    ("two texts that are opened: sound", |log| opens_two(log, [3, 4])),
    ("two texts that are opened in another order", |log| opens_two(log, [4, 3])),
    ("a text that is opened twice", |log| opens_two(log, [4, 4])),
    ("nothing that is opened", |log| opens(log, |it| *it = json!({"body": null, "texts": []}))),
    ("null that is opened", |log| opens(log, |it| *it = Value::Null)),
    ("a list that is opened", |log| opens(log, |it| *it = json!([it["body"], it["texts"]]))),
    ("what is opened without a member", |log| opens(log, |it| drop(it.as_object_mut().unwrap().remove("texts")))),
    ("what is opened with a member more", |log| opens(log, |it| it["more"] = json!(1))),
    ("a body that is opened with a member more", |log| opens(log, |it| it["body"]["index"] = json!(1))),
    ("a body that is opened and not there", |log| {
        opens(log, |_| {});
        let opened = all_opened(log);
        log.shows(move |bundle| bundle["opened"] = opened.clone());
    }),
    ("a text that is opened and not there", |log| {
        let mut opened = all_opened(log);
        opened["body"] = Value::Null;
        log.shows(move |bundle| {
            bundle["threads"][0]["texts"] = json!([]);
            bundle["opened"] = opened.clone();
        });
    }),
    ("a body in clear that is opened", |log| {
        let body = opened_part(&BODY_SALT, &plain_body());
        opens_in_clear(log, json!({"body": body, "texts": []}));
    }),
    ("a text in clear that is opened", |log| {
        let mut text = opened_part(&TEXT_SALT, &text_of("en", REFUSAL));
        text["index"] = json!(REFUSED);
        opens_in_clear(log, json!({"body": null, "texts": [text]}));
    }),
    ("a text that is opened, of an answer without one", |log| {
        let at = index(log, 3);
        opens(log, |it| it["texts"][0]["index"] = json!(at));
    }),
    ("a text that is opened, of HANDED_OVER", |log| {
        let at = index(log, 2);
        opens(log, |it| it["texts"][0]["index"] = json!(at));
    }),
    ("a text that is opened, of the acceptance", |log| {
        let at = index(log, 0);
        opens(log, |it| it["texts"][0]["index"] = json!(at));
    }),
    ("a text that is opened, of no record", |log| opens(log, |it| it["texts"][0]["index"] = json!(999))),
    ("another body than was sealed", |log| opens(log, |it| {
        it["body"] = opened_part(&BODY_SALT, &[&plain_body()[..], &[0x38, 1]].concat());
    })),
    ("the body under another salt", |log| opens(log, |it| it["body"]["salt"] = super::forms::encoded(&[7; 32]))),
    ("the body under a salt that is too short", |log| opens(log, |it| it["body"]["salt"] = super::forms::encoded(&[0x33; 31]))),
    ("another text than was sealed", |log| opens(log, |it| {
        let index = it["texts"][0]["index"].clone();
        it["texts"][0] = opened_part(&TEXT_SALT, &text_of("en", "Thank you."));
        it["texts"][0]["index"] = index;
    })),
    ("the text under another salt", |log| opens(log, |it| it["texts"][0]["salt"] = super::forms::encoded(&[7; 32]))),
    ("the sealed body itself, as what was sealed", |log| {
        let sealed = part(log.body.as_ref().unwrap());
        opens(log, |it| it["body"] = sealed);
    }),
    ("a body that was sealed and is none", |log| {
        let none = [0x48, 1];
        body(log, |it| it.plaintext_commitment = plaintext_commitment(&BODY_SALT, &none).to_vec().into());
        opens(log, |it| *it = json!({"body": opened_part(&BODY_SALT, &none), "texts": []}));
    }),
    ("a text that was sealed and is none", |log| {
        let none = [0x18, 1];
        refuses(log, |it| {
            it.text.as_mut().unwrap().plaintext_commitment = plaintext_commitment(&TEXT_SALT, &none).to_vec().into();
        });
        let mut text = opened_part(&TEXT_SALT, &none);
        text["index"] = json!(index(log, 4));
        opens(log, |it| *it = json!({"body": null, "texts": [text]}));
    }),
];

#[rustfmt::skip]
pub(super) const ERASURES: &[(&str, Change)] = &[
    ("ERASED, whose acceptance is not shown, of a record before ROUTED: sound", without_acceptance),
    ("ERASED of what stands after it", |log| { let at = index(log, 6); erases(log, 1, |it| it.index = at) }),
    ("ERASED of itself", |log| { let at = index(log, 5); erases(log, 1, |it| it.index = at) }),
    ("ERASED of ROUTED", |log| { let at = index(log, 1); erases(log, 1, |it| it.index = at) }),
    ("ERASED of ROUTED, whose acceptance is not shown", |log| {
        let at = index(log, 1);
        erases(log, 1, |it| it.index = at);
        without_acceptance(log);
    }),
    ("ERASED of HANDED_OVER", |log| { let at = index(log, 2); erases(log, 2, |it| it.index = at) }),
    ("ERASED of a record before the acceptance", |log| { let at = index(log, 0) - 1; erases(log, 1, |it| it.index = at) }),
    ("ERASED by the rule of another class", |log| erases(log, 1, |it| bucket(it, RetentionClass::Ordinary, 0))),
    ("ERASED by the rule of a day before it expired", |log| erases(log, 1, |it| {
        bucket(it, RetentionClass::Exercise, -1);
        it.days += 1;
    })),
    ("ERASED by the rule of another class, whose acceptance is not shown", |log| {
        erases(log, 1, |it| bucket(it, RetentionClass::Ordinary, 0));
        without_acceptance(log);
    }),
    ("ERASED by the rule of a day before it expired, whose acceptance is not shown", |log| {
        erases(log, 1, |it| {
            bucket(it, RetentionClass::Exercise, -1);
            it.days += 1;
        });
        without_acceptance(log);
    }),
    ("ERASED by the rule of a later day, which has passed", |log| erases(log, 2, |it| {
        bucket(it, RetentionClass::Exercise, 1);
        it.days -= 1;
    })),
    ("ERASED by the rule of a later day, which has passed, whose acceptance is not shown", |log| {
        erases(log, 2, |it| {
            bucket(it, RetentionClass::Exercise, 1);
            it.days -= 1;
        });
        without_acceptance(log);
    }),
    ("ERASED by a rule of no days", |log| erases(log, 2, |it| it.days = 0)),
    ("ERASED twice", |log| { let at = index(log, 4); erases(log, 1, |it| it.index = at) }),
    ("ERASED twice, whose acceptance is not shown", |log| {
        let at = index(log, 4);
        erases(log, 1, |it| it.index = at);
        without_acceptance(log);
    }),
    ("ERASED of an answer without a text, whose acceptance is not shown", |log| {
        let at = index(log, 3);
        erases(log, 2, |it| it.index = at);
        without_acceptance(log);
    }),
    ("a text whose form is another than the warning's, whose acceptance is not shown", |log| {
        text(log, |it| (it.suite, it.length) = (2, 256 + 1137));
        without_acceptance(log);
    }),
    ("ERASED before its own rule would", |log| erases(log, 2, |it| it.days += 1)),
    ("ERASED a millisecond before its own rule would", |log| {
        let at = after(log, 5);
        let RecordKind::Erased(it) = &log.items[at].record.kind else { panic!() };
        let early = it.bucket.due(it.days).saturating_add_ms(-1);
        log.items[at].record.time = early;
    }),
    ("ERASED in no thread", |log| { let at = after(log, 6); log.linked(at, |record| record.thread = None) }),
    ("a thread that begins with ERASED", |log| {
        let at = after(log, 1);
        log.items[at].place = Place::Nowhere;
        without_acceptance(log);
    }),
    ("a thread that ends before ERASED: sound", |log| {
        log.items.truncate(after(log, 5));
    }),
    ("personal data that is erased as an exercise", |log| log.header(|it| it.handling.as_mut().unwrap().personal_data = true)),
    ("personal data that is erased as such: sound", |log| {
        log.header(|it| it.handling.as_mut().unwrap().personal_data = true);
        for number in [1, 2] {
            erases(log, number, |it| bucket(it, RetentionClass::PersonalData, 0));
        }
    }),
    ("a real warning that is erased as an exercise", |log| log.header(|it| it.status = 1)),
];

#[rustfmt::skip]
pub(super) const KEYS: &[(&str, Change)] = &[
    ("a further key to seal to: sound", |log| sealed_to(log, "ru.ctc", &public_key("ru.ctc again"), None)),
    ("a key to seal to that is another agency's too: sound", |log| sealed_to(log, "ru.ctc", &public_key("us.ctc"), None)),
    ("a key to seal to that is enrolled twice", |log| sealed_to(log, "ru.ctc", &public_key("ru.ctc"), None)),
    ("a key to seal to of a suite that is not known", |log| {
        let mut key = public_key("ru.ctc again");
        key[0] = 3;
        sealed_to(log, "ru.ctc", &key, None);
    }),
    ("a key to seal to of another suite's length", |log| {
        let mut key = public_key("ru.ctc again");
        key[0] = 2;
        sealed_to(log, "ru.ctc", &key, None);
    }),
    ("a key to seal to without its suite", |log| sealed_to(log, "ru.ctc", &public_key("ru.ctc again")[1..], None)),
    ("a key to seal to that is nothing", |log| sealed_to(log, "ru.ctc", &[], None)),
    ("a key to seal to that an officer has signed too", |log| {
        sealed_to(log, "ru.ctc", &public_key("ru.ctc again"), Some(secret("ru.ctc", KeyRole::Officer, 0)));
    }),
    ("a key to seal to that is revoked: sound", |log| {
        revoked(log, "ru.ctc", seal_key("ru.ctc").public_key().keyid(&parsed("ru.ctc")));
    }),
    ("another agency's key to seal to that is revoked", |log| {
        revoked(log, "ru.ctc", seal_key("us.ctc").public_key().keyid(&parsed("us.ctc")));
    }),
    ("a key to seal to that is revoked by another agency's id of it", |log| {
        revoked(log, "ru.ctc", seal_key("ru.ctc").public_key().keyid(&parsed("us.ctc")));
    }),
    ("a hold that says another thing: sound", |log| holds(log, |it| it.reason = "Another inquiry.".to_owned())),
    ("a hold whose signer does not say what it has seen", |log| holds(log, |it| signer(&mut it.common).seen = None)),
    ("a hold in the name of another role", |log| holds(log, |it| signer(&mut it.common).role = 2)),
    ("a hold for another log", |log| holds(log, |it| it.common.as_mut().unwrap().origin = "other.example.invalid".to_owned())),
    ("a hold that another agency has signed, in the auditor's name", |log| {
        let at = find(log, |it| matches!(it, RecordKind::HoldPlaced(_)));
        log.signed(at, &[secret("ru.ctc", KeyRole::Officer, 0)]);
    }),
    ("a hold by a key to originate with", |log| {
        holds(log, |it| {
            let signer = signer(&mut it.common);
            (signer.principal, signer.role) = ("ru.ctc".to_owned(), 2);
        });
        let at = find(log, |it| matches!(it, RecordKind::HoldPlaced(_)));
        log.signed(at, &[secret("ru.ctc", KeyRole::Originate, 0)]);
    }),
    ("a hold in no directory", |log| {
        let at = find(log, |it| matches!(it, RecordKind::HoldPlaced(_)));
        log.linked(at, |record| record.directory = None);
    }),
    ("a hold with a field that is not known", |log| {
        let at = find(log, |it| matches!(it, RecordKind::HoldPlaced(_)));
        let envelope = super::forge::envelope_in(&mut log.items[at].record);
        super::forge::resigned(envelope, |it| it.payload = [&it.payload[..], &[0xf8, 0x07, 1]].concat().into());
    }),
];
