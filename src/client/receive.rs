//! Receiving a desk's warnings: each is verified and stored before anyone sees it, and `RECEIVED` is signed only for one that
//! its handler has taken. What was taken once is never given out again, across restarts too. What follows from a delivery
//! is decided by the machine in `inbox_state.rs`.
//!
//! A session that breaks is opened again, with longer and longer waits; what was not received comes again by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use prost::Message as _;
use tokio::task::{JoinError, JoinSet};

use super::acknowledge::Acknowledged;
use super::connection::Backoff;
use super::delivery::Delivered;
use super::draft::AcknowledgementDraft;
use super::error::ClientError;
use super::fault::from_code;
use super::handle::Client;
use super::inbox::InboxName;
use super::inbox_numbers::{Gap, InboxNumbers};
use super::inbox_state::{InboxState, Next, Purpose, on_delivery, when_done};
use super::opening::Content;
use super::session::{Session, message};
use super::trust::{blocking, keep_evidence};
use super::verification::VerificationError;
use super::withheld::{Accounted, Going, ended};
use crate::domain::{AcknowledgementKind, DeskAddress, Digest};
use crate::limits;
use crate::wire::v1;

/// What comes to a desk.
#[derive(Debug)]
pub enum Incoming {
    /// A warning that was not taken yet (or not shown yet, to a session that looks on). It is verified, and in the inbox.
    Warning(Box<Delivered>),
    /// `RECEIVED` for a warning is on the record, verified.
    Received(Box<Acknowledged>),
    /// All that waited has come. `missing` are numbers of the desk's inbox that this profile never saw: another machine of
    /// the desk received them, or they were withheld.
    CaughtUp {
        /// The desk's newest inbox number: as the relay says it, or the greatest that came.
        newest: u64,
        /// How many this profile never saw.
        missing: u64,
        /// The first of them.
        first_missing: Vec<u64>,
    },
    /// What became of missing numbers: of those that [`Deliveries::begin_accounting`] was asked about, or of those below a
    /// delivery, which are asked about as soon as it comes, since an honest relay sends what waits in the order of its numbers.
    Accounted {
        /// Which numbers never came, as it is now.
        gap: Gap,
        /// What; one that fails with [`VerificationError::Withheld`] found that a warning is withheld.
        accounted: Result<Accounted, ClientError>,
    },
}

/// What has come, as the deliveries and a look at what is missing share it.
#[derive(Debug, Clone)]
pub(super) struct Seen(Arc<Mutex<InboxNumbers>>);

impl Seen {
    fn new(numbers: InboxNumbers) -> Self {
        Self(Arc::new(Mutex::new(numbers)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, InboxNumbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The deliveries of one desk.
#[derive(Debug)]
pub struct Deliveries {
    client: Client,
    desk: DeskAddress,
    purpose: Purpose,
    stream: Option<Session>,
    backoff: Backoff,
    /// Inbox numbers of the desk that this profile has seen.
    pub(super) seen: Seen,
    /// The size of the log when the session began; the greatest there is: none has.
    pub(super) opened: u64,
    /// A message is being taken in: whoever dropped that has lost it, and the session with it.
    taking_in: bool,
    /// What is proven to have come to another machine of the desk, and where its `ROUTED` record is.
    elsewhere: BTreeMap<Digest, u64>,
    /// How many numbers below the greatest were not accounted for when they were last asked about.
    asked: u64,
    /// The look at what became of missing numbers that goes on.
    pub(super) going: Option<Going>,
    /// Up to which number the next one is due.
    pub(super) due: Option<u64>,
    /// `RECEIVED` that are on their way, and of what.
    receiving: JoinSet<(InboxName, Result<Acknowledged, ClientError>)>,
    signing: BTreeSet<InboxName>,
    /// What was given out in this session and is not done with.
    given: BTreeSet<InboxName>,
    /// How many more are to be given out; none: all that come.
    wanted: Option<u64>,
    /// Deliveries since the newest checkpoint was written.
    unkept: u32,
}

impl Client {
    /// Opens a desk's deliveries, to take them; connects when the first one is asked for.
    pub async fn deliveries(&self, desk: DeskAddress) -> Result<Deliveries, ClientError> {
        self.deliveries_for(desk, Purpose::Take).await
    }

    /// Opens a desk's deliveries only to look on: nothing is signed for, and a session that takes warnings is given each of
    /// them all the same.
    pub async fn look_on(&self, desk: DeskAddress) -> Result<Deliveries, ClientError> {
        self.deliveries_for(desk, Purpose::LookOn).await
    }

    async fn deliveries_for(&self, desk: DeskAddress, purpose: Purpose) -> Result<Deliveries, ClientError> {
        let inbox = self.inbox().clone();
        let of_desk = desk.clone();
        let seen = blocking(move || {
            let all = inbox.list()?.into_keys();
            let seen = InboxNumbers::of(all.filter(|name| name.desk == of_desk));
            Ok((seen, inbox.elsewhere(&of_desk)?))
        });
        let (seen, elsewhere) = seen.await?;
        Ok(Deliveries {
            client: self.clone(),
            desk,
            purpose,
            stream: None,
            backoff: Backoff::new(limits::SESSION_BACKOFF_MS_MAX),
            seen: Seen::new(seen),
            opened: u64::MAX,
            taking_in: false,
            elsewhere,
            asked: 0,
            going: None,
            due: None,
            receiving: JoinSet::new(),
            signing: BTreeSet::new(),
            given: BTreeSet::new(),
            wanted: None,
            unkept: 0,
        })
    }

    /// Receives a desk's warnings until `handler` fails or something does not verify: each one is stored, handled, and only
    /// then signed for, however long the relay is away meanwhile. `handler` runs once for a warning, unless the power is
    /// cut while it runs. That a warning is withheld is an error in the log and kept as evidence, and does not end it:
    /// the others still come.
    pub async fn receive<E: Display, F: Future<Output = Result<(), E>>>(
        &self,
        desk: DeskAddress,
        mut handler: impl FnMut(Delivered) -> F,
    ) -> Result<std::convert::Infallible, ClientError> {
        let mut deliveries = self.deliveries(desk).await?;
        loop {
            match deliveries.next().await? {
                Incoming::Warning(delivered) => {
                    let name = delivered.inbox_name();
                    handler(*delivered)
                        .await
                        .map_err(|error| ClientError::Handler(error.to_string()))?;
                    deliveries.done(name).await?;
                }
                Incoming::CaughtUp { newest, missing, .. } if missing > 0 => {
                    deliveries.begin_accounting(newest);
                }
                Incoming::Accounted { accounted, .. } => deliveries.alarm_if_withheld(accounted)?,
                Incoming::Received(_) | Incoming::CaughtUp { .. } => {}
            }
        }
    }

    async fn sign_received(&self, name: &InboxName) -> Result<Acknowledged, ClientError> {
        let draft = AcknowledgementDraft::bare(
            name.id,
            name.digest,
            name.desk.clone(),
            AcknowledgementKind::Received,
        );
        // Not kept in the outbox: a RECEIVED that was lost is signed anew when the warning comes again, and a second one of
        // a desk gives the first one's record.
        let submission = self.sign_acknowledgement(&draft).await?;
        let mut backoff = Backoff::new(limits::SESSION_BACKOFF_MS_MAX);
        let acknowledged = loop {
            match self.acknowledge_submission(&submission, None).await {
                // What was handled is signed for however long the relay is away; the same bytes are recorded at most once.
                Err(error) if error.is_passing() => {
                    tracing::info!(%error, digest = %name.digest, "RECEIVED is sent again");
                    backoff.wait().await;
                }
                ended => break ended?,
            }
        };
        let (inbox, marked) = (self.inbox().clone(), name.clone());
        blocking(move || Ok(inbox.mark(&marked, InboxState::Received)?)).await?;
        Ok(acknowledged)
    }
}

impl Deliveries {
    /// The desk.
    pub fn desk(&self) -> &DeskAddress {
        &self.desk
    }

    /// Gives out no more than so many, and lets no more come: what nobody here will look at is not handed over.
    #[must_use]
    pub fn at_most(mut self, count: u64) -> Self {
        self.wanted = Some(count);
        self
    }

    /// The next that comes. Waits as long as it takes, over any outage of the relay; fails only for good.
    pub async fn next(&mut self) -> Result<Incoming, ClientError> {
        if self.taking_in {
            self.taking_in = false;
            self.lose_session();
        }
        loop {
            let room = self.room();
            tokio::select! {
                Some(joined) = self.receiving.join_next(), if !self.receiving.is_empty() => {
                    let received = self.signed(joined)?;
                    self.keep_checkpoint().await?;
                    self.grant().await;
                    return Ok(Incoming::Received(Box::new(received)));
                }
                Some(over) = ended(&mut self.going), if self.going.is_some() => {
                    let (gap, accounted) = self.accounted_and_on(over);
                    return Ok(Incoming::Accounted { gap, accounted });
                }
                came = message(&self.client, &self.desk, room, &mut self.stream) => {
                    self.taking_in = true;
                    let taken_in = match came {
                        Ok(message) => self.take_in(message).await,
                        Err(fault) => Err(fault.into()),
                    };
                    self.taking_in = false;
                    match taken_in {
                        Ok(Some(incoming)) => return Ok(incoming),
                        Ok(None) => {}
                        Err(error) => self.broken(error).await?,
                    }
                }
            }
        }
    }

    /// The next `RECEIVED` that is on its way; `None`: none is. Takes nothing new. Waits as long as it takes, too.
    pub async fn settle(&mut self) -> Result<Option<Acknowledged>, ClientError> {
        match self.receiving.join_next().await {
            None => Ok(None),
            Some(joined) => {
                let received = self.signed(joined)?;
                self.keep_checkpoint().await?;
                Ok(Some(received))
            }
        }
    }

    fn signed(
        &mut self,
        joined: Result<(InboxName, Result<Acknowledged, ClientError>), JoinError>,
    ) -> Result<Acknowledged, ClientError> {
        let (name, received) = joined.map_err(cut_off)?;
        self.signing.remove(&name);
        received
    }

    /// Writes the newest checkpoint, at the latest after so many deliveries and whenever none is on its way.
    async fn keep_checkpoint(&mut self) -> Result<(), ClientError> {
        self.unkept = self.unkept.saturating_add(1);
        if self.receiving.is_empty() || self.unkept >= limits::CLIENT_CREDIT {
            match self.client.inner.trust.keep(&self.client).await {
                // Another process has written one that the relay, which is away now, has to prove. It is kept next time.
                Err(error) if error.is_passing() => tracing::info!(%error, "the checkpoint is not kept yet"),
                kept => {
                    kept?;
                    self.unkept = 0;
                }
            }
        }
        Ok(())
    }

    /// The warning was handled: keeps that, and signs `RECEIVED`, whose receipt [`Deliveries::next`] gives when it is
    /// verified. A session that looks on keeps that it was shown, and signs nothing.
    pub async fn taken(&mut self, delivered: &Delivered) -> Result<(), ClientError> {
        self.done(delivered.inbox_name()).await
    }

    async fn done(&mut self, name: InboxName) -> Result<(), ClientError> {
        let (inbox, marked, state) = (self.client.inbox().clone(), name.clone(), when_done(self.purpose));
        blocking(move || Ok(inbox.mark(&marked, state)?)).await?;
        self.given.remove(&name);
        match self.purpose {
            Purpose::Take => self.receive_in_background(name),
            Purpose::LookOn => {
                self.keep_checkpoint().await?;
                self.grant().await;
            }
        }
        Ok(())
    }

    /// How many `RECEIVED` are on their way.
    pub fn in_flight(&self) -> usize {
        self.receiving.len()
    }

    fn receive_in_background(&mut self, name: InboxName) {
        let client = self.client.clone();
        self.signing.insert(name.clone());
        self.receiving.spawn(async move {
            let signed = client.sign_received(&name).await;
            (name, signed)
        });
    }

    /// How many deliveries may be on their way to us.
    fn room(&self) -> u32 {
        let busy = self.given.len().saturating_add(self.receiving.len());
        let room = limits::CLIENT_CREDIT.saturating_sub(u32::try_from(busy).unwrap_or(u32::MAX));
        match self.wanted {
            None => room,
            Some(wanted) => room.min(u32::try_from(wanted).unwrap_or(u32::MAX)),
        }
    }

    /// Lets come what there is room for.
    async fn grant(&mut self) {
        let room = self.room();
        if let Some(session) = &mut self.stream {
            let more = room.saturating_sub(session.credit);
            if more > 0 {
                session.grant(more).await;
            }
        }
    }

    /// Whatever of it is not taken comes again.
    fn lose_session(&mut self) {
        self.stream = None;
        self.given.clear();
    }

    async fn broken(&mut self, error: ClientError) -> Result<(), ClientError> {
        self.lose_session();
        if !error.is_passing() {
            return Err(error);
        }
        tracing::info!(%error, desk = %self.desk, "the session broke; opening it again");
        self.backoff.wait().await;
        Ok(())
    }

    async fn take_in(&mut self, message: v1::ReceiveResponse) -> Result<Option<Incoming>, ClientError> {
        use v1::receive_response::Kind;
        match message.kind {
            Some(Kind::Opened(opened)) => {
                let trust = &self.client.inner.trust;
                let checkpoint = trust.accept(&opened.checkpoint, &self.client).await?;
                self.opened = checkpoint.size();
                self.backoff.reset();
                Ok(None)
            }
            Some(Kind::Delivery(delivery)) => {
                if let Some(session) = &mut self.stream {
                    session.credit = session.credit.saturating_sub(1);
                }
                self.take_delivery(delivery).await
            }
            Some(Kind::CaughtUp(caught_up)) => {
                let Gap {
                    newest,
                    missing,
                    first_missing,
                } = self.gap(caught_up.inbox_number);
                Ok(Some(Incoming::CaughtUp {
                    newest,
                    missing,
                    first_missing,
                }))
            }
            Some(Kind::Ending(ending)) => Err(from_code(ending.code, &ending.sentence).into()),
            // Nothing is acknowledged on this stream, so nothing is settled on it.
            Some(Kind::Settlement(_)) | None => Ok(None),
        }
    }

    async fn take_delivery(&mut self, delivery: v1::Delivery) -> Result<Option<Incoming>, ClientError> {
        let bytes = as_stored(&delivery);
        let verified = self.client.verify_delivery(delivery, &self.desk).await;
        let delivered = match verified {
            Ok(verified) => verified,
            Err(ClientError::Verification { error, evidence }) => {
                let kept = keep_evidence(
                    self.client.profile(),
                    "delivery",
                    &error.to_string(),
                    &[("delivery.pb", &bytes)],
                );
                return Err(ClientError::Verification {
                    error,
                    evidence: evidence.or(kept),
                });
            }
            Err(error) => return Err(error),
        };
        let name = delivered.inbox_name();
        if delivered.content == Content::Erased && self.client.is_too_early_to_erase(&delivered) {
            return self.without_its_text(&delivered, &bytes).await;
        }
        let contradicted = self.seen().contradicted_by(&name);
        if let Some((before, why)) = contradicted {
            return Err(self.convicted(before, &name, why, bytes).await?);
        }
        let (inbox, stored) = (self.client.inbox().clone(), name.clone());
        let state = blocking(move || {
            let state = inbox.state(&stored);
            if state.is_none() {
                inbox.store(&stored, &bytes)?;
            }
            Ok(state)
        })
        .await?;
        self.seen().insert(&name);
        self.elsewhere.remove(&name.digest);
        let unaccounted = self.unaccounted();
        if unaccounted <= self.asked {
            self.asked = unaccounted;
        } else {
            // What waits comes in the order of its numbers: whatever is missing below this one does not come any more.
            self.begin_accounting(name.number);
        }
        match on_delivery(self.purpose, state, self.signing.contains(&name)) {
            Next::GiveOut => {
                if self.given.insert(name) {
                    self.wanted = self.wanted.map(|wanted| wanted.saturating_sub(1));
                }
                return Ok(Some(Incoming::Warning(Box::new(delivered))));
            }
            Next::Sign => self.receive_in_background(name),
            Next::PassOver => self.grant().await,
        }
        Ok(None)
    }

    /// A warning whose text does not come, and can have been erased by no rule yet, has not come: it is neither stored nor shown nor
    /// signed for, its number stays missing, and what became of that is asked at once, so that a person is told.
    async fn without_its_text(
        &mut self,
        delivered: &Delivered,
        delivery: &Bytes,
    ) -> Result<Option<Incoming>, ClientError> {
        let (client, delivery) = (self.client.clone(), delivery.clone());
        let what = "A warning was delivered without its text, which no rule can have erased yet.";
        let kept = blocking(move || {
            let parts: [(&str, &[u8]); 1] = [("delivery.pb", &delivery)];
            Ok(keep_evidence(client.profile(), "without-text", what, &parts))
        });
        let evidence = kept.await?;
        tracing::error!(digest = %delivered.digest, ?evidence, "{what}");
        self.begin_accounting(delivered.inbox_number);
        self.grant().await;
        Ok(None)
    }

    /// Two deliveries that cannot both be true: both are kept, and the second is neither stored nor handled.
    async fn convicted(
        &self,
        before: InboxName,
        name: &InboxName,
        why: String,
        delivery: Bytes,
    ) -> Result<ClientError, ClientError> {
        let error = VerificationError::Delivery {
            digest: name.digest,
            why,
        };
        let (client, what) = (self.client.clone(), error.to_string());
        let evidence = blocking(move || {
            let earlier = client.inbox().read(&before)?.unwrap_or_default();
            let parts: [(&str, &[u8]); 2] = [("before.pb", &earlier), ("delivery.pb", &delivery)];
            Ok(keep_evidence(client.profile(), "inbox-number", &what, &parts))
        });
        Ok(ClientError::Verification {
            error: Box::new(error),
            evidence: evidence.await?,
        })
    }

    /// What became of the numbers that never came is said where a person must look.
    fn alarm_if_withheld(&self, accounted: Result<Accounted, ClientError>) -> Result<(), ClientError> {
        match accounted {
            Ok(accounted) => {
                tracing::info!(desk = %self.desk, ?accounted, "numbers of the inbox never came here")
            }
            Err(error) if error.is_passing() => {
                tracing::info!(%error, "what became of numbers that never came is not known yet");
            }
            Err(ClientError::Verification { error, evidence })
                if matches!(*error, VerificationError::Withheld { .. }) =>
            {
                tracing::error!(%error, ?evidence, "a warning is withheld: a person must look");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What has come.
    pub(super) fn seen(&self) -> MutexGuard<'_, InboxNumbers> {
        self.seen.lock()
    }

    /// The numbers up to one, or up to the greatest that came, that never came here.
    pub(super) fn gap(&self, newest: u64) -> Gap {
        let seen = self.seen();
        seen.gap(newest.max(seen.greatest()))
    }

    /// How many numbers below the greatest are not known to have come to another machine.
    fn unaccounted(&self) -> u64 {
        let elsewhere = u64::try_from(self.elsewhere.len()).unwrap_or(u64::MAX);
        self.seen().gaps().saturating_sub(elsewhere)
    }

    /// What is missing below the greatest number is being asked about.
    pub(super) fn begun(&mut self) {
        self.asked = self.unaccounted();
    }

    /// Those that are proven to have come to another machine of the desk.
    pub(super) fn elsewhere(&self) -> &BTreeMap<Digest, u64> {
        &self.elsewhere
    }

    /// So are these.
    pub(super) fn came_elsewhere(&mut self, digests: BTreeMap<Digest, u64>) {
        let seen = self.seen.clone();
        let seen = seen.lock();
        let digests = digests.into_iter().filter(|(digest, _)| !seen.has(digest));
        self.elsewhere.extend(digests);
        drop(seen);
        self.asked = self.asked.min(self.unaccounted());
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }
}

/// What the inbox keeps of a delivery: how often it has come is none of it.
pub(super) fn as_stored(delivery: &v1::Delivery) -> Bytes {
    let once = v1::Delivery {
        repeated: 0,
        ..delivery.clone()
    };
    once.encode_to_vec().into()
}

fn cut_off(error: JoinError) -> ClientError {
    ClientError::Unknown(format!("signing RECEIVED was cut off: {error}"))
}
