//! A log in the hands of a dishonest operator: it has the log's key and every leaf, so it appends what it likes, signs it,
//! and proves all of it. What it cannot forge is what others sign.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use wardline::client::Client;
use wardline::domain::{Hash, Record, ReplayedContent};
use wardline::transparency::{Frontier, HashReader, LogKey, consistency_proof, inclusion_proof, leaf_hash};
use wardline::wire::{self, v1};

use super::tamper::{Meddler, stolen_log_key};
use crate::support::World;

pub(crate) struct HostileLog {
    key: LogKey,
    frontier: Frontier,
    stored: Vec<Hash>,
}

impl HashReader for HostileLog {
    type Error = Infallible;
    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Infallible> {
        let at = |index: &u64| self.stored[usize::try_from(*index).unwrap()];
        Ok(indexes.iter().map(at).collect())
    }
}

impl HostileLog {
    /// What the honest relay's log holds now, as any principal can have its leaves.
    pub(crate) async fn of(world: &World, reader: &Client) -> Self {
        let mut log = Self {
            key: stolen_log_key(world),
            frontier: Frontier::new(),
            stored: Vec::new(),
        };
        let mut replay = reader.replay(0, 0, false).await.unwrap();
        while let Some(replayed) = replay.next().await.unwrap() {
            log.push(match replayed.content {
                ReplayedContent::Record(bytes) => leaf_hash(&bytes),
                ReplayedContent::LeafHash(leaf) => leaf,
            });
        }
        assert_eq!(log.frontier.root(), replay.checkpoint().root());
        log
    }

    fn push(&mut self, leaf: Hash) {
        let hashes = self.frontier.append(leaf).unwrap();
        self.stored.extend(hashes);
    }

    /// Appends a record of its own, and gives its receipt as an answer holds it.
    pub(crate) fn append(&mut self, record: &Record) -> v1::Receipt {
        let (index, record) = (self.frontier.size(), wire::encode_record(record));
        self.push(leaf_hash(&record));
        v1::Receipt {
            index,
            record,
            ..v1::Receipt::default()
        }
    }

    fn note(&self) -> Bytes {
        let (size, root) = (self.frontier.size(), self.frontier.root());
        self.key.sign_checkpoint(size, root).into_bytes().into()
    }

    /// Proves a receipt against its own newest checkpoint.
    fn prove(&self, receipt: &mut v1::Receipt) {
        let proof = inclusion_proof(self.frontier.size(), receipt.index, self).unwrap();
        receipt.inclusion_proof = as_bytes(&proof);
    }

    /// What a relay of this log shows through a meddler: every directory with `directory` at its end, every warning after
    /// `change`, all proven against this log.
    pub(crate) fn shown_by(
        self,
        meddler: &Meddler,
        directory: Option<v1::Receipt>,
        mut change: impl FnMut(&mut v1::GetWarningResponse) + Send + 'static,
    ) {
        let log = Arc::new(Mutex::new(self));
        let of = Arc::clone(&log);
        meddler.directory(move |answer| {
            let log = of.lock().unwrap();
            answer.checkpoint = log.note();
            if let Some(receipt) = &directory {
                answer.records.push(receipt.clone());
                answer.newest_seq += 1;
            }
            answer.records.iter_mut().for_each(|receipt| log.prove(receipt));
        });
        let of = Arc::clone(&log);
        meddler.warning(move |answer| {
            let log = of.lock().unwrap();
            change(answer);
            answer.checkpoint = log.note();
            let accepted = answer.accepted.iter_mut();
            let threads = answer.threads.iter_mut().flat_map(|it| &mut it.records);
            accepted.chain(threads).for_each(|receipt| log.prove(receipt));
        });
        meddler.proving(move |asked| {
            let log = log.lock().unwrap();
            let proof = consistency_proof(asked.old_size, asked.new_size, &*log).unwrap();
            Some(v1::ProveConsistencyResponse {
                proof: as_bytes(&proof),
                new_size: asked.new_size,
                checkpoint: Bytes::new(),
            })
        });
    }
}

fn as_bytes(proof: &[Hash]) -> Vec<Bytes> {
    proof
        .iter()
        .map(|hash| Bytes::copy_from_slice(hash.as_bytes()))
        .collect()
}
