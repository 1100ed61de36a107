//! What auditors hold of a bucket that is due. A bucket is one key: so what is held moves under a new key of its bucket, part by
//! part, and when all of it has, the old key is destroyed, and with it all the rest. Moving can be cut anywhere and is gone on with:
//! both keys open until the old one is destroyed, and a part names its key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::try_join_all;

use super::eraser::{Eraser, NotErased, blocking};
use crate::domain::Bucket;
use crate::journal::{KeptPart, PartKind};
use crate::ledger::{Directory, held};
use crate::limits;
use crate::relay::parts;
use crate::retention::BucketKey;
use crate::time::Timestamp;

/// What there is to erase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// All: nothing is held.
    All,
    /// Something: what is held is out of reach of what comes.
    Some,
    /// All of it is held.
    Nothing,
}

/// When a bucket is looked at again.
pub(in crate::relay) type Resting = Arc<Mutex<BTreeMap<Bucket, Timestamp>>>;

/// The same part beside a record, and the hold that reaches it.
type Held = (KeptPart, Option<u64>);

impl Eraser {
    /// Moves what is held of a bucket out of reach of its erasure; a part that is held by no hold any more, but was moved, goes the next time.
    pub(super) async fn keep_held(
        &self,
        bucket: Bucket,
        directory: Arc<Directory>,
        now: Timestamp,
    ) -> Result<Left, NotErased> {
        if directory.holds_at(now).next().is_none() {
            return Ok(Left::All);
        }
        let (mut hold, mut free) = (None, false);
        let mut after = None;
        loop {
            let page = self.page_held(bucket, after, &directory, now).await?;
            after = page.last().map(|(part, _)| part.clone());
            hold = hold.or(page.iter().find_map(|(_, hold)| *hold));
            free |= page.iter().any(|(_, hold)| hold.is_none());
            if after.is_none() || (hold.is_some() && free) {
                break;
            }
        }
        match (hold, free) {
            (None, _) => Ok(Left::All),
            (Some(hold), false) => {
                tracing::info!(%bucket, hold, "what was said is due to be erased, and an auditor holds all of it");
                Ok(Left::Nothing)
            }
            (Some(hold), true) => {
                tracing::info!(%bucket, hold, "an auditor holds a part of what is due to be erased: it is moved");
                self.move_held(bucket, &directory, now).await?;
                Ok(Left::Some)
            }
        }
    }

    async fn move_held(
        &self,
        bucket: Bucket,
        directory: &Arc<Directory>,
        now: Timestamp,
    ) -> Result<(), NotErased> {
        let keyring = Arc::clone(&self.keyring);
        let key = blocking(move || keyring.renew(bucket)).await?;
        let mut after = None;
        loop {
            let page = self.page_held(bucket, after, directory, now).await?;
            after = page.last().map(|(part, _)| part.clone());
            if after.is_none() {
                return Ok(());
            }
            let held = page.into_iter().filter(|(_, hold)| hold.is_some());
            let parts = self.parts_of(held.map(|(part, _)| part).collect()).await?;
            let parts: Vec<(u64, PartKind)> = parts.into_iter().collect();
            for some in parts.chunks(limits::RETENTION_MOVES) {
                let moves = some
                    .iter()
                    .map(|(index, kind)| self.move_part(*index, *kind, bucket, &key));
                try_join_all(moves).await?;
            }
        }
    }

    async fn move_part(
        &self,
        index: u64,
        kind: PartKind,
        bucket: Bucket,
        key: &BucketKey,
    ) -> Result<(), NotErased> {
        let part = self.journal.part(index, kind).await?;
        let Some(part) = part.filter(|part| !parts::is_under(part, key)) else {
            return Ok(());
        };
        let moved = parts::moved(&part, bucket, key, &self.keyring)?;
        Ok(self.journal.rewrite(moved).await?)
    }

    /// Which of these are not under the key of what stays.
    pub(super) async fn going(
        &self,
        page: Vec<KeptPart>,
        staying: Option<&BucketKey>,
    ) -> Result<Vec<KeptPart>, NotErased> {
        let Some(key) = staying else {
            return Ok(page);
        };
        let mut stay = BTreeSet::new();
        for index in page.iter().map(|part| part.index).collect::<BTreeSet<_>>() {
            let mut part = self.journal.part(index, PartKind::Body).await?;
            if part.is_none() {
                part = self.journal.part(index, PartKind::Text).await?;
            }
            let stays = match part {
                Some(part) => parts::is_under(&part, key),
                // Of what is not there nobody can say whether it was to stay, unless one thread tells already that it did not: all
                // of a warning's are to.
                None => {
                    let told = self.index.clone();
                    !blocking(move || told.is_erased(index)).await?
                }
            };
            if stays {
                stay.insert(index);
            }
        }
        Ok(page
            .into_iter()
            .filter(|part| !stay.contains(&part.index))
            .collect())
    }

    async fn page_held(
        &self,
        bucket: Bucket,
        after: Option<KeptPart>,
        directory: &Arc<Directory>,
        now: Timestamp,
    ) -> Result<Vec<Held>, NotErased> {
        let page = self.page(bucket, after).await?;
        let (index, directory) = (self.index.clone(), Arc::clone(directory));
        blocking(move || {
            let mut looked: Vec<Held> = Vec::with_capacity(page.len());
            for part in page {
                // All threads of a warning are held together: what a body says, it says to all.
                let before = looked.last();
                let hold = match before.filter(|(before, _)| before.thread.warning == part.thread.warning) {
                    Some((_, hold)) => *hold,
                    None => held(&directory, &index, &part.thread, now)?.map(|hold| hold.index),
                };
                looked.push((part, hold));
            }
            Ok::<_, NotErased>(looked)
        })
        .await
    }

    /// Whether something of the bucket was held when it was looked at, and that is not long ago.
    pub(super) fn rests(&self, bucket: Bucket, now: Timestamp) -> bool {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.get(&bucket).is_some_and(|until| now < *until)
    }

    /// Each look costs as much as what is held.
    pub(super) fn rest(&self, bucket: Bucket, now: Timestamp) {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.retain(|_, until| now < *until);
        resting.insert(bucket, now.saturating_add_ms(limits::RETENTION_REST_MS));
    }
}
