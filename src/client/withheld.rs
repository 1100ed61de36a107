//! The gaps in a desk's inbox. Its numbers are dense, so a number that never came is a warning that came to another machine
//! of the desk, whose acknowledgement is on the record then, or one that the relay withholds. Which of both it is the
//! relay has to prove: by showing as many threads of the desk that the desk itself has acknowledged.
//!
//! What is proven once is remembered in the inbox and never asked about again, so that whoever comes to a desk late asks about its
//! past once, and after that about what is new. It is asked about while deliveries go on coming.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;

use super::error::ClientError;
use super::handle::Client;
use super::inbox::InboxName;
use super::queries::ListQuery;
use super::receive::Deliveries;
use super::threads::ThreadFact;
use super::trust::{blocking, keep_evidence};
use super::verification::VerificationError;
use crate::domain::{DeskAddress, Digest, Direction, WarningName};
use crate::limits;

/// What became of the numbers that this profile never saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounted {
    /// So many are proven to have come to another machine of the desk; none is missing beside them.
    Elsewhere(u64),
    /// It was ended before all was asked about; the next one goes on from here.
    Partly {
        /// So many are proven to have come to another machine.
        elsewhere: u64,
        /// So many are not asked about yet.
        left: u64,
    },
}

/// One look at what became of a desk's missing numbers.
#[derive(Debug)]
struct Accounting {
    client: Client,
    desk: DeskAddress,
    newest: u64,
    /// How many numbers never came here.
    missing: u64,
    /// What came here.
    seen: BTreeSet<Digest>,
    /// What is proven to have come to another machine, and never came here.
    elsewhere: BTreeSet<Digest>,
    /// What came before and after the first missing number.
    around: [Option<InboxName>; 2],
    ending: Arc<AtomicBool>,
}

/// What a look came to, and all that is proven to have come to other machines.
type Ended = (Result<Accounted, ClientError>, BTreeSet<Digest>);

/// A look that goes on beside the deliveries.
#[derive(Debug)]
pub(super) struct Going {
    newest: u64,
    ending: Arc<AtomicBool>,
    task: JoinHandle<Ended>,
}

impl Drop for Going {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Deliveries {
    /// Accounts for the numbers up to `newest` that this profile never saw: to be asked when all that waited has come. Fails
    /// with [`VerificationError::Withheld`] if the relay cannot show that other machines of the desk have received them.
    pub async fn account_for(&mut self, newest: u64) -> Result<Accounted, ClientError> {
        let (accounted, elsewhere) = self.accounting(newest).run().await;
        self.came_elsewhere(elsewhere);
        accounted
    }

    /// The same beside the deliveries: what comes of it, [`Deliveries::next`] gives. Where one goes on already, this one follows.
    pub fn begin_accounting(&mut self, newest: u64) {
        if self.going.is_some() {
            self.due = Some(newest);
        } else {
            let accounting = self.accounting(newest);
            self.going = Some(Going {
                newest,
                ending: Arc::clone(&accounting.ending),
                task: tokio::spawn(accounting.run()),
            });
        }
    }

    /// What comes of the look that goes on, and of which numbers: it ends after a few more questions, unless it is done before.
    /// `None`: none goes on.
    pub async fn end_accounting(&mut self) -> Option<(u64, Result<Accounted, ClientError>)> {
        if let Some(going) = &self.going {
            going.ending.store(true, Ordering::Relaxed);
        }
        let ended = ended(&mut self.going).await?;
        Some(self.accounted(ended))
    }

    /// It is over, and the next one begins if one is due.
    pub(super) fn accounted_and_on(&mut self, ended: (u64, Ended)) -> (u64, Result<Accounted, ClientError>) {
        let accounted = self.accounted(ended);
        if let Some(due) = self.due.take() {
            self.begin_accounting(due);
        }
        accounted
    }

    fn accounted(&mut self, ended: (u64, Ended)) -> (u64, Result<Accounted, ClientError>) {
        let (newest, (accounted, elsewhere)) = ended;
        self.came_elsewhere(elsewhere);
        (newest, accounted)
    }

    fn accounting(&self, newest: u64) -> Accounting {
        let seen = self.seen_digests();
        Accounting {
            client: self.client().clone(),
            desk: self.desk().clone(),
            newest,
            missing: self.missing(newest),
            elsewhere: self.elsewhere().difference(&seen).copied().collect(),
            seen,
            around: self.around_the_gap(newest).map(|name| name.cloned()),
            ending: Arc::default(),
        }
    }
}

/// Waits for a look that goes on; `None`: none does. Whoever stops waiting has lost nothing.
pub(super) async fn ended(going: &mut Option<Going>) -> Option<(u64, Ended)> {
    let it = going.as_mut()?;
    let joined = (&mut it.task).await;
    let newest = it.newest;
    *going = None;
    let cut_off = |error| ClientError::Unknown(format!("asking about missing numbers was cut off: {error}"));
    Some((
        newest,
        joined.unwrap_or_else(|error| (Err(cut_off(error)), BTreeSet::new())),
    ))
}

impl Accounting {
    async fn run(mut self) -> Ended {
        let accounted = self.look().await;
        (accounted, self.elsewhere)
    }

    /// How many are not accounted for.
    fn left(&self) -> u64 {
        let elsewhere = u64::try_from(self.elsewhere.len()).unwrap_or(u64::MAX);
        self.missing.saturating_sub(elsewhere)
    }

    async fn look(&mut self) -> Result<Accounted, ClientError> {
        let mut query = ListQuery {
            direction: Some(Direction::In),
            desk: Some(self.desk.clone()),
            page_size: limits::PAGE_MAX,
            ..ListQuery::default()
        };
        let (mut listed, mut asked) = (0u64, 0u64);
        while self.left() > 0 {
            let (rows, next) = self.client.list(&query).await?;
            listed = listed.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
            for digest in rows.into_iter().map(|row| row.digest) {
                if self.left() == 0 || self.seen.contains(&digest) || self.elsewhere.contains(&digest) {
                    continue;
                }
                if asked >= limits::MISSING_ASKED_AT_ONCE && self.ending.load(Ordering::Relaxed) {
                    return Ok(Accounted::Partly {
                        elsewhere: self.missing.saturating_sub(self.left()),
                        left: self.left(),
                    });
                }
                asked = asked.saturating_add(1);
                if self.is_acknowledged(digest).await? {
                    self.remember(digest).await?;
                }
            }
            // An honest relay has not routed more than it numbered, but for what came meanwhile.
            let is_endless = listed > self.newest.saturating_add(u64::from(limits::PAGE_MAX));
            if self.left() > 0 && (next.is_empty() || next == query.page_token || is_endless) {
                return Err(self.withheld().await?);
            }
            query.page_token = next;
        }
        Ok(Accounted::Elsewhere(self.missing))
    }

    /// Not asked about again, here and by the next process.
    async fn remember(&mut self, digest: Digest) -> Result<(), ClientError> {
        self.elsewhere.insert(digest);
        let (inbox, desk) = (self.client.inbox().clone(), self.desk.clone());
        blocking(move || Ok(inbox.mark_elsewhere(&digest, &desk)?)).await
    }

    /// Whether this desk has acknowledged a warning, proven. What the relay lists and does not show is not.
    async fn is_acknowledged(&self, digest: Digest) -> Result<bool, ClientError> {
        let warning = match self.client.warning(WarningName::Digest(digest)).await {
            Ok(warning) => warning,
            Err(ClientError::Refused(refusal)) if !refusal.refused.code.retryable() => return Ok(false),
            Err(error) => return Err(error),
        };
        let thread = warning.threads.get(&self.desk);
        Ok(thread.is_some_and(|thread| {
            let mut events = thread.events.iter();
            events.any(|event| matches!(event.what, ThreadFact::Acknowledged(_)))
        }))
    }

    /// The deliveries on both sides of the gap hold the openings of their numbers: the later one shows that the number in
    /// between was given.
    async fn withheld(&self) -> Result<ClientError, ClientError> {
        let (desk, newest) = (self.desk.clone(), self.newest);
        let error = VerificationError::Withheld {
            desk: desk.clone(),
            newest,
            withheld: self.left(),
        };
        let (client, what, around) = (self.client.clone(), error.to_string(), self.around.clone());
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
