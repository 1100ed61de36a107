//! What stands inside a sealed part: `salt32 ‖ length, 4 bytes big-endian ‖ text ‖ zeros`, up to the smallest size class that
//! holds it. One plaintext has one padding, and the class is all that its length tells.

use std::fmt;

use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::limits::SEALED_HEAD_BYTES;
use crate::seal::{OpenError, SealError, plaintext_commitment};

/// What was sealed, with the salt of its commitment: together they show to anybody that this is the text which was signed. The text
/// is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedPart {
    /// `H("plaintext", salt ‖ text)` is the commitment of what was signed.
    pub salt: [u8; 32],
    /// The body or text in clear.
    pub text: Vec<u8>,
}

impl Drop for OpenedPart {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

impl ZeroizeOnDrop for OpenedPart {}

impl fmt::Debug for OpenedPart {
    /// Bodies never reach logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenedPart({} bytes)", self.text.len())
    }
}

/// The smallest class for a text of this length; the classes ascend.
fn class_of(length: usize, classes: &[usize]) -> Option<usize> {
    let needed = SEALED_HEAD_BYTES.checked_add(length)?;
    classes.iter().copied().find(|class| *class >= needed)
}

/// The padded plaintext, in a buffer with `room` more bytes so that it need not move when a tag is appended.
pub(super) fn pad(
    salt: &[u8; 32],
    text: &[u8],
    classes: &[usize],
    room: usize,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let too_long = || SealError::TooLong {
        actual: text.len(),
        max: classes
            .last()
            .map_or(0, |class| class.saturating_sub(SEALED_HEAD_BYTES)),
    };
    let class = class_of(text.len(), classes).ok_or_else(too_long)?;
    let length = u32::try_from(text.len()).map_err(|_| too_long())?;
    let mut padded = Zeroizing::new(Vec::with_capacity(class.saturating_add(room)));
    padded.extend_from_slice(salt);
    padded.extend_from_slice(&length.to_be_bytes());
    padded.extend_from_slice(text);
    padded.resize(class, 0);
    Ok(padded)
}

/// The text of a padded plaintext whose every byte is what [`pad`] would have written, and which is the one committed to.
pub(super) fn unpad(
    padded: &[u8],
    classes: &[usize],
    commitment: &[u8; 32],
) -> Result<OpenedPart, OpenError> {
    let too_short = OpenError::Length(padded.len());
    let (salt, rest) = padded.split_first_chunk::<32>().ok_or(too_short)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(too_short)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| OpenError::InnerLength)?;
    let (text, padding) = rest.split_at_checked(length).ok_or(OpenError::InnerLength)?;
    if class_of(length, classes) != Some(padded.len()) {
        return Err(OpenError::SizeClass);
    }
    if padding.iter().any(|byte| *byte != 0) {
        return Err(OpenError::Padding);
    }
    if plaintext_commitment(salt, text) != *commitment {
        return Err(OpenError::Commitment);
    }
    Ok(OpenedPart {
        salt: *salt,
        text: text.to_vec(),
    })
}
