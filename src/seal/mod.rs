//! What is signed, committed to and verified: DSSE envelopes, keys and the signers that hold them, and the
//! salted commitments of audiences, bodies and texts.
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
mod keys;
mod payload_kind;
mod random;
mod signer;
mod verify;

pub use audience::{
    AudienceError, BuiltAudience, OpenedAudience, build_audience, build_audience_with, open_audience,
    opened_places, padded_size,
};
pub use envelope::{digest, pae, unsigned};
pub use envelope_json::{EnvelopeJson, NotAnEnvelope, envelope_from_json, envelope_to_json};
pub use exec_signer::ExecSigner;
pub use file::{KeyFileError, read_private_file, write_private_file};
pub use fingerprint::{FINGERPRINT_WORDS, Fingerprint};
pub use hash::{
    audience_commitment, body_digest, h, inbox_commitment, plaintext_commitment, signer_commitment,
    text_digest,
};
pub use keys::{BadSignature, PublicKey, SecretKey, WeakKey};
pub use payload_kind::{PayloadKind, UnknownPayloadType};
pub use random::{RandomError, random_bytes};
pub use signer::{FileSigner, Signer, SignerError, add_signature, sign_envelope};
pub use verify::{Verified, VerifyError, verify_envelope, verify_envelope_as};

#[cfg(test)]
mod golden;
