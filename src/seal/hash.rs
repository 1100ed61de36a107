//! `H`, the one hash construction of the formats, and each named use of it.
//!
//! `H(name, x) = SHA-256("wardline/v1/" ‖ name ‖ 0x00 ‖ x)`; in `x` the fields of fixed length stand first, so that
//! no two different inputs of one name give the same bytes. All of these are formats: they never change.

use sha2::{Digest as _, Sha256};

use crate::domain::AudienceKind;

/// `H(name, parts concatenated)`. A name is one of ours, so it holds no 0x00.
pub fn h(name: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"wardline/v1/");
    hasher.update(name.as_bytes());
    hasher.update([0u8]);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// What a warning's header says of its detached body: `H("body", salt32 ‖ body)`, of a sealed body over the
/// ciphertext.
pub fn body_digest(salt: &[u8; 32], body: &[u8]) -> [u8; 32] {
    h("body", &[salt, body])
}

/// What an acknowledgement says of its detached free text: `H("text", salt32 ‖ text)`.
pub fn text_digest(salt: &[u8; 32], text: &[u8]) -> [u8; 32] {
    h("text", &[salt, text])
}

/// Binds a sealed body to one plaintext, whatever key opens it: `H("plaintext", salt32 ‖ text)`.
pub fn plaintext_commitment(salt: &[u8; 32], text: &[u8]) -> [u8; 32] {
    h("plaintext", &[salt, text])
}

/// One entry of an audience: `H("audience", kind ‖ salt32 ‖ address)`.
pub fn audience_commitment(kind: AudienceKind, salt: &[u8; 32], address: &str) -> [u8; 32] {
    h("audience", &[&[kind.number()], salt, address.as_bytes()])
}

/// A desk's dense inbox number in its `ROUTED` record: `H("inbox", salt32 ‖ number, 8 bytes big-endian ‖ desk)`.
pub fn inbox_commitment(salt: &[u8; 32], number: u64, desk: &str) -> [u8; 32] {
    h("inbox", &[salt, &number.to_be_bytes(), desk.as_bytes()])
}

/// The whole `Signer` message of a sender who stays unnamed: `H("signer", salt32 ‖ signer)`.
pub fn signer_commitment(salt: &[u8; 32], signer: &[u8]) -> [u8; 32] {
    h("signer", &[salt, signer])
}

/// The id of a key to seal to, which is its principal's alone: `H("seal-key", principal ‖ 0x00 ‖ suite ‖ key)`. No principal
/// holds a 0x00.
pub fn seal_keyid(principal: &str, public_key: &[u8]) -> [u8; 32] {
    h("seal-key", &[principal.as_bytes(), &[0], public_key])
}

/// What a `ROUTED` record says of the wrap of its desk's agency: `H("wrap", wrap)`.
pub fn wrap_digest(wrap: &[u8]) -> [u8; 32] {
    h("wrap", &[wrap])
}
