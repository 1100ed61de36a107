//! What a header or an acknowledgement may say once it is well-formed: one change each, with the code and the field
//! that are named.

use bytes::Bytes;
use prost::Message;

use super::fixed;
use crate::error::ErrorCode::{
    self, AudienceMismatch, AudienceRepeated, BodyTooLarge, InvalidValue, MissingField, PayloadTooLarge,
    TextTooLarge, WrongPayloadType,
};
use crate::error::Refused;
use crate::limits;
use crate::seal::PayloadKind;
use crate::wire::{self, Recorded, v1};

/// One change to a message, and the code and field that it is refused with.
pub(super) type Row<M> = (fn(&mut M), ErrorCode, &'static str);

pub(super) fn check<M: Message + Clone, T: std::fmt::Debug>(
    good: &M,
    rows: &[Row<M>],
    parse: impl Fn(Bytes) -> Result<T, Refused>,
) {
    parse(good.encode_to_vec().into()).unwrap();
    for (row, (change, code, field)) in rows.iter().enumerate() {
        let mut bad = good.clone();
        change(&mut bad);
        let refused = parse(bad.encode_to_vec().into()).unwrap_err();
        assert_eq!(
            (refused.code, refused.field.as_str()),
            (*code, *field),
            "row {row}: {refused}"
        );
    }
}

pub(super) fn as_kind<T>(
    kind: PayloadKind,
    parse: impl Fn(&Recorded<'_>) -> Result<T, Refused>,
) -> impl Fn(Bytes) -> Result<T, Refused> {
    move |payload| parse(&Recorded(&fixed::envelope(kind, payload)))
}

fn common(warning: &mut v1::Warning) -> &mut v1::Common {
    warning.common.as_mut().unwrap()
}

fn signer(warning: &mut v1::Warning) -> &mut v1::Signer {
    match &mut common(warning).by {
        Some(v1::common::By::Signer(signer)) => signer,
        _ => panic!("the fixed warning names its signer"),
    }
}

/// A warning's header: what is absent, what is no id, no code, no list as it should be.
#[test]
fn a_warning_says_what_it_may() {
    let rows: &[Row<v1::Warning>] = &[
        (|w| w.common = None, MissingField, "common"),
        (|w| common(w).origin.clear(), MissingField, "common.origin"),
        (
            |w| common(w).origin = "a b".to_owned(),
            InvalidValue,
            "common.origin",
        ),
        (|w| common(w).id.clear(), MissingField, "common.id"),
        (
            |w| common(w).id = Bytes::from_static(&[0; 16]),
            InvalidValue,
            "common.id",
        ),
        (
            |w| common(w).id = Bytes::from_static(&[1; 15]),
            InvalidValue,
            "common.id",
        ),
        (
            |w| common(w).sent_unix_ms = 0,
            MissingField,
            "common.sent_unix_ms",
        ),
        (|w| common(w).by = None, MissingField, "common.signer"),
        (
            |w| common(w).by = Some(v1::common::By::SignerCommitment(Bytes::from_static(b"short"))),
            InvalidValue,
            "common.signer_commitment",
        ),
        (
            |w| signer(w).principal.clear(),
            MissingField,
            "common.signer.principal",
        ),
        (
            |w| signer(w).principal = "US.CTC".to_owned(),
            InvalidValue,
            "common.signer.principal",
        ),
        (|w| signer(w).role = 0, MissingField, "common.signer.role"),
        (
            |w| signer(w).desk = "ru.ctc".to_owned(),
            InvalidValue,
            "common.signer.desk",
        ),
        (
            |w| signer(w).desk = "us.ctc/".to_owned(),
            InvalidValue,
            "common.signer.desk",
        ),
        (
            |w| signer(w).office = "x".repeat(101),
            InvalidValue,
            "common.signer.office",
        ),
        (
            |w| signer(w).office = "a\nb".to_owned(),
            InvalidValue,
            "common.signer.office",
        ),
        (
            |w| signer(w).seen.as_mut().unwrap().root = Bytes::from_static(&[1; 31]),
            InvalidValue,
            "common.signer.seen.root",
        ),
        (
            |w| signer(w).seen.as_mut().unwrap().root.clear(),
            MissingField,
            "common.signer.seen.root",
        ),
        (|w| w.status = 0, MissingField, "status"),
        (|w| w.r#type = 0, MissingField, "type"),
        (|w| w.precedence = 0, MissingField, "precedence"),
        (|w| w.category = 0, MissingField, "category"),
        (|w| w.harm = vec![1, 2, 1], InvalidValue, "harm[2]"),
        (|w| w.specifics = None, MissingField, "specifics"),
        (
            |w| w.specifics.as_mut().unwrap().method = 0,
            MissingField,
            "specifics.method",
        ),
        (|w| w.handling = None, MissingField, "handling"),
        (
            |w| w.handling.as_mut().unwrap().tlp = 0,
            MissingField,
            "handling.tlp",
        ),
        (
            |w| w.handling.as_mut().unwrap().onward = 0,
            MissingField,
            "handling.onward",
        ),
        (
            |w| w.handling.as_mut().unwrap().notify_victim = 0,
            MissingField,
            "handling.notify_victim",
        ),
        (
            |w| w.handling.as_mut().unwrap().attribution = 0,
            MissingField,
            "handling.attribution",
        ),
        (|w| w.territory = "RU".to_owned(), InvalidValue, "territory"),
        (
            |w| w.victims_of = vec!["ru".into(), "am".into()],
            InvalidValue,
            "victims_of[1]",
        ),
        (
            |w| w.victims_of = vec!["ru".into(), "ru".into()],
            InvalidValue,
            "victims_of[1]",
        ),
        (
            |w| w.victims_of = vec!["ru".into(), "rus".into()],
            InvalidValue,
            "victims_of[1]",
        ),
        (
            |w| w.victims_of = vec![String::new()],
            MissingField,
            "victims_of[0]",
        ),
        (|w| w.references[0].id.clear(), MissingField, "references[0].id"),
        (
            |w| w.references[0].digest = Bytes::from_static(&[1; 33]),
            InvalidValue,
            "references[0].digest",
        ),
        (|w| w.body = None, MissingField, "body"),
        (|w| w.body.as_mut().unwrap().form = 0, MissingField, "body.form"),
        (|w| w.body.as_mut().unwrap().suite = 1, InvalidValue, "body.suite"),
        (
            |w| w.body.as_mut().unwrap().length = 0,
            MissingField,
            "body.length",
        ),
        (
            |w| w.body.as_mut().unwrap().length = 256 * 1024 + 1,
            BodyTooLarge,
            "body.length",
        ),
        (
            |w| w.body.as_mut().unwrap().digest.clear(),
            MissingField,
            "body.digest",
        ),
        (
            |w| w.body.as_mut().unwrap().plaintext_commitment = Bytes::from_static(&[1; 32]),
            InvalidValue,
            "body.plaintext_commitment",
        ),
        (
            |w| w.reply_key.as_mut().unwrap().key.clear(),
            MissingField,
            "reply_key.key",
        ),
        (|w| w.audience.clear(), MissingField, "audience"),
        (|w| w.audience.truncate(7), AudienceMismatch, "audience"),
        (|w| w.audience.swap(2, 3), AudienceMismatch, "audience[3]"),
        (
            |w| w.audience[4] = w.audience[3].clone(),
            AudienceRepeated,
            "audience[4]",
        ),
        (
            |w| w.audience[5] = Bytes::from_static(b"short"),
            InvalidValue,
            "audience[5]",
        ),
        (|w| w.extensions[0].id.clear(), MissingField, "extensions[0].id"),
        (
            |w| w.extensions[0].id = "a..b".to_owned(),
            InvalidValue,
            "extensions[0].id",
        ),
        (
            |w| w.extensions[0].id = "Note".to_owned(),
            InvalidValue,
            "extensions[0].id",
        ),
        (
            |w| w.extensions.push(w.extensions[0].clone()),
            InvalidValue,
            "extensions[1]",
        ),
    ];
    check(
        &v1::Warning::from(&fixed::warning()),
        rows,
        as_kind(PayloadKind::Warning, |it| wire::warning(it)),
    );
}

/// An acknowledgement: likewise.
#[test]
fn an_acknowledgement_says_what_it_may() {
    let rows: &[Row<v1::Acknowledgement>] = &[
        (|a| a.warning_id.clear(), MissingField, "warning_id"),
        (|a| a.warning_digest.clear(), MissingField, "warning_digest"),
        (|a| a.kind = 0, MissingField, "kind"),
        (|a| a.missing = vec![1, 1], InvalidValue, "missing[1]"),
        (|a| a.to = "nowhere".to_owned(), InvalidValue, "to"),
        (
            |a| a.text.as_mut().unwrap().length = 16 * 1024 + 1,
            TextTooLarge,
            "text.length",
        ),
    ];
    check(
        &v1::Acknowledgement::from(&fixed::acknowledgement()),
        rows,
        as_kind(PayloadKind::Acknowledgement, |it| wire::acknowledgement(it)),
    );
}

/// A payload of another kind, and one that is too large, are refused before they are looked at.
#[test]
fn the_kind_and_the_size_come_first() {
    let other = fixed::envelope(PayloadKind::Desks, Bytes::from_static(b"\xff"));
    assert_eq!(
        wire::warning(&Recorded(&other)).unwrap_err().code,
        WrongPayloadType
    );
    let large = vec![0xff; limits::PAYLOAD_BYTES_MAX + 1].into();
    let large = fixed::envelope(PayloadKind::Warning, large);
    assert_eq!(
        wire::warning(&Recorded(&large)).unwrap_err().code,
        PayloadTooLarge
    );
}

/// The `Common` of a payload that does not parse whole is found where it stands once and clearly, else not.
#[test]
fn the_common_of_a_bad_payload_is_found() {
    let warning = wire::encode_warning(&fixed::warning());
    let common = Some(fixed::warning().common);
    let find = |payload: &[u8]| wire::common(PayloadKind::Warning, payload);
    assert_eq!(find(&warning), common);
    // An unknown field, a field of the wrong type, and another payload's fields behind the Common.
    assert_eq!(find(&[&warning[..], &[0x98, 0x06, 0x01]].concat()), common);
    assert_eq!(find(&[&warning[..], &[0x12, 0x01, 0x01]].concat()), common);
    assert_eq!(
        find(&wire::encode_desks(&fixed::desks())),
        Some(fixed::desks().common)
    );
    // Cut off, twice, absent, too large.
    assert_eq!(find(&warning[..warning.len() - 1]), None);
    assert_eq!(find(&[&warning[..], &warning[..]].concat()), None);
    assert_eq!(find(&[]), None);
    let filler = super::walker::bytes(99, &vec![0; limits::PAYLOAD_BYTES_MAX]);
    assert_eq!(find(&[&warning[..], &filler].concat()), None);
}
