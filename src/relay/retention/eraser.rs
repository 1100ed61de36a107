//! Erases what is due, by itself. What is decided is recorded by the sequencer, which destroys the bucket's key before it
//! appends: whatever the log tells was erased is, and whatever ends the process between the two, the keyring remembers what
//! is to be told yet, and [`Eraser::finish`] tells it at the next start, before anybody is served.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::sync::watch;

use super::clock::{Ahead, Belief};
use super::held::{Left, Resting};
use crate::domain::{Bucket, DirectoryPosition, Erased, RecordKind, RetentionClass};
use crate::error::Refused;
use crate::journal::{AppendError, Index, IndexError, Journal, KeptPart, PartKind, ReadError};
use crate::ledger::{Command, Directory, Erasure, Facts as _, FactsError, ThreadKey};
use crate::limits;
use crate::relay::durable::Durable;
use crate::relay::parts::NotStored;
use crate::relay::sequencer::{Answer, Queue};
use crate::retention::RetentionRules;
use crate::retention::{Keyring, KeyringError};
use crate::time::{Clock, Timestamp};
use crate::wire;

/// Why something was not erased; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(in crate::relay) enum NotErased {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Facts(#[from] FactsError),
    #[error("the journal: {0}")]
    Journal(#[from] AppendError),
    #[error(transparent)]
    Ahead(#[from] Ahead),
    #[error(transparent)]
    Records(#[from] ReadError),
    #[error(transparent)]
    Moved(#[from] NotStored),
    #[error("it was not recorded: {0}")]
    Refused(Refused),
    #[error("a read of the index did not finish")]
    Read,
}

/// What erases.
#[derive(Clone)]
pub(in crate::relay) struct Eraser {
    pub(in crate::relay) journal: Arc<dyn Journal>,
    pub(in crate::relay) index: Index,
    pub(in crate::relay) keyring: Arc<Keyring>,
    pub(in crate::relay) queue: Queue,
    pub(in crate::relay) clock: Arc<dyn Clock>,
    pub(in crate::relay) rules: RetentionRules,
    /// Where auditors' holds stand.
    pub(in crate::relay) durable: watch::Receiver<Arc<Durable>>,
    /// One run at a time.
    pub(in crate::relay) running: Arc<tokio::sync::Mutex<()>>,
    /// Whether the clock is right.
    pub(in crate::relay) belief: Arc<Belief>,
    /// Buckets of which something is held, each with when it is looked at again.
    pub(in crate::relay) resting: Resting,
}

impl Eraser {
    /// Tells what was destroyed and is not all told yet: the process ended in between.
    pub(in crate::relay) async fn finish(&self) -> Result<(), NotErased> {
        let mut finished = Ok(());
        for (bucket, days) in self.keyring.destroyed() {
            let looked = self.directory().position();
            let told = match self.sweep(bucket).await {
                Ok(()) => self.erase(bucket, days, looked).await,
                Err(error) => Err(error),
            };
            finished = and(finished, bucket, told);
        }
        finished
    }

    /// Removes from the journal what is told already: the process may have ended between the two. What an older version stored
    /// plain would lie there for ever.
    async fn sweep(&self, bucket: Bucket) -> Result<(), NotErased> {
        let mut next = self.keyring.note(bucket).and_then(|note| note.first);
        while let Some(from) = next {
            let read = self
                .journal
                .read(from, limits::RETENTION_BATCH, limits::BLOCK_BYTES_MAX);
            let read = read.await?;
            next = read.last().map(|(last, _)| last.saturating_add(1));
            let told = read
                .iter()
                .filter_map(|(_, bytes)| told_of(bytes, bucket))
                .collect();
            self.remove(told).await?;
        }
        Ok(())
    }

    /// Removes what lay beside these from the journal, as far as no thread is still to tell of it: what lies there says which key it is
    /// under, and so whether it goes.
    async fn remove(&self, told: Vec<KeptPart>) -> Result<(), NotErased> {
        let (index, beside) = (self.index.clone(), told.clone());
        let awaited = blocking(move || {
            let mut awaited = BTreeSet::new();
            for part in beside {
                if index.is_awaited(part.bucket, part.index)? {
                    awaited.insert(part.index);
                }
            }
            Ok::<_, IndexError>(awaited)
        });
        let awaited = awaited.await?;
        let mut parts = self.parts_of(told).await?;
        parts.retain(|(index, _)| !awaited.contains(index));
        let erased = join_all(
            parts
                .into_iter()
                .map(|(index, kind)| self.journal.erase(index, kind)),
        );
        Ok(erased.await.into_iter().collect::<Result<(), _>>()?)
    }

    /// Erases what is due now. What fails with one bucket keeps no other; it is tried again.
    pub(in crate::relay) async fn run(&self) -> Result<(), NotErased> {
        let _running = self.running.lock().await;
        let now = self.clock.now();
        let mut erased = self.finish().await;
        if let Err(ahead) = self.belief.check(now) {
            return erased.and(Err(ahead.into()));
        }
        erased = erased.and(self.make_ahead(now).await);
        let index = self.index.clone();
        let buckets = blocking(move || index.kept_buckets()).await?;
        for (bucket, days) in self.rules.due(&buckets, now) {
            // What is not told yet comes first.
            if self.keyring.note(bucket).is_none() {
                erased = and(erased, bucket, self.erase_due(bucket, days, now).await);
            }
        }
        erased.and(self.forget(now).await)
    }

    async fn erase_due(&self, bucket: Bucket, days: u32, now: Timestamp) -> Result<(), NotErased> {
        let directory = self.directory();
        let looked = directory.position();
        if directory.holds_at(now).next().is_some() && self.rests(bucket, now) {
            return Ok(());
        }
        let left = self.keep_held(bucket, directory, now).await?;
        if left != Left::Nothing {
            tracing::info!(%bucket, days, "what was said is erased by its rule");
            self.erase(bucket, days, looked).await?;
        }
        if left != Left::All {
            self.rest(bucket, now);
        }
        Ok(())
    }

    /// Makes the keys of all days that a warning may expire on, so that no sender makes the sequencer write them.
    async fn make_ahead(&self, now: Timestamp) -> Result<(), NotErased> {
        const DAY_MS: i64 = 24 * 3_600_000;
        let keyring = Arc::clone(&self.keyring);
        let today = now.unix_ms().div_euclid(DAY_MS);
        let last = limits::LIFETIME_MS_MAX.div_euclid(DAY_MS);
        let last = last.saturating_add(i64::from(limits::RETENTION_AHEAD_DAYS));
        let days = (0..=last).filter_map(|ahead| u32::try_from(today.saturating_add(ahead)).ok());
        let buckets: Vec<Bucket> = days
            .flat_map(|day| {
                RetentionClass::ALL
                    .iter()
                    .map(move |class| Bucket::new(*class, day))
            })
            .flatten()
            .collect();
        blocking(move || keyring.make_ahead(&buckets, now)).await
    }

    /// Destroys the keys of what is due and of which nothing is kept: made ahead, or for a block that was never appended, or come
    /// back with an older copy of the file.
    async fn forget(&self, now: Timestamp) -> Result<(), NotErased> {
        let (index, keyring) = (self.index.clone(), Arc::clone(&self.keyring));
        let rules = self.rules;
        blocking(move || {
            let kept: BTreeSet<Bucket> = index.kept_buckets()?.into_iter().collect();
            let due = rules.due(&keyring.buckets(), now).into_iter();
            let unneeded: Vec<Bucket> = due
                .map(|(bucket, _)| bucket)
                .filter(|it| !kept.contains(it))
                .collect();
            Ok::<_, NotErased>(keyring.forget(&unneeded)?)
        })
        .await
    }

    fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.durable.borrow().directory)
    }

    /// The same again and again, until it is dropped.
    pub(in crate::relay) fn start(self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(limits::RETENTION_EVERY_MS));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(error) = self.run().await {
                    tracing::error!(%error, "what is due was not all erased; it is tried again");
                }
            }
        })
    }

    async fn erase(
        &self,
        bucket: Bucket,
        days: u32,
        looked: Option<DirectoryPosition>,
    ) -> Result<(), NotErased> {
        let staying = self.keyring.staying(bucket);
        let mut after = None;
        loop {
            let page = self.page(bucket, after).await?;
            after = page.last().cloned();
            if after.is_none() {
                break;
            }
            let going = self.going(page, staying.as_ref()).await?;
            try_join_all(going.iter().map(|part| self.tell(part, days, looked))).await?;
            // What is encrypted cannot be read any more: this frees its room. What an older version stored plain, it removes.
            self.remove(going).await?;
        }
        let keyring = Arc::clone(&self.keyring);
        blocking(move || match keyring.note(bucket) {
            Some(_) => keyring.told(bucket),
            // All that there is stays.
            None => keyring.renewed(bucket),
        })
        .await
    }

    /// What is kept of a bucket after one of it, in bounds.
    pub(super) async fn page(
        &self,
        bucket: Bucket,
        after: Option<KeptPart>,
    ) -> Result<Vec<KeptPart>, NotErased> {
        let index = self.index.clone();
        blocking(move || index.kept_after(bucket, after.as_ref(), limits::RETENTION_BATCH)).await
    }

    /// What lies in the journal of these: beside their records, and each recipient's wrap of a sealed body's key.
    pub(super) async fn parts_of(&self, kept: Vec<KeptPart>) -> Result<BTreeSet<(u64, PartKind)>, NotErased> {
        let index = self.index.clone();
        blocking(move || {
            let mut parts = BTreeSet::new();
            for part in kept {
                let beside = [PartKind::Body, PartKind::Text, PartKind::Wrap];
                parts.extend(beside.map(|kind| (part.index, kind)));
                let thread = index.thread(&part.thread)?;
                // A text's record comes after; then the body may be of another bucket, and the wrap is too.
                let routed = thread.map(|thread| thread.routed).filter(|at| part.index < *at);
                parts.extend(routed.map(|routed| (routed, PartKind::Wrap)));
            }
            Ok::<_, NotErased>(parts)
        })
        .await
    }

    async fn tell(
        &self,
        part: &KeptPart,
        days: u32,
        looked: Option<DirectoryPosition>,
    ) -> Result<(), NotErased> {
        let erasure = Erasure {
            thread: part.thread.clone(),
            erased: Erased {
                index: part.index,
                bucket: part.bucket,
                days,
            },
            looked,
            // The sequencer knows.
            begun: false,
        };
        match self.queue.ask(Command::Erase(erasure), 0).await {
            Ok(Answer::Recorded { .. } | Answer::Existing { .. } | Answer::Unrecorded) => Ok(()),
            Ok(Answer::Refused(refused) | Answer::Rejected { refused, .. }) | Err(refused) => {
                Err(NotErased::Refused(refused))
            }
        }
    }
}

/// What a record tells to be erased of a bucket.
fn told_of(bytes: &[u8], bucket: Bucket) -> Option<KeptPart> {
    let record = wire::record(bytes).ok()?;
    let link = record.thread?;
    match record.kind {
        RecordKind::Erased(erased) if erased.bucket == bucket => Some(KeptPart {
            bucket,
            index: erased.index,
            thread: ThreadKey {
                warning: link.warning,
                desk: link.desk,
            },
        }),
        _ => None,
    }
}

/// The first failure, and a line for each.
fn and(before: Result<(), NotErased>, bucket: Bucket, now: Result<(), NotErased>) -> Result<(), NotErased> {
    if let Err(error) = &now {
        tracing::error!(%bucket, %error, "what is due was not all erased");
    }
    before.and(now)
}

pub(super) async fn blocking<T: Send + 'static, E: Into<NotErased> + Send + 'static>(
    run: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, NotErased> {
    let ran = tokio::task::spawn_blocking(run).await;
    ran.map_err(|_| NotErased::Read)?.map_err(Into::into)
}
