//! What a body or a text may say once it is well-formed.

use bytes::Bytes;

use super::fixed;
use super::values::{Row, check};
use crate::error::ErrorCode::{BodyTooLarge, InvalidValue, MissingField, TextTooLarge};
use crate::limits;
use crate::wire::{self, v1};

/// A body and a text: words, languages, areas, times. No refusal quotes what the body says.
#[test]
fn bodies_and_texts_say_what_they_may() {
    let rows: &[Row<v1::Body>] = &[
        (|b| b.urgency = 0, MissingField, "urgency"),
        (|b| b.severity = 0, MissingField, "severity"),
        (|b| b.certainty = 0, MissingField, "certainty"),
        (
            |b| b.authoritative_language.clear(),
            MissingField,
            "authoritative_language",
        ),
        (
            |b| b.authoritative_language = "de".to_owned(),
            InvalidValue,
            "authoritative_language",
        ),
        (|b| b.blocks.clear(), InvalidValue, "authoritative_language"),
        (
            |b| b.blocks[1].language = "EN".to_owned(),
            InvalidValue,
            "blocks[1]",
        ),
        (
            |b| b.blocks[1].language = "secret word".to_owned(),
            InvalidValue,
            "blocks[1].language",
        ),
        (|b| b.blocks[0].event.clear(), MissingField, "blocks[0].event"),
        (
            |b| b.blocks[0].event = "secret\nword".to_owned(),
            InvalidValue,
            "blocks[0].event",
        ),
        (
            |b| b.blocks[0].headline = "s".repeat(501),
            InvalidValue,
            "blocks[0].headline",
        ),
        (
            |b| b.blocks[2].description = "secret \u{1b}[2J".to_owned(),
            InvalidValue,
            "blocks[2].description",
        ),
        (
            |b| b.blocks[2].description = "s".repeat(20_001),
            InvalidValue,
            "blocks[2].description",
        ),
        (
            |b| b.blocks[0].instruction = "secret WWW.x".to_owned(),
            InvalidValue,
            "blocks[0].instruction",
        ),
        (
            |b| b.blocks[0].area = "s".repeat(2_001),
            InvalidValue,
            "blocks[0].area",
        ),
        (
            |b| b.blocks[0].target = "secret\0".to_owned(),
            InvalidValue,
            "blocks[0].target",
        ),
        (
            |b| b.area.as_mut().unwrap().polygons[0].clear(),
            InvalidValue,
            "area.polygons[0]",
        ),
        (
            |b| b.area.as_mut().unwrap().circles[0] = "secret".to_owned(),
            InvalidValue,
            "area.circles[0]",
        ),
        (
            |b| b.area.as_mut().unwrap().geocodes[0].value.clear(),
            MissingField,
            "area.geocodes[0].value",
        ),
        (|b| b.onset_until_unix_ms = 1, InvalidValue, "onset_until_unix_ms"),
    ];
    let parse = |bytes: Bytes| {
        wire::body(&bytes)
            .inspect_err(|refused| assert!(!refused.to_string().contains("secret"), "{refused}"))
    };
    check(&v1::Body::from(&fixed::body()), rows, parse);
    let rows: &[Row<v1::Text>] = &[
        (|t| t.text.clear(), MissingField, "text"),
        (|t| t.text = "https://x".to_owned(), InvalidValue, "text"),
        (|t| t.text = "get FTP://x now".to_owned(), InvalidValue, "text"),
        (|t| t.text = "tg://x".to_owned(), InvalidValue, "text"),
        (|t| t.text = "see WWW.x".to_owned(), InvalidValue, "text"),
        (|t| t.text = "Mailto:a@b".to_owned(), InvalidValue, "text"),
        (|t| t.language = "e".to_owned(), InvalidValue, "language"),
    ];
    check(&v1::Text::from(&fixed::text()), rows, |bytes| wire::text(&bytes));
    assert_eq!(
        wire::body(&vec![0; limits::BODY_BYTES_MAX + 1]).unwrap_err().code,
        BodyTooLarge
    );
    assert_eq!(
        wire::text(&vec![0; limits::TEXT_BYTES_MAX + 1]).unwrap_err().code,
        TextTooLarge
    );
}
