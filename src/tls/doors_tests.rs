#![allow(clippy::unwrap_used)]

use prometheus_client::registry::Registry;

use super::*;

const LIMITS: AcceptLimits = AcceptLimits {
    connections_max: 8,
    connections_per_principal_max: 5,
    handshakes_max: 4,
    handshakes_per_address_max: 2,
    handshake_ms_max: limits::HANDSHAKE_MS_MAX,
    strangers_max: 2,
    stranger_ms_max: limits::STRANGER_MS_MAX,
    stall_ms_max: limits::SESSION_STALL_MS_MAX,
};

/// Doors with a directory that a test writes: the key `[n; 32]` is whose name stands at `n`.
struct Bench {
    doors: Doors,
    directory: Arc<Mutex<HashMap<KeyId, Principal>>>,
    registry: Registry,
    now: Instant,
    next_address: u8,
}

impl Bench {
    fn new() -> Self {
        let directory = Arc::new(Mutex::new(HashMap::new()));
        let asked = Arc::clone(&directory);
        let mut registry = Registry::default();
        let who_is = move |keyid: &KeyId| -> Option<Principal> { asked.lock().unwrap().get(keyid).cloned() };
        let meters = ConnectionMeters::new(&mut registry);
        Self {
            doors: Doors::new(LIMITS, Arc::new(who_is), meters),
            directory,
            registry,
            now: Instant::now(),
            next_address: 0,
        }
    }

    fn enrol(&self, key: u8, principal: &str) {
        let principal = principal.parse().unwrap();
        self.directory.lock().unwrap().insert(KeyId([key; 32]), principal);
        self.doors.recheck();
    }

    fn revoke(&self, key: u8) {
        self.directory.lock().unwrap().remove(&KeyId([key; 32]));
        self.doors.recheck();
    }

    fn arrive(&self, address: &str) -> Result<Place, TurnedAway> {
        self.doors
            .arrive(address.parse().unwrap(), CancellationToken::new(), self.now)
    }

    /// A connection with this key, from an address of its own.
    fn connect(&mut self, key: u8) -> Result<Place, TurnedAway> {
        self.next_address += 1;
        let place = self.arrive(&format!("192.0.2.{}", self.next_address))?;
        self.doors.admit(&place, &KeyId([key; 32]), self.now)?;
        Ok(place)
    }

    fn pass_ms(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    fn shows(&self, line: &str) -> bool {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text.lines().any(|shown| shown == line)
    }
}

/// Why a place was refused.
fn refused(place: Result<Place, TurnedAway>) -> Option<TurnedAway> {
    place.err()
}

/// Strangers fill their own room and nobody else's: an agency and an operator come in however many of them there are.
#[tokio::test]
async fn strangers_leave_room_for_agencies() {
    let mut bench = Bench::new();
    bench.enrol(1, "us.ctc");
    let strangers = [bench.connect(100).unwrap(), bench.connect(101).unwrap()];
    assert_eq!(refused(bench.connect(102)), Some(TurnedAway::Strangers));
    let agency = bench.connect(1).unwrap();
    assert!(bench.shows("connections{kind=\"stranger\"} 2"));
    assert!(bench.shows("connections{kind=\"enrolled\"} 1"));
    drop((strangers, agency));
    assert!(bench.shows("connections{kind=\"stranger\"} 0"));
    assert!(bench.shows("connections{kind=\"enrolled\"} 0"));
}

/// A full room of strangers, or of handshakes, gives up its oldest once that has had its time: whoever fills it must go on
/// connecting.
#[tokio::test]
async fn the_oldest_gives_way() {
    let mut bench = Bench::new();
    let old = bench.connect(100).unwrap();
    let younger = bench.connect(101).unwrap();
    bench.pass_ms(limits::DISPLACED_AFTER_MS);
    let new = bench.connect(102).unwrap();
    assert!(old.cut().is_cancelled());
    assert!(!younger.cut().is_cancelled() && !new.cut().is_cancelled());

    let addresses = ["192.0.2.201", "192.0.2.202", "192.0.2.203", "192.0.2.204"];
    let handshakes = addresses.map(|address| bench.arrive(address).unwrap());
    assert_eq!(refused(bench.arrive("192.0.2.205")), Some(TurnedAway::Handshakes));
    bench.pass_ms(limits::DISPLACED_AFTER_MS);
    let next = bench.arrive("192.0.2.205").unwrap();
    let cut = handshakes.each_ref().map(|place| place.cut().is_cancelled());
    assert_eq!(cut, [true, false, false, false]);
    // It proves its key after all, and too late.
    let [displaced, ..] = &handshakes;
    let key = KeyId([1; 32]);
    assert_eq!(
        bench.doors.admit(displaced, &key, bench.now),
        Err(TurnedAway::Displaced)
    );
    assert!(!next.cut().is_cancelled());
}

/// One address has a bounded part of the handshakes, and an IPv6 network of 64 bits is one address.
#[tokio::test]
async fn handshakes_of_one_address_are_bounded() {
    for (own, other) in [
        (["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"], "192.0.2.2"),
        (["2001:db8::1", "2001:db8::2", "2001:db8::3"], "2001:db8:0:1::1"),
    ] {
        let bench = Bench::new();
        let [first, second, third] = own;
        let places = [bench.arrive(first).unwrap(), bench.arrive(second).unwrap()];
        assert_eq!(refused(bench.arrive(third)), Some(TurnedAway::Address));
        assert!(bench.arrive(other).is_ok());
        drop(places);
        assert!(bench.arrive(third).is_ok());
    }
}

/// A principal has a bounded number of connections; the last quarter of the room is for those who have few, and an
/// operator comes in when all is full.
#[tokio::test]
async fn nobody_takes_the_room_of_the_others() {
    let mut bench = Bench::new();
    for (key, principal) in [(1, "us.ctc"), (2, "ru.ctc"), (3, "fr.ctc"), (9, "operator:alice")] {
        bench.enrol(key, principal);
    }
    let mut open: Vec<Place> = Vec::new();
    for _ in 0..LIMITS.connections_per_principal_max {
        open.push(bench.connect(1).unwrap());
    }
    assert_eq!(refused(bench.connect(1)), Some(TurnedAway::Principal));
    open.push(bench.connect(2).unwrap());
    // Three quarters are taken: us.ctc gets none even when one of its own has closed.
    open.push(bench.connect(2).unwrap());
    drop(open.remove(0));
    assert_eq!(refused(bench.connect(1)), Some(TurnedAway::Crowded));
    open.push(bench.connect(3).unwrap());
    open.push(bench.connect(2).unwrap());
    assert_eq!(refused(bench.connect(3)), Some(TurnedAway::All));
    assert!(bench.connect(9).is_ok());
}

/// A key that is enrolled while its connection is a stranger's stays one there, and is its agency's with the next.
#[tokio::test]
async fn an_enrolment_counts_from_the_next_connection() {
    let mut bench = Bench::new();
    let _before = bench.connect(1).unwrap();
    bench.enrol(1, "us.ctc");
    assert!(bench.shows("connections{kind=\"stranger\"} 1"));
    let _after = bench.connect(1).unwrap();
    assert!(bench.shows("connections{kind=\"enrolled\"} 1"));
}

/// Connections whose key is revoked give their agency's room up at once, so that a thief of the key cannot keep the agency
/// out; an agency's other connections stay.
#[tokio::test]
async fn revoked_keys_take_no_room() {
    let mut bench = Bench::new();
    bench.enrol(1, "us.ctc");
    bench.enrol(2, "us.ctc");
    let own = bench.connect(1).unwrap();
    let stolen: Vec<Place> = (0..4).map(|_| bench.connect(2).unwrap()).collect();
    assert_eq!(refused(bench.connect(1)), Some(TurnedAway::Principal));
    bench.revoke(2);
    assert!(bench.connect(1).is_ok());
    assert!(!own.cut().is_cancelled());
    // They are cut a little later, when who uses them has been told.
    assert!(stolen.iter().all(|place| !place.cut().is_cancelled()));
    assert!(bench.shows("connections{kind=\"enrolled\"} 1"));
}
