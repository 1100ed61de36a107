//! Desks on duty: each one is a receive loop of the SDK, as an agency's own system would run it, and tells what was
//! received. And what an officer says, as a draft.

use std::collections::BTreeSet;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::story::Says;
use super::waits::within;
use crate::cli::Fault;
use crate::client::{Acknowledged, AcknowledgementDraft, Client, ClientError, Incoming, When};
use crate::domain::{DeskAddress, Digest, Language, PayloadId};

/// What a desk on duty tells.
enum Event {
    /// It has its session, and all that had waited.
    Ready(DeskAddress),
    /// It has signed RECEIVED, and that is on the record.
    Received(Box<Acknowledged>),
    /// It gives up.
    Failed(DeskAddress, ClientError),
}

/// Those who are on duty.
pub(super) struct Duty {
    sender: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    tasks: JoinSet<()>,
    end: CancellationToken,
    ready: BTreeSet<DeskAddress>,
    received: BTreeSet<(DeskAddress, Digest)>,
    /// The proven RECEIVED that nobody has asked for yet.
    fresh: Vec<Acknowledged>,
}

/// Events that wait to be looked at.
const EVENTS_MAX: usize = 64;

impl Duty {
    /// Nobody yet.
    pub(super) fn new() -> Self {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        Self {
            sender,
            events,
            tasks: JoinSet::new(),
            end: CancellationToken::new(),
            ready: BTreeSet::new(),
            received: BTreeSet::new(),
            fresh: Vec::new(),
        }
    }

    /// Puts a desk on duty; returns when it has caught up.
    pub(super) async fn begin(&mut self, client: Client, desk: DeskAddress) -> Result<(), Fault> {
        let (sender, end) = (self.sender.clone(), self.end.clone());
        let own = desk.clone();
        self.tasks.spawn(async move {
            let receiving = receive(&client, &own, &sender);
            let ended = tokio::select! {
                ended = receiving => ended,
                () = end.cancelled() => return,
            };
            if let Err(error) = ended {
                // If nobody listens any more, that is as good as the end.
                let _ = sender.send(Event::Failed(own, error)).await;
            }
        });
        let what = format!("the session of {desk}");
        self.until(&what, |duty| duty.ready.contains(&desk)).await
    }

    /// Whether a desk is on duty.
    pub(super) fn is_there(&self, desk: &DeskAddress) -> bool {
        self.ready.contains(desk)
    }

    /// Waits until a desk has signed RECEIVED for a warning; gives all that were proven meanwhile.
    pub(super) async fn received(
        &mut self,
        desk: &DeskAddress,
        digest: Digest,
    ) -> Result<Vec<Acknowledged>, Fault> {
        let wanted = (desk.clone(), digest);
        let what = format!("RECEIVED of {desk} for {digest}");
        self.until(&what, |duty| duty.received.contains(&wanted)).await?;
        Ok(std::mem::take(&mut self.fresh))
    }

    /// Sends everybody home.
    pub(super) async fn end(mut self) {
        self.end.cancel();
        self.events.close();
        while self.tasks.join_next().await.is_some() {}
    }

    async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> Result<(), Fault> {
        while !done(self) {
            // We hold a sender ourselves, so there is always a next one to wait for.
            let Some(event) = within(what, self.events.recv()).await? else {
                return Ok(());
            };
            match event {
                Event::Ready(desk) => {
                    self.ready.insert(desk);
                }
                Event::Received(acknowledged) => {
                    let about = (acknowledged.desk.clone(), acknowledged.warning_digest);
                    if self.received.insert(about) {
                        self.fresh.push(*acknowledged);
                    }
                }
                Event::Failed(desk, error) => {
                    let fault = Fault::from(error);
                    let sentence = format!("{desk} cannot receive: {}", fault.sentence);
                    return Err(Fault { sentence, ..fault });
                }
            }
        }
        Ok(())
    }
}

/// Receives until it fails for good; that the relay is away is no failure.
async fn receive(
    client: &Client,
    desk: &DeskAddress,
    sender: &mpsc::Sender<Event>,
) -> Result<(), ClientError> {
    let mut deliveries = client.deliveries(desk.clone()).await?;
    loop {
        let event = match deliveries.next().await? {
            Incoming::Warning(delivered) => {
                deliveries.taken(&delivered).await?;
                continue;
            }
            Incoming::Received(acknowledged) => Event::Received(acknowledged),
            Incoming::CaughtUp { .. } => Event::Ready(desk.clone()),
            Incoming::Accounted { .. } => continue,
        };
        if sender.send(event).await.is_err() {
            return Ok(());
        }
    }
}

/// What an officer signs of a warning.
pub(super) fn draft(says: &Says, id: PayloadId, digest: Digest) -> Result<AcknowledgementDraft, Fault> {
    let wrong = |error: &dyn std::fmt::Display| Fault::usage(error);
    let note = match says.note {
        None => None,
        Some((language, text)) => {
            let language: Language = language.parse().map_err(|error| wrong(&error))?;
            Some((language, text.to_owned()))
        }
    };
    Ok(AcknowledgementDraft {
        warning_id: id,
        warning_digest: digest,
        desk: says.desk.parse().map_err(|error| wrong(&error))?,
        kind: says.kind,
        office: "duty officer".to_owned(),
        assessment: says.assessment,
        missing: says.missing.to_vec(),
        reason: says.reason,
        until: says.for_ms.map(When::AfterMs),
        to: says
            .to
            .map(str::parse)
            .transpose()
            .map_err(|error| wrong(&error))?,
        note,
    })
}
