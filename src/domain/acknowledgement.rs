//! What a recipient signs, and the small types of detached parts and extensions that it shares with warnings.

use super::{
    AcknowledgementKind, Address, Assessment, Common, Digest, Form, Language, PayloadId, RefusalReason,
    Specific,
};
use crate::time::Timestamp;

/// An acknowledgement of one warning by one desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Origin, id, sent, signer; the signer's desk is the recipient.
    pub common: Common,
    /// The id of the warning.
    pub warning_id: PayloadId,
    /// The digest of the warning.
    pub warning_digest: Digest,
    /// What is said.
    pub kind: AcknowledgementKind,
    /// What the officer thinks of it.
    pub assessment: Option<Assessment>,
    /// With `TOO_VAGUE`: which are missing.
    pub missing: Vec<Specific>,
    /// With `REFUSED`: why.
    pub reason: Option<RefusalReason>,
    /// With `DEFERRED`: until when.
    pub until: Option<Timestamp>,
    /// With `MISDIRECTED`: the address that is competent.
    pub to: Option<Address>,
    /// Free text, detached.
    pub text: Option<PartReference>,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}

/// The free text of an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Its language.
    pub language: Language,
    /// The text.
    pub text: String,
}

/// How what is signed names a detached part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartReference {
    /// How it is written.
    pub form: Form,
    /// The sealing suite; 0 for a clear part.
    pub suite: u32,
    /// Its length in bytes.
    pub length: u32,
    /// `H("body" or "text", salt32 ‖ bytes)`.
    pub digest: [u8; 32],
    /// `H("plaintext", salt32 ‖ text)`; sealed parts only.
    pub plaintext_commitment: Option<[u8; 32]>,
}

/// The bytes of a detached part, with the salt of its digest.
#[derive(Clone, PartialEq, Eq)]
pub struct DetachedPart {
    /// Fresh for each part.
    pub salt: [u8; 32],
    /// A serialised body or text.
    pub content: bytes::Bytes,
}

impl std::fmt::Debug for DetachedPart {
    /// Bodies never reach logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DetachedPart({} bytes)", self.content.len())
    }
}

/// Room for growth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// A dotted, lower-case name.
    pub id: String,
    /// Whether whoever does not know it must refuse the whole.
    pub critical: bool,
    /// Its own encoding.
    pub value: Vec<u8>,
}
