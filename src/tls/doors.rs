//! Who may connect, and how many at a time. Handshakes under way, strangers (a key that nobody has enrolled) and the
//! connections of each principal have rooms of their own, so that nobody can fill another's. Nothing here touches a
//! socket: a connection holds a [`Place`], and is cut through the place's token.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::meters::ConnectionMeters;
use crate::domain::{KeyId, Principal};
use crate::limits;

/// Whose key this is, by the durable directory.
pub type WhoIs = Arc<dyn Fn(&KeyId) -> Option<Principal> + Send + Sync>;

/// What an operator may lower.
#[derive(Debug, Clone, Copy)]
pub struct AcceptLimits {
    /// Connections of enrolled agencies at a time.
    pub connections_max: usize,
    /// Connections of one principal at a time.
    pub connections_per_principal_max: usize,
    /// Handshakes at a time.
    pub handshakes_max: usize,
    /// Handshakes of one address at a time.
    pub handshakes_per_address_max: usize,
    /// How long a handshake may take.
    pub handshake_ms_max: u64,
    /// Connections of keys that nobody has enrolled, at a time.
    pub strangers_max: usize,
    /// How long such a connection lives.
    pub stranger_ms_max: u64,
    /// How long a connection may not take what is written to it.
    pub stall_ms_max: u64,
}

impl Default for AcceptLimits {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            connections_per_principal_max: limits::CONNECTIONS_PER_PRINCIPAL_MAX,
            handshakes_max: limits::HANDSHAKES_MAX,
            handshakes_per_address_max: limits::HANDSHAKES_PER_ADDRESS_MAX,
            handshake_ms_max: limits::HANDSHAKE_MS_MAX,
            strangers_max: limits::STRANGERS_MAX,
            stranger_ms_max: limits::STRANGER_MS_MAX,
            stall_ms_max: limits::SESSION_STALL_MS_MAX,
        }
    }
}

/// Why a connection was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TurnedAway {
    /// There are as many handshakes as may be, all of them young.
    Handshakes,
    /// There are as many handshakes of this address as may be.
    Address,
    /// The handshake failed.
    Failed,
    /// The handshake took too long.
    Slow,
    /// It was the oldest in a full room, and gave way.
    Displaced,
    /// There are as many strangers as may be, all of them young.
    Strangers,
    /// Its principal has as many connections as it may.
    Principal,
    /// There are nearly as many connections as may be, and its principal has some.
    Crowded,
    /// There are as many connections as may be.
    All,
}

impl TurnedAway {
    /// As a label of a metric. Never reused.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Handshakes => "handshakes",
            Self::Address => "address",
            Self::Failed => "handshake_failed",
            Self::Slow => "handshake_slow",
            Self::Displaced => "displaced",
            Self::Strangers => "strangers",
            Self::Principal => "principal",
            Self::Crowded => "crowded",
            Self::All => "all",
        }
    }
}

/// Who may connect. Clones are the same.
#[derive(Clone)]
pub struct Doors(Arc<Shared>);

struct Shared {
    limits: AcceptLimits,
    who_is: WhoIs,
    meters: ConnectionMeters,
    rooms: Mutex<Rooms>,
}

/// Each room by number, and so by age.
#[derive(Default)]
struct Rooms {
    next: u64,
    handshakes: BTreeMap<u64, Handshake>,
    by_source: HashMap<IpAddr, usize>,
    strangers: BTreeMap<u64, Stranger>,
    enrolled: BTreeMap<u64, Enrolled>,
    by_principal: HashMap<Principal, usize>,
    /// Of `enrolled`, those of operators.
    operators: usize,
}

struct Handshake {
    source: IpAddr,
    since: Instant,
    cut: CancellationToken,
}

struct Stranger {
    since: Instant,
    cut: CancellationToken,
}

struct Enrolled {
    principal: Principal,
    keyid: KeyId,
    cut: CancellationToken,
}

impl Doors {
    /// Doors that ask `who_is` for the principal of a key.
    pub fn new(limits: AcceptLimits, who_is: WhoIs, meters: ConnectionMeters) -> Self {
        Self(Arc::new(Shared {
            limits,
            who_is,
            meters,
            rooms: Mutex::default(),
        }))
    }

    pub(super) fn limits(&self) -> &AcceptLimits {
        &self.0.limits
    }

    pub(super) fn meters(&self) -> &ConnectionMeters {
        &self.0.meters
    }

    /// A place for a handshake; `cut` will cut the connection.
    pub(super) fn arrive(
        &self,
        address: IpAddr,
        cut: CancellationToken,
        now: Instant,
    ) -> Result<Place, TurnedAway> {
        let (limits, source) = (&self.0.limits, source(address));
        let mut rooms = self.rooms();
        if rooms.by_source.get(&source).copied().unwrap_or(0) >= limits.handshakes_per_address_max {
            return Err(TurnedAway::Address);
        }
        if rooms.handshakes.len() >= limits.handshakes_max {
            let oldest = rooms.handshakes.first_key_value();
            let oldest = oldest.filter(|(_, oldest)| had_time(oldest.since, now));
            let (number, cut) = oldest
                .map(|(number, oldest)| (*number, oldest.cut.clone()))
                .ok_or(TurnedAway::Handshakes)?;
            self.displace(&mut rooms, number, &cut);
        }
        let number = rooms.next;
        rooms.next = number.saturating_add(1);
        let handshake = Handshake {
            source,
            since: now,
            cut: cut.clone(),
        };
        rooms.handshakes.insert(number, handshake);
        let count = rooms.by_source.entry(source).or_default();
        *count = count.saturating_add(1);
        self.show(&rooms);
        Ok(Place {
            doors: self.clone(),
            number,
            cut,
        })
    }

    /// Takes whoever has proven `keyid` from the handshakes to where it belongs.
    pub(super) fn admit(&self, place: &Place, keyid: &KeyId, now: Instant) -> Result<(), TurnedAway> {
        let mut rooms = self.rooms();
        if !rooms.remove(place.number) {
            return Err(TurnedAway::Displaced);
        }
        // Asked under the lock: a change of the directory is either seen here or finds this connection in its room.
        let admitted = match (self.0.who_is)(keyid) {
            Some(principal) => self.admit_principal(&mut rooms, place, *keyid, principal),
            None => self.admit_stranger(&mut rooms, place, now),
        };
        self.show(&rooms);
        admitted
    }

    fn admit_principal(
        &self,
        rooms: &mut Rooms,
        place: &Place,
        keyid: KeyId,
        principal: Principal,
    ) -> Result<(), TurnedAway> {
        let limits = &self.0.limits;
        let own = rooms.by_principal.get(&principal).copied().unwrap_or(0);
        if own >= limits.connections_per_principal_max {
            return Err(TurnedAway::Principal);
        }
        // Operators are few, and must come in when all else is full.
        if !is_operator(&principal) {
            let taken = rooms.enrolled.len().saturating_sub(rooms.operators);
            if taken >= limits.connections_max {
                return Err(TurnedAway::All);
            }
            // The last quarter is for those who have few: a handful of principals cannot keep the others out.
            let crowded = taken.saturating_mul(4) >= limits.connections_max.saturating_mul(3);
            if crowded && own >= limits::CONNECTIONS_FEW {
                return Err(TurnedAway::Crowded);
            }
        }
        let cut = place.cut.clone();
        rooms.enter(
            place.number,
            Enrolled {
                principal,
                keyid,
                cut,
            },
        );
        Ok(())
    }

    fn admit_stranger(&self, rooms: &mut Rooms, place: &Place, now: Instant) -> Result<(), TurnedAway> {
        if rooms.strangers.len() >= self.0.limits.strangers_max {
            let oldest = rooms.strangers.first_key_value();
            let oldest = oldest.filter(|(_, oldest)| had_time(oldest.since, now));
            let (number, cut) = oldest
                .map(|(number, oldest)| (*number, oldest.cut.clone()))
                .ok_or(TurnedAway::Strangers)?;
            self.displace(rooms, number, &cut);
        }
        let cut = place.cut.clone();
        rooms.strangers.insert(
            place.number,
            Stranger {
                since: now,
                cut: cut.clone(),
            },
        );
        self.cut_soon(cut);
        Ok(())
    }

    /// Looks at every connection again after the directory has changed. One whose key is its principal's no more gives
    /// its room up at once, and is cut when those who use it have had the time to be told.
    pub fn recheck(&self) {
        let mut rooms = self.rooms();
        let gone: Vec<u64> = rooms
            .enrolled
            .iter()
            .filter(|(_, enrolled)| (self.0.who_is)(&enrolled.keyid).as_ref() != Some(&enrolled.principal))
            .map(|(number, _)| *number)
            .collect();
        for number in gone {
            if let Some(enrolled) = rooms.enrolled.get(&number) {
                self.cut_soon(enrolled.cut.clone());
            }
            rooms.remove(number);
        }
        self.show(&rooms);
    }

    fn displace(&self, rooms: &mut Rooms, number: u64, cut: &CancellationToken) {
        rooms.remove(number);
        cut.cancel();
        self.0.meters.turned_away(TurnedAway::Displaced);
    }

    fn cut_soon(&self, cut: CancellationToken) {
        let life = Duration::from_millis(self.0.limits.stranger_ms_max);
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(life) => cut.cancel(),
                () = cut.cancelled() => {}
            }
        });
    }

    fn show(&self, rooms: &Rooms) {
        let (handshakes, strangers) = (rooms.handshakes.len(), rooms.strangers.len());
        self.0.meters.open(handshakes, strangers, rooms.enrolled.len());
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        // Nothing that holds it panics halfway.
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rooms {
    fn enter(&mut self, number: u64, enrolled: Enrolled) {
        let own = self.by_principal.entry(enrolled.principal.clone()).or_default();
        *own = own.saturating_add(1);
        if is_operator(&enrolled.principal) {
            self.operators = self.operators.saturating_add(1);
        }
        self.enrolled.insert(number, enrolled);
    }

    /// Takes a connection out of whichever room it is in; false: it is in none.
    fn remove(&mut self, number: u64) -> bool {
        if let Some(handshake) = self.handshakes.remove(&number) {
            one_less(&mut self.by_source, &handshake.source);
        } else if let Some(enrolled) = self.enrolled.remove(&number) {
            one_less(&mut self.by_principal, &enrolled.principal);
            if is_operator(&enrolled.principal) {
                self.operators = self.operators.saturating_sub(1);
            }
        } else {
            return self.strangers.remove(&number).is_some();
        }
        true
    }
}

fn one_less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn is_operator(principal: &Principal) -> bool {
    match principal {
        Principal::Operator(_) => true,
        Principal::Agency(_) | Principal::Root(_) => false,
    }
}

/// An honest peer is done by then.
fn had_time(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) >= Duration::from_millis(limits::DISPLACED_AFTER_MS)
}

/// What is counted as one address: whoever has an IPv6 address has the whole /64 of it.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

/// A connection's place; dropping it gives it up.
pub(super) struct Place {
    doors: Doors,
    number: u64,
    cut: CancellationToken,
}

impl Place {
    /// Cuts the connection.
    pub(super) fn cut(&self) -> &CancellationToken {
        &self.cut
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut rooms = self.doors.rooms();
        rooms.remove(self.number);
        self.doors.show(&rooms);
        drop(rooms);
        // Ends the timer of a brief one.
        self.cut.cancel();
    }
}

#[cfg(test)]
#[path = "doors_tests.rs"]
mod tests;
