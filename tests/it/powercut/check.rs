//! What must hold of a disk after the power cut: every acknowledged block is there with its bytes and its root,
//! nothing is there that was not appended, what was erased stays erased, and the journal goes on.

use std::collections::BTreeSet;
use std::path::Path;

use wardline::journal::sled::{SledJournal, Tuning};
use wardline::journal::{Block, Head, Journal, PartKind};

use super::trace::Marker;
use super::workload::{Run, block};

/// What the journal had promised when the power failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Promise {
    pub(super) acknowledged: u64,
    pub(super) attempted: u64,
    erase: BTreeSet<u64>,
    erased: BTreeSet<u64>,
}

impl Promise {
    pub(super) fn hear(&mut self, marker: Marker) {
        match marker {
            Marker::Opening => {}
            // What a journal shows when it is opened is a promise, too.
            Marker::Found(n) | Marker::Acknowledged(n) => self.acknowledged = self.acknowledged.max(n),
            Marker::Attempt(n) => self.attempted = self.attempted.max(n),
            Marker::Erase(index) => drop(self.erase.insert(index)),
            Marker::Erased(index) => drop(self.erased.insert(index)),
        }
    }
}

/// The whole chain of a run, computed once.
pub(super) struct Chain {
    /// The head before each block, and the last one.
    heads: Vec<Head>,
    blocks: Vec<Block>,
    tuning: Tuning,
}

impl Chain {
    pub(super) fn new(run: &Run, blocks: u64) -> Self {
        let mut chain = Self {
            heads: vec![Head::EMPTY],
            blocks: Vec::new(),
            tuning: run.tuning,
        };
        for _ in 0..blocks {
            let head = *chain.heads.last().unwrap();
            let next = block(run, head);
            chain.heads.push(head.after(&next));
            chain.blocks.push(next);
        }
        chain
    }

    /// Opens what the power cut left in `directory`, and says what is wrong with it.
    pub(super) fn check(&self, directory: &Path, promise: &Promise) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let journal = SledJournal::open_tuned(directory, self.tuning)
            .map_err(|e| format!("it cannot be opened: {e}"))?;
        let sequence = runtime.block_on(self.check_content(&journal, promise))?;
        let (head, next) = (self.heads[sequence], &self.blocks[sequence]);
        let appended = runtime.block_on(journal.append(next.clone(), head));
        ensure(appended == Ok(self.heads[sequence + 1]), || {
            format!("it cannot go on: {appended:?}")
        })?;
        drop(journal);
        let journal = SledJournal::open_tuned(directory, self.tuning)
            .map_err(|e| format!("it cannot be opened again: {e}"))?;
        let again = runtime.block_on(journal.head()).map_err(|e| e.to_string())?;
        ensure(again == self.heads[sequence + 1], || {
            format!("what was appended afterwards is lost: {again:?}")
        })?;
        let blobs = std::fs::read_dir(directory.join("journal/blobs"))
            .map_err(|e| e.to_string())?
            .count();
        ensure(blobs == 0, || "sled wrote a blob file".into())
    }

    async fn check_content(&self, journal: &SledJournal, promise: &Promise) -> Result<usize, String> {
        let head = journal.head().await.map_err(|e| e.to_string())?;
        let expected = promise.acknowledged..=promise.attempted.max(promise.acknowledged);
        ensure(expected.contains(&head.sequence), || {
            format!(
                "it has {} blocks, acknowledged were {}, tried {}",
                head.sequence,
                expected.start(),
                expected.end()
            )
        })?;
        let sequence = usize::try_from(head.sequence).unwrap();
        ensure(head == self.heads[sequence], || {
            format!("its head is another: {head:?}")
        })?;
        for known in &self.heads[..=sequence] {
            let found = journal.block_head(known.size).await.map_err(|e| e.to_string())?;
            ensure(found == Some(*known), || {
                format!("the head of block {} is {found:?}", known.sequence)
            })?;
        }
        let blocks = &self.blocks[..sequence];
        let read = journal
            .read(0, usize::MAX, usize::MAX)
            .await
            .map_err(|e| e.to_string())?;
        let records = (0..).zip(blocks.iter().flat_map(|block| &block.records));
        ensure(
            read.iter().map(|(index, record)| (*index, record)).eq(records),
            || "its records are others".into(),
        )?;
        let parts: Vec<_> = blocks.iter().flat_map(|block| &block.parts).collect();
        let mut next = parts.iter().peekable();
        for index in 0..head.size {
            let stored = next.next_if(|part| part.index == index);
            let found = journal
                .part(index, PartKind::Body)
                .await
                .map_err(|e| e.to_string())?;
            let right = match stored {
                Some(_) if promise.erased.contains(&index) => found.is_none(),
                Some(part) if promise.erase.contains(&index) => {
                    found.as_ref().is_none_or(|found| *found == **part)
                }
                Some(part) => found.as_ref() == Some(*part),
                None => found.is_none(),
            };
            ensure(right, || {
                format!("the body of record {index} is not what it should be")
            })?;
        }
        Ok(sequence)
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
