//! Who may hold a relay's connections, over real TLS on loopback: whoever may not be let in takes nothing from those who
//! may.

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tonic_types::StatusExt as _;
use tower::Service as _;
use wardline::tls::{TlsIdentity, client_connector};

use crate::support::{Home, Served, World, call, http_get, revocation_of_tls_key};

const CHECKPOINT: &str = "/wardline.v1.Audit/GetCheckpoint";

type Connection = hyper_util::rt::TokioIo<tokio_rustls::client::TlsStream<TcpStream>>;

/// A connection whose handshake is done, and nothing more.
async fn connect(relay: &Served, identity: &TlsIdentity) -> Connection {
    let uri = format!("http://{}", relay.address).parse().unwrap();
    client_connector(relay.pin, identity)
        .unwrap()
        .call(uri)
        .await
        .unwrap()
}

/// A TCP connection from this address of the loopback network, which says nothing.
async fn silent(relay: &Served, from: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(relay.address).await.unwrap()
}

/// Returns when the metrics hold this line.
async fn until_shown(relay: &Served, line: &str) {
    let http = relay.http_address.unwrap();
    while !http_get(http, "/metrics")
        .await
        .lines()
        .any(|shown| shown == line)
    {
        tokio::task::yield_now().await;
    }
}

/// However many strangers hold connections, an enrolled key gets one; those that were too many are counted, without
/// their keys.
#[tokio::test]
async fn strangers_do_not_keep_others_out() {
    let home = Home::begun().await;
    let set = [
        ("http_listen", "127.0.0.1:0"),
        ("limits.connections_max", "4"),
        ("limits.strangers_max", "2"),
    ];
    let relay = home.serve(&set).await;
    let stranger = home.stranger();
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(connect(&relay, &stranger).await);
    }
    let channel = relay.channel(&home.operator()).await;
    call(channel, CHECKPOINT, Bytes::new()).await.unwrap();
    until_shown(&relay, "wardline_connections{kind=\"stranger\"} 2").await;
    let metrics = http_get(relay.http_address.unwrap(), "/metrics").await;
    assert!(
        metrics.contains("wardline_connections_refused_total{reason="),
        "{metrics}"
    );
    let keyid = stranger.keyid().to_string();
    assert!(!metrics.contains(&keyid[..12]), "{metrics}");
    drop(held);
    relay.stop().await;
}

/// Whoever begins handshakes and says nothing is bounded by address: from another one the handshake is done at once.
#[tokio::test]
async fn silent_handshakes_do_not_keep_others_out() {
    let home = Home::begun().await;
    let set = [
        ("http_listen", "127.0.0.1:0"),
        ("limits.connections_max", "4"),
        ("limits.handshakes_max", "4"),
        ("limits.handshakes_per_address_max", "2"),
    ];
    let relay = home.serve(&set).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(silent(&relay, "127.0.0.2").await);
    }
    // The last was refused: that is when all four have been looked at.
    assert!(matches!(held[3].read(&mut [0]).await, Ok(0) | Err(_)));
    let channel = relay.channel(&home.operator()).await;
    call(channel, CHECKPOINT, Bytes::new()).await.unwrap();
    until_shown(&relay, "wardline_connections_refused_total{reason=\"address\"} 2").await;
    relay.stop().await;
}

/// One agency's connections leave room for another's, and one that closes leaves room for the next.
#[tokio::test]
async fn an_agency_has_its_own_share_of_connections() {
    let set = [
        ("http_listen", "127.0.0.1:0"),
        ("limits.connections_max", "4"),
        ("limits.connections_per_principal_max", "2"),
    ];
    let world = World::new(&set, &["us.ctc", "ru.ctc"]).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(connect(&world.served, &world.tls_identity("ru.ctc")).await);
    }
    until_shown(&world.served, "wardline_connections{kind=\"enrolled\"} 2").await;
    let third = connect(&world.served, &world.tls_identity("ru.ctc")).await;
    until_shown(
        &world.served,
        "wardline_connections_refused_total{reason=\"principal\"} 1",
    )
    .await;
    let channel = world.served.channel(&world.tls_identity("us.ctc")).await;
    call(channel.clone(), CHECKPOINT, Bytes::new()).await.unwrap();
    held.pop();
    until_shown(&world.served, "wardline_connections{kind=\"enrolled\"} 2").await;
    let fourth = world.served.channel(&world.tls_identity("ru.ctc")).await;
    call(fourth, CHECKPOINT, Bytes::new()).await.unwrap();
    // Those that have never said a word would be waited for as long as a drain may take.
    drop((channel, held, third));
    world.served.stop().await;
}

/// A connection whose key is revoked gives its agency's room up, and is still told why nothing is answered.
#[tokio::test]
async fn a_revoked_key_holds_no_room() {
    let world = World::new(&[("http_listen", "127.0.0.1:0")], &["us.ctc", "ru.ctc"]).await;
    let channel = world.served.channel(&world.tls_identity("ru.ctc")).await;
    call(channel.clone(), CHECKPOINT, Bytes::new()).await.unwrap();
    until_shown(&world.served, "wardline_connections{kind=\"enrolled\"} 1").await;
    let revocation = revocation_of_tls_key(&world, "ru.ctc").await;
    world.client("us.ctc").publish_key(&revocation).await.unwrap();
    until_shown(&world.served, "wardline_connections{kind=\"enrolled\"} 0").await;
    let refused = call(channel, CHECKPOINT, Bytes::new()).await.unwrap_err();
    assert_eq!(
        refused.get_details_error_info().unwrap().reason,
        "UNKNOWN_CERTIFICATE"
    );
    world.served.stop().await;
}
