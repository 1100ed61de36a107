//! Whatever a witness is asked, and whatever is found in its files at a start, it answers or refuses; it never cosigns two
//! histories of one log, nor a smaller tree after a larger one, across starts too.
#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use wardline::domain::Origin;
use wardline::seal::SecretKey;
use wardline::time::{ManualClock, Timestamp};
use wardline::transparency::{
    AddCheckpoint, CosignedCheckpoint, LogKey, Policy, WitnessVerifier, leaf_hash, origin_hash,
};
use wardline::witness::{Refusal, Witness, begin};
use wardline_fuzz::{Script, Tree, in_memory};

const SIZE: u64 = 20;

struct Stage {
    directory: PathBuf,
    /// Of the witness as it began: its configuration and the empty state of its log.
    conf: Vec<u8>,
    state: Vec<u8>,
    log: LogKey,
    verifier: WitnessVerifier,
    policy: Policy,
    histories: [Tree; 2],
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let directory = in_memory("witness");
    let origin: Origin = "log.invalid".parse().expect("an origin");
    let log = LogKey::new(origin.clone(), SecretKey::from_seed(&[8; 32]));
    let name = "w.invalid".parse().expect("a name");
    let begun = begin(&directory, name, vec![log.verifier().clone()]).expect("a witness");
    let policy = Policy::of_one(log.verifier().clone(), begun.verifier.clone());
    let history = |fork: u64| Tree::of((0..SIZE).map(move |it| leaf_hash(&[u8::from(it >= fork), it as u8])));
    Stage {
        conf: std::fs::read(directory.join("witness")).expect("a file"),
        state: std::fs::read(directory.join("logs").join(origin_hash(&origin))).expect("a file"),
        directory,
        verifier: begun.verifier,
        log,
        policy,
        histories: [history(SIZE), history(7)],
    }
});

impl Stage {
    fn put(&self, conf: &[u8], state: &[u8]) {
        std::fs::write(self.directory.join("witness"), conf).expect("a file");
        std::fs::write(self.state_file(), state).expect("a file");
    }

    fn state_file(&self) -> PathBuf {
        self.directory
            .join("logs")
            .join(origin_hash(self.log.verifier().origin()))
    }

    fn open(&self, clock: &Arc<ManualClock>) -> Option<Witness> {
        Witness::open(&self.directory, Arc::clone(clock) as _).ok()
    }

    /// A question as the script says, mostly a sound one.
    fn question(&self, script: &mut Script<'_>, held: u64, words: &[String]) -> String {
        let tree = &self.histories[usize::from(script.byte() > 180)];
        let new = script.below(SIZE + 1);
        let old = if script.byte() < 200 {
            held.min(new)
        } else {
            script.number()
        };
        let mut proof = tree.consistency(old.min(new), new);
        if script.byte() > 200 {
            proof.push(script.hash());
        }
        let mut note = self.log.sign_checkpoint(new, tree.root(new));
        if script.byte() > 200
            && let Some(word) = words.get(usize::from(script.byte()) % words.len().max(1))
        {
            note.push_str(word);
        }
        note.push_str(&String::from_utf8_lossy(script.bytes(16)));
        AddCheckpoint {
            old_size: old,
            proof,
            note,
        }
        .to_string()
    }
}

fuzz_target!(|data: &[u8]| {
    let stage = &*STAGE;
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix_ms(1_700_000_000_000)));
    let (first, data) = data.split_first().unwrap_or((&0, &[]));
    // What stands in the files is the input's.
    let text = String::from_utf8_lossy(data);
    match first % 4 {
        0 => {
            // Of the keys, which are another process's, its own stand in their place.
            let conf = text
                .replace("WITNESS", &stage.verifier.vkey())
                .replace("LOG", &stage.log.verifier().vkey());
            stage.put(conf.as_bytes(), &stage.state);
            drop(stage.open(&clock));
            return;
        }
        1 => {
            let head = format!("wardline-witness-log/v1\nlog {}\n", stage.log.verifier());
            let tree = &stage.histories[0];
            let checkpoint = tree.checkpoint("log.invalid", 5);
            let note = stage.log.sign_checkpoint(5, tree.root(5));
            let vkey = stage.verifier.clone();
            stage.put(&stage.conf, &stage.state);
            // Its own word, which only it can give.
            let witness = stage.open(&clock).expect("it began");
            let own = AddCheckpoint {
                old_size: 0,
                proof: Vec::new(),
                note: note.clone(),
            };
            let line = witness.add_checkpoint(&own.to_string()).expect("the first");
            drop(witness);
            let state = text
                .replace("HEAD", &head)
                .replace("NOTE", &format!("{note}{line}"))
                .replace("LINE", &line);
            std::fs::write(stage.state_file(), state.as_bytes()).expect("a file");
            if let Some(witness) = stage.open(&clock) {
                assert_eq!(*witness.verifier(), vkey);
                let size = witness.logs().first().and_then(|(_, size)| *size);
                assert!(size.is_none() || size == Some(checkpoint.size), "{size:?}");
            }
            return;
        }
        2 => {
            // A question is the input's text, as it is and with a note of the log's at its end.
            stage.put(&stage.conf, &stage.state);
            let witness = stage.open(&clock).expect("it began");
            let note = stage.log.sign_checkpoint(5, stage.histories[0].root(5));
            let _ = witness.add_checkpoint(&text);
            let _ = witness.add_checkpoint(&text.replace("NOTE", &note));
            return;
        }
        _ => {}
    }
    stage.put(&stage.conf, &stage.state);
    let mut witness = stage.open(&clock).expect("it began");
    let mut script = Script::new(data);
    let mut last: Option<CosignedCheckpoint> = None;
    let mut words: Vec<String> = Vec::new();
    let (mut put_back, mut lost) = (false, false);
    while !script.is_empty() {
        let held = last.as_ref().map_or(0, |last| last.checkpoint().size);
        match script.byte() {
            0..=150 => {
                let question = stage.question(&mut script, held, &words);
                let line = match witness.add_checkpoint(&question) {
                    Ok(line) => line,
                    Err(Refusal::Forgotten) => {
                        assert!(put_back, "a state that is its last was taken for an old one");
                        lost = true;
                        continue;
                    }
                    Err(_) => continue,
                };
                assert!(!lost, "it cosigned after it had lost its state");
                let note = AddCheckpoint::parse(&question).expect("it was taken").note;
                let bare = stage.log.verifier().open_bare(&note).expect("it was taken");
                let cosigned = stage
                    .policy
                    .open(&format!("{}{line}", bare.note()))
                    .expect("a cosignature");
                assert!(cosigned.has_quorum());
                if let Some(last) = &last {
                    let (before, now) = (last.checkpoint(), cosigned.checkpoint());
                    assert!(before.size <= now.size && last.quorum_time() <= cosigned.quorum_time());
                    let history = stage.histories.iter().find(|it| it.root(now.size) == now.root);
                    assert_eq!(
                        history.expect("one of the two").root(before.size),
                        before.root,
                        "a fork was cosigned"
                    );
                }
                words.push(line);
                last = Some(cosigned);
            }
            151..=180 => {
                drop(witness);
                let Some(again) = stage.open(&clock) else {
                    assert!(lost, "what it wrote it does not read");
                    return;
                };
                witness = again;
                let size = witness.logs().first().and_then(|(_, size)| *size);
                if !lost {
                    assert_eq!(size, last.as_ref().map(|last| last.checkpoint().size));
                }
            }
            181..=190 => {
                // An old copy of its state is put back: nothing is held against what it then cosigns, until it is shown its own word.
                drop(witness);
                stage.put(&stage.conf, &stage.state);
                witness = stage.open(&clock).expect("it began");
                (put_back, lost, last) = (true, false, None);
            }
            _ => clock.advance_ms(i64::from(script.byte()) * 500 - 10_000),
        }
    }
});
