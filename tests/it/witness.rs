//! A witness as C2SP tlog-witness has it: the real binary as processes of their own, asked over loopback HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::Ordering;

use wardline::seal::SecretKey;
use wardline::transparency::{
    AddCheckpoint, Frontier, HashReader, LogKey, Policy, WitnessVerifier, consistency_proof, leaf_hash,
    origin_hash,
};

use super::support::{Answered, WitnessProcess, ask, wardline};
use wardline::domain::Hash;

const ORIGIN: &str = "log.invalid/2026";
const TEXT: &str = "text/plain; charset=utf-8";

fn key() -> LogKey {
    LogKey::new(ORIGIN.parse().unwrap(), SecretKey::from_seed(&[3; 32]))
}

/// One history of the log; another one has other leaves from `fork` on.
struct Log {
    stored: Vec<Hash>,
    roots: Vec<Hash>,
}

impl HashReader for Log {
    type Error = std::convert::Infallible;
    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Self::Error> {
        let at = |index: &u64| self.stored[usize::try_from(*index).unwrap()];
        Ok(indexes.iter().map(at).collect())
    }
}

impl Log {
    fn of(size: u64, fork: u64) -> Self {
        let mut frontier = Frontier::new();
        let mut log = Self {
            stored: Vec::new(),
            roots: vec![frontier.root()],
        };
        for i in 0..size {
            let leaf = leaf_hash(format!("{i} {}", i >= fork).as_bytes());
            log.stored.extend(frontier.append(leaf).unwrap());
            log.roots.push(frontier.root());
        }
        log
    }

    fn note(&self, size: u64) -> String {
        key().sign_checkpoint(size, self.roots[usize::try_from(size).unwrap()])
    }

    /// What a log that tells this history asks.
    fn ask(&self, old: u64, new: u64) -> String {
        AddCheckpoint {
            old_size: old,
            proof: consistency_proof(old, new, self).unwrap(),
            note: self.note(new),
        }
        .to_string()
    }
}

fn init(directory: &Path) -> WitnessVerifier {
    WitnessProcess::init(directory, "w.invalid", &[key().verifier().vkey()])
}

fn stale(size: u64) -> Answered {
    Answered {
        status: 409,
        content_type: "text/x.tlog.size".to_owned(),
        body: format!("{size}\n"),
    }
}

/// Every answer that the specification names, from one witness in turn; the cosignature verifies under its key, and the
/// last cosigned note is shown to whoever asks for it.
#[test]
fn every_answer_of_the_specification() {
    let directory = tempfile::tempdir().unwrap();
    let verifier = init(directory.path());
    let witness = WitnessProcess::start(directory.path());
    assert_eq!(witness.serving["vkey"], verifier.vkey());
    let shown_at = format!("/{}/checkpoint", origin_hash(&ORIGIN.parse().unwrap()));
    assert_eq!(witness.serving["logs"][0]["path"], shown_at);
    let (log, fork) = (Log::of(40, 40), Log::of(40, 3));
    assert_eq!(witness.ask("GET", &shown_at, "").status, 404);
    assert_eq!(witness.add_checkpoint(&log.ask(7, 9)), stale(0));

    let answered = witness.add_checkpoint(&log.ask(0, 9));
    assert_eq!((answered.status, answered.content_type.as_str()), (200, TEXT));
    let cosigned = format!("{}{}", log.note(9), answered.body);
    let policy = Policy::of_one(key().verifier().clone(), verifier);
    assert!(policy.open(&cosigned).unwrap().has_quorum());
    let shown = witness.ask("GET", &shown_at, "");
    assert_eq!(
        (shown.status, shown.content_type.as_str(), shown.body),
        (200, TEXT, cosigned)
    );

    let other = LogKey::new("other.invalid".parse().unwrap(), SecretKey::from_seed(&[3; 32]));
    let foreign = LogKey::new(ORIGIN.parse().unwrap(), SecretKey::from_seed(&[4; 32]));
    let with = |note: String| {
        let asked = AddCheckpoint::parse(&log.ask(9, 20)).unwrap();
        AddCheckpoint { note, ..asked }.to_string()
    };
    let root = log.roots[20];
    for (what, request, status) in [
        ("no request", "old x\n\n".to_owned(), 400),
        ("no text", "\u{0}".repeat(10), 400),
        (
            "an old size beyond",
            log.ask(9, 20).replace("old 9", "old 21"),
            400,
        ),
        (
            "a proof too long",
            log.ask(9, 20).replace(
                "old 9\n",
                &format!("old 9\n{}", format!("{}=\n", "A".repeat(43)).repeat(60)),
            ),
            400,
        ),
        ("another key", with(foreign.sign_checkpoint(20, root)), 403),
        (
            "a changed note",
            with(log.note(20).replacen("20\n", "21\n", 1)),
            403,
        ),
        ("another log", with(other.sign_checkpoint(20, root)), 404),
        ("a fork at the size", fork.ask(9, 9), 409),
        ("a fork beyond", fork.ask(9, 20), 422),
        ("no proof", with(log.note(21)), 422),
        ("a body without end", "x".repeat(1 << 20), 413),
    ] {
        let answered = witness.add_checkpoint(&request);
        assert_eq!(
            (answered.status, answered.content_type.contains("size")),
            (status, false),
            "{what}"
        );
    }
    assert_eq!(witness.add_checkpoint(&log.ask(8, 20)), stale(9));
    assert_eq!(witness.ask("GET", "/add-checkpoint", "").status, 405);
    assert_eq!(witness.ask("GET", "/key.pem", "").status, 404);
    assert_eq!(witness.ask("GET", "/..%2fkey.pem/checkpoint", "").status, 404);
    assert_eq!(witness.add_checkpoint(&log.ask(9, 20)).status, 200);
    assert_eq!(witness.terminated(), Some(0));
}

/// A fork is refused, and what proves it is kept, readable: two notes of one size with two roots, both signed by the log.
#[test]
fn a_fork_is_refused_and_its_proof_kept() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let witness = WitnessProcess::start(directory.path());
    let (log, fork) = (Log::of(20, 20), Log::of(20, 3));
    assert_eq!(witness.add_checkpoint(&log.ask(0, 9)).status, 200);
    for _ in 0..3 {
        assert_eq!(witness.add_checkpoint(&fork.ask(9, 9)).status, 409);
    }
    let kept: Vec<_> = std::fs::read_dir(directory.path().join("evidence"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [kept] = &kept[..] else { panic!("{kept:?}") };
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    assert_eq!(
        (&kept["format"], &kept["kind"]),
        (&"wardline-witness-evidence/v1".into(), &"fork".into())
    );
    let [held, offered] =
        ["held", "offered"].map(|part| key().verifier().open(kept[part].as_str().unwrap()).unwrap());
    assert_eq!((held.size(), offered.size()), (9, 9));
    assert_ne!(held.root(), offered.root());
    assert_eq!(witness.add_checkpoint(&log.ask(9, 12)).status, 200);
}

/// Killed without a word after each answer and started again, a witness stands where it answered last, and refuses what
/// contradicts it.
#[test]
fn a_killed_witness_stands_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let (log, fork) = (Log::of(20, 20), Log::of(20, 3));
    let mut witness = WitnessProcess::start(directory.path());
    for (old, new) in [(0, 4), (4, 5), (5, 20)] {
        assert_eq!(witness.add_checkpoint(&log.ask(old, new)).status, 200);
        witness = witness.killed_and_restarted();
        assert_eq!(witness.serving["logs"][0]["size"], new);
        assert_eq!(witness.add_checkpoint(&log.ask(old, new)), stale(new));
        assert_eq!(witness.add_checkpoint(&fork.ask(new, new)).status, 409);
        assert_eq!(witness.add_checkpoint(&log.ask(new, new)).status, 200);
    }
}

/// Killed in the middle of its work, again and again, a witness never stands behind what it has answered, nor before what
/// it was asked.
#[test]
fn a_witness_killed_at_work_forgets_nothing() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let log = Log::of(2_000, 2_000);
    let mut witness = WitnessProcess::start(directory.path());
    let mut size = 0;
    for round in 1..=6 {
        let address = witness.address;
        let answered = std::sync::atomic::AtomicU64::new(size);
        let asked = std::thread::scope(|scope| {
            let (log, answered) = (&log, &answered);
            let asking = scope.spawn(move || {
                for old in size.. {
                    match ask(address, "POST", "/add-checkpoint", &log.ask(old, old + 1)) {
                        Some(answer) if answer.status == 200 => answered.store(old + 1, Ordering::SeqCst),
                        Some(answer) => panic!("{answer:?}"),
                        None => return old + 1,
                    }
                }
                unreachable!()
            });
            while answered.load(Ordering::SeqCst) < size + 3 * round {
                std::thread::yield_now();
            }
            witness.kill();
            asking.join().unwrap()
        });
        witness = witness.killed_and_restarted();
        let stands = witness.serving["logs"][0]["size"].as_u64().unwrap();
        let answered = answered.load(Ordering::SeqCst);
        assert!(
            (answered..=asked).contains(&stands),
            "{answered} {stands} {asked}"
        );
        size = stands;
    }
}

/// Asked by many connections at once for sizes N and N+K, a witness never answers from a smaller size after a larger one.
#[test]
fn many_at_once_never_roll_back() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let witness = WitnessProcess::start(directory.path());
    let log = Log::of(48, 48);
    std::thread::scope(|scope| {
        for first in 1..=6u64 {
            let (witness, log) = (&witness, &log);
            scope.spawn(move || {
                let mut seen = 0;
                for new in (first..=48).step_by(6) {
                    while seen < new {
                        let answered = witness.add_checkpoint(&log.ask(seen, new));
                        let size = match answered.status {
                            200 => new,
                            409 => answered.body.trim_end().parse().unwrap(),
                            status => panic!("{status} {}", answered.body),
                        };
                        assert!(size > seen || size == new, "from {seen} to {size}");
                        seen = size;
                    }
                }
            });
        }
    });
    let witness = witness.killed_and_restarted();
    assert_eq!(witness.serving["logs"][0]["size"], 48);
}

/// Two witnesses never run on one directory; a key is never made anew; a broken state is refused with the exit code that
/// wakes someone, and nothing listens; a person's word brings the log back.
#[test]
fn a_directory_is_one_witness_or_none() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let path = directory.path().to_str().unwrap();
    let log = Log::of(9, 9);
    let run = ["witness", "run", path, "--listen", "127.0.0.1:0"];
    let vkey = key().verifier().vkey();
    let ended = |arguments: &[&str]| {
        let ended = wardline(directory.path(), arguments).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    let witness = WitnessProcess::start(directory.path());
    assert_eq!(witness.add_checkpoint(&log.ask(0, 5)).status, 200);
    let (code, said) = ended(&run);
    assert!(code == Some(3) && said.contains("another witness runs"), "{said}");
    let (code, said) = ended(&["witness", "init", path, "--name", "x", "--log", &vkey]);
    assert!(code == Some(3) && said.contains("another witness runs"), "{said}");
    assert_eq!(witness.terminated(), Some(0));
    let (code, said) = ended(&["witness", "init", path, "--name", "x", "--log", &vkey]);
    assert!(code == Some(2) && said.contains("never overwritten"), "{said}");

    let state = directory
        .path()
        .join("logs")
        .join(origin_hash(&ORIGIN.parse().unwrap()));
    let bytes = std::fs::read(&state).unwrap();
    std::fs::write(&state, &bytes[..bytes.len() - 1]).unwrap();
    let (code, said) = ended(&run);
    assert!(
        code == Some(5) && said.contains("broken") && said.contains("add-log"),
        "{said}"
    );
    std::fs::remove_file(&state).unwrap();
    let (code, said) = ended(&run);
    assert!(code == Some(5) && said.contains("lost"), "{said}");
    let note = directory.path().join("last");
    std::fs::write(&note, log.note(5)).unwrap();
    let add = [
        "witness",
        "add-log",
        path,
        "--log",
        &vkey,
        "--last",
        note.to_str().unwrap(),
    ];
    assert_eq!(ended(&add[..5]).0, Some(2));
    assert_eq!(ended(&add).0, Some(0));
    let witness = WitnessProcess::start(directory.path());
    assert_eq!(witness.add_checkpoint(&log.ask(0, 9)), stale(5));
    assert_eq!(witness.add_checkpoint(&log.ask(5, 9)).status, 200);
}

/// One log whose state is lost keeps no other from its witness: it is named at the start with what to do, gets 503 for whatever
/// is asked of it, and the exit code says in the end that not all was served. When a person has said what was cosigned last,
/// all is as before.
#[test]
fn one_lost_log_stops_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let lost = LogKey::new("lost.invalid".parse().unwrap(), SecretKey::from_seed(&[4; 32]));
    let vkeys = [key().verifier().vkey(), lost.verifier().vkey()];
    WitnessProcess::init(directory.path(), "w.invalid", &vkeys);
    let log = Log::of(9, 9);
    let asked = |old, new| {
        let asked = AddCheckpoint::parse(&log.ask(old, new)).unwrap();
        let note = lost.sign_checkpoint(new, log.roots[usize::try_from(new).unwrap()]);
        AddCheckpoint { note, ..asked }.to_string()
    };
    let witness = WitnessProcess::start(directory.path());
    assert_eq!(witness.serving["not_served"], serde_json::json!([]));
    for request in [asked(0, 5), log.ask(0, 5)] {
        assert_eq!(witness.add_checkpoint(&request).status, 200);
    }
    assert_eq!(witness.terminated(), Some(0));
    let hash = origin_hash(lost.origin());
    std::fs::remove_file(directory.path().join("logs").join(&hash)).unwrap();

    let witness = WitnessProcess::start(directory.path());
    let [not_served] = &witness.serving["not_served"].as_array().unwrap()[..] else {
        panic!("{}", witness.serving)
    };
    assert_eq!(not_served["origin"], "lost.invalid");
    assert!(
        not_served["what_to_do"].as_str().unwrap().contains("add-log DIR"),
        "{not_served}"
    );
    assert_eq!(witness.serving["logs"].as_array().unwrap().len(), 1);
    for request in [asked(5, 9), asked(0, 9), asked(5, 5)] {
        let refused = witness.add_checkpoint(&request);
        assert_eq!(refused.status, 503);
        assert!(
            refused.body.contains("has lost its state of that log"),
            "{refused:?}"
        );
    }
    assert_eq!(witness.ask("GET", &format!("/{hash}/checkpoint"), "").status, 503);
    assert_eq!(witness.add_checkpoint(&log.ask(5, 9)).status, 200);
    assert_eq!(witness.terminated(), Some(5));

    let last = directory.path().join("last");
    std::fs::write(&last, lost.sign_checkpoint(5, log.roots[5])).unwrap();
    let path = directory.path().to_str().unwrap();
    let add = [
        "witness",
        "add-log",
        path,
        "--log",
        &vkeys[1],
        "--last",
        last.to_str().unwrap(),
    ];
    assert!(
        wardline(directory.path(), &add)
            .output()
            .unwrap()
            .status
            .success()
    );
    let witness = WitnessProcess::start(directory.path());
    assert_eq!(witness.add_checkpoint(&asked(5, 9)).status, 200);
    assert_eq!(witness.add_checkpoint(&log.ask(9, 9)).status, 200);
    assert_eq!(witness.terminated(), Some(0));
}

/// Those who connect and send nothing, or half a request, hold up nobody else, nor the end.
#[test]
fn silent_peers_hold_up_nobody() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let witness = WitnessProcess::start(directory.path());
    let log = Log::of(9, 9);
    let mut silent: Vec<TcpStream> = (0..24)
        .map(|n| {
            let mut tcp = TcpStream::connect(witness.address).unwrap();
            if n % 2 == 0 {
                tcp.write_all(
                    b"POST /add-checkpoint HTTP/1.1\r\nhost: a\r\ncontent-length: 500\r\n\r\nold 0\n",
                )
                .unwrap();
            }
            tcp
        })
        .collect();
    assert_eq!(witness.add_checkpoint(&log.ask(0, 9)).status, 200);
    assert_eq!(witness.terminated(), Some(0));
    for tcp in &mut silent {
        let mut rest = Vec::new();
        // Closed or reset: the process is gone.
        let _ = tcp.read_to_end(&mut rest);
    }
}
