//! The crash: the relay is killed in the middle of its work and started again over the same journal. Whoever had no receipt
//! sends the same bytes again, and everything is on the record once.

use serde_json::json;
use tokio::task::{JoinError, JoinSet};

use super::stage::Stage;
use super::story::{Act, STORIES, Story};
use super::waits::until_recorded;
use crate::cli::world::RelayProcess;
use crate::cli::{Exit, Fault};
use crate::client::{Acknowledged, Sent};

/// A receipt.
enum Receipt {
    Sent(&'static Story, Box<Sent>),
    Said(Box<Acknowledged>),
}

/// Receipts that are waited for.
type Flying = JoinSet<Result<Receipt, Fault>>;

impl Stage<'_> {
    /// Sends warnings; kills the relay as soon as the first of them has its receipt, with an answer just on its way. Of the
    /// other warnings nobody knows then whether they are on the record.
    pub(super) async fn crash(&mut self) -> Result<(), Fault> {
        let mut flying = Flying::new();
        let mut answers = Vec::new();
        for (story, says) in Self::spoken(Act::Crash) {
            answers.push(self.signed_answer(story, says).await?);
        }
        let mut warnings = Vec::new();
        for story in STORIES.iter().filter(|story| story.act == Act::Crash) {
            warnings.push((story, self.signed(story).await?));
        }
        for (story, (client, entry)) in warnings {
            flying.spawn(async move {
                let sending = until_recorded("the receipt of a warning", || client.submit_entry(&entry));
                Ok(Receipt::Sent(story, Box::new(sending.await?)))
            });
        }
        if let Some(first) = flying.join_next().await {
            self.landed(first)?;
        }
        for (client, entry) in answers {
            flying.spawn(async move {
                let sending = until_recorded("the receipt of an answer", || client.acknowledge_entry(&entry));
                Ok(Receipt::Said(Box::new(sending.await?)))
            });
        }
        self.kill().await?;
        while let Some(before) = flying.try_join_next() {
            self.landed(before)?;
        }
        let in_flight = flying.len();
        self.say(
            "killed",
            json!({ "in_flight": in_flight }),
            &format!("The relay was killed (SIGKILL); messages that had no receipt yet: {in_flight}."),
        )?;
        self.restart().await?;
        self.say(
            "restarted",
            json!({}),
            "The relay is back. What had no receipt is sent again, the same bytes.",
        )?;
        while let Some(after) = flying.join_next().await {
            self.landed(after)?;
        }
        Ok(())
    }

    async fn kill(&mut self) -> Result<(), Fault> {
        match self.relay.take() {
            Some(relay) => relay.kill().await,
            None => Err(Fault::new(Exit::Retry, "there is no relay to kill")),
        }
    }

    async fn restart(&mut self) -> Result<(), Fault> {
        let asking = [self.world.ask_witnesses()];
        let relay = RelayProcess::start_with(&self.program, &self.world.config(), &asking).await?;
        self.relay = Some(relay);
        Ok(())
    }

    fn landed(&mut self, ended: Result<Result<Receipt, Fault>, JoinError>) -> Result<(), Fault> {
        let receipt =
            ended.map_err(|error| Fault::new(Exit::Retry, format!("a sender was cut off: {error}")))?;
        match receipt? {
            Receipt::Sent(story, sent) => self.accepted(story, *sent),
            Receipt::Said(acknowledged) => self.acknowledged(&acknowledged),
        }
    }
}
