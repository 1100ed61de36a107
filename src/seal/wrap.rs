//! Wraps: the key of one body, sealed to one agency's seal key, for one header.
//!
//! A wrap binds the digest of the header and the agency, so that it opens nowhere else; its own digest stands in the record of
//! that agency's routing, which the originator's client compares with what it made (0047). The originator's own wrap also holds the secret of the reply key.

use crate::domain::{AgencyId, Digest};
use crate::seal::hpke::{self, split_suite};
use crate::seal::{
    BodyKey, OpenError, SEAL_SECRET_BYTES, SealError, SealPublicKey, SealSecretKey, SealSuite,
};
use zeroize::Zeroizing;

/// The `info` of RFC 9180. Format.
const INFO: &[u8] = b"wardline wrap v1";
const KEY_BYTES: usize = 32;
const OWN_BYTES: usize = KEY_BYTES + SEAL_SECRET_BYTES;

/// Whom a wrap is for, as its length shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WrapKind {
    /// Holds the key of the body: an addressed agency's.
    Recipient,
    /// Holds the secret of the reply key too: the originator's own.
    Originator,
}

/// What a wrap opened to.
#[derive(Debug)]
pub struct OpenedWrap {
    /// The key of the body.
    pub key: BodyKey,
    /// What answers to the warning are sealed to: in the originator's own wrap.
    pub reply: Option<SealSecretKey>,
}

/// Seals the key of a body to an agency. `reply` is given in the originator's own wrap alone.
pub fn wrap_key(
    to: &SealPublicKey,
    warning: &Digest,
    agency: &AgencyId,
    key: &BodyKey,
    reply: Option<&SealSecretKey>,
) -> Result<Vec<u8>, SealError> {
    let mut plaintext = Zeroizing::new(Vec::with_capacity(OWN_BYTES));
    plaintext.extend_from_slice(key.as_bytes());
    if let Some(reply) = reply {
        plaintext.extend_from_slice(reply.to_bytes().as_slice());
    }
    hpke::seal(to, INFO, &wrap_aad(warning, agency), &plaintext)
}

/// Opens a wrap of this header for this agency.
pub fn open_wrap(
    secret: &SealSecretKey,
    warning: &Digest,
    agency: &AgencyId,
    wrap: &[u8],
) -> Result<OpenedWrap, OpenError> {
    wrap_shape(wrap)?;
    let plaintext = hpke::open(secret, INFO, &wrap_aad(warning, agency), wrap)?;
    let (key, rest) = plaintext
        .split_first_chunk::<KEY_BYTES>()
        .ok_or(OpenError::Length(wrap.len()))?;
    let reply = match rest {
        [] => None,
        rest => Some(SealSecretKey::from_bytes(rest).ok_or(OpenError::Suite)?),
    };
    Ok(OpenedWrap {
        key: BodyKey::new(Zeroizing::new(*key)),
        reply,
    })
}

/// What whoever cannot open a wrap can see of it: the suite, and by its length whose it is. Anything else is no wrap.
pub fn wrap_shape(wrap: &[u8]) -> Result<(SealSuite, WrapKind), OpenError> {
    let (suite, _) = split_suite(wrap)?;
    match wrap.len().checked_sub(suite.overhead()) {
        Some(KEY_BYTES) => Ok((suite, WrapKind::Recipient)),
        Some(OWN_BYTES) => Ok((suite, WrapKind::Originator)),
        Some(_) | None => Err(OpenError::Length(wrap.len())),
    }
}

/// `digest32 ‖ agency`: the digest's length is fixed, so that no two pairs give the same bytes.
fn wrap_aad(warning: &Digest, agency: &AgencyId) -> Vec<u8> {
    let mut aad = warning.as_bytes().to_vec();
    aad.extend_from_slice(agency.as_str().as_bytes());
    aad
}
