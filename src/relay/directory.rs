//! The directory's chain, as anyone enrolled may read and verify it.

use std::sync::Arc;

use bytes::Bytes;

use super::answers::{Caller, DirectoryPage, Failure};
use super::durable::Durable;
use super::engine::Engine;
use super::warning::Room;
use crate::limits;

impl Engine {
    pub(super) async fn directory(&self, _caller: &Caller, from_seq: u64) -> Result<DirectoryPage, Failure> {
        let durable = self.durable();
        let mut room = Room::new(&durable);
        let (chain, _) = self.chain(from_seq, &mut room, &durable).await?;
        let position = durable.directory.position();
        Ok(DirectoryPage {
            checkpoint: Arc::clone(&durable.checkpoint),
            records: self.receipts_of(&durable, chain).await?,
            newest_seq: position.map_or(0, |position| position.seq),
        })
    }

    /// Records of the chain from a number on, as many as there is room for; and the number of the next one, if there is one.
    /// An empty answer has room for any record.
    pub(super) async fn chain(
        &self,
        from_seq: u64,
        room: &mut Room,
        durable: &Durable,
    ) -> Result<(Vec<(u64, Bytes)>, Option<u64>), Failure> {
        let mut records = Vec::new();
        let mut next = from_seq;
        loop {
            let index = self.index.clone();
            let look = move || index.directory_records(next, limits::DIRECTORY_PAGE_MAX);
            let chain = self.blocking(look).await?.map_err(|e| self.broken(&e))?;
            let before = records.len();
            for (seq, index) in chain.into_iter().filter(|(_, index)| *index < durable.size()) {
                let bytes = self
                    .records(index, 1)
                    .await?
                    .into_iter()
                    .next()
                    .unwrap_or_default();
                if !room.takes(bytes.len()) {
                    return Ok((records, Some(seq)));
                }
                records.push((index, bytes));
                next = seq.saturating_add(1);
            }
            if records.len() == before {
                return Ok((records, None));
            }
        }
    }
}
