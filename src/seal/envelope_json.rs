//! An envelope in a file or a terminal: DSSE's own JSON. Key requests and certificates travel between people and
//! machines in this form.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::domain::{EnvelopeSignature, SignedEnvelope};
use crate::limits;
use crate::objects::only_objects;

/// Why a text is no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a DSSE envelope in JSON: {0}")]
pub struct NotAnEnvelope(String);

/// An envelope as a JSON object: by itself in a file, or a member of a larger document.
#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct EnvelopeJson {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<JsonSignature>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonSignature {
    keyid: String,
    sig: String,
}

only_objects!(EnvelopeJson, JsonSignature);

impl EnvelopeJson {
    /// An envelope, to be written.
    pub fn of(envelope: &SignedEnvelope) -> Self {
        Self {
            payload: BASE64_STANDARD.encode(&envelope.payload),
            payload_type: envelope.payload_type.to_string(),
            signatures: envelope
                .signatures
                .iter()
                .map(|signature| JsonSignature {
                    keyid: signature.keyid.to_string(),
                    sig: BASE64_STANDARD.encode(signature.sig),
                })
                .collect(),
        }
    }

    /// The envelope. Nothing in it is checked but its form and its bounds.
    pub fn read(&self) -> Result<SignedEnvelope, NotAnEnvelope> {
        let bad = |what: &str| NotAnEnvelope(what.to_owned());
        if self.signatures.len() > limits::SIGNATURES_MAX {
            return Err(bad("too many signatures"));
        }
        let payload = BASE64_STANDARD
            .decode(&self.payload)
            .map_err(|_| bad("the payload is no base64"))?;
        if payload.len() > limits::PAYLOAD_BYTES_MAX {
            return Err(bad("the payload is too large"));
        }
        let signature = |signature: &JsonSignature| {
            let sig = BASE64_STANDARD
                .decode(&signature.sig)
                .ok()
                .and_then(|sig| sig.try_into().ok())
                .ok_or_else(|| bad("a signature is not 64 bytes in base64"))?;
            let keyid = signature.keyid.parse();
            Ok(EnvelopeSignature {
                keyid: keyid.map_err(|_| bad("a keyid is not 64 hex digits"))?,
                sig,
            })
        };
        Ok(SignedEnvelope {
            payload: Bytes::from(payload),
            payload_type: self.payload_type.as_str().into(),
            signatures: self.signatures.iter().map(signature).collect::<Result<_, _>>()?,
        })
    }
}

/// Writes an envelope, one line and a line feed.
pub fn envelope_to_json(envelope: &SignedEnvelope) -> String {
    // Three texts and a list of pairs of texts always serialize.
    let mut text = serde_json::to_string(&EnvelopeJson::of(envelope)).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads an envelope. Nothing in it is checked but its form and its bounds.
pub fn envelope_from_json(text: &str) -> Result<SignedEnvelope, NotAnEnvelope> {
    let json: EnvelopeJson = serde_json::from_str(text).map_err(|error| NotAnEnvelope(error.to_string()))?;
    json.read()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::KeyId;

    /// What is written reads back, and looks as DSSE says.
    #[test]
    fn an_envelope_is_written_as_dsse_has_it() {
        let envelope = SignedEnvelope {
            payload: Bytes::from_static(b"hello"),
            payload_type: "text/plain".into(),
            signatures: smallvec::smallvec![EnvelopeSignature {
                keyid: KeyId([0xab; 32]),
                sig: [0; 64],
            }],
        };
        let text = envelope_to_json(&envelope);
        let expected = format!(
            "{{\"payload\":\"aGVsbG8=\",\"payloadType\":\"text/plain\",\"signatures\":[{{\"keyid\":\"{}\",\"sig\":\"{}==\"}}]}}\n",
            "ab".repeat(32),
            "A".repeat(86)
        );
        assert_eq!(text, expected);
        assert_eq!(envelope_from_json(&text).unwrap(), envelope);
    }

    /// What has another form is refused; a table.
    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "{}",
            r#"{"payload":"?","payloadType":"t","signatures":[]}"#,
            r#"{"payload":"","payloadType":"t","signatures":[],"more":1}"#,
            r#"{"payload":"","payloadType":"t","signatures":[{"keyid":"ab","sig":""}]}"#,
        ] {
            assert!(envelope_from_json(text).is_err(), "{text}");
        }
    }
}
