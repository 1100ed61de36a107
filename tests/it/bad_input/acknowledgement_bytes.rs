//! The bytes of an acknowledgement and what lies beside them: texts, crafted fields, keys of the wrong role, hints, sessions.

use prost::Message as _;
use wardline::domain::AcknowledgementKind as Kind;
use wardline::domain::*;
use wardline::error::ErrorCode as E;
use wardline::limits;
use wardline::seal::PayloadKind;
use wardline::wire::{self, v1};

use super::row::{Request, Row};
use super::stage::{AVIATION, RU, US};
use crate::world::{World, signer_mut};

type Change = fn(&mut Acknowledgement);

/// Rows about a warning to the desk.
pub(super) fn rows(world: &mut World, warning: &Submission) -> Vec<Row> {
    let mut rows = texts(world, warning);
    rows.extend(crafted(world, warning));
    rows.extend(beside(world, warning));
    rows
}

/// Signs an acknowledgement's payload again, with the key of a role.
fn signed(submission: &mut v1::AcknowledgementSubmission, payload: Vec<u8>, role: KeyRole) {
    let key = World::key(RU, role, 0);
    let envelope = World::sign(PayloadKind::Acknowledgement, payload.into(), &[&key]);
    submission.envelope = Some((&envelope).into());
}

type Spoil = fn(&mut v1::AcknowledgementSubmission);
type TextRow = (&'static str, E, bool, Change, Spoil);

/// The text beside it, and what the signature says of it.
fn texts(world: &mut World, warning: &Submission) -> Vec<Row> {
    let table: [TextRow; 8] = [
        (
            "its text missing",
            E::TextMismatch,
            false,
            |_| (),
            |s| s.text = None,
        ),
        (
            "its text with another salt",
            E::TextMismatch,
            false,
            |_| (),
            |s| s.text.as_mut().unwrap().salt = vec![9; 32].into(),
        ),
        (
            "another text",
            E::TextMismatch,
            false,
            |_| (),
            |s| {
                let content = &mut s.text.as_mut().unwrap().content;
                *content = content.slice(1..);
            },
        ),
        (
            "a text that is not signed",
            E::TextMismatch,
            false,
            |a| a.text = None,
            |_| (),
        ),
        (
            "a text over 16 KiB",
            E::TextTooLarge,
            false,
            |_| (),
            |s| s.text.as_mut().unwrap().content = vec![0; limits::TEXT_BYTES_MAX + 1].into(),
        ),
        (
            "a text over 16 KiB, as signed",
            E::TextTooLarge,
            true,
            |a| a.text.as_mut().unwrap().length = u32::try_from(limits::TEXT_BYTES_MAX).unwrap() + 1,
            |_| (),
        ),
        (
            "a sealed text that is none",
            E::InvalidValue,
            true,
            |a| {
                let text = a.text.as_mut().unwrap();
                text.form = Form::Sealed;
                text.suite = 1;
                text.plaintext_commitment = Some([1; 32]);
            },
            |_| (),
        ),
        ("RECEIVED with a text", E::InvalidAnswer, true, |_| (), |_| ()),
    ];
    let mut rows = Vec::new();
    for (name, code, recorded, change, spoil) in table {
        let kind = if code == E::InvalidAnswer {
            Kind::Received
        } else {
            Kind::Opened
        };
        let (part, reference) = world.text("We look into it.");
        let mut submission = world.acknowledgement(AVIATION, warning, kind, |a| {
            a.text = Some(reference);
            change(a);
        });
        submission.text = Some(part);
        let mut submission = v1::AcknowledgementSubmission::from(&submission);
        spoil(&mut submission);
        rows.push(Row::refused(name, RU, submission, code, recorded));
    }
    let (part, reference) = world.text("See https://example.invalid/");
    let mut link = world.acknowledgement(AVIATION, warning, Kind::Opened, |a| a.text = Some(reference));
    link.text = Some(part);
    rows.push(Row::rejected("a text with a link", RU, &link, E::InvalidValue));
    let filled = world.acknowledgement(AVIATION, warning, Kind::Opened, |a| {
        a.extensions = vec![Extension {
            id: "x.filler".to_owned(),
            critical: false,
            value: vec![7; limits::ACKNOWLEDGEMENT_BYTES_MAX],
        }];
    });
    rows.push(
        Row::nothing("an acknowledgement over 8 KiB", RU, &filled, E::PayloadTooLarge).about("payload"),
    );
    rows
}

/// Bytes that protobuf would read, and keys of the wrong role.
fn crafted(world: &mut World, warning: &Submission) -> Vec<Row> {
    type Craft = fn(&mut v1::Acknowledgement) -> &'static [u8];
    let table: [(&str, E, &str, Craft); 4] = [
        // Field 99, a varint.
        ("an unknown field acknowledged", E::UnknownField, "99", |_| {
            &[0x98, 0x06, 0x01]
        }),
        // Field 4 once more, a varint.
        ("two kinds", E::DuplicateField, "kind", |_| &[0x20, 0x03]),
        ("no kind", E::MissingField, "kind", |a| {
            a.kind = 0;
            &[]
        }),
        ("no digest", E::MissingField, "warning_digest", |a| {
            a.warning_digest.clear();
            &[]
        }),
    ];
    let mut rows = Vec::new();
    for (name, code, field, craft) in table {
        let good = world.acknowledgement(AVIATION, warning, Kind::Opened, |_| ());
        let mut message = v1::Acknowledgement::decode(good.envelope.payload.clone()).unwrap();
        let behind = craft(&mut message);
        let payload = [&message.encode_to_vec()[..], behind].concat();
        let mut submission = v1::AcknowledgementSubmission::from(&good);
        signed(&mut submission, payload, KeyRole::Officer);
        rows.push(Row::rejected(name, RU, submission, code).about(field));
    }
    for (name, kind, role) in [
        ("RECEIVED by an officer", Kind::Received, KeyRole::Officer),
        ("OPENED by the machine", Kind::Opened, KeyRole::Receive),
        ("OPENED by the originate key", Kind::Opened, KeyRole::Originate),
    ] {
        let mut content = None;
        let good = world.acknowledgement(AVIATION, warning, kind, |a| {
            signer_mut(&mut a.common).role = role;
            content = Some(a.clone());
        });
        let mut submission = v1::AcknowledgementSubmission::from(&good);
        let payload = wire::encode_acknowledgement(&content.unwrap());
        signed(&mut submission, payload.to_vec(), role);
        rows.push(Row::nothing(name, RU, submission, E::WrongKeyRole));
    }
    rows
}

/// A good acknowledgement in the wrong envelope, with the wrong hint, over the wrong session; put right, it is recorded.
fn beside(world: &mut World, warning: &Submission) -> Vec<Row> {
    let table: [(&str, &str, E, Spoil); 6] = [
        (
            "acknowledged over another's session",
            US,
            E::SessionSignerMismatch,
            |_| (),
        ),
        (
            "acknowledged with the hint of another id",
            RU,
            E::HintMismatch,
            |s| s.hint.as_mut().unwrap().id = PayloadId::from_parts(1, [9; 10]).as_bytes().to_vec().into(),
        ),
        ("acknowledged without a hint", RU, E::MissingField, |s| {
            s.hint = None
        }),
        ("acknowledged without an envelope", RU, E::MissingField, |s| {
            s.envelope = None
        }),
        (
            "acknowledged as another payload type",
            RU,
            E::WrongPayloadType,
            |s| {
                let kind = PayloadKind::Warning.payload_type().to_owned();
                s.envelope.as_mut().unwrap().payload_type = kind;
            },
        ),
        ("acknowledged without a signature", RU, E::BadSignature, |s| {
            s.envelope.as_mut().unwrap().signatures.clear()
        }),
    ];
    let mut rows = Vec::new();
    for (name, session, code, spoil) in table {
        let good = world.acknowledgement(AVIATION, warning, Kind::Opened, |_| ());
        let mut spoilt = v1::AcknowledgementSubmission::from(&good);
        spoil(&mut spoilt);
        rows.push(Row::nothing(name, session, spoilt, code).put_right(RU, &good));
    }
    let expired = world.acknowledgement(AVIATION, warning, Kind::Deferred, |a| a.until = None);
    let mut corrected = world.acknowledgement(AVIATION, warning, Kind::Opened, |a| {
        a.common.id = expired.hint.id;
    });
    corrected.hint.id = expired.hint.id;
    let corrected: Request = (&corrected).into();
    rows.push(Row::rejected(
        "refused once, acknowledged",
        RU,
        &expired,
        E::InvalidAnswer,
    ));
    rows.push(Row::nothing(
        "another acknowledgement under that id",
        RU,
        corrected,
        E::IdReused,
    ));
    rows
}
