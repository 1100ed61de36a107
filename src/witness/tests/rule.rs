//! The rule: what is cosigned, what is refused as what, and what is kept of it.

use super::*;
use crate::domain::{Hash, Origin};
use crate::limits::{ALARM_PAUSE_MS, WITNESS_EVIDENCE_MAX};
use crate::time::Clock as _;
use crate::transparency::{Policy, SignedCheckpoint};
use crate::witness::evidence::Kept;
use crate::witness::log::Kind;

/// A log that grows is cosigned at each size, from nothing on, and the same checkpoint as often as it is asked for. The
/// line verifies, and is shown with the log's own signature.
#[test]
fn a_log_that_grows_is_cosigned() {
    let directory = tempfile::tempdir().unwrap();
    let begun = init(directory.path());
    let witness = open(directory.path(), &clock());
    let log = history(300, 300);
    let hash = origin_hash(&ORIGIN.parse().unwrap());
    assert_eq!(witness.last(&hash), None);
    let policy = Policy::of_one(log_key().verifier().clone(), begun.verifier);
    for (old, new) in [
        (0, 0),
        (0, 0),
        (0, 1),
        (1, 1),
        (1, 255),
        (255, 256),
        (256, 300),
        (300, 300),
    ] {
        let line = witness.add_checkpoint(&ask(&log, old, new)).unwrap();
        let note = format!("{}{line}", log_key().sign_checkpoint(new, log.root(new)));
        assert!(policy.open(&note).unwrap().has_quorum());
        assert_eq!(witness.last(&hash).as_deref(), Some(&*note));
    }
    assert_eq!(witness.logs(), [(ORIGIN.parse().unwrap(), Some(300))]);
    assert!(evidence(directory.path()).is_empty());
}

/// What is refused, and as what, by a witness that has cosigned size 5; a table of requests. Nothing of it moves the
/// state.
#[test]
fn what_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let witness = open(directory.path(), &clock());
    let (log, fork) = (history(20, 20), history(20, 3));
    witness.add_checkpoint(&ask(&log, 0, 5)).unwrap();
    let other = LogKey::new("other.invalid".parse().unwrap(), SecretKey::from_seed(&[8; 32]));
    let foreign = LogKey::new(ORIGIN.parse().unwrap(), SecretKey::from_seed(&[9; 32]));
    let request = |old_size, proof: Vec<Hash>, note| {
        AddCheckpoint {
            old_size,
            proof,
            note,
        }
        .to_string()
    };
    let good = consistency_proof(5, 9, &log).unwrap();
    let note = |size| log_key().sign_checkpoint(size, log.root(size));
    let mut swapped = good.clone();
    swapped.swap(0, 1);
    for (what, request, refusal) in [
        ("nothing", String::new(), Refusal::Malformed),
        ("no note", "old 5\n\n".to_owned(), Refusal::UnknownLog),
        (
            "no signature",
            request(5, good.clone(), note(9).split_once("\n\n").unwrap().0.to_owned()),
            Refusal::Malformed,
        ),
        (
            "another log",
            request(0, vec![], other.sign_checkpoint(9, log.root(9))),
            Refusal::UnknownLog,
        ),
        (
            "another key",
            request(5, good.clone(), foreign.sign_checkpoint(9, log.root(9))),
            Refusal::NotSigned,
        ),
        (
            "a changed note",
            request(5, good.clone(), note(9).replacen('9', "8", 1)),
            Refusal::NotSigned,
        ),
        ("old larger", request(10, vec![], note(9)), Refusal::OldSizeLarger),
        (
            "old larger than ever",
            request(u64::MAX, vec![], note(9)),
            Refusal::OldSizeLarger,
        ),
        ("old is nothing", ask(&log, 0, 9), Refusal::Stale(5)),
        ("old is too small", ask(&log, 4, 9), Refusal::Stale(5)),
        ("old is too large", ask(&log, 6, 9), Refusal::Stale(5)),
        ("smaller", ask(&log, 3, 4), Refusal::Stale(5)),
        ("fork at the size", ask(&fork, 5, 5), Refusal::Fork),
        ("fork beyond", ask(&fork, 5, 9), Refusal::Inconsistent),
        ("no proof", request(5, vec![], note(9)), Refusal::Inconsistent),
        (
            "a proof cut",
            request(5, good[1..].to_vec(), note(9)),
            Refusal::Inconsistent,
        ),
        (
            "a proof swapped",
            request(5, swapped, note(9)),
            Refusal::Inconsistent,
        ),
        (
            "another's proof",
            request(5, consistency_proof(5, 10, &log).unwrap(), note(9)),
            Refusal::Inconsistent,
        ),
        (
            "a proof of nothing",
            request(5, good.clone(), note(5)),
            Refusal::Inconsistent,
        ),
    ] {
        assert_eq!(witness.add_checkpoint(&request), Err(refusal), "{what}");
    }
    assert_eq!(witness.logs()[0].1, Some(5));
    witness.add_checkpoint(&ask(&log, 5, 9)).unwrap();
}

/// What a log signs against itself is kept, readable, with both of its signatures, once each; what came late is not
/// held against it.
#[test]
fn what_a_log_signs_against_itself_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let clock = clock();
    let witness = open(directory.path(), &clock);
    let (log, fork) = (history(20, 20), history(20, 3));
    for (old, new) in [(0, 5), (5, 9), (9, 12)] {
        witness.add_checkpoint(&ask(&log, old, new)).unwrap();
    }
    // Late, of a size that was cosigned, is nothing; at that size with another root it is a fork.
    assert_eq!(witness.add_checkpoint(&ask(&log, 5, 9)), Err(Refusal::Stale(12)));
    assert!(evidence(directory.path()).is_empty());
    for _ in 0..3 {
        assert_eq!(witness.add_checkpoint(&ask(&fork, 5, 9)), Err(Refusal::Stale(12)));
        assert_eq!(witness.add_checkpoint(&ask(&fork, 12, 12)), Err(Refusal::Fork));
        assert_eq!(
            witness.add_checkpoint(&ask(&fork, 12, 15)),
            Err(Refusal::Inconsistent)
        );
        assert_eq!(witness.add_checkpoint(&ask(&fork, 6, 7)), Err(Refusal::Stale(12)));
        clock.advance_ms(1_000);
    }
    drop(witness);
    let witness = open(directory.path(), &clock);
    assert_eq!(witness.add_checkpoint(&ask(&fork, 12, 12)), Err(Refusal::Fork));
    let kept = evidence(directory.path());
    let shown: Vec<_> = kept
        .values()
        .map(|kept| {
            let open = |note: &str| log_key().verifier().open(note).unwrap();
            let (held, offered) = (open(&kept.held), open(&kept.offered));
            assert_eq!(kept.log, log_key().verifier().vkey());
            if let Some(request) = &kept.request {
                assert_eq!(AddCheckpoint::parse(request).unwrap().note, kept.offered);
            }
            assert_eq!(offered.root(), fork.root(offered.size()));
            assert_eq!(held.root(), log.root(held.size()));
            (kept.kind.as_str(), held.size(), offered.size())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("fork", 12, 12),
            ("fork", 9, 9),
            ("inconsistent", 12, 15),
            ("smaller", 12, 7)
        ]
    );
}

/// However much a log signs against itself, what is kept of it has a bound, and one kind takes no room of another.
#[test]
fn evidence_is_bounded() {
    let kept = Kept::default();
    let origin: Origin = ORIGIN.parse().unwrap();
    let log = history(200, 200);
    let signed = |size| -> SignedCheckpoint {
        log_key()
            .verifier()
            .open(&log_key().sign_checkpoint(size, log.root(size)))
            .unwrap()
    };
    let take = |kind, size| kept.take(kind, &origin, &signed(size));
    let names: Vec<_> = (0..200).filter_map(|size| take(Kind::Smaller, size)).collect();
    assert_eq!(names.len(), WITNESS_EVIDENCE_MAX);
    assert_eq!(take(Kind::Smaller, 199), None);
    // What could not be kept leaves its room, and what is kept is not kept again.
    kept.give_back(&names[7]);
    assert_eq!(
        (take(Kind::Smaller, 8), take(Kind::Smaller, 199).is_some()),
        (None, true)
    );
    let names: Vec<_> = (0..200).filter_map(|size| take(Kind::Fork, size)).collect();
    assert_eq!(names.len(), WITNESS_EVIDENCE_MAX);
}

/// Newer checkpoints of an honest log are sent with junk for a proof until there is no more room. As they are proven,
/// their evidence is dropped, after a restart too, and a real fork finds its place; what was never proven stays.
#[test]
fn what_was_explained_takes_no_room() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let clock = clock();
    let (log, fork) = (history(200, 200), history(200, 3));
    let max = u64::try_from(WITNESS_EVIDENCE_MAX).unwrap();
    let mut witness = open(directory.path(), &clock);
    witness.add_checkpoint(&ask(&log, 0, 5)).unwrap();
    for size in 6..=5 + max {
        let mut junk = AddCheckpoint::parse(&ask(&log, 5, size)).unwrap();
        junk.proof = vec![log.root(1)];
        let refused = witness.add_checkpoint(&junk.to_string());
        assert_eq!(refused, Err(Refusal::Inconsistent));
    }
    let real = |held| ask(&fork, held, 150);
    assert_eq!(witness.add_checkpoint(&real(5)), Err(Refusal::Inconsistent));
    let count = || evidence(directory.path()).len();
    assert_eq!(count(), WITNESS_EVIDENCE_MAX);
    witness.add_checkpoint(&ask(&log, 5, 6)).unwrap();
    assert_eq!(count(), WITNESS_EVIDENCE_MAX - 1);
    drop(witness);
    witness = open(directory.path(), &clock);
    // From 6 to 9: what lies between was not asked for, and is not explained.
    witness.add_checkpoint(&ask(&log, 6, 9)).unwrap();
    assert_eq!(count(), WITNESS_EVIDENCE_MAX - 2);
    assert_eq!(witness.add_checkpoint(&real(9)), Err(Refusal::Inconsistent));
    assert_eq!(count(), WITNESS_EVIDENCE_MAX - 1);
    witness.add_checkpoint(&ask(&log, 9, 150)).unwrap();
    let kept = evidence(directory.path());
    assert!(kept.keys().any(|name| name.contains(&fork.root(150).to_string())));
}

/// When junk has taken all the room of a log's refused growths, a real one is still said: once a minute, with how many were
/// not said since, in what the witness logs.
#[test]
fn what_has_no_room_is_still_said() {
    #[derive(Clone, Default)]
    struct Said(Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Said {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let said = Said::default();
    let writer = said.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    let count = || {
        let said = String::from_utf8(said.0.lock().unwrap().clone()).unwrap();
        said.matches("at odds with").count()
    };
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let clock = clock();
    let witness = open(directory.path(), &clock);
    let (log, fork) = (history(200, 200), history(200, 3));
    tracing::subscriber::with_default(subscriber, || {
        witness.add_checkpoint(&ask(&log, 0, 5)).unwrap();
        for size in 6..100 {
            let _ = witness.add_checkpoint(&ask(&fork, 5, size));
        }
        assert_eq!(evidence(directory.path()).len(), WITNESS_EVIDENCE_MAX);
        assert_eq!(count(), 1);
        clock.advance_ms(ALARM_PAUSE_MS);
        let _ = witness.add_checkpoint(&ask(&fork, 5, 150));
        assert_eq!(count(), 2);
    });
}

/// The time of a log's cosignatures never goes back, whatever the clock does, over a restart too.
#[test]
fn time_never_goes_back() {
    let directory = tempfile::tempdir().unwrap();
    let begun = init(directory.path());
    let clock = clock();
    let mut witness = open(directory.path(), &clock);
    let log = history(9, 9);
    let policy = Policy::of_one(log_key().verifier().clone(), begun.verifier);
    let mut last = Timestamp::default();
    for (old, (ms, restarted)) in (0..).zip([
        (0, false),
        (5_000, false),
        (-3_600_000, false),
        (500, true),
        (-100_000_000_000_000, true),
        (1, false),
    ]) {
        clock.advance_ms(ms);
        if restarted {
            drop(witness);
            witness = open(directory.path(), &clock);
        }
        let line = witness.add_checkpoint(&ask(&log, old, old + 1)).unwrap();
        let note = format!("{}{line}", log_key().sign_checkpoint(old + 1, log.root(old + 1)));
        let time = policy.open(&note).unwrap().quorum_time().unwrap();
        assert!(time >= last, "{time} after {last}");
        last = time;
    }
    assert!(last > clock.now());
}

/// Sizes that grow are asked for by many at once, each beginning from whatever the last answer said: the witness never
/// goes back, and ends at the largest.
#[test]
fn many_at_once_never_roll_back() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let witness = open(directory.path(), &clock());
    let log = history(64, 64);
    std::thread::scope(|scope| {
        for first in 1..=8u64 {
            let (witness, log) = (&witness, &log);
            scope.spawn(move || {
                let mut seen = 0;
                for new in (first..=64).step_by(8) {
                    let mut old = seen.min(new);
                    while let Err(refusal) = witness.add_checkpoint(&ask(log, old, new)) {
                        let Refusal::Stale(size) = refusal else {
                            panic!("{refusal}")
                        };
                        assert!(size >= seen, "back from {seen} to {size}");
                        seen = size;
                        if size > new {
                            break;
                        }
                        old = size;
                    }
                }
            });
        }
    });
    assert_eq!(witness.logs()[0].1, Some(64));
    // Sizes that were overtaken before they were ever cosigned are kept as such, and prove nothing.
    assert!(
        evidence(directory.path())
            .values()
            .all(|kept| kept.kind == "smaller")
    );
}
