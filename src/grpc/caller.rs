//! Who calls, as a handler sees it: put into the request by the layer, taken out here and nowhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tonic::{Request, Status};

use super::status;
use super::unread::Account;
use crate::relay::Caller;
use crate::tls::Peer;

/// Whether a handler was reached: until then nothing can have happened, whatever the library answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Reached(Arc<AtomicBool>);

impl Reached {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The caller of a request. A handler calls this before anything else.
pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let extensions = request.extensions();
    if let Some(Reached(reached)) = extensions.get() {
        reached.store(true, Ordering::Release);
    }
    // Absent only if the service were served without its layer.
    extensions
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| status::internal("the session is not known"))
}

/// The other end of a request's connection.
pub(super) fn peer<T>(request: &Request<T>) -> Result<Peer, Status> {
    request
        .extensions()
        .get::<Peer>()
        .cloned()
        .ok_or_else(|| status::internal("the session is not known"))
}

/// What its principal has not read.
pub(super) fn account<T>(request: &Request<T>) -> Result<Arc<Account>, Status> {
    request
        .extensions()
        .get::<Arc<Account>>()
        .cloned()
        .ok_or_else(|| status::internal("the session is not known"))
}
