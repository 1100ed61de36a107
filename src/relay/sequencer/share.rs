//! How much of what is under way to the log is one principal's. Nobody may have so much of it that the others' warnings
//! and answers find no room; and its own warnings leave room for its own answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::Principal;
use crate::limits;

/// Which room of the queue something is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// What is kept for what must pass, and what else is free.
    Urgent,
    /// The rest.
    Ordinary,
}

/// What each principal has under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Shares(Arc<Mutex<BTreeMap<Holder, Held>>>);

type Holder = (Principal, Class);

#[derive(Debug, Default)]
struct Held {
    commands: usize,
    bytes: usize,
}

/// One command's part; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Share {
    shares: Shares,
    holder: Holder,
    bytes: usize,
}

impl Class {
    /// Commands and bytes of them that one principal may have under way.
    const fn share(self) -> (usize, usize) {
        match self {
            Self::Urgent => (
                limits::URGENT_COMMANDS_PER_PRINCIPAL_MAX,
                limits::URGENT_BYTES_PER_PRINCIPAL_MAX,
            ),
            Self::Ordinary => (
                limits::COMMANDS_PER_PRINCIPAL_MAX,
                limits::COMMAND_BYTES_PER_PRINCIPAL_MAX,
            ),
        }
    }
}

impl Shares {
    /// One more command of about `bytes`; none: the principal has its share under way.
    pub(super) fn take(&self, principal: &Principal, class: Class, bytes: usize) -> Option<Share> {
        let mut shares = self.locked();
        let holder = (principal.clone(), class);
        let held = shares.get(&holder);
        let commands = held.map_or(0, |held| held.commands).saturating_add(1);
        let with_it = held.map_or(0, |held| held.bytes).saturating_add(bytes);
        let (commands_max, bytes_max) = class.share();
        if commands > commands_max || with_it > bytes_max {
            return None;
        }
        let held = Held {
            commands,
            bytes: with_it,
        };
        shares.insert(holder.clone(), held);
        drop(shares);
        Some(Share {
            shares: self.clone(),
            holder,
            bytes,
        })
    }

    /// Nothing that holds the lock panics halfway.
    fn locked(&self) -> MutexGuard<'_, BTreeMap<Holder, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.shares.locked();
        if let Some(held) = shares.get_mut(&self.holder) {
            held.commands = held.commands.saturating_sub(1);
            held.bytes = held.bytes.saturating_sub(self.bytes);
            if held.commands == 0 {
                shares.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A principal has its share by number and by bytes, others have theirs, and what is answered makes room. Its answers have
    /// a share of their own.
    #[test]
    fn everybody_has_a_share() {
        let (us, fr): (Principal, Principal) = ("us.ctc".parse().unwrap(), "fr.ctc".parse().unwrap());
        for (class, other) in [(Class::Ordinary, Class::Urgent), (Class::Urgent, Class::Ordinary)] {
            let (commands, bytes) = class.share();
            for (bytes, fits) in [(1, commands), (bytes / 4, 4)] {
                let shares = Shares::default();
                let take = |principal, class| shares.take(principal, class, bytes);
                let mut held: Vec<Share> = (0..fits).map(|_| take(&us, class).unwrap()).collect();
                assert!(take(&us, class).is_none());
                assert!(take(&fr, class).is_some());
                assert!(shares.take(&us, other, 1).is_some());
                held.pop();
                assert!(take(&us, class).is_some());
                drop(held);
                assert!(shares.locked().is_empty());
            }
        }
    }
}
