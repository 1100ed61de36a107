//! What one principal may add to the log in an hour, so that nobody can use up what all share. A budget is asked for
//! before a signature is checked and given back if nothing was added. It belongs to the way in: the rules and an
//! auditor know nothing of it.
//!
//! A budget is full at the start and refills evenly: all of it may be used at once, and what an hour's share has
//! flowed back may be used again. One level a principal is kept, in memory only: a restart fills all budgets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{AudienceKind, Lane, Principal, Submission};
use crate::error::{ErrorCode, Refused};
use crate::limits;
use crate::time::{Clock, Timestamp};

const HOUR_MS: u128 = 3_600_000;

/// How much in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourlyQuota {
    /// How many.
    pub count: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// What an operator grants to each principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Warnings of one agency, of which a part is kept for ACTUAL ones.
    pub warnings: HourlyQuota,
    /// Changes of the directory by one agency; a state's agencies and root together may make
    /// [`limits::DIRECTORY_STATE_SHARES`] times as many.
    pub directory: HourlyQuota,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            warnings: HourlyQuota {
                count: limits::WARNINGS_PER_HOUR,
                bytes: limits::WARNING_BYTES_PER_HOUR,
            },
            directory: HourlyQuota {
                count: limits::DIRECTORY_CHANGES_PER_HOUR,
                bytes: limits::DIRECTORY_BYTES_PER_HOUR,
            },
        }
    }
}

/// All budgets.
pub(super) struct Budgets {
    clock: Arc<dyn Clock>,
    quotas: Quotas,
    levels: Mutex<BTreeMap<Purse, Level>>,
}

/// Whose budget, and for what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Purse {
    Warnings(Principal),
    /// A state's is its root's.
    Directory(Principal),
}

impl Purse {
    fn owner(&self) -> &Principal {
        match self {
            Self::Warnings(principal) | Self::Directory(principal) => principal,
        }
    }

    fn what(&self) -> &'static str {
        match self {
            Self::Warnings(_) => "warnings",
            Self::Directory(_) => "changes of the directory",
        }
    }
}

/// How much of a budget is used, by a scale on which an hour's share flows back in [`HOUR_MS`] milliseconds.
#[derive(Debug, Clone, Copy)]
struct Level {
    count: u128,
    bytes: u128,
    at: Timestamp,
    /// It was said that it is used up, and it has not been half empty since.
    told: bool,
}

/// A part of a budget that was taken; dropping it gives it back. It goes with the command, not with whoever asked: only
/// what is added stays used, and that is the sequencer's to say.
#[must_use]
pub(super) struct Taken {
    budgets: Arc<Budgets>,
    purses: Vec<Purse>,
    bytes: u64,
}

/// What is asked of one purse: it refills by `quota`, and may be used up to `limit`.
struct Claim {
    purse: Purse,
    quota: HourlyQuota,
    limit: HourlyQuota,
}

impl Budgets {
    pub(super) fn new(clock: Arc<dyn Clock>, quotas: Quotas) -> Arc<Self> {
        Arc::new(Self {
            clock,
            quotas,
            levels: Mutex::default(),
        })
    }

    /// Room for one warning of about `bytes`. What is no ACTUAL warning by its hint leaves a part of the budget alone.
    pub(super) fn warning(
        self: &Arc<Self>,
        principal: &Principal,
        lane: Option<Lane>,
        bytes: usize,
    ) -> Result<Taken, Refused> {
        let quota = self.quotas.warnings;
        let limit = match lane {
            Some(Lane::Flash | Lane::Immediate | Lane::Priority | Lane::Routine) => quota,
            Some(Lane::Exercise | Lane::System | Lane::Test) | None => quota.without_what_is_kept(),
        };
        let purse = Purse::Warnings(principal.clone());
        self.take(vec![Claim { purse, quota, limit }], bytes)
    }

    /// Room for one change of the directory that `owner` has signed or that is about its keys. It counts for its state,
    /// too. Operators' changes are not counted.
    pub(super) fn directory_change(
        self: &Arc<Self>,
        owner: &Principal,
        bytes: usize,
    ) -> Result<Taken, Refused> {
        let quota = self.quotas.directory;
        let claim = |owner: Principal, quota| Claim {
            purse: Purse::Directory(owner),
            quota,
            limit: quota,
        };
        let claims = match owner {
            Principal::Agency(agency) => vec![
                claim(owner.clone(), quota),
                claim(Principal::Root(agency.state()), quota.of_a_state()),
            ],
            Principal::Root(_) => vec![claim(owner.clone(), quota.of_a_state())],
            Principal::Operator(_) => Vec::new(),
        };
        self.take(claims, bytes.saturating_add(limits::DIRECTORY_CHANGE_BYTES))
    }

    /// Takes from all purses or from none.
    fn take(self: &Arc<Self>, claims: Vec<Claim>, bytes: usize) -> Result<Taken, Refused> {
        let bytes = bytes as u64;
        let now = self.clock.now();
        let mut levels = self.levels();
        for Claim { purse, quota, limit } in &claims {
            let level = levels.entry(purse.clone()).or_insert(Level::empty(now));
            level.flow(quota, now);
            let wait_ms = level.wait_ms(quota, limit, bytes);
            if wait_ms > 0 {
                if !std::mem::replace(&mut level.told, true) {
                    tracing::warn!(principal = %purse.owner(), what = purse.what(), "an hourly quota is used up");
                }
                let sentence = format!(
                    "{} has used up its hourly quota of {} {} and {} bytes; the next fits in {} s",
                    purse.owner(),
                    limit.count,
                    purse.what(),
                    limit.bytes,
                    wait_ms.div_ceil(1_000)
                );
                return Err(Refused::new(ErrorCode::Quota, sentence).retry_after_ms(wait_ms));
            }
        }
        let purses: Vec<Purse> = claims.into_iter().map(|claim| claim.purse).collect();
        for purse in &purses {
            if let Some(level) = levels.get_mut(purse) {
                level.count = level.count.saturating_add(HOUR_MS);
                level.bytes = level
                    .bytes
                    .saturating_add(u128::from(bytes).saturating_mul(HOUR_MS));
            }
        }
        drop(levels);
        Ok(Taken {
            budgets: Arc::clone(self),
            purses,
            bytes,
        })
    }

    /// Nothing that holds the lock panics halfway.
    fn levels(&self) -> MutexGuard<'_, BTreeMap<Purse, Level>> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// It was added.
    pub(super) fn spend(mut self) {
        self.purses.clear();
    }

    fn put_back(&mut self) {
        let mut levels = self.budgets.levels();
        for purse in self.purses.drain(..) {
            if let Some(level) = levels.get_mut(&purse) {
                level.count = level.count.saturating_sub(HOUR_MS);
                let bytes = u128::from(self.bytes).saturating_mul(HOUR_MS);
                level.bytes = level.bytes.saturating_sub(bytes);
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.put_back();
    }
}

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Taken")
            .field("purses", &self.purses)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl HourlyQuota {
    const fn of_a_state(self) -> Self {
        Self {
            count: self.count.saturating_mul(limits::DIRECTORY_STATE_SHARES),
            bytes: self.bytes.saturating_mul(limits::DIRECTORY_STATE_SHARES),
        }
    }

    const fn without_what_is_kept(self) -> Self {
        Self {
            count: self
                .count
                .saturating_sub(self.count / limits::QUOTA_KEPT_FOR_ACTUAL),
            bytes: self
                .bytes
                .saturating_sub(self.bytes / limits::QUOTA_KEPT_FOR_ACTUAL),
        }
    }
}

impl Level {
    const fn empty(at: Timestamp) -> Self {
        Self {
            count: 0,
            bytes: 0,
            at,
            told: false,
        }
    }

    /// Lets flow back what the time since the last look allows. A clock that was set back gives nothing and takes nothing.
    fn flow(&mut self, quota: &HourlyQuota, now: Timestamp) {
        let elapsed_ms = u128::try_from(now.ms_since(self.at)).unwrap_or(0);
        self.at = now;
        let flown = |level: u128, quota: u64| level.saturating_sub(elapsed_ms.saturating_mul(quota.into()));
        self.count = flown(self.count, quota.count);
        self.bytes = flown(self.bytes, quota.bytes);
        let half = |quota: u64| u128::from(quota).saturating_mul(HOUR_MS) / 2;
        if self.count < half(quota.count) && self.bytes < half(quota.bytes) {
            self.told = false;
        }
    }

    /// When one of `bytes` fits below `limit`; 0: now.
    fn wait_ms(&self, quota: &HourlyQuota, limit: &HourlyQuota, bytes: u64) -> u64 {
        let wait_ms = |level: u128, more: u64, limit: u64, quota: u64| {
            let full = u128::from(limit).saturating_mul(HOUR_MS);
            let wanted = level.saturating_add(u128::from(more).saturating_mul(HOUR_MS));
            wanted.saturating_sub(full).div_ceil(u128::from(quota.max(1)))
        };
        let counted = wait_ms(self.count, 1, limit.count, quota.count);
        let weighed = wait_ms(self.bytes, bytes, limit.bytes, quota.bytes);
        u64::try_from(counted.max(weighed)).unwrap_or(u64::MAX)
    }
}

/// About what a warning takes in the journal and the index if it is accepted: what was sent, each wrap of a sealed body's key, and each
/// recipient's routing.
pub(super) fn bytes_of(submission: &Submission) -> usize {
    let openings = submission.openings.iter().map(|opening| {
        let routing = match opening.kind {
            AudienceKind::To => limits::RECIPIENT_BYTES,
            AudienceKind::Excluded | AudienceKind::Pad => 0,
        };
        opening.address.len().saturating_add(64).saturating_add(routing)
    });
    let wraps = submission
        .wraps
        .iter()
        .map(|wrap| wrap.wrapped.len().saturating_add(64));
    openings
        .chain(wraps)
        .fold(0usize, usize::saturating_add)
        .saturating_add(submission.body.content.len())
        .saturating_add(submission.envelope.payload.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::time::ManualClock;

    const BEGINNING: Timestamp = Timestamp::from_unix_ms(1_709_823_600_000);

    fn budgets(count: u64, bytes: u64) -> (Arc<Budgets>, ManualClock) {
        let clock = ManualClock::at(BEGINNING);
        let warnings = HourlyQuota { count, bytes };
        let quotas = Quotas {
            warnings,
            ..Quotas::default()
        };
        let budgets = Budgets::new(Arc::new(clock.clone()), quotas);
        (budgets, clock)
    }

    fn agency(text: &str) -> Principal {
        text.parse().unwrap()
    }

    fn take(of: &str, budgets: &Arc<Budgets>, lane: Lane, bytes: usize) -> Result<Taken, Refused> {
        budgets.warning(&agency(of), Some(lane), bytes)
    }

    /// Takes as many of `bytes` as there are, and says when the next one fits.
    fn used_up(budgets: &Arc<Budgets>, lane: Lane, bytes: usize) -> (u64, u64) {
        let mut taken = 0;
        loop {
            match take("us.ctc", budgets, lane, bytes) {
                Ok(more) => more.spend(),
                Err(refused) => {
                    assert_eq!(refused.code, ErrorCode::Quota);
                    return (taken, refused.retry_after_ms.unwrap());
                }
            }
            taken += 1;
        }
    }

    /// A whole budget at once, then evenly: after the time that the refusal says one more fits, and a millisecond earlier
    /// none. A quarter is left for ACTUAL warnings, and other agencies have their own. By number and by bytes: a table.
    #[test]
    fn a_budget_is_used_up_and_flows_back() {
        for (count, bytes, each, whole) in [(1_000, 1 << 40, 1, 1_000u64), (1 << 40, 100_000, 100, 1_000)] {
            let (budgets, clock) = budgets(count, bytes);
            let (tests, _) = used_up(&budgets, Lane::Test, each);
            assert_eq!(tests, whole * 3 / 4);
            let (actual, wait_ms) = used_up(&budgets, Lane::Flash, each);
            assert_eq!(tests + actual, whole);
            assert_eq!(wait_ms, 3_600_000 / whole);
            take("fr.ctc", &budgets, Lane::Test, each).unwrap().spend();
            clock.advance_ms(i64::try_from(wait_ms).unwrap() - 1);
            assert_eq!(used_up(&budgets, Lane::Flash, each), (0, 1));
            clock.advance_ms(1);
            assert_eq!(used_up(&budgets, Lane::Flash, each).0, 1);
            clock.advance_ms(3_600_000);
            assert_eq!(used_up(&budgets, Lane::Flash, each).0, whole);
        }
    }

    /// A clock that is set back takes nothing from anybody and blocks nobody for long: from there on it flows as ever.
    #[test]
    fn a_clock_that_is_set_back_does_no_harm() {
        let (budgets, clock) = budgets(1_000, 1 << 40);
        clock.advance_ms(365 * 24 * 3_600_000);
        assert_eq!(used_up(&budgets, Lane::Flash, 1).0, 1_000);
        clock.advance_ms(-365 * 24 * 3_600_000);
        assert_eq!(used_up(&budgets, Lane::Flash, 1), (0, 3_600));
        clock.advance_ms(3_600_000);
        assert_eq!(used_up(&budgets, Lane::Flash, 1).0, 1_000);
    }

    /// What is dropped is given back; what was added stays used.
    #[test]
    fn what_may_be_added_stays_used() {
        let (budgets, _clock) = budgets(4, 1 << 40);
        let us = agency("us.ctc");
        for _ in 0..100 {
            drop(budgets.warning(&us, Some(Lane::Flash), 1).unwrap());
        }
        take("us.ctc", &budgets, Lane::Flash, 1).unwrap().spend();
        assert_eq!(used_up(&budgets, Lane::Flash, 1).0, 3);
    }

    /// With a quota for it one agency sends a hundred thousand at once; and however often somebody asks, there is one
    /// level an agency.
    #[test]
    fn a_backlog_passes_and_leaves_one_level() {
        let (budgets, _clock) = budgets(200_000, 1 << 40);
        assert_eq!(used_up(&budgets, Lane::Test, 3_000).0, 150_000);
        assert_eq!(budgets.levels().len(), 1);
    }
}
