//! How much of what is under way to the log is one principal's. Nobody may have so much of it that the others' warnings
//! and answers find no room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::Principal;
use crate::limits;

/// What each principal has under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Shares(Arc<Mutex<BTreeMap<Principal, Held>>>);

#[derive(Debug, Default)]
struct Held {
    commands: usize,
    bytes: usize,
}

/// One command's part; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Share {
    shares: Shares,
    principal: Principal,
    bytes: usize,
}

impl Shares {
    /// One more command of about `bytes`; none: the principal has its share under way.
    pub(super) fn take(&self, principal: &Principal, bytes: usize) -> Option<Share> {
        let mut shares = self.locked();
        let held = shares.get(principal);
        let commands = held.map_or(0, |held| held.commands).saturating_add(1);
        let with_it = held.map_or(0, |held| held.bytes).saturating_add(bytes);
        if commands > limits::COMMANDS_PER_PRINCIPAL_MAX || with_it > limits::COMMAND_BYTES_PER_PRINCIPAL_MAX
        {
            return None;
        }
        let held = Held {
            commands,
            bytes: with_it,
        };
        shares.insert(principal.clone(), held);
        drop(shares);
        Some(Share {
            shares: self.clone(),
            principal: principal.clone(),
            bytes,
        })
    }

    /// Nothing that holds the lock panics halfway.
    fn locked(&self) -> MutexGuard<'_, BTreeMap<Principal, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.shares.locked();
        if let Some(held) = shares.get_mut(&self.principal) {
            held.commands = held.commands.saturating_sub(1);
            held.bytes = held.bytes.saturating_sub(self.bytes);
            if held.commands == 0 {
                shares.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A principal has its share by number and by bytes, others have theirs, and what is answered makes room.
    #[test]
    fn everybody_has_a_share() {
        let (us, fr): (Principal, Principal) = ("us.ctc".parse().unwrap(), "fr.ctc".parse().unwrap());
        for (bytes, fits) in [
            (1, limits::COMMANDS_PER_PRINCIPAL_MAX),
            (limits::COMMAND_BYTES_PER_PRINCIPAL_MAX / 4, 4),
        ] {
            let shares = Shares::default();
            let mut held: Vec<Share> = (0..fits).map(|_| shares.take(&us, bytes).unwrap()).collect();
            assert!(shares.take(&us, bytes).is_none());
            assert!(shares.take(&fr, bytes).is_some());
            held.pop();
            assert!(shares.take(&us, bytes).is_some());
            drop(held);
            assert!(shares.locked().is_empty());
        }
    }
}
