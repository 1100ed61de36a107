//! Sealed bodies: what the header, the wraps beside it and the routing must say of them.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::appended;
use crate::domain::*;
use crate::error::ErrorCode as E;
use crate::ledger::{Decision, Facts as _, NewPart, ThreadKey, apply, verify_record};
use crate::seal::{self, SEALED_BODY_SUITE};
use crate::world::{Scene, World, code_of, parsed};

type Change = fn(&mut Vec<Wrap>);

/// A sealed warning is routed with the digest of each agency's wrap in its ROUTED records, the wraps stand beside these, and the
/// originator's beside the acceptance. What comes out opens the body that went in.
#[test]
fn a_sealed_warning_is_routed_with_its_wraps() {
    let mut scene = Scene::new();
    let to = ["ru.ctc/aviation", "ru.ctc", "fr.ctc"];
    let draft = scene.world.draft("us.ctc", &to, &[]);
    let plain = draft.body.content.clone();
    let draft = draft.sealed();
    let header = draft.header.clone();
    let commitment = header.body.plaintext_commitment.unwrap();
    let submission = draft.sign("us.ctc");
    let digest = submission.envelope.digest();
    let Decision::Append { records, .. } = scene.submit("us.ctc", submission.clone()) else {
        panic!()
    };
    let open = |agency: &str, wrapped: &Bytes| {
        let agency_id: AgencyId = parsed(agency);
        let opened = seal::open_wrap(&World::seal_key(agency, 0), &digest, &agency_id, wrapped).unwrap();
        let content = &submission.body.content;
        let common = &header.common;
        let body = seal::open_body(&common.origin, &common.id, &opened.key, &commitment, content).unwrap();
        assert_eq!(body.text, plain);
        opened.reply
    };
    let [NewPart::Body(_), NewPart::Wrap(own)] = &records[0].parts[..] else {
        panic!("{:?}", records[0].parts)
    };
    let reply = open("us.ctc", own).unwrap();
    assert_eq!(reply.public_key().key(), header.reply_key.unwrap().key.as_slice());
    for (record, agency) in records[1..].iter().zip(["fr.ctc", "ru.ctc", "ru.ctc"]) {
        let RecordKind::Routed(routed) = &record.record.kind else {
            panic!()
        };
        let [NewPart::Inbox(_), NewPart::Wrap(wrapped)] = &record.parts[..] else {
            panic!("{:?}", record.parts)
        };
        assert_eq!(routed.wrap_digest, Some(seal::wrap_digest(wrapped)));
        assert!(open(agency, wrapped).is_none());
    }
}

/// The wraps are those of the agencies that it goes to, each once, and the originator's. Whatever else comes is refused and not
/// recorded, with the right list; and the same signed bytes are accepted with the right ones.
#[test]
fn the_wraps_are_those_of_the_recipients() {
    let table: [(&str, Change); 8] = [
        ("none", Vec::clear),
        ("the originator's is missing", |wraps| drop(wraps.remove(0))),
        ("a recipient's is missing", |wraps| drop(wraps.pop())),
        ("one too many", |wraps| {
            let mut more = wraps[1].clone();
            more.agency = parsed("be.ctc");
            wraps.push(more);
        }),
        ("one twice", |wraps| wraps.push(wraps[1].clone())),
        ("another agency's name", |wraps| {
            wraps[1].agency = parsed("be.ctc")
        }),
        ("the originator's for a recipient", |wraps| {
            wraps[1].wrapped = wraps[0].wrapped.clone()
        }),
        ("cut short", |wraps| {
            wraps[1].wrapped = wraps[1].wrapped.slice(..wraps[1].wrapped.len() - 1)
        }),
    ];
    for (what, change) in table {
        let mut scene = Scene::new();
        let draft = scene.world.draft("us.ctc", &["fr.ctc", "ru.ctc"], &[]).sealed();
        let good = draft.sign("us.ctc");
        let mut bad = good.clone();
        change(&mut bad.wraps);
        let decision = scene.submit("us.ctc", bad);
        assert_eq!(
            code_of(&decision),
            Some((E::WrapsMismatch, false)),
            "{what}: {decision:?}"
        );
        assert_eq!(appended(&scene.submit("us.ctc", good)), 3, "{what}");
    }
    let mut scene = Scene::new();
    let mut missing = scene
        .world
        .draft("us.ctc", &["fr.ctc", "ru.ctc"], &[])
        .sealed()
        .sign("us.ctc");
    missing.wraps.pop();
    let Decision::Refuse(refused) = scene.submit("us.ctc", missing) else {
        panic!()
    };
    assert_eq!(refused.near, ["fr.ctc", "ru.ctc"]);
    let mut clear = scene.world.warning("us.ctc", &["fr.ctc"]);
    clear.wraps = scene
        .world
        .draft("us.ctc", &["fr.ctc"], &[])
        .sealed()
        .sign("us.ctc")
        .wraps;
    assert_eq!(
        code_of(&scene.submit("us.ctc", clear)),
        Some((E::WrapsMismatch, false))
    );
}

/// More wraps than there are addresses, and the originator's, are refused before the signature is looked at: junk costs nothing but
/// its reading.
#[test]
fn more_wraps_than_addresses_are_not_looked_at() {
    let mut scene = Scene::new();
    let mut sent = scene
        .world
        .draft("us.ctc", &["ru.ctc"], &[])
        .sealed()
        .sign("us.ctc");
    sent.envelope.signatures[0].sig[7] ^= 1;
    let refused = |scene: &mut Scene, sent: &Submission| code_of(&scene.submit("us.ctc", sent.clone()));
    assert_eq!(refused(&mut scene, &sent), Some((E::BadSignature, false)));
    sent.wraps.push(sent.wraps[1].clone());
    assert_eq!(refused(&mut scene, &sent), Some((E::WrapsMismatch, false)));
}

/// What a header says of a sealed body is held to what a sealed body is; what is wrong is recorded.
#[test]
fn a_sealed_header_says_what_a_sealed_body_needs() {
    let table: [(E, fn(&mut Warning)); 7] = [
        (E::InvalidValue, |h| h.body.suite = SEALED_BODY_SUITE + 1),
        (E::InvalidValue, |h| h.body.plaintext_commitment = None),
        (E::InvalidValue, |h| h.body.length -= 1),
        (E::MissingField, |h| h.reply_key = None),
        (E::InvalidValue, |h| h.reply_key.as_mut().unwrap().suite = 9),
        (E::InvalidValue, |h| {
            h.reply_key.as_mut().unwrap().key.truncate(31)
        }),
        (E::InvalidValue, |h| h.reply_key.as_mut().unwrap().key.fill(0)),
    ];
    for (row, (code, change)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let draft = scene.world.draft("us.ctc", &["ru.ctc"], &[]).sealed();
        let decision = scene.submit("us.ctc", draft.with(change).sign("us.ctc"));
        assert_eq!(code_of(&decision), Some((code, true)), "row {row}: {decision:?}");
    }
    let mut scene = Scene::new();
    let sealed = scene.world.draft("us.ctc", &["ru.ctc"], &[]).sealed();
    let reply_key = sealed.header.reply_key.clone();
    let clear = scene
        .world
        .draft("us.ctc", &["ru.ctc"], &[])
        .with(|h| h.reply_key = reply_key);
    assert_eq!(
        code_of(&scene.submit("us.ctc", clear.sign("us.ctc"))),
        Some((E::Unsupported, true))
    );
}

/// An answer's text may be sealed; its form must be what its bytes are.
#[test]
fn a_text_may_be_sealed() {
    for spoilt in [false, true] {
        let mut scene = Scene::new();
        let draft = scene.world.draft("us.ctc", &["ru.ctc"], &[]).sealed();
        let reply =
            seal::SealSecretKey::from_bytes(&draft.sealed.as_ref().unwrap().1.to_bytes()[..]).unwrap();
        let warning = draft.sign("us.ctc");
        assert_eq!(appended(&scene.submit("us.ctc", warning.clone())), 2);
        let (mut part, _) = scene.world.text("Too vague to act upon.");
        let digest = warning.envelope.digest();
        let mut submission =
            scene
                .world
                .acknowledgement("ru.ctc", &warning, AcknowledgementKind::Opened, |answer| {
                    let place = seal::TextPlace {
                        origin: &answer.common.origin,
                        acknowledgement: &answer.common.id,
                        warning: &digest,
                    };
                    let sealed = seal::seal_text(reply.public_key(), place, &part.content).unwrap();
                    part.content = sealed.content.into();
                    answer.text = Some(PartReference {
                        form: Form::Sealed,
                        suite: u32::from(reply.suite().byte()) + u32::from(spoilt),
                        length: u32::try_from(part.content.len()).unwrap(),
                        digest: seal::text_digest(&part.salt, &part.content),
                        plaintext_commitment: Some(sealed.commitment),
                    });
                });
        submission.text = Some(part);
        let decision = scene.acknowledge("ru.ctc", submission);
        let expected = spoilt.then_some((E::InvalidValue, true));
        assert_eq!(code_of(&decision), expected, "{decision:?}");
    }
}

/// What no honest relay takes stands in no log either: whoever verifies a record holds what was signed of a body or text to what
/// such a part can be, without it. Each row is signed well, and spoilt in one value.
#[test]
fn the_shapes_of_parts_are_verified_in_a_log() {
    use crate::limits::{BODY_BYTES_MAX, TEXT_BYTES_MAX};
    let stands = |scene: &Scene, kind, thread| {
        let record = Record {
            nonce: [1; 16],
            time: scene.world.now,
            thread,
            directory: None,
            kind,
        };
        verify_record(&scene.log.directory, scene.log.next_index(), &record)
    };
    let bodies: [(bool, fn(&mut PartReference)); 8] = [
        (true, |_| ()),
        (false, |body| body.plaintext_commitment = None),
        (false, |body| body.suite += 1),
        (false, |body| body.length -= 1),
        (false, |body| body.form = Form::Clear),
        (true, |body| *body = in_clear(BODY_BYTES_MAX)),
        (false, |body| *body = in_clear(BODY_BYTES_MAX + 1)),
        (false, |body| {
            *body = PartReference {
                suite: 1,
                ..in_clear(9)
            }
        }),
    ];
    for (row, (good, change)) in bodies.into_iter().enumerate() {
        let mut scene = Scene::new();
        let draft = scene.world.draft("us.ctc", &["ru.ctc"], &[]).sealed();
        let draft = draft.with(|header| {
            change(&mut header.body);
            if row > 4 {
                header.reply_key = None;
            }
        });
        let Submission {
            envelope, openings, ..
        } = draft.sign("us.ctc");
        let accepted = Accepted {
            warning: envelope,
            openings,
            routed: Vec::new(),
        };
        let checked = stands(&scene, RecordKind::Accepted(accepted), None);
        assert_eq!(checked.is_ok(), good, "body {row}: {checked:?}");
    }
    let sealed = |length| PartReference {
        form: Form::Sealed,
        suite: 1,
        plaintext_commitment: Some([5; 32]),
        ..in_clear(length)
    };
    let texts = [
        (true, sealed(256 + 49)),
        (false, sealed(256 + 48)),
        (
            false,
            PartReference {
                suite: 2,
                ..sealed(256 + 49)
            },
        ),
        (
            false,
            PartReference {
                suite: 9,
                ..sealed(256 + 49)
            },
        ),
        (
            false,
            PartReference {
                plaintext_commitment: None,
                ..sealed(256 + 49)
            },
        ),
        (true, in_clear(TEXT_BYTES_MAX)),
        (false, in_clear(TEXT_BYTES_MAX + 1)),
        (
            false,
            PartReference {
                suite: 1,
                ..in_clear(9)
            },
        ),
    ];
    for (row, (good, text)) in texts.into_iter().enumerate() {
        let mut scene = Scene::new();
        let warning = scene.world.warning("us.ctc", &["ru.ctc"]);
        let link = ThreadLink {
            warning: warning.envelope.digest(),
            desk: parsed("ru.ctc"),
            seq: 1,
            prev: Some(Hash([1; 32])),
        };
        let kind = AcknowledgementKind::Opened;
        let answer = scene
            .world
            .acknowledgement("ru.ctc", &warning, kind, |it| it.text = Some(text));
        let checked = stands(&scene, RecordKind::Acknowledged(answer.envelope), Some(link));
        assert_eq!(checked.is_ok(), good, "text {row}: {checked:?}");
    }
}

/// What is signed of a part in clear of this length.
fn in_clear(length: usize) -> PartReference {
    PartReference {
        form: Form::Clear,
        suite: 0,
        length: u32::try_from(length).unwrap(),
        digest: [7; 32],
        plaintext_commitment: None,
    }
}

/// The text of an answer has its warning's form: sealed by the reply key's suite, or in clear. The relay takes no other, and in a log
/// none stands; that a body could not be opened is said of sealed ones only. A table.
#[test]
fn an_answer_is_of_its_warnings_form() {
    let sealed = |suite: u32, length| PartReference {
        form: Form::Sealed,
        suite,
        plaintext_commitment: Some([5; 32]),
        ..in_clear(length)
    };
    for (row, (warning_sealed, text, good)) in [
        (true, Some(sealed(1, 256 + 49)), true),
        (true, Some(sealed(2, 256 + 1137)), false),
        (true, Some(in_clear(9)), false),
        (true, None, true),
        (false, Some(in_clear(9)), true),
        (false, Some(sealed(1, 256 + 49)), false),
        (false, None, true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut scene = Scene::new();
        let draft = scene.world.draft("us.ctc", &["ru.ctc"], &[]);
        let warning = match warning_sealed {
            true => draft.sealed(),
            false => draft,
        };
        let warning = warning.sign("us.ctc");
        assert_eq!(appended(&scene.submit("us.ctc", warning.clone())), 2);
        let kind = AcknowledgementKind::Opened;
        let change = |it: &mut Acknowledgement| it.text = text;
        let envelope = scene
            .world
            .acknowledgement("ru.ctc", &warning, kind, change)
            .envelope;
        let key = ThreadKey {
            warning: warning.envelope.digest(),
            desk: parsed("ru.ctc"),
        };
        let thread = scene.log.facts.thread(&key).unwrap().unwrap();
        let record = Record {
            nonce: [1; 16],
            time: scene.world.now,
            thread: Some(ThreadLink {
                warning: key.warning,
                desk: key.desk,
                seq: 1,
                prev: Some(thread.prev),
            }),
            directory: None,
            kind: RecordKind::Acknowledged(envelope),
        };
        let index = scene.log.next_index();
        let mut directory = scene.log.directory.clone();
        let applied = apply(&mut directory, &scene.log.facts, index, Hash([1; 32]), &record);
        assert_eq!(applied.is_ok(), good, "row {row}: {applied:?}");
        let (part, reference) = scene.world.text("In clear.");
        let mut answer = scene
            .world
            .acknowledgement("ru.ctc", &warning, kind, |it| it.text = Some(reference));
        answer.text = Some(part);
        let expected = warning_sealed.then_some((E::InvalidAnswer, true));
        assert_eq!(
            code_of(&scene.acknowledge("ru.ctc", answer)),
            expected,
            "row {row}"
        );
        let unreadable = AcknowledgementKind::Refused;
        let answer = scene.world.acknowledgement("ru.ctc", &warning, unreadable, |it| {
            it.reason = Some(RefusalReason::Unreadable);
        });
        let expected = (!warning_sealed).then_some((E::InvalidAnswer, true));
        assert_eq!(
            code_of(&scene.acknowledge("ru.ctc", answer)),
            expected,
            "row {row}"
        );
    }
}

/// A key that bodies are sealed to is certified by the root alone, belongs to whoever it is certified for, and the newest
/// valid one counts: never one that is revoked, for good, and never another agency's over the same bytes.
#[test]
fn keys_to_seal_to_are_enrolled() {
    let mut scene = Scene::new();
    let us: AgencyId = parsed("us.ctc");
    assert!(scene.log.directory.seal_key_of(&us).is_none());
    let publish = |scene: &mut Scene, agency: &str, generation| {
        let root = format!("root:{}", parsed::<AgencyId>(agency).state());
        let envelope = scene
            .world
            .certificate(agency, KeyRole::Seal, generation, &root, |c| {
                c.public_key = World::public_key("us.ctc", KeyRole::Seal, generation);
            });
        scene.publish_key(envelope)
    };
    // Who sees a partner's key and enrols it as their own takes nothing from the partner.
    assert_eq!(appended(&publish(&mut scene, "fr.ctc", 0)), 1);
    assert_eq!(appended(&publish(&mut scene, "us.ctc", 0)), 1);
    let again = publish(&mut scene, "us.ctc", 0);
    assert_eq!(code_of(&again), Some((E::KeyAlreadyEnrolled, false)));
    assert_eq!(appended(&publish(&mut scene, "us.ctc", 1)), 1);
    let newest = |scene: &Scene| scene.log.directory.seal_key_of(&us).map(|key| key.keyid);
    let fr = scene.log.directory.seal_key_of(&parsed("fr.ctc")).unwrap();
    assert_eq!(fr.principal, parsed("fr.ctc"));
    assert_ne!(fr.keyid, World::keyid("us.ctc", KeyRole::Seal, 0));
    let ids: BTreeMap<u32, KeyId> = [0, 1, 2]
        .map(|generation| (generation, World::keyid("us.ctc", KeyRole::Seal, generation)))
        .into();
    assert_eq!(newest(&scene), Some(ids[&1]));
    let revoke = |scene: &mut Scene, by: &str, role, generation| {
        let revocation = scene.world.revocation(by, role, "us.ctc", ids[&generation]);
        scene.publish_key(revocation)
    };
    // It signs nothing, and no other key of its agency speaks for it.
    let by_officer = revoke(&mut scene, "us.ctc", KeyRole::Officer, 1);
    assert_eq!(code_of(&by_officer), Some((E::PermissionDenied, false)));
    assert_eq!(appended(&revoke(&mut scene, "root:us", KeyRole::Root, 1)), 1);
    assert_eq!(newest(&scene), Some(ids[&0]));
    assert_eq!(appended(&publish(&mut scene, "us.ctc", 2)), 1);
    assert_eq!(newest(&scene), Some(ids[&2]));
    assert_eq!(appended(&revoke(&mut scene, "root:us", KeyRole::Root, 0)), 1);
    assert_eq!(newest(&scene), Some(ids[&2]), "the old one of a rotation ends");
    assert_eq!(appended(&revoke(&mut scene, "root:us", KeyRole::Root, 2)), 1);
    assert_eq!(newest(&scene), None);
    let again = publish(&mut scene, "us.ctc", 2);
    assert_eq!(code_of(&again), Some((E::KeyAlreadyEnrolled, false)));
}

/// Whoever cannot open a body can say so, signed: the sender learns of it.
#[test]
fn what_cannot_be_opened_is_refused_by_the_recipient() {
    let mut scene = Scene::new();
    let warning = scene
        .world
        .draft("us.ctc", &["ru.ctc"], &[])
        .sealed()
        .sign("us.ctc");
    assert_eq!(appended(&scene.submit("us.ctc", warning.clone())), 2);
    let refused = scene
        .world
        .acknowledgement("ru.ctc", &warning, AcknowledgementKind::Refused, |answer| {
            answer.reason = Some(RefusalReason::Unreadable)
        });
    assert_eq!(appended(&scene.acknowledge("ru.ctc", refused)), 1);
}
