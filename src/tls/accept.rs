//! Accepts connections: each handshake in a task of its own and bounded in time, so that nobody who is slow or
//! silent holds up another; what comes out is a stream whose client has proven a key. Who gets a place is decided by
//! [`Doors`].

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;
use tracing::{debug, warn};

use super::certificate_keyid;
use super::doors::{Doors, Place, TurnedAway};
use super::meters::ConnectionMeters;
use crate::domain::KeyId;
use crate::limits;

/// Connections whose handshake is done, to be served.
pub type Incoming = ReceiverStream<io::Result<EdgeStream>>;

/// Who is at the other end of a connection. A request of the connection carries it in its extensions.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The key that the handshake proved.
    pub tls_keyid: KeyId,
    /// Where the connection comes from. For log lines only: an address proves nothing.
    pub address: SocketAddr,
    /// Cuts the whole connection.
    pub cut: CancellationToken,
}

/// Accepts until `stop`, then lets go of the port and ends the stream once the handshakes under way are done.
/// `cut` cuts every connection that was accepted.
pub fn incoming(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    doors: Doors,
    stop: CancellationToken,
    cut: CancellationToken,
) -> Incoming {
    // One slot: the server takes a connection at once.
    let (sender, receiver) = mpsc::channel(1);
    let acceptor = Acceptor {
        tls: TlsAcceptor::from(config),
        doors,
        cut,
        sender,
    };
    tokio::spawn(async move {
        tokio::select! {
            () = acceptor.accept(&listener) => {}
            () = stop.cancelled() => {}
        }
    });
    ReceiverStream::new(receiver)
}

#[derive(Clone)]
struct Acceptor {
    tls: TlsAcceptor,
    doors: Doors,
    cut: CancellationToken,
    sender: mpsc::Sender<io::Result<EdgeStream>>,
}

impl Acceptor {
    async fn accept(&self, listener: &TcpListener) {
        loop {
            let (tcp, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely. It passes when connections close; the pause keeps this loop
                    // from spinning until then.
                    warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
                    continue;
                }
            };
            let cut = self.cut.child_token();
            match self.doors.arrive(address.ip(), cut, Instant::now()) {
                Ok(place) => {
                    let acceptor = self.clone();
                    tokio::spawn(async move {
                        if let Err(reason) = acceptor.serve(tcp, address, place).await {
                            acceptor.turned_away(address, reason);
                        }
                    });
                }
                Err(reason) => self.turned_away(address, reason),
            }
        }
    }

    /// Counted, and in the log only for those who look for it: whoever may connect must not be able to fill a disk.
    fn turned_away(&self, address: SocketAddr, reason: TurnedAway) {
        debug!(%address, reason = reason.name(), "a connection was not served");
        self.doors.meters().turned_away(reason);
    }

    async fn serve(&self, tcp: TcpStream, address: SocketAddr, place: Place) -> Result<(), TurnedAway> {
        let limits = self.doors.limits();
        let handshake_max = Duration::from_millis(limits.handshake_ms_max);
        let handshake = tokio::time::timeout(handshake_max, self.tls.accept(tcp));
        let tls = tokio::select! {
            done = handshake => match done {
                Ok(Ok(tls)) => tls,
                Ok(Err(error)) => {
                    debug!(%address, %error, "a TLS handshake failed");
                    return Err(TurnedAway::Failed);
                }
                Err(_) => return Err(TurnedAway::Slow),
            },
            // Whoever cut it has counted it.
            () = place.cut().cancelled() => return Ok(()),
        };
        // The verifier asked for a certificate and parsed it, so both are there.
        let (tcp, session) = tls.get_ref();
        let leaf = session.peer_certificates().and_then(|chain| chain.first());
        let keyid = leaf.and_then(|leaf| certificate_keyid(leaf).ok());
        let tls_keyid = keyid.ok_or(TurnedAway::Failed)?;
        if let Err(error) = tcp.set_nodelay(true) {
            debug!(%address, %error, "a connection could not be made quick");
        }
        self.doors.admit(&place, &tls_keyid, Instant::now())?;
        let cut = place.cut().clone();
        let stream = EdgeStream {
            cancelled: Box::pin(cut.clone().cancelled_owned()),
            stall_max: Duration::from_millis(limits.stall_ms_max),
            stalled: None,
            peer: Peer {
                tls_keyid,
                address,
                cut,
            },
            tls,
            meters: self.doors.meters().clone(),
            _place: place,
        };
        // An error says that the server is gone, and the connection goes with it.
        let _ = self.sender.send(Ok(stream)).await;
        Ok(())
    }
}

/// A connection whose client has proven a key. It keeps its place until it is dropped.
///
/// It ends when it is cut, and when nothing can be written to it for too long: a peer that does not read its socket
/// would otherwise keep it for as long as its kernel answers, since a server that has something to write, even the
/// answer to a ping, reads nothing more until it is written.
pub struct EdgeStream {
    tls: TlsStream<TcpStream>,
    peer: Peer,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    stall_max: Duration,
    /// Runs while something waits to be written.
    stalled: Option<Pin<Box<Sleep>>>,
    meters: ConnectionMeters,
    _place: Place,
}

impl EdgeStream {
    /// An error once the connection is cut; until then the task is woken by it.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.cancelled.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// What writing came to; an error when it has come to nothing for too long.
    fn written<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let stall_max = self.stall_max;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(stall_max)));
        ready!(stalled.as_mut().poll(cx));
        debug!(address = %self.peer.address, "a connection takes nothing: it is cut");
        self.meters.stalled();
        self.peer.cut.cancel();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Connected for EdgeStream {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for EdgeStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_cut(cx)?;
        Pin::new(&mut self.tls).poll_read(cx, buf)
    }
}

impl AsyncWrite for EdgeStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_cut(cx)?;
        let polled = Pin::new(&mut self.tls).poll_write(cx, buf);
        self.written(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_cut(cx)?;
        let polled = Pin::new(&mut self.tls).poll_write_vectored(cx, bufs);
        self.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_cut(cx)?;
        let polled = Pin::new(&mut self.tls).poll_flush(cx);
        self.written(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_cut(cx)?;
        let polled = Pin::new(&mut self.tls).poll_shutdown(cx);
        self.written(cx, polled)
    }
}
