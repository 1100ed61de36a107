//! What is signed, committed to, verified and sealed: DSSE envelopes, keys and the signers that hold them, the
//! salted commitments of audiences, bodies and texts, and what only its recipients can open (RFC 9180).
//!
//! Three things must hold. A payload is handed out only inside a [`Verified`], so that nothing is parsed before
//! its signatures are checked; keys are parsed into [`PublicKey`] once and signatures are checked by
//! `verify_strict` only; a secret never appears in a log line, an error or a `Debug`.

mod audience;
mod envelope;
mod envelope_json;
mod exec_signer;
mod file;
mod fingerprint;
mod hash;
mod hpke;
mod keys;
mod padded;
mod passphrase;
mod payload_kind;
mod protected;
mod random;
mod seal_key;
mod seal_key_file;
mod sealed_body;
mod sealed_text;
mod signer;
mod verify;
mod wrap;

pub use audience::{
    AudienceError, BuiltAudience, OpenedAudience, build_audience, build_audience_with, open_audience,
    opened_places, padded_size,
};
pub use envelope::{digest, pae, unsigned};
pub use envelope_json::{EnvelopeJson, NotAnEnvelope, envelope_from_json, envelope_to_json};
pub use exec_signer::ExecSigner;
pub use file::{
    KeyFileError, is_protected_file, private_file_bytes, read_private_file, read_private_file_with,
    write_private_file,
};
pub use fingerprint::{FINGERPRINT_WORDS, Fingerprint};
pub use hash::{
    audience_commitment, body_digest, h, inbox_commitment, plaintext_commitment, seal_keyid,
    signer_commitment, text_digest, wrap_digest,
};
pub use hpke::{OpenError, SealError};
pub use keys::{BadSignature, PublicKey, SecretKey, WeakKey};
pub use padded::OpenedPart;
pub use passphrase::{
    BadPassphrase, Passphrase, PassphraseSource, ask_for_passphrases, passphrase_credential,
};
pub use payload_kind::{PayloadKind, UnknownPayloadType};
pub use random::{RandomError, random_bytes};
pub use seal_key::{BadSealKey, BadSealSuite, SEAL_SECRET_BYTES, SealPublicKey, SealSecretKey, SealSuite};
pub use sealed_body::{BodyKey, SEALED_BODY_SUITE, SealedBody, is_sealed_body_length, open_body, seal_body};
pub use sealed_text::{
    SealedText, TextPlace, is_sealed_text_length, open_text, seal_text, sealed_text_shape,
};
pub use signer::{FileSigner, Signer, SignerError, add_signature, sign_envelope};
pub use verify::{Verified, VerifyError, verify_envelope, verify_envelope_as};
pub use wrap::{OpenedWrap, WrapKind, open_wrap, wrap_key, wrap_shape};

#[cfg(test)]
mod golden;
#[cfg(test)]
mod sealing_tests;
#[cfg(test)]
mod sealing_vectors;
