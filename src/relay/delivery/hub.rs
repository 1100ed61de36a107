//! Who waits for what: sessions by desk, watches by warning. The sequencer tells the hub what each block changed; the
//! hub merges it into mailboxes of bounded size, so that a slow session costs nothing but its own progress.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::domain::{DeskAddress, Digest, Principal};
use crate::ledger::Change;
use crate::limits;

/// What blocks changed for those who wait.
#[derive(Debug, Default)]
pub(in crate::relay) struct News {
    desks: BTreeMap<DeskAddress, DeskNews>,
    warnings: BTreeMap<Digest, BTreeSet<DeskAddress>>,
}

#[derive(Debug, Default)]
struct DeskNews {
    newest: u64,
    settled: Vec<u64>,
}

impl News {
    /// Notes one change.
    pub(in crate::relay) fn note(&mut self, change: &Change) {
        match change {
            Change::Inbox { desk, number, .. } => {
                let news = self.desks.entry(desk.clone()).or_default();
                news.newest = news.newest.max(*number);
            }
            Change::Settled { desk, number, .. } => {
                self.desks.entry(desk.clone()).or_default().settled.push(*number);
            }
            Change::ThreadRecord { thread, .. } => {
                let moved = self.warnings.entry(thread.warning).or_default();
                moved.insert(thread.desk.clone());
            }
            Change::Time(_)
            | Change::Id(..)
            | Change::Warning(..)
            | Change::Thread(..)
            | Change::Pending { .. }
            | Change::Outgoing { .. }
            | Change::Kept { .. }
            | Change::Erased { .. }
            | Change::Rejected(..)
            | Change::DirectoryRecord { .. } => {}
        }
    }
}

/// What a session has not looked at yet.
#[derive(Debug, Default)]
pub(in crate::relay) struct Mail {
    /// The desk's newest inbox number, if it has grown.
    pub(in crate::relay) newest: u64,
    /// Numbers that wait no more. More than the bound are dropped: the session asks the index before it sends.
    pub(in crate::relay) settled: Vec<u64>,
    /// Credit that the client gave.
    pub(in crate::relay) credit: u32,
    /// The number that was written to the stream; one at a time is under way.
    pub(in crate::relay) written: Option<u64>,
    /// The client is gone.
    pub(in crate::relay) closed: bool,
}

/// A session's mailbox.
#[derive(Debug, Default)]
pub(in crate::relay) struct Mailbox {
    mail: Mutex<Mail>,
    bell: Notify,
}

impl Mailbox {
    /// Puts something in and rings.
    pub(in crate::relay) fn put(&self, change: impl FnOnce(&mut Mail)) {
        change(&mut locked(&self.mail));
        self.bell.notify_one();
    }

    /// Waits for the bell and takes everything. Dropping the future loses nothing.
    pub(in crate::relay) async fn mail(&self) -> Mail {
        self.bell.notified().await;
        std::mem::take(&mut *locked(&self.mail))
    }
}

/// Which threads of a warning have moved since a watch looked.
#[derive(Debug, Default)]
pub(in crate::relay) enum Moved {
    /// These.
    Desks(BTreeSet<DeskAddress>),
    /// So many that they are not told apart.
    #[default]
    Any,
}

/// A watch's bell, with what it rings for.
#[derive(Debug)]
pub(in crate::relay) struct WatchBell {
    moved: Mutex<Moved>,
    bell: Notify,
}

/// The first look is at everything.
impl Default for WatchBell {
    fn default() -> Self {
        Self {
            moved: Mutex::new(Moved::Any),
            bell: Notify::new(),
        }
    }
}

impl WatchBell {
    fn ring(&self, desks: &BTreeSet<DeskAddress>) {
        let mut moved = locked(&self.moved);
        if let Moved::Desks(known) = &mut *moved {
            known.extend(desks.iter().cloned());
            if known.len() > limits::WATCH_MOVED_MAX {
                *moved = Moved::Any;
            }
        }
        drop(moved);
        self.bell.notify_one();
    }

    /// Waits for the bell. Dropping the future loses nothing.
    pub(in crate::relay) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Takes what has moved.
    pub(in crate::relay) fn moved(&self) -> Moved {
        std::mem::replace(&mut *locked(&self.moved), Moved::Desks(BTreeSet::new()))
    }
}

/// Who waits for what.
#[derive(Debug, Default)]
pub(in crate::relay) struct Hub {
    sessions: Registry<DeskAddress, Mailbox>,
    watches: Registry<Digest, WatchBell>,
    /// Of each, by whose they are: watches take no room from sessions.
    session_owners: Registry<Principal, ()>,
    watch_owners: Registry<Principal, ()>,
}

impl Hub {
    /// A mailbox for `owner`'s session of `desk`; none: a bound is reached.
    pub(in crate::relay) fn session(
        &self,
        owner: &Principal,
        desk: &DeskAddress,
    ) -> Option<Seat<DeskAddress, Mailbox>> {
        let seat = self.session_owners.place(owner.clone(), has_seat)?;
        let of_a_desk = |own, _| own < limits::SESSIONS_PER_DESK_MAX;
        let place = self.sessions.place(desk.clone(), of_a_desk)?;
        Some(Seat { place, _owner: seat })
    }

    /// A bell for `owner`'s watch of `warning`; none: a bound is reached.
    pub(in crate::relay) fn watch(
        &self,
        owner: &Principal,
        warning: Digest,
    ) -> Option<Seat<Digest, WatchBell>> {
        let seat = self.watch_owners.place(owner.clone(), has_seat)?;
        let place = self.watches.place(warning, |_, _| true)?;
        Some(Seat { place, _owner: seat })
    }

    /// Tells everyone concerned.
    pub(in crate::relay) fn tell(&self, news: News) {
        for (desk, news) in news.desks {
            self.sessions.each(&desk, |mailbox| {
                mailbox.put(|mail| {
                    mail.newest = mail.newest.max(news.newest);
                    let room = (limits::SESSION_CREDIT_MAX as usize).saturating_sub(mail.settled.len());
                    mail.settled.extend(news.settled.iter().take(room));
                });
            });
        }
        for (warning, desks) in news.warnings {
            self.watches.each(&warning, |watch| watch.ring(&desks));
        }
    }

    /// Delivery sessions now.
    pub(in crate::relay) fn sessions(&self) -> usize {
        self.sessions.count()
    }

    /// Delivery sessions of a desk now.
    pub(in crate::relay) fn sessions_of(&self, desk: &DeskAddress) -> usize {
        self.sessions.count_of(desk)
    }

    /// Watches now.
    pub(in crate::relay) fn watches(&self) -> usize {
        self.watches.count()
    }
}

/// Whether somebody with so many of all these seats gets another. The last quarter of the room is for those who have few:
/// some who come with many principals leave a seat for a desk that comes back.
const fn has_seat(own: usize, all: usize) -> bool {
    let room = match own < limits::SESSIONS_FEW {
        true => limits::SESSIONS_MAX,
        false => limits::SESSIONS_MAX - limits::SESSIONS_MAX / 4,
    };
    own < limits::SESSIONS_PER_PRINCIPAL_MAX && all < room
}

/// Those who wait, by what they wait for. A place that is dropped is gone.
#[derive(Debug)]
struct Registry<K, T>(Arc<Mutex<Places<K, T>>>);

#[derive(Debug)]
struct Places<K, T> {
    by_key: HashMap<K, Vec<Weak<T>>>,
    count: usize,
}

impl<K, T> Default for Registry<K, T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Places {
            by_key: HashMap::new(),
            count: 0,
        })))
    }
}

impl<K: Eq + Hash + Clone, T: Default> Registry<K, T> {
    /// A place, if there is one for a key that has so many already, of so many in all.
    fn place(&self, key: K, has_room: impl FnOnce(usize, usize) -> bool) -> Option<Place<K, T>> {
        let mut places = locked(&self.0);
        let own = places.by_key.get(&key).map_or(0, Vec::len);
        if !has_room(own, places.count) {
            return None;
        }
        let waiting = places.by_key.entry(key.clone()).or_default();
        let mailbox = Arc::new(T::default());
        waiting.push(Arc::downgrade(&mailbox));
        places.count = places.count.saturating_add(1);
        drop(places);
        Some(Place {
            registry: Arc::clone(&self.0),
            key,
            mailbox,
        })
    }

    fn each(&self, key: &K, tell: impl Fn(&T)) {
        for mailbox in locked(&self.0).by_key.get(key).into_iter().flatten() {
            if let Some(mailbox) = mailbox.upgrade() {
                tell(&mailbox);
            }
        }
    }

    fn count(&self) -> usize {
        locked(&self.0).count
    }

    fn count_of(&self, key: &K) -> usize {
        locked(&self.0).by_key.get(key).map_or(0, Vec::len)
    }
}

/// A session's or watch's place, and its owner's; dropping it gives both up.
#[derive(Debug)]
pub(in crate::relay) struct Seat<K: Eq + Hash, T> {
    place: Place<K, T>,
    _owner: Place<Principal, ()>,
}

impl<K: Eq + Hash, T> Seat<K, T> {
    /// What the hub tells this one through.
    pub(in crate::relay) fn mailbox(&self) -> &Arc<T> {
        &self.place.mailbox
    }
}

/// A place among those who wait; dropping it gives it up.
#[derive(Debug)]
struct Place<K: Eq + Hash, T> {
    registry: Arc<Mutex<Places<K, T>>>,
    key: K,
    mailbox: Arc<T>,
}

impl<K: Eq + Hash, T> Drop for Place<K, T> {
    fn drop(&mut self) {
        let mut places = locked(&self.registry);
        let own = Arc::downgrade(&self.mailbox);
        if let Some(waiting) = places.by_key.get_mut(&self.key) {
            waiting.retain(|other| !other.ptr_eq(&own));
            if waiting.is_empty() {
                places.by_key.remove(&self.key);
            }
            places.count = places.count.saturating_sub(1);
        }
    }
}

/// Nothing that holds one of these locks panics halfway.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn desk(text: &str) -> DeskAddress {
        text.parse().unwrap()
    }

    fn owner(text: &str) -> Principal {
        text.parse().unwrap()
    }

    /// One principal's watches leave room for everybody else's, and all of them together leave all sessions theirs.
    #[test]
    fn nobody_takes_the_room_of_the_others() {
        let hub = Hub::default();
        let greedy = owner("ru.ctc");
        let mut watches: Vec<_> = (0..limits::SESSIONS_PER_PRINCIPAL_MAX)
            .map(|_| hub.watch(&greedy, Digest::default()).unwrap())
            .collect();
        assert!(hub.watch(&greedy, Digest::default()).is_none());
        assert!(hub.watch(&owner("fr.ctc"), Digest::default()).is_some());
        for agency in 0..limits::SESSIONS_MAX {
            let other = owner(&format!("us.a{agency}"));
            watches.extend(hub.watch(&other, Digest::default()));
        }
        assert_eq!(hub.watches(), limits::SESSIONS_MAX);
        assert!(hub.session(&greedy, &desk("ru.ctc")).is_some());
        drop(watches);
        assert!(hub.watch(&greedy, Digest::default()).is_some());
    }

    /// Eight principals that take every seat they get leave the last quarter: a desk that comes back finds one, and so
    /// does a watch.
    #[test]
    fn some_who_have_many_leave_seats_for_the_others() {
        let hub = Hub::default();
        let (mut sessions, mut watches) = (Vec::new(), Vec::new());
        for agency in 0..8 {
            let greedy = owner(&format!("ru.a{agency}"));
            for number in 0..limits::SESSIONS_PER_PRINCIPAL_MAX {
                let desk = desk(&format!("ru.a{agency}/d{number}"));
                sessions.extend(hub.session(&greedy, &desk));
                watches.extend(hub.watch(&greedy, Digest::default()));
            }
        }
        let most = limits::SESSIONS_MAX - limits::SESSIONS_MAX / 4 + 8 * limits::SESSIONS_FEW;
        assert!(hub.sessions() <= most && hub.watches() <= most);
        for _ in 0..limits::SESSIONS_FEW {
            sessions.push(hub.session(&owner("us.ctc"), &desk("us.ctc")).unwrap());
            watches.push(hub.watch(&owner("us.ctc"), Digest::default()).unwrap());
        }
    }

    /// News reach the sessions of their desk, all of them, merged; and nobody else.
    #[tokio::test]
    async fn news_are_merged_for_every_session_of_the_desk() {
        let hub = Hub::default();
        let desks = [desk("be.ctc"), desk("be.ctc"), desk("ru.ctc")];
        let places: Vec<_> = desks
            .iter()
            .map(|desk| hub.session(&owner("ru.ctc"), desk).unwrap())
            .collect();
        for number in [1, 2] {
            let mut news = News::default();
            let warning = Digest::default();
            let desk = desk("be.ctc");
            news.note(&Change::Inbox {
                desk: desk.clone(),
                number,
                warning,
                index: 7,
            });
            news.note(&Change::Settled {
                desk,
                lane: None,
                number,
                warning,
            });
            hub.tell(news);
        }
        for place in places.iter().take(2) {
            let mail = place.mailbox().mail().await;
            assert_eq!((mail.newest, mail.settled), (2, vec![1, 2]));
        }
        let other = locked(&places.last().unwrap().mailbox().mail).newest;
        assert_eq!(other, 0);
    }

    /// A desk has a bounded number of sessions, and one that ends makes room.
    #[test]
    fn sessions_of_a_desk_are_bounded() {
        let hub = Hub::default();
        let mut places: Vec<_> = (0..limits::SESSIONS_PER_DESK_MAX)
            .map(|_| hub.session(&owner("be.ctc"), &desk("be.ctc")).unwrap())
            .collect();
        assert!(hub.session(&owner("be.ctc"), &desk("be.ctc")).is_none());
        assert!(hub.session(&owner("ru.ctc"), &desk("ru.ctc")).is_some());
        places.pop();
        assert_eq!(
            hub.sessions_of(&desk("be.ctc")),
            limits::SESSIONS_PER_DESK_MAX - 1
        );
        assert!(hub.session(&owner("be.ctc"), &desk("be.ctc")).is_some());
        drop(places);
        assert_eq!(hub.sessions(), 0);
    }
}
