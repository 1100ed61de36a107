//! How the relay is, as its operators see it: counts, never contents.

use std::sync::Arc;

use super::answers::{AgencyStatus, Caller, DeskStatus, Failure, RelayStatus};
use super::engine::Engine;
use super::sequencer::Phase;
use crate::domain::Principal;
use crate::error::ErrorCode;
use crate::ledger::Directory;

/// Desks for which warnings wait while no session of theirs is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AbsentDesks {
    /// How many desks.
    pub desks: u64,
    /// How many warnings.
    pub warnings: u64,
}

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
            index_lag: journal.size.saturating_sub(
                self.index
                    .position()
                    .map_err(|e| self.broken(&e))?
                    .map_or(0, |at| at.size),
            ),
            agencies: self.agencies(&durable.directory)?,
            draining: *self.phase.borrow() != Phase::Running,
            witnesses: self.witnesses.as_ref().map(|witnesses| witnesses.status()),
        })
    }

    pub(super) fn absent_desks(&self) -> AbsentDesks {
        let durable = self.durable();
        let mut absent = AbsentDesks::default();
        for (agency, _) in durable.directory.agencies() {
            for desk in durable.directory.desks_of(agency) {
                let waiting = self.index.waiting(&desk).unwrap_or_default();
                if waiting > 0 && self.hub.sessions_of(&desk) == 0 {
                    absent.desks += 1;
                    absent.warnings = absent.warnings.saturating_add(waiting);
                }
            }
        }
        absent
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
