//! Cosignatures (C2SP tlog-cosignature, `cosignature/v1`): a witness's statement that, at a time, the largest tree it
//! had seen of a log had this size and root, and that the log had only grown until then.
//!
//! Only Ed25519 cosignatures are known here; those of other types are other keys' and passed over. A [`Cosignature`]
//! exists only if it was verified.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::domain::KeyId;
use crate::limits::WITNESS_NAME_BYTES_MAX;
use crate::seal::{PublicKey, SecretKey};
use crate::time::Timestamp;
use crate::transparency::Checkpoint;

/// Signature type 0x04 of C2SP signed-note: a timestamped Ed25519 cosignature.
const COSIGNATURE_V1: u8 = 4;

/// The name of a witness, as a signed note's key name: UTF-8 without spaces, `+` and control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WitnessName(String);

/// Why a text is no name of a witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a witness's name has 1 to {WITNESS_NAME_BYTES_MAX} bytes and holds no space, '+' or control character"
)]
pub struct InvalidWitnessName;

impl WitnessName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WitnessName {
    type Err = InvalidWitnessName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Control characters beyond the note's own rule (below U+0020), because names are shown on terminals.
        let refused = |c: char| c.is_whitespace() || c == '+' || c.is_control();
        if text.is_empty() || text.len() > WITNESS_NAME_BYTES_MAX || text.contains(refused) {
            return Err(InvalidWitnessName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for WitnessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for WitnessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessName({})", self.0)
    }
}

/// A witness's verified statement on the checkpoint that it came with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cosignature {
    /// The witness, by its key; quorums count these.
    pub witness: KeyId,
    /// The name that it signs under.
    pub name: WitnessName,
    /// When it says that it signed; whole seconds.
    pub time: Timestamp,
}

/// A witness's secret key, under its name.
#[derive(Debug)]
pub struct WitnessKey {
    secret: SecretKey,
    verifier: WitnessVerifier,
}

impl WitnessKey {
    /// The key of the witness `name`. One key must never sign under two names: a cosignature does not say its name.
    pub fn new(name: WitnessName, secret: SecretKey) -> Self {
        let verifier = WitnessVerifier::new(name, secret.public_key());
        Self { secret, verifier }
    }

    /// What others verify this witness's cosignatures by.
    pub fn verifier(&self) -> &WitnessVerifier {
        &self.verifier
    }

    /// One signature line, `— name base64\n`. The caller vouches that it verified the log's signature and growth, and
    /// has made that durable. Times are cut to seconds; one before 1970 is written as 1970.
    pub fn cosign(&self, checkpoint: &Checkpoint, time: Timestamp) -> String {
        let seconds = u64::try_from(time.unix_ms() / 1000).unwrap_or(0);
        let signature = self
            .secret
            .sign(signed_message(&checkpoint.to_text(), seconds).as_bytes());
        let mut bytes = Vec::with_capacity(4 + 8 + 64);
        bytes.extend_from_slice(&self.verifier.key_hash.to_be_bytes());
        bytes.extend_from_slice(&seconds.to_be_bytes());
        bytes.extend_from_slice(&signature);
        format!(
            "\u{2014} {} {}\n",
            self.verifier.name,
            BASE64_STANDARD.encode(bytes)
        )
    }
}

/// What a witness signs: two lines, then the note's text.
fn signed_message(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

/// The public half of a witness's key, under its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WitnessVerifier {
    name: WitnessName,
    key: PublicKey,
    key_hash: u32,
}

/// Why a text is no verifier key of a witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWitnessVkey {
    /// Not `name+hash+base64`.
    #[error("a witness's verifier key is NAME+8 hex digits+base64")]
    Malformed,
    /// A key for another type of signature: a log's, or an ML-DSA witness's.
    #[error("the verifier key is not for Ed25519 cosignatures (type 4)")]
    Type,
    /// Not an Ed25519 key, or a weak one.
    #[error("the verifier key is no sound Ed25519 key")]
    Key,
    /// The hash is not that of the name and key.
    #[error("the verifier key's hash does not fit its name and key")]
    Hash,
}

impl WitnessVerifier {
    /// The verifier of the witness `name` with this key.
    pub fn new(name: WitnessName, key: PublicKey) -> Self {
        let key_hash = signed_note::key_id(name.as_str(), &typed(&key));
        Self { name, key, key_hash }
    }

    /// Reads a C2SP verifier key, `name+hash+base64`, in its one canonical form.
    pub fn parse(vkey: &str) -> Result<Self, InvalidWitnessVkey> {
        // Neither name nor hash holds a '+'; the base64 may.
        let mut parts = vkey.splitn(3, '+');
        let mut part = || parts.next().ok_or(InvalidWitnessVkey::Malformed);
        let (name, hash, key) = (part()?, part()?, part()?);
        let name: WitnessName = name.parse().map_err(|_| InvalidWitnessVkey::Malformed)?;
        let typed_key = BASE64_STANDARD
            .decode(key)
            .map_err(|_| InvalidWitnessVkey::Malformed)?;
        let raw = typed_key
            .strip_prefix(&[COSIGNATURE_V1])
            .ok_or(InvalidWitnessVkey::Type)?;
        let verifier = Self::new(name, PublicKey::parse(raw).map_err(|_| InvalidWitnessVkey::Key)?);
        if hash != format!("{:08x}", verifier.key_hash) {
            return Err(InvalidWitnessVkey::Hash);
        }
        Ok(verifier)
    }

    /// The verifier key as text, `name+hash+base64`.
    pub fn vkey(&self) -> String {
        format!(
            "{}+{:08x}+{}",
            self.name,
            self.key_hash,
            BASE64_STANDARD.encode(typed(&self.key))
        )
    }

    /// The name that the witness signs under.
    pub fn name(&self) -> &WitnessName {
        &self.name
    }

    /// The witness's public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Whether a signature line is in this key's name, by name and key hash; says nothing of the signature.
    pub(super) fn is_named_by(&self, line: &signed_note::Signature) -> bool {
        line.id() == self.key_hash && line.name() == self.name.as_str()
    }

    /// Checks the bytes of a signature (8 of time, 64 of Ed25519) over the text of a note.
    pub(super) fn verify(&self, text: &str, signature: &[u8]) -> Option<Cosignature> {
        let (seconds, signature) = signature.split_first_chunk::<8>()?;
        let seconds = u64::from_be_bytes(*seconds);
        let time = i64::try_from(seconds).ok()?.checked_mul(1000)?;
        let signature: &[u8; 64] = signature.try_into().ok()?;
        self.key
            .verify(signed_message(text, seconds).as_bytes(), signature)
            .ok()?;
        Some(Cosignature {
            witness: self.key.keyid(),
            name: self.name.clone(),
            time: Timestamp::from_unix_ms(time),
        })
    }
}

/// The key with the byte of its signature type before it.
fn typed(key: &PublicKey) -> [u8; 33] {
    let mut typed_key = [COSIGNATURE_V1; 33];
    let (_, raw) = typed_key.split_at_mut(1);
    raw.copy_from_slice(key.as_bytes());
    typed_key
}

impl FromStr for WitnessVerifier {
    type Err = InvalidWitnessVkey;
    fn from_str(vkey: &str) -> Result<Self, Self::Err> {
        Self::parse(vkey)
    }
}

impl fmt::Display for WitnessVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.vkey())
    }
}
