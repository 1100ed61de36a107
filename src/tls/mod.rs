//! TLS as both sides use it: TLS 1.3 only, a client key always, the server known by a pin of its key, and a
//! post-quantum key exchange where the peer has it.
//!
//! The handshake proves that the client *has* a key, any key. Whether that key is enrolled is asked at each call, by
//! the durable directory, so that a refusal can say why: refusing in the handshake gives peers a broken pipe. Until it is
//! enrolled, a key is a stranger's: its connections live shortly, in a small room of their own.

mod accept;
mod client;
mod doors;
mod identity;
mod meters;
mod server;

pub use accept::{EdgeStream, Incoming, Peer, incoming};
pub use client::{ConnectError, Connector, PinMismatch, client_connector};
pub use doors::{AcceptLimits, Doors, WhoIs};
pub use identity::{TlsIdentity, TlsIdentityError};
pub use meters::ConnectionMeters;
pub use server::server_config;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use sha2::{Digest as _, Sha256};

use crate::domain::KeyId;

/// What TLS is done with: the post-quantum hybrid first, then what every peer has.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        kx_groups: vec![
            aws_lc_rs::kx_group::X25519MLKEM768,
            aws_lc_rs::kx_group::X25519,
            aws_lc_rs::kx_group::SECP256R1,
            aws_lc_rs::kx_group::SECP384R1,
        ],
        ..aws_lc_rs::default_provider()
    })
}

/// The only version spoken. Said wherever a configuration is made: that TLS 1.2 is not compiled in would not be
/// enough, because any other crate could switch it on.
static VERSIONS: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// HTTP/2, which gRPC is.
const ALPN: &[u8] = b"h2";

/// SHA-256 of a certificate's DER SubjectPublicKeyInfo: the name of a TLS key, and what is pinned.
pub fn certificate_keyid(certificate: &CertificateDer<'_>) -> Result<KeyId, rustls::Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    Ok(KeyId(Sha256::digest(parsed.subject_public_key_info()).into()))
}

#[cfg(test)]
mod tests;
