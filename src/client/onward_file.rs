//! A sealed warning as one agency hands it to another: the file's JSON, strict both ways. Nothing in it has been checked;
//! [`super::onward`] does that.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::domain::{DetachedPart, Origin, SignedEnvelope};
use crate::limits;
use crate::objects::only_objects;
use crate::seal::EnvelopeJson;
use crate::transparency::TlogProof;

/// What the file says that it is. Format.
pub const ONWARD_FORMAT: &str = "wardline-onward-v1";

/// What one agency hands to another. Nothing in it has been checked but its form and its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnwardFile {
    /// The log.
    pub origin: Origin,
    /// The warning as its originator signed it.
    pub envelope: SignedEnvelope,
    /// Its body as it was sealed.
    pub body: DetachedPart,
    /// The record of its routing to the agency that passes it on.
    pub record: Bytes,
    /// The proof of that record, with its checkpoint.
    pub proof: TlogProof,
    /// The body's key, wrapped for the agency that it goes to.
    pub wrap: Bytes,
    /// What an officer of the agency that passes it on signed: `OnwardTransfer`.
    pub statement: SignedEnvelope,
}

/// Why bytes are no such file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a file of {ONWARD_FORMAT}: {0}")]
pub struct NotOnward(String);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct Json {
    format: String,
    origin: String,
    warning: JsonWarning,
    routed: JsonEntry,
    wrap: String,
    statement: EnvelopeJson,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonWarning {
    envelope: EnvelopeJson,
    body: JsonPart,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonPart {
    salt: String,
    content: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonEntry {
    proof: String,
    record: String,
}

only_objects!(Json, JsonWarning, JsonPart, JsonEntry);

impl OnwardFile {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotOnward> {
        let bad = |what: &str| NotOnward(what.to_owned());
        if bytes.len() > limits::ONWARD_BYTES_MAX {
            return Err(bad("it is too long"));
        }
        let json: Json = serde_json::from_slice(bytes).map_err(|error| NotOnward(error.to_string()))?;
        if json.format != ONWARD_FORMAT {
            return Err(bad("its format is another"));
        }
        let proof = TlogProof::parse(&json.routed.proof);
        let proof = proof.map_err(|error| NotOnward(format!("routed.proof: {error}")))?;
        if proof.extra.is_some() {
            return Err(bad("routed.proof: extra data belong to nothing"));
        }
        let salt = decoded("warning.body.salt", &json.warning.body.salt, 32)?;
        let salt = <[u8; 32]>::try_from(salt.as_slice());
        let of = |part: &'static str| move |error| NotOnward(format!("{part}: {error}"));
        Ok(Self {
            origin: json.origin.parse().map_err(|_| bad("origin: it is none"))?,
            envelope: json.warning.envelope.read().map_err(of("warning.envelope"))?,
            body: DetachedPart {
                salt: salt.map_err(|_| bad("warning.body.salt: it is not 32 bytes"))?,
                content: decoded(
                    "warning.body.content",
                    &json.warning.body.content,
                    limits::BODY_BYTES_MAX,
                )?
                .into(),
            },
            record: decoded("routed.record", &json.routed.record, limits::RECORD_BYTES_MAX)?.into(),
            proof,
            wrap: decoded("wrap", &json.wrap, limits::WRAP_BYTES_MAX)?.into(),
            statement: json.statement.read().map_err(of("statement"))?,
        })
    }

    /// As it is handed over: one line and a line feed.
    pub fn to_json(&self) -> String {
        let json = Json {
            format: ONWARD_FORMAT.to_owned(),
            origin: self.origin.to_string(),
            warning: JsonWarning {
                envelope: EnvelopeJson::of(&self.envelope),
                body: JsonPart {
                    salt: BASE64_STANDARD.encode(self.body.salt),
                    content: BASE64_STANDARD.encode(&self.body.content),
                },
            },
            routed: JsonEntry {
                proof: self.proof.to_string(),
                record: BASE64_STANDARD.encode(&self.record),
            },
            wrap: BASE64_STANDARD.encode(&self.wrap),
            statement: EnvelopeJson::of(&self.statement),
        };
        // Texts and objects of texts always serialize.
        let mut text = serde_json::to_string(&json).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn decoded(part: &str, text: &str, max: usize) -> Result<Vec<u8>, NotOnward> {
    let bytes = BASE64_STANDARD
        .decode(text)
        .map_err(|_| NotOnward(format!("{part}: it is no base64")))?;
    if bytes.len() > max {
        return Err(NotOnward(format!("{part}: it is too long")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::{EnvelopeSignature, Hash, KeyId};
    use crate::seal::PayloadKind;
    use crate::wire::tests::{fixed, golden::is_golden};

    fn file() -> OnwardFile {
        let signed = |kind: PayloadKind, payload| SignedEnvelope {
            payload,
            payload_type: kind.payload_type().into(),
            signatures: smallvec::smallvec![EnvelopeSignature {
                keyid: KeyId([0xab; 32]),
                sig: [7; 64],
            }],
        };
        OnwardFile {
            origin: "relay.example.invalid/2024".parse().unwrap(),
            envelope: signed(
                PayloadKind::Warning,
                crate::wire::encode_warning(&fixed::warning()),
            ),
            body: DetachedPart {
                salt: [1; 32],
                content: Bytes::from_static(&[2; 64]),
            },
            record: Bytes::from_static(b"a record"),
            proof: TlogProof {
                index: 42,
                hashes: vec![Hash([3; 32]), Hash([4; 32])],
                checkpoint_note: "relay.example.invalid/2024\n57\nAwM=\n\n- a signature\n".to_owned(),
                extra: None,
            },
            wrap: Bytes::from_static(&[5; 81]),
            statement: signed(
                PayloadKind::OnwardTransfer,
                crate::wire::encode_onward_transfer(&fixed::onward_transfer()),
            ),
        }
    }

    /// Golden bytes: what was handed over is read for ever, and written back as it was.
    #[test]
    fn a_file_is_what_it_was() {
        let text = file().to_json();
        is_golden("onward.json", &text);
        assert_eq!(OnwardFile::parse(text.as_bytes()).unwrap(), file());
    }

    /// What has another form is refused; a table of one change each.
    #[test]
    fn other_forms_are_refused() {
        let good: Value = serde_json::from_str(&file().to_json()).unwrap();
        type Change = fn(&mut Value);
        let rows: [(&str, Change); 12] = [
            ("another format", |it| it["format"] = json!("wardline-onward-v2")),
            ("an unknown member", |it| it["more"] = json!(1)),
            ("a member less", |it| {
                drop(it.as_object_mut().unwrap().remove("wrap"))
            }),
            ("a list", |it| it["routed"] = json!(["", ""])),
            ("no body", |it| it["warning"]["body"] = Value::Null),
            ("a salt of 31 bytes", |it| {
                it["warning"]["body"]["salt"] = json!(BASE64_STANDARD.encode([1; 31]));
            }),
            ("a body that is too long", |it| {
                let long = vec![0; limits::BODY_BYTES_MAX + 1];
                it["warning"]["body"]["content"] = json!(BASE64_STANDARD.encode(long));
            }),
            ("a wrap that is too long", |it| {
                it["wrap"] = json!(BASE64_STANDARD.encode([0; limits::WRAP_BYTES_MAX + 1]));
            }),
            ("no base64", |it| it["wrap"] = json!("?")),
            ("no proof", |it| it["routed"]["proof"] = json!("a proof")),
            ("extra data", |it| {
                let proof = it["routed"]["proof"].as_str().unwrap();
                let more = proof.replacen("\nindex", "\nextra AAAA\nindex", 1);
                it["routed"]["proof"] = json!(more);
            }),
            ("no origin", |it| it["origin"] = json!("")),
        ];
        for (what, change) in rows {
            let mut changed = good.clone();
            change(&mut changed);
            let refused = OnwardFile::parse(changed.to_string().as_bytes());
            assert!(refused.is_err(), "{what}");
        }
        let long = format!("{}{}", good, " ".repeat(limits::ONWARD_BYTES_MAX));
        assert!(OnwardFile::parse(long.as_bytes()).is_err());
        assert!(OnwardFile::parse(b"").is_err());
    }
}
