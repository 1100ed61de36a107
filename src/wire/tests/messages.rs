//! Requests and answers: both ways, and what is refused on the way in.

use bytes::Bytes;

use super::fixed;
use super::values::Row;
use crate::domain::*;
use crate::error::ErrorCode::{
    self, BadSignature, BodyTooLarge, InvalidValue, MissingField, PayloadTooLarge, TextTooLarge,
    TooManyRecipients, Unsupported, WrongPayloadType,
};
use crate::error::{Refused, SideEffect};
use crate::limits;
use crate::seal::PayloadKind;
use crate::wire::{self, ToldRefusal, required_as, v1};

fn submission() -> Submission {
    Submission {
        envelope: fixed::envelope(PayloadKind::Warning, Bytes::from_static(b"payload")),
        hint: Hint {
            lane: Some(Lane::Exercise),
            id: fixed::id(1),
        },
        openings: vec![
            fixed::opening(1, AudienceKind::To, "ru.ctc"),
            fixed::opening(2, AudienceKind::Pad, ""),
        ],
        body: DetachedPart {
            salt: [7; 32],
            content: Bytes::from_static(b"body"),
        },
        wraps: vec![Wrap {
            agency: fixed::parsed("ru.ctc"),
            wrapped: Bytes::from_static(b"wrapped"),
        }],
    }
}

fn receipt() -> Receipt {
    Receipt {
        index: 300,
        record: Bytes::from_static(b"record"),
        inclusion_proof: vec![Hash([1; 32]), Hash([2; 32])],
    }
}

/// A submission survives both ways.
#[test]
fn a_submission_comes_back() {
    let sent = submission();
    let read: Submission = required_as(Some(v1::Submission::from(&sent)), "submission").unwrap();
    assert_eq!(read.envelope, sent.envelope);
    assert_eq!(read.hint, sent.hint);
    assert_eq!(read.openings, sent.openings);
    assert_eq!(read.body, sent.body);
}

/// A malformed submission is refused, with the field; one change each.
#[test]
fn malformed_submissions_are_refused() {
    let rows: &[Row<v1::Submission>] = &[
        (|s| s.envelope = None, MissingField, "submission.envelope"),
        (
            |s| s.envelope.as_mut().unwrap().payload = vec![0; limits::PAYLOAD_BYTES_MAX + 1].into(),
            PayloadTooLarge,
            "submission.envelope.payload",
        ),
        (
            |s| s.envelope.as_mut().unwrap().payload_type = "x".repeat(129),
            WrongPayloadType,
            "submission.envelope.payload_type",
        ),
        (
            |s| {
                s.envelope
                    .as_mut()
                    .unwrap()
                    .signatures
                    .push(v1::Signature::default())
            },
            BadSignature,
            "submission.envelope.signatures",
        ),
        (
            |s| s.envelope.as_mut().unwrap().signatures[0].keyid = "A1".repeat(32),
            InvalidValue,
            "submission.envelope.signatures[0].keyid",
        ),
        (
            |s| s.envelope.as_mut().unwrap().signatures[1].sig = vec![0; 65].into(),
            BadSignature,
            "submission.envelope.signatures[1].sig",
        ),
        (|s| s.hint = None, MissingField, "submission.hint"),
        (
            |s| s.hint.as_mut().unwrap().lane = 0,
            MissingField,
            "submission.hint.lane",
        ),
        (
            |s| s.hint.as_mut().unwrap().lane = 99,
            InvalidValue,
            "submission.hint.lane",
        ),
        (
            |s| s.hint.as_mut().unwrap().id = vec![0; 16].into(),
            InvalidValue,
            "submission.hint.id",
        ),
        (
            |s| s.openings[0].kind = 0,
            MissingField,
            "submission.openings[0].kind",
        ),
        (
            |s| s.openings[0].kind = 259,
            InvalidValue,
            "submission.openings[0].kind",
        ),
        (
            |s| s.openings[1].salt.clear(),
            MissingField,
            "submission.openings[1].salt",
        ),
        (
            |s| s.openings[1].address = "x".repeat(500),
            InvalidValue,
            "submission.openings[1].address",
        ),
        (
            |s| s.openings = vec![v1::AudienceOpening::default(); limits::AUDIENCE_MAX + 1],
            TooManyRecipients,
            "submission.openings",
        ),
        (|s| s.body = None, MissingField, "submission.body"),
        (
            |s| s.body.as_mut().unwrap().salt.clear(),
            MissingField,
            "submission.body.salt",
        ),
        (
            |s| s.body.as_mut().unwrap().content = vec![0; limits::BODY_BYTES_MAX + 1].into(),
            BodyTooLarge,
            "submission.body.content",
        ),
        (
            |s| s.signer_salt = Bytes::from_static(b"x"),
            Unsupported,
            "submission.signer_salt",
        ),
        (
            |s| s.signer = Bytes::from_static(b"x"),
            Unsupported,
            "submission.signer",
        ),
    ];
    for (row, (change, code, field)) in rows.iter().enumerate() {
        let mut bad = v1::Submission::from(&submission());
        change(&mut bad);
        let refused = required_as::<_, Submission>(Some(bad), "submission").unwrap_err();
        assert_eq!(
            (refused.code, refused.field.as_str()),
            (*code, *field),
            "row {row}"
        );
    }
    let absent = required_as::<v1::Submission, Submission>(None, "submission").unwrap_err();
    assert_eq!((absent.code, absent.field.as_str()), (MissingField, "submission"));
}

/// An acknowledgement's submission: its text may be absent and is bounded, its hint is the id alone.
#[test]
fn an_acknowledgement_submission_comes_back() {
    let mut sent = AcknowledgementSubmission {
        envelope: submission().envelope,
        hint: Hint {
            lane: None,
            id: fixed::id(3),
        },
        text: Some(submission().body),
    };
    for text in [sent.text.clone(), None] {
        sent.text = text;
        let mut message = v1::AcknowledgementSubmission::from(&sent);
        message.hint.as_mut().unwrap().lane = 3;
        let read = AcknowledgementSubmission::try_from(message).unwrap();
        assert_eq!(
            (&read.envelope, &read.hint, &read.text),
            (&sent.envelope, &sent.hint, &sent.text)
        );
    }
    let mut large = v1::AcknowledgementSubmission::from(&sent);
    large.text = Some(v1::Part {
        salt: vec![1; 32].into(),
        content: vec![0; limits::TEXT_BYTES_MAX + 1].into(),
    });
    let refused = AcknowledgementSubmission::try_from(large).unwrap_err();
    assert_eq!(
        (refused.code, refused.field.as_str()),
        (TextTooLarge, "text.content")
    );
}

/// What a relay shows survives both ways: receipts, inbox openings, rows, threads, replayed records, names.
#[test]
fn what_is_shown_comes_back() {
    let inbox = InboxOpening {
        number: 9,
        salt: [3; 32],
    };
    assert_eq!(InboxOpening::try_from(v1::InboxOpening::from(&inbox)), Ok(inbox));
    assert_eq!(Receipt::try_from(v1::Receipt::from(&receipt())), Ok(receipt()));
    let proven = wire::proven(&receipt(), "a note\n");
    assert_eq!(
        wire::with_checkpoint(proven),
        Ok((receipt(), "a note\n".to_owned()))
    );
    let row = WarningSummary {
        digest: Digest([4; 32]),
        id: fixed::id(1),
        outgoing: true,
        index: 7,
        originator: fixed::parsed("us.ctc"),
        status: Status::Exercise,
        warning_type: WarningType::Alert,
        precedence: Precedence::Flash,
        sent: fixed::at(0),
        expires: fixed::at(1),
        recipients: vec![RecipientStep {
            desk: fixed::parsed("ru.ctc/aviation"),
            step: Step::Answered,
            answer: Some(AcknowledgementKind::Accepted),
        }],
    };
    for outgoing in [true, false] {
        let row = WarningSummary {
            outgoing,
            ..row.clone()
        };
        assert_eq!(WarningSummary::try_from(v1::WarningSummary::from(&row)), Ok(row));
    }
    let thread = ThreadView {
        desk: fixed::parsed("ru.ctc"),
        step: Step::Received,
        records: vec![receipt()],
        texts: vec![(300, submission().body)],
    };
    assert_eq!(ThreadView::try_from(v1::Thread::from(&thread)), Ok(thread));
    for content in [
        ReplayedContent::Record(Bytes::from_static(b"record")),
        ReplayedContent::LeafHash(Hash([5; 32])),
    ] {
        let record = ReplayedRecord {
            index: 3,
            content,
            part: Some(submission().body),
            inbox: Some(inbox),
        };
        assert_eq!(
            ReplayedRecord::try_from(v1::ReplayedRecord::from(&record)),
            Ok(record)
        );
    }
    for name in [
        WarningName::Digest(Digest([6; 32])),
        WarningName::Id(fixed::id(2)),
    ] {
        assert_eq!(WarningName::try_from(v1::WarningName::from(&name)), Ok(name));
    }
}

/// A relay's answers are read as warily as a client's requests; one change each.
#[test]
fn malformed_answers_are_refused() {
    let changed = |change: fn(&mut v1::Receipt)| {
        let mut message = wire::proven(&receipt(), "a note\n");
        change(&mut message);
        wire::with_checkpoint(message).unwrap_err()
    };
    let rows: &[Row<v1::Receipt>] = &[
        (|r| r.record.clear(), MissingField, "record"),
        (
            |r| r.record = vec![0; limits::RECORD_BYTES_MAX + 1].into(),
            InvalidValue,
            "record",
        ),
        (
            |r| r.inclusion_proof[1].truncate(31),
            InvalidValue,
            "inclusion_proof[1]",
        ),
        (
            |r| r.inclusion_proof = vec![vec![1; 32].into(); limits::PROOF_HASHES_MAX + 1],
            InvalidValue,
            "inclusion_proof",
        ),
        (|r| r.checkpoint.clear(), MissingField, "checkpoint"),
        (
            |r| r.checkpoint = Bytes::from_static(b"\xff"),
            InvalidValue,
            "checkpoint",
        ),
        (
            |r| r.checkpoint = vec![b'a'; limits::CHECKPOINT_BYTES_MAX + 1].into(),
            InvalidValue,
            "checkpoint",
        ),
    ];
    for (row, (change, code, field)) in rows.iter().enumerate() {
        let refused = changed(*change);
        assert_eq!(
            (refused.code, refused.field.as_str()),
            (*code, *field),
            "row {row}"
        );
    }
    assert!(InboxOpening::try_from(v1::InboxOpening::default()).is_err());
    assert!(WarningName::try_from(v1::WarningName::default()).is_err());
    assert!(WarningSummary::try_from(v1::WarningSummary::default()).is_err());
    assert!(ThreadView::try_from(v1::Thread::default()).is_err());
    assert!(ReplayedRecord::try_from(v1::ReplayedRecord::default()).is_err());
    assert!(wire::proof_hashes(&vec![Bytes::from(vec![1; 32]); limits::PROOF_HASHES_MAX + 1]).is_err());
}

/// A refusal is told and read back; of a relay that is newer or hostile only plain words and known codes remain.
#[test]
fn refusals_come_back_plain() {
    let refused = Refused {
        near: vec!["ru.ctc".to_owned()],
        retry_after_ms: Some(1_500),
        ..Refused::new(ErrorCode::UnknownRecipient, "no such agency").about("audience[1]")
    };
    let rejection = wire::proven(&receipt(), "a note\n");
    let message = wire::refusal(&refused, SideEffect::RejectionRecorded, Some(rejection));
    assert_eq!(message.what_to_do, ErrorCode::UnknownRecipient.what_to_do());
    assert_eq!(
        ToldRefusal::try_from(message),
        Ok(ToldRefusal {
            refused: refused.clone(),
            side_effect: SideEffect::RejectionRecorded,
            rejection: Some((receipt(), Some("a note\n".to_owned()))),
        })
    );
    let mut newer = wire::refusal(&refused, SideEffect::None, Some((&receipt()).into()));
    newer.code = 999;
    newer.side_effect = 99;
    let obeyed = [
        '\u{1b}',
        '\u{202e}',
        '\u{2066}',
        '\u{2069}',
        '\u{200f}',
        '\u{061c}',
        '\u{2028}',
        '\u{2029}',
        // Not obeyed, and not seen.
        '\u{ad}',
        '\u{200b}',
        '\u{3164}',
        '\u{e000}',
        '\u{e0041}',
    ];
    let bad: String = obeyed.iter().flat_map(|c| ['x', *c]).collect();
    newer.sentence = bad.clone();
    newer.field = bad.clone();
    newer.near = vec!["x".repeat(1000); 1000];
    let read = ToldRefusal::try_from(newer).unwrap();
    assert_eq!(read.refused.code, ErrorCode::Unavailable);
    assert_eq!(read.side_effect, SideEffect::Unknown);
    assert_eq!(read.rejection, Some((receipt(), None)));
    for said in [
        &read.refused.sentence,
        &read.refused.field,
        &wire::plain(&bad, bad.len()),
    ] {
        assert!(!said.contains(obeyed), "{said:?}");
    }
    assert_eq!(read.refused.near.len(), limits::NEAR_NAMES_MAX);
    assert!(
        read.refused
            .near
            .iter()
            .all(|name| name.len() == limits::ID_CHARS_MAX)
    );
    let mut bad = wire::refusal(&refused, SideEffect::None, Some(v1::Receipt::default()));
    bad.rejection.as_mut().unwrap().index = 1;
    assert_eq!(ToldRefusal::try_from(bad).unwrap_err().field, "rejection.record");
}
