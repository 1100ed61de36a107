//! How the relay is, as its operators see it: counts, never contents.

use std::sync::Arc;

use super::answers::{AgencyStatus, Caller, DeskStatus, Failure, RelayStatus};
use super::engine::Engine;
use super::sequencer::Phase;
use crate::domain::Principal;
use crate::error::ErrorCode;
use crate::ledger::Directory;

impl Engine {
    pub(super) async fn status(&self, caller: &Caller) -> Result<RelayStatus, Failure> {
        if !matches!(caller.principal(), Principal::Operator(_)) {
            return Err(Failure::new(
                ErrorCode::PermissionDenied,
                "the status is for operators",
            ));
        }
        let durable = self.durable();
        let journal = self.journal.head().await.map_err(|e| self.broken(&e))?;
        Ok(RelayStatus {
            version: self.version.clone(),
            origin: self.origin.clone(),
            checkpoint: Arc::clone(&durable.checkpoint),
            started: self.started,
            sessions: self.hub.sessions().saturating_add(self.hub.watches()),
            queued: self.queue.len(),
            index_lag: journal.size.saturating_sub(durable.size()),
            agencies: self.agencies(&durable.directory)?,
            draining: *self.phase.borrow() != Phase::Running,
        })
    }

    fn agencies(&self, directory: &Directory) -> Result<Vec<AgencyStatus>, Failure> {
        let mut agencies = Vec::new();
        for (agency, entry) in directory.agencies() {
            let mut desks = Vec::new();
            for desk in directory.desks_of(agency) {
                desks.push(DeskStatus {
                    sessions: self.hub.sessions_of(&desk),
                    waiting: self.index.waiting(&desk).map_err(|e| self.broken(&e))?,
                    desk,
                });
            }
            agencies.push(AgencyStatus {
                agency: agency.clone(),
                name: entry.name.clone(),
                suspended: entry.suspended,
                desks,
            });
        }
        Ok(agencies)
    }
}
