//! The gaps in a desk's inbox. Its numbers are dense, so a number that never came is a warning that came to another machine
//! of the desk, whose acknowledgement is on the record then, or one that the relay withholds. Which of both it is the
//! relay has to prove: by showing as many threads of the desk that the desk itself has acknowledged.

use std::collections::BTreeSet;

use super::error::ClientError;
use super::queries::ListQuery;
use super::receive::Deliveries;
use super::threads::ThreadFact;
use super::trust::{blocking, keep_evidence};
use super::verification::VerificationError;
use crate::domain::{Digest, Direction, WarningName};
use crate::limits;

/// What became of the numbers that this profile never saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounted {
    /// So many are proven to have come to another machine of the desk; none is missing beside them.
    Elsewhere(u64),
    /// There are too many to ask about each: an audit finds out.
    NotAsked,
}

impl Deliveries {
    /// Accounts for the numbers up to `newest` that this profile never saw: to be asked when all that waited has come. Fails
    /// with [`VerificationError::Withheld`] if the relay cannot show that other machines of the desk have received them.
    pub async fn account_for(&self, newest: u64) -> Result<Accounted, ClientError> {
        let missing = self.missing(newest);
        if missing > limits::MISSING_ACCOUNTED_MAX {
            return Ok(Accounted::NotAsked);
        }
        let mut elsewhere = BTreeSet::new();
        let mut query = ListQuery {
            direction: Some(Direction::In),
            desk: Some(self.desk().clone()),
            page_size: limits::PAGE_MAX,
            ..ListQuery::default()
        };
        for _ in 0..limits::MISSING_PAGES_MAX {
            let (rows, next) = self.client().list(&query).await?;
            for row in rows.iter().filter(|row| !self.has_seen(&row.digest)) {
                if count(&elsewhere) >= missing {
                    break;
                }
                if self.is_acknowledged(row.digest).await? {
                    elsewhere.insert(row.digest);
                }
            }
            if count(&elsewhere) >= missing {
                return Ok(Accounted::Elsewhere(missing));
            }
            if next.is_empty() || next == query.page_token {
                let withheld = missing.saturating_sub(count(&elsewhere));
                return Err(self.withheld(newest, withheld).await?);
            }
            query.page_token = next;
        }
        Ok(Accounted::NotAsked)
    }

    /// Whether this desk has acknowledged a warning, proven. What the relay lists and does not show is not.
    async fn is_acknowledged(&self, digest: Digest) -> Result<bool, ClientError> {
        let warning = match self.client().warning(WarningName::Digest(digest)).await {
            Ok(warning) => warning,
            Err(ClientError::Refused(refusal)) if !refusal.refused.code.retryable() => return Ok(false),
            Err(error) => return Err(error),
        };
        let thread = warning.threads.get(self.desk());
        Ok(thread.is_some_and(|thread| {
            let mut events = thread.events.iter();
            events.any(|event| matches!(event.what, ThreadFact::Acknowledged(_)))
        }))
    }

    /// The deliveries on both sides of the gap hold the openings of their numbers: the later one shows that the number in
    /// between was given.
    async fn withheld(&self, newest: u64, withheld: u64) -> Result<ClientError, ClientError> {
        let desk = self.desk().clone();
        let error = VerificationError::Withheld {
            desk: desk.clone(),
            newest,
            withheld,
        };
        let around = self.around_the_gap(newest).map(|name| name.cloned());
        let (client, what) = (self.client().clone(), error.to_string());
        let evidence = blocking(move || {
            let [before, after] = around.map(|name| name.map(|name| client.inbox().read(&name)));
            let before = before.transpose()?.flatten();
            let after = after.transpose()?.flatten();
            let mut parts: Vec<(&str, &[u8])> = Vec::new();
            parts.extend(before.as_deref().map(|bytes| ("before.pb", bytes)));
            parts.extend(after.as_deref().map(|bytes| ("after.pb", bytes)));
            let name = format!("withheld-{}-{newest}", desk.to_string().replace('/', "+"));
            Ok(keep_evidence(client.profile(), &name, &what, &parts))
        });
        Ok(ClientError::Verification {
            error: Box::new(error),
            evidence: evidence.await?,
        })
    }
}

fn count(digests: &BTreeSet<Digest>) -> u64 {
    u64::try_from(digests.len()).unwrap_or(u64::MAX)
}
