//! Turns for reading: lists, views, evidence, proofs and replays wait for one another here, and never on the threads that
//! receipts and deliveries need. One principal has a few turns at a time and a bound of readers, so that nobody's
//! reading holds up the others'. Whoever follows something for long has a bound of its own, and takes the same turns.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answers::Failure;
use crate::domain::Principal;
use crate::error::ErrorCode;
use crate::limits;

/// All who read, or wait to.
#[derive(Debug)]
pub(super) struct Reads {
    at_once: Arc<Semaphore>,
    by_principal: Mutex<BTreeMap<Principal, Own>>,
    #[cfg(test)]
    waiting: std::sync::atomic::AtomicUsize,
}

/// One principal's.
#[derive(Debug)]
struct Own {
    turns: Arc<Semaphore>,
    readers: usize,
    followers: usize,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(limits::READS_AT_ONCE_PER_PRINCIPAL_MAX)),
            readers: 0,
            followers: 0,
        }
    }
}

/// Somebody who reads now and then; dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Reader {
    reads: Arc<Reads>,
    principal: Principal,
    turns: Arc<Semaphore>,
    follows: bool,
}

/// May read now.
#[must_use]
pub(super) struct Turn {
    _own: Option<OwnedSemaphorePermit>,
    _shared: Option<OwnedSemaphorePermit>,
}

impl Reads {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            at_once: Arc::new(Semaphore::new(limits::READS_AT_ONCE_MAX)),
            by_principal: Mutex::default(),
            #[cfg(test)]
            waiting: std::sync::atomic::AtomicUsize::default(),
        })
    }

    /// One more reader of a principal, if it has not too many.
    pub(super) fn reader(self: &Arc<Self>, principal: &Principal) -> Result<Reader, Failure> {
        self.one_more(principal, false)
    }

    /// Somebody who watches, or waits to begin a watch or a session.
    pub(super) fn follower(self: &Arc<Self>, principal: &Principal) -> Result<Reader, Failure> {
        self.one_more(principal, true)
    }

    fn one_more(self: &Arc<Self>, principal: &Principal, follows: bool) -> Result<Reader, Failure> {
        let mut by_principal = self.by_principal();
        let own = by_principal.entry(principal.clone()).or_default();
        let (count, max, sentence) = match follows {
            false => (
                &mut own.readers,
                limits::READERS_PER_PRINCIPAL_MAX,
                "too many of your reads are under way",
            ),
            true => (
                &mut own.followers,
                limits::FOLLOWERS_PER_PRINCIPAL_MAX,
                "too many of your watches and sessions begin at once",
            ),
        };
        if *count >= max {
            return Err(Failure::new(ErrorCode::Overloaded, sentence));
        }
        *count = count.saturating_add(1);
        let turns = Arc::clone(&own.turns);
        drop(by_principal);
        Ok(Reader {
            reads: Arc::clone(self),
            principal: principal.clone(),
            turns,
            follows,
        })
    }

    /// How many readers there are.
    #[cfg(test)]
    pub(super) fn readers(&self) -> usize {
        self.by_principal().values().map(|own| own.readers).sum()
    }

    /// How many wait for a turn.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Nothing that holds the lock panics halfway.
    fn by_principal(&self) -> MutexGuard<'_, BTreeMap<Principal, Own>> {
        self.by_principal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Waits for a turn: the principal's own first, so that those who wait for all are few. Dropping the future withdraws it.
    pub(super) async fn turn(&self) -> Turn {
        #[cfg(test)]
        let _waits = Waits::of(&self.reads);
        // Neither semaphore is ever closed.
        let own = Arc::clone(&self.turns).acquire_owned().await.ok();
        let shared = Arc::clone(&self.reads.at_once).acquire_owned().await.ok();
        Turn {
            _own: own,
            _shared: shared,
        }
    }
}

/// Somebody waits for a turn.
#[cfg(test)]
struct Waits<'a>(&'a Reads);

#[cfg(test)]
impl<'a> Waits<'a> {
    fn of(reads: &'a Reads) -> Self {
        reads.waiting.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Self(reads)
    }
}

#[cfg(test)]
impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut by_principal = self.reads.by_principal();
        if let Some(own) = by_principal.get_mut(&self.principal) {
            let left = match self.follows {
                true => &mut own.followers,
                false => &mut own.readers,
            };
            *left = left.saturating_sub(1);
            if own.readers == 0 && own.followers == 0 {
                by_principal.remove(&self.principal);
            }
        }
    }
}
