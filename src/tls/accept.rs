//! Accepts connections: each handshake in a task of its own and bounded in time, so that nobody who is slow or
//! silent holds up another; what comes out is a stream whose client has proven a key.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;
use tracing::{debug, info, warn};

use super::certificate_keyid;
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

/// What an operator may lower.
#[derive(Debug, Clone, Copy)]
pub struct AcceptLimits {
    /// Connections at a time, those in a handshake too.
    pub connections_max: usize,
    /// How long a handshake may take.
    pub handshake_ms_max: u64,
}

impl Default for AcceptLimits {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            handshake_ms_max: limits::HANDSHAKE_MS_MAX,
        }
    }
}

/// Accepts until `stop`, then lets go of the port and ends the stream once the handshakes under way are done.
/// `cut` cuts every connection that was accepted.
pub fn incoming(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    limits: AcceptLimits,
    stop: CancellationToken,
    cut: CancellationToken,
) -> Incoming {
    // One slot: the server takes a connection at once.
    let (sender, receiver) = mpsc::channel(1);
    let acceptor = Acceptor {
        tls: TlsAcceptor::from(config),
        handshake_max: Duration::from_millis(limits.handshake_ms_max),
        cut,
        sender,
    };
    let room = Arc::new(Semaphore::new(limits.connections_max));
    tokio::spawn(async move {
        tokio::select! {
            () = acceptor.accept(&listener, &room) => {}
            () = stop.cancelled() => {}
        }
    });
    ReceiverStream::new(receiver)
}

#[derive(Clone)]
struct Acceptor {
    tls: TlsAcceptor,
    handshake_max: Duration,
    cut: CancellationToken,
    sender: mpsc::Sender<io::Result<EdgeStream>>,
}

impl Acceptor {
    async fn accept(&self, listener: &TcpListener, room: &Arc<Semaphore>) {
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
            let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
                warn!(%address, "a connection was refused: there are as many as may be");
                continue;
            };
            let acceptor = self.clone();
            tokio::spawn(async move { acceptor.handshake(tcp, address, permit).await });
        }
    }

    async fn handshake(self, tcp: TcpStream, address: SocketAddr, permit: OwnedSemaphorePermit) {
        let handshake = tokio::time::timeout(self.handshake_max, self.tls.accept(tcp));
        let tls = tokio::select! {
            done = handshake => match done {
                Ok(Ok(tls)) => tls,
                Ok(Err(error)) => {
                    info!(%address, %error, "a TLS handshake failed");
                    return;
                }
                Err(_) => {
                    info!(%address, "a TLS handshake took too long");
                    return;
                }
            },
            () = self.cut.cancelled() => return,
        };
        // The verifier asked for a certificate and parsed it, so both are there.
        let (tcp, session) = tls.get_ref();
        let leaf = session.peer_certificates().and_then(|chain| chain.first());
        let Some(tls_keyid) = leaf.and_then(|leaf| certificate_keyid(leaf).ok()) else {
            return;
        };
        if let Err(error) = tcp.set_nodelay(true) {
            debug!(%address, %error, "a connection could not be made quick");
        }
        let cut = self.cut.child_token();
        let stream = EdgeStream {
            cancelled: Box::pin(cut.clone().cancelled_owned()),
            peer: Peer {
                tls_keyid,
                address,
                cut,
            },
            tls,
            _permit: permit,
        };
        // An error says that the server is gone, and the connection goes with it.
        let _ = self.sender.send(Ok(stream)).await;
    }
}

/// A connection whose client has proven a key. It counts against the bound until it is dropped.
pub struct EdgeStream {
    tls: TlsStream<TcpStream>,
    peer: Peer,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    _permit: OwnedSemaphorePermit,
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
        // A server always waits for the next frame, so this is where a cut is noticed.
        if self.cancelled.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.tls).poll_read(cx, buf)
    }
}

impl AsyncWrite for EdgeStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}
