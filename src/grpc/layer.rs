//! What stands before every handler: one span a call, the caller looked up in the durable directory, and a reason
//! beside every error that comes from the library. No body and no secret is ever logged.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tracing::{Instrument as _, Span, debug, field, info, info_span};

use super::caller::Reached;
use super::{CallMeters, Edge, inbound};
use crate::error::{ErrorCode, Refused};
use crate::relay::Caller;
use crate::tls::Peer;

/// Puts [`CallService`] before a service.
#[derive(Clone)]
pub struct CallLayer {
    edge: Edge,
}

impl CallLayer {
    pub(super) fn new(edge: Edge) -> Self {
        Self { edge }
    }
}

impl<S> tower::Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        CallService {
            edge: self.edge.clone(),
            inner,
        }
    }
}

/// Looks the caller up, and sees a call from its beginning to its end.
#[derive(Clone)]
pub struct CallService<S> {
    edge: Edge,
    inner: S,
}

impl<S> tower::Service<Request<Body>> for CallService<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The service that was polled ready must take the call; a clone waits for the next one.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let method = method(request.uri().path());
        let span = info_span!(
            "call",
            method,
            principal = field::Empty,
            peer = field::Empty,
            code = field::Empty,
            duration_ms = field::Empty
        );
        let call = Call::begin(self.edge.meters.clone(), method, span.clone());
        let reached = Reached::default();
        let caller = self.caller(&request, &span);
        Box::pin(
            async move {
                let response = match caller {
                    Err(refused) => Status::from(refused).into_http(),
                    Ok(caller) => {
                        request.extensions_mut().insert(caller);
                        request.extensions_mut().insert(reached.clone());
                        explained(inner.call(request).await?, &reached)
                    }
                };
                Ok(call.until_the_end_of(response))
            }
            .instrument(span),
        )
    }
}

impl<S> CallService<S> {
    fn caller(&self, request: &Request<Body>, span: &Span) -> Result<Caller, Refused> {
        let peer = request.extensions().get::<Peer>().ok_or_else(|| {
            // Only if it were served without `tls`.
            Refused::new(ErrorCode::Internal, "the session is not known")
        })?;
        let keyid = peer.tls_keyid.to_string();
        span.record("peer", keyid.get(..12).unwrap_or(&keyid));
        let caller = self.edge.relay.authenticate(&peer.tls_keyid)?;
        span.record("principal", field::display(caller.principal()));
        Ok(caller)
    }
}

/// The name of a method that exists; others are counted together, so that a peer cannot make up names.
fn method(path: &str) -> &'static str {
    METHODS
        .iter()
        .copied()
        .find(|method| *method == path)
        .unwrap_or("other")
}

const METHODS: [&str; 26] = [
    "/wardline.v1.Exchange/Submit",
    "/wardline.v1.Exchange/SubmitMany",
    "/wardline.v1.Exchange/Receive",
    "/wardline.v1.Exchange/Acknowledge",
    "/wardline.v1.Exchange/GetWarning",
    "/wardline.v1.Exchange/ListWarnings",
    "/wardline.v1.Exchange/WatchWarning",
    "/wardline.v1.Directory/GetDirectory",
    "/wardline.v1.Directory/PublishKey",
    "/wardline.v1.Directory/PublishDesks",
    "/wardline.v1.Directory/PublishMandate",
    "/wardline.v1.Audit/GetCheckpoint",
    "/wardline.v1.Audit/Replay",
    "/wardline.v1.Audit/ProveInclusion",
    "/wardline.v1.Audit/ProveConsistency",
    "/wardline.v1.Audit/GetEvidence",
    "/wardline.v1.Operator/EnrolState",
    "/wardline.v1.Operator/EnrolAgency",
    "/wardline.v1.Operator/SuspendAgency",
    "/wardline.v1.Operator/ReinstateAgency",
    "/wardline.v1.Operator/PublishOperatorKey",
    "/wardline.v1.Operator/GetStatus",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.health.v1.Health/List",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

/// Gives a reason to an error that the library made before any handler was reached: it is then known that nothing
/// happened. An error after that keeps no reason, which tells the client that the outcome is unknown.
fn explained(response: Response<Body>, reached: &Reached) -> Response<Body> {
    let unexplained = Status::from_header_map(response.headers())
        .filter(|status| status.code() != tonic::Code::Ok && status.details().is_empty());
    match unexplained {
        Some(status) if !reached.get() => match inbound::unreadable(&status) {
            Some(refused) => Status::from(refused).into_http(),
            None => response,
        },
        Some(_) | None => response,
    }
}

/// One call, counted and logged when it ends, however it ends.
struct Call {
    meters: CallMeters,
    method: &'static str,
    span: Span,
    begun: Instant,
    code: i32,
}

impl Call {
    fn begin(meters: CallMeters, method: &'static str, span: Span) -> Self {
        meters.begun();
        Self {
            meters,
            method,
            span,
            begun: Instant::now(),
            // Until the end says otherwise: the peer went away.
            code: tonic::Code::Cancelled.into(),
        }
    }

    /// Keeps the call open until the body of its response has ended.
    fn until_the_end_of(mut self, response: Response<Body>) -> Response<Body> {
        if let Some(status) = Status::from_header_map(response.headers()) {
            self.code = status.code().into();
        }
        response.map(|body| Body::new(CallBody { body, call: self }))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        self.meters.ended(self.method, self.code, took.as_secs_f64());
        self.span.record("code", self.code);
        self.span
            .record("duration_ms", u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        // A client that goes away, and a stream that it ends, are everyday; refusals are worth a line.
        let _entered = self.span.enter();
        if self.code == i32::from(tonic::Code::Ok) || self.code == i32::from(tonic::Code::Cancelled) {
            debug!("the call has ended");
        } else {
            info!("the call was refused");
        }
    }
}

/// A response's body, with the call that it belongs to.
struct CallBody {
    body: Body,
    call: Call,
}

impl HttpBody for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(status) = frame.trailers_ref().and_then(Status::from_header_map) {
                    self.call.code = status.code().into();
                }
            }
            Some(Err(status)) => self.call.code = status.code().into(),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
