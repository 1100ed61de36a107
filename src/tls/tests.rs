#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

fn identity(directory: &std::path::Path, name: &str) -> TlsIdentity {
    let file = |suffix| directory.join(format!("{name}{suffix}"));
    TlsIdentity::create(&file("-cert.pem"), &file(".pem"), name).unwrap()
}

/// A fresh identity is private, reads back with the same key, and is never made twice in the same place.
#[test]
fn an_identity_is_made_once_and_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let made = identity(directory.path(), "relay");
    let (certificate, key) = (
        directory.path().join("relay-cert.pem"),
        directory.path().join("relay.pem"),
    );
    assert_eq!(
        TlsIdentity::read(&certificate, &key).unwrap().keyid(),
        made.keyid()
    );
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(
        TlsIdentity::create(&certificate, &key, "relay"),
        Err(TlsIdentityError::Key(crate::seal::KeyFileError::Exists(_)))
    ));
}

/// A key of another certificate, a key that others may read, and files that hold something else are refused; a table.
#[test]
fn unusable_identities_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    identity(directory.path(), "a");
    identity(directory.path(), "b");
    let file = |name: &str| directory.path().join(name);
    let read = |certificate: &str, key: &str| TlsIdentity::read(&file(certificate), &file(key)).unwrap_err();
    assert!(matches!(
        read("a-cert.pem", "b.pem"),
        TlsIdentityError::Unusable(..)
    ));
    assert!(matches!(
        read("a.pem", "a.pem"),
        TlsIdentityError::NoCertificate(_)
    ));
    assert!(matches!(
        read("a-cert.pem", "a-cert.pem"),
        TlsIdentityError::NoKey(_)
    ));
    assert!(matches!(read("none", "a.pem"), TlsIdentityError::Io(..)));
    fs::set_permissions(file("b.pem"), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(read("b-cert.pem", "b.pem"), TlsIdentityError::Key(_)));
}

/// The server learns the key that the client proved, bytes flow both ways, and the hybrid key exchange is used when
/// both sides have it.
#[tokio::test]
async fn both_sides_prove_their_keys() {
    let directory = tempfile::tempdir().unwrap();
    let (relay, agency) = (
        identity(directory.path(), "relay"),
        identity(directory.path(), "agency"),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: http::Uri = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let mut accepted = incoming(
        listener,
        server_config(&relay).unwrap(),
        AcceptLimits::default(),
        CancellationToken::new(),
        CancellationToken::new(),
    );
    let mut connector = client_connector(relay.keyid(), &agency).unwrap();
    let mut client = connector.call(uri).await.unwrap().into_inner();
    let mut server = accepted.next().await.unwrap().unwrap();
    let peer = tonic::transport::server::Connected::connect_info(&server);
    assert_eq!(peer.tls_keyid, agency.keyid());
    let group = client.get_ref().1.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
    client.write_all(b"warning").await.unwrap();
    client.flush().await.unwrap();
    let mut read = [0; 7];
    server.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"warning");
    peer.cut.cancel();
    assert_eq!(
        server.read(&mut read).await.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionAborted
    );
}

/// Another server key than the pinned one is told apart from every other failure.
#[tokio::test]
async fn another_key_than_the_pinned_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (relay, agency) = (
        identity(directory.path(), "relay"),
        identity(directory.path(), "agency"),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: http::Uri = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let _incoming = incoming(
        listener,
        server_config(&relay).unwrap(),
        AcceptLimits::default(),
        CancellationToken::new(),
        CancellationToken::new(),
    );
    let mut connector = client_connector(agency.keyid(), &agency).unwrap();
    match connector.call(uri).await.map(|_| ()) {
        Err(ConnectError::Pin(mismatch)) => {
            assert_eq!((mismatch.pinned, mismatch.found), (agency.keyid(), relay.keyid()));
        }
        other => panic!("{other:?}"),
    }
}

/// Beyond the bound a connection is dropped; when one closes there is room again.
#[tokio::test]
async fn connections_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let (relay, agency) = (
        identity(directory.path(), "relay"),
        identity(directory.path(), "agency"),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: http::Uri = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let limits = AcceptLimits {
        connections_max: 1,
        ..AcceptLimits::default()
    };
    let mut accepted = incoming(
        listener,
        server_config(&relay).unwrap(),
        limits,
        CancellationToken::new(),
        CancellationToken::new(),
    );
    let mut connector = client_connector(relay.keyid(), &agency).unwrap();
    let first = connector.call(uri.clone()).await.unwrap();
    let served = accepted.next().await.unwrap().unwrap();
    assert!(matches!(
        connector.call(uri.clone()).await,
        Err(ConnectError::Handshake { .. })
    ));
    drop((first, served));
    assert!(connector.call(uri).await.is_ok());
}

/// Whoever connects and says nothing is cut off when the bound is over, and leaves room for others.
#[tokio::test]
async fn a_silent_handshake_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let (relay, agency) = (
        identity(directory.path(), "relay"),
        identity(directory.path(), "agency"),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = AcceptLimits {
        connections_max: 1,
        handshake_ms_max: 1_500,
    };
    let _accepted = incoming(
        listener,
        server_config(&relay).unwrap(),
        limits,
        CancellationToken::new(),
        CancellationToken::new(),
    );
    let mut silent = tokio::net::TcpStream::connect(address).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    let mut connector = client_connector(relay.keyid(), &agency).unwrap();
    let uri: http::Uri = format!("http://{address}").parse().unwrap();
    assert!(connector.call(uri).await.is_ok());
}
