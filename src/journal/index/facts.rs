//! The index as the ledger's [`Facts`] and as the tree's [`HashReader`].

use std::collections::BTreeMap;

use super::codec::{StoredWarning, Value};
use super::{HASH_BYTES, HASHES_PER_PAGE, Index, IndexError, Order, keys};
use crate::domain::{DeskAddress, Digest, Hash, PayloadId, Principal};
use crate::ledger::{Facts, FactsError, Hourly, IdFact, IdKey, ThreadFact, ThreadKey, WarningFact};
use crate::time::Timestamp;
use crate::transparency::{HashReader, root_at};

impl Index {
    /// The index of a warning's `ACCEPTED` record.
    pub(super) fn accepted(&self, warning: &Digest) -> Result<Option<u64>, IndexError> {
        self.typed(&keys::digest(warning))
    }
}

impl Facts for Index {
    fn id(&self, key: &IdKey) -> Result<Option<IdFact>, FactsError> {
        Ok(self.typed(&keys::id(&key.principal, key.kind, &key.id))?)
    }

    fn warning(&self, digest: &Digest) -> Result<Option<WarningFact>, FactsError> {
        let Some(accepted) = self.accepted(digest)? else {
            return Ok(None);
        };
        let stored: Option<StoredWarning> = self.typed(&keys::warning(accepted))?;
        Ok(stored.map(|stored| stored.fact))
    }

    fn warnings_with_id(&self, id: &PayloadId) -> Result<Vec<Digest>, FactsError> {
        let entries = self.all(&keys::named(id), usize::MAX)?;
        let digests: Result<Vec<Digest>, IndexError> =
            entries.iter().map(|(_, value)| Digest::decode(value)).collect();
        let mut digests = digests?;
        digests.sort_unstable();
        Ok(digests)
    }

    fn desks(&self, warning: &Digest) -> Result<Vec<DeskAddress>, FactsError> {
        Ok(self.threads(warning)?.into_iter().map(|(desk, _)| desk).collect())
    }

    fn thread(&self, key: &ThreadKey) -> Result<Option<ThreadFact>, FactsError> {
        match self.accepted(&key.warning)? {
            Some(accepted) => Ok(self.typed(&keys::thread(accepted, &key.desk))?),
            None => Ok(None),
        }
    }

    fn inbox_count(&self, desk: &DeskAddress) -> Result<u64, FactsError> {
        let newest = self.store.range(
            &keys::inbox(desk, 0),
            &keys::end_of(&keys::inbox(desk, u64::MAX)),
            Order::Descending,
            1,
        )?;
        Ok(newest
            .first()
            .and_then(|(key, _)| keys::last_number(key))
            .unwrap_or(0))
    }

    fn rejected(&self, principal: &Principal) -> Result<Hourly, FactsError> {
        Ok(self.typed(&keys::rejected(principal))?.unwrap_or_default())
    }

    fn last_time(&self) -> Result<Option<Timestamp>, FactsError> {
        Ok(self.typed(keys::TIME)?)
    }

    fn root_at(&self, size: u64) -> Result<Option<Hash>, FactsError> {
        if size > self.position()?.map_or(0, |position| position.size) {
            return Ok(None);
        }
        let root = root_at(size, self).map_err(|e| FactsError(e.to_string()))?;
        Ok(Some(root))
    }
}

impl HashReader for Index {
    type Error = IndexError;

    fn hashes(&self, stored_indexes: &[u64]) -> Result<Vec<Hash>, IndexError> {
        let missing = || IndexError::Corrupt("a hash of the tree is missing".into());
        let mut pages: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let mut hashes = Vec::with_capacity(stored_indexes.len());
        for stored in stored_indexes {
            let page = stored.checked_div(HASHES_PER_PAGE).unwrap_or(0);
            let value = match pages.entry(page) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(self.store.value(&keys::hashes(page))?.ok_or_else(missing)?)
                }
            };
            let at = usize::try_from(stored.checked_rem(HASHES_PER_PAGE).unwrap_or(0))
                .unwrap_or(0)
                .saturating_mul(HASH_BYTES);
            let bytes = value.get(at..).and_then(<[u8]>::first_chunk::<HASH_BYTES>);
            hashes.push(Hash(*bytes.ok_or_else(missing)?));
        }
        Ok(hashes)
    }
}
