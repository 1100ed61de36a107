//! Hostile documents: each gives an error that names a part, none a panic.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::audit::check::stage::{story, trusted};
use crate::audit::{Trusted, check};
use crate::limits;

fn document() -> (Value, Trusted) {
    let story = story();
    let document = serde_json::from_str(&story.bundle("us.ctc").to_json()).unwrap();
    (document, trusted(&story.world))
}

/// What has another form, or is beyond a bound, is refused, and the fault names the part; a table.
#[test]
fn other_forms_are_refused() {
    type Change = fn(&mut Value);
    let table: [(&str, Change, &str); 22] = [
        (
            "another format",
            |it| it["format"] = json!("wardline-evidence/v2"),
            "format",
        ),
        ("an unknown member", |it| it["more"] = json!(1), "the document"),
        (
            "a member that is missing",
            |it| drop(it.as_object_mut().unwrap().remove("seen")),
            "the document",
        ),
        (
            "no word of a body",
            |it| drop(it["warning"].as_object_mut().unwrap().remove("body")),
            "the document",
        ),
        (
            "no word of an acceptance",
            |it| drop(it.as_object_mut().unwrap().remove("accepted")),
            "the document",
        ),
        (
            "an unknown member within",
            |it| it["threads"][0]["more"] = json!(1),
            "the document",
        ),
        (
            "a number for a text",
            |it| it["origin"] = json!(1),
            "the document",
        ),
        (
            "a negative number",
            |it| it["seen"][0]["size"] = json!(-1),
            "the document",
        ),
        (
            "a broken number",
            |it| it["seen"][0]["size"] = json!(1.5),
            "the document",
        ),
        (
            "a number beyond 64 bits",
            |it| it["seen"][0]["size"] = json!(1e30),
            "the document",
        ),
        (
            "an origin that is none",
            |it| it["origin"] = json!("A B"),
            "origin",
        ),
        (
            "a desk that is none",
            |it| it["threads"][0]["desk"] = json!("RU"),
            "threads[0].desk",
        ),
        (
            "a proof that is none",
            |it| it["accepted"]["proof"] = json!(""),
            "accepted.proof",
        ),
        (
            "a record that is no base64",
            |it| it["directory"][2]["record"] = json!("?"),
            "directory[2].record",
        ),
        (
            "base64 without padding",
            |it| it["directory"][2]["record"] = json!("AA"),
            "directory[2].record",
        ),
        (
            "base64 of another form",
            |it| it["directory"][2]["record"] = json!("AB=="),
            "directory[2].record",
        ),
        (
            "a short root",
            |it| it["seen"][0]["root"] = json!("AAAA"),
            "seen[0].root",
        ),
        (
            "a short salt",
            |it| it["warning"]["body"]["salt"] = json!("AAAA"),
            "warning.body.salt",
        ),
        (
            "a keyid in capitals",
            |it| {
                it["warning"]["envelope"]["signatures"][0]["keyid"] = json!("AB".repeat(32));
            },
            "warning.envelope",
        ),
        (
            "too many signatures",
            |it| {
                let one = it["warning"]["envelope"]["signatures"][0].clone();
                it["warning"]["envelope"]["signatures"] = json!([one, one, one]);
            },
            "warning.envelope",
        ),
        (
            "too long a proof",
            |it| {
                it["seen"][0]["consistency"] =
                    json!(vec!["A".repeat(43) + "="; limits::PROOF_HASHES_MAX + 1]);
            },
            "seen[0].consistency",
        ),
        (
            "too long a token",
            |it| {
                it["timestamps"] =
                    json!([{"size": 1, "token": "AAAA".repeat(limits::TSA_TOKEN_BYTES_MAX / 3 + 2)}]);
            },
            "timestamps[0].token",
        ),
    ];
    let (honest, _) = document();
    for (what, change, part) in table {
        let mut document = honest.clone();
        change(&mut document);
        let fault = Bundle::parse(document.to_string().as_bytes()).unwrap_err();
        assert_eq!(fault.part, part, "{what}: {fault}");
    }
    for text in [
        "",
        "{",
        "null",
        "[]",
        "\u{feff}{}",
        &honest
            .to_string()
            .replacen("\"format\"", "\"format\":\"\",\"format\"", 1),
    ] {
        assert_eq!(
            Bundle::parse(text.as_bytes()).unwrap_err().part,
            "the document",
            "{text:.20}"
        );
    }
    let trailing = format!("{honest} x");
    assert_eq!(
        Bundle::parse(trailing.as_bytes()).unwrap_err().part,
        "the document"
    );
    assert_eq!(Bundle::parse(&[b'['; 100_000]).unwrap_err().part, "the document");
}

/// A document is read whatever its spaces and the order of its members are: other tools write it anew.
#[test]
fn spaces_and_order_are_free() {
    let (honest, trusted) = document();
    let bundle = Bundle::parse(honest.to_string().as_bytes()).unwrap();
    assert_ne!(bundle.to_json(), honest.to_string());
    assert_eq!(Bundle::parse(bundle.to_json().as_bytes()).unwrap(), bundle);
    check(&bundle, &trusted).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is written over a good document, cut out of it or put into it, reading and checking give an answer. What is
    /// read is written and read again as the same.
    #[test]
    fn hostile_documents_never_panic(cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, prop::collection::vec(any::<u8>(), 0..24)), 1..4)) {
        let (honest, trusted) = document();
        let mut bytes = honest.to_string().into_bytes();
        for (at, length, put) in cuts {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + length);
            bytes.splice(at..end, put);
        }
        if let Ok(bundle) = Bundle::parse(&bytes) {
            let _ = check(&bundle, &trusted);
            prop_assert_eq!(Bundle::parse(bundle.to_json().as_bytes()), Ok(bundle));
        }
    }

    /// The same of bytes that never were a document.
    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Bundle::parse(&bytes).is_err());
    }
}
