//! Keys that open sealed parts in private files: a PEM block of `suite ‖ secret`, under a passphrase or not, with all that
//! holds of the other keys' files (`file.rs`).

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use zeroize::Zeroizing;

use super::file::{private_file_bytes, read_private_file, write_private_file};
use super::{KeyFileError, Passphrase, SEAL_SECRET_BYTES, SealSecretKey};

const BEGIN: &str = "-----BEGIN WARDLINE SEAL KEY-----";
const END: &str = "-----END WARDLINE SEAL KEY-----";

impl SealSecretKey {
    /// Writes the key to a new private file, under a passphrase if there is one: then the secret itself never reaches the disk.
    pub fn write_protected(&self, path: &Path, passphrase: Option<&Passphrase>) -> Result<(), KeyFileError> {
        let text = Zeroizing::new(BASE64_STANDARD.encode(self.to_bytes().as_slice()));
        let pem = Zeroizing::new(format!("{BEGIN}\n{}\n{END}\n", text.as_str()));
        write_private_file(path, &private_file_bytes(pem.as_bytes(), passphrase)?)
    }

    /// Reads a key from a file that only its owner may read.
    pub fn read_from(path: &Path) -> Result<Self, KeyFileError> {
        let bytes = read_private_file(path)?;
        let text = std::str::from_utf8(&bytes).ok();
        text.and_then(Self::from_pem)
            .ok_or_else(|| KeyFileError::NoSealKey(path.to_owned()))
    }

    fn from_pem(text: &str) -> Option<Self> {
        let inner = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?.trim();
        let mut secret = Zeroizing::new([0u8; SEAL_SECRET_BYTES]);
        // Exactly as long as it is to be: nothing grows, so that no copy is left behind.
        let written = BASE64_STANDARD.decode_slice(inner, secret.as_mut_slice()).ok()?;
        (written == SEAL_SECRET_BYTES).then(|| Self::from_bytes(secret.as_slice()))?
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::seal::SealSuite;

    /// Golden bytes of the file; it reads back as the same key, and what is not such a file is refused without repeating it.
    #[test]
    fn a_seal_key_is_written_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("seal.pem");
        let key = SealSecretKey::from_secret(SealSuite::X25519, Zeroizing::new([7; 32]));
        key.write_protected(&path, None).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = "-----BEGIN WARDLINE SEAL KEY-----\nAQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n-----END WARDLINE SEAL KEY-----\n";
        assert_eq!(text, expected);
        let read = SealSecretKey::read_from(&path).unwrap();
        assert_eq!(read.public_key(), key.public_key());
        for (name, wrong) in [
            ("short", text.replace("AQcHBwcH", "AQcH")),
            ("suite", text.replace("AQcH", "CQcH")),
            ("label", text.replace("SEAL", "PRIVATE")),
            ("base64", text.replace("AQcH", "A=cH")),
        ] {
            let path = directory.path().join(name);
            write_private_file(&path, wrong.as_bytes()).unwrap();
            let refused = SealSecretKey::read_from(&path).unwrap_err();
            assert!(matches!(refused, KeyFileError::NoSealKey(_)), "{name}: {refused}");
            assert!(!refused.to_string().contains("BwcH"), "{name}");
        }
    }
}
