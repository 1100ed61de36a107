//! How the index follows the journal: at the start it is compared with the journal's heads, dropped if it does not
//! match, and caught up block by block, by the same `apply` that served the append.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::Record;
use crate::journal::{Derived, Head, Index, IndexError, Journal, Position, ReadError};
use crate::ledger::{Directory, Overlay, apply};
use crate::limits;
use crate::transparency::{Frontier, leaf_hash};
use crate::wire;

/// Why the index could not follow.
#[derive(Debug, thiserror::Error)]
pub(super) enum FollowError {
    #[error(transparent)]
    Journal(#[from] ReadError),
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal and what is derived from it contradict each other.
    #[error("{0}")]
    Contradiction(String),
}

/// The log as its last block leaves it; the index is there, too.
pub(super) struct Followed {
    pub(super) head: Head,
    pub(super) directory: Directory,
    pub(super) frontier: Frontier,
}

/// Brings the index to the journal's head. An index that cannot be brought there is built anew, once; if that fails,
/// the journal itself is at fault.
pub(super) async fn follow(journal: &Arc<dyn Journal>, index: &Index) -> Result<Followed, FollowError> {
    match resume(journal, index).await {
        Ok(Some(at)) => match catch_up(journal, index, at).await {
            Ok(followed) => return Ok(followed),
            Err(FollowError::Journal(error)) => return Err(error.into()),
            Err(error @ (FollowError::Index(_) | FollowError::Contradiction(_))) => {
                tracing::warn!(%error, "the index does not fit the journal: it is built anew");
            }
        },
        Ok(None) => {}
        Err(FollowError::Journal(error)) => return Err(error.into()),
        Err(error @ (FollowError::Index(_) | FollowError::Contradiction(_))) => {
            tracing::warn!(%error, "the index does not fit the journal: it is built anew");
        }
    }
    index.clear()?;
    let beginning = Followed {
        head: Head::EMPTY,
        directory: Directory::default(),
        frontier: Frontier::new(),
    };
    catch_up(journal, index, beginning).await
}

/// Where the index stands, if that is a block of this journal. Reads the records of the directory only.
async fn resume(journal: &Arc<dyn Journal>, index: &Index) -> Result<Option<Followed>, FollowError> {
    let Some(position) = index.position()? else {
        return Ok(None);
    };
    let head = journal.block_head(position.size).await?;
    let Some(head) = head.filter(|head| head.root == position.root) else {
        return Err(FollowError::Contradiction(format!(
            "it is at size {} with a root that is no block's",
            position.size
        )));
    };
    let frontier = Frontier::at(position.size, index).map_err(contradiction)?;
    if frontier.root() != position.root {
        return Err(FollowError::Contradiction(
            "its hashes are not those of its root".into(),
        ));
    }
    let mut directory = Directory::default();
    let mut next = 0;
    loop {
        let chain = index.directory_records(next, limits::DIRECTORY_PAGE_MAX)?;
        let Some((last, _)) = chain.last() else { break };
        next = last.saturating_add(1);
        for (_, at) in chain {
            let (bytes, record) = one(journal, at).await?;
            directory
                .follow(at, leaf_hash(&bytes), &record)
                .map_err(contradiction)?;
        }
    }
    if directory.position().is_none() {
        return Err(FollowError::Contradiction("it has lost the directory".into()));
    }
    Ok(Some(Followed {
        head,
        directory,
        frontier,
    }))
}

async fn one(journal: &Arc<dyn Journal>, at: u64) -> Result<(Bytes, Record), FollowError> {
    let mut read = journal.read(at, 1, 0).await?;
    let (_, bytes) = read
        .pop()
        .ok_or_else(|| FollowError::Contradiction(format!("record {at} is missing")))?;
    let record = wire::record(&bytes).map_err(contradiction)?;
    Ok((bytes, record))
}

/// Applies what the journal has beyond `at`, and writes it to the index at the ends of blocks.
async fn catch_up(journal: &Arc<dyn Journal>, index: &Index, at: Followed) -> Result<Followed, FollowError> {
    let target = journal.head().await?;
    let Followed {
        mut head,
        mut directory,
        mut frontier,
    } = at;
    if head.size < target.size {
        tracing::info!(from = head.size, to = target.size, "the index catches up");
    }
    while head.size < target.size {
        let mut facts = Overlay::new(index.clone());
        let mut derived = Derived {
            from: head.size,
            changes: Vec::new(),
            hashes: Vec::new(),
            position: Position {
                size: head.size,
                root: head.root,
            },
        };
        // At least a batch of records, and then to the end of the block.
        'batch: loop {
            let records = journal
                .read(frontier.size(), limits::CATCH_UP_RECORDS, limits::BLOCK_BYTES_MAX)
                .await?;
            if records.is_empty() {
                return Err(FollowError::Contradiction(
                    "the journal ends before its head".into(),
                ));
            }
            for (number, bytes) in records {
                let record = wire::record(&bytes).map_err(contradiction)?;
                let leaf = leaf_hash(&bytes);
                let changes = apply(&mut directory, &facts, number, leaf, &record).map_err(contradiction)?;
                derived
                    .hashes
                    .extend(frontier.append(leaf).map_err(contradiction)?);
                derived.changes.extend(changes.iter().cloned());
                facts.put(changes);
                let size = frontier.size();
                let enough = size.saturating_sub(head.size) >= limits::CATCH_UP_RECORDS as u64;
                if (enough || size == target.size)
                    && let Some(block) = journal.block_head(size).await?
                {
                    head = block;
                    break 'batch;
                }
            }
        }
        if frontier.root() != head.root {
            return Err(FollowError::Contradiction(format!(
                "the tree at size {} has not the root that its block says",
                head.size
            )));
        }
        derived.position = Position {
            size: head.size,
            root: head.root,
        };
        index.apply(derived)?;
    }
    Ok(Followed {
        head,
        directory,
        frontier,
    })
}

fn contradiction(error: impl std::fmt::Display) -> FollowError {
    FollowError::Contradiction(error.to_string())
}
