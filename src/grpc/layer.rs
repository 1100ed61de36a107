//! What stands before every handler: one span a call, the caller looked up in the durable directory, and a reason
//! beside every error that comes from the library. No body and no secret is ever logged.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tracing::{Instrument as _, Span, debug, field, info, info_span};

use super::body::CallBody;
use super::caller::Reached;
use super::request_body::RequestBody;
use super::stall::Patience;
use super::unread::Charge;
use super::{CallMeters, Edge, inbound};
use crate::domain::Principal;
use crate::error::{ErrorCode, Refused};
use crate::limits;
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
        let mut call = Call::begin(self.edge.meters.clone(), method, span.clone());
        let reached = Reached::default();
        let caller = self.caller(&request, &span);
        call.told = caller
            .as_ref()
            .ok()
            .map(|it| (it.principal().clone(), self.edge.refusals.clone()));
        let account = (self.edge.unread).account(caller.as_ref().ok().map(Caller::principal));
        let cut = request.extensions().get().map(|peer: &Peer| peer.cut.clone());
        // Absent only if it were served without `tls`.
        let patience = self.edge.patience(cut.unwrap_or_default());
        let wait_max = Duration::from_millis(self.edge.limits.unread_wait_ms_max);
        let unfinished = (self.edge.unfinished).account(caller.as_ref().ok().map(Caller::principal));
        let whole_within = Duration::from_millis(self.edge.limits.message_ms_max);
        Box::pin(
            async move {
                let caller = match caller {
                    Ok(caller) => caller,
                    Err(refused) => {
                        let response = Status::from(refused).into_http();
                        return Ok(call.until_the_end_of(response, account.charge(0), patience));
                    }
                };
                // What it sends is not read meanwhile.
                let room = tokio::time::timeout(wait_max, account.reserve(answer_bytes(method))).await;
                let Ok(charge) = room else {
                    let sentence = "answers that your systems do not read take all the room that they may";
                    let response = Status::from(Refused::new(ErrorCode::Overloaded, sentence)).into_http();
                    return Ok(call.until_the_end_of(response, account.charge(0), patience));
                };
                request.extensions_mut().insert(caller);
                request.extensions_mut().insert(account);
                request.extensions_mut().insert(reached.clone());
                // Who pipelines may open its stream long before it has something to send.
                let first_now = method != "/wardline.v1.Exchange/SubmitMany";
                let request = request
                    .map(|body| Body::new(RequestBody::new(body, unfinished, whole_within, first_now)));
                let response = explained(inner.call(request).await?, &reached);
                Ok(call.until_the_end_of(response, charge, patience))
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

const METHODS: [&str; 28] = [
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
    "/wardline.v1.Directory/PlaceHold",
    "/wardline.v1.Audit/GetCheckpoint",
    "/wardline.v1.Audit/Replay",
    "/wardline.v1.Audit/ProveInclusion",
    "/wardline.v1.Audit/ProveConsistency",
    "/wardline.v1.Audit/GetEvidence",
    "/wardline.v1.Audit/FindCosigned",
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

/// What a call reserves for its answer before it is made; what it turns out to be is charged when it is known.
fn answer_bytes(method: &str) -> usize {
    match method {
        "/wardline.v1.Exchange/GetWarning"
        | "/wardline.v1.Exchange/ListWarnings"
        | "/wardline.v1.Directory/GetDirectory"
        | "/wardline.v1.Audit/GetEvidence"
        | "/wardline.v1.Audit/FindCosigned"
        | "/wardline.v1.Operator/GetStatus" => limits::GRPC_MESSAGE_BYTES_MAX,
        "/wardline.v1.Exchange/Submit" => limits::SUBMIT_ANSWER_BYTES,
        // Streams last; what waits of them is charged as it comes.
        "/wardline.v1.Exchange/SubmitMany"
        | "/wardline.v1.Exchange/Receive"
        | "/wardline.v1.Exchange/WatchWarning"
        | "/wardline.v1.Audit/Replay"
        | "/grpc.health.v1.Health/Watch"
        | "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" => 0,
        _ => limits::ANSWER_BYTES,
    }
}

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
pub(super) struct Call {
    meters: CallMeters,
    method: &'static str,
    span: Span,
    begun: Instant,
    code: i32,
    /// Who calls, and which of its refusals the log has told lately. None: nobody who is enrolled.
    told: Option<(Principal, Refusals)>,
}

/// Which refusals the log has told lately: a line for each call would let a peer fill the log, and drown what a person must
/// see.
#[derive(Clone, Default)]
pub(super) struct Refusals(Arc<Mutex<HashMap<(Principal, i32), Instant>>>);

impl Refusals {
    /// Whether to tell one more. There are as many entries as enrolled principals have codes.
    fn tell(&self, principal: &Principal, code: i32) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match told.get(&(principal.clone(), code)) {
            Some(last) if now.duration_since(*last) < limits::REFUSAL_LINE_EVERY => false,
            Some(_) | None => {
                told.insert((principal.clone(), code), now);
                true
            }
        }
    }
}

impl Call {
    pub(super) fn begin(meters: CallMeters, method: &'static str, span: Span) -> Self {
        meters.begun();
        Self {
            meters,
            method,
            span,
            begun: Instant::now(),
            // Until the end says otherwise: the peer went away.
            code: tonic::Code::Cancelled.into(),
            told: None,
        }
    }

    /// Keeps the call open until the body of its response has ended.
    fn until_the_end_of(
        mut self,
        response: Response<Body>,
        charge: Charge,
        patience: Patience,
    ) -> Response<Body> {
        if let Some(status) = Status::from_header_map(response.headers()) {
            self.ends_with(&status);
        }
        let when_written = response.extensions().get().cloned().unwrap_or_default();
        response.map(|body| Body::new(CallBody::new(body, self, charge, patience, when_written)))
    }

    /// The status that it will have ended with.
    pub(super) fn ends_with(&mut self, status: &Status) {
        self.code = status.code().into();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        self.meters.ended(self.method, self.code, took.as_secs_f64());
        self.span.record("code", self.code);
        self.span
            .record("duration_ms", u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        // A client that goes away, and a stream that it ends, are everyday; refusals are worth a line, if not each. Of
        // strangers the metrics tell how many there are.
        let _entered = self.span.enter();
        let everyday =
            self.code == i32::from(tonic::Code::Ok) || self.code == i32::from(tonic::Code::Cancelled);
        match &self.told {
            _ if everyday => debug!("the call has ended"),
            Some((principal, refusals)) if refusals.tell(principal, self.code) => {
                info!("the call was refused")
            }
            Some(_) | None => debug!("the call was refused"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A principal's refusal by one code is told once in a while; another code and another principal have their own lines.
    #[test]
    fn a_refusal_is_told_once_in_a_while() {
        let refusals = Refusals::default();
        let [us, ru]: [Principal; 2] = ["us.ctc", "ru.ctc"].map(|name| name.parse().unwrap());
        let told: Vec<bool> = [(&us, 3), (&us, 3), (&us, 8), (&ru, 3), (&ru, 3)]
            .into_iter()
            .map(|(principal, code)| refusals.tell(principal, code))
            .collect();
        assert_eq!(told, [true, false, true, true, false]);
    }
}
