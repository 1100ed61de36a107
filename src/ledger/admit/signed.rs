//! Whose signature it is: what every signed payload is checked for before anything of it counts.

use crate::domain::{Common, KeyId, KeyRole, Principal, SignedBy, SignedEnvelope};
use crate::error::{ErrorCode, Refused};
use crate::ledger::directory::{Directory, KeyEntry};
use crate::seal::{PayloadKind, PublicKey, Verified, verify_envelope_as};

/// A verified envelope of exactly one signature, and whose key that is. Whether the key is still valid depends on the
/// index, and is `decide`'s.
pub(in crate::ledger) struct Signed<'d> {
    pub(in crate::ledger) verified: Verified,
    pub(in crate::ledger) key: &'d KeyEntry,
}

/// Verifies an envelope that one enrolled key is to sign, alone.
pub(in crate::ledger) fn single_signer(
    directory: &Directory,
    envelope: SignedEnvelope,
    kind: PayloadKind,
) -> Result<Signed<'_>, Refused> {
    let verified = verify_envelope_as(envelope, kind, |keyid| signing_key(directory, keyid))
        .map_err(|error| Refused::new(error.code(), error.to_string()))?;
    let key = only_signer(directory, &verified)?;
    Ok(Signed { verified, key })
}

/// The same of an envelope whose signatures were verified ahead, with keys of the same ids.
pub(in crate::ledger) fn single_signer_of<'d>(
    directory: &'d Directory,
    verified: &Verified,
    kind: PayloadKind,
) -> Result<&'d KeyEntry, Refused> {
    // One signature is all but always what there is.
    if let Some(key) = directory.key(&verified.keyid())
        && verified.kind() == kind
        && verified.keyids().len() == 1
        && key.signing().is_some()
    {
        return Ok(key);
    }
    verified
        .vouched_for(kind, |keyid| signing_key(directory, keyid))
        .map_err(|error| Refused::new(error.code(), error.to_string()))?;
    only_signer(directory, verified)
}

fn only_signer<'d>(directory: &'d Directory, verified: &Verified) -> Result<&'d KeyEntry, Refused> {
    if verified.keyids().len() != 1 {
        return Err(Refused::new(
            ErrorCode::BadSignature,
            "this is signed by one key, not by several",
        ));
    }
    let keyid = verified.keyid();
    directory.key(&keyid).ok_or_else(|| {
        Refused::new(
            ErrorCode::UnknownSigner,
            format!("the key {keyid} is not enrolled"),
        )
    })
}

/// An enrolled key that may sign anything at all.
pub(in crate::ledger) fn signing_key(directory: &Directory, keyid: &KeyId) -> Option<PublicKey> {
    directory.key(keyid)?.signing()
}

/// Whether the key may sign this in the name that the payload gives: its principal, its role, and a role that signs
/// this kind.
pub(in crate::ledger) fn check_signer(
    common: &Common,
    key: &KeyEntry,
    roles: &[KeyRole],
) -> Result<(), Refused> {
    if !roles.contains(&key.role) {
        return Err(Refused::new(
            ErrorCode::WrongKeyRole,
            format!("a key of role {} does not sign this", key.role),
        ));
    }
    let SignedBy::Named(signer) = &common.signer else {
        // Reserved; refused for what it is, once the whole is parsed.
        return Ok(());
    };
    if signer.principal != key.principal {
        return Err(Refused::new(
            ErrorCode::UncertifiedKey,
            format!(
                "the key {} is {}'s, not {}'s",
                key.keyid, key.principal, signer.principal
            ),
        )
        .about("common.signer.principal"));
    }
    if signer.role != key.role {
        return Err(Refused::new(
            ErrorCode::WrongKeyRole,
            format!(
                "the key is enrolled as {}, the payload says {}",
                key.role, signer.role
            ),
        )
        .about("common.signer.role"));
    }
    Ok(())
}

/// A session carries what its own principal signed.
pub(super) fn check_session(session: &Principal, signer: &Principal) -> Result<(), Refused> {
    if session == signer {
        return Ok(());
    }
    Err(Refused::new(
        ErrorCode::SessionSignerMismatch,
        format!("the session is {session}'s, the signature {signer}'s"),
    ))
}

/// What is signed is signed for one log.
pub(in crate::ledger) fn check_origin(directory: &Directory, common: &Common) -> Result<(), Refused> {
    match directory.origin() {
        Some(origin) if *origin == common.origin => Ok(()),
        Some(origin) => Err(Refused::new(
            ErrorCode::WrongOrigin,
            format!("signed for {}, this log is {origin}", common.origin),
        )
        .about("common.origin")),
        None => Err(Refused::new(
            ErrorCode::WrongOrigin,
            "this log has no genesis yet",
        )),
    }
}
