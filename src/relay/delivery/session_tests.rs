#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;

use super::*;

const T0: Timestamp = Timestamp::from_unix_ms(1_000_000);

fn after_ms(ms: u64) -> Timestamp {
    T0.saturating_add_ms(i64::try_from(ms).unwrap())
}

/// A desk's inbox and a client around the machine: loads are answered from `waiting`, what is sent is written at
/// once unless `stalled`.
struct Bench {
    session: Session,
    waiting: BTreeSet<u64>,
    newest: u64,
    now: Timestamp,
    granted: u64,
    sent: Vec<u64>,
    caught_up: Vec<u64>,
    ended: Option<Ending>,
    wake: Option<Timestamp>,
    stalled: bool,
    held_most: usize,
}

impl Bench {
    fn open(waiting: impl IntoIterator<Item = u64>, newest: u64, credit: u32) -> Self {
        let mut bench = Self {
            session: Session::new(SessionTimes::default()),
            waiting: waiting.into_iter().collect(),
            newest,
            now: T0,
            granted: u64::from(credit.min(limits::SESSION_CREDIT_MAX)),
            sent: Vec::new(),
            caught_up: Vec::new(),
            ended: None,
            wake: None,
            stalled: false,
            held_most: 0,
        };
        bench.on(Event::Opened { credit, newest });
        bench
    }

    fn on(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.session.on(event, self.now) {
                match action {
                    Action::Load { pass, after, limit } => {
                        let waiting = self.waiting.range(after + 1..).take(limit).copied().collect();
                        events.push_back(Event::Loaded { pass, waiting });
                    }
                    Action::Send { number, .. } => {
                        if !self.waiting.contains(&number) {
                            events.push_back(Event::Gone);
                            continue;
                        }
                        self.sent.push(number);
                        if !self.stalled {
                            events.push_back(Event::Written);
                        }
                    }
                    Action::CaughtUp { newest } => self.caught_up.push(newest),
                    Action::WakeAt(at) => self.wake = Some(at),
                    Action::End(ending) => self.ended = Some(ending),
                }
            }
            self.held_most = self.held_most.max(self.session.held());
        }
    }

    fn credit(&mut self, credit: u32) {
        let before = self.session.credit;
        self.on(Event::Credit(credit));
        self.granted += u64::from(credit.min(limits::SESSION_CREDIT_MAX - before));
    }

    fn route(&mut self) {
        self.newest += 1;
        self.waiting.insert(self.newest);
        self.on(Event::Routed(self.newest));
    }

    fn settle(&mut self, number: u64) {
        self.waiting.remove(&number);
        self.on(Event::Settled(number));
    }

    fn pass_ms(&mut self, ms: u64) {
        self.now = self.now.saturating_add_ms(i64::try_from(ms).unwrap());
        self.on(Event::Tick);
    }
}

/// An empty backlog is caught up at once, even without credit; so is one that was received long ago.
#[test]
fn an_empty_backlog_is_caught_up_at_once() {
    assert_eq!(Bench::open([], 0, 0).caught_up, [0]);
    assert_eq!(Bench::open([], 500, 0).caught_up, [500]);
}

/// What waits is sent in order, as far as credit goes; caught up is said once, after the last that waited, although
/// more came meanwhile, and of what waited: what came meanwhile may still lack credit.
#[test]
fn a_backlog_is_sent_in_order_as_far_as_credit_goes() {
    let mut bench = Bench::open([3, 5, 9], 9, 1);
    assert_eq!(
        (bench.sent.as_slice(), bench.caught_up.len()),
        ([3].as_slice(), 0)
    );
    bench.route();
    bench.credit(1);
    assert_eq!(
        (bench.sent.as_slice(), bench.caught_up.len()),
        ([3, 5].as_slice(), 0)
    );
    bench.credit(2);
    assert_eq!(bench.sent, [3, 5, 9, 10]);
    assert_eq!(bench.caught_up, [9]);
}

/// A backlog far larger than a batch is sent whole, in order, while no more than a batch and the window is held.
#[test]
fn a_large_backlog_leaves_memory_flat() {
    let mut bench = Bench::open(1..=100_000, 100_000, 0);
    while bench.sent.len() < 100_000 {
        bench.credit(1_000);
        // The client receives what it was sent, but for a few.
        let newest: Vec<u64> = bench.sent.iter().rev().take(1_000).copied().collect();
        for number in newest {
            if number % 97 != 0 {
                bench.settle(number);
            }
        }
    }
    assert!(bench.sent.iter().copied().eq(1..=100_000));
    assert_eq!(bench.caught_up, [100_000]);
    let bound = 2 * limits::DELIVERY_BATCH_MAX + limits::SESSION_CREDIT_MAX as usize + 1;
    assert!(bench.held_most <= bound, "{} held", bench.held_most);
}

/// What is not received comes again after its time and not before, and no more once it is.
#[test]
fn what_is_not_received_comes_again() {
    let mut bench = Bench::open([1, 2], 2, 10);
    bench.pass_ms(limits::REDELIVER_AFTER_MS - 1);
    assert_eq!(bench.sent, [1, 2]);
    assert_eq!(bench.wake, Some(after_ms(limits::REDELIVER_AFTER_MS)));
    bench.settle(1);
    bench.pass_ms(1);
    assert_eq!(bench.sent, [1, 2, 2]);
    bench.settle(2);
    bench.pass_ms(10 * limits::REDELIVER_AFTER_MS);
    assert_eq!(bench.sent, [1, 2, 2]);
}

/// A client that never receives gets everything once before anything twice beyond the window, and what was
/// forgotten comes again, too.
#[test]
fn what_was_forgotten_is_swept_up() {
    let all = 3 * u64::from(limits::SESSION_CREDIT_MAX);
    let mut bench = Bench::open(1..=all, all, 0);
    for _ in 0..3 {
        bench.credit(limits::SESSION_CREDIT_MAX);
    }
    assert!(bench.sent.iter().copied().eq(1..=all));
    bench.pass_ms(limits::REDELIVER_AFTER_MS);
    for _ in 0..4 {
        bench.credit(limits::SESSION_CREDIT_MAX);
    }
    let again: BTreeSet<u64> = bench.sent[usize::try_from(all).unwrap()..]
        .iter()
        .copied()
        .collect();
    assert_eq!(again.len() as u64, all, "each came again");
}

/// A client that does not take what it was sent is cut off; one that takes it in time is not.
#[test]
fn a_slow_session_is_cut() {
    let mut bench = Bench::open([], 0, 10);
    bench.stalled = true;
    bench.route();
    assert_eq!(bench.wake, Some(after_ms(limits::SESSION_STALL_MS_MAX)));
    bench.pass_ms(limits::SESSION_STALL_MS_MAX - 1);
    assert_eq!(bench.ended, None);
    bench.pass_ms(1);
    assert_eq!(
        bench.ended.as_ref().map(|ending| ending.code),
        Some(ErrorCode::Overloaded)
    );
    bench.credit(1);
    assert_eq!(bench.sent, [1], "nothing follows the end");
}

/// What turns out to wait no more at the moment of sending takes no credit.
#[test]
fn what_waits_no_more_takes_no_credit() {
    let mut bench = Bench::open([1, 2], 2, 0);
    bench.waiting.remove(&1);
    bench.credit(1);
    assert_eq!(bench.sent, [2]);
}

#[derive(Debug, Clone)]
enum Step {
    Route,
    Settle(usize),
    Credit(u32),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Route),
        2 => any::<usize>().prop_map(Step::Settle),
        2 => (0u32..5).prop_map(Step::Credit),
        1 => (0u64..2 * limits::REDELIVER_AFTER_MS).prop_map(Step::Pass),
    ]
}

proptest! {
    /// Whatever happens: never more is sent than credit was given, nothing is sent after it was settled, and with
    /// enough credit everything that waits is sent in the end. First sendings are in order.
    #[test]
    fn credit_order_and_settling_hold(backlog in 0u64..200, steps in proptest::collection::vec(step(), 0..200)) {
        let mut bench = Bench::open(1..=backlog, backlog, 0);
        let mut settled = BTreeSet::new();
        for step in steps {
            let before = bench.sent.len();
            match step {
                Step::Route => bench.route(),
                Step::Settle(pick) => {
                    let waiting: Vec<u64> = bench.waiting.iter().copied().collect();
                    if let Some(number) = waiting.get(pick % waiting.len().max(1)) {
                        settled.insert(*number);
                        bench.settle(*number);
                    }
                }
                Step::Credit(credit) => bench.credit(credit),
                Step::Pass(ms) => bench.pass_ms(ms),
            }
            prop_assert!(bench.sent.len() as u64 <= bench.granted);
            prop_assert!(bench.sent[before..].iter().all(|number| !settled.contains(number)));
        }
        bench.credit(limits::SESSION_CREDIT_MAX);
        let sent: BTreeSet<u64> = bench.sent.iter().copied().collect();
        prop_assert!(bench.waiting.is_subset(&sent));
        prop_assert_eq!(bench.caught_up.len(), 1);
        let mut firsts = Vec::new();
        let mut seen = BTreeSet::new();
        for number in &bench.sent {
            if seen.insert(*number) {
                firsts.push(*number);
            }
        }
        prop_assert!(firsts.is_sorted());
    }
}
