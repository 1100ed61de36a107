//! Acknowledgements and handovers: whose they may be, what each kind needs, and what they do to a thread.

use super::{appended, existing};
use crate::domain::AcknowledgementKind as Kind;
use crate::domain::*;
use crate::error::ErrorCode as E;
use crate::ledger::{Command, Decision, Facts, HandOver, ThreadFact, ThreadKey};
use crate::limits;
use crate::world::{Scene, World, code_of, parsed, signer_mut};

fn thread(scene: &Scene, of: &Submission, desk: &str) -> ThreadFact {
    let key = ThreadKey {
        warning: of.envelope.digest(),
        desk: parsed(desk),
    };
    scene.log.facts.thread(&key).unwrap().unwrap()
}

fn say(scene: &mut Scene, desk: &str, of: &Submission, kind: Kind) -> Decision {
    let acknowledgement = scene.world.acknowledgement(desk, of, kind, |_| ());
    let agency = parsed::<DeskAddress>(desk).agency().to_string();
    scene.acknowledge(&agency, acknowledgement)
}

/// Each kind takes the thread to its step, the highest evidence stays, and the desk stops waiting with the first
/// evidence that it has the warning.
#[test]
fn acknowledgements_raise_the_step() {
    let table: [(&[Kind], Step, Option<Kind>); 6] = [
        (&[Kind::Received], Step::Received, None),
        (&[Kind::Opened], Step::Opened, None),
        (
            &[Kind::Accepted, Kind::Opened, Kind::Received],
            Step::Answered,
            Some(Kind::Accepted),
        ),
        (
            &[Kind::Deferred, Kind::Refused],
            Step::Answered,
            Some(Kind::Refused),
        ),
        (&[Kind::Misdirected], Step::Answered, Some(Kind::Misdirected)),
        (
            &[Kind::Acted, Kind::VictimWarned, Kind::VictimNotWarned],
            Step::Answered,
            None,
        ),
    ];
    for (row, (kinds, step, answer)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let warning = scene.accepted("us.ctc", &["ru.ctc/aviation"]);
        assert_eq!(scene.log.facts.pending(&parsed("ru.ctc/aviation")).len(), 1);
        for kind in kinds {
            assert_eq!(
                appended(&say(&mut scene, "ru.ctc/aviation", &warning, *kind)),
                1,
                "row {row}"
            );
            assert!(
                scene.log.facts.pending(&parsed("ru.ctc/aviation")).is_empty(),
                "row {row}"
            );
        }
        let fact = thread(&scene, &warning, "ru.ctc/aviation");
        assert_eq!(
            (fact.step, fact.answer, fact.seq),
            (step, answer, kinds.len() as u64),
            "row {row}"
        );
    }
}

/// A second RECEIVED of a desk gives the first record, whatever id it has; its own id is not used up.
#[test]
fn a_second_received_returns_the_first() {
    let mut scene = Scene::new();
    let warning = scene.accepted("us.ctc", &["ru.ctc"]);
    let index = scene.log.next_index();
    let first = scene
        .world
        .acknowledgement("ru.ctc", &warning, Kind::Received, |_| ());
    assert_eq!(appended(&scene.acknowledge("ru.ctc", first.clone())), 1);
    let second = scene
        .world
        .acknowledgement("ru.ctc", &warning, Kind::Received, |_| ());
    for _ in 0..2 {
        let original = existing(scene.acknowledge("ru.ctc", second.clone()));
        assert_eq!(
            (original.index, original.digest),
            (index, first.envelope.digest())
        );
    }
    assert_eq!(scene.log.next_index(), index + 1);
}

type Change = fn(&mut Acknowledgement);

/// What a kind may not have, or lacks, is refused on the record. A table of one change each.
#[test]
fn each_kind_has_what_it_needs_and_no_more() {
    fn earlier(a: &Acknowledgement) -> Option<crate::time::Timestamp> {
        a.common.sent.checked_add_ms(0)
    }
    let table: [(Kind, E, Change); 17] = [
        (Kind::Received, E::InvalidAnswer, |a| {
            a.assessment = Some(Assessment::Actionable)
        }),
        (Kind::Opened, E::InvalidAnswer, |a| {
            a.assessment = Some(Assessment::Actionable)
        }),
        (Kind::Acted, E::InvalidAnswer, |a| {
            a.assessment = Some(Assessment::Actionable)
        }),
        (Kind::Accepted, E::InvalidAnswer, |a| {
            a.missing = vec![Specific::Place]
        }),
        (Kind::Accepted, E::InvalidAnswer, |a| {
            a.assessment = Some(Assessment::NotBelieved);
            a.missing = vec![Specific::Place];
        }),
        (Kind::Refused, E::InvalidAnswer, |a| a.reason = None),
        (Kind::Accepted, E::InvalidAnswer, |a| {
            a.reason = Some(RefusalReason::Busy)
        }),
        (Kind::Deferred, E::InvalidAnswer, |a| a.until = None),
        (Kind::Deferred, E::InvalidAnswer, |a| a.until = earlier(a)),
        (Kind::Deferred, E::InvalidAnswer, |a| {
            a.until = a.common.sent.checked_add_ms(limits::LIFETIME_MS_MAX + 1)
        }),
        (Kind::Accepted, E::InvalidAnswer, |a| {
            a.until = a.common.sent.checked_add_ms(1)
        }),
        (Kind::Accepted, E::InvalidAnswer, |a| {
            a.to = Some(parsed("ru.ctc"))
        }),
        (Kind::Accepted, E::CriticalExtension, |a| {
            a.extensions = vec![Extension {
                id: "x.y".to_owned(),
                critical: true,
                value: Vec::new(),
            }];
        }),
        (Kind::Accepted, E::SentAhead, |a| {
            a.common.sent = a.common.sent.saturating_add_ms(limits::SENT_AHEAD_MS_MAX + 1);
        }),
        (Kind::Accepted, E::SeenNotOnLog, |a| {
            signer_mut(&mut a.common).seen.as_mut().unwrap().root = Hash([3; 32])
        }),
        (Kind::Accepted, E::MissingField, |a| {
            signer_mut(&mut a.common).seen = None
        }),
        (Kind::Accepted, E::Unsupported, |a| {
            a.common.signer = SignedBy::Committed([1; 32])
        }),
    ];
    for (row, (kind, code, change)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let warning = scene.accepted("us.ctc", &["ru.ctc"]);
        let acknowledgement = scene.world.acknowledgement("ru.ctc", &warning, kind, change);
        let decision = scene.acknowledge("ru.ctc", acknowledgement);
        assert_eq!(code_of(&decision), Some((code, true)), "row {row}: {decision:?}");
        assert_eq!(thread(&scene, &warning, "ru.ctc").seq, 0, "row {row}");
    }
}

/// What a kind may have, it may have.
#[test]
fn each_kind_may_have_what_belongs_to_it() {
    let table: [(Kind, Change); 4] = [
        (Kind::Refused, |a| {
            a.assessment = Some(Assessment::TooVague);
            a.missing = vec![Specific::Place, Specific::Time];
        }),
        (Kind::Accepted, |a| a.assessment = Some(Assessment::Actionable)),
        (Kind::Misdirected, |a| {
            a.to = Some(parsed("competence:ru/aviation-security"))
        }),
        (Kind::Deferred, |a| a.assessment = Some(Assessment::AlreadyKnown)),
    ];
    for (row, (kind, change)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let warning = scene.accepted("us.ctc", &["ru.ctc"]);
        let acknowledgement = scene.world.acknowledgement("ru.ctc", &warning, kind, change);
        assert_eq!(
            appended(&scene.acknowledge("ru.ctc", acknowledgement)),
            1,
            "row {row}"
        );
    }
}

/// Only the desk that it was routed to acknowledges a warning; who has no part in it learns nothing of it, whose own
/// warning has that id learns that the digest is another.
#[test]
fn only_the_recipient_acknowledges() {
    let mut scene = Scene::new();
    let warning = scene.accepted("us.ctc", &["ru.ctc/aviation"]);
    let (id, digest) = (warning.hint.id, warning.envelope.digest());
    let other = Digest([9; 32]);
    let other_id = PayloadId::from_parts(1, [1; 10]);
    for (desk, of, code) in [
        ("fr.ctc", (id, digest), E::NotYours),
        ("ru.ctc", (id, digest), E::NotYours),
        ("us.ctc", (id, digest), E::NotYours),
        ("fr.ctc", (id, other), E::NotYours),
        ("ru.ctc/aviation", (id, other), E::DigestMismatch),
        ("ru.ctc/aviation", (other_id, digest), E::DigestMismatch),
        ("ru.ctc/aviation", (other_id, other), E::NotYours),
    ] {
        let acknowledgement = scene.world.acknowledgement_of(desk, of, Kind::Opened, |_| ());
        let agency = parsed::<DeskAddress>(desk).agency().to_string();
        let decision = scene.acknowledge(&agency, acknowledgement);
        assert_eq!(code_of(&decision), Some((code, true)), "{desk} {of:?}");
    }
    // In the name of another agency's desk: no such signer can be read, so there is nothing to use up.
    let theirs = scene
        .world
        .acknowledgement("fr.ctc", &warning, Kind::Opened, |a| {
            signer_mut(&mut a.common).desk = Some(parsed("ru.ctc/aviation"));
        });
    assert_eq!(
        code_of(&scene.acknowledge("fr.ctc", theirs)),
        Some((E::InvalidValue, false))
    );
}

/// RECEIVED is the receive key's, all else the officer's: the wrong role leaves nothing.
#[test]
fn each_kind_has_its_key() {
    for (kind, role) in [
        (Kind::Received, KeyRole::Officer),
        (Kind::Opened, KeyRole::Receive),
    ] {
        let mut scene = Scene::new();
        let warning = scene.accepted("us.ctc", &["ru.ctc"]);
        let mut content = None;
        let mut spoilt = scene.world.acknowledgement("ru.ctc", &warning, kind, |a| {
            signer_mut(&mut a.common).role = role;
            content = Some(a.clone());
        });
        let payload = crate::wire::encode_acknowledgement(&content.unwrap());
        let key = World::key("ru.ctc", role, 0);
        spoilt.envelope = World::sign(crate::seal::PayloadKind::Acknowledgement, payload, &[&key]);
        assert_eq!(
            code_of(&scene.acknowledge("ru.ctc", spoilt)),
            Some((E::WrongKeyRole, false)),
            "{kind}"
        );
    }
}

/// A text is recorded beside its acknowledgement if it matches; what does not match, or is too much, leaves nothing, and
/// what the signature says wrong is on the record.
#[test]
fn a_text_matches_what_was_signed() {
    type Spoil = fn(&mut AcknowledgementSubmission);
    let table: [(Kind, Spoil, Change, Option<(E, bool)>); 7] = [
        (Kind::Opened, |_| (), |_| (), None),
        (
            Kind::Opened,
            |s| s.text = None,
            |_| (),
            Some((E::TextMismatch, false)),
        ),
        (
            Kind::Opened,
            |s| s.text.as_mut().unwrap().salt[0] ^= 1,
            |_| (),
            Some((E::TextMismatch, false)),
        ),
        (
            Kind::Opened,
            |_| (),
            |a| a.text = None,
            Some((E::TextMismatch, false)),
        ),
        (
            Kind::Opened,
            |_| (),
            |a| a.text.as_mut().unwrap().length = limits::TEXT_BYTES_MAX as u32 + 1,
            Some((E::TextTooLarge, true)),
        ),
        (
            Kind::Opened,
            |_| (),
            |a| {
                let text = a.text.as_mut().unwrap();
                text.form = Form::Sealed;
                text.suite = 1;
                text.plaintext_commitment = Some([1; 32]);
            },
            Some((E::InvalidValue, true)),
        ),
        (Kind::Received, |_| (), |_| (), Some((E::InvalidAnswer, true))),
    ];
    for (row, (kind, spoil, change, expected)) in table.into_iter().enumerate() {
        let mut scene = Scene::new();
        let warning = scene.accepted("us.ctc", &["ru.ctc"]);
        let (part, reference) = scene.world.text("We look into it.");
        let mut submission = scene.world.acknowledgement("ru.ctc", &warning, kind, |a| {
            a.text = Some(reference);
            change(a);
        });
        submission.text = Some(part.clone());
        spoil(&mut submission);
        let decision = scene.acknowledge("ru.ctc", submission);
        assert_eq!(code_of(&decision), expected, "row {row}: {decision:?}");
        if let Decision::Append { records, .. } = decision {
            assert_eq!(
                records[0].parts,
                vec![crate::ledger::NewPart::Text(part)],
                "row {row}"
            );
        }
    }
}

/// After expiry and under suspension acknowledgements pass; with a revoked key they leave nothing.
#[test]
fn answers_pass_when_submissions_do_not() {
    let mut scene = Scene::new();
    let warning = scene.accepted("us.ctc", &["ru.ctc"]);
    scene.suspend("ru.ctc", false);
    scene.world.now = scene.world.now.saturating_add_ms(limits::LIFETIME_MS_MAX);
    assert_eq!(appended(&say(&mut scene, "ru.ctc", &warning, Kind::Received)), 1);
    assert_eq!(appended(&say(&mut scene, "ru.ctc", &warning, Kind::Accepted)), 1);
    let keyid = World::keyid("ru.ctc", KeyRole::Officer, 0);
    let revocation = scene
        .world
        .revocation("ru.ctc", KeyRole::Officer, "ru.ctc", keyid);
    assert_eq!(appended(&scene.publish_key(revocation)), 1);
    let refused = say(&mut scene, "ru.ctc", &warning, Kind::Acted);
    assert_eq!(code_of(&refused), Some((E::RevokedKey, false)));
}

/// 64 acknowledgements of a thread are recorded, and no more.
#[test]
fn acknowledgements_are_bounded() {
    let mut scene = Scene::new();
    let warning = scene.accepted("us.ctc", &["ru.ctc"]);
    for _ in 0..limits::ACKNOWLEDGEMENTS_PER_THREAD_MAX {
        assert_eq!(appended(&say(&mut scene, "ru.ctc", &warning, Kind::Accepted)), 1);
    }
    let one_more = say(&mut scene, "ru.ctc", &warning, Kind::Accepted);
    assert_eq!(code_of(&one_more), Some((E::AcknowledgementsExhausted, false)));
}

fn hand_over(scene: &mut Scene, of: &Submission, desk: &str, tls: KeyId) -> Decision {
    scene.run(Command::HandOver(HandOver {
        thread: ThreadKey {
            warning: of.envelope.digest(),
            desk: parsed(desk),
        },
        session_id: [5; 16],
        tls_keyid: tls,
        unrecorded: 3,
    }))
}

/// Eight handovers of a thread in an hour are recorded, the others counted; none once the desk has said that it has it.
#[test]
fn handovers_are_bounded() {
    let mut scene = Scene::new();
    let warning = scene.accepted("us.ctc", &["ru.ctc"]);
    let tls = World::keyid("ru.ctc", KeyRole::Tls, 0);
    for _ in 0..limits::HANDOVER_RECORDS_PER_HOUR_MAX {
        assert_eq!(appended(&hand_over(&mut scene, &warning, "ru.ctc", tls)), 1);
    }
    assert!(matches!(
        hand_over(&mut scene, &warning, "ru.ctc", tls),
        Decision::Unrecorded
    ));
    scene.world.now = scene.world.now.saturating_add_ms(3_600_000);
    assert_eq!(appended(&hand_over(&mut scene, &warning, "ru.ctc", tls)), 1);
    assert_eq!(thread(&scene, &warning, "ru.ctc").step, Step::HandedOver);
    assert_eq!(scene.log.facts.pending(&parsed("ru.ctc")).len(), 1);
    assert_eq!(appended(&say(&mut scene, "ru.ctc", &warning, Kind::Received)), 1);
    assert!(matches!(
        hand_over(&mut scene, &warning, "ru.ctc", tls),
        Decision::Unrecorded
    ));
}

/// Nothing is handed over to whom it was not routed, nor over another agency's TLS key.
#[test]
fn a_handover_is_to_the_recipient() {
    let mut scene = Scene::new();
    let warning = scene.accepted("us.ctc", &["ru.ctc"]);
    let ours = World::keyid("ru.ctc", KeyRole::Tls, 0);
    let theirs = World::keyid("fr.ctc", KeyRole::Tls, 0);
    let officer = World::keyid("ru.ctc", KeyRole::Officer, 0);
    for (desk, tls, code) in [
        ("fr.ctc", theirs, E::NotFound),
        ("ru.ctc", theirs, E::UnknownCertificate),
        ("ru.ctc", officer, E::UnknownCertificate),
    ] {
        assert_eq!(
            code_of(&hand_over(&mut scene, &warning, desk, tls)),
            Some((code, false)),
            "{desk}"
        );
    }
    assert_eq!(appended(&hand_over(&mut scene, &warning, "ru.ctc", ours)), 1);
}

/// The originator gets all acknowledgements of its warning, so each is bounded, whatever it is filled with: at the bound it
/// is recorded, one byte beyond it nothing is.
#[test]
fn an_acknowledgement_is_short() {
    let mut scene = Scene::new();
    let warning = scene.accepted("us.ctc", &["ru.ctc"]);
    let filled = |scene: &mut Scene, bytes: usize| {
        let extension = |length: usize| Extension {
            id: "x.filler".to_owned(),
            critical: false,
            value: vec![7; length],
        };
        let mut length = bytes - 1_000;
        loop {
            let fill = |it: &mut Acknowledgement| it.extensions = vec![extension(length)];
            let filled = scene
                .world
                .acknowledgement("ru.ctc", &warning, Kind::Opened, fill);
            match bytes - filled.envelope.payload.len() {
                0 => return filled,
                more => length += more,
            }
        }
    };
    let short = filled(&mut scene, limits::ACKNOWLEDGEMENT_BYTES_MAX);
    let long = filled(&mut scene, limits::ACKNOWLEDGEMENT_BYTES_MAX + 1);
    let decision = scene.acknowledge("ru.ctc", long);
    assert_eq!(code_of(&decision), Some((E::PayloadTooLarge, false)));
    assert_eq!(appended(&scene.acknowledge("ru.ctc", short)), 1);
}
