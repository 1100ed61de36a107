//! A delivered warning as one JSON object: what `watch --json` prints and what `--exec` gets on its standard input. The
//! names are an interface and never change their meaning.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::{Content, Delivered};
use crate::domain::{Body, ContentBlock, Form, Warning};

/// The object. Everything in it was verified.
pub(super) fn delivered_json(delivered: &Delivered) -> Value {
    let mut object = header_json(&delivered.warning, &delivered.content);
    if let Value::Object(members) = &mut object {
        for (name, value) in [
            ("digest", json!(delivered.digest.to_string())),
            ("desk", json!(delivered.desk.to_string())),
            ("index", json!(delivered.routed.index())),
            ("inbox_number", json!(delivered.inbox_number)),
            ("keyid", json!(delivered.keyid.to_string())),
            ("key_confirmed", json!(delivered.key_confirmed)),
            ("routed", json!(delivered.routed_at.to_string())),
            ("unread", json!(unread(&delivered.content))),
        ] {
            members.insert(name.to_owned(), value);
        }
    }
    object
}

/// What its originator says.
pub(super) fn header_json(header: &Warning, content: &Content) -> Value {
    let signer = header.common.named();
    let references: Vec<Value> = header
        .references
        .iter()
        .map(|it| json!({ "id": it.id.to_string(), "digest": it.digest.to_string() }))
        .collect();
    let specifics = &header.specifics;
    let handling = &header.handling;
    json!({
        "id": header.common.id.to_string(),
        "originator": signer.map(|signer| signer.principal.to_string()),
        "office": signer.map(|signer| signer.office.clone()),
        "status": header.status.word(),
        "type": header.warning_type.word(),
        "precedence": header.precedence.word(),
        "category": header.category.word(),
        "sent": header.common.sent.to_string(),
        "expires": header.expires.map(|time| time.to_string()),
        "harm": header.harm.iter().map(|harm| harm.word()).collect::<Vec<_>>(),
        "assertions": {
            "credible": header.assertions.credible,
            "specific": header.assertions.specific,
            "impending": header.assertions.impending,
        },
        "specifics": {
            "place": specifics.place.word(),
            "time": specifics.time.word(),
            "method": specifics.method.word(),
            "target": specifics.target.word(),
            "perpetrator": specifics.perpetrator.word(),
        },
        "handling": {
            "tlp": handling.tlp.word(),
            "onward": handling.onward.word(),
            "notify_victim": handling.notify_victim.word(),
            "personal_data": handling.personal_data,
        },
        "territory": header.territory.as_ref().map(ToString::to_string),
        "victims_of": header.victims_of.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "references": references,
        "sealed": header.body.form == Form::Sealed,
        "body": content.body().map(body_json),
    })
}

/// Why there is no body: `erased`, `closed` (no key here opens it), or `unreadable` (its sender is to be told).
pub(super) fn unread(content: &Content) -> Option<&'static str> {
    match content {
        Content::Read(_) => None,
        Content::Erased => Some("erased"),
        Content::Closed => Some("closed"),
        Content::Unreadable(_) => Some("unreadable"),
    }
}

pub(super) fn body_json(body: &Body) -> Value {
    let text: BTreeMap<String, Value> = body
        .blocks
        .iter()
        .map(|block| (block.language.to_string(), block_json(block)))
        .collect();
    let geocodes: Vec<Value> = body
        .area
        .geocodes
        .iter()
        .map(|(system, code)| json!({ "system": system, "code": code }))
        .collect();
    json!({
        "urgency": body.urgency.word(),
        "severity": body.severity.word(),
        "certainty": body.certainty.word(),
        "authoritative": body.authoritative.to_string(),
        "text": text,
        "area": {
            "polygons": body.area.polygons,
            "circles": body.area.circles,
            "geocodes": geocodes,
        },
        "onset": body.onset.map(|time| time.to_string()),
        "onset_until": body.onset_until.map(|time| time.to_string()),
    })
}

fn block_json(block: &ContentBlock) -> Value {
    json!({
        "event": block.event,
        "headline": block.headline,
        "description": block.description,
        "instruction": block.instruction,
        "area": block.area,
        "target": block.target,
    })
}
