//! Delivery sessions: what a desk's warnings reach its systems through. `session` decides, as a pure machine; `pump`
//! is the task that acts for it; `hub` tells it what each block changed.
//!
//! Lanes, deadlines and escalation have no place here yet: they will be a machine of their own beside `session`, driven by
//! the same pump.

pub(super) mod hub;
mod pump;
mod session;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

pub use self::session::SessionTimes;

use self::hub::Mailbox;
use self::pump::Pump;
use super::answers::{Caller, Failure, SessionEvent, SessionOpened};
use super::engine::Engine;
use crate::domain::{AgencyKind, DeskAddress};
use crate::error::ErrorCode;
use crate::journal::Index;
use crate::ledger::Facts;
use crate::seal::random_bytes;

/// One delivery session. Dropping it closes it.
pub struct DeliverySession {
    opened: SessionOpened,
    events: mpsc::Receiver<SessionEvent>,
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
        self.events.recv().await
    }
}

impl Drop for DeliverySession {
    fn drop(&mut self) {
        self.handle.mailbox.put(|mail| mail.closed = true);
    }
}

/// Gives credit to a session and reports what was written to its stream.
#[derive(Clone)]
pub struct SessionHandle {
    mailbox: Arc<Mailbox>,
    ended: watch::Receiver<bool>,
}

impl SessionHandle {
    /// Lets `deliveries` more be sent, up to [`crate::limits::SESSION_CREDIT_MAX`] in all.
    pub fn add_credit(&self, deliveries: u32) {
        self.mailbox
            .put(|mail| mail.credit = mail.credit.saturating_add(deliveries));
    }

    /// The delivery of this number was written to the session's stream. Say so only then: it becomes a record. The next
    /// one is sent after that.
    pub fn handed_over(&self, number: u64) {
        self.mailbox.put(|mail| mail.written = Some(number));
    }

    /// Returns when the session has ended, whether or not the last event was taken: a stream that cannot be written
    /// to must be cut.
    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        // A sender that is gone has ended, too.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

/// Begins a session.
pub(super) async fn open(
    engine: &Arc<Engine>,
    caller: &Caller,
    desk: Option<DeskAddress>,
    credit: u32,
) -> Result<DeliverySession, Failure> {
    // Held as long as the pump runs: a drain waits until it has said good-bye.
    let in_flight = engine.begin()?;
    let reader = engine.reads.follower(caller.principal())?;
    let turn = reader.turn().await;
    let desk = own_desk(engine, caller, desk).await?;
    let place = engine.hub.session(caller.principal(), &desk).ok_or_else(|| {
        Failure::new(
            ErrorCode::Quota,
            "there are too many sessions: of this desk, of yours, or of all",
        )
    })?;
    let durable = engine.durable();
    let opened = SessionOpened {
        session_id: random_bytes().map_err(|e| engine.broken(&e))?,
        desk,
        checkpoint: Arc::clone(&durable.checkpoint),
        waiting: 0,
    };
    let (sender, events) = mpsc::channel(pump::EVENTS_MAX);
    let (ended_sender, ended) = watch::channel(false);
    let handle = SessionHandle {
        mailbox: Arc::clone(place.mailbox()),
        ended,
    };
    let (desk, size) = (opened.desk.clone(), durable.size());
    let read = move |index: &Index| {
        let newest = pump::published_newest(index, &desk, size)?;
        Ok((newest, index.waiting(&desk)?))
    };
    let (newest, waiting) = engine.published(read).await?;
    drop(turn);
    // What was counted is in this one.
    let checkpoint = Arc::clone(&engine.durable().checkpoint);
    let opened = SessionOpened {
        waiting,
        checkpoint,
        ..opened
    };
    let pump = Pump::new(
        Arc::clone(engine),
        caller.clone(),
        &opened,
        place,
        sender,
        ended_sender,
    );
    tokio::spawn(async move {
        pump.run(credit, newest).await;
        drop(in_flight);
    });
    Ok(DeliverySession {
        opened,
        events,
        handle,
    })
}

/// The desk that is asked for, if it is the caller's. A desk that is published no more is still served while it has an
/// inbox: what was routed to it must be received.
async fn own_desk(
    engine: &Engine,
    caller: &Caller,
    desk: Option<DeskAddress>,
) -> Result<DeskAddress, Failure> {
    let durable = engine.durable();
    let directory = &durable.directory;
    let denied = |sentence: &str| Failure::new(ErrorCode::PermissionDenied, sentence);
    let agency = caller
        .principal()
        .agency()
        .ok_or_else(|| denied("only agencies receive warnings"))?;
    let entry = directory.agency(agency);
    if entry.is_none_or(|entry| entry.kind != AgencyKind::Agency) {
        return Err(denied("auditors have no desks"));
    }
    let desk = desk.unwrap_or_else(|| DeskAddress::duty(agency.clone()));
    if desk.agency() != agency {
        return Err(denied("this desk is not yours"));
    }
    let (index, of) = (engine.index.clone(), desk.clone());
    let read = move || index.inbox_count(&of);
    let routed = engine.blocking(read).await?.map_err(|e| engine.broken(&e))?;
    if directory.is_desk(&desk) || routed > 0 {
        Ok(desk)
    } else {
        Err(Failure::new(
            ErrorCode::NotFound,
            "you have published no such desk",
        ))
    }
}
