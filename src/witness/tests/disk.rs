//! The directory and its disk: failing writes, lost and broken states, old copies.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;
use crate::domain::{Hash, Origin};
use crate::files::FileError;
use crate::time::Clock as _;
use crate::transparency::{LogVerifier, Policy, WitnessKey};
use crate::witness::cosign::{Store, Watched};
use crate::witness::evidence::Kept;
use crate::witness::format::{Stored, parse_state};
use crate::witness::log::LogState;

fn log_of(n: u8, origin: &str) -> LogVerifier {
    LogKey::new(origin.parse().unwrap(), SecretKey::from_seed(&[n; 32]))
        .verifier()
        .clone()
}

fn state_file(directory: &Path) -> std::path::PathBuf {
    directory.join("logs").join(origin_hash(&ORIGIN.parse().unwrap()))
}

/// What a failing disk does with one write.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// It is not there, and the writer is told so.
    Lost,
    /// It is there, and the writer is told that it failed.
    Failed,
}

/// A disk in memory that fails at chosen writes.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<OnDisk>>);

#[derive(Default)]
struct OnDisk {
    state: Option<Vec<u8>>,
    faults: VecDeque<Option<Fault>>,
}

impl Store for Disk {
    fn save(&self, _: &Origin, bytes: &[u8]) -> Result<(), FileError> {
        let mut disk = self.0.lock().unwrap();
        let fault = disk.faults.pop_front().flatten();
        if fault != Some(Fault::Lost) {
            disk.state = Some(bytes.to_vec());
        }
        match fault {
            None => Ok(()),
            Some(_) => Err(files::at(Path::new("disk"))(
                std::io::ErrorKind::StorageFull.into(),
            )),
        }
    }

    fn keep(&self, _: &str, _: &[u8]) -> Result<(), FileError> {
        Ok(())
    }

    fn discard(&self, _: &str) -> Result<(), FileError> {
        Ok(())
    }
}

impl Disk {
    /// A witness that starts from what is on the disk.
    fn start(&self) -> Witness {
        let key = || {
            let name = "w.invalid".parse().unwrap();
            WitnessKey::new(name, SecretKey::from_seed(&[1; 32]))
        };
        let log = log_key().verifier().clone();
        let state = self.0.lock().unwrap().state.clone();
        let held = state.and_then(|bytes| match parse_state(&bytes, key().verifier(), &log) {
            Some(Stored::Last(held)) => held,
            Some(Stored::Lost(_)) | None => panic!("no state"),
        });
        let policy = Policy::of_one(log.clone(), key().verifier().clone());
        let watched = Watched::new(log, policy, LogState::of(held));
        Witness::new(key(), [watched], Box::new(self.clone()), Kept::default(), clock())
    }
}

/// Each write of a run lost, or done but said to have failed, with and without a restart after it, while the log offers
/// two histories in turn: never are two roots cosigned at one size, never a smaller size after a larger one, and a
/// failed write never answers with a cosignature. In the end an honest log is cosigned again.
#[test]
fn no_failing_write_makes_a_witness_say_two_things() {
    let histories = [history(40, 40), history(40, 4)];
    for write in 0..6usize {
        for fault in [Fault::Lost, Fault::Failed] {
            for restart in [false, true] {
                let disk = Disk::default();
                disk.0.lock().unwrap().faults = (0..6).map(|n| (n == write).then_some(fault)).collect();
                let mut witness = disk.start();
                let mut said: BTreeMap<u64, Hash> = BTreeMap::new();
                let mut known = 0;
                for step in 0..12usize {
                    // Both histories try each size, so that a fault between them is tried out.
                    let log = &histories[step % 2];
                    let new = 3 + u64::try_from(step / 2).unwrap();
                    let answered = match witness.add_checkpoint(&ask(log, known, new)) {
                        Err(Refusal::Stale(size)) if size <= new => {
                            known = size;
                            witness.add_checkpoint(&ask(log, size, new))
                        }
                        answered => answered,
                    };
                    match answered {
                        Ok(_) => {
                            let root = log.root(new);
                            let before = said.insert(new, root);
                            assert!(before.is_none_or(|before| before == root), "two roots at {new}");
                            assert_eq!(said.keys().next_back(), Some(&new), "smaller after larger");
                            known = new;
                        }
                        Err(Refusal::NotDurable) if restart => witness = disk.start(),
                        Err(_) => {}
                    }
                    let shown = witness.last(&origin_hash(&ORIGIN.parse().unwrap()));
                    if let Some(note) = shown {
                        let shown = log_key().verifier().open(&note).unwrap();
                        let before = said.insert(shown.size(), shown.root());
                        assert!(
                            before.is_none_or(|before| before == shown.root()),
                            "shows another root"
                        );
                    }
                }
                let case = format!("write {write} {fault:?}, restart {restart}");
                let held = witness.logs()[0].1.unwrap();
                let honest = histories
                    .iter()
                    .find(|log| log.root(held) == said[&held])
                    .unwrap_or_else(|| panic!("{case}"));
                witness
                    .add_checkpoint(&ask(honest, held, 40))
                    .unwrap_or_else(|refusal| panic!("{case}: {refusal}"));
            }
        }
    }
}

/// A state file that is cut anywhere, or has any byte changed, is refused at the start, and so is one that is missing:
/// never a new beginning. A person who says what was cosigned last brings the log back.
#[test]
fn a_lost_or_broken_state_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let clock = clock();
    let log = history(9, 9);
    open(directory.path(), &clock)
        .add_checkpoint(&ask(&log, 0, 5))
        .unwrap();
    let path = state_file(directory.path());
    let good = std::fs::read(&path).unwrap();
    let opened = || Witness::open(directory.path(), Arc::clone(&clock) as _).map(drop);
    for cut in 0..good.len() {
        std::fs::write(&path, &good[..cut]).unwrap();
        assert!(matches!(opened(), Err(OpenError::Broken(..))), "cut at {cut}");
        let mut changed = good.clone();
        changed[cut] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert!(matches!(opened(), Err(OpenError::Broken(..))), "changed at {cut}");
    }
    std::fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
    assert!(matches!(opened(), Err(OpenError::Broken(..))));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(opened(), Err(OpenError::Lost(..))));
    let mut new = NewLog {
        log: log_key().verifier().clone(),
        last: None,
    };
    let add = |new: &NewLog| add_log(directory.path(), new, &*clock).map(drop);
    assert!(matches!(add(&new), Err(BeginError::NeedsLast(_))));
    new.last = Some(log_key().sign_checkpoint(5, log.root(5)).replacen('5', "6", 1));
    assert!(matches!(add(&new), Err(BeginError::Last(..))));
    new.last = Some(log_key().sign_checkpoint(5, log.root(5)));
    add(&new).unwrap();
    assert!(matches!(add(&new), Err(BeginError::SameLog(_))));
    let witness = open(directory.path(), &clock);
    assert_eq!(witness.add_checkpoint(&ask(&log, 4, 9)), Err(Refusal::Stale(5)));
    witness.add_checkpoint(&ask(&log, 5, 9)).unwrap();
}

/// An old copy of a directory is found out by the witness's own later cosignature, and cosigns nothing more.
#[test]
fn an_old_copy_is_found_out() {
    let (directory, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    init(directory.path());
    let clock = clock();
    let (log, fork) = (history(20, 20), history(20, 3));
    let witness = open(directory.path(), &clock);
    witness.add_checkpoint(&ask(&log, 0, 5)).unwrap();
    std::fs::create_dir(copy.path().join("logs")).unwrap();
    for file in ["key.pem", "witness"]
        .map(Path::new)
        .into_iter()
        .map(Path::to_owned)
        .chain([Path::new("logs").join(origin_hash(&ORIGIN.parse().unwrap()))])
    {
        std::fs::copy(directory.path().join(&file), copy.path().join(&file)).unwrap();
    }
    let line = witness.add_checkpoint(&ask(&log, 5, 9)).unwrap();
    let old = open(copy.path(), &clock);
    // What it had said itself, and what a stranger says in its name, is nothing.
    let mut asked = AddCheckpoint::parse(&ask(&fork, 5, 7)).unwrap();
    asked.note.push_str(&line);
    assert_eq!(old.add_checkpoint(&asked.to_string()), Err(Refusal::Inconsistent));
    let mut asked = AddCheckpoint::parse(&ask(&log, 5, 9)).unwrap();
    asked.note.push_str(&line);
    assert_eq!(old.add_checkpoint(&asked.to_string()), Err(Refusal::Forgotten));
    assert_eq!(old.add_checkpoint(&ask(&log, 5, 6)), Err(Refusal::Forgotten));
    // The witness itself has not forgotten it.
    assert!(witness.add_checkpoint(&ask(&log, 9, 9)).is_ok());
}

/// A witness that was shown its own later word refuses its directory at each later start, whatever log asks; the file says
/// what it held and what it was shown. A person who says what was cosigned last brings the log back, with no fork of it;
/// and the file, cut or changed anywhere, is never taken for a state.
#[test]
fn what_was_forgotten_stays_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let clock = clock();
    let (log, fork) = (history(20, 20), history(20, 7));
    let path = state_file(directory.path());
    let witness = open(directory.path(), &clock);
    witness.add_checkpoint(&ask(&log, 0, 5)).unwrap();
    let old = std::fs::read(&path).unwrap();
    let held = witness.last(&origin_hash(&ORIGIN.parse().unwrap())).unwrap();
    clock.advance_ms(1_000);
    let line = witness.add_checkpoint(&ask(&log, 5, 9)).unwrap();
    drop(witness);
    std::fs::write(&path, old).unwrap();
    let witness = open(directory.path(), &clock);
    let mut asked = AddCheckpoint::parse(&ask(&log, 5, 9)).unwrap();
    asked.note.push_str(&line);
    assert_eq!(
        witness.add_checkpoint(&asked.to_string()),
        Err(Refusal::Forgotten)
    );
    let lost = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        lost,
        format!(
            "wardline-witness-log/v1\nlog {}\nlost\nnote\n{held}\nshown\n{}",
            log_key().verifier(),
            asked.note
        )
    );
    assert_eq!(witness.add_checkpoint(&ask(&fork, 5, 8)), Err(Refusal::Forgotten));
    drop(witness);
    let opened = || Witness::open(directory.path(), Arc::clone(&clock) as _).map(drop);
    for cut in 0..lost.len() {
        std::fs::write(&path, &lost.as_bytes()[..cut]).unwrap();
        let refused = |opened| matches!(opened, Err(OpenError::Lost(..) | OpenError::Broken(..)));
        assert!(refused(opened()), "cut at {cut}");
        let mut changed = lost.clone().into_bytes();
        changed[cut] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert!(refused(opened()), "changed at {cut}");
    }
    std::fs::write(&path, &lost).unwrap();
    assert!(matches!(opened(), Err(OpenError::Lost(..))));
    let mut new = NewLog {
        log: log_key().verifier().clone(),
        last: None,
    };
    let add = |new: &NewLog| add_log(directory.path(), new, &*clock).map(drop);
    assert!(matches!(add(&new), Err(BeginError::NeedsLast(_))));
    new.last = Some(lost.split_once("\nshown\n").unwrap().1.to_owned());
    add(&new).unwrap();
    let witness = open(directory.path(), &clock);
    assert_eq!(witness.add_checkpoint(&asked.to_string()), Err(Refusal::Stale(9)));
    assert_eq!(
        witness.add_checkpoint(&ask(&fork, 9, 12)),
        Err(Refusal::Inconsistent)
    );
    witness.add_checkpoint(&ask(&log, 9, 12)).unwrap();
}

/// However many lines are on the note that shows a witness its own later word, and junk in its name among them, what is kept
/// is the log's line and its own: the next start says that the state was lost, and reads what was shown.
#[test]
fn what_is_shown_is_kept_without_others_lines() {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let clock = clock();
    let (log, path) = (history(20, 20), state_file(directory.path()));
    let fresh = std::fs::read(&path).unwrap();
    let witness = open(directory.path(), &clock);
    let line = witness.add_checkpoint(&ask(&log, 0, 9)).unwrap();
    drop(witness);
    std::fs::write(&path, fresh).unwrap();
    let witness = open(directory.path(), &clock);
    let mut asked = AddCheckpoint::parse(&ask(&log, 0, 9)).unwrap();
    let bare = asked.note.clone();
    // The same key's name and hash, and a signature that is none.
    let signature = line.trim_end().rsplit(' ').next().unwrap();
    let mut junk = BASE64_STANDARD.decode(signature).unwrap();
    *junk.last_mut().unwrap() ^= 1;
    asked
        .note
        .push_str(&line.replace(signature, &BASE64_STANDARD.encode(junk)));
    for n in 0..90 {
        let other = WitnessKey::new(
            format!("w{n}.{}", "x".repeat(200)).parse().unwrap(),
            SecretKey::from_seed(&[5; 32]),
        );
        let checkpoint = log_key().verifier().open(&bare).unwrap();
        asked
            .note
            .push_str(&other.cosign(checkpoint.checkpoint(), Timestamp::from_unix_ms(0)));
    }
    asked.note.push_str(&line);
    assert_eq!(
        witness.add_checkpoint(&asked.to_string()),
        Err(Refusal::Forgotten)
    );
    drop(witness);
    let kept = std::fs::read_to_string(&path).unwrap();
    let told = format!("\nlost\nnone\n\nshown\n{bare}{line}");
    assert!(kept.ends_with(&told), "{} bytes", kept.len());
    let opened = Witness::open(directory.path(), clock).map(drop);
    assert!(matches!(opened, Err(OpenError::Lost(..))));
}

/// What brings a lost log back is at least as large as each note of its lost state, and of the same tree at the same size; a
/// table. Larger of what it held and what it was shown: either may be.
#[test]
fn a_lost_log_does_not_come_back_older() {
    let clock = clock();
    let (log, fork) = (history(20, 20), history(20, 3));
    let key = log_key();
    for (held, shown) in [(None, 9), (Some(5), 9)] {
        let directory = tempfile::tempdir().unwrap();
        init(directory.path());
        let path = state_file(directory.path());
        let witness = open(directory.path(), &clock);
        if let Some(held) = held {
            witness.add_checkpoint(&ask(&log, 0, held)).unwrap();
        }
        let before = std::fs::read(&path).unwrap();
        let line = witness
            .add_checkpoint(&ask(&log, held.unwrap_or(0), shown))
            .unwrap();
        drop(witness);
        std::fs::write(&path, before).unwrap();
        let witness = open(directory.path(), &clock);
        let mut asked = AddCheckpoint::parse(&ask(&log, held.unwrap_or(0), shown)).unwrap();
        asked.note.push_str(&line);
        assert_eq!(
            witness.add_checkpoint(&asked.to_string()),
            Err(Refusal::Forgotten)
        );
        drop(witness);
        let lost = std::fs::read(&path).unwrap();
        for (last, size, older, other) in [
            (&log, 1, true, false),
            (&log, 5, true, false),
            (&log, 8, true, false),
            (&fork, 9, false, true),
            (&log, 9, false, false),
            (&log, 12, false, false),
        ] {
            std::fs::write(&path, &lost).unwrap();
            let new = NewLog {
                log: key.verifier().clone(),
                last: Some(key.sign_checkpoint(size, last.root(size))),
            };
            let added = add_log(directory.path(), &new, &*clock).map(drop);
            let case = format!("{held:?} {shown} {size}: {added:?}");
            assert_eq!(
                matches!(added, Err(BeginError::LastOlder { known: 9, .. })),
                older,
                "{case}"
            );
            assert_eq!(
                matches!(added, Err(BeginError::LastOther { size: 9, .. })),
                other,
                "{case}"
            );
            assert_eq!(added.is_ok(), !older && !other, "{case}");
            assert_eq!(std::fs::read(&path).unwrap() == lost, added.is_err(), "{case}");
        }
    }
}

/// A log that is brought back is cosigned no earlier than this witness's own last word on it, whatever its clock says now:
/// shown that word again, it knows no later one and serves on.
#[test]
fn a_lost_log_comes_back_no_earlier_than_its_word() {
    let clock = clock();
    let log = history(20, 20);
    let directory = tempfile::tempdir().unwrap();
    init(directory.path());
    let path = state_file(directory.path());
    let empty = std::fs::read(&path).unwrap();
    let witness = open(directory.path(), &clock);
    let line = witness.add_checkpoint(&ask(&log, 0, 9)).unwrap();
    drop(witness);
    std::fs::write(&path, empty).unwrap();
    // It was a day ahead.
    let corrected = Arc::new(ManualClock::at(clock.now().saturating_add_ms(-86_400_000)));
    let witness = open(directory.path(), &corrected);
    let mut word = AddCheckpoint::parse(&ask(&log, 0, 9)).unwrap();
    word.note.push_str(&line);
    assert_eq!(witness.add_checkpoint(&word.to_string()), Err(Refusal::Forgotten));
    drop(witness);
    let new = NewLog {
        log: log_key().verifier().clone(),
        last: Some(log_key().sign_checkpoint(9, log.root(9))),
    };
    add_log(directory.path(), &new, &*corrected).unwrap();
    let witness = open(directory.path(), &corrected);
    let mut again = AddCheckpoint::parse(&ask(&log, 9, 9)).unwrap();
    again.note.push_str(&line);
    assert_eq!(witness.add_checkpoint(&again.to_string()), Ok(line));
}

/// If the disk fails when a witness has found out that it forgot, it refuses all the same, and tries again at the next
/// request, whatever that is, until the loss is stored.
#[test]
fn a_loss_is_stored_as_soon_as_the_disk_can() {
    let disk = Disk::default();
    let (log, fork) = (history(20, 20), history(20, 7));
    let line = disk.start().add_checkpoint(&ask(&log, 0, 9)).unwrap();
    disk.0.lock().unwrap().state = None;
    disk.0.lock().unwrap().faults = [Some(Fault::Lost), Some(Fault::Lost), None].into();
    let witness = disk.start();
    let mut asked = AddCheckpoint::parse(&ask(&log, 0, 9)).unwrap();
    asked.note.push_str(&line);
    let is_lost = || {
        let state = disk.0.lock().unwrap().state.clone();
        state.is_some_and(|bytes| bytes.windows(6).any(|part| part == b"\nlost\n"))
    };
    for (request, stored) in [
        (asked.to_string(), false),
        (ask(&fork, 0, 8), false),
        (ask(&fork, 0, 8), true),
        (ask(&fork, 0, 8), true),
    ] {
        assert_eq!(witness.add_checkpoint(&request), Err(Refusal::Forgotten));
        assert_eq!(is_lost(), stored);
    }
}

/// A directory is one process's; a key is never written over; another key, a cut list of logs and nothing at all are
/// refused, each with its own error.
#[test]
fn a_directory_that_is_no_sound_witness_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let clock = clock();
    let opened = || Witness::open(path, Arc::clone(&clock) as _).map(drop);
    assert!(matches!(opened(), Err(OpenError::NoWitness(_))));
    init(path);
    let log = log_of(2, "second.invalid");
    let new = NewLog {
        log: log.clone(),
        last: None,
    };
    {
        let _witness = open(path, &clock);
        assert!(matches!(opened(), Err(OpenError::InUse(_))));
        assert!(matches!(
            add_log(path, &new, &*clock),
            Err(BeginError::Open(OpenError::InUse(_)))
        ));
    }
    let key = std::fs::read(path.join("key.pem")).unwrap();
    let again = begin(path, "w.invalid".parse().unwrap(), vec![log]);
    assert!(matches!(again, Err(BeginError::Exists(_))));
    assert_eq!(std::fs::read(path.join("key.pem")).unwrap(), key);
    assert_eq!(add_log(path, &new, &*clock).unwrap().logs.len(), 2);
    let other = NewLog {
        log: log_of(3, "second.invalid"),
        last: None,
    };
    assert!(matches!(
        add_log(path, &other, &*clock),
        Err(BeginError::SameLog(_))
    ));
    assert_eq!(open(path, &clock).logs().len(), 2);
    let conf = std::fs::read(path.join("witness")).unwrap();
    for cut in 0..conf.len() {
        std::fs::write(path.join("witness"), &conf[..cut]).unwrap();
        assert!(matches!(opened(), Err(OpenError::Malformed(..))), "cut at {cut}");
    }
    std::fs::write(path.join("witness"), &conf).unwrap();
    std::fs::remove_file(path.join("key.pem")).unwrap();
    SecretKey::from_seed(&[5; 32])
        .write_to(&path.join("key.pem"))
        .unwrap();
    assert!(matches!(opened(), Err(OpenError::OtherKey(_))));
}
