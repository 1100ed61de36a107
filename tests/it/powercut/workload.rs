//! What the journal is asked to do while its writes are recorded: a chain of blocks that depends only on a seed, so
//! that the checker knows every byte that must be there.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use sha2::{Digest as _, Sha256};
use wardline::domain::Hash;
use wardline::journal::sled::{SledJournal, Tuning};
use wardline::journal::{Block, Head, Journal, Part, PartKind};

use super::disk::Random;
use super::trace::{Marker, mark};

/// What a block looks like: how many records and how long they are at most, how many of a hundred have a body, and how
/// long that is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) records: u64,
    pub(super) record_bytes: u64,
    pub(super) bodies: u64,
    pub(super) body_bytes: u64,
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The journal is dropped.
    Close,
    /// In the middle of appends, without a goodbye.
    Die,
}

/// One process: how many blocks it appends, and how it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session(pub(super) u64, pub(super) End);

impl std::fmt::Display for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.0, self.1)
    }
}

impl Session {
    /// What [`Display`](std::fmt::Display) wrote.
    pub(super) fn parse(text: &str) -> Self {
        match text.split_once(' ') {
            Some((blocks, "Close")) => Self(blocks.parse().unwrap(), End::Close),
            Some((blocks, "Die")) => Self(blocks.parse().unwrap(), End::Die),
            _ => panic!("{text:?} is no session"),
        }
    }
}

/// What is recorded: the sessions of one journal, one after the other. Block n has shape n modulo their number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) name: &'static str,
    pub(super) seed: u64,
    /// At most so many blocks are sent before the first one is acknowledged.
    pub(super) ahead: u64,
    pub(super) tuning: Tuning,
    pub(super) shapes: &'static [Shape],
    pub(super) sessions: &'static [Session],
}

/// Block number `head.sequence + 1` of the chain.
pub(super) fn block(run: &Run, head: Head) -> Block {
    let mut random = Random(run.seed ^ (head.sequence << 20));
    let shape = run.shapes[usize::try_from(head.sequence).unwrap() % run.shapes.len()];
    let mut fill = |max: u64| -> Bytes {
        let length = random.below(max);
        let bytes = std::iter::repeat_with(|| random.next().to_le_bytes())
            .take(usize::try_from(length / 8 + 1).unwrap());
        let mut bytes: Vec<u8> = bytes.flatten().collect();
        bytes.truncate(usize::try_from(length).unwrap());
        bytes.into()
    };
    let count = 1 + fill(shape.records).len() as u64;
    let records: Vec<Bytes> = (0..count).map(|_| fill(shape.record_bytes)).collect();
    let bodies: Vec<(u64, Bytes)> = (head.size..head.size + count)
        .map(|index| (index, fill(shape.body_bytes)))
        .collect();
    let mut hasher = Sha256::new_with_prefix(head.root.as_bytes());
    records.iter().for_each(|record| hasher.update(record));
    let parts = bodies.into_iter().filter(|_| random.chance(shape.bodies));
    let part = |(index, bytes)| Part {
        index,
        kind: PartKind::Body,
        format: 1,
        bucket: 9,
        bytes,
    };
    Block {
        records,
        parts: parts.map(part).collect(),
        root: Hash(hasher.finalize().into()),
    }
}

/// The recorded process: opens, appends and erases, and marks what it was told.
pub(super) fn record(directory: &Path, trace: &Path, run: &Run, session: Session) {
    let trace = File::options().append(true).create(true).open(trace).unwrap();
    mark(&trace, Marker::Opening);
    let journal = Arc::new(SledJournal::open_tuned(directory, run.tuning).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let (stop, seed) = (Arc::new(AtomicBool::new(false)), run.seed);
    let reader = std::thread::spawn({
        let (journal, stop) = (Arc::clone(&journal), Arc::clone(&stop));
        move || read_meanwhile(&journal, &stop, seed)
    });
    runtime.block_on(append(&journal, &|marker| mark(&trace, marker), run, session));
    if session.1 == End::Die {
        std::process::exit(0);
    }
    stop.store(true, Ordering::Relaxed);
    reader.join().unwrap();
    drop(journal);
}

/// Reads what is there, over and over: sled may write when it is read.
fn read_meanwhile(journal: &SledJournal, stop: &AtomicBool, seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut random = Random(seed);
    while !stop.load(Ordering::Relaxed) {
        runtime.block_on(async {
            let head = journal.head().await.unwrap();
            let from = random.below(head.size.max(1));
            journal.read(from, 10, usize::MAX).await.unwrap();
            journal.part(from, PartKind::Body).await.unwrap();
            journal.block_head(from).await.unwrap();
        });
    }
}

/// Appends and erases as `run` and `session` say, and says what it is about to do and what it was told.
pub(super) async fn append(journal: &SledJournal, say: &dyn Fn(Marker), run: &Run, session: Session) {
    let mut head = journal.head().await.unwrap();
    say(Marker::Found(head.sequence));
    let last = head.sequence + session.0;
    let mut random = Random(!run.seed ^ head.sequence);
    while head.sequence < last {
        // Mostly one block at a time; sometimes several are sent ahead, and share a sync or not.
        let ahead = if random.chance(60) {
            1
        } else {
            random.below(run.ahead) + 1
        };
        let mut appends = FuturesOrdered::new();
        for _ in 0..ahead {
            let next = block(run, head);
            let fresh = head.after(&next);
            say(Marker::Attempt(fresh.sequence));
            appends.push_back(journal.append(next, head));
            head = fresh;
        }
        while let Some(appended) = appends.next().await {
            say(Marker::Acknowledged(appended.unwrap().sequence));
            if session.1 == End::Die && head.sequence >= last {
                return;
            }
        }
        if random.chance(20) {
            let index = random.below(head.size);
            say(Marker::Erase(index));
            journal.erase(index, PartKind::Body).await.unwrap();
            say(Marker::Erased(index));
        }
    }
}
