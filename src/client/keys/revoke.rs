//! Revoking an agency's key by the root of its state, offline: for a key that was stolen or lost, and for TLS keys, which
//! cannot sign for themselves. It takes effect at the index of its record, never backwards.

use std::path::{Path, PathBuf};

use super::certify::Certifier;
use super::make::{common, nothing_there};
use super::{KeyRole, KeysError};
use crate::domain::{AgencyId, KeyId, KeyRevocation, Principal, RevocationReason, SignedEnvelope};
use crate::seal::{PayloadKind, envelope_to_json, sign_envelope, write_private_file};
use crate::time::Timestamp;
use crate::wire;

/// A root's word that a key is not to be used any more; for whoever publishes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationFile {
    /// What is said.
    pub revocation: KeyRevocation,
    /// The envelope.
    pub envelope: SignedEnvelope,
    /// Where it was written.
    pub file: PathBuf,
}

/// Signs the revocation of `keyid`, a key of `agency`, with the root of its state, and writes it to `out`. Whether there is
/// such a key, the relay says when it is published.
pub async fn revoke_to_file(
    root: &Certifier,
    agency: &AgencyId,
    keyid: KeyId,
    reason: RevocationReason,
    now: Timestamp,
    out: &Path,
) -> Result<RevocationFile, KeysError> {
    if *root.principal() != Principal::Root(agency.state()) {
        let why = format!("{} revokes no key of {agency}", root.principal());
        return Err(KeysError::NotCertified(out.to_owned(), why));
    }
    nothing_there(&[out])?;
    let revocation = KeyRevocation {
        common: common(root.origin(), now, root.principal(), KeyRole::Root)?,
        principal: Principal::Agency(agency.clone()),
        keyid,
        reason,
        extensions: Vec::new(),
    };
    let payload = wire::encode_key_revocation(&revocation);
    let envelope = sign_envelope(root.signer(), PayloadKind::KeyRevocation, payload).await?;
    write_private_file(out, envelope_to_json(&envelope).as_bytes())?;
    Ok(RevocationFile {
        revocation,
        envelope,
        file: out.to_owned(),
    })
}
