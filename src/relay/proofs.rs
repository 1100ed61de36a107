//! Inclusion and consistency proofs at any size up to the durable one. They say nothing of what the records hold, so
//! every enrolled principal may ask for any.

use std::sync::Arc;

use super::answers::{ConsistencyProof, Failure, InclusionProof};
use super::durable::Durable;
use super::engine::Engine;
use crate::error::ErrorCode;
use crate::limits;
use crate::transparency::{HashReader, consistency_proof, inclusion_proof, stored_hash_index};

impl Engine {
    pub(super) async fn prove_inclusion(&self, number: u64, size: u64) -> Result<InclusionProof, Failure> {
        let durable = self.durable();
        let size = size_or_newest(size, &durable)?;
        if number >= size {
            return Err(out_of_range(&durable));
        }
        let leaf_at = stored_hash_index(0, number).ok_or_else(|| out_of_range(&durable))?;
        let index = self.index.clone();
        let read = move || {
            let leaf = index.hashes(&[leaf_at]).map_err(|e| e.to_string())?;
            let proof = inclusion_proof(size, number, &index).map_err(|e| e.to_string())?;
            Ok::<_, String>((leaf, proof))
        };
        let (leaf, proof) = self.blocking(read).await?.map_err(|e| self.broken(&e))?;
        Ok(InclusionProof {
            leaf_hash: leaf
                .first()
                .copied()
                .ok_or_else(|| self.broken(&"no leaf hash"))?,
            proof,
            size,
            checkpoint: newest(size, &durable),
        })
    }

    pub(super) async fn find_cosigned(&self, indexes: &[u64]) -> Result<Vec<Arc<str>>, Failure> {
        if indexes.len() > limits::COSIGNED_INDEXES_MAX {
            return Err(Failure::new(
                ErrorCode::InvalidRequest,
                format!("at most {} records at a time", limits::COSIGNED_INDEXES_MAX),
            ));
        }
        let Some(witnesses) = self.witnesses.clone() else {
            return Ok(Vec::new());
        };
        let indexes = indexes.to_vec();
        let look = move || witnesses.around(&indexes);
        self.blocking(look).await?.map_err(|e| self.broken(&e))
    }

    pub(super) async fn prove_consistency(
        &self,
        old_size: u64,
        new_size: u64,
    ) -> Result<ConsistencyProof, Failure> {
        let durable = self.durable();
        let new_size = size_or_newest(new_size, &durable)?;
        if old_size > new_size {
            return Err(out_of_range(&durable));
        }
        let index = self.index.clone();
        let read = move || consistency_proof(old_size, new_size, &index).map_err(|e| e.to_string());
        let proof = self.blocking(read).await?.map_err(|e| self.broken(&e))?;
        Ok(ConsistencyProof {
            proof,
            new_size,
            checkpoint: newest(new_size, &durable),
        })
    }
}

fn size_or_newest(size: u64, durable: &Durable) -> Result<u64, Failure> {
    match size {
        0 => Ok(durable.size()),
        size if size <= durable.size() => Ok(size),
        _ => Err(out_of_range(durable)),
    }
}

fn newest(size: u64, durable: &Durable) -> Option<Arc<str>> {
    (size == durable.size()).then(|| Arc::clone(&durable.checkpoint))
}

/// A size or an index beyond the log.
pub(super) fn out_of_range(durable: &Durable) -> Failure {
    Failure::new(
        ErrorCode::InvalidRequest,
        format!("the log has {} records", durable.size()),
    )
}
