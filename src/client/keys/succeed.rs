//! Naming a root's successor, offline: the old root and the new one sign the same bytes, so that nobody can name a key that he
//! does not hold. From the index of its record on, the state's agencies are certified by the new root.

use std::path::Path;

use super::certify::Certifier;
use super::make::{common, nothing_there};
use super::{KeyRole, KeysError};
use crate::domain::{Principal, RootSuccession, SignedEnvelope};
use crate::seal::{PayloadKind, add_signature, envelope_to_json, sign_envelope, write_private_file};
use crate::time::Timestamp;
use crate::wire;

/// Signs with both roots that `new` succeeds `old`, and writes it to `out`.
pub async fn succeed_to_file(
    old: &Certifier,
    new: &Certifier,
    now: Timestamp,
    out: &Path,
) -> Result<SignedEnvelope, KeysError> {
    let refused = |why: String| Err(KeysError::NotCertified(out.to_owned(), why));
    let state = match old.principal() {
        Principal::Root(state) if old.principal() == new.principal() => state.clone(),
        _ => {
            return refused(format!(
                "{} does not succeed {}",
                new.principal(),
                old.principal()
            ));
        }
    };
    if old.origin() != new.origin() {
        return refused(format!(
            "the old root is for the log {}, the new one for {}",
            old.origin(),
            new.origin()
        ));
    }
    nothing_there(&[out])?;
    let payload = wire::encode_root_succession(&RootSuccession {
        common: common(old.origin(), now, old.principal(), KeyRole::Root)?,
        state,
        public_key: new.signer().public_key().as_bytes().to_vec(),
        extensions: Vec::new(),
    });
    let mut envelope = sign_envelope(old.signer(), PayloadKind::RootSuccession, payload).await?;
    add_signature(&mut envelope, new.signer()).await?;
    write_private_file(out, envelope_to_json(&envelope).as_bytes())?;
    Ok(envelope)
}
