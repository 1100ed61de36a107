//! The directory's chain, as anyone enrolled may read and verify it.

use std::sync::Arc;

use bytes::Bytes;

use super::answers::{Caller, DirectoryPage, Failure};
use super::durable::Durable;
use super::engine::Engine;
use super::warning::Room;
use crate::domain::Receipt;
use crate::limits;

impl Engine {
    pub(super) async fn directory(&self, _caller: &Caller, from_seq: u64) -> Result<DirectoryPage, Failure> {
        let durable = self.durable();
        let records = self.chain(from_seq, limits::DIRECTORY_PAGE_MAX, &durable).await?;
        let mut room = Room::new();
        let mut receipts = self.receipts_of(&durable, records).await?;
        let fits = receipts
            .iter()
            .take_while(|receipt| room.would_take(receipt))
            .count();
        // One record always fits: it is smaller than an answer.
        receipts.truncate(fits.max(1));
        let position = durable.directory.position();
        Ok(DirectoryPage {
            checkpoint: Arc::clone(&durable.checkpoint),
            records: receipts,
            newest_seq: position.map_or(0, |position| position.seq),
        })
    }

    /// The whole chain, if one answer holds it.
    pub(super) async fn whole_directory(&self, durable: &Durable) -> Result<Vec<Receipt>, Failure> {
        let mut room = Room::new();
        let mut all = Vec::new();
        loop {
            let next = all.len() as u64;
            let records = self.chain(next, limits::DIRECTORY_PAGE_MAX, durable).await?;
            if records.is_empty() {
                return self.receipts_of(durable, all).await;
            }
            for (_, bytes) in &records {
                room.take(bytes.len())?;
            }
            all.extend(records);
        }
    }

    async fn chain(
        &self,
        from_seq: u64,
        limit: usize,
        durable: &Durable,
    ) -> Result<Vec<(u64, Bytes)>, Failure> {
        let chain = self
            .index
            .directory_records(from_seq, limit)
            .map_err(|e| self.broken(&e))?;
        let mut records = Vec::with_capacity(chain.len());
        for (_, index) in chain.into_iter().filter(|(_, index)| *index < durable.size()) {
            let bytes = self.records(index, 1).await?.into_iter().next();
            records.extend(bytes.map(|bytes| (index, bytes)));
        }
        Ok(records)
    }
}
