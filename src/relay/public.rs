//! The log as everybody may see it: a checkpoint that moves at most once a second, and the tiles of the tree under it.
//! Hashes only; no record is shown here. Nothing is shown that the published checkpoint does not hold.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Relay;
use super::durable::Durable;
use super::threads::{Busy, Threads};
use super::witnesses::Witnesses;
use crate::journal::Index;
use crate::limits;
use crate::transparency::{TilePath, read_tile};

/// The public log. Clones are the same.
#[derive(Clone)]
pub struct PublicLog {
    published: watch::Receiver<Published>,
    index: Index,
    threads: Threads,
}

/// What everybody sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) size: u64,
    pub(super) note: Arc<str>,
}

/// Why no tile is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTile {
    /// The published tree has no such tile; it may come.
    #[error("no such tile in the published tree")]
    NotThere,
    /// Too many read.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The index does not give what it should: a person must look.
    #[error("the tile could not be read")]
    Broken,
}

impl Relay {
    /// Begins to publish. Ends with the relay and its clones.
    pub fn public_log(&self) -> std::io::Result<PublicLog> {
        let threads = Threads::start(
            "public log",
            limits::PUBLIC_READERS,
            limits::PUBLIC_READS_WAITING_MAX,
        )?;
        let source = self.public_source();
        let (sender, published) = watch::channel(source.next(None));
        tokio::spawn(source.publish(sender));
        Ok(PublicLog {
            published,
            index: self.engine.index.clone(),
            threads,
        })
    }

    /// Where the published checkpoint comes from.
    pub(super) fn public_source(&self) -> Source {
        Source {
            durable: self.durable(),
            witnesses: self.engine.witnesses.clone(),
        }
    }
}

impl PublicLog {
    /// The published checkpoint, a signed note.
    pub fn checkpoint(&self) -> Arc<str> {
        Arc::clone(&self.published.borrow().note)
    }

    /// The bytes of a tile of the published tree.
    pub async fn tile(&self, tile: TilePath) -> Result<Vec<u8>, NoTile> {
        let size = self.published.borrow().size;
        if !tile.exists_at(size) {
            return Err(NoTile::NotThere);
        }
        let index = self.index.clone();
        let read = self.threads.run(move || read_tile(&tile, size, &index)).await?;
        read.map_err(|error| {
            tracing::error!(%tile, %error, "a tile of the published tree could not be read");
            NoTile::Broken
        })
    }
}

/// The newest durable checkpoint, and how it stands with the witnesses.
pub(super) struct Source {
    durable: watch::Receiver<Arc<Durable>>,
    witnesses: Option<Arc<Witnesses>>,
}

impl Source {
    /// Ends when the relay or all that read from it are gone.
    async fn publish(mut self, published: watch::Sender<Published>) {
        let pause = Duration::from_millis(limits::PUBLISH_EVERY_MS);
        // A quorum grows old without a word.
        let look_again = Duration::from_millis(limits::PUBLISH_AGAIN_MS);
        let mut standing = self.witnesses.as_ref().map(|witnesses| witnesses.standing());
        loop {
            let stands = async {
                match &mut standing {
                    Some(standing) => standing.changed().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            let goes_on = tokio::select! {
                changed = self.durable.changed() => changed.is_ok(),
                changed = stands => changed,
                () = tokio::time::sleep(look_again) => true,
                () = published.closed() => false,
            };
            if !goes_on {
                return;
            }
            self.durable.borrow_and_update();
            published.send_if_modified(|before| {
                let next = self.next(Some(before));
                let moves = next != *before;
                *before = next;
                moves
            });
            tokio::time::sleep(pause).await;
        }
    }

    /// What is shown next: the newest checkpoint with the quorum, as long as that is fresh; else the newest durable one, with
    /// the cosignatures that are kept of it. The size never goes back.
    pub(super) fn next(&self, before: Option<&Published>) -> Published {
        let durable = Arc::clone(&self.durable.borrow());
        let mut next = Published {
            size: durable.size(),
            note: Arc::clone(&durable.checkpoint),
        };
        if let Some(witnesses) = &self.witnesses {
            let standing = witnesses.standing().borrow().clone();
            let fresh = witnesses.is_fresh(&standing);
            let of_this_size = standing.any.filter(|any| any.size == durable.size());
            let vouched = standing.quorum.filter(|_| fresh).or(of_this_size);
            if let Some(stand) = vouched {
                next = Published {
                    size: stand.size,
                    note: stand.note,
                };
            }
        }
        match before {
            Some(before) if before.size > next.size => before.clone(),
            Some(_) | None => next,
        }
    }
}
