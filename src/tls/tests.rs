#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use std::sync::Arc;

use futures_util::StreamExt as _;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

fn identity(directory: &std::path::Path, name: &str) -> TlsIdentity {
    let file = |suffix| directory.join(format!("{name}{suffix}"));
    TlsIdentity::create(&file("-cert.pem"), &file(".pem"), name).unwrap()
}

/// Doors at which these keys are one agency's.
fn doors(limits: AcceptLimits, enrolled: &[KeyId]) -> Doors {
    let enrolled = enrolled.to_vec();
    let who_is = move |keyid: &KeyId| enrolled.contains(keyid).then(|| "us.ctc".parse().unwrap());
    Doors::new(
        limits,
        Arc::new(who_is),
        ConnectionMeters::new(&mut Registry::default()),
    )
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
        doors(AcceptLimits::default(), &[]),
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
        doors(AcceptLimits::default(), &[]),
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

/// Beyond the bound a connection is dropped as soon as it is known whose it is; when one closes there is room again.
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
        doors(limits, &[agency.keyid()]),
        CancellationToken::new(),
        CancellationToken::new(),
    );
    let mut connector = client_connector(relay.keyid(), &agency).unwrap();
    let first = connector.call(uri.clone()).await.unwrap();
    let served = accepted.next().await.unwrap().unwrap();
    let mut second = connector.call(uri.clone()).await.unwrap().into_inner();
    assert!(matches!(second.read(&mut [0]).await, Ok(0) | Err(_)));
    drop((first, served));
    let _third = connector.call(uri).await.unwrap();
    accepted.next().await.unwrap().unwrap();
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
        handshakes_max: 1,
        handshake_ms_max: 1_500,
        ..AcceptLimits::default()
    };
    let _accepted = incoming(
        listener,
        server_config(&relay).unwrap(),
        doors(limits, &[agency.keyid()]),
        CancellationToken::new(),
        CancellationToken::new(),
    );
    let mut silent = tokio::net::TcpStream::connect(address).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    let mut connector = client_connector(relay.keyid(), &agency).unwrap();
    let uri: http::Uri = format!("http://{address}").parse().unwrap();
    assert!(connector.call(uri).await.is_ok());
}

/// A stranger is let in to be told why, and cut when its short life is over; an enrolled key's connection stays.
#[tokio::test]
async fn a_stranger_lives_shortly() {
    let limits = AcceptLimits {
        stranger_ms_max: 1,
        ..AcceptLimits::default()
    };
    let (mut stranger, mut relayed) = connected(limits, Enrolled::No).await;
    assert_eq!(
        relayed.read(&mut [0]).await.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionAborted
    );
    drop(relayed);
    assert!(stranger.read(&mut [0]).await.is_err());

    let (mut agency, mut relayed) = connected(limits, Enrolled::Yes).await;
    agency.write_all(b"w").await.unwrap();
    agency.flush().await.unwrap();
    assert_eq!(relayed.read(&mut [0]).await.unwrap(), 1);
}

/// A peer that does not read its socket is cut, although nothing is ever asked of it: what is written to it ends in an
/// error. One that reads gets all of it.
#[tokio::test]
async fn a_connection_that_takes_nothing_is_cut() {
    let limits = AcceptLimits {
        stall_ms_max: 1_000,
        ..AcceptLimits::default()
    };
    let much = vec![7; 16 * 1024 * 1024];
    let (_agency, mut relayed) = connected(limits, Enrolled::Yes).await;
    let error = relayed.write_all(&much).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);

    let (mut agency, mut relayed) = connected(limits, Enrolled::Yes).await;
    let expected = much.len();
    let reading = tokio::spawn(async move {
        let mut read = vec![0; expected];
        agency.read_exact(&mut read).await.unwrap()
    });
    relayed.write_all(&much).await.unwrap();
    relayed.flush().await.unwrap();
    assert_eq!(reading.await.unwrap(), expected);
}

/// A cut ends a connection that is only written to: a server that waits to write reads nothing.
#[tokio::test]
async fn a_cut_ends_what_waits_to_be_written() {
    let (_agency, mut relayed) = connected(AcceptLimits::default(), Enrolled::Yes).await;
    let peer = tonic::transport::server::Connected::connect_info(&relayed);
    let writing = tokio::spawn(async move { relayed.write_all(&vec![7; 16 * 1024 * 1024]).await });
    peer.cut.cancel();
    let error = writing.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
}

/// Whether the agency's key is.
#[derive(PartialEq)]
enum Enrolled {
    Yes,
    No,
}

/// Both ends of one connection.
async fn connected(
    limits: AcceptLimits,
    enrolled: Enrolled,
) -> (tokio_rustls::client::TlsStream<tokio::net::TcpStream>, EdgeStream) {
    let directory = tempfile::tempdir().unwrap();
    let (relay, agency) = (
        identity(directory.path(), "relay"),
        identity(directory.path(), "agency"),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: http::Uri = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let keys = [agency.keyid()];
    let mut accepted = incoming(
        listener,
        server_config(&relay).unwrap(),
        doors(limits, if enrolled == Enrolled::Yes { &keys } else { &[] }),
        CancellationToken::new(),
        CancellationToken::new(),
    );
    let mut connector = client_connector(relay.keyid(), &agency).unwrap();
    let client = connector.call(uri).await.unwrap().into_inner();
    let served = accepted.next().await.unwrap().unwrap();
    (client, served)
}
