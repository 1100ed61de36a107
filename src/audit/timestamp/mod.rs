//! Timestamps (RFC 3161) over checkpoints: an authority outside of the log signs that the text of a checkpoint existed at
//! a time, so that a log's size can be dated by someone who trusts neither the relay nor its witnesses.
//!
//! Nothing here talks to anybody: a request is bytes, an answer is bytes, and a token is checked offline against the
//! verifier's own roots. What an authority or a bundle brings never panics, and proves nothing before its signature is
//! checked. A token is over the *text* of a checkpoint (the lines that the log's key signs), so cosignatures that are added
//! later leave it as it is. Whether an authority took a certificate back is not asked: that needs its own lists.

mod asn1;
mod certificate;
mod gen_time;
mod request;
mod roots;
mod stored;
mod token;

pub use request::{InvalidAnswer, TimestampRequest};
pub use roots::{InvalidRoots, TsaRoots};
pub use stored::{InvalidStored, StoredTimestamp};
pub use token::SignedToken;

use crate::time::Timestamp;

/// What an authority says by a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamped {
    /// The authority's clock when it signed.
    pub time: Timestamp,
    /// By how much that may be wrong, either way, if the authority says so. Its policy may say so too.
    pub accuracy_ms: Option<u64>,
    /// Who signed: the subject of the certificate, fit to be shown.
    pub authority: String,
    /// The token's number, in hexadecimal.
    pub serial: String,
    /// The authority's policy, an object identifier.
    pub policy: String,
    /// The subject of that root of the verifier's own to which the certificate leads; `None` if none was asked.
    pub root: Option<String>,
}

impl Timestamped {
    /// The latest instant that it may have been: the text existed by then.
    pub fn latest(&self) -> Timestamp {
        let accuracy = i64::try_from(self.accuracy_ms.unwrap_or(0)).unwrap_or(i64::MAX);
        self.time.saturating_add_ms(accuracy)
    }
}

/// Why a token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// More bytes than a token has.
    #[error("the token is too long")]
    TooLong,
    /// Not the DER that it must be: which part.
    #[error("the token is malformed ({0})")]
    Malformed(&'static str),
    /// Signed data of another kind.
    #[error("it is signed data, but no timestamp")]
    NotATimestamp,
    /// None, or several.
    #[error("the token must have exactly one signer")]
    Signers,
    /// Nothing in the token says by whom it is signed.
    #[error("the signer's certificate is not in the token")]
    CertificateMissing,
    /// A signature or digest of a kind that is too weak, too new or too rare.
    #[error("the token is signed with an algorithm that is not taken")]
    Algorithm,
    /// Not signed by the key of the certificate that it names; keys of RSA with less than 2048 bits never are.
    #[error("the signature does not verify by the signer's certificate")]
    Signature,
    /// An attribute that must be signed once is missing or there twice.
    #[error("the signed attribute {0} is missing, repeated or malformed")]
    Attribute(&'static str),
    /// What is signed is of another kind than what is there.
    #[error("the signed content type is another")]
    ContentType,
    /// What is signed is not what is there.
    #[error("the signed message digest is not that of the content")]
    MessageDigest,
    /// The signer signed that it is someone else.
    #[error("the signing-certificate attribute names another certificate")]
    SigningCertificate,
    /// A certificate for something else, or for more than timestamps.
    #[error("the signer's certificate is not one for timestamps only")]
    NotForTimestamps,
    /// Whoever does not know the extension would take it for any use.
    #[error("the extended key usage of the signer's certificate is not critical")]
    UsageNotCritical,
    /// It may encrypt, or certify, but not sign.
    #[error("the signer's certificate is not one for signatures")]
    NotForSignatures,
    /// The timestamp is of something else.
    #[error("the timestamp is not of this checkpoint")]
    OtherImprint,
    /// The answer to another request.
    #[error("the timestamp does not answer this request: its nonce is another")]
    OtherNonce,
    /// It says something that must be understood, and is not.
    #[error("the timestamp has a critical extension")]
    CriticalExtension,
    /// A certificate on the way was not valid then.
    #[error("a certificate of the authority was not valid at the token's time, {0}")]
    NotValidThen(Timestamp),
    /// The certificate leads to none of the verifier's own roots.
    #[error("the authority's certificate leads to none of the given roots")]
    UnknownAuthority,
    /// A certificate on the way breaks a rule.
    #[error("the authority's certificates do not hold: {0}")]
    Chain(&'static str),
}

#[cfg(test)]
pub(in crate::audit) mod tests;
