//! Which record is the first that differs from what the signed checkpoint commits to: found by bisection, with a proof of
//! consistency from the relay at each step. A relay that gives a false proof only accuses itself of an earlier record.

use async_trait::async_trait;

use super::fault::{Fault, Wrong};
use super::verify::Verifier;
use crate::domain::Hash;
use crate::transparency::verify_consistency;

/// Proves that the tree only grew: the relay, asked over the network.
#[async_trait]
pub trait Prover: Send + Sync {
    /// Why there is no proof.
    type Error: Send;
    /// RFC 6962 §2.1.2, from the first `old` records to the first `new`.
    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Self::Error>;
}

/// Looks for the first record that differs, and says of a fault where it really begins and whether the log is committed to
/// it. On an error of the prover the fault stays as it is.
pub async fn locate<P: Prover>(verifier: &Verifier, fault: Fault, prover: &P) -> Fault {
    match first_difference(verifier, prover).await {
        Ok(difference) => placed(fault, difference),
        Err(_) => fault,
    }
}

/// The first index that differs among those shown; none: all are what the checkpoint commits to.
async fn first_difference<P: Prover>(verifier: &Verifier, prover: &P) -> Result<Option<u64>, P::Error> {
    let size = verifier.checkpoint().size();
    let shown = verifier.shown().min(size);
    if is_prefix(verifier, shown, prover).await? {
        return Ok(None);
    }
    // The first `good` records are the log's; the first `bad` are not.
    let (mut good, mut bad) = (0, shown);
    while bad.saturating_sub(good) > 1 {
        let middle = good.midpoint(bad);
        if is_prefix(verifier, middle, prover).await? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Ok(Some(good))
}

async fn is_prefix<P: Prover>(verifier: &Verifier, size: u64, prover: &P) -> Result<bool, P::Error> {
    let checkpoint = verifier.checkpoint();
    let Some(root) = verifier.root_at(size) else {
        return Ok(false);
    };
    if size == 0 {
        return Ok(true);
    }
    let proof = prover.consistency(size, checkpoint.size()).await?;
    Ok(verify_consistency(size, &root, checkpoint.size(), &checkpoint.root(), &proof).is_ok())
}

fn placed(fault: Fault, difference: Option<u64>) -> Fault {
    let Some(first) = difference else {
        // What was shown is the log: the log itself holds what is wrong, unless nothing in it is (it was not shown whole).
        let committed = fault.index.is_some() && !is_about_showing(&fault.wrong);
        return Fault {
            committed: committed.then_some(true),
            ..fault
        };
    };
    match fault.index {
        Some(index) if index < first => Fault {
            committed: Some(true),
            ..fault
        },
        Some(index) if index == first => Fault {
            committed: Some(false),
            ..fault
        },
        Some(index) => Fault {
            index: Some(first),
            wrong: Wrong::Altered {
                led_to: Some((index, Box::new(fault.wrong))),
            },
            committed: Some(false),
        },
        None => Fault {
            index: Some(first),
            wrong: Wrong::Altered { led_to: None },
            committed: Some(false),
        },
    }
}

/// Whether it is about what was shown, not about what a record holds.
fn is_about_showing(wrong: &Wrong) -> bool {
    match wrong {
        Wrong::Order { .. }
        | Wrong::Truncated { .. }
        | Wrong::Beyond { .. }
        | Wrong::Unrouted
        | Wrong::Inbox { .. }
        | Wrong::Part { .. }
        | Wrong::Withheld
        | Wrong::Checkpoint(_)
        | Wrong::Shrunk { .. }
        | Wrong::Contradiction { .. }
        | Wrong::Root { .. }
        | Wrong::Altered { .. } => true,
        Wrong::Record(_)
        | Wrong::Genesis(_)
        | Wrong::Invalid(_)
        | Wrong::Misplaced(_)
        | Wrong::Seen { .. } => false,
    }
}
