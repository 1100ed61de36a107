//! What is asked of an authority (TimeStampReq) and what it may answer (TimeStampResp). The request names the text by its
//! SHA-256 and asks for the certificate; its nonce ties the answer to it.

use der::asn1::{IntRef, OctetStringRef, Utf8StringRef};
use der::{AnyRef, Decode as _, Encode as _};

use super::asn1::{self, Algorithm, Answer, Imprint, Query};
use super::certificate::fit_to_show;
use super::{InvalidToken, SignedToken};
use crate::limits;
use crate::seal::{RandomError, random_bytes};

/// A request for a timestamp over one text.
#[derive(Debug, Clone)]
pub struct TimestampRequest {
    note_text: String,
    nonce: [u8; 8],
}

/// Why an answer is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnswer {
    /// More bytes than an answer has.
    #[error("the answer is too long")]
    TooLong,
    /// Not the DER of an answer.
    #[error("the answer is not one of a timestamp authority")]
    Malformed,
    /// The authority refused, with its words if it has any.
    #[error("the authority refused: {0}")]
    Refused(String),
    /// It says that it granted, and sends nothing.
    #[error("the authority granted the timestamp, but sent none")]
    NoToken,
    /// The token does not hold.
    #[error(transparent)]
    Token(#[from] InvalidToken),
}

impl TimestampRequest {
    /// A request over the text of a checkpoint, with a fresh nonce.
    pub fn new(note_text: &str) -> Result<Self, RandomError> {
        Ok(Self::with_nonce(note_text, random_bytes()?))
    }

    pub(super) fn with_nonce(note_text: &str, mut nonce: [u8; 8]) -> Self {
        // A positive integer of full length, whatever the bytes: an authority may write it anew.
        nonce[0] = nonce[0] & 0x7f | 0x40;
        Self {
            note_text: note_text.to_owned(),
            nonce,
        }
    }

    /// The bytes to send, as `application/timestamp-query`.
    #[expect(
        clippy::expect_used,
        reason = "a structure of ours with two short fields is within what DER can write"
    )]
    pub fn to_der(&self) -> Vec<u8> {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.note_text.as_bytes());
        let write = || -> der::Result<Vec<u8>> {
            let imprint = Imprint {
                algorithm: Algorithm {
                    oid: asn1::SHA_256,
                    // Some authorities refuse the request without it.
                    parameters: Some(AnyRef::NULL),
                },
                hash: OctetStringRef::new(hash.as_ref())?,
            };
            Query {
                version: 1,
                imprint,
                nonce: IntRef::new(&self.nonce)?,
                certificate_wanted: true,
            }
            .to_der()
        };
        write().expect("a request is DER")
    }

    /// The token of an answer, if it is one to this request.
    pub fn read_answer(&self, answer: &[u8]) -> Result<SignedToken, InvalidAnswer> {
        if answer.len() > limits::TSA_ANSWER_BYTES_MAX {
            return Err(InvalidAnswer::TooLong);
        }
        let answer = Answer::from_der(answer).map_err(|_| InvalidAnswer::Malformed)?;
        // 0: granted; 1: granted with changes, which the checks below judge.
        if answer.status.status > 1 {
            return Err(InvalidAnswer::Refused(words(&answer)));
        }
        let token = answer.token.as_ref().ok_or(InvalidAnswer::NoToken)?;
        let token = asn1::bytes_of(token).ok_or(InvalidAnswer::Malformed)?;
        let token = SignedToken::read(&token, &self.note_text)?;
        if token.nonce() != Some(&self.nonce) {
            return Err(InvalidToken::OtherNonce.into());
        }
        Ok(token)
    }
}

/// What a refusal says: the status by name, the reasons by name, the authority's own words.
fn words(answer: &Answer<'_>) -> String {
    let mut said = vec![
        match answer.status.status {
            2 => "rejection",
            3 => "waiting",
            4 => "revocation warning",
            5 => "revocation notification",
            _ => "an unknown status",
        }
        .to_owned(),
    ];
    const REASONS: [(usize, &str); 8] = [
        (0, "an algorithm that it does not take"),
        (2, "a request that it does not permit or support"),
        (5, "the data has the wrong form"),
        (14, "its clock is not available"),
        (15, "a policy that it does not support"),
        (16, "an extension that it does not support"),
        (17, "information that it does not have"),
        (25, "a failure of its system"),
    ];
    if let Some(failure) = &answer.status.failure {
        let named = REASONS.iter().filter(|(bit, _)| failure.get(*bit) == Some(true));
        said.extend(named.map(|(_, reason)| (*reason).to_owned()));
    }
    if let Some(text) = answer.status.text {
        let texts = text.all(limits::TSA_ATTRIBUTES_MAX, "text").unwrap_or_default();
        let texts = texts
            .into_iter()
            .filter_map(|text| Utf8StringRef::from_der(text).ok());
        said.extend(texts.map(|text| format!("{:?}", fit_to_show(text.as_str()))));
    }
    said.join(", ")
}
