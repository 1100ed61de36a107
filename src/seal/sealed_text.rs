//! The free text of an answer, sealed to the reply key of the warning that it answers.
//!
//! The log, the answer's id and the warning are bound in, so that no text can be put under another answer; it is padded like a
//! body, and committed to in the same way.

use crate::domain::{Digest, Origin, PayloadId};
use crate::limits::SEALED_TEXT_CLASSES;
use crate::seal::hpke::{self, split_suite};
use crate::seal::padded::{pad, unpad};
use crate::seal::{
    OpenError, OpenedPart, SealError, SealPublicKey, SealSecretKey, SealSuite, plaintext_commitment,
    random_bytes,
};

/// The `info` of RFC 9180. Format.
const INFO: &[u8] = b"wardline text v1";

/// The answer that a text belongs to.
#[derive(Debug, Clone, Copy)]
pub struct TextPlace<'a> {
    /// The log.
    pub origin: &'a Origin,
    /// The id of the answer, not of the warning.
    pub acknowledgement: &'a PayloadId,
    /// The digest of the warning that is answered.
    pub warning: &'a Digest,
}

/// A text that was just sealed.
#[derive(Debug)]
pub struct SealedText {
    /// The detached part's content: `suite ‖ enc ‖ ct`.
    pub content: Vec<u8>,
    /// What the answer says of the plaintext.
    pub commitment: [u8; 32],
}

/// Seals the text of an answer to a warning's reply key, under a fresh salt.
pub fn seal_text(to: &SealPublicKey, place: TextPlace<'_>, text: &[u8]) -> Result<SealedText, SealError> {
    let salt = random_bytes()?;
    let padded = pad(&salt, text, &SEALED_TEXT_CLASSES, 0)?;
    Ok(SealedText {
        content: hpke::seal(to, INFO, &place.aad(), &padded)?,
        commitment: plaintext_commitment(&salt, text),
    })
}

/// The text in clear: of this answer, and the one that it commits to.
pub fn open_text(
    secret: &SealSecretKey,
    place: TextPlace<'_>,
    commitment: &[u8; 32],
    content: &[u8],
) -> Result<OpenedPart, OpenError> {
    sealed_text_shape(content)?;
    let padded = hpke::open(secret, INFO, &place.aad(), content)?;
    unpad(&padded, &SEALED_TEXT_CLASSES, commitment)
}

/// The suite of a sealed text whose length can be one: whoever cannot open it can see that much.
pub fn sealed_text_shape(content: &[u8]) -> Result<SealSuite, OpenError> {
    let (suite, _) = split_suite(content)?;
    match is_sealed_text_length(suite, content.len()) {
        true => Ok(suite),
        false => Err(OpenError::Length(content.len())),
    }
}

/// Whether a text that is sealed by a suite can be this long.
pub fn is_sealed_text_length(suite: SealSuite, length: usize) -> bool {
    let plaintext = length.checked_sub(suite.overhead());
    SEALED_TEXT_CLASSES.iter().any(|class| Some(*class) == plaintext)
}

impl TextPlace<'_> {
    /// `origin ‖ 0x00 ‖ id16 ‖ digest32`; an origin holds no 0x00, and the others are of fixed length.
    fn aad(&self) -> Vec<u8> {
        let mut aad = self.origin.as_str().as_bytes().to_vec();
        aad.push(0);
        aad.extend_from_slice(self.acknowledgement.as_bytes());
        aad.extend_from_slice(self.warning.as_bytes());
        aad
    }
}
