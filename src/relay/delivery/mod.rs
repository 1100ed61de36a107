//! Delivery sessions: what a desk's warnings reach its systems through.

use super::{SessionEvent, SessionOpened};

/// One delivery session. Dropping it closes it.
pub struct DeliverySession {
    opened: SessionOpened,
    handle: SessionHandle,
}

impl DeliverySession {
    /// What it is.
    pub fn opened(&self) -> &SessionOpened {
        &self.opened
    }

    /// What gives credit and reports handovers, from any task.
    pub fn handle(&self) -> SessionHandle {
        self.handle.clone()
    }

    /// The next event; `None` after `Ending`. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        None
    }
}

/// Gives credit to a session and reports what was written to its stream.
#[derive(Clone)]
pub struct SessionHandle {}

impl SessionHandle {
    /// Lets `deliveries` more be sent, up to [`crate::limits::SESSION_CREDIT_MAX`] in all.
    pub fn add_credit(&self, _deliveries: u32) {}

    /// The delivery of this number was written to the session's stream. Say so only then: it becomes a record.
    pub fn handed_over(&self, _number: u64) {}

    /// Returns when the session has ended, whether or not the last event was taken: a stream that cannot be written
    /// to must be cut.
    pub async fn ended(&self) {
        std::future::pending().await
    }
}
