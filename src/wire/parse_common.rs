//! What every signed payload begins with, and the small messages that several of them share.

use std::collections::HashSet;

use bytes::Bytes;
use prost::Message;

use super::fields::{
    Within, exactly, invalid, missing, name, optional_exactly, optional_name, payload_id, repeated, required,
    word,
};
use super::payload::message_name;
use super::text_rules::{Lines, checked};
use super::v1;
use crate::domain::{
    Common, Extension, Form, Hash, KeyRole, PartReference, Principal, Seen, SignedBy, Signer, is_label,
};
use crate::error::{ErrorCode, Refused};
use crate::limits;
use crate::seal::PayloadKind;
use crate::time::Timestamp;

/// The [`Common`] of a payload that does not parse whole, as far as it can be told: for the record of its refusal.
/// `None` where the payload does not say it once and clearly. Nothing in it may be acted upon but the id and who
/// claims to have signed.
pub fn common(kind: PayloadKind, payload: &[u8]) -> Option<Common> {
    /// Any payload: field 1 is its `Common`, whatever else it holds.
    #[derive(Clone, PartialEq, prost::Message)]
    struct AnyPayload {
        #[prost(bytes = "bytes", repeated, tag = "1")]
        common: Vec<Bytes>,
    }
    if payload.len() > limits::PAYLOAD_BYTES_MAX || message_name(kind).is_empty() {
        return None;
    }
    match AnyPayload::decode(payload).ok()?.common.as_slice() {
        [bytes] => common_of(Some(v1::Common::decode(bytes.clone()).ok()?)).ok(),
        _ => None,
    }
}

pub(super) fn common_of(message: Option<v1::Common>) -> Result<Common, Refused> {
    let message = required(message, "common")?;
    parse_common(message).within("common")
}

fn parse_common(message: v1::Common) -> Result<Common, Refused> {
    use v1::common::By;
    if message.sent_unix_ms == 0 {
        return Err(missing("sent_unix_ms"));
    }
    Ok(Common {
        origin: name(&message.origin, "origin")?,
        id: payload_id(&message.id, "id")?,
        sent: Timestamp::from_unix_ms(message.sent_unix_ms),
        signer: match required(message.by, "signer")? {
            By::Signer(signer) => SignedBy::Named(parse_signer(signer).within("signer")?),
            By::SignerCommitment(bytes) => SignedBy::Committed(exactly(&bytes, "signer_commitment")?),
        },
    })
}

fn parse_signer(message: v1::Signer) -> Result<Signer, Refused> {
    let principal: Principal = name(&message.principal, "principal")?;
    let desk: Option<crate::domain::DeskAddress> = optional_name(&message.desk, "desk")?;
    if let Some(desk) = &desk
        && principal.agency() != Some(desk.agency())
    {
        return Err(invalid("desk", "the desk is not one of the signer's"));
    }
    Ok(Signer {
        principal,
        role: word(message.role, "role", key_role)?,
        desk,
        office: checked(&message.office, "office", limits::NAME_CHARS_MAX, Lines::One)?,
        seen: message.seen.map(parse_seen).transpose().within("seen")?,
    })
}

fn parse_seen(message: v1::Seen) -> Result<Seen, Refused> {
    Ok(Seen {
        size: message.size,
        root: Hash(exactly(&message.root, "root")?),
    })
}

/// The role of this number on the wire.
pub(super) fn key_role(number: i32) -> Option<KeyRole> {
    KeyRole::from_number(u8::try_from(number).ok()?)
}

/// What a detached part is and how large it may be.
#[derive(Clone, Copy)]
pub(super) enum PartKind {
    Body,
    Text,
}

pub(super) fn part_reference(message: v1::PartReference, kind: PartKind) -> Result<PartReference, Refused> {
    let (bytes_max, too_large) = match kind {
        PartKind::Body => (limits::BODY_BYTES_MAX, ErrorCode::BodyTooLarge),
        PartKind::Text => (limits::TEXT_BYTES_MAX, ErrorCode::TextTooLarge),
    };
    let form = word(message.form, "form", Form::from_number)?;
    if message.length == 0 {
        return Err(missing("length"));
    }
    if usize::try_from(message.length).map_or(true, |length| length > bytes_max) {
        return Err(Refused::new(too_large, format!("larger than {bytes_max} bytes")).about("length"));
    }
    let plaintext_commitment = optional_exactly(&message.plaintext_commitment, "plaintext_commitment")?;
    if form == Form::Clear && message.suite != 0 {
        return Err(invalid("suite", "a clear part has no suite"));
    }
    if form == Form::Clear && plaintext_commitment.is_some() {
        return Err(invalid(
            "plaintext_commitment",
            "a clear part has no commitment to its plaintext",
        ));
    }
    Ok(PartReference {
        form,
        suite: message.suite,
        length: message.length,
        digest: exactly(&message.digest, "digest")?,
        plaintext_commitment,
    })
}

pub(super) fn extensions(messages: Vec<v1::Extension>) -> Result<Vec<Extension>, Refused> {
    let mut ids = HashSet::new();
    let mut extensions = Vec::with_capacity(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        let extension = parse_extension(message).within_entry("extensions", index)?;
        if !ids.insert(extension.id.clone()) {
            return Err(repeated()).within_entry("extensions", index);
        }
        extensions.push(extension);
    }
    Ok(extensions)
}

fn parse_extension(message: v1::Extension) -> Result<Extension, Refused> {
    if message.id.is_empty() {
        return Err(missing("id"));
    }
    if message.id.len() > limits::ID_CHARS_MAX || !message.id.split('.').all(is_label) {
        return Err(invalid("id", "not a dotted, lower-case name"));
    }
    Ok(Extension {
        id: message.id,
        critical: message.critical,
        value: message.value.into(),
    })
}
