//! What every signed payload begins with, and the small messages that several of them share.

use bytes::Bytes;
use prost::Message;

use super::fields::{Within, invalid, missing, repeated};
use super::payload::message_name;
use super::reader::At;
use super::schema::Root;
use super::text_rules::{Lines, checked};
use super::v1;
use super::walker::{Fields, Of, read};
use crate::domain::{
    Common, Extension, Form, Hash, KeyRole, PartReference, Principal, Seen, SignedBy, Signer, is_label,
};
use crate::error::{ErrorCode, Refused};
use crate::limits;
use crate::seal::PayloadKind;

/// The [`Common`] of a payload alone; of one that does not parse whole as far as it can be told, for the record of its refusal.
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
    let strict = |payload: &Fields<'_>| payload.inner(0, parse_common);
    let read_whole = read(
        Of::Signed,
        Root::Payload(kind),
        Bytes::copy_from_slice(payload),
        strict,
    );
    if let Ok(Some(common)) = read_whole {
        return Some(common);
    }
    // No payload of ours: only a refusal comes of it.
    match AnyPayload::decode(payload).ok()?.common.as_slice() {
        [bytes] => {
            // As a library takes it: of what stands twice the last, of what it does not know nothing.
            let taken = v1::Common::decode(bytes.clone()).ok()?.encode_to_vec();
            read(Of::Signed, Root::Common, taken.into(), parse_common).ok()
        }
        _ => None,
    }
}

pub(super) fn parse_common(common: &Fields<'_>) -> Result<Common, Refused> {
    use super::at::common as at;
    if common.uint(at::SENT_UNIX_MS) == 0 {
        return Err(missing("sent_unix_ms"));
    }
    let signer = match common.optional(at::SIGNER, parse_signer)? {
        Some(signer) => SignedBy::Named(signer),
        None if common.has(at::SIGNER_COMMITMENT) => {
            SignedBy::Committed(common.exactly(at::SIGNER_COMMITMENT)?)
        }
        None => return Err(missing("signer")),
    };
    Ok(Common {
        origin: common.name(at::ORIGIN)?,
        id: common.payload_id(at::ID)?,
        sent: common.time(at::SENT_UNIX_MS),
        signer,
    })
}

fn parse_signer(signer: &Fields<'_>) -> Result<Signer, Refused> {
    use super::at::signer as at;
    let principal: Principal = signer.name(at::PRINCIPAL)?;
    let desk: Option<crate::domain::DeskAddress> = signer.optional_name(at::DESK)?;
    if let Some(desk) = &desk
        && principal.agency() != Some(desk.agency())
    {
        return Err(invalid("desk", "the desk is not one of the signer's"));
    }
    Ok(Signer {
        principal,
        role: signer.word(at::ROLE, key_role)?,
        desk,
        office: checked(
            signer.text(at::OFFICE)?,
            "office",
            limits::NAME_CHARS_MAX,
            Lines::One,
        )?,
        seen: signer.optional(at::SEEN, parse_seen)?,
    })
}

fn parse_seen(seen: &Fields<'_>) -> Result<Seen, Refused> {
    use super::at::seen as at;
    Ok(Seen {
        size: seen.uint(at::SIZE),
        root: Hash(seen.exactly(at::ROOT)?),
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

pub(super) fn part_reference(part: &Fields<'_>, kind: PartKind) -> Result<PartReference, Refused> {
    use super::at::part_reference as at;
    let (bytes_max, too_large) = match kind {
        PartKind::Body => (limits::BODY_BYTES_MAX, ErrorCode::BodyTooLarge),
        PartKind::Text => (limits::TEXT_BYTES_MAX, ErrorCode::TextTooLarge),
    };
    let form = part.word(at::FORM, Form::from_number)?;
    let length = part.uint32(at::LENGTH);
    if length == 0 {
        return Err(missing("length"));
    }
    if usize::try_from(length).map_or(true, |length| length > bytes_max) {
        return Err(Refused::new(too_large, format!("larger than {bytes_max} bytes")).about("length"));
    }
    let suite = part.uint32(at::SUITE);
    let plaintext_commitment = part.optional_exactly(at::PLAINTEXT_COMMITMENT)?;
    if form == Form::Clear && suite != 0 {
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
        suite,
        length,
        digest: part.exactly(at::DIGEST)?,
        plaintext_commitment,
    })
}

/// The extensions of a payload, each id once.
pub(super) fn extensions(payload: &Fields<'_>, at: At) -> Result<Vec<Extension>, Refused> {
    let mut extensions: Vec<Extension> = Vec::new();
    for (index, bytes) in payload.list(at) {
        let extension = payload.entry(at, (index, bytes), parse_extension)?;
        if extensions.iter().any(|earlier| earlier.id == extension.id) {
            return Err(repeated()).within_entry(at.name, index);
        }
        extensions.push(extension);
    }
    Ok(extensions)
}

fn parse_extension(extension: &Fields<'_>) -> Result<Extension, Refused> {
    use super::at::extension as at;
    let id = extension.text(at::ID)?;
    if id.is_empty() {
        return Err(missing("id"));
    }
    if id.len() > limits::ID_CHARS_MAX || !id.split('.').all(is_label) {
        return Err(invalid("id", "not a dotted, lower-case name"));
    }
    Ok(Extension {
        id: id.to_owned(),
        critical: extension.flag(at::CRITICAL),
        value: extension.slice(at::VALUE).to_vec(),
    })
}
