//! What is erased in an inbox is gone, whatever ends the process in between.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::sync::Arc;

use crate::client::inbox::{Inbox, InboxName};
use crate::client::inbox_erasure::{ErasedBy, ErasedHere, Fate, KeptFile, Said};
use crate::client::inbox_file::{self, InboxFile};
use crate::client::profile::ProfileDir;
use crate::domain::Bucket;
use crate::domain::{Digest, PayloadId, RetentionClass};
use crate::files::{self, FileError};
use crate::retention::Keyring;
use crate::retention::cipher;
use crate::seal::random_bytes;
use crate::time::ManualClock;
use crate::time::Timestamp;

const BEGINNING: Timestamp = Timestamp::from_unix_ms(1_711_130_340_000);

struct Scene {
    directory: tempfile::TempDir,
    inbox: Inbox,
    names: [InboxName; 3],
}

fn says(of: &InboxName) -> Vec<u8> {
    format!("what was said, number {}", of.number).into_bytes()
}

/// Three deliveries of one bucket (what is no delivery is ordinary, and of the day on which it came).
fn scene() -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let profile = ProfileDir::new(directory.path());
    let inbox = Inbox::of(&profile).timed_by(Arc::new(ManualClock::at(BEGINNING)));
    let names = [1, 2, 3].map(|number| InboxName {
        id: PayloadId::from_parts(1_700_000_000_000 + number, [1; 10]),
        digest: Digest([7; 32]),
        desk: "be.ctc".parse().unwrap(),
        number,
    });
    for name in &names {
        inbox.store(name, &says(name)).unwrap();
    }
    Scene {
        directory,
        inbox,
        names,
    }
}

impl Scene {
    /// What is read of each, and whether it is erased.
    fn read(&self) -> [(Vec<u8>, bool); 3] {
        self.names.clone().map(|name| {
            let erased = self.inbox.erased(&name).unwrap().is_some();
            (self.inbox.read(&name).unwrap().unwrap().to_vec(), erased)
        })
    }

    /// All but these are kept.
    fn expect_gone(&self, gone: &[u64], when: &str) {
        let expected = self.names.clone().map(|name| match gone.contains(&name.number) {
            true => (Vec::new(), true),
            false => (says(&name), false),
        });
        assert_eq!(self.read(), expected, "{when}");
    }

    fn erase(&self, gone: &[u64]) -> Result<usize, FileError> {
        let fate = |file: &KeptFile| match gone.contains(&file.name.number) {
            true => Fate::Goes(ErasedBy::Rule { days: 30 }),
            false => Fate::Stays,
        };
        Ok(self.inbox.erase(&fate)?.len())
    }

    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_all(self.directory.path(), copy.path());
        copy
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// One of a bucket is erased and the others stay readable, with their states; then all of it: also a copy of the inbox that was
/// made before opens with today's keys only what is not erased. It is erased once, and what comes later is kept.
#[test]
fn what_is_erased_is_gone_from_old_copies_too() {
    let scene = scene();
    scene.expect_gone(&[], "before");
    let before = scene.copy();
    let in_copy = |name: &InboxName| {
        // A backup without the keys' file, and today's keys.
        let keys = scene.directory.path().join("retention.keys");
        std::fs::copy(keys, before.path().join("retention.keys")).unwrap();
        let profile = ProfileDir::new(before.path());
        let InboxFile::Kept { bucket, .. } = Inbox::of(&profile).file(name).unwrap().unwrap() else {
            panic!()
        };
        let keyring = Keyring::open(&profile.inbox_keys(), &profile.inbox()).unwrap();
        let (inbox, keys) = (Inbox::of(&profile), keyring.keys(bucket));
        let file = inbox.file(name).unwrap().unwrap();
        matches!(Inbox::said(&file, &keys), Said::Something(_))
    };
    assert!(scene.names.iter().all(in_copy));
    assert_eq!(scene.erase(&[2]).unwrap(), 1);
    scene.expect_gone(&[2], "one");
    assert!(
        !scene.names.iter().any(in_copy),
        "the key of the bucket is another one"
    );
    assert_eq!(scene.erase(&[2]).unwrap(), 0);
    assert_eq!(scene.erase(&[1, 2, 3]).unwrap(), 2);
    scene.expect_gone(&[1, 2, 3], "all");
    let erased = scene.inbox.erased(&scene.names[0]).unwrap().unwrap();
    let (at, bucket) = (BEGINNING, erased.bucket);
    let line = format!("erased at {at} by the rule of 30 days ({bucket})");
    assert_eq!(erased.to_string(), line);
    let later = InboxName {
        number: 4,
        ..scene.names[0].clone()
    };
    scene.inbox.store(&later, b"later").unwrap();
    assert_eq!(scene.inbox.read(&later).unwrap().unwrap(), "later");
    scene.inbox.store(&scene.names[0], b"again").unwrap();
    scene.expect_gone(&[1, 2, 3], "what comes again stays erased");
}

/// Cut after each of its writes (each is one file, put into its place), an erasure is finished by the next run, which
/// nobody tells what to erase; what stays is readable at each point, and nothing is said to be erased that can be read.
#[test]
fn a_cut_erasure_is_finished_by_the_next_run() {
    for gone in [&[2][..], &[1, 2, 3], &[1, 3]] {
        let whole = scene();
        let before = whole.copy();
        whole.erase(gone).unwrap();
        let marks: Vec<_> = whole
            .names
            .iter()
            .filter(|it| gone.contains(&it.number))
            .collect();
        let stays: Vec<InboxName> = whole
            .names
            .iter()
            .filter(|it| !gone.contains(&it.number))
            .cloned()
            .collect();
        // The steps are those of `erase`, done again by hand on a copy of what was.
        type Step<'a> = Box<dyn Fn(&Inbox) + 'a>;
        let mut steps: Vec<Step<'_>> = Vec::new();
        for name in &marks {
            let line = std::fs::read(whole.inbox.erasure_file(name)).unwrap();
            steps.push(Box::new(move |inbox| {
                std::fs::write(inbox.erasure_file(name), &line).unwrap();
            }));
        }
        let bucket = whole.inbox.erased(marks[0]).unwrap().unwrap().bucket;
        let ring = |inbox: &Inbox| inbox.keys().locked().unwrap();
        if stays.is_empty() {
            steps.push(Box::new(move |inbox| {
                ring(inbox).keyring.destroy(bucket, 0).unwrap()
            }));
            steps.push(Box::new(move |inbox| ring(inbox).keyring.told(bucket).unwrap()));
        } else {
            steps.push(Box::new(move |inbox| {
                drop(ring(inbox).keyring.renew(bucket).unwrap())
            }));
            for name in &stays {
                steps.push(Box::new(move |inbox| {
                    let keys = ring(inbox);
                    let new = keys.keyring.renew(bucket).unwrap();
                    let item = inbox_file::item(bucket);
                    let sealed = cipher::seal(&new, random_bytes().unwrap(), item, says(name)).unwrap();
                    files::replace(
                        &inbox.stored_file(name),
                        &inbox_file::encode(bucket, b"", &sealed),
                    )
                    .unwrap();
                }));
            }
            steps.push(Box::new(move |inbox| {
                ring(inbox).keyring.renewed(bucket).unwrap()
            }));
        }
        for name in &marks {
            steps.push(Box::new(move |inbox| inbox.strip(name).unwrap()));
        }
        for done in 0..=steps.len() {
            let directory = tempfile::tempdir().unwrap();
            copy_all(before.path(), directory.path());
            let inbox = Inbox::of(&ProfileDir::new(directory.path()));
            let cut = Scene {
                directory,
                inbox,
                names: whole.names.clone(),
            };
            for step in steps.iter().take(done) {
                step(&cut.inbox);
            }
            let when = format!("{gone:?}, {done} of {} steps", steps.len());
            for (name, (read, erased)) in cut.names.iter().zip(cut.read()) {
                assert_eq!(read.is_empty(), erased, "{when}");
                assert!(!erased || gone.contains(&name.number), "{when}");
            }
            cut.erase(&[]).unwrap();
            let expected = if done < marks.len() && done == 0 {
                &[][..]
            } else {
                gone
            };
            if done == 0 || done >= marks.len() {
                cut.expect_gone(expected, &when);
            }
            cut.erase(gone).unwrap();
            cut.expect_gone(gone, &when);
            let keys = ring(&cut.inbox);
            assert_eq!(keys.keyring.renewing(), [], "{when}");
            assert_eq!(
                keys.keyring.keys(bucket).len(),
                usize::from(!stays.is_empty()),
                "{when}"
            );
        }
    }
}

/// What is held stays, also if its erasure had begun; it goes when the hold has ended.
#[test]
fn what_is_held_stays() {
    let scene = scene();
    let mark = ErasedHere {
        at: BEGINNING,
        bucket: Bucket::new(RetentionClass::Ordinary, 1).unwrap(),
        by: ErasedBy::Order {
            office: "duty officer".to_owned(),
        },
    };
    std::fs::write(scene.inbox.erasure_file(&scene.names[1]), mark.to_line()).unwrap();
    assert_eq!(scene.inbox.erase(&|_| Fate::Held).unwrap(), []);
    scene.expect_gone(&[], "held");
    assert!(!scene.inbox.erasure_file(&scene.names[1]).exists());
    scene.erase(&[2]).unwrap();
    scene.expect_gone(&[2], "not held");
}

/// What earlier versions stored plain is read as it is, encrypted by the first run, and erased as everything else.
#[test]
fn what_lay_plain_is_encrypted() {
    let scene = scene();
    let path = scene.inbox.stored_file(&scene.names[0]);
    std::fs::write(&path, says(&scene.names[0])).unwrap();
    scene.expect_gone(&[], "plain");
    scene.erase(&[]).unwrap();
    let lies = std::fs::read(&path).unwrap();
    assert!(!lies.windows(4).any(|window| window == b"said"));
    scene.expect_gone(&[], "encrypted");
    scene.erase(&[1]).unwrap();
    scene.expect_gone(&[1], "erased");
}

/// Without its keys an inbox is not used, until somebody says that they are lost; then nothing is said to be erased. What was altered,
/// and what is of a bucket that has another key since, is read without what it said, as what is lost.
#[test]
fn lost_keys_are_no_erasure() {
    let scene = scene();
    let keys = scene.directory.path().join("retention.keys");
    let path = scene.inbox.stored_file(&scene.names[0]);
    let lay = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&lay[..lay.len() - 1], b"x"].concat()).unwrap();
    assert_eq!(scene.inbox.read(&scene.names[0]).unwrap().unwrap(), "");
    std::fs::remove_file(&keys).unwrap();
    let refused = scene.inbox.read(&scene.names[1]).unwrap_err();
    assert!(refused.to_string().contains("is not there"), "{refused}");
    std::fs::remove_file(scene.directory.path().join("inbox/keyring.id")).unwrap();
    let later = InboxName {
        number: 4,
        ..scene.names[0].clone()
    };
    for comes in [false, true] {
        if comes {
            scene.inbox.store(&later, b"later").unwrap();
            assert_eq!(scene.inbox.read(&later).unwrap().unwrap(), "later");
        }
        assert_eq!(scene.inbox.read(&scene.names[1]).unwrap().unwrap(), "");
        assert_eq!(scene.inbox.erased(&scene.names[1]).unwrap(), None);
    }
    assert_eq!(scene.inbox.erase(&|_| Fate::Stays).unwrap(), []);
}

/// The marks are golden, and what is none is not read as one.
#[test]
fn marks_are_written_as_they_always_were() {
    let at = Timestamp::from_unix_ms(1_700_000_000_123);
    let bucket = Bucket::new(RetentionClass::PersonalData, 20_000).unwrap();
    for (by, line) in [
        (ErasedBy::Rule { days: 90 }, "1700000000123 33574432 days 90\n"),
        (
            ErasedBy::Order {
                office: "duty officer".to_owned(),
            },
            "1700000000123 33574432 order duty officer\n",
        ),
    ] {
        let mark = ErasedHere { at, bucket, by };
        assert_eq!(mark.to_line(), line);
        assert_eq!(ErasedHere::parse(line), Some(mark));
    }
    for line in [
        "",
        "\n",
        "1 2 days 3\n",
        "1700000000123 33574432 days\n",
        "1700000000123 33574432 days x\n",
        "1700000000123 33574432 days 90",
    ] {
        assert_eq!(ErasedHere::parse(line), None, "{line:?}");
    }
}
