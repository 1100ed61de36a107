//! The task behind a delivery session: it gives the machine its events and does what the machine says. It holds one
//! delivery at a time and never waits for the client: a client that does not take what it was sent is cut off by the
//! machine's clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::super::answers::{Caller, Delivery, Ending, Failure, SessionEvent, SessionOpened};
use super::super::engine::Engine;
use super::super::sequencer::Phase;
use super::super::warning::{envelope_of, is_sealed};
use super::hub::{Mail, Mailbox, Seat};
use super::session::{Action, Event, Session};
use crate::domain::{DeskAddress, Digest};
use crate::error::ErrorCode;
use crate::journal::{Index, IndexError, PartKind, Routing};
use crate::ledger::{Directory, Facts, HandOver, ThreadKey};
use crate::limits;
use crate::time::Timestamp;

/// What can wait for the client at once: a delivery, caught up, the end.
pub(super) const EVENTS_MAX: usize = 4;

/// The task behind a session.
pub(super) struct Pump {
    engine: Arc<Engine>,
    caller: Caller,
    desk: DeskAddress,
    session_id: [u8; 16],
    place: Seat<DeskAddress, Mailbox>,
    events: mpsc::Sender<SessionEvent>,
    ended: watch::Sender<bool>,
    directories: watch::Receiver<Arc<Directory>>,
    phase: watch::Receiver<Phase>,
    machine: Session,
    begun: Instant,
    wake: Option<Instant>,
    /// What the client was sent and has not said to be written.
    sending: Option<(u64, Digest)>,
    /// Written, and not yet with the sequencer.
    handovers: VecDeque<HandOver>,
}

/// The desk's newest inbox number that is durable and published: what is written and not yet published comes as news.
pub(super) fn published_newest(index: &Index, desk: &DeskAddress, size: u64) -> Result<u64, IndexError> {
    let mut below = u64::MAX;
    loop {
        let newest = index.inbox(desk, below, limits::DELIVERY_BATCH_MAX)?;
        let Some(last) = newest.last() else { return Ok(0) };
        below = last.number;
        if let Some(published) = newest.iter().find(|routing| routing.index < size) {
            return Ok(published.number);
        }
    }
}

impl Pump {
    pub(super) fn new(
        engine: Arc<Engine>,
        caller: Caller,
        opened: &SessionOpened,
        place: Seat<DeskAddress, Mailbox>,
        events: mpsc::Sender<SessionEvent>,
        ended: watch::Sender<bool>,
    ) -> Self {
        let machine = Session::new(engine.session_times);
        Self {
            directories: engine.directories.clone(),
            phase: engine.phase.subscribe(),
            engine,
            caller,
            desk: opened.desk.clone(),
            session_id: opened.session_id,
            place,
            events,
            ended,
            machine,
            begun: Instant::now(),
            wake: None,
            sending: None,
            handovers: VecDeque::new(),
        }
    }

    /// Runs the session to its end.
    pub(super) async fn run(mut self, credit: u32, newest: u64) {
        let mut events = VecDeque::from([Event::Opened { credit, newest }]);
        // What changed before this task listened is not told again.
        self.check(&mut events);
        loop {
            while let Some(event) = events.pop_front() {
                if self.handle(event, &mut events).await.is_break() {
                    self.ended.send_replace(true);
                    return;
                }
            }
            if self.wait(&mut events).await.is_break() {
                self.ended.send_replace(true);
                return;
            }
        }
    }

    async fn handle(&mut self, event: Event, events: &mut VecDeque<Event>) -> std::ops::ControlFlow<()> {
        let now = self.now();
        for action in self.machine.on(event, now) {
            match self.act(action).await {
                Ok(Acted::Done) => {}
                Ok(Acted::Event(event)) => events.push_back(event),
                Ok(Acted::Ended) => return std::ops::ControlFlow::Break(()),
                Err(failure) => events.push_back(Event::End(Ending {
                    code: failure.refused.code,
                    sentence: failure.refused.sentence,
                })),
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    async fn act(&mut self, action: Action) -> Result<Acted, Failure> {
        match action {
            Action::Load { pass, after, limit } => {
                let durable = self.engine.durable();
                let desk = self.desk.clone();
                // What waits no more is passed over, and by then its acknowledgement can be shown.
                let read = move |index: &Index| index.pending(&desk, after, limit);
                let waiting = self.engine.published(read).await?;
                let published = waiting.iter().filter(|routing| routing.index < durable.size());
                let waiting = published.map(|routing| routing.number).collect();
                Ok(Acted::Event(Event::Loaded { pass, waiting }))
            }
            Action::Send { number, repeated } => {
                let desk = self.desk.clone();
                let read = move |index: &Index| index.waiting_at(&desk, number);
                let Some(routing) = self.engine.published(read).await? else {
                    return Ok(Acted::Event(Event::Gone));
                };
                let delivery = self.delivery(routing, repeated).await?;
                self.sending = Some((number, routing.warning));
                Ok(self.tell(SessionEvent::Delivery(Box::new(delivery))))
            }
            Action::CaughtUp { newest } => Ok(self.tell(SessionEvent::CaughtUp { inbox_number: newest })),
            Action::WakeAt(at) => {
                let ms = u64::try_from(at.unix_ms()).unwrap_or(0);
                self.wake = self.begun.checked_add(Duration::from_millis(ms));
                Ok(Acted::Done)
            }
            Action::End(ending) => {
                if ending.code == ErrorCode::Overloaded {
                    self.engine.meters.sessions_cut.add(1);
                }
                tracing::info!(desk = %self.desk, code = %ending.code, "a session ends");
                self.flush_handovers();
                self.tell(SessionEvent::Ending(ending));
                Ok(Acted::Ended)
            }
        }
    }

    /// Puts an event where the client takes it. There is always room: the machine sends one delivery at a time.
    fn tell(&mut self, event: SessionEvent) -> Acted {
        match self.events.try_send(event) {
            Ok(()) => Acted::Done,
            // The client is gone, and hears nothing more.
            Err(mpsc::error::TrySendError::Closed(_) | mpsc::error::TrySendError::Full(_)) => Acted::Ended,
        }
    }

    async fn delivery(&self, routing: Routing, repeated: u32) -> Result<Delivery, Failure> {
        let engine = &self.engine;
        let fact = engine
            .index
            .warning(&routing.warning)
            .map_err(|e| engine.broken(&e))?;
        let fact = fact.ok_or_else(|| engine.broken(&"what waits is no warning"))?;
        let (_, accepted) = engine.record_at(fact.accepted).await?;
        let envelope =
            envelope_of(accepted.kind).ok_or_else(|| engine.broken(&"what waits is no warning"))?;
        let body = engine.detached(fact.accepted, PartKind::Body).await?;
        let inbox = engine.inbox_opening(routing.index).await?;
        let wrapped = engine.wrap(routing.index).await?;
        let (bytes, routed) = engine.record_at(routing.index).await?;
        // Of a sealed body and its wrap one may be erased after the other was read: neither is of use alone.
        let (body, wrapped) = match is_sealed(&routed.kind) && (body.is_none() || wrapped.is_none()) {
            true => (None, None),
            false => (body, wrapped),
        };
        let durable = engine.durable();
        let receipt = engine.receipts(&durable, routing.index, vec![bytes]).await?.pop();
        Ok(Delivery {
            number: routing.number,
            envelope,
            body,
            checkpoint: Arc::clone(&durable.checkpoint),
            routed: receipt.ok_or_else(|| engine.broken(&"no receipt"))?,
            inbox,
            wrapped,
            repeated,
        })
    }

    /// Waits for whatever comes first. Break: the client is gone.
    async fn wait(&mut self, events: &mut VecDeque<Event>) -> std::ops::ControlFlow<()> {
        let wake = self.wake;
        let handover = self.handovers.front().cloned();
        tokio::select! {
            mail = self.place.mailbox().mail() => return self.read(mail, events),
            _ = self.phase.changed() => self.check(events),
            _ = self.directories.changed() => self.check(events),
            () = async { tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)).await }, if wake.is_some() => {
                self.wake = None;
                events.push_back(Event::Tick);
            }
            () = tell_later(&self.engine, handover.clone()), if handover.is_some() => {
                self.handovers.pop_front();
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    fn check(&mut self, events: &mut VecDeque<Event>) {
        if let Some(ending) = self.engine.ending_for(&self.caller) {
            events.push_back(Event::End(ending));
        }
    }

    fn read(&mut self, mail: Mail, events: &mut VecDeque<Event>) -> std::ops::ControlFlow<()> {
        // Written first: it says what happened before the client went away.
        if let Some(number) = mail.written
            && let Some((_, warning)) = self.sending.take_if(|(sent, _)| *sent == number)
        {
            self.hand_over(warning);
            events.push_back(Event::Written);
        }
        if mail.closed {
            self.flush_handovers();
            return std::ops::ControlFlow::Break(());
        }
        events.extend(mail.settled.into_iter().map(Event::Settled));
        if mail.newest > 0 {
            events.push_back(Event::Routed(mail.newest));
        }
        if mail.credit > 0 {
            events.push_back(Event::Credit(mail.credit));
        }
        std::ops::ControlFlow::Continue(())
    }

    /// Records that the warning was written to the session; when the log has no room now, then later.
    fn hand_over(&mut self, warning: Digest) {
        if self.handovers.len() >= limits::SESSION_CREDIT_MAX as usize {
            self.engine.meters.handed_over_unrecorded.add(1);
            return;
        }
        self.handovers.push_back(HandOver {
            thread: ThreadKey {
                warning,
                desk: self.desk.clone(),
            },
            session_id: self.session_id,
            tls_keyid: self.caller.tls_keyid(),
            unrecorded: 0,
        });
        self.flush_handovers();
    }

    fn flush_handovers(&mut self) {
        while let Some(handover) = self.handovers.front() {
            if self.engine.queue.tell(handover.clone()).is_err() {
                return;
            }
            self.handovers.pop_front();
        }
    }

    /// Time since the session began: nobody sets that clock back.
    fn now(&self) -> Timestamp {
        let ms = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_unix_ms(ms)
    }
}

async fn tell_later(engine: &Engine, handover: Option<HandOver>) {
    if let Some(handover) = handover {
        engine.queue.tell_later(handover).await;
    }
}

enum Acted {
    Done,
    Event(Event),
    Ended,
}
