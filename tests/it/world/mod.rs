//! A small world to test with: states, agencies, operators and their keys, all made from names, and whatever they sign.
//!
//! Shared by the unit tests (as `crate::world`) and the integration tests (as a module of `tests/it`), so it uses the
//! crate by its name. Everything is deterministic: the same calls give the same bytes.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod exchange;
mod patience;
mod replay;
mod scene;
mod trust;

pub use exchange::Draft;
pub use patience::{PATIENCE, until, until_blocking};
pub use replay::audited;
pub use scene::{Log, ROLES, Scene, SeededNonces, code_of, indexes_of};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use wardline::domain::*;
use wardline::seal::{PayloadKind, SealSecretKey, SealSuite, SecretKey};
use wardline::time::Timestamp;

/// A name that parses.
pub fn parsed<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// 2024-03-07T15:00:00Z: the first moment of every world.
pub const BEGINNING: Timestamp = Timestamp::from_unix_ms(1_709_823_600_000);

/// Who signs what, at what time, having seen what.
#[derive(Debug, Clone)]
pub struct World {
    /// The log that everything is signed for.
    pub origin: Origin,
    /// By everybody's clock.
    pub now: Timestamp,
    /// What everybody but a root has seen.
    pub seen: Option<Seen>,
    ids: u64,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A world at its first moment, before any log.
    pub fn new() -> Self {
        Self {
            origin: parsed("relay.test.invalid/2024"),
            now: BEGINNING,
            seen: None,
            ids: 0,
        }
    }

    /// The signing key of a principal in a role; `generation` counts its keys from 0.
    pub fn key(principal: &str, role: KeyRole, generation: u32) -> SecretKey {
        let seed = Sha256::digest(format!("{principal} {role} {generation}").as_bytes());
        SecretKey::from_seed(&seed.into())
    }

    /// What stands in the directory for a key: raw Ed25519, or a DER SubjectPublicKeyInfo.
    pub fn public_key(principal: &str, role: KeyRole, generation: u32) -> Vec<u8> {
        let raw = *Self::key(principal, role, generation).public_key().as_bytes();
        match role {
            // RFC 8410: an Ed25519 SubjectPublicKeyInfo is this prefix and the raw key.
            KeyRole::Tls | KeyRole::TlsCa => {
                let prefix = [
                    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
                ];
                [&prefix[..], &raw[..]].concat()
            }
            KeyRole::Seal => Self::seal_key(principal, generation)
                .public_key()
                .as_bytes()
                .to_vec(),
            _ => raw.to_vec(),
        }
    }

    /// The key that bodies are sealed to for an agency.
    pub fn seal_key(principal: &str, generation: u32) -> SealSecretKey {
        let seed = Sha256::digest(format!("seal {principal} {generation}"));
        SealSecretKey::from_secret(SealSuite::PREFERRED, zeroize::Zeroizing::new(seed.into()))
    }

    /// The id of a key.
    pub fn keyid(principal: &str, role: KeyRole, generation: u32) -> KeyId {
        if role == KeyRole::Seal {
            let key = Self::seal_key(principal, generation);
            return key.public_key().keyid(&parsed(principal));
        }
        KeyId(Sha256::digest(Self::public_key(principal, role, generation)).into())
    }

    /// An id that was not used before.
    pub fn id(&mut self) -> PayloadId {
        self.ids += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.ids.to_be_bytes());
        PayloadId::from_parts(self.now.unix_ms().unsigned_abs(), random)
    }

    /// A fresh `Common`. A root has seen nothing.
    pub fn common(&mut self, principal: &str, role: KeyRole) -> Common {
        Common {
            origin: self.origin.clone(),
            id: self.id(),
            sent: self.now,
            signer: SignedBy::Named(Signer {
                principal: parsed(principal),
                role,
                desk: None,
                office: String::new(),
                seen: if role == KeyRole::Root { None } else { self.seen },
            }),
        }
    }

    /// An envelope of `payload`, signed by these keys in this order.
    pub fn sign(kind: PayloadKind, payload: Bytes, keys: &[&SecretKey]) -> SignedEnvelope {
        let mut envelope = wardline::seal::unsigned(kind, payload);
        let pae = envelope.pae();
        envelope.signatures = keys
            .iter()
            .map(|key| EnvelopeSignature {
                keyid: key.public_key().keyid(),
                sig: key.sign(&pae),
            })
            .collect();
        envelope
    }
}

/// The signer of a `Common`, to be changed.
pub fn signer_mut(common: &mut Common) -> &mut Signer {
    match &mut common.signer {
        SignedBy::Named(signer) => signer,
        SignedBy::Committed(_) => panic!("the signer is not named"),
    }
}
