//! Who signs: a key in a file, or a program that keeps the key elsewhere (a token, an HSM, another machine).
//!
//! Whatever the signer is, the envelope it gives back verifies: a signature is checked before it is used.

use async_trait::async_trait;
use bytes::Bytes;
use std::path::Path;

use crate::domain::{EnvelopeSignature, SignedEnvelope};
use crate::limits;
use crate::seal::{KeyFileError, PayloadKind, PublicKey, SecretKey, unsigned};

/// Signs with one key. The key may live in a token: an implementation may take long, and may fail.
#[async_trait]
pub trait Signer: Send + Sync {
    /// The key that signs.
    fn public_key(&self) -> PublicKey;
    /// Ed25519 over the PAE of an envelope; verifies under [`Signer::public_key`] when it is returned.
    async fn sign(&self, pae: &[u8]) -> Result<[u8; 64], SignerError>;
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The command is empty, or not of the form `exec:CMD`.
    #[error("a signer is written exec:COMMAND")]
    Command,
    /// The program could not be started or spoken to.
    #[error("the signing program could not be run: {0}")]
    Run(#[source] std::io::Error),
    /// The program took too long and was killed.
    #[error("the signing program did not answer within {0} ms")]
    TimedOut(u64),
    /// The program said that it failed.
    #[error("the signing program failed ({0})")]
    Failed(std::process::ExitStatus),
    /// What the program printed is no signature.
    #[error("the signing program printed no signature (64 bytes; or 128 hex digits; or base64)")]
    Output,
    /// The signature is not one by the expected key over what was to be signed.
    #[error("the signature does not verify under the key {0}")]
    BadSignature(crate::domain::KeyId),
    /// The payload is longer than any verifier takes.
    #[error("the payload has {0} bytes, more than {max}", max = limits::PAYLOAD_BYTES_MAX)]
    PayloadTooLong(usize),
    /// The envelope has as many signatures as it may have, or this key's already.
    #[error("the envelope takes no signature of the key {0}")]
    TooMany(crate::domain::KeyId),
}

/// Signs with a key that was read from a file.
#[derive(Debug)]
pub struct FileSigner(SecretKey);

impl FileSigner {
    /// Signs with this key.
    pub fn new(key: SecretKey) -> Self {
        Self(key)
    }

    /// Signs with the key in this file.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        Ok(Self(SecretKey::read_from(path)?))
    }
}

#[async_trait]
impl Signer for FileSigner {
    fn public_key(&self) -> PublicKey {
        self.0.public_key()
    }

    async fn sign(&self, pae: &[u8]) -> Result<[u8; 64], SignerError> {
        Ok(self.0.sign(pae))
    }
}

/// Signs a payload into an envelope of one signature.
pub async fn sign_envelope(
    signer: &dyn Signer,
    kind: PayloadKind,
    payload: impl Into<Bytes> + Send,
) -> Result<SignedEnvelope, SignerError> {
    let mut envelope = unsigned(kind, payload);
    add_signature(&mut envelope, signer).await?;
    Ok(envelope)
}

/// Adds one more signature over the same bytes (a root's over a key request).
pub async fn add_signature(envelope: &mut SignedEnvelope, signer: &dyn Signer) -> Result<(), SignerError> {
    let key = signer.public_key();
    let keyid = key.keyid();
    if envelope.payload.len() > limits::PAYLOAD_BYTES_MAX {
        return Err(SignerError::PayloadTooLong(envelope.payload.len()));
    }
    if envelope.signatures.len() >= limits::SIGNATURES_MAX
        || envelope
            .signatures
            .iter()
            .any(|signature| signature.keyid == keyid)
    {
        return Err(SignerError::TooMany(keyid));
    }
    let pae = envelope.pae();
    let sig = signer.sign(&pae).await?;
    key.verify(&pae, &sig)
        .map_err(|_| SignerError::BadSignature(keyid))?;
    envelope.signatures.push(EnvelopeSignature { keyid, sig });
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::seal::{VerifyError, verify_envelope_as};

    fn file_signer(seed: u8) -> FileSigner {
        FileSigner::new(SecretKey::from_seed(&[seed; 32]))
    }

    /// What a signer signs verifies; a second key's signature joins it over the same bytes.
    #[tokio::test]
    async fn an_envelope_is_signed_by_one_key_and_then_another() {
        let (first, second) = (file_signer(1), file_signer(2));
        let mut envelope = sign_envelope(&first, PayloadKind::KeyCertificate, b"payload".as_slice())
            .await
            .unwrap();
        let digest = envelope.digest();
        add_signature(&mut envelope, &second).await.unwrap();
        let keys = [first.public_key(), second.public_key()];
        let verified = verify_envelope_as(envelope, PayloadKind::KeyCertificate, |id| {
            keys.into_iter().find(|key| key.keyid() == *id)
        });
        let verified = verified.unwrap();
        assert_eq!(verified.digest(), digest);
        assert!(verified.keyids().eq(keys.map(|key| key.keyid())));
    }

    /// A signer whose signature does not verify is found out before its envelope leaves.
    #[tokio::test]
    async fn a_broken_signer_is_found_out() {
        struct Broken;
        #[async_trait]
        impl Signer for Broken {
            fn public_key(&self) -> PublicKey {
                file_signer(1).public_key()
            }
            async fn sign(&self, _: &[u8]) -> Result<[u8; 64], SignerError> {
                Ok([0; 64])
            }
        }
        let refused = sign_envelope(&Broken, PayloadKind::Warning, b"payload".as_slice()).await;
        assert!(
            matches!(refused, Err(SignerError::BadSignature(_))),
            "{refused:?}"
        );
    }

    /// No key signs twice, no third signature and no oversized payload is made: each would be refused later.
    #[tokio::test]
    async fn what_no_verifier_takes_is_not_signed() {
        let mut envelope = sign_envelope(&file_signer(1), PayloadKind::Warning, Bytes::new())
            .await
            .unwrap();
        let twice = add_signature(&mut envelope, &file_signer(1)).await;
        assert!(matches!(twice, Err(SignerError::TooMany(_))), "{twice:?}");
        add_signature(&mut envelope, &file_signer(2)).await.unwrap();
        let third = add_signature(&mut envelope, &file_signer(3)).await;
        assert!(matches!(third, Err(SignerError::TooMany(_))), "{third:?}");
        let payload = vec![0; limits::PAYLOAD_BYTES_MAX + 1];
        let too_long = sign_envelope(&file_signer(1), PayloadKind::Warning, payload).await;
        assert!(
            matches!(too_long, Err(SignerError::PayloadTooLong(_))),
            "{too_long:?}"
        );
        let unsigned = SignedEnvelope {
            signatures: Default::default(),
            ..envelope
        };
        let refused = verify_envelope_as(unsigned, PayloadKind::Warning, |_| None);
        assert_eq!(refused, Err(VerifyError::NoSignature));
    }
}
