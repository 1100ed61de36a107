//! A sealed body: encrypted once under a random key, which each recipient then gets wrapped (`wrap.rs`).
//!
//! A key is used for one body and never again, so that its nonce may be zeros. The log and the warning's id are bound in, so
//! that no body can be put under another header; what ties all recipients to one text is the commitment, not the cipher.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize as _, Zeroizing};

use crate::domain::{Origin, PayloadId};
use crate::limits::{SEALED_BODY_CLASSES, SEALED_TAG_BYTES};
use crate::seal::padded::{pad, unpad};
use crate::seal::{OpenError, OpenedPart, SealError, plaintext_commitment, random_bytes};

/// The suite that a header names for its sealed body: AES-256-GCM over the padded text. Format.
pub const SEALED_BODY_SUITE: u32 = 1;

/// The key of one body: wiped when dropped, shown nowhere.
#[derive(Clone)]
pub struct BodyKey(Zeroizing<[u8; 32]>);

impl BodyKey {
    pub(super) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, self.0.as_slice())
            .ok()
            .map(LessSafeKey::new)
    }
}

impl fmt::Debug for BodyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyKey(..)")
    }
}

/// A body that was just sealed.
#[derive(Debug)]
pub struct SealedBody {
    /// The detached part's content: ciphertext and tag.
    pub content: Vec<u8>,
    /// What the header says of the plaintext.
    pub commitment: [u8; 32],
    /// To be wrapped for each recipient and for the originator, and then dropped.
    pub key: BodyKey,
}

/// Encrypts a body for the warning of this id in this log, under a fresh key and salt.
pub fn seal_body(origin: &Origin, id: &PayloadId, body: &[u8]) -> Result<SealedBody, SealError> {
    let key = BodyKey(Zeroizing::new(random_bytes()?));
    seal_body_with(origin, id, body, key, &random_bytes()?)
}

/// [`seal_body`] with a given key and salt.
pub(super) fn seal_body_with(
    origin: &Origin,
    id: &PayloadId,
    body: &[u8],
    key: BodyKey,
    salt: &[u8; 32],
) -> Result<SealedBody, SealError> {
    let mut content = pad(salt, body, &SEALED_BODY_CLASSES, SEALED_TAG_BYTES)?;
    let failed = SealError::Library("AES-256-GCM refused a key of 32 bytes");
    key.cipher()
        .ok_or(failed)?
        .seal_in_place_append_tag(nonce(), Aad::from(body_aad(origin, id)), &mut *content)
        .map_err(|_| failed)?;
    Ok(SealedBody {
        content: std::mem::take(&mut *content),
        commitment: plaintext_commitment(salt, body),
        key,
    })
}

/// The body in clear: of this log and warning, and the one that the header commits to.
pub fn open_body(
    origin: &Origin,
    id: &PayloadId,
    key: &BodyKey,
    commitment: &[u8; 32],
    content: &[u8],
) -> Result<OpenedPart, OpenError> {
    if !is_sealed_body_length(content.len()) {
        return Err(OpenError::Length(content.len()));
    }
    let mut buffer = Zeroizing::new(content.to_vec());
    let padded = key
        .cipher()
        .ok_or(OpenError::Unreadable)?
        .open_in_place(nonce(), Aad::from(body_aad(origin, id)), &mut buffer)
        .map_err(|_| OpenError::Unreadable)?;
    let opened = unpad(padded, &SEALED_BODY_CLASSES, commitment);
    padded.zeroize();
    opened
}

/// Whether a sealed body can be this long: whoever cannot open it can see that much.
pub fn is_sealed_body_length(length: usize) -> bool {
    SEALED_BODY_CLASSES
        .iter()
        .any(|class| *class + SEALED_TAG_BYTES == length)
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// `"wardline body v1" ‖ 0x00 ‖ origin ‖ 0x00 ‖ id16`; neither label nor origin holds a 0x00.
fn body_aad(origin: &Origin, id: &PayloadId) -> Vec<u8> {
    let mut aad = b"wardline body v1\0".to_vec();
    aad.extend_from_slice(origin.as_str().as_bytes());
    aad.push(0);
    aad.extend_from_slice(id.as_bytes());
    aad
}
