//! Serves HTTP/1.1 to anybody: for what is public and has no login, where every peer may be hostile. Connections are
//! bounded in all, for each address, and in the time that they live; a header that drips is cut off. What a request may
//! cost is for the router behind to bound.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::limits;

/// What connections may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// At a time.
    pub connections_max: usize,
    /// Of one address (of IPv6: of one network of 64 bits) at a time. Many readers may stand behind one, a proxy too.
    pub connections_per_address_max: usize,
    /// A header that is not whole after this long is cut off; so is a connection without one.
    pub header_ms_max: u64,
    /// How long a connection lives, whatever goes over it.
    pub connection_ms_max: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: limits::PUBLIC_CONNECTIONS_MAX,
            connections_per_address_max: limits::PUBLIC_CONNECTIONS_PER_ADDRESS_MAX,
            header_ms_max: limits::PUBLIC_HEADER_MS_MAX,
            connection_ms_max: limits::PUBLIC_CONNECTION_MS_MAX,
        }
    }
}

/// Serves until `stop`; then what is under way ends within a moment.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
) -> io::Result<()> {
    let room = Arc::new(Room::default());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
            // Keeps the set as small as what is open.
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, address)) => {
                if let Some(place) = room.place(address.ip(), bounds) {
                    let connection = connection(stream, router.clone(), bounds, stop.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a public connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
            }
        }
    }
    drop(listener);
    let ending = Duration::from_millis(limits::ENDING_MS_MAX);
    let ended = async { while connections.join_next().await.is_some() {} };
    // What is left is cut when the set is dropped.
    let _ = tokio::time::timeout(ending, ended).await;
    Ok(())
}

async fn connection(stream: TcpStream, router: Router, bounds: Bounds, stop: CancellationToken) {
    // Small answers; one that is not sent at once is no reason to end the connection.
    let _ = stream.set_nodelay(true);
    let mut http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(bounds.header_ms_max))
        .max_buf_size(limits::PUBLIC_HEADER_BYTES_MAX)
        .max_headers(limits::PUBLIC_HEADERS_MAX);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    let life = tokio::time::sleep(Duration::from_millis(bounds.connection_ms_max));
    tokio::select! {
        // How it ended is the peer's affair.
        _ = served.as_mut() => return,
        () = stop.cancelled() => {}
        () = life => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(Duration::from_millis(limits::ENDING_MS_MAX), served).await;
}

/// Who is connected.
#[derive(Debug, Default)]
struct Room(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place of a connection; dropping it makes room.
struct Place {
    room: Arc<Room>,
    address: IpAddr,
}

impl Room {
    fn place(self: &Arc<Self>, address: IpAddr, bounds: Bounds) -> Option<Place> {
        let address = network(address);
        let mut taken = self.taken();
        let own = taken.by_address.get(&address).copied().unwrap_or(0);
        if taken.all >= bounds.connections_max || own >= bounds.connections_per_address_max {
            return None;
        }
        taken.all = taken.all.saturating_add(1);
        taken.by_address.insert(address, own.saturating_add(1));
        drop(taken);
        Some(Place {
            room: Arc::clone(self),
            address,
        })
    }

    /// Nothing that holds the lock panics halfway.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Some(own) = taken.by_address.get_mut(&self.address) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

/// Whoever has one IPv6 address has the 2⁶⁴ beside it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const HELLO: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    async fn serving(
        bounds: Bounds,
    ) -> (
        std::net::SocketAddr,
        CancellationToken,
        tokio::task::JoinHandle<()>,
    ) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "hello" }));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let served = tokio::spawn(async move { serve(listener, router, bounds, stopped).await.unwrap() });
        (address, stop, served)
    }

    /// All that comes until the other side closes.
    async fn rest(connection: &mut TcpStream) -> String {
        let mut all = Vec::new();
        // A reset says the same as an end here.
        let _ = connection.read_to_end(&mut all).await;
        String::from_utf8(all).unwrap()
    }

    async fn answered(connection: &mut TcpStream) -> String {
        connection.write_all(HELLO).await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("hello") {
            let mut some = [0; 256];
            let read = connection.read(&mut some).await.unwrap();
            assert!(read > 0, "{answer}");
            answer.push_str(std::str::from_utf8(some.get(..read).unwrap()).unwrap());
        }
        answer
    }

    /// A connection without a whole header is cut off, and one that lives too long is told to end.
    #[tokio::test]
    async fn nobody_holds_a_connection_for_long() {
        let short = Bounds {
            header_ms_max: 50,
            ..Bounds::default()
        };
        let (address, ..) = serving(short).await;
        for sent in [&b""[..], b"GET / HTTP/1.1\r\nHost: a\r\nX-Drip: "] {
            let mut connection = TcpStream::connect(address).await.unwrap();
            connection.write_all(sent).await.unwrap();
            assert!(!rest(&mut connection).await.contains("hello"));
        }
        let brief = Bounds {
            connection_ms_max: 50,
            ..Bounds::default()
        };
        let (address, ..) = serving(brief).await;
        let mut connection = TcpStream::connect(address).await.unwrap();
        answered(&mut connection).await;
        assert_eq!(rest(&mut connection).await, "");
    }

    /// Beyond the places of an address, connections are closed unheard; a place that is given up is another's.
    #[tokio::test]
    async fn an_address_has_so_many_places() {
        let bounds = Bounds {
            connections_per_address_max: 2,
            ..Bounds::default()
        };
        let (address, ..) = serving(bounds).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        answered(&mut first).await;
        let mut second = TcpStream::connect(address).await.unwrap();
        answered(&mut second).await;
        let mut third = TcpStream::connect(address).await.unwrap();
        let _ = third.write_all(HELLO).await;
        assert_eq!(rest(&mut third).await, "");
        drop(first);
        loop {
            let mut next = TcpStream::connect(address).await.unwrap();
            let _ = next
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                .await;
            if rest(&mut next).await.ends_with("hello") {
                break;
            }
        }
        answered(&mut second).await;
    }

    /// When it is stopped, idle connections end, and so does the server; nobody else is let in.
    #[tokio::test]
    async fn it_ends_when_it_is_stopped() {
        let (address, stop, served) = serving(Bounds::default()).await;
        let mut connection = TcpStream::connect(address).await.unwrap();
        answered(&mut connection).await;
        stop.cancel();
        assert_eq!(rest(&mut connection).await, "");
        served.await.unwrap();
        TcpStream::connect(address).await.unwrap_err();
    }

    /// Neighbours in one IPv6 network are one; an IPv4 address written as IPv6 is itself: a table.
    #[test]
    fn networks_are_one_place() {
        for (one, other, same) in [
            ("2001:db8::1", "2001:db8::ffff:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            let of = |text: &str| network(text.parse().unwrap());
            assert_eq!(of(one) == of(other), same, "{one} {other}");
        }
    }
}
