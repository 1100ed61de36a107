//! Brings cosignatures together: a thread of its own adds each to the notes of its size, stores them, and says how the log
//! stands with its witnesses. Nothing that warnings need waits for it, or shares its file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::store::{Kept, Store, StoreError};
use crate::domain::KeyId;
use crate::limits;
use crate::time::Timestamp;
use crate::transparency::{CosignedCheckpoint, LogVerifier, Policy};

/// A verified cosignature on its way to the notes of its size.
#[derive(Debug)]
pub(super) struct Cosigned {
    /// The checkpoint, with no cosignature.
    pub(super) checkpoint: CosignedCheckpoint,
    /// Whose.
    pub(super) witness: KeyId,
    /// Its line.
    pub(super) line: String,
    /// When it came, by the relay's clock.
    pub(super) at: Timestamp,
}

/// How the log stands with its witnesses.
#[derive(Debug, Clone, Default)]
pub(in crate::relay) struct Standing {
    /// The newest note that meets the quorum; none if the policy asks for none.
    pub(in crate::relay) quorum: Option<Stand>,
    /// The newest note with any cosignature.
    pub(in crate::relay) any: Option<Stand>,
}

/// A note with its cosignatures.
#[derive(Debug, Clone)]
pub(in crate::relay) struct Stand {
    /// The size of its tree.
    pub(in crate::relay) size: u64,
    /// With each witness's newest cosignature.
    pub(in crate::relay) note: Arc<str>,
    /// The earliest time by which the quorum had cosigned, by the witnesses' clocks.
    pub(in crate::relay) quorum_time: Option<Timestamp>,
    /// Since when, by the relay's clock, enough witnesses have said so (again).
    pub(in crate::relay) heard: Timestamp,
}

/// The thread's ear.
#[derive(Debug)]
pub(super) struct Keeper {
    sender: SyncSender<Work>,
    store: Arc<Store>,
    standing: watch::Receiver<Standing>,
}

#[derive(Debug)]
enum Work {
    Add(Box<Cosigned>),
    Close(oneshot::Sender<()>),
}

/// No store, no thread.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeeperError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no thread for the cosigned checkpoints: {0}")]
    Thread(std::io::Error),
    #[error("the damaged store of cosigned checkpoints cannot be put aside: {0}")]
    Aside(std::io::Error),
}

impl Keeper {
    /// Opens the store and starts the thread. A store that cannot be read is put aside under another name, for a person to
    /// look at: what was cosigned is evidence, and warnings must flow without it. Blocks the thread.
    pub(super) fn open(path: Option<&Path>, policy: &Policy, log: &LogVerifier) -> Result<Self, KeeperError> {
        let store = match (open_when_free(path), path) {
            (Ok(store), _) => store,
            (Err(error @ StoreError::Damaged(_)), Some(path)) => {
                let aside = free_name(path);
                tracing::error!(
                    %error, aside = %aside.display(),
                    "the store of cosigned checkpoints cannot be read and is put aside: a person must look"
                );
                std::fs::rename(path, &aside).map_err(KeeperError::Aside)?;
                Store::open(Some(path))?
            }
            (Err(error), _) => return Err(error.into()),
        };
        let store = Arc::new(store);
        let book = Book {
            policy: policy.clone(),
            log: log.clone(),
            store: Arc::clone(&store),
            recent: BTreeMap::new(),
        };
        let stood = book.stood().unwrap_or_else(|error| {
            tracing::error!(%error, "how the log stood with its witnesses could not be read");
            Standing::default()
        });
        let (tell, standing) = watch::channel(stood);
        let (sender, works) = sync_channel(limits::COSIGNED_QUEUE_MAX);
        std::thread::Builder::new()
            .name("cosigned".to_owned())
            .spawn(move || run(book, &works, &tell))
            .map_err(KeeperError::Thread)?;
        Ok(Self {
            sender,
            store,
            standing,
        })
    }

    /// Keeps a cosignature. One that finds no room is lost: its witness is asked again within a minute.
    pub(super) fn add(&self, cosigned: Cosigned) {
        if self.sender.try_send(Work::Add(Box::new(cosigned))).is_err() {
            tracing::error!("a cosignature finds no room to be kept");
        }
    }

    pub(super) fn standing(&self) -> &watch::Receiver<Standing> {
        &self.standing
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Returns when all that was added before is on stable storage, or could not be put there, which is said.
    pub(super) async fn close(&self) {
        let (asked, done) = oneshot::channel();
        let sender = self.sender.clone();
        // The queue may be full: this waits for its turn like all that was added.
        let queued = tokio::task::spawn_blocking(move || sender.send(Work::Close(asked)).is_ok());
        if let Ok(true) = queued.await {
            // An error: the thread has ended, after the same.
            let _ = done.await;
        }
    }
}

/// A relay that has just ended may hold it for a moment.
fn open_when_free(path: Option<&Path>) -> Result<Store, StoreError> {
    let began = Instant::now();
    loop {
        match Store::open(path) {
            Err(StoreError::InUse)
                if began.elapsed() < Duration::from_millis(limits::JOURNAL_LOCK_MS_MAX) =>
            {
                std::thread::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS));
            }
            opened => return opened,
        }
    }
}

/// `cosigned.redb.damaged-N`, the first that there is not.
fn free_name(path: &Path) -> PathBuf {
    let named = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{n}"));
        PathBuf::from(name)
    };
    (1..u32::MAX)
        .map(named)
        .find(|name| !name.exists())
        .unwrap_or_else(|| named(0))
}

fn run(mut book: Book, works: &Receiver<Work>, tell: &watch::Sender<Standing>) {
    let sync_every = Duration::from_millis(limits::COSIGNED_SYNC_MS);
    let thin_every = Duration::from_millis(limits::COSIGNED_THIN_EVERY_MS);
    let (mut unsynced_since, mut thinned) = (None::<Instant>, None::<Instant>);
    let mut report = Report::default();
    loop {
        let patience = unsynced_since.map_or(sync_every, |since| sync_every.saturating_sub(since.elapsed()));
        let mut closing = Vec::new();
        let mut changed = BTreeMap::new();
        let mut next = works.recv_timeout(patience);
        let ended = matches!(next, Err(RecvTimeoutError::Disconnected));
        while let Ok(work) = next {
            match work {
                Work::Add(cosigned) => {
                    let at = cosigned.at;
                    match book.add(*cosigned) {
                        Ok(size) => drop(changed.insert(size, at)),
                        Err(error) => tracing::error!(%error, "a cosignature could not be kept"),
                    }
                }
                Work::Close(done) => closing.push(done),
            }
            next = works.try_recv().map_err(|_| RecvTimeoutError::Timeout);
        }
        if !changed.is_empty() {
            unsynced_since.get_or_insert_with(Instant::now);
            tell.send_modify(|standing| book.stand(standing, changed.keys().copied()));
            report.on(book.write(&changed), "cosigned checkpoints could not be stored");
        }
        let due = unsynced_since.is_some_and(|since| since.elapsed() >= sync_every);
        if due || ended || !closing.is_empty() {
            if unsynced_since.take().is_some() {
                report.on(
                    book.store.sync(),
                    "cosigned checkpoints are not on stable storage",
                );
            }
            for done in closing {
                // Whoever asked may be gone.
                let _ = done.send(());
            }
        }
        if ended {
            return;
        }
        if thinned.is_none_or(|last| last.elapsed() >= thin_every)
            && let Some(now) = book.newest_time()
        {
            thinned = Some(Instant::now());
            let before = now.saturating_add_ms(-limits::COSIGNED_THIN_AFTER_MS);
            let thin = book.store.thin(before, limits::COSIGNED_THIN_BATCH);
            report.on(thin.map(drop), "cosigned checkpoints could not be thinned out");
        }
    }
}

/// What fails once a second is said once a minute.
#[derive(Default)]
struct Report(Option<Instant>);

impl Report {
    fn on(&mut self, result: Result<(), StoreError>, what: &str) {
        let pause = Duration::from_millis(limits::WITNESS_ALARM_EVERY_MS);
        if let Err(error) = result
            && self.0.is_none_or(|last| last.elapsed() >= pause)
        {
            self.0 = Some(Instant::now());
            tracing::error!(%error, "{what}: a person must look, and start the relay anew when the disk is sound");
        }
    }
}

/// What the thread knows.
struct Book {
    policy: Policy,
    log: LogVerifier,
    store: Arc<Store>,
    /// The newest sizes: late cosignatures come to these.
    recent: BTreeMap<u64, Entry>,
}

/// One size.
struct Entry {
    first: CosignedCheckpoint,
    newest: CosignedCheckpoint,
    first_kept: Timestamp,
    last_kept: Timestamp,
    /// When each witness last said it, by the relay's clock.
    heard: BTreeMap<KeyId, Timestamp>,
}

impl Book {
    /// How the log stood when the store was closed.
    fn stood(&self) -> Result<Standing, StoreError> {
        let [quorum, any] = self.store.newest()?;
        let stand = |found: Option<(u64, Kept)>, with_quorum: bool| {
            let (size, kept) = found?;
            let note = self.open(&kept.newest)?;
            // By the witnesses' clocks: the relay's own times of them are not kept. A policy that changed asks others.
            let heard = match with_quorum {
                true => note.quorum_time_last()?,
                false => kept.last_kept,
            };
            let first = self.open(&kept.first)?;
            Some(Stand {
                size,
                note: kept.newest,
                quorum_time: first.quorum_time(),
                heard: heard.min(kept.last_kept),
            })
        };
        Ok(Standing {
            quorum: stand(quorum, true),
            any: stand(any, false),
        })
    }

    fn open(&self, note: &str) -> Option<CosignedCheckpoint> {
        let signed = self.log.open(note).ok()?;
        self.policy.open_signed(signed).ok()
    }

    /// Adds one to the notes of its size.
    fn add(&mut self, cosigned: Cosigned) -> Result<u64, String> {
        let Cosigned {
            checkpoint,
            witness,
            line,
            at,
        } = cosigned;
        let size = checkpoint.checkpoint().size;
        if !self.recent.contains_key(&size) {
            let entry = self.entry(size, checkpoint, at);
            self.recent.insert(size, entry);
            while self.recent.len() > limits::COSIGNED_RECENT_MAX {
                self.recent.pop_first();
            }
        }
        // An old size that found no place: its notes are on the disk, and stay as they are.
        let entry = self
            .recent
            .get_mut(&size)
            .ok_or_else(|| format!("size {size} is long past"))?;
        entry.first = entry.first.merged_earliest(&line).map_err(|e| e.to_string())?;
        entry.newest = entry.newest.merged(&line).map_err(|e| e.to_string())?;
        entry.last_kept = entry.last_kept.max(at);
        entry.heard.insert(witness, at);
        Ok(size)
    }

    /// What was kept of a size before, or the beginning of it.
    fn entry(&self, size: u64, checkpoint: CosignedCheckpoint, at: Timestamp) -> Entry {
        let kept = self.store.at(size).unwrap_or_else(|error| {
            tracing::error!(%error, "what was cosigned of a size could not be read");
            None
        });
        let opened = |note: &str| {
            self.open(note)
                .filter(|opened| opened.checkpoint() == checkpoint.checkpoint())
        };
        let before = kept.and_then(|kept| Some((opened(&kept.first)?, opened(&kept.newest)?, kept)));
        match before {
            Some((first, newest, kept)) => Entry {
                first,
                newest,
                first_kept: kept.first_kept,
                last_kept: kept.last_kept,
                heard: BTreeMap::new(),
            },
            None => Entry {
                first: checkpoint.clone(),
                newest: checkpoint,
                first_kept: at,
                last_kept: at,
                heard: BTreeMap::new(),
            },
        }
    }

    /// How the log stands after these sizes have changed.
    fn stand(&self, standing: &mut Standing, changed: impl Iterator<Item = u64>) {
        for size in changed {
            let Some(entry) = self.recent.get(&size) else {
                continue;
            };
            let stand = |heard: Timestamp| Stand {
                size,
                note: entry.newest.note().into(),
                quorum_time: entry.first.quorum_time(),
                heard,
            };
            if standing.any.as_ref().is_none_or(|any| any.size <= size) {
                standing.any = Some(stand(entry.last_kept));
            }
            let is_newest = standing.quorum.as_ref().is_none_or(|quorum| quorum.size <= size);
            if is_newest && self.policy.requires_witnesses() && entry.newest.has_quorum() {
                let before = standing.quorum.as_ref().filter(|quorum| quorum.size == size);
                let heard = entry
                    .heard_by_quorum(&self.policy)
                    .or(before.map(|before| before.heard))
                    .unwrap_or(entry.first_kept);
                standing.quorum = Some(stand(heard));
            }
        }
    }

    fn write(&self, changed: &BTreeMap<u64, Timestamp>) -> Result<(), StoreError> {
        let kept: Vec<(u64, Kept)> = changed
            .keys()
            .filter_map(|size| {
                let entry = self.recent.get(size)?;
                let kept = Kept {
                    first_kept: entry.first_kept,
                    last_kept: entry.last_kept,
                    first: entry.first.note().into(),
                    newest: entry.newest.note().into(),
                    has_quorum: self.policy.requires_witnesses() && entry.newest.has_quorum(),
                };
                Some((*size, kept))
            })
            .collect();
        self.store.put(kept.iter().map(|(size, kept)| (*size, kept)))
    }

    /// The relay's clock, as far as it is known here.
    fn newest_time(&self) -> Option<Timestamp> {
        self.recent.values().map(|entry| entry.last_kept).max()
    }
}

impl Entry {
    /// The latest time since which enough witnesses have said it.
    fn heard_by_quorum(&self, policy: &Policy) -> Option<Timestamp> {
        let mut heard: Vec<_> = self.heard.iter().map(|(key, at)| (*at, *key)).collect();
        heard.sort_unstable_by(|one, other| other.cmp(one));
        policy.met_when(heard)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::Hash;
    use crate::seal::SecretKey;
    use crate::transparency::{LogKey, WitnessKey};
    use futures_util::FutureExt as _;

    /// While the disk holds up the thread and its queue is full, `close` waits; when it returns, all that was added before
    /// is stored.
    #[tokio::test]
    async fn closing_waits_for_a_full_queue() {
        let log = LogKey::new("log.invalid".parse().unwrap(), SecretKey::from_seed(&[8; 32]));
        let witness = WitnessKey::new("w.invalid".parse().unwrap(), SecretKey::from_seed(&[9; 32]));
        let policy = Policy::of_one(log.verifier().clone(), witness.verifier().clone());
        let at = Timestamp::from_unix_ms(1_709_823_600_000);
        let cosigned = |size: u64| {
            let note = log.sign_checkpoint(size, Hash([7; 32]));
            let checkpoint = policy.open(&note).unwrap();
            Cosigned {
                line: witness.cosign(checkpoint.checkpoint(), at),
                witness: witness.verifier().public_key().keyid(),
                checkpoint,
                at,
            }
        };
        let keeper = Keeper::open(None, &policy, log.verifier()).unwrap();
        let held_up = keeper.store().hold_up();
        let mut standing = keeper.standing().clone();
        keeper.add(cosigned(1));
        // Said before it is written, which nothing is now.
        standing.changed().await.unwrap();
        let last = 1 + u64::try_from(limits::COSIGNED_QUEUE_MAX).unwrap();
        for size in 2..=last {
            keeper.add(cosigned(size));
        }
        let asked = oneshot::channel().0;
        assert!(keeper.sender.try_send(Work::Close(asked)).is_err(), "it is full");
        let mut closing = std::pin::pin!(keeper.close());
        assert!(closing.as_mut().now_or_never().is_none());
        drop(held_up);
        closing.await;
        assert!(keeper.store().at(last).unwrap().is_some());
    }
}
