//! One delivery session as a pure machine: an event and the time in, actions out. It knows numbers of a desk's inbox
//! and nothing of journals or streams.
//!
//! Three things must hold. Nothing is sent without credit, and each sending takes one. Memory is bounded: the backlog
//! is read in batches, and of what was sent at most [`limits::SESSION_CREDIT_MAX`] are remembered; what is forgotten
//! is found again by a sweep. What waits is sent in the order of its numbers, and comes again, after
//! [`SessionTimes::redeliver_after_ms`], until it is settled.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::Ending;
use crate::error::ErrorCode;
use crate::limits;
use crate::time::Timestamp;

/// How long a session waits for what.
#[derive(Debug, Clone, Copy)]
pub struct SessionTimes {
    /// A session that does not take a delivery for this long is cut off.
    pub stall_ms_max: u64,
    /// What is not `RECEIVED` comes again on the same session after this long.
    pub redeliver_after_ms: u64,
}

impl Default for SessionTimes {
    fn default() -> Self {
        Self {
            stall_ms_max: limits::SESSION_STALL_MS_MAX,
            redeliver_after_ms: limits::REDELIVER_AFTER_MS,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The session began: what the client may be sent, and the desk's newest inbox number.
    Opened { credit: u32, newest: u64 },
    /// More may be sent.
    Credit(u32),
    /// The desk's newest inbox number has grown.
    Routed(u64),
    /// The warning with this number waits no more.
    Settled(u64),
    /// What was asked for by [`Action::Load`]: the numbers that wait, ascending.
    Loaded { pass: Pass, waiting: Vec<u64> },
    /// What was asked for by [`Action::Send`] stands in the stream.
    Written,
    /// It was not sent, because it waits no more.
    Gone,
    /// The time asked for by [`Action::WakeAt`] has come.
    Tick,
    /// The session is to end.
    End(Ending),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Answer with [`Event::Loaded`]: the first `limit` numbers above `after` that wait.
    Load { pass: Pass, after: u64, limit: usize },
    /// Write this one to the stream; answer with [`Event::Written`] or [`Event::Gone`]. One at a time.
    Send { number: u64, repeated: u32 },
    /// Say that what waited when the session began has been sent: up to the number that was the newest then.
    CaughtUp { newest: u64 },
    /// Come back with [`Event::Tick`] at this time; replaces the earlier wish.
    WakeAt(Timestamp),
    /// Say so and stop; nothing follows.
    End(Ending),
}

/// Which reading of the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// What this session has not sent yet.
    Forward,
    /// What it has sent and forgotten.
    Sweep,
}

/// The machine.
#[derive(Debug)]
pub(super) struct Session {
    stall_ms: i64,
    redeliver_ms: i64,
    credit: u32,
    /// The desk's newest inbox number, as far as is known.
    newest: u64,
    forward: Cursor,
    sweep: Option<Sweep>,
    sending: Option<Sending>,
    /// Sent and not settled, by number.
    in_flight: BTreeMap<u64, InFlight>,
    /// The same by the time of sending.
    by_time: BTreeSet<(Timestamp, u64)>,
    forgotten: Option<Forgotten>,
    /// Until it is said: the newest number when the session began.
    catch_up: Option<u64>,
    ended: bool,
}

#[derive(Debug, Default)]
struct Cursor {
    /// Everything up to here was sent or waits no more.
    after: u64,
    loaded: VecDeque<u64>,
    /// A load is under way; what was the newest number when it was asked for.
    loading: Option<u64>,
}

#[derive(Debug)]
struct Sweep {
    cursor: Cursor,
    until: u64,
}

#[derive(Debug)]
struct Sending {
    number: u64,
    since: Timestamp,
    times: u32,
    settled: bool,
}

#[derive(Debug)]
struct InFlight {
    at: Timestamp,
    times: u32,
}

/// What was sent and is no longer in `in_flight`.
#[derive(Debug)]
struct Forgotten {
    from: u64,
    until: u64,
    due: Timestamp,
}

impl Session {
    /// A session that has not begun.
    pub(super) fn new(times: SessionTimes) -> Self {
        let ms = |ms| i64::try_from(ms).unwrap_or(i64::MAX);
        Self {
            stall_ms: ms(times.stall_ms_max),
            redeliver_ms: ms(times.redeliver_after_ms),
            credit: 0,
            newest: 0,
            forward: Cursor::default(),
            sweep: None,
            sending: None,
            in_flight: BTreeMap::new(),
            by_time: BTreeSet::new(),
            forgotten: None,
            catch_up: None,
            ended: false,
        }
    }

    /// Takes one event and says what is to be done, in order.
    pub(super) fn on(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        if self.ended {
            return Vec::new();
        }
        match event {
            Event::Opened { credit, newest } => {
                self.add_credit(credit);
                self.newest = newest;
                self.catch_up = Some(newest);
            }
            Event::Credit(credit) => self.add_credit(credit),
            Event::Routed(newest) => self.newest = self.newest.max(newest),
            Event::Settled(number) => self.settle(number),
            Event::Loaded { pass, waiting } => self.loaded(pass, waiting),
            Event::Written => self.written(now),
            Event::Gone => {
                if self.sending.take().is_some() {
                    self.add_credit(1);
                }
            }
            Event::Tick => {}
            Event::End(ending) => {
                self.ended = true;
                return vec![Action::End(ending)];
            }
        }
        let mut actions = Vec::new();
        self.go_on(now, &mut actions);
        actions
    }

    /// How many numbers are held in memory: what the tests bound.
    #[cfg(test)]
    fn held(&self) -> usize {
        let sweep = self.sweep.as_ref().map_or(0, |sweep| sweep.cursor.loaded.len());
        self.forward.loaded.len() + sweep + self.in_flight.len()
    }

    fn add_credit(&mut self, credit: u32) {
        self.credit = self.credit.saturating_add(credit).min(limits::SESSION_CREDIT_MAX);
    }

    fn settle(&mut self, number: u64) {
        if let Some(sent) = self.in_flight.remove(&number) {
            self.by_time.remove(&(sent.at, number));
        }
        self.forward.loaded.retain(|loaded| *loaded != number);
        if let Some(sweep) = &mut self.sweep {
            sweep.cursor.loaded.retain(|loaded| *loaded != number);
        }
        if let Some(sending) = self.sending.as_mut().filter(|sending| sending.number == number) {
            sending.settled = true;
        }
    }

    fn loaded(&mut self, pass: Pass, waiting: Vec<u64>) {
        let cursor = match pass {
            Pass::Forward => &mut self.forward,
            Pass::Sweep => match &mut self.sweep {
                Some(sweep) => &mut sweep.cursor,
                None => return,
            },
        };
        let Some(newest) = cursor.loading.take() else {
            return;
        };
        if waiting.len() < limits::DELIVERY_BATCH_MAX {
            // There was no more up to what was the newest number when it was asked for.
            let end = waiting.last().copied().unwrap_or(0).max(newest);
            cursor.after = cursor.after.max(end);
        } else {
            cursor.after = waiting.last().copied().unwrap_or(cursor.after);
        }
        cursor.loaded.extend(waiting);
    }

    fn written(&mut self, now: Timestamp) {
        let Some(sending) = self.sending.take() else {
            return;
        };
        if sending.settled {
            return;
        }
        self.in_flight.insert(
            sending.number,
            InFlight {
                at: now,
                times: sending.times,
            },
        );
        self.by_time.insert((now, sending.number));
        while self.in_flight.len() > limits::SESSION_CREDIT_MAX as usize {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((at, number)) = self.by_time.pop_first() else {
            return;
        };
        self.in_flight.remove(&number);
        let due = at.saturating_add_ms(self.redeliver_ms);
        let forgotten = self.forgotten.get_or_insert(Forgotten {
            from: number,
            until: number,
            due,
        });
        forgotten.from = forgotten.from.min(number);
        forgotten.until = forgotten.until.max(number);
    }

    /// Everything that follows from the state, whatever event led to it.
    fn go_on(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        if let Some(sending) = &self.sending {
            let cut = sending.since.saturating_add_ms(self.stall_ms);
            if now >= cut {
                self.ended = true;
                actions.push(Action::End(Ending {
                    code: ErrorCode::Overloaded,
                    sentence: "the session did not take a delivery in time".to_owned(),
                }));
            } else {
                actions.push(Action::WakeAt(cut));
            }
            return;
        }
        self.load(now, actions);
        // What the client has no credit for has not been sent, so the backlog is sent when none of it is left.
        let sent = match self.forward.loaded.front() {
            Some(next) => next.saturating_sub(1),
            None => self.forward.after,
        };
        // What was routed meanwhile may not have been sent: it is not counted, or its number would look withheld.
        if let Some(newest) = self.catch_up.take_if(|target| sent >= *target) {
            actions.push(Action::CaughtUp { newest });
        }
        if self.credit > 0
            && let Some((number, times)) = self.next_to_send(now)
        {
            self.credit = self.credit.saturating_sub(1);
            self.sending = Some(Sending {
                number,
                since: now,
                times: times.saturating_add(1),
                settled: false,
            });
            actions.push(Action::Send {
                number,
                repeated: times,
            });
            actions.push(Action::WakeAt(now.saturating_add_ms(self.stall_ms)));
            return;
        }
        let due = self
            .by_time
            .first()
            .map(|(at, _)| at.saturating_add_ms(self.redeliver_ms));
        let swept = self.forgotten.as_ref().map(|forgotten| forgotten.due);
        // Without credit nothing can be sent, whatever is due: credit is the event that goes on.
        if self.credit > 0
            && let Some(at) = due.into_iter().chain(swept).min()
        {
            actions.push(Action::WakeAt(at.max(now)));
        }
    }

    fn load(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let newest = self.newest;
        if self.forward.wants(newest) {
            self.forward.loading = Some(newest);
            actions.push(load(Pass::Forward, self.forward.after));
        }
        if self.credit == 0 {
            return;
        }
        if self.sweep.is_none()
            && let Some(forgotten) = self.forgotten.take_if(|forgotten| now >= forgotten.due)
        {
            self.sweep = Some(Sweep {
                cursor: Cursor {
                    after: forgotten.from.saturating_sub(1),
                    ..Cursor::default()
                },
                until: forgotten.until,
            });
        }
        if let Some(sweep) = &mut self.sweep {
            // Beyond its end the forward pass, or a later sweep, is responsible.
            let until = sweep.until;
            sweep.cursor.loaded.retain(|number| *number <= until);
            if sweep.cursor.wants(until) {
                sweep.cursor.loading = Some(until);
                actions.push(load(Pass::Sweep, sweep.cursor.after));
            } else if sweep.cursor.loaded.is_empty() && sweep.cursor.loading.is_none() {
                self.sweep = None;
            }
        }
    }

    /// What is due again, then what is new, then what was forgotten; with how often it was sent before.
    fn next_to_send(&mut self, now: Timestamp) -> Option<(u64, u32)> {
        if let Some(&(at, number)) = self.by_time.first()
            && now >= at.saturating_add_ms(self.redeliver_ms)
        {
            self.by_time.pop_first();
            let sent = self.in_flight.remove(&number);
            return Some((number, sent.map_or(1, |sent| sent.times)));
        }
        if let Some(number) = self.forward.loaded.pop_front() {
            return Some((number, 0));
        }
        let sweep = self.sweep.as_mut()?;
        while let Some(number) = sweep.cursor.loaded.pop_front() {
            if !self.in_flight.contains_key(&number) {
                // At least once.
                return Some((number, 1));
            }
        }
        None
    }
}

impl Cursor {
    fn wants(&self, newest: u64) -> bool {
        self.loaded.is_empty() && self.loading.is_none() && self.after < newest
    }
}

fn load(pass: Pass, after: u64) -> Action {
    Action::Load {
        pass,
        after,
        limit: limits::DELIVERY_BATCH_MAX,
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
