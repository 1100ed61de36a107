//! An agency's side of the handshake: the relay is the one whose key is pinned, whatever its certificate says, and
//! the agency's own key is always shown.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{ALPN, TlsIdentity, VERSIONS, certificate_keyid, provider};
use crate::domain::KeyId;
use crate::limits::HANDSHAKE_MS_MAX;

/// The server has another key than the pinned one: it is not the relay, or its key was changed. A person must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server's TLS key is {found}, not the pinned {pinned}")]
pub struct PinMismatch {
    /// What the profile pins.
    pub pinned: KeyId,
    /// What the server has.
    pub found: KeyId,
}

/// Why no connection was made. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL names no host.
    #[error("the relay's URL names no host")]
    NoHost,
    /// Not reachable.
    #[error("cannot reach {address}: {source}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Another server than the pinned one.
    #[error(transparent)]
    Pin(PinMismatch),
    /// The handshake failed.
    #[error("the TLS handshake with {address} failed: {source}")]
    Handshake {
        /// Host and port.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Nothing came of it in time.
    #[error("no connection to {address} within {HANDSHAKE_MS_MAX} ms")]
    TimedOut {
        /// Host and port.
        address: String,
    },
}

/// What tonic connects with: `Endpoint::from_shared("http://HOST:PORT")?.connect_with_connector(connector)`. The
/// scheme is `http` because the connection that is handed over is already a TLS one.
#[derive(Clone)]
pub struct Connector {
    tls: TlsConnector,
}

/// A connector to the relay whose key is `pin`, showing `identity`'s.
pub fn client_connector(pin: KeyId, identity: &TlsIdentity) -> Result<Connector, Error> {
    let provider = provider();
    let verifier = Arc::new(Pinned {
        pin,
        provider: Arc::clone(&provider),
    });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(VERSIONS)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(identity.certificates.clone(), identity.key.clone_key())?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Connector {
        tls: TlsConnector::from(Arc::new(config)),
    })
}

impl tower::Service<http::Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let tls = self.tls.clone();
        Box::pin(async move {
            let host = uri.host().ok_or(ConnectError::NoHost)?;
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let port = uri.port_u16().unwrap_or(443);
            let address = format!("{host}:{port}");
            let bound = Duration::from_millis(HANDSHAKE_MS_MAX);
            match tokio::time::timeout(bound, connect(tls, host, port, &address)).await {
                Ok(connected) => connected,
                Err(_) => Err(ConnectError::TimedOut { address }),
            }
        })
    }
}

async fn connect(
    tls: TlsConnector,
    host: String,
    port: u16,
    address: &str,
) -> Result<TokioIo<TlsStream<TcpStream>>, ConnectError> {
    let name = ServerName::try_from(host.clone()).map_err(|_| ConnectError::NoHost)?;
    let unreachable = |source| ConnectError::Unreachable {
        address: address.to_owned(),
        source,
    };
    let tcp = TcpStream::connect((host, port)).await.map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    let stream = tls
        .connect(name, tcp)
        .await
        .map_err(|source| match pin_mismatch(&source) {
            Some(mismatch) => ConnectError::Pin(mismatch),
            None => ConnectError::Handshake {
                address: address.to_owned(),
                source,
            },
        })?;
    Ok(TokioIo::new(stream))
}

/// Finds our verifier's own error in what the library made of it.
fn pin_mismatch(error: &io::Error) -> Option<PinMismatch> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            inner.downcast_ref::<PinMismatch>().copied()
        }
        _ => None,
    }
}

/// Accepts one key.
#[derive(Debug)]
struct Pinned {
    pin: KeyId,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = certificate_keyid(end_entity)?;
        if found == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let mismatch = PinMismatch {
            pinned: self.pin,
            found,
        };
        Err(CertificateError::Other(OtherError(Arc::new(mismatch))).into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
