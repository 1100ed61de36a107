//! Asks others over HTTP: one small client for what a relay or an auditor sends out (to witnesses, to a timestamp
//! authority). Whoever answers is not trusted: each exchange is bounded in time and in bytes, redirects are not followed
//! and no proxy is asked, and no error holds a body, a path or a user's secret.
//!
//! Names are looked up on threads of their own. The runtime's blocking threads read the journal, and a dead name server
//! must not take them.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::{Semaphore, oneshot};

use crate::limits;

/// Where to ask: `http` or `https`, a host, and a path; no user, no query, no fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(Uri);

/// Not a URL that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("takes http:// or https://, a host and a path, without a user, a query or a fragment")]
pub struct InvalidUrl;

impl Url {
    /// This URL with more of a path below it. What is not of a path's characters is an error.
    pub fn below(&self, path: &str) -> Result<Self, InvalidUrl> {
        format!("{}/{path}", self.0.to_string().trim_end_matches('/')).parse()
    }
}

impl FromStr for Url {
    type Err = InvalidUrl;
    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if text.len() > limits::URL_CHARS_MAX || text.contains(['#', '?', '@']) {
            return Err(InvalidUrl);
        }
        let uri: Uri = text.parse().map_err(|_| InvalidUrl)?;
        let scheme = uri.scheme_str().ok_or(InvalidUrl)?;
        let named = uri.host().is_some_and(|host| !host.is_empty());
        match named && (scheme == "http" || scheme == "https") {
            true => Ok(Self(uri)),
            false => Err(InvalidUrl),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({})", self.0)
    }
}

/// What one exchange may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// From the look-up of the name to the last byte of the answer. Milliseconds.
    pub time_ms: u64,
    /// The body of the answer.
    pub answer_bytes: usize,
}

/// What came back, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// As it was said; none: not said, or no text.
    pub content_type: Option<String>,
    /// The body, whole.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not within the bound, connecting included.
    #[error("no whole answer in time")]
    TimedOut,
    /// The name is not known, nobody listens there, or the certificate is not accepted.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// The answer is longer than it may be.
    #[error("the answer is too long")]
    TooLong,
    /// What came is no answer, or it broke off.
    #[error("the answer is no HTTP, or it broke off")]
    Broken,
}

type Https = HttpsConnector<HttpConnector<Lookup>>;

/// The client. Clones share its connections, which are kept for a while.
#[derive(Clone)]
pub struct Fetch(Client<Https, Full<Bytes>>);

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetch")
    }
}

impl Fetch {
    /// A client that trusts the system's roots for `https`. Reads them: blocks the thread for a moment. A system without any
    /// still gives a client; `https` then fails.
    pub fn new() -> Result<Self, rustls::Error> {
        let config = || {
            let provider = Arc::new(aws_lc_rs::default_provider());
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
        };
        let tls = match config()?.with_native_roots() {
            Ok(trusting) => trusting,
            Err(_) => config()?.with_root_certificates(RootCertStore::empty()),
        };
        Ok(Self::with(tls.with_no_client_auth()))
    }

    fn with(tls: ClientConfig) -> Self {
        let mut http = HttpConnector::new_with_resolver(Lookup::new());
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(Duration::from_millis(limits::FETCH_CONNECT_MS_MAX)));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Self(
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_millis(limits::FETCH_IDLE_MS_MAX))
                .pool_max_idle_per_host(1)
                .http1_max_buf_size(limits::FETCH_HEADER_BYTES_MAX)
                .build(https),
        )
    }

    /// Asks for what is at `url`.
    pub async fn get(&self, url: &Url, bounds: Bounds) -> Result<Answer, FetchError> {
        self.exchange(Method::GET, url, None, Bytes::new(), bounds).await
    }

    /// Sends `body` to `url`.
    pub async fn post(
        &self,
        url: &Url,
        content_type: &'static str,
        body: Bytes,
        bounds: Bounds,
    ) -> Result<Answer, FetchError> {
        self.exchange(Method::POST, url, Some(content_type), body, bounds)
            .await
    }

    async fn exchange(
        &self,
        method: Method,
        url: &Url,
        content_type: Option<&'static str>,
        body: Bytes,
        bounds: Bounds,
    ) -> Result<Answer, FetchError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = url.0.clone();
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_static("wardline"));
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        let exchange = async {
            let response = self.0.request(request).await.map_err(|error| failed(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, bounds.answer_bytes)
                .collect()
                .await
                .map_err(|error| match error.is::<LengthLimitError>() {
                    true => FetchError::TooLong,
                    false => FetchError::Broken,
                })?
                .to_bytes();
            let content_type = head.headers.get(header::CONTENT_TYPE);
            Ok(Answer {
                status: head.status,
                content_type: content_type.and_then(|value| Some(value.to_str().ok()?.to_owned())),
                body,
            })
        };
        tokio::time::timeout(Duration::from_millis(bounds.time_ms), exchange)
            .await
            .unwrap_or(Err(FetchError::TimedOut))
    }
}

/// An error of the client, without anything that was sent or came.
fn failed(error: &hyper_util::client::legacy::Error) -> FetchError {
    if !error.is_connect() {
        return FetchError::Broken;
    }
    let mut cause = error.source();
    while let Some(at) = cause {
        if let Some(error) = at.downcast_ref::<io::Error>() {
            return unreachable(error);
        }
        cause = at.source();
    }
    FetchError::Unreachable("no connection".to_owned())
}

/// A TLS error comes wrapped in I/O errors, which say nothing themselves; it says what of the certificate is not accepted.
fn unreachable(error: &io::Error) -> FetchError {
    let inner = error.get_ref();
    if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return FetchError::Unreachable(tls.to_string());
    }
    if let Some(wrapped) = inner.and_then(|inner| inner.downcast_ref::<io::Error>()) {
        return unreachable(wrapped);
    }
    match error.kind() {
        io::ErrorKind::TimedOut => FetchError::TimedOut,
        kind => FetchError::Unreachable(kind.to_string()),
    }
}

/// Looks names up, each on a thread of its own, a few at a time: one that waits for a name server waits alone.
#[derive(Clone)]
struct Lookup(Arc<Semaphore>);

impl Lookup {
    fn new() -> Self {
        Self(Arc::new(Semaphore::new(limits::FETCH_LOOKUPS_MAX)))
    }
}

impl tower::Service<Name> for Lookup {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let turns = Arc::clone(&self.0);
        Box::pin(async move {
            // Never closed. Kept by the thread: one that hangs is still counted when nobody waits for it any more.
            let turn = turns.acquire_owned().await.ok();
            let (sender, found) = oneshot::channel();
            let look_up = move || {
                // The connector puts the port of the URL in its place.
                let found = (name.as_str(), 0)
                    .to_socket_addrs()
                    .map(|all| all.take(limits::FETCH_ADDRESSES_MAX).collect::<Vec<_>>());
                drop(turn);
                // Whoever asked may be gone.
                let _ = sender.send(found);
            };
            std::thread::Builder::new()
                .name("name look-up".to_owned())
                .spawn(look_up)?;
            let none = || io::Error::new(io::ErrorKind::NotFound, "no look-up");
            Ok(found.await.map_err(|_| none())??.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::Router;
    use axum::routing::{get, post};
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    const BOUNDS: Bounds = Bounds {
        time_ms: 20_000,
        answer_bytes: 64,
    };

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    /// What is asked and what is not, and what is below a URL: a table.
    #[test]
    fn urls_are_plain() {
        for (text, below) in [
            ("http://w.example", "http://w.example/add-checkpoint"),
            ("https://w.example/", "https://w.example/add-checkpoint"),
            ("http://w.example/a/b", "http://w.example/a/b/add-checkpoint"),
            ("http://[::1]:80/a/", "http://[::1]:80/a/add-checkpoint"),
        ] {
            let below_it = url(text).below("add-checkpoint").unwrap();
            assert_eq!(below_it.to_string(), below);
        }
        for text in [
            "",
            "w.example",
            "/path",
            "ftp://w.example/",
            "http://",
            "http:///path",
            "http://user:secret@w.example/",
            "http://w.example/?a",
            "http://w.example/#a",
            "http://w.example/a b",
            "unix:/run/x",
        ] {
            assert_eq!(text.parse::<Url>(), Err(InvalidUrl), "{text}");
        }
        assert_eq!(url("http://w.example").below("a b"), Err(InvalidUrl));
    }

    async fn serve(router: Router) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        url(&format!("http://{address}/"))
    }

    /// What was sent comes there, and what is answered comes back: status, type and body, an error's too; a redirect is an
    /// answer like any other.
    #[tokio::test]
    async fn an_exchange_goes_there_and_back() {
        let router =
            Router::new()
                .route(
                    "/echo",
                    post(|body: Bytes| async move {
                        (StatusCode::CONFLICT, [("content-type", "text/x.size")], body)
                    }),
                )
                .route(
                    "/away",
                    get(|| async { (StatusCode::FOUND, [("location", "/echo")], "") }),
                );
        let base = serve(router).await;
        let fetch = Fetch::new().unwrap();
        let body = Bytes::from_static(b"old 7\n");
        let echo = base.below("echo").unwrap();
        let answer = fetch
            .post(&echo, "text/plain", body.clone(), BOUNDS)
            .await
            .unwrap();
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert_eq!(answer.content_type.as_deref(), Some("text/x.size"));
        assert_eq!(answer.body, body);
        let away = fetch.get(&base.below("away").unwrap(), BOUNDS).await.unwrap();
        assert_eq!(away.status, StatusCode::FOUND);
    }

    /// Whoever sends these bytes to each connection, and then keeps it open.
    async fn saying(bytes: &'static [u8]) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut head = [0; 1024];
                let _ = connection.read(&mut head).await;
                let _ = connection.write_all(bytes).await;
                open.push(connection);
            }
        });
        url(&format!("http://{address}/"))
    }

    /// What is no answer in time and bounds is an error that says which and holds nothing of what came: a table.
    #[tokio::test]
    async fn a_hostile_answer_is_an_error() {
        let fetch = Fetch::new().unwrap();
        let short = Bounds {
            time_ms: 50,
            ..BOUNDS
        };
        for (bytes, bounds, error) in [
            (&b""[..], short, FetchError::TimedOut),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
                short,
                FetchError::TimedOut,
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
                short,
                FetchError::TimedOut,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n\
                0123456789012345678901234567890123456789012345678901234567890123x",
                BOUNDS,
                FetchError::TooLong,
            ),
            (b"SSH-2.0-secret\r\n\r\n", BOUNDS, FetchError::Broken),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                BOUNDS,
                FetchError::Broken,
            ),
        ] {
            let base = saying(bytes).await;
            assert_eq!(fetch.get(&base, bounds).await, Err(error), "{bytes:?}");
        }
    }

    /// Where nobody listens is unreachable.
    #[tokio::test]
    async fn nobody_is_unreachable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = url(&format!("http://{}/", listener.local_addr().unwrap()));
        drop(listener);
        let error = Fetch::new().unwrap().get(&closed, BOUNDS).await.unwrap_err();
        assert!(matches!(error, FetchError::Unreachable(_)), "{error:?}");
    }

    /// `https` is spoken with whoever shows a trusted certificate of the URL's name, and with nobody else.
    #[tokio::test]
    async fn https_is_for_trusted_names_only() {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let provider = || Arc::new(aws_lc_rs::default_provider());
        let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let served = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(served));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(connection).await else {
                    continue;
                };
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
                    .await;
                let _ = stream.shutdown().await;
            }
        });
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let trusting = |roots| {
            let tls = ClientConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            Fetch::with(tls)
        };
        let (named, numbered) = (
            url(&format!("https://localhost:{port}/")),
            url(&format!("https://127.0.0.1:{port}/")),
        );
        let knows = trusting(roots);
        let answer = knows.get(&named, BOUNDS).await.unwrap();
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"ok"[..]));
        let other_name = knows.get(&numbered, BOUNDS).await.unwrap_err();
        let unknown = trusting(RootCertStore::empty())
            .get(&named, BOUNDS)
            .await
            .unwrap_err();
        for error in [other_name, unknown] {
            assert!(
                matches!(&error, FetchError::Unreachable(why) if why.contains("certificate")),
                "{error:?}"
            );
        }
    }
}
