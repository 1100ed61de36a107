//! What a witness knows of one log, and the rule by which it cosigns: pure, so that the whole rule stands in one place.

use std::collections::VecDeque;

use crate::limits::WITNESS_REMEMBERED_MAX;
use crate::time::Timestamp;
use crate::transparency::{AddCheckpoint, CosignedCheckpoint, SignedCheckpoint, verify_consistency};

/// What was cosigned last, and before it since the start.
#[derive(Debug, Default)]
pub(super) struct LogState {
    /// With this witness's cosignature; `None`: it has never cosigned this log.
    held: Option<CosignedCheckpoint>,
    /// Cosigned before, oldest first. In memory only: it tells a late request from a fork, and decides nothing.
    remembered: VecDeque<SignedCheckpoint>,
}

/// Why a checkpoint is not cosigned, by the state of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Against {
    /// The proof is said to begin at another size than the one that was cosigned last.
    Stale,
    /// Same size, other root.
    Fork,
    /// The proof does not lead from the checkpoint that was cosigned last to this one.
    Inconsistent,
}

/// What a signed checkpoint says against its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Two roots at one size, both signed: the log has two histories. This is proof.
    Fork,
    /// A larger tree that was not shown to hold the one before. Whoever asked may have sent a wrong proof; if the log
    /// cannot give a right one, it has forked.
    Inconsistent,
    /// A smaller tree of which this witness knows nothing: late, or the log went back. A consistency proof from it to
    /// the larger one would tell.
    Smaller,
}

/// A checkpoint that is not cosigned, and what it contradicts, if it does.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) why: Against,
    pub(super) contradicts: Option<(Kind, SignedCheckpoint)>,
}

impl LogState {
    /// The state of a log of which this was cosigned last.
    pub(super) fn of(held: Option<CosignedCheckpoint>) -> Self {
        Self {
            held,
            remembered: VecDeque::new(),
        }
    }

    /// What was cosigned last.
    pub(super) fn held(&self) -> Option<&CosignedCheckpoint> {
        self.held.as_ref()
    }

    /// The size that was cosigned last: 0 for never.
    pub(super) fn size(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.checkpoint().size)
    }

    /// The time of the last cosignature.
    pub(super) fn time(&self) -> Option<Timestamp> {
        let held = self.held.as_ref()?;
        held.cosignatures()
            .iter()
            .map(|cosignature| cosignature.time)
            .max()
    }

    /// Whether the checkpoint may be cosigned: the log has only grown from the last one to it, or is the same.
    pub(super) fn judge(&self, request: &AddCheckpoint, offered: &SignedCheckpoint) -> Result<(), Refused> {
        let refused = |why, contradicts| Err(Refused { why, contradicts });
        if request.old_size != self.size() {
            return refused(Against::Stale, self.contradicted(offered));
        }
        let Some(held) = self.held.as_ref().map(CosignedCheckpoint::signed) else {
            return match request.proof.is_empty() {
                true => Ok(()),
                false => refused(Against::Inconsistent, None),
            };
        };
        if offered.size() == held.size() {
            if offered.root() != held.root() {
                return refused(Against::Fork, Some((Kind::Fork, held.clone())));
            }
            return match request.proof.is_empty() {
                true => Ok(()),
                false => refused(Against::Inconsistent, None),
            };
        }
        let proven = verify_consistency(
            held.size(),
            &held.root(),
            offered.size(),
            &offered.root(),
            &request.proof,
        );
        match proven {
            Ok(()) => Ok(()),
            // Everything begins with the empty log: a wrong proof of that says nothing of the log.
            Err(_) if held.size() == 0 => refused(Against::Inconsistent, None),
            Err(_) => refused(Against::Inconsistent, Some((Kind::Inconsistent, held.clone()))),
        }
    }

    /// What a checkpoint contradicts whose request comes from another size than the last.
    fn contradicted(&self, offered: &SignedCheckpoint) -> Option<(Kind, SignedCheckpoint)> {
        let held = self.held.as_ref()?.signed();
        let known = self.remembered.iter().chain([held]);
        match known.rev().find(|known| known.size() == offered.size()) {
            Some(known) if known.root() == offered.root() => None,
            Some(known) => Some((Kind::Fork, known.clone())),
            None if offered.size() < held.size() => Some((Kind::Smaller, held.clone())),
            None => None,
        }
    }

    /// Whether this very checkpoint was cosigned, as far back as is remembered.
    pub(super) fn has_cosigned(&self, offered: &SignedCheckpoint) -> bool {
        let held = self.held.as_ref().map(CosignedCheckpoint::signed);
        let mut known = self.remembered.iter().chain(held);
        known.any(|known| known.size() == offered.size() && known.root() == offered.root())
    }

    /// Takes a checkpoint for the last. The caller has judged it, cosigned it and made it durable.
    pub(super) fn hold(&mut self, cosigned: CosignedCheckpoint) {
        let before = self.held.replace(cosigned);
        let size = self.size();
        let Some(before) = before.filter(|before| before.checkpoint().size != size) else {
            return;
        };
        if self.remembered.len() >= WITNESS_REMEMBERED_MAX {
            self.remembered.pop_front();
        }
        self.remembered.push_back(before.signed().clone());
    }
}
