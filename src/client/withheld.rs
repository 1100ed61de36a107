//! The gaps in a desk's inbox. Its numbers are dense, so a number that never came is a warning that came to another machine
//! of the desk, whose acknowledgement is on the record then, or one that the relay withholds. Which of both it is the
//! relay has to prove: by showing as many threads of the desk that the desk itself has acknowledged, and that began no later than the
//! newest number's.
//!
//! What is proven once is remembered in the inbox and never asked about again, so that whoever comes to a desk late asks about its
//! past once, and after that about what is new. It is asked about while deliveries go on coming; what has come meanwhile is
//! nowhere counted as missing, and not as another machine's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prost::Message as _;
use tokio::task::JoinHandle;

use super::error::ClientError;
use super::handle::Client;
use super::inbox_numbers::Gap;
use super::queries::ListQuery;
use super::receive::{Deliveries, Seen};
use super::threads::ThreadFact;
use super::trust::{blocking, keep_evidence};
use super::verification::VerificationError;
use crate::domain::{DeskAddress, Digest, Direction, WarningName};
use crate::error::ErrorCode;
use crate::limits;
use crate::wire::v1;

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
    /// What came here, as it is at any moment.
    seen: Seen,
    /// What is proven to have come to another machine, and where its `ROUTED` record is.
    elsewhere: BTreeMap<Digest, u64>,
    /// The size of the log when the session began, if there was one.
    opened: u64,
    /// Records of numbers up to the newest have smaller indexes.
    below: u64,
    /// Listed as routed after the session began.
    later: BTreeSet<Digest>,
    ending: Arc<AtomicBool>,
}

/// What a look came to, and all that is proven to have come to other machines.
type Ended = (Result<Accounted, ClientError>, BTreeMap<Digest, u64>);

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
    /// Accounts for the numbers up to `newest` (or the greatest that came) that this profile never saw: to be asked when all that
    /// waited has come. Fails with [`VerificationError::Withheld`] if the relay cannot show that other machines of the desk have
    /// received them.
    pub async fn account_for(&mut self, newest: u64) -> Result<Accounted, ClientError> {
        let (accounted, elsewhere) = self.accounting(newest).run().await;
        self.came_elsewhere(elsewhere);
        accounted
    }

    /// The same beside the deliveries: what comes of it, [`Deliveries::next`] gives. Where one goes on already, this one follows.
    pub fn begin_accounting(&mut self, newest: u64) {
        self.begun();
        if self.going.is_some() {
            self.due = self.due.max(Some(newest));
        } else {
            self.start(newest, false);
        }
    }

    fn start(&mut self, newest: u64, is_ending: bool) {
        let accounting = self.accounting(newest);
        accounting.ending.store(is_ending, Ordering::Relaxed);
        self.going = Some(Going {
            newest: accounting.newest,
            ending: Arc::clone(&accounting.ending),
            task: tokio::spawn(accounting.run()),
        });
    }

    /// Which numbers never came and are being asked about; `None`: none are.
    pub fn asked_about(&self) -> Option<Gap> {
        let going = self.going.as_ref()?;
        Some(self.gap(self.due.unwrap_or(0).max(going.newest)))
    }

    /// What comes of the look that goes on, and of which numbers: it ends after a few more questions, unless it is done before; so
    /// does one that was to follow it. `None`: none goes on.
    pub async fn end_accounting(&mut self) -> Option<(Gap, Result<Accounted, ClientError>)> {
        if let Some(going) = &self.going {
            going.ending.store(true, Ordering::Relaxed);
        }
        let over = ended(&mut self.going).await?;
        let accounted = self.accounted(over);
        match (self.due.take(), &accounted.1) {
            (Some(due), Ok(_)) => {
                self.start(due, true);
                let over = ended(&mut self.going).await?;
                Some(self.accounted(over))
            }
            (_, _) => Some(accounted),
        }
    }

    /// It is over, and the next one begins if one is due.
    pub(super) fn accounted_and_on(&mut self, over: (u64, Ended)) -> (Gap, Result<Accounted, ClientError>) {
        let accounted = self.accounted(over);
        if let Some(due) = self.due.take() {
            self.begin_accounting(due);
        }
        accounted
    }

    fn accounted(&mut self, over: (u64, Ended)) -> (Gap, Result<Accounted, ClientError>) {
        let (newest, (accounted, elsewhere)) = over;
        self.came_elsewhere(elsewhere);
        (self.seen().gap(newest), accounted)
    }

    fn accounting(&self, newest: u64) -> Accounting {
        let newest = newest.max(self.seen().greatest());
        Accounting {
            client: self.client().clone(),
            desk: self.desk().clone(),
            newest,
            seen: self.seen.clone(),
            elsewhere: self.elsewhere().clone(),
            opened: self.opened,
            below: self.opened,
            later: BTreeSet::new(),
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
        joined.unwrap_or_else(|error| (Err(cut_off(error)), BTreeMap::new())),
    ))
}

/// How many rows a list has shown, of what began up to the newest number's record, and of what is newer.
#[derive(Debug, Default)]
struct Listed {
    old: u64,
    new: u64,
}

impl Listed {
    /// An honest relay has not routed more than it numbered, nor more since then than its log has grown.
    fn is_endless(&self, newest: u64, grown: u64) -> bool {
        let page = u64::from(limits::PAGE_MAX);
        self.old > newest.saturating_add(page) || self.new > grown.saturating_add(page)
    }
}

/// What came of one look.
enum Pass {
    Over(Accounted),
    /// So many are not accounted for.
    Missing(u64),
}

impl Accounting {
    async fn run(mut self) -> Ended {
        let accounted = self.look().await;
        (accounted, self.elsewhere)
    }

    /// How many never came here and were not routed after the session began; and how many of these are proven to have come to
    /// another machine.
    fn counted(&self) -> (u64, u64) {
        let seen = self.seen.lock();
        let count = |came: usize| u64::try_from(came).unwrap_or(u64::MAX);
        let counts = |(digest, routed): &(&Digest, &u64)| **routed < self.below && !seen.has(digest);
        let elsewhere = count(self.elsewhere.iter().filter(counts).count());
        // Earlier relays say a newest number that has grown since. What is below a number that came was sent before it.
        let later = count(self.later.iter().filter(|digest| !seen.has(digest)).count());
        let later = later.min(self.newest.saturating_sub(seen.greatest()));
        let missing = seen.missing(self.newest).saturating_sub(later);
        (missing, elsewhere.min(missing))
    }

    /// How many are not accounted for.
    fn left(&self) -> u64 {
        let (missing, elsewhere) = self.counted();
        missing.saturating_sub(elsewhere)
    }

    async fn look(&mut self) -> Result<Accounted, ClientError> {
        if let Pass::Over(accounted) = self.pass().await? {
            return Ok(accounted);
        }
        // Relays of earlier versions pass over a number a moment before they can show its acknowledgement. Nobody is accused on
        // one look.
        match self.pass().await? {
            Pass::Over(accounted) => Ok(accounted),
            Pass::Missing(left) => Err(self.withheld(left).await?),
        }
    }

    /// One look at all that the relay lists.
    async fn pass(&mut self) -> Result<Pass, ClientError> {
        if let Some(routed) = self.newest_routed().await? {
            self.below = routed.saturating_add(1);
        }
        let mut query = ListQuery {
            direction: Some(Direction::In),
            desk: Some(self.desk.clone()),
            page_size: limits::PAGE_MAX,
            ..ListQuery::default()
        };
        let (mut listed, mut asked) = (Listed::default(), 0u64);
        let mut left = self.left();
        while left > 0 {
            let (rows, next) = self.client.list(&query).await?;
            for row in rows {
                let digest = row.digest;
                if row.index >= self.below {
                    listed.new = listed.new.saturating_add(1);
                    if row.index >= self.opened {
                        self.later.insert(digest);
                    }
                    continue;
                }
                listed.old = listed.old.saturating_add(1);
                if left == 0 || self.elsewhere.contains_key(&digest) || self.seen.lock().has(&digest) {
                    continue;
                }
                if asked >= limits::MISSING_ASKED_AT_ONCE && self.ending.load(Ordering::Relaxed) {
                    let (missing, elsewhere) = self.counted();
                    return Ok(Pass::Over(Accounted::Partly {
                        elsewhere,
                        left: missing.saturating_sub(elsewhere),
                    }));
                }
                asked = asked.saturating_add(1);
                let acknowledged = self.acknowledged(digest).await?;
                // What has come here meanwhile this machine may have signed for.
                if let Some(routed) = acknowledged
                    && !self.seen.lock().has(&digest)
                {
                    self.remember(digest, routed).await?;
                    left = left.saturating_sub(u64::from(routed < self.below));
                }
            }
            left = self.left();
            if left == 0 {
                break;
            }
            let mut grown = 0;
            if listed.new > u64::from(limits::PAGE_MAX) {
                grown = self.client.checkpoint().await?.size().saturating_sub(self.below);
            }
            if next.is_empty() || next == query.page_token || listed.is_endless(self.newest, grown) {
                return Ok(Pass::Missing(left));
            }
            query.page_token = next;
        }
        Ok(Pass::Over(Accounted::Elsewhere(self.counted().1)))
    }

    /// Where the newest number's `ROUTED` record is, if that number came here.
    async fn newest_routed(&self) -> Result<Option<u64>, ClientError> {
        let Some(name) = self.seen.lock().at(self.newest).cloned() else {
            return Ok(None);
        };
        let inbox = self.client.inbox().clone();
        let stored = blocking(move || Ok(inbox.read(&name)?)).await?;
        let stored = stored.and_then(|bytes| v1::Delivery::decode(bytes).ok());
        Ok(stored
            .and_then(|delivery| delivery.routed)
            .map(|routed| routed.index))
    }

    /// Not asked about again, here and by the next process.
    async fn remember(&mut self, digest: Digest, routed: u64) -> Result<(), ClientError> {
        self.elsewhere.insert(digest, routed);
        let (inbox, desk) = (self.client.inbox().clone(), self.desk.clone());
        blocking(move || Ok(inbox.mark_elsewhere(&digest, &desk, routed)?)).await
    }

    /// Where the thread of a warning that this desk has acknowledged begins, proven. What the relay lists and does not know is not
    /// acknowledged; any other refusal says nothing about that.
    async fn acknowledged(&self, digest: Digest) -> Result<Option<u64>, ClientError> {
        let warning = match self.client.warning(WarningName::Digest(digest)).await {
            Ok(warning) => warning,
            Err(ClientError::Refused(refusal)) if refusal.refused.code == ErrorCode::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let events = warning.threads.get(&self.desk).map(|thread| &thread.events);
        let Some(events) = events else { return Ok(None) };
        let is_acknowledged = events
            .iter()
            .any(|event| matches!(event.what, ThreadFact::Acknowledged(_)));
        let routed = events.first().map(|event| event.index);
        Ok(routed.filter(|_| is_acknowledged))
    }

    /// The deliveries on both sides of the gap hold the openings of their numbers: the later one shows that the number in
    /// between was given.
    async fn withheld(&self, withheld: u64) -> Result<ClientError, ClientError> {
        let (desk, newest) = (self.desk.clone(), self.newest);
        let around = {
            let seen = self.seen.lock();
            let first = seen.gap(newest).first_missing.first().copied();
            seen.around(first.unwrap_or(newest)).map(|name| name.cloned())
        };
        let error = VerificationError::Withheld {
            desk: desk.clone(),
            newest,
            withheld,
        };
        let (client, what) = (self.client.clone(), error.to_string());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of what a list has shown when the newest number is 10: more than was numbered is endless, but not what was
    /// routed since, as far as the log has grown.
    #[test]
    fn what_is_new_makes_no_list_endless() {
        let page = u64::from(limits::PAGE_MAX);
        for (old, new, grown, is_endless) in [
            (10, 0, 0, false),
            (10 + page, page, 0, false),
            (11 + page, 0, 0, true),
            (10, 5 * page, 5 * page, false),
            (10, 5 * page, page, true),
        ] {
            assert_eq!(
                Listed { old, new }.is_endless(10, grown),
                is_endless,
                "{old} {new} {grown}"
            );
        }
    }
}
