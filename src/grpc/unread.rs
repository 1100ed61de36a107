//! Answers that their peers have not read yet, in bytes and by principal: what waits for a peer is memory that all share.
//! Whoever is about to answer waits until there is room; what an answer then takes is charged until the connection has
//! written it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::watch;

use super::CallMeters;
use crate::domain::Principal;

/// The accounts of all principals. Clones are the same.
#[derive(Clone)]
pub(super) struct Unread(Arc<Shared>);

struct Shared {
    bytes_max: usize,
    meters: Option<CallMeters>,
    /// An account lives as long as anything is under way for its principal. None: whoever is not enrolled.
    accounts: Mutex<HashMap<Option<Principal>, Weak<Account>>>,
}

/// How many bytes wait, of one principal or one stream.
#[derive(Debug)]
pub(super) struct Account {
    bytes_max: usize,
    held: watch::Sender<usize>,
    meters: Option<CallMeters>,
}

impl Unread {
    /// Accounts of `bytes_max` bytes each.
    pub(super) fn new(bytes_max: usize, meters: CallMeters) -> Self {
        Self::of(bytes_max, Some(meters))
    }

    /// The same, without meters.
    pub(super) fn unseen(bytes_max: usize) -> Self {
        Self::of(bytes_max, None)
    }

    fn of(bytes_max: usize, meters: Option<CallMeters>) -> Self {
        Self(Arc::new(Shared {
            bytes_max,
            meters,
            accounts: Mutex::default(),
        }))
    }

    /// A principal's account.
    pub(super) fn account(&self, principal: Option<&Principal>) -> Arc<Account> {
        let mut accounts = self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = principal.cloned();
        if let Some(account) = accounts.get(&key).and_then(Weak::upgrade) {
            return account;
        }
        // There are never many more than those that live.
        if accounts.len() == accounts.capacity() {
            accounts.retain(|_, account| account.strong_count() > 0);
        }
        let account = Account::new(self.0.bytes_max, self.0.meters.clone());
        accounts.insert(key, Arc::downgrade(&account));
        account
    }
}

impl Account {
    fn new(bytes_max: usize, meters: Option<CallMeters>) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            held: watch::Sender::new(0),
            meters,
        })
    }

    /// An account of one stream's own.
    pub(super) fn of_stream(bytes_max: usize) -> Arc<Self> {
        Self::new(bytes_max, None)
    }

    /// Waits until there is room for this many bytes, and takes it. Whoever asks for more than there is in all gets it
    /// when nothing else waits. Dropping the future takes nothing.
    pub(super) async fn reserve(self: &Arc<Self>, bytes: usize) -> Charge {
        let mut held = self.held.subscribe();
        loop {
            held.mark_unchanged();
            let taken = self.held.send_if_modified(|held| {
                let room = *held == 0 || held.saturating_add(bytes) <= self.bytes_max;
                if room {
                    *held = held.saturating_add(bytes);
                }
                room
            });
            if taken {
                self.shown(bytes, 0);
                return Charge {
                    account: Arc::clone(self),
                    bytes,
                };
            }
            // The sender is ours.
            let _ = held.changed().await;
        }
    }

    /// Takes room whether or not there is any: for what is there already.
    pub(super) fn charge(self: &Arc<Self>, bytes: usize) -> Charge {
        let mut charge = Charge {
            account: Arc::clone(self),
            bytes: 0,
        };
        charge.set(bytes);
        charge
    }

    /// How many bytes wait.
    pub(super) fn held(&self) -> usize {
        *self.held.borrow()
    }

    fn shown(&self, more: usize, less: usize) {
        if let Some(meters) = &self.meters {
            meters.unread(more, less);
        }
    }
}

/// Some bytes that wait; dropping it says that they wait no more.
#[derive(Debug)]
pub(super) struct Charge {
    account: Arc<Account>,
    bytes: usize,
}

impl Charge {
    /// Now it is this many.
    pub(super) fn set(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.bytes, bytes);
        if before == bytes {
            return;
        }
        let change = |held: &mut usize| *held = held.saturating_sub(before).saturating_add(bytes);
        self.account.held.send_modify(change);
        self.account.shown(bytes, before);
    }

    /// How many bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes over another one's bytes, which are of the same account.
    pub(super) fn join(&mut self, mut other: Self) {
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut other.bytes));
    }

    /// Takes up to this many bytes into a charge of their own.
    pub(super) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        Self {
            account: Arc::clone(&self.account),
            bytes,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// What one stream may have waiting: a part of its own, out of its principal's.
#[derive(Debug, Clone)]
pub(super) struct Share {
    own: Arc<Account>,
    principal: Arc<Account>,
}

impl Share {
    pub(super) fn new(own_bytes_max: usize, principal: Arc<Account>) -> Self {
        Self {
            own: Account::of_stream(own_bytes_max),
            principal,
        }
    }

    /// Returns when one more answer may be made: when none of this stream's waits, so that a stream that is read goes on
    /// whatever others do; else when there is room for it. Dropping the future loses nothing.
    pub(super) async fn room(&self) {
        let (mut own, mut principal) = (self.own.held.subscribe(), self.principal.held.subscribe());
        loop {
            own.mark_unchanged();
            principal.mark_unchanged();
            let room = |account: &Account| account.held() < account.bytes_max;
            if self.own.held() == 0 || (room(&self.own) && room(&self.principal)) {
                return;
            }
            // The senders are in `self`.
            tokio::select! {
                _ = own.changed() => {}
                _ = principal.changed() => {}
            }
        }
    }

    /// Takes room for an answer.
    pub(super) fn charge(&self, bytes: usize) -> ShareCharge {
        ShareCharge {
            own: self.own.charge(bytes),
            principal: self.principal.charge(bytes),
        }
    }
}

/// An answer of one stream that waits.
#[derive(Debug)]
pub(super) struct ShareCharge {
    own: Charge,
    principal: Charge,
}

impl ShareCharge {
    /// Now it is this many bytes.
    pub(super) fn set(&mut self, bytes: usize) {
        self.own.set(bytes);
        self.principal.set(bytes);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::FutureExt as _;
    use prometheus_client::registry::Registry;

    use super::*;

    fn unread(bytes_max: usize) -> Unread {
        Unread::new(bytes_max, CallMeters::new(&mut Registry::default()))
    }

    fn principal(name: &str) -> Principal {
        name.parse().unwrap()
    }

    /// Room is taken until there is none, waited for, and given back in whole or in parts; another principal has its own.
    #[tokio::test]
    async fn a_principal_has_so_much_room() {
        let unread = unread(100);
        let account = unread.account(Some(&principal("us.ctc")));
        let mut first = account.reserve(60).await;
        let same = unread.account(Some(&principal("us.ctc")));
        assert!(same.reserve(41).now_or_never().is_none());
        assert!(same.reserve(40).now_or_never().is_some());
        let other = unread.account(Some(&principal("ru.ctc")));
        assert!(other.reserve(100).now_or_never().is_some());

        let waiting = tokio::spawn(async move { same.reserve(100).await });
        let part = first.split(20);
        first.set(10);
        assert_eq!(account.held(), 30);
        drop(part);
        drop(first);
        assert_eq!(waiting.await.unwrap().bytes, 100);
    }

    /// What is larger than all the room gets it when nothing else waits, and what is there already is charged beyond it.
    #[tokio::test]
    async fn more_than_there_is_room_for_is_not_lost() {
        let account = Account::of_stream(10);
        let large = account.reserve(11).now_or_never().unwrap();
        assert!(account.reserve(1).now_or_never().is_none());
        drop(large);
        let _there = account.charge(1_000);
        assert!(account.reserve(1).now_or_never().is_none());
    }

    /// A stream waits for room in its own part and in its principal's, but one that is read goes on whatever its
    /// siblings do.
    #[tokio::test]
    async fn a_stream_that_is_read_goes_on() {
        let account = unread(100).account(None);
        let (greedy, modest) = (Share::new(50, Arc::clone(&account)), Share::new(50, account));
        let mut held = vec![greedy.charge(50)];
        assert!(greedy.room().now_or_never().is_none());
        held.push(modest.charge(49));
        assert!(modest.room().now_or_never().is_some());
        held.push(modest.charge(1));
        assert!(modest.room().now_or_never().is_none(), "neither has room");
        held.truncate(1);
        let _all = greedy.charge(50);
        assert!(modest.room().now_or_never().is_some(), "nothing of its own waits");
        let _own = modest.charge(1);
        assert!(modest.room().now_or_never().is_none());
    }

    /// Accounts of those who have gone are forgotten.
    #[test]
    fn accounts_are_forgotten() {
        let unread = unread(1);
        for number in 0..1_000 {
            unread.account(Some(&principal(&format!("us.a{number}"))));
        }
        assert!(unread.0.accounts.lock().unwrap().len() < 64);
    }
}
