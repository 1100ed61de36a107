//! Warnings: what is accepted, and what each refusal leaves.

use super::{appended, existing};
use crate::domain::*;
use crate::error::ErrorCode as E;
use crate::ledger::{Decision, Facts, MemoryFacts, ThreadKey};
use crate::limits;
use crate::world::{Scene, World, code_of, parsed};

type Change = fn(&mut Warning);

/// What the header says wrong is refused with its code and recorded, and nothing is delivered; the same bytes again get
/// the same refusal with its record, and the id is used up. A table of one change each.
#[test]
fn what_the_signature_covers_is_rejected_on_the_record() {
    fn later(header: &Warning, ms: i64) -> Option<crate::time::Timestamp> {
        header.common.sent.checked_add_ms(ms)
    }
    let table: [(E, Change); 29] = [
        (E::WrongOrigin, |h| h.common.origin = parsed("other.invalid")),
        (E::HarmNotAsserted, |h| {
            h.status = Status::Actual;
            h.harm.clear();
        }),
        (E::HarmNotAsserted, |h| {
            h.status = Status::Actual;
            h.assertions.credible = false;
        }),
        (E::HarmNotAsserted, |h| {
            h.status = Status::Actual;
            h.assertions.specific = false;
        }),
        (E::HarmNotAsserted, |h| {
            h.status = Status::Actual;
            h.assertions.impending = false;
        }),
        (E::ExpiresMissing, |h| h.expires = None),
        (E::ExpiresBeforeSent, |h| h.expires = Some(h.common.sent)),
        (E::Expired, |h| {
            h.common.sent = h.common.sent.saturating_add_ms(-10);
            h.expires = later(h, 5);
        }),
        (E::InvalidValue, |h| {
            h.expires = later(h, limits::LIFETIME_MS_MAX + 1)
        }),
        (E::SentAhead, |h| {
            h.common.sent = h.common.sent.saturating_add_ms(limits::SENT_AHEAD_MS_MAX + 1)
        }),
        (E::SeenNotOnLog, |h| {
            crate::world::signer_mut(&mut h.common)
                .seen
                .as_mut()
                .unwrap()
                .root = Hash([1; 32])
        }),
        (E::SeenNotOnLog, |h| {
            crate::world::signer_mut(&mut h.common)
                .seen
                .as_mut()
                .unwrap()
                .size += 1
        }),
        (E::SeenNotOnLog, |h| {
            crate::world::signer_mut(&mut h.common)
                .seen
                .as_mut()
                .unwrap()
                .size = 0
        }),
        (E::MissingField, |h| {
            crate::world::signer_mut(&mut h.common).seen = None
        }),
        (E::InvalidValue, |h| {
            crate::world::signer_mut(&mut h.common).desk = Some(parsed("us.ctc/nobody"))
        }),
        (E::InvalidValue, |h| {
            h.body.form = Form::Sealed;
            h.body.suite = 1;
            h.body.plaintext_commitment = Some([1; 32]);
        }),
        (E::Unsupported, |h| h.warning_type = WarningType::Update),
        (E::Unsupported, |h| h.warning_type = WarningType::Cancel),
        (E::Unsupported, |h| h.warning_type = WarningType::Extend),
        (E::Unsupported, |h| h.warning_type = WarningType::Outcome),
        (E::Unsupported, |h| h.handling.attribution = Attribution::ViaRelay),
        (E::Unsupported, |h| {
            h.deadlines = Some(Deadlines {
                received_ms: 1,
                opened_ms: 2,
                answered_ms: 3,
            });
        }),
        (E::Unsupported, |h| {
            h.reply_key = Some(ReplyKey {
                suite: 1,
                key: vec![1; 32],
            })
        }),
        (E::Unsupported, |h| h.outcome = Some(Outcome::Occurred)),
        (E::CriticalExtension, |h| {
            h.extensions = vec![Extension {
                id: "x.y".to_owned(),
                critical: true,
                value: Vec::new(),
            }];
        }),
        (E::InvalidValue, |h| h.warning_type = WarningType::Notice),
        (E::InvalidValue, |h| {
            h.warning_type = WarningType::Notice;
            h.precedence = Precedence::Priority;
            h.harm.clear();
        }),
        (E::InvalidAnswer, |h| h.warning_type = WarningType::Answer),
        (E::BodyTooLarge, |h| {
            h.body.length = limits::BODY_BYTES_MAX as u32 + 1
        }),
    ];
    for (row, (code, change)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let submission = scene
            .world
            .draft("us.ctc", &["ru.ctc"], &[])
            .with(change)
            .sign("us.ctc");
        let before = scene.log.next_index();
        let decision = scene.submit("us.ctc", submission.clone());
        assert_eq!(code_of(&decision), Some((code, true)), "row {row}: {decision:?}");
        let Decision::Reject { record, .. } = decision else {
            panic!()
        };
        let RecordKind::Rejected(rejected) = &record.record.kind else {
            panic!()
        };
        assert_eq!(
            (rejected.digest, rejected.code.as_str()),
            (submission.envelope.digest(), code.name())
        );
        assert_eq!(rejected.principal, parsed("us.ctc"));
        // The same again: the recorded refusal.
        let again = existing(scene.submit("us.ctc", submission.clone()));
        assert_eq!((again.index, again.rejected), (before, Some(code)), "row {row}");
        // Other bytes under that id: a conflict that leaves nothing.
        let mut corrected = scene.world.draft("us.ctc", &["ru.ctc"], &[]);
        corrected.header.common.id = submission.hint.id;
        let conflict = scene.submit("us.ctc", corrected.sign("us.ctc"));
        assert_eq!(code_of(&conflict), Some((E::IdReused, false)), "row {row}");
        assert_eq!(scene.log.next_index(), before + 1, "row {row}");
        assert!(scene.log.facts.inbox(&parsed("ru.ctc")).is_empty(), "row {row}");
    }
}

type Beside = fn(&mut Submission);

/// What lies beside the signature, or is not validly signed, is refused with its code and leaves nothing; put right, the
/// same signed bytes are accepted. A table of one change each.
#[test]
fn what_lies_beside_leaves_nothing() {
    let table: [(E, Beside); 11] = [
        (E::HintMismatch, |s| s.hint.id = PayloadId::from_parts(1, [9; 10])),
        (E::HintMismatch, |s| s.hint.lane = Some(Lane::Flash)),
        (E::HintMismatch, |s| s.hint.lane = None),
        (E::BadSignature, |s| s.envelope.signatures[0].sig[0] ^= 1),
        (E::BadSignature, |s| s.envelope.signatures.clear()),
        (E::WrongPayloadType, |s| {
            s.envelope.payload_type = format!("{}x", s.envelope.payload_type).into()
        }),
        (E::AudienceUnopened, |s| drop(s.openings.pop())),
        (E::AudienceRepeated, |s| s.openings[0] = s.openings[1].clone()),
        (E::AudienceMismatch, |s| s.openings[0].salt[0] ^= 1),
        (E::AudienceMismatch, |s| s.openings.push(s.openings[0].clone())),
        (E::BodyMismatch, |s| s.body.salt[0] ^= 1),
    ];
    for (row, (code, change)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let good = scene.world.warning("us.ctc", &["ru.ctc"]);
        let mut spoilt = good.clone();
        change(&mut spoilt);
        let before = scene.log.next_index();
        let decision = scene.submit("us.ctc", spoilt);
        assert_eq!(code_of(&decision), Some((code, false)), "row {row}: {decision:?}");
        assert_eq!(scene.log.next_index(), before, "row {row}");
        assert_eq!(appended(&scene.submit("us.ctc", good)), 2, "row {row}");
    }
}

/// Who may not sign, or may not carry it: nothing is recorded. A table of sender, session, key and header.
#[test]
fn what_is_not_validly_signed_leaves_nothing() {
    let table: [(&str, &str, (&str, KeyRole, u32), Change, E); 6] = [
        (
            "us.ctc",
            "fr.ctc",
            ("us.ctc", KeyRole::Originate, 0),
            |_| (),
            E::SessionSignerMismatch,
        ),
        (
            "us.ctc",
            "us.ctc",
            ("us.ctc", KeyRole::Originate, 1),
            |_| (),
            E::UnknownSigner,
        ),
        (
            "us.ctc",
            "us.ctc",
            ("us.ctc", KeyRole::Officer, 0),
            |_| (),
            E::WrongKeyRole,
        ),
        (
            "us.ctc",
            "us.ctc",
            ("fr.ctc", KeyRole::Originate, 0),
            |_| (),
            E::UncertifiedKey,
        ),
        (
            "us.ctc",
            "us.ctc",
            ("us.ctc", KeyRole::Originate, 0),
            |h| crate::world::signer_mut(&mut h.common).role = KeyRole::Officer,
            E::WrongKeyRole,
        ),
        (
            "us.ctc",
            "us.ctc",
            ("operator:alice", KeyRole::Operator, 0),
            |_| (),
            E::WrongKeyRole,
        ),
    ];
    for (row, (from, session, (owner, role, generation), change, code)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let draft = scene.world.draft(from, &["ru.ctc"], &[]).with(change);
        let submission = draft.sign_with(&World::key(owner, role, generation));
        let before = scene.log.next_index();
        let decision = scene.submit(session, submission);
        assert_eq!(code_of(&decision), Some((code, false)), "row {row}: {decision:?}");
        assert_eq!(scene.log.next_index(), before, "row {row}");
    }
}

/// A payload that is validly signed and does not parse is recorded if its Common can be read, and leaves nothing if not.
#[test]
fn an_unparsable_payload_is_recorded_by_its_common() {
    let table: [(&[u8], E, bool); 3] = [
        // An unknown field 99 (varint) behind a good header.
        (&[0x98, 0x06, 0x01], E::UnknownField, true),
        // A second status.
        (&[0x10, 0x01], E::DuplicateField, true),
        // A second Common: nobody can say whose it is.
        (&[0x0a, 0x00], E::DuplicateField, false),
    ];
    for (row, (suffix, code, recorded)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let mut submission = scene.world.warning("us.ctc", &["ru.ctc"]);
        let payload = [&submission.envelope.payload[..], suffix].concat();
        let key = World::key("us.ctc", KeyRole::Originate, 0);
        submission.envelope = World::sign(crate::seal::PayloadKind::Warning, payload.into(), &[&key]);
        let before = scene.log.next_index();
        let decision = scene.submit("us.ctc", submission);
        assert_eq!(
            code_of(&decision),
            Some((code, recorded)),
            "row {row}: {decision:?}"
        );
        assert_eq!(scene.log.next_index(), before + u64::from(recorded), "row {row}");
    }
}

/// A body that matches its digest and is no body is refused on the record: the signature covers it.
#[test]
fn a_signed_body_that_does_not_parse_is_rejected() {
    let mut scene = Scene::new();
    let body = DetachedPart {
        salt: [1; 32],
        content: vec![0xff; 8].into(),
    };
    let submission = scene
        .world
        .draft("us.ctc", &["ru.ctc"], &[])
        .with_body(body)
        .sign("us.ctc");
    let decision = scene.submit("us.ctc", submission);
    assert_eq!(code_of(&decision), Some((E::Malformed, true)));
}

/// What may be sent: each type and status that is supported, with as little as it needs.
#[test]
fn what_is_supported_is_accepted() {
    let table: [Change; 5] = [
        |h| h.status = Status::Actual,
        |h| {
            h.harm.clear();
            h.assertions = Assertions::default();
        },
        |h| {
            h.warning_type = WarningType::Notice;
            h.precedence = Precedence::Priority;
            h.harm.clear();
            h.assertions = Assertions::default();
        },
        |h| h.warning_type = WarningType::Question,
        |h| {
            h.extensions = vec![Extension {
                id: "x.y".to_owned(),
                critical: false,
                value: vec![1],
            }]
        },
    ];
    for (row, change) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let submission = scene
            .world
            .draft("us.ctc", &["ru.ctc"], &[])
            .with(change)
            .sign("us.ctc");
        assert_eq!(appended(&scene.submit("us.ctc", submission)), 2, "row {row}");
    }
}

/// An ANSWER passes only if it refers to a QUESTION that was routed to a desk of its signer; by whom, is all one.
#[test]
fn an_answer_needs_a_question() {
    let mut scene = Scene::new();
    let question = |h: &mut Warning| h.warning_type = WarningType::Question;
    let question = scene
        .world
        .draft("us.ctc", &["ru.ctc/aviation"], &[])
        .with(question)
        .sign("us.ctc");
    assert_eq!(appended(&scene.submit("us.ctc", question.clone())), 2);
    let alert = scene.accepted("us.ctc", &["ru.ctc"]);
    for (from, of, id, expected) in [
        ("ru.ctc", &question, question.hint.id, None),
        (
            "fr.ctc",
            &question,
            question.hint.id,
            Some((E::InvalidAnswer, true)),
        ),
        ("ru.ctc", &alert, alert.hint.id, Some((E::InvalidAnswer, true))),
        ("ru.ctc", &question, alert.hint.id, Some((E::InvalidAnswer, true))),
    ] {
        let draft = scene.world.draft(from, &["us.ctc"], &[]).with(|h| {
            h.warning_type = WarningType::Answer;
            h.references = vec![Reference {
                id,
                digest: of.envelope.digest(),
            }];
        });
        assert_eq!(code_of(&scene.submit(from, draft.sign(from))), expected, "{from}");
    }
}

/// An ANSWER is signed by an officer or by the originating key; nothing else is signed by an officer, and the receiving key
/// signs neither.
#[test]
fn an_officer_signs_an_answer_and_no_other_warning() {
    for (kind, role, expected) in [
        (WarningType::Answer, KeyRole::Officer, None),
        (WarningType::Answer, KeyRole::Originate, None),
        (
            WarningType::Answer,
            KeyRole::Receive,
            Some((E::WrongKeyRole, false)),
        ),
        (
            WarningType::Question,
            KeyRole::Officer,
            Some((E::WrongKeyRole, false)),
        ),
        (
            WarningType::Alert,
            KeyRole::Officer,
            Some((E::WrongKeyRole, false)),
        ),
    ] {
        let mut scene = Scene::new();
        let asked = scene.world.draft("us.ctc", &["ru.ctc"], &[]);
        let asked = asked
            .with(|h| h.warning_type = WarningType::Question)
            .sign("us.ctc");
        assert_eq!(appended(&scene.submit("us.ctc", asked.clone())), 2);
        let mut draft = scene.world.draft("ru.ctc", &["us.ctc"], &[]);
        draft.header.warning_type = kind;
        draft.header.references = vec![Reference {
            id: asked.hint.id,
            digest: asked.envelope.digest(),
        }];
        if let SignedBy::Named(signer) = &mut draft.header.common.signer {
            signer.role = role;
        }
        let submission = draft.sign_with(&World::key("ru.ctc", role, 0));
        assert_eq!(
            code_of(&scene.submit("ru.ctc", submission)),
            expected,
            "{kind} {role}"
        );
    }
}

/// That a signer has seen another log is found before anything else is held against the warning: it is an alarm.
#[test]
fn another_log_seen_comes_before_the_rest() {
    let mut scene = Scene::new();
    let mut draft = scene.world.draft("us.ctc", &["ru.ctc"], &[]).with(|h| {
        h.expires = None;
        h.outcome = Some(Outcome::Occurred);
    });
    if let SignedBy::Named(signer) = &mut draft.header.common.signer {
        signer.seen.as_mut().unwrap().root = Hash([3; 32]);
    }
    assert_eq!(
        code_of(&scene.submit("us.ctc", draft.sign("us.ctc"))),
        Some((E::SeenNotOnLog, true))
    );
}

/// A retry is answered with the original result, before anything else: after expiry, suspension and revocation.
#[test]
fn a_retry_succeeds_for_ever() {
    let mut scene = Scene::new();
    let first = scene.log.next_index();
    let submission = scene.accepted("us.ctc", &["ru.ctc", "fr.ctc"]);
    scene.suspend("us.ctc", false);
    let keyid = World::keyid("us.ctc", KeyRole::Originate, 0);
    let revocation = scene.world.revocation("root:us", KeyRole::Root, "us.ctc", keyid);
    assert_eq!(appended(&scene.publish_key(revocation)), 1);
    scene.world.now = scene.world.now.saturating_add_ms(limits::LIFETIME_MS_MAX);
    let again = existing(scene.submit("us.ctc", submission.clone()));
    assert_eq!((again.index, again.records, again.rejected), (first, 3, None));
    assert_eq!(again.digest, submission.envelope.digest());
    let fresh = scene.world.warning("us.ctc", &["ru.ctc"]);
    assert_eq!(
        code_of(&scene.submit("us.ctc", fresh)),
        Some((E::RevokedKey, false))
    );
}

/// A suspended agency's ALERT, NOTICE and QUESTION are refused on the record, its ANSWER passes; reinstated, all pass.
#[test]
fn suspension_stops_what_begins_something() {
    let mut scene = Scene::new();
    let question = |h: &mut Warning| h.warning_type = WarningType::Question;
    let question = scene
        .world
        .draft("ru.ctc", &["us.ctc"], &[])
        .with(question)
        .sign("ru.ctc");
    assert_eq!(appended(&scene.submit("ru.ctc", question.clone())), 2);
    assert_eq!(appended(&scene.suspend("us.ctc", false)), 1);
    fn notice(h: &mut Warning) {
        h.warning_type = WarningType::Notice;
        h.precedence = Precedence::Routine;
        h.harm.clear();
        h.assertions = Assertions::default();
    }
    let changes: [Change; 3] = [|_| (), notice, |h| h.warning_type = WarningType::Question];
    for change in changes {
        let submission = scene
            .world
            .draft("us.ctc", &["fr.ctc"], &[])
            .with(change)
            .sign("us.ctc");
        assert_eq!(
            code_of(&scene.submit("us.ctc", submission)),
            Some((E::Suspended, true))
        );
    }
    let answer = scene.world.draft("us.ctc", &["ru.ctc"], &[]).with(|h| {
        h.warning_type = WarningType::Answer;
        h.references = vec![Reference {
            id: question.hint.id,
            digest: question.envelope.digest(),
        }];
    });
    assert_eq!(appended(&scene.submit("us.ctc", answer.sign("us.ctc"))), 2);
    scene.accepted("fr.ctc", &["us.ctc"]);
    assert_eq!(appended(&scene.suspend("us.ctc", true)), 1);
    scene.accepted("us.ctc", &["fr.ctc"]);
}

/// An auditor sends nothing, and the attempt is on the record.
#[test]
fn an_auditor_sends_nothing() {
    let mut scene = Scene::new();
    let submission = scene.world.warning("us.audit", &["ru.ctc"]);
    assert_eq!(
        code_of(&scene.submit("us.audit", submission)),
        Some((E::PermissionDenied, true))
    );
}

/// Beyond the hourly quota of a principal a refusal leaves nothing; another principal, and the next hour, have their own.
#[test]
fn rejections_have_a_quota() {
    let mut scene = Scene::new();
    let expired = |scene: &mut Scene, from: &str| {
        let submission = scene
            .world
            .draft(from, &["ru.ctc"], &[])
            .with(|h| h.expires = None)
            .sign(from);
        code_of(&scene.submit(from, submission)).unwrap()
    };
    for _ in 0..limits::REJECTED_RECORDS_PER_HOUR_MAX {
        assert_eq!(expired(&mut scene, "us.ctc"), (E::ExpiresMissing, true));
    }
    assert_eq!(expired(&mut scene, "us.ctc"), (E::ExpiresMissing, false));
    assert_eq!(expired(&mut scene, "fr.ctc"), (E::ExpiresMissing, true));
    scene.world.now = scene.world.now.saturating_add_ms(3_600_000);
    assert_eq!(expired(&mut scene, "us.ctc"), (E::ExpiresMissing, true));
}

/// Nothing is ever decided for a log without a genesis.
#[test]
fn an_empty_log_accepts_nothing() {
    let mut scene = Scene::new();
    let submission = scene.world.warning("us.ctc", &["ru.ctc"]);
    scene.log.directory = crate::ledger::Directory::default();
    scene.log.facts = MemoryFacts::new();
    assert_eq!(
        code_of(&scene.submit("us.ctc", submission)),
        Some((E::UnknownSigner, false))
    );
    let key = ThreadKey {
        warning: Digest([0; 32]),
        desk: parsed("ru.ctc"),
    };
    assert_eq!(scene.log.facts.thread(&key).unwrap(), None);
}

/// People name a warning by its id: under the id of an accepted warning nobody else can send one, the recipient least of
/// all, and the attempt uses nothing up. An id that was only refused means nothing to anybody, so it is free for others.
#[test]
fn the_id_of_anothers_warning_is_refused() {
    let mut scene = Scene::new();
    let sent = scene.accepted("us.ctc", &["ru.ctc"]);
    let with_id = |scene: &mut Scene, id: PayloadId| {
        let mut draft = scene.world.draft("ru.ctc", &["us.ctc"], &[]);
        draft.header.common.id = id;
        draft.sign("ru.ctc")
    };
    let imitation = with_id(&mut scene, sent.hint.id);
    for _ in 0..2 {
        let decision = scene.submit("ru.ctc", imitation.clone());
        assert_eq!(code_of(&decision), Some((E::IdReused, false)));
    }
    let expired = scene.world.draft("us.ctc", &["ru.ctc"], &[]);
    let expired = expired
        .with(|header| header.expires = Some(header.common.sent))
        .sign("us.ctc");
    let decision = scene.submit("us.ctc", expired.clone());
    assert_eq!(code_of(&decision), Some((E::ExpiresBeforeSent, true)));
    let free = with_id(&mut scene, expired.hint.id);
    assert_eq!(appended(&scene.submit("ru.ctc", free)), 2);
}
