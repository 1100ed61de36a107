//! A token with the checkpoint that it is over, as a profile keeps them for the bundles that take them up:
//! `timestamps/<size>-<first 16 hex digits of the root>-<first 16 of the token's SHA-256>.json`, one file for each token, none of which
//! ever takes another's place: an earlier time, or another authority's, is better evidence. Files of the first versions have no
//! digest in their name. What is read is not believed: whoever uses it checks it.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::domain::Hash;
use crate::limits;
use crate::objects::only_objects;

/// A signed note and a token over its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTimestamp {
    /// The signed note, with its signatures.
    pub checkpoint: String,
    /// The token, DER.
    pub token: Vec<u8>,
}

/// Not a stored timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint with a token over it")]
pub struct InvalidStored;

/// The members; serde refuses one that stands there twice.
#[derive(Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct Document {
    checkpoint: String,
    token: String,
}

only_objects!(read: Document);

impl StoredTimestamp {
    /// The name of the file for a token over a checkpoint: another token has another name.
    pub fn file_name(size: u64, root: &Hash, token: &[u8]) -> String {
        let root = root.to_string();
        let token = hex::encode(Sha256::digest(token));
        let short = |text: &str| text.get(..16).unwrap_or(text).to_owned();
        format!("{size}-{}-{}.json", short(&root), short(&token))
    }

    /// As the file holds it.
    pub fn to_json(&self) -> String {
        let document = serde_json::json!({
            "checkpoint": self.checkpoint,
            "token": BASE64_STANDARD.encode(&self.token),
        });
        format!("{document:#}\n")
    }

    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidStored> {
        if bytes.len() > limits::TIMESTAMP_FILE_BYTES_MAX {
            return Err(InvalidStored);
        }
        let document: Document = serde_json::from_slice(bytes).map_err(|_| InvalidStored)?;
        let token = BASE64_STANDARD
            .decode(&document.token)
            .map_err(|_| InvalidStored)?;
        if document.checkpoint.len() > limits::CHECKPOINT_BYTES_MAX
            || token.len() > limits::TSA_TOKEN_BYTES_MAX
        {
            return Err(InvalidStored);
        }
        Ok(Self {
            checkpoint: document.checkpoint,
            token,
        })
    }
}
